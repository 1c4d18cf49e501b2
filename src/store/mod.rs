//! Local state: keys to dense ids, window panes.

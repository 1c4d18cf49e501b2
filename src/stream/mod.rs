//! The stream engine: a pure function of records, state and time.

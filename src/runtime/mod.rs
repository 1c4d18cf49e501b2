//! The loops of `run`.

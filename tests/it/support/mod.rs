//! What tests share.

pub(crate) mod commands;
pub(crate) mod stream;

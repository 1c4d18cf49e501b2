//! What tests share.

pub(crate) mod stream;

//! What tests share.

pub(crate) mod averages;
pub(crate) mod commands;
pub(crate) mod json_lines;
pub(crate) mod stream;
pub(crate) mod window_model;
pub(crate) mod world;

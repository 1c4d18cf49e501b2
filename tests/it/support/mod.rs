//! What tests share.

pub(crate) mod averages;
pub(crate) mod chance;
pub(crate) mod commands;
pub(crate) mod expected;
pub(crate) mod json_lines;
pub(crate) mod stream;
pub(crate) mod window_model;
pub(crate) mod world;

/// The number that an environment variable has, or `default`.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

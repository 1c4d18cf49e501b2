//! Integration tests, one binary.

// The sources themselves: who uses whom, what a pure module may say, sizes, dead files.
mod tidy;

//! Integration tests, one binary.

// Apache Kafka in a container.
mod containers;
// The sources themselves: who uses whom, what a pure module may say, sizes, dead files.
mod tidy;

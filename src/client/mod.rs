//! The only module with Kafka sockets.

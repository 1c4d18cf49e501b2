//! What a broker is started with.

use std::path::PathBuf;

/// What a broker is started with. The default is what `tidemill broker --port 0` gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerConfig {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The schema registry's port on 127.0.0.1, 0 for a free one; `None` starts no registry.
    pub registry_port: Option<u16>,
    /// Where topics are kept; `None` keeps them in memory.
    pub data_dir: Option<PathBuf>,
    /// Whether a topic that a client asks for is made where the client says so
    /// (`auto.create.topics.enable`, which is true in Apache Kafka).
    pub creates_topics: bool,
    /// The partitions of a topic whose maker does not say (`num.partitions`).
    pub partitions: i32,
    /// How long the first rebalance of a group waits for more members, in milliseconds
    /// (`group.initial.rebalance.delay.ms`, which is 3,000 in Apache Kafka).
    pub initial_rebalance_delay_ms: u32,
    /// The longest request that is read, in bytes (`socket.request.max.bytes`); a connection that
    /// announces a longer one is closed.
    pub request_bytes_max: usize,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            port: 0,
            registry_port: None,
            data_dir: None,
            creates_topics: false,
            partitions: 1,
            initial_rebalance_delay_ms: 0,
            request_bytes_max: 100 << 20,
        }
    }
}

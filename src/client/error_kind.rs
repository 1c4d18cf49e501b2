//! What an error means to whoever asked: the classes that exit codes are made from.

/// The class of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No broker, or no registry, could be reached.
    NotReachable,
    /// Authentication or authorisation was refused.
    Refused,
    /// The settings or the request cannot be used.
    Usage,
    /// Bytes from a peer, or in a topic, are not what they should be.
    Data,
    /// A deadline passed although the peer was reached.
    Deadline,
    /// All else.
    Failed,
}

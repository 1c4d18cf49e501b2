//! Consumer groups: who reads which partitions, and how a member learns it.
//!
//! Everything here is a plain function of what it is given: [`assignor`] shares partitions out among
//! members.
//!
//! Deliberately absent: racks. Partitions are shared out as if members named none (KIP-881).

pub mod assignor;

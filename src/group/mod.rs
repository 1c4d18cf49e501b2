//! Consumer groups: who reads which partitions, and how a member learns it.
//!
//! Everything here is a plain function of what it is given: [`assignor`] shares partitions out among
//! members and [`placement`] a pipeline's tasks among its instances, [`membership`] is one member of
//! a classic group as a state machine, and [`positions`] knows what may be committed. What comes in
//! are answers, times and wishes; what comes out are requests to send and partitions to take up or
//! give up. Sending is the runtime's.
//!
//! Deliberately absent: racks. Partitions are shared out as if members named none (KIP-881).

pub mod assignor;
pub mod membership;
pub mod placement;
pub mod positions;

//! What is believed about the servers: labels and the servers' own word, fused into one immutable snapshot.
//!
//! ```text
//!   pods or a static list ──► Endpoint ──┐
//!                                        ├──► Fusion ──► Topology (snapshot), Change (for logs), whom to probe now
//!   Inquiry (SQL) ──► ProbeOutcome ──────┘
//! ```
//!
//! A label is intent, the server's own state is truth. A server receives writes only when nothing contradicts it *and*
//! the server itself says that it is writable.

mod change;
mod distance;
mod election;
mod endpoint;
mod facts;
mod fusion;
mod inquiry;
pub mod inventory;
mod offer;
mod snapshot;
mod verdict;

#[cfg(test)]
mod inquiry_tests;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

pub use change::Change;
pub use endpoint::{Endpoint, EndpointKey, Label, RoleEpoch};
pub use facts::{
    Galera, GroupReplication, GroupView, Identity, MemberState, ProbeOutcome, ReplicaStatus, Replication, ServerFacts,
    ThreadState,
};
pub use fusion::{AbsentLabel, Fusion, Report, ServerReport, Settings, Step};
pub use inquiry::{Answer, Denied, Inquiry, Rows};
pub use snapshot::{Address, Offer, Primary, Role, Server, ServerId, Topology};

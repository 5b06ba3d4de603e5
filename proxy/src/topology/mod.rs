//! What is believed about the servers, kept up to date on a thread of its own.
//!
//! ```text
//!   fixed list │ kubernetes (watch ──► Index) ──► endpoints ──┐
//!   prober: a task and a login for each server ──► outcomes ──┼──► Task (Fusion) ──► TopologyHandle (arc-swap)
//!   sessions: report(server, error) ─────────────────────────┘
//! ```

mod catalogue;
mod handle;
mod index;
mod kubernetes;
mod login;
mod pod;
mod positions;
mod probe;
mod prober;
mod source;
mod task;
mod thread;

#[cfg(test)]
mod tests;

pub use handle::{Observed, ServerError, TopologyHandle, TopologyPublisher};
pub use index::{Index, PodEntry};
pub use kubernetes::KubernetesOptions;
pub use login::Monitor;
pub use pod::RoleLabel;
pub use positions::Positions;
pub use prober::Pace;
pub use source::{Source, SourceHealth};
pub use task::TopologyOptions;
pub use thread::{Controls, TopologyThread};

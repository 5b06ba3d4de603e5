//! Load generator, yardstick relay, comparison runs and the demonstration.
//!
//! ```text
//!   load ──TCP──► server          (direct)
//!   load ──TCP──► relay ──► server (the yardstick)
//!   load ──TCP──► rolecall ──► servers
//! ```
//!
//! Everything reaches the proxy over TCP, like any client.

pub mod client;
pub mod cluster;
pub mod command;
pub mod compare;
pub mod demo;
pub mod interrupt;
pub mod load;
pub mod process;
pub mod relay;
pub mod workload;

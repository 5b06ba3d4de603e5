//! What is believed about the servers, kept up to date.

mod handle;

pub use handle::{ServerError, TopologyHandle, TopologyPublisher};

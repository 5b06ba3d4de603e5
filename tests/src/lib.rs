//! Harness for tests against real servers.
//!
//! ```text
//!   Stage (one per flavour and process)
//!     ReplicaSet: primary, two replicas ── Server (a process that ends with this one)
//!     Proxy: the `rolecall` binary in front of them
//!   Trial: one case, run by a raw::Client straight at the primary and through the proxy; the packets are compared
//! ```
//!
//! `tests/setup/environment` says where the servers are. Nothing here is fit for use outside tests: it panics where
//! something is not as a test needs it.

pub mod raw;

pub mod black_hole;
mod counters;
mod environment;
mod figure;
mod flavour;
mod known;
mod kubernetes;
mod latency;
mod long;
pub mod middle_box;
mod patience;
mod ports;
mod process;
mod proxy;
mod replica_set;
mod server;
mod stage;
mod transcript;
mod trial;

pub use counters::{Counters, StatementCounts};
pub use environment::{kubernetes_program, server_program, tests_folder};
pub use figure::tell;
pub use flavour::Flavour;
pub use known::judge;
pub use kubernetes::{Kubernetes, NAMESPACE};
pub use latency::latencies;
pub use long::short_or_full;
pub use patience::{wait_until, wait_within};
pub use ports::free_port;
pub use process::GuardedProcess;
pub use proxy::{Memory, Proxy, ProxyOptions, binary};
pub use replica_set::ReplicaSet;
pub use server::{Server, ServerOptions};
pub use stage::Stage;
pub use transcript::{Event, Transcript};
pub use trial::{Run, Trial, without_host};

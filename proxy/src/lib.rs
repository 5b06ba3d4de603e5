//! The library behind the `rolecall` binary: sockets, clocks, randomness and Kubernetes live here and only here.
pub mod accounts;
pub mod admission;
pub mod backend;
pub mod buffer;
pub mod client;
pub mod config;
pub mod crypto;
pub mod exchange;
pub mod net;
pub mod registry;
pub mod session;
pub mod shared;
pub mod tls;
pub mod topology;
pub mod transport;
pub mod worker;

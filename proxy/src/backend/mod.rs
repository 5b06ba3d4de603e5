//! Connections to servers.

mod connect;
mod connection;
mod outages;
mod query;

pub use connect::{ConnectError, Connector, Identity};
pub use connection::{BackendStatement, ByStatement, Connection};
pub use outages::Outages;
pub use query::{QueryError, Row, TextResult};

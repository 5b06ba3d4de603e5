//! Connections to servers.

mod connect;
mod connection;
mod outages;
mod query;
mod send;
mod statements;

pub use connect::{ConnectError, Connector, Identity};
pub use connection::Connection;
pub use outages::Outages;
pub use query::{Column, QueryError, Row, TextResult, wait_answer};
pub use statements::{BackendStatement, StatementContext, StatementKey, StatementText, StatementTexts, Statements};

//! Routing decisions for MySQL sessions: pure functions over values, without IO, clocks or locks.
//!
//! ```text
//!   statement text ──► sql::classify ──► Statement ─┐
//!   labels, probes ──► topology::fuse ──► Topology ─┼──► decide ──► Decision { action, why }
//!   replies        ──► session::observe ► Session  ─┘
//! ```

pub mod balance;
pub mod catalogue;
pub mod command;
pub mod consistency;
pub mod decide;
pub mod health;
pub mod refusal;
pub mod session;
pub mod sql;
pub mod topology;

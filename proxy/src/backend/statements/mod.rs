//! Prepared statements that outlive the sessions which prepared them.
//!
//! A statement is the same for every session that prepares the same text in the same schema and under the same variables
//! ([`StatementKey`]). A connection keeps what its sessions have prepared ([`Statements`]), so that the next one which has the
//! same statement costs no new COM_STMT_PREPARE.

mod known;
mod text;

#[cfg(test)]
mod tests;

pub use known::{BackendStatement, Statements};
pub use text::{StatementContext, StatementKey, StatementText, StatementTexts};

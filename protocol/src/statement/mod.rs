//! Statements on the wire: COM_QUERY with its attributes, and the prepared-statement commands.
//!
//! What is read here is borrowed and checked, never interpreted: a proxy needs to know where the SQL text begins, which
//! statement a command names and where its parameter types stand, not what the values say.
//!
//! Source: MySQL Source Code Documentation, "Command Phase" and "Prepared Statements".

mod bulk;
mod commands;
mod execute;
mod parameters;
mod prepare_ok;
mod query;

pub use bulk::BulkRequest;
pub use commands::{FetchRequest, LongDataRequest, StatementId, read_statement_id, rewrite_statement_id};
pub use execute::{ExecuteFlags, ExecuteRequest};
pub use prepare_ok::PrepareOk;
pub use query::{QueryRequest, put_query};

//! What a statement does, told from its text as the server would read it.

mod classify;
mod lexing;
mod statement;

pub use classify::{Kill, KillTarget, bare_connection_id, classify, kill};
pub use lexing::{ClientCharset, Flavour, Lexing, ServerVersion, SqlMode};
pub use statement::{Access, Effects, Hint, Statement, Verb, Why};

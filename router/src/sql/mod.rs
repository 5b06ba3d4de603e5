//! What a statement does, told from its text as the server would read it.

mod answers;
mod byte;
#[cfg(feature = "cases")]
pub mod cases;
mod classify;
mod comment;
mod function;
mod keyword;
mod lexing;
mod literal;
mod multibyte;
mod redacted;
mod shape;
mod statement;
mod token;
mod variable;
mod verdicts;
mod word_index;

pub use answers::{Answers, CONDITIONS_QUESTION, Condition, Conditions};
pub use classify::{
    Answered, HeldChange, Kill, KillTarget, NamedCollation, OwnVariableUse, QuestionForm, TableName, answered,
    assigned_integers, bare_connection_id, classify, executed_name, held_change, is_alter_or_rename, kill,
    names_collation, own_variable, user_variable_name, user_variables,
};
pub use keyword::Keyword;
pub use lexing::{ClientCharset, Flavour, Lexing, ServerVersion, SqlMode};
pub use redacted::redacted;
pub use statement::{Access, Effects, Hint, Statement, Verb, Why};
pub use token::{Findings, Kind, Token, Tokens};
pub use variable::FLAGS_MARIADB;
pub use variable::OwnVariable;
pub(crate) use variable::{RECORDERS, is_flag};
pub use verdicts::Verdicts;

pub(crate) use classify::{
    body_is_harmless, names_leaving_table, system_schema, trigger_leaves_nothing, view_is_harmless,
};

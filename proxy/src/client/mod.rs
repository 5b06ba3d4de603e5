//! The connection phase with a client.

mod authenticate;
mod login;
mod prove;

pub use authenticate::authenticate;
pub use login::{Authenticated, LoginEnd, account_text, log_in};
pub use prove::{ProveError, prove};

//! The connection phase with a client.

mod authenticate;
mod claim;
mod greeting;
mod login;
mod prove;
mod refusals;
mod refuse;

pub use authenticate::authenticate;
pub use claim::Claim;
pub use greeting::first_plugin;
pub use login::{Authenticated, LoginEnd, log_in};
pub use prove::{ProveError, prove};
pub use refusals::Refusals;
pub use refuse::refuse;

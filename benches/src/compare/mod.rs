//! Several targets measured in one run: their rounds take turns, so that what the machine does beside hits all alike.

mod interleave;
mod machine;
mod page;
mod pin;
pub mod proxy;
mod report;
mod run;

pub use interleave::{Target, interleave};
pub use machine::Machine;
pub use page::{RESULT_GOAL, STATEMENT_GOAL};
pub use pin::pin;
pub use report::{Case, Report};
pub use run::{Options, run};

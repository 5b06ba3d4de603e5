//! Several targets measured in one run: their rounds take turns, so that what the machine does beside hits all alike.

mod bench_set;
mod congestion;
mod idle;
mod instructions;
mod interleave;
mod machine;
mod page;
mod pin;
pub mod proxy;
mod report;
mod run;
mod syscalls;

pub use bench_set::{BenchSet, primary_and_replica};
pub use idle::{Idle, idle};
pub use instructions::{Instructions, Script, instructions};
pub use interleave::{Target, interleave};
pub use machine::Machine;
pub use page::{MEMORY_GOAL, RESULT_GOAL, STATEMENT_GOAL};
pub use pin::pin;
pub use report::{Case, Report};
pub use run::{Options, raise_file_limit, run};
pub use syscalls::{SystemCalls, system_calls};

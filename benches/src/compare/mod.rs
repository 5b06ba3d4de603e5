//! Several targets measured in one run: their rounds take turns, so that what the machine does beside hits all alike.

mod interleave;

pub use interleave::{Target, interleave};

//! Reads that see what their session wrote and read before (traps F1 to F10), on replicas that are held back.

#[path = "consistency/field.rs"]
mod field;
#[path = "consistency/guarantees.rs"]
mod guarantees;
#[path = "consistency/lag.rs"]
mod lag;
#[path = "consistency/levels.rs"]
mod levels;
#[path = "consistency/monotonic.rs"]
mod monotonic;
#[path = "consistency/tokens.rs"]
mod tokens;
#[path = "consistency/writes.rs"]
mod writes;

//! The proxy as a process: its end, its limits, its memory, its configuration while it runs.

#[path = "operation/black_hole.rs"]
mod black_hole;
#[path = "operation/constant.rs"]
mod constant;
#[path = "operation/crowds.rs"]
mod crowds;
#[path = "operation/endings.rs"]
mod endings;
#[path = "operation/front.rs"]
mod front;
#[path = "operation/holds.rs"]
mod holds;
#[path = "operation/idle.rs"]
mod idle;
#[path = "operation/limits.rs"]
mod limits;
#[path = "operation/logs.rs"]
mod logs;
#[path = "operation/memory.rs"]
mod memory;
#[path = "operation/names.rs"]
mod names;
#[path = "operation/probes.rs"]
mod probes;
#[path = "operation/reload.rs"]
mod reload;
#[path = "operation/replication.rs"]
mod replication;
#[path = "operation/shutdown.rs"]
mod shutdown;

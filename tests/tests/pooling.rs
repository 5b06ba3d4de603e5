//! Server connections that sessions share, on real servers: what they must not notice, and what they share them for.

#[path = "pooling/answers.rs"]
mod answers;
#[path = "pooling/crowd.rs"]
mod crowd;
#[path = "pooling/diagnostics.rs"]
mod diagnostics;
#[path = "pooling/items.rs"]
mod items;
#[path = "pooling/last.rs"]
mod last;
#[path = "pooling/leaks.rs"]
mod leaks;
#[path = "pooling/lives.rs"]
mod lives;
#[path = "pooling/observer.rs"]
mod observer;
#[path = "pooling/pool.rs"]
mod pool;
#[path = "pooling/prepared.rs"]
mod prepared;
#[path = "pooling/sharing.rs"]
mod sharing;
#[path = "pooling/statement_limits.rs"]
mod statement_limits;
#[path = "pooling/statements.rs"]
mod statements;
#[path = "pooling/timeouts.rs"]
mod timeouts;
#[path = "pooling/triggers.rs"]
mod triggers;
#[path = "pooling/user_variables.rs"]
mod user_variables;
#[path = "pooling/users.rs"]
mod users;
#[path = "pooling/waiting.rs"]
mod waiting;
#[path = "pooling/warm.rs"]
mod warm;

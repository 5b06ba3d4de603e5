//! Reads that see what their session wrote and read before, on replicas that lag.
//!
//! ```text
//!   OK packets, ends of reads ──► Causality ──► needs() ──► Requirement ─┐
//!   probes: Bounds ──► Progress (one per server, an Arc) ────────────────┼──► Admission: admit | wait | ask | refuse
//!                          └──► Marks, Lag: too late to serve anybody? ──┘
//! ```
//!
//! # The rule
//! 1. What the session wrote is known by its GTIDs (OWN_GTID, `last_gtid`). A replica serves it once it has executed them.
//! 2. A write whose GTIDs are not known, and a read on the primary, leave a debt to the *primary*: before a read goes to a
//!    replica, the primary is asked for its [`Bounds`], and the upper one is added to what the session needs.
//! 3. A read on replica A leaves a debt to *A*. The next read stays on A, without a question. It goes to another replica
//!    only after A (or the primary) has answered a question that was sent after the read had ended: a question of the
//!    session's own, or a probe with a later time; and only to one that has executed the upper bound of that answer.
//! 4. What is needed besides (a later write, a token) is needed on A, too.
//!
//! # Why it holds
//! Let V(s,t) be the transactions that a read at server s sees at time t. Assumed: (a) V(s,t) never shrinks while s lives;
//! (b) an answer of s to a question sent at t has V(s,t) ⊆ visible, and executed ⊆ V(s,u) for every u after the answer
//! ([`Bounds`] says why); (c) every transaction had its number at the primary before any other server had it, so that
//! V(r,t) ⊆ visible for a question to the primary at t or later, too; (d) V(r,t) ⊆ V(primary,t), see below.
//!
//! Kept at all times: everything that the session has written or seen is in `floor`, or was visible at the debt's server
//! (for a debt to the primary: there or at a replica) at the debt's time. A tracked write adds to `floor`. A read on A at
//! t, with no debt or one to A, makes a debt to A at t: what was owed before is in V(A,t), by (a). Anything else makes a
//! debt to the primary, which holds for every server, by (c). An answer moves the debt into `floor`, by (b) and (c).
//!
//! So a read that is admitted at replica r at t sees everything: either there is no debt and floor ⊆ executed ⊆ V(r,t); or
//! r is the debt's server A, which shows what it owed by (a), and `floor` was checked, or has not grown since A had it. At
//! the primary: its own writes and what it showed by (a), what replicas showed by (d). Read-your-writes and monotonic
//! reads are this; writes follow reads, because the primary numbers a write after all that its session saw (a token or a
//! failover can break that: [`Causality::needs_at_primary`]).
//!
//! (d) fails where the primary waits between sending a transaction and committing it (semi-synchronous, AFTER_SYNC).
//! [`Causality::new`] can be told; then reads go from replicas to the primary by question and wait only.
//!
//! What is *not* promised:
//! - A write whose connection broke in mid-statement may be committed after the primary was asked.
//! - `sql_log_bin=0` and filtered tables never reach replicas. Tables without transactions (MyISAM) and READ UNCOMMITTED
//!   show what has no number yet, against (b). Reads at `eventual` count for nothing.
//! - A server that comes back with less than it had (a crash without durable binlog) breaks (a):
//!   [`Causality::replica_restarted`], [`Causality::primary_changed`], and its [`Progress`] is dropped.
//! - Group Replication numbers a transaction on each member for itself, when it is certified: a member may show it before
//!   the primary owns the number, against (c) and (d), for as long as the primary takes to commit it. There
//!   `group_replication_consistency=AFTER`, or BEFORE on the readers, closes the gap.
//! - Galera without `wsrep_gtid_mode`, and servers without GTIDs, have no positions: after a write such a session reads
//!   from the primary.
//!
//! # How others do it
//! - ProxySQL keeps every server's executed set through a binlog reader beside it and routes a read to a server that has
//!   the session's *last* GTID; reads leave no trace, so two replicas may go back in time.
//!   <https://proxysql.com/documentation/mysql-binlog-reader/>
//! - MaxScale's `causal_reads`: `local` puts MASTER_GTID_WAIT before a session's reads and retries on the primary,
//!   `fast` picks a replica that is known to be there, `global` shares one position, `universal` asks the primary before
//!   each read (our `global`). <https://mariadb.com/docs/maxscale/reference/maxscale-routers/maxscale-readwritesplit>
//! - Group Replication's `group_replication_consistency=BEFORE` waits in the server; it composes with all of this.

mod board;
mod causality;
pub mod gtid;
mod lag;
mod level;
mod mariadb;
mod marks;
mod position;
mod progress;
mod requirement;
mod token;
mod trace;
mod wait;

#[cfg(test)]
mod causality_tests;
#[cfg(test)]
mod lag_tests;
#[cfg(test)]
mod position_tests;
#[cfg(test)]
mod simulation;

pub use board::Board;
pub use causality::Causality;
pub use gtid::{GtidError, GtidSet};
pub use lag::{Lag, LagLimits, LagReason, LagSample};
pub use level::{Consistency, UnknownConsistency};
pub use mariadb::{MariadbGtid, MariadbGtidError, MariadbPosition};
pub use marks::Marks;
pub use position::{Position, PositionError, Unjoinable};
pub use progress::{Bounds, Progress};
pub use requirement::{Admission, Requirement};
pub use token::{CausalToken, TokenError};
pub use trace::{Ended, Trace};
pub use wait::{WaitAnswer, WaitForm};

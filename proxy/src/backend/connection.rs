//! One server connection that has logged in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use rolecall_protocol::handshake::Established;
use rolecall_protocol::{Capabilities, MariadbCapabilities, StatusFlags};
use rolecall_router::session::{Prefix, Variables, View};
use rolecall_router::topology::Server;

use crate::buffer::Buffer;
use crate::clock::Clock;
use crate::monotonic;
use crate::pool::Permit;
use crate::transport::Transport;

use super::Statements;

/// One server connection that has logged in.
#[derive(Debug)]
pub struct Connection {
    /// Where it leads.
    pub server: Arc<Server>,
    /// Its byte stream.
    pub transport: Transport,
    /// What holds on it.
    pub capabilities: Capabilities,
    /// What holds on it, MariaDB's.
    pub mariadb: MariadbCapabilities,
    /// The server's own connection id.
    pub thread_id: u32,
    /// Status after the login.
    pub status: StatusFlags,
    /// Whether trackers are set on it.
    pub is_tracked: bool,
    /// Whether COM_RESET_CONNECTION was the last thing that ran on it.
    pub is_reset: bool,
    /// What it has been told of its session.
    pub view: View,
    /// Prepared statements that the server has here.
    pub statements: Statements,
    /// Whether a statement runs here.
    pub outstanding: Outstanding,
    /// Its place within the server's limit.
    pub permit: Option<Permit>,
    /// The variables of a login like its own; None: it is not to be shared.
    pub baseline: Option<Arc<Variables>>,
    /// sql_select_limit may be something here that the view does not show: a login's, or a reset's.
    pub may_limit_rows: bool,
    /// When it is replaced, in nanoseconds of [`crate::monotonic`].
    pub old_at: u64,
    /// Another session has used it, and left what it set.
    pub is_used: bool,
    /// Commands that go in the next statement's own write, in front of it: the view counts them as accepted.
    pub ahead: Vec<Prefix>,
    /// Asks the server, behind these, to wait until it has what the statement behind it must show.
    pub waits_ahead: bool,
    /// Bytes that came behind the answers to these.
    pub read_ahead: Option<Buffer>,
    /// A command in front of a statement was refused here: what it did before that nobody is sure of, and no other session may
    /// have the connection.
    pub is_spoilt: bool,
    /// The last statement may have left conditions here, which on MariaDB outlive statements without tables.
    pub has_conditions: bool,
    /// A write ran here on MariaDB, whose trackers do not tell of user variables that triggers set.
    pub may_have_variables: bool,
    /// When it was last seen to answer, about, in nanoseconds of [`crate::monotonic`].
    pub quiet_since: u64,
}

/// A connection that was quiet for longer is asked whether it is still there before it serves another session. HikariCP asks
/// after half a second, PgBouncer after 30 s; ProxySQL asks all the time. A round trip after a second without any costs
/// nobody anything, and what has gone without a word (a firewall, a failed node) is found before a statement is lost in it.
const QUIET: Duration = Duration::from_secs(1);
/// How long it has for the answer.
const ANSWER: Duration = Duration::from_secs(2);

impl Connection {
    pub(super) fn new(server: Arc<Server>, transport: Transport, established: Established, schema: Vec<u8>) -> Self {
        Self {
            outstanding: Outstanding::new(Arc::clone(&server.outstanding)),
            server,
            transport,
            capabilities: established.capabilities,
            mariadb: established.mariadb,
            thread_id: established.greeting.connection_id,
            status: established.ok.status,
            is_tracked: false,
            is_reset: false,
            view: View { schema, ..View::default() },
            statements: Statements::default(),
            permit: None,
            baseline: None,
            may_limit_rows: true,
            old_at: u64::MAX,
            is_used: false,
            ahead: Vec::new(),
            waits_ahead: false,
            read_ahead: None,
            is_spoilt: false,
            has_conditions: false,
            may_have_variables: false,
            quiet_since: monotonic::nanoseconds(),
        }
    }

    /// Whether column counts are followed by a metadata flag.
    #[must_use]
    pub const fn has_metadata_flag(&self) -> bool {
        self.capabilities.contains(Capabilities::OPTIONAL_RESULTSET_METADATA)
            || self.mariadb.contains(MariadbCapabilities::CACHE_METADATA)
    }

    /// COM_RESET_CONNECTION ran: trackers are off, and nothing is left but the schema and the option state.
    pub fn forget_session(&mut self) {
        self.is_tracked = false;
        self.is_reset = true;
        self.statements.forget();
        self.view.variables.clear();
        self.view.user_variables.clear();
        self.view.client_tracks = false;
        self.view.insert_id = Some(0);
        self.view.revision = 0;
    }

    /// Whether it has lived for as long as it may.
    #[must_use]
    pub fn is_old(&self) -> bool {
        monotonic::nanoseconds() >= self.old_at
    }

    /// Its session gives it up, in a clean state; another one is to have it.
    pub fn leave_session(&mut self) {
        self.is_used = true;
        self.is_reset = false;
        self.view.revision = View::NOBODYS;
    }

    /// [`Self::is_stale`] by the operating system's word, which may be ahead of the event loop's: for a connection that changes
    /// hands. Costs a system call.
    pub fn is_gone(&mut self) -> bool {
        self.is_stale() || self.transport.stream().has_news()
    }

    /// Whether it still leads to its server: asked where it was quiet for longer than a second. Otherwise do not use it any more.
    pub async fn is_there(&mut self, clock: &Clock) -> bool {
        if monotonic::nanoseconds().saturating_sub(self.quiet_since) < QUIET.as_nanos() as u64 {
            return true;
        }
        matches!(clock.timeout(ANSWER, self.ping()).await, Ok(Ok(_)))
    }

    /// Whether the server has said something, or hung up, while nothing was asked: then the connection is not usable
    /// (traps E18, X8: an unasked ERR is the end of the connection, not the answer to the next command).
    pub fn is_stale(&mut self) -> bool {
        // Nobody is to be woken: only what is there now counts. A read that filled its buffer leaves the socket marked as
        // readable, so that only another read tells.
        let mut now = Context::from_waker(Waker::noop());
        self.transport.poll_read_ready(&mut now).is_ready()
            && self.transport.poll_fill(&mut now, &mut Buffer::borrow()).is_ready()
    }
}

/// Whether a statement runs on a connection, for the choice of replicas. A type of its own, so that a connection that is
/// dropped in the middle of a statement is not counted for ever.
#[derive(Debug)]
pub struct Outstanding {
    count: Arc<AtomicU32>,
    is_counted: bool,
}

impl Outstanding {
    const fn new(count: Arc<AtomicU32>) -> Self {
        Self { count, is_counted: false }
    }

    /// A statement begins.
    pub fn begin(&mut self) {
        if !std::mem::replace(&mut self.is_counted, true) {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// It is over.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.is_counted) {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Outstanding {
    fn drop(&mut self) {
        self.end();
    }
}

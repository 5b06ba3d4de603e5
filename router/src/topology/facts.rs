//! What a server says of itself.

use std::time::Duration;

use rolecall_protocol::{Capabilities, MariadbCapabilities};

use crate::sql::{Flavour, ServerVersion};

/// What a server's greeting tells before any login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// MySQL or MariaDB.
    pub flavour: Flavour,
    /// The version text of the greeting, as it came.
    pub version_text: Vec<u8>,
    /// The version.
    pub version: ServerVersion,
    /// Capabilities that the server offers.
    pub capabilities: Capabilities,
    /// MariaDB capabilities that the server offers.
    pub mariadb: MariadbCapabilities,
    /// The default collation's id, low byte.
    pub collation: u8,
}

/// A server's state, read over a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFacts {
    /// From the greeting.
    pub identity: Identity,
    /// `@@server_uuid`; MariaDB has none.
    pub uuid: Option<String>,
    /// `@@read_only`.
    pub read_only: bool,
    /// `@@super_read_only`; false in MariaDB.
    pub super_read_only: bool,
    /// `@@offline_mode`; false in MariaDB.
    pub offline_mode: bool,
    /// How it replicates, as far as the account may see it.
    pub replication: Replication,
    /// `@@gtid_executed`, or MariaDB's `@@gtid_current_pos`.
    pub gtid_executed: Option<String>,
    /// How far it is behind its source; None where that is not known.
    pub lag: Option<Duration>,
    /// `@@global.sql_mode`.
    pub sql_mode: Vec<u8>,
    /// What the account was not allowed to see: the privilege, and what for.
    pub missing: Vec<String>,
}

/// How a server replicates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replication {
    /// The account may not ask.
    Unseen,
    /// Asynchronous or semi-synchronous; None: it replicates from nobody.
    Async(Option<ReplicaStatus>),
    /// A member of a replication group, or a server that should be one.
    GroupReplication(GroupReplication),
    /// A node of a Galera cluster.
    Galera(Galera),
}

/// The state of a replica's channels; the worst one counts where there are several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// The receiver (IO) thread.
    pub receiver: ThreadState,
    /// The applier (SQL) thread.
    pub applier: ThreadState,
    /// The source's `server_uuid`, where it is known.
    pub source_uuid: Option<String>,
}

/// A replication thread's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ThreadState {
    /// Running.
    Running,
    /// Running, but without a connection to the source.
    Connecting,
    /// Stopped, by hand or by an error.
    Stopped,
}

/// What a member says about its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupReplication {
    /// `group_replication_group_name`.
    pub group: String,
    /// The member's own state.
    pub state: MemberState,
    /// The member's own role is PRIMARY.
    pub primary: bool,
    /// More than half of the members of its view are reachable: an expelled member still believes itself ONLINE.
    pub quorate: bool,
    /// The view that the member has installed.
    pub view: Option<GroupView>,
}

/// `replication_group_members.MEMBER_STATE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberState {
    /// ONLINE
    Online,
    /// RECOVERING
    Recovering,
    /// UNREACHABLE
    Unreachable,
    /// OFFLINE
    Offline,
    /// ERROR, and whatever later servers may invent.
    Error,
}

/// A group's view id, `incarnation:number`; the number grows with each change of the membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupView {
    /// Fixed when the group is bootstrapped.
    pub incarnation: String,
    /// The view's number.
    pub number: u64,
}

/// A Galera node's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Galera {
    /// `wsrep_cluster_state_uuid`
    pub cluster: String,
    /// `wsrep_ready`
    pub ready: bool,
    /// `wsrep_cluster_status` is Primary: the component has quorum.
    pub primary_component: bool,
    /// `wsrep_local_state`; 4 is Synced.
    pub local_state: u32,
    /// `wsrep_reject_queries` is not NONE.
    pub rejects_queries: bool,
    /// `pxc_maint_mode` is not DISABLED.
    pub maintenance: bool,
}

/// How one probe ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeOutcome {
    /// Its whole answer.
    Facts(Box<ServerFacts>),
    /// It greeted, but there is no account to ask with, or it was refused: alive, role unknown.
    Greeted {
        /// What the greeting told.
        identity: Box<Identity>,
        /// Why nothing more is known.
        reason: String,
    },
    /// No answer in time, or no connection; the error for people.
    Failed(String),
}

impl GroupView {
    /// Reads a view id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (incarnation, number) = text.rsplit_once(':')?;
        Some(Self { incarnation: incarnation.into(), number: number.parse().ok()? })
    }

    /// Whether `self` is an older view of the same group's life than `other`.
    #[must_use]
    pub fn is_older_than(&self, other: &Self) -> bool {
        self.incarnation == other.incarnation && self.number < other.number
    }
}

impl MemberState {
    /// From the column's text.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "ONLINE" => Self::Online,
            "RECOVERING" => Self::Recovering,
            "UNREACHABLE" => Self::Unreachable,
            "OFFLINE" => Self::Offline,
            _ => Self::Error,
        }
    }
}

impl ThreadState {
    /// From `Replica_IO_Running` or `Replica_SQL_Running`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "Yes" => Self::Running,
            "Connecting" | "Preparing" => Self::Connecting,
            _ => Self::Stopped,
        }
    }
}

impl Identity {
    /// Flavour and version from a greeting's version text. MariaDB before 11 puts `5.5.5-` in front of its own.
    #[must_use]
    pub fn version_of(text: &[u8]) -> (Flavour, ServerVersion) {
        let is_mariadb = text.windows(7).any(|part| part.eq_ignore_ascii_case(b"mariadb"));
        let (flavour, text) = if is_mariadb {
            (Flavour::Mariadb, text.strip_prefix(b"5.5.5-").unwrap_or(text))
        } else {
            (Flavour::Mysql, text)
        };
        let mut numbers = text.split(|byte| *byte == b'.').map(leading_number);
        let mut next = || numbers.next().unwrap_or(0);
        let version = next().saturating_mul(10_000) + next().min(99) * 100 + next().min(99);
        (flavour, ServerVersion(version))
    }
}

/// The number at the start of `text`, 0 where there is none; at most 9,999.
fn leading_number(text: &[u8]) -> u32 {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0_u32, |number, byte| (number * 10 + u32::from(byte - b'0')).min(9_999))
}

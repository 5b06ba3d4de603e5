//! System variables that need care.

use super::Flavour;

/// What reading a system variable asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// The outcome of the previous statement.
    Previous,
    /// The last insert id.
    LastInsertId,
    /// The connection's id.
    ConnectionId,
    /// Which session-state changes the server reports.
    Trackers,
    /// One that the proxy itself has.
    Own,
    /// A value that may differ from server to server.
    Node,
}

/// A variable that the proxy itself has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnVariable {
    /// `rolecall_consistency`: what the session's reads are promised.
    Consistency,
    /// `rolecall_causal_token`: what the session has seen, to be carried to another one.
    CausalToken,
}

impl OwnVariable {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consistency => "rolecall_consistency",
            Self::CausalToken => "rolecall_causal_token",
        }
    }

    /// From its name, in any case.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        [Self::Consistency, Self::CausalToken]
            .into_iter()
            .find(|variable| name.eq_ignore_ascii_case(variable.name().as_bytes()))
    }
}

/// What reading `@@name` asks for.
pub(super) fn read(name: &[u8]) -> Read {
    const PREVIOUS: [&[u8]; 2] = [b"warning_count", b"error_count"];
    if is_one_of(name, &[b"identity", b"last_insert_id"]) {
        Read::LastInsertId
    } else if is_one_of(name, &PREVIOUS) {
        Read::Previous
    } else if name.eq_ignore_ascii_case(b"pseudo_thread_id") {
        Read::ConnectionId
    } else if is_tracker(name) {
        Read::Trackers
    } else if OwnVariable::from_name(name).is_some() {
        Read::Own
    } else {
        Read::Node
    }
}

/// Whether a variable says which session-state changes servers report: the proxy has set these for its own use.
pub(super) fn is_tracker(name: &[u8]) -> bool {
    const PREFIX: &[u8] = b"session_track_";
    name.get(..PREFIX.len()).is_some_and(|head| head.eq_ignore_ascii_case(PREFIX))
}

/// Whether `name` is a scope, as in `@@global.x`.
pub(super) fn is_scope(name: &[u8]) -> bool {
    is_global(name) || is_session(name)
}

/// A scope that reaches beyond the session.
pub(super) fn is_global(name: &[u8]) -> bool {
    is_one_of(name, &[b"global", b"persist", b"persist_only"])
}

/// The session's scope.
pub(super) fn is_session(name: &[u8]) -> bool {
    is_one_of(name, &[b"session", b"local"])
}

/// What these have recorded stays on the connection, texts of statements among it.
pub(crate) const RECORDERS: [&[u8]; 7] = [
    b"optimizer_trace",
    b"optimizer_trace_features",
    b"optimizer_trace_limit",
    b"optimizer_trace_max_mem_size",
    b"optimizer_trace_offset",
    b"profiling",
    b"profiling_history_size",
];

/// A variable whose change no tracker tells, or whose value is used up by the statements behind it. A session that set
/// one cannot be rebuilt elsewhere.
pub(super) fn is_opaque(name: &[u8]) -> bool {
    const OPAQUE: [&[u8]; 30] = [
        b"sql_log_bin",
        b"gtid_next",
        b"gtid_next_list",
        b"gtid_domain_id",
        b"gtid_seq_no",
        b"server_id",
        b"pseudo_thread_id",
        b"pseudo_slave_mode",
        b"pseudo_replica_mode",
        b"insert_id",
        b"last_insert_id",
        b"identity",
        b"timestamp",
        b"rand_seed1",
        b"rand_seed2",
        b"original_commit_timestamp",
        b"original_server_version",
        b"immediate_server_version",
        b"rbr_exec_mode",
        b"skip_replication",
        b"skip_parallel_replication",
        b"wsrep_on",
        b"wsrep_osu_method",
        b"wsrep_trx_fragment_size",
        b"wsrep_trx_fragment_unit",
        b"debug",
        b"debug_dbug",
        b"debug_sync",
        b"proxy_user",
        b"sql_log_off",
    ];
    // What the client asks to be told is the connection's own.
    is_tracker(name) || is_one_of(name, &OPAQUE) || is_one_of(name, &RECORDERS)
}

/// `SET @@name` (without a scope) of these holds for the next transaction only.
pub(super) fn is_transaction_characteristic(name: &[u8]) -> bool {
    is_one_of(name, &[b"transaction_isolation", b"transaction_read_only", b"tx_isolation", b"tx_read_only"])
}

/// Bits of one word of MariaDB's: once one of them was reported on a connection, each later report is of that first one,
/// whichever was set (measured on 11.8.9, with every variable; 10.11 tells them apart). The others of that word pin by their
/// texts, and autocommit is told by the status.
pub const FLAGS_MARIADB: [&str; 10] = [
    "check_constraint_checks",
    "foreign_key_checks",
    "sql_auto_is_null",
    "sql_big_selects",
    "sql_buffer_result",
    "sql_notes",
    "sql_quote_show_create",
    "sql_safe_updates",
    "sql_warnings",
    "unique_checks",
];

/// Whether a SET of this variable, or a report of it, says that any of [`FLAGS_MARIADB`] may have been set.
pub(crate) fn is_flag(name: &[u8], flavour: Flavour) -> bool {
    flavour == Flavour::Mariadb && FLAGS_MARIADB.iter().any(|flag| name.eq_ignore_ascii_case(flag.as_bytes()))
}

fn is_one_of(name: &[u8], list: &[&[u8]]) -> bool {
    list.iter().any(|known| name.eq_ignore_ascii_case(known))
}

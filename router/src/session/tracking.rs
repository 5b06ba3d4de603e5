//! Which session-state changes the proxy asks servers for, and which of them a client is shown.

use rolecall_protocol::response::{OkHeader, OkPacket};
use rolecall_protocol::session_track::SessionStateChange;
use rolecall_protocol::{Capabilities, StatusFlags};

use crate::sql::{FLAGS_MARIADB, Flavour, RECORDERS};

/// Every name for which `SET SESSION x=@@session.x` works on MySQL 9.7 (sessions.md 2); older versions only warn about
/// names that they do not know.
const TRACKED_MYSQL: &str = include_str!("tracked-mysql.txt");

/// What servers report to a client that changed nothing: the default of session_track_system_variables, on both
/// flavours.
const SHOWN_BY_DEFAULT: [&[u8]; 6] = [
    b"time_zone",
    b"autocommit",
    b"character_set_client",
    b"character_set_results",
    b"character_set_connection",
    b"redirect_url", // MariaDB 11
];

/// Variables whose value is consumed by the next statement, is not settable, or belongs to one server only: they never
/// become part of a difference between sessions. A report of one that is not [`is_harmless`] pins.
const NEVER_REPLAYED: [&[u8]; 19] = [
    b"gtid_next",
    b"identity",
    b"insert_id",
    b"last_insert_id",
    b"last_gtid",
    b"gtid_seq_no",
    b"gtid_domain_id",
    b"server_id",
    b"skip_replication",
    b"original_commit_timestamp",
    b"original_server_version",
    b"immediate_server_version",
    b"pseudo_thread_id",
    b"pseudo_replica_mode",
    b"pseudo_slave_mode",
    b"rand_seed1",
    b"rand_seed2",
    b"sql_log_bin",
    b"timestamp",
];

/// Asks for the values of [`FLAGS_MARIADB`]: one row, whatever sql_select_limit and max_join_size are.
#[must_use]
pub fn flags_question() -> String {
    format!("SELECT @@session.{} LIMIT 1", FLAGS_MARIADB.join(",@@session."))
}

/// The statement that makes a server report what the proxy must know; sent once per connection.
#[must_use]
pub fn tracker_setup(flavour: Flavour) -> String {
    let list = match flavour {
        Flavour::Mysql => TRACKED_MYSQL.lines().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(","),
        // '*' on MariaDB; an unknown name in a list is an error there.
        Flavour::Mariadb => "*".to_owned(),
    };
    // MariaDB names the GTID of a write by the variable last_gtid.
    let gtids = if flavour == Flavour::Mysql { ",session_track_gtids=OWN_GTID" } else { "" };
    format!("SET session_track_system_variables='{list}',session_track_state_change=ON{gtids}")
}

/// The assignments that undo [`tracker_setup`].
pub(super) const TRACKERS_OF_THE_CLIENT: &[u8] =
    b"session_track_system_variables=DEFAULT,session_track_state_change=DEFAULT";

/// Whether a variable can be part of a difference between sessions.
#[must_use]
pub fn is_replayed(name: &[u8]) -> bool {
    !NEVER_REPLAYED.contains(&name) && !RECORDERS.contains(&name) && !name.starts_with(b"session_track_")
}

/// Whether a report of this unreplayed variable says nothing that the session could miss elsewhere.
#[must_use]
pub fn is_harmless(name: &[u8]) -> bool {
    // Facts about the last statement.
    matches!(name, b"last_gtid" | b"last_insert_id" | b"identity")
}

/// What one client is shown of session-state changes: what this server would have sent it.
///
/// A client that reads or sets session_track_* variables gets them as the server has them: the proxy takes its own
/// settings back, and the session is pinned (it needs no differences then). sql_mode, by which the proxy cuts its
/// statements, is followed from then on only where the client tracks it or the status flags tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientTracking {
    /// The trackers are the client's own: it sees everything.
    pub own: bool,
}

impl ClientTracking {
    /// Whether an OK packet reaches a client with these capabilities as the server wrote it.
    #[must_use]
    pub fn passes(self, ok: &OkPacket, client: Capabilities) -> bool {
        if ok.header == OkHeader::Eof && !client.contains(Capabilities::DEPRECATE_EOF) {
            return false;
        }
        if !client.contains(Capabilities::SESSION_TRACK) {
            return !ok.status.contains(StatusFlags::SESSION_STATE_CHANGED);
        }
        // MySQL sets the flag with nothing behind it where a transaction ends and begins at once; whatever the proxy asked
        // for has something behind it.
        self.own || ok.state_changes.is_empty()
    }

    /// Drops the changes that the client did not ask for, and the flag where that leaves none.
    pub fn filter(self, ok: &mut OkPacket) {
        if self.own || ok.state_changes.is_empty() {
            return;
        }
        let mut shown = Vec::new();
        // MySQL sets the flag with nothing behind it where a transaction ends and another begins at once: the one that ended
        // has a GTID. (Rows that are written to a table without transactions have one too, inside a transaction that goes on.)
        let chained = ok.status.contains(StatusFlags::IN_TRANS) && ok.affected_rows == 0;
        let mut sets_flag = false;
        for change in ok.changes().flatten() {
            sets_flag |= chained && matches!(change, SessionStateChange::Gtids(_));
            let visible = match change {
                SessionStateChange::SystemVariable { name, .. } => SHOWN_BY_DEFAULT.contains(&name),
                SessionStateChange::StateChange(_) | SessionStateChange::Gtids(_) => false,
                _ => true,
            };
            if visible {
                change.put(&mut shown);
            }
        }
        ok.status.set(StatusFlags::SESSION_STATE_CHANGED, sets_flag || !shown.is_empty());
        ok.state_changes = shown;
    }
}

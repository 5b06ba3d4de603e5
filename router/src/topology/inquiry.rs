//! The questions that a probe asks, and what the answers mean. A machine without IO: ask `question`, run it, give the
//! result to `answer`, until there is no question left.
//!
//! A plain account may read `@@`-variables and nothing else; what it is refused is named in `ServerFacts::missing` and
//! not asked again with the same [`Denied`].

use std::time::Duration;

use super::{
    Galera, GroupReplication, GroupView, Identity, MemberState, ReplicaStatus, Replication, ServerFacts, ThreadState,
};
use crate::sql::{Flavour, ServerVersion};

/// A result set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rows {
    /// Column names.
    pub columns: Vec<String>,
    /// Values in text form; None is NULL.
    pub rows: Vec<Vec<Option<Vec<u8>>>>,
}

/// How a question ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A result set.
    Rows(Rows),
    /// An ERR packet.
    Refused {
        /// Its error code.
        code: u16,
        /// Its message.
        message: String,
    },
}

/// What an account was refused, so that it is not asked for each second. Start with the default for a new account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Denied {
    group_members: bool,
    replica_status: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Variables,
    GaleraVariables,
    GaleraStatus,
    GroupMembers,
    GroupName,
    ReplicaStatus,
    Done,
}

/// One probe's conversation with one server.
#[derive(Debug)]
pub struct Inquiry {
    stage: Stage,
    denied: Denied,
    facts: ServerFacts,
    members: Vec<Member>,
    galera: Galera,
}

#[derive(Debug)]
struct Member {
    id: String,
    state: MemberState,
    primary: bool,
    view: Option<GroupView>,
}

impl Inquiry {
    /// For a server that has greeted with `identity`, over an account that is known to be refused `denied`.
    #[must_use]
    pub fn new(identity: Identity, denied: Denied) -> Self {
        let facts = ServerFacts {
            identity,
            uuid: None,
            read_only: true,
            super_read_only: false,
            offline_mode: false,
            replication: Replication::Unseen,
            gtid_executed: None,
            lag: None,
            sql_mode: Vec::new(),
            missing: Vec::new(),
        };
        let galera = Galera {
            cluster: String::new(),
            ready: false,
            primary_component: false,
            local_state: 0,
            rejects_queries: false,
            maintenance: false,
        };
        Self { stage: Stage::Variables, denied, facts, members: Vec::new(), galera }
    }

    /// The next statement to run; None: call `finish`.
    #[must_use]
    pub fn question(&self) -> Option<&'static str> {
        let mysql = self.facts.identity.flavour == Flavour::Mysql;
        Some(match self.stage {
            Stage::Variables if mysql => MYSQL_VARIABLES,
            Stage::Variables => MARIADB_VARIABLES,
            Stage::GaleraVariables if mysql => "SELECT @@global.wsrep_reject_queries, @@global.pxc_maint_mode",
            Stage::GaleraVariables => "SELECT @@global.wsrep_reject_queries, 'DISABLED'",
            Stage::GaleraStatus => GALERA_STATUS,
            Stage::GroupMembers => GROUP_MEMBERS,
            Stage::GroupName => "SELECT @@global.group_replication_group_name",
            Stage::ReplicaStatus if !mysql => "SHOW ALL SLAVES STATUS",
            Stage::ReplicaStatus if self.facts.identity.version < SHOW_REPLICA => "SHOW SLAVE STATUS",
            Stage::ReplicaStatus => "SHOW REPLICA STATUS",
            Stage::Done => return None,
        })
    }

    /// Takes the result of `question`. An error ends the probe as failed.
    pub fn answer(&mut self, answer: Answer) -> Result<(), String> {
        let rows = match answer {
            Answer::Rows(rows) => rows,
            Answer::Refused { code, message } => return self.refused(code, &message),
        };
        self.stage = match self.stage {
            Stage::Variables if self.facts.identity.flavour == Flavour::Mysql => self.mysql_variables(&rows)?,
            Stage::Variables => self.mariadb_variables(&rows)?,
            Stage::GaleraVariables => self.galera_variables(&rows)?,
            Stage::GaleraStatus => self.galera_status(&rows),
            Stage::GroupMembers => self.group_members(&rows)?,
            Stage::GroupName => self.group_name(&rows)?,
            Stage::ReplicaStatus => self.replica_status(&rows),
            Stage::Done => return Err("an answer without a question".into()),
        };
        self.skip_denied();
        Ok(())
    }

    /// What was learnt; `denied` for the account's next probe.
    #[must_use]
    pub fn finish(mut self) -> (ServerFacts, Denied) {
        if self.denied.group_members {
            self.facts.missing.push(format!("SELECT on performance_schema.*: {GROUP_UNSEEN}"));
        }
        if self.denied.replica_status {
            let privilege = match self.facts.identity.flavour {
                Flavour::Mysql => "REPLICATION CLIENT",
                Flavour::Mariadb => "REPLICA MONITOR",
            };
            self.facts.missing.push(format!("{privilege}: replication threads and lag"));
        }
        (self.facts, self.denied)
    }

    fn refused(&mut self, code: u16, message: &str) -> Result<(), String> {
        const DENIED: [u16; 5] = [1044, 1142, 1143, 1227, 1370];
        match self.stage {
            Stage::GroupMembers if DENIED.contains(&code) => self.denied.group_members = true,
            Stage::ReplicaStatus if DENIED.contains(&code) => self.denied.replica_status = true,
            _ => return Err(format!("error {code}: {message}")),
        }
        if self.stage == Stage::GroupMembers {
            self.stage = Stage::ReplicaStatus;
        }
        self.skip_denied();
        Ok(())
    }

    fn skip_denied(&mut self) {
        if self.stage == Stage::GroupMembers && self.denied.group_members {
            self.stage = Stage::ReplicaStatus;
        }
        if self.stage == Stage::ReplicaStatus && self.denied.replica_status {
            self.stage = Stage::Done;
        }
    }

    fn mysql_variables(&mut self, rows: &Rows) -> Result<Stage, String> {
        let row = rows.only_row(7)?;
        self.facts.read_only = is_on(&row[0]);
        self.facts.super_read_only = is_on(&row[1]);
        self.facts.offline_mode = is_on(&row[2]);
        self.facts.uuid = text(&row[3]);
        self.facts.gtid_executed = text(&row[4]);
        self.facts.sql_mode = row[5].clone().unwrap_or_default();
        let is_xtradb_cluster = text(&row[6]).is_some_and(|comment| comment.contains("XtraDB Cluster"));
        Ok(if is_xtradb_cluster { Stage::GaleraVariables } else { Stage::GroupMembers })
    }

    fn mariadb_variables(&mut self, rows: &Rows) -> Result<Stage, String> {
        let row = rows.only_row(4)?;
        self.facts.read_only = is_on(&row[0]);
        self.facts.gtid_executed = text(&row[2]);
        self.facts.sql_mode = row[3].clone().unwrap_or_default();
        Ok(if is_on(&row[1]) { Stage::GaleraVariables } else { Stage::ReplicaStatus })
    }

    fn galera_variables(&mut self, rows: &Rows) -> Result<Stage, String> {
        let row = rows.only_row(2)?;
        self.galera.rejects_queries = text(&row[0]).as_deref() != Some("NONE");
        self.galera.maintenance = text(&row[1]).as_deref() != Some("DISABLED");
        Ok(Stage::GaleraStatus)
    }

    fn galera_status(&mut self, rows: &Rows) -> Stage {
        for row in &rows.rows {
            let [Some(name), value, ..] = row.as_slice() else { continue };
            let value = text(value).unwrap_or_default();
            match name.to_ascii_lowercase().as_slice() {
                b"wsrep_cluster_state_uuid" => self.galera.cluster = value,
                b"wsrep_ready" => self.galera.ready = value == "ON",
                b"wsrep_cluster_status" => self.galera.primary_component = value == "Primary",
                b"wsrep_local_state" => self.galera.local_state = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        self.facts.replication = Replication::Galera(self.galera.clone());
        Stage::Done
    }

    fn group_members(&mut self, rows: &Rows) -> Result<Stage, String> {
        for row in &rows.rows {
            let [id, state, role, view] = row.as_slice() else {
                return Err("replication_group_members: unexpected columns".into());
            };
            self.members.push(Member {
                id: text(id).unwrap_or_default(),
                state: MemberState::parse(&text(state).unwrap_or_default()),
                primary: text(role).as_deref() == Some("PRIMARY"),
                view: text(view).as_deref().and_then(GroupView::parse),
            });
        }
        // A row is there as soon as the plugin is loaded; only a group name tells that the server belongs to a group.
        Ok(if self.members.is_empty() { Stage::ReplicaStatus } else { Stage::GroupName })
    }

    fn group_name(&mut self, rows: &Rows) -> Result<Stage, String> {
        let group = text(&rows.only_row(1)?[0]).unwrap_or_default();
        if group.is_empty() {
            return Ok(Stage::ReplicaStatus);
        }
        let reachable = self.members.iter().filter(|member| member.state != MemberState::Unreachable).count();
        let itself = self.members.iter().find(|member| Some(&member.id) == self.facts.uuid.as_ref());
        self.facts.replication = Replication::GroupReplication(GroupReplication {
            group,
            state: itself.map_or(MemberState::Offline, |member| member.state),
            primary: itself.is_some_and(|member| member.primary),
            quorate: reachable * 2 > self.members.len(),
            view: itself.and_then(|member| member.view.clone()),
        });
        Ok(Stage::Done)
    }

    fn replica_status(&mut self, rows: &Rows) -> Stage {
        let mut worst: Option<ReplicaStatus> = None;
        let mut lag = Some(Duration::ZERO);
        for row in &rows.rows {
            let value = |names: [&str; 2]| rows.value(row, names);
            if value(["Channel_Name", "Connection_name"]).is_some_and(|name| name.starts_with("group_replication_")) {
                continue;
            }
            let thread = |names| value(names).map_or(ThreadState::Stopped, |state| ThreadState::parse(&state));
            let receiver = thread(["Replica_IO_Running", "Slave_IO_Running"]);
            let applier = thread(["Replica_SQL_Running", "Slave_SQL_Running"]);
            let seconds = value(["Seconds_Behind_Source", "Seconds_Behind_Master"]).and_then(|text| text.parse().ok());
            lag = lag.zip(seconds).map(|(lag, seconds)| lag.max(Duration::from_secs(seconds)));
            let source_uuid = value(["Source_UUID", "Master_UUID"]).filter(|uuid| !uuid.is_empty());
            worst = Some(match worst {
                None => ReplicaStatus { receiver, applier, source_uuid },
                Some(other) => ReplicaStatus {
                    receiver: receiver.max(other.receiver),
                    applier: applier.max(other.applier),
                    source_uuid: source_uuid.or(other.source_uuid),
                },
            });
        }
        self.facts.lag = lag.filter(|_| worst.is_some());
        // Without sight of the group's tables an empty answer does not prove that nothing is replicated.
        let blind = worst.is_none() && self.denied.group_members;
        self.facts.replication = if blind { Replication::Unseen } else { Replication::Async(worst) };
        Stage::Done
    }
}

impl Rows {
    /// The one row, with at least `width` columns.
    fn only_row(&self, width: usize) -> Result<&[Option<Vec<u8>>], String> {
        match self.rows.as_slice() {
            [row] if row.len() >= width => Ok(row),
            _ => Err(format!("expected one row of {width} columns, got {} rows", self.rows.len())),
        }
    }

    /// The value in the column that has one of two names (servers renamed them).
    fn value(&self, row: &[Option<Vec<u8>>], names: [&str; 2]) -> Option<String> {
        let at = self.columns.iter().position(|column| names.iter().any(|name| column.eq_ignore_ascii_case(name)))?;
        row.get(at).and_then(text)
    }
}

fn text(value: &Option<Vec<u8>>) -> Option<String> {
    value.as_ref().map(|value| String::from_utf8_lossy(value).into_owned())
}

/// MariaDB 12 has read_only values beside 0 and 1; all of them refuse writes.
fn is_on(value: &Option<Vec<u8>>) -> bool {
    !matches!(value.as_deref(), None | Some(b"0" | b"OFF"))
}

const GROUP_UNSEEN: &str = "roles and quorum in Group Replication";

/// SHOW REPLICA STATUS came in 8.0.22.
const SHOW_REPLICA: ServerVersion = ServerVersion(80_022);

const MYSQL_VARIABLES: &str = "SELECT @@global.read_only, @@global.super_read_only, @@global.offline_mode, \
     @@global.server_uuid, @@global.gtid_executed, @@global.sql_mode, @@global.version_comment";

const MARIADB_VARIABLES: &str =
    "SELECT @@global.read_only, @@global.wsrep_on, @@global.gtid_current_pos, @@global.sql_mode";

const GALERA_STATUS: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN \
     ('wsrep_cluster_state_uuid', 'wsrep_ready', 'wsrep_cluster_status', 'wsrep_local_state')";

const GROUP_MEMBERS: &str = "SELECT m.MEMBER_ID, m.MEMBER_STATE, m.MEMBER_ROLE, s.VIEW_ID \
     FROM performance_schema.replication_group_members m \
     LEFT JOIN performance_schema.replication_group_member_stats s ON s.MEMBER_ID = m.MEMBER_ID";

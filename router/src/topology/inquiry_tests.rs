//! Conversations with servers, as they answered: MySQL 9.7 and MariaDB 11.8.

use std::time::Duration;

use super::tests::identity;
use super::*;

const DENIED: u16 = 1142;
const NEEDS_PRIVILEGE: u16 = 1227;

fn rows(columns: &str, rows: &[&[&str]]) -> Answer {
    let value = |text: &&str| (*text != "NULL").then(|| text.as_bytes().to_vec());
    Answer::Rows(Rows {
        columns: columns.split(',').map(str::to_owned).collect(),
        rows: rows.iter().map(|row| row.iter().map(value).collect()).collect(),
    })
}

fn refused(code: u16) -> Answer {
    Answer::Refused { code, message: "denied".into() }
}

fn mysql_variables(read_only: &str) -> Answer {
    rows(
        "a,b,c,d,e,f,g",
        &[&[read_only, read_only, "0", "uuid-1", "uuid-1:1-9", "ANSI_QUOTES", "MySQL Community Server - GPL"]],
    )
}

/// Answers each question by the first line whose start it begins with; says what was asked.
fn converse(
    version: &str,
    denied: Denied,
    answers: &[(&str, Answer)],
) -> (Result<(ServerFacts, Denied), String>, Vec<&'static str>) {
    let mut inquiry = Inquiry::new(identity(version), denied);
    let mut asked = Vec::new();
    while let Some(question) = inquiry.question() {
        asked.push(question);
        let answer = answers.iter().find(|(start, _)| question.starts_with(start));
        let (_, answer) = answer.unwrap_or_else(|| panic!("an unexpected question: {question}"));
        if let Err(error) = inquiry.answer(answer.clone()) {
            return (Err(error), asked);
        }
    }
    (Ok(inquiry.finish()), asked)
}

fn facts(version: &str, answers: &[(&str, Answer)]) -> ServerFacts {
    converse(version, Denied::default(), answers).0.expect("a whole answer").0
}

const STATUS_COLUMNS: &str = "Channel_Name,Replica_IO_Running,Replica_SQL_Running,Seconds_Behind_Source,Source_UUID";
const GROUP_COLUMNS: &str = "MEMBER_ID,MEMBER_STATE,MEMBER_ROLE,VIEW_ID";

#[test]
fn a_source_says_that_it_is_writable_and_replicates_from_nobody() {
    let facts = facts(
        "9.7.0",
        &[
            ("SELECT @@global.read_only", mysql_variables("0")),
            ("SELECT m.MEMBER_ID", rows(GROUP_COLUMNS, &[])),
            ("SHOW REPLICA STATUS", rows(STATUS_COLUMNS, &[])),
        ],
    );
    assert_eq!((facts.read_only, facts.super_read_only, facts.offline_mode), (false, false, false));
    assert_eq!(facts.uuid.as_deref(), Some("uuid-1"));
    assert_eq!(facts.gtid_executed.as_deref(), Some("uuid-1:1-9"));
    assert_eq!((facts.sql_mode.as_slice(), facts.lag), (b"ANSI_QUOTES".as_slice(), None));
    assert_eq!(facts.replication, Replication::Async(None));
    assert!(facts.missing.is_empty());
}

#[test]
fn of_several_channels_the_worst_counts_and_a_groups_own_do_not() {
    let facts = facts(
        "9.7.0",
        &[
            ("SELECT @@global.read_only", mysql_variables("1")),
            ("SELECT m.MEMBER_ID", rows(GROUP_COLUMNS, &[])),
            (
                "SHOW REPLICA STATUS",
                rows(
                    STATUS_COLUMNS,
                    &[
                        &["", "Yes", "Yes", "2", "source-1"],
                        &["second", "Connecting", "Yes", "7", "source-2"],
                        &["group_replication_recovery", "No", "No", "NULL", ""],
                    ],
                ),
            ),
        ],
    );
    assert_eq!(facts.lag, Some(Duration::from_secs(7)));
    let Replication::Async(Some(replica)) = facts.replication else { panic!("{:?}", facts.replication) };
    assert_eq!((replica.receiver, replica.applier), (ThreadState::Connecting, ThreadState::Running));
}

#[test]
fn a_stopped_channel_has_no_lag() {
    let facts = facts(
        "8.0.21",
        &[
            ("SELECT @@global.read_only", mysql_variables("1")),
            ("SELECT m.MEMBER_ID", rows(GROUP_COLUMNS, &[])),
            (
                "SHOW SLAVE STATUS",
                rows(
                    "Channel_Name,Slave_IO_Running,Slave_SQL_Running,Seconds_Behind_Master,Master_UUID",
                    &[&["", "Yes", "No", "NULL", "source-1"]],
                ),
            ),
        ],
    );
    assert_eq!(facts.lag, None);
    let status = ReplicaStatus {
        receiver: ThreadState::Running,
        applier: ThreadState::Stopped,
        source_uuid: Some("source-1".into()),
    };
    assert_eq!(facts.replication, Replication::Async(Some(status)));
}

#[test]
fn a_member_counts_its_majority() {
    let ask = |states: [&str; 3]| {
        let members: Vec<[&str; 4]> = states
            .iter()
            .zip(["uuid-1", "uuid-2", "uuid-3"])
            .map(|(state, id)| [id, *state, if id == "uuid-1" { "PRIMARY" } else { "SECONDARY" }, "17:4"])
            .collect();
        let members: Vec<&[&str]> = members.iter().map(<[&str; 4]>::as_slice).collect();
        let facts = facts(
            "9.7.0",
            &[
                ("SELECT @@global.read_only", mysql_variables("0")),
                ("SELECT m.MEMBER_ID", rows(GROUP_COLUMNS, &members)),
                ("SELECT @@global.group_replication_group_name", rows("name", &[&["group-1"]])),
            ],
        );
        let Replication::GroupReplication(member) = facts.replication else { panic!("{:?}", facts.replication) };
        member
    };
    let member = ask(["ONLINE", "ONLINE", "UNREACHABLE"]);
    assert!(member.primary && member.quorate);
    assert_eq!(member.view, Some(GroupView { incarnation: "17".into(), number: 4 }));
    assert!(!ask(["ONLINE", "UNREACHABLE", "UNREACHABLE"]).quorate);
    assert_eq!(ask(["RECOVERING", "ONLINE", "ONLINE"]).state, MemberState::Recovering);
}

#[test]
fn a_member_that_has_not_joined_its_group_is_offline_and_not_a_server_of_its_own() {
    let facts = facts(
        "9.7.0",
        &[
            ("SELECT @@global.read_only", mysql_variables("0")),
            ("SELECT m.MEMBER_ID", rows(GROUP_COLUMNS, &[&["", "OFFLINE", "", "NULL"]])),
            ("SELECT @@global.group_replication_group_name", rows("name", &[&["group-1"]])),
        ],
    );
    let Replication::GroupReplication(member) = facts.replication else { panic!("{:?}", facts.replication) };
    assert_eq!((member.state, member.primary), (MemberState::Offline, false));
}

#[test]
fn a_loaded_but_unused_group_replication_plugin_makes_no_member() {
    let facts = facts(
        "9.7.0",
        &[
            ("SELECT @@global.read_only", mysql_variables("0")),
            ("SELECT m.MEMBER_ID", rows(GROUP_COLUMNS, &[&["", "OFFLINE", "", "NULL"]])),
            ("SELECT @@global.group_replication_group_name", rows("name", &[&[""]])),
            ("SHOW REPLICA STATUS", rows(STATUS_COLUMNS, &[])),
        ],
    );
    assert_eq!(facts.replication, Replication::Async(None));
}

#[test]
fn a_plain_account_sees_variables_only_and_is_not_asked_for_more_twice() {
    let answers = [
        ("SELECT @@global.read_only", mysql_variables("1")),
        ("SELECT m.MEMBER_ID", refused(DENIED)),
        ("SHOW REPLICA STATUS", refused(NEEDS_PRIVILEGE)),
    ];
    let (first, asked) = converse("9.7.0", Denied::default(), &answers);
    let (facts, denied) = first.expect("the variables are enough");
    assert_eq!((asked.len(), facts.read_only, facts.replication.clone()), (3, true, Replication::Unseen));
    assert_eq!(facts.missing.len(), 2);
    assert!(facts.missing[1].starts_with("REPLICATION CLIENT"), "{:?}", facts.missing);
    let (second, asked) = converse("9.7.0", denied, &answers);
    assert_eq!(asked.len(), 1);
    assert_eq!(second.expect("the same").0, facts);
}

#[test]
fn any_other_error_fails_the_probe() {
    let (result, _) = converse("9.7.0", Denied::default(), &[("SELECT @@global.read_only", refused(3032))]);
    assert_eq!(result.err(), Some("error 3032: denied".into()));
    let answers = [("SELECT @@global.read_only", rows("a", &[]))];
    assert!(converse("9.7.0", Denied::default(), &answers).0.is_err(), "an answer of another shape");
}

#[test]
fn mariadb_is_asked_in_its_own_words() {
    let columns = "Connection_name,Slave_IO_Running,Slave_SQL_Running,Seconds_Behind_Master";
    let facts = facts(
        "11.8.2-MariaDB",
        &[
            ("SELECT @@global.read_only", rows("a,b,c,d", &[&["1", "0", "0-1-7", "ORACLE"]])),
            ("SHOW ALL SLAVES STATUS", rows(columns, &[&["", "Yes", "Yes", "3"]])),
        ],
    );
    assert_eq!((facts.read_only, facts.uuid, facts.lag), (true, None, Some(Duration::from_secs(3))));
    assert_eq!(facts.gtid_executed.as_deref(), Some("0-1-7"));
}

#[test]
fn a_galera_node_tells_its_cluster() {
    let facts = facts(
        "11.8.2-MariaDB",
        &[
            ("SELECT @@global.read_only", rows("a,b,c,d", &[&["0", "1", "", ""]])),
            ("SELECT @@global.wsrep_reject_queries", rows("a,b", &[&["NONE", "DISABLED"]])),
            (
                "SHOW GLOBAL STATUS",
                rows(
                    "Variable_name,Value",
                    &[
                        &["wsrep_cluster_state_uuid", "c-1"],
                        &["wsrep_cluster_status", "Primary"],
                        &["wsrep_local_state", "4"],
                        &["wsrep_ready", "ON"],
                    ],
                ),
            ),
        ],
    );
    let expected = Galera {
        cluster: "c-1".into(),
        ready: true,
        primary_component: true,
        local_state: 4,
        rejects_queries: false,
        maintenance: false,
    };
    assert_eq!(facts.replication, Replication::Galera(expected));
}

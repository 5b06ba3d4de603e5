//! KILL and the bare CONNECTION_ID(): what the proxy itself acts on.

use rolecall_router::sql::cases::MYSQL;
use rolecall_router::sql::{Kill, KillTarget, Lexing, SqlMode, bare_connection_id, kill};

fn parsed(sql: &str) -> Option<(bool, KillTarget)> {
    kill(sql.as_bytes(), &MYSQL).map(|Kill { query_only, target }| (query_only, target))
}

/// C17, C6, C7
#[test]
fn kill_names_its_target() {
    assert_eq!(parsed("KILL 5"), Some((false, KillTarget::Id(5))));
    assert_eq!(parsed("kill connection 5;"), Some((false, KillTarget::Id(5))));
    assert_eq!(parsed("/* c */ KILL/**/QUERY 18446744073709551615"), Some((true, KillTarget::Id(u64::MAX))));
    assert_eq!(parsed("KILL QUERY CONNECTION_ID()"), Some((true, KillTarget::Own)));
    assert_eq!(parsed("KILL connection_id ( )"), Some((false, KillTarget::Own)));
    assert_eq!(parsed("KILL HARD CONNECTION 7"), Some((false, KillTarget::Id(7))));
    assert_eq!(parsed("KILL /*!50000 QUERY */ 7"), Some((true, KillTarget::Id(7))));
}

#[test]
fn a_target_that_is_no_plain_id_is_not_mapped() {
    for sql in [
        "KILL 5 + 1",
        "KILL -5",
        "KILL 18446744073709551616",
        "KILL 5.0",
        "KILL 0x5",
        "KILL '5'",
        "KILL ?",
        "KILL @id",
        "KILL CONNECTION_ID() + 1",
        "KILL USER root",
        "KILL QUERY ID 5",
        "KILL",
        "KILL 5; SELECT 1",
    ] {
        assert_eq!(parsed(sql).map(|(_, target)| target), Some(KillTarget::Other), "{sql}");
    }
    assert_eq!(parsed("SELECT 1"), None);
    assert_eq!(parsed("'KILL' 5"), None);
}

/// C8, sessions.md 8
#[test]
fn a_bare_connection_id_is_named_as_the_server_would() {
    let name =
        |sql: &'static str| bare_connection_id(sql.as_bytes(), &MYSQL).map(|name| std::str::from_utf8(name).unwrap());
    assert_eq!(name("SELECT CONNECTION_ID()"), Some("CONNECTION_ID()"));
    assert_eq!(name("select connection_id ( ) ;"), Some("connection_id ( )"));
    assert_eq!(name("/* c */ SELECT Connection_Id() AS id"), Some("id"));
    assert_eq!(name("SELECT CONNECTION_ID() id"), Some("id"));
    assert_eq!(name("SELECT CONNECTION_ID() AS `my id`"), Some("my id"));
    assert_eq!(name("SELECT CONNECTION_ID() 'id'"), Some("id"));
    assert_eq!(name("SELECT CONNECTION_ID() AS \"id\""), Some("id"));
}

#[test]
fn anything_more_than_a_bare_connection_id_is_the_servers() {
    for sql in [
        "SELECT CONNECTION_ID() + 1",
        "SELECT CONNECTION_ID(), 1",
        "SELECT CONNECTION_ID() FROM t",
        "SELECT CONNECTION_ID() INTO @a",
        "SELECT CONNECTION_ID() LIMIT 1",
        "SELECT CONNECTION_ID/* c */()",
        "SELECT CONNECTION_ID(1)",
        "SELECT `CONNECTION_ID`()",
        "SELECT (CONNECTION_ID())",
        "SELECT DISTINCT CONNECTION_ID()",
        "SELECT CONNECTION_ID() AS `a``b`",
        "SELECT CONNECTION_ID() AS 'it''s'",
        "SELECT CONNECTION_ID() AS select",
        "SELECT CONNECTION_ID() AS ''",
        "SELECT CONNECTION_ID() AS é",
        "SELECT CONNECTION_ID(); SELECT 1",
        "SELECT CONNECTION_ID() for update",
        "SELECT @@pseudo_thread_id",
        "SELECT CONNECTION_ID",
    ] {
        assert_eq!(bare_connection_id(sql.as_bytes(), &MYSQL), None, "{sql}");
    }
    let ansi = Lexing { mode: SqlMode::ANSI_QUOTES, ..MYSQL };
    assert_eq!(bare_connection_id(b"SELECT CONNECTION_ID() \"id\"", &ansi), Some(&b"id"[..]));
}

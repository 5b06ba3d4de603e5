//! What a session learns from replies and from texts, and what another connection is told of it.

use rolecall_protocol::StatusFlags;
use rolecall_protocol::response::{ErrPacket, OkPacket};
use rolecall_protocol::session_track::SessionStateChange;
use rolecall_router::catalogue::Catalogue;
use rolecall_router::session::{Pins, Prefix, SessionState, View, diff};
use rolecall_router::sql::cases::MYSQL;
use rolecall_router::sql::{classify, names_collation};
use rolecall_router::topology::ServerId;

const SERVER: ServerId = ServerId(1);

/// A session with two connections.
struct Pair {
    state: SessionState,
    first: View,
    second: View,
}

impl Pair {
    fn new() -> Self {
        let state = SessionState::new(Vec::new(), MYSQL, StatusFlags::AUTOCOMMIT);
        Self { state, first: View::default(), second: View::default() }
    }

    /// A statement on the first connection, whose reply reports these variables.
    fn ok(&mut self, sql: &str, reported: &[(&str, &str)]) {
        let mut ok = OkPacket { status: StatusFlags::AUTOCOMMIT, ..OkPacket::default() };
        for (name, value) in reported {
            let (name, value) = (name.as_bytes(), value.as_bytes());
            SessionStateChange::SystemVariable { name, value }.put(&mut ok.state_changes);
        }
        let statement = classify(sql.as_bytes(), &MYSQL, &Catalogue::unknown());
        self.state.observe_ok(SERVER, &mut self.first, &ok, &statement, 0).expect("changes that can be read");
        if let Some(collation) = names_collation(sql.as_bytes(), &MYSQL) {
            self.state.set_collation(&mut self.first, collation.name);
        }
    }

    /// What the second connection is told to become like the first.
    fn told(&mut self) -> String {
        let told = diff(&self.state, &self.second);
        self.second = self.first.clone();
        let sets = told.iter().map(|prefix| match prefix {
            Prefix::Set(sql) => String::from_utf8_lossy(sql).replace("@@session.", ""),
            other => format!("{other:?}"),
        });
        sets.collect::<Vec<_>>().join("; ")
    }
}

const NAMES: [(&str, &str); 3] = [
    ("character_set_client", "utf8mb4"),
    ("character_set_connection", "utf8mb4"),
    ("character_set_results", "utf8mb4"),
];

/// C7: SET NAMES sets the collation without a word of any tracker.
#[test]
fn names_without_a_collation_end_an_earlier_one() {
    let names = "SET NAMES 'utf8mb4'";
    let mut pair = Pair::new();
    pair.ok("SET NAMES utf8mb4", &NAMES);
    assert_eq!(pair.told(), names);
    pair.ok("SET NAMES utf8mb4 COLLATE utf8mb4_bin", &NAMES);
    assert_eq!(pair.told(), "SET NAMES 'utf8mb4' COLLATE 'utf8mb4_bin'");
    pair.ok("SET NAMES utf8mb4", &NAMES);
    assert_eq!(pair.told(), names);
    pair.ok("SET collation_connection = latin1_bin", &[("collation_connection", "latin1_bin")]);
    assert_eq!(pair.told(), "SET character_set_connection='utf8mb4',collation_connection='latin1_bin'");
    pair.ok("SET character_set_connection = latin1", &[("character_set_connection", "latin1")]);
    assert_eq!(pair.told(), "SET character_set_connection='latin1'");
    pair.ok("SET NAMES utf8mb4", &NAMES);
    pair.ok("SET character_set_results = NULL", &[("character_set_results", "")]);
    pair.ok("SET sql_mode = 'ANSI'", &[("sql_mode", "ANSI")]);
    assert_eq!(pair.told(), "SET NAMES 'utf8mb4',character_set_results=NULL,sql_mode='ANSI'");
    pair.ok("SET sql_mode = ''", &[("sql_mode", "")]);
    assert_eq!(pair.told(), "SET sql_mode=''");
}

/// C7, Q21
#[test]
fn a_collation_is_read_in_the_text_only_where_there_is_no_doubt() {
    let read =
        |sql: &'static str| names_collation(sql.as_bytes(), &MYSQL).map(|found| String::from_utf8_lossy(found.name));
    assert_eq!(read("SET NAMES utf8mb4 COLLATE utf8mb4_bin").as_deref(), Some("utf8mb4_bin"));
    assert_eq!(read("set/**/names 'utf8mb4' collate 'utf8mb4_unicode_ci' ;").as_deref(), Some("utf8mb4_unicode_ci"));
    for sql in [
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin, sql_mode = CONCAT('a', ',b'), @@autocommit := 1;",
        "SET @@session.time_zone = '+00:00', NAMES utf8mb4 COLLATE 'utf8mb4_bin', character_set_results = NULL",
        "SET @a = (SELECT 1, 2), LOCAL sql_mode = ?, NAMES utf8mb4 COLLATE utf8mb4_bin",
    ] {
        assert_eq!(read(sql).as_deref(), Some("utf8mb4_bin"), "{sql}");
    }
    for sql in [
        "SET NAMES utf8mb4",
        "SET NAMES DEFAULT COLLATE utf8mb4_bin",
        "SET NAMES utf8mb4 COLLATE DEFAULT",
        "SET NAMES utf8mb4 COLLATE 'utf8mb4''bin'",
        "SET NAMES utf8mb4 COLLATE ''",
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin, collation_connection = utf8mb4_general_ci",
        "SET @@session.`Collation_Connection` = utf8mb4_general_ci, NAMES utf8mb4 COLLATE utf8mb4_bin",
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin, SESSION character_set_connection := latin1",
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin, CHARACTER SET latin1",
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin, NAMES latin1 COLLATE latin1_bin",
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin, NAMES latin1",
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin,",
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin, sql_mode",
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin, 'sql_mode' = ''",
        "SET NAMES utf8mb4 COLLATE CONCAT('utf8mb4', '_bin')",
        "SET NAMES utf8mb4 COLLATE ?",
        "SET STATEMENT sql_mode = '' FOR SET NAMES utf8mb4 COLLATE utf8mb4_bin",
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin; SELECT 1",
        "SET sql_mode = ''",
    ] {
        assert_eq!(read(sql), None, "{sql}");
    }
}

/// A mistyped word does nothing: neither it nor the doubt after an error ties the session.
#[test]
fn a_syntax_error_in_the_first_word_leaves_nothing() {
    let err = |code| ErrPacket { code, sql_state: None, message: Vec::new() };
    let after = |sql: &str, code| {
        let mut pair = Pair::new();
        let statement = classify(sql.as_bytes(), &MYSQL, &Catalogue::unknown());
        pair.state.observe_err(SERVER, &statement, &err(code));
        (pair.state.tied_to(), pair.state.pins())
    };
    assert_eq!(after("SELEC 1", 1064), (None, Pins::empty()));
    assert_eq!(after("SELEC 1", 1305), (Some(SERVER), Pins::UNKNOWN_CODE));
    assert_eq!(after("CALL p()", 1064), (Some(SERVER), Pins::UNKNOWN_CODE));
    assert_eq!(after("SELEC 1; SELECT 1", 1064), (Some(SERVER), Pins::UNKNOWN_CODE));
}

/// B4, A25: what holds for the next statement, or the next transaction, ends with it.
#[test]
fn passing_pins_pass() {
    let mut pair = Pair::new();
    pair.ok("SET TRANSACTION READ ONLY", &[]);
    pair.ok("SET sql_mode = ''", &[]);
    assert_eq!(pair.state.pins(), Pins::ONE_SHOT);
    pair.ok("SELECT 1", &[]);
    pair.ok("UNLOCK INSTANCE", &[]);
    assert_eq!(pair.state.pins(), Pins::ONE_SHOT, "neither has touched a table");
    pair.ok("COMMIT", &[]);
    assert_eq!((pair.state.pins(), pair.state.tied_to()), (Pins::empty(), None));
    pair.ok("SELECT SQL_CALC_FOUND_ROWS 1", &[]);
    pair.ok("SELECT FOUND_ROWS()", &[]);
    assert_eq!(pair.state.pins(), Pins::FOUND_ROWS);
    pair.ok("SELECT 1", &[]);
    assert_eq!((pair.state.pins(), pair.state.tied_to()), (Pins::empty(), None));
}

//! Positions, waits, bounds, tokens and names.

use std::time::Duration;

use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::response::ErrPacket;

use super::*;
use crate::sql::Flavour;
use crate::topology::ServerId;

const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

fn mysql(numbers: &str) -> Position {
    Position::parse(Flavour::Mysql, format!("{A}:{numbers}").as_bytes()).expect("a set")
}

fn mariadb(list: &str) -> Position {
    Position::parse(Flavour::Mariadb, list.as_bytes()).expect("a list")
}

#[test]
fn what_is_unknown_covers_nothing_and_is_covered_by_nothing() {
    let known = [Position::Start, mysql("1-5"), mariadb("0-1-5")];
    for position in &known {
        assert!(!Position::Unknown.is_covered_by(position));
        assert_eq!(position.is_covered_by(&Position::Unknown), position.is_start());
        assert!(Position::Start.is_covered_by(position));
        let mut joined = position.clone();
        joined.merge(&Position::Unknown);
        assert_eq!(joined, Position::Unknown);
    }
    assert!(!Position::Unknown.is_covered_by(&Position::Unknown));
    assert_eq!(Position::Unknown.missing_from(&mysql("1")), None);
}

#[test]
fn two_flavours_make_no_position() {
    let mut mixed = mysql("1-5");
    assert_eq!(mixed.try_merge(&mariadb("0-1-5")), Err(Unjoinable));
    assert_eq!(mixed, mysql("1-5"), "as it was");
    assert!(!mysql("1").is_covered_by(&mariadb("0-1-5")));
    mixed.merge(&mariadb("0-1-5"));
    assert_eq!(mixed, Position::Unknown);
}

#[test]
fn distances_count_transactions() {
    assert_eq!(mysql("1-9").missing_from(&mysql("1-5:8")), Some(3));
    assert_eq!(mysql("1-9").missing_from(&Position::Start), Some(9));
    assert_eq!(mariadb("0-1-9,2-1-1").missing_from(&mariadb("0-2-4")), Some(6));
    assert_eq!(Position::Start.missing_from(&mysql("1")), Some(0));
}

#[test]
fn f1_waits_are_worded_for_the_flavour_and_never_without_end() {
    let half = Duration::from_millis(500);
    let statement = format!("DO ~0+COALESCE(WAIT_FOR_EXECUTED_GTID_SET('{A}:1-5:tag:2',0.500),1)");
    assert_eq!(mysql("1-5:tag:2").wait_statement(half, WaitForm::Short), Some(statement));
    let statement = format!("SELECT CAST(WAIT_FOR_EXECUTED_GTID_SET('{A}:1-5:tag:2',0.500) AS BINARY) w LIMIT 1");
    assert_eq!(mysql("1-5:tag:2").wait_statement(half, WaitForm::Row), Some(statement));
    let statement = "SELECT CAST(MASTER_GTID_WAIT('0-1-5,2-1-1',61.050) AS BINARY) w LIMIT 1";
    assert_eq!(
        mariadb("2-1-1,0-1-5").wait_statement(Duration::from_millis(61_050), WaitForm::Short).as_deref(),
        Some(statement)
    );
    // 0 would wait without end at MySQL.
    let waits = |timeout, seconds: &str| {
        mysql("1").wait_statement(timeout, WaitForm::Short).expect("a statement").contains(seconds)
    };
    assert!(waits(Duration::ZERO, "',0.001)"));
    assert!(waits(Duration::MAX, "',3600.000)"));
    assert_eq!(Position::Start.wait_statement(half, WaitForm::Short), None);
    assert_eq!(Position::Unknown.wait_statement(half, WaitForm::Short), None);
}

#[test]
fn f1_only_a_zero_and_an_ok_where_errors_are_told_mean_reached() {
    assert_eq!(WaitAnswer::of_row(Some(b"0")), WaitAnswer::Reached);
    assert_eq!(WaitAnswer::of_row(Some(b"1")), WaitAnswer::TimedOut);
    assert_eq!(WaitAnswer::of_row(Some(b"-1")), WaitAnswer::TimedOut);
    for other in [None, Some(b"".as_slice()), Some(b"2"), Some(b"00")] {
        assert_eq!(WaitAnswer::of_row(other), WaitAnswer::Failed);
    }
    assert_eq!(mysql("1").answer_of_ok(), WaitAnswer::Reached);
    assert_eq!(mariadb("0-1-5").answer_of_ok(), WaitAnswer::Failed);
    let refused = |error| WaitAnswer::of_err(&ErrPacket::new(error, ""));
    assert_eq!(refused(ErrorCode::DATA_OUT_OF_RANGE), WaitAnswer::TimedOut);
    assert_eq!(refused(ErrorCode::QUERY_INTERRUPTED), WaitAnswer::Failed);
}

#[test]
fn bounds_tell_what_is_visible_at_least_and_at_most() {
    let owned = format!("{A}:7#120:9#121");
    let executed = format!("{A}:1-6");
    let read = |mode: &str, owned: &str, executed: &str| {
        Bounds::read(Flavour::Mysql, &[Some(mode.as_bytes()), Some(owned.as_bytes()), Some(executed.as_bytes())])
    };
    assert_eq!(read("ON", &owned, &executed), Bounds { executed: mysql("1-6"), visible: mysql("1-7:9") });
    // Transactions without GTIDs would be missed.
    assert_eq!(read("ON_PERMISSIVE", &owned, &executed), Bounds::UNKNOWN);
    assert_eq!(read("OFF", "", ""), Bounds::UNKNOWN);
    assert_eq!(read("ON", "", ""), Bounds::UNKNOWN);
    assert_eq!(read("ON", "junk", &executed), Bounds::UNKNOWN);
    assert_eq!(read("ON", &owned, "junk"), Bounds::UNKNOWN);
    assert_eq!(Bounds::read(Flavour::Mysql, &[Some(b"ON"), None, None]), Bounds::UNKNOWN);
    assert_eq!(Bounds::read(Flavour::Mysql, &[]), Bounds::UNKNOWN);

    let read = |binlog: &str, current: &str| {
        Bounds::read(Flavour::Mariadb, &[Some(binlog.as_bytes()), Some(current.as_bytes())])
    };
    assert_eq!(
        read("0-1-8", "0-1-7,2-1-1"),
        Bounds { executed: mariadb("0-1-7,2-1-1"), visible: mariadb("0-1-8,2-1-1") }
    );
    assert_eq!(read("", ""), Bounds::UNKNOWN);
}

#[test]
fn a_wait_that_was_reached_raises_what_is_known() {
    let bounds = Bounds { executed: mysql("1-6"), visible: mysql("1-6") };
    let progress = Progress::new(ServerId(1), bounds, 5);
    assert!(std::sync::Arc::ptr_eq(&progress.executed, &progress.visible));
    let raised = progress.reached(&mysql("8"));
    assert!(raised.covers(&mysql("1-6:8")) && !raised.covers(&mysql("7")) && !progress.covers(&mysql("8")));
    assert_eq!(*raised.visible, mysql("1-6"), "what was visible when it was asked");
    assert!(Progress::new(ServerId(1), Bounds::UNKNOWN, 5).reached(&mysql("8")).covers(&mysql("8")));
}

/// Each session that wrote waits for one number more: the usual case, noted without a copy of the board.
#[test]
fn f1_waits_that_follow_each_other_are_noted_in_place() {
    let bounds = Bounds { executed: mysql("1-6:9"), visible: mysql("1-9") };
    let progress = Progress::new(ServerId(1), bounds, 5);
    let other_worker = progress.clone();
    assert!(progress.note_reached(&mysql("10")) && progress.note_reached(&mysql("2-5:9-12")));
    assert!(other_worker.covers(&mysql("1-6:9-12")) && !other_worker.covers(&mysql("7")));
    assert!(!other_worker.covers(&mysql("13")) && !other_worker.covers(&mysql("8-10")));
    // A gap, another source, the other flavour: the board is told.
    for position in [mysql("14"), mysql("7"), mysql("1:tag:1"), mariadb("0-1-1")] {
        assert!(!progress.note_reached(&position), "{position}");
        assert!(!progress.covers(&position), "{position}");
        let told = progress.reached(&position);
        assert!(told.covers(&position), "{position}");
    }
    let told = progress.reached(&mysql("14"));
    assert!(told.covers(&mysql("1-6:9-12:14")) && !told.covers(&mysql("13")));
    // Numbers behind the new end say nothing of the old one.
    assert!(told.note_reached(&mysql("15-20")) && told.covers(&mysql("14-20")));
    assert!(!progress.covers(&mysql("13")) && !progress.covers(&mysql("14-20")));
}

#[test]
fn f2_tokens_carry_positions() {
    for position in [Position::Start, mysql("1-5:7:tag:1"), mariadb("0-1-5,3-1-2")] {
        let token = CausalToken::new(&position).expect("short");
        assert_eq!(CausalToken::parse(token.as_str().as_bytes()), Ok(position));
        assert!(!token.as_str().contains(char::is_whitespace));
    }
    assert_eq!(CausalToken::new(&mysql("1-5")).expect("short").to_string(), format!("rc1:{A}:1-5"));
    assert_eq!(CausalToken::new(&Position::Unknown), Err(TokenError::Unknown));
    let gaps = (1..1000).map(|number| (number * 2).to_string()).collect::<Vec<_>>().join(":");
    assert_eq!(CausalToken::new(&mysql(&gaps)), Err(TokenError::TooLong));
}

#[test]
fn f2_other_texts_are_no_tokens() {
    for (text, error) in [
        ("", "not a causal token: it must begin with \"rc1:\""),
        ("rc2:0-1-5", "not a causal token: it must begin with \"rc1:\""),
        ("RC1:0-1-5", "not a causal token: it must begin with \"rc1:\""),
        ("rc1:junk", "not a causal token: not a list of MariaDB's GTIDs from byte 0 on"),
        ("rc1:0-1-5;DROP", "not a causal token: not a list of MariaDB's GTIDs from byte 0 on"),
        ("rc1:x:1", "not a causal token: not a GTID set from byte 0 on"),
        ("rc1:3e11fa47-71ca-11e1-9e33-c80aa9429562:0", "not a causal token: no server gives the number at byte 37"),
    ] {
        let found = CausalToken::parse(text.as_bytes()).expect_err(text);
        assert_eq!(found.to_string(), error, "{text}");
    }
    let long = format!("rc1:{}", "0-1-5,".repeat(1000));
    assert_eq!(CausalToken::parse(long.as_bytes()), Err(TokenError::TooLong));
}

#[test]
fn consistencies_have_names() {
    for level in Consistency::ALL {
        assert_eq!(level.to_string().parse(), Ok(level));
    }
    assert_eq!("SESSION".parse(), Ok(Consistency::default()));
    assert_eq!("causal".parse::<Consistency>(), Err(UnknownConsistency));
}

//! Single histories, each named by what it shows; random ones are in `simulation`.

use super::*;
use crate::sql::Flavour;
use crate::topology::{Role, ServerId};

const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
const HERE: ServerId = ServerId(1);
const THERE: ServerId = ServerId(2);
const LEVEL: Consistency = Consistency::Session;

fn set(numbers: &str) -> Position {
    Position::parse(Flavour::Mysql, format!("{A}:{numbers}").as_bytes()).expect("a set")
}

fn bounds(executed: &str, visible: &str) -> Bounds {
    Bounds { executed: set(executed), visible: set(visible) }
}

fn progress(server: ServerId, executed: &str, asked_at: u64) -> Progress {
    Progress::new(server, bounds(executed, executed), asked_at)
}

fn wrote(causality: &mut Causality, numbers: &str, now: u64) {
    causality.wrote_tracked(Flavour::Mysql, format!("{A}:{numbers}").as_bytes(), now);
}

#[test]
fn a_session_that_has_done_nothing_reads_anywhere() {
    let causality = Causality::default();
    assert_eq!(causality.needs(LEVEL), Requirement::Anything);
    assert_eq!(causality.needs(Consistency::Strong), Requirement::PrimaryOnly);
    assert_eq!(causality.needs(Consistency::Global), Requirement::AskPrimaryFirst);
    assert_eq!(causality.needs(LEVEL).at_replica(HERE, None), Admission::Admit);
    assert_eq!(causality.position(), Ok(&Position::Start));
}

#[test]
fn f1_after_a_write_a_replica_must_have_it() {
    let mut causality = Causality::default();
    wrote(&mut causality, "7", 10);
    let needs = causality.needs(LEVEL);
    assert_eq!(needs, Requirement::AtLeast(&set("7")));
    assert_eq!(needs.at_replica(HERE, Some(&progress(HERE, "1-7", 1))), Admission::Admit, "however old: it stays true");
    assert_eq!(needs.at_replica(HERE, Some(&progress(HERE, "1-6", 99))), Admission::Wait(&set("7")));
    assert_eq!(needs.at_replica(HERE, Some(&progress(THERE, "1-7", 99))), Admission::Wait(&set("7")), "another's");
    assert_eq!(needs.at_replica(HERE, None), Admission::Wait(&set("7")));
    assert_eq!(causality.needs(Consistency::Eventual), Requirement::Anything);
    assert_eq!(causality.needs_at_primary(LEVEL), Requirement::Anything, "it was written there");
}

#[test]
fn f6_several_gtids_in_one_ok_and_tagged_ones_count() {
    let mut causality = Causality::default();
    wrote(&mut causality, "7-8:tag:1", 10);
    wrote(&mut causality, "9", 11);
    assert_eq!(causality.needs(LEVEL), Requirement::AtLeast(&set("7-9:tag:1")));
}

#[test]
fn f6_mariadb_names_its_last_gtid() {
    let mut causality = Causality::default();
    causality.wrote_tracked(Flavour::Mariadb, b"0-1-7", 10);
    causality.wrote_tracked(Flavour::Mariadb, b"0-1-9", 11);
    let wanted = Position::parse(Flavour::Mariadb, b"0-1-9").expect("a list");
    assert_eq!(causality.needs(LEVEL), Requirement::AtLeast(&wanted));
}

#[test]
fn f7_after_a_lost_gtid_only_the_primary_serves_until_it_was_asked() {
    for text in ["", "junk", "0-1-7", "3e11fa47-71ca-11e1-9e33-c80aa9429562:0"] {
        let mut causality = Causality::default();
        wrote(&mut causality, "7", 9);
        causality.wrote_tracked(Flavour::Mysql, text.as_bytes(), 10);
        assert_eq!(causality.needs(LEVEL), Requirement::AskPrimaryFirst, "{text}");
        assert_eq!(causality.needs(LEVEL).at_replica(HERE, Some(&progress(HERE, "1-99", 99))), Admission::Ask);
        wrote(&mut causality, "12", 11);
        assert_eq!(causality.needs(LEVEL), Requirement::AskPrimaryFirst, "a later write does not name the lost one");
        causality.learnt(&bounds("1-12", "1-13"));
        assert_eq!(causality.needs(LEVEL), Requirement::AtLeast(&set("1-13")));
        assert_eq!(causality.needs_at_primary(LEVEL), Requirement::Anything);
    }
}

#[test]
fn f7_a_primary_without_gtids_serves_alone_until_a_probe_finds_some() {
    let mut causality = Causality::default();
    causality.wrote_untracked(10);
    causality.learnt(&Bounds::UNKNOWN);
    assert_eq!(causality.needs(LEVEL), Requirement::PrimaryOnly);
    assert_eq!(causality.needs(LEVEL).at_replica(HERE, Some(&progress(HERE, "1-99", 99))), Admission::Refuse);
    assert_eq!(causality.needs_at_primary(LEVEL), Requirement::Anything, "there is nothing to wait for");
    causality.wrote_untracked(20);
    assert_eq!(causality.needs(LEVEL), Requirement::PrimaryOnly, "it is not asked again for each statement");
    assert!(!causality.settle(&progress(HERE, "1-12", 15), Role::Primary), "it began before the write");
    assert!(causality.settle(&progress(HERE, "1-13", 21), Role::Primary));
    assert_eq!(causality.needs(LEVEL), Requirement::AtLeast(&set("1-13")));
}

#[test]
fn f7_a_position_over_its_limits_is_lost_and_not_cut() {
    let gaps: Vec<_> = (1..=GtidSet::MAX_INTERVALS).map(|number| (number * 2).to_string()).collect();
    let mut causality = Causality::default();
    wrote(&mut causality, &gaps.join(":"), 1);
    assert!(matches!(causality.needs(LEVEL), Requirement::AtLeast(_)));
    wrote(&mut causality, "900001", 2);
    assert_eq!(causality.needs(LEVEL), Requirement::AskPrimaryFirst);
    // What the primary says fills the gaps, and all is well again.
    causality.learnt(&bounds("1-900001", "1-900001"));
    assert_eq!(causality.needs(LEVEL), Requirement::AtLeast(&set("1-900001")));
}

#[test]
fn f3_reads_leave_the_primary_only_with_its_position() {
    let mut causality = Causality::default();
    causality.read_on_primary(10);
    assert_eq!(causality.needs(LEVEL), Requirement::AskPrimaryFirst);
    for (asked_at, role) in [(9, Role::Primary), (10, Role::Primary), (99, Role::Replica)] {
        assert!(!causality.settle(&progress(HERE, "1-20", asked_at), role), "{asked_at}, {role}");
    }
    assert!(causality.settle(&progress(HERE, "1-20", 11), Role::Primary));
    assert_eq!(causality.needs(LEVEL), Requirement::AtLeast(&set("1-20")));
}

#[test]
fn f3_a_replica_keeps_its_reader_or_tells_what_it_has_shown() {
    let mut causality = Causality::default();
    causality.read_on_replica(HERE, 10);
    let stay = Requirement::Stay { server: HERE, at_least: &Position::Start, since: 10 };
    assert_eq!(causality.needs(LEVEL), stay);
    assert_eq!(causality.needs(LEVEL).at_replica(HERE, None), Admission::Admit, "without a question");
    assert_eq!(causality.needs(LEVEL).at_replica(THERE, Some(&progress(THERE, "1-99", 99))), Admission::Ask);
    assert_eq!(causality.needs_at_primary(LEVEL), Requirement::Anything);
    // The other replica's probe proves nothing, nor does one that began before the read ended.
    assert!(!causality.settle(&progress(THERE, "1-20", 11), Role::Replica));
    assert!(!causality.settle(&progress(HERE, "1-20", 10), Role::Replica));
    let mut settled = causality.clone();
    assert!(settled.settle(&progress(HERE, "1-20", 11), Role::Replica));
    assert_eq!(settled.needs(LEVEL), Requirement::AtLeast(&set("1-20")));
    // The primary has all that replicas have.
    assert!(causality.settle(&progress(ServerId(3), "1-25", 11), Role::Primary));
    assert_eq!(causality.needs(LEVEL), Requirement::AtLeast(&set("1-25")));
}

#[test]
fn f3_what_is_visible_counts_before_it_is_executed() {
    let mut causality = Causality::default();
    causality.read_on_replica(HERE, 10);
    causality.learnt_from_replica(THERE, &bounds("1-99", "1-99"));
    assert!(matches!(causality.needs(LEVEL), Requirement::Stay { .. }), "another one's answer");
    causality.learnt_from_replica(HERE, &bounds("1-8", "1-9"));
    assert_eq!(causality.needs(LEVEL), Requirement::AtLeast(&set("1-9")));
}

#[test]
fn f1_the_replica_of_the_last_read_needs_later_writes_too() {
    let mut causality = Causality::default();
    causality.read_on_replica(HERE, 10);
    wrote(&mut causality, "7", 11);
    let needs = causality.needs(LEVEL);
    assert_eq!(needs, Requirement::Stay { server: HERE, at_least: &set("7"), since: 10 });
    assert_eq!(needs.at_replica(HERE, Some(&progress(HERE, "1-6", 9))), Admission::Wait(&set("7")));
    assert_eq!(needs.at_replica(HERE, Some(&progress(HERE, "1-7", 9))), Admission::Admit);
    causality.read_on_replica(HERE, 12);
    let stay = Requirement::Stay { server: HERE, at_least: &Position::Start, since: 12 };
    assert_eq!(causality.needs(LEVEL), stay, "it has it for sure now");
}

#[test]
fn a_replica_that_started_anew_does_not_keep_its_reader() {
    let mut causality = Causality::default();
    causality.read_on_replica(HERE, 10);
    causality.replica_restarted(THERE, 11);
    assert!(matches!(causality.needs(LEVEL), Requirement::Stay { .. }), "another one did");
    causality.replica_restarted(HERE, 11);
    assert_eq!(causality.needs(LEVEL), Requirement::AskPrimaryFirst);
}

#[test]
fn a_probe_on_a_younger_connection_tells_of_a_restart() {
    let mut causality = Causality::default();
    causality.read_on_replica(HERE, 10);
    causality.notice_restart(&progress(HERE, "1-6", 20).unbroken_since(9), 21);
    causality.notice_restart(&progress(THERE, "1-6", 20).unbroken_since(15), 21);
    assert!(matches!(causality.needs(LEVEL), Requirement::Stay { .. }));
    causality.notice_restart(&progress(HERE, "1-6", 20).unbroken_since(10), 21);
    assert_eq!(causality.needs(LEVEL), Requirement::AskPrimaryFirst);
    // It was reading when the probe came back: what it had read before is not forgotten.
    let mut causality = Causality::default();
    causality.read_on_replica(HERE, 10);
    causality.read_on_replica(HERE, 30);
    causality.notice_restart(&progress(HERE, "1-6", 40).unbroken_since(20), 41);
    assert_eq!(causality.needs(LEVEL), Requirement::AskPrimaryFirst);
}

#[test]
fn a_read_that_nobody_admitted_is_no_way_out_of_a_debt() {
    let mut causality = Causality::default();
    causality.read_on_primary(10);
    causality.read_on_replica(HERE, 11);
    assert_eq!(causality.needs(LEVEL), Requirement::AskPrimaryFirst);
    let mut causality = Causality::default();
    causality.read_on_replica(HERE, 10);
    causality.read_on_replica(THERE, 11);
    assert_eq!(causality.needs(LEVEL), Requirement::AskPrimaryFirst);
}

#[test]
fn f2_a_read_in_a_transaction_does_not_show_that_its_replica_has_a_token() {
    let mut causality = Causality::default();
    causality.adopt(&set("7")).expect("one flavour");
    causality.read_on_replica_unasked(HERE, 10);
    let stay = Requirement::Stay { server: HERE, at_least: &set("7"), since: 10 };
    assert_eq!(causality.needs(LEVEL), stay);
    causality.read_on_replica_unasked(HERE, 10);
    assert_eq!(causality.needs(LEVEL), stay);
    causality.read_on_replica(HERE, 11);
    causality.read_on_replica_unasked(HERE, 12);
    assert_eq!(causality.needs(LEVEL), Requirement::Stay { server: HERE, at_least: &Position::Start, since: 12 });
}

#[test]
fn f2_a_token_brings_what_its_session_depended_on() {
    let mut giver = Causality::default();
    wrote(&mut giver, "7", 10);
    let token = CausalToken::new(giver.position().expect("known")).expect("short");
    giver.read_on_replica(HERE, 11);
    assert!(matches!(giver.position(), Err(Requirement::Stay { server: HERE, .. })), "what it saw has no name yet");

    let mut taker = Causality::default();
    taker.read_on_replica(HERE, 20);
    taker.adopt(&CausalToken::parse(token.as_str().as_bytes()).expect("a token")).expect("one flavour");
    assert_eq!(taker.needs(LEVEL), Requirement::Stay { server: HERE, at_least: &set("7"), since: 20 });
    // It may come from before a failover that lost it: the primary must be seen to have it, once.
    assert_eq!(taker.needs_at_primary(LEVEL), Requirement::AtLeast(&set("7")));
    assert_eq!(taker.needs_at_primary(Consistency::Strong), Requirement::Anything);
    taker.confirmed_by_primary();
    assert_eq!(taker.needs_at_primary(LEVEL), Requirement::Anything);
    let other = Position::parse(Flavour::Mariadb, b"0-1-9").expect("a list");
    assert_eq!(taker.adopt(&other), Err(Unjoinable));
}

#[test]
fn g12_a_new_primary_must_show_what_the_session_depends_on() {
    let mut causality = Causality::default();
    wrote(&mut causality, "7", 10);
    causality.primary_changed();
    assert_eq!(causality.needs_at_primary(LEVEL), Requirement::AtLeast(&set("7")));
    let mut lossy = causality.clone();
    lossy.learnt(&bounds("1-6:8", "1-6:8"));
    assert_eq!(lossy.needs_at_primary(LEVEL), Requirement::AtLeast(&set("1-8")), "number 7 is not there");
    causality.learnt(&bounds("1-8", "1-9"));
    assert_eq!(causality.needs_at_primary(LEVEL), Requirement::Anything);
}

#[test]
fn f3_where_replicas_run_ahead_the_primary_is_asked_before_it_serves() {
    let mut causality = Causality::new(true);
    causality.read_on_replica(HERE, 10);
    assert_eq!(causality.needs_at_primary(LEVEL), Requirement::AskPrimaryFirst);
    causality.learnt(&bounds("1-8", "1-9"));
    assert_eq!(causality.needs_at_primary(LEVEL), Requirement::AtLeast(&set("1-9")), "the replica may have shown 9");
    causality.confirmed_by_primary();
    assert_eq!(causality.needs_at_primary(LEVEL), Requirement::Anything);
    causality.reset();
    causality.read_on_replica(HERE, 10);
    assert_eq!(causality.needs_at_primary(LEVEL), Requirement::AskPrimaryFirst, "a reset does not change the servers");
}

#[test]
fn global_asks_for_each_statement_or_takes_a_probe_that_began_after_it() {
    let level = Consistency::Global;
    let mut causality = Causality::default();
    causality.arrive(10);
    assert!(!causality.settle(&progress(HERE, "1-5", 0), Role::Primary));
    causality.settle(&progress(HERE, "1-5", 10), Role::Primary);
    assert_eq!(causality.needs(level), Requirement::AskPrimaryFirst, "it may have been answered before");
    assert!(causality.settle(&progress(HERE, "1-6", 11), Role::Primary));
    assert_eq!(causality.needs(level), Requirement::AtLeast(&set("1-6")));
    causality.arrive(11);
    assert_eq!(causality.needs(level), Requirement::AskPrimaryFirst);
    causality.learnt(&bounds("1-9", "1-9"));
    assert_eq!(causality.needs(level), Requirement::AtLeast(&set("1-9")));
    causality.arrive(11);
    assert_eq!(causality.needs(level), Requirement::AskPrimaryFirst, "another statement, in the same tick");
    causality.learnt(&Bounds::UNKNOWN);
    assert_eq!(causality.needs(level), Requirement::PrimaryOnly);
}

#[test]
fn a_reset_session_depends_on_nothing() {
    let mut causality = Causality::default();
    wrote(&mut causality, "7", 10);
    causality.read_on_primary(11);
    causality.reset();
    assert_eq!(causality.needs(LEVEL), Requirement::Anything);
}

#[test]
fn a_session_costs_little_memory() {
    assert!(size_of::<Causality>() <= 96, "{}", size_of::<Causality>());
    const fn can_move_between_threads<T: Send + Sync + Clone>() {}
    can_move_between_threads::<Causality>();
    can_move_between_threads::<Progress>();
}

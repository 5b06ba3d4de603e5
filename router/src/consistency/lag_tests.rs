//! Lag: who is believed, marks, and hysteresis.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::sql::Flavour;
use crate::topology::{ServerId, ThreadState};

const LIMITS: LagLimits = LagLimits { leave: seconds(10), come_back: seconds(5), calm: seconds(3) };

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn up_to(last: u64) -> Arc<Position> {
    let text = format!("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-{last}");
    Arc::new(Position::parse(Flavour::Mysql, text.as_bytes()).expect("a set"))
}

fn heartbeat(age: u64) -> LagSample {
    LagSample { heartbeat_age: Some(seconds(age)), ..LagSample::default() }
}

#[test]
fn a_replica_leaves_above_one_limit_and_comes_back_below_a_lower_one_after_a_calm() {
    let mut lag = Lag::new(LIMITS);
    assert!(lag.may_read());
    for (now, age, may_read) in [
        (0, 10, true),
        (1, 11, false),
        (2, 6, false),
        (3, 5, false),
        (5, 4, false),
        (6, 3, true),
        (7, 9, true),
        (8, 11, false),
        (9, 1, false),
        // Not calm: it begins anew.
        (11, 6, false),
        (12, 1, false),
        (14, 1, false),
        (15, 1, true),
    ] {
        assert_eq!(lag.observe(&heartbeat(age), seconds(now)), may_read, "second {now}");
    }
}

#[test]
fn a_limit_to_come_back_above_the_one_to_leave_is_lowered() {
    let mut lag = Lag::new(LagLimits { leave: seconds(5), come_back: seconds(20), calm: Duration::ZERO });
    assert!(!lag.observe(&heartbeat(6), seconds(1)));
    assert!(!lag.observe(&heartbeat(6), seconds(2)), "it does not flap");
}

#[test]
fn seconds_behind_is_believed_last_and_stopped_threads_first() {
    let all = LagSample {
        heartbeat_age: Some(seconds(1)),
        position_age: Some(seconds(2)),
        distance: Some(7),
        receiver: Some(ThreadState::Running),
        applier: Some(ThreadState::Running),
        seconds_behind: Some(Duration::ZERO),
    };
    assert_eq!(all.judge(), LagReason::Heartbeat(seconds(1)));
    assert_eq!(LagSample { heartbeat_age: None, ..all }.judge(), LagReason::Position(seconds(2)));
    let hint = LagSample { heartbeat_age: None, position_age: None, ..all };
    assert_eq!(hint.judge(), LagReason::SecondsBehind(Duration::ZERO));
    // 0 seconds behind, because nothing arrives.
    assert_eq!(LagSample { receiver: Some(ThreadState::Connecting), ..hint }.judge(), LagReason::ReceiverStopped);
    assert_eq!(LagSample { applier: Some(ThreadState::Stopped), ..all }.judge(), LagReason::ApplierStopped);
    // A stopped replica that lacks nothing may serve until it does.
    let stopped = LagSample {
        distance: Some(0),
        applier: Some(ThreadState::Stopped),
        receiver: Some(ThreadState::Stopped),
        ..LagSample::default()
    };
    assert_eq!(stopped.judge(), LagReason::Position(Duration::ZERO));
    assert_eq!(LagSample { distance: None, ..stopped }.judge(), LagReason::ApplierStopped);
}

#[test]
fn a_replica_that_cannot_be_looked_at_keeps_its_reads() {
    let mut lag = Lag::new(LIMITS);
    assert!(lag.observe(&LagSample::default(), seconds(1)));
    assert_eq!((lag.reason().name(), lag.reason().age()), ("unseen", None));
}

#[test]
fn marks_tell_the_age_of_what_a_replica_shows() {
    let mut marks = Marks::default();
    assert_eq!(marks.age(&up_to(5), seconds(1)), None);
    for (second, last) in [(1, 10), (2, 20), (3, 30)] {
        marks.add(&up_to(last), seconds(second));
    }
    let age = |marks: &Marks, last| marks.age(&up_to(last), seconds(4)).map(|age| age.as_secs());
    assert_eq!(age(&marks, 30), Some(0));
    assert_eq!(age(&marks, 99), Some(0), "its probe was the later one");
    assert_eq!(age(&marks, 29), Some(2));
    assert_eq!(age(&marks, 10), Some(3));
    assert_eq!(age(&marks, 9), Some(3), "at least");
    assert_eq!(marks.age(&Position::Unknown, seconds(4)), None);
    assert_eq!(marks.age(&Position::Start, seconds(4)), Some(seconds(3)));
}

#[test]
fn a_standstill_is_no_lag() {
    let mut marks = Marks::default();
    for second in 1..=100 {
        marks.add(&up_to(10), seconds(second));
    }
    marks.add(&up_to(20), seconds(101));
    assert_eq!(marks.age(&up_to(10), seconds(101)), Some(seconds(1)), "not a hundred");
}

#[test]
fn marks_of_a_primary_that_went_back_are_dropped() {
    let mut marks = Marks::default();
    marks.add(&up_to(20), seconds(1));
    marks.add(&up_to(10), seconds(2));
    assert_eq!(marks.age(&up_to(10), seconds(9)), Some(Duration::ZERO));
    assert_eq!(marks.age(&up_to(5), seconds(9)), Some(seconds(7)), "as far as the new one is known");
    marks.add(&Arc::new(Position::Unknown), seconds(3));
    assert_eq!(marks.age(&up_to(10), seconds(9)), Some(Duration::ZERO));
}

#[test]
fn marks_are_bounded_and_see_far_back() {
    let mut marks = Marks::default();
    for second in 1..=100_000 {
        marks.add(&up_to(second), seconds(second));
    }
    let age = |last| marks.age(&up_to(last), seconds(100_000)).expect("known").as_secs();
    assert_eq!(age(99_990), 10);
    assert!((100..=130).contains(&age(99_900)), "{}", age(99_900));
    // Further back than any mark: at least that far.
    assert!((150..=250).contains(&age(50_000)), "{}", age(50_000));
    assert!(marks.len() <= Marks::MAX);
}

#[test]
fn two_probes_and_the_marks_make_a_sample() {
    let progress = |executed: &Arc<Position>| {
        let bounds = Bounds { executed: Position::clone(executed), visible: Position::clone(executed) };
        Progress::new(ServerId(1), bounds, 5)
    };
    let mut marks = Marks::default();
    marks.add(&up_to(10), seconds(1));
    marks.add(&up_to(20), seconds(2));
    let sample = LagSample::of(&progress(&up_to(14)), Some(&progress(&up_to(21))), &marks, seconds(3));
    assert_eq!((sample.position_age, sample.distance), (Some(seconds(2)), Some(7)));
    assert_eq!(LagSample::of(&progress(&up_to(14)), None, &marks, seconds(3)).distance, None);
}

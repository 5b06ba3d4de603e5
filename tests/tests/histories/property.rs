//! Whatever others do, a session stays what it is.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rolecall_tests::{Flavour, short_or_full, tell};

use crate::field::{Field, Tally, server};
use crate::history::History;

/// Sessions at a time, each with an account and a proxy of its own.
const LANES: u64 = 4;

/// The first seed, unless others are searched: what a change breaks shows in every run, and in no other change's.
const BASE: u64 = 96_300_000_000;

/// Whether to search other histories in each run: for a machine that has the time, since what they find is rarely new.
fn is_random() -> bool {
    ["ROLECALL_TESTS_RANDOM", "ROLECALL_TESTS_LONG"].iter().any(|name| std::env::var_os(name).is_some())
}

fn seed() -> Option<u64> {
    std::env::var("ROLECALL_TESTS_SEED").ok()?.parse().ok()
}

fn check(flavour: Flavour, histories: u64) {
    let histories =
        std::env::var("ROLECALL_TESTS_HISTORIES").ok().and_then(|number| number.parse().ok()).unwrap_or(histories);
    let server = server(flavour);
    if let Some(seed) = seed() {
        let mut field = Field::new(&server, "hist", "");
        let history = History::new(seed, flavour, None);
        let wrong = field.run(&history);
        assert!(wrong.is_empty(), "{}\n{}", history.told("hist"), wrong.join("\n"));
        return;
    }
    let base = if is_random() {
        std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()) % 1_000_000 * 100_000
    } else {
        BASE
    };
    let (started, failures, tallies) = (Instant::now(), Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for lane in 0..LANES {
            let (server, failures, tallies) = (&server, &failures, &tallies);
            scope.spawn(move || {
                let own = format!("hist_{lane}");
                let mut field = Field::new(server, &own, "");
                for number in (lane..histories).step_by(LANES as usize) {
                    let history = History::new(base + number, flavour, None);
                    let wrong = field.run(&history);
                    if !wrong.is_empty() {
                        // Where somebody waits in vain, every attempt would.
                        let hangs = wrong[0].starts_with("waiting");
                        let (history, wrong) =
                            if hangs { (history, wrong) } else { smallest(&mut field, history, wrong) };
                        let mut failures = failures.lock().expect("not poisoned");
                        failures.push(format!("{}\n{}", history.told(&own), wrong.join("\n")));
                        if hangs || failures.len() > 9 {
                            break;
                        }
                    }
                }
                field.finish();
                tallies.lock().expect("not poisoned").push(field.tally);
            });
        }
    });
    let mut all = Tally::default();
    for tally in tallies.into_inner().expect("not poisoned") {
        all.histories += tally.histories;
        all.taken += tally.taken;
        all.kept += tally.kept;
        all.refused += tally.refused;
    }
    tell(&format!(
        "{} histories on {} from seed {base} in {:.1} s: the connection was taken {} times, and kept {} times; {} \
         questions came too late",
        all.histories,
        flavour.name(),
        started.elapsed().as_secs_f64(),
        all.taken,
        all.kept,
        all.refused
    ));
    let failures = failures.into_inner().expect("not poisoned");
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n\n"));
    assert!(all.taken * 4 > all.histories, "taken too rarely");
}

/// Leaves out steps as long as it still fails.
fn smallest(field: &mut Field, mut history: History, mut wrong: Vec<String>) -> (History, Vec<String>) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let smaller = history.smaller().into_iter().find_map(|smaller| {
            let wrong = field.run(&smaller);
            (!wrong.is_empty()).then_some((smaller, wrong))
        });
        match smaller {
            Some(found) if Instant::now() < deadline => (history, wrong) = found,
            _ => return (history, wrong),
        }
    }
}

#[test]
fn sessions_stay_what_they_are_mysql() {
    check(Flavour::Mysql, short_or_full(10_000, 100_000));
}

#[test]
fn sessions_stay_what_they_are_mariadb() {
    check(Flavour::mariadb(), short_or_full(2_000, 20_000));
}

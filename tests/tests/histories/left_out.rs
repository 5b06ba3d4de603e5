//! What this test finds: with any one item left out of what the proxy carries, or of what pins, a session differs from what
//! it is at a server alone, or its client is told an error.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rolecall_tests::{Flavour, tell};

use crate::field::{Field, server};
use crate::history::History;

/// What is left out, and the item of histories that is about it. Not here: the pin of a connection that serves as a
/// replica's, which is its client's to its end.
const ITEMS: &[(&str, &str)] = &[
    // What a connection is told.
    ("schema", "schema"),
    ("names", "names"),
    ("collation", "collation"),
    ("character-set", "character set"),
    ("variables", "variables"),
    ("multi-statements", "option"),
    ("user-variables", "user variable"),
    ("role", "role"),
    ("last-insert-id", "insert id"),
    ("statements", "statement"),
    ("statement-context", "context"),
    ("parameter-types", "types"),
    ("found-rows", "found rows"),
    // What is taken back.
    ("names-back", "names"),
    ("variables-back", "variables"),
    ("user-variables-back", "user variable"),
    ("role-back", "role"),
    ("multi-statements-back", "option"),
    // What keeps a connection.
    ("transaction", "transaction"),
    ("doubt", "doubt"),
    ("pin-user-variable", "user variable"),
    ("pin-temporary-table", "temporary table"),
    ("pin-named-lock", "named lock"),
    ("pin-table-lock", "table lock"),
    ("pin-handler", "handler"),
    // The pin alone is not missed: the status flags say of an XA transaction what they say of any other.
    ("pin-xa,transaction", "xa"),
    ("pin-text-prepared", "text statement"),
    ("pin-opaque-state", "binary log"),
    ("pin-unknown-code", "call"),
    ("pin-one-shot", "one-shot"),
    ("pin-cursor", "cursor"),
    ("pin-long-data", "long data"),
    ("pin-unexplained", "trigger"),
];

/// Within so many histories each is found out.
const MOST: u64 = 1000;

#[test]
fn whatever_is_left_out_is_found_mysql() {
    let flavour = Flavour::Mysql;
    let server = server(flavour);
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some((item, focus)) = ITEMS.get(number) else { break };
                    let mut field = Field::new(&server, &format!("less_{number}"), item);
                    let seen = (1..=MOST).find_map(|seed| {
                        let history = History::new(seed, flavour, Some(focus));
                        let wrong = field.run(&history);
                        wrong.first().map(|first| (seed, first.clone()))
                    });
                    found.lock().expect("not poisoned").push((number, seen));
                }
            });
        }
    });
    let mut found = found.into_inner().expect("not poisoned");
    found.sort_by_key(|(number, _)| *number);
    for (number, seen) in &found {
        let told = match seen {
            Some((count, first)) => format!("found out after {count}: {first:.120}"),
            None => format!("not found out within {MOST}"),
        };
        tell(&format!("histories without {}: {told}", ITEMS[*number].0));
    }
    assert!(found.iter().all(|(_, seen)| seen.is_some()), "{found:?}");
}

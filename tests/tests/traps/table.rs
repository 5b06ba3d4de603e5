//! `traps.md`: every trap is there, and every test that it names exists.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rolecall_tests::tests_folder;

/// Groups C, D, F and H of the traps, then cases of the wire protocol.
const TRAPS: &[&str] = &[
    "C1", "C2", "C3", "C4", "C6", "C7", "C8", "C10", "C11", "C12", "C13", "C15", "C17", "C19", "C20", "C22", "C23",
    "C24", "C25", "C27", "C28", "D1", "D2", "D3", "D4", "D5", "D6", "D9", "D10", "D12", "D13", "D15", "D17", "F1",
    "F2", "F3", "F6", "F7", "F8", "F10", "H1", "H2", "H4", "H5", "H7", "H8", "H9", "H10", "B3", "B6", "Q6", "Q16",
];

/// A test as the table names it, and whether it says that the test is ignored.
struct Named {
    binary: String,
    function: String,
    is_marked: bool,
}

/// The tests of one cell: `binary::module::test`, with a dagger behind those that are ignored.
fn named(cell: &str) -> Vec<Named> {
    let tests = cell.split(',').filter_map(|test| {
        let (_, rest) = test.split_once('`')?;
        let (path, rest) = rest.split_once('`')?;
        let (binary, _) = path.split_once("::")?;
        let (_, function) = path.rsplit_once("::")?;
        Some(Named { binary: binary.to_owned(), function: function.to_owned(), is_marked: rest.contains('†') })
    });
    tests.collect()
}

/// The table's rows: a trap and its tests.
fn rows() -> Vec<(String, Vec<Named>)> {
    let text = fs::read_to_string(tests_folder().join("traps.md")).expect("the table");
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| trap ")).map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        assert!(cells.len() >= 3, "{line}");
        (cells[0].to_owned(), named(cells[2]))
    });
    rows.collect()
}

/// The source of a binary: its own file and those of its modules.
fn source(binary: &str) -> String {
    let folder = tests_folder().join("tests");
    let mut files = vec![folder.join(format!("{binary}.rs"))];
    files.extend(modules(&folder.join(binary)));
    files
        .iter()
        .map(|file| fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
        .collect()
}

fn modules(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "rs"))
        .collect()
}

/// Whether a source has this test, and whether it is ignored.
fn is_ignored(source: &str, function: &str) -> Option<bool> {
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| {
        let rest = line.strip_prefix("fn ").and_then(|rest| rest.strip_prefix(function));
        rest.is_some_and(|rest| rest.starts_with(['(', ' ']))
    })?;
    let above = lines[..at].iter().rev().take_while(|line| line.starts_with("///") || line.starts_with("#["));
    Some(above.into_iter().any(|line| line.starts_with("#[ignore")))
}

#[test]
fn every_trap_has_its_row() {
    let rows = rows();
    let found: Vec<_> = rows.iter().map(|(trap, _)| trap.as_str()).collect();
    assert_eq!(found, TRAPS);
    for (trap, tests) in rows {
        assert!(!tests.is_empty(), "{trap}: no test");
    }
}

#[test]
fn every_test_of_the_table_exists() {
    let mut sources = BTreeMap::new();
    let mut wrong = Vec::new();
    for (trap, tests) in rows() {
        for Named { binary, function, is_marked } in tests {
            let source = sources.entry(binary.clone()).or_insert_with(|| source(&binary));
            match is_ignored(source, &function) {
                None => wrong.push(format!("{trap}: {binary} has no {function}")),
                Some(ignored) if ignored != is_marked => {
                    wrong.push(format!("{trap}: {function}, ignored: {ignored}, marked: {is_marked}"));
                }
                Some(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

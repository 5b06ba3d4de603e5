//! Cases that are known to fail: `tests/known-failures.txt` names them, each with what is wrong.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a case. One that the list names has to fail, so that nobody forgets to strike it from the list once it is
/// mended; every other has to pass.
///
/// # Panics
/// Where the case is not as the list says.
pub fn judge(module: &str, server: &str, case: impl FnOnce()) {
    let name = format!("{module}::{server}");
    let Some(reason) = reason(&name) else { return case() };
    let outcome = catch_unwind(AssertUnwindSafe(case));
    assert!(outcome.is_err(), "{name} passes: strike it from tests/known-failures.txt (\"{reason}\")");
    println!("{name} fails, as is known: {reason}");
}

/// Why a case is known to fail. A line of the list is a name, with or without `::mysql` or `::mariadb`, and a reason.
fn reason(name: &str) -> Option<&'static str> {
    let lines = include_str!("../known-failures.txt").lines().filter(|line| !line.starts_with('#'));
    let mut entries = lines.filter_map(|line| line.split_once(char::is_whitespace));
    let covers = |entry: &str| name == entry || name.strip_prefix(entry).is_some_and(|rest| rest.starts_with("::m"));
    entries.find(|(entry, _)| covers(entry)).map(|(_, reason)| reason.trim())
}

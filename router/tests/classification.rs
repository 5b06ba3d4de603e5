//! The table of cases, `tests/cases`: every case as written, and again in other clothes.

use std::sync::LazyLock;

use rolecall_router::catalogue::Catalogue;
use rolecall_router::sql::cases::{self, Case};
use rolecall_router::sql::{Statement, classify};

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(cases::catalogue);

fn verdict(case: &Case, sql: &[u8]) -> Statement {
    classify(sql, &case.lexing, &CATALOGUE)
}

fn describe(sql: &[u8], case: &Case, found: &Statement) -> Option<String> {
    let same = found.verb == case.verb
        && found.access == case.access
        && found.effects == case.effects
        && found.hint == case.hint;
    (!same).then(|| {
        format!(
            "{}: {}\n    expected {:?} {:?} {:?} {:?}\n    found    {:?} {:?} {:?} {:?}, because {}",
            case.id,
            sql.escape_ascii(),
            case.verb,
            case.access,
            case.effects,
            case.hint,
            found.verb,
            found.access,
            found.effects,
            found.hint,
            found.why.0
        )
    })
}

#[test]
fn every_case_is_classified_as_its_table_says() {
    let all = cases::all();
    let failures: Vec<String> =
        all.iter().filter_map(|case| describe(&case.sql, case, &verdict(case, &case.sql))).collect();
    assert!(failures.is_empty(), "{} of {} cases fail:\n{}", failures.len(), all.len(), failures.join("\n"));
}

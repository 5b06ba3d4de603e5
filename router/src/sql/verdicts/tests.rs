use proptest::prelude::*;

use super::*;
use crate::sql::{Access, ClientCharset, Flavour, ServerVersion, SqlMode};

const LEXING: Lexing = Lexing { version: ServerVersion(90704), ..Lexing::DEFAULT };

fn verdicts() -> (Verdicts, Arc<Catalogue>) {
    let catalogue = Arc::new(Catalogue::unknown());
    (Verdicts::new(Arc::clone(&catalogue)), catalogue)
}

#[test]
fn a_verdict_is_remembered_for_its_shape_lexing_and_catalogue_alone() {
    let (mut verdicts, catalogue) = verdicts();
    let read = verdicts.classify(b"SELECT \"a\" FROM t WHERE f = 1", &LEXING, &catalogue);
    assert_eq!(read.access, Access::Read);
    assert!(verdicts.slots.iter().any(|slot| slot.length > 0));
    assert_eq!(verdicts.classify(b"SELECT \"a\" FROM t WHERE f = 234", &LEXING, &catalogue), read);

    let oracle = Lexing { mode: SqlMode::ORACLE, flavour: Flavour::Mariadb, ..LEXING };
    assert_eq!(verdicts.classify(b"SELECT \"a\" FROM t WHERE f = 1", &oracle, &catalogue).access, Access::Primary);

    // Another catalogue knows of a view that writes.
    let view = crate::catalogue::View { name: "t".into(), definition: Some("select get_lock('a', 1)".into()) };
    let writing = Arc::new(Catalogue::build(&[], &[view], &[], &LEXING));
    assert_eq!(verdicts.classify(b"SELECT \"a\" FROM t WHERE f = 1", &LEXING, &writing).access, Access::Primary);
}

#[test]
fn what_has_effects_is_looked_at_each_time() {
    let (mut verdicts, catalogue) = verdicts();
    for sql in ["SET autocommit = 0", "SELECT GET_LOCK('a', 1)", "KILL 5", "CALL p(1)", "SELECT 1; SELECT 2"] {
        let _ = verdicts.classify(sql.as_bytes(), &LEXING, &catalogue);
    }
    assert!(verdicts.slots.iter().all(|slot| slot.length == 0));
}

/// What may open a context, so that a literal behind it is none.
const OPENERS: [&str; 20] = [
    "",
    "'",
    "\"",
    "`",
    "'\\'",
    "\"\\\"",
    "'''",
    "``` ",
    "$$",
    "$$ '",
    "/*",
    "/* '",
    "/*!80000 ",
    "--",
    "-- '",
    "#",
    "# '",
    "@",
    "x",
    "\0",
];

/// What may close one.
const CLOSERS: [&str; 14] = ["", "'", "\"", "`", "$$", "' $$", "*/", "' */", "\n", "'\n", ";", " FROM t", ")", "(1)"];

/// What strings hold: what would end the context that they seem to stand in, and then change the verdict.
const CONTENTS: [&str; 11] = [
    "",
    "a",
    "1",
    " a = ",
    " INTO @a ",
    "*/ FOR UPDATE",
    "\n FOR UPDATE",
    "\" FOR UPDATE ",
    "` FOR UPDATE ",
    "$$ FOR UPDATE ",
    " FOR UPDATE ",
];

const GAPS: [&str; 6] = ["", " ", " ", "=", ",", "."];

/// A text with two places for literals, as pairs of texts of which the second has other literals.
fn pairs() -> impl Strategy<Value = (String, String)> {
    let string = (prop::sample::select(&CONTENTS[..]), prop::sample::select(&CONTENTS[..]));
    let literal = move || {
        prop_oneof![
            1 => ("[0-9]{1,4}", "[0-9]{1,4}"),
            3 => string.clone().prop_map(|(a, b)| (format!("'{a}'"), format!("'{b}'"))),
        ]
    };
    let place = move || {
        let (opener, closer) = (prop::sample::select(&OPENERS[..]), prop::sample::select(&CLOSERS[..]));
        (opener, prop::sample::select(&GAPS[..]), literal(), prop::sample::select(&GAPS[..]), closer).prop_map(
            |(opener, before, (one, other), behind, closer)| {
                let text = |literal: &str| format!("{opener}{before}{literal}{behind}{closer}");
                (text(&one), text(&other))
            },
        )
    };
    (place(), place())
        .prop_map(|((one, other), (more, others))| (format!("SELECT {one} {more}"), format!("SELECT {other} {others}")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40_000))]

    /// Whenever two texts have one shape, their verdicts are the same, remembered or not.
    #[test]
    fn s20_texts_of_one_shape_have_one_verdict((one, other) in pairs(), ansi: bool, mariadb: bool) {
        let mode = if ansi { SqlMode::ANSI_QUOTES } else { SqlMode::empty() };
        let flavour = if mariadb { Flavour::Mariadb } else { Flavour::Mysql };
        let lexing = Lexing { mode, flavour, charset: ClientCharset::Utf8, ..LEXING };
        let (mut verdicts, catalogue) = verdicts();
        let expected = classify(one.as_bytes(), &lexing, &catalogue);
        prop_assert_eq!(verdicts.classify(one.as_bytes(), &lexing, &catalogue), expected);
        prop_assert_eq!(verdicts.classify(one.as_bytes(), &lexing, &catalogue), expected);
        let expected = classify(other.as_bytes(), &lexing, &catalogue);
        prop_assert_eq!(verdicts.classify(other.as_bytes(), &lexing, &catalogue), expected, "{:?}\n{:?}", one, other);
        // The shape is a text of its own shape.
        let mut shape = Shape::new();
        if shape.take(one.as_bytes(), &lexing) && is_told_by_shape(&classify(one.as_bytes(), &lexing, &catalogue)) {
            let text = shape.bytes().to_vec();
            prop_assert_eq!(classify(&text, &lexing, &catalogue), classify(one.as_bytes(), &lexing, &catalogue));
            prop_assert!(shape.take(&text, &lexing));
            prop_assert_eq!(shape.bytes(), &text[..]);
        }
    }
}

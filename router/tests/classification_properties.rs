//! What holds for every text: nothing panics, tokens make progress, and the verdict on a case of the table does not depend
//! on white space, comments or the case of its words.

use std::sync::LazyLock;

use proptest::prelude::*;
use rolecall_router::catalogue::{Catalogue, Routine, Trigger, View};
use rolecall_router::sql::cases::{self, Case};
use rolecall_router::sql::{
    ClientCharset, Flavour, Kind, Lexing, ServerVersion, SqlMode, Tokens, bare_connection_id, classify, kill,
};

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(cases::catalogue);
static CASES: LazyLock<Vec<Case>> = LazyLock::new(cases::all);

fn lexings() -> impl Strategy<Value = Lexing> {
    use ClientCharset as C;
    let charsets = vec![C::AsciiSafe, C::Utf8, C::Gbk, C::Gb18030, C::Big5, C::Sjis, C::Unknown];
    let versions = [0, 50744, 80044, 90704, 101_119, 110_800].map(ServerVersion);
    (0..16_u8, prop::sample::select(charsets), any::<bool>(), prop::sample::select(versions.to_vec())).prop_map(
        |(mode, charset, mariadb, version)| Lexing {
            mode: SqlMode::from_bits_truncate(mode),
            charset,
            flavour: if mariadb { Flavour::Mariadb } else { Flavour::Mysql },
            version,
        },
    )
}

/// Bytes that are likely to meet each other's special cases.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&'static [u8]> = vec![
        b"SELECT",
        b"SET",
        b"FOR",
        b"UPDATE",
        b"GET_LOCK",
        b"NAMES",
        b"CREATE PROCEDURE p()",
        b"BEGIN",
        b"END",
        b"KILL",
        b"CONNECTION_ID",
        b"WITH c AS",
        b"INSERT INTO",
        b"EXPLAIN",
        b"DECLARE",
        b"INTO",
        b"@",
        b"@@",
        b":=",
        b"(",
        b")",
        b",",
        b".",
        b";",
        b"'",
        b"\"",
        b"`",
        b"\\",
        b"/*",
        b"*/",
        b"/*!",
        b"/*!50000",
        b"/*!999999 ",
        b"/*M!",
        b"/*+",
        b"--",
        b"-- ",
        b"#",
        b"\n",
        b"\0",
        b"$",
        b"$$",
        b"$a$",
        b"0x",
        b"x'",
        b"b'",
        b"n'",
        b"1.",
        b"e5",
        b" ",
        b"\x81",
        b"\xBF",
        b"\xA0",
        b"\xEF\xBB\xBF",
        b"0",
        b"rolecall: primary",
    ];
    let piece = prop_oneof![
        4 => prop::sample::select(pieces).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// The case's text with something before every token that may have white space before it.
fn spread(case: &Case, fillers: &[&str]) -> Vec<u8> {
    let mut fillers = fillers.iter().cycle();
    let mut tokens = Tokens::new(&case.sql, case.lexing);
    let mut text = Vec::new();
    let mut end = 0;
    loop {
        let token = tokens.token();
        if token.start > end || end == 0 || token.kind == Kind::End {
            text.extend_from_slice(fillers.next().expect("a cycle").as_bytes());
        }
        text.extend_from_slice(&case.sql[end..token.end]);
        end = token.end;
        if token.kind == Kind::End {
            return text;
        }
    }
}

/// The case's text with the letters of its words in other cases.
fn shout(case: &Case, upper: &[bool]) -> Vec<u8> {
    let mut upper = upper.iter().cycle();
    let mut tokens = Tokens::new(&case.sql, case.lexing);
    let mut text = case.sql.clone();
    loop {
        let token = tokens.token();
        match token.kind {
            Kind::Word(_) | Kind::SystemVariable if token.text.is_ascii() => {
                for byte in &mut text[token.start..token.end] {
                    *byte = if *upper.next().expect("a cycle") {
                        byte.to_ascii_uppercase()
                    } else {
                        byte.to_ascii_lowercase()
                    };
                }
            }
            Kind::End => return text,
            _ => {}
        }
    }
}

fn assert_same(case: &Case, text: &[u8]) -> Result<(), TestCaseError> {
    let found = classify(text, &case.lexing, &CATALOGUE);
    let what = format!("{}: {} from {}", case.id, text.escape_ascii(), case.sql.escape_ascii());
    prop_assert_eq!(found.verb, case.verb, "{}", &what);
    prop_assert_eq!(found.access, case.access, "{}", &what);
    prop_assert_eq!(found.effects, case.effects, "{}", &what);
    prop_assert_eq!(found.hint, case.hint, "{}", &what);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_anything_panic(text in texts(), lexing in lexings()) {
        let _ = classify(&text, &lexing, &CATALOGUE);
        let _ = kill(&text, &lexing);
        let _ = bare_connection_id(&text, &lexing);
        let body = String::from_utf8_lossy(&text).into_owned();
        let function = Routine { name: "f".into(), body: Some(body.clone()) };
        let view = View { name: "v".into(), definition: Some(body.clone()) };
        let trigger = Trigger { table: "t".into(), body: Some(body) };
        let _ = Catalogue::build(&[function], &[view], &[trigger], &lexing);
    }

    #[test]
    fn tokens_make_progress_and_stay_inside_the_text(text in texts(), lexing in lexings()) {
        let mut tokens = Tokens::new(&text, lexing);
        let mut end = 0;
        loop {
            let token = tokens.token();
            prop_assert!(token.start >= end && token.end >= token.start && token.end <= text.len());
            if token.kind == Kind::End {
                break;
            }
            prop_assert!(token.end > token.start);
            end = token.end;
        }
    }

    #[test]
    fn white_space_and_comments_change_no_verdict(
        index in any::<prop::sample::Index>(),
        fillers in prop::collection::vec(prop::sample::select(vec![" ", " \t\n", " /* c */", " -- c\n", " # c\n", " /**/ "]), 1..8),
    ) {
        let case = index.get(&CASES);
        // With IGNORE_SPACE a comment before `(` tells a call of a stored function from a built-in one.
        if !case.lexing.mode.contains(SqlMode::IGNORE_SPACE) {
            assert_same(case, &spread(case, &fillers))?;
        }
    }

    #[test]
    fn upper_and_lower_case_change_no_verdict(
        index in any::<prop::sample::Index>(),
        upper in prop::collection::vec(any::<bool>(), 1..16),
    ) {
        let case = index.get(&CASES);
        assert_same(case, &shout(case, &upper))?;
    }
}

//! Which user variables a statement may set.

use crate::sql::Lexing;
use crate::sql::keyword::Keyword;
use crate::sql::token::{Kind, Tokens};

/// The names (MySQL Reference Manual, "User-Defined Variables": up to 64 characters, not case-sensitive).
const LONGEST_NAME: usize = 64;
/// Digits that are a BIGINT whatever they are.
const MOST_DIGITS: usize = 18;

/// The user variables that a text names: in lower case, without `@` and quotes. None where a name is one of those of which it is
/// not certain here which others are the same (not ASCII, with escapes, with a space at the end).
#[must_use]
pub fn user_variables(sql: &[u8], lexing: &Lexing) -> Option<Vec<Box<[u8]>>> {
    let mut tokens = Tokens::new(sql, *lexing);
    let mut names = Vec::new();
    loop {
        let token = tokens.token();
        match token.kind {
            Kind::End => break,
            Kind::UserVariable => names.push(name_of(token.text)?),
            _ => {}
        }
    }
    // What is a comment here may be none at another server.
    let findings = tokens.findings();
    (findings.doubt.is_none() && !findings.other_version).then_some(names)
}

/// The values that a text gives to user variables, if it is a SET of them to literal integers and nothing else.
#[must_use]
pub fn assigned_integers(sql: &[u8], lexing: &Lexing) -> Option<Vec<(Box<[u8]>, i64)>> {
    let mut tokens = Tokens::new(sql, *lexing);
    let mut assigned = Vec::new();
    if tokens.token().kind != Kind::Word(Keyword::Set) {
        return None;
    }
    loop {
        let name = tokens.token();
        let name = name_of(name.text).filter(|_| name.kind == Kind::UserVariable)?;
        let mut sign = tokens.token();
        if sign.kind == Kind::Punctuation(b':') {
            sign = tokens.token();
        }
        let mut value = tokens.token();
        let is_negative = value.kind == Kind::Punctuation(b'-');
        if is_negative {
            value = tokens.token();
        }
        let is_integer = value.kind == Kind::Number && value.text.len() <= MOST_DIGITS;
        if sign.kind != Kind::Punctuation(b'=') || !is_integer {
            return None;
        }
        // Not of the forms 0x5, 5.0 or 5e0.
        let number: i64 = std::str::from_utf8(value.text).ok()?.parse().ok()?;
        assigned.push((name, if is_negative { -number } else { number }));
        match tokens.token().kind {
            Kind::Punctuation(b',') => {}
            Kind::End => break,
            _ => return None,
        }
    }
    let findings = tokens.findings();
    (findings.doubt.is_none() && !findings.other_version).then_some(assigned)
}

fn name_of(token: &[u8]) -> Option<Box<[u8]>> {
    match token.strip_prefix(b"@")? {
        [b'`' | b'\'' | b'"', name @ .., _] | name => user_variable_name(name),
    }
}

/// A name as servers tell it, without quotes: in lower case. None where it is not certain which others are the same.
#[must_use]
pub fn user_variable_name(name: &[u8]) -> Option<Box<[u8]>> {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'`' | b'\'' | b'"' | b'\\');
    let is_certain =
        (1..=LONGEST_NAME).contains(&name.len()) && name.iter().all(is_plain) && name.last() != Some(&b' ');
    is_certain.then(|| name.to_ascii_lowercase().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sql: &str) -> Option<Vec<String>> {
        let names = user_variables(sql.as_bytes(), &Lexing::default())?;
        Some(names.into_iter().map(|name| String::from_utf8(name.into()).expect("ASCII")).collect())
    }

    #[test]
    fn c2_every_name_of_the_text_counts() {
        let found = names("SELECT @a := 1, '@b', @`C`, @'d.e', @@session.x /* @f */");
        assert_eq!(found.expect("all are certain"), ["a", "c", "d.e"]);
        assert_eq!(names("SET @a.b$_1 = 1, @`odd name` = 2").expect("certain"), ["a.b$_1", "odd name"]);
    }

    #[test]
    fn c2_integers_are_known_by_the_text() {
        let integers = |sql: &str| {
            let assigned = assigned_integers(sql.as_bytes(), &Lexing::default())?;
            Some(
                assigned
                    .into_iter()
                    .map(|(name, value)| (String::from_utf8(name.into()).expect("ASCII"), value))
                    .collect(),
            )
        };
        let expected = |pairs: &[(&str, i64)]| {
            Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect::<Vec<_>>())
        };
        assert_eq!(integers("SET @a = 5"), expected(&[("a", 5)]));
        assert_eq!(
            integers("set /* x */ @`A`:=-07,@b=999999999999999999"),
            expected(&[("a", -7), ("b", 999_999_999_999_999_999)])
        );
        for sql in [
            "SET @a = 1000000000000000000",
            "SET @a = 5.0",
            "SET @a = 5e0",
            "SET @a = 0x5",
            "SET @a = '5'",
            "SET @a = 5 + 1",
            "SET @a = 5, sql_mode = ''",
            "SET @a = 5, @b = @a",
            "SET @a = NULL",
            "SET @a = --5",
            "SET @a",
            "SET @a = 5; SELECT 1",
            "SELECT @a := 5",
            "SET @ä = 5",
            "SET SESSION @a = 5",
            "SET @a = 5 /*!99999 + 1 */",
            "SET",
            "SET @a = -",
        ] {
            assert_eq!(integers(sql), None, "{sql}");
        }
    }

    #[test]
    fn names_that_may_be_spelled_otherwise_are_no_names() {
        for sql in ["SET @`a ` = 1", "SET @`a``b` = 1", r"SET @'a\'b' = 1", "SET @ä = 1", "SET @ = 1", "SET @`` = 1"] {
            assert_eq!(names(sql), None, "{sql}");
        }
    }
}

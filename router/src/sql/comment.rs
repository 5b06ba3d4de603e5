//! Comments: plain ones, executable ones by flavour and version, optimizer hints, and Rolecall's own hints.
//!
//! MySQL executes `/*!` and `/*!VVVVV` up to its own version; 9.7 takes a sixth digit as part of the version when white
//! space follows, older servers do not. MariaDB takes six digits whenever they stand there, ignores the versions 50700 to
//! 99999, which are MySQL's alone, and also knows `/*M!` and `/*M!VVVVVV`. What is not executed may hold one level of
//! `/* … */`. (Measured on 9.7, 10.11 and 11.8; the table of cases repeats it.)

use memchr::{memchr, memmem};

use super::byte;
use super::{Flavour, Hint, Lexing};

/// What stands where a comment may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comment {
    /// No comment: an operator.
    None,
    /// A comment of this length.
    Skip {
        /// In bytes.
        length: usize,
        /// A wish inside.
        hint: Option<Hint>,
        /// Why the server may see its end elsewhere, or its inside as code.
        doubt: Option<&'static str>,
    },
    /// An executable comment of this length that a newer server would execute.
    Newer {
        /// In bytes.
        length: usize,
    },
    /// The beginning of an executable comment, of this length: what follows is code up to `*/`.
    Execute {
        /// In bytes.
        length: usize,
        /// Other versions read its number differently.
        is_ambiguous: bool,
    },
    /// A comment that does not end.
    Unterminated,
}

/// Looks at `bytes`, whose first is `/`, `-` or `#`.
pub(super) fn at(bytes: &[u8], lexing: &Lexing) -> Comment {
    match *bytes {
        [b'#', ..] => line(bytes, 1),
        [b'-', b'-'] => Comment::Skip { length: 2, hint: None, doubt: None },
        [b'-', b'-', next, ..] if byte::is_space(next) || next.is_ascii_control() => line(bytes, 2),
        // In some single-byte sets, bytes from 0x80 on are white space or control characters.
        [b'-', b'-', 0x80..=0xFF, ..] if lexing.charset == super::ClientCharset::AsciiSafe => {
            Comment::Skip { length: 2, hint: None, doubt: Some("`--` before a byte that may be white space") }
        }
        [b'/', b'*', b'!', ..] => versioned(bytes, 3, lexing, Marker::Common),
        [b'/', b'*', b'M', b'!', ..] if lexing.flavour == Flavour::Mariadb => {
            versioned(bytes, 4, lexing, Marker::Mariadb)
        }
        [b'/', b'*', b'+', ..] => optimizer_hint(bytes, lexing),
        [b'/', b'*', ..] => plain(bytes),
        _ => Comment::None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Marker {
    /// `/*!`
    Common,
    /// `/*M!`
    Mariadb,
}

/// To the end of the line, which is \n alone.
fn line(bytes: &[u8], marker: usize) -> Comment {
    let length = memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1);
    let doubt = memchr(0, &bytes[..length]).map(|_| "a NUL byte in a comment");
    Comment::Skip { length, hint: hint(&bytes[marker..length]), doubt }
}

fn plain(bytes: &[u8]) -> Comment {
    match memmem::find(&bytes[2..], b"*/") {
        Some(end) => Comment::Skip { length: end + 4, hint: hint(&bytes[2..end + 2]), doubt: None },
        None => Comment::Unterminated,
    }
}

/// An optimizer hint has strings and quoted names, in which `*/` does not end it.
fn optimizer_hint(bytes: &[u8], lexing: &Lexing) -> Comment {
    let Some(end) = memmem::find(&bytes[2..], b"*/") else { return Comment::Unterminated };
    let inside = &bytes[3..end + 2];
    let mut quote = None;
    let mut doubtful = false;
    for byte in inside {
        match (quote, *byte) {
            (None, b'\'' | b'"' | b'`') => quote = Some(*byte),
            (Some(open), byte) if open == byte => quote = None,
            (Some(_), b'\\') => doubtful = true,
            (Some(_), 0x80..) if super::multibyte::has_ascii_trails(lexing.charset) => doubtful = true,
            _ => {}
        }
    }
    let doubt = (quote.is_some() || doubtful).then_some("an optimizer hint whose end is not clear");
    Comment::Skip { length: end + 4, hint: None, doubt }
}

fn versioned(bytes: &[u8], marker: usize, lexing: &Lexing, kind: Marker) -> Comment {
    let mut digits = bytes[marker..].iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
    let is_ambiguous = digits == 6 && lexing.flavour == Flavour::Mysql;
    if is_ambiguous && !bytes.get(marker + 6).is_some_and(|byte| byte::is_space(*byte)) {
        digits = 5;
    }
    if digits < 5 {
        return Comment::Execute { length: marker, is_ambiguous };
    }
    let number = &bytes[marker..marker + digits];
    let version = number.iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    if lexing.flavour == Flavour::Mariadb && kind == Marker::Common && (50700..=99999).contains(&version) {
        return skipped(bytes).map_or(Comment::Unterminated, |length| Comment::Skip {
            length,
            hint: None,
            doubt: None,
        });
    }
    if version <= lexing.version.0 {
        return Comment::Execute { length: marker + digits, is_ambiguous };
    }
    skipped(bytes).map_or(Comment::Unterminated, |length| Comment::Newer { length })
}

/// The length of a comment that is not executed, with one level of comments inside; None if it does not end.
fn skipped(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    let mut depth = 1;
    while let Some(found) = memchr::memchr2(b'*', b'/', bytes.get(at..).unwrap_or_default()) {
        at += found;
        match bytes.get(at..at + 2) {
            Some(b"*/") => {
                at += 2;
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            Some(b"/*") if depth == 1 => {
                at += 2;
                depth += 1;
            }
            _ => at += 1,
        }
    }
    None
}

/// `rolecall: primary`, `replica` or a consistency, and nothing else.
fn hint(inside: &[u8]) -> Option<Hint> {
    const NAME: &[u8] = b"rolecall";
    let inside = inside.trim_ascii();
    let (name, rest) = inside.split_at_checked(NAME.len())?;
    if !name.eq_ignore_ascii_case(NAME) {
        return None;
    }
    Hint::from_name(rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii())
}

//! The lengths of literals and identifiers, quotes included.

use memchr::{memchr, memchr2};

use super::byte;
use super::multibyte;
use super::{ClientCharset, Lexing, SqlMode};

/// An unquoted word.
pub(super) struct Word {
    /// In bytes.
    pub length: usize,
    /// No byte is outside ASCII.
    pub is_ascii: bool,
    /// Some byte may be white space to the server.
    pub is_doubtful: bool,
}

/// The word that begins `bytes`, whose first `known` bytes are part of it, and ASCII.
#[inline]
pub(super) fn word(bytes: &[u8], known: usize, charset: ClientCharset) -> Word {
    let mut length = known;
    while length < bytes.len() && byte::is_ascii_identifier(bytes[length]) {
        length += 1;
    }
    if bytes.get(length).is_some_and(|byte| *byte >= 0x80) {
        return foreign_word(bytes, length, charset);
    }
    Word { length, is_ascii: true, is_doubtful: false }
}

/// The same, from the first byte outside ASCII on.
#[cold]
fn foreign_word(bytes: &[u8], ascii: usize, charset: ClientCharset) -> Word {
    let mut length = ascii;
    while let Some(&byte) = bytes.get(length)
        && byte::is_identifier(byte)
    {
        length += if byte < 0x80 { 1 } else { multibyte::length(charset, &bytes[length..]) };
    }
    Word { length, is_ascii: false, is_doubtful: charset == ClientCharset::AsciiSafe }
}

/// The string that begins with the quote `bytes[0]`; None if it does not end.
pub(super) fn string(bytes: &[u8], lexing: Lexing) -> Option<usize> {
    let quote = *bytes.first()?;
    let escapes = !lexing.mode.contains(SqlMode::NO_BACKSLASH_ESCAPES);
    let mut at = 1;
    loop {
        at = if multibyte::has_ascii_trails(lexing.charset) {
            at + special(&bytes[at..], quote, escapes, lexing.charset)?
        } else if escapes {
            at + memchr2(quote, b'\\', bytes.get(at..)?)?
        } else {
            at + memchr(quote, bytes.get(at..)?)?
        };
        if bytes[at] == quote {
            if bytes.get(at + 1) != Some(&quote) {
                return Some(at + 1);
            }
        } else if at + 1 == bytes.len() {
            return None;
        }
        // A doubled quote, or a backslash with the byte behind it: the server skips one byte, not one character.
        at += 2;
    }
}

/// Where the next quote or backslash is that is no part of a multi-byte character.
fn special(bytes: &[u8], quote: u8, escapes: bool, charset: ClientCharset) -> Option<usize> {
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte == quote || (escapes && byte == b'\\') {
            return Some(at);
        }
        at += if byte < 0x80 { 1 } else { multibyte::length(charset, &bytes[at..]) };
    }
    None
}

/// The identifier in quotes that begins with `bytes[0]`; None if it does not end, or contains NUL (where servers differ).
pub(super) fn quoted_identifier(bytes: &[u8], quote: u8, charset: ClientCharset) -> Option<usize> {
    let mut at = 1;
    loop {
        let found = special(bytes.get(at..)?, quote, false, charset)?;
        if memchr(0, &bytes[at..at + found]).is_some() {
            return None;
        }
        at += found;
        if bytes.get(at + 1) != Some(&quote) {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// x'…' or b'…'; None if other characters stand inside.
pub(super) fn digits(bytes: &[u8]) -> Option<usize> {
    let is_hexadecimal = bytes[0].eq_ignore_ascii_case(&b'x');
    let is_digit = |byte: &&u8| if is_hexadecimal { byte.is_ascii_hexdigit() } else { matches!(byte, b'0' | b'1') };
    let count = bytes[2..].iter().take_while(is_digit).count();
    let is_whole = bytes.get(2 + count) == Some(&b'\'') && (!is_hexadecimal || count % 2 == 0);
    is_whole.then_some(count + 3)
}

/// `$tag$ … $tag$` (MySQL 9; the tag may be empty); None if `bytes` begins no such text.
pub(super) fn dollar_quoted(bytes: &[u8]) -> Option<usize> {
    let tag = bytes[1..].iter().position(|byte| *byte == b'$' || !byte::is_identifier(*byte))? + 1;
    if bytes[tag] != b'$' {
        return None;
    }
    let delimiter = &bytes[..=tag];
    memchr::memmem::find(&bytes[delimiter.len()..], delimiter).map(|found| found + 2 * delimiter.len())
}

/// What begins with a digit.
pub(super) enum Number {
    /// A number of so many bytes.
    Length(usize),
    /// An identifier whose first bytes are these.
    Identifier(usize),
    /// `1.e` and its like.
    Malformed,
}

/// What begins with the digit `bytes[0]`.
pub(super) fn number(bytes: &[u8]) -> Number {
    let get = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let run =
        |from: usize, is: fn(&u8) -> bool| from + bytes[from.min(bytes.len())..].iter().take_while(|b| is(b)).count();
    if bytes[0] == b'0' && matches!(get(1), b'x' | b'b') {
        let end =
            if get(1) == b'x' { run(2, u8::is_ascii_hexdigit) } else { run(2, |byte| matches!(byte, b'0' | b'1')) };
        return if end > 2 && !byte::is_identifier(get(end)) { Number::Length(end) } else { Number::Identifier(end) };
    }
    let end = run(0, u8::is_ascii_digit);
    match get(end) {
        b'.' => real(&bytes[end..]).map_or(Number::Malformed, |length| Number::Length(end + length)),
        b'e' | b'E' => match (get(end + 1), get(end + 2)) {
            (b'0'..=b'9', _) => Number::Length(run(end + 1, u8::is_ascii_digit)),
            (b'+' | b'-', b'0'..=b'9') => Number::Length(run(end + 2, u8::is_ascii_digit)),
            _ => Number::Identifier(end),
        },
        other if byte::is_identifier(other) => Number::Identifier(end),
        _ => Number::Length(end),
    }
}

/// From the dot of a number on; None for an exponent without digits.
pub(super) fn real(bytes: &[u8]) -> Option<usize> {
    let run = |from: usize| from + bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let end = run(1);
    if !matches!(bytes.get(end), Some(b'e' | b'E')) {
        return Some(end);
    }
    let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
    let digits = end + 1 + sign;
    bytes.get(digits).is_some_and(u8::is_ascii_digit).then(|| run(digits))
}

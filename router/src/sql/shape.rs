//! A statement's shape: its text with the literals taken out that cannot change how it is classified.
//!
//! Two texts of one shape are cut into the same tokens but for the value of numbers and strings, which classification
//! of queries and of DML never reads; so a verdict holds for all texts of a shape. That needs the walk to know at each
//! byte whether it stands inside quotes, as the server's lexer does. Where that is not certain there is no shape:
//! comments, backslashes inside of quotes, dollar quotes, NUL, and character sets whose multi-byte
//! characters contain ASCII bytes.
//!
//! A literal is taken out only between bytes that leave no doubt of where it begins and ends: a run of digits or a
//! string behind a space, `=`, `(` or `,` and before a space, `)`, `,`, `;` or the end. A number becomes `0` and a
//! string `''`, so that a shape is a text of the same shape itself.

use super::{ClientCharset, Lexing};

/// Bytes of the longest shape.
pub(super) const SHAPE_LIMIT: usize = 256;
/// Bytes of the longest text that is looked at.
const TEXT_LIMIT: usize = 2048;

/// What a byte does outside of quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Plain,
    Digit,
    /// `'`
    String,
    /// `"` or a backquote: what is inside stays.
    Quote,
    /// A comment may begin.
    Comment,
    /// There is no shape.
    Doubt,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Plain; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'0'..=b'9' => Class::Digit,
            b'\'' => Class::String,
            b'"' | b'`' => Class::Quote,
            b'/' | b'-' => Class::Comment,
            b'#' | b'$' | b'\\' | 0 => Class::Doubt,
            _ => Class::Plain,
        };
        byte += 1;
    }
    classes
};

/// What a literal may stand behind.
const OPENERS: [bool; 256] = {
    let mut openers = [false; 256];
    let mut at = 0;
    while at < 4 {
        openers[b" =(,"[at] as usize] = true;
        at += 1;
    }
    openers
};

/// A text's shape, in a buffer that is used again for the next.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    bytes: [u8; SHAPE_LIMIT],
    length: usize,
}

impl Shape {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; SHAPE_LIMIT], length: 0 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// A number that tells most shapes apart.
    pub(super) fn hash(&self) -> u64 {
        let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let (words, rest) = self.bytes().as_chunks::<8>();
        let hash = words.iter().fold(self.length as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
        rest.iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)))
    }

    /// Takes the shape of `sql`; false where it has none.
    pub(super) fn take(&mut self, sql: &[u8], lexing: &Lexing) -> bool {
        self.length = 0;
        matches!(lexing.charset, ClientCharset::AsciiSafe | ClientCharset::Utf8)
            && sql.len() <= TEXT_LIMIT
            && self.walk(sql).is_some()
    }

    /// None: there is no shape.
    fn walk(&mut self, sql: &[u8]) -> Option<()> {
        let (mut at, mut length) = (0, 0);
        // What stands between is copied in one piece.
        let mut copied = 0;
        while let Some(&byte) = sql.get(at) {
            let class = CLASSES[usize::from(byte)];
            if class == Class::Plain {
                at += 1;
                continue;
            }
            let opened = || at == 0 || OPENERS[usize::from(sql[at - 1])];
            let (end, kept): (usize, &[u8]) = match class {
                Class::Digit => {
                    let run = sql[at..].iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(sql.len() - at);
                    if !(opened() && closes(sql.get(at + run))) {
                        at += run;
                        continue;
                    }
                    (at + run, b"0")
                }
                Class::String | Class::Quote => {
                    let end = at + quoted(&sql[at..])?;
                    if class == Class::Quote || !opened() || !closes(sql.get(end)) {
                        at = end;
                        continue;
                    }
                    (end, b"''")
                }
                Class::Comment => {
                    if matches!((byte, sql.get(at + 1)), (b'/', Some(b'*')) | (b'-', Some(b'-'))) {
                        return None;
                    }
                    at += 1;
                    continue;
                }
                Class::Plain | Class::Doubt => return None,
            };
            length = self.put(length, &sql[copied..at])?;
            length = self.put(length, kept)?;
            (at, copied) = (end, end);
        }
        self.length = self.put(length, &sql[copied..])?;
        Some(())
    }

    fn put(&mut self, length: usize, part: &[u8]) -> Option<usize> {
        let end = length + part.len();
        self.bytes.get_mut(length..end)?.copy_from_slice(part);
        Some(end)
    }
}

/// Whether a literal is over before this byte.
const fn closes(next: Option<&u8>) -> bool {
    matches!(next, None | Some(b' ' | b')' | b',' | b';'))
}

/// The length of the quoted text at the front, quotes included; None where that is not certain.
fn quoted(text: &[u8]) -> Option<usize> {
    let (quote, inside) = text.split_first()?;
    let end = inside.iter().position(|byte| byte == quote || *byte == b'\\' || *byte == 0)?;
    (inside[end] == *quote).then_some(end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(sql: &str) -> Option<String> {
        let mut shape = Shape::new();
        let found = shape.take(sql.as_bytes(), &Lexing::default());
        found.then(|| String::from_utf8(shape.bytes().to_vec()).expect("text"))
    }

    #[test]
    fn literals_between_certain_bytes_are_taken_out() {
        for (sql, expected) in [
            ("SELECT c FROM t WHERE id = 12345", "SELECT c FROM t WHERE id = 0"),
            ("SELECT a1 FROM t2 WHERE a1=7 AND b IN (1,22,'x y')", "SELECT a1 FROM t2 WHERE a1=0 AND b IN (0,0,'')"),
            ("SELECT 'a','-- b', `c 1 '`, \"d 2\"", "SELECT '','', `c 1 '`, \"d 2\""),
            // Not certain to be literals of their own.
            ("SELECT t.1, 0x1F, 1e5, 1.5, x'41', N'a', 'a'b", "SELECT t.1, 0x1F, 1e5, 1.5, x'41', N'a', 'a'b"),
            ("SELECT 8/2, -3", "SELECT 8/2, -3"),
            // A doubled quote reads as an end and a new beginning, neither of which is certain.
            ("SELECT 'it''s', '''', `a``b`, 1", "SELECT 'it''s', '''', `a``b`, 0"),
        ] {
            assert_eq!(shape(sql).as_deref(), Some(expected), "{sql}");
        }
    }

    #[test]
    fn what_is_not_certain_has_no_shape() {
        for sql in [
            "SELECT /* x */ 1",
            "SELECT 1 -- x",
            "SELECT 1 # x",
            "SELECT $$ 'x $$",
            r"SELECT 'a\' , 1",
            "SELECT 'a",
            "SELECT 1\0",
        ] {
            assert_eq!(shape(sql), None, "{sql}");
        }
        let gbk = Lexing { charset: ClientCharset::Gbk, ..Lexing::default() };
        assert!(!Shape::new().take(b"SELECT 1", &gbk));
        assert!(!Shape::new().take(&[b'a'; SHAPE_LIMIT + 1], &Lexing::default()));
    }
}

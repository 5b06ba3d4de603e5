//! Classes of bytes, as the server's lexer has them (sql/sql_lex.cc, `state_map` and `ident_map`).

/// What a byte may begin or continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// White space: space, \t, \n, \v, \f, \r.
    Space,
    /// A letter, `_`, `$` or a byte outside ASCII.
    Letter,
    /// 0 to 9.
    Digit,
    /// `'` or `"`.
    Quote,
    /// A backquote.
    Backquote,
    /// `@`.
    At,
    /// `/`, `-` or `#`: a comment may begin.
    Comment,
    /// `*`: an executable comment may end.
    Star,
    /// `.`.
    Dot,
    /// NUL.
    Nul,
    /// Any other.
    Other,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b' ' | b'\t'..=b'\r' => Class::Space,
            b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'$' | 0x80..=0xFF => Class::Letter,
            b'0'..=b'9' => Class::Digit,
            b'\'' | b'"' => Class::Quote,
            b'`' => Class::Backquote,
            b'@' => Class::At,
            b'/' | b'-' | b'#' => Class::Comment,
            b'*' => Class::Star,
            b'.' => Class::Dot,
            0 => Class::Nul,
            _ => Class::Other,
        };
        byte += 1;
    }
    classes
};

pub(super) const fn class(byte: u8) -> Class {
    CLASSES[byte as usize]
}

pub(super) const fn is_space(byte: u8) -> bool {
    matches!(class(byte), Class::Space)
}

/// Whether a byte may stand inside an unquoted identifier.
pub(super) const fn is_identifier(byte: u8) -> bool {
    matches!(class(byte), Class::Letter | Class::Digit)
}

const ASCII_IDENTIFIER: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x80 {
        table[byte] = is_identifier(byte as u8);
        byte += 1;
    }
    table
};

/// The same, for bytes that need no look at the character set.
pub(super) const fn is_ascii_identifier(byte: u8) -> bool {
    ASCII_IDENTIFIER[byte as usize]
}

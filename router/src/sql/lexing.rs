//! What the server's lexer depends on besides the text.

use bitflags::bitflags;

/// Whose dialect the servers speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Flavour {
    /// MySQL.
    #[default]
    Mysql,
    /// MariaDB.
    Mariadb,
}

/// A server version as executable comments count it: 9.7.4 is 90704, 10.11.19 is 101119.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ServerVersion(pub u32);

bitflags! {
    /// The parts of sql_mode that change how text is cut into tokens.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub struct SqlMode: u8 {
        /// `"` quotes identifiers.
        const ANSI_QUOTES = 1;
        /// `\` is an ordinary character in strings.
        const NO_BACKSLASH_ESCAPES = 2;
        /// Spaces may stand between a built-in function's name and `(`.
        const IGNORE_SPACE = 4;
        /// MariaDB's Oracle mode: another grammar; everything goes to the primary.
        const ORACLE = 8;
    }
}

/// How the bytes of character_set_client are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientCharset {
    /// A single byte or UTF-8: no byte of a multi-byte character is below 0x80.
    #[default]
    AsciiSafe,
    /// UTF-8: as [`Self::AsciiSafe`], and no byte outside ASCII is white space (in latin1, 0xA0 is).
    Utf8,
    /// gbk: trail bytes 0x40..=0x7E, 0x80..=0xFE.
    Gbk,
    /// gb18030: two or four bytes.
    Gb18030,
    /// big5.
    Big5,
    /// sjis and cp932.
    Sjis,
    /// Not known: nothing is trusted, everything goes to the primary.
    Unknown,
}

/// What the server's lexer depends on besides the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lexing {
    /// From the session's sql_mode.
    pub mode: SqlMode,
    /// From character_set_client.
    pub charset: ClientCharset,
    /// The servers' flavour.
    pub flavour: Flavour,
    /// The servers' lowest version.
    pub version: ServerVersion,
}

impl Lexing {
    /// [`Self::default`], as a constant.
    pub(super) const DEFAULT: Self = Self {
        mode: SqlMode::empty(),
        charset: ClientCharset::AsciiSafe,
        flavour: Flavour::Mysql,
        version: ServerVersion(0),
    };
}

impl SqlMode {
    /// From the value of sql_mode (a list with commas).
    #[must_use]
    pub fn from_value(value: &[u8]) -> Self {
        let mut mode = Self::empty();
        for part in value.split(|byte| *byte == b',') {
            mode |= match part {
                b"ANSI_QUOTES" => Self::ANSI_QUOTES,
                b"NO_BACKSLASH_ESCAPES" => Self::NO_BACKSLASH_ESCAPES,
                b"IGNORE_SPACE" => Self::IGNORE_SPACE,
                b"ANSI" => Self::ANSI_QUOTES | Self::IGNORE_SPACE,
                b"ORACLE" => Self::ORACLE,
                _ => Self::empty(),
            };
        }
        mode
    }
}

impl ClientCharset {
    /// From a collation's id, as in the handshake or COM_CHANGE_USER. Collations of character sets that need care are named;
    /// all others of the servers' lists are safe, except for the wide ones, which no client may use.
    #[must_use]
    pub const fn from_collation(id: u16, flavour: Flavour) -> Self {
        // MariaDB has each collation without padding at an id 1024 higher; MySQL leaves those ids to its users.
        let id = match (id, flavour) {
            (1024..=2047, Flavour::Mariadb) => id - 1024,
            _ => id,
        };
        match id {
            28 | 87 => Self::Gbk,
            248..=250 => Self::Gb18030,
            1 | 84 => Self::Big5,
            13 | 88 | 95 | 96 => Self::Sjis,
            // ucs2, utf16, utf16le, utf32
            35 | 54..=56 | 60..=62 | 90 | 101..=124 | 128..=151 | 159..=183 => Self::Unknown,
            640..=738 | 2560..=4095 => Self::Unknown,
            // swe7, whose brackets, braces and backslash are letters
            10 | 82 => Self::Unknown,
            // utf8mb3 and utf8mb4
            33 | 45 | 46 | 76 | 83 | 192..=247 | 255..=323 | 576..=579 | 608..=611 | 2048..=2503 => Self::Utf8,
            0..=254 => Self::AsciiSafe,
            _ => Self::Unknown,
        }
    }

    /// From a character set's name, as in character_set_client.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Self {
        match name {
            b"gbk" => Self::Gbk,
            b"gb18030" => Self::Gb18030,
            b"big5" => Self::Big5,
            b"sjis" | b"cp932" => Self::Sjis,
            b"utf8mb4" | b"utf8mb3" | b"utf8" => Self::Utf8,
            b"latin1" | b"latin2" | b"latin5" | b"latin7" | b"ascii" | b"binary" | b"cp1250" | b"cp1251"
            | b"cp1256" | b"cp1257" | b"cp850" | b"cp852" | b"cp866" | b"greek" | b"hebrew" | b"koi8r" | b"koi8u"
            | b"macce" | b"macroman" | b"tis620" | b"armscii8" | b"geostd8" | b"dec8" | b"hp8" | b"keybcs2"
            | b"ujis" | b"eucjpms" | b"euckr" | b"gb2312" => Self::AsciiSafe,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c7_a_collation_without_padding_has_the_character_set_of_its_twin() {
        let of = ClientCharset::from_collation;
        for (id, charset) in [
            (28, ClientCharset::Gbk),
            (84, ClientCharset::Big5),
            (96, ClientCharset::Sjis),
            (45, ClientCharset::Utf8),
            (8, ClientCharset::AsciiSafe),
            (35, ClientCharset::Unknown),
        ] {
            assert_eq!((of(id, Flavour::Mariadb), of(id + 1024, Flavour::Mariadb)), (charset, charset), "{id}");
            assert_eq!(of(id + 1024, Flavour::Mysql), ClientCharset::Unknown, "{id}");
        }
        assert_eq!(of(400, Flavour::Mysql), ClientCharset::Unknown);
        assert_eq!(of(2304, Flavour::Mariadb), ClientCharset::Utf8);
    }
}

//! Multi-byte characters whose later bytes look like ASCII.

use super::ClientCharset;

/// The length in bytes of the multi-byte character that begins `bytes`; 1 for anything else: a single byte, a lead byte
/// without a fitting trail byte, and every character of a set whose multi-byte characters have no byte below 0x80.
///
/// The ranges are those of the server's `ismbchar` functions (strings/ctype-*.c).
pub(super) fn length(charset: ClientCharset, bytes: &[u8]) -> usize {
    let (Some(&lead), Some(&trail)) = (bytes.first(), bytes.get(1)) else { return 1 };
    let double = match charset {
        ClientCharset::AsciiSafe | ClientCharset::Utf8 | ClientCharset::Unknown => false,
        ClientCharset::Gbk => matches!((lead, trail), (0x81..=0xFE, 0x40..=0x7E | 0x80..=0xFE)),
        ClientCharset::Gb18030 => match (lead, trail) {
            (0x81..=0xFE, 0x40..=0x7E | 0x80..=0xFE) => true,
            (0x81..=0xFE, 0x30..=0x39) => {
                let rest = (bytes.get(2).copied(), bytes.get(3).copied());
                return if matches!(rest, (Some(0x81..=0xFE), Some(0x30..=0x39))) { 4 } else { 1 };
            }
            _ => false,
        },
        ClientCharset::Big5 => matches!((lead, trail), (0xA1..=0xF9, 0x40..=0x7E | 0xA1..=0xFE)),
        ClientCharset::Sjis => matches!((lead, trail), (0x81..=0x9F | 0xE0..=0xFC, 0x40..=0x7E | 0x80..=0xFC)),
    };
    if double { 2 } else { 1 }
}

/// Whether bytes of `charset` below 0x80 may be part of a multi-byte character.
pub(super) const fn has_ascii_trails(charset: ClientCharset) -> bool {
    matches!(charset, ClientCharset::Gbk | ClientCharset::Gb18030 | ClientCharset::Big5 | ClientCharset::Sjis)
}

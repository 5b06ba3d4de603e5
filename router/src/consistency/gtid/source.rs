//! Who numbered a transaction: a UUID and, since MySQL 8.3, a tag.

use std::fmt;

/// What a GTID has in front of its number. Two tags of one server count apart, as two servers do.
///
/// <https://dev.mysql.com/doc/refman/9.5/en/replication-gtids-concepts.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source {
    /// The UUID of the server (or the group) where the transaction was first committed.
    pub uuid: [u8; 16],
    /// The tag; [`Tag::NONE`] for most.
    pub tag: Tag,
}

/// A tag, `[a-z_][a-z0-9_]{0,31}`, kept in lower case as servers show it; zeroes fill the rest, so that tags sort as
/// servers sort them, no tag first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Tag([u8; Tag::MAX_LENGTH]);

// === impl Source ===

impl Source {
    /// A UUID's length as text.
    pub(super) const UUID_LENGTH: usize = 36;

    /// Reads `hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh`, in either case. The spellings without dashes or in braces, which
    /// servers take but never write, are refused.
    pub(super) fn uuid(text: &[u8]) -> Option<[u8; 16]> {
        if text.len() != Self::UUID_LENGTH {
            return None;
        }
        let mut uuid = [0; 16];
        let mut at = 0;
        for (index, byte) in uuid.iter_mut().enumerate() {
            if DASHES_BEFORE.contains(&index) {
                if text[at] != b'-' {
                    return None;
                }
                at += 1;
            }
            *byte = hex(text[at])? << 4 | hex(text[at + 1])?;
            at += 2;
        }
        Some(uuid)
    }

    /// Writes the UUID in lower case.
    pub(super) fn write_uuid(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let mut text = [b'-'; Self::UUID_LENGTH];
        let mut at = 0;
        for (index, byte) in self.uuid.iter().enumerate() {
            at += usize::from(DASHES_BEFORE.contains(&index));
            text[at] = DIGITS[usize::from(byte >> 4)];
            text[at + 1] = DIGITS[usize::from(byte & 15)];
            at += 2;
        }
        out.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

// === impl Tag ===

impl Tag {
    /// The longest tag, in bytes.
    pub const MAX_LENGTH: usize = 32;
    /// No tag.
    pub const NONE: Self = Self([0; Self::MAX_LENGTH]);

    /// Reads a tag in either case; None if it is not one.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let first = *text.first()?;
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        if text.len() > Self::MAX_LENGTH || first.is_ascii_digit() || !text.iter().all(is_word) {
            return None;
        }
        let mut tag = Self::NONE;
        tag.0[..text.len()].copy_from_slice(text);
        tag.0.make_ascii_lowercase();
        Some(tag)
    }

    /// The tag's text; empty for [`Self::NONE`].
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(Self::MAX_LENGTH);
        std::str::from_utf8(&self.0[..length]).unwrap_or_default()
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

const DASHES_BEFORE: [usize; 4] = [4, 6, 8, 10];
const DIGITS: &[u8; 16] = b"0123456789abcdef";

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

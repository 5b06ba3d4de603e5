//! Who numbered a transaction: a UUID and, since MySQL 8.3, a tag.

use std::fmt;

use uuid::Uuid;

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
        // Of the other spellings none is as long.
        let uuid = (text.len() == Self::UUID_LENGTH).then(|| Uuid::try_parse_ascii(text).ok());
        uuid.flatten().map(Uuid::into_bytes)
    }

    /// The UUID in lower case, written to `room`.
    pub(super) fn uuid_text<'a>(&self, room: &'a mut [u8; Self::UUID_LENGTH]) -> &'a str {
        Uuid::from_bytes(self.uuid).hyphenated().encode_lower(room)
    }

    /// Room for that.
    pub(super) const fn uuid_room() -> [u8; Self::UUID_LENGTH] {
        [0; Self::UUID_LENGTH]
    }

    /// Writes the UUID in lower case.
    pub(super) fn write_uuid(&self, out: &mut impl fmt::Write) -> fmt::Result {
        out.write_str(self.uuid_text(&mut Self::uuid_room()))
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

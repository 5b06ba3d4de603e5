//! `@@global.gtid_owned`: transactions that have their number and are not yet in `@@global.gtid_executed`.

use super::text::parse_number;
use super::{GtidError, GtidSet, Interval, Source, Tag};

impl GtidSet {
    /// Adds what `@@global.gtid_owned` shows: `uuid:[tag:]number#thread[:number#thread]…`, one source after the other with
    /// *nothing* between them, so that a thread's id runs into the next UUID (measured on MySQL 9.7.4:
    /// `…562:8#121:7#1203e11fa47-71ca-11e1-9e33-c80aa9429562:aa:4#117`). A UUID has 36 characters and dashes; thread ids
    /// have none, which tells the two apart.
    ///
    /// # Errors
    /// [`GtidError`]; then some of it has been added and some not.
    pub fn insert_owned(&mut self, text: &[u8]) -> Result<(), GtidError> {
        let text = text.trim_ascii();
        if text.is_empty() {
            return Ok(());
        }
        let mut items = text.split(|byte| *byte == b':');
        let name = items.next().unwrap_or_default();
        let uuid = Source::uuid(name).ok_or(GtidError::Malformed(0))?;
        let mut source = Source { uuid, tag: Tag::NONE };
        let mut at = name.len() + 1;
        for item in items {
            if let Some(hash) = item.iter().position(|byte| *byte == b'#') {
                let number = parse_number(&item[..hash], at)?;
                let interval = Interval::new(number, number).ok_or(GtidError::OutOfRange(at))?;
                self.insert(&source, interval)?;
                let (thread, next) = split_uuid(&item[hash + 1..]);
                parse_number(thread, at + hash + 1)?;
                if let Some(next) = next {
                    let uuid = Source::uuid(next).ok_or(GtidError::Malformed(at + item.len() - next.len()))?;
                    source = Source { uuid, tag: Tag::NONE };
                }
            } else {
                source.tag = Tag::parse(item).ok_or(GtidError::Malformed(at))?;
            }
            at += item.len() + 1;
        }
        Ok(())
    }
}

/// A thread's id, and the UUID that may stand behind it.
fn split_uuid(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match text.len().checked_sub(Source::UUID_LENGTH) {
        Some(digits) if text.contains(&b'-') => (&text[..digits], Some(&text[digits..])),
        _ => (text, None),
    }
}

//! What passes without a look at its content: most of a reply's bytes.

use super::{ReplyScanner, State};
use crate::packet::{HEADER_LENGTH, MAX_PAYLOAD_LENGTH, PacketHeader};
use crate::response::ReplyKind;

impl ReplyScanner {
    /// Passes the whole packets of a result that need no look: most of a reply's bytes, so tight loops. Gives the place
    /// behind them. Only between packets of one piece, and while no sequence id is raised.
    pub(super) fn skim(&mut self, bytes: &[u8], mut at: usize) -> usize {
        if self.state == State::First
            && self.kind == ReplyKind::Results
            && let Some((columns, end)) = self.plain_column_count(bytes, at)
        {
            self.state = State::Definitions { left: columns };
            self.rows = 0;
            self.expected = self.expected.next();
            at = end;
        }
        if let State::Definitions { left } = self.state {
            // As in `passes_unseen`: no definition begins with 0xFB, whose catalogue would be NULL.
            let (end, count) = self.skim_packets(bytes, at, left, 0xFB);
            at = end;
            self.state =
                if count == left { State::AfterDefinitions } else { State::Definitions { left: left - count } };
        }
        if self.state == State::AfterDefinitions && self.context.client_deprecates_eof {
            let (end, count) = self.skim_packets(bytes, at, 1, 0xFE);
            at = end;
            self.rows += count;
            if count == 1 {
                self.state = State::Rows;
            }
        }
        if self.state == State::Rows {
            let (end, count) = self.skim_packets(bytes, at, u64::MAX, 0xFE);
            at = end;
            self.rows += count;
        }
        at
    }

    /// Passes at most `most` packets that are whole, of one piece, in order, and begin below `most_first`.
    fn skim_packets(&mut self, bytes: &[u8], mut at: usize, most: u64, most_first: u8) -> (usize, u64) {
        let mut count = 0;
        while count < most
            && let Some(&[low, middle, high, sequence, first]) = bytes.get(at..).and_then(|rest| rest.first_chunk())
        {
            let length = u32::from_le_bytes([low, middle, high, 0]) as usize;
            let end = at + HEADER_LENGTH + length;
            let is_plain =
                length != 0 && length != MAX_PAYLOAD_LENGTH && first < most_first && sequence == self.expected.0;
            if !is_plain || end > bytes.len() {
                break;
            }
            at = end;
            count += 1;
            self.expected = self.expected.next();
        }
        (at, count)
    }

    /// A column count of one byte with definitions behind it, and the place behind its packet: that of most results.
    fn plain_column_count(&self, bytes: &[u8], at: usize) -> Option<(u64, usize)> {
        let &[length, 0, 0, sequence, columns, flag] = bytes.get(at..)?.first_chunk()? else { return None };
        let has_definitions = if self.context.metadata_flag { length == 2 && flag == 1 } else { length == 1 };
        let is_plain = has_definitions && sequence == self.expected.0 && (1..=0xFA).contains(&columns);
        is_plain.then_some((u64::from(columns), at + HEADER_LENGTH + usize::from(length)))
    }

    /// Rows, definitions and continuations pass without a look at their content.
    pub(super) fn passes_unseen(&mut self, header: PacketHeader, first: Option<u8>) -> bool {
        if self.continued {
            return true;
        }
        match self.state {
            // A definition begins with its catalogue's name; what begins otherwise says that the count was a lie.
            State::Definitions { .. } | State::Parameters { .. } | State::Columns { .. } => {
                !matches!(first, None | Some(0xFB | 0xFE | 0xFF))
            }
            // F5: a packet of 0xFFFFFF bytes that begins with 0xFE is a row whose first column is that long.
            State::Rows => match first {
                Some(0xFE) => header.is_continued(),
                Some(0xFF) => false,
                _ => true,
            },
            State::Fields => !matches!(first, Some(0xFE | 0xFF)),
            State::First => self.kind == ReplyKind::Text && first != Some(0xFF),
            State::AfterDefinitions | State::Omitted { .. } | State::File | State::Done => false,
        }
    }
}

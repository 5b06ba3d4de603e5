//! Packets that pass through in pieces: a long statement, or a client's file.

use crate::ProtocolError;
use crate::packet::{HEADER_LENGTH, PacketHeader, SequenceId};

/// What ends a passage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassageEnd {
    /// A packet shorter than the maximum: the last part of one payload.
    LastPart,
    /// A packet without payload: the end of a file (LOCAL INFILE).
    EmptyPacket,
}

/// Follows packets through a stream without holding them. Sequence ids are checked, and lowered by what the client's are
/// ahead of the server's (EOF packets that were inserted for it).
#[derive(Debug)]
pub struct Passage {
    end: PassageEnd,
    inside: usize,
    ending: bool,
    continued: bool,
    done: bool,
    expected: SequenceId,
    lowered: u8,
    total: u64,
}

impl Passage {
    /// From a packet that must have sequence id `first`; ids are lowered by `lowered` on their way.
    #[must_use]
    pub const fn new(end: PassageEnd, first: SequenceId, lowered: u8) -> Self {
        Self { end, inside: 0, ending: false, continued: false, done: false, expected: first, lowered, total: 0 }
    }

    /// Whether the last packet has passed.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.done
    }

    /// Payload bytes seen in headers so far.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The sequence id of the last packet, as the receiver sees it.
    #[must_use]
    pub const fn last(&self) -> SequenceId {
        SequenceId(self.expected.0.wrapping_sub(1).wrapping_sub(self.lowered))
    }

    /// How many bytes at the front of `bytes` belong to the passage and can go on. The rest is an incomplete header, or
    /// what follows the passage.
    ///
    /// # Errors
    /// [`ProtocolError::OutOfOrder`].
    pub fn pass(&mut self, bytes: &mut [u8]) -> Result<usize, ProtocolError> {
        let mut at = 0;
        loop {
            let part = self.inside.min(bytes.len() - at);
            self.inside -= part;
            at += part;
            if self.inside > 0 {
                return Ok(at);
            }
            if self.ending {
                self.done = true;
                return Ok(at);
            }
            let Some(header) = PacketHeader::read(&bytes[at..]) else { return Ok(at) };
            self.expected.expect(header.sequence)?;
            bytes[at + HEADER_LENGTH - 1] = header.sequence.0.wrapping_sub(self.lowered);
            at += HEADER_LENGTH;
            self.inside = header.payload_length();
            self.total += u64::from(header.length);
            self.ending = match self.end {
                PassageEnd::LastPart => !header.is_continued(),
                // The empty packet behind one of the maximum length only ends that one's payload.
                PassageEnd::EmptyPacket => header.length == 0 && !self.continued,
            };
            self.continued = header.is_continued();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::put_packet;

    #[test]
    fn q14_the_trailer_of_a_part_of_exactly_a_packet_does_not_end_the_file() {
        let mut bytes = Vec::new();
        let mut sequence = SequenceId(2);
        put_packet(&mut bytes, &mut sequence, &vec![b'x'; crate::packet::MAX_PAYLOAD_LENGTH]);
        let mut passage = Passage::new(PassageEnd::EmptyPacket, SequenceId(2), 0);
        assert_eq!(passage.pass(&mut bytes), Ok(bytes.len()));
        assert!(!passage.is_done());
        let mut end = Vec::new();
        put_packet(&mut end, &mut sequence, b"");
        assert_eq!(passage.pass(&mut end), Ok(end.len()));
        assert!(passage.is_done());
    }

    #[test]
    fn q14_a_file_ends_with_its_empty_packet_at_any_split() {
        let mut bytes = Vec::new();
        let mut sequence = SequenceId(2);
        for part in [b"one".as_slice(), b"two", b""] {
            put_packet(&mut bytes, &mut sequence, part);
        }
        let file = bytes.len();
        bytes.extend_from_slice(b"next");
        for step in 1..bytes.len() {
            let mut passage = Passage::new(PassageEnd::EmptyPacket, SequenceId(2), 1);
            let mut held = Vec::new();
            let mut passed = 0;
            for piece in bytes.chunks(step) {
                held.extend_from_slice(piece);
                if !passage.is_done() {
                    let taken = passage.pass(&mut held).expect("in order");
                    held.drain(..taken);
                    passed += taken;
                }
            }
            assert!(passage.is_done());
            assert_eq!((passed, held.as_slice(), passage.last()), (file, b"next".as_slice(), SequenceId(3)));
        }
    }
}

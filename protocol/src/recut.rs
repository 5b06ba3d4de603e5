//! A payload that streams, and whose beginning is replaced by one of another length: its packets are cut anew.

use crate::ProtocolError;
use crate::packet::{HEADER_LENGTH, MAX_PAYLOAD_LENGTH, PacketHeader, SequenceId};

/// Cuts one payload into packets anew while it streams. Holds at most as many bytes as the payload has become longer.
#[derive(Debug)]
pub struct Recut {
    /// Bytes of the current packet that are still to come in.
    inside: usize,
    /// Whether another packet of the payload follows that one.
    continued: bool,
    done: bool,
    expected: SequenceId,
    /// Bytes whose packet cannot begin: how long it becomes is not known yet.
    held: Vec<u8>,
    /// Bytes that the current packet out still takes.
    room: usize,
    /// The last packet out has the maximum length, which tells that another one follows.
    owes_packet: bool,
    next: SequenceId,
}

impl Recut {
    /// Begins behind the first packet's header and the `replaced` bytes that follow it, in whose place `head` goes.
    #[must_use]
    pub fn begin(header: PacketHeader, replaced: usize, head: &[u8], out: &mut Vec<u8>) -> Self {
        let mut recut = Self {
            inside: header.payload_length().saturating_sub(replaced),
            continued: header.is_continued(),
            done: false,
            expected: header.sequence.next(),
            held: head.to_vec(),
            room: 0,
            owes_packet: false,
            next: header.sequence,
        };
        recut.flush(out);
        recut
    }

    /// Whether the payload's last byte has come in.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.done
    }

    /// The sequence id of the last packet out.
    #[must_use]
    pub const fn last(&self) -> SequenceId {
        SequenceId(self.next.0.wrapping_sub(1))
    }

    /// Takes what comes next, and appends to `out` what can go; says how many bytes it took. The rest is an incomplete
    /// header, or what follows the payload.
    ///
    /// # Errors
    /// [`ProtocolError::OutOfOrder`].
    pub fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, ProtocolError> {
        let mut at = 0;
        loop {
            let part = self.inside.min(bytes.len() - at);
            self.held.extend_from_slice(&bytes[at..at + part]);
            self.inside -= part;
            at += part;
            self.flush(out);
            if self.inside > 0 {
                return Ok(at);
            }
            if !self.continued {
                self.done = true;
                return Ok(at);
            }
            let Some(header) = PacketHeader::read(&bytes[at..]) else { return Ok(at) };
            self.expected.expect(header.sequence)?;
            at += HEADER_LENGTH;
            self.inside = header.payload_length();
            self.continued = header.is_continued();
        }
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        let mut at = 0;
        loop {
            let part = self.room.min(self.held.len() - at);
            out.extend_from_slice(&self.held[at..at + part]);
            self.room -= part;
            at += part;
            let known = self.held.len() - at + self.inside;
            let is_known = known >= MAX_PAYLOAD_LENGTH || !self.continued;
            let is_wanted = known > 0 || self.owes_packet;
            if self.room > 0 || !is_known || !is_wanted {
                break;
            }
            self.room = known.min(MAX_PAYLOAD_LENGTH);
            self.owes_packet = self.room == MAX_PAYLOAD_LENGTH;
            let header = PacketHeader { length: self.room as u32, sequence: self.next };
            self.next = self.next.next();
            out.extend_from_slice(&header.to_bytes());
        }
        self.held.drain(..at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::put_packet;

    /// What comes out when a payload of `length` has its first 10 bytes replaced by `head`, in steps of `step` bytes.
    fn recut(length: usize, head: &[u8], step: usize) -> (Vec<u8>, Vec<u8>) {
        let payload: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let mut bytes = Vec::new();
        put_packet(&mut bytes, &mut SequenceId(0), &payload);
        let mut expected = Vec::new();
        let mut sequence = SequenceId(0);
        put_packet(&mut expected, &mut sequence, &[head, &payload[10..]].concat());
        bytes.extend_from_slice(b"next");
        let mut out = Vec::new();
        let mut recut = Recut::begin(PacketHeader::read(&bytes).expect("a header"), 10, head, &mut out);
        let mut waiting: Vec<u8> = Vec::new();
        for piece in bytes[HEADER_LENGTH + 10..].chunks(step) {
            waiting.extend_from_slice(piece);
            if !recut.is_done() {
                let taken = recut.pass(&waiting, &mut out).expect("in order");
                waiting.drain(..taken);
            }
            assert!(recut.held.len() <= head.len() + 10, "{}", recut.held.len());
        }
        assert!(recut.is_done());
        assert_eq!(recut.last(), SequenceId(sequence.0.wrapping_sub(1)));
        assert_eq!(waiting, b"next");
        (out, expected)
    }

    #[test]
    fn d4_short_payloads_come_out_whole_at_any_split() {
        for step in 1..40 {
            for head in [&b"head"[..], b"a longer head"] {
                let (out, expected) = recut(30, head, step);
                assert_eq!(out, expected);
            }
        }
    }

    #[test]
    fn d4_e1_packets_of_the_maximum_are_cut_where_a_client_would_have_cut_them() {
        const MOST: usize = MAX_PAYLOAD_LENGTH;
        let head = [b'h'; 13];
        for length in [MOST - 4, MOST - 3, MOST - 2, MOST - 1, MOST, MOST + 1, 2 * MOST - 4, 2 * MOST - 3, 2 * MOST] {
            let (out, expected) = recut(length, &head, 99_991);
            assert!(out == expected, "{length}: {} bytes instead of {}", out.len(), expected.len());
        }
    }

    #[test]
    fn packets_out_of_order_are_an_error() {
        let mut out = Vec::new();
        let first = PacketHeader { length: MAX_PAYLOAD_LENGTH as u32, sequence: SequenceId(0) };
        let mut recut = Recut::begin(first, MAX_PAYLOAD_LENGTH, b"head", &mut out);
        let wrong = PacketHeader { length: 1, sequence: SequenceId(2) };
        assert!(recut.pass(&wrong.to_bytes(), &mut out).is_err());
    }
}

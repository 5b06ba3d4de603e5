//! Replies that are too large to keep: counted and looked at as they pass.

use rolecall_protocol::packet::{HEADER_LENGTH, MAX_PAYLOAD_LENGTH};
use rolecall_protocol::response::ErrPacket;
use rolecall_protocol::{Capabilities, PacketHeader};

use super::client::Client;

/// What was seen of one result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skimmed {
    /// Rows.
    pub rows: u64,
    /// Bytes of the rows' payloads.
    pub bytes: u64,
    /// Bytes of them that are not `filler`, lengths of columns among them.
    pub others: u64,
}

impl Client {
    /// Reads the reply of one query, whose one result is made of `filler`, and calls `passing` with the bytes so far.
    ///
    /// # Errors
    /// The ERR packet in its place or at its end.
    ///
    /// # Panics
    /// On a close, a time-out, a wrong sequence id, and where DEPRECATE_EOF does not hold.
    pub fn skim(&mut self, filler: u8, mut passing: impl FnMut(u64)) -> Result<Skimmed, ErrPacket> {
        assert!(self.capabilities.contains(Capabilities::DEPRECATE_EOF), "EOF packets");
        let first = self.read_packet().expect("an answer");
        if first.payload.first() == Some(&0xFF) {
            return Err(ErrPacket::decode(&first.payload).expect("an ERR packet"));
        }
        for _ in 0..first.payload[0] {
            self.read_packet().expect("a column");
        }
        let mut skimmed = Skimmed::default();
        let mut piece = vec![0; 256 << 10];
        let same = vec![filler; piece.len()];
        let mut begun = false;
        loop {
            let mut header = [0; HEADER_LENGTH];
            assert!(self.stream.take_into(&mut header).expect("a header"), "closed after {skimmed:?}");
            let header = PacketHeader::read(&header).expect("four bytes");
            assert_eq!(header.sequence, self.sequence, "after {skimmed:?}");
            self.sequence = self.sequence.next();
            let length = header.payload_length();
            let mut left = length;
            while left > 0 {
                let part = &mut piece[..left.min(256 << 10)];
                assert!(self.stream.take_into(part).expect("a payload"), "closed after {skimmed:?}");
                if left == length && !begun && length < MAX_PAYLOAD_LENGTH {
                    match part[0] {
                        0xFE => return Ok(skimmed),
                        0xFF => return Err(ErrPacket::decode(part).expect("an ERR packet")),
                        _ => {}
                    }
                }
                left -= part.len();
                skimmed.bytes += part.len() as u64;
                if *part != same[..part.len()] {
                    skimmed.others += part.iter().filter(|byte| **byte != filler).count() as u64;
                }
                passing(skimmed.bytes);
            }
            begun = length == MAX_PAYLOAD_LENGTH;
            skimmed.rows += u64::from(!begun);
        }
    }
}

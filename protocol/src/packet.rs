//! Packet headers and framing.
//!
//! A packet is `int<3>` payload length, `int<1>` sequence id, payload. A payload of 0xFFFFFF bytes or more travels
//! in several packets; every one of exactly 0xFFFFFF bytes is followed by another, empty if need be.
//!
//! Source: MySQL Source Code Documentation, "MySQL Packets".

use crate::ProtocolError;
use crate::wire::Put;

/// Bytes of a packet's header.
pub const HEADER_LENGTH: usize = 4;
/// The largest payload of one packet; a packet of this length is continued by the next one.
pub const MAX_PAYLOAD_LENGTH: usize = 0xFF_FFFF;

/// The number of a packet within one exchange; wraps from 255 to 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SequenceId(pub u8);

impl SequenceId {
    /// The id that follows.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// Checks that `got` is this id, and steps to the next.
    ///
    /// # Errors
    /// [`ProtocolError::OutOfOrder`] where it is another.
    pub fn expect(&mut self, got: Self) -> Result<(), ProtocolError> {
        if got != *self {
            return Err(ProtocolError::OutOfOrder { expected: self.0, got: got.0 });
        }
        *self = self.next();
        Ok(())
    }
}

/// The four bytes in front of each payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketHeader {
    /// Payload bytes that follow, 0..=0xFFFFFF.
    pub length: u32,
    /// Position in the exchange.
    pub sequence: SequenceId,
}

impl PacketHeader {
    /// Reads a header from the first four bytes, if they are there.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, sequence] = *bytes.first_chunk::<HEADER_LENGTH>()?;
        Some(Self { length: u32::from_le_bytes([a, b, c, 0]), sequence: SequenceId(sequence) })
    }

    /// The header as it travels.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; HEADER_LENGTH] {
        let [a, b, c, _] = self.length.to_le_bytes();
        [a, b, c, self.sequence.0]
    }

    /// Payload length as a size.
    #[must_use]
    pub const fn payload_length(self) -> usize {
        self.length as usize
    }

    /// Whether the next packet continues this one's payload.
    #[must_use]
    pub const fn is_continued(self) -> bool {
        self.payload_length() == MAX_PAYLOAD_LENGTH
    }
}

/// Appends `payload` as one or more packets, counting up `sequence`.
pub fn put_packet(out: &mut Vec<u8>, sequence: &mut SequenceId, payload: &[u8]) {
    let mut rest = payload;
    loop {
        let part = &rest[..rest.len().min(MAX_PAYLOAD_LENGTH)];
        rest = &rest[part.len()..];
        out.put_bytes(&PacketHeader { length: part.len() as u32, sequence: *sequence }.to_bytes());
        out.put_bytes(part);
        *sequence = sequence.next();
        if part.len() < MAX_PAYLOAD_LENGTH {
            return;
        }
    }
}

/// The same for the payload that `write` appends: short ones, which most are, are written once.
pub fn put_packet_of(out: &mut Vec<u8>, sequence: &mut SequenceId, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.put_bytes(&[0; HEADER_LENGTH]);
    write(out);
    let length = out.len() - start - HEADER_LENGTH;
    if length < MAX_PAYLOAD_LENGTH {
        let header = PacketHeader { length: length as u32, sequence: *sequence };
        out[start..start + HEADER_LENGTH].copy_from_slice(&header.to_bytes());
        *sequence = sequence.next();
        return;
    }
    let payload = out.split_off(start + HEADER_LENGTH);
    out.truncate(start);
    put_packet(out, sequence, &payload);
}

/// A whole payload at the front of a stream's bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Framed<'a> {
    /// The payload; `Cow::Owned` only where it came in several packets.
    pub payload: std::borrow::Cow<'a, [u8]>,
    /// Bytes of the stream that it took, headers included.
    pub taken: usize,
    /// Sequence id of its first packet.
    pub first: SequenceId,
    /// Sequence id of its last packet.
    pub last: SequenceId,
}

/// Looks for a whole payload of at most `limit` bytes at the front of `bytes`; `None` means: read more.
///
/// # Errors
/// [`ProtocolError::TooLarge`] as soon as a header claims more than `limit`; [`ProtocolError::OutOfOrder`] when a
/// continuation's sequence id does not follow.
pub fn frame(bytes: &[u8], limit: usize) -> Result<Option<Framed<'_>>, ProtocolError> {
    let Some(header) = PacketHeader::read(bytes) else {
        return Ok(None);
    };
    if header.payload_length() > limit {
        return Err(ProtocolError::TooLarge { what: "packet exceeds the limit for this moment" });
    }
    let end = HEADER_LENGTH + header.payload_length();
    if !header.is_continued() {
        return Ok(bytes.get(HEADER_LENGTH..end).map(|payload| Framed {
            payload: payload.into(),
            taken: end,
            first: header.sequence,
            last: header.sequence,
        }));
    }
    frame_continued(bytes, header, limit)
}

fn frame_continued(bytes: &[u8], first: PacketHeader, limit: usize) -> Result<Option<Framed<'_>>, ProtocolError> {
    let mut payload = Vec::new();
    let mut at = 0;
    let mut sequence = first.sequence;
    loop {
        let Some(header) = PacketHeader::read(&bytes[at..]) else {
            return Ok(None);
        };
        if header.sequence != sequence {
            return Err(ProtocolError::OutOfOrder { expected: sequence.0, got: header.sequence.0 });
        }
        if payload.len() + header.payload_length() > limit {
            return Err(ProtocolError::TooLarge { what: "packet exceeds the limit for this moment" });
        }
        let Some(part) = bytes.get(at + HEADER_LENGTH..at + HEADER_LENGTH + header.payload_length()) else {
            return Ok(None);
        };
        payload.extend_from_slice(part);
        at += HEADER_LENGTH + part.len();
        if !header.is_continued() {
            return Ok(Some(Framed {
                payload: payload.into(),
                taken: at,
                first: first.sequence,
                last: header.sequence,
            }));
        }
        sequence = sequence.next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f2_a_payload_of_exactly_the_limit_is_followed_by_an_empty_packet() {
        let payload = vec![b'x'; MAX_PAYLOAD_LENGTH];
        let mut bytes = Vec::new();
        let mut sequence = SequenceId(0);
        put_packet(&mut bytes, &mut sequence, &payload);
        assert_eq!(bytes.len(), MAX_PAYLOAD_LENGTH + 2 * HEADER_LENGTH);
        assert_eq!(sequence, SequenceId(2));
        assert_eq!(frame(&bytes[..bytes.len() - 1], usize::MAX), Ok(None));
        let framed = frame(&bytes, usize::MAX).expect("well formed").expect("whole");
        assert_eq!((framed.payload.len(), framed.taken), (payload.len(), bytes.len()));
    }

    #[test]
    fn f2_a_payload_that_is_written_in_place_is_cut_as_any_other() {
        for length in [0, 1, MAX_PAYLOAD_LENGTH - 1, MAX_PAYLOAD_LENGTH, MAX_PAYLOAD_LENGTH + 1] {
            let payload = vec![b'x'; length];
            let (mut copied, mut written) = (b"before".to_vec(), b"before".to_vec());
            let (mut one, mut two) = (SequenceId(255), SequenceId(255));
            put_packet(&mut copied, &mut one, &payload);
            put_packet_of(&mut written, &mut two, |out| out.extend_from_slice(&payload));
            assert!(copied == written && one == two, "{length}");
        }
    }

    #[test]
    fn f17_a_length_over_the_limit_is_refused_from_the_header_alone() {
        assert!(frame(&[0xFF, 0xFF, 0xFF, 0], 1024).is_err());
    }

    #[test]
    fn e20_sequence_ids_wrap_and_a_gap_is_an_error() {
        let mut sequence = SequenceId(255);
        assert_eq!(sequence.expect(SequenceId(255)), Ok(()));
        assert_eq!(sequence, SequenceId(0));
        assert_eq!(sequence.expect(SequenceId(1)), Err(ProtocolError::OutOfOrder { expected: 0, got: 1 }));
    }
}

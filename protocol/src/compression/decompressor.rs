//! Takes compressed frames apart.

use super::algorithm::Decoder;
use super::{Algorithm, Compressor, FRAME_HEADER_LENGTH};
use crate::wire::Reader;
use crate::{ProtocolError, SequenceId};

/// Takes compressed frames apart.
#[derive(Debug)]
pub struct Decompressor {
    algorithm: Algorithm,
    decoder: Option<Decoder>,
    next: SequenceId,
}

/// A frame's header.
struct Header {
    length: usize,
    sequence: SequenceId,
    /// 0: the content is not compressed.
    content_length: usize,
}

impl Decompressor {
    /// For one direction of one connection.
    #[must_use]
    pub const fn new(algorithm: Algorithm) -> Self {
        Self { algorithm, decoder: None, next: SequenceId(0) }
    }

    /// Consumes whole frames from `input` (returns how many bytes) and appends their content to `out`; stops early once
    /// `out` has grown by `limit` bytes or more. An incomplete frame is left for the next call. A frame adds at most
    /// 0xFFFFFF bytes.
    ///
    /// The compressed sequence id has to follow the last frame of either direction, or be 0: a peer that does not wait
    /// for replies starts its next command before this side knows of it.
    ///
    /// # Errors
    /// `OutOfOrder` for the compressed sequence id, `Malformed` where lengths lie (content longer or shorter than
    /// declared). `out` then holds the content of the frames before.
    pub fn decompress(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<usize, ProtocolError> {
        let start = out.len();
        let mut rest = input;
        while out.len() - start < limit {
            let Some((header, body)) = Header::read(rest) else { break };
            let Some(content) = body.get(..header.length) else { break };
            self.expect(header.sequence)?;
            self.append(content, header.content_length, out)?;
            rest = &body[header.length..];
        }
        Ok(input.len() - rest.len())
    }

    /// The compressed sequence id starts anew with every command.
    pub const fn restart(&mut self) {
        self.next = SequenceId(0);
    }

    /// Expects the peer to continue behind this side's last compressed sequence id (both directions count together
    /// within a command).
    pub const fn follow(&mut self, own: &Compressor) {
        self.next = own.next();
    }

    /// The id that the next frame of either direction has.
    pub(super) const fn next(&self) -> SequenceId {
        self.next
    }

    fn expect(&mut self, got: SequenceId) -> Result<(), ProtocolError> {
        if got == SequenceId(0) {
            self.next = got;
        }
        self.next.expect(got)
    }

    fn append(&mut self, body: &[u8], content_length: usize, out: &mut Vec<u8>) -> Result<(), ProtocolError> {
        if content_length == 0 {
            out.extend_from_slice(body);
            return Ok(());
        }
        if content_length > self.algorithm.most_content(body.len()) {
            return Err(LYING);
        }
        if self.decoder.is_none() {
            self.decoder = Decoder::new(self.algorithm);
        }
        let decoder = self.decoder.as_mut().ok_or(ProtocolError::TooLarge { what: "memory for decompression" })?;
        let start = out.len();
        out.resize(start + content_length, 0);
        if !decoder.decode(body, &mut out[start..]) {
            out.truncate(start);
            return Err(LYING);
        }
        Ok(())
    }
}

// === impl Header ===

impl Header {
    /// The header at the front of `bytes`, if it is there whole, and what follows it.
    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let mut reader = Reader::new(bytes);
        let length = reader.u24("length").ok()? as usize; // int<3>
        let sequence = SequenceId(reader.u8("compressed sequence id").ok()?); // int<1>
        let content_length = reader.u24("length before compression").ok()? as usize; // int<3>
        debug_assert_eq!(bytes.len() - reader.rest().len(), FRAME_HEADER_LENGTH);
        Some((Self { length, sequence, content_length }, reader.rest()))
    }
}

const LYING: ProtocolError = ProtocolError::malformed("compressed frame: its content is not as long as it says");

//! Builds compressed frames.

use super::algorithm::Encoder;
use super::{Algorithm, Decompressor, FRAME_HEADER_LENGTH};
use crate::SequenceId;
use crate::wire::Put;

/// Builds compressed frames.
#[derive(Debug)]
pub struct Compressor {
    algorithm: Algorithm,
    encoder: Option<Encoder>,
    next: SequenceId,
}

impl Compressor {
    /// For one direction of one connection.
    #[must_use]
    pub const fn new(algorithm: Algorithm) -> Self {
        Self { algorithm, encoder: None, next: SequenceId(0) }
    }

    /// Appends `bytes` as compressed frames to `out` (below 50 bytes uncompressed inside a frame, and so where
    /// compression gains nothing).
    pub fn compress(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for content in bytes.chunks(MAX_CONTENT_LENGTH) {
            self.put_frame(content, out);
        }
    }

    /// The compressed sequence id starts anew with every command.
    pub const fn restart(&mut self) {
        self.next = SequenceId(0);
    }

    /// Continues behind the peer's last compressed sequence id (both directions count together within a command).
    pub const fn follow(&mut self, peer: &Decompressor) {
        self.next = peer.next();
    }

    /// The id that the next frame of either direction has.
    pub(super) const fn next(&self) -> SequenceId {
        self.next
    }

    fn put_frame(&mut self, content: &[u8], out: &mut Vec<u8>) {
        let sequence = self.next;
        self.next = sequence.next();
        let start = out.len();
        let body = start + FRAME_HEADER_LENGTH;
        out.resize(body + content.len(), 0);
        // A compressed form as long as the content does not fit into the room and is not used.
        let compressed = if content.len() < MIN_COMPRESS_LENGTH {
            None
        } else {
            self.encode(content, &mut out[body..body + content.len() - 1])
        };
        let (length, content_length) = match compressed {
            Some(length) => (length, content.len()),
            None => {
                out[body..].copy_from_slice(content);
                (content.len(), 0)
            }
        };
        out.truncate(body + length);
        let mut header = Vec::with_capacity(FRAME_HEADER_LENGTH);
        header.put_u24(length as u32);
        header.put_u8(sequence.0);
        header.put_u24(content_length as u32);
        out[start..body].copy_from_slice(&header);
    }

    fn encode(&mut self, content: &[u8], room: &mut [u8]) -> Option<usize> {
        if self.encoder.is_none() {
            self.encoder = Encoder::new(self.algorithm);
        }
        self.encoder.as_mut()?.encode(content, room)
    }
}

/// MIN_COMPRESS_LENGTH of servers.
const MIN_COMPRESS_LENGTH: usize = 50;
/// Content of one frame. The protocol allows 0xFFFFFF; with less, either side holds less at once.
const MAX_CONTENT_LENGTH: usize = 256 * 1024;

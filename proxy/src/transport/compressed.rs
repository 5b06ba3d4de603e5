//! Compressed framing over a leg.

use std::io;

use rolecall_protocol::compression::{Algorithm, Compressor, Decompressor};

use crate::buffer::Buffer;

/// Content taken out of frames at once: bounds what a frame's content adds to a session's buffer.
const TAKEN_AT_ONCE: usize = 256 * 1024;

/// Compressed framing, both directions.
#[derive(Debug)]
pub(super) struct Compressed {
    compressor: Compressor,
    decompressor: Decompressor,
    input: Buffer,
    content: Vec<u8>,
}

impl Compressed {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        Self {
            compressor: Compressor::new(algorithm),
            decompressor: Decompressor::new(algorithm),
            input: Buffer::borrow(),
            content: Vec::new(),
        }
    }

    pub(super) fn new_exchange(&mut self) {
        self.compressor.restart();
        self.decompressor.restart();
    }

    pub(super) const fn has_input(&self) -> bool {
        !self.input.is_empty()
    }

    pub(super) const fn input(&mut self) -> &mut Buffer {
        &mut self.input
    }

    /// Moves the content of whole frames into `buffer`; 0 means: more input is needed.
    pub(super) fn take(&mut self, buffer: &mut Buffer) -> io::Result<usize> {
        self.content.clear();
        let taken = self
            .decompressor
            .decompress(self.input.filled(), &mut self.content, TAKEN_AT_ONCE)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.input.consume(taken);
        buffer.extend(&self.content);
        let count = self.content.len();
        if self.content.capacity() > TAKEN_AT_ONCE {
            self.content = Vec::new();
        }
        Ok(count)
    }

    pub(super) fn wrap(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.compressor.follow(&self.decompressor);
        let mut frames = Vec::with_capacity(bytes.len() / 2 + 64);
        self.compressor.compress(bytes, &mut frames);
        self.decompressor.follow(&self.compressor);
        frames
    }
}

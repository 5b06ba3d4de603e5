//! Compressed framing of the test client, whose frames a test may also cut as it likes.

use rolecall_protocol::compression::{Algorithm, Compressor, Decompressor};

/// Both directions of a compressed connection.
#[derive(Debug)]
pub struct CompressedLeg {
    compressor: Compressor,
    decompressor: Decompressor,
    received: Vec<u8>,
}

impl CompressedLeg {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        Self {
            compressor: Compressor::new(algorithm),
            decompressor: Decompressor::new(algorithm),
            received: Vec::new(),
        }
    }

    /// Frames for `bytes`; a new command starts the sequence ids anew.
    pub(super) fn compress(&mut self, bytes: &[u8], new_command: bool) -> Vec<u8> {
        if new_command {
            self.compressor.restart();
        } else {
            self.compressor.follow(&self.decompressor);
        }
        let mut out = Vec::new();
        self.compressor.compress(bytes, &mut out);
        self.decompressor.follow(&self.compressor);
        out
    }

    /// Expects the peer to continue behind what `own` has compressed.
    pub(super) const fn follow(&mut self, own: &Compressor) {
        self.decompressor.follow(own);
    }

    /// Appends to `out` what the frames that are whole by now contain.
    pub(super) fn decompress(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.received.extend_from_slice(bytes);
        let taken = self
            .decompressor
            .decompress(&self.received, out, usize::MAX)
            .unwrap_or_else(|error| panic!("compressed frame: {error}"));
        self.received.drain(..taken);
    }
}

//! Compressed framing: zlib and zstd. (Stub.)
//!
//! Source: MySQL Source Code Documentation, "Compression".

use crate::ProtocolError;

/// A compression algorithm of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// CLIENT_COMPRESS
    Zlib,
    /// CLIENT_ZSTD_COMPRESSION_ALGORITHM, with its level
    Zstd(u8),
}

/// Takes compressed frames apart.
#[derive(Debug)]
pub struct Decompressor {
    _algorithm: Algorithm,
}

impl Decompressor {
    /// For one direction of one connection.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        Self { _algorithm: algorithm }
    }

    /// Consumes whole frames from `input` (returns how many bytes) and appends their content to `out`; stops early once
    /// `out` has grown by `limit` bytes or more. An incomplete frame is left for the next call.
    ///
    /// # Errors
    /// `OutOfOrder` for the compressed sequence id, `Malformed` where lengths lie (content longer or shorter than declared).
    pub fn decompress(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<usize, ProtocolError> {
        let _ = (input, out, limit);
        Err(ProtocolError::NotSupported { what: "compression" })
    }

    /// The compressed sequence id starts anew with every command.
    pub fn restart(&mut self) {}
}

/// Builds compressed frames.
#[derive(Debug)]
pub struct Compressor {
    _algorithm: Algorithm,
}

impl Compressor {
    /// For one direction of one connection.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        Self { _algorithm: algorithm }
    }

    /// Appends `bytes` as compressed frames to `out` (below 50 bytes uncompressed inside a frame).
    pub fn compress(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let _ = (bytes, out);
    }

    /// The compressed sequence id starts anew with every command.
    pub fn restart(&mut self) {}

    /// Continues behind the peer's last compressed sequence id (both directions count together within a command).
    pub fn follow(&mut self, peer: &Decompressor) {
        let _ = peer;
    }
}

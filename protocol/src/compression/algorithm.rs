//! The two algorithms, one frame's content at a time.

use std::fmt;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// A compression algorithm of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// CLIENT_COMPRESS
    Zlib,
    /// CLIENT_ZSTD_COMPRESSION_ALGORITHM, with its level
    Zstd(u8),
}

/// Compresses; made when the first content needs it, since its state is some hundred KiB.
pub(super) enum Encoder {
    Zlib(Box<Compress>),
    Zstd(zstd::bulk::Compressor<'static>),
}

/// Takes compressed content apart; made when the first content needs it.
pub(super) enum Decoder {
    Zlib(Box<Decompress>),
    Zstd(zstd::bulk::Decompressor<'static>),
}

impl Algorithm {
    /// The most bytes that `length` compressed bytes can hold. What is declared beyond that is a lie, and known as
    /// such before memory is spent on it.
    pub(super) const fn most_content(self, length: usize) -> usize {
        match self {
            // Deflate: 258 bytes for two bits.
            Self::Zlib => length.saturating_mul(1032),
            // zstd: a block of 128 KiB for four bytes (RLE).
            Self::Zstd(_) => (length / 4 + 1).saturating_mul(128 * 1024),
        }
    }
}

// === impl Encoder ===

impl Encoder {
    /// None where the library has no memory.
    pub(super) fn new(algorithm: Algorithm) -> Option<Self> {
        Some(match algorithm {
            Algorithm::Zlib => Self::Zlib(Box::new(Compress::new(Compression::new(ZLIB_LEVEL), true))),
            Algorithm::Zstd(level) => Self::Zstd(zstd::bulk::Compressor::new(level.clamp(1, 22).into()).ok()?),
        })
    }

    /// Compresses `content` into `room`; gives the length, or None where it does not fit.
    pub(super) fn encode(&mut self, content: &[u8], room: &mut [u8]) -> Option<usize> {
        match self {
            Self::Zlib(compress) => {
                compress.reset();
                let status = compress.compress(content, room, FlushCompress::Finish).ok()?;
                (status == Status::StreamEnd).then(|| compress.total_out() as usize)
            }
            Self::Zstd(compressor) => compressor.compress_to_buffer(content, room).ok(),
        }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoder")
    }
}

// === impl Decoder ===

impl Decoder {
    /// None where the library has no memory.
    pub(super) fn new(algorithm: Algorithm) -> Option<Self> {
        Some(match algorithm {
            Algorithm::Zlib => Self::Zlib(Box::new(Decompress::new(true))),
            Algorithm::Zstd(_) => Self::Zstd(zstd::bulk::Decompressor::new().ok()?),
        })
    }

    /// Fills `room` exactly with the content of `compressed`; false where it holds less or more, where bytes follow
    /// it, or where it is not of this algorithm.
    pub(super) fn decode(&mut self, compressed: &[u8], room: &mut [u8]) -> bool {
        match self {
            Self::Zlib(decompress) => {
                decompress.reset(true);
                let ended = decompress.decompress(compressed, room, FlushDecompress::Finish);
                matches!(ended, Ok(Status::StreamEnd))
                    && decompress.total_in() == compressed.len() as u64
                    && decompress.total_out() == room.len() as u64
            }
            Self::Zstd(decompressor) => {
                decompressor.decompress_to_buffer(compressed, room).is_ok_and(|length| length == room.len())
            }
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decoder")
    }
}

/// What servers use.
const ZLIB_LEVEL: u32 = 6;

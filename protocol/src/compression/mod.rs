//! Compressed framing: zlib and zstd.
//!
//! A frame is `int<3>` length, `int<1>` compressed sequence id, `int<3>` length before compression (0: the content is
//! as it is), content. Frames cut the stream of packets anywhere: a packet may lie in several, or several in one.
//!
//! Packets inside keep sequence ids of their own, on which nothing can be built: MySQL and MariaDB set the packets' id
//! to the frames' id whenever they flush (measured on 9.7 and 11.8: the results of one multi-statement query carry
//! 1 2 3 4 5 6 | 2 3 4 5 | 3 | 4 5 6 7 8), and neither server nor libmysqlclient checks them.
//!
//! Source: MySQL Source Code Documentation, "Compression".

mod algorithm;
mod compressor;
mod decompressor;

pub use algorithm::Algorithm;
pub use compressor::Compressor;
pub use decompressor::Decompressor;

/// Bytes of a frame's header.
pub const FRAME_HEADER_LENGTH: usize = 7;

#[cfg(test)]
mod tests;

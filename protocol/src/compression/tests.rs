use super::*;
use crate::ProtocolError;
use crate::SequenceId;
use crate::packet::put_packet;
use crate::wire::Put;

const BOTH: [Algorithm; 2] = [Algorithm::Zlib, Algorithm::Zstd(3)];

fn frames(algorithm: Algorithm, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Compressor::new(algorithm).compress(content, &mut out);
    out
}

fn content(algorithm: Algorithm, frames: &[u8]) -> Result<Vec<u8>, ProtocolError> {
    let mut out = Vec::new();
    let taken = Decompressor::new(algorithm).decompress(frames, &mut out, usize::MAX)?;
    assert_eq!(taken, frames.len());
    Ok(out)
}

/// A frame whose declared lengths are as given.
fn frame(sequence: u8, content_length: u32, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_u24(body.len() as u32);
    out.put_u8(sequence);
    out.put_u24(content_length);
    out.put_bytes(body);
    out
}

/// Bytes that no algorithm makes shorter, the same every time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(step).take(length).collect()
}

#[test]
fn z1_below_50_bytes_content_travels_as_it_is() {
    for algorithm in BOTH {
        let short = vec![b'x'; 49];
        assert_eq!(frames(algorithm, &short), frame(0, 0, &short));
        let long = vec![b'x'; 50];
        let compressed = frames(algorithm, &long);
        assert!(compressed.len() < FRAME_HEADER_LENGTH + 50 && compressed[4] == 50, "{compressed:?}");
        assert_eq!(content(algorithm, &compressed), Ok(long));
    }
}

#[test]
fn what_compression_would_make_longer_travels_as_it_is() {
    for algorithm in BOTH {
        let noise = noise(10_000);
        assert_eq!(frames(algorithm, &noise), frame(0, 0, &noise));
    }
}

#[test]
fn z2_packets_may_lie_in_several_frames_and_several_in_one() {
    let mut packets = Vec::new();
    let mut sequence = SequenceId(0);
    for length in [3, 70_000, 0, 100] {
        put_packet(&mut packets, &mut sequence, &vec![b'r'; length]);
    }
    for algorithm in BOTH {
        // Cut in the first header, behind it, and inside the long packet.
        for cut in [1, 2, 3, 4, 7, 9, 40_000] {
            let mut compressor = Compressor::new(algorithm);
            let mut frames = Vec::new();
            compressor.compress(&packets[..cut], &mut frames);
            compressor.compress(&packets[cut..], &mut frames);
            assert_eq!(content(algorithm, &frames).as_ref(), Ok(&packets), "cut at {cut}");
        }
    }
}

#[test]
fn an_incomplete_frame_is_left_for_the_next_call() {
    for algorithm in BOTH {
        let frames = frames(algorithm, &[b'x'; 100]);
        for length in 0..frames.len() {
            let mut out = Vec::new();
            let taken = Decompressor::new(algorithm).decompress(&frames[..length], &mut out, usize::MAX);
            assert_eq!((taken, out.len()), (Ok(0), 0), "{length} bytes");
        }
    }
}

#[test]
fn the_limit_stops_between_frames() {
    let frames = frames(Algorithm::Zlib, &noise(1 << 20));
    let mut decompressor = Decompressor::new(Algorithm::Zlib);
    let mut out = Vec::new();
    let taken = decompressor.decompress(&frames, &mut out, 300_000).expect("well formed");
    assert_eq!(out.len(), 512 * 1024, "the frame that reaches the limit is the last");
    decompressor.decompress(&frames[taken..], &mut out, usize::MAX).expect("well formed");
    assert_eq!(out, noise(1 << 20));
}

#[test]
fn z3_the_compressed_sequence_id_counts_both_directions_and_wraps() {
    let (mut own, mut peer) = (Compressor::new(Algorithm::Zlib), Decompressor::new(Algorithm::Zlib));
    let mut out = Vec::new();
    for expected in 0..300_u32 {
        let mut sent = Vec::new();
        own.compress(b"x", &mut sent);
        assert_eq!(sent[3], (2 * expected) as u8);
        peer.follow(&own);
        let reply = frame((2 * expected + 1) as u8, 0, b"y");
        peer.decompress(&reply, &mut out, usize::MAX).expect("in order");
        own.follow(&peer);
    }
    let skipped = frame(100, 0, b"y");
    assert!(matches!(peer.decompress(&skipped, &mut out, usize::MAX), Err(ProtocolError::OutOfOrder { .. })));
    own.restart();
    let mut sent = Vec::new();
    own.compress(b"x", &mut sent);
    assert_eq!(sent[3], 0);
}

#[test]
fn f11_a_command_that_does_not_wait_for_a_reply_begins_at_0_again() {
    let pipelined = [frame(0, 0, b"a"), frame(1, 0, b"b"), frame(0, 0, b"c")].concat();
    assert_eq!(content(Algorithm::Zlib, &pipelined), Ok(b"abc".to_vec()));
}

#[test]
fn z4_lengths_that_lie_are_refused() {
    for algorithm in BOTH {
        let honest = frames(algorithm, &[b'x'; 100]);
        let body = &honest[FRAME_HEADER_LENGTH..];
        assert!(content(algorithm, &frame(0, 100, body)).is_ok());
        for declared in [1, 50, 99, 101, 200, 0xFF_FFFF] {
            assert!(content(algorithm, &frame(0, declared, body)).is_err(), "{declared} for 100");
        }
        let followed = [body, b"tail"].concat();
        assert!(content(algorithm, &frame(0, 100, &followed)).is_err(), "bytes behind the content");
        assert!(content(algorithm, &frame(0, 100, &body[..body.len() - 1])).is_err(), "cut content");
        assert!(content(algorithm, &frame(0, 100, b"")).is_err(), "no content");
        assert!(content(algorithm, &frame(0, 100, b"not compressed")).is_err());
    }
}

#[test]
fn z4_a_bomb_is_refused_before_memory_is_spent() {
    for algorithm in BOTH {
        let mut out = Vec::new();
        let bomb = frame(0, 0xFF_FFFF, b"0123456789");
        assert!(Decompressor::new(algorithm).decompress(&bomb, &mut out, 1024).is_err());
        assert!(out.capacity() < 1024, "{algorithm:?}: {} bytes", out.capacity());
    }
}

#[test]
fn z4_content_beyond_the_declared_length_is_never_produced() {
    for algorithm in BOTH {
        let zeros = vec![0; 1 << 20];
        let mut compressed = vec![0; 1 << 16];
        let length = algorithm::Encoder::new(algorithm).and_then(|mut encoder| encoder.encode(&zeros, &mut compressed));
        let body = &compressed[..length.expect("zeros are short")];
        let mut out = Vec::new();
        assert!(Decompressor::new(algorithm).decompress(&frame(0, 60_000, body), &mut out, usize::MAX).is_err());
        assert!(out.is_empty() && out.capacity() <= 120_000, "{} bytes", out.capacity());
    }
}

#[test]
fn a_frame_of_the_largest_length_is_read() {
    let largest = noise(0xFF_FFFF);
    assert_eq!(content(Algorithm::Zlib, &frame(0, 0, &largest)), Ok(largest));
}

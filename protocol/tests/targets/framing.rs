//! Packets, compressed frames, replies.

use rolecall_protocol::compression::{Algorithm, Compressor, Decompressor};
use rolecall_protocol::packet::{frame, put_packet};
use rolecall_protocol::response::{ErrPacket, OkPacket, ReplyContext, ReplyKind, ReplyScanner, Then};
use rolecall_protocol::{SequenceId, StatusFlags};

use super::{capabilities, options};

fn algorithm(option: u8) -> Algorithm {
    if option & 1 == 0 { Algorithm::Zlib } else { Algorithm::Zstd(1 + option % 5) }
}

/// A packet that is read is written the same, and is read only when it is whole.
pub fn packets(input: &[u8]) {
    let (options, rest) = options(input);
    let limit = usize::from(u16::from_le_bytes([options[0], options[1]]));
    let Ok(Some(framed)) = frame(rest, limit) else { return };
    assert!(framed.payload.len() <= limit);
    let mut again = Vec::new();
    put_packet(&mut again, &mut framed.first.clone(), &framed.payload);
    assert_eq!(again, rest[..framed.taken]);
    assert_eq!(frame(&rest[..framed.taken - 1], limit), Ok(None));
}

/// OK and ERR packets that are read are written so that they read the same.
pub fn ok_packet(input: &[u8]) {
    let (options, rest) = options(input);
    let capabilities = capabilities(options);
    if let Ok(ok) = OkPacket::decode(rest, capabilities) {
        let _ = ok.changes().count();
        let mut written = Vec::new();
        ok.put(&mut written, capabilities);
        let again = OkPacket::decode(&written, capabilities).expect("what was written reads");
        let known = |ok: &OkPacket| (ok.affected_rows, ok.last_insert_id, ok.warnings, ok.state_changes.clone());
        assert_eq!(known(&again), known(&ok));
    }
    if let Ok(error) = ErrPacket::decode(rest) {
        let _ = error.to_string();
        let mut written = Vec::new();
        error.put(&mut written);
        assert_eq!(ErrPacket::decode(&written), Ok(error));
    }
}

/// Frames give the same content however they arrive, and never more than they say.
pub fn compression(input: &[u8]) {
    let (options, rest) = options(input);
    let algorithm = algorithm(options[0]);
    let mut whole = Vec::new();
    let ended = Decompressor::new(algorithm).decompress(rest, &mut whole, usize::MAX);
    assert!(whole.len() <= rest.len().saturating_mul(32 * 1024) + 128 * 1024);
    let mut decompressor = Decompressor::new(algorithm);
    let (mut held, mut pieces) = (Vec::new(), Vec::new());
    let mut failed = false;
    for piece in rest.chunks(usize::from(options[1] % 16) + 1) {
        held.extend_from_slice(piece);
        // A limit of one byte: frame by frame.
        while let Ok(taken @ 1..) = decompressor.decompress(&held, &mut pieces, 1).inspect_err(|_| failed = true) {
            held.drain(..taken);
        }
        if failed {
            break;
        }
    }
    assert_eq!((failed, &pieces), (ended.is_err(), &whole));
    if let Ok(taken) = ended {
        assert_eq!(rest.len() - taken, held.len(), "what is left");
    }
}

/// What is compressed is given back.
pub fn compression_round_trip(input: &[u8]) {
    let (options, rest) = options(input);
    let algorithm = algorithm(options[0]);
    let mut compressor = Compressor::new(algorithm);
    let mut frames = Vec::new();
    for piece in rest.chunks(usize::from(options[1]) * 8 + 1) {
        compressor.compress(piece, &mut frames);
    }
    let mut content = Vec::new();
    let taken = Decompressor::new(algorithm).decompress(&frames, &mut content, usize::MAX);
    assert_eq!((taken, content.as_slice()), (Ok(frames.len()), rest));
}

/// What a scanner makes of a reply.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    Passed(Vec<u8>),
    Then(String),
}

/// A reply is taken the same however it arrives, and its end is found.
pub fn reply_scanner(input: &[u8]) {
    let (options, rest) = options(input);
    let kind = [
        ReplyKind::Results,
        ReplyKind::Single,
        ReplyKind::Text,
        ReplyKind::Prepare,
        ReplyKind::Rows,
        ReplyKind::Fields,
        ReplyKind::Nothing,
    ][usize::from(options[0]) % 7];
    let context = ReplyContext {
        server: capabilities(options),
        metadata_flag: options[1] & 1 != 0,
        progress_reports: options[1] & 2 != 0,
        client_deprecates_eof: options[1] & 4 != 0,
        local_file_allowed: options[1] & 8 != 0,
        out_parameters_possible: options[1] & 32 != 0,
        status: StatusFlags::AUTOCOMMIT,
        ids_may_jump: options[1] & 16 != 0,
        statement_id: 7,
    };
    let whole = scan(kind, context, rest, rest.len().max(1));
    let pieces = scan(kind, context, rest, usize::from(options[2] % 16) + 1);
    match (whole, pieces) {
        (Some(whole), Some(pieces)) => assert_eq!(whole, pieces),
        (whole, pieces) => assert_eq!(whole.is_none(), pieces.is_none(), "{whole:?} and {pieces:?}"),
    }
}

/// None: the scanner found an error.
fn scan(kind: ReplyKind, context: ReplyContext, bytes: &[u8], step: usize) -> Option<Vec<Event>> {
    let mut scanner = ReplyScanner::new(kind, context, SequenceId(0));
    let mut held = Vec::new();
    let mut events = Vec::new();
    let mut calls = 0;
    for piece in bytes.chunks(step) {
        held.extend_from_slice(piece);
        loop {
            calls += 1;
            assert!(calls <= 4 * bytes.len() + 64, "no progress");
            let scan = scanner.scan(&mut held).ok()?;
            passed(&mut events, held.drain(..scan.passed));
            match scan.then {
                Then::NeedMore => break,
                Then::Ok { length, .. } | Then::Err { length, .. } => {
                    assert!(length <= held.len());
                    events.push(Event::Then(format!("{:?}", scan.then)));
                    held.drain(..length);
                }
                Then::Insert(..) | Then::Prepared(_) => events.push(Event::Then(format!("{:?}", scan.then))),
                Then::LocalFile | Then::Done => {
                    events.push(Event::Then(format!("{:?}", scan.then)));
                    return Some(events);
                }
            }
        }
    }
    Some(events)
}

fn passed(events: &mut Vec<Event>, bytes: impl Iterator<Item = u8>) {
    let mut bytes = bytes.peekable();
    if bytes.peek().is_none() {
        return;
    }
    match events.last_mut() {
        Some(Event::Passed(before)) => before.extend(bytes),
        _ => events.push(Event::Passed(bytes.collect())),
    }
}

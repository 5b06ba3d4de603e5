//! Replies as servers send them, cut at every offset.

use super::{EofPacket, OkHeader, OkPacket, ReplyContext, ReplyKind, ReplyScanner, Then};
use crate::packet::{MAX_PAYLOAD_LENGTH, SequenceId, put_packet};
use crate::wire::Put;
use crate::{Capabilities, ProtocolError, StatusFlags};

const SERVER: Capabilities = Capabilities::DEPRECATE_EOF.union(Capabilities::SESSION_TRACK);

fn context(client_deprecates_eof: bool) -> ReplyContext {
    ReplyContext {
        server: SERVER,
        metadata_flag: false,
        progress_reports: false,
        client_deprecates_eof,
        local_file_allowed: false,
        out_parameters_possible: false,
        status: StatusFlags::AUTOCOMMIT,
        ids_may_jump: false,
        statement_id: 7,
    }
}

fn terminator(status: StatusFlags) -> Vec<u8> {
    let mut out = Vec::new();
    OkPacket { header: OkHeader::Eof, status, ..OkPacket::default() }.put(&mut out, SERVER);
    out
}

/// A reply of one column and the given rows, as a server sends it with DEPRECATE_EOF.
fn result(rows: &[&[u8]], status: StatusFlags) -> Vec<Vec<u8>> {
    let mut payloads = vec![vec![1], b"\x03def".to_vec()];
    payloads.extend(rows.iter().map(|row| row.to_vec()));
    payloads.push(terminator(status));
    payloads
}

fn framed(payloads: &[Vec<u8>], first: SequenceId) -> Vec<u8> {
    let mut out = Vec::new();
    let mut sequence = first;
    for payload in payloads {
        put_packet(&mut out, &mut sequence, payload);
    }
    out
}

/// What the client gets when the reply arrives in pieces of `step` bytes.
fn relay(reply: &[u8], kind: ReplyKind, context: ReplyContext, step: usize) -> Vec<u8> {
    let mut scanner = ReplyScanner::new(kind, context, SequenceId(0));
    let mut held: Vec<u8> = Vec::new();
    let mut out = Vec::new();
    for piece in reply.chunks(step) {
        held.extend_from_slice(piece);
        loop {
            let scan = scanner.scan(&mut held).expect("well-formed reply");
            out.extend_from_slice(&held[..scan.passed]);
            held.drain(..scan.passed);
            match scan.then {
                Then::NeedMore | Then::Done => break,
                Then::Insert(eof, mut sequence) => {
                    let mut payload = Vec::new();
                    eof.put(&mut payload);
                    put_packet(&mut out, &mut sequence, &payload);
                }
                Then::Ok { ok, length, mut sequence } => {
                    held.drain(..length);
                    let mut payload = Vec::new();
                    if ok.header == OkHeader::Eof && !context.client_deprecates_eof {
                        EofPacket { warnings: ok.warnings, status: ok.status }.put(&mut payload);
                    } else {
                        ok.put(&mut payload, SERVER);
                    }
                    put_packet(&mut out, &mut sequence, &payload);
                }
                Then::Err { err, length, mut sequence } => {
                    held.drain(..length);
                    let mut payload = Vec::new();
                    err.put(&mut payload);
                    put_packet(&mut out, &mut sequence, &payload);
                }
                Then::Prepared(_) => {}
                Then::LocalFile => return out,
            }
        }
    }
    assert!(scanner.is_done(), "the reply is over");
    assert!(held.is_empty(), "nothing is left");
    out
}

fn assert_relayed(payloads: &[Vec<u8>], kind: ReplyKind, client_deprecates_eof: bool, expected: &[Vec<u8>]) {
    let reply = framed(payloads, SequenceId(1));
    let expected = framed(expected, SequenceId(1));
    for step in [1, 2, 3, 4, 5, 7, 11, reply.len()] {
        assert_eq!(relay(&reply, kind, context(client_deprecates_eof), step), expected, "pieces of {step} bytes");
    }
}

fn eof(status: StatusFlags) -> Vec<u8> {
    let mut out = Vec::new();
    EofPacket { warnings: 0, status }.put(&mut out);
    out
}

#[test]
fn a_result_passes_unchanged_to_a_client_that_deprecates_eof() {
    let reply = result(&[b"\x01a", b"\xFBnull", b"\x01b"], StatusFlags::AUTOCOMMIT);
    assert_relayed(&reply, ReplyKind::Results, true, &reply);
}

#[test]
fn e4_eof_packets_are_inserted_for_a_client_that_needs_them() {
    let status = StatusFlags::AUTOCOMMIT;
    let reply = result(&[b"\x01a"], status);
    let expected = vec![vec![1], b"\x03def".to_vec(), eof(status), b"\x01a".to_vec(), eof(status)];
    assert_relayed(&reply, ReplyKind::Results, false, &expected);
    let empty = result(&[], status);
    assert_relayed(&empty, ReplyKind::Results, false, &[vec![1], b"\x03def".to_vec(), eof(status), eof(status)]);
}

#[test]
fn e4_several_results_keep_their_order_and_ids() {
    let more = StatusFlags::AUTOCOMMIT | StatusFlags::MORE_RESULTS_EXISTS;
    let mut reply = result(&[b"\x01a"], more);
    reply.extend(result(&[b"\x01b"], StatusFlags::AUTOCOMMIT));
    let half = |row: &[u8], status| {
        vec![vec![1], b"\x03def".to_vec(), eof(StatusFlags::AUTOCOMMIT), row.to_vec(), eof(status)]
    };
    let mut expected = half(b"\x01a", more);
    expected.extend(half(b"\x01b", StatusFlags::AUTOCOMMIT));
    assert_relayed(&reply, ReplyKind::Results, false, &expected);
    assert_relayed(&reply, ReplyKind::Results, true, &reply);
}

#[test]
fn d9_out_parameters_are_announced_in_front_of_their_row() {
    let context = ReplyContext { out_parameters_possible: true, ..context(false) };
    let told = StatusFlags::AUTOCOMMIT | StatusFlags::PS_OUT_PARAMS | StatusFlags::MORE_RESULTS_EXISTS;
    let mut payloads = result(&[b"\0\0\x07"], told);
    payloads.push(vec![0, 0, 0, 2, 0, 0, 0]);
    let reply = framed(&payloads, SequenceId(1));
    let row = framed(&payloads[..3], SequenceId(1)).len();
    let mut scanner = ReplyScanner::new(ReplyKind::Results, context, SequenceId(0));
    let scan = scanner.scan(&mut reply.clone()[..row + 7]).expect("well formed");
    assert_eq!(scan.then, Then::NeedMore, "the terminator is not there yet");
    let scan = scanner.scan(&mut reply.clone()[scan.passed..]).expect("well formed");
    assert_eq!(scan.then, Then::Insert(EofPacket { warnings: 0, status: told }, SequenceId(3)));
    let ok = OkPacket { status: told, ..OkPacket::default() };
    assert_eq!(ok.as_eof(true).status, StatusFlags::AUTOCOMMIT);
    assert_eq!(ok.as_eof(false).status, told);
}

#[test]
fn b12_a_cursor_has_one_eof_packet() {
    let status = StatusFlags::AUTOCOMMIT | StatusFlags::CURSOR_EXISTS;
    let reply = result(&[], status);
    assert_relayed(&reply, ReplyKind::Results, false, &[vec![1], b"\x03def".to_vec(), eof(status)]);
}

#[test]
fn f5_a_long_row_that_begins_with_fe_is_a_row() {
    let mut row = vec![0xFE];
    row.put_u64(MAX_PAYLOAD_LENGTH as u64);
    row.resize(MAX_PAYLOAD_LENGTH + 9, b'x');
    let payloads = result(&[&row, b"\x01\xFE"], StatusFlags::AUTOCOMMIT);
    let reply = framed(&payloads, SequenceId(1));
    for step in [4096, 65_536, reply.len()] {
        assert_eq!(relay(&reply, ReplyKind::Results, context(true), step), reply);
    }
}

#[test]
fn f4_a_row_of_exactly_the_packet_limit_hides_no_terminator() {
    let mut row = vec![0xFD];
    row.put_u24(MAX_PAYLOAD_LENGTH as u32 - 4);
    row.resize(MAX_PAYLOAD_LENGTH, b'x');
    let payloads = result(&[&row, b"\x01z"], StatusFlags::AUTOCOMMIT);
    let reply = framed(&payloads, SequenceId(1));
    assert_eq!(relay(&reply, ReplyKind::Results, context(true), 65_536), reply);
}

#[test]
fn f7_sequence_ids_wrap_with_inserted_packets() {
    let rows: Vec<&[u8]> = vec![b"\x01a"; 600];
    let reply = result(&rows, StatusFlags::AUTOCOMMIT);
    let mut expected = vec![vec![1], b"\x03def".to_vec(), eof(StatusFlags::AUTOCOMMIT)];
    expected.extend(rows.iter().map(|row| row.to_vec()));
    expected.push(eof(StatusFlags::AUTOCOMMIT));
    assert_relayed(&reply, ReplyKind::Results, false, &expected);
}

#[test]
fn e20_a_packet_out_of_order_is_an_error() {
    let mut reply = framed(&result(&[], StatusFlags::AUTOCOMMIT), SequenceId(2));
    let mut scanner = ReplyScanner::new(ReplyKind::Results, context(true), SequenceId(0));
    assert!(scanner.scan(&mut reply).is_err());
}

#[test]
fn e7_a_file_that_no_statement_named_is_refused() {
    let mut reply = framed(&[b"\xFB/etc/passwd".to_vec()], SequenceId(1));
    let mut scanner = ReplyScanner::new(ReplyKind::Results, context(true), SequenceId(0));
    assert!(scanner.scan(&mut reply).is_err());
}

#[test]
fn b1_prepare_replies_get_their_eof_packets_and_the_clients_id() {
    let mut ok = vec![0];
    ok.put_u32(99);
    ok.put_u16(1); // columns
    ok.put_u16(2); // parameters
    ok.put_bytes(&[0, 0, 0]);
    let mut told = ok.clone();
    told[1] = 7;
    let definition = b"\x03def".to_vec();
    let reply = [ok, definition.clone(), definition.clone(), definition.clone()];
    let plain = [told.clone(), definition.clone(), definition.clone(), definition.clone()];
    assert_relayed(&reply, ReplyKind::Prepare, true, &plain);
    let end = eof(StatusFlags::AUTOCOMMIT);
    let with_eof = [told, definition.clone(), definition.clone(), end.clone(), definition, end];
    assert_relayed(&reply, ReplyKind::Prepare, false, &with_eof);
}

#[test]
fn b4_the_eof_packets_of_definitions_that_were_left_out_come_nevertheless() {
    let context = ReplyContext {
        server: SERVER | Capabilities::OPTIONAL_RESULTSET_METADATA,
        metadata_flag: true,
        ..context(false)
    };
    for (columns, parameters, eofs) in [(0, 0, 0), (2, 0, 1), (0, 3, 1), (2, 3, 2)] {
        let mut ok = vec![0, 7, 0, 0, 0, columns, 0, parameters, 0, 0, 0, 0, 0];
        let mut expected = vec![ok.clone()];
        expected.extend(vec![eof(StatusFlags::AUTOCOMMIT); eofs]);
        ok[1] = 99;
        let reply = framed(&[ok], SequenceId(1));
        let relayed = relay(&reply, ReplyKind::Prepare, context, reply.len());
        assert_eq!(relayed, framed(&expected, SequenceId(1)), "{columns} columns, {parameters} parameters");
    }
}

#[test]
fn a_prepare_reports_the_servers_own_id() {
    let mut ok = vec![0];
    ok.put_u32(99);
    ok.put_bytes(&[0; 7]);
    let mut reply = framed(&[ok], SequenceId(1));
    let mut scanner = ReplyScanner::new(ReplyKind::Prepare, context(true), SequenceId(0));
    let scan = scanner.scan(&mut reply).expect("well formed");
    let Then::Prepared(ok) = scan.then else { panic!("no prepare OK") };
    assert_eq!((ok.statement.0, ok.columns, ok.params), (99, 0, 0));
    assert!(scanner.is_done());
}

#[test]
fn an_empty_packet_is_not_told_by_the_byte_behind_it() {
    // Found by fuzzing: the sequel's 0xFF was taken for the empty packet's own first byte, and so for ERR.
    let reply = b"\x00\x00\x00\x01\xFF\xFF\xFF\x02x";
    for step in [1, 4, reply.len()] {
        let mut scanner = ReplyScanner::new(ReplyKind::Fields, context(true), SequenceId(0));
        let mut held = Vec::new();
        for piece in reply.chunks(step) {
            held.extend_from_slice(piece);
            let scan = scanner.scan(&mut held).expect("nothing wrong so far");
            assert_eq!(scan.then, Then::NeedMore, "pieces of {step} bytes");
            held.drain(..scan.passed);
        }
    }
}

#[test]
fn f6_rows_that_begin_with_null_pass_one_by_one_and_many_at_once() {
    let rows: [&[u8]; 6] = [b"\xfb", b"\xfb\x01a", b"\x01a\xfb", b"\xfb\xfb", b"\x02\xff\xfe", b"\xfb\x02\xff\xff"];
    let payloads = result(&rows, StatusFlags::AUTOCOMMIT);
    assert_relayed(&payloads, ReplyKind::Results, true, &payloads);
    let mut expected = payloads[..2].to_vec();
    expected.push(eof(StatusFlags::AUTOCOMMIT));
    expected.extend_from_slice(&payloads[2..payloads.len() - 1]);
    expected.push(eof(StatusFlags::AUTOCOMMIT));
    assert_relayed(&payloads, ReplyKind::Results, false, &expected);
}

/// The rogue's way to have a file sent: definitions that are fewer than told, and then what looks like another reply.
#[test]
fn e7_a_definition_that_begins_like_a_file_request_never_passes() {
    for place in 0..3 {
        for step in [1, 5, 4096] {
            let mut payloads = vec![vec![3]];
            payloads.extend(
                (0..3).map(|number| if number == place { b"\xfb/etc/passwd".to_vec() } else { b"\x03def".to_vec() }),
            );
            let reply = framed(&payloads, SequenceId(1));
            let mut scanner = ReplyScanner::new(ReplyKind::Results, context(true), SequenceId(0));
            let (mut held, mut passed) = (Vec::new(), 0);
            let refused = reply.chunks(step).any(|piece| {
                held.extend_from_slice(piece);
                let scan = scanner.scan(&mut held);
                if let Ok(scan) = &scan {
                    held.drain(..scan.passed);
                    passed += scan.passed;
                }
                matches!(scan, Err(ProtocolError::Malformed { .. }))
            });
            assert!(refused, "definition {place} in steps of {step}: {passed} of {} bytes passed", reply.len());
        }
    }
}

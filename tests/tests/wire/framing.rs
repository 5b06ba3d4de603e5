//! Framing: F of the wire cases, E1 and E20 of the traps.

use rolecall_protocol::Capabilities;
use rolecall_protocol::packet::MAX_PAYLOAD_LENGTH;
use rolecall_tests::raw::{Kind, Packet, Parameter};
use rolecall_tests::{Proxy, ProxyOptions, Trial, on_every_server};

/// A statement whose COM_QUERY has a payload of exactly this length.
fn insert_of(payload_length: usize) -> String {
    let frame = "insert into t values (length(''))";
    frame.replace("''", &format!("'{}'", "a".repeat(payload_length - 1 - frame.len())))
}

/// Large payloads are compared by their length and ends.
fn shorten(packet: &mut Packet) {
    if packet.payload.len() > 4096 {
        let (length, ends) =
            (packet.payload.len(), [&packet.payload[..16], &packet.payload[packet.payload.len() - 16..]]);
        let same = packet.payload[16..].iter().filter(|byte| **byte != packet.payload[16]).count();
        packet.payload = format!("{length} bytes, {same} others, {ends:?}").into_bytes();
    }
}

fn query_of(stage: &std::sync::Arc<rolecall_tests::Stage>, name: &str, length: usize) {
    Trial::new(stage, name).setup(&["create table t (a int)"]).run(|run| {
        run.run(&insert_of(length));
        assert_eq!(run.run("select count(*) from t").value(), "1");
    });
}

/// Runs a query with and without DEPRECATE_EOF, where the ends of results differ.
fn rows(stage: &std::sync::Arc<rolecall_tests::Stage>, name: &str, sql: &str) {
    for without in [Capabilities::empty(), Capabilities::DEPRECATE_EOF] {
        Trial::new(stage, name).without(without).mask(shorten).run(|run| {
            run.run(sql);
            run.ping().expect_ok("ping");
        });
    }
}

on_every_server! {
    fn f1_query_of_one_byte_less_than_a_packet(stage) {
        query_of(stage, "f1", MAX_PAYLOAD_LENGTH - 1);
    }

    fn f2_query_of_exactly_a_packet_is_followed_by_an_empty_one(stage) {
        query_of(stage, "f2", MAX_PAYLOAD_LENGTH);
    }

    fn e1_query_of_exactly_two_packets(stage) {
        query_of(stage, "e1_query", 2 * MAX_PAYLOAD_LENGTH);
    }

    /// A statement buffer that holds such a command whole must wait for its last packet, empty or not: read as a command
    /// of its own it would be answered too.
    fn f2_commands_of_whole_packets_under_a_larger_statement_buffer(stage) {
        let limits = "{statement_buffer: 64MiB, unauthenticated_per_address: 512}".into();
        let proxy = Proxy::start(stage.set.servers(), &ProxyOptions { limits, ..ProxyOptions::default() });
        Trial::new(stage, "f2_buffer").through(&proxy).run(|run| {
            let statement = run.prepare("select length(?)").id;
            for length in [MAX_PAYLOAD_LENGTH - 1, MAX_PAYLOAD_LENGTH, MAX_PAYLOAD_LENGTH + 1, 2 * MAX_PAYLOAD_LENGTH] {
                // COM_QUERY's byte and the text around the literal: 18 bytes.
                let reply = run.query(format!("select length('{}')", "a".repeat(length - 18)));
                assert_eq!(reply.expect_ok("a query").value(), (length - 18).to_string());
                run.ping().expect_ok("ping");
                // The head, the NULL bitmap, the type and the length: 18 bytes. (Past 16 MiB the length takes five more.)
                let value = [Parameter::text("a".repeat(length - 18))];
                let payload = run.execute_payload(statement, 0, &value, true).len();
                assert!(payload == length || length > MAX_PAYLOAD_LENGTH, "{payload}");
                run.execute(statement, &value).expect_ok("an execution");
                run.ping().expect_ok("ping");
            }
            run.run("select 'and no answer too many'");
        });
        proxy.expect_no_panic();
    }

    fn e1_row_of_64_mib(stage) {
        rows(stage, "e1_row", "select repeat('a', 64 << 20) union all select 'b'");
    }

    fn f4_row_of_exactly_a_packet_and_one_byte_more(stage) {
        rows(stage, "f4", "select repeat('a', 0xffffff - 5) union all select repeat('a', 0xffffff - 4)
            union all select repeat('a', 0xffffff - 3) union all select repeat(char(0xfe), 8) union all select 'b'");
    }

    fn f5_row_whose_first_column_has_an_eight_byte_length(stage) {
        rows(stage, "f5", "select repeat('a', 0x1000000), 1 union all select 'b', 2");
    }

    fn f6_rows_that_begin_with_null_and_hold_ff(stage) {
        rows(stage, "f6", "select null, 1 union all select unhex('ffffff'), 2 union all select unhex('fe00000200'), 3
            union all select '', 4 union all select null, null union all select repeat(char(255), 251), 5");
    }

    fn f7_more_than_255_packets_wrap_the_sequence_id(stage) {
        rows(stage, "f7", "with recursive n (a) as (select 1 union all select a + 1 from n where a < 600) select * from n");
    }

    fn f7_every_length_of_result_around_the_wrap(stage) {
        for without in [Capabilities::empty(), Capabilities::DEPRECATE_EOF] {
            Trial::new(stage, "f7_each").without(without).unsettled().run(|run| {
                for count in (1..12).chain(245..262) {
                    run.run(&format!("with recursive n (a) as (select 1 union all select a + 1 from n where a < {count}) select * from n"));
                }
            });
        }
    }

    fn f11_several_commands_in_one_segment_are_answered_in_order(stage) {
        Trial::new(stage, "f11").setup(&["create table t (a int)"]).unsettled().run(|run| {
            let commands: [&[u8]; 6] =
                [b"\x03select 1", b"\x03insert into t values (1)", b"\x0e", b"\x03select count(*) from t for update", b"\x03nonsense", b"\x03select 3"];
            let mut bytes = Vec::new();
            for command in commands {
                rolecall_protocol::packet::put_packet(&mut bytes, &mut rolecall_protocol::SequenceId(0), command);
            }
            run.send_raw(&bytes, true);
            for kind in [Kind::Result, Kind::Result, Kind::Single, Kind::Result, Kind::Result, Kind::Result] {
                run.sequence = rolecall_protocol::SequenceId(1);
                assert!(!run.read_reply(kind).closed);
            }
        });
    }

    fn f12_a_command_split_at_every_offset(stage) {
        Trial::new(stage, "f12").unsettled().run(|run| {
            let mut bytes = Vec::new();
            rolecall_protocol::packet::put_packet(&mut bytes, &mut rolecall_protocol::SequenceId(0), b"\x03select 12");
            for offset in 1..bytes.len() {
                run.send_raw(&bytes[..offset], true);
                // The other end may read the first part alone or both at once; either has to do.
                std::thread::yield_now();
                run.send_raw(&bytes[offset..], true);
                run.sequence = rolecall_protocol::SequenceId(1);
                assert_eq!(run.read_reply(Kind::Result).value(), "12");
            }
            for byte in &bytes {
                run.send_raw(&[*byte], true);
            }
            run.sequence = rolecall_protocol::SequenceId(1);
            assert_eq!(run.read_reply(Kind::Result).value(), "12");
        });
    }

    fn f14_an_empty_packet_is_an_unknown_command(stage) {
        Trial::new(stage, "f14").run(|run| {
            assert_eq!(run.command("empty packet", &[], Kind::Single).code(), 1047);
            assert_eq!(run.run("select 1").value(), "1");
        });
    }

    fn e20_a_command_with_a_wrong_sequence_id(stage) {
        Trial::new(stage, "e20").run(|run| {
            run.send_raw(&[1, 0, 0, 7, 0x0e], true);
            let answer = run.client.stream.take_until_close().expect("a close");
            run.note(format!("{}", answer.escape_ascii()));
        });
    }
}

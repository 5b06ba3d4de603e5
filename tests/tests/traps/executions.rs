//! Group D: executions of every kind: with data that was sent ahead, cursors, several results, query attributes, and several
//! commands in one write.

use std::time::{Duration, Instant};

use rolecall_protocol::packet::put_packet;
use rolecall_protocol::{Capabilities, SequenceId};
use rolecall_tests::raw::{Client, Kind, Parameter, Part};
use rolecall_tests::{Run, Server, Stage, on_every_server};

use crate::prepared::{ROWS, UNKNOWN_STATEMENT, execute};
use crate::rival::Narrow;

/// CURSOR_TYPE_READ_ONLY
const CURSOR: u8 = 1;

/// MYSQL_TYPE_BLOB, whose value was sent ahead.
fn long() -> Parameter {
    Parameter::of(0xFC, 0, &[])
}

on_every_server! {
    /// Data that was sent ahead holds the connection; what is wrong with it is told at the execution.
    fn d5_long_data_is_there_at_the_execution(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_d5").setup(ROWS).run(|run: &mut Run| {
            let mut rival = narrow.rival(run);
            let read = run.prepare("select concat(?, '!'), a from t where id = 1").id;
            let write = run.prepare("update t set b = ? where id = 1").id;
            for begin in [None, Some("begin")] {
                begin.into_iter().for_each(|sql| drop(run.run(sql)));
                for id in [read, write, read] {
                    for part in [&b"long "[..], b"", b"data"] {
                        run.send_long_data(id, 0, part);
                        let reply = run.query("select a from t where id = 2");
                        rival.interfere(&run.client, &reply);
                    }
                    execute(run, &mut rival, id, &[long()], true);
                    // Used up.
                    execute(run, &mut rival, id, &[Parameter::text("short")], true);
                }
                begin.into_iter().for_each(|_| drop(run.run("commit")));
                rival.after(&mut run.client, "select b from t where id = 1");
            }
            run.send_long_data(read, 0, b"thrown away");
            run.reset_statement(read);
            execute(run, &mut rival, read, &[Parameter::text("y")], true);
        });
    }

    /// The flags of each FETCH are compared, and what comes behind the last row.
    fn d6_a_cursor_is_fetched_to_its_end_whoever_wants_the_connection(stage) {
        let narrow = Narrow::new(stage);
        let more = "insert into t select id + 10 * n, a, b from t, (select 1 as n union all select 2 union all select 3 union all select 4) x";
        narrow.trial("trap_d6").setup(&[ROWS, &[more]].concat()).run(|run: &mut Run| {
            let mut rival = narrow.rival(run);
            for text in ["select id, b from t where id > ? order by id", "select id, b from t where id > ? order by id for update"] {
                let id = run.prepare(text).id;
                let reply = run.execute_with(id, CURSOR, &[Parameter::integer(0)], true);
                rival.interfere(&run.client, &reply);
                for _ in 0..3 {
                    let reply = run.fetch(id, 4);
                    rival.interfere(&run.client, &reply);
                    rival.after(&mut run.client, "select a from t where id = 1");
                    rival.after(&mut run.client, "update t set a = a + 1 where id = 2");
                }
                let reply = run.fetch(id, 100);
                rival.interfere(&run.client, &reply);
                run.fetch(id, 1);
                run.close_statement(id);
                rival.after(&mut run.client, "select a from t where id = 1");
            }
            // Left open: closing the statement ends it, and the connection is free.
            let id = run.prepare("select id from t").id;
            run.execute_with(id, CURSOR, &[], true);
            run.fetch(id, 1);
            run.close_statement(id);
            let reply = run.query("select a from t where id = 1");
            // What holds a session is listed a moment behind its reply.
            let deadline = Instant::now() + Duration::from_secs(5);
            while run.proxied && !rival.interfere(&run.client, &reply) {
                assert!(Instant::now() < deadline, "a cursor that is closed holds nothing");
            }
        });
    }

    fn d9_calls_with_several_results_and_out_parameters(stage) {
        let narrow = Narrow::new(stage);
        let procedure = "create procedure p(out x int, inout y varchar(20)) begin select id from t order by id; set x = 7; set y = concat(y, '!'); update t set a = a + 1; select count(*) from t; end";
        narrow.trial("trap_d9").setup(&[ROWS, &[procedure]].concat()).run(|run: &mut Run| {
            let mut rival = narrow.rival(run);
            let id = run.prepare("call p(?, ?)").id;
            for round in 0..3 {
                execute(run, &mut rival, id, &[Parameter::null(), Parameter::text("y")], round == 0);
                rival.after(&mut run.client, "select a from t where id = 1");
            }
            let variables = run.prepare("call p(@x, @y)").id;
            rival.after(&mut run.client, "set @y = 'z'");
            execute(run, &mut rival, variables, &[], true);
            rival.after(&mut run.client, "select @x, @y");
        });
    }

    /// In one write, while others have the connections: all are answered, in order, and the closed one is closed.
    fn d12_what_is_sent_in_one_write_is_answered_in_order(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_d12").setup(ROWS).run(|run: &mut Run| {
            let mut rival = narrow.rival(run);
            for round in 0..6 {
                let read = run.prepare("select b from t where id = ?").id;
                let write = run.prepare("update t set a = ? where id = 2").id;
                rival.after(&mut run.client, if round % 2 == 0 { "select a from t where id = 1" } else { "update t set a = 1 where id = 1" });
                let mut bytes = Vec::new();
                let one = [Parameter::integer(round)];
                let commands = [
                    b"\x16select a from t where id = ?".to_vec(), run.execute_payload(read, 0, &one, true), run.execute_payload(write, 0, &one, true), b"\x03select a from t where id = 2".to_vec(),
                    [&[0x19][..], &read.to_le_bytes()].concat(), run.execute_payload(read, 0, &one, false), run.execute_payload(write, 0, &one, false), b"\x0e".to_vec(),
                ];
                commands.iter().for_each(|payload| put_packet(&mut bytes, &mut SequenceId(0), payload));
                run.send_raw(&bytes, true);
                let mut replies = Vec::new();
                for kind in [Kind::Prepare, Kind::Result, Kind::Result, Kind::Result, Kind::Result, Kind::Result, Kind::Single] {
                    run.sequence = SequenceId(1);
                    replies.push(run.read_reply(kind));
                }
                assert_eq!(replies[3].value(), round.to_string());
                assert_eq!(replies[4].code(), UNKNOWN_STATEMENT);
                rival.interfere(&run.client, replies.last().expect("replies"));
            }
            assert!(!run.proxied || rival.tally().taken >= 10, "{:?}", rival.tally());
        });
    }

    fn d15_statements_of_all_kinds_are_executed_again_and_again(stage) {
        let narrow = Narrow::new(stage);
        let setup = [ROWS, &["create procedure p(x int) select x, @@sql_select_limit"]].concat();
        narrow.trial("trap_d15").setup(&setup).run(|run: &mut Run| {
            let texts = ["select id from t order by id limit ?", "do ?", "set session sql_select_limit = ?", "select id from t order by id", "insert into t (id, a) values (? + 100, 1)", "delete from t where id > 50 + ? - ?",
                "explain select * from t where id = ?", "with c as (select ? as n) select n, id from c, t order by id", "show tables like ?", "select ? from t group by 1", "kill ?", "load data infile ? into table t", "call p(?)", "set @x = ?",
                "use ?", "create temporary table x as select ? as a", "select * from x"];
            let mut rival = narrow.rival(run);
            let mut session: Client = run.another();
            let mut ids = Vec::new();
            for text in texts {
                let reply = session.try_prepare(text);
                rival.interfere(&session, &reply);
                // Which of them can be prepared is compared, too.
                if let Some(first) = reply.packets.first().filter(|first| first.part == Part::PrepareOk) {
                    let id = u32::from_le_bytes(first.payload[1..5].try_into().expect("four bytes"));
                    ids.push((text, id, u16::from_le_bytes([first.payload[7], first.payload[8]])));
                }
            }
            for round in 0..2 {
                for (text, id, parameters) in &ids {
                    // A thread that does not exist.
                    let value = if *text == "kill ?" { 1 << 30 } else { 1 + round };
                    let parameters = vec![Parameter::integer(value); usize::from(*parameters)];
                    let reply = session.execute_with(*id, 0, &parameters, round == 0);
                    rival.interfere(&session, &reply);
                }
            }
            run.client.transcript.append(&mut session.transcript);
        });
    }

    /// An execution that cannot be read leaves the data, or an error, at the server: as there, so here.
    fn d5_what_a_refused_execution_leaves_is_found_by_the_next(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_d5_left").setup(ROWS).run(|run: &mut Run| {
            let mut rival = narrow.rival(run);
            let read = run.prepare("select concat(?, '!'), a from t where id = 1").id;
            let cut_off = [&[0x17][..], &read.to_le_bytes(), &[0; 5]].concat();
            let blob = [Parameter::of(0xFC, 0, &[])];
            run.send_long_data(read, 0, b"left");
            let reply = run.client.command("cut off", &cut_off, Kind::Result);
            rival.interfere(&run.client, &reply);
            execute(run, &mut rival, read, &blob, true);
            run.reset_statement(read);
            execute(run, &mut rival, read, &[Parameter::text("x")], true);
            assert!(!narrow.is_pinned(&run.client), "nothing is left");
        });
    }

    /// The error stays with the statement until it is reset: so does its connection.
    fn d5_an_error_of_long_data_is_told_at_the_execution(stage) {
        let narrow = Narrow::new(stage);
        narrow.trial("trap_d5_wrong").setup(ROWS).run(|run: &mut Run| {
            let mut rival = narrow.rival(run);
            let read = run.prepare("select concat(?, '!'), a from t where id = 1").id;
            run.send_long_data(read, 7, b"no such parameter");
            rival.after(&mut run.client, "select 1");
            execute(run, &mut rival, read, &[Parameter::text("x")], true);
            execute(run, &mut rival, read, &[Parameter::text("x")], true);
            run.reset_statement(read);
            execute(run, &mut rival, read, &[Parameter::text("x")], true);
            assert!(!narrow.is_pinned(&run.client), "nothing is left");
        });
    }
}

/// Lets mysql_query_attribute_string() be.
fn make_attributes_readable(server: &Server) {
    let mut root = server.root();
    let is_replica = root.run("select @@global.super_read_only").value() == "1";
    root.run("set global super_read_only = 0");
    root.run("install component 'file://component_query_attributes'");
    root.run(if is_replica { "set global super_read_only = 1" } else { "set global read_only = 0" });
}

/// The attributes arrive, whichever way the statement goes: with no parameters, with some, with a NULL among them.
#[test]
fn d13_query_attributes_arrive_with_every_execution() {
    let stage = Stage::mysql();
    stage.set.servers().take(2).for_each(make_attributes_readable);
    let narrow = Narrow::new(&stage);
    narrow.trial("trap_d13").setup(ROWS).with(Capabilities::QUERY_ATTRIBUTES).run(|run: &mut Run| {
        let mut rival = narrow.rival(run);
        let ask = "mysql_query_attribute_string('n'), mysql_query_attribute_string('z'), mysql_query_attribute_string('other')";
        let attributes = [("n", Parameter::text("name")), ("z", Parameter::null()), ("number", Parameter::integer(5))];
        let texts = [format!("select a, {ask} from t where id = 1"), format!("select a, ?, {ask} from t where id = ?"), format!("insert into t values (? + 10, ?, {})", "mysql_query_attribute_string('n')")];
        let ids: Vec<_> = texts.iter().map(|text| run.prepare(text).id).collect();
        for round in 0..3 {
            let reply = run.query_with_attributes(&texts[0], &attributes);
            assert_eq!(reply.rows()[0][1].as_deref(), Some("name"));
            rival.interfere(&run.client, &reply);
            for (id, count) in ids.iter().zip([0, 2, 2]) {
                for with in [&attributes[..], &[], &attributes[1..]] {
                    let parameters: Vec<_> = [Parameter::integer(round), Parameter::integer(1)].into_iter().take(count).collect();
                    let reply = run.execute_with_attributes(*id, &parameters, with);
                    rival.interfere(&run.client, &reply);
                }
                run.run("begin");
                let parameters: Vec<_> = [Parameter::integer(round + 100), Parameter::null()].into_iter().take(count).collect();
                run.execute_with_attributes(*id, &parameters, &attributes);
                run.run("commit");
            }
            rival.after(&mut run.client, "select b from t where id > 100");
        }
    });
}

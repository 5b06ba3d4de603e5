//! Prepared statements: B1 to B5, B14, B18 to B24 of the wire cases, D of the traps.

use rolecall_protocol::Capabilities;
use rolecall_tests::raw::{Kind, Packet, Parameter, Part};
use rolecall_tests::{Trial, on_every_server};

on_every_server! {
    fn b1_statements_without_parameters_and_columns(stage) {
        for without in [Capabilities::empty(), Capabilities::DEPRECATE_EOF] {
            Trial::new(stage, "b1").without(without).setup(&["create table t (a int, b varchar(10))"]).run(|run| {
                for sql in ["select 1", "insert into t values (1, 'x')", "select ?", "insert into t values (?, ?)", "do 1", "select a, b from t where a = ? and b = ?", "set @a = ?"] {
                    let statement = run.prepare(sql);
                    let parameters = vec![Parameter::integer(1); statement.parameters.into()];
                    run.execute(statement.id, &parameters);
                    run.execute(statement.id, &parameters);
                    run.close_statement(statement.id);
                }
                for sql in ["", ";", "nonsense", "select * from nothing", "select 1; select 2", "-- x", "prepare p from 'select 1'", "begin; commit"] {
                    run.try_prepare(sql);
                }
            });
        }
    }

    fn b1_65535_parameters_and_one_more(stage) {
        Trial::new(stage, "b1_many").run(|run| {
            // In MySQL a UNION's or IN list's parser uses up the stack long before; a list of values does not.
            let sql = |count: usize| format!("select 1 in ({})", vec!["?"; count].join(","));
            let statement = run.prepare(&sql(65535));
            assert_eq!(statement.parameters, 65535);
            assert_eq!(run.execute(statement.id, &vec![Parameter::integer(1); 65535]).count(Part::Row), 1);
            assert_eq!(run.try_prepare(&sql(65536)).code(), 1390);
            run.ping().expect_ok("ping");
        });
    }

    fn b2_ids_of_others_are_unknown(stage) {
        Trial::new(stage, "b2").run(|run| {
            let mine = run.prepare("select 1");
            let mut other = run.another();
            assert_eq!(other.execute(mine.id + 100, &[]).code(), 1243);
            let theirs: Vec<_> = (0..5).map(|_| other.prepare("select 2").id).collect();
            // MariaDB counts on where a thread that it uses again has been: its number may be one's own.
            let foreign = if theirs[4] == mine.id { theirs[3] } else { theirs[4] };
            assert_eq!(run.execute(foreign, &[]).code(), 1243);
            assert_eq!(run.execute(mine.id, &[]).count(Part::Row), 1);
        });
    }

    fn b3_the_same_statement_in_and_out_of_a_transaction(stage) {
        Trial::new(stage, "b3").setup(&["create table t (a int)", "insert into t values (1)"]).run(|run| {
            let statement = run.prepare("select a from t where a > ?");
            for begin in [None, Some("begin"), None, Some("start transaction read only"), None] {
                begin.into_iter().for_each(|begin| drop(run.run(begin)));
                assert_eq!(run.execute(statement.id, &[Parameter::integer(0)]).count(Part::Row), 1);
                // The types stay bound wherever it is executed.
                assert_eq!(run.execute_with(statement.id, 0, &[Parameter::integer(0)], false).count(Part::Row), 1);
                begin.into_iter().for_each(|_| drop(run.run("commit")));
            }
        });
    }

    fn d4_types_stay_when_the_server_changes(stage) {
        Trial::new(stage, "d4").setup(&["create table t (a int)", "insert into t values (1), (2)"]).run(|run| {
            let statement = run.prepare("select a from t where a = ?");
            assert_eq!(run.execute(statement.id, &[Parameter::integer(1)]).count(Part::Row), 1);
            run.run("begin");
            assert_eq!(run.execute_with(statement.id, 0, &[Parameter::integer(2)], false).count(Part::Row), 1);
            run.run("insert into t values (2)");
            assert_eq!(run.execute_with(statement.id, 0, &[Parameter::integer(2)], false).count(Part::Row), 2);
            run.run("rollback");
            assert_eq!(run.execute_with(statement.id, 0, &[Parameter::integer(2)], false).count(Part::Row), 1);
        });
    }

    fn b9_long_data(stage) {
        Trial::new(stage, "b9").setup(&["create table t (a longblob, b longblob)"]).run(|run| {
            let statement = run.prepare("insert into t values (?, ?)");
            let nothing = [Parameter::of(0xFC, 0, &[]), Parameter::of(0xFC, 0, &[])];
            run.send_long_data(statement.id, 0, b"x");
            run.send_long_data(statement.id, 1, b"");
            run.execute(statement.id, &nothing);
            for _ in 0..20 {
                run.send_long_data(statement.id, 0, &vec![b'a'; 1 << 20]);
            }
            run.send_long_data(statement.id, 1, b"b");
            run.send_long_data(statement.id, 1, b"c");
            run.execute(statement.id, &nothing);
            run.run("select length(a), length(b), b from t");
            // The data is used up by an execution; RESET throws it away.
            run.send_long_data(statement.id, 0, b"gone");
            run.reset_statement(statement.id);
            run.execute(statement.id, &[Parameter::text("kept"), Parameter::null()]);
            run.run("select b from t where a = 'kept'");
            run.send_long_data(statement.id, 9, b"no such parameter");
            run.execute(statement.id, &[Parameter::text("a"), Parameter::text("b")]);
            run.send_long_data(4711, 0, b"no such statement");
            run.run("select 1");
            run.ping();
        });
    }

    fn b14_unknown_ids(stage) {
        Trial::new(stage, "b14").run(|run| {
            // Others' statements: MariaDB's ids are the whole server's, so that the server's and the client's differ.
            let mut other = run.another();
            (0..3).for_each(|_| drop(other.prepare("select 1 for update")));
            assert_eq!(run.execute(4711, &[]).code(), 1243);
            assert_eq!(run.fetch(4711, 1).code(), 1243);
            assert_eq!(run.reset_statement(4711).code(), 1243);
            run.close_statement(4711);
            let statement = run.prepare("select 1");
            assert_eq!(run.fetch(statement.id, 1).code(), 1421);
            run.close_statement(statement.id);
            assert_eq!(run.execute(statement.id, &[]).code(), 1243);
            run.ping();
        });
    }

    fn b18_ddl_between_prepare_and_execute(stage) {
        // A server that prepares a statement only now sees no change of its metadata.
        let hide = |packet: &mut Packet| {
            if packet.part == Part::Ok && packet.payload.first() == Some(&0xFE) {
                packet.payload[4] &= !4;
            }
        };
        Trial::new(stage, "b18").mask(hide).setup(&["create table t (a int)", "insert into t values (1)"]).run(|run| {
            let star = run.prepare("select * from t");
            let insert = run.prepare("insert into t (a) values (?)");
            run.execute(star.id, &[]);
            run.run("alter table t add b varchar(10) default 'new'");
            run.execute(star.id, &[]);
            run.execute(insert.id, &[Parameter::integer(2)]);
            run.run("drop table t");
            run.execute(star.id, &[]);
            run.run("create table t (c datetime)");
            run.execute(star.id, &[]);
            run.execute(insert.id, &[Parameter::integer(2)]);
        });
    }

    fn b21_d10_reset_forgets_statements(stage) {
        Trial::new(stage, "b21").run(|run| {
            let statement = run.prepare("select 1");
            run.reset_connection().expect_ok("reset");
            assert_eq!(run.execute(statement.id, &[]).code(), 1243);
            let again = run.prepare("select 2");
            assert_eq!(run.execute(again.id, &[]).count(Part::Row), 1);
            let options = run.options().clone();
            run.change_user(&options).expect("the same user");
            assert_eq!(run.execute(again.id, &[]).code(), 1243);
        });
    }

    fn d3_statements_keep_their_schema_and_modes(stage) {
        Trial::new(stage, "d3").setup(&["create table t (a int)", "insert into t values (1)"]).run(|run| {
            let statement = run.prepare("select a, database() from t");
            run.run("use information_schema");
            run.execute(statement.id, &[]);
            run.run("set sql_mode = 'PIPES_AS_CONCAT'");
            let piped = run.prepare("select 'a' || 'b'");
            run.run("set sql_mode = ''");
            run.execute(piped.id, &[]);
            let or = run.prepare("select 'a' || 'b'");
            run.execute(or.id, &[]);
        });
    }

    fn d9_calls_with_out_parameters(stage) {
        let setup = [
            "create table t (a int)",
            "create procedure p(out x int, inout y varchar(20)) begin select 1, 'x'; set x = 7; set y = concat(y, '!'); insert into t values (1); select count(*) from t; end",
        ];
        for without in [Capabilities::empty(), Capabilities::DEPRECATE_EOF] {
            // MySQL tells of OUT parameters at the EOF behind the definitions and no more at the one behind the row;
            // with DEPRECATE_EOF, in which the proxy speaks to it, at the end of the result.
            Trial::new(stage, "d9").setup(&setup).without(without).run(|run| {
                let statement = run.prepare("call p(?, ?)");
                for _ in 0..2 {
                    run.execute(statement.id, &[Parameter::null(), Parameter::text("y")]);
                }
                let variables = run.prepare("call p(@x, @y)");
                run.execute(variables.id, &[]);
                run.run("select @x, @y");
            });
        }
    }

    /// CLIENT_PS_MULTI_RESULTS, CLIENT_MULTI_RESULTS: a server gives several results to who can read them.
    fn d9_calls_of_clients_without_multi_results(stage) {
        let setup = ["create procedure p(out x int) begin select 1; select 2; set x = 7; end", "create procedure q() set @q = 5"];
        for without in [Capabilities::PS_MULTI_RESULTS, Capabilities::MULTI_RESULTS, Capabilities::PS_MULTI_RESULTS | Capabilities::MULTI_RESULTS] {
            Trial::new(stage, "d9_single").setup(&setup).without(without).run(|run| {
                run.query("call p(@x)");
                run.query("call q()");
                let statement = run.prepare("call p(?)");
                run.execute(statement.id, &[Parameter::null()]);
                let statement = run.prepare("call q()");
                run.execute(statement.id, &[]);
                run.run("select @x, @q");
            });
        }
    }

    fn d12_pipelined_prepare_execute_close(stage) {
        Trial::new(stage, "d12").unsettled().run(|run| {
            let first = run.prepare("select 1").id;
            let mut bytes = Vec::new();
            let mut put = |payload: &[u8]| rolecall_protocol::packet::put_packet(&mut bytes, &mut rolecall_protocol::SequenceId(0), payload);
            put(b"\x16select 2");
            put(&run.execute_payload(first, 0, &[], true));
            put(&[&[0x19][..], &first.to_le_bytes()].concat());
            put(b"\x03select 3");
            run.send_raw(&bytes, true);
            for kind in [Kind::Prepare, Kind::Result, Kind::Result] {
                run.sequence = rolecall_protocol::SequenceId(1);
                run.read_reply(kind).expect_ok("pipelined");
            }
            assert_eq!(run.execute(first, &[]).code(), 1243);
        });
    }

    fn d15_statements_of_all_kinds_prepared(stage) {
        Trial::new(stage, "d15").setup(&["create table t (a int)", "insert into t values (1), (2)", "create procedure p(x int) select x"]).run(|run| {
            for sql in ["set @x = ?", "call p(?)", "select a from t order by a limit ?", "do ?", "select ? + 1", "set @@sql_select_limit = ?", "update t set a = ? where a = 2", "show tables like ?",
                "kill ?", "load data infile ? into table t", "insert into t select ?", "explain select * from t where a = ?", "select @x, ?", "with c as (select ?) select * from c", "create table u as select ? as a"] {
                let reply = run.try_prepare(sql);
                if reply.error().is_none() {
                    let id = u32::from_le_bytes(reply.packets[0].payload[1..5].try_into().expect("four bytes"));
                    // KILL of a thread that does not exist.
                    let value = if sql == "kill ?" { 1 << 30 } else { 1 };
                    run.execute(id, &[Parameter::integer(value)]);
                }
            }
            run.run("select @x");
        });
    }

    fn b22_d13_query_attributes(stage) {
        if stage.flavour().is_mariadb() {
            return; // It has no such capability; the greeting's test shows that it is not offered.
        }
        let attributes = [("rolecall_a", Parameter::text("x")), ("n", Parameter::integer(5)), ("z", Parameter::null()), ("", Parameter::text("unnamed"))];
        Trial::new(stage, "b22").with(Capabilities::QUERY_ATTRIBUTES).setup(&["create table t (a int)"]).run(|run| {
            run.run("select 1");
            run.query_with_attributes("select 2", &attributes).expect_ok("attributes");
            run.query_with_attributes("select 3", &[]).expect_ok("no attributes");
            run.query_with_attributes("insert into t values (1)", &attributes).expect_ok("attributes");
            let statement = run.prepare("select a, ? from t");
            run.execute_with_attributes(statement.id, &[Parameter::integer(1)], &attributes).expect_ok("attributes");
            run.execute_with_attributes(statement.id, &[Parameter::integer(1)], &[]).expect_ok("no attributes");
            let bare = run.prepare("select a from t");
            run.execute_with_attributes(bare.id, &[], &attributes).expect_ok("attributes alone");
            run.execute_with_attributes(bare.id, &[], &[]).expect_ok("nothing");
            run.execute(bare.id, &[]).expect_ok("plain");
        });
    }
}

//! The other commands: C1 to C8, C11 to C14, E14.

use std::time::{Duration, Instant};

use rolecall_protocol::Capabilities;
use rolecall_tests::raw::{Kind, LoginOptions, Packet, Part, Reply};
use rolecall_tests::{Run, Trial, on_every_server};

/// KILL with an id that differs between runs.
fn kill(run: &mut Run, sql: &str) -> Reply {
    run.command("kill", &[&[0x03], sql.as_bytes()].concat(), Kind::Result)
}

on_every_server! {
    fn c1_ping_in_and_out_of_a_transaction(stage) {
        Trial::new(stage, "c1").setup(&["create table t (a int)"]).run(|run| {
            run.ping();
            run.run("begin");
            run.ping();
            run.run("insert into t values (1)");
            run.ping();
            run.query("select 1/0");
            run.ping();
            run.run("show warnings");
            run.run("rollback");
            run.ping();
            run.run("set autocommit = 0");
            run.ping();
            run.command("ping with a body", &[0x0E, 1, 2, 3], Kind::Single);
        });
    }

    fn c2_statistics_is_text(stage) {
        let hide = |packet: &mut Packet| {
            if packet.part == Part::Other {
                assert!(packet.payload.starts_with(b"Uptime: "), "{packet:?}");
                packet.payload.clear();
            }
        };
        Trial::new(stage, "c2").mask(hide).run(|run| {
            run.command("statistics", &[0x09], Kind::Single);
            run.ping();
        });
    }

    fn c3_field_list(stage) {
        for without in [Capabilities::empty(), Capabilities::DEPRECATE_EOF] {
            Trial::new(stage, "c3").setup(&["create table t (a int default 7, bc varchar(10) default 'x', d datetime)"]).without(without).run(|run| {
                for body in [&b"t\0"[..], b"t\0b%", b"t\0%", b"nothing\0", b"t\0zz"] {
                    run.command(&format!("field list {}", body.escape_ascii()), &[&[0x04], body].concat(), Kind::Columns);
                }
                run.command("field list of nothing", &[0x04], Kind::Columns);
                run.command("field list without end", b"\x04t", Kind::Columns);
                run.ping();
            });
        }
    }

    fn c4_e3_set_option_switches_multi_statements(stage) {
        for (name, with) in [("c4_off", Capabilities::empty()), ("c4_on", Capabilities::MULTI_STATEMENTS)] {
            for without in [Capabilities::empty(), Capabilities::DEPRECATE_EOF] {
                Trial::new(stage, name).setup(&["create table t (a int)"]).with(with).without(without).run(|run| {
                    run.query("select 1; select 2");
                    run.set_option(0);
                    run.run("select 1; select 2");
                    run.run("select * from t");
                    run.run("insert into t values (1); select * from t; update t set a = 2");
                    run.set_option(1);
                    assert_eq!(run.query("select 1; select 2").code(), 1064);
                    assert_eq!(run.query("insert into t values (1); select 2").code(), 1064);
                    run.set_option(7);
                    run.command("set option without a body", &[0x1B], Kind::Single);
                    run.ping();
                });
            }
        }
    }

    fn c13_commands_that_are_none(stage) {
        Trial::new(stage, "c13").run(|run| {
            for byte in [0x00, 0x0B, 0x0F, 0x10, 0x13, 0x14, 0x1D, 0x22, 0x40, 0x7F, 0x80, 0xF0, 0xFF] {
                // MySQL closes after some of them.
                let mut other = run.another();
                other.command(&format!("command {byte:02x}"), &[byte], Kind::Single);
                run.client.transcript.append(&mut other.transcript);
            }
            run.ping();
        });
    }

    fn c14_cloning_and_group_streams_are_unknown_commands(stage) {
        let trial = Trial::new(stage, "c14");
        let steps = |run: &mut Run| {
            for byte in [0x20, 0x21] {
                assert_eq!(run.command(&format!("command {byte:02x}"), &[byte], Kind::Single).code(), 1047);
            }
            run.ping().expect_ok("ping");
        };
        // MySQL itself asks for the right to clone before it finds no plugin to do it.
        if stage.flavour().is_mariadb() { trial.run(steps) } else { trial.run_proxied(steps) }
    }

    fn e14_old_commands(stage) {
        Trial::new(stage, "e14").mask_rows().run(|run| {
            // Without the rights: COM_CREATE_DB, COM_DROP_DB, COM_REFRESH, COM_SHUTDOWN, COM_DEBUG.
            for (command, body) in [(0x05, &b"nothing_like_this"[..]), (0x06, b"nothing_like_this"), (0x07, &[1]), (0x08, &[0]), (0x0D, &[])] {
                let reply = run.command(&format!("command {command:02x}"), &[&[command], body].concat(), Kind::Single);
                assert!(!reply.closed, "closed after {command:02x}");
            }
            run.ping();
        });
    }

    fn c6_kill_reaches_own_sessions_only(stage) {
        let hide_id = |packet: &mut Packet| {
            if packet.part == Part::Err {
                let text = packet.payload.iter().map(|byte| if byte.is_ascii_digit() { b'N' } else { *byte });
                packet.payload = text.collect();
                packet.payload.dedup();
            }
        };
        let other_user = "c6_other";
        stage.set.primary.run(&format!("create user if not exists {other_user}@'%' {}", stage.flavour().identified("other")));
        Trial::new(stage, "c6").mask(hide_id).run(|run| {
            let mut victim = run.another();
            let id: u32 = victim.run("select connection_id()").value().parse().expect("a number");
            let greeted = victim.greeting.as_ref().expect("a greeting").connection_id;
            assert_eq!(id, greeted, "CONNECTION_ID() is the greeting's");
            kill(run, &format!("kill query {id}"));
            assert_eq!(victim.run("select 1").value(), "1");
            kill(run, &format!("kill {id}"));
            // The server marks the thread; that ends when it looks.
            let deadline = Instant::now() + Duration::from_secs(10);
            loop {
                let reply = victim.query("select 1");
                if reply.closed || reply.error().is_some() {
                    break;
                }
                assert!(Instant::now() < deadline, "the killed session goes on");
            }
            // Another user's session, and one that is none.
            let mut others = run.another_with(|options| {
                *options = LoginOptions { user: other_user.into(), password: "other".into(), database: None, ..options.clone() };
            });
            let id = others.run("select connection_id()").value();
            for sql in ["kill", "kill query", "kill connection"] {
                assert_eq!(kill(run, &format!("{sql} {id}")).code(), 1095);
                assert_eq!(kill(run, &format!("{sql} 4000000000")).code(), 1094);
            }
            assert_eq!(others.run("select 1").value(), "1");
            assert_eq!(run.run("select 5").value(), "5");
        });
        stage.set.primary.run(&format!("drop user {other_user}@'%'"));
    }

    fn c7_kill_of_the_own_session(stage) {
        Trial::new(stage, "c7").mask_rows().run(|run| {
            assert_eq!(run.query("kill query connection_id()").code(), 1317);
            run.run("select 1");
            let reply = run.query("kill connection_id()");
            assert!([1317, 1927].contains(&reply.code()) || reply.closed, "{reply:?}");
            assert!(run.query("select 1").closed);
        });
    }

    fn c8_connection_id_is_the_greetings(stage) {
        Trial::new(stage, "c8").mask_rows().run(|run| {
            let greeted = run.greeting.as_ref().expect("a greeting").connection_id.to_string();
            assert_eq!(run.run("select connection_id()").value(), greeted);
            assert_eq!(run.run("SELECT CONNECTION_ID()").value(), greeted);
            run.run("begin");
            assert_eq!(run.run("select connection_id()").value(), greeted);
            run.run("commit");
            assert_eq!(run.run("select connection_id();").value(), greeted);
        });
    }

    fn c12_replication_commands_without_the_right(stage) {
        Trial::new(stage, "c12_dump").run(|run| {
            let commands: [&[u8]; 10] = [
                &[0x15, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[0x12, 4, 0, 0, 0, 0, 0, 9, 0, 0, 0], &[0x1E, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                &[0x12], &[0x12, 1], &[0x1E], &[0x1E, 0, 0, 9], &[0x15], &[0x15, 1, 2], &[0x12, 0, 0, 0, 0],
            ];
            for command in commands {
                let mut other = run.another();
                other.command(&format!("command {command:02x?}"), command, Kind::Single);
                run.client.transcript.append(&mut other.transcript);
            }
            assert_eq!(run.run("select 1").value(), "1");
        });
    }

    fn c11_quit_closes_without_an_answer(stage) {
        Trial::new(stage, "c11_quit").run(|run| run.quit());
    }
}

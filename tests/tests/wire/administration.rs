//! What takes rights that most accounts lack: B18 and B19 of the traps, C6, C7, C12 and E15; and MariaDB's own commands
//! and modes: B16, B23 and S22 of the wire cases.

use rolecall_protocol::wire::Put;
use rolecall_protocol::{MariadbCapabilities, SequenceId};
use rolecall_tests::raw::{Kind, Parameter, Part};
use rolecall_tests::{Run, Trial, on_every_server};

/// Runs statements; errors are results like others.
fn all(run: &mut Run, statements: &[&str]) {
    statements.iter().for_each(|sql| drop(run.query(sql)));
}

/// COM_STMT_BULK_EXECUTE: two text parameters per row, each with its indicator.
fn bulk(id: u32, flags: u16, rows: &[[(u8, &str); 2]]) -> Vec<u8> {
    let mut payload = vec![0xFA];
    payload.put_u32(id);
    payload.put_u16(flags);
    if flags & 128 != 0 {
        payload.put_bytes(&[0xFD, 0, 0xFD, 0]);
    }
    for (indicator, value) in rows.iter().flatten() {
        payload.put_u8(*indicator);
        if *indicator == 0 {
            payload.put_bytes_lenenc(value.as_bytes());
        }
    }
    payload
}

on_every_server! {
    fn b18_locks_on_everything(stage) {
        let grant = if stage.flavour().is_mariadb() { "grant reload on *.* to b18_all@'%'" } else { "grant reload, backup_admin on *.* to b18_all@'%'" };
        Trial::new(stage, "b18_all").setup(&["create table t (a int)", "create table u (a int)", grant]).run(|run| {
            all(run, &["lock instance for backup", "insert into t values (1)", "create table v (a int)", "select * from t", "unlock instance"]);
            all(run, &["flush tables t for export", "select * from t", "insert into t values (1)", "select * from u", "commit", "select * from t", "unlock tables", "insert into t values (2)"]);
            all(run, &["flush tables t with read lock", "insert into t values (3)", "select * from t", "unlock tables"]);
            all(run, &["flush tables with read lock", "select * from t", "insert into t values (4)", "commit", "insert into t values (5)", "unlock tables", "insert into t values (6)", "select count(*) from t"]);
        });
    }

    fn b19_writes_that_are_not_replicated(stage) {
        let grant = if stage.flavour().is_mariadb() { "grant binlog admin on *.* to b19@'%'" } else { "grant session_variables_admin, replication_applier on *.* to b19@'%'" };
        Trial::new(stage, "b19").setup(&["create table t (a int)", grant]).run(|run| {
            run.run("set sql_log_bin = 0");
            run.run("insert into t values (1)");
            // No replica has it.
            assert_eq!(run.run("select count(*) from t").value(), "1");
            run.run("set sql_log_bin = 1");
            run.run("insert into t values (2)");
            assert_eq!(run.run("select count(*) from t").value(), "2");
            if !run.flavour().is_mariadb() {
                all(run, &[
                    "set gtid_next = '6b19b19b-0000-0000-0000-000000000001:1'", "select @@gtid_next", "begin", "commit", "select @@gtid_next", "select * from t", "set gtid_next = automatic", "insert into t values (3)", "select count(*) from t",
                ]);
            }
        });
    }

    fn e15_a_binlog_dump(stage) {
        let grants = ["grant replication slave, replication client on *.* to e15@'%'", "grant binlog monitor on *.* to e15@'%'"];
        let grants = if stage.flavour().is_mariadb() { &grants[..] } else { &grants[..1] };
        Trial::new(stage, "e15").setup(grants).run(|run| {
            let file = run.stage().set.primary.value("show binary logs");
            for checksum in ["master_binlog_checksum", "source_binlog_checksum"] {
                run.run(&format!("set @{checksum} = 'NONE'"));
            }
            let mut register = vec![0x15];
            register.put_u32(4001);
            register.put_bytes(&[0; 3 + 2 + 4 + 4]);
            run.command("register replica", &register, Kind::Single).expect_ok("register");
            let mut dump = vec![0x12];
            dump.put_u32(4);
            dump.put_u16(1); // ends at the end of the log
            dump.put_u32(4001);
            dump.put_bytes(file.as_bytes());
            run.send_command("dump", &dump);
            for _ in 0..5 {
                let event = run.read_packet().expect("an event").payload;
                assert_eq!(event[0], 0, "{}", event.escape_ascii());
                run.note(format!("{}", event.escape_ascii()));
            }
        });
    }

    fn c6_process_kill(stage) {
        Trial::new(stage, "c6_process").run(|run| {
            let mut victim = run.another();
            let id = victim.greeting.as_ref().expect("a greeting").connection_id;
            let kill = |run: &mut Run, id: u32| run.command("process kill", &[&[0x0C][..], &id.to_le_bytes()].concat(), Kind::Single).code();
            if run.flavour().is_mariadb() {
                assert_eq!(kill(run, id), 0);
                assert!(victim.query("select 1").closed || victim.query("select 1").closed);
            } else {
                assert_eq!(kill(run, id), 1047);
                assert_eq!(victim.run("select 1").value(), "1");
            }
            assert_ne!(kill(run, 4_000_000_000), 0);
        });
    }

    fn c7_kill_in_other_forms_never_reaches_another_session(stage) {
        Trial::new(stage, "c7_forms").run_proxied(|run| {
            let mut other = run.another();
            let theirs = other.greeting.as_ref().expect("a greeting").connection_id;
            for sql in [&format!("kill query {theirs} + 0"), "kill user c7_forms", "kill query id 5", "kill hard query 1 + 1", "kill (select 1)", "kill @x", "kill"] {
                assert_ne!(run.query(sql).code(), 0, "{sql}");
            }
            let reply = run.try_prepare("kill ?");
            if reply.error().is_none() {
                let id = u32::from_le_bytes(reply.packets[0].payload[1..5].try_into().expect("four bytes"));
                run.execute(id, &[Parameter::integer(i64::from(theirs))]);
            }
            assert_eq!(other.run("select 1").value(), "1");
            assert_eq!(run.run("select 1").value(), "1");
        });
    }

    fn b16_execution_of_the_statement_prepared_last(stage) {
        if !stage.flavour().is_mariadb() {
            return; // MariaDB's own.
        }
        Trial::new(stage, "b16_last").setup(&["create table t (a int)", "insert into t values (7)"]).unsettled().run(|run| {
            for sql in ["select a from t", "insert into t values (8)", "select a from t for update"] {
                let mut bytes = Vec::new();
                let execute = run.execute_payload(u32::MAX, 0, &[], true);
                for payload in [&[&[0x16], sql.as_bytes()].concat(), &execute] {
                    rolecall_protocol::packet::put_packet(&mut bytes, &mut SequenceId(0), payload);
                }
                run.send_raw(&bytes, true);
                for kind in [Kind::Prepare, Kind::Result] {
                    run.sequence = SequenceId(1);
                    run.read_reply(kind).expect_ok(sql);
                }
                run.execute(u32::MAX, &[]).expect_ok(sql);
            }
            // Behind a preparation that failed there is none: an execution must not run the one before.
            assert_ne!(run.try_prepare("select a from missing").code(), 0);
            assert_eq!(run.execute(u32::MAX, &[]).code(), 1243);
        });
    }

    fn b23_bulk_executions(stage) {
        if !stage.flavour().is_mariadb() {
            return; // MariaDB's own; the greeting's test shows that MySQL's capabilities have no room for it.
        }
        for unit_results in [MariadbCapabilities::empty(), MariadbCapabilities::BULK_UNIT_RESULTS] {
            if !unit_results.is_empty() && stage.flavour() == rolecall_tests::Flavour::Mariadb10 {
                continue; // New in 11.5.
            }
            let setup = ["create table t (id int auto_increment primary key, a varchar(20), b varchar(20) default 'none')"];
            let trial = Trial::new(stage, "b23_bulk").setup(&setup).login(|options| options.mariadb = MariadbCapabilities::STMT_BULK_OPERATIONS | unit_results);
            trial.run(|run| {
                let insert = run.prepare("insert into t (a, b) values (?, ?)");
                let flags = if unit_results.is_empty() { 128 } else { 128 | 64 };
                let rows = [[(0, "a"), (0, "b")], [(1, ""), (2, "")], [(0, "c"), (1, "")]];
                run.command("bulk", &bulk(insert.id, flags, &rows), Kind::Result).expect_ok("bulk");
                run.run("select a, b from t order by id");
                run.command("bulk without types", &bulk(insert.id, flags & !128, &rows[..1]), Kind::Result);
                let update = run.prepare("update t set b = ? where a = ?");
                run.command("bulk update", &bulk(update.id, 128, &[[(0, "new"), (0, "a")], [(3, ""), (0, "c")]]), Kind::Result);
                run.run("select a, b from t order by id");
                run.command("bulk, unknown id", &bulk(4711, 128, &rows), Kind::Result);
                run.command("bulk, cut off", &bulk(insert.id, 128, &rows)[..15], Kind::Result);
                run.run("select count(*) from t");
            });
        }
    }

    fn s22_oracles_mode(stage) {
        if !stage.flavour().is_mariadb() {
            return; // MariaDB's own.
        }
        Trial::new(stage, "s22").setup(&["create table t (a int, b varchar(10))", "insert into t values (1, 'x')"]).run(|run| {
            all(run, &[
                "set sql_mode = 'ORACLE'", "select 'a' || 'b' || null", "select \"a\" from t", "insert into t values (2, 'y')", "select a from t order by a", "create procedure p(x int) as y t.a%TYPE := 5; begin insert into t values (x, y); end;",
                "call p(7)", "begin insert into t values (8, 'z'); end;", "select count(*) from t", "select sysdate > 0 from dual", "truncate table t", "select a from t minus select 1", "set sql_mode = ''", "select \"a\" from t", "select 'a' || 'b'",
            ]);
        });
    }

    fn c8_the_id_with_extended_metadata(stage) {
        if !stage.flavour().is_mariadb() {
            return; // MariaDB's own.
        }
        Trial::new(stage, "c8_extended").login(|options| options.mariadb = MariadbCapabilities::EXTENDED_METADATA).mask_rows().run(|run| {
            all(run, &["select connection_id()", "select connection_id() from dual", "select json_object(), inet6_aton('::1'), st_geomfromtext('point(1 1)')", "select 1"]);
        });
    }
}

/// A26: each COM_CHANGE_USER gets a scramble of its own; CVE-2012-5627.
#[test]
fn a26_a_scramble_for_each_change_of_user() {
    let stage = rolecall_tests::Stage::mysql();
    Trial::new(&stage, "a26_fresh").run_proxied(|run| {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..20 {
            let mut client = run.another();
            let change = b"\x11a26_fresh\0\0\0\x2d\0caching_sha2_password\0\0";
            client.send_command("change user", change);
            let answer = client.read_packet().expect("an AuthSwitchRequest");
            assert_eq!((answer.part, answer.payload[0]), (Part::Other, 0xFE), "{answer:?}");
            assert!(seen.insert(answer.payload), "a scramble came twice");
        }
    });
}

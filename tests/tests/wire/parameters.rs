//! Types of parameters and columns, and parameters that lie: B6 to B8, B17, D17.

use rolecall_tests::raw::{Kind, Parameter, Part};
use rolecall_tests::{Trial, on_every_server};

/// One value of each type, at its edges.
fn values() -> Vec<Parameter> {
    let of = Parameter::of;
    vec![
        of(0x01, 0, &[0x80]),
        of(0x01, 0x80, &[0xFF]),
        of(0x02, 0, &[0, 0x80]),
        of(0x02, 0x80, &[0xFF; 2]),
        of(0x03, 0, &[0, 0, 0, 0x80]),
        of(0x03, 0x80, &[0xFF; 4]),
        of(0x08, 0, &[0, 0, 0, 0, 0, 0, 0, 0x80]),
        of(0x08, 0x80, &[0xFF; 8]),
        of(0x04, 0, &1.5_f32.to_le_bytes()),
        of(0x05, 0, &(-1e300_f64).to_le_bytes()),
        of(0xF6, 0, b"\x0412.5"),
        of(0x0A, 0, &[0]),
        of(0x0A, 0, &[4, 0xEA, 7, 1, 2]),
        of(0x0C, 0, &[0]),
        of(0x0C, 0, &[4, 0xEA, 7, 1, 2]),
        of(0x0C, 0, &[7, 0xEA, 7, 1, 2, 3, 4, 5]),
        of(0x0C, 0, &[11, 0xEA, 7, 1, 2, 3, 4, 5, 1, 2, 3, 0]),
        of(0x07, 0, &[7, 0xEA, 7, 1, 2, 3, 4, 5]),
        of(0x0B, 0, &[0]),
        of(0x0B, 0, &[8, 1, 2, 0, 0, 0, 3, 4, 5]),
        of(0x0B, 0, &[12, 0, 2, 0, 0, 0, 3, 4, 5, 1, 2, 3, 0]),
        of(0xFD, 0, b"\x03abc"),
        of(0xFE, 0, b"\x00"),
        of(0x0F, 0, b"\x03abc"),
        of(0xFC, 0, b"\x02\x00\xFF"),
        of(0xF9, 0, b"\x01x"),
        of(0xFA, 0, b"\x01x"),
        of(0xFB, 0, b"\x01x"),
        of(0x10, 0, b"\x01\x05"),
        of(0xF5, 0, b"\x02{}"),
        Parameter::null(),
    ]
}

on_every_server! {
    fn b17_every_type_as_a_parameter(stage) {
        Trial::new(stage, "b17_in").run(|run| {
            // On one server: the result's type depends on what a server's own statement was executed with before.
            let statement = run.prepare("select /* rolecall: primary */ ?");
            for value in values() {
                run.execute(statement.id, &[value]);
                run.ping();
            }
        });
    }

    fn d17_every_type_as_a_column(stage) {
        let mut setup = vec![
            "set sql_mode = ''",
            "create table t (a tinyint, b tinyint unsigned, c smallint, d mediumint, e int unsigned, f bigint unsigned, g float, h double, i decimal(65, 30), j date, k datetime(6), l timestamp(3) null,
             m time(6), n year, o char(5), p varchar(20), q binary(4), r varbinary(9), s blob, u text, v enum('x', 'y'), w set('x', 'y'), x bit(17), y json, z geometry)",
            "insert into t values (-128, 255, -32768, -8388608, 4294967295, 18446744073709551615, 1.25, -1e-300, '12345678901234567890123456789012345.012345678901234567890123456789', '9999-12-31',
             '2026-01-02 03:04:05.678901', '2026-01-02 03:04:05.678', '-838:59:58.999999', 2155, 'a', 'ä€𝄞', 'b', x'00ff', x'fb', 'text', 'y', 'x,y', b'10101010101010101', '{\"a\": [1, null]}', st_geomfromtext('point(1 2)'))",
            "insert into t (j, k, l, m) values ('0000-00-00', '0000-00-00 00:00:00', '2026-01-02 00:00:00', '00:00:00')", "insert into t (k, m) values ('2026-01-02 03:04:05', '12:00:00')", "insert into t () values ()",
        ];
        if !stage.flavour().is_mariadb() {
            setup.extend(["create table v (a vector(3))", "insert into v values (string_to_vector('[1,2,3]'))"]);
        }
        let mysql = !stage.flavour().is_mariadb();
        Trial::new(stage, "d17").setup(&setup).run(|run| {
            for sql in ["select * from t", "select a, null, b from t", "select max(k), sum(a), avg(f), count(*) from t", "select now() > 0, 1.0, 1e0, 'x', true, interval(1, 2)"] {
                let statement = run.prepare(sql);
                assert_ne!(run.execute(statement.id, &[]).count(Part::Row), 0);
                run.run(sql);
            }
            if mysql {
                let statement = run.prepare("select * from v");
                run.execute(statement.id, &[]);
            }
        });
    }

    fn b6_types_stay_bound(stage) {
        Trial::new(stage, "b6_types").run(|run| {
            let statement = run.prepare("select ?, ?");
            run.execute(statement.id, &[Parameter::integer(1), Parameter::text("a")]);
            run.execute_with(statement.id, 0, &[Parameter::integer(3), Parameter::text("b")], false);
            run.execute(statement.id, &[Parameter::null(), Parameter::null()]);
            run.execute_with(statement.id, 0, &[Parameter::null(), Parameter::null()], false);
        });
    }

    fn b6_types_that_were_never_bound(stage) {
        Trial::new(stage, "b6_unbound").run(|run| {
            let statement = run.prepare("select ?, ?");
            run.execute_with(statement.id, 0, &[Parameter::integer(1), Parameter::integer(2)], false);
            run.ping();
        });
    }

    fn b7_b8_executions_that_lie_about_lengths(stage) {
        Trial::new(stage, "b7_lies").run(|run| {
            let statement = run.prepare("select ?, ?");
            let head = [&[0x17][..], &statement.id.to_le_bytes(), &[0, 1, 0, 0, 0]].concat();
            let bodies: Vec<Vec<u8>> = vec![
                vec![], vec![0], vec![0, 1], vec![0, 1, 0xFD], vec![0, 1, 0xFD, 0], vec![0, 1, 0xFD, 0, 0xFD, 0], vec![0, 1, 0x08, 0, 0x08, 0, 1, 2, 3], vec![0, 1, 0xFD, 0, 0xFD, 0, 5, b'a'],
                vec![0, 1, 0xFD, 0, 0xFD, 0, 0xFD, 0xFF, 0xFF, 0xFF, b'a'], vec![0, 1, 0xFD, 0, 0xFD, 0, 0xFC, 0xFF], vec![0, 1, 0x0C, 0, 0x0C, 0, 200, 1], vec![0, 1, 0xFD, 0, 0xFD, 0, 0xFE, 1, 0, 0],
            ];
            for body in bodies {
                run.command(&format!("execute with {body:02x?}"), &[head.clone(), body].concat(), Kind::Result);
            }
            for short in [&[0x17][..], &[0x17, 1, 0], &head[..6], &head[..9]] {
                run.command(&format!("execute of {} bytes", short.len()), short, Kind::Result);
            }
            // MariaDB takes whatever its buffer holds behind these for the statement's id.
            let short: &[&[u8]] = if run.flavour().is_mariadb() { &[] } else { &[&[0x1A], &[0x1A, 1, 0], &[0x1C], &[0x1C, 1, 0], &[0x1C, 1, 0, 0, 0]] };
            for command in short {
                let kind = if command[0] == 0x1A { Kind::Single } else { Kind::Rows };
                assert_eq!(run.command(&format!("command {command:02x?}"), command, kind).code(), 1835);
            }
            assert_eq!(run.execute(statement.id, &[Parameter::text("a"), Parameter::text("b")]).count(Part::Row), 1);
        });
    }

    fn b8_a_length_of_more_than_four_gib(stage) {
        // Servers read the low four bytes of the length alone. What follows the text that they see is then data of the
        // client's; a proxy that believes all eight would wait for it.
        Trial::new(stage, "b8_lies").run(|run| {
            for high in [1_u64 << 32, 1 << 63, u64::MAX - 3] {
                let statement = run.prepare("select ?");
                let mut payload = [&[0x17][..], &statement.id.to_le_bytes(), &[0, 1, 0, 0, 0, 0, 1, 0xFD, 0, 0xFE]].concat();
                payload.extend_from_slice(&high.wrapping_add(3).to_le_bytes());
                payload.extend_from_slice(b"abc");
                let reply = run.command("a length that cannot be", &payload, Kind::Result);
                assert!(reply.error().is_some() || reply.count(Part::Row) == 1, "{reply:?}");
                run.ping().expect_ok("ping");
                assert_eq!(run.run("select 7").value(), "7");
            }
        });
    }
}

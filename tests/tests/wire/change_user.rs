//! COM_CHANGE_USER: A26 to A28, E11.

use rolecall_protocol::Capabilities;
use rolecall_tests::raw::{Kind, LoginOptions, Packet, Part};
use rolecall_tests::{Run, Trial, on_every_server};

on_every_server! {
    fn a26_to_the_same_user(stage) {
        Trial::new(stage, "a26").setup(&["create table t (a int)"]).run(|run| {
            run.run("set @a = 1, time_zone = '+05:00'");
            let options = run.options().clone();
            run.change_user(&options).expect("the same user");
            run.transcript.clear();
            run.run("select @a, @@time_zone = @@global.time_zone, database()");
            run.run("insert into t values (1)");
            run.run("select * from t");
            let elsewhere = LoginOptions { database: None, ..options };
            run.change_user(&elsewhere).expect("without a schema");
            run.transcript.clear();
            run.run("select database()");
            assert_eq!(run.query("select * from t").code(), 1046);
        });
    }

    fn a26_to_another_user_and_back(stage) {
        let other = "a26_other_user";
        let identified = stage.flavour().identified("other");
        stage.set.primary.run(&format!("create user if not exists {other}@'%' {identified}"));
        Trial::new(stage, "a26_two").run(|run| {
            let options = run.options().clone();
            let others = LoginOptions { user: other.into(), password: "other".into(), database: None, ..options.clone() };
            run.change_user(&others).expect("another user");
            run.transcript.clear();
            assert!(run.run("select user()").value().starts_with(other));
            assert_eq!(run.query("use a26_two").code(), 1044);
            run.change_user(&options).expect("back");
            run.transcript.clear();
            run.run("select database()");
        });
        stage.set.primary.run(&format!("drop user {other}@'%'"));
    }

    fn a26_a_wrong_password_closes(stage) {
        // MariaDB itself lets the old user go on; the proxy does as MySQL does.
        let trial = Trial::new(stage, "a26_wrong");
        let steps = |run: &mut Run| {
            let options = LoginOptions { password: "wrong".into(), ..run.options().clone() };
            let error = run.change_user(&options).expect_err("a wrong password");
            assert_eq!(error.code, 1045);
            assert!(run.query("select 1").closed);
        };
        if stage.flavour().is_mariadb() { trial.run_proxied(steps) } else { trial.run(steps) }
    }

    fn a26_an_unknown_schema(stage) {
        Trial::new(stage, "a26_schema").run(|run| {
            let options = run.options().clone().database("nothing_like_this");
            let error = run.change_user(&options).expect_err("an unknown schema");
            assert!([1049, 1044].contains(&error.code), "{error}");
            run.transcript.clear();
        });
    }

    fn a27_bodies_that_are_cut_off(stage) {
        for body in [&b""[..], b"a27", b"a27\0", b"a27\0\x14", b"a27\0\x14abc", b"a27\0\0", b"a27\0\0db", b"a27\0\0\0", b"a27\0\0\0\x2d", b"a27\0\xff\0\0\0\0"] {
            // Which scramble comes with an AuthSwitchRequest is another each time.
            let hide_scramble = |packet: &mut Packet| if packet.part == Part::Other { packet.payload.truncate(23); };
            let trial = Trial::new(stage, "a27").mask(hide_scramble);
            let steps = |run: &mut Run| {
                let reply = run.command(&format!("change user with {body:02x?}"), &[&[0x11], body].concat(), Kind::Single);
                assert!(reply.ok().is_none(), "{body:02x?}: {reply:?}");
                run.client.stream.shutdown(std::net::Shutdown::Both);
                let mut other = run.another();
                assert_eq!(other.run("select 1").value(), "1");
            };
            // MariaDB greets such a client anew.
            if stage.flavour().is_mariadb() { trial.run_proxied(steps) } else { trial.run(steps) }
        }
    }

    fn a28_in_a_transaction_with_everything_held(stage) {
        Trial::new(stage, "a28").setup(&["create table t (a int)"]).run(|run| {
            run.run("create temporary table tt (a int)");
            run.run("select get_lock('a28', 0)");
            run.run("begin");
            run.run("insert into t values (1)");
            let options = run.options().clone();
            run.change_user(&options).expect("the same user");
            run.transcript.clear();
            assert_eq!(run.run("select count(*) from t").value(), "0");
            assert_ne!(run.query("select * from tt").code(), 0);
            run.run("select is_free_lock('a28')");
            run.run("lock tables t write");
            run.change_user(&options).expect("the same user");
            run.transcript.clear();
            let mut other = run.another();
            other.run("insert into t values (2)");
        });
    }

    fn e11_capabilities_stay(stage) {
        Trial::new(stage, "e11").without(Capabilities::DEPRECATE_EOF).with(Capabilities::MULTI_STATEMENTS).run(|run| {
            let options = run.options().clone();
            for _ in 0..3 {
                run.change_user(&options).expect("the same user");
                run.transcript.clear();
                run.run("select 1; select 2");
            }
        });
    }
}

//! User variables that triggers set, of which MariaDB's trackers tell nothing (C5).

use rolecall_tests::{Proxy, ProxyOptions, on_every_server, wait_until};

use crate::pool::{NO_SERVER, Pool};

fn pool(stage: &std::sync::Arc<rolecall_tests::Stage>, name: &str) -> Pool {
    let pool = Pool::new(stage, name, "max_connections: 2");
    pool.server().run(&format!("create table {name}.watched (a int)"));
    pool.server()
        .run(&format!("create trigger {name}.sets before insert on {name}.watched for each row set @seen = new.a"));
    pool
}

on_every_server! {
    /// They stay with their session, and no other one sees them.
    fn c5_variables_that_a_trigger_set_are_ones_own(stage) {
        let pool = pool(stage, "pool_trig");
        for prepared in [false, true] {
            let (mut first, mut second, mut third) = (pool.login(), pool.login(), pool.login());
            if prepared {
                let id = first.prepare("insert into watched values (7)").id;
                first.execute(id, &[]).expect_ok("a write");
            } else {
                first.run("insert into watched values (7)");
            }
            // They take both connections, if they can.
            for other in [&mut second, &mut third] {
                other.run("begin");
                let reply = other.query("select @seen is null, count(*) from t");
                if reply.code() == 0 {
                    assert_eq!(reply.rows()[0][0].as_deref(), Some("1"), "another session's variable");
                }
                other.run("rollback");
            }
            assert_eq!(first.run("select @seen").value(), "7", "prepared: {prepared}");
            for mut client in [first, second, third] {
                client.quit();
            }
        }
        pool.proxy.expect_no_panic();
    }

    /// Named locks, and on MariaDB temporary tables: no tracker tells of them, the catalogue of triggers does.
    fn what_a_trigger_takes_or_makes_is_ones_own(stage) {
        let options = stage.account("pool_trigt", &[
            "create table locking (a int)", "create trigger locks after insert on locking for each row do get_lock('pool_trigt', 0)",
            "create table making (a int)", "create procedure makes() create temporary table if not exists made (a int)",
            "create trigger calls after insert on making for each row call makes()",
        ]);
        let configuration = "workers: 1\ncatalogue_refresh: 1s\npool: {max_connections: 1, wait_timeout: 200ms}\n".to_owned();
        let listener = Some("pooling: transaction".to_owned());
        let proxy = Proxy::start([&stage.set.primary], &ProxyOptions { configuration, listener, ..ProxyOptions::default() });
        let pool = Pool { stage: stage.clone(), options, proxy };
        for table in ["locking", "making"] {
            wait_until("the trigger is known", || {
                let (mut first, mut second) = (pool.login(), pool.login());
                first.run(&format!("insert into {table} values (1)"));
                let is_held = second.query("select 1 from t").code() == NO_SERVER;
                [first, second].into_iter().for_each(|mut client| client.quit());
                is_held
            });
        }
        pool.proxy.expect_no_panic();
    }

    /// What it sets is told with the OK of the statement behind the error.
    fn c28_what_a_trigger_set_before_it_failed_is_ones_own(stage) {
        let pool = Pool::new(stage, "pool_trigf", "max_connections: 1, wait_timeout: 200ms");
        pool.server().run("create table pool_trigf.fails (a int primary key)");
        pool.server().run("insert into pool_trigf.fails values (7)");
        pool.server().run(
            "create trigger pool_trigf.sets before insert on pool_trigf.fails for each row set @failed = new.a, session \
             div_precision_increment = 9",
        );
        let look = "select @failed is null, @@div_precision_increment, count(*) from t";
        for (leaves, is_limited) in [(false, false), (true, false), (false, true)] {
            let (mut first, mut second) = (pool.login(), pool.login());
            if is_limited {
                // SHOW VARIABLES keeps to it.
                first.run("set sql_select_limit = 1");
            }
            assert_eq!(first.query("insert into fails values (7)").code(), 1062);
            if leaves {
                first.quit();
            }
            let reply = second.query(look);
            if reply.code() == 0 {
                assert_eq!(reply.rows()[0][..2], [Some("1".to_owned()), Some("4".to_owned())], "leaves: {leaves}");
            }
            if !leaves {
                assert_eq!(first.run("select @failed, @@div_precision_increment").rows()[0][0].as_deref(), Some("7"));
                first.quit();
            }
            second.quit();
        }
        pool.proxy.expect_no_panic();
    }

    /// Who leaves does not leave them to the next one.
    fn c5_variables_that_a_trigger_set_go_with_their_session(stage) {
        let pool = pool(stage, "pool_trigl");
        for prepared in [false, true, false] {
            let mut first = pool.login();
            if prepared {
                let id = first.prepare("insert into watched values (8)").id;
                first.execute(id, &[]).expect_ok("a write");
            } else {
                first.run("insert into watched values (8)");
            }
            first.quit();
            let mut second = pool.login();
            assert_eq!(second.run("select @seen is null from t limit 1").value(), "1");
            second.quit();
        }
        pool.proxy.expect_no_panic();
    }
}

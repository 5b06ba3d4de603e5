//! User variables that triggers set, of which MariaDB's trackers tell nothing (C5).

use rolecall_tests::on_every_server;

use crate::pool::Pool;

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

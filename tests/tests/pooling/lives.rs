//! How long server connections live: those that die, are idle, are old.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rolecall_tests::on_every_server;

use crate::pool::Pool;

on_every_server! {
    /// A connection that the server has closed is found out before a statement goes there.
    fn a_connection_that_dies_while_idle_is_replaced(stage) {
        let pool = Pool::new(stage, "pool_dies", "max_connections: 3");
        let mut sessions = pool.logins(3);
        let number = sessions[0].prepare("select count(*), ? from t").id;
        sessions[1].run("set time_zone = '+05:00'");
        for round in 0..3 {
            sessions.iter_mut().for_each(|session| drop(session.run("begin")));
            sessions.iter_mut().for_each(|session| drop(session.run("select * from t")));
            sessions.iter_mut().for_each(|session| drop(session.run("commit")));
            let connections = pool.wait_for_connections(3);
            connections.iter().for_each(|id| pool.kill(*id));
            sessions[0].execute(number, &[rolecall_tests::raw::Parameter::integer(1)]).expect_ok("a prepared statement");
            assert_eq!(sessions[1].run("select @@time_zone").value(), "+05:00");
            sessions[2].run(&format!("insert into t values ({}, 1)", 50 + round));
            assert!(pool.connections().iter().all(|id| !connections.contains(id)));
        }
        assert_eq!(sessions[1].run("select count(*) from t").value(), "6");
        // One that nobody has.
        sessions.drain(..).for_each(|mut session| session.quit());
        pool.connections().iter().for_each(|id| pool.kill(*id));
        assert_eq!(pool.login().run("select count(*) from t").value(), "6");
        pool.proxy.expect_no_panic();
    }

    fn a_connection_that_nobody_uses_is_closed(stage) {
        let pool = Pool::new(stage, "pool_idle", "max_connections: 3, idle_timeout: 1s");
        let mut session = pool.login();
        session.run("select * from t");
        let mut held = pool.login();
        held.run("begin");
        held.run("update t set a = 5");
        pool.wait_for_connections(2);
        let idle = Instant::now();
        pool.wait_for_connections(1);
        assert!(idle.elapsed() >= Duration::from_millis(500), "{:?}", idle.elapsed());
        session.run("set sql_mode = 'ANSI'");
        held.run("commit");
        assert_eq!(session.run("select max(a) from t").value(), "5");
        pool.wait_for_connections(0);
        assert!(session.run("select @@sql_mode").value().contains("ANSI_QUOTES"));
    }

    fn a_connection_that_is_old_is_replaced_between_transactions(stage) {
        let pool = Pool::new(stage, "pool_old", "max_connections: 2, max_lifetime: 1s");
        let (mut session, mut held) = (pool.login(), pool.login());
        held.run("begin");
        held.run("create temporary table x (a int)");
        session.run("set session sql_select_limit = 2");
        let mut seen = BTreeSet::new();
        let end = Instant::now() + Duration::from_secs(4);
        while Instant::now() < end {
            assert_eq!(session.run("select * from t").rows().len(), 2);
            assert_eq!(held.run("select count(*) from x").value(), "0");
            seen.extend(pool.connections());
        }
        assert!((3..12).contains(&seen.len()), "{seen:?}");
    }
}

//! Statements that wait for a server connection (H1, H2).

use std::time::{Duration, Instant};

use rolecall_tests::raw::{Client, Kind, LoginOptions};
use rolecall_tests::{on_every_server, wait_until};

use crate::pool::{NO_SERVER, Pool};

const WAITS: &str = "rolecall_pool_waits_total";
const TIME_OUTS: &str = "rolecall_pool_wait_timeouts_total";

/// Sends a statement and waits until the proxy says that it waits.
fn send_and_wait(pool: &Pool, client: &mut Client, sql: &str) {
    let before = pool.metric(WAITS);
    client.send_query(sql);
    pool.wait_for_metric(WAITS, before + 1);
}

/// A session that holds a connection by a transaction.
fn holder(pool: &Pool) -> Client {
    let mut holder = pool.login();
    holder.run("begin");
    holder.run("select * from t");
    holder
}

fn expect_refusal(client: &mut Client, sql: &str, limit: u32) {
    let reply = client.query(sql);
    let error = reply.error().unwrap_or_else(|| panic!("{sql}: no error"));
    assert_eq!(error.code, NO_SERVER, "{error}");
    let text = error.to_string();
    for word in ["connections", "executed", &limit.to_string()] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!reply.closed);
}

on_every_server! {
    fn h1_who_waits_first_is_served_first(stage) {
        let pool = Pool::new(stage, "pool_fifo", "max_connections: 1");
        pool.server().run("create table pool_fifo.line (place int primary key auto_increment, who int)");
        let mut waiting = pool.logins(8);
        let mut holder = holder(&pool);
        for (who, client) in waiting.iter_mut().enumerate() {
            send_and_wait(&pool, client, &format!("insert into line (who) values ({who})"));
        }
        holder.run("commit");
        waiting.iter_mut().for_each(|client| drop(client.read_reply(Kind::Result).expect_ok("insert")));
        let line = holder.run("select group_concat(who order by place) from line").value();
        assert_eq!(line, "0,1,2,3,4,5,6,7");
        assert_eq!(pool.connections().len(), 1);
        assert_eq!(pool.metric(TIME_OUTS), 0);
    }

    fn h1_who_waits_too_long_is_told_so(stage) {
        let pool = Pool::new(stage, "pool_late", "max_connections: 1, wait_timeout: 300ms");
        let mut client = pool.login();
        let prepared = client.prepare("insert into t values (50, 1)").id;
        let mut holder = holder(&pool);
        let started = Instant::now();
        expect_refusal(&mut client, "insert into t values (49, 1)", 1);
        let took = started.elapsed();
        assert!(took >= Duration::from_millis(290) && took < Duration::from_secs(5), "{took:?}");
        assert_eq!(client.execute(prepared, &[]).code(), NO_SERVER);
        expect_refusal(&mut client, "begin", 1);
        expect_refusal(&mut client, "set @a = 1", 1);
        assert!(pool.metric(TIME_OUTS) >= 3);
        holder.run("commit");
        // The session is as it was, and nothing was done.
        assert_eq!(client.run("select count(*), @a from t").rows(), [[Some("3".to_owned()), None]]);
        client.execute(prepared, &[]).expect_ok("the session goes on");
        assert_eq!(client.run("select count(*) from t").value(), "4");
    }

    /// Without autocommit, a statement that fails has begun a transaction, which no error tells: whoever asks for the
    /// connection then, and whoever asks next, must not get it.
    fn a_transaction_that_an_error_began_is_nobody_elses(stage) {
        let pool = Pool::new(stage, "pool_doubt", "max_connections: 1, wait_timeout: 2s");
        let [mut first, mut second, mut third] = [0, 1, 2].map(|_| pool.login());
        first.run("set autocommit = 0");
        first.send_query("insert into t select 1 + 0 * sleep(0.5), 1");
        let before = pool.metric(WAITS);
        second.send_query("select count(*) from t");
        pool.wait_for_metric(WAITS, before + 1);
        assert_eq!(first.read_reply(Kind::Result).code(), 1062);
        expect_refusal(&mut third, "select count(*) from t", 1);
        // By now the first one waits for its client.
        expect_refusal(&mut third, "select count(*) from t", 1);
        assert_eq!(second.read_reply(Kind::Result).code(), NO_SERVER);
        assert_eq!(first.run("select count(*) from t").value(), "3");
        first.run("rollback");
        assert_eq!(third.run("select count(*) from t").value(), "3");
    }

    /// On MariaDB what a session has of its own is compared behind a failed statement; gtid_binlog_pos, which SHOW SESSION
    /// VARIABLES lists as well, is not its own.
    fn what_others_write_ties_no_session_whose_statement_failed(stage) {
        let pool = Pool::new(stage, "pool_others", "max_connections: 1, wait_timeout: 2s");
        let [mut first, mut second] = [0, 1].map(|_| pool.login());
        for round in 0..3 {
            first.run("set lc_time_names = 'de_DE', sql_mode = 'ansi'");
            assert_eq!(first.query("insert into t values (1, 1)").code(), 1062);
            pool.server().run(&format!("insert into pool_others.t values ({}, 1)", 70 + round));
            second.run("set @a = 1");
            assert_eq!(first.run("select dayname('2026-01-01')").value(), "Donnerstag");
        }
        assert_eq!(pool.connections().len(), 1);
    }

    /// Without autocommit a SAVEPOINT is part of the transaction that the next statement begins, and no status tells of it.
    fn a_savepoint_in_front_of_a_transaction_stays_with_it(stage) {
        let pool = Pool::new(stage, "pool_savepoint", "max_connections: 1, wait_timeout: 200ms");
        let [mut first, mut second] = [0, 1].map(|_| pool.login());
        for client in [&mut first, &mut second] {
            client.run("set autocommit = 0");
        }
        first.run("savepoint b");
        if second.query("insert into t values (60, 1)").code() == 0 {
            assert_eq!(second.query("rollback to b").code(), 1305, "another session's savepoint");
            second.run("rollback");
        }
        first.run("insert into t values (61, 1)");
        first.run("rollback to b");
        first.run("commit");
        assert_eq!(second.run("select count(*) from t where id > 59").value(), "0");
    }

    /// Its server closes it behind the OK.
    fn a_connection_that_commit_release_closes_is_nobodys(stage) {
        let pool = Pool::new(stage, "pool_release", "max_connections: 1");
        let mut second = pool.login();
        for round in 0..20 {
            let mut first = holder(&pool);
            send_and_wait(&pool, &mut second, &format!("insert into t values ({}, 1)", 100 + round));
            first.run("commit release");
            second.read_reply(Kind::Result).expect_ok("a write behind COMMIT RELEASE");
        }
        assert_eq!(second.run("select count(*) from t where id >= 100").value(), "20");
    }

    fn h2_who_leaves_while_waiting_frees_the_place(stage) {
        let pool = Pool::new(stage, "pool_leave", "max_connections: 1");
        let [mut leaving, mut quitting, mut staying] = [0, 1, 2].map(|_| pool.login());
        let mut holder = holder(&pool);
        send_and_wait(&pool, &mut leaving, "insert into t values (50, 1)");
        send_and_wait(&pool, &mut quitting, "insert into t values (51, 1)");
        send_and_wait(&pool, &mut staying, "insert into t values (52, 1)");
        wait_until("four sessions", || pool.sessions() == 4);
        drop(leaving);
        let _ = socket2::SockRef::from(quitting.stream.socket()).set_linger(Some(Duration::ZERO));
        drop(quitting);
        wait_until("two sessions have gone", || pool.sessions() == 2);
        holder.run("commit");
        staying.read_reply(Kind::Result).expect_ok("insert");
        assert_eq!(holder.run("select group_concat(id order by id) from t").value(), "1,2,3,52");
        assert_eq!(pool.connections().len(), 1);
    }

    fn a_users_limit_holds_for_that_user(stage) {
        let pool = Pool::new(stage, "pool_greedy", "max_connections: 10, max_connections_per_user: 2, wait_timeout: 300ms");
        let other = stage.account("pool_modest", &[]);
        let mut holders = [holder(&pool), holder(&pool)];
        let mut third = pool.login();
        expect_refusal(&mut third, "select * from t", 2);
        let mut others = [0, 1].map(|_| pool.proxy.login(&other));
        others.iter_mut().for_each(|client| drop(client.run("begin")));
        others.iter_mut().for_each(|client| drop(client.run("select * from t")));
        assert_eq!(pool.connections().len(), 2);
        holders[1].run("rollback");
        third.run("select * from t");
        holders[0].run("select * from t");
        assert_eq!(pool.connections().len(), 2);
    }

    /// Another user's idle connection makes place, and one with another password does.
    fn an_idle_connection_makes_place_for_another_users(stage) {
        let pool = Pool::new(stage, "pool_place", "max_connections: 2");
        let other: LoginOptions = stage.account("pool_placed", &[]);
        let mut idle = pool.logins(2);
        idle.iter_mut().for_each(|client| drop(client.run("begin")));
        idle.iter_mut().for_each(|client| drop(client.run("select * from t")));
        idle.iter_mut().for_each(|client| drop(client.run("commit")));
        let mut others = [0, 1].map(|_| pool.proxy.login(&other));
        others.iter_mut().for_each(|client| drop(client.run("begin")));
        others.iter_mut().for_each(|client| drop(client.run("select * from t")));
        pool.wait_for_connections(0);
        others.iter_mut().for_each(|client| drop(client.run("commit")));
        idle.iter_mut().for_each(|client| drop(client.run("select * from t")));
    }
}

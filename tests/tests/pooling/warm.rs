//! Connections that are kept and opened in advance (`pool.min_idle`), and those that have died while nobody used them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rolecall_tests::middle_box::{MiddleBox, Verdict};
use rolecall_tests::{Proxy, ProxyOptions, on_every_server, wait_until};

use crate::pool::{Pool, connections};

const OPENED: &str = "rolecall_pool_opened_in_advance_total";
const REFUSED: &str = "rolecall_backend_connects_total{outcome=\"refused\"}";

/// COM_PING.
const PING: &[u8] = &[0x0E];

on_every_server! {
    fn some_are_kept_though_nobody_uses_them(stage) {
        let pool = Pool::new(stage, "pool_kept", "min_idle: 2, idle_timeout: 1s");
        let mut sessions = pool.logins(4);
        sessions.iter_mut().for_each(|session| drop(session.run("begin")));
        sessions.iter_mut().for_each(|session| drop(session.run("select * from t")));
        assert!(pool.connections().len() >= 4);
        sessions.iter_mut().for_each(|session| drop(session.run("commit")));
        sessions.drain(..).for_each(|mut session| session.quit());
        let kept = pool.wait_for_connections(2);
        // Twice as long as others live.
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(pool.connections(), kept);
        // The server's own id: CONNECTION_ID() alone would be the proxy's.
        let served = pool.login().run("select connection_id() + 0 from t").value();
        assert!(kept.iter().any(|id| id.to_string() == served), "{served} did, not one of {kept:?}");
        // While one is used another is opened in advance, and the login has its proof's: both need a moment to go.
        pool.wait_for_connections(2);
    }

    fn they_are_opened_before_anybody_needs_them(stage) {
        let pool = Pool::new(stage, "pool_advance", "min_idle: 2");
        let mut first = pool.login();
        first.run("begin");
        first.run("update t set a = 7 where id = 1");
        pool.wait_for_connections(3);
        let mut others = pool.logins(2);
        // What a login of its own would find, and what a session that sets nothing sees.
        let fresh = pool.server().value("select @@global.time_zone");
        for other in &mut others {
            other.run("begin");
            assert_eq!(other.run("select @@time_zone").value(), fresh);
            assert_eq!(other.run("select database()").value(), "pool_advance");
            assert_eq!(other.run("select last_insert_id(), found_rows()").rows().len(), 1);
            assert_eq!(other.run("select a from t where id = 1").value(), "1");
        }
        others.iter_mut().for_each(|other| drop(other.run("commit")));
        first.run("rollback");
        pool.proxy.expect_no_panic();
    }

    fn those_that_are_old_are_replaced(stage) {
        let pool = Pool::new(stage, "pool_aged", "min_idle: 1, max_lifetime: 1s");
        pool.login().run("select * from t");
        let mut seen = BTreeSet::new();
        wait_until("four of them, one after the other", || {
            let now = pool.connections();
            assert!(now.len() <= 2, "{now:?}");
            seen.extend(now);
            seen.len() >= 4
        });
        pool.wait_for_metric(OPENED, 3);
    }

    fn limits_hold_for_them_as_well(stage) {
        let pool = Pool::new(stage, "pool_limit", "min_idle: 2, max_connections: 2, wait_timeout: 300ms");
        let mut holders = pool.logins(2);
        holders.iter_mut().for_each(|session| drop(session.run("begin")));
        holders.iter_mut().for_each(|session| drop(session.run("select * from t")));
        std::thread::sleep(Duration::from_millis(600));
        assert_eq!(pool.connections().len(), 2);
        // Another account's statements come before connections in advance.
        let other = stage.account("pool_limit_b", &[]);
        holders.iter_mut().for_each(|session| drop(session.run("commit")));
        let mut others = [0, 1].map(|_| pool.proxy.login(&other));
        others.iter_mut().for_each(|session| drop(session.run("begin")));
        others.iter_mut().for_each(|session| drop(session.run("select * from t")));
        assert_eq!(connections(pool.server(), "pool_limit_b").len(), 2);
    }

    fn a_refused_login_is_not_tried_again_and_again(stage) {
        let pool = Pool::new(stage, "pool_refused", "min_idle: 1");
        pool.login().run("select * from t");
        wait_until("one of them", || !pool.connections().is_empty());
        let identified = stage.flavour().identified("another");
        pool.server().run(&format!("alter user pool_refused {identified}"));
        pool.connections().iter().for_each(|id| pool.kill(*id));
        wait_until("a refusal", || pool.proxy.metric(REFUSED) == 1);
        // Longer than the pause after other failures.
        std::thread::sleep(Duration::from_secs(6));
        assert_eq!(pool.proxy.metric(REFUSED), 1);
        assert_eq!(pool.connections(), [0_u64; 0]);
    }

    fn all_that_are_free_may_be_killed_and_no_statement_notices(stage) {
        let pool = Pool::new(stage, "pool_killed", "min_idle: 3");
        let mut client = pool.login();
        for round in 0..10 {
            client.run("begin");
            client.run("select * from t");
            wait_until("three free ones", || pool.connections().len() >= 4);
            client.run("commit");
            // All at once, and a statement right behind it.
            let mut root = pool.server().root();
            for id in pool.connections() {
                assert!([0, 1094].contains(&root.query(format!("kill {id}")).code()));
            }
            client.run(&format!("insert into t values ({}, 1)", 10 + round));
            let mut other = pool.login();
            other.run("select count(*) from t");
        }
        assert_eq!(client.run("select count(*) from t").value(), "13");
        assert_eq!(pool.metric("rolecall_errors_total"), 0);
        pool.proxy.expect_no_panic();
    }

    /// A firewall that has forgotten a connection says nothing: the proxy asks.
    fn one_that_has_gone_without_a_word_is_found_before_a_statement_is_lost_in_it(stage) {
        let options = stage.account("pool_silent", &[]);
        let is_cut = Arc::new(AtomicBool::new(false));
        let cut = Arc::clone(&is_cut);
        let way = MiddleBox::start(stage.set.primary.address(), move |moment| {
            let is_lost = cut.load(Ordering::SeqCst) && moment.user == "pool_silent" && moment.command == PING;
            if is_lost { Verdict::Silence } else { Verdict::Pass }
        });
        let configuration = format!(
            "workers: 1\nbackend: {{tls: {{mode: off}}, public_key: {{ask: true}}}}\npool: {{min_idle: 2}}\nservers: [{{address: '{}'}}]\n",
            way.address()
        );
        let listener = Some("pooling: transaction".into());
        let proxy = Proxy::start([], &ProxyOptions { configuration, listener, ..ProxyOptions::default() });
        let mut first = proxy.login(&options);
        first.run("begin");
        first.run("select * from t");
        wait_until("two free ones", || connections(&stage.set.primary, "pool_silent").len() == 3);
        std::thread::sleep(Duration::from_millis(1100));
        let pings = || way.seen(rolecall_tests::middle_box::From::Client).iter().filter(|moment| moment.payload == PING).count();
        let before = pings();
        let mut other = proxy.login(&options);
        other.run("insert into t values (60, 1)");
        assert_eq!(pings(), before + 1, "quiet for more than a second: asked");
        other.run("insert into t values (61, 1)");
        assert_eq!(pings(), before + 1, "not quiet");
        wait_until("two free ones", || connections(&stage.set.primary, "pool_silent").len() == 3);
        std::thread::sleep(Duration::from_millis(1100));
        is_cut.store(true, Ordering::SeqCst);
        let mut third = proxy.login(&options);
        // Its own stays its own.
        other.run("begin");
        let started = Instant::now();
        third.run("insert into t values (62, 1)");
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        other.run("commit");
        assert_eq!(first.run("select count(*) from t").value(), "3", "its transaction's");
        first.run("commit");
        assert_eq!(first.run("select count(*) from t").value(), "6");
        proxy.expect_no_panic();
    }
}

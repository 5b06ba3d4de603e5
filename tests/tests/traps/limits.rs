//! Group H: limits, of the proxy and of accounts, where sessions share connections.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rolecall_tests::middle_box::{From, MiddleBox, Verdict};
use rolecall_tests::raw::{Client, Kind, LoginOptions};
use rolecall_tests::{Proxy, ProxyOptions, Server, ServerOptions, Stage, on_every_server, wait_until};

use crate::rival::Narrow;

/// The account has used up what it may have.
const LIMIT_OF_ACCOUNT: u16 = 1226;
/// The server allows an account no more connections.
const LIMIT_OF_SERVER: u16 = 1203;

fn proxy(stage: &Stage, servers: usize, pool: &str) -> Proxy {
    let configuration = format!("workers: 2\npool: {{{pool}}}\n");
    Proxy::start(stage.set.servers().take(servers), &ProxyOptions { configuration, ..ProxyOptions::default() })
}

/// A user's connections to a server, by their ids there.
fn connections(server: &Server, user: &str) -> BTreeSet<String> {
    let rows = server.run(&format!("select id from information_schema.processlist where user = '{user}'")).rows();
    rows.into_iter().filter_map(|row| row.into_iter().next()?).collect()
}

fn holder(proxy: &Proxy, options: &LoginOptions) -> Client {
    let mut client = proxy.login(options);
    client.run("begin");
    client.run("select * from t");
    client
}

on_every_server! {
    /// Whichever worker they are on.
    fn h1_who_waits_first_is_served_first_over_all_workers(stage) {
        let proxy = proxy(stage, 2, "max_connections: 1");
        let options = stage.account("trap_h1", &["create table line (place int primary key auto_increment, who int)"]);
        let mut waiting: Vec<_> = (0..8).map(|_| proxy.login(&options)).collect();
        let mut holder = holder(&proxy, &options);
        for (who, client) in waiting.iter_mut().enumerate() {
            let before = proxy.metric("rolecall_pool_waits_total");
            client.send_query(format!("insert into line (who) values ({who})"));
            wait_until("it waits", || proxy.metric("rolecall_pool_waits_total") > before);
        }
        holder.run("commit");
        for client in &mut waiting {
            client.read_reply(Kind::Result).expect_ok("insert");
        }
        assert_eq!(stage.set.primary.value("select group_concat(who order by place) from trap_h1.line"), "0,1,2,3,4,5,6,7");
        proxy.expect_no_panic();
    }

    /// Sessions that share connections stay within what their account may have; whoever needs one more is told, and goes on.
    fn h5_an_accounts_limits_are_for_connections_not_for_sessions(stage) {
        let proxy = proxy(stage, 1, "wait_timeout: 2s");
        let options = stage.account("trap_h5", &["alter user trap_h5 with max_user_connections 3"]);
        let mut sessions: Vec<_> = (0..10).map(|_| proxy.login(&options)).collect();
        for _ in 0..3 {
            for session in &mut sessions {
                session.run("update t set a = a + 1");
                // Idle for so long, it gives its connection to the next one.
                std::thread::sleep(Duration::from_millis(25));
            }
        }
        let mut codes = Vec::new();
        for session in &mut sessions[..5] {
            codes.push(session.query("begin").code());
        }
        // At most three have one; the others are told by the server that the account has no more, not by a lost session.
        assert!(codes.iter().filter(|code| **code == 0).count() <= 3, "{codes:?}");
        assert!(codes.iter().all(|code| [0, LIMIT_OF_ACCOUNT].contains(code)), "{codes:?}");
        assert!(codes.contains(&LIMIT_OF_ACCOUNT) && codes.contains(&0), "{codes:?}");
        for (session, code) in sessions.iter_mut().zip(&codes) {
            if *code == 0 {
                session.run("commit");
            }
        }
        for session in &mut sessions {
            session.run("update t set a = a + 1");
            std::thread::sleep(Duration::from_millis(25));
        }
        assert_eq!(stage.set.primary.value("select a from trap_h5.t where id = 1"), "41");
        proxy.expect_no_panic();
    }

    /// 1203: of the server's own limit for each account.
    fn h5_the_servers_limit_for_each_account_is_told_as_it_is(stage) {
        let flavour = stage.flavour();
        let server = Server::start(flavour, &ServerOptions { more: vec!["--max-user-connections=2".into()], ..ServerOptions::default() });
        for sql in ["create schema shop", "create table shop.t (id int primary key, a int)", &format!("create user shop {}", flavour.identified("pw")), "grant all on shop.* to shop"] {
            server.run(sql);
        }
        let proxy = Proxy::start([&server], &ProxyOptions::default());
        let options = LoginOptions::new("shop", "pw").database("shop");
        let options = if flavour.is_mariadb() { options.plugin("mysql_native_password") } else { options };
        let mut sessions: Vec<_> = (0..6).map(|_| proxy.login(&options)).collect();
        for (number, session) in sessions.iter_mut().enumerate() {
            session.run(&format!("insert into t values ({number}, 1)"));
            std::thread::sleep(Duration::from_millis(25));
        }
        let codes: Vec<_> = sessions.iter_mut().map(|session| session.query("begin").code()).collect();
        assert!(codes.contains(&0) && codes.contains(&LIMIT_OF_SERVER), "{codes:?}");
        assert!(codes.iter().all(|code| [0, LIMIT_OF_SERVER].contains(code)), "{codes:?}");
        for (session, code) in sessions.iter_mut().zip(&codes) {
            if *code == 0 {
                session.run("commit");
            }
        }
        for session in &mut sessions {
            assert_eq!(session.run("select count(*) from t").value(), "6");
            std::thread::sleep(Duration::from_millis(25));
        }
        proxy.expect_no_panic();
    }

    /// So many logins in an hour: sessions that find a connection need none.
    fn h5_connections_per_hour_are_not_used_up_by_sessions(stage) {
        let proxy = proxy(stage, 1, "");
        let options = stage.account("trap_h5_hour", &["alter user trap_h5_hour with max_connections_per_hour 5"]);
        for number in 0..30 {
            let mut session = proxy.login(&options);
            session.run(&format!("insert into t values ({}, 1)", 10 + number));
            session.quit();
            // Its connection is there for the next one.
            wait_until("it has left", || proxy.metric("rolecall_sessions") == 0);
        }
        // Once they are used up, the server's word is told, and those who have one go on.
        let mut sessions: Vec<_> = (0..6).map(|_| proxy.login(&options)).collect();
        let codes: Vec<_> = sessions.iter_mut().map(|session| session.query("begin").code()).collect();
        assert!(codes[0] == 0 && codes.contains(&LIMIT_OF_ACCOUNT), "{codes:?}");
        assert!(codes.iter().all(|code| [0, LIMIT_OF_ACCOUNT].contains(code)), "{codes:?}");
        sessions[0].run("commit");
        assert_eq!(sessions[0].run("select count(*) from t").value(), "33");
    }

    /// Made at one time, replaced one by one, between transactions, under load, without an error.
    fn h7_connections_of_one_age_are_not_replaced_all_at_once(stage) {
        let proxy = proxy(stage, 1, "max_lifetime: 4s");
        let options = stage.account("trap_h7", &[]);
        let mut sessions: Vec<_> = (0..8).map(|_| holder(&proxy, &options)).collect();
        let first = connections(&stage.set.primary, "trap_h7");
        assert!(first.len() >= 8, "{first:?}");
        let (held, busy) = sessions.split_at_mut(1);
        busy.iter_mut().for_each(|session| drop(session.run("commit")));
        let over = AtomicBool::new(false);
        let (gone, inside) = std::thread::scope(|scope| {
            for session in busy {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        session.run("update t set a = a + 1 where id = 2");
                        session.run("begin");
                        session.run("select * from t where id = 3");
                        session.run("commit");
                        session.transcript.clear();
                    }
                });
            }
            let mut gone = Vec::new();
            let mut left = first.clone();
            let end = Instant::now() + Duration::from_millis(6500);
            while Instant::now() < end {
                let now = connections(&stage.set.primary, "trap_h7");
                let ended: Vec<_> = left.difference(&now).cloned().collect();
                for id in ended {
                    left.remove(&id);
                    gone.push(Instant::now());
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            // Its transaction is still the same one.
            let inside = held[0].query("select count(*) from t").code();
            over.store(true, Ordering::Relaxed);
            (gone, inside)
        });
        assert_eq!(inside, 0, "the one with a transaction");
        // The logins' own connections may be among them.
        assert!(gone.len() >= 7, "{} of {first:?} were replaced", gone.len());
        let spread = gone[gone.len() - 1] - gone[gone.len().saturating_sub(7)];
        assert!(spread >= Duration::from_millis(60), "seven of them within {spread:?}");
        held[0].run("commit");
        proxy.expect_no_panic();
    }
}

on_every_server! {
    /// No place of the server's is missing: nobody gains anything by others' connections.
    fn h8_who_waits_at_its_own_limit_costs_others_no_connection(stage) {
        let narrow = Narrow::new(stage);
        let [greedy, modest] = ["trap_h8_greedy", "trap_h8_modest"].map(|name| stage.account(name, &[]));
        let mut other = narrow.proxy.login(&modest);
        other.run("update t set a = 1");
        wait_until("its login's own connection is gone", || connections(&stage.set.primary, "trap_h8_modest").len() == 1);
        let before = connections(&stage.set.primary, "trap_h8_modest");
        let mut holding = holder(&narrow.proxy, &greedy);
        let mut waiting = narrow.proxy.login(&greedy);
        let waits = narrow.proxy.metric("rolecall_pool_waits_total");
        waiting.send_query("update t set a = 1");
        wait_until("it waits", || narrow.proxy.metric("rolecall_pool_waits_total") > waits);
        // Longer than the pool's round.
        std::thread::sleep(Duration::from_millis(600));
        other.run("update t set a = 2");
        holding.run("commit");
        waiting.read_reply(Kind::Result).expect_ok("its turn");
        assert_eq!(connections(&stage.set.primary, "trap_h8_modest"), before);
    }
}

/// A server connection that never gets further than the greeting: the place of who leaves meanwhile is free.
#[test]
fn h2_who_leaves_while_its_connection_is_being_made_frees_the_place() {
    let stage = Stage::mysql();
    let options = stage.account("trap_h2", &[]);
    let stalls = Arc::new(AtomicBool::new(false));
    let stalled = Arc::clone(&stalls);
    let way = MiddleBox::start(stage.set.primary.address(), move |moment| {
        let is_greeting = moment.from == From::Server && moment.user.is_empty();
        if is_greeting && stalled.load(Ordering::SeqCst) { Verdict::Silence } else { Verdict::Pass }
    });
    let configuration =
        "backend: {connect_timeout: 1s}\npool: {max_connections: 2, wait_timeout: 3s}\nprobe: {timeout: 60s}\n"
            .to_owned();
    let options_of = ProxyOptions { configuration, backends: vec![way.address()], ..ProxyOptions::default() };
    let proxy = Proxy::start([], &options_of);
    let mut holding = holder(&proxy, &options);
    let mut leaving: Vec<_> = (0..3).map(|_| proxy.login(&options)).collect();
    let sessions = || proxy.metric("rolecall_sessions");
    wait_until("four sessions", || sessions() == 4);
    stalls.store(true, Ordering::SeqCst);
    let waits = proxy.metric("rolecall_pool_waits_total");
    for client in &mut leaving {
        client.send_query("insert into t values (50, 1)");
    }
    wait_until("one is connecting, two wait", || proxy.metric("rolecall_pool_waits_total") >= waits + 2);
    leaving.clear();
    // Connecting goes on to its own limit, no longer.
    wait_until("they are gone", || sessions() == 1);
    stalls.store(false, Ordering::SeqCst);
    let mut next = proxy.login(&options);
    next.run("insert into t values (51, 1)");
    holding.run("commit");
    assert_eq!(holding.run("select group_concat(id order by id) from t").value(), "1,2,3,51");
    proxy.expect_no_panic();
}

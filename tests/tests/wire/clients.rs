//! Clients that leave, wait, or are killed: E16 and E19 of the traps, H2, H4, H5.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use rolecall_tests::raw::{Client, Kind, LoginOptions};
use rolecall_tests::{Proxy, ProxyOptions, Server, Trial, on_every_server};

use crate::losses::{SLOW_INSERT, wait_for};

on_every_server! {
    fn e16_a_client_that_vanishes_leaves_nothing_running(stage) {
        // A server that is alone with its client does not look after it during SLEEP().
        Trial::new(stage, "e16").setup(&["create table t (a int)"]).run_proxied(|run| {
            let running = "select count(*) from information_schema.processlist where user = 'e16' and info like 'insert into t with%'";
            let stage = run.stage().clone();
            for how in [Shutdown::Both, Shutdown::Write] {
                let mut gone = run.another();
                gone.send_query(SLOW_INSERT);
                wait_for(&stage.set.primary, running, "1");
                gone.stream.shutdown(how);
                wait_for(&stage.set.primary, running, "0");
                // In the middle of a result.
                let mut gone = run.another();
                gone.send_query("select a.*, repeat('x', 1000000) from information_schema.columns a, information_schema.columns b for update");
                assert!(gone.read_packet().is_some());
                gone.stream.shutdown(how);
                wait_for(&stage.set.primary, "select count(*) from information_schema.processlist where user = 'e16' and info like 'select a.%'", "0");
            }
            assert_eq!(run.run("select count(*) from t for update").value(), "0");
        });
    }

    fn e19_a_slow_client_does_not_fill_the_proxy(stage) {
        let proxy = Proxy::start(stage.set.servers(), &ProxyOptions::default());
        let resident = || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", proxy.pid())).expect("the proxy runs");
            let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a size").to_owned();
            line.split_whitespace().nth(1).and_then(|size| size.parse::<u64>().ok()).expect("kB")
        };
        let mut options = LoginOptions::new("root", Server::PASSWORD);
        if stage.flavour().is_mariadb() {
            options.plugin = "mysql_native_password".into();
        }
        let mut slow = Client::login(proxy.address(), &options).expect("a login");
        slow.run("select 1");
        let before = resident();
        // A gigabyte, of which the client reads one packet.
        slow.send_query("with recursive n (a) as (select 1 union all select a + 1 from n where a < 1000) select a, repeat('x', 1000000), 'e19' from n for update");
        assert!(slow.read_packet().is_some());
        // Full buffers on the way show in a size that stays.
        let (mut after, mut unchanged) = (resident(), 0);
        while unchanged < 5 {
            std::thread::sleep(Duration::from_millis(100));
            let now = resident();
            unchanged = if now == after { unchanged + 1 } else { 0 };
            after = now;
        }
        assert!(after < before + 64 * 1024, "{before} kB before, {after} kB while the client reads nothing");
        proxy.expect_no_panic();
    }

    fn h2_clients_that_leave_during_their_login_leave_nothing(stage) {
        let proxy = Proxy::start(stage.set.servers(), &ProxyOptions::default());
        let sessions = || {
            let (_, text) = proxy.admin("/metrics");
            let line = text.lines().find(|line| line.starts_with("rolecall_sessions ")).expect("a metric").to_owned();
            line.rsplit(' ').next().expect("a number").to_owned()
        };
        let options = LoginOptions::new("root", "wrong");
        for turn in 0..30 {
            let mut client = Client::connect(proxy.address()).expect("a connection");
            if turn % 3 > 0 {
                let greeting = client.read_greeting().expect("a greeting");
                client.capabilities = options.capabilities;
                let response = client.response(&options, client.head(&options), &greeting).encode();
                client.send_packet(&response[..if turn % 3 == 1 { response.len() } else { response.len() / 2 }]);
            }
            client.stream.shutdown(Shutdown::Both);
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        while sessions() != "0" {
            assert!(Instant::now() < deadline, "{} sessions are left", sessions());
            std::thread::sleep(Duration::from_millis(20));
        }
        proxy.expect_no_panic();
    }

    fn h4_a_kill_that_was_answered_hits_nothing_that_comes_later(stage) {
        Trial::new(stage, "h4").setup(&["create table t (a int)"]).unsettled().run(|run| {
            let id = run.greeting.as_ref().expect("a greeting").connection_id;
            let mut killer = run.another();
            for round in 0..60 {
                run.send_query(if round % 2 == 0 { "select 1" } else { "insert into t values (1)" });
                let killed = killer.query(format!("kill query {id}"));
                assert_eq!(killed.code(), 0, "{:?}, proxied: {}", killed.error(), run.proxied);
                let code = run.read_reply(Kind::Result).code();
                assert!([0, 1317].contains(&code), "{code}");
                assert_eq!(run.run("select 2").value(), "2");
            }
            run.client.transcript.clear();
        });
    }

    fn h5_limits_of_an_account_are_told_as_the_server_tells_them(stage) {
        Trial::new(stage, "h5").setup(&["alter user h5@'%' with max_user_connections 2"]).run(|run| {
            let options = run.options().clone();
            let deadline = Instant::now() + Duration::from_secs(10);
            // A server counts connections of the run before until it has noticed that they are gone.
            let mut second = loop {
                let second = Client::login(run.address(), &options).ok();
                if let Some(mut second) = second.filter(|_| run.query("select 1 for update").code() == 0)
                    && second.query("select 1 for update").code() == 0
                {
                    break second;
                }
                assert!(Instant::now() < deadline, "two connections are allowed");
            };
            run.client.transcript.clear();
            run.run("select 1 for update");
            // Straight at the server the login fails; the proxy needs no connection before the first statement.
            let code = match Client::login(run.address(), &options) {
                Ok(mut third) => third.query("select 1 for update").code(),
                Err(error) => error.code,
            };
            assert_eq!(code, 1226);
            second.quit();
            let deadline = Instant::now() + Duration::from_secs(10);
            let works = || Client::login(run.address(), &options).is_ok_and(|mut third| third.query("select 1 for update").code() == 0);
            while !works() {
                assert!(Instant::now() < deadline, "the place of the client that left is not free");
            }
        });
    }
}

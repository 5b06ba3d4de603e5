//! Sessions that say nothing for too long are ended by the proxy, since they may have no server connection that is.

use std::time::{Duration, Instant};

use rolecall_protocol::{Capabilities, SequenceId};
use rolecall_tests::raw::{Client, Kind, LoginOptions};
use rolecall_tests::{Server, ServerOptions, on_every_server};

use crate::pool::{Pool, proxy};

const INTERACTION_TIMEOUT: u16 = 4031;

/// Waits for the last words of a session; when they came, beginning with `since`.
fn expect_end(client: &mut Client, since: Instant) -> Duration {
    // Nobody asked for them.
    client.sequence = SequenceId(0);
    let reply = client.read_reply(Kind::Single);
    assert_eq!(reply.code(), INTERACTION_TIMEOUT, "{:?}", reply.error());
    let took = since.elapsed();
    client.expect_close();
    took
}

fn expect_about(seconds: u64, took: Duration) {
    let least = Duration::from_millis(seconds * 1000 - 50);
    assert!(took >= least && took < Duration::from_secs(seconds + 4), "{took:?}, not {seconds} s");
}

on_every_server! {
    fn an_idle_session_ends_in_its_own_time(stage) {
        let pool = Pool::new(stage, "pool_time", "max_connections: 1");
        let [mut own, mut global, mut busy] = [0, 1, 2].map(|_| pool.login());
        busy.run("set session wait_timeout = 1");
        own.run("set session wait_timeout = 1");
        global.run("select * from t");
        let since = Instant::now();
        // Whoever has the connection.
        while since.elapsed() < Duration::from_millis(700) {
            busy.run("select * from t");
        }
        expect_about(1, expect_end(&mut own, since));
        // A statement takes what it takes, and begins the time anew.
        assert_eq!(busy.query("select sleep(1.6)").value(), "0");
        let since = Instant::now();
        busy.ping().expect_ok("it is there");
        expect_about(1, expect_end(&mut busy, since));
        global.run("select * from t");
        assert_eq!(pool.connections().len(), 1, "one session's time is not its connection's");
        pool.proxy.expect_no_panic();
    }

    fn a_transaction_ends_with_its_session(stage) {
        // MariaDB closes a session that waits in a transaction without a word, and so does the proxy.
        if stage.flavour().is_mariadb() {
            return;
        }
        let pool = Pool::new(stage, "pool_time_trx", "max_connections: 1");
        let [mut idle, mut other] = [0, 1].map(|_| pool.login());
        idle.run("set wait_timeout = 1");
        idle.run("begin");
        idle.run("update t set a = 77");
        let since = Instant::now();
        other.send_query("select max(a) from t");
        expect_about(1, expect_end(&mut idle, since));
        assert_eq!(other.read_reply(Kind::Result).value(), "3", "rolled back");
    }

    /// The server gives interactive clients another wait_timeout.
    fn interactive_clients_have_their_own_time(stage) {
        let more = vec!["--wait-timeout=100".to_owned(), "--interactive-timeout=2".to_owned()];
        let flavour = stage.flavour();
        let server = Server::start(flavour, &ServerOptions { more, ..ServerOptions::default() });
        server.run(&format!("create user time {}", flavour.identified("pw")));
        let proxy = proxy(&server, "max_connections: 2", "transaction");
        let mut options = LoginOptions::new("time", "pw");
        if flavour.is_mariadb() {
            options.plugin = "mysql_native_password".into();
        }
        let mut patient = proxy.login(&options);
        let mut interactive = proxy.login(&options.clone().with(Capabilities::INTERACTIVE));
        let since = Instant::now();
        assert_eq!(patient.run("select @@wait_timeout").value(), "100");
        assert_eq!(interactive.run("select @@wait_timeout").value(), "2");
        expect_about(2, expect_end(&mut interactive, since));
        assert_eq!(patient.run("select @@wait_timeout").value(), "100");
    }
}

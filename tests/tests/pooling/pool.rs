//! A proxy in front of one server, whose sessions share their server connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Proxy, ProxyOptions, Server, Stage, wait_until};

/// The proxy's own error where no server connection can be had.
pub const NO_SERVER: u16 = 1105;

/// An account with a schema of its own, and a proxy of its own in front of the primary alone.
pub struct Pool {
    pub stage: Arc<Stage>,
    pub options: LoginOptions,
    pub proxy: Proxy,
}

impl Pool {
    /// With `pool: {…}` in its configuration; `t (id, a)` has rows 1 to 3.
    pub fn new(stage: &Arc<Stage>, name: &str, pool: &str) -> Self {
        Self::with_mode(stage, name, pool, "transaction")
    }

    /// With `pooling: mode`.
    pub fn with_mode(stage: &Arc<Stage>, name: &str, pool: &str, mode: &str) -> Self {
        let options = stage.account(name, &[]);
        Self { stage: stage.clone(), options, proxy: proxy(&stage.set.primary, pool, mode) }
    }

    /// The server behind.
    pub fn server(&self) -> &Server {
        &self.stage.set.primary
    }

    /// A session of the account.
    pub fn login(&self) -> Client {
        self.proxy.login(&self.options)
    }

    /// `count` sessions of the account.
    pub fn logins(&self, count: usize) -> Vec<Client> {
        (0..count).map(|_| self.login()).collect()
    }

    /// The account's connections by the server's ids for them, in order.
    pub fn connections(&self) -> Vec<u64> {
        connections(self.server(), &self.options.user)
    }

    /// The one connection that the account has at the server; those that it had before need a moment to go.
    pub fn connection(&self) -> u64 {
        self.wait_for_connections(1)[0]
    }

    /// Waits until the account has so many connections at the server.
    pub fn wait_for_connections(&self, count: usize) -> Vec<u64> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let found = self.connections();
            if found.len() == count {
                return found;
            }
            assert!(Instant::now() < deadline, "{found:?}, not {count} of them\n{}", self.proxy.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends a server connection as an administrator would.
    pub fn kill(&self, connection: u64) {
        // It may be gone by itself: no such thread.
        let code = self.server().try_run(&format!("kill {connection}")).code();
        assert!([0, 1094].contains(&code), "kill: {code}");
        wait_until("a killed connection goes", || !self.connections().contains(&connection));
    }

    /// How many of the account's sessions the proxy knows.
    pub fn sessions(&self) -> usize {
        let listed = self.proxy.admin_json("/sessions");
        let sessions = listed["sessions"].as_array().expect("a list");
        sessions.iter().filter(|session| session["user"] == self.options.user.as_str()).count()
    }

    /// The sum of a metric over its labels.
    pub fn metric(&self, name: &str) -> u64 {
        self.proxy.metric(name)
    }

    /// Waits until a metric has grown to this.
    pub fn wait_for_metric(&self, name: &str, least: u64) {
        wait_until(name, || self.metric(name) >= least);
    }
}

/// A proxy on one worker in front of `server`, with these settings under `pool` and `pooling`.
pub fn proxy(server: &Server, pool: &str, mode: &str) -> Proxy {
    let configuration = format!("workers: 1\npool: {{{pool}}}\n");
    let listener = Some(format!("pooling: {mode}"));
    Proxy::start([server], &ProxyOptions { configuration, listener, ..ProxyOptions::default() })
}

/// A user's connections by the server's ids for them, in order.
pub fn connections(server: &Server, user: &str) -> Vec<u64> {
    let rows = server.run(&format!("select id from information_schema.processlist where user = '{user}' order by id"));
    rows.rows().into_iter().filter_map(|row| row.into_iter().next()??.parse().ok()).collect()
}

/// The one row that a statement answers, with its columns as text.
pub fn row(client: &mut Client, sql: &str) -> Vec<String> {
    let row = client.run(sql).rows().remove(0);
    row.into_iter().map(|column| column.unwrap_or_else(|| "NULL".into())).collect()
}

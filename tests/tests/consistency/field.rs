//! A replica set whose replicas can be held back, with an account and a proxy in front.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Flavour, Proxy, ProxyOptions, Server, Stage, StatementCounts, wait_until};

/// One test at a time: what one holds back, all see.
pub struct Field {
    pub stage: std::sync::Arc<Stage>,
    pub options: LoginOptions,
    _turn: MutexGuard<'static, ()>,
}

/// While this lives, a replica executes nothing that it receives.
pub struct HeldBack(Client);

impl Drop for HeldBack {
    fn drop(&mut self) {
        self.0.run("unlock tables");
    }
}

/// While this lives, the replicas' processes stand still.
pub struct Stopped<'a>(&'a Stage);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.set.replicas.iter().for_each(|replica| replica.signal("CONT"));
    }
}

impl Field {
    /// With an account `name` that has a schema of its name, with `t (id, a)` that has rows 1 to 3, on all servers.
    pub fn new(stage: &std::sync::Arc<Stage>, name: &str) -> Self {
        static MYSQL: OnceLock<Mutex<()>> = OnceLock::new();
        static MARIADB: OnceLock<Mutex<()>> = OnceLock::new();
        let turn = if stage.flavour().is_mariadb() { &MARIADB } else { &MYSQL };
        let turn = turn.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        Self { stage: stage.clone(), options: stage.account(name, &[]), _turn: turn }
    }

    /// A session through the proxy that all tests share.
    pub fn session(&self) -> Client {
        self.stage.proxy().login(&self.options)
    }

    /// Another proxy in front of the same servers.
    pub fn another_proxy(&self, configuration: &str) -> Proxy {
        let options = ProxyOptions { configuration: configuration.into(), ..ProxyOptions::default() };
        Proxy::start(self.stage.set.servers(), &options)
    }

    /// Holds replica `at` back.
    pub fn hold_back(&self, at: usize) -> HeldBack {
        let mut root = self.stage.set.replicas[at].root();
        root.run("flush tables with read lock");
        HeldBack(root)
    }

    /// Holds both replicas back.
    pub fn hold_all_back(&self) -> [HeldBack; 2] {
        [self.hold_back(0), self.hold_back(1)]
    }

    /// Stops the replicas' processes.
    pub fn stop_replicas(&self) -> Stopped<'_> {
        let stopped = Stopped(&self.stage);
        self.stage.set.replicas.iter().for_each(|replica| replica.signal("STOP"));
        stopped
    }

    /// Waits until the proxy that all tests share takes both replicas for replicas again.
    pub fn wait_for_replicas(&self) {
        wait_until("the replicas are back", || {
            let topology = self.stage.proxy().admin_json("/topology");
            let servers = topology["servers"].as_array().expect("servers");
            servers.iter().filter(|server| server["role"] == "replica").count() == self.stage.set.replicas.len()
        });
    }

    /// How many statements of `kind` the account has run at `server`.
    pub fn counts_of(&self, server: &Server, kind: &str) -> i64 {
        StatementCounts::read(server, &self.options.user).of(kind)
    }

    /// How many statements of `kind` the account has run at the primary, and at the replicas together.
    pub fn counts(&self, kind: &str) -> [i64; 2] {
        let count = |server: &Server| StatementCounts::read(server, &self.options.user).of(kind);
        [count(&self.stage.set.primary), self.stage.set.replicas.iter().map(count).sum()]
    }

    /// Reads until the replicas serve it: where a wait was in vain, the primary does until a probe brings news.
    pub fn expect_at_replicas(&self, client: &mut Client, question: &str, answer: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let before = self.counts("sql/select");
            for _ in 0..20 {
                assert_eq!(client.run(question).value(), answer);
            }
            let after = self.counts("sql/select");
            if after[1] - before[1] >= 18 {
                return;
            }
            assert!(Instant::now() < deadline, "reads stay at the primary: {before:?} {after:?}");
        }
    }

    pub fn flavour(&self) -> Flavour {
        self.stage.flavour()
    }
}

//! A session whose statements the servers count.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rolecall_tests::raw::{Client, Kind, LoginOptions};
use rolecall_tests::{Proxy, Stage, StatementCounts};

/// An account with a schema of its own, and a session of it through a proxy.
pub struct Counted {
    stage: Arc<Stage>,
    front: SocketAddr,
    /// How it logs in.
    pub options: LoginOptions,
    /// The session.
    pub client: Client,
}

impl Counted {
    /// Through the proxy that tests share, with `t (id, a)` that has rows 1, 2 and 3.
    pub fn new(stage: &Arc<Stage>, name: &str) -> Self {
        Self::behind(stage.proxy(), stage, name, &[])
    }

    /// Through another proxy, after these statements of root's in the schema.
    pub fn behind(proxy: &Proxy, stage: &Arc<Stage>, name: &str, setup: &[&str]) -> Self {
        let options = stage.account(name, setup);
        let client = at_any_replica(proxy.login(&options));
        Self { stage: stage.clone(), front: proxy.address(), options, client }
    }

    /// Another session of the account.
    pub fn another(&self) -> Client {
        let client = Client::login(self.front, &self.options);
        at_any_replica(client.unwrap_or_else(|error| panic!("{}: {error}", self.options.user)))
    }

    /// A query that runs until it is ended by [`Self::end`], and the server that it went to.
    pub fn occupy(&self, text: &str) -> (usize, Client) {
        let mut client = self.another();
        client.send_query(text);
        (self.wait_for_query(text), client)
    }

    /// Ends a query of [`Self::occupy`]; the proxy knows of its end afterwards.
    pub fn end(&self, text: &str, (server, client): (usize, &mut Client)) {
        let server = self.stage.set.servers().nth(server).expect("a server");
        let id = server.value(&format!("select id from information_schema.processlist where info = '{text}'"));
        server.run(&format!("kill query {id}"));
        client.read_reply(Kind::Result);
        client.ping();
    }

    /// What `act` ran of `kind`, such as `sql/select`, at the primary and at each replica, once it is `total` together. All
    /// that the session runs of this kind has to be counted so: a server counts a statement after it has answered it, and
    /// one outside could show here.
    pub fn count(&mut self, kind: &str, total: i64, act: impl FnOnce(&mut Client)) -> [i64; 3] {
        self.counts(&[(kind, total)], act)[0]
    }

    /// [`Self::count`] of several kinds.
    pub fn counts<const N: usize>(&mut self, kinds: &[(&str, i64); N], act: impl FnOnce(&mut Client)) -> [[i64; 3]; N] {
        let before = self.settled();
        act(&mut self.client);
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let now = self.read();
            let grown = |kind: &str| [0, 1, 2].map(|at| now[at].of(kind) - before[at].of(kind));
            let counts = kinds.map(|(kind, _)| grown(kind));
            let complete = kinds.iter().zip(&counts).all(|((_, total), counts)| counts.iter().sum::<i64>() == *total);
            if complete || Instant::now() > deadline {
                return counts;
            }
        }
    }

    /// Runs each statement once; how many of `kind` the primary and the replicas together ran.
    pub fn run(&mut self, kind: &str, statements: &[&str]) -> [i64; 2] {
        let [primary, first, second] = self.count(kind, statements.len() as i64, |client| {
            for statement in statements {
                client.run(statement);
            }
        });
        [primary, first + second]
    }

    /// Whether a read goes to a replica, as one does of a session that nothing ties.
    pub fn is_free(&mut self) -> bool {
        self.run("sql/select", &["select count(*) from t"]) == [0, 1]
    }

    /// Waits until a server runs this query of the account's; says which one.
    fn wait_for_query(&self, text: &str) -> usize {
        let user = &self.options.user;
        let sql =
            format!("select count(*) from information_schema.processlist where user = '{user}' and info = '{text}'");
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let at = self.stage.set.servers().position(|server| server.value(&sql) == "1");
            if let Some(at) = at {
                return at;
            }
            assert!(Instant::now() < deadline, "nobody runs {text}");
        }
    }

    /// The counts, once those of statements before have come: a server counts after it has answered.
    fn settled(&self) -> [StatementCounts; 3] {
        let mut last = self.read();
        loop {
            std::thread::sleep(Duration::from_millis(3));
            let now = self.read();
            if now == last {
                return now;
            }
            last = now;
        }
    }

    fn read(&self) -> [StatementCounts; 3] {
        let mut counts = self.stage.set.servers().map(|server| StatementCounts::read(server, &self.options.user));
        [0, 1, 2].map(|_| counts.next().expect("three servers"))
    }
}

/// What is counted here is where statements go by themselves; the questions and waits of another consistency would count
/// as well.
fn at_any_replica(mut client: Client) -> Client {
    client.run("set rolecall_consistency = eventual");
    client
}

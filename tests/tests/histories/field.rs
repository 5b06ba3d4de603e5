//! Where histories run: accounts with a connection at the server itself, and a proxy with one connection for all of an
//! account's sessions.

use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{Flavour, Proxy, ProxyOptions, Server, ServerOptions};

use crate::actor::{Actor, TOO_LATE};
use crate::history::{History, filled};
use crate::sight::{differences, is_same, look, look_at_oneself, variables};

const PASSWORD: &str = "p4ss";

/// How many histories went which way.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    pub histories: u64,
    /// Another session took the connection.
    pub taken: u64,
    /// The session kept it.
    pub kept: u64,
    /// Questions that came too late for an answer.
    pub refused: u64,
}

/// One account's part.
pub struct Field {
    flavour: Flavour,
    own: String,
    proxy: Proxy,
    through: LoginOptions,
    at_server: LoginOptions,
    address: std::net::SocketAddr,
    root: Client,
    direct: Option<Client>,
    pub tally: Tally,
}

/// A server for histories.
pub fn server(flavour: Flavour) -> Server {
    let server = Server::start(
        flavour,
        &ServerOptions { more: vec!["--lock-wait-timeout=20".into()], ..ServerOptions::default() },
    );
    if flavour.is_mariadb() {
        server.run("update performance_schema.setup_instruments set enabled = 'YES', timed = 'YES' where name in ('transaction', 'wait/lock/metadata/sql/mdl')");
        server.run(
            "update performance_schema.setup_consumers set enabled = 'YES' where name = 'events_transactions_current'",
        );
    } else {
        // One that has been executed: whoever names it executes nothing.
        let mut root = server.root();
        root.run("set gtid_next = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa:1'");
        root.run("begin");
        root.run("commit");
    }
    server
}

impl Field {
    /// An account `own`; `leave_out`: what its proxy forgets.
    pub fn new(server: &Server, own: &str, leave_out: &str) -> Self {
        let flavour = server.flavour();
        make_account(server, own);
        let configuration =
            "workers: 1\npool: {max_connections: 1, wait_timeout: 8ms}\nbackend: {tls: {mode: 'off'}, public_key: {ask: true}}\n".to_owned();
        let wrapper = if leave_out.is_empty() {
            Vec::new()
        } else {
            vec!["env".to_owned(), format!("ROLECALL_LEAVE_OUT={leave_out}")]
        };
        let listener = Some("pooling: transaction".to_owned());
        let proxy =
            Proxy::start([server], &ProxyOptions { configuration, listener, wrapper, ..ProxyOptions::default() });
        let login = |user: &str| {
            let mut options = LoginOptions::new(user, PASSWORD).database(own);
            if flavour.is_mariadb() {
                options.plugin = "mysql_native_password".into();
            }
            options
        };
        let (through, at_server) = (login(own), login(&format!("{own}_at")));
        Self {
            flavour,
            own: own.to_owned(),
            proxy,
            through,
            at_server,
            address: server.address(),
            root: server.root(),
            direct: None,
            tally: Tally::default(),
        }
    }

    fn login(&self) -> Actor {
        Actor::new(self.proxy.login(&self.through))
    }

    /// Runs a history; what was wrong with it.
    pub fn run(&mut self, history: &History) -> Vec<String> {
        let run = std::panic::AssertUnwindSafe(|| self.run_both(history));
        std::panic::catch_unwind(run).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map_or("it panicked", String::as_str);
            vec![text.to_owned()]
        })
    }

    fn run_both(&mut self, history: &History) -> Vec<String> {
        self.tally.histories += 1;
        let steps: Vec<_> = history.steps.iter().map(|step| filled(step, &self.own)).collect();
        let expected = self.run_at_server(history, &steps);
        let mut wrong = Vec::new();
        let mut actor = self.login();
        let mut told = Vec::new();
        for step in &steps {
            told.push(match step.as_str() {
                "!others" => {
                    self.interfere(&[
                        "select a from t where id = 1".to_owned(),
                        "set session sql_mode = 'ANSI', session time_zone = '+09:00'".to_owned(),
                    ]);
                    String::new()
                }
                step => actor.take_patiently(step),
            });
        }
        let others: Vec<_> = history.others.iter().map(|step| filled(step, &self.own)).collect();
        let (is_taken, mut other) = self.interfere(&others);
        *(if is_taken { &mut self.tally.taken } else { &mut self.tally.kept }) += 1;
        if history.other_leaves
            && let Some(other) = other.take()
        {
            quit(other);
        }
        let first = actor.take(&history.first).unwrap_or_else(|| {
            // The other one has something that keeps the connection.
            other.take().into_iter().for_each(quit);
            actor.take_patiently(&history.first)
        });
        // Another session may have had the connection, be it too late for its own purpose.
        let is_pinned = history.asks_for_all_rows() && !expected.is_refused(steps.len());
        let asks_late = first == format!("error {TOO_LATE}") && !is_pinned;
        if first == format!("error {TOO_LATE}") {
            // Nothing has gone to a server.
            if actor.take("select 1").is_none() {
                other.take().into_iter().for_each(quit);
            }
            actor.take_patiently("select 1");
        }
        told.push(if asks_late { expected.told.last().cloned().unwrap_or_default() } else { first });
        self.tally.refused += u64::from(asks_late);
        // So may one within the history, where another session had the connection before it.
        let others = steps.iter().position(|step| step == "!others").unwrap_or(steps.len());
        for (told, expected) in told.iter_mut().zip(&expected.told).take(steps.len()).skip(others) {
            if *told == format!("error {TOO_LATE}") && !history.asks_for_all_rows() {
                told.clone_from(expected);
                self.tally.refused += 1;
            }
        }
        let mut sight = look(&mut self.root, &self.through.user, self.flavour);
        if !differences(&sight, &expected.sight).is_empty() {
            // A login that the proxy checks is a connection, too, for a moment.
            std::thread::sleep(std::time::Duration::from_millis(20));
            sight = look(&mut self.root, &self.through.user, self.flavour);
        }
        if self.flavour.is_mariadb() {
            sight.extend(variables(&mut actor.client));
        }
        let own_sight = look_at_oneself(&mut actor, &steps, &self.own);
        for ((step, found), expected) in steps.iter().chain([&history.first]).zip(&told).zip(&expected.told) {
            if !is_same(found, expected, &steps) {
                wrong.push(format!("{step}: {found}, not {expected}"));
            }
        }
        wrong.extend(differences(&sight, &expected.sight));
        for ((probe, found), (_, expected)) in own_sight.iter().zip(&expected.own_sight) {
            if !is_same(found, expected, &steps) {
                wrong.push(format!("{probe}: {found}, not {expected}"));
            }
        }
        quit(actor);
        other.into_iter().for_each(quit);
        wrong
    }

    fn run_at_server(&mut self, history: &History, steps: &[String]) -> Expected {
        let flavour = self.flavour;
        // Fresh: a new login where something may have gone wrong with the last.
        let client =
            self.direct.take().unwrap_or_else(|| Client::login(self.address, &self.at_server).expect("a login"));
        let mut actor = Actor::new(client);
        let mut told: Vec<_> = steps
            .iter()
            .map(|step| if step == "!others" { String::new() } else { actor.take_patiently(step) })
            .collect();
        told.push(actor.take_patiently(&history.first));
        let mut sight = look(&mut self.root, &self.at_server.user, flavour);
        if sight.get("schema ").is_none_or(|schema| schema == "NULL") {
            // Every session has one: the server was about to write it down.
            sight = look(&mut self.root, &self.at_server.user, flavour);
        }
        if flavour.is_mariadb() {
            sight.extend(variables(&mut actor.client));
        }
        let own_sight = look_at_oneself(&mut actor, steps, &self.own);
        self.direct = Some(freshened(actor.client, &self.own, flavour));
        Expected { told, sight, own_sight }
    }

    /// Another session wants the connection: whether it got it.
    fn interfere(&mut self, steps: &[String]) -> (bool, Option<Actor>) {
        let mut other = self.login();
        if other.take("select a from t where id = 2").is_none() {
            quit(other);
            return (false, None);
        }
        for step in steps.iter().filter(|step| *step != "!others") {
            other.take_patiently(step);
        }
        (true, Some(other))
    }

    /// Checks that the proxy is alive.
    pub fn finish(&self) {
        self.proxy.expect_no_panic();
    }
}

struct Expected {
    told: Vec<String>,
    sight: crate::sight::Sight,
    own_sight: Vec<(String, String)>,
}

impl Expected {
    /// Whether the last of a history's `steps` was. A SELECT that was refused has pinned nothing: the number is then what was there
    /// before it, which nobody may know. A history that is cut down has no step at last.
    fn is_refused(&self, steps: usize) -> bool {
        let last = steps.checked_sub(1).and_then(|last| self.told.get(last));
        last.is_some_and(|told| told.starts_with("error"))
    }
}

/// As after a login: COM_RESET_CONNECTION leaves the schema and the multi-statements, and sets the server's character sets.
fn freshened(mut client: Client, own: &str, flavour: Flavour) -> Client {
    client.reset_connection().expect_ok("reset");
    client.init_db(own).expect_ok("schema");
    client.set_option(1).expect_ok("option");
    // FOUND_ROWS() is 0 behind a login.
    client.run("select a from t where id < 0");
    // Which it leaves, too (MySQL 9.7).
    client.run("set role none");
    // What a login with collation 45 makes: MariaDB takes the default of its character set for that.
    client.run(if flavour.is_mariadb() { "set names utf8mb4" } else { "set names utf8mb4 collate utf8mb4_general_ci" });
    client.transcript.clear();
    client
}

fn quit(mut actor: Actor) {
    actor.client.send_command("quit", &[1]);
}

fn make_account(server: &Server, own: &str) {
    let identified = server.flavour().identified(PASSWORD);
    let mut root = server.root();
    root.run(&format!("create role {own}_role"));
    for user in [own.to_owned(), format!("{own}_at")] {
        root.run(&format!("create user {user} {identified}"));
        root.run(&format!("grant all on *.* to {user}"));
        root.run(&format!("grant {own}_role to {user}"));
    }
    for schema in [own.to_owned(), format!("{own}_other")] {
        root.run(&format!("create schema {schema}"));
        root.init_db(&schema).expect_ok("the schema");
        for sql in TABLES {
            root.run(&filled(sql, own));
        }
    }
    root.init_db(own).expect_ok("the schema");
    root.run("create table only_here (a int)");
}

const TABLES: &[&str] = &[
    "create table t (id int primary key, a int)",
    "insert into t values (1, 10), (2, 20), (3, 30)",
    "create table t3 (a int)",
    "create table auto (id int primary key auto_increment, a int) auto_increment = 1000000",
    "create table trig (a int)",
    "create trigger sets before insert on trig for each row set @c = 'by trigger'",
    "create procedure sets_variable() set @a = 'by procedure'",
    "create procedure makes_table() create temporary table tmp_a (p int)",
    "create procedure takes_lock() do get_lock('{own}', 1)",
    "create procedure begins_and_fails() begin start transaction; signal sqlstate '45000'; end",
    "create procedure sets_mode_and_fails() begin set session time_zone = '+07:00'; signal sqlstate '45000'; end",
    "create procedure p_out(out p int) set p = 5",
    "create function f_sets() returns int deterministic no sql begin set @b = 'by function'; return 1; end",
];

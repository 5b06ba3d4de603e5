//! C25: whatever one client did, the next one on the same server connection finds nothing of it.

use std::time::{Duration, Instant};

use rolecall_tests::raw::{Client, LoginOptions};
use rolecall_tests::{on_every_server, tell, wait_until};

use crate::items::items;
use crate::observer::{Sight, differences, held_at_server, observe, variables};
use crate::pool::Pool;

/// How a client leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Quit,
    Close,
    Reset,
    MidResult,
    Killed,
    KilledAtServer,
}

const ENDINGS: [Ending; 6] =
    [Ending::Quit, Ending::Close, Ending::Reset, Ending::MidResult, Ending::Killed, Ending::KilledAtServer];

/// A result that no client of this test reads to its end, from no table.
const LARGE: &str = "with recursive n (a) as (select 1 union all select a + 1 from n where a < 900) \
                     select repeat('x', 100000) from n";

/// Items that leave nothing, or nothing but what `last.rs` looks at.
/// Both tests take the same locks on the same server.
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

const UNSEEN: &[&str] = &[
    "a cursor",
    "select 1 from t",
    "set names utf8mb4",
    "set rand_seed1 = 1, rand_seed2 = 1",
    "set nonsense = 1",
    "set names latin1, max_join_size = 'x'",
    "set transaction isolation level serializable",
    "select sql_calc_found_rows * from t limit 1",
    "select 'a' + 1, 'b' + 1",
    "select nothing from nowhere",
    "set role none",
    // MariaDB counts ids on where a thread serves another connection, so that the ids tried are not always those given;
    // the proxy's begin with 1.
    "COM_STMT_PREPARE",
    "COM_STMT_EXECUTE",
    "long data",
];

/// Ends a session; what is left of its client.
fn end(pool: &Pool, mut client: Client, ending: Ending, connections: &[u64]) -> Option<Client> {
    let reset = |client: Client| {
        let _ = socket2::SockRef::from(client.stream.socket()).set_linger(Some(Duration::ZERO));
    };
    match ending {
        Ending::Quit => client.quit(),
        Ending::Close => drop(client),
        Ending::Reset => reset(client),
        Ending::MidResult => {
            client.send_query(LARGE);
            let _ = client.stream.take(5);
            reset(client);
        }
        Ending::Killed => {
            let id = client.greeting.as_ref().expect("a greeting").connection_id;
            let mut other = pool.login();
            other.run(&format!("kill {id}"));
            other.quit();
            return Some(client);
        }
        Ending::KilledAtServer => {
            connections.iter().for_each(|id| pool.kill(*id));
            return Some(client);
        }
    }
    None
}

/// Connections that served two clients, and those that did not.
#[derive(Default)]
struct Tally {
    reused: u32,
    destroyed: u32,
    wrong: Vec<String>,
}

/// One server connection, for an account that may do anything.
struct Leaks {
    pool: Pool,
    pristine: Sight,
    watcher: Client,
    tally: Tally,
}

impl Leaks {
    fn new(stage: &std::sync::Arc<rolecall_tests::Stage>, name: &str) -> Self {
        let pool = Pool::new(stage, name, "max_connections: 1");
        let server = pool.server();
        for sql in [
            format!("grant all on *.* to {name} with grant option"),
            "create role if not exists leak_role".to_owned(),
            format!("grant leak_role to {name}"),
            format!("create table {name}.auto (id int primary key auto_increment, a int)"),
            format!("create procedure {name}.leak_sets() set @leak = 3"),
        ] {
            server.run(&sql);
        }
        let mut watcher = server.root();
        watcher.init_db(name).expect_ok("schema");
        watcher.run("set lock_wait_timeout = 5, innodb_lock_wait_timeout = 5");
        // A fresh connection, seen through the proxy, is as one at the server.
        let mut first = pool.login();
        let pristine = observe(&mut first);
        first.quit();
        let mut direct = Client::login(server.address(), &pool.options).expect("a login");
        let mut at_server = observe(&mut direct);
        let mut through = pristine.clone();
        for sight in [&mut at_server, &mut through] {
            sight.retain(|name, _| !name.starts_with("session_track"));
        }
        assert_eq!(differences(&through, &at_server), [""; 0]);
        Self { pool, pristine, watcher, tally: Tally::default() }
    }

    /// One client does something and leaves; then another one looks around. Whether it had the same connection.
    fn round(&mut self, what: &str, act: impl FnOnce(&mut Client), ending: Ending) -> bool {
        let mut first = self.pool.login();
        act(&mut first);
        let before = self.pool.connections();
        let rest = end(&self.pool, first, ending, &before);
        let mut second = self.pool.login();
        let mut wrong = differences(&observe(&mut second), &self.pristine);
        let after = self.pool.connection();
        wrong.extend(self.held(after));
        wrong.extend(self.blocked());
        let reused = before == [after];
        if !wrong.is_empty() {
            self.tally.wrong.push(format!("{what}, {ending:?}, reused: {reused}: {}", wrong.join("; ")));
        }
        *(if reused { &mut self.tally.reused } else { &mut self.tally.destroyed }) += 1;
        second.quit();
        drop(rest);
        reused
    }

    /// What a connection still has after a moment: what InnoDB tells of transactions is a tenth of a second old.
    fn held(&self, connection: u64) -> Vec<String> {
        let deadline = Instant::now() + Duration::from_secs(2);
        loop {
            let held = held_at_server(&self.pool, connection);
            if held.is_empty() || Instant::now() > deadline {
                return held;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Why another connection cannot write.
    fn blocked(&mut self) -> Option<String> {
        self.watcher.transcript.clear();
        self.watcher.query("update t set a = a + 1 where id = 1").error().map(|error| error.to_string())
    }

    fn finish(self, what: &str) {
        let Tally { reused, destroyed, wrong } = self.tally;
        let flavour = self.pool.stage.flavour().name();
        tell(&format!("{what} ({flavour}): connections reused {reused}, destroyed {destroyed}"));
        assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), reused + destroyed, wrong.join("\n"));
        self.pool.proxy.expect_no_panic();
    }
}

on_every_server! {
    fn c25_the_next_client_finds_nothing(stage) {
        let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut leaks = Leaks::new(stage, "leak");
        for item in items(stage.flavour()) {
            for ending in ENDINGS {
                leaks.round(&item.name(), |client| item.act(client), ending);
            }
        }
        // What leaves nothing costs no connection.
        for sql in ["select 1 from t", "set sql_mode = 'ANSI'", "set time_zone = '+03:00'", "use mysql"] {
            for ending in [Ending::Quit, Ending::Close, Ending::Reset] {
                if !leaks.round(sql, |client| drop(client.run(sql)), ending) {
                    leaks.tally.wrong.push(format!("{sql}, {ending:?}: a connection is closed that could be kept"));
                }
            }
        }
        leaks.finish("leaks");
    }

    /// What this test looks at shows what each item leaves, where nobody cleans up behind it.
    fn c25_nothing_would_stay_unseen(stage) {
        let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut leaks = Leaks::new(stage, "leak_seen");
        leaks.watcher.run("set lock_wait_timeout = 1, innodb_lock_wait_timeout = 1");
        let connect = || Client::login(leaks.pool.server().address(), &leaks.pool.options).expect("a login");
        let pristine = observe(&mut connect());
        let mut unseen = Vec::new();
        for item in items(stage.flavour()) {
            let mut client = Client::login(leaks.pool.server().address(), &leaks.pool.options).expect("a login");
            let id: u64 = client.run("select connection_id()").value().parse().expect("a number");
            item.act(&mut client);
            let held = held_at_server(&leaks.pool, id);
            let seen = !held.is_empty() || leaks.blocked().is_some();
            if !seen && differences(&observe(&mut client), &pristine).is_empty() {
                unseen.push(item.name());
            }
            // An XA transaction's name is free again once its session is gone.
            drop(client);
            wait_until("the session is gone", || !leaks.pool.connections().contains(&id));
        }
        unseen.retain(|item| !UNSEEN.contains(&item.as_str()));
        assert_eq!(unseen, [""; 0]);
    }

    /// Every variable that has a session value which this account may set.
    fn c25_no_variable_stays_set(stage) {
        let mut leaks = Leaks::new(stage, "leak_variables");
        let settings = settable(&leaks.pool, &leaks.pool.options.clone());
        assert!(settings.len() > 80, "{}", settings.len());
        for some in settings.chunks(8) {
            for ending in [Ending::Quit, Ending::Reset] {
                let act = |client: &mut Client| some.iter().for_each(|sql| assert!(!client.query(sql).closed, "{sql}"));
                leaks.round(&some.join("; "), act, ending);
            }
        }
        leaks.finish(&format!("{} variables", settings.len()));
    }
}

/// A SET for each session variable whose value another one of its kind may replace, tried at the server.
fn settable(pool: &Pool, options: &LoginOptions) -> Vec<String> {
    let connect = || Client::login(pool.server().address(), options).expect("a login");
    let mut client = connect();
    let mut found = Vec::new();
    for (name, value) in variables(&mut client) {
        let candidates = match (value.as_str(), value.parse::<i128>()) {
            ("ON", _) => vec!["OFF".to_owned()],
            ("OFF", _) => vec!["ON".to_owned()],
            (_, Ok(number)) => [1, -1, 1024, -1024].map(|more| (number + more).to_string()).to_vec(),
            _ => Vec::new(),
        };
        let sets = candidates.into_iter().map(|candidate| format!("set session {name} = {candidate}"));
        let show = format!("show session variables where variable_name = '{name}'");
        let set = sets.into_iter().find(|set| {
            let done = client.query(set);
            let now = if done.closed { Vec::new() } else { client.query(&show).rows() };
            if client.reset_connection().closed {
                client = connect();
            }
            client.transcript.clear();
            done.code() == 0 && now.first().is_some_and(|row| row[1].as_ref() != Some(&value))
        });
        found.extend(set);
    }
    found
}

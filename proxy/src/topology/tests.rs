//! The task over scripted servers: who is asked when, and what is published.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rolecall_protocol::{Capabilities, MariadbCapabilities};
use rolecall_router::topology::{
    Address, Answer, Endpoint, Identity, Role, Rows, Server, ServerId, Settings, Topology,
};
use tokio::sync::Notify;
use tokio::task::LocalSet;

use super::handle::{ServerError, TopologyHandle};
use super::probe::{ProbeClient, ProbeError};
use super::prober::Pace;
use super::source::Source;
use super::task::{Task, TopologyOptions};

/// A scripted server.
#[derive(Debug, Clone, Copy, Default)]
struct Script {
    writable: bool,
    /// Takes connections and says nothing.
    silent: bool,
    /// Refuses connections.
    down: bool,
    /// Kept logins break once.
    break_kept: bool,
    /// Logins end as soon as nothing is asked.
    hangs_up: bool,
    logins: u32,
    questions: u32,
}

/// All scripted servers, by name.
#[derive(Debug, Clone, Default)]
struct Scripts {
    servers: Rc<RefCell<HashMap<String, Script>>>,
    no_account: Rc<RefCell<bool>>,
    hung_up: Rc<Notify>,
}

struct Login {
    name: String,
    scripts: Scripts,
}

impl Scripts {
    fn set(&self, name: &str, change: impl FnOnce(&mut Script)) {
        change(self.servers.borrow_mut().entry(name.to_owned()).or_default());
    }

    fn of(&self, name: &str) -> Script {
        self.servers.borrow().get(name).copied().unwrap_or_default()
    }
}

impl ProbeClient for Scripts {
    type Connection = Login;

    async fn connect(&self, server: &Arc<Server>) -> Result<(Login, Identity), ProbeError> {
        let script = self.of(&server.name);
        if script.down {
            return Err(ProbeError::Broken("connection refused".into()));
        }
        if *self.no_account.borrow() {
            return Err(ProbeError::NoAccount(Box::new(identity())));
        }
        self.set(&server.name, |script| script.logins += 1);
        Ok((Login { name: server.name.clone(), scripts: self.clone() }, identity()))
    }

    async fn query(login: &mut Login, sql: &str) -> Result<Answer, ProbeError> {
        let script = login.scripts.of(&login.name);
        login.scripts.set(&login.name, |script| script.questions += 1);
        if script.silent {
            std::future::pending::<()>().await;
        }
        if script.break_kept {
            login.scripts.set(&login.name, |script| script.break_kept = false);
            return Err(ProbeError::Broken("connection reset".into()));
        }
        let read_only = if script.writable { "0" } else { "1" };
        let rows = match sql {
            _ if sql.starts_with("SELECT @@global.read_only") => {
                let uuid = login.name.as_str();
                let row = [read_only, read_only, "0", uuid, "", "", ""].map(|text| Some(text.into()));
                vec![row.to_vec()]
            }
            _ => Vec::new(),
        };
        Ok(Answer::Rows(Rows { columns: Vec::new(), rows }))
    }

    async fn ended(login: &mut Login) {
        while !login.scripts.of(&login.name).hangs_up {
            login.scripts.hung_up.notified().await;
        }
    }
}

fn identity() -> Identity {
    let (flavour, version) = Identity::version_of(b"9.7.0");
    Identity {
        flavour,
        version_text: b"9.7.0".to_vec(),
        version,
        capabilities: Capabilities::PROTOCOL_41,
        mariadb: MariadbCapabilities::empty(),
        collation: 255,
    }
}

fn options(names: &[&str], interval: Duration) -> TopologyOptions {
    let fixed = |name: &&str| Endpoint { name: (*name).into(), ..Endpoint::fixed(Address::Tcp((*name).into(), 3306)) };
    TopologyOptions {
        source: Source::Fixed(names.iter().map(fixed).collect()),
        settings: Settings::default(),
        pace: Pace { interval, urgent: Duration::from_millis(10), timeout: Duration::from_millis(200) },
    }
}

/// Runs the task beside `case`; everything ends with `case`.
fn run<F: Future<Output = ()>>(options: TopologyOptions, scripts: &Scripts, case: impl FnOnce(TopologyHandle) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let scripts = scripts.clone();
    LocalSet::new().block_on(&runtime, async move {
        let (handle, publisher) = TopologyHandle::new();
        let mut task = Task::new(options, scripts, true, publisher);
        let turns = async {
            loop {
                task.turn().await;
            }
        };
        tokio::select! {
            () = turns => {}
            () = case(handle) => {}
        }
    });
}

async fn until(handle: &TopologyHandle, what: &str, wanted: impl Fn(&Topology) -> bool) {
    let wait = async {
        loop {
            let now = handle.load();
            if wanted(&now) {
                return;
            }
            handle.newer_than(now.generation).await;
        }
    };
    let within = tokio::time::timeout(Duration::from_secs(20), wait).await;
    assert!(within.is_ok(), "never: {what}; now {:#?}", handle.load());
}

fn primary_is(name: Option<&'static str>) -> impl Fn(&Topology) -> bool {
    move |topology| topology.primary().map(|server| server.name.as_str()) == name
}

fn id(handle: &TopologyHandle, name: &str) -> ServerId {
    handle.load().servers.iter().find(|server| server.name == name).expect("it is there").id
}

/// Longer than any test: whatever is seen was not the interval's doing.
const NEVER: Duration = Duration::from_secs(3600);

#[test]
fn a_silent_server_delays_no_other() {
    let scripts = Scripts::default();
    scripts.set("a", |script| script.writable = true);
    scripts.set("b", |script| script.silent = true);
    run(options(&["a", "b", "c"], Duration::from_millis(20)), &scripts, |handle| async move {
        until(&handle, "c serves reads", |topology| topology.replicas().any(|server| server.name == "c")).await;
        // b may still turn out to be writable: the first choice waits for its time-out, and no longer.
        until(&handle, "a is primary", primary_is(Some("a"))).await;
        let silent = handle.load().server(id(&handle, "b")).cloned().expect("it is there");
        assert_eq!(silent.role, Role::Unroutable);
        assert!(silent.why.contains("no answer within 200ms"), "{}", silent.why);
    });
}

#[test]
fn a_report_is_followed_by_a_probe_at_once() {
    let scripts = Scripts::default();
    scripts.set("a", |script| script.writable = true);
    let change = scripts.clone();
    run(options(&["a", "b"], NEVER), &scripts, |handle| async move {
        until(&handle, "a is primary", primary_is(Some("a"))).await;
        change.set("a", |script| script.writable = false);
        change.set("b", |script| script.writable = true);
        handle.report(id(&handle, "a"), ServerError::RefusesWrites);
        until(&handle, "b is primary", primary_is(Some("b"))).await;
    });
}

#[test]
fn a_kept_login_that_broke_is_replaced_without_a_word() {
    let scripts = Scripts::default();
    scripts.set("a", |script| script.writable = true);
    let change = scripts.clone();
    run(options(&["a"], Duration::from_millis(10)), &scripts, |handle| async move {
        until(&handle, "a is primary", primary_is(Some("a"))).await;
        let before = handle.load().generation;
        change.set("a", |script| script.break_kept = true);
        while change.of("a").logins < 2 || change.of("a").questions < 20 {
            tokio::task::yield_now().await;
        }
        assert_eq!(handle.load().generation, before, "nobody lost traffic");
        assert_eq!(change.of("a").logins, 2, "one new login, kept again");
    });
}

#[test]
fn a_server_that_hangs_up_is_asked_at_once_and_once() {
    let scripts = Scripts::default();
    scripts.set("a", |script| script.writable = true);
    let change = scripts.clone();
    run(options(&["a", "b"], NEVER), &scripts, |handle| async move {
        until(&handle, "a is primary", primary_is(Some("a"))).await;
        until(&handle, "b serves reads", |topology| topology.replicas().any(|server| server.name == "b")).await;
        // It has started anew, and keeps no login for long.
        change.set("b", |script| (script.break_kept, script.hangs_up) = (true, true));
        change.hung_up.notify_waiters();
        while change.of("b").logins < 2 || change.of("b").break_kept {
            tokio::task::yield_now().await;
        }
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        assert_eq!((change.of("a").logins, change.of("b").logins), (1, 2), "the next time is in its turn");
    });
}

#[test]
fn a_server_that_refuses_connections_is_back_with_its_first_answer() {
    let scripts = Scripts::default();
    scripts.set("a", |script| script.writable = true);
    let change = scripts.clone();
    let mut options = options(&["a"], NEVER);
    // Else a slow machine has it down, and asked as seldom as usual, before it is back.
    options.settings.down_after = std::num::NonZeroU32::MAX;
    run(options, &scripts, |handle| async move {
        until(&handle, "a is primary", primary_is(Some("a"))).await;
        change.set("a", |script| (script.down, script.break_kept) = (true, true));
        handle.report(id(&handle, "a"), ServerError::Lost);
        until(&handle, "nobody is primary", primary_is(None)).await;
        change.set("a", |script| script.down = false);
        until(&handle, "a is back, asked more often than usual", primary_is(Some("a"))).await;
    });
}

#[test]
fn without_an_account_servers_only_greet() {
    let scripts = Scripts::default();
    scripts.set("a", |script| script.writable = true);
    *scripts.no_account.borrow_mut() = true;
    let change = scripts.clone();
    run(options(&["a"], Duration::from_millis(20)), &scripts, |handle| async move {
        until(&handle, "clients can be greeted", |topology| topology.offer.is_some()).await;
        let server = handle.load().servers[0].clone();
        assert!(server.why.contains("nobody has logged in yet"), "{}", server.why);
        *change.no_account.borrow_mut() = false;
        until(&handle, "a is primary", primary_is(Some("a"))).await;
    });
}

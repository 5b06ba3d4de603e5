//! A rival: another session of the same account, which takes the account's server connections behind every statement and
//! is of another mind about everything that can be set.

use std::cell::Cell;
use std::sync::Arc;

use rolecall_protocol::StatusFlags;
use rolecall_tests::raw::{Client, Reply};
use rolecall_tests::{Proxy, ProxyOptions, Run, Stage, Trial};

/// The proxy's own error where no connection is free: nothing was executed.
const NONE_FREE: u16 = 1105;

/// What the rival has set: whatever is left of it, or of what was there before, shows.
const OTHER_MIND: &[&str] = &[
    "set session sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES'",
    "set names latin1",
    "set session time_zone = '+09:00', session lc_time_names = 'de_DE', session sql_select_limit = 1",
    "set session foreign_key_checks = 0, session group_concat_max_len = 10, session div_precision_increment = 1",
    "use information_schema",
];

/// A proxy in front of the primary and one replica, where an account has one connection to each.
pub struct Narrow {
    pub proxy: Proxy,
    stage: Arc<Stage>,
}

/// How often the rival got the connections of a session between two of its statements, and how often it did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub taken: u32,
    pub kept: u32,
}

/// The other session. Straight at a server there is none: there each has a connection of its own.
pub struct Rival<'a> {
    client: Option<Client>,
    proxy: &'a Proxy,
    tally: Tally,
}

impl Narrow {
    /// Of a test's own: who waits elsewhere does not matter here.
    pub fn new(stage: &Arc<Stage>) -> Self {
        let configuration = "workers: 2\npool: {max_connections_per_user: 1, wait_timeout: 2s}\n".to_owned();
        let options = ProxyOptions { configuration, ..ProxyOptions::default() };
        Self { proxy: Proxy::start(stage.set.servers().take(2), &options), stage: stage.clone() }
    }

    /// A case behind this proxy; `name` as for [`Trial::new`].
    pub fn trial(&self, name: &str) -> Trial {
        Trial::new(&self.stage, name).through(&self.proxy)
    }

    /// A rival of the run's client, of the same account and kind, so that they share.
    pub fn rival(&self, run: &Run) -> Rival<'_> {
        let mut client = run.proxied.then(|| run.another());
        client.iter_mut().for_each(|client| OTHER_MIND.iter().for_each(|sql| drop(client.run(sql))));
        Rival { client, proxy: &self.proxy, tally: Tally::default() }
    }

    /// Whether a session is tied to a server, as the proxy says.
    pub fn is_pinned(&self, client: &Client) -> bool {
        is_pinned(&self.proxy, client.greeting.as_ref().expect("a greeting").connection_id)
    }

    /// Runs each of `cases` on a session of its own, straight at the primary and behind the proxy with the rival between
    /// its statements; what clients see must be the same. `{}` stands for the schema.
    pub fn follow(&self, name: &str, setup: &[&str], cases: &[&[&str]]) -> Tally {
        self.follow_in(self.trial(name).setup(setup), cases)
    }

    /// [`Self::follow`] for a case that is made already.
    pub fn follow_in(&self, trial: Trial, cases: &[&[&str]]) -> Tally {
        let tally = Cell::new(Tally::default());
        trial.run(|run| {
            let mut rival = self.rival(run);
            for case in cases {
                let mut client = run.another();
                for sql in *case {
                    let reply = rival.after(&mut client, &sql.replace("{}", &run.name));
                    if reply.closed {
                        break;
                    }
                }
                run.client.transcript.append(&mut client.transcript);
            }
            let Tally { taken, kept } = tally.get();
            tally.set(Tally { taken: taken + rival.tally.taken, kept: kept + rival.tally.kept });
        });
        self.proxy.expect_no_panic();
        tally.get()
    }
}

impl Rival<'_> {
    /// So far.
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// Runs a statement of `client`'s, and takes the connections behind it.
    pub fn after(&mut self, client: &mut Client, sql: &str) -> Reply {
        let reply = client.query(sql);
        self.interfere(client, &reply);
        reply
    }

    /// Takes the connections that `client` has let go; it was told `reply` last. Whether it got them.
    pub fn interfere(&mut self, client: &Client, reply: &Reply) -> bool {
        let id = client.greeting.as_ref().expect("a greeting").connection_id;
        let Some(rival) = &mut self.client else { return false };
        rival.transcript.clear();
        let is_held = reply.status().contains(StatusFlags::IN_TRANS) || is_pinned(self.proxy, id);
        let is_taken = !is_held && ["primary", "replica"].iter().all(|server| takes(rival, server));
        *(if is_taken { &mut self.tally.taken } else { &mut self.tally.kept }) += 1;
        is_taken
    }
}

/// Whether a session is tied to a server, as the proxy says.
fn is_pinned(proxy: &Proxy, id: u32) -> bool {
    let sessions = proxy.admin_json("/sessions");
    let sessions = sessions["sessions"].as_array().expect("a list");
    let session = sessions.iter().find(|session| session["id"] == id);
    session.is_some_and(|session| !session["pins"].as_array().expect("pins").is_empty())
}

fn takes(rival: &mut Client, server: &str) -> bool {
    // It leaves a warning, an id and a number of rows of its own.
    let reply = rival.query(format!("/* rolecall: {server} */ select 'x' + last_insert_id(77)"));
    assert!([0, NONE_FREE].contains(&reply.code()), "{:?}", reply.error());
    reply.code() == 0
}

//! Server connections that the sessions of one worker share.
//!
//! Between two statements a session parks its connections on its [`Spot`]. They stay there, and the session's next statement
//! finds them as it left them, until another session of the same account wants one: then the owner is asked, saves what only
//! the connection can tell (LAST_INSERT_ID()), and hands it over. So nothing is paid for sharing while nobody asks, and one
//! task alone ever touches a connection.
//!
//! Where a connection comes from, in this order: the session's own; one that an ended session left; one whose owner has been
//! idle for 20 ms; a new one, below the server's limit; the one that has been parked longest; else the session
//! waits in line ([`AccountPool::line_up`]).

mod account;
mod gate;
mod spot;
mod warm;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use rolecall_router::topology::ServerId;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::backend::{Connection, Identity};
use crate::metrics::WorkerMetrics;
use crate::monotonic;
use crate::shared::{Phase, Shared};

pub use account::{AccountPool, Place};
pub use gate::{Gate, Gates, Permit, Waiting};
pub use spot::Spot;
pub use warm::old_at;

use warm::Opener;

/// A session that has been idle for less keeps its connection while new ones may be opened: it is about to go on, and would
/// only take another one in its turn.
const SHARED_AFTER: Duration = Duration::from_millis(20);
/// How often what is idle is looked at.
const ROUND: Duration = Duration::from_millis(250);

/// A worker's pools, by account.
#[derive(Debug, Default)]
pub struct Pool {
    accounts: RefCell<HashMap<Vec<u8>, Vec<Rc<AccountPool>>>>,
    /// Sessions that have waited for something that was due.
    timed: RefCell<Vec<Weak<Spot>>>,
}

impl Pool {
    /// The pool of connections that `identity` may use: those that a login like its own has opened.
    #[must_use]
    pub fn account(&self, identity: &Identity, gates: &Arc<Gates>) -> Rc<AccountPool> {
        let mut accounts = self.accounts.borrow_mut();
        let pools = accounts.entry(identity.user.clone()).or_default();
        if let Some(pool) = pools.iter().find(|pool| pool.is_for(identity)) {
            return Rc::clone(pool);
        }
        pools.retain(|pool| Rc::strong_count(pool) > 1 || !pool.is_empty());
        let pool = Rc::new(AccountPool::new(identity.clone(), Arc::clone(gates)));
        pools.push(Rc::clone(&pool));
        pool
    }

    /// Gives places up that other accounts, or other workers, wait for; ends what has been idle for too long; opens what is to be
    /// there in advance. Runs as long as its worker.
    pub async fn keep(&self, shared: Arc<Shared>, metrics: Arc<WorkerMetrics>, bell: &Notify) {
        let opener = Opener { shared, metrics };
        let shared = &opener.shared;
        loop {
            let _ = shared.clock.timeout_at(Instant::now() + ROUND, bell.notified()).await;
            let (idle_timeout, min_idle) = {
                let settings = shared.settings.load();
                (settings.idle_timeout, settings.min_idle)
            };
            let now = monotonic::nanoseconds();
            for pool in self.all() {
                pool.give_up_what_others_want();
                let kept = pool.kept(min_idle, now);
                // What leads nowhere any more is not kept.
                let kept_of = |server| if shared.topology.load().server(server).is_some() { kept } else { 0 };
                pool.close_idle(now, idle_timeout, kept_of);
                if kept > 0 && *shared.phase.borrow() == Phase::Running {
                    pool.open_in_advance(&opener, kept, now);
                }
                pool.end_sessions(now);
            }
            self.timed.borrow().iter().filter_map(Weak::upgrade).for_each(|spot| spot.end_if_overdue(now));
        }
    }

    /// Looks after what this session waits for from now on ([`Spot::unless_overdue`]).
    pub fn keep_time(&self, spot: &Rc<Spot>) {
        if spot.is_untimed() {
            let mut timed = self.timed.borrow_mut();
            if timed.len() == timed.capacity() {
                timed.retain(|spot| spot.strong_count() > 0);
            }
            timed.push(Rc::downgrade(spot));
        }
    }

    /// A connection to `server` that nobody has, and on which there are prepared statements.
    #[must_use]
    pub fn take_free_with_statements(&self, server: ServerId) -> Option<(Rc<AccountPool>, Box<Connection>)> {
        self.all().into_iter().find_map(|pool| {
            let link = pool.take_free(server, |link| !link.statements.is_empty() || link.statements.has_closing())?;
            Some((pool, link))
        })
    }

    fn all(&self) -> Vec<Rc<AccountPool>> {
        self.accounts.borrow().values().flatten().cloned().collect()
    }
}

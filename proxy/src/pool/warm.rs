//! Idle connections that are kept, and opened in advance, for statements to come (`pool.min_idle`).

use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use rolecall_router::session::tracker_setup;
use rolecall_router::sql::Flavour;
use rolecall_router::topology::{Role, Server, ServerId};

use super::account::AccountPool;
use super::gate::Permit;
use crate::backend::{ConnectError, Connection, Identity, QueryError};
use crate::metrics::{ConnectOutcome, WorkerMetrics};
use crate::monotonic;
use crate::shared::Shared;

/// For so long after its last session an account has connections in advance. Who comes once keeps none for ever.
const KEPT_FOR: Duration = Duration::from_secs(3600);
/// After a connection that could not be opened, until the next attempt.
const PAUSE: Duration = Duration::from_secs(5);

/// What is opened in advance to one server.
#[derive(Debug, Default)]
pub(super) struct Advance {
    /// One at a time.
    is_opening: bool,
    /// A pause after a failure ([`crate::monotonic`]).
    not_before: u64,
}

/// What a worker's connections are opened with.
#[derive(Debug, Clone)]
pub(super) struct Opener {
    pub shared: Arc<Shared>,
    pub metrics: Arc<WorkerMetrics>,
}

impl AccountPool {
    /// How many of `least` idle connections are kept at `now`.
    pub(super) fn kept(&self, least: usize, now: u64) -> usize {
        if least == 0 || self.is_refused.get() {
            return 0;
        }
        if self.spots.borrow().iter().any(|spot| spot.strong_count() > 0) {
            self.used_at.set(now);
        }
        let is_in_use = now.saturating_sub(self.used_at.get()) < KEPT_FOR.as_nanos() as u64;
        if is_in_use && self.used_at.get() > 0 { least } else { 0 }
    }

    /// Connections to `server` that are nobody's, or their session's that is idle.
    pub(super) fn idle_count(&self, server: ServerId) -> usize {
        let parked =
            |spot: &Weak<_>| spot.upgrade().is_some_and(|spot: Rc<super::Spot>| spot.parked_since(server).is_some());
        let parked = self.spots.borrow().iter().filter(|spot| parked(spot)).count();
        parked + self.with(server, |shelf| shelf.free.len())
    }

    /// Begins to open a connection to each server of which fewer than `kept` are idle.
    pub(super) fn open_in_advance(self: &Rc<Self>, opener: &Opener, kept: usize, now: u64) {
        let topology = opener.shared.topology.load();
        let Some(flavour) = topology.offer.as_ref().map(|offer| offer.flavour) else { return };
        let servers: Vec<_> = self.shelves.borrow().keys().copied().collect();
        for server in servers {
            let Some(server) = topology.server(server).filter(|server| server.role != Role::Unroutable) else {
                continue;
            };
            if self.idle_count(server.id) >= kept {
                continue;
            }
            let permit = self.with(server.id, |shelf| {
                // Who waits comes first.
                let may = !shelf.advance.is_opening
                    && now >= shelf.advance.not_before
                    && !shelf.gate.is_wanted(&self.identity.user);
                let permit = if may { shelf.gate.try_enter(&self.identity.user) } else { None };
                shelf.advance.is_opening |= permit.is_some();
                permit
            });
            if let Some(permit) = permit {
                let opening = open(Rc::clone(self), Arc::clone(server), flavour, permit, opener.clone());
                tokio::task::spawn_local(opening);
            }
        }
    }
}

async fn open(pool: Rc<AccountPool>, server: Arc<Server>, flavour: Flavour, permit: Permit, opener: Opener) {
    let Opener { shared, metrics } = opener;
    // Without a schema: one that has none suits every session.
    let identity = Identity { schema: Vec::new(), ..pool.identity.clone() };
    let opened = connect(&shared, &server, &identity, flavour).await;
    let now = monotonic::nanoseconds();
    pool.with(server.id, |shelf| {
        shelf.advance.is_opening = false;
        if opened.is_err() {
            shelf.advance.not_before = now + PAUSE.as_nanos() as u64;
        }
    });
    match opened {
        Ok(link) => {
            metrics.backend_connects.increment(ConnectOutcome::Connected);
            metrics.opened_in_advance.increment();
            pool.give(Box::new(Connection { permit: Some(permit), ..link }));
        }
        Err(error) => {
            metrics.backend_connects.increment((&error).into());
            // Until somebody has logged in again: whoever guesses on may lock the account.
            pool.is_refused.set(matches!(error, ConnectError::Refused(_)));
            tracing::debug!(server = %server.name, %error, "no connection in advance");
        }
    }
}

/// A connection as a session would leave it.
async fn connect(
    shared: &Shared,
    server: &Arc<Server>,
    identity: &Identity,
    flavour: Flavour,
) -> Result<Connection, ConnectError> {
    let mut link = shared.connector.connect(server, identity).await?;
    let setup = async {
        link.learn_baseline(flavour).await?;
        link.query(tracker_setup(flavour).as_bytes()).await
    };
    match shared.clock.timeout(shared.connector.timeout, setup).await {
        Ok(Ok(_)) => {}
        Ok(Err(QueryError::Refused(err))) => return Err(ConnectError::TurnedAway(err)),
        Ok(Err(QueryError::Leg(error))) => return Err(error.into()),
        Err(_) => return Err(ConnectError::TimedOut(shared.connector.timeout)),
    }
    link.is_tracked = true;
    link.old_at = old_at(shared.settings.load().max_lifetime, link.thread_id);
    Ok(link)
}

/// When a connection that is made now is to be replaced: up to a tenth earlier, by a number that differs from one to the next,
/// so that not all are at once.
pub fn old_at(lifetime: Duration, spread: u32) -> u64 {
    let lifetime = lifetime.as_nanos() as u64;
    let thousandths = u64::from(spread.wrapping_mul(0x9E37_79B9) >> 16) % 100;
    monotonic::nanoseconds().saturating_add(lifetime - lifetime / 1000 * thousandths)
}

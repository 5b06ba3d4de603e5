//! The connections of one account: same user, password, capabilities, collation, attributes.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use rolecall_router::session::Variables;
use rolecall_router::topology::ServerId;

use super::gate::{Gate, Gates, Permit};
use super::warm::Advance;
use super::{SHARED_AFTER, Spot};
use crate::backend::{Connection, Identity};
use crate::monotonic;

/// Owners that are looked at for one that has been idle, while new connections may be opened.
const LOOKS: usize = 8;

/// How a session gets a connection to one server.
#[derive(Debug)]
pub enum Place {
    /// One that another session has used.
    Used(Box<Connection>),
    /// It may open one.
    New(Permit),
}

/// The connections of one account on one worker.
#[derive(Debug)]
pub struct AccountPool {
    pub(super) identity: Identity,
    gates: Arc<Gates>,
    pub(super) shelves: RefCell<HashMap<ServerId, Shelf>>,
    pub(super) spots: RefCell<Vec<Weak<Spot>>>,
    waiters: Cell<u32>,
    /// When it was last seen to have a session ([`crate::monotonic`]).
    pub(super) used_at: Cell<u64>,
    /// A server has refused its login since then: nothing is opened in advance.
    pub(super) is_refused: Cell<bool>,
    /// The variables that a login has found last.
    baseline: RefCell<Option<Arc<Variables>>>,
}

/// What there is of one server.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) gate: Arc<Gate>,
    /// Nobody's, with the time since when.
    pub(super) free: VecDeque<(Box<Connection>, u64)>,
    /// Sessions that may have parked one, roughly the one first that has been idle longest.
    owners: VecDeque<Weak<Spot>>,
    line: VecDeque<Weak<Waiter>>,
    pub(super) advance: Advance,
}

#[derive(Debug, Default)]
struct Waiter {
    given: RefCell<Option<Box<Connection>>>,
    /// Nobody is about to give: a new connection is as good.
    may_open: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Waiter {
    fn wait<T>(&self, waker: &Waker) -> Poll<T> {
        *self.waker.borrow_mut() = Some(waker.clone());
        Poll::Pending
    }

    fn wake(&self) {
        let waker = self.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl AccountPool {
    pub(super) fn new(identity: Identity, gates: Arc<Gates>) -> Self {
        Self {
            identity,
            gates,
            shelves: RefCell::default(),
            spots: RefCell::default(),
            waiters: Cell::new(0),
            used_at: Cell::new(0),
            is_refused: Cell::new(false),
            baseline: RefCell::default(),
        }
    }

    pub(super) fn is_for(&self, identity: &Identity) -> bool {
        self.identity.logs_in_like(identity)
    }

    /// A connection's login has found these.
    pub fn note_baseline(&self, baseline: Option<&Arc<Variables>>) {
        *self.baseline.borrow_mut() = baseline.cloned();
    }

    /// What the account's logins find, as far as one has told it.
    #[must_use]
    pub fn baseline(&self) -> Option<Arc<Variables>> {
        self.baseline.borrow().clone()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shelves.borrow().values().all(|shelf| shelf.free.is_empty())
    }

    /// A new session's spot.
    pub fn enlist(&self, spot: &Rc<Spot>) {
        self.used_at.set(monotonic::nanoseconds());
        self.is_refused.set(false);
        let mut spots = self.spots.borrow_mut();
        if spots.len() == spots.capacity() {
            spots.retain(|spot| spot.strong_count() > 0);
        }
        spots.push(Rc::downgrade(spot));
    }

    pub(super) fn with<R>(&self, server: ServerId, look: impl FnOnce(&mut Shelf) -> R) -> R {
        let mut shelves = self.shelves.borrow_mut();
        let gates = &self.gates;
        look(shelves.entry(server).or_insert_with(|| Shelf {
            gate: gates.of(server),
            free: VecDeque::new(),
            owners: VecDeque::new(),
            line: VecDeque::new(),
            advance: Advance::default(),
        }))
    }

    /// The session is idle: its connections may be asked for. `until`: it ends then.
    pub fn park(&self, spot: &Rc<Spot>, links: &[Box<Connection>], now: u64, until: u64) {
        spot.open(links, now, until);
        let mut listed = spot.listed.borrow_mut();
        for link in links {
            let server = link.server.id;
            if !listed.contains(&server) {
                listed.push(server);
                self.with(server, |shelf| shelf.owners.push_back(Rc::downgrade(spot)));
            }
        }
    }

    /// The session goes on. `gives`: it hands over what it was asked for.
    pub fn unpark(&self, spot: &Spot, gives: bool) {
        if let Some(server) = spot.close()
            && !gives
        {
            // Whoever waits for it needs another one.
            self.ask_or_let_open(server);
        }
    }

    /// The place of a connection that exists already.
    #[must_use]
    pub fn try_enter(&self, server: ServerId) -> Option<Permit> {
        self.with(server, |shelf| shelf.gate.try_enter(&self.identity.user))
    }

    /// Whether anybody waits for anything.
    #[must_use]
    pub fn has_line(&self) -> bool {
        self.waiters.get() > 0 || self.gates.is_any_wanted()
    }

    /// Whether somebody waits for a connection to `server`, or for its place.
    #[must_use]
    pub fn is_wanted(&self, server: ServerId) -> bool {
        self.with(server, |shelf| {
            shelf.gate.is_wanted(&self.identity.user) || shelf.line.iter().any(|waiter| waiter.strong_count() > 0)
        })
    }

    /// A connection that another session of this account has used, or the place for a new one. None: the session has to
    /// [`Self::line_up`]. `fresh`: only a new one will do.
    pub fn take(&self, server: ServerId, with_schema: bool, fresh: bool) -> Option<Place> {
        let before = monotonic::nanoseconds().saturating_sub(SHARED_AFTER.as_nanos() as u64);
        self.with(server, |shelf| {
            if !fresh {
                if let Some(link) = shelf.take_used(with_schema) {
                    return Some(Place::Used(link));
                }
                if let Some(owner) = shelf.idle_owner(server, before, LOOKS) {
                    shelf.owners.push_front(Rc::downgrade(&owner));
                    owner.listed.borrow_mut().push(server);
                    return None;
                }
            }
            let permit = shelf.gate.try_enter(&self.identity.user).or_else(|| {
                // One that will not do makes room.
                drop(shelf.free.pop_front()?);
                shelf.gate.try_enter(&self.identity.user)
            });
            permit.map(Place::New)
        })
    }

    /// A free connection to `server` that `suits`: the one that has been free longest.
    pub(super) fn take_free(&self, server: ServerId, suits: impl Fn(&Connection) -> bool) -> Option<Box<Connection>> {
        self.with(server, |shelf| {
            let at = shelf.free.iter().position(|(link, _)| suits(link))?;
            shelf.free.remove(at).map(|(link, _)| link)
        })
    }

    /// Asks the session that has been idle longest; false where there is none.
    fn ask_an_owner(&self, server: ServerId) -> bool {
        let owner = self.with(server, |shelf| {
            let looks = shelf.owners.len();
            shelf.idle_owner(server, u64::MAX, looks)
        });
        owner.map(|owner| owner.ask(server)).is_some()
    }

    /// A connection that somebody may wait for does not come: another one is asked for.
    pub fn ask_or_let_open(&self, server: ServerId) {
        if self.ask_an_owner(server) {
            return;
        }
        self.with(server, |shelf| shelf.let_open());
    }

    /// Waits in line for a connection to `server`, or for the place for a new one. Cancel safe: who leaves gives back what it
    /// was given.
    pub async fn line_up(&self, server: ServerId, fresh: bool) -> Place {
        let gate = self.with(server, |shelf| Arc::clone(&shelf.gate));
        let line = Line::enter(self, server, fresh);
        if fresh || !self.ask_an_owner(server) {
            line.waiter.may_open.set(true);
            if fresh {
                self.ask_an_owner(server);
            }
        }
        let waiter = &line.waiter;
        let given = poll_fn(|cx| match waiter.given.borrow_mut().take() {
            Some(link) => Poll::Ready(link),
            None => waiter.wait(cx.waker()),
        });
        let opened = async {
            poll_fn(|cx| if waiter.may_open.get() { Poll::Ready(()) } else { waiter.wait(cx.waker()) }).await;
            let waiting = gate.wait(&self.identity.user);
            let from_others = if fresh { None } else { Some(gate.join(&self.identity)) };
            self.gates.ring();
            let arrives = async {
                match from_others {
                    Some(from_others) => from_others.await.ok(),
                    None => std::future::pending().await,
                }
            };
            let mut enters = pin!(waiting.enter(&self.identity.user, &self.gates));
            tokio::select! {
                biased;
                Some(mut link) = arrives => match link.transport.stream_mut().register() {
                    Ok(()) => Place::Used(link),
                    // Its place is free again.
                    Err(_) => { drop(link); Place::New(enters.await) }
                },
                permit = &mut enters => Place::New(permit),
            }
        };
        tokio::select! {
            biased;
            link = given => Place::Used(link),
            place = opened => place,
        }
    }

    /// A connection that its session does not need any more, in a clean state.
    pub fn give(&self, mut link: Box<Connection>) {
        let server = link.server.id;
        if link.is_old() {
            drop(link);
            self.ask_or_let_open(server);
            return;
        }
        link.leave_session();
        self.with(server, |shelf| {
            // Who waits at the gate has waited longest: first come, first served over all workers.
            if shelf.gate.is_wanted(&self.identity.user) {
                shelf.gate.send(&self.identity, link);
                return shelf.let_open();
            }
            while let Some(waiter) = shelf.line.pop_front() {
                if let Some(waiter) = waiter.upgrade()
                    && waiter.given.borrow().is_none()
                {
                    *waiter.given.borrow_mut() = Some(link);
                    return waiter.wake();
                }
            }
            shelf.free.push_back((link, monotonic::nanoseconds()));
        });
    }

    pub(super) fn give_up_what_others_want(&self) {
        let servers: Vec<_> = self.shelves.borrow().keys().copied().collect();
        for server in servers {
            let freed = self.with(server, |shelf| {
                shelf.line.retain(|waiter| waiter.strong_count() > 0);
                let others = shelf.gate.is_wanted(&self.identity.user) && shelf.line.is_empty();
                others.then(|| shelf.free.pop_front())
            });
            match freed {
                Some(Some((link, _))) => self.give(link),
                Some(None) => {
                    self.ask_an_owner(server);
                }
                None => {}
            }
        }
    }

    /// Closes what is dead or old, and what has been idle for longer than `timeout` beyond what is kept of each server
    /// ([`AccountPool::kept`] of `kept`).
    pub(super) fn close_idle(&self, now: u64, timeout: Duration, kept: impl Fn(ServerId) -> usize) {
        let before = now.saturating_sub(timeout.as_nanos() as u64);
        let servers: Vec<_> = self.shelves.borrow().keys().copied().collect();
        for server in servers {
            self.with(server, |shelf| {
                shelf.free.retain_mut(|(link, _)| !link.is_old() && !link.is_stale());
                shelf.owners.retain(|owner| owner.strong_count() > 0);
            });
            let kept = kept(server);
            // Without any that are kept nobody has to be counted.
            let mut spare = if kept == 0 { usize::MAX } else { self.idle_count(server).saturating_sub(kept) };
            // Nobody waits for it: its session closes it.
            let idle = |shelf: &mut Shelf| (0..shelf.owners.len()).find_map(|_| shelf.idle_owner(server, before, 1));
            while spare > 0
                && let Some(owner) = self.with(server, idle)
            {
                owner.ask_to_close(server);
                spare -= 1;
            }
            self.with(server, |shelf| {
                while spare > 0 && shelf.free.front().is_some_and(|(_, since)| *since < before) {
                    shelf.free.pop_front();
                    spare -= 1;
                }
            });
        }
    }

    /// Closes free connections to `server` that nobody has used since `before`: one of them has gone without a word.
    pub fn drop_quiet(&self, server: ServerId, before: u64) {
        self.with(server, |shelf| shelf.free.retain(|(link, _)| link.quiet_since > before));
    }

    pub(super) fn end_sessions(&self, now: u64) {
        let spots: Vec<_> = self.spots.borrow().iter().filter_map(Weak::upgrade).collect();
        spots.iter().for_each(|spot| spot.end_if_late(now));
    }
}

impl Shelf {
    /// The free connection that was used last, if it is there still.
    fn take_used(&mut self, with_schema: bool) -> Option<Box<Connection>> {
        for at in (0..self.free.len()).rev() {
            // Nothing takes a connection's schema away.
            let suits = self.free.get(at).is_some_and(|(link, _)| with_schema || link.view.schema.is_empty());
            if suits
                && let Some((mut link, _)) = self.free.remove(at)
                && !link.is_gone()
            {
                return Some(link);
            }
        }
        None
    }

    /// Nobody is about to give a connection to who waits here.
    fn let_open(&self) {
        for waiter in self.line.iter().filter_map(Weak::upgrade) {
            waiter.may_open.set(true);
            waiter.wake();
        }
    }

    /// A session that has been idle since before `before`; at most `looks` are looked at.
    fn idle_owner(&mut self, server: ServerId, before: u64, looks: usize) -> Option<Rc<Spot>> {
        for _ in 0..looks.min(self.owners.len()) {
            let owner = self.owners.pop_front()?;
            let Some(spot) = owner.upgrade() else { continue };
            let found = spot.parked_since(server).is_some_and(|since| since <= before);
            if found {
                spot.listed.borrow_mut().retain(|listed| *listed != server);
                return Some(spot);
            }
            self.owners.push_back(owner);
        }
        None
    }
}

/// A place in the line.
struct Line<'a> {
    pool: &'a AccountPool,
    waiter: Rc<Waiter>,
}

impl<'a> Line<'a> {
    /// `apart`: what others have used will not do.
    fn enter(pool: &'a AccountPool, server: ServerId, apart: bool) -> Self {
        let waiter = Rc::<Waiter>::default();
        if !apart {
            pool.with(server, |shelf| shelf.line.push_back(Rc::downgrade(&waiter)));
        }
        pool.waiters.set(pool.waiters.get() + 1);
        Self { pool, waiter }
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.pool.waiters.set(self.pool.waiters.get() - 1);
        if let Some(link) = self.waiter.given.borrow_mut().take() {
            self.pool.give(link);
        }
    }
}

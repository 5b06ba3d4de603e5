//! Limits on server connections that hold over all workers.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rolecall_router::topology::ServerId;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};

use crate::backend::{Connection, Identity};

/// What a connection that exists has of the limits: its server's, and its user's at that server.
#[derive(Debug)]
pub struct Permit {
    _server: OwnedSemaphorePermit,
    _user: Option<OwnedSemaphorePermit>,
}

/// One server's limit.
#[derive(Debug)]
pub struct Gate {
    places: Arc<Semaphore>,
    limit_of_user: usize,
    /// Each user that has asked for a place, where there is a limit.
    users: Mutex<HashMap<Vec<u8>, Arc<User>>>,
    /// Who waits for whatever place of the server's.
    waiting: AtomicU32,
    /// At all gates.
    all_waiting: Arc<AtomicU32>,
    /// Who waits, on all workers, in order: a connection may come from another worker.
    line: Mutex<VecDeque<Remote>>,
}

/// One user's places at a server.
#[derive(Debug)]
struct User {
    places: Arc<Semaphore>,
    /// Who waits for one of these: what others have is of no use to them (trap H8).
    waiting: AtomicU32,
}

/// Somebody who waits on some worker.
#[derive(Debug)]
struct Remote {
    identity: Identity,
    to: oneshot::Sender<Box<Connection>>,
}

impl Gate {
    /// Joins the line; a connection may come that must be registered with the worker's runtime.
    #[must_use]
    pub fn join(&self, identity: &Identity) -> oneshot::Receiver<Box<Connection>> {
        let (to, from) = oneshot::channel();
        let mut line = self.lock();
        line.retain(|remote| !remote.to.is_closed());
        line.push_back(Remote { identity: identity.clone(), to });
        from
    }

    /// Gives a connection to the first in line who may use it; it is closed where there is none, so that its place is free.
    pub fn send(&self, identity: &Identity, mut link: Box<Connection>) {
        // What a compressed leg has read ahead belongs to its worker's buffers.
        if link.transport.is_compressed() || link.transport.stream_mut().unregister().is_err() {
            return;
        }
        let mut line = self.lock();
        while let Some(at) = line.iter().position(|remote| remote.identity.logs_in_like(identity)) {
            let Some(remote) = line.remove(at) else { return };
            match remote.to.send(link) {
                Ok(()) => return,
                Err(back) => link = back,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Remote>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, if one is free and nobody was there first.
    #[must_use]
    pub fn try_enter(&self, user: &[u8]) -> Option<Permit> {
        let user = match self.user(user) {
            Some(user) => Some(Arc::clone(&user.places).try_acquire_owned().ok()?),
            None => None,
        };
        Some(Permit { _server: Arc::clone(&self.places).try_acquire_owned().ok()?, _user: user })
    }

    fn user(&self, name: &[u8]) -> Option<Arc<User>> {
        if self.limit_of_user == 0 {
            return None;
        }
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(user) = users.get(name) {
            return Some(Arc::clone(user));
        }
        let user = Arc::new(User { places: Arc::new(Semaphore::new(self.limit_of_user)), waiting: AtomicU32::new(0) });
        users.insert(name.to_vec(), Arc::clone(&user));
        Some(user)
    }

    /// Whether a connection of this user's would be of use to anyone who waits, on any worker.
    #[must_use]
    pub fn is_wanted(&self, user: &[u8]) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
            || self.user(user).is_some_and(|user| user.waiting.load(Ordering::Relaxed) > 0)
    }

    /// Counts one who waits, as long as the guard lives: for a place of the user's where all of these are taken.
    #[must_use]
    pub fn wait(self: &Arc<Self>, user: &[u8]) -> Waiting {
        self.all_waiting.fetch_add(1, Ordering::Relaxed);
        let user = self.user(user).filter(|user| user.places.available_permits() == 0);
        let waiting = Waiting { gate: Arc::clone(self), user };
        waiting.counter().fetch_add(1, Ordering::Relaxed);
        waiting
    }
}

async fn enter(places: Arc<Semaphore>) -> OwnedSemaphorePermit {
    match places.acquire_owned().await {
        Ok(permit) => permit,
        // Nobody closes it.
        Err(_) => std::future::pending().await,
    }
}

/// Somebody waits.
#[derive(Debug)]
pub struct Waiting {
    gate: Arc<Gate>,
    /// For a place of this user's; None: for any.
    user: Option<Arc<User>>,
}

impl Waiting {
    fn counter(&self) -> &AtomicU32 {
        self.user.as_ref().map_or(&self.gate.waiting, |user| &user.waiting)
    }

    /// Waits for a place of `user`'s, first come first served over all workers. Cancel safe.
    pub async fn enter(mut self, user: &[u8], gates: &Gates) -> Permit {
        let places = match self.gate.user(user) {
            Some(user) => Some(enter(Arc::clone(&user.places)).await),
            None => None,
        };
        if self.user.is_some() {
            // From now on it waits for what anybody has.
            self.gate.waiting.fetch_add(1, Ordering::Relaxed);
            if let Some(user) = self.user.take() {
                user.waiting.fetch_sub(1, Ordering::Relaxed);
            }
            if self.gate.places.available_permits() == 0 {
                gates.ring();
            }
        }
        Permit { _server: enter(Arc::clone(&self.gate.places)).await, _user: places }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.counter().fetch_sub(1, Ordering::Relaxed);
        self.gate.all_waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The gates of all servers, and the workers' bells.
#[derive(Debug)]
pub struct Gates {
    all_waiting: Arc<AtomicU32>,
    limit: usize,
    limit_of_user: usize,
    gates: Mutex<HashMap<ServerId, Arc<Gate>>>,
    bells: Mutex<Vec<Arc<Notify>>>,
}

impl Gates {
    /// `limit`: connections to one server, of all workers together; `of_user`: the same for each user; 0: no limit.
    #[must_use]
    pub fn new(limit: u32, of_user: u32) -> Self {
        let limit = if limit == 0 { Semaphore::MAX_PERMITS } else { limit as usize };
        Self {
            all_waiting: Arc::default(),
            limit,
            limit_of_user: of_user as usize,
            gates: Mutex::default(),
            bells: Mutex::default(),
        }
    }

    /// Whether anyone waits at any of them.
    #[must_use]
    pub fn is_any_wanted(&self) -> bool {
        self.all_waiting.load(Ordering::Relaxed) > 0
    }

    /// The limits, for people: to one server, and for one user; 0: none.
    #[must_use]
    pub const fn limits(&self) -> (usize, usize) {
        (if self.limit == Semaphore::MAX_PERMITS { 0 } else { self.limit }, self.limit_of_user)
    }

    /// A server's.
    #[must_use]
    pub fn of(&self, server: ServerId) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = || {
            Arc::new(Gate {
                places: Arc::new(Semaphore::new(self.limit)),
                limit_of_user: self.limit_of_user,
                users: Mutex::default(),
                waiting: AtomicU32::new(0),
                all_waiting: Arc::clone(&self.all_waiting),
                line: Mutex::default(),
            })
        };
        Arc::clone(gates.entry(server).or_insert_with(gate))
    }

    /// A worker's bell: it rings when another worker wants a place that this one could give up.
    #[must_use]
    pub fn bell(&self) -> Arc<Notify> {
        let bell = Arc::new(Notify::new());
        self.bells.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&bell));
        bell
    }

    /// Somebody waits at a gate.
    pub fn ring(&self) {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|bell| bell.notify_one());
    }
}

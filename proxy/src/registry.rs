//! All sessions of this process: for KILL, for `/sessions`, and for the count.

use std::collections::HashMap;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use rolecall_router::session::Pins;
use rolecall_router::topology::ServerId;

use crate::metrics::Counter;

/// Locks that the sessions are spread over.
const SHARDS: usize = 16;

/// A server connection that a session has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The server.
    pub server: ServerId,
    /// The server's own id of the connection.
    pub thread_id: u32,
}

/// A reason for which a session cannot leave its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinCause {
    /// The one reason.
    pub pin: Pins,
    /// Since when.
    pub since: Instant,
    /// The statement that caused it, without its literals.
    pub statement: String,
}

/// What others may see of a session, and do to it.
#[derive(Debug)]
pub struct SessionHandle {
    /// CONNECTION_ID() as the client was told.
    pub id: u32,
    /// The client's address; None for a unix socket.
    pub peer: Option<IpAddr>,
    /// When it connected.
    pub since: Instant,
    /// Statements so far. Only the session's own task counts.
    pub statements: Counter,
    user: Mutex<Vec<u8>>,
    links: Mutex<Vec<Link>>,
    /// Thread id in the lower half, server id + 1 in the upper; 0: no statement runs.
    busy: AtomicU64,
    pins: AtomicU32,
    /// Since when, and by which statement.
    causes: Mutex<Vec<PinCause>>,
    killed: AtomicBool,
    leave: AtomicU8,
    /// KILLs under way against `busy`: the session waits for their end before it uses the connection again.
    kills: AtomicU32,
    /// The session's task: the only one that ever waits here, from the first time that it does. A task's waker stays the
    /// same, so that waiting again costs nothing.
    task: OnceLock<Waker>,
}

/// Whether the process wants a session to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Leave {
    /// It may stay.
    Not,
    /// It ends as soon as nothing of it is open.
    AtSafePoint,
    /// It ends wherever it is idle.
    Now,
}

/// What a session has been called up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Summons {
    /// It must end.
    Killed,
    /// The process ends.
    Draining,
}

impl SessionHandle {
    fn new(id: u32, peer: Option<IpAddr>) -> Self {
        Self {
            id,
            peer,
            since: Instant::now(),
            statements: Counter::default(),
            user: Mutex::default(),
            links: Mutex::default(),
            busy: AtomicU64::new(0),
            pins: AtomicU32::new(0),
            causes: Mutex::default(),
            killed: AtomicBool::new(false),
            leave: AtomicU8::new(Leave::Not as u8),
            kills: AtomicU32::new(0),
            task: OnceLock::new(),
        }
    }

    /// The user; empty before the login's end.
    #[must_use]
    pub fn user(&self) -> Vec<u8> {
        lock(&self.user).clone()
    }

    /// The login is done.
    pub fn set_user(&self, user: &[u8]) {
        *lock(&self.user) = user.to_vec();
    }

    /// The session's server connections.
    #[must_use]
    pub fn links(&self) -> Vec<Link> {
        lock(&self.links).clone()
    }

    /// The session's server connections changed.
    pub fn set_links(&self, links: Vec<Link>) {
        *lock(&self.links) = links;
    }

    /// One more server connection.
    pub fn add_link(&self, link: Link) {
        lock(&self.links).push(link);
    }

    /// What the session is pinned by.
    #[must_use]
    pub fn pins(&self) -> Pins {
        Pins::from_bits_truncate(self.pins.load(Ordering::Relaxed))
    }

    /// These pins are new; `statement` caused them, without its literals.
    pub fn note_pinned(&self, new: Pins, statement: &str) {
        let mut causes = lock(&self.causes);
        causes.retain(|cause| !new.contains(cause.pin));
        let cause = |pin| PinCause { pin, since: Instant::now(), statement: statement.to_owned() };
        causes.extend(new.iter().map(cause));
    }

    /// What pins the session now.
    #[must_use]
    pub fn pin_causes(&self) -> Vec<PinCause> {
        let pins = self.pins();
        lock(&self.causes).iter().filter(|cause| pins.contains(cause.pin)).cloned().collect()
    }

    /// The session's pins changed.
    pub fn set_pins(&self, pins: Pins) {
        self.pins.store(pins.bits(), Ordering::Relaxed);
    }

    /// A statement starts on this connection. A KILL that does not see it yet came before it, and has nothing to kill.
    pub fn begin(&self, link: Link) {
        let server = u64::from(link.server.0) + 1;
        self.busy.store((server << 32) | u64::from(link.thread_id), Ordering::Release);
    }

    /// The statement is over. SeqCst: the look at [`Self::is_being_killed`] that comes next must not be taken before it,
    /// or [`Self::begin_kill`] and the session would miss each other.
    pub fn end(&self) {
        self.busy.store(0, Ordering::SeqCst);
    }

    /// The connection on which a statement runs.
    #[must_use]
    pub fn busy(&self) -> Option<Link> {
        let busy = self.busy.load(Ordering::SeqCst);
        let server = u32::try_from(busy >> 32).ok()?.checked_sub(1)?;
        Some(Link { server: ServerId(server), thread_id: busy as u32 })
    }

    /// Whether a KILL is under way that could hit the next statement.
    #[must_use]
    pub fn is_being_killed(&self) -> bool {
        self.kills.load(Ordering::SeqCst) > 0
    }

    /// Waits for the end of KILLs under way (trap H4: a KILL must not hit the next statement on its connection).
    pub async fn kills_over(&self) {
        poll_fn(|cx| self.poll_until(cx, || (!self.is_being_killed()).then_some(()))).await;
    }

    /// A KILL against the running statement starts; the guard ends it. None when nothing runs.
    #[must_use]
    pub fn begin_kill(self: &Arc<Self>) -> Option<(Link, KillGuard)> {
        self.kills.fetch_add(1, Ordering::SeqCst);
        let guard = KillGuard(Arc::clone(self));
        Some((self.busy()?, guard))
    }

    /// Has the session's task look again at what it waits for.
    pub fn wake(&self) {
        fence(Ordering::SeqCst);
        if let Some(task) = self.task.get() {
            task.wake_by_ref();
        }
    }

    /// The session must end.
    pub fn kill(&self) {
        self.killed.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// The process ends, and the session with it.
    pub fn call_up(&self, leave: Leave) {
        self.leave.fetch_max(leave as u8, Ordering::SeqCst);
        self.wake();
    }

    /// Whether the session must end.
    #[must_use]
    pub fn is_killed(&self) -> bool {
        self.killed.load(Ordering::SeqCst)
    }

    /// Waits until the session must end where it is. Cancel safe. Only the session's own task may wait.
    pub async fn summoned(&self) -> Summons {
        poll_fn(|cx| self.poll_summons(cx, false)).await
    }

    /// Ready once the session is called up. Only the session's own task may poll: the hot path of every statement, so
    /// that it costs a look at three flags.
    pub fn poll_summons(&self, cx: &mut Context<'_>, at_safe_point: bool) -> Poll<Summons> {
        let enough = if at_safe_point { Leave::AtSafePoint } else { Leave::Now };
        self.poll_until(cx, || self.is_killed().then_some(Summons::Killed).or_else(|| self.is_called_up(enough)))
    }

    /// Runs `work`, which is dropped where it has to wait and the session must end: a client that stopped reading keeps
    /// nothing. Only the session's own task may wait.
    ///
    /// # Errors
    /// What the session was called up for.
    pub async fn unless_summoned<T>(&self, work: impl Future<Output = T>) -> Result<T, Summons> {
        let mut work = pin!(work);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => self.poll_summons(cx, false).map(Err),
        })
        .await
    }

    /// The same for a wait for the server's answer to a statement, which ends early only with the process, or when KILL
    /// could not be brought to the server: else the server's own words about it come.
    ///
    /// # Errors
    /// What the session was called up for.
    pub async fn unless_cut_off<T>(&self, work: impl Future<Output = T>) -> Result<T, Summons> {
        let mut work = pin!(work);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => self.poll_until(cx, || self.is_called_up(Leave::Now)).map(Err),
        })
        .await
    }

    fn is_called_up(&self, enough: Leave) -> Option<Summons> {
        let called = self.leave.load(Ordering::SeqCst) >= enough as u8;
        called.then(|| if self.is_killed() { Summons::Killed } else { Summons::Draining })
    }

    /// Registered before the look, so that what comes between the two is not missed.
    fn poll_until<T>(&self, cx: &mut Context<'_>, look: impl Fn() -> Option<T>) -> Poll<T> {
        if self.task.get().is_none() {
            let _ = self.task.set(cx.waker().clone());
            // Pairs with the one in `wake`: either this look sees what changed, or that sees the waker.
            fence(Ordering::SeqCst);
        }
        debug_assert!(self.task.get().is_some_and(|task| task.will_wake(cx.waker())), "only the session's task waits");
        look().map_or(Poll::Pending, Poll::Ready)
    }
}

/// A KILL under way.
#[derive(Debug)]
pub struct KillGuard(Arc<SessionHandle>);

impl Drop for KillGuard {
    fn drop(&mut self) {
        self.0.kills.fetch_sub(1, Ordering::SeqCst);
        self.0.wake();
    }
}

/// Sessions' ids begin here: above what servers' connections and other proxies' sessions are likely to have, so that a number
/// that is not from here kills nobody (trap C17). pseudo_thread_id takes no more than 2^31 - 1 (MySQL Reference Manual).
const FIRST_ID: u32 = 1 << 30;

/// All sessions of this process.
#[derive(Debug, Default)]
pub struct Sessions {
    shards: [Mutex<HashMap<u32, Arc<SessionHandle>>>; SHARDS],
    next: AtomicU32,
    count: AtomicU32,
    leave: AtomicU8,
}

impl Sessions {
    /// None yet. `random`: where their ids begin.
    #[must_use]
    pub fn new(random: u32) -> Self {
        Self { next: AtomicU32::new(random), ..Self::default() }
    }

    /// A new session; it is listed as long as the guard lives.
    #[must_use]
    pub fn enter(self: &Arc<Self>, peer: Option<IpAddr>) -> Listed {
        loop {
            // They wrap, and one in use is skipped.
            let id = FIRST_ID | (self.next.fetch_add(1, Ordering::Relaxed) % FIRST_ID);
            let mut shard = lock(self.shard(id));
            if shard.contains_key(&id) {
                continue;
            }
            let handle = Arc::new(SessionHandle::new(id, peer));
            shard.insert(id, Arc::clone(&handle));
            drop(shard);
            self.count.fetch_add(1, Ordering::Relaxed);
            // Looked at once it is listed, so that `call_up` meets it either there or here.
            handle.leave.fetch_max(self.leave.load(Ordering::SeqCst), Ordering::SeqCst);
            return Listed { sessions: Arc::clone(self), handle };
        }
    }

    /// Number of sessions.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// The session of this id.
    #[must_use]
    pub fn get(&self, id: u32) -> Option<Arc<SessionHandle>> {
        lock(self.shard(id)).get(&id).cloned()
    }

    /// The session of `user` that has the server connection with this thread id, when there is exactly one.
    #[must_use]
    pub fn by_thread(&self, thread_id: u32, user: &[u8]) -> Option<Arc<SessionHandle>> {
        let mut found = self
            .all()
            .into_iter()
            .filter(|handle| handle.user() == user && handle.links().iter().any(|link| link.thread_id == thread_id));
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    /// All sessions, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<SessionHandle>> {
        self.shards.iter().flat_map(|shard| lock(shard).values().cloned().collect::<Vec<_>>()).collect()
    }

    /// The process ends, and every session with it, those that are still to come as well.
    pub fn call_up(&self, leave: Leave) {
        self.leave.fetch_max(leave as u8, Ordering::SeqCst);
        self.all().iter().for_each(|handle| handle.call_up(leave));
    }

    fn shard(&self, id: u32) -> &Mutex<HashMap<u32, Arc<SessionHandle>>> {
        &self.shards[id as usize % SHARDS]
    }
}

/// Keeps a session listed.
#[derive(Debug)]
pub struct Listed {
    sessions: Arc<Sessions>,
    /// The session.
    pub handle: Arc<SessionHandle>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        lock(self.sessions.shard(self.handle.id)).remove(&self.handle.id);
        self.sessions.count.fetch_sub(1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What the locks guard is whole after every statement; a panic elsewhere does not spoil it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

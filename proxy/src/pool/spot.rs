//! Where a session's connections are while it is idle, and what it waits for while it is not.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use rolecall_router::topology::ServerId;

use crate::backend::Connection;
use crate::registry::SessionHandle;

/// A session's place in its account's pool.
#[derive(Debug)]
pub struct Spot {
    handle: Arc<SessionHandle>,
    is_open: Cell<bool>,
    /// When it was parked last ([`crate::monotonic`]).
    since: Cell<u64>,
    /// The session ends when it is idle still then.
    until: Cell<u64>,
    wanted: Cell<Option<ServerId>>,
    is_late: Cell<bool>,
    /// What the session waits for is due then.
    due: Cell<u64>,
    is_overdue: Cell<bool>,
    /// The keeper looks after that.
    is_timed: Cell<bool>,
    /// Nobody waits for what is wanted: it has been idle for too long.
    is_to_close: Cell<bool>,
    /// The servers of which it stands in line as an owner.
    pub(super) listed: RefCell<Vec<ServerId>>,
    servers: RefCell<Vec<ServerId>>,
}

impl Spot {
    /// A session's.
    #[must_use]
    pub fn new(handle: Arc<SessionHandle>) -> Self {
        Self {
            handle,
            is_open: Cell::new(false),
            since: Cell::new(0),
            until: Cell::new(u64::MAX),
            wanted: Cell::new(None),
            is_late: Cell::new(false),
            due: Cell::new(u64::MAX),
            is_overdue: Cell::new(false),
            is_timed: Cell::new(false),
            is_to_close: Cell::new(false),
            listed: RefCell::default(),
            servers: RefCell::default(),
        }
    }

    /// The session is idle; `links` may be asked for. `until`: it ends then.
    pub(super) fn open(&self, links: &[Box<Connection>], now: u64, until: u64) {
        let mut servers = self.servers.borrow_mut();
        servers.clear();
        servers.extend(links.iter().map(|link| link.server.id));
        self.since.set(now);
        self.until.set(until);
        self.is_late.set(false);
        self.is_open.set(true);
    }

    /// The session goes on. Gives the server for whose connection it was asked in vain.
    pub(super) fn close(&self) -> Option<ServerId> {
        self.is_open.set(false);
        self.wanted.take()
    }

    /// The server for whose connection the idle session is asked.
    #[must_use]
    pub const fn wanted(&self) -> Option<ServerId> {
        self.wanted.get()
    }

    /// Whether the session has been idle for too long.
    #[must_use]
    pub const fn is_late(&self) -> bool {
        self.is_late.get()
    }

    /// Since when a connection to `server` is parked here, and not asked for.
    pub(super) fn parked_since(&self, server: ServerId) -> Option<u64> {
        let has = self.is_open.get() && self.wanted.get().is_none() && self.servers.borrow().contains(&server);
        has.then(|| self.since.get())
    }

    /// Whether what is wanted has only been idle for too long. It is told once.
    #[must_use]
    pub fn is_to_close(&self) -> bool {
        self.is_to_close.take()
    }

    pub(super) fn ask_to_close(&self, server: ServerId) {
        self.is_to_close.set(true);
        self.ask(server);
    }

    pub(super) fn ask(&self, server: ServerId) {
        self.wanted.set(Some(server));
        self.handle.wake();
    }

    pub(super) fn end_if_late(&self, now: u64) {
        if self.is_open.get() && now >= self.until.get() && !self.is_late.replace(true) {
            self.handle.wake();
        }
    }

    /// Notes what is due by `now`.
    pub(super) fn end_if_overdue(&self, now: u64) {
        if now >= self.due.get() {
            self.due.set(u64::MAX);
            self.is_overdue.set(true);
            self.handle.wake();
        }
    }

    /// Says once that the worker's keeper is to look after this session's time.
    pub(super) fn is_untimed(&self) -> bool {
        !self.is_timed.replace(true)
    }

    /// Runs `work`, which waits on the session's handle, too; None: it is dropped, since it is not done at `due`, or a round of the
    /// pools' keeper later ([`super::Pool::keep_time`]). Costs no timer.
    pub async fn unless_overdue<T>(&self, due: u64, work: impl Future<Output = T>) -> Option<T> {
        self.is_overdue.set(false);
        self.due.set(due);
        let mut work = pin!(work);
        let done = poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Pending if self.is_overdue.get() => Poll::Ready(None),
            polled => polled.map(Some),
        })
        .await;
        self.due.set(u64::MAX);
        done
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Context, Wake, Waker};

    use super::*;
    use crate::registry::Sessions;

    /// Remembers that it was woken.
    #[derive(Default)]
    struct Bell(AtomicBool);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn what_is_due_is_given_up_by_the_next_round() {
        let listed = Arc::new(Sessions::default()).enter(None);
        let spot = Spot::new(Arc::clone(&listed.handle));
        let bell = Arc::new(Bell::default());
        let has_rung = || bell.0.swap(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&bell));
        let mut now = Context::from_waker(&waker);
        {
            let mut waits = pin!(spot.unless_overdue(100, listed.handle.unless_cut_off(pending::<()>())));
            assert!(waits.as_mut().poll(&mut now).is_pending());
            spot.end_if_overdue(99);
            assert!(!has_rung() && waits.as_mut().poll(&mut now).is_pending());
            spot.end_if_overdue(100);
            assert!(has_rung(), "the session's task must look");
            assert_eq!(waits.as_mut().poll(&mut now), Poll::Ready(None));
        }
        assert_eq!(pin!(spot.unless_overdue(200, ready(7))).poll(&mut now), Poll::Ready(Some(7)));
        spot.end_if_overdue(300);
        assert!(!has_rung(), "nothing is due of what came in time");
    }
}

//! A worker's thread: takes accepted sockets, runs their sessions, drains at the end.

use std::cell::Cell;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::response::ErrPacket;
use tokio::runtime::LocalOptions;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Worker;
use crate::admission::Admitted;
use crate::buffer::Buffer;
use crate::client::{Authenticated, LoginEnd, log_in, refuse};
use crate::exchange::Exchange;
use crate::metrics::{LoginOutcome, WorkerMetrics};
use crate::net::UnregisteredSocket;
use crate::registry::{Leave, Listed};
use crate::session::Session;
use crate::shared::{ListenerProfile, Phase, Shared};
use crate::transport::Transport;

/// Accepted sockets that may wait for a worker.
const BACKLOG: usize = 1024;
/// What idle sessions have, at the end of the process, to tell their clients.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// What the KILLs of statements that were cut off may take at the end of the process.
const LAST_KILLS: Duration = Duration::from_secs(2);

/// An accepted socket on its way to a worker. It is still registered with nobody's runtime.
#[derive(Debug)]
pub struct Assignment {
    /// The socket.
    pub socket: UnregisteredSocket,
    /// The client's address; None for a unix socket.
    pub peer: Option<IpAddr>,
    /// What the listener prescribes.
    pub profile: Arc<ListenerProfile>,
    /// Its place among connections that have not logged in.
    pub admitted: Admitted,
}

/// How the acceptor reaches a worker.
#[derive(Debug)]
pub struct WorkerHandle {
    sender: mpsc::Sender<Assignment>,
    sessions: Arc<AtomicU32>,
    thread: JoinHandle<()>,
}

impl WorkerHandle {
    /// Sessions that the worker has.
    #[must_use]
    pub fn load(&self) -> u32 {
        self.sessions.load(Ordering::Relaxed)
    }

    /// Hands a socket over; gives it back when the worker has too many waiting.
    ///
    /// # Errors
    /// The assignment, not taken.
    pub fn assign(&self, assignment: Assignment) -> Result<(), Box<Assignment>> {
        self.sender.try_send(assignment).map_err(|error| Box::new(error.into_inner()))
    }

    /// Waits for the worker's end; call after the phase has become draining.
    pub fn join(self) {
        drop(self.sender);
        // A panic of the worker has been printed by its thread.
        let _ = self.thread.join();
    }
}

/// Starts a worker's thread.
///
/// # Errors
/// Where the operating system has no thread or event queue.
pub fn spawn(index: usize, shared: Arc<Shared>, metrics: Arc<WorkerMetrics>) -> io::Result<WorkerHandle> {
    let (sender, receiver) = mpsc::channel(BACKLOG);
    let sessions = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&sessions);
    let (started, start) = std::sync::mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
        // A LocalRuntime, not a LocalSet: the latter polls its root future at every wake of any session.
        let mut builder = tokio::runtime::Builder::new_current_thread();
        match builder.enable_io().build_local(LocalOptions::default()) {
            Ok(runtime) => {
                let _ = started.send(Ok(()));
                runtime.block_on(serve(Rc::new(Worker::new(shared, metrics)), receiver, count));
            }
            Err(error) => drop(started.send(Err(error))),
        }
    })?;
    start.recv().unwrap_or_else(|_| Err(io::Error::other("the worker's thread ended at its start")))?;
    Ok(WorkerHandle { sender, sessions, thread })
}

async fn serve(worker: Rc<Worker>, mut assignments: mpsc::Receiver<Assignment>, count: Arc<AtomicU32>) {
    let mut sessions = JoinSet::new();
    let mut phase = worker.shared.phase.clone();
    let keeper = Rc::clone(&worker);
    let keeper = tokio::task::spawn_local(async move {
        let bell = keeper.shared.gates.bell();
        keeper.pool.keep(Arc::clone(&keeper.shared), Arc::clone(&keeper.metrics), &bell).await;
    });
    while *phase.borrow_and_update() == Phase::Running {
        tokio::select! {
            Some(assignment) = assignments.recv() => {
                let guard = Counted::new(&count, &worker.metrics);
                sessions.spawn_local(run_session(Rc::clone(&worker), assignment, guard));
            }
            Some(_) = sessions.join_next(), if !sessions.is_empty() => {}
            _ = phase.changed() => {}
        }
    }
    worker.shared.sessions.call_up(Leave::AtSafePoint);
    let cut_off = Cell::new(0);
    let out_of_time = async {
        // An error means that the process' own part is gone, which ends sessions as well.
        let _ = phase.wait_for(|phase| *phase == Phase::Ending).await;
        cut_off.set(count.load(Ordering::Relaxed));
        worker.shared.sessions.call_up(Leave::Now);
        worker.shared.clock.sleep_until(Instant::now() + LAST_WORDS).await;
    };
    let all_ended = async { while sessions.join_next().await.is_some() {} };
    tokio::select! {
        biased;
        () = all_ended => {}
        () = out_of_time => {}
    }
    if cut_off.get() > 0 {
        tracing::warn!(left = cut_off.get(), "sessions that did not end before the shutdown deadline are cut off");
    }
    keeper.abort();
    // What sessions left running at servers does not outlive the process: there, nobody would notice for long.
    if worker.shared.clock.timeout(LAST_KILLS, worker.kills_over()).await.is_err() {
        tracing::warn!("statements that were cut off may still run at their servers: KILL took too long");
    }
}

async fn run_session(worker: Rc<Worker>, assignment: Assignment, _counted: Counted) {
    let Assignment { socket, peer, profile, admitted } = assignment;
    let stream = match socket.register() {
        Ok(stream) => stream,
        Err(error) => {
            tracing::warn!(%error, "an accepted socket cannot be used");
            return;
        }
    };
    if stream.tune(worker.settings().liveness).is_err() {
        return; // The client has left already.
    }
    let listed = worker.shared.sessions.enter(peer);
    let mut transport = Transport::new(stream);
    // Boxed: the connection phase is larger than the session that follows it.
    let Some(authenticated) = Box::pin(connection_phase(&worker, &profile, &listed, &mut transport)).await else {
        transport.close().await;
        return;
    };
    drop(admitted);
    let outcome = if authenticated.connection.is_some() { LoginOutcome::Proven } else { LoginOutcome::Believed };
    worker.metrics.logins.increment(outcome);
    let handle = Arc::clone(&listed.handle);
    let id = handle.id;
    let metrics = Arc::clone(&worker.metrics);
    let session = Box::new(Session::new(worker, handle, transport, &profile, authenticated));
    let reason = session.serve_client().await;
    metrics.closed(reason.name());
    tracing::debug!(id, reason = reason.name(), "session ended");
}

async fn connection_phase(
    worker: &Worker,
    profile: &ListenerProfile,
    listed: &Listed,
    transport: &mut Transport,
) -> Option<Authenticated> {
    let mut buffer = Buffer::later();
    let mut leg = Exchange::new(transport, &mut buffer);
    let limit = worker.settings().handshake_timeout;
    let login = log_in(&worker.shared, profile, &listed.handle, &mut leg);
    match worker.shared.clock.timeout(limit, login).await {
        Ok(Ok(authenticated)) if leg.buffer.is_empty() => Some(authenticated),
        Ok(Ok(_)) => {
            tracing::debug!(peer = ?listed.handle.peer, "login refused: a command was sent before the login's end");
            None
        }
        Ok(Err(error)) => {
            if matches!(error, LoginEnd::Leg(_)) {
                worker.metrics.logins.increment(LoginOutcome::Aborted);
                tracing::debug!(peer = ?listed.handle.peer, %error, "login ended");
            } else {
                worker.metrics.logins.increment(LoginOutcome::Refused);
                worker.shared.refusals.note(listed.handle.peer, &error);
            }
            None
        }
        Err(_) => {
            worker.metrics.logins.increment(LoginOutcome::TimedOut);
            let err = ErrPacket::new(ErrorCode::NET_READ_INTERRUPTED, "Got timeout reading communication packets");
            let _ = worker.shared.clock.timeout(std::time::Duration::from_secs(1), refuse(&mut leg, err)).await;
            None
        }
    }
}

/// Counts a session as its worker's.
#[derive(Debug)]
struct Counted(Arc<AtomicU32>, Arc<WorkerMetrics>);

impl Counted {
    fn new(count: &Arc<AtomicU32>, metrics: &Arc<WorkerMetrics>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        metrics.sessions.increment();
        metrics.sessions_opened.increment();
        Self(Arc::clone(count), Arc::clone(metrics))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
        self.1.sessions.decrement();
    }
}

//! Who is asked when: one task for each server, so that a silent one delays no other.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rolecall_router::topology::{ProbeOutcome, Server, ServerId};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::positions::Told;
use super::probe::{Probe, ProbeClient};

/// How often servers are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Between two probes of a server when all is well.
    pub interval: Duration,
    /// The same while it is suspect or a primary is being looked for.
    pub urgent: Duration,
    /// The bound of one probe.
    pub timeout: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), urgent: Duration::from_millis(50), timeout: Duration::from_secs(2) }
    }
}

/// The end of one probe.
#[derive(Debug)]
pub struct Probed {
    /// The server.
    pub id: ServerId,
    /// When the probe began.
    pub started: Instant,
    /// What came of it.
    pub outcome: ProbeOutcome,
    /// How far the server is.
    pub position: Option<Told>,
}

/// All servers' probes. Runs on a `LocalSet`.
#[derive(Debug)]
pub struct Prober<C: ProbeClient> {
    client: C,
    pace: Pace,
    sender: mpsc::UnboundedSender<Probed>,
    servers: HashMap<ServerId, Asked>,
}

#[derive(Debug)]
struct Asked {
    now: Rc<Notify>,
    interval: watch::Sender<Duration>,
    task: AbortHandle,
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<C: ProbeClient> Prober<C> {
    /// Nobody is asked yet; outcomes go to `sender`.
    pub fn new(client: C, pace: Pace, sender: mpsc::UnboundedSender<Probed>) -> Self {
        Self { client, pace, sender, servers: HashMap::new() }
    }

    /// Asks these servers from now on, new ones at once; the others no more.
    pub fn set_servers(&mut self, servers: &[Arc<Server>]) {
        self.servers.retain(|id, _| servers.iter().any(|server| server.id == *id));
        for server in servers {
            if !self.servers.contains_key(&server.id) {
                let asked = self.start(Arc::clone(server));
                self.servers.insert(server.id, asked);
            }
        }
    }

    /// Asks a server now. A probe under way is followed by another one: it may have begun before what is suspected.
    pub fn ask_now(&self, id: ServerId) {
        if let Some(asked) = self.servers.get(&id) {
            asked.now.notify_one();
        }
    }

    /// Sets how often a server is asked.
    pub fn set_urgent(&self, id: ServerId, urgent: bool) {
        let interval = if urgent { self.pace.urgent } else { self.pace.interval };
        if let Some(asked) = self.servers.get(&id) {
            asked.interval.send_if_modified(|now| std::mem::replace(now, interval) != interval);
        }
    }

    fn start(&self, server: Arc<Server>) -> Asked {
        let now = Rc::new(Notify::new());
        let (interval, paced) = watch::channel(self.pace.interval);
        let probe = Probe::new(self.client.clone(), self.pace.timeout);
        let sender = self.sender.clone();
        let task = tokio::task::spawn_local(ask_for_ever(probe, server, Rc::clone(&now), paced, sender));
        Asked { now, interval, task: task.abort_handle() }
    }
}

async fn ask_for_ever<C: ProbeClient>(
    mut probe: Probe<C>,
    server: Arc<Server>,
    now: Rc<Notify>,
    mut interval: watch::Receiver<Duration>,
    sender: mpsc::UnboundedSender<Probed>,
) {
    let mut is_watched = true;
    loop {
        let started = Instant::now();
        let outcome = probe.ask(&server).await;
        let position = probe.take_position();
        if sender.send(Probed { id: server.id, started, outcome, position }).is_err() {
            return;
        }
        loop {
            let due = started + *interval.borrow_and_update();
            tokio::select! {
                () = tokio::time::sleep_until(due) => {
                    is_watched = true;
                    break;
                }
                () = now.notified() => break,
                // What the server has told counts no more. Once in an interval: it may hang up each time.
                () = probe.ended(), if is_watched => {
                    is_watched = false;
                    break;
                }
                changed = interval.changed() => if changed.is_err() { return },
            }
        }
    }
}

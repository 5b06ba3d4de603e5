//! What is logged of servers to which no connection can be made, or which refuse the account that watches them: the
//! first failure, then one line a minute, then the end. Probes, logins and statements all meet an outage, hundreds of
//! times a second between them.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rolecall_protocol::response::ErrPacket;

use super::ConnectError;

/// How often a server that stays away is mentioned.
const REMIND: Duration = Duration::from_secs(60);
/// A server of which nothing was heard for so long is not asked any more: its pod is gone.
const FORGET: Duration = Duration::from_secs(3600);
/// An attempt that was given up sooner says nothing: a client may have left.
const PATIENCE: Duration = Duration::from_millis(500);

/// Servers that cannot be used now, by name, and what is wrong.
#[derive(Debug, Default)]
pub struct Outages(Mutex<HashMap<(String, Trouble), Outage>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Trouble {
    NoConnection,
    MonitorRefused,
}

#[derive(Debug)]
struct Outage {
    since: Instant,
    mentioned: Instant,
    last: Instant,
    failures: u64,
}

/// One attempt to connect. Dropped without an end, after some time, it counts as one that nobody answered: a probe gives
/// up before `backend.connect_timeout`.
#[derive(Debug)]
pub struct Attempt<'a> {
    outages: &'a Outages,
    server: &'a str,
    began: Instant,
    is_over: bool,
}

// === impl Outages ===

impl Outages {
    /// An attempt to connect begins.
    pub const fn attempt<'a>(&'a self, server: &'a str, now: Instant) -> Attempt<'a> {
        Attempt { outages: self, server, began: now, is_over: false }
    }

    /// The account that watches the servers was refused.
    pub fn monitor_refused(&self, server: &str, user: &[u8], err: &ErrPacket, now: Instant) {
        if let Some(failures) = self.note(server, Trouble::MonitorRefused, now) {
            let user = String::from_utf8_lossy(user);
            tracing::warn!(
                server,
                %user,
                error = %err,
                failures,
                "the server refuses the account that watches it, so that its role is unknown and it gets no statements: \
                 are monitor.user and monitor.password_file right, and is the account's host part?"
            );
        }
    }

    /// The account that watches the servers was let in.
    pub fn monitor_accepted(&self, server: &str) {
        if self.lock().remove(&(server.to_owned(), Trouble::MonitorRefused)).is_some() {
            tracing::info!(server, "the server accepts the account that watches it again");
        }
    }

    fn succeeded(&self, server: &str, now: Instant) {
        let outage = self.lock().remove(&(server.to_owned(), Trouble::NoConnection));
        if let Some(Outage { since, failures, .. }) = outage {
            let seconds = now.saturating_duration_since(since).as_secs();
            tracing::info!(server, seconds, failures, "connections to the server are made again");
        }
    }

    fn failed(&self, server: &str, error: &ConnectError, now: Instant) {
        if let Some(failures) = self.note(server, Trouble::NoConnection, now) {
            tracing::warn!(server, %error, failures, "no connection to the server: {}", advice(error));
        }
    }

    /// Counts a failure; gives their number where it is time to mention them.
    fn note(&self, server: &str, trouble: Trouble, now: Instant) -> Option<u64> {
        let mut outages = self.lock();
        if let Some(outage) = outages.get_mut(&(server.to_owned(), trouble)) {
            outage.failures += 1;
            outage.last = now;
            if now.saturating_duration_since(outage.mentioned) < REMIND {
                return None;
            }
            outage.mentioned = now;
            return Some(outage.failures);
        }
        outages.retain(|_, outage| now.saturating_duration_since(outage.last) < FORGET);
        outages.insert((server.to_owned(), trouble), Outage { since: now, mentioned: now, last: now, failures: 1 });
        Some(1)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(String, Trouble), Outage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Attempt ===

impl Attempt<'_> {
    /// A connection was made, or the server itself refused the login: it is there.
    pub fn succeeded(mut self, now: Instant) {
        self.is_over = true;
        self.outages.succeeded(self.server, now);
    }

    /// No connection could be made.
    pub fn failed(mut self, error: &ConnectError, now: Instant) {
        self.is_over = true;
        self.outages.failed(self.server, error, now);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let waited = self.began.elapsed();
        if !self.is_over && waited >= PATIENCE {
            let waited = Duration::from_millis(u64::try_from(waited.as_millis()).unwrap_or(u64::MAX));
            self.outages.failed(self.server, &ConnectError::TimedOut(waited), Instant::now());
        }
    }
}

/// What to do about a failure.
fn advice(error: &ConnectError) -> &'static str {
    match error {
        ConnectError::Unreachable(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => "is it running, and is that its port?",
            io::ErrorKind::InvalidData => {
                "TLS failed: look at backend.tls (mode, ca) and at the server's certificate, its names and its dates"
            }
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
                "it hung up during the login: its own log says why"
            }
            io::ErrorKind::NotFound => "is the path of its socket right?",
            _ => "does its name resolve, and is there a route to it?",
        },
        ConnectError::TimedOut(_) => {
            "does a firewall or a NetworkPolicy drop the packets, or does the server hang? The bound is \
             backend.connect_timeout"
        }
        ConnectError::Incompatible(_) => "is there a MySQL or MariaDB server at this address?",
        ConnectError::Configuration(_) => "the configuration does not fit this server",
        ConnectError::TurnedAway(_) => {
            "its max_connections may be too low; where it blocks this host, FLUSH HOSTS or a restart frees it"
        }
        ConnectError::Refused(_) => "the account or its password is not right",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_mentioned_once_a_minute_and_a_new_one_at_once() {
        let outages = Outages::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(outages.note("a", Trouble::NoConnection, at(0)), Some(1));
        assert_eq!(outages.note("a", Trouble::NoConnection, at(1)), None);
        assert_eq!(outages.note("b", Trouble::NoConnection, at(1)), Some(1));
        assert_eq!(outages.note("a", Trouble::NoConnection, at(60)), Some(3));
        assert_eq!(outages.note("a", Trouble::NoConnection, at(61)), None);
        outages.attempt("a", at(62)).succeeded(at(62));
        assert_eq!(outages.note("a", Trouble::NoConnection, at(63)), Some(1));
    }

    #[test]
    fn servers_that_never_came_back_are_forgotten() {
        let outages = Outages::default();
        let start = Instant::now();
        for pod in 0..100 {
            outages.note(&format!("pod-{pod}"), Trouble::NoConnection, start + FORGET * pod);
        }
        assert_eq!(outages.lock().len(), 1);
    }
}

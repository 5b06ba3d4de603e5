//! What all workers share: an immutable composition, atomics, and the current snapshots.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use rolecall_protocol::auth::{Credential, Scramble};
use rolecall_router::catalogue::Catalogue;
use rolecall_router::consistency::Consistency;
use rolecall_router::decide::{Mode, ReadsOnPrimary};
use tokio::sync::watch;

use crate::accounts::Accounts;
use crate::admission::Admission;
use crate::backend::Connector;
use crate::client::Refusals;
use crate::clock::Clock;
use crate::crypto::OwnKey;
use crate::net::Liveness;
use crate::pool::Gates;
use crate::registry::Sessions;
use crate::topology::TopologyHandle;

/// What may change while the process runs; swapped as a whole.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether the primary serves reads.
    pub reads_on_primary: ReadsOnPrimary,
    /// How long a statement waits for a server that may take it.
    pub hold_timeout: Duration,
    /// How long a read waits for a replica to catch up, before it goes to the primary.
    pub catch_up_timeout: Duration,
    /// How long a statement waits for a server connection where the limit is reached.
    pub wait_timeout: Duration,
    /// Prepared statements that a shared connection keeps from session to session.
    pub max_prepared_statements: usize,
    /// How long a shared connection lives at most.
    pub max_lifetime: Duration,
    /// How long nobody has to use a shared connection before it is closed.
    pub idle_timeout: Duration,
    /// How many idle ones of an account to a server each worker keeps, and opens in advance.
    pub min_idle: usize,
    /// Users whose sessions share server connections, or do not, whatever their listener says.
    pub shares_by_user: HashMap<Vec<u8>, bool>,
    /// Statements up to this many bytes are classified; longer ones stream to the primary.
    pub statement_buffer: usize,
    /// The longest statement, in bytes.
    pub max_packet: usize,
    /// For the connection phase, until the password is proven.
    pub handshake_timeout: Duration,
    /// For the next bytes of a command that has begun.
    pub read_timeout: Duration,
    /// How long a silent client is believed to be there.
    pub liveness: Liveness,
}

impl Settings {
    /// Whether the sessions of `user` at a listener whose sessions share server connections (`by_listener`) do so.
    #[must_use]
    pub fn shares(&self, user: &[u8], by_listener: bool) -> bool {
        self.shares_by_user.get(user).copied().unwrap_or(by_listener)
    }
}

/// TLS as a listener offers it.
#[derive(Debug, Clone)]
pub enum ClientTls {
    /// Not offered.
    Off,
    /// Offered.
    Preferred(Arc<rustls::ServerConfig>),
    /// Demanded.
    Required(Arc<rustls::ServerConfig>),
}

/// What a session takes over from the listener that accepted it.
#[derive(Debug, Clone)]
pub struct ListenerProfile {
    /// What it does with statements.
    pub mode: Mode,
    /// What reads are promised, unless the session or the statement says otherwise.
    pub consistency: Consistency,
    /// Whether its sessions share server connections, where nothing else is said of their user.
    pub shares: bool,
    /// TLS towards its clients.
    pub tls: ClientTls,
}

/// Where the process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Serving.
    Running,
    /// No new sessions; sessions end at their next safe point.
    Draining,
    /// The deadline has passed: idle sessions end wherever they are, and what still runs is cut off.
    Ending,
}

/// What all workers share.
#[derive(Debug)]
pub struct Shared {
    /// Keeps the workers' deadlines.
    pub clock: Clock,
    /// Believed about the servers.
    pub topology: TopologyHandle,
    /// Stored routines and views that write.
    pub catalogue: Arc<ArcSwap<Catalogue>>,
    /// Credentials and proofs.
    pub accounts: Arc<Accounts>,
    /// How connections to servers are made.
    pub connector: Connector,
    /// RSA for full authentication without TLS.
    pub own_key: OwnKey,
    /// All sessions.
    pub sessions: Arc<Sessions>,
    /// Limits on server connections.
    pub gates: Arc<Gates>,
    /// Limits on connections that have not logged in.
    pub admission: Admission,
    /// What the log says of refused logins.
    pub refusals: Refusals,
    /// What may change while the process runs.
    pub settings: Arc<ArcSwap<Settings>>,
    /// Where the process is in its life.
    pub phase: watch::Receiver<Phase>,
}

impl Shared {
    /// A fresh scramble: 20 bytes, no zero byte and no `$` (wire.md A1).
    ///
    /// # Errors
    /// Where the operating system has no randomness.
    pub fn scramble(&self) -> Result<Scramble, aws_lc_rs::error::Unspecified> {
        let mut scramble = [0; 20];
        aws_lc_rs::rand::fill(&mut scramble)?;
        for byte in &mut scramble {
            *byte &= 0x7F;
            if *byte == 0 || *byte == b'$' {
                *byte += 1;
            }
        }
        Ok(scramble)
    }

    /// Whether a server accepted this login lately.
    #[must_use]
    pub fn is_proven(&self, user: &[u8], credential: &Credential, schema: &[u8]) -> bool {
        self.accounts.is_proven(user, credential, schema, Instant::now())
    }
}

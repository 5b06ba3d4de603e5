//! The validated configuration: a value of these types cannot be wrong.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rolecall_protocol::auth::{Credential, Known, Password};
use rolecall_router::topology::Address;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::value::{AdminAddress, RoleLabel};

pub use super::raw::{
    ClientTlsMode, Compression, ListenerMode, LogFormat, Pooling, ReadConsistency, ReadsInZone, ReadsOnPrimary,
    ServerTlsMode,
};

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where clients connect; at least one, no address twice.
    pub listeners: Vec<Listener>,
    /// Where the servers come from.
    pub source: Source,
    /// The monitoring account, if there is one.
    pub monitor: Option<Monitor>,
    /// Accounts of which something is said; no name twice.
    pub users: Vec<User>,
    /// The connections to the servers.
    pub backend: Backend,
    /// The zone that the proxy runs in, if that is said; not empty.
    pub zone: Option<String>,
    /// Where statements go.
    pub routing: Routing,
    /// How sessions share connections to the servers.
    pub pool: Pool,
    /// How the servers are watched.
    pub probe: Probe,
    /// How often the catalogue of routines, views and triggers is read again.
    pub catalogue_refresh: Duration,
    /// Bounds on what clients may use up.
    pub limits: Limits,
    /// Worker threads.
    pub workers: NonZeroU32,
    /// Logins of clients.
    pub login: Login,
    /// Where the admin endpoint listens; None: nowhere.
    pub admin: Option<AdminAddress>,
    /// The log.
    pub log: Log,
    /// What SIGTERM does.
    pub shutdown: Shutdown,
    /// TCP settings of both legs.
    pub tcp: Tcp,
    /// Every file that was read on the way here, the configuration file first: a change of any may change this value.
    pub files: Vec<PathBuf>,
}

/// A listening address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Where.
    pub address: Address,
    /// Where its sessions go.
    pub mode: ListenerMode,
    /// What its reads are promised.
    pub consistency: ReadConsistency,
    /// How long its sessions keep a server connection.
    pub pooling: Pooling,
    /// TLS towards clients.
    pub tls: ListenerTls,
}

/// TLS towards clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTls {
    /// Whether.
    pub mode: ClientTlsMode,
    /// With this certificate; None: with one that the proxy makes for itself.
    pub identity: Option<Arc<Identity>>,
}

/// A certificate chain and its private key; they were found to belong together.
pub struct Identity {
    /// The chain, the leaf first; never empty.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's private key.
    pub key: PrivateKeyDer<'static>,
}

/// Where the servers come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// These; at least one, no address or name twice.
    Servers(Vec<Server>),
    /// Pods.
    Kubernetes(Kubernetes),
}

/// A server that was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where it listens.
    pub address: Address,
    /// Its name in logs, metrics and `/topology`.
    pub name: String,
    /// Its share of reads.
    pub weight: u32,
    /// Where it is; not empty.
    pub zone: Option<String>,
}

/// Servers that are pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kubernetes {
    /// Label selector, in the API's syntax; not empty.
    pub selector: String,
    /// The label that the primary's pod has.
    pub role: RoleLabel,
    /// None: the proxy's own, or the kubeconfig's.
    pub namespace: Option<String>,
    /// The servers' port; not 0.
    pub port: u16,
    /// The label or annotation with a pod's zone; not empty.
    pub zone_key: String,
    /// The label or annotation with a pod's weight; not empty.
    pub weight_key: String,
    /// None: the service account, then `$KUBECONFIG` and `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
}

/// The monitoring account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitor {
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: Password,
}

/// An account of which something is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its name, without a host.
    pub name: String,
    /// What is known of its password; None: it is learnt, as those of accounts that are not named.
    pub secret: Option<Secret>,
    /// How long its sessions keep a server connection; None: as the listener says.
    pub pooling: Option<Pooling>,
}

/// What the configuration tells of a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// The password.
    Password(Password),
    /// SHA1(SHA1(password)), as mysql_native_password stores it: enough to check a login by that plugin and to recover
    /// SHA1(password) from it.
    NativeStored(NativeStored),
}

/// SHA1(SHA1(password)); zeroed on drop, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct NativeStored(pub zeroize::Zeroizing<[u8; 20]>);

/// The connections to the servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// TLS towards the servers.
    pub tls: BackendTls,
    /// For connecting and logging in together.
    pub connect_timeout: Duration,
    /// Where a server's RSA key comes from.
    pub public_key: PublicKey,
    /// Compression towards the servers.
    pub compression: Compression,
}

/// TLS towards the servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendTls {
    /// How strictly.
    pub mode: ServerTlsMode,
    /// Trusted authorities; not empty with `verify-ca` and `verify-identity`.
    pub ca: Vec<CertificateDer<'static>>,
    /// The proxy's own certificate for servers that ask for one.
    pub identity: Option<Arc<Identity>>,
}

/// Where a server's RSA key comes from when a password must be sent without TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// Nowhere: such a login fails with an error that names the ways.
    Refuse,
    /// It is this one (PEM).
    Pinned(Vec<u8>),
    /// The server is asked.
    Ask,
}

/// Where statements go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routing {
    /// Whether the primary serves reads.
    pub reads_on_primary: ReadsOnPrimary,
    /// A replica behind further than this gets no reads; None: lag does not matter.
    pub max_lag: Option<Duration>,
    /// Whether servers in the proxy's zone come first.
    pub reads_in_zone: ReadsInZone,
    /// How long a statement waits for a server.
    pub hold_timeout: Duration,
    /// How long a read waits for a replica.
    pub catch_up_timeout: Duration,
}

/// How sessions share connections to the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// To one server, of all workers; 0: no limit.
    pub max_connections: u32,
    /// The same for one user at one server; 0: no limit.
    pub max_connections_per_user: u32,
    /// Prepared statements that one keeps from session to session.
    pub max_prepared_statements: u32,
    /// How long one lives at most.
    pub max_lifetime: Duration,
    /// How long a statement waits for one.
    pub wait_timeout: Duration,
    /// How long nobody has to use one before it is closed.
    pub idle_timeout: Duration,
    /// How many idle ones of an account to a server are kept; at most `max_connections` and `max_connections_per_user`.
    pub min_idle: u32,
}

/// How the servers are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// From one question to the next.
    pub interval: Duration,
    /// For an answer.
    pub timeout: Duration,
}

/// Bounds on what clients may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at one time.
    pub max_sessions: u32,
    /// Bytes; longer statements are streamed to the primary.
    pub statement_buffer: usize,
    /// For a client's login.
    pub handshake_timeout: Duration,
    /// For the next bytes of a command that has begun.
    pub read_timeout: Duration,
    /// Clients at one time that have not logged in.
    pub unauthenticated: u32,
    /// The same for one address; at most `unauthenticated`.
    pub unauthenticated_per_address: u32,
    /// Bytes of the largest command.
    pub max_packet: u64,
}

/// Logins of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login {
    /// How long a login that a server has accepted is believed; at most 60 s.
    pub belief: Duration,
}

/// The log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// A filter that tracing-subscriber's `EnvFilter` has accepted.
    pub level: String,
    /// For people or machines.
    pub format: LogFormat,
}

/// What SIGTERM does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shutdown {
    /// How long work under way may go on.
    pub deadline: Duration,
}

/// TCP settings of both legs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tcp {
    /// None: off.
    pub keepalive: Option<Duration>,
    /// None: the system's.
    pub user_timeout: Option<Duration>,
}

// === impl Identity ===

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.chain == other.chain && self.key.secret_der() == other.key.secret_der()
    }
}

impl Eq for Identity {}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({} certificates)", self.chain.len())
    }
}

// === impl NativeStored ===

impl fmt::Debug for NativeStored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NativeStored(..)")
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        use zeroize::Zeroize;
        self.key.zeroize();
    }
}

// === impl Secret ===

impl From<&Secret> for Known {
    fn from(secret: &Secret) -> Self {
        match secret {
            Secret::Password(password) => Self::Credential(Credential::Password(password.clone())),
            Secret::NativeStored(stored) => Self::NativeStored(stored.0.clone()),
        }
    }
}

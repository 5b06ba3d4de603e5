//! The immutable snapshot that routing decisions load.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use rolecall_protocol::{Capabilities, MariadbCapabilities};

use crate::sql::{Flavour, ServerVersion};

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// Host name or IP address, and port.
    Tcp(String, u16),
    /// A unix socket's path.
    Unix(std::path::PathBuf),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Names a server for this process' life: a pod that is made anew, even with the same address, has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId(pub u32);

/// What a server does in routing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Receives writes.
    Primary,
    /// Serves reads.
    Replica,
    /// Receives nothing; see `why`.
    Unroutable,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
            Self::Unroutable => "unroutable",
        })
    }
}

/// One server in a snapshot.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its name for this process' life.
    pub id: ServerId,
    /// Where it listens.
    pub address: Address,
    /// Pod name, or the address as text.
    pub name: String,
    /// `server_uuid`, once known.
    pub uuid: Option<String>,
    /// Its role now.
    pub role: Role,
    /// Why it has this role, for people: names label and server state where they disagree.
    pub why: String,
    /// Its share of reads, beside the others' weights; 0: only where no other may serve.
    pub weight: u32,
    /// Where it is, if that was said.
    pub zone: Option<String>,
    /// It is in the zone that is preferred for reads, see [`super::Settings::zone`].
    pub is_near: bool,
    /// Statements under way there, counted by all workers; for the balance.
    pub outstanding: Arc<AtomicU32>,
}

/// What the greeting tells clients: the minimum over all servers that have been probed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// MySQL or MariaDB; one flavour per topology.
    pub flavour: Flavour,
    /// Version text of the lowest version.
    pub version_text: Vec<u8>,
    /// The lowest version.
    pub version: ServerVersion,
    /// Capabilities that all servers have.
    pub capabilities: Capabilities,
    /// MariaDB capabilities that all servers have.
    pub mariadb: MariadbCapabilities,
    /// The default collation's id.
    pub collation: u8,
    /// Default sql_mode and character_set_client matter for lexing before the first tracker says otherwise.
    pub sql_mode: Vec<u8>,
}

/// Whether there is exactly one server for writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Primary {
    /// This one.
    One(ServerId),
    /// None, for this reason (no server writable; label and server disagree; two writable servers …).
    None(String),
}

/// An immutable snapshot; workers load it for each decision.
#[derive(Debug, Clone)]
pub struct Topology {
    /// Grows with each change.
    pub generation: u64,
    /// All known servers, by id.
    pub servers: Vec<Arc<Server>>,
    /// The one that receives writes.
    pub primary: Primary,
    /// None until a first server has been probed.
    pub offer: Option<Offer>,
}

impl Topology {
    /// Nothing known yet.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            generation: 0,
            servers: Vec::new(),
            primary: Primary::None("no server has been probed yet".into()),
            offer: None,
        }
    }

    /// The server of this id, if it is still there.
    #[must_use]
    pub fn server(&self, id: ServerId) -> Option<&Arc<Server>> {
        self.servers.iter().find(|server| server.id == id)
    }

    /// The server that receives writes.
    #[must_use]
    pub fn primary(&self) -> Option<&Arc<Server>> {
        match self.primary {
            Primary::One(id) => self.server(id),
            Primary::None(_) => None,
        }
    }

    /// Servers that serve reads. The primary is not among them.
    pub fn replicas(&self) -> impl Iterator<Item = &Arc<Server>> {
        self.servers.iter().filter(|server| server.role == Role::Replica)
    }
}

//! What is measured: servers, the relay, the proxy.

use std::path::Path;
use std::time::Duration;

use super::Target;
use super::proxy::{self, Listening};
use super::report::{DIRECT, PROXY, RELAY};
use crate::client::Endpoint;
use crate::cluster::{APPLICATION, Cluster, ClusterOptions, Flavour, Folder};
use crate::process::Process;
use crate::workload::SCHEMA;

/// What the proxy may take to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A primary, a replica, a relay in front of the replica, and the proxy in front of both.
#[derive(Debug)]
pub struct BenchSet {
    /// The servers.
    pub cluster: Cluster,
    direct: Endpoint,
    relay: Listening,
    rolecall: Listening,
}

impl BenchSet {
    /// Starts all of them, the servers for this number of clients.
    ///
    /// # Errors
    /// Something does not start.
    pub fn start(program: &Path, max_connections: usize, folder: &Folder) -> anyhow::Result<Self> {
        let (cluster, direct) = primary_and_replica(max_connections, folder)?;
        let relay = proxy::start_relay(cluster.servers[1].address, folder)?;
        let rolecall = proxy::start_one_worker(program, &cluster, &direct, folder)?;
        Ok(Self { cluster, direct, relay, rolecall })
    }

    /// All processes that take part.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        let servers = self.cluster.servers.iter().map(|server| server.child());
        servers.chain([&self.relay.child, &self.rolecall.child]).map(|child| child.process()).collect()
    }

    /// Ends all of them, the proxy in its own time: an instrumented one writes its profile then.
    ///
    /// # Errors
    /// The proxy does not end cleanly.
    pub fn stop(self) -> anyhow::Result<()> {
        self.rolecall.child.stop(PATIENCE)
    }

    /// The server itself.
    #[must_use]
    pub fn direct(&self) -> Target {
        Target { name: DIRECT.to_owned(), endpoint: self.direct.clone(), processes: Vec::new() }
    }

    /// The server through the relay.
    #[must_use]
    pub fn relay(&self) -> Target {
        self.through(RELAY, &self.relay)
    }

    /// Both servers through the proxy.
    #[must_use]
    pub fn rolecall(&self) -> Target {
        self.through(PROXY, &self.rolecall)
    }

    fn through(&self, name: &str, listening: &Listening) -> Target {
        Target {
            name: name.to_owned(),
            endpoint: Endpoint { address: listening.address.to_string(), ..self.direct.clone() },
            processes: vec![listening.child.process()],
        }
    }
}

/// The servers of a comparison, and the login at the replica: reads go there, whichever way, so that the same server does
/// the same work for all targets.
///
/// # Errors
/// One does not start.
pub fn primary_and_replica(max_connections: usize, folder: &Folder) -> anyhow::Result<(Cluster, Endpoint)> {
    let options = ClusterOptions { flavour: Flavour::Mysql, replicas: 1, max_connections, counting: false, wide: true };
    let cluster = Cluster::start(&options, folder)?;
    cluster.warm_logins()?;
    let direct = cluster.servers[1].endpoint(APPLICATION, APPLICATION, SCHEMA);
    Ok((cluster, direct))
}

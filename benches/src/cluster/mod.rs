//! A primary with replicas, made for one run and gone afterwards.

mod child;
mod control_plane;
mod flavour;
mod folder;
mod kubernetes;
mod port;
mod server;
mod setup;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

pub use child::Child;
pub use control_plane::{ControlPlane, Ports};
pub use flavour::Flavour;
pub use folder::Folder;
pub use kubernetes::Kubernetes;
pub use port::{free_port, port_or_free};
pub use server::{Counted, Server};
pub use setup::{environment, repository};

use crate::client::Connection;
use crate::workload;

/// The application's account, with the rights to use the workloads' schema.
pub const APPLICATION: &str = "app";
/// The account with which the proxy looks at servers.
pub const MONITOR: &str = "monitor";

/// What kind of set to make.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// MySQL or MariaDB.
    pub flavour: Flavour,
    /// Number of replicas.
    pub replicas: usize,
    /// Connections that each server allows.
    pub max_connections: usize,
    /// Whether statements are counted by user (MySQL: performance_schema, which costs time and 180 MB a server).
    pub counting: bool,
    /// Whether the large result's rows are made.
    pub wide: bool,
}

/// Running servers, the primary first. Each has an address of its own (127.0.0.2, 127.0.0.3 …) and all have the same
/// port, as pods have.
#[derive(Debug)]
pub struct Cluster {
    /// The servers; the first one was made as the primary.
    pub servers: Vec<Server>,
    /// What the primary calls itself.
    pub version: String,
    /// Its kind.
    pub flavour: Flavour,
}

impl Cluster {
    /// Starts all servers, makes accounts and tables on the primary, and lets the replicas catch up.
    ///
    /// # Errors
    /// A server is not installed, does not start, or refuses a statement.
    pub fn start(options: &ClusterOptions, folder: &Folder) -> anyhow::Result<Self> {
        let addresses: Vec<IpAddr> =
            (0..=options.replicas).map(|number| Ipv4Addr::new(127, 0, 0, 2 + number as u8).into()).collect();
        let port = free_port(&addresses)?;
        let mut servers = Vec::new();
        for (number, address) in addresses.into_iter().enumerate() {
            let name = if number == 0 { "primary".to_owned() } else { format!("replica-{number}") };
            let mut arguments = options.flavour.options(number, options.max_connections);
            if options.flavour == Flavour::Mysql && !options.counting {
                arguments.push("--performance-schema=OFF".to_owned());
            }
            let address = SocketAddr::new(address, port);
            servers.push(Server::start(options.flavour, &name, address, folder, arguments)?);
        }
        for server in &mut servers {
            server.wait_ready()?;
            if let Some(sql) = options.flavour.counting().filter(|_| options.counting) {
                server.execute([sql])?;
            }
        }
        let mut cluster = Self { servers, version: String::new(), flavour: options.flavour };
        cluster.replicate(options.wide)?;
        Ok(cluster)
    }

    fn replicate(&mut self, wide: bool) -> anyhow::Result<()> {
        let Some((primary, replicas)) = self.servers.split_first_mut() else { return Ok(()) };
        primary.execute(accounts())?;
        let (host, port) = (primary.address.ip().to_string(), primary.address.port());
        for replica in replicas.iter_mut() {
            replica.execute(self.flavour.follow(&host, port))?;
        }
        workload::prepare(primary.admin()?, wide)?;
        self.version = primary.value("SELECT VERSION()")?;
        for replica in replicas {
            replica.catch_up(primary)?;
        }
        Ok(())
    }

    /// Fills the authentication cache of every server for the application's account, so that what is measured later is
    /// the usual login and not the first one.
    ///
    /// # Errors
    /// A login fails.
    pub fn warm_logins(&self) -> anyhow::Result<()> {
        for server in &self.servers {
            Connection::open(&server.endpoint(APPLICATION, APPLICATION, workload::SCHEMA))?;
        }
        Ok(())
    }
}

fn accounts() -> Vec<String> {
    vec![
        format!("CREATE USER '{APPLICATION}'@'%' IDENTIFIED BY '{APPLICATION}'"),
        format!("GRANT ALL ON {}.* TO '{APPLICATION}'@'%'", workload::SCHEMA),
        "CREATE USER 'replicator'@'%' IDENTIFIED BY 'replicator'".to_owned(),
        "GRANT REPLICATION SLAVE ON *.* TO 'replicator'@'%'".to_owned(),
        format!("CREATE USER '{MONITOR}'@'%' IDENTIFIED BY '{MONITOR}'"),
        format!("GRANT SELECT, SHOW VIEW, TRIGGER, PROCESS, SUPER, REPLICATION CLIENT ON *.* TO '{MONITOR}'@'%'"),
    ]
}

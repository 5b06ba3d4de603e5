//! Probes over sockets: the monitor account, or one that a client has proven.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use rolecall_protocol::auth::Credential;
use rolecall_protocol::handshake::Greeting;
use rolecall_protocol::response::ErrPacket;
use rolecall_protocol::{Capabilities, MariadbCapabilities};
use rolecall_router::topology::{Answer, Identity, Rows, Server};

use super::probe::{ProbeClient, ProbeError};
use crate::accounts::Accounts;
use crate::backend::{self, Column, ConnectError, Connection, Connector, QueryError};
use crate::buffer::Buffer;
use crate::exchange::Exchange;
use crate::net::Stream;
use crate::transport::Transport;

/// utf8mb4_general_ci: every server since 5.5 and every MariaDB has it.
const COLLATION: u16 = 45;
/// A greeting is at most 34 bytes, a version text and a plugin name.
const GREETING_LIMIT: usize = 1024;

/// The account that asks servers for their state.
#[derive(Debug, Clone)]
pub struct Monitor {
    /// User name.
    pub user: Vec<u8>,
    /// Its password.
    pub credential: Credential,
}

/// Logs in for probes. Each server has its own clone.
#[derive(Debug, Clone)]
pub struct LoginClient {
    connector: Connector,
    accounts: Arc<Accounts>,
    monitor: Option<Monitor>,
    /// The server's greeting, read without a login. Read once only: servers count such connections as errors of the
    /// client's host, and block the host after a hundred.
    greeting: RefCell<Option<Box<Identity>>>,
}

impl LoginClient {
    /// `accounts`: those that clients have proven, used where there is no monitor account.
    #[must_use]
    pub const fn new(connector: Connector, accounts: Arc<Accounts>, monitor: Option<Monitor>) -> Self {
        Self { connector, accounts, monitor, greeting: RefCell::new(None) }
    }

    fn identity(&self) -> Option<backend::Identity> {
        let (user, credential) = match &self.monitor {
            Some(monitor) => (monitor.user.clone(), monitor.credential.clone()),
            None => self.accounts.any_proven()?,
        };
        Some(backend::Identity {
            user,
            credential,
            schema: Vec::new(),
            capabilities: Capabilities::empty(),
            mariadb: MariadbCapabilities::empty(),
            collation: COLLATION,
            attributes: Vec::new(),
        })
    }

    async fn greet(&self, server: &Arc<Server>) -> Result<Box<Identity>, ProbeError> {
        if let Some(known) = self.greeting.borrow().clone() {
            return Ok(known);
        }
        let stream = Stream::connect(&server.address).await.map_err(broken)?;
        let mut transport = Transport::new(stream);
        let mut buffer = Buffer::borrow();
        let packet = Exchange::new(&mut transport, &mut buffer).read(GREETING_LIMIT).await.map_err(broken)?;
        if packet.first() == Some(&0xFF) {
            return Err(broken(ErrPacket::decode(&packet).map_err(broken)?));
        }
        let identity = Box::new(identity_of(Greeting::decode(&packet).map_err(broken)?));
        *self.greeting.borrow_mut() = Some(identity.clone());
        Ok(identity)
    }
}

impl ProbeClient for LoginClient {
    type Connection = Connection;

    async fn connect(&self, server: &Arc<Server>) -> Result<(Connection, Identity), ProbeError> {
        let Some(identity) = self.identity() else {
            return Err(ProbeError::NoAccount(self.greet(server).await?));
        };
        let outages = &self.connector.outages;
        match self.connector.connect_with_greeting(server, &identity).await {
            Ok((connection, greeting)) => {
                outages.monitor_accepted(&server.name);
                Ok((connection, identity_of(greeting)))
            }
            Err(error) => {
                if let (ConnectError::Refused(err), Some(monitor)) = (&error, &self.monitor) {
                    outages.monitor_refused(&server.name, &monitor.user, err, Instant::now());
                }
                Err(broken(error))
            }
        }
    }

    async fn query(connection: &mut Connection, sql: &str) -> Result<Answer, ProbeError> {
        match connection.query(sql.as_bytes()).await {
            Ok(result) => {
                let columns = result.columns().map_err(|error| ProbeError::Broken(error.to_string()))?;
                Ok(Answer::Rows(Rows { columns: names(columns), rows: result.rows }))
            }
            Err(QueryError::Refused(err)) => {
                Ok(Answer::Refused { code: err.code, message: String::from_utf8_lossy(&err.message).into_owned() })
            }
            Err(error @ QueryError::Leg(_)) => Err(broken(error)),
        }
    }

    async fn ended(connection: &mut Connection) {
        // A socket may be marked as readable with nothing there: only a read tells.
        while connection.transport.readable().await.is_ok() && !connection.is_stale() {}
    }
}

fn names(columns: Vec<Column>) -> Vec<String> {
    columns.into_iter().map(|column| column.name).collect()
}

fn identity_of(greeting: Greeting) -> Identity {
    let (flavour, version) = Identity::version_of(&greeting.server_version);
    Identity {
        flavour,
        version_text: greeting.server_version,
        version,
        capabilities: greeting.capabilities,
        mariadb: greeting.mariadb,
        collation: greeting.collation,
    }
}

fn broken(error: impl std::fmt::Display) -> ProbeError {
    ProbeError::Broken(error.to_string())
}

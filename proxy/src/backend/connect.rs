//! Opening a connection and logging in.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rolecall_protocol::auth::Credential;
use rolecall_protocol::compression::Algorithm;
use rolecall_protocol::handshake::{ClientHandshake, ClientStep, Established, Greeting, Login, ServerKey};
use rolecall_protocol::response::ErrPacket;
use rolecall_protocol::wire::{Put, Reader};
use rolecall_protocol::{Capabilities, MariadbCapabilities, ProtocolError};
use rolecall_router::session::collation_by_id;
use rolecall_router::topology::Server;

use super::{Connection, Outages, QueryError};
use crate::buffer::Buffer;
use crate::clock::Clock;
use crate::crypto::ServerKeys;
use crate::exchange::{Exchange, LegError};
use crate::metrics::ConnectOutcome;
use crate::net::{Liveness, Stream};
use crate::tls::ServerTls;
use crate::transport::Transport;

/// No packet of the connection phase is longer.
const LOGIN_PACKET_LIMIT: usize = 64 * 1024;

/// How connections to servers are made; shared by all workers.
#[derive(Debug, Clone)]
pub struct Connector {
    /// For the connect timeout.
    pub clock: Clock,
    /// TLS towards servers.
    pub tls: ServerTls,
    /// Full authentication without TLS.
    pub server_key: ServerKey,
    /// Compression towards servers.
    pub compression: Option<Algorithm>,
    /// For the TCP connection and the login together.
    pub timeout: Duration,
    /// How long a silent server is believed to be there.
    pub liveness: Liveness,
    /// Servers that cannot be reached, for the log.
    pub outages: Arc<Outages>,
}

/// Who logs in, and with what.
#[derive(Debug, Clone)]
pub struct Identity {
    /// User name.
    pub user: Vec<u8>,
    /// What is known of the password.
    pub credential: Credential,
    /// Default schema; empty: none.
    pub schema: Vec<u8>,
    /// Capabilities that shape packets or semantics, as the client has them.
    pub capabilities: Capabilities,
    /// The same, MariaDB's.
    pub mariadb: MariadbCapabilities,
    /// Collation id.
    pub collation: u16,
    /// Connection attributes, encoded; empty: the proxy's own.
    pub attributes: Vec<u8>,
}

impl Identity {
    /// Whether a server tells the sessions of two logins apart by nothing but their schema. `_pid` among the connection
    /// attributes tells processes of one application apart, and does not count.
    #[must_use]
    pub fn logs_in_like(&self, other: &Self) -> bool {
        self.user == other.user
            && self.capabilities == other.capabilities
            && self.mariadb == other.mariadb
            && self.collation == other.collation
            && self.credential == other.credential
            && attributes_but_pid(&self.attributes) == attributes_but_pid(&other.attributes)
    }
}

fn attributes_but_pid(encoded: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut reader = Reader::new(encoded);
    let mut attributes = Vec::new();
    while !reader.is_empty() {
        let name = reader.bytes_lenenc("attribute").ok()?;
        let value = reader.bytes_lenenc("attribute").ok()?;
        if name != b"_pid" {
            attributes.push((name, value));
        }
    }
    Some(attributes)
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server refused the login; these are its own words.
    #[error("the server refused the login: {0}")]
    Refused(ErrPacket),
    /// The server greeted with an error (too many connections, a blocked host …): it looks at nobody's login now.
    #[error("the server turned the connection away: {0}")]
    TurnedAway(ErrPacket),
    /// No connection, or it broke during the login. Nothing was executed.
    #[error("cannot connect to the server: {0}")]
    Unreachable(#[from] io::Error),
    /// The server does not do what the login needs, or what policy demands.
    #[error("cannot log in at the server: {0}")]
    Incompatible(ProtocolError),
    /// The configuration does not fit this server (host name in a certificate …).
    #[error("cannot log in at the server: {0:#}")]
    Configuration(anyhow::Error),
    /// Connecting and logging in took longer than the connect timeout.
    #[error("the server did not complete the login within {0:?}")]
    TimedOut(Duration),
}

impl From<&ConnectError> for ConnectOutcome {
    fn from(error: &ConnectError) -> Self {
        match error {
            ConnectError::Refused(_) | ConnectError::TurnedAway(_) => Self::Refused,
            ConnectError::Unreachable(_) => Self::Unreachable,
            ConnectError::Incompatible(_) | ConnectError::Configuration(_) => Self::Incompatible,
            ConnectError::TimedOut(_) => Self::TimedOut,
        }
    }
}

impl From<LegError> for ConnectError {
    fn from(error: LegError) -> Self {
        match error {
            LegError::Io(error) => Self::Unreachable(error),
            LegError::Closed => Self::Unreachable(io::ErrorKind::UnexpectedEof.into()),
            LegError::Protocol(error) => Self::Incompatible(error),
        }
    }
}

impl Connector {
    /// Connects to `server` and logs in.
    ///
    /// # Errors
    /// [`ConnectError`]; nothing has been executed.
    pub async fn connect(&self, server: &Arc<Server>, identity: &Identity) -> Result<Connection, ConnectError> {
        self.connect_with_greeting(server, identity).await.map(|(connection, _)| connection)
    }

    /// The same, with the server's greeting.
    ///
    /// # Errors
    /// [`ConnectError`]; nothing has been executed.
    pub async fn connect_with_greeting(
        &self,
        server: &Arc<Server>,
        identity: &Identity,
    ) -> Result<(Connection, Greeting), ConnectError> {
        let attempt = self.outages.attempt(&server.name, Instant::now());
        let result = match self.clock.timeout(self.timeout, self.log_in(server, identity)).await {
            Ok(result) => result,
            Err(_) => Err(ConnectError::TimedOut(self.timeout)),
        };
        match &result {
            Ok(_) | Err(ConnectError::Refused(_)) => attempt.succeeded(Instant::now()),
            Err(error) => attempt.failed(error, Instant::now()),
        }
        result
    }

    async fn log_in(&self, server: &Arc<Server>, identity: &Identity) -> Result<(Connection, Greeting), ConnectError> {
        let stream = Stream::connect(&server.address).await?;
        stream.tune(self.liveness)?;
        let mut machine = ClientHandshake::new(self.login(identity, stream.is_private()));
        let mut transport = Transport::new(stream);
        let mut buffer = Buffer::borrow();
        let mut exchange = Exchange::new(&mut transport, &mut buffer);
        let (mut read, mut greeted) = (true, false);
        let mut payload = Vec::new();
        let established = loop {
            if read {
                payload = exchange.read(LOGIN_PACKET_LIMIT).await?;
            }
            read = true;
            match machine.handle(&payload, &ServerKeys).map_err(ConnectError::Incompatible)? {
                ClientStep::Send(payload) => exchange.write(&payload).await?,
                ClientStep::Read => {}
                ClientStep::StartTls(request) => {
                    exchange.write(&request).await?;
                    let tls = self.tls.connection(&server.address).map_err(ConnectError::Configuration)?;
                    exchange.transport.start_tls(tls).await?;
                    let response = machine.tls_started(self.tls.verifies());
                    exchange.write(&response).await?;
                }
                ClientStep::Done(established) => break established,
                ClientStep::Refused(err) if greeted => return Err(ConnectError::Refused(err)),
                ClientStep::Refused(err) => return Err(ConnectError::TurnedAway(err)),
            }
            greeted = true;
        };
        if !buffer.is_empty() {
            return Err(ConnectError::Incompatible(ProtocolError::IllegalMoment {
                what: "bytes behind the login's OK",
            }));
        }
        if let Some(algorithm) = self.negotiated_compression(&established) {
            transport.start_compression(algorithm);
        }
        let greeting = established.greeting.clone();
        let mut connection = Connection::new(Arc::clone(server), transport, *established, identity.schema.clone());
        if let Some(set) = collation_by_id(identity.collation) {
            match connection.set_collation(&set).await {
                // As with a login: one that the server does not know leaves its own default.
                Ok(()) | Err(QueryError::Refused(_)) => {}
                Err(QueryError::Leg(error)) => return Err(error.into()),
            }
        }
        Ok((connection, greeting))
    }

    fn login(&self, identity: &Identity, private_channel: bool) -> Login {
        let compression = match self.compression {
            None => Capabilities::empty(),
            Some(Algorithm::Zlib) => Capabilities::COMPRESS,
            Some(Algorithm::Zstd(_)) => Capabilities::ZSTD_COMPRESSION_ALGORITHM,
        };
        let capabilities = identity.capabilities
            | compression
            | Capabilities::PROTOCOL_41
            | Capabilities::LONG_FLAG
            | Capabilities::TRANSACTIONS
            | Capabilities::CONNECT_ATTRS
            | Capabilities::SESSION_TRACK
            | Capabilities::DEPRECATE_EOF;
        Login {
            user: identity.user.clone(),
            credential: identity.credential.clone(),
            database: (!identity.schema.is_empty()).then(|| identity.schema.clone()),
            capabilities,
            mariadb: identity.mariadb,
            collation: identity.collation,
            attributes: if identity.attributes.is_empty() { own_attributes() } else { identity.attributes.clone() },
            zstd_level: if let Some(Algorithm::Zstd(level)) = self.compression { level } else { 0 },
            tls: if private_channel { rolecall_protocol::handshake::TlsWish::Off } else { self.tls.wish() },
            server_key: self.server_key.clone(),
            private_channel,
            allow_clear_password: self.tls.verifies(),
        }
    }

    fn negotiated_compression(&self, established: &Established) -> Option<Algorithm> {
        let capabilities = established.capabilities;
        self.compression.filter(|algorithm| match algorithm {
            Algorithm::Zlib => capabilities.contains(Capabilities::COMPRESS),
            Algorithm::Zstd(_) => capabilities.contains(Capabilities::ZSTD_COMPRESSION_ALGORITHM),
        })
    }
}

fn own_attributes() -> Vec<u8> {
    let mut attributes = Vec::new();
    for text in ["program_name", "rolecall", "_client_version", env!("CARGO_PKG_VERSION")] {
        attributes.put_bytes_lenenc(text.as_bytes());
    }
    attributes
}

//! The connection phase with a client: greeting, TLS, response, authentication, proof.

use rolecall_protocol::auth::{AuthExchange, AuthPlugin, AuthStep, Credential};
use rolecall_protocol::error_code::ErrorCode;
use rolecall_protocol::handshake::{FirstPacket, Greeting, HandshakeResponse};
use rolecall_protocol::response::{ErrPacket, OkPacket};
use rolecall_protocol::{Capabilities, ProtocolError, StatusFlags};
use rolecall_router::topology::Offer;

use super::authenticate::LOGIN_PACKET_LIMIT;
use super::greeting::{OWN_MARIADB, compression, first_offer, greeting};
use super::{Claim, ProveError, authenticate, prove, refuse};
use crate::backend::{Connection, Identity};
use crate::exchange::{Exchange, LegError};
use crate::registry::SessionHandle;
use crate::shared::{ClientTls, ListenerProfile, Shared};

/// A client whose login a server has confirmed, now or lately. Nothing else makes one.
#[derive(Debug)]
pub struct Authenticated {
    /// Who it is, and how it speaks.
    pub identity: Identity,
    /// Capabilities that hold on the client's leg.
    pub capabilities: Capabilities,
    /// The connection on which the login was proven, if it was proven just now.
    pub connection: Option<Connection>,
    /// Status told with the login's OK.
    pub status: StatusFlags,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum LoginEnd {
    /// Refused with this error.
    #[error("login refused: {0}")]
    Refused(ErrPacket),
    /// The client left, or broke the protocol.
    #[error(transparent)]
    Leg(#[from] LegError),
    /// The operating system has no randomness.
    #[error("no randomness for a scramble")]
    NoRandomness,
}

impl From<ProtocolError> for LoginEnd {
    fn from(error: ProtocolError) -> Self {
        Self::Leg(error.into())
    }
}

impl From<ProveError> for LoginEnd {
    fn from(ProveError(err): ProveError) -> Self {
        Self::Refused(err)
    }
}

/// Runs the connection phase; a refusal has been sent when this returns. The caller bounds the time.
///
/// # Errors
/// Why there is no session.
pub async fn log_in(
    shared: &Shared,
    profile: &ListenerProfile,
    handle: &SessionHandle,
    leg: &mut Exchange<'_>,
) -> Result<Authenticated, LoginEnd> {
    let result = converse(shared, profile, handle, leg).await;
    let err = match &result {
        Err(LoginEnd::Refused(err)) => Some(err.clone()),
        Err(LoginEnd::Leg(LegError::Protocol(error))) => Some(protocol_refusal(error)),
        Ok(_) | Err(LoginEnd::Leg(_) | LoginEnd::NoRandomness) => None,
    };
    if let Some(err) = err {
        refuse(leg, err).await;
    }
    result
}

fn protocol_refusal(error: &ProtocolError) -> ErrPacket {
    match error {
        ProtocolError::OutOfOrder { .. } => {
            ErrPacket::new(ErrorCode::NET_PACKETS_OUT_OF_ORDER, "Got packets out of order")
        }
        ProtocolError::TooLarge { .. } => {
            ErrPacket::new(ErrorCode::NET_PACKET_TOO_LARGE, "Got a packet bigger than 'max_allowed_packet' bytes")
        }
        _ => ErrPacket::new(ErrorCode::HANDSHAKE_ERROR, "Bad handshake"),
    }
}

async fn converse(
    shared: &Shared,
    profile: &ListenerProfile,
    handle: &SessionHandle,
    leg: &mut Exchange<'_>,
) -> Result<Authenticated, LoginEnd> {
    let offer = first_offer(shared).await?;
    let scramble = shared.scramble().map_err(|_| LoginEnd::NoRandomness)?;
    let greeting = greeting(&offer, profile, handle.id, scramble);
    leg.write(&greeting.encode()).await?;
    let response = read_response(profile, &greeting, leg).await?;
    let secured = leg.transport.tls_facts().is_some();
    if matches!(profile.tls, ClientTls::Required(_)) && !secured && !leg.transport.is_private() {
        return Err(LoginEnd::Refused(ErrPacket::new(
            ErrorCode::SECURE_TRANSPORT_REQUIRED,
            "Connections using insecure transport are prohibited by this listener (tls.mode: required): connect with TLS",
        )));
    }
    let (credential, before_ok) = {
        let (exchange, step) = start(shared, leg, &response, &greeting)?;
        authenticate(shared, leg, exchange, step, Claim { user: &response.user, peer: handle.peer }).await?
    };
    let identity = identity(&response, credential, &offer);
    let connection = if shared.is_proven(&identity.user, &identity.credential, &identity.schema) {
        None
    } else {
        Some(prove(shared, &identity).await?)
    };
    if let Some(payload) = before_ok {
        leg.write(&payload).await?;
    }
    let capabilities = response.head.capabilities & greeting.capabilities;
    let status = connection.as_ref().map_or(greeting.status, |connection| connection.status);
    let mut ok = Vec::new();
    OkPacket { status, ..OkPacket::default() }.put(&mut ok, capabilities);
    // Before the client knows: a KILL of its id may come at once.
    handle.set_user(&identity.user);
    leg.write(&ok).await?;
    if let Some(algorithm) = compression(capabilities, response.zstd_level) {
        leg.transport.start_compression(algorithm);
    }
    Ok(Authenticated { identity, capabilities, connection, status })
}

async fn read_response(
    profile: &ListenerProfile,
    greeting: &Greeting,
    leg: &mut Exchange<'_>,
) -> Result<HandshakeResponse, LoginEnd> {
    // Who only connects, as floods do, is waited for without a buffer.
    leg.transport.readable().await.map_err(LegError::Io)?;
    let payload = leg.read_secret(LOGIN_PACKET_LIMIT).await?;
    match FirstPacket::decode(&payload, greeting.capabilities)? {
        FirstPacket::Login(response) => return Ok(response),
        FirstPacket::Ssl(_) => {}
    }
    let (ClientTls::Preferred(config) | ClientTls::Required(config)) = &profile.tls else {
        return Err(ProtocolError::IllegalMoment { what: "SSLRequest where TLS is not offered" }.into());
    };
    // A9, CVE-2021-3935: what came behind the SSLRequest in clear is not inside TLS.
    if !leg.buffer.is_empty() && leg.buffer.filled().first() != Some(&0x16) {
        return Err(ProtocolError::IllegalMoment { what: "bytes in clear behind SSLRequest" }.into());
    }
    let early = leg.buffer.filled().to_vec();
    leg.buffer.consume(early.len());
    let mut connection = rustls::ServerConnection::new(std::sync::Arc::clone(config))
        .map_err(|error| LegError::Io(std::io::Error::other(error)))?;
    feed(&mut connection, &early)?;
    leg.transport.start_tls(rustls::Connection::Server(connection)).await.map_err(LegError::Io)?;
    let payload = leg.read_secret(LOGIN_PACKET_LIMIT).await?;
    // Inside TLS clients repeat the SSL bit in the login itself.
    match FirstPacket::decode(&payload, greeting.capabilities - Capabilities::SSL)? {
        FirstPacket::Login(response) => Ok(response),
        FirstPacket::Ssl(_) => Err(ProtocolError::IllegalMoment { what: "SSLRequest inside TLS" }.into()),
    }
}

/// Bytes of the TLS handshake that came in one read with the SSLRequest.
fn feed(connection: &mut rustls::ServerConnection, mut early: &[u8]) -> Result<(), LegError> {
    while !early.is_empty() {
        // Takes nothing more once the peer has ended TLS.
        if connection.read_tls(&mut early)? == 0 {
            return Err(LegError::Closed);
        }
        connection
            .process_new_packets()
            .map_err(|error| LegError::Io(std::io::Error::new(std::io::ErrorKind::InvalidData, error)))?;
    }
    Ok(())
}

fn start(
    shared: &Shared,
    leg: &Exchange<'_>,
    response: &HandshakeResponse,
    greeting: &Greeting,
) -> Result<(Option<AuthExchange>, AuthStep), LoginEnd> {
    use rolecall_protocol::auth::Channel;
    let known = shared.accounts.known(&response.user);
    if !response.head.capabilities.contains(Capabilities::PLUGIN_AUTH) {
        return Ok((None, AuthExchange::without_plugins(&response.auth_response, &greeting.scramble, known)));
    }
    let fresh = shared.scramble().map_err(|_| LoginEnd::NoRandomness)?;
    let private = leg.transport.is_private();
    let channel = if private { Channel::Private } else { Channel::Plain { public_key: shared.own_key.public_pem() } };
    let plugin = response.plugin.as_deref().and_then(AuthPlugin::from_name);
    let (exchange, step) =
        AuthExchange::start(plugin, &response.auth_response, &greeting.scramble, fresh, known, channel)?;
    Ok((Some(exchange), step))
}

fn identity(response: &HandshakeResponse, credential: Credential, offer: &Offer) -> Identity {
    let shaping = rolecall_protocol::capabilities::SHAPING;
    Identity {
        user: response.user.clone(),
        credential,
        schema: response.database.clone().unwrap_or_default(),
        capabilities: response.head.capabilities & offer.capabilities & shaping,
        mariadb: response.head.mariadb & offer.mariadb & OWN_MARIADB,
        collation: response.head.collation,
        attributes: response.attributes.clone(),
    }
}

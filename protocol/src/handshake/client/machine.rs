//! The machine: which packet may come now, and what follows it.

use zeroize::Zeroizing;

use super::answer::{Answer, answer, answer_more, first_plugin};
use super::{ClientStep, Established, Login, RsaEncrypt, ServerChannel, TlsWish};
use crate::auth::{AuthMoreData, AuthPlugin, AuthSwitchRequest};
use crate::handshake::{ChangeUser, Greeting, HandshakeResponse, SslRequest};
use crate::response::{ErrPacket, OkPacket};
use crate::{Capabilities, MariadbCapabilities, ProtocolError};

/// Client side of the connection phase, or of COM_CHANGE_USER on a connection.
///
/// ```
/// use rolecall_protocol::handshake::{ClientHandshake, ClientStep, Login, RsaEncrypt};
/// # use rolecall_protocol::ProtocolError;
/// # fn drive(login: Login, rsa: &dyn RsaEncrypt, mut read: impl FnMut() -> Vec<u8>, mut send: impl FnMut(&[u8]))
/// # -> Result<(), ProtocolError> {
/// let mut handshake = ClientHandshake::new(login);
/// loop {
///     match handshake.handle(&read(), rsa)? {
///         ClientStep::Send(payload) => send(&payload),
///         ClientStep::StartTls(payload) => {
///             send(&payload);
///             // … start TLS here, and say whether the certificate was checked.
///             send(&handshake.tls_started(true));
///         }
///         ClientStep::Read => {}
///         ClientStep::Done(established) => break println!("{:?}", established.capabilities),
///         ClientStep::Refused(error) => break println!("{error}"),
///     }
/// }
/// # Ok(()) }
/// ```
pub struct ClientHandshake {
    login: Login,
    channel: ServerChannel,
    state: State,
}

/// Where the login stands.
enum State {
    /// The server has not spoken.
    Greeting,
    /// SSLRequest was sent; TLS is being started.
    StartTls(Agreed),
    /// An answer was sent.
    Answered { agreed: Agreed, plugin: AuthPlugin, scramble: Vec<u8>, switches: u8, more: u8 },
    /// Logged in, refused, or given up.
    Finished,
}

/// What both sides can do, once the server has said its part.
#[derive(Clone)]
struct Agreed {
    greeting: Greeting,
    capabilities: Capabilities,
    mariadb: MariadbCapabilities,
}

impl ClientHandshake {
    /// Starts a login; the server's first packet goes to [`Self::handle`].
    #[must_use]
    pub fn new(login: Login) -> Self {
        let channel = if login.private_channel { ServerChannel::Local } else { ServerChannel::Plain };
        Self { login, channel, state: State::Greeting }
    }

    /// Starts a COM_CHANGE_USER on a connection whose login gave `connection`; also gives the command's payload, to
    /// be sent with sequence id 0. Of `login` the user, credential, database, collation, attributes and what it allows
    /// count; capabilities and TLS are the connection's.
    #[must_use]
    pub fn change_user(login: Login, connection: &Established) -> (Self, Vec<u8>) {
        let agreed = Agreed {
            greeting: connection.greeting.clone(),
            capabilities: connection.capabilities,
            mariadb: connection.mariadb,
        };
        let (plugin, response) = first_plugin(&login.credential, &agreed.greeting);
        let request = ChangeUser {
            user: login.user.clone(),
            auth_response: response,
            database: login.database.clone().unwrap_or_default(),
            collation: Some(login.collation),
            plugin: Some(plugin.name().into()),
            attributes: login.attributes.clone(),
        };
        let payload = request.encode(agreed.capabilities);
        let state = State::answered(agreed, plugin);
        (Self { login, channel: connection.channel, state }, payload)
    }

    /// The server's next packet. The driver checks sequence ids and frames what is sent.
    ///
    /// # Errors
    /// `NotSupported` for a plugin or a downgrade that policy forbids (text says what to do); `IllegalMoment` for a
    /// packet that may not come now; `Malformed` else. The connection is of no use then.
    pub fn handle(&mut self, payload: &[u8], rsa: &dyn RsaEncrypt) -> Result<ClientStep, ProtocolError> {
        let state = std::mem::replace(&mut self.state, State::Finished);
        match state {
            // An ERR in any state => Finished
            State::Greeting | State::Answered { .. } if payload.first() == Some(&0xFF) => {
                ErrPacket::decode(payload).map(ClientStep::Refused)
            }
            // Greeting => (StartTls | Answered)
            State::Greeting => self.greeting(Greeting::decode(payload)?),
            // Answered => (Answered | Finished)
            State::Answered { agreed, plugin, scramble, switches, more } => match payload.first() {
                Some(&0x00) => {
                    let ok = OkPacket::decode(payload, agreed.capabilities)?;
                    let Agreed { greeting, capabilities, mariadb } = agreed;
                    let channel = self.channel;
                    Ok(ClientStep::Done(Box::new(Established { greeting, capabilities, mariadb, channel, ok })))
                }
                Some(&AuthSwitchRequest::HEADER) => {
                    let request = AuthSwitchRequest::decode(payload)?;
                    self.switch(agreed, request, switches, rsa)
                }
                Some(&AuthMoreData::HEADER) => {
                    let answer = answer_more(&self.login, plugin, &scramble, &payload[1..], self.channel, rsa)?;
                    self.more(State::Answered { agreed, plugin, scramble, switches, more: more + 1 }, answer)
                }
                Some(&AUTH_NEXT_FACTOR) => Err(ProtocolError::NotSupported {
                    what: "multi-factor authentication; give the proxy's account a single factor",
                }),
                _ => Err(ProtocolError::malformed("authentication packet of the server")),
            },
            State::StartTls(_) => Err(ProtocolError::IllegalMoment { what: "a packet before TLS was started" }),
            State::Finished => Err(ProtocolError::IllegalMoment { what: "a packet after the login's end" }),
        }
    }

    /// TLS stands; `verified` says whether the server's certificate was checked. Gives the payload to send next
    /// (nothing where no [`ClientStep::StartTls`] was given).
    pub fn tls_started(&mut self, verified: bool) -> Vec<u8> {
        match std::mem::replace(&mut self.state, State::Finished) {
            // StartTls => Answered
            State::StartTls(agreed) => {
                self.channel = if verified { ServerChannel::VerifiedTls } else { ServerChannel::UnverifiedTls };
                self.respond(agreed)
            }
            other => {
                self.state = other;
                Vec::new()
            }
        }
    }

    fn greeting(&mut self, greeting: Greeting) -> Result<ClientStep, ProtocolError> {
        let agreed = self.agree(greeting)?;
        if agreed.capabilities.contains(Capabilities::SSL) {
            let request = self.head(&agreed).encode();
            self.state = State::StartTls(agreed);
            return Ok(ClientStep::StartTls(request));
        }
        if self.login.tls == TlsWish::Required {
            return Err(ProtocolError::NotSupported {
                what: "TLS, which is required and which the server does not offer; give it a certificate",
            });
        }
        Ok(ClientStep::Send(Zeroizing::new(self.respond(agreed))))
    }

    fn agree(&self, greeting: Greeting) -> Result<Agreed, ProtocolError> {
        let offered = greeting.capabilities;
        let mut wanted = self.login.capabilities
            | Capabilities::LONG_PASSWORD
            | Capabilities::PROTOCOL_41
            | Capabilities::SECURE_CONNECTION
            | Capabilities::PLUGIN_AUTH
            | Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA;
        wanted.set(Capabilities::CONNECT_WITH_DB, self.login.database.is_some());
        wanted.set(Capabilities::SSL, self.login.tls != TlsWish::Off);
        if wanted.contains(Capabilities::CONNECT_WITH_DB) && !offered.contains(Capabilities::CONNECT_WITH_DB) {
            return Err(ProtocolError::NotSupported { what: "a server without CLIENT_CONNECT_WITH_DB" });
        }
        let mut capabilities = wanted & offered;
        if capabilities.contains(Capabilities::ZSTD_COMPRESSION_ALGORITHM) {
            // One algorithm: with both bits servers take zlib.
            capabilities.remove(Capabilities::COMPRESS);
        }
        let mariadb = self.login.mariadb & greeting.mariadb;
        Ok(Agreed { greeting, capabilities, mariadb })
    }

    fn head(&self, agreed: &Agreed) -> SslRequest {
        SslRequest {
            capabilities: agreed.capabilities,
            mariadb: agreed.mariadb,
            max_packet_size: MAX_PACKET_SIZE,
            collation: self.login.collation,
        }
    }

    fn respond(&mut self, agreed: Agreed) -> Vec<u8> {
        let (plugin, auth_response) = first_plugin(&self.login.credential, &agreed.greeting);
        let response = HandshakeResponse {
            head: self.head(&agreed),
            user: self.login.user.clone(),
            auth_response,
            database: self.login.database.clone(),
            plugin: Some(plugin.name().into()),
            attributes: self.login.attributes.clone(),
            zstd_level: self.login.zstd_level.clamp(1, 22),
        };
        let payload = response.encode();
        self.state = State::answered(agreed, plugin);
        payload
    }

    fn switch(
        &mut self,
        agreed: Agreed,
        request: AuthSwitchRequest<'_>,
        switches: u8,
        rsa: &dyn RsaEncrypt,
    ) -> Result<ClientStep, ProtocolError> {
        if switches == MAX_SWITCHES {
            return Err(ProtocolError::IllegalMoment { what: "authentication plugins without end" });
        }
        let Some(plugin) = AuthPlugin::from_name(request.plugin) else {
            return Err(ProtocolError::NotSupported {
                what: "the account's authentication plugin at the server; use caching_sha2_password, \
                       mysql_native_password, sha256_password or ed25519",
            });
        };
        let (scramble, reply) = answer(&self.login, plugin, request.data, self.channel, rsa)?;
        self.state = State::Answered { agreed, plugin, scramble, switches: switches + 1, more: 0 };
        Ok(ClientStep::Send(reply))
    }

    fn more(&mut self, next: State, answer: Answer) -> Result<ClientStep, ProtocolError> {
        if let State::Answered { more: MAX_MORE.., .. } = next {
            return Err(ProtocolError::IllegalMoment { what: "authentication data without end" });
        }
        self.state = next;
        Ok(match answer {
            Answer::Read => ClientStep::Read,
            Answer::Send(payload) => ClientStep::Send(payload),
        })
    }
}

impl std::fmt::Debug for ClientHandshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = match &self.state {
            State::Greeting => "Greeting",
            State::StartTls(_) => "StartTls",
            State::Answered { .. } => "Answered",
            State::Finished => "Finished",
        };
        f.debug_struct("ClientHandshake").field("state", &state).field("channel", &self.channel).finish_non_exhaustive()
    }
}

// === impl State ===

impl State {
    /// The first answer was sent, for the greeting's scramble.
    fn answered(agreed: Agreed, plugin: AuthPlugin) -> Self {
        let scramble = agreed.greeting.scramble.to_vec();
        Self::Answered { agreed, plugin, scramble, switches: 0, more: 0 }
    }
}

const AUTH_NEXT_FACTOR: u8 = 0x02;
/// MariaDB tries an account's plugins one after the other; more than this is a server that never ends.
const MAX_SWITCHES: u8 = 8;
/// caching_sha2_password needs three.
const MAX_MORE: u8 = 6;
/// What clients of MySQL 9 send: the largest packet that they accept.
const MAX_PACKET_SIZE: u32 = 1 << 30;

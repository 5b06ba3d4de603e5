//! Server side of the authentication exchange, for a login and for COM_CHANGE_USER alike. (Stub.)

use super::{AuthPlugin, Credential, Scramble};
use crate::ProtocolError;

/// How private the channel to the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel<'a> {
    /// TLS or a unix socket: a clear password may travel.
    Private,
    /// Plain TCP: full authentication needs RSA with the proxy's own public key, in PEM form.
    Plain {
        /// PEM (`-----BEGIN PUBLIC KEY-----`) sent on request.
        public_key: &'a [u8],
    },
}

/// Decrypts RSA-OAEP (SHA-1) with the proxy's own key; the shell supplies it.
pub trait RsaDecrypt {
    /// The plain text, or `None` where it is not a valid cipher text for this key.
    fn decrypt(&self, cipher: &[u8]) -> Option<zeroize::Zeroizing<Vec<u8>>>;
}

/// Why a login is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthFailure {
    /// The password is wrong: error 1045.
    WrongPassword,
    /// The client offers no way to a credential that works here; error 1251 with a text that names the ways.
    NoWay,
}

/// What the driver does next.
#[derive(Debug)]
pub enum AuthStep {
    /// Send this payload (AuthSwitchRequest or AuthMoreData), read the answer, call [`AuthExchange::handle`].
    Send(Vec<u8>),
    /// The client proved `credential` (the known one, or one recovered from it). Send `before_ok` (AuthMoreData "fast
    /// auth ok"), if there is one, in front of OK.
    Proven {
        /// Payload that goes in front of OK.
        before_ok: Option<Vec<u8>>,
        /// What to log in with at the servers.
        credential: Credential,
    },
    /// The client gave its password, which nothing has proven yet: prove it at a server, then send OK or its ERR.
    Learnt(Credential),
    /// Refuse the login.
    Refuse(AuthFailure),
}

/// Server side of one authentication exchange.
///
/// Order of ways to a credential (sessions.md 7): caching_sha2_password, for which the client is switched over when
/// it started otherwise; else mysql_clear_password inside a private channel; else mysql_native_password where a
/// password or stored hash is known.
#[derive(Debug)]
pub struct AuthExchange {
    _private: (),
}

impl AuthExchange {
    /// Starts with what came in the handshake response or COM_CHANGE_USER: the client's plugin (None: it named one
    /// that is not spoken here) and its answer to `scramble`. `fresh` is a second scramble for an AuthSwitchRequest.
    /// `known` is the credential that the proxy holds for this user, if any; an unknown user walks the same path.
    pub fn start(
        plugin: Option<AuthPlugin>,
        response: &[u8],
        scramble: &Scramble,
        fresh: Scramble,
        known: Option<Credential>,
        channel: Channel<'_>,
    ) -> Result<(Self, AuthStep), ProtocolError> {
        let _ = (plugin, response, scramble, fresh, known, channel);
        Err(ProtocolError::NotSupported { what: "authentication" })
    }

    /// The client's next packet in this exchange.
    ///
    /// # Errors
    /// [`ProtocolError`] for what cannot be such a packet; the connection is closed then.
    pub fn handle(
        &mut self,
        payload: &[u8],
        channel: Channel<'_>,
        key: &dyn RsaDecrypt,
    ) -> Result<AuthStep, ProtocolError> {
        let _ = (payload, channel, key);
        Err(ProtocolError::NotSupported { what: "authentication" })
    }
}

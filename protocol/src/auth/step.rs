//! What goes into an authentication exchange with a client, and what comes out of it.

use zeroize::Zeroizing;

use super::Credential;

/// How private the channel to the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel<'a> {
    /// TLS or a unix socket: a clear password may travel.
    Private,
    /// Plain TCP: full authentication needs RSA with the proxy's own public key, in PEM form.
    Plain {
        /// PEM (`-----BEGIN PUBLIC KEY-----`) sent on request; empty: there is none, so that a login which needs full
        /// authentication is refused.
        public_key: &'a [u8],
    },
}

/// Decrypts RSA-OAEP (SHA-1) with the proxy's own key; the shell supplies it.
pub trait RsaDecrypt {
    /// The plain text, or `None` where it is not a valid cipher text for this key.
    fn decrypt(&self, cipher: &[u8]) -> Option<Zeroizing<Vec<u8>>>;
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
    /// Send this payload (AuthSwitchRequest or AuthMoreData), read the answer, call `AuthExchange::handle`.
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

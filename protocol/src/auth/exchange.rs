//! Server side of the authentication exchange, for a login and for COM_CHANGE_USER alike.

use super::caching_sha2::{FAST_AUTH_SUCCESS, PERFORM_FULL_AUTHENTICATION, REQUEST_PUBLIC_KEY};
use super::step::{AuthFailure, AuthStep, Channel, RsaDecrypt};
use super::{AuthMoreData, AuthPlugin, AuthSwitchRequest, Credential, Known, Password, Scramble, caching_sha2, native};
use crate::ProtocolError;

/// Server side of one authentication exchange.
///
/// Order of ways to a credential: caching_sha2_password, for which the client is switched over when it started
/// otherwise; else mysql_clear_password inside a private channel; else mysql_native_password where a password or
/// stored hash is known. What is known and does not match leads to full authentication, since the password may have
/// been changed at the servers; a name of which nothing is known walks the same path.
///
/// ```text
///   start ─┬─────────────► Scrambled ─┬─► Full ─┬─► Cipher ─► Learnt │ Proven
///          ├─► Native                 │         └─► Learnt │ Proven
///          └─► Proven │ Learnt        └─► Proven │ Learnt (empty password)
/// ```
#[derive(Debug)]
pub struct AuthExchange {
    state: State,
    scramble: Scramble,
    /// The scramble before the switch, the same where there was none.
    before: Scramble,
    known: Known,
}

/// What the client's next packet must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// caching_sha2_password's answer to the scramble.
    Scrambled,
    /// mysql_native_password's answer to the scramble.
    Native,
    /// The same; one that proves nothing leads to caching_sha2_password.
    NativeFirst,
    /// The password: in clear in a private channel, else a cipher text or the request for the public key.
    Full,
    /// The cipher text.
    Cipher,
    /// None: the exchange is over.
    Finished,
}

impl AuthExchange {
    /// Starts with what came in the handshake response or COM_CHANGE_USER: the client's plugin (None: it named one
    /// that is not spoken here) and its answer to `scramble`. `fresh` is a second scramble for an AuthSwitchRequest.
    /// `known` is what the proxy holds for this user, if anything; an unknown user walks the same path.
    ///
    /// For a client without PLUGIN_AUTH see [`Self::without_plugins`].
    ///
    /// # Errors
    /// [`ProtocolError::Malformed`] for an answer that its plugin cannot give.
    pub fn start(
        plugin: Option<AuthPlugin>,
        response: &[u8],
        scramble: &Scramble,
        fresh: Scramble,
        known: impl Into<Known>,
        channel: Channel<'_>,
    ) -> Result<(Self, AuthStep), ProtocolError> {
        let mut exchange =
            Self { state: State::Scrambled, scramble: *scramble, before: *scramble, known: known.into() };
        let step = match (plugin, channel) {
            (Some(AuthPlugin::CachingSha2Password), _) => exchange.scrambled(response, channel),
            // An empty native answer says nothing: clients send it to be switched when the greeting named another
            // plugin than theirs.
            (Some(AuthPlugin::NativePassword), _) => match exchange.native(response) {
                Some(step) => step,
                None if response.is_empty() && exchange.knows_native_only() => {
                    exchange.switch(AuthPlugin::NativePassword, State::Native, fresh)
                }
                None => exchange.switch(AuthPlugin::CachingSha2Password, State::Scrambled, fresh),
            },
            (Some(AuthPlugin::ClearPassword | AuthPlugin::Sha256Password), Channel::Private)
                if response.ends_with(&[0]) =>
            {
                exchange.full(response)?
            }
            (Some(AuthPlugin::Sha256Password), Channel::Plain { public_key })
                if response == [REQUEST_PUBLIC_KEY_SHA256] =>
            {
                exchange.public_key(public_key)
            }
            _ => exchange.switch(AuthPlugin::CachingSha2Password, State::Scrambled, fresh),
        };
        Ok((exchange.with(&step), step))
    }

    /// Starts with an AuthSwitchRequest, whatever the client has sent so far: what servers do for COM_CHANGE_USER,
    /// so that no scramble serves twice (CVE-2012-5627). `greeted`: the plugin that the client's greeting named; a client
    /// that was greeted with mysql_native_password and names it is asked for that first, whoever the user is.
    #[must_use]
    pub fn switched(
        plugin: Option<AuthPlugin>,
        greeted: AuthPlugin,
        fresh: Scramble,
        known: impl Into<Known>,
    ) -> (Self, AuthStep) {
        let mut exchange = Self { state: State::Scrambled, scramble: fresh, before: fresh, known: known.into() };
        let step = match (plugin, greeted) {
            (Some(AuthPlugin::NativePassword), _) if exchange.knows_native_only() => {
                exchange.switch(AuthPlugin::NativePassword, State::Native, fresh)
            }
            (Some(AuthPlugin::NativePassword), AuthPlugin::NativePassword) => {
                exchange.switch(AuthPlugin::NativePassword, State::NativeFirst, fresh)
            }
            _ => exchange.switch(AuthPlugin::CachingSha2Password, State::Scrambled, fresh),
        };
        (exchange, step)
    }

    /// The whole exchange with a client that does not know plugins (no PLUGIN_AUTH): its answer is a
    /// mysql_native_password one, and it cannot be asked for anything else. Never gives [`AuthStep::Send`].
    #[must_use]
    pub fn without_plugins(response: &[u8], scramble: &Scramble, known: impl Into<Known>) -> AuthStep {
        let exchange = Self { state: State::Native, scramble: *scramble, before: *scramble, known: known.into() };
        if response.is_empty() { exchange.empty() } else { exchange.only_native(response) }
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
        let step = match (self.state, channel) {
            // Scrambled => (Full | Finished)
            (State::Scrambled, _) => self.scrambled(payload, channel),
            // Native => Finished
            (State::Native, _) if payload.is_empty() => self.empty(),
            (State::Native, _) => self.only_native(payload),
            // NativeFirst => (Scrambled | Finished)
            (State::NativeFirst, _) => self
                .native(payload)
                .unwrap_or_else(|| self.switch(AuthPlugin::CachingSha2Password, State::Scrambled, self.scramble)),
            // Full => (Cipher | Finished)
            (State::Full, Channel::Private) => self.full(payload)?,
            (State::Full, Channel::Plain { public_key }) if payload == [REQUEST_PUBLIC_KEY] => {
                self.public_key(public_key)
            }
            // Full, Cipher => Finished. A channel never becomes private or plain within an exchange.
            (State::Full | State::Cipher, _) => self.cipher(payload, key)?,
            (State::Finished, _) => {
                return Err(ProtocolError::IllegalMoment { what: "an authentication packet after the login's end" });
            }
        };
        if !matches!(step, AuthStep::Send(_)) {
            self.state = State::Finished;
        }
        Ok(step)
    }

    fn with(mut self, step: &AuthStep) -> Self {
        if !matches!(step, AuthStep::Send(_)) {
            self.state = State::Finished;
        }
        self
    }

    fn switch(&mut self, plugin: AuthPlugin, state: State, fresh: Scramble) -> AuthStep {
        self.state = state;
        self.before = std::mem::replace(&mut self.scramble, fresh);
        AuthStep::Send(AuthSwitchRequest::encode(plugin.name(), &fresh))
    }

    /// caching_sha2_password's answer to the scramble.
    fn scrambled(&mut self, response: &[u8], channel: Channel<'_>) -> AuthStep {
        if matches!(response, [] | [0]) {
            return self.empty();
        }
        if response.len() != caching_sha2::DIGEST_LENGTH {
            return AuthStep::Refuse(AuthFailure::WrongPassword);
        }
        // Without a known password a decoy is checked, so that both take the same time.
        let known = match &self.known {
            Known::Credential(Credential::Password(password)) => Some(password),
            _ => None,
        };
        let matches = caching_sha2::verify(response, &self.scramble, known.map_or(DECOY, Password::expose));
        if let Some(password) = known.filter(|_| matches) {
            return AuthStep::Proven {
                before_ok: Some(AuthMoreData(&[FAST_AUTH_SUCCESS]).encode()),
                credential: Credential::Password(password.clone()),
            };
        }
        if matches!(channel, Channel::Plain { public_key: [] }) {
            return AuthStep::Refuse(AuthFailure::NoWay);
        }
        self.state = State::Full;
        AuthStep::Send(AuthMoreData(&[PERFORM_FULL_AUTHENTICATION]).encode())
    }

    /// Whether only mysql_native_password can lead to a credential for what is known.
    fn knows_native_only(&self) -> bool {
        matches!(self.known, Known::Credential(Credential::NativeHash(_)) | Known::NativeStored(_))
    }

    /// A mysql_native_password answer, if it proves what is known.
    fn native(&self, response: &[u8]) -> Option<AuthStep> {
        let (stored, credential) = match &self.known {
            Known::Nothing => (native::stored_hash(&native::hash(DECOY)), None),
            Known::Credential(credential @ Credential::Password(password)) => {
                (native::stored_hash(&native::hash(password.expose())), Some(credential))
            }
            Known::Credential(credential @ Credential::NativeHash(hash)) => {
                (native::stored_hash(hash), Some(credential))
            }
            Known::NativeStored(stored) => (stored.clone(), None),
        };
        let hash = native::verify(response, &self.scramble, &stored)?;
        if matches!(self.known, Known::Nothing) {
            return None;
        }
        let credential = credential.cloned().unwrap_or(Credential::NativeHash(hash));
        Some(AuthStep::Proven { before_ok: None, credential })
    }

    /// A mysql_native_password answer of a client that can give nothing else.
    fn only_native(&self, response: &[u8]) -> AuthStep {
        match (self.native(response), &self.known) {
            (Some(step), _) => step,
            (None, Known::Nothing) => AuthStep::Refuse(AuthFailure::NoWay),
            (None, _) => AuthStep::Refuse(AuthFailure::WrongPassword),
        }
    }

    /// The client says that its password is empty.
    fn empty(&self) -> AuthStep {
        self.learnt(Password::new(Vec::new()))
    }

    /// The client gave its password: proven where it fits what is known.
    fn learnt(&self, password: Password) -> AuthStep {
        let proven = match &self.known {
            Known::Nothing => false,
            Known::Credential(Credential::Password(known)) => *known == password,
            // Servers store no hash for an empty password.
            Known::Credential(Credential::NativeHash(_)) | Known::NativeStored(_) if password.expose().is_empty() => {
                false
            }
            Known::Credential(Credential::NativeHash(hash)) => same(&native::hash(password.expose()), hash),
            Known::NativeStored(stored) => same(&native::stored_hash(&native::hash(password.expose())), stored),
        };
        let credential = Credential::Password(password);
        if proven { AuthStep::Proven { before_ok: None, credential } } else { AuthStep::Learnt(credential) }
    }

    /// The password in clear, with its NUL.
    fn full(&self, payload: &[u8]) -> Result<AuthStep, ProtocolError> {
        match payload.split_last() {
            Some((0, password)) if !password.contains(&0) => Ok(self.learnt(Password::new(password.to_vec()))),
            _ => Err(ProtocolError::malformed("password without its NUL")),
        }
    }

    fn public_key(&mut self, public_key: &[u8]) -> AuthStep {
        if public_key.is_empty() {
            return AuthStep::Refuse(AuthFailure::NoWay);
        }
        self.state = State::Cipher;
        AuthStep::Send(AuthMoreData(public_key).encode())
    }

    /// The password and its NUL, covered by the scramble, encrypted. Whatever is wrong with it reads as a wrong
    /// password, so that the answer tells nothing about the key. sqlx covers it by the greeting's scramble after a switch
    /// too; which one it was shows in the NUL.
    fn cipher(&self, payload: &[u8], key: &dyn RsaDecrypt) -> Result<AuthStep, ProtocolError> {
        if payload.len() > MAX_CIPHER_LENGTH {
            return Err(ProtocolError::TooLarge { what: "encrypted password" });
        }
        let step = key
            .decrypt(payload)
            .and_then(|covered| {
                let uncovered = |scramble| self.full(&caching_sha2::cover(&covered, scramble)).ok();
                uncovered(&self.scramble).or_else(|| uncovered(&self.before))
            })
            .unwrap_or(AuthStep::Refuse(AuthFailure::WrongPassword));
        Ok(step)
    }
}

fn same(a: &[u8; 20], b: &[u8; 20]) -> bool {
    subtle::ConstantTimeEq::ct_eq(a.as_slice(), b.as_slice()).into()
}

/// sha256_password asks for the public key with this packet.
const REQUEST_PUBLIC_KEY_SHA256: u8 = 0x01;
/// A cipher text of the longest usual RSA key, 16384 bits.
const MAX_CIPHER_LENGTH: usize = 2048;
/// What answers are checked against where no password is known; it never counts as a match.
const DECOY: &[u8] = b"no account has this password";

#[cfg(test)]
mod tests;

//! What each plugin answers, and what policy forbids it to answer.

use zeroize::Zeroizing;

use super::{Login, RsaEncrypt, ServerChannel, ServerKey};
use crate::ProtocolError;
use crate::auth::caching_sha2::{FAST_AUTH_SUCCESS, PERFORM_FULL_AUTHENTICATION, REQUEST_PUBLIC_KEY};
use crate::auth::{AuthPlugin, Credential, Password, Scramble, caching_sha2, ed25519, native};
use crate::handshake::Greeting;

/// What follows an AuthMoreData packet.
pub(super) enum Answer {
    /// The server goes on by itself.
    Read,
    /// Send this payload.
    Send(Zeroizing<Vec<u8>>),
}

/// The plugin to begin with, and its answer to the greeting's scramble: the server's default where it can be answered
/// at once and without risk, else one that the server may switch away from.
pub(super) fn first_plugin(credential: &Credential, greeting: &Greeting) -> (AuthPlugin, Zeroizing<Vec<u8>>) {
    let without_plugins = !greeting.capabilities.contains(crate::Capabilities::PLUGIN_AUTH);
    let native = without_plugins || AuthPlugin::from_name(&greeting.plugin) == Some(AuthPlugin::NativePassword);
    let response = match credential {
        Credential::Password(password) if !native => {
            return (AuthPlugin::CachingSha2Password, caching_sha2_response(password, &greeting.scramble));
        }
        Credential::Password(password) => native_response(password, &greeting.scramble),
        Credential::NativeHash(hash) => native::respond(hash, &greeting.scramble).to_vec(),
    };
    (AuthPlugin::NativePassword, Zeroizing::new(response))
}

/// The answer to an AuthSwitchRequest for `plugin` with `data`; also gives the scramble, for what may follow.
pub(super) fn answer(
    login: &Login,
    plugin: AuthPlugin,
    data: &[u8],
    channel: ServerChannel,
    rsa: &dyn RsaEncrypt,
) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>), ProtocolError> {
    if plugin == AuthPlugin::NativePassword {
        let scramble = scramble(data)?;
        let reply = match &login.credential {
            Credential::Password(password) => native_response(password, &scramble),
            Credential::NativeHash(hash) => native::respond(hash, &scramble).to_vec(),
        };
        return Ok((scramble.to_vec(), Zeroizing::new(reply)));
    }
    let password = password(&login.credential)?;
    match plugin {
        AuthPlugin::NativePassword | AuthPlugin::CachingSha2Password => {
            let scramble = scramble(data)?;
            Ok((scramble.to_vec(), caching_sha2_response(password, &scramble)))
        }
        AuthPlugin::Ed25519 => {
            // The nonce may end in a zero byte of its own.
            let nonce = data.first_chunk().ok_or(ProtocolError::malformed("ed25519 nonce"))?;
            Ok((Vec::new(), Zeroizing::new(ed25519::respond(password.expose(), nonce).to_vec())))
        }
        AuthPlugin::Sha256Password => {
            let scramble = scramble(data)?;
            let reply = match full(login, plugin, password, &scramble, channel, rsa)? {
                // sha256_password asks with another byte than caching_sha2_password does.
                Full::AskForKey => Zeroizing::new(vec![REQUEST_PUBLIC_KEY_SHA256]),
                Full::Send(payload) => payload,
            };
            Ok((scramble.to_vec(), reply))
        }
        AuthPlugin::ClearPassword => {
            if !login.allow_clear_password || channel != ServerChannel::VerifiedTls {
                return Err(ProtocolError::NotSupported {
                    what: "mysql_clear_password towards the server; it has to be allowed, and needs TLS with a \
                           verified certificate",
                });
            }
            Ok((Vec::new(), terminated(password)))
        }
    }
}

/// What follows AuthMoreData with this content.
pub(super) fn answer_more(
    login: &Login,
    plugin: AuthPlugin,
    scramble: &[u8],
    content: &[u8],
    channel: ServerChannel,
    rsa: &dyn RsaEncrypt,
) -> Result<Answer, ProtocolError> {
    let caching = plugin == AuthPlugin::CachingSha2Password;
    match content {
        [FAST_AUTH_SUCCESS] if caching => Ok(Answer::Read),
        [PERFORM_FULL_AUTHENTICATION] if caching => {
            Ok(Answer::Send(match full(login, plugin, password(&login.credential)?, scramble, channel, rsa)? {
                Full::AskForKey => Zeroizing::new(vec![REQUEST_PUBLIC_KEY]),
                Full::Send(payload) => payload,
            }))
        }
        public_key if public_key.starts_with(PEM_START) && (caching || plugin == AuthPlugin::Sha256Password) => {
            if way(login, plugin, channel) != Way::AskForKey {
                return Err(ProtocolError::IllegalMoment { what: "a public key that nobody asked for" });
            }
            let password = password(&login.credential)?;
            encrypted(public_key, password, scramble, rsa).map(Answer::Send)
        }
        _ => Err(ProtocolError::malformed("AuthMoreData")),
    }
}

/// The password itself, in the form that the channel allows.
enum Full {
    /// Send this.
    Send(Zeroizing<Vec<u8>>),
    /// Ask for the server's key first.
    AskForKey,
}

/// How the password itself may travel.
#[derive(PartialEq, Eq)]
enum Way<'a> {
    Clear,
    Encrypted(&'a [u8]),
    AskForKey,
    Forbidden,
}

fn way(login: &Login, plugin: AuthPlugin, channel: ServerChannel) -> Way<'_> {
    match (channel, &login.server_key) {
        (ServerChannel::VerifiedTls | ServerChannel::UnverifiedTls, _) => Way::Clear,
        (ServerChannel::Local, _) if plugin == AuthPlugin::CachingSha2Password => Way::Clear,
        (ServerChannel::Local | ServerChannel::Plain, ServerKey::Pinned(public_key)) => Way::Encrypted(public_key),
        // sha256_password takes a clear password inside TLS only (MySQL 9.7); nobody is in the middle of a socket.
        (ServerChannel::Local, _) | (ServerChannel::Plain, ServerKey::Ask) => Way::AskForKey,
        (ServerChannel::Plain, ServerKey::Refuse) => Way::Forbidden,
    }
}

fn full(
    login: &Login,
    plugin: AuthPlugin,
    password: &Password,
    scramble: &[u8],
    channel: ServerChannel,
    rsa: &dyn RsaEncrypt,
) -> Result<Full, ProtocolError> {
    if password.expose().is_empty() {
        // An empty password is a lone NUL everywhere.
        return Ok(Full::Send(terminated(password)));
    }
    match way(login, plugin, channel) {
        Way::Clear => Ok(Full::Send(terminated(password))),
        Way::Encrypted(public_key) => encrypted(public_key, password, scramble, rsa).map(Full::Send),
        Way::AskForKey => Ok(Full::AskForKey),
        Way::Forbidden => Err(ProtocolError::NotSupported {
            what: "full authentication in a plain channel; use TLS towards the server, pin its public key, or allow \
                   asking it for the key",
        }),
    }
}

fn encrypted(
    public_key: &[u8],
    password: &Password,
    scramble: &[u8],
    rsa: &dyn RsaEncrypt,
) -> Result<Zeroizing<Vec<u8>>, ProtocolError> {
    rsa.encrypt(public_key, &caching_sha2::cover(&terminated(password), scramble))
        .map(Zeroizing::new)
        .ok_or(ProtocolError::malformed("the server's public key"))
}

/// The scramble in an AuthSwitchRequest: 20 bytes, and a NUL that some servers leave out.
fn scramble(data: &[u8]) -> Result<Scramble, ProtocolError> {
    data.first_chunk().copied().ok_or(ProtocolError::malformed("scramble of AuthSwitchRequest"))
}

fn password(credential: &Credential) -> Result<&Password, ProtocolError> {
    match credential {
        Credential::Password(password) => Ok(password),
        Credential::NativeHash(_) => Err(ProtocolError::NotSupported {
            what: "the account's authentication plugin: of its password only the mysql_native_password hash is \
                   known; let the client log in with caching_sha2_password",
        }),
    }
}

fn caching_sha2_response(password: &Password, scramble: &Scramble) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(match password.expose() {
        [] => Vec::new(),
        password => caching_sha2::respond(password, scramble).to_vec(),
    })
}

fn native_response(password: &Password, scramble: &Scramble) -> Vec<u8> {
    match password.expose() {
        [] => Vec::new(),
        password => native::respond(&native::hash(password), scramble).to_vec(),
    }
}

fn terminated(password: &Password) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(password.expose().len() + 1));
    out.extend_from_slice(password.expose());
    out.push(0);
    out
}

const REQUEST_PUBLIC_KEY_SHA256: u8 = 0x01;
const PEM_START: &[u8] = b"-----BEGIN";

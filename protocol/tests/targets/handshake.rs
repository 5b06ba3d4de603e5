//! The connection phase.

use rolecall_protocol::auth::{
    AuthExchange, AuthPlugin, AuthStep, Channel, Credential, Known, Password, RsaDecrypt, native,
};
use rolecall_protocol::handshake::{
    ChangeUser, ClientHandshake, ClientStep, FirstPacket, Greeting, Login, RsaEncrypt, ServerKey, TlsWish,
};
use rolecall_protocol::packet::frame;
use rolecall_protocol::{Capabilities, MariadbCapabilities};
use zeroize::Zeroizing;

use super::{capabilities, message, options};

/// No input can hold it in clear: a NUL is in it. So whoever proves it has broken the check.
const UNGUESSABLE: &[u8] = b"un\0guessable";
/// A password that must never be sent in a plain channel.
const SECRET: &[u8] = b"correct horse battery staple";

/// RSA that does nothing.
struct Identity;

impl RsaDecrypt for Identity {
    fn decrypt(&self, cipher: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        Some(Zeroizing::new(cipher.to_vec()))
    }
}

/// RSA whose cipher text holds nothing of the plain text.
struct Opaque;

impl RsaEncrypt for Opaque {
    fn encrypt(&self, _: &[u8], _: &[u8]) -> Option<Vec<u8>> {
        Some(vec![0xCC; 256])
    }
}

/// A greeting that is read is written the same, up to what servers leave to chance.
pub fn greeting(input: &[u8]) {
    let Ok(greeting) = Greeting::decode(input) else { return };
    assert_eq!(Greeting::decode(&greeting.encode()), Ok(greeting));
}

/// A login that is read can be written, and then reads and writes the same.
pub fn handshake_response(input: &[u8]) {
    let (options, rest) = options(input);
    let offered = capabilities(options);
    match FirstPacket::decode(rest, offered) {
        Ok(FirstPacket::Login(login)) => {
            assert!(!offered.contains(Capabilities::SSL) || !login.head.capabilities.contains(Capabilities::SSL));
            let written = login.encode();
            let Ok(FirstPacket::Login(again)) = FirstPacket::decode(&written, offered) else {
                panic!("what was written is no login")
            };
            assert_eq!(again.encode(), written);
            assert_eq!(again.auth_response, login.auth_response);
        }
        Ok(FirstPacket::Ssl(_)) => assert_eq!(rest.len(), 32),
        Err(_) => {}
    }
}

/// The same for COM_CHANGE_USER.
pub fn change_user(input: &[u8]) {
    let (options, rest) = options(input);
    let capabilities = capabilities(options);
    let Ok(change) = ChangeUser::decode(rest, capabilities) else { return };
    let written = change.encode(capabilities);
    let again = ChangeUser::decode(&written[1..], capabilities).expect("what was written reads");
    assert_eq!(again.encode(capabilities), written);
}

/// No sequence of packets proves a password that cannot be in them.
pub fn auth_exchange(input: &[u8]) {
    let (options, mut rest) = options(input);
    let plugin = [
        None,
        Some(AuthPlugin::CachingSha2Password),
        Some(AuthPlugin::NativePassword),
        Some(AuthPlugin::Sha256Password),
        Some(AuthPlugin::Ed25519),
        Some(AuthPlugin::ClearPassword),
    ][usize::from(options[0]) % 6];
    let known = match options[1] % 4 {
        0 => Known::Nothing,
        1 => Known::Credential(Credential::Password(Password::new(UNGUESSABLE.to_vec()))),
        2 => Known::Credential(Credential::NativeHash(native::hash(UNGUESSABLE))),
        _ => Known::NativeStored(native::stored_hash(&native::hash(UNGUESSABLE))),
    };
    let channel = match options[2] % 3 {
        0 => Channel::Private,
        1 => Channel::Plain { public_key: b"" },
        _ => Channel::Plain { public_key: b"-----BEGIN PUBLIC KEY-----" },
    };
    let first = message(&mut rest).unwrap_or_default();
    let started = match options[3] % 3 {
        0 => AuthExchange::start(plugin, first, &[b's'; 20], [b'f'; 20], known, channel),
        1 => Ok(AuthExchange::switched(plugin, AuthPlugin::NativePassword, [b'f'; 20], known)),
        _ => {
            let step = AuthExchange::without_plugins(first, &[b's'; 20], known);
            assert!(!matches!(step, AuthStep::Send(_)), "a client without plugins cannot be asked");
            return ended(&step);
        }
    };
    let Ok((mut exchange, mut step)) = started else { return };
    let mut rounds = 0;
    while let AuthStep::Send(payload) = &step {
        assert!(!payload.windows(UNGUESSABLE.len()).any(|part| part == UNGUESSABLE));
        let Some(payload) = message(&mut rest) else { return };
        let Ok(next) = exchange.handle(payload, channel, &Identity) else { return };
        step = next;
        rounds += 1;
        assert!(rounds <= 4, "an exchange has four rounds at most");
    }
    ended(&step);
    assert!(exchange.handle(b"x", channel, &Identity).is_err(), "the exchange is over");
}

fn ended(step: &AuthStep) {
    assert!(!matches!(step, AuthStep::Proven { .. }), "{step:?}");
}

/// Whatever a server says in a plain channel, the password does not go out, and the login ends.
pub fn client_handshake(input: &[u8]) {
    let (options, mut rest) = options(input);
    let login = Login {
        user: b"app".to_vec(),
        credential: Credential::Password(Password::new(SECRET.to_vec())),
        database: (options[0] & 1 != 0).then(|| b"shop".to_vec()),
        capabilities: capabilities(options),
        mariadb: MariadbCapabilities::all(),
        collation: u16::from_le_bytes([options[1], options[2]]),
        attributes: Vec::new(),
        zstd_level: options[3],
        tls: [TlsWish::Off, TlsWish::Preferred, TlsWish::Required][usize::from(options[0] >> 1) % 3],
        server_key: match (options[0] >> 4) % 3 {
            0 => ServerKey::Refuse,
            1 => ServerKey::Ask,
            _ => ServerKey::Pinned(b"pinned".to_vec()),
        },
        private_channel: false,
        allow_clear_password: options[0] >> 7 != 0,
    };
    let required = login.tls == TlsWish::Required;
    let mut handshake = ClientHandshake::new(login);
    for _ in 0..64 {
        let Ok(Some(framed)) = frame(rest, usize::MAX) else { return };
        rest = &rest[framed.taken..];
        match handshake.handle(&framed.payload, &Opaque) {
            Ok(ClientStep::Send(payload)) => {
                assert!(!required, "nothing but SSLRequest goes out before TLS");
                assert!(!payload.windows(SECRET.len()).any(|part| part == SECRET), "the password in clear");
            }
            Ok(ClientStep::Read) => {}
            Ok(ClientStep::Done(_) | ClientStep::Refused(_)) | Err(_) => {
                assert!(handshake.handle(&framed.payload, &Opaque).is_err(), "the login is over");
                return;
            }
            Ok(ClientStep::StartTls(request)) => {
                assert_eq!(request.len(), 32);
                return;
            }
        }
    }
    panic!("a login without end");
}

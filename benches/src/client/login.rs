//! The client's half of a login: greeting, handshake response, challenge-response answers.
//!
//! Independent of the product's own state machines on purpose: what measures the proxy shares no mistake with it.
//! Source: MySQL Source Code Documentation, "Connection Phase".

use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use rolecall_protocol::wire::{Put, Reader};
use rolecall_protocol::{Capabilities, ProtocolError};
use sha1::Digest as _;

use super::{ClientError, Endpoint};

/// What a server's first packet says, as far as a login needs it.
#[derive(Debug)]
pub(super) struct Greeting {
    /// Version text.
    pub version: String,
    /// What the server offers.
    pub capabilities: Capabilities,
    /// Challenge of 20 bytes.
    pub scramble: Vec<u8>,
    /// Authentication plugin's name.
    pub plugin: Vec<u8>,
}

impl Greeting {
    /// Reads HandshakeV10.
    pub fn decode(payload: &[u8]) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(payload);
        if reader.u8("protocol version")? != 10 {
            return Err(ProtocolError::malformed("protocol version"));
        }
        let version = String::from_utf8_lossy(reader.bytes_nul("server version")?).into_owned();
        reader.u32("connection id")?;
        let mut scramble = reader.bytes(8, "scramble")?.to_vec();
        reader.u8("filler")?;
        let low = reader.u16("capabilities")?;
        reader.u8("collation")?;
        reader.u16("status")?;
        let high = reader.u16("capabilities")?;
        let length = reader.u8("scramble length")?;
        reader.bytes(10, "reserved")?;
        let rest = usize::from(length).saturating_sub(8).max(13);
        scramble.extend_from_slice(reader.bytes(rest, "scramble")?);
        scramble.truncate(20);
        let plugin = reader.bytes_nul("plugin").unwrap_or_default().to_vec();
        let capabilities = Capabilities::from_bits_retain(u32::from(low) | u32::from(high) << 16);
        Ok(Self { version, capabilities, scramble, plugin })
    }
}

/// HandshakeResponse41's payload.
pub(super) fn response(endpoint: &Endpoint, capabilities: Capabilities, plugin: &[u8], answer: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    out.put_u32(capabilities.bits());
    out.put_u32(64 << 20); // largest packet accepted
    out.put_u8(45); // utf8mb4_general_ci
    out.put_bytes(&[0; 23]);
    out.put_bytes_nul(endpoint.user.as_bytes());
    out.put_bytes_lenenc(answer);
    if capabilities.contains(Capabilities::CONNECT_WITH_DB) {
        out.put_bytes_nul(endpoint.database.as_bytes());
    }
    out.put_bytes_nul(plugin);
    out
}

/// Answers a plugin's challenge; `None` for a plugin that is not spoken here.
pub(super) fn answer(plugin: &[u8], password: &[u8], scramble: &[u8]) -> Option<Vec<u8>> {
    if password.is_empty() {
        return Some(Vec::new());
    }
    match plugin {
        b"caching_sha2_password" => {
            let once = sha2::Sha256::digest(password);
            let twice = sha2::Sha256::digest(once);
            let mixed = sha2::Sha256::new().chain_update(twice).chain_update(scramble).finalize();
            Some(xor(&once, &mixed))
        }
        b"mysql_native_password" => {
            let once = sha1::Sha1::digest(password);
            let twice = sha1::Sha1::digest(once);
            let mixed = sha1::Sha1::new().chain_update(scramble).chain_update(twice).finalize();
            Some(xor(&once, &mixed))
        }
        _ => None,
    }
}

/// The password, encrypted with the server's public key (PEM) as caching_sha2_password wants it over plain TCP.
pub(super) fn encrypt_password(pem: &[u8], password: &[u8], scramble: &[u8]) -> Result<Vec<u8>, ClientError> {
    let unusable = |what: &str| ClientError::Unsupported(format!("the server's public key is unusable: {what}"));
    let text = std::str::from_utf8(pem).map_err(|_| unusable("not text"))?;
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = base64(&body).ok_or_else(|| unusable("not base64"))?;
    let key = PublicEncryptingKey::from_der(&der).map_err(|_| unusable("not an RSA key"))?;
    let key = OaepPublicEncryptingKey::new(key).map_err(|_| unusable("no OAEP"))?;
    let mut plain = password.to_vec();
    plain.push(0);
    let mixed: Vec<u8> = plain.iter().zip(scramble.iter().cycle()).map(|(a, b)| a ^ b).collect();
    let mut out = vec![0; key.ciphertext_size()];
    let cipher =
        key.encrypt(&OAEP_SHA1_MGF1SHA1, &mixed, &mut out, None).map_err(|_| unusable("encryption failed"))?.len();
    out.truncate(cipher);
    Ok(out)
}

fn xor(a: &[u8], b: &[u8]) -> Vec<u8> {
    a.iter().zip(b).map(|(a, b)| a ^ b).collect()
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_any_length() {
        assert_eq!(base64("aGVsbG8=").as_deref(), Some(&b"hello"[..]));
        assert_eq!(base64("aGVs\nbG8h").as_deref(), Some(&b"hello!"[..]));
        assert_eq!(base64("a*"), None);
    }

    #[test]
    fn an_empty_password_is_answered_with_nothing() {
        assert_eq!(answer(b"caching_sha2_password", b"", &[1; 20]), Some(Vec::new()));
    }
}

//! RSA for full authentication without TLS, with the proxy's own key towards clients.
//!
//! MySQL uses OAEP with SHA-1 (MySQL Source Code Documentation, "Caching_sha2_password information").

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};
use rolecall_protocol::auth::RsaDecrypt;
use rolecall_protocol::handshake::RsaEncrypt;
use zeroize::Zeroizing;

/// The proxy's own RSA key: made at start, never leaves the process.
#[derive(Debug)]
pub struct OwnKey {
    key: OaepPrivateDecryptingKey,
    public_pem: Vec<u8>,
}

impl OwnKey {
    /// Makes a fresh 2048-bit key; takes a fraction of a second.
    ///
    /// # Errors
    /// Where the cryptographic library has no randomness.
    pub fn generate() -> Result<Self, Unspecified> {
        use aws_lc_rs::encoding::AsDer;
        let private = PrivateDecryptingKey::generate(KeySize::Rsa2048)?;
        let der = AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(&private.public_key())?;
        let public_pem = pem::encode(&pem::Pem::new("PUBLIC KEY", der.as_ref())).into_bytes();
        Ok(Self { key: OaepPrivateDecryptingKey::new(private)?, public_pem })
    }

    /// The public half in PEM form, as clients ask for it.
    #[must_use]
    pub fn public_pem(&self) -> &[u8] {
        &self.public_pem
    }
}

impl RsaDecrypt for OwnKey {
    fn decrypt(&self, cipher: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut plain = Zeroizing::new(vec![0; self.key.min_output_size()]);
        let length = self.key.decrypt(&OAEP_SHA1_MGF1SHA1, cipher, &mut plain, None).ok()?.len();
        plain.truncate(length);
        Some(plain)
    }
}

/// Encrypts under keys that servers send or that the configuration pins.
#[derive(Debug, Clone, Copy)]
pub struct ServerKeys;

impl RsaEncrypt for ServerKeys {
    fn encrypt(&self, public_key_pem: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        let parsed = pem::parse(public_key_pem).ok()?;
        let key = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(parsed.contents()).ok()?).ok()?;
        let mut cipher = vec![0; key.ciphertext_size()];
        let length = key.encrypt(&OAEP_SHA1_MGF1SHA1, plain, &mut cipher, None).ok()?.len();
        cipher.truncate(length);
        Some(cipher)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a14_what_is_encrypted_under_the_own_public_key_is_decrypted() {
        let key = OwnKey::generate().expect("randomness");
        let cipher = ServerKeys.encrypt(key.public_pem(), b"secret\0").expect("own key");
        assert_eq!(key.decrypt(&cipher).expect("own cipher").as_slice(), b"secret\0");
        assert!(key.decrypt(&cipher[1..]).is_none());
    }
}

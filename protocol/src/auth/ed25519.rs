//! MariaDB's client_ed25519: an Ed25519 signature of the server's nonce, with the password as the secret.
//!
//! RFC 8032 expands a 32-byte seed by SHA-512; here the password, of any length, is what is expanded, which is why
//! no signing crate's seed type fits.
//!
//! Source: MariaDB documentation, "Authentication Plugin - ed25519"; RFC 8032, section 5.1.6.

use curve25519_dalek::EdwardsPoint;
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use sha2::{Digest, Sha512};
use zeroize::{Zeroize, Zeroizing};

/// Length of the server's nonce.
pub const NONCE_LENGTH: usize = 32;
/// Length of the answer.
pub const SIGNATURE_LENGTH: usize = 64;

/// The answer to `nonce`: the signature R, S.
#[must_use]
pub fn respond(password: &[u8], nonce: &[u8; NONCE_LENGTH]) -> [u8; SIGNATURE_LENGTH] {
    let expanded = Zeroizing::new(<[u8; 64]>::from(Sha512::digest(password)));
    let (mut secret, public_key) = key_pair(&expanded);
    let mut ephemeral = hash_to_scalar(&[&expanded[32..], nonce]);
    let commitment = EdwardsPoint::mul_base(&ephemeral).compress().to_bytes();
    let challenge = hash_to_scalar(&[&commitment, &public_key, nonce]);
    let proof = ephemeral + challenge * secret;
    ephemeral.zeroize();
    secret.zeroize();
    let mut signature = [0; SIGNATURE_LENGTH];
    signature[..32].copy_from_slice(&commitment);
    signature[32..].copy_from_slice(proof.as_bytes());
    signature
}

fn key_pair(expanded: &[u8; 64]) -> (Scalar, [u8; 32]) {
    let mut seed = Zeroizing::new([0; 32]);
    seed.copy_from_slice(&expanded[..32]);
    let secret = Scalar::from_bytes_mod_order(clamp_integer(*seed));
    (secret, EdwardsPoint::mul_base(&secret).compress().to_bytes())
}

fn hash_to_scalar(parts: &[&[u8]]) -> Scalar {
    let mut hasher = Sha512::new();
    for part in parts {
        hasher.update(part);
    }
    let digest = Zeroizing::new(<[u8; 64]>::from(hasher.finalize()));
    Scalar::from_bytes_mod_order_wide(&digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use curve25519_dalek::edwards::CompressedEdwardsY;

    fn public_key(password: &[u8]) -> [u8; 32] {
        key_pair(&Sha512::digest(password).into()).1
    }

    /// RFC 8032, section 5.1.7, without the cofactor.
    fn verifies(signature: &[u8; SIGNATURE_LENGTH], nonce: &[u8], public_key: &[u8; 32]) -> bool {
        let (commitment, proof) = signature.split_at(32);
        let challenge = hash_to_scalar(&[commitment, public_key, nonce]);
        let proof = Scalar::from_canonical_bytes(proof.try_into().expect("32 bytes")).expect("canonical");
        let key = CompressedEdwardsY(*public_key).decompress().expect("on the curve");
        let expected = EdwardsPoint::mul_base(&proof) - key * challenge;
        expected.compress().as_bytes() == commitment
    }

    #[test]
    fn a19_the_public_key_is_the_one_that_mariadb_stores() {
        // ed25519_password('secret') of MariaDB's manual: ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY in base64.
        let stored = [0x64, 0x88, 0x14, 0x44, 0x45, 0x20, 0xE4, 0xF5, 0x60, 0x43, 0xA2, 0xEC];
        assert_eq!(public_key(b"secret")[..12], stored);
    }

    #[test]
    fn a19_the_answer_is_a_signature_of_the_nonce_by_that_key() {
        let nonce = [0x5A; NONCE_LENGTH];
        let signature = respond(b"secret", &nonce);
        assert!(verifies(&signature, &nonce, &public_key(b"secret")));
        assert!(!verifies(&signature, &[0; NONCE_LENGTH], &public_key(b"secret")));
        assert!(!verifies(&signature, &nonce, &public_key(b"other")));
    }
}

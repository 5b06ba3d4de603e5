//! mysql_native_password: SHA1(password) XOR SHA1(scramble, SHA1(SHA1(password))).
//!
//! Source: MySQL Source Code Documentation, "Native Authentication".

use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Scramble;

/// Length of SHA-1 digests, and of an answer to the scramble.
pub const DIGEST_LENGTH: usize = 20;

type Hash = Zeroizing<[u8; DIGEST_LENGTH]>;

/// SHA1(password): what a [`super::Credential::NativeHash`] holds.
#[must_use]
pub fn hash(password: &[u8]) -> Hash {
    Zeroizing::new(Sha1::digest(password).into())
}

/// SHA1(SHA1(password)), as servers store it, from SHA1(password).
#[must_use]
pub fn stored_hash(hash: &[u8; DIGEST_LENGTH]) -> Hash {
    Zeroizing::new(Sha1::digest(hash).into())
}

/// The answer to `scramble` of someone who knows SHA1(password). (An empty password is answered with nothing.)
#[must_use]
pub fn respond(hash: &[u8; DIGEST_LENGTH], scramble: &Scramble) -> [u8; DIGEST_LENGTH] {
    xor(hash, &mask(&stored_hash(hash), scramble))
}

/// Checks an answer to `scramble` against the stored hash; gives SHA1(password), which the answer reveals to whoever
/// knows that hash.
#[must_use]
pub fn verify(response: &[u8], scramble: &Scramble, stored: &[u8; DIGEST_LENGTH]) -> Option<Hash> {
    let response: &[u8; DIGEST_LENGTH] = response.try_into().ok()?;
    let candidate = Zeroizing::new(xor(response, &mask(stored, scramble)));
    bool::from(stored_hash(&candidate).ct_eq(stored)).then_some(candidate)
}

fn mask(stored: &[u8; DIGEST_LENGTH], scramble: &Scramble) -> [u8; DIGEST_LENGTH] {
    Sha1::new().chain_update(scramble).chain_update(stored).finalize().into()
}

fn xor(a: &[u8; DIGEST_LENGTH], b: &[u8; DIGEST_LENGTH]) -> [u8; DIGEST_LENGTH] {
    std::array::from_fn(|at| a[at] ^ b[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRAMBLE: Scramble = *b"abcdefghijklmnopqrst";

    #[test]
    fn the_stored_hash_is_the_one_that_servers_store() {
        // PASSWORD('secret') of MySQL 5.7: *14E65567ABDB5135D0CFD9A70B3032C179A49EE7
        let stored = stored_hash(&hash(b"secret"));
        assert_eq!(stored[..5], [0x14, 0xE6, 0x55, 0x67, 0xAB]);
        assert_eq!(stored[18..], [0x9E, 0xE7]);
    }

    #[test]
    fn a_right_answer_reveals_the_hash_to_whoever_has_the_stored_one() {
        let hash = hash(b"secret");
        let stored = stored_hash(&hash);
        assert_eq!(verify(&respond(&hash, &SCRAMBLE), &SCRAMBLE, &stored), Some(hash.clone()));
        assert_eq!(verify(&respond(&hash, b"another-scramble-xyz"), &SCRAMBLE, &stored), None);
        assert_eq!(verify(b"", &SCRAMBLE, &stored), None);
        assert_eq!(verify(&[0; 21], &SCRAMBLE, &stored), None);
    }

    #[test]
    fn cve_2012_2122_no_wrong_answer_is_ever_accepted() {
        let stored = stored_hash(&hash(b"secret"));
        for attempt in 0..100_000_u32 {
            let wrong = respond(&hash(&attempt.to_le_bytes()), &SCRAMBLE);
            assert!(verify(&wrong, &SCRAMBLE, &stored).is_none(), "attempt {attempt}");
        }
    }
}

//! caching_sha2_password's fast path, and the cover under which it and sha256_password send a password through RSA.
//!
//! Source: MySQL Source Code Documentation, "Caching_sha2_password information".

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Scramble;

/// Length of an answer to the scramble.
pub const DIGEST_LENGTH: usize = 32;

/// AuthMoreData's content: asks the server for its public key.
pub const REQUEST_PUBLIC_KEY: u8 = 0x02;
/// AuthMoreData's content: the answer was right; OK follows.
pub const FAST_AUTH_SUCCESS: u8 = 0x03;
/// AuthMoreData's content: the password itself is wanted.
pub const PERFORM_FULL_AUTHENTICATION: u8 = 0x04;

/// The answer to `scramble`: SHA256(password) XOR SHA256(SHA256(SHA256(password)), scramble). (An empty password is
/// answered with nothing.)
#[must_use]
pub fn respond(password: &[u8], scramble: &Scramble) -> [u8; DIGEST_LENGTH] {
    let once = Zeroizing::new(<[u8; DIGEST_LENGTH]>::from(Sha256::digest(password)));
    let twice = Zeroizing::new(<[u8; DIGEST_LENGTH]>::from(Sha256::digest(*once)));
    let mask: [u8; DIGEST_LENGTH] = Sha256::new().chain_update(*twice).chain_update(scramble).finalize().into();
    std::array::from_fn(|at| once[at] ^ mask[at])
}

/// Checks an answer to `scramble` against the password, in constant time.
#[must_use]
pub fn verify(response: &[u8], scramble: &Scramble, password: &[u8]) -> bool {
    respond(password, scramble).as_slice().ct_eq(response).into()
}

/// What goes into (and comes out of) RSA: the password and its NUL, XOR the scramble, over and over. The same twice
/// is the password again.
#[must_use]
pub fn cover(bytes: &[u8], scramble: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(bytes.iter().zip(scramble.iter().cycle()).map(|(byte, cover)| byte ^ cover).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRAMBLE: Scramble = *b"abcdefghijklmnopqrst";

    #[test]
    fn a_right_answer_is_accepted_and_others_are_not() {
        let right = respond(b"secret", &SCRAMBLE);
        assert!(verify(&right, &SCRAMBLE, b"secret"));
        assert!(!verify(&right, &SCRAMBLE, b"Secret"));
        assert!(!verify(&right, b"another-scramble-xyz", b"secret"));
        assert!(!verify(&right[..31], &SCRAMBLE, b"secret"));
        assert!(!verify(b"", &SCRAMBLE, b""));
    }

    #[test]
    fn each_bit_of_the_answer_counts() {
        let right = respond(b"secret", &SCRAMBLE);
        for bit in 0..DIGEST_LENGTH * 8 {
            let mut wrong = right;
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert!(!verify(&wrong, &SCRAMBLE, b"secret"), "bit {bit}");
        }
    }

    #[test]
    fn a_long_password_is_covered_to_its_end_and_uncovered_again() {
        let password = b"a password that is longer than one scramble\0";
        let covered = cover(password, &SCRAMBLE);
        assert!(covered.iter().zip(password).all(|(covered, plain)| covered != plain));
        assert_eq!(cover(&covered, &SCRAMBLE).as_slice(), password);
    }
}

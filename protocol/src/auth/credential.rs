//! What the proxy knows of an account's password.

use zeroize::Zeroizing;

/// A password in memory that is zeroed on drop and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<Vec<u8>>);

impl Password {
    /// Takes the password's bytes, without a terminating NUL.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The password's bytes; only for proving it to a server.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(..)")
    }
}

/// What the proxy knows of an account's password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// The password itself: good for every plugin.
    Password(Password),
    /// SHA1(password), recovered from a mysql_native_password login against a known stored hash; good for
    /// native accounts only.
    NativeHash(Zeroizing<[u8; 20]>),
}

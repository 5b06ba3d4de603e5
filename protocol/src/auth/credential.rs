//! What the proxy knows of an account's password.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A password in memory that is zeroed on drop and never printed.
#[derive(Clone)]
pub struct Password(Zeroizing<Vec<u8>>);

/// What to log in with at a server.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// The password itself: good for every plugin.
    Password(Password),
    /// SHA1(password), recovered from a mysql_native_password login against a known stored hash; good for
    /// native accounts only.
    NativeHash(Zeroizing<[u8; 20]>),
}

/// What a client's proof can be checked against, before any server is asked.
#[derive(Clone, Default)]
pub enum Known {
    /// Nothing: no such user, or one that never logged in here.
    #[default]
    Nothing,
    /// A credential that was proven before.
    Credential(Credential),
    /// SHA1(SHA1(password)), as servers store it for mysql_native_password accounts. It checks a proof but cannot
    /// make one: a native login that matches it reveals [`Credential::NativeHash`].
    ///
    /// Whoever passes stored hashes for real accounts should pass a made-up one for names that are no account:
    /// without it the answer to a native login tells which names exist.
    NativeStored(Zeroizing<[u8; 20]>),
}

// === impl Password ===

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

/// In constant time for passwords of one length.
impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for Password {}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(..)")
    }
}

// === impl Credential ===

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Password(_) => "Credential::Password(..)",
            Self::NativeHash(_) => "Credential::NativeHash(..)",
        })
    }
}

// === impl Known ===

impl From<Option<Credential>> for Known {
    fn from(credential: Option<Credential>) -> Self {
        credential.map_or(Self::Nothing, Self::Credential)
    }
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Known::Nothing",
            Self::Credential(_) => "Known::Credential(..)",
            Self::NativeStored(_) => "Known::NativeStored(..)",
        })
    }
}

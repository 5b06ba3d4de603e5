//! A certificate with its key, as rustls wants it.

use std::sync::Arc;

use rustls::sign::CertifiedKey;

use super::types::Identity;

impl Identity {
    /// The chain and its key for a TLS configuration.
    ///
    /// # Errors
    /// If the key is of a kind that is not supported, or is not the certificate's; never for an identity out of a
    /// validated configuration.
    pub fn certified(&self) -> Result<CertifiedKey, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        CertifiedKey::from_der(self.chain.clone(), self.key.clone_key(), &provider)
    }
}

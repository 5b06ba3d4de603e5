//! TLS on both legs: what is offered to clients, and how servers are verified.

mod verifier;

use std::sync::Arc;

use anyhow::Context as _;
use rolecall_protocol::handshake::TlsWish;
use rolecall_router::topology::Address;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ServerConfig};

use crate::config::{BackendTls, Identity, ServerTlsMode};

use verifier::ServerVerifier;

/// TLS towards servers.
#[derive(Debug, Clone)]
pub struct ServerTls {
    mode: ServerTlsMode,
    config: Option<Arc<ClientConfig>>,
}

impl ServerTls {
    /// From the configuration.
    ///
    /// # Errors
    /// An authority or certificate that cannot be used.
    pub fn new(tls: &BackendTls) -> anyhow::Result<Self> {
        let mode = tls.mode;
        if mode == ServerTlsMode::Off {
            return Ok(Self { mode, config: None });
        }
        let provider = provider();
        let verifier = match mode {
            ServerTlsMode::Off | ServerTlsMode::Preferred | ServerTlsMode::Required => {
                ServerVerifier::any_certificate(Arc::clone(&provider))
            }
            ServerTlsMode::VerifyCa => ServerVerifier::authority(Arc::clone(&provider), &tls.ca)?,
            ServerTlsMode::VerifyIdentity => ServerVerifier::identity(Arc::clone(&provider), &tls.ca)?,
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("TLS protocol versions")?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let config = match &tls.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder
                .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
                .context("backend.tls: the client certificate cannot be used")?,
        };
        Ok(Self { mode, config: Some(Arc::new(config)) })
    }

    /// What the login machine is told.
    #[must_use]
    pub const fn wish(&self) -> TlsWish {
        match self.mode {
            ServerTlsMode::Off => TlsWish::Off,
            ServerTlsMode::Preferred => TlsWish::Preferred,
            ServerTlsMode::Required | ServerTlsMode::VerifyCa | ServerTlsMode::VerifyIdentity => TlsWish::Required,
        }
    }

    /// Whether a TLS connection made with this has proven whom it leads to.
    #[must_use]
    pub const fn verifies(&self) -> bool {
        matches!(self.mode, ServerTlsMode::VerifyCa | ServerTlsMode::VerifyIdentity)
    }

    /// A fresh TLS machine for a connection to `address`.
    ///
    /// # Errors
    /// A host name that cannot stand in a certificate.
    pub fn connection(&self, address: &Address) -> anyhow::Result<rustls::Connection> {
        let config = self.config.clone().context("TLS is off")?;
        let name = match address {
            Address::Tcp(host, _) => {
                ServerName::try_from(host.clone()).with_context(|| format!("server name {host}"))?
            }
            Address::Unix(_) => ServerName::try_from("localhost").context("server name localhost")?,
        };
        Ok(rustls::Connection::Client(rustls::ClientConnection::new(config, name)?))
    }
}

/// TLS towards clients: with the configured certificate, or with one generated for this process.
///
/// # Errors
/// A certificate that cannot be used.
pub fn client_tls(identity: Option<&Identity>) -> anyhow::Result<Arc<ServerConfig>> {
    let (chain, key) = match identity {
        Some(identity) => (identity.chain.clone(), identity.key.clone_key()),
        None => generated()?,
    };
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .context("TLS protocol versions")?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("listeners.tls: the certificate cannot be used")?;
    Ok(Arc::new(config))
}

fn generated() -> anyhow::Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let made = rcgen::generate_simple_self_signed(vec!["rolecall".to_owned(), "localhost".to_owned()])
        .context("generating a certificate for clients")?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
    Ok((vec![made.cert.der().clone()], key))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

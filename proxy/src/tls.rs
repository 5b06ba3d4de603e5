//! TLS on both legs: what is offered to clients, and how servers are verified.

use std::sync::Arc;

use anyhow::Context as _;
use rolecall_protocol::handshake::TlsWish;
use rolecall_router::topology::Address;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};

use crate::config::{BackendTls, Identity, ServerTlsMode};

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
        let verifier: Arc<dyn ServerCertVerifier> = match mode {
            ServerTlsMode::Off | ServerTlsMode::Preferred | ServerTlsMode::Required => {
                Arc::new(Unverified(provider.clone()))
            }
            ServerTlsMode::VerifyCa => Arc::new(AuthorityOnly(authority(&tls.ca, &provider)?)),
            ServerTlsMode::VerifyIdentity => authority(&tls.ca, &provider)?,
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("TLS protocol versions")?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
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

fn authority(
    ca: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> anyhow::Result<Arc<WebPkiServerVerifier>> {
    let mut roots = RootCertStore::empty();
    for certificate in ca {
        roots.add(certificate.clone()).context("backend.tls.ca")?;
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().context("backend.tls.ca")
}

/// Accepts every certificate; signatures are still checked, so the channel is private against listeners.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Checks the chain to the authority, but not the name (`--ssl-mode=VERIFY_CA`).
#[derive(Debug)]
struct AuthorityOnly(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AuthorityOnly {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.0.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

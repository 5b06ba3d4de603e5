//! How a server's certificate is checked.

use std::sync::Arc;

use anyhow::Context as _;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// Checks a server's certificate as far as the mode demands. The handshake's signatures are checked in every mode, so
/// that the channel is private against those who only listen.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    provider: Arc<CryptoProvider>,
    check: Check,
}

#[derive(Debug)]
enum Check {
    /// `preferred`, `required`: any certificate will do.
    Nothing,
    /// `verify-ca`: the chain to the authority, but not the name.
    Authority(Arc<WebPkiServerVerifier>),
    /// `verify-identity`: the name too.
    Identity(Arc<WebPkiServerVerifier>),
}

impl ServerVerifier {
    pub(super) const fn any_certificate(provider: Arc<CryptoProvider>) -> Self {
        Self { provider, check: Check::Nothing }
    }

    pub(super) fn authority(provider: Arc<CryptoProvider>, ca: &[CertificateDer<'static>]) -> anyhow::Result<Self> {
        let check = Check::Authority(chain_verifier(&provider, ca)?);
        Ok(Self { provider, check })
    }

    pub(super) fn identity(provider: Arc<CryptoProvider>, ca: &[CertificateDer<'static>]) -> anyhow::Result<Self> {
        let check = Check::Identity(chain_verifier(&provider, ca)?);
        Ok(Self { provider, check })
    }
}

fn chain_verifier(
    provider: &Arc<CryptoProvider>,
    ca: &[CertificateDer<'static>],
) -> anyhow::Result<Arc<WebPkiServerVerifier>> {
    let mut roots = RootCertStore::empty();
    for certificate in ca {
        roots.add(certificate.clone()).context("backend.tls.ca")?;
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build().context("backend.tls.ca")
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verify =
            |chain: &WebPkiServerVerifier| chain.verify_server_cert(end_entity, intermediates, name, ocsp, now);
        match &self.check {
            Check::Nothing => Ok(ServerCertVerified::assertion()),
            Check::Identity(chain) => verify(chain),
            // The name is looked at last, when all else was found good.
            Check::Authority(chain) => match verify(chain) {
                Err(rustls::Error::InvalidCertificate(
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                )) => Ok(ServerCertVerified::assertion()),
                other => other,
            },
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

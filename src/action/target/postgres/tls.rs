//! What TLS has to prove, by libpq's `sslmode`.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::settings::{Mode, Settings, SettingsError};

/// Makes the TLS side of a connection.
///
/// # Errors
///
/// Where a certificate file cannot be used.
pub fn connector(settings: &Settings) -> Result<MakeRustlsConnect, SettingsError> {
    let provider = Arc::new(ring::default_provider());
    let authority = match settings.mode {
        Mode::Disable | Mode::Prefer | Mode::Require => None,
        Mode::VerifyCa | Mode::VerifyFull => Some(authority(settings, &provider)?),
    };
    let verifier = Verifier { authority, names_host: settings.mode == Mode::VerifyFull, provider: provider.clone() };
    let unusable = |error: Error| certificate(&"TLS", error);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let config = match &settings.client_certificate {
        None => builder.with_no_client_auth(),
        Some((own, key)) => {
            let chain = certificates(&own.display().to_string())?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| certificate(&key.display(), error))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| certificate(&own.display(), error))?
        }
    };
    Ok(MakeRustlsConnect::new(config))
}

fn authority(settings: &Settings, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, SettingsError> {
    let (name, trusted) = match &settings.root_certificates {
        Some(file) => (file.display().to_string(), certificates(&file.display().to_string())?),
        None => ("the system's certificates".to_owned(), rustls_native_certs::load_native_certs().certs),
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted);
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| certificate(&name, error))
}

fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let read = CertificateDer::pem_file_iter(file).map_err(|error| certificate(&file, error))?;
    read.collect::<Result<_, _>>().map_err(|error| certificate(&file, error))
}

fn certificate(file: &dyn std::fmt::Display, error: impl std::fmt::Display) -> SettingsError {
    SettingsError::Certificate { file: file.to_string(), reason: error.to_string() }
}

/// Believes every certificate without an authority, any host's with one, and the host's own with `names_host`. The
/// server has to prove in each case that it holds the certificate's key.
#[derive(Debug)]
struct Verifier {
    authority: Option<Arc<WebPkiServerVerifier>>,
    names_host: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(authority) = &self.authority else { return Ok(ServerCertVerified::assertion()) };
        // The chain is verified before the name is: an error about the name means that the chain is good.
        match authority.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.names_host => Ok(ServerCertVerified::assertion()),
            answer => answer,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

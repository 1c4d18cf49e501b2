//! From TLS settings to a connector.

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::DigitallySignedStruct;
use rustls::RootCertStore;
use rustls::SignatureScheme;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::danger::ServerCertVerified;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::ServerName;
use rustls_pki_types::UnixTime;
use rustls_pki_types::pem::PemObject;
use tokio_rustls::TlsConnector;

use crate::client::secret::Secret;
use crate::client::security::CertificateCheck;
use crate::client::security::HostCheck;
use crate::client::security::Pem;
use crate::client::security::SecurityError;
use crate::client::security::Tls;

/// Reads the files that the settings name and makes a connector of them.
///
/// # Errors
///
/// [`SecurityError`] says which file cannot be used, and how to convert it.
pub(super) fn connector(tls: &Tls) -> Result<TlsConnector, SecurityError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = verifier(tls, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let config = match identity(tls)? {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key)?,
        None => builder.with_no_client_auth(),
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(tls: &Tls) -> Result<Option<Identity>, SecurityError> {
    let (certificate, key) = match (&tls.certificate, &tls.key) {
        (None, None) => return Ok(None),
        (Some(_), None) => return Err(SecurityError::HalfIdentity("ssl.key.location")),
        (None, Some(_)) => return Err(SecurityError::HalfIdentity("ssl.certificate.location")),
        (Some(certificate), Some(key)) => (certificate, key),
    };
    let key = read(key, "private key", key_command)?;
    if key.expose().contains("ENCRYPTED") {
        return Err(SecurityError::EncryptedKey);
    }
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes())
        .map_err(|_| empty("ssl.key", "private key"))?;
    let chain = read(certificate, "certificate chain", key_command)?;
    Ok(Some((certificates(&chain, "ssl.certificate")?, key)))
}

fn verifier(
    tls: &Tls,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, SecurityError> {
    if tls.certificate_check == CertificateCheck::Off {
        return Ok(Arc::new(AnyCertificate(Arc::clone(provider))));
    }
    let roots = Arc::new(roots(tls.ca.as_ref())?);
    let strict =
        WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build()?;
    Ok(match tls.host_check {
        HostCheck::Https => strict,
        HostCheck::Off => Arc::new(AnyHost(strict)),
    })
}

/// The authorities given, else the system's, else those bundled.
fn roots(ca: Option<&Pem>) -> Result<RootCertStore, SecurityError> {
    let mut store = RootCertStore::empty();
    if let Some(ca) = ca {
        let text = read(ca, "trusted authorities", trust_command)?;
        for certificate in certificates(&text, "ssl.truststore")? {
            store.add(certificate)?;
        }
        return Ok(store);
    }
    let native = rustls_native_certs::load_native_certs();
    let (added, _) = store.add_parsable_certificates(native.certs);
    if added == 0 {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    Ok(store)
}

fn certificates(
    text: &Secret,
    what: &'static str,
) -> Result<Vec<CertificateDer<'static>>, SecurityError> {
    let read: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(text.expose().as_bytes()).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(empty(what, "certificate")),
    }
}

fn empty(what: &'static str, needs: &'static str) -> SecurityError {
    SecurityError::EmptyPem { what, needs }
}

fn read(
    pem: &Pem,
    what: &'static str,
    command: fn(&Path) -> String,
) -> Result<Secret, SecurityError> {
    let path = match pem {
        Pem::Inline(text) => return Ok(text.clone()),
        Pem::File(path) => path,
    };
    let bytes = std::fs::read(path).map_err(|source| SecurityError::Read {
        what,
        path: path.clone(),
        source,
    })?;
    match String::from_utf8(bytes) {
        Ok(text) if text.contains("-----BEGIN ") => Ok(Secret::new(text)),
        _ => Err(SecurityError::NotPem {
            path: path.clone(),
            command: command(path),
        }),
    }
}

fn is_jks(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("jks"))
}

fn trust_command(path: &Path) -> String {
    if is_jks(path) {
        let extract = "sed -n '/BEGIN/,/END/p' > ca.pem";
        format!(
            "keytool -list -rfc -keystore {} | {extract}",
            path.display()
        )
    } else {
        format!("openssl pkcs12 -in {} -nokeys -out ca.pem", path.display())
    }
}

fn key_command(path: &Path) -> String {
    let to_p12 =
        "keytool -importkeystore -deststoretype PKCS12 -destkeystore client.p12 -srckeystore";
    if is_jks(path) {
        format!(
            "{to_p12} {} && openssl pkcs12 -in client.p12 -nodes -out client.pem",
            path.display()
        )
    } else {
        format!(
            "openssl pkcs12 -in {} -nodes -out client.pem",
            path.display()
        )
    }
}

/// Checks all but the host name.
#[derive(Debug)]
struct AnyHost(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use rustls::CertificateError::NotValidForName;
        use rustls::CertificateError::NotValidForNameContext;
        match self
            .0
            .verify_server_cert(end_entity, intermediates, name, ocsp, now)
        {
            Err(rustls::Error::InvalidCertificate(
                NotValidForName | NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Checks nothing but that the peer holds the key of the certificate that it shows.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
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
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn tls_with_ca(file: &Path) -> Tls {
        Tls {
            ca: Some(Pem::File(file.to_owned())),
            ..Tls::default()
        }
    }

    fn error(tls: &Tls) -> String {
        connector(tls)
            .map(|_| ())
            .expect_err("unusable")
            .to_string()
    }

    #[test]
    fn a_java_store_is_refused_with_the_command_that_converts_it() {
        let directory = tempfile::tempdir().expect("temporary directory");
        for (name, command) in [
            ("trust.jks", "keytool -list -rfc"),
            ("trust.p12", "openssl pkcs12"),
        ] {
            let file = directory.path().join(name);
            std::fs::write(&file, b"\xfe\xed\xfe\xed\x00\x02").expect("written");
            let message = error(&tls_with_ca(&file));
            assert!(
                message.contains(command) && message.contains(name),
                "{message}"
            );
        }
    }

    #[test]
    fn a_missing_file_and_an_empty_pem_are_named() {
        assert_eq!(
            error(&tls_with_ca(Path::new("/nowhere/ca.pem"))),
            "read trusted authorities /nowhere/ca.pem"
        );
        let tls = Tls {
            ca: Some(Pem::Inline(Secret::new("nothing"))),
            ..Tls::default()
        };
        assert_eq!(error(&tls), "ssl.truststore holds no usable certificate");
    }

    #[test]
    fn a_certificate_needs_its_key_and_the_key_must_be_plain() {
        let mut tls = Tls {
            certificate: Some(Pem::File(PathBuf::from("client.pem"))),
            ..Tls::default()
        };
        assert!(error(&tls).ends_with("give ssl.key.location"));
        tls.key = Some(Pem::Inline(Secret::new(
            "-----BEGIN ENCRYPTED PRIVATE KEY-----",
        )));
        assert!(error(&tls).contains("openssl pkey"));
    }

    #[test]
    fn a_generated_identity_and_authority_make_a_connector() {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("generated");
        let certificate = Pem::Inline(Secret::new(own.cert.pem()));
        let tls = Tls {
            ca: Some(certificate.clone()),
            certificate: Some(certificate),
            key: Some(Pem::Inline(Secret::new(own.signing_key.serialize_pem()))),
            ..Tls::default()
        };
        assert!(connector(&tls).is_ok());
    }
}

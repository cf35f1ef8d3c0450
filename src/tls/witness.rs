//! TLS as a client that looks, with a witness of what was negotiated and of what is wrong with the certificate.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::system_authorities;
use crate::check::observed::CertificateProblem;

/// The authorities that certificates are held against.
#[derive(Debug, Clone)]
pub struct Authorities {
    provider: Arc<CryptoProvider>,
    /// `None` where there are no authorities at all.
    verifier: Option<Arc<WebPkiServerVerifier>>,
}

/// What was seen of one handshake.
#[derive(Debug, Clone, Default)]
pub struct HandshakeSeen {
    /// `TLS 1.2` or `TLS 1.3`.
    pub version: Option<&'static str>,
    /// What is wrong with the certificate; `None` before one was presented.
    pub certificate: Option<Result<(), CertificateFault>>,
    /// As presented, that of the host first.
    pub chain: Vec<CertificateDer<'static>>,
}

/// Why a certificate does not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFault {
    pub problem: CertificateProblem,
    /// For somebody who has to mend it, to be said after "the certificate is not valid:".
    pub words: String,
}

impl CertificateFault {
    fn of(error: &Error) -> CertificateFault {
        use CertificateProblem::*;
        let problem = match error {
            Error::InvalidCertificate(error) => match error {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => Expired,
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => NotYetValid,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Name,
                CertificateError::UnknownIssuer | CertificateError::BadSignature => Chain,
                CertificateError::UnsupportedSignatureAlgorithmContext { .. } => CannotTell,
                _ => Other,
            },
            Error::General(_) => CannotTell,
            _ => Other,
        };
        CertificateFault { problem, words: words(error) }
    }
}

/// A verifier that remembers.
#[derive(Debug)]
pub struct Witness {
    authorities: Authorities,
    /// Go on whatever the certificate (RFC 8460 §3: senders need not validate it).
    insecure: bool,
    seen: Mutex<HandshakeSeen>,
}

impl Authorities {
    /// Those of the system.
    pub fn of_system() -> Authorities {
        Authorities::new(system_authorities())
    }

    pub fn new(roots: RootCertStore) -> Authorities {
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().ok();
        Authorities { provider, verifier }
    }

    /// Judges a chain as presented: the words for what is wrong.
    pub fn judge(&self, chain: &[CertificateDer<'_>], host: &str, now: UnixTime) -> Result<(), String> {
        let Some((end_entity, intermediates)) = chain.split_first() else {
            return Err("none was presented".to_owned());
        };
        let Ok(name) = ServerName::try_from(host) else {
            return Err(format!("{host} is no name that a certificate could carry"));
        };
        self.verify(end_entity, intermediates, &name, now).map_err(|error| words(&error))
    }

    /// For how many hours a chain that passes now still does, and since when: at most `most` each way.
    pub fn validity_h(&self, chain: &[CertificateDer<'_>], host: &str, now: UnixTime, most: u64) -> Option<(u64, u64)> {
        let (end_entity, intermediates) = chain.split_first()?;
        let name = ServerName::try_from(host).ok()?;
        let at = |seconds: u64| {
            self.verify(end_entity, intermediates, &name, UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
                .is_ok()
        };
        let now = now.as_secs();
        at(now).then_some(())?;
        let last_good = |good_at: &dyn Fn(u64) -> bool| {
            let (mut good, mut bad) = (0, most + 1);
            while bad - good > 1 {
                let middle = good + (bad - good) / 2;
                if good_at(middle) { good = middle } else { bad = middle }
            }
            good
        };
        Some((
            last_good(&|hours| at(now.saturating_add(hours * 3_600))),
            last_good(&|hours| at(now.saturating_sub(hours * 3_600))),
        ))
    }

    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let Some(verifier) = &self.verifier else {
            return Err(Error::General("this machine has no certificate authorities to hold it against".to_owned()));
        };
        verifier.verify_server_cert(end_entity, intermediates, name, &[], now).map(drop)
    }
}

impl Witness {
    pub fn new(authorities: &Authorities, insecure: bool) -> Arc<Witness> {
        Arc::new(Witness { authorities: authorities.clone(), insecure, seen: Mutex::default() })
    }

    /// A client that this witness looks on.
    pub fn client_config(self: &Arc<Witness>) -> Result<ClientConfig, Error> {
        let verifier: Arc<dyn ServerCertVerifier> = Arc::<Witness>::clone(self);
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.authorities.provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        // Everything is said about one connection, so nothing may be left over from another.
        config.resumption = rustls::client::Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    pub fn seen(&self) -> HandshakeSeen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, note: impl FnOnce(&mut HandshakeSeen)) {
        note(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.authorities.verify(end_entity, intermediates, server_name, now);
        self.note(|seen| {
            seen.certificate = Some(verdict.clone().map_err(|error| CertificateFault::of(&error)));
            seen.chain = std::iter::once(end_entity)
                .chain(intermediates)
                .map(|certificate| certificate.clone().into_owned())
                .collect();
        });
        match verdict {
            Err(error) if !self.insecure => Err(error),
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.note(|seen| seen.version = Some("TLS 1.2"));
        verify_tls12_signature(message, cert, dss, &self.authorities.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.note(|seen| seen.version = Some("TLS 1.3"));
        verify_tls13_signature(message, cert, dss, &self.authorities.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What is wrong with a certificate, for somebody who has to mend it.
fn words(error: &Error) -> String {
    let Error::InvalidCertificate(error) = error else { return error.to_string() };
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        CertificateError::NotValidForName => "it is for another name".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let presented = presented.iter().take(10).map(|name| bare(name)).collect::<Vec<_>>().join(", ");
            format!("it is for another name: not for {} but for {presented}", expected.to_str())
        }
        CertificateError::UnknownIssuer => {
            "its issuer is not known here: self-signed, of a private authority, or without its intermediate certificate"
                .to_owned()
        }
        CertificateError::BadSignature => "it is not signed by the authority it names".to_owned(),
        other => other.to_string(),
    }
}

/// `DnsName("mail.example")` as rustls writes it, without its type.
fn bare(name: &str) -> &str {
    name.split('"').nth(1).unwrap_or(name)
}

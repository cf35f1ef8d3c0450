//! A TLS certificate and its key from two PEM files that may be renewed while the server runs. Every listener that speaks
//! TLS shares one: a new handshake gets the new pair, connections that are open stay as they are.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject};

/// The pair in use, and the files it comes from.
pub struct Certificate {
    files: Files,
    provider: Arc<CryptoProvider>,
    current: ArcSwap<CertifiedKey>,
    /// What the files looked like when they were last read, whether that succeeded or not: a broken pair is complained
    /// about once.
    seen: Mutex<Option<Stamp>>,
}

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// Size and time of change of both files.
type Stamp = [(u64, SystemTime); 2];

/// Why a pair cannot be used. Says which file, never what is in it.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("cannot read the certificate file {}: {}", .0.display(), because(.1))]
    Certificate(PathBuf, pem::Error),
    #[error("cannot read the key file {}: {}", .0.display(), because(.1))]
    Key(PathBuf, pem::Error),
    #[error("the certificate {} and the key {} cannot be used together: {reason}", .certificate.display(), .key.display())]
    Pair { certificate: PathBuf, key: PathBuf, reason: rustls::Error },
    #[error("TLS cannot be set up: {0}")]
    Tls(rustls::Error),
}

/// What became of a look at the files.
#[derive(Debug)]
pub enum Reload {
    Unchanged,
    Replaced,
    /// The old pair stays in use.
    Failed(CertificateError),
}

impl Certificate {
    /// Reads the pair for the first time.
    pub fn load(certificate: &Path, key: &Path) -> Result<Arc<Certificate>, CertificateError> {
        let files = Files { certificate: certificate.to_path_buf(), key: key.to_path_buf() };
        let provider = Arc::new(ring::default_provider());
        let seen = files.stamp().ok();
        let current = ArcSwap::from_pointee(files.read(&provider)?);
        Ok(Arc::new(Certificate { files, provider, current, seen: Mutex::new(seen) }))
    }

    /// TLS 1.2 and 1.3 with this certificate for a listener that speaks these protocols (RFC 7301).
    pub fn server_config(self: &Arc<Self>, protocols: &[&[u8]]) -> Result<Arc<ServerConfig>, CertificateError> {
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(CertificateError::Tls)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Arc::new(config))
    }

    /// Reads the files again when they look different from last time; to be called now and then.
    pub fn refresh(&self) -> Reload {
        // The stamp is taken before the files are read, so that a change in between is noticed the next time.
        let stamp = self.files.stamp().ok();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == stamp {
            return Reload::Unchanged;
        }
        *seen = stamp;
        drop(seen);
        self.reload()
    }

    /// Reads the files again whatever they look like, for an operator's explicit wish (SIGHUP).
    pub fn reload(&self) -> Reload {
        match self.files.read(&self.provider) {
            Ok(pair) => {
                self.current.store(Arc::new(pair));
                tracing::info!(certificate = %self.files.certificate.display(), "the TLS certificate was read again");
                Reload::Replaced
            }
            Err(error) => {
                tracing::warn!(%error, "the TLS certificate was not replaced, the old one stays in use");
                Reload::Failed(error)
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Files {
    fn stamp(&self) -> io::Result<Stamp> {
        let look = |path: &Path| path.metadata().and_then(|metadata| Ok((metadata.len(), metadata.modified()?)));
        Ok([look(&self.certificate)?, look(&self.key)?])
    }

    fn read(&self, provider: &CryptoProvider) -> Result<CertifiedKey, CertificateError> {
        let unreadable = |error| CertificateError::Certificate(self.certificate.clone(), error);
        let chain: Vec<_> = CertificateDer::pem_file_iter(&self.certificate)
            .map_err(unreadable)?
            .collect::<Result<_, _>>()
            .map_err(unreadable)?;
        if chain.is_empty() {
            return Err(unreadable(pem::Error::NoItemsFound));
        }
        let key =
            PrivateKeyDer::from_pem_file(&self.key).map_err(|error| CertificateError::Key(self.key.clone(), error))?;
        CertifiedKey::from_der(chain, key, provider).map_err(|reason| CertificateError::Pair {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            reason,
        })
    }
}

fn because(error: &pem::Error) -> String {
    match error {
        pem::Error::NoItemsFound => "it holds nothing of the kind in PEM form".to_owned(),
        pem::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write_pair(directory: &Path, name: &str) {
        let pair = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        fs::write(directory.join("cert.pem"), pair.cert.pem()).unwrap();
        fs::write(directory.join("key.pem"), pair.signing_key.serialize_pem()).unwrap();
    }

    fn load(directory: &Path) -> Result<Arc<Certificate>, CertificateError> {
        Certificate::load(&directory.join("cert.pem"), &directory.join("key.pem"))
    }

    fn in_use(certificate: &Certificate) -> Vec<u8> {
        certificate.current.load().cert[0].to_vec()
    }

    #[test]
    fn a_renewed_pair_is_taken_once_and_a_broken_one_never() {
        let directory = tempfile::tempdir().unwrap();
        write_pair(directory.path(), "old.example.com");
        let certificate = load(directory.path()).unwrap();
        let old = in_use(&certificate);
        assert!(matches!(certificate.refresh(), Reload::Unchanged));

        write_pair(directory.path(), "a.longer.name.example.com");
        assert!(matches!(certificate.refresh(), Reload::Replaced));
        assert!(matches!(certificate.refresh(), Reload::Unchanged));
        let new = in_use(&certificate);
        assert_ne!(new, old);

        // The key of another certificate: what a renewal looks like when only one of two files is written yet.
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem() + "\n";
        fs::write(directory.path().join("key.pem"), key).unwrap();
        assert!(matches!(certificate.refresh(), Reload::Failed(CertificateError::Pair { .. })));
        assert!(matches!(certificate.refresh(), Reload::Unchanged), "a broken pair is complained about once");
        assert_eq!(in_use(&certificate), new);

        fs::write(directory.path().join("cert.pem"), "nothing of use").unwrap();
        assert!(matches!(certificate.refresh(), Reload::Failed(CertificateError::Certificate(..))));
        fs::remove_file(directory.path().join("key.pem")).unwrap();
        assert!(matches!(certificate.refresh(), Reload::Failed(_)));
        assert_eq!(in_use(&certificate), new);

        write_pair(directory.path(), "third.example.com");
        assert!(matches!(certificate.refresh(), Reload::Replaced));
    }

    #[test]
    fn errors_name_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let missing = load(directory.path()).unwrap_err().to_string();
        assert!(missing.contains("cert.pem") && missing.contains("certificate file"), "{missing}");
        write_pair(directory.path(), "example.com");
        fs::write(directory.path().join("key.pem"), "").unwrap();
        let empty = load(directory.path()).unwrap_err().to_string();
        assert!(empty.contains("key.pem") && empty.contains("PEM"), "{empty}");
    }
}

//! TLS as a client: whom certificates are held against.

pub mod witness;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_pki_types::{
    CertificateDer,
    pem::{self, PemObject},
};

/// A file of certificate authorities that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the certificate authorities {}: {reason}", path.display())]
pub struct AuthoritiesError {
    pub path: PathBuf,
    pub reason: String,
}

/// Those that the system trusts; empty where it has none.
pub fn system_authorities() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // One unreadable file among many is no reason to do without the others.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// Reads a PEM file. It holds at least one certificate, and each can be an authority.
pub fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, AuthoritiesError> {
    let unusable = |reason| AuthoritiesError { path: path.to_owned(), reason };
    let found =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(|error| {
            match error {
                pem::Error::Io(error) => unusable(error.to_string()),
                error => unusable(error.to_string()),
            }
        })?;
    if found.is_empty() {
        return Err(unusable("there is no certificate in it".to_owned()));
    }
    let mut roots = RootCertStore::empty();
    for certificate in &found {
        roots.add(certificate.clone()).map_err(|error| unusable(error.to_string()))?;
    }
    Ok(found)
}

/// Those of the system and of a file.
pub fn authorities(ca: Option<&Path>) -> Result<RootCertStore, AuthoritiesError> {
    let mut roots = system_authorities();
    if let Some(path) = ca {
        roots.add_parsable_certificates(read_authorities(path)?);
    }
    Ok(roots)
}

/// A client of TLS 1.2 and 1.3 that wants a certificate of one of them.
pub fn client_config(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for both")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_file_of_authorities_is_said_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let reason = || read_authorities(&path).map(drop).unwrap_err().to_string();
        let name = path.display().to_string();
        assert!(reason().contains(&name), "{}", reason());
        std::fs::write(&path, "no certificate").unwrap();
        assert!(reason().ends_with("there is no certificate in it"), "{}", reason());
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(reason().contains(&name), "{}", reason());
        let made = rcgen::generate_simple_self_signed(["ca.example".to_owned()]).unwrap();
        std::fs::write(&path, made.cert.pem()).unwrap();
        assert_eq!(authorities(Some(&path)).unwrap().len(), system_authorities().len() + 1);
    }
}

//! The DKIM signature of the mail (RFC 6376, RFC 8460 §3), and whether its key is published.

use base64::{Engine, engine::general_purpose::STANDARD};
use mail_auth::{
    common::{
        crypto::{DkimKey, Ed25519Key, RsaKey, SigningKey},
        headers::HeaderWriter,
    },
    dkim::{DkimSigner, Done},
};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};

use crate::report;

/// The fields that are signed: all whose change would change what the mail says (RFC 8460 §5.3 asks for the two of TLS).
const SIGNED: [&str; 9] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "TLS-Report-Domain",
    "TLS-Report-Submitter",
    "Content-Type",
    "MIME-Version",
];

/// A key with the name it is published under.
pub struct Signer {
    signer: DkimSigner<DkimKey, Done>,
    public_key: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    #[error("the file holds no private key in PEM: {0}")]
    Pem(rustls_pki_types::pem::Error),
    #[error("the key is neither RSA of 2048 to 4096 bits nor Ed25519, in PKCS #1 or PKCS #8")]
    Key,
    #[error("{0:?} is no domain")]
    Domain(String),
    #[error("{0:?} is no selector")]
    Selector(String),
    #[error("cannot sign: {0}")]
    Sign(mail_auth::Error),
}

/// What the DNS says of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    Same,
    Other,
    Revoked,
}

impl Signer {
    /// `pem` is an RSA key (PKCS #1 or PKCS #8) or an Ed25519 key (PKCS #8).
    pub fn new(pem: &[u8], domain: &str, selector: &str) -> Result<Signer, SignerError> {
        let domain = report::domain(domain).ok_or_else(|| SignerError::Domain(domain.to_owned()))?;
        // A selector has the form of a domain (RFC 6376 §3.1).
        let selector = report::domain(selector).ok_or_else(|| SignerError::Selector(selector.to_owned()))?;
        let (key, public_key) = key(PrivateKeyDer::from_pem_slice(pem).map_err(SignerError::Pem)?)?;
        let signer = DkimSigner::from_key(key).domain(domain).selector(selector).headers(SIGNED);
        Ok(Signer { signer, public_key })
    }

    /// The mail with its signature before it.
    pub fn sign(&self, mail: &[u8]) -> Result<Vec<u8>, SignerError> {
        let signature = self.signer.sign(mail).map_err(SignerError::Sign)?;
        Ok([signature.to_header().as_bytes(), mail].concat())
    }

    pub fn domain(&self) -> &str {
        &self.signer.template.d
    }

    pub fn algorithm(&self) -> &'static str {
        self.signer.key.algorithm().name()
    }

    /// Where the public key is looked up.
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.signer.template.s, self.domain())
    }

    /// Whether receivers will see this domain as the author's: it is, or is above, that of the From address.
    pub fn is_aligned(&self, from_domain: &str) -> bool {
        let above = from_domain.strip_suffix(self.domain());
        above.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    /// Holds a published record against the key.
    pub fn compare(&self, record: &[u8]) -> Published {
        let text = String::from_utf8_lossy(record);
        let tag = text.split(';').find_map(|tag| tag.trim_start().strip_prefix('p')?.trim_start().strip_prefix('='));
        let base64: String = tag.unwrap_or_default().chars().filter(|char| !char.is_whitespace()).collect();
        if tag.is_some() && base64.is_empty() {
            return Published::Revoked;
        }
        // What is published of an RSA key wraps what we have, or is the same (RFC 6376 §3.6.1, erratum 3017).
        match STANDARD.decode(&base64) {
            Ok(published) if published.ends_with(&self.public_key) => Published::Same,
            _ => Published::Other,
        }
    }
}

fn key(der: PrivateKeyDer<'_>) -> Result<(DkimKey, Vec<u8>), SignerError> {
    if let PrivateKeyDer::Pkcs8(pkcs8) = &der
        && let Ok(key) = Ed25519Key::from_pkcs8_maybe_unchecked_der(pkcs8.secret_pkcs8_der())
    {
        let public_key = key.public_key();
        return Ok((key.into(), public_key));
    }
    let key = RsaKey::from_key_der(der).map_err(|_| SignerError::Key)?;
    let public_key = key.public_key();
    Ok((key.into(), public_key))
}

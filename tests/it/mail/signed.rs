//! Mails with reports as senders make them, signed with a key whose record is in a file.

use std::{fs, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use mail_auth::{
    common::{
        crypto::{RsaKey, Sha256},
        headers::HeaderWriter,
    },
    dkim::DkimSigner,
};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};

use super::RECIPIENT;
use crate::crash::report;

const DOMAIN: &str = "sender.example";
const SELECTOR: &str = "sel";
/// The same as KEY.
pub(crate) const KEY_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/dkim/rsa-2048.pem");
const KEY: &str = include_str!("../../../fixtures/dkim/rsa-2048.pem");
const RECORD: &str = include_str!("../../../fixtures/dkim/rsa-2048.txt");
/// RFC 8460 §5.3 asks for the two of TLS.
const FIELDS: [&str; 8] =
    ["From", "To", "Subject", "Date", "Message-ID", "Content-Type", "TLS-Report-Domain", "TLS-Report-Submitter"];

/// A mail with the report, signed.
pub(crate) fn signed(id: &str) -> Vec<u8> {
    sign(&unsigned(id))
}

/// The same without signature. It has a line that begins with a dot and one of a dot alone.
pub(crate) fn unsigned(id: &str) -> Vec<u8> {
    let base64 = STANDARD.encode(report(id));
    let lines: Vec<&str> = base64.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let text = format!(
        "From: TLS reports <tls@{DOMAIN}>
To: <{RECIPIENT}>
Subject: Report Domain: example.com Submitter: {DOMAIN}
 Report-ID: <{id}@{DOMAIN}>
Date: Tue, 03 Mar 2026 01:02:03 +0000
Message-ID: <{id}@{DOMAIN}>
MIME-Version: 1.0
TLS-Report-Domain: example.com
TLS-Report-Submitter: {DOMAIN}
Content-Type: multipart/report; report-type=\"tlsrpt\";
 boundary=\"part\"

--part
Content-Type: text/plain; charset=us-ascii

A report on connections to example.com.
.mil is not reported on.
.
--part
Content-Type: application/tlsrpt+gzip
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename=\"{DOMAIN}!example.com!1772409600!1772495999!{id}.json.gz\"

{}
--part--
",
        lines.join("\n")
    );
    text.replace('\n', "\r\n").into_bytes()
}

/// The mail with a signature on top. It must have CRLF.
pub(crate) fn sign(mail: &[u8]) -> Vec<u8> {
    let der = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let key = RsaKey::<Sha256>::from_key_der(der).unwrap();
    let signer = DkimSigner::from_key(key).domain(DOMAIN).selector(SELECTOR).headers(FIELDS);
    let signature = signer.sign(mail).unwrap();
    [signature.to_header().as_bytes(), mail].concat()
}

/// Mail that is no report.
pub(crate) fn spam(number: usize) -> Vec<u8> {
    let text = format!("From: Offers <offers@shop.example>\nTo: <{RECIPIENT}>\nSubject: Offer {number}\n\nBuy this.\n");
    text.replace('\n', "\r\n").into_bytes()
}

/// The file of records that the server asks.
pub(crate) struct Keys {
    path: PathBuf,
}

impl Keys {
    pub(crate) fn publish(path: PathBuf) -> Keys {
        let keys = Keys { path };
        keys.correct();
        keys
    }

    /// From now on the key can be looked up.
    pub(crate) fn correct(&self) {
        self.write(&format!("{SELECTOR}._domainkey.{DOMAIN} TXT \"{}\"\n", RECORD.trim_end()));
    }

    /// From now on the look-up fails, for a while.
    pub(crate) fn fail(&self) {
        self.write(&format!("{SELECTOR}._domainkey.{DOMAIN} SERVFAIL\n"));
    }

    pub(crate) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// The server may look at any time, and half a file is another file.
    fn write(&self, text: &str) {
        let new = self.path.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, &self.path).unwrap();
    }
}

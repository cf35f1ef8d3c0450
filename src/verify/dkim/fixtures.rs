//! Signed mail for tests, with the keys in `fixtures/dkim`.

use mail_auth::common::crypto::{Ed25519Key, RsaKey, Sha256, SigningKey};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use sha2::Digest;

use super::tags;
use crate::dns::Records;

pub const RSA_512: &str = include_str!("../../../fixtures/dkim/rsa-512.txt");
pub const RSA_1024: &str = include_str!("../../../fixtures/dkim/rsa-1024.txt");
pub const RSA_2048: &str = include_str!("../../../fixtures/dkim/rsa-2048.txt");
pub const RSA_8192: &str = include_str!("../../../fixtures/dkim/rsa-8192.txt");
pub const ED25519: &str = include_str!("../../../fixtures/dkim/ed25519.txt");
const RSA_2048_PEM: &str = include_str!("../../../fixtures/dkim/rsa-2048.pem");
const ED25519_PEM: &str = include_str!("../../../fixtures/dkim/ed25519.pem");

/// The mail with a signature of `domain` on top. It must have CRLF.
pub fn sign(message: &[u8], domain: &str, selector: &str) -> Vec<u8> {
    TestSigner { domain, selector, ..TestSigner::default() }.sign(message)
}

/// A line for each (domain, selector), as `dns::Records` reads it, for what `sign` signs.
pub fn records(keys: &[(&str, &str)]) -> String {
    keys.iter().map(|(domain, selector)| record(domain, selector, RSA_2048)).collect()
}

/// One such line for a key of your own.
pub fn record(domain: &str, selector: &str, key: &str) -> String {
    format!("{selector}._domainkey.{domain} TXT {}\n", key.trim_end())
}

/// A resolver that knows these lines and nothing else.
pub fn resolver(records: &str) -> Records {
    Records::parse(records).expect("the test's records are well-formed")
}

/// Signs as told, also what no proper signer would. Relaxed throughout, by an implementation of its own.
#[derive(Clone, Copy)]
pub struct TestSigner<'a> {
    pub domain: &'a str,
    pub selector: &'a str,
    pub ed25519: bool,
    /// `h=`
    pub fields: &'a str,
    /// Further tags, each with a semicolon behind it.
    pub tags: &'a str,
    pub simple: bool,
}

impl Default for TestSigner<'_> {
    fn default() -> Self {
        TestSigner {
            domain: "example.net",
            selector: "sel",
            ed25519: false,
            fields: "from:to:subject:date:content-type:tls-report-domain:tls-report-submitter",
            tags: "",
            simple: false,
        }
    }
}

impl TestSigner<'_> {
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let text = std::str::from_utf8(message).expect("the test's mail is text");
        let (header, body) = text.split_once("\r\n\r\n").expect("the test's mail has a header and a body");
        let form = if self.simple { "simple" } else { "relaxed" };
        let body_hash = base64(&sha2::Sha256::digest(if self.simple { simple_body(body) } else { relaxed_body(body) }));
        let algorithm = if self.ed25519 { "ed25519-sha256" } else { "rsa-sha256" };
        let TestSigner { domain, selector, fields, tags, .. } = self;
        let own = format!(
            "DKIM-Signature: v=1; a={algorithm}; c={form}/{form}; d={domain}; s={selector}; {tags}\r\n\th={fields};\r\n\tbh={body_hash}; b="
        );
        let mut hashed: String = self.chosen(&unfold(header)).iter().map(|field| self.field(field)).collect();
        hashed.push_str(self.field(&format!("{own}\r\n")).trim_end_matches("\r\n"));
        let signature = base64(&self.signature(hashed.as_bytes()));
        format!("{own}{signature}\r\n{text}").into_bytes()
    }

    /// The fields named in `h=`, from the bottom up.
    fn chosen<'f>(&self, fields: &'f [String]) -> Vec<&'f String> {
        let mut left: Vec<&String> = fields.iter().collect();
        let mut chosen = Vec::new();
        for name in self.fields.split(':') {
            let is_named = |field: &&String| field.split(':').next().is_some_and(|n| n.eq_ignore_ascii_case(name));
            if let Some(at) = left.iter().rposition(is_named) {
                chosen.push(left.remove(at));
            }
        }
        chosen
    }

    fn field(&self, field: &str) -> String {
        if self.simple {
            return field.to_owned();
        }
        let (name, value) = field.split_once(':').expect("a field has a colon");
        format!("{}:{}\r\n", name.to_lowercase(), value.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    fn signature(&self, hashed: &[u8]) -> Vec<u8> {
        if self.ed25519 {
            let der = PrivateKeyDer::from_pem_slice(ED25519_PEM.as_bytes()).expect("the key is PEM");
            let key = Ed25519Key::from_pkcs8_maybe_unchecked_der(der.secret_der()).expect("the key is Ed25519");
            key.sign(hashed).expect("Ed25519 signs anything")
        } else {
            let der = PrivateKeyDer::from_pem_slice(RSA_2048_PEM.as_bytes()).expect("the key is PEM");
            RsaKey::<Sha256>::from_key_der(der).expect("the key is RSA").sign(hashed).expect("RSA signs anything")
        }
    }
}

/// Each field with its line's end.
fn unfold(header: &str) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for line in header.split("\r\n") {
        match fields.last_mut() {
            Some(field) if line.starts_with([' ', '\t']) => *field = format!("{field}{line}\r\n"),
            _ => fields.push(format!("{line}\r\n")),
        }
    }
    fields
}

/// RFC 6376 §3.4.4, as it is written there.
pub fn relaxed_body(body: &str) -> String {
    let lines = body.split("\r\n").map(|line| {
        let mut words = String::new();
        for char in line.replace('\t', " ").chars() {
            if !(char == ' ' && words.ends_with(' ')) {
                words.push(char);
            }
        }
        words.trim_end_matches(' ').to_owned()
    });
    let mut lines: Vec<String> = lines.collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.iter().map(|line| format!("{line}\r\n")).collect()
}

/// RFC 6376 §3.4.3.
pub fn simple_body(body: &str) -> String {
    let mut text = body;
    while let Some(shorter) = text.strip_suffix("\r\n") {
        text = shorter;
    }
    format!("{text}\r\n")
}

pub fn base64(bytes: &[u8]) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let text = BASE64_STANDARD.encode(bytes);
    debug_assert_eq!(tags::base64(&text).as_deref(), Some(bytes));
    text
}

//! Signatures, checked with the verifier that receivers use.

use std::{borrow::Borrow, hash::Hash, sync::Mutex, time::Instant};

use hickory_resolver::{TokioResolver, config::ResolverConfig, net::runtime::TokioRuntimeProvider};
use mail_auth::{
    AuthenticatedMessage, DkimResult, MessageAuthenticator, Parameters, ResolverCache, Txt,
    common::{parse::TxtRecordParser, verify::DomainKey},
};

use super::*;
use crate::probe::{
    mail::mail,
    signature::{Published, Signer},
};

pub(super) const RSA_PKCS1: &[u8] = include_bytes!("../../../fixtures/keys/test-rsa.pkcs1.pem");
pub(super) const RSA_PKCS8: &[u8] = include_bytes!("../../../fixtures/keys/test-rsa.pkcs8.pem");
pub(super) const ED25519: &[u8] = include_bytes!("../../../fixtures/keys/test-ed25519.pem");

pub(super) const RSA_RECORD: &str = concat!(
    "v=DKIM1; k=rsa; p=",
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAzTHj05zHsCQZO5dmJuDVWzQhoqyqmqsuolTC2BhqvLCaySzMcCvOj/",
    "D7j58LgsRfRim0aJ/JnOgwnO9UkKTmzsbHLGwL3ZsecgWUMgEfeEmPOQQn62MiCotKsHIKFmD796qvf9ut0ya+505zuP6iLrgX",
    "lRCO+T7J2RBjws+jmNPWKdbhD2+btjKaYQth/46M36m9dKzf2dRYlB/yIXEGrbvrGfE6ajDrtp0XbtnBlpZQRRiF1h0Ia4GwpU",
    "JFOniWEwob04aMncZ88VwyXAuyStnWqsEvq0bwvLmZXZ6HcpADGdpC++UjbKxOhk2/XuR2zQdef1QyqNzVfZf60Voq6QIDAQAB",
);
pub(super) const ED25519_RECORD: &str = "v=DKIM1; k=ed25519; s=tlsrpt; p=1FNB0hlTJzI9omVJHJSjKZCCYLPE7O71e3y3zpHYTVk=";

/// The one key that the verifier finds.
struct Key(Mutex<HashMap<Box<str>, Txt>>);

impl ResolverCache<Box<str>, Txt> for Key {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.0.lock().unwrap().get(name).cloned()
    }

    fn remove<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.0.lock().unwrap().remove(name)
    }

    fn insert(&self, name: Box<str>, value: Txt, _: Instant) {
        self.0.lock().unwrap().insert(name, value);
    }
}

/// Whether the mail's only signature is valid with the record published for the selector `s1` of sender.example.
pub(super) async fn is_valid(mail: &[u8], record: &str) -> bool {
    let key = Txt::DomainKey(Arc::new(DomainKey::parse(record.as_bytes()).unwrap()));
    let cache = Key(Mutex::new(HashMap::from([("s1._domainkey.sender.example.".into(), key)])));
    let nowhere = ResolverConfig::from_parts(None, vec![], vec![]);
    let resolver = TokioResolver::builder_with_config(nowhere, TokioRuntimeProvider::default()).build().unwrap();
    let message = AuthenticatedMessage::parse(mail).unwrap();
    let results = MessageAuthenticator(resolver).verify_dkim(Parameters::new(&message).with_txt_cache(&cache)).await;
    assert_eq!(results.len(), 1);
    *results[0].result() == DkimResult::Pass
}

pub(super) fn signer(pem: &[u8]) -> Signer {
    Signer::new(pem, "sender.example", "s1").unwrap()
}

#[tokio::test]
async fn signatures_are_valid_and_cover_what_matters() {
    let from = MailtoAddress::new("postmaster", "sender.example").unwrap();
    let now = "2024-03-01T08:00:00Z".parse().unwrap();
    let sample = Sample::new("example.com", &from, false, Uuid::from_u128(7), now);
    let mail = mail(&sample, &MailtoAddress::new("tlsrpt", "example.com").unwrap(), now);
    for (pem, record, algorithm) in [
        (RSA_PKCS1, RSA_RECORD, "rsa-sha256"),
        (RSA_PKCS8, RSA_RECORD, "rsa-sha256"),
        (ED25519, ED25519_RECORD, "ed25519-sha256"),
    ] {
        let signer = signer(pem);
        assert_eq!(signer.algorithm(), algorithm);
        assert_eq!(signer.compare(record.as_bytes()), Published::Same);
        let signed = signer.sign(&mail).unwrap();
        assert!(signed.ends_with(&mail));
        assert!(is_valid(&signed, record).await);
        let text = String::from_utf8(signed).unwrap();
        for field in
            ["From", "To", "Subject", "Date", "Message-ID", "TLS-Report-Domain", "TLS-Report-Submitter", "Content-Type"]
        {
            let forged = text.replacen(&format!("\r\n{field}: "), &format!("\r\n{field}: x"), 1);
            assert_ne!(forged, text);
            assert!(!is_valid(forged.as_bytes(), record).await, "{field}");
        }
    }
}

#[test]
fn keys_are_held_against_what_is_published() {
    let rsa = signer(RSA_PKCS8);
    assert_eq!(rsa.record_name(), "s1._domainkey.sender.example");
    assert_eq!(rsa.compare(ED25519_RECORD.as_bytes()), Published::Other);
    assert_eq!(rsa.compare(b"v=DKIM1; k=rsa; p="), Published::Revoked);
    assert_eq!(rsa.compare(b"v=DKIM1; k=rsa"), Published::Other);
    assert_eq!(rsa.compare(b"\xff; p=;"), Published::Revoked);
    let folded = RSA_RECORD.replace("p=MIIB", "p = MII B\t");
    assert_eq!(rsa.compare(folded.as_bytes()), Published::Same);
    for (domain, aligned) in
        [("sender.example", true), ("mail.sender.example", true), ("othersender.example", false), ("example", false)]
    {
        assert_eq!(rsa.is_aligned(domain), aligned, "{domain}");
    }
}

#[test]
fn keys_that_are_none_are_refused() {
    let error =
        |pem: &[u8], domain: &str, selector: &str| Signer::new(pem, domain, selector).err().unwrap().to_string();
    assert!(error(b"", "sender.example", "s1").contains("no private key in PEM"));
    let elliptic = rcgen::KeyPair::generate().unwrap().serialize_pem();
    assert!(error(elliptic.as_bytes(), "sender.example", "s1").contains("neither RSA"));
    assert!(error(ED25519, "no domain", "s1").contains("is no domain"));
    assert!(error(ED25519, "sender.example", "s1; d=x").contains("is no selector"));
}

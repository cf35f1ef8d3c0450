//! What the DNS says of a key.

use super::*;
use fixtures::RSA_2048;

fn with_key(key: &str) -> DkimVerdict {
    judged(&sign(MAIL.as_bytes(), "example.net", "sel"), FROM, &resolver(&record("example.net", "sel", key)))
}

/// The usual key with further tags.
fn tagged(tags: &str) -> String {
    RSA_2048.replace("k=rsa;", &format!("k=rsa; {tags};"))
}

#[test]
fn a_key_that_is_gone_is_told() {
    let mail = sign(MAIL.as_bytes(), "example.net", "sel");
    assert_eq!(
        failed(judged(&mail, FROM, &resolver(""))),
        (
            FaultCode::DkimKeyGone,
            "signature d=example.net s=sel: no TXT record at sel._domainkey.example.net".to_owned()
        )
    );
    for key in ["v=DKIM1; k=rsa; p=", "v=DKIM1; p= ;", "v=spf1 -all", "v=DKIM2; p=AAAA", "k=rsa", "anything"] {
        assert_eq!(code(with_key(key)), FaultCode::DkimKeyGone, "{key}");
    }
}

#[test]
fn keys_for_tls_reports_and_for_mail_are_taken() {
    for services in ["s=email", "s=tlsrpt", "s=*", "s=other : tlsrpt"] {
        passed(with_key(&tagged(services)));
    }
    let (code, detail) = failed(with_key(&tagged("s=other")));
    assert_eq!(code, FaultCode::DkimFail);
    assert!(detail.contains("for other services (s=other)"), "{detail}");
}

#[test]
fn a_key_under_test_makes_no_signature() {
    let (code, detail) = failed(with_key(&tagged("t=s:y")));
    assert_eq!(code, FaultCode::DkimNone);
    assert!(detail.contains("t=y"), "{detail}");
}

#[test]
fn a_strict_key_is_for_its_domain_only() {
    let known = resolver(&record("example.net", "sel", &tagged("t=s")));
    passed(judged(&signed_with("i=@example.net;"), FROM, &known));
    passed(judged(&signed_with(""), FROM, &known));
    assert_eq!(code(judged(&signed_with("i=@mail.example.net;"), FROM, &known)), FaultCode::DkimFail);
}

#[test]
fn the_key_must_fit_the_signature() {
    passed(with_key(&tagged("h=sha1:sha256; g=*; n=a note")));
    passed(with_key(&RSA_2048.replace("v=DKIM1; k=rsa; ", "")));
    for key in [
        tagged("h=sha1"),
        RSA_2048.replace("k=rsa", "k=ed25519"),
        fixtures::ED25519.to_owned(),
        RSA_2048.replace("k=rsa", "k=rsa; k=rsa"),
        RSA_2048.replace("p=", "p=*"),
        "v=DKIM1; p=AAAA".to_owned(),
        fixtures::RSA_1024.to_owned(),
    ] {
        assert_eq!(code(with_key(&key)), FaultCode::DkimFail, "{key}");
    }
}

#[test]
fn rsa_keys_have_a_least_and_a_greatest_size() {
    let mail = include_bytes!("../../../../fixtures/dkim/rsa-512.eml");
    let known = resolver(&record("example.net", "rsa-512", fixtures::RSA_512));
    let (code, detail) = failed(judged(mail, FROM, &known));
    assert_eq!(code, FaultCode::DkimWeak);
    assert!(detail.contains("512 bits"), "{detail}");
    assert_eq!(self::code(with_key(fixtures::RSA_8192)), FaultCode::DkimWeak);
}

#[test]
fn the_first_record_that_is_a_key_counts() {
    let mail = sign(MAIL.as_bytes(), "example.net", "sel");
    let known = ["v=spf1 -all", "v=DKIM1; broken", RSA_2048, "v=DKIM1; p="]
        .map(|text| record("example.net", "sel", text))
        .concat();
    passed(judged(&mail, FROM, &resolver(&known)));
}

#[test]
fn a_key_that_cannot_be_asked_for_now_defers() {
    let mail = sign(MAIL.as_bytes(), "example.net", "sel");
    let down = "sel._domainkey.example.net SERVFAIL\n";
    let DkimVerdict::Deferred(detail) = judged(&mail, FROM, &resolver(down)) else { panic!("it is settled") };
    assert!(detail.starts_with("signature d=example.net s=sel: "), "{detail}");
    passed(verdict(&mail));

    // Whatever a second signature of the same domain says, the first may still pass.
    let both = TestSigner { selector: "gone", ..TestSigner::default() }.sign(&mail);
    assert!(matches!(judged(&both, FROM, &resolver(down)), DkimVerdict::Deferred(_)));
    let both = TestSigner { selector: "new", ..TestSigner::default() }.sign(&mail);
    passed(judged(&both, FROM, &resolver(&[down, &records(&[("example.net", "new")])].concat())));
}

#[test]
fn nobody_waits_for_the_key_of_another_domain_if_there_is_more_to_say() {
    let down = "sel._domainkey.example.com SERVFAIL\n";
    let other = sign(MAIL.as_bytes(), "example.com", "sel");
    assert!(matches!(judged(&other, FROM, &resolver(down)), DkimVerdict::Deferred(_)));
    let both = TestSigner { selector: "gone", ..TestSigner::default() }.sign(&other);
    assert_eq!(code(judged(&both, FROM, &resolver(down))), FaultCode::DkimKeyGone);
    let two = sign(&other, "example.org", "sel");
    let known = resolver(&[down, &records(&[("example.org", "sel")])].concat());
    assert_eq!(code(judged(&two, FROM, &known)), FaultCode::DkimUnaligned);
}

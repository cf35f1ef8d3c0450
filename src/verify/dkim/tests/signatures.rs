//! What one signature says, and how several add up.

use super::*;

#[test]
fn a_signature_of_the_from_domain_passes() {
    let signature = passed(verdict(&sign(MAIL.as_bytes(), "example.net", "sel")));
    let covers = ["content-type", "date", "from", "subject", "tls-report-domain", "tls-report-submitter", "to"];
    assert_eq!((signature.domain.as_str(), signature.selector.as_str()), ("example.net", "sel"));
    assert_eq!(signature.covers, covers);
    assert!(!signature.late && !signature.key_secure);
    for signer in [
        TestSigner { simple: true, ..TestSigner::default() },
        TestSigner { domain: "Example.NET", selector: "SEL", ..TestSigner::default() },
        TestSigner { tags: "darn=example.net; z=From:nobody=40example.net; q=dns/txt;", ..TestSigner::default() },
        TestSigner { tags: "i=tlsrpt@mail.example.net;", ..TestSigner::default() },
    ] {
        passed(verdict(&signer.sign(MAIL.as_bytes())));
    }
}

#[test]
fn ed25519_passes() {
    let mail = TestSigner { ed25519: true, ..TestSigner::default() }.sign(MAIL.as_bytes());
    let known = resolver(&record("example.net", "sel", fixtures::ED25519));
    passed(judged(&mail, FROM, &known));
    assert_eq!(code(judged(&replaced(&mail, "Nothing", "nothing"), FROM, &known)), FaultCode::DkimFail);
    assert_eq!(code(judged(&replaced(&mail, "Subject: R", "Subject: r"), FROM, &known)), FaultCode::DkimFail);
}

#[test]
fn what_was_signed_elsewhere_verifies_here() {
    let mail = include_bytes!("../../../../fixtures/dkim/rsa-1024.eml");
    let signature = passed(judged(mail, FROM, &resolver(&record("example.net", "rsa-1024", fixtures::RSA_1024))));
    assert_eq!(signature.covers, ["date", "from", "subject", "to"]);
}

#[test]
fn nothing_signed_is_told_without_the_dns() {
    for message in [MAIL.as_bytes(), b"", b"\r\n", b"no header at all", b"From: a@example.net"] {
        assert_eq!(code(judged(message, FROM, &NoDns)), FaultCode::DkimNone);
    }
}

#[test]
fn a_changed_body_is_told_without_the_dns() {
    let mail = sign(MAIL.as_bytes(), "example.net", "sel");
    for changed in [replaced(&mail, "here", "there"), [&mail[..], b"more\r\n"].concat()] {
        let (code, detail) = failed(judged(&changed, FROM, &NoDns));
        assert_eq!(code, FaultCode::DkimFail);
        assert_eq!(detail, "signature d=example.net s=sel: the body is not the one that was signed");
    }
}

#[test]
fn a_changed_or_added_header_fails() {
    let mail = sign(MAIL.as_bytes(), "example.net", "sel");
    assert_eq!(code(verdict(&replaced(&mail, "Report Domain", "Reported Domain"))), FaultCode::DkimFail);
    // Signed as absent.
    let added = replaced(&mail, "Subject:", "TLS-Report-Domain: example.org\r\nSubject:");
    assert_eq!(code(verdict(&added)), FaultCode::DkimFail);
    for name in ["From: x@example.com", "Content-Type: multipart/mixed; boundary=x"] {
        let (code, detail) = failed(judged(&[name.as_bytes(), b"\r\n", &mail].concat(), FROM, &NoDns));
        assert_eq!(code, FaultCode::DkimFail);
        assert!(detail.contains("more "), "{detail}");
    }
}

#[test]
fn a_name_is_covered_only_if_no_field_of_it_is_left_unsigned() {
    let mail = sign(MAIL.as_bytes(), "example.net", "sel");
    let signature = passed(verdict(&[b"Subject: another\r\n", &mail[..]].concat()));
    assert!(!signature.covers.contains(&"subject".to_owned()));
    assert!(signature.covers.contains(&"to".to_owned()));
}

#[test]
fn a_length_does_not_count() {
    let mail = signed_with("l=5;");
    assert_eq!(code(judged(&mail, FROM, &NoDns)), FaultCode::DkimLTag);
    assert_eq!(code(judged(&signed_with("l=0;"), FROM, &NoDns)), FaultCode::DkimLTag);
    // Another signature without it does.
    passed(verdict(&sign(&mail, "example.net", "sel")));
}

#[test]
fn expiry_is_judged_at_receipt() {
    assert_eq!(code(judged(&signed_with("x=1709265599;"), FROM, &NoDns)), FaultCode::DkimExpired);
    let mut changed = signed_with("x=1709265599;");
    changed.extend_from_slice(b"more\r\n");
    assert_eq!(code(judged(&changed, FROM, &NoDns)), FaultCode::DkimFail, "that it was changed says more");
    assert!(passed(verdict(&signed_with("x=1709265600;"))).late);
    assert!(passed(verdict(&signed_with("t=1709265000; x=1709269199;"))).late);
    assert!(!passed(verdict(&signed_with("x=1709269200;"))).late);
    assert_eq!(code(judged(&signed_with("t=1709265700; x=1709265700;"), FROM, &NoDns)), FaultCode::DkimFail);
}

#[test]
fn sha1_is_too_weak() {
    let mail = include_bytes!("../../../../fixtures/dkim/rsa-sha1.eml");
    assert_eq!(code(judged(mail, FROM, &NoDns)), FaultCode::DkimWeak);
}

#[test]
fn a_signature_that_cannot_be_read_fails() {
    let mail = sign(MAIL.as_bytes(), "example.net", "sel");
    let cases = [
        ("v=1;", "v=2;", "v=2 is malformed"),
        ("v=1;", "v=1; v=1;", "a tag that stands twice"),
        ("v=1;", "v=1;;", "a tag without a value"),
        ("a=rsa-sha256", "a=rsa-md5", "a=rsa-md5 is malformed"),
        ("c=relaxed/relaxed", "c=nowsp", "c=nowsp is malformed"),
        ("d=example.net", "d=net", "d=net is malformed"),
        ("d=example.net", "d=\"example\".net", "is malformed"),
        ("s=sel", "s=s..el", "s=s..el is malformed"),
        ("s=sel", "s=s/el", "s=s/el is malformed"),
        ("s=sel", "x=soon; s=sel", "x=soon is no time"),
        ("s=sel", "q=http; s=sel", "q=http is malformed"),
        ("s=sel", "i=@example.com; s=sel", "i=@example.com is malformed"),
        ("s=sel", "i=@notexample.net; s=sel", "i=@notexample.net is malformed"),
        ("h=from:", "h=", "h= does not name From"),
        ("h=from:", "h=from::", "h= names something that is no field"),
        ("bh=", "bh=AAAA", "is malformed"),
        ("; b=", "; b=*", "is malformed"),
        ("; b=", "; B=", "it has no b="),
    ];
    for (what, with, problem) in cases {
        let (code, detail) = failed(judged(&replaced(&mail, what, with), FROM, &NoDns));
        assert_eq!(code, FaultCode::DkimFail, "{with}");
        assert!(detail.contains(problem), "{with}: {detail}");
    }
    let many = "x:".repeat(crate::limits::DKIM_SIGNED_FIELDS_MAX);
    let (_, detail) = failed(judged(&replaced(&mail, "h=", &format!("h={many}")), FROM, &NoDns));
    assert!(detail.contains("more than 200 fields"), "{detail}");
    let long = vec!["a".repeat(60); 5].join(".");
    let (_, detail) = failed(judged(&replaced(&mail, "s=sel", &format!("s={long}")), FROM, &NoDns));
    assert!(detail.contains("too long"), "{detail}");
}

#[test]
fn what_a_stranger_writes_is_shown_short_and_harmless() {
    let mail = format!("DKIM-Signature: v=1; a=\u{1b}[31m{}; d=example.net\r\n{MAIL}", "x".repeat(1000));
    let (_, detail) = failed(judged(mail.as_bytes(), FROM, &NoDns));
    assert!(detail.contains("‹U+001B›[31m") && detail.len() < 250, "{detail}");
}

#[test]
fn alignment_goes_up_to_the_organisation() {
    let of = |domain: &str, from: Option<&str>| {
        judged(&sign(MAIL.as_bytes(), domain, "sel"), from, &resolver(&records(&[(domain, "sel")])))
    };
    passed(of("example.net", Some("mail.example.net")));
    passed(of("xn--bcher-kva.example", Some("B\u{fc}cher.example")));
    for (domain, from) in [
        ("a.example.net", Some("b.example.net")),
        ("mail.example.net", Some("example.net")),
        ("example.com", Some("example.net")),
        ("co.uk", Some("example.co.uk")),
        ("example.net", None),
        ("example.net", Some("no domain")),
    ] {
        let DkimVerdict::Fail { fault, passing } = of(domain, from) else { panic!("{domain} for {from:?}") };
        assert_eq!(fault.code, FaultCode::DkimUnaligned);
        assert!(fault.detail.contains(domain), "{}", fault.detail);
        assert_eq!(passing[0].domain, domain);
    }
}

#[test]
fn one_good_signature_is_enough() {
    let good = sign(MAIL.as_bytes(), "example.net", "sel");
    for bad in ["v=1", "v=1; a=rsa-sha256; d=example.net; s=old; h=from; bh=; b=AAAA"] {
        passed(verdict(&[format!("DKIM-Signature: {bad}\r\n").as_bytes(), &good].concat()));
    }
    let below = TestSigner { selector: "gone", ..TestSigner::default() }.sign(&sign(&good, "esp.example", "x"));
    passed(verdict(&below));
}

#[test]
fn a_fault_of_the_from_domain_tells_more_than_one_of_another() {
    let weak = replaced(&sign(MAIL.as_bytes(), "example.com", "sel"), "a=rsa-sha256", "a=rsa-sha1");
    assert_eq!(code(verdict(&weak)), FaultCode::DkimWeak);
    let both = TestSigner { selector: "gone", ..TestSigner::default() }.sign(&weak);
    assert_eq!(code(verdict(&both)), FaultCode::DkimKeyGone);
    // Those of other domains are still named.
    let mail =
        TestSigner { selector: "gone", ..TestSigner::default() }.sign(&sign(MAIL.as_bytes(), "example.com", "sel"));
    let DkimVerdict::Fail { fault, passing } = judged(&mail, FROM, &resolver(&records(&[("example.com", "sel")])))
    else {
        panic!("it passes");
    };
    assert_eq!(fault.code, FaultCode::DkimKeyGone);
    assert_eq!(passing[0].domain, "example.com");
}

#[test]
fn five_signatures_are_tried_those_of_the_from_domain_first() {
    let mut mail = sign(MAIL.as_bytes(), "example.net", "sel");
    let names: Vec<String> = (0..99).map(|number| format!("s{number}")).collect();
    for selector in &names {
        mail = sign(&mail, "example.com", selector);
    }
    passed(verdict(&mail));

    let keys: Vec<(&str, &str)> = names.iter().map(|selector| ("example.com", selector.as_str())).collect();
    let DkimVerdict::Fail { passing, .. } = judged(&mail, Some("example.org"), &resolver(&records(&keys))) else {
        panic!("it passes");
    };
    assert_eq!(passing.len(), DKIM_SIGNATURES_MAX);
}

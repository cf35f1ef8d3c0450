//! What another server found.

use super::*;

const OURS: &str = "mx.example.org";

fn results(field: &str) -> Option<DkimVerdict> {
    authentication_results(format!("Authentication-Results: {field}\r\n{MAIL}").as_bytes(), OURS, FROM)
}

#[test]
fn a_pass_of_the_from_domain_counts() {
    for field in [
        "mx.example.org; dkim=pass header.d=example.net header.s=sel",
        "MX.example.org 1; dkim=pass header.d=Example.NET; spf=fail smtp.mailfrom=a@b.example",
        "mx.example.org;\r\n\tspf=pass (x; dkim=fail (nested \\) \")) smtp.mailfrom=\"a;b\"@c.example;\r\n\tdkim=pass (2048-bit key) reason=\"good signature\" header.i=@example.net header.b=\"a/b\"",
        "\"mx.example.org\"; dkim = pass header . d = example.net header.b=ab/cd+e=;",
        "(c) mx.example.org (c) 1 (c) ; (c) dkim/1 (c) = (c) pass (c) header (c) . (c) d (c) = (c) \"example.net\" (c)",
        "mx.example.org; dkim=fail header.d=example.net; dkim=pass header.d=example.net; dmarc=pass action=none",
        "mx.example.org; none; dkim=pass header.d=example.net",
    ] {
        let signature = passed(results(field).unwrap_or_else(|| panic!("{field}")));
        assert_eq!(signature.domain, "example.net");
        assert!(signature.covers.is_empty());
    }
    assert_eq!(passed(results("mx.example.org; dkim=pass header.d=example.net header.s=sel").unwrap()).selector, "sel");
}

#[test]
fn anything_else_has_its_code() {
    for (field, expected) in [
        ("mx.example.org; none", FaultCode::DkimNone),
        ("mx.example.org", FaultCode::DkimNone),
        ("mx.example.org; spf=pass", FaultCode::DkimNone),
        ("mx.example.org; dkim=none", FaultCode::DkimNone),
        ("mx.example.org; dkim=fail header.d=example.net", FaultCode::DkimFail),
        ("mx.example.org; dkim=pass", FaultCode::DkimFail),
        ("mx.example.org; dkim=neutral header.d=example.net", FaultCode::DkimFail),
        ("mx.example.org; dkim=temperror header.d=example.net", FaultCode::DkimTemperror),
        ("mx.example.org; dkim=pass header.d=example.com", FaultCode::DkimUnaligned),
        ("mx.example.org; dkim=pass header.d=mail.example.net", FaultCode::DkimUnaligned),
        ("mx.example.org; dkim=pass header.d=example.com header.d=example.net", FaultCode::DkimFail),
    ] {
        assert_eq!(code(results(field).unwrap_or_else(|| panic!("{field}"))), expected, "{field}");
    }
}

#[test]
fn what_is_malformed_does_not_pass() {
    for field in [
        "mx.example.org; dkim=pass header.d=example.net (open",
        "mx.example.org; spf=pass x=\"open; dkim=pass header.d=example.net",
        "mx.example.org; dkim=pass header.d=example.net; =",
        "mx.example.org; dkim pass header.d=example.net",
        "mx.example.org; dkim=pass header.d=example.net)",
        "mx.example.org;; dkim=pass header.d=example.net",
        "mx.example.org; spf=pass (\\) dkim=pass header.d=example.net",
    ] {
        assert_eq!(code(results(field).unwrap_or_else(|| panic!("{field}"))), FaultCode::DkimFail, "{field}");
    }
}

#[test]
fn only_the_topmost_field_of_the_right_server_counts() {
    for field in [
        "mx.example.com; dkim=pass header.d=example.net",
        "mx.example.org.evil.example; dkim=pass header.d=example.net",
        "(mx.example.org) evil.example; dkim=pass header.d=example.net",
        "mx.example.org 2; dkim=pass header.d=example.net",
        "mx.example.org dkim=pass header.d=example.net",
        "evil.example; none\r\nAuthentication-Results: mx.example.org; dkim=pass header.d=example.net",
        "",
    ] {
        assert_eq!(results(field), None, "{field}");
    }
    assert_eq!(authentication_results(MAIL.as_bytes(), OURS, FROM), None);
    let field = "X: y\r\nAuthentication-Results: mx.example.org; dkim=fail header.d=example.net\r\n\
        Authentication-Results: mx.example.org; dkim=pass header.d=example.net";
    assert_eq!(
        code(authentication_results(format!("{field}\r\n{MAIL}").as_bytes(), OURS, FROM).unwrap()),
        FaultCode::DkimFail
    );
}

#[test]
fn a_selector_is_shown_without_hidden_characters() {
    let found = results("mx.example.org; dkim=pass header.d=example.com header.s=s\0\u{7f}").unwrap();
    let (_, detail) = failed(found);
    assert!(!detail.contains(char::is_control), "{detail:?}");
}

#[test]
fn a_mail_without_from_domain_is_aligned_with_nobody() {
    let mail = format!("Authentication-Results: {OURS}; dkim=pass header.d=example.net\r\n{MAIL}");
    assert_eq!(code(authentication_results(mail.as_bytes(), OURS, None).unwrap()), FaultCode::DkimUnaligned);
}

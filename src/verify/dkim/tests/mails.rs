//! What happens to mail on its way that a signature must survive, and what it must not.

use mail_auth::{common::crypto::HashAlgorithm, dkim::Canonicalization};
use proptest::prelude::*;

use super::*;
use fixtures::{base64, relaxed_body, simple_body};

#[test]
fn whitespace_at_the_end_of_a_relaxed_body_is_nothing() {
    let mail = sign(MAIL.as_bytes(), "example.net", "sel");
    for end in ["\r\n", " \t\r\n \r\n", "\r\n\t", "  "] {
        passed(verdict(&[&mail[..], end.as_bytes()].concat()));
    }
    passed(verdict(&sign(&replaced(MAIL.as_bytes(), "here.\r\n", "here.\r\n \r\n\t\r\n"), "example.net", "sel")));
    let simple = TestSigner { simple: true, ..TestSigner::default() }.sign(MAIL.as_bytes());
    passed(verdict(&[&simple[..], b"\r\n\r\n"].concat()));
    assert_eq!(code(verdict(&[&simple[..], b" \r\n"].concat())), FaultCode::DkimFail);
}

#[test]
fn a_copy_from_a_file_verifies() {
    for simple in [false, true] {
        let mail = TestSigner { simple, ..TestSigner::default() }.sign(MAIL.as_bytes());
        let bare = String::from_utf8(mail.clone()).unwrap().replace("\r\n", "\n");
        passed(verdict(bare.as_bytes()));
        passed(verdict(format!("From tlsrpt@example.net Fri Mar  1 04:00:00 2024\n{bare}").as_bytes()));
        passed(verdict(&[b"From - Fri Mar  1\r\nReceived: by here\r\n", &mail[..]].concat()));
    }
}

#[test]
fn a_carriage_return_that_ends_no_line_is_not_passed_over() {
    let mail = sign(MAIL.as_bytes(), "example.net", "sel");
    for (what, with) in [("here", "he\rre"), ("here.\r\n", "here.\r\r\n"), ("Subject: R", "Subject: \rR")] {
        let (code, detail) = failed(judged(&replaced(&mail, what, with), FROM, &NoDns));
        assert_eq!(code, FaultCode::DkimFail);
        assert!(detail.contains("carriage return"), "{detail}");
    }
}

#[test]
fn spaces_before_the_colon_and_lines_that_are_no_fields_are_survived() {
    let spaced = replaced(MAIL.as_bytes(), "Subject:", "Subject :");
    let mail = replaced(&sign(MAIL.as_bytes(), "example.net", "sel"), "Subject:", "Subject :");
    passed(verdict(&mail));
    passed(verdict(&replaced(&mail, "Subject :", "no field\r\n continued: here\r\nSubject :")));
    assert!(code(verdict(&spaced)) == FaultCode::DkimNone);
}

#[test]
fn an_empty_body_has_a_hash() {
    let mail = MAIL.split_once("\r\n\r\n").unwrap().0.to_owned() + "\r\n\r\n";
    for simple in [false, true] {
        let signed = TestSigner { simple, ..TestSigner::default() }.sign(mail.as_bytes());
        passed(verdict(&signed));
    }
}

proptest! {
    #[test]
    fn bodies_hash_as_the_rfc_has_it(lines in prop::collection::vec("[ab \t]{0,5}", 0..8)) {
        let body = lines.join("\r\n");
        let message = format!("From: a@example.net\r\n\r\n{body}");
        let mut mail = Mail::read(message.as_bytes());
        for (form, canonical) in [
            (Canonicalization::Relaxed, relaxed_body(&body)),
            (Canonicalization::Simple, simple_body(&body)),
        ] {
            let expected = HashAlgorithm::Sha256.hash(canonical.as_bytes());
            prop_assert_eq!(base64(mail.body_hash(form).unwrap()), base64(expected.as_ref()), "{:?}", form);
        }
    }

    #[test]
    fn nothing_a_stranger_sends_panics(message in "(DKIM-Signature|From|b|Authentication-Results|[a-z]|: |=|;|\"|\\(|\\)|\\\\|\r|\n|\t| |d=a\\.b|v=1|l=){0,60}") {
        judged(message.as_bytes(), FROM, &resolver(""));
        authentication_results(message.as_bytes(), "b", FROM);
    }
}

//! What holds for any mail.

use std::io::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use crate::decode::mail::*;

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The body of a part with the name of its encoding.
fn encoded(bytes: &[u8], encoding: &str) -> (&'static str, Vec<u8>) {
    let base64 = STANDARD.encode(bytes);
    let quoted = |byte: &u8| format!("={byte:02X}");
    match encoding {
        "base64" => ("base64", base64.as_bytes().chunks(76).collect::<Vec<_>>().join(&b"\r\n"[..])),
        "one line" => ("BASE64 ", base64.into_bytes()),
        "sloppy" => ("base64", base64.trim_end_matches('=').replace('A', "!A\u{fc} ").into_bytes()),
        "quoted" => (
            "quoted-printable",
            bytes
                .chunks(25)
                .map(|line| line.iter().map(quoted).collect())
                .collect::<Vec<String>>()
                .join("=\r\n")
                .into(),
        ),
        _ => ("binary", bytes.to_vec()),
    }
}

/// A header with what follows it.
fn mail(content_type: &str, encoding: &str, body: &[u8]) -> Vec<u8> {
    let header = format!(
        "From: Reports <reports@sender.example>\r\nTLS-Report-Domain: example.com\r\n\
         TLS-Report-Submitter: sender.example\r\nContent-Type: {content_type}\r\n\
         Content-Transfer-Encoding: {encoding}\r\n\r\n"
    );
    [header.as_bytes(), body].concat()
}

/// The mail as the last part of another.
fn within(content_type: &str, part: &[u8], closed: bool) -> Vec<u8> {
    let text = b"preamble\r\n--=_b b\r\nContent-Type: text/plain\r\n\r\nHello\r\n--=_b b\r\n";
    let end: &[u8] = if closed { b"\r\n--=_b b--\r\nepilogue" } else { b"" };
    mail(&format!("{content_type}; boundary=\"=_b b\""), "7bit", &[text, part, end].concat())
}

fn any_of(choices: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(choices)
}

proptest! {
    #[test]
    fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        check(&bytes)?;
    }

    #[test]
    fn no_mail_is_too_odd(pieces in prop::collection::vec(any_of(&[
        "\n", "\r\n", "\r", "--b", "--b\n", "--b--\n", "--", ";", " ", "\"", "\\", "=", "*", "'", "%C3", "\0", "é", "a", ":",
        "Content-Type: ", "multipart/report", "multipart/digest", "message/rfc822\n\n", "application/tlsrpt+json", "x/y",
        "; boundary=b", "; name*0*=utf-8''", "; name*1=", "; name*", "; report-type=tlsrpt", "=?utf-8?Q?=C3=BC?=",
        "Content-Transfer-Encoding: ", "base64\n", "quoted-printable\n", "Content-Disposition: attachment; filename=",
        "From: ", "From ", "<a@b.example>", "(", ")", ",", "group:", "Received: ", "; 1 Mar 2024 00:00 +0000", "{", "<?xml",
        "\u{1f}\u{8b}", "PK\u{3}\u{4}", "=7B",
    ]), 0..60)) {
        check(pieces.concat().as_bytes())?;
    }

    #[test]
    fn what_is_wrapped_comes_out(
        text in "\\PC{0,200}",
        packed: bool,
        encoding in any_of(&["base64", "one line", "sloppy", "quoted", "binary"]),
        typed in any_of(&["application/tlsrpt+gzip", "application/tlsrpt+json", "application/octet-stream", "text/json"]),
        around in prop::collection::vec(any_of(&[
            "multipart/report; report-type=tlsrpt", "multipart/mixed", "multipart/alternative", "forward", "encode",
        ]), 0..3),
        closed: bool,
        mbox: bool,
    ) {
        let json = serde_json::json!({ "text": text }).to_string().into_bytes();
        let report = if packed { gz(&json) } else { json };
        let (name, body) = encoded(&report, encoding);
        let mut bytes = mail(typed, name, &body);
        let mut forwarded = 0;
        // Boundaries of the same name in each other could not be told apart, so each further layer is a forwarded mail.
        let mut split = false;
        for layer in &around {
            let layer = if split && layer.starts_with("multipart") { "encode" } else { layer };
            (bytes, forwarded) = match layer {
                "forward" => (mail("message/rfc822", "8bit", &bytes), forwarded + 1),
                "encode" => {
                    let (name, body) = encoded(&bytes, "base64");
                    (mail("message/rfc822", name, &body), forwarded + 1)
                }
                multipart => (within(multipart, &bytes, closed), forwarded),
            };
            split |= layer.starts_with("multipart");
        }
        if mbox {
            bytes.splice(0..0, *b"From reports@sender.example Sat Mar  2 00:00:00 2024\n");
        }
        let opened = open(&bytes, &Limits::default()).unwrap();
        prop_assert_eq!(opened.parts.len(), 1);
        let part = &opened.parts[0];
        prop_assert_eq!(&part.bytes, &report);
        prop_assert_eq!((opened.messages.len(), part.message), (forwarded + 1, forwarded));
        prop_assert_eq!(part.media_type.as_deref(), Some(typed));
        prop_assert!(part.certain);
        let innermost = &opened.messages[forwarded];
        prop_assert_eq!(innermost.from_domain.as_deref(), Some("sender.example"));
        prop_assert!(innermost.raw.bytes(&bytes).starts_with(b"From: Reports"));
    }
}

fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    match open(bytes, &Limits::default()) {
        Err(fault) => prop_assert!(!fault.detail.is_empty() && fault.code != FaultCode::Internal),
        Ok(mail) => {
            prop_assert!(!mail.parts.is_empty());
            prop_assert!(mail.parts.iter().all(|part| part.message < mail.messages.len()));
            prop_assert!(mail.parts.iter().map(|part| part.bytes.len()).sum::<usize>() <= bytes.len());
            for message in &mail.messages {
                prop_assert!(message.raw.bytes(bytes).len() <= bytes.len());
                if let MessageBytes::Range(range) = &message.raw {
                    prop_assert!(range.start <= range.end && range.end <= bytes.len());
                }
            }
        }
    }
    Ok(())
}

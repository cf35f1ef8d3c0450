//! A mail is read twice: by MIME for what it reports, here for what was signed. What only the first of the two believes could
//! be put above a signed mail.

use mail_auth::dkim::Canonicalization;
use proptest::prelude::*;

use crate::{
    decode::mail::{MailMessage, ParsedMail as MimeMail, open},
    limits::Limits,
    verify::dkim::mail::{Mail, as_sent},
};

/// Text with which headers are made: fields that are believed, and what could make their names or lines doubtful.
const PIECES: [&[u8]; 26] = [
    b"Content-Type",
    b"content-TYPE",
    b"Content-Type: application/tlsrpt+json",
    b"From: a@one.example",
    b"From: b@two.example",
    b"From ",
    b"From",
    b"TLS-Report-Domain: one.example",
    b"TLS-Report-Submitter: two.example",
    b"application/tlsrpt",
    b"x",
    b":",
    b":",
    b" ",
    b"\t",
    b"\r",
    b"\n",
    b"\n",
    b"\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\x0c",
    b"\x0b",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xc2\xa0",
];

fn header() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => (0..PIECES.len()).prop_map(|piece| PIECES[piece].to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// A mail with this field alone.
fn alone(name: &str, value: &[u8]) -> MimeMail {
    let message = [name.as_bytes(), b":", value.trim_ascii_end(), b"\r\n\r\n{}"].concat();
    open(&message, &Limits::default()).unwrap()
}

/// What MIME believes of a mail stands in fields that can be signed, and no other stands beside it.
fn agree(message: &[u8]) {
    let Ok(opened) = open(message, &Limits::default()) else { return };
    let top = &opened.messages[0];
    let sent = as_sent(top.raw.bytes(message));
    let mut signed = Mail::read(&sent);
    let values = |name: &str| signed.fields(name).map(|field| field.value).collect::<Vec<_>>();
    let domains: [(&str, Domain); 3] = [
        ("from", |message| &message.from_domain),
        ("tls-report-domain", |message| &message.report_domain),
        ("tls-report-submitter", |message| &message.submitter),
    ];
    for (name, domain) in domains {
        if let believed @ Some(_) = domain(top) {
            let [value] = values(name)[..] else { panic!("{name} stands there {} times", values(name).len()) };
            assert_eq!(domain(&alone(name, value).messages[0]), believed, "{name}");
        }
    }
    let content_type = values("content-type").first().map(|value| alone("content-type", value));
    for part in opened.parts.iter().filter(|part| part.message == 0) {
        if part.media_type.is_some() {
            let seen = content_type.as_ref().expect("a content type is seen");
            assert_eq!(part.media_type, seen.parts[0].media_type);
        }
        // The body begins at the same line.
        let body = [b"\r\n", &part.bytes[..]].concat();
        let body = as_sent(&body);
        let mut body = Mail::read(&body);
        let canonicalization = Canonicalization::Simple;
        assert_eq!(signed.body_hash(canonicalization), body.body_hash(canonicalization));
    }
}

/// What decode believes a field says.
type Domain = fn(&MailMessage) -> &Option<String>;

#[test]
fn a_field_that_cannot_be_signed_is_not_believed() {
    agree(b"Content-Type\n :\nContent-Type: application/tlsrpt+json\r\n\r\n{}");
    for name in ["\x0cContent-Type", "\rContent-Type", "\u{b}Content-Type", "\u{a0}Content-Type", "Content-Type\0"] {
        let message = format!("{name}: application/tlsrpt+json\r\nFrom: a@one.example\r\n\r\n{{}}");
        agree(message.as_bytes());
        let opened = open(message.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(opened.parts[0].media_type, None, "{name:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn both_readers_see_the_same_fields(header in header(), end in prop_oneof![Just("\r\n\r\n"), Just("\n\n"), Just("")]) {
        agree(&[&header[..], end.as_bytes(), b"{}\r\n"].concat());
    }
}

//! Any bytes in any split: the session never fails, says and hands out the same as for the whole, holds no more memory than
//! it says, and hands out no text in which a CR or LF stands alone.
#![no_main]

use std::{collections::BTreeSet, sync::Arc};

use libfuzzer_sys::fuzz_target;
use tlsight::smtp::{BodyType, ReceivedMessage, Next, Protocol, SmtpReply, SmtpSession, SmtpSettings};

const MESSAGE_MAX_BYTES: usize = 1_000;

fuzz_target!(|bytes: &[u8]| {
    let Some((&form, bytes)) = bytes.split_first() else { return };
    let settings = Arc::new(SmtpSettings {
        protocol: if form & 1 == 0 { Protocol::Smtp } else { Protocol::Lmtp },
        hostname: "reports.example.net".to_owned(),
        recipients: vec!["tlsrpt@reports.example.net".parse().expect("an address")],
        tokens: BTreeSet::from(["S3cretToken".to_owned()]),
        message_max_bytes: MESSAGE_MAX_BYTES,
        messages_per_session_max: 5,
        starttls: form & 2 == 0,
    });
    // Every other input begins in the middle of things, where the fuzzer would not get by itself soon.
    let hello = if form & 1 == 0 { "EHLO" } else { "LHLO" };
    let body = if form & 8 == 0 { "" } else { " BODY=BINARYMIME" };
    let begin = format!("{hello} c\r\nMAIL FROM:<>{body}\r\nRCPT TO:<tlsrpt+S3cretToken@reports.example.net>\r\n");
    let input = if form & 4 == 0 { bytes.to_vec() } else { [begin.as_bytes(), bytes].concat() };

    let whole = Held::hold(&settings, &input, input.len().max(1));
    let piece = usize::from(form >> 4) + 1;
    assert_eq!(Held::hold(&settings, &input, piece), whole);
    for message in &whole.messages {
        assert!(!message.recipients.is_empty() && message.bytes.len() <= MESSAGE_MAX_BYTES);
        assert!(message.body == BodyType::BinaryMime || !has_bare_newline(&message.bytes));
    }
    assert!(whole.said.is_ascii() && !has_bare_newline(&whole.said));
});

/// What came of a session.
#[derive(Debug, Default, PartialEq)]
struct Held {
    said: Vec<u8>,
    messages: Vec<ReceivedMessage>,
    closed: bool,
}

impl Held {
    fn hold(settings: &Arc<SmtpSettings>, input: &[u8], piece: usize) -> Held {
        let mut held = Held::default();
        let mut session = SmtpSession::new(Arc::clone(settings));
        session.greet(&mut held.said);
        for mut piece in input.chunks(piece) {
            while !held.closed {
                assert!(session.room(piece.len()) <= MESSAGE_MAX_BYTES);
                match session.feed(&mut piece, &mut held.said) {
                    Next::More => break,
                    Next::Message(message) => {
                        let replies = vec![SmtpReply::new(250, "2.0.0", "taken"); message.recipients.len()];
                        held.closed = session.answer(&replies, &mut held.said) == Next::Close;
                        held.messages.push(*message);
                    }
                    // What comes now is plain text, which ends the session.
                    Next::StartTls => {}
                    Next::Close => held.closed = true,
                }
            }
            assert!(held.closed || piece.is_empty(), "all that was fed is taken");
        }
        held
    }
}

fn has_bare_newline(bytes: &[u8]) -> bool {
    let mut before = 0;
    for byte in bytes.iter().chain(&[0]) {
        if (before == b'\r') != (*byte == b'\n') {
            return true;
        }
        before = *byte;
    }
    false
}

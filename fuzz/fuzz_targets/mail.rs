//! Any bytes as a mail: taking it apart ends, within its bounds, and every place it names lies within the mail.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlsight::{decode::{decode, mail::{MessageBytes, ParsedMail, open}}, fault::FaultCode, limits::{Limits, MAIL_REPORT_PARTS_MAX, MIME_PARTS_MAX}, submission::Hints};

const UNPACKED_MAX_BYTES: usize = 4 * 1024 * 1024;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { report_decompressed_max_bytes: UNPACKED_MAX_BYTES, ..Limits::default() };
    match open(bytes, &limits) {
        Ok(mail) => check(&mail, bytes, &limits),
        Err(fault) => assert!(!fault.detail.is_empty() && fault.code != FaultCode::Internal),
    }
});

fn check(mail: &ParsedMail, bytes: &[u8], limits: &Limits) {
    assert!((1..=MAIL_REPORT_PARTS_MAX).contains(&mail.parts.len()));
    assert!((1..=MIME_PARTS_MAX + 1).contains(&mail.messages.len()));
    for message in &mail.messages {
        if let MessageBytes::Range(range) = &message.raw {
            assert!(range.start <= range.end && range.end <= bytes.len());
        }
        assert!(message.raw.bytes(bytes).len() <= bytes.len());
    }
    // Transfer encodings only shrink, and no two parts overlap.
    assert!(mail.parts.iter().map(|part| part.bytes.len()).sum::<usize>() <= bytes.len());
    for part in &mail.parts {
        assert!(part.message < mail.messages.len());
        for shown in [&part.media_type, &part.name].into_iter().flatten() {
            assert!(shown.chars().count() <= 255 && !shown.contains(char::is_control));
        }
        let hints = Hints { media_type: part.media_type.clone(), ..Hints::default() };
        if let Err(fault) = decode(&part.bytes, &hints, limits) {
            assert!(!fault.detail.is_empty() && fault.code != FaultCode::Internal);
        }
    }
}

//! What the fuzz targets call: parsers of strangers' bytes that are private, or that stand in rooms which need a server.
//! Each checks what must hold whatever comes, and panics where it does not. Built by `cargo fuzz` only.

#[path = "collect/imap/reply.rs"]
#[expect(dead_code, reason = "only the parsers are fuzzed")]
mod imap_reply;
#[path = "store/journal/layout.rs"]
#[expect(dead_code, reason = "what is written is read again")]
mod journal_layout;
#[path = "import/mbox.rs"]
mod mbox_reader;
#[path = "receive/smtp/proxy.rs"]
mod proxy_header;
#[path = "store/engine/wal.rs"]
mod write_ahead_log;

use std::{pin::pin, task::Poll};

pub use crate::{
    report::fuzzing::policy_strings,
    verify::{
        dkim::fuzzing::{authentication_results, key_record, signature_header},
        network::fuzzing::spf_record,
    },
};
use imap_reply::ImapReply;

/// One IMAP response, which a server chooses.
pub fn imap_response(bytes: &[u8]) {
    if let Some(line) = bytes.split_inclusive(|byte| *byte == b'\n').next_back() {
        imap_reply::announced_literal(bytes, line);
    }
    match ImapReply::parse(bytes.to_vec()) {
        Ok(ImapReply::Data(data)) => {
            if let Some(numbers) = data.search() {
                assert!(numbers.count() <= bytes.len());
            }
            assert!(data.capabilities().is_none_or(|names| names.count() <= bytes.len()));
            assert!(data.numbered().is_none_or(|(_, word)| word.len() <= bytes.len()));
            data.listed();
            if let Some(body) = data.fetched().and_then(|fetched| fetched.body) {
                assert!(body.len() <= bytes.len(), "nothing is made up");
            }
        }
        Ok(ImapReply::Status(status)) => assert!(!status.text.contains(char::is_control)),
        Ok(ImapReply::Continue(_)) => {}
        Err(shown) => assert!(!shown.contains(char::is_control)),
    }
}

/// A file of several mails. What is read holds no more bytes than came, and each mail keeps to its bound.
pub fn mbox(bytes: &[u8]) {
    const MAIL_MAX_BYTES: usize = 1_000;
    let mut mails = mbox_reader::Mbox::new(bytes, MAIL_MAX_BYTES);
    let mut read = 0;
    while let Some(mail) = mails.next().expect("memory does not fail") {
        if let mbox_reader::MboxMessage::Whole(mail) = mail {
            assert!(mail.len() <= MAIL_MAX_BYTES);
            read += mail.len();
        }
    }
    assert!(read <= bytes.len());
}

/// The header with which a proxy connects. Exactly its bytes are read.
pub fn proxy_header(bytes: &[u8]) {
    let mut rest = bytes;
    let result = {
        let reading = pin!(proxy_header::read(&mut rest));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let Poll::Ready(result) = reading.poll(&mut context) else { panic!("a slice is always ready") };
        result
    };
    if result.is_ok() {
        let read = bytes.len() - rest.len();
        let announced = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
        assert_eq!(read, 16 + announced);
    }
}

/// A segment of the journal after a crash. What is read lies within it, and is read again where the rest is gone.
pub fn journal_segment(bytes: &[u8]) {
    use journal_layout::{Tail, batches_without_header, records_at, scan};
    let Ok(segment) = scan(bytes) else { return };
    let sequences: Vec<u64> = segment.records.iter().map(|record| record.sequence).collect();
    assert!(sequences.is_sorted_by(|before, after| *after == before + 1));
    match &segment.tail {
        Tail::Clean => {}
        Tail::Torn { at } => {
            let again = scan(&bytes[..*at]).expect("the header is sound");
            assert_eq!((again.records, again.tail), (segment.records.clone(), Tail::Clean));
        }
        Tail::Damaged { at, behind } => {
            assert!(behind.iter().all(|place| place >= at && *place < bytes.len()));
            records_at(bytes, &segment.header, behind);
        }
    }
    let found = batches_without_header(bytes, segment.header.journal);
    assert!(segment.batches == 0 || found.is_some());
}

/// A write-ahead log after a crash. What is kept lies within it and is kept again when it is read a second time.
pub fn write_ahead_log(bytes: &[u8]) {
    let found = write_ahead_log::scan(bytes);
    let mut at = found.header;
    for commit in &found.commits {
        assert!(commit.start >= at && commit.start < commit.end && commit.end <= bytes.len());
        at = commit.end;
    }
    let end = found.sound_end();
    assert!(end <= bytes.len());
    let again = write_ahead_log::scan(&bytes[..end]);
    assert_eq!(again.commits, found.commits, "a cut loses no whole commit");
    if let Some(mended) = write_ahead_log::with_flush_mended(bytes) {
        assert_eq!(mended.len(), bytes.len());
    }
}

use std::io::{BufReader, Cursor};

use proptest::prelude::*;

use super::*;

fn split(mbox: &[u8], mail_max_bytes: usize, buffer_bytes: usize) -> Vec<MboxMessage> {
    let mut mbox = Mbox::new(BufReader::with_capacity(buffer_bytes, mbox), mail_max_bytes);
    std::iter::from_fn(|| mbox.next().expect("memory can be read")).collect()
}

fn whole(mbox: &[u8]) -> Vec<String> {
    let text = |message| match message {
        MboxMessage::Whole(bytes) => String::from_utf8(bytes).unwrap(),
        MboxMessage::TooLarge => "too large".to_owned(),
    };
    split(mbox, 1_000, 7).into_iter().map(text).collect()
}

/// As a mail server that writes mboxrd does it.
fn join(mails: &[Vec<u8>]) -> Vec<u8> {
    let mut mbox = Vec::new();
    for mail in mails {
        mbox.extend_from_slice(b"From a@example.net Mon Jan  1 00:00:00 2024\n");
        for line in mail.split_inclusive(|byte| *byte == b'\n') {
            let unmarked = line.iter().position(|byte| *byte != b'>').unwrap_or(line.len());
            if line[unmarked..].starts_with(b"From ") {
                mbox.push(b'>');
            }
            mbox.extend_from_slice(line);
        }
        mbox.push(b'\n');
    }
    mbox
}

#[test]
fn only_a_from_line_after_an_empty_line_begins_a_mail() {
    let mbox = "From a\nSubject: 1\n\nText\nFrom inside\n>From quoted\n>>From twice\n> From not\n\nFrom b\nSubject: 2\n\n\n\
                \nFrom c\n\nFrom d\nlast, without a line end";
    assert_eq!(
        whole(mbox.as_bytes()),
        [
            "Subject: 1\n\nText\nFrom inside\nFrom quoted\n>From twice\n> From not\n",
            "Subject: 2\n\n\n",
            "",
            "last, without a line end",
        ]
    );
    assert_eq!(whole(b""), Vec::<String>::new());
    assert_eq!(whole(b"From a"), Vec::<String>::new());
    assert_eq!(whole(b"From a\n"), Vec::<String>::new());
}

#[test]
fn line_ends_stay_as_they_are() {
    let crlf = "From a\r\nSubject: 1\r\n\r\nText\r\n\r\nFrom b\r\nSubject: 2\r\n\r\n>From x\r\n\r\n";
    assert_eq!(whole(crlf.as_bytes()), ["Subject: 1\r\n\r\nText\r\n", "Subject: 2\r\n\r\nFrom x\r\n"]);
    let mixed = "From a\nSubject: 1\r\n\r\n\nFrom b\nSubject: 2\r\n\r\n\r\n\n";
    assert_eq!(whole(mixed.as_bytes()), ["Subject: 1\r\n\r\n", "Subject: 2\r\n\r\n\r\n"]);
}

#[test]
fn a_mail_that_is_too_large_costs_only_itself() {
    let mail = |bytes: usize| [&vec![b'x'; bytes - 1][..], b"\n"].concat();
    for ends in ["\n", "\r\n"] {
        for bytes in 90..200 {
            let mbox = [b"From a\n", &mail(bytes)[..], ends.as_bytes(), b"From b\nnext\n"].concat();
            let first = if bytes <= 100 { MboxMessage::Whole(mail(bytes)) } else { MboxMessage::TooLarge };
            assert_eq!(split(&mbox, 100, 16), [first, MboxMessage::Whole(b"next\n".to_vec())], "{bytes} bytes");
        }
    }
    // Many short lines, an end far away, and From lines that are none.
    let mbox = [&b"From a\n"[..], &b"line\n>From x\nFrom y\n"[..].repeat(10_000), b"\nFrom b\nnext\n"].concat();
    assert_eq!(split(&mbox, 100, 16), [MboxMessage::TooLarge, MboxMessage::Whole(b"next\n".to_vec())]);
}

proptest! {
    #[test]
    fn mails_come_out_byte_for_byte(mails in prop::collection::vec("((>{0,3}From )?[ -~]{0,20}\r?\n){0,8}", 0..8)) {
        let mails: Vec<Vec<u8>> = mails.into_iter().map(String::into_bytes).collect();
        let messages = split(&join(&mails), 10_000, 13);
        // Nothing stands behind the last From line but the empty line that ends an mbox.
        prop_assert_eq!(messages, mails.into_iter().map(MboxMessage::Whole).collect::<Vec<_>>());
    }

    #[test]
    fn whatever_it_is_it_ends_and_holds_no_more_than_it_may(bytes in prop::collection::vec(prop::sample::select(b"From >\r\nx".to_vec()), 0..400), max in 0usize..50) {
        for message in split(&bytes, max, 5) {
            if let MboxMessage::Whole(mail) = message {
                prop_assert!(mail.len() <= max);
            }
        }
    }
}

/// Ten gigabytes in small, made while they are read.
#[test]
fn a_large_mbox_is_never_held_whole() {
    const MAILS: usize = 2_000;
    const HUGE: usize = 777;
    struct Generator {
        next: usize,
        mail: Cursor<Vec<u8>>,
    }
    impl Read for Generator {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let read = self.mail.read(buffer)?;
            if read > 0 || self.next == MAILS {
                return Ok(read);
            }
            let lines = if self.next == HUGE { 200_000 } else { 500 };
            let mut mail = format!("From a\nSubject: {}\n\n", self.next).into_bytes();
            mail.extend(b"base64base64base64\n".repeat(lines));
            mail.push(b'\n');
            self.next += 1;
            self.mail = Cursor::new(mail);
            self.mail.read(buffer)
        }
    }
    let generator = Generator { next: 0, mail: Cursor::new(Vec::new()) };
    let mut mbox = Mbox::new(BufReader::new(generator), 20_000);
    let mut seen = 0;
    while let Some(message) = mbox.next().unwrap() {
        match message {
            MboxMessage::Whole(mail) => {
                assert!(mail.starts_with(format!("Subject: {seen}\n").as_bytes()));
                assert!(mail.capacity() <= 64 * 1024, "{} bytes held", mail.capacity());
            }
            MboxMessage::TooLarge => assert_eq!(seen, HUGE),
        }
        seen += 1;
    }
    assert_eq!(seen, MAILS);
}

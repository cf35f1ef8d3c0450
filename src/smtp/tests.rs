//! Dialogs as text files, `fixtures/smtp/*.txt`. Each is held twice: whole, and byte by byte. What came instead is written
//! beside it as `.got`.
//!
//! ```text
//! # a comment
//! .lmtp                    LMTP instead of SMTP; settings stand before the first line that is said
//! .tls                     STARTTLS is offered
//! .max 100                 message_max_bytes
//! .messages 2              messages_per_session_max
//! C: EHLO client.example   the client says this and CRLF; lines in a row come in one piece
//! C: half a line\          the same without CRLF
//! S: 250 2.0.0 ok          the server says this
//! A: 451 4.3.0 busy        what the next recipient of the next message is answered; else `250 2.0.0 taken`
//! M: from <a@b> for …      a message has come: its envelope and its bytes
//! T:                       the TLS handshake is done
//! X:                       the server hangs up
//! ```
//!
//! In what the client says `\r`, `\n`, `\\` and `\x00` are bytes and `\{3 ab}` is `ababab`.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt::Write as _,
    fs,
    path::Path,
    sync::Arc,
};

use super::*;

#[test]
fn dialogs_go_as_written() {
    let mut files: Vec<_> = fs::read_dir("fixtures/smtp").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    assert!(files.len() > 20, "the dialogs are there");
    let wrong: Vec<_> = files.iter().filter(|file| !holds(file)).map(|file| file.display().to_string()).collect();
    assert!(wrong.is_empty(), "see the .got beside each of:\n{}", wrong.join("\n"));
}

fn holds(file: &Path) -> bool {
    let expected = fs::read_to_string(file).unwrap();
    let got = file.with_extension("got");
    for piece in [usize::MAX, 1, 3] {
        let came = replay(&expected, piece);
        if came != expected {
            fs::write(&got, format!("{came}# in pieces of {piece} bytes\n")).unwrap();
            return false;
        }
    }
    let _ = fs::remove_file(got);
    true
}

/// The dialog with what the server says now.
fn replay(dialog: &str, piece: usize) -> String {
    let mut stage = Stage::new(dialog);
    let mut said = Vec::new();
    for line in dialog.lines() {
        let (kind, text) = line.split_once(':').unwrap_or_default();
        let text = text.strip_prefix(' ').unwrap_or(text);
        if kind == "C" {
            said.extend(bytes(text));
        } else {
            stage.hear(&std::mem::take(&mut said), piece);
        }
        match kind {
            "S" | "M" | "X" => continue,
            "A" => stage.answers.push_back(parse_reply(text)),
            "T" => stage.session.secured(),
            _ => {}
        }
        stage.transcript.push_str(line);
        stage.transcript.push('\n');
    }
    stage.hear(&said, piece);
    stage.transcript
}

struct Stage {
    session: SmtpSession,
    answers: VecDeque<SmtpReply>,
    transcript: String,
    greeted: bool,
    closed: bool,
}

impl Stage {
    fn new(dialog: &str) -> Stage {
        let setting = |name: &str| dialog.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let flag = |name: &str| dialog.lines().any(|line| line == name);
        let settings = SmtpSettings {
            protocol: if flag(".lmtp") { Protocol::Lmtp } else { Protocol::Smtp },
            hostname: "reports.example.net".to_owned(),
            recipients: ["tlsrpt@reports.example.net", "me@bücher.example"].map(|text| text.parse().unwrap()).to_vec(),
            tokens: BTreeSet::from(["S3cretToken".to_owned()]),
            message_max_bytes: setting(".max").map_or(25 << 20, |max| max.parse().unwrap()),
            messages_per_session_max: setting(".messages").map_or(1000, |max| max.parse().unwrap()),
            starttls: flag(".tls"),
        };
        Stage {
            session: SmtpSession::new(Arc::new(settings)),
            answers: VecDeque::new(),
            transcript: String::new(),
            greeted: false,
            closed: false,
        }
    }

    fn hear(&mut self, bytes: &[u8], piece: usize) {
        if bytes.is_empty() {
            return;
        }
        let mut out = Vec::new();
        if !std::mem::replace(&mut self.greeted, true) {
            // Said before the client said anything, and the same in each dialog but for the protocol.
            self.session.greet(&mut out);
            assert!(out.starts_with(b"220 reports.example.net "));
            out.clear();
        }
        for mut piece in bytes.chunks(piece.min(bytes.len())) {
            while !self.closed {
                match self.session.feed(&mut piece, &mut out) {
                    Next::More => break,
                    Next::StartTls => {}
                    Next::Close => {
                        self.flush(&mut out);
                        self.closed = true;
                        self.transcript.push_str("X:\n");
                    }
                    Next::Message(message) => {
                        self.flush(&mut out);
                        self.write_message(&message);
                        let default = SmtpReply::new(250, "2.0.0", "taken");
                        let replies: Vec<_> = (message.recipients.iter())
                            .map(|_| self.answers.pop_front().unwrap_or_else(|| default.clone()))
                            .collect();
                        if self.session.answer(&replies, &mut out) == Next::Close {
                            self.flush(&mut out);
                            self.closed = true;
                            self.transcript.push_str("X:\n");
                        }
                    }
                }
            }
        }
        self.flush(&mut out);
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        let text = String::from_utf8(std::mem::take(out)).expect("replies are ASCII");
        for line in text.split_inclusive("\r\n") {
            let line = line.strip_suffix("\r\n").expect("replies end with CRLF");
            writeln!(self.transcript, "S: {line}").unwrap();
        }
    }

    fn write_message(&mut self, message: &ReceivedMessage) {
        let ReceivedMessage { bytes, mail_from, recipients, body, smtputf8 } = message;
        write!(self.transcript, "M: from <{mail_from}> for").unwrap();
        for Recipient { address, token } in recipients {
            write!(self.transcript, " <{address}>").unwrap();
            if let Some(token) = token {
                write!(self.transcript, " (token {token})").unwrap();
            }
        }
        match body {
            BodyType::SevenBit => {}
            other => write!(self.transcript, ", {other:?}").unwrap(),
        }
        let utf8 = if *smtputf8 { ", SMTPUTF8" } else { "" };
        match bytes.len() {
            length if length > 200 => writeln!(self.transcript, "{utf8}: {length} bytes"),
            _ => writeln!(self.transcript, "{utf8}: {}", bytes.escape_ascii()),
        }
        .unwrap();
    }
}

fn parse_reply(text: &str) -> SmtpReply {
    let (code, text) = text.split_once(' ').unwrap();
    let (status, text) = text.split_once(' ').unwrap();
    let known = ["2.0.0", "4.3.0", "4.3.2", "5.6.0", "5.3.4"];
    let status = known.into_iter().find(|known| *known == status).expect("a status the dialogs use");
    SmtpReply::quoting(code.parse().unwrap(), status, text)
}

/// What a `C:` line stands for.
fn bytes(text: &str) -> Vec<u8> {
    let (mut text, end) = match text.strip_suffix('\\').filter(|rest| !rest.ends_with('\\')) {
        Some(text) => (text, &b""[..]),
        None => (text, &b"\r\n"[..]),
    };
    let mut bytes = Vec::new();
    while let Some((plain, escape)) = text.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let (kind, mut rest) = escape.split_at(1);
        match kind {
            "r" => bytes.push(b'\r'),
            "n" => bytes.push(b'\n'),
            "\\" => bytes.push(b'\\'),
            "x" => {
                let (digits, after) = rest.split_at(2);
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                rest = after;
            }
            "{" => {
                let (repeat, after) = rest.split_once('}').unwrap();
                let (count, word) = repeat.split_once(' ').unwrap();
                bytes.extend(word.repeat(count.parse().unwrap()).into_bytes());
                rest = after;
            }
            other => panic!("unknown escape \\{other}"),
        }
        text = rest;
    }
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend_from_slice(end);
    bytes
}

#[test]
fn a_message_beyond_its_memory_is_read_to_its_end_and_may_come_again() {
    let stage = Stage::new("");
    let mut session = stage.session;
    let mut out = Vec::new();
    let envelope = b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<tlsrpt@reports.example.net>\r\nDATA\r\n";
    session.feed(&mut &envelope[..], &mut out);
    assert!(session.in_message());
    let chunk = [b'x'; 1000];
    assert_eq!(session.room(chunk.len()), 16 * 1024, "memory is asked for before it is used");
    session.allow(900);
    out.clear();
    assert_eq!(session.feed(&mut &chunk[..], &mut out), Next::More);
    assert_eq!((session.room(1000), out.len()), (0, 0));
    session.allow(usize::MAX);
    assert_eq!(session.feed(&mut &b"\r\n.\r\nNOOP\r\n"[..], &mut out), Next::More);
    let said = String::from_utf8(out).unwrap();
    assert!(said.starts_with("452 4.3.1 ") && said.contains("\r\n250 2.0.0 "), "{said}");
}

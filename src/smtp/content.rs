//! What a message consists of, as it comes in: DATA with its dots (RFC 5321 §4.5.2), the chunks of BDAT (RFC 3030).
//!
//! Only CRLF ends a line, and only CRLF.CRLF ends DATA. A CR or LF that stands alone is where servers disagree, so a message
//! with one is read to its real end and refused.

use super::reply::SmtpReply;
use crate::limits::SMTP_TEXT_LINE_MAX_BYTES;

/// Bytes of memory that a message begins with.
const START_BYTES: usize = 16 * 1024;

/// A message's bytes so far, or why they are not kept.
#[derive(Debug)]
pub(super) struct MessageContent {
    bytes: Vec<u8>,
    flaw: Option<ContentFlaw>,
    /// Bytes of the current line.
    line_bytes: usize,
    max_bytes: usize,
}

/// Why a message is not taken, although it is read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContentFlaw {
    BareCr,
    BareLf,
    LineTooLong,
    TooLarge,
    NoMemory,
}

/// Where in a text the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    LineStart,
    /// After a dot that began a line.
    Dot,
    DotCr,
    Inside,
    Cr,
}

/// Reads text line by line.
#[derive(Debug)]
pub(super) struct MessageText {
    at: At,
    /// Dots are added and one ends the text, as in DATA.
    dotted: bool,
}

impl MessageText {
    pub(super) fn dotted() -> MessageText {
        MessageText { at: At::LineStart, dotted: true }
    }

    pub(super) fn plain() -> MessageText {
        MessageText { at: At::LineStart, dotted: false }
    }

    /// Takes bytes up to the end of a dotted text: `true` where it is reached.
    pub(super) fn take(&mut self, input: &mut &[u8], content: &mut MessageContent, budget: usize) -> bool {
        while let Some((&byte, rest)) = input.split_first() {
            if self.at == At::Inside {
                let run = input.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(input.len());
                if run > 0 {
                    let (text, rest) = input.split_at(run);
                    content.push_text(text, budget);
                    *input = rest;
                    continue;
                }
            }
            *input = rest;
            self.at = match (self.at, byte) {
                (At::DotCr, b'\n') => return true,
                (At::Cr, b'\n') => {
                    content.push_line_end(budget);
                    At::LineStart
                }
                (At::LineStart, b'.') if self.dotted => At::Dot,
                (At::Dot, b'\r') => At::DotCr,
                (before, byte) => {
                    if matches!(before, At::Cr | At::DotCr) {
                        content.spoil(ContentFlaw::BareCr);
                    }
                    match byte {
                        b'\r' => At::Cr,
                        b'\n' => {
                            content.spoil(ContentFlaw::BareLf);
                            At::Inside
                        }
                        _ => {
                            content.push_text(&[byte], budget);
                            At::Inside
                        }
                    }
                }
            };
        }
        false
    }

    /// The end of a plain text: a CR there has no LF.
    pub(super) fn end(&self, content: &mut MessageContent) {
        if self.at == At::Cr {
            content.spoil(ContentFlaw::BareCr);
        }
    }
}

impl MessageContent {
    pub(super) fn new(max_bytes: usize) -> MessageContent {
        MessageContent { bytes: Vec::new(), flaw: None, line_bytes: 0, max_bytes }
    }

    /// Bytes of memory that are held once so many more have come.
    pub(super) fn room(&self, more: usize) -> usize {
        let held = self.bytes.capacity();
        let needed = self.bytes.len().saturating_add(more).min(self.max_bytes);
        match self.flaw {
            Some(_) => 0,
            None if needed <= held => held,
            None => needed.max(held.saturating_mul(2).max(START_BYTES).min(self.max_bytes)),
        }
    }

    /// Bytes that are no text. `budget` is the memory that may be held.
    pub(super) fn push(&mut self, bytes: &[u8], budget: usize) {
        let length = self.bytes.len().saturating_add(bytes.len());
        match self.flaw {
            Some(_) => {}
            None if length > self.max_bytes => self.spoil(ContentFlaw::TooLarge),
            None if length > budget => self.spoil(ContentFlaw::NoMemory),
            None => {
                let room = self.room(bytes.len()).min(budget);
                self.bytes.reserve_exact(room.saturating_sub(self.bytes.len()));
                self.bytes.extend_from_slice(bytes);
            }
        }
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, ContentFlaw> {
        self.flaw.map_or(Ok(self.bytes), Err)
    }

    pub(super) fn flaw(&self) -> Option<ContentFlaw> {
        self.flaw
    }

    fn push_text(&mut self, text: &[u8], budget: usize) {
        self.line_bytes = self.line_bytes.saturating_add(text.len());
        // Room is left for the CRLF.
        if self.line_bytes.saturating_add(2) > SMTP_TEXT_LINE_MAX_BYTES {
            self.spoil(ContentFlaw::LineTooLong);
        }
        self.push(text, budget);
    }

    fn push_line_end(&mut self, budget: usize) {
        self.line_bytes = 0;
        self.push(b"\r\n", budget);
    }

    /// The first flaw stands; the bytes are given back.
    fn spoil(&mut self, flaw: ContentFlaw) {
        self.flaw.get_or_insert(flaw);
        self.bytes = Vec::new();
    }
}

impl ContentFlaw {
    pub(super) fn reply(self, max_bytes: usize) -> SmtpReply {
        match self {
            ContentFlaw::BareCr => SmtpReply::new(550, "5.6.11", "bare <CR> in the message: lines end with <CR><LF>"),
            ContentFlaw::BareLf => SmtpReply::new(550, "5.6.11", "bare <LF> in the message: lines end with <CR><LF>"),
            ContentFlaw::LineTooLong => SmtpReply::quoting(
                554,
                "5.6.0",
                &format!("a line of the message is longer than {SMTP_TEXT_LINE_MAX_BYTES} bytes"),
            ),
            ContentFlaw::TooLarge => too_large(max_bytes),
            ContentFlaw::NoMemory => {
                SmtpReply::new(452, "4.3.1", "Insufficient system storage: too many messages at once, try again later")
            }
        }
    }

    /// Whether the client broke the protocol, rather than asked for too much.
    pub(super) fn is_error(self) -> bool {
        match self {
            ContentFlaw::BareCr | ContentFlaw::BareLf | ContentFlaw::LineTooLong => true,
            ContentFlaw::TooLarge | ContentFlaw::NoMemory => false,
        }
    }
}

pub(super) fn too_large(max_bytes: usize) -> SmtpReply {
    SmtpReply::quoting(552, "5.3.4", &format!("the message is larger than {max_bytes} bytes (mail_wire_max_bytes)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of a dotted text and what is left behind its end; `None` where it has not ended.
    fn read(text: &[u8]) -> Option<(Result<Vec<u8>, ContentFlaw>, usize)> {
        let mut content = MessageContent::new(100);
        let mut rest = text;
        let ended = MessageText::dotted().take(&mut rest, &mut content, usize::MAX);
        ended.then(|| (content.finish(), rest.len()))
    }

    #[test]
    fn dots_are_taken_away() {
        assert_eq!(read(b".\r\n"), Some((Ok(b"".to_vec()), 0)));
        assert_eq!(read(b"..\r\n.a\r\n...\r\n.\r\nQUIT\r\n"), Some((Ok(b".\r\na\r\n..\r\n".to_vec()), 6)));
        assert_eq!(read(b"a.\r\n.\r\n"), Some((Ok(b"a.\r\n".to_vec()), 0)));
        assert_eq!(read(b"\r\n\r\n.\r\n"), Some((Ok(b"\r\n\r\n".to_vec()), 0)));
    }

    #[test]
    fn only_crlf_dot_crlf_ends_a_text() {
        let bare: &[&[u8]] =
            &[b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b".\r\r\n", b"\r.\r", b".\n", b"\r\r\n.\n"];
        for variant in bare {
            let text = [b"a", *variant, b"b"].concat();
            assert_eq!(read(&text), None, "{}", text.escape_ascii());
            let text = [text, b"\r\n.\r\n".to_vec()].concat();
            let (content, left) = read(&text).expect("its real end is found");
            assert!(matches!(content, Err(ContentFlaw::BareCr | ContentFlaw::BareLf)), "{}", text.escape_ascii());
            assert_eq!(left, 0);
        }
    }

    #[test]
    fn memory_grows_by_doubling_up_to_the_bound_and_is_given_back() {
        let mut content = MessageContent::new(50_000);
        assert_eq!((content.room(0), content.room(1)), (0, START_BYTES));
        content.push(&[0; 10], usize::MAX);
        assert_eq!((content.room(0), content.bytes.capacity()), (START_BYTES, START_BYTES));
        content.push(&[0; START_BYTES], usize::MAX);
        assert_eq!(content.bytes.capacity(), 2 * START_BYTES);
        assert_eq!(content.room(40_000), 50_000);
        content.push(&[0; 40_000], usize::MAX);
        assert_eq!((content.bytes.capacity(), content.flaw), (0, Some(ContentFlaw::TooLarge)));
        assert_eq!(content.room(40_000), 0);
    }

    #[test]
    fn a_message_does_not_outgrow_its_budget() {
        let mut content = MessageContent::new(50_000);
        content.push(&[0; 10], 12);
        assert_eq!(content.bytes.capacity(), 12);
        content.push(&[0; 10], 12);
        assert_eq!(content.finish(), Err(ContentFlaw::NoMemory));
    }

    #[test]
    fn a_line_is_bounded() {
        let mut content = MessageContent::new(usize::MAX);
        let mut text = MessageText::plain();
        text.take(&mut &vec![b'x'; SMTP_TEXT_LINE_MAX_BYTES - 2][..], &mut content, usize::MAX);
        text.take(&mut &b"\r\n"[..], &mut content, usize::MAX);
        assert_eq!(content.flaw, None);
        text.take(&mut &vec![b'x'; SMTP_TEXT_LINE_MAX_BYTES - 1][..], &mut content, usize::MAX);
        assert_eq!(content.flaw, Some(ContentFlaw::LineTooLong));
    }
}

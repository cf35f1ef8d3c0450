//! The mails of an mbox one by one, in the form "mboxrd": each begins behind a line `From `, and a line of its own that
//! begins so, after any number of `>`, carries one `>` more. That one is taken away, so that signatures verify. No more
//! than one mail is held in memory.

use std::io::{self, BufRead, Read};

/// Bytes that are read past the largest mail, to see whether the next line begins another.
const AHEAD_BYTES: usize = 64;
/// Bytes of the empty line before a `From ` line.
const BLANK_MAX_BYTES: usize = 2;
/// Bytes of a mail that is too large which are held while its end is looked for.
const SKIP_BYTES: usize = 64 * 1024;

pub(super) struct Mbox<R> {
    input: R,
    mail_max_bytes: usize,
    begun: bool,
    ended: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum MboxMessage {
    /// As it was before it was put into the mbox; the empty line before the next `From ` line is not part of it.
    Whole(Vec<u8>),
    TooLarge,
}

impl<R: BufRead> Mbox<R> {
    /// The input begins with a `From ` line.
    pub(super) fn new(input: R, mail_max_bytes: usize) -> Mbox<R> {
        Mbox { input, mail_max_bytes, begun: false, ended: false }
    }

    /// The next mail; `None` at the end. Behind a mail that is too large the next one follows all the same.
    pub(super) fn next(&mut self) -> io::Result<Option<MboxMessage>> {
        if !self.begun {
            self.begun = true;
            self.skip_line()?;
        }
        if self.ended {
            return Ok(None);
        }
        let mut mail = Vec::new();
        let (mut begun, mut too_large) = (false, false);
        let (mut at_line_start, mut after_blank) = (true, false);
        loop {
            let at = mail.len();
            let room = if too_large { SKIP_BYTES } else { self.mail_max_bytes.saturating_add(AHEAD_BYTES) - at };
            let read = (&mut self.input).take(room as u64).read_until(b'\n', &mut mail)?;
            if read == 0 {
                self.ended = true;
                if !begun {
                    return Ok(None);
                }
                break;
            }
            begun = true;
            let line = mail.get(at..).unwrap_or_default();
            let whole = line.ends_with(b"\n");
            if at_line_start && after_blank && line.starts_with(b"From ") {
                if !whole {
                    self.skip_line()?;
                }
                mail.truncate(at);
                break;
            }
            let quoted = at_line_start && is_quoted(line);
            after_blank = at_line_start && matches!(line, b"\n" | b"\r\n");
            at_line_start = whole;
            if quoted {
                mail.remove(at);
            }
            too_large |= mail.len() > self.mail_max_bytes.saturating_add(BLANK_MAX_BYTES);
            if too_large {
                mail.clear();
            }
        }
        if after_blank {
            // What is left before it, if anything, ends with a line feed, so a carriage return belongs to the empty line.
            let _ = mail.pop_if(|byte| *byte == b'\n');
            let _ = mail.pop_if(|byte| *byte == b'\r');
        }
        let too_large = too_large || mail.len() > self.mail_max_bytes;
        Ok(Some(if too_large { MboxMessage::TooLarge } else { MboxMessage::Whole(mail) }))
    }

    fn skip_line(&mut self) -> io::Result<()> {
        self.input.skip_until(b'\n').map(drop)
    }
}

fn is_quoted(line: &[u8]) -> bool {
    let marks = line.iter().take_while(|byte| **byte == b'>').count();
    marks > 0 && line.get(marks..).is_some_and(|rest| rest.starts_with(b"From "))
}

#[cfg(test)]
mod tests;

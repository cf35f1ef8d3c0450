//! Replies: a code (RFC 5321 §4.2), an enhanced code (RFC 3463) and a few words.

use std::borrow::Cow;

/// Bytes of a reply's words. A line of 512 must hold them with the codes (RFC 5321 §4.5.3.1.5).
const TEXT_MAX_BYTES: usize = 200;

/// One line of reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpReply {
    code: u16,
    /// Like `5.5.1`; empty where there is none (RFC 2034 §4).
    status: &'static str,
    text: Cow<'static, str>,
}

impl SmtpReply {
    /// The words are ours: printable ASCII.
    pub const fn new(code: u16, status: &'static str, text: &'static str) -> SmtpReply {
        SmtpReply { code, status, text: Cow::Borrowed(text) }
    }

    /// The words hold what others wrote: anything but printable ASCII is replaced, and they are cut.
    pub fn quoting(code: u16, status: &'static str, text: &str) -> SmtpReply {
        let printable = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
        let text: String = text.chars().take(TEXT_MAX_BYTES).map(printable).collect();
        SmtpReply { code, status, text: Cow::Owned(text) }
    }

    pub fn code(&self) -> u16 {
        self.code
    }

    /// The line with its end.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.code.to_string().as_bytes());
        for word in [self.status, &self.text].into_iter().filter(|word| !word.is_empty()) {
            out.push(b' ');
            out.extend_from_slice(word.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }

    pub fn is_positive(&self) -> bool {
        self.code < 400
    }

    /// Which reply stands for several, the highest first. To come again loses nothing, so it wins, and the connection's end
    /// wins over that. A refusal is said only where nothing was taken: its sender would report a mail as lost that was not.
    pub fn precedence(&self) -> u8 {
        match self.code {
            421 => 3,
            400..500 => 2,
            500.. => 0,
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_cannot_make_lines_of_its_own() {
        let mut out = Vec::new();
        SmtpReply::quoting(550, "5.6.0", &format!("a\r\n250 ok\u{e9}\0{}", "x".repeat(1000))).write(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("550 5.6.0 a??250 ok??xxx") && text.ends_with("x\r\n"), "{text}");
        assert!(text.len() < 512 && text.matches('\n').count() == 1);
    }
}

//! Command lines, gathered from bytes: CRLF ends them, nothing else does, and they are bounded.

use crate::limits::SMTP_LINE_MAX_BYTES;

/// What comes before a space in what is no mail: requests of HTTP, among them the preface of HTTP/2. A web page can make a
/// browser send these, with SMTP commands behind them.
const HTTP_METHODS: &[&[u8]] =
    &[b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT", b"DELETE", b"PATCH", b"TRACE", b"PRI"];
/// How a TLS handshake begins: record type and major version (RFC 8446 §5.1).
const CLIENT_HELLO: &[u8] = &[0x16, 0x03];

/// The line that is coming in.
#[derive(Debug, Default)]
pub(super) struct LineReader {
    bytes: Vec<u8>,
    /// The last byte was a CR.
    cr: bool,
    too_long: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// All bytes were taken, the line is not complete.
    More,
    /// A line with its CRLF.
    Complete(Vec<u8>),
    /// A line that was too long has ended; nothing of it was kept.
    TooLong,
    BareCr,
    BareLf,
    Http,
    ClientHello,
}

impl LineReader {
    /// Takes bytes up to the end of the line, or up to where it is clear that it will be none.
    pub(super) fn take(&mut self, input: &mut &[u8]) -> Taken {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            match (self.cr, byte) {
                (true, b'\n') => return self.end(),
                (true, _) => return Taken::BareCr,
                (false, b'\n') => return Taken::BareLf,
                (false, b'\r') => self.cr = true,
                // Room is left for the CRLF.
                _ if self.bytes.len() + 2 >= SMTP_LINE_MAX_BYTES => self.too_long = true,
                _ => {
                    if byte == b' ' && HTTP_METHODS.iter().any(|method| self.bytes.eq_ignore_ascii_case(method)) {
                        return Taken::Http;
                    }
                    self.bytes.push(byte);
                    if self.bytes == CLIENT_HELLO {
                        return Taken::ClientHello;
                    }
                }
            }
        }
        Taken::More
    }

    fn end(&mut self) -> Taken {
        let LineReader { mut bytes, too_long, .. } = std::mem::take(self);
        if too_long {
            return Taken::TooLong;
        }
        bytes.extend_from_slice(b"\r\n");
        Taken::Complete(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(bytes: &[u8]) -> Taken {
        LineReader::default().take(&mut &*bytes)
    }

    #[test]
    fn the_bound_counts_the_end_of_the_line() {
        let line = |length: usize| [vec![b'x'; length - 2], b"\r\n".to_vec()].concat();
        assert_eq!(take(&line(SMTP_LINE_MAX_BYTES)), Taken::Complete(line(SMTP_LINE_MAX_BYTES)));
        assert_eq!(take(&line(SMTP_LINE_MAX_BYTES + 1)), Taken::TooLong);
        assert_eq!(take(&[&[b'x'; 9000][..], b"\n"].concat()), Taken::BareLf, "also where nothing is kept");
    }

    #[test]
    fn what_is_no_mail_is_known_by_its_first_bytes() {
        assert_eq!(take(b"GET "), Taken::Http);
        assert_eq!(take(b"post "), Taken::Http);
        assert_eq!(take(b"GETTER "), Taken::More);
        assert_eq!(take(b"\x16\x03\x01"), Taken::ClientHello);
        assert_eq!(take(b"\x16"), Taken::More);
    }
}

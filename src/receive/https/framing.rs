//! Where a request ends in a stream of bytes. The HTTP library alone decides what a request means; this only keeps it from
//! being handed the next request before the answer to this one is out.

/// The end of a request head: an empty line (RFC 9112 §2.1), also after a bare LF, as the library reads it.
/// `scanned` bytes were looked at before and held no end.
pub fn head_end(bytes: &[u8], scanned: usize) -> Option<usize> {
    // The empty line may have begun in what was looked at before.
    let from = scanned.saturating_sub(2);
    let mut newlines =
        bytes[from..].iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(index, _)| from + index);
    newlines.find_map(|newline| match &bytes[newline + 1..] {
        [b'\n', ..] => Some(newline + 2),
        [b'\r', b'\n', ..] => Some(newline + 3),
        _ => None,
    })
}

/// What is still to come of a request body (RFC 9112 §6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Framing {
    Length(u64),
    Chunked(Chunk),
    /// To the end of the connection, as the library reads what comes after CONNECT or an upgrade to WebSocket.
    Endless,
}

/// Where in a chunked body the stream stands (RFC 9112 §7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    Size {
        size: u64,
        /// An extension or the line's end has begun.
        read: bool,
    },
    /// Bytes of data with the CRLF behind them.
    Data(u64),
    Trailer {
        line_empty: bool,
    },
    End,
    /// Not chunks at all. The library will say so.
    Garbled,
}

impl Framing {
    pub fn chunked() -> Framing {
        Framing::Chunked(Chunk::START)
    }

    pub fn is_complete(&self) -> bool {
        matches!(self, Framing::Length(0) | Framing::Chunked(Chunk::End))
    }

    /// Says how many of these bytes, which came next, belong to the body.
    pub fn advance(&mut self, bytes: &[u8]) -> usize {
        match self {
            Framing::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= taken as u64;
                taken
            }
            Framing::Chunked(chunk) => chunk.advance(bytes),
            Framing::Endless => bytes.len(),
        }
    }
}

impl Chunk {
    const START: Chunk = Chunk::Size { size: 0, read: false };

    fn advance(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            if let Chunk::Data(left) = self {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len() - at);
                at += taken;
                *left -= taken as u64;
                if *left == 0 {
                    *self = Chunk::START;
                }
                continue;
            }
            *self = match (&*self, bytes[at]) {
                (Chunk::End, _) => break,
                (Chunk::Garbled | Chunk::Data(_), _) => return bytes.len(),
                (Chunk::Size { size: 0, .. }, b'\n') => Chunk::Trailer { line_empty: true },
                (Chunk::Size { size, .. }, b'\n') => size.checked_add(2).map_or(Chunk::Garbled, Chunk::Data),
                (Chunk::Size { size, read: false }, byte) => match char::from(byte).to_digit(16) {
                    Some(digit) => match size.checked_mul(16).and_then(|size| size.checked_add(u64::from(digit))) {
                        Some(size) => Chunk::Size { size, read: false },
                        None => Chunk::Garbled,
                    },
                    None => Chunk::Size { size: *size, read: true },
                },
                (Chunk::Size { size, read: true }, _) => Chunk::Size { size: *size, read: true },
                (Chunk::Trailer { line_empty: true }, b'\n') => Chunk::End,
                (Chunk::Trailer { .. }, b'\n') => Chunk::Trailer { line_empty: true },
                (Chunk::Trailer { line_empty }, b'\r') => Chunk::Trailer { line_empty: *line_empty },
                (Chunk::Trailer { .. }, _) => Chunk::Trailer { line_empty: false },
            };
            at += 1;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_at_its_empty_line() {
        for (text, end) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST", Some(27)),
            ("GET / HTTP/1.1\nHost: a\n\nPOST", Some(24)),
            ("GET / HTTP/1.1\nHost: a\n\r\nPOST", Some(25)),
            ("GET / HTTP/1.1\r\nHost: a\r\n", None),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r", None),
        ] {
            assert_eq!(head_end(text.as_bytes(), 0), end, "{text:?}");
            // Byte by byte comes to the same.
            let found = (0..text.len()).find_map(|length| head_end(&text.as_bytes()[..=length], length));
            assert_eq!(found, end, "{text:?}");
        }
    }

    fn body_length(mut framing: Framing, bytes: &[u8], piece: usize) -> Option<usize> {
        let mut taken = 0;
        for piece in bytes.chunks(piece) {
            let advanced = framing.advance(piece);
            taken += advanced;
            if framing.is_complete() {
                return Some(taken);
            }
            assert_eq!(advanced, piece.len());
        }
        None
    }

    #[test]
    fn a_body_ends_where_its_framing_says_however_it_is_cut() {
        let next = "POST / HTTP/1.1\r\n\r\n";
        for body in [
            "5\r\nhello\r\n0\r\n\r\n",
            "5;name=\"0\"\r\nhello\r\n0;last\r\n\r\n",
            "00A\r\n0\r\n\r\n12345\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n",
            "0\r\n\r\n",
        ] {
            for piece in 1..body.len() + next.len() {
                let bytes = format!("{body}{next}");
                assert_eq!(
                    body_length(Framing::chunked(), bytes.as_bytes(), piece),
                    Some(body.len()),
                    "{body:?} by {piece}"
                );
            }
        }
        assert_eq!(body_length(Framing::Length(5), b"helloPOST", 3), Some(5));
        assert_eq!(body_length(Framing::chunked(), b"5\r\nhello\r\n", 100), None);
    }

    #[test]
    fn what_is_not_chunked_is_passed_on() {
        assert_eq!(body_length(Framing::chunked(), b"fffffffffffffffff\r\nabc", 4), None);
        assert_eq!(body_length(Framing::chunked(), b"ffffffffffffffff\r\nabc", 4), None);
    }
}

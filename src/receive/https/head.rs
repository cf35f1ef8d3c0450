//! Waits for the next request head. Everything that is wrong with how it comes is found here, before hyper sees a byte of it:
//! too slow, too large, or a length that is given twice.

use std::io;

use tokio::time::{Instant, timeout_at};

use super::{Deadlines, problem::ProblemDetails, stream::PeerStream};
use crate::limits::HTTP_HEAD_MAX_BYTES;

/// What came of waiting.
pub(super) enum NextHead {
    /// The received bytes begin with a whole head. The value is the time by which hyper must have made a request of it.
    Whole(Instant),
    /// The peer has closed, or did not begin a request in time. There is nothing to say to it.
    Nothing,
    Refused(ProblemDetails),
}

/// Waits until the received bytes begin with a whole head. `first_until` is set for the first head of a connection, whose time
/// began with the connection. The time of a later one begins with its first byte.
pub(super) async fn next_head(
    stream: &mut PeerStream,
    first_until: Option<Instant>,
    deadlines: &Deadlines,
) -> io::Result<NextHead> {
    let mut until = first_until.unwrap_or_else(|| Instant::now() + deadlines.idle);
    let (mut begun, mut scanned) = (false, 0);
    loop {
        if !begun {
            // RFC 9112 §2.2: empty lines before a request are skipped.
            let blank = stream.received.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            stream.received.drain(..blank);
            begun = !stream.received.is_empty();
            if begun && first_until.is_none() {
                until = Instant::now() + deadlines.head;
            }
        }
        let received = &stream.received;
        match head_end(received, scanned) {
            end if end.unwrap_or(received.len()) > HTTP_HEAD_MAX_BYTES => {
                return Ok(NextHead::Refused(ProblemDetails::head_too_large()));
            }
            Some(end) if has_two_lengths(&received[..end]) => {
                return Ok(NextHead::Refused(ProblemDetails::two_lengths()));
            }
            Some(_) => return Ok(NextHead::Whole(until)),
            None => scanned = received.len(),
        }
        match timeout_at(until, stream.receive()).await {
            Ok(Ok(0)) => return Ok(NextHead::Nothing),
            Ok(read) => drop(read?),
            Err(_) if begun => return Ok(NextHead::Refused(ProblemDetails::head_too_slow())),
            Err(_) => return Ok(NextHead::Nothing),
        }
    }
}

/// The end of a request head: an empty line (RFC 9112 §2.1), also after a bare LF, as hyper reads it.
/// `scanned` bytes were looked at before and held no end.
fn head_end(bytes: &[u8], scanned: usize) -> Option<usize> {
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

/// Whether more than one header line says where the body ends. Two readers could see its end in different places
/// (RFC 9112 §6.3). hyper settles on one of them and drops the others, so this cannot be seen in its request.
fn has_two_lengths(head: &[u8]) -> bool {
    let says_length = |line: &&[u8]| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
        name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"transfer-encoding")
    };
    head.split(|byte| *byte == b'\n').filter(says_length).count() > 1
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

    #[test]
    fn a_length_is_given_once() {
        let has_two = |lines: &str| has_two_lengths(format!("POST / HTTP/1.1\r\n{lines}\r\n\r\n").as_bytes());
        assert!(!has_two("Content-Length: 5\r\nX-Content-Length: 5"));
        assert!(has_two("Content-Length: 5\r\nHost: a\r\ncontent-length: 5"));
        assert!(has_two("TRANSFER-ENCODING : chunked\nContent-Length:5"));
    }
}

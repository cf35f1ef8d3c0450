use tokio::io::{DuplexStream, duplex};

use super::*;

fn wire() -> (ImapConnection, DuplexStream) {
    let (ours, theirs) = duplex(64 * 1024);
    let timeouts = ImapTimeouts { silence: Duration::from_secs(30), command: Duration::from_secs(30) };
    (ImapConnection::new(Box::new(ours), timeouts), theirs)
}

fn fetched(reply: ImapReply) -> Option<Vec<u8>> {
    match reply {
        ImapReply::Data(data) => data.fetched()?.body,
        _ => None,
    }
}

#[tokio::test]
async fn responses_arrive_in_any_pieces() {
    let mail = "a {3}\r\nb}\r\n\r\n* OK {9}\r\n";
    let text = format!(
        "* 1 EXISTS\r\n* 1 FETCH (BODY[] {{{}}}\r\n{mail} UID 1)\r\n* OK see {{7}}\r\n* 2 FETCH (BODY[] {{0}}\r\n)\nt1 OK done\r\n",
        mail.len()
    );
    for size in [1, 2, 3, 7, 50, 1_000] {
        let (mut wire, mut theirs) = wire();
        let text = text.clone();
        let sending = tokio::spawn(async move {
            for piece in text.as_bytes().chunks(size) {
                theirs.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            theirs
        });
        let mut bodies = Vec::new();
        let done = wire.run("UID FETCH 1 BODY[]", |reply| bodies.extend(fetched(reply))).await.unwrap();
        assert_eq!((done.word, done.text.as_str()), (ReplyWord::Ok, "done"));
        assert_eq!(bodies, [mail.as_bytes().to_vec(), Vec::new()], "in pieces of {size}");
        assert!(wire.take_news());
        assert!(wire.into_stream().is_ok());
        sending.await.unwrap();
    }
}

#[tokio::test]
async fn an_interrupted_wait_loses_nothing() {
    let (mut wire, mut theirs) = wire();
    for piece in ["* 2 FETCH (BODY[] {4}\r", "\nab", "cd UID", " 7)\r\n"] {
        let waited = timeout(Duration::ZERO, wire.next(REPLY_MAX_BYTES)).await;
        assert!(waited.is_err());
        theirs.write_all(piece.as_bytes()).await.unwrap();
    }
    assert_eq!(fetched(wire.next(REPLY_MAX_BYTES).await.unwrap()), Some(b"abcd".to_vec()));
}

#[tokio::test]
async fn what_is_too_large_is_not_held() {
    let literal = |length: u64| format!("* 1 FETCH (BODY[] {{{length}}}\r\n").into_bytes();
    for flood in [literal(1_001), literal(u64::MAX), vec![b'x'; 60_000], [literal(900), vec![b'x'; 2_000]].concat()] {
        let (mut wire, mut theirs) = wire();
        theirs.write_all(&flood).await.unwrap();
        let refused = wire.reply(1_000).await.unwrap_err();
        assert!(matches!(refused, ImapTrouble::TooLarge { max_bytes: 1_000, .. }), "{refused}");
        assert!(wire.buffer.capacity() < 4 * READ_BYTES, "{} bytes", wire.buffer.capacity());
    }
}

#[tokio::test]
async fn small_responses_without_end_are_too_many() {
    let (mut wire, mut theirs) = wire();
    let flooding = tokio::spawn(async move {
        let flood = b"* 1 EXPUNGE\r\n".repeat(1_000);
        while theirs.write_all(&flood).await.is_ok() {}
    });
    let mut seen = 0usize;
    let refused = wire.run("NOOP", |_| seen += 1).await.unwrap_err();
    assert!(matches!(refused, ImapTrouble::Flood), "{refused}");
    assert!(seen > 100_000, "many may leave a folder at once: {seen}");
    drop(wire);
    flooding.await.unwrap();
}

#[test]
fn arguments_are_not_shown() {
    assert_eq!(verb("LOGIN \"user\" \"secret\""), "LOGIN");
    assert_eq!(verb("UID MOVE 7 \"x\""), "UID MOVE");
    assert_eq!(verb("NOOP"), "NOOP");
}

use proptest::prelude::*;

use super::*;

fn data(text: &str) -> Data {
    match ImapReply::parse(format!("* {text}\r\n").into_bytes()) {
        Ok(ImapReply::Data(data)) => data,
        other => panic!("{other:?}"),
    }
}

fn status(line: &str) -> ImapStatus {
    match ImapReply::parse(line.as_bytes().to_vec()) {
        Ok(ImapReply::Status(status)) => status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_status_tells_its_tag_code_and_words() {
    let done = status("t3 NO [TRYCREATE] no such\u{7} folder\r\n");
    assert_eq!((done.tag.as_deref(), done.word), (Some("t3"), ReplyWord::No));
    assert_eq!(done.code_value("trycreate"), Some(""));
    assert_eq!(done.text, "no such‹U+0007› folder");
    let untagged = status("* OK [UIDVALIDITY 3857529045] UIDs valid\r\n");
    assert_eq!((untagged.tag.as_deref(), untagged.code_value("UIDVALIDITY")), (None, Some("3857529045")));
    assert_eq!(status("* BYE\r\n").word, ReplyWord::Bye);
    assert_eq!(status("* preauth hello\n").word, ReplyWord::PreAuth);
    assert!(ImapReply::parse(b"HTTP/1.1 400 Bad Request\r\n".to_vec()).is_err());
    assert!(ImapReply::parse(b"\r\n".to_vec()).is_err());
}

#[test]
fn a_fetch_response_is_read_in_any_order() {
    let body = "From: a\r\n\r\n) {5}\r\n";
    let text = format!(
        "12 FETCH (FLAGS (\\Seen $X) UID 77 INTERNALDATE \" 7-Oct-2026 02:44:25 -0700\" RFC822.SIZE 4294967296 \
         BODY[] {{{}}}\r\n{body} X-EXT (A (B) \"c\\\"d\"))",
        body.len()
    );
    let fetched = data(&text).fetched().expect("a FETCH response");
    assert_eq!(fetched.uid, Some(77));
    assert_eq!(fetched.size_bytes, Some(4_294_967_296));
    assert_eq!(fetched.internal_date.map(|date| date.to_rfc3339()), Some("2026-10-07T09:44:25+00:00".to_owned()));
    assert_eq!(fetched.body.as_deref(), Some(body.as_bytes()));
}

#[test]
fn oddities_of_a_fetch_response_cost_only_what_is_odd() {
    let fetched = data("1 FETCH (UID 5 INTERNALDATE NIL BODY[] NIL)").fetched().unwrap();
    assert_eq!(fetched, Fetched { uid: Some(5), ..Fetched::default() });
    let fetched = data("1 fetch (uid 5 internaldate \"yesterday\" body[] \"a\\\"b\")").fetched().unwrap();
    assert_eq!(fetched, Fetched { uid: Some(5), body: Some(b"a\"b".to_vec()), ..Fetched::default() });
    assert_eq!(data("1 FETCH (UID 4294967297)").fetched().unwrap().uid, None);
    assert_eq!(data("1 FETCH (BODY[HEADER.FIELDS (DATE)] \"x\" UID 2)").fetched().unwrap().uid, Some(2));
    for broken in ["1 FETCH (UID 5", "1 FETCH UID 5", "1 FETCH (BODY[] {9}\r\nabc)", "1 FETCH (UID \"5)", "1 EXISTS"] {
        assert_eq!(data(broken).fetched(), None, "{broken}");
    }
}

#[test]
fn lists_of_words_and_numbers_are_read() {
    let words: Vec<_> = data("CAPABILITY IMAP4rev1 Idle  AUTH=PLAIN").capabilities().unwrap().collect();
    assert_eq!(words, ["IMAP4REV1", "IDLE", "AUTH=PLAIN"]);
    let uids: Vec<_> = data("SEARCH 3 1 0 4294967296 x 3 ").search().unwrap().collect();
    assert_eq!(uids, [3, 1, 3]);
    assert_eq!(data("SEARCH").search().unwrap().count(), 0);
    assert!(data("SEARCHES 1").search().is_none());
    assert_eq!(data("LIST (\\HasNoChildren) \"/\" \"A \\\"b\\\"\"").listed().as_deref(), Some("A \"b\""));
    assert_eq!(data("LIST (\\noselect \\HasChildren) \"/\" A").listed(), None);
    assert_eq!(data("LIST () NIL INBOX").listed().as_deref(), Some("INBOX"));
    assert_eq!(data("LIST () \".\" {3}\r\na b").listed().as_deref(), Some("a b"));
    assert_eq!(data("23 EXISTS").numbered(), Some((23, "EXISTS".to_owned())));
}

#[test]
fn literals_are_announced_by_data_only() {
    let announced_literal = |response| super::announced_literal(response, response);
    assert_eq!(announced_literal(b"* 1 FETCH (BODY[] {12}\r\n"), Some(12));
    assert_eq!(announced_literal(b"* 1 FETCH (BODY[] {12+}\n"), Some(12));
    assert_eq!(announced_literal(b"* 1 FETCH (BODY[] {4294967296}\r\n"), Some(4_294_967_296));
    assert_eq!(announced_literal(b"* 1 FETCH (BODY[] {99999999999999999999999}\r\n"), Some(u64::MAX));
    assert_eq!(announced_literal(b"* OK see {12}\r\n"), None);
    assert_eq!(announced_literal(b"t1 OK see {12}\r\n"), None);
    assert_eq!(announced_literal(b"* 1 FETCH (BODY[] {}\r\n"), None);
    assert_eq!(announced_literal(b"* 1 FETCH (UID 1)\r\n"), None);
    let behind_a_literal = b"* 1 FETCH (BODY[] {3}\r\n{12}\r\n";
    assert_eq!(super::announced_literal(behind_a_literal, b"}\r\n"), None, "the mail ends with {{12");
}

#[test]
fn lists_may_not_nest_without_end() {
    let deep = format!("1 FETCH {}{}", "(".repeat(100_000), ")".repeat(100_000));
    assert_eq!(data(&deep).fetched(), None);
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), fetch in "[(){}\\[\\]\"\\\\ a0-9\r\n]{0,60}") {
        let _ = announced_literal(&bytes, &bytes);
        for text in [bytes, format!("* 1 FETCH ({fetch})\r\n").into_bytes(), format!("* {fetch}\r\n").into_bytes()] {
            let _ = announced_literal(&text, &text);
            if let Ok(ImapReply::Data(data)) = ImapReply::parse(text) {
                let _ = (data.numbered(), data.listed(), data.search().map(Iterator::count));
                let _ = data.fetched();
            }
        }
    }
}

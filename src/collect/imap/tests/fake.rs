//! A server that follows a script: what it expects, and what it answers.

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use super::*;

/// One connection: a command without its tag, up to where it matters, and the answer. `$ ` at the start of a line becomes the
/// tag, `\n` the line end of the protocol. An answer to `""` is sent unasked, `EMPTY` is an empty line. Behind the last answer the connection is closed.
pub(super) type Script = Vec<(String, String)>;

pub(super) const EMPTY: &str = "(an empty line)";

pub(super) struct Fake {
    pub port: u16,
    played: JoinHandle<()>,
    pub log: Log,
}

impl Fake {
    /// Plays one script for each connection, in their order.
    pub(super) async fn play(scripts: Vec<Script>, log: &Log) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let writer = Arc::clone(log);
        let played = tokio::spawn(async move {
            for script in scripts {
                let (stream, _) = listener.accept().await.unwrap();
                play_one(BufReader::new(stream), script, &writer).await;
            }
        });
        Fake { port, played, log: Arc::clone(log) }
    }

    /// Waits for the last connection, and fails the test where something else came than was expected.
    pub(super) async fn finished(self) {
        let timeouts = Duration::from_secs(60);
        tokio::time::timeout(timeouts, self.played)
            .await
            .expect("all scripts are played")
            .expect("as they are written");
    }
}

async fn play_one(mut stream: BufReader<tokio::net::TcpStream>, script: Script, log: &Log) {
    // What a command goes on with has no tag, and is answered with that of the command.
    let mut tag = String::new();
    for (expected, answer) in script {
        if !expected.is_empty() {
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            let line = line.trim_end_matches(['\r', '\n']);
            let is_tagged = line.starts_with('t') && line.contains(' ');
            let (before, command) = if is_tagged { line.split_once(' ').unwrap() } else { (tag.as_str(), line) };
            let fits = if expected == EMPTY { line.is_empty() } else { command.starts_with(&expected) };
            assert!(fits, "{line:?} came where {expected:?} was expected");
            log.lock().unwrap().push(command.to_owned());
            tag = before.to_owned();
        }
        let lines: Vec<String> = answer
            .split_inclusive('\n')
            .map(|line| line.strip_prefix("$ ").map_or(line.to_owned(), |rest| format!("{tag} {rest}")))
            .collect();
        let bytes = lines.concat().replace('\n', "\r\n");
        // Who has heard enough hangs up.
        let _ = stream.get_mut().write_all(bytes.as_bytes()).await;
    }
}

/// Steps from a list of pairs.
pub(super) fn steps<const N: usize>(pairs: [(&str, &str); N]) -> Script {
    pairs.into_iter().map(|(expected, answer)| (expected.to_owned(), answer.to_owned())).collect()
}

/// Greeting and login; the server can do what is said after that.
pub(super) fn login(capabilities: &str) -> Script {
    let able = format!("* CAPABILITY IMAP4rev1 {capabilities}\n$ OK\n");
    steps([
        ("", "* OK ready\n"),
        ("CAPABILITY", "* CAPABILITY IMAP4rev1\n$ OK\n"),
        ("LOGIN \"user\" \"secret\"", "$ OK welcome\n"),
        ("CAPABILITY", &able),
    ])
}

/// INBOX with UIDVALIDITY 7 and these mails.
pub(super) fn folder(uids: &str) -> Script {
    folder_with(7, "READ-WRITE", uids)
}

pub(super) fn folder_with(uid_validity: u32, access: &str, uids: &str) -> Script {
    let count = uids.split_whitespace().count();
    let selected = format!("* {count} EXISTS\n* OK [UIDVALIDITY {uid_validity}] ok\n$ OK [{access}] done\n");
    let found = format!("* SEARCH {uids}\n$ OK\n");
    steps([("SELECT \"INBOX\"", &selected), ("UID SEARCH UNDELETED", &found)])
}

/// Sizes of mails that are then fetched.
pub(super) fn facts(uids: &[u32]) -> Script {
    let list: Vec<String> = uids.iter().map(u32::to_string).collect();
    let shown: Vec<String> = uids
        .iter()
        .map(|uid| format!("* {uid} FETCH (UID {uid} RFC822.SIZE 9 INTERNALDATE \" 7-Oct-2026 12:00:00 +0200\")\n"))
        .collect();
    let expected = format!("UID FETCH {} (UID RFC822.SIZE INTERNALDATE)", list.join(","));
    steps([(&expected, &format!("{}$ OK\n", shown.concat()))])
}

pub(super) fn body(uid: u32, text: &str) -> Script {
    let expected = format!("UID FETCH {uid} (UID BODY.PEEK[])");
    let length = text.replace('\n', "\r\n").len();
    steps([(&expected, &format!("* 1 FETCH (UID {uid} BODY[] {{{length}}}\n{text})\n$ OK\n"))])
}

pub(super) fn ok(command: &str) -> Script {
    steps([(command, "$ OK done\n")])
}

pub(super) fn logout() -> Script {
    steps([("LOGOUT", "* BYE see you\n$ OK\n")])
}

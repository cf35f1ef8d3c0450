//! `tlsight healthcheck`: for container runtimes, which have no curl, and for monitoring.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    process::ExitCode,
    time::Duration,
};

use anyhow::bail;
use serde::Deserialize;

use super::Common;
use crate::{
    config::{Environment, Listen},
    text::visible,
};

const DEADLINE: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read; a hundred sources need a twentieth of it.
const ANSWER_MAX_BYTES: u64 = 1024 * 1024;
/// The server runs, and something in it does not work.
const UNWELL: u8 = 1;
const NO_ANSWER: u8 = 2;

/// What the server says of itself.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Well,
    /// Another status than 200.
    Unwell(u16),
    /// Nothing can be stored, for this reason.
    NotReady(String),
    Failing(Vec<Source>),
    NoAnswer(String),
}

/// One item of `/api/v1/sources`.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Source {
    name: String,
    state: String,
    words: String,
    since: Option<String>,
}

/// Of a problem document (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

#[derive(Deserialize)]
struct Sources {
    items: Vec<Source>,
}

pub(super) fn run(common: &Common) -> anyhow::Result<ExitCode> {
    let config = common.config(&Environment::of_process())?;
    let Listen::At(address) = config.private.listen else {
        bail!("`private.listen` is off: there is nothing to ask");
    };
    let found = look(reachable(address));
    if common.json {
        println!("{}", found.json(address));
    } else {
        println!("{}", found.text(address));
    }
    Ok(found.exit_code())
}

/// A server that listens on every address is asked on loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

fn look(address: SocketAddr) -> Found {
    match ask(address, "/healthz") {
        Ok((200, _)) => {}
        Ok((status, _)) => return Found::Unwell(status),
        Err(error) => return Found::NoAnswer(error.to_string()),
    }
    match ask(address, "/readyz") {
        Ok((200, _)) => {}
        Ok((status, body)) => match serde_json::from_slice::<Problem>(&body) {
            Ok(Problem { detail }) => return Found::NotReady(detail),
            Err(_) => return Found::NotReady(format!("/readyz answered {status}")),
        },
        Err(error) => return Found::NoAnswer(error.to_string()),
    }
    let sources = ask(address, "/api/v1/sources").and_then(|(status, body)| match status {
        200 => serde_json::from_slice::<Sources>(&body).map_err(io::Error::from),
        status => Err(io::Error::other(format!("/api/v1/sources answered {status}"))),
    });
    match sources {
        Ok(Sources { items }) => {
            let failing: Vec<Source> = items.into_iter().filter(|source| source.state == "failing").collect();
            if failing.is_empty() { Found::Well } else { Found::Failing(failing) }
        }
        Err(error) => Found::NoAnswer(error.to_string()),
    }
}

/// Status and body. In HTTP/1.0, so that the body comes in one piece and ends with the connection.
fn ask(address: SocketAddr, path: &str) -> io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect_timeout(&address, DEADLINE)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX_BYTES).read_to_end(&mut answer)?;
    let status = answer.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5)).map(String::from_utf8_lossy);
    let status = status
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    Ok((status, answer.split_off(end)))
}

impl Found {
    fn exit_code(&self) -> ExitCode {
        match self {
            Found::Well => ExitCode::SUCCESS,
            Found::Unwell(_) | Found::NotReady(_) | Found::Failing(_) => ExitCode::from(UNWELL),
            Found::NoAnswer(_) => ExitCode::from(NO_ANSWER),
        }
    }

    fn detail(&self, address: SocketAddr) -> String {
        match self {
            Found::Well => format!("http://{address} answers, and every source works"),
            Found::Unwell(status) => format!("http://{address}/healthz answered {status}"),
            Found::NotReady(why) => format!("http://{address} answers, but nothing can be stored: {why}"),
            Found::Failing(failing) => {
                let names: Vec<&str> = failing.iter().map(|source| source.name.as_str()).collect();
                let verb = if failing.len() == 1 { "does not work" } else { "do not work" };
                format!("http://{address} answers, but {} {verb}", names.join(", "))
            }
            Found::NoAnswer(error) => format!("http://{address} does not answer: {error}"),
        }
    }

    fn text(&self, address: SocketAddr) -> String {
        let mut text = visible(&self.detail(address)).into_owned();
        for Source { name, words, .. } in self.failing() {
            text.push_str(&format!("\n{}: {}", visible(name), visible(words)));
        }
        text
    }

    fn json(&self, address: SocketAddr) -> serde_json::Value {
        let item =
            |source: &Source| serde_json::json!({ "name": source.name, "words": source.words, "since": source.since });
        serde_json::json!({
            "healthy": *self == Found::Well,
            "detail": self.detail(address),
            "failing": self.failing().iter().map(item).collect::<Vec<_>>(),
        })
    }

    fn failing(&self) -> &[Source] {
        if let Found::Failing(failing) = self { failing } else { &[] }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::BufRead, net::TcpListener, thread};

    use super::*;

    /// Asks a server that gives these answers to one connection after the other.
    fn found(answers: Vec<String>) -> Found {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            for (answer, path) in answers.into_iter().zip(["/healthz", "/readyz", "/api/v1/sources"]) {
                let (stream, _) = listener.accept().unwrap();
                let mut request = io::BufReader::new(&stream).lines();
                assert_eq!(request.next().unwrap().unwrap(), format!("GET {path} HTTP/1.0"));
                // Reads the request to its end, so that closing does not reset the connection.
                assert!(request.any(|line| line.unwrap().is_empty()));
                (&stream).write_all(answer.as_bytes()).unwrap();
            }
        });
        let found = look(address);
        server.join().unwrap();
        found
    }

    fn sources(items: &str) -> Vec<String> {
        let ok = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n".to_owned();
        vec![ok.clone(), ok.clone(), format!("{ok}{{\"items\": [{items}]}}")]
    }

    const WORKING: &str =
        r#"{"name": "https", "state": "working", "since": "2026-11-23T09:00:00Z", "words": "listening", "stored": 1}"#;
    const FAILING: &str = r#"{"name": "imap reports", "state": "failing", "since": "2026-11-23T09:00:00Z", "words": "refused\u001b[31m"}"#;

    #[test]
    fn one_way_in_that_fails_is_enough_to_be_told() {
        let address = "127.0.0.1:8080".parse().unwrap();
        assert_eq!(found(sources(WORKING)), Found::Well);
        assert_eq!(found(sources("")), Found::Well);
        assert_eq!(Found::Well.exit_code(), ExitCode::SUCCESS);
        let failing = found(sources(&format!("{WORKING}, {FAILING}")));
        assert_eq!(failing.exit_code(), ExitCode::from(1));
        assert_eq!(
            failing.text(address),
            "http://127.0.0.1:8080 answers, but imap reports does not work\nimap reports: refused‹U+001B›[31m"
        );
        let json = failing.json(address);
        assert_eq!((&json["healthy"], &json["failing"][0]["name"]), (&false.into(), &"imap reports".into()));
        assert_eq!(json["failing"].as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn the_status_is_read_and_nonsense_is_no_answer() {
        assert_eq!(found(vec!["HTTP/1.1 503 Service Unavailable\r\n\r\n".to_owned()]), Found::Unwell(503));
        for nonsense in ["220 mail ESMTP\r\n", ""] {
            let found = found(vec![nonsense.to_owned()]);
            assert!(matches!(found, Found::NoAnswer(_)), "{found:?}");
            assert_eq!(found.exit_code(), ExitCode::from(2));
        }
        let ok = "HTTP/1.1 200 OK\r\n\r\n".to_owned();
        let unavailable = "HTTP/1.1 503 Service Unavailable\r\n\r\n".to_owned();
        let why = found(vec![ok.clone(), format!("{unavailable}{{\"detail\": \"the disk is full\"}}")]);
        assert_eq!((&why, why.exit_code()), (&Found::NotReady("the disk is full".to_owned()), ExitCode::from(1)));
        let why = found(vec![ok.clone(), unavailable]);
        assert_eq!(why, Found::NotReady("/readyz answered 503".to_owned()));
        for second in ["HTTP/1.1 404 Not Found\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n<html>"] {
            assert!(matches!(found(vec![ok.clone(), ok.clone(), second.to_owned()]), Found::NoAnswer(_)), "{second}");
        }
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(matches!(look(closed), Found::NoAnswer(_)));
    }

    #[test]
    fn a_server_on_every_address_is_asked_on_loopback() {
        assert_eq!(reachable("0.0.0.0:8080".parse().unwrap()), "127.0.0.1:8080".parse().unwrap());
        assert_eq!(reachable("[::]:8080".parse().unwrap()), "[::1]:8080".parse().unwrap());
        assert_eq!(reachable("192.0.2.1:80".parse().unwrap()), "192.0.2.1:80".parse().unwrap());
    }
}

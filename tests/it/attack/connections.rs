//! Nobody shuts honest senders out with connections: silent crowds lose their places to newcomers.

use std::{
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
};

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::{CertificateDer, ServerName};

use super::crowd::{Crowd, honestly, neighbours, scattered};
use crate::{
    crash::report,
    http::Client,
    mail::{LISTENERS, World, signed, smtp::Smtp},
    server::{Server, until},
};

const TIMES: usize = 100;
const NAME: &str = "reports.example.net";
/// `public.connections_max` as it is without configuration.
const PUBLIC_MAX: usize = 1_024;

#[test]
fn silent_connections_keep_no_report_out() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    assert_eq!(honestly("HTTP, alone", TIMES, |turn| post(server.public, &format!("alone-{turn}"))), 0);
    for (name, says) in [
        ("idle", ""),
        ("slow head", "POST /v1/tlsrpt HTTP/1.1\r\nHost: reports.example.net\r\nX-"),
        ("slow body", "POST /v1/tlsrpt HTTP/1.1\r\nHost: reports.example.net\r\nContent-Length: 100000\r\n\r\n{"),
        ("idle after an answer", "GET /healthz HTTP/1.1\r\nHost: reports.example.net\r\n\r\n"),
    ] {
        // 2,200 from 40 addresses: more than there are places.
        let crowd = Crowd::gather(server.public, &scattered(40), 55, says.as_bytes());
        until("its places are taken", || server.open_files() > PUBLIC_MAX * 3 / 4);
        let what = format!("HTTP, beside 2,200 connections from 40 addresses, {name}");
        let refused = honestly(&what, TIMES, |turn| post(server.public, &format!("{name}-{turn}")));
        println!("  {} arrivals, {} open files", crowd.arrivals(), server.open_files());
        assert_eq!(refused, 0, "{name}");
        assert!(server.open_files() < PUBLIC_MAX + 300);
        answers_privately(&server);
    }
}

#[test]
fn a_flood_from_one_network_keeps_no_report_out() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    let _crowd = Crowd::gather(server.public, &neighbours(200), 8, b"");
    let refused =
        honestly("HTTP, beside 1,600 connections from one /24", TIMES, |turn| post(server.public, &turn.to_string()));
    assert_eq!(refused, 0);
    answers_privately(&server);
}

#[test]
fn handshakes_that_never_end_keep_no_report_out() {
    let directory = tempfile::tempdir().unwrap();
    let tls = certificate(directory.path());
    let server = Server::start_with(&directory.path().join("data"), |command| {
        command
            .env("TLSIGHT_PUBLIC__CERTIFICATE", directory.path().join("cert.pem"))
            .env("TLSIGHT_PUBLIC__KEY", directory.path().join("key.pem"))
    });
    let send = |turn: usize| post_tls(server.public, &tls, &report(&turn.to_string()));
    assert_eq!(honestly("HTTPS, alone", TIMES, send), 0);
    // The beginning of a ClientHello that announces more than comes.
    let _crowd = Crowd::gather(server.public, &scattered(40), 55, b"\x16\x03\x01\x02\x00\x01");
    let send = |turn: usize| post_tls(server.public, &tls, &report(&format!("beside-{turn}")));
    assert_eq!(honestly("HTTPS, beside 2,200 unfinished handshakes from 40 addresses", TIMES, send), 0);
    answers_privately(&server);
}

#[test]
fn silent_mail_connections_keep_no_mail_out() {
    let world = World::new(LISTENERS);
    let server = world.start();
    let address = server.smtp.expect("an SMTP listener");
    assert_eq!(honestly("SMTP, alone", TIMES, |turn| mail(address, &format!("alone-{turn}"))), 0);
    for (name, sources, each, says) in [
        ("not one byte", scattered(8), 32, &b""[..]),
        ("EHLO", scattered(8), 32, b"EHLO crowd.example\r\n"),
        (
            "slow message",
            scattered(8),
            32,
            b"EHLO crowd.example\r\nMAIL FROM:<a@crowd.example>\r\nRCPT TO:<tlsrpt@reports.example>\r\nDATA\r\nx",
        ),
        ("not one byte, one /24", neighbours(8), 64, b""),
    ] {
        let crowd = Crowd::gather(address, &sources, each, says);
        let what = format!("SMTP, beside {} connections from 8 addresses, {name}", 8 * each);
        let refused = honestly(&what, TIMES, |turn| mail(address, &format!("{name}-{turn}")));
        println!("  {} arrivals, {} open files", crowd.arrivals(), server.open_files());
        assert_eq!(refused, 0, "{name}");
        answers_privately(&server);
    }
}

#[test]
fn health_asked_for_without_end_keeps_no_report_out() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    // As it is without configuration; the honest sender of this test stays below it.
    let server = Server::start_with(&data, |command| command.env("TLSIGHT_PUBLIC__REQUESTS_PER_MINUTE_MAX", "6000"));
    let requests = "GET /healthz HTTP/1.1\r\nHost: reports.example.net\r\n\r\n".repeat(2_000);
    let crowd = Crowd::gather(server.public, &scattered(40), 15, requests.as_bytes());
    let refused = honestly("HTTP, beside 600 connections with 2,000 pipelined /healthz each", TIMES, |turn| {
        post(server.public, &turn.to_string())
    });
    println!("  {} arrivals", crowd.arrivals());
    assert_eq!(refused, 0);
}

#[test]
fn the_pages_have_a_cap_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let server = Server::start_with(&data, |command| command.env("TLSIGHT_PRIVATE__CONNECTIONS_MAX", "2"));
    let mut inside = [Client::connect(server.private), Client::connect(server.private)];
    inside.iter_mut().for_each(|client| assert_eq!(client.get("/healthz").status, 200));
    let mut waiting = TcpStream::connect(server.private).unwrap();
    waiting.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    for _ in 0..50 {
        inside.iter_mut().for_each(|client| assert_eq!(client.get("/healthz").status, 200));
    }
    let mut answer = [0; 12];
    waiting.set_nonblocking(true).unwrap();
    assert_eq!(waiting.peek(&mut answer).unwrap_err().kind(), io::ErrorKind::WouldBlock, "it waits for a place");
    drop(inside);
    waiting.set_nonblocking(false).unwrap();
    waiting.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

/// A report over a connection of its own.
pub(super) fn post(address: SocketAddr, id: &str) -> io::Result<()> {
    let headers = [("Content-Type", "application/tlsrpt+gzip")];
    let answer = Client::connect(address).request("POST", "/v1/tlsrpt", &headers, &report(id))?;
    match answer.status {
        201 => Ok(()),
        status => Err(io::Error::other(format!("{status}: {}", answer.text()))),
    }
}

/// The pages answer whatever is going on outside.
pub(super) fn answers_privately(server: &Server) {
    for path in ["/healthz", "/readyz", "/"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
}

fn post_tls(address: SocketAddr, config: &Arc<ClientConfig>, body: &[u8]) -> io::Result<()> {
    let name = ServerName::try_from(NAME).unwrap();
    let connection = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, TcpStream::connect(address)?);
    let head = format!(
        "POST /v1/tlsrpt HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    match &answer {
        b"HTTP/1.1 201" => Ok(()),
        other => Err(io::Error::other(String::from_utf8_lossy(other).into_owned())),
    }
}

/// Writes a certificate with its key, and gives what a client needs that believes it.
fn certificate(directory: &Path) -> Arc<ClientConfig> {
    let pair = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
    fs::write(directory.join("cert.pem"), pair.cert.pem()).unwrap();
    fs::write(directory.join("key.pem"), pair.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(pair.cert.der().to_vec())).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// A mail over a connection of its own.
pub(super) fn mail(address: SocketAddr, id: &str) -> io::Result<()> {
    let reply = Smtp::connect(address)?.send(&signed::signed(&id.replace(' ', "-")))?;
    if reply.starts_with("250 2.0.0 Ok: stored") || reply.starts_with("250 2.0.0 Ok: duplicate") {
        Ok(())
    } else {
        Err(io::Error::other(reply))
    }
}

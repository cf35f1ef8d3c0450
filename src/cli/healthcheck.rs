//! `tlsight healthcheck`: for container runtimes, which have no curl.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    process::ExitCode,
    time::Duration,
};

use anyhow::bail;

use super::Common;
use crate::config::{Environment, Listen};

const DEADLINE: Duration = Duration::from_secs(5);
/// Bytes of the answer that are looked at: its status line.
const ANSWER_MAX_BYTES: u64 = 256;

pub fn run(common: &Common) -> anyhow::Result<ExitCode> {
    let config = common.config(&Environment::of_process())?;
    let Listen::At(address) = config.private.listen else {
        bail!("`private.listen` is off: there is nothing to ask");
    };
    let answer = ask(reachable(address));
    let healthy = matches!(answer, Ok(200));
    let detail = match answer {
        Ok(status) => format!("http://{address}/healthz answered {status}"),
        Err(error) => format!("http://{address}/healthz does not answer: {error}"),
    };
    if common.json {
        println!("{}", serde_json::json!({ "healthy": healthy, "detail": detail }));
    } else {
        println!("{detail}");
    }
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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

fn ask(address: SocketAddr) -> io::Result<u16> {
    let mut stream = TcpStream::connect_timeout(&address, DEADLINE)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    write!(stream, "GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX_BYTES).read_to_end(&mut answer)?;
    let status = answer.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5)).map(String::from_utf8_lossy);
    status
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    fn answered(answer: &'static str) -> io::Result<u16> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 23];
            stream.read_exact(&mut request).unwrap();
            assert_eq!(&request, b"GET /healthz HTTP/1.1\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
            // Reads what is left of the request, so that closing does not reset the connection.
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = io::copy(&mut stream, &mut io::sink());
        });
        let status = ask(address);
        server.join().unwrap();
        status
    }

    #[test]
    fn the_status_is_read_and_nonsense_is_no_health() {
        assert_eq!(answered("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap(), 200);
        assert_eq!(answered("HTTP/1.1 503 Service Unavailable\r\n\r\n").unwrap(), 503);
        assert!(answered("220 mail ESMTP\r\n").is_err());
        assert!(answered("").is_err());
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(ask(closed).is_err());
    }

    #[test]
    fn a_server_on_every_address_is_asked_on_loopback() {
        assert_eq!(reachable("0.0.0.0:8080".parse().unwrap()), "127.0.0.1:8080".parse().unwrap());
        assert_eq!(reachable("[::]:8080".parse().unwrap()), "[::1]:8080".parse().unwrap());
        assert_eq!(reachable("192.0.2.1:80".parse().unwrap()), "192.0.2.1:80".parse().unwrap());
    }
}

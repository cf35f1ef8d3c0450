//! Just enough of HTTP/1.1 to read the private listener: one connection, kept open.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

pub type Result<T> = std::result::Result<T, String>;

pub struct Client {
    address: String,
    connection: Option<BufReader<TcpStream>>,
}

pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Client {
    /// `address` as in the ready file: `http://127.0.0.1:1234`.
    pub fn new(address: &str) -> Client {
        let address = address.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Client { address, connection: None }
    }

    /// A server may close an idle connection: then it is asked once more.
    pub fn get(&mut self, path: &str) -> Result<Answer> {
        let kept = self.connection.is_some();
        match self.try_get(path) {
            Err(_) if kept => {
                self.connection = None;
                self.try_get(path)
            }
            answer => answer,
        }
        .map_err(|error| format!("GET {path}: {error}"))
    }

    pub fn json(&mut self, path: &str) -> Result<serde_json::Value> {
        serde_json::from_str(&self.text(path)?).map_err(|error| format!("GET {path}: {error}"))
    }

    pub fn text(&mut self, path: &str) -> Result<String> {
        let answer = self.get(path)?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        if answer.status == 200 { Ok(text) } else { Err(format!("GET {path}: {} {text}", answer.status)) }
    }

    /// All items of a list, page by page.
    pub fn items(&mut self, path: &str) -> Result<Vec<serde_json::Value>> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let mut page = self.json(&format!("{path}{cursor}"))?;
            match page["items"].take() {
                serde_json::Value::Array(more) => items.extend(more),
                other => return Err(format!("GET {path}: no items but {other}")),
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(items),
            }
        }
    }

    pub fn post(&mut self, path: &str, body: &[u8]) -> Result<Answer> {
        let head =
            format!("POST {path} HTTP/1.1\r\nContent-Type: application/tlsrpt+json\r\nContent-Length: {}", body.len());
        self.exchange(&head, body).map_err(|error| format!("POST {path}: {error}"))
    }

    fn try_get(&mut self, path: &str) -> std::io::Result<Answer> {
        self.exchange(&format!("GET {path} HTTP/1.1"), b"")
    }

    fn exchange(&mut self, head: &str, sent: &[u8]) -> std::io::Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => BufReader::new(TcpStream::connect(&self.address)?),
        };
        let request = format!("{head}\r\nHost: {}\r\nAccept: */*\r\n\r\n", self.address);
        connection.get_mut().write_all(request.as_bytes())?;
        connection.get_mut().write_all(sent)?;
        let bad = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
        let mut line = String::new();
        connection.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| bad("no status"))?;
        let (mut length, mut chunked, mut close) = (None, false, false);
        loop {
            line.clear();
            connection.read_line(&mut line)?;
            let header = line.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            match header.split_once(": ") {
                Some(("content-length", value)) => length = value.parse::<usize>().ok(),
                Some(("transfer-encoding", "chunked")) => chunked = true,
                Some(("connection", "close")) => close = true,
                _ => {}
            }
        }
        let mut body = Vec::new();
        if chunked {
            loop {
                line.clear();
                connection.read_line(&mut line)?;
                let size = usize::from_str_radix(line.trim(), 16).map_err(|_| bad("no chunk size"))?;
                let at = body.len();
                body.resize(at + size + 2, 0);
                connection.read_exact(&mut body[at..])?;
                body.truncate(at + size);
                if size == 0 {
                    break;
                }
            }
        } else if let Some(length) = length {
            body.resize(length, 0);
            connection.read_exact(&mut body)?;
        } else {
            connection.read_to_end(&mut body)?;
            close = true;
        }
        if !close {
            self.connection = Some(connection);
        }
        Ok(Answer { status, body })
    }
}

/// As a value in a query string.
pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(byte as char);
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

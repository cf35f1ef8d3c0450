//! The pages and the API as a browser and a script meet them: a real server on a free port, a real store, reports that went through
//! the pipeline.

mod alerts;
mod api;
mod causes;
mod claims;
mod digest;
mod domains;
mod filler;
mod fresh;
mod guards;
mod hoster;
mod mail;
mod pages;
mod quarantine;
mod readiness;
mod weeks;

use super::{Rules, Site, configure};
use crate::{
    self as tlsight,
    clock::Clock,
    health::HealthRegistry,
    pipeline::{Pipeline, fixtures::signatures},
    store::fixtures::{TempStore, temp_store},
    submission::{Channel, Hints, Receipt, Submission},
    verify::Served,
};

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, OnceLock, mpsc},
};

use actix_web::{App, HttpServer, dev::ServerHandle, web};
use serde_json::Value;

/// Monday at nine.
const NOW: &str = "2026-11-23T09:00:00Z";

struct Running {
    address: SocketAddr,
    pipeline: Arc<Pipeline>,
    health: HealthRegistry,
    server: ServerHandle,
    _store: TempStore,
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

/// One server with eight weeks of reports, for all tests that only read.
fn filled() -> &'static Running {
    static FILLED: OnceLock<Running> = OnceLock::new();
    FILLED.get_or_init(|| {
        let running = empty();
        filler::fill(&running.pipeline);
        let outage = alerts::outage();
        alerts::record(&running, crate::alerts::AlertEvent::Fired, &outage, outage.fired_at, None);
        running
    })
}

/// A server of its own, without reports.
fn empty() -> Running {
    running(Rules::default())
}

/// The same with what the configuration says of alerts.
fn running(rules: Rules) -> Running {
    serving(rules, filler::served())
}

/// The same for these domains.
fn serving(rules: Rules, served: Served) -> Running {
    let store = temp_store();
    // What is posted here is one report at a time, and large where a page is.
    let limits = crate::limits::Limits { unproven_failure_details_max: 100_000, ..Default::default() };
    let pipeline = Pipeline::new(limits, served, signatures(""), store.store.clone()).expect("a store");
    let clock = Clock::fixed(NOW.parse().expect("a time"));
    let health = HealthRegistry::default();
    let site = Site::new(Arc::clone(&pipeline), clock, health.clone(), rules, None, vec!["tlsight.example.net".into()])
        .expect("the templates compile");
    let site = web::Data::new(site);
    let (tell, shown) = mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let configure = configure(site);
            let server = HttpServer::new(move || App::new().configure(configure.clone()))
                .workers(1)
                .disable_signals()
                .bind("127.0.0.1:0")
                .expect("a free port");
            let address = server.addrs()[0];
            let server = server.run();
            tell.send((address, server.handle())).expect("the test waits");
            server.await.expect("the server runs");
        });
    });
    let (address, server) = shown.recv().expect("the server starts");
    Running { address, pipeline, health, server, _store: store }
}

impl Running {
    fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[])
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send_body(method, path, headers, "")
    }

    fn send_body(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            request.push_str(&format!("Host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        request.push_str(body);
        let mut stream = TcpStream::connect(self.address).expect("the server listens");
        stream.write_all(request.as_bytes()).expect("the request is taken");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("the answer ends");
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a header");
        let head = String::from_utf8(bytes[..end].to_vec()).expect("a header is text");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let body = &bytes[end + 4..];
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        Answer { status, head, body: if chunked { chunks(body) } else { body.to_vec() } }
    }

    fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }

    /// Posts a body to the open URL, as far as the pages are concerned.
    fn receive(&self, body: &[u8]) -> Receipt {
        let submission = Submission {
            bytes: body.to_vec(),
            channel: Channel::Https,
            peer: Some("192.0.2.7".parse().expect("an address")),
            received_at: NOW.parse().expect("a time"),
            hints: Hints::default(),
        };
        let prepared = self.pipeline.prepare(submission, None);
        self.pipeline.store_blocking(vec![prepared]).remove(0)
    }
}

/// The content of a chunked body (RFC 9112 §7.1).
fn chunks(mut body: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n").expect("a chunk");
        let size = std::str::from_utf8(&body[..end]).expect("text");
        let size = usize::from_str_radix(size, 16).expect("a size");
        if size == 0 {
            return content;
        }
        content.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 2 + size + 2..];
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

fn items(list: &Value) -> &Vec<Value> {
    list["items"].as_array().expect("items")
}

fn sum(rows: &[Value], field: &str) -> i64 {
    rows.iter().map(|row| row[field].as_i64().expect("a number")).sum()
}

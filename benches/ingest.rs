//! Durable answers over HTTP beside the same load on an actix-web server that answers 200 without doing anything.
//!
//! `DUCKDB_LIB_DIR=… cargo bench --no-default-features --features server --bench ingest`. Seconds of each run:
//! `TLSIGHT_BENCH_SECONDS` (10). The load and the server share the machine's cores, in both runs alike.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use actix_web::{HttpResponse, HttpServer, web};
use tlsight::{
    app::{App, Options},
    config::{Config, Listen},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

mod load;
#[path = "load/measured.rs"]
mod measured;

use measured::Measured;

/// Connections at the same time.
const CONNECTIONS: [usize; 4] = [1, 16, 64, 256];

/// Reports of all runs together: each is posted once.
static NUMBER: AtomicU64 = AtomicU64::new(0);

fn main() {
    let seconds = std::env::var("TLSIGHT_BENCH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let length = Duration::from_secs(seconds);
        let floors = floor(length).await;
        let ours = ours(length).await;
        for ((connections, floor), ours) in CONNECTIONS.iter().zip(&floors).zip(&ours) {
            println!("{connections:>3} connections, empty actix-web server   {floor}");
            println!("                 tlsight, durable         {ours}");
            println!("                 ratio                    {:.2}", ours.per_second() / floor.per_second());
        }
    });
}

async fn floor(length: Duration) -> Vec<Measured> {
    let app = || {
        actix_web::App::new()
            .route("/v1/tlsrpt", web::post().to(|_body: web::Bytes| async { HttpResponse::Ok().finish() }))
    };
    let server = HttpServer::new(app).workers(2).disable_signals().bind("127.0.0.1:0").expect("a free port");
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    tokio::spawn(server);
    let measured = loads(address, length).await;
    handle.stop(false).await;
    measured
}

async fn ours(length: Duration) -> Vec<Measured> {
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = Config { data: directory.path().join("data"), ..Config::default() };
    config.public.listen = Listen::At(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.public.requests_per_minute_max = u32::MAX;
    // All of it comes from one address.
    (config.limits.unproven_rows_per_minute_max, config.limits.unproven_bytes_per_day_max) = (0, 0);
    config.store.unproven_max_bytes = 0;
    config.public.connections_per_address_max = 1_000;
    config.private.listen = Listen::Off;
    let app = App::build(config, Options::default()).await.expect("a server");
    let public = app.public_url().expect("a public listener");
    let address = public.trim_start_matches("http://").parse().expect("an address");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(app.run_until(async {
        let _ = stopped.await;
    }));
    let measured = loads(address, length).await;
    let _ = stop.send(());
    running.await.expect("the server ends").expect("the server ends well");
    measured
}

async fn loads(address: SocketAddr, length: Duration) -> Vec<Measured> {
    let mut measured = Vec::new();
    for connections in CONNECTIONS {
        measured.push(load(address, connections, length).await);
    }
    measured
}

/// Posts distinct reports over kept-alive connections for some time.
async fn load(address: SocketAddr, connections: usize, length: Duration) -> Measured {
    let begun = Instant::now();
    let clients: Vec<_> = (0..connections).map(|_| tokio::spawn(client(address, begun + length))).collect();
    let mut latencies = Vec::new();
    for client in clients {
        latencies.extend(client.await.expect("a client that does not panic"));
    }
    let took = begun.elapsed();
    Measured::new(latencies, took, "posts")
}

async fn client(address: SocketAddr, until: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.set_nodelay(true).expect("a socket option");
    let mut latencies = Vec::new();
    let mut answer = vec![0; 4096];
    while Instant::now() < until {
        let body = load::report(NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut request = format!(
            "POST /v1/tlsrpt HTTP/1.1\r\nHost: bench\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(&body);
        let sent = Instant::now();
        stream.write_all(&request).await.expect("the server reads");
        let read = read_answer(&mut stream, &mut answer).await;
        latencies.push(sent.elapsed());
        assert!(answer[..read].starts_with(b"HTTP/1.1 20"), "{}", String::from_utf8_lossy(&answer[..read]));
    }
    latencies
}

/// Reads one answer with a Content-Length.
async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> usize {
    let mut read = 0;
    loop {
        read += stream.read(&mut buffer[read..]).await.expect("an answer");
        let Some(head) = buffer[..read].windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
        let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next()?.parse().ok());
        if read >= head + 4 + length.unwrap_or(0) {
            return read;
        }
    }
}

use std::{path::Path, sync::Arc, time::Duration};

use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{App, Client, REPORT, Setup, write_certificate};
use crate::receive::certificate::Reload;

const NAME: &str = "reports.example.net";

fn setup(directory: &Path) -> Setup {
    Setup::default().config(|config| {
        config.certificate = Some(directory.join("cert.pem"));
        config.key = Some(directory.join("key.pem"));
    })
}

async fn shake_hands(
    app: &App,
    root: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
    protocols: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let stream = TcpStream::connect(app.address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(NAME).unwrap(), stream).await
}

async fn connect(app: &App, root: &CertificateDer<'static>) -> std::io::Result<Client> {
    shake_hands(app, root, rustls::ALL_VERSIONS, &[]).await.map(Client::over)
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_of_tls_are_spoken() {
    let directory = tempfile::tempdir().unwrap();
    let root = write_certificate(directory.path(), NAME);
    let app = setup(directory.path()).start();
    for (version, expected) in
        [(&rustls::version::TLS12, ProtocolVersion::TLSv1_2), (&rustls::version::TLS13, ProtocolVersion::TLSv1_3)]
    {
        let stream = shake_hands(&app, &root, &[version], &[b"h2", b"http/1.1"]).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(expected));
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let mut client = Client::over(stream);
        for _ in 0..2 {
            client.send(REPORT).await;
            assert_eq!(client.reply().await.status(), 201);
        }
        client.send("nonsense\r\n\r\n").await;
        assert_eq!(client.reply().await.problem().0, 400);
        // `closed` fails on a connection that ends without TLS's own farewell.
        client.closed().await;
    }
    assert!(shake_hands(&app, &root, rustls::ALL_VERSIONS, &[b"h2"]).await.is_err(), "HTTP/2 alone is refused");
    super::until("it is counted", || app.counters.handshakes_failed.get() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_passes() {
    let directory = tempfile::tempdir().unwrap();
    let root = write_certificate(directory.path(), NAME);
    let app = Setup { wire_max_bytes: 2_000_000, ..setup(directory.path()) }.start();
    let body: Vec<u8> = (0..2_000_000_u32).map(|byte| (byte % 251) as u8).collect();
    let mut client = connect(&app, &root).await.unwrap();
    client.send(super::post("/v1/tlsrpt", &[], &body)).await;
    assert_eq!(client.reply().await.status(), 201);
    assert_eq!(app.got()[0].bytes, body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_taken_without_dropping_connections() {
    let directory = tempfile::tempdir().unwrap();
    let old = write_certificate(directory.path(), NAME);
    let app = setup(directory.path()).start();
    let certificate = app.certificate.clone().unwrap();
    let mut open = connect(&app, &old).await.unwrap();
    open.send(REPORT).await;
    assert_eq!(open.reply().await.status(), 201);

    let new = write_certificate(directory.path(), NAME);
    assert!(matches!(certificate.reload(), Reload::Replaced));
    let mut fresh = connect(&app, &new).await.unwrap();
    assert!(connect(&app, &old).await.is_err(), "the old certificate is not shown any more");
    for client in [&mut open, &mut fresh] {
        client.send(REPORT).await;
        assert_eq!(client.reply().await.status(), 201);
    }

    std::fs::write(directory.path().join("key.pem"), "broken").unwrap();
    assert!(matches!(certificate.refresh(), Reload::Failed(_)));
    assert!(connect(&app, &new).await.is_ok(), "the last good pair stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_does_not_come_is_ended() {
    let directory = tempfile::tempdir().unwrap();
    write_certificate(directory.path(), NAME);
    let app = setup(directory.path()).deadlines(|deadlines| deadlines.head = Duration::from_millis(100)).start();
    let silent = app.connect().await;
    let mut plain = app.connect().await;
    plain.send(REPORT).await;
    silent.gone().await;
    assert!(!plain.head_or_nothing().await.starts_with("HTTP"), "plain HTTP is not answered");
    super::until("both are counted", || app.counters.handshakes_failed.get() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_head_is_408_under_tls_too() {
    let directory = tempfile::tempdir().unwrap();
    let root = write_certificate(directory.path(), NAME);
    let app = setup(directory.path()).deadlines(|deadlines| deadlines.head = Duration::from_millis(500)).start();
    let mut client = connect(&app, &root).await.unwrap();
    client.send(REPORT).await;
    assert_eq!(client.reply().await.status(), 201);
    client.send("POST").await;
    assert_eq!(client.reply().await.problem(), (408, "slow".into()));
    client.closed().await;
}

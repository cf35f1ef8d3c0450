use std::{path::Path, sync::Arc};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio_rustls::TlsConnector;

use super::{Client, SOON, Setup, certificate, until};

const NAME: &str = "reports.example.net";

fn setup(directory: &Path) -> (Setup, CertificateDer<'static>) {
    let (certificate, root) = certificate(directory, NAME);
    (Setup { certificate: Some(certificate), ..Setup::default() }, root)
}

async fn shake_hands(client: Client, root: &CertificateDer<'static>) -> std::io::Result<Client> {
    assert!(client.received.is_empty());
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(ServerName::try_from(NAME).unwrap(), client.stream).await.map(Client::over)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_comes_over_tls() {
    let directory = tempfile::tempdir().unwrap();
    let (setup, root) = setup(directory.path());
    let app = setup.start();
    for lmtp in [false, true] {
        let mut client = if lmtp { app.connect_lmtp().await } else { app.connect().await };
        let hello = if lmtp { "LHLO mx.example.com" } else { "EHLO mx.example.com" };
        client.ask(hello).await;
        assert!(client.ask("STARTTLS").await.starts_with("220 "));
        let mut client = shake_hands(client, &root).await.unwrap();
        assert!(client.ask("MAIL FROM:<>").await.starts_with("503 "), "what was said before is forgotten");
        client.send(format!("{hello}\r\n")).await;
        loop {
            let line = client.line().await;
            assert!(!line.contains("STARTTLS"), "{line}");
            if line.starts_with("250 ") {
                break;
            }
        }
        client.ask("MAIL FROM:<>").await;
        client.ask("RCPT TO:<tlsrpt@reports.example.net>").await;
        client.ask("DATA").await;
        let text = format!("{}\r\n", "x".repeat(70)).repeat(500);
        assert!(client.ask(&format!("{text}.")).await.starts_with("250 "));
        assert!(client.ask("QUIT").await.starts_with("221 "));
        // `closed` fails on a connection that ends without TLS's own farewell.
        client.closed().await;
        assert_eq!(app.got().last().unwrap().bytes, text.as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_in_plain_text_behind_starttls_end_the_session() {
    let directory = tempfile::tempdir().unwrap();
    let app = setup(directory.path()).0.start();
    let mut client = app.connect().await;
    client.ask("EHLO mx.example.com").await;
    client.send("STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<>\r\n").await;
    assert!(client.line().await.starts_with("554 5.5.1 "));
    client.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_in_plain_text_instead_of_the_handshake_get_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let (setup, _) = setup(directory.path());
    let app = setup.start();
    let mut client = app.connect().await;
    client.ask("EHLO mx.example.com").await;
    assert!(client.ask("STARTTLS").await.starts_with("220 "));
    client.send("MAIL FROM:<>\r\n").await;
    until("the connection is given up", || app.open() == 0).await;
    assert_eq!(app.got().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_does_not_come_is_ended() {
    let directory = tempfile::tempdir().unwrap();
    let app = setup(directory.path()).0.deadlines(|deadlines| deadlines.handshake = SOON).start();
    let mut client = app.connect().await;
    client.ask("EHLO mx.example.com").await;
    client.ask("STARTTLS").await;
    client.gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_offered_only_where_there_is_a_certificate() {
    let app = Setup::default().start();
    let mut client = app.connect().await;
    client.ask("EHLO mx.example.com").await;
    assert!(client.ask("STARTTLS").await.starts_with("502 "));
    client.begin().await;
    assert!(client.ask("x\r\n.").await.starts_with("250 "), "reports come without TLS as well (RFC 8460 §3)");
}

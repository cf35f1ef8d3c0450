use std::{
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::PathBuf,
};

use tokio::net::UnixStream;

use super::{App, Client, Setup, certificate};
use crate::{
    config::{Listen, LmtpListen},
    receive::smtp::{SmtpBindError, SocketError},
    submission::Channel,
};

fn setup(path: &std::path::Path) -> Setup {
    let lmtp = LmtpListen::Unix(path.to_path_buf());
    Setup::default().config(|config| (config.listen, config.lmtp) = (Listen::Off, lmtp))
}

fn path(app: &App) -> PathBuf {
    match &app.addresses.lmtp {
        LmtpListen::Unix(path) => path.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lmtp_comes_through_a_socket_in_the_file_system() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, _) = certificate(directory.path(), "reports.example.net");
    let setup = setup(&directory.path().join("lmtp"));
    let app = Setup { certificate: Some(certificate), ..setup }
        .config(|config| config.connections_per_address_max = 1)
        .start();
    assert_eq!(std::fs::metadata(path(&app)).unwrap().permissions().mode() & 0o777, 0o660);
    assert_eq!(app.addresses.smtp, None);
    let _other = UnixStream::connect(path(&app)).await.unwrap();
    let mut client = Client::over(UnixStream::connect(path(&app)).await.unwrap());
    assert_eq!(client.line().await, "220 reports.example.net LMTP tlsight");
    assert_eq!(client.ask("LHLO mx.example.net").await, "250 CHUNKING");
    assert!(client.ask("STARTTLS").await.starts_with("502 "), "nobody listens in on a socket in the file system");
    client.ask("MAIL FROM:<>").await;
    client.ask("RCPT TO:<tlsrpt@reports.example.net>").await;
    client.ask("DATA").await;
    assert!(client.ask("x\r\n.").await.starts_with("250 "));
    let submission = app.got().pop().unwrap();
    assert_eq!((submission.channel, submission.peer), (Channel::Lmtp, None));

    let path = path(&app);
    app.running.stop().await;
    assert!(!path.exists(), "the socket is removed at the end");
    client.line().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_was_left_behind_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lmtp");
    drop(UnixListener::bind(&path).unwrap());
    let app = setup(&path).start();
    let mut client = Client::over(UnixStream::connect(&path).await.unwrap());
    assert!(client.line().await.starts_with("220 "));
    drop(app);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_way_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (taken, file) = (directory.path().join("taken"), directory.path().join("file"));
    let _listener = UnixListener::bind(&taken).unwrap();
    std::fs::write(&file, "precious").unwrap();
    for path in [&taken, &file] {
        let bound = std::panic::catch_unwind(|| setup(path).start());
        assert!(bound.is_err(), "{}", path.display());
        assert!(path.exists());
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"precious");
    let error = SmtpBindError::Socket(SocketError::Taken(taken));
    let (error, source) = (error.to_string(), std::error::Error::source(&error).is_some());
    assert!(!source, "what is shown already is not shown once more");
    assert!(error.contains("smtp.lmtp"), "{error}");
}

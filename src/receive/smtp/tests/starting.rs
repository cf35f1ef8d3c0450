use std::{collections::BTreeSet, net::TcpListener, sync::Arc};

use tokio::sync::Semaphore;

use super::{Inbox, Setup};
use crate::{
    clock::Clock,
    config::{Listen, LmtpListen, Smtp},
    health::{ComponentState, HealthRegistry},
    receive::smtp::{Context, SmtpListener},
};

fn bind(change: impl FnOnce(&mut Smtp)) -> Result<bool, String> {
    let inbox = Arc::new(Inbox { got: Default::default(), outcomes: Default::default(), permits: Semaphore::new(0) });
    let context = Context {
        certificate: None,
        wire_max_bytes: 1,
        tokens: BTreeSet::new(),
        accept: Arc::new(inbox),
        clock: Clock::system(),
    };
    let config = Setup::default().config(change).config;
    SmtpListener::bind(&config, context, &HealthRegistry::default())
        .map(|listener| listener.is_some())
        .map_err(|error| error.to_string())
}

#[test]
fn off_is_off() {
    assert_eq!(bind(|config| (config.listen, config.lmtp) = (Listen::Off, LmtpListen::Off)), Ok(false));
    assert_eq!(bind(|config| config.lmtp = LmtpListen::Off), Ok(true));
    assert_eq!(bind(|config| config.listen = Listen::Off), Ok(true));
}

#[test]
fn errors_name_the_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    type Change = Box<dyn FnOnce(&mut Smtp)>;
    let cases: Vec<(&str, Change)> = vec![
        ("smtp.recipients is empty", Box::new(|config| config.recipients.clear())),
        ("smtp.recipients: `tlsrpt`", Box::new(|config| config.recipients = vec!["tlsrpt".to_owned()])),
        ("smtp.hostname = \"a b\"", Box::new(|config| config.hostname = Some("a b".to_owned()))),
        ("smtp.proxy_protocol_from: `x`", Box::new(|config| config.proxy_protocol_from = vec!["x".to_owned()])),
        ("smtp.connections_max must be", Box::new(|config| config.connections_max = 0)),
        ("smtp.command_deadline_s must be", Box::new(|config| config.command_deadline_s = 0)),
        ("(smtp.listen)", Box::new(move |config| config.listen = Listen::At(address))),
        ("(smtp.lmtp)", Box::new(move |config| config.lmtp = LmtpListen::At(address))),
        ("smtp.lmtp: ", Box::new(|config| config.lmtp = LmtpListen::Unix("/nonexistent/lmtp".into()))),
    ];
    for (words, change) in cases {
        let error = bind(change).unwrap_err();
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_says_where_they_listen() {
    let app = Setup::default().start();
    let parts = app.health.all();
    let address = app.addresses.smtp.unwrap();
    assert_eq!(parts.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["lmtp", "smtp"]);
    assert!(parts.iter().all(|(_, health)| health.state == ComponentState::Well));
    assert_eq!(parts[1].1.words, format!("listening on {address}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_greeting_has_the_configured_name() {
    let app = Setup::default().config(|config| config.hostname = Some("mx.example.net".to_owned())).start();
    let mut client = app.connect_from("127.0.0.1").await;
    assert_eq!(client.line().await, "220 mx.example.net ESMTP tlsight");
}

use std::{path::PathBuf, sync::Arc};

use super::{ListenerState, Setup, write_certificate};
use crate::{
    clock::Clock,
    config::{Listen, Public},
    receive::https::{HttpsBindError, HttpsListener},
};

fn bind(change: impl FnOnce(&mut Public)) -> Result<Option<HttpsListener>, HttpsBindError> {
    let config = Setup::default().config(change).config;
    let state =
        ListenerState { got: Default::default(), outcomes: Vec::new(), permits: tokio::sync::Semaphore::new(0) };
    HttpsListener::bind(&config, 1000, Arc::new(Arc::new(state)), Clock::system())
}

fn refusal(change: impl FnOnce(&mut Public)) -> String {
    bind(change).err().expect("refused").to_string()
}

fn at(address: &str) -> Listen {
    address.parse().unwrap()
}

#[test]
fn plain_http_needs_loopback_or_a_proxy() {
    assert!(bind(|config| config.listen = at("127.0.0.1:0")).unwrap().unwrap().url().starts_with("http://127.0.0.1:"));
    let error = refusal(|config| config.listen = at("0.0.0.0:0"));
    assert!(error.contains("certificate") && error.contains("behind_proxy"), "{error}");
    let proxied = bind(|config| {
        config.listen = at("0.0.0.0:0");
        config.behind_proxy = true;
        config.trusted_proxies = vec!["192.0.2.0/24".into()];
    });
    assert_ne!(proxied.unwrap().unwrap().address().port(), 0);
}

#[test]
fn errors_say_what_to_set() {
    let error = refusal(|config| config.certificate = Some(PathBuf::from("cert.pem")));
    assert!(error.contains("public.key"), "{error}");
    let error = refusal(|config| config.key = Some(PathBuf::from("key.pem")));
    assert!(error.contains("public.certificate"), "{error}");
    let error = refusal(|config| config.trusted_proxies = vec!["10.0.0.0/8".into(), "proxy.example.net".into()]);
    assert!(error.contains("trusted_proxies") && error.contains("proxy.example.net"), "{error}");
    let error = refusal(|config| config.requests_per_minute_max = 0);
    assert!(error.contains("requests_per_minute_max"), "{error}");
    let error = refusal(|config| config.header_deadline_s = 0);
    assert!(error.contains("header_deadline_s"), "{error}");
}

#[test]
fn off_is_off_and_a_taken_address_is_an_error() {
    assert!(bind(|config| config.listen = Listen::Off).unwrap().is_none());
    let first = bind(|_| {}).unwrap().unwrap();
    let error = refusal(|config| config.listen = Listen::At(first.address()));
    assert!(error.contains(&first.address().to_string()) && error.contains("public.listen"), "{error}");
}

#[test]
fn a_certificate_makes_it_https_anywhere() {
    let directory = tempfile::tempdir().unwrap();
    write_certificate(directory.path(), "reports.example.net");
    let listener = bind(|config| {
        config.listen = at("0.0.0.0:0");
        config.certificate = Some(directory.path().join("cert.pem"));
        config.key = Some(directory.path().join("key.pem"));
    });
    assert!(listener.unwrap().unwrap().url().starts_with("https://0.0.0.0:"));
}

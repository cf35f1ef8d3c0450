use super::{server::Server, *};

const LONG: Duration = Duration::from_secs(30);

fn resolver(server: &Server, deadline: Duration) -> Arc<dyn Resolver> {
    open(&[server.address.to_string()], deadline, false, None, server.runtime.handle()).unwrap()
}

fn texts(resolver: &dyn Resolver, name: &str) -> Result<Vec<String>, DnsError> {
    let found = wait(resolver.txt(name))?;
    assert!(!found.secure, "nobody has validated anything");
    Ok(found.value.into_iter().map(|text| String::from_utf8(text).unwrap()).collect())
}

#[test]
fn texts_are_joined_and_records_kept_apart() {
    let server = Server::start();
    let resolver = resolver(&server, LONG);
    assert_eq!(texts(&*resolver, "key.example.net").unwrap(), ["v=DKIM1; p=abc"]);
    assert_eq!(texts(&*resolver, "Key.Example.NET.").unwrap(), ["v=DKIM1; p=abc"]);
    let mut two = texts(&*resolver, "two.example.net").unwrap();
    two.sort();
    assert_eq!(two, ["one", "two"]);
    assert_eq!(texts(&*resolver, "many.example.net").unwrap().len(), crate::limits::DNS_RECORDS_MAX);
}

#[test]
fn aliases_are_followed() {
    let server = Server::start();
    let resolver = resolver(&server, LONG);
    assert_eq!(texts(&*resolver, "alias.example.net").unwrap(), ["at the end"]);
    assert_eq!(texts(&*resolver, "far.example.net").unwrap(), ["v=DKIM1; p=abc"]);
    assert!(texts(&*resolver, "loop.example.net").is_err());
}

#[test]
fn what_is_not_there_is_told_from_what_is_not_known() {
    let server = Server::start();
    let resolver = resolver(&server, LONG);
    assert_eq!(texts(&*resolver, "nobody.example.net"), Err(DnsError::NotFound));
    assert_eq!(texts(&*resolver, "example.net"), Err(DnsError::NotFound));
    assert_eq!(texts(&*resolver, "no..name"), Err(DnsError::NotFound));
    for name in ["fails.example.net", "refused.example.net"] {
        let Err(DnsError::Temporary(why)) = texts(&*resolver, name) else { panic!("{name} is settled") };
        assert!(why.contains(name), "{why}");
    }
}

#[test]
fn silence_ends_at_the_deadline() {
    let server = Server::start();
    let resolver = resolver(&server, Duration::from_millis(300));
    let Err(DnsError::Temporary(why)) = texts(&*resolver, "silent.example.net") else { panic!("silence is an answer") };
    assert!(why.contains("silent.example.net"), "{why}");
    // The next of that organisation does not wait.
    let Err(DnsError::Temporary(why)) = texts(&*resolver, "key.example.net") else { panic!("it was asked again") };
    assert!(why.contains("a short while ago"), "{why}");
}

#[test]
fn an_answer_is_remembered_and_a_failure_is_not() {
    let server = Server::start();
    let resolver = resolver(&server, LONG);
    texts(&*resolver, "key.example.net").unwrap();
    assert_eq!(server.asked(), 1);
    texts(&*resolver, "key.example.net").unwrap();
    assert_eq!(server.asked(), 1);
    texts(&*resolver, "fails.example.net").unwrap_err();
    let asked = server.asked();
    texts(&*resolver, "fails.example.net").unwrap_err();
    assert!(server.asked() > asked);
}

#[test]
fn mail_hosts_come_best_first() {
    let server = Server::start();
    let resolver = resolver(&server, LONG);
    assert_eq!(wait(resolver.mx("example.net")).unwrap().value, ["mx1.example.net", "mx2.example.net"]);
    assert_eq!(wait(resolver.mx("nobody.example.net")), Err(DnsError::NotFound));
}

#[test]
fn where_validation_is_asked_for_an_answer_without_proof_is_no_answer() {
    let server = Server::start();
    let deadline = Duration::from_secs(5);
    let resolver = open(&[server.address.to_string()], deadline, true, None, server.runtime.handle()).unwrap();
    assert!(matches!(wait(resolver.txt("key.example.net")), Err(DnsError::Temporary(_))));
}

#[test]
fn a_runtime_that_is_gone_answers_nothing() {
    let server = Server::start();
    let resolver = resolver(&server, LONG);
    server.runtime.shutdown_background();
    assert!(matches!(wait(resolver.txt("key.example.net")), Err(DnsError::Temporary(_))));
}

#[test]
fn servers_are_addresses_with_or_without_a_port() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let opened =
        |server: &str| open(&[server.to_owned()], LONG, false, None, runtime.handle()).err().map(|e| e.to_string());
    for server in ["127.0.0.1", "::1", "127.0.0.1:5353", "[::1]:5353"] {
        assert_eq!(opened(server), None, "{server}");
    }
    let problem = opened("ns1.example.net").unwrap();
    assert!(problem.starts_with("`dns.servers`: \"ns1.example.net\" is no address"), "{problem}");
}

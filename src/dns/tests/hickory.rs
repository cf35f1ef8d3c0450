use hickory_resolver::proto::rr::{Name, RData, Record, rdata::TXT};

use super::{server::Server, *};
use crate::limits::{DNS_RECORDS_MAX, DNS_RECORDS_MAX_BYTES};

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
    assert_eq!(texts(&*resolver, "many.example.net").unwrap().len(), 30);
}

#[test]
fn records_of_one_answer_are_bounded_in_number_and_bytes() {
    let answer = |count: usize, bytes: usize| -> Vec<Record> {
        let text = RData::TXT(TXT::new(vec!["x".repeat(200); bytes / 200]));
        (0..count).map(|_| Record::from_rdata(Name::root(), 300, text.clone())).collect()
    };
    assert_eq!(super::super::hickory::texts(&answer(200, 200)).len(), DNS_RECORDS_MAX);
    assert_eq!(super::super::hickory::texts(&answer(50, 4_000)).len(), DNS_RECORDS_MAX_BYTES / 4_000);
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
fn addresses_are_of_the_family_asked_for_and_have_their_names_through_aliases() {
    let server = Server::start();
    let resolver = resolver(&server, LONG);
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    assert_eq!(wait(resolver.addresses("mx1.example.net", Family::V4)).unwrap().value, [address("192.0.2.25")]);
    assert_eq!(wait(resolver.addresses("mx1.example.net", Family::V6)).unwrap().value, [address("2001:db8::25")]);
    assert_eq!(wait(resolver.addresses("key.example.net", Family::V4)), Err(DnsError::NotFound));
    let names = wait(resolver.ptr(address("192.0.2.25"))).unwrap().value;
    assert_eq!(names, ["mx1.example.net", "mail.example.org"]);
    assert_eq!(wait(resolver.ptr(address("192.0.2.26"))), Err(DnsError::NotFound));
}

#[test]
fn names_of_addresses_are_as_the_standards_say() {
    let name = |text: &str| reverse_name(text.parse().unwrap());
    assert_eq!(name("192.0.2.25"), "25.2.0.192.in-addr.arpa");
    assert_eq!(name("::ffff:192.0.2.25"), "25.2.0.192.in-addr.arpa");
    // RFC 3596 §2.5
    let documented = "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa";
    assert_eq!(name("4321:0:1:2:3:4:567:89ab"), documented);
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

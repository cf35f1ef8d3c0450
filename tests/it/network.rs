//! Posting addresses that prove a domain, with real name servers: a proof is what their answers make it.

mod dns;

use std::{
    fs,
    net::{IpAddr, SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use tlsight::{
    dns::{Resolver, open, reverse_name},
    verify::network::{Proof, ProofRules, prove},
};
use tokio::runtime::Runtime;

use crate::{
    http::{Answer, Client},
    server::Server,
};
use dns::{Dns, Zone};

/// What is found about an address and a domain.
struct Asking {
    runtime: Runtime,
    resolver: std::sync::Arc<dyn Resolver>,
}

impl Asking {
    fn of(dns: &Dns) -> Asking {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let servers = [dns.address.to_string()];
        let resolver = open(&servers, Duration::from_secs(30), false, None, runtime.handle()).unwrap();
        Asking { runtime, resolver }
    }

    fn proof(&self, address: &str, domain: &str) -> Proof {
        let (address, domains) = (address.parse().unwrap(), [domain.to_owned()]);
        let now = "2026-11-01T08:00:00Z".parse().unwrap();
        self.runtime.block_on(prove(address, &domains, &ProofRules::default(), self.resolver.as_ref(), now))
    }

    /// The mechanism that decided, or why there is no proof.
    fn said(&self, address: &str, domain: &str) -> Result<String, String> {
        match self.proof(address, domain) {
            Proof::Proven(evidence) => {
                let by = evidence.permitted_by;
                Ok(by.split(' ').next().unwrap_or_default().to_owned())
            }
            Proof::NotProven(reason) => Err(reason),
            Proof::Unknown(reason) => Err(format!("unknown: {reason}")),
        }
    }
}

/// Records of one sender: its host, which has the address and is named by it, and its SPF record.
fn sender(name: &str, last: u8, record: &str) -> (String, String) {
    (
        format!("mail.{name} A 198.51.100.{last}\n{name} TXT \"{record}\"\n"),
        format!("{last} PTR mail.{name}.example.\n"),
    )
}

const NAMED: &str = "100.51.198.in-addr.arpa.";

#[test]
fn real_name_servers_tell_a_sender_from_a_stranger() {
    // Name, last octet of its address, SPF record, what decides.
    let table: &[(&str, u8, &str, Result<&str, &str>)] = &[
        ("ip4", 1, "v=spf1 ip4:198.51.100.0/24 -all", Ok("ip4:198.51.100.0/24")),
        ("a", 2, "v=spf1 a:mail.a.example -all", Ok("a:mail.a.example")),
        ("mx", 3, "v=spf1 mx -all", Ok("mx")),
        ("included", 4, "v=spf1 include:spf.example -all", Ok("ip4:198.51.100.4")),
        ("redirected", 5, "v=spf1 redirect=_spf.redirected.example", Ok("ip4:198.51.100.5")),
        ("ten", 6, "v=spf1 include:c1.example -all", Ok("ip4:198.51.100.6")),
        ("eleven", 7, "v=spf1 a:ns.example include:c1.example -all", Err("more than 10 look-ups")),
        ("void", 8, "v=spf1 a:n1.example a:n2.example mx:n3.example ip4:198.51.100.8", Err("find nothing")),
        ("all", 9, "v=spf1 +all", Err("only `+all`")),
        ("exists", 10, "v=spf1 exists:ns.example -all", Err("only `exists:ns.example`")),
        ("ptr", 11, "v=spf1 ptr -all", Err("only `ptr`")),
        ("wide", 12, "v=spf1 ip4:198.48.0.0/12 -all", Err("only `ip4:198.48.0.0/12`")),
        ("macro", 13, "v=spf1 a:%{d} -all", Err("only `a:%{d}`")),
        ("soft", 14, "v=spf1 ~ip4:198.51.100.14 +ip4:198.51.100.0/24", Err("does not permit")),
        ("down", 15, "v=spf1 include:lame.example -all", Err("unknown: ")),
        ("gone", 16, "v=spf1 include:none.example -all", Err("which has none")),
        ("long", 18, "v=spf1 ip4:198.51.100.18 -all", Ok("ip4:198.51.100.18")),
    ];
    let mut forward = String::from(
        "mx MX 10 mail.mx.example.\nmx MX 20 ns.example.\nspf TXT \"v=spf1 ip4:192.0.2.0/24 \" \"ip4:198.51.100.4 -all\"\n\
         _spf.redirected TXT \"v=spf1 ip4:198.51.100.5 ?all\"\nlame NS ns.elsewhere.example.\nns.elsewhere A 127.0.0.1\n\
         www.v6 AAAA 2001:db8::7\nv6 TXT \"v=spf1 ip6:2001:db8::/48 -all\"\n\
         classless TXT \"v=spf1 ip4:198.51.100.100 -all\"\nmail.classless A 198.51.100.100\n\
         many TXT \"v=spf1 ip4:198.51.100.101 -all\"\nmail.many A 198.51.100.101\n\
         forged TXT \"v=spf1 ip4:198.51.100.0/24 -all\"\nmail.forged A 192.0.2.17\n",
    );
    for link in 1..10 {
        forward += &format!("c{link} TXT \"v=spf1 include:c{}.example -all\"\n", link + 1);
    }
    forward += "c10 TXT \"v=spf1 ip4:198.51.100.6 ip4:198.51.100.7 -all\"\n";
    // More records than fit into a datagram.
    for number in 0..60 {
        forward += &format!("long TXT \"some-service-verification={number:064}\"\n");
    }
    // RFC 2317: the owner of a part of the network has its names.
    let mut reverse =
        String::from("17 PTR mail.forged.example.\n100 CNAME 100.96-127\n100.96-127 PTR mail.classless.example.\n");
    for number in 0..60 {
        reverse += &format!("101 PTR site{number}.hosted.example.\n");
    }
    reverse += "101 PTR mail.many.example.\n";
    for (name, last, record, _) in table {
        let (records, names) = sender(name, *last, record);
        forward += &records;
        reverse += &names;
    }
    let v6 = reverse_name("2001:db8::7".parse().unwrap());
    let v6 = format!("{v6}. PTR www.v6.example.\n");
    let zones: [Zone<'_>; 3] = [("example.", &forward), (NAMED, &reverse), ("8.b.d.0.1.0.0.2.ip6.arpa.", &v6)];
    let Some(dns) = Dns::start(&zones, &["113.0.203.in-addr.arpa."]) else { return };
    let asking = Asking::of(&dns);
    for (name, last, _, expected) in table {
        let said = asking.said(&format!("198.51.100.{last}"), &format!("{name}.example"));
        match (expected, &said) {
            (Ok(by), Ok(said)) => assert_eq!(said, by, "{name}"),
            (Err(part), Err(said)) => assert!(said.contains(part), "{name}: {said}"),
            _ => panic!("{name}: {said:?}"),
        }
    }
    let said = |address: &str, domain: &str| asking.said(address, domain);
    assert_eq!(said("2001:db8::7", "v6.example").unwrap(), "ip6:2001:db8::/48");
    assert!(said("2001:db8::8", "v6.example").unwrap_err().contains("has no name below"));
    assert_eq!(said("198.51.100.100", "classless.example").unwrap(), "ip4:198.51.100.100");
    assert_eq!(said("198.51.100.101", "many.example").unwrap(), "ip4:198.51.100.101");
    assert!(said("198.51.100.17", "forged.example").unwrap_err().contains("does not lead back"));
    // A zone whose servers do not know it.
    assert!(said("203.0.113.1", "ip4.example").unwrap_err().starts_with("unknown: "));
    assert!(said("198.51.100.1", "mx.example").unwrap_err().contains("has no name below"), "another's address");
}

#[test]
fn what_fails_at_first_is_proven_once_it_answers() {
    let forward = "mail.sender A 198.51.100.7\nsender TXT \"v=spf1 ip4:198.51.100.7 -all\"\n";
    let Some(dns) = Dns::start(&[("example.", forward)], &[NAMED]) else { return };
    assert!(Asking::of(&dns).said("198.51.100.7", "sender.example").unwrap_err().starts_with("unknown: "));
    let dns = Dns::start(&[("example.", forward), (NAMED, "7 PTR mail.sender.example.\n")], &[]).unwrap();
    assert_eq!(Asking::of(&dns).said("198.51.100.7", "sender.example").unwrap(), "ip4:198.51.100.7");
}

/// Of `[public]`.
const PROXY: &str = "trusted_proxies = [\"127.0.0.1\"]";

/// A report of sender.example.
fn report(id: &str) -> String {
    format!(
        r#"{{"organization-name":"Sender","contact-info":"tls@sender.example","report-id":"{id}",
        "date-range":{{"start-datetime":"2026-03-02T00:00:00Z","end-datetime":"2026-03-02T23:59:59Z"}},
        "policies":[{{"policy":{{"policy-type":"no-policy-found","policy-domain":"example.com"}},
        "summary":{{"total-successful-session-count":5,"total-failure-session-count":0}}}}]}}"#
    )
}

/// Posts from an address of loopback. These have no name but `localhost`, whatever the DNS says (RFC 6761 §6.3), so that
/// senders are those for whom a proxy posts.
fn post(from: &str, to: SocketAddr, id: &str, headers: &[(&str, &str)]) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream: TcpStream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(from.parse::<IpAddr>().unwrap(), 0)).unwrap();
        socket.connect(to).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    let mut all = vec![("Content-Type", "application/tlsrpt+json")];
    all.extend_from_slice(headers);
    let answer = Client::over(stream).request("POST", "/v1/tlsrpt", &all, report(id).as_bytes()).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["report"].as_str().unwrap().to_owned()
}

fn zones() -> [(&'static str, &'static str); 2] {
    [
        ("example.", "mail.sender A 198.51.100.7\nsender TXT \"v=spf1 ip4:198.51.100.7 ip4:127.0.0.0/16 -all\"\n"),
        (NAMED, "7 PTR mail.sender.example.\n7 PTR www.sender.example.\n"),
    ]
}

fn start(data: &Path, dns: &Dns, public: &str) -> Server {
    let config = data.with_extension("toml");
    let text =
        format!("[[domain]]\nname = \"example.com\"\n[dns]\nservers = [\"{}\"]\n[public]\n{public}\n", dns.address);
    fs::write(&config, text).unwrap();
    Server::start_with(data, |command| {
        command.arg("--config").arg(&config).env_remove("TLSIGHT_NETWORK_PROOF__ENABLED")
    })
}

fn found(server: &Server, uuid: &str) -> Answer {
    server.get(&format!("/api/v1/reports/{uuid}"))
}

#[test]
fn a_report_posted_from_an_address_of_its_sender_is_proven_and_says_by_what() {
    let directory = tempfile::tempdir().unwrap();
    let Some(dns) = Dns::start(&zones(), &[]) else { return };
    let server = start(&directory.path().join("data"), &dns, PROXY);
    let uuid = post("127.0.0.1", server.public, "sender", &[("Forwarded", "for=198.51.100.7")]);
    let item = found(&server, &uuid).json();
    assert_eq!(
        (item["trust"].as_str(), item["network_domain"].as_str()),
        (Some("network"), Some("sender.example")),
        "{item}"
    );
    assert_eq!(item["network_state"], "proven");
    assert_eq!(item["network_evidence"]["confirmed"], "mail.sender.example");
    assert_eq!(item["network_evidence"]["permitted_by"], "ip4:198.51.100.7 in the SPF record of sender.example");
    let page = server.get(&format!("/reports/{uuid}")).text().to_owned();
    for words in
        ["posted from an address of", "mail.sender.example", "www.sender.example", "ip4:198.51.100.7", "without DNSSEC"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }

    let stranger = post("127.9.9.9", server.public, "stranger", &[]);
    let item = found(&server, &stranger).json();
    assert_eq!((item["trust"].as_str(), item["network_state"].as_str()), (Some("none"), Some("not-proven")));
    let page = server.get(&format!("/reports/{stranger}")).text().to_owned();
    assert!(page.contains("127.9.9.9 has no name below sender.example"), "{page}");
}

#[test]
fn behind_a_proxy_the_client_is_asked_about_and_never_the_proxy() {
    let directory = tempfile::tempdir().unwrap();
    let Some(dns) = Dns::start(&zones(), &[]) else { return };
    let server = start(&directory.path().join("data"), &dns, PROXY);
    let state = |uuid: String| found(&server, &uuid).json()["network_state"].as_str().unwrap().to_owned();
    let named = [("X-Forwarded-For", "198.51.100.7")];
    assert_eq!(state(post("127.0.0.1", server.public, "a", &named)), "proven");
    assert_eq!(state(post("127.0.0.1", server.public, "b", &[("X-Forwarded-For", "198.51.100.8")])), "not-proven");
    let alone = post("127.0.0.1", server.public, "c", &[]);
    let reason = "the proxy 127.0.0.1 does not say for whom it posts";
    assert_eq!(found(&server, &alone).json()["network_evidence"]["reason"], reason);
    // Whoever is no proxy only says so.
    assert_eq!(state(post("127.9.9.9", server.public, "d", &named)), "not-proven");
}

#[test]
fn an_operator_may_forbid_the_questions() {
    let directory = tempfile::tempdir().unwrap();
    let Some(dns) = Dns::start(&zones(), &[]) else { return };
    let server = start(&directory.path().join("data"), &dns, &format!("{PROXY}\n[network_proof]\nenabled = false"));
    let item = found(&server, &post("127.0.0.1", server.public, "a", &[("X-Forwarded-For", "198.51.100.7")])).json();
    assert_eq!((item["trust"].as_str(), item["network_state"].as_str()), (Some("none"), None));
}

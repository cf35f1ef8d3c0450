//! Proofs over records that a test publishes.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::FutureExt as _;

use super::*;
use crate::dns::{Lookup, Records};

mod names;
mod spf;

/// A sender of example.net, whose address has a name and is permitted.
const SENDER: &str = "
    7.100.51.198.in-addr.arpa PTR mail.example.net
    mail.example.net A 198.51.100.7
    example.net TXT v=spf1 ip4:198.51.100.0/24 -all
";
const ADDRESS: &str = "198.51.100.7";

/// Counts the questions.
struct Counting(Records, Arc<AtomicUsize>);

/// Answers that were validated, but for the address of one name.
struct Signed(Records, &'static str);

impl Signed {
    fn sign<T: Send + 'static>(answer: Lookup<T>, secure: bool) -> Lookup<T> {
        Box::pin(async move { answer.await.map(|found| DnsAnswer { secure, ..found }) })
    }
}

impl Resolver for Signed {
    fn txt(&self, name: &str) -> Lookup<Vec<Vec<u8>>> {
        Signed::sign(self.0.txt(name), true)
    }

    fn mx(&self, name: &str) -> Lookup<Vec<String>> {
        Signed::sign(self.0.mx(name), true)
    }

    fn addresses(&self, name: &str, family: Family) -> Lookup<Vec<IpAddr>> {
        Signed::sign(self.0.addresses(name, family), name != self.1)
    }

    fn ptr(&self, address: IpAddr) -> Lookup<Vec<String>> {
        Signed::sign(self.0.ptr(address), true)
    }
}

impl Resolver for Counting {
    fn txt(&self, name: &str) -> Lookup<Vec<Vec<u8>>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.txt(name)
    }

    fn mx(&self, name: &str) -> Lookup<Vec<String>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.mx(name)
    }

    fn addresses(&self, name: &str, family: Family) -> Lookup<Vec<IpAddr>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.addresses(name, family)
    }

    fn ptr(&self, address: IpAddr) -> Lookup<Vec<String>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.ptr(address)
    }
}

fn now() -> DateTime<Utc> {
    "2026-11-01T08:00:00Z".parse().unwrap()
}

/// The proof, and how many questions it took.
fn asked(records: &str, address: &str, domains: &[&str], rules: &ProofRules) -> (Proof, usize) {
    let count = Arc::default();
    let resolver = Counting(Records::parse(records).unwrap(), Arc::clone(&count));
    let domains: Vec<String> = domains.iter().map(|domain| (*domain).to_owned()).collect();
    let address = address.parse().unwrap();
    // The pipeline may move it between threads.
    let proving: Box<dyn Future<Output = Proof> + Send + '_> =
        Box::new(prove(address, &domains, rules, &resolver, now()));
    let proof = Box::into_pin(proving).now_or_never().expect("the records answer at once");
    (proof, count.load(Ordering::SeqCst))
}

fn proof(records: &str, address: &str, domain: &str) -> Proof {
    asked(records, address, &[domain], &ProofRules::default()).0
}

/// Which SPF mechanism decided.
fn permitted(proof: Proof) -> String {
    match proof {
        Proof::Proven(evidence) => evidence.permitted_by,
        other => panic!("{other:?}"),
    }
}

fn refused(proof: Proof) -> String {
    match proof {
        Proof::NotProven(reason) => reason,
        other => panic!("{other:?}"),
    }
}

fn unknown(proof: Proof) -> String {
    match proof {
        Proof::Unknown(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_name_that_leads_back_and_a_record_that_permits_prove_a_domain() {
    let (proof, questions) = asked(SENDER, ADDRESS, &["Example.NET."], &ProofRules::default());
    let Proof::Proven(evidence) = proof else { panic!("{proof:?}") };
    assert_eq!(
        evidence,
        NetworkEvidence {
            address: ADDRESS.parse().unwrap(),
            domain: "example.net".to_owned(),
            reverse_names: vec!["mail.example.net".to_owned()],
            confirmed: Some("mail.example.net".to_owned()),
            permitted_by: "ip4:198.51.100.0/24 in the SPF record of example.net".to_owned(),
            secure: false,
            looked_up_at: now(),
        }
    );
    assert_eq!(questions, 3);
    let written = serde_json::to_string(&evidence).unwrap();
    assert_eq!(serde_json::from_str::<NetworkEvidence>(&written).unwrap(), evidence);
    assert_eq!(permitted(self::proof(SENDER, "::ffff:198.51.100.7", "example.net")), evidence.permitted_by);
}

#[test]
fn a_proof_is_secure_where_every_answer_it_rests_on_is() {
    let secure = |records: &str, unsigned: &'static str| {
        let (resolver, domains) = (Signed(Records::parse(records).unwrap(), unsigned), ["example.net".to_owned()]);
        let rules = ProofRules::default();
        let proof = prove(ADDRESS.parse().unwrap(), &domains, &rules, &resolver, now()).now_or_never().unwrap();
        let Proof::Proven(evidence) = proof else { panic!("{proof:?}") };
        evidence.secure
    };
    assert!(secure(SENDER, "nobody.example"));
    assert!(!secure(SENDER, "mail.example.net"));
    let by_name = SENDER.replace("ip4:198.51.100.0/24", "a:other.example.net") + "other.example.net A 198.51.100.7";
    assert!(secure(&by_name, "nobody.example"));
    assert!(!secure(&by_name, "other.example.net"));
}

#[test]
fn the_second_domain_counts_where_the_first_does_not_and_a_third_is_not_looked_at() {
    let proven = |domains: &[&str]| asked(SENDER, ADDRESS, domains, &ProofRules::default());
    assert!(matches!(proven(&["example.org", "example.net"]).0, Proof::Proven(_)));
    let (proof, questions) = proven(&["example.org", "example.com", "example.net"]);
    assert_eq!(refused(proof), "198.51.100.7 has no name below example.com");
    assert_eq!(questions, 1, "the names of the address are asked for once");
    assert_eq!(proven(&[]), (Proof::NotProven("the report names no domain it comes from".to_owned()), 0));
}

#[test]
fn public_suffixes_and_what_is_below_a_private_one_prove_nothing_and_ask_nobody() {
    for domain in
        ["github.io", "somebody.github.io", "a.somebody.github.io", "com", "co.uk", "not a domain", "192.0.2.1"]
    {
        let (proof, questions) = asked(SENDER, ADDRESS, &[domain], &ProofRules::default());
        refused(proof);
        assert_eq!(questions, 0, "{domain}");
    }
    assert!(provable("example.co.uk").is_ok());
}

#[test]
fn a_domain_in_the_registry_is_proven_only_as_the_registry_says() {
    let rules = |rule: ProofRule| ProofRules::new(HashMap::from([("example.net".to_owned(), rule)]));
    let judged = |rule: ProofRule, domain: &str| asked(SENDER, ADDRESS, &[domain], &rules(rule));

    let (proof, questions) = judged(ProofRule { forbidden: true, ..ProofRule::default() }, "example.net");
    assert_eq!((refused(proof).as_str(), questions), ("addresses prove nothing for example.net", 0));
    let (proof, questions) = judged(ProofRule::default(), "mail.example.net");
    let reason = "198.51.100.7 is in no network that is known to be one of mail.example.net";
    assert_eq!((refused(proof).as_str(), questions), (reason, 0), "a longer name evades no rule");

    let networks = vec!["2001:db8::/32".parse().unwrap(), "198.51.100.0/25".parse().unwrap()];
    let (proof, questions) = judged(ProofRule { networks, ..ProofRule::default() }, "example.net");
    let known = "198.51.100.0/25, which is known to be a network of example.net";
    assert_eq!((permitted(proof).as_str(), questions), (known, 0));

    let patterns = |patterns: &[&str]| ProofRule {
        host_patterns: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
        ..ProofRule::default()
    };
    assert!(matches!(judged(patterns(&["crawl-*.example.net", "m*l.example.net"]), "example.net").0, Proof::Proven(_)));
    let refused_by = refused(judged(patterns(&["mail-*.example.net"]), "example.net").0);
    assert_eq!(refused_by, "198.51.100.7 has no name like those of the mail hosts of example.net");
    assert!(matches!(judged(patterns(&["mail.example.net"]), "example.org").0, Proof::NotProven(_)));
}

#[test]
fn a_pattern_stays_within_its_labels() {
    assert!(is_like("mail-a1.example.net", "mail-*.example.net"));
    assert!(is_like("mail-.example.net", "mail-*.example.net"));
    assert!(is_like("a.b.example.net", "*.*.example.net"));
    assert!(is_like("aXbXc.example.net", "a*b*c.example.net"));
    assert!(!is_like("mail-x.evil.example.net", "mail-*.example.net"));
    assert!(!is_like("mail.example.net", "mail.example.net.*"));
    assert!(!is_like("evil.example", "*"));
    assert!(!is_like("b.example.net", "a*.example.net"));
}

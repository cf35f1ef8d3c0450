use std::{fs, future::pending, path::PathBuf};

use super::*;
use crate::{
    dns::{Family, Lookup, Records},
    limits::{Limits, NETWORK_PENDING_MAX_H, NETWORK_PROOFS_PER_ADDRESS_MINUTE_MAX, NETWORK_PROVEN_TTL_S},
    pipeline::{Pipeline, Retry, fixtures::signatures},
    store::fixtures::{TempStore, temp_store},
    submission::{Channel, Hints, Outcome, Receipt, Submission},
    verify::{Served, network::ProofRule},
};
use chrono::TimeDelta;

const NOW: &str = "2026-03-03T06:00:00Z";
const ADDRESS: &str = "198.51.100.7";
const SENDER: &str = "7.100.51.198.in-addr.arpa PTR mail.sender.example
mail.sender.example A 198.51.100.7
sender.example TXT v=spf1 ip4:198.51.100.0/24 -all
";

struct Bench {
    pipeline: Arc<Pipeline>,
    records: PathBuf,
    _directory: tempfile::TempDir,
}

fn bench(records: &str) -> Bench {
    let TempStore { store, directory } = temp_store();
    let path = directory.path().join("records.dns");
    fs::write(&path, records).unwrap();
    let resolver = Arc::new(Records::open(&path).unwrap());
    let networks = Networks::new(resolver, &["10.0.0.0/8".to_owned()]).unwrap();
    let served = Served::new(Default::default(), [("secret".to_owned(), Default::default())].into());
    let pipeline = Pipeline::proving(Limits::default(), served, signatures(""), networks, store).unwrap();
    Bench { pipeline, records: path, _directory: directory }
}

fn now() -> DateTime<Utc> {
    NOW.parse().unwrap()
}

fn report(id: &str, contact: &str, failed: u32) -> String {
    format!(
        r#"{{"organization-name":"Sender Inc.","contact-info":"{contact}","report-id":"{id}",
        "date-range":{{"start-datetime":"2026-03-02T00:00:00Z","end-datetime":"2026-03-02T23:59:59Z"}},
        "policies":[{{"policy":{{"policy-type":"sts","policy-domain":"example.com"}},
        "summary":{{"total-successful-session-count":9,"total-failure-session-count":{failed}}},
        "failure-details":[{{"result-type":"certificate-expired","failed-session-count":{failed}}}]}}]}}"#
    )
}

impl Bench {
    fn submission(&self, json: &str, peer: &str) -> Submission {
        Submission {
            bytes: json.as_bytes().to_vec(),
            channel: Channel::Https,
            peer: Some(peer.parse().unwrap()),
            received_at: now(),
            hints: Hints::default(),
        }
    }

    async fn post(&self, json: &str, peer: &str) -> Receipt {
        self.pipeline.accept(self.submission(json, peer)).await
    }

    async fn ask(&self, sql: &'static str) -> Vec<String> {
        let read = self.pipeline.store().read(move |conn| {
            let mut statement = conn.prepare(sql)?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<duckdb::Result<_>>()?)
        });
        read.await.unwrap()
    }

    /// Trust, state, domain and evidence of the one stored report.
    async fn found(&self) -> [String; 4] {
        let sql = "SELECT unnest([trust, coalesce(network_state, '-'), coalesce(network_domain, '-'), \
                   coalesce(network_evidence, '-')]) FROM report";
        self.ask(sql).await.try_into().unwrap()
    }

    /// The trust of the one report, and of its rows in the other tables.
    async fn trusts(&self) -> [String; 3] {
        let sql = "SELECT trust FROM (SELECT 1 AS n, trust FROM report UNION ALL SELECT 2, trust FROM policy \
                   UNION ALL SELECT 3, trust FROM failure) ORDER BY n";
        self.ask(sql).await.try_into().unwrap()
    }
}

/// Whose servers never say anything.
struct Mute;

impl Resolver for Mute {
    fn txt(&self, _: &str) -> Lookup<Vec<Vec<u8>>> {
        Box::pin(pending())
    }

    fn mx(&self, _: &str) -> Lookup<Vec<String>> {
        Box::pin(pending())
    }

    fn addresses(&self, _: &str, _: Family) -> Lookup<Vec<IpAddr>> {
        Box::pin(pending())
    }

    fn ptr(&self, _: IpAddr) -> Lookup<Vec<String>> {
        Box::pin(pending())
    }
}

fn question(address: &str, domain: &str) -> Question {
    Question { address: address.parse().unwrap(), domains: vec![domain.to_owned()] }
}

#[tokio::test]
async fn a_report_posted_from_an_address_of_its_sender_is_proven() {
    let bench = bench(SENDER);
    bench.post(&report("a", "tls@Sender.Example", 1), ADDRESS).await;
    let [trust, state, domain, evidence] = bench.found().await;
    assert_eq!((trust.as_str(), state.as_str(), domain.as_str()), ("network", "proven", "sender.example"));
    let evidence: network::NetworkEvidence = serde_json::from_str(&evidence).unwrap();
    assert_eq!(evidence.confirmed.as_deref(), Some("mail.sender.example"));
    assert_eq!(evidence.permitted_by, "ip4:198.51.100.0/24 in the SPF record of sender.example");
    assert_eq!(evidence.looked_up_at, now());
    assert_eq!(bench.trusts().await, ["network"; 3]);
}

#[tokio::test]
async fn from_elsewhere_it_is_stored_unproven_with_the_reason() {
    let bench = bench(SENDER);
    bench.post(&report("a", "tls@sender.example", 1), "192.0.2.1").await;
    let [trust, state, domain, evidence] = bench.found().await;
    assert_eq!((trust.as_str(), state.as_str(), domain.as_str()), ("none", "not-proven", "-"));
    assert_eq!(evidence, r#"{"reason":"192.0.2.1 has no name below sender.example"}"#);
}

#[tokio::test]
async fn a_name_that_is_a_domain_may_be_proven_as_well_as_the_contact() {
    let domains = |contact, organisation| NetworkClaim { contact, organisation }.domains();
    assert_eq!(domains(Some("TLS <tls@Sender.example>"), Some("Other.example")), ["sender.example", "other.example"]);
    assert_eq!(domains(Some("tls@sender.example"), Some("sender.example")), ["sender.example"]);
    assert_eq!(domains(Some("https://sender.example/"), Some("Sender Inc.")), [""; 0]);
    assert_eq!(domains(None, None), [""; 0]);
}

#[tokio::test]
async fn a_token_is_outranked_by_a_proof_and_what_an_operator_imports_is_not_asked_about() {
    let bench = bench(SENDER);
    let mut submission = bench.submission(&report("a", "tls@sender.example", 1), ADDRESS);
    submission.hints.token = Some("secret".to_owned());
    bench.pipeline.accept(submission).await;
    assert_eq!(bench.trusts().await, ["network"; 3]);

    let bench = self::bench(SENDER);
    let submission = bench.submission(&report("a", "tls@sender.example", 1), ADDRESS);
    bench.pipeline.accept(Submission { channel: Channel::Import, ..submission }).await;
    assert_eq!(bench.found().await[..2], ["import", "-"]);
}

#[tokio::test]
async fn a_proxy_that_names_no_client_proves_nothing() {
    let records = SENDER.replace("7.100.51.198", "1.0.0.10").replace("198.51.100.7", "10.0.0.1");
    let bench = bench(&records.replace("198.51.100.0", "10.0.0.0"));
    bench.post(&report("a", "tls@sender.example", 1), "10.0.0.1").await;
    let [trust, state, _, evidence] = bench.found().await;
    assert_eq!((trust.as_str(), state.as_str()), ("none", "not-proven"));
    assert!(evidence.contains("the proxy 10.0.0.1 does not say for whom it posts"), "{evidence}");
}

#[tokio::test]
async fn a_proven_copy_takes_the_place_of_one_that_is_not() {
    let bench = bench(SENDER);
    bench.post(&report("a", "tls@sender.example", 1), "192.0.2.1").await;
    let same = bench.post(&report("a", "tls@sender.example", 1), ADDRESS).await;
    assert!(matches!(same.0[..], [Outcome::Duplicate(_)]), "{same:?}");
    assert_eq!(bench.trusts().await, ["network"; 3]);
    assert_eq!(bench.found().await[1..3], ["proven", "sender.example"]);

    let bench = self::bench(SENDER);
    bench.post(&report("a", "tls@sender.example", 1), "192.0.2.1").await;
    let other = bench.post(&report("a", "tls@sender.example", 2), ADDRESS).await;
    assert!(matches!(other.0[..], [Outcome::Stored(_)]), "{other:?}");
    assert_eq!(bench.found().await[1], "proven");
    assert_eq!(bench.ask("SELECT network_state FROM quarantine WHERE code = 'superseded'").await, ["not-proven"]);
}

#[tokio::test]
async fn what_was_proven_stays_so_in_the_quarantine_and_out_of_it() {
    let bench = bench(SENDER);
    bench.post(&report("a", "tls@sender.example", 1), ADDRESS).await;
    let other = report("a", "tls@sender.example", 2);
    let kept = bench.post(&other, ADDRESS).await;
    let [Outcome::Quarantined { entry, .. }] = kept.0[..] else { panic!("{kept:?}") };
    let read = bench.pipeline.store().read(move |conn| crate::store::quarantined(conn, entry)).await.unwrap();
    let arrival = read.unwrap().arrival;
    assert_eq!((arrival.trust, arrival.origin.network_domain.as_deref()), (Trust::Network, Some("sender.example")));

    // Nobody is asked again: the address may have another owner by now.
    fs::write(&bench.records, "").unwrap();
    let mut again = bench.submission(&other, "203.0.113.9");
    again.hints.judged = Some(Box::new(arrival.origin));
    bench.pipeline.accept_again(again, Retry { entry, element: None, admit: true }).await;
    assert_eq!(bench.found().await[..3], ["network", "proven", "sender.example"]);

    let stranger = bench.submission(&report("b", "tls@other.example", 2), "203.0.113.9");
    bench.pipeline.accept_again(stranger, Retry { entry, element: None, admit: false }).await;
    assert_eq!(bench.ask("SELECT trust FROM report WHERE report_id = 'b'").await, ["none"]);
}

#[tokio::test]
async fn what_cannot_be_looked_up_is_stored_and_proven_later() {
    let down = format!("{SENDER}\n7.100.51.198.in-addr.arpa SERVFAIL");
    let bench = bench(&down);
    bench.post(&report("a", "tls@sender.example", 1), ADDRESS).await;
    assert_eq!(bench.found().await[..3], ["none", "unknown", "-"]);
    let later = |minutes| now() + TimeDelta::minutes(minutes);

    assert_eq!(bench.pipeline.prove_pending(later(5)).await.unwrap(), 0);
    assert_eq!(bench.found().await[1], "unknown");
    fs::write(&bench.records, SENDER).unwrap();
    assert_eq!(bench.pipeline.prove_pending(later(10)).await.unwrap(), 1);
    assert_eq!(bench.trusts().await, ["network"; 3]);
    assert_eq!(bench.found().await[1..3], ["proven", "sender.example"]);
    assert_eq!(bench.pipeline.prove_pending(later(15)).await.unwrap(), 0);
}

#[tokio::test]
async fn later_it_may_turn_out_that_nothing_is_proven_or_be_too_late_to_ask() {
    let down = "7.100.51.198.in-addr.arpa SERVFAIL";
    let bench = bench(down);
    bench.post(&report("a", "tls@sender.example", 1), ADDRESS).await;
    fs::write(&bench.records, "").unwrap();
    assert_eq!(bench.pipeline.prove_pending(now() + TimeDelta::minutes(5)).await.unwrap(), 0);
    assert_eq!(bench.found().await[..2], ["none", "not-proven"]);

    let bench = self::bench(down);
    bench.post(&report("a", "tls@sender.example", 1), ADDRESS).await;
    fs::write(&bench.records, SENDER).unwrap();
    let late = now() + TimeDelta::hours(NETWORK_PENDING_MAX_H) + TimeDelta::minutes(1);
    assert_eq!(bench.pipeline.prove_pending(late).await.unwrap(), 0);
    assert_eq!(bench.found().await[1], "unknown");
}

#[tokio::test]
async fn an_answer_is_remembered_until_it_is_old_or_the_rules_change() {
    let bench = bench(SENDER);
    let networks = &bench.pipeline.networks;
    let question = question(ADDRESS, "sender.example");
    assert_eq!(networks.known(&question, now()), None);
    assert!(matches!(networks.ask(question.clone(), now(), deadline()).await, Proof::Proven(_)));
    fs::write(&bench.records, "").unwrap();
    assert!(matches!(networks.known(&question, now() + TimeDelta::minutes(59)), Some(Proof::Proven(_))));
    let json = report("a", "tls@sender.example", 1);
    bench.post(&json, ADDRESS).await;
    assert_eq!(bench.found().await[1], "proven");
    assert_eq!(networks.known(&question, now() + TimeDelta::seconds(NETWORK_PROVEN_TTL_S)), None);

    let forbidden = ProofRule { forbidden: true, ..ProofRule::default() };
    networks.follow(ProofRules::new([("sender.example".to_owned(), forbidden)].into()));
    assert_eq!(networks.known(&question, now()), None);
    bench.post(&report("b", "tls@sender.example", 1), ADDRESS).await;
    assert_eq!(bench.ask("SELECT trust FROM report WHERE report_id = 'b'").await, ["none"]);
}

#[tokio::test]
async fn silence_ends_at_the_deadline_and_a_flood_at_its_budget() {
    let networks = Networks::new(Arc::new(Mute), &[]).unwrap();
    for number in 0..NETWORK_PROOFS_PER_ADDRESS_MINUTE_MAX {
        let question = question(ADDRESS, &format!("d{number}.example"));
        let Proof::Unknown(why) = networks.ask(question.clone(), now(), Instant::now()).await else {
            panic!("an answer")
        };
        assert_eq!(why, "the DNS said nothing about 198.51.100.7 in time");
        assert!(networks.known(&question, now()).is_some());
    }
    let over = question(ADDRESS, "over.example");
    let Proof::Unknown(why) = networks.ask(over.clone(), now(), deadline()).await else { panic!("an answer") };
    assert_eq!(why, "too many proofs were asked for around 198.51.100.7 within a minute");
    assert_eq!(networks.known(&over, now()), None);
}

#[tokio::test]
async fn each_report_of_a_body_is_proven_for_itself() {
    let bench = bench(SENDER);
    let body = format!(
        "[{},{},{},{}]",
        report("a", "tls@sender.example", 1),
        report("b", "tls@other.example", 1),
        report("c", "tls@sender.example", 1),
        report("d", "nobody", 1)
    );
    let networks = &bench.pipeline.networks;
    networks.ask(question(ADDRESS, "other.example"), now(), deadline()).await;
    bench.post(&body, ADDRESS).await;
    let sql = "SELECT report_id || ' ' || trust || ' ' || network_state FROM report ORDER BY report_id";
    assert_eq!(
        bench.ask(sql).await,
        ["a network proven", "b none not-proven", "c network proven", "d none not-proven"]
    );
}

#[test]
fn a_proxy_that_is_no_address_is_named() {
    let problem = Networks::new(Arc::new(Mute), &["proxy.example".to_owned()]).err().unwrap();
    assert!(problem.contains("proxy.example"), "{problem}");
}

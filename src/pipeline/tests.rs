mod archives;
mod forwarded;
mod mail;
mod senders;
mod unproven;

use chrono::{DateTime, Utc};

use super::*;
use crate::{
    report::Deviation,
    store::fixtures::{TempStore, temp_store},
    submission::{Channel, Hints, Origin},
};

const NOW: &str = "2026-03-03T06:00:00Z";

struct Bench {
    pipeline: Arc<Pipeline>,
    _directory: tempfile::TempDir,
}

fn bench(served: Served) -> Bench {
    let TempStore { store, directory } = temp_store();
    Bench {
        pipeline: Pipeline::new(Limits::default(), served, fixtures::signatures(""), store).unwrap(),
        _directory: directory,
    }
}

fn submission(json: &str) -> Submission {
    Submission {
        bytes: json.as_bytes().to_vec(),
        channel: Channel::Https,
        peer: None,
        received_at: NOW.parse::<DateTime<Utc>>().unwrap(),
        hints: Hints::default(),
    }
}

fn report(id: &str, day: &str, sessions: u32) -> String {
    format!(
        r#"{{"organization-name":"Example","contact-info":"tls@sender.example","report-id":"{id}",
        "date-range":{{"start-datetime":"{day}T00:00:00Z","end-datetime":"{day}T23:59:59Z"}},
        "policies":[{{"policy":{{"policy-type":"no-policy-found","policy-domain":"example.com"}},
        "summary":{{"total-successful-session-count":{sessions},"total-failure-session-count":0}}}}]}}"#
    )
}

fn code(outcome: &Outcome) -> FaultCode {
    match outcome {
        Outcome::Quarantined { fault, .. } | Outcome::Refused(fault) => fault.code,
        other => panic!("no fault: {other:?}"),
    }
}

fn entry(outcome: &Outcome) -> Uuid {
    match outcome {
        Outcome::Quarantined { entry, .. } => *entry,
        other => panic!("not quarantined: {other:?}"),
    }
}

#[tokio::test]
async fn a_report_is_stored_once() {
    let bench = bench(Served::default());
    let json = report("a", "2026-03-02", 5);
    assert!(matches!(bench.pipeline.accept(submission(&json)).await.0[..], [Outcome::Stored(_)]));
    assert!(matches!(bench.pipeline.accept(submission(&json)).await.0[..], [Outcome::Duplicate(_)]));
}

#[tokio::test]
async fn each_report_of_an_array_has_its_own_fate() {
    let bench = bench(Served::default());
    let json = format!("[{},{{\"policies\":3}},{}]", report("a", "2026-03-02", 5), report("b", "2026-03-02", 5));
    let receipt = bench.pipeline.accept(submission(&json)).await;
    assert!(matches!(receipt.0[0], Outcome::Stored(_)), "{receipt:?}");
    assert_eq!(code(&receipt.0[1]), FaultCode::NotAReport);
    assert!(matches!(receipt.0[2], Outcome::Stored(_)), "{receipt:?}");
    assert!(matches!(receipt.overall(), Outcome::Quarantined { .. }));
}

#[tokio::test]
async fn an_array_cannot_multiply_its_document() {
    let bench = bench(Served::default());
    let reports: Vec<String> = (0..100).map(|number| report(&number.to_string(), "2026-03-02", 5)).collect();
    let json = format!("[{}]{}", reports.join(","), " ".repeat(1024 * 1024));
    let receipt = bench.pipeline.accept(submission(&json)).await;
    assert_eq!(code(&receipt.0[0]), FaultCode::TooManyElements);
}

#[tokio::test]
async fn a_guessed_token_costs_nothing() {
    let bench = bench(Served::default());
    let mut guess = submission("this is never looked at");
    guess.hints.token = Some("guess".to_owned());
    assert_eq!(code(&bench.pipeline.accept(guess).await.0[0]), FaultCode::UnknownToken);
}

#[tokio::test]
async fn what_the_operator_admits_takes_the_place_of_what_is_stored() {
    let bench = bench(Served::default());
    bench.pipeline.accept(submission(&report("a", "2026-03-02", 5))).await;
    let other = report("a", "2026-03-02", 6);
    let conflict = bench.pipeline.accept(submission(&other)).await;
    assert_eq!(code(&conflict.0[0]), FaultCode::Conflict);
    let retry = Retry { entry: entry(&conflict.0[0]), element: None, admit: true };
    let admitted = bench.pipeline.accept_again(submission(&other), retry).await;
    assert!(matches!(admitted.0[..], [Outcome::Stored(_)]), "{admitted:?}");
    let again = bench.pipeline.accept(submission(&other)).await;
    assert!(matches!(again.0[..], [Outcome::Duplicate(_)]), "{again:?}");
    let trust = bench
        .pipeline
        .store()
        .read(|connection| Ok(connection.query_row("SELECT trust FROM report", [], |row| row.get::<_, String>(0))?));
    assert_eq!(trust.await.unwrap(), "import", "the operator trusts it");
}

#[tokio::test]
async fn a_report_of_the_future_waits_for_the_operator() {
    let bench = bench(Served::default());
    let json = report("a", "2026-05-01", 5);
    let kept = bench.pipeline.accept(submission(&json)).await;
    assert_eq!(code(&kept.0[0]), FaultCode::FutureDate);
    let judged = Retry { entry: entry(&kept.0[0]), element: None, admit: false };
    let judged_again = bench.pipeline.accept_again(submission(&json), judged).await;
    assert_eq!(code(&judged_again.0[0]), FaultCode::FutureDate);
    let admitted = bench.pipeline.accept_again(submission(&json), Retry { admit: true, ..judged }).await;
    assert!(matches!(admitted.0[..], [Outcome::Stored(_)]), "{admitted:?}");
}

#[tokio::test]
async fn a_token_of_another_domain_is_told_to_the_sender_and_the_operator() {
    let domains = ["example.com", "example.net"].map(|domain| (domain.to_owned(), Default::default()));
    let tokens = [
        ("of-net".to_owned(), ["example.net".to_owned()].into()),
        ("of-com".to_owned(), ["example.com".to_owned()].into()),
    ];
    let bench = bench(Served::new(domains.into(), tokens.into()));
    let by = |token: &str| {
        let hints = Hints { token: Some(token.to_owned()), ..Hints::default() };
        Submission { hints, ..submission(&report(token, "2026-03-02", 5)) }
    };
    let shown = async |token: &str| {
        let receipt = bench.pipeline.accept(by(token)).await;
        let [Outcome::Stored(uuid)] = receipt.0[..] else { panic!("{receipt:?}") };
        let whole = mail::shown(&bench, uuid);
        let noted = whole.report.deviations.iter().any(|deviation| deviation.code == Deviation::TokenOtherDomain);
        (receipt.1.token_of_other_domain, noted, whole.report.trust)
    };
    assert_eq!(shown("of-net").await, (true, true, Trust::None));
    assert_eq!(shown("of-com").await, (false, false, Trust::Token));
    assert!(bench.pipeline.accept(by("of-net")).await.1.token_of_other_domain, "also when it comes again");
}

#[tokio::test]
async fn a_large_body_is_unpacked_aside_and_taken_all_the_same() {
    let bench = bench(Served::default());
    let json = format!("{}{}", report("a", "2026-03-02", 5), " ".repeat(INLINE_MAX_BYTES));
    assert!(matches!(bench.pipeline.accept(submission(&json)).await.0[..], [Outcome::Stored(_)]));
}

#[tokio::test]
async fn two_organisations_with_mailboxes_at_one_provider_are_two() {
    let bench = bench(Served::default());
    for name in ["Alpha Mail", "Beta Mail"] {
        let json = report(name, "2026-03-02", 5).replace("\"Example\"", &format!("\"{name}\""));
        let json = json.replace("tls@sender.example", "reports@gmail.com");
        assert!(matches!(bench.pipeline.accept(submission(&json)).await.0[..], [Outcome::Stored(_)]));
    }
    let keys = bench.pipeline.store().read(|connection| {
        let mut statement = connection.prepare("SELECT organisation_key FROM report ORDER BY 1")?;
        let keys = statement.query_map([], |row| row.get::<_, String>(0))?;
        Ok(keys.collect::<Result<Vec<_>, _>>()?)
    });
    assert_eq!(keys.await.unwrap(), ["claimed:alpha mail", "claimed:beta mail"]);
}

#[tokio::test]
async fn a_change_of_the_served_domains_makes_no_report_new() {
    let two = report("a", "2026-03-02", 5).replace(
        "\"policies\":[",
        "\"policies\":[{\"policy\":{\"policy-type\":\"sts\",\"policy-domain\":\"example.net\"}},",
    );
    let TempStore { store, directory: _directory } = temp_store();
    let serving = |domains: &[&str]| {
        let domains = domains.iter().map(|domain| ((*domain).to_owned(), Default::default())).collect();
        Pipeline::new(
            Limits::default(),
            Served::new(domains, Default::default()),
            fixtures::signatures(""),
            store.clone(),
        )
        .unwrap()
    };
    let first = serving(&["example.com"]).accept(submission(&two)).await;
    assert!(matches!(first.0[..], [Outcome::Stored(_)]), "{first:?}");
    let second = serving(&["example.com", "example.net"]).accept(submission(&two)).await;
    assert!(matches!(second.0[..], [Outcome::Duplicate(_)]), "{second:?}");
}

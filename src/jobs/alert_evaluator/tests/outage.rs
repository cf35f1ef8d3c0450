//! One outage of three hundred policy domains that two organisations see, the second one's report later.

use super::*;
use crate::{
    explain::MailEffect,
    report::{PolicyDetails, StsMode, StsPolicy},
};

const DOMAINS: usize = 300;
const FETCH: &str = "sts-policy-fetch-error";

impl Watch {
    /// One report about one day of October on all domains; `failed` says how many sessions failed at the one of a number.
    async fn on_all(&self, who: &str, day: u32, failed: impl Fn(usize) -> i64) {
        let mut entry = about(who, day, FETCH, 0, Trust::Dkim, self.clock.now());
        let EntryKind::Report { report, .. } = &mut entry.kind else { panic!("a report") };
        report.policies = (0..DOMAINS)
            .map(|number| {
                let mut result =
                    policy(&format!("kunde{number}.example"), PolicyType::Sts, Some(100), Some(failed(number)));
                result.failures.extend((failed(number) > 0).then(|| failure(FETCH, Some(failed(number)))));
                result
            })
            .collect();
        let outcomes = self.store().write(vec![entry]).await;
        assert!(matches!(outcomes[..], [Outcome::Stored(_)]), "{outcomes:?}");
    }

    async fn firing(&self, rule: AlertRule) -> usize {
        let all = self.store().read(alert::all_firing).await.unwrap();
        all.iter().filter(|alert| alert.rule == rule).count()
    }

    async fn titles(&self) -> Vec<String> {
        self.entries().await.into_iter().map(|sent| sent.title).collect()
    }

    /// Two weeks of clean reports, so that what fails then is news.
    async fn after_two_weeks(text: &str) -> Watch {
        let watch = Watch::new(text);
        for day in 1..=15 {
            for who in ["alpha.example", "beta.example"] {
                watch.on_all(who, day, |_| 0).await;
            }
        }
        watch.clock.set(october(16) + TimeDelta::hours(9));
        watch.evaluate().await;
        watch.clock.set(october(17) + TimeDelta::hours(2));
        watch
    }
}

/// Some by one organisation's sessions alone, some by none.
fn mixed(number: usize) -> i64 {
    3 + (number % 40) as i64
}

#[tokio::test]
async fn an_outage_of_many_domains_is_one_message_though_the_second_report_comes_later() {
    let watch = Watch::after_two_weeks(CHANNEL).await;
    watch.on_all("alpha.example", 16, mixed).await;
    watch.evaluate().await;
    let first = watch.firing(AlertRule::PolicyFetch).await;
    assert!(first > 100 && first < DOMAINS, "{first}");
    assert_eq!(watch.firing(AlertRule::NewFailure).await, 0, "the other report is on its way");

    watch.advance(TimeDelta::hours(3));
    watch.on_all("beta.example", 16, mixed).await;
    let fired = watch.evaluate().await;
    assert_eq!((watch.firing(AlertRule::PolicyFetch).await, watch.firing(AlertRule::NewFailure).await), (DOMAINS, 0));
    assert!(
        fired.transitions.iter().all(|it| !it.notified && it.muted.as_deref().is_some_and(|it| it.contains("outage")))
    );
    assert_eq!(
        watch.titles().await,
        [format!("{first} policies cannot be fetched or used by alpha.example since Fri 16 Oct (MTA-STS)")]
    );

    watch.advance(TimeDelta::hours(21));
    watch.evaluate().await;
    let reminder =
        "Still: 300 policies cannot be fetched or used by alpha.example and beta.example since Fri 16 Oct (MTA-STS)";
    assert_eq!(watch.titles().await[1..], [reminder]);

    watch.advance(TimeDelta::hours(1));
    watch.on_all("alpha.example", 17, |_| 0).await;
    watch.evaluate().await;
    assert_eq!(watch.firing(AlertRule::PolicyFetch).await, DOMAINS, "over for one of the two");
    watch.on_all("beta.example", 17, |_| 0).await;
    watch.evaluate().await;
    assert_eq!((watch.firing(AlertRule::PolicyFetch).await, watch.firing(AlertRule::NewFailure).await), (0, 0));
    let over = "300 policies can be fetched and used again by alpha.example and beta.example (MTA-STS)";
    assert_eq!(watch.titles().await[2..], [over]);
}

#[tokio::test]
async fn what_one_evaluation_finds_is_one_message_that_names_both_and_counts_all() {
    let watch = Watch::after_two_weeks(CHANNEL).await;
    watch.on_all("alpha.example", 16, |_| 7).await;
    watch.evaluate().await;
    assert_eq!(watch.titles().await, [""; 0], "seven sessions of one organisation: the rule waits for others");
    watch.on_all("beta.example", 16, |_| 5).await;
    watch.evaluate().await;
    assert_eq!((watch.firing(AlertRule::PolicyFetch).await, watch.firing(AlertRule::NewFailure).await), (DOMAINS, 0));
    assert_eq!(
        watch.titles().await,
        ["300 policies cannot be fetched or used by alpha.example and beta.example since Fri 16 Oct (MTA-STS)"]
    );
}

#[tokio::test]
async fn a_channel_that_has_heard_nothing_of_an_outage_hears_of_what_joins_it() {
    let channel = "[[channel]]\nname = \"customer\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:9/\"\n\
                   policy_domains = [\"kunde1.example\"]\n";
    let watch = Watch::after_two_weeks(&format!("{CHANNEL}{channel}")).await;
    watch.on_all("alpha.example", 16, mixed).await;
    watch.evaluate().await;
    watch.on_all("beta.example", 16, mixed).await;
    watch.evaluate().await;
    let of_customer: Vec<String> =
        watch.entries().await.into_iter().filter(|sent| sent.channel == "customer").map(|sent| sent.title).collect();
    assert_eq!(of_customer.len(), 1, "{of_customer:?}");
    assert!(of_customer[0].contains("kunde1.example"), "{of_customer:?}");
}

#[tokio::test]
async fn a_rule_about_the_cause_takes_over_what_was_told_as_news() {
    let watch = Watch::after_two_weeks(CHANNEL).await;
    watch.on_all("alpha.example", 16, |number| if number < 3 { 7 } else { 0 }).await;
    // Nobody else said anything within a day: then it is told as what it is, one organisation's.
    watch.advance(TimeDelta::hours(22));
    watch.evaluate().await;
    assert_eq!((watch.firing(AlertRule::PolicyFetch).await, watch.firing(AlertRule::NewFailure).await), (0, 3));
    watch.on_all("beta.example", 16, |number| if number < 3 { 7 } else { 0 }).await;
    let evaluation = watch.evaluate().await;
    assert_eq!((watch.firing(AlertRule::PolicyFetch).await, watch.firing(AlertRule::NewFailure).await), (3, 0));
    let ended: Vec<&Transition> =
        evaluation.transitions.iter().filter(|it| it.event == AlertEvent::TakenOver).collect();
    assert_eq!(ended.len(), 3);
    assert!(ended.iter().all(|it| !it.notified && it.alert.evidence.taken_over_by == Some(AlertRule::PolicyFetch)));
    assert_eq!(watch.history(ended[0].alert.uuid).await, [(AlertEvent::Fired, true), (AlertEvent::TakenOver, false)]);
    let titles = watch.titles().await;
    assert_eq!(titles.len(), 2, "the news and the outage, no recovery: {titles:?}");
    assert!(
        crate::alerts::sentence(&ended[0].alert)
            .starts_with("Reported by policy-fetch from now on: alpha.example fails at")
    );
    assert_eq!(watch.evaluate().await.transitions, []);
}

#[tokio::test]
async fn the_evidence_names_the_hosts_and_what_became_of_the_mail() {
    let watch = Watch::new(CHANNEL);
    for (who, mode) in [("alpha.example", Some(StsMode::Enforce)), ("beta.example", None)] {
        let mut entry = about(who, 1, FETCH, 30, Trust::Dkim, watch.clock.now());
        let EntryKind::Report { report, .. } = &mut entry.kind else { panic!("a report") };
        report.policies[0].policy.details = match mode {
            Some(mode) => PolicyDetails::Sts(StsPolicy { mode: Some(mode), ..StsPolicy::default() }),
            None => PolicyDetails::Unknown,
        };
        watch.store().write(vec![entry]).await;
    }
    watch.evaluate().await;
    let evidence = watch.alert().await.evidence;
    assert_eq!(evidence.mx_hosts, ["mx.example.com"]);
    assert_eq!(evidence.mails, [MailEffect::Unprotected, MailEffect::Cached]);
}

#[tokio::test]
async fn an_import_is_judged_when_it_is_complete() {
    let watch = Watch::after_two_weeks(CHANNEL).await;
    let load = watch.store().begin_load();
    watch.on_all("alpha.example", 16, |_| 30).await;
    let half = watch.evaluate().await;
    assert!(half.transitions.is_empty() && half.known.is_empty() && half.refreshed.is_empty());
    assert_eq!(watch.titles().await, [""; 0]);
    watch.on_all("beta.example", 16, |_| 30).await;
    drop(load);
    watch.evaluate().await;
    assert_eq!(watch.firing(AlertRule::PolicyFetch).await, DOMAINS);
    let all = watch.store().read(alert::all_firing).await.unwrap();
    assert!(all.iter().all(|alert| alert.evidence.failed == 60), "the numbers are those of the whole import");
}

#[tokio::test]
async fn the_end_of_an_import_is_waited_for_by_who_evaluates() {
    let watch = Watch::after_two_weeks(CHANNEL).await;
    let load = watch.store().begin_load();
    watch.on_all("alpha.example", 16, |_| 30).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let store = watch.store().clone();
    let evaluator = &watch.evaluator;
    let ends = async move {
        // A later commit that begins no load is not what wakes it: only the end of this one is.
        drop(load);
        let fired = async {
            while store.read(alert::all_firing).await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        let within = tokio::time::timeout(Duration::from_secs(50), fired).await;
        stop.send(true).unwrap();
        within.is_ok()
    };
    let ((), in_time) = tokio::join!(evaluator.run(stopped), ends);
    assert!(in_time);
}

//! One cause, one message: hosts and their domains, who says that it is over and who does not, when several rules know of it.

use super::world::{World, march, noon, plan};
use crate::{
    alerts::{AlertEvent, AlertEvidence, AlertPlan, AlertRule, AlertSettings, sentence},
    explain::MailEffect,
};

const FETCH: &str = "sts-policy-fetch-error";

fn names(names: &[&str]) -> std::collections::BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Domains with their MX hosts.
fn served(domains: &[(&str, &[&str])]) -> AlertPlan {
    let domains = domains.iter().map(|(domain, hosts)| ((*domain).to_owned(), names(hosts)));
    AlertPlan::new(AlertSettings { remind_after_h: 0, ..AlertSettings::default() }, domains, &[]).unwrap()
}

#[test]
fn a_certificate_at_a_host_that_the_policy_names_fires_though_it_is_not_configured() {
    let mut world = World::new(served(&[("example.net", &["mx1.example.net"])]));
    for who in ["a", "b"] {
        let trouble = world.fails("example.net", who, "certificate-expired", &[1], 10);
        trouble.mx_host = Some("mx2.example.net".to_owned());
    }
    assert_eq!(world.at(2), [], "nobody says that it is ours");
    world.facts.mx_seen.insert("example.net".to_owned(), names(&["*.example.net"]));
    assert_eq!(world.at(2), [(AlertEvent::Fired, AlertRule::Certificate)]);
    assert_eq!(world.alerts[0].hosts(), ["mx2.example.net"]);
    for who in ["a", "b"] {
        let trouble = world.fails("example.net", who, "certificate-expired", &[1], 10);
        trouble.mx_host = Some("a.mx2.example.net".to_owned());
    }
    assert_eq!(world.at(2), [], "a wildcard stands for one label");
}

#[test]
fn dane_at_a_domain_and_at_its_mx_host_is_one_alert() {
    for is_configured in [true, false] {
        let hosts: &[&str] = if is_configured { &["mx1.example.org"] } else { &[] };
        let mut world = World::new(served(&[("example.org", hosts)]));
        if !is_configured {
            world.facts.mx_seen.insert("example.org".to_owned(), names(&["mx1.example.org"]));
        }
        let host = || names(&["mx1.example.org"]);
        world.fails("example.org", "a", "tlsa-invalid", &[1], 5).mx_hosts = host();
        world.fails("mx1.example.org", "b", "tlsa-invalid", &[1], 7).mx_hosts = host();
        assert_eq!(world.at(2), [(AlertEvent::Fired, AlertRule::Dane)]);
        let alert = &world.alerts[0];
        assert_eq!(alert.subject.policy_domain.as_deref(), Some("example.org"));
        assert_eq!((alert.evidence.failed, alert.evidence.organisations_total), (12, 2));
        assert_eq!(alert.hosts(), ["mx1.example.org"]);
        world.reports("example.org", "a", &[2]);
        assert_eq!(world.at(3), []);
        world.reports("mx1.example.org", "b", &[2]);
        assert_eq!(world.at(3), [(AlertEvent::Resolved, AlertRule::Dane)]);
    }
}

#[test]
fn an_alert_about_an_mx_host_goes_on_though_its_domain_is_learned_later() {
    let mut world = World::new(served(&[("example.org", &[])]));
    world.fails("mx1.example.org", "b", "tlsa-invalid", &[1], 7);
    assert_eq!(world.at(2), [(AlertEvent::Fired, AlertRule::Dane)]);
    world.facts.mx_seen.insert("example.org".to_owned(), names(&["mx1.example.org"]));
    let evaluation = world.evaluate(noon(2));
    assert_eq!(evaluation.transitions, []);
    evaluation.refreshed.into_iter().for_each(|alert| world.alerts[0] = alert);
    assert_eq!(world.alerts.len(), 1);
    assert_eq!(world.alerts[0].subject.policy_domain.as_deref(), Some("mx1.example.org"));
    assert_eq!(world.alerts[0].hosts(), ["mx1.example.org"], "the policy domain is the host");
}

#[test]
fn hosts_are_those_of_the_details_or_else_the_configured_ones() {
    let mut world = World::new(served(&[("example.org", &["mx1.example.org", "mx2.example.org"])]));
    world.fails("example.org", "a", "tlsa-invalid", &[1], 5);
    world.at(2);
    assert_eq!(world.alerts[0].hosts(), ["mx1.example.org", "mx2.example.org"]);
    world.facts.troubles[0].mx_hosts = names(&["mx2.example.org"]);
    world.evaluate(noon(2)).refreshed.into_iter().for_each(|alert| world.alerts[0] = alert);
    assert_eq!(world.alerts[0].hosts(), ["mx2.example.org"]);
}

#[test]
fn over_for_one_is_not_over_for_the_other() {
    let cases = [
        (
            FETCH,
            None,
            "b could not fetch the MTA-STS policy of example.com on Sun 1 Mar (5 sessions); not heard of since, over for a",
        ),
        (
            "tlsa-invalid",
            None,
            "DANE failed at example.com for b on Sun 1 Mar (5 sessions); not heard of since, over for a",
        ),
        (
            "certificate-expired",
            Some("mx.example.com"),
            "b found the certificate of mx.example.com expired on Sun 1 Mar (5 sessions); not heard of since, over for a",
        ),
    ];
    for (result_type, mx_host, unheard) in cases {
        let mut world = World::new(plan(|settings| settings.remind_after_h = 24));
        world.fails("example.com", "a", result_type, &[1], 20).mx_host = mx_host.map(str::to_owned);
        world.fails("example.com", "b", result_type, &[1], 5).mx_host = mx_host.map(str::to_owned);
        let [(AlertEvent::Fired, rule)] = world.at(2)[..] else { panic!("{result_type}") };
        world.reports("example.com", "a", &[2, 3, 4, 5]);
        world.evaluate(noon(3)).refreshed.into_iter().for_each(|alert| world.alerts[0] = alert);
        let partly = sentence(&world.alerts[0]);
        assert!(partly.ends_with("since Sun 1 Mar (5 sessions); over for a"), "{partly}");
        for day in 6..=15 {
            let evaluation = world.evaluate(noon(day));
            assert_eq!(evaluation.transitions, [], "{result_type} on day {day}: neither over nor news");
            evaluation.refreshed.into_iter().for_each(|alert| world.alerts[0] = alert);
        }
        assert_eq!(sentence(&world.alerts[0]), unheard);
        assert_eq!(world.at(16), [(AlertEvent::Expired, rule)]);
        let expired = sentence(&world.alerts[0]);
        assert!(expired.starts_with("Not heard of any more: ") && expired.ends_with(", over for a"), "{expired}");
    }
}

#[test]
fn a_failure_waits_for_the_reports_of_others_before_it_is_news() {
    let mut world = World::new(plan(|_| {}));
    world.fails("example.com", "a", FETCH, &[1], 7).unknown = true;
    for day in [1, 2] {
        let evaluation = world.evaluate(noon(day));
        assert_eq!((evaluation.transitions.len(), evaluation.known.len()), (0, 0), "day {day}");
    }
    assert_eq!(world.at(3), [(AlertEvent::Fired, AlertRule::NewFailure)]);
    world.fails("example.com", "b", FETCH, &[1], 7).unknown = true;
    assert_eq!(
        world.at(3),
        [(AlertEvent::Fired, AlertRule::PolicyFetch), (AlertEvent::TakenOver, AlertRule::NewFailure)]
    );
    assert_eq!(world.at(3), []);
}

#[test]
fn an_outage_is_joined_only_by_what_is_like_it() {
    let outage = |domains: usize| {
        let mut world = World::new(plan(|_| {}));
        for number in 0..domains {
            world.fails(&format!("d{number}.example"), "a", FETCH, &[1], 20);
        }
        world.at(2);
        world
    };
    let joins = |world: &mut World| {
        let found = world.evaluate(noon(2) + chrono::TimeDelta::hours(3));
        found.transitions.iter().map(|it| it.notified).collect::<Vec<_>>()
    };
    let mut world = outage(10);
    world.fails("other.example", "a", FETCH, &[1], 19);
    world.fails("other.example", "b", FETCH, &[1], 1);
    assert_eq!(joins(&mut world), [false]);
    let joined = world.alerts.last().unwrap();
    assert_eq!((joined.notified_at, joined.fired_at), (Some(noon(2)), noon(2) + chrono::TimeDelta::hours(3)));
    assert_eq!(world.evaluate(noon(3)).transitions.len(), 11, "one reminder tells of all");

    let mut world = outage(9);
    world.fails("other.example", "a", FETCH, &[1], 20);
    assert_eq!(joins(&mut world), [true], "nine are no outage of many");
    let mut world = outage(10);
    world.fails("other.example", "a", FETCH, &[2], 20);
    assert_eq!(joins(&mut world), [true], "it began on another day");
    let mut world = outage(10);
    world.fails("other.example", "b", FETCH, &[1], 20);
    assert_eq!(joins(&mut world), [true], "nobody sees both");
    let mut world = outage(10);
    world.fails("other.example", "a", "sts-webpki-invalid", &[1], 20);
    assert_eq!(joins(&mut world), [true], "it fails in another way");
}

#[test]
fn a_share_begins_with_its_cause() {
    let mut world = World::new(plan(|_| {}));
    for who in ["a", "b"] {
        world.fails("example.com", who, "certificate-expired", &[1, 2, 9, 10], 30).mx_host =
            Some("mx1.example.com".to_owned());
    }
    world.share((120, 1_000), (0, 10_000), 10);
    let fired = world.evaluate(noon(11)).transitions;
    let since = fired.iter().find(|it| it.alert.rule == AlertRule::Certificate).map(|it| it.alert.since);
    assert_eq!(since, Some(march(1).and_hms_opt(0, 0, 0).unwrap().and_utc()));

    let mut alone = World::new(plan(|_| {}));
    alone.fails("example.com", "a", "certificate-expired", &[1, 2, 9, 10], 60).mx_host =
        Some("mx1.example.com".to_owned());
    alone.share((120, 1_000), (0, 10_000), 10);
    let fired = alone.evaluate(noon(11)).transitions;
    assert_eq!(
        fired.iter().map(|it| (it.alert.rule, Some(it.alert.since))).collect::<Vec<_>>(),
        [(AlertRule::FailureShare, since)]
    );
}

#[test]
fn evidence_of_an_older_version_is_read() {
    let old = r#"{"organisations":[{"key":"a","name":"A","failed":3,"first_day":null,"last_day":null}],"organisations_total":1,"result_types":[],"reasons":[],"failed":3,"sessions":0,"baseline":null,"first_day":null,"last_day":null,"clear_day":null,"last_seen_at":null,"detail":null}"#;
    let read: AlertEvidence = serde_json::from_str(old).unwrap();
    assert_eq!((read.failed, read.mx_hosts.len(), read.organisations[0].clear_day), (3, 0, None));
    let new = AlertEvidence { mails: vec![MailEffect::Cached], taken_over_by: Some(AlertRule::Dane), ..read };
    assert_eq!(serde_json::from_str::<AlertEvidence>(&serde_json::to_string(&new).unwrap()).unwrap(), new);
}

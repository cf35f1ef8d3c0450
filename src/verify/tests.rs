use super::*;
use crate::{limits::Limits, report::parse};

fn served() -> Served {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    Served::new(
        BTreeMap::from([
            ("example.com".to_owned(), set(&["mx1.example.com", "mx.example.org"])),
            ("example.net".to_owned(), set(&["mx.example.org"])),
        ]),
        BTreeMap::from([
            ("one".to_owned(), set(&["example.com"])),
            ("two".to_owned(), set(&["example.com", "example.net"])),
            ("all".to_owned(), set(&[])),
        ]),
    )
}

/// A report with a policy for each `type domain`; no domain where there is none.
fn report(policies: &[&str]) -> Report {
    let policies: Vec<String> = policies
        .iter()
        .map(|policy| match policy.split_once(' ') {
            Some((kind, domain)) => format!(r#"{{"policy":{{"policy-type":"{kind}","policy-domain":"{domain}"}}}}"#),
            None => format!(r#"{{"policy":{{"policy-type":"{policy}"}}}}"#),
        })
        .collect();
    let json = format!(
        r#"{{"date-range":{{"start-datetime":"2024-03-01T00:00:00Z","end-datetime":"2024-03-01T23:59:59Z"}},"policies":[{}]}}"#,
        policies.join(",")
    );
    let received_at = "2024-03-12T04:00:00Z".parse().unwrap();
    parse(json.as_bytes(), received_at, &Limits::default()).unwrap().remove(0).unwrap()
}

fn judge(policies: &[&str], token: Option<&str>) -> (Report, Result<Trust, Fault>) {
    let mut report = report(policies);
    let hints = Hints { token: token.map(str::to_owned), ..Hints::default() };
    let trust = standing(&mut report, Channel::Https, &hints, None, &served());
    (report, trust)
}

fn domains(report: &Report) -> Vec<Option<&str>> {
    report.policies.iter().map(|result| result.policy.domain.as_deref()).collect()
}

fn code(trust: Result<Trust, Fault>) -> FaultCode {
    trust.unwrap_err().code
}

#[test]
fn our_reports_are_taken() {
    assert_eq!(judge(&["sts example.com"], None).1, Ok(Trust::None));
    assert_eq!(judge(&["tlsa mx1.example.com"], None).1, Ok(Trust::None));
    assert_eq!(judge(&["tlsa example.net"], None).1, Ok(Trust::None));
}

#[test]
fn foreign_reports_are_named_and_not_taken() {
    let (_, trust) = judge(&["sts a.example", "sts b.example", "sts sub.example.com"], None);
    let fault = trust.unwrap_err();
    assert_eq!(fault.code, FaultCode::ForeignDomain);
    assert!(fault.detail.contains("a.example, b.example, sub.example.com"), "{}", fault.detail);
    assert_eq!(
        code(judge(&["sts mx1.example.com"], None).1),
        FaultCode::ForeignDomain,
        "an MX host matters to tlsa only"
    );
}

#[test]
fn a_report_that_names_no_domain_is_kept() {
    for policies in [&["no-policy-found"][..], &[], &["no-policy-found", "tlsa mx.a.example"]] {
        let (report, trust) = judge(policies, None);
        assert_eq!(trust, Ok(Trust::None), "{policies:?}");
        assert_eq!(domains(&report), vec![None; policies.len().min(1)], "{policies:?}");
    }
}

/// Where each policy of a report ends, whatever order the policies come in; `?` for a domain nobody knows.
fn supplied(policies: &[&str], field: Option<&str>, token: Option<&str>, served: &Served) -> String {
    let in_order = |policies: &[&str]| {
        let mut report = report(policies);
        let hints = Hints { token: token.map(str::to_owned), ..Hints::default() };
        let outcome = standing(&mut report, Channel::Https, &hints, field, served);
        let mut found: Vec<&str> = domains(&report).into_iter().map(|domain| domain.unwrap_or("?")).collect();
        found.sort_unstable();
        outcome.map_or_else(|fault| fault.code.as_str().to_owned(), |_| found.join(" "))
    };
    let reversed: Vec<&str> = policies.iter().rev().copied().collect();
    let found = in_order(policies);
    assert_eq!(in_order(&reversed), found, "{policies:?}");
    found
}

#[test]
fn a_missing_domain_is_the_one_it_can_only_be() {
    let both = served();
    let one = Served::new([("example.com".to_owned(), Default::default())].into(), Default::default());
    let none = Served::default();
    /// Policies, the mail's field, the token, the served domains, and the domains that come of it.
    type Case<'a> = (&'a [&'a str], Option<&'a str>, Option<&'a str>, &'a Served, &'a str);
    let cases: [Case<'_>; 18] = [
        // The mail's field goes before all, then the token.
        (&["none", "sts example.com"], Some("example.net"), Some("one"), &both, "example.com example.net"),
        (&["none", "sts example.net"], None, Some("one"), &both, "example.com example.net"),
        (&["none", "sts example.net"], None, Some("two"), &both, "example.net example.net"),
        // A sibling: served before foreign, and none of two.
        (&["none", "sts example.com"], None, None, &both, "example.com example.com"),
        (&["none", "tlsa example.net"], None, None, &both, "example.net example.net"),
        (&["none", "sts a.example", "sts example.com"], None, None, &both, "example.com example.com"),
        (&["none", "sts example.net", "sts example.com"], None, None, &both, "? example.com example.net"),
        (&["none", "sts a.example"], None, None, &one, "foreign-domain"),
        (&["none", "sts a.example", "sts b.example"], None, None, &one, "foreign-domain"),
        (&["none", "sts a.example"], None, None, &none, "a.example a.example"),
        (&["none", "sts a.example", "sts b.example"], None, None, &none, "? a.example b.example"),
        // An MX host is no policy domain but tells it.
        (&["none", "tlsa mx1.example.com"], None, None, &both, "example.com mx1.example.com"),
        (
            &["none", "tlsa mx1.example.com", "tlsa mx.example.org"],
            None,
            None,
            &both,
            "example.com mx.example.org mx1.example.com",
        ),
        (&["none", "tlsa mx.example.org"], None, None, &both, "? mx.example.org"),
        (&["none", "tlsa mx.a.example"], None, None, &none, "? mx.a.example"),
        // The only one that is served; the foreign policy beside it goes.
        (&["none"], None, None, &one, "example.com"),
        (&["none", "tlsa mx.a.example"], None, None, &one, "example.com"),
        (&["none"], Some("a.example"), None, &one, "foreign-domain"),
    ];
    for (policies, field, token, served, expected) in cases {
        assert_eq!(supplied(policies, field, token, served), expected, "{policies:?} {field:?} {token:?}");
    }
}

#[test]
fn foreign_domains_in_a_fault_are_few_and_short() {
    let policies: Vec<String> = (0..100).map(|number| format!("sts {number}{}", "_é".repeat(500))).collect();
    let policies: Vec<&str> = policies.iter().map(String::as_str).collect();
    let fault = judge(&policies, None).1.unwrap_err();
    assert!(fault.detail.contains("and 95 more"), "{}", fault.detail);
    assert!(fault.detail.len() < 600, "{}", fault.detail.len());
}

#[test]
fn a_mixed_report_keeps_what_is_ours() {
    let (report, trust) =
        judge(&["sts a.example", "sts example.com", "tlsa mx.a.example", "tlsa mx1.example.com"], None);
    assert_eq!(trust, Ok(Trust::None));
    assert_eq!(domains(&report), [Some("example.com"), Some("mx1.example.com")]);
    let (_, found) = report.deviations.iter().find(|(code, _)| *code == Deviation::ForeignDomain).unwrap();
    assert_eq!((found.count, found.first_path.as_str()), (2, "/policies/0"));
}

#[test]
fn a_token_vouches_for_its_domains() {
    assert_eq!(judge(&["sts example.com"], Some("one")).1, Ok(Trust::Token));
    assert_eq!(judge(&["sts example.com", "tlsa mx1.example.com"], Some("one")).1, Ok(Trust::Token));
    assert_eq!(judge(&["sts example.net"], Some("one")).1, Ok(Trust::None));
    assert_eq!(judge(&["sts example.com", "sts example.net"], Some("one")).1, Ok(Trust::None));
    assert_eq!(judge(&["sts example.com", "sts example.net"], Some("two")).1, Ok(Trust::Token));
    assert_eq!(judge(&["sts example.com", "sts example.net"], Some("all")).1, Ok(Trust::Token));
    assert_eq!(judge(&["tlsa mx.example.org"], Some("one")).1, Ok(Trust::Token), "an MX of several domains");
    let noted = |domain| judge(&[domain], Some("one")).0.deviations.contains(Deviation::TokenOtherDomain);
    assert_eq!((noted("sts example.net"), noted("sts example.com")), (true, false));
    assert_eq!(code(judge(&["sts a.example"], Some("one")).1), FaultCode::ForeignDomain);
    assert_eq!(code(judge(&["sts example.com"], Some("none")).1), FaultCode::UnknownToken);
}

#[test]
fn a_token_supplies_the_domain() {
    let (report, trust) = judge(&["no-policy-found"], Some("one"));
    assert_eq!(trust, Ok(Trust::Token));
    assert_eq!(domains(&report), [Some("example.com")]);
    assert!(report.deviations.contains(Deviation::PolicyDomainMissing));
    let (report, trust) = judge(&["no-policy-found"], Some("two"));
    assert_eq!(trust, Ok(Trust::Token));
    assert_eq!(domains(&report), [None]);
    assert_eq!(judge(&[], Some("one")).1, Ok(Trust::Token));
}

#[test]
fn without_served_domains_everything_is_ours() {
    let judge = |token: Option<&str>, tokens: BTreeMap<String, BTreeSet<String>>| {
        let hints = Hints { token: token.map(str::to_owned), ..Hints::default() };
        let served = Served { tokens, ..Served::default() };
        standing(&mut report(&["sts a.example", "no-policy-found"]), Channel::Https, &hints, None, &served)
    };
    assert_eq!(judge(None, BTreeMap::new()), Ok(Trust::None));
    assert_eq!(code(judge(Some("x"), BTreeMap::new())), FaultCode::UnknownToken);
}

#[test]
fn imported_reports_are_never_late() {
    let mut report = report(&["sts example.com"]);
    assert!(report.deviations.contains(Deviation::Late));
    let trust = standing(&mut report, Channel::Import, &Hints::default(), None, &served());
    assert_eq!(trust, Ok(Trust::Import));
    assert!(!report.deviations.contains(Deviation::Late));
    let mut foreign = self::report(&["sts a.example"]);
    assert_eq!(
        code(standing(&mut foreign, Channel::Import, &Hints::default(), None, &served())),
        FaultCode::ForeignDomain
    );
}

#[test]
fn token_domains_are_listed() {
    let served = served();
    assert_eq!(served.token_domains("one").unwrap(), ["example.com"]);
    assert_eq!(served.token_domains("all").unwrap(), ["example.com", "example.net"]);
    assert_eq!(served.token_domains("none"), None);
}

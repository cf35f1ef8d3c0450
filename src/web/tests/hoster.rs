//! One web server that is down for three hundred domains: every face tells the same number and names everybody.

use std::sync::OnceLock;

use super::{Running, digest, empty};
use crate::{
    report::{DateRange, PolicyType, Report},
    store::fixtures,
    submission::{Outcome, Trust},
};

const DOMAINS: usize = 300;
const SENDERS: [&str; 2] = ["google.com", "microsoft.com"];

fn down() -> &'static Running {
    static DOWN: OnceLock<Running> = OnceLock::new();
    DOWN.get_or_init(|| {
        let running = empty();
        for organisation in SENDERS {
            let start = "2026-11-20T00:00:00Z".parse().expect("a time");
            let policies = (0..DOMAINS).map(|at| {
                let mut policy = fixtures::policy(&format!("d{at:03}.example"), PolicyType::Sts, Some(0), Some(2));
                policy.failures = vec![fixtures::failure("sts-policy-fetch-error", Some(2))];
                policy
            });
            let report = Report {
                organisation: Some(organisation.to_owned()),
                contact: Some(format!("tls@{organisation}")),
                range: DateRange { start, end: start + chrono::Duration::days(1) },
                ..fixtures::report(organisation, policies.collect())
            };
            let mut entry = fixtures::entry(report, Trust::Dkim);
            if let crate::store::EntryKind::Report { organisation_key, .. } = &mut entry.kind {
                *organisation_key = organisation.to_owned();
            }
            let outcome = running.pipeline.store().write_blocking(vec![entry]).remove(0);
            assert!(matches!(outcome, Outcome::Stored(_)), "{outcome:?}");
        }
        running
    })
}

#[test]
fn every_page_says_three_hundred_and_names_both() {
    for path in ["/", "/weeks/2026-W47"] {
        let page = down().page(path);
        assert!(page.contains("300 policies cannot be fetched"), "{path}");
        assert!(
            page.contains(
                "Google Inc. and Microsoft Corporation cannot get 300 policies (d000.example, d001.example and 298 more)"
            ),
            "{path}"
        );
        assert_eq!(page.matches("data-label=\"14 days\"").count(), 100, "{path}: ten rows, ninety behind the fold");
        assert!(page.contains("200 rows are not shown here"), "{path}");
    }
}

#[test]
fn the_api_has_them_all() {
    for path in ["/api/v1/overview", "/api/v1/weeks/2026-W47"] {
        let answer = down().json(path);
        assert_eq!(answer["policy_fetch_errors"].as_array().expect("a list").len(), DOMAINS * SENDERS.len(), "{path}");
        let expected = serde_json::json!({ "outages": 600, "policy_domains": 300, "policy_domains_ongoing": 300, "organisations": 2 });
        assert_eq!(answer["policy_fetch_errors_total"], expected, "{path}");
    }
}

#[test]
fn the_digest_says_so_in_its_subject() {
    let email = digest::weekly(down(), "2026-W47");
    assert!(email.subject.starts_with("300 MTA-STS policies cannot be fetched"), "{}", email.subject);
    let text = email.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("Google Inc. and Microsoft Corporation cannot get 300 policies"), "{text}");
}

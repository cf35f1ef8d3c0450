//! What to look at where no report came: the record that tells senders where to send, the source, what came and does not count.

use super::{
    DigestRecipient,
    content::{DigestItem, DigestSection, Links},
};
use crate::{explain::result_types, query::week::PeriodFigures, wording};

/// Domains with a command of their own.
const DOMAINS_MAX: usize = 3;

/// In the order in which reports get lost.
pub(crate) fn section(figures: &PeriodFigures, digest_recipient: &DigestRecipient, links: &Links<'_>) -> DigestSection {
    let mut domains: Vec<&str> = digest_recipient.policy_domains.iter().map(String::as_str).collect();
    // They are for a shell.
    domains.retain(|domain| result_types::is_host_name(domain));
    domains.truncate(DOMAINS_MAX);
    let stand_in = domains.is_empty();
    if stand_in {
        domains.push("example.com");
    }
    DigestSection {
        title: "What to check".to_owned(),
        alarming: true,
        note: if stand_in { "With your own domain in place of example.com." } else { "" }.to_owned(),
        lines: [
            Some(record(&domains, links)),
            Some(post(&domains, figures, links)),
            uncounted(figures, digest_recipient, links),
            claimed(figures, links),
        ]
        .into_iter()
        .flatten()
        .collect(),
        rest: None,
    }
}

fn record(domains: &[&str], links: &Links<'_>) -> DigestItem {
    DigestItem {
        head: "The record".to_owned(),
        text: ": senders report to the address in the domain’s TLSRPT record".to_owned(),
        commands: domains
            .iter()
            .map(|domain| format!("dig +short TXT _smtp._tls.{domain}"))
            .chain(["\"v=TLSRPTv1; rua=https://reports.example.net/v1/tlsrpt\"".to_owned()])
            .collect(),
        notes: vec![
            "The answer must be one line like the last, with the name under which the public listener is reached. The \
             first reports come within two days of it."
                .to_owned(),
        ],
        // The page without reports tells all of it.
        url: format!("{}/", links.base_url),
    }
}

/// A report as small as can be, as a sender posts it.
fn post(domains: &[&str], figures: &PeriodFigures, links: &Links<'_>) -> DigestItem {
    let day = figures.filter.range.last();
    let domain = domains[0];
    let commands = [
        "curl -i -H 'Content-Type: application/tlsrpt+json' \\".to_owned(),
        "  https://reports.example.net/v1/tlsrpt --data-binary @- <<'END'".to_owned(),
        "{\"organization-name\": \"A first try\",".to_owned(),
        format!(" \"contact-info\": \"postmaster@{domain}\","),
        format!(" \"report-id\": \"first-try-{day}\","),
        format!(" \"date-range\": {{\"start-datetime\": \"{day}T00:00:00Z\","),
        format!("  \"end-datetime\": \"{day}T23:59:59Z\"}},"),
        format!(" \"policies\": [{{\"policy\": {{\"policy-domain\": \"{domain}\","),
        "   \"policy-type\": \"no-policy-found\"},".to_owned(),
        "  \"summary\": {\"total-successful-session-count\": 1,".to_owned(),
        "   \"total-failure-session-count\": 0}}]}".to_owned(),
        "END".to_owned(),
    ];
    DigestItem {
        head: "Receiving".to_owned(),
        text: ": this posts a small report from outside, as a sender does, and must answer 201".to_owned(),
        commands: commands.into(),
        notes: vec![format!(
            "With tlsight at hand, “tlsight send-test-report {domain}” tries every address in the record, mail too. \
             The sources say what each of them has counts."
        )],
        url: format!("{}/sources", links.base_url),
    }
}

/// Input that is kept and not counted says nothing of a single domain.
fn uncounted(figures: &PeriodFigures, digest_recipient: &DigestRecipient, links: &Links<'_>) -> Option<DigestItem> {
    if !digest_recipient.policy_domains.is_empty() {
        return None;
    }
    let text = match figures.quarantined.total {
        0 => ": nothing that came in these days waits there".to_owned(),
        inputs => {
            format!(": {} that came in these days could not be counted", wording::counted(inputs, "input", "inputs"))
        }
    };
    Some(DigestItem {
        head: "The quarantine".to_owned(),
        text,
        url: format!("{}/quarantine", links.base_url),
        ..DigestItem::default()
    })
}

/// What nobody proved is stored and shown, and in none of the figures here.
fn claimed(figures: &PeriodFigures, links: &Links<'_>) -> Option<DigestItem> {
    let claims = figures.claims?;
    Some(DigestItem {
        head: "Claimed by anybody who can post".to_owned(),
        text: format!(
            ": {} of {}, {} failed; this digest leaves them out",
            wording::counted(claims.reports, "report", "reports"),
            wording::counted(claims.sessions.total(), "session", "sessions"),
            wording::thousands(claims.sessions.failed),
        ),
        url: links.to("/reports", &[("trust", "beside")]),
        ..DigestItem::default()
    })
}

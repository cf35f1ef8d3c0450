//! What to do next.

use crate::{
    alerts::{Alert, Rule},
    explain::result_types,
};

/// Sentences; commands on lines of their own.
pub fn advice(alert: &Alert) -> Vec<String> {
    let sentence = |text: &str| vec![text.to_owned()];
    match alert.rule {
        Rule::PolicyFetch | Rule::Certificate | Rule::Dane | Rule::NewFailure => of_result_types(alert),
        Rule::FailureShare => {
            if alert.subject.result_type.is_some() {
                return of_result_types(alert);
            }
            sentence(
                "Look at the result types of these failures on the overview: each says why it happens and what to do.",
            )
        }
        Rule::SilentSender => sentence(
            "Ask whether this organisation still delivers mail to you, and whether the _smtp._tls record still names this server. A single organisation that stops has mostly a trouble of its own.",
        ),
        Rule::NoReports => vec![
            "Prove the way in by a report of your own, and look at the health page and the _smtp._tls record."
                .to_owned(),
            "tlsight send-test-report --help".to_owned(),
        ],
        Rule::Quarantine => sentence(
            "Look at the quarantine: each entry says what is wrong with it. What a sender does wrong all the time can be admitted.",
        ),
        Rule::Conflict => sentence(
            "Compare the two in the quarantine. Either the sender has corrected a report, or somebody pretends to be it.",
        ),
        Rule::WayIn => sentence(
            "The health page says what is wrong. Senders try again for a few days at most: what they give up is lost.",
        ),
        Rule::Disk => sentence(
            "Make room, or move the data directory: when the disk is full, senders are asked to come again later.",
        ),
    }
}

fn of_result_types(alert: &Alert) -> Vec<String> {
    let (domain, mx_host) = (alert.subject.policy_domain.as_deref(), alert.subject.mx_host.as_deref());
    let named = alert.subject.result_type.iter().chain(&alert.evidence.result_types);
    let mut advice: Vec<String> = Vec::new();
    for explanation in named.filter_map(|name| result_types::find(name)) {
        let todo = explanation.todo.iter().map(|todo| (*todo).to_owned());
        for line in todo.chain(result_types::commands(explanation, domain, mx_host)) {
            if !advice.contains(&line) {
                advice.push(line);
            }
        }
    }
    advice
}

//! What to do next.

use crate::{
    alerts::{Alert, AlertRule},
    explain::result_types,
};

/// Sentences; commands on lines of their own.
pub fn advice(alert: &Alert) -> Vec<String> {
    let about_result_types = match alert.rule {
        AlertRule::PolicyFetch | AlertRule::Certificate | AlertRule::Dane | AlertRule::NewFailure => true,
        AlertRule::FailureShare => alert.subject.result_type.is_some(),
        _ => false,
    };
    if about_result_types {
        return of_result_types(alert);
    }
    if alert.evidence.cannot_store.is_some() {
        let todo =
            "Mend what is said above; the server looks by itself and goes on. Restart it only where that is said.";
        return [todo, "tlsight healthcheck", "journalctl -u tlsight --since today"].map(str::to_owned).to_vec();
    }
    let (todo, commands) = of_rule(alert.rule, alert.subject.policy_domain.as_deref());
    todo.into_iter().map(str::to_owned).chain(commands).collect()
}

/// What to do about a rule that is not about result types: sentences, and commands with the domain's name where there is one.
pub fn of_rule(rule: AlertRule, domain: Option<&str>) -> (Vec<&'static str>, Vec<String>) {
    let domain = domain.filter(|name| result_types::is_host_name(name));
    let record = || match domain {
        Some(domain) => {
            vec![format!("dig +short TXT _smtp._tls.{domain}"), format!("tlsight send-test-report {domain}")]
        }
        None => Vec::new(),
    };
    match rule {
        AlertRule::SilentSender => (
            vec![
                "One sender that stops has mostly changed something on its side, or has no mail for you any more.",
                "If several stop, look at the TLSRPT record and the sources first.",
            ],
            record(),
        ),
        AlertRule::NoReports => (
            vec![
                "See whether the TLSRPT record (TXT at _smtp._tls, under your domain) still names this server, and whether a report gets through: “tlsight send-test-report” with your domain’s name tries every address in the record.",
                "Look at the sources and, for mail, at the log of the mail server in front.",
            ],
            record(),
        ),
        AlertRule::Quarantine => (
            vec![
                "Look at the faults in the quarantine: one sender with a broken signature can be trusted, forged mail needs nothing.",
                "What was quarantined is not lost: it can be reprocessed.",
            ],
            Vec::new(),
        ),
        AlertRule::Conflict => (
            vec![
                "Compare both in the quarantine. The first one counts until you admit the other.",
                "A sender that corrects itself is harmless; somebody who posts in the name of another is not.",
            ],
            Vec::new(),
        ),
        AlertRule::Source => (
            vec![
                "Read what the source says of itself, mend that, and it goes on by itself. Senders try again for days.",
            ],
            vec!["tlsight healthcheck".to_owned(), "journalctl -u tlsight --since today".to_owned()],
        ),
        AlertRule::Disk => (
            vec![
                "Make room, or move the data directory: once the disk is full, senders are asked to come back later and nothing is stored.",
            ],
            vec!["df -h".to_owned(), "du -xh --max-depth=2 / 2>/dev/null | sort -h | tail".to_owned()],
        ),
        AlertRule::PolicyFetch
        | AlertRule::FailureShare
        | AlertRule::NewFailure
        | AlertRule::Certificate
        | AlertRule::Dane => {
            (vec!["Look at the reports behind it: their failure details say where and why."], Vec::new())
        }
    }
}

fn of_result_types(alert: &Alert) -> Vec<String> {
    let (domain, hosts) = (alert.subject.policy_domain.as_deref(), alert.hosts());
    let named = alert.subject.result_type.iter().chain(&alert.evidence.result_types);
    let mut advice: Vec<String> = Vec::new();
    for explanation in named.filter_map(|name| result_types::find(name)) {
        let todo = explanation.todo.iter().map(|todo| (*todo).to_owned());
        let in_words = result_types::in_words(explanation, domain, hosts).map(str::to_owned);
        for line in todo.chain(in_words).chain(result_types::commands(explanation, domain, hosts)) {
            if !advice.contains(&line) {
                advice.push(line);
            }
        }
    }
    advice
}

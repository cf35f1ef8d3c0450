//! What to do next.

use crate::{
    alerts::{Alert, AlertRule, rules::definition},
    explain::result_types,
};

/// Sentences; commands on lines of their own.
pub(super) fn advice(alert: &Alert) -> Vec<String> {
    if definition(alert.rule).is_about_result_types(alert) {
        return of_result_types(alert);
    }
    if alert.evidence.cannot_store.is_some() {
        let todo =
            "Mend what is said above; the server looks by itself and goes on. Restart it only where that is said.";
        return [todo, "tlsight healthcheck", "journalctl -u tlsight --since today"].map(str::to_owned).to_vec();
    }
    if alert.evidence.cannot_count.is_some() {
        let todo = "Stop the server and run the first command, which takes them in again. If they come back here, the log of the server says why.";
        return [todo, "tlsight repair", "journalctl -u tlsight | grep acknowledged"].map(str::to_owned).to_vec();
    }
    let (todo, commands) = of_rule(alert.rule, alert.subject.policy_domain.as_deref());
    todo.into_iter().map(str::to_owned).chain(commands).collect()
}

/// What to do about a rule that is not about result types: sentences, and commands with the domain's name where there is one.
pub fn of_rule(rule: AlertRule, domain: Option<&str>) -> (Vec<&'static str>, Vec<String>) {
    definition(rule).advice(domain.filter(|name| result_types::is_host_name(name)))
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

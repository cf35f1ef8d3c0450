//! The settings of the mail listeners, and of what signatures are judged with.

use std::net::{IpAddr, SocketAddr};

use super::{a_label, is_network};
use crate::config::{Dkim, Dns, Listen, LmtpListen, PolicyChecks, Smtp, problem::Problems};

/// The scheme in front of the address in a TLSRPT record (RFC 8460 §3).
const MAILTO: &str = "mailto:";

pub(super) fn check_smtp(smtp: &Smtp, problems: &mut Problems) {
    let listens = smtp.listen != Listen::Off || smtp.lmtp != LmtpListen::Off;
    if listens && smtp.recipients.is_empty() {
        problems.add(
            "`smtp.recipients` is empty: name the address of the `rua=mailto:` URI, like tlsrpt@reports.example.net",
        );
    }
    for recipient in &smtp.recipients {
        if recipient.get(..MAILTO.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(MAILTO)) {
            problems.add(format!("`smtp.recipients` = {recipient:?}: write the address without `{MAILTO}`"));
            continue;
        }
        let good =
            recipient.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && a_label(domain).is_ok());
        if !good {
            problems.add(format!("`smtp.recipients` = {recipient:?}: not an address like tlsrpt@reports.example.net"));
        }
    }
    for proxy in smtp.proxy_protocol_from.iter().filter(|proxy| !is_network(proxy)) {
        problems.add(format!(
            "`smtp.proxy_protocol_from` = {proxy:?} is neither an address nor a network like 192.0.2.0/24"
        ));
    }
    let at_least_one = [
        ("connections_max", smtp.connections_max as u64),
        ("connections_per_address_max", smtp.connections_per_address_max as u64),
        ("command_deadline_s", smtp.command_deadline_s),
        ("session_deadline_s", smtp.session_deadline_s),
        ("messages_per_session_max", smtp.messages_per_session_max as u64),
    ];
    for (key, _) in at_least_one.iter().filter(|(_, value)| *value == 0) {
        problems.add(format!("`smtp.{key}` = 0: at least 1"));
    }
}

pub(super) fn check_dkim(dkim: &Dkim, problems: &mut Problems) {
    if dkim.trusted_authserv_id.as_ref().is_some_and(|id| id.trim().is_empty()) {
        problems.add(
            "`dkim.trusted_authserv_id` is empty: name the server that sets `Authentication-Results`, or leave the key out",
        );
    }
}

pub(super) fn check_policy_checks(checks: &PolicyChecks, problems: &mut Problems) {
    if !(10..=24 * 60).contains(&checks.every_min) {
        problems.add(format!("`check.every_min` = {}: from 10 to 1440", checks.every_min));
    }
    for (key, port) in [("https_port", checks.https_port), ("smtp_port", checks.smtp_port)] {
        if port == 0 {
            problems.add(format!("`check.{key}` = 0: at least 1"));
        }
    }
    if checks
        .hostname
        .as_ref()
        .is_some_and(|name| name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()))
    {
        problems.add("`check.hostname` is no name of a host");
    }
}

pub(super) fn check_dns(dns: &Dns, problems: &mut Problems) {
    if dns.deadline_s == 0 {
        problems.add("`dns.deadline_s` = 0: at least 1");
    }
    for server in &dns.servers {
        if server.parse::<IpAddr>().is_err() && server.parse::<SocketAddr>().is_err() {
            problems.add(format!("`dns.servers` = {server:?}: not an address like 127.0.0.1 or [::1]:5353"));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Environment};

    fn problems(text: &str) -> Vec<String> {
        let checked = Config::from_text(text, &Environment::default()).expect("the types are right").check();
        checked.err().map(|error| error.problems().to_vec()).unwrap_or_default()
    }

    #[test]
    fn an_address_is_no_uri() {
        let text = "[smtp]\nrecipients = [\"MailTo:a@x.example\", \"mailto@x.example\", \"b\"]\n";
        assert_eq!(
            problems(text),
            [
                "`smtp.recipients` = \"MailTo:a@x.example\": write the address without `mailto:`",
                "`smtp.recipients` = \"b\": not an address like tlsrpt@reports.example.net",
            ]
        );
    }

    #[test]
    fn looks_are_neither_too_often_nor_at_no_port() {
        assert_eq!(
            problems("[check]\nevery_min = 1\nsmtp_port = 0\nhostname = \"a b\"\n"),
            [
                "`check.every_min` = 1: from 10 to 1440",
                "`check.smtp_port` = 0: at least 1",
                "`check.hostname` is no name of a host",
            ]
        );
    }

    #[test]
    fn nobody_is_not_trusted() {
        let empty = "`dkim.trusted_authserv_id` is empty: name the server that sets `Authentication-Results`, or leave the \
                     key out";
        assert_eq!(problems("[dkim]\ntrusted_authserv_id = \" \"\n"), [empty]);
        assert_eq!(problems("[dkim]\ntrusted_authserv_id = \"mx.example.net\"\n"), Vec::<String>::new());
    }
}

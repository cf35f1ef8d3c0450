//! One report: what it says, where it came from, where it strays from the standard, and its bytes.

use actix_web::{HttpResponse, web};
use minijinja::context;
use serde::Serialize;
use uuid::Uuid;

use super::{
    reports,
    snippet::{self, StoredBytes},
};
use crate::{
    explain::{self, MailEffect, result_types},
    limits::SESSIONS_PLAUSIBLE_MAX,
    links::ABSENT,
    query::{
        self,
        report::{FailureRow, PolicyRow, ReportBody, Whole},
        shares::Sessions,
    },
    reporters::{self, SenderIdentity},
    share,
    submission::SignatureVerdict,
    templates::fields,
    web::{
        Site,
        answer::{self, Fail},
        layout::{self, Badges},
    },
    wording,
};

/// Bytes of the unpacked document shown on the page; all of it is one link away.
const SHOWN_MAX_BYTES: usize = 256 * 1024;
/// Bytes a document may have once it is indented; a larger one is shown as it came.
const INDENTED_MAX_BYTES: usize = 64 * 1024 * 1024;

#[derive(Serialize)]
struct Section {
    domain: String,
    policy_type: String,
    mode: Option<String>,
    max_age: Option<String>,
    policy_string: Vec<String>,
    mx_hosts: Vec<String>,
    successful: Option<i64>,
    failed: Option<i64>,
    share: String,
    not_itemised: i64,
    /// What the details claim beyond the summary.
    excess: i64,
    /// Whether all of it counts where each session counts once.
    counted: bool,
    once_successful: i64,
    once_failed: i64,
    failures: Vec<Detail>,
}

#[derive(Serialize)]
struct Detail {
    result_type: String,
    short: &'static str,
    failed: Option<i64>,
    mode: String,
    mail_words: &'static str,
    sending_mta_ip: Option<String>,
    receiving_mx_hostname: Option<String>,
    /// The name the MX host greets with, where it is not the one it is known by.
    greeting: Option<String>,
    /// All of a greeting that is more than a name.
    greeting_lines: Vec<String>,
    receiving_ip: Option<String>,
    reason_code: Option<String>,
    additional_information: Option<String>,
    /// Set where the additional information is a link that may be followed.
    link: Option<String>,
    mx_value: String,
}

pub(crate) async fn page(site: web::Data<Site>, path: web::Path<String>) -> HttpResponse {
    answer::page(&site, show(&site, &path).await)
}

pub(crate) async fn json(site: web::Data<Site>, path: web::Path<String>) -> HttpResponse {
    answer::json(tell(&site, &path).await)
}

pub(crate) async fn raw(site: web::Data<Site>, path: web::Path<String>) -> HttpResponse {
    match bytes(&site, &path).await {
        Ok((uuid, raw)) => {
            let stored = stored(raw);
            answer::download(&format!("{uuid}.{}", snippet::extension(&stored)), stored.bytes)
        }
        Err(fail) => answer::failed_json(&fail),
    }
}

/// The unpacked document, pretty-printed, whole.
pub(crate) async fn unpacked(site: web::Data<Site>, path: web::Path<String>) -> HttpResponse {
    let result = async {
        let (_, raw) = bytes(&site, &path).await?;
        pretty(&site, raw, INDENTED_MAX_BYTES)
            .await?
            .ok_or_else(|| Fail::NotFound("the bytes of this report cannot be unpacked".to_owned()))
    };
    match result.await {
        Ok(text) => HttpResponse::Ok().content_type("application/json").body(text),
        Err(fail) => answer::failed_json(&fail),
    }
}

async fn ask(site: &Site, path: &str) -> Result<(Whole, Option<ReportBody>, Badges), Fail> {
    let uuid = read_uuid(path)?;
    let (whole, raw, badges) = site
        .store()
        .read(move |connection| {
            let whole = query::report::report(connection, uuid)?;
            let raw = if whole.is_some() { query::report::raw(connection, uuid)? } else { None };
            Ok((whole, raw, Badges::ask(connection)?))
        })
        .await?;
    Ok((whole.ok_or_else(|| missing(uuid))?, raw, badges))
}

async fn bytes(site: &Site, path: &str) -> Result<(Uuid, ReportBody), Fail> {
    let uuid = read_uuid(path)?;
    let raw = site.store().read(move |connection| Ok(query::report::raw(connection, uuid)?)).await?;
    Ok((uuid, raw.ok_or_else(|| missing(uuid))?))
}

pub(crate) fn read_uuid(path: &str) -> Result<Uuid, Fail> {
    path.parse().map_err(|_| Fail::NotFound(format!("`{path}` is no UUID")))
}

fn missing(uuid: Uuid) -> Fail {
    Fail::NotFound(format!("there is no report {uuid}"))
}

async fn pretty(site: &Site, raw: ReportBody, max_bytes: usize) -> Result<Option<String>, Fail> {
    let limits = site.pipeline.limits().clone();
    let unpacked = web::block(move || snippet::pretty(&stored(raw), &limits, max_bytes)).await;
    Ok(unpacked.unwrap_or_default())
}

fn stored(raw: ReportBody) -> StoredBytes {
    StoredBytes::new(raw.bytes, raw.channel, raw.media_type, raw.content_encoding, raw.element)
}

async fn show(site: &Site, path: &str) -> Result<String, Fail> {
    let (whole, raw, badges) = ask(site, path).await?;
    let raw_bytes = raw.as_ref().map(|raw| raw.bytes.len());
    let media_type = raw.as_ref().and_then(|raw| raw.media_type.clone());
    let content_encoding = raw.as_ref().and_then(|raw| raw.content_encoding.clone());
    let element = raw.as_ref().and_then(|raw| raw.element);
    let mut document = match raw {
        Some(raw) => pretty(site, raw, INDENTED_MAX_BYTES).await?,
        None => None,
    };
    let cut = document.as_mut().is_some_and(|document| snippet::cut(document, SHOWN_MAX_BYTES));
    let report = &whole.report;
    let content = fields! {
        uuid => report.uuid,
        name => reporters::shown(&report.organisation_key),
        organisation => report.organisation.clone(),
        sender => sender(report),
        from_address => whole.from_address.clone(),
        unproven_copy => whole.unproven_copy.clone(),
        others => whole.others.iter().map(|other| fields! {
            uuid => other.uuid, key => other.organisation_key.clone(), trust => other.trust.as_str(),
        }).collect::<Vec<_>>(),
        organisation_key => report.organisation_key.clone(),
        report_id => report.report_id.clone(),
        day => report.day,
        from => report.from,
        to => report.to,
        sessions => report.sessions.total(),
        failed => report.sessions.failed,
        share => share::secure(report.sessions.successful, report.sessions.total()),
        domains => report.policy_domains.clone(),
        received_at => report.received_at,
        channel => report.channel.as_str(),
        trust => report.trust.as_str(),
        submitter => whole.submitter.clone(),
        contact => whole.contact.clone(),
        peer => whole.peer.clone(),
        source => whole.source.as_deref().map(wording::source),
        from_domain => whole.from_domain.clone(),
        dkim_verdict => whole.dkim_verdict.map(SignatureVerdict::as_str),
        dkim_domain => whole.dkim_domain.clone(),
        dkim_selector => whole.dkim_selector.clone(),
        network_state => whole.network_state.clone(),
        network_domain => whole.network_domain.clone(),
        network => evidence(&whole),
        key_secure => whole.key_secure,
        media_type, content_encoding, raw_bytes, element,
        policies => whole.policies.iter().map(section).collect::<Vec<_>>(),
        left_out => left_out(&whole),
        has_doubled => whole.policies.iter().any(|policy| !counts_whole(policy)),
        deviations => report.deviations.iter().map(|deviation| fields! {
            code => deviation.code.as_str(),
            count => deviation.count,
            path => deviation.path.clone(),
            words => deviation.code.words(),
        }).collect::<Vec<_>>(),
        document, cut,
    };
    let shell = layout::without_filter(site, "/reports", badges);
    Ok(site.templates.render("report.html", context! { ..content, ..shell })?)
}

/// Who sent it, as far as it is proven, and what it says of itself.
fn sender(report: &query::reports::ReportRow) -> minijinja::Value {
    let sender = SenderIdentity::of(&report.organisation_key, report.organisation.as_deref());
    fields! {
        word => sender.standing.as_str(),
        explained => sender.standing.explained(),
        says => sender.says,
        taken_for => sender.taken_for.map(|(name, key)| format!("{name} ({key})")),
    }
}

/// What the posting address proves or why it does not, as it was put down.
fn evidence(whole: &Whole) -> serde_json::Value {
    let written = whole.network_evidence.as_deref();
    written.and_then(|written| serde_json::from_str(written).ok()).unwrap_or_default()
}

/// What the page has no room for, in words; all of it is in the document.
fn left_out(whole: &Whole) -> Option<String> {
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let policies = count(whole.policies.len());
    let details = count(whole.policies.iter().map(|policy| policy.failures.len()).sum());
    (policies < whole.policies_total || details < whole.failures_total).then(|| {
        format!(
            "{} of {} policies and {} of {} failure details are shown; the document below has all of them.",
            wording::thousands(policies),
            wording::thousands(whole.policies_total),
            wording::thousands(details),
            wording::thousands(whole.failures_total)
        )
    })
}

/// Whether nothing of it is left out where one number is shown.
fn counts_whole(policy: &PolicyRow) -> bool {
    let plausible =
        |count: Option<i64>| count.filter(|count| (0..=SESSIONS_PLAUSIBLE_MAX).contains(count)).unwrap_or(0);
    policy.once == Sessions { successful: plausible(policy.successful), failed: plausible(policy.failed) }
}

fn section(policy: &PolicyRow) -> Section {
    let claimed =
        policy.failures.iter().fold(0, |sum: i64, failure| sum.saturating_add(failure.failed_sessions.unwrap_or(0)));
    let (successful, failed) = (policy.successful.unwrap_or(0), policy.failed.unwrap_or(0));
    Section {
        domain: policy.domain.clone(),
        policy_type: policy.policy_type.clone(),
        mode: policy.mode.clone(),
        max_age: policy.max_age.map(max_age),
        policy_string: policy.policy_string.clone(),
        mx_hosts: policy.mx_hosts.clone(),
        successful: policy.successful,
        failed: policy.failed,
        share: share::secure(successful, successful.saturating_add(failed)),
        not_itemised: policy.not_itemised,
        excess: claimed.saturating_sub(failed).max(0),
        counted: counts_whole(policy),
        once_failed: policy.once.failed,
        once_successful: policy.once.successful,
        failures: policy.failures.iter().map(|failure| detail(policy, failure)).collect(),
    }
}

fn detail(policy: &PolicyRow, failure: &FailureRow) -> Detail {
    let helo = failure.receiving_mx_helo.as_deref().unwrap_or_default();
    let name = greeted_name(helo);
    let known = failure.receiving_mx_hostname.as_deref().unwrap_or_default();
    let mode = policy.mode.as_deref();
    let information = failure.additional_information.clone();
    Detail {
        result_type: failure.result_type.clone(),
        short: result_types::short(&failure.result_type),
        failed: failure.failed_sessions,
        mode: explain::mode_word(&policy.policy_type, mode),
        mail_words: MailEffect::of(&failure.result_type, &policy.policy_type, mode).sentence(),
        sending_mta_ip: failure.sending_mta_ip.clone(),
        receiving_mx_hostname: failure.receiving_mx_hostname.clone(),
        greeting: (!name.trim_end_matches('.').eq_ignore_ascii_case(known)).then(|| name.to_owned()),
        greeting_lines: if helo.trim() == name { Vec::new() } else { helo.lines().map(str::to_owned).collect() },
        receiving_ip: failure.receiving_ip.clone(),
        reason_code: failure.reason_code.clone(),
        link: information.clone().filter(|text| is_web_address(text)),
        additional_information: information,
        mx_value: failure.receiving_mx_hostname.clone().unwrap_or_else(|| ABSENT.to_owned()),
    }
}

/// The name in what an MX host greeted with: a name alone, or the first line of a reply with or without its code (RFC 5321
/// §4.1.1.1).
fn greeted_name(helo: &str) -> &str {
    let line = helo.trim_start().lines().next().unwrap_or_default();
    let text = match line.split_at_checked(4) {
        Some((code, text))
            if code.bytes().take(3).all(|digit| digit.is_ascii_digit()) && code.ends_with(['-', ' ']) =>
        {
            text
        }
        _ => line,
    };
    text.split_whitespace().next().unwrap_or_default()
}

/// Only these schemes become links: a report may hold `javascript:`.
fn is_web_address(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    (lower.starts_with("https://") || lower.starts_with("http://")) && !text.contains(char::is_whitespace)
}

/// `7 days`, or seconds where it is less than one.
fn max_age(seconds: i64) -> String {
    match seconds / 86_400 {
        0 => wording::counted(seconds, "second", "seconds"),
        days => wording::counted(days, "day", "days"),
    }
}

async fn tell(site: &Site, path: &str) -> Result<serde_json::Value, Fail> {
    let (whole, _, _) = ask(site, path).await?;
    let mut item = reports::item(&whole.report);
    item["network_evidence"] = evidence(&whole);
    item["submitter"] = whole.submitter.into();
    item["contact"] = whole.contact.into();
    item["peer"] = whole.peer.into();
    item["source"] = whole.source.into();
    item["from_domain"] = whole.from_domain.into();
    item["from_address"] = whole.from_address.into();
    item["unproven_copy"] = whole.unproven_copy.into();
    item["dkim_verdict"] = whole.dkim_verdict.map(SignatureVerdict::as_str).into();
    item["dkim_domain"] = whole.dkim_domain.into();
    item["dkim_selector"] = whole.dkim_selector.into();
    item["network_state"] = whole.network_state.into();
    item["network_domain"] = whole.network_domain.into();
    item["key_secure"] = whole.key_secure.into();
    item["policies_total"] = whole.policies_total.into();
    item["failures_total"] = whole.failures_total.into();
    item["policies"] = whole
        .policies
        .iter()
        .map(|policy| {
            serde_json::json!({
                "policy_domain": (!policy.domain.is_empty()).then_some(&policy.domain),
                "policy_type": policy.policy_type,
                "mode": policy.mode,
                "max_age": policy.max_age,
                "policy_string": policy.policy_string,
                "mx_hosts": policy.mx_hosts,
                "successful": policy.successful,
                "failed": policy.failed,
                "not_itemised": policy.not_itemised,
                "once_successful": policy.once.successful,
                "once_failed": policy.once.failed,
                "failure_details": policy.failures.iter().map(|failure| serde_json::json!({
                    "result_type": failure.result_type,
                    "failed_sessions": failure.failed_sessions,
                    "sending_mta_ip": failure.sending_mta_ip,
                    "receiving_mx_hostname": failure.receiving_mx_hostname,
                    "receiving_mx_helo": failure.receiving_mx_helo,
                    "receiving_ip": failure.receiving_ip,
                    "additional_information": failure.additional_information,
                    "reason_code": failure.reason_code,
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    Ok(item)
}

#[cfg(test)]
mod tests {
    use super::{greeted_name, is_web_address};

    #[test]
    fn a_greeting_has_a_name_in_its_first_line() {
        for (helo, name) in [
            ("Mx1.Example.com", "Mx1.Example.com"),
            (" mx1.example.com at your service", "mx1.example.com"),
            ("250-mx1.example.com Hello [192.0.2.1]\r\n250-PIPELINING\r\n250 8BITMIME", "mx1.example.com"),
            ("250 mx1.example.com", "mx1.example.com"),
            ("mx1.example.com\nPIPELINING", "mx1.example.com"),
            ("4.example", "4.example"),
            ("", ""),
        ] {
            assert_eq!(greeted_name(helo), name, "{helo}");
        }
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert!(is_web_address("https://example.com/help"));
        assert!(is_web_address("HTTP://example.com/"));
        for other in [
            "javascript:alert(1)",
            "data:text/html,x",
            "//example.com",
            "file:///etc/passwd",
            "https://a b",
            " https://a",
        ] {
            assert!(!is_web_address(other), "{other}");
        }
    }
}

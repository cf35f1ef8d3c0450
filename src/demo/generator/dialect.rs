//! RFC 8460 §4 as each sender writes it.

use chrono::{Days, NaiveDate, NaiveTime, TimeDelta};
use serde::Serialize;
use serde_json::ser::PrettyFormatter;

use super::{
    senders::{DemoSender, Dialect},
    sites::{self, DemoSite},
    stories::TrafficKind,
    traffic::{DetailDraft, PolicyDraft},
};
use crate::demo::random::Random;

/// `None` leaves a member out, `Some(None)` writes `null`.
type Nullable<T> = Option<Option<T>>;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report<'a> {
    organization_name: &'a str,
    date_range: DateRange,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact_info: Nullable<&'a str>,
    report_id: String,
    policies: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct DateRange {
    start_datetime: String,
    end_datetime: String,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Entry<'a> {
    policy: Policy<'a>,
    summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_details: Option<Vec<Detail<'a>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Policy<'a> {
    policy_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_string: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_domain: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mx_host: Nullable<Vec<&'a str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Summary {
    total_successful_session_count: u64,
    total_failure_session_count: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Detail<'a> {
    result_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sending_mta_ip: Nullable<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receiving_mx_hostname: Nullable<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receiving_ip: Nullable<&'a str>,
    failed_session_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason_code: Nullable<&'a str>,
}

/// The JSON document.
pub(super) fn write(
    sender: &DemoSender,
    site: &DemoSite,
    day: NaiveDate,
    drafts: &[PolicyDraft],
    random: &mut Random,
) -> Vec<u8> {
    let mut policies: Vec<Entry<'_>> = drafts.iter().flat_map(|draft| entries(sender, site, draft)).collect();
    if sender.dialect == Dialect::Sys4 && random.chance(30) {
        policies.push(without_policy(random));
    }
    let report = Report {
        organization_name: sender.organisation,
        date_range: date_range(sender, day, random),
        contact_info: match (sender.contact, sender.dialect) {
            (None, Dialect::Stalwart) => Some(None),
            (None, _) => None,
            (Some(contact), _) => Some(Some(contact)),
        },
        report_id: report_id(sender, site, day, random),
        policies,
    };
    match sender.dialect {
        Dialect::MailRu => indented(&sorted(&report), b"   "),
        Dialect::Sys4 => indented(&sorted(&report), b"  "),
        Dialect::Mox => indented(&report, b"\t"),
        _ => serde_json::to_vec(&report).unwrap_or_default(),
    }
}

fn sorted(report: &Report<'_>) -> serde_json::Value {
    // A JSON value keeps its members sorted.
    serde_json::to_value(report).unwrap_or_default()
}

fn indented(value: &impl Serialize, indent: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(indent));
    // Plain text and numbers, written into memory: this cannot fail.
    let _ = value.serialize(&mut serializer);
    text
}

fn date_range(sender: &DemoSender, day: NaiveDate, random: &mut Random) -> DateRange {
    let midnight = day.and_time(NaiveTime::MIN);
    let next = (day + Days::new(1)).and_time(NaiveTime::MIN);
    let (start, end) = match sender.dialect {
        Dialect::MailRu => (midnight, next),
        Dialect::Stalwart => (midnight + TimeDelta::seconds(random.between(20, 9_000) as i64), next),
        _ => (midnight, next - TimeDelta::seconds(1)),
    };
    let text = |time: chrono::NaiveDateTime| time.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    DateRange { start_datetime: text(start), end_datetime: text(end) }
}

fn report_id(sender: &DemoSender, site: &DemoSite, day: NaiveDate, random: &mut Random) -> String {
    let midnight = day.and_time(NaiveTime::MIN).and_utc().timestamp();
    match sender.dialect {
        Dialect::Google => format!("{day}T00:00:00Z_{}", site.domain),
        // 100 ns since 1601, as Windows counts.
        Dialect::Microsoft => {
            format!(
                "{}+{}",
                (midnight + 11_644_473_600) * 10_000_000 + random.below(864_000_000_000) as i64,
                site.domain
            )
        }
        Dialect::MailRu => format!("{}@{}", uuid(random), sender.domain),
        Dialect::Stalwart => format!("{midnight}_{}", random.next()),
        Dialect::Mox => format!("{}.{}@{}", day.format("%Y%m%d"), site.domain, sender.organisation),
        Dialect::Sys4 => format!("{day}T00:00:00Z_idx{}_{}@{}", random.below(10), site.domain, sender.domain),
        Dialect::Halon => format!("{day}@{}", sender.domain),
        Dialect::Plain => uuid(random),
    }
}

fn uuid(random: &mut Random) -> String {
    uuid::Builder::from_random_bytes((u128::from(random.next()) << 64 | u128::from(random.next())).to_be_bytes())
        .into_uuid()
        .to_string()
}

/// One policy type of one domain: an entry for each MX host where the sender names those as policy domain.
fn entries<'a>(sender: &'a DemoSender, site: &'a DemoSite, draft: &'a PolicyDraft) -> Vec<Entry<'a>> {
    let by_the_book = matches!(sender.dialect, Dialect::Plain | Dialect::Sys4);
    if draft.kind == TrafficKind::Sts || !by_the_book {
        return vec![entry(sender, site, draft, None)];
    }
    // RFC 8460 §4.4 with RFC 7672 §2.2.3: the policy domain of TLSA records is the MX host.
    let hosts = site.mx.len() as u64;
    let mut entries: Vec<Entry<'_>> = site.mx.iter().map(|host| entry(sender, site, draft, Some(host.name))).collect();
    for (index, entry) in entries.iter_mut().enumerate() {
        let details = entry.failure_details.as_deref().unwrap_or_default();
        entry.summary = Summary {
            total_successful_session_count: share(draft.successful, hosts, index as u64),
            total_failure_session_count: details.iter().map(|detail| detail.failed_session_count).sum(),
        };
    }
    entries
        .retain(|entry| entry.summary.total_successful_session_count + entry.summary.total_failure_session_count > 0);
    entries
}

/// Splits a count so that the parts sum up.
fn share(count: u64, parts: u64, index: u64) -> u64 {
    count / parts + u64::from(index < count % parts)
}

fn entry<'a>(sender: &'a DemoSender, site: &'a DemoSite, draft: &'a PolicyDraft, host: Option<&'a str>) -> Entry<'a> {
    let of_host = |detail: &&DetailDraft| host.is_none() || detail.receiving.map(|(name, _)| name) == host;
    let details: Vec<Detail<'_>> = draft.details.iter().filter(of_host).map(|draft| detail(sender, draft)).collect();
    let writes_empty = matches!(sender.dialect, Dialect::Stalwart | Dialect::Mox | Dialect::Sys4);
    Entry {
        policy: policy(sender, site, draft, host),
        summary: Summary {
            total_successful_session_count: draft.successful,
            total_failure_session_count: draft.failed,
        },
        failure_details: (writes_empty || !details.is_empty()).then_some(details),
    }
}

fn policy<'a>(sender: &DemoSender, site: &'a DemoSite, draft: &PolicyDraft, host: Option<&'a str>) -> Policy<'a> {
    let names = draft.stale_mx.map_or_else(|| site.mx_names(), |stale| vec![stale]);
    let tlsa_of = host.unwrap_or(site.mx[0].name);
    let policy_string = match (draft.kind, sender.dialect) {
        (TrafficKind::Sts, _) if !draft.fetched => None,
        (TrafficKind::Sts, _) => Some(site.sts_lines(&names)),
        (TrafficKind::Tlsa, Dialect::Microsoft) => {
            Some(vec![format!("[\"{}\"]", sites::tlsa_records(tlsa_of).join("\",\""))])
        }
        (TrafficKind::Tlsa, Dialect::Mox) => {
            Some(sites::tlsa_records(tlsa_of).iter().map(|record| record.to_ascii_lowercase()).collect())
        }
        (TrafficKind::Tlsa, _) => Some(sites::tlsa_records(tlsa_of)),
    };
    let mx_host = match (draft.kind, sender.dialect) {
        (_, Dialect::Microsoft | Dialect::MailRu) => None,
        (TrafficKind::Sts, Dialect::Stalwart) => Some(Some(names)),
        (TrafficKind::Tlsa, Dialect::Stalwart) => Some(None),
        (TrafficKind::Tlsa, Dialect::Mox) => Some(Some(vec![tlsa_of])),
        (TrafficKind::Tlsa, _) => None,
        (TrafficKind::Sts, _) => draft.fetched.then_some(Some(names)),
    };
    let policy_type = if draft.kind == TrafficKind::Sts { "sts" } else { "tlsa" };
    Policy { policy_type, policy_string, policy_domain: Some(host.unwrap_or(site.domain)), mx_host }
}

fn detail<'a>(sender: &DemoSender, draft: &'a DetailDraft) -> Detail<'a> {
    let terse = matches!(sender.dialect, Dialect::Microsoft | Dialect::MailRu) && draft.receiving.is_none();
    let nulls = sender.dialect == Dialect::Stalwart;
    let or_null = |value: Option<&'a str>| match value {
        None => nulls.then_some(None),
        some => Some(some),
    };
    Detail {
        result_type: draft.result_type,
        sending_mta_ip: (!terse).then_some(Some(draft.sending_address)),
        receiving_mx_hostname: or_null(draft.receiving.map(|(name, _)| name)),
        receiving_ip: or_null(draft.receiving.map(|(_, address)| address)),
        failed_session_count: draft.count,
        failure_reason_code: or_null(draft.reason_code.filter(|_| sender.dialect != Dialect::Google)),
    }
}

/// Sessions with a subdomain that has no policy; this reporter leaves its name out.
fn without_policy<'a>(random: &mut Random) -> Entry<'a> {
    Entry {
        policy: Policy { policy_type: "no-policy-found", policy_string: None, policy_domain: None, mx_host: None },
        summary: Summary { total_successful_session_count: random.between(1, 4), total_failure_session_count: 0 },
        failure_details: Some(Vec::new()),
    }
}

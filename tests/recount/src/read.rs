//! The reports a server stores: their bytes over the API, read here. Which they are, how they came and how far they are believed is
//! the server's word; what they say is not.

use std::io::Read;

use chrono::{Datelike, NaiveDate};
use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};

use crate::{
    compare::Tally,
    groups::domain,
    http::{Client, Result},
    model::Report,
    names,
    parse::{self, Served},
};

/// More than any report here has: what gzip may unpack to.
const UNPACKED_MAX_BYTES: u64 = 64 << 20;

/// All of a century, year by year, because no question is about more.
pub fn all(client: &mut Client, today: NaiveDate, served: &[Served]) -> Result<Vec<Report>> {
    let mut items = Vec::new();
    for year in 2010..=today.year() + 1 {
        items.extend(client.items(&format!("/api/v1/reports?from={year}-01-01&to={year}-12-31&trust=all&limit=500"))?);
    }
    let mut reports = Vec::new();
    for item in items {
        let uuid = item["uuid"].as_str().ok_or("a report without uuid")?.to_owned();
        let raw = client.get(&format!("/api/v1/reports/{uuid}/raw"))?;
        let document = match document(&raw.body) {
            Some(document) => document,
            // Mails, archives, forms and arrays: what is inside, as the server unpacked it.
            None => client.json(&format!("/api/v1/reports/{uuid}/json"))?,
        };
        let trust = item["trust"].as_str().unwrap_or_default().to_owned();
        let said = client.json(&format!("/api/v1/reports/{uuid}"))?;
        let text = |name: &str| said[name].as_str().map(str::to_owned);
        let found = names::Found {
            trust: trust.clone(),
            signer: text("dkim_domain"),
            signature_passed: said["dkim_verdict"] == "pass",
            was_judged: !said["dkim_verdict"].is_null(),
            from_domain: text("from_domain"),
            from_address: text("from_address"),
            network_domain: text("network_domain"),
        };
        // Of several reports in one document it is the one with this id.
        let candidates = document.as_array().cloned().unwrap_or_else(|| vec![document.clone()]);
        let mut read = candidates.iter().filter_map(|document| parse::report(document, served));
        let sent_id = item["report_id"].as_str().unwrap_or_default();
        let read = match candidates.len() {
            1 => read.next(),
            _ => read.find(|report| report.report_id == sent_id),
        }
        .ok_or_else(|| format!("{uuid} is no report: {document:.600}"))?;
        let organisation = names::key(&found, &read.organisation);
        reports.push(Report { uuid, trust, organisation, ..read });
    }
    Ok(reports.into_iter().filter(|report| !report.report_id.starts_with("tlsight-test-")).collect())
}

/// What the server says it read, against what is read here.
pub fn hold(client: &mut Client, report: &Report) -> Result<Tally> {
    let place = format!("/api/v1/reports/{}", report.uuid);
    let said = client.json(&place)?;
    let mut tally = Tally::default();
    let place = format!("{place} ({})", said["source"].as_str().unwrap_or_default());
    tally.same(&format!("{place} .day"), &report.day.to_string().as_str(), &said["day"].as_str().unwrap_or_default());
    tally.json(&format!("{place} .organisation"), &json!(report.name), &said["organisation"]);
    tally.json(&format!("{place} .organisation_key"), &json!(report.organisation), &said["organisation_key"]);
    let ours: Vec<Value> = report
        .policies
        .iter()
        .map(|policy| {
            let details: Vec<Value> = policy
                .details
                .iter()
                .map(|detail| {
                    json!({"result_type": detail.result_type, "failed_sessions": detail.failed,
                        "receiving_mx_hostname": detail.mx, "sending_mta_ip": detail.ip, "reason_code": detail.reason})
                })
                .collect();
            json!({"policy_type": policy.kind, "policy_domain": domain(&policy.domain), "mode": policy.mode,
                "successful": policy.successful, "failed": policy.failed, "not_itemised": policy.not_itemised(),
                "failure_details": details})
        })
        .collect();
    let mut theirs = said["policies"].clone();
    for policy in theirs.as_array_mut().into_iter().flatten() {
        keep(
            policy,
            &["policy_type", "policy_domain", "mode", "successful", "failed", "not_itemised", "failure_details"],
        );
        for detail in policy["failure_details"].as_array_mut().into_iter().flatten() {
            keep(detail, &["result_type", "failed_sessions", "receiving_mx_hostname", "sending_mta_ip", "reason_code"]);
        }
    }
    tally.json(&format!("{place} .policies"), &json!(ours), &theirs);
    Ok(tally)
}

fn keep(object: &mut Value, names: &[&str]) {
    if let Some(object) = object.as_object_mut() {
        object.retain(|name, _| names.contains(&name.as_str()));
    }
}

/// The one JSON object that the bytes are, packed at most twice.
fn document(bytes: &[u8]) -> Option<Value> {
    let mut bytes = bytes.to_vec();
    for _ in 0..2 {
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut unpacked = Vec::new();
            MultiGzDecoder::new(&bytes[..]).take(UNPACKED_MAX_BYTES).read_to_end(&mut unpacked).ok()?;
            bytes = unpacked;
        }
    }
    let text = std::str::from_utf8(&bytes).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end_matches(['\0', ' ', '\r', '\n', '\t']);
    serde_json::from_str(text).ok().filter(Value::is_object)
}

//! Policies that changed, as senders saw them (docs/api.md, "A week").

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::{count::Counted, groups};

/// By policy type and text: who saw it on which days.
type Seen<'a> = BTreeMap<(&'a str, Vec<String>), BTreeMap<&'a str, BTreeSet<NaiveDate>>>;

pub fn changes(now: &Counted, before: &Counted) -> Value {
    let names = groups::names(&[now]);
    let (seen_now, seen_before) = (seen(now), seen(before));
    let reported = |counted: &Counted| {
        counted.rows.iter().map(|row| (row.domain.to_owned(), row.report.organisation.clone())).collect::<BTreeSet<_>>()
    };
    let both: BTreeSet<_> = reported(now).intersection(&reported(before)).cloned().collect();
    let mut items = Vec::new();
    let domains: BTreeSet<&&str> = seen_now.keys().chain(seen_before.keys()).collect();
    for domain in domains {
        let comparable = |who: &&str| both.contains(&((*domain).to_string(), (*who).to_string()));
        let texts = |seen: &BTreeMap<&str, Seen>| -> BTreeSet<(String, Vec<String>)> {
            let seen = seen.get(*domain).into_iter().flatten();
            seen.filter(|(_, who)| who.keys().any(comparable))
                .map(|((kind, text), _)| ((*kind).to_owned(), text.clone()))
                .collect()
        };
        let (texts_now, texts_before) = (texts(&seen_now), texts(&seen_before));
        let kinds: BTreeSet<&String> = texts_now.iter().chain(&texts_before).map(|(kind, _)| kind).collect();
        for kind in kinds {
            let of = |texts: &BTreeSet<(String, Vec<String>)>| -> BTreeSet<Vec<String>> {
                texts.iter().filter(|(of, _)| of == kind).map(|(_, text)| text.clone()).collect()
            };
            let (here, there) = (of(&texts_now), of(&texts_before));
            let new: Vec<&Vec<String>> = here.difference(&there).collect();
            let gone: Vec<&Vec<String>> = there.difference(&here).collect();
            if new.is_empty() && gone.is_empty() {
                continue;
            }
            let change = match (here.is_empty(), there.is_empty()) {
                (_, true) => "appeared",
                (true, _) => "vanished",
                _ => "changed",
            };
            let new: Vec<Value> = new
                .into_iter()
                .map(|text| {
                    let who = &seen_now[*domain][&(kind.as_str(), text.clone())];
                    let days: BTreeSet<_> =
                        who.iter().filter(|(who, _)| comparable(who)).flat_map(|(_, days)| days).collect();
                    let organisations: Vec<_> = who
                        .keys()
                        .filter(|who| comparable(who))
                        .map(|who| json!({"organisation": names[who], "organisation_key": who}))
                        .collect();
                    json!({"policy_string": text, "first_day": days.first().map(|day| day.to_string()),
                        "last_day": days.last().map(|day| day.to_string()), "organisations": organisations})
                })
                .collect();
            items.push(json!({"policy_domain": groups::domain(domain), "policy_type": kind, "kind": change, "new": new, "vanished": gone}));
        }
    }
    Value::Array(items)
}

/// In lower case, with blanks where they belong and nowhere else.
fn plain(kind: &str, line: &str) -> String {
    let line = line.to_lowercase();
    match line.split_once(':') {
        Some((key, value)) if kind == "sts" => format!("{}: {}", key.trim(), value.trim()),
        _ if kind == "tlsa" => {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (fields, hex) = words.split_at(words.len().min(3));
            [fields.join(" "), hex.concat()].join(" ").trim().to_owned()
        }
        _ => line,
    }
}

fn seen<'a>(counted: &Counted<'a>) -> BTreeMap<&'a str, Seen<'a>> {
    let mut seen: BTreeMap<&str, Seen> = BTreeMap::new();
    for row in &counted.rows {
        for policy in &row.policies {
            let mut text: Vec<String> = policy.lines.iter().map(|line| plain(&policy.kind, line)).collect();
            text.sort();
            text.dedup();
            let who = seen.entry(row.domain).or_default().entry((&policy.kind, text)).or_default();
            who.entry(&row.report.organisation).or_default().insert(row.day());
        }
    }
    seen
}

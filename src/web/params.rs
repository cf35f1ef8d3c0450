//! The query string is the state of a page and the question of an API call; here it becomes a `Filter`.
//!
//! The range: `from` and `to` are UTC days, both inclusive; `week` is an ISO week such as `2026-W47`. With none of them it is the
//! seven days that end yesterday: reports arrive the day after the one they are about, so these are the last seven whole days, and on
//! a Monday they are last week.

use std::collections::BTreeMap;

use actix_web::web::Query;
use chrono::{Datelike, Days, NaiveDate};

use super::answer::Fail;
use crate::{
    fault::FaultCode,
    links::ABSENT,
    period::{Period, PeriodKind},
    query::{
        Filter, Range,
        failures::{self, FailureOrder},
        quarantine, reports,
    },
    report::Deviation,
    submission::TrustFilter,
};

/// Rows of a list where the asker does not say.
pub(crate) const ROWS_DEFAULT: usize = 100;
const ROWS_MAX: usize = 1_000;
/// A century: room for every report there can be, none for a typing error.
const DAYS_MAX: i64 = 36_600;

const DAYS: &[&str] = &["from", "to", "week"];
/// What every figure can be narrowed to.
const FILTER: &[&str] = &["policy_domain", "organisation", "policy_type", "trust"];
const DETAILS: &[&str] = &["result_type", "receiving_mx_hostname", "sending_mta_ip"];
const PAGING: &[&str] = &["limit", "cursor"];

/// The parameters that an address takes. Others are refused there: a figure that is not narrowed as it was asked to be is wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accepted {
    groups: &'static [&'static [&'static str]],
    /// What a redirect says of what was just done; not for people to type.
    done: &'static [&'static str],
}

const fn takes(groups: &'static [&'static [&'static str]]) -> Accepted {
    Accepted { groups, done: &[] }
}

pub(crate) const OVERVIEW: Accepted = takes(&[DAYS, FILTER]);
/// The path names the days.
pub(crate) const WEEK: Accepted = takes(&[FILTER]);
pub(crate) const FAILURES: Accepted = takes(&[DAYS, FILTER, DETAILS, &["by"], PAGING]);
/// An export is complete.
pub(crate) const FAILURES_CSV: Accepted = takes(&[DAYS, FILTER, DETAILS, &["by"]]);
pub(crate) const REPORTS: Accepted = takes(&[DAYS, FILTER, DETAILS, &["deviation", "failed"], PAGING]);
pub(crate) const RESULT_TYPES: Accepted = takes(&[DAYS, FILTER, DETAILS]);
/// What could not be read has no policy; its organisation is a name.
pub(crate) const QUARANTINE: Accepted =
    Accepted { groups: &[DAYS, &["trust", "organisation", "code"], PAGING], done: &["done", "counted", "stayed"] };
/// Lists of things that reports say nothing of.
pub(crate) const LIST: Accepted = takes(&[&["limit"]]);
const NOTHING: Accepted = takes(&[]);
/// Addresses of which nothing can be asked: single things, and lists that are always whole.
const WITHOUT_PARAMETERS: &[&str] =
    &["/sources", "/healthz", "/readyz", "/api/v1/senders", "/api/v1/silences", "/api/v1/sources"];
const SINGLE_THINGS: &[&str] = &["/reports/", "/api/v1/reports/", "/api/v1/alerts/"];
/// How the addresses of what is judged as of now end.
const READINESS: &str = "/readiness";
/// A page to which an action leads back.
pub(crate) const AFTER_ACTION: Accepted = Accepted { groups: &[], done: &["done", "silence"] };

/// What the pages under these paths take.
const BY_PATH: &[(&str, Accepted)] = &[
    ("/", OVERVIEW),
    ("/api/v1/overview", OVERVIEW),
    ("/weeks", WEEK),
    ("/failures", FAILURES),
    ("/api/v1/failures", FAILURES),
    ("/failures.csv", FAILURES_CSV),
    ("/reports", REPORTS),
    ("/api/v1/reports", REPORTS),
    ("/result-types", RESULT_TYPES),
    ("/quarantine", QUARANTINE),
    ("/api/v1/quarantine", QUARANTINE),
];

impl Accepted {
    fn names(self) -> impl Iterator<Item = &'static str> {
        self.groups.iter().flat_map(|group| group.iter().copied())
    }

    fn takes(self, name: &str) -> bool {
        self.names().chain(self.done.iter().copied()).any(|known| known == name)
    }
}

/// Refuses parameters where there is nothing to ask.
pub(crate) fn refuse_unasked(path: &str, query_string: &str) -> Result<(), Fail> {
    let takes_none = WITHOUT_PARAMETERS.contains(&path)
        || SINGLE_THINGS.iter().any(|start| path.starts_with(start))
        || path.ends_with(READINESS);
    if takes_none { pairs(query_string, NOTHING).map(|_| ()) } else { Ok(()) }
}

/// Whether a link to the path may carry the parameter along.
pub(crate) fn may_carry(path: &str, name: &str) -> bool {
    let week = path.starts_with("/weeks/") || path.starts_with("/api/v1/weeks/");
    let accepted = BY_PATH.iter().find(|(known, _)| *known == path || (week && *known == "/weeks"));
    accepted.is_some_and(|(_, accepted)| accepted.takes(name))
}

/// What a query string asks for.
#[derive(Debug, Clone)]
pub(crate) struct PageParams {
    pub(crate) filter: Filter,
    /// Whether it names the range itself.
    pub(crate) range_given: bool,
    pub(crate) by: Option<FailureOrder>,
    pub(crate) limit: usize,
    pub(crate) cursor: Option<String>,
    /// Fault code, for the quarantine.
    pub(crate) code: Option<FaultCode>,
    /// What was just done, after a redirect.
    pub(crate) done: Option<String>,
    /// How many inputs it made count.
    pub(crate) counted: u32,
    /// How many it left where they were.
    pub(crate) stayed: u32,
}

/// Reads the query string of an address. What it does not take is refused: a filter that is mistyped, or cannot apply, would silently answer
/// another question.
pub(crate) fn parse(query_string: &str, accepted: Accepted, today: NaiveDate) -> Result<PageParams, Fail> {
    let given = pairs(query_string, accepted)?;
    let get = |name: &str| given.get(name).cloned();
    let mut filter = Filter::new(range(&given, today)?);
    filter.policy_domain = get("policy_domain").map(|name| if name == ABSENT { String::new() } else { domain(&name) });
    filter.organisation = get("organisation");
    filter.policy_type = get("policy_type").map(|name| name.to_ascii_lowercase());
    filter.trust = get("trust").map_or(Ok(TrustFilter::Counted), |name| trust(&name))?;
    filter.result_type = get("result_type");
    filter.receiving_mx_hostname = get("receiving_mx_hostname").map(or_absent);
    filter.sending_mta_ip = get("sending_mta_ip").map(or_absent);
    filter.deviation = get("deviation").map(|name| deviation(&name)).transpose()?;
    filter.failed = match get("failed").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => return Err(wrong("failed", format!("`{other}` is neither `true` nor `false`"))),
    };
    let by = get("by").map(|name| {
        let known: Vec<&str> = FailureOrder::ALL.into_iter().map(FailureOrder::as_str).collect();
        FailureOrder::from_name(&name)
            .ok_or_else(|| wrong("by", format!("`{name}` is not one of {}", known.join(", "))))
    });
    let limit = get("limit").map(|text| match text.parse() {
        Ok(limit @ 1..=ROWS_MAX) => Ok(limit),
        _ => Err(wrong("limit", format!("`{text}` is not a number from 1 to {ROWS_MAX}"))),
    });
    Ok(PageParams {
        filter,
        range_given: ["from", "to", "week"].iter().any(|name| given.contains_key(*name)),
        by: by.transpose()?,
        limit: limit.transpose()?.unwrap_or(ROWS_DEFAULT),
        cursor: get("cursor"),
        code: get("code").map(|name| fault_code(&name)).transpose()?,
        done: get("done"),
        counted: number(&given, "counted")?,
        stayed: number(&given, "stayed")?,
    })
}

impl PageParams {
    /// The range's dates as parameters, with what else was asked: the base of every link to the reports behind a figure.
    pub(crate) fn query(&self) -> BTreeMap<&'static str, String> {
        let mut query = BTreeMap::new();
        let filter = &self.filter;
        query.insert("from", filter.range.first().to_string());
        query.insert("to", filter.range.last().to_string());
        let texts = [
            ("policy_domain", &filter.policy_domain),
            ("organisation", &filter.organisation),
            ("policy_type", &filter.policy_type),
            ("result_type", &filter.result_type),
            ("receiving_mx_hostname", &filter.receiving_mx_hostname),
            ("sending_mta_ip", &filter.sending_mta_ip),
        ];
        if let Some(deviation) = filter.deviation {
            query.insert("deviation", deviation.as_str().to_owned());
        }
        if let Some(code) = self.code {
            query.insert("code", code.as_str().to_owned());
        }
        if filter.trust != TrustFilter::Counted {
            query.insert("trust", filter.trust.as_str().to_owned());
        }
        for (name, value) in texts {
            if let Some(value) = value {
                let value = if value.is_empty() { ABSENT.to_owned() } else { value.clone() };
                query.insert(name, value);
            }
        }
        if filter.failed {
            query.insert("failed", "true".to_owned());
        }
        if let Some(by) = self.by {
            query.insert("by", by.as_str().to_owned());
        }
        query
    }

    pub(crate) fn failures_after(&self) -> Result<Option<failures::FailureCursor>, Fail> {
        self.cursor_parts(2, |parts| {
            Some(failures::FailureCursor { failed: parts[0].parse().ok()?, key: parts[1].to_owned() })
        })
    }

    pub(crate) fn reports_after(&self) -> Result<Option<reports::ReportCursor>, Fail> {
        self.cursor_parts(3, |parts| {
            Some(reports::ReportCursor {
                day: parts[0].parse().ok()?,
                received_at: chrono::DateTime::from_timestamp_micros(parts[1].parse().ok()?)?,
                uuid: parts[2].parse().ok()?,
            })
        })
    }

    pub(crate) fn quarantine_after(&self) -> Result<Option<quarantine::QuarantineCursor>, Fail> {
        self.cursor_parts(2, |parts| {
            Some(quarantine::QuarantineCursor {
                received_at: chrono::DateTime::from_timestamp_micros(parts[0].parse().ok()?)?,
                uuid: parts[1].parse().ok()?,
            })
        })
    }

    fn cursor_parts<T>(&self, count: usize, read: impl Fn(&[&str]) -> Option<T>) -> Result<Option<T>, Fail> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let invalid = || wrong("cursor", "it is not one this list gave out".to_owned());
        let text = unhex(cursor).ok_or_else(invalid)?;
        let parts: Vec<&str> = text.splitn(count, ' ').collect();
        if parts.len() != count {
            return Err(invalid());
        }
        read(&parts).map(Some).ok_or_else(invalid)
    }
}

/// Where the next page begins, opaque to the asker.
pub(crate) fn failures_cursor(after: &failures::FailureCursor) -> String {
    hex(&format!("{} {}", after.failed, after.key))
}

pub(crate) fn reports_cursor(after: &reports::ReportCursor) -> String {
    hex(&format!("{} {} {}", after.day, after.received_at.timestamp_micros(), after.uuid))
}

pub(crate) fn quarantine_cursor(after: &quarantine::QuarantineCursor) -> String {
    hex(&format!("{} {}", after.received_at.timestamp_micros(), after.uuid))
}

fn or_absent(value: String) -> String {
    if value == ABSENT { String::new() } else { value.to_ascii_lowercase() }
}

fn pairs(query_string: &str, accepted: Accepted) -> Result<BTreeMap<String, String>, Fail> {
    let unreadable = |_| wrong("?", "the query string is not percent-encoded UTF-8".to_owned());
    let pairs = Query::<Vec<(String, String)>>::from_query(query_string).map_err(unreadable)?.into_inner();
    let mut given = BTreeMap::new();
    for (name, value) in pairs {
        if !accepted.takes(&name) {
            return Err(wrong(&name, not_taken(accepted)));
        }
        let value = value.trim().to_owned();
        if !value.is_empty() && given.insert(name.clone(), value).is_some() {
            return Err(wrong(&name, "it is given twice".to_owned()));
        }
    }
    Ok(given)
}

fn not_taken(accepted: Accepted) -> String {
    let names: Vec<&str> = accepted.names().collect();
    match names.is_empty() {
        true => "this address takes no parameters".to_owned(),
        false => format!("it is not taken here; this address takes {}", names.join(", ")),
    }
}

fn range(given: &BTreeMap<String, String>, today: NaiveDate) -> Result<Range, Fail> {
    let date = |name: &str| given.get(name).map(|text| read_date(name, text)).transpose();
    let (from, to) = (date("from")?, date("to")?);
    if let Some(text) = given.get("week") {
        if from.or(to).is_some() {
            return Err(wrong("week", "give either a week or `from` and `to`".to_owned()));
        }
        return read_week(text);
    }
    let yesterday = today.pred_opt().unwrap_or(today);
    let last = to.unwrap_or_else(|| yesterday.max(from.unwrap_or(yesterday)));
    let first = from.unwrap_or_else(|| last.checked_sub_days(Days::new(6)).unwrap_or(last));
    let range = Range::new(first, last).ok_or_else(|| wrong("to", format!("{last} lies before `from`, {first}")))?;
    if range.days() > DAYS_MAX {
        return Err(wrong("from", format!("the range has {} days, more than {DAYS_MAX}", range.days())));
    }
    Ok(range)
}

fn read_date(name: &str, text: &str) -> Result<NaiveDate, Fail> {
    let date = (text.len() == 10).then(|| text.parse::<NaiveDate>().ok()).flatten();
    date.filter(|date| (1970..2200).contains(&date.year()))
        .ok_or_else(|| wrong(name, format!("`{text}` is not a day written like 2026-11-22, from 1970 to 2199")))
}

fn read_week(text: &str) -> Result<Range, Fail> {
    let week = Period::parse(text).filter(|period| period.kind() == PeriodKind::Week);
    week.map(Period::range).ok_or_else(|| wrong("week", format!("`{text}` is not an ISO week written like 2026-W47")))
}

fn deviation(name: &str) -> Result<Deviation, Fail> {
    Deviation::from_name(name).ok_or_else(|| wrong("deviation", format!("`{name}` is no deviation code")))
}

fn fault_code(name: &str) -> Result<FaultCode, Fail> {
    FaultCode::from_name(name).ok_or_else(|| wrong("code", format!("`{name}` is no fault code")))
}

fn trust(name: &str) -> Result<TrustFilter, Fail> {
    TrustFilter::from_name(name).ok_or_else(|| {
        let known = TrustFilter::ALL.map(|filter| match filter {
            TrustFilter::Counted => "counted (what counts by default)",
            TrustFilter::Trusted => "trusted (proven or imported)",
            TrustFilter::Claimed => "claimed (neither)",
            TrustFilter::Beside => "beside (what does not count by default)",
            TrustFilter::All | TrustFilter::Exactly(_) => filter.as_str(),
        });
        wrong("trust", format!("`{name}` is not one of {}", known.join(", ")))
    })
}

/// Zero where it is not given.
fn number(given: &BTreeMap<String, String>, name: &str) -> Result<u32, Fail> {
    let Some(text) = given.get(name) else { return Ok(0) };
    text.parse().map_err(|_| wrong(name, format!("`{text}` is not a number")))
}

/// Domains are kept as A-labels in lower case; people may type either form.
pub(crate) fn domain(name: &str) -> String {
    let name = name.trim_end_matches('.');
    idna::domain_to_ascii(name).unwrap_or_else(|_| name.to_ascii_lowercase())
}

fn wrong(name: &str, detail: String) -> Fail {
    Fail::Parameter { name: name.to_owned(), detail }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<String> {
    let digits: Vec<u8> =
        text.chars().map(|digit| digit.to_digit(16).map(|value| value as u8)).collect::<Option<_>>()?;
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    String::from_utf8(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn today() -> NaiveDate {
        "2026-11-23".parse().expect("a date")
    }

    const ALL: Accepted = takes(&[DAYS, FILTER, DETAILS, &["deviation", "failed", "by", "code"], PAGING]);

    fn detail(query_string: &str) -> String {
        parse(query_string, Accepted { done: &["counted"], ..ALL }, today()).expect_err(query_string).to_string()
    }

    #[test]
    fn the_default_range_is_the_last_seven_whole_days() {
        let range = parse("", ALL, today()).expect("valid").filter.range;
        assert_eq!((range.first().to_string(), range.last().to_string()), ("2026-11-16".into(), "2026-11-22".into()));
    }

    #[test]
    fn an_iso_week_is_a_range() {
        let range = parse("week=2026-W47", ALL, today()).expect("valid").filter.range;
        assert_eq!((range.first().to_string(), range.last().to_string()), ("2026-11-16".into(), "2026-11-22".into()));
    }

    #[test]
    fn errors_name_the_parameter() {
        assert_eq!(
            detail("from=yesterday"),
            "parameter `from`: `yesterday` is not a day written like 2026-11-22, from 1970 to 2199"
        );
        assert_eq!(
            detail("from=2026-11-22&to=2026-11-21"),
            "parameter `to`: 2026-11-21 lies before `from`, 2026-11-22"
        );
        assert!(detail("week=2026-W54").starts_with("parameter `week`"));
        assert!(detail("week=2026-W47&from=2026-11-01").starts_with("parameter `week`"));
        assert!(
            detail("trust=full")
                .starts_with("parameter `trust`: `full` is not one of counted (what counts by default), trusted")
        );
        assert_eq!(detail("code=dkim"), "parameter `code`: `dkim` is no fault code");
        assert_eq!(detail("deviation=bomb"), "parameter `deviation`: `bomb` is no deviation code");
        assert!(detail("limit=0").starts_with("parameter `limit`"));
        assert!(detail("limit=1001").starts_with("parameter `limit`"));
        assert!(detail("counted=many").starts_with("parameter `counted`: `many` is not a number"));
        assert!(detail("by=colour").starts_with("parameter `by`"));
        assert!(detail("polcy_domain=example.com").starts_with("parameter `polcy_domain`: it is not taken here"));
        assert!(detail("to=2026-11-01&to=2026-11-02").starts_with("parameter `to`: it is given twice"));
        assert!(detail("from=1970-01-01&to=2199-12-31").starts_with("parameter `from`: the range has"));
    }

    #[test]
    fn what_cannot_apply_is_refused_with_its_name() {
        for (accepted, query_string) in [
            (OVERVIEW, "result_type=x"),
            (WEEK, "from=2026-11-22"),
            (QUARANTINE, "policy_domain=x"),
            (FAILURES_CSV, "limit=5"),
            (LIST, "trust=dkim"),
        ] {
            let refused = parse(query_string, accepted, today()).expect_err(query_string).to_string();
            let name = query_string.split('=').next().expect("a name");
            assert!(
                refused.starts_with(&format!("parameter `{name}`: it is not taken here; this address takes ")),
                "{refused}"
            );
        }
        assert!(refuse_unasked("/api/v1/reports/x", "trust=dkim").is_err() && refuse_unasked("/sources", "").is_ok());
        assert!(refuse_unasked("/", "trust=dkim").is_ok());
        assert!(
            parse("trust=dkim", NOTHING, today()).expect_err("refused").to_string().contains("takes no parameters")
        );
        assert!(parse("done=again&silence=x", AFTER_ACTION, today()).is_ok());
    }

    #[test]
    fn links_carry_along_what_their_address_takes() {
        assert!(may_carry("/weeks/2026-W47", "trust") && !may_carry("/weeks/2026-W47", "from"));
        assert!(may_carry("/reports", "deviation") && !may_carry("/", "deviation") && !may_carry("/alerts", "trust"));
    }

    #[test]
    fn a_domain_may_be_typed_in_either_form() {
        for typed in ["B%C3%BCcher.Example", "xn--bcher-kva.example."] {
            let asked = parse(&format!("policy_domain={typed}"), ALL, today()).expect("valid");
            assert_eq!(asked.filter.policy_domain.as_deref(), Some("xn--bcher-kva.example"));
        }
        // Of policies without one.
        assert_eq!(parse("policy_domain=-", ALL, today()).expect("valid").filter.policy_domain.as_deref(), Some(""));
    }

    #[test]
    fn a_cursor_survives_the_way_through_a_url() {
        let after = failures::FailureCursor { failed: 812, key: "mx 1.example.com\u{fc}".to_owned() };
        let asked = parse(&format!("cursor={}", failures_cursor(&after)), ALL, today()).expect("valid");
        assert_eq!(asked.failures_after().expect("readable"), Some(after));
        for broken in ["zz", "abc", "00", "ff", "3132"] {
            let asked = parse(&format!("cursor={broken}"), ALL, today()).expect("valid");
            assert!(asked.failures_after().is_err(), "{broken}");
        }
    }
}

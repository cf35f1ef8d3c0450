//! The figures on the pages: first sentences, tables, and every number that is a link, held against what is behind it.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use scraper::{ElementRef, Html, Selector};

use crate::{
    answers::{Question, World},
    bars::bars,
    compare::Tally,
    count::{Sessions, count},
    failures::{self, Narrow},
    filter::Filter,
    groups,
    http::Result,
    server::Server,
};

/// Of so many numbers of a page the list behind them is asked for as well.
const FOLLOWED: usize = 6;

pub fn hold(server: &Server, world: &World, last: NaiveDate) -> Result<Tally> {
    let mut client = server.client();
    let mut tally = Tally::default();
    let mut filters: Vec<Filter> = [7, 28].iter().map(|days| Filter::days(last - Days::new(days - 1), last)).collect();
    let mut narrow = filters[0].clone();
    narrow.organisation = Some("imported:sender03.example".to_owned());
    filters.push(narrow.clone());
    narrow.organisation = None;
    narrow.kind = Some("sts".to_owned());
    filters.push(narrow);
    for filter in &filters {
        let sessions = count(&world.reports, filter).sessions();
        let path = format!("/?{}", filter.query());
        let page = client.text(&path)?;
        sentence(&mut tally, &path, &page, sessions);
        chart_table(&mut tally, &path, &page, world);
        bars(&mut tally, &path, &page, world);
        links(&mut tally, &path, &page, world, &mut client)?;
        for by in failures::DIMENSIONS {
            let path = format!("/failures?by={by}&{}", filter.query());
            links(&mut tally, &path, &client.text(&path)?, world, &mut client)?;
        }
        let path = format!("/reports?{}", filter.query());
        let total = failures::list(&world.reports, filter, &Narrow::default(), false).len() as u64;
        tally.same(&format!("{path} (first sentence)"), &Some(total), &first_number(&client.text(&path)?, "h1 strong"));
    }
    for back in 0..4 {
        let monday = groups::monday(last - Days::new(7 * back));
        let filter = Filter::days(monday, monday + Days::new(6));
        let path = format!("/weeks/{}", groups::week_name(monday));
        let page = client.text(&path)?;
        let sessions = count(&world.reports, &filter).sessions();
        sentence(&mut tally, &path, &page, sessions);
        if back > 0 && sessions.bad > 0 {
            let name = groups::week_name(monday);
            // A digest counts what not just anybody can send.
            let trusted = Filter { trust: Some("trusted".to_owned()), ..filter.clone() };
            let sessions = count(&world.reports, &trusted).sessions();
            let expected = format!("{} of {} sessions", secure_words(sessions), grouped(sessions.total()));
            let digest = server.digest(&name)?;
            let start: String = digest.chars().take(600).collect();
            tally.same(&format!("digest of {name}: {expected:?} in {start:?}"), &true, &digest.contains(&expected));
        }
        links(&mut tally, &path, &page, world, &mut client)?;
    }
    for report in world.reports.iter().filter(|report| !report.policies.is_empty()).take(40) {
        let filter = Filter::days(report.day, report.day);
        let one = count(std::slice::from_ref(report), &filter).sessions();
        let path = format!("/reports/{}", report.uuid);
        if one.bad > 0 && one.total() > 1 {
            tally.same(
                &format!("{path} (first sentence)"),
                &Some(one.bad),
                &first_number(&client.text(&path)?, "h1 strong.bad"),
            );
        }
    }
    Ok(tally)
}

/// A share in words, rounded down (docs/figures.md, "Shares").
pub fn secure_words(sessions: Sessions) -> String {
    let (ok, total) = (u128::from(sessions.ok), u128::from(sessions.total()));
    match (ok, total) {
        (_, 0) => String::new(),
        (ok, total) if ok == total => "100 %".to_owned(),
        (0, _) => "0 %".to_owned(),
        _ => {
            let hundredths = ok * 10_000 / total;
            match hundredths {
                9990.. => format!("{}.{:02} %", hundredths / 100, hundredths % 100),
                _ => format!("{}.{} %", hundredths / 100, hundredths % 100 / 10),
            }
        }
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn select(css: &str) -> Selector {
    Selector::parse(css).expect("a selector of this file")
}

fn text(element: ElementRef) -> String {
    element.text().collect::<String>().trim().to_owned()
}

pub fn number(text: &str) -> Option<u64> {
    if text == "–" {
        return Some(0);
    }
    let digits: String = text.chars().filter(|c| *c != ',').collect();
    digits.parse().ok()
}

fn first_number(page: &str, css: &str) -> Option<u64> {
    let page = Html::parse_document(page);
    page.select(&select(css)).next().map(text).and_then(|text| number(&text))
}

/// "98.6 % of 44,857 sessions were secure."
fn sentence(tally: &mut Tally, path: &str, page: &str, sessions: Sessions) {
    let page = Html::parse_document(page);
    let Some(sentence) = page.select(&select("h1.verdict")).next().map(text) else {
        tally.tell(format!("{path}: no first sentence"));
        return;
    };
    if sessions.total() > 0 && sessions.bad > 0 {
        let expected = secure_words(sessions);
        tally.same(
            &format!("{path} (share in the first sentence, {sentence:?})"),
            &true,
            &sentence.starts_with(&expected),
        );
        let said = sentence.split_whitespace().skip_while(|word| *word != "of").nth(1).and_then(number);
        tally.same(&format!("{path} (sessions in the first sentence)"), &Some(sessions.total()), &said);
    }
}

/// The table under the chart: sessions and failed sessions of each day or week.
fn chart_table(tally: &mut Tally, path: &str, page: &str, world: &World) {
    let page = Html::parse_document(page);
    let heads: Vec<String> = page.select(&select("section.days table th[scope=col]")).map(text).collect();
    for row in page.select(&select("section.days table tbody tr")) {
        let Some(link) = row.select(&select("a")).next().and_then(|link| link.value().attr("href")) else { continue };
        let Some((filter, _, _)) = behind(link) else { continue };
        let counted = count(&world.reports, &filter);
        let place = format!("{path} (chart as a table, {} to {})", filter.from, filter.to);
        let cells: Vec<Option<u64>> = row.select(&select("td")).map(|cell| number(&text(cell))).collect();
        let mut types: BTreeMap<&str, u64> = BTreeMap::new();
        for (_, detail) in counted.rows.iter().flat_map(|row| &row.details) {
            *types.entry(&detail.result_type).or_default() += detail.bad();
        }
        let sessions = counted.sessions();
        for (head, cell) in heads.iter().skip(1).zip(cells) {
            let ours = match head.as_str() {
                "Sessions" => sessions.total(),
                "Failed" => sessions.bad,
                "not-itemised" => counted.rows.iter().map(|row| row.not_itemised).sum(),
                "others" => continue,
                result_type => types.get(result_type).copied().unwrap_or(0),
            };
            tally.same(&format!("{place} {head}"), &Some(ours), &cell);
        }
    }
}

/// Where a link to the list of reports leads.
pub fn behind(link: &str) -> Option<(Filter, Narrow, bool)> {
    let query = link.strip_prefix("/reports?")?;
    let mut given: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        given.insert(name, unescape(value));
    }
    let mut filter = Filter::days(given.get("from")?.parse().ok()?, given.get("to")?.parse().ok()?);
    let mut take = |name: &str| given.remove(name);
    filter.domain = take("policy_domain").map(|domain| if domain == "-" { String::new() } else { domain });
    filter.organisation = take("organisation");
    filter.kind = take("policy_type");
    filter.trust = take("trust");
    let narrow =
        Narrow { result_type: take("result_type"), mx: take("receiving_mx_hostname"), ip: take("sending_mta_ip") };
    let failed = take("failed").is_some();
    Some((filter, narrow, failed))
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let hex: String = rest.by_ref().take(2).map(char::from).collect();
                bytes.extend(u8::from_str_radix(&hex, 16));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Every number that links to reports, against the sum of these reports.
fn links(tally: &mut Tally, path: &str, page: &str, world: &World, client: &mut crate::http::Client) -> Result<()> {
    let mut found = Vec::new();
    let html = Html::parse_document(page);
    for cell in html.select(&select("td, li")) {
        // A list in the text counts reports.
        let is_list = cell.value().name() == "li";
        let label = if is_list { "Reports" } else { cell.value().attr("data-label").unwrap_or_default() };
        for link in cell.select(&select("a")) {
            let shown = number(&text(link)).filter(|_| text(link) != "–");
            if let (Some(shown), Some(behind)) = (shown, link.value().attr("href").and_then(behind)) {
                found.push((label.to_owned(), shown, behind));
            }
        }
    }
    for (index, (label, shown, (filter, narrow, failed))) in found.into_iter().enumerate() {
        let listed = failures::list(&world.reports, &filter, &narrow, failed);
        let mut sum = Sessions::default();
        listed.iter().for_each(|item| sum.add(item.sessions));
        let details = failures::failures(&world.reports, &filter, "day", &narrow);
        let ours = match label.as_str() {
            "Reports" => listed.len() as u64,
            _ if !narrow.is_empty() => details.iter().filter_map(|item| item["failed_sessions"].as_u64()).sum(),
            _ if failed => sum.bad,
            _ => sum.total(),
        };
        let place = format!(
            "{path} ({label} → {}{}{})",
            filter.query(),
            narrow.query(),
            if failed { "&failed=true" } else { "" }
        );
        tally.same(&place, &ours, &shown);
        if index < FOLLOWED {
            tally.merge(world.hold(client, &Question::Reports { filter, narrow, failed, limit: 500 })?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_never_more_flattering_than_the_truth() {
        for (ok, bad, expected) in [
            (1, 0, "100 %"),
            (0, 1, "0 %"),
            (9_999_999, 1, "99.99 %"),
            (999, 1, "99.90 %"),
            (9989, 11, "99.8 %"),
            (2, 1, "66.6 %"),
        ] {
            assert_eq!(secure_words(Sessions { ok, bad }), expected);
        }
    }

    #[test]
    fn a_link_names_its_filter() {
        let (filter, narrow, failed) =
            behind("/reports?failed=true&from=2026-11-22&organisation=big%20one&result_type=x&to=2026-11-28").unwrap();
        assert_eq!(
            (filter.organisation.as_deref(), narrow.result_type.as_deref(), failed),
            (Some("big one"), Some("x"), true)
        );
    }
}

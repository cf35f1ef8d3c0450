//! The bars of the chart on the overview: what each says of itself, and how high it is.

use scraper::{ElementRef, Html, Selector};

use crate::{
    answers::World,
    compare::Tally,
    count::count,
    pages::{behind, number},
};

/// Pixels by which a part of a bar may be off: it begins and ends on whole ones, and is never less than one high.
const PART_OFF: f64 = 1.5;

fn select(css: &str) -> Selector {
    Selector::parse(css).expect("a selector of this file")
}

/// One bar: where it stands, and what it says: failed sessions, all of them, and the parts.
struct Bar {
    from: f64,
    to: f64,
    failed: u64,
    sessions: u64,
    parts: Vec<u64>,
}

pub fn bars(tally: &mut Tally, path: &str, page: &str, world: &World) {
    let html = Html::parse_document(page);
    let Some(chart) = html.select(&select("div.chart.wide svg")).next() else { return };
    let mut found = Vec::new();
    for link in chart.select(&select("a")) {
        let label = link.value().attr("aria-label").unwrap_or_default();
        let Some((bar, (filter, ..))) = read(link, label).zip(link.value().attr("href").and_then(behind)) else {
            tally.tell(format!("{path}: a bar cannot be read: {label:?}"));
            continue;
        };
        let ours = count(&world.reports, &filter).sessions();
        let place = format!("{path} (bar of {})", filter.query());
        tally.same(&format!("{place}, failed"), &ours.bad, &bar.failed);
        tally.same(&format!("{place}, sessions"), &ours.total(), &bar.sessions);
        found.push(bar);
    }
    let heights: Vec<f64> = found.iter().map(|bar| height(chart, bar)).collect();
    let total = |bar: &Bar| bar.parts.iter().sum::<u64>() as f64;
    let Some((highest, tallest)) = found.iter().zip(&heights).max_by(|a, b| total(a.0).total_cmp(&total(b.0))) else {
        return;
    };
    for (bar, height) in found.iter().zip(&heights).filter(|(bar, _)| total(bar) > 0.0) {
        let expected = tallest * total(bar) / total(highest);
        let fits = (height - expected).abs() <= PART_OFF * bar.parts.len() as f64;
        tally.same(
            &format!("{path} (height {height} of a bar of {}, expected {expected:.1})", total(bar)),
            &true,
            &fits,
        );
    }
}

/// "Wed 25 Nov: 1,545 of 6,210 failed; sts-policy-fetch-error 1,540; others 5"
fn read(link: ElementRef, label: &str) -> Option<Bar> {
    let mut pieces = label.split("; ");
    let (_, counts) = pieces.next()?.rsplit_once(": ")?;
    let (failed, sessions) = counts.strip_suffix(" failed")?.split_once(" of ")?;
    let parts = pieces.map(|part| number(part.rsplit(' ').next()?)).collect::<Option<Vec<u64>>>()?;
    let hit = link.select(&select("rect.hit")).next()?;
    let from = attribute(hit, "x")?;
    Some(Bar { from, to: from + attribute(hit, "width")?, failed: number(failed)?, sessions: number(sessions)?, parts })
}

/// Of all its parts in the picture.
fn height(chart: ElementRef, bar: &Bar) -> f64 {
    let rectangle = select("rect");
    let parts = chart.select(&rectangle).filter(|part| {
        let class = part.value().attr("class").unwrap_or_default();
        let drawn = class.strip_prefix('s').is_some_and(|series| series.parse::<u8>().is_ok());
        drawn && attribute(*part, "x").is_some_and(|x| bar.from <= x && x < bar.to)
    });
    parts.filter_map(|part| attribute(part, "height")).sum()
}

fn attribute(element: ElementRef, name: &str) -> Option<f64> {
    element.value().attr(name)?.parse().ok()
}

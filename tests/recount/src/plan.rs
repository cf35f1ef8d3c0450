//! Which questions are asked of a server: every kind, under every filter that its reports have a value for.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};

use crate::{
    answers::{Question, World},
    failures::{DIMENSIONS, Narrow},
    filter::Filter,
    groups,
    model::NOT_ITEMISED,
    random::Random,
};

const ALL: usize = 500;

/// Ranges that end on `last`.
fn ranges(last: NaiveDate) -> Vec<Filter> {
    [1, 7, 13, 14, 28, 84, 365].iter().map(|days| Filter::days(last - Days::new(days - 1), last)).collect()
}

pub fn plan(world: &World, last: NaiveDate, seed: u64) -> Vec<Question> {
    let mut random = Random::new(seed);
    let week = Filter::days(last - Days::new(6), last);
    let long = Filter::days(last - Days::new(27), last);
    let mut filters = ranges(last);
    filters.push(week.before(1));
    filters.extend(narrowed(world, &week, 7));
    filters.extend(narrowed(world, &long, 4));
    filters.extend(combined(world, last, &mut random));

    let mut plan = Vec::new();
    for (index, filter) in filters.iter().enumerate() {
        plan.push(Question::Overview(filter.clone()));
        // Every dimension of the wide filters; the others take turns.
        let dimensions = if index < 8 { &DIMENSIONS[..] } else { &DIMENSIONS[index % 6..=index % 6] };
        for by in dimensions {
            plan.push(Question::Failures { filter: filter.clone(), by, narrow: Narrow::default(), limit: ALL });
        }
        plan.push(Question::Reports {
            filter: filter.clone(),
            narrow: Narrow::default(),
            failed: index % 2 == 0,
            limit: ALL,
        });
    }
    for by in DIMENSIONS {
        // Page by page.
        plan.push(Question::Failures { filter: week.clone(), by, narrow: Narrow::default(), limit: 7 });
        plan.push(Question::Csv { filter: long.clone(), by, narrow: Narrow::default() });
    }
    plan.push(Question::Reports { filter: week.clone(), narrow: Narrow::default(), failed: false, limit: 17 });
    for narrow in narrow(world, &long, &mut random) {
        for by in DIMENSIONS {
            plan.push(Question::Failures { filter: long.clone(), by, narrow: narrow.clone(), limit: ALL });
        }
        plan.push(Question::Reports { filter: long.clone(), narrow: narrow.clone(), failed: false, limit: ALL });
        plan.push(Question::Reports { filter: week.clone(), narrow: narrow.clone(), failed: true, limit: ALL });
        plan.push(Question::Csv { filter: long.clone(), by: "receiving_mx_hostname", narrow });
    }
    let monday = groups::monday(last);
    for back in 0..13 {
        let monday = monday - Days::new(7 * back);
        plan.push(Question::Week(Filter::days(monday, monday + Days::new(6))));
    }
    for (back, most) in [(1, 3), (5, 1)] {
        let monday = monday - Days::new(7 * back);
        plan.extend(
            narrowed(world, &Filter::days(monday, monday + Days::new(6)), most).into_iter().map(Question::Week),
        );
    }
    plan
}

/// One filter for each organisation, domain, type and trust.
fn narrowed(world: &World, filter: &Filter, most: usize) -> Vec<Filter> {
    let mut filters = Vec::new();
    let with = |change: &dyn Fn(&mut Filter)| {
        let mut narrowed = filter.clone();
        change(&mut narrowed);
        narrowed
    };
    let near = filter.over(filter.before(1).from, filter.to);
    let mut values: [BTreeSet<&str>; 3] = Default::default();
    for report in world.reports.iter().filter(|report| near.matching(report).is_some()) {
        values[0].insert(&report.organisation);
        for policy in &report.policies {
            values[1].insert(&policy.domain);
            values[2].insert(&policy.kind);
        }
    }
    let [organisations, domains, kinds] = values;
    filters
        .extend(organisations.iter().take(most * 2).map(|value| with(&|f| f.organisation = Some((*value).to_owned()))));
    let asked = domains.iter().filter(|domain| !domain.is_empty()).take(most);
    filters.extend(asked.map(|value| with(&|f| f.domain = Some((*value).to_owned()))));
    filters.extend(kinds.iter().take(most).map(|value| with(&|f| f.kind = Some((*value).to_owned()))));
    for trust in ["trusted", "claimed", "beside", "all", "import", "none"] {
        filters.push(with(&|f| f.trust = Some(trust.to_owned())));
    }
    filters
}

fn combined(world: &World, last: NaiveDate, random: &mut Random) -> Vec<Filter> {
    let mut filters = Vec::new();
    let with_policies: Vec<_> = world.reports.iter().filter(|report| !report.policies.is_empty()).collect();
    while filters.len() < 16 && !with_policies.is_empty() {
        let report = random.of(&with_policies);
        let policy = random.of(&report.policies);
        let days = *random.of(&[1, 3, 7, 28, 84]);
        // Days may end anywhere, not after the last one.
        let to = (report.day + Days::new(random.below(days))).min(last);
        let mut filter = Filter::days(to - Days::new(days - 1), to);
        let choice = random.below(15) + 1;
        filter.organisation = (choice & 1 > 0).then(|| report.organisation.clone());
        filter.domain = (choice & 2 > 0 && !policy.domain.is_empty()).then(|| policy.domain.clone());
        filter.kind = (choice & 4 > 0).then(|| policy.kind.clone());
        filter.trust = (choice & 8 > 0).then(|| "import".to_owned());
        filters.push(filter);
    }
    filters
}

/// Detail filters with values that occur, and `-`.
fn narrow(world: &World, filter: &Filter, random: &mut Random) -> Vec<Narrow> {
    let mut details = Vec::new();
    for report in world.reports.iter().filter(|report| filter.matching(report).is_some()) {
        details.extend(report.policies.iter().flat_map(|policy| &policy.details));
    }
    let rest = Narrow { result_type: Some(NOT_ITEMISED.to_owned()), ..Narrow::default() };
    let dash = || Some("-".to_owned());
    let mut narrow = vec![
        rest,
        Narrow { mx: dash(), ..Narrow::default() },
        Narrow { ip: dash(), ..Narrow::default() },
        Narrow { mx: dash(), ip: dash(), result_type: None },
    ];
    while narrow.len() < 7 && !details.is_empty() {
        let detail = random.of(&details);
        let choice = random.below(7) + 1;
        narrow.push(Narrow {
            result_type: (choice & 1 > 0).then(|| detail.result_type.clone()),
            mx: (choice & 2 > 0).then(|| detail.mx.clone().or_else(dash)).flatten(),
            ip: (choice & 4 > 0).then(|| detail.ip.clone().or_else(dash)).flatten(),
        });
    }
    narrow
}

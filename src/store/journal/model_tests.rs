//! Any history of a store with its journal, kills among it, held against a simple model.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::tests::{crash, one};
use crate::{
    store::{
        fixtures::{check_sums, entry, make_sums, settings, simple},
        *,
    },
    submission::Trust,
};

/// One thing that happens to a store.
#[derive(Debug, Clone)]
enum Event {
    /// So many copies of a report come at once, with this content and trust, of this day of October.
    Arrive {
        id: u8,
        content: u8,
        trust: Trust,
        copies: usize,
    },
    Ask,
    /// A quiet moment.
    MakeSums,
    /// The process is killed and started again.
    Kill,
}

fn event() -> impl Strategy<Value = Event> {
    let trusts = prop::sample::select(vec![Trust::None, Trust::Token, Trust::Import]);
    prop_oneof![
        12 => (0u8..6, 0u8..3, trusts, 1usize..3)
            .prop_map(|(id, content, trust, copies)| Event::Arrive { id, content, trust, copies }),
        1 => Just(Event::Ask),
        1 => Just(Event::MakeSums),
        1 => Just(Event::Kill),
    ]
}

/// What stands: content and trust by report. Conflicting copies go to the quarantine; a better one takes the place.
#[derive(Debug, Default, Clone, PartialEq)]
struct Model(BTreeMap<u8, (u8, Trust)>);

#[derive(Debug, PartialEq)]
enum Decided {
    Stored,
    Duplicate,
    Conflict,
}

impl Model {
    fn arrive(&mut self, id: u8, content: u8, trust: Trust) -> Decided {
        match self.0.get_mut(&id) {
            None => {
                self.0.insert(id, (content, trust));
                Decided::Stored
            }
            Some((standing, believed)) if *standing == content => {
                *believed = trust.max(*believed);
                Decided::Duplicate
            }
            Some((standing, believed)) if trust > *believed => {
                (*standing, *believed) = (content, trust);
                Decided::Stored
            }
            Some(_) => Decided::Conflict,
        }
    }
}

fn stands(store: &Store) -> Model {
    let found = store.read_blocking(|conn| {
        let mut statement = conn.prepare("SELECT report_id, successful, trust FROM report")?;
        let rows = statement.query_map([], |row| {
            let (id, content): (String, u8) = (row.get(0)?, row.get(1)?);
            Ok((id.parse().expect("a number"), (content, row.get::<_, Trust>(2)?)))
        })?;
        Ok(rows.collect::<duckdb::Result<Vec<_>>>()?)
    });
    let found = found.unwrap();
    let model = Model(found.iter().copied().collect());
    assert_eq!(model.0.len(), found.len(), "a report stands twice");
    model
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 100, ..ProptestConfig::default() })]

    #[test]
    fn every_decision_is_that_of_a_simple_model(events in prop::collection::vec(event(), 1..40), identities_max in 2usize..9) {
        let journal = JournalSettings { identities_max, ..JournalSettings::default() };
        let settings = StoreSettings { journal: Some(journal), ..settings() };
        let mut directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(directory.path(), &settings).unwrap();
        let mut model = Model::default();
        for event in events {
            match event {
                Event::Arrive { id, content, trust, copies } => {
                    for _ in 0..copies {
                        let mut report = simple(&id.to_string(), i64::from(content));
                        let later = chrono::TimeDelta::days(i64::from(id));
                        (report.range.start, report.range.end) = (report.range.start + later, report.range.end + later);
                        let decided = match one(&store, entry(report, trust)) {
                            Outcome::Stored(_) => Decided::Stored,
                            Outcome::Duplicate(_) => Decided::Duplicate,
                            Outcome::Quarantined { .. } => Decided::Conflict,
                            other => panic!("{other:?}"),
                        };
                        prop_assert_eq!(decided, model.arrive(id, content, trust));
                    }
                }
                Event::Ask => prop_assert_eq!(stands(&store), model.clone()),
                Event::MakeSums => make_sums(&store),
                Event::Kill => {
                    let left = crash(directory.path());
                    drop(store);
                    directory = left;
                    store = Store::open(directory.path(), &settings).unwrap();
                }
            }
        }
        prop_assert_eq!(stands(&store), model);
        prop_assert_eq!(check_sums(&store).differences, []);
        make_sums(&store);
        let made = check_sums(&store);
        prop_assert_eq!((made.pending, made.differences), (0, vec![]));
    }
}

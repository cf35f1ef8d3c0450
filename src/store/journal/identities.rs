//! The names of the stored reports in memory, so that a new one is known to be new without asking the database. A name that may be
//! known is looked up; one that is not here, of a day that is covered, is in neither the database nor the journal.

use std::collections::{BTreeMap, HashSet};

use chrono::NaiveDate;
use duckdb::Connection;
use uuid::Uuid;

use crate::store::{EntryKind, StoreError, StoredEntry, sql};

/// Names of one day that are kept unsorted before they join the others.
const FRESH_MIN: usize = 1_024;

/// Eight bytes of each name by the day of its report, which the name implies; with what sorting takes, at most 16 bytes a report.
#[derive(Debug)]
pub struct Identities {
    days: BTreeMap<NaiveDate, DayNames>,
    /// Days before this one are not covered.
    from: NaiveDate,
    count: usize,
    count_max: usize,
}

#[derive(Debug, Default)]
struct DayNames {
    sorted: Vec<u64>,
    fresh: HashSet<u64>,
}

impl Identities {
    /// Nothing is known: no day is covered.
    pub fn unknown(count_max: usize) -> Identities {
        Identities { days: BTreeMap::new(), from: NaiveDate::MAX, count: 0, count_max }
    }

    /// Of all stored reports, or of as many of the latest days as have no more than `count_max` together.
    pub fn read(conn: &Connection, count_max: usize) -> Result<Identities, StoreError> {
        let mut identities = Identities { days: BTreeMap::new(), from: NaiveDate::MIN, count: 0, count_max };
        let mut statement = conn.prepare("SELECT day, count(*) FROM report GROUP BY day ORDER BY day DESC")?;
        let mut rows = statement.query([])?;
        let mut covered = 0usize;
        while let Some(row) = rows.next()? {
            let (day, reports): (NaiveDate, usize) = (row.get(0)?, row.get(1)?);
            covered += reports;
            if covered > count_max {
                identities.from = day.succ_opt().unwrap_or(NaiveDate::MAX);
                break;
            }
        }
        let condition = match identities.from {
            NaiveDate::MIN => String::new(),
            from => format!("WHERE day >= {}", sql::day(from)),
        };
        let mut statement = conn.prepare(&format!("SELECT day, coalesce(identity, uuid) FROM report {condition}"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (day, name): (NaiveDate, Uuid) = (row.get(0)?, row.get(1)?);
            identities.days.entry(day).or_default().sorted.push(fingerprint(&name));
            identities.count += 1;
        }
        for names in identities.days.values_mut() {
            names.sorted.sort_unstable();
            names.sorted.shrink_to_fit();
        }
        Ok(identities)
    }

    fn cover(&self, day: NaiveDate) -> bool {
        self.from != NaiveDate::MAX && day >= self.from
    }

    /// Whether no report of this day has this name, for sure.
    pub fn lack(&self, day: NaiveDate, name: &Uuid) -> bool {
        self.cover(day) && !self.days.get(&day).is_some_and(|names| names.contain(fingerprint(name)))
    }

    /// Notes the name of an entry's report, and tells whether it was surely new under all its names.
    pub fn note_entry(&mut self, entry: &StoredEntry) -> bool {
        let EntryKind::Report { report, identity, alias, .. } = &entry.kind else { return false };
        let day = report.range.day();
        let is_new = self.lack(day, identity) && alias.as_ref().is_none_or(|alias| self.lack(day, alias));
        self.insert(day, identity);
        is_new
    }

    /// A report of this name is about to be stored, or may be.
    pub fn insert(&mut self, day: NaiveDate, name: &Uuid) {
        if !self.cover(day) {
            return;
        }
        let names = self.days.entry(day).or_default();
        let fingerprint = fingerprint(name);
        if !names.contain(fingerprint) {
            names.insert(fingerprint);
            self.count += 1;
        }
        while self.count > self.count_max {
            let Some((oldest, names)) = self.days.pop_first() else { return };
            self.count -= names.sorted.len() + names.fresh.len();
            self.from = oldest.succ_opt().unwrap_or(NaiveDate::MAX);
        }
    }
}

impl DayNames {
    fn contain(&self, fingerprint: u64) -> bool {
        self.fresh.contains(&fingerprint) || self.sorted.binary_search(&fingerprint).is_ok()
    }

    fn insert(&mut self, fingerprint: u64) {
        self.fresh.insert(fingerprint);
        if self.fresh.len() > FRESH_MIN.max(self.sorted.len() / 8) {
            self.sorted.reserve_exact(self.fresh.len());
            self.sorted.extend(self.fresh.drain());
            // Two runs, one of them sorted.
            self.sorted.sort();
            self.fresh.shrink_to(FRESH_MIN);
        }
    }
}

fn fingerprint(name: &Uuid) -> u64 {
    name.as_u64_pair().1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        store::fixtures::{entry, identity, simple, temp_store},
        submission::Trust,
    };

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 10, day).unwrap()
    }

    fn none(count_max: usize) -> Identities {
        Identities { days: BTreeMap::new(), from: NaiveDate::MIN, count: 0, count_max }
    }

    #[test]
    fn a_name_is_known_on_its_day_however_many_follow() {
        let mut identities = none(1_000_000);
        let names: Vec<Uuid> = (0..20_000).map(|_| Uuid::new_v4()).collect();
        for name in &names {
            assert!(identities.lack(day(1), name));
            identities.insert(day(1), name);
        }
        assert!(names.iter().all(|name| !identities.lack(day(1), name)));
        assert!(identities.lack(day(2), &names[0]) && identities.lack(day(1), &Uuid::new_v4()));
        let of_day = &identities.days[&day(1)];
        let bytes = of_day.sorted.capacity() * 8 + of_day.fresh.capacity() * 9 * 8 / 7;
        assert!(bytes <= names.len() * 16, "{bytes} bytes for {} names", names.len());
    }

    #[test]
    fn where_there_are_too_many_the_oldest_days_are_not_covered() {
        let mut identities = none(10);
        for number in 0..30 {
            identities.insert(day(1 + number / 6), &Uuid::from_u128(u128::from(number)));
        }
        assert_eq!((identities.from, identities.count), (day(5), 6));
        assert!(!identities.lack(day(4), &Uuid::new_v4()), "nothing is sure of what is not covered");
        assert!(identities.lack(day(5), &Uuid::new_v4()));
        identities.insert(day(2), &Uuid::new_v4());
        assert_eq!(identities.count, 6);
    }

    #[test]
    fn they_are_read_from_the_database_the_latest_days_first() {
        let temp = temp_store();
        let at = |id: &str, day: i64| {
            let mut report = simple(id, 1);
            report.range.start += chrono::TimeDelta::days(day);
            report.range.end += chrono::TimeDelta::days(day);
            entry(report, Trust::None)
        };
        let entries: Vec<_> = (0..9).map(|number| at(&number.to_string(), number / 3)).collect();
        let named: Vec<(NaiveDate, Uuid)> =
            entries.iter().map(|entry| (day(1 + (named_day(entry))), identity(entry))).collect();
        temp.store.write_blocking(entries);
        let read = |count_max| temp.store.read_blocking(|conn| Identities::read(conn, count_max)).unwrap();
        assert!(named.iter().all(|(day, name)| !read(9).lack(*day, name)));
        let some = read(7);
        assert_eq!((some.from, some.count), (day(2), 6));
    }

    fn named_day(entry: &crate::store::StoredEntry) -> u32 {
        let crate::store::EntryKind::Report { report, .. } = &entry.kind else { unreachable!("it is a report") };
        report.report_id.parse::<u32>().unwrap() / 3
    }
}

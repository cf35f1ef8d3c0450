//! Deviations while a document is read: offsets, which cost nothing; they become JSON Pointers once, at the end.

use super::{
    deviation::{Deviation, Deviations},
    json::Reader,
};

#[derive(Debug, Default)]
pub(super) struct Notes(Vec<Note>);

#[derive(Debug)]
struct Note {
    deviation: Deviation,
    count: u64,
    /// Offset of the first.
    at: usize,
}

impl Notes {
    pub(super) fn add(&mut self, deviation: Deviation, at: usize) {
        self.add_counted(deviation, 1, at);
    }

    pub(super) fn add_counted(&mut self, deviation: Deviation, count: u64, at: usize) {
        match self.0.iter_mut().find(|note| note.deviation == deviation) {
            Some(note) => {
                note.count += count;
                note.at = note.at.min(at);
            }
            None => self.0.push(Note { deviation, count, at }),
        }
    }

    pub(super) fn resolve(mut self, reader: &Reader<'_>) -> Deviations {
        self.0.sort_by_key(|note| note.at);
        let offsets: Vec<usize> = self.0.iter().map(|note| note.at).collect();
        let mut deviations = Deviations::default();
        for (note, pointer) in self.0.iter().zip(reader.pointers(&offsets)) {
            deviations.add_counted(note.deviation, note.count, pointer);
        }
        deviations
    }
}

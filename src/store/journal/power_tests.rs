//! The power goes at any moment, the disk fails to sync, blocks reach it in any order: what `append` returned for is found again.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use proptest::prelude::*;
use uuid::Uuid;

use super::{
    append::{AppendError, Journal},
    disk::{SegmentDisk, SegmentFile},
    layout::{self, Batch},
    segments,
};

const JOURNAL: Uuid = Uuid::from_u128(3);
const SEGMENT_BYTES: u64 = 4_096;
/// What a disk writes whole.
const BLOCK: usize = 512;

/// A disk that keeps what is synced apart from what is only written.
#[derive(Debug, Default)]
struct Disk {
    files: Mutex<BTreeMap<PathBuf, Arc<Mutex<Content>>>>,
    /// How many syncs from now one fails.
    fails_in: Mutex<Option<u32>>,
}

#[derive(Debug, Clone)]
struct Content {
    synced: Vec<u8>,
    written: Vec<u8>,
}

#[derive(Debug)]
struct Handle {
    content: Arc<Mutex<Content>>,
    disk: Arc<Disk>,
}

#[derive(Debug)]
struct Shared(Arc<Disk>);

impl SegmentDisk for Shared {
    fn create(&self, path: &Path, bytes: u64) -> io::Result<Box<dyn SegmentFile>> {
        let zeros = vec![0; bytes as usize];
        let content = Arc::new(Mutex::new(Content { synced: zeros.clone(), written: zeros }));
        self.0.files.lock().unwrap().insert(path.to_owned(), Arc::clone(&content));
        Ok(Box::new(Handle { content, disk: Arc::clone(&self.0) }))
    }

    fn reuse(&self, from: &Path, to: &Path) -> io::Result<Box<dyn SegmentFile>> {
        let mut files = self.0.files.lock().unwrap();
        let content = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), Arc::clone(&content));
        Ok(Box::new(Handle { content, disk: Arc::clone(&self.0) }))
    }
}

impl SegmentFile for Handle {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut content = self.content.lock().unwrap();
        content.written[offset as usize..offset as usize + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut fails_in = self.disk.fails_in.lock().unwrap();
        match *fails_in {
            Some(0) => {
                *fails_in = None;
                return Err(io::Error::other("the disk says no"));
            }
            left => *fails_in = left.map(|left| left - 1),
        }
        let mut content = self.content.lock().unwrap();
        content.synced = content.written.clone();
        Ok(())
    }

    fn is_at(&self, _path: &Path) -> bool {
        true
    }
}

impl Disk {
    /// What may be found after the power went: of each block that was not synced, the old or the new.
    fn after_power_loss(&self, directory: &Path, mut chance: impl FnMut() -> bool) {
        for (path, content) in &*self.files.lock().unwrap() {
            let content = content.lock().unwrap();
            let mut bytes = content.synced.clone();
            for (old, new) in bytes.chunks_mut(BLOCK).zip(content.written.chunks(BLOCK)) {
                if old != new && chance() {
                    old.copy_from_slice(new);
                }
            }
            fs::write(directory.join(path.file_name().unwrap()), bytes).unwrap();
        }
    }
}

/// The description of each record that is found, by its sequence number; the torn segments are none.
fn found(directory: &Path, loaded: u64) -> BTreeMap<u64, Vec<u8>> {
    let mut all = BTreeMap::new();
    for path in segments::list(directory).unwrap() {
        let bytes = fs::read(&path).unwrap();
        match layout::scan(&bytes) {
            Ok(segment) => {
                assert!(
                    !matches!(segment.tail, layout::Tail::Damaged { .. }),
                    "{}: {:?}",
                    path.display(),
                    segment.tail
                );
                let records = segment.records.iter().filter(|record| record.sequence > loaded);
                all.extend(records.map(|record| (record.sequence, record.description.to_vec())));
            }
            Err(fault) => assert_eq!(fault, layout::SegmentFault::Unborn, "{}", path.display()),
        }
    }
    all
}

#[derive(Debug, Clone)]
enum Step {
    /// Records of these many bytes.
    Append(Vec<usize>),
    /// Everything until now is in the database.
    Load,
    FailSync(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::collection::vec(0usize..900, 1..4).prop_map(Step::Append),
        1 => Just(Step::Load),
        1 => (0u32..3).prop_map(Step::FailSync),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn what_was_acknowledged_survives_a_power_loss(
        steps in prop::collection::vec(step(), 1..40),
        chances in prop::collection::vec(any::<bool>(), 64),
    ) {
        let disk = Arc::new(Disk::default());
        let directory = PathBuf::from("journal");
        let mut journal = Journal::new(directory, Arc::new(Shared(Arc::clone(&disk))), SEGMENT_BYTES, JOURNAL, 0);
        let released = journal.segments();
        let (mut acknowledged, mut tried, mut loaded) = (BTreeMap::new(), BTreeMap::new(), 0);
        let mut number = 0u64;
        for (at, step) in steps.iter().enumerate() {
            match step {
                Step::Append(sizes) => {
                    let mut batch = Batch::default();
                    let mut described = Vec::new();
                    for size in sizes {
                        number += 1;
                        let description = format!("record {number}").into_bytes();
                        batch.push(&description, &vec![(number % 251) as u8; *size]);
                        described.push(description);
                    }
                    match journal.append(&mut batch) {
                        Ok(first) => acknowledged.extend((first..).zip(described)),
                        Err(AppendError::Failed(_)) => tried.extend(described.into_iter().map(|one| (one, ()))),
                        // The header of a new segment could not be synced: nothing was written.
                        Err(AppendError::NoSegment(_)) => {}
                    }
                }
                Step::Load => {
                    loaded = acknowledged.keys().next_back().copied().unwrap_or(0).max(loaded);
                    released.let_go(loaded);
                }
                Step::FailSync(in_syncs) => *disk.fails_in.lock().unwrap() = Some(*in_syncs),
            }
            let after = tempfile::tempdir().unwrap();
            let mut chance = chances.iter().cycle().skip(at);
            disk.after_power_loss(after.path(), || *chance.next().unwrap());
            let found = found(after.path(), loaded);
            for (sequence, description) in acknowledged.range(loaded + 1..) {
                prop_assert_eq!(found.get(sequence), Some(description), "number {}", sequence);
            }
            for (sequence, description) in &found {
                let is_known = acknowledged.get(sequence) == Some(description) || tried.contains_key(description);
                prop_assert!(is_known, "number {sequence} was made up");
            }
        }
    }
}

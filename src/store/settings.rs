//! How the store may use the machine.

use std::{sync::Arc, time::Duration};

use super::{
    engine::{queue::GroupBounds, recount::Reread},
    journal::disk::{FileSystem, SegmentDisk},
    tables::unproven::Bounds,
};
use crate::{clock::Clock, limits};

/// How DuckDB may use the machine.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    pub memory_max_bytes: u64,
    /// Threads of one query; 0: all cores, or one where there are no more than two.
    pub threads: usize,
    /// Entries waiting for the writer before new ones are answered Busy.
    pub queue_max: usize,
    /// How much one transaction takes.
    pub groups: GroupBounds,
    /// Readers at work at the same time.
    pub readers_max: usize,
    /// How long one question may take, waiting included.
    pub question_max: Duration,
    /// Bytes the quarantine may hold. Above it those who hold most give way, what is no report first: anybody can post
    /// garbage, and it must fill neither the disk nor push out what others sent.
    pub quarantine_max_bytes: u64,
    /// What may be held of senders who did not prove who they are.
    pub unproven: Bounds,
    /// Tells how old something is.
    pub clock: Clock,
    /// How long nothing must have changed before the sums of changed days are made.
    pub sums_quiet: Duration,
    /// Bytes of DuckDB's log above which it is folded into the database although somebody may wait.
    pub log_max_bytes: u64,
    /// Where reports are acknowledged before they are counted; without it each waits for its transaction, as an import does that has its
    /// files still.
    pub journal: Option<JournalSettings>,
    /// Reads stored reports again where an older version counted them in another way; without it they stay as they are.
    pub reread: Option<Arc<dyn Reread>>,
}

impl Default for StoreSettings {
    fn default() -> StoreSettings {
        StoreSettings {
            memory_max_bytes: limits::STORE_MEMORY_BYTES,
            threads: 0,
            queue_max: limits::STORE_QUEUE,
            groups: GroupBounds::SHARED,
            readers_max: limits::STORE_READERS,
            question_max: Duration::from_secs(30),
            quarantine_max_bytes: limits::QUARANTINE_BYTES,
            unproven: Bounds { bytes_max: limits::UNPROVEN_BYTES, keep_days: limits::UNPROVEN_KEEP_DAYS },
            clock: Clock::system(),
            sums_quiet: Duration::from_secs(limits::DAY_SUMS_QUIET_S),
            log_max_bytes: limits::WAL_MAX_BYTES,
            journal: Some(JournalSettings::default()),
            reread: None,
        }
    }
}

/// How the journal uses the disk.
#[derive(Debug, Clone)]
pub struct JournalSettings {
    pub disk: Arc<dyn SegmentDisk>,
    pub segment_bytes: u64,
    /// Names of stored reports in memory.
    pub identities_max: usize,
}

impl Default for JournalSettings {
    fn default() -> JournalSettings {
        JournalSettings {
            disk: Arc::new(FileSystem),
            segment_bytes: limits::JOURNAL_SEGMENT_BYTES,
            identities_max: limits::IDENTITIES_MAX,
        }
    }
}

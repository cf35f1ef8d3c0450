//! Repair of a log that is damaged in front of whole commits, and of a journal: by order of the operator, never by itself.
//!
//! Copies of everything come first. Then the least that makes the log readable is done to it: a damaged version entry or
//! flush frame is written anew, because we know what stood there; anything else is cut off together with what follows. At
//! last the commits behind the damage are replayed on a scratch copy, and the bodies found there are handed back to be taken
//! in again like any others.

use std::{
    fs::{self, File},
    io::Write as _,
    ops::Range,
    path::{Path, PathBuf},
};

use duckdb::Connection;

use super::{
    migrate, note,
    open::{self, DATABASE, io_error},
    recover::{self, checkpoint_log_of, log_of},
    wal::{self, Scan, WalState},
};
use crate::{
    store::{
        Arrival, StoreError, StoreSettings,
        journal::{append, mend},
        tables::journal_position,
    },
    submission::{Channel, Origin, Trust},
};

/// Bytes of the version entry that may be wrong while the log still is taken for this database's.
const IDENTITY_WRONG_BYTES_MAX: usize = 2;

/// What a repair did.
#[derive(Debug, Default)]
pub struct RepairReport {
    /// The files as they were before.
    pub copies: Vec<PathBuf>,
    /// The damage could be undone: nothing was cut.
    pub mended: bool,
    pub cut_bytes: u64,
    /// Whole commits of the log that are kept.
    pub commits_kept: usize,
    /// Commits that were cut: the damaged one and those behind it.
    pub commits_cut: usize,
    /// Bodies found in the commits behind the damage and not in the database: to be taken in again.
    pub salvaged: Vec<Arrival>,
    /// Why nothing could be read behind the damage. Then it is in the copies only.
    pub salvage_failed: Option<String>,
    /// Submissions found in a journal that is damaged or another database's, or set aside: they are among what was salvaged.
    pub journal_salvaged: usize,
    /// Places in the journal where something is damaged.
    pub journal_damaged: usize,
}

/// Repairs the database of a data directory that no server holds. Does nothing where nothing is damaged.
pub fn repair(data: &Path) -> Result<RepairReport, StoreError> {
    let lock = open::claim(data)?;
    let settings = StoreSettings::default();
    let mut report = RepairReport::default();
    let damaged = damaged(data)?;
    if damaged.is_empty() {
        match settle(data, &settings, false) {
            Err(error) if does_not_match(&error) => mend_identity(data, &settings, &mut report)?,
            settled => settled?,
        }
        note::remove(data);
        mend_journal(data, &settings, &mut report)?;
        return Ok(report);
    }
    keep_copies(data, &mut report)?;
    for damage in &damaged {
        match mended(data, damage, &settings)? {
            Some(mended) => {
                replace(&damage.log, &mended)?;
                report.mended = true;
            }
            None => cut(damage, &mut report)?,
        }
    }
    settle(data, &settings, true)?;
    note::remove(data);
    if report.commits_cut > 0 {
        match salvage(data, &report.copies, &damaged, &settings) {
            Ok(salvaged) => report.salvaged.extend(salvaged),
            Err(error) => report.salvage_failed = Some(error.to_string()),
        }
    }
    mend_journal(data, &settings, &mut report)?;
    drop(lock);
    Ok(report)
}

/// To be called once what was salvaged is stored: until then another repair finds it again. Where the files of the journal are kept.
pub fn finish_repair(data: &Path) -> Result<Option<PathBuf>, StoreError> {
    mend::finish(&append::directory(data))
}

/// What is in the journal is handed back where that cannot be loaded by itself.
fn mend_journal(data: &Path, settings: &StoreSettings, report: &mut RepairReport) -> Result<(), StoreError> {
    let directory = append::directory(data);
    if !directory.is_dir() {
        return Ok(());
    }
    let conn = open::open_as_counted(data, settings)?;
    let (journal, _) = journal_position::read(&conn)?;
    conn.close().map_err(|(_, source)| StoreError::Duckdb(source))?;
    let mended = mend::mend(&directory, journal)?;
    report.journal_damaged = mended.damaged;
    report.journal_salvaged = mended.salvaged.len();
    report.copies.extend(mended.files);
    report.salvaged.extend(mended.salvaged);
    Ok(())
}

/// A log with damage in front of whole commits.
struct Damage {
    log: PathBuf,
    bytes: Vec<u8>,
    scan: Scan,
    /// The commits behind the damage; the first is the rest of the damaged one.
    after: Vec<Range<usize>>,
}

fn damaged(data: &Path) -> Result<Vec<Damage>, StoreError> {
    let database = data.join(DATABASE);
    let mut damaged = Vec::new();
    for log in [log_of(&database), checkpoint_log_of(&database)] {
        if let Some((bytes, scan)) = recover::read(&log)?
            && let WalState::DamagedMiddle { after, .. } = &scan.state
        {
            let after = after.clone();
            damaged.push(Damage { log, bytes, scan, after });
        }
    }
    Ok(damaged)
}

fn keep_copies(data: &Path, report: &mut RepairReport) -> Result<(), StoreError> {
    let database = data.join(DATABASE);
    for path in [database.clone(), log_of(&database), checkpoint_log_of(&database)] {
        if path.exists() {
            report.copies.push(recover::keep_copy(&path)?);
        }
    }
    Ok(())
}

fn does_not_match(error: &StoreError) -> bool {
    matches!(error, StoreError::Replay { source, .. } if source.to_string().contains("WAL does not match database file"))
}

/// The version entry can be read but names another database. Where only a few of its bytes differ from what belongs there,
/// they are damaged; where many do, the log is another database's and stays as it is.
fn mend_identity(data: &Path, settings: &StoreSettings, report: &mut RepairReport) -> Result<(), StoreError> {
    let log = log_of(&data.join(DATABASE));
    let bytes = fs::read(&log).map_err(|source| io_error("read", &log, source))?;
    let header = header_for(&data.join(DATABASE), settings)?;
    let same_length = wal::header_len(&bytes) == Some(header.len());
    let wrong = header.iter().zip(&bytes).filter(|(right, found)| right != found).count();
    if same_length && wrong <= IDENTITY_WRONG_BYTES_MAX {
        keep_copies(data, report)?;
        replace(&log, &[header.as_slice(), &bytes[header.len()..]].concat())?;
        report.mended = true;
    }
    settle(data, settings, false)
}

/// The log without the damage, where we know what stood in its place.
fn mended(data: &Path, damage: &Damage, settings: &StoreSettings) -> Result<Option<Vec<u8>>, StoreError> {
    let (database, bytes) = (data.join(DATABASE), &damage.bytes);
    let mended = if damage.scan.header > 0 {
        wal::with_flush_mended(bytes)
    } else if damage.log == log_of(&database) {
        let header = header_for(&database, settings)?;
        (header.len() <= bytes.len()).then(|| [header.as_slice(), &bytes[header.len()..]].concat())
    } else {
        None
    };
    Ok(mended.filter(|mended| !matches!(wal::scan(mended).state, WalState::DamagedMiddle { .. })))
}

/// The version entry a log of this database begins with, as DuckDB writes it: beside a copy of the database.
fn header_for(database: &Path, settings: &StoreSettings) -> Result<Vec<u8>, StoreError> {
    let scratch = scratch(database)?;
    let copy = scratch.path().join(DATABASE);
    fs::copy(database, &copy).map_err(|source| io_error("copy", database, source))?;
    let conn = open::connect(&copy, settings)?;
    conn.execute_batch("CREATE TABLE scratch (x INTEGER)")?;
    let log = fs::read(log_of(&copy)).map_err(|source| io_error("read", &copy, source))?;
    let header = wal::header_len(&log).unwrap_or(0);
    Ok(log[..header].to_vec())
}

fn cut(damage: &Damage, report: &mut RepairReport) -> Result<(), StoreError> {
    let (end, found) = (damage.scan.sound_end(), damage.bytes.len());
    recover::cut(&damage.log, end as u64, found as u64)?;
    report.cut_bytes += (found - end) as u64;
    report.commits_kept += damage.scan.commits.len();
    report.commits_cut += damage.after.len();
    Ok(())
}

/// Opens what is left, folds the log into the database and closes it.
fn settle(data: &Path, settings: &StoreSettings, was_damaged: bool) -> Result<(), StoreError> {
    let database = data.join(DATABASE);
    let opened = match open::open_as_counted(data, settings) {
        // The damaged log had been folded into the database already, only the mark of that was cut off with the damage.
        Err(StoreError::Replay { source, .. })
            if was_damaged && source.to_string().contains("checkpoint iteration does not match") =>
        {
            let (log, next) = (log_of(&database), checkpoint_log_of(&database));
            let replaced = if next.exists() { fs::rename(&next, &log) } else { fs::remove_file(&log) };
            replaced.map_err(|source| io_error("replace", &log, source))?;
            recover::sync(data)?;
            open::open_as_counted(data, settings)
        }
        opened => opened,
    };
    let conn = opened?;
    conn.execute_batch("CHECKPOINT")?;
    conn.close().map_err(|(_, source)| StoreError::Duckdb(source))
}

/// Replays the commits behind the damage on a scratch copy and collects the bodies the repaired database lacks.
///
/// Without the damaged commit the row numbers of later ones may be off, so this copy is good for reading bodies and for
/// nothing else.
fn salvage(
    data: &Path,
    copies: &[PathBuf],
    damaged: &[Damage],
    settings: &StoreSettings,
) -> Result<Vec<Arrival>, StoreError> {
    let database = data.join(DATABASE);
    let scratch = scratch(&database)?;
    let copy = scratch.path().join(DATABASE);
    let original = &copies[0];
    fs::copy(original, &copy).map_err(|source| io_error("copy", original, source))?;
    let mut log = Vec::new();
    for damage in damaged {
        if damage.log == log_of(&database) {
            log.extend(&damage.bytes[..damage.scan.sound_end()]);
        }
        for commit in damage.after.iter().skip(1) {
            log.extend(&damage.bytes[commit.clone()]);
        }
    }
    write(&log_of(&copy), &log)?;
    let conn = open::connect(&copy, settings)?;
    // The damage may lie in front of the commit that brought the schema up to date.
    migrate::migrate(&conn)?;
    let repaired = database.to_string_lossy().replace('\'', "''");
    conn.execute_batch(&format!("ATTACH '{repaired}' AS repaired (READ_ONLY)"))?;
    let mut found = bodies(
        &conn,
        "SELECT w.bytes, r.channel, r.peer, r.source, w.received_at, r.trust, r.dkim_domain, r.submitter, w.media_type, \
         w.content_encoding, NULL, r.from_domain, r.dkim_verdict, r.dkim_selector, r.mailed_at, \
         r.network_state, r.network_domain, r.network_evidence, r.key_secure FROM raw w LEFT JOIN report r ON r.uuid = w.report AND r.day = w.day \
         WHERE NOT EXISTS (FROM repaired.raw k WHERE k.day = w.day AND k.report = w.report)",
    )?;
    found.extend(bodies(
        &conn,
        "SELECT bytes, channel, peer, source, first_received_at, trust, dkim_domain, submitter, media_type, \
         content_encoding, token_domains, from_domain, dkim_verdict, dkim_selector, mailed_at, \
         network_state, network_domain, network_evidence, key_secure FROM quarantine q \
         WHERE NOT EXISTS (FROM repaired.quarantine k WHERE k.uuid = q.uuid)",
    )?);
    Ok(found)
}

fn bodies(conn: &Connection, sql: &str) -> Result<Vec<Arrival>, StoreError> {
    let mut statement = conn.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        let text = |index| row.get::<_, Option<String>>(index);
        Ok(Arrival {
            bytes: row.get(0)?,
            channel: row.get::<_, Option<Channel>>(1)?.unwrap_or(Channel::Import),
            peer: text(2)?.and_then(|peer| peer.parse().ok()),
            source: text(3)?,
            received_at: row.get(4)?,
            trust: row.get::<_, Option<Trust>>(5)?.unwrap_or(Trust::None),
            origin: Origin {
                from_domain: text(11)?,
                dkim_verdict: row.get(12)?,
                dkim_domain: text(6)?,
                dkim_selector: text(13)?,
                mailed_at: row.get(14)?,
                network_state: row.get(15)?,
                network_domain: text(16)?,
                network_evidence: text(17)?,
                key_secure: row.get(18)?,
                ..Origin::default()
            },
            submitter: text(7)?,
            media_type: text(8)?,
            content_encoding: text(9)?,
            token_domains: text(10)?.map(|domains| domains.lines().map(str::to_owned).collect()),
        })
    })?;
    Ok(rows.collect::<duckdb::Result<_>>()?)
}

fn scratch(database: &Path) -> Result<tempfile::TempDir, StoreError> {
    let data = database.parent().unwrap_or(Path::new("."));
    tempfile::Builder::new()
        .prefix("repair-")
        .tempdir_in(data)
        .map_err(|source| io_error("create a directory in", data, source))
}

/// Puts a new log in the place of the old one, in one step.
fn replace(log: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let new = log.with_extension("mended");
    write(&new, bytes)?;
    fs::rename(&new, log).map_err(|source| io_error("replace", log, source))?;
    recover::sync(log.parent().unwrap_or(Path::new(".")))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    File::create(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(|source| io_error("write", path, source))
}

#[cfg(test)]
#[path = "repair_tests.rs"]
mod tests;

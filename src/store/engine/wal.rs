//! DuckDB's write-ahead log, read without DuckDB: which commits are whole, and what kind of damage follows them.
//!
//! The log starts with an unchecked version entry; then come frames of `[u64 size][u64 checksum][payload]`, little endian.
//! A commit is a run of frames that ends in a flush frame. Source: DuckDB 1.5 `write_ahead_log.cpp`, `wal_replay.cpp` and
//! `checksum.cpp`.

use std::ops::Range;

/// A flush frame: five bytes of payload that never differ, so the whole frame is one constant.
const FLUSH_PAYLOAD: [u8; 5] = [100, 0, 100, 0xff, 0xff];
const FRAME_HEADER_BYTES: usize = 16;
/// `[property 100][type 99]`: a checkpoint has begun and what follows is written to another file.
const CHECKPOINT_START: [u8; 3] = [100, 0, 99];
/// `[property 100][type 98][property 101]`: how the version entry begins.
const VERSION_START: [u8; 5] = [100, 0, 98, 101, 0];
/// The version without encryption but with checksums.
const VERSION_CHECKSUMMED: u64 = 2;
/// Page cache and file systems write whole pages: a page of zeros is one that never reached the disk.
const PAGE_BYTES: usize = 4096;
/// Bytes of a flush frame that may be wrong while it still is recognised: most of it must be right.
const FLUSH_WRONG_BYTES_MAX: usize = 4;
/// Flush frames that turn out not to be any, before the next one is taken for real.
const LOOKALIKES_MAX: usize = 1_000;

/// What a scan of one log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Length of the version entry; 0 where it is unreadable.
    pub header: usize,
    /// The whole commits before any damage: where each begins and ends.
    pub commits: Vec<Range<usize>>,
    /// The log says that a checkpoint had begun, so `.wal.checkpoint` belongs to it.
    pub checkpoint: bool,
    pub state: WalState,
}

/// Whether, and how, a log is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WalState {
    /// Every byte belongs to a whole commit, or the log is empty.
    Clean,
    /// The last commit was never finished: nothing valid follows `at`, the end of the last whole commit.
    TornTail { at: usize },
    /// The frame at byte `at` is damaged and whole commits stand behind it.
    DamagedMiddle { at: usize, after: Vec<Range<usize>> },
}

impl Scan {
    /// End of the last whole commit before any damage: where a cut loses nothing that can be read.
    pub fn sound_end(&self) -> usize {
        self.commits.last().map_or(self.header, |commit| commit.end)
    }
}

/// Reads a whole log. Never fails: what cannot be read is damage.
pub fn scan(log: &[u8]) -> Scan {
    let Some(header) = header_len(log) else {
        return scan_without_header(log);
    };
    let (commits, stop, checkpoint) = walk(log, header);
    let sound_end = commits.last().map_or(header, |commit: &Range<usize>| commit.end);
    let state = if stop == log.len() && sound_end == log.len() {
        WalState::Clean
    } else {
        let after = commits_after(log, stop);
        // A power failure may lose a page in the midst of the commit that was being written, which nobody had been
        // answered for. Anything else in front of a whole commit is damage to data that was acknowledged.
        let unfinished = after.len() == 1 && after[0].end == log.len() && has_lost_page(log, stop);
        if after.is_empty() || unfinished {
            WalState::TornTail { at: sound_end }
        } else {
            WalState::DamagedMiddle { at: stop, after }
        }
    };
    Scan { header, commits, checkpoint, state }
}

fn scan_without_header(log: &[u8]) -> Scan {
    let after = if log.is_empty() { Vec::new() } else { commits_after(log, 0) };
    let state = match (log.is_empty(), after.is_empty()) {
        (true, _) => WalState::Clean,
        (false, true) => WalState::TornTail { at: 0 },
        (false, false) => WalState::DamagedMiddle { at: 0, after },
    };
    Scan { header: 0, commits: Vec::new(), checkpoint: false, state }
}

/// Length of the version entry at the start of a log, where there is a well-formed one of the version we know.
pub fn header_len(log: &[u8]) -> Option<usize> {
    let mut rest = log.strip_prefix(&VERSION_START)?;
    if read_varint(&mut rest)? != VERSION_CHECKSUMMED {
        return None;
    }
    if let Some(list) = rest.strip_prefix(&[102, 0]) {
        rest = list;
        for _ in 0..read_varint(&mut rest)?.min(64) {
            read_varint(&mut rest)?;
        }
        rest = rest.strip_prefix(&[103, 0])?;
        read_varint(&mut rest)?;
    }
    rest = rest.strip_prefix(&[0xff, 0xff])?;
    Some(log.len() - rest.len())
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The log with its first damaged frame written anew, where that frame is a flush with a few wrong bytes: a flush never
/// differs, so we know what stood there.
pub fn with_flush_mended(log: &[u8]) -> Option<Vec<u8>> {
    let flush = flush_frame();
    let (_, at, _) = walk(log, header_len(log)?);
    let found = log.get(at..at + flush.len())?;
    let wrong = found.iter().zip(&flush).filter(|(found, right)| found != right).count();
    if wrong > FLUSH_WRONG_BYTES_MAX {
        return None;
    }
    let mut mended = log.to_vec();
    mended[at..at + flush.len()].copy_from_slice(&flush);
    Some(mended)
}

/// Follows frames from `start`: the whole commits, the first byte that is no valid frame, and whether one of them says
/// that a checkpoint began.
fn walk(log: &[u8], start: usize) -> (Vec<Range<usize>>, usize, bool) {
    let (mut commits, mut begin, mut at, mut checkpoint) = (Vec::new(), start, start, false);
    while let Some(payload) = frame(log, at) {
        let end = payload.end;
        checkpoint |= log[payload.clone()].starts_with(&CHECKPOINT_START);
        if log[payload] == FLUSH_PAYLOAD {
            commits.push(begin..end);
            begin = end;
        }
        at = end;
    }
    (commits, at, checkpoint)
}

/// The payload of the frame at `at`, where the frame is whole and its checksum right.
fn frame(log: &[u8], at: usize) -> Option<Range<usize>> {
    let payload = announced(log, at)?;
    let stored = u64_at(log, at + 8)?;
    (checksum(&log[payload.clone()]) == stored).then_some(payload)
}

/// The payload a frame header at `at` announces, where that lies within the log.
fn announced(log: &[u8], at: usize) -> Option<Range<usize>> {
    let size = usize::try_from(u64_at(log, at)?).ok()?;
    let start = at.checked_add(FRAME_HEADER_BYTES)?;
    let end = start.checked_add(size)?;
    // The smallest entry is a flush; a size of zero is what a zeroed tail looks like.
    (size >= FLUSH_PAYLOAD.len() && end <= log.len()).then_some(start..end)
}

/// The whole commits behind the damaged frame at `damage`. The first one listed is the rest of the damaged commit.
///
/// Where the damaged frame's size still leads to a valid frame, that is the way on. Else every flush frame is tried, and
/// counts when a valid frame or the end of the log follows: bytes that merely look like a flush frame can stand in a report
/// a stranger sent. After `LOOKALIKES_MAX` of them the next is believed, so that nobody can make this take for ever: then
/// the operator decides.
fn commits_after(log: &[u8], damage: usize) -> Vec<Range<usize>> {
    if let Some(payload) = announced(log, damage) {
        let next = payload.end;
        if frame(log, next).is_some() {
            let (commits, stop, _) = walk(log, next);
            if !commits.is_empty() {
                return rest_after(log, commits, stop);
            }
        }
    }
    let flush = flush_frame();
    let (mut from, mut lookalikes) = (damage, 0);
    while let Some(offset) = find(&log[from..], &flush) {
        let end = from + offset + flush.len();
        if end == log.len() || lookalikes == LOOKALIKES_MAX || frame(log, end).is_some() {
            let (mut commits, stop, _) = walk(log, end);
            commits.insert(0, from + offset..end);
            return rest_after(log, commits, stop);
        }
        from += offset + 1;
        lookalikes += 1;
    }
    Vec::new()
}

/// Adds what stands behind a second damage, so that a report of the damage counts all of it.
fn rest_after(log: &[u8], mut commits: Vec<Range<usize>>, stop: usize) -> Vec<Range<usize>> {
    let mut at = stop;
    while at < log.len() {
        let flush = flush_frame();
        let Some(offset) = find(&log[at..], &flush) else { break };
        let end = at + offset + flush.len();
        commits.push(at + offset..end);
        let (more, next, _) = walk(log, end);
        commits.extend(more);
        at = next.max(end);
    }
    commits
}

/// Whether a whole page of the file from `from` on holds nothing but zeros.
fn has_lost_page(log: &[u8], from: usize) -> bool {
    let aligned = from.next_multiple_of(PAGE_BYTES).min(log.len());
    log[aligned..].chunks_exact(PAGE_BYTES).any(|page| page.iter().all(|&byte| byte == 0))
}

fn flush_frame() -> Vec<u8> {
    let mut frame = (FLUSH_PAYLOAD.len() as u64).to_le_bytes().to_vec();
    frame.extend(checksum(&FLUSH_PAYLOAD).to_le_bytes());
    frame.extend(FLUSH_PAYLOAD);
    frame
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let slice = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(slice.try_into().ok()?))
}

/// DuckDB's checksum of an entry: whole words multiplied and combined, the rest hashed as a string.
fn checksum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(8);
    let rest = words.remainder();
    let mut sum = 5381u64;
    for word in words {
        sum ^= u64::from_le_bytes(word.try_into().expect("a chunk of eight bytes")).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    if rest.is_empty() { sum } else { sum ^ checksum_remainder(rest) }
}

/// Fewer than eight bytes, as MurmurHash64A treats its tail.
fn checksum_remainder(rest: &[u8]) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    const SEED: u64 = 0xe17a_1465;
    let mut hash = SEED ^ (rest.len() as u64).wrapping_mul(M);
    for (index, &byte) in rest.iter().enumerate() {
        hash ^= u64::from(byte) << (8 * index);
    }
    hash = hash.wrapping_mul(M);
    hash ^= hash >> 47;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 47)
}

#[cfg(test)]
#[path = "wal_tests.rs"]
mod tests;

//! The layout of the journal's segments, as bytes. Pure: no I/O.
//!
//! A segment is a file of a fixed size: a header, then batches. A batch is what one write brought, and holds one record for each
//! submission; it is whole or it is not there. Whether it is whole, its checksum tells, which covers the journal's UUID, the number of
//! the segment and the place in it as well: neither what an earlier use of the file left behind passes, nor what a stranger wrote into
//! a report who cannot know the UUID. All numbers are little-endian.
//!
//! | bytes of the header | | bytes of a batch | |
//! |---|---|---|---|
//! | 0..8 | `TLSIGHTJ` | 0..4 | `TLSB` |
//! | 8..12 | version, 1 | 4..8 | CRC-32 of UUID, segment number, offset, and everything from byte 8 to the end of the records |
//! | 16..32 | UUID of the journal | 8..12 | bytes of all records |
//! | 32..40 | number of the segment | 12..16 | number of records |
//! | 40..48 | sequence number after which it begins | 16..24 | sequence number of the first record |
//! | 60..64 | CRC-32 of the 60 bytes before | 24..32 | number of the segment |
//!
//! A record is the length of its description (4 bytes), the length of the received bytes (4 bytes), and both. Batches begin at
//! multiples of eight; behind the last one stand 32 zero bytes.

#![deny(clippy::indexing_slicing)]

use uuid::Uuid;

/// Bytes of a segment's header.
pub const SEGMENT_HEADER_BYTES: usize = 64;
/// Bytes in front of the records of a batch.
pub const BATCH_HEADER_BYTES: usize = 32;

const SEGMENT_MAGIC: &[u8] = b"TLSIGHTJ";
const BATCH_MAGIC: &[u8] = b"TLSB";
const VERSION: u32 = 1;
const ALIGNMENT: usize = 8;
/// How many times its size is read, at most, to find whole batches behind a place that is none: what looks like one may be a
/// stranger's.
const LOOKED_AT_TIMES: usize = 64;

/// What stands at the beginning of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Which journal it belongs to: the database has the same.
    pub journal: Uuid,
    pub number: u64,
    /// Everything up to this sequence number was on disk when the segment was begun.
    pub after: u64,
}

impl SegmentHeader {
    /// The header with the mark that no batch follows.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SEGMENT_HEADER_BYTES + BATCH_HEADER_BYTES);
        bytes.extend(SEGMENT_MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(self.journal.as_bytes());
        bytes.extend(self.number.to_le_bytes());
        bytes.extend(self.after.to_le_bytes());
        bytes.extend([0; 12]);
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes.extend([0; BATCH_HEADER_BYTES]);
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<SegmentHeader, SegmentFault> {
        let header = bytes.get(..SEGMENT_HEADER_BYTES).ok_or(SegmentFault::Unborn)?;
        if is_zero(header) {
            return Err(SegmentFault::Unborn);
        }
        let (covered, _) = header.split_at(SEGMENT_HEADER_BYTES - 4);
        let sound = header.starts_with(SEGMENT_MAGIC)
            && number_at::<4>(header, 60).map(u32::from_le_bytes) == Some(crc32fast::hash(covered));
        if !sound {
            return Err(SegmentFault::Header);
        }
        match number_at::<4>(header, 8).map(u32::from_le_bytes) {
            Some(VERSION) => {}
            found => return Err(SegmentFault::Version(found.unwrap_or(0))),
        }
        let number = |at| number_at::<8>(header, at).map(u64::from_le_bytes).ok_or(SegmentFault::Header);
        let journal = number_at::<16>(header, 16).map(Uuid::from_bytes).ok_or(SegmentFault::Header)?;
        Ok(SegmentHeader { journal, number: number(32)?, after: number(40)? })
    }
}

/// Why a file cannot be read as a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SegmentFault {
    /// It was about to be made when the process or the machine stopped: nothing was ever written to it.
    #[error("it is empty")]
    Unborn,
    #[error("its header is damaged")]
    Header,
    #[error("it has layout {0}, which a newer version of tlsight writes")]
    Version(u32),
}

/// A batch in the making.
#[derive(Debug)]
pub struct Batch {
    /// Room for the header, then the records.
    bytes: Vec<u8>,
    records: u32,
}

impl Default for Batch {
    fn default() -> Batch {
        Batch { bytes: vec![0; BATCH_HEADER_BYTES], records: 0 }
    }
}

impl Batch {
    /// One record more. Each part is less than 4 GiB: bodies are bounded by the limits.
    pub fn push(&mut self, description: &[u8], body: &[u8]) {
        let length = |part: &[u8]| u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes();
        self.bytes.extend(length(description));
        self.bytes.extend(length(body));
        self.bytes.extend(description);
        self.bytes.extend(body);
        self.records += 1;
    }

    pub fn records(&self) -> u32 {
        self.records
    }

    /// Bytes it takes in a segment, with the mark behind it.
    pub fn needs(&self) -> usize {
        self.bytes.len().next_multiple_of(ALIGNMENT) + BATCH_HEADER_BYTES
    }

    /// The bytes to be written at this place of this segment, the mark behind it included; and where the next batch begins.
    pub fn seal(&mut self, segment: &SegmentHeader, offset: u64, first: u64) -> (&[u8], u64) {
        let records_end = self.bytes.len();
        let length = u32::try_from(records_end - BATCH_HEADER_BYTES).unwrap_or(u32::MAX);
        let mut covered = Vec::with_capacity(BATCH_HEADER_BYTES - 8);
        covered.extend(length.to_le_bytes());
        covered.extend(self.records.to_le_bytes());
        covered.extend(first.to_le_bytes());
        covered.extend(segment.number.to_le_bytes());
        let checksum = checksum(segment, offset, &covered, self.bytes.get(BATCH_HEADER_BYTES..).unwrap_or_default());
        let header = [BATCH_MAGIC, &checksum.to_le_bytes(), &covered].concat();
        for (place, byte) in self.bytes.iter_mut().zip(header) {
            *place = byte;
        }
        let end = records_end.next_multiple_of(ALIGNMENT);
        self.bytes.resize(end + BATCH_HEADER_BYTES, 0);
        (&self.bytes, offset + end as u64)
    }
}

/// What one submission left in a whole batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    pub sequence: u64,
    pub description: &'a [u8],
    pub body: &'a [u8],
}

/// What a segment holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment<'a> {
    pub header: SegmentHeader,
    /// Of all whole batches up to the first place where something is wrong, in the order of their numbers.
    pub records: Vec<Record<'a>>,
    pub batches: usize,
    pub tail: Tail,
}

/// What stands behind the last whole batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tail {
    /// Nothing.
    Clean,
    /// The beginning of a batch that was never completed: nobody was answered for it.
    Torn { at: usize },
    /// Whole batches: each was written after the one before was on disk, so something in between was damaged later.
    Damaged { at: usize, behind: Vec<usize> },
}

/// Reads a segment as it lies on disk.
pub fn scan(bytes: &[u8]) -> Result<Segment<'_>, SegmentFault> {
    let header = SegmentHeader::decode(bytes)?;
    let mut segment = Segment { header, records: Vec::new(), batches: 0, tail: Tail::Clean };
    let mut at = SEGMENT_HEADER_BYTES;
    let mut expected = None;
    while let Some(batch) = whole_batch(bytes, at, &header)
        && expected.is_none_or(|expected| expected == batch.first)
    {
        expected = Some(batch.first + batch.records.len() as u64);
        segment.records.extend(batch.records);
        segment.batches += 1;
        at = batch.end;
    }
    let mut budget = LOOKED_AT_TIMES.saturating_mul(bytes.len());
    let behind: Vec<usize> = candidates(bytes, at + 1)
        .take_while(|candidate| {
            let length = number_at::<4>(bytes.get(*candidate..).unwrap_or_default(), 8).map_or(0, u32::from_le_bytes);
            budget = budget.saturating_sub((length as usize).min(bytes.len()));
            budget > 0
        })
        .filter(|candidate| whole_batch(bytes, *candidate, &header).is_some())
        .chain(whole_batch(bytes, at, &header).map(|_| at))
        .collect();
    let mark = bytes.get(at..).unwrap_or_default();
    let mark = mark.get(..BATCH_HEADER_BYTES).unwrap_or(mark);
    segment.tail = match is_zero(mark) {
        _ if !behind.is_empty() => Tail::Damaged { at, behind },
        true => Tail::Clean,
        false => Tail::Torn { at },
    };
    Ok(segment)
}

/// The records of the batches that stand at these places, such as those behind a damage.
pub fn records_at<'a>(bytes: &'a [u8], segment: &SegmentHeader, places: &[usize]) -> Vec<Record<'a>> {
    places.iter().filter_map(|at| whole_batch(bytes, *at, segment)).flat_map(|batch| batch.records).collect()
}

/// Places where a whole batch of this journal stands although the header of the segment cannot be read, and that header, as far as
/// they tell.
pub fn batches_without_header(bytes: &[u8], journal: Uuid) -> Option<(SegmentHeader, Vec<usize>)> {
    let mut found: Option<(SegmentHeader, Vec<usize>)> = None;
    for at in candidates(bytes, 0) {
        let Some(number) = bytes.get(at..).and_then(|rest| number_at::<8>(rest, 24)).map(u64::from_le_bytes) else {
            continue;
        };
        let header = SegmentHeader { journal, number, after: 0 };
        if whole_batch(bytes, at, &header).is_none() {
            continue;
        }
        match &mut found {
            Some((known, places)) if known.number == number => places.push(at),
            // An earlier use of the file has a lower number.
            Some((known, _)) if known.number > number => {}
            _ => found = Some((header, vec![at])),
        }
    }
    found
}

struct WholeBatch<'a> {
    first: u64,
    records: Vec<Record<'a>>,
    end: usize,
}

fn whole_batch<'a>(bytes: &'a [u8], at: usize, segment: &SegmentHeader) -> Option<WholeBatch<'a>> {
    let batch = bytes.get(at..)?;
    let header = batch.get(..BATCH_HEADER_BYTES)?;
    if !header.starts_with(BATCH_MAGIC) || number_at::<8>(header, 24).map(u64::from_le_bytes) != Some(segment.number) {
        return None;
    }
    let length = u32::from_le_bytes(number_at(header, 8)?) as usize;
    let count = u32::from_le_bytes(number_at(header, 12)?);
    let first = u64::from_le_bytes(number_at(header, 16)?);
    let end = BATCH_HEADER_BYTES.checked_add(length)?;
    let records = batch.get(BATCH_HEADER_BYTES..end)?;
    let found = u32::from_le_bytes(number_at(header, 4)?);
    if found != checksum(segment, at as u64, header.get(8..)?, records) {
        return None;
    }
    first.checked_add(u64::from(count))?;
    Some(WholeBatch { first, records: split(records, count, first)?, end: at + end.next_multiple_of(ALIGNMENT) })
}

fn split(mut rest: &[u8], count: u32, first: u64) -> Option<Vec<Record<'_>>> {
    let mut records = Vec::new();
    for index in 0..u64::from(count) {
        let description = u32::from_le_bytes(number_at(rest, 0)?) as usize;
        let body = u32::from_le_bytes(number_at(rest, 4)?) as usize;
        rest = rest.get(8..)?;
        let (description, behind) = rest.split_at_checked(description)?;
        let (body, behind) = behind.split_at_checked(body)?;
        records.push(Record { sequence: first + index, description, body });
        rest = behind;
    }
    rest.is_empty().then_some(records)
}

fn checksum(segment: &SegmentHeader, offset: u64, header: &[u8], records: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(segment.journal.as_bytes());
    hasher.update(&segment.number.to_le_bytes());
    hasher.update(&offset.to_le_bytes());
    hasher.update(header);
    hasher.update(records);
    hasher.finalize()
}

/// Where a batch could begin, from this place on.
fn candidates(bytes: &[u8], from: usize) -> impl Iterator<Item = usize> {
    (from.next_multiple_of(ALIGNMENT)..bytes.len())
        .step_by(ALIGNMENT)
        .filter(|at| bytes.get(*at..).is_some_and(|rest| rest.starts_with(BATCH_MAGIC)))
}

fn number_at<const BYTES: usize>(bytes: &[u8], at: usize) -> Option<[u8; BYTES]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const JOURNAL: Uuid = Uuid::from_u128(7);
    const BYTES: usize = 4_096;

    /// A segment with batches of so many records each, and where each batch begins; the last number is where they end.
    fn segment(number: u64, leftover: &[u8], batches: &[usize]) -> (Vec<u8>, Vec<usize>) {
        let mut bytes = leftover.to_vec();
        bytes.resize(BYTES, 0);
        let header = SegmentHeader { journal: JOURNAL, number, after: 100 };
        let encoded = header.encode();
        bytes[..encoded.len()].copy_from_slice(&encoded);
        let (mut at, mut first, mut places) = (SEGMENT_HEADER_BYTES as u64, 101, Vec::new());
        for records in batches {
            places.push(at as usize);
            let mut batch = Batch::default();
            for record in 0..*records {
                batch.push(format!("{}", first + record as u64).as_bytes(), &vec![0xAB; record * 5]);
            }
            let needs = batch.needs();
            let (sealed, next) = batch.seal(&header, at, first);
            assert_eq!(sealed.len(), needs);
            bytes[at as usize..at as usize + sealed.len()].copy_from_slice(sealed);
            (at, first) = (next, first + *records as u64);
        }
        places.push(at as usize);
        (bytes, places)
    }

    fn sequences(bytes: &[u8]) -> Vec<u64> {
        scan(bytes).unwrap().records.iter().map(|record| record.sequence).collect()
    }

    #[test]
    fn what_was_written_is_read() {
        let (bytes, _) = segment(3, &[], &[1, 4, 2]);
        let found = scan(&bytes).unwrap();
        assert_eq!(found.header, SegmentHeader { journal: JOURNAL, number: 3, after: 100 });
        assert_eq!((found.batches, &found.tail), (3, &Tail::Clean));
        assert_eq!(sequences(&bytes), (101..108).collect::<Vec<_>>());
        let third = found.records[3];
        assert_eq!((third.description, third.body), (b"104".as_slice(), [0xAB; 10].as_slice()));
    }

    #[test]
    fn what_an_earlier_use_of_the_file_left_is_nothing() {
        let (old, _) = segment(3, &[], &[1; 40]);
        for batches in [0, 1, 2, 5] {
            let (bytes, _) = segment(4, &old, &vec![1; batches]);
            let found = scan(&bytes).unwrap();
            assert_eq!((found.records.len(), found.tail), (batches, Tail::Clean));
        }
    }

    #[test]
    fn a_file_that_never_became_a_segment_is_told_from_a_damaged_one() {
        assert_eq!(scan(&[]), Err(SegmentFault::Unborn));
        assert_eq!(scan(&[0; BYTES]), Err(SegmentFault::Unborn));
        let (mut bytes, places) = segment(3, &[], &[1, 2]);
        bytes[8] = 2;
        assert_eq!(scan(&bytes), Err(SegmentFault::Header));
        let (header, found) = batches_without_header(&bytes, JOURNAL).unwrap();
        assert_eq!((header.number, found.as_slice()), (3, &places[..2]));
        assert_eq!(records_at(&bytes, &header, &found).len(), 3);
        assert_eq!(batches_without_header(&bytes, Uuid::nil()), None);
        let checksum = crc32fast::hash(&bytes[..60]).to_le_bytes();
        bytes[60..64].copy_from_slice(&checksum);
        assert_eq!(scan(&bytes), Err(SegmentFault::Version(2)));
    }

    /// Any one byte wrong, any prefix, any tail of zeros: whole batches in front are read, and only what stands behind whole ones is
    /// called damaged.
    #[test]
    fn every_byte_wrong_and_every_length_is_read_up_to_there() {
        let (bytes, places) = segment(3, &[], &[1, 3, 2]);
        let before = |at: usize| places.iter().skip(1).filter(|end| **end <= at).count();
        let records = |batches: usize| [1, 3, 2].iter().take(batches).sum::<usize>();
        let end = places[3];
        for at in SEGMENT_HEADER_BYTES..end {
            let mut wrong = bytes.clone();
            wrong[at] ^= 0x55;
            let found = scan(&wrong).unwrap();
            let padding = found.batches == 3;
            assert!(padding || found.batches == before(at), "{at}");
            assert_eq!(found.records.len(), records(found.batches));
            let is_damage = !padding && before(at) < 2;
            assert_eq!(matches!(found.tail, Tail::Damaged { .. }), is_damage, "{at}: {:?}", found.tail);
            assert_eq!(matches!(found.tail, Tail::Torn { .. }), !padding && before(at) == 2, "{at}");

            let found = scan(&bytes[..at]).unwrap();
            assert_eq!(found.records.len(), records(found.batches));
            assert!(!matches!(found.tail, Tail::Damaged { .. }), "cut at {at}");

            let mut zeroed = bytes.clone();
            zeroed[at..].fill(0);
            let found = scan(&zeroed).unwrap();
            assert!(!matches!(found.tail, Tail::Damaged { .. }), "zero from {at}");
            assert!(found.batches >= before(at), "zero from {at}");
        }
    }

    #[test]
    fn a_batch_that_went_missing_between_others_is_damage() {
        let (mut bytes, places) = segment(3, &[], &[2, 2, 2]);
        bytes[places[1]..places[2]].fill(0);
        assert_eq!(scan(&bytes).unwrap().tail, Tail::Damaged { at: places[1], behind: vec![places[2]] });
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(noise in prop::collection::vec(any::<u8>(), 0..600), at in 64usize..2_000) {
            let _ = scan(&noise);
            let (mut bytes, _) = segment(3, &[], &[1, 4, 2, 8]);
            for (place, byte) in bytes.iter_mut().skip(at).zip(&noise) {
                *place = *byte;
            }
            let found = scan(&bytes).unwrap();
            let expected: Vec<u64> = (101..101 + found.records.len() as u64).collect();
            prop_assert_eq!(sequences(&bytes), expected);
            batches_without_header(&bytes, JOURNAL);
        }
    }
}

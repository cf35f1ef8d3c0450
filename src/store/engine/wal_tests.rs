use super::*;

fn framed(payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u64).to_le_bytes().to_vec();
    frame.extend(checksum(payload).to_le_bytes());
    frame.extend(payload);
    frame
}

const HEADER: &[u8] = &[100, 0, 98, 101, 0, 2, 0xff, 0xff];

/// A log of commits, each of one entry with this payload.
fn log(payloads: &[&[u8]]) -> Vec<u8> {
    let mut log = HEADER.to_vec();
    for payload in payloads {
        log.extend(framed(payload));
        log.extend(flush_frame());
    }
    log
}

#[test]
fn checksums_are_those_duckdb_writes() {
    // Taken from a log of DuckDB 1.5.5: the flush frame it ends every commit with.
    assert_eq!(checksum(&[]), 5381);
    assert_eq!(flush_frame()[..8], 5u64.to_le_bytes());
    assert_eq!(checksum(&1u64.to_le_bytes()), 5381 ^ 0xbf58_476d_1ce4_e5b9);
}

#[test]
fn headers_with_and_without_identity_are_read() {
    assert_eq!(header_len(HEADER), Some(8));
    let mut with_identity = vec![100, 0, 98, 101, 0, 2, 102, 0, 16];
    with_identity.extend([0xc8, 0x01].repeat(16));
    with_identity.extend([103, 0, 5, 0xff, 0xff]);
    assert_eq!(header_len(&with_identity), Some(with_identity.len()));
    assert_eq!(header_len(&with_identity[..20]), None);
    assert_eq!(header_len(&[]), None);
}

#[test]
fn a_log_is_read_commit_by_commit() {
    let log = log(&[b"first entry", b"second entry"]);
    let scan = scan(&log);
    assert_eq!(scan.state, WalState::Clean);
    assert_eq!(scan.commits, [8..8 + 27 + 21, 56..log.len()]);
    assert_eq!(super::scan(HEADER).state, WalState::Clean);
    assert_eq!(super::scan(&[]).state, WalState::Clean);
}

#[test]
fn a_flush_frame_in_a_body_is_no_commit() {
    // Somebody sent a body that holds flush frames; the write of it was cut short, in every place it can be.
    let body = [b"rubbish ".to_vec(), flush_frame(), b"more rubbish".to_vec(), flush_frame(), b"end".to_vec()].concat();
    let whole = log(&[b"first entry", &body]);
    let sound = log(&[b"first entry"]).len();
    let ambiguous: Vec<usize> = (sound..whole.len() - 1)
        .filter(|&length| !matches!(scan(&whole[..length]).state, WalState::TornTail { at } if at == sound))
        .collect();
    // Only a cut right behind such a frame looks like a commit (and the first is no damage at all).
    let first = sound + 16 + 8 + 21;
    assert_eq!(ambiguous, [sound, first, first + 12 + 21]);
}

#[test]
fn lookalikes_do_not_make_it_slow() {
    let hostile = [flush_frame(), u64::from(u32::MAX).to_le_bytes().to_vec()].concat().repeat(50_000);
    let mut log = log(&[b"first entry", &hostile]);
    log.truncate(log.len() - 100);
    assert!(!matches!(scan(&log).state, WalState::Clean));
}

#[test]
fn a_checkpoint_mark_is_seen() {
    assert!(!scan(&log(&[b"entry"])).checkpoint);
    assert!(scan(&log(&[b"entry", &[100, 0, 99, 101, 0, 1]])).checkpoint);
}

#[test]
fn a_flush_frame_with_a_few_wrong_bytes_is_mended() {
    let whole = log(&[b"first entry", b"second entry"]);
    let mut damaged = whole.clone();
    damaged[8 + 27 + 3] ^= 0xff;
    assert!(matches!(scan(&damaged).state, WalState::DamagedMiddle { .. }));
    assert_eq!(with_flush_mended(&damaged).unwrap(), whole);
    let mut other = whole.clone();
    other[8 + 20] ^= 1;
    assert_eq!(with_flush_mended(&other), None);
}

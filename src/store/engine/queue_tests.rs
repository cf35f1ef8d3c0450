use super::*;
use crate::{
    report::PolicyType,
    store::fixtures::{entry, failure, policy, report, simple},
    submission::Trust,
};

fn small(id: &str, trust: Trust) -> Vec<StoredEntry> {
    vec![entry(simple(id, 1), trust)]
}

fn large(id: &str, details: usize) -> Vec<StoredEntry> {
    let mut policy = policy("example.com", PolicyType::Sts, Some(1), Some(1));
    policy.failures = vec![failure("certificate-expired", Some(1)); details];
    vec![entry(report(id, vec![policy]), Trust::None)]
}

/// What comes next: the rows of each job of a group, or of a large one.
fn next(queue: &Queue, begun: bool) -> String {
    match queue.next(Duration::ZERO, begun) {
        Work::Write(jobs) => format!("{:?}", jobs.iter().map(|job| job.size.rows).collect::<Vec<_>>()),
        Work::Begin(job) => format!("large {}", job.size.rows),
        Work::GoOn => "go on".into(),
        Work::Change(_) => "change".into(),
        Work::Idle => "idle".into(),
        Work::Close => "close".into(),
    }
}

#[test]
fn small_ones_have_every_other_turn_and_the_smallest_large_one_is_next() {
    let queue = Queue::new(100, GroupBounds::SHARED);
    let mut answers = vec![queue.push(large("huge", 9_000)), queue.push(large("big", 2_000))];
    answers.extend(["a", "b"].map(|id| queue.push(small(id, Trust::None))));
    queue.change(Box::new(|_| false));
    assert_eq!(next(&queue, false), "[4, 4]");
    answers.push(queue.push(small("c", Trust::None)));
    assert_eq!(next(&queue, false), "large 2003");
    assert_eq!(next(&queue, true), "change");
    assert_eq!(next(&queue, true), "[4]");
    assert_eq!(next(&queue, true), "go on");
    answers.push(queue.push(small("d", Trust::None)));
    assert_eq!(next(&queue, true), "[4]");
    assert_eq!(next(&queue, false), "large 9003");
    queue.close();
    assert_eq!(next(&queue, true), "go on");
    assert_eq!(next(&queue, false), "close");
}

#[test]
fn groups_are_split_by_rows() {
    let queue = Queue::new(1_000, GroupBounds::SHARED);
    let answers: Vec<_> = (0..8).map(|number| queue.push(large(&number.to_string(), 900))).collect();
    assert_eq!(next(&queue, false), "[903, 903, 903, 903, 903]");
    assert_eq!(next(&queue, false), "[903, 903, 903]");
    drop(answers);
}

#[test]
fn a_quarter_of_the_places_is_kept_for_what_is_proven() {
    let queue = Queue::new(8, GroupBounds::SHARED);
    let push = |id: &str, trust| queue.push(small(id, trust)).map(drop);
    for number in 0..6 {
        push(&number.to_string(), Trust::Token).unwrap();
    }
    assert_eq!(push("one more", Trust::None), Err(Busy::QueueFull));
    push("proven", Trust::Dkim).unwrap();
    push("imported", Trust::Import).unwrap();
    assert_eq!(push("proven too", Trust::Dkim), Err(Busy::QueueFull));
    assert_eq!(next(&queue, false), "[4, 4, 4, 4, 4, 4, 4, 4]");
    push("one more", Trust::None).unwrap();
}

#[test]
fn a_large_one_holds_its_place_until_it_is_done() {
    let queue = Queue::new(4, GroupBounds::SHARED);
    let _answer = queue.push(large("a", 2_000)).unwrap();
    let Work::Begin(job) = queue.next(Duration::ZERO, false) else { panic!("it is large") };
    for number in 0..2 {
        queue.push(small(&number.to_string(), Trust::None)).unwrap();
    }
    assert_eq!(queue.push(small("more", Trust::None)).map(drop), Err(Busy::QueueFull));
    queue.done(&job);
    queue.push(small("more", Trust::None)).unwrap();
}

#[test]
fn a_batch_is_cut_into_pieces_in_its_order() {
    let mut batch: Vec<StoredEntry> = (0..600).flat_map(|number| small(&number.to_string(), Trust::Import)).collect();
    batch.extend(large("large", 3_000));
    batch.extend(small("last", Trust::Import));
    let rows = |piece: &Vec<StoredEntry>| piece.iter().map(StoredEntry::rows).sum::<usize>();
    let pieces = pieces(batch, &GroupBounds::SHARED);
    assert_eq!(pieces.iter().map(rows).collect::<Vec<_>>(), [1_000, 1_000, 400, 3_003, 4]);
    assert_eq!(pieces.iter().map(Vec::len).sum::<usize>(), 602);
}

#[test]
fn an_import_that_has_the_store_to_itself_is_written_in_few_groups_and_without_parts() {
    let queue = Queue::new(10_000, GroupBounds::ALONE);
    let mut batch: Vec<StoredEntry> = (0..2_000).flat_map(|number| small(&number.to_string(), Trust::Import)).collect();
    batch.extend(large("large", 3_000));
    let pieces = queue.pieces(batch);
    assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [2_001]);
    let _answers: Vec<_> = pieces.into_iter().map(|piece| queue.push(piece)).collect();
    assert_eq!(next(&queue, false), "[11003]");
}

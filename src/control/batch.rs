//! Many inputs at once: worked on by all cores, handed on in their order, in batches that fit into memory together.

use std::{
    collections::VecDeque,
    num::NonZero,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Memory of the results of one batch. Each core may overshoot by the one input it is at.
pub const BATCH_MAX_BYTES: usize = 32 * 1024 * 1024;
/// Fewer inputs than this are not worth a thread.
const SPREAD_MIN: usize = 4;

/// Works through `items` from the front until they are finished or the results weigh more than `BATCH_MAX_BYTES`, and
/// returns the results in the order of the items. What was not reached stays in `items`; at least one is always done.
///
/// `work` gives the result and the bytes of memory it holds.
pub fn batch<T: Send, R: Send>(items: &mut VecDeque<T>, work: impl Fn(T) -> (R, usize) + Sync) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = if items.len() < SPREAD_MIN { 1 } else { cores.min(items.len()) };
    batch_on(threads, items, work)
}

fn batch_on<T: Send, R: Send>(
    threads: usize,
    items: &mut VecDeque<T>,
    work: impl Fn(T) -> (R, usize) + Sync,
) -> Vec<R> {
    let weight = AtomicUsize::new(0);
    let queue = Mutex::new((0, std::mem::take(items)));
    let next = || {
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        if weight.load(Ordering::Relaxed) > BATCH_MAX_BYTES {
            return None;
        }
        let item = queue.1.pop_front()?;
        queue.0 += 1;
        Some((queue.0, item))
    };
    let run = || {
        let mut done = Vec::new();
        while let Some((index, item)) = next() {
            let (result, bytes) = work(item);
            weight.fetch_add(bytes, Ordering::Relaxed);
            done.push((index, result));
        }
        done
    };
    let mut done: Vec<(usize, R)> = if threads <= 1 {
        run()
    } else {
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
            workers
                .into_iter()
                .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        })
    };
    *items = queue.into_inner().unwrap_or_else(PoisonError::into_inner).1;
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        for threads in [1, 4] {
            let mut items: VecDeque<u32> = (0..1_000).collect();
            let done = batch_on(threads, &mut items, |item| (item * 2, 1));
            assert!(items.is_empty());
            assert!(done.iter().copied().eq((0..1_000).map(|item| item * 2)));
        }
    }

    #[test]
    fn a_batch_ends_when_it_is_heavy_and_loses_nothing() {
        for threads in [1, 3] {
            let mut items: VecDeque<u32> = (0..40).collect();
            let mut seen = Vec::new();
            let mut batches = 0;
            while !items.is_empty() {
                let done = batch_on(threads, &mut items, |item| (item, BATCH_MAX_BYTES / 4));
                assert!((1..=4 + threads).contains(&done.len()), "{} at once", done.len());
                seen.extend(done);
                batches += 1;
            }
            assert!(seen.into_iter().eq(0..40));
            assert!(batches >= 6, "{batches}");
        }
    }
}

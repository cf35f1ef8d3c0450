//! Loads of many reports that are under way: until one has ended, what is stored is half of something.

use std::{sync::Arc, time::Instant};

use tokio::sync::watch;

/// How many there are, and since when there was always one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Loads {
    pub number: usize,
    pub since: Option<Instant>,
}

/// Held by whoever loads; however that ends, this ends with it.
#[derive(Debug)]
pub struct Bulk(Arc<watch::Sender<Loads>>);

impl Bulk {
    pub(crate) fn begin(loads: &Arc<watch::Sender<Loads>>) -> Bulk {
        loads.send_modify(|loads| {
            loads.number += 1;
            loads.since = loads.since.or_else(|| Some(Instant::now()));
        });
        Bulk(Arc::clone(loads))
    }
}

impl Drop for Bulk {
    fn drop(&mut self) {
        self.0.send_modify(|loads| {
            loads.number = loads.number.saturating_sub(1);
            loads.since = loads.since.filter(|_| loads.number > 0);
        });
    }
}

//! Counts what comes back for what a source hands on.

use std::sync::Arc;

use super::Component;
use crate::submission::{Accept, Accepting, Submission};

/// Hands on, and counts what comes back in the registry.
pub struct CountedAccept {
    accept: Arc<dyn Accept>,
    part: Component,
}

impl CountedAccept {
    pub fn new(accept: Arc<dyn Accept>, part: Component) -> CountedAccept {
        CountedAccept { accept, part }
    }
}

impl Accept for CountedAccept {
    fn accept(&self, submission: Submission) -> Accepting {
        let (accepting, part) = (self.accept.accept(submission), self.part.clone());
        Box::pin(async move {
            let receipt = accepting.await;
            part.count(&receipt);
            receipt
        })
    }
}

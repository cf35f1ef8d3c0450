//! Counts what comes back for what a source hands on.

use std::sync::Arc;

use super::Part;
use crate::submission::{Accept, Accepting, Submission};

/// Hands on, and counts what comes back in the registry.
pub struct Counted {
    accept: Arc<dyn Accept>,
    part: Part,
}

impl Counted {
    pub fn new(accept: Arc<dyn Accept>, part: Part) -> Counted {
        Counted { accept, part }
    }
}

impl Accept for Counted {
    fn accept(&self, submission: Submission) -> Accepting {
        let (accepting, part) = (self.accept.accept(submission), self.part.clone());
        Box::pin(async move {
            let receipt = accepting.await;
            part.count(&receipt);
            receipt
        })
    }
}

//! The ways in: each transport makes a `Submission`, hands it on and says the receipt in its own language.

pub mod batch;
pub mod certificate;
pub mod control;
mod gate;
pub mod https;
pub mod imap;
pub mod import;
pub mod maildir;
mod memory;
pub mod network;
pub mod smtp;
mod unix_socket;

use std::{pin::Pin, sync::Arc};

use crate::{
    health::Part,
    pipeline::Pipeline,
    submission::{Receipt, Submission},
};

/// What takes a submission through all stages. The transports know no more of the rest than this.
pub trait Accept: Send + Sync + 'static {
    /// Resolves once every report in the submission is committed, or will not be.
    fn accept(&self, submission: Submission) -> Accepting;
}

/// A submission on its way.
pub type Accepting = Pin<Box<dyn Future<Output = Receipt> + Send>>;

/// Hands on, and counts what comes back on the board.
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

impl Accept for Arc<Pipeline> {
    fn accept(&self, submission: Submission) -> Accepting {
        let pipeline = Arc::clone(self);
        Box::pin(async move { pipeline.accept(submission).await })
    }
}

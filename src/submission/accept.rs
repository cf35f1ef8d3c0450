//! What every source of reports hands its submissions to.

use std::pin::Pin;

use super::{Receipt, Submission};

/// What takes a submission through all stages. The sources know no more of the rest than this.
pub trait Accept: Send + Sync + 'static {
    /// Resolves once every report in the submission is committed, or will not be.
    fn accept(&self, submission: Submission) -> Accepting;
}

/// A submission on its way.
pub type Accepting = Pin<Box<dyn Future<Output = Receipt> + Send>>;

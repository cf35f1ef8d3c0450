//! Where imported reports go: into the store of this process, or to the server that holds the data directory.

use std::{path::PathBuf, sync::Arc};

use super::{ImportItem, ImportStop, load::Input};
use crate::{
    control::{ControlClient, ReportedOutcome, reported},
    limits::Limits,
    pipeline::{Pipeline, Prepared},
    submission::Submission,
};

pub enum ImportSink {
    Local(Arc<Pipeline>),
    Server(Box<ControlClient>),
}

/// The part that works on all cores.
pub(crate) enum Judge {
    Local(Arc<Pipeline>),
    /// The server judges; here files are only read.
    Server,
}

/// The part that stores, one batch at a time.
pub(crate) enum ImportWriter<'a> {
    Local(Arc<Pipeline>),
    Server(&'a mut ControlClient),
}

/// A file on its way from the one to the other.
pub(crate) struct JudgedInput {
    path: PathBuf,
    step: Step,
}

enum Step {
    Settled(ReportedOutcome),
    Prepared(Prepared),
    Submission(Submission),
}

impl ImportSink {
    /// The bounds for reading; of a server those that it tells, which it will hold us to.
    pub fn limits(&self) -> Limits {
        match self {
            ImportSink::Local(pipeline) => pipeline.limits().clone(),
            ImportSink::Server(client) => Limits {
                report_wire_max_bytes: client.report_wire_max_bytes(),
                mail_wire_max_bytes: client.mail_wire_max_bytes(),
                ..Limits::default()
            },
        }
    }

    pub(crate) fn split(&mut self) -> (Judge, ImportWriter<'_>) {
        match self {
            ImportSink::Local(pipeline) => {
                (Judge::Local(Arc::clone(pipeline)), ImportWriter::Local(Arc::clone(pipeline)))
            }
            ImportSink::Server(client) => (Judge::Server, ImportWriter::Server(client)),
        }
    }
}

impl Judge {
    /// The input as far as it comes without the writer, and the bytes of memory that it holds.
    pub(crate) fn judge(&self, path: PathBuf, input: Input) -> (JudgedInput, usize) {
        let (step, weight) = match (input, self) {
            (Input::Settled(reported), _) => (Step::Settled(reported), 0),
            (Input::Submission(submission), Judge::Local(pipeline)) => {
                let prepared = pipeline.prepare(submission, None);
                let weight = prepared.weight_bytes();
                (Step::Prepared(prepared), weight)
            }
            (Input::Submission(submission), Judge::Server) => {
                let weight = submission.bytes.capacity();
                (Step::Submission(submission), weight)
            }
        };
        (JudgedInput { path, step }, weight)
    }
}

impl ImportWriter<'_> {
    /// Commits a batch and tells what became of each file, in order.
    pub(crate) fn store(&mut self, batch: Vec<JudgedInput>) -> Result<Vec<ImportItem>, ImportStop> {
        let (mut prepared, mut submissions) = (Vec::new(), Vec::new());
        let mut files: Vec<(PathBuf, Option<ReportedOutcome>)> = Vec::with_capacity(batch.len());
        for JudgedInput { path, step } in batch {
            let settled = match step {
                Step::Settled(reported) => Some(reported),
                Step::Prepared(one) => {
                    prepared.push(one);
                    None
                }
                Step::Submission(one) => {
                    submissions.push(one);
                    None
                }
            };
            files.push((path, settled));
        }
        let stored: Vec<Vec<ReportedOutcome>> = match self {
            ImportWriter::Local(pipeline) => pipeline.store_blocking(prepared).iter().map(reported).collect(),
            ImportWriter::Server(client) => client.submit(&submissions)?,
        };
        let mut stored = stored.into_iter();
        let item = |(path, settled): (PathBuf, Option<ReportedOutcome>)| {
            let reported = settled.map(|reported| vec![reported]).or_else(|| stored.next());
            reported
                .filter(|reported| !reported.is_empty())
                .map(|reported| ImportItem { path, outcomes: reported })
                .ok_or_else(|| ImportStop::Busy("the store gave no answer".to_owned()))
        };
        files.into_iter().map(item).collect()
    }
}

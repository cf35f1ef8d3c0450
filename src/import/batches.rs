//! The middle of the line: what the walk found is read and judged on all cores, and leaves in batches, in its order.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use crossbeam_channel::{Receiver, Sender};

use super::{
    BATCH_INPUTS,
    container::{Container, Piece},
    load::{Input, Loaded, Loader},
    sink::{Judge, JudgedInput},
    walk::FoundFile,
};
use crate::control::batch;

pub(super) struct Batches<'a> {
    pub judge: Judge,
    pub loader: Loader,
    pub ready: Sender<Vec<JudgedInput>>,
    pub interrupted: &'a AtomicBool,
}

enum Looked {
    Judged(JudgedInput),
    Container(PathBuf, Container),
}

impl Batches<'_> {
    /// Works until the walk has ended, the receiver is gone, or the import is interrupted.
    pub(super) fn run(&self, found: &Receiver<FoundFile>) {
        let mut gathered: VecDeque<FoundFile> = VecDeque::new();
        loop {
            gather(found, &mut gathered);
            if gathered.is_empty() || self.is_interrupted() {
                return;
            }
            let looked = batch::batch(&mut gathered, |found| self.look(found));
            if !self.send(looked) {
                return;
            }
        }
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// One file, with the bytes of memory that are held for it.
    fn look(&self, found: FoundFile) -> (Looked, usize) {
        let loaded = self.loader.load(&found);
        let path = match found {
            FoundFile::File { path, .. } | FoundFile::Settled { path, .. } => path,
            FoundFile::Stdin => PathBuf::from("-"),
        };
        match loaded {
            Loaded::One(input) => {
                let (judged, weight) = self.judge.judge(path, input);
                (Looked::Judged(judged), weight)
            }
            Loaded::Several(container) => {
                let weight = container.weight_bytes();
                (Looked::Container(path, container), weight)
            }
        }
    }

    /// Sends a batch on; what lies in a container goes where the container stands. False when nobody wants more.
    fn send(&self, looked: Vec<Looked>) -> bool {
        let mut batch = Vec::new();
        for looked in looked {
            match looked {
                Looked::Judged(judged) => batch.push(judged),
                Looked::Container(path, container) => {
                    let before = std::mem::take(&mut batch);
                    if (!before.is_empty() && self.ready.send(before).is_err()) || !self.unpack(path, container) {
                        return false;
                    }
                }
            }
        }
        batch.is_empty() || self.ready.send(batch).is_ok()
    }

    fn unpack(&self, path: PathBuf, container: Container) -> bool {
        let mut pieces = VecDeque::new();
        let mut weight = 0;
        let mut go_on = true;
        container.unpack(&path, &self.loader, &mut |piece: Piece| {
            if let Input::Submission(submission) = &piece.input {
                weight += submission.bytes.capacity();
            }
            pieces.push_back(piece);
            if weight > batch::BATCH_MAX_BYTES || pieces.len() >= BATCH_INPUTS {
                go_on = self.send_pieces(&mut pieces);
                weight = 0;
            }
            go_on
        });
        go_on && self.send_pieces(&mut pieces)
    }

    fn send_pieces(&self, pieces: &mut VecDeque<Piece>) -> bool {
        while !pieces.is_empty() {
            if self.is_interrupted() {
                return false;
            }
            let batch = batch::batch(pieces, |piece| self.judge.judge(piece.path, piece.input));
            if self.ready.send(batch).is_err() {
                return false;
            }
        }
        true
    }
}

/// Fills up to a batch; waits for the first only, so that a slow walk (or a slow pipe) does not hold back what is there.
fn gather(found: &Receiver<FoundFile>, gathered: &mut VecDeque<FoundFile>) {
    if gathered.is_empty() {
        gathered.extend(found.recv().ok());
    }
    gathered.extend(found.try_iter().take(BATCH_INPUTS.saturating_sub(gathered.len())));
}

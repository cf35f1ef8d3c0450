//! How far an import is, on standard error: a bar on a terminal, a line now and then elsewhere.

use std::{
    cell::Cell,
    io::{self, IsTerminal},
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::import::{self, ImportTally};

const LINE_EVERY: Duration = Duration::from_secs(5);

pub(super) enum ImportProgress {
    Bar(ProgressBar),
    Lines { started: Instant, last: Cell<Instant>, inputs: Cell<u64> },
}

impl ImportProgress {
    /// On a terminal the files are counted beside the import, so that the bar knows its end early.
    pub(super) fn start(paths: &[PathBuf]) -> ImportProgress {
        if !io::stderr().is_terminal() {
            let now = Instant::now();
            return ImportProgress::Lines { started: now, last: Cell::new(now), inputs: Cell::new(0) };
        }
        let bar = ProgressBar::new(0);
        let style = "{bar:32} {human_pos}/{human_len}  {per_sec}  {eta} left  {msg}";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        let (counted, paths) = (bar.clone(), paths.to_vec());
        thread::spawn(move || {
            import::count(&paths, || {
                counted.inc_length(1);
                !counted.is_finished()
            });
        });
        ImportProgress::Bar(bar)
    }

    pub(super) fn advance(&self, tally: &ImportTally) {
        match self {
            ImportProgress::Bar(bar) => {
                bar.inc(1);
                // A mailbox was counted as one file, and its mails come one by one.
                if bar.length().is_some_and(|length| length < bar.position()) {
                    bar.set_length(bar.position());
                }
                let problems = tally.quarantined_total() + tally.refused_total();
                if problems > 0 {
                    bar.set_message(format!("{problems} not stored"));
                }
            }
            ImportProgress::Lines { started, last, inputs } => {
                inputs.set(tally.inputs);
                if last.get().elapsed() >= LINE_EVERY {
                    last.set(Instant::now());
                    eprintln!("{}", line(tally.inputs, started.elapsed()));
                }
            }
        }
    }

    /// Prints without tearing the bar.
    pub(super) fn aside<R>(&self, print: impl FnOnce() -> R) -> R {
        match self {
            ImportProgress::Bar(bar) if io::stdout().is_terminal() => bar.suspend(print),
            _ => print(),
        }
    }

    pub(super) fn finish(&self) {
        match self {
            ImportProgress::Bar(bar) => bar.finish_and_clear(),
            ImportProgress::Lines { started, inputs, .. } => eprintln!("{}", line(inputs.get(), started.elapsed())),
        }
    }
}

fn line(inputs: u64, elapsed: Duration) -> String {
    let rate = inputs as f64 / elapsed.as_secs_f64().max(0.001);
    format!("{inputs} read in {:.1} s, {rate:.0} a second", elapsed.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_the_rate() {
        assert_eq!(line(10_000, Duration::from_secs(4)), "10000 read in 4.0 s, 2500 a second");
        assert_eq!(line(0, Duration::ZERO), "0 read in 0.0 s, 0 a second");
    }
}

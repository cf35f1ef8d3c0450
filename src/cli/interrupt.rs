//! Ctrl-C and SIGTERM.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// As a shell reports a command that died of SIGINT.
const EXIT_KILLED: i32 = 130;

/// For commands that work in threads: a flag that turns true at the first signal; the second one ends the process.
pub(super) fn watch() -> anyhow::Result<Arc<AtomicBool>> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot watch for signals")?;
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    let mut signals = {
        let _inside = runtime.enter();
        Signals::new()?
    };
    thread::spawn(move || {
        runtime.block_on(async {
            loop {
                signals.next().await;
                if raised.swap(true, Ordering::Relaxed) {
                    std::process::exit(EXIT_KILLED);
                }
            }
        });
    });
    Ok(flag)
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Signals> {
        let on = |kind| signal(kind).context("cannot watch for signals");
        Ok(Signals { interrupt: on(SignalKind::interrupt())?, terminate: on(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

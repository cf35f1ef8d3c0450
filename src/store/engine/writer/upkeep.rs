//! What the writer does besides writing: it makes room, folds the log, looks whether the disk is back, opens the database again.

use std::fs;

use duckdb::Connection;

use super::Writer;
use crate::{
    limits::WAL_IDLE_MAX_BYTES,
    store::{
        StoreError,
        engine::{open, probe, recover::log_of, transaction},
        journal::replay,
        tables::{
            journal_position, quarantine,
            unproven::{self, Holdings},
        },
    },
};

impl Writer {
    /// Removes a few of the reports that nobody proved, where some have to go.
    pub(super) fn tidy_up(&mut self) {
        let Some(conn) = &self.database else { return };
        let now = self.settings.clock.now();
        let removed = Holdings::read(conn).and_then(|found| {
            let victims = {
                let mut holdings = self.holdings();
                holdings.renew(found);
                unproven::victims(conn, &holdings, &self.settings.unproven, now)?
            };
            if victims.is_empty() {
                return Ok((0, 0));
            }
            transaction::within(conn, |conn| unproven::remove(conn, &victims))?;
            self.holdings().take(&victims);
            Ok((victims.len() as u64, victims.iter().map(unproven::Held::bytes).sum()))
        });
        match removed {
            Ok((reports, bytes)) => {
                self.tidy.removed(reports, bytes);
                if reports > 0 {
                    self.sums.changed();
                    self.commits.send_modify(|count| *count += 1);
                }
            }
            Err(error) => {
                tracing::warn!(error = %error, "reports that nobody proved could not be removed: tried again later");
                self.tidy.removed(0, 0);
                if error.is_fatal() {
                    self.close();
                }
            }
        }
    }

    pub(super) fn recount(&mut self) {
        let Some(conn) = &self.database else { return };
        match quarantine::total_bytes(conn) {
            Ok(bytes) => self.quarantine_bytes = bytes,
            Err(error) => tracing::warn!(error = %error, "cannot tell the size of the quarantine"),
        }
    }

    pub(super) fn checkpoint_when_large(&mut self, log: u64) {
        if log > WAL_IDLE_MAX_BYTES {
            self.checkpoint();
        }
    }

    /// Folds the log into the database file. A failure costs nothing but the time to read the log at the next start.
    pub(super) fn checkpoint(&mut self) {
        let Some(conn) = &self.database else { return };
        if !self.checkpoint.is_due() || matches!(self.condition.place.check(), Err(displaced) if !displaced.is_log()) {
            return;
        }
        self.note.folding();
        self.condition.place.log_ends();
        match conn.execute_batch("CHECKPOINT") {
            Ok(()) => {
                self.note.folded();
                self.log_is_in_doubt = false;
                self.checkpoint.succeeded();
                if let Some(segments) = &self.segments {
                    segments.let_go(self.loaded);
                }
            }
            Err(source) => {
                let error = StoreError::Duckdb(source);
                tracing::warn!(error = %error, "the log could not be folded into the database: tried again later");
                self.checkpoint.failed(error.is_disk_full());
                if error.is_fatal() {
                    self.close();
                }
            }
        }
    }

    /// Looks whether what could not be written can be written now.
    pub(super) fn probe(&mut self) {
        if !self.probe.is_due() {
            return;
        }
        match self.attempt_probe() {
            Ok(()) => {
                self.probe.succeeded();
                self.condition.write_succeeded();
            }
            Err(error) => {
                // Looking at a directory costs nothing.
                if !matches!(error, StoreError::Displaced(_)) {
                    self.probe.failed(error.is_disk_full());
                }
                if error.is_fatal() {
                    self.close();
                }
                self.condition.write_failed(&error);
            }
        }
    }

    pub(super) fn attempt_probe(&mut self) -> Result<(), StoreError> {
        self.reopen_when_due()?;
        if self.condition.place.check().is_err_and(|displaced| displaced.is_log()) {
            // Everything the log held is still known: it belongs into the database file.
            self.checkpoint();
        }
        let Some(conn) = &self.database else { return Err(StoreError::Unavailable) };
        self.condition.place.check()?;
        probe::write(conn)?;
        self.note.committed(self.condition.place.committed(true)?, 0);
        Ok(())
    }

    pub(super) fn reopen_when_due(&mut self) -> Result<(), StoreError> {
        if self.database.is_some() {
            return Ok(());
        }
        self.condition.place.check_closed()?;
        if !self.reopen.is_due() || self.is_making_good {
            return Err(StoreError::Unavailable);
        }
        match open::open(&self.data, &self.settings).and_then(|conn| self.put_to_use(conn)) {
            Ok(()) => {
                tracing::warn!("the database was opened again after an error");
                self.reopen.succeeded();
                self.recount();
                Ok(())
            }
            Err(error) => {
                tracing::error!(error = %error, "the database cannot be opened again: tried again later");
                self.close();
                self.reopen.failed(error.is_disk_full());
                Err(error)
            }
        }
    }

    /// A database that was opened again is whole before anybody reads from it.
    fn put_to_use(&mut self, conn: Connection) -> Result<(), StoreError> {
        self.condition.place.opened();
        let for_readers = conn.try_clone()?;
        self.database = Some(conn);
        self.openings += 1;
        self.log_is_in_doubt = true;
        if let Some(segments) = &self.segments {
            segments.hold();
        }
        self.is_making_good = true;
        let made_good = self.make_good();
        self.is_making_good = false;
        made_good?;
        self.readers.open(for_readers);
        Ok(())
    }

    /// What the database has lost of what was loaded while it was closed, the journal still has, where it was not let go of.
    fn make_good(&mut self) -> Result<(), StoreError> {
        let Some(conn) = &self.database else { return Err(StoreError::Unavailable) };
        let ((id, position), loaded) = (journal_position::read(conn)?, self.loaded);
        if position >= loaded {
            return Ok(());
        }
        let directory = self.journal_directory.clone();
        replay::replay(&directory, id, position, |mut found| {
            found.retain(|found| found.sequence <= loaded);
            if found.is_empty() { Ok(()) } else { self.replay(&found) }
        })
        .map(drop)
    }

    /// Gives the database back. DuckDB must be out of it entirely before it is opened again.
    pub(super) fn close(&mut self) {
        self.readers.close();
        self.condition.place.log_ends();
        self.database = None;
    }

    pub(super) fn log_bytes(&self) -> u64 {
        fs::metadata(log_of(&self.data.join(open::DATABASE))).map_or(0, |log| log.len())
    }
}

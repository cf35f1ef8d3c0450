//! The journal: what was accepted, on disk in a tenth of a millisecond, before it is counted.
//!
//! A report that is surely new is written to the journal and answered (`acknowledge`); the writer loads what has gathered into the
//! tables, many in one transaction, which notes how far it has come. What is in doubt (a name that is known, an old day, what comes out of the
//! quarantine) goes to the writer behind it and is answered after that transaction. After a crash the rest of the journal is loaded
//! before anything else (`replay`).

pub mod acknowledge;
pub mod append;
pub mod disk;
pub mod identities;
pub mod layout;
pub mod mend;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod power_tests;
pub mod record;
pub mod replay;
pub mod segments;
pub mod set_aside;
#[cfg(test)]
mod tests;

/// Name of the journal's directory in the data directory.
pub const DIRECTORY: &str = "journal";

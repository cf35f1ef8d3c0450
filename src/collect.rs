//! Collectors: reports that are fetched, from mailboxes over IMAP and from Maildirs.

pub mod imap;
pub mod maildir;

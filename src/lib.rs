//! tlsight is the server behind a mail domain's TLSRPT `rua`: it takes RFC 8460 reports, keeps them in DuckDB and
//! shows who fails to deliver over TLS and why.
//!
//! ```text
//!   receive        collect        import  control     sources: bytes in, Submission out, Outcome back
//!   https smtp     imap maildir   files   socket
//!      └─────────────┴──────────────┴───────┘
//!                Submission
//!                    │
//!             pipeline::accept                        the only caller of the stages, knows no transport
//!                    │
//!     decode ── report ── verify ── store             mail, gzip, zip · RFC 8460 · DKIM, networks, domains · DuckDB
//!                                     │
//!                                   query             one question = one .rs + one .sql
//!               ┌─────────────────────┴──┐
//!            summary                  alerts          figures in sentences and JSON · facts in, transitions out
//!          ┌────┴────┐                   │
//!         web      digest ───────────── jobs          pages and API · the digest as text and HTML · evaluates, sends when due
//!                                        │
//!                                     notify          the outbox: by mail and to other services
//! ```
//!
//! Beside that way: `explain` says in plain words what the terms of the RFC mean, `smtp` is the mail session as a value,
//! `dns` looks up names, `reporters` knows who sent a report, `health` is the registry in which sources and channels say
//! how they are, `probe` sends a report as a sender would, `observe` looks at what a domain publishes and `check` judges it, `sts` reads
//! policies and their records, `chart` draws. `config` is read by `cli`, `app` wires everything.
//!
//! Data goes one way; `tests/it/map.rs` holds the `use crate::` lines against this picture. `ARCHITECTURE.md` names every
//! room and follows one report from the socket to the page.

// The pure core: no I/O, no clock. It builds and tests without DuckDB and actix.
pub mod address_block;
pub mod alerts;
pub mod backoff;
pub mod check;
pub mod day_range;
pub mod decode;
pub mod explain;
pub mod fault;
pub mod limits;
pub mod links;
pub mod period;
pub mod report;
pub mod schedule;
pub mod setting;
pub mod share;
pub mod smtp;
pub mod sts;
pub mod submission;
pub mod text;
pub mod verify;
pub mod wording;

#[cfg(feature = "server")]
pub mod app;
#[cfg(feature = "server")]
pub mod chart;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod clock;
#[cfg(feature = "server")]
pub mod collect;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod control;
#[cfg(feature = "server")]
pub mod demo;
#[cfg(feature = "server")]
pub mod digest;
#[cfg(feature = "dns")]
pub mod dns;
#[cfg(fuzzing)]
pub mod fuzzing;
#[cfg(feature = "server")]
pub mod health;
#[cfg(feature = "server")]
pub mod import;
#[cfg(feature = "server")]
pub mod jobs;
#[cfg(feature = "server")]
pub mod notify;
#[cfg(feature = "server")]
pub mod observe;
#[cfg(feature = "server")]
pub mod pipeline;
#[cfg(feature = "server")]
pub mod probe;
#[cfg(feature = "server")]
pub mod query;
#[cfg(feature = "server")]
pub mod receive;
#[cfg(feature = "server")]
pub mod reporters;
#[cfg(feature = "server")]
pub mod store;
#[cfg(feature = "server")]
pub mod summary;
#[cfg(feature = "server")]
pub mod templates;
#[cfg(feature = "server")]
pub mod tls;
#[cfg(feature = "server")]
pub mod unix_socket;
#[cfg(feature = "server")]
pub mod web;

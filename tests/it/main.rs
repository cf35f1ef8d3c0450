//! Everything that needs the running thing: the binary, a socket, a browser. One test binary, so that it links DuckDB once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod alerts;
mod attack;
mod attack_budgets;
mod browser;
mod check;
mod crash;
mod disk;
mod http;
mod journal;
mod mail;
mod map;
mod network;
mod place;
mod readme;
mod serve;
mod server;
mod sums;
mod upgrade;

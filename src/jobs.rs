//! What the server does without being asked, and what the operator asks of it at the terminal: evaluate the rules after each commit
//! and on a timer, send digests when they are due, deliver what is in the outbox.

pub mod admin;
pub mod alert_evaluator;
pub mod backtest;
pub mod calendar;
pub mod digests;
pub mod policy_looks;

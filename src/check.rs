//! What is published for a policy domain, held against RFC 8460 and RFC 8461: plain values in (`observed`), findings out (`judge`). Pure; whoever looks
//! is `observe`.

pub mod finding;
pub mod history;
pub mod holding;
mod judge;
pub mod observed;
pub mod octets;
pub mod readiness;

#[cfg(test)]
mod tests;

pub use finding::{Check, Effect, Finding, Severity};
pub use judge::judge;
pub use observed::Observed;

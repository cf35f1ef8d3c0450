//! What people and scripts see on the private listener: pages, the same figures as JSON, charts.
//!
//! Every page is one handler that asks `query`, shapes the answer for its template and hands it to `answer`. No SQL here, no
//! writing but through the pipeline (admit, reprocess) and the store (discard, trust, acknowledge, silence, try again).

mod answer;
mod answers;
mod assets;
mod filters;
mod flash;
mod guard;
mod layout;
mod look_now;
pub mod pages;
mod params;
mod routes;
mod setup;
mod site;

#[cfg(test)]
mod tests;

pub use look_now::LookNow;
pub use pages::alerts::{ChannelShown, DigestShown, Rules};
pub use routes::{PAGES, configure};
pub use setup::Setup;
pub use site::Site;

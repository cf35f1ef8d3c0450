//! When somebody has to be notified. Pure: facts and the present state in, transitions out; no clock, no disk, no network.
//!
//! `facts` is what the stored data and the machine say, `evaluate` holds it against the rules and the alerts that stand, and
//! answers with transitions; `words` says them in sentences. `rules` has one file for each rule. Who asks, stores and sends is `jobs`.

pub mod alert;
pub mod evaluate;
pub mod facts;
pub mod finding;
pub mod hosts;
pub mod maintenance;
pub mod mute;
pub mod notice;
pub mod plan;
pub mod replay;
pub mod rule;
pub mod rules;
pub mod settings;
pub mod words;

pub use alert::{Affected, Alert, AlertEvent, AlertEvidence, AlertStatus, Subject, Transition};
pub use evaluate::{Evaluation, Triple, evaluate};
pub use facts::AlertFacts;
pub use mute::Mute;
pub use plan::{AlertPlan, AlertSettingError};
pub use replay::replay;
pub use rule::{AlertRule, Severity};
pub use settings::{AlertSettings, Maintenance, Silence};
pub use words::sentence;

//! How what a sender holds differs from what is published.

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drift {
    /// It is what is served.
    Current,
    /// It last reported no later than the day of the change.
    TooEarlyToTell,
    /// It reported an earlier policy after the change, and may still hold it.
    Stale,
    /// It reported what no look saw.
    Unexplained,
    /// It had a policy, and later finds none.
    NoLonger,
    /// It never found a policy.
    Never,
    /// No look saw a policy that could be compared.
    NotCompared,
}

impl Drift {
    pub fn as_str(self) -> &'static str {
        match self {
            Drift::Current => "current",
            Drift::TooEarlyToTell => "too-early-to-tell",
            Drift::Stale => "stale",
            Drift::Unexplained => "unexplained",
            Drift::NoLonger => "no-longer",
            Drift::Never => "never",
            Drift::NotCompared => "not-compared",
        }
    }

    /// In words, without a date.
    pub fn words(self) -> &'static str {
        match self {
            Drift::Current => "as published",
            Drift::TooEarlyToTell => "too early to tell: it has not reported on a day after the change",
            Drift::Stale => "an earlier policy, reported after the change",
            Drift::Unexplained => {
                "never seen by a look from here: a change between two looks, a second server, how the sender writes it down, or somebody in between"
            }
            Drift::NoLonger => "finds no policy any more, or one of mode none",
            Drift::Never => "never found a policy",
            Drift::NotCompared => "not compared: no look has seen a policy",
        }
    }
}

//! What is told while a report is on its way.

use serde::Serialize;

use crate::limits::PROBE_SHOWN_MAX_CHARS;

/// One thing that is told, as it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeEvent {
    /// The URI that the steps from here on concern.
    Destination {
        uri: String,
        number: usize,
        of: usize,
    },
    Step(ProbeStep),
    /// How the URI before it ended, or the whole where there is none.
    Verdict(ProbeVerdict),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbeStep {
    /// A word for what was done, from a closed list.
    pub step: &'static str,
    /// What came of it. Holds what strangers sent, bounded but as it is.
    pub text: String,
}

/// How far the report came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeFate {
    /// The receiver took it.
    Taken,
    /// It arrived and does not count: the answer says so, or no receiver can find the mail's signature valid.
    NotCounted,
    NotDelivered,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbeVerdict {
    pub fate: ProbeFate,
    pub verdict: String,
    /// What to do next.
    pub next: String,
}

impl ProbeVerdict {
    pub fn new(fate: ProbeFate, verdict: impl Into<String>, next: impl Into<String>) -> ProbeVerdict {
        ProbeVerdict { fate, verdict: shown(&verdict.into()), next: next.into() }
    }
}

/// Who is told.
pub struct Steps<'a>(pub &'a mut dyn FnMut(ProbeEvent));

impl Steps<'_> {
    pub fn say(&mut self, step: &'static str, text: impl Into<String>) {
        (self.0)(ProbeEvent::Step(ProbeStep { step, text: shown(&text.into()) }));
    }
}

/// Text of a stranger within bounds.
pub(super) fn shown(text: &str) -> String {
    let mut chars = text.chars();
    let mut shown: String = chars.by_ref().take(PROBE_SHOWN_MAX_CHARS).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

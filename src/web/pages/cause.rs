//! Why sessions failed, and what became of the mail: one line beside a count.

use serde::Serialize;

use crate::{
    explain::{self, MailEffect, result_types},
    query::reports::NOT_ITEMISED,
};

#[derive(Debug, Serialize)]
pub(crate) struct CauseRow {
    result_type: String,
    short: &'static str,
    failed: i64,
    mode: String,
    mail: MailEffect,
    mail_words: &'static str,
}

impl CauseRow {
    pub(crate) fn new(result_type: &str, policy_type: &str, mode: Option<&str>, failed: i64) -> CauseRow {
        let mail = MailEffect::of(result_type, policy_type, mode);
        CauseRow {
            result_type: result_type.to_owned(),
            short: result_types::short(result_type),
            failed,
            mode: explain::mode_word(policy_type, mode),
            mail,
            mail_words: mail.sentence(),
        }
    }

    /// Adds one of the same result type, so that a result type is one line whose number is that of the reports behind it.
    pub(crate) fn add_to(self, causes: &mut Vec<CauseRow>) {
        let Some(known) = causes.iter_mut().find(|known| known.result_type == self.result_type) else {
            causes.push(self);
            return;
        };
        known.failed = known.failed.saturating_add(self.failed);
        if !known.mode.split(", ").any(|mode| mode == self.mode) {
            known.mode = format!("{}, {}", known.mode, self.mode);
        }
        if self.mail == MailEffect::Refused {
            (known.mail, known.mail_words) = (self.mail, self.mail_words);
        }
    }

    pub(crate) fn failed(&self) -> i64 {
        self.failed
    }

    pub(crate) fn not_itemised(failed: i64) -> CauseRow {
        let mail = MailEffect::Unknown;
        CauseRow {
            result_type: NOT_ITEMISED.to_owned(),
            short: result_types::short(NOT_ITEMISED),
            failed,
            mode: "no details".to_owned(),
            mail,
            mail_words: mail.sentence(),
        }
    }
}

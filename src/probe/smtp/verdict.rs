//! What a mail's last reply says of the report in it.

use lettre::transport::smtp::response::Response;
use uuid::Uuid;

use super::{Failure, Kind, written};
use crate::probe::{
    destination::MailtoAddress,
    sample::Sample,
    steps::{ProbeFate, ProbeVerdict},
};

/// Why no receiver may count the mail (RFC 8460 §3), as far as can be seen from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReplyFlaw {
    Unsigned,
    /// The key is not published under this name.
    Key(String),
}

/// What the reply of a tlsight tells beyond the mail's being taken. Other receivers have words of their own.
#[derive(Debug, PartialEq, Eq)]
enum Word<'a> {
    Stored,
    /// In quarantine, with the code of what is wrong.
    Kept(&'a str),
    None,
}

/// The receiver's word counts for more than what is seen from here: it may see another DNS, or not ask for a signature.
pub(super) fn taken(sample: &Sample, flaw: Option<ReplyFlaw>, host: &str, reply: &Response) -> ProbeVerdict {
    let text = reply.message().collect::<Vec<_>>().join(" ");
    let reply = written(reply);
    let report_id = &sample.report_id;
    match (word(&text), flaw) {
        (Word::Stored, _) => ProbeVerdict::new(
            ProbeFate::Taken,
            format!("taken: {host} answered {reply}"),
            format!("Nothing. The receiver has it as {report_id}, and it counts from now on."),
        ),
        (Word::Kept(code), flaw) => {
            let next = match flaw {
                Some(flaw) => mend(&flaw, report_id),
                None => format!("Find {report_id} in the receiver's quarantine: it says there what {code} means."),
            };
            ProbeVerdict::new(
                ProbeFate::NotCounted,
                format!("kept, not counted: {code}: {host} answered {reply}"),
                next,
            )
        }
        (Word::None, Some(flaw)) => {
            let what = match &flaw {
                ReplyFlaw::Unsigned => "without a signature".to_owned(),
                ReplyFlaw::Key(name) => format!("with a signature whose key is not at {name}"),
            };
            let verdict = format!("taken, but {what} it must not be counted: {host} answered {reply}");
            ProbeVerdict::new(ProbeFate::NotCounted, verdict, mend(&flaw, report_id))
        }
        (Word::None, None) => ProbeVerdict::new(
            ProbeFate::Taken,
            format!("taken: {host} answered {reply}"),
            format!(
                "The receiver looks at the signature next: find {report_id} among its reports, else in its quarantine."
            ),
        ),
    }
}

fn mend(flaw: &ReplyFlaw, report_id: &str) -> String {
    match flaw {
        ReplyFlaw::Unsigned => format!(
            "Find {report_id} in the receiver's quarantine. To try the whole way, sign it: --dkim-key FILE --dkim-selector NAME."
        ),
        ReplyFlaw::Key(name) => format!(
            "Find {report_id} in the receiver's quarantine. To try the whole way, publish the key of the file at {name}, or sign \
             with the key that is published there."
        ),
    }
}

/// Reads `2.0.0 Ok: stored as UUID`, `2.0.0 Ok: duplicate of UUID` and `2.0.0 Ok: quarantined as UUID (code)`.
fn word(text: &str) -> Word<'_> {
    let is_uuid = |text: &str| Uuid::try_parse(text).is_ok();
    let is_code =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let text = text.strip_prefix("2.0.0 ").unwrap_or(text);
    let text = text.strip_prefix("Ok: ").unwrap_or(text);
    if text.strip_prefix("stored as ").or(text.strip_prefix("duplicate of ")).is_some_and(is_uuid) {
        return Word::Stored;
    }
    let kept = text.strip_prefix("quarantined as ").and_then(|kept| kept.strip_suffix(')')?.split_once(" ("));
    match kept {
        Some((entry, code)) if is_uuid(entry) && is_code(code) => Word::Kept(code),
        _ => Word::None,
    }
}

/// Where nothing was taken.
pub(super) fn not_delivered(failure: Option<Failure>, sample: &Sample, to: &MailtoAddress) -> ProbeVerdict {
    let Failure { kind, text } =
        failure.unwrap_or(Failure { kind: Kind::Broken, text: format!("{} has no mail server", to.domain()) });
    let (verdict, next) = match kind {
        Kind::Permanent => (
            format!("not delivered: the server refuses it: {text}"),
            format!("See that the server takes mail for {to}, and from here."),
        ),
        Kind::Rejected => {
            let next = format!(
                "The server read the report and refuses it: the reply says why. If it takes no reports for {}, add the domain \
                 there.",
                sample.domain
            );
            return ProbeVerdict::new(ProbeFate::NotCounted, format!("delivered, but not counted: {text}"), next);
        }
        Kind::Transient => (
            format!("not delivered: the server asks to come again: {text}"),
            "Try again in some minutes; a sender would, for up to a day (RFC 8460 §5.5).".to_owned(),
        ),
        Kind::NoService => (
            format!("not delivered: the server turns us away: {text}"),
            "See why the server speaks to no mail server from here, or go through another with --relay HOST:PORT.".to_owned(),
        ),
        Kind::Broken => (
            format!("not delivered: {text}"),
            "See that the server runs and that port 25 is open from here to there; --relay HOST:PORT goes through another server."
                .to_owned(),
        ),
        Kind::Unanswered => (
            format!("not known: the whole mail was sent, but the answer is missing: {text}"),
            "See whether it arrived. Sending it again does no harm.".to_owned(),
        ),
    };
    ProbeVerdict::new(ProbeFate::NotDelivered, verdict, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_tlsight_are_read_and_those_of_others_are_not() {
        let id = Uuid::from_u128(7);
        for (text, told) in [
            (format!("2.0.0 Ok: stored as {id}"), Word::Stored),
            (format!("2.0.0 Ok: duplicate of {id}"), Word::Stored),
            (format!("2.0.0 Ok: quarantined as {id} (dkim-unaligned)"), Word::Kept("dkim-unaligned")),
            (format!("2.0.0 Ok: queued as {id}"), Word::None),
            ("2.0.0 Ok: stored as 4XbZ0y1Gz9z".to_owned(), Word::None),
            (format!("2.0.0 not stored as {id}"), Word::None),
            ("2.0.0 Ok: quarantined".to_owned(), Word::None),
            (format!("2.0.0 Ok: quarantined as {id}"), Word::None),
            (format!("2.0.0 Ok: quarantined as {id} (Not a code)"), Word::None),
            (String::new(), Word::None),
        ] {
            assert_eq!(word(&text), told, "{text}");
        }
    }
}

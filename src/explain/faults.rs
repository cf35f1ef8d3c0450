//! What a fault code means for the operator, and what can be done about the quarantined input.

use crate::fault::FaultCode;

/// What happened, and what the operator may do.
pub fn explain(code: FaultCode) -> (&'static str, &'static str) {
    match code {
        FaultCode::Conflict => (
            "A report with the same identity is stored already, with other content. The first stays; this one is kept here.",
            "Compare both. Admitting this one puts it in the stored one’s place.",
        ),
        FaultCode::Superseded => (
            "This report was counted until a copy of higher trust, or one you admitted, took its place.",
            "Nothing, unless the new one is the wrong one: admitting this one swaps them back.",
        ),
        FaultCode::FutureDate => (
            "The report is about days that have not come yet.",
            "A sender with a wrong clock. If you know better, admit it; else discard it.",
        ),
        FaultCode::Implausible => (
            "The report counts far more sessions than your domain usually has, and nothing proves who sent it.",
            "Somebody trying to drown the others mostly: discard it. If you know the sender, admit it.",
        ),
        FaultCode::RangeTooLong => (
            "The report covers more than three months, which no daily figure can show.",
            "Admit it if the sender really reports like this: all of it counts on the first day.",
        ),
        FaultCode::BadDate | FaultCode::BadDateRange | FaultCode::NoDateRange => (
            "The report cannot be placed in time.",
            "Ask the sender to repair its reports; reprocess after an upgrade that reads such dates.",
        ),
        FaultCode::GzipTruncated | FaultCode::GzipCrc | FaultCode::GzipHeader | FaultCode::Zip => (
            "The compressed data is damaged, most often on the way here.",
            "The sender will mostly send it again. A proxy that cuts or rewrites bodies does this to every report.",
        ),
        FaultCode::BadJson | FaultCode::BadEncoding | FaultCode::DuplicateKey | FaultCode::TooDeep => (
            "The document is not JSON as RFC 8460 asks for.",
            "The place below shows where reading stopped. Tell the sender; reprocess after an upgrade.",
        ),
        FaultCode::DraftFormat => {
            ("This is a format from before RFC 8460 was published.", "Ask the sender to upgrade its software.")
        }
        FaultCode::NotAReport => {
            ("This is JSON, but not a TLS report.", "Mostly somebody trying out the URL: discard it.")
        }
        FaultCode::NoUsablePolicy => {
            ("The report names no policy that could be read.", "Tell the sender; reprocess after an upgrade.")
        }
        FaultCode::TooManyLayers => {
            ("The report was compressed more than twice.", "Tell the sender; no known software does this.")
        }
        FaultCode::NoReportPart => (
            "The mail says that it carries a TLS report, but none of its parts is one.",
            "A gateway on the way may have removed the attachment. Look at the original bytes; tell the sender.",
        ),
        FaultCode::MimeLimits => (
            "The mail has more parts, deeper nesting or longer headers than any report needs.",
            "Mostly an attack or a broken gateway: discard it.",
        ),
        FaultCode::DkimNone => (
            "Reports by mail must carry a DKIM signature of their sender (RFC 8460 §3); this one has none that may count.",
            "Anybody could have written it. If you know the sender, admit this one, or trust the sender from now on.",
        ),
        FaultCode::DkimFail => (
            "No signature of the mail verifies: it was changed on the way here, or forged.",
            "If a gateway of yours rewrites mail, take reports before it, or let tlsight believe its Authentication-Results.",
        ),
        FaultCode::DkimLTag => (
            "The signature covers only the beginning of the mail (`l=`), so that anything could stand behind it (RFC 8460 §3).",
            "Ask the sender to sign without `l=`.",
        ),
        FaultCode::DkimUnaligned => (
            "The mail is signed, but by another domain than the one in its From field.",
            "If that domain sends for this one, trust the pair from now on; else somebody may be writing in its name.",
        ),
        FaultCode::DkimWeak => (
            "The signature uses a method or a key that anybody can break (RFC 8301).",
            "Ask the sender for RSA keys of at least 1,024 bits, better 2,048, or ed25519, and SHA-256.",
        ),
        FaultCode::DkimExpired => (
            "The signature had expired when the mail was received.",
            "It was delayed, or kept and sent again. Admit it if its time is plausible.",
        ),
        FaultCode::DkimKeyGone => (
            "The key that made the signature is not in the DNS, so nobody can tell whether it is genuine.",
            "Old mail mostly: keys are replaced. Admit it if you trust where it comes from.",
        ),
        FaultCode::DkimTemperror => (
            "The key could not be looked up for a whole day.",
            "When the sender’s name servers answer again, judge it again.",
        ),
        FaultCode::UnprovenLarge => (
            "The report is larger than what is taken of senders who do not prove who they are.",
            "If it is genuine, admit it: all of it counts then. Where such reports come every day, ask the sender for mail with a DKIM \
             signature, or raise the limit that is named.",
        ),
        FaultCode::Internal => (
            "Our own code failed on this input. It is kept, nothing else was harmed.",
            "Please report it, with the original bytes if you may; then reprocess after an upgrade.",
        ),
        _ => (
            "The input is outside the bounds of this server.",
            "The limits stand in the configuration; after a change, reprocess.",
        ),
    }
}

/// Faults that only say something about the signature, and of mails that are no more likely forged than any other: whoever
/// trusts a sender from a mail whose signature fails would make every forged mail of that sender count.
pub const TRUSTABLE: [FaultCode; 7] = [
    FaultCode::DkimNone,
    FaultCode::DkimLTag,
    FaultCode::DkimUnaligned,
    FaultCode::DkimWeak,
    FaultCode::DkimExpired,
    FaultCode::DkimKeyGone,
    FaultCode::DkimTemperror,
];

/// Faults that another version, configuration or day may see otherwise. Between two copies of a report only the operator decides.
pub fn is_worth_judging_again(code: FaultCode) -> bool {
    !matches!(code, FaultCode::Conflict | FaultCode::Superseded)
}

/// Faults of mails whose reports can be read and would count, were it not for the signature.
pub fn is_about_signature(code: FaultCode) -> bool {
    code == FaultCode::DkimFail || TRUSTABLE.contains(&code)
}

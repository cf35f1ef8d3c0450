//! What a fault code means for the operator, and what can be done about the quarantined input.

use crate::fault::FaultCode;

/// What happened, and what the operator may do.
pub(in crate::present) fn explain(code: &str) -> (&'static str, &'static str) {
    let Some(code) = FaultCode::from_code(code) else {
        return ("A fault this version does not know.", "Reprocess it with the version that put it here.");
    };
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

/// Faults of inputs that were read as a report all the same, so that the operator may overrule them.
pub(in crate::present) fn is_admissible(code: &str) -> bool {
    matches!(
        FaultCode::from_code(code),
        Some(FaultCode::Conflict | FaultCode::Superseded | FaultCode::FutureDate | FaultCode::RangeTooLong)
    )
}

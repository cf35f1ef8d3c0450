//! Receipts in the words of SMTP.

use crate::{
    fault::{Fault, FaultCode},
    smtp::SmtpReply,
    submission::{Busy, Outcome, Receipt},
};

/// When storing takes too long: the message goes on without its sender, who comes again and hears that it is known.
pub(super) const SLOW: SmtpReply = SmtpReply::new(451, "4.3.0", "Storing takes too long, try again later");
/// When our own code failed.
pub(super) const FAILED: SmtpReply = SmtpReply::new(451, "4.3.0", "Internal error, try again later");
pub(super) const SHUTTING_DOWN: SmtpReply = SmtpReply::new(421, "4.3.2", "Service shutting down, try again later");
pub(super) const TOO_MANY_CONNECTIONS: SmtpReply =
    SmtpReply::new(421, "4.7.0", "Too many connections, try again later");
pub(super) const GIVES_WAY: SmtpReply =
    SmtpReply::new(421, "4.7.0", "Too many connections and this one is idle, try again later");
pub(super) const SILENT: SmtpReply = SmtpReply::new(421, "4.4.2", "Timeout: no data received, closing connection");
pub(super) const TOO_SLOW: SmtpReply = SmtpReply::new(421, "4.4.2", "Timeout: message too slow, closing connection");
pub(super) const TOO_LONG: SmtpReply = SmtpReply::new(421, "4.4.2", "Timeout: session too long, closing connection");

/// The reply to a message with this receipt.
pub(super) fn reply(receipt: &Receipt) -> SmtpReply {
    match receipt.overall() {
        Outcome::Stored(report) => taken(&format!("Ok: stored as {report}")),
        Outcome::Duplicate(report) => taken(&format!("Ok: duplicate of {report}")),
        // The sender can do nothing about it, and a bounce would go to nobody (RFC 8460 §5.3).
        Outcome::Quarantined { entry, fault } => taken(&format!("Ok: quarantined as {entry} ({})", fault.code)),
        Outcome::Ignored(_) => SmtpReply::new(250, "2.0.0", "Ok: not a TLS report, ignored"),
        Outcome::Refused(fault) => refused(fault),
        Outcome::Busy(Busy::DiskFull) => SmtpReply::new(452, "4.3.1", "Insufficient system storage, try again later"),
        Outcome::Busy(Busy::QueueFull) => SmtpReply::new(451, "4.3.0", "Too many reports waiting, try again later"),
        Outcome::Busy(Busy::StoreFailed) => SmtpReply::new(451, "4.3.0", "Storage failed, try again later"),
        Outcome::Busy(Busy::ShuttingDown) => SHUTTING_DOWN,
        Outcome::Busy(Busy::KeyLookup) => {
            SmtpReply::new(451, "4.7.5", "DKIM key lookup failed temporarily, try again later")
        }
        // RFC 3463 §3.8: 4.7.0 is temporary and about policy, 4.2.2 and 452 about room.
        Outcome::Busy(busy @ (Busy::RowsSpent { .. } | Busy::BytesSpent { .. })) => {
            SmtpReply::quoting(451, "4.7.0", &busy.to_string())
        }
        Outcome::Busy(busy @ Busy::ShareFull) => SmtpReply::quoting(452, "4.2.2", &busy.to_string()),
    }
}

fn taken(words: &str) -> SmtpReply {
    SmtpReply::quoting(250, "2.0.0", words)
}

fn refused(fault: &Fault) -> SmtpReply {
    let (code, status) = match fault.code {
        FaultCode::TooLargeWire | FaultCode::TooLargeUnpacked => (552, "5.3.4"),
        FaultCode::ForeignDomain => (550, "5.7.1"),
        FaultCode::UnknownToken => (550, "5.1.1"),
        _ => (550, "5.6.0"),
    };
    SmtpReply::quoting(code, status, &fault.detail)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::fault::FaultPlace;

    fn said(outcome: &Outcome) -> String {
        let mut out = Vec::new();
        reply(&Receipt::new(vec![outcome.clone()])).write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_outcome_has_its_reply() {
        let fault = |code| Fault::new(code, "what is wrong", FaultPlace::Whole);
        let id = Uuid::nil();
        let cases = [
            (Outcome::Stored(id), "250 2.0.0 Ok: stored as 00000000-"),
            (Outcome::Duplicate(id), "250 2.0.0 Ok: duplicate of 00000000-"),
            (Outcome::Quarantined { entry: id, fault: fault(FaultCode::DkimNone) }, "250 2.0.0 Ok: quarantined"),
            (Outcome::Ignored(fault(FaultCode::NotTlsrpt)), "250 2.0.0 Ok: not a TLS report"),
            (Outcome::Refused(fault(FaultCode::TooLargeWire)), "552 5.3.4 what is wrong"),
            (Outcome::Refused(fault(FaultCode::TooLargeUnpacked)), "552 5.3.4 what is wrong"),
            (Outcome::Refused(fault(FaultCode::ForeignDomain)), "550 5.7.1 what is wrong"),
            (Outcome::Refused(fault(FaultCode::UnknownToken)), "550 5.1.1 what is wrong"),
            (Outcome::Refused(fault(FaultCode::Empty)), "550 5.6.0 what is wrong"),
            (Outcome::Busy(Busy::DiskFull), "452 4.3.1 "),
            (Outcome::Busy(Busy::QueueFull), "451 4.3.0 "),
            (Outcome::Busy(Busy::StoreFailed), "451 4.3.0 "),
            (Outcome::Busy(Busy::ShuttingDown), "421 4.3.2 "),
            (Outcome::Busy(Busy::KeyLookup), "451 4.7.5 "),
            (Outcome::Busy(Busy::RowsSpent { retry_s: 3 }), "451 4.7.0 this network has sent too many policies"),
            (Outcome::Busy(Busy::BytesSpent { retry_s: 3 }), "451 4.7.0 this network has sent too many bytes"),
            (Outcome::Busy(Busy::ShareFull), "452 4.2.2 this network holds its share"),
        ];
        for (outcome, begin) in cases {
            assert!(said(&outcome).starts_with(begin), "{outcome:?}: {}", said(&outcome));
        }
    }

    #[test]
    fn what_the_fault_quotes_cannot_break_out() {
        let fault = Fault::new(FaultCode::Empty, "a\r\n250 2.0.0 stored", FaultPlace::Whole);
        assert_eq!(said(&Outcome::Refused(fault)), "550 5.6.0 a??250 2.0.0 stored\r\n");
    }
}

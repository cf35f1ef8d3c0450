//! What a mail is that is no TLS report: reports of other kinds and the answers of machines share the mailbox.

use super::{content::PartContent, entity::Entity};

/// The most telling sign seen so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum PartKind {
    #[default]
    Unknown,
    AutomaticReply,
    Dmarc,
    ReadReceipt,
    Bounce,
    Abuse,
}

impl PartKind {
    pub(super) fn words(self) -> &'static str {
        match self {
            PartKind::Unknown => "the mail holds no TLS report, and does not say it does",
            PartKind::AutomaticReply => "the mail looks like an automatic reply",
            PartKind::Dmarc => "the mail looks like a DMARC aggregate report",
            PartKind::ReadReceipt => "the mail looks like a read receipt",
            PartKind::Bounce => "the mail looks like a bounce or a delivery report",
            PartKind::Abuse => "the mail looks like an abuse report or a DMARC failure report",
        }
    }

    /// By the top of a mail. RFC 3834 §5 knows `auto-replied` and `auto-generated`; reports are the latter.
    pub(super) fn of_mail(root: &Entity<'_>) -> PartKind {
        let replied = root.header.first("Auto-Submitted").is_some_and(|value| {
            value.trim().get(..12).is_some_and(|value| value.eq_ignore_ascii_case("auto-replied"))
        });
        match root.report_type().as_deref() {
            Some("feedback-report") => PartKind::Abuse,
            Some("delivery-status") => PartKind::Bounce,
            Some("disposition-notification") => PartKind::ReadReceipt,
            _ if replied => PartKind::AutomaticReply,
            _ => PartKind::Unknown,
        }
    }

    pub(super) fn of_part(part: &Entity<'_>, content: PartContent) -> PartKind {
        match part.essence.as_str() {
            "message/feedback-report" => PartKind::Abuse,
            "message/delivery-status" | "message/global-delivery-status" => PartKind::Bounce,
            "message/disposition-notification" => PartKind::ReadReceipt,
            _ if content == PartContent::Xml => PartKind::Dmarc,
            _ => PartKind::Unknown,
        }
    }
}

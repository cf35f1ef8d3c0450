//! What a mail is that is no TLS report: reports of other kinds and the answers of machines share the mailbox.

use super::{content::Content, entity::Entity};

/// The most telling sign seen so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Kind {
    #[default]
    Unknown,
    AutomaticReply,
    Dmarc,
    ReadReceipt,
    Bounce,
    Abuse,
}

impl Kind {
    pub fn words(self) -> &'static str {
        match self {
            Kind::Unknown => "the mail holds no TLS report, and does not say it does",
            Kind::AutomaticReply => "the mail looks like an automatic reply",
            Kind::Dmarc => "the mail looks like a DMARC aggregate report",
            Kind::ReadReceipt => "the mail looks like a read receipt",
            Kind::Bounce => "the mail looks like a bounce or a delivery report",
            Kind::Abuse => "the mail looks like an abuse report or a DMARC failure report",
        }
    }

    /// By the top of a mail. RFC 3834 §5 knows `auto-replied` and `auto-generated`; reports are the latter.
    pub fn of_mail(root: &Entity<'_>) -> Kind {
        let replied = root.header.first("Auto-Submitted").is_some_and(|value| {
            value.trim().get(..12).is_some_and(|value| value.eq_ignore_ascii_case("auto-replied"))
        });
        match root.report_type().as_deref() {
            Some("feedback-report") => Kind::Abuse,
            Some("delivery-status") => Kind::Bounce,
            Some("disposition-notification") => Kind::ReadReceipt,
            _ if replied => Kind::AutomaticReply,
            _ => Kind::Unknown,
        }
    }

    pub fn of_part(part: &Entity<'_>, content: Content) -> Kind {
        match part.essence.as_str() {
            "message/feedback-report" => Kind::Abuse,
            "message/delivery-status" | "message/global-delivery-status" => Kind::Bounce,
            "message/disposition-notification" => Kind::ReadReceipt,
            _ if content == Content::Xml => Kind::Dmarc,
            _ => Kind::Unknown,
        }
    }
}

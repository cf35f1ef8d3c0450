//! The way through a mail, its parts and the mails within it.

use super::{
    MailMessage, MailPart, MessageBytes, ParsedMail, address,
    announce::{announces, has_report_subject, is_report, part_announces},
    beyond,
    content::{self, PartContent},
    entity::Entity,
    header::Header,
    kind::PartKind,
    multipart,
    transfer::Encoding,
};
use crate::{
    decode::{budget::DecodeBudget, zip::Archive},
    fault::{Fault, FaultCode, FaultPlace},
    limits::{Limits, MAIL_FORWARDED_DEPTH_MAX, MAIL_REPORT_PARTS_MAX, MIME_DEPTH_MAX, MIME_PARTS_MAX},
    report::{Deviation, Deviations},
};

pub(super) struct Walk<'l> {
    limits: &'l Limits,
    messages: Vec<MailMessage>,
    parts: Vec<MailPart>,
    /// Parts of multiparts and forwarded mails that were seen, of any kind.
    seen: usize,
    /// Of all mails that are taken out of zip archives.
    unzipped: DecodeBudget,
    /// Whether any of the mails says that it holds a TLS report.
    announced: bool,
    /// Whether a mail lies deeper than is looked.
    too_deep: bool,
    kind: PartKind,
}

/// Where a mail lies.
#[derive(Clone, Copy)]
struct Site {
    /// Its offset in what was received, unless it was decoded.
    offset: Option<usize>,
    /// Level of its top in the MIME structure, from one.
    level: usize,
    /// How many mails it is forwarded in.
    forwarded: usize,
    /// It was taken out of a zip archive.
    zipped: bool,
}

/// What holds for all parts of one mail.
struct Context {
    message: usize,
    announced: bool,
    /// Parts that are no multiparts.
    leaves: usize,
    deviations: Deviations,
}

impl<'l> Walk<'l> {
    pub(super) fn new(mail: &[u8], limits: &'l Limits) -> Walk<'l> {
        Walk {
            limits,
            messages: Vec::new(),
            parts: Vec::new(),
            seen: 0,
            unzipped: DecodeBudget::new(mail.len(), limits),
            announced: false,
            too_deep: false,
            kind: PartKind::Unknown,
        }
    }

    /// The mail as received.
    pub(super) fn mail(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.message(bytes, Site { offset: Some(0), level: 1, forwarded: 0, zipped: false })
    }

    pub(super) fn finish(self) -> Result<ParsedMail, Fault> {
        if !self.parts.is_empty() {
            return Ok(ParsedMail { messages: self.messages, parts: self.parts });
        }
        if self.too_deep {
            return Err(beyond(format!(
                "mails are forwarded in each other more than {MAIL_FORWARDED_DEPTH_MAX} times"
            )));
        }
        let (code, detail) = if self.announced {
            (FaultCode::NoReportPart, "the mail announces a TLS report, and no part of it is one")
        } else {
            (FaultCode::NotTlsrpt, self.kind.words())
        };
        Err(Fault::new(code, detail, FaultPlace::Whole))
    }

    fn message(&mut self, bytes: &[u8], site: Site) -> Result<(), Fault> {
        let start = if bytes.starts_with(b"From ") { multipart::line_end(bytes, 0) } else { 0 };
        let root = Entity::read(bytes, start..bytes.len(), "text/plain")?;
        let raw = match site.offset {
            Some(0) if start == 0 && site.forwarded == 0 => MessageBytes::Whole,
            Some(offset) => MessageBytes::Range(offset + start..offset + bytes.len()),
            None => MessageBytes::Decoded(bytes.get(start..).unwrap_or_default().to_vec()),
        };
        self.messages.push(address::message(raw, &root.header));
        self.kind = self.kind.max(PartKind::of_mail(&root));
        let mut context = Context {
            message: self.messages.len() - 1,
            announced: announces(&root),
            leaves: 0,
            deviations: deviations(&root, site),
        };
        let mut leaves = Vec::new();
        let has_report_subject = has_report_subject(&root);
        self.gather(bytes, root, site.level, &mut leaves)?;
        context.announced |= leaves.iter().any(|(leaf, _)| part_announces(leaf, has_report_subject));
        context.leaves = leaves.len();
        self.announced |= context.announced;
        for (index, (leaf, level)) in leaves.iter().enumerate() {
            let site = Site { level: level + 1, zipped: false, ..site };
            if leaf.is_mail() {
                let (decoded, _) = leaf.decoded(bytes);
                self.forwarded(&decoded, leaf, site)?;
            } else {
                self.part(bytes, leaf, index, &context, site)?;
            }
        }
        Ok(())
    }

    /// The parts that are no multiparts, with their levels.
    fn gather<'a>(
        &mut self,
        bytes: &'a [u8],
        entity: Entity<'a>,
        level: usize,
        leaves: &mut Vec<(Entity<'a>, usize)>,
    ) -> Result<(), Fault> {
        if level > MIME_DEPTH_MAX {
            return Err(beyond(format!("the mail's parts are nested more than {MIME_DEPTH_MAX} levels deep")));
        }
        let Some(boundary) = entity.boundary() else {
            leaves.push((entity, level));
            return Ok(());
        };
        let parts = multipart::parts(bytes, entity.body.clone(), boundary, MIME_PARTS_MAX - self.seen + 1);
        self.count(parts.len())?;
        // RFC 2046 §5.1.5
        let default_type = if entity.essence == "multipart/digest" { "message/rfc822" } else { "text/plain" };
        for part in parts {
            let part = Entity::read(bytes, part, default_type)?;
            self.gather(bytes, part, level + 1, leaves)?;
        }
        Ok(())
    }

    fn count(&mut self, parts: usize) -> Result<(), Fault> {
        self.seen += parts;
        if self.seen > MIME_PARTS_MAX {
            return Err(beyond(format!("the mail has more than {MIME_PARTS_MAX} parts")));
        }
        Ok(())
    }

    /// A mail that is all of a part. `site` is that of the mail the part stands in, a level below.
    fn forwarded(&mut self, mail: &[u8], leaf: &Entity<'_>, site: Site) -> Result<(), Fault> {
        let offset = site.offset.filter(|_| leaf.encoding == Encoding::Identity);
        self.within(mail, Site { offset: offset.map(|offset| offset + leaf.body.start), ..site })
    }

    fn within(&mut self, mail: &[u8], site: Site) -> Result<(), Fault> {
        if site.forwarded == MAIL_FORWARDED_DEPTH_MAX {
            self.too_deep = true;
            return Ok(());
        }
        self.count(1)?;
        self.message(mail, Site { forwarded: site.forwarded + 1, ..site })
    }

    fn part(
        &mut self,
        bytes: &[u8],
        leaf: &Entity<'_>,
        index: usize,
        context: &Context,
        site: Site,
    ) -> Result<(), Fault> {
        let typed = leaf.is_tlsrpt();
        if !typed && !content::may_be_report(leaf, index == 0, context.leaves == 1) {
            self.kind = self.kind.max(PartKind::of_part(leaf, PartContent::Other));
            return Ok(());
        }
        let (bytes, sloppy) = leaf.decoded(bytes);
        let named = content::is_named_mail(leaf);
        let content = content::look(&bytes, named, self.limits);
        self.kind = self.kind.max(PartKind::of_part(leaf, content));
        match content {
            // The text for people may begin with the fields of a mail that it answers.
            PartContent::Mail
                if (named || leaf.attached || index > 0 || leaf.essence != "text/plain")
                    && Header::read(&bytes).is_ok() =>
            {
                return self.forwarded(&bytes, leaf, site);
            }
            PartContent::Archive if !self.unzip(&bytes, site)? => return Ok(()),
            _ => {}
        }
        // What cannot be told any more is kept for the operator where a report was announced.
        let found = typed
            || matches!(content, PartContent::Json | PartContent::Archive)
            || (content == PartContent::Damaged && context.announced);
        if !found {
            return Ok(());
        }
        if self.parts.len() == MAIL_REPORT_PARTS_MAX {
            return Err(beyond(format!("the mail has more than {MAIL_REPORT_PARTS_MAX} parts that may be reports")));
        }
        let mut deviations = context.deviations.clone();
        if sloppy {
            deviations.add(Deviation::Base64, "");
        }
        self.parts.push(MailPart {
            bytes: bytes.into_owned(),
            media_type: leaf.media_type(),
            name: leaf.names.first().cloned(),
            certain: typed || context.announced,
            message: context.message,
            deviations,
        });
        Ok(())
    }

    /// Goes through the mails in a zip archive. Says whether it holds something else that may be a report.
    fn unzip(&mut self, bytes: &[u8], site: Site) -> Result<bool, Fault> {
        let Ok(mut archive) = Archive::open(bytes) else { return Ok(true) };
        let mut others = false;
        let contents: Vec<PartContent> = archive.files.iter().map(content::file).collect();
        for (position, content) in contents.into_iter().enumerate() {
            others |= matches!(content, PartContent::Json | PartContent::Damaged);
            if content != PartContent::Mail {
                continue;
            }
            match archive.read(position, &mut self.unzipped) {
                Ok(mail) => self.within(&mail, Site { offset: None, zipped: true, ..site })?,
                Err(fault) if fault.code == FaultCode::TooLargeUnpacked => return Err(fault),
                // Damaged: nobody can tell what it was.
                Err(_) => others = true,
            }
        }
        Ok(others)
    }
}

fn deviations(root: &Entity<'_>, site: Site) -> Deviations {
    let mut deviations = Deviations::default();
    let complete = root.header.has("TLS-Report-Domain") && root.header.has("TLS-Report-Submitter");
    for (found, deviation) in [
        (!complete, Deviation::HeadersMissing),
        (root.is_multipart() && !is_report(root), Deviation::NotMultipartReport),
        (!root.is_multipart(), Deviation::SinglePart),
        (site.forwarded > 0, Deviation::Forwarded),
        (site.zipped, Deviation::Zip),
    ] {
        if found {
            deviations.add(deviation, "");
        }
    }
    deviations
}

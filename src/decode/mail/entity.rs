//! A mail or one of its parts: its header, what the MIME fields claim, and where its body lies.

use std::{borrow::Cow, collections::BTreeMap, ops::Range};

use super::{header::Header, transfer::Encoding};

use crate::{decode::media, fault::Fault, text::is_hidden};

/// Characters of a claim that are kept for display.
const SHOWN_MAX_CHARS: usize = 255;
/// Bytes of a name in which encoded words are looked for; the time that takes grows with the square.
const ENCODED_NAME_MAX_BYTES: usize = 1024;

#[derive(Debug)]
pub(super) struct Entity<'a> {
    pub header: Header<'a>,
    pub body: Range<usize>,
    /// `Content-Type` as it stands there.
    pub claimed: Option<String>,
    /// The type and subtype, lower case.
    pub essence: String,
    parameters: BTreeMap<String, String>,
    pub encoding: Encoding,
    /// From where a file name belongs to where it does not: Content-Disposition, Content-Type, Content-Description.
    pub names: Vec<String>,
    pub attached: bool,
}

impl<'a> Entity<'a> {
    /// Reads what lies at `range`; a part that claims no type is of `default_type`.
    pub(super) fn read(bytes: &'a [u8], range: Range<usize>, default_type: &str) -> Result<Entity<'a>, Fault> {
        let (header, body) = Header::read(bytes.get(range.clone()).unwrap_or_default())?;
        let claimed = header.mime("Content-Type")?;
        let content_type = claimed.as_deref().map(mailparse::parse_content_type);
        let essence = claimed.as_deref().map_or_else(|| default_type.to_owned(), essence);
        let parameters = content_type.map(|content_type| content_type.params).unwrap_or_default();
        let disposition = header.mime("Content-Disposition")?.map(|value| mailparse::parse_content_disposition(&value));
        let attached =
            disposition.as_ref().is_some_and(|found| found.disposition == mailparse::DispositionType::Attachment);
        let names = [
            disposition.as_ref().and_then(|disposition| parameter(&disposition.params, "filename")),
            parameter(&parameters, "name"),
            header.first("Content-Description"),
        ];
        let names = names.into_iter().flatten().map(|name| shown(&decoded(name))).filter(|name| !name.is_empty());
        Ok(Entity {
            body: range.start + body..range.end,
            encoding: Encoding::named(header.first("Content-Transfer-Encoding").as_deref()),
            names: names.collect(),
            header,
            claimed,
            essence,
            parameters,
            attached,
        })
    }

    /// The boundary, where this is a multipart that has one.
    pub(super) fn boundary(&self) -> Option<&str> {
        let boundary = self.parameters.get("boundary").filter(|_| self.is_multipart())?;
        Some(boundary.trim_end()).filter(|boundary| !boundary.is_empty())
    }

    pub(super) fn is_multipart(&self) -> bool {
        self.essence.starts_with("multipart/")
    }

    /// The kind of report a multipart/report says it is (RFC 6522 §3), lower case.
    pub(super) fn report_type(&self) -> Option<String> {
        let report_type = self.parameters.get("report-type").filter(|_| self.essence == "multipart/report")?;
        Some(report_type.trim().to_ascii_lowercase())
    }

    /// A mail within the mail (RFC 2046 §5.2.1, RFC 6532 §3.7).
    pub(super) fn is_mail(&self) -> bool {
        matches!(self.essence.as_str(), "message/rfc822" | "message/global")
    }

    /// RFC 8460 §6.4 and §6.5, with any suffix or none.
    pub(super) fn is_tlsrpt(&self) -> bool {
        let suffix = self.essence.strip_prefix("application/tlsrpt");
        suffix.is_some_and(|suffix| suffix.is_empty() || suffix.starts_with('+'))
    }

    /// Its body without the transfer encoding, and whether something in it had to be overlooked. `bytes` are those it was
    /// read from.
    pub(super) fn decoded<'b>(&self, bytes: &'b [u8]) -> (Cow<'b, [u8]>, bool) {
        let body = bytes.get(self.body.clone()).unwrap_or_default();
        if self.encoding == Encoding::Identity {
            return (Cow::Borrowed(body), false);
        }
        let (decoded, sloppy) = self.encoding.decode(body);
        (Cow::Owned(decoded), sloppy)
    }

    pub(super) fn media_type(&self) -> Option<String> {
        self.claimed.as_deref().map(shown)
    }
}

/// Without comments and anything else that follows; a text that is no type says as much as `application/octet-stream`.
fn essence(claimed: &str) -> String {
    let essence = media::essence(claimed);
    let essence = essence.split(|c: char| c == '(' || c.is_whitespace() || c.is_control()).next().unwrap_or_default();
    if essence.contains('/') { essence.to_owned() } else { "application/octet-stream".to_owned() }
}

/// RFC 2231 is undone by the parser, save where the character set is unknown.
fn parameter(parameters: &BTreeMap<String, String>, name: &str) -> Option<String> {
    parameters.get(name).or_else(|| parameters.get(&format!("{name}*"))).cloned()
}

/// Encoded words do not belong into parameters (RFC 2047 §5), but that is how many senders write other letters.
fn decoded(name: String) -> String {
    if !name.contains("=?") || name.len() > ENCODED_NAME_MAX_BYTES {
        return name;
    }
    let field = format!("N: {name}");
    mailparse::parse_header(field.as_bytes()).map_or(name, |(field, _)| field.get_value())
}

fn shown(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().filter(|c| !is_hidden(*c)).take(SHOWN_MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Entity<'_> {
        Entity::read(header.as_bytes(), 0..header.len(), "text/plain").unwrap()
    }

    #[test]
    fn names_are_found_where_senders_put_them() {
        for (header, expected) in [
            ("Content-Disposition: inline; filename=a.json", "a.json"),
            ("Content-Type: x/y; name=b.gz\nContent-Disposition: attachment", "b.gz"),
            ("Content-Description: c.json.gz", "c.json.gz"),
            ("Content-Type: x/y; name*0=\"d\"; name*1=\".json\"", "d.json"),
            ("Content-Disposition: attachment; filename*=UTF-8''b%C3%BCcher.json", "bücher.json"),
            ("Content-Disposition: attachment; filename*0*=UTF-8''b%C3; filename*1*=%BC; filename*2=.gz", "bü.gz"),
            ("Content-Disposition: attachment; filename*=x-none''e.json", "x-none''e.json"),
            ("Content-Type: x/y; name=\"=?UTF-8?Q?b=C3=BC?= =?UTF-8?Q?cher.json?=\"", "bücher.json"),
            ("Content-Type: x/y; name=\"a!b!\r\n   1!2.json.gz\"", "a!b! 1!2.json.gz"),
            ("Content-Type: x/y; name=\"../../etc/\0passwd\"", "../../etc/passwd"),
        ] {
            assert_eq!(read(header).names.first().map(String::as_str), Some(expected), "{header}");
        }
        let long = format!("Content-Type: x/y; name=\"{}\"", "n".repeat(5000));
        assert_eq!(read(&long).names[0].len(), 255);
    }

    #[test]
    fn types_are_read_loosely() {
        for (header, expected) in [
            ("Content-Type: Application/TLSRPT+gzip;", "application/tlsrpt+gzip"),
            ("Content-Type: application/tlsrpt+json (a report); x", "application/tlsrpt+json"),
            ("Content-Type: application/tlsrpt\0", "application/tlsrpt"),
            ("Content-Type: bogus", "application/octet-stream"),
            ("Content-Type:", "application/octet-stream"),
            ("", "text/plain"),
        ] {
            assert_eq!(read(header).essence, expected, "{header}");
        }
        assert!(read("Content-Type: application/tlsrpt+zip").is_tlsrpt());
        assert!(!read("Content-Type: application/tlsrptx").is_tlsrpt());
    }

    #[test]
    fn boundaries_and_report_types_belong_to_multiparts() {
        let report = read("Content-Type: multipart/report; Report-Type=\"TLSRPT\"; boundary=\"a b \"");
        assert_eq!((report.boundary(), report.report_type().as_deref()), (Some("a b"), Some("tlsrpt")));
        let none = read("Content-Type: multipart/mixed; report-type=tlsrpt; boundary=\"\"");
        assert_eq!((none.boundary(), none.report_type()), (None, None));
        assert_eq!(read("Content-Type: text/plain; boundary=b").boundary(), None);
    }
}

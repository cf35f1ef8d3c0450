//! The mail a report travels in (RFC 8460 §5.3). Pure.
//!
//! Written by hand, because the order and the folding of the fields are what a reader of the mail looks at, and because every
//! value in it is known to be ASCII without line ends by the type it has.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};

use super::{
    destination::MailtoAddress,
    sample::{ORGANISATION, Sample},
};

/// Characters of a line of base64 (RFC 2045 §6.8).
const BASE64_LINE: usize = 76;

/// The whole mail, unsigned, with CRLF line ends.
pub(super) fn mail(sample: &Sample, to: &MailtoAddress, now: DateTime<Utc>) -> Vec<u8> {
    let Sample { domain, contact, report_id, id, .. } = sample;
    let submitter = contact.domain();
    let boundary = format!("=_tlsight_{}", id.simple());
    let file_name = sample.file_name();
    let lines = [
        format!("Date: {}", now.to_rfc2822()),
        format!("From: {ORGANISATION} <{contact}>"),
        format!("To: <{to}>"),
        // The subject's form is an ABNF with any folding white space (RFC 8460 §5.3).
        format!("Subject: Report Domain: {domain}"),
        format!(" Submitter: {submitter}"),
        format!(" Report-ID: <{report_id}>"),
        format!("Message-ID: <{report_id}>"),
        // RFC 3834 §5: nobody's holiday notice is wanted.
        "Auto-Submitted: auto-generated".to_owned(),
        // RFC 8689 §5: the way to the report address may be what does not work.
        "TLS-Required: No".to_owned(),
        format!("TLS-Report-Domain: {domain}"),
        format!("TLS-Report-Submitter: {submitter}"),
        "MIME-Version: 1.0".to_owned(),
        "Content-Type: multipart/report; report-type=\"tlsrpt\";".to_owned(),
        format!(" boundary=\"{boundary}\""),
        String::new(),
        format!("--{boundary}"),
        "Content-Type: text/plain; charset=us-ascii".to_owned(),
        String::new(),
        "This is a test. Somebody sent this TLS report (RFC 8460) by hand, with the".to_owned(),
        "command `tlsight send-test-report`, to see whether it arrives. The sessions".to_owned(),
        "it tells of did not take place.".to_owned(),
        String::new(),
        format!("Domain: {domain}"),
        format!("Report-ID: {report_id}"),
        String::new(),
        format!("--{boundary}"),
        "Content-Type: application/tlsrpt+gzip".to_owned(),
        "Content-Transfer-Encoding: base64".to_owned(),
        "Content-Disposition: attachment;".to_owned(),
        format!(" filename=\"{file_name}\""),
        String::new(),
    ];
    let encoded = STANDARD.encode(sample.gzip());
    let encoded = encoded.as_bytes().chunks(BASE64_LINE).map(String::from_utf8_lossy);
    let end = format!("--{boundary}--");
    let mut mail = Vec::new();
    for line in lines.iter().map(|line| line.as_str().into()).chain(encoded).chain([end.as_str().into()]) {
        mail.extend_from_slice(line.as_bytes());
        mail.extend_from_slice(b"\r\n");
    }
    mail
}

#[cfg(test)]
mod tests {
    use mailparse::{MailHeaderMap, parse_mail};
    use uuid::Uuid;

    use super::*;

    fn sample() -> Sample {
        let contact = MailtoAddress::new("postmaster", "sender.example").unwrap();
        Sample::new("example.com", &contact, false, Uuid::from_u128(7), "2024-03-01T08:00:00Z".parse().unwrap())
    }

    fn built() -> Vec<u8> {
        mail(&sample(), &MailtoAddress::new("tlsrpt", "example.com").unwrap(), "2024-03-01T08:00:00Z".parse().unwrap())
    }

    #[test]
    fn the_mail_is_what_the_rfc_asks_for() {
        let bytes = built();
        let mail = parse_mail(&bytes).expect("a mail");
        let header = |name: &str| mail.headers.get_first_value(name).unwrap_or_default();
        assert_eq!(mail.ctype.mimetype, "multipart/report");
        assert_eq!(mail.ctype.params["report-type"], "tlsrpt");
        assert_eq!(header("TLS-Report-Domain"), "example.com");
        assert_eq!(header("TLS-Report-Submitter"), "sender.example");
        assert_eq!(
            header("Subject"),
            "Report Domain: example.com Submitter: sender.example Report-ID: \
             <tlsight-test-00000000-0000-0000-0000-000000000007@sender.example>"
        );
        assert_eq!(header("TLS-Required"), "No");
        let [text, report] = &mail.subparts[..] else { panic!("two parts") };
        assert_eq!(text.ctype.mimetype, "text/plain");
        assert_eq!(report.ctype.mimetype, "application/tlsrpt+gzip");
        assert_eq!(report.get_content_disposition().params["filename"], sample().file_name());
        assert_eq!(report.get_body_raw().unwrap(), sample().gzip());
    }

    #[test]
    fn the_mail_is_plain_ascii_in_short_lines() {
        let text = String::from_utf8(built()).unwrap();
        assert!(text.is_ascii() && text.ends_with("--\r\n"));
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
        let longest = text.lines().map(str::len).max();
        assert!(longest < Some(200), "{longest:?}");
        let head = text.split("--=_tlsight").next().unwrap();
        insta::assert_snapshot!(head.replace("\r\n", "\n"));
    }
}

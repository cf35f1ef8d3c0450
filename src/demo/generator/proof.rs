//! What would be proven about the demo's senders: nobody is asked about addresses and domains that are invented.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};

use super::{
    senders::{DemoSender, DemoTransport},
    sites::DemoSite,
};
use crate::{
    demo::RECIPIENT,
    submission::{NetworkState, Origin, SignatureVerdict},
};

/// Characters of a line of base64 (RFC 2045 §6.8).
const LINE_MAX: usize = 76;

/// The domain that signs its mails.
fn signer(sender: &DemoSender) -> &'static str {
    if sender.domain == "mail.ru" { "corp.mail.ru" } else { sender.domain }
}

/// The From address of its mails: of those that are known the real ones.
fn address(sender: &DemoSender) -> String {
    match sender.domain {
        "google.com" => "noreply-smtp-tls-reporting@google.com".to_owned(),
        "microsoft.com" => "tlsrpt-noreply@microsoft.com".to_owned(),
        "mail.ru" => "postmaster_tlsrpt@corp.mail.ru".to_owned(),
        other => format!("tlsrpt@{other}"),
    }
}

pub(super) fn of(sender: &DemoSender, at: DateTime<Utc>) -> Option<Origin> {
    match sender.way {
        DemoTransport::Mail => Some(Origin {
            from_domain: Some(signer(sender).to_owned()),
            dkim_verdict: Some(SignatureVerdict::Pass),
            dkim_domain: Some(signer(sender).to_owned()),
            dkim_selector: Some("demo".to_owned()),
            mailed_at: Some(at),
            ..Origin::default()
        }),
        DemoTransport::Post => {
            let (_, domain) = sender.contact?.rsplit_once('@')?;
            let address = sender.addresses.first()?;
            let evidence = serde_json::json!({
                "address": address, "domain": domain, "reverse_names": [format!("out.{domain}")],
                "confirmed": format!("out.{domain}"), "permitted_by": format!("ip{}:{address} of {domain}", if address.contains(':') { 6 } else { 4 }),
                "secure": false, "looked_up_at": at,
            });
            Some(Origin {
                network_state: Some(NetworkState::Proven),
                network_domain: Some(domain.to_owned()),
                network_evidence: Some(evidence.to_string()),
                ..Origin::default()
            })
        }
        DemoTransport::PostPlain => None,
    }
}

/// The beginning of a mail (RFC 8460 §5.3), without the signature.
pub(super) fn envelope(sender: &DemoSender, site: &DemoSite, file_name: &str) -> String {
    let (from, domain, submitter) = (address(sender), site.domain, signer(sender));
    format!(
        "From: {from}\r\nTo: {RECIPIENT}\r\nSubject: Report Domain: {domain} Submitter: {submitter} Report-ID: <{file_name}>\r\n\
         TLS-Report-Domain: {domain}\r\nTLS-Report-Submitter: {submitter}\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=\"tlsrpt\"; boundary=\"part\"\r\n\r\n\
         --part\r\nContent-Type: text/plain\r\n\r\nAn aggregate TLS report.\r\n\
         --part\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=\"{file_name}.gz\"\r\n\r\n"
    )
}

/// The mail with the document in it.
pub(super) fn mail(envelope: &str, document: &[u8]) -> Vec<u8> {
    let encoded = STANDARD.encode(document);
    let lines = encoded.as_bytes().chunks(LINE_MAX).filter_map(|line| std::str::from_utf8(line).ok());
    format!("{envelope}{}\r\n--part--\r\n", lines.collect::<Vec<_>>().join("\r\n")).into_bytes()
}

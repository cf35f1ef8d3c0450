//! Whether a mail says that it holds a TLS report, by more than what is in it.

use super::entity::Entity;

/// By the type of the whole or a field (RFC 8460 §5.3).
pub(super) fn announces(root: &Entity<'_>) -> bool {
    is_report(root) || root.header.has("TLS-Report-Domain") || root.header.has("TLS-Report-Submitter")
}

/// By the type of a part or its name: not all senders write the fields.
pub(super) fn part_announces(part: &Entity<'_>, has_report_subject: bool) -> bool {
    part.is_tlsrpt() || part.names.iter().any(|name| is_report_name(name, has_report_subject))
}

pub(super) fn is_report(root: &Entity<'_>) -> bool {
    root.report_type().as_deref() == Some("tlsrpt")
}

/// RFC 8460 §5.3: `Report Domain: … Submitter: … Report-ID: …`.
pub(super) fn has_report_subject(root: &Entity<'_>) -> bool {
    let subject = root.header.first("Subject").unwrap_or_default().to_ascii_lowercase();
    let mut rest = Some(subject.as_str());
    for word in ["report domain:", "submitter:", "report-id:"] {
        rest = rest.and_then(|rest| rest.split_once(word)).map(|(_, after)| after);
    }
    rest.is_some()
}

/// RFC 8460 §5.1: `sender!domain!begin!end[!id].json[.gz]`. Reports of DMARC differ in the ending only, and their subject
/// (RFC 7489 §7.2.1.1) not at all, so that below such a subject the ending tells.
fn is_report_name(name: &str, has_report_subject: bool) -> bool {
    let name = name.to_ascii_lowercase();
    let is_json = name.ends_with(".json") || name.ends_with(".json.gz");
    is_json && (has_report_subject || name.matches('!').count() >= 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_subjects_announce_together_or_alone() {
        let named = "Report Domain: a.example\r\n\tSubmitter: b.example\r\n Report-ID: <1@b.example>";
        for (subject, name, expected) in [
            ("x", "b.example!a.example!1709251200!1709337599!001.json.gz", true),
            ("x", "b.example!a.example!1709251200!1709337599.JSON", true),
            ("x", "b.example!a.example!1709251200!1709337599.xml.gz", false),
            ("x", "b.example!a.example!1709251200!1709337599.zip", false),
            ("x", "b.example!a.example!1709251200!1709337599.gz", false),
            ("x", "a!b!c.json", false),
            ("x", "report.json.gz", false),
            (named, "report.json.gz", true),
            (named, "report.json", true),
            (named, "report.xml.gz", false),
            (named, "b.example!a.example!1709251200!1709337599.xml.gz", false),
            (named, "report.zip", false),
            ("Submitter: b Report Domain: a Report-ID: 1", "report.json.gz", false),
            ("Report Domain: a Submitter: b", "report.json.gz", false),
        ] {
            let root = format!("Subject: {subject}\r\n\r\n");
            let leaf = format!("Content-Type: application/gzip; name=\"{name}\"\r\n\r\n");
            let entity = |text| Entity::read(text, 0..text.len(), "text/plain").unwrap();
            let (root, leaf) = (entity(root.as_bytes()), entity(leaf.as_bytes()));
            assert_eq!(part_announces(&leaf, has_report_subject(&root)), expected, "{subject}: {name}");
        }
    }
}

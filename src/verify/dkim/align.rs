//! Whether a signing domain speaks for the domain in From.

/// Whether `domain` equals the domain in From or is an organisational parent of it: above it, and not above the domain that
/// its organisation registered. RFC 8460 §3 asks for a signature "of the reporting domain" without saying what ties the two.
pub(super) fn is_aligned(domain: &str, from: &str) -> bool {
    if domain == from {
        return true;
    }
    let is_above = from.strip_suffix(domain).is_some_and(|below| below.ends_with('.'));
    is_above && organisation(from).is_some_and(|organisation| organisation.len() <= domain.len())
}

/// The registrable domain: the public suffix and one label.
fn organisation(domain: &str) -> Option<&str> {
    psl::domain_str(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_itself_and_its_parents_up_to_the_organisation_are_aligned() {
        let cases = [
            ("example.com", "example.com", true),
            ("example.com", "mail.example.com", true),
            ("b.example.com", "a.b.example.com", true),
            ("corp.mail.ru", "corp.mail.ru", true),
            ("example.co.uk", "mail.example.co.uk", true),
            ("mail.example.com", "example.com", false),
            ("a.example.com", "b.example.com", false),
            ("ample.com", "example.com", false),
            ("example.org", "example.com", false),
            ("com", "example.com", false),
            ("co.uk", "example.co.uk", false),
            ("github.io", "someone.github.io", false),
            ("uk", "co.uk", false),
            ("", "example.com", false),
        ];
        for (domain, from, aligned) in cases {
            assert_eq!(is_aligned(domain, from), aligned, "{domain} for {from}");
        }
    }
}

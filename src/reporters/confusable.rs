//! Names that a reader takes for a known reporter's: other letters that look alike (UTS #39), other domains that read alike.

use unicode_security::skeleton;

use super::Reporter;

/// Shorter words stand in too many innocent names.
const WORD_MIN_CHARS: usize = 5;

/// Letters and digits of a text as a reader sees them.
fn seen(text: &str) -> String {
    let lower: String = text.to_lowercase();
    skeleton(&lower).filter(|c| c.is_alphanumeric()).collect()
}

/// Whether a name holds the reporter's, as a reader sees both.
pub(super) fn names(name: &str, reporter: &Reporter) -> bool {
    let (whole, words) = (seen(name), name.split_whitespace().map(seen).collect::<Vec<String>>());
    let first_word = reporter.name.split_whitespace().next().unwrap_or_default();
    [first_word, reporter.key.as_str()].into_iter().any(|known| {
        let (word, is_domain) = (seen(known), known.contains('.'));
        // Parts of a domain stand in too many innocent names.
        let is_within = !is_domain && known.len() >= WORD_MIN_CHARS && whole.contains(&word);
        !word.is_empty() && (is_within || whole == word || words.contains(&word))
    })
}

/// Whether the domain of a key reads like one of the reporter's: the same to the eye, or its name under another ending.
pub(super) fn looks_like(key: &str, reporter: &Reporter) -> bool {
    let Some(own) = registrable(key) else { return false };
    let shown = |domain: &str| idna::domain_to_unicode(domain).0;
    reporter.signing_domains.iter().filter_map(|domain| psl::domain_str(domain)).any(|domain| {
        let label = |domain: &str| seen(shown(domain).split('.').next().unwrap_or_default());
        let is_long = domain.split('.').next().is_some_and(|label| label.len() >= WORD_MIN_CHARS);
        let same_label = is_long && label(own) == label(domain);
        own != domain && (seen(&shown(own)) == seen(&shown(domain)) || same_label)
    })
}

/// Whether the domain of a key is under one of the reporter's.
pub(super) fn is_of(key: &str, reporter: &Reporter) -> bool {
    registrable(key)
        .is_some_and(|own| reporter.signing_domains.iter().any(|domain| psl::domain_str(domain) == Some(own)))
}

fn registrable(key: &str) -> Option<&str> {
    psl::domain_str(key.rsplit(['@', '/', ':']).next().unwrap_or(key))
}

#[cfg(test)]
mod tests {
    use crate::reporters::Registry;

    #[test]
    fn a_name_that_reads_like_a_known_reporter_s_is_flagged() {
        let registry = Registry::shipped();
        let with = |key: &str, name: Option<&str>| registry.confusable_with(key, name).map(|known| known.key.as_str());
        for name in ["Google Inc.", "Gооgle Inc.", "GOOGLE", "G o o g l e", "Google\u{200b} Inc.", "ｇｏｏｇｌｅ"]
        {
            assert_eq!(with("noreply@evil.example", Some(name)), Some("google.com"), "{name}");
        }
        assert_eq!(with("noreply@evil.example", Some("Microsoft")), Some("microsoft.com"));
        assert_eq!(with("x@goog1e.com", None), Some("google.com"));
        assert_eq!(with("x@google.example", None), Some("google.com"));
        assert_eq!(with("x@xn--ggle-55da.com", None), Some("google.com"), "Cyrillic o");
        assert_eq!(with("claimed:google.com", Some("Google Inc.")), None, "the key says that it is claimed");
        assert_eq!(with("claimed:evil.example", Some("Google Inc.")), Some("google.com"));
        assert_eq!(with("anybody@mail.ru", Some("Mail.ru")), Some("mail.ru"), "its users' mail is signed as well");
        assert_eq!(with("google.com", Some("Google Inc.")), None, "it is Google");
        assert_eq!(with("tlsrpt@mail.example", Some("Example Mail")), None);
        assert_eq!(with("tlsrpt@mail.rust.example", Some("Mail Rust")), None);
    }
}

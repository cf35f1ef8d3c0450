//! The `mx` patterns of a policy and the hosts they cover (RFC 8461 §4.1). A pattern is a name, or `*.` and a name, where the star stands for exactly
//! one left-most label.

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternFault {
    Empty,
    /// Several in one value, with commas or blanks between them.
    List,
    /// A host with a port, or a URL.
    PortOrUrl,
    Address,
    /// A star that is not the whole left-most label.
    Star,
    /// It ends with a dot, which no MX name is compared with.
    TrailingDot,
    /// A name of one label.
    OneLabel,
    /// Letters beyond ASCII: RFC 8461 §3.2 asks for A-labels.
    NotAscii,
    /// Anything else that is no label.
    Label,
}

impl PatternFault {
    /// What is wrong with it, to be said after the pattern.
    pub fn words(self) -> &'static str {
        match self {
            PatternFault::Empty => "is empty",
            PatternFault::List => "holds several hosts: each needs a line of its own",
            PatternFault::PortOrUrl => "holds a port or a URL: only the name of the host belongs there",
            PatternFault::Address => "is an address: only names can be listed",
            PatternFault::Star => "has a * that is not the whole left-most label",
            PatternFault::TrailingDot => {
                "ends with a dot: some senders refuse the whole policy, for others it never matches"
            }
            PatternFault::OneLabel => "has one label only",
            PatternFault::NotAscii => "is not in its ASCII form (xn--…), as RFC 8461 asks",
            PatternFault::Label => "is no host name",
        }
    }
}

/// What is wrong with a pattern as it stands in the policy; `None` for a good one.
pub fn fault(pattern: &str) -> Option<PatternFault> {
    if pattern.is_empty() {
        return Some(PatternFault::Empty);
    }
    if pattern.contains([',', ';', ' ', '\t']) {
        return Some(PatternFault::List);
    }
    if !pattern.is_ascii() {
        return Some(PatternFault::NotAscii);
    }
    let bare = pattern.trim_matches(['[', ']']);
    if bare.parse::<std::net::IpAddr>().is_ok() {
        return Some(PatternFault::Address);
    }
    if pattern.contains(['/', ':']) {
        return Some(PatternFault::PortOrUrl);
    }
    let name = pattern.strip_prefix("*.").unwrap_or(pattern);
    if name.contains('*') {
        return Some(PatternFault::Star);
    }
    if name.ends_with('.') {
        return Some(PatternFault::TrailingDot);
    }
    if !name.contains('.') {
        return Some(PatternFault::OneLabel);
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (name.len() > 253 || !name.split('.').all(is_label)).then_some(PatternFault::Label)
}

/// Whether a pattern covers a host. Both are compared as they stand, but for case and the dot at the end of the host.
pub fn covers(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (pattern.to_ascii_lowercase(), plain(host));
    match pattern.strip_prefix("*.") {
        Some(parent) => {
            host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && !rest.is_empty() && rest == parent)
        }
        None => !host.is_empty() && pattern == host,
    }
}

/// The wildcard that covers a host that this one nearly covers: whose star would have to stand for several labels.
pub fn wider(pattern: &str, host: &str) -> Option<String> {
    let (pattern, host) = (pattern.to_ascii_lowercase(), plain(host));
    let parent = pattern.strip_prefix("*.")?;
    let (_, rest) = host.split_once('.')?;
    (rest.len() > parent.len() + 1 && rest.ends_with(&format!(".{parent}"))).then(|| format!("*.{rest}"))
}

fn plain(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_label() {
        assert!(covers("*.example.com", "mx1.example.com") && covers("*.Example.COM", "MX1.example.com."));
        assert!(!covers("*.example.com", "example.com") && !covers("*.example.com", "a.b.example.com"));
        assert!(!covers("*.example.com", ".example.com") && !covers("*.example.com", "mx1.example.com.evil.example"));
        assert!(covers("mx.example.com", "mx.example.com") && !covers("mx.example.com", "amx.example.com"));
    }

    #[test]
    fn a_wildcard_that_is_a_label_short_names_the_one_that_would_do() {
        let host = "x-li.h-v1.mx.microsoft";
        assert_eq!(wider("*.mx.microsoft", host).as_deref(), Some("*.h-v1.mx.microsoft"));
        assert_eq!(wider("*.h-v1.mx.microsoft", host), None);
        assert_eq!(wider("mx.microsoft", host), None);
        assert_eq!(wider("*.other.example", host), None);
    }

    #[test]
    fn what_is_no_pattern_is_told_apart() {
        for good in ["mx.example.com", "*.example.com", "xn--bcher-kva.example", "a-1.b"] {
            assert_eq!(fault(good), None, "{good}");
        }
        let bad = [
            ("", PatternFault::Empty),
            ("a.example, b.example", PatternFault::List),
            ("a.example b.example", PatternFault::List),
            ("https://a.example", PatternFault::PortOrUrl),
            ("a.example:25", PatternFault::PortOrUrl),
            ("192.0.2.1", PatternFault::Address),
            ("[2001:db8::1]", PatternFault::Address),
            ("*", PatternFault::Star),
            ("mx*.example.com", PatternFault::Star),
            ("*.*.example.com", PatternFault::Star),
            ("mx.example.com.", PatternFault::TrailingDot),
            ("localhost", PatternFault::OneLabel),
            ("*.com", PatternFault::OneLabel),
            ("bücher.example", PatternFault::NotAscii),
            (".example.com", PatternFault::Label),
            ("mx_1.example.com", PatternFault::Label),
            ("-mx.example.com", PatternFault::Label),
        ];
        for (text, expected) in bad {
            assert_eq!(fault(text), Some(expected), "{text}");
        }
    }
}

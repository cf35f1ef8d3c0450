//! SPF records as they are published (RFC 7208 §4.5, §4.6, §12).
//!
//! mail-auth reads and evaluates them too, but for mail: it does not tell which mechanism decided, asks through a resolver of
//! its own, and reads an octet of 999 as 255 and a mechanism it does not know as nothing. Here a record that is not right
//! permits nobody.

use std::net::IpAddr;

use crate::address_block::{AddressBlock, number};

/// The terms of a record that decide, in their order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SpfRecord {
    pub terms: Vec<Term>,
    pub redirect: Option<Target>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Term {
    /// As it stands in the record.
    pub text: String,
    /// Whether a match permits the address; else the mechanism has the qualifier `-`, `~` or `?`.
    pub permits: bool,
    pub mechanism: Mechanism,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    All,
    Include(Target),
    A(Hosts),
    Mx(Hosts),
    Ip(AddressBlock),
    Ptr,
    Exists,
}

/// The hosts of `a` and `mx`, and how many of their leading bits an address must share.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hosts {
    pub target: Target,
    pub prefix_v4: u8,
    pub prefix_v6: u8,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The domain whose record this is.
    Own,
    Name(String),
    /// It holds macros, so that it depends on who asks for whom (RFC 7208 §7).
    Macro,
}

/// Finds the one SPF record among the texts of a domain. The error is an English sentence without full stop.
pub(super) fn select(texts: &[Vec<u8>]) -> Result<Option<&[u8]>, String> {
    let mut records = texts.iter().filter(|text| is_spf(text)).map(Vec::as_slice);
    let first = records.next();
    if records.next().is_some() { Err("there are several SPF records".to_owned()) } else { Ok(first) }
}

fn is_spf(text: &[u8]) -> bool {
    let version = text.split(|byte| *byte == b' ').next().unwrap_or_default();
    version.eq_ignore_ascii_case(b"v=spf1")
}

/// Reads a record. The error is an English sentence without full stop.
pub(super) fn parse(text: &[u8]) -> Result<SpfRecord, String> {
    let is_printable = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
    let text = std::str::from_utf8(text).ok().filter(|text| text.as_bytes().iter().all(is_printable));
    let text = text.ok_or("the SPF record holds something other than printable ASCII")?;
    let mut record = SpfRecord { terms: Vec::new(), redirect: None };
    let mut explained = false;
    for term in text.split(' ').skip(1).filter(|term| !term.is_empty()) {
        let wrong = || format!("the SPF record holds `{}`, which is no term", shown(term));
        match modifier(term) {
            Some((name, value)) if name.eq_ignore_ascii_case("redirect") => {
                let target = target(value).ok_or_else(wrong)?;
                if record.redirect.replace(target).is_some() {
                    return Err("the SPF record has several redirects".to_owned());
                }
            }
            Some((name, _)) if name.eq_ignore_ascii_case("exp") => {
                if std::mem::replace(&mut explained, true) {
                    return Err("the SPF record has several explanations".to_owned());
                }
            }
            // RFC 7208 §6: modifiers that are not known are ignored, mechanisms are not.
            Some(_) => {}
            None => record.terms.push(directive(term).ok_or_else(wrong)?),
        }
    }
    Ok(record)
}

/// What of a stranger's term is shown.
pub(super) fn shown(term: &str) -> &str {
    const SHOWN_MAX_BYTES: usize = 120;
    &term[..term.floor_char_boundary(SHOWN_MAX_BYTES)]
}

/// `name=value`, where the name is one.
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    is_name.then_some((name, value))
}

fn directive(term: &str) -> Option<Term> {
    let (permits, rest) = match term.as_bytes().first()? {
        b'+' => (true, &term[1..]),
        b'-' | b'~' | b'?' => (false, &term[1..]),
        _ => (true, term),
    };
    let name_ends = rest.find([':', '/']).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(name_ends);
    let value = rest.strip_prefix(':');
    let mechanism = match name.to_ascii_lowercase().as_str() {
        "all" if rest.is_empty() => Mechanism::All,
        "include" => Mechanism::Include(target(value?)?),
        "exists" => {
            target(value?)?;
            Mechanism::Exists
        }
        "ptr" if rest.is_empty() => Mechanism::Ptr,
        "ptr" => {
            target(value?)?;
            Mechanism::Ptr
        }
        "ip4" => Mechanism::Ip(network(value?, IpAddr::is_ipv4)?),
        "ip6" => Mechanism::Ip(network(value?, IpAddr::is_ipv6)?),
        "a" => Mechanism::A(hosts(rest)?),
        "mx" => Mechanism::Mx(hosts(rest)?),
        _ => return None,
    };
    Some(Term { text: term.to_owned(), permits, mechanism })
}

fn network(text: &str, is_family: fn(&IpAddr) -> bool) -> Option<AddressBlock> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(number(prefix)?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok().filter(is_family)?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    AddressBlock::new(address, prefix.unwrap_or(whole))
}

/// `[":" domain-spec] ["/" bits of IPv4] ["//" bits of IPv6]`
fn hosts(rest: &str) -> Option<Hosts> {
    // A macro may hold a slash as a delimiter; what it stands for is not asked, so neither is its prefix.
    if rest.contains('%') {
        return Some(Hosts { target: Target::Macro, prefix_v4: 0, prefix_v6: 0 });
    }
    let (name, prefixes) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let target = if name.is_empty() { Target::Own } else { target(name.strip_prefix(':')?)? };
    let (v4, v6) = match prefixes.split_once("//") {
        Some((v4, v6)) => (v4, Some(v6)),
        None => (prefixes, None),
    };
    let bits = |text: Option<&str>, most: u8| match text {
        None => Some(most),
        Some(digits) => number(digits).filter(|bits| *bits <= most),
    };
    let v4 = if v4.is_empty() { None } else { Some(v4.strip_prefix('/')?) };
    Some(Hosts { target, prefix_v4: bits(v4, 32)?, prefix_v6: bits(v6, 128)? })
}

fn target(name: &str) -> Option<Target> {
    if name.contains('%') {
        return Some(Target::Macro);
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    (!name.is_empty() && !name.contains('/')).then(|| Target::Name(name.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mechanism(term: &str) -> Option<Mechanism> {
        parse(format!("v=spf1 {term}").as_bytes()).ok().map(|mut record| record.terms.remove(0).mechanism)
    }

    fn hosts(target: Target, prefix_v4: u8, prefix_v6: u8) -> Hosts {
        Hosts { target, prefix_v4, prefix_v6 }
    }

    #[test]
    fn mechanisms_are_read_with_their_networks() {
        let name = |name: &str| Target::Name(name.to_owned());
        assert_eq!(mechanism("A"), Some(Mechanism::A(hosts(Target::Own, 32, 128))));
        assert_eq!(mechanism("a/24"), Some(Mechanism::A(hosts(Target::Own, 24, 128))));
        assert_eq!(mechanism("a//64"), Some(Mechanism::A(hosts(Target::Own, 32, 64))));
        assert_eq!(
            mechanism("mx:Mail.Example.net./24//64"),
            Some(Mechanism::Mx(hosts(name("mail.example.net"), 24, 64)))
        );
        assert_eq!(mechanism("mx:%{d/}.example.net/0"), Some(Mechanism::Mx(hosts(Target::Macro, 0, 0))));
        assert_eq!(mechanism("include:%{ir}.example.net"), Some(Mechanism::Include(Target::Macro)));
        assert_eq!(mechanism("ip4:192.0.2.1"), Some(Mechanism::Ip("192.0.2.1/32".parse().unwrap())));
        assert_eq!(mechanism("ip6:2001:db8::/32"), Some(Mechanism::Ip("2001:db8::/32".parse().unwrap())));
        assert_eq!(mechanism("ptr:example.net"), Some(Mechanism::Ptr));
    }

    #[test]
    fn what_is_no_term_spoils_the_record() {
        let terms = [
            "ip4:999.0.2.1",
            "ip4:192.0.2.1/33",
            "ip4:192.0.2.1/",
            "ip4:192.0.2",
            "ip4:2001:db8::1",
            "ip6:192.0.2.1",
            "ip4",
            "a/33",
            "a/24/64",
            "a/+8",
            "a//129",
            "mx:",
            "include",
            "include:",
            "include:a.example/24",
            "exists",
            "all:x",
            "+-all",
            "mechanism:x",
            "redirect:x",
            "ip4:192.0.2.1,192.0.2.2",
            "redirect=",
            "+redirect=example.net",
        ];
        for term in terms {
            let problem = parse(format!("v=spf1 {term} -all").as_bytes()).expect_err(term);
            assert!(problem.contains(term), "{problem}");
        }
        assert!(parse(b"v=spf1 redirect=a.example redirect=b.example").is_err());
        assert!(parse(b"v=spf1 exp=a.example exp=b.example").is_err());
        assert!(parse("v=spf1 include:bücher.example".as_bytes()).is_err());
        assert!(parse(b"v=spf1\tall").is_err());
        assert!(parse(b"v=spf1 unknown=x moo.cow-far_out=man:dog/cat exp=%{i}.example -all").is_ok());
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_published_is_read_or_refused(terms in proptest::collection::vec("[-+~?]?(all|ip4|ip6|a|mx|ptr|include|exists|redirect|x)?[:=/]{0,2}[0-9a-z.:%{}/]{0,12}", 0..8)) {
            let text = format!("v=spf1 {}", terms.join(" "));
            if let Ok(record) = parse(text.as_bytes()) {
                for term in &record.terms {
                    proptest::prop_assert!(terms.contains(&term.text));
                }
            }
        }

        #[test]
        fn any_bytes_do_no_harm(bytes: Vec<u8>) {
            let _ = (parse(&bytes).is_ok(), select(&[bytes]).is_ok());
        }
    }

    #[test]
    fn the_one_record_of_a_domain_is_found() {
        let texts = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
        assert_eq!(select(&texts(&["v=spf10 a", "site=1", "v=spf1"])), Ok(Some(b"v=spf1".as_slice())));
        assert_eq!(select(&texts(&["v=spf1x", "v=spf2.0 a"])), Ok(None));
        assert!(select(&texts(&["v=spf1 a", "V=SPF1 -all"])).is_err());
    }
}

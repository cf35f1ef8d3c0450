//! `Authentication-Results` (RFC 8601): what the operator's own mail server found.

use super::{
    DkimVerdict, Signature, Telling,
    align::is_aligned,
    mail::{Mail, as_sent},
    shown,
};
use crate::{
    fault::{Fault, FaultCode, FaultPlace},
    report::domain,
};

/// What the topmost `Authentication-Results` field says of the mail's signatures, if it carries this authserv-id. `None`: it
/// carries another one, or there is no such field; those further down may be anybody's.
///
/// The field's server is believed to remove such fields of strangers, and to have judged the mail when it was received.
pub fn authentication_results(message: &[u8], authserv_id: &str, from_domain: Option<&str>) -> Option<DkimVerdict> {
    let message = as_sent(message);
    let field = Mail::read(&message).fields("authentication-results").next()?;
    let from = from_domain.and_then(domain);
    let mut reader = Reader { rest: field.value };
    reader.open().filter(|id| id.eq_ignore_ascii_case(authserv_id))?;
    Some(match reader.results() {
        Some(results) => judge(results, authserv_id, from.as_deref()),
        None => {
            let detail = format!("the Authentication-Results field of {} cannot be read", shown(authserv_id));
            DkimVerdict::Fail { fault: Fault::new(FaultCode::DkimFail, detail, FaultPlace::Whole), passing: Vec::new() }
        }
    })
}

/// One `dkim=` of the field.
#[derive(Debug, Default)]
struct Found {
    result: String,
    domain: Option<String>,
    identity: Option<String>,
    selector: Option<String>,
    /// A property stands twice, so it is not clear what was found.
    doubtful: bool,
}

fn judge(results: Vec<Found>, authserv_id: &str, from: Option<&str>) -> DkimVerdict {
    let authserv_id = shown(authserv_id);
    let mut telling = Telling::default();
    let mut passing = Vec::new();
    for found in results {
        // A server that gives no d= gives i=, whose domain is that of d= or below it (RFC 6376 §3.5).
        let identity = found.identity.as_deref().and_then(|identity| identity.rsplit_once('@')).map(|(_, name)| name);
        let signed = found.domain.as_deref().or(identity).and_then(domain);
        let aligned = signed.as_deref().zip(from).is_some_and(|(signed, from)| is_aligned(signed, from));
        let code = match found.result.as_str() {
            "none" => FaultCode::DkimNone,
            "temperror" => FaultCode::DkimTemperror,
            _ => FaultCode::DkimFail,
        };
        match signed {
            Some(domain) if found.result == "pass" && !found.doubtful => {
                // It is stored and shown: a stranger chose it.
                let selector = shown(&found.selector.unwrap_or_default());
                let signature = Signature { domain, selector, covers: Vec::new(), late: false, key_secure: false };
                if aligned {
                    return DkimVerdict::Pass(signature);
                }
                passing.push(signature);
            }
            signed => {
                let of = signed.map(|domain| format!(" for d={domain}")).unwrap_or_default();
                let detail = format!("{authserv_id} found dkim={}{of}", shown(&found.result));
                telling.add(aligned, code, detail);
            }
        }
    }
    DkimVerdict::Fail { fault: telling.fault(&passing, from), passing }
}

/// Reads by the grammar of RFC 8601 §2.2. `None` where it does not hold. Values are taken with more characters than a MIME
/// token has, because servers write base64 and addresses without quotes.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    /// The authserv-id, with the version behind it.
    fn open(&mut self) -> Option<String> {
        self.space()?;
        let id = self.value()?;
        self.space()?;
        if self.rest.first().is_some_and(u8::is_ascii_digit) {
            (self.value()? == "1").then_some(())?;
            self.space()?;
        }
        matches!(self.rest.first(), None | Some(b';')).then_some(id)
    }

    /// The results of the method dkim.
    fn results(&mut self) -> Option<Vec<Found>> {
        let mut results = Vec::new();
        while self.next(b';')? {
            if self.rest.is_empty() {
                break;
            }
            let method = self.keyword()?;
            self.space()?;
            if method == "none" && matches!(self.rest.first(), None | Some(b';')) {
                continue;
            }
            if self.next(b'/')? {
                self.keyword()?;
                self.space()?;
            }
            self.next(b'=')?.then_some(())?;
            let mut found = Found { result: self.keyword()?, ..Found::default() };
            self.properties(&mut found)?;
            if method == "dkim" {
                results.push(found);
            }
        }
        self.rest.is_empty().then_some(results)
    }

    fn properties(&mut self, found: &mut Found) -> Option<()> {
        loop {
            self.space()?;
            if matches!(self.rest.first(), None | Some(b';')) {
                return Some(());
            }
            let kind = self.keyword()?;
            let mut name = kind;
            self.space()?;
            if self.next(b'.')? {
                name = format!("{name}.{}", self.keyword()?);
                self.space()?;
            }
            self.next(b'=')?.then_some(())?;
            let value = self.value()?;
            let place = match name.as_str() {
                "header.d" => &mut found.domain,
                "header.i" => &mut found.identity,
                "header.s" => &mut found.selector,
                _ => continue,
            };
            found.doubtful |= place.replace(value).is_some();
        }
    }

    /// Whether this character comes next; it is passed with the space behind it.
    fn next(&mut self, wanted: u8) -> Option<bool> {
        match self.rest.split_first() {
            Some((first, rest)) if *first == wanted => {
                self.rest = rest;
                self.space()?;
                Some(true)
            }
            _ => Some(false),
        }
    }

    /// Passes whitespace and comments, which may lie in each other (RFC 5322 §3.2.2).
    fn space(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.rest.split_first() {
                Some((b'\\', rest)) if depth > 0 => self.rest = rest.split_first()?.1,
                Some((b'(', rest)) => (depth, self.rest) = (depth + 1, rest),
                Some((b')', rest)) if depth > 0 => (depth, self.rest) = (depth - 1, rest),
                Some((byte, rest)) if depth > 0 || byte.is_ascii_whitespace() => self.rest = rest,
                _ => return (depth == 0).then_some(()),
            }
        }
    }

    fn keyword(&mut self) -> Option<String> {
        let is_keyword = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let (word, rest) = self.rest.split_at(self.rest.iter().take_while(|byte| is_keyword(byte)).count());
        self.rest = rest;
        let word = std::str::from_utf8(word).ok()?;
        (!word.is_empty()).then(|| word.to_ascii_lowercase())
    }

    /// A word or a string in quotes, or an address made of them.
    fn value(&mut self) -> Option<String> {
        let mut value = Vec::new();
        let mut quoted = false;
        while let Some((byte, rest)) = self.rest.split_first() {
            match byte {
                b'"' => {
                    self.rest = rest;
                    quoted = true;
                    self.string(&mut value)?;
                    continue;
                }
                b';' | b'(' => break,
                b')' | b'\\' => return None,
                byte if byte.is_ascii_whitespace() => break,
                byte => value.push(*byte),
            }
            self.rest = rest;
        }
        (quoted || !value.is_empty()).then(|| String::from_utf8(value).ok()).flatten()
    }

    /// What stands between two quotes, of which the first has been read.
    fn string(&mut self, value: &mut Vec<u8>) -> Option<()> {
        loop {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            match byte {
                b'"' => return Some(()),
                b'\\' => {
                    let (escaped, rest) = rest.split_first()?;
                    value.push(*escaped);
                    self.rest = rest;
                }
                byte => value.push(*byte),
            }
        }
    }
}

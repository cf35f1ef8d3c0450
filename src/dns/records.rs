//! A file of records in the place of the DNS: for tests, and for keys that are no longer published.
//!
//! ```text
//! ; a comment, also with #
//! sel._domainkey.example.net. TXT "v=DKIM1; k=rsa; " "p=MIIB…"
//! old._domainkey.example.net  TXT v=DKIM1; k=rsa; p=MIIB…
//! example.net                 MX  10 mx1.example.net
//! mx1.example.net             A   192.0.2.25
//! mx1.example.net             AAAA 2001:db8::25
//! 25.2.0.192.in-addr.arpa     PTR mx1.example.net
//! www.example.net             CNAME mx1.example.net
//! down.example.net            SERVFAIL
//! ```
//!
//! Text without quotes goes to the end of the line. A TTL and the class IN may stand before the type, as in a zone file.

use std::{
    collections::HashMap,
    fs,
    future::ready,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use super::{DnsAnswer, DnsError, Family, Lookup, Resolver, reverse_name};

/// Aliases that lead to each other at most.
const ALIASES_MAX: usize = 8;

/// The records of one file, read again whenever it has changed.
pub struct Records {
    /// `None`: they were given as text.
    path: Option<PathBuf>,
    held: Mutex<Held>,
}

struct Held {
    stamp: Option<Stamp>,
    /// The error says why the file cannot be used as it is now.
    zone: Result<Zone, String>,
}

/// Time of change and size: one of them changes with the content.
type Stamp = (SystemTime, u64);

/// Names in lower case without trailing dot.
type Zone = HashMap<String, Entry>;

#[derive(Debug, Default)]
struct Entry {
    /// Each with its strings.
    txt: Vec<Vec<Vec<u8>>>,
    mx: Vec<(u16, String)>,
    addresses: Vec<IpAddr>,
    names: Vec<String>,
    alias: Option<String>,
    fails: bool,
}

enum Datum {
    Txt(Vec<Vec<u8>>),
    Mx(u16, String),
    Address(IpAddr),
    Ptr(String),
    Cname(String),
    ServFail,
}

impl Records {
    /// Reads the file. The error is an English sentence that names the line.
    pub fn open(path: &Path) -> Result<Records, String> {
        let mut held = Held::read(path);
        let zone = std::mem::replace(&mut held.zone, Ok(Zone::new()))?;
        Ok(Records { path: Some(path.to_owned()), held: Mutex::new(Held { zone: Ok(zone), ..held }) })
    }

    /// The same for records that never change.
    pub fn parse(text: &str) -> Result<Records, String> {
        let held = Held { stamp: None, zone: Ok(parse(text)?) };
        Ok(Records { path: None, held: Mutex::new(held) })
    }

    fn answer<T: Send + 'static>(&self, name: &str, read: fn(&Entry) -> Vec<T>) -> Lookup<Vec<T>> {
        Box::pin(ready(self.find(name, read)))
    }

    fn find<T>(&self, name: &str, read: fn(&Entry) -> Vec<T>) -> Result<DnsAnswer<Vec<T>>, DnsError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &self.path
            && (held.stamp.is_none() || held.stamp != stamp(path))
        {
            *held = Held::read(path);
        }
        let zone = held.zone.as_ref().map_err(|problem| DnsError::Temporary(problem.clone()))?;
        let mut name = normal(name);
        let mut entry = zone.get(&name).ok_or(DnsError::NotFound)?;
        for _ in 0..ALIASES_MAX {
            let Some(alias) = entry.alias.as_ref().filter(|_| !entry.fails) else { break };
            name.clone_from(alias);
            entry = zone.get(&name).ok_or(DnsError::NotFound)?;
        }
        if entry.fails {
            return Err(DnsError::Temporary(format!("the file of records answers about {name}: SERVFAIL")));
        }
        let value = read(entry);
        if value.is_empty() { Err(DnsError::NotFound) } else { Ok(DnsAnswer { value, secure: false }) }
    }
}

impl Resolver for Records {
    fn txt(&self, name: &str) -> Lookup<Vec<Vec<u8>>> {
        self.answer(name, |entry| entry.txt.iter().map(|strings| strings.concat()).collect())
    }

    fn txt_strings(&self, name: &str) -> Lookup<Vec<Vec<Vec<u8>>>> {
        self.answer(name, |entry| entry.txt.clone())
    }

    fn mx(&self, name: &str) -> Lookup<Vec<String>> {
        self.answer(name, |entry| entry.mx.iter().map(|(_, host)| host.clone()).collect())
    }

    fn addresses(&self, name: &str, family: Family) -> Lookup<Vec<IpAddr>> {
        self.answer(
            name,
            match family {
                Family::V4 => |entry| entry.addresses.iter().copied().filter(IpAddr::is_ipv4).collect(),
                Family::V6 => |entry| entry.addresses.iter().copied().filter(IpAddr::is_ipv6).collect(),
            },
        )
    }

    fn ptr(&self, address: IpAddr) -> Lookup<Vec<String>> {
        self.answer(&reverse_name(address), |entry| entry.names.clone())
    }
}

impl Held {
    fn read(path: &Path) -> Held {
        // Looked at before the content: a change in between is seen the next time.
        let stamp = stamp(path);
        let zone = fs::read_to_string(path)
            .map_err(|error| error.to_string())
            .and_then(|text| parse(&text))
            .map_err(|problem| format!("{}: {problem}", path.display()));
        Held { stamp, zone }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn parse(text: &str) -> Result<Zone, String> {
    let mut zone = Zone::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        let (name, datum) = record(line).map_err(|problem| format!("line {}: {problem}", index + 1))?;
        let entry = zone.entry(name).or_default();
        match datum {
            Datum::Txt(text) => entry.txt.push(text),
            Datum::Mx(preference, host) => entry.mx.push((preference, host)),
            Datum::Address(address) => entry.addresses.push(address),
            Datum::Ptr(name) => entry.names.push(name),
            Datum::Cname(name) => entry.alias = Some(name),
            Datum::ServFail => entry.fails = true,
        }
    }
    for entry in zone.values_mut() {
        entry.mx.sort();
    }
    Ok(zone)
}

fn record(line: &str) -> Result<(String, Datum), String> {
    let (name, mut rest) = word(line);
    let mut kind;
    loop {
        (kind, rest) = word(rest);
        let is_ttl = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_digit());
        if !is_ttl && !kind.eq_ignore_ascii_case("IN") {
            break;
        }
    }
    let datum = match kind.to_ascii_uppercase().as_str() {
        "TXT" => Datum::Txt(txt(rest)?),
        "MX" => mx(rest)?,
        "A" => Datum::Address(IpAddr::V4(address::<Ipv4Addr>(rest, "an A record has an IPv4 address")?)),
        "AAAA" => Datum::Address(IpAddr::V6(address::<Ipv6Addr>(rest, "an AAAA record has an IPv6 address")?)),
        "PTR" => Datum::Ptr(host(rest)?),
        "CNAME" => Datum::Cname(host(rest)?),
        "SERVFAIL" => Datum::ServFail,
        _ => return Err(format!("{kind:?} is none of TXT, MX, A, AAAA, PTR, CNAME and SERVFAIL")),
    };
    Ok((normal(name), datum))
}

/// The first word and what follows it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

/// The strings of a TXT record.
fn txt(rest: &str) -> Result<Vec<Vec<u8>>, String> {
    let rest = rest.trim();
    if rest.is_empty() {
        return Err("a TXT record has a text".to_owned());
    }
    if !rest.starts_with('"') {
        return Ok(vec![rest.as_bytes().to_vec()]);
    }
    let mut strings = Vec::new();
    let mut bytes = rest.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => strings.push(string(&mut bytes)?),
            b' ' | b'\t' => {}
            b';' | b'#' => break,
            _ => return Err("something other than a string in quotes follows one".to_owned()),
        }
    }
    Ok(strings)
}

/// What stands between two quotes, of which the first has been read (RFC 1035 §5.1: `\X` is X, `\DDD` the byte DDD).
fn string(bytes: &mut impl Iterator<Item = u8>) -> Result<Vec<u8>, String> {
    let open = || "a quote is not closed".to_owned();
    let mut text = Vec::new();
    loop {
        match bytes.next().ok_or_else(open)? {
            b'"' => return Ok(text),
            b'\\' => {
                let escaped = bytes.next().ok_or_else(open)?;
                if !escaped.is_ascii_digit() {
                    text.push(escaped);
                    continue;
                }
                let mut digits = String::from(char::from(escaped));
                digits.extend(bytes.by_ref().take(2).map(char::from));
                text.push(digits.parse().map_err(|_| format!("\\{digits} is no byte"))?);
            }
            byte => text.push(byte),
        }
    }
}

fn mx(rest: &str) -> Result<Datum, String> {
    let (preference, rest) = word(rest);
    let (host, _) = word(rest);
    match preference.parse() {
        Ok(preference) if !host.is_empty() => Ok(Datum::Mx(preference, normal(host))),
        _ => Err("an MX record has a preference and a host, such as `10 mx.example.net`".to_owned()),
    }
}

fn address<T: FromStr>(rest: &str, problem: &str) -> Result<T, String> {
    word(rest).0.parse().map_err(|_| problem.to_owned())
}

fn host(rest: &str) -> Result<String, String> {
    let (host, _) = word(rest);
    if host.is_empty() { Err("a PTR or CNAME record has a name".to_owned()) } else { Ok(normal(host)) }
}

fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

//! Whether the values make sense together. Everything is looked at, so that one run of `tlsight config check` tells all.

mod alerts;
mod imap;
mod mail;
mod maildir;
mod notify;
mod reporters;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Read,
    net::IpAddr,
    path::Path,
};

use super::{Config, ConfigError, Domain, Listen, problem::Problems};
use crate::{reporters::Registry, verify::Served};

/// A shorter token could be guessed.
const TOKEN_MIN_CHARS: usize = 8;
/// Bytes of a token file that are looked at; a larger one is not a token.
const TOKEN_FILE_MAX_BYTES: u64 = 4 * 1024;
/// DuckDB cannot replay its write-ahead log with less.
const MEMORY_MIN_BYTES: u64 = 64 * 1024 * 1024;

impl Config {
    /// Says whether the configuration can be served. Reads the files of tokens and of other secrets for channels.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut problems = Problems::default();
        self.check_domains(&mut problems);
        self.check_listeners(&mut problems);
        self.check_imap(&mut problems);
        self.check_bounds(&mut problems);
        reporters::check(&self.reporter, &mut problems);
        maildir::check(&self.maildir, &mut problems);
        mail::check_smtp(&self.smtp, &mut problems);
        mail::check_dkim(&self.dkim, &mut problems);
        mail::check_dns(&self.dns, &mut problems);
        mail::check_policy_checks(&self.check, &mut problems);
        self.check_alerts(&mut problems);
        self.check_notify(&mut problems);
        problems.finish()
    }

    /// The served domains with their MX hosts and tokens, as A-labels.
    pub fn served(&self) -> Result<Served, ConfigError> {
        let mut problems = Problems::default();
        let served = self.check_domains(&mut problems);
        problems.finish()?;
        Ok(served)
    }

    /// The known reporters: those that are shipped, with the operator's own.
    pub fn registry(&self) -> Registry {
        Registry::shipped().with(&self.reporter)
    }

    fn check_domains(&self, problems: &mut Problems) -> Served {
        let (mut domains, mut tokens) = (BTreeMap::new(), BTreeMap::new());
        for (index, domain) in self.domain.iter().enumerate() {
            let place = format!("domain[{index}]");
            let name = match a_label(&domain.name) {
                Ok(name) => name,
                Err(why) => {
                    problems.add(format!("`{place}.name` = {:?}: {why}", domain.name));
                    continue;
                }
            };
            if domains.contains_key(&name) {
                problems.add(format!("`{place}.name` = {:?}: {name} stands twice", domain.name));
            }
            let mut hosts = BTreeSet::new();
            for host in &domain.mx {
                match a_label(host) {
                    Ok(host) => drop(hosts.insert(host)),
                    Err(why) => problems.add(format!("`{place}.mx` = {host:?}: {why}")),
                }
            }
            match token_of(domain, &place) {
                Ok(None) => {}
                Ok(Some(token)) => match tokens.get(&token).and_then(BTreeSet::first) {
                    Some(first) => problems
                        .add(format!("`{place}.token` of {name} is that of {first} as well: a token names one domain")),
                    None => drop(tokens.insert(token, BTreeSet::from([name.clone()]))),
                },
                Err(why) => problems.add(format!("`{place}.{why}")),
            }
            domains.insert(name, hosts);
        }
        Served::new(domains, tokens)
    }

    fn check_listeners(&self, problems: &mut Problems) {
        if let (Some(_), None) | (None, Some(_)) = (&self.public.certificate, &self.public.key) {
            problems.add("`public.certificate` and `public.key` belong together: set both or none");
        }
        let tls = self.public.certificate.is_some() && self.public.key.is_some();
        match self.public.listen {
            Listen::At(address) if !address.ip().is_loopback() && !tls && !self.public.behind_proxy => {
                problems.add(format!(
                    "`public.listen` = {address} would take reports in plain text from the network: set \
                     `public.certificate` and `public.key`, or `public.behind_proxy = true` where a proxy terminates TLS"
                ));
            }
            _ => {}
        }
        match self.private.listen {
            Listen::At(address) if !address.ip().is_loopback() && !self.private.allow_remote => {
                problems.add(format!(
                    "`private.listen` = {address} would show everything to whoever reaches it, as there are no accounts: \
                     listen on 127.0.0.1 behind a proxy that asks who it is, or set `private.allow_remote = true`"
                ));
            }
            _ => {}
        }
        match (self.public.listen, self.private.listen) {
            (Listen::Off, Listen::Off) => problems.add("`public.listen` and `private.listen` are both off"),
            (Listen::At(public), Listen::At(private)) if public == private && public.port() != 0 => {
                problems.add(format!("`public.listen` and `private.listen` are both {public}"));
            }
            _ => {}
        }
        for proxy in &self.public.trusted_proxies {
            if !is_network(proxy) {
                problems.add(format!(
                    "`public.trusted_proxies` = {proxy:?} is neither an address nor a network like 192.0.2.0/24"
                ));
            }
        }
        for host in &self.private.hosts {
            if let Err(why) = a_label(host) {
                problems.add(format!("`private.hosts` = {host:?}: {why}"));
            }
        }
    }

    fn check_bounds(&self, problems: &mut Problems) {
        let (public, store, limits) = (&self.public, &self.store, &self.limits);
        let at_least_one = [
            ("public.connections_max", public.connections_max as u64),
            ("public.connections_per_address_max", public.connections_per_address_max as u64),
            ("public.requests_per_minute_max", u64::from(public.requests_per_minute_max)),
            ("public.header_deadline_s", public.header_deadline_s),
            ("public.body_deadline_s", public.body_deadline_s),
            ("public.idle_deadline_s", public.idle_deadline_s),
            ("public.shutdown_deadline_s", public.shutdown_deadline_s),
            ("private.connections_max", self.private.connections_max as u64),
            ("store.queue_max", store.queue_max as u64),
            ("store.readers_max", store.readers_max as u64),
            ("limits.report_wire_max_bytes", limits.report_wire_max_bytes as u64),
            ("limits.mail_wire_max_bytes", limits.mail_wire_max_bytes as u64),
            ("limits.report_decompressed_max_bytes", limits.report_decompressed_max_bytes as u64),
            ("limits.report_compression_ratio_max", limits.report_compression_ratio_max),
            ("limits.report_policies_max", limits.report_policies_max as u64),
            ("limits.report_failure_details_max", limits.report_failure_details_max as u64),
            ("limits.json_string_max_bytes", limits.json_string_max_bytes as u64),
        ];
        for (key, _) in at_least_one.iter().filter(|(_, value)| *value == 0) {
            problems.add(format!("`{key}` = 0: at least 1"));
        }
        if store.memory_max_bytes < MEMORY_MIN_BYTES {
            problems.add(format!("`store.memory_max_bytes` = {}: at least {MEMORY_MIN_BYTES}", store.memory_max_bytes));
        }
        // The control socket and DuckDB count in 32 bits; a report of this size is none.
        let too_large = u32::MAX as usize / 2;
        for (key, value) in [
            ("limits.report_wire_max_bytes", limits.report_wire_max_bytes),
            ("limits.mail_wire_max_bytes", limits.mail_wire_max_bytes),
            ("limits.report_decompressed_max_bytes", limits.report_decompressed_max_bytes),
        ] {
            if value > too_large {
                problems.add(format!("`{key}` = {value}: at most {too_large}"));
            }
        }
    }
}

/// The domain as the DNS has it: A-labels, lower case, no trailing dot.
fn a_label(name: &str) -> Result<String, String> {
    let name = name.trim();
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        return Err("a domain name is missing".to_owned());
    }
    if name.parse::<IpAddr>().is_ok() {
        return Err("this is an address, not a domain name".to_owned());
    }
    let ascii = idna::domain_to_ascii(name).map_err(|_| "this is no domain name".to_owned())?;
    let label_fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
    };
    if ascii.len() > 253 || !ascii.split('.').all(label_fits) {
        return Err("this is no domain name".to_owned());
    }
    Ok(ascii)
}

/// The domain's token, or the rest of an error that begins with the key.
fn token_of(domain: &Domain, place: &str) -> Result<Option<String>, String> {
    let (key, token) = match (&domain.token, &domain.token_file) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(format!("token` and `{place}.token_file` are both set: keep one")),
        (Some(token), None) => ("token", token.clone()),
        (None, Some(path)) => match read_token(path) {
            Ok(token) => ("token_file", token),
            Err(why) => return Err(format!("token_file` = {}: {why}", path.display())),
        },
    };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if token.len() < TOKEN_MIN_CHARS || !token.bytes().all(fits) {
        // The secret itself is not repeated: this ends in a log.
        return Err(format!(
            "{key}` does not fit into a URL as a secret: at least {TOKEN_MIN_CHARS} emails, digits, `-` or `_`"
        ));
    }
    Ok(Some(token))
}

fn read_token(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(TOKEN_FILE_MAX_BYTES + 1).read_to_string(&mut text))
        .map_err(|error| format!("cannot be read: {error}"))?;
    if text.len() as u64 > TOKEN_FILE_MAX_BYTES {
        return Err(format!("larger than {TOKEN_FILE_MAX_BYTES} bytes"));
    }
    Ok(text.trim().to_owned())
}

fn is_network(text: &str) -> bool {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let bits = if address.is_ipv4() { 32 } else { 128 };
    prefix.is_none_or(|prefix| prefix.parse::<u8>().is_ok_and(|prefix| prefix <= bits))
}

fn is_loopback(host: &str) -> bool {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let address = host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    address || host.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests;

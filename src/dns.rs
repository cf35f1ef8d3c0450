//! Looking up names: in the DNS, or in a file of records. Whoever asks knows only `Resolver`.

mod hickory;
mod records;
mod silent;

#[cfg(test)]
mod tests;

use std::{fmt::Write as _, net::IpAddr, path::Path, pin::Pin, sync::Arc, time::Duration};

use tokio::runtime::Handle;

use crate::limits::DNS_CACHE_MAX_ENTRIES;

pub use hickory::Hickory;
pub use records::Records;

/// Answers questions about names. Names are A-labels; a trailing dot makes no difference.
pub trait Resolver: Send + Sync + 'static {
    /// The TXT records of a name, the strings of each joined without anything between (RFC 6376 §3.6.2.2, RFC 7208 §3.3).
    fn txt(&self, name: &str) -> Lookup<Vec<Vec<u8>>>;

    /// The same with the strings of each record by themselves, for who judges how they are cut.
    fn txt_strings(&self, name: &str) -> Lookup<Vec<Vec<Vec<u8>>>> {
        let joined = self.txt(name);
        Box::pin(async move {
            let DnsAnswer { value, secure } = joined.await?;
            Ok(DnsAnswer { value: value.into_iter().map(|text| vec![text]).collect(), secure })
        })
    }

    /// The MX hosts of a name, best preference first. Lower case, no trailing dot.
    fn mx(&self, name: &str) -> Lookup<Vec<String>>;

    /// The addresses of a name in one family: its A or its AAAA records.
    fn addresses(&self, name: &str, family: Family) -> Lookup<Vec<IpAddr>>;

    /// The names an address has (PTR), also where its zone hands them on by aliases (RFC 2317). Lower case, no trailing dot,
    /// in the order of the answer: anybody can give an address of theirs any name.
    fn ptr(&self, address: IpAddr) -> Lookup<Vec<String>>;
}

/// Which records hold the addresses of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    /// That of an address. One that is IPv4 within IPv6 is to be unwrapped before.
    pub fn of(address: IpAddr) -> Family {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }
}

/// The name under which an address's own names stand (RFC 1035 §3.5, RFC 3596 §2.5), without trailing dot.
pub fn reverse_name(address: IpAddr) -> String {
    let mut name = String::new();
    // Writing to a text cannot fail.
    match address.to_canonical() {
        IpAddr::V4(address) => {
            for octet in address.octets().iter().rev() {
                let _ = write!(name, "{octet}.");
            }
            name.push_str("in-addr.arpa");
        }
        IpAddr::V6(address) => {
            for octet in address.octets().iter().rev() {
                let _ = write!(name, "{:x}.{:x}.", octet & 0xf, octet >> 4);
            }
            name.push_str("ip6.arpa");
        }
    }
    name
}

/// An answer that may take until the deadline. It can be awaited on any thread, with or without an async runtime.
pub type Lookup<T> = Pin<Box<dyn Future<Output = Result<DnsAnswer<T>, DnsError>> + Send>>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsAnswer<T> {
    pub value: T,
    /// Whether every record on the way was signed and validated here (RFC 4035 §4.3).
    pub secure: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// There is no such name, or it has no such record.
    #[error("there is no such record")]
    NotFound,
    /// No answer within the deadline, a server that fails or refuses, a signature of the DNS that is wrong: what the name
    /// says is not known now. Holds an English sentence without full stop.
    #[error("{0}")]
    Temporary(String),
}

/// A setting of `[dns]` that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{setting}`: {problem}")]
pub struct SettingError {
    /// The key in the configuration file.
    pub setting: &'static str,
    pub problem: String,
}

/// The resolver that the settings of `[dns]` ask for.
///
/// `servers` are addresses with an optional port; none: the system's. `deadline` bounds one look-up as a whole. Where there
/// is a file of `records`, it is asked instead of the DNS. Look-ups run on the runtime of `handle`.
pub fn open(
    servers: &[String],
    deadline: Duration,
    validate: bool,
    records: Option<&Path>,
    handle: &Handle,
) -> Result<Arc<dyn Resolver>, SettingError> {
    open_with(servers, deadline, validate, records, DNS_CACHE_MAX_ENTRIES, handle)
}

/// The same without a memory of its own: what was mended a minute ago is not shown as broken.
pub fn open_uncached(
    servers: &[String],
    deadline: Duration,
    validate: bool,
    records: Option<&Path>,
    handle: &Handle,
) -> Result<Arc<dyn Resolver>, SettingError> {
    open_with(servers, deadline, validate, records, 0, handle)
}

fn open_with(
    servers: &[String],
    deadline: Duration,
    validate: bool,
    records: Option<&Path>,
    cache_max_entries: u64,
    handle: &Handle,
) -> Result<Arc<dyn Resolver>, SettingError> {
    if let Some(path) = records {
        let records = Records::open(path).map_err(|problem| SettingError { setting: "dns.records", problem })?;
        return Ok(Arc::new(records));
    }
    let problem = |problem| SettingError { setting: "dns.servers", problem };
    let servers =
        servers.iter().map(|server| hickory::server(server)).collect::<Result<Vec<_>, _>>().map_err(problem)?;
    Ok(Arc::new(Hickory::open(&servers, deadline, validate, cache_max_entries, handle).map_err(problem)?))
}

//! Whether a domain's SPF record names an address as one of its own (RFC 7208), which is narrower than whether it permits
//! the address: `all`, wide networks and whatever depends on the sender of a mail permit strangers as well.

use std::{net::IpAddr, pin::Pin};

use futures_util::future::join_all;

use super::{
    AddressBlock, Looking, Stop,
    record::{self, Hosts, Mechanism, SpfRecord, Target, Term, shown},
};
use crate::limits::{NETWORK_PROOF_MX_HOSTS_MAX, NETWORK_PROOF_SPF_TERMS_MAX, NETWORK_PROOF_SPF_VOID_MAX};

/// Networks wider than these are not one sender's own.
const PREFIX_V4_MIN: u8 = 16;
const PREFIX_V6_MIN: u8 = 32;

/// What a record says of the address.
enum Said {
    /// A mechanism that counts permits it: which one, and whose record it stands in.
    Permitted(String),
    /// None does. `perhaps`: one that does not count would, or might.
    No { perhaps: bool },
}

/// The look-ups of one evaluation (RFC 7208 §4.6.4).
struct Evaluation<'a, 'b> {
    looking: &'a mut Looking<'b>,
    terms: usize,
    voids: usize,
    /// The first mechanism that matches and does not count.
    uncounted: Option<String>,
}

type Saying<'a> = Pin<Box<dyn Future<Output = Result<Said, Stop>> + Send + 'a>>;

/// The mechanism that permits the address and the domain in whose record it stands.
pub(super) async fn permitted(domain: &str, looking: &mut Looking<'_>) -> Result<String, Stop> {
    let mut evaluation = Evaluation { looking, terms: 0, voids: 0, uncounted: None };
    let Some(record) = evaluation.record(domain).await? else {
        return Err(Stop::settled(format!("{domain} has no SPF record")));
    };
    let said = evaluation.check(domain.to_owned(), record).await?;
    let address = evaluation.looking.address;
    match (said, evaluation.uncounted) {
        (Said::Permitted(by), _) => Ok(by),
        (Said::No { .. }, Some(term)) => Err(Stop::settled(format!(
            "of the SPF record of {domain} only `{term}` may permit {address}, which permits strangers as well"
        ))),
        (Said::No { .. }, None) => Err(Stop::settled(format!("the SPF record of {domain} does not permit {address}"))),
    }
}

impl Evaluation<'_, '_> {
    async fn record(&mut self, domain: &str) -> Result<Option<SpfRecord>, Stop> {
        let about = |problem: String| Stop::settled(format!("{problem} at {domain}"));
        let Some(texts) = self.looking.txt(domain).await? else { return Ok(None) };
        let Some(text) = record::select(&texts).map_err(about)? else { return Ok(None) };
        record::parse(text).map(Some).map_err(about)
    }

    /// A record that another one names, which must be there.
    async fn named(&mut self, domain: &str) -> Result<SpfRecord, Stop> {
        let record = self.record(domain).await?;
        record.ok_or_else(|| Stop::settled(format!("the SPF record names {domain}, which has none")))
    }

    fn check<'a>(&'a mut self, mut domain: String, mut record: SpfRecord) -> Saying<'a> {
        Box::pin(async move {
            let mut perhaps = false;
            loop {
                for term in &record.terms {
                    match self.term(&domain, term).await? {
                        Matched::No => {}
                        Matched::Perhaps if term.permits => {
                            perhaps = true;
                            self.uncounted.get_or_insert_with(|| shown(&term.text).to_owned());
                        }
                        // It may exclude the address: so nothing behind it is known to count.
                        Matched::Perhaps => return Ok(Said::No { perhaps: true }),
                        Matched::Yes if term.permits => return Ok(Said::Permitted(by(&term.text, &domain))),
                        Matched::Within(by) if term.permits => return Ok(Said::Permitted(by)),
                        Matched::Yes | Matched::Within(_) => return Ok(Said::No { perhaps }),
                    }
                    // RFC 7208 §5.1: what stands behind it is never looked at.
                    if term.mechanism == Mechanism::All {
                        return Ok(Said::No { perhaps });
                    }
                }
                match record.redirect.take() {
                    None => return Ok(Said::No { perhaps }),
                    Some(Target::Name(name)) => {
                        self.count_term()?;
                        record = self.named(&name).await?;
                        domain = name;
                    }
                    Some(Target::Own | Target::Macro) => return Ok(Said::No { perhaps: true }),
                }
            }
        })
    }

    async fn term(&mut self, domain: &str, term: &Term) -> Result<Matched, Stop> {
        match &term.mechanism {
            Mechanism::All => Ok(if term.permits { Matched::Perhaps } else { Matched::Yes }),
            Mechanism::Ip(network) => Ok(self.within(network, term.permits)),
            Mechanism::Ptr | Mechanism::Exists => {
                self.count_term()?;
                Ok(Matched::Perhaps)
            }
            Mechanism::Include(target) => {
                self.count_term()?;
                let Target::Name(name) = target else { return Ok(Matched::Perhaps) };
                let included = self.named(name).await?;
                let before = self.uncounted.clone();
                let said = self.check(name.clone(), included).await?;
                if !term.permits {
                    self.uncounted = before;
                }
                Ok(match said {
                    Said::Permitted(by) => Matched::Within(by),
                    Said::No { perhaps: true } => Matched::Perhaps,
                    Said::No { perhaps: false } => Matched::No,
                })
            }
            Mechanism::A(hosts) => {
                self.count_term()?;
                let Some((name, prefix)) = self.hosts(domain, hosts, term.permits) else { return Ok(Matched::Perhaps) };
                let addresses = self.looking.addresses(name).await?;
                if addresses.is_empty() {
                    self.count_void()?;
                }
                Ok(self.any(&addresses, prefix, term.permits))
            }
            Mechanism::Mx(hosts) => {
                self.count_term()?;
                let Some((name, prefix)) = self.hosts(domain, hosts, term.permits) else { return Ok(Matched::Perhaps) };
                let exchanges = self.looking.mx(name).await?;
                if exchanges.is_empty() {
                    self.count_void()?;
                }
                if exchanges.len() > NETWORK_PROOF_MX_HOSTS_MAX {
                    return Err(Stop::settled(format!("{name} has too many MX hosts for an SPF record")));
                }
                let asked = join_all(exchanges.iter().map(|host| self.looking.ask_addresses(host))).await;
                let addresses = self.looking.take_all(asked)?;
                Ok(self.any(&addresses, prefix, term.permits))
            }
        }
    }

    /// The name to ask and the bits to compare; `None` where a match would say nothing, so that nobody is asked.
    fn hosts<'a>(&self, domain: &'a str, hosts: &'a Hosts, permits: bool) -> Option<(&'a str, u8)> {
        let name = match &hosts.target {
            Target::Own => domain,
            Target::Name(name) => name.as_str(),
            Target::Macro => return None,
        };
        let prefix = if self.looking.address.is_ipv4() { hosts.prefix_v4 } else { hosts.prefix_v6 };
        (!permits || !self.is_wide(prefix)).then_some((name, prefix))
    }

    fn any(&self, addresses: &[IpAddr], prefix: u8, permits: bool) -> Matched {
        let mut networks = addresses.iter().filter_map(|address| AddressBlock::new(*address, prefix));
        match networks.find(|network| network.contains(self.looking.address)) {
            Some(network) => self.within(&network, permits),
            None => Matched::No,
        }
    }

    fn within(&self, network: &AddressBlock, permits: bool) -> Matched {
        match network.contains(self.looking.address) {
            false => Matched::No,
            true if permits && self.is_wide(network.prefix()) => Matched::Perhaps,
            true => Matched::Yes,
        }
    }

    fn is_wide(&self, prefix: u8) -> bool {
        prefix < if self.looking.address.is_ipv4() { PREFIX_V4_MIN } else { PREFIX_V6_MIN }
    }

    fn count_term(&mut self) -> Result<(), Stop> {
        self.terms += 1;
        if self.terms > NETWORK_PROOF_SPF_TERMS_MAX {
            let most = NETWORK_PROOF_SPF_TERMS_MAX;
            return Err(Stop::settled(format!("the SPF record needs more than {most} look-ups")));
        }
        Ok(())
    }

    fn count_void(&mut self) -> Result<(), Stop> {
        self.voids += 1;
        if self.voids > NETWORK_PROOF_SPF_VOID_MAX {
            let most = NETWORK_PROOF_SPF_VOID_MAX;
            return Err(Stop::settled(format!("more than {most} look-ups of the SPF record find nothing")));
        }
        Ok(())
    }
}

/// Whether a mechanism is one of the address.
enum Matched {
    No,
    /// It matches, or may, and proves nothing.
    Perhaps,
    Yes,
    /// By this mechanism of an included record.
    Within(String),
}

fn by(term: &str, domain: &str) -> String {
    format!("{} in the SPF record of {domain}", shown(term))
}

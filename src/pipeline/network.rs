//! Whether the address a report was posted from proves the domain it comes from: asked once, remembered, and bounded, so that
//! nobody who posts made-up reports makes us ask the DNS for them.

mod budget;
mod known;
mod pending;
mod posted;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use crate::{
    dns::Resolver,
    limits::{
        NETWORK_PENDING_INTERVAL_S, NETWORK_PROOF_DEADLINE_S, NETWORK_PROOF_DOMAINS_MAX, NETWORK_PROOFS_AT_ONCE_MAX,
    },
    report::{self, Report},
    submission::{NetworkState, Origin, Trust},
    verify::network::{self, AddressBlock, Proof, ProofRules},
};
use budget::LookupBudget;
use known::Known;

/// Between two looks at the reports whose proof could not be looked up when they came.
pub const PENDING_INTERVAL: Duration = Duration::from_secs(NETWORK_PENDING_INTERVAL_S);

/// What proofs are looked up with, and those that are known. The rules may change while it is in use.
pub struct Networks {
    /// `None`: nothing is asked, nothing is proven.
    resolver: Option<Arc<dyn Resolver>>,
    /// Addresses that speak for whoever is behind them.
    proxies: Vec<AddressBlock>,
    rules: ArcSwap<ProofRules>,
    permits: Semaphore,
    known: Mutex<Known>,
    budget: Mutex<LookupBudget>,
}

/// Who is asked about: an address, and the domains it may prove.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    pub address: IpAddr,
    /// A-labels, those of the report in their order, never none.
    pub domains: Vec<String>,
}

/// What there is to ask about one report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkQuestion {
    /// Nothing, and nothing is known.
    Nothing,
    /// Nothing, because the answer is clear.
    Settled(Proof),
    Question(Question),
}

impl Networks {
    /// `proxies` are addresses and networks of those whose word on their clients is taken: an address of theirs is that of
    /// no sender. The error names one that is neither.
    pub fn new(resolver: Arc<dyn Resolver>, proxies: &[String]) -> Result<Networks, String> {
        let proxies = proxies.iter().map(|proxy| proxy.parse()).collect::<Result<_, _>>()?;
        Ok(Networks { resolver: Some(resolver), proxies, ..Networks::off() })
    }

    /// For where nothing is posted, and where the operator does not want the DNS to be asked.
    pub fn off() -> Networks {
        Networks {
            resolver: None,
            proxies: Vec::new(),
            rules: ArcSwap::default(),
            permits: Semaphore::new(NETWORK_PROOFS_AT_ONCE_MAX),
            known: Mutex::default(),
            budget: Mutex::default(),
        }
    }

    /// Takes over what is known of some domains beforehand. Proofs that were found by other rules are forgotten.
    pub fn follow(&self, rules: ProofRules) {
        self.rules.store(Arc::new(rules));
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Known::default();
    }

    /// What there is to ask about a report.
    pub fn question(&self, peer: Option<IpAddr>, claim: NetworkClaim<'_>) -> NetworkQuestion {
        if self.resolver.is_none() {
            return NetworkQuestion::Nothing;
        }
        let Some(address) = peer.map(|peer| peer.to_canonical()) else { return NetworkQuestion::Nothing };
        if self.proxies.iter().any(|proxy| proxy.contains(address)) {
            let detail = format!("the proxy {address} does not say for whom it posts");
            return NetworkQuestion::Settled(Proof::NotProven(detail));
        }
        let domains = claim.domains();
        if domains.is_empty() {
            return NetworkQuestion::Settled(Proof::NotProven("the report names no domain it comes from".to_owned()));
        }
        NetworkQuestion::Question(Question { address, domains })
    }

    /// The answer as far as it is remembered.
    pub fn known(&self, question: &Question, now: DateTime<Utc>) -> Option<Proof> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).find(question, now)
    }

    /// Looks the answer up until the deadline, and remembers it.
    pub async fn ask(&self, question: Question, now: DateTime<Utc>, deadline: Instant) -> Proof {
        let Some(resolver) = &self.resolver else { return Proof::Unknown("nobody is asked".to_owned()) };
        let address = question.address;
        let in_budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner).take(address, now);
        if !in_budget {
            // Not remembered: that would fill the memory with what strangers make up.
            return Proof::Unknown(format!("too many proofs were asked for around {address} within a minute"));
        }
        let rules = self.rules.load_full();
        let proving = async {
            let _permit = self.permits.acquire().await;
            network::prove(address, &question.domains, &rules, resolver.as_ref(), now).await
        };
        let late = |_| Proof::Unknown(format!("the DNS said nothing about {address} in time"));
        let proof = timeout_at(deadline, proving).await.unwrap_or_else(late);
        if let Proof::Proven(evidence) = &proof {
            tracing::debug!(%address, domain = evidence.domain, "a posting address proves its domain");
        }
        self.known.lock().unwrap_or_else(PoisonError::into_inner).keep(question, proof.clone(), now);
        proof
    }

    /// The whole of it: remembered, or looked up within two seconds. `None` where nothing is asked.
    pub async fn judge(&self, peer: Option<IpAddr>, report: &Report, now: DateTime<Utc>) -> Option<Proof> {
        match self.question(peer, NetworkClaim::of(report)) {
            NetworkQuestion::Nothing => None,
            NetworkQuestion::Settled(proof) => Some(proof),
            NetworkQuestion::Question(question) => Some(match self.known(&question, now) {
                Some(proof) => proof,
                None => self.ask(question, now, deadline()).await,
            }),
        }
    }
}

/// When a proof that is begun now must be found.
pub fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(NETWORK_PROOF_DEADLINE_S)
}

/// What a report says of where it comes from.
#[derive(Debug, Clone, Copy)]
pub struct NetworkClaim<'a> {
    pub contact: Option<&'a str>,
    pub organisation: Option<&'a str>,
}

impl NetworkClaim<'_> {
    pub fn of(report: &Report) -> NetworkClaim<'_> {
        NetworkClaim { contact: report.contact.as_deref(), organisation: report.organisation.as_deref() }
    }

    /// The domains it may come from: that of its contact, and its organisation's name where that is a domain.
    pub fn domains(self) -> Vec<String> {
        let contact = self.contact.and_then(|contact| contact.rsplit_once('@'));
        let contact = contact.map(|(_, host)| host.trim_end_matches('>'));
        let name = self.organisation.filter(|name| name.contains('.'));
        let mut seen = BTreeSet::new();
        let domains = [contact, name].into_iter().flatten().filter_map(report::domain);
        domains.filter(|domain| seen.insert(domain.clone())).take(NETWORK_PROOF_DOMAINS_MAX).collect()
    }
}

/// Puts down what was found: in the origin of a report, and in how far it is believed.
pub fn note(proof: &Proof, trust: &mut Trust, origin: &mut Origin) {
    let reason = |reason: &str| Some(serde_json::json!({ "reason": reason }).to_string());
    let (state, domain, evidence) = match proof {
        Proof::Proven(evidence) => {
            *trust = (*trust).max(Trust::Network);
            (NetworkState::Proven, Some(evidence.domain.clone()), serde_json::to_string(evidence).ok())
        }
        Proof::NotProven(detail) => (NetworkState::NotProven, None, reason(detail)),
        Proof::Unknown(detail) => (NetworkState::Unknown, None, reason(detail)),
    };
    origin.network_state = Some(state);
    origin.network_domain = domain;
    origin.network_evidence = evidence;
}

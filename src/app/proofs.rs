//! Proofs of posting addresses: what they are looked up with, and the second look at those that could not be.

use std::{collections::HashMap, sync::Arc};

use anyhow::Context;
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, MissedTickBehavior, interval_at},
};

use crate::{
    clock::Clock,
    config::{Config, Listen},
    limits::NETWORK_PROOF_DEADLINE_S,
    pipeline::{Networks, PENDING_INTERVAL, Pipeline},
    reporters::Registry,
    verify::network::{AddressBlock, ProofRule, ProofRules},
};

/// As configured. Nothing is asked where nothing is posted. With a resolver of their own, so that no stranger who posts keeps
/// the keys of mails waiting, and with look-ups that end when the proof must.
pub(super) fn networks(config: &Config, handle: &Handle) -> anyhow::Result<Networks> {
    if !config.network_proof.enabled || config.public.listen == Listen::Off {
        return Ok(Networks::off());
    }
    let resolver = super::resolver(config, config.dns.deadline_s.min(NETWORK_PROOF_DEADLINE_S), handle)?;
    let networks = Networks::new(resolver, &config.public.trusted_proxies);
    let networks = networks.map_err(anyhow::Error::msg).context("public.trusted_proxies")?;
    networks.follow(rules(&config.registry())?);
    Ok(networks)
}

/// What proves the known reporters.
fn rules(registry: &Registry) -> anyhow::Result<ProofRules> {
    let mut rules = HashMap::new();
    for reporter in registry.reporters() {
        let networks = reporter.networks.iter().map(|text| text.parse::<AddressBlock>());
        let rule = ProofRule {
            networks: networks.collect::<Result<_, _>>().map_err(anyhow::Error::msg).context("reporter.networks")?,
            host_patterns: reporter.hosts.clone(),
            forbidden: !reporter.by_dns,
        };
        rules.extend(reporter.signing_domains.iter().map(|domain| (domain.clone(), rule.clone())));
    }
    Ok(ProofRules::new(rules))
}

/// Looks at reports again whose proof could not be looked up when they came, until told to stop.
pub(super) async fn run(pipeline: Arc<Pipeline>, clock: Clock, mut stopped: watch::Receiver<bool>) {
    let mut ticks = interval_at(Instant::now() + PENDING_INTERVAL, PENDING_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            _ = ticks.tick() => {}
        }
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            proven = pipeline.prove_pending(clock.now()) => {
                if let Err(error) = proven {
                    tracing::warn!(%error, "reports that could not be proven when they came stay unproven until the next look");
                }
            }
        }
    }
}

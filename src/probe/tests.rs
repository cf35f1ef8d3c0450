//! Delivery to servers that the tests play, over real sockets.

mod https;
mod record;
mod servers;
mod signature;
mod smtp;

use std::{collections::HashMap, net::IpAddr};

use futures_util::future::ready;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use uuid::Uuid;

use super::*;
use crate::dns::{DnsAnswer, Family, Lookup};

/// Records that a test publishes; every other name does not exist.
#[derive(Default, Clone)]
struct Records {
    txt: HashMap<&'static str, Result<Vec<&'static str>, DnsError>>,
    mx: HashMap<&'static str, Result<Vec<&'static str>, DnsError>>,
}

impl Resolver for Records {
    fn txt(&self, name: &str) -> Lookup<Vec<Vec<u8>>> {
        let answer = self.txt.get(name).cloned().unwrap_or(Err(DnsError::NotFound));
        let records = answer.map(|texts| texts.iter().map(|text| text.as_bytes().to_vec()).collect());
        Box::pin(ready(records.map(|value| DnsAnswer { value, secure: false })))
    }

    fn mx(&self, name: &str) -> Lookup<Vec<String>> {
        let answer = self.mx.get(name).cloned().unwrap_or(Err(DnsError::NotFound));
        let hosts = answer.map(|hosts| hosts.into_iter().map(str::to_owned).collect());
        Box::pin(ready(hosts.map(|value| DnsAnswer { value, secure: false })))
    }

    fn addresses(&self, name: &str, _: Family) -> Lookup<Vec<IpAddr>> {
        panic!("the system is asked for the addresses of {name}")
    }

    fn ptr(&self, address: IpAddr) -> Lookup<Vec<String>> {
        panic!("asks for {address}")
    }
}

/// A probe that believes in one certificate and takes `port` for the one of mail servers.
fn probe(records: Records, trusted: Option<&CertificateDer<'static>>, port: u16) -> Probe {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted.cloned());
    Probe {
        authorities: Authorities::new(roots),
        hello: ClientId::Domain("client.example".to_owned()),
        mx_port: port,
        ..Probe::new(Arc::new(records), Clock::fixed("2024-03-01T08:00:00Z".parse().unwrap()))
    }
}

fn order(to: &[&str]) -> Order {
    Order {
        domain: "example.com".to_owned(),
        from: MailtoAddress::new("postmaster", "sender.example").unwrap(),
        to: to.iter().map(|uri| (*uri).to_owned()).collect(),
        relay: None,
        signer: None,
        insecure: false,
    }
}

/// Delivers and tells, with `port`, where it is not 0, replaced in what is told.
async fn shown(probe: &Probe, order: &Order, port: u16) -> (Vec<ProbeFate>, String) {
    let sample = Sample::new(&order.domain, &order.from, false, Uuid::from_u128(7), probe.clock.now());
    let mut lines = Vec::new();
    let verdicts = probe
        .deliver(order, &sample, &mut |event| {
            lines.push(match event {
                ProbeEvent::Destination { uri, number, of } => format!("{uri} ({number} of {of})"),
                ProbeEvent::Step(ProbeStep { step, text }) => format!("  {step}: {text}"),
                ProbeEvent::Verdict(ProbeVerdict { fate, verdict, next }) => {
                    format!("  {fate:?}: {verdict}\n  next: {next}")
                }
            });
        })
        .await;
    let fates = verdicts.iter().map(|verdict| verdict.fate).collect();
    let text = lines.join("\n");
    (fates, if port == 0 { text } else { text.replace(&port.to_string(), "PORT") })
}

use futures_util::FutureExt;

use super::{
    fixtures::{TestSigner, record, records, resolver, sign},
    *,
};
use crate::dns::{Family, Lookup};
use std::net::IpAddr;

mod keys;
mod mails;
mod readers;
mod results;
mod signatures;

const MAIL: &str = "From: TLS reports <tlsrpt@example.net>\r\n\
    To: tlsrpt@reports.example.org\r\n\
    Subject: Report Domain: example.org\r\n\tSubmitter: example.net\r\n\
    Date: Fri, 01 Mar 2024 04:00:00 +0000\r\n\
    Content-Type: text/plain\r\n\
    \r\n\
    Nothing  to see \r\n\r\nhere.\r\n";
const FROM: Option<&str> = Some("example.net");
const RECEIVED_AT: i64 = 1_709_265_600;
const NOW: i64 = RECEIVED_AT + 3_600;

/// For what must be decided without the DNS.
struct NoDns;

impl Resolver for NoDns {
    fn txt(&self, name: &str) -> Lookup<Vec<Vec<u8>>> {
        panic!("asks for {name}")
    }

    fn mx(&self, name: &str) -> Lookup<Vec<String>> {
        panic!("asks for {name}")
    }

    fn addresses(&self, name: &str, _: Family) -> Lookup<Vec<IpAddr>> {
        panic!("asks for {name}")
    }

    fn ptr(&self, address: IpAddr) -> Lookup<Vec<String>> {
        panic!("asks for {address}")
    }
}

fn judged(message: &[u8], from: Option<&str>, resolver: &dyn Resolver) -> DkimVerdict {
    let at = |second| DateTime::from_timestamp(second, 0).unwrap();
    // The pipeline may move it between threads.
    let judging: Box<dyn Future<Output = DkimVerdict> + Send + '_> =
        Box::new(verify(message, from, at(RECEIVED_AT), at(NOW), resolver));
    Box::into_pin(judging).now_or_never().expect("the records answer at once")
}

/// With the usual key of example.net.
fn verdict(message: &[u8]) -> DkimVerdict {
    judged(message, FROM, &resolver(&records(&[("example.net", "sel")])))
}

fn passed(verdict: DkimVerdict) -> Signature {
    match verdict {
        DkimVerdict::Pass(signature) => signature,
        other => panic!("{other:?}"),
    }
}

/// The code and the detail of the fault.
fn failed(verdict: DkimVerdict) -> (FaultCode, String) {
    match verdict {
        DkimVerdict::Fail { fault, .. } => (fault.code, fault.detail),
        other => panic!("{other:?}"),
    }
}

fn code(verdict: DkimVerdict) -> FaultCode {
    failed(verdict).0
}

fn signed_with(tags: &str) -> Vec<u8> {
    TestSigner { tags, ..TestSigner::default() }.sign(MAIL.as_bytes())
}

fn replaced(message: &[u8], what: &str, with: &str) -> Vec<u8> {
    let text = std::str::from_utf8(message).unwrap();
    assert!(text.contains(what), "{text}");
    text.replacen(what, with, 1).into_bytes()
}

//! Each check with a look that raises it and one that nearly does.

mod history;
mod holding;
mod readiness;

use std::collections::BTreeSet;

use super::{
    finding::table,
    observed::{
        AddressSeen, CertificateProblem, FetchOutcome, PolicyAnswer, PolicyFetch, PolicyHostSeen, RecordsSeen, Seen,
        SmtpOutcome, SmtpSeen,
    },
    *,
};
use crate::sts::record::RecordKind;

const POLICY: &str =
    "version: STSv1\r\nmode: enforce\r\nmx: mx1.example.com\r\nmx: *.example.net\r\nmax_age: 1209600\r\n";

/// A domain at which nothing is wrong.
fn good() -> Observed {
    let public = |text: &str| AddressSeen { address: text.parse().unwrap(), is_public: true };
    let fetch = |address: &str| PolicyFetch {
        address: address.parse().unwrap(),
        took_ms: 120,
        outcome: FetchOutcome::Answered(answer(POLICY)),
    };
    Observed {
        domain: "example.com".into(),
        looked_at: "2026-11-29T12:00:00Z".parse().unwrap(),
        tlsrpt: txt(RecordKind::Tlsrpt, "_smtp._tls.example.com", &["v=TLSRPTv1; rua=mailto:tlsrpt@example.com"]),
        sts: txt(RecordKind::Sts, "_mta-sts.example.com", &["v=STSv1; id=20261129"]),
        elsewhere: Vec::new(),
        policy_host: PolicyHostSeen {
            name: "mta-sts.example.com".into(),
            addresses: Seen::Found(vec!["9.9.9.9".parse().unwrap(), "2620:fe::fe".parse().unwrap()]),
            fetches: vec![fetch("9.9.9.9"), fetch("2620:fe::fe")],
        },
        mx: Seen::Found(vec!["mx1.example.com".into(), "mx2.example.net".into()]),
        mx_addresses: [("mx1.example.com", "9.9.9.1"), ("mx2.example.net", "2620:fe::1")]
            .map(|(host, address)| (host.to_owned(), Seen::Found(vec![public(address)])))
            .into(),
        smtp: Some(vec![
            spoken("mx1.example.com", "9.9.9.1", well(60 * 24, 30 * 24)),
            spoken("mx2.example.net", "2620:fe::1", well(60 * 24, 30 * 24)),
        ]),
    }
}

fn answer(policy: &str) -> PolicyAnswer {
    PolicyAnswer {
        status: 200,
        location: None,
        content_type: Some("text/plain; charset=utf-8".into()),
        content_encoding: None,
        is_challenge: false,
        body: policy.as_bytes().to_vec(),
        is_too_large: false,
        valid_for_h: Some(60 * 24),
        valid_since_h: Some(30 * 24),
    }
}

/// TXT records; a bar is where one is cut into strings.
fn txt(kind: RecordKind, name: &str, texts: &[&str]) -> RecordsSeen {
    let records: Vec<Vec<Vec<u8>>> =
        texts.iter().map(|text| text.split('|').map(|string| string.as_bytes().to_vec()).collect()).collect();
    RecordsSeen {
        name: name.into(),
        kind,
        records: if records.is_empty() { Seen::Nothing } else { Seen::Found(records) },
    }
}

fn tlsrpt(texts: &[&str]) -> Observed {
    Observed { tlsrpt: txt(RecordKind::Tlsrpt, "_smtp._tls.example.com", texts), ..good() }
}

fn sts(texts: &[&str]) -> Observed {
    Observed { sts: txt(RecordKind::Sts, "_mta-sts.example.com", texts), ..good() }
}

/// All addresses answer so.
fn host(change: impl Fn(&mut PolicyAnswer)) -> Observed {
    let mut observed = good();
    for fetch in &mut observed.policy_host.fetches {
        let FetchOutcome::Answered(answer) = &mut fetch.outcome else { continue };
        change(answer);
    }
    observed
}

/// The first address does not get that far.
fn first(outcome: FetchOutcome) -> Observed {
    let mut observed = good();
    observed.policy_host.fetches[0].outcome = outcome;
    observed
}

fn text(from: &str, to: &str) -> Observed {
    assert!(POLICY.contains(from), "{from}");
    host(|answer| answer.body = POLICY.replace(from, to).into_bytes())
}

fn mx(hosts: &[&str]) -> Observed {
    let mut observed = good();
    let address = AddressSeen { address: "9.9.9.1".parse().unwrap(), is_public: true };
    observed.mx = if hosts.is_empty() {
        Seen::Nothing
    } else {
        Seen::Found(hosts.iter().map(|host| (*host).to_owned()).collect())
    };
    for host in hosts.iter().chain(&["example.com"]) {
        observed.mx_addresses.insert((*host).to_owned(), Seen::Found(vec![address]));
    }
    observed
}

fn bad_certificate(problem: CertificateProblem) -> Observed {
    first(FetchOutcome::Certificate { problem, words: "it is what it is".into() })
}

fn elsewhere(kind: RecordKind, name: &str, record: &str) -> Observed {
    let mut observed = if kind == RecordKind::Sts { sts(&[]) } else { tlsrpt(&[]) };
    observed.elsewhere = vec![txt(kind, name, &[record])];
    observed
}

fn without_file(mut observed: Observed) -> Observed {
    observed.policy_host.addresses = Seen::Nothing;
    observed.policy_host.fetches.clear();
    observed
}

fn unknown<T>() -> Seen<T> {
    Seen::Unknown("SERVFAIL".to_owned())
}

fn spoken(host: &str, address: &str, outcome: SmtpOutcome) -> SmtpSeen {
    SmtpSeen { host: host.into(), address: address.parse().unwrap(), outcome }
}

fn well(valid_for_h: u64, valid_since_h: u64) -> SmtpOutcome {
    SmtpOutcome::Good { valid_for_h: Some(valid_for_h), valid_since_h: Some(valid_since_h) }
}

/// The first MX host behaves so, under a policy of this mode.
fn smtp(mode: &str, outcome: SmtpOutcome) -> Observed {
    let mut observed = if mode == "enforce" { good() } else { text("enforce", mode) };
    observed.smtp.as_mut().unwrap()[0].outcome = outcome;
    observed
}

fn mx_certificate(problem: CertificateProblem) -> Observed {
    smtp("enforce", SmtpOutcome::Certificate { problem, words: "it is what it is".into() })
}

/// A check, a look that raises it with this severity, and one that nearly does.
fn cases() -> Vec<(Check, Severity, Observed, Observed)> {
    use Check::*;
    use Severity::*;
    let slow = |ms| {
        let mut observed = good();
        observed.policy_host.fetches[0].took_ms = ms;
        observed
    };
    let valid =
        |left, since| host(move |answer| (answer.valid_for_h, answer.valid_since_h) = (Some(left), Some(since)));
    let answers =
        |status, is_challenge| host(move |answer| (answer.status, answer.is_challenge) = (status, is_challenge));
    let of_type =
        |media_type: Option<&'static str>| host(move |answer| answer.content_type = media_type.map(str::to_owned));
    let addresses = |found: Seen<Vec<AddressSeen>>| {
        let mut observed = good();
        observed.mx_addresses.insert("mx1.example.com".into(), found);
        observed
    };
    let private = AddressSeen { address: "10.0.0.1".parse().unwrap(), is_public: false };
    let mut differing = good();
    if let FetchOutcome::Answered(answer) = &mut differing.policy_host.fetches[1].outcome {
        answer.body = POLICY.replace("1209600", "86400").into_bytes();
    }
    let mut only_cased = good();
    if let FetchOutcome::Answered(answer) = &mut only_cased.policy_host.fetches[1].outcome {
        answer.body = POLICY.replace("mx1.example.com", "MX1.example.com").into_bytes();
    }
    let mut host_unknown = good();
    host_unknown.policy_host.addresses = unknown();
    let no_answer = || FetchOutcome::NoConnection("refused".into());
    let mut all_silent = first(no_answer());
    all_silent.policy_host.fetches.truncate(1);
    vec![
        (
            TlsrptLookup,
            Unknown,
            Observed { tlsrpt: RecordsSeen { records: unknown(), ..good().tlsrpt }, ..good() },
            good(),
        ),
        (
            TlsrptMissing,
            Warning,
            tlsrpt(&["v=spf1 -all"]),
            tlsrpt(&["v=spf1 -all", "v=TLSRPTv1; rua=mailto:a@example.com"]),
        ),
        (
            TlsrptSeveral,
            Fault,
            tlsrpt(&["v=TLSRPTv1; rua=mailto:a@example.com"; 2]),
            tlsrpt(&["v=TLSRPTv1; rua=mailto:a@example.com", "TLSRPT"]),
        ),
        (TlsrptPrefix, Fault, tlsrpt(&["v=TLSRPTv1 rua=mailto:a@example.com"]), tlsrpt(&["v=DKIM1; p="])),
        (
            TlsrptSyntax,
            Fault,
            tlsrpt(&["v=TLSRPTv1; rua:mailto:a@example.com"]),
            tlsrpt(&["v=TLSRPTv1; rua = mailto:a@example.com;"]),
        ),
        (
            TlsrptStrings,
            Fault,
            tlsrpt(&["v=TLSRPTv1; rua=mailto:a@example.com|https://example.com/r"]),
            tlsrpt(&["v=TLSRPTv1; rua=mailto:a@example|.com"]),
        ),
        (
            TlsrptRuaUri,
            Fault,
            tlsrpt(&["v=TLSRPTv1; rua=a@example.com"]),
            tlsrpt(&["v=TLSRPTv1; rua=mailto:a%21@example.com"]),
        ),
        (
            TlsrptRuaHttpsOnly,
            Warning,
            tlsrpt(&["v=TLSRPTv1; rua=https://example.com/r"]),
            tlsrpt(&["v=TLSRPTv1; rua=https://example.com/r,mailto:a@example.com"]),
        ),
        (
            TlsrptElsewhere,
            Fault,
            elsewhere(RecordKind::Tlsrpt, "_tls.example.com", "v=TLSRPTv1; rua=mailto:a@example.com"),
            elsewhere(RecordKind::Tlsrpt, "example.com", "v=spf1 -all"),
        ),
        (StsLookup, Unknown, Observed { sts: RecordsSeen { records: unknown(), ..good().sts }, ..good() }, good()),
        (StsMissing, Note, without_file(sts(&[])), sts(&[])),
        (StsFileOnly, Warning, sts(&[]), without_file(sts(&[]))),
        (StsSeveral, Fault, sts(&["v=STSv1; id=1", "v=STSv1; id=2"]), sts(&["v=STSv1; id=1", "v=STSv2; id=2"])),
        (StsPrefix, Fault, sts(&["v=STSv1 ; id=1"]), sts(&["v=STSv1;id=1"])),
        (StsSyntax, Fault, sts(&["v=STSv1; id=1; hello"]), sts(&["v=STSv1; id=1; hello=1"])),
        (StsStrings, Fault, sts(&["v=STSv1; x=1|id=1"]), sts(&["v=STSv1; |id=1"])),
        (StsId, Fault, sts(&["v=STSv1; id=2026-11-29"]), sts(&["v=STSv1; id=12345678901234567890123456789012"])),
        (
            StsElsewhere,
            Fault,
            elsewhere(RecordKind::Sts, "_mta-sts.example.com.example.com", "v=STSv1; id=1"),
            elsewhere(RecordKind::Sts, "example.com", "v=STS"),
        ),
        (HostLookup, Unknown, host_unknown, good()),
        (HostAddress, Fault, without_file(good()), good()),
        (HostAddress, Warning, first(FetchOutcome::NotPublic), good()),
        (HostConnect, Fault, all_silent, good()),
        (HostConnect, Warning, first(no_answer()), good()),
        (HostConnect, Unknown, first(FetchOutcome::NoRoute("Network is unreachable".into())), good()),
        (HostTls, Fault, first(FetchOutcome::NoTls("no common version".into())), good()),
        (HostName, Fault, bad_certificate(CertificateProblem::Name), good()),
        (HostChain, Fault, bad_certificate(CertificateProblem::Chain), good()),
        (HostChain, Unknown, bad_certificate(CertificateProblem::CannotTell), good()),
        (HostExpired, Fault, bad_certificate(CertificateProblem::Expired), valid(1, 10_000)),
        (HostExpires, Warning, valid(14 * 24, 100 * 24), valid(14 * 24 + 1, 100 * 24)),
        // A quarter of six days is a day and a half.
        (HostExpires, Warning, valid(36, 108), valid(37, 107)),
        (HostExpires, Fault, valid(3 * 24, 100 * 24), valid(60 * 24, 100 * 24)),
        (
            HostRedirect,
            Fault,
            host(|answer| (answer.status, answer.location) = (301, Some("https://www.example.com/".into()))),
            host(|answer| answer.location = Some("https://www.example.com/".into())),
        ),
        (HostRobots, Fault, answers(403, true), answers(403, false)),
        (HostStatus, Fault, answers(204, false), answers(200, false)),
        (HostType, Fault, of_type(Some("application/octet-stream")), of_type(Some("Text/Plain"))),
        (
            HostHtml,
            Fault,
            host(|answer| answer.body = b"\n<!DOCTYPE html><title>Hello</title>".to_vec()),
            text("mode", "<mode"),
        ),
        (HostSize, Fault, host(|answer| answer.is_too_large = true), good()),
        (HostSlow, Warning, slow(10_001), slow(10_000)),
        (HostSlow, Fault, first(FetchOutcome::Late), good()),
        (
            HostEncoding,
            Fault,
            host(|answer| answer.content_encoding = Some("gzip".into())),
            host(|answer| answer.content_encoding = Some("identity".into())),
        ),
        (HostDiffers, Fault, differing, only_cased),
        (PolVersion, Fault, text("STSv1", "stsv1"), text("version: ", "version:\t")),
        (PolMode, Fault, text("enforce", "enforced"), text("enforce", "testing")),
        (PolMaxAge, Fault, text("1209600", "31557601"), text("1209600", "31557600")),
        (PolMaxAgeShort, Warning, text("1209600", "86399"), text("1209600", "604800")),
        (PolMaxAgeShort, Note, text("1209600", "604799"), text("1209600", "604800")),
        (
            PolMxMissing,
            Fault,
            text("mx: mx1.example.com\r\nmx: *.example.net\r\n", ""),
            text("mode: enforce\r\nmx: mx1.example.com\r\nmx: *.example.net\r\n", "mode: none\r\n"),
        ),
        (PolMxForm, Fault, text("*.example.net", "mx*.example.net"), text("*.example.net", "*.sub.example.net")),
        (
            PolLine,
            Fault,
            text("mode: enforce\r\n", "mode: enforce\r\n\r\n"),
            text("mode: enforce\r\n", "mode: enforce\n"),
        ),
        (
            PolDuplicate,
            Fault,
            text("mode: enforce", "mode: enforce\r\nmode: testing"),
            text("mx: *.example.net", "mx: *.example.net\r\nmx: *.example.net"),
        ),
        (PolDuplicate, Warning, text("mode: enforce", "mode: enforce\r\nmode: enforce"), good()),
        (PolKey, Warning, text("mode: enforce", "mode: enforce\r\nmaxage: 1"), good()),
        (PolKey, Note, text("mode: enforce", "mode: enforce\r\nx-note: 1"), good()),
        (SmtpConnect, Unknown, smtp("enforce", SmtpOutcome::NoConnection("refused".into())), good()),
        (SmtpConnect, Unknown, smtp("enforce", SmtpOutcome::NoRoute("Network is unreachable".into())), good()),
        (
            SmtpPort25,
            Unknown,
            {
                let mut silent = good();
                silent
                    .smtp
                    .as_mut()
                    .unwrap()
                    .iter_mut()
                    .for_each(|seen| seen.outcome = SmtpOutcome::NoConnection("refused".into()));
                silent
            },
            smtp("enforce", SmtpOutcome::NoConnection("refused".into())),
        ),
        (SmtpBusy, Unknown, smtp("enforce", SmtpOutcome::Busy("421 4.7.0 try again later".into())), good()),
        (SmtpStarttls, Fault, smtp("enforce", SmtpOutcome::NoStartTls), smtp("testing", SmtpOutcome::NoStartTls)),
        (SmtpStarttls, Warning, smtp("testing", SmtpOutcome::NoStartTls), good()),
        (
            SmtpStarttls,
            Fault,
            smtp("enforce", SmtpOutcome::StartTlsRefused("454 4.7.0 TLS not available".into())),
            good(),
        ),
        (SmtpTls, Fault, smtp("enforce", SmtpOutcome::NoTls("no common version".into())), good()),
        (CertName, Fault, mx_certificate(CertificateProblem::Name), good()),
        (CertChain, Fault, mx_certificate(CertificateProblem::Chain), good()),
        (CertChain, Unknown, mx_certificate(CertificateProblem::CannotTell), good()),
        (CertExpired, Fault, mx_certificate(CertificateProblem::Expired), smtp("enforce", well(1, 10_000))),
        (CertExpires, Warning, smtp("enforce", well(14 * 24, 100 * 24)), smtp("enforce", well(14 * 24 + 1, 100 * 24))),
        (CertExpires, Fault, smtp("enforce", well(3 * 24, 100 * 24)), smtp("testing", well(3 * 24, 100 * 24))),
        (MxLookup, Unknown, Observed { mx: unknown(), ..good() }, good()),
        (
            MxUncovered,
            Fault,
            mx(&["mx1.example.com", "a.mx2.example.net"]),
            mx(&["MX1.example.com.", "mx9.example.net"]),
        ),
        (
            MxUncovered,
            Warning,
            {
                let mut testing = text("enforce", "testing");
                testing.mx = Seen::Found(vec!["mx3.example.com".into()]);
                testing
            },
            good(),
        ),
        (MxSurplus, Note, mx(&["mx1.example.com"]), good()),
        (MxNull, Fault, mx(&["", "mx1.example.com"]), good()),
        (MxNull, Note, mx(&[""]), without_file(mx(&[""]))),
        (MxImplicit, Fault, mx(&[]), {
            let mut covered = text("mx1.example.com", "example.com");
            covered.mx = Seen::Nothing;
            covered
        }),
        (MxAddress, Fault, addresses(Seen::Nothing), good()),
        (
            MxAddress,
            Fault,
            addresses(Seen::Found(vec![private])),
            addresses(Seen::Found(vec![private, AddressSeen { is_public: true, ..private }])),
        ),
        (MxAddress, Fault, mx(&["192.0.2.1"]), good()),
    ]
}

#[test]
fn at_a_good_domain_nothing_is_found() {
    assert_eq!(judge(&good()), []);
}

#[test]
fn each_check_is_raised_by_one_look_and_not_by_one_that_is_nearly_the_same() {
    let mut raised = BTreeSet::new();
    for (index, (check, severity, raises, nearly)) in cases().into_iter().enumerate() {
        let found = judge(&raises);
        let finding = found.iter().find(|finding| (finding.check, finding.severity) == (check, severity));
        assert!(finding.is_some(), "{index} {check:?} {severity:?}: {found:#?}");
        let found = judge(&nearly);
        assert!(
            !found.iter().any(|finding| (finding.check, finding.severity) == (check, severity)),
            "{index} {check:?} {severity:?}, nearly: {found:#?}"
        );
        raised.insert(check);
    }
    let missing: Vec<&Check> = Check::ALL.iter().filter(|check| !raised.contains(check)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_sentence_is_as_it_was_read_aloud() {
    let mut told = String::new();
    for (check, severity, raises, _) in cases() {
        for finding in judge(&raises).iter().filter(|finding| (finding.check, finding.severity) == (check, severity)) {
            let part = finding.part.as_ref().map(|part| format!(" [{part}]")).unwrap_or_default();
            let remedy = finding.remedy.as_ref().map(|remedy| format!("\n  → {remedy}")).unwrap_or_default();
            told.push_str(&format!("{} {severity:?}{part}\n  {}{remedy}\n", check.id(), finding.message));
        }
    }
    insta::assert_snapshot!(told);
}

#[test]
fn the_document_lists_every_check() {
    let document = std::fs::read_to_string("docs/checks.md").unwrap();
    assert!(document.contains(&table()), "docs/checks.md should hold:\n{}", table());
}

#[test]
fn the_worst_comes_first() {
    let mut observed = text("1209600", "86399");
    observed.mx = Seen::Found(vec!["mx9.example.org".into()]);
    let severities: Vec<Severity> = judge(&observed).iter().map(|finding| finding.severity).collect();
    assert!(severities.is_sorted() && severities[0] == Severity::Fault, "{severities:?}");
}

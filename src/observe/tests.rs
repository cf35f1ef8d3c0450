//! Looks at servers that the tests play, over real sockets and TLS.

use std::net::SocketAddr;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use rustls::{RootCertStore, ServerConfig, crypto::ring};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::{
    check::{
        Check, Severity, judge,
        observed::{CertificateProblem, FetchOutcome, PolicyAnswer, SmtpOutcome},
    },
    dns::Records,
    limits::CHECK_POLICY_MAX_BYTES,
};

const POLICY: &str = "version: STSv1\r\nmode: enforce\r\nmx: mx1.example.com\r\nmax_age: 1209600\r\n";
const ZONE: &str = "\
_smtp._tls.example.com TXT \"v=TLSRPTv1; rua=mailto:\" \"tlsrpt@example.com\"
_mta-sts.example.com   TXT v=STSv1; id=20261129
mta-sts.example.com    A   127.0.0.1
example.com            MX  10 mx1.example.com
mx1.example.com        A   127.0.0.1
";

/// An authority of the tests.
struct Authority {
    issuer: rcgen::Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl Authority {
    fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, "an authority of the tests");
        let certificate = parameters.self_signed(&key).unwrap().der().clone();
        Authority { issuer: rcgen::Issuer::new(parameters, key), certificate }
    }

    fn tls(&self, name: &str, ends: (i32, u8, u8)) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new([name.to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2026, 9, 1);
        parameters.not_after = rcgen::date_time_ymd(ends.0, ends.1, ends.2);
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap().der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Answers every request with `answer`.
async fn serve(tls: TlsAcceptor, answer: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not like the certificate leaves here.
            let Ok(mut stream) = tls.accept(stream).await else { continue };
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

fn ok(headers: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

async fn look(zone: &str, authority: &Authority, port: u16) -> Observed {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.clone()).unwrap();
    let clock = Clock::fixed("2026-11-29T12:00:00Z".parse().unwrap());
    let records = Arc::new(Records::parse(zone).unwrap());
    let observer =
        Observer::new(records, clock, Authorities::new(roots), true).with_https_port(port).with_smtp_port(None);
    observer.look("example.com", &mut |_| {}).await
}

fn found(observed: &Observed) -> Vec<(Check, Severity)> {
    judge(observed).into_iter().map(|finding| (finding.check, finding.severity)).collect()
}

fn answer(observed: &Observed) -> &PolicyAnswer {
    match &observed.policy_host.fetches[0].outcome {
        FetchOutcome::Answered(answer) => answer,
        other => panic!("{other:?}"),
    }
}

/// Looks at a server with this certificate and answer.
async fn looked(name: &str, ends: (i32, u8, u8), answer: String) -> Observed {
    let authority = Authority::new();
    let address = serve(authority.tls(name, ends), answer).await;
    look(ZONE, &authority, address.port()).await
}

const GOOD_UNTIL: (i32, u8, u8) = (2027, 3, 1);

#[tokio::test]
async fn a_good_domain_is_seen_as_one() {
    let observed = looked("mta-sts.example.com", GOOD_UNTIL, ok("Content-Type: text/plain\r\n", POLICY)).await;
    assert_eq!(found(&observed), []);
    assert_eq!(answer(&observed).body, POLICY.as_bytes());
    let left = answer(&observed).valid_for_h.unwrap();
    assert!((91 * 24..=92 * 24).contains(&left), "{left} hours up to 1 March");
    let Seen::Found(records) = &observed.tlsrpt.records else { panic!("{observed:?}") };
    assert_eq!(records[0].len(), 2, "each string by itself");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let answer =
        "HTTP/1.1 301 Moved\r\nLocation: https://www.example.com/x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let observed = looked("mta-sts.example.com", GOOD_UNTIL, answer.to_owned()).await;
    assert_eq!(found(&observed), [(Check::HostRedirect, Severity::Fault)]);
    assert!(judge(&observed)[0].message.contains("https://www.example.com/x"));
}

#[tokio::test]
async fn certificates_are_judged_as_a_sender_does() {
    let policy = || ok("Content-Type: text/plain\r\n", POLICY);
    let expired = looked("mta-sts.example.com", (2026, 11, 28), policy()).await;
    assert_eq!(found(&expired), [(Check::HostExpired, Severity::Fault)]);
    let other = looked("www.example.com", GOOD_UNTIL, policy()).await;
    assert_eq!(found(&other), [(Check::HostName, Severity::Fault)]);
    assert!(judge(&other)[0].message.contains("www.example.com"), "{:?}", judge(&other));
    let soon = looked("mta-sts.example.com", (2026, 12, 8), policy()).await;
    assert_eq!(found(&soon), [(Check::HostExpires, Severity::Warning)]);
    let wildcard = looked("*.example.com", GOOD_UNTIL, policy()).await;
    assert_eq!(found(&wildcard), []);
    let (known, unknown) = (Authority::new(), Authority::new());
    let address = serve(unknown.tls("mta-sts.example.com", GOOD_UNTIL), policy()).await;
    let untrusted = look(ZONE, &known, address.port()).await;
    assert_eq!(found(&untrusted), [(Check::HostChain, Severity::Fault)]);
}

#[tokio::test]
async fn what_is_served_is_read_as_far_as_a_sender_reads() {
    let large = format!("{POLICY}{}", "x-fill: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(2_000));
    let observed = looked("mta-sts.example.com", GOOD_UNTIL, ok("Content-Type: text/plain\r\n", &large)).await;
    assert_eq!(answer(&observed).body.len(), CHECK_POLICY_MAX_BYTES);
    assert!(found(&observed).contains(&(Check::HostSize, Severity::Fault)));
    let page = "<html><body>Just a moment</body></html>";
    let robots = format!(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
    let observed = looked("mta-sts.example.com", GOOD_UNTIL, robots).await;
    assert_eq!(found(&observed), [(Check::HostRobots, Severity::Fault)]);
}

#[tokio::test]
async fn a_host_that_is_not_there_or_speaks_no_tls_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let authority = Authority::new();
    assert_eq!(found(&look(ZONE, &authority, port).await), [(Check::HostConnect, Severity::Fault)]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut hello = [0; 4_096];
            let _ = stream.read(&mut hello).await;
            let _ = stream.write_all(b"HTTP/1.1 400 this is plain\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    let observed = look(ZONE, &authority, port).await;
    assert_eq!(found(&observed), [(Check::HostTls, Severity::Fault)], "{observed:?}");
}

#[tokio::test]
async fn names_that_cannot_be_looked_up_are_unknown_and_private_addresses_are_left_alone() {
    let authority = Authority::new();
    let zone = "_smtp._tls.example.com SERVFAIL\n_mta-sts.example.com SERVFAIL\nmta-sts.example.com SERVFAIL\nexample.com SERVFAIL\n";
    let observed = look(zone, &authority, 1).await;
    assert!(found(&observed).iter().all(|(_, severity)| *severity == Severity::Unknown), "{:?}", found(&observed));
    assert_eq!(found(&observed).len(), 4);
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.clone()).unwrap();
    let records = Arc::new(Records::parse(ZONE).unwrap());
    let observer = Observer::new(records, Clock::system(), Authorities::new(roots), false);
    let observed = observer.look("example.com", &mut |_| {}).await;
    assert_eq!(observed.policy_host.fetches[0].outcome, FetchOutcome::NotPublic);
    assert!(found(&observed).contains(&(Check::MxAddress, Severity::Fault)));
}

#[tokio::test]
async fn a_record_at_a_wrong_name_is_found() {
    let zone = ZONE.replace("_mta-sts.example.com ", "_mta-sts.example.com.example.com ");
    let authority = Authority::new();
    let address =
        serve(authority.tls("mta-sts.example.com", GOOD_UNTIL), ok("Content-Type: text/plain\r\n", POLICY)).await;
    assert_eq!(found(&look(&zone, &authority, address.port()).await), [(Check::StsElsewhere, Severity::Fault)]);
}

/// How an MX host behaves.
#[derive(Clone)]
struct MailServer {
    greeting: &'static str,
    ehlo: &'static str,
    starttls: &'static str,
    tls: Option<TlsAcceptor>,
}

/// What this mail server was told, and what the look saw of it.
async fn spoken_to(authority: &Authority, server: MailServer) -> (Vec<String>, SmtpOutcome) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let told = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream: Box<dyn Stream> = Box::new(stream);
        let mut told = Vec::new();
        stream.write_all(format!("{}\r\n", server.greeting).as_bytes()).await.unwrap();
        loop {
            let mut line = Vec::new();
            while !line.ends_with(b"\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => line.push(byte),
                    Err(_) => return told,
                }
            }
            let line = String::from_utf8(line).unwrap().trim_end().to_owned();
            told.push(line.clone());
            let answer = match line.split(' ').next() {
                Some("EHLO") => server.ehlo,
                Some("STARTTLS") => server.starttls,
                _ => "221 2.0.0 Bye",
            };
            if stream.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                return told;
            }
            if line == "STARTTLS" && answer.starts_with("220") {
                let Some(tls) = &server.tls else { return told };
                match tls.accept(stream).await {
                    Ok(encrypted) => stream = Box::new(encrypted),
                    Err(_) => return told,
                }
            }
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.clone()).unwrap();
    let clock = Clock::fixed("2026-11-29T12:00:00Z".parse().unwrap());
    let records = Arc::new(Records::parse(ZONE).unwrap());
    let observer = Observer::new(records, clock, Authorities::new(roots), true).with_https_port(1);
    let observer = observer.with_smtp_port(Some(port)).with_hello("client.example".into());
    let mut seen = observer.look("example.com", &mut |_| {}).await.smtp.unwrap();
    assert_eq!((seen.len(), seen[0].host.as_str()), (1, "mx1.example.com"));
    (told.await.unwrap(), seen.remove(0).outcome)
}

trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send {}
impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send> Stream for S {}

#[tokio::test]
async fn an_mx_host_is_spoken_to_up_to_the_handshake_and_no_further() {
    let authority = Authority::new();
    let server = |name: &str, ends| MailServer {
        greeting: "220-mx1.example.com\r\n220 ESMTP",
        ehlo: "250-mx1.example.com\r\n250-SIZE 1000\r\n250 STARTTLS",
        starttls: "220 2.0.0 Ready",
        tls: Some(authority.tls(name, ends)),
    };
    let (told, outcome) = spoken_to(&authority, server("mx1.example.com", GOOD_UNTIL)).await;
    assert_eq!(told, ["EHLO client.example", "STARTTLS", "EHLO client.example", "QUIT"]);
    assert!(matches!(outcome, SmtpOutcome::Good { valid_for_h: Some(2_000..), .. }), "{outcome:?}");
    let (_, outcome) = spoken_to(&authority, server("mail.example.com", GOOD_UNTIL)).await;
    assert!(matches!(outcome, SmtpOutcome::Certificate { problem: CertificateProblem::Name, .. }), "{outcome:?}");
    let (_, outcome) = spoken_to(&authority, server("mx1.example.com", (2026, 11, 28))).await;
    assert!(matches!(outcome, SmtpOutcome::Certificate { problem: CertificateProblem::Expired, .. }), "{outcome:?}");
    let (_, outcome) = spoken_to(&Authority::new(), server("mx1.example.com", GOOD_UNTIL)).await;
    assert!(matches!(outcome, SmtpOutcome::Certificate { problem: CertificateProblem::Chain, .. }), "{outcome:?}");
}

#[tokio::test]
async fn what_an_mx_host_does_not_want_or_cannot_do_is_told_apart() {
    let authority = Authority::new();
    let good =
        MailServer { greeting: "220 hello", ehlo: "250-hello\r\n250 STARTTLS", starttls: "220 go on", tls: None };
    let (told, outcome) = spoken_to(&authority, MailServer { greeting: "421 4.7.0 not now", ..good.clone() }).await;
    assert_eq!((told.len(), outcome), (0, SmtpOutcome::Busy("421 4.7.0 not now".into())));
    let (told, outcome) = spoken_to(&authority, MailServer { ehlo: "250-hello\r\n250 SIZE 1", ..good.clone() }).await;
    assert_eq!((told.last().unwrap().as_str(), outcome), ("QUIT", SmtpOutcome::NoStartTls));
    // The first line is a greeting, whatever stands in it.
    let (_, outcome) = spoken_to(&authority, MailServer { ehlo: "250 STARTTLS", ..good.clone() }).await;
    assert_eq!(outcome, SmtpOutcome::NoStartTls);
    let (_, outcome) = spoken_to(&authority, MailServer { starttls: "454 4.7.0 no key", ..good.clone() }).await;
    assert_eq!(outcome, SmtpOutcome::StartTlsRefused("454 4.7.0 no key".into()));
    let (_, outcome) = spoken_to(&authority, good.clone()).await;
    assert!(matches!(outcome, SmtpOutcome::NoTls(_)), "{outcome:?}");
    let (_, outcome) = spoken_to(&authority, MailServer { greeting: "HTTP/1.1 400 Bad Request", ..good }).await;
    assert!(matches!(outcome, SmtpOutcome::Broken(_)), "{outcome:?}");
}

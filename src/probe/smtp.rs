//! Delivery to a `mailto:` URI: to the relay that was asked for, or to the MX hosts of the domain (RFC 5321 §5.1).
//! STARTTLS is used where it is offered and nothing is made to depend on it (RFC 8460 §3).

mod verdict;

use std::{error::Error as _, net::SocketAddr, time::Duration};

use lettre::transport::smtp::{
    Error,
    client::{AsyncSmtpConnection, CertificateStore, TlsParameters},
    commands::{Data, Mail, Rcpt},
    extension::ClientId,
    response::Response,
};
use rustls_pki_types::{CertificateDer, UnixTime};
use tokio::{net::TcpStream, time::timeout};

use super::{
    Order, Probe,
    destination::MailtoAddress,
    sample::Sample,
    signature::{Published, Signer},
    steps::{ProbeFate, ProbeVerdict, Steps},
};
use crate::{dns::DnsError, limits::PROBE_HOSTS_MAX};
use verdict::{ReplyFlaw, not_delivered, taken};

/// Why one attempt failed.
#[derive(Debug)]
struct Failure {
    kind: Kind,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Refused for good: another host would say the same (RFC 5321 §4.2.1).
    Permanent,
    Transient,
    /// Turned away before any mail: another host may do better.
    NoService,
    Broken,
    /// The whole mail was read and is refused for good.
    Rejected,
    /// The answer to the whole mail is missing: it may have been taken.
    Unanswered,
}

/// A host and the port that takes mail there.
struct Host {
    name: String,
    port: u16,
}

/// Signs the mail where there is a key, delivers it, and tells what happened.
pub(super) async fn post(
    probe: &Probe,
    order: &Order,
    sample: &Sample,
    to: &MailtoAddress,
    steps: &mut Steps<'_>,
) -> ProbeVerdict {
    let mut mail = super::mail::mail(sample, to, probe.clock.now());
    let flaw = match &order.signer {
        Some(signer) => match signer.sign(&mail) {
            Ok(signed) => {
                mail = signed;
                say_signature(probe, signer, &sample.contact, steps).await
            }
            Err(error) => {
                return ProbeVerdict::new(
                    ProbeFate::NotDelivered,
                    format!("not delivered: {error}"),
                    "Use another key.",
                );
            }
        },
        None => {
            steps.say(
                "unsigned",
                "no DKIM signature: the receiver must ignore the report (RFC 8460 §3) and should keep it in quarantine. \
                 --dkim-key FILE --dkim-selector NAME signs it",
            );
            Some(ReplyFlaw::Unsigned)
        }
    };
    let hosts = match hosts(probe, order, to, steps).await {
        Ok(hosts) => hosts,
        Err(verdict) => return verdict,
    };
    let mut last = None;
    for host in &hosts {
        match try_host(probe, host, to, &mail, steps).await {
            Ok(reply) => return taken(sample, flaw, &host.name, &reply),
            Err(failure) => {
                let is_final = matches!(failure.kind, Kind::Permanent | Kind::Rejected | Kind::Unanswered);
                last = Some(failure);
                if is_final {
                    break;
                }
            }
        }
    }
    not_delivered(last, sample, to)
}

/// Tells how the mail is signed, and what of that no receiver can find valid.
async fn say_signature(
    probe: &Probe,
    signer: &Signer,
    from: &MailtoAddress,
    steps: &mut Steps<'_>,
) -> Option<ReplyFlaw> {
    let name = signer.record_name();
    steps.say("signed", format!("DKIM, {}, for {}", signer.algorithm(), signer.domain()));
    if !signer.is_aligned(from.domain()) {
        steps.say(
            "signed",
            format!("{} is not the domain of {from} or above it: receivers may not count it", signer.domain()),
        );
    }
    let (told, is_found) = match probe.resolver.txt(&name).await {
        Ok(found) => match found.value.iter().map(|record| signer.compare(record)).collect::<Vec<_>>() {
            verdicts if verdicts.contains(&Published::Same) => {
                (format!("published at {name}, the same as the file's"), true)
            }
            verdicts if verdicts.contains(&Published::Revoked) => {
                (format!("revoked at {name}: the signature will not be valid"), false)
            }
            _ => (format!("at {name} another key is published: the signature will not be valid"), false),
        },
        Err(DnsError::NotFound) => (format!("nothing is published at {name}: the signature will not be valid"), false),
        // The receiver may have more luck.
        Err(error) => (format!("{name} cannot be looked up: {error}"), true),
    };
    steps.say("key", told);
    (!is_found).then_some(ReplyFlaw::Key(name))
}

async fn hosts(
    probe: &Probe,
    order: &Order,
    to: &MailtoAddress,
    steps: &mut Steps<'_>,
) -> Result<Vec<Host>, ProbeVerdict> {
    if let Some(relay) = &order.relay {
        steps.say("relay", format!("{}, port {}, as asked", relay.host, relay.port));
        return Ok(vec![Host { name: relay.host.clone(), port: relay.port }]);
    }
    let domain = to.domain();
    let port = probe.mx_port;
    let found = match probe.resolver.mx(domain).await {
        Ok(found) => found.value,
        Err(DnsError::NotFound) => Vec::new(),
        Err(error) => {
            steps.say("mx", format!("the MX records of {domain} cannot be looked up: {error}"));
            let verdict = format!("not delivered: the MX records of {domain} cannot be looked up");
            return Err(ProbeVerdict::new(
                ProbeFate::NotDelivered,
                verdict,
                "Try again, or name a server with --relay HOST:PORT.",
            ));
        }
    };
    // Without MX records the domain is its own host (RFC 5321 §5.1).
    if found.is_empty() {
        steps.say("mx", format!("{domain} has no MX record: its own address takes the mail"));
        return Ok(vec![Host { name: domain.to_owned(), port }]);
    }
    let names: Vec<String> = found.iter().map(|name| name.trim_end_matches('.').to_owned()).collect();
    // RFC 7505
    if names.iter().all(String::is_empty) {
        steps.say("mx", format!("{domain} takes no mail (null MX, RFC 7505)"));
        let next = "Publish another mailto: URI, of a domain that takes mail.";
        return Err(ProbeVerdict::new(ProbeFate::NotDelivered, format!("not delivered: {domain} takes no mail"), next));
    }
    let names: Vec<String> = names.into_iter().filter(|name| !name.is_empty()).take(PROBE_HOSTS_MAX).collect();
    steps.say("mx", format!("{domain} is served by {}", names.join(", ")));
    Ok(names.into_iter().map(|name| Host { name, port }).collect())
}

/// Tries the addresses of a host until one takes a connection, and speaks to that one.
async fn try_host(
    probe: &Probe,
    host: &Host,
    to: &MailtoAddress,
    mail: &[u8],
    steps: &mut Steps<'_>,
) -> Result<Response, Failure> {
    let addresses = probe.addresses(&host.name, host.port).await.map_err(|reason| {
        steps.say("address", format!("{}: {reason}", host.name));
        Failure { kind: Kind::Broken, text: format!("no address of {} is known ({reason})", host.name) }
    })?;
    let mut last = None;
    for address in addresses {
        match connect(probe, host, address, steps).await {
            Ok(mut connection) => {
                let result = hand_over(probe, &mut connection, to, mail, steps).await;
                // The mail's fate is known; a QUIT that fails changes nothing.
                let _ = timeout(probe.deadlines.answer, connection.quit()).await;
                return result;
            }
            Err(failure) => last = Some(failure),
        }
    }
    Err(last.unwrap_or(Failure { kind: Kind::Broken, text: format!("no address of {} is known", host.name) }))
}

/// A connection that is ready for mail: encrypted where that works.
async fn connect(
    probe: &Probe,
    host: &Host,
    address: SocketAddr,
    steps: &mut Steps<'_>,
) -> Result<AsyncSmtpConnection, Failure> {
    let mut connection = greet(probe, host, address, steps).await?;
    if !connection.can_starttls() {
        steps.say("tls", "STARTTLS is not offered: the mail goes in clear text, as it must (RFC 8460 §3)");
        return Ok(connection);
    }
    match start_tls(probe, host, &mut connection).await {
        Ok(certificate) => {
            let certificate = match certificate {
                Ok(()) => format!("the certificate is valid for {}", host.name),
                Err(problem) => format!(
                    "the certificate would not pass a check: {problem} (senders of reports do not mind, RFC 8460 §3; senders of \
                     other mail may)"
                ),
            };
            steps.say("tls", format!("STARTTLS: encrypted; {certificate}"));
            Ok(connection)
        }
        Err(failure) => {
            steps.say(
                "tls",
                format!("STARTTLS failed: {}. Once more in clear text, as it must be (RFC 8460 §3)", failure.text),
            );
            drop(connection);
            greet(probe, host, address, steps).await
        }
    }
}

async fn greet(
    probe: &Probe,
    host: &Host,
    address: SocketAddr,
    steps: &mut Steps<'_>,
) -> Result<AsyncSmtpConnection, Failure> {
    let at_host = |kind, text: String| Failure { kind, text: format!("{} ({address}): {text}", host.name) };
    let broken = |text: String| at_host(Kind::Broken, text);
    let connected = match timeout(probe.deadlines.connect, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(broken(format!("no connection: {error}"))),
        Err(_) => Err(broken("no connection in time".to_owned())),
    };
    let greeted = match connected {
        Ok(stream) => {
            steps.say("connected", format!("{} ({address})", host.name));
            let hello = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &probe.hello);
            timed(probe.deadlines.answer, hello).await.map_err(|Failure { kind, text }| match kind {
                Kind::Permanent | Kind::Transient => at_host(Kind::NoService, text),
                _ => broken(text),
            })
        }
        Err(failure) => Err(failure),
    };
    match &greeted {
        Ok(connection) => steps.say("hello", format!("the server calls itself {}", connection.server_info().name())),
        Err(failure) => steps.say("failed", failure.text.clone()),
    }
    greeted
}

/// The inner error is what is wrong with the certificate.
async fn start_tls(
    probe: &Probe,
    host: &Host,
    connection: &mut AsyncSmtpConnection,
) -> Result<Result<(), String>, Failure> {
    let parameters = TlsParameters::builder(host.name.clone())
        .certificate_store(CertificateStore::None)
        .dangerous_accept_invalid_certs(true)
        .dangerous_accept_invalid_hostnames(true)
        .build_rustls()
        .map_err(failure)?;
    timed(probe.deadlines.answer, connection.starttls(parameters, &probe.hello)).await?;
    let chain: Vec<CertificateDer<'_>> =
        connection.certificate_chain().map_err(failure)?.into_iter().map(CertificateDer::from).collect();
    let now = Duration::from_secs(probe.clock.now().timestamp().unsigned_abs());
    Ok(probe.authorities.judge(&chain, &host.name, UnixTime::since_unix_epoch(now)))
}

async fn hand_over(
    probe: &Probe,
    connection: &mut AsyncSmtpConnection,
    to: &MailtoAddress,
    mail: &[u8],
    steps: &mut Steps<'_>,
) -> Result<Response, Failure> {
    let recipient = lettre::Address::new(to.local(), to.domain()).map_err(|error| Failure {
        kind: Kind::Permanent,
        text: format!("{to} cannot be written as a recipient: {error}"),
    })?;
    let deadline = probe.deadlines.answer;
    // The empty sender: nobody wants a bounce of this.
    let reply = timed(deadline, connection.command(Mail::new(None, Vec::new()))).await;
    say_reply("MAIL FROM:<>", &reply, steps);
    reply?;
    let reply = timed(deadline, connection.command(Rcpt::new(recipient, Vec::new()))).await;
    say_reply(&format!("RCPT TO:<{to}>"), &reply, steps);
    reply?;
    let reply = timed(deadline, connection.command(Data)).await;
    say_reply("DATA", &reply, steps);
    reply?;
    // The end of the last line is part of the final dot's.
    let text = mail.strip_suffix(b"\r\n").unwrap_or(mail);
    let reply = timed(deadline, connection.message(text)).await.map_err(|failure| match failure.kind {
        Kind::Broken => Failure { kind: Kind::Unanswered, ..failure },
        Kind::Permanent => Failure { kind: Kind::Rejected, ..failure },
        _ => failure,
    });
    say_reply(&format!("the mail, {} bytes", mail.len()), &reply, steps);
    reply
}

fn say_reply(command: &str, reply: &Result<Response, Failure>, steps: &mut Steps<'_>) {
    let reply = match reply {
        Ok(response) => written(response),
        Err(failure) => failure.text.clone(),
    };
    steps.say("smtp", format!("{command} → {reply}"));
}

fn written(response: &Response) -> String {
    format!("{} {}", response.code(), response.message().collect::<Vec<_>>().join(" / "))
}

async fn timed<T>(deadline: Duration, future: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    match timeout(deadline, future).await {
        Ok(result) => result.map_err(failure),
        Err(_) => Err(Failure { kind: Kind::Broken, text: format!("no answer within {} s", deadline.as_secs_f32()) }),
    }
}

fn failure(error: Error) -> Failure {
    let kind = match () {
        () if error.is_permanent() => Kind::Permanent,
        () if error.is_transient() => Kind::Transient,
        () => Kind::Broken,
    };
    let source = error.source().map(ToString::to_string).unwrap_or_default();
    let text = match error.status() {
        Some(code) => format!("{code} {source}"),
        // The parser quotes what it stumbled over.
        None if error.is_response() => {
            format!("the answer is not SMTP: {}", source.strip_prefix("error Tag at: ").unwrap_or(&source))
        }
        None if source.is_empty() => error.to_string(),
        None => source,
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Failure { kind, text }
}

/// This machine's name as it is told to mail servers.
pub(super) fn hello() -> ClientId {
    ClientId::default()
}

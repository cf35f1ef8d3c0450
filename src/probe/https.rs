//! Delivery to a `https:` URI (RFC 8460 §5.4), by POST, without redirects and without a proxy.

use std::{error::Error, net::SocketAddr, sync::Arc};

use reqwest::{Response, StatusCode, Url, header, redirect::Policy};
use serde_json::Value;

use super::{
    Probe,
    sample::Sample,
    steps::{ProbeFate, ProbeVerdict, Steps},
};
use crate::{
    limits::PROBE_ANSWER_MAX_BYTES,
    tls::witness::{HandshakeSeen, Witness},
};

const MEDIA_TYPE: &str = "application/tlsrpt+gzip";

/// Posts the report and tells what happened.
pub(super) async fn post(
    probe: &Probe,
    url: &Url,
    sample: &Sample,
    insecure: bool,
    steps: &mut Steps<'_>,
) -> ProbeVerdict {
    let addresses = match look_up(probe, url, steps).await {
        Ok(addresses) => addresses,
        Err(verdict) => return verdict,
    };
    let witness = Witness::new(&probe.authorities, insecure);
    let body = sample.gzip();
    steps.say("request", format!("POST {MEDIA_TYPE}, {} bytes", body.len()));
    let encrypted = url.scheme() == "https";
    if !encrypted {
        steps.say("tls", "none: the URI is a plain http: one, which a TLSRPT record must not hold (RFC 8460 §3)");
    }
    let answer = match send(probe, url, &addresses, &witness, body).await {
        Ok(answer) => answer,
        Err(error) => {
            say_tls(&witness.seen(), insecure, steps);
            return not_sent(error.as_ref(), &witness.seen(), insecure);
        }
    };
    if let Some(peer) = answer.remote_addr() {
        steps.say("connected", peer.to_string());
    }
    say_tls(&witness.seen(), insecure, steps);
    let status = answer.status();
    let location = answer.headers().get(header::LOCATION).map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
    let said = body_of(answer).await;
    let said = if said.is_empty() { said } else { format!(" ({said})") };
    steps.say("answer", format!("{status}{said}"));
    judged(status, &said, location.as_deref(), sample)
}

async fn look_up(probe: &Probe, url: &Url, steps: &mut Steps<'_>) -> Result<Vec<SocketAddr>, ProbeVerdict> {
    let host = host(url);
    let port = url.port_or_known_default().unwrap_or(443);
    match probe.addresses(host, port).await {
        Ok(addresses) => {
            let listed = addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", ");
            steps.say("address", format!("{host} is at {listed}, port {port}"));
            Ok(addresses)
        }
        Err(reason) => {
            steps.say("address", format!("{host}: {reason}"));
            Err(ProbeVerdict::new(
                ProbeFate::NotDelivered,
                format!("not delivered: no address of {host} is known ({reason})"),
                "Publish an A or AAAA record for the host, or correct the URI.",
            ))
        }
    }
}

async fn send(
    probe: &Probe,
    url: &Url,
    addresses: &[SocketAddr],
    witness: &Arc<Witness>,
    body: Vec<u8>,
) -> Result<Response, Box<dyn Error>> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(witness.client_config()?)
        .resolve_to_addrs(host(url), addresses)
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(probe.deadlines.connect)
        .timeout(probe.deadlines.answer)
        .user_agent(concat!("tlsight/", env!("CARGO_PKG_VERSION"), " (test report)"))
        .build()?;
    Ok(client.post(url.clone()).header(header::CONTENT_TYPE, MEDIA_TYPE).body(body).send().await?)
}

/// The host without the brackets of an IPv6 address.
fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
}

fn say_tls(seen: &HandshakeSeen, insecure: bool, steps: &mut Steps<'_>) {
    let Some(certificate) = &seen.certificate else { return };
    let version = seen.version.map(|version| format!("{version}, ")).unwrap_or_default();
    let certificate = match certificate {
        Ok(()) => "the certificate is valid".to_owned(),
        Err(fault) if insecure => {
            format!("the certificate would not pass a check: {} (--insecure: sent all the same)", fault.words)
        }
        Err(fault) => format!("the certificate is not valid: {}", fault.words),
    };
    steps.say("tls", format!("{version}{certificate}"));
}

fn not_sent(error: &(dyn Error + 'static), seen: &HandshakeSeen, insecure: bool) -> ProbeVerdict {
    if let (Some(Err(fault)), false) = (&seen.certificate, insecure) {
        return ProbeVerdict::new(
            ProbeFate::NotDelivered,
            format!("not delivered: the certificate is not valid: {}", fault.words),
            "Mend the certificate: some senders check it and then do not deliver. --insecure tries it like a sender that does not \
             check (RFC 8460 §3).",
        );
    }
    let of_http = error.downcast_ref::<reqwest::Error>();
    let is = |what: fn(&reqwest::Error) -> bool| of_http.is_some_and(what);
    let reason = innermost(error);
    let (what, next) = if is(reqwest::Error::is_timeout) && is(reqwest::Error::is_connect) {
        ("no connection in time".to_owned(), "Open the port in the firewall, or start the server.")
    } else if is(reqwest::Error::is_timeout) {
        (
            "the server did not answer in time".to_owned(),
            "Look at the server: senders wait about ten seconds. The report may have arrived all the same.",
        )
    } else if is(reqwest::Error::is_connect) {
        (format!("no connection: {reason}"), "Start the server, open the port, or see whether it speaks TLS there.")
    } else {
        (format!("the connection broke: {reason}"), "Look at the server's log, and at what stands in front of it.")
    };
    ProbeVerdict::new(ProbeFate::NotDelivered, format!("not delivered: {what}"), next)
}

/// The last of a chain of errors: the ones above say only that something went wrong.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// What the receiver said: the members of its JSON that tell something (RFC 9457), else the beginning of its text.
async fn body_of(mut answer: Response) -> String {
    let mut body = Vec::new();
    // A body that breaks off says as much as came.
    while let Ok(Some(chunk)) = answer.chunk().await {
        let room = PROBE_ANSWER_MAX_BYTES.saturating_sub(body.len());
        body.extend_from_slice(chunk.get(..room.min(chunk.len())).unwrap_or_default());
        if body.len() == PROBE_ANSWER_MAX_BYTES {
            break;
        }
    }
    match serde_json::from_slice::<Value>(&body) {
        Ok(Value::Object(members)) => ["outcome", "title", "code", "detail", "place", "report", "entry"]
            .iter()
            .filter_map(|name| Some(format!("{name}: {}", members.get(*name)?.as_str()?)))
            .collect::<Vec<_>>()
            .join("; "),
        _ => String::from_utf8_lossy(&body).split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

fn judged(status: StatusCode, said: &str, location: Option<&str>, sample: &Sample) -> ProbeVerdict {
    let report_id = &sample.report_id;
    let (fate, verdict, next) = match status.as_u16() {
        200..=299 => (
            ProbeFate::Taken,
            format!("taken: the receiver answered {status}"),
            format!("Nothing. The receiver has it as {report_id}, and it counts from now on."),
        ),
        300..=399 => (
            ProbeFate::NotDelivered,
            format!("not delivered: the receiver answered {status} and sent us to {}", location.unwrap_or("nowhere")),
            "Senders do not follow redirects: publish the URI that takes reports itself.".to_owned(),
        ),
        400 | 413 | 415 | 422 => (
            ProbeFate::NotCounted,
            format!("delivered, but not counted: the receiver answered {status}{said}"),
            "The report is valid, so look at the receiver: its answer says what it missed.".to_owned(),
        ),
        403 => (
            ProbeFate::NotCounted,
            format!("delivered, but not counted: the receiver answered {status}{said}"),
            format!("The receiver does not take reports for {}: add the domain there.", sample.domain),
        ),
        401 | 404 | 405 | 410 => (
            ProbeFate::NotDelivered,
            format!("not delivered: the receiver answered {status}{said}"),
            "Compare the URI, with its token if it has one, with what the receiver takes.".to_owned(),
        ),
        408 | 425 | 429 | 503 => (
            ProbeFate::NotDelivered,
            format!("not delivered: the receiver asks to come again, {status}{said}"),
            "Try again in some minutes; a sender would, for up to a day (RFC 8460 §5.5).".to_owned(),
        ),
        _ => (
            ProbeFate::NotDelivered,
            format!("not delivered: the receiver answered {status}{said}"),
            "Look at the log of the receiver, and at what stands in front of it.".to_owned(),
        ),
    };
    ProbeVerdict::new(fate, verdict, next)
}

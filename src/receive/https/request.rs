//! One request: which URL, by whom, with what body; then the pipeline's receipt as an answer.

use std::{
    future::poll_fn,
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
    task::Poll,
};

use actix_http::{
    HttpMessage, Method, Request, Response, StatusCode,
    body::BoxBody,
    header::{self, HeaderName},
};
use tokio::time::timeout;

use super::{
    Shared,
    answer::{Answer, Problem},
    body::{self, Body},
    framing::Framing,
    wire::Progress,
};
use crate::{
    fault::FaultCode,
    receive::memory::MemoryShare,
    submission::{Accepting, Channel, Hints, Receipt, Submission},
};

/// Answers one request.
pub async fn answer(shared: Arc<Shared>, mut request: Request) -> Response<BoxBody> {
    let progress = begin(&request);
    let checked = request.extensions_mut().remove::<Target>();
    let target = match checked {
        Some(target) => Ok(target),
        None => check(&shared, &request),
    };
    let answer = match target {
        Ok(Target::Health) => Ok(Answer::healthy()),
        Ok(Target::Report { client, token }) => take_report(&shared, &mut request, client, token).await,
        Err(problem) => Err(problem),
    };
    let answer = answer.unwrap_or_else(|problem| refuse(&shared, problem));
    let again = progress.is_some_and(|progress| progress.answered(may_ask_on(&answer)));
    answer.into_response(again)
}

/// Decides about a request that waits for `100 Continue` before it sends its body (RFC 9110 §10.1.1).
pub async fn expect(shared: Arc<Shared>, request: Request) -> Result<Request, Response<BoxBody>> {
    match check(&shared, &request) {
        Ok(target) => {
            request.extensions_mut().insert(target);
            Ok(request)
        }
        Err(problem) => {
            let answer = refuse(&shared, problem);
            let again = begin(&request).is_some_and(|progress| progress.answered(may_ask_on(&answer)));
            Err(answer.into_response(again))
        }
    }
}

/// Who asks too often has what it sent ahead dropped with the connection.
fn may_ask_on(answer: &Answer) -> bool {
    answer.status() != StatusCode::TOO_MANY_REQUESTS
}

fn refuse(shared: &Shared, problem: Problem) -> Answer {
    let answer = Answer::from(problem);
    shared.counters.count_problem(answer.status());
    answer
}

/// What a request is for, once its head was found good.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    Health,
    Report { client: Option<IpAddr>, token: Option<String> },
}

/// Everything that can be said before a body is read.
fn check(shared: &Shared, request: &Request) -> Result<Target, Problem> {
    shared.counters.requests.increment();
    let client = request.peer_addr().map(|peer| shared.proxies.client(peer.ip(), request.headers()));
    if request.path() == "/healthz" {
        // Health is asked for by the operator's own machines, often from the proxy's address, which others may share.
        if let Some(client) = client {
            shared.health_rate.check(client).map_err(Problem::too_often)?;
        }
        return match *request.method() {
            Method::GET | Method::HEAD => Ok(Target::Health),
            _ => Err(Problem::method("GET, HEAD")),
        };
    }
    if let Some(client) = client {
        shared.rate.check(client).map_err(Problem::too_often)?;
    }
    let token = token(request.path()).ok_or_else(Problem::not_found)?;
    if *request.method() != Method::POST {
        return Err(Problem::method("POST"));
    }
    if request.headers().get_all(header::CONTENT_TYPE).count() > 1 {
        return Err(Problem::fault(FaultCode::BadRequest, "there is more than one Content-Type header"));
    }
    match framing(request) {
        None => Err(body::empty()),
        Some(Framing::Length(length)) if length > shared.wire_max_bytes as u64 => {
            Err(body::too_large(shared.wire_max_bytes))
        }
        Some(Framing::Endless) => Err(Problem::fault(FaultCode::BadRequest, "no protocol can be switched to here")),
        Some(Framing::Length(_) | Framing::Chunked(_)) => {
            Ok(Target::Report { client: client.map(|client| client.address), token: token.map(str::to_owned) })
        }
    }
}

/// The token in the path of a report URL, with or without a slash at the end; `None` for any other path. A redirect to the
/// one true spelling would lose reports: senders do not follow it, or turn the POST into a GET.
fn token(path: &str) -> Option<Option<&str>> {
    let rest = path.strip_prefix("/v1/tlsrpt")?;
    let Some(segment) = rest.strip_prefix('/') else {
        return rest.is_empty().then_some(None);
    };
    let segment = segment.strip_suffix('/').unwrap_or(segment);
    match segment {
        "" => (rest == "/").then_some(None),
        _ => (!segment.contains('/')).then_some(Some(segment)),
    }
}

async fn take_report(
    shared: &Shared,
    request: &mut Request,
    client: Option<IpAddr>,
    token: Option<String>,
) -> Result<Answer, Problem> {
    let announced = content_length(request);
    let Body { bytes, share, .. } = body::receive(request.take_payload(), announced, shared).await?;
    let hints = Hints {
        media_type: joined(request, &header::CONTENT_TYPE),
        content_encoding: joined(request, &header::CONTENT_ENCODING),
        token,
        ..Hints::default()
    };
    let body_bytes = bytes.len();
    let received_at = shared.clock.now();
    let submission = Submission { bytes, channel: Channel::Https, peer: client, received_at, hints };
    let answer = submit(shared, submission, share).await?;
    let client = client.map(tracing::field::display);
    tracing::debug!(client, body_bytes, status = answer.status().as_u16(), "a report was answered");
    Ok(answer)
}

/// Hands a report on. When its sender is told to come back because storing takes too long, the report goes on without it.
async fn submit(shared: &Shared, submission: Submission, share: MemoryShare) -> Result<Answer, Problem> {
    let accepting = shared.accept.accept(submission);
    let mut receipt = Box::pin(async move {
        let receipt = caught(accepting).await;
        drop(share);
        receipt
    });
    match timeout(shared.deadlines.answer, &mut receipt).await {
        Ok(Some(receipt)) => {
            receipt.0.iter().for_each(|outcome| shared.counters.count(outcome));
            Ok(Answer::receipt(&receipt))
        }
        Ok(None) => Err(Problem::store_failed()),
        Err(_) => {
            let deadline_s = shared.deadlines.answer.as_secs();
            tracing::warn!(deadline_s, "storing a report takes too long, its sender was told to come back");
            tokio::spawn(receipt);
            Err(Problem::store_slow())
        }
    }
}

/// A fault in our own code costs one answer, not the connection; `None` after a panic, which the panic hook has reported.
async fn caught(mut accepting: Accepting) -> Option<Receipt> {
    poll_fn(move |cx| match catch_unwind(AssertUnwindSafe(|| accepting.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// All lines of a header as one value (RFC 9110 §5.3).
fn joined(request: &Request, name: &HeaderName) -> Option<String> {
    let lines: Vec<_> = request.headers().get_all(name).map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// How the library reads this request's body; `None` where it has none.
fn framing(request: &Request) -> Option<Framing> {
    if request.chunked().unwrap_or(false) {
        return Some(Framing::chunked());
    }
    let upgrade = request.headers().get(header::UPGRADE);
    let websocket = upgrade.is_some_and(|protocol| protocol.as_bytes().trim_ascii().eq_ignore_ascii_case(b"websocket"));
    if websocket || *request.method() == Method::CONNECT {
        return Some(Framing::Endless);
    }
    content_length(request).filter(|length| *length > 0).map(Framing::Length)
}

fn content_length(request: &Request) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Tells the wire that a request has begun, and what of it is still to come.
fn begin(request: &Request) -> Option<Rc<Progress>> {
    let progress = request.conn_data::<Rc<Progress>>()?;
    progress.begin(framing(request));
    Some(Rc::clone(progress))
}

#[cfg(test)]
mod tests {
    use super::token;

    #[test]
    fn only_the_two_report_urls_take_reports() {
        for path in ["/v1/tlsrpt", "/v1/tlsrpt/"] {
            assert_eq!(token(path), Some(None), "{path}");
        }
        for path in ["/v1/tlsrpt/s3cret", "/v1/tlsrpt/s3cret/"] {
            assert_eq!(token(path), Some(Some("s3cret")), "{path}");
        }
        for path in ["", "*", "/", "/v1", "//v1/tlsrpt", "/v1//tlsrpt", "/v1/tlsrpts", "/v1/tlsrpt//", "/v1/tlsrpt/a/b"]
        {
            assert_eq!(token(path), None, "{path}");
        }
        for path in ["/v1/tlsrpt//a", "/v1/tlsrpt/a//", "/V1/tlsrpt", "/v1/../v1/tlsrpt", "/v1/%74lsrpt"] {
            assert_eq!(token(path), None, "{path}");
        }
    }
}

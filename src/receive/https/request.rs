//! One request: which URL, by whom, with what body; then the pipeline's receipt as an answer.

use std::{
    convert::Infallible,
    future::poll_fn,
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::Poll,
};

use hyper::{
    Method, Request, Response, StatusCode, Version,
    body::{Body as _, Incoming},
    header::{self, HeaderMap, HeaderName},
    http::request::Parts,
};
use tokio::{sync::watch, time::timeout};

use super::{
    Shared,
    answer::HttpAnswer,
    body::{self, RequestBody},
    problem::ProblemDetails,
    progress::Progress,
};
use crate::{
    fault::FaultCode,
    receive::memory::MemoryShare,
    submission::{Accepting, Channel, Hints, Receipt, Submission},
};

/// What a request has from its connection.
#[derive(Clone)]
pub(super) struct RequestContext {
    pub shared: Arc<Shared>,
    pub peer: IpAddr,
    pub progress: Arc<Progress>,
    pub stop: watch::Receiver<bool>,
}

/// Answers one request.
pub(super) async fn answer(
    context: RequestContext,
    request: Request<Incoming>,
) -> Result<Response<String>, Infallible> {
    let RequestContext { shared, peer, progress, stop } = context;
    let (head, body) = request.into_parts();
    progress.begins(!body.is_end_stream());
    let answer = match check(&shared, peer, &head, &body) {
        Ok(Target::Health) => Ok(HttpAnswer::healthy()),
        Ok(Target::Report { client, token }) => {
            take_report(&shared, &progress, &head.headers, body, client, token).await
        }
        Err(problem) => Err(problem),
    };
    let answer = answer.unwrap_or_else(|problem| {
        let answer = HttpAnswer::from(problem);
        shared.counters.count_problem(answer.status());
        answer
    });
    let again = progress.answered(may_ask_on(answer.status()) && keeps_alive(&head) && !*stop.borrow());
    Ok(answer.into_response(again))
}

/// Who asks too often has what it sent ahead dropped with the connection. So has who does not speak HTTP well.
fn may_ask_on(status: StatusCode) -> bool {
    !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_REQUEST)
}

/// RFC 9112 §9.3. HTTP/1.0 has no persistent connections here, although some clients ask for them.
fn keeps_alive(head: &Parts) -> bool {
    let mut options =
        head.headers.get_all(header::CONNECTION).iter().flat_map(|line| line.as_bytes().split(|b| *b == b','));
    head.version == Version::HTTP_11 && !options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
}

/// What a request is for, once its head was found good.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    Health,
    Report { client: IpAddr, token: Option<String> },
}

/// Everything that can be said before a body is read. A peer that waits for `100 Continue` hears this in its place
/// (RFC 9110 §10.1.1).
fn check(shared: &Shared, peer: IpAddr, head: &Parts, body: &Incoming) -> Result<Target, ProblemDetails> {
    shared.counters.requests.increment();
    let client = shared.proxies.client(peer, &head.headers);
    let path = head.uri.path();
    if path == "/healthz" {
        // Health is asked for by the operator's own machines, often from the proxy's address, which others may share.
        shared.health_rate.check(client).map_err(ProblemDetails::too_often)?;
    } else {
        shared.rate.check(client).map_err(ProblemDetails::too_often)?;
    }
    // RFC 9112 §3.2.
    let hosts = head.headers.get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && head.version == Version::HTTP_11) {
        return Err(ProblemDetails::fault(FaultCode::BadRequest, "there must be one Host header"));
    }
    if path == "/healthz" {
        return match head.method {
            Method::GET | Method::HEAD => Ok(Target::Health),
            _ => Err(ProblemDetails::method("GET, HEAD")),
        };
    }
    let token = token(path).ok_or_else(ProblemDetails::not_found)?;
    if head.method != Method::POST {
        return Err(ProblemDetails::method("POST"));
    }
    if head.headers.get_all(header::CONTENT_TYPE).iter().count() > 1 {
        return Err(ProblemDetails::fault(FaultCode::BadRequest, "there is more than one Content-Type header"));
    }
    let coding = head.headers.get(header::TRANSFER_ENCODING);
    if coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Err(ProblemDetails::fault(FaultCode::BadRequest, "the only Transfer-Encoding here is chunked"));
    }
    match body::announced(body) {
        Some(0) => Err(body::empty()),
        Some(length) if length > shared.wire_max_bytes as u64 => Err(body::too_large(shared.wire_max_bytes)),
        _ => Ok(Target::Report { client: client.address, token: token.map(str::to_owned) }),
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
    progress: &Progress,
    headers: &HeaderMap,
    body: Incoming,
    client: IpAddr,
    token: Option<String>,
) -> Result<HttpAnswer, ProblemDetails> {
    let RequestBody { bytes, share, .. } = body::receive(body, progress, shared).await?;
    let hints = Hints {
        media_type: joined(headers, &header::CONTENT_TYPE),
        content_encoding: joined(headers, &header::CONTENT_ENCODING),
        token,
        ..Hints::default()
    };
    let body_bytes = bytes.len();
    let received_at = shared.clock.now();
    let submission = Submission { bytes, channel: Channel::Https, peer: Some(client), received_at, hints };
    let answer = submit(shared, submission, share).await?;
    tracing::debug!(%client, body_bytes, status = answer.status().as_u16(), "a report was answered");
    Ok(answer)
}

/// Hands a report on. When its sender is told to come back because storing takes too long, the report goes on without it.
async fn submit(shared: &Shared, submission: Submission, share: MemoryShare) -> Result<HttpAnswer, ProblemDetails> {
    let accepting = shared.accept.accept(submission);
    let mut receipt = Box::pin(async move {
        let receipt = caught(accepting).await;
        drop(share);
        receipt
    });
    match timeout(shared.deadlines.answer, &mut receipt).await {
        Ok(Some(receipt)) => {
            receipt.0.iter().for_each(|outcome| shared.counters.count(outcome));
            Ok(HttpAnswer::receipt(&receipt))
        }
        Ok(None) => Err(ProblemDetails::store_failed()),
        Err(_) => {
            let deadline_s = shared.deadlines.answer.as_secs();
            tracing::warn!(deadline_s, "storing a report takes too long, its sender was told to come back");
            tokio::spawn(receipt);
            Err(ProblemDetails::store_slow())
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
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Vec<_> = headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
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

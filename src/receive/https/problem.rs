//! What is wrong, as `application/problem+json` (RFC 9457): the table from faults and from this listener's own refusals to HTTP
//! statuses.

use std::time::Duration;

use hyper::{
    StatusCode,
    header::{self, HeaderName, HeaderValue},
};
use serde_json::{Map, Value};

use crate::{
    fault::{Fault, FaultCode},
    limits::HTTP_HEAD_MAX_BYTES,
    submission::Busy,
};

/// An answer that says what is wrong.
#[derive(Debug)]
pub(super) struct ProblemDetails {
    pub status: StatusCode,
    /// A stable name: a fault's code, or one of this listener's own.
    code: &'static str,
    detail: String,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Members beyond those of RFC 9457.
    more: Map<String, Value>,
}

/// The status for a fault (RFC 9110 §15). Refused: 4xx by kind. Kept in quarantine: 422 with the place of the fault.
pub(super) fn status(code: FaultCode) -> StatusCode {
    use FaultCode::*;
    match code {
        Empty | Incomplete | BadRequest => StatusCode::BAD_REQUEST,
        ForeignDomain => StatusCode::FORBIDDEN,
        UnknownToken => StatusCode::NOT_FOUND,
        TooLargeWire | TooLargeUnpacked | TooManyPolicies | TooManyDetails | TooManyElements | StringTooLong
        | TooManyMembers => StatusCode::PAYLOAD_TOO_LARGE,
        Encoding | NotGzip | NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        BadJson | BadEncoding | DuplicateKey | TooDeep | GzipTruncated | GzipCrc | GzipHeader | TooManyLayers | Zip
        | NotAReport | DraftFormat | NoDateRange | BadDate | BadDateRange | FutureDate | RangeTooLong | Implausible
        | NoUsablePolicy | UnprovenLarge | Conflict | Superseded | Internal | NoReportPart | MimeLimits | DkimNone
        | DkimFail | DkimLTag | DkimUnaligned | DkimWeak | DkimExpired | DkimKeyGone | DkimTemperror | NotTlsrpt => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
    }
}

impl ProblemDetails {
    pub(super) fn fault(code: FaultCode, detail: impl Into<String>) -> ProblemDetails {
        ProblemDetails::new(status(code), code.as_str(), detail)
    }

    pub(super) fn not_found() -> ProblemDetails {
        ProblemDetails::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "reports are taken by POST at /v1/tlsrpt and /v1/tlsrpt/{token}",
        )
    }

    /// RFC 9110 §15.5.6: a 405 names the methods that are allowed.
    pub(super) fn method(allowed: &'static str) -> ProblemDetails {
        ProblemDetails::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            format!("only {allowed} is allowed here"),
        )
        .with(header::ALLOW, HeaderValue::from_static(allowed))
    }

    pub(super) fn too_often(wait: Duration) -> ProblemDetails {
        let detail = "too many requests a minute from this address or its network (public.requests_per_minute_max)";
        ProblemDetails::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail)
            .retry_after(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
    }

    pub(super) fn body_too_slow() -> ProblemDetails {
        let detail = "the body came too slowly (body_deadline_s, body_rate_min_bytes_per_s)";
        ProblemDetails::new(StatusCode::REQUEST_TIMEOUT, "slow", detail)
    }

    pub(super) fn head_too_slow() -> ProblemDetails {
        ProblemDetails::new(
            StatusCode::REQUEST_TIMEOUT,
            "slow",
            "the request header came too slowly (header_deadline_s)",
        )
    }

    pub(super) fn head_too_large() -> ProblemDetails {
        let detail = format!("the request header is larger than {HTTP_HEAD_MAX_BYTES} bytes");
        ProblemDetails::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "header-too-large", detail)
    }

    /// In place of hyper's answer to what it cannot read. It takes 100 header fields.
    pub(super) fn unparsable() -> ProblemDetails {
        let detail = "this is not a valid HTTP/1.1 request, or it has too many header fields";
        ProblemDetails::fault(FaultCode::BadRequest, detail)
    }

    pub(super) fn two_lengths() -> ProblemDetails {
        let detail = "Content-Length or Transfer-Encoding is there more than once, or both are";
        ProblemDetails::fault(FaultCode::BadRequest, detail)
    }

    pub(super) fn bodies_full() -> ProblemDetails {
        let detail = "too many bodies are being received";
        ProblemDetails::new(StatusCode::SERVICE_UNAVAILABLE, "bodies-full", detail).retry_after(10)
    }

    pub(super) fn store_slow() -> ProblemDetails {
        let detail = "storing takes too long; sending the report again does no harm";
        ProblemDetails::new(StatusCode::SERVICE_UNAVAILABLE, "store-slow", detail).retry_after(60)
    }

    pub(super) fn store_failed() -> ProblemDetails {
        ProblemDetails::busy(Busy::StoreFailed)
    }

    pub(super) fn busy(busy: Busy) -> ProblemDetails {
        let retry_after_s = match busy {
            Busy::QueueFull => 10,
            Busy::ShuttingDown => 30,
            Busy::StoreFailed | Busy::KeyLookup => 60,
            // Somebody has to make room first.
            Busy::DiskFull => 300,
            Busy::RowsSpent { retry_s } | Busy::BytesSpent { retry_s } => u64::from(retry_s),
            // It gets room as its oldest reports age.
            Busy::ShareFull => 3_600,
        };
        // RFC 6585 §4: only this client is asked to wait.
        let status = match busy {
            Busy::RowsSpent { .. } | Busy::BytesSpent { .. } | Busy::ShareFull => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut problem = ProblemDetails::new(status, busy_code(busy), busy.to_string());
        problem.more.insert("outcome".into(), "busy".into());
        problem.retry_after(retry_after_s)
    }

    pub(super) fn of_fault(fault: &Fault, more: Map<String, Value>) -> ProblemDetails {
        ProblemDetails { more, ..ProblemDetails::fault(fault.code, fault.detail.clone()) }
    }

    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> ProblemDetails {
        ProblemDetails { status, code, detail: detail.into(), headers: Vec::new(), more: Map::new() }
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> ProblemDetails {
        self.headers.push((name, value));
        self
    }

    fn retry_after(self, seconds: u64) -> ProblemDetails {
        self.with(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The document, of which the members beyond RFC 9457 are the first.
    pub(super) fn document(self) -> Map<String, Value> {
        let mut document = self.more;
        document.insert("type".into(), format!("urn:tlsight:problem:{}", self.code).into());
        document.insert("title".into(), title(self.status).into());
        document.insert("status".into(), self.status.as_u16().into());
        document.insert("detail".into(), self.detail.into());
        document.insert("code".into(), self.code.into());
        document
    }
}

pub(super) fn busy_code(busy: Busy) -> &'static str {
    match busy {
        Busy::DiskFull => "disk-full",
        Busy::QueueFull => "queue-full",
        Busy::ShuttingDown => "shutting-down",
        Busy::StoreFailed => "store-failed",
        Busy::KeyLookup => "key-lookup",
        Busy::RowsSpent { .. } => "rows-spent",
        Busy::BytesSpent { .. } => "bytes-spent",
        Busy::ShareFull => "share-full",
    }
}

/// RFC 9457 §3.1.3: the same for every occurrence of a problem.
fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "The request is malformed",
        StatusCode::FORBIDDEN => "Reports for this domain are not taken here",
        StatusCode::NOT_FOUND => "There is nothing here",
        StatusCode::METHOD_NOT_ALLOWED => "This method is not allowed here",
        StatusCode::REQUEST_TIMEOUT => "The request came too slowly",
        StatusCode::PAYLOAD_TOO_LARGE => "The report is too large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "This is not a TLS report in a known form",
        StatusCode::UNPROCESSABLE_ENTITY => "The report cannot be counted and is kept for the operator",
        StatusCode::TOO_MANY_REQUESTS => "Too many requests",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "The request header is too large",
        _ => "The report cannot be stored now",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Disposition;

    #[test]
    fn every_quarantined_fault_is_422_and_no_refused_one() {
        for code in FaultCode::ALL {
            let quarantined = code.disposition() != Disposition::Refuse;
            assert_eq!(status(*code) == StatusCode::UNPROCESSABLE_ENTITY, quarantined, "{code}");
            assert!(status(*code).is_client_error());
        }
    }
}

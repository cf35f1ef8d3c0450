//! What the sender hears: the table from outcomes and faults to HTTP statuses and `application/problem+json` (RFC 9457).

use std::time::Duration;

use actix_http::{
    Response, StatusCode,
    body::BoxBody,
    header::{self, HeaderName, HeaderValue},
};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::{
    fault::{Fault, FaultCode},
    limits::HTTP_HEAD_MAX_BYTES,
    submission::{Busy, Outcome, Receipt},
};

/// What browsers and caches must not do with an answer of a listener that anybody can reach.
const SECURITY_HEADERS: [(HeaderName, &str); 4] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// The report is taken, and yet the sender has something to mend.
const TOKEN_OF_OTHER_DOMAIN: &str = "the token in the URL is that of another domain than the report is about: it was taken as from the \
                                     open URL, look up the URL in the TLSRPT record of its own domain";

/// An answer that is complete but for the `Date`.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    media_type: &'static str,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: String,
}

/// An answer that says what is wrong.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    /// A stable name: a fault's code, or one of this listener's own.
    code: &'static str,
    detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Members beyond those of RFC 9457.
    more: Map<String, Value>,
}

/// The status for a fault (RFC 9110 §15). Refused: 4xx by kind. Kept in quarantine: 422 with the place of the fault.
pub fn status(code: FaultCode) -> StatusCode {
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

impl Answer {
    pub fn healthy() -> Answer {
        Answer {
            status: StatusCode::OK,
            media_type: "text/plain; charset=utf-8",
            headers: Vec::new(),
            body: "ok".into(),
        }
    }

    /// One answer for a submission. Where it held several reports, `reports` tells each one's outcome, in their order.
    pub fn receipt(receipt: &Receipt) -> Answer {
        let reports = match &receipt.0[..] {
            [_] => None,
            outcomes => Some(Value::Array(outcomes.iter().map(|outcome| Value::Object(members(outcome))).collect())),
        };
        let overall = receipt.overall();
        let mut answer = match overall {
            Outcome::Stored(_) => Answer::json(StatusCode::CREATED, members(overall), reports),
            Outcome::Duplicate(_) => Answer::json(StatusCode::OK, members(overall), reports),
            Outcome::Quarantined { fault, .. } | Outcome::Refused(fault) | Outcome::Ignored(fault) => {
                Problem::of_fault(fault, members(overall)).into_answer(reports)
            }
            Outcome::Busy(busy) => Problem::busy(*busy).into_answer(reports),
        };
        if receipt.1.token_of_other_domain && matches!(overall, Outcome::Stored(_) | Outcome::Duplicate(_)) {
            answer = answer.with_note(TOKEN_OF_OTHER_DOMAIN);
        }
        if let Outcome::Refused(fault) = overall {
            answer.advise(fault.code);
        }
        answer
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    fn with_note(mut self, note: &str) -> Answer {
        if let Ok(Value::Object(mut body)) = serde_json::from_str(&self.body) {
            body.insert("note".into(), note.into());
            self.body = Value::Object(body).to_string();
        }
        self
    }

    pub fn into_response(self, again: bool) -> Response<BoxBody> {
        let mut response = Response::build(self.status);
        response.content_type(self.media_type);
        for (name, value) in SECURITY_HEADERS {
            response.insert_header((name, HeaderValue::from_static(value)));
        }
        for header in self.headers {
            response.insert_header(header);
        }
        if !again {
            response.force_close();
        }
        response.body(self.body).map_into_boxed_body()
    }

    /// The whole message, for the moments in which the HTTP library has none.
    pub fn into_bytes(self, now: DateTime<Utc>) -> Vec<u8> {
        let mut head = format!(
            "HTTP/1.1 {}\r\ncontent-length: {}\r\nconnection: close\r\ndate: {}\r\ncontent-type: {}\r\n",
            self.status,
            self.body.len(),
            now.format("%a, %d %b %Y %H:%M:%S GMT"),
            self.media_type,
        );
        for (name, value) in SECURITY_HEADERS {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.push_str(&self.body);
        head.into_bytes()
    }

    fn json(status: StatusCode, mut body: Map<String, Value>, reports: Option<Value>) -> Answer {
        if let Some(reports) = reports {
            body.insert("reports".into(), reports);
        }
        Answer { status, media_type: "application/json", headers: Vec::new(), body: Value::Object(body).to_string() }
    }

    /// RFC 9110 §15.5.16: a 415 may say what would have been taken.
    fn advise(&mut self, code: FaultCode) {
        match code {
            FaultCode::Encoding => {
                self.headers.push((header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, identity")));
            }
            FaultCode::NotJson | FaultCode::NotGzip => {
                let types = "application/tlsrpt+gzip, application/tlsrpt+json";
                self.headers.push((header::ACCEPT, HeaderValue::from_static(types)));
            }
            _ => {}
        }
    }
}

impl Problem {
    pub fn fault(code: FaultCode, detail: impl Into<String>) -> Problem {
        Problem::new(status(code), code.as_str(), detail)
    }

    pub fn not_found() -> Problem {
        Problem::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "reports are taken by POST at /v1/tlsrpt and /v1/tlsrpt/{token}",
        )
    }

    /// RFC 9110 §15.5.6: a 405 names the methods that are allowed.
    pub fn method(allowed: &'static str) -> Problem {
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", format!("only {allowed} is allowed here"))
            .with(header::ALLOW, HeaderValue::from_static(allowed))
    }

    pub fn too_often(wait: Duration) -> Problem {
        let detail = "too many requests a minute from this address or its network (public.requests_per_minute_max)";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail)
            .retry_after(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
    }

    pub fn body_too_slow() -> Problem {
        let detail = "the body came too slowly (body_deadline_s, body_rate_min_bytes_per_s)";
        Problem::new(StatusCode::REQUEST_TIMEOUT, "slow", detail)
    }

    pub fn head_too_slow() -> Problem {
        Problem::new(StatusCode::REQUEST_TIMEOUT, "slow", "the request header came too slowly (header_deadline_s)")
    }

    pub fn head_too_large() -> Problem {
        let detail = format!("the request header is larger than {HTTP_HEAD_MAX_BYTES} bytes");
        Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "header-too-large", detail)
    }

    /// In place of the HTTP library's answer to what it cannot read.
    pub fn unparsable() -> Problem {
        Problem::fault(FaultCode::BadRequest, "this is not a valid HTTP/1.1 request")
    }

    pub fn bodies_full() -> Problem {
        let detail = "too many bodies are being received";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "bodies-full", detail).retry_after(10)
    }

    pub fn store_slow() -> Problem {
        let detail = "storing takes too long; sending the report again does no harm";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store-slow", detail).retry_after(60)
    }

    pub fn store_failed() -> Problem {
        Problem::busy(Busy::StoreFailed)
    }

    fn busy(busy: Busy) -> Problem {
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
        let mut problem = Problem::new(status, busy_code(busy), busy.to_string());
        problem.more.insert("outcome".into(), "busy".into());
        problem.retry_after(retry_after_s)
    }

    fn of_fault(fault: &Fault, more: Map<String, Value>) -> Problem {
        Problem { more, ..Problem::fault(fault.code, fault.detail.clone()) }
    }

    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Problem {
        Problem { status, code, detail: detail.into(), headers: Vec::new(), more: Map::new() }
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Problem {
        self.headers.push((name, value));
        self
    }

    fn retry_after(self, seconds: u64) -> Problem {
        self.with(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    fn into_answer(self, reports: Option<Value>) -> Answer {
        let mut body = self.more;
        body.insert("type".into(), format!("urn:tlsight:problem:{}", self.code).into());
        body.insert("title".into(), title(self.status).into());
        body.insert("status".into(), self.status.as_u16().into());
        body.insert("detail".into(), self.detail.into());
        body.insert("code".into(), self.code.into());
        let answer = Answer::json(self.status, body, reports);
        Answer { media_type: "application/problem+json", headers: self.headers, ..answer }
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Answer {
        problem.into_answer(None)
    }
}

/// One outcome as JSON.
fn members(outcome: &Outcome) -> Map<String, Value> {
    let told = |fault: &Fault| json!({ "code": fault.code.as_str(), "detail": fault.detail, "place": fault.place.to_string() });
    let (name, told) = match outcome {
        Outcome::Stored(report) => ("stored", json!({ "report": report })),
        Outcome::Duplicate(report) => ("duplicate", json!({ "report": report })),
        Outcome::Quarantined { entry, fault } => {
            let mut told = told(fault);
            told["entry"] = json!(entry);
            ("quarantined", told)
        }
        Outcome::Refused(fault) => ("refused", told(fault)),
        Outcome::Ignored(fault) => ("ignored", told(fault)),
        Outcome::Busy(busy) => ("busy", json!({ "code": busy_code(*busy), "detail": busy.to_string() })),
    };
    let mut members = Map::from_iter([("outcome".to_owned(), Value::from(name))]);
    if let Value::Object(told) = told {
        members.extend(told);
    }
    members
}

fn busy_code(busy: Busy) -> &'static str {
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
    use uuid::Uuid;

    use super::*;
    use crate::fault::{Disposition, FaultPlace, Layer};

    fn body(answer: &Answer) -> Value {
        serde_json::from_str(&answer.body).unwrap()
    }

    #[test]
    fn every_quarantined_fault_is_422_and_no_refused_one() {
        for code in FaultCode::ALL {
            let quarantined = code.disposition() != Disposition::Refuse;
            assert_eq!(status(*code) == StatusCode::UNPROCESSABLE_ENTITY, quarantined, "{code}");
            assert!(status(*code).is_client_error());
        }
    }

    #[test]
    fn stored_and_duplicate_name_the_report() {
        let id = Uuid::from_u128(7);
        let stored = Answer::receipt(&Receipt::new(vec![Outcome::Stored(id)]));
        assert_eq!(stored.status, StatusCode::CREATED);
        assert_eq!(body(&stored), json!({ "outcome": "stored", "report": id }));
        let duplicate = Answer::receipt(&Receipt::new(vec![Outcome::Duplicate(id)]));
        assert_eq!(duplicate.status, StatusCode::OK);
        assert_eq!(body(&duplicate), json!({ "outcome": "duplicate", "report": id }));
    }

    #[test]
    fn a_token_of_another_domain_is_noted() {
        let notes = crate::submission::SubmissionNotes { token_of_other_domain: true };
        for outcome in [Outcome::Stored(Uuid::nil()), Outcome::Duplicate(Uuid::nil())] {
            let answer = Answer::receipt(&Receipt(vec![outcome], notes));
            assert_eq!(body(&answer)["note"], TOKEN_OF_OTHER_DOMAIN);
            assert!(answer.status.is_success());
        }
    }

    #[test]
    fn a_quarantined_report_is_a_problem_with_its_place() {
        let fault =
            Fault::new(FaultCode::BadJson, "expected a comma", FaultPlace::Byte { offset: 17, of: Layer::Received });
        let entry = Uuid::from_u128(9);
        let answer = Answer::receipt(&Receipt::new(vec![Outcome::Quarantined { entry, fault }]));
        assert_eq!(answer.media_type, "application/problem+json");
        let expected = json!({
            "type": "urn:tlsight:problem:bad-json", "title": "The report cannot be counted and is kept for the operator",
            "status": 422, "detail": "expected a comma", "code": "bad-json", "outcome": "quarantined", "entry": entry,
            "place": "at byte 17",
        });
        assert_eq!(body(&answer), expected);
    }

    #[test]
    fn several_reports_are_listed_in_their_order() {
        let fault = Fault::new(FaultCode::ForeignDomain, "not ours", FaultPlace::Whole);
        let outcomes =
            vec![Outcome::Refused(fault), Outcome::Stored(Uuid::from_u128(1)), Outcome::Duplicate(Uuid::from_u128(2))];
        let answer = Answer::receipt(&Receipt::new(outcomes));
        assert_eq!(answer.status, StatusCode::CREATED);
        let reports = body(&answer)["reports"].clone();
        assert_eq!(reports[0]["outcome"], "refused");
        assert_eq!(reports[0]["code"], "foreign-domain");
        assert_eq!(reports[1], json!({ "outcome": "stored", "report": Uuid::from_u128(1) }));
        assert_eq!(reports[2]["outcome"], "duplicate");
    }

    #[test]
    fn busy_says_when_to_come_back() {
        for busy in [Busy::RowsSpent { retry_s: 7 }, Busy::BytesSpent { retry_s: 7 }, Busy::ShareFull] {
            let answer = Answer::receipt(&Receipt::new(vec![Outcome::Busy(busy)]));
            assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
            assert!(answer.headers.iter().any(|(name, _)| name == header::RETRY_AFTER), "{busy:?}");
            assert!(answer.body.contains("unproven_"), "{}", answer.body);
        }
        for busy in [Busy::DiskFull, Busy::QueueFull, Busy::ShuttingDown, Busy::StoreFailed] {
            let answer = Answer::receipt(&Receipt::new(vec![Outcome::Busy(busy)]));
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(answer.headers.iter().any(|(name, _)| name == header::RETRY_AFTER), "{busy}");
            assert_eq!(body(&answer)["code"], busy_code(busy));
        }
    }

    #[test]
    fn an_unsupported_type_says_what_is_supported() {
        let refused =
            |code| Answer::receipt(&Receipt::new(vec![Outcome::Refused(Fault::new(code, "no", FaultPlace::Whole))]));
        assert_eq!(refused(FaultCode::Encoding).headers[0].0, header::ACCEPT_ENCODING);
        assert_eq!(refused(FaultCode::NotJson).headers[0].0, header::ACCEPT);
        assert!(refused(FaultCode::Empty).headers.is_empty());
    }

    #[test]
    fn a_raw_answer_is_a_whole_message() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let bytes = Answer::from(Problem::head_too_slow()).into_bytes(now);
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{head}");
        assert!(head.contains("date: Tue, 14 Nov 2023 22:13:20 GMT\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
    }
}

//! What the sender hears: the outcome of its report as JSON, or a problem.

use chrono::{DateTime, Utc};
use hyper::{
    Response, StatusCode,
    header::{self, HeaderName, HeaderValue},
};
use serde_json::{Map, Value, json};

use super::problem::{ProblemDetails, busy_code};
use crate::{
    fault::{Fault, FaultCode},
    submission::{Outcome, Receipt},
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
pub(super) struct HttpAnswer {
    status: StatusCode,
    media_type: &'static str,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: String,
}

impl HttpAnswer {
    pub(super) fn healthy() -> HttpAnswer {
        HttpAnswer {
            status: StatusCode::OK,
            media_type: "text/plain; charset=utf-8",
            headers: Vec::new(),
            body: "ok".into(),
        }
    }

    /// One answer for a submission. Where it held several reports, `reports` tells each one's outcome, in their order.
    pub(super) fn receipt(receipt: &Receipt) -> HttpAnswer {
        let reports = match &receipt.0[..] {
            [_] => None,
            outcomes => Some(Value::Array(outcomes.iter().map(|outcome| Value::Object(members(outcome))).collect())),
        };
        let overall = receipt.overall();
        let mut answer = match overall {
            Outcome::Stored(_) => HttpAnswer::json(StatusCode::CREATED, members(overall), reports),
            Outcome::Duplicate(_) => HttpAnswer::json(StatusCode::OK, members(overall), reports),
            Outcome::Quarantined { fault, .. } | Outcome::Refused(fault) | Outcome::Ignored(fault) => {
                HttpAnswer::problem(ProblemDetails::of_fault(fault, members(overall)), reports)
            }
            Outcome::Busy(busy) => HttpAnswer::problem(ProblemDetails::busy(*busy), reports),
        };
        if receipt.1.token_of_other_domain && matches!(overall, Outcome::Stored(_) | Outcome::Duplicate(_)) {
            answer = answer.with_note(TOKEN_OF_OTHER_DOMAIN);
        }
        if let Outcome::Refused(fault) = overall {
            answer.advise(fault.code);
        }
        answer
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    fn with_note(mut self, note: &str) -> HttpAnswer {
        if let Ok(Value::Object(mut body)) = serde_json::from_str(&self.body) {
            body.insert("note".into(), note.into());
            self.body = Value::Object(body).to_string();
        }
        self
    }

    /// For hyper, which adds length and date. Without `again` the connection ends with this answer.
    pub(super) fn into_response(self, again: bool) -> Response<String> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.extend(SECURITY_HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
        headers.extend(self.headers);
        if !again {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// The whole message, for the moments in which hyper has no request to answer.
    pub(super) fn into_bytes(self, now: DateTime<Utc>) -> Vec<u8> {
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

    fn json(status: StatusCode, mut body: Map<String, Value>, reports: Option<Value>) -> HttpAnswer {
        if let Some(reports) = reports {
            body.insert("reports".into(), reports);
        }
        HttpAnswer {
            status,
            media_type: "application/json",
            headers: Vec::new(),
            body: Value::Object(body).to_string(),
        }
    }

    fn problem(mut problem: ProblemDetails, reports: Option<Value>) -> HttpAnswer {
        let (status, headers) = (problem.status, std::mem::take(&mut problem.headers));
        let answer = HttpAnswer::json(status, problem.document(), reports);
        HttpAnswer { media_type: "application/problem+json", headers, ..answer }
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

impl From<ProblemDetails> for HttpAnswer {
    fn from(problem: ProblemDetails) -> HttpAnswer {
        HttpAnswer::problem(problem, None)
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        fault::{FaultPlace, Layer},
        submission::Busy,
    };

    fn body(answer: &HttpAnswer) -> Value {
        serde_json::from_str(&answer.body).unwrap()
    }

    #[test]
    fn stored_and_duplicate_name_the_report() {
        let id = Uuid::from_u128(7);
        let stored = HttpAnswer::receipt(&Receipt::new(vec![Outcome::Stored(id)]));
        assert_eq!(stored.status, StatusCode::CREATED);
        assert_eq!(body(&stored), json!({ "outcome": "stored", "report": id }));
        let duplicate = HttpAnswer::receipt(&Receipt::new(vec![Outcome::Duplicate(id)]));
        assert_eq!(duplicate.status, StatusCode::OK);
        assert_eq!(body(&duplicate), json!({ "outcome": "duplicate", "report": id }));
    }

    #[test]
    fn a_token_of_another_domain_is_noted() {
        let notes = crate::submission::SubmissionNotes { token_of_other_domain: true };
        for outcome in [Outcome::Stored(Uuid::nil()), Outcome::Duplicate(Uuid::nil())] {
            let answer = HttpAnswer::receipt(&Receipt(vec![outcome], notes));
            assert_eq!(body(&answer)["note"], TOKEN_OF_OTHER_DOMAIN);
            assert!(answer.status.is_success());
        }
    }

    #[test]
    fn a_quarantined_report_is_a_problem_with_its_place() {
        let fault =
            Fault::new(FaultCode::BadJson, "expected a comma", FaultPlace::Byte { offset: 17, of: Layer::Received });
        let entry = Uuid::from_u128(9);
        let answer = HttpAnswer::receipt(&Receipt::new(vec![Outcome::Quarantined { entry, fault }]));
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
        let answer = HttpAnswer::receipt(&Receipt::new(outcomes));
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
            let answer = HttpAnswer::receipt(&Receipt::new(vec![Outcome::Busy(busy)]));
            assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
            assert!(answer.headers.iter().any(|(name, _)| name == header::RETRY_AFTER), "{busy:?}");
            assert!(answer.body.contains("unproven_"), "{}", answer.body);
        }
        for busy in [Busy::DiskFull, Busy::QueueFull, Busy::ShuttingDown, Busy::StoreFailed] {
            let answer = HttpAnswer::receipt(&Receipt::new(vec![Outcome::Busy(busy)]));
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(answer.headers.iter().any(|(name, _)| name == header::RETRY_AFTER), "{busy}");
            assert_eq!(body(&answer)["code"], busy_code(busy));
        }
    }

    #[test]
    fn an_unsupported_type_says_what_is_supported() {
        let refused = |code| {
            HttpAnswer::receipt(&Receipt::new(vec![Outcome::Refused(Fault::new(code, "no", FaultPlace::Whole))]))
        };
        assert_eq!(refused(FaultCode::Encoding).headers[0].0, header::ACCEPT_ENCODING);
        assert_eq!(refused(FaultCode::NotJson).headers[0].0, header::ACCEPT);
        assert!(refused(FaultCode::Empty).headers.is_empty());
    }

    #[test]
    fn a_raw_answer_is_a_whole_message() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let bytes = HttpAnswer::from(ProblemDetails::head_too_slow()).into_bytes(now);
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{head}");
        assert!(head.contains("date: Tue, 14 Nov 2023 22:13:20 GMT\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
    }
}

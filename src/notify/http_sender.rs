//! Posts a request: without redirects, without a proxy, to servers whose certificates are valid.

use std::{path::Path, time::Duration};

use chrono::TimeDelta;
use reqwest::{Client, Response, StatusCode, Url, header, redirect::Policy};

use super::{
    failure::{DeliveryFailure, RetryAfter, innermost, quoted},
    format::ChannelRequest,
};
use crate::{limits::NOTIFY_ANSWER_MAX_BYTES, tls};

pub(super) struct HttpSender {
    client: Client,
    deadline: Duration,
}

impl HttpSender {
    /// `authorities`: a file with those to believe besides the system's.
    pub(super) fn new(authorities: Option<&Path>, deadline: Duration) -> Result<HttpSender, String> {
        let roots = tls::authorities(authorities).map_err(|error| error.to_string())?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client_config(roots))
            .redirect(Policy::none())
            .no_proxy()
            // Minutes or days lie between two notices; a connection kept open is one that may be dead.
            .pool_max_idle_per_host(0)
            .timeout(deadline)
            .user_agent(concat!("tlsight/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| innermost(&error))?;
        Ok(HttpSender { client, deadline })
    }

    /// The status that the other side answered with, where it is one of success.
    pub(super) async fn post(&self, request: ChannelRequest) -> Result<String, DeliveryFailure> {
        let mut builder = self.client.post(request.url).body(request.body);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        let answer = match builder.send().await {
            Ok(answer) => answer,
            Err(error) => return Err(self.not_sent(&error)),
        };
        let status = answer.status();
        // What else it says does not matter then.
        if status.is_success() { Ok(format!("answered {status}")) } else { Err(refusal(status, answer).await) }
    }

    fn not_sent(&self, error: &reqwest::Error) -> DeliveryFailure {
        let reason = innermost(error);
        DeliveryFailure::soon(if error.is_timeout() {
            format!("no answer within {} s", self.deadline.as_secs())
        } else if error.is_connect() {
            format!("no connection: {reason}")
        } else {
            format!("the connection broke: {reason}")
        })
    }
}

async fn refusal(status: StatusCode, mut answer: Response) -> DeliveryFailure {
    let of_header = |name| answer.headers().get(name).map(|value| quoted(&String::from_utf8_lossy(value.as_bytes())));
    if status.is_redirection() {
        // Often the same path by https, and the paths of such URLs are secrets.
        let to = of_header(header::LOCATION).map_or_else(|| "nowhere".to_owned(), |to| without_path(&to));
        return DeliveryFailure::refused(format!("answered {status} and sent us to {to}: redirects are not followed"));
    }
    let asked = of_header(header::RETRY_AFTER).and_then(|value| value.parse::<u32>().ok());
    let retry_after = match (status, asked) {
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, Some(seconds)) => {
            RetryAfter::AtLeast(TimeDelta::seconds(i64::from(seconds)))
        }
        (StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS, _) => RetryAfter::Soon,
        _ if status.is_client_error() => RetryAfter::Refused,
        _ => RetryAfter::Soon,
    };
    let mut body = Vec::new();
    // A body that breaks off says as much as came.
    while let Ok(Some(chunk)) = answer.chunk().await {
        let room = NOTIFY_ANSWER_MAX_BYTES.saturating_sub(body.len());
        body.extend_from_slice(chunk.get(..room.min(chunk.len())).unwrap_or_default());
        if body.len() >= NOTIFY_ANSWER_MAX_BYTES {
            break;
        }
    }
    let said = quoted(&String::from_utf8_lossy(&body));
    let said = if said.is_empty() { said } else { format!(": {said}") };
    DeliveryFailure { words: format!("answered {status}{said}"), retry_after }
}

/// `https://hooks.example.net/…` of a URL, `another path` of anything else.
fn without_path(to: &str) -> String {
    let url = Url::parse(to).ok().filter(Url::has_host);
    url.map_or_else(|| "another path".to_owned(), |url| format!("{}/…", url.origin().ascii_serialization()))
}

#[cfg(test)]
mod tests {
    use super::without_path;

    #[test]
    fn where_a_redirect_leads_is_told_without_what_may_be_a_secret() {
        assert_eq!(
            without_path("https://user:word@hooks.example.net:8443/services/T0/SECRET?key=1"),
            "https://hooks.example.net:8443/…"
        );
        assert_eq!(without_path("/services/T0/SECRET"), "another path");
        assert_eq!(without_path("data:SECRET"), "another path");
    }
}

//! Fetches a policy as RFC 8461 §3.3 asks: from one address, with the certificate of the policy host, no redirect, no proxy, one minute, 64 KiB.

use std::{
    error::Error,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{Response, header, redirect::Policy};
use rustls_pki_types::UnixTime;

use super::{Observer, deepest, has_no_route, holds_tls_error};
use crate::{
    check::observed::{FetchOutcome, PolicyAnswer, PolicyFetch},
    limits::CHECK_POLICY_MAX_BYTES,
    tls::witness::{HandshakeSeen, Witness},
};

/// Hours that are looked ahead and back for the ends of a certificate.
const VALIDITY_MAX_H: u64 = 2 * 366 * 24;

impl Observer {
    pub(super) async fn fetch(&self, host: &str, address: IpAddr, is_public: bool) -> PolicyFetch {
        let begun = Instant::now();
        let outcome = if is_public { self.fetched(host, address).await } else { FetchOutcome::NotPublic };
        PolicyFetch { address, took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX), outcome }
    }

    async fn fetched(&self, host: &str, address: IpAddr) -> FetchOutcome {
        let witness = Witness::new(&self.authorities, false);
        let answer = match self.send(host, address, &witness).await {
            Ok(answer) => answer,
            Err(error) => return self.failed(error.as_ref(), &witness.seen()),
        };
        let text =
            |name| answer.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let (location, content_type) = (text(header::LOCATION), text(header::CONTENT_TYPE));
        let (content_encoding, status) = (text(header::CONTENT_ENCODING), answer.status().as_u16());
        let is_mitigated = answer.headers().contains_key("cf-mitigated");
        let validity = self.validity_h(host, &witness.seen());
        let (body, is_too_large) = match body_of(answer).await {
            Ok(body) => body,
            Err(error) if error.is_timeout() => return FetchOutcome::Late,
            Err(error) => return FetchOutcome::Broken(deepest(&error)),
        };
        let is_page = content_type.as_deref().is_some_and(|kind| kind.starts_with("text/html"));
        let is_challenge = is_mitigated || (matches!(status, 403 | 429 | 503) && is_page);
        FetchOutcome::Answered(PolicyAnswer {
            status,
            location,
            content_type,
            content_encoding,
            is_challenge,
            body,
            is_too_large,
            valid_for_h: validity.map(|(ahead, _)| ahead),
            valid_since_h: validity.map(|(_, back)| back),
        })
    }

    async fn send(
        &self,
        host: &str,
        address: IpAddr,
        witness: &Arc<Witness>,
    ) -> Result<Response, Box<dyn Error + Send + Sync>> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(witness.client_config()?)
            // The name is asked for, the address is the one that is looked at.
            .resolve_to_addrs(host, &[SocketAddr::new(address, self.https_port)])
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(self.connect_deadline)
            .timeout(self.fetch_deadline)
            .user_agent(concat!("tlsight/", env!("CARGO_PKG_VERSION"), " (looks at the MTA-STS policy)"))
            .build()?;
        let port = if self.https_port == super::HTTPS_PORT { String::new() } else { format!(":{}", self.https_port) };
        Ok(client.get(format!("https://{host}{port}/.well-known/mta-sts.txt")).send().await?)
    }

    fn failed(&self, error: &(dyn Error + 'static), seen: &HandshakeSeen) -> FetchOutcome {
        if let Some(Err(fault)) = &seen.certificate {
            return FetchOutcome::Certificate { problem: fault.problem, words: fault.words.clone() };
        }
        let asked = error.downcast_ref::<reqwest::Error>();
        let words = deepest(error);
        match asked {
            Some(error) if error.is_connect() && holds_tls_error(error) => FetchOutcome::NoTls(words),
            Some(error) if error.is_connect() && error.is_timeout() => {
                FetchOutcome::NoConnection(format!("no answer within {} s", self.connect_deadline.as_secs_f32()))
            }
            Some(error) if error.is_connect() && has_no_route(error) => FetchOutcome::NoRoute(words),
            Some(error) if error.is_connect() => FetchOutcome::NoConnection(words),
            Some(error) if error.is_timeout() => FetchOutcome::Late,
            _ => FetchOutcome::Broken(words),
        }
    }

    pub(super) fn validity_h(&self, host: &str, seen: &HandshakeSeen) -> Option<(u64, u64)> {
        let now = u64::try_from(self.clock.now().timestamp()).ok()?;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
        self.authorities.validity_h(&seen.chain, host, now, VALIDITY_MAX_H)
    }
}

/// The body as far as a sender reads it, and whether there is more.
async fn body_of(mut answer: Response) -> Result<(Vec<u8>, bool), reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        let room = CHECK_POLICY_MAX_BYTES.saturating_sub(body.len());
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if chunk.len() > room {
            return Ok((body, true));
        }
    }
    Ok((body, false))
}

//! Keeps other web sites out: which `Host` is ours (DNS rebinding), who may change something (cross-site requests), and the
//! headers every answer carries.

use std::net::{Ipv4Addr, Ipv6Addr};

use actix_web::{
    Error, HttpRequest, HttpResponse,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};

use super::{Site, answer, params};

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
                                       form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(crate) async fn guard<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let refusal = refuse(request.request());
    let mut response = match refusal {
        Some(refusal) => request.into_response(refusal).map_into_right_body(),
        None => next.call(request).await?.map_into_left_body(),
    };
    protect(response.headers_mut());
    Ok(response)
}

fn refuse(request: &HttpRequest) -> Option<HttpResponse> {
    let host = header_text(request, &header::HOST).unwrap_or_default();
    let hosts = request.app_data::<web::Data<Site>>().map(|site| site.hosts.as_slice()).unwrap_or_default();
    if !is_ours(host, hosts) {
        return Some(answer::problem(
            StatusCode::MISDIRECTED_REQUEST,
            "unknown-host",
            &format!(
                "this server does not go by the name `{host}`; if it should, add it to `private.hosts` in the configuration"
            ),
        ));
    }
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if !safe && !comes_from_us(request, host) {
        return Some(answer::problem(
            StatusCode::FORBIDDEN,
            "cross-site",
            "a request that changes something must come from these pages; a script sends `Sec-Fetch-Site: none`",
        ));
    }
    if safe && let Err(fail) = params::refuse_unasked(request.path(), request.query_string()) {
        return Some(answer::failed_json(&fail));
    }
    None
}

/// A page elsewhere can make its own name point to our address, but cannot make the browser send another `Host`.
fn is_ours(host: &str, hosts: &[String]) -> bool {
    let Some(name) = without_port(host) else { return false };
    match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            name.eq_ignore_ascii_case("localhost")
                || name.parse::<Ipv4Addr>().is_ok()
                || hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
        }
    }
}

/// The host of `host[:port]` (RFC 9110 §7.2); `None` where what follows it is no port, like user information before it.
fn without_port(host: &str) -> Option<&str> {
    // The colons within brackets are the address's own.
    let Some((name, port)) = host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) else { return Some(host) };
    port.bytes().all(|byte| byte.is_ascii_digit()).then_some(name)
}

fn comes_from_us(request: &HttpRequest, host: &str) -> bool {
    match header_text(request, &HeaderName::from_static("sec-fetch-site")) {
        Some(site) => matches!(site, "same-origin" | "none"),
        None => header_text(request, &header::ORIGIN)
            .and_then(|origin| origin.split_once("://"))
            .is_some_and(|(_, origin_host)| origin_host.eq_ignore_ascii_case(host)),
    }
}

fn header_text<'a>(request: &'a HttpRequest, name: &HeaderName) -> Option<&'a str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

fn protect(headers: &mut HeaderMap) {
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn addresses_and_configured_names_are_ours() {
        let hosts = ["tlsight.example.net".to_owned()];
        for host in
            ["127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "[::1]", "localhost:1", "LOCALHOST", "TLSight.example.net:80"]
        {
            assert!(is_ours(host, &hosts), "{host}");
        }
        for host in [
            "[::1].evil.example",
            "[::1]evil.example:80",
            "[127.0.0.1]",
            "::1",
            "127.0.0.1:80@evil",
            "127.0.0.1@evil:80",
            "127.0.0.1:80:80",
            "",
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
        ] {
            assert!(!is_ours(host, &hosts), "{host}");
        }
    }
}

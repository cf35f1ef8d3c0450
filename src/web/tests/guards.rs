use super::filled;

#[test]
fn other_host_names_are_turned_away() {
    let running = filled();
    for (host, status) in
        [("tlsight.example.net", 200), ("localhost:1", 200), ("[::1]", 200), ("rebound.example", 421), ("", 421)]
    {
        assert_eq!(running.send("GET", "/healthz", &[("Host", host)]).status, status, "{host}");
    }
}

#[test]
fn other_sites_cannot_change_anything() {
    let running = filled();
    let path = "/quarantine/00000000-0000-0000-0000-000000000000/discard";
    let own = format!("http://{}", running.address);
    for (headers, status) in [
        (vec![], 403),
        (vec![("Sec-Fetch-Site", "cross-site")], 403),
        (vec![("Sec-Fetch-Site", "same-site")], 403),
        (vec![("Origin", "http://evil.example")], 403),
        (vec![("Origin", "null")], 403),
        (vec![("Sec-Fetch-Site", "cross-site"), ("Origin", own.as_str())], 403),
        (vec![("Sec-Fetch-Site", "same-origin")], 303),
        (vec![("Sec-Fetch-Site", "none")], 303),
        (vec![("Origin", own.as_str())], 303),
    ] {
        assert_eq!(running.send("POST", path, &headers).status, status, "{headers:?}");
    }
    assert_eq!(running.send("GET", path, &[]).status, 404, "reading changes nothing");
}

#[test]
fn every_answer_carries_the_headers() {
    let running = filled();
    for path in ["/", "/reports", "/nothing", "/api/v1/overview", "/api/v1/nothing", "/?from=x"] {
        let answer = running.get(path);
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'self'") && !policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    }
}

#[test]
fn static_files_are_kept_by_browsers() {
    let running = filled();
    let page = running.page("/");
    let at = page.find("/static/").expect("a style sheet");
    let path = page[at..].split('"').next().expect("its address");
    let answer = running.get(path);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/css; charset=utf-8")));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
    let tag = answer.header("etag").expect("a tag");
    assert_eq!(running.send("GET", path, &[("If-None-Match", tag)]).status, 304);
    for wrong in ["/static/x/../../Cargo.toml", "/static/x/..%2f..%2fCargo.toml", "/static/x/nothing.css"] {
        assert_eq!(running.get(wrong).status, 404, "{wrong}");
    }
}

#[test]
fn health_is_told() {
    assert_eq!(filled().get("/healthz").status, 200);
    assert_eq!(filled().get("/readyz").text(), "ready\n");
}

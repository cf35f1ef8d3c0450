use std::fs;

use super::*;

const FILE: &str = r#"
; keys
sel._domainkey.example.net. TXT "v=DKIM1; k=rsa; " "p=ab\"\\\044c" ; two strings
SEL2._domainkey.example.net	3600 IN TXT	v=DKIM1; p=abc
# hosts
example.net MX 20 mx2.example.net.
example.net MX 10 MX1.example.net
mx1.example.net A 192.0.2.25
mx1.example.net AAAA 2001:db8::25
25.2.0.192.in-addr.arpa CNAME 25.0-63.2.0.192.in-addr.arpa
25.0-63.2.0.192.in-addr.arpa PTR MX1.example.net.
www.example.net CNAME mx1.example.net
loop.example.net CNAME loop.example.net
down.example.net SERVFAIL
"#;

fn text(records: &Records, name: &str) -> Result<String, DnsError> {
    wait(records.txt(name)).map(|found| String::from_utf8(found.value.concat()).unwrap())
}

#[test]
fn the_file_answers_like_the_dns() {
    let records = Records::parse(FILE).unwrap();
    assert_eq!(text(&records, "sel._domainkey.example.net").unwrap(), r#"v=DKIM1; k=rsa; p=ab"\,c"#);
    assert_eq!(text(&records, "Sel2._domainkey.Example.net.").unwrap(), "v=DKIM1; p=abc");
    assert_eq!(wait(records.mx("example.net")).unwrap().value, ["mx1.example.net", "mx2.example.net"]);
    assert_eq!(text(&records, "example.net"), Err(DnsError::NotFound));
    assert_eq!(text(&records, "nobody.example.net"), Err(DnsError::NotFound));
    assert!(matches!(text(&records, "down.example.net"), Err(DnsError::Temporary(_))));
}

#[test]
fn addresses_have_names_and_names_have_addresses() {
    let records = Records::parse(FILE).unwrap();
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    for name in ["mx1.example.net", "www.example.net"] {
        assert_eq!(wait(records.addresses(name, Family::V4)).unwrap().value, [address("192.0.2.25")]);
        assert_eq!(wait(records.addresses(name, Family::V6)).unwrap().value, [address("2001:db8::25")]);
    }
    assert_eq!(wait(records.ptr(address("192.0.2.25"))).unwrap().value, ["mx1.example.net"]);
    assert_eq!(wait(records.ptr(address("2001:db8::25"))), Err(DnsError::NotFound));
    assert_eq!(wait(records.addresses("loop.example.net", Family::V4)), Err(DnsError::NotFound));
}

#[test]
fn a_wrong_line_is_named() {
    let cases = [
        ("a.example", "line 1: \"\" is none of TXT, MX, A, AAAA, PTR, CNAME and SERVFAIL"),
        ("; fine\na.example SRV 192.0.2.1", "line 2: \"SRV\" is none of TXT, MX, A, AAAA, PTR, CNAME and SERVFAIL"),
        ("a.example TXT", "line 1: a TXT record has a text"),
        ("a.example TXT \"open", "line 1: a quote is not closed"),
        ("a.example TXT \"a\" b", "line 1: something other than a string in quotes follows one"),
        ("a.example TXT \"\\999\"", "line 1: \\999 is no byte"),
        ("a.example A 2001:db8::1", "line 1: an A record has an IPv4 address"),
        ("a.example AAAA 192.0.2.1", "line 1: an AAAA record has an IPv6 address"),
        ("a.example PTR", "line 1: a PTR or CNAME record has a name"),
        ("a.example MX mx.example", "line 1: an MX record has a preference and a host, such as `10 mx.example.net`"),
    ];
    for (file, problem) in cases {
        assert_eq!(Records::parse(file).err().as_deref(), Some(problem), "{file}");
    }
}

#[test]
fn a_changed_file_is_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("records.dns");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let opened = || open(&[], Duration::from_secs(1), false, Some(&path), runtime.handle());

    let problem = opened().err().unwrap().to_string();
    assert!(problem.starts_with("`dns.records`: "), "{problem}");
    fs::write(&path, "a.example SERVFAIL").unwrap();
    let records = opened().unwrap();
    assert!(matches!(wait(records.txt("a.example")), Err(DnsError::Temporary(_))));
    fs::write(&path, "a.example TXT \"here it is\"").unwrap();
    assert_eq!(wait(records.txt("a.example")).unwrap().value, [b"here it is"]);
    fs::write(&path, "a.example").unwrap();
    let Err(DnsError::Temporary(why)) = wait(records.txt("a.example")) else { panic!("a broken file answers") };
    assert!(why.contains("line 1"), "{why}");
    fs::remove_file(&path).unwrap();
    assert!(matches!(wait(records.txt("a.example")), Err(DnsError::Temporary(_))));
    fs::write(&path, "b.example TXT x").unwrap();
    assert_eq!(wait(records.txt("a.example")), Err(DnsError::NotFound));
}

//! What the published record leads to.

use super::*;

fn publishing(answer: Result<Vec<&'static str>, DnsError>) -> Records {
    Records { txt: HashMap::from([("_smtp._tls.example.com", answer)]), ..Records::default() }
}

#[tokio::test]
async fn who_publishes_no_usable_record_hears_what_to_publish() {
    let mut all = Vec::new();
    for answer in [
        Err(DnsError::NotFound),
        Err(DnsError::Temporary("the name server does not answer".to_owned())),
        Ok(vec!["v=spf1 -all"]),
        Ok(vec!["v=TLSRPTv1 ; rua=mailto:a@example.com", "v=spf1 -all"]),
        Ok(vec!["v=TLSRPTv1; rua=mailto:a@example.com", "v=TLSRPTv1; rua=mailto:b@example.com"]),
        Ok(vec!["v=TLSRPTv1; ruf=mailto:a@example.com"]),
    ] {
        let (fates, text) = shown(&probe(publishing(answer), None, 25), &order(&[]), 0).await;
        assert_eq!(fates, [ProbeFate::NotDelivered]);
        all.push(text);
    }
    insta::assert_snapshot!(all.join("\n\n"));
}

#[tokio::test]
async fn every_uri_is_tried_and_those_of_no_use_are_explained() {
    let record = "v=TLSRPTv1; rua=ftp://example.com/r, mailto:a@example.com!10m,http://example.com/r,mailto:nobody;x=y";
    let (fates, text) = shown(&probe(publishing(Ok(vec![record])), None, 25), &order(&[]), 0).await;
    assert_eq!(fates, [ProbeFate::NotDelivered; 4]);
    insta::assert_snapshot!(text);
}

#[test]
fn the_author_is_the_postmaster_of_a_public_domain() {
    let own = |name: &str| own_domain(&ClientId::Domain(name.to_owned()));
    assert_eq!(own("mx1.example.co.uk").as_deref(), Some("example.co.uk"));
    assert_eq!(own("example.com").as_deref(), Some("example.com"));
    for private in ["localhost", "com", "box.internal-net", "ip-10-0-0-1.invalid"] {
        assert_eq!(own(private), None, "{private}");
    }
    assert_eq!(own_domain(&ClientId::Ipv4([127, 0, 0, 1].into())), None);
}

use super::*;

#[test]
fn a_residential_line_under_its_providers_domain_proves_nothing() {
    let records = "
        7.100.51.198.in-addr.arpa PTR cpe-7.provider.example
        cpe-7.provider.example A 198.51.100.7
        provider.example TXT v=spf1 ip4:192.0.2.0/28 -all
    ";
    let reason = refused(proof(records, ADDRESS, "provider.example"));
    assert_eq!(reason, "the SPF record of provider.example does not permit 198.51.100.7");
}

#[test]
fn a_web_host_in_its_customers_records_proves_nothing() {
    let records = "
        7.100.51.198.in-addr.arpa PTR web7.host.example
        web7.host.example A 198.51.100.7
        customer.example TXT v=spf1 include:spf.host.example -all
        spf.host.example TXT v=spf1 ip4:198.51.100.0/24 -all
    ";
    assert_eq!(refused(proof(records, ADDRESS, "customer.example")), "198.51.100.7 has no name below customer.example");
    assert_eq!(refused(proof(records, ADDRESS, "host.example")), "host.example has no SPF record");
}

#[test]
fn a_rented_server_with_the_providers_name_proves_nothing() {
    let records = "
        7.100.51.198.in-addr.arpa PTR vps7.provider.example
        vps7.provider.example A 198.51.100.7
        provider.example TXT v=spf1 mx -all
        provider.example MX 10 mx.provider.example
        mx.provider.example A 192.0.2.25
    ";
    refused(proof(records, ADDRESS, "provider.example"));
    refused(proof(records, ADDRESS, "renter.example"));
}

#[test]
fn a_name_that_anybody_can_give_their_address_must_lead_back() {
    let records = "
        7.100.51.198.in-addr.arpa PTR mail.example.net
        mail.example.net A 192.0.2.1
        mail.example.net AAAA 2001:db8::1
        example.net TXT v=spf1 ip4:198.51.100.0/24 -all
    ";
    let reason = refused(proof(records, ADDRESS, "example.net"));
    assert_eq!(reason, "198.51.100.7 has the name mail.example.net, which does not lead back to it");
}

#[test]
fn a_name_beside_the_domain_or_above_it_is_not_below_it() {
    for name in ["evilexample.net", "example.net.evil.example", "net", "example.com"] {
        let records = format!("{SENDER}\n7.100.51.198.in-addr.arpa PTR x\n")
            .replace("PTR mail.example.net", &format!("PTR {name}"));
        assert_eq!(refused(proof(&records, ADDRESS, "example.net")), "198.51.100.7 has no name below example.net");
    }
    let own = SENDER.replace("mail.example.net", "example.net");
    assert!(matches!(proof(&own, ADDRESS, "example.net"), Proof::Proven(_)), "the domain itself is");
    let below = "sub.example.net TXT v=spf1 +a:mail.example.net";
    let records = format!("{SENDER}\n{below}");
    refused(proof(&records, ADDRESS, "sub.example.net"));
}

#[test]
fn ipv6_is_proven_the_same_way() {
    let name = crate::dns::reverse_name("2001:db8::7".parse().unwrap());
    let records = format!(
        "{name} PTR mail.example.net\n mail.example.net AAAA 2001:db8::7\n example.net TXT v=spf1 ip6:2001:db8::/48 -all"
    );
    assert_eq!(
        permitted(proof(&records, "2001:db8::7", "example.net")),
        "ip6:2001:db8::/48 in the SPF record of example.net"
    );
    refused(proof(&records, "2001:db8:1::7", "example.net"));
}

#[test]
fn of_many_names_those_below_the_domain_are_looked_up_and_ten_of_them() {
    let strangers: String =
        (0..60).map(|number| format!("7.100.51.198.in-addr.arpa PTR site{number}.example.org\n")).collect();
    let (proof, questions) = asked(&format!("{strangers}{SENDER}"), ADDRESS, &["example.net"], &ProofRules::default());
    let Proof::Proven(evidence) = proof else { panic!("{proof:?}") };
    assert_eq!((evidence.reverse_names.len(), questions), (SHOWN_MAX, 3));

    let own: String =
        (0..20).map(|number| format!("7.100.51.198.in-addr.arpa PTR host{number}.example.net\n")).collect();
    let (proof, questions) = asked(&format!("{own}{SENDER}"), ADDRESS, &["example.net"], &ProofRules::default());
    refused(proof);
    assert_eq!(questions, 1 + NETWORK_PROOF_NAMES_MAX);
}

#[test]
fn a_reverse_zone_that_hands_its_names_on_is_followed() {
    let records = SENDER.replace(
        "7.100.51.198.in-addr.arpa PTR",
        "7.100.51.198.in-addr.arpa CNAME 7.0-63.100.51.198.in-addr.arpa\n 7.0-63.100.51.198.in-addr.arpa PTR",
    );
    assert!(matches!(proof(&records, ADDRESS, "example.net"), Proof::Proven(_)));
}

#[test]
fn what_fails_now_is_not_known_rather_than_not_so() {
    for (record, failing) in [
        ("7.100.51.198.in-addr.arpa", "7.100.51.198.in-addr.arpa SERVFAIL"),
        ("mail.example.net", "mail.example.net SERVFAIL"),
        ("example.net", "example.net SERVFAIL"),
    ] {
        let records = format!("{SENDER}\n{failing}");
        let reason = unknown(proof(&records, ADDRESS, "example.net"));
        assert!(reason.contains(record), "{reason}");
    }
    // One name leads back, so that it does not matter what the other would have said.
    let records = format!("{SENDER}\n7.100.51.198.in-addr.arpa PTR down.example.net\ndown.example.net SERVFAIL");
    assert!(matches!(proof(&records, ADDRESS, "example.net"), Proof::Proven(_)));
    assert_eq!(refused(proof("", ADDRESS, "example.net")), "198.51.100.7 has no name below example.net");
}

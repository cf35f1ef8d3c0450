use super::*;

/// What the SPF record of example.net proves for 198.51.100.7, which has a name below it.
fn judged(record: &str, others: &str) -> Proof {
    let records = format!(
        "7.100.51.198.in-addr.arpa PTR mail.example.net\nmail.example.net A 198.51.100.7\n\
         example.net TXT {record}\n{others}"
    );
    proof(&records, ADDRESS, "example.net")
}

fn only_by(term: &str) -> String {
    format!("of the SPF record of example.net only `{term}` may permit 198.51.100.7, which permits strangers as well")
}

#[test]
fn mechanisms_that_name_the_address_count() {
    let others = "example.net A 198.51.100.7
        example.net MX 10 mx1.example.net
        example.net MX 20 mx2.example.net
        mx1.example.net A 192.0.2.1
        mx2.example.net A 198.51.100.7
        near.example.net A 198.51.100.200";
    for term in [
        "ip4:198.51.100.7",
        "+ip4:198.51.0.0/16",
        "a",
        "A:mail.example.net",
        "a:near.example.net/24",
        "mx",
        "MX/30",
        "mx:example.net./32//128",
    ] {
        let by = permitted(judged(&format!("v=spf1 {term} -all"), others));
        assert_eq!(by, format!("{term} in the SPF record of example.net"));
    }
    for term in
        ["ip4:198.51.100.8", "a:near.example.net", "a:near.example.net/32", "ip6:2001:db8::7", "mx:mail.example.net"]
    {
        refused(judged(&format!("v=spf1 {term} -all"), others));
    }
}

#[test]
fn what_permits_strangers_as_well_does_not_count() {
    let others = "wide.example.net A 198.51.1.1\nexample.net MX 10 wide.example.net\nyes.example.net A 127.0.0.2";
    for term in [
        "all",
        "+all",
        "ip4:198.51.100.0/15",
        "ip4:0.0.0.0/0",
        "a:wide.example.net/15",
        "mx/8",
        "ptr",
        "ptr:example.net",
        "exists:yes.example.net",
        "exists:%{ir}.example.net",
        "a:%{d}",
        "mx:%{o}",
        "include:%{d}.example.net",
    ] {
        assert_eq!(refused(judged(&format!("v=spf1 {term}"), others)), only_by(term), "{term}");
    }
    let reverse = crate::dns::reverse_name("2001:db8::7".parse().unwrap());
    let records = format!(
        "{reverse} PTR mail.example.net\nmail.example.net AAAA 2001:db8::7\nexample.net TXT v=spf1 ip6:2001:db8::/31 -all"
    );
    refused(proof(&records, "2001:db8::7", "example.net"));
    permitted(proof(&records.replace("/31", "/32"), "2001:db8::7", "example.net"));
}

#[test]
fn a_narrow_mechanism_counts_beside_a_wide_one_but_not_behind_all() {
    let by = permitted(judged("v=spf1 ip4:198.48.0.0/12 ptr ip4:198.51.100.0/24 -all", ""));
    assert_eq!(by, "ip4:198.51.100.0/24 in the SPF record of example.net");
    assert_eq!(refused(judged("v=spf1 +all ip4:198.51.100.0/24", "")), only_by("+all"));
    refused(judged("v=spf1 ~all ip4:198.51.100.0/24", ""));
}

#[test]
fn what_excludes_the_address_or_may_ends_the_search() {
    let others = "not.example.net TXT v=spf1 ip4:198.51.100.7 -all\nwide.example.net TXT v=spf1 +all\n\
        else.example.net TXT v=spf1 ip4:192.0.2.0/24 -all\nx.example.net A 127.0.0.2";
    for term in [
        "-ip4:198.51.100.7",
        "~ip4:198.0.0.0/8",
        "?a:mail.example.net",
        "-a:mail.example.net/8",
        "-include:not.example.net",
        "?include:wide.example.net",
        "-exists:x.example.net",
        "-exists:%{ir}.example.net",
        "-ptr",
        "?all",
    ] {
        let reason = refused(judged(&format!("v=spf1 {term} ip4:198.51.100.0/24"), others));
        assert_eq!(reason, "the SPF record of example.net does not permit 198.51.100.7", "{term}");
    }
    permitted(judged("v=spf1 -ip4:198.51.100.8 -include:else.example.net ip4:198.51.100.0/24", others));
}

#[test]
fn included_records_and_redirects_are_held_to_the_same() {
    let others = "spf.example.net TXT v=spf1 include:deep.example.org -all
        deep.example.org TXT v=spf1 ip4:192.0.2.0/24 ip4:198.51.100.0/28 ~all
        wide.example.net TXT v=spf1 ip4:198.0.0.0/8 -all
        open.example.net TXT v=spf1 +all
        closed.example.net TXT v=spf1 -all";
    let by = "ip4:198.51.100.0/28 in the SPF record of deep.example.org";
    assert_eq!(permitted(judged("v=spf1 include:closed.example.net include:spf.example.net -all", others)), by);
    assert_eq!(permitted(judged("v=spf1 redirect=SPF.example.net.", others)), by);
    assert_eq!(permitted(judged("v=spf1 redirect=spf.example.net include:closed.example.net", others)), by);
    refused(judged("v=spf1 -all redirect=spf.example.net", others));
    assert_eq!(refused(judged("v=spf1 include:wide.example.net -all", others)), only_by("ip4:198.0.0.0/8"));
    assert_eq!(refused(judged("v=spf1 redirect=open.example.net", others)), only_by("+all"));
    assert_eq!(
        refused(judged("v=spf1 redirect=%{d}.example.net", others)),
        "the SPF record of example.net does not permit 198.51.100.7"
    );
    for record in ["v=spf1 include:none.example.net ip4:198.51.100.7", "v=spf1 redirect=none.example.net"] {
        assert_eq!(refused(judged(record, others)), "the SPF record names none.example.net, which has none");
    }
    // An own `-all` in an included record is no verdict of the including one.
    permitted(judged("v=spf1 include:closed.example.net ip4:198.51.100.7 -all", others));
}

#[test]
fn ten_terms_may_need_a_look_up() {
    let chain = |length: usize| {
        let links =
            (1..length).map(|number| format!("s{number}.example.net TXT v=spf1 include:s{}.example.net\n", number + 1));
        format!("{}s{length}.example.net TXT v=spf1 ip4:198.51.100.7\n", links.collect::<String>())
    };
    permitted(judged("v=spf1 include:s1.example.net", &chain(10)));
    let many = "the SPF record needs more than 10 look-ups";
    assert_eq!(refused(judged("v=spf1 include:s1.example.net", &chain(11))), many);
    assert_eq!(refused(judged("v=spf1 include:example.net", "")), many, "a record that includes itself");
    assert_eq!(refused(judged("v=spf1 redirect=example.net", "")), many);
    let uncounted = "ptr exists:x.example.net a:%{d} mx:%{d} ".repeat(3);
    assert_eq!(refused(judged(&format!("v=spf1 {uncounted}ip4:198.51.100.7"), "")), many);
}

#[test]
fn two_look_ups_may_find_nothing() {
    permitted(judged("v=spf1 a:n1.example.net mx:n2.example.net ip4:198.51.100.7", ""));
    let reason = refused(judged("v=spf1 a:n1.example.net mx:n2.example.net a:n3.example.net ip4:198.51.100.7", ""));
    assert_eq!(reason, "more than 2 look-ups of the SPF record find nothing");
}

#[test]
fn mx_hosts_are_bounded_and_so_are_all_look_ups() {
    let hosts = |domain: &str, count: usize| -> String {
        (0..count)
            .map(|number| format!("{domain} MX 10 h{number}.{domain}\nh{number}.{domain} A 192.0.2.1\n"))
            .collect()
    };
    refused(judged("v=spf1 mx:a.example.net", &hosts("a.example.net", 10)));
    let reason = refused(judged("v=spf1 mx:a.example.net ip4:198.51.100.7", &hosts("a.example.net", 11)));
    assert_eq!(reason, "a.example.net has too many MX hosts for an SPF record");
    let domains: Vec<String> = (0..10).map(|number| format!("d{number}.example.net")).collect();
    let terms: String = domains.iter().map(|domain| format!("mx:{domain} ")).collect();
    let records: String = domains.iter().map(|domain| hosts(domain, 10)).collect();
    let reason = refused(judged(&format!("v=spf1 {terms}ip4:198.51.100.7"), &records));
    assert_eq!(reason, "the proof needs more than 50 look-ups");
}

#[test]
fn a_record_that_is_not_right_permits_nobody() {
    assert_eq!(refused(judged("site-verification=1", "")), "example.net has no SPF record");
    let two = refused(judged("v=spf1 ip4:198.51.100.7", "example.net TXT v=spf1 -all"));
    assert_eq!(two, "there are several SPF records at example.net");
    let wrong = refused(judged("v=spf1 ip4:198.51.100.7 ip4:198.51.100.999 -all", ""));
    assert_eq!(wrong, "the SPF record holds `ip4:198.51.100.999`, which is no term at example.net");
}

#[test]
fn a_failure_on_the_way_is_not_a_no() {
    for record in ["v=spf1 a:down.example.net ip4:198.51.100.7", "v=spf1 include:down.example.net", "v=spf1 mx"] {
        let others = "down.example.net SERVFAIL\nexample.net MX 10 down.example.net";
        assert!(unknown(judged(record, others)).contains("down.example.net"), "{record}");
    }
}

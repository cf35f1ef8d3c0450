//! The result types of RFC 8460 §4.3: what happened, why it happens, what to do, with commands to copy.

/// The result types that say the MTA-STS policy itself could not be had (RFC 8460 §4.3.2.2): "policy-fetch errors".
pub const POLICY_FETCH: [&str; 3] = ["sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid"];

/// One result type in plain words. `{domain}` and `{mx}` in commands stand for the policy domain and the MX host.
pub struct Explanation {
    pub name: &'static str,
    /// One line, for beside the failure.
    pub short: &'static str,
    pub happened: &'static str,
    pub why: &'static [&'static str],
    pub todo: &'static [&'static str],
    pub commands: &'static [&'static str],
}

const FETCH: &[&str] = &[
    "curl -sv --max-time 60 https://mta-sts.{domain}/.well-known/mta-sts.txt",
    "dig +short TXT _mta-sts.{domain}",
    "dig +short A mta-sts.{domain}; dig +short AAAA mta-sts.{domain}",
];
const CERTIFICATE: &[&str] = &[
    "openssl s_client -starttls smtp -connect {mx}:25 -servername {mx} -verify_hostname {mx} -verify_return_error </dev/null",
    "openssl s_client -starttls smtp -connect {mx}:25 -servername {mx} </dev/null 2>/dev/null | openssl x509 -noout -subject -dates -ext subjectAltName",
];
const TLSA: &[&str] = &[
    "dig +dnssec TLSA _25._tcp.{mx}",
    "openssl s_client -starttls smtp -connect {mx}:25 -servername {mx} </dev/null 2>/dev/null | openssl x509 -noout -pubkey | openssl pkey -pubin -outform DER | openssl sha256",
];
const DNSSEC: &[&str] = &["delv MX {domain}", "delv TLSA _25._tcp.{mx}", "dig +dnssec DS {domain}"];

pub const ALL: [Explanation; 12] = [
    Explanation {
        name: "sts-policy-fetch-error",
        short: "The MTA-STS policy could not be fetched over HTTPS.",
        happened: "The domain announces an MTA-STS policy in DNS, but the sender could not download it from the policy host.",
        why: &[
            "The web server for mta-sts.DOMAIN is down, unreachable over one of IPv4 and IPv6, or too slow.",
            "It answers with a redirect or with anything but 200: RFC 8461 forbids senders to follow redirects.",
            "A firewall, rate limit or bot protection turns the sender’s fetcher away while your own browser gets through.",
        ],
        todo: &[
            "Fetch the policy from outside your network, over IPv4 and over IPv6; it must answer 200 at once, as text/plain.",
            "Look into the web server’s log for the sender’s requests on the days of the failures.",
            "Senders that hold a cached policy keep using it until its max_age ends, so a long max_age buys time.",
        ],
        commands: FETCH,
    },
    Explanation {
        name: "sts-policy-invalid",
        short: "The MTA-STS policy was fetched but is not valid.",
        happened: "The sender downloaded the policy and could not use it as a whole.",
        why: &[
            "A field is missing or misspelt: version, mode, max_age and, unless the mode is none, at least one mx are needed.",
            "The file is HTML, is empty, or has a byte order mark in front.",
            "max_age is above 31557600 seconds.",
        ],
        todo: &[
            "Compare the file with RFC 8461 §3.2, line by line; then change the id in the _mta-sts TXT record so that senders fetch it anew.",
        ],
        commands: FETCH,
    },
    Explanation {
        name: "sts-webpki-invalid",
        short: "The policy host’s HTTPS certificate was not accepted.",
        happened: "The sender reached the policy host, but its certificate did not authenticate it.",
        why: &[
            "The certificate of mta-sts.DOMAIN expired, or was issued for another name.",
            "The server does not send the intermediate certificate; browsers hide this, mail servers do not.",
        ],
        todo: &[
            "Renew the certificate for mta-sts.DOMAIN and serve the whole chain; check that renewal reloads the web server.",
        ],
        commands: &[
            "openssl s_client -connect mta-sts.{domain}:443 -servername mta-sts.{domain} -verify_hostname mta-sts.{domain} </dev/null",
            "curl -sv https://mta-sts.{domain}/.well-known/mta-sts.txt",
        ],
    },
    Explanation {
        name: "starttls-not-supported",
        short: "The MX host did not offer STARTTLS.",
        happened: "The sender connected to the MX host and did not see STARTTLS in its answer to EHLO.",
        why: &[
            "TLS is off on this host, or its certificate could not be loaded, so that the server offers none.",
            "A middlebox or mail gateway in between removes STARTTLS from the answer.",
            "The server hides STARTTLS from some clients, for instance after a greylisting or reputation check.",
        ],
        todo: &[
            "Connect from outside and look for 250-STARTTLS; if it is there for you and missing for the sender, somebody in between takes it out: treat that as an attack until you know better.",
        ],
        commands: &[
            "openssl s_client -starttls smtp -connect {mx}:25 -servername {mx} </dev/null",
            "swaks --server {mx} --quit-after EHLO",
        ],
    },
    Explanation {
        name: "certificate-host-mismatch",
        short: "The MX host’s certificate is for another name.",
        happened: "None of the names in the certificate is the MX host name that the policy allows.",
        why: &[
            "The certificate names the machine, not the host name in the MX record.",
            "The server picks the certificate by server name (SNI) and falls back to a default for this name.",
            "The MX record, or the mx lines of the policy, changed and the certificate did not.",
        ],
        todo: &[
            "Issue a certificate with the MX host name among its subject alternative names, or change the MX record to a name that is in it.",
        ],
        commands: CERTIFICATE,
    },
    Explanation {
        name: "certificate-expired",
        short: "The MX host’s certificate has expired.",
        happened: "The certificate the MX host presented was past its validity.",
        why: &[
            "Renewal failed, or succeeded without the mail server being reloaded.",
            "One of several MX hosts or load-balanced machines still serves the old one.",
        ],
        todo: &["Renew and reload on every MX host; then make renewal reload the mail server by itself."],
        commands: CERTIFICATE,
    },
    Explanation {
        name: "certificate-not-trusted",
        short: "The MX host’s certificate does not lead to a trusted authority.",
        happened: "The sender could not build a chain from the certificate to an authority it trusts.",
        why: &[
            "The certificate is self-signed: MTA-STS needs one from a public authority.",
            "The intermediate certificate is not sent along.",
            "The authority is not trusted by this sender, or a constraint in the chain forbids the name.",
        ],
        todo: &[
            "Serve the full chain of a publicly trusted certificate. The sender’s reason code, if any, stands in the report.",
        ],
        commands: CERTIFICATE,
    },
    Explanation {
        name: "validation-failure",
        short: "TLS failed for a reason that has no type of its own.",
        happened: "The session failed in a way RFC 8460 has no better word for; the reason code in the report is all there is.",
        why: &[
            "No protocol version or cipher in common, a TLS alert, a connection that broke off during the handshake.",
            "Some senders use it for everything they do not tell apart, such as an MX host that the policy does not list.",
        ],
        todo: &[
            "Read the reason code in the report. Compare the MX records with the mx lines of the policy. Test with TLS 1.2 and 1.3.",
        ],
        commands: &[
            "openssl s_client -starttls smtp -connect {mx}:25 -servername {mx} -tls1_2 </dev/null",
            "openssl s_client -starttls smtp -connect {mx}:25 -servername {mx} -tls1_3 </dev/null",
            "dig +short MX {domain}",
        ],
    },
    Explanation {
        name: "tlsa-invalid",
        short: "No TLSA record matched the certificate.",
        happened: "The sender validated the TLSA records by DNSSEC, but none of them fits the certificate of the MX host, or none is usable.",
        why: &[
            "The certificate or its key was renewed and the TLSA record was not.",
            "The record was changed at the same time as the certificate, so that caches still hold the old one.",
            "Only records with usage 0 or 1 are published; SMTP needs 2 or 3 (RFC 7672 §3.1).",
        ],
        todo: &[
            "Publish the record of the next key well before it is used (twice the TTL), and remove the old one afterwards.",
        ],
        commands: TLSA,
    },
    Explanation {
        name: "dnssec-invalid",
        short: "DNSSEC validation of the DNS answers failed.",
        happened: "The sender’s resolver got no answer for the MX or TLSA records that validates.",
        why: &[
            "Signatures expired, or the DS record in the parent zone does not belong to a key in yours.",
            "A name server serves an old copy of the zone.",
        ],
        todo: &[
            "Validate the zone from the root down, against every name server; repair the signing first, before anything else.",
        ],
        commands: DNSSEC,
    },
    Explanation {
        name: "dane-required",
        short: "The sender insists on DANE and found no validated TLSA record.",
        happened: "By its own configuration the sender delivers to you with DANE only, and no usable TLSA record was there.",
        why: &[
            "TLSA records were removed, or the zone lost its DNSSEC signatures, while somebody relies on them by agreement.",
        ],
        todo: &["Publish valid TLSA records for every MX host, or ask the sender to lift the rule."],
        commands: DNSSEC,
    },
    Explanation {
        name: "not-itemised",
        short: "The report counts these sessions as failed without saying why.",
        happened: "The summary of a policy counts more failed sessions than its failure details explain. This is our word, not one of RFC 8460.",
        why: &["The sender cuts its list of details, or gives none at all."],
        todo: &[
            "Look at the other details of the same reports: the reason is mostly the same. The sender’s contact stands in the report.",
        ],
        commands: &[],
    },
];

pub fn find(name: &str) -> Option<&'static Explanation> {
    ALL.iter().find(|explanation| explanation.name == name)
}

/// One line for any result type, also one nobody has heard of.
pub fn short(name: &str) -> &'static str {
    find(name).map_or("A result type RFC 8460 does not know; shown as the sender wrote it.", |found| found.short)
}

/// MX hosts that get commands of their own.
pub const HOSTS_MAX: usize = 3;

/// Fills the commands with the report's own names, a few MX hosts one after the other. They are meant for a shell, so a name
/// goes in only if it is one. A command whose name is not known is left out: with another name in its place it would look at
/// somebody else's server.
pub fn commands(explanation: &Explanation, domain: Option<&str>, hosts: &[String]) -> Vec<String> {
    let domain = domain.filter(|name| is_host_name(name));
    let hosts: Vec<&String> = hosts.iter().filter(|name| is_host_name(name)).take(HOSTS_MAX).collect();
    let mut commands = Vec::new();
    for command in explanation.commands {
        let command = match domain {
            Some(domain) => command.replace("{domain}", domain),
            None if command.contains("{domain}") => continue,
            None => (*command).to_owned(),
        };
        if command.contains("{mx}") {
            commands.extend(hosts.iter().map(|host| command.replace("{mx}", host)));
        } else {
            commands.push(command);
        }
    }
    commands
}

/// What to look at where a command had to be left out.
pub fn in_words(explanation: &Explanation, domain: Option<&str>, hosts: &[String]) -> Option<&'static str> {
    let needs = |what: &str| explanation.commands.iter().any(|command| command.contains(what));
    if needs("{mx}") && !hosts.iter().any(|name| is_host_name(name)) {
        return Some(match domain {
            Some(_) => {
                "No MX host is named: look at the certificate, STARTTLS and the TLSA records of each host in the domain’s MX record."
            }
            None => "No MX host is named: choose a policy domain or an MX host for commands that carry its name.",
        });
    }
    (needs("{domain}") && !domain.is_some_and(is_host_name))
        .then_some("No policy domain is named: choose one for commands that carry its name.")
}

pub fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    name.len() <= 253 && name.contains('.') && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_take_host_names_only() {
        let fetch = find("sts-policy-fetch-error").expect("known");
        assert!(
            commands(fetch, Some("example.net"), &[])[0]
                .ends_with("https://mta-sts.example.net/.well-known/mta-sts.txt")
        );
        for hostile in ["example.net; rm -rf ~", "$(id).example.net", "-oProxy.example", "a`b`.net", "localhost", ""] {
            assert!(commands(fetch, Some(hostile), &[]).is_empty(), "{hostile}");
        }
    }

    #[test]
    fn no_command_names_a_host_that_nobody_named() {
        for explanation in ALL.iter().filter(|explanation| !explanation.commands.is_empty()) {
            let none = commands(explanation, Some("example.net"), &[]);
            assert!(none.iter().all(|command| !command.contains("mx1") && !command.contains("{mx}")), "{none:?}");
            let needs_host = explanation.commands.iter().any(|command| command.contains("{mx}"));
            assert_eq!(in_words(explanation, Some("example.net"), &[]).is_some(), needs_host, "{}", explanation.name);
            assert!(commands(explanation, None, &[]).is_empty() && in_words(explanation, None, &[]).is_some());
        }
        let expired = find("certificate-expired").expect("known");
        let hosts = ["mx.example.net".to_owned(), "$(id).example".to_owned(), "mx2.example.net".to_owned()];
        let both = commands(expired, None, &hosts);
        assert_eq!(both.len(), 4);
        assert!(both[0].contains("-connect mx.example.net:25") && both[1].contains("-connect mx2.example.net:25"));
        assert_eq!(in_words(expired, None, &hosts), None);
    }

    #[test]
    fn every_result_type_of_the_rfc_is_explained() {
        let rfc = [
            "starttls-not-supported",
            "certificate-host-mismatch",
            "certificate-expired",
            "certificate-not-trusted",
            "validation-failure",
            "tlsa-invalid",
            "dnssec-invalid",
            "dane-required",
            "sts-policy-fetch-error",
            "sts-policy-invalid",
            "sts-webpki-invalid",
        ];
        for name in rfc {
            assert!(find(name).is_some_and(|found| !found.commands.is_empty()), "{name}");
        }
    }
}

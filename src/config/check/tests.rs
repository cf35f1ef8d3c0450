use super::*;
use crate::config::Environment;

fn config(text: &str) -> Config {
    Config::from_text(text, &Environment::default()).expect("the types are right")
}

fn problems(text: &str) -> String {
    config(text).check().expect_err("must be refused").to_string()
}

#[test]
fn the_defaults_are_valid() {
    assert_eq!(Config::default().check(), Ok(()));
    assert_eq!(Config::default().served(), Ok(Served::default()));
}

#[test]
fn domains_are_served_as_the_dns_has_them() {
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "from-a-file_1\n").unwrap();
    let served = config(&format!(
        "[[domain]]\nname = \"Bücher.Example.\"\nmx = [\"MX1.example\"]\ntoken = \"abcdefgh\"\n\
         [[domain]]\nname = \"example.com\"\ntoken_file = {:?}\n",
        token.to_str().unwrap()
    ))
    .served()
    .expect("valid");
    let names: Vec<_> = served.domains.keys().map(String::as_str).collect();
    assert_eq!(names, ["example.com", "xn--bcher-kva.example"]);
    assert!(served.domains["xn--bcher-kva.example"].contains("mx1.example"));
    assert!(served.tokens["abcdefgh"].contains("xn--bcher-kva.example"));
    assert!(served.tokens["from-a-file_1"].contains("example.com"));
}

#[test]
fn domains_that_cannot_be_served_are_told_all_at_once() {
    let text = "[[domain]]\nname = \"example.com\"\ntoken = \"same-token\"\n\
                [[domain]]\nname = \"EXAMPLE.com.\"\ntoken = \"same-token\"\n\
                [[domain]]\nname = \"a b\"\n\
                [[domain]]\nname = \"192.0.2.1\"\n\
                [[domain]]\n\
                [[domain]]\nname = \"short.example\"\ntoken = \"short\"\n\
                [[domain]]\nname = \"both.example\"\ntoken = \"a-long-token\"\ntoken_file = \"x\"\n\
                [[domain]]\nname = \"file.example\"\ntoken_file = \"/nonexistent/token\"\n\
                [[domain]]\nname = \"mx.example\"\nmx = [\"*.mx.example\"]\n";
    let shown = problems(text);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(
        lines,
        [
            "`domain[1].name` = \"EXAMPLE.com.\": example.com stands twice",
            "`domain[1].token` of example.com is that of example.com as well: a token names one domain",
            "`domain[2].name` = \"a b\": this is no domain name",
            "`domain[3].name` = \"192.0.2.1\": this is an address, not a domain name",
            "`domain[4].name` = \"\": a domain name is missing",
            "`domain[5].token` does not fit into a URL as a secret: at least 8 emails, digits, `-` or `_`",
            "`domain[6].token` and `domain[6].token_file` are both set: keep one",
            "`domain[7].token_file` = /nonexistent/token: cannot be read: No such file or directory (os error 2)",
            "`domain[8].mx` = \"*.mx.example\": this is no domain name",
        ]
    );
}

#[test]
fn a_listener_is_not_opened_to_the_network_by_accident() {
    let shown = problems("[public]\nlisten = \"0.0.0.0:443\"\n[private]\nlisten = \"[::]:8080\"\n");
    assert!(shown.contains("`public.listen` = 0.0.0.0:443 would take reports in plain text"), "{shown}");
    assert!(shown.contains("`private.listen` = [::]:8080 would show everything"), "{shown}");
    let meant = "[public]\nlisten = \"0.0.0.0:443\"\nbehind_proxy = true\n\
                 [private]\nlisten = \"[::]:8080\"\nallow_remote = true\n";
    assert_eq!(config(meant).check(), Ok(()));
    let tls = "[public]\nlisten = \"0.0.0.0:443\"\ncertificate = \"/c\"\nkey = \"/k\"\n";
    assert_eq!(config(tls).check(), Ok(()));
    assert!(problems("[public]\ncertificate = \"/c\"\n").contains("belong together"));
    assert!(problems("[public]\nlisten = \"off\"\n[private]\nlisten = \"off\"\n").contains("both off"));
    assert!(problems("[public]\nlisten = \"127.0.0.1:8080\"\n").contains("are both 127.0.0.1:8080"));
    assert_eq!(
        config("[public]\nlisten = \"127.0.0.1:0\"\n[private]\nlisten = \"127.0.0.1:0\"\n").check(),
        Ok(()),
        "port 0 is another port each time"
    );
}

#[test]
fn proxies_and_hosts_are_checked() {
    let shown =
        problems("[public]\ntrusted_proxies = [\"192.0.2.0/33\", \"proxy\", \"2001:db8::/32\", \"192.0.2.1\"]\n");
    assert_eq!(shown.lines().count(), 2, "{shown}");
    assert!(problems("[private]\nhosts = [\"http://x\"]\n").contains("`private.hosts`"));
}

#[test]
fn a_bound_of_zero_is_refused_by_name() {
    let shown = problems("[limits]\nreport_wire_max_bytes = 0\n[store]\nqueue_max = 0\nmemory_max_bytes = 1\n");
    assert!(shown.contains("`limits.report_wire_max_bytes` = 0"), "{shown}");
    assert!(shown.contains("`store.queue_max` = 0"), "{shown}");
    assert!(shown.contains("`store.memory_max_bytes` = 1"), "{shown}");
    assert!(problems("[limits]\nreport_wire_max_bytes = 9999999999\n").contains("at most"));
}

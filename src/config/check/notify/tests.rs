use crate::config::{Config, Environment};

fn config(text: &str) -> Config {
    Config::from_text(text, &Environment::default()).expect("the types are right")
}

fn problems(text: &str) -> Vec<String> {
    config(text).check().err().map(|error| error.problems().to_vec()).unwrap_or_default()
}

#[test]
fn a_channel_of_each_kind_needs_little() {
    for text in [
        "to = [\"postmaster@example.net\"]",
        "kind = \"webhook\"\nurl = \"http://192.0.2.1/hook\"\nsecret = \"s\"",
        "kind = \"slack\"\nurl = \"https://hooks.slack.com/services/T/B/X\"",
        "kind = \"teams\"\nurl = \"https://example.logic.azure.com/workflows/x?sig=y\"",
        "kind = \"discord\"\nurl = \"https://discord.com/api/webhooks/1/x\"",
        "kind = \"mattermost\"\nurl = \"https://chat.example/hooks/x\"",
        "kind = \"ntfy\"\nurl = \"https://ntfy.sh/topic\"",
        "kind = \"ntfy\"\nurl = \"http://[::1]:80/topic\"\nsecret = \"tk\"",
        "kind = \"pagerduty\"\nsecret = \"0123456789abcdef\"",
        "kind = \"alertmanager\"\nurl = \"http://alertmanager.internal:9093\"",
    ] {
        assert_eq!(problems(&format!("[[channel]]\n{text}\n")), [""; 0], "{text}");
    }
    let channels = config("[[channel]]\nkind = \"pagerduty\"\nsecret = \"k\"\n").channels().unwrap();
    assert_eq!(channels[0].url.as_deref(), Some("https://events.pagerduty.com"));
}

#[test]
fn what_stands_in_files_is_read_and_names_are_as_the_dns_has_them() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let text = format!(
        "[[channel]]\nkind = \"webhook\"\nurl_file = {:?}\nsecret_file = {:?}\npolicy_domains = [\"Bücher.example\"]\n\
         [[channel]]\nto = [\"postmaster@Bücher.example\"]\n\
         [mail]\nuser = \"u\"\npassword_file = {:?}\n",
        write("url", "https://hooks.example/x\n"),
        write("secret", "key\n"),
        write("password", "pass word\n")
    );
    let channels = config(&text).channels().unwrap();
    assert_eq!(channels[0].url.as_deref(), Some("https://hooks.example/x"));
    assert_eq!((channels[0].secret.as_deref(), &channels[0].secret_file), (Some("key"), &None));
    assert_eq!(channels[0].policy_domains, ["xn--bcher-kva.example"]);
    assert_eq!(channels[1].to, ["postmaster@xn--bcher-kva.example"]);
    assert_eq!(config(&text).outgoing_mail().unwrap().password.as_deref(), Some("pass word"));
}

#[test]
fn relative_files_are_found_beside_the_configuration() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["url", "secret", "password"] {
        std::fs::write(directory.path().join(name), "https://hooks.example/x").unwrap();
    }
    let file = directory.path().join("tlsight.toml");
    let text = "[[channel]]\nkind = \"webhook\"\nurl_file = \"url\"\nsecret_file = \"secret\"\n\
                [mail]\nuser = \"u\"\npassword_file = \"password\"\n";
    std::fs::write(&file, text).unwrap();
    let config = Config::load(Some(&file), &Environment::default()).unwrap();
    assert!(config.channels().is_ok() && config.outgoing_mail().is_ok());
}

#[test]
fn everything_that_is_wrong_with_channels_is_told_at_once() {
    let text = "[[channel]]\n\
                [[channel]]\nkind = \"mail\"\nto = [\"a\", \"ä@x.example\", \"a b@x.example\", \"a@x..y\", \"a@x.example\", \"a@X.example\"]\n\
                url = \"https://x.example\"\nsecret = \"s\"\n\
                [[channel]]\nkind = \"webhook\"\nto = [\"a@x.example\"]\n\
                [[channel]]\nname = \"mail\"\nkind = \"slack\"\nurl = \"https://x.example\"\nurl_file = \"/x\"\n\
                [[channel]]\nname = \" \"\nkind = \"slack\"\nurl = \"hooks\"\nsecret = \"s\"\n\
                [[channel]]\nname = \"b\\u0007\"\nkind = \"discord\"\nurl = \"ftp://x.example\"\npolicy_domains = [\"a b\"]\n\
                [[channel]]\nname = \"c\"\nkind = \"pagerduty\"\nnotices_per_hour_max = 0\ngive_up_after_h = 0\ndeadline_s = 9999\n\
                [[channel]]\nname = \"d\"\nkind = \"ntfy\"\nurl = \"http://ntfy.example/\"\nsecret = \"tk\"\n\
                [[channel]]\nname = \"e\"\nkind = \"webhook\"\nurl = \"https://u:p@x.example\"\nsecret_file = \"/nonexistent/s\"\n\
                ca = \"/nonexistent/ca\"\n";
    insta::assert_snapshot!(problems(text).join("\n"));
}

#[test]
fn everything_that_is_wrong_with_digests_is_told_at_once() {
    let good = "[[digest]]\nto = [\"a@x.example\"]\nweekday = \"Wed\"\ntime = \"07:30\"\nzone = \"Europe/Berlin\"\n";
    assert_eq!(problems(good), [""; 0]);
    let text = "[[digest]]\n\
                [[digest]]\nto = [\"a\"]\nweekday = \"someday\"\ntime = \"25:00\"\nzone = \"Berlin\"\n\
                policy_domains = [\"-\u{20}x\"]\n";
    insta::assert_snapshot!(problems(text).join("\n"));
}

#[test]
fn everything_that_is_wrong_with_outgoing_mail_is_told_at_once() {
    for good in [
        "relay = \"[2001:db8::1]\"\nuser = \"u\"\npassword = \"p\"",
        "relay = \"localhost\"\ntls = \"off\"\nuser = \"u\"\npassword = \"p\"",
        "relay = \"smtp.example\"\ntls = \"off\"",
        "from = \"tlsight@example.net\"",
    ] {
        assert_eq!(problems(&format!("[mail]\n{good}\n")), [""; 0], "{good}");
    }
    let mut shown = Vec::new();
    for wrong in [
        "from = \"tlsight\"\nrelay = \"a b\"\nport = 0\nuser = \"u\"\nsendmail = \"sendmail\"\ndeadline_s = 0",
        "password = \"p\"",
        "user = \"u\"\npassword = \"p\"\npassword_file = \"/p\"",
        "user = \"\"\npassword = \"p\\n\"",
        "relay = \"smtp.example\"\ntls = \"off\"\nuser = \"u\"\npassword = \"p\"",
    ] {
        shown.push(problems(&format!("[mail]\n{wrong}\n")).join("\n"));
    }
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn links_need_a_url_to_begin_with() {
    assert_eq!(problems("[private]\nurl = \"https://proxy.example/tlsight/\"\n"), [""; 0]);
    for url in ["tlsight.internal", "ftp://x.example", "https://x.example/?a=b"] {
        let shown = problems(&format!("[private]\nurl = {url:?}\n"));
        assert_eq!(shown, [format!("`private.url` = {url:?}: not a URL like https://tlsight.internal")]);
    }
}

#[test]
fn a_port_after_the_relay_is_told_where_it_belongs() {
    let shown = |relay: &str| {
        let text = format!("[mail]\nrelay = {relay:?}\n");
        Config::from_text(&text, &Environment::default()).unwrap().check().err().map(|error| error.to_string())
    };
    for relay in ["127.0.0.1:18026", "smtp.example.net:587", "[::1]:25"] {
        assert_eq!(shown(relay), Some(format!("`mail.relay` = {relay:?}: the port stands in `mail.port`")));
    }
    assert_eq!((shown("::1"), shown("[::1]"), shown("smtp.example.net")), (None, None, None));
}

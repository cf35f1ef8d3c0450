use super::*;
use crate::config::Listen;

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn error(text: &str, variables: &[(&str, &str)]) -> String {
    Config::from_text(text, &environment(variables)).expect_err("must be refused").to_string()
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_one() {
    let text = "data = \"/d\"\n\n[public]\nlistenn = \"off\"\n";
    assert_eq!(error(text, &[]), "unknown key `public.listenn` in test.toml line 4; did you mean `public.listen`?");
    let several = error("[publik]\n[[domain]]\nnane = \"x\"\n[limits]\ncolour = 1\n", &[]);
    assert_eq!(
        several,
        "unknown key `publik` in test.toml line 1; did you mean `public`?\n\
         unknown key `domain.nane` in test.toml line 3; did you mean `domain.name`?\n\
         unknown key `limits.colour` in test.toml line 5; `tlsight config example` lists all keys"
    );
}

#[test]
fn a_syntax_error_shows_line_and_snippet() {
    let message = error("data = \"/d\"\nlisten = [\n", &[]);
    assert!(message.starts_with("test.toml: TOML parse error at line"), "{message}");
    assert!(message.contains('^'), "{message}");
}

#[test]
fn a_bad_value_is_named_with_its_key_and_where_it_was_set() {
    let message = error("[public]\nconnections_max = \"many\"\n", &[]);
    assert!(message.starts_with("bad value for `public.connections_max` in test.toml line 2: "), "{message}");
    let message = error("[[domain]]\nname = \"a.example\"\n[[domain]]\nmx = 3\n", &[]);
    assert!(message.starts_with("bad value for `domain[1].mx` in test.toml line 4: "), "{message}");
    let message = error("", &[("TLSIGHT_PUBLIC__LISTEN", "somewhere")]);
    assert!(
        message.starts_with(
            "bad value for `public.listen` in the environment variable TLSIGHT_PUBLIC__LISTEN: `somewhere` is neither"
        ),
        "{message}"
    );
}

#[test]
fn the_environment_stands_over_the_file() {
    let config = Config::from_text(
        "[public]\nlisten = \"127.0.0.1:1\"\nconnections_max = 5\n",
        &environment(&[
            ("TLSIGHT_PUBLIC__LISTEN", "127.0.0.1:2"),
            ("TLSIGHT_PRIVATE__LISTEN", "\"off\""),
            ("TLSIGHT_PRIVATE__HOSTS", "[\"a\", \"b\"]"),
            ("TLSIGHT_STORE__THREADS", "3"),
            ("TLSIGHT_DATA", "2024"),
            ("TLSIGHT_DOMAIN", "[{ name = \"example.com\" }]"),
        ]),
    )
    .expect("valid");
    assert_eq!(config.public.listen, Listen::At("127.0.0.1:2".parse().unwrap()));
    assert_eq!(config.public.connections_max, 5);
    assert_eq!(config.private.listen, Listen::Off);
    assert_eq!(config.private.hosts, ["a", "b"]);
    assert_eq!(config.store.threads, 3);
    assert_eq!(config.data, Path::new("2024"));
    assert_eq!(config.domain[0].name, "example.com");
}

#[test]
fn an_unknown_variable_is_refused_but_those_of_kubernetes_are_not_ours() {
    assert_eq!(
        error("", &[("TLSIGHT_PUBLIC__LISTENN", "off")]),
        "unknown environment variable `TLSIGHT_PUBLIC__LISTENN` in the environment; did you mean `TLSIGHT_PUBLIC__LISTEN`?"
    );
    assert!(error("", &[("TLSIGHT_PUBLIC__COLOUR", "1")]).contains("`tlsight config example` lists all keys"));
    assert!(error("", &[("TLSIGHT_DOMAINS", "[]")]).contains("did you mean `TLSIGHT_DOMAIN`"));
    let kubernetes = [
        ("TLSIGHT_SOMETHING_OF_THEIRS", "1"),
        ("TLSIGHT_PORT", "tcp://192.0.2.1:80"),
        ("TLSIGHT_PORT_80_TCP_ADDR", "192.0.2.1"),
        ("TLSIGHT_SERVICE_HOST", "192.0.2.1"),
        ("TLSIGHT_LOG", "debug"),
        ("HOME", "/home/operator"),
    ];
    assert!(Config::from_text("", &environment(&kubernetes)).is_ok());
}

#[test]
fn a_variable_cannot_leave_its_value() {
    let config = Config::from_text("", &environment(&[("TLSIGHT_DATA", "1\n[public]\nlisten = 2")])).expect("text");
    assert_eq!(config.data, Path::new("1\n[public]\nlisten = 2"));
}

#[test]
fn the_file_is_the_flag_then_the_variable_and_paths_are_resolved() {
    let directory = tempfile::tempdir().unwrap();
    let credentials = directory.path().join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    std::fs::write(credentials.join("token"), "secret-secret\n").unwrap();
    let file = directory.path().join("a.toml");
    std::fs::write(
        &file,
        "[public]\ncertificate = \"c.pem\"\nkey = \"/k.pem\"\n[[domain]]\nname = \"x.example\"\ntoken_file = \"token\"\n\
         [[imap]]\nca = \"ca.pem\"\npassword_file = \"token\"\n[[imap]]\ntoken_file = \"/t\"\n",
    )
    .unwrap();
    let variables = environment(&[
        ("TLSIGHT_CONFIG", file.to_str().unwrap()),
        ("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap()),
    ]);
    let config = Config::load(None, &variables).expect("found by the variable");
    assert_eq!(config.public.certificate, Some(directory.path().join("c.pem")));
    assert_eq!(config.public.key, Some(PathBuf::from("/k.pem")));
    assert_eq!(config.domain[0].token_file, Some(credentials.join("token")));
    assert_eq!(config.imap[0].ca, Some(directory.path().join("ca.pem")));
    assert_eq!(config.imap[0].password_file, Some(credentials.join("token")));
    assert_eq!(config.imap[1].token_file, Some(PathBuf::from("/t")));

    let missing = Config::load(Some(Path::new("/nonexistent/x.toml")), &variables).expect_err("the flag comes first");
    assert!(missing.to_string().starts_with("cannot read the configuration /nonexistent/x.toml: "));
}

#[test]
fn a_section_of_the_wrong_kind_is_told_how_it_is_written() {
    let several = error("[imap]\nname = \"a\"\nnane = \"b\"\n[domain]\n[maildir]\n[[public]]\n", &[]);
    assert_eq!(
        several,
        "`imap` in test.toml line 1 may stand several times: write `[[imap]]`\n\
         unknown key `imap.nane` in test.toml line 3; did you mean `imap.name`?\n\
         `domain` in test.toml line 4 may stand several times: write `[[domain]]`\n\
         `maildir` in test.toml line 5 may stand several times: write `[[maildir]]`\n\
         `public` in test.toml line 6 stands once: write `[public]`"
    );
}

#[test]
fn a_list_is_told_how_it_is_written() {
    let message = error("", &[("TLSIGHT_SMTP__RECIPIENTS", "a@x.example")]);
    assert_eq!(
        message,
        "bad value for `smtp.recipients` in the environment variable TLSIGHT_SMTP__RECIPIENTS: invalid type: string \
         \"a@x.example\", expected a sequence; a list is written like `[\"tlsrpt@reports.example.net\"]`"
    );
    let message = error("", &[("TLSIGHT_IMAP", "{ name = \"a\" }")]);
    assert!(message.ends_with("; a list is written like `[{ key = \"value\" }]`"), "{message}");
    let message = error("[[domain]]\nmx = \"a.example\"\n", &[]);
    assert!(message.ends_with("`[\"mx1.example.com\", \"mx2.example.com\"]`"), "{message}");
}

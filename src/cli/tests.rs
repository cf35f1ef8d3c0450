use clap::CommandFactory;

use super::*;

fn help(path: &[&str]) -> String {
    let mut root = Arguments::command().term_width(100);
    root.build();
    let mut command = &mut root;
    for name in path {
        command = command.find_subcommand_mut(name).expect("the command exists");
    }
    command.clone().render_long_help().to_string()
}

#[test]
fn the_arguments_are_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn the_help_texts() {
    for path in [
        &[][..],
        &["serve"],
        &["demo"],
        &["import"],
        &["repair"],
        &["alerts"],
        &["alerts", "test"],
        &["alerts", "send-test"],
        &["digest"],
        &["config"],
        &["config", "example"],
        &["config", "check"],
        &["healthcheck"],
        &["send-test-report"],
    ] {
        let name = std::iter::once("help").chain(path.iter().copied()).collect::<Vec<_>>().join("_");
        insta::assert_snapshot!(name, help(path));
    }
}

#[test]
fn flags_stand_over_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("t.toml");
    std::fs::write(&file, "data = \"/a\"\n[public]\nlisten = \"127.0.0.1:1\"\n[private]\nlisten = \"off\"\n").unwrap();
    let arguments = Arguments::parse_from([
        "tlsight",
        "serve",
        "--config",
        file.to_str().unwrap(),
        "--data",
        "/b",
        "--public",
        "0.0.0.0:0",
        "--behind-proxy",
    ]);
    let mut config = arguments.common.config(&Environment::default()).expect("valid");
    let Command::Serve(serve) = arguments.command else { panic!("serve was asked for") };
    serve.listeners.lay_over(&mut config);
    assert_eq!(config.data, PathBuf::from("/b"));
    assert_eq!(config.public.listen.to_string(), "0.0.0.0:0");
    assert_eq!(config.private.listen, Listen::Off);
    assert_eq!(config.check(), Ok(()));
}

#[test]
fn a_bad_address_is_told() {
    let error = Arguments::try_parse_from(["tlsight", "serve", "--public", "somewhere"]).expect_err("no address");
    assert!(error.to_string().contains("neither `off` nor an address"), "{error}");
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn a_mail_server_keeps_its_mail_when_the_arguments_are_wrong() {
    for (arguments, code) in [
        (&["import", "--trust", "-"][..], 75),
        (&["--data", "/d", "import", "-", "--log-format=xml"], 75),
        (&["import", "--config"], 2),
        (&["import", "--trust", "mails"], 2),
        (&["import"], 2),
        (&["serve", "-"], 2),
        (&["import", "-", "--help"], 0),
        (&["--version", "import", "-"], 0),
    ] {
        let error = Arguments::try_parse_from(std::iter::once(&"tlsight").chain(arguments)).expect_err("not to be run");
        let arguments = arguments.iter().map(OsString::from);
        assert_eq!(exit_code(&error, arguments.clone()), code, "{:?}", arguments.collect::<Vec<_>>());
    }
}

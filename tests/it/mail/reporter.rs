//! Reports made by sys4's tlsrpt-reporter, the one for Postfix: from what a mail server tells its collector to the
//! report by HTTPS and by mail.

use std::{
    fs,
    os::unix::net::UnixDatagram,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use super::{LISTENERS, RECIPIENT, World, signed, smtp::Smtp};
use crate::server::{Server, all_items, program_missing, until};

/// The configuration of all its programs, for a day that ends when we say so.
const CONFIGURATION: &str = "\
[tlsrpt_collectd]
storage = sqlite://ROOT/collected.sqlite
socketname = ROOT/collectd.socket
logfilename = ROOT/collectd.log
log_level = debug
max_uncommited_datagrams = 1

[tlsrpt_fetcher]
storage = sqlite://ROOT/collected.sqlite

[tlsrpt_reportd]
organization_name = Sender Example
contact_info = tls@sender.example
sender_address = tls@sender.example
dbname = ROOT/reports.sqlite
fetchers = tlsrpt-fetcher --config_file ROOT/reporter.cfg
http_script = curl --silent --fail --output /dev/null --cacert ROOT/certificate.pem --header 'Content-Type: application/tlsrpt+gzip' --data-binary @-
sendmail_script = cat > ROOT/mail.new && mv ROOT/mail.new ROOT/mail.eml
spread_out_delivery = 1
interval_main_loop = 1
";

#[test]
fn its_reports_come_in_by_https_and_by_mail() {
    let programs = ["tlsrpt-collectd", "tlsrpt-fetcher", "tlsrpt-reportd", "curl"];
    if programs.into_iter().any(program_missing) {
        return;
    }
    let world = World::new("");
    let server = start_with_certificate(&world);
    let root = world.directory.path().to_str().unwrap();
    let configuration = world.write("reporter.cfg", CONFIGURATION.replace("ROOT", root).as_bytes());
    let collector = Program::start("tlsrpt-collectd", &configuration);
    let socket = UnixDatagram::unbound().unwrap();
    until("the collector listens", || socket.connect(world.path("collectd.socket")).is_ok());
    let by_https = format!("v=TLSRPTv1; rua=https://localhost:{}/v1/tlsrpt", server.public.port());
    let by_mail = format!("v=TLSRPTv1; rua=mailto:{RECIPIENT}");
    for (domain, record) in [("example.com", by_https), ("example.org", by_mail)] {
        socket.send(sessions(domain, &record).to_string().as_bytes()).unwrap();
    }
    let log = || fs::read_to_string(world.path("collectd.log")).unwrap_or_default();
    until("both are collected", || log().contains("with 1 datagrams (2 total)"));
    // For this program the day is over.
    collector.signal("-USR2");
    until("the day is closed", || world.path("collected.sqlite.yesterday").exists());

    let _reporter = Program::start("tlsrpt-reportd", &configuration);
    let mail = world.path("mail.eml");
    until("a report is mailed", || mail.exists());
    // Its operators have the mail signed on the way out.
    let mail = signed::sign(&fs::read(mail).unwrap());
    let mut smtp = Smtp::connect(server.smtp.expect("an SMTP listener")).unwrap();
    let reply = smtp.send(&mail).unwrap();
    assert!(reply.starts_with("250 2.0.0 Ok: stored as "), "{reply}");
    // Yesterday is among the days that are shown without being asked for.
    let reports = || all_items(&server, "/api/v1/reports?trust=all");
    until("a report is posted", || reports().len() == 2);

    let mut reports = reports();
    reports.sort_by_key(|report| report["channel"].to_string());
    let columns = ["channel", "trust", "organisation", "policy_domains", "successful", "failed", "deviations"];
    let shown = |report: &Value| columns.iter().map(|column| report[column].clone()).collect::<Value>();
    assert_eq!(shown(&reports[0]), json!(["https", "none", "Sender Example", ["example.com"], 0, 1, []]));
    assert_eq!(shown(&reports[1]), json!(["smtp", "dkim", "Sender Example", ["example.org"], 0, 1, []]));
}

/// What Postfix tells of one session that failed.
fn sessions(domain: &str, record: &str) -> Value {
    json!({"dpv": "1", "d": domain, "pr": record, "policies": [{
        "policy-type": 2, "policy-domain": domain, "mx-host": ["mx1.example.com"],
        "policy-string": ["version: STSv1", "mode: enforce", "mx: mx1.example.com", "max_age: 604800"],
        "t": 1, "f": true,
        "failure-details": [{"c": 204, "s": "192.0.2.7", "n": "mx1.example.com", "r": "198.51.100.9"}],
    }]})
}

fn start_with_certificate(world: &World) -> Server {
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = world.write("certificate.pem", pair.cert.pem().as_bytes());
    let key = world.write("key.pem", pair.signing_key.serialize_pem().as_bytes());
    world.configure(&format!("[public]\ncertificate = {certificate:?}\nkey = {key:?}\n{LISTENERS}"));
    world.start()
}

/// One of its daemons, until it is dropped.
struct Program(Child);

impl Program {
    fn start(name: &str, configuration: &Path) -> Program {
        let mut command = Command::new(name);
        command.arg("--config_file").arg(configuration).stdin(Stdio::null()).stdout(Stdio::null());
        Program(command.stderr(Stdio::null()).spawn().unwrap())
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

//! Hands mail to the relay, or to the program that takes mail on this machine.

use std::{collections::BTreeSet, error::Error as _, fs, net::IpAddr, path::PathBuf, process::Stdio, time::Duration};

use chrono::{DateTime, Utc};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    transport::smtp::{
        self,
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};
use uuid::Uuid;

use super::{
    compose::{Post, compose},
    failure::{DeliveryFailure, RetryAfter, quoted},
    host,
};
use crate::{
    alerts::notice::Email,
    config::{ClientTls, Config, ConfigError, MailConfig},
};

const PORT: u16 = 25;
/// RFC 8314 §3.3
const SUBMISSION_PORT: u16 = 587;
const SUBMISSIONS_PORT: u16 = 465;
/// What the client says of a relay that does not offer it.
const NO_STARTTLS: &str = "STARTTLS is not supported on this server";

pub(super) struct Mailer {
    way: Way,
    from: Address,
    deadline: Duration,
    /// Whether the relay is on this machine.
    is_near: bool,
    /// Domains whose TLS this server watches.
    served: BTreeSet<String>,
}

enum Way {
    Relay(AsyncSmtpTransport<Tokio1Executor>),
    Program(PathBuf),
}

impl Mailer {
    pub(super) fn of(config: &Config) -> Result<Mailer, ConfigError> {
        let served = config.served()?.domains.into_keys().collect();
        Mailer::new(&config.outgoing_mail()?, served).map_err(ConfigError::from)
    }

    /// `mail` with its password read.
    fn new(mail: &MailConfig, served: BTreeSet<String>) -> Result<Mailer, String> {
        let from = mail.from.clone().unwrap_or_else(|| format!("tlsight@{}", host()));
        let from = from.parse().map_err(|error| format!("`mail.from` = {from:?}: {error}"))?;
        let way = match &mail.relay {
            Some(relay) => Way::Relay(relay_of(mail, relay)?),
            None => Way::Program(mail.sendmail.clone()),
        };
        let is_near = mail.relay.as_deref().is_some_and(is_loopback);
        Ok(Mailer { way, from, deadline: Duration::from_secs(mail.deadline_s), is_near, served })
    }

    /// Delivers an email to one address. What the relay said, where it took it.
    pub(super) async fn send(
        &self,
        email: &Email,
        delivery: Uuid,
        at: DateTime<Utc>,
        to: &str,
        thread: Option<Uuid>,
    ) -> Result<String, DeliveryFailure> {
        let to: Address =
            to.parse().map_err(|error| DeliveryFailure::refused(format!("{to:?} is no address: {error}")))?;
        let without_tls = self.served.contains(&to.domain().to_ascii_lowercase());
        let post = Post { email, delivery, at, from: &self.from, to: &to, thread, without_tls };
        let (envelope, mail) =
            compose(&post).map_err(|error| DeliveryFailure::refused(format!("the mail cannot be written: {error}")))?;
        let handed = async {
            match &self.way {
                Way::Relay(relay) => match relay.send_raw(&envelope, &mail).await {
                    Ok(reply) => {
                        Ok(quoted(&format!("{} {}", reply.code(), reply.message().collect::<Vec<_>>().join(" "))))
                    }
                    Err(error) => Err(failure(&error, self.is_near)),
                },
                Way::Program(program) => run(program, &to, &mail).await,
            }
        };
        timeout(self.deadline, handed).await.unwrap_or_else(|_| {
            Err(DeliveryFailure::soon(format!("not handed over within {} s", self.deadline.as_secs())))
        })
    }
}

fn relay_of(mail: &MailConfig, relay: &str) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let port = mail.port.unwrap_or(match mail.tls {
        ClientTls::Implicit => SUBMISSIONS_PORT,
        _ if mail.user.is_some() => SUBMISSION_PORT,
        _ => PORT,
    });
    let parameters = || -> Result<TlsParameters, String> {
        let mut builder = TlsParameters::builder(relay.to_owned());
        if let Some(path) = &mail.ca {
            let wrong = |error: &dyn std::fmt::Display| format!("`mail.ca` = {}: {error}", path.display());
            let pem = fs::read(path).map_err(|error| wrong(&error))?;
            builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(|error| wrong(&error))?);
        }
        builder.build_rustls().map_err(|error| format!("`mail.relay` = {relay:?}: {error}"))
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(relay)
        .port(port)
        .timeout(Some(Duration::from_secs(mail.deadline_s)))
        .tls(match mail.tls {
            // Where the relay does not offer it, nothing is sent.
            ClientTls::StartTls => Tls::Required(parameters()?),
            ClientTls::Implicit => Tls::Wrapper(parameters()?),
            ClientTls::Off => Tls::None,
        });
    if let (Some(user), Some(password)) = (&mail.user, &mail.password) {
        builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
    }
    Ok(builder.build())
}

/// What all of sendmail, Postfix, Exim and the small ones understand: mail on stdin, dots are dots, no sender.
async fn run(program: &PathBuf, to: &Address, mail: &[u8]) -> Result<String, DeliveryFailure> {
    let named = |error: std::io::Error| DeliveryFailure::soon(format!("{}: {error}", program.display()));
    let mut child = Command::new(program)
        .args(["-i", "-f", "<>", "--"])
        .arg(to)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(named)?;
    if let Some(mut stdin) = child.stdin.take() {
        // On this side of the program lines end as they do in files.
        let text = String::from_utf8_lossy(mail).replace("\r\n", "\n");
        // One that ends before it has read everything says why below.
        let _ = stdin.write_all(text.as_bytes()).await;
    }
    let output = child.wait_with_output().await.map_err(named)?;
    if output.status.success() {
        return Ok(format!("{} took it", program.display()));
    }
    let said = quoted(&String::from_utf8_lossy(&output.stderr));
    let said = if said.is_empty() { said } else { format!(": {said}") };
    Err(DeliveryFailure::soon(format!("{} ended with {}{said}", program.display(), output.status)))
}

fn is_loopback(relay: &str) -> bool {
    relay == "localhost" || relay.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

fn failure(error: &smtp::Error, is_near: bool) -> DeliveryFailure {
    let source = error.source().map(ToString::to_string).unwrap_or_default();
    let words = match error.status() {
        None if is_near && (source.contains(NO_STARTTLS) || error.to_string().contains(NO_STARTTLS)) => {
            format!("{NO_STARTTLS}; for a server on this machine set `mail.tls = \"off\"`")
        }
        Some(code) => format!("the relay answered {code} {source}"),
        None if source.is_empty() => error.to_string(),
        None => source,
    };
    // RFC 5321 §4.2.1: the same again will be refused again.
    let retry_after = if error.is_permanent() { RetryAfter::Refused } else { RetryAfter::Soon };
    DeliveryFailure { words: quoted(&words), retry_after }
}

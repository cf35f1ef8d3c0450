//! Looks at an address of an MX host as a sender does before it hands mail over: greeting, EHLO, STARTTLS, the handshake, QUIT (RFC 5321, RFC 3207). Never
//! MAIL or RCPT.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{Observer, deepest, has_no_route, holds_tls_error};
use crate::{
    check::observed::{AddressSeen, SmtpOutcome, SmtpSeen},
    limits::{CHECK_SMTP_LINE_MAX_BYTES, CHECK_SMTP_REPLY_MAX_LINES},
    tls::witness::Witness,
};

/// A reply: its code, and its lines without it.
struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl Reply {
    fn text(&self) -> String {
        format!("{} {}", self.code, self.lines.join(" / "))
    }
}

impl Observer {
    pub(super) async fn smtp(&self, host: &str, AddressSeen { address, is_public }: AddressSeen) -> SmtpSeen {
        let outcome = match is_public {
            true => self.memory.or_ask(host, address, self.spoken_in_time(host, address)).await,
            false => SmtpOutcome::NotPublic,
        };
        SmtpSeen { host: host.to_owned(), address, outcome }
    }

    async fn spoken_in_time(&self, host: &str, address: IpAddr) -> SmtpOutcome {
        let spoken = self.spoken(host, SocketAddr::new(address, self.smtp_port));
        timeout(self.smtp_deadline, spoken).await.unwrap_or(SmtpOutcome::Broken("it took too long".to_owned()))
    }

    async fn spoken(&self, host: &str, address: SocketAddr) -> SmtpOutcome {
        let stream = match timeout(self.connect_deadline, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) if has_no_route(&error) => return SmtpOutcome::NoRoute(error.to_string()),
            Ok(Err(error)) => return SmtpOutcome::NoConnection(error.to_string()),
            Err(_) => {
                return SmtpOutcome::NoConnection(format!(
                    "no answer within {} s",
                    self.connect_deadline.as_secs_f32()
                ));
            }
        };
        match self.secured(host, stream).await {
            Ok(outcome) => outcome,
            Err(error) => SmtpOutcome::Broken(error.to_string()),
        }
    }

    async fn secured(&self, host: &str, stream: TcpStream) -> io::Result<SmtpOutcome> {
        let mut stream = BufReader::new(stream);
        let greeting = reply(&mut stream, self.reply_deadline).await?;
        if greeting.code != 220 {
            return Ok(SmtpOutcome::Busy(greeting.text()));
        }
        let hello = self.say(&mut stream, &format!("EHLO {}", self.hello)).await?;
        if hello.code != 250 {
            let _ = self.say(&mut stream, "QUIT").await;
            return Ok(SmtpOutcome::Busy(hello.text()));
        }
        let offers = |line: &String| line.split(' ').next().is_some_and(|word| word.eq_ignore_ascii_case("STARTTLS"));
        if !hello.lines.iter().skip(1).any(offers) {
            let _ = self.say(&mut stream, "QUIT").await;
            return Ok(SmtpOutcome::NoStartTls);
        }
        let ready = self.say(&mut stream, "STARTTLS").await?;
        if ready.code != 220 {
            let _ = self.say(&mut stream, "QUIT").await;
            return Ok(SmtpOutcome::StartTlsRefused(ready.text()));
        }
        // What came behind the reply in clear text must not be taken for a part of the session (RFC 3207 §4.2, §6).
        self.handshake(host, stream.into_inner()).await
    }

    async fn handshake(&self, host: &str, stream: TcpStream) -> io::Result<SmtpOutcome> {
        let witness = Witness::new(&self.authorities, false);
        let mut config = witness.client_config().map_err(io::Error::other)?;
        // RFC 8461 has no ALPN for SMTP, and some servers refuse a foreign one.
        config.alpn_protocols.clear();
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
        let connected = timeout(self.connect_deadline, connecting).await;
        let seen = witness.seen();
        if let Some(Err(fault)) = &seen.certificate {
            return Ok(SmtpOutcome::Certificate { problem: fault.problem, words: fault.words.clone() });
        }
        match connected {
            Ok(Ok(stream)) => {
                let mut stream = BufReader::new(stream);
                let _ = self.say(&mut stream, &format!("EHLO {}", self.hello)).await;
                let _ = self.say(&mut stream, "QUIT").await;
                let validity = self.validity_h(host, &seen);
                Ok(SmtpOutcome::Good {
                    valid_for_h: validity.map(|(ahead, _)| ahead),
                    valid_since_h: validity.map(|(_, back)| back),
                })
            }
            Ok(Err(error)) if holds_tls_error(&error) => Ok(SmtpOutcome::NoTls(deepest(&error))),
            Ok(Err(error)) => Ok(SmtpOutcome::NoTls(format!("the handshake broke off: {error}"))),
            Err(_) => Ok(SmtpOutcome::NoTls("the handshake did not end in time".to_owned())),
        }
    }

    async fn say<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut BufReader<S>,
        command: &str,
    ) -> io::Result<Reply> {
        stream.get_mut().write_all(format!("{command}\r\n").as_bytes()).await?;
        stream.get_mut().flush().await?;
        reply(stream, self.reply_deadline).await
    }
}

/// Reads a reply of one or several lines (RFC 5321 §4.2.1).
async fn reply<S: AsyncRead + Unpin>(stream: &mut BufReader<S>, deadline: Duration) -> io::Result<Reply> {
    let late = || io::Error::other(format!("no answer within {} s", deadline.as_secs_f32()));
    timeout(deadline, read_reply(stream)).await.unwrap_or_else(|_| Err(late()))
}

async fn read_reply<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> io::Result<Reply> {
    let mut lines = Vec::new();
    while lines.len() < CHECK_SMTP_REPLY_MAX_LINES {
        let mut line = Vec::new();
        stream.take(CHECK_SMTP_LINE_MAX_BYTES as u64).read_until(b'\n', &mut line).await?;
        if line.is_empty() {
            return Err(io::Error::other("the connection was closed"));
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let code = line.get(..3).and_then(|code| code.parse::<u16>().ok()).filter(|code| (200..600).contains(code));
        let Some(code) = code else { return Err(io::Error::other("the answer is not SMTP")) };
        lines.push(line.get(4..).unwrap_or_default().to_owned());
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(Reply { code, lines });
        }
    }
    Err(io::Error::other("the answer has too many lines"))
}

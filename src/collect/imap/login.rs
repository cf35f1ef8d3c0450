//! Who we say we are: a password by AUTHENTICATE PLAIN or LOGIN, an access token by XOAUTH2. All are read at each login, as
//! files are renewed and tokens expire within the hour. None of it is ever logged or shown.

use std::{io::Read as _, path::Path, process::Stdio, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{io::AsyncReadExt, process::Command, time::timeout};

use super::{
    folder_name,
    reply::{ImapReply, ImapStatus, shown},
    trouble::ImapTrouble,
    wire::{ImapConnection, REPLY_MAX_BYTES, accepted},
};
use crate::config::Imap;

/// Bytes of a password or token. Tokens of large providers have a few thousand.
const SECRET_MAX_BYTES: u64 = 64 * 1024;

pub(super) enum Secret {
    Password(String),
    Token(String),
}

/// Fetches what the configuration names. A command has until the deadline.
pub(super) async fn secret(account: &Imap, deadline: Duration) -> Result<Secret, ImapTrouble> {
    if let Some(password) = &account.password {
        return Ok(Secret::Password(password.clone()));
    }
    if let Some(path) = &account.password_file {
        // A password may begin or end with a space; the line end is the editor's.
        let password = read("password_file", account, path).await?;
        return Ok(Secret::Password(password.trim_end_matches(['\r', '\n']).to_owned()));
    }
    let token = match &account.token_file {
        Some(path) => read("token_file", account, path).await?,
        None => run(&account.token_command, deadline).await?,
    };
    let token = token.trim();
    if !is_token(token) {
        let what =
            account.token_file.as_ref().map_or("the output of `token_command`".to_owned(), |p| p.display().to_string());
        return Err(ImapTrouble::Secret {
            what: "the access token".to_owned(),
            reason: format!("{what} is not one token"),
        });
    }
    Ok(Secret::Token(token.to_owned()))
}

/// Logs in. `capable` says what the server announced on this connection.
pub(super) async fn log_in(
    wire: &mut ImapConnection,
    user: &str,
    secret: &Secret,
    capable: impl Fn(&str) -> bool,
) -> Result<(), ImapTrouble> {
    match secret {
        Secret::Token(token) => {
            // https://developers.google.com/workspace/gmail/imap/xoauth2-protocol, spoken by Microsoft and Dovecot as well.
            let response = format!("user={user}\x01auth=Bearer {token}\x01\x01");
            authenticate(wire, "XOAUTH2", &response).await.map_err(|error| refused(error, ImapTrouble::Token))
        }
        // RFC 3501 §6.2.3: LOGIN takes quoted strings of ASCII, and some servers do not take it at all.
        Secret::Password(password) => {
            let plain = capable("AUTH=PLAIN") || capable("LOGINDISABLED") || !(user.is_ascii() && password.is_ascii());
            let done = if plain {
                authenticate(wire, "PLAIN", &format!("\0{user}\0{password}")).await
            } else {
                let line = format!("LOGIN {} {}", folder_name::quote(user), folder_name::quote(password));
                wire.run(&line, |_| {}).await.map(drop)
            };
            done.map_err(|error| refused(error, ImapTrouble::Password))
        }
    }
}

/// SASL without an initial response (RFC 3501 §6.2.2). XOAUTH2 says why it refuses in a second challenge and wants an empty
/// line before the `NO`.
async fn authenticate(wire: &mut ImapConnection, mechanism: &str, response: &str) -> Result<(), ImapTrouble> {
    let tag = wire.send(&format!("AUTHENTICATE {mechanism}")).await?;
    let mut responses = [STANDARD.encode(response)].into_iter();
    let mut complaint = None;
    loop {
        match wire.reply(REPLY_MAX_BYTES).await? {
            ImapReply::Continue(challenge) => match responses.next() {
                Some(response) => wire.send_line(&response).await?,
                None => {
                    complaint = Some(explained(&challenge));
                    wire.send_line("").await?;
                }
            },
            ImapReply::Status(status) if status.tag.as_deref() == Some(tag.as_str()) => {
                let text = match complaint {
                    Some(complaint) => format!("{} {complaint}", status.text),
                    None => status.text,
                };
                return accepted(ImapStatus { text, ..status }, "AUTHENTICATE").map(drop);
            }
            ImapReply::Status(_) | ImapReply::Data(_) => {}
        }
    }
}

fn refused(error: ImapTrouble, credentials: fn(String) -> ImapTrouble) -> ImapTrouble {
    match error {
        ImapTrouble::Refused { text, .. } => credentials(text),
        error => error,
    }
}

/// The challenge that says why: JSON in base64 at all servers that are known.
fn explained(challenge: &str) -> String {
    let decoded = STANDARD.decode(challenge).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    shown(decoded.as_deref().unwrap_or(challenge))
}

/// Whether this can be an access token: something, without spaces.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && !text.contains(|char: char| char.is_whitespace() || char.is_control())
}

async fn read(key: &'static str, account: &Imap, path: &Path) -> Result<String, ImapTrouble> {
    let fail = |reason: String| {
        let (account, path) = (account.name.clone(), path.to_owned());
        ImapTrouble::SecretFile { key, account, path, reason }
    };
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || read_file(&path)).await;
    read.map_err(|error| fail(error.to_string()))?.map_err(fail)
}

/// Reads a password or a token, with the line end behind it.
pub(super) fn read_file(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(SECRET_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    bounded(bytes)
}

/// Runs the command without a shell. What it says on standard error goes to ours.
async fn run(command: &[String], deadline: Duration) -> Result<String, ImapTrouble> {
    let fail = |reason: String| {
        let what = format!("the token of `{}`", command.first().map_or("", String::as_str));
        ImapTrouble::Secret { what, reason }
    };
    let Some((program, arguments)) = command.split_first() else {
        return Err(fail("no command is configured".to_owned()));
    };
    let child =
        Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn();
    let mut child = child.map_err(|error| fail(error.to_string()))?;
    let all = async {
        let output = child.stdout.take().ok_or("it has no output")?;
        let token = text(output).await?;
        match child.wait().await {
            Ok(status) if status.success() => Ok(token),
            Ok(status) => Err(format!("it ended with {status}")),
            Err(error) => Err(error.to_string()),
        }
    };
    let done = timeout(deadline, all).await;
    done.unwrap_or_else(|_| Err(format!("it took longer than {} s", deadline.as_secs_f32()))).map_err(fail)
}

async fn text(source: impl tokio::io::AsyncRead + Unpin) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut source = source.take(SECRET_MAX_BYTES + 1);
    let read = AsyncReadExt::read_to_end(&mut source, &mut bytes).await;
    read.map_err(|error| error.to_string())?;
    bounded(bytes)
}

fn bounded(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.len() as u64 > SECRET_MAX_BYTES {
        return Err(format!("larger than {SECRET_MAX_BYTES} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

//! Commands out, responses in, with a bound on what a server may make us hold: a response is counted while it arrives, and a
//! literal that is announced larger than expected is refused before a byte of it is read.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use super::{
    reply::{Data, ImapReply, ImapStatus, ReplyWord, announced_literal},
    trouble::ImapTrouble,
};

/// Bytes of one response where no mail and no list of mails is expected.
pub(super) const REPLY_MAX_BYTES: usize = 256 * 1024;
/// Bytes of a list of UIDs, enough for well over a million.
pub(super) const UIDS_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of all responses to one command besides the largest of them.
const COMMAND_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Bytes that a read has room for.
const READ_BYTES: usize = 16 * 1024;

pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A TCP or TLS connection.
pub(super) type Stream = Box<dyn Duplex>;

/// How long a server may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct ImapTimeouts {
    /// For the next bytes.
    pub silence: Duration,
    /// For all responses to one command.
    pub command: Duration,
}

/// One IMAP connection.
pub(super) struct ImapConnection {
    stream: Stream,
    timeouts: ImapTimeouts,
    buffer: Vec<u8>,
    /// Where in the buffer the response at hand begins, the line that is being looked at, and its part not yet looked at.
    start: usize,
    line: usize,
    scanned: usize,
    /// Bytes that the command at hand may still be answered with.
    budget_bytes: usize,
    commands: u32,
    /// What the server said with BYE.
    bye: Option<String>,
    /// Mails in the selected folder, and whether there were fewer before.
    exists: u32,
    news: bool,
}

impl ImapConnection {
    pub(super) fn new(stream: Stream, timeouts: ImapTimeouts) -> ImapConnection {
        ImapConnection {
            stream,
            timeouts,
            buffer: Vec::new(),
            start: 0,
            line: 0,
            scanned: 0,
            budget_bytes: COMMAND_MAX_BYTES,
            commands: 0,
            bye: None,
            exists: 0,
            news: false,
        }
    }

    /// The stream, for a handshake on it. What the server, or somebody in between, sent ahead of the handshake would be taken
    /// for what came through it (the plain text injection of CVE-2011-0411), so it ends the connection.
    pub(super) fn into_stream(self) -> Result<Stream, ImapTrouble> {
        if self.buffer.len() > self.start { Err(ImapTrouble::Injected) } else { Ok(self.stream) }
    }

    /// Runs a command to its end and hands each untagged response to `each`. The last response is `OK`; `NO` and `BAD` are
    /// `Trouble::Refused`.
    pub(super) async fn run(&mut self, command: &str, each: impl FnMut(ImapReply)) -> Result<ImapStatus, ImapTrouble> {
        self.run_within(command, REPLY_MAX_BYTES, each).await
    }

    /// The same where one response may have up to `reply_max_bytes`.
    pub(super) async fn run_within(
        &mut self,
        command: &str,
        reply_max_bytes: usize,
        each: impl FnMut(ImapReply),
    ) -> Result<ImapStatus, ImapTrouble> {
        let tag = self.send(command).await?;
        self.budget_bytes = self.budget_bytes.saturating_add(reply_max_bytes);
        self.finish(&tag, verb(command), reply_max_bytes, each).await
    }

    /// Sends a command and returns its tag. The answers are still to come.
    pub(super) async fn send(&mut self, command: &str) -> Result<String, ImapTrouble> {
        self.commands = self.commands.wrapping_add(1);
        self.budget_bytes = COMMAND_MAX_BYTES;
        let tag = format!("t{}", self.commands);
        self.send_line(&format!("{tag} {command}")).await?;
        Ok(tag)
    }

    /// Sends what a command goes on with.
    pub(super) async fn send_line(&mut self, line: &str) -> Result<(), ImapTrouble> {
        let silence = self.timeouts.silence;
        let all = async {
            self.stream.write_all(format!("{line}\r\n").as_bytes()).await?;
            self.stream.flush().await
        };
        match timeout(silence, all).await {
            Ok(sent) => sent.map_err(|error| self.broken(error)),
            Err(_) => Err(ImapTrouble::Deadline(silence)),
        }
    }

    /// Reads on to the response that ends the command.
    pub(super) async fn finish(
        &mut self,
        tag: &str,
        verb: &str,
        reply_max_bytes: usize,
        mut each: impl FnMut(ImapReply),
    ) -> Result<ImapStatus, ImapTrouble> {
        let timeouts = self.timeouts.command;
        let all = async {
            loop {
                match self.reply(reply_max_bytes).await? {
                    ImapReply::Status(status) if status.tag.as_deref() == Some(tag) => return accepted(status, verb),
                    // Of a command that nobody waits for.
                    ImapReply::Status(ImapStatus { tag: Some(_), .. }) => {}
                    reply => each(reply),
                }
            }
        };
        timeout(timeouts, all).await.unwrap_or(Err(ImapTrouble::Deadline(timeouts)))
    }

    /// The next response, which must not take long.
    pub(super) async fn reply(&mut self, max_bytes: usize) -> Result<ImapReply, ImapTrouble> {
        let silence = self.timeouts.silence;
        timeout(silence, self.next(max_bytes)).await.unwrap_or(Err(ImapTrouble::Deadline(silence)))
    }

    /// The next response, whenever it comes. Nothing is lost when this future is dropped.
    pub(super) async fn next(&mut self, max_bytes: usize) -> Result<ImapReply, ImapTrouble> {
        loop {
            let budget_bytes = self.budget_bytes;
            let taken = self.take(max_bytes.min(budget_bytes));
            // A mail is not to blame for what came with it.
            let taken = taken.map_err(|error| if budget_bytes < max_bytes { ImapTrouble::Flood } else { error });
            match taken? {
                Some(response) => {
                    self.budget_bytes = self.budget_bytes.saturating_sub(response.len());
                    let reply = ImapReply::parse(response).map_err(ImapTrouble::Garbled)?;
                    self.note(&reply);
                    return Ok(reply);
                }
                None => self.fill().await?,
            }
        }
    }

    /// How many responses and bytes a mail or nothing may still take begins anew.
    pub(super) fn renew_budget(&mut self) {
        self.budget_bytes = COMMAND_MAX_BYTES;
    }

    /// Whether mail was announced since this was last asked.
    pub(super) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// Forgets the folder, as another one is selected.
    pub(super) fn forget_folder(&mut self) {
        (self.exists, self.news) = (0, false);
    }

    /// Cuts the next whole response out of the buffer.
    fn take(&mut self, max_bytes: usize) -> Result<Option<Vec<u8>>, ImapTrouble> {
        while let Some(found) = self.buffer.get(self.scanned..).and_then(|rest| rest.iter().position(|b| *b == b'\n')) {
            let end = self.scanned + found + 1;
            let so_far = end - self.start;
            let response = self.buffer.get(self.start..end).unwrap_or_default();
            match announced_literal(response, self.buffer.get(self.line..end).unwrap_or_default()) {
                Some(length) => {
                    let whole = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(so_far);
                    if whole > max_bytes {
                        return Err(ImapTrouble::TooLarge { announced_bytes: length, max_bytes });
                    }
                    self.line = self.start + whole;
                    self.scanned = self.line;
                }
                None if so_far > max_bytes => break,
                None => return Ok(Some(self.cut(end))),
            }
        }
        self.scanned = self.scanned.max(self.buffer.len());
        let held = self.buffer.len().saturating_sub(self.start);
        if held > max_bytes {
            return Err(ImapTrouble::TooLarge { announced_bytes: held as u64, max_bytes });
        }
        Ok(None)
    }

    fn cut(&mut self, end: usize) -> Vec<u8> {
        // What is large is taken over; what is small is copied, so that many small ones do not move the rest each time.
        let response = if self.start == 0 && end > self.buffer.len() / 2 {
            let rest = self.buffer.split_off(end);
            self.start = 0;
            std::mem::replace(&mut self.buffer, rest)
        } else {
            let response = self.buffer.get(self.start..end).unwrap_or_default().to_vec();
            self.start = end;
            response
        };
        (self.line, self.scanned) = (self.start, self.start);
        response
    }

    /// Reads what is there, at least one byte.
    async fn fill(&mut self) -> Result<(), ImapTrouble> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.line -= self.start;
            self.scanned -= self.start;
            self.start = 0;
        }
        self.buffer.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err(ImapTrouble::Closed(self.bye.take())),
            Ok(_) => Ok(()),
            Err(error) => Err(self.broken(error)),
        }
    }

    /// A server that says goodbye says why. TLS calls it an error when the end comes without its own goodbye.
    fn broken(&mut self, error: io::Error) -> ImapTrouble {
        match self.bye.take() {
            None if error.kind() != io::ErrorKind::UnexpectedEof => ImapTrouble::Broken(error),
            bye => ImapTrouble::Closed(bye),
        }
    }

    /// What a server may say at any time (RFC 3501 §7).
    fn note(&mut self, reply: &ImapReply) {
        match reply {
            ImapReply::Status(ImapStatus { word: ReplyWord::Bye, text, .. }) => self.bye = Some(text.clone()),
            ImapReply::Data(data) => self.note_data(data),
            _ => {}
        }
    }

    fn note_data(&mut self, data: &Data) {
        match data.numbered() {
            Some((number, word)) if word == "EXISTS" => {
                self.news |= number > self.exists;
                self.exists = number;
            }
            Some((_, word)) if word == "EXPUNGE" => self.exists = self.exists.saturating_sub(1),
            _ => {}
        }
    }

    /// Ends the connection in good order, without waiting for more than the words.
    pub(super) async fn shut_down(mut self) {
        let _ = timeout(self.timeouts.silence, self.stream.shutdown()).await;
    }
}

/// The result of a command by the status that ends it.
pub(super) fn accepted(status: ImapStatus, verb: &str) -> Result<ImapStatus, ImapTrouble> {
    match status.word {
        ReplyWord::Ok => Ok(status),
        _ => Err(ImapTrouble::Refused {
            command: verb.to_owned(),
            try_create: status.code_value("TRYCREATE").is_some(),
            text: status.text,
        }),
    }
}

/// The part of a command that may be shown: its arguments may be secret.
fn verb(command: &str) -> &str {
    let mut ends = command.match_indices(' ').map(|(at, _)| at);
    let end = if command.starts_with("UID ") { ends.nth(1) } else { ends.next() };
    command.get(..end.unwrap_or(command.len())).unwrap_or(command)
}

#[cfg(test)]
mod tests;

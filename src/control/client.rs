//! A command's end of the control socket: blocking, because commands are.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use super::{ANSWER_MAX_BYTES, ControlAnswer, ControlError, Header, ReportedOutcome, socket_path};
use crate::submission::Submission;

/// A server that says nothing for so long is given up.
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);
/// A `AdminHandler` may have to send to many recipients, or to look at years. A server that ends ends the connection, too.
const ADMIN_HANDLER_DEADLINE: Duration = Duration::from_secs(60 * 60);

/// A connection to the server that holds a data directory.
#[derive(Debug)]
pub struct ControlClient {
    path: PathBuf,
    write: UnixStream,
    read: BufReader<UnixStream>,
    report_wire_max_bytes: usize,
    mail_wire_max_bytes: usize,
}

impl ControlClient {
    /// Connects to the server that holds the data directory; `None` where none answers.
    pub fn connect(data: &Path) -> Result<Option<ControlClient>, ControlError> {
        let path = socket_path(data)?;
        let write = match UnixStream::connect(&path) {
            Ok(stream) => stream,
            Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused].contains(&error.kind()) => {
                return Ok(None);
            }
            Err(error) => return Err(ControlError::Io { path, error }),
        };
        let read = write
            .set_read_timeout(Some(ANSWER_DEADLINE))
            .and_then(|()| write.set_write_timeout(Some(ANSWER_DEADLINE)))
            .and_then(|()| write.try_clone());
        let read = match read {
            Ok(read) => BufReader::new(read),
            Err(error) => return Err(ControlError::Io { path, error }),
        };
        let mut client = ControlClient { path, write, read, report_wire_max_bytes: 0, mail_wire_max_bytes: 0 };
        client.greet()?;
        Ok(Some(client))
    }

    /// The server's own limit, which may differ from the one this command was configured with.
    pub fn report_wire_max_bytes(&self) -> usize {
        self.report_wire_max_bytes
    }

    /// The same for mail. A server of a version that knows no mail takes no more than it takes of a report.
    pub fn mail_wire_max_bytes(&self) -> usize {
        self.mail_wire_max_bytes
    }

    fn greet(&mut self) -> Result<(), ControlError> {
        write_request(&mut self.write, &Header::plain("hello"), &[]).map_err(|error| self.failed(error))?;
        match self.answer()? {
            ControlAnswer::Hello { report_wire_max_bytes, mail_wire_max_bytes, .. } => {
                self.report_wire_max_bytes = report_wire_max_bytes;
                self.mail_wire_max_bytes = mail_wire_max_bytes.unwrap_or(report_wire_max_bytes);
                Ok(())
            }
            ControlAnswer::Error { detail } => Err(self.unexpected(detail)),
            ControlAnswer::Receipt { .. } | ControlAnswer::Said { .. } => {
                Err(self.unexpected("another answer than a greeting".to_owned()))
            }
        }
    }

    /// Hands over many submissions and waits for the outcomes of each, in their order. They are committed by then.
    pub fn submit(&mut self, submissions: &[Submission]) -> Result<Vec<Vec<ReportedOutcome>>, ControlError> {
        let mut write = self.write.try_clone().map_err(|error| self.failed(error))?;
        thread::scope(|scope| {
            // Written beside the reading: a server that waits for us to read must not meet us waiting for it to.
            let sender = scope.spawn(move || {
                submissions
                    .iter()
                    .try_for_each(|submission| write_request(&mut write, &submit(submission), &submission.bytes))
            });
            let outcomes: Result<Vec<_>, _> = submissions.iter().map(|_| self.receipt()).collect();
            if outcomes.is_err() {
                // Unblocks a sender that nobody reads from any more.
                let _ = self.write.shutdown(std::net::Shutdown::Both);
            }
            match (outcomes, sender.join()) {
                (Ok(outcomes), Ok(Ok(()))) => Ok(outcomes),
                (Err(error), _) => Err(error),
                (Ok(_), Ok(Err(error))) => Err(self.failed(error)),
                (Ok(_), Err(panic)) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Asks the server's `AdminHandler`. What it refuses is the inner error, in words for the person at the terminal.
    pub fn ask(
        &mut self,
        command: &str,
        order: &serde_json::Value,
    ) -> Result<Result<serde_json::Value, String>, ControlError> {
        let body = order.to_string();
        let header = Header { bytes: body.len() as u64, ..Header::plain(command) };
        // The two ends of the connection are one socket.
        self.write.set_read_timeout(Some(ADMIN_HANDLER_DEADLINE)).map_err(|error| self.failed(error))?;
        write_request(&mut self.write, &header, body.as_bytes()).map_err(|error| self.failed(error))?;
        match self.answer()? {
            ControlAnswer::Said { value } => Ok(Ok(value)),
            ControlAnswer::Error { detail } => Ok(Err(detail)),
            ControlAnswer::Hello { .. } | ControlAnswer::Receipt { .. } => {
                Err(self.unexpected("another answer than to the question".to_owned()))
            }
        }
    }

    fn receipt(&mut self) -> Result<Vec<ReportedOutcome>, ControlError> {
        match self.answer()? {
            ControlAnswer::Receipt { outcomes } => Ok(outcomes),
            ControlAnswer::Error { detail } => Err(self.unexpected(detail)),
            ControlAnswer::Hello { .. } | ControlAnswer::Said { .. } => {
                Err(self.unexpected("another answer than a receipt".to_owned()))
            }
        }
    }

    fn answer(&mut self) -> Result<ControlAnswer, ControlError> {
        let mut line = Vec::new();
        let read = (&mut self.read).take(ANSWER_MAX_BYTES as u64).read_until(b'\n', &mut line);
        read.map_err(|error| self.failed(error))?;
        if line.is_empty() {
            return Err(self.failed(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")));
        }
        serde_json::from_slice(&line).map_err(|error| self.unexpected(error.to_string()))
    }

    fn failed(&self, error: io::Error) -> ControlError {
        ControlError::Io { path: self.path.clone(), error }
    }

    fn unexpected(&self, detail: String) -> ControlError {
        ControlError::Protocol { path: self.path.clone(), detail }
    }
}

fn submit(submission: &Submission) -> Header {
    Header {
        bytes: submission.bytes.len() as u64,
        channel: Some(submission.channel.as_str().to_owned()),
        source: submission.hints.source.clone(),
        media_type: submission.hints.media_type.clone(),
        trusted_input: submission.hints.trusted_input,
        ..Header::plain("submit")
    }
}

fn write_request(write: &mut impl Write, header: &Header, body: &[u8]) -> io::Result<()> {
    let header = serde_json::to_vec(header)?;
    let length = u32::try_from(header.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut frame = Vec::with_capacity(4 + header.len() + body.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&header);
    frame.extend_from_slice(body);
    write.write_all(&frame)
}

//! The session's state, and what each command makes of it.

use std::sync::Arc;

use super::{
    BodyType, Next, Protocol, ReceivedMessage, Recipient, SmtpSettings,
    address::{AddressClass, standing},
    command::{self, Command, CommandError, Hello, MailCommand},
    content::{ContentFlaw, MessageContent, MessageText, too_large},
    line::{LineReader, Taken},
    reply::SmtpReply,
};
use crate::limits::{SMTP_CHUNKS_UNWANTED_MAX, SMTP_ERRORS_MAX, SMTP_RECIPIENTS_MAX};

/// One session, from its greeting to its end.
#[derive(Debug)]
pub struct SmtpSession {
    settings: Arc<SmtpSettings>,
    phase: Phase,
    line: LineReader,
    /// HELO, EHLO or LHLO has been said.
    greeted: bool,
    secure: bool,
    transaction: Option<Transaction>,
    /// The last MAIL, RCPT or chunk was refused, so that a client which sent more behind it without waiting made no other
    /// error.
    refused: bool,
    /// Chunks since the last MAIL that belong to no message. Few clients have more than these on their way.
    unwanted: usize,
    /// Since the last message that was taken.
    errors: usize,
    messages: usize,
    /// Bytes of memory that a message may take.
    budget: usize,
}

/// What the next byte belongs to.
#[derive(Debug)]
enum Phase {
    Command,
    Data,
    Chunk {
        size: u64,
        left: u64,
        last: bool,
    },
    /// A message is out and has no answer yet; it has so many recipients.
    Waiting(usize),
    Handshake,
    Closed,
}

/// From MAIL to the end of the message.
#[derive(Debug)]
struct Transaction {
    mail: MailCommand,
    recipients: Vec<Recipient>,
    content: MessageContent,
    text: MessageText,
    /// BDAT has begun.
    chunked: bool,
}

impl SmtpSession {
    pub fn new(settings: Arc<SmtpSettings>) -> SmtpSession {
        SmtpSession {
            settings,
            phase: Phase::Command,
            line: LineReader::default(),
            greeted: false,
            secure: false,
            transaction: None,
            refused: false,
            unwanted: 0,
            errors: 0,
            messages: 0,
            budget: usize::MAX,
        }
    }

    /// What the server says first.
    pub fn greet(&self, out: &mut Vec<u8>) {
        let protocol = match self.settings.protocol {
            Protocol::Smtp => "ESMTP",
            Protocol::Lmtp => "LMTP",
        };
        out.extend_from_slice(format!("220 {} {protocol} tlsight\r\n", self.settings.hostname).as_bytes());
    }

    /// Takes bytes until they are used up or the driver has something to do, and says what there is to say.
    pub fn feed(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Next {
        loop {
            let next = match self.phase {
                Phase::Waiting(_) => return Next::More,
                Phase::Closed => return Next::Close,
                Phase::Chunk { left: 0, last, size } => self.end_chunk(size, last, out),
                _ if input.is_empty() => return Next::More,
                // RFC 3207 §6: what came in plain text does not become part of the TLS session.
                Phase::Handshake => {
                    let words = "bytes came between STARTTLS and the handshake";
                    self.hang_up(&SmtpReply::new(554, "5.5.1", words), out)
                }
                Phase::Command => self.take_line(input, out),
                Phase::Data => self.take_data(input, out),
                Phase::Chunk { size, left, last } => {
                    let left = self.take_chunk(input, left);
                    self.phase = Phase::Chunk { size, left, last };
                    Next::More
                }
            };
            if next != Next::More {
                return next;
            }
        }
    }

    /// The answers to the message that is out, one for each recipient. SMTP has one answer for all.
    pub fn answer(&mut self, replies: &[SmtpReply], out: &mut Vec<u8>) -> Next {
        static LOST: SmtpReply = SmtpReply::new(451, "4.3.0", "Internal error: try again later");
        let Phase::Waiting(recipients) = self.phase else { return Next::More };
        self.phase = Phase::Command;
        let mut replies: Vec<&SmtpReply> = (0..recipients).map(|index| replies.get(index).unwrap_or(&LOST)).collect();
        if self.settings.protocol == Protocol::Smtp {
            replies.sort_by_key(|reply| std::cmp::Reverse(reply.precedence()));
            replies.truncate(1);
        }
        replies.iter().for_each(|reply| reply.write(out));
        if replies.iter().any(|reply| reply.code() == 421) {
            self.phase = Phase::Closed;
            return Next::Close;
        }
        if replies.iter().any(|reply| reply.is_positive()) {
            self.errors = 0;
        }
        Next::More
    }

    /// The handshake is done: the session begins anew (RFC 3207 §4.2).
    pub fn secured(&mut self) {
        if let Phase::Handshake = self.phase {
            let (settings, messages, errors) = (Arc::clone(&self.settings), self.messages, self.errors);
            *self = SmtpSession { secure: true, messages, errors, ..SmtpSession::new(settings) };
        }
    }

    /// Bytes of memory that the session's message takes once so many bytes more were fed.
    pub fn room(&self, more: usize) -> usize {
        match &self.transaction {
            Some(transaction) => transaction.content.room(more),
            None => MessageContent::new(self.settings.message_max_bytes).room(more),
        }
    }

    /// Lets the message take so many bytes of memory; beyond them it is read to its end and answered with 452.
    pub fn allow(&mut self, bytes: usize) {
        self.budget = bytes;
    }

    /// Whether MAIL was taken and its message is not complete yet.
    pub fn in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    /// Whether a message is coming in, or has come and waits for its answer.
    pub fn in_message(&self) -> bool {
        let chunked = self.transaction.as_ref().is_some_and(|transaction| transaction.chunked);
        chunked || matches!(self.phase, Phase::Data | Phase::Chunk { .. } | Phase::Waiting(_))
    }

    fn take_line(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Next {
        let hang_up = match self.line.take(input) {
            Taken::More => return Next::More,
            Taken::TooLong => return self.error(&SmtpReply::new(500, "5.5.2", "Line too long"), out),
            Taken::Complete(line) => {
                return match command::parse(&line) {
                    Ok(command) => self.obey(command, out),
                    Err(CommandError::Error(reply)) => self.error(&reply, out),
                    Err(CommandError::HangUp(reply)) => self.hang_up(&reply, out),
                };
            }
            Taken::BareCr => SmtpReply::new(554, "5.5.2", "bare <CR>: lines end with <CR><LF>"),
            Taken::BareLf => SmtpReply::new(554, "5.5.2", "bare <LF>: lines end with <CR><LF>"),
            Taken::Http => SmtpReply::new(500, "5.5.1", "This is an SMTP server, not an HTTP server"),
            Taken::ClientHello => SmtpReply::new(500, "5.5.1", "Use STARTTLS to begin TLS"),
        };
        self.hang_up(&hang_up, out)
    }

    fn obey(&mut self, command: Command, out: &mut Vec<u8>) -> Next {
        match command {
            Command::Hello(hello) => self.hello(hello, out),
            Command::Mail(mail) => self.mail(mail, out),
            Command::Rcpt(address) => self.rcpt(address, out),
            Command::Data => self.data(out),
            Command::Bdat { size, last } => {
                self.phase = Phase::Chunk { size, left: size, last };
                Next::More
            }
            Command::StartTls => self.starttls(out),
            Command::Rset => {
                (self.transaction, self.refused) = (None, false);
                say(&SmtpReply::new(250, "2.0.0", "Ok"), out)
            }
            Command::Noop => say(&SmtpReply::new(250, "2.0.0", "Ok"), out),
            Command::Vrfy => say(
                &SmtpReply::new(252, "2.0.0", "Cannot VRFY user, but will accept message and attempt delivery"),
                out,
            ),
            Command::Help => say(&SmtpReply::new(214, "2.0.0", "TLS reports (RFC 8460) only"), out),
            Command::Quit => self.hang_up(&SmtpReply::new(221, "2.0.0", "Bye"), out),
        }
    }

    fn hello(&mut self, hello: Hello, out: &mut Vec<u8>) -> Next {
        // RFC 2033 §4.1: LHLO instead of the others, which are refused.
        if (hello == Hello::Lhlo) != (self.settings.protocol == Protocol::Lmtp) {
            let words = if hello == Hello::Lhlo { "this is SMTP: say EHLO" } else { "this is LMTP: say LHLO" };
            return self.error(&SmtpReply::new(500, "5.5.1", words), out);
        }
        self.greeted = true;
        (self.transaction, self.refused) = (None, false);
        let hostname = &self.settings.hostname;
        if hello == Hello::Helo {
            out.extend_from_slice(format!("250 {hostname}\r\n").as_bytes());
            return Next::More;
        }
        let starttls = if self.settings.starttls && !self.secure { "250-STARTTLS\r\n" } else { "" };
        let max_bytes = self.settings.message_max_bytes;
        let lines = format!(
            "250-{hostname}\r\n250-PIPELINING\r\n250-SIZE {max_bytes}\r\n250-8BITMIME\r\n250-BINARYMIME\r\n\
             250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n{starttls}250 CHUNKING\r\n"
        );
        out.extend_from_slice(lines.as_bytes());
        Next::More
    }

    fn mail(&mut self, mail: MailCommand, out: &mut Vec<u8>) -> Next {
        if !self.greeted {
            return self.out_of_order("greet first", out);
        }
        if self.transaction.is_some() {
            return self.out_of_order("a message has begun already", out);
        }
        if self.messages >= self.settings.messages_per_session_max {
            return self
                .hang_up(&SmtpReply::new(421, "4.7.0", "Too many messages in this session, try again later"), out);
        }
        let max_bytes = self.settings.message_max_bytes;
        if mail.size > max_bytes as u64 {
            self.refused = true;
            return self.error(&too_large(max_bytes), out);
        }
        (self.refused, self.unwanted) = (false, 0);
        let (content, text) = (MessageContent::new(max_bytes), MessageText::plain());
        self.transaction = Some(Transaction { mail, recipients: Vec::new(), content, text, chunked: false });
        say(&SmtpReply::new(250, "2.1.0", "Ok"), out)
    }

    fn rcpt(&mut self, address: String, out: &mut Vec<u8>) -> Next {
        let settings = Arc::clone(&self.settings);
        let Some(transaction) = self.transaction.as_mut().filter(|transaction| !transaction.chunked) else {
            return self.out_of_order("say MAIL first", out);
        };
        if !address.is_ascii() && !transaction.mail.smtputf8 {
            self.refused = true;
            return self.error(&SmtpReply::new(553, "5.6.7", "Non-ASCII address needs SMTPUTF8"), out);
        }
        let refusal = match standing(&address, &settings.recipients) {
            // RFC 5321 §4.5.3.1.10; no error of the client's.
            AddressClass::Ours { .. } if transaction.recipients.len() >= SMTP_RECIPIENTS_MAX => {
                return say(&SmtpReply::new(452, "4.5.3", "Too many recipients"), out);
            }
            AddressClass::Ours { detail } => {
                let token = detail.filter(|detail| settings.tokens.contains(*detail)).map(str::to_owned);
                transaction.recipients.push(Recipient { address, token });
                return say(&SmtpReply::new(250, "2.1.5", "Ok"), out);
            }
            AddressClass::Unknown => SmtpReply::new(550, "5.1.1", "Mailbox unavailable"),
            AddressClass::Foreign => SmtpReply::new(550, "5.7.1", "Relay access denied"),
        };
        self.refused = true;
        self.error(&refusal, out)
    }

    fn data(&mut self, out: &mut Vec<u8>) -> Next {
        let Some(transaction) = self.transaction.as_mut().filter(|transaction| !transaction.recipients.is_empty())
        else {
            return self.out_of_order("there is no recipient", out);
        };
        // RFC 3030 §3.
        if transaction.chunked || transaction.mail.body == BodyType::BinaryMime {
            return self.out_of_order("this message must be sent with BDAT", out);
        }
        transaction.text = MessageText::dotted();
        self.phase = Phase::Data;
        say(&SmtpReply::new(354, "", "End data with <CR><LF>.<CR><LF>"), out)
    }

    fn starttls(&mut self, out: &mut Vec<u8>) -> Next {
        if !self.settings.starttls {
            return self.error(&SmtpReply::new(502, "5.5.1", "STARTTLS not available"), out);
        }
        if self.secure || !self.greeted || self.transaction.is_some() {
            return self.out_of_order("not now", out);
        }
        self.phase = Phase::Handshake;
        say(&SmtpReply::new(220, "2.0.0", "Ready to start TLS"), out);
        Next::StartTls
    }

    fn take_data(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Next {
        let Some(transaction) = &mut self.transaction else {
            self.phase = Phase::Command;
            return self.out_of_order("there is no message", out);
        };
        match transaction.text.take(input, &mut transaction.content, self.budget) {
            true => self.end_message(out),
            false => Next::More,
        }
    }

    /// Takes what belongs to a chunk, and gives how much of it is still to come. A chunk that is not wanted is read all the
    /// same (RFC 3030 §2).
    fn take_chunk(&mut self, input: &mut &[u8], left: u64) -> u64 {
        let here = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        let (mut chunk, rest) = input.split_at(here);
        *input = rest;
        if let Some(transaction) = self.transaction.as_mut().filter(|transaction| !transaction.recipients.is_empty()) {
            transaction.chunked = true;
            match transaction.mail.body {
                BodyType::BinaryMime => transaction.content.push(chunk, self.budget),
                BodyType::SevenBit | BodyType::EightBitMime => {
                    transaction.text.take(&mut chunk, &mut transaction.content, self.budget);
                }
            }
        }
        left.saturating_sub(here as u64)
    }

    fn end_chunk(&mut self, size: u64, last: bool, out: &mut Vec<u8>) -> Next {
        self.phase = Phase::Command;
        let Some(transaction) = self.transaction.as_mut().filter(|transaction| !transaction.recipients.is_empty())
        else {
            self.unwanted += 1;
            // From then on it is no longer the refusal that the client did not wait for.
            self.refused &= self.unwanted <= SMTP_CHUNKS_UNWANTED_MAX;
            return self.out_of_order("there is no recipient", out);
        };
        transaction.chunked = true;
        if last {
            if transaction.mail.body != BodyType::BinaryMime {
                transaction.text.end(&mut transaction.content);
            }
            return self.end_message(out);
        }
        match transaction.content.flaw() {
            None => say(&SmtpReply::quoting(250, "2.0.0", &format!("Ok: {size} octets received")), out),
            Some(flaw) => {
                self.transaction = None;
                self.refuse(flaw, 1, out)
            }
        }
    }

    fn end_message(&mut self, out: &mut Vec<u8>) -> Next {
        self.phase = Phase::Command;
        let Some(Transaction { mail, recipients, content, chunked, .. }) = self.transaction.take() else {
            return Next::More;
        };
        self.messages += 1;
        match content.finish() {
            Ok(bytes) => {
                self.phase = Phase::Waiting(recipients.len());
                let MailCommand { from: mail_from, body, smtputf8, .. } = mail;
                Next::Message(Box::new(ReceivedMessage { bytes, mail_from, recipients, body, smtputf8 }))
            }
            Err(flaw) => {
                // RFC 2033 §4.2: an answer for each recipient.
                let answers = if self.settings.protocol == Protocol::Lmtp { recipients.len() } else { 1 };
                match (self.refuse(flaw, answers, out), flaw) {
                    // A server that sees another end than we do would have meant what follows as part of this message.
                    (Next::More, ContentFlaw::BareCr | ContentFlaw::BareLf) if !chunked => self.hang_up(
                        &SmtpReply::new(421, "4.7.0", "Too many messages in this session, try again later"),
                        out,
                    ),
                    (next, _) => next,
                }
            }
        }
    }

    fn refuse(&mut self, flaw: ContentFlaw, answers: usize, out: &mut Vec<u8>) -> Next {
        let reply = flaw.reply(self.settings.message_max_bytes);
        self.refused = true;
        for _ in 1..answers {
            reply.write(out);
        }
        if flaw.is_error() { self.error(&reply, out) } else { say(&reply, out) }
    }

    fn out_of_order(&mut self, words: &'static str, out: &mut Vec<u8>) -> Next {
        let reply = SmtpReply::new(503, "5.5.1", words);
        if self.refused { say(&reply, out) } else { self.error(&reply, out) }
    }

    fn error(&mut self, reply: &SmtpReply, out: &mut Vec<u8>) -> Next {
        reply.write(out);
        self.errors += 1;
        if self.errors < SMTP_ERRORS_MAX {
            return Next::More;
        }
        self.hang_up(&SmtpReply::new(421, "4.7.0", "Too many errors"), out)
    }

    fn hang_up(&mut self, reply: &SmtpReply, out: &mut Vec<u8>) -> Next {
        (self.phase, self.transaction) = (Phase::Closed, None);
        say(reply, out);
        Next::Close
    }
}

fn say(reply: &SmtpReply, out: &mut Vec<u8>) -> Next {
    reply.write(out);
    Next::More
}

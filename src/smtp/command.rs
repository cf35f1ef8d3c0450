//! One command line. What decides about framing is checked here; the grammar is smtp-proto's.

use std::borrow::Cow;

use smtp_proto::{
    Error, MAIL_BODY_7BIT, MAIL_BODY_8BITMIME, MAIL_BODY_BINARYMIME, MAIL_SMTPUTF8, MailFrom, RcptTo, Request,
};

use super::{BodyType, address::POSTMASTER, reply::SmtpReply};

/// Digits of a number that is read; one with more counts bytes that nobody has.
const DIGITS_MAX: usize = 18;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// HELO, EHLO or LHLO.
    Hello(Hello),
    Mail(MailCommand),
    /// The address, empty for `<>`. `postmaster` may have no domain (RFC 5321 §4.1.1.3).
    Rcpt(String),
    Data,
    Bdat {
        size: u64,
        last: bool,
    },
    StartTls,
    Rset,
    Noop,
    Vrfy,
    Help,
    Quit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hello {
    Helo,
    Ehlo,
    Lhlo,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct MailCommand {
    /// Empty for the null sender.
    pub from: String,
    /// What the client says of the message's size (RFC 1870); 0 where it says nothing.
    pub size: u64,
    pub body: BodyType,
    pub smtputf8: bool,
}

/// Why a line is no command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CommandError {
    Error(SmtpReply),
    /// The client may be sending something else than commands next.
    HangUp(SmtpReply),
}

use CommandError::{Error as Fail, HangUp};

/// Reads a line that ends with CRLF.
pub(super) fn parse(line: &[u8]) -> Result<Command, CommandError> {
    let text = line.strip_suffix(b"\r\n").unwrap_or(line);
    if text.iter().any(u8::is_ascii_control) {
        return Err(Fail(SmtpReply::new(500, "5.5.2", "Control character in command")));
    }
    let Ok(text) = str::from_utf8(text) else {
        return Err(Fail(SmtpReply::new(500, "5.5.2", "Command is not valid UTF-8")));
    };
    let (verb, arguments) = text.split_once(' ').unwrap_or((text, ""));
    let is = |name: &str| verb.eq_ignore_ascii_case(name);
    if !verb.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return Err(Fail(unknown()));
    }
    if is("BDAT") {
        return chunk(arguments);
    }
    // The parser reads over these.
    if ["DATA", "RSET", "QUIT", "STARTTLS"].into_iter().any(is) && !arguments.trim_end_matches(' ').is_empty() {
        return Err(Fail(SmtpReply::new(501, "5.5.4", "No arguments allowed")));
    }
    if ["AUTH", "EXPN", "ETRN", "ATRN", "BURL"].into_iter().any(is) {
        return Err(Fail(SmtpReply::new(502, "5.5.1", "Command not implemented")));
    }
    let too_many_digits = |word: &str| word.len() > DIGITS_MAX && word.bytes().all(|byte| byte.is_ascii_digit());
    if is("MAIL")
        && arguments.split(' ').filter_map(|word| word.split_once('=')).any(|(_, value)| too_many_digits(value))
    {
        return Err(Fail(SmtpReply::new(552, "5.3.4", "Message size exceeds fixed limit")));
    }
    match Request::parse(&mut line.iter()) {
        // The parser gives both no address.
        Ok(Request::Rcpt { to }) if to.address.is_empty() && is_bare_postmaster(arguments) => {
            recipient(to).map_err(Fail)?;
            Ok(Command::Rcpt(POSTMASTER.to_owned()))
        }
        Ok(request) => command(request, text.is_ascii()),
        Err(error) => Err(Fail(wrong(error))),
    }
}

fn command(request: Request<Cow<'_, str>>, ascii: bool) -> Result<Command, CommandError> {
    Ok(match request {
        Request::Ehlo { .. } => Command::Hello(Hello::Ehlo),
        Request::Helo { .. } => Command::Hello(Hello::Helo),
        Request::Lhlo { .. } => Command::Hello(Hello::Lhlo),
        Request::Mail { from } => Command::Mail(mail(from, ascii).map_err(Fail)?),
        Request::Rcpt { to } => Command::Rcpt(recipient(to).map_err(Fail)?),
        Request::Data => Command::Data,
        Request::StartTls => Command::StartTls,
        Request::Rset => Command::Rset,
        Request::Noop { .. } => Command::Noop,
        Request::Vrfy { .. } => Command::Vrfy,
        Request::Help { .. } => Command::Help,
        Request::Quit => Command::Quit,
        _ => return Err(Fail(unknown())),
    })
}

fn mail(from: MailFrom<Cow<'_, str>>, ascii: bool) -> Result<MailCommand, SmtpReply> {
    let MailFrom { address, flags, size, trans_id, by, env_id, solicit, mtrk, auth, hold_for, hold_until, mt_priority } =
        from;
    let known = MAIL_BODY_7BIT | MAIL_BODY_8BITMIME | MAIL_BODY_BINARYMIME | MAIL_SMTPUTF8;
    let others = [trans_id.is_some(), env_id.is_some(), solicit.is_some(), mtrk.is_some(), auth.is_some()];
    if flags & !known != 0 || others.contains(&true) || by != 0 || hold_for != 0 || hold_until != 0 || mt_priority != 0
    {
        return Err(unsupported());
    }
    let smtputf8 = flags & MAIL_SMTPUTF8 != 0;
    if !ascii && !smtputf8 {
        return Err(SmtpReply::new(553, "5.6.7", "Non-ASCII address needs SMTPUTF8"));
    }
    let body = match flags & !MAIL_SMTPUTF8 {
        0 | MAIL_BODY_7BIT => BodyType::SevenBit,
        MAIL_BODY_8BITMIME => BodyType::EightBitMime,
        MAIL_BODY_BINARYMIME => BodyType::BinaryMime,
        _ => return Err(SmtpReply::new(501, "5.5.4", "Duplicate BODY parameter")),
    };
    Ok(MailCommand { from: address.into_owned(), size: size as u64, body, smtputf8 })
}

fn is_bare_postmaster(arguments: &str) -> bool {
    let path = arguments.split_once('<').and_then(|(_, path)| path.split_once('>'));
    path.is_some_and(|(path, _)| path.trim().eq_ignore_ascii_case(POSTMASTER))
}

fn recipient(to: RcptTo<Cow<'_, str>>) -> Result<String, SmtpReply> {
    let RcptTo { address, orcpt, rrvs, flags } = to;
    match orcpt.is_some() || rrvs != 0 || flags != 0 {
        true => Err(unsupported()),
        false => Ok(address.into_owned()),
    }
}

/// The arguments of BDAT (RFC 3030 §2). Whoever gets them wrong sends the chunk all the same, which must not be read as
/// commands.
fn chunk(arguments: &str) -> Result<Command, CommandError> {
    let (size, rest) = arguments.split_once(' ').unwrap_or((arguments, ""));
    let last = rest.eq_ignore_ascii_case("LAST");
    if !size.bytes().all(|byte| byte.is_ascii_digit()) || size.len() > DIGITS_MAX || !(last || rest.is_empty()) {
        return Err(HangUp(SmtpReply::new(501, "5.5.4", "syntax: BDAT chunk-size [LAST]")));
    }
    match size.parse() {
        Ok(size) => Ok(Command::Bdat { size, last }),
        Err(_) => Err(HangUp(SmtpReply::new(501, "5.5.4", "syntax: BDAT chunk-size [LAST]"))),
    }
}

fn wrong(error: Error) -> SmtpReply {
    match error {
        Error::UnknownCommand => unknown(),
        Error::InvalidSenderAddress => SmtpReply::new(501, "5.1.7", "Bad sender address syntax"),
        Error::InvalidRecipientAddress => SmtpReply::new(501, "5.1.3", "Bad recipient address syntax"),
        Error::SyntaxError { syntax } => SmtpReply::quoting(501, "5.5.4", &format!("syntax: {syntax}")),
        Error::InvalidParameter { param } => {
            SmtpReply::quoting(501, "5.5.4", &format!("{param} has a malformed value"))
        }
        Error::UnsupportedParameter { .. } => unsupported(),
        Error::NeedsMoreData { .. } | Error::ResponseTooLong | Error::InvalidResponse { .. } => {
            SmtpReply::new(500, "5.5.2", "Syntax error")
        }
    }
}

fn unknown() -> SmtpReply {
    SmtpReply::new(500, "5.5.1", "Command unrecognized")
}

/// RFC 5321 §4.1.1.11. A promise such as REQUIRETLS must not be taken and then not be kept.
fn unsupported() -> SmtpReply {
    SmtpReply::new(555, "5.5.4", "Parameter not supported")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Command, CommandError> {
        parse(format!("{line}\r\n").as_bytes())
    }

    #[test]
    fn mail_has_its_parameters() {
        let mail = |from: &str, size, body, smtputf8| {
            Ok(Command::Mail(MailCommand { from: from.to_owned(), size, body, smtputf8 }))
        };
        assert_eq!(read("mail from:<>"), mail("", 0, BodyType::SevenBit, false));
        assert_eq!(
            read("MAIL FROM:<a@b.example> BODY=7BIT SIZE=12"),
            mail("a@b.example", 12, BodyType::SevenBit, false)
        );
        assert_eq!(read("MAIL FROM:<@x,@y:a@b.example>"), mail("a@b.example", 0, BodyType::SevenBit, false));
        assert_eq!(read("MAIL FROM:<é@b.example> SMTPUTF8"), mail("é@b.example", 0, BodyType::SevenBit, true));
        assert_eq!(read("MAIL FROM:<> body=binarymime"), mail("", 0, BodyType::BinaryMime, false));
    }

    #[test]
    fn a_bare_postmaster_is_not_nobody() {
        let rcpt = |address: &str| Ok(Command::Rcpt(address.to_owned()));
        assert_eq!(read("RCPT TO:<postmaster>"), rcpt("postmaster"));
        assert_eq!(read("rcpt to:<PostMaster>"), rcpt("postmaster"));
        assert_eq!(read("RCPT TO:<>"), rcpt(""));
        assert_eq!(read("RCPT TO:<postmaster@b.example>"), rcpt("postmaster@b.example"));
        assert!(matches!(read("RCPT TO:<> X=<postmaster>"), Err(Fail(_))));
        assert!(matches!(read("RCPT TO:<postmaster> NOTIFY=NEVER"), Err(Fail(_))));
    }

    #[test]
    fn what_is_not_announced_is_not_taken() {
        for line in [
            "MAIL FROM:<> REQUIRETLS",
            "MAIL FROM:<> RET=HDRS",
            "MAIL FROM:<> AUTH=<>",
            "MAIL FROM:<> X=1",
            "RCPT TO:<a@b> NOTIFY=NEVER",
            "RCPT TO:<a@b> ORCPT=rfc822;a@b",
        ] {
            assert!(matches!(&read(line), Err(Fail(reply)) if reply.code() == 555), "{line}: {:?}", read(line));
        }
    }

    #[test]
    fn errors_have_codes() {
        for (line, code) in [
            ("", 500),
            (" NOOP", 500),
            ("NO\0OP", 500),
            ("NOOP\tx", 500),
            ("DANCE", 500),
            ("DATA now", 501),
            ("QUIT x", 501),
            ("EHLO", 501),
            ("MAIL", 501),
            ("MAIL FROM:a@b", 501),
            ("MAIL FROM:<a@b", 501),
            ("MAIL FROM:<root>", 501),
            ("MAIL FROM:<> SIZE=x", 501),
            ("MAIL FROM:<> BODY=7BIT BODY=8BITMIME", 501),
            ("MAIL FROM:<é@b.example>", 553),
            ("MAIL FROM:<> SIZE=99999999999999999999999", 552),
            ("RCPT TO:<a@b@c>", 501),
            ("AUTH PLAIN AGEAYg==", 502),
            ("EXPN list", 502),
        ] {
            assert!(matches!(&read(line), Err(Fail(reply)) if reply.code() == code), "{line}: {:?}", read(line));
        }
        assert!(matches!(parse(b"NOOP \xff\r\n"), Err(Fail(_))));
    }

    #[test]
    fn bdat_is_right_or_the_end() {
        assert_eq!(read("BDAT 0"), Ok(Command::Bdat { size: 0, last: false }));
        assert_eq!(read("bdat 000123 last"), Ok(Command::Bdat { size: 123, last: true }));
        for line in [
            "BDAT",
            "BDAT ",
            "BDAT x",
            "BDAT -1",
            "BDAT +1",
            "BDAT  1",
            "BDAT 1 FIRST",
            "BDAT 1 LAST x",
            "BDAT 1  LAST",
            "BDAT 99999999999999999999999",
        ] {
            assert!(matches!(read(line), Err(HangUp(_))), "{line}");
        }
    }
}

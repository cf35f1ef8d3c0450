//! As much of an SMTP client as it takes to send many mails on one connection.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use super::RECIPIENT;

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Smtp {
    stream: BufReader<TcpStream>,
}

impl Smtp {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Smtp> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut smtp = Smtp { stream: BufReader::new(stream) };
        smtp.reply()?;
        smtp.say("EHLO sender.example\r\n")?;
        smtp.reply()?;
        Ok(smtp)
    }

    /// The reply to the message; an error where the connection broke before it was there.
    pub(crate) fn send(&mut self, mail: &[u8]) -> io::Result<String> {
        self.say(&format!("MAIL FROM:<tls@sender.example>\r\nRCPT TO:<{RECIPIENT}>\r\nDATA\r\n"))?;
        for expected in ["250", "250", "354"] {
            let reply = self.reply()?;
            if reply.starts_with("421") {
                return Err(io::Error::other(reply));
            }
            assert!(reply.starts_with(expected), "{reply}");
        }
        let text = std::str::from_utf8(mail).expect("the test's mail is text");
        self.say(&text.replace("\r\n.", "\r\n.."))?;
        self.say(".\r\n")?;
        self.reply()
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(text.as_bytes())
    }

    /// The last line of the next reply.
    fn reply(&mut self) -> io::Result<String> {
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line);
            }
        }
    }
}

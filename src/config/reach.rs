//! Where senders may send reports, as far as the configuration tells: what to publish in the DNS.

use super::{Config, Listen, LmtpListen};

/// Stands for the name under which the public listener is reached: the configuration does not know it.
pub const UNKNOWN_HOST: &str = "reports.example.net";

/// The `rua` of a TLSRPT record (RFC 8460 §3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Whether the public listener can be reached from elsewhere; its name is for the operator to fill in.
    pub https: bool,
    /// A report address that mail is taken for.
    pub mailbox: Option<String>,
}

impl Config {
    pub fn reach(&self) -> Reach {
        let public = &self.public;
        let https = match public.listen {
            Listen::Off => false,
            Listen::At(address) => {
                public.certificate.is_some() || public.behind_proxy || !address.ip().to_canonical().is_loopback()
            }
        };
        let by_mail = self.smtp.listen != Listen::Off || self.smtp.lmtp != LmtpListen::Off;
        Reach { https, mailbox: self.smtp.recipients.first().filter(|_| by_mail).cloned() }
    }
}

impl Reach {
    /// Whether there is a source that the world can use.
    pub fn is_any(&self) -> bool {
        self.https || self.mailbox.is_some()
    }

    /// The text of the record. Where nothing is configured yet it is that of the first way one would choose.
    pub fn record(&self) -> String {
        let https = (self.names_https()).then(|| format!("https://{UNKNOWN_HOST}/v1/tlsrpt"));
        let mail = self.mailbox.as_ref().map(|address| format!("mailto:{address}"));
        let rua: Vec<String> = https.into_iter().chain(mail).collect();
        format!("v=TLSRPTv1; rua={}", rua.join(","))
    }

    /// Whether the record holds a name that is to be filled in.
    pub fn names_https(&self) -> bool {
        self.https || self.mailbox.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    #[test]
    fn the_record_names_the_ways_that_are_open() {
        let record = |text: &str| Config::from_text(text, &Environment::default()).unwrap().reach().record();
        let https = "https://reports.example.net/v1/tlsrpt";
        let mail = "[smtp]\nlisten = \"[::]:25\"\nrecipients = [\"tlsrpt@example.org\"]\n";
        assert_eq!(record(""), format!("v=TLSRPTv1; rua={https}"));
        assert_eq!(record(mail), "v=TLSRPTv1; rua=mailto:tlsrpt@example.org");
        let both = format!("[public]\nbehind_proxy = true\n{mail}");
        assert_eq!(record(&both), format!("v=TLSRPTv1; rua={https},mailto:tlsrpt@example.org"));
        let closed = mail.replace("listen = \"[::]:25\"\n", "");
        assert_eq!(record(&closed), format!("v=TLSRPTv1; rua={https}"), "nobody listens for the address");
    }
}

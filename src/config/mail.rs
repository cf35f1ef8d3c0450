//! The ways reports come in by mail, and what their signatures are checked with.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Listen, LmtpListen};
use crate::setting::settings;

settings! {
    /// The mail listener for the report addresses, `[smtp]`. It takes nothing else and relays nothing. STARTTLS is offered with
    /// `public.certificate`, and never asked for (RFC 8460 §3).
    #[derive(Debug, Clone, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Smtp {
        /// Address to listen on for SMTP, or "off".
        pub listen: Listen,
        /// Address or `unix:/path` to listen on for LMTP, for a mail server on this machine; or "off".
        pub lmtp: LmtpListen,
        /// The addresses of the `rua=mailto:` URIs. Sub-addresses are taken as well; `tlsrpt+TOKEN@…` works like the URL with
        /// that token.
        /// Example: ["tlsrpt@reports.example.net"]
        pub recipients: Vec<String>,
        /// The name this server greets with; without it the domain of the first recipient.
        /// Example: "reports.example.net"
        pub hostname: Option<String>,
        /// Addresses or networks that begin each connection with a PROXY protocol v2 header, which is believed.
        /// Example: ["10.0.0.1"]
        pub proxy_protocol_from: Vec<String>,
        /// Connections at the same time, for SMTP and for LMTP each. Above it silent ones give way, as in `[public]`.
        pub connections_max: usize,
        /// Connections at the same time from one address (IPv6: one /64). Above it only its own silent ones give way. For LMTP only
        /// the total counts.
        pub connections_per_address_max: usize,
        /// Seconds until the first mail of a connection must have begun (MAIL). Senders that mean it need a few.
        pub greeting_deadline_s: u64,
        /// Seconds until a command, or the next piece of a message, must be there from then on.
        pub command_deadline_s: u64,
        /// Seconds one session may take.
        pub session_deadline_s: u64,
        /// Mails taken in one session.
        pub messages_per_session_max: usize,
    }
}

settings! {
    /// One mailbox that is read over IMAP, `[[imap]]`.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Imap {
        /// What the account is called here, on the health page and in the state that is kept.
        /// Example: "reports"
        pub name: String,
        /// The server's host name.
        /// Example: "imap.example.net"
        pub host: String,
        /// The server's port; without it 993 with implicit TLS, else 143.
        /// Example: 993
        pub port: Option<u16>,
        /// "implicit", "starttls", or "off" for a server on this machine.
        pub tls: ClientTls,
        /// PEM file of certificate authorities to believe besides the system's.
        /// Example: "/etc/tlsight/ca.pem"
        pub ca: Option<PathBuf>,
        /// The account to log in to.
        /// Example: "tlsrpt@reports.example.net"
        pub user: String,
        /// Its password.
        /// Example: "secret"
        pub password: Option<String>,
        /// The same, read from a file. Relative paths as in `token_file` of `[[domain]]`.
        /// Example: "tlsight-imap-password"
        pub password_file: Option<PathBuf>,
        /// A file with an access token for XOAUTH2, read at each login.
        /// Example: "/run/tlsight/imap-token"
        pub token_file: Option<PathBuf>,
        /// A command that prints an access token for XOAUTH2, with its arguments; run at each login.
        /// Example: ["/usr/local/bin/imap-token", "reports"]
        pub token_command: Vec<String>,
        /// The folder to read.
        pub folder: String,
        /// Folder for mails whose reports are stored; without it they stay, marked as seen.
        /// Example: "TLSRPT/done"
        pub done: Option<String>,
        /// Folder for mails that are no TLS reports; without it they stay untouched.
        /// Example: "TLSRPT/other"
        pub ignored: Option<String>,
        /// Folder for mails that were quarantined or refused; without it they stay, marked as flagged.
        /// Example: "TLSRPT/failed"
        pub failed: Option<String>,
        /// Delete mails whose reports are stored instead of keeping or moving them.
        pub delete: bool,
        /// Seconds between two looks at the folder, where the server does not tell of new mail by itself (IDLE).
        pub poll_s: u64,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
/// How TLS begins with a server that is connected to.
pub enum ClientTls {
    Implicit,
    StartTls,
    Off,
}

settings! {
    /// One Maildir that is watched, `[[maildir]]`.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Maildir {
        /// The directory that holds `new` and `cur`, which must be tlsight's alone. Mail in `new` is taken and moved to `cur`: marked
        /// as seen where its reports are stored, as flagged where it was quarantined or refused, unmarked where it is none.
        /// Example: "/var/mail/tlsrpt"
        pub path: PathBuf,
        /// Seconds between two looks.
        pub poll_s: u64,
    }
}

settings! {
    /// How the signatures of mail are judged, `[dkim]` (RFC 6376, RFC 8460 §3).
    #[derive(Debug, Clone, Default, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Dkim {
        /// Believe the topmost `Authentication-Results` field if it carries this authserv-id, instead of looking at the
        /// signatures. Only for mail that comes through a server of yours that sets the field and removes those of strangers: by
        /// LMTP, from mailboxes and files; never believed over SMTP.
        /// Example: "mx.example.net"
        pub trusted_authserv_id: Option<String>,
    }
}

settings! {
    /// Whether reports posted over HTTPS are proven by where they come from, `[network_proof]`: an address proves a domain if it
    /// has a name below that domain which leads back to it, and the domain's SPF record permits it.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct NetworkProof {
        /// Look addresses up when reports are posted. Off: nothing that is posted is ever proven.
        pub enabled: bool,
    }
}

settings! {
    /// Looks at what the served domains publish, `[check]`: records, policies, MX hosts.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct PolicyChecks {
        /// Look at every served domain from time to time. Off: only `tlsight check` looks.
        pub enabled: bool,
        /// Minutes between two looks at a domain.
        pub every_min: u64,
        /// Speak to the MX hosts on port 25, up to STARTTLS. Off where this machine may not.
        pub smtp: bool,
        /// What this machine calls itself in EHLO: a name that leads to it. None: what the system says.
        /// Example: "tlsight.example.net"
        pub hostname: Option<String>,
        /// Look also at addresses that not everybody can reach, for inner networks.
        pub allow_private: bool,
        /// The port of policy hosts; senders ask on 443.
        pub https_port: u16,
        /// The port of MX hosts; senders deliver on 25.
        pub smtp_port: u16,
    }
}

settings! {
    /// Where keys and addresses are looked up, `[dns]`.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Dns {
        /// Addresses of the name servers to ask, with port where it is not 53; none: those of the system.
        /// Example: ["127.0.0.1", "[::1]:5353"]
        pub servers: Vec<String>,
        /// Seconds a look-up may take in all; those of posting addresses at most two.
        pub deadline_s: u64,
        /// Validate DNSSEC here: a key whose signature is wrong is then no key. The servers must hand out DNSSEC records.
        pub validate: bool,
        /// A file of records that is asked instead of the DNS, for tests and for keys that are no longer published: a name, one
        /// of TXT, MX, A, AAAA, PTR and CNAME, and the data on each line.
        /// Example: "/etc/tlsight/records.dns"
        pub records: Option<PathBuf>,
    }
}

impl Default for Smtp {
    fn default() -> Smtp {
        Smtp {
            listen: Listen::Off,
            lmtp: LmtpListen::Off,
            recipients: Vec::new(),
            hostname: None,
            proxy_protocol_from: Vec::new(),
            connections_max: 256,
            connections_per_address_max: 32,
            greeting_deadline_s: 30,
            command_deadline_s: 300,
            session_deadline_s: 1_800,
            messages_per_session_max: 1_000,
        }
    }
}

impl Default for Imap {
    fn default() -> Imap {
        Imap {
            name: String::new(),
            host: String::new(),
            port: None,
            tls: ClientTls::Implicit,
            ca: None,
            user: String::new(),
            password: None,
            password_file: None,
            token_file: None,
            token_command: Vec::new(),
            folder: "INBOX".to_owned(),
            done: None,
            ignored: None,
            failed: None,
            delete: false,
            poll_s: 300,
        }
    }
}

impl Default for Maildir {
    fn default() -> Maildir {
        Maildir { path: PathBuf::new(), poll_s: 10 }
    }
}

impl Default for NetworkProof {
    fn default() -> NetworkProof {
        NetworkProof { enabled: true }
    }
}

impl Default for PolicyChecks {
    fn default() -> PolicyChecks {
        PolicyChecks {
            enabled: true,
            every_min: 60,
            smtp: true,
            hostname: None,
            allow_private: false,
            https_port: 443,
            smtp_port: 25,
        }
    }
}

impl Default for Dns {
    fn default() -> Dns {
        Dns { servers: Vec::new(), deadline_s: 5, validate: false, records: None }
    }
}

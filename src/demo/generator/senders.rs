//! Who sends reports, how much mail they deliver, and how they write.

/// How a sender writes RFC 8460.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// One line, `failure-details` only where there are some, one detail for each sending address.
    Google,
    /// The same sessions under `sts` and `tlsa`, TLSA records as JSON text in one string, no `mx-host`, no addresses on
    /// fetch errors.
    Microsoft,
    /// Sorted members, three blanks, the range ends at the next midnight, no policy string on fetch errors.
    MailRu,
    /// By the book: `tlsa` names the MX host.
    Plain,
    /// `null` for what is not known, ranges that start with the first session.
    Stalwart,
    /// Tabs, lower-case TLSA data, empty lists written out.
    Mox,
    /// Other order of members, `no-policy-found` without a domain beside other policies.
    Sys4,
    /// Not compressed; one id for all recipients of a run.
    Halon,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DemoTransport {
    /// By mail that it signs.
    Mail,
    /// From an address that the DNS proves to be its own, where it names one.
    Post,
    /// From anywhere.
    PostPlain,
}

/// Which policies a sender honours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Honours {
    Sts,
    Dane,
    Both,
}

#[derive(Debug)]
pub struct DemoSender {
    pub organisation: &'static str,
    pub domain: &'static str,
    pub contact: Option<&'static str>,
    pub dialect: Dialect,
    pub way: DemoTransport,
    pub honours: Honours,
    /// Sessions on a working day with a domain of weight 100.
    pub volume: u64,
    /// Percent of the volume at weekends.
    pub weekend: u64,
    /// Hours after the day's end between which the report arrives.
    pub arrives_h: (u16, u16),
    /// Addresses it delivers from (RFC 5737, RFC 3849).
    pub addresses: &'static [&'static str],
    /// Days before the last one that it first reports.
    pub since_days: u64,
}

const ALWAYS: u64 = u64::MAX;

macro_rules! senders {
    ($($organisation:literal $domain:literal $contact:expr, $dialect:ident $way:ident $honours:ident,
       $volume:literal $weekend:literal% $first:literal..$last:literal, $addresses:expr, $since:expr;)*) => {
        &[$(DemoSender {
            organisation: $organisation, domain: $domain, contact: $contact, dialect: Dialect::$dialect, way: DemoTransport::$way,
            honours: Honours::$honours, volume: $volume, weekend: $weekend, arrives_h: ($first, $last),
            addresses: &$addresses, since_days: $since,
        },)*]
    };
}

/// Largest first. The names are those of real senders because their dialects are theirs; the figures are invented, the
/// small hosts as well.
#[rustfmt::skip]
pub const SENDERS: &[DemoSender] = senders! {
    "Google Inc." "google.com" Some("smtp-tls-reporting@google.com"), Google Mail Sts,
        1900 55% 9..13, ["198.51.100.1", "198.51.100.2", "198.51.100.3", "2001:db8:a::1", "2001:db8:a::2", "2001:db8:a::3"], ALWAYS;
    "Microsoft Corporation" "microsoft.com" Some("tlsrpt-noreply@microsoft.com"), Microsoft Mail Both,
        1500 30% 4..30, ["203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"], ALWAYS;
    "Yahoo Inc." "yahoo.com" Some("tlsrpt@corp.yahoo.com"), Plain Mail Sts,
        320 80% 6..9, ["203.0.113.11", "203.0.113.12"], ALWAYS;
    "Comcast" "comcast.net" Some("tlsrpt@comcast.net"), Plain Mail Both,
        160 70% 3..6, ["203.0.113.21", "2001:db8:c::21"], ALWAYS;
    "GMX" "gmx.net" Some("tlsrpt@corp.gmx.net"), Plain Mail Dane,
        210 75% 1..4, ["203.0.113.31", "203.0.113.32"], ALWAYS;
    "WEB.DE" "web.de" Some("tlsrpt@corp.web.de"), Plain Mail Dane,
        190 75% 1..4, ["203.0.113.33", "203.0.113.34"], ALWAYS;
    "Fastmail" "fastmail.com" Some("tlsrpt@fastmail.com"), Plain Mail Sts,
        90 60% 2..5, ["203.0.113.41"], ALWAYS;
    "Mail.ru" "mail.ru" Some("tls_support@corp.mail.ru"), MailRu Mail Sts,
        110 65% 1..3, ["203.0.113.51", "203.0.113.52"], ALWAYS;
    "mail.de GmbH" "mail.de" Some("tlsrpt@mail.de"), Sys4 Post Dane,
        40 60% 0..2, ["203.0.113.61"], ALWAYS;
    "Posteo" "posteo.de" Some("tlsrpt@posteo.de"), Sys4 Post Both,
        36 60% 0..2, ["203.0.113.62"], ALWAYS;
    "Halon-Relay" "relay.halon.example" Some("postmaster@relay.halon.example"), Halon PostPlain Sts,
        28 20% 0..1, ["203.0.113.71"], ALWAYS;
    "mail.bluefjord.example" "bluefjord.example" None, Stalwart Post Sts,
        14 40% 0..1, ["203.0.113.81"], ALWAYS;
    "mx.stonebridge.example" "stonebridge.example" Some("postmaster@stonebridge.example"), Stalwart Post Both,
        9 50% 0..1, ["2001:db8:5::25"], ALWAYS;
    "mail.lantern.example" "lantern.example" Some("postmaster@lantern.example"), Mox Mail Both,
        7 60% 0..2, ["203.0.113.91"], ALWAYS;
    "mail.quince.example" "quince.example" Some("postmaster@quince.example"), Mox Mail Both,
        4 60% 0..2, ["203.0.113.92"], ALWAYS;
    "Harbour University" "harbour.example" Some("tlsrpt@harbour.example"), Sys4 Post Both,
        18 15% 0..2, ["203.0.113.101"], ALWAYS;
    "Northwind Mail" "northwind.example" Some("tls-reports@northwind.example"), Plain Post Both,
        130 45% 0..2, ["203.0.113.111", "2001:db8:6::25"], 9;
};

//! Every bound that keeps hostile input from costing more than it is worth, in one place, unit in the name.
//! `Limits` is what an operator can set; the constants are what nobody needs to.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::setting::settings;

/// Layers of gzip that are removed: one by the format, one more by a careless `Content-Encoding`.
pub const GZIP_LAYERS_MAX: usize = 2;
/// Members of one gzip stream. RFC 1952 §2.2 allows several; a million empty ones is an attack.
pub const GZIP_MEMBERS_MAX: usize = 1_000;
/// Bytes of one gzip member's header (FEXTRA, FNAME, FCOMMENT).
pub const GZIP_HEADER_MAX_BYTES: usize = 64 * 1024;
/// The compression ratio is not looked at below this size, because small reports compress arbitrarily well.
pub const RATIO_FREE_BYTES: u64 = 1024 * 1024;
/// JSON nesting. Valid reports use 6.
pub const JSON_DEPTH_MAX: usize = 32;
/// Members of one JSON object. Known objects have up to nine.
pub const JSON_MEMBERS_MAX: usize = 1_000;
/// Bytes of a `failure-reason-code` that are kept; longer ones are cut.
pub const REASON_CODE_MAX_BYTES: usize = 4 * 1024;
/// Elements of `policy-string` and of `mx-host`.
pub const POLICY_ELEMENTS_MAX: usize = 1_000;
/// Elements of all `policy-string` and `mx-host` arrays of one document. Four received bytes can ask for fifty in memory,
/// so ten thousand policies must not each use up their own bound.
pub const DOCUMENT_ELEMENTS_MAX: usize = 100_000;
/// Bytes of an organisation key.
pub const ORGANISATION_KEY_MAX_BYTES: usize = 255;
/// Reports in one JSON array.
pub const REPORTS_PER_DOCUMENT_MAX: usize = 100;
/// Bytes of a quarantined input that are kept: more than the largest mail has by default.
pub const QUARANTINE_KEPT_MAX_BYTES: usize = 32 * 1024 * 1024;
/// Of the quarantine, what is no report has one part in so many before it gives way to what the operator could admit.
pub const QUARANTINE_OTHER_PART: u64 = 4;
/// Sessions in one count above which a figure is not plausible and stays out of the charts.
pub const SESSIONS_PLAUSIBLE_MAX: i64 = 1_000_000_000_000;
/// Sessions of one report with one policy domain, for each that the domain has on a usual day, above which nobody is believed who
/// proves nothing; and how many a day are let through in any case.
pub const IMPLAUSIBLE_TIMES_USUAL: i64 = 100;
pub const IMPLAUSIBLE_FREE_SESSIONS: i64 = 10_000;
/// Characters of a note the operator leaves on an alert or a silence.
pub const ALERT_NOTE_MAX_CHARS: usize = 1_000;
/// Bytes of an HTTP request's line and headers. The widely used senders need less than 1 KiB.
pub const HTTP_HEAD_MAX_BYTES: usize = 16 * 1024;
/// Bytes up to which an HTTP body is small. Reports are, also of the largest senders.
pub const HTTP_SMALL_BODY_MAX_BYTES: usize = 256 * 1024;
/// Bytes of all small HTTP bodies together that are being received or wait for their outcome. More are asked to come back.
pub const HTTP_SMALL_BODIES_MAX_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of all others together: a few of the largest. They take nothing from the small ones.
pub const HTTP_LARGE_BODIES_MAX_BYTES: usize = 32 * 1024 * 1024;
/// Seconds after the end of its body in which an HTTP request is answered. Widely used senders give up after ten.
pub const HTTP_ANSWER_DEADLINE_S: u64 = 9;
/// Seconds in which a peer must take its answer off our hands.
pub const HTTP_WRITE_DEADLINE_S: u64 = 10;
/// Seconds for which the rest of a request that was answered early is still read and dropped.
pub const HTTP_LINGER_DEADLINE_S: u64 = 2;
/// Seconds before a body has to keep up its minimum rate.
pub const HTTP_BODY_RATE_GRACE_S: u64 = 5;

/// Bytes a second that a body must have come with on average, or its connection gives way when all places are taken.
pub const CONNECTION_RATE_MIN_BYTES_PER_S: u64 = 1_024;
/// Seconds without a byte of a body after which its connection gives way when all places are taken, however quick it was.
pub const CONNECTION_PAUSE_MAX_S: u64 = 10;
/// Requests a minute for `/healthz` from one client: a monitor asks every few seconds.
pub const HEALTH_REQUESTS_PER_MINUTE_MAX: NonZeroU32 = NonZeroU32::new(600).unwrap();
/// Connections that the kernel keeps for a listener until they are accepted, as far as `net.core.somaxconn` lets it.
pub const LISTEN_BACKLOG: i32 = 4_096;
/// Connections of the public listener beyond `connections_max`: new ones that the connection limiter has not seen yet, old ones
/// that have given way and are not closed yet.
pub const HTTP_WAITING_MAX: usize = 8;
/// The same for each mail listener.
pub const SMTP_WAITING_MAX: usize = 2;
/// File descriptors kept for everything that is no connection from outside: database, IMAP, notices, look-ups.
pub const DESCRIPTORS_RESERVED: u64 = 256;
/// The same where the process may not have that many: without them it cannot start.
pub const DESCRIPTORS_OWN_MIN: u64 = 20;
/// File descriptors of each event loop: that of the process, and one of each worker thread of the private listener.
pub const DESCRIPTORS_PER_WORKER: u64 = 5;

/// Levels of MIME structure. A report has two, a forwarded one four.
pub const MIME_DEPTH_MAX: usize = 10;
/// Parts of one mail.
pub const MIME_PARTS_MAX: usize = 100;
/// Bytes of one header block.
pub const MIME_HEADER_MAX_BYTES: usize = 256 * 1024;
/// Bytes of one field of a header that is read. File names of 5 KB are seen.
pub const MIME_FIELD_MAX_BYTES: usize = 16 * 1024;
/// Semicolons, and so parameters, of one field. RFC 2231 splits long values into several.
pub const MIME_PARAMETERS_MAX: usize = 100;
/// Forwarded mails within each other that are looked into.
pub const MAIL_FORWARDED_DEPTH_MAX: usize = 3;
/// Report parts of one mail.
pub const MAIL_REPORT_PARTS_MAX: usize = 20;
/// Bytes of memory, about, that the reports of one mail may take.
pub const MAIL_REPORTS_MAX_BYTES: usize = 96 * 1024 * 1024;
/// Bytes of memory, about, of all reports that wait for a key together. More mails wait to be read.
pub const MAIL_WAITING_MAX_BYTES: usize = 96 * 1024 * 1024;
/// Seconds in which the keys of one mail must be looked up.
pub const DKIM_DEADLINE_S: u64 = 10;
/// DKIM signatures of one mail that are tried, those of the From domain first.
pub const DKIM_SIGNATURES_MAX: usize = 5;
/// Hours for which a mail whose key cannot be looked up is sent away to come again.
pub const DKIM_DEFER_MAX_H: i64 = 24;
/// Names in the `h=` of one signature. Large senders sign about twenty fields, each twice.
pub const DKIM_SIGNED_FIELDS_MAX: usize = 200;
/// DNS look-ups at the same time; more wait for their turn within their deadline.
pub const DNS_LOOKUPS_MAX: usize = 64;
/// Answers that are remembered until their TTL ends.
pub const DNS_CACHE_MAX_ENTRIES: u64 = 1_024;
/// Organisations whose name servers said nothing that are remembered, to be left alone for a while.
pub const DNS_SILENT_MAX: usize = 1_024;
/// Seconds for which it is remembered that a name does not exist, whatever its zone says: a new key should be found soon.
pub const DNS_NEGATIVE_TTL_MAX_S: u64 = 300;
/// Records of one answer. Beside the SPF record of a large domain stand some forty others.
pub const DNS_RECORDS_MAX: usize = 100;
/// Bytes of one answer's records together.
pub const DNS_RECORDS_MAX_BYTES: usize = 32 * 1024;
/// Domains of one report that its address may prove.
pub const NETWORK_PROOF_DOMAINS_MAX: usize = 2;
/// Names of one address that are looked up to see whether they lead back to it.
pub const NETWORK_PROOF_NAMES_MAX: usize = 10;
/// Terms of SPF records that need a look-up (RFC 7208 §4.6.4).
pub const NETWORK_PROOF_SPF_TERMS_MAX: usize = 10;
/// Terms of SPF records whose look-up may find nothing (RFC 7208 §4.6.4).
pub const NETWORK_PROOF_SPF_VOID_MAX: usize = 2;
/// MX hosts of one term of an SPF record (RFC 7208 §4.6.4).
pub const NETWORK_PROOF_MX_HOSTS_MAX: usize = 10;
/// Look-ups of one proof in all.
pub const NETWORK_PROOF_LOOKUPS_MAX: usize = 50;
/// Seconds for which a report posted over HTTPS waits for the proofs of its address.
pub const NETWORK_PROOF_DEADLINE_S: u64 = 2;
/// Proofs that are looked up at the same time; more wait for their turn within their deadline.
pub const NETWORK_PROOFS_AT_ONCE_MAX: usize = 16;
/// Proofs of each outcome that are remembered, by address and domains. Proofs that failed cannot displace those that did not.
pub const NETWORK_PROOFS_KNOWN_MAX: usize = 2_048;
/// Proofs a minute that are looked up for one IPv4 address or one IPv6 /64 …
pub const NETWORK_PROOFS_PER_ADDRESS_MINUTE_MAX: u32 = 10;
/// … for one IPv4 /24 or one IPv6 /48 …
pub const NETWORK_PROOFS_PER_NETWORK_MINUTE_MAX: u32 = 40;
/// … and in all.
pub const NETWORK_PROOFS_PER_MINUTE_MAX: u32 = 600;
/// Seconds for which a proof is remembered, …
pub const NETWORK_PROVEN_TTL_S: i64 = 3_600;
/// … that there is none, …
pub const NETWORK_NOT_PROVEN_TTL_S: i64 = 900;
/// … and that it could not be looked up.
pub const NETWORK_UNKNOWN_TTL_S: i64 = 60;
/// Seconds between two looks at the reports whose proof could not be looked up when they came.
pub const NETWORK_PENDING_INTERVAL_S: u64 = 300;
/// Hours after which such a report stays unproven: by then the address may be somebody else's.
pub const NETWORK_PENDING_MAX_H: i64 = 6;
/// Such reports that are looked at in one go, …
pub const NETWORK_PENDING_AT_ONCE_MAX: usize = 200;
/// … and of one address.
pub const NETWORK_PENDING_PER_ADDRESS_MAX: usize = 20;
/// Mails whose key cannot be looked up that are remembered by the time they first came.
pub const DKIM_DEFERRED_MAX: usize = 10_000;
/// Bytes of an SMTP command line with its end (RFC 5321 §4.5.3.1.4 asks for 512 and more with extensions).
pub const SMTP_LINE_MAX_BYTES: usize = 2_048;
/// Bytes of one line of a message with its end. RFC 5321 §4.5.3.1.6 asks for 1,000; senders of base64 without folding exist.
pub const SMTP_TEXT_LINE_MAX_BYTES: usize = 1024 * 1024;
/// Recipients of one mail.
pub const SMTP_RECIPIENTS_MAX: usize = 100;
/// Errors after which a session ends.
pub const SMTP_ERRORS_MAX: usize = 3;
/// Chunks behind a refusal that are no errors, because the client did not wait for its answer.
pub const SMTP_CHUNKS_UNWANTED_MAX: usize = 3;
/// Bytes up to which a mail is small. Those with reports are.
pub const SMTP_SMALL_MAIL_MAX_BYTES: usize = 256 * 1024;
/// Bytes of all small mails together that one listener receives or that wait for their outcome: as many as connections.
pub const SMTP_SMALL_MAILS_MAX_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of all others together. They take nothing from the small ones.
pub const SMTP_LARGE_MAILS_MAX_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of them that come from one IPv4 address or one IPv6 /64.
pub const SMTP_CLIENT_MAX_BYTES: usize = 32 * 1024 * 1024;
/// Bytes per second that a mail must come with on average.
pub const SMTP_RATE_MIN_BYTES_PER_S: u64 = 1024;
/// Seconds before a mail has to keep up its minimum rate.
pub const SMTP_RATE_GRACE_S: u64 = 30;
/// Seconds after its end in which a mail is answered. RFC 5321 §4.5.3.2.6 has clients wait for ten minutes.
pub const SMTP_ANSWER_DEADLINE_S: u64 = 60;
/// Seconds in which a peer must take its replies off our hands.
pub const SMTP_WRITE_DEADLINE_S: u64 = 30;
/// Seconds for a TLS handshake after STARTTLS.
pub const SMTP_HANDSHAKE_DEADLINE_S: u64 = 30;
/// Seconds in which a proxy must have said whom it connects.
pub const SMTP_PROXY_DEADLINE_S: u64 = 5;
/// Seconds for which what a client still sends is read and dropped after the session has ended.
pub const SMTP_LINGER_DEADLINE_S: u64 = 2;
/// Seconds that mails under way are given when the server stops.
pub const SMTP_SHUTDOWN_DEADLINE_S: u64 = 10;

/// URIs of one TLSRPT record that a test report is sent to.
pub const PROBE_URIS_MAX: usize = 20;
/// Hosts that a test report is tried at, and addresses of each.
pub const PROBE_HOSTS_MAX: usize = 10;
/// Seconds for a look-up of an address, and for a connection, when a test report is sent.
pub const PROBE_CONNECT_DEADLINE_S: u64 = 10;
/// Seconds for each answer to a test report.
pub const PROBE_ANSWER_DEADLINE_S: u64 = 10;
/// Seconds for one URI in all.
pub const PROBE_URI_DEADLINE_S: u64 = 60;
/// Bytes of an HTTP answer to a test report that are read.
pub const PROBE_ANSWER_MAX_BYTES: usize = 64 * 1024;
/// Characters of an answer that are shown.
pub const PROBE_SHOWN_MAX_CHARS: usize = 1_000;

/// Bytes of JSON of the alerts in one notice; a webhook's body has about twice as many. What is above is counted.
pub const NOTIFY_ALERTS_MAX_BYTES: usize = 256 * 1024;
/// Bytes of JSON of notices that wait together; above it they keep their titles only.
pub const NOTIFY_JOINED_MAX_BYTES: usize = 512 * 1024;
/// Lines of evidence or advice in one message, and characters of each.
pub const NOTIFY_LINES_MAX: usize = 100;
pub const NOTIFY_LINE_MAX_CHARS: usize = 2_000;
/// Titles that a message about several notices lists.
pub const NOTIFY_LISTED_MAX: usize = 20;
/// Deliveries at the same time to one channel, or by mail to all recipients together.
pub const NOTIFY_AT_ONCE_MAX: usize = 4;
/// Bytes of an answer to a notice that are read.
pub const NOTIFY_ANSWER_MAX_BYTES: usize = 4 * 1024;
/// Characters of an answer that are kept with the notice.
pub const NOTIFY_QUOTED_MAX_CHARS: usize = 200;
/// Seconds until a notice that could not be delivered is tried again, twice as many each time …
pub const NOTIFY_RETRY_FIRST_S: i64 = 30;
/// … up to so many; at once so many where the answer was that it will not do.
pub const NOTIFY_RETRY_LONGEST_S: i64 = 3_600;
/// Hours after which a digest that could not be delivered is given up.
pub const NOTIFY_EMAIL_GIVE_UP_H: i64 = 72;
/// Seconds that deliveries under way are given when the server stops.
pub const NOTIFY_SHUTDOWN_DEADLINE_S: u64 = 5;

/// Rows of `policy` out of which sums of days are made in one transaction; a day with more is made by itself.
pub const DAY_SUMS_AT_ONCE_MAX_ROWS: u64 = 100_000;
/// Seconds for which nothing must have changed before the sums of changed days are made, and how long they wait where something always does.
pub const DAY_SUMS_QUIET_S: u64 = 3;
pub const DAY_SUMS_WAIT_MAX_S: u64 = 60;

/// Addresses of a policy host that are asked for its policy in one look, and MX hosts whose addresses are looked up.
pub const CHECK_ADDRESSES_MAX: usize = 16;
pub const CHECK_HOSTS_MAX: usize = 50;
/// Seconds until a policy host must have taken a connection, and for its whole answer (RFC 8461 §3.3: one minute).
pub const CHECK_CONNECT_DEADLINE_S: u64 = 10;
pub const CHECK_FETCH_DEADLINE_S: u64 = 60;
/// Seconds for one reply of an MX host, and for all that is said to one of its addresses; how many of these are spoken to at the same time.
pub const CHECK_SMTP_REPLY_DEADLINE_S: u64 = 30;
pub const CHECK_SMTP_DEADLINE_S: u64 = 90;
pub const CHECK_SMTP_AT_ONCE_MAX: usize = 8;
/// Bytes of one line of a reply, and lines of one reply.
pub const CHECK_SMTP_LINE_MAX_BYTES: usize = 2_048;
pub const CHECK_SMTP_REPLY_MAX_LINES: usize = 100;
/// Bytes of a policy that are read (RFC 8461 §3.3: 64 kilobytes).
pub const CHECK_POLICY_MAX_BYTES: usize = 64 * 1024;

/// Rows of each kind that alerts left behind and that are removed at once.
pub const FORGOTTEN_AT_ONCE_MAX: usize = 5_000;
/// Hours between two times of looking for such rows.
pub const FORGET_EVERY_H: i64 = 24;

/// Reports of `tlsight send-test-report` that are kept; the last one is shown.
pub const TEST_REPORTS_MAX: usize = 100;

/// Entries written by one transaction; what came in the meantime waits for the next.
pub const GROUP_MAX_ENTRIES: usize = 512;
/// Bytes, about, of the entries written by one transaction.
pub const GROUP_MAX_BYTES: usize = 8 * 1024 * 1024;
/// Rows, in all tables, of the entries written by one transaction.
pub const GROUP_MAX_ROWS: usize = 5_000;
/// Bytes of one segment of the journal. It is written with zeros before it is used, so that an answer needs no room on the disk.
pub const JOURNAL_SEGMENT_BYTES: u64 = 8 * 1024 * 1024;
/// Segments that are kept to be written over.
pub const JOURNAL_SPARE_SEGMENTS_MAX: usize = 2;
/// Bytes of a submission in the journal. Larger ones go directly into the database.
pub const JOURNAL_RECORD_MAX_BYTES: usize = 256 * 1024;
/// Bytes of what one write puts into the journal.
pub const JOURNAL_BATCH_MAX_BYTES: usize = 2 * 1024 * 1024;
/// Bytes, about, of what is in the journal and not yet in the tables. More waits to be acknowledged.
pub const JOURNAL_BACKLOG_MAX_BYTES: usize = 64 * 1024 * 1024;
/// Milliseconds after which what was acknowledged is loaded into the tables, however little it is.
pub const LOAD_EVERY_MS: u64 = 500;
/// Submissions in the journal that are loaded at once.
pub const LOAD_MIN_ENTRIES: usize = 2_048;
/// Submissions and rows of one transaction, where most were acknowledged before.
pub const LOAD_MAX_ENTRIES: usize = 4_096;
pub const LOAD_MAX_ROWS: usize = 10_000;
/// Milliseconds for which a question waits until what was acknowledged before it is in the tables.
pub const LOAD_WAIT_MAX_MS: u64 = 5_000;
/// Names of reports in memory, eight to sixteen bytes each. Of more reports those of the latest days are known.
pub const IDENTITIES_MAX: usize = 2_000_000;
/// The same for an import that has the store to itself.
pub const ALONE_MAX_ENTRIES: usize = 4_096;
pub const ALONE_MAX_BYTES: usize = 64 * 1024 * 1024;
pub const ALONE_MAX_ROWS: usize = 100_000;
/// Rows above which a submission is large: it is written in parts of so many rows, between which others have their turn.
pub const PART_MAX_ROWS: usize = 1_000;
/// Bytes, about, above which a submission is large.
pub const LARGE_MIN_BYTES: usize = 1024 * 1024;
/// Seconds after which a large submission goes before smaller large ones, and is written in larger parts.
pub const LARGE_WAIT_MAX_S: u64 = 3;
/// Bytes, about, of the entries that wait for the writer.
pub const QUEUE_MAX_BYTES: usize = 96 * 1024 * 1024;
/// Of the room for reports that nobody proved, one client (an IPv4 /24, an IPv6 /48) has one part in so many.
pub const UNPROVEN_CLIENT_SHARE: u64 = 10;
/// Hours after which the reports of a client that has come to its share give way to its new ones. Until then new ones wait.
pub const UNPROVEN_GIVES_WAY_H: i64 = 24;
/// Reports removed by one transaction.
pub const UNPROVEN_REMOVED_AT_ONCE_MAX: usize = 64;
/// Seconds between two looks for what has to be removed.
pub const UNPROVEN_TIDY_EVERY_S: u64 = 600;
/// Seconds after which a removal no longer waits for a moment when nobody else does.
pub const UNPROVEN_OVERDUE_S: u64 = 1;
/// Bytes of DuckDB's write-ahead log above which it is folded into the database as soon as nobody waits.
pub const WAL_IDLE_MAX_BYTES: u64 = 4 * 1024 * 1024;
/// Bytes of DuckDB's write-ahead log above which it is folded into the database although somebody may wait.
pub const WAL_MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes that must find room before a store that could not write is said to be well again.
pub const PROBE_BYTES: usize = 64 * 1024;
/// Seconds after which a waiting transport hears that the store is busy. Widely used senders give up after ten.
pub const STORE_ANSWER_MAX_S: u64 = 6;

/// Networks of which it is remembered what they sent without proof, for each budget. IPv6 offers more /64s than there is memory.
pub const BUDGET_CLIENTS_MAX: usize = 100_000;
/// Received bytes that count as one row where fewer rows came of them: reading them is what they cost.
pub const BUDGET_ROW_BYTES: u64 = 256;
/// Bytes, about, that one policy or failure detail takes on disk.
pub const STORED_ROW_BYTES: u64 = 256;

/// How the store uses the machine unless the configuration says otherwise: memory of DuckDB, entries that wait for the writer,
/// readers at work at once, bytes of the quarantine, bytes and days of what nobody proved.
pub const STORE_MEMORY_BYTES: u64 = 1024 * 1024 * 1024;
pub const STORE_QUEUE: usize = 4_096;
pub const STORE_READERS: usize = 4;
pub const QUARANTINE_BYTES: u64 = 1024 * 1024 * 1024;
pub const UNPROVEN_BYTES: u64 = 1024 * 1024 * 1024;
pub const UNPROVEN_KEEP_DAYS: u32 = 30;

settings! {
    /// Bounds an operator may set, in `[limits]` of the configuration file.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Limits {
        /// Bytes of one report as received (RFC 8460 §5.2 knows "a commonly observed limit of ten megabytes").
        pub report_wire_max_bytes: usize,
        /// Bytes of one mail as received. Base64 makes four bytes of three.
        pub mail_wire_max_bytes: usize,
        /// Bytes of one report after unpacking.
        pub report_decompressed_max_bytes: usize,
        /// Unpacked bytes for each received byte, once the unpacked size passes 1 MiB.
        pub report_compression_ratio_max: u64,
        /// Entries of `policies` in one report, or in all reports of one document.
        pub report_policies_max: usize,
        /// Entries of `failure-details` in one report over all its policies, or in all reports of one document.
        pub report_failure_details_max: usize,
        /// Bytes of one JSON string.
        pub json_string_max_bytes: usize,
        /// Entries of `policies` in one body whose sender does not prove who it is (trust `none` and `token`). Larger ones are kept in
        /// the quarantine, where you can admit them; of signed mail and imports `report_policies_max` are taken.
        pub unproven_policies_max: usize,
        /// Entries of `failure-details` in such a body.
        pub unproven_failure_details_max: usize,
        /// Reports in such a body.
        pub unproven_reports_max: usize,
        /// Policies and failure details a minute that one address (IPv6: one /64) may send without proof of who it is; networks around
        /// it have more: /24 and /56 four times, /48 sixteen times as many. More are asked to come again (429, 451). 0: no limit.
        pub unproven_rows_per_minute_max: u64,
        /// Bytes a day that one address may send without proof, as stored: what was received and 256 for each policy and failure
        /// detail. Networks around it have more, as above. 0: no limit.
        pub unproven_bytes_per_day_max: u64,
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            report_wire_max_bytes: 16 * 1024 * 1024,
            mail_wire_max_bytes: 25 * 1024 * 1024,
            report_decompressed_max_bytes: 64 * 1024 * 1024,
            report_compression_ratio_max: 200,
            report_policies_max: 10_000,
            report_failure_details_max: 100_000,
            json_string_max_bytes: 16 * 1024,
            unproven_policies_max: 1_000,
            unproven_failure_details_max: 10_000,
            unproven_reports_max: 20,
            unproven_rows_per_minute_max: 20_000,
            unproven_bytes_per_day_max: 64 * 1024 * 1024,
        }
    }
}

const _: () = assert!(MAIL_REPORTS_MAX_BYTES <= MAIL_WAITING_MAX_BYTES, "else a mail would wait for ever");
const _: () = assert!(RATIO_FREE_BYTES < 64 * 1024 * 1024, "the ratio must bite before the size does");

/// Seconds for which an answer of an MX host stands for all domains that name it: a good one, a faulty or missing one, and one that said 421.
pub const CHECK_SMTP_GOOD_KEPT_S: u64 = 6 * 60 * 60;
pub const CHECK_SMTP_FAULT_KEPT_S: u64 = 10 * 60;
pub const CHECK_SMTP_BUSY_KEPT_S: u64 = 24 * 60 * 60;
/// Addresses of MX hosts whose answers are remembered.
pub const CHECK_SMTP_KEPT_MAX: usize = 50_000;
/// Domains that are looked at at the same time.
pub const CHECK_LOOKS_AT_ONCE_MAX: usize = 16;
/// Days for which looks are kept.
pub const CHECK_LOOKS_KEPT_DAYS: i64 = 400;

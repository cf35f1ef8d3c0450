//! What `serve` would do with a valid configuration: where it listens, and what to publish for each domain.

use std::path::Path;

use serde_json::{Value, json};

use crate::config::{Config, Imap, Listen, LmtpListen, UNKNOWN_HOST};

/// Records printed one by one.
const RECORDS_MAX: usize = 100;

pub(super) struct Outlook {
    /// Who comes in, and where.
    listens: Vec<(&'static str, String)>,
    /// Owner name and text.
    records: Vec<(String, String)>,
    /// What has to be filled in, or is missing, before they can be published.
    advice: Option<String>,
}

impl Outlook {
    pub(super) fn of(config: &Config) -> Outlook {
        let reach = config.reach();
        let record = reach.record();
        let served = config.served().map(|served| served.domains).unwrap_or_default();
        let records = served.into_keys().map(|domain| (format!("_smtp._tls.{domain}."), record.clone())).collect();
        let advice = if !reach.is_any() {
            Some(format!(
                "No source can be reached from elsewhere yet: set [public] or [smtp], and put your name in place of {UNKNOWN_HOST}."
            ))
        } else {
            reach
                .https
                .then(|| format!("Put the name under which the public listener is reached in place of {UNKNOWN_HOST}."))
        };
        Outlook { listens: listens(config), records, advice }
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::from("\n");
        for (who, place) in &self.listens {
            text.push_str(&format!("{who:<8} {place}\n"));
        }
        if self.records.is_empty() {
            return text;
        }
        text.push_str("\nPublish\n");
        for (owner, record) in self.records.iter().take(RECORDS_MAX) {
            text.push_str(&format!("  {owner}  TXT  \"{record}\"\n"));
        }
        if let Some(more @ 1..) = self.records.len().checked_sub(RECORDS_MAX) {
            text.push_str(&format!("  and the same for {more} more; --json has all of them\n"));
        }
        if let Some(advice) = &self.advice {
            text.push_str(&format!("{advice}\n"));
        }
        text
    }

    pub(super) fn json(&self) -> Value {
        let listens: serde_json::Map<String, Value> =
            self.listens.iter().map(|(who, place)| ((*who).to_owned(), json!(place))).collect();
        let records: Vec<Value> =
            self.records.iter().map(|(name, text)| json!({ "name": name, "txt": text })).collect();
        json!({ "sources": listens, "records": records })
    }
}

fn listens(config: &Config) -> Vec<(&'static str, String)> {
    let mut listens = Vec::new();
    let public = &config.public;
    if let Listen::At(address) = public.listen {
        let how = match (public.certificate.is_some(), public.behind_proxy) {
            (true, _) => "https, reports by POST to /v1/tlsrpt",
            (false, true) => "http, behind your proxy: reports by POST to /v1/tlsrpt",
            (false, false) => "http, this machine only: reports by POST to /v1/tlsrpt",
        };
        listens.push(("public", format!("{address} ({how})")));
    }
    if let Listen::At(address) = config.private.listen {
        listens.push(("pages", format!("http://{address}/")));
    }
    let recipients = || config.smtp.recipients.join(", ");
    if let Listen::At(address) = config.smtp.listen {
        listens.push(("smtp", format!("{address} for {}", recipients())));
    }
    if config.smtp.lmtp != LmtpListen::Off {
        listens.push(("lmtp", format!("{} for {}", config.smtp.lmtp, recipients())));
    }
    if !config.imap.is_empty() {
        let account = |account: &Imap| format!("{} at {}", account.user, account.host);
        listens.push(("imap", config.imap.iter().map(account).collect::<Vec<_>>().join(", ")));
    }
    if !config.maildir.is_empty() {
        let path = |path: &Path| path.display().to_string();
        listens.push(("maildir", config.maildir.iter().map(|one| path(&one.path)).collect::<Vec<_>>().join(", ")));
    }
    listens.push(("data", config.data.display().to_string()));
    listens
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    fn outlook(text: &str) -> Outlook {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("t.toml");
        std::fs::write(&file, text).unwrap();
        Outlook::of(&Config::load(Some(&file), &Environment::default()).unwrap())
    }

    #[test]
    fn it_says_what_will_listen_and_what_to_publish() {
        let text = "[[domain]]\nname = \"example.com\"\n[[domain]]\nname = \"Bücher.example\"\n\
                    [smtp]\nlisten = \"[::]:25\"\nrecipients = [\"tlsrpt@example.org\"]\n";
        let message = outlook(text).text();
        for line in [
            "public   127.0.0.1:8443 (http, this machine only: reports by POST to /v1/tlsrpt)\n",
            "pages    http://127.0.0.1:8080/\n",
            "smtp     [::]:25 for tlsrpt@example.org\n",
            "  _smtp._tls.example.com.  TXT  \"v=TLSRPTv1; rua=mailto:tlsrpt@example.org\"\n",
            "  _smtp._tls.xn--bcher-kva.example.  TXT",
        ] {
            assert!(message.contains(line), "{line}: {message}");
        }
        let closed = outlook("[[domain]]\nname = \"example.com\"\n[private]\nlisten = \"off\"\n").text();
        assert!(
            closed.contains("No source can be reached from elsewhere yet") && !closed.contains("pages"),
            "{closed}"
        );
        assert!(!outlook("").text().contains("TXT"), "no domain, no record");
    }

    #[test]
    fn ten_thousand_domains_do_not_flood_the_terminal() {
        let text: String = (0..300).map(|number| format!("[[domain]]\nname = \"d{number}.example\"\n")).collect();
        let outlook = outlook(&text);
        assert_eq!(outlook.text().matches("TXT").count(), 100);
        assert!(outlook.text().contains("and the same for 200 more"), "{}", outlook.text());
        assert_eq!(outlook.json()["records"].as_array().map(Vec::len), Some(300));
    }
}

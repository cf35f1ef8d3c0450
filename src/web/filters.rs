//! What the templates of the pages can do with values.

use std::{collections::BTreeMap, fmt::Write, path::Path};

use minijinja::{
    Environment, Error, ErrorKind, State, Value,
    value::{Kwargs, Serde},
};

use super::{assets, params::may_carry};
use crate::{
    chart::spark,
    reporters::SenderIdentity,
    text::{escape_html, visible_lines},
    wording,
};

/// Characters of a stranger's text shown where a name is expected.
const SHOWN_MAX_CHARS: usize = 120;
/// Of the same on hovering.
const TITLE_MAX_CHARS: usize = 2_000;
/// A word up to this length stays in one line.
const WORD_MAX_CHARS: usize = 32;
/// Characters of a longer one that stay together.
const RUN_MAX_CHARS: usize = 20;

pub(crate) fn register(environment: &mut Environment<'static>, dev: Option<&Path>) {
    let dev = dev.map(Path::to_owned);
    environment.add_function("asset", move |name: &str| {
        assets::url(dev.as_deref(), name)
            .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("no static file `{name}`")))
    });
    environment.add_filter("n", |number: i64| if number == 0 { "–".to_owned() } else { wording::thousands(number) });
    environment.add_filter("number", wording::thousands);
    // Never in two lines.
    environment.add_filter("day", |day: Serde<chrono::NaiveDate>| wording::day(day.0).replace(' ', "\u{a0}"));
    environment.add_filter("moment", |at: Serde<chrono::DateTime<chrono::Utc>>| moment(at.0));
    environment.add_filter("utc", |at: Serde<chrono::DateTime<chrono::Utc>>| wording::moment(at.0));
    environment.add_filter("domain", domain);
    environment.add_filter("organisation", organisation);
    environment.add_filter("text", |text: &str| Value::from_safe_string(isolated(text, SHOWN_MAX_CHARS)));
    environment.add_filter("whole", |text: &str| Value::from_safe_string(isolated(text, usize::MAX)));
    // For attributes.
    environment.add_filter("short", |text: &str| match text.char_indices().nth(SHOWN_MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    });
    environment.add_filter("ticks", ticks);
    environment.add_filter("spark", |periods: Serde<Vec<i64>>, label: &str| {
        Value::from_safe_string(spark::bars(&periods.0, label))
    });
    environment.add_function("link", link);
}

/// The name of an organisation by its key, with the word that says how far it is proven.
fn organisation(key: &str) -> Value {
    let SenderIdentity { name, standing, .. } = SenderIdentity::of(key, None);
    Value::from_safe_string(format!(
        "{} <span class=\"proof {word}\" title=\"{}\">{word}</span>",
        isolated(&name, SHOWN_MAX_CHARS),
        escape_html(standing.explained()),
        word = standing.as_str(),
    ))
}

/// Text of a stranger, kept from changing the direction of what stands beside it, and from filling the page: what is beyond the
/// bound is one hover away.
fn isolated(text: &str, max_chars: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(max_chars) else {
        return format!("<bdi>{}</bdi>", breakable(&visible_lines(text)));
    };
    let title: String = text.chars().take(TITLE_MAX_CHARS).collect();
    format!("<bdi title=\"{}\">{}…</bdi>", escape_html(&visible_lines(&title)), breakable(&visible_lines(&text[..end])))
}

/// Escapes, and says where a long name may go on in the next line: a browser left alone breaks it anywhere or nowhere.
fn breakable(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 16);
    for word in text.split_inclusive(char::is_whitespace) {
        if word.chars().nth(WORD_MAX_CHARS).is_none() {
            html.push_str(&escape_html(word));
            continue;
        }
        let mut run = 0;
        for character in word.chars() {
            html.push_str(&escape_html(character.encode_utf8(&mut [0; 4])));
            run += 1;
            if run == RUN_MAX_CHARS || ".-@/_:,".contains(character) {
                html.push_str("<wbr>");
                run = 0;
            }
        }
    }
    html
}

/// Our own sentence, in which what it quotes stands in backticks.
fn ticks(text: &str) -> Value {
    let mut html = String::new();
    let parts: Vec<&str> = text.split('`').collect();
    // Without its partner a backtick is one that somebody typed.
    let pairs = (parts.len() - 1) / 2;
    for (at, part) in parts.iter().enumerate() {
        let part = breakable(&visible_lines(part));
        match at {
            at if at > 2 * pairs => write!(html, "`{part}"),
            at if at % 2 == 1 => write!(html, "<code>{part}</code>"),
            _ => write!(html, "{part}"),
        }
        .expect("a String takes everything");
    }
    Value::from_safe_string(html)
}

/// A domain as A-labels, with the U-labels beside it where they differ: a look-alike shows its real name. A report may name
/// none.
fn domain(name: &str) -> Value {
    if name.is_empty() {
        return Value::from_safe_string("<span class=\"quiet\">unknown</span>".to_owned());
    }
    let plain = isolated(name, SHOWN_MAX_CHARS);
    if !name.contains("xn--") {
        return Value::from_safe_string(plain);
    }
    let (unicode, result) = idna::domain_to_unicode(name);
    if result.is_err() || unicode == name {
        return Value::from_safe_string(plain);
    }
    let unicode = isolated(&unicode, SHOWN_MAX_CHARS);
    Value::from_safe_string(format!("{plain} <span class=\"unicode\">({unicode})</span>"))
}

/// A time in UTC that the script may turn into the reader's own zone.
fn moment(at: chrono::DateTime<chrono::Utc>) -> Value {
    let machine = at.format("%Y-%m-%dT%H:%M:%SZ");
    Value::from_safe_string(format!("<time datetime=\"{machine}\">{}</time>", wording::moment(at)))
}

/// A link that keeps the page's filter: `link('/reports', organisation=key)`. A parameter given as none is left out.
fn link(state: &State, path: &str, more: Kwargs) -> Result<String, Error> {
    let mut query: BTreeMap<String, String> = BTreeMap::new();
    if let Some(kept) = state.lookup("query") {
        for name in kept.try_iter()?.filter(|name| may_carry(path, &name.to_string())) {
            query.insert(name.to_string(), kept.get_item(&name)?.to_string());
        }
    }
    for name in more.args() {
        let value: Value = more.get(name)?;
        if value.is_none() || value.is_undefined() {
            query.remove(name);
        } else {
            query.insert(name.to_owned(), value.to_string());
        }
    }
    Ok(crate::links::address(path, query.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_shows_both_forms() {
        assert_eq!(domain("example.com").to_string(), "<bdi>example.com</bdi>");
        assert!(domain("xn--bcher-kva.example").to_string().contains("(<bdi>bücher.example</bdi>)"));
        assert!(domain("").to_string().contains("unknown"));
        assert_eq!(domain("<b>").to_string(), "<bdi>&lt;b&gt;</bdi>");
    }

    #[test]
    fn a_long_name_is_cut_and_may_go_on_in_the_next_line() {
        assert_eq!(isolated("mx1.mail-out.eu.example.org", 120), "<bdi>mx1.mail-out.eu.example.org</bdi>");
        let long = isolated(&"a&".repeat(60), 120);
        assert!(long.starts_with("<bdi>a&amp;") && long.contains("&amp;<wbr>a") && !long.contains('…'), "{long}");
        let longer = isolated(&"x".repeat(10_000), 120);
        assert!(longer.ends_with("…</bdi>") && longer.starts_with("<bdi title=\"xxx"), "{longer}");
        assert!(longer.len() < 2_300, "{}", longer.len());
        let whole = isolated(&"x".repeat(10_000), usize::MAX);
        assert_eq!(whole.matches('x').count(), 10_000);
    }

    #[test]
    fn backticks_become_code() {
        let html = |text: &str| ticks(text).to_string();
        assert_eq!(
            html("Parameter `from`: `<b>` is no day"),
            "Parameter <code>from</code>: <code>&lt;b&gt;</code> is no day"
        );
        assert_eq!(html("a `b` c ` d"), "a <code>b</code> c ` d");
    }
}

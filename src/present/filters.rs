//! What templates can do with values. Text from reports comes from strangers: everything is escaped, and control characters that
//! would reorder or hide text (bidirectional overrides, NUL, escape sequences) are made visible, also where nobody thought of it.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write};

use minijinja::{
    AutoEscape, Environment, Error, State, Value, escape_formatter,
    value::{Kwargs, Serde},
};

use super::{params::may_carry, spark, words};

pub(super) fn register(environment: &mut Environment<'static>) {
    environment.set_formatter(|output, state, value| {
        if let (AutoEscape::Html, false, Some(text)) = (state.auto_escape(), value.is_safe(), value.as_str()) {
            return Ok(output.write_str(&escape(&visible(text)))?);
        }
        escape_formatter(output, state, value)
    });
    environment.add_filter("n", |number: i64| if number == 0 { "–".to_owned() } else { words::thousands(number) });
    environment.add_filter("number", words::thousands);
    environment.add_filter("day", |day: Serde<chrono::NaiveDate>| words::day(day.0));
    environment.add_filter("moment", |at: Serde<chrono::DateTime<chrono::Utc>>| moment(at.0));
    environment.add_filter("utc", |at: Serde<chrono::DateTime<chrono::Utc>>| words::moment(at.0));
    environment.add_filter("domain", domain);
    environment.add_filter("text", isolated);
    environment.add_filter("spark", |periods: Serde<Vec<i64>>, label: &str| {
        Value::from_safe_string(spark::bars(&periods.0, label))
    });
    environment.add_function("link", link);
}

/// Replaces characters that change how the text around them is shown by a visible note of their code point.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_hidden(character) {
            write!(shown, "‹U+{:04X}›", u32::from(character)).expect("a String takes everything");
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

fn is_hidden(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' => true,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        '\u{e0000}'..='\u{e0fff}' => true,
        other => other.is_control(),
    }
}

pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#x27;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Text of a stranger, kept from changing the direction of what stands beside it.
fn isolated(text: &str) -> Value {
    Value::from_safe_string(format!("<bdi>{}</bdi>", escape(&visible(text))))
}

/// A domain as A-labels, with the U-labels beside it where they differ: a look-alike shows its real name. A report may name
/// none.
fn domain(name: &str) -> Value {
    if name.is_empty() {
        return Value::from_safe_string("<span class=\"quiet\">unknown</span>".to_owned());
    }
    let plain = format!("<bdi>{}</bdi>", escape(&visible(name)));
    if !name.contains("xn--") {
        return Value::from_safe_string(plain);
    }
    let (unicode, result) = idna::domain_to_unicode(name);
    if result.is_err() || unicode == name {
        return Value::from_safe_string(plain);
    }
    Value::from_safe_string(format!(
        "{plain} <span class=\"unicode\">(<bdi>{}</bdi>)</span>",
        escape(&visible(&unicode))
    ))
}

/// A time in UTC that the script may turn into the reader's own zone.
fn moment(at: chrono::DateTime<chrono::Utc>) -> Value {
    let machine = at.format("%Y-%m-%dT%H:%M:%SZ");
    Value::from_safe_string(format!("<time datetime=\"{machine}\">{}</time>", words::moment(at)))
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
    Ok(address(path, query.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
}

/// A path with a query string.
pub(super) fn address<'a>(path: &str, query: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut address = path.to_owned();
    for (at, (name, value)) in query.enumerate() {
        address.push(if at == 0 { '?' } else { '&' });
        address.push_str(name);
        address.push('=');
        encode(value, &mut address);
    }
    address
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => into.push(char::from(byte)),
            other => write!(into, "%{other:02X}").expect("a String takes everything"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_become_visible() {
        assert_eq!(visible("plain ü 日本"), "plain ü 日本");
        assert_eq!(visible("a\u{202e}b\u{0}c\u{1b}[31m"), "a‹U+202E›b‹U+0000›c‹U+001B›[31m");
    }

    #[test]
    fn a_domain_shows_both_forms() {
        assert_eq!(domain("example.com").to_string(), "<bdi>example.com</bdi>");
        assert!(domain("xn--bcher-kva.example").to_string().contains("(<bdi>bücher.example</bdi>)"));
        assert!(domain("").to_string().contains("unknown"));
        assert_eq!(domain("<b>").to_string(), "<bdi>&lt;b&gt;</bdi>");
    }

    #[test]
    fn an_address_is_encoded() {
        let pairs = [("organisation", "a&b=c d/ü")];
        assert_eq!(address("/reports", pairs.into_iter()), "/reports?organisation=a%26b%3Dc%20d%2F%C3%BC");
    }
}

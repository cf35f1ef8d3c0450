//! Mattermost, by an incoming webhook: one message attachment. A post holds 16,383 characters, in old versions 4,000.

use serde_json::{Value, json};

use super::{
    ChannelMessage,
    text::{fit_units, markdown, plain},
};

const TITLE_MAX: usize = 300;
const TEXT_MAX: usize = 3_500;

pub fn body(message: &ChannelMessage) -> Value {
    let text = message.paragraphs(|item| format!("• {}", item.heading)).join("\n\n");
    json!({
        "attachments": [{
            "fallback": fit_units(&message.heading, TITLE_MAX, |text| unmentioned(&plain(text))),
            "color": message.tone.css(),
            "title": fit_units(&message.heading, TITLE_MAX, escape),
            "title_link": message.link,
            "text": fit_units(&text, TEXT_MAX, escape),
        }],
    })
}

fn escape(text: &str) -> String {
    unmentioned(&markdown(text))
}

/// `@channel` calls nobody with an invisible character behind the `@`; addresses stay as they are.
fn unmentioned(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for char in text.chars() {
        out.push(char);
        if char == '@' && !before.is_alphanumeric() {
            out.push('\u{200b}');
        }
        before = char;
    }
    out
}

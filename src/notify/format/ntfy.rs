//! ntfy, published as JSON. A message holds 4,096 bytes; a longer one would become an attachment.

use serde_json::{Value, json};

use super::{
    ChannelMessage, Tone,
    text::{fit, fit_units, plain},
};

const TITLE_MAX: usize = 250;
const MESSAGE_MAX_BYTES: usize = 4_096;

pub fn body(message: &ChannelMessage, topic: &str) -> Value {
    let text = message.paragraphs(|item| format!("• {}", item.heading)).join("\n\n");
    // Without a message ntfy writes "triggered".
    let text = if text.is_empty() { &message.heading } else { &text };
    let (priority, tag) = match message.tone {
        Tone::Critical => (5, "rotating_light"),
        Tone::Warning => (4, "warning"),
        Tone::Info => (3, "information_source"),
        Tone::Over => (3, "white_check_mark"),
    };
    json!({
        "topic": topic,
        "title": fit_units(&message.heading, TITLE_MAX, plain),
        "message": fit(text, MESSAGE_MAX_BYTES, plain, str::len),
        "priority": priority,
        "tags": [tag],
        "click": message.link,
    })
}

/// JSON is posted to the server itself and names the topic.
pub fn split(url: &str) -> (String, String) {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match url.rsplit_once('/') {
        Some((server, topic)) => (format!("{server}/"), topic.to_owned()),
        None => (url.to_owned(), String::new()),
    }
}

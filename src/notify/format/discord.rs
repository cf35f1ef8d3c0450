//! Discord, by a webhook: one embed. Its title holds 256 characters, its description 4,096, all of it 6,000.

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::{
    ChannelMessage,
    text::{fit_units, markdown},
};

const TITLE_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 4_096;

pub fn body(message: &ChannelMessage) -> Value {
    let text = message.paragraphs(|item| format!("• {}", item.heading)).join("\n\n");
    json!({
        // Whatever the text holds, nobody is called by it.
        "allowed_mentions": { "parse": [] },
        "embeds": [{
            "title": fit_units(&message.heading, TITLE_MAX, markdown),
            "url": message.link,
            "description": fit_units(&text, DESCRIPTION_MAX, markdown),
            "color": message.tone.rgb(),
            "timestamp": message.at.to_rfc3339_opts(SecondsFormat::Secs, true),
        }],
    })
}

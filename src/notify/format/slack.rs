//! Slack, by an incoming webhook: blocks. A header holds 150 characters, a section 3,000.

use serde_json::{Value, json};

use super::{ChannelMessage, text::fit_units};

const HEADER_MAX: usize = 150;
const SECTION_MAX: usize = 3_000;

pub fn body(message: &ChannelMessage) -> Value {
    let mut blocks = vec![json!({
        "type": "header",
        "text": { "type": "plain_text", "text": fit_units(&message.heading, HEADER_MAX, escape), "emoji": false },
    })];
    // The header of a long title is cut.
    if message.heading.encode_utf16().count() > HEADER_MAX {
        blocks.push(section(&message.heading));
    }
    blocks.extend(message.paragraphs(|item| format!("• {}", item.heading)).iter().map(|text| section(text)));
    let link = format!("<{}|Open in tlsight>", escape(&message.link));
    blocks.push(json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": link }] }));
    // What a notification on a phone shows.
    json!({ "text": fit_units(&message.heading, SECTION_MAX, escape), "blocks": blocks })
}

/// `verbatim`: neither links nor names are made out of the text.
fn section(text: &str) -> Value {
    let text = fit_units(text, SECTION_MAX, escape);
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } })
}

/// The three characters by which Slack recognises links, mentions and `<!channel>`.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

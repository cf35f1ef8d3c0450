//! Microsoft Teams, by a webhook of Workflows: an Adaptive Card in a message. Teams takes 28 KB.

use serde_json::{Value, json};

use super::{
    ChannelMessage, Tone,
    text::{fit_units, plain},
};

const HEADING_MAX: usize = 500;
/// Of a group of lines. With two of them and JSON's escapes the card stays far below 28 KB.
const PARAGRAPH_MAX: usize = 3_000;
const LINES_MAX: usize = 40;
/// Of one of several notices.
const ITEM_MAX: usize = 200;

pub fn body(message: &ChannelMessage) -> Value {
    let mut body = vec![json!({
        "type": "RichTextBlock",
        "inlines": [{
            "type": "TextRun",
            "text": fit_units(&message.heading, HEADING_MAX, plain),
            "size": "Large",
            "weight": "Bolder",
            "color": colour(message.tone),
        }],
    })];
    body.extend(blocks(&message.lines));
    body.extend(message.items.iter().map(|item| {
        json!({
            "type": "RichTextBlock",
            "spacing": "Small",
            "inlines": [{
                "type": "TextRun",
                "text": fit_units(&item.heading, ITEM_MAX, plain),
                "selectAction": { "type": "Action.OpenUrl", "url": item.link },
            }],
        })
    }));
    body.extend((message.more > 0).then(|| line(&format!("and {} more", message.more), "Small")));
    body.extend(blocks(&message.advice));
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": { "width": "Full" },
        "body": body,
        "actions": [{ "type": "Action.OpenUrl", "title": "Open in tlsight", "url": message.link }],
    });
    json!({
        "type": "message",
        "summary": fit_units(&message.heading, HEADING_MAX, plain),
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card,
        }],
    })
}

/// One block a line, as a line end within one is not shown everywhere.
fn blocks(lines: &[String]) -> Vec<Value> {
    let text = fit_units(&lines.join("\n"), PARAGRAPH_MAX, plain);
    let spacing = |index| if index == 0 { "Default" } else { "Small" };
    let lines = text.split('\n').take(LINES_MAX).filter(|line| !line.is_empty()).enumerate();
    lines.map(|(index, text)| line(text, spacing(index))).collect()
}

/// A rich text block shows its text as it is; a plain one would read it as Markdown.
fn line(text: &str, spacing: &str) -> Value {
    json!({ "type": "RichTextBlock", "spacing": spacing, "inlines": [{ "type": "TextRun", "text": text }] })
}

fn colour(tone: Tone) -> &'static str {
    match tone {
        Tone::Critical => "Attention",
        Tone::Warning => "Warning",
        Tone::Info => "Default",
        Tone::Over => "Good",
    }
}

//! A notice as a mail: plain text, and an HTML without anything from elsewhere, that lets the reader's program choose the
//! colours of paper and ink.

use std::fmt::Write;

use super::{
    ChannelMessage,
    text::{fit_units, plain},
};
use crate::alerts::notice::{Email, Notice};

/// Longer subjects are cut by what shows them, and by filters.
const SUBJECT_MAX: usize = 200;

/// The notices as one mail of the list `alerts`.
pub fn email(notices: &[Notice], base: &str) -> Email {
    let message = ChannelMessage::of(notices, base);
    Email {
        subject: fit_units(&format!("[tlsight] {}", message.heading), SUBJECT_MAX, plain),
        text: text(&message),
        html: html(&message),
        pictures: Vec::new(),
        list: "alerts".to_owned(),
    }
}

fn text(message: &ChannelMessage) -> String {
    let mut paragraphs = vec![message.heading.clone()];
    paragraphs.extend(message.paragraphs(|item| format!("- {}\n  {}", item.heading, item.link)));
    paragraphs.push(message.link.clone());
    paragraphs.join("\n\n") + "\n"
}

fn html(message: &ChannelMessage) -> String {
    let mut body = String::new();
    let _ = writeln!(
        body,
        "<h1 style=\"font-size:18px;line-height:1.35;margin:0 0 16px;padding-left:12px;border-left:4px solid {}\">{}</h1>",
        message.tone.css(),
        escape(&message.heading)
    );
    for line in &message.lines {
        let _ = writeln!(body, "<p style=\"margin:0 0 8px\">{}</p>", escape(line));
    }
    if !message.items.is_empty() {
        body.push_str("<ul style=\"margin:0 0 8px;padding-left:20px\">\n");
        for item in &message.items {
            let _ = writeln!(
                body,
                "<li style=\"margin:0 0 6px\"><a href=\"{}\" style=\"color:inherit\">{}</a></li>",
                escape(&item.link),
                escape(&item.heading)
            );
        }
        body.push_str("</ul>\n");
    }
    if message.more > 0 {
        let _ = writeln!(body, "<p style=\"margin:0 0 8px\">and {} more</p>", message.more);
    }
    if !message.advice.is_empty() {
        body.push_str("<div style=\"margin:16px 0 0\">\n");
        for line in &message.advice {
            let _ = writeln!(body, "<p style=\"margin:0 0 6px\">{}</p>", escape(line));
        }
        body.push_str("</div>\n");
    }
    let _ = writeln!(
        body,
        "<p style=\"margin:20px 0 0\"><a href=\"{}\" style=\"color:inherit;font-weight:600\">Open in tlsight</a></p>",
        escape(&message.link)
    );
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"supported-color-schemes\" content=\"light dark\">\n<title>{}</title>\n\
         <style>:root {{ color-scheme: light dark }}</style>\n</head>\n\
         <body style=\"margin:0;padding:16px\">\n\
         <div style=\"max-width:640px;margin:0 auto;font:15px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;\
         overflow-wrap:anywhere\">\n{body}</div>\n</body>\n</html>\n",
        escape(&message.heading)
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

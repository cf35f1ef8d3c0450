//! A email as the bytes of a mail: plain text and HTML, pictures within, headers that keep machines from answering it.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use lettre::{
    Address, Message,
    address::Envelope,
    message::{
        Attachment, Mailbox, MultiPart, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
    },
};
use uuid::Uuid;

use crate::alerts::notice::Email;

/// A email with everything that goes around it.
#[derive(Debug, Clone)]
pub(super) struct Post<'a> {
    pub email: &'a Email,
    /// Names the mail: the same at each attempt.
    pub delivery: Uuid,
    pub at: DateTime<Utc>,
    pub from: &'a Address,
    pub to: &'a Address,
    /// The alert that it is about: mails about the same one stand together.
    pub thread: Option<Uuid>,
    /// Whether the recipient is at a domain whose TLS may be what the mail is about (RFC 8689).
    pub without_tls: bool,
}

/// The mail, and its envelope with the empty sender, so that no bounce comes back (RFC 8460 §5.6).
pub(super) fn compose(post: &Post<'_>) -> Result<(Envelope, Vec<u8>), String> {
    let Post { email, delivery, from, to, .. } = post;
    let host = from.domain();
    let mut builder = Message::builder()
        .from(Mailbox::new(Some("tlsight".to_owned()), (*from).clone()))
        .to(Mailbox::new(None, (*to).clone()))
        .subject(crate::text::visible(&email.subject).into_owned())
        .date(SystemTime::from(post.at))
        .message_id(Some(format!("<{}.{delivery}@{host}>", email.list)));
    if let Some(alert) = post.thread {
        let thread = format!("<alert.{alert}@{host}>");
        builder = builder.in_reply_to(thread.clone()).references(thread);
    }
    // RFC 3834 §5, RFC 2919 §3
    builder = builder
        .raw_header(header("Auto-Submitted", "auto-generated".to_owned()))
        .raw_header(header("List-Id", format!("<{}.{host}>", email.list)));
    if post.without_tls {
        builder = builder.raw_header(header("TLS-Required", "No".to_owned()));
    }
    let mail = builder.multipart(body(email, *delivery, host)).map_err(|error| error.to_string())?;
    let envelope = Envelope::new(None, vec![(*to).clone()]).map_err(|error| error.to_string())?;
    Ok((envelope, mail.formatted()))
}

fn header(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
}

fn body(email: &Email, delivery: Uuid, host: &str) -> MultiPart {
    let alternative = MultiPart::alternative().singlepart(SinglePart::plain(email.text.clone()));
    if email.pictures.is_empty() {
        return alternative.singlepart(SinglePart::html(email.html.clone()));
    }
    let mut html = email.html.clone();
    let mut pictures = Vec::new();
    for picture in &email.pictures {
        // RFC 2392: a Content-ID is unique in the world.
        let id = format!("{}.{delivery}@{host}", picture.name);
        html = html.replace(&format!("\"cid:{}\"", picture.name), &format!("\"cid:{id}\""));
        let part = Attachment::new_inline_with_name(id, format!("{}.png", picture.name));
        pictures.push(part.body(picture.png.clone(), png()));
    }
    let related = MultiPart::related().singlepart(SinglePart::html(html));
    alternative.multipart(pictures.into_iter().fold(related, MultiPart::singlepart))
}

fn png() -> ContentType {
    ContentType::parse("image/png").expect("a media type")
}

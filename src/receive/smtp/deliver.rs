//! A complete message on its way to the stages and back.

use std::{net::IpAddr, sync::Arc};

use tokio::time::timeout;

use super::{ListenerState, answer, memory::Reservation};
use crate::{
    smtp::{ReceivedMessage, SmtpReply},
    submission::{Hints, MAIL, Submission},
};

/// Hands a message on, once for each token it was addressed with, and gives a reply for each recipient. When its sender is
/// told to come back because storing takes too long, the message goes on without it.
pub(super) async fn deliver(
    state: &Arc<ListenerState>,
    message: ReceivedMessage,
    peer: Option<IpAddr>,
    share: Reservation,
) -> Vec<SmtpReply> {
    let mut tokens: Vec<Option<String>> = Vec::new();
    let mut token_of_recipient = Vec::with_capacity(message.recipients.len());
    for recipient in message.recipients {
        let known = tokens.iter().position(|token| *token == recipient.token);
        token_of_recipient.push(known.unwrap_or(tokens.len()));
        if known.is_none() {
            tokens.push(recipient.token);
        }
    }
    let message_bytes = message.bytes.len();
    // On a task of its own a fault in our own code costs one answer, and a connection that breaks costs none.
    let storing = tokio::spawn(store(Arc::clone(state), message.bytes, tokens, peer, share));
    let replies = match timeout(state.deadlines.answer, storing).await {
        Ok(Ok(replies)) => replies,
        Ok(Err(_)) => Vec::new(),
        Err(_) => {
            let deadline_s = state.deadlines.answer.as_secs();
            tracing::warn!(deadline_s, "storing a mail takes too long, its sender was told to come back");
            return vec![answer::SLOW; token_of_recipient.len()];
        }
    };
    let replies: Vec<SmtpReply> =
        token_of_recipient.iter().map(|token| replies.get(*token).cloned().unwrap_or(answer::FAILED)).collect();
    let (peer, listener) = (peer.map(tracing::field::display), state.channel.as_str());
    let codes: Vec<u16> = replies.iter().map(SmtpReply::code).collect();
    tracing::debug!(listener, peer, message_bytes, ?codes, "a mail was answered");
    replies
}

/// The replies in the order of the tokens.
async fn store(
    state: Arc<ListenerState>,
    mut bytes: Vec<u8>,
    tokens: Vec<Option<String>>,
    peer: Option<IpAddr>,
    share: Reservation,
) -> Vec<SmtpReply> {
    let received_at = state.clock.now();
    let mut replies = Vec::with_capacity(tokens.len());
    let mut left = tokens.len();
    for token in tokens {
        left = left.saturating_sub(1);
        let bytes = if left == 0 { std::mem::take(&mut bytes) } else { bytes.clone() };
        let hints = Hints { media_type: Some(MAIL.to_owned()), token, ..Hints::default() };
        let receipt = state.accept.accept(Submission { bytes, channel: state.channel, peer, received_at, hints }).await;
        state.part.count(&receipt);
        replies.push(answer::reply(&receipt));
    }
    drop(share);
    replies
}

//! One element of `failure-details`.

use super::{
    count::count,
    domain::host,
    ip::ip,
    text::{cut, keyword, text, trimmed, verbatim},
};
use crate::{
    limits::REASON_CODE_MAX_BYTES,
    report::{
        Deviation, Failure, Text,
        json::{JsonField, JsonValue},
        notes::Notes,
        wire::Detail,
    },
};

/// RFC 8460 §4.3 and its IANA registry. The list may grow: others are kept and noted.
const RESULT_TYPES: [&str; 11] = [
    "starttls-not-supported",
    "certificate-host-mismatch",
    "certificate-expired",
    "certificate-not-trusted",
    "validation-failure",
    "tlsa-invalid",
    "dnssec-invalid",
    "dane-required",
    "sts-policy-fetch-error",
    "sts-policy-invalid",
    "sts-webpki-invalid",
];

/// RFC 8460 §4.3.1 and §4.3.3: these come out of a session, so its ends are known.
const NEGOTIATION: usize = 5;

const UNKNOWN: &str = "unknown";

pub(crate) fn failure(detail: Detail<'_>, notes: &mut Notes) -> Failure {
    let result_type = result_type(detail.result_type, notes);
    let sending_mta_ip = ip(detail.sending_mta_ip, notes);
    let receiving_mx_hostname = text(detail.receiving_mx_hostname, notes).map(|name| host(&name));
    if RESULT_TYPES[..NEGOTIATION].contains(&result_type.as_str()) {
        if sending_mta_ip == Text::Absent {
            notes.add(Deviation::IpMissing, detail.at);
        }
        if receiving_mx_hostname.is_none() {
            notes.add(Deviation::MxMissing, detail.at);
        }
    }
    Failure {
        result_type,
        sending_mta_ip,
        receiving_mx_hostname,
        receiving_mx_helo: verbatim(detail.receiving_mx_helo, notes),
        receiving_ip: ip(detail.receiving_ip, notes),
        failed_sessions: count(&detail.failed_sessions, Deviation::CountMissing, notes),
        additional_information: additional_information(detail.additional_information, notes),
        reason_code: reason_code(detail.reason_code, notes),
    }
}

fn result_type(field: JsonField<'_>, notes: &mut Notes) -> String {
    let at = field.at;
    match keyword(field, notes) {
        Some(result_type) => {
            if !RESULT_TYPES.contains(&result_type.as_str()) {
                notes.add(Deviation::ResultTypeUnknown, at);
            }
            result_type
        }
        None => {
            notes.add(Deviation::ResultTypeMissing, at);
            UNKNOWN.to_owned()
        }
    }
}

/// RFC 8460 §4.4: a URI. It is shown, never fetched.
fn additional_information(field: JsonField<'_>, notes: &mut Notes) -> Option<String> {
    let at = field.at;
    if let JsonValue::Nested(json) = field.value {
        notes.add(Deviation::AdditionalInformationObject, at);
        let mut compact = compact(json);
        cut(&mut compact, REASON_CODE_MAX_BYTES);
        return Some(compact);
    }
    let information = text(field, notes)?;
    if !is_uri(&information) {
        notes.add(Deviation::UriInvalid, at);
    }
    Some(information)
}

fn reason_code(field: JsonField<'_>, notes: &mut Notes) -> Option<String> {
    let at = field.at;
    let mut code = match field.value {
        JsonValue::Number(number) => {
            notes.add(Deviation::ReasonCodeNotString, at);
            number.to_owned()
        }
        JsonValue::Text(text) => trimmed(text)?,
        _ => text(field, notes)?,
    };
    if cut(&mut code, REASON_CODE_MAX_BYTES) {
        notes.add(Deviation::ReasonCodeCut, at);
    }
    Some(code)
}

/// RFC 3986 §3, as far as it matters: a scheme, a colon, and none of the characters no URI holds.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let forbidden =
        |character: char| character.is_whitespace() || character.is_control() || "<>\"{}|\\^`".contains(character);
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !rest.is_empty()
        && !rest.contains(forbidden)
}

/// JSON without the white space between its tokens.
fn compact(json: &str) -> String {
    let mut in_string = false;
    let mut escaped = false;
    let keeps = |character: &char| {
        let keep = in_string || !character.is_ascii_whitespace();
        match character {
            '"' if !escaped => in_string = !in_string,
            _ => {}
        }
        escaped = in_string && !escaped && *character == '\\';
        keep
    };
    // Longer than what is kept need not be looked at: it is cut all the same.
    json.chars().take(16 * REASON_CODE_MAX_BYTES).filter(keeps).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_told_from_text() {
        for uri in ["https://example.com/a?b=c#d", "mailto:a@example.com", "urn:x"] {
            assert!(is_uri(uri), "{uri}");
        }
        for text in ["see the log", "https://example.com/a b", "https:", "://x", "1a:b", "a\u{0}b:c", "/relative"] {
            assert!(!is_uri(text), "{text}");
        }
    }

    #[test]
    fn blanks_inside_strings_stay() {
        assert_eq!(compact("{ \"a b\\\" c\" :\n [1 , 2] }"), "{\"a b\\\" c\":[1,2]}");
    }
}

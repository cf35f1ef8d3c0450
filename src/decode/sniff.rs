//! What a piece of bytes is, by its first ones.

use flate2::{Decompress, FlushDecompress};

use super::utf16;
use crate::fault::{Fault, FaultCode, FaultPlace, Layer};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Empty,
    Gzip,
    Zip,
    /// Begins like a JSON text; whether it is one, the parser says.
    Json,
    /// A mail (RFC 5322), or a mailbox of them (RFC 4155).
    Mail,
    Foreign(FaultCode, &'static str),
}

impl Form {
    /// The fault of a form that holds no report.
    pub(super) fn fault(self, place: FaultPlace) -> Fault {
        match self {
            Form::Foreign(code, detail) => Fault::new(code, detail, place),
            Form::Mail => {
                let detail = match place {
                    FaultPlace::Byte { of: Layer::Unpacked, .. } => "a compressed mail or mailbox: unpack it first",
                    _ => "this is a mail or a mailbox, a report was expected",
                };
                Fault::new(FaultCode::NotJson, detail, place)
            }
            _ => Fault::new(FaultCode::Empty, "nothing is left after unpacking", place),
        }
    }
}

pub(super) fn sniff(bytes: &[u8]) -> Form {
    use FaultCode::{BadEncoding, BadJson, NotGzip, NotJson};
    match bytes {
        [] => return Form::Empty,
        [0x1f, 0x8b, ..] => return Form::Gzip,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, ..] => return Form::Zip,
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => {
            return Form::Foreign(BadEncoding, "the text is UTF-32, JSON is UTF-8 (RFC 7493 §2.1)");
        }
        [0, b'{' | b'[', ..] | [b'{' | b'[', 0, ..] => {
            return Form::Foreign(
                BadEncoding,
                "the text is UTF-16 without a byte order mark, JSON is UTF-8 (RFC 7493 §2.1)",
            );
        }
        [b'%', b'P', b'D', b'F', ..] => return Form::Foreign(NotJson, "this is a PDF file"),
        [0xff, 0xd8, 0xff, ..] | [0x89, b'P', b'N', b'G', ..] | [b'G', b'I', b'F', b'8', ..] => {
            return Form::Foreign(NotJson, "this is a picture");
        }
        _ => {}
    }
    if let Some(start) = utf16::start(bytes) {
        return match start.trim_start().as_bytes() {
            [] | [b'{' | b'[', ..] => Form::Json,
            [b'<', ..] => Form::Foreign(NotJson, "this is XML or HTML"),
            _ => Form::Foreign(NotJson, "this is a text in UTF-16, and no JSON"),
        };
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    match text {
        [] | [b'{' | b'[' | b'"' | b'-' | b'0'..=b'9', ..] => Form::Json,
        [b't', b'r', b'u', b'e', ..] | [b'f', b'a', b'l', b's', b'e', ..] | [b'n', b'u', b'l', b'l', ..] => Form::Json,
        [b'<', ..] if is_html(text) => Form::Foreign(NotJson, "this is HTML, perhaps an error page"),
        [b'<', ..] => Form::Foreign(NotJson, "this is XML, perhaps a DMARC aggregate report"),
        [0xef, 0xbb, 0xbf, ..] => Form::Foreign(BadJson, "there is more than one byte order mark"),
        [b'/', b'/' | b'*', ..] => Form::Foreign(BadJson, "JSON knows no comments"),
        _ if is_call(text) => Form::Foreign(BadJson, "the JSON text is wrapped into a function call"),
        _ if is_mail(bytes) => Form::Mail,
        _ if is_zlib(bytes) => Form::Foreign(NotGzip, "this is a zlib stream, gzip was expected (RFC 8460 §5.2)"),
        _ if is_deflate(bytes) => {
            Form::Foreign(NotGzip, "this is a deflate stream without the gzip header (RFC 8460 §5.2)")
        }
        _ => Form::Foreign(NotJson, "this is neither gzip nor zip nor JSON"),
    }
}

fn is_html(text: &[u8]) -> bool {
    let head = text.get(..64).unwrap_or(text).to_ascii_lowercase();
    head.starts_with(b"<!doctype html") || head.starts_with(b"<html")
}

/// `name({` or `name([`, as JSONP has it.
fn is_call(text: &[u8]) -> bool {
    let name = text.iter().take(64).take_while(|byte| byte.is_ascii_alphanumeric() || b"_$.".contains(byte)).count();
    name > 0 && matches!(text.get(name..), Some([b'(', b'{' | b'[', ..]))
}

/// The line `From ` of a mailbox, or the name of a header field with its colon and a space (RFC 5322 §2.2).
fn is_mail(bytes: &[u8]) -> bool {
    let name = bytes.iter().take(64).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count();
    bytes.starts_with(b"From ") || (name > 0 && matches!(bytes.get(name..), Some([b':', b' ' | b'\t', ..])))
}

/// RFC 1950 §2.2: method 8, a window of at most 32 KiB, and a check sum over both bytes.
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [cmf, flg, ..]
        if cmf & 0x0f == 8 && cmf >> 4 <= 7 && u16::from_be_bytes([*cmf, *flg]).is_multiple_of(31))
}

/// Raw deflate has no mark; it counts as such when JSON comes out.
fn is_deflate(bytes: &[u8]) -> bool {
    let mut inflate = Decompress::new(false);
    let mut output = [0; 64];
    let head = bytes.get(..4096).unwrap_or(bytes);
    if inflate.decompress(head, &mut output, FlushDecompress::None).is_err() {
        return false;
    }
    let produced = output.get(..inflate.total_out() as usize).unwrap_or_default();
    matches!(produced.trim_ascii_start(), [b'{' | b'[', ..])
}

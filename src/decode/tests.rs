use std::io::Write;

use flate2::{Compression, GzBuilder, write::DeflateEncoder, write::GzEncoder, write::ZlibEncoder};
use proptest::prelude::*;

use super::*;
use crate::fault::Layer;

const JSON: &[u8] = br#"{"report-id":"1"}"#;

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn read(bytes: &[u8]) -> Result<Document, Fault> {
    decode(bytes, &Hints::default(), &Limits::default())
}

fn with_type(bytes: &[u8], media_type: &str, encoding: &str) -> Result<Document, Fault> {
    let hints = Hints {
        media_type: Some(media_type.to_owned()),
        content_encoding: Some(encoding.to_owned()),
        ..Hints::default()
    };
    decode(bytes, &hints, &Limits::default())
}

fn codes(document: &Document) -> Vec<&'static str> {
    document.deviations.iter().map(|(deviation, _)| deviation.as_str()).collect()
}

fn fault(bytes: &[u8]) -> FaultCode {
    read(bytes).unwrap_err().code
}

fn small() -> Limits {
    Limits { report_decompressed_max_bytes: 4 * 1024 * 1024, ..Limits::default() }
}

#[test]
fn compression_is_removed() {
    let (head, tail) = JSON.split_at(5);
    let cases: [(&[u8], &[&str]); 6] = [
        (JSON, &[]),
        (&gz(JSON), &[]),
        (&[gz(head), gz(b""), gz(tail)].concat(), &[]),
        (&gz(&gz(JSON)), &["double-gzip"]),
        (&gz(&[gz(head), gz(tail)].concat()), &["double-gzip"]),
        (&[gz(JSON), b"\0\0 \n".to_vec()].concat(), &["gzip-trailing"]),
    ];
    for (bytes, expected) in cases {
        let document = read(bytes).unwrap();
        assert_eq!(document.json, JSON);
        assert_eq!(codes(&document), expected);
    }
}

#[test]
fn every_member_may_be_a_byte_long() {
    let members: Vec<u8> = JSON.iter().flat_map(|byte| gz(&[*byte])).collect();
    assert_eq!(read(&members).unwrap().json, JSON);
    let inner: Vec<u8> = gz(JSON).iter().flat_map(|byte| gz(&[*byte])).collect();
    assert_eq!(codes(&read(&inner).unwrap()), ["double-gzip"]);
}

#[test]
fn a_member_may_begin_across_two_pieces_of_the_outer_layer() {
    for padding in 0..40 {
        let first = gz(&[b' '; 10]);
        let filler = 32 * 1024 - first.len() - 20 - padding;
        let mut name = GzBuilder::new().filename(vec![b'n'; filler]).write(Vec::new(), Compression::default());
        name.write_all(b" ").unwrap();
        let inner = [first, name.finish().unwrap(), gz(JSON)].concat();
        let document = read(&gz(&inner)).unwrap();
        assert_eq!(document.json.trim_ascii(), JSON, "{padding}");
    }
}

#[test]
fn header_fields_are_stepped_over() {
    let mut encoder = GzBuilder::new()
        .filename("../../etc/passwd")
        .comment("x")
        .extra(vec![1; 1000])
        .mtime(1)
        .operating_system(0)
        .write(Vec::new(), Compression::best());
    encoder.write_all(JSON).unwrap();
    let bytes = encoder.finish().unwrap();
    assert_eq!(read(&bytes).unwrap().json, JSON);
}

#[test]
fn a_header_checksum_is_checked() {
    let mut crc = flate2::Crc::new();
    let header = [0x1f, 0x8b, 8, FHCRC, 0, 0, 0, 0, 0, 3];
    const FHCRC: u8 = 2;
    crc.update(&header);
    let sum = (crc.sum() as u16).to_le_bytes();
    let good = [&header[..], &sum, &gz(JSON)[10..]].concat();
    assert_eq!(read(&good).unwrap().json, JSON);
    let bad = [&header[..], &[sum[0] ^ 1, sum[1]], &gz(JSON)[10..]].concat();
    assert_eq!(fault(&bad), FaultCode::GzipHeader);
}

#[test]
fn every_truncation_is_told() {
    let bytes = gz(JSON);
    for length in 3..bytes.len() {
        let fault = read(&bytes[..length]).unwrap_err();
        assert_eq!(fault.code, FaultCode::GzipTruncated, "{length}");
        assert_eq!(fault.place, FaultPlace::Byte { offset: length as u64, of: Layer::Received }, "{length}");
    }
    assert_eq!(fault(&gz(&gz(JSON)[..20])), FaultCode::GzipTruncated);
}

#[test]
fn damage_is_told() {
    let bytes = gz(JSON);
    for (from_end, name) in [(8, "checksum"), (4, "length")] {
        let mut damaged = bytes.clone();
        let at = damaged.len() - from_end;
        damaged[at] ^= 1;
        let fault = read(&damaged).unwrap_err();
        assert_eq!(fault.code, FaultCode::GzipCrc);
        assert!(fault.detail.contains(name), "{}", fault.detail);
        assert_eq!(fault.place, FaultPlace::Byte { offset: bytes.len() as u64 - 8, of: Layer::Received });
    }
    let mut damaged = bytes.clone();
    damaged[10] = 0xff;
    assert_eq!(fault(&damaged), FaultCode::GzipCrc);
    for (at, value) in [(2, 7), (3, 0x80)] {
        let mut damaged = bytes.clone();
        damaged[at] = value;
        assert_eq!(fault(&damaged), FaultCode::GzipHeader);
    }
    let endless = [&[0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3][..], &vec![b'x'; 100_000]].concat();
    assert_eq!(fault(&endless), FaultCode::GzipHeader);
}

#[test]
fn layers_and_members_are_bounded() {
    assert_eq!(fault(&gz(&gz(&gz(JSON)))), FaultCode::TooManyLayers);
    let empty = gz(b"");
    let many = |count| [empty.repeat(count), gz(JSON)].concat();
    assert!(read(&many(999)).is_ok());
    assert_eq!(fault(&many(1_000)), FaultCode::TooManyMembers);
}

#[test]
fn nothing_is_empty() {
    for bytes in [&b""[..], b" \r\n", &gz(b""), &gz(b"\n"), &gz(&gz(b"")), b"\xef\xbb\xbf"] {
        assert_eq!(fault(bytes), FaultCode::Empty, "{bytes:?}");
    }
}

#[test]
fn what_is_no_report_is_named() {
    use FaultCode::*;
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(JSON).unwrap();
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
    deflate.write_all(JSON).unwrap();
    let utf16: Vec<u8> = "{\"a\":1}".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let utf32: Vec<u8> = "\u{feff}{}".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    let cases: [(&[u8], FaultCode, &str); 16] = [
        (b"<?xml version=\"1.0\"?><feedback>", NotJson, "DMARC"),
        (b"\n <!DOCTYPE HTML><html>", NotJson, "HTML"),
        (b"%PDF-1.7", NotJson, "PDF"),
        (b"\xff\xd8\xff\xe0", NotJson, "picture"),
        (b"hello", NotJson, "neither"),
        (b"%7B%22a%22%3A1%7D", NotJson, "neither"),
        (b"report({\"a\":1})", BadJson, "function"),
        (b"// report\n{}", BadJson, "comments"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", BadJson, "byte order mark"),
        (&utf16, BadEncoding, "UTF-16"),
        (&utf32, BadEncoding, "UTF-32"),
        (b"\xff\xfeh\0i\0", NotJson, "UTF-16"),
        (b"\xff\xfe{\0}", BadEncoding, "middle of a unit"),
        (b"\xfe\xff\0{\xd8\0\0}", BadEncoding, "half a character"),
        (&zlib.finish().unwrap(), NotGzip, "zlib"),
        (&deflate.finish().unwrap(), NotGzip, "deflate"),
    ];
    for (bytes, code, word) in cases {
        let plain = read(bytes).unwrap_err();
        assert_eq!(plain.code, code, "{bytes:?}");
        assert!(plain.detail.contains(word), "{}", plain.detail);
        assert_eq!(fault(&gz(bytes)), code, "{bytes:?} in gzip");
    }
}

#[test]
fn a_compressed_mail_is_to_be_unpacked_first() {
    for mail in [&b"From a@x.example Mon Jan  1 00:00:00 2024\nTo: b\n"[..], b"Received: from x\n", b"X-Y:\tz\n"] {
        for packed in [gz(mail), gz(&gz(mail)), zip(&[("mail.txt", mail)])] {
            let fault = read(&packed).unwrap_err();
            assert_eq!(
                (fault.code, fault.place),
                (FaultCode::NotJson, FaultPlace::Byte { offset: 0, of: Layer::Unpacked })
            );
            assert_eq!(fault.detail, "a compressed mail or mailbox: unpack it first");
        }
        assert_eq!(read(mail).unwrap_err().detail, "this is a mail or a mailbox, a report was expected");
    }
    assert!(read(&gz(b"a sentence: it is no header")).unwrap_err().detail.contains("neither"));
}

#[test]
fn sizes_are_bounded() {
    let wire = Limits { report_wire_max_bytes: JSON.len(), ..Limits::default() };
    assert!(decode(JSON, &Hints::default(), &wire).is_ok());
    let longer = [JSON, b" "].concat();
    assert_eq!(decode(&longer, &Hints::default(), &wire).unwrap_err().code, FaultCode::TooLargeWire);

    let mut json = JSON.to_vec();
    json.resize(5 * 1024 * 1024, b' ');
    let fault = decode(&gz(&json), &Hints::default(), &small()).unwrap_err();
    assert_eq!(fault.code, FaultCode::TooLargeUnpacked);
    assert!(fault.detail.contains("report_compression_ratio_max"), "{}", fault.detail);
    let loose = Limits { report_compression_ratio_max: u64::MAX, ..small() };
    for bytes in [gz(&json), gz(&gz(&json)), zip(&[("a", &json)])] {
        let fault = decode(&bytes, &Hints::default(), &loose).unwrap_err();
        assert_eq!(fault.code, FaultCode::TooLargeUnpacked);
        assert!(fault.detail.contains("report_decompressed_max_bytes"), "{}", fault.detail);
    }
    json.truncate(4 * 1024 * 1024);
    assert_eq!(decode(&gz(&json), &Hints::default(), &loose).unwrap().json, JSON);
    // Zeros are no report, but that they are too many is said first.
    let zeros = gz(&vec![0; 5 * 1024 * 1024]);
    assert_eq!(decode(&zeros, &Hints::default(), &loose).unwrap_err().code, FaultCode::TooLargeUnpacked);
}

#[test]
fn large_documents_are_measured_and_then_held() {
    let mut json = b"[\"".to_vec();
    json.extend((0..20 * 1024 * 1024_u32).map(|number| b'a' + (number.wrapping_mul(2_654_435_761) >> 24) as u8 % 26));
    json.extend(b"\"]");
    for bytes in [gz(&json), gz(&gz(&json)), zip(&[("a", &json)])] {
        assert!(read(&bytes).unwrap().json == json);
    }
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options = ::zip::write::SimpleFileOptions::default().compression_method(::zip::CompressionMethod::Deflated);
        if name.ends_with('/') {
            writer.add_directory(*name, options).unwrap();
        } else {
            writer.start_file(*name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn utf_16_is_read_behind_its_mark() {
    let text = "\u{feff} {\"a\":\"\u{fc}\u{1f4e7}\"}\r\n";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [&little, &big] {
        for packed in [bytes.clone(), gz(bytes), zip(&[("a.json", bytes)])] {
            let document = read(&packed).unwrap();
            assert_eq!(document.json, " {\"a\":\"\u{fc}\u{1f4e7}\"}".as_bytes());
            assert!(codes(&document).contains(&"utf-16"));
        }
    }
    // It grows by half where each unit becomes three bytes.
    let long = format!("\u{feff}[\"{}\"]", "\u{20ac}".repeat(1_000));
    let long: Vec<u8> = long.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let limits = Limits { report_decompressed_max_bytes: 2_500, ..Limits::default() };
    assert_eq!(decode(&long, &Hints::default(), &limits).unwrap_err().code, FaultCode::TooLargeUnpacked);
}

#[test]
fn a_zip_archive_gives_its_only_file() {
    let beside: [&[(&str, &[u8])]; 6] = [
        &[("../a.json", JSON)],
        &[("dir/", b""), ("dir/report", JSON)],
        &[("a.json", JSON), ("__MACOSX/._a.json", b"\0\x05\x16\x07{")],
        &[("._a.json", JSON), (".DS_Store", JSON), ("x/__MACOSX/._a", JSON), ("x/a", JSON)],
        &[("readme.txt", b"a report"), ("a.json", JSON), ("a.pdf", b"%PDF-1.7"), ("empty", b"")],
        &[("a.json.gz", &gz(JSON))],
    ];
    for members in beside {
        let document = read(&zip(members)).unwrap();
        assert_eq!(document.json, JSON);
        assert_eq!(codes(&document), ["zip"]);
    }
}

#[test]
fn other_zip_archives_are_refused() {
    let good = zip(&[("a.json", JSON)]);
    let directory = good.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    let end = good.windows(4).rposition(|window| window == b"PK\x05\x06").unwrap();
    let changed = |at: usize, bytes: &[u8]| {
        let mut zip = good.clone();
        zip[at..at + bytes.len()].copy_from_slice(bytes);
        zip
    };
    let many: Vec<(String, &[u8])> = (0..100).map(|number| (number.to_string(), JSON)).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    let mut one_name = zip(&[("a.json", JSON), ("b.json", JSON)]);
    for at in 0..one_name.len() - 6 {
        if one_name[at..].starts_with(b"b.json") {
            one_name[at] = b'a';
        }
    }
    let cases = [
        zip(&[]),
        zip(&[("._a.json", JSON)]),
        zip(&many),
        zip(&[("a.zip", &good)]),
        one_name,
        gz(&good),
        changed(directory + 8, &[1]),
        changed(directory + 10, &[99]),
        changed(directory + 16, &[0, 0, 0, 0]),
        changed(directory + 20, &[0xff, 0xff, 0xff, 0x7f]),
        changed(end + 10, &[0xff, 0xff]),
        changed(end + 16, &[0xff, 0xff, 0xff, 0xff]),
        good[..end].to_vec(),
        b"PK\x03\x04".to_vec(),
    ];
    for (index, bytes) in cases.iter().enumerate() {
        assert_eq!(read(bytes).map_err(|fault| fault.code).err(), Some(FaultCode::Zip), "{index}");
    }
    assert_eq!(fault(&zip(&[("a.xml", b"<feedback>")])), FaultCode::NotJson);
    assert_eq!(fault(&zip(&[("a.json", b"")])), FaultCode::Empty);
}

#[test]
fn a_zip_archive_gives_each_of_its_documents_or_says_what_is_wrong_with_it() {
    let several = zip(&[
        ("a.json", JSON),
        ("mail.eml", b"From: a@b.example\n\n"),
        ("b.json.gz", &gz(b"{\"report-id\":\"2\"}")),
        ("c.json.gz", &gz(JSON)[..20]),
        ("d.zip", &zip(&[("a.json", JSON)])),
        ("e.json.gz", &gz(&gz(&gz(JSON)))),
    ]);
    let documents = documents(&several, &Hints::default(), &Limits::default()).unwrap();
    let shown = |document: &Result<Document, Fault>| match document {
        Ok(document) => format!("{} {:?}", String::from_utf8_lossy(&document.json), document.file),
        Err(fault) => format!("{}: {fault}", fault.code.as_str()),
    };
    let shown: Vec<String> = documents.iter().map(shown).collect();
    assert_eq!(shown[..2], ["{\"report-id\":\"1\"} Some(1)", "{\"report-id\":\"2\"} Some(3)"]);
    assert!(shown[2].contains("gzip-truncated") && shown[2].contains("in file 4 of the zip archive"), "{}", shown[2]);
    assert!(shown[3].contains("inside another one, in file 5"), "{}", shown[3]);
    assert!(shown[4].contains("too-many-layers"), "{}", shown[4]);
    assert_eq!(shown.len(), 5);
    assert_eq!(fault(&several), FaultCode::Zip, "for whom wants one");
}

#[test]
fn what_comes_out_of_an_archive_is_bounded_together() {
    let mut json = JSON.to_vec();
    json.resize(1024 * 1024, b' ');
    let loose = Limits { report_compression_ratio_max: u64::MAX, ..small() };
    let archive = |files: usize, bytes: &[u8]| {
        let names: Vec<String> = (0..files).map(|number| number.to_string()).collect();
        let members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), bytes)).collect();
        documents(&zip(&members), &Hints::default(), &loose)
    };
    assert_eq!(archive(4, &json).unwrap().len(), 4);
    assert_eq!(archive(5, &json).unwrap_err().code, FaultCode::TooLargeUnpacked);
    assert_eq!(archive(5, &gz(&json)).unwrap_err().code, FaultCode::TooLargeUnpacked);
    // Damaged files are not unpacked again and again.
    let mut damaged = gz(&json);
    let end = damaged.len() - 8;
    damaged[end] ^= 1;
    assert_eq!(archive(3, &damaged).unwrap().len(), 3);
    assert_eq!(archive(12, &damaged).unwrap_err().code, FaultCode::TooLargeUnpacked);
}

#[test]
fn claims_about_the_bytes_are_compared_with_them() {
    let gzip = gz(JSON);
    let cases: [(&[u8], &str, &str, &[&str]); 16] = [
        (&gzip, "application/tlsrpt+gzip", "", &[]),
        (&gzip, " Application/TLSRPT+gzip ; x=y;", "identity", &[]),
        (JSON, "application/tlsrpt+json;", "", &[]),
        (JSON, "application/tlsrpt+gzip", "", &["media-type-mismatch"]),
        (&gzip, "application/tlsrpt+json", "", &["media-type-mismatch"]),
        (&gzip, "application/json", "", &["media-type-mismatch"]),
        (JSON, "application/gzip", "", &["media-type-mismatch"]),
        (JSON, "application/json", "", &["media-type"]),
        (&gzip, "application/gzip", "", &["media-type"]),
        (&gzip, "application/octet-stream", "", &["media-type"]),
        (JSON, "application/x-www-form-urlencoded", "", &["media-type"]),
        (JSON, "", "", &["media-type"]),
        (JSON, "application/zip", "", &["media-type-mismatch"]),
        (&gzip, "application/tlsrpt+json", "gzip", &["content-encoding"]),
        (&gzip, "application/tlsrpt+gzip", "X-GZIP, identity", &["content-encoding"]),
        (JSON, "application/tlsrpt+json", "gzip", &["encoding-mismatch"]),
    ];
    for (bytes, media_type, encoding, expected) in cases {
        let document = with_type(bytes, media_type, encoding).unwrap();
        assert_eq!(codes(&document), expected, "{media_type}, {encoding}");
    }
    assert_eq!(codes(&read(&gzip).unwrap()), [""; 0], "files make no claims");
    for encoding in ["br", "deflate", "gzip, br", "compress", "\u{1b}[2J"] {
        let fault = with_type(&gzip, "application/tlsrpt+gzip", encoding).unwrap_err();
        assert_eq!(fault.code, FaultCode::Encoding, "{encoding}");
        assert!(!fault.detail.contains(char::is_control));
    }
}

#[test]
fn forms_give_their_file() {
    let form = |parts: &[(&str, &[u8])]| {
        let mut body = Vec::new();
        for (header, content) in parts {
            body.extend(b"--B\r\nContent-Disposition: form-data; ");
            body.extend(header.as_bytes());
            body.extend(b"\r\n\r\n");
            body.extend(*content);
            body.extend(b"\r\n");
        }
        body.extend(b"--B--\r\n");
        body
    };
    let upload = |body: &[u8]| with_type(body, "multipart/form-data; charset=x; Boundary=\"B\"", "");
    for body in
        [form(&[("name=a", b"x"), ("name=f; FileName=\"r\"", &gz(JSON))]), form(&[("name=a", JSON), ("name=b", b"x")])]
    {
        let document = upload(&body).unwrap();
        assert_eq!(document.json, JSON);
        assert_eq!(codes(&document), ["form-upload"]);
    }
    let body = form(&[("name=f; filename=r", &gz(JSON)[..20])]);
    let fault = upload(&body).unwrap_err();
    assert_eq!(fault.place, FaultPlace::Byte { offset: body.len() as u64 - 9, of: Layer::Received });
    for body in [&b"x"[..], b"--B", b"--B--", b"--B\r\n\r\n", b"--B\r\n\r\n{}", b"--B\r\nA: b\r\n"] {
        assert_eq!(upload(body).unwrap_err().code, FaultCode::BadRequest, "{body:?}");
    }
    for media_type in ["multipart/form-data", "multipart/form-data; boundary=\"\""] {
        assert_eq!(with_type(&body, media_type, "").unwrap_err().code, FaultCode::BadRequest);
    }
}

#[test]
fn what_surrounds_the_text_is_removed() {
    let document = read(&[b"\xef\xbb\xbf", JSON, b"\r\n \0\0\n"].concat()).unwrap();
    assert_eq!(document.json, [b"   ", JSON].concat());
    assert_eq!(codes(&document), ["bom", "trailing-nul"]);
    assert_eq!(codes(&read(&[JSON, b"\r\n\t "].concat()).unwrap()), [""; 0]);
    assert_eq!(codes(&read(&gz(&[b"\xef\xbb\xbf", JSON].concat())).unwrap()), ["bom"]);
}

proptest! {
    #[test]
    fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
        let _ = read(&gz(&bytes));
        let _ = read(&[b"PK\x03\x04", &bytes[..]].concat());
        let _ = with_type(&bytes, "multipart/form-data; boundary=B", "");
    }

    #[test]
    fn damaged_archives_do_no_harm(at in 0_usize..130, value in any::<u8>()) {
        for mut bytes in [zip(&[("a.json", JSON)]), gz(&gz(JSON))] {
            // Not the first byte: with another one it is not an archive.
            let at = 1 + at % (bytes.len() - 1);
            bytes[at] = value;
            if let Ok(document) = read(&bytes) {
                prop_assert_eq!(&document.json[..], JSON);
            }
        }
    }

    #[test]
    fn what_is_packed_is_unpacked(text in "\\{[ -~]{0,300}\\}", split in 0_usize..300) {
        let (head, tail) = text.as_bytes().split_at(split.min(text.len()));
        for bytes in [gz(text.as_bytes()), [gz(head), gz(tail)].concat(), gz(&gz(text.as_bytes())), text.clone().into_bytes()] {
            let document = read(&bytes).unwrap();
            prop_assert_eq!(&document.json[..], text.as_bytes());
        }
    }
}

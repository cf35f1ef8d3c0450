//! Any bytes, under any claim about them: unpacking ends, within its bounds, and gives what packing took.
#![no_main]

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use tlsight::{decode::{decode, documents}, fault::FaultCode, limits::Limits, submission::Hints};

const UNPACKED_MAX_BYTES: usize = 4 * 1024 * 1024;

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("a Vec takes all bytes");
    encoder.finish().expect("a Vec takes all bytes")
}

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { report_decompressed_max_bytes: UNPACKED_MAX_BYTES, ..Limits::default() };
    let form = Hints { media_type: Some("multipart/form-data; boundary=B".to_owned()), ..Hints::default() };
    for hints in [&Hints::default(), &form] {
        let all = documents(bytes, hints, &limits).unwrap_or_else(|fault| vec![Err(fault)]);
        assert!(all.iter().flatten().map(|document| document.json.len()).sum::<usize>() <= UNPACKED_MAX_BYTES);
        for document in all {
            match document {
                Ok(document) => assert!(!document.json.is_empty() && !document.json.ends_with(b"\0")),
                Err(fault) => assert!(!fault.detail.is_empty() && fault.code != FaultCode::Internal),
            }
        }
    }
    let plain = decode(bytes, &Hints::default(), &limits);
    if let Ok(plain) = &plain
        && !bytes.starts_with(b"\x1f\x8b")
        && !bytes.starts_with(b"PK")
    {
        let packed = decode(&gz(bytes), &Hints::default(), &limits).expect("what is read plain is read packed");
        assert_eq!(packed.json, plain.json);
    }
});

//! A policy file and the records that announce it, which whoever is looked at chooses.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlsight::sts::{
    pattern, policy,
    record::{self, RecordKind},
};

fuzz_target!(|bytes: &[u8]| {
    let reading = policy::read(bytes);
    assert!(!reading.is_valid() || reading.max_age_s.is_some_and(|seconds| seconds <= policy::MAX_AGE_MAX_S));
    for pattern in &reading.mx {
        assert!(!pattern::covers(pattern, "") && pattern::wider(pattern, "mx.example.com").is_none_or(|wider| wider.starts_with("*.")));
    }
    let strings: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    for kind in [RecordKind::Sts, RecordKind::Tlsrpt] {
        record::read(kind, &[strings.clone()]);
    }
});

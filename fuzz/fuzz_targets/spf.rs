//! An SPF record, as the proof by network reads it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tlsight::fuzzing::spf_record(bytes));

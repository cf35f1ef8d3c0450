//! A TXT record that may be a DKIM key.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tlsight::fuzzing::key_record(bytes));

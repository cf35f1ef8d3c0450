//! A mail with DKIM signatures: no panic, bounded names, nothing signed that is not there.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tlsight::fuzzing::signature_header(bytes));

//! One response of an IMAP server.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tlsight::fuzzing::imap_response(bytes));

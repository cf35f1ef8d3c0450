//! A file of several mails.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tlsight::fuzzing::mbox(bytes));

//! A segment of the journal after a crash: what is kept is whole.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tlsight::fuzzing::journal_segment(bytes));

//! An Authentication-Results field: nothing passes for a domain that it does not name.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tlsight::fuzzing::authentication_results(bytes));

//! The policy strings of a report, MTA-STS and TLSA.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tlsight::fuzzing::policy_strings(bytes));

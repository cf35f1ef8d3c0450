//! A PROXY header of version 2: exactly its bytes are read.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tlsight::fuzzing::proxy_header(bytes));

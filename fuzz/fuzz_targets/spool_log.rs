//! The fuzz target `spool_log`; its body is in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| smtp_fuzz::spool_log(input));

//! The fuzz target `spool_text`; its body is in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| smtp_fuzz::spool_text(input));

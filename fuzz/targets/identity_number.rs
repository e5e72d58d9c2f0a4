#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| budstikke_fuzz::identity_number(data));

//! Installs the TLS provider, parses, hands to the command, returns its exit code.

fn main() {}

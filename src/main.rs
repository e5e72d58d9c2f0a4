//! Installs the TLS provider, parses the command line, hands it to its command.

use std::process::ExitCode;

/// A quarter of a worker's CPU time went into the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        // Only a second call could fail, and there is none.
        return ExitCode::FAILURE;
    }
    budstikke::cli::main()
}

//! Installs the TLS provider, parses the command line, hands it to its command.

use std::process::ExitCode;

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

//! The register as a table of our own.

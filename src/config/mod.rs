//! Configuration: one file per section; `config/default.toml` is the manual.

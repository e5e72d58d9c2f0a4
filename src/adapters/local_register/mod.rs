//! The register as a table of our own, filled by `budstikke register import`.

mod register;

pub use register::LocalRegister;

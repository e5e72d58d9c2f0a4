//! The composition root: configuration becomes wired roles, which live and end together.

pub mod lifecycle;

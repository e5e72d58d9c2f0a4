//! The composition root: configuration becomes wired roles.

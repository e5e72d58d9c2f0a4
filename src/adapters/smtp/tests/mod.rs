//! The relay against the sandbox's mail server.

mod dialogue;
mod letters;
mod load;
mod support;
mod tls;

//! The relay against the sandbox's mail server.

mod dialogue;
mod letters;
mod load;
mod odd_servers;
mod support;
mod tls;

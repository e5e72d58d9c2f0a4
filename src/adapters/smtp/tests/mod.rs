//! The relay against the sandbox's mail server.

mod dialogue;
mod faulty_server;
mod letters;
mod load;
mod misbehaviour;
mod odd_servers;
mod slots;
mod support;
mod tls;

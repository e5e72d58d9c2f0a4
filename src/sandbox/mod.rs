//! The fake outside: SMS gateway, mail server and register, for demo, bench and tests alike.

mod connection;
pub mod idporten;
pub mod keys;
pub mod krr;
pub mod mail;
pub mod maskinporten;
pub mod proxy;
pub mod sms;
mod wall;

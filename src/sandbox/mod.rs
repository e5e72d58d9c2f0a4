//! The fake outside: SMS gateway, mail server and register, for demo, bench and tests alike.

pub mod mail;
pub mod proxy;
pub mod sms;

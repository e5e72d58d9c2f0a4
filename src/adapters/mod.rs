//! One folder per outside thing; each implements a port.

pub mod access;
pub mod amqp;
pub mod api_client;
pub mod clock;
pub mod entropy;
mod https;
pub mod jose;
pub mod krr;
pub mod local_register;
pub mod maskinporten;
pub mod oidc;
pub mod postgres;
pub mod sms;
pub mod smtp;
pub mod sqlite;

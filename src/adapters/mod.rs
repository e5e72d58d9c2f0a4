//! One folder per outside thing; each implements a port.

pub mod amqp;
pub mod api_client;
pub mod clock;
pub mod entropy;
pub mod local_register;
pub mod postgres;
pub mod sms;
pub mod smtp;
pub mod sqlite;

//! Configuration: one file per section; `config/default.toml` is the manual.
//!
//! [`Config::load`] merges the embedded manual, the given files and the environment into one tree
//! of [`node`]s that know where they come from, and reads the tree into types that are already
//! those of the domain. What is wrong is collected, so that an operator sees all of it at once.

mod check;
mod environment;
mod error;
mod merge;
mod node;
mod reader;
mod root;
mod secret;
mod senders;
mod url;
mod values;
mod words;

pub mod agency;
pub mod amqp;
pub mod audit;
pub mod database;
pub mod dispatch;
pub mod email_relay;
pub mod http;
pub mod limits;
pub mod log;
pub mod metrics;
pub mod page;
pub mod recovery;
pub mod register;
pub mod register_serve;
pub mod retention;
pub mod retry;
pub mod sms_gateway;
pub mod sms_json;
pub mod window;

pub use agency::{Agency, AgencyKind};
pub use email_relay::EmailRelay;
pub use error::{ConfigError, Finding, Origin};
pub use log::{Log, LogFilter, LogFormat};
pub use register::{Krr, Register, RegisterKind};
pub use root::{Config, DEFAULTS};
pub use secret::Secret;
pub use senders::{Mailbox, MunicipalityNumber, SmsSender};
pub use sms_gateway::{Auth, GatewayKind, SmsGateway};
pub use sms_json::JsonSms;
pub use url::{BrokerUrl, DatabaseKind, DatabaseUrl, HttpUrl, RelayUrl, Tls};
pub use values::ByteSize;
pub use window::Window;

#[cfg(test)]
mod tests;

//! RabbitMQ: jobs in, events out (contract section 3).
//!
//! | file | holds |
//! |---|---|
//! | [`names`] | every name on the broker |
//! | [`topology`] | what is declared, and the error when something else stands there |
//! | [`permissions`] | what `budstikke broker` prints |
//! | [`settings`], [`link`] | one connection, kept for ever |
//! | [`sieve`] | what of the broker's words may not reach the library |
//! | [`sender`], [`raw`] | who sent a message: pure |
//! | [`appetite`] | how many messages are asked for ahead, by their size: pure |
//! | [`in_hand`] | how much of them is read |
//! | [`buffer`] | what has come and waits to be handed out |
//! | [`handle`], [`burial`] | how a message is settled; what becomes of those that nobody can read |
//! | [`ledger`] | which acknowledgements may be one frame: pure |
//! | [`consumer`] | [`crate::ports::job_source::JobSource`] |
//! | [`publisher`] | confirms; [`events`] is [`crate::ports::event_sink::EventSink`] over it |
//! | [`dead`] | dead letters: list, show, replay |
//! | [`client`] | an agency's side, for `budstikke submit --amqp` |
//! | [`agency_events`] | the same agency's events, for `budstikke bench --amqp` |

pub mod agency_events;
mod appetite;
mod buffer;
mod burial;
pub mod client;
pub mod consumer;
mod consuming;
pub mod dead;
pub mod error;
pub mod events;
mod handle;
mod in_hand;
mod ledger;
mod letter;
mod link;
pub mod names;
pub mod permissions;
pub mod publisher;
pub mod raw;
mod sender;
mod session;
pub mod settings;
mod sieve;
pub mod topology;

pub use agency_events::AgencyEvents;
pub use client::AmqpClient;
pub use consumer::{AmqpJobs, Prefetch};
pub use dead::DeadLetters;
pub use error::AmqpError;
pub use events::AmqpEvents;
pub use publisher::Publisher;
pub use settings::AmqpSettings;
pub use topology::{AgencyRoute, Topology};

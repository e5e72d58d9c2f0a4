//! The RabbitMQ adapter against a real broker.
//!
//! Every test has a virtual host of its own, made through `TEST_RABBITMQCTL` (a command prefix), on
//! the broker of `TEST_AMQP_URL` (an administrator's URL).
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what a test expects it says by failing"
)]

mod alone;
mod command_line;
mod dead;
mod events;
mod hostile;
mod identity;
mod jobs;
mod recovery;
mod sizes;
mod support;
mod wire;

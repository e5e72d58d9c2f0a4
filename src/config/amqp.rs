//! `[amqp]`: the broker. Absent: no broker, HTTP intake only.

use std::time::Duration;

use super::reader::section;
use super::url::BrokerUrl;

section! {
    /// The broker.
    Amqp {
        /// Where it is.
        url: BrokerUrl,
        /// Messages fetched ahead per queue and not acknowledged yet.
        prefetch: u32 [1, 10_000] = 200,
        /// How long connecting may take.
        connect_timeout: Duration [Duration::from_secs(1), Duration::from_secs(120)]
            = Duration::from_secs(10),
        /// Longest pause between two attempts to connect.
        reconnect_max: Duration [Duration::from_secs(1), Duration::from_secs(600)]
            = Duration::from_secs(30),
        /// How long a published event waits for its confirm before it is published again.
        confirm_timeout: Duration [Duration::from_secs(1), Duration::from_secs(300)]
            = Duration::from_secs(30),
        /// Dead letters kept at most; the oldest go first.
        dead_max_length: u32 [1, 100_000_000] = 100_000,
        /// Events kept in an agency's queue at most; the others wait in the outbox.
        events_max_length: u32 [1, 100_000_000] = 1_000_000,
    }
}

//! `[amqp]`: the broker. Absent: no broker, HTTP intake only.

use std::path::PathBuf;
use std::time::Duration;

use super::reader::section;
use super::url::BrokerUrl;

section! {
    /// The broker.
    Amqp {
        /// Where it is.
        url: BrokerUrl,
        /// Certificate authorities (PEM) trusted besides those of the machine.
        ca_file: Option<PathBuf>,
        /// Messages fetched ahead per queue and not acknowledged yet, at most; fewer of large ones.
        prefetch: u32 [1, 2_000] = 1_000,
        /// How often broker and worker tell each other that they live.
        heartbeat: Duration [Duration::from_secs(1), Duration::from_secs(600)]
            = Duration::from_secs(10),
    }
}

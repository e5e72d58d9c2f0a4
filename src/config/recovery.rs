//! `[recovery]`: when somebody is dead, and how long nobody can know.

use std::time::Duration;

use super::reader::section;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

section! {
    /// Dead workers and unknown tries.
    Recovery {
        /// A worker without a heartbeat for so long is dead; what it held without an open intent
        /// goes on at once.
        worker_dead: Duration [SECOND, DAY],
        /// How often a worker says that it lives. Left at its default it is lowered to a quarter of
        /// `worker_dead`.
        heartbeat: Duration [Duration::from_millis(50), DAY],
        /// How long an unknown SMS waits for a receipt before `if_uncertain` decides.
        unknown_sms: Duration [SECOND, DAY],
        /// The same for an e-mail.
        unknown_email: Duration [SECOND, DAY],
    }
}

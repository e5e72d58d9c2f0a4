//! `[audit]`: the audit of look-ups.

use super::reader::section;
use super::secret::Secret;

section! {
    /// The audit of look-ups, and the opt-out lists.
    Audit {
        /// What persons are recognised by and the audit is sealed with; empty: a key of the store's own.
        key: Secret,
    }
}

//! Why a report cannot be read.

/// Why a report cannot be read; answered to the gateway with 400, so it says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Longer than [`super::LONGEST_BODY`].
    #[error("the report is longer than 64 KiB; send fewer at once")]
    TooLong,
    /// Not the format at all.
    #[error("the report is not {expected}")]
    Format {
        /// What it should have been.
        expected: &'static str,
    },
    /// A field is missing or has a value that we do not know.
    #[error("report {position}: {field} must be {expected}")]
    Field {
        /// Which report of the call, from 1.
        position: usize,
        /// The field.
        field: &'static str,
        /// What it may hold.
        expected: &'static str,
    },
}

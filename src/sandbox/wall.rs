//! The servers' own clock on the wall: they are outside, so nobody hands them ours.

/// Now.
#[expect(
    clippy::disallowed_methods,
    reason = "an outside server has a clock of its own"
)]
pub(in crate::sandbox) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

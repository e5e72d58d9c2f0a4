//! What may not reach the AMQP library.
//!
//! The broker hands an agency's message on with whatever headers and names the agency gave it. The
//! library reads nested tables by recursion: some thousand levels, 20 KB, end its stack and the
//! process with it, in one worker after the other. And it takes a name that is not UTF-8 for a broken
//! connection, again for every worker and for all that they had in hand. Here the frames are looked
//! at before: such names are mended, and headers that nest too deep are replaced, in frames of
//! unchanged length, by one that says so. [`super::sender`] refuses the message for it.

mod frames;
mod mend;
mod tunnel;

#[cfg(test)]
mod tests;

pub(super) use mend::sifted;
pub(super) use tunnel::through;

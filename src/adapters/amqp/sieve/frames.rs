//! Frames: which are looked at, whole, and which go on as they come.

use super::mend::{Reader, mend_method, mend_properties};

/// The longest frame that is kept to be looked at; brokers allow 128 KiB unless told otherwise.
const LONGEST_KEPT: usize = 4 * 1024 * 1024;

/// Type, channel, length.
const FRAME_HEAD: usize = 7;
const METHOD: u8 = 1;
const CONTENT_HEADER: u8 = 2;
const BODY: u8 = 3;

/// A frame that is longer than any broker's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the broker sent a frame of {0} bytes")]
pub(super) struct TooLong(pub(super) usize);

/// The broker's side of one connection, frame by frame.
#[derive(Debug, Default)]
pub(super) struct Sieve {
    /// The frame at hand, if it is looked at, else its head.
    kept: Vec<u8>,
    /// How much of the frame at hand goes on without a look.
    passing: usize,
    /// Bytes of bodies whose frames began since it was last asked.
    bodies: usize,
}

impl Sieve {
    /// Takes what the broker sent and appends to `out` what may go on.
    pub(super) fn pass(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), TooLong> {
        while !bytes.is_empty() {
            if self.passing > 0 {
                let (now, later) = bytes.split_at(self.passing.min(bytes.len()));
                out.extend_from_slice(now);
                self.passing -= now.len();
                bytes = later;
                continue;
            }
            let wanted = self.wanted()?;
            let missing = wanted - self.kept.len();
            let (now, later) = bytes.split_at(missing.min(bytes.len()));
            self.kept.extend_from_slice(now);
            bytes = later;
            self.release(out)?;
        }
        Ok(())
    }

    /// How many bytes of bodies passed, or are about to, since the last call.
    pub(super) fn bodies(&mut self) -> usize {
        std::mem::take(&mut self.bodies)
    }

    /// How long `kept` has to become before something can be done.
    fn wanted(&self) -> Result<usize, TooLong> {
        let Some(frame) = self.frame_length() else {
            return Ok(FRAME_HEAD);
        };
        if frame > LONGEST_KEPT {
            return Err(TooLong(frame));
        }
        Ok(frame)
    }

    /// The length of the frame at hand, head and end included.
    fn frame_length(&self) -> Option<usize> {
        let mut head = Reader(self.kept.get(..FRAME_HEAD)?);
        head.skip(3)?;
        let payload = usize::try_from(head.u32()?).ok()?;
        Some(payload.saturating_add(FRAME_HEAD + 1))
    }

    fn release(&mut self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        let (Some(&kind), Some(length)) = (self.kept.first(), self.frame_length()) else {
            return Ok(());
        };
        if !matches!(kind, METHOD | CONTENT_HEADER) {
            out.append(&mut self.kept);
            self.passing = length - FRAME_HEAD;
            if kind == BODY {
                self.bodies += self.passing - 1;
            }
        } else if self.kept.len() == self.wanted()? {
            if let Some(payload) = self.kept.get_mut(FRAME_HEAD..length - 1) {
                // What is not understood goes on as it is; the library knows what to say.
                let _mended = match kind {
                    METHOD => mend_method(payload),
                    _ => mend_properties(payload),
                };
            }
            out.append(&mut self.kept);
        }
        Ok(())
    }
}

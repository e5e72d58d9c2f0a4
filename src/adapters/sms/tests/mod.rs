//! The gateway port's promises, kept by every kind against a gateway that misbehaves.

mod connecting;
mod fake;
mod keep_alive;
mod misbehaviour;
mod slots;
mod support;

//! The gateway port's promises, kept by every kind against a gateway that misbehaves.

mod calls;
mod connecting;
mod fake;
mod keep_alive;
mod misbehaviour;
mod other_side;
mod slots;
mod support;

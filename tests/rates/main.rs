//! The rate of a gateway holds for all workers together at the point of no return, and is used.

mod bound;
mod fleet;
mod measured;
mod real;
mod slow;

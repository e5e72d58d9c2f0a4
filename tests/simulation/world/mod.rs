//! The whole fleet in one thread: the real pipeline and the real SQLite store, with simulated time,
//! seeded chance, and everything outside made up and failing.
//!
//! [`run::run`] plays one seed. The oracle sits outside, sees what can be seen there, and judges
//! the invariants I-1 to I-13 afterwards.

mod acts;
pub mod aim;
mod boot;
mod bounds;
mod broker;
mod clock;
mod errands;
mod fair;
mod faults;
mod fleet;
mod gateway;
mod oracle;
mod outside;
pub mod processor;
mod register;
mod rng;
pub mod run;
pub mod scene;
mod sending;
mod store;
mod store_audit;
mod store_page;
mod store_rest;
mod store_street;
mod storm;
mod time;
mod trail;
mod verdict;
mod workload;

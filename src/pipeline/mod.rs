//! What the pipeline does with the ports: the only place that knows the order of things.
//!
//! A job's way, one file each: [`intake`] → [`claim`] → [`resolve`] → [`gate`] → [`ready`] →
//! [`intent`] → [`wire`] → [`settle`] → [`publish`]. Beside it: [`receipts`] and [`parked`],
//! [`reconcile`], [`heart`], [`health`], [`fleet_clock`], [`retention`]. Every loop takes the shutdown
//! token and listens to it between units of work, never inside one.

mod address;
mod again;
pub mod audience;
pub mod changed;
pub mod claim;
pub mod deps;
pub mod fleet_clock;
pub mod gate;
mod gather;
pub mod give_back;
pub mod health;
pub mod heart;
pub mod household;
pub mod intake;
pub mod intent;
pub mod jobs_from_broker;
pub mod labels;
pub mod late;
pub mod later;
pub mod letters;
pub mod line;
pub mod look_up;
mod new_job;
pub mod opt_outs;
pub mod own_entry;
pub mod parked;
mod people;
pub mod publish;
pub mod ready;
pub mod receipts;
pub mod reconcile;
mod refused;
mod reports;
mod requests;
pub mod resolve;
mod resting;
pub mod retention;
pub mod settle;
pub mod share;
mod side;
pub mod trail;
pub mod trail_check;
mod turns;
pub mod vitals;
pub mod wire;

//! The command line as people use it: files in, words out.

mod reading;
mod register;
mod run;
mod sandbox;
mod submit;
mod watch;

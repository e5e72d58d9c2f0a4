//! Jobs: in, looked at, ended by the agency's word, loaded for planning.

mod accept;
mod end;
mod load;
mod port;
mod quota;
pub(super) mod view;

pub(super) use end::{Ended, finish};

//! Jobs: in, looked at, cancelled, opened.

mod accept;
mod agencies;
mod cancel;
mod load;
pub(super) mod notifications;
mod opened;
mod port;
mod quota;
mod settled;
mod view;

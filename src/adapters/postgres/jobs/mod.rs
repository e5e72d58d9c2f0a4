//! Jobs: in, looked at, cancelled, opened.

mod accept;
mod agencies;
mod cancel;
mod load;
mod notifications;
mod opened;
mod port;
mod quota;
mod settled;
mod view;

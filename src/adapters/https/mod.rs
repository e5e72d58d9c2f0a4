//! What every adapter that calls out over HTTP needs: certificates, `Retry-After`, and a call with
//! one deadline around it.

pub(in crate::adapters) mod caller;
pub(in crate::adapters) mod retry_after;
pub(in crate::adapters) mod tls;

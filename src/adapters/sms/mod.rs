//! SMS gateways over HTTP, one folder per kind.

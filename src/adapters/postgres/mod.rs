//! The store on PostgreSQL, for a fleet.

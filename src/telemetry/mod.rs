//! Names of metrics and spans, and masking.

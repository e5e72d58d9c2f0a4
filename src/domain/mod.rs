//! Pure: what is true of jobs, people, addresses, texts, times and outcomes, and nothing else.
//!
//! No async, clock, randomness, I/O or logging lives here. What a function needs comes in as an
//! argument.

pub mod address_limit;
pub mod audit;
pub mod calendar;
pub mod chunk_text;
pub mod contact;
pub mod email;
pub mod estimate;
pub mod event;
pub mod evidence;
pub mod fair;
pub mod health;
pub mod ids;
pub mod job;
pub mod kinds;
pub mod krr_person;
pub mod krr_shown;
pub mod opt_out;
pub mod org_number;
pub mod outcome;
pub mod pace;
pub mod person;
pub mod phone;
pub mod plan;
pub mod reach;
pub mod readings;
pub mod receipt;
pub mod register_edit;
pub mod retry;
pub mod retry_budget;
pub mod secret_key;
pub mod sms_parts;
pub mod state;
pub mod status;
pub mod street;
pub mod time;
pub mod urgent_quota;
pub mod window;

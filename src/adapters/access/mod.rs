//! Maskinporten's access tokens as agencies bring them to our API (`domain.md` 2.2).

mod checker;
mod classify;
mod settings;
#[cfg(test)]
mod tests;
mod wire;

pub use checker::AccessChecker;
pub use settings::AccessSettings;

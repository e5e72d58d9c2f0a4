//! The registers as tables of our own, filled by `budstikke register import`: asked directly, or by
//! other installations over HTTP (`budstikke register serve`).

mod population;
mod register;
pub mod serve;

pub use population::LocalPopulation;
pub use register::LocalRegister;

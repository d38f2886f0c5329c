//! Quantities with a unit: simulated time, money, resources. Everything else is built on these.

mod amount;
mod money;
mod time;

pub use amount::{Bytes, Resources};
pub use money::{HourlyRate, Money};
pub use time::{SimTime, Span};

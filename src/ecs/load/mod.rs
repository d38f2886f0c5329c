//! Load: how many requests and messages arrive, and what becomes of them.

pub mod fluid;
#[cfg(test)]
mod queueing;
pub mod rate;
pub mod requests;

pub use rate::{Clock, Outside, Rate, RateCursor, Steps};

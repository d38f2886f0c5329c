//! Load: how many requests and messages arrive, and what they do to those who serve them.

pub mod rate;

pub use rate::{Clock, Outside, Rate, RateCursor, Steps};

//! Load: how many requests arrive, and what becomes of them.

pub mod queueing;
pub mod requests;

//! Load: how many requests arrive, and what becomes of them.

pub mod fluid;

pub mod rate;

//! Where instances come from, and what takes them away.

pub mod spot;

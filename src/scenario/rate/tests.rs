//! Recorded rates of every form, and what is refused.

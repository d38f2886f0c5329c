//! Behaviour of the core, by area.

mod life;
mod placement;

//! Stub until the other branch is merged.
use std::sync::Arc;

use crate::engine::Luck;
use crate::units::SimTime;

/// A rate.
#[derive(Clone, Debug)]
pub struct Rate(Arc<[(SimTime, f64)]>);

impl Rate {
    /// Constant.
    pub fn constant(per_second: f64) -> Rate {
        Rate([(SimTime::ZERO, per_second)].into())
    }

    /// Steps.
    pub fn steps(steps: &[(u64, f64)]) -> Rate {
        Rate(steps.iter().map(|it| (SimTime::from_secs(it.0), it.1)).collect())
    }

    /// A cursor.
    pub fn cursor(&self, _: Luck) -> RateCursor {
        RateCursor(0)
    }
}

/// A cursor.
#[derive(Clone, Debug)]
pub struct RateCursor(usize);

impl RateCursor {
    /// The rate.
    pub fn at(&mut self, rate: &Rate, at: SimTime) -> (f64, Option<SimTime>) {
        while rate.0.get(self.0 + 1).is_some_and(|it| it.0 <= at) {
            self.0 += 1;
        }
        (rate.0[self.0].1, rate.0.get(self.0 + 1).map(|it| it.0))
    }
}

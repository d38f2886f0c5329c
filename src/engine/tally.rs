//! Gauges over simulated time: exact time-weighted sums, means and extremes of a whole number.

use crate::units::{SimTime, Span};

/// A whole number that changes in time, and what it has been since its window began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeWeighted {
    level: u64,
    /// Up to when `past` has been counted: the last change, or the beginning.
    changed: SimTime,
    past: Tally,
}

/// What a gauge has been over a window of time.
///
/// A level that lasted no time, because it changed again in the same instant, counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The length of the window.
    pub span: Span,
    /// The sum of level times microseconds.
    pub integral: u128,
    /// The least level; in a window of no length, the level there.
    pub min: u64,
    /// The greatest level; in a window of no length, the level there.
    pub max: u64,
}

impl TimeWeighted {
    /// Makes a gauge whose window begins at `at`.
    pub fn new(at: SimTime, level: u64) -> TimeWeighted {
        TimeWeighted { level, changed: at, past: Tally::empty(level) }
    }

    /// Returns the present level.
    pub fn level(&self) -> u64 {
        self.level
    }

    /// Changes the level.
    ///
    /// # Panics
    /// If `at` is before the last change.
    #[track_caller]
    pub fn set(&mut self, at: SimTime, level: u64) {
        self.past = self.until(at);
        self.changed = at;
        self.level = level;
        if self.past.span.is_zero() {
            self.past = Tally::empty(level);
        }
    }

    /// Raises the level by `amount`.
    ///
    /// # Panics
    /// If `at` is before the last change, or the level would not fit 64 bits.
    #[track_caller]
    pub fn add(&mut self, at: SimTime, amount: u64) {
        let level = self.level.checked_add(amount).expect("a level fits 64 bits");
        self.set(at, level);
    }

    /// Lowers the level by `amount`.
    ///
    /// # Panics
    /// If `at` is before the last change, or the level is less than `amount`.
    #[track_caller]
    pub fn subtract(&mut self, at: SimTime, amount: u64) {
        assert!(amount <= self.level, "{amount} was subtracted from a level of {}", self.level);
        self.set(at, self.level - amount);
    }

    /// Returns what the gauge has been from the beginning of its window until `at`.
    ///
    /// # Panics
    /// If `at` is before the last change.
    #[track_caller]
    pub fn until(&self, at: SimTime) -> Tally {
        let lasted = at.since(self.changed);
        if lasted.is_zero() {
            return self.past;
        }
        Tally {
            span: self.past.span + lasted,
            integral: self.past.integral + u128::from(self.level) * u128::from(lasted.as_micros()),
            min: self.past.min.min(self.level),
            max: self.past.max.max(self.level),
        }
    }

    /// Closes the window at `at`, returns what it held, and begins the next one there.
    ///
    /// # Panics
    /// If `at` is before the last change.
    #[track_caller]
    pub fn close(&mut self, at: SimTime) -> Tally {
        let tally = self.until(at);
        *self = TimeWeighted::new(at, self.level);
        tally
    }
}

impl Tally {
    /// Returns the time-weighted mean; in a window of no length, the level there.
    pub fn mean(&self) -> f64 {
        if self.span.is_zero() {
            return self.max as f64;
        }
        self.integral as f64 / self.span.as_micros() as f64
    }

    fn empty(level: u64) -> Tally {
        Tally { span: Span::ZERO, integral: 0, min: level, max: level }
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::super::{Purpose, Seed};
    use super::*;

    const CHANGES: Purpose = Purpose::new("changes");

    /// The slow twin: the level of every single microsecond.
    fn recomputed(levels: &[u64], last: u64) -> Tally {
        Tally {
            span: Span::micros(levels.len() as u64),
            integral: levels.iter().map(|&level| u128::from(level)).sum(),
            min: levels.iter().copied().min().unwrap_or(last),
            max: levels.iter().copied().max().unwrap_or(last),
        }
    }

    #[test]
    fn a_gauge_equals_the_sum_over_every_microsecond() {
        for part in 0..500 {
            let mut stream =
                Seed { master: 1, replication: 0 }.luck("tally").part(part).stream(CHANGES);
            let begin = stream.random_range(0..1000);
            let (mut at, mut level) = (SimTime::from_micros(begin), stream.random_range(0..10));
            let mut gauge = TimeWeighted::new(at, level);
            let mut levels = Vec::new();
            for _ in 0..stream.random_range(0..60) {
                let lasted = stream.random_range(0..5);
                at += Span::micros(lasted);
                levels.extend((0..lasted).map(|_| level));
                assert_eq!(gauge.until(at), recomputed(&levels, level));
                let amount = stream.random_range(0..10);
                match stream.random_range(0..4) {
                    0 => {
                        level = amount;
                        gauge.set(at, level);
                    }
                    1 => {
                        level += amount;
                        gauge.add(at, amount);
                    }
                    2 if amount <= level => {
                        level -= amount;
                        gauge.subtract(at, amount);
                    }
                    _ => {
                        assert_eq!(gauge.close(at), recomputed(&levels, level));
                        levels.clear();
                    }
                }
                assert_eq!(gauge.level(), level);
                assert_eq!(gauge.until(at), recomputed(&levels, level));
            }
        }
    }

    #[test]
    fn the_mean_weighs_levels_by_their_time() {
        let mut gauge = TimeWeighted::new(SimTime::from_secs(10), 6);
        assert_eq!(gauge.until(SimTime::from_secs(10)).mean(), 6.0);
        gauge.set(SimTime::from_secs(40), 2);
        // 30 s at 6 and 60 s at 2.
        let tally = gauge.until(SimTime::from_secs(100));
        assert_eq!(tally.mean(), (30.0 * 6.0 + 60.0 * 2.0) / 90.0);
        assert_eq!(tally.integral, 300_000_000);
    }

    #[test]
    fn the_greatest_level_for_all_time_is_exact() {
        let gauge = TimeWeighted::new(SimTime::ZERO, u64::MAX);
        let tally = gauge.until(SimTime::MAX);
        assert_eq!(tally.integral, u128::from(u64::MAX) * u128::from(u64::MAX - 1));
    }

    #[test]
    #[should_panic(expected = "4 was subtracted from a level of 3")]
    fn a_level_cannot_become_negative() {
        TimeWeighted::new(SimTime::ZERO, 3).subtract(SimTime::ZERO, 4);
    }

    #[test]
    #[should_panic(expected = "time ran backwards")]
    fn a_gauge_cannot_be_changed_in_the_past() {
        TimeWeighted::new(SimTime::from_secs(2), 3).set(SimTime::from_secs(1), 4);
    }
}

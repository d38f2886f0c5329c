//! Time series in bounded memory: buckets that double in width, and the same over a window.

use crate::engine::{Tally, TimeWeighted};
use crate::units::{SimTime, Span};

/// How fine series are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets {
    /// The width at first.
    pub width: Span,
    /// How many there may be; with one more needed the width doubles.
    pub max: usize,
}

/// A level that changes in time, with its history.
#[derive(Clone, Debug)]
pub(super) struct Gauge {
    /// Since the last cut: the end of a bucket, or the beginning of the window.
    current: TimeWeighted,
    bucket_ends: SimTime,
    width: Span,
    max: usize,
    buckets: Vec<Tally>,
    window: Option<Tally>,
}

/// What a gauge leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct History {
    pub width: Span,
    /// Gapless from the beginning of the run; the last may be shorter.
    pub buckets: Vec<Tally>,
    /// From the beginning of the window to the end of the run.
    pub window: Tally,
}

impl Buckets {
    /// Chooses how fine the series of a run of such a length are: a short one begins with seconds,
    /// so that there is something to see.
    pub fn of_run(duration: Span) -> Buckets {
        let width = match duration {
            short if short <= Span::MINUTE * 30 => Span::SECOND,
            short if short <= Span::HOUR * 5 => Span::secs(10),
            _ => Span::MINUTE,
        };
        Buckets { width, ..Buckets::default() }
    }
}

impl Default for Buckets {
    /// Minutes, and at most 2,000.
    fn default() -> Buckets {
        Buckets { width: Span::MINUTE, max: 2000 }
    }
}

impl Gauge {
    /// Makes a gauge that is zero from the beginning of the run.
    ///
    /// # Panics
    /// If buckets have no width, or there may be fewer than two.
    pub fn new(buckets: Buckets) -> Gauge {
        assert!(!buckets.width.is_zero() && buckets.max >= 2, "no room for a series: {buckets:?}");
        Gauge {
            current: TimeWeighted::new(SimTime::ZERO, 0),
            bucket_ends: SimTime::ZERO + buckets.width,
            width: buckets.width,
            // Pairs are merged, so there must be pairs.
            max: buckets.max.next_multiple_of(2),
            buckets: Vec::new(),
            window: None,
        }
    }

    #[inline]
    pub fn level(&self) -> u64 {
        self.current.level()
    }

    /// Returns when the first bucket after an instant begins, as wide as they are now.
    pub fn boundary_after(&self, at: SimTime) -> SimTime {
        SimTime::ZERO + self.width * (at.as_micros() / self.width.as_micros() + 1)
    }

    #[inline]
    pub fn set(&mut self, at: SimTime, level: u64) {
        if level == self.current.level() {
            return;
        }
        if at >= self.bucket_ends {
            self.advance(at);
        }
        self.current.set(at, level);
    }

    #[inline]
    pub fn add(&mut self, at: SimTime, amount: u64) {
        self.set(at, self.current.level() + amount);
    }

    #[inline]
    pub fn subtract(&mut self, at: SimTime, amount: u64) {
        let level = self.current.level();
        assert!(amount <= level, "{amount} was subtracted from a level of {level}");
        self.set(at, level - amount);
    }

    /// Begins the window: what was before counts in the buckets only.
    pub fn begin_window(&mut self, at: SimTime) {
        self.cut(at);
        self.window = None;
    }

    /// Ends the history, which is taken out.
    pub fn finish(&mut self, end: SimTime) -> History {
        self.cut(end);
        let empty = self.current.until(end);
        History {
            width: self.width,
            buckets: std::mem::take(&mut self.buckets),
            window: self.window.unwrap_or(empty),
        }
    }

    fn cut(&mut self, at: SimTime) {
        self.advance(at);
        let tally = self.current.close(at);
        self.put(tally);
    }

    /// Closes every bucket that ends by `at`.
    fn advance(&mut self, at: SimTime) {
        while at >= self.bucket_ends {
            let tally = self.current.close(self.bucket_ends);
            self.put(tally);
            // The width may have doubled, and the bucket be half full.
            let next = self.bucket_ends.as_micros() / self.width.as_micros() + 1;
            self.bucket_ends = SimTime::ZERO + self.width * next;
        }
    }

    /// Adds a part of the bucket under way to it, and to the window.
    fn put(&mut self, part: Tally) {
        if part.span.is_zero() {
            return;
        }
        self.window = Some(self.window.map_or(part, |whole| merged(&whole, &part)));
        let open = self.buckets.last().is_some_and(|last| last.span < self.width);
        match self.buckets.last_mut() {
            Some(last) if open => *last = merged(last, &part),
            Some(_) | None => {
                if self.buckets.len() == self.max {
                    self.buckets =
                        self.buckets.chunks(2).map(|two| merged(&two[0], &two[1])).collect();
                    self.width = self.width * 2;
                }
                self.buckets.push(part);
            }
        }
    }
}

/// Returns what two stretches of time held together.
fn merged(a: &Tally, b: &Tally) -> Tally {
    Tally {
        span: a.span + b.span,
        integral: a.integral + b.integral,
        min: a.min.min(b.min),
        max: a.max.max(b.max),
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;
    use crate::engine::{Purpose, Seed, Stream};

    /// The slow twin: looks at every step for every bucket.
    fn over(steps: &[(u64, u64)], from: u64, to: u64) -> Tally {
        let mut tally: Option<Tally> = None;
        for (n, &(at, level)) in steps.iter().enumerate() {
            let until = steps.get(n + 1).map_or(u64::MAX, |next| next.0).min(to);
            let lasted = until.saturating_sub(at.max(from));
            if lasted > 0 {
                let part = Tally {
                    span: Span::micros(lasted),
                    integral: u128::from(level) * u128::from(lasted),
                    min: level,
                    max: level,
                };
                tally = Some(tally.map_or(part, |whole| merged(&whole, &part)));
            }
        }
        tally.unwrap()
    }

    fn random_steps(stream: &mut Stream, count: u64, gap: u64) -> Vec<(u64, u64)> {
        let mut steps = vec![(0, 0)];
        let mut at = 0;
        for _ in 0..count {
            // Some follow at once, some long after.
            at += stream.next_u64() % gap * (stream.next_u64() % 3);
            steps.push((at, stream.next_u64() % 5));
        }
        steps
    }

    #[test]
    fn doubled_buckets_equal_those_computed_from_every_step() {
        let seed = Seed { master: 3, replication: 0 };
        for case in 0..60 {
            let mut stream = seed.luck("steps").part(case).stream(Purpose::new("steps"));
            let gap = 1 + stream.next_u64() % 90;
            let steps = random_steps(&mut stream, case * 5, gap);
            let end = steps[steps.len() - 1].0 + 1 + stream.next_u64() % 40;
            let window_from = stream.next_u64() % end;
            let mut gauge = Gauge::new(Buckets { width: Span::micros(10), max: 8 });
            let mut begun = false;
            for &(at, level) in &steps {
                if !begun && at >= window_from {
                    begun = true;
                    gauge.begin_window(SimTime::from_micros(window_from));
                }
                gauge.set(SimTime::from_micros(at), level);
            }
            if !begun {
                gauge.begin_window(SimTime::from_micros(window_from));
            }
            let history = gauge.finish(SimTime::from_micros(end));
            assert_eq!(history.window, over(&steps, window_from, end), "case {case}");
            let width = history.width.as_micros();
            assert!(history.buckets.len() <= 8 && (width == 10 || end > width / 2 * 8));
            let expected: Vec<Tally> = (0..end.div_ceil(width))
                .map(|n| over(&steps, n * width, ((n + 1) * width).min(end)))
                .collect();
            assert_eq!(history.buckets, expected, "case {case}, {steps:?} to {end}");
        }
    }

    #[test]
    fn a_short_run_has_short_buckets_and_none_has_to_double_them_soon() {
        let check = |duration, width| {
            let buckets = Buckets::of_run(duration);
            assert_eq!(buckets.width, width);
            let count = duration.as_micros() / width.as_micros();
            assert!(count <= buckets.max as u64, "{count}");
        };
        check(Span::MINUTE, Span::SECOND);
        check(Span::MINUTE * 30, Span::SECOND);
        check(Span::MINUTE * 31, Span::secs(10));
        check(Span::HOUR * 5, Span::secs(10));
        check(Span::HOUR * 6, Span::MINUTE);
        check(Span::DAY, Span::MINUTE);
    }

    #[test]
    fn a_run_that_just_fills_its_buckets_does_not_double_them() {
        let mut gauge = Gauge::new(Buckets { width: Span::MINUTE, max: 4 });
        gauge.set(SimTime::ZERO, 7);
        let history = gauge.finish(SimTime::from_secs(240));
        assert_eq!((history.width, history.buckets.len()), (Span::MINUTE, 4));
    }
}

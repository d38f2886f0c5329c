//! Simulated time: an instant since the run began and a length of time, in whole microseconds.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::{Add, AddAssign, Mul, Sub};

/// An instant of simulated time, in microseconds since the run began.
///
/// Holds one more than that, so that an `Option` of it is no larger: tasks have many.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimTime(NonZeroU64);

/// A length of simulated time, in microseconds, never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

const MICROS_PER_SECOND: u64 = 1_000_000;

impl SimTime {
    /// The instant at which a run begins.
    pub const ZERO: SimTime = SimTime(NonZeroU64::MIN);
    /// The last instant that can be written: about 584,000 years.
    pub const MAX: SimTime = SimTime(NonZeroU64::MAX);

    /// Makes an instant from microseconds since the run began; at most [`SimTime::MAX`].
    pub const fn from_micros(micros: u64) -> SimTime {
        SimTime(NonZeroU64::MIN.saturating_add(micros))
    }

    /// Makes an instant from whole seconds since the run began.
    pub const fn from_secs(secs: u64) -> SimTime {
        SimTime::from_micros(secs * MICROS_PER_SECOND)
    }

    /// Returns microseconds since the run began.
    pub const fn as_micros(self) -> u64 {
        self.0.get() - 1
    }

    /// Returns seconds since the run began.
    pub fn as_secs_f64(self) -> f64 {
        self.as_micros() as f64 / MICROS_PER_SECOND as f64
    }

    /// Returns the time passed since an `earlier` instant.
    ///
    /// # Panics
    /// If `earlier` is later: the programmer mixed up two instants.
    #[track_caller]
    pub fn since(self, earlier: SimTime) -> Span {
        assert!(earlier <= self, "time ran backwards: {earlier:?} is after {self:?}");
        Span(self.0.get() - earlier.0.get())
    }

    /// Returns the instant later by `span`, or [`SimTime::MAX`] where that cannot be written.
    pub const fn saturating_add(self, span: Span) -> SimTime {
        SimTime(self.0.saturating_add(span.0))
    }
}

impl Default for SimTime {
    fn default() -> Self {
        SimTime::ZERO
    }
}

impl fmt::Debug for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} µs", self.as_micros())
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);
    /// One second.
    pub const SECOND: Span = Span::secs(1);
    /// One minute.
    pub const MINUTE: Span = Span::secs(60);
    /// One hour.
    pub const HOUR: Span = Span::secs(3600);
    /// One day of 24 hours.
    pub const DAY: Span = Span::secs(86_400);
    /// The longest span that can be written.
    pub const MAX: Span = Span(u64::MAX);

    /// Makes a span of whole microseconds.
    pub const fn micros(micros: u64) -> Span {
        Span(micros)
    }

    /// Makes a span of whole milliseconds.
    pub const fn millis(millis: u64) -> Span {
        Span(millis * 1000)
    }

    /// Makes a span of whole seconds.
    pub const fn secs(secs: u64) -> Span {
        Span(secs * MICROS_PER_SECOND)
    }

    /// Makes a span from seconds, rounded to the microsecond; negative and NaN become zero.
    pub fn from_secs_f64(secs: f64) -> Span {
        // `as` saturates, and sends NaN to zero.
        Span((secs * MICROS_PER_SECOND as f64).round() as u64)
    }

    /// Returns whole microseconds.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Returns seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / MICROS_PER_SECOND as f64
    }

    /// Returns hours.
    pub fn as_hours_f64(self) -> f64 {
        self.as_secs_f64() / 3600.0
    }

    /// Says whether the span has no length.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Returns the span times `factor`, or [`Span::MAX`] where that cannot be written.
    pub const fn saturating_mul(self, factor: u64) -> Span {
        Span(self.0.saturating_mul(factor))
    }

    /// Returns the two together, or [`Span::MAX`] where that cannot be written.
    pub const fn saturating_add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }

    /// Returns the span less `other`, at least zero.
    pub const fn saturating_sub(self, other: Span) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

impl Add<Span> for SimTime {
    type Output = SimTime;
    #[track_caller]
    fn add(self, span: Span) -> SimTime {
        SimTime(self.0.checked_add(span.0).expect("simulated time fits 584,000 years"))
    }
}

impl AddAssign<Span> for SimTime {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0.checked_add(other.0).expect("a span fits 584,000 years"))
    }
}

impl AddAssign for Span {
    fn add_assign(&mut self, other: Span) {
        *self = *self + other;
    }
}

impl Sub for Span {
    type Output = Span;
    fn sub(self, other: Span) -> Span {
        assert!(other <= self, "a span cannot be negative: {self:?} - {other:?}");
        Span(self.0 - other.0)
    }
}

impl Mul<u64> for Span {
    type Output = Span;
    fn mul(self, factor: u64) -> Span {
        Span(self.0.checked_mul(factor).expect("a span fits 584,000 years"))
    }
}

impl fmt::Display for Span {
    /// Writes the span as people do, at most two units: `2 h 5 min`, `1.5 s`, `80 ms`, `3 d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0;
        if micros == 0 {
            return f.pad("0 s");
        }
        let text = if micros < 1000 {
            format!("{micros} µs")
        } else if micros < MICROS_PER_SECOND {
            format!("{} ms", trimmed(micros as f64 / 1000.0))
        } else if micros < 60 * MICROS_PER_SECOND {
            format!("{} s", trimmed(micros as f64 / 1e6))
        } else {
            let secs = (micros + MICROS_PER_SECOND / 2) / MICROS_PER_SECOND;
            match secs {
                0..3600 => two(secs / 60, "min", secs % 60, "s"),
                3600..86_400 => two(secs / 3600, "h", secs % 3600 / 60, "min"),
                _ => two(secs / 86_400, "d", secs % 86_400 / 3600, "h"),
            }
        };
        f.pad(&text)
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn two(major: u64, major_unit: &str, minor: u64, minor_unit: &str) -> String {
    if minor == 0 {
        format!("{major} {major_unit}")
    } else {
        format!("{major} {major_unit} {minor} {minor_unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_as_people_write_them() {
        let check = |span: Span, text: &str| assert_eq!(span.to_string(), text);
        check(Span::ZERO, "0 s");
        check(Span::micros(12), "12 µs");
        check(Span::millis(1500), "1.5 s");
        check(Span::secs(90), "1 min 30 s");
        check(Span::HOUR, "1 h");
        check(Span::secs(7500), "2 h 5 min");
        check(Span::DAY * 7, "7 d");
    }

    #[test]
    fn an_instant_that_may_be_missing_takes_no_more_room() {
        assert_eq!(size_of::<Option<SimTime>>(), size_of::<u64>());
        assert_eq!(SimTime::from_micros(u64::MAX), SimTime::MAX);
        assert_eq!(SimTime::MAX.as_micros(), u64::MAX - 1);
        assert_eq!(SimTime::default(), SimTime::from_micros(0));
    }

    #[test]
    #[should_panic(expected = "time ran backwards")]
    fn an_earlier_instant_cannot_be_later() {
        let _ = SimTime::from_secs(1).since(SimTime::from_secs(2));
    }

    #[test]
    fn seconds_that_make_no_sense_become_zero() {
        assert_eq!(Span::from_secs_f64(f64::NAN), Span::ZERO);
        assert_eq!(Span::from_secs_f64(-1.0), Span::ZERO);
    }
}

//! Money in whole nano-dollars, and prices per hour; nothing here is ever rounded by accident.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use super::Span;

/// An amount of US dollars, in whole nano-dollars (10⁻⁹ $).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i128);

/// A price in nano-dollars per unit and hour, as AWS quotes most prices.
///
/// What the unit is (an instance, a vCPU, a GB, an address) is said by whoever holds the rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HourlyRate(i64);

const NANOS_PER_DOLLAR: f64 = 1e9;

impl Money {
    /// No money.
    pub const ZERO: Money = Money(0);

    /// Makes an amount of whole nano-dollars.
    pub const fn nanos(nanos: i128) -> Money {
        Money(nanos)
    }

    /// Makes an amount from dollars, rounded to the nano-dollar.
    pub fn from_dollars_f64(dollars: f64) -> Money {
        Money((dollars * NANOS_PER_DOLLAR).round() as i128)
    }

    /// Returns whole nano-dollars.
    pub const fn as_nanos(self) -> i128 {
        self.0
    }

    /// Returns dollars.
    pub fn as_dollars_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_DOLLAR
    }

    /// Returns the amount rounded to whole cents, half to even.
    pub fn rounded_to_cents(self) -> Money {
        const CENT: i128 = 10_000_000;
        Money(divide_half_even(self.0, CENT) * CENT)
    }
}

impl HourlyRate {
    /// Costs nothing.
    pub const ZERO: HourlyRate = HourlyRate(0);

    /// Makes a rate of whole nano-dollars per hour.
    pub const fn nanos_per_hour(nanos: i64) -> HourlyRate {
        HourlyRate(nanos)
    }

    /// Makes a rate from dollars per hour, rounded to the nano-dollar.
    pub fn from_dollars_f64(dollars: f64) -> HourlyRate {
        HourlyRate((dollars * NANOS_PER_DOLLAR).round() as i64)
    }

    /// Returns whole nano-dollars per hour.
    pub const fn as_nanos_per_hour(self) -> i64 {
        self.0
    }

    /// Returns dollars per hour.
    pub fn as_dollars_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_DOLLAR
    }

    /// Returns so many millionths of the rate, rounded to the nano-dollar, half to even.
    pub fn millionths(self, millionths: u32) -> HourlyRate {
        let nanos = divide_half_even(i128::from(self.0) * i128::from(millionths), 1_000_000);
        // Only a share above 1 of a rate near the highest there is can fail to fit.
        HourlyRate(i64::try_from(nanos).unwrap_or(i64::MAX))
    }

    /// Prices unit·µs, so many of which make a priced unit; rounded once, half to even.
    ///
    /// A Fargate memory line, for example, meters MiB·µs and is priced per GB: the divisor is 1024.
    pub fn price(self, unit_micros: u128, units_per_priced_unit: u64) -> Money {
        let product =
            i128::try_from(unit_micros).expect("usage fits 127 bits") * i128::from(self.0);
        let divisor = i128::from(Span::HOUR.as_micros()) * i128::from(units_per_priced_unit);
        Money(divide_half_even(product, divisor))
    }
}

/// Divides, rounding to the nearest whole number and ties to the even one.
///
/// # Panics
/// If `divisor` is not positive.
pub(crate) fn divide_half_even(dividend: i128, divisor: i128) -> i128 {
    assert!(divisor > 0, "a price divisor is positive, not {divisor}");
    let floor = dividend.div_euclid(divisor);
    let twice = dividend.rem_euclid(divisor) * 2;
    if twice > divisor || (twice == divisor && floor % 2 != 0) { floor + 1 } else { floor }
}

impl Add for Money {
    type Output = Money;
    fn add(self, other: Money) -> Money {
        Money(self.0 + other.0)
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Money) {
        self.0 += other.0;
    }
}

impl Sub for Money {
    type Output = Money;
    fn sub(self, other: Money) -> Money {
        Money(self.0 - other.0)
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Money>>(amounts: I) -> Money {
        amounts.fold(Money::ZERO, Add::add)
    }
}

impl fmt::Display for Money {
    /// Writes dollars and cents with thousands separated: `$1,234.56`; below a cent six places.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        let text = if nanos > 0 && nanos < 10_000_000 {
            format!("{sign}${:.6}", nanos as f64 / NANOS_PER_DOLLAR)
        } else {
            let cents = divide_half_even(nanos as i128, 10_000_000);
            format!("{sign}${}.{:02}", with_thousands(cents.unsigned_abs() / 100), cents % 100)
        };
        f.pad(&text)
    }
}

/// Writes a whole number with its thousands apart: `1,234,567`; it must not be negative.
pub(crate) fn with_thousands(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_in_dollars_and_cents() {
        let check = |dollars: f64, text: &str| {
            assert_eq!(Money::from_dollars_f64(dollars).to_string(), text);
        };
        check(0.0, "$0.00");
        check(1234.567, "$1,234.57");
        check(-3.5, "-$3.50");
        check(0.000411, "$0.000411");
        check(1_000_000.0, "$1,000,000.00");
    }

    #[test]
    fn a_share_of_a_rate_is_rounded_half_to_even() {
        let check = |nanos: i64, millionths: u32, expected: i64| {
            let rate = HourlyRate::nanos_per_hour(nanos).millionths(millionths);
            assert_eq!(rate, HourlyRate::nanos_per_hour(expected));
        };
        check(91_000_000, 470_000, 42_770_000);
        check(91_000_001, 1_000_000, 91_000_001);
        check(1, 500_000, 0);
        check(3, 500_000, 2);
        check(i64::MAX, 2_000_000, i64::MAX);
        check(7, 0, 0);
    }

    #[test]
    fn a_rate_prices_an_hour_exactly_and_rounds_half_to_even() {
        let rate = HourlyRate::from_dollars_f64(0.04048);
        let hour = u128::from(Span::HOUR.as_micros());
        assert_eq!(rate.price(hour, 1), Money::from_dollars_f64(0.04048));
        // 1 nano-dollar per hour over half an hour is a tie between 0 and 1: even wins.
        assert_eq!(HourlyRate::nanos_per_hour(1).price(hour / 2, 1), Money::nanos(0));
        assert_eq!(HourlyRate::nanos_per_hour(3).price(hour / 2, 1), Money::nanos(2));
    }
}

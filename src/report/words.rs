//! How numbers are written for people: amounts of one table alike, and nothing that is there as 0.

use crate::billing::Curve;
use crate::study::Unit;
use crate::units::{HourlyRate, Money, Span};

const NANOS_PER_DOLLAR: i128 = 1_000_000_000;

/// How amounts that belong together are written: with the same decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dollars {
    decimals: u32,
}

impl Dollars {
    /// Chooses the decimals by the greatest amount: cents, or three digits of what is below $1.
    pub fn by(greatest: Money) -> Dollars {
        let nanos = greatest.as_nanos().unsigned_abs();
        let decimals = match nanos {
            0 => 2,
            nanos => (2 + 9u32.saturating_sub(nanos.ilog10())).min(9),
        };
        Dollars { decimals }
    }

    /// Writes an amount: `$1,234.56`; one that is there and too little to show as `<$0.01`.
    pub fn write(self, amount: Money) -> String {
        let sign = if amount < Money::ZERO { "-" } else { "" };
        let unit = NANOS_PER_DOLLAR.unsigned_abs() / 10u128.pow(self.decimals);
        let nanos = amount.as_nanos().unsigned_abs();
        let half_up = (nanos + unit / 2) / unit;
        let (below, shown) = match half_up {
            0 if nanos > 0 => ("<", 1),
            shown => ("", shown),
        };
        let per_dollar = 10u128.pow(self.decimals);
        let whole = grouped(&(shown / per_dollar).to_string());
        let (fraction, decimals) = (shown % per_dollar, self.decimals as usize);
        format!("{below}{sign}${whole}.{fraction:0decimals$}")
    }
}

/// Writes an amount that stands alone.
pub(super) fn dollars(amount: Money) -> String {
    Dollars::by(amount).write(amount)
}

/// Writes what a plan commits to: `$0.42/h`, with the five digits that AWS takes at most.
pub(super) fn per_hour(rate: HourlyRate) -> String {
    let text = format!("{:.5}", rate.as_dollars_f64());
    let (whole, digits) = text.split_once('.').unwrap_or((&text, ""));
    let digits = digits.trim_end_matches('0');
    format!("${}.{digits:0<2}/h", grouped(whole))
}

/// Writes what less is than a whole: `-23 %`.
pub(super) fn saved(whole: Money, less: Money) -> String {
    let share = (whole - less).as_dollars_f64() / whole.as_dollars_f64().max(1e-9);
    format!("-{}", percent(share, 0))
}

/// Names the plan of a curve: `Compute Savings Plan, 1 y`.
pub(super) fn plan(curve: &Curve) -> String {
    let of = curve.instance_family.as_ref().map_or(String::new(), |it| format!(" for {it}"));
    format!("{}{of}, {} y", curve.kind.name(), curve.years)
}

/// Writes a whole number with its thousands apart.
pub(super) fn number(value: u64) -> String {
    grouped(&value.to_string())
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a share with so many decimals; only nothing is 0 %, and only all is 100 %.
pub(super) fn percent(share: f64, decimals: usize) -> String {
    let percent = share * 100.0;
    let least = 0.1f64.powi(decimals as i32);
    if share == 0.0 || share == 1.0 {
        format!("{percent:.0} %")
    } else if share > 0.0 && percent < least / 2.0 {
        format!("<{least:.decimals$} %")
    } else if share < 1.0 && percent >= 100.0 - least / 2.0 {
        format!(">{:.decimals$} %", 100.0 - least)
    } else {
        format!("{percent:.decimals$} %")
    }
}

/// Writes values of one measure, alike; `None` is a dash.
///
/// Shares near all, one of them within 1 % of it, have three decimals: what is missing matters.
pub(super) fn alike(unit: Unit, values: &[Option<f64>]) -> Vec<String> {
    let there = || values.iter().flatten().copied();
    let greatest = there().map(f64::abs).fold(0.0, f64::max);
    let is_whole = there().all(|value| value.fract() == 0.0);
    let is_near_all = there().all(|value| value > 0.9 && value <= 1.0)
        && there().any(|value| value > 0.99 && value < 1.0);
    let amounts = Dollars::by(Money::from_dollars_f64(greatest));
    let write = |value: f64| match unit {
        Unit::Dollars => amounts.write(Money::from_dollars_f64(value)),
        Unit::Share => percent(value, if is_near_all { 3 } else { 1 }),
        Unit::Seconds if value == 0.0 => "0 s".to_string(),
        Unit::Seconds if greatest < 99.95 => format!("{} s", decimals(value, 1)),
        Unit::Seconds if value < 0.5 => "<1 s".to_string(),
        Unit::Seconds => Span::secs(value.round() as u64).to_string(),
        Unit::Count if is_whole => decimals(value, 0),
        Unit::Count if greatest < 10.0 => decimals(value, 2),
        Unit::Count | Unit::InstanceHours => decimals(value, 1),
    };
    values.iter().map(|value| value.map_or("–".to_string(), write)).collect()
}

/// Writes one value of a measure.
pub(super) fn measure(unit: Unit, value: f64) -> String {
    alike(unit, &[Some(value)]).remove(0)
}

/// Writes a number that is not negative, with its thousands apart.
pub(super) fn decimals(value: f64, decimals: usize) -> String {
    let least = 0.1f64.powi(decimals as i32);
    if value > 0.0 && value < least / 2.0 {
        return format!("<{least:.decimals$}");
    }
    let text = format!("{value:.decimals$}");
    match text.split_once('.') {
        Some((whole, fraction)) => format!("{}.{fraction}", grouped(whole)),
        None => grouped(&text),
    }
}

/// Breaks text between words into lines of at most `width` characters.
///
/// A word that is longer has a line of its own.
pub(super) fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_string()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_one_table_have_the_same_decimals() {
        let check = |greatest: i128, amount: i128, text: &str| {
            assert_eq!(Dollars::by(Money::nanos(greatest)).write(Money::nanos(amount)), text);
        };
        check(193_470_000_000, 136_000_000, "$0.14");
        check(193_470_000_000, 4_981_000, "<$0.01");
        check(193_470_000_000, -55_000, "<-$0.01");
        check(193_470_000_000, 0, "$0.00");
        check(1_234_567_890_000, 1_234_567_890_000, "$1,234.57");
        check(1_000_000_000, 1_000_000_000, "$1.00");
        check(380_000_000, 380_000_000, "$0.380");
        check(380_000_000, 4_981_000, "$0.005");
        check(411_000, 411_000, "$0.000411");
        check(1, 1, "$0.000000001");
        check(0, 0, "$0.00");
    }

    #[test]
    fn only_nothing_is_nothing_and_only_all_is_all() {
        let check = |share: f64, places: usize, text: &str| {
            assert_eq!(percent(share, places), text);
        };
        check(0.0, 0, "0 %");
        check(0.004, 0, "<1 %");
        check(0.0004, 1, "<0.1 %");
        check(0.006, 0, "1 %");
        check(0.5, 1, "50.0 %");
        check(0.99967, 3, "99.967 %");
        check(0.9999999, 3, ">99.999 %");
        check(0.99454, 0, "99 %");
        check(0.996, 0, ">99 %");
        check(1.0, 1, "100 %");
        check(1.2, 0, "120 %");
        assert_eq!(decimals(0.01, 0), "<1");
    }

    #[test]
    fn values_of_one_measure_are_written_alike() {
        let check = |unit, values: [f64; 2], texts: [&str; 2]| {
            assert_eq!(alike(unit, &values.map(Some)), texts);
        };
        check(Unit::Count, [10.0, 12.0], ["10", "12"]);
        check(Unit::Count, [10.0, 12.25], ["10.0", "12.2"]);
        check(Unit::Count, [0.0, 0.25], ["0.00", "0.25"]);
        check(Unit::Count, [12_345.0, 1.0], ["12,345", "1"]);
        check(Unit::Seconds, [36.7123, 90.0], ["36.7 s", "90.0 s"]);
        check(Unit::Seconds, [1.573, 0.02], ["1.6 s", "<0.1 s"]);
        check(Unit::Seconds, [0.795_563, 0.0], ["0.8 s", "0 s"]);
        check(Unit::Seconds, [146.3, 0.2], ["2 min 26 s", "<1 s"]);
        check(Unit::Seconds, [146.3, 48.0], ["2 min 26 s", "48 s"]);
        check(Unit::Share, [0.99454, 0.51], ["99.5 %", "51.0 %"]);
        check(Unit::Share, [0.99967, 1.0], ["99.967 %", "100 %"]);
        check(Unit::Share, [0.9, 0.94], ["90.0 %", "94.0 %"]);
        check(Unit::Dollars, [0.004_981, 37.09], ["<$0.01", "$37.09"]);
        assert_eq!(alike(Unit::Count, &[None, Some(1.0)]), ["–", "1"]);
    }

    #[test]
    fn text_is_broken_between_words() {
        assert_eq!(lines("one two three", 7), ["one two", "three"]);
        assert_eq!(lines("one", 2), ["one"]);
        assert_eq!(lines("a incomprehensible b", 5), ["a", "incomprehensible", "b"]);
    }
}

//! Value axes: round ticks, and numbers written with their unit.

/// How values of an axis are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A share: 1.0 is written 100 %.
    Share,
    /// US dollars.
    Dollars,
    /// A number of things.
    Count,
    /// Mebibytes, written as KiB, MiB, GiB, TiB or PiB.
    Mebibytes,
    /// Seconds, written as µs, ms, s, min, h or days.
    Seconds,
}

/// Values beyond are no measurements; leaving them out keeps all arithmetic finite.
const MAGNITUDE_MAX: f64 = 1e100;

/// Returns the value if it can be drawn.
pub(super) fn drawable(value: f64) -> Option<f64> {
    (value.abs() <= MAGNITUDE_MAX).then_some(value)
}

/// An axis from `low` to `high` (never equal, zero among them) with labelled ticks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    pub low: f64,
    pub high: f64,
    pub ticks: Vec<(f64, String)>,
}

impl Scale {
    /// Makes an axis that contains zero, `low` and `high`, with about `tick_count` steps.
    pub fn new(low: f64, high: f64, unit: Unit, tick_count: usize) -> Scale {
        let (low, mut high) = (low.min(0.0), high.max(0.0));
        if high - low < 1.0 / MAGNITUDE_MAX {
            high = 1.0;
        }
        let form = Form::of(unit, high.max(-low));
        let (low, high) = (low / form.one, high / form.one);
        let step = Step::for_range(high - low, tick_count, unit);
        // A hair less, so that 0.3 / 0.1 does not need a fourth step.
        let first = -(-low / step.size() - 1e-9).ceil().max(0.0) as i64;
        let last = (high / step.size() - 1e-9).ceil().max(0.0) as i64;
        let ticks =
            (first..=last).map(|n| (step.times(n) * form.one, form.tick(step, n))).collect();
        Scale { low: step.times(first) * form.one, high: step.times(last) * form.one, ticks }
    }
}

/// Writes values alike: in one unit, with as many decimals as give the greatest three digits.
///
/// What is there and too little to show is less than the least that is shown: `<$0.01`.
pub(super) fn write_alike(values: &[f64], unit: Unit) -> Vec<String> {
    let drawn = || values.iter().copied().filter_map(drawable);
    let greatest = drawn().map(f64::abs).fold(0.0, f64::max);
    let form = Form::of(unit, greatest);
    let most = greatest / form.one;
    let exponent = if most > 0.0 { most.log10().floor() as i32 } else { 0 };
    let is_whole = drawn().all(|value| (value / form.one).fract() == 0.0);
    let decimals = match unit {
        Unit::Dollars => (2 - exponent).clamp(2, 9),
        _ if is_whole && most < 1e15 => 0,
        Unit::Share | Unit::Count | Unit::Mebibytes | Unit::Seconds => (2 - exponent).max(0),
    };
    let write = |value: f64| {
        let Some(value) = drawable(value) else { return "–".to_owned() };
        let shown = (value / form.one).abs();
        if !(-4..15).contains(&exponent) {
            let digits = format!("{:.2}×10{}", shown / 10f64.powi(exponent), superscript(exponent));
            return form.write(&digits, value < 0.0);
        }
        let least = 0.1f64.powi(decimals);
        let is_less = shown > 0.0 && shown < least / 2.0;
        let digits = form.decimals(if is_less { least } else { shown }, decimals as usize);
        format!("{}{}", if is_less { "<" } else { "" }, form.write(&digits, value < 0.0))
    };
    values.iter().copied().map(write).collect()
}

/// The unit a number is shown in, chosen by the largest number of the axis.
struct Form {
    /// How much one shown unit is.
    one: f64,
    before: &'static str,
    after: &'static str,
    /// Whether one decimal becomes two, as with money.
    cents: bool,
}

impl Form {
    fn of(unit: Unit, largest: f64) -> Form {
        let (before, choices): (_, &[(f64, f64, &'static str)]) = match unit {
            Unit::Share => ("", &[(0.0, 0.01, " %")]),
            Unit::Dollars => ("$", LARGE),
            Unit::Count => ("", LARGE),
            Unit::Mebibytes => ("", MEMORY),
            Unit::Seconds => ("", TIME),
        };
        let fitting = choices.iter().rfind(|(from, _, _)| largest >= *from);
        let (_, one, after) = fitting.copied().unwrap_or((0.0, 1.0, ""));
        Form { one, before, after, cents: unit == Unit::Dollars && after.is_empty() }
    }

    /// Writes the n-th tick; zero is zero in every unit.
    fn tick(&self, step: Step, n: i64) -> String {
        let digits = if n == 0 {
            return format!("{}0", self.before);
        } else if (-5..15).contains(&step.exponent) {
            self.decimals(step.times(n).abs(), step.decimals())
        } else {
            let mantissa = n.unsigned_abs() as f64 * step.mantissa;
            format!("{mantissa}×10{}", superscript(step.exponent))
        };
        self.write(&digits, n < 0)
    }

    /// Writes a value with thousands separated.
    fn decimals(&self, value: f64, decimals: usize) -> String {
        let decimals = if self.cents && decimals == 1 { 2 } else { decimals };
        let plain = format!("{value:.decimals$}");
        let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
        let mut text = String::new();
        for (i, digit) in whole.chars().enumerate() {
            if i > 0 && (whole.len() - i).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        if fraction.is_empty() { text } else { format!("{text}.{fraction}") }
    }

    fn write(&self, digits: &str, negative: bool) -> String {
        let sign = if negative { "−" } else { "" };
        format!("{sign}{}{digits}{}", self.before, self.after)
    }
}

/// From which value on, how much one is, what is written after.
const LARGE: &[(f64, f64, &str)] =
    &[(0.0, 1.0, ""), (1e6, 1e6, " M"), (1e9, 1e9, " B"), (1e12, 1e12, " T"), (1e15, 1.0, "")];
const MEMORY: &[(f64, f64, &str)] = &[
    (0.0, 1.0 / 1024.0, " KiB"),
    (1.0, 1.0, " MiB"),
    (1024.0, 1024.0, " GiB"),
    (1024.0 * 1024.0, 1024.0 * 1024.0, " TiB"),
    (1024.0 * 1024.0 * 1024.0, 1024.0 * 1024.0 * 1024.0, " PiB"),
];
/// A larger unit begins at two of it, so that 90 s is not 1.5 min on an axis.
const TIME: &[(f64, f64, &str)] = &[
    (0.0, 1e-6, " µs"),
    (1e-3, 1e-3, " ms"),
    (1.0, 1.0, " s"),
    (120.0, 60.0, " min"),
    (7200.0, 3600.0, " h"),
    (172_800.0, 86_400.0, " d"),
];

/// The distance between ticks: 1, 2, 2.5 or 5 times a power of ten.
#[derive(Clone, Copy)]
struct Step {
    mantissa: f64,
    exponent: i32,
}

impl Step {
    fn for_range(range: f64, tick_count: usize, unit: Unit) -> Step {
        let rough = range / tick_count.max(1) as f64;
        let exponent = rough.log10().floor() as i32;
        let rest = rough / 10f64.powi(exponent);
        // A quarter is a natural step of shares only.
        let mantissas: &[f64] = match unit {
            Unit::Share => &[1.0, 2.0, 2.5, 5.0],
            Unit::Dollars | Unit::Count | Unit::Mebibytes | Unit::Seconds => &[1.0, 2.0, 5.0],
        };
        let fitting = mantissas.iter().find(|m| rest <= **m + 1e-9);
        let step = match fitting {
            Some(mantissa) => Step { mantissa: *mantissa, exponent },
            None => Step { mantissa: 1.0, exponent: exponent + 1 },
        };
        // Things come whole, unless there is on average less than one.
        if unit == Unit::Count && step.exponent < 0 && range >= 1.0 {
            return Step { mantissa: 1.0, exponent: 0 };
        }
        step
    }

    fn size(self) -> f64 {
        self.times(1)
    }

    /// Dividing by a power of ten keeps 3 × 0.1 exactly 0.3.
    fn times(self, n: i64) -> f64 {
        let steps = n as f64 * self.mantissa;
        if self.exponent < 0 {
            steps / 10f64.powi(-self.exponent)
        } else {
            steps * 10f64.powi(self.exponent)
        }
    }

    /// How many decimals its multiples have.
    fn decimals(self) -> usize {
        let half = self.mantissa.fract() != 0.0 && self.exponent <= 0;
        usize::try_from(-self.exponent).unwrap_or(0) + usize::from(half)
    }
}

fn superscript(exponent: i32) -> String {
    let raised = |c: char| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        c => char::from_u32(u32::from(c) - u32::from('0') + 0x2070).unwrap_or(c),
    };
    exponent.to_string().chars().map(raised).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ticks of an axis for data from zero (or below) to `high`, about five of them.
    fn check(low: f64, high: f64, unit: Unit, expected: &str) {
        let scale = Scale::new(low, high, unit, 5);
        let labels: Vec<&str> = scale.ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels.join(" | "), expected, "{low}..{high} {unit:?}");
        assert!(scale.low <= low.min(0.0) && scale.high >= high.max(0.0), "{scale:?}");
    }

    #[test]
    fn ticks_are_round_and_carry_their_unit() {
        check(0.0, 1.0, Unit::Share, "0 | 20 % | 40 % | 60 % | 80 % | 100 %");
        check(0.0, 0.11, Unit::Share, "0 | 2.5 % | 5.0 % | 7.5 % | 10.0 % | 12.5 %");
        check(0.0, 7.3, Unit::Count, "0 | 2 | 4 | 6 | 8");
        check(0.0, 1.0, Unit::Count, "0 | 1");
        check(0.0, 0.3, Unit::Count, "0 | 0.1 | 0.2 | 0.3");
        check(0.0, 4_200.0, Unit::Count, "0 | 1,000 | 2,000 | 3,000 | 4,000 | 5,000");
        check(0.0, 2.4e6, Unit::Count, "0 | 1 M | 2 M | 3 M");
        check(0.0, 9.5, Unit::Dollars, "$0 | $2 | $4 | $6 | $8 | $10");
        check(0.0, 0.85, Unit::Dollars, "$0 | $0.20 | $0.40 | $0.60 | $0.80 | $1.00");
        check(0.0, 0.000_3, Unit::Dollars, "$0 | $0.0001 | $0.0002 | $0.0003");
        check(0.0, 900.0, Unit::Mebibytes, "0 | 200 MiB | 400 MiB | 600 MiB | 800 MiB | 1,000 MiB");
        check(0.0, 30_000.0, Unit::Mebibytes, "0 | 10 GiB | 20 GiB | 30 GiB");
        check(0.0, 45.0, Unit::Seconds, "0 | 10 s | 20 s | 30 s | 40 s | 50 s");
        check(0.0, 600.0, Unit::Seconds, "0 | 2 min | 4 min | 6 min | 8 min | 10 min");
    }

    #[test]
    fn extreme_axes_are_still_axes() {
        check(0.0, 0.0, Unit::Count, "0 | 1");
        check(0.0, 0.0, Unit::Dollars, "$0 | $0.20 | $0.40 | $0.60 | $0.80 | $1.00");
        check(-3.0, 5.0, Unit::Count, "−4 | −2 | 0 | 2 | 4 | 6");
        check(-3.0, -1.0, Unit::Count, "−3 | −2 | −1 | 0");
        check(0.0, 3e-9, Unit::Count, "0 | 1×10⁻⁹ | 2×10⁻⁹ | 3×10⁻⁹");
        check(0.0, 4e30, Unit::Count, "0 | 1×10³⁰ | 2×10³⁰ | 3×10³⁰ | 4×10³⁰");
        for exponent in -99..=100 {
            for unit in [Unit::Share, Unit::Dollars, Unit::Count, Unit::Mebibytes, Unit::Seconds] {
                let scale = Scale::new(0.0, 10f64.powi(exponent), unit, 6);
                assert!((2..=8).contains(&scale.ticks.len()), "{scale:?}");
                assert!(scale.high > 0.0 && scale.high.is_finite(), "{scale:?}");
            }
        }
    }

    #[test]
    fn values_are_written_alike_by_the_greatest() {
        let check = |values: &[f64], unit, expected: &[&str]| {
            assert_eq!(write_alike(values, unit), expected);
        };
        check(&[0.0], Unit::Dollars, &["$0.00"]);
        let amounts = [757.824, 2.5, 0.136, 0.001];
        check(&amounts, Unit::Dollars, &["$757.82", "$2.50", "$0.14", "<$0.01"]);
        check(&[0.001_234, 0.000_04], Unit::Dollars, &["$0.00123", "$0.00004"]);
        check(&[-4.5], Unit::Dollars, &["−$4.50"]);
        check(&[17.0, 2.0], Unit::Count, &["17", "2"]);
        check(&[17.5, 2.0], Unit::Count, &["17.5", "2.0"]);
        check(&[2_048.0], Unit::Mebibytes, &["2 GiB"]);
        check(&[2_500.0], Unit::Mebibytes, &["2.44 GiB"]);
        check(&[0.5, 0.0], Unit::Share, &["50 %", "0 %"]);
        check(&[0.3333], Unit::Share, &["33.3 %"]);
        check(&[f64::NAN, 1.0], Unit::Share, &["–", "100 %"]);
        check(&[1e-9], Unit::Count, &["1.00×10⁻⁹"]);
    }
}

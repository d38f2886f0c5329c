//! What must hold of a result: `"service.web.availability" = ">= 99.95 %"`.

use std::fmt;

use super::Document;
use super::measures::{Quantity, quantity};
use super::problems::{Problem, number};
use crate::units::parse_span;

/// A bound on one measure of the result.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// The measure, as `summary.json` names it.
    pub measure: String,
    /// The bound as written.
    pub text: String,
    /// Which way.
    pub comparison: Comparison,
    /// The bound: a share, seconds, dollars or a plain number, as the measure has it.
    pub bound: f64,
}

/// Which way a bound holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// At least.
    AtLeast,
    /// At most.
    AtMost,
    /// More than.
    Above,
    /// Less than.
    Below,
}

impl Objective {
    /// Says whether a value meets the bound.
    pub fn is_met_by(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::AtLeast => value >= self.bound,
            Comparison::AtMost => value <= self.bound,
            Comparison::Above => value > self.bound,
            Comparison::Below => value < self.bound,
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.measure, self.text)
    }
}

/// Objectives that a scenario may have.
const MOST: usize = 1000;

/// Reads `[objective]`: measures that a result can have, with bounds that suit them.
pub(super) fn objectives(document: &Document, problems: &mut Vec<Problem>) -> Vec<Objective> {
    let mut list = Vec::new();
    let root = document.root();
    let entries = root.entries("objective");
    if entries.len() > MOST {
        let (count, most) = (number(entries.len() as u64), number(MOST as u64));
        let message = format!("there are {count} objectives; the most are {most}");
        problems.push(entries[MOST].1.error_here(message).hint("leave some out"));
    }
    for (measure, view) in entries.into_iter().take(MOST) {
        let quantity = quantity(measure, &root).unwrap_or_else(|unknown| {
            problems.push(view.error_here(unknown.fact).hint(unknown.hint));
            None
        });
        let text: String = view.value();
        let Some((comparison, written)) = read(&text) else {
            let example = quantity.map_or(EXAMPLES.to_string(), |it| format!("`{}`", it.example()));
            let hint = format!("a bound is `>=`, `<=`, `>` or `<` and a value, such as {example}");
            problems.push(view.error_here(format!("`{text}` is not a bound")).hint(hint));
            continue;
        };
        let Some(quantity) = quantity else { continue };
        match written.bound(quantity) {
            Some(bound) => {
                list.push(Objective { measure: measure.to_string(), text, comparison, bound });
            }
            None => {
                let message = format!(
                    "`{text}` bounds {}, and the measure is {}",
                    written.name(),
                    quantity.name()
                );
                let hint = format!("write a bound such as `{}`", quantity.example());
                problems.push(view.error_here(message).hint(hint));
            }
        }
    }
    list
}

const EXAMPLES: &str = "`>= 99.95 %`, `<= 60 s`, `< $400`";

/// A bound as it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Written {
    Share(f64),
    Money(f64),
    Seconds(f64),
    Plain(f64),
}

impl Written {
    /// Returns the bound as a measure counts it; nothing if it does not suit the measure.
    fn bound(self, quantity: Quantity) -> Option<f64> {
        match (quantity, self) {
            (Quantity::Share, Written::Share(share)) => Some(share),
            (Quantity::Share, Written::Plain(share)) if (0.0..=1.0).contains(&share) => Some(share),
            (Quantity::Time, Written::Seconds(seconds)) => Some(seconds),
            (Quantity::Money, Written::Money(dollars) | Written::Plain(dollars)) => Some(dollars),
            (Quantity::Count, Written::Plain(count)) => Some(count),
            (Quantity::Hours, Written::Plain(hours)) => Some(hours),
            (Quantity::Hours, Written::Seconds(seconds)) => Some(seconds / 3600.0),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Written::Share(_) => Quantity::Share.name(),
            Written::Money(_) => Quantity::Money.name(),
            Written::Seconds(_) => Quantity::Time.name(),
            Written::Plain(_) => Quantity::Count.name(),
        }
    }
}

fn read(text: &str) -> Option<(Comparison, Written)> {
    let text = text.trim();
    let (comparison, rest) = [
        (">=", Comparison::AtLeast),
        ("<=", Comparison::AtMost),
        (">", Comparison::Above),
        ("<", Comparison::Below),
    ]
    .into_iter()
    .find_map(|(sign, comparison)| text.strip_prefix(sign).map(|rest| (comparison, rest.trim())))?;
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
    let dollars = rest.strip_prefix('$').or_else(|| rest.strip_suffix("USD"));
    let written = if let Some(percent) = rest.strip_suffix('%') {
        Written::Share(number(percent)? / 100.0)
    } else if let Some(dollars) = dollars {
        Written::Money(number(&dollars.replace(',', ""))?)
    } else if let Some(plain) = number(rest) {
        Written::Plain(plain)
    } else {
        Written::Seconds(parse_span(rest).ok()?.as_secs_f64())
    };
    Some((comparison, written))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_a_sign_and_a_value_with_its_unit() {
        let check = |text: &str, expected| assert_eq!(read(text), expected, "{text}");
        check(">= 99.95 %", Some((Comparison::AtLeast, Written::Share(0.9995))));
        check("<= 60 s", Some((Comparison::AtMost, Written::Seconds(60.0))));
        check("<1 min 30 s", Some((Comparison::Below, Written::Seconds(90.0))));
        check("< $1,400.50", Some((Comparison::Below, Written::Money(1400.5))));
        check("> 3", Some((Comparison::Above, Written::Plain(3.0))));
        check("60 s", None);
        check(">= many", None);
        check(">= nan", None);
    }
}

//! What must hold of a result: `"service.web.availability" = ">= 99.95 %"`.

use std::fmt;

use super::problems::Problem;
use super::suggest::did_you_mean;
use super::value::read_span;
use super::{Document, View};

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

/// Reads `[objective]`; that the measures exist is known when there is a result.
pub(super) fn objectives(document: &Document, problems: &mut Vec<Problem>) -> Vec<Objective> {
    let mut list = Vec::new();
    let root = document.root();
    for (measure, view) in root.entries("objective") {
        let text: String = view.value();
        match read(&text) {
            Some((comparison, bound)) => {
                problems.extend(unknown_subject(measure, &root, &view));
                list.push(Objective { measure: measure.to_string(), text, comparison, bound });
            }
            None => {
                let hint = "a bound is `>=`, `<=`, `>` or `<` and a value: `>= 99.95 %`, \
                            `<= 60 s`, `< $400`";
                problems.push(view.error_here(format!("`{text}` is not a bound")).hint(hint));
            }
        }
    }
    list
}

fn read(text: &str) -> Option<(Comparison, f64)> {
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
    let bound = if let Some(percent) = rest.strip_suffix('%') {
        number(percent)? / 100.0
    } else if let Some(dollars) = rest.strip_prefix('$') {
        number(&dollars.replace(',', ""))?
    } else if let Some(plain) = number(rest) {
        plain
    } else {
        read_span(rest).ok()?.as_secs_f64()
    };
    Some((comparison, bound))
}

/// Reports a service or job that is not there, before anything is run.
fn unknown_subject(measure: &str, root: &View, view: &View) -> Option<Problem> {
    let (kind, rest) = measure.split_once('.')?;
    let kind = ["service", "job", "task"].into_iter().find(|it| *it == kind)?;
    if !root.is_sound_at(&[kind]) {
        return None;
    }
    let known: Vec<&str> = root.entries(kind).into_iter().map(|(name, _)| name).collect();
    // A name may have points of its own.
    let is_known =
        known.iter().any(|name| rest.strip_prefix(name).is_some_and(|it| it.starts_with('.')));
    if is_known {
        return None;
    }
    let name = rest.rsplit_once('.').map_or(rest, |(name, _)| name);
    let problem = view.error_here(format!("there is no {kind} `{name}`"));
    Some(match (did_you_mean(name, known.iter().copied()), known.as_slice()) {
        (Some(meant), _) => problem.hint(format!("did you mean `{kind}.{meant}`?")),
        (None, []) => problem.hint(format!("write a table [{kind}.{name}]")),
        (None, known) => problem.hint(format!("known: `{}`", known.join("`, `"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_a_sign_and_a_value_with_its_unit() {
        let check = |text: &str, expected| assert_eq!(read(text), expected, "{text}");
        check(">= 99.95 %", Some((Comparison::AtLeast, 0.9995)));
        check("<= 60 s", Some((Comparison::AtMost, 60.0)));
        check("<1 min 30 s", Some((Comparison::Below, 90.0)));
        check("< $1,400.50", Some((Comparison::Below, 1400.5)));
        check("> 3", Some((Comparison::Above, 3.0)));
        check("60 s", None);
        check(">= many", None);
        check(">= nan", None);
    }
}

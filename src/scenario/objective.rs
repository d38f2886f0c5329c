//! What must hold of a result: `"service.web.availability" = ">= 99.95 %"`.

use std::fmt;

use crate::ecs::Model;
use crate::units::parse_span;

use super::Document;
use super::problems::{Problem, Problems};

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
pub(super) fn objectives(
    document: &Document,
    model: &Model,
    problems: &mut Problems,
) -> Vec<Objective> {
    let mut list = Vec::new();
    for (measure, view) in document.root().entries("objective") {
        let text: String = view.value();
        match read(&text) {
            Some((comparison, bound)) => {
                check_subject(measure, model, &view, problems);
                list.push(Objective { measure: measure.to_string(), text, comparison, bound });
            }
            None => {
                let message = format!("objective `{measure}`: `{text}` is not a bound");
                let hint = "a bound is `>=`, `<=`, `>` or `<` and a value: `>= 99.95 %`, \
                            `<= 60 s`, `< $400`";
                problems.push(Problem::error(view.place(), message).hint(hint));
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
        parse_span(rest).ok()?.as_secs_f64()
    };
    Some((comparison, bound))
}

/// Reports a service or job that is not there, before anything is run.
fn check_subject(measure: &str, model: &Model, view: &super::View, problems: &mut Problems) {
    let mut parts = measure.split('.');
    let (Some(kind), Some(name)) = (parts.next(), parts.next()) else { return };
    let known: Vec<&str> = match kind {
        "service" => model.services.iter().map(|(_, service)| service.name.as_str()).collect(),
        "job" | "task" => model
            .submitters
            .iter()
            .filter_map(|(_, it)| it.name.strip_prefix(kind)?.strip_prefix('.'))
            .collect(),
        _ => return,
    };
    if !known.contains(&name) {
        let message = format!("objective `{measure}`: there is no {kind} `{name}`");
        let problem = Problem::error(view.place(), message);
        problems.push(problem.hint(format!("there is {}", known.join(", "))));
    }
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

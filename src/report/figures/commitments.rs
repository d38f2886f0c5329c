//! What one more Savings Plan would make of the bill, against its commitment.

use crate::billing::{Curve, CurvePoint};
use crate::units::{HourlyRate, Span};

use super::super::chart::{Colour, Content, Figure, Join, Mark, Tick, TimeAxis, Unit};
use super::super::words::{Dollars, dollars, per_hour, plan, saved};
use super::{Page, panel};

/// Curves in one picture; those for all instances come first.
const CURVES_MAX: usize = 6;
/// Marks along the axis.
const TICKS: f64 = 10.0;

/// Shows the cost of the run against the commitment per hour, with where it is least.
pub(super) fn curves(page: &Page) -> Option<Figure> {
    let bill = &page.outcome.bill;
    let shown = &bill.curves[..bill.curves.len().min(CURVES_MAX)];
    let far = |curve: &Curve| {
        let ends = curve.points.last().map(|point| point.per_hour.as_dollars_f64());
        // Beyond, nothing but the unused part grows; what is least is to be seen well.
        let least = curve.least.per_hour.as_dollars_f64();
        ends.unwrap_or(0.0).min(3.0 * least).max(1.2 * least)
    };
    let to = shown.iter().map(far).fold(0.0, f64::max);
    if to <= 0.0 {
        return None; // no plan saves anything
    }
    let amounts = Dollars::by(bill.total());
    let mut marks = vec![Mark::Rule {
        name: "as it is".to_string(),
        colour: Colour::Desired,
        value: bill.total().as_dollars_f64(),
    }];
    for (n, curve) in shown.iter().enumerate() {
        marks.push(line(curve, colour(n), (to, bill.span)));
    }
    for (n, curve) in shown.iter().enumerate() {
        let CurvePoint { per_hour: rate, cost, .. } = curve.least;
        if rate == HourlyRate::ZERO {
            continue;
        }
        let (rate, saved) = (per_hour(rate), saved(bill.total(), cost));
        let label = format!("{}: {rate}, {} ({saved})", short(curve), amounts.write(cost));
        let (kind, colour) = ("least bills".to_string(), colour(n));
        marks.push(Mark::Event { label, kind, colour, at: curve.least.per_hour.as_dollars_f64() });
    }
    let detail = format!("the bill is {} without", dollars(bill.total()));
    let whole = super::Panel {
        marks,
        weight: 2.0,
        ..panel("Cost of the run with a Savings Plan", detail, Unit::Dollars)
    };
    let axis = TimeAxis {
        from: 0.0,
        to,
        ticks: ticks(to),
        label: Some("commitment in $ per hour, at the plan's rates".to_string()),
    };
    let content = Content::Time { axis, panels: vec![whole] };
    let mut footnote = "Each hour is settled by itself: what of it a commitment covers costs the \
                        plan's rates, the rest is on demand, and what is unused is lost; as if all \
                        hours of the term were like those of the run. Nothing upfront. Rates of \
                        plans are assumed (`ecsim check`)."
        .to_string();
    if !bill.commitments.is_empty() {
        footnote += " Beside the commitments of the scenario.";
    }
    Some(page.figure("what a commitment would save", content, Some(footnote)))
}

/// Both terms of a plan have one colour, and that of a year is dashed.
fn colour(n: usize) -> Colour {
    super::of_several(n / 2)
}

/// Draws a curve as far as `to`: beyond its last point every dollar more is unused.
fn line(curve: &Curve, colour: Colour, (to, span): (f64, Span)) -> Mark {
    let points = curve.points.iter();
    let points = points.map(|it| (it.per_hour.as_dollars_f64(), it.cost.as_dollars_f64()));
    let mut points: Vec<(f64, f64)> = points.collect();
    if let Some((at, cost)) = points.last().copied().filter(|(at, _)| *at < to) {
        points.push((to, cost + (to - at) * span.as_secs_f64() / 3600.0));
    }
    let (at, values) = points.into_iter().unzip();
    let dashed = curve.years == 1;
    Mark::Line { name: plan(curve), colour, join: Join::Straight, dashed, at, values }
}

/// Names a curve beside its least bill.
fn short(curve: &Curve) -> String {
    match &curve.instance_family {
        Some(family) => format!("{family}, {} y", curve.years),
        None => format!("{} y", curve.years),
    }
}

/// Marks round amounts: 1, 2 or 5 times a power of ten.
fn ticks(to: f64) -> Vec<Tick> {
    let rough = to / TICKS;
    let power = rough.log10().floor() as i32;
    let unit = 10f64.powi(power);
    let step = [1.0, 2.0, 5.0, 10.0].map(|it| it * unit).into_iter().find(|it| rough <= *it);
    let step = step.unwrap_or(10.0 * unit);
    let decimals = usize::try_from(-power).unwrap_or(0).max(2);
    let count = (to / step + 1e-9).floor() as usize;
    let tick = |n: usize| Tick {
        at: n as f64 * step,
        label: format!("${:.decimals$}", n as f64 * step),
        below: None,
        major: false,
    };
    (0..=count).map(tick).collect()
}

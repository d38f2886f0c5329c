//! What one more Savings Plan would make of a bill, against its commitment: no new simulation.
//!
//! Usage that is saved most on is covered first, so every dollar more per hour saves less than the
//! one before: the cost is convex in the commitment, and where it stops falling it is least.

use crate::units::{HourlyRate, Money, Span};

use super::commitment::{CommitmentKind, CommittedRates, Fine, Pool, at_rate, fine, rounded};
use super::price::Rate;

/// A plan that could be had.
#[derive(Clone, Debug)]
pub struct Offer {
    /// What it is.
    pub kind: CommitmentKind,
    /// The family of instances it is for; `None`: all.
    pub instance_family: Option<String>,
    /// For how many years.
    pub years: u32,
    /// At which rates it is used up.
    pub rates: CommittedRates,
}

/// What a bill would be with one more plan, beside those that are on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Curve {
    /// What the plan is.
    pub kind: CommitmentKind,
    /// The family of instances it is for; `None`: all.
    pub instance_family: Option<String>,
    /// For how many years.
    pub years: u32,
    /// Bills by commitment, ascending: from none to that which no hour uses up, evenly, and the
    /// least bill.
    pub points: Vec<CurvePoint>,
    /// The least bill there is; of equal ones that with the lowest commitment.
    pub least: CurvePoint,
}

/// A bill with a commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurvePoint {
    /// What is paid for every hour.
    pub per_hour: HourlyRate,
    /// The whole bill, to the nano-dollar what it would say.
    pub cost: Money,
    /// What is covered, at on-demand prices.
    pub covered: Money,
    /// What is paid for the plan.
    pub fee: Money,
    /// Of `fee`, what nothing is covered with.
    pub unused: Money,
}

/// Nano-dollars per hour in which plans are sold, and how many of these are the least.
///
/// Source: Savings Plans API, CreateSavingsPlan: from 0.001 to 1 million, at most five digits after
/// the decimal point.
const STEP_NANOS: i64 = 10_000;
const LEAST_STEPS: i64 = 100;
const MOST_STEPS: i64 = 100_000_000_000;
/// Even parts of a curve.
const PARTS: i64 = 60;
/// The shortest run that says something of plans, which are for years.
pub const SHORTEST_RUN: Span = Span::DAY;

/// Draws the curves of all offers over what is still on demand, with the bill as it is.
///
/// An offer that could cover nothing has none, and neither has a run of less than a day.
pub(super) fn curves(pool: &Pool, offers: &[Offer], (bill, span): (Money, Span)) -> Vec<Curve> {
    if span < SHORTEST_RUN {
        return Vec::new();
    }
    let candidates = offers.iter().filter_map(|offer| Candidate::new(pool, offer, (bill, span)));
    candidates.map(|candidate| candidate.curve()).collect()
}

/// A plan laid over what is left of the usage.
struct Candidate<'a> {
    pool: &'a Pool<'a>,
    offer: &'a Offer,
    bill: Money,
    span: Span,
    /// Items in the order in which they are covered, each with its rate.
    order: Vec<(usize, &'a Rate)>,
    /// By hour, then in that order: what covers everything up to there.
    ends: Vec<Fine>,
}

impl<'a> Candidate<'a> {
    fn new(
        pool: &'a Pool<'a>,
        offer: &'a Offer,
        (bill, span): (Money, Span),
    ) -> Option<Candidate<'a>> {
        let order = pool.order(&[&offer.rates]).into_iter();
        let rate = |item: usize| offer.rates.of(pool.items[item].what);
        let order: Vec<_> = order.filter_map(|(_, item)| Some((item, rate(item)?))).collect();
        let mut ends = Vec::with_capacity(pool.lengths.len() * order.len());
        for hour in 0..pool.lengths.len() {
            let mut end = 0;
            for &(item, rate) in &order {
                let item = &pool.items[item];
                let cost = at_rate(item.left[hour], item.on_demand.nanos, rate.nanos);
                end = Fine::saturating_add(end, cost);
                ends.push(end);
            }
        }
        let is_of_use = ends.iter().any(|end| *end > 0);
        is_of_use.then_some(Candidate { pool, offer, bill, span, order, ends })
    }

    /// Returns what a commitment covers of each item at its on-demand price, and what it uses up.
    fn covered(&self, per_hour: HourlyRate) -> (Vec<Fine>, Fine) {
        let mut covered = vec![0; self.order.len()];
        let mut used = 0;
        let rows = self.ends.chunks_exact(self.order.len());
        for (hour, (length, row)) in self.pool.lengths.iter().zip(rows).enumerate() {
            let budget = fine(per_hour, *length);
            let full = row.partition_point(|end| *end <= budget);
            for (sum, (item, _)) in covered.iter_mut().zip(&self.order[..full]) {
                *sum = Fine::saturating_add(*sum, self.pool.items[*item].left[hour]);
            }
            let before = if full == 0 { 0 } else { row[full - 1] };
            let Some(&(item, rate)) = self.order.get(full) else {
                used = Fine::saturating_add(used, before);
                continue;
            };
            let item = &self.pool.items[item];
            let part = at_rate(budget - before, rate.nanos, item.on_demand.nanos);
            covered[full] = covered[full].saturating_add(part.min(item.left[hour]));
            used = Fine::saturating_add(used, budget);
        }
        (covered, used)
    }

    /// Returns what a commitment adds to the bill, unrounded.
    fn change(&self, steps: i64) -> Fine {
        let per_hour = rate_of(steps);
        let (covered, _) = self.covered(per_hour);
        covered
            .iter()
            .fold(fine(per_hour, self.span.as_micros()), |sum, it| sum.saturating_sub(*it))
    }

    fn point(&self, steps: i64) -> CurvePoint {
        let per_hour = rate_of(steps);
        let (covered, used) = self.covered(per_hour);
        let credits = covered.iter().zip(&self.order);
        let credit = credits.map(|(sum, (item, _))| self.pool.items[*item].credit_of_more(*sum));
        let covered: Money = credit.sum();
        let fee = rounded(fine(per_hour, self.span.as_micros()));
        let unused = fee - rounded(used);
        CurvePoint { per_hour, cost: self.bill - covered + fee, covered, fee, unused }
    }

    /// Returns the least commitment that no hour uses up.
    fn enough(&self) -> i64 {
        let rows = self.ends.chunks_exact(self.order.len());
        let hours = self.pool.lengths.iter().zip(rows);
        let steps = hours.filter_map(|(length, row)| {
            let step = fine(rate_of(1), *length);
            row.last().filter(|_| step > 0).map(|end| end.saturating_add(step - 1) / step)
        });
        i64::try_from(steps.max().unwrap_or(0)).unwrap_or(MOST_STEPS).clamp(LEAST_STEPS, MOST_STEPS)
    }

    /// Finds the commitment with the least bill, by halving: the cost is convex.
    fn least(&self) -> i64 {
        let (mut low, mut high) = (0, self.enough());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.change(middle + 1) < self.change(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        match low {
            0 => 0,
            few if few < LEAST_STEPS && self.change(LEAST_STEPS) >= 0 => 0,
            some => some.max(LEAST_STEPS),
        }
    }

    fn curve(&self) -> Curve {
        let (least, enough) = (self.least(), self.enough());
        let mut steps: Vec<i64> = (0..=PARTS).map(|part| enough * part / PARTS).collect();
        steps.retain(|it| *it == 0 || *it >= LEAST_STEPS);
        steps.push(least);
        steps.sort_unstable();
        steps.dedup();
        let Offer { kind, years, .. } = *self.offer;
        Curve {
            kind,
            instance_family: self.offer.instance_family.clone(),
            years,
            points: steps.into_iter().map(|steps| self.point(steps)).collect(),
            least: self.point(least),
        }
    }
}

fn rate_of(steps: i64) -> HourlyRate {
    HourlyRate::nanos_per_hour(steps * STEP_NANOS)
}

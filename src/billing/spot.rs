//! What Spot instances are charged: by the price of their pool at each instant.
//!
//! Source: EC2 User Guide, "Billing for interrupted Spot Instances" and Spot pricing: per second,
//! at the Spot price in effect, at least a minute.

use crate::ecs::capacity::spot::{OnDemandShare, Prices};
use crate::units::{SimTime, Span};

/// What Spot instances of a class are charged for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpotUsage {
    /// Σ of what each is charged for in µs; nothing where EC2 reclaimed it in its first hour.
    pub charged_micros: u128,
    /// Σ of those µs times the share of the on-demand price that holds then, in millionths.
    pub share_micros: u128,
}

/// The prices of a pool so far, for whoever asks of several stretches of time.
#[derive(Clone, Debug)]
pub(super) struct PricePath {
    prices: Prices,
    /// From when on each holds.
    steps: Vec<(SimTime, OnDemandShare)>,
    is_whole: bool,
}

impl PricePath {
    pub fn new(prices: Prices) -> PricePath {
        PricePath { prices, steps: Vec::new(), is_whole: false }
    }

    /// Returns ∫ share of the on-demand price, in millionths times µs.
    pub fn share_micros(&mut self, from: SimTime, lasts: Span) -> u128 {
        let end = from.saturating_add(lasts);
        while !self.is_whole && self.steps.last().is_none_or(|step| step.0 < end) {
            match self.prices.next() {
                Some(step) => self.steps.push(step),
                None => self.is_whole = true,
            }
        }
        // The first price holds from the beginning of the run.
        let first = self.steps.partition_point(|step| step.0 <= from).saturating_sub(1);
        let steps = self.steps[first..].iter().take_while(|step| step.0 < end);
        let ends = self.steps[first..].iter().skip(1).map(|step| step.0).chain([SimTime::MAX]);
        let held = |((since, share), until): (&(SimTime, OnDemandShare), SimTime)| {
            let micros = until.min(end).since(from.max(*since)).as_micros();
            u128::from(micros) * u128::from(share.as_millionths())
        };
        steps.zip(ends).map(held).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::capacity::spot::{Hazard, SpotMarket, SpotParameters, SpotPool};
    use crate::engine::Seed;

    fn prices() -> Prices {
        let market = SpotMarket::new("test-1", SpotParameters::default()).expect("defaults");
        let hazard = Hazard::per_hour(0.01).expect("a rate");
        let pool = SpotPool { name: "test-1a/m5.large".to_string(), hazard };
        market.of(Seed { master: 1, replication: 0 }, &pool).prices(OnDemandShare::from_ratio(0.4))
    }

    #[test]
    fn a_stretch_of_time_costs_what_its_seconds_cost() {
        let mut path = PricePath::new(prices());
        let steps: Vec<(SimTime, OnDemandShare)> = prices().take(20).collect();
        let price_at = |second: u64| {
            let holds = steps.iter().rev().find(|step| step.0 <= SimTime::from_secs(second));
            u128::from(holds.expect("one from the beginning").1.as_millionths())
        };
        // Prices hold for six hours: within one, over one border, over several, backwards.
        for (from, lasts) in [(0, 60), (21_000, 1200), (43_200, 100_000), (21_600, 21_600), (5, 0)]
        {
            let by_second = (from..from + lasts).map(|it| price_at(it) * 1_000_000).sum();
            let found = path.share_micros(SimTime::from_secs(from), Span::secs(lasts));
            assert_eq!(found, by_second, "{from} s and {lasts} s on");
        }
    }
}

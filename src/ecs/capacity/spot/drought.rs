//! When a pool has no capacity: its own droughts, and those that the region's trigger brings.
//!
//! The trigger is one process of the region, the same whichever pools a scenario has: points in
//! time, each with a severity, as dense as pools of that hazard need. A pool meets the points whose
//! severity is below its hazard. So two pools of one hazard share all these droughts, and of two
//! hazards the higher meets all that the lower meets. Assumption: such a drought lasts as long in
//! every pool, so that the availability of two like pools correlates with the shared share.
//!
//! Severities are cut into bands, each sixteen times the one below and a process of its own: a pool
//! follows the bands up to its hazard and skips at most some sixteen points for each it meets.

use std::sync::Arc;

use crate::engine::{Luck, Purpose};
use crate::units::SimTime;

use super::{Arrivals, PoolMarket, SpotParameters};

/// A time in which a pool refuses launches, and at whose start it reclaims instances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drought {
    /// When it begins.
    pub start: SimTime,
    /// When it is over; another may still be on.
    pub end: SimTime,
    /// Whether the region's trigger brought it.
    pub is_shared: bool,
    pub(super) coins: Luck,
}

/// The droughts of a pool, in order of their starts: a source with one pending event a band.
#[derive(Clone, Debug)]
pub struct Droughts {
    parameters: Arc<SpotParameters>,
    hazard_per_hour: f64,
    sources: Vec<Source>,
}

/// The pool's own droughts, or those of a band of the trigger.
#[derive(Clone, Debug)]
struct Source {
    arrivals: Arrivals,
    pending: Option<(u64, SimTime)>,
    /// Luck of the pool in these droughts.
    coins: Luck,
    /// Least and greatest severity; the pool's own have none.
    band: Option<(f64, f64)>,
}

const LENGTH: Purpose = Purpose::new("spot drought length");
const SEVERITY: Purpose = Purpose::new("spot drought severity");

/// Each band reaches sixteen times as high as the one below; the last up to the highest hazard.
const BANDS: [i32; 8] = [-6, -5, -4, -3, -2, -1, 0, 1];

impl Droughts {
    pub(super) fn new(market: &PoolMarket) -> Droughts {
        let (hazard, rate) = (market.hazard.as_per_hour_f64(), market.drought_rate());
        let shared = market.parameters.shared_share;
        let own = market.pool.named("own droughts");
        let mut sources = vec![Source::new(own, rate * (1.0 - shared), own, None)];
        let mut low = 0.0;
        for (number, exponent) in (0..).zip(BANDS) {
            let high = 16_f64.powi(exponent);
            if hazard <= low {
                break;
            }
            // Of a region, so of a rate that no pool decides.
            let p = &market.parameters;
            let density = shared * (1.0 - p.alone_share) / p.reclaim_probability;
            let trigger = market.region.part(number);
            let coins = market.pool.named("shared droughts").part(number);
            let band = Some((low, high));
            sources.push(Source::new(trigger, density * (high - low), coins, band));
            low = high;
        }
        let parameters = Arc::clone(&market.parameters);
        Droughts { parameters, hazard_per_hour: hazard, sources }
    }
}

impl Source {
    fn new(luck: Luck, per_hour: f64, coins: Luck, band: Option<(f64, f64)>) -> Source {
        let mut arrivals = Arrivals::new(luck, per_hour);
        let pending = arrivals.next();
        Source { arrivals, pending, coins, band }
    }
}

impl Iterator for Droughts {
    type Item = Drought;

    fn next(&mut self) -> Option<Drought> {
        loop {
            // Of two at one instant the first source's comes first.
            let pending = self.sources.iter_mut().filter(|source| source.pending.is_some());
            let source = pending.min_by_key(|source| source.pending.map(|(_, start)| start))?;
            let (number, start) = source.pending?;
            source.pending = source.arrivals.next();
            let luck = source.arrivals.luck.part(number);
            if let Some((low, high)) = source.band
                && low + (high - low) * luck.unit(SEVERITY) >= self.hazard_per_hour
            {
                continue;
            }
            let length = self.parameters.drought.sample_span(luck, LENGTH);
            return Some(Drought {
                start,
                end: start.saturating_add(length),
                is_shared: source.band.is_some(),
                coins: source.coins.part(number),
            });
        }
    }
}

//! The EC2 Spot market: who is reclaimed and when, when launches are refused, and the price.
//!
//! A pool is a zone and an instance type. What befalls it is a process in absolute time, keyed by
//! the names of region and pool: nothing that a scenario does changes it, so every variant meets
//! the same market. Instances of a group sit in numbered slots of the pool, and a [`Strike`] on a
//! slot hits whoever sits there at that instant.
//!
//! The hazard λ of a pool is the total rate at which a running instance is reclaimed. A share of
//! it (`alone_share`) strikes each slot for itself. The rest comes in droughts: each running
//! instance is reclaimed with a probability p, so droughts start at (1 − `alone_share`) λ ÷ p. A
//! drought that starts while another is on draws for every slot again, and the pool refuses
//! launches until the last of them ends. So the strikes on any slot are a Poisson process of rate
//! λ, whatever overlaps: a delay of each arrival leaves such a process what it is.
//!
//! Assumption: a run begins without a drought, and nobody is warned who is not reclaimed.
//! Source: the shape fits public recordings of held and lost Spot instances (SkyPilot, 2022–2023;
//! Bamboo, 2022), where most losses came several at once and pools of a region correlate with
//! 0.25 to 0.59.

mod availability;
mod drought;
mod price;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::engine::{Distribution, Luck, Purpose, Seed};
use crate::units::{SimTime, Span};

pub use self::availability::{Availability, BadAvailability, NodeChange};
pub use self::drought::{Drought, Droughts};
pub use self::price::{OnDemandShare, PriceMovement, Prices};

/// How long an instance that EC2 reclaims must have run to be charged at all.
///
/// One that is reclaimed in its first hour is free, one that the user stops is not.
/// Source: EC2 User Guide, "Billing for interrupted Spot Instances".
pub const FREE_IF_RECLAIMED_WITHIN: Span = Span::HOUR;

/// How pools of a region behave.
#[derive(Clone, Debug, PartialEq)]
pub struct SpotParameters {
    /// Share of interruptions that come alone, 0 to 1. Assumption: 0.2.
    pub alone_share: f64,
    /// Probability that a drought reclaims a running instance, 0.01 to 1. Assumption: 0.5.
    pub reclaim_probability: f64,
    /// Seconds from the start of a drought to a notice, at most to its end. Assumption: uniform
    /// over 10 minutes.
    pub reclaim_delay: Distribution,
    /// Seconds a drought lasts. Assumption: exponential of mean 2 hours.
    pub drought: Distribution,
    /// Share of drought starts that come from a trigger of the region, 0 to 1. Assumption: 0.4.
    pub shared_share: f64,
    /// Seconds from a rebalance recommendation to the notice; no earlier than the drought's start
    /// or the slot's last strike. AWS says that it may come earlier or with the notice.
    /// Assumption: exponential of mean 5 minutes.
    pub rebalance_lead: Distribution,
    /// From the notice until the instance is gone. Documented: 2 minutes.
    pub notice: Span,
    /// How the price moves.
    pub price: PriceMovement,
}

/// The Spot market of a region: checked parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct SpotMarket {
    region: String,
    parameters: Arc<SpotParameters>,
}

/// A pool of Spot capacity: an instance type in a zone.
#[derive(Clone, Debug, PartialEq)]
pub struct SpotPool {
    /// The key of its luck: `eu-west-1a/m7g.large`.
    pub name: String,
    /// Total rate at which a running instance is reclaimed.
    pub hazard: Hazard,
}

/// A rate of interruption per instance and hour of running, 0 to [`Hazard::MAX_PER_HOUR`].
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Hazard(f64);

/// What befalls one pool in one run.
#[derive(Clone, Debug)]
pub struct PoolMarket {
    parameters: Arc<SpotParameters>,
    hazard: Hazard,
    region: Luck,
    pool: Luck,
}

/// A place in a pool: who holds it, by name, and which of theirs it is.
pub type Slot<'a> = (&'a str, u32);

/// An interruption of whoever sits in a slot at these instants; they come in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// EC2 recommends to rebalance; at the latest together with the notice.
    pub recommended: SimTime,
    /// The notice. Who comes to the slot later is not meant.
    pub noticed: SimTime,
    /// Who got the notice is gone.
    pub reclaimed: SimTime,
}

/// Interruptions of a slot that come alone, in order: a source that holds one pending event.
#[derive(Clone, Debug)]
pub struct AloneStrikes {
    parameters: Arc<SpotParameters>,
    arrivals: Arrivals,
}

/// Why parameters make no Spot market.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum BadSpotMarket {
    /// A number is out of its range.
    #[error("`{value}` cannot be the {parameter} of Spot: it must be from {least} to {most}")]
    Parameter {
        /// Which one.
        parameter: &'static str,
        /// What was given.
        value: f64,
        /// The least that can be.
        least: f64,
        /// The most that can be.
        most: f64,
    },
    /// Prices are to change at every instant.
    #[error("the Spot price cannot change every 0 s")]
    NoPeriod,
}

const MONTH_HOURS: f64 = 730.0;

const DELAY: Purpose = Purpose::new("spot reclaim delay");
const GAP: Purpose = Purpose::new("spot gap");
const LEAD: Purpose = Purpose::new("spot rebalance lead");
const RECLAIM: Purpose = Purpose::new("spot reclaim");

impl Default for SpotParameters {
    fn default() -> SpotParameters {
        let fine = "the defaults are distributions";
        SpotParameters {
            alone_share: 0.2,
            reclaim_probability: 0.5,
            reclaim_delay: Distribution::uniform(0.0, 600.0).expect(fine),
            drought: Distribution::exponential(7200.0).expect(fine),
            shared_share: 0.4,
            rebalance_lead: Distribution::exponential(300.0).expect(fine),
            notice: Span::secs(120),
            price: PriceMovement::default(),
        }
    }
}

impl SpotMarket {
    /// Makes the market of a region, `eu-west-1`.
    ///
    /// # Errors
    /// [`BadSpotMarket`] if a parameter is out of its range.
    pub fn new(region: &str, parameters: SpotParameters) -> Result<SpotMarket, BadSpotMarket> {
        let p = &parameters;
        within("share of interruptions alone", p.alone_share, 0.0, 1.0)?;
        within("reclaim probability", p.reclaim_probability, 0.01, 1.0)?;
        within("shared share of droughts", p.shared_share, 0.0, 1.0)?;
        p.price.check()?;
        Ok(SpotMarket { region: region.to_string(), parameters: Arc::new(parameters) })
    }

    /// Returns the time from a notice until the capacity is gone.
    pub fn notice(&self) -> Span {
        self.parameters.notice
    }

    /// Returns what befalls a pool in the run of this seed; other pools do not matter to it.
    pub fn of(&self, seed: Seed, pool: &SpotPool) -> PoolMarket {
        let region = seed.luck("spot").named(&self.region);
        PoolMarket {
            parameters: Arc::clone(&self.parameters),
            hazard: pool.hazard,
            region: region.named("trigger"),
            pool: region.named("pool").named(&pool.name),
        }
    }
}

impl Hazard {
    /// The highest rate there is; contested pools on record lost up to 1.3 an hour.
    pub const MAX_PER_HOUR: f64 = 16.0;

    /// Makes a hazard from a rate per instance and hour.
    ///
    /// # Errors
    /// [`BadSpotMarket`] if it is out of range.
    pub fn per_hour(rate: f64) -> Result<Hazard, BadSpotMarket> {
        within("hazard per hour", rate, 0.0, Hazard::MAX_PER_HOUR)?;
        Ok(Hazard(rate))
    }

    /// Makes the hazard at which the fraction `monthly` of instances is reclaimed in 730 hours:
    /// −ln(1 − `monthly`) ÷ 730.
    ///
    /// # Errors
    /// [`BadSpotMarket`] if it is not from 0 to 0.999999.
    pub fn from_monthly(monthly: f64) -> Result<Hazard, BadSpotMarket> {
        within("monthly frequency of interruption", monthly, 0.0, 0.999_999)?;
        Ok(Hazard(-(-monthly).ln_1p() / MONTH_HOURS))
    }

    /// Returns the share of instances that is not reclaimed within 730 hours.
    pub fn survival_of_a_month(self) -> f64 {
        (-self.0 * MONTH_HOURS).exp()
    }

    /// Returns the rate per instance and hour.
    pub fn as_per_hour_f64(self) -> f64 {
        self.0
    }
}

impl PoolMarket {
    /// Returns the droughts of the pool in order of their starts.
    ///
    /// Launches are refused while any of them is on: until the latest end seen so far.
    pub fn droughts(&self) -> Droughts {
        Droughts::new(self)
    }

    /// Says whether and when a drought strikes a slot of this pool.
    ///
    /// Ask at its start, and of occupied slots only: an empty one stays so while it lasts. A strike
    /// at its very end comes before the launches of that instant.
    pub fn struck(&self, drought: &Drought, (group, slot): Slot) -> Option<Strike> {
        let luck = drought.coins.named(group).part(slot.into());
        let p = &self.parameters;
        if !luck.chance(RECLAIM, p.reclaim_probability) {
            return None;
        }
        let delayed = drought.start.saturating_add(p.reclaim_delay.sample_span(luck, DELAY));
        Some(p.strike(luck, drought.start, delayed.min(drought.end)))
    }

    /// Returns the interruptions of a slot that come alone.
    pub fn alone(&self, (group, slot): Slot) -> AloneStrikes {
        let p = &self.parameters;
        let luck = self.pool.named("alone").named(group).part(slot.into());
        let arrivals = Arrivals::new(luck, p.alone_share * self.hazard.0);
        AloneStrikes { parameters: Arc::clone(p), arrivals }
    }

    /// Returns the time from a notice until the instance is gone.
    pub fn notice(&self) -> Span {
        self.parameters.notice
    }

    /// Returns the prices of the pool, which move around `usual`.
    pub fn prices(&self, usual: OnDemandShare) -> Prices {
        Prices::new(self.parameters.price, self.pool, usual)
    }

    /// Returns the rate of drought starts in an hour, both kinds together.
    fn drought_rate(&self) -> f64 {
        let p = &self.parameters;
        (1.0 - p.alone_share) * self.hazard.0 / p.reclaim_probability
    }
}

impl SpotParameters {
    /// Builds a strike; the recommendation comes no earlier than `since`.
    fn strike(&self, luck: Luck, since: SimTime, noticed: SimTime) -> Strike {
        let known = noticed.since(since);
        let lead = self.rebalance_lead.sample_span(luck, LEAD);
        Strike {
            recommended: since.saturating_add(known.saturating_sub(lead)),
            noticed,
            reclaimed: noticed.saturating_add(self.notice),
        }
    }
}

impl Iterator for AloneStrikes {
    type Item = Strike;

    fn next(&mut self) -> Option<Strike> {
        let since = self.arrivals.at;
        let (number, noticed) = self.arrivals.next()?;
        Some(self.parameters.strike(self.arrivals.luck.part(number), since, noticed))
    }
}

/// A Poisson process from the beginning of the run; the gap before arrival `n` is keyed by `n`.
#[derive(Clone, Debug)]
struct Arrivals {
    luck: Luck,
    gap_mean_s: f64,
    count: u64,
    /// The last arrival.
    at: SimTime,
}

impl Arrivals {
    /// Makes the process of this many arrivals an hour.
    fn new(luck: Luck, per_hour: f64) -> Arrivals {
        Arrivals { luck, gap_mean_s: 3600.0 / per_hour, count: 0, at: SimTime::ZERO }
    }
}

impl Iterator for Arrivals {
    type Item = (u64, SimTime);

    fn next(&mut self) -> Option<(u64, SimTime)> {
        // Where nothing arrives the mean gap is infinite, and there is no such distribution.
        let gap = Distribution::exponential(self.gap_mean_s).ok()?;
        let number = self.count;
        self.count += 1;
        self.at = self.at.saturating_add(gap.sample_span(self.luck.part(number), GAP));
        (self.at < SimTime::MAX).then_some((number, self.at))
    }
}

fn within(parameter: &'static str, value: f64, least: f64, most: f64) -> Result<(), BadSpotMarket> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(BadSpotMarket::Parameter { parameter, value, least, most })
}

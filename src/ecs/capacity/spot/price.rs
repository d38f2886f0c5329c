//! What Spot capacity of a pool costs: a share of the on-demand price that moves slowly.
//!
//! Since 2017 Spot prices are not bids and move slowly; droughts leave them alone. The core knows
//! no price, so this is a share in whole millionths; the bill makes money of it with
//! [`HourlyRate::millionths`](crate::units::HourlyRate::millionths).

use crate::engine::{Luck, Purpose};
use crate::units::{SimTime, Span};

use super::{BadSpotMarket, within};

/// A share of the on-demand price, in whole millionths, at most all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OnDemandShare(u32);

/// How prices of a region move around the usual price of each pool.
///
/// The price is constant for a period. Its relative deviation from the usual price returns to 0 and
/// is shaken each period: `d' = φ d + spread √(1 − φ²) u`, where φ is exp(−period ÷ reversion) and
/// u uniform from −√3 to √3, so that the standard deviation is `spread` from the first period on.
/// The price stays from `floor` to the on-demand price; where it is cut there, the mean is off the
/// usual one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PriceMovement {
    /// How long a price holds, above 0. Assumption: 6 hours.
    pub period: Span,
    /// After how long 37 % of a deviation are left. Assumption: 7 days.
    pub reversion: Span,
    /// Standard deviation around the usual price, as a share of it, 0 to 1. Assumption: 0.1, so
    /// that zones differ by a quarter, as they do in most regions on record.
    pub spread: f64,
    /// The lowest price. Assumption: 5 % of on demand, half of the lowest on record.
    pub floor: OnDemandShare,
}

/// The prices of a pool from the beginning of the run: each with the instant from which it holds.
#[derive(Clone, Debug)]
pub struct Prices {
    movement: PriceMovement,
    luck: Luck,
    usual: OnDemandShare,
    /// Number of the next period.
    period: u64,
    /// Relative deviation in the last.
    deviation: f64,
}

const SHOCK: Purpose = Purpose::new("spot price");

impl OnDemandShare {
    /// As much as on demand.
    pub const ALL: OnDemandShare = OnDemandShare(1_000_000);

    /// Makes a share from a ratio, rounded to millionths and kept from 0 to 1.
    pub fn from_ratio(ratio: f64) -> OnDemandShare {
        // `as` sends what is negative or no number to zero.
        OnDemandShare(((ratio * 1e6).round() as u32).min(OnDemandShare::ALL.0))
    }

    /// Returns whole millionths.
    pub const fn as_millionths(self) -> u32 {
        self.0
    }
}

impl Default for PriceMovement {
    fn default() -> PriceMovement {
        PriceMovement {
            period: Span::HOUR * 6,
            reversion: Span::DAY * 7,
            spread: 0.1,
            floor: OnDemandShare(50_000),
        }
    }
}

impl PriceMovement {
    pub(super) fn check(&self) -> Result<(), BadSpotMarket> {
        within("spread of prices", self.spread, 0.0, 1.0)?;
        if self.period.is_zero() { Err(BadSpotMarket::NoPeriod) } else { Ok(()) }
    }
}

impl Prices {
    pub(super) fn new(movement: PriceMovement, pool: Luck, usual: OnDemandShare) -> Prices {
        Prices { movement, luck: pool.named("price"), usual, period: 0, deviation: 0.0 }
    }
}

impl Iterator for Prices {
    type Item = (SimTime, OnDemandShare);

    fn next(&mut self) -> Option<(SimTime, OnDemandShare)> {
        let PriceMovement { period, reversion, spread, floor } = self.movement;
        let from = SimTime::ZERO.saturating_add(period.saturating_mul(self.period));
        if from == SimTime::MAX {
            return None;
        }
        let shock = (2.0 * self.luck.part(self.period).unit(SHOCK) - 1.0) * 3_f64.sqrt();
        let kept = if self.period == 0 || reversion.is_zero() {
            0.0
        } else {
            (-period.as_secs_f64() / reversion.as_secs_f64()).exp()
        };
        self.deviation = kept * self.deviation + spread * (1.0 - kept * kept).sqrt() * shock;
        self.period += 1;
        let ratio = f64::from(self.usual.0) / 1e6 * (1.0 + self.deviation);
        Some((from, OnDemandShare::from_ratio(ratio).max(floor)))
    }
}

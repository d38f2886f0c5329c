//! When requests arrive: Poisson processes whose rate is changed from outside.

use crate::engine::{Distribution, Ix, Luck, Purpose, Stream};
use crate::units::{SimTime, Span};

use super::life::{Ask, work};
use super::model::SourceSpec;
use super::{Class, Client};

const GAPS: Purpose = Purpose::new("gaps between requests");
const CHOICE: Purpose = Purpose::new("class of a request");
pub(super) const WORK: Purpose = Purpose::new("work of a request");

/// The greatest rate, in requests per second: one a nanosecond.
const MAX_RATE: f64 = 1e9;
const MICROS: f64 = 1e6;

/// Where requests of the outside come from.
#[derive(Clone, Debug)]
pub struct Source {
    pub(super) client: Ix<Client>,
    luck: Luck,
    /// Requests per second.
    rate: f64,
    /// The next request comes when the rate, integrated from `since`, has reached this.
    gap: f64,
    since: SimTime,
    /// How much later than `since` the last request really came, in microseconds: gaps are rounded
    /// to whole microseconds together, not each.
    fraction: f64,
    gaps: Stream,
    choice: Stream,
    shares: Vec<Share>,
    number: u64,
    /// Events with another stamp are of a rate that no longer holds.
    pub(super) stamp: u32,
    exponential: Distribution,
    unit: Distribution,
}

#[derive(Clone, Debug)]
struct Share {
    /// This class and those before it have this share.
    up_to: f64,
    class: Ix<Class>,
    work: Stream,
}

impl Source {
    pub(super) fn new(spec: &SourceSpec, client: Ix<Client>, now: SimTime) -> Source {
        let positive = |share: f64| if share > 0.0 && share.is_finite() { share } else { 0.0 };
        let sum: f64 = spec.mix.iter().map(|&(share, _)| positive(share)).sum();
        let mut up_to = 0.0;
        let shares = spec.mix.iter().enumerate().map(|(part, &(share, class))| {
            up_to += positive(share) / sum;
            Share { up_to, class, work: spec.luck.part(part as u64).stream(WORK) }
        });
        let mut source = Source {
            client,
            luck: spec.luck,
            rate: 0.0,
            gap: 0.0,
            since: now,
            fraction: 0.0,
            gaps: spec.luck.stream(GAPS),
            choice: spec.luck.stream(CHOICE),
            shares: shares.collect(),
            number: 0,
            stamp: 0,
            exponential: Distribution::exponential(1.0).expect("1 is a mean"),
            unit: Distribution::uniform(0.0, 1.0).expect("0 is less than 1"),
        };
        source.gap = source.exponential.sample(&mut source.gaps);
        source
    }

    /// Changes the rate; says whether that changed anything.
    pub(super) fn set_rate(&mut self, now: SimTime, rate: f64) -> bool {
        // NaN is no rate either.
        let rate = if rate > 0.0 { rate.min(MAX_RATE) } else { 0.0 };
        if rate == self.rate {
            return false;
        }
        let passed = now.since(self.since).as_micros() as f64 - self.fraction;
        self.gap = (self.gap - passed * self.rate / MICROS).max(0.0);
        self.since = now;
        self.fraction = 0.0;
        self.rate = rate;
        self.stamp = self.stamp.wrapping_add(1);
        true
    }

    /// Returns when the next request comes, if any does.
    #[inline]
    pub(super) fn due(&self) -> Option<SimTime> {
        if self.rate <= 0.0 || self.shares.is_empty() {
            return None;
        }
        Some(self.since.saturating_add(Span::micros(self.micros().round() as u64)))
    }

    #[inline]
    fn micros(&self) -> f64 {
        self.fraction + self.gap * MICROS / self.rate
    }

    /// Notes that the request that was due has come, and draws when the next one does.
    #[inline]
    pub(super) fn next(&mut self, now: SimTime) {
        self.fraction = self.micros() - now.since(self.since).as_micros() as f64;
        self.since = now;
        self.gap = self.exponential.sample(&mut self.gaps);
    }

    /// Draws what the request that comes now asks for.
    #[inline]
    pub(super) fn draw(&mut self, now: SimTime, classes: &crate::engine::Table<Class>) -> Ask {
        let share = match self.shares.len() {
            1 => 0,
            _ => {
                let drawn = self.unit.sample(&mut self.choice);
                let first = self.shares.iter().position(|share| drawn < share.up_to);
                first.unwrap_or(self.shares.len() - 1)
            }
        };
        let share = &mut self.shares[share];
        let (cpu, wait) = work(&classes[share.class].spec, &mut share.work);
        let luck = self.luck.part(self.number);
        self.number += 1;
        let (client, class) = (self.client, share.class);
        Ask { client, class, parent: None, began: now, luck, cpu, wait, attempt: 0 }
    }
}

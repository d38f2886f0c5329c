//! CPU credits of the instances of a fleet: levels that change evenly between facts, and sums.

use crate::ecs::capacity::credits::{Account, Credits, Stage, Totals};
use crate::units::SimTime;

use super::gauges::Group;
use super::recording::Metric;
use super::series::{Buckets, Gauge};

/// Whole credits, which change evenly between facts.
///
/// In each bucket the series has the level of its middle, so that means are exact but for the
/// rounding to whole credits.
#[derive(Clone, Debug)]
struct Ramp {
    gauge: Gauge,
    level: Credits,
    /// Change in a microsecond.
    slope: Credits,
    since: SimTime,
}

/// What is known of the CPU credits of a fleet.
#[derive(Clone, Debug)]
pub(super) struct CreditGauges {
    balance: Ramp,
    surplus: Ramp,
    throttled: Gauge,
    withheld: Gauge,
    /// What has become of credits in the window.
    pub totals: Totals,
}

impl Ramp {
    fn new(buckets: Buckets) -> Ramp {
        Ramp {
            gauge: Gauge::new(buckets),
            level: Credits::ZERO,
            slope: Credits::ZERO,
            since: SimTime::ZERO,
        }
    }

    fn advance(&mut self, now: SimTime) {
        while self.since < now {
            let ends = match self.slope {
                Credits::ZERO => now,
                _ => self.gauge.boundary_after(self.since).min(now),
            };
            let next = self.level + self.slope.over(ends.since(self.since));
            self.gauge.set(self.since, self.level.middle(next).rounded());
            (self.level, self.since) = (next, ends);
        }
    }

    fn change(&mut self, at: SimTime, level: Credits, slope: Credits) {
        self.advance(at);
        self.level += level;
        self.slope += slope;
    }
}

impl CreditGauges {
    pub fn new(buckets: Buckets) -> CreditGauges {
        CreditGauges {
            balance: Ramp::new(buckets),
            surplus: Ramp::new(buckets),
            throttled: Gauge::new(buckets),
            withheld: Gauge::new(buckets),
            totals: Totals::default(),
        }
    }

    /// The account of an instance, as it was at its last change, is another now.
    pub fn change(&mut self, at: SimTime, before: Option<&Account>, now: &Account) {
        let old = before.map(|it| it.at(at));
        let none = (Credits::ZERO, Credits::ZERO);
        let of = |it: &Account| (it.balance(), it.surplus());
        let (balance, surplus) = old.as_ref().map_or(none, of);
        let (falls, grows) = before.map_or(none, Account::slopes);
        let (now_falls, now_grows) = now.slopes();
        self.balance.change(at, now.balance() - balance, now_falls - falls);
        self.surplus.change(at, now.surplus() - surplus, now_grows - grows);
        self.totals.add_since(before, now);
        let is_throttled = |it: &Account| u64::from(it.stage() == Stage::Throttled);
        let set = |gauge: &mut Gauge, was: u64, is: u64| {
            gauge.set(at, gauge.level() - was + is);
        };
        set(&mut self.throttled, before.map_or(0, is_throttled), is_throttled(now));
        let withheld = before.map_or(0, Account::withheld_cpu_units);
        set(&mut self.withheld, withheld, now.withheld_cpu_units());
    }

    /// Brings levels up to date.
    pub fn advance(&mut self, now: SimTime) {
        self.balance.advance(now);
        self.surplus.advance(now);
    }
}

impl Group for CreditGauges {
    fn each(&mut self, visit: &mut dyn FnMut(Metric, &mut Gauge)) {
        visit(Metric::CpuCreditBalance, &mut self.balance.gauge);
        visit(Metric::CpuSurplusCreditBalance, &mut self.surplus.gauge);
        visit(Metric::ThrottledInstances, &mut self.throttled);
        visit(Metric::ThrottledCpu, &mut self.withheld);
    }
}

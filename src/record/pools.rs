//! What only some groups have: Spot capacity that is interrupted, and warm pools.

use crate::ecs::WarmPoolChange;
use crate::ecs::model::WarmState;
use crate::units::SimTime;

use super::gauges::Group;
use super::recording::Metric;
use super::series::{Buckets, Gauge};

/// Interruptions of a fleet that buys Spot capacity.
#[derive(Clone, Debug)]
pub(super) struct SpotGauges {
    /// Instances with a rebalance recommendation.
    pub recommended: Gauge,
    /// Instances with an interruption notice.
    pub noticed: Gauge,
    /// Instances that were reclaimed since the run began.
    pub reclaimed: Gauge,
}

/// The warm pool of a fleet: instances on their way into it, and those that wait.
#[derive(Clone, Debug)]
pub(super) struct WarmPoolGauges {
    pending: Gauge,
    waiting: Gauge,
    state: WarmState,
}

/// Where in its warm pool an instance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Warmed {
    Pending,
    Waiting,
}

impl SpotGauges {
    pub fn new(buckets: Buckets) -> SpotGauges {
        let gauge = Gauge::new(buckets);
        SpotGauges { recommended: gauge.clone(), noticed: gauge.clone(), reclaimed: gauge }
    }
}

impl WarmPoolGauges {
    pub fn new(state: WarmState, buckets: Buckets) -> WarmPoolGauges {
        let gauge = Gauge::new(buckets);
        WarmPoolGauges { pending: gauge.clone(), waiting: gauge, state }
    }

    /// An instance goes on; `None`: it is not in the pool.
    pub fn change(&mut self, at: SimTime, from: Option<Warmed>, to: Option<Warmed>) {
        for (place, gauge) in
            [(Warmed::Pending, &mut self.pending), (Warmed::Waiting, &mut self.waiting)]
        {
            if from == Some(place) {
                gauge.subtract(at, 1);
            }
            if to == Some(place) {
                gauge.add(at, 1);
            }
        }
    }
}

impl From<WarmPoolChange> for Option<Warmed> {
    fn from(change: WarmPoolChange) -> Option<Warmed> {
        match change {
            WarmPoolChange::Launched => Some(Warmed::Pending),
            WarmPoolChange::Waits => Some(Warmed::Waiting),
            WarmPoolChange::Taken => None,
        }
    }
}

impl Group for SpotGauges {
    fn each(&mut self, visit: &mut dyn FnMut(Metric, &mut Gauge)) {
        visit(Metric::RecommendedInstances, &mut self.recommended);
        visit(Metric::NoticedInstances, &mut self.noticed);
        visit(Metric::ReclaimedInstances, &mut self.reclaimed);
    }
}

impl Group for WarmPoolGauges {
    fn each(&mut self, visit: &mut dyn FnMut(Metric, &mut Gauge)) {
        visit(Metric::WarmedPendingInstances, &mut self.pending);
        let waiting = match self.state {
            WarmState::Stopped => Metric::WarmedStoppedInstances,
            WarmState::Running => Metric::WarmedRunningInstances,
            WarmState::Hibernated => Metric::WarmedHibernatedInstances,
        };
        visit(waiting, &mut self.waiting);
    }
}

//! What a recorder keeps of the requests of a service.

use crate::ecs::load::fluid::{Level, Station};
use crate::units::SimTime;

use super::gauges::Group;
use super::recording::{Metric, Range, RequestSummary};
use super::series::{Buckets, Gauge};

/// Requests of a service: levels in the parts of their metrics.
#[derive(Clone, Debug)]
pub(super) struct TrafficGauges {
    arrivals: Gauge,
    served: Gauge,
    rejected: Gauge,
    without_target: Gauge,
    unreachable: Gauge,
    in_system: Gauge,
    latency: Gauge,
    /// Requests lost with tasks: as many as were seen, and as many when the window began.
    lost: (f64, f64),
    /// What requests use in a place: CPU units and MiB.
    pub used: Vec<(u32, [u64; 2])>,
}

/// Returns so many units in the parts of a metric; what is without end is the most there is.
fn parts(metric: Metric, units: f64) -> u64 {
    (units * metric.parts() as f64).round() as u64
}

impl TrafficGauges {
    pub fn new(buckets: Buckets) -> TrafficGauges {
        let gauge = Gauge::new(buckets);
        TrafficGauges {
            arrivals: gauge.clone(),
            served: gauge.clone(),
            rejected: gauge.clone(),
            without_target: gauge.clone(),
            unreachable: gauge.clone(),
            in_system: gauge.clone(),
            latency: gauge,
            lost: (0.0, 0.0),
            used: Vec::new(),
        }
    }

    /// Other levels hold from now on.
    pub fn set(&mut self, at: SimTime, station: &Station, level: &Level) {
        for (gauge, metric, units) in [
            (&mut self.arrivals, Metric::RequestArrivals, level.arrivals),
            (&mut self.served, Metric::RequestsServed, level.served),
            (&mut self.rejected, Metric::RequestsRejected, level.rejected),
            (&mut self.without_target, Metric::RequestsWithoutTarget, level.no_target),
            (&mut self.unreachable, Metric::RequestsUnreachable, level.unreachable),
            (&mut self.in_system, Metric::RequestsInSystem, level.in_system),
            (&mut self.latency, Metric::RequestLatency, level.response),
        ] {
            gauge.set(at, parts(metric, units));
        }
        self.lost.0 = station.totals().lost;
    }

    pub fn begin_window(&mut self, at: SimTime) {
        self.each(&mut |_, gauge| gauge.begin_window(at));
        self.lost.1 = self.lost.0;
    }
}

/// Makes a summary of windows: of each metric its integral, in seconds of its unit, and its range.
///
/// The mean latency is by Little's law: what is there on average ÷ what is admitted a second.
pub(super) fn summary(
    gauges: &TrafficGauges,
    window: impl Fn(Metric) -> (f64, Range),
) -> RequestSummary {
    let total = |metric| window(metric).0;
    let arrived = total(Metric::RequestArrivals);
    let rejected = total(Metric::RequestsRejected);
    let without_target = total(Metric::RequestsWithoutTarget);
    let unreachable = total(Metric::RequestsUnreachable);
    let admitted = arrived - rejected - without_target - unreachable;
    let there = total(Metric::RequestsInSystem);
    RequestSummary {
        arrived,
        served: total(Metric::RequestsServed),
        rejected,
        without_target,
        unreachable,
        lost: gauges.lost.0 - gauges.lost.1,
        arrivals: window(Metric::RequestArrivals).1,
        latency_mean: (admitted > 0.0).then(|| there / admitted),
        latency_worst: window(Metric::RequestLatency).1.max as f64
            / Metric::RequestLatency.parts() as f64,
    }
}

impl Group for TrafficGauges {
    fn each(&mut self, visit: &mut dyn FnMut(Metric, &mut Gauge)) {
        visit(Metric::RequestArrivals, &mut self.arrivals);
        visit(Metric::RequestsServed, &mut self.served);
        visit(Metric::RequestsRejected, &mut self.rejected);
        visit(Metric::RequestsWithoutTarget, &mut self.without_target);
        visit(Metric::RequestsUnreachable, &mut self.unreachable);
        visit(Metric::RequestsInSystem, &mut self.in_system);
        visit(Metric::RequestLatency, &mut self.latency);
    }
}

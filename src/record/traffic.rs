//! What a recorder keeps of the requests of a service.

use crate::ecs::load::fluid::{Level, Totals};
use crate::ecs::load::requests::Histogram;
use crate::ecs::{Clients, Served};
use crate::units::SimTime;

use super::gauges::Group;
use super::recording::{Metric, Range, RequestSummary, SingleRequests};
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
    /// Of requests one by one, how they stood when the window began, and stand at its end.
    single: Option<Box<(Single, Single)>>,
    window_from: SimTime,
}

/// Requests one by one, counted from the beginning of the run.
#[derive(Clone, Debug, Default)]
struct Single {
    totals: Totals,
    clients: Clients,
    responses: Histogram,
}

impl Single {
    fn of(served: Served<'_>) -> Option<Single> {
        let responses = served.responses()?.clone();
        Some(Single { totals: served.totals(), clients: served.clients()?, responses })
    }
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
            single: None,
            window_from: SimTime::ZERO,
        }
    }

    /// Other levels hold from now on.
    pub fn set(&mut self, now: SimTime, served: Served<'_>, level: &Level) {
        // Of single requests it is known afterwards.
        let at = served.since().unwrap_or(now).max(self.window_from);
        self.hold(at, level);
        self.lost.0 = served.totals().lost;
    }

    /// The run ends: what has not been told of single requests is added.
    pub fn end(&mut self, served: Served<'_>) {
        let Some(is) = Single::of(served) else { return };
        let was = self.single.take().map(|it| it.0).unwrap_or_default();
        self.single = Some(Box::new((was, is)));
        if let Some((since, level)) = served.untold() {
            self.hold(since.max(self.window_from), &level);
        }
    }

    fn hold(&mut self, at: SimTime, level: &Level) {
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
    }

    pub fn begin_window(&mut self, at: SimTime, served: Option<Served<'_>>) {
        self.window_from = at;
        let was = served.and_then(Single::of);
        self.single = was.map(|it| Box::new((it, Single::default())));
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
    let by_rates = RequestSummary {
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
        single: None,
    };
    gauges.single.as_ref().map_or(by_rates, |it| counted(by_rates, it))
}

/// Puts exact counts of single requests in the place of what rates come to.
fn counted(by_rates: RequestSummary, (was, is): &(Single, Single)) -> RequestSummary {
    let between = |count: fn(&Totals) -> f64| count(&is.totals) - count(&was.totals);
    let responses = is.responses.since(&was.responses);
    let times = |q| responses.quantile(q);
    let clients = |count: fn(&Clients) -> u64| count(&is.clients) - count(&was.clients);
    RequestSummary {
        arrived: between(|it| it.arrived),
        served: between(|it| it.served),
        rejected: between(|it| it.rejected),
        without_target: between(|it| it.no_target),
        unreachable: between(|it| it.unreachable),
        lost: between(|it| it.lost),
        latency_mean: responses.mean_secs(),
        single: Some(SingleRequests {
            latency: [0.5, 0.95, 0.99, 0.999].map(times),
            timed_out: clients(|it| it.timed_out),
            retried: clients(|it| it.retried),
            gave_up: clients(|it| it.gave_up),
        }),
        ..by_rates
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

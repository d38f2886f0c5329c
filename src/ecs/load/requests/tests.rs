//! The request simulation against queueing theory, laws, and its slow twin.

mod behaviour;
mod theory;
mod twins;

use crate::engine::{Distribution, Ix, Seed};
use crate::units::{SimTime, Span};

use super::*;

fn seed(replication: u64) -> Seed {
    Seed { master: 4, replication }
}

fn constant(value: f64) -> Distribution {
    Distribution::constant(value).unwrap()
}

fn exponential(mean: f64) -> Distribution {
    Distribution::exponential(mean).unwrap()
}

/// A distribution of this mean and squared coefficient of variation.
fn spread(mean: f64, scv: f64) -> Distribution {
    match scv {
        0.0 => constant(mean),
        1.0 => exponential(mean),
        _ => Distribution::gamma_of_mean(mean, 1.0 / scv).unwrap(),
    }
}

fn secs(seconds: f64) -> SimTime {
    SimTime::ZERO + Span::from_secs_f64(seconds)
}

/// Requests that only use CPU.
fn cpu_only(cpu_seconds: Distribution) -> ClassSpec {
    ClassSpec { cpu_seconds, wait_seconds: constant(0.0), calls: Vec::new() }
}

/// Requests that only wait.
fn wait_only(wait_seconds: Distribution) -> ClassSpec {
    ClassSpec { cpu_seconds: constant(0.0), wait_seconds, calls: Vec::new() }
}

/// One source of one class, one group of servers that are alike.
#[derive(Clone, Debug)]
struct Shop {
    requests: Requests,
    group: Ix<Group>,
    class: Ix<Class>,
    source: Ix<Source>,
    servers: Vec<Id<Server>>,
}

impl Shop {
    fn new(replication: u64, class: ClassSpec, servers: &[ServerSpec]) -> Shop {
        Shop::with(replication, class, servers, (GroupSpec::default(), Patience::default()))
    }

    fn with(
        replication: u64,
        class: ClassSpec,
        servers: &[ServerSpec],
        (group, patience): (GroupSpec, Patience),
    ) -> Shop {
        Shop::within(Requests::new(SimTime::ZERO), replication, class, (servers, group, patience))
    }

    fn within(
        mut requests: Requests,
        replication: u64,
        class: ClassSpec,
        (servers, group, patience): (&[ServerSpec], GroupSpec, Patience),
    ) -> Shop {
        let group = requests.add_group(group);
        let class = requests.add_class(class).unwrap();
        let luck = seed(replication).luck("load.shoppers");
        let mix = vec![(1.0, class)];
        let source = requests.add_source(&SourceSpec { luck, to: group, mix, patience });
        let servers = servers.iter().map(|&spec| requests.add_server(group, spec)).collect();
        Shop { requests, group, class, source, servers }
    }

    /// Lets requests come at a rate for a while, and returns the figures of that time.
    fn run(&mut self, per_second: f64, seconds: f64) -> (GroupTally, Span) {
        self.requests.set_rate(self.source, per_second);
        let (start, before) = (self.requests.now(), self.requests.group(self.group));
        let span = Span::from_secs_f64(seconds);
        assert_eq!(self.requests.advance(start + span), None);
        let after = self.requests.group(self.group);
        let (flow, usage) = (after.flow - before.flow, after.usage - before.usage);
        (GroupTally { flow, usage, ..after }, span)
    }

    /// Lets nobody come any more and everybody leave.
    fn close(&mut self) {
        self.requests.set_rate(self.source, 0.0);
        assert_eq!(self.requests.advance(self.requests.now() + Span::HOUR), None);
        assert_eq!(self.requests.group(self.group).in_system, 0);
    }
}

/// A server of so many places, each with a vCPU.
fn full(places: u32) -> ServerSpec {
    ServerSpec { cpu: f64::from(places), concurrency: places, ..ServerSpec::default() }
}

/// A server whose requests share the CPU, however many there are.
fn sharing(cpu: f64) -> ServerSpec {
    ServerSpec { cpu, concurrency: u32::MAX, ..ServerSpec::default() }
}

/// Checks that `expected` is in the 99 % interval of the mean over 30 replications, and that the
/// interval says something: it is at most a tenth of the value to either side.
#[track_caller]
fn check(expected: f64, replication: impl Fn(u64) -> f64) {
    const COUNT: u64 = 30;
    // Student's t with 29 degrees of freedom at 0.995.
    const T: f64 = 2.756;
    let values: Vec<f64> = (0..COUNT).map(replication).collect();
    let count = COUNT as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let half = T * (variance / count).sqrt();
    assert!((mean - expected).abs() <= half, "{mean} ± {half} does not hold {expected}");
    assert!(half <= 0.1 * expected.abs(), "{mean} ± {half} says little");
}

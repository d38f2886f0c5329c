//! Requests one by one and as a fluid are two ways to say one thing.

use super::super::fixture::*;
use super::super::load::fluid::{Routing, Totals};
use super::super::load::requests::Histogram;
use super::super::load::{Clock, Outside, Rate, Steps};
use super::super::model::*;
use super::super::{Fact, Limit, Served, Sim, Stop};
use crate::engine::{Distribution, Ix, Seed};
use crate::units::{SimTime, Span};

/// Student's t for nine degrees of freedom and 99 %.
const T_99: f64 = 3.250;
const REPLICATIONS: u64 = 10;

/// Tasks that serve, and how many requests come a second.
struct Case {
    tasks: u32,
    vcpus: u32,
    concurrency: u32,
    cpu: Distribution,
    rate: f64,
}

fn exponential(mean: f64) -> Distribution {
    Distribution::exponential(mean).unwrap()
}

impl Case {
    fn one(cpu: Distribution, rate: f64) -> Case {
        Case { tasks: 1, vcpus: 1, concurrency: 1, cpu, rate }
    }

    fn fixture(&self, fidelity: Fidelity) -> (Fixture, Ix<Service>) {
        let rate = [(0, self.rate)];
        let (mut f, service) = balanced((self.tasks, self.vcpus), &rate, fidelity);
        let serving = f.model.task_definitions[Ix::new(0)].serving.as_mut().unwrap();
        serving.concurrency = self.concurrency;
        serving.cpu = self.cpu.clone();
        (f, service)
    }

    /// Runs it, and returns what became of requests in so many seconds.
    fn run(&self, fidelity: Fidelity, replication: u64, secs: u64) -> (Totals, Option<Histogram>) {
        let (f, service) = self.fixture(fidelity);
        let seed = Seed { master: 1, replication };
        let mut sim = Sim::new(f.model.into(), seed);
        sim.run_until(SimTime::from_secs(secs), &mut ());
        let (served, _) = sim.world().station(service).unwrap();
        if let Served::Fluid(station) = served {
            let mut station = station.clone();
            station.advance(SimTime::from_secs(secs));
            return (*station.totals(), None);
        }
        (served.totals(), served.responses().cloned())
    }

    /// Returns mean and half of the 99 % interval of a figure over replications of two hours.
    fn interval(&self, figure: impl Fn(&Totals, &Histogram) -> f64) -> (f64, f64) {
        let of = |replication| {
            let (totals, responses) = self.run(Fidelity::Requests, replication, 7200);
            figure(&totals, &responses.unwrap())
        };
        let figures: Vec<f64> = (0..REPLICATIONS).map(of).collect();
        let count = REPLICATIONS as f64;
        let mean = figures.iter().sum::<f64>() / count;
        let squares: f64 = figures.iter().map(|it| (it - mean) * (it - mean)).sum();
        (mean, T_99 * (squares / (count - 1.0) / count).sqrt())
    }
}

fn load(f: &mut Fixture, to: Destination, steps: &[(u64, f64)]) {
    let routes = vec![Route { to, share: 1.0 }];
    let points = steps.iter().map(|it| (Span::secs(it.0), it.1));
    let made = Steps::new(points, Span::DAY).unwrap();
    let outside = Outside::Level { before: 0.0, after: 0.0 };
    let rate = Rate::steps(made.into(), outside, Clock::beginning_at(0));
    let (classes, patience) = (Vec::new(), Patience::default());
    f.model.loads.push(Load { name: "shoppers".into(), rate, routes, classes, patience });
}

/// Tasks of so many vCPUs in two zones, behind a load balancer, with requests of 100 ms.
fn balanced(
    (tasks, vcpus): (u32, u32),
    steps: &[(u64, f64)],
    fidelity: Fidelity,
) -> (Fixture, Ix<Service>) {
    let mut f = Fixture::new(2);
    f.model.fidelity = fidelity;
    f.model.initial_state = InitialState::Steady;
    for zone in f.model.zones.indices().collect::<Vec<_>>() {
        f.fleet_in(["a", "b"][zone.index()], tasks, (1024 * vcpus, 2048), &[zone]);
    }
    let web = f.definition("web", 1024 * vcpus, 1024);
    f.model.task_definitions[web].serving = Some(Serving {
        cpu: constant(0.1),
        wait: constant(0.0),
        concurrency: 64,
        queue_limit: 1_000_000,
        memory_kib: 0,
        container: 0,
        fatal: None,
        cpu_limit: Some(1024 * vcpus),
    });
    let service = f.service("web", web, tasks);
    let launch = f.model.services[service].launch;
    f.model.launches[launch].strategy = vec![az_spread()];
    let group = f.balance(service);
    load(&mut f, Destination::TargetGroup(group), steps);
    (f, service)
}

/// Utilisation is that of the fluid, and so is the mean time from arrival to answer where the
/// closed form is exact: M/M/1, M/M/4, M/G/1, and shared CPU with exponential work.
#[test]
fn requests_one_by_one_take_as_long_as_the_fluid_says() {
    let spread = Distribution::gamma_of_mean(0.1, 0.25).unwrap();
    let shared = Case { vcpus: 2, concurrency: 10_000, ..Case::one(exponential(0.1), 14.0) };
    let four = Case { vcpus: 4, concurrency: 4, ..Case::one(exponential(0.1), 30.0) };
    let cases = [Case::one(exponential(0.1), 7.0), four, Case::one(spread, 6.0), shared];
    for (n, case) in cases.iter().enumerate() {
        let fluid = case.run(Fidelity::Fluid, 0, 7200).0;
        let (cpu, within) = case.interval(|totals, _| totals.cpu_seconds);
        assert!((cpu - fluid.cpu_seconds).abs() < within, "{n}: {cpu} ± {within} {fluid:?}");
        let (mean, within) = case.interval(|_, responses| responses.mean_secs().unwrap());
        let expected = fluid.response_seconds / fluid.admitted;
        assert!((mean - expected).abs() < within, "{n}: {mean} ± {within}, {expected}");
        assert!(within < 0.1 * expected, "{n}: ± {within} of {mean} says little");
    }
}

/// Every second of random arrivals: the fluid has the wait of Allen and Cunneen, ¾ of that of
/// M/M/1, which is some 9 % more than that of E2/M/1. That one is exact:
/// σ = (2λ ÷ (2λ + μ(1 − σ)))², and the time from arrival to answer 1 ÷ μ(1 − σ).
#[test]
fn two_tasks_in_turn_are_e2_m_1_each() {
    let case = Case { tasks: 2, ..Case::one(exponential(0.1), 14.0) };
    let sigma = (0..1000).fold(0.5, |it: f64, _| (14.0_f64 / (14.0 + 10.0 * (1.0 - it))).powi(2));
    let exact = 0.1 / (1.0 - sigma);
    let (mean, within) = case.interval(|_, responses| responses.mean_secs().unwrap());
    assert!((mean - exact).abs() < within, "{mean} ± {within}, {exact}");
    let fluid = case.run(Fidelity::Fluid, 0, 7200).0;
    let approximate = fluid.response_seconds / fluid.admitted;
    assert!((1.0..1.09).contains(&(approximate / exact)), "{approximate}, {exact}");
    let (cpu, within) = case.interval(|totals, _| totals.cpu_seconds);
    assert!((cpu - fluid.cpu_seconds).abs() < within, "{cpu} ± {within} {fluid:?}");
}

/// M/M/1: the time from arrival to answer is exponential with a rate of μ − λ.
#[test]
fn percentiles_of_latency_are_those_of_m_m_1() {
    let case = Case::one(exponential(0.1), 7.0);
    for share in [0.5, 0.95, 0.99] {
        let of = |_: &Totals, it: &Histogram| it.quantile(share).unwrap().as_secs_f64();
        let (found, within) = case.interval(of);
        let expected = -(1.0_f64 - share).ln() / 3.0;
        // Cells of the histogram are 0.4 % to each side.
        let within = within + 0.004 * expected;
        assert!((found - expected).abs() < within, "{share}: {found} ± {within}, {expected}");
    }
}

/// Scaling out and in, crashes, a zone that fails, and a host that hangs, for half an hour; then
/// five minutes in which nothing comes.
fn eventful(routing: Routing) -> (Fixture, Ix<Service>) {
    let steps = [(0, 30.0), (300, 70.0), (600, 20.0), (1800, 0.0)];
    let (mut f, service) = balanced((4, 1), &steps, Fidelity::Requests);
    for group in f.model.target_groups.indices().collect::<Vec<_>>() {
        f.model.target_groups[group].routing = routing;
    }
    let patience = Patience { timeout: Some(Span::secs(2)), retries: 2, ..Patience::default() };
    f.model.loads[Ix::new(0)].patience = patience;
    let definition = &mut f.model.task_definitions[Ix::new(0)];
    definition.containers[0].behaviour.crash_rate_per_hour = 10.0;
    let serving = definition.serving.as_mut().unwrap();
    (serving.concurrency, serving.queue_limit) = (20, 20);
    for (secs, desired_count) in [(350, 8), (700, 2), (1000, 6)] {
        let action = Action::SetDesiredCount { service, desired_count };
        f.model.actions.push((SimTime::from_secs(secs), action));
    }
    let (zone, lasts, failure) = (Ix::new(0), constant(120.0), HostFailure::Hung);
    f.fault(1200, FaultKind::Zone { zone, share: 1.0, failure, launches_fail: true, lasts });
    let hung = FaultKind::Instances { fleet: Ix::new(1), count: 1, failure, lasts: None };
    f.fault(100, hung);
    (f, service)
}

#[test]
fn every_request_is_served_or_something_else_has_become_of_it() {
    for routing in [Routing::RoundRobin, Routing::LeastOutstanding, Routing::Random] {
        let (f, service) = eventful(routing);
        let mut sim = f.sim();
        for secs in [150, 310, 500, 800, 1210, 1500, 2100] {
            sim.run_until(SimTime::from_secs(secs), &mut ());
            let (served, _) = sim.world().station(service).unwrap();
            let it = served.totals();
            let gone = it.served + it.rejected + it.no_target + it.unreachable + it.lost;
            assert_eq!(it.arrived, gone + served.there().unwrap() as f64, "{secs} {it:?}");
        }
        let (served, level) = sim.world().station(service).unwrap();
        let it = served.totals();
        assert_eq!(served.there(), Some(0));
        assert!(it.served > 20_000.0 && it.rejected > 100.0 && it.lost > 10.0, "{it:?}");
        assert!(it.unreachable > 10.0, "{it:?}");
        let clients = served.clients().unwrap();
        assert!(clients.timed_out > 0 && clients.retried > 0 && clients.gave_up > 0);
        // Nothing comes any more, so nobody looks.
        assert_eq!((level.arrivals, level.cpu), (0.0, 0.0));
    }
}

fn end_of(sim: &Sim, service: Ix<Service>) -> String {
    let (served, level) = sim.world().station(service).unwrap();
    let [responses, uses] = [format!("{:?}", served.responses()), format!("{:?}", served.uses())];
    format!("{:?} {level:?} {responses} {uses} {}", served.totals(), sim.events())
}

#[test]
fn a_run_in_pieces_is_the_whole() {
    let end = SimTime::from_secs(2100);
    let (f, service) = eventful(Routing::LeastOutstanding);
    let (mut whole, mut story) = (f.sim(), Story::default());
    whole.run_until(end, &mut story);
    let (f, _) = eventful(Routing::LeastOutstanding);
    let (mut pieces, mut told) = (f.sim(), Story::default());
    let mut clone = None;
    for n in 1..=700_u64 {
        let until = SimTime::ZERO + Span::micros(n * 2_999_987);
        pieces.run_some(until, 7, &mut told);
        if n == 300 {
            clone = Some((pieces.clone(), told.clone()));
        }
    }
    pieces.run_until(end, &mut told);
    assert_eq!(story.facts, told.facts);
    assert_eq!(end_of(&whole, service), end_of(&pieces, service));
    let (mut clone, mut told) = clone.unwrap();
    clone.run_until(end, &mut told);
    assert_eq!(story.facts, told.facts);
    assert_eq!(end_of(&whole, service), end_of(&clone, service));
}

/// 100 requests of 1 MiB each fit: the very task at which one more is ends then.
#[test]
fn the_task_that_has_one_request_too_many_ends_at_once() {
    let (mut f, service) = balanced((2, 1), &[(0, 30.0)], Fidelity::Requests);
    let serving = f.model.task_definitions[Ix::new(0)].serving.as_mut().unwrap();
    (serving.concurrency, serving.fatal) = (200, Some(100));
    let (mut sim, mut story) = (f.sim(), Story::default());
    while sim.now() < SimTime::from_secs(100) {
        sim.run_some(SimTime::from_secs(100), 1, &mut story);
        let ended = story
            .facts
            .iter()
            .any(|(_, fact)| matches!(fact, Fact::ContainerStopped { exit_code: Some(137), .. }));
        if ended {
            let (served, _) = sim.world().station(service).unwrap();
            // Five too many come a second to each of the two.
            assert_eq!(served.totals().lost, 101.0);
            assert!((10.0..40.0).contains(&sim.now().since(SimTime::ZERO).as_secs_f64()));
            return;
        }
    }
    panic!("no task ran out of memory");
}

/// Single requests count as events, so that a rate without measure does not run for ever.
#[test]
fn so_many_single_requests_end_a_run() {
    let (mut f, _) = balanced((2, 1), &[(0, 1e6)], Fidelity::Requests);
    f.model.limits.events = 100_000;
    let mut sim = f.sim();
    let stop = sim.run_until(SimTime::from_secs(100), &mut ());
    assert_eq!(stop, Stop::LimitReached(Limit::Events(100_000)));
    assert!(sim.now() <= SimTime::from_secs(2));
}

/// Two classes of which one costs four times as much: the mean is that of both.
#[test]
fn classes_of_requests_cost_what_they_say() {
    let (mut f, service) = balanced((2, 1), &[(0, 5.0)], Fidelity::Requests);
    f.model.loads[Ix::new(0)].classes =
        vec![RequestClass { share: 0.75, cost: 1.0 }, RequestClass { share: 0.25, cost: 4.0 }];
    let sim = f.run(10_000);
    let (served, _) = sim.world().station(service).unwrap();
    let it = served.totals();
    let each = it.cpu_seconds / it.served;
    assert!((each - 0.175).abs() < 0.003, "{each}");
}

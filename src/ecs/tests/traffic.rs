//! Requests: who gets them, who answers, and what is lost when hosts and tasks fail.

use super::super::fixture::*;
use super::super::load::fluid::{Level, Totals};
use super::super::load::{Clock, Outside, Rate, Steps};
use super::super::model::*;
use super::super::{Fact, Served, Sim};
use crate::engine::Ix;
use crate::units::{SimTime, Span};

/// Says that a request takes so many seconds of a vCPU, all alike.
fn serves(f: &mut Fixture, definition: Ix<TaskDefinition>, cpu: f64) -> &mut Serving {
    f.model.task_definitions[definition].serving.insert(Serving {
        cpu: constant(cpu),
        wait: constant(0.0),
        concurrency: 64,
        queue_limit: 1000,
        memory_kib: 0,
        container: 0,
        fatal: None,
        cpu_limit: Some(1024),
    })
}

fn load(f: &mut Fixture, to: Destination, steps: &[(u64, f64)]) {
    let routes = vec![Route { to, share: 1.0 }];
    let points = steps.iter().map(|it| (Span::secs(it.0), it.1));
    let made = Steps::new(points, Span::DAY).expect("a test's steps are in order");
    let outside = Outside::Level { before: 0.0, after: 0.0 };
    let rate = Rate::steps(made.into(), outside, Clock::beginning_at(0));
    f.model.loads.push(Load {
        name: "shoppers".into(),
        rate,
        routes,
        classes: Vec::new(),
        patience: Patience::default(),
    });
}

/// Two tasks of one vCPU each, behind a load balancer, with requests of 100 ms.
fn balanced(steps: &[(u64, f64)]) -> (Fixture, Ix<Service>) {
    let mut f = Fixture::new(1);
    f.model.initial_state = InitialState::Steady;
    f.fleet("fleet", 2, (1024, 2048));
    let web = f.definition("web", 1024, 1024);
    serves(&mut f, web, 0.1);
    let service = f.service("web", web, 2);
    let group = f.balance(service);
    load(&mut f, Destination::TargetGroup(group), steps);
    (f, service)
}

fn totals(sim: &Sim, service: Ix<Service>, until: u64) -> Totals {
    let (station, _) = sim.world().station(service).expect("requests are sent to it");
    let Served::Fluid(station) = station else { return station.totals() };
    let mut station = station.clone();
    station.advance(SimTime::from_secs(until));
    *station.totals()
}

fn level(sim: &Sim, service: Ix<Service>) -> Level {
    *sim.world().station(service).expect("requests are sent to it").1
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-3 * expected.abs().max(1.0), "{found}, not {expected}");
}

/// 20 a second can be served: of 15 for 100 s and 30 for 20 s all are, in the end.
#[test]
fn what_is_too_much_for_a_while_waits() {
    let (f, service) = balanced(&[(0, 15.0), (100, 30.0), (120, 5.0)]);
    let sim = f.run(119);
    near(level(&sim, service).utilization, 1.5);
    near(level(&sim, service).cpu, 2.0);
    let (f, service) = balanced(&[(0, 15.0), (100, 30.0), (120, 5.0)]);
    let sim = f.run(300);
    let totals = totals(&sim, service, 300);
    near(totals.arrived, 1500.0 + 600.0 + 900.0);
    near(totals.served, totals.arrived);
    near(totals.cpu_seconds, 300.0);
    near(level(&sim, service).utilization, 0.25);
}

/// One of two hosts hangs: half of what comes is lost until the load balancer has seen two checks
/// fail (U(0, 10) + 10 s), then the other serves what it can.
#[test]
fn requests_are_lost_on_a_host_that_hangs_until_somebody_notices() {
    let (mut f, service) = balanced(&[(0, 8.0)]);
    let fleet = Ix::new(0);
    let failure = HostFailure::Hung;
    f.fault(100, FaultKind::Instances { fleet, count: 1, failure, lasts: None });
    let (sim, story) = f.story(400);
    let noticed = story.iter().find(|it| matches!(it.1, Fact::TaskUnhealthy { .. })).unwrap().0;
    assert!((110.0..=120.0).contains(&noticed), "{noticed}");
    let totals = totals(&sim, service, 400);
    near(totals.unreachable, 4.0 * (noticed - 100.0));
    // Those that were there when it fell: 8 a second, 0.1 s and some waiting, half of them.
    assert!((0.4..1.0).contains(&totals.lost), "{}", totals.lost);
    near(totals.served + totals.unreachable + totals.lost, totals.arrived);
}

/// Scale-in drains what is in flight; a crash loses it.
#[test]
fn a_task_that_drains_answers_what_it_has_and_one_that_crashes_does_not() {
    let (mut f, service) = balanced(&[(0, 30.0)]);
    let action = Action::SetDesiredCount { service, desired_count: 1 };
    f.model.actions.push((SimTime::from_secs(50), action));
    let sim = f.run(60);
    assert_eq!(totals(&sim, service, 60).lost, 0.0);
    near(level(&sim, service).utilization, 3.0);
    let (mut f, service) = balanced(&[(0, 30.0)]);
    let container = &mut f.model.task_definitions[Ix::new(0)].containers[0];
    container.behaviour.run_time = Some(constant(50.0));
    let (sim, story) = f.story(400);
    let exits = story.iter().filter(|it| matches!(it.1, Fact::TaskStopRequested { .. })).count();
    assert!(exits > 4, "{exits}");
    let totals = totals(&sim, service, 400);
    assert!(totals.lost > 100.0, "{totals:?}");
}

/// Nobody is there before the first check: what comes until then finds no task.
#[test]
fn a_cold_start_answers_nothing_until_targets_are_healthy() {
    let (mut f, service) = balanced(&[(0, 10.0)]);
    f.model.initial_state = InitialState::Cold;
    let (sim, story) = f.story(60);
    let healthy = story.iter().find(|it| matches!(it.1, Fact::TaskHealthy { .. })).unwrap().0;
    near(totals(&sim, service, 60).no_target, healthy * 10.0);
}

/// Without a load balancer whoever runs is found.
#[test]
fn service_discovery_finds_tasks_that_run() {
    let mut f = Fixture::new(1);
    let web = f.definition("web", 512, 1024);
    serves(&mut f, web, 0.1).cpu_limit = Some(512);
    let service = f.service("web", web, 4);
    let launch = f.model.services[service].launch;
    f.model.launches[launch].providers = vec![StrategyItem::only(Provider::Fargate)];
    load(&mut f, Destination::Service(service), &[(0, 10.0)]);
    let sim = f.run(60);
    near(totals(&sim, service, 60).served, 600.0);
    // Half a vCPU each: 20 a second in all.
    near(level(&sim, service).utilization, 0.5);
}

/// A-E2: of a c4.large, a task that reserves 512 units alone uses all 2,048: 400 %.
#[test]
fn a_e2_without_a_limit_a_task_uses_what_its_instance_has_left() {
    for (tasks, vcpus) in [(1, 2.0), (2, 1.0), (4, 0.5)] {
        let mut f = Fixture::new(1);
        f.model.initial_state = InitialState::Steady;
        f.fleet("c4", 1, (2048, 3768));
        let web = f.definition("web", 512, 512);
        serves(&mut f, web, 0.1).cpu_limit = None;
        let service = f.service("web", web, tasks);
        load(&mut f, Destination::Service(service), &[(0, 1000.0)]);
        let sim = f.run(10);
        near(level(&sim, service).cpu, vcpus * f64::from(tasks));
    }
}

/// A vCPU that is half as fast serves half as much.
#[test]
fn a_slower_vcpu_takes_longer() {
    let (mut f, service) = balanced(&[(0, 10.0)]);
    for class in f.model.classes.indices() {
        f.model.classes[class].cpu_speed = 0.5;
    }
    let sim = f.run(10);
    near(level(&sim, service).utilization, 1.0);
    near(level(&sim, service).cpu, 2.0);
}

/// Messages wait in their queue while tasks start, and come back when a task dies with them.
#[test]
fn messages_of_a_task_that_dies_come_back_after_the_visibility_timeout() {
    let mut f = Fixture::new(1);
    let fleet = f.fleet("fleet", 2, (1024, 2048));
    let worker = f.definition("worker", 1024, 1024);
    serves(&mut f, worker, 20.0).concurrency = 1;
    f.model.task_definitions[worker].containers[0].behaviour.start_time = Some(constant(60.0));
    let service = f.service("worker", worker, 2);
    f.model.queues.push(Queue {
        name: "orders".into(),
        arrivals: Rate::constant(0.05),
        visibility_timeout: Span::secs(300),
        service,
    });
    let failure = HostFailure::Terminated;
    f.fault(400, FaultKind::Instances { fleet, count: 1, failure, lasts: None });
    let mut sim = f.sim();
    sim.run_until(SimTime::from_secs(59), &mut ());
    // What is told is ten seconds old at the most: the mean of 50 to 60 s.
    near(level(&sim, service).in_system, 55.0 * 0.05);
    sim.run_until(SimTime::from_secs(401), &mut ());
    let lost = totals(&sim, service, 401).lost;
    assert!((0.3..1.0).contains(&lost), "half of a message is worked at by each: {lost}");
    sim.run_until(SimTime::from_secs(3000), &mut ());
    let totals = totals(&sim, service, 3000);
    near(totals.lost, 0.0);
    near(totals.no_target, 0.0);
}

/// 100 requests of 1 MiB each fit: at 101 the kernel ends the task, and the next takes its place.
#[test]
fn tasks_that_work_at_too_many_requests_run_out_of_memory() {
    for (rate, is_fatal) in [(19.0, false), (30.0, true)] {
        let (mut f, _) = balanced(&[(0, rate)]);
        let serving = f.model.task_definitions[Ix::new(0)].serving.as_mut().unwrap();
        (serving.concurrency, serving.fatal) = (200, Some(100));
        let (_, story) = f.story(200);
        let ends = story.iter().find_map(|(at, fact)| match fact {
            Fact::ContainerStopped { exit_code: Some(137), .. } => Some(*at),
            _ => None,
        });
        // Of 5 too many a second at each task the hundredth is there after 20 s.
        assert_eq!(ends.is_some(), is_fatal, "{rate}");
        assert!(ends.is_none_or(|it| (20.0..80.0).contains(&it)), "{ends:?}");
    }
}

/// A container that uses a whole vCPU for 40 s when it starts, and a tenth later.
#[test]
fn a_container_uses_more_while_it_starts() {
    let mut f = Fixture::new(1);
    f.fleet("fleet", 1, (1024, 2048));
    let app = f.definition("app", 1024, 1024);
    let behaviour = &mut f.model.task_definitions[app].containers[0].behaviour;
    behaviour.usage = Some(Usage { cpu_units: 102, memory_mib: 100 });
    behaviour.start_up = Some(StartUp { cpu_units: 922, lasts: Span::secs(40) });
    behaviour.run_time = Some(constant(100.0));
    f.service("app", app, 1);
    let (_, story) = f.story(150);
    let told: Vec<(f64, bool)> = story
        .iter()
        .filter_map(|(at, fact)| match fact {
            Fact::StartUp { begins, .. } => Some((*at, *begins)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [(0.0, true), (40.0, false), (100.0, true), (140.0, false)]);
}

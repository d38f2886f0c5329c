//! Failures of infrastructure: each cell of the table of `docs/faults.md`, and what holds of all.

use super::super::fixture::*;
use super::super::model::*;
use super::super::{
    Fact, FailureReason, FaultEvent, Observer, ServiceEvent, Sim, Stop, StopReason, TaskStatus,
    TerminationReason, World,
};
use crate::engine::{Distribution, Ix, Luck, Purpose, Seed};
use crate::units::{SimTime, Span};

const A: Ix<Zone> = Ix::new(0);
const B: Ix<Zone> = Ix::new(1);
/// When things fail in these tests, in seconds.
const FAILS: u64 = 1000;

fn lasting(secs: f64) -> Option<Distribution> {
    Some(constant(secs))
}

fn failing(fleet: Ix<Fleet>, failure: HostFailure, lasts: Option<Distribution>) -> FaultKind {
    FaultKind::Instances { fleet, count: 1, failure, lasts }
}

fn zone_out(zone: Ix<Zone>, share: f64, lasts: f64) -> FaultKind {
    let (failure, launches_fail) = (HostFailure::Hung, true);
    FaultKind::Zone { zone, share, failure, launches_fail, lasts: constant(lasts) }
}

/// Two instances of a fixed fleet, and a service with a task on each.
fn on_fixed_fleet() -> (Fixture, Ix<Fleet>, Ix<Service>) {
    let mut f = Fixture::new(2);
    let fleet = f.fleet("fleet", 2, (2048, 4096));
    f.model.initial_state = InitialState::Steady;
    let web = f.definition("web", 256, 256);
    let service = f.service("web", web, 2);
    (f, fleet, service)
}

/// The same, in an Auto Scaling group of two that may have four.
fn on_group() -> (Fixture, Ix<AutoScalingGroup>, Ix<Service>) {
    let mut f = Fixture::new(2);
    let group = f.group("group", (0, 2, 4), (2048, 4096));
    f.model.initial_state = InitialState::Steady;
    let web = f.definition("web", 256, 256);
    let service = f.service("web", web, 2);
    (f, group, service)
}

fn when(story: &[(f64, Fact)], test: impl Fn(&Fact) -> bool) -> Vec<f64> {
    story.iter().filter(|(_, fact)| test(fact)).map(|(at, _)| *at).collect()
}

fn stops(story: &[(f64, Fact)]) -> Vec<(f64, StopReason)> {
    let stop = |(at, fact): &(f64, Fact)| match fact {
        Fact::TaskStopRequested { reason, .. } => Some((*at, *reason)),
        _ => None,
    };
    story.iter().filter_map(stop).collect()
}

fn ends(story: &[(f64, Fact)]) -> Vec<(f64, TerminationReason)> {
    let end = |(at, fact): &(f64, Fact)| match fact {
        Fact::InstanceTerminated { reason, .. } => Some((*at, *reason)),
        _ => None,
    };
    story.iter().filter_map(end).collect()
}

fn launches(story: &[(f64, Fact)]) -> Vec<f64> {
    when(story, |it| matches!(it, Fact::InstanceLaunched { .. }))
}

fn created(story: &[(f64, Fact)]) -> Vec<f64> {
    when(story, |it| matches!(it, Fact::TaskCreated { .. }))
}

fn unhealthy(story: &[(f64, Fact)]) -> Vec<f64> {
    let said = |event: &ServiceEvent| matches!(event, ServiceEvent::TargetUnhealthy { .. });
    when(story, |it| matches!(it, Fact::ServiceEvent { event, .. } if said(event)))
}

/// How many tasks of all services run, as ECS counts, and how many of those work.
fn running(sim: &Sim) -> (usize, usize) {
    let tasks = || sim.world().tasks.iter().map(|(_, task)| task);
    let runs = |it: &&super::super::Task| it.last_status == TaskStatus::Running;
    (tasks().filter(runs).count(), tasks().filter(runs).filter(|it| it.works).count())
}

// Hung hosts.

#[test]
fn nobody_notices_a_hung_host_of_a_worker_without_checks() {
    let (mut f, fleet, service) = on_fixed_fleet();
    f.fault(FAILS, failing(fleet, HostFailure::Hung, None));
    let (sim, story) = f.story(86_400);
    assert_eq!(stops(&story), [], "its tasks are \"RUNNING\" for ever");
    assert_eq!(running(&sim), (2, 1));
    let state = &sim.world().services[service];
    assert_eq!((state.active(), state.healthy()), (2, 2), "ECS counts it as healthy");
    let lost = when(&story, |it| matches!(it, Fact::TaskReach { works: false, .. }));
    assert_eq!(lost, [1000.0], "and results know better");
}

#[test]
fn a_container_check_dies_with_its_host() {
    let (mut f, fleet, service) = on_fixed_fleet();
    let definition = f.model.services[service].task_definition;
    f.model.task_definitions[definition].containers[0].health_check = Some(HealthCheck {
        interval: Span::secs(10),
        timeout: Span::secs(5),
        retries: 3,
        start_period: Span::ZERO,
    });
    f.fault(FAILS, failing(fleet, HostFailure::Hung, None));
    let (sim, story) = f.story(86_400);
    assert_eq!((stops(&story), running(&sim)), (vec![], (2, 1)));
}

#[test]
fn nothing_is_placed_on_a_host_whose_agent_is_away() {
    for failure in [HostFailure::Hung, HostFailure::AgentDisconnected] {
        let mut f = Fixture::new(1);
        let fleet = f.fleet("fleet", 1, (2048, 4096));
        let batch = f.definition("batch", 256, 256);
        f.job("batch", batch, &[(FAILS + 10, 1, 60)], WhenFull::Fail);
        f.fault(FAILS, failing(fleet, failure, None));
        let (_, story) = f.story(2000);
        let reasons = story.iter().filter_map(|(_, fact)| match fact {
            Fact::RunTaskFailed { failure, .. } => Some(failure.reason),
            _ => None,
        });
        assert_eq!(reasons.collect::<Vec<_>>(), [FailureReason::Agent]);
    }
}

#[test]
fn a_load_balancer_notices_after_two_checks_and_a_replacement_comes_first() {
    let (mut f, fleet, service) = on_fixed_fleet();
    f.balance(service);
    f.fault(FAILS, failing(fleet, HostFailure::Hung, None));
    let (sim, story) = f.story(3000);
    let [noticed] = unhealthy(&story)[..] else { panic!("{:?}", unhealthy(&story)) };
    // Two checks ten seconds apart, the first within ten seconds.
    assert!((1010.0..=1020.0).contains(&noticed), "{noticed}");
    let replaced: Vec<f64> = created(&story).into_iter().filter(|at| *at > 0.0).collect();
    assert_eq!(replaced, [noticed], "no delay in this model");
    let [(stopped, reason)] = stops(&story)[..] else { panic!("{:?}", stops(&story)) };
    assert_eq!(reason, StopReason::Unhealthy);
    // One check of the new target, within ten seconds.
    assert!(stopped > noticed && stopped <= noticed + 10.0, "{stopped} after {noticed}");
    // The old one is drained, and then nobody is there to send SIGTERM to.
    let state = &sim.world().services[service];
    assert_eq!((state.active(), state.healthy(), running(&sim)), (2, 2, (2, 2)));
    let stuck = sim.world().tasks.iter().filter(|(_, it)| it.last_status == TaskStatus::Stopping);
    assert_eq!(stuck.count(), 1);
}

#[test]
fn where_nothing_may_start_first_the_unhealthy_task_goes_first() {
    let (mut f, fleet, service) = on_fixed_fleet();
    f.balance(service);
    f.model.services[service].maximum_percent = 100;
    f.fault(FAILS, failing(fleet, HostFailure::Hung, None));
    let (sim, story) = f.story(3000);
    let noticed = unhealthy(&story)[0];
    assert_eq!(stops(&story), [(noticed, StopReason::Unhealthy)]);
    assert_eq!(created(&story)[2..], [noticed]);
    assert_eq!(sim.world().services[service].healthy(), 2);
}

/// Notes how many tasks of a service are to run, whenever something happens.
struct Totals(Ix<Service>, std::collections::BTreeSet<u32>);

impl Observer for Totals {
    fn observe(&mut self, at: SimTime, _: &Fact, world: &World, _: &Model) {
        if at > SimTime::ZERO {
            self.1.insert(world.services[self.0].active());
        }
    }
}

#[test]
fn s_e88_an_unhealthy_task_of_four_makes_them_five_or_three_for_a_while() {
    let totals = |maximum_percent| {
        let mut f = Fixture::new(1);
        let fleet = f.fleet("fleet", 4, (2048, 4096));
        f.model.initial_state = InitialState::Steady;
        let web = f.definition("web", 256, 256);
        let service = f.service("web", web, 4);
        f.balance(service);
        f.model.services[service].maximum_percent = maximum_percent;
        f.fault(FAILS, failing(fleet, HostFailure::Hung, None));
        let (mut sim, mut totals) = (f.sim(), Totals(service, Default::default()));
        sim.run_until(SimTime::from_secs(3000), &mut totals);
        assert_eq!(sim.world().services[service].healthy(), 4);
        totals.1.into_iter().collect::<Vec<u32>>()
    };
    assert_eq!(totals(200), [4, 5]);
    assert_eq!(totals(100), [3, 4]);
}

#[test]
fn a_host_that_hangs_for_less_than_the_checks_take_loses_nothing() {
    let (mut f, fleet, service) = on_fixed_fleet();
    f.balance(service);
    f.fault(FAILS, failing(fleet, HostFailure::Hung, lasting(9.0)));
    let (sim, story) = f.story(3000);
    assert_eq!((unhealthy(&story), stops(&story)), (vec![], vec![]));
    assert_eq!(running(&sim), (2, 2));
    let back = when(&story, |it| matches!(it, Fact::TaskReach { works: true, .. }));
    assert_eq!(back, [1009.0]);
}

/// Without room elsewhere: the only instance hangs, and comes back.
#[test]
fn an_unhealthy_task_that_was_not_replaced_is_healthy_again() {
    let mut f = Fixture::new(1);
    let fleet = f.fleet("fleet", 1, (512, 512));
    f.model.initial_state = InitialState::Steady;
    let web = f.definition("web", 256, 256);
    let service = f.service("web", web, 2);
    f.balance(service);
    f.fault(FAILS, failing(fleet, HostFailure::Hung, lasting(600.0)));
    let (sim, story) = f.story(FAILS + 599);
    assert_eq!(sim.world().services[service].healthy(), 0);
    assert_eq!(unhealthy(&story).len(), 2);
    let (mut f, mut sim) = (sim, Story::default());
    assert_eq!(f.run_until(SimTime::from_secs(3000), &mut sim), Stop::Reached);
    let again = when(&sim.facts, |it| matches!(it, Fact::TaskHealthy { .. }));
    assert_eq!(again, [1650.0, 1650.0], "five checks, ten seconds apart");
    assert_eq!((stops(&sim.facts), f.world().services[service].healthy()), (vec![], 2));
    assert_eq!(running(&f), (2, 2));
}

#[test]
fn the_status_check_of_a_group_replaces_a_hung_instance() {
    let (mut f, group, service) = on_group();
    let fleet = f.model.auto_scaling_groups[group].fleet;
    f.fault(FAILS, failing(fleet, HostFailure::Hung, None));
    let (sim, story) = f.story(3000);
    assert_eq!(ends(&story), [(1180.0, TerminationReason::Unhealthy)]);
    assert_eq!(launches(&story)[2..], [1180.0]);
    assert_eq!(stops(&story), [(1180.0, StopReason::HostTerminated)]);
    let state = &sim.world().services[service];
    assert_eq!((state.healthy(), running(&sim)), (2, (2, 2)));
    assert_eq!(sim.world().groups[group].capacity(), 2);
}

#[test]
fn the_status_check_is_not_looked_at_in_the_grace_period() {
    let (mut f, group, _) = on_group();
    f.model.auto_scaling_groups[group].health_check_grace_period = Span::secs(2000);
    let fleet = f.model.auto_scaling_groups[group].fleet;
    f.fault(FAILS, failing(fleet, HostFailure::Hung, None));
    let (_, story) = f.story(3000);
    assert_eq!(ends(&story), [(2000.0, TerminationReason::Unhealthy)]);
}

#[test]
fn an_instance_that_works_again_before_the_status_check_stays() {
    let (mut f, group, _) = on_group();
    let fleet = f.model.auto_scaling_groups[group].fleet;
    f.fault(FAILS, failing(fleet, HostFailure::Hung, lasting(179.0)));
    f.fault(FAILS + 300, failing(fleet, HostFailure::Hung, lasting(179.0)));
    let (sim, story) = f.story(3000);
    assert_eq!((ends(&story), stops(&story), running(&sim)), (vec![], vec![], (2, 2)));
}

/// Source: Amazon EC2 Auto Scaling User Guide: a tenth of the group at a time, or one.
#[test]
fn a_group_replaces_unhealthy_instances_one_after_the_other() {
    let mut f = Fixture::new(1);
    let group = f.group("group", (0, 4, 8), (2048, 4096));
    f.model.initial_state = InitialState::Steady;
    let fleet = f.model.auto_scaling_groups[group].fleet;
    let failure = HostFailure::Hung;
    f.fault(FAILS, FaultKind::Instances { fleet, count: 4, failure, lasts: None });
    let (sim, story) = f.story(3000);
    let times: Vec<f64> = ends(&story).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [1180.0, 1210.0, 1240.0, 1270.0], "a launch takes 30 s");
    assert_eq!(sim.world().groups[group].capacity(), 4);
}

// Instances that are gone.

#[test]
fn a_group_launches_another_for_an_instance_that_is_gone() {
    let (mut f, group, service) = on_group();
    let fleet = f.model.auto_scaling_groups[group].fleet;
    f.fault(FAILS, failing(fleet, HostFailure::Terminated, None));
    let (sim, story) = f.story(3000);
    assert_eq!(ends(&story), [(1000.0, TerminationReason::Failed)]);
    assert_eq!(stops(&story), [(1000.0, StopReason::HostTerminated)], "ECS knows at once");
    assert_eq!(created(&story)[2..], [1000.0], "there is room on the other");
    assert_eq!(launches(&story)[2..], [1030.0]);
    assert_eq!(sim.world().services[service].healthy(), 2);
}

#[test]
fn a_fixed_fleet_stays_smaller() {
    let (mut f, fleet, service) = on_fixed_fleet();
    f.fault(FAILS, failing(fleet, HostFailure::Terminated, None));
    let (sim, story) = f.story(86_400);
    assert_eq!((launches(&story).len(), sim.world().cluster.instances().count()), (0, 1));
    assert_eq!(sim.world().services[service].healthy(), 2, "there is room on the other");
}

// Agents.

#[test]
fn tasks_go_on_without_an_agent_and_their_end_is_known_when_it_is_back() {
    let mut f = Fixture::new(1);
    let fleet = f.fleet("fleet", 1, (2048, 4096));
    let batch = f.definition("batch", 256, 256);
    f.job("batch", batch, &[(0, 1, 1100), (0, 1, 5000)], WhenFull::Fail);
    f.fault(FAILS, failing(fleet, HostFailure::AgentDisconnected, lasting(600.0)));
    let (_, story) = f.story(9000);
    let over: Vec<f64> = stops(&story).into_iter().map(|(at, _)| at).collect();
    assert_eq!(over, [1600.0, 5000.0]);
    // Its process has ended all the same, and it serves nobody.
    let lost = when(&story, |it| matches!(it, Fact::TaskReach { works: false, .. }));
    assert_eq!(lost, [1100.0]);
}

#[test]
fn what_is_under_way_on_a_hung_host_comes_so_much_later() {
    let mut f = Fixture::new(1);
    let fleet = f.fleet("fleet", 1, (2048, 4096));
    let batch = f.definition("batch", 256, 256);
    f.job("batch", batch, &[(0, 1, 1100), (0, 1, 5000)], WhenFull::Fail);
    f.fault(FAILS, failing(fleet, HostFailure::Hung, lasting(600.0)));
    f.fault(3 * FAILS, failing(fleet, HostFailure::Hung, lasting(50.0)));
    let (_, story) = f.story(9000);
    let over: Vec<f64> = stops(&story).into_iter().map(|(at, _)| at).collect();
    assert_eq!(over, [1700.0, 5650.0]);
}

#[test]
fn a_stop_reaches_a_host_when_it_works_again() {
    let (mut f, fleet, service) = on_fixed_fleet();
    f.balance(service);
    f.fault(FAILS, failing(fleet, HostFailure::Hung, lasting(600.0)));
    let (sim, story) = f.story(3000);
    let gone = when(&story, |it| matches!(it, Fact::TaskMoved { to: TaskStatus::Stopped, .. }));
    assert_eq!(gone, [1600.0]);
    assert_eq!(sim.world().tasks.len(), 2);
}

// Zones.

/// Two instances in each of two zones, and four tasks.
fn in_two_zones(rebalances: bool) -> (Fixture, Ix<Service>) {
    let mut f = Fixture::new(2);
    f.fleet("fleet", 4, (2048, 4096));
    f.model.initial_state = InitialState::Steady;
    let web = f.definition("web", 256, 256);
    let service = f.service("web", web, 4);
    f.model.services[service].availability_zone_rebalancing = rebalances;
    f.balance(service);
    (f, service)
}

fn by_zone(sim: &Sim) -> [usize; 2] {
    let in_zone = |zone| {
        let tasks = sim.world().tasks.iter().map(|(_, task)| task);
        tasks.filter(|it| it.zone == Some(zone) && it.stop.is_none()).count()
    };
    [in_zone(A), in_zone(B)]
}

#[test]
fn tasks_of_a_zone_that_is_out_are_replaced_in_the_other_and_come_back_by_rebalancing_alone() {
    for (rebalances, after) in [(true, [2, 2]), (false, [4, 0])] {
        let (mut f, service) = in_two_zones(rebalances);
        f.fault(FAILS, zone_out(B, 1.0, 7200.0));
        let mut sim = f.sim();
        sim.run_until(SimTime::from_secs(FAILS + 7000), &mut ());
        assert_eq!(by_zone(&sim), [4, 0]);
        assert_eq!(sim.world().services[service].healthy(), 4);
        sim.run_until(SimTime::from_secs(FAILS + 9000), &mut ());
        assert_eq!(by_zone(&sim), after);
        assert_eq!((sim.world().tasks.len(), running(&sim)), (4, (4, 4)));
    }
}

#[test]
fn a_share_of_a_zone_fails_and_a_greater_share_hits_them_too() {
    let hit = |share: f64| {
        let mut f = Fixture::new(2);
        f.fleet("fleet", 200, (2048, 4096));
        f.fault(FAILS, zone_out(B, share, 7200.0));
        let sim = f.run(2000);
        let hung = sim.world().cluster.instances().filter(|(_, host)| host.is_hung());
        hung.map(|(_, host)| (host.number, sim.model().classes[host.class].zone)).collect()
    };
    let (none, some, more, all): (Vec<_>, Vec<_>, Vec<_>, Vec<_>) =
        (hit(0.0), hit(0.3), hit(0.6), hit(1.0));
    assert_eq!((none.len(), all.len()), (0, 100));
    assert!(all.iter().all(|(_, zone)| *zone == B));
    assert!((15..=45).contains(&some.len()), "{} of 100 are about 30", some.len());
    assert!((45..=75).contains(&more.len()), "{} of 100 are about 60", more.len());
    assert!(some.iter().all(|it| more.contains(it)));
}

#[test]
fn fargate_notices_that_a_host_has_failed_and_starts_elsewhere() {
    let mut f = Fixture::new(2);
    f.model.initial_state = InitialState::Steady;
    let web = f.definition("web", 256, 512);
    let service = f.service("web", web, 4);
    f.launch_of(service).providers = vec![StrategyItem::only(Provider::Fargate)];
    f.fault(FAILS, zone_out(B, 1.0, 7200.0));
    let (sim, story) = f.story(3000);
    assert_eq!(stops(&story), [(1090.0, StopReason::FargateHostFailed); 2]);
    assert_eq!((by_zone(&sim), running(&sim)), ([4, 0], (4, 4)));
}

#[test]
fn without_another_zone_fargate_has_no_capacity_until_it_is_back() {
    let mut f = Fixture::new(1);
    f.model.initial_state = InitialState::Steady;
    let web = f.definition("web", 256, 512);
    let service = f.service("web", web, 2);
    f.launch_of(service).providers = vec![StrategyItem::only(Provider::Fargate)];
    f.fault(FAILS, zone_out(A, 1.0, 7200.0));
    let (sim, story) = f.story(FAILS + 7300);
    let refused = story.iter().filter_map(|(_, fact)| match fact {
        Fact::ServiceEvent { event: ServiceEvent::UnableToPlace { failure, .. }, .. } => {
            Some(failure.reason)
        }
        _ => None,
    });
    assert_eq!(refused.collect::<Vec<_>>(), [FailureReason::Capacity]);
    assert_eq!(created(&story)[2..], [8200.0, 8200.0]);
    assert_eq!(running(&sim), (2, 2));
}

// Launches.

#[test]
fn a_group_launches_nothing_while_launches_fail() {
    for kind in [
        FaultKind::Launches { lasts: constant(3600.0) },
        FaultKind::Zone {
            zone: A,
            share: 0.0,
            failure: HostFailure::Hung,
            launches_fail: true,
            lasts: constant(3600.0),
        },
    ] {
        let mut f = Fixture::new(1);
        let group = f.group("group", (0, 1, 4), (2048, 4096));
        f.set_capacity(FAILS + 100, group, 3);
        f.fault(FAILS, kind);
        let (sim, story) = f.story(FAILS + 3700);
        assert_eq!(launches(&story)[1..], [4600.0, 4600.0]);
        assert_eq!(sim.world().groups[group].capacity(), 3);
        assert_eq!(ends(&story), [], "survivors run");
    }
}

#[test]
fn a_group_launches_in_the_zones_that_work() {
    let mut f = Fixture::new(2);
    let group = f.group("group", (0, 0, 4), (2048, 4096));
    f.fault(FAILS, zone_out(B, 1.0, 3600.0));
    f.set_capacity(FAILS + 100, group, 3);
    let sim = f.run(2000);
    let in_a = |it: &super::super::Instance| sim.model().classes[it.class].zone == A;
    assert_eq!(sim.world().cluster.instances().filter(|(_, it)| in_a(it)).count(), 3);
}

// What holds of all.

/// Everything fails at random, on fleets, groups and Fargate.
fn stormy(case: u64, with_job: bool) -> Fixture {
    const CHOICE: Purpose = Purpose::new("choice");
    let luck: Luck = Seed { master: 11, replication: 0 }.luck("storm").part(case);
    let mut f = Fixture::new(3);
    let zones: Vec<_> = f.model.zones.indices().collect();
    let fleet = f.fleet("fleet", 4, (2048, 4096));
    let group = f.group("group", (1, 4, 8), (2048, 4096));
    f.model.auto_scaling_groups[group].managed_draining = luck.part(1).below(CHOICE, 2) == 0;
    f.set_capacity(20_000, group, 2);
    f.set_capacity(40_000, group, 7);
    f.model.initial_state = InitialState::Steady;
    let web = f.definition("web", 300, 400);
    f.model.task_definitions[web].containers[0].behaviour.crash_rate_per_hour = 0.1;
    f.model.task_definitions[web].containers[0].behaviour.stop_time = constant(3.0);
    f.requirement(web).awsvpc = luck.part(2).below(CHOICE, 2) == 0;
    let service = f.service("web", web, 9);
    f.balance(service);
    f.model.services[service].maximum_percent = [100, 150, 200][luck.below(CHOICE, 3) as usize];
    f.model.services[service].availability_zone_rebalancing = luck.part(3).below(CHOICE, 2) == 0;
    let side = f.definition("side", 100, 100);
    let daemon = f.service("side", side, 0);
    f.model.services[daemon].scheduling = Scheduling::Daemon;
    let small = f.definition("small", 256, 512);
    let fargate = f.service("small", small, 5);
    f.launch_of(fargate).providers = vec![StrategyItem::only(Provider::Fargate)];
    if with_job {
        let batch = f.definition("batch", 256, 256);
        let rows: Vec<_> = (0..40).map(|n| (n * 2000, 2, 700)).collect();
        f.job("batch", batch, &rows, WhenFull::Queue);
    }
    let every = |hours: u64| FaultTime::Random { mean_time_between: Span::HOUR * hours };
    let exponential = |mean| Distribution::exponential(mean).expect("a good mean");
    let of_group = f.model.auto_scaling_groups[group].fleet;
    let mut add = |when, kind| {
        let name = format!("random-{}", f.model.faults.len());
        f.model.faults.push(Fault { name, when, kind });
    };
    for fleet in [fleet, of_group] {
        let kind = |failure, lasts| FaultKind::Instances { fleet, count: 1, failure, lasts };
        add(every(9), kind(HostFailure::Hung, Some(exponential(600.0))));
        add(every(7), kind(HostFailure::AgentDisconnected, Some(exponential(900.0))));
    }
    let terminated = HostFailure::Terminated;
    let kind = FaultKind::Instances { fleet: of_group, count: 1, failure: terminated, lasts: None };
    add(every(12), kind);
    for &zone in &zones {
        let (share, failure, launches_fail) = (0.7, HostFailure::Hung, true);
        let lasts = exponential(1800.0);
        add(every(8), FaultKind::Zone { zone, share, failure, launches_fail, lasts });
    }
    add(every(10), FaultKind::Launches { lasts: exponential(1200.0) });
    f
}

/// When faults strike, and when outages end: what nothing in a scenario may change.
#[derive(Default)]
struct Strikes(Vec<(SimTime, Ix<Fault>)>);

impl Observer for Strikes {
    fn observe(&mut self, at: SimTime, fact: &Fact, _: &World, _: &Model) {
        if let Fact::Fault { fault, what } = *fact
            && let FaultEvent::Zone { .. }
            | FaultEvent::ZoneBack { .. }
            | FaultEvent::Launches
            | FaultEvent::LaunchesBack = what
        {
            self.0.push((at, fault));
        }
    }
}

#[test]
fn a_change_of_services_changes_no_fault() {
    let strikes = |f: Fixture| {
        let mut strikes = Strikes::default();
        f.sim().run_until(SimTime::from_secs(80_000), &mut strikes);
        strikes.0
    };
    let some = strikes(stormy(1, false));
    assert!(some.len() > 10, "{}", some.len());
    assert_eq!(some, strikes(stormy(1, true)));
    let mut fewer = stormy(1, false);
    for service in fewer.model.services.indices() {
        fewer.model.services[service].maximum_percent = 300;
    }
    fewer.model.actions.clear();
    assert_eq!(some, strikes(fewer));
}

#[test]
fn instances_of_a_fixed_fleet_fail_alike_whatever_runs_there() {
    let of_fleet = |with_job: bool| {
        let (_, story) = stormy(2, with_job).story(80_000);
        let fails = story.into_iter().filter(|(_, fact)| {
            matches!(fact, Fact::Fault { fault, what: FaultEvent::Instance { .. } }
                if fault.index() < 2)
        });
        fails.map(|(at, _)| at).collect::<Vec<_>>()
    };
    assert!(of_fleet(false).len() > 5);
    assert_eq!(of_fleet(false), of_fleet(true));
}

/// Holds what services count against their tasks, and ledgers against what is reserved.
fn check_books(sim: &Sim) {
    let world = sim.world();
    let model = sim.model();
    let tasks = || world.tasks.iter().map(|(_, task)| task);
    for (ix, service) in world.services.iter() {
        let own = || tasks().filter(|it| it.service() == Some(ix) && it.stop.is_none());
        assert_eq!(service.active() as usize, own().count(), "at {:?}", sim.now());
        assert_eq!(service.healthy() as usize, own().filter(|it| it.healthy).count());
    }
    for (id, host) in world.cluster.instances() {
        let here = || tasks().filter(|it| it.instance == Some(id));
        assert_eq!(host.tasks() as usize, here().count(), "at {:?}", sim.now());
        assert_eq!(host.running_tasks() as usize, here().filter(|it| it.stop.is_none()).count());
        // What works says so, and nothing else does.
        let lies = here().filter(|it| it.works && host.is_hung());
        assert_eq!(lies.count(), 0, "at {:?}", sim.now());
        let reserved = here().filter(|it| it.last_status < TaskStatus::Stopping);
        let cpu: u32 = reserved
            .filter(|it| it.service() != Some(Ix::new(1)))
            .map(|it| model.requirements[it.requirement].resources.cpu_units)
            .sum();
        let daemons = 100; // set aside, of each instance
        let registered = model.classes[host.class].registered.cpu_units;
        assert!(host.remaining().cpu_units + cpu + daemons >= registered, "at {:?}", sim.now());
        assert!(host.remaining().cpu_units + cpu <= registered, "at {:?}", sim.now());
    }
}

#[test]
fn nothing_is_made_or_lost_in_a_storm() {
    for case in 0..12 {
        let mut sim = stormy(case, true).sim();
        for step in 1..=160 {
            let stop = sim.run_until(SimTime::from_secs(step * 500), &mut ());
            assert_eq!(stop, Stop::Reached);
            check_books(&sim);
        }
    }
}

#[test]
fn a_storm_ends_and_all_is_as_it_was() {
    for case in 0..6 {
        let mut f = stormy(case, false);
        // No new faults after half a day: those at random come only while the run lasts.
        f.model.duration = Span::secs(40_000);
        f.model.actions.clear();
        let mut sim = f.sim();
        sim.run_until(SimTime::from_secs(140_000), &mut ());
        let desired: u32 = sim.world().services.iter().map(|(_, it)| it.desired()).sum();
        assert_eq!(running(&sim), (desired as usize, desired as usize), "case {case}");
        assert_eq!(sim.world().groups[Ix::new(0)].capacity(), 4);
        assert_eq!(sim.world().cluster.instances().count(), 8);
        check_books(&sim);
    }
}

#[test]
fn a_storm_is_the_same_each_time_and_from_a_clone() {
    let mut whole = Story::default();
    stormy(3, true).sim().run_until(SimTime::from_secs(60_000), &mut whole);
    let (mut first, mut sim) = (Story::default(), stormy(3, true).sim());
    sim.run_until(SimTime::from_secs(25_000), &mut first);
    let mut copy = sim.clone();
    drop(sim);
    copy.run_until(SimTime::from_secs(60_000), &mut first);
    assert_eq!(whole.facts.len(), first.facts.len());
    assert!(whole.facts == first.facts);
}

//! ECS Managed Instances: what is launched for whom, what is ended, and when.

use super::super::capacity::group::PurchaseOption;
use super::super::fixture::*;
use super::super::model::*;
use super::super::placement::query::Query;
use super::super::{
    Fact, FailureReason, ManagedChange, ServiceEvent, Sim, StopReason, TaskStatus,
    TerminationReason,
};
use crate::engine::{Distribution, Ix};
use crate::units::{SimTime, Span};

const DAY: u64 = 86_400;
/// When an instance is ACTIVE for whom it is launched at the beginning: gathered for 5 s.
const ACTIVE: f64 = 185.0;

/// Types of one family: a price that grows with the size, in $ ÷ 1000.
const FAMILY: [(&str, u32, u32, i64); 3] =
    [("small", 1024, 4096, 40), ("medium", 2048, 8192, 80), ("large", 4096, 16_384, 160)];

/// A provider, and a service on it whose tasks take half of the smallest type.
fn with_service(zones: usize, count: u32) -> (Fixture, Ix<CapacityProvider>, Ix<Service>) {
    let mut f = Fixture::new(zones);
    let provider = f.managed("mi", &FAMILY);
    let service = service_on(&mut f, provider, ("web", 512, 1024), count);
    (f, provider, service)
}

fn service_on(
    f: &mut Fixture,
    provider: Ix<CapacityProvider>,
    (name, cpu, memory): (&str, u32, u32),
    count: u32,
) -> Ix<Service> {
    let definition = f.definition(name, cpu, memory);
    let strategy = vec![az_spread(), PlacementStrategy::BinpackMemory];
    let service = f.service_with(name, definition, count, strategy);
    let launch = f.model.services[service].launch;
    f.strategy(launch, &[(provider, 0, 1)]);
    service
}

/// A job of single tasks: when each arrives, and how long it runs.
fn job_on(
    f: &mut Fixture,
    provider: Ix<CapacityProvider>,
    (cpu, memory): (u32, u32),
    rows: &[(u64, u32, u64)],
) {
    let definition = f.definition("job", cpu, memory);
    let job = f.job("job", definition, rows, WhenFull::Fail);
    let launch = f.model.submitters[job].launch;
    f.strategy(launch, &[(provider, 0, 1)]);
}

fn set_count(f: &mut Fixture, secs: u64, service: Ix<Service>, desired_count: u32) {
    let action = Action::SetDesiredCount { service, desired_count };
    f.model.actions.push((SimTime::from_secs(secs), action));
}

/// Types of the instances that are there, in order of name, each with its non-daemon tasks.
fn there(sim: &Sim) -> Vec<(String, u32)> {
    let cluster = &sim.world().cluster;
    let of = |class: Ix<InstanceClass>| sim.model().classes[class].instance_type.clone();
    let mut all: Vec<_> =
        cluster.instances().map(|(_, host)| (of(host.class), host.running_tasks())).collect();
    all.sort();
    all
}

fn zones(sim: &Sim) -> Vec<usize> {
    let running = sim.world().tasks.iter();
    let mut zones: Vec<usize> =
        running.filter_map(|(_, task)| task.zone).map(|zone| zone.index()).collect();
    zones.sort_unstable();
    zones
}

fn running(sim: &Sim) -> usize {
    let tasks = sim.world().tasks.iter();
    tasks.filter(|(_, task)| task.last_status == TaskStatus::Running).count()
}

fn launches(story: &[(f64, Fact)]) -> Vec<(f64, u32, u32)> {
    let launch = |(at, fact): &(f64, Fact)| match *fact {
        Fact::ManagedInstance { why: ManagedChange::Launched { tasks, waiting, .. }, .. } => {
            Some((*at, tasks, waiting))
        }
        _ => None,
    };
    story.iter().filter_map(launch).collect()
}

fn changes(story: &[(f64, Fact)]) -> Vec<(f64, ManagedChange)> {
    let change = |(at, fact): &(f64, Fact)| match *fact {
        Fact::ManagedInstance { why: ManagedChange::Launched { .. }, .. } => None,
        Fact::ManagedInstance { why, .. } => Some((*at, why)),
        _ => None,
    };
    story.iter().filter_map(change).collect()
}

fn ends(story: &[(f64, Fact)]) -> Vec<(f64, TerminationReason)> {
    let end = |(at, fact): &(f64, Fact)| match *fact {
        Fact::InstanceTerminated { reason, .. } => Some((*at, reason)),
        _ => None,
    };
    story.iter().filter_map(end).collect()
}

#[test]
fn a_task_that_waits_gets_the_cheapest_type_that_holds_it_when_it_is_active() {
    for (cpu, memory, expected) in
        [(512, 1024, "small"), (512, 4097, "medium"), (2049, 64, "large"), (2048, 64, "medium")]
    {
        let mut f = Fixture::new(1);
        let provider = f.managed("mi", &FAMILY);
        service_on(&mut f, provider, ("web", cpu, memory), 1);
        let (sim, story) = f.story(200);
        assert_eq!(there(&sim), [(expected.to_string(), 1)]);
        assert_eq!(launches(&story), [(5.0, 1, 1)]);
        let placed = story.iter().find(|it| matches!(it.1, Fact::TaskPlaced { .. }));
        assert_eq!(placed.map(|it| it.0), Some(ACTIVE));
    }
}

/// Source: ECS Developer Guide, auto scaling and task placement.
#[test]
fn zones_come_before_full_instances() {
    // However late instances are, each task waits for the one in its zone.
    for zones_there in 1..=3 {
        let (mut f, provider, _) = with_service(zones_there, 3);
        f.managed_spec(provider).launch_time =
            Distribution::uniform(120.0, 300.0).expect("a test's bounds are in order");
        let (sim, _) = f.story(400);
        assert_eq!(running(&sim), 3);
        let expected: &[usize] = match zones_there {
            1 => &[0, 0, 0],
            2 => &[0, 0, 1],
            _ => &[0, 1, 2],
        };
        assert_eq!(zones(&sim), expected);
    }
}

#[test]
fn several_tasks_share_an_instance_where_there_is_one_zone() {
    let (f, ..) = with_service(1, 8);
    let (sim, story) = f.story(300);
    // Four of the smallest cost as much; one is simpler.
    assert_eq!(there(&sim), [("large".to_string(), 8)]);
    assert_eq!(launches(&story), [(5.0, 8, 8)]);
}

#[test]
fn who_comes_while_an_instance_is_on_its_way_takes_what_is_left_of_it() {
    let mut f = Fixture::new(1);
    let provider = f.managed("mi", &[("only", 1024, 4096, 40)]);
    job_on(&mut f, provider, (512, 512), &[(0, 1, 1000), (60, 1, 1000), (120, 1, 1000)]);
    let (sim, story) = f.story(400);
    assert_eq!(launches(&story), [(5.0, 1, 1), (125.0, 1, 1)]);
    assert_eq!(there(&sim), [("only".to_string(), 1), ("only".to_string(), 2)]);
}

#[test]
fn where_nothing_waits_nothing_is_launched() {
    let (f, ..) = with_service(3, 0);
    let (sim, story) = f.story(DAY);
    assert_eq!((there(&sim), launches(&story)), (vec![], vec![]));
}

/// Source: ECS Developer Guide, Managed Instances: capacity providers only.
#[test]
fn tasks_of_launch_type_ec2_do_not_run_there() {
    let (mut f, provider, _) = with_service(1, 1);
    let other = f.definition("other", 64, 64);
    let other = f.service("other", other, 1);
    f.managed_spec(provider).scale_in_after = None;
    let (sim, story) = f.story(600);
    assert_eq!(running(&sim), 1);
    let unable = |fact: &Fact| {
        matches!(fact, Fact::ServiceEvent { service, event: ServiceEvent::UnableToPlace { .. } }
            if *service == other)
    };
    assert!(story.iter().any(|it| unable(&it.1)));
}

/// Source: ECS Developer Guide, infrastructure optimization: from the last task that stops.
#[test]
fn an_idle_instance_ends_when_scale_in_after_has_passed() {
    for (scale_in_after, expected) in
        [(Some(0), Some(285.0)), (Some(300), Some(585.0)), (Some(3600), Some(3885.0)), (None, None)]
    {
        let mut f = Fixture::new(1);
        let provider = f.managed("mi", &FAMILY);
        f.managed_spec(provider).scale_in_after = scale_in_after.map(Span::secs);
        job_on(&mut f, provider, (512, 512), &[(0, 1, 100)]);
        let (_, story) = f.story(DAY);
        let expected: Vec<_> =
            expected.into_iter().map(|at| (at, TerminationReason::Idle)).collect();
        assert_eq!(ends(&story), expected, "{scale_in_after:?}");
    }
}

#[test]
fn a_task_that_comes_in_time_keeps_an_idle_instance() {
    let mut f = Fixture::new(1);
    let provider = f.managed("mi", &FAMILY);
    job_on(&mut f, provider, (512, 512), &[(0, 1, 100), (500, 1, 100)]);
    let (_, story) = f.story(DAY);
    assert_eq!(launches(&story).len(), 1);
    assert_eq!(ends(&story), [(900.0, TerminationReason::Idle)]);
}

/// Two services, each with two tasks that fill an instance; then one of each is left.
fn half_empty(maximum_percent: u32) -> (Fixture, [Ix<Service>; 2]) {
    let mut f = Fixture::new(1);
    let provider = f.managed("mi", &[("only", 1024, 4096, 40)]);
    let services = ["a", "b"].map(|name| service_on(&mut f, provider, (name, 512, 512), 2));
    for service in services {
        f.model.services[service].maximum_percent = maximum_percent;
        set_count(&mut f, 1000, service, 1);
    }
    (f, services)
}

/// Source: ECS Developer Guide, infrastructure optimization.
#[test]
fn what_fits_on_fewer_instances_moves_there_and_is_never_missed() {
    let (f, services) = half_empty(200);
    let mut sim = f.sim();
    sim.run_until(SimTime::from_secs(1299), &mut ());
    assert_eq!(there(&sim), [("only".to_string(), 1), ("only".to_string(), 1)]);
    let mut story = Story::default();
    sim.run_until(SimTime::from_secs(3000), &mut story);
    assert_eq!(there(&sim), [("only".to_string(), 2)]);
    assert_eq!(changes(&story.facts), [(1300.0, ManagedChange::FitsElsewhere { tasks: 1 })]);
    // The replacement runs before its predecessor is asked to stop.
    let stop = story.facts.iter().find_map(|(at, fact)| match fact {
        Fact::TaskStopRequested { reason: StopReason::Drained, .. } => Some(*at),
        _ => None,
    });
    assert_eq!(stop, Some(1340.0), "after 40 s the replacement counts as healthy");
    assert_eq!(ends(&story.facts), [(1340.0, TerminationReason::Underutilized)]);
    assert_eq!(services.map(|it| sim.world().services[it].healthy()), [1, 1]);
}

#[test]
fn services_that_may_neither_stop_nor_start_first_stay() {
    let (f, _) = half_empty(100);
    let (sim, story) = f.story(DAY);
    assert_eq!((there(&sim).len(), changes(&story)), (2, vec![]));
}

/// Source: ECS Developer Guide, infrastructure optimization: standalone tasks are not replaced.
#[test]
fn instances_with_standalone_tasks_are_left_alone() {
    let mut f = Fixture::new(1);
    let provider = f.managed("mi", &[("only", 1024, 4096, 40)]);
    let rows = [(0, 1, 1000), (0, 1, 9000), (0, 1, 1000), (0, 1, 9000)];
    job_on(&mut f, provider, (512, 512), &rows);
    // Of each pair one is gone, and what is left would fit on one instance.
    let (sim, story) = f.story(8000);
    assert_eq!(there(&sim), [("only".to_string(), 1), ("only".to_string(), 1)]);
    assert_eq!(changes(&story), []);
}

#[test]
fn an_instance_that_is_too_large_is_exchanged_for_a_smaller_one() {
    let (mut f, _, service) = with_service(1, 8);
    set_count(&mut f, 1000, service, 2);
    let (sim, story) = f.story(2000);
    assert_eq!(there(&sim), [("small".to_string(), 2)]);
    assert_eq!(changes(&story), [(1300.0, ManagedChange::TooLarge { tasks: 2 })]);
    assert_eq!(launches(&story), [(5.0, 8, 8), (1305.0, 2, 2)]);
    // 180 s of launch and 40 s until the new ones count as healthy.
    assert_eq!(ends(&story), [(1525.0, TerminationReason::Underutilized)]);
}

/// S-E93. Sources: ECS Developer Guide, Managed Instances and draining; AWS Batch User Guide.
#[test]
fn s_e93_an_instance_is_replaced_at_fourteen_days_and_a_service_does_not_notice() {
    let (f, _, service) = with_service(1, 1);
    let mut sim = f.sim();
    sim.run_until(SimTime::from_secs(300), &mut ());
    let mut story = Story::default();
    for day in 1..=30 {
        sim.run_until(SimTime::from_secs(day * DAY), &mut story);
        assert!(sim.world().services[service].healthy() >= 1);
    }
    let expires = 14.0 * DAY as f64 + 5.0;
    assert_eq!(changes(&story.facts)[0], (expires, ManagedChange::Expired));
    let first = ends(&story.facts)[0];
    assert_eq!(first.1, TerminationReason::MaxLifetime);
    // Gathered, launched, healthy.
    assert_eq!(first.0, expires + 5.0 + 180.0 + 40.0);
    let oldest = sim.world().cluster.instances().map(|(_, it)| it.launched_at).min();
    assert!(oldest.is_some_and(|at| at > SimTime::from_secs(14 * DAY)));
}

#[test]
fn a_task_that_does_not_end_goes_with_its_instance_seven_days_later() {
    let mut f = Fixture::new(1);
    let provider = f.managed("mi", &FAMILY);
    job_on(&mut f, provider, (512, 512), &[(0, 1, 40 * DAY)]);
    let (sim, story) = f.story(40 * DAY);
    let gone = 21.0 * DAY as f64 + 5.0;
    assert_eq!(ends(&story), [(gone, TerminationReason::MaxLifetime)]);
    assert_eq!(sim.world().tasks.len(), 0);
}

#[test]
fn where_a_type_is_short_the_next_cheapest_is_launched() {
    let (mut f, ..) = with_service(1, 1);
    let instance_type = Some("small".to_string());
    f.model.shortages.push(Shortage { zone: None, instance_type, lasts: Span::HOUR });
    f.model.actions.push((SimTime::ZERO, Action::InsufficientCapacity(0)));
    let (sim, story) = f.story(300);
    assert_eq!(there(&sim), [("medium".to_string(), 1)]);
    let failed = story.iter().filter(|it| matches!(it.1, Fact::LaunchFailed { .. })).count();
    assert_eq!(failed, 1);
}

#[test]
fn where_a_zone_is_short_another_is_used_and_where_all_are_it_is_tried_again() {
    let (mut f, ..) = with_service(2, 2);
    let zone = Some(Ix::new(0));
    f.model.shortages.push(Shortage { zone, instance_type: None, lasts: Span::HOUR });
    f.model.actions.push((SimTime::ZERO, Action::InsufficientCapacity(0)));
    assert_eq!(zones(&f.run(300)), [1, 1]);
    let (mut f, ..) = with_service(2, 2);
    f.model.shortages.push(Shortage { zone: None, instance_type: None, lasts: Span::secs(100) });
    f.model.actions.push((SimTime::ZERO, Action::InsufficientCapacity(0)));
    let (sim, story) = f.story(400);
    assert_eq!(running(&sim), 2);
    // At 5 s and 65 s in vain, at 125 s it is not short any more.
    assert!(launches(&story).iter().all(|it| it.0 == 125.0));
}

#[test]
fn a_quota_is_met_once_each_time_and_what_fits_into_it_is_launched() {
    let (mut f, ..) = with_service(1, 8);
    f.model.account.ec2_cpu_units = Some(2048);
    let (sim, story) = f.story(600);
    assert_eq!(running(&sim), 4, "two vCPU hold four tasks");
    let cpu: u32 = sim
        .world()
        .cluster
        .instances()
        .map(|(_, it)| sim.model().classes[it.class].registered.cpu_units)
        .sum();
    assert_eq!(cpu, 2048);
    let failed = story.iter().filter(|it| matches!(it.1, Fact::LaunchFailed { .. })).count();
    assert!(failed <= 3 * 11, "few tries a minute: {failed}");
}

#[test]
fn an_instance_lost_before_it_is_there_is_launched_again() {
    let (mut f, provider, _) = with_service(1, 1);
    let group = f.model.capacity_providers[provider].group;
    let fleet = f.model.auto_scaling_groups[group].fleet;
    let failure = HostFailure::Terminated;
    f.fault(100, FaultKind::Instances { fleet, count: 1, failure, lasts: None });
    let (sim, story) = f.story(600);
    assert_eq!(running(&sim), 1);
    // Its end is known 30 s later.
    assert_eq!(launches(&story), [(5.0, 1, 1), (130.0, 1, 1)]);
}

#[test]
fn an_instance_that_hangs_is_replaced_where_auto_repair_is_enabled() {
    for auto_repair in [false, true] {
        let (mut f, provider, service) = with_service(1, 1);
        f.managed_spec(provider).auto_repair = auto_repair;
        let group = f.model.capacity_providers[provider].group;
        let fleet = f.model.auto_scaling_groups[group].fleet;
        let failure = HostFailure::Hung;
        f.fault(1000, FaultKind::Instances { fleet, count: 1, failure, lasts: None });
        let (sim, story) = f.story(3000);
        let expected: &[_] = match auto_repair {
            true => &[(1180.0, TerminationReason::Unhealthy)],
            false => &[],
        };
        assert_eq!(ends(&story), expected);
        assert_eq!(sim.world().services[service].healthy(), 1);
    }
}

#[test]
fn spot_instances_are_noticed_drained_and_replaced() {
    let (mut f, provider, _) = with_service(1, 4);
    let group = f.model.capacity_providers[provider].group;
    let zone = f.model.zones.indices().next().expect("there is a zone");
    let pools = f.model.auto_scaling_groups[group].pools.clone();
    for pool in pools {
        let class = f.model.pools[pool].classes[0];
        let name = f.model.classes[class].instance_type.clone();
        let supply = Some(f.supply(&name, zone, 1.0));
        (f.model.pools[pool].spot, f.model.classes[class].spot) = (supply, supply);
    }
    f.model.auto_scaling_groups[group].policy.on_demand_percentage_above_base_capacity = 0;
    let (sim, story) = f.story(DAY);
    let notices = story.iter().filter(|it| matches!(it.1, Fact::SpotInterruptionNotice { .. }));
    let notices = notices.count();
    let lost = ends(&story).iter().filter(|it| it.1 == TerminationReason::SpotInterrupted).count();
    assert!(notices > 5 && lost > 5, "{notices} notices, {lost} lost");
    assert!(launches(&story).len() > lost);
    for (_, host) in sim.world().cluster.instances() {
        let class = &sim.model().classes[host.class];
        assert_eq!(class.purchase_option(), PurchaseOption::Spot);
    }
}

#[test]
fn a_cluster_that_has_been_there_for_long_has_what_it_would_have_launched() {
    let (mut f, ..) = with_service(3, 9);
    f.model.initial_state = InitialState::Steady;
    let (sim, story) = f.story(DAY);
    assert_eq!(running(&sim), 9);
    assert_eq!(zones(&sim), [0, 0, 0, 1, 1, 1, 2, 2, 2]);
    assert_eq!(launches(&story), [(0.0, 3, 9); 3]);
    assert_eq!(changes(&story), []);
}

#[test]
fn daemons_have_room_beside_the_tasks_that_an_instance_is_launched_for() {
    let mut f = Fixture::new(1);
    let provider = f.managed("mi", &FAMILY);
    let daemon = service_on(&mut f, provider, ("logs", 128, 128), 0);
    f.model.services[daemon].scheduling = Scheduling::Daemon;
    f.model.services[daemon].maximum_percent = 100;
    service_on(&mut f, provider, ("web", 1024, 1024), 1);
    let (sim, story) = f.story(DAY);
    assert_eq!(there(&sim), [("medium".to_string(), 2)]);
    assert_eq!(changes(&story), [], "a smaller one would have no room for the daemon");
}

#[test]
fn an_instance_with_daemons_only_is_idle() {
    let mut f = Fixture::new(1);
    let provider = f.managed("mi", &FAMILY);
    let daemon = service_on(&mut f, provider, ("logs", 128, 128), 0);
    f.model.services[daemon].scheduling = Scheduling::Daemon;
    f.model.services[daemon].maximum_percent = 100;
    job_on(&mut f, provider, (512, 512), &[(0, 1, 100)]);
    let (sim, story) = f.story(DAY);
    assert_eq!(ends(&story), [(585.0, TerminationReason::Idle)]);
    assert_eq!(running(&sim), 0);
}

/// However tasks come and go, everything settles: no instance is launched or ended for ever.
#[test]
fn what_does_not_change_does_not_move() {
    let mut f = Fixture::new(3);
    let provider = f.managed("mi", &FAMILY);
    let sizes = [("a", 200, 900, 11), ("b", 700, 300, 7), ("c", 1500, 5000, 3)];
    for (name, cpu, memory, count) in sizes {
        let service = service_on(&mut f, provider, (name, cpu, memory), count);
        f.model.services[service].availability_zone_rebalancing = true;
        for (hour, part) in [(1, 3), (2, 1), (3, 2)] {
            set_count(&mut f, hour * 3600, service, count.div_ceil(part));
        }
    }
    let (sim, story) = f.story(10 * DAY);
    let last = story.iter().rev().find(|it| matches!(it.1, Fact::ManagedInstance { .. }));
    assert!(last.is_some_and(|it| it.0 < 6.0 * 3600.0), "{last:?}");
    assert_eq!(running(&sim), 6 + 4 + 2);
}

/// Seen where a thousand tasks came at once (PrefectHQ/prefect#20765).
#[test]
fn beyond_what_may_wait_run_task_says_what_instances_are_short_of() {
    let mut f = Fixture::new(1);
    f.model.account.provisioning_tasks = 2;
    let provider = f.managed("mi", &[("only", 1024, 4096, 40)]);
    job_on(&mut f, provider, (1024, 1024), &[(0, 1, 5000), (300, 5, 5000)]);
    let (sim, story) = f.story(600);
    let refused = story.iter().find_map(|(at, fact)| match fact {
        Fact::RunTaskFailed { missing, failure, .. } => Some((*at, *missing, failure.reason)),
        _ => None,
    });
    assert_eq!(refused, Some((300.0, 3, FailureReason::Cpu)));
    assert_eq!(running(&sim), 3);
}

#[test]
fn when_a_zone_is_out_its_tasks_have_instances_launched_in_another() {
    let mut f = Fixture::new(2);
    let provider = f.managed("mi", &FAMILY);
    service_on(&mut f, provider, ("web", 1024, 1024), 2);
    let (zone, failure) = (Ix::new(0), HostFailure::Terminated);
    let lasts = constant(3600.0);
    f.fault(1000, FaultKind::Zone { zone, share: 1.0, failure, launches_fail: true, lasts });
    let mut sim = f.sim();
    sim.run_until(SimTime::from_secs(999), &mut ());
    assert_eq!(zones(&sim), [0, 1]);
    sim.run_until(SimTime::from_secs(1300), &mut ());
    assert_eq!((zones(&sim), running(&sim)), (vec![1, 1], 2));
}

#[test]
fn nothing_is_launched_for_a_task_that_no_new_instance_could_take() {
    let mut f = Fixture::new(1);
    let provider = f.managed("mi", &FAMILY);
    let web = service_on(&mut f, provider, ("web", 512, 512), 1);
    let query = Query::parse("task:group == service:other").expect("a test's query is one");
    f.launch_of(web).constraints = vec![PlacementConstraint::MemberOf(query)];
    let (sim, story) = f.story(DAY);
    assert_eq!((there(&sim), launches(&story)), (vec![], vec![]));
}

//! Tasks that move between zones, and S-E53 to S-E56.

use super::super::fixture::*;
use super::super::model::*;
use super::super::placement::query::Query;
use super::super::{Fact, Observer, ServiceEvent, Sim, Stop, StopCode, StopReason, World};
use crate::engine::{Ix, Luck, Purpose, Seed};
use crate::units::SimTime;

const A: Ix<Zone> = Ix::new(0);
const B: Ix<Zone> = Ix::new(1);
const C: Ix<Zone> = Ix::new(2);

/// A service that moves its tasks, on a fleet of one instance in zone A.
fn in_first_zone(zones: usize, desired_count: u32) -> (Fixture, Ix<Service>) {
    let mut f = Fixture::new(zones);
    f.fleet_in("a", 1, (8192, 8192), &[A]);
    f.model.initial_state = InitialState::Steady;
    let web = f.definition("web", 256, 256);
    let service = f.service("web", web, desired_count);
    f.model.services[service].availability_zone_rebalancing = true;
    (f, service)
}

/// An instance in the zones, ACTIVE from so many seconds on.
fn late(f: &mut Fixture, secs: u64, zones: &[Ix<Zone>], registered: (u32, u32)) {
    let count = zones.len() as u32;
    let name = format!("late-{secs}-{}", zones[0].index());
    let group = f.group_in(&name, (0, 0, count), registered, zones);
    f.set_capacity(secs - 30, group, count);
}

/// How many tasks of all services are to run in each zone.
fn by_zone(sim: &Sim) -> Vec<usize> {
    let in_zone = |zone: Ix<Zone>| {
        let tasks = sim.world().tasks.iter().map(|(_, task)| task);
        tasks.filter(|it| it.zone == Some(zone) && it.stop.is_none()).count()
    };
    sim.model().zones.indices().map(in_zone).collect()
}

/// What the services say of zones, and when: a letter each.
///
/// `!` not balanced, `+` started, `-` stopped, `?` no room, `x` interrupted, `=` balanced.
fn said(story: &[(f64, Fact)]) -> Vec<(f64, char)> {
    let letter = |event: &ServiceEvent| match event {
        ServiceEvent::NotAzBalanced { .. } => Some('!'),
        ServiceEvent::StartedToRebalance { .. } => Some('+'),
        ServiceEvent::StoppedToRebalance { .. } => Some('-'),
        ServiceEvent::UnableToRebalance { .. } => Some('?'),
        ServiceEvent::RebalancingStopped => Some('x'),
        ServiceEvent::AzBalanced { .. } => Some('='),
        _ => None,
    };
    let of = |(at, fact): &(f64, Fact)| match fact {
        Fact::ServiceEvent { event, .. } => letter(event).map(|letter| (*at, letter)),
        _ => None,
    };
    story.iter().filter_map(of).collect()
}

fn letters(story: &[(f64, Fact)]) -> String {
    said(story).into_iter().map(|(_, letter)| letter).collect()
}

fn stops(story: &[(f64, Fact)]) -> Vec<(f64, StopReason)> {
    let of = |(at, fact): &(f64, Fact)| match fact {
        Fact::TaskStopRequested { reason, .. } => Some((*at, *reason)),
        _ => None,
    };
    story.iter().filter_map(of).collect()
}

#[test]
fn s_e53_two_tasks_in_one_of_two_zones_become_one_in_each() {
    let (mut f, _) = in_first_zone(2, 2);
    late(&mut f, 130, &[B], (1024, 1024));
    let (sim, story) = f.story(600);
    assert_eq!(by_zone(&sim), [1, 1]);
    // It is watched for 60 s, and the new task is healthy 40 s after it runs; only then one stops.
    let expected = [(190.0, '!'), (190.0, '+'), (230.0, '-'), (230.0, '=')];
    assert_eq!(said(&story), expected);
    assert_eq!(stops(&story), [(230.0, StopReason::Rebalanced)]);
    assert_eq!(StopReason::Rebalanced.code(), StopCode::ServiceSchedulerInitiated);
    let told: Vec<Vec<(Ix<Zone>, u32)>> = story
        .iter()
        .filter_map(|(_, fact)| match fact {
            Fact::ServiceEvent {
                event: ServiceEvent::NotAzBalanced { tasks } | ServiceEvent::AzBalanced { tasks },
                ..
            } => Some(tasks.iter().collect()),
            _ => None,
        })
        .collect();
    assert_eq!(told, [[(A, 2), (B, 0)], [(A, 1), (B, 1)]]);
}

/// Zones B and C have room for one task each, until another instance comes to B.
#[test]
fn s_e55_three_one_and_one_become_two_two_and_one_when_there_is_room() {
    let (mut f, _) = in_first_zone(3, 5);
    f.fleet_in("small", 2, (256, 256), &[B, C]);
    late(&mut f, 1000, &[B], (256, 256));
    let mut sim = f.sim();
    let mut story = Story::default();
    sim.run_until(SimTime::from_secs(999), &mut story);
    assert_eq!(by_zone(&sim), [3, 1, 1]);
    assert_eq!(said(&story.facts), [(60.0, '!'), (60.0, '?')], "said once, tried every 300 s");
    sim.run_until(SimTime::from_secs(2000), &mut story);
    assert_eq!(by_zone(&sim), [2, 2, 1]);
    assert_eq!(said(&story.facts)[2..], [(1000.0, '+'), (1040.0, '-'), (1040.0, '=')]);
}

/// What may not be rebalanced at all is decided where scenarios are read; here is what stays put
/// whatever they say.
#[test]
fn s_e56_at_a_maximum_percent_of_100_nothing_moves() {
    let (mut f, service) = in_first_zone(2, 4);
    f.model.services[service].maximum_percent = 100;
    late(&mut f, 130, &[B], (1024, 1024));
    let (sim, story) = f.story(3600);
    assert_eq!((by_zone(&sim), letters(&story)), (vec![4, 0], String::new()));
}

#[test]
fn a_service_that_is_not_to_be_rebalanced_stays_as_it_is() {
    let (mut f, service) = in_first_zone(2, 4);
    f.model.services[service].availability_zone_rebalancing = false;
    late(&mut f, 130, &[B], (1024, 1024));
    let (sim, story) = f.story(3600);
    assert_eq!((by_zone(&sim), letters(&story)), (vec![4, 0], String::new()));
}

/// The zone that comes back gets its share, one task after the other.
#[test]
fn tasks_return_to_a_zone_that_returns() {
    let (mut f, _) = in_first_zone(3, 9);
    f.fleet_in("b", 1, (8192, 8192), &[B]);
    late(&mut f, 130, &[C], (1024, 1024));
    let (sim, story) = f.story(600);
    assert_eq!(by_zone(&sim), [3, 3, 3]);
    assert_eq!(letters(&story), "!+-+-+-=");
    let times: Vec<f64> = stops(&story).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [230.0, 270.0, 310.0]);
}

#[test]
fn several_tasks_move_at_once_if_the_timing_says_so() {
    let (mut f, service) = in_first_zone(3, 9);
    f.fleet_in("b", 1, (8192, 8192), &[B]);
    late(&mut f, 130, &[C], (1024, 1024));
    f.model.timing.rebalancing_tasks = 50;
    f.model.services[service].maximum_percent = 125; // 11.25: two more than desired
    let (sim, story) = f.story(600);
    assert_eq!(by_zone(&sim), [3, 3, 3]);
    assert_eq!(letters(&story), "!++--+-=");
}

#[test]
fn a_balanced_service_costs_no_events() {
    let run = |rebalances| {
        let mut f = Fixture::new(3);
        f.fleet("i", 6, (4096, 8192));
        f.model.initial_state = InitialState::Steady;
        let web = f.definition("web", 256, 256);
        f.model.task_definitions[web].containers[0].behaviour.crash_rate_per_hour = 0.2;
        let service = f.service("web", web, 10);
        f.model.services[service].availability_zone_rebalancing = rebalances;
        let (sim, story) = f.story(86_400);
        (sim.events(), story)
    };
    let (with, without) = (run(true), run(false));
    assert!(without.1.len() > 100, "tasks crash and are replaced");
    assert_eq!(with, without);
}

/// Zones in which no instance could ever host a task do not count.
#[test]
fn zones_without_instances_that_fit_do_not_count() {
    let check = |expected: &[usize], change: &dyn Fn(&mut Fixture, Ix<Service>)| {
        let (mut f, service) = in_first_zone(2, 4);
        f.fleet_in("b", 1, (1024, 1024), &[B]);
        change(&mut f, service);
        late(&mut f, 130, &[B], (1024, 1024));
        let (sim, story) = f.story(3600);
        assert_eq!(by_zone(&sim), expected);
        if expected == [4, 0] {
            assert_eq!(letters(&story), "");
        }
    };
    check(&[2, 2], &|_, _| {});
    let only = |query: &'static str| {
        move |f: &mut Fixture, service| {
            let query = Query::parse(query).expect("a query");
            f.launch_of(service).constraints.push(PlacementConstraint::MemberOf(query));
        }
    };
    check(&[4, 0], &only("ec2InstanceId == a-0"));
    check(&[2, 2], &only("ec2InstanceId in [a-0, b-0]"));
    check(&[4, 0], &only("attribute:ecs.subnet-id == none or ec2InstanceId == a-0"));
    // Each task asks for more than the instances of B have.
    check(&[4, 0], &|f, _| f.requirement(Ix::new(0)).resources.cpu_units = 2048);
}

/// On Fargate the zones are those of the subnets; one that is full is asked in vain.
#[test]
fn on_fargate_tasks_move_to_a_subnet_whose_addresses_return() {
    let mut f = Fixture::new(2);
    f.model.initial_state = InitialState::Steady;
    let subnet = |zone, free| Subnet { name: format!("{zone:?}"), zone, free_addresses: free };
    let subnets = [f.model.subnets.push(subnet(A, 10)), f.model.subnets.push(subnet(B, 2))];
    let web = f.definition("web", 256, 512);
    f.requirement(web).awsvpc = true;
    let mut service = |name: &str, desired, subnets: &[Ix<Subnet>]| {
        let service = f.service(name, web, desired);
        f.model.services[service].availability_zone_rebalancing = true;
        let zones = subnets.iter().map(|it| f.model.subnets[*it].zone).collect();
        let launch = f.launch_of(service);
        launch.providers[0].provider = Provider::Fargate;
        launch.subnets = subnets.to_vec();
        launch.zones = zones;
        service
    };
    let other = service("other", 2, &subnets[1..]);
    service("web", 4, &subnets);
    let stop = Action::SetDesiredCount { service: other, desired_count: 0 };
    f.model.actions.push((SimTime::from_secs(100), stop));
    let (sim, story) = f.story(2000);
    assert_eq!(by_zone(&sim), [2, 2]);
    // The next try comes 300 s after the first.
    assert_eq!(said(&story)[..3], [(60.0, '!'), (60.0, '?'), (360.0, '+')]);
    assert_eq!(letters(&story), "!?+-+-=");
}

/// One task of each provider in the first zone: each provider by itself is balanced.
#[test]
fn each_provider_is_balanced_by_itself() {
    let run = |desired| {
        let mut f = Fixture::new(2);
        f.model.initial_state = InitialState::Steady;
        let web = f.definition("web", 256, 512);
        let service = f.service("web", web, desired);
        f.model.services[service].availability_zone_rebalancing = true;
        let item = StrategyItem::only;
        f.launch_of(service).providers = vec![item(Provider::Fargate), item(Provider::FargateSpot)];
        let (sim, story) = f.story(2000);
        (by_zone(&sim), letters(&story))
    };
    assert_eq!(run(2), (vec![2, 0], String::new()));
    assert_eq!(run(6), (vec![4, 2], String::new()));
}

#[test]
fn a_change_of_the_desired_count_ends_what_is_under_way() {
    let (mut f, service) = in_first_zone(2, 4);
    late(&mut f, 130, &[B], (4096, 4096));
    // The task that moves was started at 190 s.
    let set = Action::SetDesiredCount { service, desired_count: 6 };
    f.model.actions.push((SimTime::from_secs(200), set));
    let (sim, story) = f.story(2000);
    assert_eq!(by_zone(&sim), [3, 3]);
    // It is the fifth, one more is started, and 4/2 is out of balance again.
    assert_eq!(said(&story)[..3], [(190.0, '!'), (190.0, '+'), (200.0, 'x')]);
    assert_eq!(letters(&story), "!+x!+-=");
    assert_eq!(stops(&story).len(), 1);
}

/// Two of four tasks die with their instance while a fifth has just started: one more is missing.
#[test]
fn a_task_that_dies_while_another_moves_is_replaced_by_that_one() {
    let (mut f, service) = in_first_zone(2, 4);
    let group = f.group_in("dies", (0, 1, 1), (8192, 8192), &[A]);
    late(&mut f, 130, &[B], (1024, 1024));
    f.set_capacity(200, group, 0);
    let (sim, story) = f.story(2000);
    assert_eq!(said(&story), [(190.0, '!'), (190.0, '+'), (200.0, 'x')]);
    assert_eq!(by_zone(&sim), [2, 2]);
    assert_eq!(sim.world().services[service].active(), 4);
    assert_eq!(stops(&story), [(200.0, StopReason::HostTerminated); 2]);
    let created = story.iter().filter(|(_, it)| matches!(it, Fact::TaskCreated { .. })).count();
    assert_eq!(created, 6);
}

/// Where no task starts, what runs goes on; the service is throttled like any other.
#[test]
fn tasks_that_never_start_in_the_new_zone_take_nothing_away() {
    let (mut f, service) = in_first_zone(2, 4);
    let web = f.model.services[service].task_definition;
    f.model.task_definitions[web].containers[0].behaviour.start_failure_rate = 1.0;
    late(&mut f, 130, &[B], (1024, 1024));
    let (sim, story) = f.story(20_000);
    let state = &sim.world().services[service];
    assert_eq!((state.healthy(), by_zone(&sim)[0]), (4, 4));
    let tries = letters(&story).matches('+').count();
    assert!((5..=20).contains(&tries), "{tries} in five hours: less and less often");
}

/// Watches the bounds of each service from when it first was steady.
struct Bounds {
    was_steady: Vec<bool>,
    most_over: u32,
}

impl Observer for Bounds {
    fn observe(&mut self, at: SimTime, fact: &Fact, world: &World, model: &Model) {
        if let Fact::ServiceEvent { service, event: ServiceEvent::SteadyState } = fact {
            self.was_steady[service.index()] = true;
        }
        for (ix, spec) in model.services.iter() {
            let state = &world.services[ix];
            let most = u64::from(state.desired()) * u64::from(spec.maximum_percent) / 100;
            assert!(u64::from(state.active()) <= most, "{} of {most} at {at:?}", state.active());
            if self.was_steady[ix.index()] {
                assert!(state.healthy() >= state.desired(), "{} at {at:?}", state.healthy());
            }
            self.most_over = self.most_over.max(state.active().saturating_sub(state.desired()));
        }
    }
}

fn draw(luck: Luck, name: &str, range: std::ops::RangeInclusive<u32>) -> u32 {
    range.start() + luck.named(name).below(Purpose::new("case"), range.end() - range.start() + 1)
}

fn random_case(luck: Luck) -> (Fixture, Ix<Service>) {
    let zones = draw(luck, "zones", 2..=4) as usize;
    let (mut f, service) = in_first_zone(zones, draw(luck, "desired", 1..=25));
    let spec = &mut f.model.services[service];
    spec.maximum_percent = draw(luck, "maximum", 100..=200);
    spec.minimum_healthy_percent = draw(luck, "minimum", 0..=100);
    f.model.timing.rebalancing_tasks = draw(luck, "tasks", 1..=6);
    f.model.timing.reconcile_delay = constant(f64::from(draw(luck, "delay", 0..=15)));
    for zone in 1..zones {
        let (named, secs) = (luck.part(zone as u64), 31 + 50 * zone as u64);
        let at = secs + u64::from(draw(named, "at", 0..=900));
        late(&mut f, at, &[Ix::new(zone)], (8192, 8192));
    }
    (f, service)
}

/// The bounds are counted from the facts, and in the end the zones differ by one at most.
#[test]
fn no_move_exceeds_the_maximum_or_falls_below_what_is_desired() {
    let mut most_over = 0;
    for case in 0..60 {
        let luck = Seed { master: 9, replication: 0 }.luck("case").part(case);
        let (f, service) = random_case(luck);
        let spec = f.model.services[service].clone();
        let mut bounds = Bounds { was_steady: vec![false], most_over: 0 };
        let mut sim = f.sim();
        assert_eq!(sim.run_until(SimTime::from_secs(20_000), &mut bounds), Stop::Reached);
        let zones = by_zone(&sim);
        let (least, most) = (zones.iter().min(), zones.iter().max());
        let differ = most.zip(least).map_or(0, |(most, least)| most - least);
        let desired = sim.world().services[service].desired();
        let has_room = desired * spec.maximum_percent / 100 > desired;
        match has_room {
            true => assert!(differ <= 1, "{zones:?}"),
            false => assert_eq!(zones[0], desired as usize),
        }
        assert_eq!(sim.world().services[service].active(), desired);
        most_over = most_over.max(bounds.most_over);
    }
    assert_eq!(most_over, 6, "as many as may move at once did");
}

#[test]
fn the_same_seed_moves_the_same_tasks() {
    let run = |pause: u64| {
        let luck = Seed { master: 9, replication: 0 }.luck("case").part(3);
        let (f, _) = random_case(luck);
        let (mut sim, mut story) = (f.sim(), Story::default());
        sim.run_until(SimTime::from_secs(pause), &mut story);
        let mut copy = sim.clone();
        copy.run_until(SimTime::from_secs(5000), &mut story);
        story.facts
    };
    let whole = run(5000);
    assert!(letters(&whole).contains('='));
    for pause in [0, 190, 400, 1000] {
        assert_eq!(run(pause), whole);
    }
}

/// Placement counts the tasks of a zone whatever their provider, and so does the balance.
#[test]
fn providers_with_groups_are_balanced_together() {
    let mut f = Fixture::new(2);
    let zones: Vec<_> = f.model.zones.indices().collect();
    let groups = [("od", zones[0]), ("spot", zones[1])]
        .map(|(name, zone)| f.group_in(name, (2, 2, 2), (4096, 8192), &[zone]));
    let providers = groups.map(|group| f.provider(group));
    let web = f.definition("web", 256, 512);
    let service = f.service("web", web, 8);
    f.model.services[service].availability_zone_rebalancing = true;
    f.model.initial_state = InitialState::Steady;
    let launch = f.model.services[service].launch;
    f.strategy(launch, &[(providers[0], 0, 1), (providers[1], 0, 1)]);
    let (sim, story) = f.story(7200);
    assert_eq!(by_zone(&sim), [4, 4]);
    let moves = story.iter().filter(|(_, fact)| {
        matches!(fact, Fact::TaskStopRequested { reason: StopReason::Rebalanced, .. })
    });
    assert_eq!(moves.count(), 0, "four of each, all of one in one zone");
    let said = story.iter().filter(|(_, fact)| {
        matches!(fact, Fact::ServiceEvent { event: ServiceEvent::NotAzBalanced { .. }, .. })
    });
    assert_eq!(said.count(), 0);
}

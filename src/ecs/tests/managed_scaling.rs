//! Capacity providers with an Auto Scaling group: who waits, what scales, and when.

use super::super::capacity::reservation::Decision;
use super::super::fixture::*;
use super::super::model::*;
use super::super::{Fact, FailureReason, Sim, StopCode, StopReason, TaskStatus};
use crate::engine::Ix;
use crate::units::{SimTime, Span};

/// Steps of managed scaling: when, from, to.
fn steps(story: &[(f64, Fact)]) -> Vec<(f64, u32, u32)> {
    let step = |(at, fact): &(f64, Fact)| match *fact {
        Fact::ManagedScaling { decision: Decision::Step { from, to, .. }, .. } => {
            Some((*at, from, to))
        }
        _ => None,
    };
    story.iter().filter_map(step).collect()
}

/// The metric of each minute: when, M, N, percent.
fn metric(story: &[(f64, Fact)]) -> Vec<(f64, u32, u32, f64)> {
    let minute = |(at, fact): &(f64, Fact)| match *fact {
        Fact::ManagedScaling { reservation, running, .. } => {
            Some((*at, reservation.needed, running, reservation.as_percent_f64()))
        }
        _ => None,
    };
    story.iter().filter_map(minute).collect()
}

fn running(sim: &Sim) -> usize {
    let tasks = sim.world().tasks.iter();
    tasks.filter(|(_, task)| task.last_status == TaskStatus::Running).count()
}

fn waiting(sim: &Sim) -> usize {
    sim.world().tasks.iter().filter(|(_, task)| task.is_unplaced()).count()
}

/// A service on a provider whose instances take four tasks each.
fn four_each(
    sizes: (u32, u32, u32),
    desired_count: u32,
) -> (Fixture, Ix<CapacityProvider>, Ix<Service>) {
    let mut f = Fixture::new(1);
    let group = f.group("spot", sizes, (2048, 8000));
    let provider = f.provider(group);
    let web = f.definition("web", 420, 1680);
    let service = f.service("web", web, desired_count);
    let launch = f.model.services[service].launch;
    f.strategy(launch, &[(provider, 0, 1)]);
    (f, provider, service)
}

fn set_count(f: &mut Fixture, secs: u64, service: Ix<Service>, desired_count: u32) {
    let action = Action::SetDesiredCount { service, desired_count };
    f.model.actions.push((SimTime::from_secs(secs), action));
}

#[test]
fn s_e68_a_e75_two_instances_become_four_for_fifteen_tasks_of_four_an_instance() {
    let (mut f, _, service) = four_each((0, 2, 100), 6);
    f.model.initial_state = InitialState::Steady;
    set_count(&mut f, 1000, service, 15);
    let (sim, story) = f.story(1090);
    let [(at, from, to)] = steps(&story)[..] else { panic!("{:?}", steps(&story)) };
    assert_eq!((from, to), (2, 4));
    assert!((1000.0..1060.0).contains(&at), "within a minute: {at}");
    let now = metric(&story).into_iter().find(|it| it.0 == at);
    assert_eq!(now, Some((at, 4, 2, 200.0)));
    // Launched at once, there after 30 s.
    assert_eq!(running(&sim) + waiting(&sim), 15);
    let placed =
        |(when, fact): &(f64, Fact)| matches!(fact, Fact::TaskPlaced { .. }).then_some(*when);
    let placed: Vec<f64> = story.iter().filter_map(placed).collect();
    assert_eq!(placed, [at + 30.0; 7]);
}

#[test]
fn a_e73_a_e76_both_groups_begin_with_two_and_no_task_spills_over() {
    let mut f = Fixture::new(1);
    let groups = ["od", "spot"].map(|name| f.group(name, (0, 0, 100), (2048, 8000)));
    let providers = groups.map(|group| f.provider(group));
    let web = f.definition("web", 420, 1680);
    let service = f.service("web", web, 10);
    let launch = f.model.services[service].launch;
    f.strategy(launch, &[(providers[0], 2, 1), (providers[1], 0, 3)]);
    let (sim, story) = f.story(170);
    let mut steps: Vec<_> = steps(&story).into_iter().map(|(_, from, to)| (from, to)).collect();
    steps.sort_unstable();
    assert_eq!(steps, [(0, 2), (0, 2)]);
    let of = |item| sim.world().tasks.iter().filter(|(_, task)| task.item == item).count();
    assert_eq!([of(0), of(1)], [4, 6]);
    assert_eq!(running(&sim), 10);
    for (_, task) in sim.world().tasks.iter() {
        let host = sim.world().cluster.instance(task.instance.expect("it runs"));
        let group = sim.model().fleets[sim.model().classes[host.class].fleet].group;
        assert_eq!(group, Some(groups[usize::from(task.item)]));
    }
}

#[test]
fn s_e65_a_provider_that_cannot_grow_leaves_its_share_waiting() {
    let mut f = Fixture::new(1);
    let full = f.group("full", (1, 1, 1), (1024, 4096));
    let free = f.group("free", (4, 4, 4), (4096, 8192));
    let providers = [full, free].map(|group| f.provider(group));
    let web = f.definition("web", 1024, 1024);
    let service = f.service("web", web, 10);
    let launch = f.model.services[service].launch;
    f.strategy(launch, &[(providers[0], 5, 1), (providers[1], 0, 1)]);
    let (sim, story) = f.story(600);
    assert_eq!((running(&sim), waiting(&sim)), (3, 7), "base 5 and 3 of 5 are of the full one");
    assert_eq!(steps(&story), []);
}

#[test]
fn a_e78_s_e71_waves_wait_for_the_warm_up_and_obey_the_largest_step() {
    // 10 tasks, 2 on an instance, N > 0: 3 more, and 2 more when they are 300 s old.
    let mut f = Fixture::new(1);
    let group = f.group("g", (1, 1, 100), (2048, 8000));
    let provider = f.provider(group);
    f.scaling(provider).maximum_scaling_step_size = 3;
    let web = f.definition("web", 1024, 2048);
    let job = f.job("job", web, &[(1000, 12, 100_000)], WhenFull::Fail);
    let launch = f.model.submitters[job].launch;
    f.strategy(launch, &[(provider, 0, 1)]);
    let (sim, story) = f.story(1900);
    let [first, second] = steps(&story)[..] else { panic!("{:?}", steps(&story)) };
    assert_eq!((first.1, first.2, second.1, second.2), (1, 4, 4, 6));
    let apart = second.0 - first.0;
    assert!((300.0..360.0).contains(&apart), "{apart} s");
    assert_eq!(running(&sim), 12);
}

#[test]
fn a_e78_one_small_task_starts_two_instances_and_one_goes_fifteen_minutes_later() {
    let (f, ..) = four_each((0, 0, 100), 1);
    let (sim, story) = f.story(2400);
    let steps = steps(&story);
    let [(out, 0, 2), (back, 2, 1)] = steps[..] else { panic!("{steps:?}") };
    assert!(out < 60.0, "{out}");
    // Below target from the minute in which the task has its place.
    let first_below = metric(&story).into_iter().find(|it| it.3 < 100.0).expect("one is spare");
    assert_eq!((first_below.1, first_below.2), (1, 2));
    assert_eq!(back - first_below.0, 14.0 * 60.0, "the fifteenth of the data points");
    // The group knows no better which to take: if the busy one went, its task waits and returns.
    assert!(running(&sim) + waiting(&sim) == 1);
}

#[test]
fn s_e73_tasks_that_fit_no_instance_wait_scale_nothing_and_stop() {
    let (mut f, _, service) = four_each((1, 1, 100), 0);
    let large = f.definition("large", 4096, 4096);
    f.model.services[service].task_definition = large;
    set_count(&mut f, 1000, service, 1);
    let (sim, story) = f.story(2790);
    assert_eq!(waiting(&sim), 1);
    assert_eq!(steps(&story), []);
    let there = metric(&story).into_iter().filter(|it| it.0 > 1000.0);
    assert!(there.clone().all(|it| it.3 == 100.0), "the metric stays at target");
    assert!(there.count() >= 29);
    let mut sim = sim;
    let mut story = Story::default();
    sim.run_until(SimTime::from_secs(2810), &mut story);
    let stopped = story.facts.iter().find_map(|(at, fact)| match fact {
        Fact::TaskStopRequested { reason, .. } => Some((*at, *reason)),
        _ => None,
    });
    assert_eq!(stopped, Some((2800.0, StopReason::NoCapacity)));
    assert_eq!(StopReason::NoCapacity.code(), StopCode::TaskFailedToStart);
    assert_eq!(waiting(&sim), 1, "the service tries again");
}

#[test]
fn s_e75_a_e91_at_most_500_tasks_of_a_cluster_wait() {
    let (mut f, provider, service) = four_each((0, 0, 0), 0);
    let web = f.model.services[service].task_definition;
    let job = f.job("job", web, &[(10, 600, 100)], WhenFull::Fail);
    let launch = f.model.submitters[job].launch;
    f.strategy(launch, &[(provider, 0, 1)]);
    set_count(&mut f, 20, service, 1);
    let (sim, story) = f.story(100);
    assert_eq!(waiting(&sim), 500);
    let refused: Vec<(u32, FailureReason)> = story
        .iter()
        .filter_map(|(_, fact)| match fact {
            Fact::RunTaskFailed { missing, failure, .. } => Some((*missing, failure.reason)),
            Fact::ServiceEvent {
                event: super::super::ServiceEvent::UnableToPlace { failure, .. },
                ..
            } => Some((1, failure.reason)),
            _ => None,
        })
        .collect();
    let limit = FailureReason::ProvisioningLimit;
    assert_eq!(refused, [(100, limit), (1, limit)]);
}

#[test]
fn a_e93_tasks_with_a_launch_type_scale_nothing() {
    let (mut f, _, service) = four_each((1, 1, 100), 0);
    f.launch_of(service).providers = vec![StrategyItem::only(Provider::Ec2)];
    set_count(&mut f, 1000, service, 15);
    let (sim, story) = f.story(1300);
    assert_eq!((running(&sim), waiting(&sim)), (4, 0), "what does not fit does not come to be");
    assert_eq!(steps(&story), []);
}

#[test]
fn without_managed_scaling_a_task_that_finds_no_room_does_not_come_to_be() {
    let (mut f, provider, _) = four_each((1, 1, 100), 15);
    f.model.capacity_providers[provider].managed_scaling = None;
    let (sim, story) = f.story(1300);
    assert_eq!((running(&sim), waiting(&sim)), (4, 0));
    assert_eq!(metric(&story), []);
}

#[test]
fn a_steady_cluster_begins_with_the_instances_that_its_tasks_need_and_its_target_keeps_free() {
    for (target, instances) in [(100, 4), (50, 8)] {
        let (mut f, provider, _) = four_each((0, 0, 100), 15);
        f.model.initial_state = InitialState::Steady;
        f.scaling(provider).target_capacity = target;
        let (sim, story) = f.story(7200);
        assert_eq!(running(&sim), 15);
        assert_eq!(sim.world().cluster.instances().count(), instances);
        assert_eq!(steps(&story), [], "and stays as it is");
    }
}

#[test]
fn a_e88_half_of_what_is_there_goes_each_minute_after_fifteen() {
    let mut f = Fixture::new(1);
    let group = f.group("g", (0, 334, 1000), (1024, 4096));
    let provider = f.provider(group);
    f.model.auto_scaling_groups[group].managed_termination_protection = true;
    let web = f.definition("web", 1024, 1024);
    let service = f.service("web", web, 34);
    let launch = f.model.services[service].launch;
    f.strategy(launch, &[(provider, 0, 1)]);
    f.model.initial_state = InitialState::Steady;
    let (sim, story) = f.story(3600);
    let steps = steps(&story);
    let to: Vec<u32> = steps.iter().map(|it| it.2).collect();
    assert_eq!(to, [167, 84, 42, 34]);
    assert!((840.0..900.0).contains(&steps[0].0), "after fifteen minutes: {}", steps[0].0);
    assert!(steps.windows(2).all(|pair| pair[1].0 - pair[0].0 == 60.0));
    assert_eq!(running(&sim), 34, "protected: no task was touched");
    assert!(!story.iter().any(|(_, fact)| matches!(fact, Fact::TaskStopRequested { .. })));
}

#[test]
fn a_e106_what_is_protected_goes_when_its_last_task_is_gone() {
    let mut f = Fixture::new(1);
    let group = f.group("g", (0, 2, 2), (1024, 4096));
    f.model.initial_state = InitialState::Steady;
    f.model.auto_scaling_groups[group].managed_termination_protection = true;
    let web = f.definition("web", 1024, 1024);
    f.job("job", web, &[(10, 1, 490), (10, 1, 990)], WhenFull::Fail);
    f.set_capacity(100, group, 0);
    let (sim, story) = f.story(1100);
    assert_eq!(sim.world().groups[group].desired_capacity(), 0, "it is decremented all the same");
    let gone =
        |(at, fact): &(f64, Fact)| matches!(fact, Fact::InstanceTerminated { .. }).then_some(*at);
    let gone: Vec<f64> = story.iter().filter_map(gone).collect();
    assert_eq!(gone, [500.0, 1000.0]);
}

/// Nothing lifts what the group itself has set; an instance that is not in service has none yet.
#[test]
fn a_e106_all_protected_desired_drops_and_nothing_terminates() {
    for (is_protected, expected) in [(true, (0, 3)), (false, (0, 0))] {
        let mut f = Fixture::new(1);
        let group = f.group("g", (0, 2, 4), (1024, 4096));
        f.model.initial_state = InitialState::Steady;
        f.model.auto_scaling_groups[group].new_instances_protected_from_scale_in = is_protected;
        f.set_capacity(100, group, 3);
        f.set_capacity(200, group, 4);
        f.set_capacity(210, group, 3); // the fourth takes 30 s to be in service
        f.set_capacity(300, group, 0);
        let sim = f.run(5000);
        let desired = sim.world().groups[group].desired_capacity();
        assert_eq!((desired, sim.world().cluster.instances().count()), expected);
    }
}

#[test]
fn a_e86_instances_with_daemons_alone_are_empty() {
    let (mut f, _, _) = four_each((0, 5, 100), 4);
    f.model.initial_state = InitialState::Steady;
    let agent = f.definition("agent", 64, 64);
    let daemon = f.service("agent", agent, 0);
    f.model.services[daemon].scheduling = Scheduling::Daemon;
    let (sim, story) = f.story(1300);
    let first = metric(&story)[0];
    // Four tasks of one service are spread over instances, one each.
    assert_eq!((first.1, first.2), (4, 5));
    assert_eq!(steps(&story).len(), 1);
    assert_eq!(sim.world().cluster.instances().count(), 4);
}

#[test]
fn an_instance_that_drains_goes_after_48_hours_whatever_runs_on_it() {
    let mut f = Fixture::new(1);
    let group = f.group("g", (0, 1, 1), (1024, 4096));
    f.model.initial_state = InitialState::Steady;
    f.model.auto_scaling_groups[group].managed_draining = true;
    let web = f.definition("web", 256, 256);
    f.job("job", web, &[(10, 1, 1_000_000)], WhenFull::Fail);
    f.set_capacity(100, group, 0);
    let day = Span::secs(86_400).as_secs_f64();
    let (sim, story) = f.story(200_000);
    let gone = story.iter().find(|it| matches!(it.1, Fact::InstanceTerminated { .. }));
    assert_eq!(gone.map(|it| it.0), Some(100.0 + 2.0 * day));
    assert_eq!(sim.world().tasks.len(), 0);
}

#[test]
fn s_e80_waiting_tasks_stop_first_when_fewer_are_wanted() {
    let (mut f, _, service) = four_each((1, 1, 1), 10);
    set_count(&mut f, 300, service, 3);
    let (sim, _) = f.story(400);
    assert_eq!((running(&sim), waiting(&sim)), (3, 0));
    assert_eq!(sim.world().services[service].active(), 3);
}

/// What a warm pool gives warms up from then on, however long it was in the pool.
#[test]
fn instances_from_a_warm_pool_are_waited_for_like_new_ones() {
    let (mut f, provider, service) = four_each((0, 2, 100), 6);
    f.model.initial_state = InitialState::Steady;
    let group = f.model.capacity_providers[provider].group;
    f.model.auto_scaling_groups[group].warm_pool = Some(WarmPool {
        min_size: 0,
        max_group_prepared_capacity: Some(20),
        state: WarmState::Stopped,
        has_images: false,
    });
    // They take longer to start than a minute, so that tasks wait when the next minute comes.
    f.model.timing.warm_start = constant(100.0);
    set_count(&mut f, 3000, service, 40);
    let (_, story) = f.story(3000 + 280);
    let steps: Vec<(u32, u32)> = steps(&story).iter().map(|it| (it.1, it.2)).collect();
    assert_eq!(steps, [(2, 10)], "40 tasks need 10 instances, and no more are launched meanwhile");
}

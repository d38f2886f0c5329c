//! What Auto Scaling groups do besides keeping their capacity.

use super::super::capacity::refresh::Refresh;
use super::super::fixture::*;
use super::super::model::*;
use super::super::{Fact, GroupEvent, Sim, TerminationReason};
use crate::engine::Ix;
use crate::units::{Schedule, SimTime, Span};

const HOUR: u64 = 3600;

fn desired(sim: &Sim, group: Ix<AutoScalingGroup>) -> u32 {
    sim.world().groups[group].desired_capacity()
}

fn recurring(f: &Fixture, text: &str) -> When {
    let schedule = Schedule::parse_recurrence(text).expect("a test's recurrence is one");
    When::Recurring { schedule, calendar: f.model.calendar.clone() }
}

fn action(when: When, [min_size, desired_capacity, max_size]: [Option<u32>; 3]) -> ScheduledAction {
    ScheduledAction { name: "x".into(), when, min_size, max_size, desired_capacity }
}

/// Sets the desired capacity at 08:00 and runs past 09:00 of both days, on which it is 3 then.
#[test]
fn a_e68_a_recurrence_sets_the_desired_capacity_daily_from_either_side() {
    let mut f = Fixture::new(1);
    let group = f.group("g", (0, 1, 9), (1024, 1024));
    let nine = action(recurring(&f, "0 9 * * *"), [None, Some(3), None]);
    f.model.auto_scaling_groups[group].scheduled_actions.push(nine);
    f.set_capacity(24 * HOUR + 8 * HOUR, group, 8);
    let mut sim = f.sim();
    for (hour, expected) in [(8, 1), (10, 3), (32, 8), (34, 3)] {
        sim.run_until(SimTime::from_secs(hour * HOUR), &mut ());
        assert_eq!(desired(&sim, group), expected, "at {hour} h");
    }
    assert_eq!(sim.world().groups[group].capacity(), 3);
}

#[test]
fn sizes_that_a_scheduled_action_sets_hold_from_then_on() {
    let mut f = Fixture::new(1);
    let group = f.group("g", (0, 2, 4), (1024, 1024));
    let once = |secs| When::Once(SimTime::from_secs(secs));
    let actions =
        [action(once(100), [Some(3), None, Some(6)]), action(once(300), [None, None, Some(2)])];
    f.model.auto_scaling_groups[group].scheduled_actions.extend(actions);
    f.set_capacity(50, group, 6);
    f.set_capacity(200, group, 6);
    f.set_capacity(250, group, 0);
    let mut sim = f.sim();
    for (at, expected) in [(60, 4), (150, 4), (210, 6), (260, 3), (310, 2)] {
        sim.run_until(SimTime::from_secs(at), &mut ());
        assert_eq!(desired(&sim, group), expected, "at {at} s");
    }
    assert_eq!(sim.world().groups[group].sizes(), (2, 2), "a minimum gives way");
}

#[test]
fn a_scheduled_action_may_be_late_and_its_next_time_is_not() {
    let mut f = Fixture::new(1);
    let group = f.group("g", (0, 0, 9), (1024, 1024));
    f.model.timing.scheduled_action_delay = constant(90.0);
    let each = action(recurring(&f, "* * * * *"), [None, Some(1), None]);
    f.model.auto_scaling_groups[group].scheduled_actions.push(each);
    let (_, story) = f.story(301);
    let told = story.iter().filter(|it| matches!(it.1, Fact::GroupEvent { .. }));
    let told: Vec<f64> = told.map(|it| it.0).collect();
    assert_eq!(told, [90.0, 150.0, 210.0, 270.0]);
}

/// When instances were terminated for a reason, in seconds.
fn terminated(story: &[(f64, Fact)], why: TerminationReason) -> Vec<f64> {
    let is_it =
        |fact: &Fact| matches!(fact, Fact::InstanceTerminated { reason, .. } if *reason == why);
    story.iter().filter(|it| is_it(&it.1)).map(|it| it.0).collect()
}

/// All are launched at once, and it takes 30 s until a replacement is in service.
#[test]
fn instances_with_a_maximum_lifetime_are_replaced_one_at_a_time_or_by_a_tenth() {
    let day = 86_400.0;
    // Two of twenty at once; the last of them is alone again.
    let mut of_twenty: Vec<f64> = (0..20).map(|it| f64::from(it / 2 * 30)).collect();
    of_twenty[19] = 300.0;
    for (size, expected) in [(3, vec![0.0, 30.0, 60.0]), (20, of_twenty)] {
        let mut f = Fixture::new(2);
        let group = f.group("g", (size, size, size), (1024, 1024));
        f.model.auto_scaling_groups[group].max_instance_lifetime = Some(Span::DAY);
        f.model.duration = Span::DAY * 2;
        let (sim, story) = f.story(86_400 + HOUR);
        let gone: Vec<f64> =
            terminated(&story, TerminationReason::MaxLifetime).iter().map(|at| at - day).collect();
        assert_eq!(gone, expected, "of {size}");
        assert_eq!(sim.world().cluster.instances().count(), size as usize);
    }
}

#[test]
fn an_old_instance_is_drained_first_while_its_replacement_is_launched() {
    let mut f = Fixture::new(1);
    let group = f.group("g", (1, 1, 1), (1024, 1024));
    f.model.auto_scaling_groups[group].max_instance_lifetime = Some(Span::DAY);
    f.model.auto_scaling_groups[group].managed_draining = true;
    f.model.initial_state = InitialState::Steady;
    let web = f.definition("web", 256, 256);
    let service = f.service("web", web, 1);
    let (sim, story) = f.story(86_400 + 300);
    // 30 s until it is ACTIVE, at most 15 s until placing is tried again, 40 s until healthy.
    let gone = terminated(&story, TerminationReason::MaxLifetime);
    assert!(gone.len() == 1 && (86_470.0..=86_490.0).contains(&gone[0]), "{gone:?}");
    assert_eq!(sim.world().services[service].healthy(), 1);
}

/// A group of so many instances that is refreshed at 1,000 s.
fn refreshed(size: u32, (min, max, checkpoints): (u32, u32, &[u32])) -> Fixture {
    let mut f = Fixture::new(1);
    let group = f.group("g", (size, size, size), (1024, 1024));
    f.model.timing.instance_pending = constant(0.0);
    f.model.timing.instance_boot = constant(0.0);
    f.model.timing.agent_registration = constant(0.0);
    f.model.refreshes.push(InstanceRefresh {
        group,
        rules: Refresh {
            min_healthy_percentage: min,
            max_healthy_percentage: max,
            checkpoint_percentages: checkpoints.to_vec(),
        },
        checkpoint_delay: Span::secs(900),
        instance_warmup: Span::secs(600),
    });
    f.model.actions.push((SimTime::from_secs(1000), Action::StartInstanceRefresh(0)));
    f
}

/// What a group has told, in minutes since 1,000 s.
fn told(story: &[(f64, Fact)]) -> Vec<(f64, GroupEvent)> {
    let event = |&(at, fact): &(f64, Fact)| match fact {
        Fact::GroupEvent { event, .. } => Some(((at - 1000.0) / 60.0, event)),
        _ => None,
    };
    story.iter().filter_map(event).collect()
}

fn minutes(seconds: Vec<f64>) -> Vec<f64> {
    seconds.iter().map(|at| (at - 1000.0) / 60.0).collect()
}

#[test]
fn a_e110_a_refresh_waits_at_its_checkpoints_and_ends_at_the_last() {
    let (sim, story) = refreshed(10, (80, 100, &[20, 50])).story(20_000);
    let gone = minutes(terminated(&story, TerminationReason::Refreshed));
    assert_eq!(gone, [0.0, 0.0, 25.0, 25.0, 35.0]);
    let expected = [
        (0.0, GroupEvent::RefreshStarted { total: 10 }),
        (10.0, GroupEvent::RefreshCheckpoint { percent: 20 }),
        (45.0, GroupEvent::RefreshCheckpoint { percent: 50 }),
        (45.0, GroupEvent::RefreshEnded { replaced: 5 }),
    ];
    assert_eq!(told(&story), expected);
    assert_eq!(sim.world().cluster.instances().count(), 10);
}

#[test]
fn a_e111_the_highest_of_several_checkpoints_is_told() {
    let (_, story) = refreshed(2, (90, 100, &[10, 40, 100])).story(20_000);
    let expected = [
        (0.0, GroupEvent::RefreshStarted { total: 2 }),
        (10.0, GroupEvent::RefreshCheckpoint { percent: 40 }),
        (35.0, GroupEvent::RefreshCheckpoint { percent: 100 }),
        (35.0, GroupEvent::RefreshEnded { replaced: 2 }),
    ];
    assert_eq!(told(&story), expected);
}

#[test]
fn with_a_maximum_above_100_an_instance_goes_when_its_replacement_is_warm() {
    let (sim, story) = refreshed(4, (100, 150, &[])).story(20_000);
    let gone = minutes(terminated(&story, TerminationReason::Refreshed));
    assert_eq!(gone, [10.0, 10.0, 20.0, 20.0]);
    let mut there: i32 = 0;
    let counts = story.iter().filter_map(|(at, fact)| match fact {
        Fact::InstanceLaunched { .. } => Some((*at, 1)),
        Fact::InstanceTerminated { .. } => Some((*at, -1)),
        _ => None,
    });
    let mut most = 0;
    for (at, change) in counts {
        there += change;
        most = most.max(there);
        assert!(at < 1000.0 || there >= 4, "{there} at {at} s");
    }
    assert_eq!(most, 6);
    assert_eq!(sim.world().cluster.instances().count(), 4);
}

#[test]
fn a_refresh_waits_an_hour_for_protected_instances_and_is_refused_meanwhile() {
    let mut f = refreshed(1, (90, 100, &[]));
    f.model.auto_scaling_groups[Ix::new(0)].managed_termination_protection = true;
    f.model.initial_state = InitialState::Steady;
    let web = f.definition("web", 256, 256);
    f.service("web", web, 1);
    f.model.actions.push((SimTime::from_secs(1600), Action::StartInstanceRefresh(0)));
    let (_, story) = f.story(20_000);
    let expected = [
        (0.0, GroupEvent::RefreshStarted { total: 1 }),
        (10.0, GroupEvent::RefreshRefused),
        (60.0, GroupEvent::RefreshFailed { replaced: 0 }),
    ];
    assert_eq!(told(&story), expected);
}

#[test]
fn a_refresh_fails_after_an_hour_where_a_group_protects_all() {
    let mut f = refreshed(1, (90, 100, &[]));
    f.model.auto_scaling_groups[Ix::new(0)].new_instances_protected_from_scale_in = true;
    f.model.initial_state = InitialState::Steady;
    let (_, story) = f.story(20_000);
    let expected = [
        (0.0, GroupEvent::RefreshStarted { total: 1 }),
        (60.0, GroupEvent::RefreshFailed { replaced: 0 }),
    ];
    assert_eq!(told(&story), expected);
}

/// Source: Amazon EC2 Auto Scaling User Guide, "Use instance scale-in protection": of an
/// instance's maximum lifetime it says nothing, which is taken to end it.
#[test]
fn a_protected_instance_goes_when_it_is_too_old() {
    let gone = |is_protected: bool| {
        let mut f = Fixture::new(1);
        let group = f.group("g", (0, 1, 1), (1024, 1024));
        f.model.initial_state = InitialState::Steady;
        let spec = &mut f.model.auto_scaling_groups[group];
        spec.new_instances_protected_from_scale_in = is_protected;
        spec.max_instance_lifetime = Some(Span::HOUR);
        terminated(&f.story(5000).1, TerminationReason::MaxLifetime)
    };
    assert_eq!(gone(true), [3600.0]);
    assert_eq!(gone(true), gone(false));
}

fn hook(transition: Transition, completes_after: Option<f64>, abandons: bool) -> LifecycleHook {
    LifecycleHook {
        name: "h".into(),
        transition,
        heartbeat_timeout: Span::HOUR,
        heartbeats: false,
        completes_after: completes_after.map(constant),
        abandons,
    }
}

fn when(story: &[(f64, Fact)], is_it: impl Fn(&Fact) -> bool) -> Vec<f64> {
    story.iter().filter(|(_, fact)| is_it(fact)).map(|(at, _)| *at).collect()
}

/// Without a hook an instance is ACTIVE after 30 s, 20 of which it boots.
#[test]
fn a_launching_hook_holds_an_instance_before_it_registers() {
    let active = |hooks: &[LifecycleHook]| {
        let mut f = Fixture::new(1);
        let group = f.group("g", (0, 1, 1), (1024, 1024));
        f.model.auto_scaling_groups[group].lifecycle_hooks = hooks.to_vec();
        let (_, story) = f.story(5 * HOUR);
        let launched = when(&story, |it| matches!(it, Fact::InstanceLaunched { .. }));
        assert_eq!(launched[0], 0.0);
        let gone = terminated(&story, TerminationReason::LaunchAbandoned);
        (when(&story, |it| matches!(it, Fact::InstanceActive { .. })), gone, launched.len())
    };
    let launching = |after, abandons| hook(Transition::Launching, after, abandons);
    assert_eq!(active(&[]), (vec![30.0], vec![], 1));
    assert_eq!(active(&[launching(Some(90.0), true)]), (vec![120.0], vec![], 1));
    let both = [launching(Some(90.0), true), launching(Some(60.0), true)];
    assert_eq!(active(&both), (vec![120.0], vec![], 1), "side by side");
    assert_eq!(active(&[launching(None, false)]), (vec![3630.0], vec![], 1), "goes on anyway");
    let abandoned = vec![3620.0, 7240.0, 10_860.0, 14_480.0];
    assert_eq!(active(&[launching(None, true)]), (vec![], abandoned.clone(), 5), "and again");
    assert_eq!(active(&[launching(Some(3601.0), true)]), (vec![], abandoned, 5), "too late");
    let extended = LifecycleHook { heartbeats: true, ..launching(Some(3601.0), true) };
    assert_eq!(active(&[extended]), (vec![3631.0], vec![], 1));
}

#[test]
fn heartbeats_hold_an_instance_for_100_timeouts_and_48_hours_at_most() {
    for (timeout, expected) in [(60, 6020.0), (7200, 48.0 * 3600.0 + 20.0)] {
        let mut f = Fixture::new(1);
        let group = f.group("g", (0, 1, 1), (1024, 1024));
        let never = hook(Transition::Launching, None, true);
        let heartbeat_timeout = Span::secs(timeout);
        let never = LifecycleHook { heartbeats: true, heartbeat_timeout, ..never };
        f.model.auto_scaling_groups[group].lifecycle_hooks.push(never);
        f.model.duration = Span::DAY * 4;
        let (_, story) = f.story(50 * HOUR);
        assert_eq!(terminated(&story, TerminationReason::LaunchAbandoned)[0], expected);
    }
}

/// A task that ends at 300 s runs on the only instance, which is to go at 100 s.
#[test]
fn a_terminating_hook_holds_an_instance_and_draining_does_so_beside_it() {
    let gone = |drains: bool, hooks: &[LifecycleHook]| {
        let mut f = Fixture::new(1);
        let group = f.group("g", (0, 1, 1), (1024, 1024));
        f.model.initial_state = InitialState::Steady;
        f.model.auto_scaling_groups[group].lifecycle_hooks = hooks.to_vec();
        f.model.auto_scaling_groups[group].managed_draining = drains;
        let batch = f.definition("batch", 256, 256);
        f.job("batch", batch, &[(10, 1, 290)], WhenFull::Fail);
        f.set_capacity(100, group, 0);
        terminated(&f.story(5 * HOUR).1, TerminationReason::ScaledIn)
    };
    let terminating = |after, abandons| hook(Transition::Terminating, after, abandons);
    assert_eq!(gone(false, &[]), [100.0]);
    assert_eq!(gone(false, &[terminating(Some(90.0), true)]), [190.0]);
    assert_eq!(gone(false, &[terminating(None, false)]), [3700.0]);
    assert_eq!(gone(false, &[terminating(None, true)]), [3700.0], "it goes anyway");
    assert_eq!(gone(true, &[]), [300.0]);
    assert_eq!(gone(true, &[terminating(Some(90.0), true)]), [300.0]);
    assert_eq!(gone(true, &[terminating(Some(900.0), true)]), [1000.0]);
    let short = LifecycleHook { heartbeat_timeout: Span::secs(60), ..terminating(None, true) };
    assert_eq!(gone(true, &[short]), [160.0], "ABANDON ends draining, too");
}

const WARM: WarmPool = WarmPool {
    min_size: 0,
    max_group_prepared_capacity: None,
    state: WarmState::Stopped,
    has_images: false,
};

fn warm_group(pool: WarmPool) -> (Fixture, Ix<AutoScalingGroup>) {
    let mut f = Fixture::new(2);
    let group = f.group("g", (0, 6, 10), (1024, 1024));
    f.model.auto_scaling_groups[group].warm_pool = Some(pool);
    f.model.auto_scaling_groups[group].user_data = constant(100.0);
    f.model.initial_state = InitialState::Steady;
    (f, group)
}

fn warm(sim: &Sim) -> usize {
    sim.world().cluster.instances().filter(|(_, host)| host.is_stopped()).count()
}

#[test]
fn a_e108_a_warm_pool_holds_what_is_missing_from_the_maximum() {
    let (f, _) = warm_group(WARM);
    assert_eq!(warm(&f.run(10)), 4);
    let (f, _) = warm_group(WarmPool { max_group_prepared_capacity: Some(8), ..WARM });
    assert_eq!(warm(&f.run(10)), 2);
    let (mut f, group) = warm_group(WARM);
    f.set_capacity(100, group, 4);
    let mut sim = f.sim();
    sim.run_until(SimTime::from_secs(219), &mut ());
    assert_eq!(warm(&sim), 4, "two more boot and run their user data for 120 s");
    sim.run_until(SimTime::from_secs(220), &mut ());
    assert_eq!(warm(&sim), 6);
}

/// Registration takes 10 s; a start from stopped 8 s, from hibernated 6 s, from nothing 120 s.
#[test]
fn a_launch_from_the_warm_pool_takes_less_time() {
    for (state, expected) in
        [(WarmState::Stopped, 118.0), (WarmState::Hibernated, 116.0), (WarmState::Running, 110.0)]
    {
        let (mut f, group) = warm_group(WarmPool { state, ..WARM });
        f.set_capacity(100, group, 9);
        let (sim, story) = f.story(1000);
        let active = when(&story, |it| matches!(it, Fact::InstanceActive { .. }));
        assert_eq!(active[6..], [expected; 3], "{state:?}");
        assert_eq!(sim.world().cluster.instances().count(), 10, "none is launched in their place");
    }
    let (mut f, group) = warm_group(WarmPool { max_group_prepared_capacity: Some(7), ..WARM });
    f.set_capacity(100, group, 9);
    let active = when(&f.story(1000).1, |it| matches!(it, Fact::InstanceActive { .. }));
    assert_eq!(active[6..], [118.0, 230.0, 230.0], "one was prepared");
}

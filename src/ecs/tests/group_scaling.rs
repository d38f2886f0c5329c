//! Scaling policies of Auto Scaling groups, at work.
//!
//! Metrics have a point at the end of each minute and are seen at once, somewhere in the next one,
//! unless a test says otherwise; a launch takes 30 s.

use super::super::fixture::*;
use super::super::model::*;
use super::super::scaling::adjustment::{AdjustmentType, StepAdjustment};
use super::super::scaling::alarm::{
    Alarm, AlarmState, Comparison, MetricValue, MissingData, Statistic,
};
use super::super::scaling::group::{Holds, PolicyKind, PolicyMetric, ScalingPolicy, Side};
use super::super::{Fact, GroupEvent, Sim};
use crate::engine::Ix;
use crate::units::{SimTime, Span};

const fn percent(value: i64) -> MetricValue {
    MetricValue(value * 1_000_000)
}

fn alarm(comparison: Comparison, threshold: i64, periods: u32) -> Alarm {
    Alarm {
        threshold: percent(threshold),
        comparison,
        statistic: Statistic::Average,
        period: Span::MINUTE,
        evaluation_periods: periods,
        datapoints_to_alarm: periods,
        treat_missing_data: MissingData::Missing,
    }
}

fn policy(name: &str, metric: PolicyMetric, kind: PolicyKind) -> ScalingPolicy {
    ScalingPolicy { name: name.into(), metric, kind, warmup: Span::secs(120) }
}

/// AWS's alarms: three of three above the target, and 15 of 15 below 0.7 of it.
fn tracking(metric: PolicyMetric, target: i64) -> ScalingPolicy {
    let low = MetricValue(target * 700_000);
    policy(
        "tracking",
        metric,
        PolicyKind::TargetTracking {
            target: percent(target),
            disable_scale_in: false,
            high: alarm(Comparison::Greater, target, 3),
            low: Alarm { threshold: low, ..alarm(Comparison::Less, 0, 15) },
        },
    )
}

fn simple(adjustment: i32, (comparison, threshold): (Comparison, i64)) -> ScalingPolicy {
    let kind = PolicyKind::Simple {
        alarm: alarm(comparison, threshold, 1),
        adjustment_type: AdjustmentType::ChangeInCapacity,
        adjustment,
        cooldown: Span::secs(300),
    };
    ScalingPolicy { warmup: Span::ZERO, ..policy("simple", PolicyMetric::CpuReservation, kind) }
}

/// A group, with a service of so many tasks there: each reserves half an instance, and uses a half
/// of what it reserves.
fn with_service(
    sizes: (u32, u32, u32),
    tasks: u32,
    policies: Vec<ScalingPolicy>,
) -> (Fixture, Ix<AutoScalingGroup>, Ix<Service>) {
    let mut f = Fixture::new(1);
    let group = f.group("g", sizes, (1024, 1024));
    f.model.auto_scaling_groups[group].policies = policies;
    f.model.initial_state = InitialState::Steady;
    let web = f.definition("web", 512, 512);
    let usage = Usage { cpu_units: 256, memory_mib: 256 };
    f.model.task_definitions[web].containers[0].behaviour.usage = Some(usage);
    let service = f.service("web", web, tasks);
    (f, group, service)
}

fn desired(sim: &Sim, group: Ix<AutoScalingGroup>) -> u32 {
    sim.world().groups[group].desired_capacity()
}

fn acts(story: &[(f64, Fact)]) -> Vec<(f64, u32, u32)> {
    let event = |&(at, fact): &(f64, Fact)| match fact {
        Fact::GroupEvent { event: GroupEvent::PolicyActs { from, proposal, .. }, .. } => {
            Some((at, from, proposal.to))
        }
        _ => None,
    };
    story.iter().filter_map(event).collect()
}

fn steps(story: &[(f64, Fact)]) -> Vec<(u32, u32)> {
    acts(story).into_iter().map(|(_, from, to)| (from, to)).collect()
}

fn alarms(story: &[(f64, Fact)], wanted: AlarmState) -> Vec<f64> {
    let is_it = |fact: &Fact| {
        matches!(fact, Fact::GroupEvent { event: GroupEvent::Alarm { state, .. }, .. }
            if *state == wanted)
    };
    story.iter().filter(|it| is_it(&it.1)).map(|it| it.0).collect()
}

fn holds(story: &[(f64, Fact)]) -> Vec<Holds> {
    let event = |(_, fact): &(f64, Fact)| match fact {
        Fact::GroupEvent { event: GroupEvent::PolicyHolds { why, .. }, .. } => Some(*why),
        _ => None,
    };
    story.iter().filter_map(event).collect()
}

fn metrics(story: &[(f64, Fact)]) -> Vec<Option<MetricValue>> {
    let value = |(_, fact): &(f64, Fact)| match fact {
        Fact::ScalingMetric { value, .. } => Some(*value),
        _ => None,
    };
    story.iter().filter_map(value).collect()
}

/// A-E1: the guide's cluster of a c4.4xlarge and a c4.large with ten tasks: 55.6 and 60.4 %.
#[test]
fn a_e1_reservations_are_what_the_guide_computes() {
    for (metric, expected) in
        [(PolicyMetric::CpuReservation, 55_555_555), (PolicyMetric::MemoryReservation, 60_366_680)]
    {
        let mut f = Fixture::new(1);
        f.fleet("large", 1, (16_384, 30_158));
        let group = f.group("g", (1, 1, 1), (2048, 3768));
        f.model.auto_scaling_groups[group].policies.push(tracking(metric, 99));
        f.model.initial_state = InitialState::Steady;
        let task = f.definition("task", 1024, 2048);
        f.service("ten", task, 10);
        let (_, story) = f.story(300);
        let expected = Some(MetricValue(expected));
        assert!(metrics(&story).len() > 2 && metrics(&story).iter().all(|it| *it == expected));
    }
}

/// Four tasks fill two instances; eight are wanted at 600 s, and four find no room. Reservation is
/// 100 % of a target of 60: ⌈2 × 100 ÷ 60⌉ are 4, which after the warm-up are full, too: 7, of
/// which three are empty: 57 %.
#[test]
fn target_tracking_scales_out_by_its_formula_after_each_warm_up() {
    let policies = vec![tracking(PolicyMetric::CpuReservation, 60)];
    let (mut f, group, service) = with_service((1, 2, 9), 2, policies);
    let action = Action::SetDesiredCount { service, desired_count: 8 };
    f.model.actions.push((SimTime::from_secs(600), action));
    let (sim, story) = f.story(3000);
    assert_eq!(steps(&story), [(2, 4), (4, 7)]);
    let [first, second] = [acts(&story)[0].0, acts(&story)[1].0];
    // Three periods after the first in which it is above the whole time, or nearly.
    assert!((600.0 + 120.0..600.0 + 300.0).contains(&first), "{first}");
    // Not before the two are in service and warm, and three periods are above 60 %.
    assert!((first + 30.0..first + 400.0).contains(&second), "{second}");
    assert_eq!(desired(&sim, group), 7);
    assert_eq!(sim.world().services[service].healthy(), 8);
}

/// While instances warm up a policy may not add them again, and nothing goes.
#[test]
fn what_warms_up_is_neither_added_again_nor_taken_away() {
    let policies = vec![tracking(PolicyMetric::CpuReservation, 60)];
    let (mut f, group, service) = with_service((1, 2, 9), 4, policies);
    f.model.auto_scaling_groups[group].policies[0].warmup = Span::secs(3000);
    let fewer = Action::SetDesiredCount { service, desired_count: 1 };
    f.model.actions.push((SimTime::from_secs(700), fewer));
    let (_, story) = f.story(3000);
    assert_eq!(steps(&story), [(2, 4)]);
    assert!(holds(&story).iter().any(|it| matches!(it, Holds::AlreadyDesired(_))));
    assert!(holds(&story).contains(&Holds::WarmingUp));
}

/// A-E28: the low alarm is 15 of 15 below 0.7 of the target, and goes on each minute.
#[test]
fn a_e28_target_tracking_scales_in_after_fifteen_minutes_below_its_low_threshold() {
    // Of 4 instances 2 tasks reserve one: 25 %, of a target of 50.
    let policies = vec![tracking(PolicyMetric::CpuReservation, 50)];
    let (f, group, _) = with_service((1, 4, 9), 2, policies);
    let (sim, story) = f.story(5000);
    assert_eq!(steps(&story), [(4, 2)]);
    let at = acts(&story)[0].0;
    assert!((840.0..=1020.0).contains(&at), "{at}: fifteen points and their phases");
    assert_eq!(desired(&sim, group), 2);
    // 36 % of 100 ÷ 3 is above 0.7 of 50, and so it stays where it is between.
    let (f, group, _) =
        with_service((1, 4, 9), 3, vec![tracking(PolicyMetric::CpuReservation, 50)]);
    assert_eq!(desired(&f.run(5000), group), 4);
}

#[test]
fn cpu_follows_from_usage_and_is_no_data_where_nothing_says_it() {
    let (f, ..) = with_service((1, 2, 9), 3, vec![tracking(PolicyMetric::CpuUtilization, 90)]);
    let (_, story) = f.story(600);
    // Three tasks use 256 units each of 2,048.
    assert!(metrics(&story).iter().all(|it| *it == Some(MetricValue(37_500_000))));
    let (mut f, ..) = with_service((1, 2, 9), 3, vec![tracking(PolicyMetric::CpuUtilization, 90)]);
    f.model.task_definitions[Ix::new(0)].containers[0].behaviour.usage = None;
    let (_, story) = f.story(3000);
    assert!(metrics(&story).len() > 40 && metrics(&story).iter().all(Option::is_none));
    assert_eq!((alarms(&story, AlarmState::Alarm), acts(&story)), (vec![], vec![]));
}

/// At 1,000 s a second instance is launched, in service at 1,030 s; it is empty, and for 120 s it
/// is not counted.
#[test]
fn an_instance_in_its_warm_up_is_left_out_of_the_metric() {
    let policies = vec![tracking(PolicyMetric::CpuUtilization, 99)];
    let (mut f, group, _) = with_service((1, 1, 2), 2, policies);
    f.set_capacity(1000, group, 2);
    f.model.auto_scaling_groups[group].policies[0].kind = PolicyKind::TargetTracking {
        target: percent(99),
        disable_scale_in: true,
        high: alarm(Comparison::Greater, 99, 3),
        low: alarm(Comparison::Less, 0, 15),
    };
    let (_, story) = f.story(2000);
    let seen = |from: f64, to: f64| -> Vec<Option<MetricValue>> {
        metrics(&story.iter().copied().filter(|it| it.0 > from && it.0 < to).collect::<Vec<_>>())
    };
    assert!(seen(0.0, 1150.0).iter().all(|it| *it == Some(percent(50))), "a whole of 512 of 1,024");
    assert!(seen(1280.0, 2000.0).iter().all(|it| *it == Some(percent(25))), "and of two");
}

/// Corrections 3: so much later a policy sees, and acts.
#[test]
fn metrics_are_seen_as_late_as_they_are_published() {
    let at = |delays: (u64, u64)| {
        let policies = vec![tracking(PolicyMetric::CpuReservation, 60)];
        let (mut f, ..) = with_service((1, 2, 9), 4, policies);
        f.model.timing.metric_delay = Span::secs(delays.0);
        f.model.timing.alarm_delay = Span::secs(delays.1);
        acts(&f.story(3000).1)[0].0
    };
    assert_eq!(at((100, 20)), at((0, 0)) + 120.0);
    assert_eq!(at((0, 60)), at((0, 0)) + 60.0);
}

/// A-E113: two more, and nothing else of the kind until 300 s after the last is in service.
#[test]
fn a_e113_simple_scaling_waits_for_its_activity_and_its_cooldown() {
    let policies = vec![simple(2, (Comparison::GreaterOrEqual, 90))];
    let (mut f, group, service) = with_service((1, 1, 9), 2, policies);
    f.model.timing.instance_boot = constant(73.0); // a launch takes 100 s
    let more = Action::SetDesiredCount { service, desired_count: 18 };
    f.model.actions.push((SimTime::from_secs(10), more));
    let (sim, story) = f.story(3000);
    assert_eq!(steps(&story), [(1, 3), (3, 5), (5, 7), (7, 9)]);
    for pair in acts(&story).windows(2) {
        let gap = pair[1].0 - pair[0].0;
        assert!((400.0..=460.0).contains(&gap), "{gap}: launch, cooldown, and the next minute");
    }
    assert!(holds(&story).contains(&Holds::InProgress));
    assert!(holds(&story).contains(&Holds::CoolingDown));
    assert_eq!(desired(&sim, group), 9);
    assert!(matches!(holds(&story).last(), Some(Holds::AtMaximum(_))));
}

fn stepping(name: &str, alarm: Alarm, steps: &[(Option<i64>, Option<i64>, i32)]) -> ScalingPolicy {
    let step = |&(lower, upper, adjustment): &(Option<i64>, Option<i64>, i32)| StepAdjustment {
        lower: lower.map(percent),
        upper: upper.map(percent),
        adjustment,
    };
    let kind = PolicyKind::Step {
        alarm,
        adjustment_type: AdjustmentType::ChangeInCapacity,
        steps: steps.iter().map(step).collect(),
        aggregation: Statistic::Average,
    };
    policy(name, PolicyMetric::CpuReservation, kind)
}

/// Alarms stay in ALARM, and the policy acts again each minute until it is above its threshold.
#[test]
fn a_step_policy_acts_each_minute_without_another_transition_of_its_alarm() {
    let low = stepping("low", alarm(Comparison::Less, 40, 2), &[(None, Some(0), -1)]);
    let (f, group, _) = with_service((1, 6, 9), 2, vec![low]);
    let (sim, story) = f.story(3000);
    // 1 ÷ 6, 5, 4 and 3 are below 40 %, 1 ÷ 2 is not.
    assert_eq!(steps(&story), [(6, 5), (5, 4), (4, 3), (3, 2)]);
    assert!(acts(&story).windows(2).all(|pair| (pair[1].0 - pair[0].0 - 60.0).abs() < 1e-6));
    assert_eq!(alarms(&story, AlarmState::Alarm).len(), 1);
    assert_eq!(desired(&sim, group), 2);
}

/// Metrics come later than what they lead to: until they know of it, what is gone is counted.
#[test]
fn what_has_just_gone_is_not_taken_away_again() {
    let steps_with = |settle| {
        let policies = vec![tracking(PolicyMetric::CpuReservation, 75)];
        let (mut f, ..) = with_service((1, 13, 13), 12, policies);
        f.model.timing.metric_delay = Span::secs(110);
        f.model.timing.scale_in_settle = Span::secs(settle);
        steps(&f.story(1500).1)
    };
    // 12 ÷ 26 are 46.2 %, of which 75 % make ⌈13 × 46.2 ÷ 75⌉.
    assert_eq!(steps_with(300), [(13, 8)]);
    assert_eq!(steps_with(0)[..3], [(13, 8), (8, 5), (5, 4)], "else by what is long gone");
}

/// A-E53: of several policies the one with the largest capacity holds.
#[test]
fn a_e53_of_several_policies_the_largest_capacity_holds_and_the_other_says_so() {
    let high = |name: &str, adjustment| {
        stepping(name, alarm(Comparison::Greater, 90, 1), &[(Some(0), None, adjustment)])
    };
    let (f, group, _) = with_service((1, 1, 20), 2, vec![high("a", 3), high("b", 5)]);
    let (sim, story) = f.story(300);
    assert_eq!(steps(&story), [(1, 6)]);
    assert!(matches!(holds(&story)[0], Holds::Outvoted(it) if it.to == 4));
    assert_eq!(desired(&sim, group), 6);
}

/// A-E36: target tracking scales in when all such policies are ready, and step scaling before.
#[test]
fn a_e36_target_tracking_waits_for_others_of_its_kind() {
    // Four instances with two tasks: 25 % reserved of a target of 50, 12.5 % used of one of 10.
    let both = |target| {
        let mut cpu = tracking(PolicyMetric::CpuUtilization, target);
        cpu.name = "cpu".into();
        vec![tracking(PolicyMetric::CpuReservation, 50), cpu]
    };
    let (f, group, _) = with_service((1, 4, 4), 2, both(10));
    let (sim, story) = f.story(3000);
    assert_eq!(desired(&sim, group), 4);
    assert!(holds(&story).contains(&Holds::OthersNotReady));
    // With a target of 30 it is ready, too, and asks for two as well: ⌈4 × 12.5 ÷ 30⌉.
    let (f, group, _) = with_service((1, 4, 4), 2, both(30));
    let (sim, story) = f.story(3000);
    assert_eq!((desired(&sim, group), steps(&story)), (2, vec![(4, 2)]));
}

#[test]
fn a_group_without_policies_keeps_no_metrics() {
    let (mut f, group, _) = with_service((1, 2, 9), 3, Vec::new());
    f.set_capacity(100, group, 3);
    let (_, story) = f.story(1000);
    assert!(metrics(&story).is_empty());
}

/// Everything that is watched, kept by difference, equals a walk over the world.
#[test]
fn reservations_by_difference_equal_a_walk_over_the_world() {
    for seed in 0..20 {
        let policies = vec![
            tracking(PolicyMetric::CpuReservation, 40 + 5 * i64::from(seed % 5)),
            stepping("low", alarm(Comparison::Less, 30, 3), &[(None, Some(0), -1)]),
        ];
        let (mut f, group, service) = with_service((2, 3, 12), 4, policies);
        f.model.task_definitions[Ix::new(0)].containers[0].behaviour.crash_rate_per_hour = 5.0;
        f.model.auto_scaling_groups[group].managed_draining = seed % 2 == 0;
        for (at, desired_count) in [(900, 12), (4000, 2), (8000, 9 + seed)] {
            let action = Action::SetDesiredCount { service, desired_count };
            f.model.actions.push((SimTime::from_secs(at), action));
        }
        let mut sim = f.sim();
        for minute in 0..200 {
            sim.run_until(SimTime::from_secs(60 * minute), &mut ());
            let world = sim.world();
            let instances = world.cluster.instances().map(|(_, host)| host);
            let there = instances.filter(|it| it.status() != super::super::InstanceStatus::Pending);
            let runs =
                |it: &&super::super::Task| it.last_status == super::super::TaskStatus::Running;
            let running = world.tasks.iter().map(|(_, task)| task).filter(runs).count() as u64;
            let expected = (512 * running, 1024 * there.count() as u64);
            assert_eq!(world.metrics.reservation_of(Ix::new(0)), Some(expected), "{minute} min");
        }
    }
}

#[test]
fn sides_of_a_policy_have_their_alarms() {
    let both = tracking(PolicyMetric::CpuReservation, 50);
    assert_eq!(both.alarm(Side::Low).map(|it| it.threshold), Some(percent(35)));
    assert_eq!(both.alarms().count(), 2);
    assert_eq!(simple(1, (Comparison::Greater, 50)).alarms().count(), 1);
}

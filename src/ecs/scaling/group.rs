//! Scaling policies of Auto Scaling groups: from a metric and its alarms to a desired capacity.
//!
//! [`ScalingPolicy::propose`] says what one policy asks for, [`choose`] which of several holds. All
//! arithmetic is in whole numbers. Source: Amazon EC2 Auto Scaling User Guide, "Target tracking
//! scaling policies", "Step and simple scaling policies", "Set the default instance warmup" and
//! "Scaling cooldowns"; EC2 Auto Scaling API, PutScalingPolicy.

use crate::units::Span;

use super::adjustment::{AdjustmentType, StepAdjustment, step_of, track};
use super::alarm::{Alarm, MetricValue, Statistic};

/// A scaling policy of an Auto Scaling group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalingPolicy {
    /// The name.
    pub name: String,
    /// What it watches.
    pub metric: PolicyMetric,
    /// What it does.
    pub kind: PolicyKind,
    /// How long a new instance is left out of the metric, and of what scale-out adds to.
    pub warmup: Span,
}

/// What a policy watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyMetric {
    /// `CPUUtilization` of the group's instances, `ASGAverageCPUUtilization`.
    CpuUtilization,
    /// `CPUReservation` of the cluster in which they register.
    CpuReservation,
    /// `MemoryReservation` of that cluster.
    MemoryReservation,
}

/// The three types of policy that follow a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    /// Target tracking: AWS makes the alarms.
    TargetTracking {
        /// The value that is aimed at, above zero.
        target: MetricValue,
        /// Whether it never scales in.
        disable_scale_in: bool,
        /// In which it scales out.
        high: Alarm,
        /// In which it scales in.
        low: Alarm,
    },
    /// Step scaling.
    Step {
        /// Its alarm.
        alarm: Alarm,
        /// What adjustments are of.
        adjustment_type: AdjustmentType,
        /// Without gaps or overlaps, in order.
        steps: Vec<StepAdjustment>,
        /// `MetricAggregationType`: what makes one value of the data points of the alarm.
        aggregation: Statistic,
    },
    /// Simple scaling.
    Simple {
        /// Its alarm.
        alarm: Alarm,
        /// What the adjustment is of.
        adjustment_type: AdjustmentType,
        /// By how much.
        adjustment: i32,
        /// How long nothing else of the kind follows.
        cooldown: Span,
    },
}

/// What a policy sees of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Capacity {
    /// The desired capacity.
    pub desired: u32,
    /// The least that may be desired.
    pub min_size: u32,
    /// The greatest.
    pub max_size: u32,
    /// Instances in service whose warm-up is over.
    pub warm: u32,
    /// Instances that are launched, or in their warm-up.
    pub warming: u32,
    /// Instances that are to go, and still there.
    pub leaving: u32,
}

/// In which of its alarms a policy acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The one of a step or simple policy, or that for scaling out.
    First,
    /// That of target tracking for scaling in.
    Low,
}

/// What a policy asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Proposal {
    /// The capacity that it adds to, or takes from.
    pub base: u32,
    /// What the metric alone makes of it.
    pub wanted: u32,
    /// Within the group's sizes.
    pub to: u32,
}

/// Why a policy whose alarm is in ALARM asks for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holds {
    /// The desired capacity is that already.
    AlreadyDesired(Proposal),
    /// The group's maximum size is reached.
    AtMaximum(Proposal),
    /// The group's minimum size is reached.
    AtMinimum(Proposal),
    /// Instances are launched, or in their warm-up: nothing goes.
    WarmingUp,
    /// Other target tracking policies are not ready to scale in.
    OthersNotReady,
    /// An activity of the group is not complete: simple scaling waits.
    InProgress,
    /// So does it in its cooldown.
    CoolingDown,
    /// No step adjustment is for this value.
    NoStep,
    /// Another policy asks for more.
    Outvoted(Proposal),
}

impl Holds {
    /// Says it in a few words, which are ours.
    pub const fn words(self) -> &'static str {
        match self {
            Holds::AlreadyDesired(_) => "desired already",
            Holds::AtMaximum(_) => "at the maximum size",
            Holds::AtMinimum(_) => "at the minimum size",
            Holds::WarmingUp => "instances warm up",
            Holds::OthersNotReady => "other policies are not ready",
            Holds::InProgress => "an activity goes on",
            Holds::CoolingDown => "cooldown",
            Holds::NoStep => "no step for it",
            Holds::Outvoted(_) => "another policy asks for more",
        }
    }
}

impl PolicyMetric {
    /// Returns CloudWatch's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            PolicyMetric::CpuUtilization => "CPUUtilization",
            PolicyMetric::CpuReservation => "CPUReservation",
            PolicyMetric::MemoryReservation => "MemoryReservation",
        }
    }
}

impl ScalingPolicy {
    /// Returns an alarm of it, if it has that.
    pub fn alarm(&self, side: Side) -> Option<&Alarm> {
        match (&self.kind, side) {
            (PolicyKind::TargetTracking { disable_scale_in: true, .. }, Side::Low) => None,
            (PolicyKind::TargetTracking { low, .. }, Side::Low) => Some(low),
            (PolicyKind::TargetTracking { high, .. }, Side::First) => Some(high),
            (PolicyKind::Step { alarm, .. } | PolicyKind::Simple { alarm, .. }, Side::First) => {
                Some(alarm)
            }
            (PolicyKind::Step { .. } | PolicyKind::Simple { .. }, Side::Low) => None,
        }
    }

    /// Goes through its alarms.
    pub fn alarms(&self) -> impl Iterator<Item = &Alarm> {
        [Side::First, Side::Low].into_iter().filter_map(|side| self.alarm(side))
    }

    /// Says what a policy asks for whose alarm is in ALARM with these data points, the newest last.
    ///
    /// Target tracking goes by the last of them (Assumption), step scaling by what
    /// `MetricAggregationType` makes of those that the alarm looks at (Assumption: all of them).
    pub fn propose(
        &self,
        side: Side,
        points: &[Option<MetricValue>],
        now: &Capacity,
    ) -> Result<Proposal, Holds> {
        let real = || points.iter().rev().filter_map(|it| *it);
        match &self.kind {
            PolicyKind::TargetTracking { target, .. } => {
                let metric = real().next().ok_or(Holds::NoStep)?;
                let wanted = |base: u32| track(base, metric, *target);
                if side == Side::First { out(now, now.warm, wanted) } else { back(now, wanted) }
            }
            PolicyKind::Step { alarm, adjustment_type, steps, aggregation } => {
                let seen = real().take(alarm.evaluation_periods as usize);
                let metric = aggregation.of(seen).ok_or(Holds::NoStep)?;
                let step = step_of(steps, alarm, metric).ok_or(Holds::NoStep)?;
                adjust(now, now.warm, (*adjustment_type, step.adjustment))
            }
            PolicyKind::Simple { adjustment_type, adjustment, .. } => {
                adjust(now, now.desired, (*adjustment_type, *adjustment))
            }
        }
    }
}

/// Does what an adjustment says: out from the capacity that is warm, in from all that is there.
fn adjust(
    now: &Capacity,
    base: u32,
    (adjustment_type, adjustment): (AdjustmentType, i32),
) -> Result<Proposal, Holds> {
    let is_out = adjustment_type.is_out(adjustment, now.desired);
    let wanted = |base: u32| adjustment_type.apply(base, adjustment);
    if is_out { out(now, base, wanted) } else { back(now, wanted) }
}

/// More: instances in their warm-up are not counted in what is added to, but are there already.
fn out(now: &Capacity, base: u32, wanted: impl Fn(u32) -> u32) -> Result<Proposal, Holds> {
    let wanted = wanted(base);
    let proposal = Proposal { base, wanted, to: wanted.min(now.max_size) };
    match proposal.to > now.desired {
        true => Ok(proposal),
        false if wanted > now.desired => Err(Holds::AtMaximum(proposal)),
        false => Err(Holds::AlreadyDesired(proposal)),
    }
}

/// Fewer: not before all are warm; those that are to go are counted in what is taken from.
fn back(now: &Capacity, wanted: impl Fn(u32) -> u32) -> Result<Proposal, Holds> {
    if now.warming > 0 {
        return Err(Holds::WarmingUp);
    }
    let base = now.warm.saturating_add(now.leaving);
    let wanted = wanted(base);
    let proposal = Proposal { base, wanted, to: wanted.max(now.min_size) };
    match proposal.to < now.desired {
        true => Ok(proposal),
        false if wanted < now.desired => Err(Holds::AtMinimum(proposal)),
        false => Err(Holds::AlreadyDesired(proposal)),
    }
}

/// Returns the position of the proposal that holds: the one with the largest capacity, whether it
/// is more than desired or less.
///
/// Source: Amazon EC2 Auto Scaling User Guide, multiple scaling policies.
pub fn choose(proposals: &[Option<Proposal>]) -> Option<usize> {
    let made = proposals.iter().enumerate().filter_map(|(at, it)| Some((at, it.as_ref()?.to)));
    made.max_by_key(|&(at, to)| (to, std::cmp::Reverse(at))).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::super::alarm::{Comparison, MissingData};
    use super::*;

    const fn percent(value: i64) -> MetricValue {
        MetricValue(value * 1_000_000)
    }

    fn alarm(comparison: Comparison) -> Alarm {
        Alarm {
            threshold: percent(50),
            comparison,
            statistic: Statistic::Average,
            period: Span::MINUTE,
            evaluation_periods: 1,
            datapoints_to_alarm: 1,
            treat_missing_data: MissingData::Missing,
        }
    }

    /// A group of so many, all warm.
    fn group(size: u32) -> Capacity {
        let (min_size, max_size) = (0, 1000);
        Capacity { desired: size, min_size, max_size, warm: size, warming: 0, leaving: 0 }
    }

    fn policy(kind: PolicyKind) -> ScalingPolicy {
        let (metric, warmup) = (PolicyMetric::CpuUtilization, Span::secs(300));
        ScalingPolicy { name: "p".into(), metric, kind, warmup }
    }

    fn stepping(
        comparison: Comparison,
        adjustment_type: AdjustmentType,
        steps: &[(Option<i64>, Option<i64>, i32)],
    ) -> ScalingPolicy {
        let step = |&(lower, upper, adjustment): &(Option<i64>, Option<i64>, i32)| StepAdjustment {
            lower: lower.map(percent),
            upper: upper.map(percent),
            adjustment,
        };
        policy(PolicyKind::Step {
            alarm: alarm(comparison),
            adjustment_type,
            steps: steps.iter().map(step).collect(),
            aggregation: Statistic::Average,
        })
    }

    const PERCENT: AdjustmentType = AdjustmentType::PercentChangeInCapacity { at_least: 0 };

    /// The policies of the guide's example: a threshold of 50, and steps of 10 and 30 %.
    fn of_the_guide() -> [ScalingPolicy; 2] {
        let outs = [(Some(0), Some(10), 0), (Some(10), Some(20), 10), (Some(20), None, 30)];
        let ins = [(Some(-10), Some(0), 0), (Some(-20), Some(-10), -10), (None, Some(-20), -30)];
        [
            stepping(Comparison::GreaterOrEqual, PERCENT, &outs),
            stepping(Comparison::LessOrEqual, PERCENT, &ins),
        ]
    }

    /// Returns the desired capacity after a policy has seen a value.
    fn after(policy: &ScalingPolicy, metric: i64, now: &Capacity) -> u32 {
        let proposal = policy.propose(Side::First, &[Some(percent(metric))], now);
        proposal.map_or(now.desired, |it| it.to)
    }

    #[test]
    fn a_e39_to_a_e43_steps_of_the_guide() {
        let [high, low] = of_the_guide();
        for (policy, metric, size, expected) in [
            (&high, 60, 10, 11), // A-E39
            (&high, 70, 11, 14), // A-E40: 3.3 are 3
            (&low, 40, 14, 13),  // A-E41: −1.4 is −1
            (&low, 30, 13, 10),  // −3.9 are −3
            (&high, 55, 10, 10), // A-E43
            (&low, 45, 10, 10),
        ] {
            assert_eq!(after(policy, metric, &group(size)), expected, "{metric} at {size}");
        }
    }

    /// The guide, "Instance warm-up": one of 10 % is warming up, and 30 % are of ten still.
    #[test]
    fn instances_that_warm_up_count_as_there_and_not_as_what_is_added_to() {
        let [high, low] = of_the_guide();
        let now = Capacity { desired: 11, warming: 1, ..group(10) };
        let again = high.propose(Side::First, &[Some(percent(62))], &now);
        assert_eq!(again, Err(Holds::AlreadyDesired(Proposal { base: 10, wanted: 11, to: 11 })));
        assert_eq!(after(&high, 70, &now), 13);
        let in_vain = low.propose(Side::First, &[Some(percent(20))], &now);
        assert_eq!(in_vain, Err(Holds::WarmingUp));
    }

    /// The guide: what terminates is counted, so that no more go than necessary.
    #[test]
    fn instances_that_are_to_go_count_when_scaling_in() {
        let less = [(None, Some(0), -2)];
        let low = stepping(Comparison::Less, AdjustmentType::ChangeInCapacity, &less);
        let now = Capacity { desired: 8, leaving: 2, ..group(8) };
        assert_eq!(after(&low, 10, &now), 8);
        assert_eq!(after(&low, 10, &group(8)), 6);
    }

    #[test]
    fn a_e45_to_a_e48_adjustments_of_each_type() {
        let every =
            |kind, adjustment| stepping(Comparison::Greater, kind, &[(Some(0), None, adjustment)]);
        assert_eq!(after(&every(AdjustmentType::ExactCapacity, 5), 60, &group(3)), 5);
        assert_eq!(after(&every(PERCENT, 10), 60, &group(10)), 11);
        let at_least = AdjustmentType::PercentChangeInCapacity { at_least: 2 };
        assert_eq!(after(&every(at_least, 25), 60, &group(4)), 6);
        // A-E58, and its like at the maximum.
        let less = every(AdjustmentType::ChangeInCapacity, -2);
        assert_eq!(after(&less, 60, &Capacity { min_size: 2, ..group(3) }), 2);
        let more = every(AdjustmentType::ChangeInCapacity, 2);
        assert_eq!(after(&more, 60, &Capacity { max_size: 4, ..group(3) }), 4);
        let full =
            more.propose(Side::First, &[Some(percent(60))], &Capacity { max_size: 3, ..group(3) });
        assert_eq!(full, Err(Holds::AtMaximum(Proposal { base: 3, wanted: 5, to: 3 })));
    }

    #[test]
    fn a_e51_bounds_are_inclusive_on_the_side_of_the_threshold() {
        let exact = AdjustmentType::ExactCapacity;
        let above = stepping(Comparison::GreaterOrEqual, exact, &[(Some(0), Some(10), 7)]);
        let below = stepping(Comparison::LessOrEqual, exact, &[(Some(-10), Some(0), 7)]);
        for (policy, metric, is_in) in [
            (&above, 50, true),
            (&above, 59, true),
            (&above, 60, false),
            (&below, 50, true),
            (&below, 41, true),
            (&below, 40, false),
        ] {
            assert_eq!(after(policy, metric, &group(1)) == 7, is_in, "{metric}");
        }
        let beyond = above.propose(Side::First, &[Some(percent(60))], &group(1));
        assert_eq!(beyond, Err(Holds::NoStep));
    }

    #[test]
    fn steps_go_by_what_the_aggregation_makes_of_the_data_points_of_the_alarm() {
        for (aggregation, expected) in
            [(Statistic::Average, 60), (Statistic::Minimum, 55), (Statistic::Maximum, 65)]
        {
            let mut it = stepping(Comparison::Greater, AdjustmentType::ExactCapacity, &[]);
            let steps = (51..=66).map(|from| StepAdjustment {
                lower: Some(percent(from - 50)),
                upper: Some(percent(from - 49)),
                adjustment: from as i32,
            });
            if let PolicyKind::Step { alarm, steps: all, aggregation: by, .. } = &mut it.kind {
                (alarm.evaluation_periods, *all, *by) = (2, steps.collect(), aggregation);
            }
            let points = [Some(percent(99)), Some(percent(55)), None, Some(percent(65))];
            assert_eq!(it.propose(Side::First, &points, &group(1)).map(|it| it.to), Ok(expected));
        }
    }

    fn tracking(target: i64) -> ScalingPolicy {
        policy(PolicyKind::TargetTracking {
            target: percent(target),
            disable_scale_in: false,
            high: alarm(Comparison::Greater),
            low: alarm(Comparison::Less),
        })
    }

    #[test]
    fn a_e23_a_e25_a_e30_target_tracking_rounds_in_favour_of_capacity() {
        for (size, metric, target, side, expected) in [
            (3, 75, 50, Side::First, Some(5)),     // A-E23: 1.5 more are 2
            (3, 25, 50, Side::Low, Some(2)),       // 1.5 fewer are 1
            (2, 45, 60, Side::Low, None),          // A-E25: half a one fewer is none
            (4, 40, 60, Side::Low, Some(3)),       // A-E30
            (10, 150, 100, Side::First, Some(15)), // A-E20
            (0, 200, 100, Side::First, Some(2)),
        ] {
            let found = tracking(target).propose(side, &[Some(percent(metric))], &group(size));
            assert_eq!(found.ok().map(|it| it.to), expected, "{size} at {metric} of {target}");
        }
    }

    #[test]
    fn a_e53_a_e55_of_several_policies_the_largest_capacity_holds() {
        let propose = |size, kind, adjustment| {
            let comparison = if adjustment > 0 { Comparison::Greater } else { Comparison::Less };
            let all = [(None, Some(0), adjustment), (Some(0), None, adjustment)];
            let policy = stepping(comparison, kind, &all);
            policy.propose(Side::First, &[Some(percent(50))], &group(size)).ok()
        };
        let change = AdjustmentType::ChangeInCapacity;
        for (size, [a, b], expected) in [
            (10, [(change, 3), (PERCENT, 200)], Some(30)), // A-E53
            (8, [(change, -3), (PERCENT, -25)], Some(6)),  // A-E55
            (8, [(change, 1), (change, -3)], Some(9)),     // out is before in
            (8, [(change, 0), (change, 0)], None),
        ] {
            let proposals = [propose(size, a.0, a.1), propose(size, b.0, b.1)];
            let chosen = choose(&proposals).and_then(|at| proposals[at]).map(|it| it.to);
            assert_eq!(chosen, expected, "{a:?} and {b:?}");
        }
    }
}

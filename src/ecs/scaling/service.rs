//! Application Auto Scaling of services: from metrics and alarms to a desired count.
//!
//! [`Policy::propose`] says what one policy asks for, [`choose`] which of several holds, and
//! [`Cooling::after`] what an action makes of the cooldowns. All arithmetic is in whole numbers.
//! Sources: Application Auto Scaling User Guide, "Target tracking scaling policies" and "Step
//! scaling policies"; ECS Developer Guide, "Automatically scale your Amazon ECS service".

use std::fmt;
use std::sync::Arc;

use crate::units::{SimTime, Span};

use super::adjustment::{AdjustmentType, StepAdjustment, step_of, track};
use super::alarm::{Alarm, Comparison, MetricValue, MissingData, Statistic};
use super::expression::Watch;
use super::predictive::Predictive;
use super::schedule::ScheduledScaling;

pub use super::group::{Proposal, Side};

/// A service as a scalable target: between which counts, and by what.
///
/// Source: Application Auto Scaling API, RegisterScalableTarget.
#[derive(Clone, Debug)]
pub struct ScalableTarget {
    /// `MinCapacity`.
    pub min_capacity: u32,
    /// `MaxCapacity`.
    pub max_capacity: u32,
    /// `SuspendedState`.
    pub suspended: Suspended,
    /// Scaling policies, at most 50.
    pub policies: Vec<Policy>,
    /// Scheduled actions, at most 200.
    pub scheduled_actions: Vec<ScheduledScaling>,
}

/// What a scalable target does not do for the time being.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Suspended {
    /// `DynamicScalingInSuspended`.
    pub scaling_in: bool,
    /// `DynamicScalingOutSuspended`: predictive scaling, too.
    pub scaling_out: bool,
    /// `ScheduledScalingSuspended`.
    pub scheduled: bool,
}

/// A scaling policy of a service.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The name.
    pub name: String,
    /// What it watches.
    pub watch: Watch,
    /// What it does.
    pub kind: PolicyKind,
}

/// The types of policy.
#[derive(Clone, Debug)]
pub enum PolicyKind {
    /// Target tracking: AWS makes the alarms.
    TargetTracking(TargetTracking),
    /// Step scaling: the alarm is the user's.
    Step {
        /// Its alarm.
        alarm: Alarm,
        /// What adjustments are of.
        adjustment_type: AdjustmentType,
        /// Without gaps or overlaps, in order.
        steps: Vec<StepAdjustment>,
        /// `MetricAggregationType`.
        aggregation: Statistic,
        /// How long no step follows that is not larger.
        cooldown: Span,
    },
    /// Predictive scaling, which only scales out.
    Predictive(Predictive),
    /// One of the user's own.
    Own(Arc<dyn ServicePolicy>),
}

/// A policy of the user's own, which AWS does not have: it is asked once a minute.
pub trait ServicePolicy: fmt::Debug + Send + Sync {
    /// Returns how many tasks it wants; `None`: it has no opinion.
    ///
    /// `memory` is kept for it from minute to minute, and belongs to the run.
    fn wanted(&self, seen: &Seen, memory: &mut Vec<f64>) -> Option<u32>;
}

/// What a policy of the user's own sees.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// When.
    pub at: SimTime,
    /// The last data points of its metric that are published, the newest last.
    pub points: &'a [Option<MetricValue>],
    /// Tasks, and how many there may be.
    pub now: &'a Capacity,
}

/// Target tracking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetTracking {
    /// The value that is aimed at, above zero.
    pub target: MetricValue,
    /// `DisableScaleIn`.
    pub disable_scale_in: bool,
    /// In which it scales out.
    pub high: Alarm,
    /// In which it scales in.
    pub low: Alarm,
    /// `ScaleOutCooldown`; 300 s for services.
    pub scale_out_cooldown: Span,
    /// `ScaleInCooldown`; 300 s for services.
    pub scale_in_cooldown: Span,
}

/// Cooldowns that go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cooling {
    /// After a scale-out.
    pub out: Option<OutCooldown>,
    /// Until when nothing is scaled in.
    pub in_until: SimTime,
}

/// The cooldown of a scale-out, and what that has added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutCooldown {
    /// When it is over.
    pub until: SimTime,
    /// What was added to.
    pub base: u32,
    /// What it has become.
    pub to: u32,
}

/// What a policy sees of its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// When.
    pub at: SimTime,
    /// Tasks that are RUNNING: what is added to, or taken from.
    pub running: u32,
    /// The desired count.
    pub desired: u32,
    /// The least that may be desired.
    pub min_capacity: u32,
    /// The greatest.
    pub max_capacity: u32,
    /// What a forecast asks for now, which is not gone below.
    pub forecast: u32,
    /// Whether a deployment of the service is in progress.
    pub deployment_in_progress: bool,
    /// What is suspended.
    pub suspended: Suspended,
    /// Cooldowns.
    pub cooling: Cooling,
}

/// Why a policy whose alarm is in ALARM scales nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotScaled {
    /// `AlreadyAtMaxCapacity`.
    AlreadyAtMaxCapacity(Proposal),
    /// `AlreadyAtMinCapacity`.
    AlreadyAtMinCapacity(Proposal),
    /// `AlreadyAtDesiredCapacity`.
    AlreadyAtDesiredCapacity(Proposal),
    /// `AutoScalingAnticipatedFlapping`: without as much, the metric would be above its target.
    AutoScalingAnticipatedFlapping(Proposal),
    /// A cooldown is not over, and what is asked for is not larger than what began it.
    CoolingDown(Proposal),
    /// It would be less than a forecast asks for.
    ForecastAbove(Proposal),
    /// Another policy asks for more.
    Outvoted(Proposal),
    /// Other target tracking policies are not ready to scale in.
    OthersNotReady,
    /// A deployment is in progress: nothing is scaled in.
    DeploymentInProgress,
    /// That is suspended.
    Suspended,
    /// No step adjustment is for this value, or there is none.
    NoStep,
}

/// What a policy asks for whose alarm is in ALARM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Whether it is for more.
    pub is_out: bool,
    /// How many, or why nothing.
    pub result: Result<Proposal, NotScaled>,
}

impl ScalableTarget {
    /// Returns the least that may ever be desired, as far as the scenario says.
    pub fn least(&self) -> u32 {
        let scheduled = self.scheduled_actions.iter();
        let bounds = scheduled.flat_map(|it| [it.min_capacity, it.max_capacity]).flatten();
        bounds.fold(self.min_capacity, u32::min)
    }

    /// Returns the most.
    pub fn most(&self) -> u32 {
        let scheduled = self.scheduled_actions.iter().filter_map(|it| it.max_capacity);
        scheduled.fold(self.max_capacity, u32::max)
    }
}

impl NotScaled {
    /// Returns AWS's code where it has one, else ours.
    pub const fn code(&self) -> &'static str {
        match self {
            NotScaled::AlreadyAtMaxCapacity(_) => "AlreadyAtMaxCapacity",
            NotScaled::AlreadyAtMinCapacity(_) => "AlreadyAtMinCapacity",
            NotScaled::AlreadyAtDesiredCapacity(_) => "AlreadyAtDesiredCapacity",
            NotScaled::AutoScalingAnticipatedFlapping(_) => "AutoScalingAnticipatedFlapping",
            NotScaled::CoolingDown(_) => "cooldown",
            NotScaled::ForecastAbove(_) => "forecast",
            NotScaled::Outvoted(_) => "outvoted",
            NotScaled::OthersNotReady => "others not ready",
            NotScaled::DeploymentInProgress => "deployment in progress",
            NotScaled::Suspended => "suspended",
            NotScaled::NoStep => "no step adjustment",
        }
    }
}

impl TargetTracking {
    /// Makes the policy as AWS does: 3 of 3 periods above the target, 15 of 15 below 0.9 of it, and
    /// cooldowns of 300 s.
    ///
    /// Alarms of metrics with 20 s are not documented. Assumption: 3 of 3, which the measured 86 s
    /// fit, and 45 of 45, the same 15 minutes.
    pub fn new(target: MetricValue, period: Span) -> TargetTracking {
        let is_fast = period < Span::MINUTE;
        let low = MetricValue((i128::from(target.0) * 9 / 10) as i64);
        let below = if is_fast { 45 } else { 15 };
        TargetTracking {
            target,
            disable_scale_in: false,
            high: alarm_of(Comparison::Greater, target, (period, 3)),
            low: alarm_of(Comparison::Less, low, (period, below)),
            scale_out_cooldown: Span::secs(300),
            scale_in_cooldown: Span::secs(300),
        }
    }
}

/// Returns an alarm that wants all of so many data points.
fn alarm_of(
    comparison: Comparison,
    threshold: MetricValue,
    (period, datapoints): (Span, u32),
) -> Alarm {
    Alarm {
        threshold,
        comparison,
        statistic: Statistic::Average,
        period,
        evaluation_periods: datapoints,
        datapoints_to_alarm: datapoints,
        treat_missing_data: MissingData::Missing,
    }
}

impl Policy {
    /// Returns an alarm of it, if it has that.
    pub fn alarm(&self, side: Side) -> Option<&Alarm> {
        match (&self.kind, side) {
            (PolicyKind::TargetTracking(it), Side::First) => Some(&it.high),
            (PolicyKind::TargetTracking(it), Side::Low) => {
                (!it.disable_scale_in).then_some(&it.low)
            }
            (PolicyKind::Step { alarm, .. }, Side::First) => Some(alarm),
            (PolicyKind::Step { .. }, Side::Low)
            | (PolicyKind::Predictive(_) | PolicyKind::Own(_), _) => None,
        }
    }

    /// Goes through its alarms.
    pub fn alarms(&self) -> impl Iterator<Item = &Alarm> {
        [Side::First, Side::Low].into_iter().filter_map(|side| self.alarm(side))
    }

    /// Says whether one data point wakes a service without tasks: it tracks a target, and there is
    /// demand.
    ///
    /// Source: ECS Developer Guide, service auto scaling, on a minimum of 0. Assumption: any value
    /// above zero is demand.
    pub fn wakes(&self, latest: Option<MetricValue>, now: &Capacity) -> bool {
        let tracks = matches!(self.kind, PolicyKind::TargetTracking(_));
        tracks && now.running == 0 && now.desired == 0 && latest.is_some_and(|it| it.0 > 0)
    }

    /// Says what a policy asks for whose alarm is in ALARM with these data points, the newest last.
    ///
    /// Target tracking goes by the last of them (Assumption), step scaling by what
    /// `MetricAggregationType` makes of those that the alarm looks at (Assumption: all of them).
    pub fn propose(&self, side: Side, points: &[Option<MetricValue>], now: &Capacity) -> Asked {
        let real = || points.iter().rev().filter_map(|it| *it);
        match &self.kind {
            PolicyKind::TargetTracking(target) => {
                let is_out = side == Side::First;
                let Some(metric) = real().next() else {
                    return Asked { is_out, result: Err(NotScaled::NoStep) };
                };
                // Nothing at all becomes the smallest number there is.
                let wanted = match now.running {
                    0 => 1,
                    running => track(running, metric, target.target),
                };
                let result = match (is_out, now.cooling.going_on(now.at)) {
                    (false, _) => back(now, (now.running, wanted), IfNoLess::Flapping),
                    (true, None) => out(now, (now.running, wanted)),
                    (true, Some(it)) => {
                        out_again(now, wanted, (it.base, track(it.base, metric, target.target)))
                    }
                };
                Asked { is_out, result }
            }
            PolicyKind::Step { alarm, adjustment_type, steps, aggregation, .. } => {
                let seen = real().take(alarm.evaluation_periods as usize);
                let step = aggregation.of(seen).and_then(|it| step_of(steps, alarm, it));
                let Some(step) = step else {
                    let is_out = alarm.comparison.is_above();
                    return Asked { is_out, result: Err(NotScaled::NoStep) };
                };
                adjust(now, *adjustment_type, step.adjustment)
            }
            PolicyKind::Predictive(_) | PolicyKind::Own(_) => {
                Asked { is_out: true, result: Err(NotScaled::NoStep) }
            }
        }
    }

    /// Returns what a policy of the user's own asks for; cooldowns are its own affair.
    pub fn own(
        &self,
        (points, memory): (&[Option<MetricValue>], &mut Vec<f64>),
        now: &Capacity,
    ) -> Option<Asked> {
        let PolicyKind::Own(policy) = &self.kind else { return None };
        let wanted = policy.wanted(&Seen { at: now.at, points, now }, memory)?;
        let now = &Capacity { cooling: Cooling::default(), ..*now };
        if wanted == now.desired {
            return None;
        }
        let is_out = wanted > now.desired;
        let result = match is_out {
            true => out(now, (now.running, wanted)),
            false => back(now, (now.running, wanted), IfNoLess::Desired),
        };
        Some(Asked { is_out, result })
    }

    /// Returns how long no more is scaled out after it has, and no more in.
    fn cooldowns(&self) -> (Span, Span) {
        match &self.kind {
            PolicyKind::TargetTracking(it) => (it.scale_out_cooldown, it.scale_in_cooldown),
            PolicyKind::Step { cooldown, .. } => (*cooldown, *cooldown),
            PolicyKind::Predictive(_) | PolicyKind::Own(_) => (Span::ZERO, Span::ZERO),
        }
    }
}

/// Does what an adjustment says.
///
/// During a cooldown it is of the capacity that was added to then: what that has added counts.
fn adjust(now: &Capacity, adjustment_type: AdjustmentType, adjustment: i32) -> Asked {
    let is_out = adjustment_type.is_out(adjustment, now.desired);
    let base = match now.cooling.going_on(now.at) {
        Some(cooldown) if is_out => cooldown.base,
        _ => now.running,
    };
    let wanted = adjustment_type.apply(base, adjustment);
    let result = match is_out {
        true => out(now, (base, wanted)),
        false => back(now, (base, wanted), IfNoLess::Desired),
    };
    Asked { is_out, result }
}

/// More: first up to the minimum, at most up to the maximum, and during a cooldown only if it is
/// more than what began it.
///
/// Source: ECS Developer Guide, service auto scaling, on desired counts beyond the bounds.
fn out(now: &Capacity, (base, wanted): (u32, u32)) -> Result<Proposal, NotScaled> {
    if now.suspended.scaling_out {
        return Err(NotScaled::Suspended);
    }
    if now.desired < now.min_capacity {
        return Ok(Proposal { base, wanted, to: now.min_capacity });
    }
    let proposal = Proposal { base, wanted, to: wanted.min(now.max_capacity) };
    if proposal.to <= now.desired {
        return Err(match wanted > now.desired || now.desired > now.max_capacity {
            true => NotScaled::AlreadyAtMaxCapacity(proposal),
            false => NotScaled::AlreadyAtDesiredCapacity(proposal),
        });
    }
    match now.cooling.going_on(now.at) {
        Some(cooldown) if wanted <= cooldown.to => Err(NotScaled::CoolingDown(proposal)),
        _ => Ok(proposal),
    }
}

/// More, in a cooldown: as if what it has added were not there yet.
///
/// Source: Application Auto Scaling User Guide, "Define cooldown periods": what was added counts
/// as part of what is wanted next, and nothing follows unless it is larger. Assumption: so the
/// formula goes on from the tasks that ran when the cooldown began, and late data points, from
/// before it, do not add twice.
fn out_again(
    now: &Capacity,
    wanted: u32,
    (base, wanted_then): (u32, u32),
) -> Result<Proposal, NotScaled> {
    let result = out(now, (base, wanted_then));
    match result {
        Err(NotScaled::AlreadyAtDesiredCapacity(_)) if wanted > now.desired => {
            let (base, to) = (now.running, wanted.min(now.max_capacity));
            Err(NotScaled::CoolingDown(Proposal { base, wanted, to }))
        }
        result => result,
    }
}

/// Why there are to be no fewer tasks than run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IfNoLess {
    Flapping,
    Desired,
}

/// Fewer: first down to the maximum, at least down to the minimum.
fn back(
    now: &Capacity,
    (base, wanted): (u32, u32),
    if_no_less: IfNoLess,
) -> Result<Proposal, NotScaled> {
    let least = now.min_capacity.max(now.forecast.min(now.max_capacity));
    let proposal = Proposal { base, wanted, to: wanted.max(least) };
    if now.suspended.scaling_in {
        return Err(NotScaled::Suspended);
    }
    if now.deployment_in_progress {
        return Err(NotScaled::DeploymentInProgress);
    }
    if now.desired > now.max_capacity {
        return Ok(Proposal { to: now.max_capacity, ..proposal });
    }
    if now.desired <= now.min_capacity {
        return Err(NotScaled::AlreadyAtMinCapacity(proposal));
    }
    if if_no_less == IfNoLess::Flapping && wanted >= base {
        return Err(NotScaled::AutoScalingAnticipatedFlapping(proposal));
    }
    if proposal.to >= now.desired {
        return Err(match wanted < now.desired {
            true if now.forecast > now.min_capacity => NotScaled::ForecastAbove(proposal),
            true => NotScaled::AlreadyAtMinCapacity(proposal),
            false => NotScaled::AlreadyAtDesiredCapacity(proposal),
        });
    }
    match now.at < now.cooling.in_until {
        true => Err(NotScaled::CoolingDown(proposal)),
        false => Ok(proposal),
    }
}

/// Returns the position of what holds of what policies ask for: the largest number of tasks.
///
/// Scaling in is for target tracking only where all are ready, which the caller says by
/// [`NotScaled::OthersNotReady`]; step scaling does not wait for them. Assumption: nothing is
/// scaled in while another policy is to scale out and cannot. Source: Application Auto Scaling User
/// Guide, multiple scaling policies; API, PutScalingPolicy.
pub fn choose(asked: &[Option<Asked>]) -> Option<usize> {
    let made = asked.iter().enumerate().filter_map(|(at, it)| {
        let asked = (*it)?;
        Some((at, asked.result.ok()?.to, asked.is_out))
    });
    let (at, _, is_out) = made.max_by_key(|&(at, to, _)| (to, std::cmp::Reverse(at)))?;
    let wants_more = |it: &Asked| match it.result {
        Ok(_) | Err(NotScaled::Suspended | NotScaled::NoStep) => false,
        Err(_) => it.is_out,
    };
    (is_out || !asked.iter().flatten().any(wants_more)).then_some(at)
}

impl Cooling {
    /// Returns the cooldown of a scale-out that goes on.
    pub fn going_on(&self, at: SimTime) -> Option<OutCooldown> {
        self.out.filter(|it| at < it.until)
    }

    /// Returns the cooldowns after a policy has acted: a scale-out ends that of scaling in.
    ///
    /// Assumption: they begin when the desired count changes.
    pub fn after(
        &self,
        policy: &Policy,
        proposal: &Proposal,
        (at, is_out): (SimTime, bool),
    ) -> Cooling {
        let (out, back) = policy.cooldowns();
        if !is_out {
            return Cooling { in_until: at.saturating_add(back), ..*self };
        }
        let base = self.going_on(at).map_or(proposal.base, |it| it.base);
        let began = OutCooldown { until: at.saturating_add(out), base, to: proposal.to };
        Cooling { out: Some(began), in_until: SimTime::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::model::Service;
    use super::super::expression::ServiceMetric;
    use super::*;
    use crate::engine::Ix;

    const fn percent(value: i64) -> MetricValue {
        MetricValue(value * 1_000_000)
    }

    fn policy(kind: PolicyKind) -> Policy {
        let web: Ix<Service> = Ix::new(0);
        let metric = ServiceMetric::CpuUtilization(web);
        Policy { name: "p".into(), watch: Watch::one("cpu", metric, Span::MINUTE), kind }
    }

    fn tracking(target: i64) -> Policy {
        policy(PolicyKind::TargetTracking(TargetTracking::new(percent(target), Span::MINUTE)))
    }

    fn stepping(
        comparison: Comparison,
        adjustment_type: AdjustmentType,
        steps: &[(Option<i64>, Option<i64>, i32)],
    ) -> Policy {
        let step = |&(lower, upper, adjustment): &(Option<i64>, Option<i64>, i32)| StepAdjustment {
            lower: lower.map(percent),
            upper: upper.map(percent),
            adjustment,
        };
        policy(PolicyKind::Step {
            alarm: alarm_of(comparison, percent(50), (Span::MINUTE, 1)),
            adjustment_type,
            steps: steps.iter().map(step).collect(),
            aggregation: Statistic::Average,
            cooldown: Span::secs(300),
        })
    }

    /// As many run as are desired, between 0 and 1,000.
    fn service(count: u32) -> Capacity {
        Capacity {
            at: SimTime::from_secs(10_000),
            running: count,
            desired: count,
            min_capacity: 0,
            max_capacity: 1000,
            forecast: 0,
            deployment_in_progress: false,
            suspended: Suspended::default(),
            cooling: Cooling::default(),
        }
    }

    fn ask(policy: &Policy, side: Side, metric: i64, now: &Capacity) -> Asked {
        policy.propose(side, &[Some(percent(metric))], now)
    }

    fn to(asked: Asked) -> Option<u32> {
        asked.result.ok().map(|it| it.to)
    }

    fn code(asked: Asked) -> &'static str {
        asked.result.map_or_else(|it| it.code(), |_| "scaled")
    }

    #[test]
    fn a_e20_a_e23_a_e25_a_e30_target_tracking_rounds_in_favour_of_tasks() {
        for (count, metric, target, side, expected) in [
            (10, 150, 100, Side::First, Some(15)), // A-E20
            (3, 75, 50, Side::First, Some(5)),     // A-E23: 1.5 more are 2
            (3, 25, 50, Side::Low, Some(2)),       // 1.5 fewer are 1
            (4, 40, 60, Side::Low, Some(3)),       // A-E30
            (0, 9, 100, Side::First, Some(1)),     // from nothing, the smallest number
        ] {
            let found = to(ask(&tracking(target), side, metric, &service(count)));
            assert_eq!(found, expected, "{count} at {metric} of {target}");
        }
        // A-E25: half a task fewer would bring the metric above its target.
        let held = ask(&tracking(60), Side::Low, 45, &service(2));
        assert_eq!(code(held), "AutoScalingAnticipatedFlapping");
    }

    /// A-E21: what a task may have waiting is the time that a message may take, by what it takes:
    /// 10 s ÷ 0.1 s.
    #[test]
    fn a_e21_a_target_of_backlog_is_latency_by_time_a_message() {
        let target = 10.0 / 0.1;
        assert_eq!(MetricValue::from_f64(target), percent(100));
    }

    #[test]
    fn a_e26_alarms_of_a_target_of_30() {
        let policy = tracking(30);
        let [high, low] = [Side::First, Side::Low].map(|side| policy.alarm(side).unwrap());
        let of = |it: &Alarm| (it.threshold, it.datapoints_to_alarm, it.evaluation_periods);
        assert_eq!(of(high), (percent(30), 3, 3));
        assert_eq!(of(low), (percent(27), 15, 15));
        assert_eq!((high.comparison, low.comparison), (Comparison::Greater, Comparison::Less));
        let fast = TargetTracking::new(percent(30), Span::secs(20));
        assert_eq!((of(&fast.high).2, of(&fast.low).2), (3, 45));
    }

    #[test]
    fn a_e31_a_e58_bounds_hold_and_have_their_reasons() {
        let full = Capacity { max_capacity: 4, ..service(4) };
        assert_eq!(code(ask(&tracking(60), Side::First, 90, &full)), "AlreadyAtMaxCapacity");
        let least = Capacity { min_capacity: 4, ..service(4) };
        assert_eq!(code(ask(&tracking(60), Side::Low, 10, &least)), "AlreadyAtMinCapacity");
        // Three of four are not running yet: what is asked for is on its way.
        let starting = Capacity { running: 1, ..service(4) };
        let asked = ask(&tracking(60), Side::First, 90, &starting);
        assert_eq!(code(asked), "AlreadyAtDesiredCapacity");
        // A-E58
        let all = [(None, Some(0), -2), (Some(0), None, -2)];
        let less = stepping(Comparison::Less, AdjustmentType::ChangeInCapacity, &all);
        let three = Capacity { min_capacity: 2, ..service(3) };
        assert_eq!(to(ask(&less, Side::First, 10, &three)), Some(2));
    }

    /// A-E35, and its like at the maximum.
    #[test]
    fn a_e35_a_count_beyond_its_bounds_first_goes_there() {
        let policy = tracking(60);
        let below = Capacity { min_capacity: 2, max_capacity: 9, ..service(1) };
        assert_eq!(to(ask(&policy, Side::First, 300, &below)), Some(2));
        assert_eq!(code(ask(&policy, Side::Low, 10, &below)), "AlreadyAtMinCapacity");
        let above = Capacity { min_capacity: 2, max_capacity: 9, ..service(12) };
        assert_eq!(to(ask(&policy, Side::Low, 10, &above)), Some(9));
        assert_eq!(code(ask(&policy, Side::First, 300, &above)), "AlreadyAtMaxCapacity");
    }

    #[test]
    fn what_runs_is_added_to_and_not_what_is_desired() {
        // Ten are desired and five run: at 90 of 60 it takes eight.
        let short = Capacity { running: 5, ..service(10) };
        let asked = ask(&tracking(60), Side::First, 90, &short);
        assert_eq!(code(asked), "AlreadyAtDesiredCapacity", "there is no running away");
        let asked = ask(&tracking(60), Side::First, 180, &short);
        assert_eq!(asked.result, Ok(Proposal { base: 5, wanted: 15, to: 15 }));
    }

    #[test]
    fn a_e36_nothing_goes_where_one_of_two_is_not_ready() {
        let ready = ask(&tracking(60), Side::Low, 10, &service(4));
        let waits = Asked { is_out: false, result: Err(NotScaled::OthersNotReady) };
        assert_eq!(choose(&[Some(waits), None]), None);
        // Both ready: the larger number of tasks.
        let other = ask(&tracking(60), Side::Low, 30, &service(4));
        assert_eq!((to(ready), to(other)), (Some(1), Some(2)));
        assert_eq!(choose(&[Some(ready), Some(other)]), Some(1));
    }

    /// A-E38: in at t, cooldown 300; the other alarm at t + 60.
    #[test]
    fn a_e38_scaling_out_ends_the_cooldown_of_scaling_in() {
        let policy = tracking(60);
        let at = SimTime::from_secs(10_000);
        let proposal = ask(&policy, Side::Low, 10, &service(4)).result.unwrap();
        let cooling = Cooling::default().after(&policy, &proposal, (at, false));
        let later = |secs| Capacity { at: SimTime::from_secs(secs), cooling, ..service(4) };
        assert_eq!(code(ask(&policy, Side::Low, 10, &later(10_299))), "cooldown");
        assert_eq!(to(ask(&policy, Side::Low, 10, &later(10_300))), Some(1));
        let out = ask(&policy, Side::First, 90, &later(10_060));
        assert_eq!(to(out), Some(6), "at once");
        let ended = cooling.after(&policy, &out.result.unwrap(), (later(10_060).at, true));
        let now = Capacity { at: SimTime::from_secs(10_120), cooling: ended, ..service(6) };
        assert_eq!(to(ask(&policy, Side::Low, 10, &now)), Some(1), "and no cooldown is left");
    }

    fn of_the_guide() -> [Policy; 2] {
        const PERCENT: AdjustmentType = AdjustmentType::PercentChangeInCapacity { at_least: 0 };
        let outs = [(Some(0), Some(10), 0), (Some(10), Some(20), 10), (Some(20), None, 30)];
        let ins = [(Some(-10), Some(0), 0), (Some(-20), Some(-10), -10), (None, Some(-20), -30)];
        [
            stepping(Comparison::GreaterOrEqual, PERCENT, &outs),
            stepping(Comparison::LessOrEqual, PERCENT, &ins),
        ]
    }

    #[test]
    fn a_e39_to_a_e43_steps_of_the_guide() {
        let [high, low] = of_the_guide();
        for (policy, metric, count, expected) in [
            (&high, 60, 10, Some(11)), // A-E39
            (&high, 70, 11, Some(14)), // A-E40: 3.3 are 3
            (&low, 40, 14, Some(13)),  // A-E41: −1.4 is −1
            (&high, 55, 10, None),     // A-E43
            (&low, 45, 10, None),
        ] {
            let found = to(ask(policy, Side::First, metric, &service(count)));
            assert_eq!(found, expected, "{metric} at {count}");
        }
    }

    #[test]
    fn a_e45_to_a_e51_adjustments_of_each_type() {
        let every = |kind, by| stepping(Comparison::GreaterOrEqual, kind, &[(Some(0), None, by)]);
        let magnitude = AdjustmentType::PercentChangeInCapacity { at_least: 2 };
        for (kind, by, count, expected) in [
            (AdjustmentType::ExactCapacity, 5, 3, 5), // A-E45
            (AdjustmentType::PercentChangeInCapacity { at_least: 0 }, 10, 10, 11), // A-E46
            (magnitude, 25, 4, 6),                    // A-E48
        ] {
            let found = to(ask(&every(kind, by), Side::First, 60, &service(count)));
            assert_eq!(found, Some(expected), "{kind:?}");
        }
        // A-E51: [50, 60) and (40, 50].
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
            let asked = ask(policy, Side::First, metric, &service(1));
            let expected = if is_in { "scaled" } else { "no step adjustment" };
            assert_eq!(code(asked), expected, "{metric}");
        }
    }

    /// A-E50: two were added; a step of three during the cooldown adds one more.
    #[test]
    fn a_e50_during_a_cooldown_only_the_difference_is_added() {
        let steps = [(Some(0), Some(20), 2), (Some(20), None, 3)];
        let change = AdjustmentType::ChangeInCapacity;
        let policy = stepping(Comparison::GreaterOrEqual, change, &steps);
        let at = SimTime::from_secs(10_000);
        let first = ask(&policy, Side::First, 60, &service(10)).result.unwrap();
        assert_eq!(first.to, 12);
        let cooling = Cooling::default().after(&policy, &first, (at, true));
        for running in [10, 12] {
            let now = Capacity { at: SimTime::from_secs(10_060), cooling, running, ..service(12) };
            let same = ask(&policy, Side::First, 60, &now);
            assert_eq!(code(same), "AlreadyAtDesiredCapacity", "two are there already");
            assert_eq!(to(ask(&policy, Side::First, 75, &now)), Some(13), "{running} run");
        }
        let over = Capacity { at: SimTime::from_secs(10_300), cooling, ..service(12) };
        assert_eq!(to(ask(&policy, Side::First, 60, &over)), Some(14));
    }

    #[test]
    fn target_tracking_waits_for_its_cooldown_unless_more_is_needed_than_was_added() {
        let policy = tracking(50);
        let at = SimTime::from_secs(10_000);
        let first = ask(&policy, Side::First, 75, &service(10)).result.unwrap();
        assert_eq!(first.to, 15);
        let cooling = Cooling::default().after(&policy, &first, (at, true));
        let now = |running| Capacity { at, cooling, running, ..service(15) };
        assert_eq!(code(ask(&policy, Side::First, 60, &now(15))), "cooldown", "3 after 5");
        assert_eq!(to(ask(&policy, Side::First, 80, &now(15))), Some(16), "of the ten then");
        assert_eq!(to(ask(&policy, Side::First, 90, &now(10))), Some(18), "8 after 5");
    }

    #[test]
    fn a_e53_a_e55_of_several_policies_the_largest_number_holds() {
        let propose = |count, kind, by: i32| {
            let comparison = if by > 0 { Comparison::Greater } else { Comparison::Less };
            let policy = stepping(comparison, kind, &[(None, Some(0), by), (Some(0), None, by)]);
            Some(ask(&policy, Side::First, 50, &service(count)))
        };
        let change = AdjustmentType::ChangeInCapacity;
        let percents = AdjustmentType::PercentChangeInCapacity { at_least: 0 };
        for (count, [a, b], expected) in [
            (10, [(change, 3), (percents, 200)], Some(30)), // A-E53
            (8, [(change, -3), (percents, -25)], Some(6)),  // A-E55
            (8, [(change, 1), (change, -3)], Some(9)),      // out is before in
        ] {
            let asked = [propose(count, a.0, a.1), propose(count, b.0, b.1)];
            let chosen = choose(&asked).and_then(|at| to(asked[at]?));
            assert_eq!(chosen, expected, "{a:?} and {b:?}");
        }
        // One wants more and cannot: the other takes nothing away.
        let full = Capacity { max_capacity: 8, ..service(8) };
        let more = Some(ask(&tracking(50), Side::First, 90, &full));
        assert_eq!(choose(&[more, propose(8, change, -3)]), None);
    }

    /// A-E56: target tracking needs ten, the forecast eight; and the other way round.
    #[test]
    fn a_e56_a_forecast_is_a_floor() {
        let forecast = |forecast| Capacity { forecast, ..service(20) };
        let asked = |now| ask(&tracking(50), Side::Low, 25, &now);
        assert_eq!(to(asked(forecast(8))), Some(10));
        assert_eq!(to(asked(forecast(12))), Some(12));
        assert_eq!(code(asked(forecast(20))), "forecast");
    }

    /// S-E95: scaling in is off while a deployment is in progress, scaling out is not.
    #[test]
    fn s_e95_deployments_keep_tasks() {
        let now = Capacity { deployment_in_progress: true, ..service(4) };
        assert_eq!(code(ask(&tracking(60), Side::Low, 10, &now)), "deployment in progress");
        assert_eq!(code(ask(&tracking(60), Side::First, 90, &now)), "scaled");
    }

    #[test]
    fn what_is_suspended_does_nothing() {
        let suspended = Suspended { scaling_in: true, ..Suspended::default() };
        let now = Capacity { suspended, ..service(4) };
        assert_eq!(code(ask(&tracking(60), Side::Low, 10, &now)), "suspended");
        assert_eq!(code(ask(&tracking(60), Side::First, 90, &now)), "scaled");
        let suspended = Suspended { scaling_out: true, ..Suspended::default() };
        let now = Capacity { suspended, ..service(4) };
        assert_eq!(code(ask(&tracking(60), Side::First, 90, &now)), "suspended");
    }

    #[test]
    fn one_data_point_wakes_a_service_without_tasks() {
        let (policy, nothing) = (tracking(100), service(0));
        assert!(policy.wakes(Some(percent(3)), &nothing));
        assert!(!policy.wakes(Some(percent(0)), &nothing));
        assert!(!policy.wakes(None, &nothing), "missing data are no demand");
        assert!(!policy.wakes(Some(percent(3)), &service(1)));
    }

    /// Keeps one task for each hundred seconds, and remembers the most that there were.
    #[derive(Debug)]
    struct ByTheClock;

    impl ServicePolicy for ByTheClock {
        fn wanted(&self, seen: &Seen, memory: &mut Vec<f64>) -> Option<u32> {
            memory.push(f64::from(seen.now.running));
            Some((seen.at.as_secs_f64() / 100.0) as u32)
        }
    }

    #[test]
    fn a_policy_of_the_users_own_is_one_of_several() {
        let policy = policy(PolicyKind::Own(Arc::new(ByTheClock)));
        let mut memory = Vec::new();
        let asked = policy.own((&[], &mut memory), &service(4));
        assert_eq!((asked.and_then(to), memory), (Some(100), vec![4.0]));
        let bounded = Capacity { max_capacity: 50, ..service(4) };
        assert_eq!(policy.own((&[], &mut Vec::new()), &bounded).and_then(to), Some(50));
    }
}

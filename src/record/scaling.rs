//! What a recorder keeps of Application Auto Scaling, and how it is said.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::ecs::ScalingEvent;
use crate::ecs::model::{Model, Service};
use crate::ecs::scaling::alarm::{Alarm, AlarmState, Comparison, MetricValue};
use crate::ecs::scaling::schedule::Bounded;
use crate::ecs::scaling::service::{
    NotScaled, Policy, PolicyKind, Proposal, ScalableTarget, Side, Suspended,
};
use crate::engine::Ix;
use crate::units::{SimTime, Span, TimeFormat};

use super::gauges::Group;
use super::recording::Metric;
use super::series::{Buckets, Gauge};

/// Within so long of each other, more and fewer are a flap.
const FLAP: Span = Span::secs(1800);

/// The bounds of a service, and where it is between them.
#[derive(Clone, Debug)]
pub(super) struct TargetGauges {
    min_capacity: Gauge,
    max_capacity: Gauge,
    at_min: Gauge,
    at_max: Gauge,
    desired: u32,
    pub policies: Vec<PolicyGauges>,
    pub counts: TargetCounts,
    /// When it was scaled last, from and to how many.
    last: Option<(SimTime, u32, u32)>,
}

/// What a policy of a service sees.
#[derive(Clone, Debug)]
pub(super) struct PolicyGauges {
    metric: Gauge,
    alarms: AlarmGauges,
    forecast: Gauge,
}

/// Whether the alarms of a policy are in ALARM: the first, and that for scaling in.
#[derive(Clone, Debug)]
pub(super) struct AlarmGauges([Gauge; 2]);

/// What policies have done, and what they have not.
#[derive(Clone, Debug, Default)]
pub(super) struct StepCounts {
    pub outs: u64,
    pub ins: u64,
    pub not_scaled: BTreeMap<&'static str, u64>,
}

/// What was scaled, and what was not.
#[derive(Clone, Debug, Default)]
pub(super) struct TargetCounts {
    pub steps: StepCounts,
    pub flaps: u64,
    pub overshoot: u64,
}

/// Application Auto Scaling of a service over the window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AutoScalingSummary {
    /// Times that it was scaled out, by policies and scheduled actions.
    pub scale_outs: u64,
    /// Times that it was scaled in.
    pub scale_ins: u64,
    /// Times that a policy whose alarm was in ALARM did nothing for a new reason, by its code.
    pub not_scaled: BTreeMap<&'static str, u64>,
    /// How long `MinCapacity` was desired, or less.
    pub at_min_capacity: Span,
    /// How long `MaxCapacity` was desired, or more.
    pub at_max_capacity: Span,
    /// Times that more and fewer followed each other within 30 min.
    pub flaps: u64,
    /// Tasks that were added and taken away again in flaps.
    pub overshoot: u64,
}

impl AlarmGauges {
    pub fn new(buckets: Buckets) -> AlarmGauges {
        AlarmGauges([Gauge::new(buckets), Gauge::new(buckets)])
    }

    /// An alarm has another state.
    pub fn set(&mut self, at: SimTime, side: Side, state: AlarmState) {
        let alarm = &mut self.0[usize::from(side == Side::Low)];
        alarm.set(at, (state == AlarmState::Alarm).into());
    }
}

impl StepCounts {
    /// More or fewer are wanted.
    pub fn step(&mut self, from: u32, to: u32) {
        match to.cmp(&from) {
            Ordering::Greater => self.outs += 1,
            Ordering::Less => self.ins += 1,
            Ordering::Equal => {}
        }
    }

    /// A policy does nothing, for this reason.
    pub fn hold(&mut self, why: &'static str) {
        *self.not_scaled.entry(why).or_default() += 1;
    }
}

impl TargetGauges {
    pub fn new(target: &ScalableTarget, desired: u32, buckets: Buckets) -> TargetGauges {
        let gauge = Gauge::new(buckets);
        let policy = PolicyGauges {
            metric: gauge.clone(),
            alarms: AlarmGauges::new(buckets),
            forecast: gauge.clone(),
        };
        let mut gauges = TargetGauges {
            min_capacity: gauge.clone(),
            max_capacity: gauge.clone(),
            at_min: gauge.clone(),
            at_max: gauge,
            desired,
            policies: vec![policy; target.policies.len()],
            counts: TargetCounts::default(),
            last: None,
        };
        gauges.bound(SimTime::ZERO, (target.min_capacity, target.max_capacity));
        gauges
    }

    fn bound(&mut self, at: SimTime, (min, max): (u32, u32)) {
        self.min_capacity.set(at, min.into());
        self.max_capacity.set(at, max.into());
        self.set_desired(at, self.desired);
    }

    /// So many tasks are desired from now on.
    pub fn set_desired(&mut self, at: SimTime, desired: u32) {
        self.desired = desired;
        let desired = u64::from(desired);
        self.at_min.set(at, (desired <= self.min_capacity.level()).into());
        self.at_max.set(at, (desired >= self.max_capacity.level()).into());
    }

    /// Takes in what has happened.
    pub fn note(&mut self, at: SimTime, event: &ScalingEvent) {
        match *event {
            ScalingEvent::Metric { policy, value } => {
                let gauges = self.policies.get_mut(usize::from(policy));
                if let (Some(gauges), Some(value)) = (gauges, value) {
                    gauges.metric.set(at, value.rounded());
                }
            }
            ScalingEvent::Alarm { policy, side, state, .. } => {
                if let Some(gauges) = self.policies.get_mut(usize::from(policy)) {
                    gauges.alarms.set(at, side, state);
                }
            }
            ScalingEvent::Scaled { from, proposal, .. } => self.scaled(at, (from, proposal.to)),
            ScalingEvent::NotScaled { why, .. } => {
                self.counts.steps.hold(why.code());
            }
            ScalingEvent::ScheduledSuspended { .. } => {
                self.counts.steps.hold("suspended");
            }
            ScalingEvent::Forecast { policy, next, .. } => self.forecast(at, (policy, next)),
            ScalingEvent::Scheduled { from, to, .. }
            | ScalingEvent::Registered { from, to, .. } => {
                self.bound(at, (to.min_capacity, to.max_capacity));
                self.scaled(at, (from, to.desired));
            }
            ScalingEvent::ForecastDue { policy, forecast, from, to } => {
                self.forecast(at, (policy, Some(forecast)));
                self.bound(at, (to.min_capacity, to.max_capacity));
                self.scaled(at, (from, to.desired));
            }
        }
    }

    fn forecast(&mut self, at: SimTime, (policy, tasks): (u16, Option<u32>)) {
        if let Some(gauges) = self.policies.get_mut(usize::from(policy)) {
            gauges.forecast.set(at, tasks.unwrap_or(0).into());
        }
    }

    fn scaled(&mut self, at: SimTime, (from, to): (u32, u32)) {
        if from == to {
            return;
        }
        let is_out = to > from;
        self.counts.steps.step(from, to);
        if let Some((before, was, is)) = self.last
            && at.since(before) <= FLAP
            && (is > was) != is_out
        {
            self.counts.flaps += 1;
            if !is_out {
                self.counts.overshoot += u64::from((is - was).min(from - to));
            }
        }
        self.last = Some((at, from, to));
    }

    /// Goes through the figures of the window.
    pub fn summary(&self, (at_min, at_max): (u128, u128)) -> AutoScalingSummary {
        let span = |integral: u128| Span::micros(u64::try_from(integral).unwrap_or(u64::MAX));
        let counts = &self.counts;
        AutoScalingSummary {
            scale_outs: counts.steps.outs,
            scale_ins: counts.steps.ins,
            not_scaled: counts.steps.not_scaled.clone(),
            at_min_capacity: span(at_min),
            at_max_capacity: span(at_max),
            flaps: counts.flaps,
            overshoot: counts.overshoot,
        }
    }
}

impl Group for TargetGauges {
    fn each(&mut self, visit: &mut dyn FnMut(Metric, &mut Gauge)) {
        visit(Metric::MinCapacity, &mut self.min_capacity);
        visit(Metric::MaxCapacity, &mut self.max_capacity);
        visit(Metric::AtMinCapacity, &mut self.at_min);
        visit(Metric::AtMaxCapacity, &mut self.at_max);
    }
}

impl Group for PolicyGauges {
    fn each(&mut self, visit: &mut dyn FnMut(Metric, &mut Gauge)) {
        visit(Metric::WatchedMetric, &mut self.metric);
        self.alarms.each(visit);
        visit(Metric::ForecastTasks, &mut self.forecast);
    }
}

impl Group for AlarmGauges {
    fn each(&mut self, visit: &mut dyn FnMut(Metric, &mut Gauge)) {
        let [first, low] = &mut self.0;
        visit(Metric::InAlarm, first);
        visit(Metric::InLowAlarm, low);
    }
}

/// Says what Application Auto Scaling has seen, done or not done; the words are ours, codes AWS's.
pub fn scaling_event(event: &ScalingEvent, service: Ix<Service>, model: &Model) -> String {
    let Some(target) = model.services[service].auto_scaling.as_deref() else {
        return String::new();
    };
    let policy = |position: u16| target.policies.get(usize::from(position));
    match *event {
        ScalingEvent::Metric { policy: position, value } => policy(position).map(|it| {
            let value = value.map_or("no data".to_string(), |value| written(it, value));
            format!("[policy {}: {} is {value}]", it.name, it.watch.name)
        }),
        ScalingEvent::Alarm { policy: position, side, state, points } => {
            policy(position).map(|it| {
                let alarm = it.alarm(side).map(|alarm| alarm_words(it, alarm)).unwrap_or_default();
                let seen = seen(it, &points);
                format!("[policy {}: alarm ({alarm}) is {}: {seen}]", it.name, state.name())
            })
        }
        ScalingEvent::Scaled { policy: position, points, from, proposal, cooldown, .. } => {
            let until = cooldown.map(|it| model.calendar.format(it, TimeFormat::DateAndTime));
            let until = until.map(|it| format!("; cooldown until {it}")).unwrap_or_default();
            policy(position).map(|it| {
                let (how, bound) = (how(it, &proposal), within(&proposal));
                format!(
                    "[policy {}: desired count from {from} to {}: {}; {how}{bound}{until}]",
                    it.name,
                    proposal.to,
                    seen(it, &points)
                )
            })
        }
        ScalingEvent::NotScaled { policy: position, points, why, .. } => {
            policy(position).map(|it| {
                let why = not_scaled(it, why);
                format!("[policy {}: not scaled: {}; {why}]", it.name, seen(it, &points))
            })
        }
        ScalingEvent::Scheduled { action, from, to } => {
            let name = target.scheduled_actions.get(usize::from(action)).map(|it| &it.name);
            name.map(|it| format!("[scheduled action {it}: {}]", bounded(from, to)))
        }
        ScalingEvent::ScheduledSuspended { action } => {
            let name = target.scheduled_actions.get(usize::from(action)).map(|it| &it.name);
            name.map(|it| format!("[scheduled action {it} never runs: that is suspended]"))
        }
        ScalingEvent::Registered { from, to, suspended } => Some(format!(
            "[registered as a scalable target: {}{}]",
            bounded(from, to),
            suspended_words(suspended)
        )),
        ScalingEvent::Forecast { policy: position, next, most } => policy(position).map(|it| {
            let tasks = match next.zip(most) {
                Some((next, most)) => {
                    format!("{next} tasks in this hour, up to {most} in the coming two days")
                }
                None => "there are fewer than 24 hours to forecast from".to_string(),
            };
            format!("[policy {}: {tasks}]", it.name)
        }),
        ScalingEvent::ForecastDue { policy: position, forecast, from, to } => {
            policy(position).map(|it| {
                let to = bounded(from, to);
                format!("[policy {}: {forecast} tasks are forecast: {to}]", it.name)
            })
        }
    }
    .unwrap_or_default()
}

fn bounded(from: u32, to: Bounded) -> String {
    let Bounded { min_capacity, max_capacity, desired } = to;
    let bounds = format!("{min_capacity} at the least and {max_capacity} at the most");
    match from == desired {
        true => format!("desired count stays {desired}, {bounds}"),
        false => format!("desired count from {from} to {desired}, {bounds}"),
    }
}

fn suspended_words(suspended: Suspended) -> String {
    let parts = [
        (suspended.scaling_in, "scaling in"),
        (suspended.scaling_out, "scaling out"),
        (suspended.scheduled, "scheduled scaling"),
    ];
    let parts: Vec<&str> = parts.iter().filter(|it| it.0).map(|it| it.1).collect();
    if parts.is_empty() { String::new() } else { format!("; suspended: {}", parts.join(", ")) }
}

fn written(policy: &Policy, value: MetricValue) -> String {
    format!("{value}{}", policy.watch.unit)
}

/// Says what an alarm has seen: `CPUUtilization was 71 %, 80.2 %, 79 %`.
fn seen(policy: &Policy, points: &[Option<MetricValue>]) -> String {
    let points = points.iter().flatten().map(|it| written(policy, *it));
    let points: Vec<String> = points.collect();
    match points.as_slice() {
        [] => format!("{} has no data", policy.watch.name),
        points => format!("{} was {}", policy.watch.name, points.join(", ")),
    }
}

fn alarm_words(policy: &Policy, alarm: &Alarm) -> String {
    let side = match alarm.comparison {
        Comparison::Greater => "above",
        Comparison::GreaterOrEqual => "not below",
        Comparison::Less => "below",
        Comparison::LessOrEqual => "not above",
    };
    format!(
        "{side} {} in {} of {} periods of {}",
        written(policy, alarm.threshold),
        alarm.datapoints_to_alarm,
        alarm.evaluation_periods,
        alarm.period
    )
}

/// Says how a policy comes from what runs to what it wants.
fn how(policy: &Policy, proposal: &Proposal) -> String {
    let Proposal { base, wanted, .. } = *proposal;
    match &policy.kind {
        PolicyKind::TargetTracking(it) => {
            let target = written(policy, it.target);
            format!("to have {target}, {base} running tasks must be {wanted}")
        }
        PolicyKind::Step { .. } => format!("by its step, {base} running tasks become {wanted}"),
        PolicyKind::Predictive(_) | PolicyKind::Own(_) => format!("it wants {wanted}"),
    }
}

fn within(proposal: &Proposal) -> String {
    match proposal.to == proposal.wanted {
        true => String::new(),
        false => format!(", within its bounds {}", proposal.to),
    }
}

fn not_scaled(policy: &Policy, why: NotScaled) -> String {
    let asked = |it: Proposal, then: &str| format!("{}{then}", how(policy, &it));
    let reason = match why {
        NotScaled::AlreadyAtMaxCapacity(it) => asked(it, ", above MaxCapacity"),
        NotScaled::AlreadyAtMinCapacity(it) => asked(it, ", and MinCapacity is desired"),
        NotScaled::AlreadyAtDesiredCapacity(it) => asked(it, ", which is desired already"),
        NotScaled::AutoScalingAnticipatedFlapping(it) => {
            asked(it, ": one fewer would bring the metric above its target")
        }
        NotScaled::CoolingDown(it) => asked(it, ", and the cooldown is not over"),
        NotScaled::ForecastAbove(it) => asked(it, ", and more are forecast"),
        NotScaled::Outvoted(it) => asked(it, ", and another policy wants more"),
        NotScaled::OthersNotReady => "other policies are not ready to scale in".to_string(),
        NotScaled::DeploymentInProgress => "a deployment is in progress".to_string(),
        NotScaled::Suspended => "that is suspended".to_string(),
        NotScaled::NoStep => "no step adjustment is for that".to_string(),
    };
    match why {
        NotScaled::AlreadyAtMaxCapacity(_)
        | NotScaled::AlreadyAtMinCapacity(_)
        | NotScaled::AlreadyAtDesiredCapacity(_)
        | NotScaled::AutoScalingAnticipatedFlapping(_) => format!("{}: {reason}", why.code()),
        NotScaled::CoolingDown(_)
        | NotScaled::ForecastAbove(_)
        | NotScaled::Outvoted(_)
        | NotScaled::OthersNotReady
        | NotScaled::DeploymentInProgress
        | NotScaled::Suspended
        | NotScaled::NoStep => reason,
    }
}

//! The scaling policies of Auto Scaling groups.

use std::collections::BTreeMap;

use crate::ecs::model::AutoScalingGroup;
use crate::ecs::scaling::adjustment::{AdjustmentType, StepAdjustment};
use crate::ecs::scaling::alarm::{Alarm, Comparison, MetricValue, MissingData, Statistic};
use crate::ecs::scaling::group::{PolicyKind, PolicyMetric, ScalingPolicy};
use crate::units::Span;

use super::super::codes::Code;
use super::super::{Problem, View};
use super::Lower;

/// Scaling policies that a group may have. Source: Amazon EC2 Auto Scaling User Guide, quotas.
const POLICIES: usize = 50;

/// The tables of policies, by their types.
const TABLES: [&str; 3] = ["target_tracking", "step_scaling", "simple_scaling"];

/// Returns the policies of a group.
pub(super) fn policies(lower: &mut Lower, view: &View) -> Vec<ScalingPolicy> {
    check_names(lower, view);
    let mut policies = Vec::new();
    for (name, policy) in view.entries(TABLES[0]) {
        policies.extend(target_tracking(lower, (view, &policy), name));
    }
    check_metrics(lower, view);
    for (name, policy) in view.entries(TABLES[1]) {
        policies.extend(step_scaling(lower, (view, &policy), name));
    }
    for (name, policy) in view.entries(TABLES[2]) {
        policies.extend(simple_scaling(lower, (view, &policy), name));
    }
    let is_simple = |it: &ScalingPolicy| matches!(it.kind, PolicyKind::Simple { .. });
    let is_cool = policies.iter().any(is_simple)
        || (!policies.is_empty() && view.find::<Span>("default_instance_warmup").is_none());
    if !is_cool {
        lower.idle(view, &["default_cooldown"]);
    }
    if !policies.iter().any(|it| it.metric == PolicyMetric::CpuUtilization) {
        lower.idle(view, &["detailed_monitoring"]);
    }
    policies
}

/// Names are of a group's policies, whatever their types.
fn check_names(lower: &mut Lower, view: &View) {
    let all = TABLES.iter().flat_map(|&table| {
        view.entries(table).into_iter().map(move |(name, policy)| (name, (table, policy)))
    });
    let all: Vec<(&str, (&str, View))> = all.collect();
    if let Some((_, (_, policy))) = all.get(POLICIES) {
        let message = format!("the group has {} scaling policies", all.len());
        let hint = format!("AWS allows {POLICIES}");
        lower.problems.push(policy.error_here(message).hint(hint));
    }
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, (table, policy)) in &all {
        if let Some(other) = first.insert(name, table) {
            let message = format!("a policy of `{other}` is called `{name}`, too");
            let hint = "policies of a group have different names: rename one";
            lower.problems.push(policy.error_here(message).hint(hint));
        }
    }
}

/// Target tracking policies of a group have different metrics.
///
/// Source: Amazon EC2 Auto Scaling User Guide, "Target tracking scaling policies".
fn check_metrics(lower: &mut Lower, view: &View) {
    let mut first: BTreeMap<String, &str> = BTreeMap::new();
    for (name, policy) in view.entries(TABLES[0]) {
        let metric: String = policy.get("metric");
        if let Some(other) = first.insert(metric.clone(), name) {
            let message = format!("`{other}` tracks `{metric}` already");
            let hint = "target tracking policies of a group have different metrics: leave one out";
            lower.problems.push(policy.error("metric", message).hint(hint));
        }
    }
}

fn target_tracking(
    lower: &mut Lower,
    (group, view): (&View, &View),
    name: &str,
) -> Option<ScalingPolicy> {
    if !view.is_sound_at(&["metric", "target_value"]) {
        return None;
    }
    let target = value(view, "target_value");
    if target.0 <= 0 {
        let message = format!("`target_value` is {target}");
        lower.problems.push(view.error("target_value", message).hint("it must be above 0"));
    }
    let factor: f64 = view.get("low_alarm_factor");
    let alarm = |comparison, threshold, datapoints: &str| Alarm {
        threshold,
        comparison,
        statistic: Statistic::Average,
        period: Span::MINUTE,
        evaluation_periods: view.get(datapoints),
        datapoints_to_alarm: view.get(datapoints),
        treat_missing_data: MissingData::Missing,
    };
    let low = MetricValue((target.0 as f64 * factor).round() as i64);
    let disable_scale_in: bool = view.get("disable_scale_in");
    if disable_scale_in {
        lower.idle(view, &["low_alarm_factor", "low_datapoints"]);
    }
    Some(ScalingPolicy {
        name: name.to_string(),
        metric: metric(&view.get::<String>("metric")),
        kind: PolicyKind::TargetTracking {
            target,
            disable_scale_in,
            high: alarm(Comparison::Greater, target, "high_datapoints"),
            low: alarm(Comparison::Less, low, "low_datapoints"),
        },
        warmup: warmup(group, view),
    })
}

fn step_scaling(
    lower: &mut Lower,
    (group, view): (&View, &View),
    name: &str,
) -> Option<ScalingPolicy> {
    let (metric, alarm) = alarm(lower, view)?;
    let adjustment_type = adjustment_type(lower, view)?;
    let steps = steps(lower, view, adjustment_type)?;
    Some(ScalingPolicy {
        name: name.to_string(),
        metric,
        kind: PolicyKind::Step {
            alarm,
            adjustment_type,
            steps,
            aggregation: statistic(&view.get::<String>("metric_aggregation_type")),
        },
        warmup: warmup(group, view),
    })
}

/// Returns the steps of a policy, in order.
pub(super) fn steps(
    lower: &mut Lower,
    view: &View,
    adjustment_type: AdjustmentType,
) -> Option<Vec<StepAdjustment>> {
    let mut steps = Vec::new();
    for item in view.items("step_adjustments") {
        let bound = |key: &str| item.find::<f64>(key).map(MetricValue::from_f64);
        let adjustment = adjustment(lower, &item, ("adjustment", adjustment_type))?;
        let (lower, upper) = (bound("lower_bound"), bound("upper_bound"));
        steps.push((item, StepAdjustment { lower, upper, adjustment }));
    }
    // `None` is less than any value.
    steps.sort_by_key(|(_, step)| step.lower);
    check_steps(lower, view, &steps);
    Some(steps.into_iter().map(|it| it.1).collect())
}

/// Steps leave no gap, do not overlap, and go on to the ends that they point to.
///
/// Source: Amazon EC2 Auto Scaling User Guide, "Step and simple scaling policies".
fn check_steps(lower: &mut Lower, view: &View, steps: &[(View, StepAdjustment)]) {
    let text = |it: Option<MetricValue>| it.map_or("no bound".to_string(), |it| it.to_string());
    for (item, step) in steps {
        let problem = match (step.lower, step.upper) {
            (None, None) => Some(("this step has neither bound", "write `lower_bound = 0`")),
            (Some(from), Some(to)) if from >= to => {
                Some(("this step ends before it begins", "exchange its bounds"))
            }
            _ => None,
        };
        if let Some((message, hint)) = problem {
            lower.problems.push(item.error_here(message).hint(hint));
            return;
        }
    }
    for pair in steps.windows(2) {
        let [(_, before), (item, step)] = pair else { continue };
        if before.upper == step.lower && step.lower.is_some() {
            continue;
        }
        let overlaps = before.upper.is_none() || step.lower.is_none() || before.upper > step.lower;
        let what = if overlaps { "overlap" } else { "have a gap" };
        let message = format!(
            "steps {what}: one ends at {} and the next begins at {}",
            text(before.upper),
            text(step.lower)
        );
        let hint = "let each begin where the one before ends";
        lower.problems.push(item.error_here(message).hint(hint));
        return;
    }
    let (Some((_, first)), Some((_, last))) = (steps.first(), steps.last()) else { return };
    let missing = if first.lower.is_some_and(|it| it.0 < 0) {
        Some(("no step is without a `lower_bound`, and one begins below 0", "lowest"))
    } else if last.upper.is_some_and(|it| it.0 > 0) {
        Some(("no step is without an `upper_bound`, and one ends above 0", "highest"))
    } else {
        None
    };
    if let Some((message, which)) = missing {
        let hint = format!("leave that bound of the {which} out: it goes on without an end");
        lower.problems.push(view.error("step_adjustments", message).hint(hint));
    }
}

fn simple_scaling(
    lower: &mut Lower,
    (group, view): (&View, &View),
    name: &str,
) -> Option<ScalingPolicy> {
    let (metric, alarm) = alarm(lower, view)?;
    let adjustment_type = adjustment_type(lower, view)?;
    let adjustment = adjustment(lower, view, ("scaling_adjustment", adjustment_type))?;
    let cooldown = view.find("cooldown").unwrap_or_else(|| group.get("default_cooldown"));
    Some(ScalingPolicy {
        name: name.to_string(),
        metric,
        kind: PolicyKind::Simple { alarm, adjustment_type, adjustment, cooldown },
        warmup: group.find("default_instance_warmup").unwrap_or(Span::ZERO),
    })
}

/// Returns what the alarm of a policy watches, and the alarm.
fn alarm(lower: &mut Lower, policy: &View) -> Option<(PolicyMetric, Alarm)> {
    let view = policy.child("alarm")?;
    let alarm = alarm_itself(lower, &view, Shortest::Minute)?;
    view.is_sound_at(&["metric"]).then(|| (metric(&view.get::<String>("metric")), alarm))
}

/// How short the periods of an alarm may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shortest {
    /// A minute.
    Minute,
    /// 20 s, as ECS publishes metrics of services.
    TwentySeconds,
}

/// Returns an alarm, whatever it watches.
pub(super) fn alarm_itself(lower: &mut Lower, view: &View, shortest: Shortest) -> Option<Alarm> {
    if !view.is_sound_at(&["comparison_operator", "threshold", "evaluation_periods"]) {
        return None;
    }
    let period: Span = view.get("period");
    let evaluation_periods: u32 = view.get("evaluation_periods");
    let datapoints_to_alarm = view.find("datapoints_to_alarm").unwrap_or(evaluation_periods);
    let before = lower.problems.len();
    let is_fast = shortest == Shortest::TwentySeconds && period == Span::secs(20);
    if !is_fast && !period.as_micros().is_multiple_of(Span::MINUTE.as_micros()) {
        let message = format!("`period` is {period}");
        let hint = match shortest {
            Shortest::Minute => "write a multiple of 60 s",
            Shortest::TwentySeconds => "write a multiple of 60 s, or 20 s",
        };
        lower.problems.push(view.error("period", message).hint(hint));
    }
    if datapoints_to_alarm > evaluation_periods {
        let message = format!(
            "`datapoints_to_alarm` is {datapoints_to_alarm}, more than `evaluation_periods`, \
             {evaluation_periods}"
        );
        let hint = "exchange them, or leave it out";
        lower.problems.push(view.error("datapoints_to_alarm", message).hint(hint));
    }
    if period.saturating_mul(evaluation_periods.into()) > Span::DAY {
        let message = "the alarm looks back for more than a day";
        let hint = "CloudWatch evaluates such alarms each hour, which is not modelled: make \
                    `period` or `evaluation_periods` smaller";
        lower.problems.push(view.error("evaluation_periods", message).hint(hint));
    }
    let alarm = Alarm {
        threshold: value(view, "threshold"),
        comparison: match view.get::<String>("comparison_operator").as_str() {
            "GreaterThanThreshold" => Comparison::Greater,
            "GreaterThanOrEqualToThreshold" => Comparison::GreaterOrEqual,
            "LessThanThreshold" => Comparison::Less,
            _ => Comparison::LessOrEqual,
        },
        statistic: statistic(&view.get::<String>("statistic")),
        period,
        evaluation_periods,
        datapoints_to_alarm,
        treat_missing_data: match view.get::<String>("treat_missing_data").as_str() {
            "ignore" => MissingData::Ignore,
            "breaching" => MissingData::Breaching,
            "notBreaching" => MissingData::NotBreaching,
            _ => MissingData::Missing,
        },
    };
    (lower.problems.len() == before).then_some(alarm)
}

pub(super) fn value(view: &View, key: &str) -> MetricValue {
    MetricValue::from_f64(view.get(key))
}

fn metric(name: &str) -> PolicyMetric {
    match name {
        "CPUReservation" => PolicyMetric::CpuReservation,
        "MemoryReservation" => PolicyMetric::MemoryReservation,
        _ => PolicyMetric::CpuUtilization,
    }
}

pub(super) fn statistic(name: &str) -> Statistic {
    match name {
        "Minimum" => Statistic::Minimum,
        "Maximum" => Statistic::Maximum,
        _ => Statistic::Average,
    }
}

/// Source: EC2 Auto Scaling API, PutScalingPolicy, EstimatedInstanceWarmup.
fn warmup(group: &View, policy: &View) -> Span {
    let own = policy.find("estimated_instance_warmup");
    let own = own.or_else(|| group.find("default_instance_warmup"));
    own.unwrap_or_else(|| group.get("default_cooldown"))
}

pub(super) fn adjustment_type(lower: &mut Lower, view: &View) -> Option<AdjustmentType> {
    if !view.is_sound_at(&["adjustment_type"]) {
        return None;
    }
    let name: String = view.get("adjustment_type");
    let at_least: Option<u32> = view.find("min_adjustment_magnitude");
    if name != "PercentChangeInCapacity" && at_least.is_some() {
        let message = format!("`min_adjustment_magnitude` does not go with `{name}`");
        let hint = "it is of `PercentChangeInCapacity`: leave it out";
        lower.problems.push(view.error("min_adjustment_magnitude", message).hint(hint));
    }
    Some(match name.as_str() {
        "ChangeInCapacity" => AdjustmentType::ChangeInCapacity,
        "ExactCapacity" => AdjustmentType::ExactCapacity,
        _ => AdjustmentType::PercentChangeInCapacity { at_least: at_least.unwrap_or(0) },
    })
}

/// Reads a whole number, which is not below zero if it is a capacity.
fn adjustment(lower: &mut Lower, view: &View, (key, of): (&str, AdjustmentType)) -> Option<i32> {
    let number: f64 = view.find(key)?;
    let (message, hint) = if number.fract() != 0.0 {
        (format!("`{key}` is {number}, which is not whole"), "write a whole number")
    } else if number < 0.0 && of == AdjustmentType::ExactCapacity {
        (format!("`{key}` is {number}, and is an exact capacity"), "write 0 or more")
    } else {
        return Some(number as i32);
    };
    lower.problems.push(view.error(key, message).hint(hint));
    None
}

/// Looks at the policies of a model in which nothing is wrong.
pub(super) fn warnings(lower: &Lower) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (ix, group) in lower.model.auto_scaling_groups.iter() {
        let Some(view) = lower.root().entry("auto_scaling_group", &group.name) else { continue };
        let mut providers = lower.model.capacity_providers.iter().map(|(_, it)| it);
        let managed = providers.find(|it| it.group == ix && it.managed_scaling.is_some());
        for policy in &group.policies {
            let Some(own) = TABLES.iter().find_map(|table| view.entry(table, &policy.name)) else {
                continue;
            };
            if let Some(provider) = managed {
                let message = format!(
                    "the capacity provider `{}` scales this group, too, and neither knows of the \
                     other",
                    provider.name
                );
                let hint = "leave the policy out, or `managed_scaling.status = \"DISABLED\"`";
                let code = Code::PolicyBesideManagedScaling;
                problems.push(own.warning_here(code, message).hint(hint));
            }
            problems.extend(without_data(lower, (group, policy), &own));
        }
    }
    problems
}

/// A policy watches what has no data.
fn without_data(
    lower: &Lower,
    (group, policy): (&AutoScalingGroup, &ScalingPolicy),
    own: &View,
) -> Option<Problem> {
    let is_cpu = policy.metric == PolicyMetric::CpuUtilization;
    if is_cpu && !lower.model.usage_is_known(group) {
        let message = "nothing says what containers use, so this metric has no data";
        let hint =
            "write `usage.NAME = { cpu = …, memory = … }` in [behaviour.…], NAME a container";
        return Some(own.warning_here(Code::MetricWithoutUsage, message).hint(hint));
    }
    let least = group.scheduled_actions.iter().filter_map(|it| it.min_size);
    if least.fold(group.min_size, u32::min) > 0 {
        return None;
    }
    let message = "a group without instances has no such metric, and the policy does not wake it";
    let hint = "let `min_size` be 1 or more, or scale the group by a capacity provider";
    Some(own.warning_here(Code::PolicyOfEmptyGroup, message).hint(hint))
}

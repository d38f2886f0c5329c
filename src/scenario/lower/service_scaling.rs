//! Application Auto Scaling of services.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ecs::model::{Action, Scheduling, Service, TargetGroup, When};
use crate::ecs::scaling::alarm::{Alarm, MetricValue};
use crate::ecs::scaling::expression::{Expression, ServiceMetric, Watch};
use crate::ecs::scaling::predictive::{MaxCapacityBreach, Mode, Predictive};
use crate::ecs::scaling::schedule::ScheduledScaling;
use crate::ecs::scaling::service::{Policy, PolicyKind, ScalableTarget, Suspended, TargetTracking};
use crate::engine::Ix;
use crate::units::{Calendar, Schedule, SimTime, Span};

use super::super::codes::Code;
use super::super::problems::listed;
use super::super::{Problem, View};
use super::scaling::{Shortest, adjustment_type, alarm_itself, statistic, steps, value};
use super::{Lower, task};

/// Scaling policies and scheduled actions that a scalable target may have.
///
/// Source: Application Auto Scaling User Guide, quotas.
const POLICIES: usize = 50;
const SCHEDULED_ACTIONS: usize = 200;

/// The tables of policies, by their types.
const TABLES: [&str; 3] = ["target_tracking", "step_scaling", "predictive_scaling"];

/// Services that are scalable targets, when all of them have names.
pub(super) fn all(lower: &mut Lower) {
    for (name, view) in lower.root().entries("service") {
        let (Some(target), Some(&ix)) = (view.child("auto_scaling"), lower.services.get(name))
        else {
            continue;
        };
        if lower.model.services[ix].scheduling == Scheduling::Daemon {
            let message = "a DAEMON service has one task on each instance, and does not scale";
            let hint = "leave `auto_scaling` out, or use `REPLICA`";
            lower.problems.push(view.error("auto_scaling", message).hint(hint));
            continue;
        }
        if !target.is_sound_at(&["min_capacity", "max_capacity"]) {
            continue;
        }
        let target = target_of(lower, &target, ix);
        lower.model.services[ix].auto_scaling = Some(Box::new(target));
    }
}

fn target_of(lower: &mut Lower, view: &View, service: Ix<Service>) -> ScalableTarget {
    let (min_capacity, max_capacity): (u32, u32) =
        (view.get("min_capacity"), view.get("max_capacity"));
    check_bounds(lower, view, (min_capacity, max_capacity));
    check_names(lower, view);
    let mut policies = Vec::new();
    let mut tracked = BTreeMap::new();
    for (name, policy) in view.entries(TABLES[0]) {
        let Some(made) = target_tracking(lower, (&policy, name), service) else { continue };
        let key = if policy.is_written("metric") { "metric" } else { "expression" };
        if let Some(other) = tracked.insert(made.watch.name.clone(), name) {
            let message = format!("`{other}` tracks `{}` already", made.watch.name);
            let hint =
                "target tracking policies of a service have different metrics: leave one out";
            lower.problems.push(policy.error(key, message).hint(hint));
        }
        policies.push(made);
    }
    for (name, policy) in view.entries(TABLES[1]) {
        policies.extend(step_scaling(lower, (&policy, name), service));
    }
    for (name, policy) in view.entries(TABLES[2]) {
        policies.extend(predictive_scaling(lower, (&policy, name), service));
    }
    let actions = view.entries("scheduled_action");
    if actions.len() > SCHEDULED_ACTIONS {
        let message = format!("it has {} scheduled actions", actions.len());
        let hint = format!("AWS allows {SCHEDULED_ACTIONS}");
        lower.problems.push(view.error("scheduled_action", message).hint(hint));
    }
    let scheduled = actions.iter().filter_map(|(name, action)| {
        scheduled_action(lower, (action, name), (min_capacity, max_capacity))
    });
    ScalableTarget {
        min_capacity,
        max_capacity,
        scheduled_actions: scheduled.collect(),
        suspended: suspended(view),
        policies,
    }
}

fn check_bounds(lower: &mut Lower, view: &View, (min, max): (u32, u32)) {
    if min > max {
        let message = format!("`min_capacity` is {min}, more than `max_capacity`, {max}");
        lower.problems.push(view.error("min_capacity", message).hint("exchange them"));
    }
}

fn suspended(view: &View) -> Suspended {
    let names: Vec<String> = view.items("suspended").iter().map(View::value).collect();
    let has = |name: &str| names.iter().any(|it| it == name);
    Suspended {
        scaling_in: has("DynamicScalingIn"),
        scaling_out: has("DynamicScalingOut"),
        scheduled: has("ScheduledScaling"),
    }
}

/// Names are of a service's policies, whatever their types.
fn check_names(lower: &mut Lower, view: &View) {
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    let mut count = 0;
    for table in TABLES {
        for (name, policy) in view.entries(table) {
            count += 1;
            if count == POLICIES + 1 {
                let message = format!("the service has more than {POLICIES} scaling policies");
                let hint = "AWS allows no more: leave some out";
                lower.problems.push(policy.error_here(message).hint(hint));
            }
            if let Some(other) = first.insert(name, table) {
                let message = format!("a policy of `{other}` is called `{name}`, too");
                let hint = "policies of a service have different names: rename one";
                lower.problems.push(policy.error_here(message).hint(hint));
            }
        }
    }
}

/// Returns what a policy or its alarm watches, which is a metric or an expression.
fn watch(lower: &mut Lower, view: &View, (service, period): (Ix<Service>, Span)) -> Option<Watch> {
    if !view.is_sound_at(&["metric", "expression", "target_group"]) {
        return None;
    }
    let metric: Option<String> = view.find("metric");
    let expression: Option<String> = view.find("expression");
    match (metric, expression) {
        (Some(metric), None) => {
            let fast = metric.ends_with("HighResolution");
            let period = if fast { Span::secs(20) } else { period };
            let of = match metric.as_str() {
                "ALBRequestCountPerTarget" | "RequestCountPerTarget" => {
                    ServiceMetric::RequestCountPerTarget(target_group(lower, view, service)?)
                }
                name if name.contains("Memory") => ServiceMetric::MemoryUtilization(service),
                _ => ServiceMetric::CpuUtilization(service),
            };
            Some(Watch::one(&metric, of, period))
        }
        (None, Some(text)) => expression_of(lower, view, (&text, period)),
        (Some(_), Some(_)) => {
            let message = "`expression` does not go with `metric`";
            lower.problems.push(view.error("expression", message).hint("leave one of them out"));
            None
        }
        (None, None) => {
            let hint = "write `metric = …`, or an `expression` of metrics";
            lower.problems.push(view.error_here("this watches nothing").hint(hint));
            None
        }
    }
}

/// Returns whose requests are counted: the group that is named, or the only one of the service.
fn target_group(lower: &mut Lower, view: &View, service: Ix<Service>) -> Option<Ix<TargetGroup>> {
    let groups = lower.model.services[service].target_groups.clone();
    if let Some(name) = view.find::<String>("target_group") {
        let group = lower.target_groups.get(&name).copied();
        if group.is_some_and(|it| !groups.contains(&it)) {
            let message = format!("tasks of this service do not join `{name}`");
            let hint = "name a target group of its `load_balancers`";
            lower.problems.push(view.error("target_group", message).hint(hint));
            return None;
        }
        return group;
    }
    if let [only] = groups.as_slice() {
        return Some(*only);
    }
    let (message, hint) = match groups.is_empty() {
        true => (
            "the service has no target group whose requests could be counted",
            "add one to its `load_balancers`",
        ),
        false => ("the service has several target groups", "name one of them in `target_group`"),
    };
    lower.problems.push(view.error_here(message).hint(hint));
    None
}

fn expression_of(lower: &mut Lower, view: &View, (text, period): (&str, Span)) -> Option<Watch> {
    let mut metrics: Vec<ServiceMetric> = Vec::new();
    let expression = Expression::parse(text, &mut |name| {
        let metric = metric_named(lower, name)?;
        let known = metrics.iter().position(|it| *it == metric);
        Ok(known.unwrap_or_else(|| {
            metrics.push(metric);
            metrics.len() - 1
        }))
    });
    match expression {
        Ok(_) if metrics.is_empty() => {
            let message = "`expression` has no metric in it";
            let hint = "such as `queue.orders.visible / max(service.worker.running, 1)`";
            lower.problems.push(view.error("expression", message).hint(hint));
            None
        }
        Ok(expression) => {
            Some(Watch { name: text.to_string(), unit: "", period, metrics, expression })
        }
        Err(message) => {
            let message = format!("`expression`: {message}");
            let hint = "write it like `queue.orders.visible / max(service.worker.running, 1)`";
            lower.problems.push(view.error("expression", message).hint(hint));
            None
        }
    }
}

/// Returns the metric that an expression calls so.
fn metric_named(lower: &Lower, name: &str) -> Result<ServiceMetric, String> {
    let parts = name.split_once('.').and_then(|(kind, rest)| {
        let (thing, metric) = rest.rsplit_once('.')?;
        Some((kind, thing, metric))
    });
    let Some((kind, thing, metric)) = parts else {
        return Err(format!("`{name}` is no metric; those are like `service.web.cpu`"));
    };
    let of = |metrics: &[&str]| {
        let all: Vec<String> = metrics.iter().map(|it| format!("{kind}.{thing}.{it}")).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        Err(format!("`{name}` is no metric; there are {}", listed(&all)))
    };
    match kind {
        "service" => match lower.services.get(thing).copied() {
            None => Err(format!("there is no service `{thing}`")),
            Some(service) => match metric {
                "cpu" => Ok(ServiceMetric::CpuUtilization(service)),
                "memory" => Ok(ServiceMetric::MemoryUtilization(service)),
                "running" => Ok(ServiceMetric::RunningTaskCount(service)),
                _ => of(&["cpu", "memory", "running"]),
            },
        },
        "target_group" => match lower.target_groups.get(thing).copied() {
            None => Err(format!("there is no target group `{thing}`")),
            Some(group) => match metric {
                "requests" => Ok(ServiceMetric::RequestCount(group)),
                "requests_per_target" => Ok(ServiceMetric::RequestCountPerTarget(group)),
                _ => of(&["requests", "requests_per_target"]),
            },
        },
        "queue" => match queue(lower, thing) {
            None => Err(format!("there is no queue `{thing}`")),
            Some(position) if metric == "visible" => Ok(ServiceMetric::MessagesVisible(position)),
            Some(_) => of(&["visible"]),
        },
        _ => Err(format!("`{kind}` has no metrics; there are `service`, `target_group`, `queue`")),
    }
}

/// Returns the position of a queue, as the model will have it.
fn queue(lower: &Lower, name: &str) -> Option<u16> {
    let queues = lower.root().entries("queue");
    let position = queues.iter().position(|it| it.0 == name)?;
    u16::try_from(position).ok()
}

fn target_tracking(
    lower: &mut Lower,
    (view, name): (&View, &str),
    service: Ix<Service>,
) -> Option<Policy> {
    let watch = watch(lower, view, (service, Span::MINUTE));
    if !view.is_sound_at(&["target_value"]) {
        return None;
    }
    let target = value(view, "target_value");
    if target.0 <= 0 {
        let message = format!("`target_value` is {target}");
        lower.problems.push(view.error("target_value", message).hint("it must be above 0"));
        return None;
    }
    let watch = watch?;
    let factor: f64 = view.get("low_alarm_factor");
    let usual = TargetTracking::new(target, watch.period);
    let of = |alarm: Alarm, datapoints: u32, threshold| Alarm {
        threshold,
        evaluation_periods: datapoints,
        datapoints_to_alarm: datapoints,
        ..alarm
    };
    let low_datapoints = view.find("low_datapoints").unwrap_or(usual.low.evaluation_periods);
    let disable_scale_in: bool = view.get("disable_scale_in");
    if disable_scale_in {
        lower.idle(view, &["low_alarm_factor", "low_datapoints", "scale_in_cooldown"]);
    }
    let low = MetricValue((target.0 as f64 * factor).round() as i64);
    let kind = PolicyKind::TargetTracking(TargetTracking {
        target,
        disable_scale_in,
        high: of(usual.high, view.get("high_datapoints"), target),
        low: of(usual.low, low_datapoints, low),
        scale_out_cooldown: view.get("scale_out_cooldown"),
        scale_in_cooldown: view.get("scale_in_cooldown"),
    });
    Some(Policy { name: name.to_string(), watch, kind })
}

fn step_scaling(
    lower: &mut Lower,
    (view, name): (&View, &str),
    service: Ix<Service>,
) -> Option<Policy> {
    let own = view.child("alarm")?;
    let alarm = alarm_itself(lower, &own, Shortest::TwentySeconds);
    let published = match &alarm {
        Some(alarm) if alarm.period < Span::MINUTE => alarm.period,
        _ => Span::MINUTE,
    };
    let watch = watch(lower, &own, (service, published));
    let adjustment_type = adjustment_type(lower, view)?;
    let steps = steps(lower, view, adjustment_type)?;
    let (alarm, watch) = (alarm?, watch?);
    let is_of_ecs = watch.metrics.iter().all(|it| {
        matches!(it, ServiceMetric::CpuUtilization(_) | ServiceMetric::MemoryUtilization(_))
    });
    if published < Span::MINUTE && !is_of_ecs {
        let message = "this metric has a data point each minute, not each 20 s";
        lower.problems.push(own.error("period", message).hint("write a multiple of 60 s"));
    }
    let kind = PolicyKind::Step {
        alarm,
        adjustment_type,
        steps,
        aggregation: statistic(&view.get::<String>("metric_aggregation_type")),
        cooldown: view.get("cooldown"),
    };
    Some(Policy { name: name.to_string(), watch, kind })
}

fn predictive_scaling(
    lower: &mut Lower,
    (view, name): (&View, &str),
    service: Ix<Service>,
) -> Option<Policy> {
    if !view.is_sound_at(&["metric_pair", "target_value", "target_group", "max_capacity_buffer"]) {
        return None;
    }
    let target = value(view, "target_value");
    if target.0 <= 0 {
        let message = format!("`target_value` is {target}");
        lower.problems.push(view.error("target_value", message).hint("it must be above 0"));
    }
    let pair: String = view.get("metric_pair");
    let metric = match pair.as_str() {
        "ECSServiceCPUUtilization" => ServiceMetric::TotalCpu(service),
        "ECSServiceMemoryUtilization" => ServiceMetric::TotalMemory(service),
        _ => ServiceMetric::RequestCount(target_group(lower, view, service)?),
    };
    let increases = view.get::<String>("max_capacity_breach_behavior") == "IncreaseMaxCapacity";
    let buffer: Option<u32> = view.find("max_capacity_buffer");
    if buffer.is_some() && !increases {
        let message = "`max_capacity_buffer` does not go with `HonorMaxCapacity`";
        let hint =
            "write `max_capacity_breach_behavior = \"IncreaseMaxCapacity\"`, or leave it out";
        lower.problems.push(view.error("max_capacity_buffer", message).hint(hint));
    }
    let history = view.items("history");
    let history = history.iter().map(|it| MetricValue::from_f64(it.value()));
    let scales = view.get::<String>("mode") == "ForecastAndScale";
    if !scales {
        lower.idle(view, &["max_capacity_breach_behavior", "scheduling_buffer_time"]);
    }
    let kind = PolicyKind::Predictive(Predictive {
        target,
        mode: if scales { Mode::ForecastAndScale } else { Mode::ForecastOnly },
        scheduling_buffer: view.get("scheduling_buffer_time"),
        max_capacity_breach: match increases {
            true => MaxCapacityBreach::Increase { buffer_percent: buffer.unwrap_or(0) },
            false => MaxCapacityBreach::Honor,
        },
        history: Arc::new(history.collect()),
    });
    let watch = Watch::one(&format!("load of {pair}"), metric, Span::HOUR);
    Some(Policy { name: name.to_string(), watch, kind })
}

fn scheduled_action(
    lower: &mut Lower,
    (view, name): (&View, &str),
    bounds: (u32, u32),
) -> Option<ScheduledScaling> {
    if !view.is_sound_at(&["schedule", "time_zone", "min_capacity", "max_capacity"]) {
        return None;
    }
    let (min, max): (Option<u32>, Option<u32>) =
        (view.find("min_capacity"), view.find("max_capacity"));
    if min.is_none() && max.is_none() {
        let hint = "write `min_capacity` or `max_capacity`";
        lower.problems.push(view.error_here("this scheduled action changes nothing").hint(hint));
    }
    let (least, most) = (min.unwrap_or(bounds.0), max.unwrap_or(bounds.1));
    if least > most && bounds.0 <= bounds.1 {
        let key = if min.is_some() { "min_capacity" } else { "max_capacity" };
        let message = format!("`min_capacity` is {least} then, more than `max_capacity`, {most}");
        let hint = "write both of them, the greater as `max_capacity`";
        lower.problems.push(view.error(key, message).hint(hint));
    }
    let text: String = view.get("schedule");
    let calendar = calendar(lower, view)?;
    let schedule = match Schedule::parse(&text) {
        Ok(schedule) => schedule,
        Err(error) => {
            let part = text.get(error.range.clone()).unwrap_or("");
            let message = task::mistake(&text, part, &error.message);
            lower.problems.push(view.error("schedule", message).hint(error.hint));
            return None;
        }
    };
    let every = schedule.rate();
    warn_of_digits(lower, view, &text);
    let [start, end] = ["start_time", "end_time"].map(|key| instant(lower, view, key));
    if let (Some(from), Some(to)) = (start, end)
        && to < from
    {
        let message = "`end_time` is before `start_time`";
        lower.problems.push(view.error("end_time", message).hint("exchange them"));
    }
    let action = ScheduledScaling {
        name: name.to_string(),
        when: When::Recurring { schedule, calendar },
        every,
        start,
        end,
        min_capacity: min,
        max_capacity: max,
    };
    let run_ends = SimTime::ZERO + lower.model.duration;
    let is_sure = lower.root().is_sound_at(&["duration", "start", "time_zone"]);
    if is_sure && action.next_at_or_after(SimTime::ZERO).is_none_or(|it| it > run_ends) {
        let message = "this scheduled action does nothing: none of its times is within the run";
        let hint = "make `duration` longer, or change its times";
        let code = Code::ScheduleNeverFires;
        lower.problems.push(view.warning(code, "schedule", message).hint(hint));
    }
    Some(action)
}

/// Returns the clocks that a scheduled action goes by.
fn calendar(lower: &mut Lower, view: &View) -> Option<Calendar> {
    match lower.model.calendar.in_zone(&view.get::<String>("time_zone")) {
        Ok(calendar) => Some(calendar),
        Err(error) => {
            lower.problems.push(view.error("time_zone", error.message).hint(error.hint));
            None
        }
    }
}

fn instant(lower: &mut Lower, view: &View, key: &str) -> Option<SimTime> {
    let text: String = view.find(key)?;
    match lower.model.calendar.instant(&text) {
        Ok(at) => Some(at),
        Err(error) => {
            if lower.root().is_sound_at(&["start", "time_zone"]) {
                lower.problems.push(view.error(key, error.message).hint(error.hint));
            }
            None
        }
    }
}

/// The guide and the API do not agree on which day a digit is (A-E66).
fn warn_of_digits(lower: &mut Lower, view: &View, text: &str) {
    let day = text.strip_prefix("cron(").and_then(|it| it.split_whitespace().nth(4));
    if day.is_some_and(|it| it.starts_with(|c: char| c.is_ascii_digit())) {
        let message = "the day of the week is a digit, and 1 is Sunday here";
        let hint = "write its name, such as `TUE`";
        let problem = view.warning(Code::DayAsDigit, "schedule", message);
        lower.problems.push(problem.hint(hint));
    }
}

/// RegisterScalableTarget, at a time.
pub(super) fn register(lower: &mut Lower, view: &View) -> Option<Action> {
    let name: String = view.get("service");
    let service = *lower.services.get(&name)?;
    let Some(target) = lower.model.services[service].auto_scaling.as_deref() else {
        let is_wrong =
            lower.root().entry("service", &name).is_some_and(|it| it.is_written("auto_scaling"));
        if !is_wrong {
            let message = format!("`{name}` is no scalable target");
            let hint = "give it `auto_scaling`, and suspend all of it if need be";
            lower.problems.push(view.error("service", message).hint(hint));
        }
        return None;
    };
    let (min_capacity, max_capacity): (Option<u32>, Option<u32>) =
        (view.find("min_capacity"), view.find("max_capacity"));
    let bounds =
        (min_capacity.unwrap_or(target.min_capacity), max_capacity.unwrap_or(target.max_capacity));
    if min_capacity.is_some() || max_capacity.is_some() {
        let key = if min_capacity.is_some() { "min_capacity" } else { "max_capacity" };
        if bounds.0 > bounds.1 {
            let message = format!(
                "`min_capacity` is {} then, more than `max_capacity`, {}",
                bounds.0, bounds.1
            );
            let hint = "write both of them, the greater as `max_capacity`";
            lower.problems.push(view.error(key, message).hint(hint));
        }
    }
    let suspended = view.is_written("suspended").then(|| suspended(view));
    Some(Action::RegisterScalableTarget { service, min_capacity, max_capacity, suspended })
}

/// Looks at the scalable targets of a model in which nothing is wrong.
pub(super) fn warnings(lower: &Lower) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (ix, service) in lower.model.services.iter() {
        let Some(target) = service.auto_scaling.as_deref() else { continue };
        let Some(view) = lower.root().entry("service", &service.name) else { continue };
        let Some(own) = view.child("auto_scaling") else { continue };
        if let Scheduling::Replica { desired_count } = service.scheduling
            && !(target.min_capacity..=target.max_capacity).contains(&desired_count)
        {
            let message = format!(
                "`desired_count` is {desired_count}, and the service is moved between {} and {} at \
                 once",
                target.min_capacity, target.max_capacity
            );
            let problem = view.warning(Code::MovedWithinBounds, "desired_count", message);
            problems.push(problem.hint("change it, or the bounds of `auto_scaling`"));
        }
        if target.policies.is_empty() && target.scheduled_actions.is_empty() {
            let message = "nothing scales this service: it has neither policies nor scheduled \
                           actions";
            let hint = "add `target_tracking.cpu = {…}`, or leave `auto_scaling` out";
            let problem = view.warning(Code::NothingScales, "auto_scaling", message);
            problems.push(problem.hint(hint));
        }
        problems.extend(never_wakes(target, &own));
        problems.extend(without_usage(lower, (ix, target), &own));
        problems.extend(beside(target, &own));
    }
    problems
}

/// Returns what is written of a policy.
fn written<'d>(own: &View<'d>, policy: &Policy) -> Option<View<'d>> {
    TABLES.iter().find_map(|table| own.entry(table, &policy.name))
}

/// Without tasks there is neither CPU nor memory of a service to follow.
fn never_wakes(target: &ScalableTarget, own: &View) -> Option<Problem> {
    let is_blind = |it: &Policy| {
        it.watch.metrics.iter().any(|it| {
            matches!(it, ServiceMetric::CpuUtilization(_) | ServiceMetric::MemoryUtilization(_))
        })
    };
    let sleeps = target.least() == 0 && !target.policies.is_empty();
    let raises = target.scheduled_actions.iter().any(|it| it.min_capacity > Some(0));
    if !sleeps || raises || !target.policies.iter().all(is_blind) {
        return None;
    }
    let message = "a service without tasks has no such metric, and nothing wakes it";
    let hint = "let `min_capacity` be 1 or more, or follow requests or a queue";
    Some(own.warning(Code::NeverWakes, "min_capacity", message).hint(hint))
}

/// A policy watches what has no data.
fn without_usage(
    lower: &Lower,
    (ix, target): (Ix<Service>, &ScalableTarget),
    own: &View,
) -> Vec<Problem> {
    let definition = lower.model.services[ix].task_definition;
    let containers = &lower.model.task_definitions[definition].containers;
    if containers.iter().any(|it| it.behaviour.usage.is_some()) {
        return Vec::new();
    }
    let is_blind = |it: &&Policy| {
        it.watch.metrics.iter().any(|metric| match metric {
            ServiceMetric::CpuUtilization(of)
            | ServiceMetric::MemoryUtilization(of)
            | ServiceMetric::TotalCpu(of)
            | ServiceMetric::TotalMemory(of) => *of == ix,
            ServiceMetric::RunningTaskCount(_)
            | ServiceMetric::RequestCountPerTarget(_)
            | ServiceMetric::RequestCount(_)
            | ServiceMetric::MessagesVisible(_) => false,
        })
    };
    let blind = target.policies.iter().filter(is_blind);
    blind
        .filter_map(|it| {
            let message = "nothing says what containers use, so this metric has no data";
            let hint =
                "write `usage.NAME = { cpu = …, memory = … }` in [behaviour.…], NAME a container";
            let problem = written(own, it)?.warning_here(Code::TracksWithoutUsage, message);
            Some(problem.hint(hint))
        })
        .collect()
}

/// A step policy that scales in takes away what target tracking has added.
fn beside(target: &ScalableTarget, own: &View) -> Option<Problem> {
    let tracks = |it: &Policy| matches!(it.kind, PolicyKind::TargetTracking(_));
    let tracked = target.policies.iter().find(|it| tracks(it))?;
    let step = target.policies.iter().find(|it| match &it.kind {
        PolicyKind::Step { steps, .. } => steps.iter().any(|it| it.adjustment < 0),
        PolicyKind::TargetTracking(_) | PolicyKind::Predictive(_) | PolicyKind::Own(_) => false,
    })?;
    let message = format!(
        "`{}` takes tasks away whether `{}` is ready to scale in or not",
        step.name, tracked.name
    );
    let hint = "leave scaling in to one of them";
    Some(written(own, step)?.warning_here(Code::TracksAlone, message).hint(hint))
}

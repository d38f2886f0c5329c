//! What services and submitters say, in ECS's own words.

use std::fmt::Write;

use crate::ecs::capacity::credits::Stage;
use crate::ecs::capacity::group::PurchaseOption;
use crate::ecs::capacity::reservation::{Decision, Limit, Reservation};
use crate::ecs::model::{AutoScalingGroup, HostFailure, Model, Source};
use crate::ecs::scaling::alarm::{Alarm, Comparison, MetricValue};
use crate::ecs::scaling::group::{Holds, PolicyKind, Proposal, ScalingPolicy};
use crate::ecs::{AfterFailure, FailedChecks, FailureReason, GroupEvent, ManagedChange, ZoneTasks};
use crate::engine::Ix;
use crate::units::Span;

use super::log::{EventRow, Happening, InstanceName, Refusal, Speaker};
use super::scaling::scaling_event;

/// Task ids that one sentence lists; ECS starts tasks in batches of ten.
const IDS_LISTED: u64 = 10;

/// What a service says that has used up a rate of its account.
const THROTTLED: &str = "operations are being throttled. Will try again later.";

/// Returns an id for display, as ECS's look: 32 hexadecimal digits.
///
/// It is made up from the number of the task, and means nothing to AWS.
pub fn task_id(number: u64) -> String {
    let high = scramble(number);
    let low = scramble(high ^ number);
    format!("{high:016x}{low:016x}")
}

fn scramble(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Returns the code that RunTask gives for a failure.
///
/// Source: ECS Developer Guide, API failure reasons (2026).
pub const fn failure_code(reason: FailureReason) -> &'static str {
    match reason {
        FailureReason::Cpu => "RESOURCE:CPU",
        FailureReason::Memory => "RESOURCE:MEMORY",
        FailureReason::Gpu => "RESOURCE:GPU",
        FailureReason::Ports(_) => "RESOURCE:PORTS",
        FailureReason::Eni | FailureReason::Address => "RESOURCE:ENI",
        FailureReason::Agent => "AGENT",
        FailureReason::Attribute => "ATTRIBUTE",
        FailureReason::Location => "LOCATION",
        FailureReason::MemberOf => "MemberOf placement constraint unsatisfied",
        FailureReason::DistinctInstance => "DistinctInstance placement constraint unsatisfied",
        FailureReason::NoInstances => "No Container Instances were found in your cluster",
        FailureReason::VcpuQuota => {
            "You've reached the limit on the number of vCPUs you can run concurrently"
        }
        FailureReason::ProvisioningLimit => "tasks provisioning capacity limit",
        FailureReason::Capacity => {
            "Capacity is unavailable at this time. Please try again later or in a different \
             availability zone"
        }
    }
}

/// Writes an event as the ECS console does: `(service web) has reached a steady state.`
///
/// Shapes: ECS Developer Guide, service event messages (2026). What AWS would not say stands in
/// brackets at the end.
pub fn sentence(row: &EventRow, model: &Model) -> String {
    let mut text = speaker(row.speaker, model);
    match row.happening {
        Happening::StartedTasks { count, first } => {
            let _ = write!(text, "has started {count} tasks:"); // a String takes anything
            list_tasks(&mut text, u64::from(count), first);
        }
        Happening::StoppedTasks { count, first } => {
            let _ = write!(text, "has stopped {count} running tasks:");
            // They do not follow each other, so one stands for all.
            list_tasks(&mut text, u64::from(count.min(1)), first);
            if count > 1 {
                text.truncate(text.trim_end_matches('.').len());
                text.push_str(" …");
            }
        }
        Happening::StoppedPendingTasks { count } => {
            let _ = write!(text, "stopped {count} pending tasks.");
        }
        Happening::RegisteredTargets { .. }
        | Happening::DeregisteredTargets { .. }
        | Happening::DrainingConnections { .. }
        | Happening::TargetUnhealthy { .. } => targets(&mut text, row.happening, model),
        Happening::SteadyState => text.push_str("has reached a steady state."),
        Happening::UnableToPlace { refusal, .. } => unable_to_place(&mut text, &refusal, model),
        Happening::StartImpaired { delay } => {
            let _ = write!(
                text,
                "is unable to consistently start tasks successfully. [next attempt in {delay}]"
            );
        }
        Happening::Throttled => text.push_str(THROTTLED),
        Happening::DesiredCount { from, to } => {
            let _ = write!(text, "[desired count changed from {from} to {to}]");
        }
        Happening::ManagedScaling { reservation, running, tasks, decision } => {
            managed_scaling(&mut text, (&reservation, running, tasks), decision);
        }
        Happening::NotAzBalanced { .. }
        | Happening::AzBalanced { .. }
        | Happening::StartedToRebalance { .. }
        | Happening::StoppedToRebalance { .. }
        | Happening::UnableToRebalance { .. }
        | Happening::RebalancingStopped => rebalancing(&mut text, &row.happening, model),
        Happening::InstanceFailed { .. }
        | Happening::InstanceBack { .. }
        | Happening::ZoneOut { .. }
        | Happening::ZoneBack { .. }
        | Happening::LaunchesFail
        | Happening::LaunchesBack => fault(&mut text, row.happening, model),
        Happening::CpuCredits { instance, stage } => text += &cpu_credits(instance, stage, model),
        Happening::RunTaskFailed { .. } => run_task_failed(&mut text, row, model),
        Happening::Scaling(_)
        | Happening::GroupEvent(_)
        | Happening::ManagedInstance { .. }
        | Happening::LaunchFailed { .. } => {
            text.push_str(&of_instances(row, model).unwrap_or_default());
        }
        Happening::Fallback { missing, from, to } => {
            if let Speaker::Fallback(fallback) = row.speaker {
                let spec = &model.fallbacks[fallback];
                let names = [spec.service, spec.standby].map(|it| &*model.services[it].name);
                fallback_acts(&mut text, names, (missing, from, to));
            }
        }
    }
    text
}

/// Says how the CPU credits of an instance stand now.
fn cpu_credits(instance: InstanceName, stage: Stage, model: &Model) -> String {
    format!("[(container-instance {}) {}]", instance.text(model), credit_stage(stage))
}

/// Says how the CPU credits of an instance stand; the words are ours.
pub const fn credit_stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Covered => "has the CPU that is asked for, and owes no CPU credits",
        Stage::Throttled => "has no CPU credits left, and is held to its baseline",
        Stage::Surplus => "spends CPU credits that it has not earned",
        Stage::Charged => "owes all the CPU credits it can earn in 24 h: each more is charged",
    }
}

/// Says what a group or Managed Instances do with instances.
fn of_instances(row: &EventRow, model: &Model) -> Option<String> {
    if let (Happening::GroupEvent(event), Speaker::AutoScalingGroup(group)) =
        (row.happening, row.speaker)
    {
        return Some(group_event(event, group, model));
    }
    if let (Happening::Scaling(event), Speaker::Service(service)) = (row.happening, row.speaker) {
        return Some(scaling_event(&event, service, model));
    }
    if let Happening::LaunchFailed { pool, reason } = row.happening {
        let pool = &model.pools[pool];
        let class = &model.classes[*pool.classes.first()?];
        let (kind, zone) = (&class.instance_type, &model.zones[pool.zone].name);
        let option = class.purchase_option();
        let how = match option {
            PurchaseOption::OnDemand => "on demand",
            PurchaseOption::Spot => "as Spot",
        };
        return Some(format!("[{}: no {kind} {how} in {zone}]", reason.code(option)));
    }
    let Happening::ManagedInstance { instance, why, first } = row.happening else { return None };
    Some(managed_instance((instance?, first), why, model))
}

/// Writes what a service says of its target groups.
///
/// Shapes: ECS Developer Guide, service event messages, save for the port of one that is unhealthy.
fn targets(text: &mut String, happening: Happening, model: &Model) {
    let name = |group| &model.target_groups[group].name;
    if let Happening::RegisteredTargets { count, group } = happening {
        let _ = write!(text, "registered {count} targets in (target-group {})", name(group));
    } else if let Happening::DeregisteredTargets { count, group } = happening {
        let _ = write!(text, "deregistered {count} targets in (target-group {})", name(group));
    } else if let Happening::DrainingConnections { count } = happening {
        let _ = write!(text, "has begun draining connections on {count} tasks.");
    } else if let Happening::TargetUnhealthy { task, group } = happening {
        if let Some(task) = task {
            let _ = write!(text, "(task {}) ", task_id(task));
        }
        let group = name(group);
        let _ = write!(text, "is unhealthy in (target-group {group}) due to ");
        text.push_str("(reason Health checks failed)");
    }
}

/// Writes what a controller of the user's own does; the sentence is ours.
fn fallback_acts(
    text: &mut String,
    [service, standby]: [&str; 2],
    (missing, from, to): (u32, u32, u32),
) {
    let _ = match missing {
        0 => write!(text, "[{service} is whole: "),
        1 => write!(text, "[1 task of {service} has no place: "),
        _ => write!(text, "[{missing} tasks of {service} have no place: "),
    };
    let _ = write!(text, "desired count of {standby} from {from} to {to}]");
}

/// Writes what has failed, or works again; the sentences are ours.
fn fault(text: &mut String, happening: Happening, model: &Model) {
    let name = |it: Option<InstanceName>| it.map(|it| it.text(model)).unwrap_or_default();
    if let Happening::InstanceFailed { instance, failure } = happening {
        let what = match failure {
            HostFailure::Terminated => "is gone",
            HostFailure::Hung => "hangs",
            HostFailure::AgentDisconnected => "has no agent connected",
        };
        let _ = write!(text, "[(container-instance {}) {what}]", name(instance));
    } else if let Happening::InstanceBack { instance } = happening {
        let _ = write!(text, "[(container-instance {}) works again]", name(instance));
    } else if let Happening::ZoneOut { zone, instances, tasks } = happening {
        let zone = &model.zones[zone].name;
        let _ = write!(text, "[{zone} is out: {instances} instances");
        if tasks > 0 {
            let _ = write!(text, " and {tasks} tasks on Fargate");
        }
        text.push(']');
    } else if let Happening::ZoneBack { zone } = happening {
        let _ = write!(text, "[{} is back]", model.zones[zone].name);
    } else if let Happening::LaunchesFail = happening {
        text.push_str("[no instance can be launched]");
    } else {
        text.push_str("[instances can be launched again]");
    }
}

/// Returns who speaks, as a sentence begins.
fn speaker(speaker: Speaker, model: &Model) -> String {
    match speaker {
        Speaker::Service(service) => format!("(service {}) ", model.services[service].name),
        Speaker::Submitter(submitter) => format!("(RunTask {}) ", model.submitters[submitter].name),
        Speaker::CapacityProvider(ix) => {
            format!("(capacity provider {}) ", model.capacity_providers[ix].name)
        }
        Speaker::Fault(ix) => format!("(fault {}) ", model.faults[ix].name),
        Speaker::AutoScalingGroup(ix) => {
            format!("(Auto Scaling group {}) ", model.auto_scaling_groups[ix].name)
        }
        Speaker::Fallback(ix) => format!("(fallback {}) ", model.fallbacks[ix].name),
        Speaker::Fleet(ix) => format!("(container instances {}) ", model.fleets[ix].name),
    }
}

/// Writes that RunTask found no room, and what its caller does then.
fn run_task_failed(text: &mut String, row: &EventRow, model: &Model) {
    let Happening::RunTaskFailed { row: number, missing, refusal, then } = row.happening else {
        return;
    };
    let _ = write!(text, "{}: ", failure_code(refusal.reason));
    let tasks = if missing == 1 { "task" } else { "tasks" };
    let _ = write!(text, "no room for {missing} {tasks}");
    if let Speaker::Submitter(submitter) = row.speaker {
        let source = &model.submitters[submitter].source;
        let kind = match source {
            Source::Trace(_) => "row",
            Source::Schedule { .. } => "firing",
        };
        let _ = write!(text, " of {kind} {}", source.row_number(number));
    }
    add_checks(text, &refusal.failed);
    match then {
        AfterFailure::RetryIn(delay) => {
            let _ = write!(text, "; tries again in {}", rounded(delay));
        }
        AfterFailure::Waits => text.push_str("; waits for room"),
        AfterFailure::GivesUp => text.push_str("; gives up"),
    }
}

/// Writes what a service says of its balance over zones.
///
/// Shapes: ECS Developer Guide, service-rebalancing-event-messages-list (2026). Assumed: the words
/// of `SERVICE_REBALANCING_STOPPED`.
fn rebalancing(text: &mut String, happening: &Happening, model: &Model) {
    let name = |zone| &model.zones[zone].name;
    if let Happening::NotAzBalanced { tasks } = happening {
        text.push_str("is not AZ balanced with ");
        list_zones(text, tasks, model);
        text.push_str(" AZ Rebalancing in progress.");
    } else if let Happening::AzBalanced { tasks } = happening {
        text.push_str("is AZ balanced with ");
        list_zones(text, tasks, model);
    } else if let Happening::StartedToRebalance { task, zone } = *happening {
        let _ = write!(text, "has started 1 tasks in {} to AZ Rebalance:", name(zone));
        list_tasks(text, 1, task);
    } else if let Happening::StoppedToRebalance { task, zone } = *happening {
        let zone = name(zone);
        let _ = write!(text, "has stopped 1 running tasks in {zone} due to AZ rebalancing:");
        list_tasks(text, 1, task);
    } else if let Happening::UnableToRebalance { provider, zone } = *happening {
        let _ = write!(text, "is unable to place a task in {}", name(zone));
        text.push_str(match provider.uses_instances() {
            true => " because no container instance met all of its requirements.",
            false => ".",
        });
    } else {
        text.push_str("stopped AZ Rebalancing.");
    }
}

/// Lists how many tasks are where: `2 tasks in eu-west-1a, 1 tasks in eu-west-1b.`
fn list_zones(text: &mut String, tasks: &ZoneTasks, model: &Model) {
    let zones = tasks.iter().map(|(zone, count)| {
        let name = &model.zones[zone].name;
        format!("{count} tasks in {name}")
    });
    let zones: Vec<String> = zones.collect();
    text.push_str(&zones.join(", "));
    text.push('.');
}

/// Rounds a pause to about two digits, as people say it.
fn rounded(span: Span) -> Span {
    let step = match span {
        span if span < Span::SECOND => Span::millis(10),
        span if span < Span::secs(10) => Span::millis(100),
        _ => Span::SECOND,
    };
    let (micros, step) = (span.as_micros(), step.as_micros());
    Span::micros(micros.saturating_add(step / 2) / step * step)
}

fn list_tasks(text: &mut String, count: u64, first: Option<u64>) {
    let Some(first) = first else { return text.push('.') };
    for number in first..first + count.min(IDS_LISTED) {
        let _ = write!(text, " (task {})", task_id(number));
    }
    text.push_str(if count > IDS_LISTED { " …" } else { "." });
}

fn unable_to_place(text: &mut String, refusal: &Refusal, model: &Model) {
    if matches!(refusal.reason, FailureReason::VcpuQuota | FailureReason::Capacity) {
        let _ =
            write!(text, "was unable to place a task. Reason: {}.", failure_code(refusal.reason));
        return;
    }
    if refusal.reason == FailureReason::ProvisioningLimit {
        text.push_str(
            "was unable to place tasks in your cluster because the tasks provisioning capacity \
             limit was exceeded.",
        );
        return;
    }
    // On Fargate there is no container instance to speak of.
    if refusal.reason == FailureReason::Address && refusal.closest.is_none() {
        let code = failure_code(refusal.reason);
        let _ = write!(
            text,
            "was unable to place a task. Reason: {code}. [no free address in its subnets]"
        );
        return;
    }
    text.push_str(
        "was unable to place a task because no container instance met all of its requirements.",
    );
    match refusal.closest {
        Some(closest) => closest_instance(text, refusal.reason, closest, model),
        None => {
            let _ = write!(text, " Reason: {}.", failure_code(refusal.reason));
        }
    }
    add_checks(text, &refusal.failed);
}

/// Says what an Auto Scaling group has done; the sentences are ours.
pub fn group_event(event: GroupEvent, ix: Ix<AutoScalingGroup>, model: &Model) -> String {
    let group = &model.auto_scaling_groups[ix];
    match event {
        GroupEvent::LaunchAbandoned => {
            "[a lifecycle hook has abandoned the launch of an instance]".to_string()
        }
        GroupEvent::ScheduledAction { action, min_size, max_size, from, to } => {
            let action = group.scheduled_actions.get(usize::from(action));
            let name = action.map_or("", |it| it.name.as_str());
            format!(
                "[scheduled action {name}: desired capacity from {from} to {to}, {min_size} at \
                 the least and {max_size} at the most]"
            )
        }
        // The words of AWS's activities, as in containers-roadmap#1453.
        GroupEvent::ZoneRebalancing { zone, count } => format!(
            "instances were launched to balance instances in zones {} with other zones resulting \
             in more than desired number of instances in the group. [{count}]",
            model.zones[zone].name
        ),
        GroupEvent::Alarm { policy, .. }
        | GroupEvent::PolicyActs { policy, .. }
        | GroupEvent::PolicyHolds { policy, .. } => match group.policies.get(usize::from(policy)) {
            Some(policy) => policy_event(event, policy),
            None => String::new(),
        },
        GroupEvent::RefreshStarted { total } => {
            format!("[instance refresh of {total} instances begins]")
        }
        GroupEvent::RefreshRefused => {
            "[InstanceRefreshInProgress: no other instance refresh begins]".to_string()
        }
        GroupEvent::RefreshCheckpoint { percent } => {
            format!("[instance refresh has reached its checkpoint of {percent} %]")
        }
        GroupEvent::RefreshEnded { replaced } => {
            format!("[instance refresh is complete: {replaced} instances are replaced]")
        }
        GroupEvent::RefreshFailed { replaced } => format!(
            "[instance refresh has failed after {replaced} instances: no progress for an hour, or \
             14 days are over]"
        ),
    }
}

/// Says what Managed Instances do with an instance, and why; the sentence is ours.
pub fn managed_instance(
    (instance, first): (InstanceName, Option<u64>),
    why: ManagedChange,
    model: &Model,
) -> String {
    let class = &model.classes[instance.class];
    let name = format!("(container-instance {})", instance.text(model));
    let tasks = |count: u32| match count {
        1 => "1 task".to_string(),
        _ => format!("{count} tasks"),
    };
    let (kind, zone) = (&class.instance_type, &model.zones[class.zone].name);
    match why {
        ManagedChange::Launched { tasks: count, waiting, .. } => {
            let mut text = format!("[launches {name}, {kind} in {zone}, for {}", tasks(count));
            if waiting > count {
                let _ = write!(text, " of {waiting} that wait");
            }
            if let Some(first) = first {
                let _ = write!(text, ", first (task {})", task_id(first));
            }
            text + "]"
        }
        ManagedChange::Idle => format!("[ends {name}, {kind} in {zone}: it is idle]"),
        ManagedChange::FitsElsewhere { tasks: count } => format!(
            "[drains {name}, {kind} in {zone}: its {} {} on other instances]",
            tasks(count),
            if count == 1 { "fits" } else { "fit" }
        ),
        ManagedChange::TooLarge { tasks: count } => format!(
            "[drains {name}, {kind} in {zone}: a smaller type for its {} costs less]",
            tasks(count)
        ),
        ManagedChange::Expired => {
            format!("[drains {name}, {kind} in {zone}: it has reached its maximum lifetime]")
        }
    }
}

/// Says what an alarm or a scaling policy does, from which figures, and why: in our words.
fn policy_event(event: GroupEvent, policy: &ScalingPolicy) -> String {
    let ScalingPolicy { name, metric, .. } = policy;
    let metric = |value: Option<MetricValue>| match value {
        Some(value) => format!("{} is {value} %", metric.name()),
        None => format!("{} has no data", metric.name()),
    };
    if let GroupEvent::Alarm { side, state, value, .. } = event {
        let alarm = policy.alarm(side).map(alarm_words).unwrap_or_default();
        return format!("[policy {name}: alarm {alarm} is {}: {}]", state.name(), metric(value));
    }
    if let GroupEvent::PolicyActs { value, from, proposal, .. } = event {
        let Proposal { base, wanted, to } = proposal;
        let bound = match to == wanted {
            true => String::new(),
            false => format!(", within the group's sizes {to}"),
        };
        let metric = metric(value);
        let how = how(policy, base);
        return format!(
            "[policy {name}: desired capacity from {from} to {to}: {metric}; {how} {wanted}{bound}]"
        );
    }
    let GroupEvent::PolicyHolds { value, why, .. } = event else { return String::new() };
    let asked = |it: Proposal, why: &str| format!("{} {}, {why}", how(policy, it.base), it.wanted);
    let why = match why {
        Holds::AlreadyDesired(it) => asked(it, "which is desired already"),
        Holds::AtMaximum(it) => asked(it, "above the group's maximum size"),
        Holds::AtMinimum(it) => asked(it, "below the group's minimum size"),
        Holds::Outvoted(it) => asked(it, "and another policy more"),
        Holds::WarmingUp => "instances warm up, and until then none goes".to_string(),
        Holds::OthersNotReady => "other target tracking policies are not ready".to_string(),
        Holds::InProgress => "an activity of the group is not complete".to_string(),
        Holds::CoolingDown => "the cooldown is not over".to_string(),
        Holds::NoStep => "no step adjustment is for that".to_string(),
    };
    format!("[policy {name}: desired capacity stays: {}; {why}]", metric(value))
}

/// Says how a policy comes from a capacity to another one: `4 instances, 72.5 % for 50 %, make`.
fn how(policy: &ScalingPolicy, base: u32) -> String {
    match &policy.kind {
        PolicyKind::TargetTracking { target, .. } => {
            format!("to have {target} %, {base} instances must be")
        }
        PolicyKind::Step { .. } => format!("by its step, {base} instances become"),
        PolicyKind::Simple { .. } => format!("{base} instances become"),
    }
}

/// Says what an alarm is about: `above 50 % in 3 of 3 periods of 1 min`.
fn alarm_words(alarm: &Alarm) -> String {
    let side = match alarm.comparison {
        Comparison::Greater => "above",
        Comparison::GreaterOrEqual => "not below",
        Comparison::Less => "below",
        Comparison::LessOrEqual => "not above",
    };
    format!(
        "({side} {} % in {} of {} periods of {})",
        alarm.threshold, alarm.datapoints_to_alarm, alarm.evaluation_periods, alarm.period
    )
}

/// Says what managed scaling does, and why; the sentence is ours.
fn managed_scaling(
    text: &mut String,
    (reservation, running, tasks): (&Reservation, u32, u32),
    decision: Decision,
) {
    let Decision::Step { from, to, wanted, limit } = decision else { return };
    let _ = write!(
        text,
        "[desired capacity from {from} to {to}: CapacityProviderReservation is {:.1} %, {} \
         instances are needed and {running} there",
        reservation.as_percent_f64(),
        reservation.needed
    );
    if tasks > 0 {
        let _ = write!(text, ", {tasks} tasks wait");
    }
    let limit = limit.map(|limit| match limit {
        Limit::MaximumStep => "the maximum scaling step size",
        Limit::ScaleInShare => "the share that may go in one step",
        Limit::MaxSize => "the group's maximum size",
        Limit::MinSize => "the group's minimum size",
    });
    if let Some(limit) = limit {
        let _ = write!(text, "; {wanted} but for {limit}");
    }
    text.push(']');
}

fn closest_instance(
    text: &mut String,
    reason: FailureReason,
    closest: InstanceName,
    model: &Model,
) {
    let name = closest.text(model);
    let _ = write!(text, " The closest matching (container-instance {name}) ");
    match reason {
        FailureReason::Cpu => text.push_str("has insufficient CPU units available."),
        FailureReason::Memory => text.push_str("has insufficient memory available."),
        FailureReason::Ports(_) => text.push_str("is already using a port required by your task."),
        FailureReason::Attribute => text.push_str("is missing an attribute required by your task."),
        // Source: aws/containers-roadmap#1201: the full stop is inside.
        FailureReason::MemberOf | FailureReason::DistinctInstance => {
            let _ = write!(text, "encountered error \"{}.\"", failure_code(reason));
        }
        FailureReason::Gpu
        | FailureReason::Eni
        | FailureReason::Address
        | FailureReason::Agent
        | FailureReason::Location
        | FailureReason::NoInstances
        | FailureReason::VcpuQuota
        | FailureReason::ProvisioningLimit
        | FailureReason::Capacity => {
            let _ = write!(text, "encountered error \"{}\".", failure_code(reason));
        }
    }
}

/// Adds how many instances failed which check first: ` [of 12 instances 3 short of CPU, …]`.
fn add_checks(text: &mut String, failed: &FailedChecks) {
    let checks = [
        (failed.cpu, "short of CPU"),
        (failed.memory, "short of memory"),
        (failed.gpu, "short of GPUs"),
        (failed.ports, "with a port in use"),
        (failed.eni, "short of network interfaces or addresses"),
        (failed.agent, "with the agent not connected"),
        (failed.attribute, "of another operating system family or architecture"),
        (failed.location, "in another zone"),
        (failed.member_of, "excluded by memberOf"),
        (failed.distinct_instance, "with a task of the group already"),
    ];
    let total: u32 = checks.iter().map(|(count, _)| count).sum();
    if total == 0 {
        return;
    }
    let parts: Vec<String> = checks
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let plural = if total == 1 { "" } else { "s" };
    let _ = write!(text, " [of {total} instance{plural} {}]", parts.join(", "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_rounded_for_people() {
        for (micros, text) in [
            (754_881, "750 ms"),
            (996_000, "1 s"),
            (7_149_999, "7.1 s"),
            (43_599_000, "44 s"),
            (90_123_456, "1 min 30 s"),
        ] {
            assert_eq!(rounded(Span::micros(micros)).to_string(), text);
        }
    }
}

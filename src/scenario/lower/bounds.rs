//! What is too much for one run, what is more than a new account gets, and what nobody uses.

use std::collections::BTreeSet;

use crate::ecs::model::{Action, Provider, Scheduling, Service, Source, StrategyItem};
use crate::units::{Calendar, Schedule, SimTime, Span};

use super::super::View;
use super::super::suggest::did_you_mean;
use super::{Lower, task};

/// Events that the shortest task makes: created, started, ended and two between.
const EVENTS_PER_TASK: u128 = 5;

/// Firings of a schedule that are counted one by one; beyond that the rest is estimated.
const FIRINGS_COUNTED: u64 = 1_000;

/// Checks the model as a whole.
pub(super) fn check(lower: &mut Lower) {
    instances(lower);
    tasks_at_once(lower);
    tasks_in_all(lower);
    fargate_quota(lower);
    unused(lower);
}

/// Instances take memory from the beginning to the end of a run.
fn instances(lower: &mut Lower) {
    let limit: u64 = lower.root().table("limits").get("instances");
    let mut total = 0;
    for (_, view) in lower.root().entries("container_instances") {
        let count = view.get::<u64>("count");
        total += count;
        if total > limit {
            let message =
                format!("`count` is {count}, which makes {total} container instances in all");
            let hint = format!("`limits.instances` is {limit}: raise it if there is the memory");
            lower.problems.push(view.error("count", message).hint(hint));
            return;
        }
    }
}

/// The most tasks that each service wants at one time.
fn desired_most(lower: &Lower, service: &Service) -> u64 {
    let Scheduling::Replica { desired_count } = service.scheduling else { return 0 };
    let later = lower.model.actions.iter().map(|(_, action)| match *action {
        Action::SetDesiredCount { service: of, desired_count }
            if lower.model.services[of].name == service.name =>
        {
            desired_count
        }
        Action::SetDesiredCount { .. } => 0,
    });
    u64::from(later.max().unwrap_or(0).max(desired_count))
}

fn tasks_at_once(lower: &mut Lower) {
    let limit = lower.model.limits.tasks;
    let mut total = 0;
    for (_, service) in lower.model.services.iter() {
        let count = desired_most(lower, service);
        total += count;
        if total > limit {
            let view = lower.root().entry("service", &service.name);
            let view = view.expect("a service is made of its table");
            let message = format!("`desired_count` goes up to {count}, which makes {total} tasks");
            let hint = format!("`limits.tasks` is {limit}: raise it if there is the memory");
            lower.problems.push(view.error("desired_count", message).hint(hint));
            return;
        }
    }
}

/// More tasks than the run may have events for would never come to an end.
fn tasks_in_all(lower: &mut Lower) {
    let limit = u128::from(lower.model.limits.events);
    let mut problems = Vec::new();
    for (_, submitter) in lower.model.submitters.iter() {
        let (kind, name) = submitter.name.split_once('.').expect("it has the name of its table");
        let view = lower.root().entry(kind, name).expect("a submitter is made of its table");
        let (key, tasks) = match &submitter.source {
            Source::Trace(trace) => {
                ("trace", trace.count.iter().map(|&count| u128::from(count)).sum::<u128>())
            }
            Source::Schedule { schedule, calendar, count } => {
                let times = firings(schedule, calendar, lower.model.duration);
                ("schedule", u128::from(times) * u128::from(*count))
            }
        };
        if tasks.saturating_mul(EVENTS_PER_TASK) > limit {
            let message = format!(
                "it starts about {tasks} tasks, and each takes {EVENTS_PER_TASK} events or more"
            );
            let hint = format!(
                "`limits.events` is {limit}: raise it, shorten `duration`, or start fewer tasks"
            );
            problems.push(view.error(key, message).hint(hint));
        }
    }
    lower.problems.extend(problems);
}

/// Returns about how often a schedule fires in the run.
fn firings(schedule: &Schedule, calendar: &Calendar, duration: Span) -> u64 {
    let end = SimTime::ZERO + duration;
    let mut count = 0;
    let mut next = schedule.next_at_or_after(calendar, SimTime::ZERO);
    while let Some(at) = next.filter(|at| *at <= end) {
        count += 1;
        if count == FIRINGS_COUNTED && at > SimTime::ZERO {
            let share = duration.as_secs_f64() / at.as_secs_f64();
            return (FIRINGS_COUNTED as f64 * share) as u64;
        }
        next = schedule.next_after(calendar, at);
    }
    count
}

/// A new account's quota of vCPUs on Fargate is small; whoever plans with more should know.
///
/// Source: AWS General Reference, ECS quotas.
fn fargate_quota(lower: &mut Lower) {
    let view = lower.root().table("account");
    let kinds = [
        (Provider::Fargate, "fargate_on_demand_vcpu", lower.model.account.fargate_cpu_units),
        (Provider::FargateSpot, "fargate_spot_vcpu", lower.model.account.fargate_spot_cpu_units),
    ];
    for (provider, key, binding) in kinds {
        let wanted = services_vcpu(lower, provider);
        let quota: u32 = view.get(key);
        if wanted <= f64::from(quota) {
            continue;
        }
        let name = if provider == Provider::Fargate { "Fargate" } else { "Fargate Spot" };
        let problem = if binding.is_some() {
            let message = format!(
                "services want {wanted} vCPU on {name}, the quota is {quota}: not all will start"
            );
            view.warning(key, message).hint(format!("set `account.{key}` higher"))
        } else {
            let message = format!(
                "services want {wanted} vCPU on {name}; a new account has {quota} until it asks"
            );
            view.warning(key, message)
                .hint("`account.quotas = \"documented\"` simulates a new account")
        };
        lower.problems.push(problem);
    }
}

/// Returns the vCPUs that all services want of a kind of Fargate at the start.
fn services_vcpu(lower: &Lower, provider: Provider) -> f64 {
    let mut units = 0.0;
    for (_, service) in lower.model.services.iter() {
        let Scheduling::Replica { desired_count } = service.scheduling else { continue };
        let items = &lower.model.launches[service.launch].providers;
        let size = lower.model.task_definitions[service.task_definition].fargate;
        if let (Some(size), Some(item)) = (size, items.iter().find(|it| it.provider == provider)) {
            units += f64::from(size.cpu_units) * share(items, item, desired_count);
        }
    }
    (units / 10.24).round() / 100.0
}

/// Returns how many of so many tasks go to one item of a strategy, but for rounding.
fn share(items: &[StrategyItem], item: &StrategyItem, count: u32) -> f64 {
    let base: u32 = items.iter().map(|it| it.base).sum();
    let weights: u32 = items.iter().map(|it| it.weight).sum();
    let rest = count.saturating_sub(base);
    let part = f64::from(rest) * f64::from(item.weight) / f64::from(weights.max(1));
    f64::from(item.base.min(count)) + part
}

/// Names that nothing refers to are often misspelt.
fn unused(lower: &mut Lower) {
    let root = lower.root();
    if !root.is_sound() {
        return;
    }
    let mut used = BTreeSet::new();
    for table in ["service", "task", "job"] {
        for (_, owner) in root.entries(table) {
            let child = owner.child("task_definition").filter(|child| !task::is_inline(child));
            used.extend(child.map(|child| child.value::<String>()));
        }
    }
    for (name, view) in root.entries("task_definition") {
        if !used.contains(name) {
            lower.problems.push(warning(&view, "no service, task or job runs it"));
        }
    }
    for (name, view) in root.entries("image") {
        if !lower.images.contains_key(name) {
            let known = lower.images.keys().map(String::as_str);
            let problem = warning(&view, "no container has this image");
            lower.problems.push(match did_you_mean(name, known) {
                Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
                None => problem,
            });
        }
    }
}

fn warning(view: &View, message: &str) -> super::Problem {
    let problem = view.error_here(message);
    super::Problem { severity: super::super::Severity::Warning, ..problem }
}

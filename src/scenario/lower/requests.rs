//! What requests ask of tasks, and how fast vCPUs answer.

use crate::ecs::model::{
    Container, Destination, InstanceClass, Load, Model, Scheduling, Service, Serving, StartUp,
    Usage,
};
use crate::ecs::scaling::expression::ServiceMetric;
use crate::ecs::scaling::service::{Policy, PolicyKind};
use crate::engine::{Distribution, Ix, Seed};
use crate::units::{Bytes, SimTime};

use super::super::View;
use super::super::codes::Code;
use super::super::keys::Kind;
use super::super::value::{self, CpuUnits, Mib};
use super::Lower;

/// Returns what a container uses when there are no requests.
pub(super) fn idle(usage: &View) -> Usage {
    let table = |key: &str| usage.child(key).filter(|it| matches!(it.kind(), Kind::Table(_)));
    let CpuUnits(cpu_units) = table("cpu").map_or_else(|| usage.get("cpu"), |it| it.get("idle"));
    let Mib(memory_mib) = table("memory").map_or_else(|| usage.get("memory"), |it| it.get("idle"));
    Usage { cpu_units, memory_mib }
}

/// Returns what a container uses more when it begins to run.
pub(super) fn start_up(usage: &View) -> Option<StartUp> {
    let cpu = usage.child("cpu").filter(|it| matches!(it.kind(), Kind::Table(_)))?;
    let CpuUnits(cpu_units) = cpu.find("at_start")?;
    let cpu_units = cpu_units.saturating_sub(cpu.get::<CpuUnits>("idle").0);
    (cpu_units > 0).then(|| StartUp { cpu_units, lasts: cpu.get("at_start_for") })
}

/// Returns how the tasks of a definition serve requests; `None`: nothing says what one needs.
pub(super) fn serving(
    lower: &mut Lower,
    (name, definition): (&str, &View),
    (cpu_limit, containers): (Option<u32>, &[Container]),
) -> Option<Serving> {
    let behaviour = lower.root().entry("behaviour", name)?;
    let mut found: Option<(View, View)> = None;
    let mut serves = "";
    for (container, usage) in behaviour.entries("usage") {
        let cpu = usage.child("cpu").filter(|it| matches!(it.kind(), Kind::Table(_)));
        let Some(cpu) = cpu.filter(|it| it.is_written("per_request")) else { continue };
        if let Some((_, first)) = &found {
            let message = format!("requests are served by `{container}` and by another container");
            let hint = format!(
                "say `per_request` of one of them, with the time of both: {} has it already",
                first.path_of("idle").trim_end_matches(".cpu.idle")
            );
            lower.problems.push(cpu.error("per_request", message).hint(hint));
            return None;
        }
        found = Some((usage, cpu));
        serves = container;
    }
    let (usage, cpu) = found?;
    let requests = behaviour.table("requests");
    let memory = usage.child("memory").filter(|it| matches!(it.kind(), Kind::Table(_)));
    let Bytes(each) = memory.map_or(Bytes(0), |it| it.get("per_concurrent_request"));
    let container = containers.iter().position(|it| it.name == serves)?;
    let limit = memory_limit(definition, serves, containers);
    let room = limit.map(|it| u64::from(it.saturating_sub(idle(&usage).memory_mib)) * 1024 * 1024);
    Some(Serving {
        container: container as u8,
        fatal: room.and_then(|it| it.checked_div(each)).map(|it| it.min(u32::MAX.into()) as u32),
        cpu: distribution(lower, &cpu, "per_request"),
        wait: distribution(lower, &requests, "wait"),
        concurrency: requests.get("concurrency"),
        queue_limit: requests.get("queue_limit"),
        memory_kib: u32::try_from(each.div_ceil(1024)).unwrap_or(u32::MAX),
        cpu_limit,
    })
}

/// Returns how much memory a container may use before the kernel ends it, in MiB; `None`: all of
/// its instance, which is not looked at.
///
/// Source: ECS API, ContainerDefinition and RegisterTaskDefinition, `memory`. Of that of the task
/// the others take what they use without requests.
fn memory_limit(definition: &View, serves: &str, containers: &[Container]) -> Option<u32> {
    let own = definition.entry("container_definitions", serves);
    let hard = own.and_then(|it| it.find::<Mib>("memory")).map(|it| it.0);
    let others = containers.iter().filter(|it| it.name != serves);
    let used: u32 = others.filter_map(|it| it.behaviour.usage).map(|it| it.memory_mib).sum();
    let of_task = definition.find::<Mib>("memory").map(|it| it.0.saturating_sub(used));
    hard.into_iter().chain(of_task).min()
}

/// Says what is wrong with who gets requests and messages: each must know what one of them needs.
pub(super) fn check(lower: &mut Lower) {
    for (table, reads) in [("load", "requests"), ("queue", "messages")] {
        for (name, view) in lower.root().entries(table) {
            check_served(lower, &view, (table, name, reads));
        }
    }
    let model = &lower.model;
    let mut twice = Vec::new();
    for (n, (_, queue)) in model.queues.iter().enumerate() {
        let earlier = model.queues.iter().take(n).any(|it| it.1.service == queue.service);
        let loads = model.loads.iter().any(|it| goes_to(model, it.1, queue.service));
        if earlier || loads {
            let other = if earlier { "messages of another queue" } else { "requests" };
            let service = &model.services[queue.service].name;
            twice.push((queue.name.clone(), format!("`{service}` gets {other} as well")));
        }
    }
    for (name, message) in twice {
        let Some(view) = lower.root().entry("queue", &name) else { continue };
        let hint = "make a service for each: they are worked off in different ways";
        lower.problems.push(view.error("service", message).hint(hint));
    }
    check_effects(lower);
    for (name, view) in lower.root().entries("service") {
        if let Some(load) = view.child("load") {
            let Some(&service) = lower.services.get(name) else { continue };
            complain(lower, (&load, "requests", "it".to_string()), service);
        }
    }
}

/// Gives services without a desired count, which are scaled, what they need at the start.
pub(super) fn starts(lower: &mut Lower) {
    for (name, view) in lower.root().entries("service") {
        let Some(&ix) = lower.services.get(name).filter(|_| !view.is_written("desired_count"))
        else {
            continue;
        };
        let model = &lower.model;
        let Some(target) = model.services[ix].auto_scaling.as_deref() else { continue };
        let wanted = target.policies.iter().filter_map(|it| wanted(model, ix, it)).max();
        let least = wanted.unwrap_or(0).clamp(target.min_capacity, target.max_capacity);
        if let Scheduling::Replica { desired_count } = &mut lower.model.services[ix].scheduling {
            *desired_count = least;
        }
    }
}

/// Returns how many tasks a target tracking policy on CPU or requests would keep at the start.
fn wanted(model: &Model, service: Ix<Service>, policy: &Policy) -> Option<u32> {
    let PolicyKind::TargetTracking(tracking) = &policy.kind else { return None };
    let target = tracking.target.0 as f64 / 1e6;
    let luck = Seed { master: 0, replication: 0 }.luck("load at the start");
    let arrive = |is_its: &dyn Fn(&Destination) -> bool| -> f64 {
        let of_load = |it: &Load| {
            let share: f64 = it.routes.iter().filter(|it| is_its(&it.to)).map(|it| it.share).sum();
            it.rate.cursor(luck).at(&it.rate, SimTime::ZERO).0 * share
        };
        model.loads.iter().map(|(_, it)| of_load(it)).sum()
    };
    let tasks = match policy.watch.metrics[..] {
        [ServiceMetric::CpuUtilization(ix)] if ix == service => {
            let spec = &model.services[ix];
            let definition = &model.task_definitions[spec.task_definition];
            let requests = arrive(&|to| match *to {
                Destination::Service(it) => it == ix,
                Destination::TargetGroup(it) => spec.target_groups.contains(&it),
            });
            let reserved = model.requirements[definition.requirement].resources.cpu_units;
            let units = definition.fargate.map_or(reserved, |it| it.cpu_units);
            let idle = definition.containers.iter().filter_map(|it| it.behaviour.usage);
            let idle: u32 = idle.map(|it| it.cpu_units).sum();
            let each = f64::from(units) * target / 100.0 - f64::from(idle);
            requests * definition.serving.as_ref()?.cpu.mean() * 1024.0 / each.max(1e-9)
        }
        [ServiceMetric::RequestCountPerTarget(group)] => {
            arrive(&|to| *to == Destination::TargetGroup(group)) * 60.0 / target.max(1e-9)
        }
        _ => return None,
    };
    Some(tasks.ceil().clamp(0.0, 1e6) as u32)
}

/// Warns of keys of behaviour that no request is there for, and of requests on T instances.
fn check_effects(lower: &mut Lower) {
    let gets = |it: Ix<Service>| {
        let model = &lower.model;
        model.loads.iter().any(|(_, load)| goes_to(model, load, it))
            || model.queues.iter().any(|(_, queue)| queue.service == it)
    };
    let services: Vec<Ix<Service>> =
        lower.model.services.indices().filter(|&it| gets(it)).collect();
    let mut problems = Vec::new();
    // A load that is wrong in itself may be the one that is missed.
    let root = lower.root();
    let short = root.entries("service").iter().filter(|it| it.1.is_written("load")).count();
    let written = root.entries("load").len() + short + root.entries("queue").len();
    let is_whole = root.is_sound_at(&["load", "queue"])
        && written == lower.model.loads.len() + lower.model.queues.len();
    for (name, behaviour) in root.entries("behaviour").into_iter().filter(|_| is_whole) {
        let definition = lower.model.task_definitions.position(|it| it.name == name);
        let Some(definition) = definition else { continue };
        let is_served =
            services.iter().any(|&it| lower.model.services[it].task_definition == definition);
        let says = behaviour.is_written("requests")
            || lower.model.task_definitions[definition].serving.is_some();
        if says && !is_served {
            let message = "it says how requests are served, and none arrive";
            let hint =
                "write `load.requests_per_second` of a service that runs it, or leave it out";
            problems.push(behaviour.warning_here(Code::NoRequests, message).hint(hint));
        }
    }
    for &ix in &services {
        let service = &lower.model.services[ix];
        let launch = &lower.model.launches[service.launch];
        let may_use = |class: &InstanceClass| {
            class.cluster == launch.cluster
                && class.cpu_credits.is_some()
                && launch.providers.iter().any(|it| lower.model.uses(it, class))
        };
        let found =
            lower.model.classes.iter().find(|it| may_use(it.1)).map(|it| &it.1.instance_type);
        if let (Some(found), Some(view)) = (found, lower.root().entry("service", &service.name)) {
            let message = format!("it serves requests on `{found}`, at full speed without credits");
            let hint = "take another type: CPU credits are not spent on requests here";
            problems.push(view.warning_here(Code::RequestsOnCredits, message).hint(hint));
        }
    }
    lower.problems.extend(problems);
}

fn goes_to(model: &Model, load: &Load, service: Ix<Service>) -> bool {
    load.routes.iter().any(|it| match it.to {
        Destination::Service(to) => to == service,
        Destination::TargetGroup(to) => model.services[service].target_groups.contains(&to),
    })
}

fn check_served(lower: &mut Lower, view: &View, (table, name, reads): (&str, &str, &str)) {
    let model = &lower.model;
    let services: Vec<Ix<Service>> = match table {
        "load" => {
            let Some((_, load)) = model.loads.iter().find(|it| it.1.name == name) else { return };
            model.services.indices().filter(|&it| goes_to(model, load, it)).collect()
        }
        _ => model.queues.iter().filter(|it| it.1.name == name).map(|it| it.1.service).collect(),
    };
    for service in services {
        let who = format!("service `{}`", lower.model.services[service].name);
        complain(lower, (view, reads, who), service);
    }
}

/// Complains where nothing says what a request needs.
fn complain(lower: &mut Lower, (view, reads, who): (&View, &str, String), service: Ix<Service>) {
    let spec = &lower.model.services[service];
    let definition = &lower.model.task_definitions[spec.task_definition];
    if definition.serving.is_some() {
        return;
    }
    let one = reads.trim_end_matches('s');
    let message = format!("{who} gets {reads}, and nothing says what a {one} needs");
    let container = definition.containers.first().map_or("app", |it| it.name.as_str());
    let hint = format!(
        "write `behaviour.{}.usage.{container} = {{ cpu = {{ per_request = \"8 ms\" }}, memory = \
         \"300 MiB\" }}`",
        definition.name
    );
    lower.problems.push(view.error_here(message).hint(hint));
}

fn distribution(lower: &mut Lower, view: &View, key: &str) -> Distribution {
    let written: value::Distribution = view.get(key);
    let mut problems = Vec::new();
    let source = (lower.files, &mut lower.values_read);
    let made = super::distribution(&written, (view, key), source, &mut problems);
    lower.problems.append(&mut problems);
    made
}

/// Says how fast vCPUs are.
pub(super) fn speeds(lower: &mut Lower) {
    let view = lower.root();
    for (name, speed) in view.entries("cpu_speed") {
        let value: f64 = speed.value();
        let mut is_used = false;
        if name == "FARGATE" {
            (lower.model.fargate_cpu_speed, is_used) = (value, true);
        }
        let is_family = |class: &InstanceClass| {
            class.instance_type.split_once('.').is_some_and(|(family, _)| family == name)
        };
        // What is said of a type goes before what is said of its family.
        let has_own =
            |class: &InstanceClass| view.entry("cpu_speed", &class.instance_type).is_some();
        for ix in lower.model.classes.indices() {
            let class = &mut lower.model.classes[ix];
            if class.instance_type == name || (is_family(class) && !has_own(class)) {
                class.cpu_speed = value;
                is_used = true;
            }
        }
        if !is_used {
            let message = format!("`{name}` is no instance type or family of this scenario");
            let hint = "it is a type such as `m7g.large`, a family such as `m7g`, or `FARGATE`";
            lower.problems.push(speed.error_here(message).hint(hint));
        }
    }
}

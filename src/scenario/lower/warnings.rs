//! What is allowed and probably not meant: nothing that runs, names that nothing uses, places that
//! do not exist, daemons that cannot all be there.

use std::collections::BTreeSet;

use crate::ecs::model::{
    Action, Architecture, InitialState, InstanceClass, InstanceLaunchType, Launch, Model, Os,
    PlacementConstraint, PlacementStrategy, Provider, Requirement, Scheduling, Service, Source,
    StrategyItem, TaskDefinition,
};
use crate::ecs::provider_targets;
use crate::engine::Ix;
use crate::units::Resources;

use super::super::codes::Code;
use super::super::problems::{Severity, Where, listed, number};
use super::super::suggest::did_you_mean;
use super::super::{Problem, View};
use super::bounds::desired_most;
use super::cluster::GIVEN_ATTRIBUTES;
use super::job::room_for;
use super::launch::{hosts, may_host, may_take};
use super::{
    Lower, capacity_warnings, cpu_credits, ec2_quota, load, scaling, service_scaling, task,
};

/// Looks at the model as a whole.
pub(super) fn check(lower: &mut Lower) {
    fargate_quota(lower);
    unused(lower);
    nothing_runs(lower);
    starts_that_are_over(lower);
    failures_without_an_end(lower);
    places(lower);
    crowded_daemons(lower);
    let is_wrong = lower.problems.iter().any(|it| it.severity == Severity::Error);
    if !is_wrong && !lower.document.problems.has_errors() {
        too_many(lower);
        any_architecture(lower);
        idle_fleets(lower);
        load::check(lower);
        capacity_warnings::check(lower);
        cpu_credits::check(lower);
        ec2_quota::check(lower);
        let of_policies = scaling::warnings(lower);
        lower.problems.extend(of_policies);
        let of_services = service_scaling::warnings(lower);
        lower.problems.extend(of_services);
    }
}

/// A service that its instances cannot hold even if they were empty never has all its tasks.
fn too_many(lower: &mut Lower) {
    let model = &lower.model;
    let most = desired_most(lower);
    let mut problems = Vec::new();
    for (ix, service) in model.services.iter() {
        let Scheduling::Replica { desired_count } = service.scheduling else { continue };
        let launch = &model.launches[service.launch];
        let on_instances = launch.providers.iter().all(|it| it.provider.uses_instances());
        // Where no instance meets the constraints, that is said.
        if !on_instances || hosts(model, service.launch) == 0 {
            continue;
        }
        let requirement = model.task_definitions[service.task_definition].requirement;
        let Some(view) = lower.root().entry("service", &service.name) else { continue };
        let wanted = most.get(&ix).copied().unwrap_or(0);
        let Some(short) = short_of_room(model, launch, (requirement, wanted)) else { continue };
        let room = number(short.room);
        let message = |what: &str| match short.provider {
            Some(provider) => format!(
                "it wants {} tasks{what}, {} of them on the capacity provider `{provider}`, whose \
                 instances hold {room} at most, even empty",
                number(wanted),
                number(short.share),
            ),
            None => format!(
                "it wants {} tasks{what}; its instances hold {room} of them at most, even empty",
                number(wanted),
            ),
        };
        let code = Code::TooManyTasks;
        let problem = match u64::from(desired_count) == wanted {
            true => view.warning(code, "desired_count", message("")),
            false => match update_to(lower, &service.name, wanted) {
                Some((at, update)) => {
                    let subject = format!("service `{}`", service.name);
                    let what = format!(" from `at.{at}` on");
                    update.warning(code, "desired_count", message(&what)).about(subject)
                }
                None => view.warning(code, "desired_count", message(" later")),
            },
        };
        let hint = "give its cluster more or larger instances, or let tasks ask for less";
        problems.push(problem.hint(hint));
    }
    lower.problems.extend(problems);
}

/// Where a service has too little room.
struct Short<'m> {
    /// The capacity provider, if the service has several.
    provider: Option<&'m str>,
    /// How many of its tasks go there.
    share: u64,
    /// How many it holds.
    room: u64,
}

/// Finds the first item of a strategy whose instances cannot hold its share of so many tasks: a
/// task does not go to another one instead.
fn short_of_room<'m>(
    model: &'m Model,
    launch: &Launch,
    (requirement, wanted): (Ix<Requirement>, u64),
) -> Option<Short<'m>> {
    let items = &launch.providers;
    let shares = provider_targets(items, u32::try_from(wanted).unwrap_or(u32::MAX));
    items.iter().zip(shares).find_map(|(item, share)| {
        let alone = Launch { providers: vec![*item], ..launch.clone() };
        let room = room_for(model, &alone, (requirement, None));
        let provider = item.capacity_provider.filter(|_| items.len() > 1);
        let provider = provider.map(|ix| model.capacity_providers[ix].name.as_str());
        let share = u64::from(share);
        (share > room).then_some(Short { provider, share, room })
    })
}

/// An image for one architecture does not run on the other. Windows knows one only.
fn any_architecture(lower: &mut Lower) {
    let mut problems = Vec::new();
    for (table, name, definition, launch) in lower.launching() {
        let model = &lower.model;
        let definition = &model.task_definitions[definition];
        if definition.os == Os::Windows {
            continue;
        }
        let (launch, wanted) = (&model.launches[launch], definition.requirement);
        let wanted = &model.requirements[wanted];
        let of = |architecture| {
            model.classes.iter().map(|(_, class)| class).find(|class| {
                class.architecture == architecture
                    && may_host(model, launch, class)
                    && may_take(class, launch, wanted)
            })
        };
        let (Some(x86), Some(arm)) = (of(Architecture::X86_64), of(Architecture::Arm64)) else {
            continue;
        };
        let Some(view) = lower.root().entry(table, name) else { continue };
        let message = format!(
            "its tasks may go to x86_64 and to ARM64 instances (`{}` and `{}`), and an image for \
             one of them ends on the other with `exec format error`",
            x86.instance_type, arm.instance_type
        );
        let hint = "write `runtime_platform.cpu_architecture` into the task definition, or a \
                    placement constraint; images for both need neither";
        let problem = view.warning(Code::AnyArchitecture, "task_definition", message);
        problems.push(problem.hint(hint));
    }
    lower.problems.extend(problems);
}

/// Finds the change that gives a service so many tasks.
fn update_to<'a>(lower: &Lower<'a>, service: &str, count: u64) -> Option<(&'a str, View<'a>)> {
    let updates = lower.root().entries("at").into_iter();
    updates.map(|(at, view)| (at, view.table("update_service"))).find(|(_, update)| {
        update.get::<String>("service") == service && update.get::<u64>("desired_count") == count
    })
}

/// Instances that nothing is launched on cost all the same.
fn idle_fleets(lower: &mut Lower) {
    let used: Vec<&Launch> = launches(lower).into_iter().map(|(_, _, launch)| launch).collect();
    if used.is_empty() {
        return;
    }
    let mut problems = Vec::new();
    for (ix, fleet) in lower.model.fleets.iter() {
        let is_used = fleet.classes.iter().any(|&class| {
            let class = &lower.model.classes[class];
            let here = |it: &&&Launch| {
                may_host(&lower.model, &Launch { constraints: Vec::new(), ..(**it).clone() }, class)
            };
            used.iter().find(here).is_some()
        });
        let Some(view) = lower.fleet_view(ix) else { continue };
        if !is_used {
            let hint = "launch something there, or leave these instances out";
            let message = "nothing in its cluster is launched on it";
            problems.push(view.warning_here(Code::IdleInstances, message).hint(hint));
        }
    }
    lower.problems.extend(problems);
}

/// Whoever forgets the work gets the bill of an empty cluster.
fn nothing_runs(lower: &mut Lower) {
    let root = lower.root();
    let has_any = ["service", "task", "job"].iter().any(|table| !root.entries(table).is_empty());
    let is_wrong = lower.problems.iter().any(|it| it.severity == Severity::Error);
    if has_any || is_wrong || lower.document.problems.has_errors() {
        return;
    }
    let message = "nothing runs: there is no service, no task and no job";
    let hint = "write a table [service.…], [task.…] or [job.…]";
    lower.problems.push(Problem::warning(Code::NothingRuns, Where::Run, message).hint(hint));
}

/// Starts that fail change nothing where all tasks run from the beginning and none ends.
fn starts_that_are_over(lower: &mut Lower) {
    if lower.model.initial_state != InitialState::Steady {
        return;
    }
    let mut problems = Vec::new();
    for (ix, service) in lower.model.services.iter() {
        let definition = &lower.model.task_definitions[service.task_definition];
        let behaviours = || definition.containers.iter().map(|it| &it.behaviour);
        let fails = behaviours().any(|it| it.start_failure_rate > 0.0);
        let ends = behaviours().any(|it| it.run_time.is_some() || it.crash_rate_per_hour > 0.0);
        let changes = lower.model.actions.iter().any(|(_, action)| match action {
            Action::SetDesiredCount { service, .. }
            | Action::RegisterScalableTarget { service, .. } => *service == ix,
            Action::SetDesiredCapacity { .. }
            | Action::InsufficientCapacity(_)
            | Action::StartInstanceRefresh(_) => false,
        });
        let Some(view) = lower.root().entry("behaviour", &definition.name) else { continue };
        let scales = service.auto_scaling.is_some();
        if fails && !ends && !changes && !scales {
            let message = format!(
                "`start_failure_rate` has no effect on the service `{}`: its tasks run when the \
                 run begins, and nothing ends them",
                service.name
            );
            let hint = "write `initial_state = \"cold\"`, or a `crash_rate`";
            let problem = view.warning(Code::StartFailuresInVain, "start_failure_rate", message);
            problems.push(problem.hint(hint));
        }
    }
    lower.problems.extend(problems);
}

/// Failures are of runs that end by themselves.
fn failures_without_an_end(lower: &mut Lower) {
    let mut problems = Vec::new();
    for (ix, definition) in lower.model.task_definitions.iter() {
        let has_end = lower.model.submitters.iter().any(|(_, submitter)| {
            let times_rows =
                matches!(&submitter.source, Source::Trace(trace) if !trace.duration.is_empty());
            submitter.task_definition == ix && times_rows
        });
        let in_vain = definition.containers.iter().any(|container| {
            let behaviour = &container.behaviour;
            behaviour.failure_rate > 0.0 && behaviour.run_time.is_none()
        });
        let Some(view) = lower.root().entry("behaviour", &definition.name) else { continue };
        if in_vain && !has_end && view.is_written("failure_rate") {
            let message = "`failure_rate` has no effect: it is of runs that end, and these do not";
            let hint = "write `run_time`, or `crash_rate` for what fails at any time";
            let problem = view.warning(Code::FailuresInVain, "failure_rate", message);
            problems.push(problem.hint(hint));
        }
    }
    lower.problems.extend(problems);
}

/// Everything that launches tasks: its table, its name there, how it does it.
fn launches<'a>(lower: &'a Lower) -> Vec<(&'a str, &'a str, &'a Launch)> {
    let launches = &lower.model.launches;
    let all = lower.launching().into_iter();
    all.map(|(table, name, _, launch)| (table, name, &launches[launch])).collect()
}

/// A rule about an attribute that no instance has is often misspelt.
fn places(lower: &mut Lower) {
    let is_sure = lower.root().is_sound_at(&[
        "container_instances",
        "auto_scaling_group",
        "instance_type",
        "cluster",
    ]);
    if !is_sure || lower.has_unknown_instances {
        return;
    }
    let mut problems = Vec::new();
    for (table, name, launch) in launches(lower) {
        let Some(view) = lower.root().entry(table, name) else { continue };
        let anywhere = Launch { constraints: Vec::new(), ..launch.clone() };
        let classes = lower.model.classes.iter().map(|(_, class)| class);
        let there: Vec<&InstanceClass> =
            classes.filter(|it| may_host(&lower.model, &anywhere, it)).collect();
        if there.is_empty() {
            continue;
        }
        let unsaid = unsaid(launch, &view, &there);
        if !unsaid.is_empty() {
            problems.extend(unsaid);
            continue;
        }
        for rule in &launch.strategy {
            let PlacementStrategy::SpreadAttribute(attribute) = rule else { continue };
            if there.iter().all(|class| class.attribute(attribute).is_none()) {
                let message = format!(
                    "it spreads over `attribute:{attribute}`, which none of its instances has"
                );
                let problem = view.warning(Code::SpreadOverNothing, "placement_strategy", message);
                problems.push(problem.hint(known_attributes(attribute, &there)));
            }
        }
        let is_free = |it: &PlacementConstraint| matches!(it, PlacementConstraint::MemberOf(_));
        let has_expressions = launch.constraints.iter().any(is_free);
        if has_expressions && !there.iter().any(|class| may_host(&lower.model, launch, class)) {
            let message = "no instance meets its placement constraints: no task will be placed";
            let hint = known_attributes("", &there);
            let problem = view.warning(Code::NoInstanceMeets, "placement_constraints", message);
            problems.push(problem.hint(hint));
        }
    }
    lower.problems.extend(problems);
}

/// What AWS knows of an EC2 instance and the scenario does not say cannot choose among instances.
fn unsaid(launch: &Launch, view: &View, there: &[&InstanceClass]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for attribute in GIVEN_ATTRIBUTES.into_iter().chain(["ecs.subnet-id"]) {
        let lacks = |class: &&&InstanceClass| {
            class.launch_type == InstanceLaunchType::Ec2 && class.attribute(attribute).is_none()
        };
        let asks = |it: &PlacementConstraint| match it {
            PlacementConstraint::MemberOf(query) => query.asks_for(attribute),
            PlacementConstraint::DistinctInstance => false,
        };
        let spreads = |it: &PlacementStrategy| match it {
            PlacementStrategy::SpreadAttribute(name) => name == attribute,
            PlacementStrategy::BinpackCpu
            | PlacementStrategy::BinpackMemory
            | PlacementStrategy::SpreadInstance
            | PlacementStrategy::Random => false,
        };
        let key = match (launch.constraints.iter().any(asks), launch.strategy.iter().any(spreads)) {
            (true, _) => "placement_constraints",
            (false, true) => "placement_strategy",
            (false, false) => continue,
        };
        let Some(class) = there.iter().find(lacks) else { continue };
        let message = format!(
            "it asks for `attribute:{attribute}`, which AWS gives every EC2 instance, and the \
             scenario does not say what it is on its `{}`",
            class.instance_type
        );
        let hint = match attribute {
            "ecs.subnet-id" => "add `subnets` to its `container_instances`".to_string(),
            name => format!("add `attributes = {{ \"{name}\" = … }}` to its `container_instances`"),
        };
        problems.push(view.error(key, message).hint(hint));
    }
    problems
}

fn known_attributes(name: &str, classes: &[&InstanceClass]) -> String {
    let names: BTreeSet<&str> =
        classes.iter().flat_map(|it| &it.attributes).map(|(name, _)| name.as_str()).collect();
    match did_you_mean(name, names.iter().copied()) {
        Some(meant) => format!("did you mean `attribute:{meant}`?"),
        None => format!("attributes there are {}", listed(&names.into_iter().collect::<Vec<_>>())),
    }
}

/// Daemons that do not fit together on an instance never all run.
fn crowded_daemons(lower: &mut Lower) {
    let model = &lower.model;
    let daemons: Vec<&Service> = model
        .services
        .iter()
        .map(|(_, service)| service)
        .filter(|service| service.scheduling == Scheduling::Daemon)
        .collect();
    let mut said = BTreeSet::new();
    let mut problems = Vec::new();
    for (_, class) in model.classes.iter().filter(|_| daemons.len() > 1) {
        let wanted = |service: &Service| {
            let definition = &model.task_definitions[service.task_definition];
            &model.requirements[definition.requirement]
        };
        let here: Vec<&&Service> = daemons
            .iter()
            .filter(|it| {
                may_host(model, &model.launches[it.launch], class)
                    && wanted(it).os_family == class.os_family
            })
            .collect();
        let Some(short) = shortage(class, here.iter().map(|it| wanted(it))) else { continue };
        let Some(view) = lower.fleet_view(class.fleet) else { continue };
        if said.insert(class.fleet) {
            let names: Vec<&str> = here.iter().map(|it| it.name.as_str()).collect();
            let message = format!(
                "the DAEMON services {} do not fit on one instance: {short}",
                listed(&names)
            );
            let hint = "take larger instances, or let daemons ask for less";
            problems.push(view.warning_here(Code::CrowdedDaemons, message).hint(hint));
        }
    }
    lower.problems.extend(problems);
}

/// Says what an instance has too little of for all of these.
fn shortage<'a>(
    class: &InstanceClass,
    wanted: impl Iterator<Item = &'a Requirement>,
) -> Option<String> {
    let (mut cpu, mut memory, mut gpus, mut enis) = (0u64, 0u64, 0u64, 0u64);
    for requirement in wanted {
        let Resources { cpu_units, memory_mib, gpus: some } = requirement.resources;
        cpu += u64::from(cpu_units);
        memory += u64::from(memory_mib);
        gpus += u64::from(some);
        enis += u64::from(requirement.awsvpc);
    }
    let has = class.registered;
    let rows = [
        (cpu, has.cpu_units, "CPU units"),
        (memory, has.memory_mib, "MiB"),
        (gpus, has.gpus, "GPUs"),
        (enis, class.task_enis, "network interfaces for tasks"),
    ];
    let (wanted, has, unit) = rows.into_iter().find(|&(wanted, has, _)| wanted > u64::from(has))?;
    Some(format!("they ask for {} {unit}, and it has {}", number(wanted), number(has)))
}

/// Says whether a task of a definition goes on until somebody stops it.
pub(super) fn runs_on(lower: &Lower, definition: Ix<TaskDefinition>) -> bool {
    let containers = &lower.model.task_definitions[definition].containers;
    let ends = |it: &crate::ecs::model::Container| it.essential && it.behaviour.run_time.is_some();
    !containers.iter().any(ends)
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
            view.warning(Code::FargateQuota, key, message)
                .hint(format!("set `account.{key}` higher"))
        } else {
            let message = format!(
                "services want {wanted} vCPU on {name}; a new account has {quota} until it asks"
            );
            view.warning(Code::QuotaOfNewAccounts, key, message)
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
            let hint = format!("write `task_definition = \"{name}\"` somewhere, or leave it out");
            let problem =
                view.warning_here(Code::UnusedTaskDefinition, "no service, task or job runs it");
            lower.problems.push(problem.hint(hint));
        }
    }
    for (name, view) in root.entries("image") {
        if !lower.images.contains_key(name) {
            let problem = view.warning_here(Code::UnusedImage, "no container has this image");
            if lower.is_full() {
                lower.problems.push(problem);
                continue;
            }
            let known = lower.images.keys().map(String::as_str);
            lower.problems.push(match did_you_mean(name, known) {
                Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
                None => problem.hint("leave it out, or name it in a container's `image`"),
            });
        }
    }
}

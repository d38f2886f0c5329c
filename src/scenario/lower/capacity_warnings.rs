//! Capacity that is allowed and regretted: groups that grow without need, or cannot; instances that
//! never fall empty or never drain; Spot that leaves less time than is asked for.

use std::collections::BTreeMap;

use crate::ecs::capacity::reservation::{ManagedScaling, Room, Waiting};
use crate::ecs::model::{
    Action, AutoScalingGroup, CapacityProvider, InstanceClass, Launch, Model, PlacementStrategy,
    Provider, Requirement, Scheduling, Service, Source, StrategyItem, TargetGroup, TaskDefinition,
};
use crate::ecs::provider_targets;
use crate::engine::Ix;
use crate::units::Span;

use super::super::codes::Code;
use super::super::problems::{listed, number};
use super::super::{Problem, View};
use super::Lower;
use super::bounds::desired_most;
use super::job::{room_for, tasks_per_instance};
use super::launch::{may_host, may_take};

/// From the notice of Spot until its capacity is gone.
///
/// Source: EC2 User Guide, Spot Instance interruption notices; ECS Developer Guide, Fargate.
const SPOT_NOTICE: Span = Span::secs(120);

/// Looks at a model in which nothing is wrong.
pub(super) fn check(lower: &mut Lower) {
    let mut problems = Vec::new();
    for launched in launched(lower) {
        problems.extend(drifts(lower, &launched));
        problems.extend(too_big(lower, &launched));
        problems.extend(beside_a_provider(lower, &launched));
        problems.extend(outlives(lower, &launched));
    }
    for (_, service) in lower.model.services.iter() {
        let Some(view) = lower.root().entry("service", &service.name) else { continue };
        problems.extend(stays_busy(lower, service, &view));
        problems.extend(never_drains(lower, service, &view));
        problems.extend(on_spot(lower, service, &view));
    }
    for (ix, provider) in lower.model.capacity_providers.iter() {
        let Some(view) = lower.root().entry("capacity_provider", &provider.name) else { continue };
        problems.extend(scale_in_takes_busy(lower, provider, &view));
        problems.extend(launches_twice(lower, provider, &view));
        problems.extend(group_too_small(lower, ix));
    }
    lower.problems.extend(problems);
}

/// Something that launches tasks which come and go, unlike daemons: its table there, and how.
struct Launched<'d, 'm> {
    view: View<'d>,
    launch: &'m Launch,
    requirement: &'m Requirement,
    /// The most tasks at one time, where that is known.
    most: Option<u64>,
    /// What is placed at random where no strategy is written.
    by_run_task: bool,
    /// How long a task runs on average, the first of its essential containers; or the longest of a
    /// job's.
    takes: Option<Span>,
}

fn launched<'d, 'm>(lower: &'m Lower<'d>) -> Vec<Launched<'d, 'm>> {
    let model = &lower.model;
    let most = desired_most(lower);
    let desired = |name: &str| {
        let (ix, service) = model.services.iter().find(|(_, it)| it.name == name)?;
        Some((service.scheduling, most.get(&ix).copied()?))
    };
    let mut all = Vec::new();
    for (table, name, definition, launch) in lower.launching() {
        let service = if table == "service" { desired(name) } else { None };
        if let Some((Scheduling::Daemon, _)) = service {
            continue;
        }
        let Some(view) = lower.root().entry(table, name) else { continue };
        let requirement = model.task_definitions[definition].requirement;
        all.push(Launched {
            view,
            launch: &model.launches[launch],
            requirement: &model.requirements[requirement],
            most: service.map(|(_, most)| most),
            by_run_task: table != "service",
            takes: takes(model, (table, name), definition),
        });
    }
    all
}

/// Returns how long tasks run that whoever is called so launches, if they end.
fn takes(
    model: &Model,
    (table, name): (&str, &str),
    definition: Ix<TaskDefinition>,
) -> Option<Span> {
    let name = format!("{table}.{name}");
    let source = model.submitters.iter().find(|(_, it)| it.name == name).map(|(_, it)| &it.source);
    if let Some(Source::Trace(trace)) = source
        && let Some(longest) = trace.duration.iter().max()
    {
        return Some(*longest);
    }
    let mut containers = model.task_definitions[definition].containers.iter();
    let essential = containers.find(|it| it.essential)?;
    let mean = essential.behaviour.run_time.as_ref()?.mean();
    Some(Span::from_secs_f64(mean.round()))
}

/// Returns the capacity provider of an item, and its group.
fn provider_of<'m>(
    model: &'m Model,
    item: &StrategyItem,
) -> Option<(&'m CapacityProvider, &'m AutoScalingGroup)> {
    let provider = &model.capacity_providers[item.capacity_provider?];
    Some((provider, &model.auto_scaling_groups[provider.group]))
}

/// Returns the kinds of instance of a group.
fn classes<'m>(
    model: &'m Model,
    group: &AutoScalingGroup,
) -> impl Iterator<Item = &'m InstanceClass> {
    model.fleets[group.fleet].classes.iter().map(|&it| &model.classes[it])
}

/// Returns how many tasks the roomiest instances of a group hold.
fn most_per_instance(
    model: &Model,
    group: &AutoScalingGroup,
    (launch, wanted): (&Launch, &Requirement),
) -> u32 {
    let fits = classes(model, group).map(|class| tasks_per_instance(class, launch, wanted));
    fits.max().unwrap_or(0)
}

/// What of a placement strategy keeps tasks from being packed.
struct Loose {
    /// In words, such as "it spreads over `instanceId` ahead of binpack".
    words: String,
    drift: Drift,
}

/// What becomes of instances that are kept empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drift {
    /// Each gets a task: they are where fewest are.
    ToOwn,
    /// Some get a task.
    Onto,
    /// One gets a task where those of its zone are full.
    Seldom,
}

/// Says what keeps tasks from being packed; nothing if `binpack` decides first.
fn loose(strategy: &[PlacementStrategy], is_written: bool, by_run_task: bool) -> Option<Loose> {
    let is_packing = |it: &PlacementStrategy| {
        matches!(it, PlacementStrategy::BinpackCpu | PlacementStrategy::BinpackMemory)
    };
    let packing = strategy.iter().position(is_packing);
    let ahead = &strategy[..packing.unwrap_or(strategy.len())];
    if packing == Some(0) {
        return None;
    }
    let over: Vec<String> = ahead
        .iter()
        .filter_map(|it| match it {
            PlacementStrategy::SpreadInstance => Some("`instanceId`".to_string()),
            PlacementStrategy::SpreadAttribute(name) => Some(format!("`attribute:{name}`")),
            PlacementStrategy::BinpackCpu
            | PlacementStrategy::BinpackMemory
            | PlacementStrategy::Random => None,
        })
        .collect();
    let drift = if ahead.contains(&PlacementStrategy::SpreadInstance) {
        Drift::ToOwn
    } else if packing.is_none() || ahead.contains(&PlacementStrategy::Random) {
        Drift::Onto
    } else {
        Drift::Seldom
    };
    let words = match (is_written, by_run_task) {
        (false, false) => "its tasks are spread over zones and instances by default".to_string(),
        (false, true) => "its tasks are placed at random by default".to_string(),
        (true, _) if over.is_empty() => "its tasks are placed at random".to_string(),
        (true, _) => {
            let how = if packing.is_some() { "ahead of" } else { "without" };
            format!("it spreads over {} {how} binpack", over.join(" and "))
        }
    };
    Some(Loose { words, drift })
}

/// Instances that a target capacity keeps free are taken by tasks that are not packed.
///
/// Source: ECS Developer Guide, "Automatically manage Amazon ECS capacity with cluster auto
/// scaling".
fn drifts(lower: &Lower, launched: &Launched) -> Option<Problem> {
    let key = "placement_strategy";
    let (view, launch) = (&launched.view, launched.launch);
    let loose = loose(&launch.strategy, view.is_written(key), launched.by_run_task)?;
    for item in &launch.providers {
        let Some((provider, group)) = provider_of(&lower.model, item) else { continue };
        let target = provider.managed_scaling.as_ref().map_or(100, |it| it.target_capacity);
        let per_instance = most_per_instance(&lower.model, group, (launch, launched.requirement));
        let is_fixed = group.min_size == group.max_size;
        if target >= 100 || is_fixed || per_instance < 2 || launched.most.is_some_and(|it| it < 2) {
            continue;
        }
        let then = match loose.drift {
            Drift::ToOwn => "each task drifts to an instance of its own",
            Drift::Onto => "tasks drift to these, and more are launched",
            Drift::Seldom => "a task may go to one of these rather than beside others",
        };
        let message = format!(
            "{}, and `{}` keeps instances free for a target capacity of {target} %: {then}",
            loose.words, provider.name
        );
        let hint = "put `binpack` first, or leave `target_capacity` at 100";
        return Some(view.warning(Code::SpreadWithSpare, key, message).hint(hint));
    }
    None
}

/// Managed scaling counts waiting tasks only that fit the smallest type of the group.
///
/// Source: ECS Developer Guide, "Amazon ECS managed scaling behavior".
fn too_big(lower: &Lower, launched: &Launched) -> Option<Problem> {
    for item in &launched.launch.providers {
        let Some((provider, group)) = provider_of(&lower.model, item) else { continue };
        let Some(scaling) = &provider.managed_scaling else { continue };
        let kinds: Vec<&InstanceClass> = classes(&lower.model, group).collect();
        if !is_ignored(scaling, &kinds, (launched.launch, launched.requirement)) {
            continue;
        }
        let message = format!(
            "its tasks fit some of the instance types of `{}` but not the smallest, and so \
             managed scaling launches no instance for them",
            provider.name
        );
        let hint = "take the smaller types out of the group, or give such tasks a group of their \
                    own";
        let code = Code::TooBigForSmallest;
        return Some(launched.view.warning(code, "task_definition", message).hint(hint));
    }
    None
}

/// Says whether managed scaling looks away from tasks that some of these could hold.
pub(super) fn is_ignored(
    scaling: &ManagedScaling,
    kinds: &[&InstanceClass],
    (launch, wanted): (&Launch, &Requirement),
) -> bool {
    let rooms: Vec<Room> = kinds.iter().map(|it| it.room()).collect();
    let fits_any = kinds.iter().any(|class| tasks_per_instance(class, launch, wanted) > 0);
    fits_any && scaling.waiting(&[launch.waiting(wanted)], &rooms) == Waiting::NoneFits
}

/// Tasks with a launch type take room of a capacity provider, and do not make it grow.
///
/// Source: ECS Developer Guide, "Automatically manage Amazon ECS capacity with cluster auto
/// scaling".
fn beside_a_provider(lower: &Lower, launched: &Launched) -> Option<Problem> {
    let model = &lower.model;
    let launch = launched.launch;
    if launch.providers.iter().any(|it| it.provider != Provider::Ec2)
        || launch.providers.iter().any(|it| it.capacity_provider.is_some())
        || launched.most == Some(0)
    {
        return None;
    }
    let (_, provider) = model.capacity_providers.iter().find(|(_, provider)| {
        let group = &model.auto_scaling_groups[provider.group];
        let takes = |class: &InstanceClass| {
            may_host(model, launch, class) && may_take(class, launch, launched.requirement)
        };
        let scales = provider.managed_scaling.is_some() && group.min_size < group.max_size;
        scales && classes(model, group).any(takes)
    })?;
    let name = &provider.name;
    let message = format!(
        "its tasks may run on instances of the capacity provider `{name}`, which is not scaled \
         for them: they have launch type EC2"
    );
    let hint = format!(
        "write `capacity_provider_strategy = [{{ capacity_provider = \"{name}\", weight = 1 }}]`, \
         or keep them off these instances with a placement constraint"
    );
    let code = Code::LaunchTypeDoesNotScale;
    Some(launched.view.warning(code, "launch_type", message).hint(hint))
}

/// Tasks that no service replaces end with their instance, however long they take.
///
/// Source: ECS Developer Guide, "Architect for Amazon ECS Managed Instances".
fn outlives(lower: &Lower, launched: &Launched) -> Option<Problem> {
    let items = launched.launch.providers.iter();
    let mut managed = items.filter_map(|it| lower.model.managed_group(it));
    let group = managed.next().filter(|_| launched.by_run_task)?;
    let lifetime = lower.model.auto_scaling_groups[group].max_instance_lifetime?;
    let takes = launched.takes?;
    if takes <= lifetime {
        return None;
    }
    let message = format!(
        "its tasks run for {takes}, and Managed Instances are drained when they are {lifetime} old"
    );
    let hint = "run them on Fargate or on instances of an Auto Scaling group";
    Some(launched.view.warning_here(Code::OutlivesInstances, message).hint(hint))
}

/// Returns a service's desired counts in order of time, the first at the beginning.
pub(super) fn desired_counts(model: &Model, name: &str) -> Vec<u32> {
    let Some((ix, service)) = model.services.iter().find(|(_, it)| it.name == name) else {
        return Vec::new();
    };
    let Scheduling::Replica { desired_count } = service.scheduling else { return Vec::new() };
    let later = model.actions.iter().filter_map(|(_, action)| {
        let Action::SetDesiredCount { service, desired_count } = *action else { return None };
        (service == ix).then_some(desired_count)
    });
    std::iter::once(desired_count).chain(later).collect()
}

/// What a shrinking service leaves on each instance under a spread keeps it.
///
/// Source: ECS Developer Guide, "Amazon ECS managed scaling behavior": an instance is removed when
/// it runs no task but daemons'.
fn stays_busy(lower: &Lower, service: &Service, view: &View) -> Option<Problem> {
    let key = "placement_strategy";
    let model = &lower.model;
    let launch = &model.launches[service.launch];
    let loose = loose(&launch.strategy, view.is_written(key), false);
    let loose = loose.filter(|it| it.drift != Drift::Seldom)?;
    let counts = desired_counts(model, &service.name);
    let requirement =
        &model.requirements[model.task_definitions[service.task_definition].requirement];
    for (position, item) in launch.providers.iter().enumerate() {
        let Some((provider, group)) = provider_of(model, item) else { continue };
        // Below 100 it is said of the target capacity.
        let scales = provider.managed_scaling.as_ref().is_some_and(|it| it.target_capacity == 100);
        let per_instance = most_per_instance(model, group, (launch, requirement));
        if !scales || per_instance < 2 {
            continue;
        }
        let share = |count: u32| provider_targets(&launch.providers, count)[position];
        let mut most = 0;
        for tasks in counts.iter().map(|&count| share(count)) {
            most = tasks.max(most);
            let busy = tasks.min(most.div_ceil(per_instance)).min(group.max_size);
            let needed = tasks.div_ceil(per_instance).max(group.min_size);
            if tasks < most && busy > needed {
                let message = format!(
                    "{}: when {} of its {} tasks are left, they keep {} instances of `{}` where {} \
                     would do",
                    loose.words,
                    number(tasks),
                    number(most),
                    number(busy),
                    provider.name,
                    number(needed)
                );
                let hint = "put `binpack` first: managed scaling removes empty instances only";
                return Some(view.warning(Code::SpreadKeepsBusy, key, message).hint(hint));
            }
        }
    }
    None
}

/// Tasks that can neither stop first nor start first do not leave a draining instance.
///
/// Source: ECS Developer Guide, "Draining Amazon ECS container instances".
fn never_drains(lower: &Lower, service: &Service, view: &View) -> Option<Problem> {
    let model = &lower.model;
    let desired = desired_counts(model, &service.name).into_iter().find(|count| *count > 0)?;
    let percent = |percent: u32| u64::from(desired) * u64::from(percent);
    let least = percent(service.minimum_healthy_percent).div_ceil(100);
    let most = percent(service.maximum_percent) / 100;
    if least < u64::from(desired) || most > u64::from(desired) {
        return None;
    }
    let providers = model.launches[service.launch].providers.iter();
    let mut providers = providers.filter_map(|item| provider_of(model, item));
    let (provider, group) = providers.find(|(_, group)| group.managed_draining)?;
    let how_long = match group.managed_instances {
        Some(_) => group.drain_timeout().to_string(),
        None => "48 h".to_string(),
    };
    let message = format!(
        "of {} none may stop before another runs and none may start beside them, and so none \
         leaves a draining instance of `{}` for {how_long}",
        if desired == 1 { "1 task".to_string() } else { format!("{} tasks", number(desired)) },
        provider.name
    );
    let hint = "let `maximum_percent` be 200, or `minimum_healthy_percent` less";
    Some(view.warning(Code::NeverDrains, "maximum_percent", message).hint(hint))
}

/// Says whether tasks of an item are interrupted when Spot is: on Fargate Spot, and on EC2 where
/// its group buys Spot capacity.
fn is_spot(model: &Model, item: &StrategyItem) -> bool {
    let buys_spot = |provider: Ix<CapacityProvider>| {
        let group = &model.auto_scaling_groups[model.capacity_providers[provider].group];
        let classes = &model.fleets[group.fleet].classes;
        classes.iter().any(|&class| model.classes[class].spot.is_some())
            && !base_holds(model, provider)
    };
    item.provider == Provider::FargateSpot || item.capacity_provider.is_some_and(buys_spot)
}

/// Says whether the base on demand of a group is enough for all that it may have, or that its
/// services need, so that it buys Spot capacity in passing at the most.
fn base_holds(model: &Model, ix: Ix<CapacityProvider>) -> bool {
    let provider = &model.capacity_providers[ix];
    let group = &model.auto_scaling_groups[provider.group];
    let base = group.policy.on_demand_base_capacity;
    if group.most() <= base {
        return true;
    }
    let sets_capacity = |(_, action): &(_, Action)| match *action {
        Action::SetDesiredCapacity { group, .. } => group == provider.group,
        Action::SetDesiredCount { .. }
        | Action::InsufficientCapacity(_)
        | Action::StartInstanceRefresh(_)
        | Action::RegisterScalableTarget { .. } => false,
    };
    let is_of_service = |launch| model.services.iter().any(|(_, it)| it.launch == launch);
    let is_here =
        |launch: &Launch| launch.providers.iter().any(|it| it.capacity_provider == Some(ix));
    let others = model.launches.iter().any(|(at, it)| is_here(it) && !is_of_service(at));
    let grows_otherwise = !group.policies.is_empty()
        || !group.scheduled_actions.is_empty()
        || model.actions.iter().any(sets_capacity)
        || others;
    if grows_otherwise || group.desired_capacity > base {
        return false;
    }
    let Some(scaling) = &provider.managed_scaling else { return true };
    let needed: u64 = model.services.iter().map(|(_, it)| instances_of(model, it, ix)).sum();
    // A group launches two from zero, and no fewer than its step.
    let first = u64::from(scaling.minimum_scaling_step_size.max(2));
    let spare = (needed * 100).div_ceil(u64::from(scaling.target_capacity.max(1)));
    spare.max(first) <= u64::from(base) && scaling.minimum_scaling_step_size == 1
}

/// Returns how many instances of a provider's smallest kind a service needs at the most.
fn instances_of(model: &Model, service: &Service, ix: Ix<CapacityProvider>) -> u64 {
    let Some(position) = position_of(model, service, ix) else { return 0 };
    let launch = &model.launches[service.launch];
    let wanted = model.task_definitions[service.task_definition].requirement;
    let wanted = &model.requirements[wanted];
    let group = &model.auto_scaling_groups[model.capacity_providers[ix].group];
    let fits = classes(model, group).map(|class| tasks_per_instance(class, launch, wanted));
    let fits = fits.min().unwrap_or(0);
    let most = desired_counts(model, &service.name).into_iter().max().unwrap_or(0);
    let tasks = provider_targets(&launch.providers, most)[position];
    if fits == 0 { u64::MAX / 1000 } else { u64::from(tasks.div_ceil(fits)) }
}

/// Two minutes are too short for what a service promises, or takes to end its tasks.
fn on_spot(lower: &Lower, service: &Service, view: &View) -> Vec<Problem> {
    let model = &lower.model;
    let items = &model.launches[service.launch].providers;
    let most = desired_counts(model, &service.name).into_iter().max().unwrap_or(0);
    let targets = provider_targets(items, most);
    let tasks: u32 = items
        .iter()
        .zip(targets)
        .filter(|(item, _)| is_spot(model, item))
        .map(|(_, count)| count)
        .sum();
    if tasks == 0 {
        return Vec::new();
    }
    let mut problems = Vec::new();
    if service.minimum_healthy_percent >= 100 {
        let which = match tasks == most {
            true => "its tasks".to_string(),
            false => format!("{} of its {} tasks", number(tasks), number(most)),
        };
        let message = format!(
            "`minimum_healthy_percent` is {}, and {which} run on Spot, whose notice of \
             {SPOT_NOTICE} may be too short for replacements to run first",
            service.minimum_healthy_percent
        );
        let hint = "let it be less, such as 50, and have a few tasks more than needed";
        let code = Code::StartsFirstOnSpot;
        problems.push(view.warning(code, "minimum_healthy_percent", message).hint(hint));
    }
    let delay = |group: &Ix<TargetGroup>| model.target_groups[*group].deregistration_delay;
    let delay = service.target_groups.iter().map(delay).max().unwrap_or(Span::ZERO);
    let containers = &model.task_definitions[service.task_definition].containers;
    let stop = containers.iter().map(|it| it.stop_timeout).max().unwrap_or(Span::ZERO);
    if delay + stop > SPOT_NOTICE {
        let message = format!(
            "its tasks on Spot have {SPOT_NOTICE} to end, and may take {}: {delay} to leave their \
             target groups and {stop} to stop",
            delay + stop
        );
        let hint = "make `deregistration_delay` of the target group, or `stop_timeout`, shorter";
        let key = if delay > Span::ZERO { "load_balancers" } else { "task_definition" };
        problems.push(view.warning(Code::SlowGoodbyeOnSpot, key, message).hint(hint));
    }
    problems
}

/// A group that is told neither what to spare nor to wait ends instances with tasks on them.
///
/// Source: ECS Developer Guide, "Control the instances Amazon ECS terminates".
fn scale_in_takes_busy(lower: &Lower, provider: &CapacityProvider, view: &View) -> Option<Problem> {
    let group = &lower.model.auto_scaling_groups[provider.group];
    let is_safe = group.managed_draining
        || group.managed_termination_protection
        || group.new_instances_protected_from_scale_in;
    if provider.managed_scaling.is_none() || is_safe || group.min_size == group.max_size {
        return None;
    }
    let message = "managed scaling shrinks its group, and neither `managed_termination_protection` \
                   nor `managed_draining` is on: instances are ended with tasks on them";
    let hint = "enable one of them, or both";
    Some(view.warning(Code::ScaleInTakesBusy, "managed_draining", message).hint(hint))
}

/// Instances that are warm before they can take tasks are launched twice.
///
/// Source: ECS Developer Guide, "Amazon ECS managed scaling behavior".
fn launches_twice(lower: &Lower, provider: &CapacityProvider, view: &View) -> Option<Problem> {
    let group = &lower.model.auto_scaling_groups[provider.group];
    let warm = provider.managed_scaling.as_ref()?.instance_warmup_period;
    let timing = &lower.model.timing;
    let parts = [
        &timing.instance_launch_call,
        &timing.instance_pending,
        &timing.instance_boot,
        &timing.agent_registration,
    ];
    let boot = Span::from_secs_f64(parts.iter().map(|it| it.mean()).sum::<f64>().round());
    if warm >= boot || group.min_size == group.max_size {
        return None;
    }
    let message = format!(
        "`instance_warmup_period` is {warm}, and an instance takes {boot} on average until it is \
         ACTIVE: more are launched for the same tasks meanwhile"
    );
    let hint = "make it longer than `timing.instance_launch_call`, `instance_pending`, \
                `instance_boot` and `agent_registration` together";
    let view = view.table("managed_scaling");
    let problem = view.warning(Code::WarmupShorterThanBoot, "instance_warmup_period", message);
    Some(problem.hint(hint))
}

/// What an instance or a task has of each dimension: CPU units, MiB, GPUs, interfaces.
type Sizes = [u64; 4];

fn sizes(wanted: &Requirement) -> Sizes {
    let it = wanted.resources;
    [it.cpu_units, it.memory_mib, it.gpus, u32::from(wanted.awsvpc)].map(u64::from)
}

/// Services that each fit a group may be too much for it together.
fn group_too_small(lower: &Lower, ix: Ix<CapacityProvider>) -> Option<Problem> {
    let model = &lower.model;
    let provider = &model.capacity_providers[ix];
    let group = &model.auto_scaling_groups[provider.group];
    // By service: its share of tasks here, and what each asks for.
    let mut here: BTreeMap<Ix<Service>, (u32, Sizes)> = BTreeMap::new();
    let mut names = Vec::new();
    for (service, spec) in model.services.iter() {
        let Some(position) = position_of(model, spec, ix) else { continue };
        let launch = &model.launches[spec.launch];
        let wanted = model.task_definitions[spec.task_definition].requirement;
        let counts = desired_counts(model, &spec.name);
        let most = counts.iter().max().copied().unwrap_or(0);
        let alone = Launch { providers: vec![launch.providers[position]], ..launch.clone() };
        let share = |count| provider_targets(&launch.providers, count)[position];
        if u64::from(share(most)) > room_for(model, &alone, (wanted, None)) {
            return None; // which is said of the service
        }
        let Some(first) = counts.first() else { continue };
        here.insert(service, (share(*first), sizes(&model.requirements[wanted])));
        names.push(spec.name.as_str());
    }
    if here.len() < 2 {
        return None;
    }
    let room = room_on_each(model, group);
    let mut needed = instances_needed(here.values(), room);
    for (_, action) in &model.actions {
        let Action::SetDesiredCount { service, desired_count } = *action else { continue };
        let spec = &model.services[service];
        let Some(position) = position_of(model, spec, ix) else { continue };
        let items = &model.launches[spec.launch].providers;
        if let Some((count, _)) = here.get_mut(&service) {
            *count = provider_targets(items, desired_count)[position];
        }
        needed = needed.max(instances_needed(here.values(), room));
    }
    if needed <= u64::from(group.max_size) {
        return None;
    }
    let view = lower.root().entry("auto_scaling_group", &group.name)?;
    let message = format!(
        "the services {} of the capacity provider `{}` need {} instances or more together, and \
         `max_size` is {}",
        listed(&names),
        provider.name,
        number(needed),
        number(group.max_size)
    );
    let hint = "raise `max_size`, take larger instances, or let tasks ask for less";
    Some(view.warning(Code::GroupTooSmall, "max_size", message).hint(hint))
}

fn position_of(model: &Model, service: &Service, ix: Ix<CapacityProvider>) -> Option<usize> {
    let items = &model.launches[service.launch].providers;
    let is_replica = matches!(service.scheduling, Scheduling::Replica { .. });
    items.iter().position(|item| is_replica && item.capacity_provider == Some(ix))
}

/// Returns the most that any instance of a group has beside its daemons, dimension by dimension.
fn room_on_each(model: &Model, group: &AutoScalingGroup) -> Sizes {
    let mut most = [0; 4];
    for class in classes(model, group) {
        let has = class.registered;
        let mut room = [has.cpu_units, has.memory_mib, has.gpus, class.task_enis].map(u64::from);
        for (_, service) in model.services.iter() {
            let launch = &model.launches[service.launch];
            let wanted = model.task_definitions[service.task_definition].requirement;
            let wanted = &model.requirements[wanted];
            let is_daemon = service.scheduling == Scheduling::Daemon;
            if is_daemon && may_host(model, launch, class) && may_take(class, launch, wanted) {
                let taken = room.iter_mut().zip(sizes(wanted));
                taken.for_each(|(room, taken)| *room = room.saturating_sub(taken));
            }
        }
        most.iter_mut().zip(room).for_each(|(most, room)| *most = room.max(*most));
    }
    most
}

/// Returns a number of instances that so many tasks need at the least, however they are packed.
///
/// Beside the sum of their sizes it is that of their sizes rounded down to parts of an instance,
/// of which one less fits: of tasks larger than a half no two share an instance. Source: the dual
/// feasible functions of Fekete and Schepers, "New classes of fast lower bounds for bin packing
/// problems" (2001), here in whole numbers and a little weaker.
fn instances_needed<'a>(tasks: impl Iterator<Item = &'a (u32, Sizes)> + Clone, room: Sizes) -> u64 {
    let mut needed = 0;
    for (dimension, &has) in room.iter().enumerate().filter(|(_, has)| **has > 0) {
        let sum = |part: &dyn Fn(u64) -> u64| -> u64 {
            tasks.clone().map(|(count, sizes)| u64::from(*count) * part(sizes[dimension])).sum()
        };
        needed = needed.max(sum(&|size| size).div_ceil(has));
        for parts in 1..=8 {
            let rounded = sum(&|size| ((parts + 1) * size).saturating_sub(1) / has);
            needed = needed.max(rounded.div_ceil(parts));
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_of_instances_is_never_more_than_a_packing_needs_and_often_as_many() {
        let check = |tasks: &[(u32, u64)], has: u64, expected: u64| {
            let tasks: Vec<(u32, Sizes)> =
                tasks.iter().map(|&(count, size)| (count, [size, 0, 0, 0])).collect();
            assert_eq!(instances_needed(tasks.iter(), [has, 0, 0, 0]), expected, "{tasks:?}");
        };
        check(&[], 10, 0);
        check(&[(3, 5), (4, 5)], 10, 4);
        // No two of these share an instance, although two thirds of the room would do.
        check(&[(3, 6), (3, 7)], 10, 6);
        // Two of these at most do.
        check(&[(4, 4), (4, 4)], 10, 4);
        check(&[(2, 10), (5, 1)], 10, 3);
    }
}

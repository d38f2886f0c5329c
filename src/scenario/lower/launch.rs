//! How tasks are launched: launch type or strategy, placement, network; and whether it can work.

use crate::ecs::model::{
    Architecture, ClusterSpec, Fleet, InstanceClass, InstanceLaunchType, Launch, Model, Os,
    PlacementConstraint, PlacementStrategy, Provider, Requirement, StrategyItem, Subnet,
    TaskDefinition,
};
pub(super) use crate::ecs::placement::may_host;
use crate::engine::Ix;

use super::super::codes::Code;
use super::super::keys::Kind;
use super::super::problems::{listed, number};
use super::super::{Problem, View};
use super::{Lower, task};

/// Which defaults hold: those of a service or of RunTask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Launcher {
    /// A REPLICA service.
    Service,
    /// A DAEMON service.
    Daemon,
    /// RunTask.
    RunTask,
}

/// Placement constraints of a task, those of the definition included. Source: ECS API, RunTask.
const CONSTRAINTS: usize = 10;

/// Lowers what a service, a scheduled task or a job says about launching.
pub(super) fn launch(
    lower: &mut Lower,
    view: &View,
    (launcher, group): (Launcher, &str),
    definition: Option<Ix<TaskDefinition>>,
) -> Launch {
    let cluster = lower.clusters[&view.get::<String>("cluster")];
    let providers = providers(lower, view);
    let on_instances = providers.iter().all(|item| item.provider.uses_instances());
    let on_managed = providers.iter().any(|item| lower.model.managed_group(item).is_some());
    let mut strategy = match on_managed {
        true => strategy_on_managed(lower, view, launcher),
        false => strategy(lower, view, launcher, on_instances),
    };
    if on_instances && lower.root().get::<String>("placement_ties") == "random" {
        decide_ties_at_random(&mut strategy);
    }
    let mut constraints =
        definition.map(|ix| lower.definition_facts[ix].constraints.clone()).unwrap_or_default();
    let own = self::constraints(lower, view);
    check_constraints(lower, view, &own, (launcher, on_instances));
    constraints.extend(own);
    if constraints.len() > CONSTRAINTS {
        let message = format!(
            "there are {} placement constraints with those of the task definition; AWS allows \
             {CONSTRAINTS}",
            constraints.len()
        );
        let hint = "join expressions with `and`";
        lower.problems.push(view.error("placement_constraints", message).hint(hint));
    }
    check_version(lower, view, on_instances);
    let network = view.table("network_configuration");
    let mut subnets: Vec<Ix<Subnet>> = network
        .items("subnets")
        .iter()
        .map(|item| lower.subnets[&item.value::<String>()])
        .collect();
    if subnets.is_empty() && on_instances {
        subnets = subnets_of_instances(lower, cluster);
    }
    let zones = if subnets.is_empty() && !on_instances {
        lower.fargate_zones()
    } else {
        let mut zones: Vec<_> = subnets.iter().map(|&it| lower.model.subnets[it].zone).collect();
        zones.sort_unstable();
        zones.dedup();
        zones
    };
    let public_ip = network.get::<String>("assign_public_ip") == "ENABLED";
    if public_ip && on_instances && knows_where(lower, view) {
        let message = "tasks on instances cannot have a public address of their own";
        let hint = "`public_ip = true` gives one to each of the `container_instances`";
        lower.problems.push(network.error("assign_public_ip", message).hint(hint));
    }
    let group = lower.group(cluster, group);
    Launch { cluster, providers, group, strategy, constraints, subnets, zones, public_ip }
}

/// Returns the subnets of a cluster's EC2 instances, if all of them name some.
///
/// Assumption: tasks in network mode `awsvpc` whose network configuration is left out take their
/// addresses there. AWS wants it written.
fn subnets_of_instances(lower: &Lower, cluster: Ix<ClusterSpec>) -> Vec<Ix<Subnet>> {
    let classes = lower.model.classes.iter().map(|(_, class)| class);
    let on_ec2 = classes
        .filter(|class| class.cluster == cluster && class.launch_type == InstanceLaunchType::Ec2);
    let named: Option<Vec<Ix<Subnet>>> = on_ec2
        .map(|class| class.attribute("ecs.subnet-id").and_then(|name| lower.subnets.get(name)))
        .map(Option::<&Ix<Subnet>>::copied)
        .collect();
    let mut named = named.unwrap_or_default();
    named.sort_unstable();
    named.dedup();
    named
}

/// Says whether what decides where tasks run is sound, its own and the cluster's.
pub(super) fn knows_where(lower: &Lower, view: &View) -> bool {
    let cluster = lower.root().entry("cluster", &view.get::<String>("cluster"));
    view.is_sound_at(&["cluster", "launch_type", "capacity_provider_strategy"])
        && cluster.is_none_or(|it| it.is_sound_at(&["default_capacity_provider_strategy"]))
}

/// What of the request's own constraints is not allowed where it runs.
///
/// Source: ECS Developer Guide, services: DAEMON services know `memberOf` only; task placement:
/// Fargate knows none.
fn check_constraints(
    lower: &mut Lower,
    view: &View,
    own: &[PlacementConstraint],
    (launcher, on_instances): (Launcher, bool),
) {
    let key = "placement_constraints";
    if !on_instances && !own.is_empty() {
        let message = "Fargate knows no placement constraints";
        let hint = "leave `placement_constraints` out: there are no instances to choose";
        lower.problems.push(view.error(key, message).hint(hint));
    }
    let distinct = own.iter().any(|it| matches!(it, PlacementConstraint::DistinctInstance));
    if launcher == Launcher::Daemon && distinct {
        let message = "a DAEMON service takes `memberOf` only; its tasks are on different \
                       instances anyway";
        lower.problems.push(view.error(key, message).hint("leave `distinctInstance` out"));
    }
}

/// The launch type or strategy: its own, the cluster's, else EC2.
///
/// Source: ECS API, CapacityProviderStrategyItem. Assumption: EC2 where nothing says anything.
fn providers(lower: &mut Lower, view: &View) -> Vec<StrategyItem> {
    let one = |provider| vec![StrategyItem::only(provider)];
    let own = view.is_written("capacity_provider_strategy");
    if let Some(launch_type) = view.find::<String>("launch_type") {
        if own {
            let message = "`capacity_provider_strategy` does not go together with `launch_type`";
            let hint = "leave one of them out";
            let problem = view.error("capacity_provider_strategy", message).hint(hint);
            lower.problems.push(problem);
        }
        return one(match launch_type.as_str() {
            "FARGATE" => Provider::Fargate,
            "EXTERNAL" => Provider::External,
            _ => Provider::Ec2,
        });
    }
    let cluster: String = view.get("cluster");
    if own {
        return strategy_items(lower, view, "capacity_provider_strategy", &cluster);
    }
    let key = "default_capacity_provider_strategy";
    match lower.root().entry("cluster", &cluster) {
        Some(of_cluster) if of_cluster.is_written(key) => {
            strategy_items(lower, &of_cluster, key, &cluster)
        }
        _ => one(Provider::Ec2),
    }
}

/// Says whether what `view` launches may go to Fargate, as [`providers`] has it.
pub(super) fn goes_to_fargate(root: &View, view: &View) -> bool {
    match view.find::<String>("launch_type") {
        Some(launch_type) => launch_type == "FARGATE",
        None => names_provider(root, view, is_fargate),
    }
}

/// Says whether what `view` launches may go to Managed Instances.
pub(super) fn goes_to_managed(root: &View, view: &View) -> bool {
    view.find::<String>("launch_type").is_none()
        && names_provider(root, view, |name| is_managed(root, name))
}

/// Says whether a strategy that holds for what `view` launches names such a provider.
fn names_provider(root: &View, view: &View, is_meant: impl Fn(&str) -> bool) -> bool {
    let names = |view: &View, key: &str| {
        let mut items = view.items(key).into_iter();
        items.any(|item| is_meant(&item.get::<String>("capacity_provider")))
    };
    if view.is_written("capacity_provider_strategy") {
        return names(view, "capacity_provider_strategy");
    }
    let cluster = root.entry("cluster", &view.get::<String>("cluster"));
    cluster.is_some_and(|it| names(&it, "default_capacity_provider_strategy"))
}

/// Says whether a capacity provider is one of Managed Instances.
fn is_managed(root: &View, name: &str) -> bool {
    let provider = root.entry("capacity_provider", name);
    provider.is_some_and(|it| it.child("managed_instances").is_some())
}

/// Says whether a capacity provider is one of those that every account has.
fn is_fargate(name: &str) -> bool {
    matches!(name, "FARGATE" | "FARGATE_SPOT")
}

/// What a strategy may not have together, and what is not in its cluster.
///
/// Source: ECS API, CapacityProviderStrategyItem; ECS Developer Guide, capacity providers.
fn check_mixture(lower: &mut Lower, (view, key): (&View, &str), items: &[View], cluster: &str) {
    let name_of = |item: &View| item.get::<String>("capacity_provider");
    let (of_fargate, of_groups): (Vec<&View>, Vec<&View>) =
        items.iter().partition(|item| is_fargate(&name_of(item)));
    let root = lower.root();
    let managed = of_groups.iter().find(|item| is_managed(&root, &name_of(item)));
    let other = items.iter().find(|item| !is_managed(&root, &name_of(item)));
    if let (Some(managed), Some(other)) = (managed, other) {
        let message = format!(
            "`{}` has Managed Instances and `{}` has none: a strategy has one kind of capacity \
             provider",
            name_of(managed),
            name_of(other)
        );
        let hint = "split the work into two services, one for each";
        lower.problems.push(view.error(key, message).hint(hint));
        return;
    }
    if let (Some(fargate), Some(group)) = (of_fargate.first(), of_groups.first()) {
        let (fargate, group) = (name_of(fargate), name_of(group));
        let message = format!(
            "`{group}` has an Auto Scaling group and `{fargate}` has none: a strategy has one kind \
             of capacity provider"
        );
        let hint = "split the work into two services, one for each";
        lower.problems.push(view.error(key, message).hint(hint));
    }
    for item in of_groups {
        let name = name_of(item);
        let Some(&ix) = lower.capacity_providers.get(&name) else { continue };
        let its = &lower.model.clusters[lower.model.cluster_of(ix)].name;
        if *its != cluster {
            let message = format!(
                "the instances of `{name}` are in the cluster `{its}`, and this is `{cluster}`"
            );
            let hint = "name a capacity provider of this cluster";
            lower.problems.push(item.error("capacity_provider", message).hint(hint));
        }
    }
}

fn strategy_items(lower: &mut Lower, view: &View, key: &str, cluster: &str) -> Vec<StrategyItem> {
    let written = view.items(key);
    check_mixture(lower, (view, key), &written, cluster);
    let mut items: Vec<StrategyItem> = Vec::new();
    for item in &written {
        let name: String = item.get("capacity_provider");
        let capacity_provider = lower.capacity_providers.get(&name).copied();
        let provider = match name.as_str() {
            "FARGATE_SPOT" => Provider::FargateSpot,
            "FARGATE" => Provider::Fargate,
            _ => Provider::Ec2,
        };
        if provider == Provider::Ec2 && capacity_provider.is_none() {
            lower.has_unknown_instances = true; // something is wrong with it, which is told there
        }
        let is_same = |other: &StrategyItem| {
            (other.provider, other.capacity_provider) == (provider, capacity_provider)
        };
        if items.iter().any(is_same) {
            if !view.is_sound_at(&[key]) {
                continue;
            }
            let message = format!("`{name}` is named twice");
            let hint = "put base and weight into one item";
            lower.problems.push(item.error("capacity_provider", message).hint(hint));
            continue;
        }
        let (base, weight) = (item.get("base"), item.get("weight"));
        items.push(StrategyItem { provider, capacity_provider, base, weight });
    }
    if items.iter().filter(|item| item.base > 0).count() > 1 {
        let message = "more than one item has a `base`; AWS allows one";
        lower.problems.push(view.error(key, message).hint("leave `base` out of the others"));
    } else {
        check_base(lower, &written);
    }
    if items.iter().all(|item| item.weight == 0) {
        if items.len() > 1 {
            let message = "every weight is 0, and no task could be placed";
            let hint = "give at least one item `weight = 1`";
            lower.problems.push(view.error(key, message).hint(hint));
        }
        // A single item takes all, whatever its weight.
        for item in &mut items {
            item.weight = 1;
        }
    }
    items
}

/// Who writes a base and no weight may expect a share of the rest, too.
fn check_base(lower: &mut Lower, written: &[View]) {
    let weight = |it: &View| it.get::<u32>("weight");
    if written.iter().all(|it| weight(it) == 0) {
        return;
    }
    for item in written.iter().filter(|it| weight(it) == 0 && it.get::<u32>("base") > 0) {
        let message = format!(
            "`{}` has a `base` of {} and the weight 0: it gets these tasks, and none of the others",
            item.get::<String>("capacity_provider"),
            number(item.get::<u32>("base"))
        );
        let hint = "write `weight = 1` or more if it should have a share of the others";
        let problem = item.warning(Code::BaseWithoutWeight, "base", message);
        lower.problems.push(problem.hint(hint));
    }
}

/// What is equal by the strategy goes to an instance with fewest tasks of the group, and of these
/// to any.
fn decide_ties_at_random(strategy: &mut Vec<PlacementStrategy>) {
    for last in [PlacementStrategy::SpreadInstance, PlacementStrategy::Random] {
        if !strategy.contains(&PlacementStrategy::Random) && !strategy.contains(&last) {
            strategy.push(last);
        }
    }
}

/// The placement strategy with the defaults of services and of RunTask.
///
/// Source: ECS API, UpdateService: over zones, then the instance with fewest tasks of the service;
/// ECS Developer Guide (2023), "scheduling tasks": RunTask distributes at random.
fn strategy(
    lower: &mut Lower,
    view: &View,
    launcher: Launcher,
    on_instances: bool,
) -> Vec<PlacementStrategy> {
    let key = "placement_strategy";
    if !view.is_written(key) {
        return match launcher {
            Launcher::Service => vec![
                PlacementStrategy::SpreadAttribute("ecs.availability-zone".to_string()),
                PlacementStrategy::SpreadInstance,
            ],
            Launcher::RunTask => vec![PlacementStrategy::Random],
            Launcher::Daemon => Vec::new(),
        };
    }
    if launcher == Launcher::Daemon {
        let message = "a DAEMON service runs on every instance; there is nothing to choose";
        lower.problems.push(view.error(key, message).hint("leave `placement_strategy` out"));
    }
    if !on_instances {
        let message = "Fargate knows no placement strategies; it spreads over zones by itself";
        lower.problems.push(view.error(key, message).hint("leave `placement_strategy` out"));
    }
    let rules: Vec<PlacementStrategy> =
        view.items(key).iter().filter_map(|item| strategy_rule(lower, item)).collect();
    let random = rules.iter().position(|rule| *rule == PlacementStrategy::Random);
    if random.is_some_and(|at| at + 1 < rules.len()) {
        let message = "rules after `random` have no effect: it leaves no choice to them";
        let hint = "leave them out, or put `random` last";
        let problem = view.warning(Code::RulesAfterRandom, key, message);
        lower.problems.push(problem.hint(hint));
    }
    rules
}

/// The placement of Managed Instances: over zones, then where instances are full.
///
/// Source: ECS Developer Guide, task placement: strategies are not supported; auto scaling and task
/// placement: zones come before packing. Assumption: packing is by memory, as in the console's
/// template "AZ Balanced BinPack".
fn strategy_on_managed(
    lower: &mut Lower,
    view: &View,
    launcher: Launcher,
) -> Vec<PlacementStrategy> {
    let key = "placement_strategy";
    if view.is_written(key) && knows_where(lower, view) {
        let message = "Managed Instances know no placement strategies; Amazon ECS spreads tasks \
                       over zones and packs them by itself";
        let hint = "leave `placement_strategy` out; constraints are supported";
        lower.problems.push(view.error(key, message).hint(hint));
    }
    match launcher {
        Launcher::Daemon => Vec::new(),
        Launcher::Service | Launcher::RunTask => vec![
            PlacementStrategy::SpreadAttribute("ecs.availability-zone".to_string()),
            PlacementStrategy::BinpackMemory,
        ],
    }
}

fn strategy_rule(lower: &mut Lower, item: &View) -> Option<PlacementStrategy> {
    let (kind, field): (String, Option<String>) = match item.alternative() {
        Some(("random", view)) if !view.value::<bool>() => {
            let problem = item.error_here("`random = false` is no rule");
            let hint = "leave it out; without rules AWS's own hold";
            lower.problems.push(problem.hint(hint));
            return None;
        }
        Some(("random", _)) => ("random".to_string(), None),
        Some((kind, view)) => (kind.to_string(), Some(view.value())),
        None if matches!(item.kind(), Kind::Choice(_)) => (item.value(), None),
        None => (item.get("type"), item.find("field")),
    };
    const SPREAD: &str = "spread over `instanceId`, `host` or `attribute:<name>`";
    let rule = match (kind.as_str(), field.as_deref()) {
        ("random", None) => Ok(PlacementStrategy::Random),
        ("random", Some(field)) => {
            Err((format!("`random` takes no field, not `{field}`"), "leave the field out"))
        }
        ("binpack", Some("cpu" | "CPU")) => Ok(PlacementStrategy::BinpackCpu),
        ("binpack", Some("memory" | "MEMORY")) => Ok(PlacementStrategy::BinpackMemory),
        ("binpack", Some(field)) => {
            Err((format!("`{field}` cannot be packed"), "binpack `cpu` or `memory`"))
        }
        ("spread", Some("instanceId" | "host")) => Ok(PlacementStrategy::SpreadInstance),
        ("spread", Some(field)) => match field.strip_prefix("attribute:") {
            Some(name) if !name.is_empty() => {
                Ok(PlacementStrategy::SpreadAttribute(name.to_string()))
            }
            _ => Err((format!("`{field}` is nothing to spread over"), SPREAD)),
        },
        ("binpack", None) => Err(("`field` is missing".into(), "binpack `cpu` or `memory`")),
        _ => Err(("`field` is missing".into(), SPREAD)),
    };
    rule.map_err(|(message, hint)| {
        let problem = item.error_here(message);
        lower.problems.push(if hint.is_empty() { problem } else { problem.hint(hint) });
    })
    .ok()
}

fn constraints(lower: &mut Lower, view: &View) -> Vec<PlacementConstraint> {
    let mut list = Vec::new();
    for item in view.items("placement_constraints") {
        let is_long = matches!(item.kind(), Kind::Table(_));
        let is_word = matches!(item.kind(), Kind::Choice(_));
        let word = if is_long { item.find::<String>("type") } else { None };
        let word = word.or_else(|| is_word.then(|| item.value()));
        if word.as_deref() == Some("distinctInstance") {
            if is_long && item.is_written("expression") {
                let problem = item.error_here("`distinctInstance` takes no expression");
                let hint = "leave `expression` out, or write `memberOf`";
                lower.problems.push(problem.hint(hint));
            }
            list.push(PlacementConstraint::DistinctInstance);
        } else {
            list.extend(task::member_of(lower, &item));
        }
    }
    list
}

/// Platform versions matter here only where they forbid something.
fn check_version(lower: &mut Lower, view: &View, on_instances: bool) {
    let version: String = view.get("platform_version");
    if view.is_written("platform_version") && on_instances && knows_where(lower, view) {
        let message = "`platform_version` belongs to Fargate, and these tasks run on instances";
        lower.problems.push(view.error("platform_version", message).hint("leave it out"));
    }
    if !["LATEST", "1.4.0", "1.3.0", "1.0.0"].contains(&version.as_str()) {
        let message = format!("`{version}` is not a platform version of Fargate");
        let problem = view.error("platform_version", message).hint("use `LATEST` or `1.4.0`");
        lower.problems.push(problem);
    }
}

/// Who says how large tasks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SizedBy {
    /// The task definition.
    Definition,
    /// Each row of a trace.
    Row,
}

/// Checks that tasks of a definition can run where the launch sends them.
///
/// Only what is sound is checked against each other.
pub(super) fn check_fit(
    lower: &mut Lower,
    view: &View,
    launch: &Launch,
    (definition, sized_by): (Ix<TaskDefinition>, SizedBy),
) {
    let written = definition_view(lower, view);
    if !knows_where(lower, view) || written.as_ref().is_some_and(|it| !it.is_sound()) {
        return;
    }
    let facts = lower.definition_facts[definition].clone();
    check_compatible(lower, view, launch, &facts);
    if launch.providers.iter().any(|item| !item.provider.uses_instances()) {
        let os = lower.model.task_definitions[definition].os;
        if let Some(written) = written {
            task::check_fargate(lower, &written, &facts);
            if sized_by == SizedBy::Definition {
                task::check_fargate_size(lower, &written, (&facts, os));
            }
            check_platform(lower, view, &written, (launch, definition));
        }
        return;
    }
    let before = lower.problems.len();
    check_on_instances(lower, view, launch, (&facts, definition));
    if sized_by == SizedBy::Row {
        return;
    }
    let on_windows = lower.model.task_definitions[definition].os == Os::Windows;
    let task_memory = facts.task_size.1.filter(|_| !on_windows);
    if !facts.has_memory && task_memory.is_none() {
        let message = match on_windows {
            true => {
                "the task definition has no memory: Windows ignores that of the task, and \
                     each container must say how much"
            }
            false => {
                "the task definition has no memory: on instances the task or each container \
                      must say how much"
            }
        };
        let hint = if on_windows { "add `memory`" } else { "add `memory` or `memory_reservation`" };
        lower.problems.push(view.error("task_definition", message).hint(hint));
    }
    if lower.problems.len() == before {
        let requirement = lower.model.task_definitions[definition].requirement;
        let wanted = lower.model.requirements[requirement].clone();
        if let Some(problem) = no_room(lower, view, "task_definition", (launch, &wanted)) {
            lower.problems.push(problem);
        }
    }
}

/// A definition that was registered for something else does not run here.
///
/// Source: ECS API, RegisterTaskDefinition, `requiresCompatibilities`. EC2 takes definitions that
/// were validated for Fargate, which ask for less.
fn check_compatible(
    lower: &mut Lower,
    view: &View,
    launch: &Launch,
    facts: &task::DefinitionFacts,
) {
    let compatible = &facts.compatibilities;
    let wanted = launch.providers.iter().find_map(|item| match item.provider {
        Provider::Ec2 if lower.model.managed_group(item).is_some() => Some("MANAGED_INSTANCES"),
        Provider::Fargate | Provider::FargateSpot => Some("FARGATE"),
        Provider::External => Some("EXTERNAL"),
        Provider::Ec2 => None,
    });
    let Some(wanted) =
        wanted.filter(|it| !compatible.is_empty() && !compatible.iter().any(|one| one == it))
    else {
        return;
    };
    let names: Vec<&str> = compatible.iter().map(String::as_str).collect();
    let message = format!(
        "`requires_compatibilities` of its task definition is {}, and it is launched on `{wanted}`",
        listed(&names)
    );
    let hint = format!("add `\"{wanted}\"` there, or launch it elsewhere");
    lower.problems.push(view.error("task_definition", message).hint(hint));
}

/// What of Fargate depends on the platform: Spot, platform versions.
///
/// Source: ECS Developer Guide, "Fargate platform versions" and "Fargate capacity providers".
fn check_platform(
    lower: &mut Lower,
    view: &View,
    written: &View,
    (launch, definition): (&Launch, Ix<TaskDefinition>),
) {
    let definition = &lower.model.task_definitions[definition];
    let spot = launch.providers.iter().any(|item| item.provider == Provider::FargateSpot);
    if spot && definition.os == Os::Windows {
        let message = "Windows tasks do not run on `FARGATE_SPOT`";
        let hint = "use `FARGATE`";
        let problem = view.error("capacity_provider_strategy", message).hint(hint);
        lower.problems.push(problem);
        return;
    }
    let version: String = view.get("platform_version");
    let old = version == "1.3.0" || (version == "1.0.0" && definition.os == Os::Linux);
    let large = definition.fargate.is_some_and(|size| size.cpu_units >= 8192);
    let reason = if !old {
        return;
    } else if large {
        "8 vCPU and more"
    } else if definition.architecture == Architecture::Arm64 {
        "ARM64"
    } else if written.is_written("ephemeral_storage") {
        "`ephemeral_storage`"
    } else if task::uses_efs(written) {
        "EFS volumes"
    } else {
        return;
    };
    let message = format!("`platform_version` is `{version}`, and {reason} need `1.4.0`");
    lower.problems.push(view.error("platform_version", message).hint("use `LATEST`"));
}

/// What of a definition does not go with instances, or not with external ones.
///
/// Source: ECS Developer Guide, "Amazon ECS clusters for external instances"; ECS API, RunTask,
/// `networkConfiguration`.
fn check_on_instances(
    lower: &mut Lower,
    view: &View,
    launch: &Launch,
    (facts, definition): (&task::DefinitionFacts, Ix<TaskDefinition>),
) {
    let external = launch.providers.iter().any(|item| item.provider == Provider::External);
    let awsvpc = facts.network_mode == "awsvpc";
    if external && awsvpc {
        let message = "its task definition has `network_mode` `awsvpc`, which external instances \
                       do not have";
        lower.problems.push(view.error("task_definition", message).hint("use `bridge` or `host`"));
    }
    if external && facts.efs {
        let message =
            "its task definition has an EFS volume, which external instances cannot mount";
        let hint = "take the volume away, or run it elsewhere";
        lower.problems.push(view.error("task_definition", message).hint(hint));
    }
    if goes_to_managed(&lower.root(), view) {
        check_managed_mode(lower, view, &facts.network_mode);
    } else {
        check_borrowed_mode(lower, view);
    }
    let network = view.table("network_configuration");
    if !awsvpc && !network.items("subnets").is_empty() {
        let message = format!(
            "`network_configuration.subnets` are for network mode `awsvpc`, and that of its task \
             definition is `{}`",
            facts.network_mode
        );
        let hint = "leave them out: such tasks use the addresses of their instances";
        lower.problems.push(network.error("subnets", message).hint(hint));
    }
    let windows = lower.model.task_definitions[definition].os == Os::Windows;
    let task_size = [("cpu", facts.task_size.0), ("memory", facts.task_size.1)];
    for (key, size) in task_size.into_iter().filter(|_| windows) {
        if let Some(size) = size {
            let message = format!("`{key}` of the whole task, {size}, is ignored on Windows");
            let written = definition_view(lower, view).unwrap_or_else(|| view.clone());
            let hint = "what its containers say is reserved";
            let problem = written.warning(Code::WindowsTaskSize, key, message);
            lower.problems.push(problem.hint(hint));
        }
    }
}

/// Source: ECS API, ManagedInstancesNetworkConfiguration; the guide leaves `none` out.
fn check_managed_mode(lower: &mut Lower, view: &View, mode: &str) {
    if !["awsvpc", "host", "none"].contains(&mode) {
        let message = format!(
            "its task definition has `network_mode` `{mode}`, and Managed Instances know `awsvpc`, \
             `host` and `none`"
        );
        let hint = "write `network_mode = \"awsvpc\"` there";
        lower.problems.push(view.error("task_definition", message).hint(hint));
    }
}

/// A network mode that a definition has because it runs on Fargate holds on EC2 as well.
fn check_borrowed_mode(lower: &mut Lower, view: &View) {
    let Some(written) = definition_view(lower, view) else { return };
    if lower.on_fargate.contains(&written.path_of("network_mode")) {
        let message = "its task definition is for Fargate or Managed Instances as well, and so its \
                       network mode is `awsvpc`: each task takes a network interface of its \
                       instance";
        let hint = "write `network_mode = \"awsvpc\"` there, or give EC2 a definition of its own";
        let code = Code::NetworkModeOfFargate;
        lower.problems.push(view.warning(code, "task_definition", message).hint(hint));
    }
}

/// Returns the definition that `view` names or holds; nothing for a job that has none.
pub(super) fn definition_view<'d>(lower: &Lower<'d>, view: &View<'d>) -> Option<View<'d>> {
    let child = view.child("task_definition")?;
    if task::is_inline(&child) {
        return Some(child);
    }
    lower.root().entry("task_definition", &child.value::<String>())
}

/// Host ports that can be reserved on an instance, the agent's own among them.
///
/// Source: ECS Developer Guide, task definition parameters, `hostPort`.
const PORTS_PER_INSTANCE: usize = 100;

/// Tables that say what instances there are.
const OF_INSTANCES: [&str; 5] =
    ["container_instances", "auto_scaling_group", "capacity_provider", "instance_type", "subnet"];

/// Says why a task fits no instance it could go to, even an empty one; nothing if it fits.
pub(super) fn no_room(
    lower: &Lower,
    view: &View,
    key: &str,
    (launch, wanted): (&Launch, &Requirement),
) -> Option<Problem> {
    if !launch.providers.iter().all(|item| item.provider.uses_instances()) {
        return None;
    }
    let is_sure = lower.root().is_sound_at(&OF_INSTANCES);
    if !is_sure || lower.has_unknown_instances || !knows_where(lower, view) {
        return None;
    }
    launch.providers.iter().find_map(|item| no_room_of(lower, view, key, (launch, item), wanted))
}

/// Says why a task fits no instance of an item of its strategy.
fn no_room_of(
    lower: &Lower,
    view: &View,
    key: &str,
    (launch, item): (&Launch, &StrategyItem),
    wanted: &Requirement,
) -> Option<Problem> {
    let model = &lower.model;
    let there: Vec<&InstanceClass> = model
        .classes
        .iter()
        .map(|(_, class)| class)
        .filter(|class| class.cluster == launch.cluster && model.uses(item, class))
        .collect();
    let cluster = &model.clusters[launch.cluster].name;
    if there.is_empty() && item.capacity_provider.is_some() {
        return None; // its instances are in another cluster, which is told
    }
    if there.is_empty() {
        let word = if item.provider == Provider::Ec2 { "EC2" } else { "external" };
        let message = format!("the cluster `{cluster}` has no {word} instances to run it");
        let hint = "add `[container_instances.…]`, or choose another `launch_type`";
        return Some(view.error(key, message).hint(hint));
    }
    let of = match item.capacity_provider {
        Some(ix) => format!("capacity provider `{}`", model.capacity_providers[ix].name),
        None => format!("cluster `{cluster}`"),
    };
    type Check<'a> = (&'a dyn Fn(&InstanceClass) -> bool, &'a str);
    let checks: [Check; 8] = [
        (&|class| class.os_family == wanted.os_family, "operating system"),
        (
            &|class| wanted.architecture.is_none_or(|it| it == class.architecture),
            "none has its CPU architecture",
        ),
        (&|class| is_in_zones(class, launch, wanted), "none is in a zone of its subnets"),
        (&|class| wanted.resources.cpu_units <= class.registered.cpu_units, "CPU"),
        (&|class| wanted.resources.memory_mib <= class.registered.memory_mib, "memory"),
        (&|class| wanted.resources.gpus <= class.registered.gpus, "none has as many GPUs"),
        (
            &|class| !wanted.awsvpc || class.task_enis > 0,
            "none has a network interface for tasks in network mode `awsvpc`",
        ),
        (&|class| has_ports(class, wanted), "its host ports are reserved on all"),
    ];
    // Each check leaves fewer instances; the one that leaves none is the reason.
    let mut left = there;
    for (check, reason) in checks {
        let before = left.clone();
        left.retain(|class| check(class));
        if left.is_empty() {
            let what = &wanted.resources;
            let gpus = match what.gpus {
                0 => String::new(),
                1 => " and 1 GPU".to_string(),
                gpus => format!(" and {gpus} GPUs"),
            };
            let message = format!(
                "a task of {} CPU units, {} MiB{gpus} fits no instance of the {of}, even empty",
                what.cpu_units, what.memory_mib,
            );
            return Some(view.error(key, message).hint(shortfall(reason, wanted, &before)));
        }
    }
    None
}

/// Returns how many instances a launch may choose from.
pub(super) fn hosts(model: &Model, launch: Ix<Launch>) -> u64 {
    let launch = &model.launches[launch];
    let of_fleet = |(_, fleet): (_, &Fleet)| {
        let may = fleet.classes.iter().filter(|&&it| may_host(model, launch, &model.classes[it]));
        let there: u64 = may.map(|&it| instances_of(model, it)).sum();
        there.min(u64::from(most_of(model, fleet)))
    };
    model.fleets.iter().map(of_fleet).sum()
}

/// Returns how many instances a fleet has, or may have at most.
pub(super) fn most_of(model: &Model, fleet: &Fleet) -> u32 {
    match fleet.group {
        Some(group) => model.auto_scaling_groups[group].most(),
        None => fleet.count,
    }
}

/// Returns how many instances of a class there are, or may be at most.
pub(super) fn instances_of(model: &Model, class: Ix<InstanceClass>) -> u64 {
    let fleet = &model.fleets[model.classes[class].fleet];
    let count = most_of(model, fleet);
    let is_alike = |&other: &Ix<InstanceClass>| {
        let (one, other) = (&model.classes[class], &model.classes[other]);
        (&one.instance_type, one.spot.is_some()) == (&other.instance_type, other.spot.is_some())
    };
    if !fleet.classes.iter().all(is_alike) {
        // Of several types each may be the one that is to be had.
        return u64::from(count);
    }
    let Some(position) = fleet.classes.iter().position(|&it| it == class) else { return 0 };
    // Instance `i` is of kind `i mod n`.
    (count as usize + fleet.classes.len() - 1 - position) as u64 / fleet.classes.len() as u64
}

/// Says whether an empty instance can take such a task at all, whatever its size.
pub(super) fn may_take(class: &InstanceClass, launch: &Launch, wanted: &Requirement) -> bool {
    class.os_family == wanted.os_family
        && wanted.architecture.is_none_or(|it| it == class.architecture)
        && is_in_zones(class, launch, wanted)
        && has_ports(class, wanted)
}

fn is_in_zones(class: &InstanceClass, launch: &Launch, wanted: &Requirement) -> bool {
    !wanted.awsvpc || launch.subnets.is_empty() || launch.zones.contains(&class.zone)
}

fn has_ports(class: &InstanceClass, wanted: &Requirement) -> bool {
    wanted.ports.iter().all(|port| !class.reserved_ports.contains(port))
        && class.reserved_ports.len() + wanted.ports.len() <= PORTS_PER_INSTANCE
}

/// Says what the nearest instances have of what is short.
fn shortfall(reason: &str, wanted: &Requirement, classes: &[&InstanceClass]) -> String {
    let most = |of: fn(&InstanceClass) -> u32| {
        classes.iter().max_by_key(|class| of(class)).map(|class| (of(class), &class.instance_type))
    };
    match reason {
        "operating system" => {
            let mut there: Vec<&str> = classes.iter().map(|it| it.os_family.name()).collect();
            there.sort_unstable();
            there.dedup();
            format!(
                "its `operating_system_family` is `{}`, and that of an instance must be the same: \
                 there is {}",
                wanted.os_family.name(),
                listed(&there)
            )
        }
        "CPU" => match most(|class| class.registered.cpu_units) {
            Some((units, name)) => format!("the largest, `{name}`, registers {units} CPU units"),
            None => String::new(),
        },
        "memory" => match most(|class| class.registered.memory_mib) {
            Some((mib, name)) => format!(
                "the largest, `{name}`, registers {mib} MiB, less than it is sold with: the system \
                 keeps some"
            ),
            None => String::new(),
        },
        other => other.to_string(),
    }
}

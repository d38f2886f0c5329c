//! How tasks are launched: launch type or strategy, placement, network; and whether it can work.

use crate::ecs::model::{
    InstanceLaunchType, Launch, Os, PlacementConstraint, PlacementStrategy, Provider, Requirement,
    StrategyItem, Subnet, TaskDefinition,
};
use crate::engine::Ix;

use super::super::View;
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
    let strategy = strategy(lower, view, launcher, on_instances);
    let mut constraints =
        definition.map(|ix| lower.definition_facts[ix].constraints.clone()).unwrap_or_default();
    constraints.extend(self::constraints(lower, view));
    if constraints.len() > CONSTRAINTS {
        let message = format!(
            "there are {} placement constraints with those of the task definition; AWS allows \
             {CONSTRAINTS}",
            constraints.len()
        );
        lower.problems.push(view.error("placement_constraints", message));
    }
    if !on_instances && !constraints.is_empty() {
        let message = "Fargate knows no placement constraints";
        lower.problems.push(view.error("placement_constraints", message));
    }
    check_version(lower, view, on_instances);
    let network = view.table("network_configuration");
    let subnets: Vec<Ix<Subnet>> = network
        .items("subnets")
        .iter()
        .map(|item| lower.subnets[&item.value::<String>()])
        .collect();
    let zones = if subnets.is_empty() && !on_instances {
        lower.default_zones()
    } else {
        let mut zones: Vec<_> = subnets.iter().map(|&it| lower.model.subnets[it].zone).collect();
        zones.sort_unstable();
        zones.dedup();
        zones
    };
    let public_ip = network.get::<String>("assign_public_ip") == "ENABLED";
    if public_ip && on_instances {
        let message = "tasks on EC2 instances cannot have a public address of their own";
        lower.problems.push(network.error("assign_public_ip", message));
    }
    let group = lower.group(group);
    Launch { cluster, providers, group, strategy, constraints, subnets, zones, public_ip }
}

/// The launch type or strategy: its own, the cluster's, else EC2.
///
/// Source: ECS API, CapacityProviderStrategyItem. Assumption: EC2 where nothing says anything.
fn providers(lower: &mut Lower, view: &View) -> Vec<StrategyItem> {
    let one = |provider| vec![StrategyItem { provider, base: 0, weight: 1 }];
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
    if own {
        return strategy_items(lower, view, "capacity_provider_strategy");
    }
    let cluster: String = view.get("cluster");
    let key = "default_capacity_provider_strategy";
    match lower.root().entry("cluster", &cluster) {
        Some(of_cluster) if of_cluster.is_written(key) => strategy_items(lower, &of_cluster, key),
        _ => one(Provider::Ec2),
    }
}

fn strategy_items(lower: &mut Lower, view: &View, key: &str) -> Vec<StrategyItem> {
    let written = view.items(key);
    let mut items: Vec<StrategyItem> = Vec::new();
    for item in &written {
        let provider = match item.get::<String>("capacity_provider").as_str() {
            "FARGATE_SPOT" => Provider::FargateSpot,
            _ => Provider::Fargate,
        };
        if items.iter().any(|other| other.provider == provider) {
            lower
                .problems
                .push(item.error("capacity_provider", "a capacity provider is named twice"));
            continue;
        }
        items.push(StrategyItem { provider, base: item.get("base"), weight: item.get("weight") });
    }
    if items.iter().filter(|item| item.base > 0).count() > 1 {
        let message = "more than one item has a base; AWS allows one";
        lower.problems.push(view.error(key, message));
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
        lower.problems.push(view.error(key, message));
    }
    if !on_instances {
        let message = "Fargate knows no placement strategies; it spreads over zones by itself";
        lower.problems.push(view.error(key, message).hint("leave `placement_strategy` out"));
    }
    view.items(key).iter().filter_map(|item| strategy_rule(lower, view, item)).collect()
}

fn strategy_rule(lower: &mut Lower, owner: &View, item: &View) -> Option<PlacementStrategy> {
    let (kind, field): (String, Option<String>) = match item.alternative() {
        Some(("random", _)) => ("random".to_string(), None),
        Some((kind, view)) => (kind.to_string(), Some(view.value())),
        None if matches!(item.kind(), super::super::keys::Kind::Choice(_)) => (item.value(), None),
        None => (item.get("type"), item.find("field")),
    };
    let rule = match (kind.as_str(), field.as_deref()) {
        ("random", None) => Ok(PlacementStrategy::Random),
        ("random", Some(_)) => Err("random takes no field"),
        ("binpack", Some("cpu" | "CPU")) => Ok(PlacementStrategy::BinpackCpu),
        ("binpack", Some("memory" | "MEMORY")) => Ok(PlacementStrategy::BinpackMemory),
        ("binpack", _) => Err("binpack takes `cpu` or `memory`"),
        ("spread", Some("instanceId" | "host")) => Ok(PlacementStrategy::SpreadInstance),
        ("spread", Some(field)) => match field.strip_prefix("attribute:") {
            Some(name) if !name.is_empty() => {
                Ok(PlacementStrategy::SpreadAttribute(name.to_string()))
            }
            _ => Err("spread takes `instanceId`, `host` or `attribute:<name>`"),
        },
        _ => Err("spread takes `instanceId`, `host` or `attribute:<name>`"),
    };
    rule.map_err(|message| {
        let problem = owner.error("placement_strategy", message);
        lower.problems.push(super::super::Problem { at: item.place(), ..problem });
    })
    .ok()
}

fn constraints(lower: &mut Lower, view: &View) -> Vec<PlacementConstraint> {
    let mut list = Vec::new();
    for item in view.items("placement_constraints") {
        let word = match item.kind() {
            super::super::keys::Kind::Choice(_) => Some(item.value::<String>()),
            super::super::keys::Kind::Table(_) => Some(item.get::<String>("type")),
            _ => None,
        };
        if word.as_deref() == Some("distinctInstance") {
            list.push(PlacementConstraint::DistinctInstance);
        } else {
            list.extend(task::member_of(lower, view, &item));
        }
    }
    list
}

/// Platform versions matter here only where they forbid something.
fn check_version(lower: &mut Lower, view: &View, on_instances: bool) {
    let version: String = view.get("platform_version");
    if view.is_written("platform_version") && on_instances {
        let message = "`platform_version` belongs to Fargate, and these tasks run on instances";
        lower.problems.push(view.error("platform_version", message));
    }
    if !["LATEST", "1.4.0", "1.3.0", "1.0.0"].contains(&version.as_str()) {
        let message = format!("`{version}` is not a platform version of Fargate");
        lower
            .problems
            .push(view.error("platform_version", message).hint("use `LATEST` or `1.4.0`"));
    }
}

/// Checks that tasks of a definition can run where the launch sends them.
pub(super) fn check_fit(
    lower: &mut Lower,
    view: &View,
    launch: &Launch,
    definition: Ix<TaskDefinition>,
) {
    let before = lower.problems.len();
    let os = lower.model.task_definitions[definition].os;
    let facts = lower.definition_facts[definition].clone();
    let on_fargate = launch.providers.iter().any(|item| !item.provider.uses_instances());
    if on_fargate {
        let owner = definition_view(lower, view);
        task::check_fargate(lower, &owner, (&facts, os));
        let spot = launch.providers.iter().any(|item| item.provider == Provider::FargateSpot);
        if spot && os == Os::Windows {
            let message = "Windows tasks do not run on Fargate Spot";
            lower.problems.push(view.error("capacity_provider_strategy", message));
        }
        return;
    }
    let external = launch.providers.iter().any(|item| item.provider == Provider::External);
    if external && facts.network_mode == "awsvpc" {
        let message = "external instances have no network mode `awsvpc`";
        lower.problems.push(view.error("task_definition", message).hint("use `bridge` or `host`"));
    }
    if external && facts.efs {
        let message = "external instances cannot mount EFS volumes";
        lower.problems.push(view.error("task_definition", message));
    }
    if !facts.has_memory && facts.task_size.1.is_none() {
        let message = "the task definition has no memory: on instances the task or each container must say \
                       how much";
        let hint = "add `memory` or `memory_reservation`";
        lower.problems.push(view.error("task_definition", message).hint(hint));
    }
    if lower.problems.len() == before {
        let requirement = lower.model.task_definitions[definition].requirement;
        let wanted = lower.model.requirements[requirement].clone();
        check_room(lower, view, "task_definition", launch, &wanted);
    }
}

/// Returns the definition's own view where it is written in place, else the owner's.
fn definition_view<'d>(lower: &Lower<'d>, view: &View<'d>) -> View<'d> {
    match view.child("task_definition") {
        Some(child) if task::is_inline(&child) => child,
        Some(child) => {
            let name: String = child.value();
            lower.root().entry("task_definition", &name).unwrap_or_else(|| view.clone())
        }
        None => view.clone(),
    }
}

/// Reports a task that is larger than any instance it could go to.
pub(super) fn check_room(
    lower: &mut Lower,
    view: &View,
    key: &str,
    launch: &Launch,
    wanted: &Requirement,
) {
    let launch_type = match launch.providers[0].provider {
        Provider::Ec2 => InstanceLaunchType::Ec2,
        Provider::External => InstanceLaunchType::External,
        Provider::Fargate | Provider::FargateSpot => return,
    };
    let there: Vec<_> = lower
        .model
        .classes
        .iter()
        .map(|(_, class)| class)
        .filter(|class| class.cluster == launch.cluster && class.launch_type == launch_type)
        .collect();
    let cluster = &lower.model.clusters[launch.cluster].name;
    let what = &wanted.resources;
    if there.is_empty() {
        let word = if launch_type == InstanceLaunchType::Ec2 { "EC2" } else { "external" };
        let message = format!("the cluster `{cluster}` has no {word} instances to run it");
        let hint = "add `[container_instances.…]`, or choose another `launch_type`";
        lower.problems.push(view.error(key, message).hint(hint));
        return;
    }
    let fits = there.iter().any(|class| {
        class.registered.fits(what)
            && class.os == wanted.os
            && wanted.architecture.is_none_or(|it| it == class.architecture)
            && (!wanted.awsvpc || class.task_enis > 0)
            && wanted.ports.iter().all(|port| !class.reserved_ports.contains(port))
    });
    if fits {
        return;
    }
    let largest = there.iter().map(|class| class.registered.memory_mib).max().unwrap_or(0);
    let most_cpu = there.iter().map(|class| class.registered.cpu_units).max().unwrap_or(0);
    let message = format!(
        "a task of {} CPU units, {} MiB{} fits no instance of the cluster `{cluster}`, even empty",
        what.cpu_units,
        what.memory_mib,
        if what.gpus > 0 { format!(" and {} GPUs", what.gpus) } else { String::new() },
    );
    let hint = format!(
        "the largest register {most_cpu} CPU units and {largest} MiB (less than AWS lists: the \
         system keeps some); check operating system, architecture, ports and GPUs too"
    );
    lower.problems.push(view.error(key, message).hint(hint));
}

//! Services, target groups, and what happens when.

use crate::ecs::load::fluid::Routing;
use crate::ecs::model::{
    Action, CapacityPool, InstanceClass, Launch, PlacementConstraint, PlacementStrategy, Provider,
    Scheduling, Service, Shortage, TargetGroup,
};
use crate::engine::Ix;
use crate::units::{SimTime, Span};

use super::super::View;
use super::super::codes::Code;
use super::super::problems::{listed, number};
use super::launch::{Launcher, SizedBy, check_fit, definition_view, knows_where, launch};
use super::{Lower, fault, service_scaling, task, upkeep};

/// Tasks that a service may have. Source: AWS General Reference, ECS quotas.
const TASKS_PER_SERVICE: u32 = 5000;

/// Services that a cluster may have. Source: AWS General Reference, ECS quotas.
const SERVICES_PER_CLUSTER: usize = 5000;

/// Target groups by name, and whether their load balancers make sense.
pub(super) fn target_groups(lower: &mut Lower) {
    for (_, view) in lower.root().entries("load_balancer") {
        if view.get::<String>("type") == "classic" && view.is_written("lcu") {
            let message = "a Classic Load Balancer is paid by the hour and the GB, not by LCU";
            lower.problems.push(view.error("lcu", message).hint("leave `lcu` out"));
        }
    }
    for (name, view) in lower.root().entries("target_group") {
        let balancer: String = view.get("load_balancer");
        let kind = lower.root().entry("load_balancer", &balancer);
        let kind = kind.map(|balancer| balancer.get::<String>("type")).unwrap_or_default();
        let application = kind == "application";
        let timeout = if kind == "network" { Span::secs(10) } else { Span::secs(6) };
        let check = view.table("health_check");
        let algorithm: String = view.get("load_balancing_algorithm");
        if algorithm != "round_robin" && !application && !kind.is_empty() {
            let message =
                format!("`{algorithm}` is for target groups of Application Load Balancers");
            let hint = "leave it out, or let the load balancer be of type \"application\"";
            lower.problems.push(view.error("load_balancing_algorithm", message).hint(hint));
        }
        let routing = match algorithm.as_str() {
            "least_outstanding_requests" => Routing::LeastOutstanding,
            "weighted_random" => Routing::Random,
            _ => Routing::RoundRobin,
        };
        let group = TargetGroup {
            name: name.to_string(),
            deregistration_delay: view.get("deregistration_delay"),
            health_check_interval: check.get("interval"),
            // A new target of an Application Load Balancer is healthy after one success (ECS guide,
            // "Optimize load balancer health check parameters"). Assumption: the others want all.
            first_healthy_checks: if application { 1 } else { check.get("healthy_threshold") },
            healthy_checks: check.get("healthy_threshold"),
            unhealthy_checks: check.get("unhealthy_threshold"),
            health_check_timeout: check.find("timeout").unwrap_or(timeout),
            routing,
        };
        let ix = lower.model.target_groups.push(group);
        lower.target_groups.insert(name.to_string(), ix);
    }
}

/// Services by name.
pub(super) fn services(lower: &mut Lower) {
    let mut per_cluster = vec![0usize; lower.model.clusters.len()];
    for (name, view) in lower.root().entries("service") {
        let in_cluster = &mut per_cluster[lower.clusters[&view.get::<String>("cluster")].index()];
        *in_cluster += 1;
        check_services(lower, &view, *in_cluster);
        let daemon = view.get::<String>("scheduling_strategy") == "DAEMON";
        let scheduling = scheduling(lower, &view, daemon);
        let definition = task::definition_of(lower, name, &view);
        let launcher = if daemon { Launcher::Daemon } else { Launcher::Service };
        let group = format!("service:{name}");
        let launch = launch(lower, &view, (launcher, &group), definition);
        let on_fargate = launch.providers.iter().any(|item| !item.provider.uses_instances());
        if daemon && on_fargate {
            let message = "a DAEMON service does not run on Fargate: there are no instances";
            let hint = "use `REPLICA`, or run it on instances";
            lower.problems.push(view.error("scheduling_strategy", message).hint(hint));
        }
        let external = launch.providers.iter().any(|it| it.provider == Provider::External);
        if external && !view.items("load_balancers").is_empty() {
            let message = "external instances have no load balancing";
            lower.problems.push(view.error("load_balancers", message).hint("leave it out"));
        }
        if let Some(definition) = definition {
            check_fit(lower, &view, &launch, (definition, SizedBy::Definition));
        }
        let target_groups = targets(lower, &view);
        let availability_zone_rebalancing = rebalancing(lower, &view, &launch);
        let launch = lower.model.launches.push(launch);
        // A service whose definition is wrong is not made; its name still exists for others.
        let Some(task_definition) = definition else { continue };
        let ix = lower.model.services.push(Service {
            name: name.to_string(),
            task_definition,
            launch,
            scheduling,
            minimum_healthy_percent: view.find("minimum_healthy_percent").unwrap_or(if daemon {
                0
            } else {
                100
            }),
            maximum_percent: view.find("maximum_percent").unwrap_or(if daemon { 100 } else { 200 }),
            target_groups,
            availability_zone_rebalancing,
            auto_scaling: None,
        });
        lower.services.insert(name.to_string(), ix);
    }
}

fn scheduling(lower: &mut Lower, view: &View, daemon: bool) -> Scheduling {
    let desired: Option<u32> = view.find("desired_count");
    if daemon {
        if desired.is_some() {
            let message = "a DAEMON service has one task on each instance, not a desired count";
            lower.problems.push(view.error("desired_count", message).hint("leave it out"));
        }
        return Scheduling::Daemon;
    }
    if desired.is_none() && !view.is_written("auto_scaling") {
        let hint = "add, for example, `desired_count = 3`";
        lower.problems.push(view.error("desired_count", "`desired_count` is missing").hint(hint));
    }
    let desired_count = desired.unwrap_or(0);
    check_count(lower, view, desired_count);
    Scheduling::Replica { desired_count }
}

/// Zones of services, as constraints and strategies name them.
const ZONE: &str = "ecs.availability-zone";

/// Whether tasks move between zones: by default wherever AWS allows it.
///
/// Source: ECS Developer Guide, service-rebalancing (2026); ECS API, CreateService: "defaults to
/// ENABLED", and what is not compatible is DISABLED.
fn rebalancing(lower: &mut Lower, view: &View, launch: &Launch) -> bool {
    let key = "availability_zone_rebalancing";
    let written: Option<String> = view.find(key);
    if written.as_deref() == Some("DISABLED") {
        return false;
    }
    let Some((message, hint)) = not_rebalanced(lower, view, launch) else { return true };
    let others = [
        "scheduling_strategy",
        "maximum_percent",
        "placement_strategy",
        "placement_constraints",
        "load_balancers",
    ];
    if written.is_some() && view.is_sound_at(&others) && knows_where(lower, view) {
        let hint = format!("{hint}, or leave `{key}` out");
        lower.problems.push(view.error(key, message).hint(hint));
    }
    false
}

/// Says why AWS does not rebalance the service, and what would have to change.
fn not_rebalanced(
    lower: &Lower,
    view: &View,
    launch: &Launch,
) -> Option<(&'static str, &'static str)> {
    if view.get::<String>("scheduling_strategy") == "DAEMON" {
        let message = "a DAEMON service has a task on each instance, and none can move";
        return Some((message, "use `REPLICA`"));
    }
    if launch.providers.iter().any(|item| item.provider == Provider::External) {
        let message = "AWS does not rebalance services on external instances";
        return Some((message, "run it on EC2 or Fargate"));
    }
    if view.find::<u32>("maximum_percent").is_some_and(|most| most <= 100) {
        let message = "a `maximum_percent` of 100 leaves no room to start a task elsewhere first";
        return Some((message, "raise it"));
    }
    let first = launch.strategy.first();
    if first.is_some_and(|it| *it != PlacementStrategy::SpreadAttribute(ZONE.to_string())) {
        let message = "AWS rebalances services only whose first placement strategy is a spread \
                       over zones";
        return Some((message, "put `{ spread = \"attribute:ecs.availability-zone\" }` first"));
    }
    let is_of_zones = |it: &PlacementConstraint| match it {
        PlacementConstraint::MemberOf(query) => query.asks_for(ZONE),
        PlacementConstraint::DistinctInstance => false,
    };
    if launch.constraints.iter().any(is_of_zones) {
        let message = "AWS does not rebalance services with a placement constraint on \
                       `attribute:ecs.availability-zone`";
        return Some((message, "take the constraint away"));
    }
    let is_classic = |item: &View| {
        let group = lower.root().entry("target_group", &item.get::<String>("target_group"));
        let balancer = group.map(|it| it.get::<String>("load_balancer")).unwrap_or_default();
        let kind = lower.root().entry("load_balancer", &balancer);
        kind.is_some_and(|it| it.get::<String>("type") == "classic")
    };
    if view.items("load_balancers").iter().any(is_classic) {
        let message = "AWS does not rebalance services with a Classic Load Balancer";
        return Some((message, "use an `application` or `network` load balancer"));
    }
    None
}

fn check_count(lower: &mut Lower, view: &View, count: u32) {
    let allowed = lower.root().table("account").get::<bool>("override");
    if count > TASKS_PER_SERVICE && !allowed {
        let (count, most) = (number(count), number(TASKS_PER_SERVICE));
        let message = format!("`desired_count` is {count}; AWS allows {most} tasks a service");
        let hint = "split the service, or set `account.override = true` to ask what if";
        lower.problems.push(view.error("desired_count", message).hint(hint));
    }
}

fn check_services(lower: &mut Lower, view: &View, count: usize) {
    let allowed = lower.root().table("account").get::<bool>("override");
    if count > SERVICES_PER_CLUSTER && !allowed {
        let cluster: String = view.get("cluster");
        let message = format!(
            "the cluster `{cluster}` has more than {} services, all that AWS allows",
            number(SERVICES_PER_CLUSTER as u64)
        );
        let hint = "use several clusters, or set `account.override = true` to ask what if";
        lower.problems.push(view.error("cluster", message).hint(hint));
    }
}

/// The target groups, whose containers and ports must be those of the task definition.
///
/// Source: ECS API, LoadBalancer.
fn targets(lower: &mut Lower, view: &View) -> Vec<crate::engine::Ix<TargetGroup>> {
    let mut groups = Vec::new();
    for item in view.items("load_balancers") {
        // Which containers there are is known, whatever else is wrong with them.
        let written = definition_view(lower, view).filter(|it| it.is_sound_at(&["file", "like"]));
        if let Some(written) = written {
            check_target(lower, &item, &written);
        }
        groups.push(lower.target_groups[&item.get::<String>("target_group")]);
    }
    if view.is_sound_at(&["load_balancers"]) {
        check_targets_together(lower, view);
    }
    groups
}

/// What of several load balancers does not go together.
///
/// Source: ECS API, CreateService, `loadBalancers`: several target groups, or one Classic Load
/// Balancer. That a target is registered once follows.
fn check_targets_together(lower: &mut Lower, view: &View) {
    let items = view.items("load_balancers");
    let mut seen = Vec::new();
    for item in &items {
        let group: String = item.get("target_group");
        let balancer = lower.root().entry("target_group", &group);
        let balancer = balancer.map(|it| it.get::<String>("load_balancer")).unwrap_or_default();
        let kind = lower.root().entry("load_balancer", &balancer);
        let is_classic = kind.is_some_and(|it| it.get::<String>("type") == "classic");
        if is_classic && items.len() > 1 {
            let message = format!(
                "`{balancer}` is a Classic Load Balancer, of which a service has one, and nothing \
                 beside it"
            );
            let hint = "leave the others out, or use an `application` or `network` load balancer";
            lower.problems.push(item.error("target_group", message).hint(hint));
        }
        let container: String = item.get("container_name");
        let target = (group, container, item.get::<u64>("container_port"));
        if seen.contains(&target) {
            let (group, container, port) = &target;
            let message = format!("port {port} of `{container}` is in `{group}` twice");
            lower.problems.push(item.error("target_group", message).hint("leave one out"));
        }
        seen.push(target);
    }
}

fn check_target(lower: &mut Lower, item: &View, definition: &View) {
    let name: String = item.get("container_name");
    let containers = definition.entries("container_definitions");
    // The container of the short form has every port.
    if containers.is_empty() && name == "app" {
        return;
    }
    let Some((_, container)) = containers.iter().find(|(known, _)| *known == name) else {
        let names: Vec<&str> = containers.iter().map(|(name, _)| *name).collect();
        let names = if names.is_empty() { vec!["app"] } else { names };
        let message = format!("`{name}` is not a container of its task");
        let hint = format!("it has {}", listed(&names));
        lower.problems.push(item.error("container_name", message).hint(hint));
        return;
    };
    let port: u64 = item.get("container_port");
    let mappings = container.items("port_mappings");
    let has_range = mappings.iter().any(|mapping| mapping.is_written("container_port_range"));
    let mapped: Vec<u64> = mappings.iter().filter_map(|it| it.find("container_port")).collect();
    let is_sound = container.is_sound_at(&["port_mappings"]);
    if !mapped.contains(&port) && !has_range && is_sound {
        let ports: Vec<String> = mapped.iter().map(u64::to_string).collect();
        let message = format!("`{name}` does not map the port {port}");
        let hint = match ports.as_slice() {
            [] => format!("add `port_mappings = [{{ container_port = {port} }}]` to it"),
            ports => format!("it maps {}", ports.join(", ")),
        };
        lower.problems.push(item.error("container_port", message).hint(hint));
    }
}

/// What happens when: changes in order of time.
pub(super) fn actions(lower: &mut Lower) {
    let end = SimTime::ZERO + lower.model.duration;
    for (name, view) in lower.root().entries("at") {
        let text: String = view.get("time");
        let at = match lower.model.calendar.instant(&text) {
            Ok(at) => at,
            Err(error) => {
                if lower.root().is_sound_at(&["start", "time_zone"]) {
                    lower.problems.push(view.error("time", error.message).hint(error.hint));
                }
                continue;
            }
        };
        if at > end {
            let after = Span::micros(at.as_micros());
            if lower.root().is_sound_at(&["start", "time_zone", "duration"]) {
                let message =
                    format!("`{text}` is {after} after the start, and the run ends before");
                let hint = "make `duration` longer, if it should happen";
                let problem = view.warning(Code::ActionAfterTheEnd, "time", message);
                lower.problems.push(problem.hint(hint));
            }
            continue;
        }
        if !CHANGES.iter().chain(&fault::TABLES).any(|key| view.is_written(key)) {
            let hint = "write `update_service = {…}`, `set_desired_capacity = {…}` or a failure, \
                        such as `availability_zone_outage = {…}`";
            lower.problems.push(view.error_here("nothing happens then").hint(hint));
        }
        let update = view.child("update_service").and_then(|it| update_service(lower, &it));
        let capacity =
            view.child("set_desired_capacity").and_then(|it| set_desired_capacity(lower, &it));
        fault::at(lower, (name, &view), at);
        let shortage = view.child("insufficient_capacity").map(|it| shortage(lower, &it));
        let refresh =
            view.child("start_instance_refresh").and_then(|it| upkeep::refresh(lower, &it));
        let target = view.child("register_scalable_target");
        let target = target.and_then(|it| service_scaling::register(lower, &it));
        let actions = update.into_iter().chain(capacity).chain(shortage).chain(refresh);
        let actions = actions.chain(target);
        lower.model.actions.extend(actions.map(|action| (at, action)));
    }
    lower.model.actions.sort_by_key(|(at, _)| *at);
}

/// What can happen at a stated time.
const CHANGES: [&str; 5] = [
    "update_service",
    "register_scalable_target",
    "set_desired_capacity",
    "insufficient_capacity",
    "start_instance_refresh",
];

/// Notes a time in which EC2 has no capacity.
fn shortage(lower: &mut Lower, view: &View) -> Action {
    let zone = view.find::<String>("availability_zone");
    let zone = zone.map(|name| lower.zone(view, "availability_zone", &name));
    let instance_type: Option<String> = view.find("instance_type");
    let meets = |pool: &CapacityPool| {
        let is_of = |&class: &Ix<InstanceClass>| {
            instance_type.as_ref().is_none_or(|it| lower.model.classes[class].instance_type == *it)
        };
        pool.spot.is_none()
            && zone.is_none_or(|it| it == pool.zone)
            && pool.classes.iter().any(is_of)
    };
    if lower.model.pools.position(meets).is_none() && !lower.has_unknown_instances {
        let message = "no Auto Scaling group buys that on demand";
        let hint = "name a zone and a type of a group, or leave them out for all";
        lower.problems.push(view.warning(Code::ShortageOfNothing, "for", message).hint(hint));
    }
    lower.model.shortages.push(Shortage { zone, instance_type, lasts: view.get("for") });
    Action::InsufficientCapacity(lower.model.shortages.len() as u32 - 1)
}

fn update_service(lower: &mut Lower, update: &View) -> Option<Action> {
    let name: String = update.get("service");
    let desired_count: u32 = update.get("desired_count");
    let service = *lower.services.get(&name)?;
    if lower.model.services[service].scheduling == Scheduling::Daemon {
        let message = format!("`{name}` is a DAEMON service, which has no desired count");
        let hint = "leave this change out";
        lower.problems.push(update.error("service", message).hint(hint));
    }
    check_count(lower, update, desired_count);
    Some(Action::SetDesiredCount { service, desired_count })
}

/// Source: EC2 Auto Scaling API, SetDesiredCapacity: from the group's minimum to its maximum.
fn set_desired_capacity(lower: &mut Lower, view: &View) -> Option<Action> {
    let name: String = view.get("auto_scaling_group");
    let desired_capacity: u32 = view.get("desired_capacity");
    let group = *lower.auto_scaling_groups.get(&name)?;
    let spec = &lower.model.auto_scaling_groups[group];
    // The sizes that hold then are known only if nothing changes them before.
    let least = spec.scheduled_actions.iter().filter_map(|it| it.min_size);
    let (min, max) = (least.fold(spec.min_size, u32::min), spec.most());
    if !(min..=max).contains(&desired_capacity) {
        let message = format!(
            "`desired_capacity` is {desired_capacity}; the group `{name}` has {min} to {max}"
        );
        let hint = "change it, or `min_size` and `max_size` of the group";
        lower.problems.push(view.error("desired_capacity", message).hint(hint));
    }
    Some(Action::SetDesiredCapacity { group, desired_capacity })
}

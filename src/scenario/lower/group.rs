//! Auto Scaling groups: types, purchase options and zones, and the pools that they make.

use crate::ecs::capacity::group::{
    CapacityDistribution, GroupPolicy, OnDemandStrategy, PurchaseOption, SpotStrategy,
    TerminationPolicy,
};
use crate::ecs::model::{AutoScalingGroup, CapacityPool, Fleet, Zone};
use crate::engine::Ix;
use crate::units::{HourlyRate, Span};

use super::super::View;
use super::Lower;
use super::cluster::{
    Agent, KindOfInstance, Location, agent, check_attributes, class, cluster_of, keep_back, on_ec2,
    places,
};
use super::spot::{self, Recordings};
use super::task::family_of;
use super::{scaling, upkeep};

const PROTECTED: &str = "new_instances_protected_from_scale_in";

/// Auto Scaling groups.
pub(super) fn auto_scaling_groups(lower: &mut Lower, recorded: &Recordings) {
    for (name, view) in lower.root().entries("auto_scaling_group") {
        if lower.root().entry("container_instances", name).is_some() {
            let message = format!("container instances are called `{name}`, too");
            let hint = "give one of them another name: results are told by name";
            lower.problems.push(view.error_here(message).hint(hint));
        }
        let (Some(kinds), Some(sizes)) = (kinds_of(lower, &view), sizes(lower, &view)) else {
            continue;
        };
        let scheduled_actions = upkeep::scheduled_actions(lower, &view, sizes);
        let most = scheduled_actions.iter().filter_map(|it| it.max_size).fold(sizes[2], u32::max);
        let cluster = cluster_of(lower, &view, (most, "max_size"));
        let places = places(lower, &view, sizes[2]);
        check_attributes(lower, &view, false);
        let mut zones: Vec<Ix<Zone>> = places.iter().map(|place| place.0).collect();
        zones.sort_unstable();
        zones.dedup();
        let fleet = Ix::new(lower.model.fleets.len());
        let group = Ix::new(lower.model.auto_scaling_groups.len());
        let [min_size, desired_capacity, max_size] = sizes;
        let mut policies = scaling::policies(lower, &view);
        if is_suspended(&view, "AlarmNotification") {
            policies.clear();
        }
        let spec = AutoScalingGroup {
            name: name.to_string(),
            fleet,
            min_size,
            max_size,
            desired_capacity,
            policy: policy(lower, &view, zones),
            pools: Vec::new(),
            managed_draining: false,
            managed_termination_protection: false,
            new_instances_protected_from_scale_in: view.find(PROTECTED).unwrap_or(false),
            health_check_grace_period: view.get("health_check_grace_period"),
            spot_instance_draining: view.get("spot_instance_draining"),
            capacity_rebalance: view.get("capacity_rebalance"),
            scheduled_actions,
            user_data: upkeep::distribution(lower, &view, "user_data"),
            warm_pool: None,
            managed_instances: None,
            lifecycle_hooks: upkeep::lifecycle_hooks(lower, &view),
            max_instance_lifetime: view.find("max_instance_lifetime"),
            zone_rebalancing: !is_suspended(&view, "AZRebalance"),
            policies,
            metric_period: match view.get("detailed_monitoring") {
                true => Span::MINUTE,
                false => Span::MINUTE * 5,
            },
        };
        let warm_pool = upkeep::warm_pool(lower, &view, (&spec.policy, kinds.len()));
        if !spec.policy.buys(PurchaseOption::Spot) {
            lower.idle(&view, &["spot_instance_draining", "capacity_rebalance"]);
        }
        let of_group = (group, fleet, cluster);
        let before = lower.model.classes.len();
        let agent = agent(lower, &view, family_of(&view.get::<String>("operating_system")).os());
        let what = (&spec.policy, &kinds[..], &places[..]);
        let pools = pools(lower, (&view, &agent), what, of_group, recorded);
        let classes = (before..lower.model.classes.len()).map(Ix::new).collect();
        lower.model.auto_scaling_groups.push(AutoScalingGroup { pools, warm_pool, ..spec });
        let count = desired_capacity;
        let fleet = Fleet { name: name.to_string(), count, classes, group: Some(group) };
        lower.model.fleets.push(fleet);
        lower.auto_scaling_groups.insert(name.to_string(), group);
    }
}

/// Returns minimum, desired capacity and maximum.
fn sizes(lower: &mut Lower, view: &View) -> Option<[u32; 3]> {
    let (min_size, max_size): (u32, u32) = (view.get("min_size"), view.get("max_size"));
    if min_size > max_size {
        let message = format!("`min_size` is {min_size}, more than `max_size`, {max_size}");
        lower.problems.push(view.error("min_size", message).hint("exchange them"));
        return None;
    }
    let desired_capacity = view.find("desired_capacity").unwrap_or(min_size);
    if !(min_size..=max_size).contains(&desired_capacity) {
        let message = format!(
            "`desired_capacity` is {desired_capacity}, which is not between `min_size`, \
             {min_size}, and `max_size`, {max_size}"
        );
        let hint = "change it, or the sizes";
        lower.problems.push(view.error("desired_capacity", message).hint(hint));
        return None;
    }
    Some([min_size, desired_capacity, max_size])
}

/// Returns the types of a group, the preferred first; nothing if one of them is wrong.
fn kinds_of(lower: &mut Lower, view: &View) -> Option<Vec<KindOfInstance>> {
    let items = view.items("instance_types");
    if items.is_empty() {
        let kind = on_ec2(lower, view, None).map(|kind| keep_back(lower, view, kind));
        lower.has_unknown_instances |= kind.is_none();
        return Some(vec![kind?]);
    }
    if view.is_written("instance_type") {
        let message = "`instance_types` does not go with `instance_type`";
        let hint = "leave one of them out";
        lower.problems.push(view.error("instance_types", message).hint(hint));
    }
    let mut kinds: Vec<KindOfInstance> = Vec::new();
    for item in &items {
        let Some(kind) = on_ec2(lower, view, Some(item)) else {
            lower.has_unknown_instances = true;
            continue;
        };
        if kinds.iter().any(|other| other.name == kind.name) {
            let message = format!("`{}` is in the list twice", kind.name);
            lower.problems.push(item.error_here(message).hint("leave one of them out"));
            continue;
        }
        if let Some(first) = kinds.first().filter(|it| it.architecture != kind.architecture) {
            let message = format!(
                "`{}` has another CPU architecture than `{}`, and a group has one image",
                kind.name, first.name
            );
            let hint = "make another group of it; one service can use both";
            lower.problems.push(item.error_here(message).hint(hint));
        }
        kinds.push(keep_back(lower, view, kind));
    }
    (kinds.len() == items.len()).then_some(kinds)
}

/// Returns how a group decides.
fn policy(lower: &mut Lower, view: &View, zones: Vec<Ix<Zone>>) -> GroupPolicy {
    let mixed = view.table("mixed_instances_policy");
    let is_spot = view.get::<String>("purchase_option") == "spot";
    let split = ["on_demand_base_capacity", "on_demand_percentage_above_base_capacity"];
    for key in split.into_iter().filter(|key| is_spot && mixed.is_written(key)) {
        let message = format!("`{key}` does not go with `purchase_option = \"spot\"`");
        let hint = "leave `purchase_option` out";
        lower.problems.push(mixed.error(key, message).hint(hint));
    }
    let (base, percentage) = match is_spot {
        true => (0, 0),
        false => (mixed.get(split[0]), mixed.get(split[1])),
    };
    let enough_percent = spot::enough_percent(lower);
    let strategy: String = mixed.get("spot_allocation_strategy");
    if strategy != "lowest-price" {
        if mixed.is_written("spot_instance_pools") {
            let message = format!("`spot_instance_pools` does not go with `{strategy}`");
            let hint = "it is of `lowest-price`: leave it out";
            lower.problems.push(mixed.error("spot_instance_pools", message).hint(hint));
        }
        lower.idle(&mixed, &["spot_instance_pools"]);
    }
    let policy = GroupPolicy {
        capacity_distribution: match view.get::<String>("capacity_distribution_strategy").as_str() {
            "balanced-only" => CapacityDistribution::BalancedOnly,
            _ => CapacityDistribution::BalancedBestEffort,
        },
        on_demand_base_capacity: base,
        on_demand_percentage_above_base_capacity: percentage,
        on_demand_allocation_strategy: match mixed
            .get::<String>("on_demand_allocation_strategy")
            .as_str()
        {
            "lowest-price" => OnDemandStrategy::LowestPrice,
            _ => OnDemandStrategy::Prioritized,
        },
        spot_allocation_strategy: match strategy.as_str() {
            "capacity-optimized" => SpotStrategy::CapacityOptimized,
            "capacity-optimized-prioritized" => {
                SpotStrategy::CapacityOptimizedPrioritized { enough_percent }
            }
            "price-capacity-optimized" => SpotStrategy::PriceCapacityOptimized { enough_percent },
            _ => SpotStrategy::LowestPrice { pools: mixed.get("spot_instance_pools") },
        },
        termination_policies: termination_policies(lower, view),
        ..GroupPolicy::of_zones(zones)
    };
    if !policy.buys(PurchaseOption::Spot) {
        lower.idle(&mixed, &["spot_allocation_strategy", "spot_instance_pools"]);
    }
    if is_spot {
        lower.idle(&mixed, &split);
    }
    policy
}

/// Says whether a process of a group is suspended.
fn is_suspended(view: &View, process: &str) -> bool {
    view.items("suspended_processes").iter().any(|it| it.value::<String>() == process)
}

/// Source: EC2 Auto Scaling API, TerminationPolicies: `Default` is the last of a list.
fn termination_policies(lower: &mut Lower, view: &View) -> Vec<TerminationPolicy> {
    let names: Vec<String> = view.items("termination_policies").iter().map(View::value).collect();
    let position = names.iter().position(|name| name == "Default");
    if position.is_some_and(|it| it + 1 < names.len()) {
        let message = "`Default` stands before other policies, which never apply then";
        let hint = "write it last, or leave it out";
        lower.problems.push(view.error("termination_policies", message).hint(hint));
    }
    let policy = |name: &String| match name.as_str() {
        "AllocationStrategy" => TerminationPolicy::AllocationStrategy,
        "OldestLaunchTemplate" => TerminationPolicy::OldestLaunchTemplate,
        "OldestLaunchConfiguration" => TerminationPolicy::OldestLaunchConfiguration,
        "ClosestToNextInstanceHour" => TerminationPolicy::ClosestToNextInstanceHour,
        "NewestInstance" => TerminationPolicy::NewestInstance,
        "OldestInstance" => TerminationPolicy::OldestInstance,
        _ => TerminationPolicy::Default,
    };
    names.iter().map(policy).collect()
}

/// Makes the pools of a group and their classes: an option, then a type, then a zone.
pub(super) fn pools(
    lower: &mut Lower,
    (view, agent): (&View, &Agent),
    (policy, kinds, places): (&GroupPolicy, &[KindOfInstance], &[Location]),
    (group, fleet, cluster): OfGroup,
    recorded: &Recordings,
) -> Vec<Ix<CapacityPool>> {
    let options = [PurchaseOption::OnDemand, PurchaseOption::Spot];
    let mut made: Vec<Ix<CapacityPool>> = Vec::new();
    for option in options.into_iter().filter(|&option| policy.buys(option)) {
        for (position, kind) in (0..).zip(kinds) {
            let first = made.len();
            for &place in places {
                let zone = place.0;
                let spot = (option == PurchaseOption::Spot).then(|| {
                    let of = (kind.name.as_str(), kind.os_family.os(), zone);
                    spot::supply(lower, view, of, recorded)
                });
                let class = class(lower, agent, kind, (fleet, cluster, place));
                let class = crate::ecs::model::InstanceClass { spot, ..class };
                let os = class.os_family.os();
                let class = lower.model.classes.push(class);
                let here = made[first..].iter().find(|&&it| lower.model.pools[it].zone == zone);
                if let Some(&pool) = here {
                    lower.model.pools[pool].classes.push(class);
                    continue;
                }
                // A price that is missing is said of the class.
                let on_demand = lower.catalogue.on_demand(&lower.region, &kind.name, os);
                made.push(lower.model.pools.push(CapacityPool {
                    group,
                    zone,
                    instance_type: position,
                    classes: vec![class],
                    on_demand: on_demand.map_or(HourlyRate::ZERO, |it| it.rate),
                    spot,
                }));
            }
        }
    }
    made
}

/// A group that is being made, its fleet and its cluster.
pub(super) type OfGroup = (Ix<AutoScalingGroup>, Ix<Fleet>, Ix<crate::ecs::model::ClusterSpec>);

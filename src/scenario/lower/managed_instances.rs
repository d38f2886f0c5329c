//! Capacity providers of ECS Managed Instances: which types they may launch, where, and how.

use std::collections::BTreeSet;

use crate::catalogue::InstanceType;
use crate::ecs::capacity::group::{GroupPolicy, PurchaseOption};
use crate::ecs::model::{
    Architecture, AutoScalingGroup, CapacityProvider, Fleet, ManagedInstances, Os, OsFamily,
    PullBehavior, Zone,
};
use crate::engine::{Distribution, Ix};
use crate::units::{Bytes, Span};

use super::super::View;
use super::super::problems::{listed, number};
use super::super::value::{self, Mib};
use super::cluster::{
    Agent, INSTANCES_PER_CLUSTER, KindOfInstance, places, ports_of_agent, pull_bandwidth,
};
use super::group::pools;
use super::spot::{self, Recordings};
use super::{Lower, cpu_credits};

/// How old an instance becomes; not adjustable.
///
/// Source: ECS Developer Guide, "Architect for Amazon ECS Managed Instances".
const MAX_INSTANCE_LIFETIME: Span = Span::secs(14 * 24 * 3600);

/// Sizes of the data volume in GiB. Source: as above, "Instance storage".
const STORAGE_GIB: std::ops::RangeInclusive<u64> = 30..=16_384;

/// Lowers what a provider of Managed Instances says, and makes what it has in place of a group;
/// nothing if something is wrong with it.
pub(super) fn group(
    lower: &mut Lower,
    (name, view): (&str, &View),
    recorded: &Recordings,
) -> Option<Ix<AutoScalingGroup>> {
    if super::FLEET_TABLES.iter().any(|table| lower.root().entry(table, name).is_some()) {
        let message = format!("instances of another kind are called `{name}`, too");
        let hint = "give one of them another name: results are told by name";
        lower.problems.push(view.error_here(message).hint(hint));
    }
    check_storage(lower, view);
    let option = option(lower, view);
    let kinds = kinds(lower, view, option)?;
    let places = places(lower, view, 0);
    let zones: BTreeSet<Ix<Zone>> = places.iter().map(|place| place.0).collect();
    let policy = GroupPolicy {
        on_demand_percentage_above_base_capacity: match option {
            PurchaseOption::OnDemand => 100,
            PurchaseOption::Spot => 0,
        },
        ..GroupPolicy::of_zones(zones.into_iter().collect())
    };
    let cluster = lower.clusters[&view.get::<String>("cluster")];
    let fleet = Ix::new(lower.model.fleets.len());
    let group = Ix::new(lower.model.auto_scaling_groups.len());
    let agent = Agent {
        reserved_ports: ports_of_agent(),
        pull_bandwidth: pull_bandwidth(lower, view),
        pull_behavior: PullBehavior::Default,
        attributes: Vec::new(),
        cpu_credits: cpu_credits::Said::nothing(),
    };
    let before = lower.model.classes.len();
    let of_group = (group, fleet, cluster);
    let pools = pools(lower, (view, &agent), (&policy, &kinds, &places), of_group, recorded);
    let classes: Vec<_> = (before..lower.model.classes.len()).map(Ix::new).collect();
    for &class in &classes {
        // Source: ECS Developer Guide, task placement constraints: of the built-in attributes
        // Managed Instances have four.
        let attributes = &mut lower.model.classes[class].attributes;
        attributes.retain(|(name, _)| !matches!(name.as_str(), "ecs.os-type" | "ecs.os-family"));
    }
    let managed_instances = Some(managed_instances(lower, view));
    lower.model.auto_scaling_groups.push(AutoScalingGroup {
        name: name.to_string(),
        fleet,
        min_size: 0,
        max_size: INSTANCES_PER_CLUSTER as u32,
        desired_capacity: 0,
        policy,
        pools,
        managed_draining: true,
        managed_termination_protection: false,
        new_instances_protected_from_scale_in: false,
        spot_instance_draining: false,
        capacity_rebalance: false,
        health_check_grace_period: Span::ZERO,
        scheduled_actions: Vec::new(),
        max_instance_lifetime: Some(MAX_INSTANCE_LIFETIME),
        lifecycle_hooks: Vec::new(),
        user_data: Distribution::constant(0.0).expect("zero is a length of time"),
        warm_pool: None,
        managed_instances,
        // Where they are Amazon ECS decides, task by task.
        zone_rebalancing: false,
        policies: Vec::new(),
        metric_period: Span::MINUTE,
    });
    let fleet = Fleet { name: name.to_string(), count: 0, classes, group: Some(group) };
    lower.model.fleets.push(fleet);
    Some(group)
}

fn managed_instances(lower: &mut Lower, view: &View) -> ManagedInstances {
    let launch_time: value::Distribution = view.get("launch_time");
    let (files, read) = (lower.files, &mut lower.values_read);
    let at = (view, "launch_time");
    let launch_time = super::distribution(&launch_time, at, (files, read), &mut lower.problems);
    let scales_in = view.get::<String>("infrastructure_optimization") == "ENABLED";
    if !scales_in {
        if view.is_written("scale_in_after") {
            let message = "`scale_in_after` does not go with `infrastructure_optimization = \
                           \"DISABLED\"`";
            let hint = "leave one of them out";
            lower.problems.push(view.error("scale_in_after", message).hint(hint));
        }
        lower.idle(view, &["scale_in_after"]);
    }
    ManagedInstances {
        provider: Ix::<CapacityProvider>::new(lower.model.capacity_providers.len()),
        scale_in_after: scales_in.then(|| view.get("scale_in_after")),
        batching_window: view.get("batching_window"),
        launch_time,
        drain_deadline: view.get("drain_deadline"),
        auto_repair: view.get::<String>("auto_repair") == "ENABLED",
    }
}

fn check_storage(lower: &mut Lower, view: &View) {
    let size = view.get::<Bytes>("storage_size").0;
    let (least, most) = (STORAGE_GIB.start(), STORAGE_GIB.end());
    if !(least << 30..=most << 30).contains(&size) {
        let message = format!("`storage_size` is {}", Bytes(size));
        let hint = format!("it is {least} to {} GiB", number(*most));
        lower.problems.push(view.error("storage_size", message).hint(hint));
    }
}

/// Returns how instances are bought.
///
/// Source: ECS API, InstanceLaunchTemplate, `capacityOptionType`.
fn option(lower: &mut Lower, view: &View) -> PurchaseOption {
    match view.get::<String>("capacity_option_type").as_str() {
        "spot" => PurchaseOption::Spot,
        "reserved" => {
            let message = "capacity reservations are not modelled";
            let hint = "write \"on_demand\": `prices.reserved` and `prices.savings_plan` say what \
                        commitments cover";
            lower.problems.push(view.error("capacity_option_type", message).hint(hint));
            PurchaseOption::OnDemand
        }
        _ => PurchaseOption::OnDemand,
    }
}

/// Returns the types that may be launched and have a price; nothing, with a problem, if there are
/// none.
fn kinds(lower: &mut Lower, view: &View, option: PurchaseOption) -> Option<Vec<KindOfInstance>> {
    let requirements = view.child("instance_requirements");
    let before = lower.problems.len();
    if let Some(written) = &requirements {
        check_requirements(lower, written);
    }
    let has_price = |it: &&InstanceType| match option {
        PurchaseOption::OnDemand => {
            lower.catalogue.on_demand(&lower.region, &it.name, Os::Linux).is_ok()
        }
        PurchaseOption::Spot => {
            spot::usual_price(&lower.catalogue, &lower.root(), &it.name).is_some()
                && lower.catalogue.on_demand(&lower.region, &it.name, Os::Linux).is_ok()
        }
    };
    let own = lower.root();
    let meets = |it: &&InstanceType| match &requirements {
        Some(written) => meets(it, written),
        None => is_general_purpose(it) || own.entry("instance_type", &it.name).is_some(),
    };
    // Source: ECS Developer Guide, task networking for Managed Instances: ENI trunking is used.
    let trunks = true;
    let kinds: Vec<KindOfInstance> = lower
        .catalogue
        .instance_types()
        .filter(meets)
        .filter(has_price)
        .map(|it| KindOfInstance::of_type(it, OsFamily::Linux, trunks))
        .collect();
    if kinds.is_empty() {
        let message = "no instance type that has a price in this Region meets its requirements";
        let hint = "`ecsim catalogue` lists types with their prices; `prices.ec2` gives others";
        let key = if requirements.is_some() { "instance_requirements" } else { "cluster" };
        let problem = view.error(key, message).hint(hint);
        let is_sound = view.is_sound() && lower.problems.len() == before;
        if is_sound && lower.root().is_sound_at(&["region", "prices", "instance_type"]) {
            lower.problems.push(problem);
        }
        lower.has_unknown_instances = true;
        return None;
    }
    Some(kinds)
}

/// Says whether a type is among those of the catalogue to choose from where nothing is required.
///
/// Source: ECS Developer Guide, Managed Instances: general-purpose types. Assumption: the M
/// families of the current generation, neither burstable nor bare metal; no list is published.
fn is_general_purpose(it: &InstanceType) -> bool {
    let is_m = it.name.strip_prefix('m').is_some_and(|rest| rest.starts_with(char::is_numeric));
    is_m && it.current_generation && !it.burstable && !it.is_bare_metal()
}

/// Says whether a type meets what is written.
///
/// Source: ECS API, InstanceRequirementsRequest.
fn meets(it: &InstanceType, written: &View) -> bool {
    let texts = |key: &str| -> Vec<String> { written.items(key).iter().map(View::value).collect() };
    let within = |key: &str, amount: u32| {
        written.child(key).is_none_or(|range| {
            let most = range.find::<u32>("max").unwrap_or(u32::MAX);
            (range.get::<u32>("min")..=most).contains(&amount)
        })
    };
    let memory_within = written.child("memory").is_none_or(|range| {
        let most = range.find::<Mib>("max").map_or(u32::MAX, |it| it.0);
        (range.get::<Mib>("min").0..=most).contains(&it.memory_mib)
    });
    let wanted = |key: &str, has: bool| match written.get::<String>(key).as_str() {
        "included" => true,
        "required" => has,
        _ => !has,
    };
    let allowed = texts("allowed_instance_types");
    let generation = if it.current_generation { "current" } else { "previous" };
    within("vcpu_count", it.vcpus)
        && memory_within
        && within("accelerator_count", it.gpus)
        && wanted("burstable_performance", it.burstable)
        && wanted("bare_metal", it.is_bare_metal())
        && texts("instance_generations").iter().any(|one| one == generation)
        && texts("cpu_manufacturers").iter().any(|one| one == manufacturer(it))
        && (allowed.is_empty() || allowed.iter().any(|pattern| is_like(&it.name, pattern)))
        && !texts("excluded_instance_types").iter().any(|pattern| is_like(&it.name, pattern))
}

/// Says whether a name is a pattern's: `m5.*`, `c*`, a family such as `m7g`, or the name itself.
///
/// Source: ECS API, InstanceRequirementsRequest, `allowedInstanceTypes`.
fn is_like(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.is_char_boundary(at) && is_like(&rest[at..], after))
        }),
        None => name == pattern || name.split_once('.').is_some_and(|(it, _)| it == pattern),
    }
}

/// Returns who makes the CPU of a type: by its architecture, and the `a` after its generation.
///
/// Source: Amazon EC2 Instance Types User Guide, naming conventions.
fn manufacturer(it: &InstanceType) -> &'static str {
    let after = it.family().trim_start_matches(|c: char| !c.is_ascii_digit());
    let options = after.trim_start_matches(|c: char| c.is_ascii_digit());
    match it.architecture {
        Architecture::Arm64 => "amazon-web-services",
        Architecture::X86_64 if options.starts_with('a') => "amd",
        Architecture::X86_64 => "intel",
    }
}

fn check_requirements(lower: &mut Lower, written: &View) {
    for key in ["vcpu_count", "memory", "accelerator_count"] {
        let Some(range) = written.child(key) else { continue };
        let (least, most) = match key {
            "memory" => (range.get::<Mib>("min").0, range.find::<Mib>("max").map(|it| it.0)),
            _ => (range.get("min"), range.find("max")),
        };
        if let Some(most) = most.filter(|most| *most < least) {
            let message = format!("`max` is {}, less than `min`, {}", number(most), number(least));
            lower.problems.push(range.error("max", message).hint("exchange them"));
        }
    }
    let lists = ["allowed_instance_types", "excluded_instance_types"];
    if lists.iter().all(|key| written.is_written(key)) {
        let message = "`excluded_instance_types` does not go with `allowed_instance_types`";
        let hint = "leave one of them out";
        lower.problems.push(written.error(lists[1], message).hint(hint));
    }
    for item in lists.iter().flat_map(|key| written.items(key)) {
        let pattern: String = item.value();
        if !lower.catalogue.instance_types().any(|it| is_like(&it.name, &pattern)) {
            let nearest = lower.catalogue.nearest_instance_types(&pattern);
            let message = format!("no instance type of the catalogue is `{pattern}`");
            let hint = format!("write a type, a family or a pattern, such as {}", listed(&nearest));
            lower.problems.push(item.error_here(message).hint(hint));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    #[test]
    fn patterns_of_types_are_names_families_and_stars() {
        for (pattern, name, expected) in [
            ("m5.large", "m5.large", true),
            ("m5", "m5.large", true),
            ("m5", "m5a.large", false),
            ("m5*", "m5a.large", true),
            ("m5.*", "m5a.large", false),
            ("*.large", "m5a.large", true),
            ("c*g.*", "c7g.large", true),
            ("c*g.*", "c7i.large", false),
            ("*", "m5.large", true),
        ] {
            assert_eq!(is_like(name, pattern), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn who_makes_a_cpu_is_told_by_the_name_of_its_family() {
        for (name, expected) in [
            ("m7g.large", "amazon-web-services"),
            ("m7i.large", "intel"),
            ("m7a.large", "amd"),
            ("m6i.large", "intel"),
            ("c6a.2xlarge", "amd"),
            ("g4ad.xlarge", "amd"),
            ("t3a.large", "amd"),
        ] {
            let known = Catalogue::builtin().instance_type(name).expect("it is in the catalogue");
            assert_eq!(manufacturer(known), expected, "{name}");
        }
    }
}

//! Capacity providers: with an Auto Scaling group, or of Managed Instances.

use std::collections::BTreeMap;

use crate::ecs::capacity::reservation::{Combine, EmptyGroup, ManagedScaling};
use crate::ecs::model::{AutoScalingGroup, CapacityProvider};
use crate::engine::Ix;

use super::super::View;
use super::spot::Recordings;
use super::{Lower, managed_instances};

/// Capacity providers that a cluster may have. Source: ECS API, PutClusterCapacityProviders.
const PROVIDERS_PER_CLUSTER: usize = 20;

/// Capacity providers by name.
pub(super) fn all(lower: &mut Lower, recorded: &Recordings) {
    let mut taken: BTreeMap<Ix<AutoScalingGroup>, String> = BTreeMap::new();
    for (name, view) in lower.root().entries("capacity_provider") {
        check_name(lower, name, &view);
        if let Some(managed) = view.child("managed_instances") {
            check_alternative(lower, &view);
            match managed_instances::group(lower, (name, &managed), recorded) {
                Some(group) => add(lower, (name, &view), group, None),
                None => lower.has_unknown_instances = true,
            }
            continue;
        }
        let is_on = |key: &str| view.get::<String>(key) == "ENABLED";
        let scaling = view.table("managed_scaling");
        let scales = scaling.get::<String>("status") == "ENABLED";
        if is_on("managed_termination_protection") && !scales {
            let message = "termination protection is managed only together with scaling";
            let hint = "leave it out, or write `managed_scaling.status = \"ENABLED\"`";
            let problem = view.error("managed_termination_protection", message);
            lower.problems.push(problem.hint(hint));
        }
        let managed_scaling = scales.then(|| managed_scaling(lower, &scaling));
        let Some(group_name) = view.find::<String>("auto_scaling_group") else {
            let message = "it is not said whose instances these are";
            let hint = "write `auto_scaling_group = \"…\"`, or `managed_instances = {}` to have \
                        Amazon ECS choose, launch and end them";
            if view.is_sound() {
                lower.problems.push(view.error_here(message).hint(hint));
            }
            lower.has_unknown_instances = true;
            continue;
        };
        let Some(&group) = lower.auto_scaling_groups.get(&group_name) else {
            lower.has_unknown_instances = true; // something is wrong with it, which is told there
            continue;
        };
        if let Some(other) = taken.insert(group, name.to_string()) {
            let message = format!("`{group_name}` is the group of `{other}` already");
            let hint = "a group has one capacity provider; copy the group with `like`";
            lower.problems.push(view.error("auto_scaling_group", message).hint(hint));
            continue;
        }
        let spec = &mut lower.model.auto_scaling_groups[group];
        spec.managed_draining = is_on("managed_draining");
        spec.managed_termination_protection = is_on("managed_termination_protection");
        if scales && spec.most() == 0 {
            let message = format!("the group `{group_name}` cannot scale: its `max_size` is 0");
            let hint = format!("set `auto_scaling_group.{group_name}.max_size` higher");
            lower.problems.push(view.error("auto_scaling_group", message).hint(hint));
        }
        check_protection(lower, &view, group);
        add(lower, (name, &view), group, managed_scaling);
    }
}

/// Managed termination protection wants new instances of the group to be protected from scale-in,
/// which they are by default then.
///
/// Source: ECS API, AutoScalingGroupProvider.
fn check_protection(lower: &mut Lower, view: &View, group: Ix<AutoScalingGroup>) {
    let spec = &mut lower.model.auto_scaling_groups[group];
    if !spec.managed_termination_protection {
        return;
    }
    let key = "new_instances_protected_from_scale_in";
    spec.new_instances_protected_from_scale_in = true;
    let name = spec.name.clone();
    let of_group = lower.root().entry("auto_scaling_group", &name);
    let said: Option<bool> = of_group.and_then(|it| it.find(key));
    if said == Some(false) {
        let message = format!(
            "termination protection is managed where a group protects its new instances from \
             scale-in, and `{name}` says that it does not"
        );
        let hint = format!("leave `{key}` of the group out, or write `true`");
        let problem = view.error("managed_termination_protection", message);
        lower.problems.push(problem.hint(hint));
    }
}

fn add(
    lower: &mut Lower,
    (name, view): (&str, &View),
    group: Ix<AutoScalingGroup>,
    managed_scaling: Option<ManagedScaling>,
) {
    let provider = CapacityProvider { name: name.to_string(), group, managed_scaling };
    let ix = lower.model.capacity_providers.push(provider);
    lower.capacity_providers.insert(name.to_string(), ix);
    let cluster = lower.model.cluster_of(ix);
    let there = lower.model.capacity_providers.indices();
    let there = there.filter(|&it| lower.model.cluster_of(it) == cluster).count();
    if there == PROVIDERS_PER_CLUSTER + 1 {
        let message = format!(
            "the cluster `{}` has more than {PROVIDERS_PER_CLUSTER} capacity providers",
            lower.model.clusters[cluster].name
        );
        let hint = "AWS allows no more; use another cluster";
        lower.problems.push(view.error_here(message).hint(hint));
    }
}

/// What belongs to an Auto Scaling group does not go with Managed Instances.
///
/// Source: ECS API, CreateCapacityProvider: one of the two kinds of provider.
fn check_alternative(lower: &mut Lower, view: &View) {
    let of_groups = [
        "auto_scaling_group",
        "managed_scaling",
        "managed_termination_protection",
        "managed_draining",
    ];
    for key in of_groups.into_iter().filter(|key| view.is_written(key)) {
        let message = format!("`{key}` does not go with `managed_instances`");
        let hint = "a capacity provider has an Auto Scaling group or Managed Instances: leave one \
                    of them out";
        lower.problems.push(view.error(key, message).hint(hint));
    }
    lower.idle(view, &of_groups[2..]);
    lower.without_effect.extend(view.table("managed_scaling").paths());
}

/// Source: ECS API, CreateCapacityProvider: up to 255 letters, digits, underscores and hyphens, not
/// with a prefix of AWS's.
fn check_name(lower: &mut Lower, name: &str, view: &View) {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == '-';
    let lower_case = name.to_ascii_lowercase();
    let reserved = ["aws", "ecs", "fargate"].iter().find(|it| lower_case.starts_with(**it));
    let message = if let Some(prefix) = reserved {
        format!("the name `{name}` begins with `{prefix}`, which AWS keeps for itself")
    } else if name.len() > 255 || !name.chars().all(is_plain) {
        format!("`{name}` cannot be the name of a capacity provider")
    } else {
        return;
    };
    let hint = "use up to 255 letters, digits, `_` and `-`, and none of those prefixes";
    lower.problems.push(view.error_here(message).hint(hint));
}

fn managed_scaling(lower: &mut Lower, view: &View) -> ManagedScaling {
    let least: u32 = view.get("minimum_scaling_step_size");
    let most: u32 = view.get("maximum_scaling_step_size");
    if least > most {
        let message = format!(
            "`minimum_scaling_step_size` is {least}, more than `maximum_scaling_step_size`, {most}"
        );
        let problem = view.error("minimum_scaling_step_size", message);
        lower.problems.push(problem.hint("exchange them"));
    }
    ManagedScaling {
        target_capacity: view.get("target_capacity"),
        minimum_scaling_step_size: least,
        maximum_scaling_step_size: most.max(least),
        instance_warmup_period: view.get("instance_warmup_period"),
        combine: match view.get::<String>("combine").as_str() {
            "sum" => Combine::Sum,
            _ => Combine::Max,
        },
        scale_in_percent: view.get("scale_in_percent"),
        scale_in_every_minutes: view.get("scale_in_every_minutes"),
        empty_group: match view.get::<String>("empty_group").as_str() {
            "follows-metric" => EmptyGroup::FollowsMetric,
            _ => EmptyGroup::Rests,
        },
    }
}

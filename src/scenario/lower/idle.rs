//! Keys that have no effect in this scenario, although they are understood and have in others.
//!
//! `check` lists them, so that nothing is taken without a word.

use std::collections::BTreeSet;

use crate::ecs::model::{InstanceLaunchType, Launch, Os};

use super::launch::definition_view;
use super::{Lower, View};

/// Remembers what has no effect.
pub(super) fn find(lower: &mut Lower) {
    prices(lower);
    definitions(lower);
    jobs(lower);
    retries(lower);
    rebalancing(lower);
    detection(lower);
}

/// How soon failures are noticed, where nothing fails.
fn detection(lower: &mut Lower) {
    if !lower.model.faults.is_empty() {
        return;
    }
    let root = lower.root();
    let timing = root.table("timing");
    lower.idle(&timing, &["status_check", "termination_check", "fargate_host_check"]);
    for (_, view) in root.entries("target_group") {
        lower.idle(&view.table("health_check"), &["timeout", "unhealthy_threshold"]);
    }
    for (_, view) in root.entries("auto_scaling_group") {
        lower.idle(&view, &["health_check_grace_period"]);
    }
}

/// Durations of what no service and no group does.
fn rebalancing(lower: &mut Lower) {
    if !lower.model.services.iter().any(|(_, it)| it.availability_zone_rebalancing) {
        let timing = lower.root().table("timing");
        lower.idle(&timing, &["rebalancing_delay", "rebalancing_tasks"]);
    }
    let groups = &lower.model.auto_scaling_groups;
    if !groups.iter().any(|(_, it)| it.zone_rebalancing && it.policy.zones.len() > 1) {
        let timing = lower.root().table("timing");
        lower.idle(&timing, &["zone_rebalancing_interval"]);
    }
}

/// Pauses between tries of those who do not try again by themselves.
fn retries(lower: &mut Lower) {
    for table in ["job", "task"] {
        for (_, view) in lower.root().entries(table) {
            if view.get::<String>("when_full") != "retry" {
                lower.idle(&view, &["retry_initial", "retry_max"]);
            }
        }
    }
}

/// Instance types and prices that no instance and no task has.
fn prices(lower: &mut Lower) {
    let classes = || lower.model.classes.iter().map(|(_, class)| class);
    let on_ec2 = || classes().filter(|class| class.launch_type == InstanceLaunchType::Ec2);
    let types: BTreeSet<String> = on_ec2().map(|class| class.instance_type.clone()).collect();
    let has_windows = on_ec2().any(|class| class.os_family.os() == Os::Windows);
    let fargate = lower.model.launches.iter().any(|(_, launch)| on_fargate(launch));
    let root = lower.root();
    for (name, view) in root.entries("instance_type") {
        if !types.contains(name) {
            lower.without_effect.extend(view.paths());
        }
    }
    let view = root.table("prices");
    for (name, price) in view.entries("ec2") {
        if !types.contains(name) {
            lower.without_effect.extend(price.paths());
        }
    }
    if !has_windows {
        lower.idle(&view, &["windows_vcpu_hour"]);
    }
    if !fargate {
        lower.without_effect.extend(view.table("fargate").paths());
    }
}

fn on_fargate(launch: &Launch) -> bool {
    launch.providers.iter().any(|item| !item.provider.uses_instances())
}

/// Storage of Fargate's, of definitions that do not run there.
fn definitions(lower: &mut Lower) {
    let mut used = BTreeSet::new();
    for (table, name, _, launch) in lower.launching() {
        let Some(owner) = lower.root().entry(table, name) else { continue };
        if on_fargate(&lower.model.launches[launch])
            && let Some(definition) = definition_view(lower, &owner)
        {
            used.insert(definition.path_of("ephemeral_storage"));
        }
    }
    let root = lower.root();
    let named = root.entries("task_definition").into_iter().map(|(_, view)| view);
    let owners = ["service", "task", "job"].into_iter().flat_map(|table| root.entries(table));
    let inline = owners.filter_map(|(_, owner)| definition_view(lower, &owner));
    let all: Vec<View> = named.chain(inline).collect();
    for definition in all {
        if !used.contains(&definition.path_of("ephemeral_storage"))
            && let Some(storage) = definition.child("ephemeral_storage")
        {
            lower.without_effect.extend(storage.paths());
        }
    }
}

/// What jobs say of Fargate and run elsewhere, and units of columns that there are not.
fn jobs(lower: &mut Lower) {
    let of_job = |&(table, ..): &(&str, _, _, _)| table == "job";
    let jobs: Vec<(View, bool)> = lower
        .launching()
        .into_iter()
        .filter(of_job)
        .filter_map(|(table, name, _, launch)| {
            let job = lower.root().entry(table, name)?;
            Some((job, on_fargate(&lower.model.launches[launch])))
        })
        .collect();
    for (job, on_fargate) in jobs {
        if !on_fargate {
            lower.idle(&job, &["fargate_size"]);
        }
        let columns = job.table("columns");
        for (column, unit) in [("cpu", "cpu_unit"), ("memory", "memory_unit")] {
            if !columns.is_written(column) {
                lower.idle(&columns, &[unit]);
            }
        }
    }
}

//! What requests ask of tasks, and how fast vCPUs answer.

use crate::ecs::model::{InstanceClass, Serving, Usage};
use crate::engine::Distribution;
use crate::units::Bytes;

use super::super::View;
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

/// Returns how the tasks of a definition serve requests; `None`: nothing says what one needs.
pub(super) fn serving(lower: &mut Lower, name: &str, cpu_limit: Option<u32>) -> Option<Serving> {
    let behaviour = lower.root().entry("behaviour", name)?;
    let mut found: Option<(View, View)> = None;
    for (container, usage) in behaviour.entries("usage") {
        let cpu = usage.child("cpu").filter(|it| matches!(it.kind(), Kind::Table(_)));
        let Some(cpu) = cpu else { continue };
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
    }
    let (usage, cpu) = found?;
    let requests = behaviour.table("requests");
    let memory = usage.child("memory").filter(|it| matches!(it.kind(), Kind::Table(_)));
    let Bytes(each) = memory.map_or(Bytes(0), |it| it.get("per_concurrent_request"));
    Some(Serving {
        cpu: distribution(lower, &cpu, "per_request"),
        wait: distribution(lower, &requests, "wait"),
        concurrency: requests.get("concurrency"),
        queue_limit: requests.get("queue_limit"),
        memory_kib: u32::try_from(each.div_ceil(1024)).unwrap_or(u32::MAX),
        cpu_limit,
    })
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

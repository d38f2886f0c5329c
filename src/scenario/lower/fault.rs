//! Failures of infrastructure: at stated times, and at random.

use crate::ecs::model::{Fault, FaultKind, FaultTime, Fleet, HostFailure, Zone};
use crate::engine::{Distribution, Ix};
use crate::units::{SimTime, Span};

use super::super::View;
use super::super::problems::number;
use super::super::value;
use super::Lower;

/// The tables of faults, in `at` and in `fault`.
pub(super) const TABLES: [&str; 3] =
    ["instance_failure", "availability_zone_outage", "launch_failure"];

/// Failures at random.
pub(super) fn faults(lower: &mut Lower) {
    for (name, view) in lower.root().entries("fault") {
        if !TABLES.iter().any(|key| view.is_written(key)) {
            let hint = "write `instance_failure = {…}`, `availability_zone_outage = {…}` or \
                        `launch_failure = {…}`";
            lower.problems.push(view.error_here("nothing fails then").hint(hint));
        }
        let mean_time_between: Span = view.get("mean_time_between");
        add(lower, (name, &view), FaultTime::Random { mean_time_between });
    }
}

/// Failures at the time of an entry of `at`.
pub(super) fn at(lower: &mut Lower, entry: (&str, &View), at: SimTime) {
    add(lower, entry, FaultTime::At(at));
}

fn add(lower: &mut Lower, (name, view): (&str, &View), when: FaultTime) {
    let kinds = [
        view.child(TABLES[0]).map(|it| instances(lower, &it, when).into_iter().collect()),
        view.child(TABLES[1]).map(|it| zones(lower, &it, when)),
        view.child(TABLES[2]).map(|it| vec![FaultKind::Launches { lasts: lasts(lower, &it) }]),
    ];
    for kind in kinds.into_iter().flatten().flatten() {
        lower.model.faults.push(Fault { name: name.to_string(), when, kind });
    }
}

fn lasts(lower: &mut Lower, view: &View) -> Distribution {
    let written: value::Distribution = view.get("for");
    let (files, read) = (lower.files, &mut lower.values_read);
    super::distribution(&written, (view, "for"), (files, read), &mut lower.problems)
}

fn instances(lower: &mut Lower, view: &View, when: FaultTime) -> Option<FaultKind> {
    let failure = match view.get::<String>("kind").as_str() {
        "hung" => HostFailure::Hung,
        "agent_disconnected" => HostFailure::AgentDisconnected,
        _ => HostFailure::Terminated,
    };
    let is_for_a_time = view.is_written("for");
    if is_for_a_time && failure == HostFailure::Terminated {
        let message = "an instance that is terminated does not come back";
        let hint = "leave `for` out, or write `kind = \"hung\"`";
        lower.problems.push(view.error("for", message).hint(hint));
    }
    let fleet = fleet(lower, view)?;
    let spec = &lower.model.fleets[fleet];
    let there =
        spec.group.map_or(spec.count, |group| lower.model.auto_scaling_groups[group].max_size);
    let count = match when {
        FaultTime::At(_) => view.get("count"),
        FaultTime::Random { .. } => 1,
    };
    if count > there {
        let message = format!(
            "`count` is {}, and `{}` has {} instances at most",
            number(count),
            spec.name,
            number(there)
        );
        lower.problems.push(view.error("count", message).hint("write fewer"));
    }
    let lasts = is_for_a_time.then(|| lasts(lower, view));
    Some(FaultKind::Instances { fleet, count, failure, lasts })
}

/// Returns the fleet that is meant, if there is one.
fn fleet(lower: &mut Lower, view: &View) -> Option<Ix<Fleet>> {
    const OF_PROVIDER: &str = "capacity_provider";
    let keys = super::FLEET_TABLES.iter().chain([&OF_PROVIDER]);
    let named: Vec<String> = keys.filter_map(|key| view.find::<String>(key)).collect();
    if let Some(name) = view.find::<String>(OF_PROVIDER)
        && let Some(&ix) = lower.capacity_providers.get(&name)
        && view.is_sound()
    {
        let group = lower.model.capacity_providers[ix].group;
        if lower.model.auto_scaling_groups[group].managed_instances.is_none() {
            let message = format!("`{name}` has an Auto Scaling group, whose instances these are");
            let hint = "name the group: `auto_scaling_group = \"…\"`";
            lower.problems.push(view.error(OF_PROVIDER, message).hint(hint));
            return None;
        }
    }
    match named.as_slice() {
        [name] => lower.model.fleets.position(|fleet| fleet.name == *name),
        [] => {
            if view.is_sound() {
                let message = "it is not said whose instances fail";
                let hint = "write `auto_scaling_group = \"…\"` or `container_instances = \"…\"`";
                lower.problems.push(view.error_here(message).hint(hint));
            }
            None
        }
        _ => {
            let message = "two kinds of fleet are named, and only one can be meant";
            let hint = "leave one of them out; write another entry for the other";
            lower.problems.push(view.error("container_instances", message).hint(hint));
            None
        }
    }
}

fn zones(lower: &mut Lower, view: &View, when: FaultTime) -> Vec<FaultKind> {
    let lasts = lasts(lower, view);
    let failure = match view.get::<String>("instances").as_str() {
        "terminated" => HostFailure::Terminated,
        _ => HostFailure::Hung,
    };
    let share = view.get::<value::Share>("share").0;
    let launches_fail = view.get::<String>("launches") == "fail";
    let kind = |zone| FaultKind::Zone { zone, share, failure, launches_fail, lasts: lasts.clone() };
    match (view.find::<String>("zone"), when) {
        (Some(name), _) => zone(lower, view, &name).map(kind).into_iter().collect(),
        (None, FaultTime::Random { .. }) => lower.model.zones.indices().map(kind).collect(),
        (None, FaultTime::At(_)) => {
            if !view.is_written("zone") {
                let message = "it is not said which zone is out";
                lower.problems.push(view.error_here(message).hint("write, say, `zone = \"b\"`"));
            }
            Vec::new()
        }
    }
}

/// Returns the zone that is meant; reports one that is nobody's.
fn zone(lower: &mut Lower, view: &View, name: &str) -> Option<Ix<Zone>> {
    let full = if name.len() == 1 { format!("{}{name}", lower.region) } else { name.to_string() };
    let found = lower.zones.get(&full).copied();
    if found.is_none() && !lower.has_unknown_instances {
        let message = format!("nothing of this scenario is in the zone `{name}`");
        let there: Vec<&str> =
            lower.model.zones.iter().map(|(_, zone)| zone.name.as_str()).collect();
        let hint = match there.as_slice() {
            [] => "there is none, for nothing runs".to_string(),
            there => format!("there are {}", there.join(", ")),
        };
        lower.problems.push(view.error("zone", message).hint(hint));
    }
    found
}

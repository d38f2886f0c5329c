//! Controllers of the user's own: one service stands in for another.

use crate::ecs::model::{Fallback, Scheduling, Service};
use crate::engine::Ix;

use super::super::View;
use super::super::codes::Code;
use super::Lower;

/// Fallbacks by name.
pub(super) fn all(lower: &mut Lower) {
    for (name, view) in lower.root().entries("fallback") {
        let pair = ["service", "standby"].map(|key| replica(lower, &view, key));
        // What is wrong with a service is told there.
        let [Some(service), Some(standby)] = pair else { continue };
        check_standby(lower, &view, (service, standby));
        lower.model.fallbacks.push(Fallback {
            name: name.to_string(),
            service,
            standby,
            interval: view.get("interval"),
            after: view.get("after"),
            back_after: view.get("back_after"),
        });
    }
}

/// Returns the service at `key`, which must have a desired count.
fn replica(lower: &mut Lower, view: &View, key: &str) -> Option<Ix<Service>> {
    let name: String = view.get(key);
    let ix = *lower.services.get(&name)?;
    if lower.model.services[ix].scheduling == Scheduling::Daemon {
        let message = format!("`{name}` is a DAEMON service, which has no desired count");
        lower.problems.push(view.error(key, message).hint("name a REPLICA service"));
    }
    Some(ix)
}

fn check_standby(lower: &mut Lower, view: &View, (service, standby): (Ix<Service>, Ix<Service>)) {
    let services = &lower.model.services;
    let name = &services[standby].name;
    let of = |it: &Fallback| &services[it.service].name;
    let others = || lower.model.fallbacks.iter().map(|(_, it)| it);
    if service == standby {
        let message = format!("`{name}` cannot stand in for itself");
        let hint = "write a second service: `like` the first, with another capacity provider";
        lower.problems.push(view.error("standby", message).hint(hint));
    } else if let Some(other) = others().find(|it| it.standby == standby) {
        let message = format!("`{name}` stands in for `{}` already", of(other));
        let hint = "write a service of its own for this one: two controllers would disagree";
        lower.problems.push(view.error("standby", message).hint(hint));
    } else if others().any(|it| it.service == service) {
        let message = format!("`{}` has a fallback already", services[service].name);
        lower.problems.push(view.error("service", message).hint("leave one of them out"));
    } else if others().any(|it| it.service == standby || it.standby == service) {
        let message = "a standby cannot have a standby of its own";
        lower.problems.push(view.error("standby", message).hint("leave one of them out"));
    } else if let Scheduling::Replica { desired_count: count @ 1.. } = services[standby].scheduling
    {
        let message = format!(
            "`{name}` has a `desired_count` of {count}: a standby has tasks only while it stands in"
        );
        let hint = format!("write `desired_count = 0` in `[service.{name}]`");
        lower.problems.push(view.error("standby", message).hint(hint));
    } else if same_capacity(lower, service, standby) {
        let message = format!(
            "`{name}` runs on what `{}` runs on: where one finds no capacity, neither does the \
             other",
            services[service].name
        );
        let hint = "give it another capacity provider";
        let problem = view.warning(Code::StandbyOnSameCapacity, "standby", message);
        lower.problems.push(problem.hint(hint));
    }
}

/// Says whether the standby goes only where the service goes.
fn same_capacity(lower: &Lower, service: Ix<Service>, standby: Ix<Service>) -> bool {
    let [of, by] = [service, standby].map(|it| {
        let launch = &lower.model.launches[lower.model.services[it].launch];
        launch.providers.iter().map(|item| (item.provider, item.capacity_provider))
    });
    let of: Vec<_> = of.collect();
    by.into_iter().all(|it| of.contains(&it))
}

//! What arrives: loads at load balancers and services, and messages in queues.

use crate::ecs::model::{
    Destination, Fidelity, Load, Patience, Queue, RequestClass, Route, TargetGroup,
};
use crate::engine::Ix;

use super::super::View;
use super::super::codes::Code;
use super::super::problems::listed;
use super::super::value::Share;
use super::{Lower, rate};

/// How far shares may be from 1 together.
const ROUNDING: f64 = 1e-6;

/// Loads by name, then those of services, then queues.
pub(super) fn all(lower: &mut Lower) {
    let fidelity: String = lower.root().table("traffic").get("fidelity");
    if fidelity == "requests" {
        lower.model.fidelity = Fidelity::Requests;
    }
    for (name, view) in lower.root().entries("load") {
        let rate = rate::rate(lower, &view, "requests_per_second");
        let Some(routes) = routes(lower, &view) else { continue };
        let (classes, patience) = (classes(lower, &view), patience(lower, &view));
        lower.model.loads.push(Load { name: name.to_string(), rate, routes, classes, patience });
    }
    for (name, view) in lower.root().entries("service") {
        let Some(load) = view.child("load") else { continue };
        let rate = rate::rate(lower, &load, "requests_per_second");
        let Some(&service) = lower.services.get(name) else { continue };
        let mut groups = lower.model.services[service].target_groups.clone();
        groups.sort();
        groups.dedup();
        let to = match groups[..] {
            [] => Destination::Service(service),
            [group] => Destination::TargetGroup(group),
            [..] => {
                let groups = groups.len();
                let message = format!("the service is in {groups} target groups");
                let hint = "write `[load.…]` with a load balancer and `routes`";
                lower.problems.push(load.error_here(message).hint(hint));
                continue;
            }
        };
        let name = format!("service.{name}");
        if lower.root().entry("load", &name).is_some() {
            let message = format!("the load `{name}` has the name of this one");
            lower.problems.push(load.error_here(message).hint("give it another"));
        }
        let routes = vec![Route { to, share: 1.0 }];
        let (classes, patience) = (classes(lower, &load), patience(lower, &load));
        lower.model.loads.push(Load { name, rate, routes, classes, patience });
    }
    for (name, view) in lower.root().entries("queue") {
        let arrivals = rate::rate(lower, &view, "messages_per_second");
        let Some(&service) = lower.services.get(&view.get::<String>("service")) else { continue };
        let visibility_timeout = view.get("visibility_timeout");
        if lower.model.fidelity == Fidelity::Requests {
            let message = "messages of queues are a fluid, also beside single requests";
            let hint = "nothing need be changed; read the latencies of services with requests only";
            lower.problems.push(view.warning_here(Code::QueuesStayFluid, message).hint(hint));
        }
        let name = name.to_string();
        lower.model.queues.push(Queue { name, arrivals, visibility_timeout, service });
    }
}

/// Returns how long clients of a load wait, and how often they try again.
fn patience(lower: &mut Lower, view: &View) -> Patience {
    for key in ["timeout", "retries"] {
        if view.is_written(key) && lower.model.fidelity == Fidelity::Fluid {
            let message = "requests that are a fluid are neither given up nor tried again";
            let hint = "write `traffic.fidelity = \"requests\"`, which looks at it";
            lower.problems.push(view.warning(Code::PatienceOfFluid, key, message).hint(hint));
        }
    }
    Patience { timeout: view.find("timeout"), retries: view.get("retries"), ..Patience::default() }
}

/// Returns the kinds of requests of a load.
fn classes(lower: &mut Lower, view: &View) -> Vec<RequestClass> {
    let of = |it: &View| RequestClass { share: it.get::<Share>("share").0, cost: it.get("cost") };
    let mut classes: Vec<RequestClass> = view.items("classes").iter().map(of).collect();
    let sum: f64 = classes.iter().map(|it| it.share).sum();
    if !classes.is_empty() && (sum - 1.0).abs() > ROUNDING {
        let message = format!("the shares of its classes come to {sum}");
        lower.problems.push(view.error("classes", message).hint("let them come to 1, or 100 %"));
    }
    classes.iter_mut().for_each(|it| it.share /= sum);
    classes
}

/// Returns where the requests of a load go; nothing after an error.
fn routes(lower: &mut Lower, view: &View) -> Option<Vec<Route>> {
    let balancer: String = view.get("load_balancer");
    let groups = lower.root().entries("target_group");
    let is_its = |it: &&(&str, View)| it.1.get::<String>("load_balancer") == balancer;
    let its: Vec<&str> = groups.iter().filter(is_its).map(|it| it.0).collect();
    let mut shares: Vec<(String, f64, View)> = Vec::new();
    for item in view.items("routes") {
        let name: String = item.get("target_group");
        let problem = if !its.contains(&name.as_str()) {
            let hint = match its[..] {
                [] => {
                    format!("write `load_balancer = \"{balancer}\"` into `[target_group.{name}]`")
                }
                _ => format!("it has {}", listed(&its)),
            };
            Some((format!("`{name}` is not a target group of `{balancer}`"), hint))
        } else if shares.iter().any(|it| it.0 == name) {
            Some((format!("`{name}` is there twice"), "add their shares".to_string()))
        } else {
            None
        };
        if let Some((message, hint)) = problem {
            lower.problems.push(item.error("target_group", message).hint(hint));
            return None;
        }
        shares.push((name, item.get::<Share>("share").0, item));
    }
    if !view.is_written("routes") {
        let message = match its[..] {
            [only] => {
                shares.push((only.to_string(), 1.0, view.clone()));
                None
            }
            [] => Some(format!("`{balancer}` has no target group")),
            _ => Some(format!("`{balancer}` has {} target groups: {}", its.len(), listed(&its))),
        };
        if let Some(message) = message {
            let name = its.first().unwrap_or(&"web");
            let hint = match its.is_empty() {
                true => format!("write `[target_group.{name}]` with that `load_balancer`"),
                false => format!(
                    "divide the requests: `routes = \
                     [{{ target_group = \"{name}\", share = 0.5 }}, …]`"
                ),
            };
            lower.problems.push(view.error("load_balancer", message).hint(hint));
            return None;
        }
    }
    let sum: f64 = shares.iter().map(|it| it.1).sum();
    if (sum - 1.0).abs() > ROUNDING {
        let message = format!("the shares of its routes come to {sum}");
        lower.problems.push(view.error("routes", message).hint("let them come to 1, or 100 %"));
        return None;
    }
    let mut routes = Vec::new();
    for (name, share, at) in shares {
        let group = *lower.target_groups.get(&name)?;
        check_served(lower, (&at, &name), group);
        routes.push(Route { to: Destination::TargetGroup(group), share: share / sum });
    }
    Some(routes)
}

/// Warns of requests that nobody can answer.
fn check_served(lower: &mut Lower, (view, name): (&View, &str), group: Ix<TargetGroup>) {
    let is_served = |it: &View| {
        let items = it.items("load_balancers");
        items
            .iter()
            .any(|it| lower.target_groups.get(&it.get::<String>("target_group")) == Some(&group))
    };
    if lower.root().entries("service").iter().any(|(_, it)| is_served(it)) {
        return;
    }
    let message = format!("no service is in the target group `{name}`, which answers with 503");
    let hint = "name it in `load_balancers` of the service that is meant";
    let problem = view.warning_here(Code::NobodyAnswers, message);
    lower.problems.push(problem.hint(hint));
}

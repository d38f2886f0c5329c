//! What tasks do: by state, against what is desired, what waits, and each service.

use crate::ecs::TaskStatus;
use crate::ecs::model::Service;
use crate::engine::Ix;
use crate::record::{Metric, Scope};

use super::super::chart::{Colour, Figure, Panel, Unit};
use super::{Named, Page, panel};

/// Services that get a panel each; more are stacked in one.
const OWN_PANELS_MAX: usize = 8;

/// States as a picture shows them, the lowest first.
///
/// RUNNING is below them.
const STATES: [(&str, Colour, &[TaskStatus]); 3] = [
    ("PENDING, ACTIVATING", Colour::Pending, &[TaskStatus::Pending, TaskStatus::Activating]),
    ("PROVISIONING", Colour::Provisioning, &[TaskStatus::Provisioning]),
    (
        "DEACTIVATING to DEPROVISIONING",
        Colour::Stopping,
        &[TaskStatus::Deactivating, TaskStatus::Stopping, TaskStatus::Deprovisioning],
    ),
];

/// Shows tasks by state, what is desired, what waits, and each service.
pub(super) fn tasks(page: &Page) -> Option<Figure> {
    let model = page.model;
    let mut panels = vec![by_state(page)];
    panels.extend(waiting(page));
    let (services, submitters) = (model.services.len(), model.submitters.len());
    if services + submitters > 1 && services <= OWN_PANELS_MAX {
        panels.extend(model.services.indices().map(|service| one_service(page, service)));
    } else if services > 1 {
        panels.push(all_services(page));
    }
    let footnote = format!("{}; at times: not during all of it.", page.means());
    Some(page.over_time("tasks", panels, Some(footnote)))
}

fn by_state(page: &Page) -> Panel {
    let model = page.model;
    let of_state = |&(name, colour, states): &(&str, Colour, &[TaskStatus])| Named {
        name: name.to_string(),
        colour: Some(colour),
        values: page.sum(model.clusters.indices().flat_map(|cluster| {
            states.iter().map(move |&state| (Scope::Cluster(cluster), Metric::Tasks(state)))
        })),
    };
    let of_cluster = |cluster| (Scope::Cluster(cluster), Metric::Tasks(TaskStatus::Running));
    let (all_the_time, at_times) =
        page.sum_by_time(model.clusters.indices().map(of_cluster).collect());
    let mut layers = vec![
        layer("RUNNING", Colour::Running, all_the_time),
        layer("RUNNING at times", Colour::Reserved, at_times),
    ];
    layers.extend(STATES.iter().map(of_state));
    let mut marks = vec![page.stack(layers)];
    let of_services = |metric| {
        page.sum(model.services.indices().map(|service| (Scope::Service(service), metric)))
    };
    if !model.services.is_empty() {
        if model.services.len() == 1 && model.submitters.is_empty() {
            let healthy = of_services(Metric::HealthyTasks);
            marks.push(page.line("healthy", Colour::Healthy, healthy));
        }
        let all = if model.submitters.is_empty() { "desired" } else { "desired by services" };
        marks.push(page.dashed(all, Colour::Desired, of_services(Metric::DesiredCount)));
    }
    Panel { marks, weight: 1.5, ..panel("Tasks", "by lastStatus", Unit::Count) }
}

/// Shows what is submitted and not launched, if there ever was any.
fn waiting(page: &Page) -> Option<Panel> {
    let submitters = &page.model.submitters;
    let one = submitters.len() == 1;
    let layers: Vec<Named> = submitters
        .iter()
        .map(|(submitter, it)| Named {
            name: it.name.clone(),
            colour: one.then_some(Colour::Failed),
            values: page.sum([(Scope::Submitter(submitter), Metric::WaitingTasks)]),
        })
        .collect();
    if layers.iter().all(|layer| layer.values.iter().all(|value| *value == 0.0)) {
        return None;
    }
    let marks = vec![page.stack(layers)];
    let detail = "tasks submitted for which there was no room yet";
    Some(Panel { marks, weight: 0.7, ..panel("Waiting", detail, Unit::Count) })
}

fn one_service(page: &Page, service: Ix<Service>) -> Panel {
    let of = |metric| page.sum([(Scope::Service(service), metric)]);
    let healthy = of(Metric::HealthyTasks);
    let (all_the_time, at_times) =
        page.sum_by_time(vec![(Scope::Service(service), Metric::HealthyTasks)]);
    let not_healthy: Vec<f64> = of(Metric::ActiveTasks)
        .into_iter()
        .zip(&healthy)
        .map(|(active, healthy)| (active - healthy).max(0.0))
        .collect();
    let layers = vec![
        layer("healthy", Colour::Healthy, all_the_time),
        layer("healthy at times", Colour::Failed, at_times),
        layer("not healthy yet", Colour::Pending, not_healthy),
    ];
    let marks =
        vec![page.stack(layers), page.dashed("desired", Colour::Desired, of(Metric::DesiredCount))];
    let name = format!("Service {}", page.model.services[service].name);
    Panel { marks, weight: 0.5, ..panel(name, "tasks that are to run", Unit::Count) }
}

fn layer(name: &str, colour: Colour, values: Vec<f64>) -> Named {
    Named { name: name.to_string(), colour: Some(colour), values }
}

fn all_services(page: &Page) -> Panel {
    let layer = |(service, it): (Ix<Service>, &Service)| Named {
        name: it.name.clone(),
        colour: None,
        values: page.sum([(Scope::Service(service), Metric::RunningTasks)]),
    };
    let marks = vec![page.stack(page.model.services.iter().map(layer).collect())];
    let heading = panel("Services", "tasks that are RUNNING", Unit::Count);
    Panel { marks, weight: 1.3, ..heading }
}

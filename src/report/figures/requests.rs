//! What becomes of requests, and how long they take.

use crate::ecs::model::Service;
use crate::engine::{Ix, Tally};
use crate::record::{Metric, Scope};

use super::super::chart::{Colour, Figure, Panel, Unit};
use super::{Named, PANELS_MAX, Page, panel};

/// Panels of one service.
const PANELS_EACH: usize = 2;

/// What fails, by why.
const FAILURES: [(Metric, &str, Colour); 3] = [
    (Metric::RequestsRejected, "refused: tasks are full", Colour::Failed),
    (Metric::RequestsWithoutTarget, "no healthy task", Colour::Provisioning),
    (Metric::RequestsUnreachable, "the host has failed", Colour::Stopping),
];

/// Shows what arrives and what is answered, and the latency, of each service with requests.
pub(super) fn requests(page: &Page) -> Option<Figure> {
    let services = &page.recording.summary.services;
    let with: Vec<_> =
        services.iter().filter(|it| it.1.requests.is_some()).map(|it| it.0).collect();
    if with.is_empty() {
        return None;
    }
    let most = PANELS_MAX / PANELS_EACH;
    let panels = with.iter().take(most).flat_map(|&ix| of_service(page, ix)).collect();
    let left_out = match with.len().saturating_sub(most) {
        0 => String::new(),
        more => format!(" {more} more services are not shown: see timeseries.csv."),
    };
    let footnote = format!(
        "{}. Latency is the mean of requests that are admitted at the time, and the greatest such \
         mean of each step.{left_out}",
        page.means()
    );
    Some(page.over_time("requests", panels, Some(footnote)))
}

fn of_service(page: &Page, ix: Ix<Service>) -> [Panel; PANELS_EACH] {
    let of = |metric: Metric| {
        let parts = metric.parts() as f64;
        page.sum([(Scope::Service(ix), metric)]).into_iter().map(move |it| it / parts)
    };
    let layer = |name: &str, colour, metric| Named {
        name: name.to_string(),
        colour: Some(colour),
        values: of(metric).collect(),
    };
    let mut layers = vec![layer("answered", Colour::Healthy, Metric::RequestsServed)];
    layers.extend(FAILURES.map(|(metric, name, colour)| layer(name, colour, metric)));
    let arrivals = of(Metric::RequestArrivals).collect();
    let marks = vec![page.stack(layers), page.line("arrive", Colour::Desired, arrivals)];
    let title = format!("Service {}", page.model.services[ix].name);
    let rate = Panel { marks, ..panel(title, "requests per second", Unit::Count) };
    let parts = Metric::RequestLatency.parts() as f64;
    let level = page.level(Scope::Service(ix), Metric::RequestLatency);
    let of_steps = |of: &dyn Fn(&Tally) -> f64| match &level {
        Some(level) => level.0.iter().map(|it| of(it) / parts).collect(),
        None => vec![0.0; page.at.len()],
    };
    let marks = vec![
        page.line("greatest", Colour::Reserved, of_steps(&|it| it.max as f64)),
        page.line("mean", Colour::Capacity, of_steps(&Tally::mean)),
    ];
    let latency = Panel { marks, weight: 0.6, ..panel("", "latency", Unit::Seconds) };
    [rate, latency]
}

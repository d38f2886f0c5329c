//! What managed scaling of capacity providers and Application Auto Scaling see and do.

use crate::ecs::model::{CapacityProvider, Service};
use crate::ecs::scaling::service::{Policy, PolicyKind};
use crate::engine::Ix;
use crate::record::{Metric, Scope};

use super::super::chart::{Colour, Figure, Panel, Unit};
use super::{Named, PANELS_MAX, Page, panel};

/// Panels of one capacity provider, at most.
const PANELS_EACH: usize = 3;

/// Shows instances that are there and needed, tasks that wait, and the metric against its target.
pub(super) fn managed_scaling(page: &Page) -> Option<Figure> {
    let providers = &page.model.capacity_providers;
    let scaled: Vec<_> =
        providers.iter().filter(|(_, it)| it.managed_scaling.is_some()).map(|(ix, _)| ix).collect();
    if scaled.is_empty() {
        return None;
    }
    let most = PANELS_MAX / PANELS_EACH;
    let panels = scaled.iter().take(most).flat_map(|&ix| of_provider(page, ix)).collect();
    let left_out = match scaled.len().saturating_sub(most) {
        0 => String::new(),
        more => format!(" {more} more capacity providers are not shown: see timeseries.csv."),
    };
    let footnote = format!(
        "{}, as managed scaling sees it once a minute. Needed is M: instances with tasks, daemons' \
         apart, and what waiting tasks ask for. The group scales out above the target at once, and \
         in after 15 minutes below it.{left_out}",
        page.means()
    );
    Some(page.over_time("managed scaling", panels, Some(footnote)))
}

fn of_provider(page: &Page, ix: Ix<CapacityProvider>) -> Vec<Panel> {
    let spec = &page.model.capacity_providers[ix];
    let of = |metric| page.sum([(Scope::CapacityProvider(ix), metric)]);
    let there = Named {
        name: "there or launched".to_string(),
        colour: Some(Colour::Category(12)),
        values: of(Metric::Instances),
    };
    let marks = vec![
        page.stack(vec![there]),
        page.line("needed", Colour::Desired, of(Metric::NeededInstances)),
    ];
    let title = format!("Capacity provider {}", spec.name);
    let mut panels = vec![Panel { marks, ..panel(title, "instances", Unit::Count) }];
    let waiting = of(Metric::WaitingTasks);
    if waiting.iter().any(|tasks| *tasks > 0.0) {
        let layer =
            Named { name: "waiting".to_string(), colour: Some(Colour::Failed), values: waiting };
        let marks = vec![page.stack(vec![layer])];
        let heading = panel("", "tasks in PROVISIONING without a place", Unit::Count);
        panels.push(Panel { marks, weight: 0.5, ..heading });
    }
    let percent = of(Metric::CapacityProviderReservation);
    let target = spec.managed_scaling.map_or(100, |it| it.target_capacity);
    let target = vec![f64::from(target) / 100.0; percent.len()];
    let percent = percent.into_iter().map(|it| it / 100.0).collect();
    let marks = vec![
        page.line("reservation", Colour::Capacity, percent),
        page.dashed("target", Colour::Desired, target),
    ];
    let heading = panel("", "CapacityProviderReservation", Unit::Share);
    panels.push(Panel { marks, weight: 0.6, y_at_least: Some(1.0), ..heading });
    panels
}

/// Shows of each scalable target what its policies see, against what they aim at, and below it how
/// many tasks are desired and run between its bounds.
pub(super) fn services(page: &Page) -> Option<Figure> {
    let targets: Vec<Ix<Service>> = page
        .model
        .services
        .iter()
        .filter(|(_, it)| it.auto_scaling.is_some())
        .map(|(ix, _)| ix)
        .collect();
    let mut panels = Vec::new();
    let mut left_out = 0;
    for &ix in &targets {
        let own = of_service(page, ix);
        match panels.len() + own.len() > PANELS_MAX {
            true => left_out += 1,
            false => panels.extend(own),
        }
    }
    if panels.is_empty() {
        return None;
    }
    let left_out = match left_out {
        0 => String::new(),
        more => format!(" {more} more services are not shown: see timeseries.csv."),
    };
    let footnote = format!(
        "{}. Metrics are shown from when they are published; without data the last value stays. \
         Why a service was scaled, or was not, is in events.csv.{left_out}",
        page.means()
    );
    Some(page.over_time("scaling of services", panels, Some(footnote)))
}

fn of_service(page: &Page, ix: Ix<Service>) -> Vec<Panel> {
    let service = &page.model.services[ix];
    let Some(target) = &service.auto_scaling else { return Vec::new() };
    let of = |metric| page.sum([(Scope::Service(ix), metric)]);
    let bounds = |metric| page.sum([(Scope::ScalableTarget(ix), metric)]);
    let running = Named {
        name: "running".to_string(),
        colour: Some(Colour::Category(12)),
        values: of(Metric::RunningTasks),
    };
    let marks = vec![
        page.stack(vec![running]),
        page.line("desired", Colour::Desired, of(Metric::DesiredCount)),
        page.dashed("MinCapacity", Colour::Healthy, bounds(Metric::MinCapacity)),
        page.dashed("MaxCapacity", Colour::Failed, bounds(Metric::MaxCapacity)),
    ];
    let title = format!("Service {}", service.name);
    let mut panels = vec![Panel { marks, ..panel(title, "tasks", Unit::Count) }];
    for (position, policy) in (0..).zip(&target.policies) {
        panels.push(of_policy(page, (ix, position), policy));
    }
    panels
}

/// Shows what a policy watches, against its target or its threshold.
fn of_policy(page: &Page, (ix, position): (Ix<Service>, u16), policy: &Policy) -> Panel {
    let of = |metric| page.sum([(Scope::ServicePolicy(ix, position), metric)]);
    let is_percent = policy.watch.unit == " %";
    let scaled = |values: Vec<f64>| -> Vec<f64> {
        values.into_iter().map(|it| if is_percent { it / 100.0 } else { it }).collect()
    };
    let flat = |value: f64| scaled(vec![value; page.at.len()]);
    let detail = format!("{}, as the policy {} sees it", policy.watch.name, policy.name);
    let unit = if is_percent { Unit::Share } else { Unit::Count };
    let millionths = |value: i64| value as f64 / 1e6;
    let metric = || page.line("metric", Colour::Capacity, scaled(of(Metric::WatchedMetric)));
    let (marks, heading) = match &policy.kind {
        PolicyKind::TargetTracking(it) => {
            let target = flat(millionths(it.target.0));
            let mut marks = vec![metric(), page.dashed("target", Colour::Desired, target)];
            if !it.disable_scale_in {
                let low = flat(millionths(it.low.threshold.0));
                marks.push(page.dashed("scales in below", Colour::Healthy, low));
            }
            (marks, panel("", detail, unit))
        }
        PolicyKind::Step { alarm, .. } => {
            let threshold = flat(millionths(alarm.threshold.0));
            let marks = vec![metric(), page.dashed("threshold", Colour::Desired, threshold)];
            (marks, panel("", detail, unit))
        }
        PolicyKind::Predictive(_) => {
            let marks = vec![page.line("forecast", Colour::Capacity, of(Metric::ForecastTasks))];
            let detail = format!("tasks for each hour, as the policy {} forecasts", policy.name);
            (marks, panel("", detail, Unit::Count))
        }
        PolicyKind::Own(_) => (vec![metric()], panel("", detail, unit)),
    };
    Panel { marks, weight: 0.7, ..heading }
}

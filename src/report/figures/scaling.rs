//! What managed scaling of capacity providers sees and does.

use crate::ecs::model::CapacityProvider;
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

//! CPU credits of T instances: what they have and owe, and what they do not get.

use crate::ecs::model::Fleet;
use crate::engine::Ix;
use crate::record::{Metric, Scope};

use super::super::chart::{Colour, Figure, Panel, Unit};
use super::{Named, PANELS_MAX, Page, panel};

/// Panels of one fleet, at most.
const PANELS_EACH: usize = 2;

/// Shows CPU credits of each fleet that has any, and CPU that is asked for and not got.
pub(super) fn cpu_credits(page: &Page) -> Option<Figure> {
    let summary = &page.recording.summary.cpu_credits;
    let with_credits: Vec<_> =
        summary.iter().filter(|(_, it)| it.is_some()).map(|(ix, _)| ix).collect();
    if with_credits.is_empty() {
        return None;
    }
    let most = PANELS_MAX / PANELS_EACH;
    let panels = with_credits.iter().take(most).flat_map(|&ix| of_fleet(page, ix)).collect();
    let left_out = match with_credits.len().saturating_sub(most) {
        0 => String::new(),
        more => format!(" {more} more groups are not shown: see timeseries.csv."),
    };
    let footnote = format!(
        "{}, of all instances together. A credit is a vCPU for a minute. Surplus credits are spent \
         and not earned yet; beyond 24 h of earning each more is charged.{left_out}",
        page.means()
    );
    Some(page.over_time("CPU credits", panels, Some(footnote)))
}

fn of_fleet(page: &Page, ix: Ix<Fleet>) -> Vec<Panel> {
    let of = |metric| page.sum([(Scope::Fleet(ix), metric)]);
    let mut marks = vec![page.line("balance", Colour::Healthy, of(Metric::CpuCreditBalance))];
    let surplus = of(Metric::CpuSurplusCreditBalance);
    if surplus.iter().any(|credits| *credits > 0.0) {
        marks.push(page.line("surplus", Colour::Failed, surplus));
    }
    let title = format!("CPU credits of {}", page.model.fleets[ix].name);
    let mut panels = vec![Panel { marks, ..panel(title, "credits", Unit::Count) }];
    let withheld: Vec<f64> = of(Metric::ThrottledCpu).iter().map(|units| units / 1024.0).collect();
    if withheld.iter().any(|vcpu| *vcpu > 0.0) {
        let used = Named {
            name: "used".to_string(),
            colour: Some(Colour::Used),
            values: of(Metric::UsedCpu).iter().map(|units| units / 1024.0).collect(),
        };
        let layer =
            Named { name: "not got".to_string(), colour: Some(Colour::Failed), values: withheld };
        let marks = vec![page.stack(vec![used, layer])];
        let heading = panel("", "vCPU that containers ask for", Unit::Count);
        panels.push(Panel { marks, weight: 0.6, ..heading });
    }
    panels
}

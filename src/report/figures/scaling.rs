//! What managed scaling of capacity providers and Application Auto Scaling see and do.

use crate::ecs::model::{AutoScalingGroup, CapacityProvider, Service};
use crate::ecs::scaling::alarm::MetricValue;
use crate::ecs::scaling::group::PolicyKind as GroupPolicyKind;
use crate::ecs::scaling::service::{Policy, PolicyKind};
use crate::engine::{Ix, Tally};
use crate::record::{Metric, Scope};

use super::super::chart::{Colour, Figure, Mark, Panel, Unit};
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
    let left_out = not_shown(scaled.len().saturating_sub(most), "capacity providers");
    let footnote = format!(
        "{}, as managed scaling sees it once a minute. Needed is M: instances with tasks, daemons' \
         apart, and what waiting tasks ask for. Greatest: at any time of a step. The group scales \
         out above the target at once, and in after 15 minutes below it.{left_out}",
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
        let level = page.level(Scope::CapacityProvider(ix), Metric::WaitingTasks);
        let greatest = level.map_or_else(Vec::new, |it| it.maxima());
        let marks =
            vec![page.stack(vec![layer]), page.line("greatest", Colour::Reserved, greatest)];
        let heading = panel("", "tasks in PROVISIONING without a place", Unit::Count);
        panels.push(Panel { marks, weight: 0.5, ..heading });
    }
    let target = spec.managed_scaling.map_or(100, |it| it.target_capacity);
    let target = vec![f64::from(target) / 100.0; page.at.len()];
    let level = page.level(Scope::CapacityProvider(ix), Metric::CapacityProviderReservation);
    let of_steps = |of: &dyn Fn(&Tally) -> f64| match &level {
        Some(level) => level.0.iter().map(|it| of(it) / 100.0).collect(),
        None => vec![0.0; page.at.len()],
    };
    let marks = vec![
        page.line("greatest", Colour::Reserved, of_steps(&|it| it.max as f64)),
        page.line("mean", Colour::Capacity, of_steps(&Tally::mean)),
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
    let (panels, left_out) = as_many_as_fit(targets.iter().map(|&ix| of_service(page, ix)));
    if panels.is_empty() {
        return None;
    }
    let left_out = not_shown(left_out, "services");
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
    let running = there("running", Colour::Category(12), of(Metric::RunningTasks));
    let marks = between_bounds(
        page,
        vec![running],
        of(Metric::DesiredCount),
        [
            ("MinCapacity", bounds(Metric::MinCapacity)),
            ("MaxCapacity", bounds(Metric::MaxCapacity)),
        ],
    );
    let title = format!("Service {}", service.name);
    let mut panels = vec![Panel { marks, ..panel(title, "tasks", Unit::Count) }];
    for (position, policy) in (0..).zip(&target.policies) {
        panels.push(of_policy(page, (ix, position), policy));
    }
    panels
}

fn there(name: &str, colour: Colour, values: Vec<f64>) -> Named {
    Named { name: name.to_string(), colour: Some(colour), values }
}

/// Draws what is there, and how many are desired between bounds.
fn between_bounds(
    page: &Page,
    there: Vec<Named>,
    desired: Vec<f64>,
    [(min_name, min), (max_name, max)]: [(&str, Vec<f64>); 2],
) -> Vec<Mark> {
    vec![
        page.stack(there),
        page.line("desired", Colour::Desired, desired),
        page.dashed(min_name, Colour::Healthy, min),
        page.dashed(max_name, Colour::Failed, max),
    ]
}

/// What a policy watches, and the values at which it acts.
struct Watched {
    name: String,
    /// Whether it is in percent.
    is_percent: bool,
    values: Vec<f64>,
    lines: Vec<(&'static str, Colour, MetricValue)>,
}

/// Shows what a policy watches, against its target or its threshold.
fn watched(page: &Page, policy: &str, it: Watched) -> Panel {
    let one = if it.is_percent { 100.0 } else { 1.0 };
    let values = it.values.into_iter().map(|it| it / one).collect();
    let mut marks = vec![page.line("metric", Colour::Capacity, values)];
    for (name, colour, value) in it.lines {
        let flat = vec![value.0 as f64 / 1e6 / one; page.at.len()];
        marks.push(page.dashed(name, colour, flat));
    }
    let detail = format!("{}, as the policy {policy} sees it", it.name);
    let unit = if it.is_percent { Unit::Share } else { Unit::Count };
    Panel { marks, weight: 0.7, ..panel("", detail, unit) }
}

/// Shows of each group with scaling policies how many instances are desired and there, and below it
/// what its policies see, against what they aim at.
pub(super) fn groups(page: &Page) -> Option<Figure> {
    let groups = &page.model.auto_scaling_groups;
    let of_groups = groups.iter().filter(|(_, it)| !it.policies.is_empty());
    let of_groups = of_groups.map(|(ix, _)| of_group(page, ix));
    let (panels, left_out) = as_many_as_fit(of_groups);
    if panels.is_empty() {
        return None;
    }
    let footnote = format!(
        "{}. Metrics are shown from when they are published; without data the last value stays. \
         Why a group was scaled, or was not, is in events.csv.{}",
        page.means(),
        not_shown(left_out, "groups")
    );
    Some(page.over_time("scaling of groups", panels, Some(footnote)))
}

fn of_group(page: &Page, ix: Ix<AutoScalingGroup>) -> Vec<Panel> {
    let group = &page.model.auto_scaling_groups[ix];
    let of = |metric| page.sum([(Scope::Fleet(group.fleet), metric)]);
    let layers = vec![
        there("in service", Colour::Category(12), of(Metric::Instances)),
        there("launching", Colour::Category(14), of(Metric::LaunchingInstances)),
    ];
    let marks = between_bounds(
        page,
        layers,
        of(Metric::DesiredCapacity),
        [("min size", of(Metric::MinSize)), ("max size", of(Metric::MaxSize))],
    );
    let title = format!("Group {}", group.name);
    let mut panels = vec![Panel { marks, ..panel(title, "instances", Unit::Count) }];
    panels.extend((0..).zip(&group.policies).map(|(position, policy)| {
        let lines = match &policy.kind {
            GroupPolicyKind::TargetTracking { target, disable_scale_in, low, .. } => {
                tracking(*target, (!disable_scale_in).then_some(low.threshold))
            }
            GroupPolicyKind::Step { alarm, .. } | GroupPolicyKind::Simple { alarm, .. } => {
                vec![("threshold", Colour::Desired, alarm.threshold)]
            }
        };
        let metric = (Scope::ScalingPolicy(ix, position), Metric::ScalingMetric);
        let (name, values) = (policy.metric.name().to_string(), page.sum([metric]));
        watched(page, &policy.name, Watched { name, is_percent: true, values, lines })
    }));
    panels
}

/// The lines of target tracking.
fn tracking(
    target: MetricValue,
    low: Option<MetricValue>,
) -> Vec<(&'static str, Colour, MetricValue)> {
    let low = low.map(|low| ("scales in below", Colour::Healthy, low));
    [("target", Colour::Desired, target)].into_iter().chain(low).collect()
}

/// Puts the panels of several things together, and says for how many there was no room.
fn as_many_as_fit(all: impl Iterator<Item = Vec<Panel>>) -> (Vec<Panel>, usize) {
    let (mut panels, mut left_out) = (Vec::new(), 0);
    for own in all {
        match panels.len() + own.len() > PANELS_MAX {
            true => left_out += 1,
            false => panels.extend(own),
        }
    }
    (panels, left_out)
}

fn not_shown(count: usize, what: &str) -> String {
    match count {
        0 => String::new(),
        more => format!(" {more} more {what} are not shown: see timeseries.csv."),
    }
}

/// Shows what a policy of a service watches, or forecasts.
fn of_policy(page: &Page, (ix, position): (Ix<Service>, u16), policy: &Policy) -> Panel {
    let of = |metric| page.sum([(Scope::ServicePolicy(ix, position), metric)]);
    let lines = match &policy.kind {
        PolicyKind::TargetTracking(it) => {
            tracking(it.target, (!it.disable_scale_in).then_some(it.low.threshold))
        }
        PolicyKind::Step { alarm, .. } => vec![("threshold", Colour::Desired, alarm.threshold)],
        PolicyKind::Predictive(_) => {
            let marks = vec![page.line("forecast", Colour::Capacity, of(Metric::ForecastTasks))];
            let detail = format!("tasks for each hour, as the policy {} forecasts", policy.name);
            return Panel { marks, weight: 0.7, ..panel("", detail, Unit::Count) };
        }
        PolicyKind::Own(_) => Vec::new(),
    };
    let (name, values) = (policy.watch.name.clone(), of(Metric::WatchedMetric));
    watched(
        page,
        &policy.name,
        Watched { name, is_percent: policy.watch.unit == " %", values, lines },
    )
}

//! How full container instances are, what Fargate has, and how many instances there are.

use std::collections::BTreeSet;

use crate::ecs::model::{ClusterSpec, Fleet, InstanceLaunchType, Provider};
use crate::engine::Ix;
use crate::record::{Metric, Scope, UsageGiven};

use super::super::chart::{Colour, Figure, Mark, Panel, Unit};
use super::{Level, Named, PANELS_MAX, Page, panel, short};

/// One of the resources of container instances.
struct Resource {
    name: &'static str,
    registered: Metric,
    reserved: Metric,
    used: Option<Metric>,
    /// How much of the metric is one of `unit`.
    one: f64,
    unit: &'static str,
}

const RESOURCES: [Resource; 3] = [
    Resource {
        name: "CPU",
        registered: Metric::RegisteredCpu,
        reserved: Metric::ReservedCpu,
        used: Some(Metric::UsedCpu),
        one: 1024.0,
        unit: "vCPU",
    },
    Resource {
        name: "Memory",
        registered: Metric::RegisteredMemory,
        reserved: Metric::ReservedMemory,
        used: Some(Metric::UsedMemory),
        one: 1024.0,
        unit: "GiB",
    },
    Resource {
        name: "GPU",
        registered: Metric::RegisteredGpus,
        reserved: Metric::ReservedGpus,
        used: None,
        one: 1.0,
        unit: "GPUs",
    },
];

/// The states of instances in warm pools.
const WARMED: [(Metric, &str); 4] = [
    (Metric::WarmedPendingInstances, "Warmed:Pending"),
    (Metric::WarmedRunningInstances, "Warmed:Running"),
    (Metric::WarmedStoppedInstances, "Warmed:Stopped"),
    (Metric::WarmedHibernatedInstances, "Warmed:Hibernated"),
];

/// Shows the reserved and used share of what instances register, and what Fargate has.
pub(super) fn utilisation(page: &Page) -> Option<Figure> {
    let with_instances = clusters_with_instances(page);
    let mut panels = Vec::new();
    for &cluster in &with_instances {
        for resource in &RESOURCES {
            panels.extend(shares(page, (cluster, with_instances.len() > 1), resource));
        }
    }
    let left_out = panels.len().saturating_sub(PANELS_MAX);
    panels.truncate(PANELS_MAX);
    if panels.len() > RESOURCES.len() {
        panels.iter_mut().for_each(|panel| panel.weight = 0.6);
    }
    let has_shares = !panels.is_empty();
    panels.extend(fargate(page, "vCPU on Fargate", Metric::AliveCpu));
    panels.extend(fargate(page, "GB on Fargate", Metric::AliveMemory));
    if panels.is_empty() {
        return None;
    }
    let mut footnote = page.means();
    if has_shares {
        footnote += "; shaded: the least and the greatest at any time in it";
    }
    if left_out > 0 {
        footnote += &format!(". {left_out} more panels are not shown: see timeseries.csv");
    }
    let what = if has_shares { "utilisation" } else { "reserved on Fargate" };
    Some(page.over_time(what, panels, Some(footnote + ".")))
}

fn clusters_with_instances(page: &Page) -> Vec<Ix<ClusterSpec>> {
    let summary = &page.recording.summary;
    let ever = summary.clusters.iter().filter(|(_, it)| it.capacity.instances.max > 0);
    ever.map(|(cluster, _)| cluster).collect()
}

fn shares(
    page: &Page,
    (cluster, is_one_of_many): (Ix<ClusterSpec>, bool),
    resource: &Resource,
) -> Option<Panel> {
    let scope = Scope::Cluster(cluster);
    let registered = page.level(scope, resource.registered)?;
    let most = registered.0.iter().map(|tally| tally.max).max().unwrap_or(0) as f64;
    let given = page.recording.summary.clusters[cluster].capacity.usage_given;
    let name = &page.model.clusters[cluster].name;
    let title =
        if is_one_of_many { format!("{name}: {}", resource.name) } else { resource.name.into() };
    let least = registered.0.iter().map(|tally| tally.min).min().unwrap_or(0) as f64;
    let at_most = if least < most { "what there is, at most " } else { "" };
    let mut detail =
        format!("100 % is {at_most}{} {} registered", short(most / resource.one), resource.unit);
    let band = |name: &str, colour, metric| -> Vec<Mark> {
        let part = page.level(scope, metric).unwrap_or_else(|| Level::zero(&registered));
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { f64::NAN };
        let each = || part.0.iter().zip(&registered.0);
        let values = each().map(|(part, whole)| share(part.mean(), whole.mean())).collect();
        let low = each().map(|(part, whole)| share(part.min as f64, whole.max as f64)).collect();
        let high = each().map(|(part, whole)| share(part.max as f64, whole.max as f64)).collect();
        let at = page.at.clone();
        let band = Mark::Band { name: name.to_string(), colour, at, low, high };
        vec![band, page.line(name, colour, values)]
    };
    let mut marks = band("reserved by tasks", Colour::Reserved, resource.reserved);
    match (resource.used, given) {
        (None, _) => {}
        (Some(_), UsageGiven::Nothing) => detail += "; what tasks really use is not given",
        (Some(metric), UsageGiven::Partly) => {
            detail += "; some tasks do not say what they really use";
            marks.extend(band("used by those that say so", Colour::Used, metric));
        }
        (Some(metric), UsageGiven::Fully) => {
            marks.extend(band("really used", Colour::Used, metric));
        }
    }
    Some(Panel { marks, y_at_least: Some(1.0), ..panel(title, detail, Unit::Share) })
}

/// Shows the vCPU or GB of tasks on Fargate, if there were any; 1,024 of the metric are one.
fn fargate(page: &Page, title: &str, metric: Metric) -> Option<Panel> {
    let layers: Vec<Named> = [
        (Provider::Fargate, "Fargate", Colour::Fargate),
        (Provider::FargateSpot, "Fargate Spot", Colour::FargateSpot),
    ]
    .into_iter()
    .filter_map(|(provider, name, colour)| {
        let level = page.level(Scope::Provider(provider), metric)?;
        let values = level.means().into_iter().map(|units| units / 1024.0).collect();
        Some(Named { name: name.to_string(), colour: Some(colour), values })
    })
    .collect();
    if layers.is_empty() {
        return None;
    }
    let detail = "of tasks that are not STOPPED";
    let marks = vec![page.stack(layers)];
    Some(Panel { marks, weight: 0.7, ..panel(title, detail, Unit::Count) })
}

/// Shows how many container instances there are, how many have tasks, and how many would do.
pub(super) fn instances(page: &Page) -> Option<Figure> {
    let clusters = clusters_with_instances(page);
    if clusters.is_empty() {
        return None;
    }
    let mut panels = Vec::new();
    for &cluster in clusters.iter().take(PANELS_MAX) {
        let of = |metric| page.sum([(Scope::Cluster(cluster), metric)]);
        let (there, empty) = (of(Metric::Instances), of(Metric::EmptyInstances));
        let busy = there.iter().zip(&empty).map(|(there, empty)| there - empty).collect();
        let marks = vec![
            page.stack(fleets(page, cluster)),
            page.line("with tasks", Colour::Running, busy),
            page.line("needed", Colour::Desired, of(Metric::NeededInstances)),
        ];
        let (title, weight) = match clusters.len() {
            1 => ("Container instances".to_string(), 1.5),
            _ => (format!("Container instances of {}", page.model.clusters[cluster].name), 0.8),
        };
        panels.push(Panel { marks, weight, ..panel(title, "by group", Unit::Count) });
    }
    panels.extend(warm_pools(page));
    let left_out = match clusters.len().saturating_sub(PANELS_MAX) {
        0 => String::new(),
        more => format!(" {more} more clusters are not shown: see timeseries.csv."),
    };
    let footnote = format!(
        "{}. With tasks: hosts at least one task that is not a daemon's. Needed: what is \
         reserved would fill so many instances, if it could be cut at will.{left_out}",
        page.means()
    );
    Some(page.over_time("container instances", panels, Some(footnote)))
}

/// Shows instances that wait in warm pools, if there are any.
fn warm_pools(page: &Page) -> Option<Panel> {
    let layers: Vec<Named> = page
        .model
        .fleets
        .iter()
        .flat_map(|(ix, fleet)| {
            WARMED.into_iter().filter_map(move |(metric, state)| {
                let level = page.level(Scope::Fleet(ix), metric)?;
                let name = format!("{} {state}", fleet.name);
                Some(Named { name, colour: None, values: level.means() })
            })
        })
        .collect();
    if layers.is_empty() {
        return None;
    }
    let marks = vec![page.stack(layers)];
    let heading = panel("Warm pools", "instances by state, not part of those above", Unit::Count);
    Some(Panel { marks, weight: 0.7, ..heading })
}

/// The groups of a cluster, in light colours: lines are drawn over them.
fn fleets(page: &Page, cluster: Ix<ClusterSpec>) -> Vec<Named> {
    let fleets = &page.model.fleets;
    let class = |fleet: Ix<Fleet>| Some(&page.model.classes[*fleets[fleet].classes.first()?]);
    let ever = fleets.indices().filter(|&fleet| {
        page.recording.summary.fleets[fleet].instances.max > 0
            && class(fleet).is_some_and(|class| class.cluster == cluster)
    });
    let ever: Vec<Ix<Fleet>> = ever.collect();
    let kind = |fleet: Ix<Fleet>| Some(class(fleet)?.launch_type);
    // A colour by role says most, as long as each role is there once.
    let count = |launch_type| ever.iter().filter(|&&it| kind(it) == Some(launch_type)).count();
    let by_role = count(InstanceLaunchType::Ec2) <= 1 && count(InstanceLaunchType::External) <= 1;
    let colour = |(n, fleet): (usize, Ix<Fleet>)| match kind(fleet) {
        Some(InstanceLaunchType::Ec2) if by_role => Colour::Category(12),
        Some(InstanceLaunchType::External) if by_role => Colour::Category(23),
        _ => super::light_of_several(n),
    };
    let layers = |(n, &fleet): (usize, &Ix<Fleet>)| {
        let of = |metric| page.sum([(Scope::Fleet(fleet), metric)]);
        let (all, spot) = (of(Metric::Instances), of(Metric::SpotInstances));
        let others = all.iter().zip(&spot).map(|(all, spot)| all - spot).collect();
        let colour = Some(colour((n, fleet)));
        let others = Named { name: label(page, fleet), colour, values: others };
        let name = format!("{} Spot", page.model.fleets[fleet].name);
        let of_spot = match by_role {
            true => Colour::Category(19),
            false => super::light_of_several(ever.len() + n),
        };
        [others, Named { name, colour: Some(of_spot), values: spot }]
    };
    ever.iter().enumerate().flat_map(layers).collect()
}

/// Names a fleet with what it is made of: `od (m7g.large)`.
fn label(page: &Page, ix: Ix<Fleet>) -> String {
    let fleet = &page.model.fleets[ix];
    let classes = fleet.classes.iter().map(|&class| &page.model.classes[class]);
    let types: BTreeSet<&str> = classes.clone().map(|it| it.instance_type.as_str()).collect();
    let is_external = classes.clone().any(|it| it.launch_type == InstanceLaunchType::External);
    match (page.model.managed_instances_of(ix), types.len()) {
        (Some(_), _) => format!("{} (Managed Instances)", fleet.name),
        (None, 1) if !is_external => {
            format!("{} ({})", fleet.name, types.first().copied().unwrap_or_default())
        }
        (None, 2..) => format!("{} ({} types)", fleet.name, types.len()),
        (None, _) => fleet.name.clone(),
    }
}

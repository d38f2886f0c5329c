//! Metrics of services, target groups and queues, as policies of services watch them.
//!
//! Whoever knows that something has changed says so here; between changes levels are integrated
//! exactly. Without policies nothing is kept. Source: ECS Developer Guide, "Amazon ECS CloudWatch
//! metrics"; Application Load Balancer guide, "CloudWatch metrics".

use crate::engine::{Id, Ix, Seed, Table};
use crate::units::{SimTime, Span};

use super::metric::Mean;
use super::model::{Model, Provider, Service, TargetGroup};
use super::scaling::alarm::{Alarm, MetricValue};
use super::scaling::expression::ServiceMetric;
use super::scaling::predictive::PAST_HOURS;
use super::scaling::service::{Policy, PolicyKind};
use super::{Cx, Task, TaskStatus, World};

/// What tasks of a service use, together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    /// CPU units, in thousandths.
    pub cpu_milli_units: u64,
    /// KiB.
    pub memory_kib: u64,
}

/// A service, and the position of one of its policies.
pub(super) type Which = (Ix<Service>, u16);

/// The metrics that policies of services watch.
#[derive(Clone, Debug)]
pub(super) struct ServiceMetrics {
    is_used: bool,
    services: Table<OfService, Service>,
    groups: Table<OfGroup, TargetGroup>,
    /// Messages visible in each queue, in thousandths.
    queues: Vec<u64>,
    /// By service and policy.
    watched: Table<Vec<Watched>, Service>,
    /// Who watches what, in order of the metric.
    watchers: Vec<(Source, Ix<Service>, u16, u8)>,
}

/// What a metric is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Service(u32),
    Group(u32),
    Queue(u16),
}

/// What is known of a service.
#[derive(Clone, Copy, Debug, Default)]
struct OfService {
    running: u32,
    /// Tasks that run and are not to stop.
    registered: u32,
    /// By what containers say for good.
    stated: Used,
    /// By requests, besides.
    requests: Option<Used>,
    /// What a task reserves.
    cpu_units: u64,
    memory_mib: u64,
    /// Whether any container says what it uses.
    is_stated: bool,
}

/// What is known of a target group.
#[derive(Clone, Copy, Debug, Default)]
struct OfGroup {
    healthy: u32,
    registered: u32,
    milli_per_second: u64,
}

/// What a policy watches: a mean for each of its metrics, with the same periods.
#[derive(Clone, Debug)]
struct Watched {
    means: Vec<Mean>,
}

impl ServiceMetrics {
    pub(super) fn new(model: &Model, seed: Seed) -> ServiceMetrics {
        let policies = |service: &Service| match &service.auto_scaling {
            Some(target) => target.policies.clone(),
            None => Vec::new(),
        };
        let watched = |(_, service): (Ix<Service>, &Service)| {
            let name = &service.name;
            policies(service).iter().map(|it| Watched::new((model, seed), name, it)).collect()
        };
        let watched: Table<Vec<Watched>, Service> = model.services.iter().map(watched).collect();
        let mut watchers = Vec::new();
        for (ix, service) in model.services.iter() {
            for (position, policy) in (0..).zip(policies(service)) {
                for (part, metric) in (0..).zip(&policy.watch.metrics) {
                    watchers.push((source(*metric), ix, position, part));
                }
            }
        }
        watchers.sort();
        let mut metrics = ServiceMetrics {
            is_used: !watchers.is_empty(),
            services: model.services.iter().map(|(_, it)| OfService::new(model, it)).collect(),
            groups: model.target_groups.iter().map(|_| OfGroup::default()).collect(),
            queues: Vec::new(),
            watched,
            watchers,
        };
        // Those that always have data have them from the beginning.
        let sources: Vec<Source> = metrics.watchers.iter().map(|it| it.0).collect();
        for source in sources {
            metrics.changed(model, SimTime::ZERO, source);
        }
        metrics
    }

    /// Brings the means of what watches a source in line with it.
    fn changed(&mut self, model: &Model, now: SimTime, of: Source) {
        let from = self.watchers.partition_point(|it| it.0 < of);
        let watchers = self.watchers[from..].iter().take_while(|it| it.0 == of);
        for &(_, service, position, part) in watchers {
            let Some(target) = &model.services[service].auto_scaling else { continue };
            let policy = &target.policies[usize::from(position)];
            let level = self.level(policy.watch.metrics[usize::from(part)]);
            let watched = &mut self.watched[service][usize::from(position)];
            watched.means[usize::from(part)].set(now, level);
        }
    }

    /// Returns the level of a metric now, and what it weighs: in millionths of its unit.
    fn level(&self, metric: ServiceMetric) -> (u64, u64) {
        match metric {
            // Thousandths of units, in percent of those reserved: × 100 × 1,000,000 ÷ 1,000.
            ServiceMetric::CpuUtilization(ix) => {
                let it = &self.services[ix];
                let used = it.used().cpu_milli_units.saturating_mul(100_000);
                (used, it.is_known() * it.cpu_units * u64::from(it.running))
            }
            // KiB in percent of MiB: × 100 × 1,000,000 ÷ 1,024, both times four.
            ServiceMetric::MemoryUtilization(ix) => {
                let it = &self.services[ix];
                let used = it.used().memory_kib.saturating_mul(390_625);
                (used, it.is_known() * 4 * it.memory_mib * u64::from(it.running))
            }
            ServiceMetric::TotalCpu(ix) => {
                let it = &self.services[ix];
                let used = it.used().cpu_milli_units.saturating_mul(100_000);
                (used, it.is_known() * it.cpu_units)
            }
            ServiceMetric::TotalMemory(ix) => {
                let it = &self.services[ix];
                let used = it.used().memory_kib.saturating_mul(390_625);
                (used, it.is_known() * 4 * it.memory_mib)
            }
            ServiceMetric::RunningTaskCount(ix) => {
                (u64::from(self.services[ix].running) * 1_000_000, 1)
            }
            // In a minute, and for each target: it is always reported.
            ServiceMetric::RequestCountPerTarget(ix) => {
                let it = &self.groups[ix];
                let targets = if it.healthy > 0 { it.healthy } else { it.registered };
                let requests = it.milli_per_second.saturating_mul(60_000);
                (requests.checked_div(targets.into()).unwrap_or(0), 1)
            }
            ServiceMetric::RequestCount(ix) => {
                (self.groups[ix].milli_per_second.saturating_mul(60_000), 1)
            }
            ServiceMetric::MessagesVisible(position) => {
                let visible = self.queues.get(usize::from(position)).copied().unwrap_or(0);
                (visible.saturating_mul(1000), 1)
            }
        }
    }
}

fn source(metric: ServiceMetric) -> Source {
    match metric {
        ServiceMetric::CpuUtilization(ix)
        | ServiceMetric::MemoryUtilization(ix)
        | ServiceMetric::RunningTaskCount(ix)
        | ServiceMetric::TotalCpu(ix)
        | ServiceMetric::TotalMemory(ix) => Source::Service(ix.index() as u32),
        ServiceMetric::RequestCountPerTarget(ix) | ServiceMetric::RequestCount(ix) => {
            Source::Group(ix.index() as u32)
        }
        ServiceMetric::MessagesVisible(position) => Source::Queue(position),
    }
}

impl OfService {
    /// Tasks reserve what their definition says; on Fargate that is their size.
    fn new(model: &Model, service: &Service) -> OfService {
        let definition = &model.task_definitions[service.task_definition];
        let providers = &model.launches[service.launch].providers;
        let on_fargate = providers
            .iter()
            .all(|it| matches!(it.provider, Provider::Fargate | Provider::FargateSpot));
        let reserved = model.requirements[definition.requirement].resources;
        let of_definition = (reserved.cpu_units, reserved.memory_mib);
        let size = definition.fargate.filter(|_| on_fargate);
        let (cpu_units, memory_mib) =
            size.map_or(of_definition, |it| (it.cpu_units, it.memory_mib));
        OfService {
            cpu_units: cpu_units.into(),
            memory_mib: memory_mib.into(),
            is_stated: definition.containers.iter().any(|it| it.behaviour.usage.is_some()),
            ..OfService::default()
        }
    }

    /// One, if anything says what is used: else there is no data.
    fn is_known(&self) -> u64 {
        (self.is_stated || self.requests.is_some()).into()
    }

    fn used(&self) -> Used {
        let (stated, requests) = (self.stated, self.requests.unwrap_or_default());
        Used {
            cpu_milli_units: stated.cpu_milli_units + requests.cpu_milli_units,
            memory_kib: stated.memory_kib + requests.memory_kib,
        }
    }
}

impl Watched {
    /// Periods have a phase of their own for each metric of a service.
    fn new((model, seed): (&Model, Seed), name: &str, policy: &Policy) -> Watched {
        let watch = &policy.watch;
        let luck = seed.luck("metric of services").named(name).named(&watch.name);
        let mean = match &policy.kind {
            // Hours are those of the clock.
            PolicyKind::Predictive(_) => {
                let micros = model.calendar.unix_micros(SimTime::ZERO);
                let hour = Span::HOUR.as_micros();
                let since = micros.rem_euclid(hour as i64) as u64;
                let first = SimTime::from_micros(hour - since);
                Mean::ending_at(first, Span::HOUR, PAST_HOURS)
            }
            PolicyKind::TargetTracking(_) | PolicyKind::Step { .. } | PolicyKind::Own(_) => {
                let spans = policy.alarms().map(Alarm::looks_back).max().unwrap_or(Span::HOUR);
                let spans = spans.saturating_add(Span::HOUR);
                let kept = spans.as_micros().div_ceil(watch.period.as_micros().max(1));
                Mean::new(luck, watch.period, kept as usize)
            }
        };
        Watched { means: vec![mean; watch.metrics.len()] }
    }

    /// Goes through periods that are over, the newest first, with the end of each.
    fn newest_first(
        &mut self,
        now: SimTime,
        policy: &Policy,
    ) -> impl Iterator<Item = (SimTime, Option<MetricValue>)> {
        for mean in &mut self.means {
            mean.advance(now);
        }
        let means = &self.means;
        let ends = means.first().into_iter().flat_map(Mean::newest_first);
        ends.enumerate().map(move |(back, (end, _))| {
            let values: Vec<_> = means.iter().map(|it| it.point(back)).collect();
            (end, policy.watch.expression.value(&values))
        })
    }
}

fn policy<'a>(cx: &Cx<'a>, (service, position): Which) -> Option<&'a Policy> {
    let target = cx.model.services[service].auto_scaling.as_ref()?;
    target.policies.get(usize::from(position))
}

/// Returns the data points of an alarm as of an instant, the newest last.
pub(super) fn data_points(
    cx: &Cx,
    world: &mut World,
    which: Which,
    (alarm, until): (&Alarm, SimTime),
) -> Vec<Option<MetricValue>> {
    let Some(policy) = policy(cx, which) else { return Vec::new() };
    let watched = &mut world.service_metrics.watched[which.0][usize::from(which.1)];
    alarm.data_points(watched.newest_first(cx.now(), policy), until)
}

/// Returns when the last period that was over at an instant ended, and its value.
pub(super) fn latest(
    cx: &Cx,
    world: &mut World,
    which: Which,
    until: SimTime,
) -> Option<(SimTime, Option<MetricValue>)> {
    let policy = policy(cx, which)?;
    let watched = &mut world.service_metrics.watched[which.0][usize::from(which.1)];
    watched.newest_first(cx.now(), policy).find(|(ended, _)| *ended <= until)
}

/// Returns all that is kept of periods that are over, the newest last.
pub(super) fn past(cx: &Cx, world: &mut World, which: Which) -> Vec<Option<MetricValue>> {
    let Some(policy) = policy(cx, which) else { return Vec::new() };
    let watched = &mut world.service_metrics.watched[which.0][usize::from(which.1)];
    let mut past: Vec<_> = watched.newest_first(cx.now(), policy).map(|it| it.1).collect();
    past.reverse();
    past
}

fn changed(cx: &Cx, world: &mut World, source: Source) {
    world.service_metrics.changed(cx.model, cx.now(), source);
}

/// Returns how many tasks of a service are RUNNING, where a policy needs to know.
pub(super) fn running(world: &World, service: Ix<Service>) -> u32 {
    world.service_metrics.services[service].running
}

/// Says what requests make the tasks of a service use now, together, beside what containers state.
pub(super) fn service_uses(cx: &Cx, world: &mut World, service: Ix<Service>, used: Used) {
    if !world.service_metrics.is_used {
        return;
    }
    world.service_metrics.services[service].requests = Some(used);
    changed(cx, world, Source::Service(service.index() as u32));
}

/// Says what arrives at a target group now, in thousandths of requests a second.
pub(super) fn requests_arrive(
    cx: &Cx,
    world: &mut World,
    group: Ix<TargetGroup>,
    milli_per_second: u64,
) {
    if !world.service_metrics.is_used {
        return;
    }
    world.service_metrics.groups[group].milli_per_second = milli_per_second;
    changed(cx, world, Source::Group(group.index() as u32));
}

/// Says how many messages are visible in a queue now, in thousandths.
pub(super) fn queue_holds(cx: &Cx, world: &mut World, queue_position: usize, visible_milli: u64) {
    let metrics = &mut world.service_metrics;
    let Ok(position) = u16::try_from(queue_position) else { return };
    if !metrics.is_used {
        return;
    }
    if metrics.queues.len() <= queue_position {
        metrics.queues.resize(queue_position + 1, 0);
    }
    metrics.queues[queue_position] = visible_milli;
    changed(cx, world, Source::Queue(position));
}

/// `lastStatus` of a task has changed.
pub(super) fn task_moves(cx: &Cx, world: &mut World, task: Id<Task>, from: TaskStatus) {
    if !world.service_metrics.is_used {
        return;
    }
    let entry = &world.tasks[task];
    let (was, is) = (from == TaskStatus::Running, entry.last_status == TaskStatus::Running);
    let Some(service) = entry.service().filter(|_| was != is) else { return };
    let it = &mut world.service_metrics.services[service];
    it.running = if is { it.running + 1 } else { it.running - 1 };
    it.registered += u32::from(is && entry.stop.is_none());
    changed(cx, world, Source::Service(service.index() as u32));
    targets_change(cx, world, service);
}

/// A task of a service is to stop.
pub(super) fn task_leaves(cx: &Cx, world: &mut World, service: Ix<Service>, has_run: bool) {
    if world.service_metrics.is_used {
        world.service_metrics.services[service].registered -= u32::from(has_run);
        targets_change(cx, world, service);
    }
}

/// A container's process begins, or has ended.
pub(super) fn container(cx: &Cx, world: &mut World, (task, container): (Id<Task>, u8), runs: bool) {
    if !world.service_metrics.is_used {
        return;
    }
    let entry = &world.tasks[task];
    let definition = &cx.model.task_definitions[entry.task_definition];
    let usage = definition.containers[usize::from(container)].behaviour.usage;
    let (Some(service), Some(usage)) = (entry.service(), usage) else { return };
    let stated = &mut world.service_metrics.services[service].stated;
    let (cpu, memory) = (u64::from(usage.cpu_units) * 1000, u64::from(usage.memory_mib) * 1024);
    if runs {
        stated.cpu_milli_units += cpu;
        stated.memory_kib += memory;
    } else {
        stated.cpu_milli_units -= cpu;
        stated.memory_kib -= memory;
    }
    changed(cx, world, Source::Service(service.index() as u32));
}

/// A container begins to use more CPU, as it does when it begins to run, or ends to.
pub(super) fn start_up(cx: &Cx, world: &mut World, task: Id<Task>, (units, begins): (u32, bool)) {
    let Some(service) = world.tasks[task].service().filter(|_| world.service_metrics.is_used)
    else {
        return;
    };
    let stated = &mut world.service_metrics.services[service].stated.cpu_milli_units;
    let milli = u64::from(units) * 1000;
    *stated = if begins { *stated + milli } else { *stated - milli };
    changed(cx, world, Source::Service(service.index() as u32));
}

/// How many targets a service's groups have, and how many are healthy, may have changed.
pub(super) fn targets_change(cx: &Cx, world: &mut World, service: Ix<Service>) {
    if !world.service_metrics.is_used {
        return;
    }
    for &group in &cx.model.services[service].target_groups {
        let (mut healthy, mut registered) = (0, 0);
        let of_group = cx.model.services.iter().filter(|it| it.1.target_groups.contains(&group));
        for (ix, _) in of_group {
            healthy += world.services[ix].healthy();
            registered += world.service_metrics.services[ix].registered;
        }
        let it = &mut world.service_metrics.groups[group];
        (it.healthy, it.registered) = (healthy, registered);
        changed(cx, world, Source::Group(group.index() as u32));
    }
}

/// Returns how many targets of a group are healthy, and how many are registered.
#[cfg(test)]
pub(super) fn targets(world: &World, group: Ix<TargetGroup>) -> (u32, u32) {
    let it = &world.service_metrics.groups[group];
    (it.healthy, it.registered)
}

/// A test says how many are.
#[cfg(test)]
pub(super) fn set_targets(
    cx: &Cx,
    world: &mut World,
    group: Ix<TargetGroup>,
    (healthy, registered): (u32, u32),
) {
    let it = &mut world.service_metrics.groups[group];
    (it.healthy, it.registered) = (healthy, registered);
    changed(cx, world, Source::Group(group.index() as u32));
}

/// A test says how many CPU units tasks of a service use, in thousandths.
#[cfg(test)]
pub(super) fn uses(cx: &Cx, world: &mut World, service: Ix<Service>, cpu_milli_units: u32) {
    let used = Used { cpu_milli_units: cpu_milli_units.into(), memory_kib: 0 };
    service_uses(cx, world, service, used);
}

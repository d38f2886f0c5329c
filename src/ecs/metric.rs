//! Metrics as CloudWatch has them: means over periods, which whoever scales sees a while later.
//!
//! Only what a scaling policy watches is kept; without policies nothing here does anything. Between
//! changes levels are integrated exactly. Source: ECS Developer Guide, "Amazon ECS CloudWatch
//! metrics": reserved by RUNNING tasks, of what container instances have registered that are ACTIVE
//! or DRAINING; Amazon EC2 Auto Scaling User Guide, on warm-ups: a new instance is left out of the
//! group's metrics until its own is over, and one that is to go soon after it begins to.

use std::collections::{BTreeMap, VecDeque};

use crate::engine::{Id, Ix, Luck, Purpose, Seed, Table};
use crate::units::{SimTime, Span};

use super::cluster::Instance;
use super::model::{AutoScalingGroup, ClusterSpec, InitialState, InstanceLaunchType, Model};
use super::scaling::alarm::{Alarm, MetricValue};
use super::scaling::group::{PolicyMetric, ScalingPolicy};
use super::{Cx, Task, TaskStatus, World, service_metric};

#[allow(unused_imports, reason = "traffic is to say so")]
pub(super) use super::service_metric::{Used, queue_holds, requests_arrive, service_uses};

const PHASE: Purpose = Purpose::new("phase of the periods of a metric");

/// One hundred percent.
const WHOLE: u64 = 100_000_000;

/// The metrics that scaling policies watch.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    is_used: bool,
    /// Of clusters whose reservation is watched.
    clusters: Table<Option<Box<Reservation>>, ClusterSpec>,
    /// By group and position of its policy: of those that watch CPU.
    groups: Table<Vec<Option<CpuUtilization>>, AutoScalingGroup>,
}

/// `CPUReservation` and `MemoryReservation` of a cluster.
#[derive(Clone, Debug)]
struct Reservation {
    registered: [u64; 2],
    reserved: [u64; 2],
    means: [Mean; 2],
}

/// `CPUUtilization` of the instances of a group, each of which counts alike.
#[derive(Clone, Debug)]
struct CpuUtilization {
    hosts: BTreeMap<Id<Instance>, Host>,
    /// When the warm-up of which instance is over, in that order.
    warming: VecDeque<(SimTime, Id<Instance>)>,
    warmup: Span,
    /// Whether anything says what containers use.
    is_known: bool,
    mean: Mean,
}

/// What is known of an instance.
#[derive(Clone, Copy, Debug)]
struct Host {
    used: u64,
    registered: u64,
    counts: bool,
}

/// A mean over periods: of a level, or of so many levels added up.
#[derive(Clone, Debug)]
pub(super) struct Mean {
    /// The levels now, added up, and how many they are.
    level: (u64, u64),
    since: SimTime,
    /// Both, times microseconds, since the period began.
    integral: (u128, u128),
    period: Span,
    /// When the period ends.
    ends: SimTime,
    /// Of periods that are over, the last of them last.
    points: VecDeque<Option<MetricValue>>,
    kept: usize,
}

impl Metrics {
    pub(super) fn new(model: &Model, seed: Seed) -> Metrics {
        let cluster = |(ix, spec): (Ix<ClusterSpec>, &ClusterSpec)| {
            let watches = |it: &&ScalingPolicy| it.metric != PolicyMetric::CpuUtilization;
            let groups = model.auto_scaling_groups.iter().map(|(_, group)| group);
            let of_cluster = groups.filter(|it| model.cluster_of_group(it) == ix);
            let policies: Vec<&ScalingPolicy> =
                of_cluster.flat_map(|it| &it.policies).filter(watches).collect();
            let luck = seed.luck("metrics of a cluster").named(&spec.name);
            let kept = policies.iter().map(|it| kept(it, Span::MINUTE)).max()?;
            let mean = Mean::new(luck, Span::MINUTE, kept);
            let means = [mean.clone(), mean];
            Some(Box::new(Reservation { registered: [0; 2], reserved: [0; 2], means }))
        };
        let group = |(_, spec): (Ix<AutoScalingGroup>, &AutoScalingGroup)| {
            let luck = seed.luck("metrics of a group").named(&spec.name);
            let of_policy = |policy: &ScalingPolicy| {
                let period = spec.metric_period;
                let mean = Mean::new(luck, period, kept(policy, period));
                (policy.metric == PolicyMetric::CpuUtilization).then(|| CpuUtilization {
                    hosts: BTreeMap::new(),
                    warming: VecDeque::new(),
                    warmup: policy.warmup,
                    is_known: model.usage_is_known(spec),
                    mean,
                })
            };
            spec.policies.iter().map(of_policy).collect()
        };
        Metrics {
            is_used: model.auto_scaling_groups.iter().any(|(_, it)| !it.policies.is_empty()),
            clusters: model.clusters.iter().map(cluster).collect(),
            groups: model.auto_scaling_groups.iter().map(group).collect(),
        }
    }

    /// Returns the CPU units of a cluster that RUNNING tasks reserve, and those registered.
    #[cfg(test)]
    pub(super) fn reservation_of(&self, cluster: Ix<ClusterSpec>) -> Option<(u64, u64)> {
        self.clusters[cluster].as_ref().map(|it| (it.reserved[0], it.registered[0]))
    }

    /// Returns the mean that a policy watches, up to now.
    fn mean(&mut self, cx: &Cx, (ix, position): Which) -> Option<&Mean> {
        let group = &cx.model.auto_scaling_groups[ix];
        let cluster = cx.model.cluster_of_group(group);
        let mean = match group.policies[usize::from(position)].metric {
            PolicyMetric::CpuUtilization => {
                let metric = self.groups[ix][usize::from(position)].as_mut()?;
                metric.advance(cx.now());
                &metric.mean
            }
            PolicyMetric::CpuReservation => self.clusters[cluster].as_mut()?.advance(cx.now(), 0),
            PolicyMetric::MemoryReservation => {
                self.clusters[cluster].as_mut()?.advance(cx.now(), 1)
            }
        };
        Some(mean)
    }
}

/// A group, and the position of one of its policies.
pub(super) type Which = (Ix<AutoScalingGroup>, u16);

/// Returns how many points of such a period a policy may look back, and those not published yet.
fn kept(policy: &ScalingPolicy, period: Span) -> usize {
    let alarms = policy.alarms();
    let longest = alarms.map(|it| it.period.saturating_mul(it.evaluation_range() as u64)).max();
    let longest = longest.unwrap_or(Span::ZERO).saturating_add(Span::HOUR);
    longest.as_micros().div_ceil(period.as_micros().max(1)) as usize
}

/// Returns the data points of an alarm as of an instant, the newest last.
pub(super) fn data_points(
    cx: &Cx,
    world: &mut World,
    which: Which,
    (alarm, until): (&Alarm, SimTime),
) -> Vec<Option<MetricValue>> {
    let mean = world.metrics.mean(cx, which);
    mean.map(|it| it.data_points(alarm, until)).unwrap_or_default()
}

/// Returns when the last period that was over at an instant ended, and its value.
pub(super) fn latest(
    cx: &Cx,
    world: &mut World,
    which: Which,
    until: SimTime,
) -> Option<(SimTime, Option<MetricValue>)> {
    world.metrics.mean(cx, which)?.newest_first().find(|(ended, _)| *ended <= until)
}

/// A container instance is ACTIVE from now on.
pub(super) fn instance_comes(cx: &Cx, world: &mut World, instance: Id<Instance>) {
    if !world.metrics.is_used {
        return;
    }
    register(cx, world, instance, true);
    let class = &cx.model.classes[world.cluster.instance(instance).class];
    let Some(group) = cx.model.fleets[class.fleet].group else { return };
    let now = cx.now();
    // In a cluster that has been there for long, they are warm.
    let is_old = now == SimTime::ZERO && cx.model.initial_state == InitialState::Steady;
    for metric in world.metrics.groups[group].iter_mut().flatten() {
        let registered = class.registered.cpu_units.into();
        metric.hosts.insert(instance, Host { used: 0, registered, counts: false });
        let warmup = if is_old { Span::ZERO } else { metric.warmup };
        metric.warming.push_back((now.saturating_add(warmup), instance));
        metric.advance(now);
    }
}

/// An instance that had registered is gone.
pub(super) fn instance_goes(cx: &Cx, world: &mut World, instance: Id<Instance>) {
    if world.metrics.is_used {
        register(cx, world, instance, false);
    }
}

fn register(cx: &Cx, world: &mut World, instance: Id<Instance>, comes: bool) {
    let class = &cx.model.classes[world.cluster.instance(instance).class];
    if class.launch_type != InstanceLaunchType::Ec2 {
        return;
    }
    if let Some(metric) = &mut world.metrics.clusters[class.cluster] {
        let of = [class.registered.cpu_units, class.registered.memory_mib];
        metric.change(cx.now(), |it| &mut it.registered, (of, comes));
    }
}

/// An instance is to leave its group, or has done so.
pub(super) fn leaves_group(
    cx: &Cx,
    world: &mut World,
    group: Ix<AutoScalingGroup>,
    instance: Id<Instance>,
) {
    for metric in world.metrics.groups[group].iter_mut().flatten() {
        metric.change(cx.now(), instance, |host| host.counts = false);
        metric.hosts.remove(&instance);
    }
}

/// `lastStatus` of a task has changed.
pub(super) fn task_moves(cx: &Cx, world: &mut World, task: Id<Task>, from: TaskStatus) {
    service_metric::task_moves(cx, world, task, from);
    if !world.metrics.is_used {
        return;
    }
    let entry = &world.tasks[task];
    let (was, is) = (from == TaskStatus::Running, entry.last_status == TaskStatus::Running);
    let Some(instance) = entry.instance.filter(|_| was != is) else { return };
    let class = &cx.model.classes[world.cluster.instance(instance).class];
    if class.launch_type != InstanceLaunchType::Ec2 {
        return;
    }
    if let Some(metric) = &mut world.metrics.clusters[class.cluster] {
        let reserved = cx.model.requirements[entry.requirement].resources;
        let of = [reserved.cpu_units, reserved.memory_mib];
        metric.change(cx.now(), |it| &mut it.reserved, (of, is));
    }
}

/// A container's process begins, or has ended.
pub(super) fn container(cx: &Cx, world: &mut World, (task, container): (Id<Task>, u8), runs: bool) {
    service_metric::container(cx, world, (task, container), runs);
    if !world.metrics.is_used {
        return;
    }
    let entry = &world.tasks[task];
    let definition = &cx.model.task_definitions[entry.task_definition];
    let usage = definition.containers[usize::from(container)].behaviour.usage;
    let (Some(instance), Some(usage)) = (entry.instance, usage) else { return };
    let fleet = cx.model.classes[world.cluster.instance(instance).class].fleet;
    let Some(group) = cx.model.fleets[fleet].group else { return };
    let units = u64::from(usage.cpu_units);
    for metric in world.metrics.groups[group].iter_mut().flatten() {
        metric.change(cx.now(), instance, |host| match runs {
            true => host.used += units,
            false => host.used -= units,
        });
    }
}

impl Reservation {
    fn advance(&mut self, now: SimTime, resource: usize) -> &Mean {
        self.means[resource].advance(now);
        &self.means[resource]
    }

    fn change(
        &mut self,
        now: SimTime,
        side: impl Fn(&mut Reservation) -> &mut [u64; 2],
        (amounts, more): ([u32; 2], bool),
    ) {
        for (sum, amount) in side(self).iter_mut().zip(amounts) {
            *sum = if more { *sum + u64::from(amount) } else { *sum - u64::from(amount) };
        }
        for resource in 0..self.means.len() {
            let (part, whole) = (self.reserved[resource], self.registered[resource]);
            self.means[resource].set(now, (share(part, whole), u64::from(whole > 0)));
        }
    }
}

impl CpuUtilization {
    /// Brings it up to now; instances whose warm-up is over meanwhile count from then on.
    fn advance(&mut self, now: SimTime) {
        while let Some((at, instance)) = self.warming.front().copied().filter(|it| it.0 <= now) {
            self.warming.pop_front();
            let is_known = self.is_known;
            self.adjust(at, instance, |host| host.counts = is_known);
        }
        self.mean.advance(now);
    }

    fn change(&mut self, now: SimTime, instance: Id<Instance>, change: impl FnOnce(&mut Host)) {
        self.advance(now);
        self.adjust(now, instance, change);
    }

    fn adjust(&mut self, at: SimTime, instance: Id<Instance>, change: impl FnOnce(&mut Host)) {
        let Some(host) = self.hosts.get_mut(&instance) else { return };
        let (before, (sum, count)) = (host.level(), self.mean.level);
        change(host);
        let after = host.level();
        self.mean.set(at, (sum - before.0 + after.0, count - before.1 + after.1));
    }
}

impl Host {
    fn level(&self) -> (u64, u64) {
        match self.counts {
            // An instance cannot be more than busy.
            true => (share(self.used, self.registered).min(WHOLE), 1),
            false => (0, 0),
        }
    }
}

/// Returns a part in millionths of a percent, rounded down.
fn share(part: u64, whole: u64) -> u64 {
    let parts = u128::from(part) * u128::from(WHOLE);
    parts.checked_div(whole.into()).map_or(0, |it| u64::try_from(it).unwrap_or(u64::MAX))
}

impl Mean {
    pub(super) fn new(luck: Luck, period: Span, kept: usize) -> Mean {
        let first = Span::from_secs_f64(period.as_secs_f64() * luck.unit(PHASE));
        let first = SimTime::ZERO.saturating_add(first.max(Span::micros(1)));
        Mean::ending_at(first, period, kept)
    }

    /// Makes a mean whose first period ends at an instant.
    pub(super) fn ending_at(ends: SimTime, period: Span, kept: usize) -> Mean {
        Mean {
            level: (0, 0),
            since: SimTime::ZERO,
            integral: (0, 0),
            period,
            ends,
            points: VecDeque::new(),
            kept,
        }
    }

    pub(super) fn set(&mut self, now: SimTime, level: (u64, u64)) {
        self.advance(now);
        self.level = level;
    }

    pub(super) fn advance(&mut self, now: SimTime) {
        while self.ends <= now {
            self.integrate(self.ends);
            let (sum, weight) = std::mem::take(&mut self.integral);
            let value = sum.checked_div(weight);
            let value = value.map(|it| MetricValue(i64::try_from(it).unwrap_or(i64::MAX)));
            if self.points.len() == self.kept {
                self.points.pop_front();
            }
            self.points.push_back(value);
            self.ends = self.ends.saturating_add(self.period);
        }
        self.integrate(now);
    }

    fn integrate(&mut self, until: SimTime) {
        let micros = u128::from(until.since(self.since).as_micros());
        self.integral.0 += u128::from(self.level.0) * micros;
        self.integral.1 += u128::from(self.level.1) * micros;
        self.since = until;
    }

    /// Goes through the periods that are over, with the end of each.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = (SimTime, Option<MetricValue>)> {
        let back = |n: u64| self.ends.as_micros().saturating_sub(self.period.as_micros() * n);
        let ends = (1..).map(move |n| SimTime::from_micros(back(n)));
        ends.zip(self.points.iter().rev().copied())
    }

    /// Returns the value of a period that is over, counted back from the last.
    pub(super) fn point(&self, back: usize) -> Option<MetricValue> {
        let position = self.points.len().checked_sub(back + 1)?;
        self.points.get(position).copied().flatten()
    }

    /// Returns the data points of an alarm: of periods that end at `until` and before.
    fn data_points(&self, alarm: &Alarm, until: SimTime) -> Vec<Option<MetricValue>> {
        alarm.data_points(self.newest_first(), until)
    }
}

#[cfg(test)]
mod tests {
    use super::super::scaling::alarm::{Comparison, MissingData, Statistic};
    use super::*;

    fn mean(period: u64, first: u64) -> Mean {
        let luck = Seed { master: 1, replication: 0 }.luck("test");
        let ends = SimTime::from_secs(first);
        Mean { ends, ..Mean::new(luck, Span::secs(period), 100) }
    }

    fn points(mean: &Mean, (period, n): (u64, u32), until: u64) -> Vec<Option<i64>> {
        let alarm = Alarm {
            threshold: MetricValue(0),
            comparison: Comparison::Greater,
            statistic: Statistic::Average,
            period: Span::secs(period),
            evaluation_periods: n,
            datapoints_to_alarm: 1,
            treat_missing_data: MissingData::Missing,
        };
        let points = mean.data_points(&alarm, SimTime::from_secs(until));
        points.into_iter().map(|it| it.map(|value| value.0)).collect()
    }

    #[test]
    fn a_mean_is_weighted_by_time_and_is_not_there_where_nothing_is() {
        let mut mean = mean(60, 60);
        mean.set(SimTime::from_secs(30), (100, 1));
        mean.set(SimTime::from_secs(75), (300, 1));
        mean.set(SimTime::from_secs(150), (0, 0));
        mean.advance(SimTime::from_secs(240));
        // 100 for what there was; (15 × 100 + 45 × 300) ÷ 60; 300; nothing.
        let expected = [None, Some(100), Some(250), Some(300), None];
        assert_eq!(points(&mean, (60, 3), 240), expected);
        assert_eq!(points(&mean, (60, 1), 130), [None, Some(100), Some(250)]);
    }

    /// At the end of minute 5 it is minutes 1 to 5, at that of minute 6 minutes 2 to 6.
    #[test]
    fn a_e6_longer_periods_slide_by_the_minute() {
        let mut mean = mean(60, 60);
        for minute in 0..7 {
            mean.set(SimTime::from_secs(60 * minute), (minute + 1, 1));
        }
        mean.advance(SimTime::from_secs(420));
        assert_eq!(points(&mean, (300, 1), 300).last(), Some(&Some(3)), "1 to 5");
        assert_eq!(points(&mean, (300, 1), 360).last(), Some(&Some(4)), "2 to 6");
    }

    #[test]
    fn points_of_five_minutes_are_missing_in_most_periods_of_one() {
        let mut mean = mean(300, 300);
        mean.set(SimTime::ZERO, (7, 1));
        mean.advance(SimTime::from_secs(900));
        assert_eq!(points(&mean, (60, 3), 630), [None, None, None, None, Some(7)]);
        assert_eq!(points(&mean, (60, 3), 750), [None, None, Some(7), None, None]);
    }

    /// The slow twin: a level for each second, added up.
    #[test]
    fn means_equal_a_sum_over_seconds() {
        for case in 0..50_u64 {
            let mut state = case;
            let mut dice = |n: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
                (state >> 33) % n
            };
            let (first, mut mean, mut seconds) = (1 + dice(60), mean(60, 1), vec![(0, 0)]);
            mean.ends = SimTime::from_secs(first);
            for second in 0..600 {
                if dice(20) == 0 {
                    let weight = dice(3);
                    let level = (weight * dice(1000), weight);
                    mean.set(SimTime::from_secs(second), level);
                    seconds.push(level);
                } else {
                    seconds.push(seconds[seconds.len() - 1]);
                }
            }
            mean.advance(SimTime::from_secs(600));
            let bounds: Vec<u64> =
                (0..).map(|n| first + 60 * n).take_while(|it| *it <= 600).collect();
            for (n, &end) in bounds.iter().enumerate() {
                let of = &seconds[1 + end.saturating_sub(60) as usize..=end as usize];
                let sum = of.iter().fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
                let expected = sum.0.checked_div(sum.1).map(|it| MetricValue(it as i64));
                assert_eq!(mean.points[n], expected, "case {case}, period {n}");
            }
        }
    }
}

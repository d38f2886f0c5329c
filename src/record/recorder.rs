//! The recorder: watches a run, keeps levels and counts of it, and leaves a recording.

use std::collections::BTreeMap;

use crate::ecs::capacity::credits::{Account, Credits, Totals};
use crate::ecs::capacity::reservation::{Decision, WhyNot};
use crate::ecs::model::{
    AutoScalingGroup, CapacityProvider, ClusterSpec, Fleet, InstanceClass, Model, Provider,
    Scheduling, Service, Source, Submitter,
};
use crate::ecs::placement::SmallestAsks;
use crate::ecs::{
    AfterFailure, Fact, Instance, Limit, Observer, Owner, PlacementFailure, ScalingEvent, Served,
    ServiceEvent, Stop, StopCode, Task, TaskStatus, TaskTimes, TerminationReason, World,
};
use crate::engine::{Id, Ix, Table};
use crate::units::{Resources, SimTime, Span};

use super::credits::CreditGauges;
use super::fingerprint::Fingerprint;
use super::gauges::{
    Capacity, ClusterGauges, Group, ManagedScalingGauges, ProviderGauges, ServiceGauges,
    SubmitterGauges,
};
use super::group_scaling::GroupScalingGauges;
use super::histogram::Histogram;
use super::log::is_daemon;
use super::pools::{SpotGauges, WarmPoolGauges, Warmed};
use super::recording::{LaunchCounts, Pending, ServiceEvents};
use super::scaling::{TargetCounts, TargetGauges};
use super::sentence::failure_code;
use super::series::Buckets;
use super::traffic::TrafficGauges;

/// What a recorder is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecorderOptions {
    /// How fine series are.
    pub buckets: Buckets,
    /// What the summary leaves out.
    pub warm_up: WarmUp,
}

/// The beginning of a run that does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmUp {
    /// It ends at an instant; at the beginning of the run there is none.
    Until(SimTime),
    /// It ends when every service has been in steady state once.
    Steady,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// When: at its end, or at the last event before it was cut short.
    pub at: SimTime,
    /// Why it is not complete; `None`: it is.
    pub partial: Option<String>,
    /// Equal for equal runs, if it was taken.
    pub fingerprint: Option<Fingerprint>,
}

/// Watches a run; its memory depends on the model and on instances at once, not on tasks or time.
#[derive(Clone, Debug)]
pub struct Recorder {
    pub(super) options: RecorderOptions,
    /// Where the window begins; `None`: the warm-up goes on.
    pub(super) window_from: Option<SimTime>,
    /// Services that have not been in steady state yet.
    not_steady: Table<bool, Service>,
    pub(super) clusters: Table<ClusterGauges, ClusterSpec>,
    pub(super) fleets: Table<FleetState, Fleet>,
    pub(super) services: Table<ServiceGauges, Service>,
    /// Of services that serve requests.
    pub(super) traffic: Table<Option<Box<TrafficGauges>>, Service>,
    pub(super) submitters: Table<SubmitterGauges, Submitter>,
    pub(super) providers: [ProviderGauges; Provider::ALL.len()],
    pub(super) managed_scaling: Table<ManagedScalingGauges, CapacityProvider>,
    /// Of fleets with types that have CPU credits.
    pub(super) credits: Table<Option<CreditGauges>, Fleet>,
    /// Of groups with scaling policies.
    pub(super) group_scaling: Table<Option<Box<GroupScalingGauges>>, AutoScalingGroup>,
    /// Which those are.
    scaled_groups: Vec<Ix<AutoScalingGroup>>,
    /// Application Auto Scaling of services.
    pub(super) targets: Table<Option<TargetGauges>, Service>,
    /// By slot.
    hosts: Vec<Host>,
    smallest: Table<SmallestAsks, InstanceClass>,
    daemons: Vec<Ix<Service>>,
    /// When an instance came last, if its daemons are not counted in yet.
    daemons_due: Option<SimTime>,
    pub(super) counts: Counts,
    pub(super) whole_run: WholeRun,
}

#[derive(Clone, Debug)]
pub(super) struct FleetState {
    pub capacity: Capacity,
    /// The most that one of its instances has, of each resource; `None`: what they have on average
    /// counts, as it may have any of many types.
    instance: Option<Resources>,
    /// Of those that buy Spot capacity.
    pub spot: Option<Box<SpotGauges>>,
    /// Of those with a warm pool.
    pub warm_pool: Option<Box<WarmPoolGauges>>,
}

/// What the recorder knows of an instance.
#[derive(Clone, Copy, Debug)]
struct Host {
    class: Ix<InstanceClass>,
    fleet: Ix<Fleet>,
    cluster: Ix<ClusterSpec>,
    /// Tasks on it that are not a daemon's.
    tasks: u32,
    /// Whether EC2 has said that it will reclaim it.
    is_noticed: bool,
    /// Whether EC2 has recommended to replace it.
    is_recommended: bool,
    /// Where in a warm pool it is, if it is in one.
    warmed: Option<Warmed>,
    stranded: Resources,
    stage: Stage,
    /// Its CPU credits, as they were at the last fact about them or when the window began.
    credits: Option<Account>,
}

/// Where an instance is in its life, as the recorder counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Launching,
    Active,
    Draining,
    Stopped,
    Gone,
}

/// Counts of the window: begun again when the warm-up ends.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    pub started: u64,
    pub stopped_by: BTreeMap<StopCode, u64>,
    pub container_restarts: u64,
    pub placement_failures: BTreeMap<&'static str, u64>,
    pub services: Table<ServiceCounts, Service>,
    pub submitters: Table<SubmitterCounts, Submitter>,
    pub fleets: Table<LaunchCounts, Fleet>,
    pub managed_scaling: Table<ScalingCounts, CapacityProvider>,
}

/// Steps of managed scaling.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ScalingCounts {
    pub outs: u64,
    pub ins: u64,
    pub minutes_at_maximum: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct ServiceCounts {
    pub tasks: TaskCounts,
    pub events: ServiceEvents,
}

#[derive(Clone, Debug, Default)]
pub(super) struct SubmitterCounts {
    pub tasks: TaskCounts,
    pub submissions: u64,
    pub submitted: u64,
    pub launched: u64,
    pub failed_calls: u64,
    pub given_up: u64,
    pub lost_tasks: u64,
    pub lost_work: Span,
    pub waiting: Histogram,
}

/// What is counted of the tasks of one owner.
#[derive(Clone, Debug, Default)]
pub(super) struct TaskCounts {
    pub started: u64,
    pub stopped_by: BTreeMap<StopCode, u64>,
    waiting: Histogram,
    provision: Histogram,
    pull: Histogram,
    start: Histogram,
    total: Histogram,
    health: Histogram,
}

/// What is known of the whole run.
#[derive(Clone, Debug)]
pub(super) struct WholeRun {
    pub created: u64,
    pub stopped: u64,
    pub submitters: Table<SubmitterRun, Submitter>,
}

/// What is known of a submitter over the whole run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SubmitterRun {
    pub first_arrival: Option<SimTime>,
    pub last_end: Option<SimTime>,
    /// Tasks that are not STOPPED.
    pub alive: u64,
}

/// A fact's surroundings.
#[derive(Clone, Copy)]
struct Now<'a> {
    at: SimTime,
    world: &'a World,
    model: &'a Model,
}

impl Default for WarmUp {
    fn default() -> WarmUp {
        WarmUp::Until(SimTime::ZERO)
    }
}

/// Says why a run that was stopped is not complete; `None`: it is.
pub fn why_partial(stop: Stop) -> Option<String> {
    match stop {
        Stop::Reached | Stop::Paused => None,
        Stop::LimitReached(Limit::Events(events)) => {
            Some(format!("the limit of {events} events was reached"))
        }
        Stop::LimitReached(Limit::Tasks(tasks)) => {
            Some(format!("the limit of {tasks} tasks at once was reached"))
        }
        Stop::Livelock(livelock) => Some(livelock.to_string()),
    }
}

impl TaskCounts {
    /// Notes a task that has become RUNNING; one that ran when the run began has pulled nothing.
    fn started(&mut self, times: &TaskTimes) {
        self.started += 1;
        let (Some(pull), Some(pulled), Some(started)) =
            (times.pull_started, times.pull_stopped, times.started)
        else {
            return;
        };
        let placed = times.placed.unwrap_or(times.created);
        self.waiting.record(placed.since(times.wanted));
        self.provision.record(pull.since(placed));
        self.pull.record(pulled.since(pull));
        self.start.record(started.since(pulled));
        self.total.record(started.since(times.wanted));
    }

    fn healthy(&mut self, times: &TaskTimes) {
        if let (Some(_), Some(started), Some(healthy)) =
            (times.pull_stopped, times.started, times.healthy)
        {
            self.health.record(healthy.since(started));
        }
    }

    fn stopped(&mut self, code: StopCode) {
        *self.stopped_by.entry(code).or_default() += 1;
    }

    pub fn pending(&self) -> Pending {
        Pending {
            waiting: self.waiting.quantiles(),
            provision: self.provision.quantiles(),
            pull: self.pull.quantiles(),
            start: self.start.quantiles(),
            total: self.total.quantiles(),
            health: self.health.quantiles(),
        }
    }
}

impl Counts {
    fn new(model: &Model) -> Counts {
        Counts {
            started: 0,
            stopped_by: BTreeMap::new(),
            container_restarts: 0,
            placement_failures: BTreeMap::new(),
            services: model.services.iter().map(|_| ServiceCounts::default()).collect(),
            submitters: model.submitters.iter().map(|_| SubmitterCounts::default()).collect(),
            managed_scaling: model
                .capacity_providers
                .iter()
                .map(|_| ScalingCounts::default())
                .collect(),
            fleets: model.fleets.iter().map(|_| LaunchCounts::default()).collect(),
        }
    }

    fn of(&mut self, owner: Owner) -> &mut TaskCounts {
        match owner {
            Owner::Service { service, .. } => &mut self.services[service].tasks,
            Owner::Submission { submitter, .. } => &mut self.submitters[submitter].tasks,
        }
    }

    fn refused(&mut self, failure: &PlacementFailure) {
        *self.placement_failures.entry(failure_code(failure.reason)).or_default() += 1;
    }
}

impl ScalingCounts {
    fn note(&mut self, decision: Decision) {
        match decision {
            Decision::Step { from, to, .. } if to > from => self.outs += 1,
            Decision::Step { .. } => self.ins += 1,
            Decision::Hold(WhyNot::AtMaximum) => self.minutes_at_maximum += 1,
            Decision::Hold(_) => {}
        }
    }
}

impl ServiceEvents {
    fn note(&mut self, event: &ServiceEvent) {
        let count = match event {
            ServiceEvent::StartedTasks { .. } | ServiceEvent::StartedToRebalance { .. } => {
                &mut self.started_tasks
            }
            ServiceEvent::StoppedTasks { .. }
            | ServiceEvent::StoppedPendingTasks { .. }
            | ServiceEvent::StoppedToRebalance { .. } => &mut self.stopped_tasks,
            ServiceEvent::SteadyState => &mut self.steady_state,
            ServiceEvent::UnableToPlace { .. } => &mut self.unable_to_place,
            ServiceEvent::StartImpaired { .. } => &mut self.start_impaired,
            ServiceEvent::Throttled => &mut self.throttled,
            ServiceEvent::DesiredCount { .. } => &mut self.desired_count,
            ServiceEvent::RegisteredTargets { .. }
            | ServiceEvent::DeregisteredTargets { .. }
            | ServiceEvent::DrainingConnections { .. }
            | ServiceEvent::NotAzBalanced { .. }
            | ServiceEvent::AzBalanced { .. }
            | ServiceEvent::UnableToRebalance { .. }
            | ServiceEvent::RebalancingStopped
            | ServiceEvent::TargetUnhealthy { .. } => return,
        };
        *count += 1;
    }
}

impl Observer for Recorder {
    fn observe(&mut self, at: SimTime, fact: &Fact, world: &World, model: &Model) {
        let now = Now { at, world, model };
        self.catch_up(now);
        match *fact {
            Fact::InstanceActive { instance } => self.instance_comes(now, instance),
            Fact::InstanceTerminated { instance, .. } => {
                self.interruption(now, fact, instance);
                self.warm_pool(at, instance, None);
                self.instance_goes(now, instance);
            }
            Fact::TaskCreated { task } => self.task_comes(now, &world.tasks[task]),
            Fact::TaskPlaced { task } => self.task_is_placed(now, &world.tasks[task]),
            Fact::ManagedScaling { .. } => self.managed_scaling_looks(now, fact),
            Fact::ScalingMetric { group, .. } | Fact::GroupEvent { group, .. } => {
                if let Some(gauges) = &mut self.group_scaling[group] {
                    gauges.note(at, fact);
                }
            }
            Fact::Traffic { service, .. } => self.requests_change(now, service),
            Fact::StartUp { task, container, begins } => {
                self.start_up(now, &world.tasks[task], (container, begins));
            }
            Fact::ServiceScaling { service, event } => self.scaling_goes_on(at, service, &event),
            Fact::TaskMoved { task, from, to } => {
                self.task_moves(now, &world.tasks[task], from, to);
            }
            Fact::ReservationReleased { task } => self.reserve(now, &world.tasks[task], false),
            Fact::ContainerStarted { task, container } => {
                self.container(now, &world.tasks[task], container, true);
            }
            Fact::ContainerStopped { task, container, exit_code } => {
                if exit_code.is_some() {
                    self.container(now, &world.tasks[task], container, false);
                }
            }
            Fact::ContainerRestarted { .. } => self.counts.container_restarts += 1,
            Fact::ServiceEvent { service, event } => self.service_says(now, service, &event),
            Fact::Submitted { submitter, count, .. } => self.submitted(now, submitter, count),
            Fact::RunTaskFailed { submitter, row, missing, failure, then } => {
                self.counts.submitters[submitter].failed_calls += 1;
                if then == AfterFailure::GivesUp {
                    self.given_up(now, submitter, (row, missing));
                }
                self.counts.refused(&failure);
            }
            Fact::TaskHealthy { .. }
            | Fact::TaskStopRequested { .. }
            | Fact::TaskReach { .. }
            | Fact::TaskUnhealthy { .. } => self.health_changes(now, fact),
            Fact::InstanceLaunched { instance } => self.instance_is_launched(now, instance),
            Fact::InstanceDraining { instance } => self.goes_on(at, instance, Stage::Draining),
            Fact::InstanceStopped { instance, .. } => self.goes_on(at, instance, Stage::Stopped),
            Fact::InstanceStarted { instance, .. } => self.goes_on(at, instance, Stage::Launching),
            Fact::TaskPullStarted { .. }
            | Fact::Fault { .. }
            | Fact::ManagedInstance { .. }
            | Fact::Fallback { .. } => {}
            Fact::CpuCredits { instance, .. } => self.credits_change(now, instance),
            Fact::WarmPool { instance, change } => self.warm_pool(at, instance, change.into()),
            Fact::SpotRebalanceRecommended { instance }
            | Fact::SpotInterruptionNotice { instance } => self.interruption(now, fact, instance),
            Fact::LaunchFailed { pool, .. } => {
                let fleet = model.auto_scaling_groups[model.pools[pool].group].fleet;
                self.counts.fleets[fleet].failures += 1;
            }
        }
    }
}

/// Returns what is kept of a service that is a scalable target.
fn target_gauges(service: &Service, buckets: Buckets) -> Option<TargetGauges> {
    let desired = match service.scheduling {
        Scheduling::Replica { desired_count } => desired_count,
        Scheduling::Daemon => 0,
    };
    Some(TargetGauges::new(service.auto_scaling.as_deref()?, desired, buckets))
}

/// Returns how many series that are.
fn scaling_series(service: &Service, buckets: Buckets) -> usize {
    let Some(mut target) = target_gauges(service, buckets) else { return 0 };
    let mut series = 0;
    target.each(&mut |_, _| series += 1);
    for policy in &mut target.policies {
        policy.each(&mut |_, _| series += 1);
    }
    series
}

/// Returns how many series the scaling policies of a group have.
fn group_series(group: &AutoScalingGroup, buckets: Buckets) -> usize {
    let Some(mut gauges) = GroupScalingGauges::new(group, buckets) else { return 0 };
    let mut series = 0;
    gauges.each(&mut |_, _| series += 1);
    for policy in &mut gauges.policies {
        policy.each(&mut |_, _| series += 1);
    }
    series
}

impl FleetState {
    fn new(model: &Model, fleet: &Fleet, buckets: Buckets) -> FleetState {
        // Of Managed Instances any type of many may be launched.
        let wants = |group| model.auto_scaling_groups[group].managed_instances.is_none();
        let largest = || {
            let mut most = Resources::ZERO;
            for class in fleet.classes.iter().map(|&class| model.classes[class].registered) {
                most.cpu_units = most.cpu_units.max(class.cpu_units);
                most.memory_mib = most.memory_mib.max(class.memory_mib);
                most.gpus = most.gpus.max(class.gpus);
            }
            most
        };
        FleetState {
            capacity: Capacity::new(buckets),
            instance: fleet.group.is_none_or(wants).then(largest),
            spot: buys_spot(model, fleet).then(|| Box::new(SpotGauges::new(buckets))),
            warm_pool: warm_pool_gauges(model, fleet, buckets).map(Box::new),
        }
    }
}

impl Recorder {
    /// Makes a recorder for a run that has not begun.
    pub fn new(model: &Model, options: RecorderOptions) -> Recorder {
        let buckets = options.buckets;
        let mut recorder = Recorder {
            options,
            window_from: None,
            not_steady: model.services.iter().map(|_| true).collect(),
            clusters: model.clusters.iter().map(|_| ClusterGauges::new(buckets)).collect(),
            fleets: model
                .fleets
                .iter()
                .map(|(_, it)| FleetState::new(model, it, buckets))
                .collect(),
            services: model.services.iter().map(|_| ServiceGauges::new(buckets)).collect(),
            traffic: model.services.iter().map(|_| None).collect(),
            submitters: model.submitters.iter().map(|_| SubmitterGauges::new(buckets)).collect(),
            providers: std::array::from_fn(|_| ProviderGauges::new(buckets)),
            managed_scaling: model
                .capacity_providers
                .iter()
                .map(|_| ManagedScalingGauges::new(buckets))
                .collect(),
            credits: model
                .fleets
                .iter()
                .map(|(_, fleet)| has_credits(model, fleet).then(|| CreditGauges::new(buckets)))
                .collect(),
            group_scaling: model
                .auto_scaling_groups
                .iter()
                .map(|(_, it)| GroupScalingGauges::new(it, buckets).map(Box::new))
                .collect(),
            scaled_groups: model
                .auto_scaling_groups
                .iter()
                .filter(|(_, it)| !it.policies.is_empty())
                .map(|(ix, _)| ix)
                .collect(),
            targets: model.services.iter().map(|(_, it)| target_gauges(it, buckets)).collect(),
            hosts: Vec::new(),
            smallest: SmallestAsks::by_class(model),
            daemons: Vec::new(),
            daemons_due: None,
            counts: Counts::new(model),
            whole_run: WholeRun {
                created: 0,
                stopped: 0,
                submitters: model.submitters.iter().map(|_| SubmitterRun::default()).collect(),
            },
        };
        for (ix, service) in model.services.iter() {
            match service.scheduling {
                Scheduling::Replica { desired_count } => {
                    recorder.services[ix].set_desired(SimTime::ZERO, desired_count);
                }
                Scheduling::Daemon => recorder.daemons.push(ix),
            }
        }
        let nothing_to_wait_for = match options.warm_up {
            WarmUp::Until(at) => at == SimTime::ZERO,
            WarmUp::Steady => model.services.is_empty(),
        };
        recorder.window_from = nothing_to_wait_for.then_some(SimTime::ZERO);
        recorder
    }

    /// Returns how many series a recording of the model has at most, for an estimate of its size:
    /// of clusters, fleets, services, submitters, providers, capacity providers, and scaling
    /// policies.
    pub fn series_counts(model: &Model) -> [usize; 7] {
        let buckets = Buckets::default();
        let count = |group: &mut dyn Group| {
            let mut gauges = 0;
            group.each(&mut |_, _| gauges += 1);
            gauges
        };
        [
            model.clusters.len() * count(&mut ClusterGauges::new(buckets)),
            model.fleets.len() * count(&mut Capacity::new(buckets))
                + model.fleets.iter().map(|(_, it)| pool_series(model, it, buckets)).sum::<usize>()
                + model.fleets.iter().filter(|(_, it)| has_credits(model, it)).count()
                    * count(&mut CreditGauges::new(buckets)),
            model.services.len() * count(&mut ServiceGauges::new(buckets))
                + model.services.iter().map(|(_, it)| scaling_series(it, buckets)).sum::<usize>(),
            model.submitters.len() * count(&mut SubmitterGauges::new(buckets)),
            Provider::ALL.len() * count(&mut ProviderGauges::new(buckets)),
            model.capacity_providers.len() * count(&mut ManagedScalingGauges::new(buckets)),
            model.auto_scaling_groups.iter().map(|(_, it)| group_series(it, buckets)).sum(),
        ]
    }

    /// Does what was due before `now`.
    fn catch_up(&mut self, now: Now) {
        if let Some(since) = self.daemons_due.filter(|since| now.at > *since) {
            self.count_daemons(since, now.world);
        }
        if let (None, WarmUp::Until(from)) = (self.window_from, self.options.warm_up)
            && now.at >= from
        {
            self.begin_window(from, now);
        }
        for &ix in &self.scaled_groups {
            if let Some(gauges) = &mut self.group_scaling[ix] {
                let group = &now.world.groups[ix];
                gauges.set(now.at, group.desired_capacity(), group.sizes());
            }
        }
    }

    /// Does what is due at the end of the run.
    pub(super) fn catch_up_at_end(&mut self, end: SimTime, world: &World, model: &Model) {
        if let Some(since) = self.daemons_due {
            self.count_daemons(since, world);
        }
        self.catch_up(Now { at: end, world, model });
        self.settle_credits(end);
        for ix in self.services.indices() {
            let served = world.station(ix).map(|it| it.0);
            if let (Some(served), Some(traffic)) = (served, self.traffic_of(ix, served)) {
                traffic.end(served);
            }
        }
        for ix in self.clusters.indices() {
            self.clusters[ix].capacity.note_extremes(end);
        }
        for ix in self.fleets.indices() {
            self.fleets[ix].capacity.note_extremes(end);
        }
    }

    /// Reads how many instances daemons want to be on: they learn of a new one without a fact.
    fn count_daemons(&mut self, at: SimTime, world: &World) {
        self.daemons_due = None;
        for &daemon in &self.daemons {
            self.services[daemon].set_desired(at, world.services[daemon].desired());
        }
    }

    /// The warm-up is over: what was before does not count.
    fn begin_window(&mut self, at: SimTime, now: Now) {
        self.window_from = Some(at);
        self.counts = Counts::new(now.model);
        self.settle_credits(at);
        for gauges in self.credits.indices().collect::<Vec<_>>() {
            let Some(gauges) = &mut self.credits[gauges] else { continue };
            gauges.totals = Totals::default();
            gauges.each(&mut |_, gauge| gauge.begin_window(at));
        }
        for ix in self.clusters.indices() {
            let cluster = &mut self.clusters[ix];
            cluster.capacity.forget_extremes(at);
            cluster.each(&mut |_, gauge| gauge.begin_window(at));
        }
        for ix in self.fleets.indices() {
            let capacity = &mut self.fleets[ix].capacity;
            capacity.forget_extremes(at);
            capacity.each(&mut |_, gauge| gauge.begin_window(at));
            if let Some(spot) = &mut self.fleets[ix].spot {
                spot.each(&mut |_, gauge| gauge.begin_window(at));
            }
            if let Some(warm_pool) = &mut self.fleets[ix].warm_pool {
                warm_pool.each(&mut |_, gauge| gauge.begin_window(at));
            }
        }
        for ix in self.services.indices() {
            self.services[ix].each(&mut |_, gauge| gauge.begin_window(at));
            let served = now.world.station(ix).map(|it| it.0);
            if let Some(traffic) = self.traffic_of(ix, served) {
                traffic.begin_window(at, served);
            }
        }
        for ix in self.submitters.indices() {
            self.submitters[ix].each(&mut |_, gauge| gauge.begin_window(at));
        }
        for provider in &mut self.providers {
            provider.each(&mut |_, gauge| gauge.begin_window(at));
        }
        for ix in self.targets.indices().collect::<Vec<_>>() {
            let Some(target) = &mut self.targets[ix] else { continue };
            target.counts = TargetCounts::default();
            target.each(&mut |_, gauge| gauge.begin_window(at));
            for policy in &mut target.policies {
                policy.each(&mut |_, gauge| gauge.begin_window(at));
            }
        }
        for ix in self.group_scaling.indices().collect::<Vec<_>>() {
            if let Some(gauges) = &mut self.group_scaling[ix] {
                gauges.begin_window(at);
            }
        }
        for ix in self.managed_scaling.indices() {
            self.managed_scaling[ix].each(&mut |_, gauge| gauge.begin_window(at));
        }
    }

    /// CPU credits of an instance are other than they would have become by themselves.
    fn credits_change(&mut self, now: Now, instance: Id<Instance>) {
        let Some(credits) = &now.world.cluster.instance(instance).credits else { return };
        let host = &mut self.hosts[instance.slot()];
        let account = *credits.account();
        let before = host.credits.replace(account);
        let host = *host;
        if let Some(gauges) = &mut self.credits[host.fleet] {
            gauges.change(now.at, before.as_ref(), &account);
        }
        let was = before.map_or(0, |it| it.withheld_cpu_units());
        let is = account.withheld_cpu_units();
        if was != is {
            self.fleets[host.fleet].capacity.withhold(now.at, was, is);
            self.clusters[host.cluster].capacity.withhold(now.at, was, is);
        }
    }

    /// Returns surplus CPU credits that instances of a fleet owe at the end.
    pub(super) fn owed_credits(&self, fleet: Ix<Fleet>) -> Credits {
        let hosts = self.hosts.iter().filter(|host| host.fleet == fleet);
        let owed = hosts.filter_map(|host| Some(host.credits?.surplus()));
        owed.fold(Credits::ZERO, |sum, it| sum + it)
    }

    /// Brings CPU credits up to date, which change without a fact.
    fn settle_credits(&mut self, at: SimTime) {
        for host in &mut self.hosts {
            let (Some(account), Some(gauges)) = (&mut host.credits, &mut self.credits[host.fleet])
            else {
                continue;
            };
            let now = account.at(at);
            gauges.change(at, Some(account), &now);
            *account = now;
        }
        for fleet in self.credits.indices().collect::<Vec<_>>() {
            if let Some(gauges) = &mut self.credits[fleet] {
                gauges.advance(at);
            }
        }
    }

    fn instance_is_launched(&mut self, now: Now, instance: Id<Instance>) {
        self.add_host(now, instance);
        self.stage(now.at, instance, Stage::Launching);
    }

    /// An instance drains, or is stopped or started in a warm pool.
    fn goes_on(&mut self, at: SimTime, instance: Id<Instance>, to: Stage) {
        self.stage(at, instance, to);
    }

    /// An instance goes on to another stage; returns the one before.
    fn stage(&mut self, at: SimTime, instance: Id<Instance>, to: Stage) -> Stage {
        let host = &mut self.hosts[instance.slot()];
        let from = std::mem::replace(&mut host.stage, to);
        let host = *host;
        for capacity in
            [&mut self.fleets[host.fleet].capacity, &mut self.clusters[host.cluster].capacity]
        {
            for (stage, gauge) in [
                (Stage::Launching, &mut capacity.launching),
                (Stage::Draining, &mut capacity.draining),
            ] {
                if from == stage {
                    gauge.subtract(at, 1);
                }
                if to == stage {
                    gauge.add(at, 1);
                }
            }
        }
        from
    }

    /// Spot capacity is at risk, has a notice, or goes.
    fn interruption(&mut self, now: Now, fact: &Fact, instance: Id<Instance>) {
        let host = &mut self.hosts[instance.slot()];
        let Some(gauges) = &mut self.fleets[host.fleet].spot else { return };
        let counts = &mut self.counts.fleets[host.fleet];
        if let Fact::SpotRebalanceRecommended { .. } = fact {
            counts.recommendations += 1;
            let is_new = !std::mem::replace(&mut host.is_recommended, true);
            gauges.recommended.add(now.at, is_new.into());
        } else if let Fact::SpotInterruptionNotice { .. } = fact {
            counts.notices += 1;
            let is_new = !std::mem::replace(&mut host.is_noticed, true);
            gauges.noticed.add(now.at, is_new.into());
        } else if let Fact::InstanceTerminated { reason, .. } = *fact {
            gauges.recommended.subtract(now.at, host.is_recommended.into());
            gauges.noticed.subtract(now.at, host.is_noticed.into());
            let is_reclaimed = reason == TerminationReason::SpotInterrupted;
            counts.interruptions += u64::from(is_reclaimed);
            gauges.reclaimed.add(now.at, is_reclaimed.into());
        }
    }

    /// An instance is somewhere else in its warm pool, or in none.
    fn warm_pool(&mut self, at: SimTime, instance: Id<Instance>, to: Option<Warmed>) {
        let host = &mut self.hosts[instance.slot()];
        let from = std::mem::replace(&mut host.warmed, to);
        if let Some(gauges) = &mut self.fleets[host.fleet].warm_pool {
            gauges.change(at, from, to);
        }
    }

    /// Knows an instance from now on, which has nothing on it.
    fn add_host(&mut self, now: Now, instance: Id<Instance>) {
        let class = now.world.cluster.instance(instance).class;
        let kind = &now.model.classes[class];
        let host = Host {
            class,
            fleet: kind.fleet,
            cluster: kind.cluster,
            tasks: 0,
            is_noticed: false,
            is_recommended: false,
            warmed: None,
            stranded: Resources::ZERO,
            stage: Stage::Gone,
            credits: None,
        };
        let slot = instance.slot();
        if self.hosts.len() <= slot {
            self.hosts.resize(slot + 1, host);
        }
        self.hosts[slot] = host;
    }

    /// Application Auto Scaling has seen or done something.
    fn scaling_goes_on(&mut self, at: SimTime, service: Ix<Service>, event: &ScalingEvent) {
        if let Some(target) = &mut self.targets[service] {
            target.note(at, event);
        }
    }

    fn managed_scaling_looks(&mut self, now: Now, fact: &Fact) {
        let Fact::ManagedScaling { provider, reservation, running, tasks, decision } = *fact else {
            return;
        };
        let gauges = &mut self.managed_scaling[provider];
        let (at, needed) = (now.at, u64::from(reservation.needed));
        if let Some(scaling) = &now.model.capacity_providers[provider].managed_scaling {
            let aim = (needed * 100).div_ceil(u64::from(scaling.target_capacity.max(1)));
            gauges.surplus.set(at, u64::from(running).saturating_sub(aim));
        }
        gauges.needed.set(at, needed);
        gauges.instances.set(at, running.into());
        gauges.waiting.set(at, tasks.into());
        gauges.reservation.set(at, reservation.as_percent_f64().round() as u64);
        self.counts.managed_scaling[provider].note(decision);
    }

    fn instance_comes(&mut self, now: Now, instance: Id<Instance>) {
        let is_known = self.hosts.get(instance.slot());
        // Instances of fixed fleets are there from the beginning.
        if is_known.is_none_or(|host| host.stage != Stage::Launching) {
            self.add_host(now, instance);
        }
        self.stage(now.at, instance, Stage::Active);
        let host = self.hosts[instance.slot()];
        let class = &now.model.classes[host.class];
        self.fleets[host.fleet].capacity.register(now.at, class);
        self.clusters[host.cluster].capacity.register(now.at, class);
        self.update_needed(now.at, host);
        self.update_stranded(now, instance);
        if !self.daemons.is_empty() {
            self.daemons_due = Some(now.at);
        }
    }

    fn instance_goes(&mut self, now: Now, instance: Id<Instance>) {
        if matches!(self.stage(now.at, instance, Stage::Gone), Stage::Launching | Stage::Stopped) {
            return; // it never registered
        }
        let host = &mut self.hosts[instance.slot()];
        let stranded = std::mem::replace(&mut host.stranded, Resources::ZERO);
        let (host, none) = (*host, Resources::ZERO);
        let class = &now.model.classes[host.class];
        for capacity in
            [&mut self.fleets[host.fleet].capacity, &mut self.clusters[host.cluster].capacity]
        {
            capacity.strand(now.at, &stranded, &none);
            capacity.deregister(now.at, class);
        }
        self.update_needed(now.at, host);
        if !self.daemons.is_empty() {
            self.daemons_due = Some(now.at);
        }
    }

    fn task_comes(&mut self, now: Now, task: &Task) {
        self.whole_run.created += 1;
        let cluster = now.model.launches[task.launch].cluster;
        self.clusters[cluster].tasks[task.last_status as usize].add(now.at, 1);
        let provider = &mut self.providers[task.provider as usize];
        provider.task(now.at, size(task, now.model), true);
        match task.owner {
            Owner::Service { service, .. } => self.services[service].task_comes(now.at),
            Owner::Submission { submitter, .. } => {
                let counts = &mut self.counts.submitters[submitter];
                counts.launched += 1;
            }
        }
        if !task.is_unplaced() {
            self.task_is_placed(now, task);
        }
    }

    /// A task has a place: it has waited long enough.
    fn task_is_placed(&mut self, now: Now, task: &Task) {
        if let Owner::Submission { submitter, .. } = task.owner {
            self.whole_run.submitters[submitter].alive += 1;
            let waited = now.at.since(task.times.wanted);
            self.counts.submitters[submitter].waiting.record(waited);
            self.waiting_changes(now, submitter, 1, false);
        }
        self.occupy(now, task, true);
        self.reserve(now, task, true);
    }

    fn task_moves(&mut self, now: Now, task: &Task, from: TaskStatus, to: TaskStatus) {
        let cluster = now.model.launches[task.launch].cluster;
        let by_status = &mut self.clusters[cluster].tasks;
        by_status[from as usize].subtract(now.at, 1);
        if let Some(gauge) = by_status.get_mut(to as usize) {
            gauge.add(now.at, 1);
        }
        let running = match task.owner {
            Owner::Service { service, .. } => &mut self.services[service].running,
            Owner::Submission { submitter, .. } => &mut self.submitters[submitter].running,
        };
        if from == TaskStatus::Running {
            running.subtract(now.at, 1);
        }
        if to == TaskStatus::Running {
            running.add(now.at, 1);
            self.counts.started += 1;
            self.counts.of(task.owner).started(&task.times);
        }
        if to == TaskStatus::Stopped {
            self.task_goes(now, task);
        }
    }

    fn task_goes(&mut self, now: Now, task: &Task) {
        self.whole_run.stopped += 1;
        if let Some(reason) = task.stop {
            *self.counts.stopped_by.entry(reason.code()).or_default() += 1;
            self.counts.of(task.owner).stopped(reason.code());
        }
        if let Owner::Submission { submitter, .. } = task.owner {
            let run = &mut self.whole_run.submitters[submitter];
            run.last_end = Some(now.at);
            if task.is_unplaced() {
                // Whoever drops work must not look better than whoever is late with it.
                let end = SimTime::ZERO + now.model.duration;
                let waited = end.max(now.at).since(task.times.wanted);
                self.counts.submitters[submitter].waiting.record(waited);
                self.waiting_changes(now, submitter, 1, false);
            } else {
                run.alive -= 1;
            }
        }
        self.is_lost(now, task);
        let provider = &mut self.providers[task.provider as usize];
        provider.task(now.at, size(task, now.model), false);
        self.occupy(now, task, false);
        if now.model.requirements[task.requirement].awsvpc
            && let Some(instance) = task.instance
        {
            self.update_stranded(now, instance); // its network interface is free again
        }
    }

    /// Counts a task that goes with its capacity, or before it.
    fn is_lost(&mut self, now: Now, task: &Task) {
        let is_gone = task.stop.is_some_and(|reason| match reason.code() {
            StopCode::InfrastructureHealth | StopCode::SpotInterruption => true,
            StopCode::TaskFailedToStart
            | StopCode::EssentialContainerExited
            | StopCode::ServiceSchedulerInitiated => false,
        });
        if let (true, Owner::Submission { submitter, .. }, Some(started)) =
            (is_gone, task.owner, task.times.started)
        {
            let counts = &mut self.counts.submitters[submitter];
            counts.lost_tasks += 1;
            counts.lost_work = counts.lost_work.saturating_add(now.at.since(started));
        }
        let Some(host) = task.instance.map(|it| self.hosts[it.slot()]) else { return };
        if host.is_noticed && !is_daemon(task, now.model) {
            let counts = &mut self.counts.fleets[host.fleet];
            *(if is_gone { &mut counts.killed_tasks } else { &mut counts.moved_tasks }) += 1;
        }
    }

    /// A task comes to its instance or goes: the instance may be empty no more, or again.
    fn occupy(&mut self, now: Now, task: &Task, comes: bool) {
        let Some(instance) = task.instance else { return };
        if is_daemon(task, now.model) {
            return;
        }
        let host = &mut self.hosts[instance.slot()];
        let was_empty = host.tasks == 0;
        if comes {
            host.tasks += 1;
        } else {
            host.tasks -= 1;
        }
        let is_empty = host.tasks == 0;
        if was_empty == is_empty {
            return;
        }
        let of_fleet = &mut self.fleets[host.fleet].capacity.empty;
        let of_cluster = &mut self.clusters[host.cluster].capacity.empty;
        for gauge in [of_fleet, of_cluster] {
            if is_empty {
                gauge.add(now.at, 1);
            } else {
                gauge.subtract(now.at, 1);
            }
        }
    }

    /// A task on an instance reserves what it needs, or gives it back.
    fn reserve(&mut self, now: Now, task: &Task, more: bool) {
        let Some(instance) = task.instance else { return };
        let host = self.hosts[instance.slot()];
        let resources = &now.model.requirements[task.requirement].resources;
        self.clusters[host.cluster].capacity.reserve(now.at, resources, more);
        self.fleets[host.fleet].capacity.reserve(now.at, resources, more);
        self.update_needed(now.at, host);
        self.update_stranded(now, instance);
    }

    /// What is reserved has changed, or what there is.
    fn update_needed(&mut self, at: SimTime, host: Host) {
        let fleet = &mut self.fleets[host.fleet];
        let cluster = &mut self.clusters[host.cluster].capacity;
        let before = fleet.capacity.needed.level();
        let needed = fleet.capacity.bound(fleet.instance.as_ref());
        fleet.capacity.needed.set(at, needed);
        cluster.needed.set(at, cluster.needed.level() - before + needed);
    }

    /// What is free of an instance may have changed: resources, ports, network interfaces.
    fn update_stranded(&mut self, now: Now, instance: Id<Instance>) {
        let host = &mut self.hosts[instance.slot()];
        let stranded = self.smallest[host.class].stranded(now.world.cluster.instance(instance));
        let before = std::mem::replace(&mut host.stranded, stranded);
        if stranded != before {
            self.fleets[host.fleet].capacity.strand(now.at, &before, &stranded);
            self.clusters[host.cluster].capacity.strand(now.at, &before, &stranded);
        }
    }

    /// A container's process begins or ends.
    fn container(&mut self, now: Now, task: &Task, container: u8, runs: bool) {
        let definition = &now.model.task_definitions[task.task_definition];
        let usage = definition.containers[container as usize].behaviour.usage;
        if let Some(service) = task.service() {
            let gauges = &mut self.services[service];
            gauges.usage.note(usage);
            if let Some(usage) = usage {
                gauges.use_resources(now.at, usage, runs);
            }
        }
        let Some(instance) = task.instance else { return };
        let host = self.hosts[instance.slot()];
        let of_fleet = &mut self.fleets[host.fleet].capacity;
        let of_cluster = &mut self.clusters[host.cluster].capacity;
        for capacity in [of_fleet, of_cluster] {
            capacity.usage.note(usage);
            if let Some(usage) = usage {
                capacity.use_resources(now.at, usage, runs);
            }
        }
    }

    /// A container begins to use more CPU, or ends to.
    fn start_up(&mut self, now: Now, task: &Task, (container, begins): (u8, bool)) {
        let definition = &now.model.task_definitions[task.task_definition];
        let start_up = definition.containers[container as usize].behaviour.start_up;
        let units = u64::from(start_up.map_or(0, |it| it.cpu_units));
        let (less, more) = ([0; 2], [units, 0]);
        let change = if begins { (less, more) } else { (more, less) };
        if let Some(service) = task.service() {
            self.services[service].change_use(now.at, change);
        }
        let Some(instance) = task.instance else { return };
        let host = self.hosts[instance.slot()];
        self.fleets[host.fleet].capacity.change_use(now.at, change);
        self.clusters[host.cluster].capacity.change_use(now.at, change);
    }

    /// Returns the gauges of requests, if any was told of or is simulated one by one.
    fn traffic_of(
        &mut self,
        service: Ix<Service>,
        served: Option<Served<'_>>,
    ) -> Option<&mut TrafficGauges> {
        let buckets = self.options.buckets;
        if served.is_some_and(|it| it.responses().is_some()) {
            self.traffic[service].get_or_insert_with(|| Box::new(TrafficGauges::new(buckets)));
        }
        self.traffic[service].as_deref_mut()
    }

    /// Other requests are under way, and use something else.
    fn requests_change(&mut self, now: Now, service: Ix<Service>) {
        let Some((station, level)) = now.world.station(service) else { return };
        let buckets = self.options.buckets;
        let traffic =
            self.traffic[service].get_or_insert_with(|| Box::new(TrafficGauges::new(buckets)));
        traffic.set(now.at, station, level);
        let definition = &now.model.task_definitions[now.model.services[service].task_definition];
        let each_kib = definition.serving.as_ref().map_or(0, |it| it.memory_kib);
        let mut used = std::mem::take(&mut traffic.used);
        let was: Vec<[u64; 2]> = used.iter().map(|it| it.1).collect();
        used.iter_mut().for_each(|it| it.1 = [0; 2]);
        for it in station.uses() {
            let cpu_units = (it.cpu * 1024.0).round() as u64;
            let memory_mib = (it.in_service * f64::from(each_kib) / 1024.0).round() as u64;
            match used.iter_mut().find(|(place, _)| *place == it.place) {
                Some((_, sum)) => *sum = [sum[0] + cpu_units, sum[1] + memory_mib],
                None => used.push((it.place, [cpu_units, memory_mib])),
            }
        }
        for (n, &(place, is)) in used.iter().enumerate() {
            let change = (was.get(n).copied().unwrap_or_default(), is);
            self.services[service].change_use(now.at, change);
            // Fargate is place 0, and fleets follow.
            let Some(fleet) = place.checked_sub(1) else { continue };
            let fleet = Ix::new(fleet as usize);
            self.fleets[fleet].capacity.change_use(now.at, change);
            let cluster = now.model.classes[now.model.fleets[fleet].classes[0]].cluster;
            self.clusters[cluster].capacity.change_use(now.at, change);
        }
        if let Some(traffic) = &mut self.traffic[service] {
            traffic.used = used;
        }
    }

    fn service_says(&mut self, now: Now, service: Ix<Service>, event: &ServiceEvent) {
        self.counts.services[service].events.note(event);
        match event {
            ServiceEvent::DesiredCount { to, .. } => {
                self.services[service].set_desired(now.at, *to);
                if let Some(target) = &mut self.targets[service] {
                    target.set_desired(now.at, *to);
                }
            }
            ServiceEvent::UnableToPlace { failure, .. } => self.counts.refused(failure),
            ServiceEvent::SteadyState => {
                self.not_steady[service] = false;
                let warm = !self.not_steady.iter().any(|(_, not_yet)| *not_yet);
                if warm && self.window_from.is_none() && self.options.warm_up == WarmUp::Steady {
                    self.begin_window(now.at, now);
                }
            }
            ServiceEvent::StartedTasks { .. }
            | ServiceEvent::StoppedTasks { .. }
            | ServiceEvent::StoppedPendingTasks { .. }
            | ServiceEvent::RegisteredTargets { .. }
            | ServiceEvent::DeregisteredTargets { .. }
            | ServiceEvent::DrainingConnections { .. }
            | ServiceEvent::StartImpaired { .. }
            | ServiceEvent::Throttled
            | ServiceEvent::NotAzBalanced { .. }
            | ServiceEvent::AzBalanced { .. }
            | ServiceEvent::StartedToRebalance { .. }
            | ServiceEvent::StoppedToRebalance { .. }
            | ServiceEvent::UnableToRebalance { .. }
            | ServiceEvent::RebalancingStopped
            | ServiceEvent::TargetUnhealthy { .. } => {}
        }
    }

    fn submitted(&mut self, now: Now, submitter: Ix<Submitter>, count: u32) {
        self.whole_run.submitters[submitter].first_arrival.get_or_insert(now.at);
        let counts = &mut self.counts.submitters[submitter];
        counts.submissions += 1;
        counts.submitted += u64::from(count);
        self.waiting_changes(now, submitter, count, true);
    }

    /// A task of a service is healthy, or is no more, or fails without anybody having noticed.
    fn health_changes(&mut self, now: Now, fact: &Fact) {
        let (Fact::TaskHealthy { task }
        | Fact::TaskStopRequested { task, .. }
        | Fact::TaskReach { task, .. }
        | Fact::TaskUnhealthy { task }) = *fact
        else {
            return;
        };
        let task = &now.world.tasks[task];
        if matches!(fact, Fact::TaskHealthy { .. }) && task.times.healthy == Some(now.at) {
            self.counts.of(task.owner).healthy(&task.times);
        }
        let Some(ix) = task.service() else { return };
        let (at, service) = (now.at, &mut self.services[ix]);
        if let Fact::TaskHealthy { .. } = fact {
            service.task_is_healthy(at, task.works);
        } else if let Fact::TaskStopRequested { .. } = fact {
            service.task_is_to_stop(at, (task.healthy, task.works));
        } else if let Fact::TaskUnhealthy { .. } = fact {
            service.task_is_unhealthy(at, task.works);
        } else if let Fact::TaskReach { works, .. } = *fact
            && task.stop.is_none()
        {
            service.task_works(at, (task.healthy, works));
        }
        // Its healthy tasks count for whoever it stands in for, too.
        let working = service.working();
        for (_, fallback) in now.model.fallbacks.iter().filter(|(_, it)| it.standby == ix) {
            self.services[fallback.service].stand_in(at, working);
        }
    }

    /// Tasks of a row are given up.
    fn given_up(&mut self, now: Now, submitter: Ix<Submitter>, (row, missing): (u32, u32)) {
        let counts = &mut self.counts.submitters[submitter];
        counts.given_up += u64::from(missing);
        // Whoever drops work must not look better than whoever is late with it.
        let end = SimTime::ZERO + now.model.duration;
        let arrived = match &now.model.submitters[submitter].source {
            Source::Trace(trace) => trace.arrival[row as usize],
            Source::Schedule { .. } => now.at, // but for what rates held it back
        };
        counts.waiting.record_times(end.max(now.at).since(arrived), missing);
        self.waiting_changes(now, submitter, missing, false);
    }

    fn waiting_changes(&mut self, now: Now, submitter: Ix<Submitter>, count: u32, more: bool) {
        let cluster = now.model.launches[now.model.submitters[submitter].launch].cluster;
        let of_submitter = &mut self.submitters[submitter].waiting;
        let of_cluster = &mut self.clusters[cluster].waiting;
        for gauge in [of_submitter, of_cluster] {
            if more {
                gauge.add(now.at, count.into());
            } else {
                gauge.subtract(now.at, count.into());
            }
        }
    }
}

/// Says whether instances of a fleet have CPU credits.
fn has_credits(model: &Model, fleet: &Fleet) -> bool {
    fleet.classes.iter().any(|&class| model.classes[class].cpu_credits.is_some())
}

/// Says whether a fleet buys Spot capacity.
fn buys_spot(model: &Model, fleet: &Fleet) -> bool {
    fleet.classes.iter().any(|&class| model.classes[class].spot.is_some())
}

/// Returns what is kept of the warm pool of a fleet, if it has one.
fn warm_pool_gauges(model: &Model, fleet: &Fleet, buckets: Buckets) -> Option<WarmPoolGauges> {
    let pool = model.auto_scaling_groups[fleet.group?].warm_pool?;
    Some(WarmPoolGauges::new(pool.state, buckets))
}

/// Returns how many series of interruptions and of a warm pool a fleet has.
fn pool_series(model: &Model, fleet: &Fleet, buckets: Buckets) -> usize {
    let mut series = 0;
    if buys_spot(model, fleet) {
        SpotGauges::new(buckets).each(&mut |_, _| series += 1);
    }
    if let Some(mut gauges) = warm_pool_gauges(model, fleet, buckets) {
        gauges.each(&mut |_, _| series += 1);
    }
    series
}

/// Returns the CPU units and the MiB of a task, wherever it runs.
fn size(task: &Task, model: &Model) -> (u32, u32) {
    match task.fargate() {
        Some(size) => (size.cpu_units, size.memory_mib),
        None => {
            let reserved = model.requirements[task.requirement].resources;
            (reserved.cpu_units, reserved.memory_mib)
        }
    }
}

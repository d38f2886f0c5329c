//! What a recorder leaves: series and a summary, plain data without references.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::ecs::model::{
    AutoScalingGroup, CapacityProvider, ClusterSpec, Fleet, Model, Provider, Service, Submitter,
};
use crate::ecs::{StopCode, TaskStatus};
use crate::engine::{Ix, Table, Tally};
use crate::units::{Resources, SimTime, Span};

use super::fingerprint::Fingerprint;
use super::group_scaling::GroupPolicySummary;
use super::histogram::Quantiles;
use super::scaling::AutoScalingSummary;

/// What a run left.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The end of the run, or of what there is of it.
    pub end: SimTime,
    /// What the summary and the windows of series are about.
    pub window: Window,
    /// Events handled.
    pub events: u64,
    /// Why the run is not complete; `None`: it is.
    pub partial: Option<String>,
    /// Equal for equal runs, if it was taken.
    pub fingerprint: Option<Fingerprint>,
    /// Series: clusters, fleets, services, submitters, providers, capacity providers, scaling
    /// policies of groups, scalable targets and their policies; each in the order of the model.
    pub series: Vec<Series>,
    /// Figures of the window.
    pub summary: Summary,
}

/// The stretch of time that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its beginning: the end of the warm-up.
    pub from: SimTime,
    /// Its end: that of the run.
    pub to: SimTime,
    /// Whether the warm-up came to its end; if not, the window is the whole run.
    pub warmed_up: bool,
}

/// A level over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Of what.
    pub scope: Scope,
    /// Which level.
    pub metric: Metric,
    /// The width of a bucket; the last one may be shorter, see its span.
    pub width: Span,
    /// Gapless from the beginning of the run, warm-up included; exact and time-weighted.
    pub buckets: Vec<Tally>,
    /// The same over the window.
    pub window: Tally,
}

/// What a series is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The container instances and tasks of a cluster.
    Cluster(Ix<ClusterSpec>),
    /// The instances of a fleet.
    Fleet(Ix<Fleet>),
    /// A service.
    Service(Ix<Service>),
    /// A job trace or a schedule.
    Submitter(Ix<Submitter>),
    /// All tasks of a provider.
    Provider(Provider),
    /// What managed scaling of a capacity provider sees, minute by minute.
    CapacityProvider(Ix<CapacityProvider>),
    /// What a scaling policy of a group sees, by its position there.
    ScalingPolicy(Ix<AutoScalingGroup>, u16),
    /// A service as a scalable target.
    ScalableTarget(Ix<Service>),
    /// What a scaling policy of a service sees, by its position there.
    ServicePolicy(Ix<Service>, u16),
}

/// Which level a series shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// CPU units of the instances.
    RegisteredCpu,
    /// MiB of the instances.
    RegisteredMemory,
    /// GPUs of the instances.
    RegisteredGpus,
    /// CPU units reserved by tasks, by the scheduler's ledger.
    ///
    /// Reserved ÷ registered is `CPUReservation` (ECS Developer Guide, CloudWatch metrics).
    ReservedCpu,
    /// MiB reserved by tasks.
    ReservedMemory,
    /// GPUs reserved by tasks.
    ReservedGpus,
    /// CPU units in use by containers that say what they use.
    UsedCpu,
    /// MiB in use by containers that say what they use.
    UsedMemory,
    /// CPU units free where no task of the run would fit.
    StrandedCpu,
    /// MiB free where no task of the run would fit.
    StrandedMemory,
    /// GPUs free where no task of the run would fit.
    StrandedGpus,
    /// Container instances.
    Instances,
    /// Instances without a task, daemons apart.
    EmptyInstances,
    /// Instances that what is reserved would fill, if it could be cut at will.
    NeededInstances,
    /// Instances that are launched and not ACTIVE yet.
    LaunchingInstances,
    /// Instances that are DRAINING.
    DrainingInstances,
    /// Of the instances, those bought as Spot.
    SpotInstances,
    /// Instances with a rebalance recommendation.
    RecommendedInstances,
    /// Instances with an interruption notice.
    NoticedInstances,
    /// Instances that EC2 has reclaimed since the run began.
    ReclaimedInstances,
    /// Instances on their way into a warm pool: `Warmed:Pending`.
    WarmedPendingInstances,
    /// Instances that wait in a warm pool and run: `Warmed:Running`.
    WarmedRunningInstances,
    /// Instances that wait in a warm pool and are stopped: `Warmed:Stopped`.
    WarmedStoppedInstances,
    /// Instances that wait in a warm pool and are hibernated: `Warmed:Hibernated`.
    WarmedHibernatedInstances,
    /// The desired capacity of a group with scaling policies.
    DesiredCapacity,
    /// The minimum size of a group with scaling policies.
    MinSize,
    /// The maximum size of a group with scaling policies.
    MaxSize,
    /// Instances beyond what managed scaling aims at: M ÷ target capacity, rounded up.
    SurplusInstances,
    /// CPUCreditBalance, of all instances together, rounded.
    CpuCreditBalance,
    /// CPUSurplusCreditBalance, of all instances together, rounded.
    CpuSurplusCreditBalance,
    /// Instances without CPU credits that are held to their baseline.
    ThrottledInstances,
    /// CPU units that containers ask for and do not get: their instances are held to the baseline.
    ThrottledCpu,
    /// Tasks by `lastStatus`.
    Tasks(TaskStatus),
    /// Tasks submitted and not placed; of a capacity provider, those in PROVISIONING.
    WaitingTasks,
    /// CapacityProviderReservation, rounded.
    CapacityProviderReservation,
    /// What a scaling policy watches, rounded, from when it is published.
    ScalingMetric,
    /// Requests that arrive.
    RequestArrivals,
    /// Requests that are answered.
    RequestsServed,
    /// Requests that are refused, since tasks are full.
    RequestsRejected,
    /// Requests that find no task.
    RequestsWithoutTarget,
    /// Requests that are sent to tasks whose host has failed.
    RequestsUnreachable,
    /// Requests that are there.
    RequestsInSystem,
    /// How long a request takes that is admitted at the time.
    RequestLatency,
    /// What a scaling policy of a service watches, rounded, in the unit of that.
    WatchedMetric,
    /// Whether the alarm of a policy is in ALARM, of target tracking that for scaling out.
    InAlarm,
    /// Whether the alarm of target tracking for scaling in is in ALARM.
    InLowAlarm,
    /// Tasks that are forecast for this hour.
    ForecastTasks,
    /// `MinCapacity`.
    MinCapacity,
    /// `MaxCapacity`.
    MaxCapacity,
    /// Whether `MinCapacity` is desired, or less.
    AtMinCapacity,
    /// Whether `MaxCapacity` is desired, or more.
    AtMaxCapacity,
    /// The desired count.
    DesiredCount,
    /// Tasks with `desiredStatus` RUNNING.
    ActiveTasks,
    /// Tasks that are RUNNING.
    RunningTasks,
    /// Tasks with `desiredStatus` RUNNING that are healthy.
    HealthyTasks,
    /// Tasks that count as healthy, and whose host has failed: nobody has noticed yet.
    UnreachableTasks,
    /// The lesser of desired and of healthy ones whose host works.
    AvailableTasks,
    /// Tasks that are not STOPPED.
    AliveTasks,
    /// CPU units of tasks that are not STOPPED; on Fargate those of their sizes.
    AliveCpu,
    /// MiB of tasks that are not STOPPED; on Fargate those of their sizes.
    AliveMemory,
}

/// Figures of the window; what is about the whole run says so.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Tasks, all together.
    pub tasks: TaskTotals,
    /// Each cluster.
    pub clusters: Table<ClusterSummary, ClusterSpec>,
    /// Each fleet.
    pub fleets: Table<CapacitySummary, Fleet>,
    /// What became of the launches of each fleet.
    pub launches: Table<LaunchCounts, Fleet>,
    /// CPU credits of each fleet; `None`: none of its types has any.
    pub cpu_credits: Table<Option<CreditSummary>, Fleet>,
    /// Each service.
    pub services: Table<ServiceSummary, Service>,
    /// Application Auto Scaling of each service; `None`: it has none.
    pub auto_scaling: Table<Option<AutoScalingSummary>, Service>,
    /// Each submitter.
    pub submitters: Table<SubmitterSummary, Submitter>,
    /// Tasks by provider, in the order of [`Provider::ALL`].
    pub providers: [ProviderSummary; Provider::ALL.len()],
    /// Scaling policies of each group, by position.
    pub group_scaling: Table<Vec<GroupPolicySummary>, AutoScalingGroup>,
    /// Managed scaling of each capacity provider.
    pub capacity_providers: Table<ManagedScalingSummary, CapacityProvider>,
    /// Times that no room was found, by failure code: each RunTask call that failed, and each time
    /// a service said so (which it does once in six hours for a cause that lasts).
    pub placement_failures: BTreeMap<&'static str, u64>,
}

/// Launches and interruptions of a fleet's instances in the window, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaunchCounts {
    /// Rebalance recommendations.
    pub recommendations: u64,
    /// Interruption notices.
    pub notices: u64,
    /// Instances that EC2 reclaimed.
    pub interruptions: u64,
    /// Tasks on instances with a notice that were gone before the instance was, daemons' apart.
    pub moved_tasks: u64,
    /// Those that went with it.
    pub killed_tasks: u64,
    /// Launches that failed.
    pub failures: u64,
}

/// Tasks, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskTotals {
    /// Created in the whole run; the sum of the next two.
    pub created: u64,
    /// STOPPED in the whole run.
    pub stopped: u64,
    /// Not STOPPED at the end.
    pub alive: u64,
    /// Became RUNNING in the window.
    pub started: u64,
    /// Reached STOPPED in the window, by stop code.
    pub stopped_by: BTreeMap<StopCode, u64>,
    /// Containers started again in place in the window.
    pub container_restarts: u64,
}

/// A level over the window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Range {
    /// The least.
    pub min: u64,
    /// The time-weighted mean.
    pub mean: f64,
    /// The greatest.
    pub max: u64,
}

/// A share of a whole over the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// The least at any time.
    pub min: f64,
    /// ∫ part ÷ ∫ whole.
    pub mean: f64,
    /// The greatest at any time.
    pub max: f64,
}

/// Something for each resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerResource<T> {
    /// CPU.
    pub cpu: T,
    /// Memory.
    pub memory: T,
    /// GPUs.
    pub gpus: T,
}

/// How many of the containers that ran say what they use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UsageGiven {
    /// None: usage is not given.
    #[default]
    Nothing,
    /// Some: what is used is more than what is shown.
    Partly,
    /// All.
    Fully,
}

/// Container instances over the window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CapacitySummary {
    /// How many there were.
    pub instances: Range,
    /// ∫ instances, in hours.
    pub instance_hours: f64,
    /// ∫ instances without a task (daemons apart), in hours.
    pub empty_instance_hours: f64,
    /// ∫ instances that are DRAINING, in hours.
    pub draining_instance_hours: f64,
    /// ∫ instances that what is reserved would fill ÷ ∫ instances with tasks; `None`: no tasks.
    ///
    /// The lower bound is, for each fleet, the largest over resources of reserved ÷ what an
    /// instance has, rounded up.
    pub packing_efficiency: Option<f64>,
    /// Reserved ÷ registered; `None`: the instances have none of it.
    pub reserved: PerResource<Option<Ratio>>,
    /// Used ÷ registered; `None`: not given, and for GPUs never.
    pub used: PerResource<Option<Ratio>>,
    /// Whether `used` is all that is used.
    pub usage_given: UsageGiven,
    /// ∫ free where no task of the run would fit ÷ ∫ registered.
    pub stranded: PerResource<Option<f64>>,
    /// What is free at the end on the instance with most free, a vCPU counting as 9 GB.
    pub largest_task: Option<Resources>,
}

/// A cluster over the window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterSummary {
    /// Its container instances.
    pub capacity: CapacitySummary,
    /// Tasks submitted and not launched.
    pub waiting_tasks: Range,
}

/// How long tasks took to get where they are wanted.
///
/// The population of all but `health` is the tasks that became RUNNING in the window, tasks that
/// ran when the run began apart; of `health`, those of them that became healthy in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// From being wanted (a submission's arrival) to existing.
    pub waiting: Quantiles,
    /// From existing to the first pull: network interface, the agent, Fargate finding room.
    pub provision: Quantiles,
    /// Image pulls, and what starts between them.
    pub pull: Quantiles,
    /// From the last pull to RUNNING.
    pub start: Quantiles,
    /// From being wanted to RUNNING: the four together.
    pub total: Quantiles,
    /// From RUNNING to healthy.
    pub health: Quantiles,
}

/// A service over the window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceSummary {
    /// The desired count.
    pub desired: Range,
    /// Tasks that are RUNNING.
    pub running: Range,
    /// Healthy tasks.
    pub healthy: Range,
    /// ∫ min(healthy, desired) ÷ ∫ desired; `None`: none were desired.
    pub availability: Option<f64>,
    /// Became RUNNING.
    pub started: u64,
    /// Reached STOPPED, by stop code.
    pub stopped_by: BTreeMap<StopCode, u64>,
    /// How long tasks took.
    pub pending: Pending,
    /// What it said, counted.
    pub events: ServiceEvents,
    /// CPU in use ÷ what its RUNNING tasks reserve; `None`: usage is not given, or none reserved.
    pub cpu_utilization: Option<f64>,
    /// Memory in use ÷ what its RUNNING tasks reserve.
    pub memory_utilization: Option<f64>,
    /// Whether those two are about all containers.
    pub usage_given: UsageGiven,
    /// What became of requests; `None`: none are sent to it.
    pub requests: Option<RequestSummary>,
}

/// The requests of a service over the window; as a fluid, so in parts as well.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RequestSummary {
    /// Arrived.
    pub arrived: f64,
    /// Answered.
    pub served: f64,
    /// Refused, since tasks were full.
    pub rejected: f64,
    /// Found no task.
    pub without_target: f64,
    /// Sent to tasks whose host had failed.
    pub unreachable: f64,
    /// Lost with tasks that died.
    pub lost: f64,
    /// Requests that arrived, in millionths a second.
    pub arrivals: Range,
    /// How long those admitted took, on average, in seconds; `None`: none were.
    pub latency_mean: Option<f64>,
    /// The longest that those admitted at any time took, on average, in seconds.
    pub latency_worst: f64,
    /// What only requests that are simulated one by one tell.
    pub single: Option<SingleRequests>,
}

/// What requests that are simulated one by one tell beside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SingleRequests {
    /// What the shares 50 %, 95 %, 99 % and 99.9 % of those served did not exceed, within 0.4 %;
    /// `None`: none were.
    pub latency: [Option<Span>; 4],
    /// Attempts that took longer than their client waits.
    pub timed_out: u64,
    /// Attempts after the first.
    pub retried: u64,
    /// Requests that got no answer at all, not even in the last attempt.
    pub gave_up: u64,
}

/// Service events by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServiceEvents {
    /// `has started N tasks`.
    pub started_tasks: u64,
    /// `has stopped N running tasks`.
    pub stopped_tasks: u64,
    /// `has reached a steady state`.
    pub steady_state: u64,
    /// `was unable to place a task`.
    pub unable_to_place: u64,
    /// `is unable to consistently start tasks successfully`.
    pub start_impaired: u64,
    /// `operations are being throttled`.
    pub throttled: u64,
    /// The desired count changed.
    pub desired_count: u64,
}

/// A submitter over the window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SubmitterSummary {
    /// Submissions: rows of the trace, or firings.
    pub submissions: u64,
    /// Tasks in them.
    pub submitted: u64,
    /// Tasks created.
    pub launched: u64,
    /// RunTask calls that found no room for a task.
    pub failed_calls: u64,
    /// Tasks given up.
    pub given_up: u64,
    /// Became RUNNING.
    pub started: u64,
    /// Reached STOPPED, by stop code.
    pub stopped_by: BTreeMap<StopCode, u64>,
    /// From arrival to existing: of the tasks created in the window; of those that wait at its
    /// end, until then; of those given up in it, until the end of the run.
    pub waiting: Quantiles,
    /// How long tasks took.
    pub pending: Pending,
    /// Tasks submitted and not launched.
    pub waiting_tasks: Range,
    /// Tasks that are RUNNING.
    pub running: Range,
    /// From the first arrival to the last task's end, in the whole run; `None`: none has ended.
    pub makespan: Option<Span>,
    /// Tasks that wait or are not STOPPED at the end; if there are any, the makespan goes on.
    pub unfinished: u64,
    /// Tasks that ran and were taken away with their capacity.
    pub lost_tasks: u64,
    /// For how long those had run.
    pub lost_work: Span,
}

/// Tasks of a provider over the window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProviderSummary {
    /// Tasks that are not STOPPED.
    pub tasks: Range,
    /// Their CPU units.
    pub cpu_units: Range,
}

/// What managed scaling of a capacity provider did in the window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ManagedScalingSummary {
    /// CapacityProviderReservation in percent.
    pub reservation: Range,
    /// Tasks that waited in PROVISIONING, as seen once a minute.
    pub waiting_tasks: Range,
    /// Steps out.
    pub scale_outs: u64,
    /// Steps in.
    pub scale_ins: u64,
    /// Minutes in which the group's maximum size kept it from growing.
    pub minutes_at_maximum: u64,
    /// ∫ instances beyond M ÷ target capacity, in hours: those that wait for a step in, or for
    /// tasks to end.
    pub surplus_instance_hours: f64,
}

/// CPU credits of the instances of a fleet over the window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CreditSummary {
    /// Credits that they had together.
    pub balance: Range,
    /// Surplus credits that they had spent and not paid down, together.
    pub surplus: Range,
    /// Credits earned.
    pub earned: f64,
    /// Credits spent, by all CPU that was used.
    pub spent: f64,
    /// Credits earned above the limit, or lost with their instances.
    pub discarded: f64,
    /// Surplus credits charged.
    pub charged: f64,
    /// Surplus credits owed at the end, which are charged when the instances end.
    pub owed: f64,
    /// ∫ instances that were held to their baseline, in hours.
    pub throttled_hours: f64,
    /// vCPU-hours that were asked for and not got.
    pub withheld_vcpu_hours: f64,
}

impl RequestSummary {
    /// Returns how many were not answered, and will not be.
    pub fn failed(&self) -> f64 {
        self.rejected + self.without_target + self.unreachable + self.lost
    }

    /// Returns the share of those that arrived that did not fail; `None`: none arrived.
    pub fn success(&self) -> Option<f64> {
        (self.arrived > 0.0).then(|| (1.0 - self.failed() / self.arrived).max(0.0))
    }
}

impl Recording {
    /// Returns a series, unless it was never anything but zero or does not exist.
    pub fn find(&self, scope: Scope, metric: Metric) -> Option<&Series> {
        self.series.iter().find(|series| series.scope == scope && series.metric == metric)
    }
}

impl Scope {
    /// Returns the kind of thing, as files name it.
    pub const fn kind(self) -> &'static str {
        match self {
            Scope::Cluster(_) => "cluster",
            Scope::Fleet(_) => "fleet",
            Scope::Service(_) => "service",
            Scope::Submitter(_) => "submitter",
            Scope::Provider(_) => "provider",
            Scope::CapacityProvider(_) => "capacity_provider",
            Scope::ScalingPolicy(..) => "scaling_policy",
            Scope::ScalableTarget(_) => "scalable_target",
            Scope::ServicePolicy(..) => "service_policy",
        }
    }

    /// Returns the name of the thing; of a policy with that of its group.
    pub fn name(self, model: &Model) -> Cow<'_, str> {
        if let Scope::ScalingPolicy(group, position) = self {
            let group = &model.auto_scaling_groups[group];
            let policy = group.policies.get(usize::from(position));
            let policy = policy.map_or("", |it| it.name.as_str());
            return format!("{}.{policy}", group.name).into();
        }
        if let Scope::ServicePolicy(service, position) = self {
            let service = &model.services[service];
            let policies = service.auto_scaling.as_ref().map(|it| &it.policies);
            let policy = policies.and_then(|it| it.get(usize::from(position)));
            let policy = policy.map_or("", |it| it.name.as_str());
            return format!("{}.{policy}", service.name).into();
        }
        let name = match self {
            Scope::Cluster(cluster) => &model.clusters[cluster].name,
            Scope::Fleet(fleet) => &model.fleets[fleet].name,
            Scope::Service(service) | Scope::ScalableTarget(service) => {
                &model.services[service].name
            }
            Scope::Submitter(submitter) => &model.submitters[submitter].name,
            Scope::CapacityProvider(ix) => &model.capacity_providers[ix].name,
            Scope::Provider(provider) => match provider {
                Provider::Ec2 => "EC2",
                Provider::External => "EXTERNAL",
                Provider::Fargate => "FARGATE",
                Provider::FargateSpot => "FARGATE_SPOT",
            },
            Scope::ScalingPolicy(..) | Scope::ServicePolicy(..) => "",
        };
        name.into()
    }
}

impl Metric {
    /// Returns the name, as files have it.
    pub const fn name(self) -> &'static str {
        match self {
            Metric::RegisteredCpu => "registered_cpu",
            Metric::RegisteredMemory => "registered_memory",
            Metric::RegisteredGpus => "registered_gpus",
            Metric::ReservedCpu => "reserved_cpu",
            Metric::ReservedMemory => "reserved_memory",
            Metric::ReservedGpus => "reserved_gpus",
            Metric::UsedCpu => "used_cpu",
            Metric::UsedMemory => "used_memory",
            Metric::StrandedCpu => "stranded_cpu",
            Metric::StrandedMemory => "stranded_memory",
            Metric::StrandedGpus => "stranded_gpus",
            Metric::Instances => "instances",
            Metric::EmptyInstances => "empty_instances",
            Metric::NeededInstances => "needed_instances",
            Metric::LaunchingInstances => "launching_instances",
            Metric::DrainingInstances => "draining_instances",
            Metric::SpotInstances => "spot_instances",
            Metric::RecommendedInstances => "recommended_instances",
            Metric::NoticedInstances => "noticed_instances",
            Metric::ReclaimedInstances => "reclaimed_instances",
            Metric::WarmedPendingInstances => "warmed_pending_instances",
            Metric::WarmedRunningInstances => "warmed_running_instances",
            Metric::WarmedStoppedInstances => "warmed_stopped_instances",
            Metric::WarmedHibernatedInstances => "warmed_hibernated_instances",
            Metric::DesiredCapacity => "desired_capacity",
            Metric::MinSize => "min_size",
            Metric::MaxSize => "max_size",
            Metric::SurplusInstances => "surplus_instances",
            Metric::CpuCreditBalance => "cpu_credit_balance",
            Metric::CpuSurplusCreditBalance => "cpu_surplus_credit_balance",
            Metric::ThrottledInstances => "throttled_instances",
            Metric::ThrottledCpu => "throttled_cpu",
            Metric::Tasks(status) => Metric::of_tasks(status),
            Metric::WaitingTasks => "waiting_tasks",
            Metric::CapacityProviderReservation => "capacity_provider_reservation",
            Metric::ScalingMetric => "scaling_metric",
            Metric::RequestArrivals => "request_arrivals",
            Metric::RequestsServed => "requests_served",
            Metric::RequestsRejected => "requests_rejected",
            Metric::RequestsWithoutTarget => "requests_without_target",
            Metric::RequestsUnreachable => "requests_unreachable",
            Metric::RequestsInSystem => "requests_in_system",
            Metric::RequestLatency => "request_latency",
            Metric::WatchedMetric => "watched_metric",
            Metric::InAlarm => "in_alarm",
            Metric::InLowAlarm => "in_low_alarm",
            Metric::ForecastTasks => "forecast_tasks",
            Metric::MinCapacity => "min_capacity",
            Metric::MaxCapacity => "max_capacity",
            Metric::AtMinCapacity => "at_min_capacity",
            Metric::AtMaxCapacity => "at_max_capacity",
            Metric::DesiredCount => "desired_count",
            Metric::ActiveTasks => "active_tasks",
            Metric::RunningTasks => "running_tasks",
            Metric::HealthyTasks => "healthy_tasks",
            Metric::UnreachableTasks => "unreachable_tasks",
            Metric::AvailableTasks => "available_tasks",
            Metric::AliveTasks => "alive_tasks",
            Metric::AliveCpu => "alive_cpu",
            Metric::AliveMemory => "alive_memory",
        }
    }

    const fn of_tasks(status: TaskStatus) -> &'static str {
        match status {
            TaskStatus::Provisioning => "tasks_provisioning",
            TaskStatus::Pending => "tasks_pending",
            TaskStatus::Activating => "tasks_activating",
            TaskStatus::Running => "tasks_running",
            TaskStatus::Deactivating => "tasks_deactivating",
            TaskStatus::Stopping => "tasks_stopping",
            TaskStatus::Deprovisioning => "tasks_deprovisioning",
            TaskStatus::Stopped => "tasks_stopped",
        }
    }

    /// Returns the unit.
    pub const fn unit(self) -> &'static str {
        match self {
            Metric::RegisteredCpu
            | Metric::ReservedCpu
            | Metric::UsedCpu
            | Metric::StrandedCpu
            | Metric::ThrottledCpu
            | Metric::AliveCpu => "CPU units",
            Metric::RegisteredMemory
            | Metric::ReservedMemory
            | Metric::UsedMemory
            | Metric::StrandedMemory
            | Metric::AliveMemory => "MiB",
            Metric::RegisteredGpus | Metric::ReservedGpus | Metric::StrandedGpus => "GPUs",
            Metric::Instances
            | Metric::EmptyInstances
            | Metric::NeededInstances
            | Metric::LaunchingInstances
            | Metric::DrainingInstances
            | Metric::SpotInstances
            | Metric::DesiredCapacity
            | Metric::MinSize
            | Metric::MaxSize
            | Metric::RecommendedInstances
            | Metric::NoticedInstances
            | Metric::ReclaimedInstances
            | Metric::WarmedPendingInstances
            | Metric::WarmedRunningInstances
            | Metric::WarmedStoppedInstances
            | Metric::WarmedHibernatedInstances
            | Metric::SurplusInstances
            | Metric::ThrottledInstances => "instances",
            Metric::CpuCreditBalance | Metric::CpuSurplusCreditBalance => "CPU credits",
            Metric::CapacityProviderReservation | Metric::ScalingMetric => "%",
            Metric::RequestArrivals
            | Metric::RequestsServed
            | Metric::RequestsRejected
            | Metric::RequestsWithoutTarget
            | Metric::RequestsUnreachable => "requests/s",
            Metric::RequestsInSystem => "requests",
            Metric::RequestLatency => "s",
            Metric::WatchedMetric
            | Metric::InAlarm
            | Metric::InLowAlarm
            | Metric::AtMinCapacity
            | Metric::AtMaxCapacity => "",
            Metric::Tasks(_)
            | Metric::ForecastTasks
            | Metric::MinCapacity
            | Metric::MaxCapacity
            | Metric::WaitingTasks
            | Metric::DesiredCount
            | Metric::ActiveTasks
            | Metric::RunningTasks
            | Metric::HealthyTasks
            | Metric::UnreachableTasks
            | Metric::AvailableTasks
            | Metric::AliveTasks => "tasks",
        }
    }

    /// Returns how many parts of a unit make one: levels are whole numbers of parts.
    pub const fn parts(self) -> u64 {
        match self {
            Metric::RequestArrivals
            | Metric::RequestsServed
            | Metric::RequestsRejected
            | Metric::RequestsWithoutTarget
            | Metric::RequestsUnreachable
            | Metric::RequestsInSystem
            | Metric::RequestLatency => 1_000_000,
            Metric::RegisteredCpu
            | Metric::RegisteredMemory
            | Metric::RegisteredGpus
            | Metric::ReservedCpu
            | Metric::ReservedMemory
            | Metric::ReservedGpus
            | Metric::UsedCpu
            | Metric::UsedMemory
            | Metric::StrandedCpu
            | Metric::StrandedMemory
            | Metric::StrandedGpus
            | Metric::Instances
            | Metric::EmptyInstances
            | Metric::NeededInstances
            | Metric::LaunchingInstances
            | Metric::DrainingInstances
            | Metric::SpotInstances
            | Metric::DesiredCapacity
            | Metric::MinSize
            | Metric::MaxSize
            | Metric::RecommendedInstances
            | Metric::NoticedInstances
            | Metric::ReclaimedInstances
            | Metric::WarmedPendingInstances
            | Metric::WarmedRunningInstances
            | Metric::WarmedStoppedInstances
            | Metric::WarmedHibernatedInstances
            | Metric::SurplusInstances
            | Metric::CpuCreditBalance
            | Metric::CpuSurplusCreditBalance
            | Metric::ThrottledInstances
            | Metric::ThrottledCpu
            | Metric::Tasks(_)
            | Metric::WaitingTasks
            | Metric::CapacityProviderReservation
            | Metric::ScalingMetric
            | Metric::WatchedMetric
            | Metric::InAlarm
            | Metric::InLowAlarm
            | Metric::ForecastTasks
            | Metric::MinCapacity
            | Metric::MaxCapacity
            | Metric::AtMinCapacity
            | Metric::AtMaxCapacity
            | Metric::DesiredCount
            | Metric::ActiveTasks
            | Metric::RunningTasks
            | Metric::HealthyTasks
            | Metric::UnreachableTasks
            | Metric::AvailableTasks
            | Metric::AliveTasks
            | Metric::AliveCpu
            | Metric::AliveMemory => 1,
        }
    }

    /// Says whether the series is left out where it never was anything but zero.
    pub(super) const fn is_optional(self) -> bool {
        match self {
            Metric::RegisteredCpu
            | Metric::RegisteredMemory
            | Metric::RegisteredGpus
            | Metric::ReservedGpus
            | Metric::UsedCpu
            | Metric::UsedMemory
            | Metric::StrandedGpus
            | Metric::LaunchingInstances
            | Metric::DrainingInstances
            | Metric::SpotInstances
            | Metric::RecommendedInstances
            | Metric::NoticedInstances
            | Metric::ReclaimedInstances
            | Metric::WarmedPendingInstances
            | Metric::WarmedRunningInstances
            | Metric::WarmedStoppedInstances
            | Metric::WarmedHibernatedInstances
            | Metric::SurplusInstances
            | Metric::CpuSurplusCreditBalance
            | Metric::ThrottledInstances
            | Metric::ThrottledCpu
            | Metric::UnreachableTasks
            | Metric::RequestsRejected
            | Metric::RequestsWithoutTarget
            | Metric::RequestsUnreachable
            | Metric::InLowAlarm
            | Metric::ForecastTasks
            | Metric::AtMinCapacity
            | Metric::AtMaxCapacity
            | Metric::AliveTasks
            | Metric::AliveCpu
            | Metric::AliveMemory => true,
            Metric::ReservedCpu
            | Metric::ReservedMemory
            | Metric::StrandedCpu
            | Metric::StrandedMemory
            | Metric::Instances
            | Metric::EmptyInstances
            | Metric::NeededInstances
            | Metric::DesiredCapacity
            | Metric::MinSize
            | Metric::MaxSize
            | Metric::CpuCreditBalance
            | Metric::Tasks(_)
            | Metric::WaitingTasks
            | Metric::CapacityProviderReservation
            | Metric::ScalingMetric
            | Metric::RequestArrivals
            | Metric::RequestsServed
            | Metric::RequestsInSystem
            | Metric::RequestLatency
            | Metric::WatchedMetric
            | Metric::InAlarm
            | Metric::MinCapacity
            | Metric::MaxCapacity
            | Metric::DesiredCount
            | Metric::ActiveTasks
            | Metric::RunningTasks
            | Metric::HealthyTasks
            | Metric::AvailableTasks => false,
        }
    }
}

impl From<Tally> for Range {
    fn from(tally: Tally) -> Range {
        Range { min: tally.min, mean: tally.mean(), max: tally.max }
    }
}

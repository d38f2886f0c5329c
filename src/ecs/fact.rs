//! What has happened: facts leave the core and do not return.

use crate::engine::{Id, Ix};
use crate::units::{SimTime, Span};

use super::World;
use super::capacity::credits::Stage as CreditStage;
use super::capacity::group::PurchaseOption;
use super::capacity::reservation::{Decision, Reservation};
use super::cluster::Instance;
use super::model::{
    AutoScalingGroup, CapacityPool, CapacityProvider, Fallback, Fault, HostFailure, HostPort,
    Model, Provider, Requirement, Service, Submitter, TargetGroup, Zone,
};
use super::scaling::alarm::{AlarmState, MetricValue};
use super::scaling::group::{Holds, Proposal, Side};
use super::scaling::schedule::Bounded;
use super::scaling::service::{NotScaled, Suspended};
use super::task::{StopReason, Task, TaskStatus};

/// Watches a run and cannot touch it.
pub trait Observer {
    /// Is told each fact as it happens.
    ///
    /// A task or an instance that a fact names is still in `world`, in its new state.
    fn observe(&mut self, at: SimTime, fact: &Fact, world: &World, model: &Model);
}

/// Watches nothing.
impl Observer for () {
    fn observe(&mut self, _: SimTime, _: &Fact, _: &World, _: &Model) {}
}

/// Two watch as one.
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn observe(&mut self, at: SimTime, fact: &Fact, world: &World, model: &Model) {
        self.0.observe(at, fact, world, model);
        self.1.observe(at, fact, world, model);
    }
}

impl<O: Observer + ?Sized> Observer for &mut O {
    fn observe(&mut self, at: SimTime, fact: &Fact, world: &World, model: &Model) {
        (**self).observe(at, fact, world, model);
    }
}

/// Something that has happened.
///
/// New kinds come last: a run's fingerprint knows them by their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fact {
    /// An instance is launched: it is paid for from now on.
    InstanceLaunched {
        /// Which.
        instance: Id<Instance>,
    },
    /// A container instance is ACTIVE.
    InstanceActive {
        /// Which.
        instance: Id<Instance>,
    },
    /// A container instance is DRAINING.
    InstanceDraining {
        /// Which.
        instance: Id<Instance>,
    },
    /// An instance is gone, and so are its tasks.
    InstanceTerminated {
        /// Which.
        instance: Id<Instance>,
        /// Why.
        reason: TerminationReason,
    },
    /// A task exists: PROVISIONING or PENDING, its resources reserved, unless it waits for
    /// capacity.
    TaskCreated {
        /// Which.
        task: Id<Task>,
    },
    /// `lastStatus` changed.
    TaskMoved {
        /// Which.
        task: Id<Task>,
        /// From this status.
        from: TaskStatus,
        /// To this one.
        to: TaskStatus,
    },
    /// The first image pull of a task began: a Fargate task is billed from here.
    TaskPullStarted {
        /// Which.
        task: Id<Task>,
    },
    /// A task counts as healthy.
    TaskHealthy {
        /// Which.
        task: Id<Task>,
    },
    /// A task is to stop: `desiredStatus` is STOPPED.
    TaskStopRequested {
        /// Which.
        task: Id<Task>,
        /// Why.
        reason: StopReason,
    },
    /// The scheduler counts a task's CPU, memory and ports as free; the agent may not yet.
    ReservationReleased {
        /// Which.
        task: Id<Task>,
    },
    /// A container's process runs.
    ContainerStarted {
        /// Of which task.
        task: Id<Task>,
        /// Position in the task definition.
        container: u8,
    },
    /// A container's process has ended.
    ContainerStopped {
        /// Of which task.
        task: Id<Task>,
        /// Position in the task definition.
        container: u8,
        /// Exit code; `None`: it never ran.
        exit_code: Option<i32>,
    },
    /// A container is started again in place.
    ContainerRestarted {
        /// Of which task.
        task: Id<Task>,
        /// Position in the task definition.
        container: u8,
    },
    /// A service said something.
    ServiceEvent {
        /// Which.
        service: Ix<Service>,
        /// What.
        event: ServiceEvent,
    },
    /// A submission arrived.
    Submitted {
        /// By whom.
        submitter: Ix<Submitter>,
        /// Row of the trace, or number of the firing.
        row: u32,
        /// Tasks in it.
        count: u32,
    },
    /// A RunTask call found no room.
    RunTaskFailed {
        /// By whom.
        submitter: Ix<Submitter>,
        /// Row of the trace, or number of the firing.
        row: u32,
        /// Tasks left without room.
        missing: u32,
        /// Why the first of them was refused.
        failure: PlacementFailure,
        /// What happens now.
        then: AfterFailure,
    },
    /// Managed scaling of a capacity provider has looked at it: once a minute.
    ManagedScaling {
        /// Which.
        provider: Ix<CapacityProvider>,
        /// M, and the metric CapacityProviderReservation.
        reservation: Reservation,
        /// N: instances that are there or launched.
        running: u32,
        /// Tasks that wait.
        tasks: u32,
        /// What is done about it.
        decision: Decision,
    },
    /// A task that has waited for capacity is placed, its resources reserved.
    TaskPlaced {
        /// Which.
        task: Id<Task>,
    },
    /// EC2 says that a Spot instance is at an elevated risk of interruption.
    SpotRebalanceRecommended {
        /// Which.
        instance: Id<Instance>,
    },
    /// EC2 will reclaim a Spot instance.
    SpotInterruptionNotice {
        /// Which.
        instance: Id<Instance>,
    },
    /// A group could not launch in a pool.
    LaunchFailed {
        /// Where.
        pool: Ix<CapacityPool>,
        /// Why.
        reason: LaunchFailure,
    },
    /// Infrastructure has failed, or works again.
    Fault {
        /// By which fault of the model.
        fault: Ix<Fault>,
        /// What.
        what: FaultEvent,
    },
    /// What a task runs on has stopped to work, or works again. Nobody need have noticed.
    TaskReach {
        /// Which.
        task: Id<Task>,
        /// Whether it works now.
        works: bool,
    },
    /// A task that counted as healthy does so no more.
    TaskUnhealthy {
        /// Which.
        task: Id<Task>,
    },
    /// An Auto Scaling group has done something besides launching and terminating.
    GroupEvent {
        /// Which.
        group: Ix<AutoScalingGroup>,
        /// What.
        event: GroupEvent,
    },
    /// An instance of a warm pool is stopped: only its volumes are paid for from now on.
    InstanceStopped {
        /// Which.
        instance: Id<Instance>,
        /// For how long it ran.
        ran: Span,
    },
    /// It is started again.
    InstanceStarted {
        /// Which.
        instance: Id<Instance>,
        /// For how long it was stopped.
        stopped: Span,
    },
    /// A controller of the user's own changes how many tasks stand in for those of a service.
    Fallback {
        /// Which.
        fallback: Ix<Fallback>,
        /// Tasks of the service that have no place.
        missing: u32,
        /// How many stood in before.
        from: u32,
        /// How many are to stand in now.
        to: u32,
    },
    /// What is asked of the CPU credits of an instance has changed, or how they stand.
    CpuCredits {
        /// Which.
        instance: Id<Instance>,
        /// How they stand now, if that is new.
        stage: Option<CreditStage>,
    },
    /// ECS Managed Instances has launched an instance, or is to end one.
    ManagedInstance {
        /// By which capacity provider.
        provider: Ix<CapacityProvider>,
        /// Which.
        instance: Id<Instance>,
        /// Why.
        why: ManagedChange,
    },
    /// A period of the metric that a scaling policy watches is published.
    ScalingMetric {
        /// Of which group.
        group: Ix<AutoScalingGroup>,
        /// Position of the policy there.
        policy: u16,
        /// The metric; `None`: there is no data.
        value: Option<MetricValue>,
    },
    /// The requests of a service, or what becomes of them, have changed: its station has the rest.
    Traffic {
        /// Which.
        service: Ix<Service>,
        /// Requests that arrive, in millionths a second.
        arrivals: u64,
        /// Requests that are answered, in millionths a second.
        served: u64,
    },
    /// A container begins to use more CPU, as it does when it begins to run, or ends to.
    StartUp {
        /// Of which task.
        task: Id<Task>,
        /// Position in the task definition.
        container: u8,
        /// Whether it begins.
        begins: bool,
    },
    /// Application Auto Scaling has seen or done something about a service.
    ServiceScaling {
        /// Which.
        service: Ix<Service>,
        /// What.
        event: ScalingEvent,
    },
    /// An instance comes into a warm pool, waits there, or is taken out of it.
    WarmPool {
        /// Which.
        instance: Id<Instance>,
        /// What.
        change: WarmPoolChange,
    },
}

/// What an instance does in a warm pool. One that ends there is `InstanceTerminated`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WarmPoolChange {
    /// It is launched for the pool: `Warmed:Pending`.
    Launched,
    /// It waits, in the state of the pool.
    Waits,
    /// It leaves the pool, to be in service soon.
    Taken,
}

/// What Application Auto Scaling has seen, done, or not done about a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScalingEvent {
    /// A period of what a policy watches is published.
    Metric {
        /// Position of the policy.
        policy: u16,
        /// The value; `None`: there is no data.
        value: Option<MetricValue>,
    },
    /// An alarm has another state.
    Alarm {
        /// Position of the policy.
        policy: u16,
        /// Which of its alarms.
        side: Side,
        /// The state now.
        state: AlarmState,
        /// The last data points, the newest last.
        points: [Option<MetricValue>; 3],
    },
    /// A policy changes the desired count.
    Scaled {
        /// Position of the policy.
        policy: u16,
        /// In which of its alarms.
        side: Side,
        /// The last data points, the newest last.
        points: [Option<MetricValue>; 3],
        /// The desired count before.
        from: u32,
        /// What it was worked out from, and the count now.
        proposal: Proposal,
        /// Until when a cooldown goes on then; `None`: there is none.
        cooldown: Option<SimTime>,
    },
    /// A policy whose alarm is in ALARM changes nothing, for a new reason.
    NotScaled {
        /// Position of the policy.
        policy: u16,
        /// In which of its alarms.
        side: Side,
        /// The last data points, the newest last.
        points: [Option<MetricValue>; 3],
        /// Why.
        why: NotScaled,
    },
    /// A scheduled action was executed.
    Scheduled {
        /// Position of the action.
        action: u16,
        /// The desired count before.
        from: u32,
        /// The bounds now, and the desired count.
        to: Bounded,
    },
    /// A scheduled action falls due while these are suspended: it never runs.
    ScheduledSuspended {
        /// Position of the action.
        action: u16,
    },
    /// The service is registered as a scalable target, or again: bounds, and what is suspended.
    Registered {
        /// The desired count before.
        from: u32,
        /// The bounds now, and the desired count.
        to: Bounded,
        /// What is suspended now.
        suspended: Suspended,
    },
    /// Predictive scaling has a new forecast.
    Forecast {
        /// Position of the policy.
        policy: u16,
        /// Tasks for the coming hour; `None`: less than a day is known.
        next: Option<u32>,
        /// The most tasks for any hour of the two days ahead.
        most: Option<u32>,
    },
    /// Tasks of a forecast are due.
    ForecastDue {
        /// Position of the policy.
        policy: u16,
        /// So many.
        forecast: u32,
        /// The desired count before.
        from: u32,
        /// The bounds now, and the desired count.
        to: Bounded,
    },
}

/// Why ECS Managed Instances launches an instance, or ends one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ManagedChange {
    /// Tasks wait for it.
    Launched {
        /// How many of them it is for.
        tasks: u32,
        /// The first of them; `None`: the run begins with it.
        first: Option<Id<Task>>,
        /// How many wait for instances in all.
        waiting: u32,
    },
    /// No task but daemons' has run on it for a while.
    Idle,
    /// What runs on it fits on others of its zone.
    FitsElsewhere {
        /// How many tasks.
        tasks: u32,
    },
    /// What runs on it fits a smaller type, which costs less.
    TooLarge {
        /// How many tasks.
        tasks: u32,
    },
    /// It has reached its maximum lifetime.
    Expired,
}

/// What an Auto Scaling group has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupEvent {
    /// A scheduled action was executed.
    ScheduledAction {
        /// Position in the group.
        action: u16,
        /// The least desired capacity now.
        min_size: u32,
        /// The greatest now.
        max_size: u32,
        /// The desired capacity before.
        from: u32,
        /// The desired capacity now.
        to: u32,
    },
    /// An instance refresh began.
    RefreshStarted {
        /// How many instances it is to replace.
        total: u32,
    },
    /// None began: another goes on (`InstanceRefreshInProgress`).
    RefreshRefused,
    /// An instance refresh has reached a checkpoint.
    RefreshCheckpoint {
        /// Which.
        percent: u32,
    },
    /// An instance refresh has replaced all that it was to replace.
    RefreshEnded {
        /// How many.
        replaced: u32,
    },
    /// An instance refresh has failed: without progress for an hour, such as where all that are
    /// left are protected from scale-in, or after 14 days.
    RefreshFailed {
        /// How many it has replaced.
        replaced: u32,
    },
    /// Instances are launched in a zone, before as many go from zones that have more.
    ZoneRebalancing {
        /// Where.
        zone: Ix<Zone>,
        /// How many.
        count: u32,
    },
    /// An alarm of a scaling policy has another state.
    Alarm {
        /// Position of the policy in the group.
        policy: u16,
        /// Which of its alarms.
        side: Side,
        /// The state now.
        state: AlarmState,
        /// The last data point.
        value: Option<MetricValue>,
    },
    /// A scaling policy changes the desired capacity.
    PolicyActs {
        /// Position of the policy in the group.
        policy: u16,
        /// The last data point.
        value: Option<MetricValue>,
        /// The desired capacity before.
        from: u32,
        /// What it asks for.
        proposal: Proposal,
    },
    /// A scaling policy does nothing, for this reason from now on, although its alarm is in ALARM.
    PolicyHolds {
        /// Position of the policy in the group.
        policy: u16,
        /// The last data point.
        value: Option<MetricValue>,
        /// Why.
        why: Holds,
    },
    /// A lifecycle hook abandoned a launch: the instance is terminated, and another launched.
    LaunchAbandoned,
}

/// Why an instance could not be launched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LaunchFailure {
    /// `InsufficientInstanceCapacity`: the pool has none.
    InsufficientCapacity,
    /// `VcpuLimitExceeded`, or `MaxSpotInstanceCountExceeded`: the account's quota.
    VcpuQuota,
}

impl LaunchFailure {
    /// Returns EC2's code of it.
    pub const fn code(self, option: PurchaseOption) -> &'static str {
        match (self, option) {
            (LaunchFailure::InsufficientCapacity, _) => "InsufficientInstanceCapacity",
            (LaunchFailure::VcpuQuota, PurchaseOption::OnDemand) => "VcpuLimitExceeded",
            (LaunchFailure::VcpuQuota, PurchaseOption::Spot) => "MaxSpotInstanceCountExceeded",
        }
    }
}

/// What has failed, or works again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultEvent {
    /// An instance has failed.
    Instance {
        /// Which.
        instance: Id<Instance>,
        /// How.
        failure: HostFailure,
    },
    /// It works again, or its agent is back.
    InstanceBack {
        /// Which.
        instance: Id<Instance>,
    },
    /// A zone is out.
    Zone {
        /// Which.
        zone: Ix<Zone>,
        /// How many instances have failed.
        instances: u32,
        /// How many tasks on Fargate are lost.
        tasks: u32,
    },
    /// It is back.
    ZoneBack {
        /// Which.
        zone: Ix<Zone>,
    },
    /// No instance can be launched in the Region.
    Launches,
    /// They can again.
    LaunchesBack,
}

/// Why an instance was terminated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TerminationReason {
    /// Its Auto Scaling group has a lower desired capacity.
    ScaledIn,
    /// EC2 has reclaimed it, two minutes after the notice.
    SpotInterrupted,
    /// It was at risk, and its replacement is in service.
    Rebalanced,
    /// It has failed.
    Failed,
    /// Its Auto Scaling group found it unhealthy by the status check of EC2.
    Unhealthy,
    /// It was as old as its group lets instances become.
    MaxLifetime,
    /// An instance refresh has replaced it.
    Refreshed,
    /// A lifecycle hook gave it up before it was in service.
    LaunchAbandoned,
    /// No task ran on it, and ECS Managed Instances ends such instances.
    Idle,
    /// What ran on it runs elsewhere, better packed by ECS Managed Instances.
    Underutilized,
    /// Its zone had more than others, and another is in service there.
    ZoneRebalanced,
}

impl TerminationReason {
    /// Says it in words.
    pub const fn sentence(self) -> &'static str {
        match self {
            TerminationReason::ScaledIn => "its group wants fewer",
            TerminationReason::SpotInterrupted => "EC2 reclaimed its Spot capacity",
            TerminationReason::Rebalanced => "it was at risk and is replaced",
            TerminationReason::Failed => "it has failed",
            TerminationReason::Unhealthy => "the EC2 status check of its group",
            TerminationReason::MaxLifetime => "it has reached its maximum lifetime",
            TerminationReason::LaunchAbandoned => "a lifecycle hook abandoned its launch",
            TerminationReason::ZoneRebalanced => "its group balances its zones",
            TerminationReason::Refreshed => "an instance refresh replaces it",
            TerminationReason::Idle => "it was idle",
            TerminationReason::Underutilized => "its tasks are packed better elsewhere",
        }
    }
}

/// What a submitter does after a failed RunTask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AfterFailure {
    /// Tries again after this long.
    RetryIn(Span),
    /// Waits until room appears.
    Waits,
    /// Gives up.
    GivesUp,
}

/// Why no instance was found, with the closest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlacementFailure {
    /// The reason AWS gives: that of the closest instance.
    pub reason: FailureReason,
    /// The closest instance: the one that fails by least.
    pub closest: Option<Id<Instance>>,
    /// How many instances failed which check first.
    pub failed: FailedChecks,
}

/// The failure codes of placement.
///
/// Source: ECS Developer Guide, API failure reasons; quotas: service event messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureReason {
    /// `RESOURCE:CPU`.
    Cpu,
    /// `RESOURCE:MEMORY`.
    Memory,
    /// `RESOURCE:GPU`.
    Gpu,
    /// `RESOURCE:PORTS`.
    Ports(HostPort),
    /// `RESOURCE:ENI`: no free network interface.
    Eni,
    /// `RESOURCE:ENI` as well: no free address in the subnets.
    ///
    /// Assumption: AWS places the task and its interface then fails; here it is not placed.
    Address,
    /// `AGENT`: the agent is not connected.
    Agent,
    /// `ATTRIBUTE`: operating system or architecture.
    Attribute,
    /// `LOCATION`: no subnet in the instance's zone.
    Location,
    /// A `memberOf` constraint.
    MemberOf,
    /// The `distinctInstance` constraint.
    DistinctInstance,
    /// The cluster has no instance of this launch type.
    NoInstances,
    /// The vCPU quota of Fargate.
    VcpuQuota,
    /// As many tasks of the cluster as may be wait in PROVISIONING.
    ProvisioningLimit,
    /// Fargate has no capacity in any zone that is asked for.
    Capacity,
}

/// How many instances failed which check first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FailedChecks {
    /// CPU.
    pub cpu: u32,
    /// Memory.
    pub memory: u32,
    /// GPUs.
    pub gpu: u32,
    /// Host ports.
    pub ports: u32,
    /// Network interfaces and addresses.
    pub eni: u32,
    /// Agent not connected or instance not ACTIVE.
    pub agent: u32,
    /// Operating system or architecture.
    pub attribute: u32,
    /// Zone.
    pub location: u32,
    /// `memberOf`.
    pub member_of: u32,
    /// `distinctInstance`.
    pub distinct_instance: u32,
}

/// What a service says, in AWS's words when written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceEvent {
    /// `has started N tasks`.
    StartedTasks {
        /// How many.
        count: u32,
        /// The first of them.
        first: Id<Task>,
    },
    /// `has stopped N running tasks`.
    StoppedTasks {
        /// How many.
        count: u32,
        /// One of them.
        first: Id<Task>,
    },
    /// `stopped N pending tasks`: they did not run yet.
    StoppedPendingTasks {
        /// How many.
        count: u32,
    },
    /// `registered N targets in (target-group …)`.
    RegisteredTargets {
        /// How many.
        count: u32,
        /// Where.
        group: Ix<TargetGroup>,
    },
    /// `deregistered N targets in (target-group …)`.
    DeregisteredTargets {
        /// How many.
        count: u32,
        /// Where.
        group: Ix<TargetGroup>,
    },
    /// `has begun draining connections on N tasks`.
    DrainingConnections {
        /// On how many tasks.
        count: u32,
    },
    /// `has reached a steady state`.
    SteadyState,
    /// `was unable to place a task because …`.
    UnableToPlace {
        /// On which provider.
        provider: Provider,
        /// What was asked.
        requirement: Ix<Requirement>,
        /// Why.
        failure: PlacementFailure,
    },
    /// `is unable to consistently start tasks successfully`.
    StartImpaired {
        /// Until the next attempt.
        delay: Span,
    },
    /// `operations are being throttled`.
    Throttled,
    /// The desired count changed.
    DesiredCount {
        /// From.
        from: u32,
        /// To.
        to: u32,
    },
    /// `is not AZ balanced with N tasks in …. AZ Rebalancing in progress.`
    NotAzBalanced {
        /// How many tasks are where.
        tasks: ZoneTasks,
    },
    /// `is AZ balanced with N tasks in …`: it was not.
    AzBalanced {
        /// How many tasks are where.
        tasks: ZoneTasks,
    },
    /// `has started 1 tasks in … to AZ Rebalance`.
    StartedToRebalance {
        /// Which.
        task: Id<Task>,
        /// Where.
        zone: Ix<Zone>,
    },
    /// `has stopped 1 running tasks in … due to AZ rebalancing`.
    StoppedToRebalance {
        /// Which.
        task: Id<Task>,
        /// Where.
        zone: Ix<Zone>,
    },
    /// `is unable to place a task in …`: no task can move there now.
    UnableToRebalance {
        /// On which provider.
        provider: Provider,
        /// Where.
        zone: Ix<Zone>,
    },
    /// `stopped AZ Rebalancing`: something else happened to the service.
    RebalancingStopped,
    /// `(task …) is unhealthy in (target-group …) due to (reason …)`.
    TargetUnhealthy {
        /// Which task.
        task: Id<Task>,
        /// Where.
        group: Ix<TargetGroup>,
    },
}

/// How many tasks of a service are in each of its zones: the first eight, in order.
///
/// No Region has more than six Availability Zones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ZoneTasks([Option<(Ix<Zone>, u32)>; 8]);

impl ZoneTasks {
    /// Goes through the zones.
    pub fn iter(&self) -> impl Iterator<Item = (Ix<Zone>, u32)> {
        self.0.iter().flatten().copied()
    }
}

impl FromIterator<(Ix<Zone>, u32)> for ZoneTasks {
    fn from_iter<I: IntoIterator<Item = (Ix<Zone>, u32)>>(zones: I) -> ZoneTasks {
        let mut zones = zones.into_iter();
        ZoneTasks(std::array::from_fn(|_| zones.next()))
    }
}

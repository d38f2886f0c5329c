//! What a run simulates: every name resolved, every default filled in.
//!
//! A [`Model`] is built by the scenario ring and only read here. Things are tables; a position in
//! a table ([`Ix`]) is the thing's name from now on.

use std::sync::Arc;

use crate::engine::{Distribution, Ix, Table};
use crate::units::{Bytes, Calendar, HourlyRate, Resources, Schedule, SimTime, Span};

use super::capacity::credits::CreditTerms;
use super::capacity::group::{GroupPolicy, PoolKey, PurchaseOption};
use super::capacity::refresh::Refresh;
use super::capacity::reservation::{ManagedScaling, Room, WaitingGroup};
use super::capacity::spot::{Availability, Hazard, OnDemandShare, SpotMarket, SpotPool};
use super::load::Rate;
use super::load::fluid::{Moments, Routing, Work};
pub use super::load::requests::Patience;
use super::placement::query::Query;
use super::scaling::group::ScalingPolicy;
use super::scaling::service::{ScalableTarget, Suspended};

/// Everything a run needs, and nothing that changes while it runs.
#[derive(Clone, Debug)]
pub struct Model {
    /// The scenario's name.
    pub name: String,
    /// How simulated time maps to civil time.
    pub calendar: Calendar,
    /// How long the run lasts.
    pub duration: Span,
    /// Whether services run in full when the run begins.
    pub initial_state: InitialState,
    /// Availability Zones.
    pub zones: Table<Zone>,
    /// ECS clusters.
    pub clusters: Table<ClusterSpec>,
    /// Fleets of container instances.
    pub fleets: Table<Fleet>,
    /// Auto Scaling groups: what makes a fleet grow and shrink.
    pub auto_scaling_groups: Table<AutoScalingGroup>,
    /// Capacity providers with an Auto Scaling group.
    pub capacity_providers: Table<CapacityProvider>,
    /// Where groups launch: their types in their zones, bought in one way or the other.
    pub pools: Table<CapacityPool>,
    /// What befalls the Spot capacity of the region.
    pub spot_market: SpotMarket,
    /// How often tasks on Fargate Spot are interrupted.
    pub fargate_spot_hazard: Hazard,
    /// In which order a task on Fargate Spot leaves its target groups and gets SIGTERM.
    pub fargate_spot_deregistration: Deregistration,
    /// The types and zones of which groups buy Spot capacity.
    pub spot_pools: Table<SpotSupply>,
    /// Times in which On-Demand capacity is not to be had.
    pub shortages: Vec<Shortage>,
    /// Instance refreshes of Auto Scaling groups.
    pub refreshes: Vec<InstanceRefresh>,
    /// Kinds of container instance: one for each fleet, zone or subnet, type and purchase option.
    pub classes: Table<InstanceClass>,
    /// Subnets of tasks in `awsvpc` mode.
    pub subnets: Table<Subnet>,
    /// Container images.
    pub images: Table<Image>,
    /// Task definitions.
    pub task_definitions: Table<TaskDefinition>,
    /// What tasks ask of an instance; a job trace has one for each size of task in it.
    pub requirements: Table<Requirement>,
    /// How tasks are launched: where, and by which placement rules.
    pub launches: Table<Launch>,
    /// Task groups: `service:web`, `family:batch`.
    pub groups: Table<TaskGroup>,
    /// Target groups of load balancers.
    pub target_groups: Table<TargetGroup>,
    /// Services.
    pub services: Table<Service>,
    /// How requests are simulated.
    pub fidelity: Fidelity,
    /// Requests that arrive from outside.
    pub loads: Table<Load>,
    /// Queues of messages that services work off.
    pub queues: Table<Queue>,
    /// How fast the vCPUs of Fargate serve requests.
    pub fargate_cpu_speed: f64,
    /// Controllers of the user's own that let one service stand in for another.
    pub fallbacks: Table<Fallback>,
    /// Whoever calls RunTask: job traces and schedules.
    pub submitters: Table<Submitter>,
    /// Changes at stated times, in order of time.
    pub actions: Vec<(SimTime, Action)>,
    /// Failures of infrastructure.
    pub faults: Table<Fault>,
    /// The account's quotas.
    pub account: Account,
    /// Durations that AWS does not publish, and rates.
    pub timing: Timing,
    /// Bounds of the run itself.
    pub limits: Limits,
}

/// Whether services run in full when the run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitialState {
    /// Every service has its desired tasks RUNNING and healthy.
    Steady,
    /// Services are created at the beginning of the run.
    Cold,
}

/// An Availability Zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// The full name: `eu-west-1a`.
    pub name: String,
}

/// An ECS cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSpec {
    /// The name.
    pub name: String,
}

/// A number of container instances that have a name in common.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// The scenario's name of it.
    pub name: String,
    /// How many instances, from the beginning to the end; of a group, at the beginning.
    pub count: u32,
    /// The kinds, without a group one for each zone, and instance `i` is of kind `i mod n`.
    pub classes: Vec<Ix<InstanceClass>>,
    /// The group that decides how many there are; `None`: they are there all the time.
    pub group: Option<Ix<AutoScalingGroup>>,
}

/// An EC2 Auto Scaling group, or what ECS Managed Instances has in its place.
///
/// Source: EC2 Auto Scaling API, AutoScalingGroup.
#[derive(Clone, Debug)]
pub struct AutoScalingGroup {
    /// The scenario's name of it.
    pub name: String,
    /// Its instances.
    pub fleet: Ix<Fleet>,
    /// The least desired capacity.
    pub min_size: u32,
    /// The greatest desired capacity.
    pub max_size: u32,
    /// The desired capacity at the beginning.
    pub desired_capacity: u32,
    /// Where instances are launched, and which go first.
    pub policy: GroupPolicy,
    /// Where it launches.
    pub pools: Vec<Ix<CapacityPool>>,
    /// Whether instances that are to go are drained first.
    pub managed_draining: bool,
    /// Whether instances with tasks, daemons' apart, are protected from scale-in.
    pub managed_termination_protection: bool,
    /// `NewInstancesProtectedFromScaleIn`: whether instances in service are protected from
    /// scale-in, until managed termination protection lifts that.
    pub new_instances_protected_from_scale_in: bool,
    /// `ECS_ENABLE_SPOT_INSTANCE_DRAINING` of its instances: whether the agent drains its own at
    /// an interruption notice.
    pub spot_instance_draining: bool,
    /// `CapacityRebalance`: whether a Spot instance is replaced when it is said to be at risk.
    pub capacity_rebalance: bool,
    /// How long after an instance is in service its health is not looked at.
    pub health_check_grace_period: Span,
    /// Scheduled scaling.
    pub scheduled_actions: Vec<ScheduledAction>,
    /// `MaxInstanceLifetime`: how old an instance becomes before it is replaced.
    pub max_instance_lifetime: Option<Span>,
    /// What instances wait for before they come into service, or go.
    pub lifecycle_hooks: Vec<LifecycleHook>,
    /// What else an instance does after it has booted, once, before its agent starts.
    pub user_data: Distribution,
    /// Instances that are launched ahead of time.
    pub warm_pool: Option<WarmPool>,
    /// By what Amazon ECS itself launches and ends its instances; such a group wants what it has.
    pub managed_instances: Option<ManagedInstances>,
    /// Whether its zones are rebalanced: the process `AZRebalance` is not suspended.
    pub zone_rebalancing: bool,
    /// Its own scaling policies.
    pub policies: Vec<ScalingPolicy>,
    /// How long the periods of its instances' metrics are: 1 min with detailed monitoring, 5 min
    /// with basic.
    pub metric_period: Span,
}

/// How Amazon ECS launches instances for tasks that wait, and ends those that it can do without.
///
/// Source: ECS API, ManagedInstancesProvider.
#[derive(Clone, Debug)]
pub struct ManagedInstances {
    /// The capacity provider, which has this group.
    pub provider: Ix<CapacityProvider>,
    /// `scaleInAfter`: how long an instance is idle or underutilized before it goes; `None`: for
    /// ever.
    pub scale_in_after: Option<Span>,
    /// How long tasks that wait are gathered before instances are chosen for them.
    pub batching_window: Span,
    /// From an instance's launch until it is ACTIVE, in seconds.
    pub launch_time: Distribution,
    /// How long an instance drains before what still runs on it is stopped.
    pub drain_deadline: Span,
    /// Whether instances that are IMPAIRED are replaced.
    pub auto_repair: bool,
}

/// A warm pool of an Auto Scaling group.
///
/// Source: EC2 Auto Scaling API, PutWarmPool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WarmPool {
    /// How many it holds at the least.
    pub min_size: u32,
    /// How many it holds together with the group; `None`: the group's maximum size.
    pub max_group_prepared_capacity: Option<u32>,
    /// How its instances wait.
    pub state: WarmState,
    /// Whether they have all images when they leave it.
    pub has_images: bool,
}

/// How instances of a warm pool wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmState {
    /// Stopped: their volumes are paid for.
    Stopped,
    /// Running: paid for like any other.
    Running,
    /// Hibernated: stopped, with their memory on their volumes.
    Hibernated,
}

/// A lifecycle hook of an Auto Scaling group.
///
/// Source: EC2 Auto Scaling API, LifecycleHook.
#[derive(Clone, Debug)]
pub struct LifecycleHook {
    /// The name.
    pub name: String,
    /// Which instances wait.
    pub transition: Transition,
    /// `HeartbeatTimeout`: how long they wait at most.
    pub heartbeat_timeout: Span,
    /// Whether heartbeats are recorded until the action is completed, which make that longer.
    pub heartbeats: bool,
    /// After how long the action is completed, with CONTINUE; `None`: never.
    pub completes_after: Option<Distribution>,
    /// Whether the result at the timeout is ABANDON.
    pub abandons: bool,
}

/// When a lifecycle hook holds an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// `autoscaling:EC2_INSTANCE_LAUNCHING`: before it is in service.
    Launching,
    /// `autoscaling:EC2_INSTANCE_TERMINATING`: before it is terminated.
    Terminating,
}

/// A scheduled action of an Auto Scaling group: what is not given stays as it is.
///
/// Source: EC2 Auto Scaling API, PutScheduledUpdateGroupAction.
#[derive(Clone, Debug)]
pub struct ScheduledAction {
    /// The name.
    pub name: String,
    /// When.
    pub when: When,
    /// The least desired capacity from then on.
    pub min_size: Option<u32>,
    /// The greatest.
    pub max_size: Option<u32>,
    /// The desired capacity.
    pub desired_capacity: Option<u32>,
}

/// Once, or again and again.
#[derive(Clone, Debug)]
pub enum When {
    /// At an instant.
    Once(SimTime),
    /// Whenever the schedule falls due.
    Recurring {
        /// The schedule.
        schedule: Schedule,
        /// The clocks it goes by.
        calendar: Calendar,
    },
}

/// A capacity provider with an Auto Scaling group, or of ECS Managed Instances.
///
/// Source: ECS API, AutoScalingGroupProvider and ManagedInstancesProvider. What they say of
/// terminations and draining is in the group.
#[derive(Clone, Debug)]
pub struct CapacityProvider {
    /// The name.
    pub name: String,
    /// Its group, which no other has.
    pub group: Ix<AutoScalingGroup>,
    /// Managed scaling, where it is enabled.
    pub managed_scaling: Option<ManagedScaling>,
}

/// A pool of capacity that a group launches from: a type in a zone, bought in one way.
#[derive(Clone, Debug)]
pub struct CapacityPool {
    /// The group.
    pub group: Ix<AutoScalingGroup>,
    /// The zone.
    pub zone: Ix<Zone>,
    /// Position of its type in the group's list.
    pub instance_type: u32,
    /// Its kinds of instance: one, or one for each subnet of the zone.
    pub classes: Vec<Ix<InstanceClass>>,
    /// The on-demand price of an instance, which allocation strategies compare.
    pub on_demand: HourlyRate,
    /// Where its Spot capacity is from; `None`: it is bought on demand.
    pub spot: Option<Ix<SpotSupply>>,
}

/// A pool of Spot capacity, which groups may share.
#[derive(Clone, Debug)]
pub struct SpotSupply {
    /// Its name and hazard.
    pub pool: SpotPool,
    /// What it usually costs.
    pub usual: OnDemandShare,
    /// A recording that replaces droughts and interruptions alone.
    pub availability: Option<Availability>,
}

/// In which order an interrupted task leaves its target groups and gets SIGTERM.
///
/// It has changed over time (corrections to the reference, 7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deregistration {
    /// Both at the notice.
    #[default]
    WithSigterm,
    /// It drains first; SIGTERM comes when the deregistration delay is over.
    BeforeSigterm,
}

/// A time in which an instance type is not to be had on demand in a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// The zone; `None`: all.
    pub zone: Option<Ix<Zone>>,
    /// The type; `None`: all.
    pub instance_type: Option<String>,
    /// How long it lasts.
    pub lasts: Span,
}

/// A kind of container instance: all that instances of one fleet have in common that are in one
/// zone or subnet, of one type and bought in one way.
#[derive(Clone, Debug)]
pub struct InstanceClass {
    /// The fleet.
    pub fleet: Ix<Fleet>,
    /// The cluster.
    pub cluster: Ix<ClusterSpec>,
    /// Amazon EC2, or a machine of the user's own.
    pub launch_type: InstanceLaunchType,
    /// Where Spot capacity is from; `None`: it is bought on demand.
    pub spot: Option<Ix<SpotSupply>>,
    /// The zone.
    pub zone: Ix<Zone>,
    /// `m7g.large`; for an external instance its name in the scenario.
    pub instance_type: String,
    /// What the instance registers: 1,024 CPU units a vCPU, memory as the agent reports it, GPUs.
    pub registered: Resources,
    /// How many tasks in `awsvpc` mode it can host.
    pub task_enis: u32,
    /// Whether it has a trunk interface, which is attached before it is ACTIVE.
    pub has_trunk: bool,
    /// Host ports that no task may use, among them the agent's own.
    pub reserved_ports: Vec<HostPort>,
    /// Operating system and its version.
    pub os_family: OsFamily,
    /// CPU architecture.
    pub architecture: Architecture,
    /// Built-in and custom attributes, sorted by name.
    pub attributes: Vec<(String, String)>,
    /// Bytes per second that image pulls share on one instance.
    pub pull_bandwidth: Bytes,
    /// `ECS_IMAGE_PULL_BEHAVIOR`.
    pub pull_behavior: PullBehavior,
    /// What holds for its CPU credits; `None`: its type has none.
    pub cpu_credits: Option<CreditTerms>,
    /// How fast its vCPUs serve requests: 1 takes as long as they say.
    pub cpu_speed: f64,
}

/// Where a container instance comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InstanceLaunchType {
    /// An EC2 instance.
    Ec2,
    /// A machine on premises (ECS Anywhere).
    External,
}

/// Operating system, as prices know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Os {
    /// Linux.
    Linux,
    /// Windows Server.
    Windows,
}

/// `operatingSystemFamily`: an operating system, on Windows with its version, which a task must
/// have in common with its instance.
///
/// Source: ECS API, RuntimePlatform; amazon-ecs-agent, the attribute `ecs.os-family`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OsFamily {
    /// Any Linux.
    Linux,
    /// Windows Server 2016, Full.
    Windows2016Full,
    /// Windows Server 2019, Core.
    Windows2019Core,
    /// Windows Server 2019, Full.
    Windows2019Full,
    /// Windows Server, version 2004, Core.
    Windows2004Core,
    /// Windows Server, version 20H2, Core.
    Windows20H2Core,
    /// Windows Server 2022, Core.
    Windows2022Core,
    /// Windows Server 2022, Full.
    Windows2022Full,
    /// Windows Server 2025, Core.
    Windows2025Core,
    /// Windows Server 2025, Full.
    Windows2025Full,
}

impl OsFamily {
    /// Every family with its name, as AWS writes it.
    const NAMES: [(OsFamily, &str); 10] = [
        (OsFamily::Linux, "LINUX"),
        (OsFamily::Windows2016Full, "WINDOWS_SERVER_2016_FULL"),
        (OsFamily::Windows2019Core, "WINDOWS_SERVER_2019_CORE"),
        (OsFamily::Windows2019Full, "WINDOWS_SERVER_2019_FULL"),
        (OsFamily::Windows2004Core, "WINDOWS_SERVER_2004_CORE"),
        (OsFamily::Windows20H2Core, "WINDOWS_SERVER_20H2_CORE"),
        (OsFamily::Windows2022Core, "WINDOWS_SERVER_2022_CORE"),
        (OsFamily::Windows2022Full, "WINDOWS_SERVER_2022_FULL"),
        (OsFamily::Windows2025Core, "WINDOWS_SERVER_2025_CORE"),
        (OsFamily::Windows2025Full, "WINDOWS_SERVER_2025_FULL"),
    ];

    /// Returns the family that AWS calls so.
    pub fn from_name(name: &str) -> Option<OsFamily> {
        OsFamily::NAMES.iter().find(|(_, other)| *other == name).map(|(family, _)| *family)
    }

    /// Returns the name, as AWS writes it.
    pub fn name(self) -> &'static str {
        OsFamily::NAMES.iter().find(|(family, _)| *family == self).map_or("", |(_, name)| name)
    }

    /// Returns the operating system, whatever its version.
    pub fn os(self) -> Os {
        if self == OsFamily::Linux { Os::Linux } else { Os::Windows }
    }
}

/// CPU architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Architecture {
    /// Intel or AMD, 64 bits.
    X86_64,
    /// ARM, 64 bits (Graviton).
    Arm64,
}

/// When the agent pulls an image that it may have already.
///
/// Source: amazon-ecs-agent README, `ECS_IMAGE_PULL_BEHAVIOR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PullBehavior {
    /// Always asks the registry; layers that are there are not fetched again.
    Default,
    /// Like `default`, and fails where the registry does.
    Always,
    /// Pulls once for each instance.
    Once,
    /// Pulls only what is not there.
    PreferCached,
}

/// A subnet: free addresses in one zone.
#[derive(Clone, Debug)]
pub struct Subnet {
    /// The scenario's name of it.
    pub name: String,
    /// Its zone.
    pub zone: Ix<Zone>,
    /// Addresses that tasks can take.
    pub free_addresses: u32,
}

/// A container image.
#[derive(Clone, Debug)]
pub struct Image {
    /// `repository:tag`.
    pub name: String,
    /// Compressed size.
    pub size: Bytes,
}

/// A task definition.
#[derive(Clone, Debug)]
pub struct TaskDefinition {
    /// The scenario's name of it.
    pub name: String,
    /// The family.
    pub family: String,
    /// What a task of it asks for, unless the launch says otherwise.
    pub requirement: Ix<Requirement>,
    /// The Fargate size and storage; `None` if it cannot run on Fargate.
    pub fargate: Option<FargateSize>,
    /// Operating system.
    pub os: Os,
    /// CPU architecture a Fargate task is billed as; x86_64 unless the definition says ARM64.
    pub architecture: Architecture,
    /// The containers, in the order of the definition.
    pub containers: Vec<Container>,
    /// What requests ask of its tasks; `None`: it serves none.
    pub serving: Option<Serving>,
}

/// How tasks serve requests.
#[derive(Clone, Debug)]
pub struct Serving {
    /// CPU time of a request, in seconds of a vCPU of speed 1.
    pub cpu: Distribution,
    /// How long a request waits besides, in seconds: it keeps its place and uses no CPU.
    pub wait: Distribution,
    /// How many requests a task works at; 1 to 100,000, default 64.
    pub concurrency: u32,
    /// How many more it lets wait, first in first out.
    pub queue_limit: u32,
    /// Memory that a request takes while it is worked at, in KiB.
    pub memory_kib: u32,
    /// Which container serves them.
    pub container: u8,
    /// With how many requests at once its memory is full, so that the next makes the kernel end
    /// it; `None`: never.
    pub fatal: Option<u32>,
    /// CPU units that a task cannot go beyond; `None`: what its instance has left.
    ///
    /// Source: ECS API, RegisterTaskDefinition: the CPU of a task is a hard limit, that of a
    /// container on Linux a share.
    pub cpu_limit: Option<u32>,
}

/// What a Fargate task is sized and billed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FargateSize {
    /// CPU units.
    pub cpu_units: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Ephemeral storage in GiB, the free 20 included.
    pub ephemeral_storage_gib: u32,
}

/// What a task asks of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Requirement {
    /// CPU, memory and GPUs that it reserves.
    pub resources: Resources,
    /// Static host ports that it takes, sorted.
    pub ports: Vec<HostPort>,
    /// Whether it needs a network interface of its own (`awsvpc`).
    pub awsvpc: bool,
    /// Operating system and its version.
    pub os_family: OsFamily,
    /// Architecture, where the task definition names one.
    pub architecture: Option<Architecture>,
}

/// A host port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPort {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// 1 to 65,535.
    pub number: u16,
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A container of a task definition.
#[derive(Clone, Debug)]
pub struct Container {
    /// The name.
    pub name: String,
    /// The image.
    pub image: Ix<Image>,
    /// Whether the task stops when this container does.
    pub essential: bool,
    /// What must be true of other containers before this one starts.
    pub depends_on: Vec<Dependency>,
    /// How long after its start those that depend on it wait; then the task stops.
    pub start_timeout: Option<Span>,
    /// How long it may take from SIGTERM to SIGKILL.
    pub stop_timeout: Span,
    /// Whether it is started again in place.
    pub restart: Option<RestartPolicy>,
    /// Its health check.
    pub health_check: Option<HealthCheck>,
    /// How it behaves, which AWS's text does not say.
    pub behaviour: Behaviour,
}

/// A condition on another container of the same task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Position of the other container.
    pub on: usize,
    /// What it must have done.
    pub condition: Condition,
}

/// The four conditions of `dependsOn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It has started.
    Start,
    /// It has run to its end, whatever the exit code.
    Complete,
    /// It has run to its end with exit code 0.
    Success,
    /// Its health check has passed.
    Healthy,
}

/// Restart in place, without a new task.
///
/// Source: ECS API, ContainerRestartPolicy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartPolicy {
    /// A container that ran for less is not restarted; default 300 s, 60 to 1,800.
    pub attempt_period: Span,
    /// Exit codes after which it is not restarted; at most 50.
    pub ignored_exit_codes: Vec<i32>,
}

/// A container health check.
///
/// Source: ECS API, HealthCheck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// Time between checks, 5 to 300 s; default 30 s.
    pub interval: Span,
    /// How long a check may take, 2 to 60 s; default 5 s.
    pub timeout: Span,
    /// Failures in a row that make it UNHEALTHY, 1 to 10; default 3.
    pub retries: u32,
    /// Time in which failures do not count, 0 to 300 s; default 0.
    pub start_period: Span,
}

/// How a container behaves.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// Seconds from start to exit; `None`: it runs until it is stopped.
    pub run_time: Option<Distribution>,
    /// Probability that a run that ends by itself ends as a failure.
    pub failure_rate: f64,
    /// The exit code of a failure and of a crash.
    pub failure_exit_code: u8,
    /// Crashes per hour of running.
    pub crash_rate_per_hour: f64,
    /// Probability that a start fails.
    pub start_failure_rate: f64,
    /// Seconds from the image being there to the process running; `None`: as [`Timing`] says.
    pub start_time: Option<Distribution>,
    /// Seconds from the process running to it being able to work.
    pub ready_time: Distribution,
    /// Seconds from SIGTERM to exit, if it were not killed.
    pub stop_time: Distribution,
    /// What it uses while running, apart from what it reserves.
    pub usage: Option<Usage>,
    /// More CPU that it uses when it begins to run.
    pub start_up: Option<StartUp>,
}

/// What a container uses when it begins to run, beside what it always does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartUp {
    /// CPU units.
    pub cpu_units: u32,
    /// For how long.
    pub lasts: Span,
}

/// What a container really uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// CPU units.
    pub cpu_units: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
}

/// Where a task can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Provider {
    /// EC2 container instances (launch type EC2).
    Ec2,
    /// External instances (launch type EXTERNAL).
    External,
    /// AWS Fargate.
    Fargate,
    /// Fargate Spot.
    FargateSpot,
}

impl Provider {
    /// All of them.
    pub const ALL: [Provider; 4] =
        [Provider::Ec2, Provider::External, Provider::Fargate, Provider::FargateSpot];

    /// Returns AWS's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Provider::Ec2 => "EC2",
            Provider::External => "EXTERNAL",
            Provider::Fargate => "FARGATE",
            Provider::FargateSpot => "FARGATE_SPOT",
        }
    }

    /// Says whether tasks run on container instances.
    pub const fn uses_instances(self) -> bool {
        matches!(self, Provider::Ec2 | Provider::External)
    }
}

/// How a service, a schedule or a job launches its tasks.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The cluster.
    pub cluster: Ix<ClusterSpec>,
    /// The capacity provider strategy; a launch type is one item of weight 1.
    pub providers: Vec<StrategyItem>,
    /// The task group.
    pub group: Ix<TaskGroup>,
    /// The placement strategy, defaults filled in.
    pub strategy: Vec<PlacementStrategy>,
    /// Placement constraints of the task definition and of the request, all of which must hold.
    pub constraints: Vec<PlacementConstraint>,
    /// Subnets of tasks in `awsvpc` mode; empty where none are named.
    pub subnets: Vec<Ix<Subnet>>,
    /// Zones that tasks on Fargate are spread over.
    pub zones: Vec<Ix<Zone>>,
    /// Whether each task gets a public IPv4 address.
    pub public_ip: bool,
}

/// One item of a capacity provider strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrategyItem {
    /// What tasks run on.
    pub provider: Provider,
    /// The capacity provider, if it has instances of its own: only there do they run.
    pub capacity_provider: Option<Ix<CapacityProvider>>,
    /// Tasks that go here first.
    pub base: u32,
    /// Share of the others.
    pub weight: u32,
}

impl StrategyItem {
    /// Makes the item of a launch type: all tasks go there.
    pub const fn only(provider: Provider) -> StrategyItem {
        StrategyItem { provider, capacity_provider: None, base: 0, weight: 1 }
    }
}

/// One rule of a placement strategy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlacementStrategy {
    /// Least remaining CPU that still fits.
    BinpackCpu,
    /// Least remaining memory that still fits.
    BinpackMemory,
    /// Fewest tasks of the group on the instance.
    SpreadInstance,
    /// Fewest tasks of the group among instances with the same value of the attribute.
    SpreadAttribute(String),
    /// Any that passes the filters.
    Random,
}

/// A placement constraint.
#[derive(Clone, Debug)]
pub enum PlacementConstraint {
    /// Each task of the group on a different instance.
    DistinctInstance,
    /// The instance satisfies an expression.
    MemberOf(Query),
}

/// A task group of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskGroup {
    /// The cluster: groups of one name in two clusters have nothing to do with each other.
    pub cluster: Ix<ClusterSpec>,
    /// `service:<name>`, `family:<family>`, or what the request names.
    pub name: String,
}

/// A target group of a load balancer.
#[derive(Clone, Debug)]
pub struct TargetGroup {
    /// The scenario's name of it.
    pub name: String,
    /// Time a target drains after deregistration; default 300 s, 0 to 3,600.
    pub deregistration_delay: Span,
    /// Time between health checks; default 30 s.
    pub health_check_interval: Span,
    /// Time after which a check that is not answered has failed.
    pub health_check_timeout: Span,
    /// Successes in a row that make a new target healthy: 1 for an Application Load Balancer.
    pub first_healthy_checks: u32,
    /// Successes in a row that make an unhealthy target healthy; default 5.
    pub healthy_checks: u32,
    /// Failures in a row that make a target unhealthy; default 2.
    pub unhealthy_checks: u32,
    /// How requests are spread over targets.
    pub routing: Routing,
}

/// Requests that arrive from outside.
#[derive(Clone, Debug)]
pub struct Load {
    /// The scenario's name of it; `service.web` if it is written with that service.
    pub name: String,
    /// How many requests per second arrive.
    pub rate: Rate,
    /// Where they go; the shares come to 1.
    pub routes: Vec<Route>,
    /// Kinds of requests: the share of each, and by what its CPU time is longer than usual. The
    /// shares come to 1; none: all are usual.
    pub classes: Vec<RequestClass>,
    /// How long a client waits for an answer, and how often it tries again; only
    /// [`Fidelity::Requests`] looks at it.
    pub patience: Patience,
}

/// How requests are simulated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fidelity {
    /// As a fluid: rates, backlogs, and the mean delay of queueing theory.
    #[default]
    Fluid,
    /// One by one: percentiles of latency, time-outs and retries. Messages of queues stay a fluid.
    Requests,
}

/// A kind of requests of a load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequestClass {
    /// Which share of the requests, from 0 to 1.
    pub share: f64,
    /// Its CPU time ÷ that of a usual request.
    pub cost: f64,
}

/// A part of a load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Route {
    /// Where it goes.
    pub to: Destination,
    /// Its share of the requests, from 0 to 1.
    pub share: f64,
}

/// Where requests go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To a target group, by its load balancer.
    TargetGroup(Ix<TargetGroup>),
    /// To the tasks of a service, by service discovery.
    Service(Ix<Service>),
}

/// A queue of messages that the tasks of a service work off, as Amazon SQS has them.
#[derive(Clone, Debug)]
pub struct Queue {
    /// The scenario's name of it.
    pub name: String,
    /// How many messages per second arrive.
    pub arrivals: Rate,
    /// How long a message that was received is hidden from others; default 30 s, 0 to 12 h.
    pub visibility_timeout: Span,
    /// Whose tasks receive them.
    pub service: Ix<Service>,
}

/// A service.
#[derive(Clone, Debug)]
pub struct Service {
    /// The name.
    pub name: String,
    /// The task definition.
    pub task_definition: Ix<TaskDefinition>,
    /// How tasks are launched.
    pub launch: Ix<Launch>,
    /// Replica with a count, or one on each instance.
    pub scheduling: Scheduling,
    /// `minimumHealthyPercent`: of the desired tasks, rounded up.
    pub minimum_healthy_percent: u32,
    /// `maximumPercent`: of the desired tasks, rounded down.
    pub maximum_percent: u32,
    /// Target groups, at most five.
    pub target_groups: Vec<Ix<TargetGroup>>,
    /// `availabilityZoneRebalancing`: whether tasks move to zones that have fewer.
    pub availability_zone_rebalancing: bool,
    /// Application Auto Scaling, where the service is a scalable target.
    pub auto_scaling: Option<Box<ScalableTarget>>,
}

/// A controller of the user's own, which AWS does not have: while there is no capacity for tasks
/// of a service, as many of another run in their place.
#[derive(Clone, Debug)]
pub struct Fallback {
    /// The scenario's name of it.
    pub name: String,
    /// The service whose tasks may find no capacity.
    pub service: Ix<Service>,
    /// The service that stands in; without need it has no tasks.
    pub standby: Ix<Service>,
    /// Time between two looks.
    pub interval: Span,
    /// How long tasks must have been without a place before others are started.
    pub after: Span,
    /// How long the service must have been whole before those are stopped.
    pub back_after: Span,
}

/// The scheduling strategy of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduling {
    /// So many tasks.
    Replica {
        /// How many at the beginning.
        desired_count: u32,
    },
    /// One task on each instance that satisfies the constraints.
    Daemon,
}

/// Whoever calls RunTask: a job trace or a schedule.
#[derive(Clone, Debug)]
pub struct Submitter {
    /// The scenario's name of it, which keys its luck.
    pub name: String,
    /// The task definition.
    pub task_definition: Ix<TaskDefinition>,
    /// How tasks are launched.
    pub launch: Ix<Launch>,
    /// When it submits, and what.
    pub source: Source,
    /// What it does when nothing fits.
    pub when_full: WhenFull,
    /// Whether the tasks of one submission start all or none.
    pub gang: bool,
}

/// When a submitter submits, and what.
#[derive(Clone, Debug)]
pub enum Source {
    /// Rows of a job trace.
    Trace(Arc<JobTrace>),
    /// `count` tasks whenever the schedule fires.
    Schedule {
        /// The schedule.
        schedule: Schedule,
        /// The clocks it goes by.
        calendar: Calendar,
        /// Tasks each time.
        count: u32,
    },
}

/// A job trace in compact columns, in order of arrival; all columns have one length.
#[derive(Clone, Debug, Default)]
pub struct JobTrace {
    /// When the row arrives.
    pub arrival: Vec<SimTime>,
    /// How many identical tasks.
    pub count: Vec<u32>,
    /// What each task asks for.
    pub requirement: Vec<Ix<Requirement>>,
    /// How long each task runs; empty: as the task definition behaves.
    pub duration: Vec<Span>,
    /// The Fargate size of each requirement, by position; empty where no task runs on Fargate.
    pub fargate: Vec<Option<FargateSize>>,
    /// Which row of the file each is, from 1; empty: the file is in order of arrival.
    pub file_rows: Vec<u32>,
}

impl Source {
    /// Returns what people call a row: its number in the file, or that of the firing, from 1.
    pub fn row_number(&self, row: u32) -> u32 {
        let in_file = match self {
            Source::Trace(trace) => trace.file_rows.get(row as usize).copied(),
            Source::Schedule { .. } => None,
        };
        in_file.unwrap_or(row.saturating_add(1))
    }
}

/// What a submitter does when nothing fits. ECS itself has no queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Tries again after a pause that doubles from `initial` to `max`, with jitter.
    Retry {
        /// The first pause.
        initial: Span,
        /// The longest pause.
        max: Span,
    },
    /// Gives up.
    Fail,
    /// Waits in a first-in-first-out queue, tried again when room appears.
    Queue,
}

/// A change at a stated time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// UpdateService with a new desired count.
    SetDesiredCount {
        /// Which service.
        service: Ix<Service>,
        /// The new count.
        desired_count: u32,
    },
    /// SetDesiredCapacity of an Auto Scaling group.
    SetDesiredCapacity {
        /// Which group.
        group: Ix<AutoScalingGroup>,
        /// The new capacity.
        desired_capacity: u32,
    },
    /// EC2 has no On-Demand capacity for a time: the shortage at this position of the model.
    InsufficientCapacity(u32),
    /// StartInstanceRefresh: the instance refresh at this position of the model.
    StartInstanceRefresh(u32),
    /// RegisterScalableTarget of a service that is one: what is not given stays as it is.
    RegisterScalableTarget {
        /// Which service.
        service: Ix<Service>,
        /// The new `MinCapacity`.
        min_capacity: Option<u32>,
        /// The new `MaxCapacity`.
        max_capacity: Option<u32>,
        /// The new `SuspendedState`.
        suspended: Option<Suspended>,
    },
}

/// An instance refresh of an Auto Scaling group.
///
/// Source: EC2 Auto Scaling API, StartInstanceRefresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceRefresh {
    /// Which group.
    pub group: Ix<AutoScalingGroup>,
    /// How many are replaced at once, and up to which checkpoints.
    pub rules: Refresh,
    /// How long it waits at a checkpoint.
    pub checkpoint_delay: Span,
    /// From when an instance is in service until it counts as replaced.
    pub instance_warmup: Span,
}

/// A failure of infrastructure: once at a stated time, or again and again at random.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The scenario's name of it, which keys its luck.
    pub name: String,
    /// When.
    pub when: FaultTime,
    /// What fails.
    pub kind: FaultKind,
}

/// When something fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultTime {
    /// Once.
    At(SimTime),
    /// At random, without memory: each instance, each zone, or the Region by itself.
    Random {
        /// The mean time from one failure to the next.
        mean_time_between: Span,
    },
}

/// What fails, and for how long; without a length of time for good. Lengths are in seconds.
#[derive(Clone, Debug)]
pub enum FaultKind {
    /// Instances of a fleet.
    Instances {
        /// Whose.
        fleet: Ix<Fleet>,
        /// How many at once; of failures at random each instance has its own.
        count: u32,
        /// How.
        failure: HostFailure,
        /// For how long.
        lasts: Option<Distribution>,
    },
    /// An Availability Zone.
    Zone {
        /// Which.
        zone: Ix<Zone>,
        /// How likely each host in it fails.
        share: f64,
        /// How instances fail; tasks on Fargate are lost.
        failure: HostFailure,
        /// Whether nothing can be launched there.
        launches_fail: bool,
        /// For how long.
        lasts: Distribution,
    },
    /// Launches of instances, in the whole Region.
    Launches {
        /// For how long.
        lasts: Distribution,
    },
}

/// How an instance fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostFailure {
    /// It is gone, and Amazon EC2 knows.
    Terminated,
    /// It runs, and does nothing: neither containers nor the agent.
    Hung,
    /// Its agent is not connected; containers go on.
    AgentDisconnected,
}

/// The account's quotas; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Account {
    /// Fargate on-demand CPU units at once.
    pub fargate_cpu_units: Option<u32>,
    /// Fargate Spot CPU units at once.
    pub fargate_spot_cpu_units: Option<u32>,
    /// Fargate launches on demand.
    pub fargate_launches: Option<RateLimit>,
    /// Fargate Spot launches.
    pub fargate_spot_launches: Option<RateLimit>,
    /// RunTask and StopTask calls.
    pub api_calls: Option<RateLimit>,
    /// RunTask calls that can start tasks on Fargate.
    pub fargate_run_task_calls: Option<RateLimit>,
    /// Tasks launched by one service on instances in any minute.
    pub service_launches_on_instances: Option<u32>,
    /// Tasks launched by one service on Fargate in any minute.
    pub service_launches_on_fargate: Option<u32>,
    /// Tasks of one cluster that wait in PROVISIONING for capacity.
    pub provisioning_tasks: u32,
    /// CPU units of EC2 instances on demand at once.
    pub ec2_cpu_units: Option<u32>,
    /// CPU units of EC2 Spot instances at once.
    pub ec2_spot_cpu_units: Option<u32>,
}

impl Account {
    /// An account in which nothing binds but what waits in PROVISIONING.
    pub const UNLIMITED: Account = Account {
        fargate_cpu_units: None,
        fargate_spot_cpu_units: None,
        fargate_launches: None,
        fargate_spot_launches: None,
        api_calls: None,
        fargate_run_task_calls: None,
        service_launches_on_instances: None,
        service_launches_on_fargate: None,
        provisioning_tasks: 500,
        ec2_cpu_units: None,
        ec2_spot_cpu_units: None,
    };
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimit {
    /// Tokens it holds.
    pub burst: u32,
    /// Tokens it gains a second.
    pub per_second: f64,
}

/// Durations that AWS does not publish: all parameters. Distributions are in seconds.
#[derive(Clone, Debug)]
pub struct Timing {
    /// How long a task waits in PROVISIONING for capacity before it is STOPPED.
    pub provisioning_timeout: Span,
    /// From the metric of managed scaling to what is done about it.
    pub managed_scaling_delay: Distribution,
    /// From a change to the service scheduler's reaction.
    pub reconcile_delay: Distribution,
    /// Between attempts to place, at first.
    pub placement_retry: Span,
    /// For how long they are that frequent.
    pub placement_retry_window: Span,
    /// Between attempts to place, later.
    pub placement_retry_slow: Span,
    /// How long a steady service is out of balance over zones before tasks move.
    pub rebalancing_delay: Span,
    /// How many tasks of a service move at once.
    pub rebalancing_tasks: u32,
    /// Failed starts in a row before the service is throttled.
    pub throttle_after: u32,
    /// The first delay of a throttled service; doubled each time.
    pub throttle_first: Span,
    /// The longest delay of a throttled service.
    pub throttle_cap: Span,
    /// Attaching a network interface on EC2.
    pub eni_attach: Distribution,
    /// Detaching it.
    pub eni_detach: Distribution,
    /// Until the agent of an instance learns of a task and acts.
    pub agent_latency: Distribution,
    /// Making and starting a container on an instance.
    pub container_start: Distribution,
    /// Making and starting a container on Fargate.
    pub fargate_start: Distribution,
    /// From RunTask to the start of the pull on Fargate.
    pub fargate_provision: Distribution,
    /// Bytes per second of a Fargate task's pulls together.
    pub fargate_pull_bandwidth: Bytes,
    /// Asking the registry about an image whose layers are there.
    pub cached_pull: Distribution,
    /// From an instance's launch to its state `pending`: the call of EC2's API.
    pub instance_launch_call: Distribution,
    /// From `pending` to its state `running`.
    pub instance_pending: Distribution,
    /// From `running` until the ECS agent starts.
    pub instance_boot: Distribution,
    /// From the agent's start until the instance is ACTIVE.
    pub agent_registration: Distribution,
    /// Attaching the trunk interface of an instance that has one.
    pub trunk_attach: Distribution,
    /// From a launch that failed until the group tries again.
    pub launch_retry: Span,
    /// From the start of a stopped instance of a warm pool until its agent starts.
    pub warm_start: Distribution,
    /// The same of a hibernated one.
    pub warm_resume: Distribution,
    /// How late a scheduled action of a group is.
    pub scheduled_action_delay: Distribution,
    /// How late a scheduled action of a service is.
    pub service_action_delay: Distribution,
    /// From the end of a metric's period until it is published.
    pub metric_delay: Span,
    /// The same of metrics with periods shorter than a minute.
    pub high_resolution_metric_delay: Span,
    /// From there until an alarm has been evaluated and what it leads to is done.
    pub alarm_delay: Span,
    /// How long an instance that is gone counts as terminating, for policies that scale in.
    pub scale_in_settle: Span,
    /// How long a group's zones are out of balance before it looks at them, and looks again.
    pub zone_rebalancing_interval: Span,
    /// What `lastStatus` says while images are pulled.
    pub pull_state: PullState,
    /// After RUNNING, when a task without any check counts as healthy.
    pub settle: Span,
    /// From a load balancer's check of a new target to its answer counting.
    pub health_check_response: Distribution,
    /// From an instance hanging until its Auto Scaling group knows by the status check of EC2.
    pub status_check: Distribution,
    /// From an instance's unwanted end until its Auto Scaling group replaces it.
    pub termination_check: Distribution,
    /// From a Fargate host's failure until its tasks are stopped.
    pub fargate_host_check: Distribution,
}

/// What `lastStatus` says while images are pulled.
///
/// The guide of 2023 implies PENDING, that of 2026 says ACTIVATING.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullState {
    /// PENDING.
    Pending,
    /// ACTIVATING.
    Activating,
}

/// Bounds of the run itself: reaching one ends the run with a partial result that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Events handled.
    pub events: u64,
    /// Tasks alive at once.
    pub tasks: u64,
}

impl Load {
    /// Returns the first two moments of what requests cost.
    pub fn cost(&self) -> (f64, f64) {
        match self.classes[..] {
            [] => (1.0, 1.0),
            ref classes => classes.iter().fold((0.0, 0.0), |(mean, square), it| {
                (mean + it.share * it.cost, square + it.share * it.cost * it.cost)
            }),
        }
    }
}

impl Serving {
    /// Returns what holds on average.
    pub fn work(&self) -> Work {
        let moments = |it: &Distribution| Moments { mean: it.mean(), scv: it.scv() };
        Work {
            cpu: moments(&self.cpu),
            wait: moments(&self.wait),
            concurrency: self.concurrency,
            queue_limit: self.queue_limit,
        }
    }
}

impl When {
    /// Returns when that is next, at or after an instant; `None` if never.
    pub fn next_at_or_after(&self, at: SimTime) -> Option<SimTime> {
        match self {
            When::Once(once) => Some(*once).filter(|once| *once >= at),
            When::Recurring { schedule, calendar } => schedule.next_at_or_after(calendar, at),
        }
    }
}

impl AutoScalingGroup {
    /// Returns the greatest capacity that it may ever want.
    pub fn most(&self) -> u32 {
        let scheduled = self.scheduled_actions.iter().filter_map(|action| action.max_size);
        scheduled.fold(self.max_size, u32::max)
    }

    /// Returns how long an instance that is to go may drain: as long as the lifecycle hook of
    /// managed draining holds it, or as Managed Instances say.
    ///
    /// Source: ECS Developer Guide, managed-instance-draining: 48 hours.
    pub fn drain_timeout(&self) -> Span {
        self.managed_instances.as_ref().map_or(Span::secs(48 * 3600), |it| it.drain_deadline)
    }
}

impl CapacityPool {
    /// Returns how its instances are bought.
    pub fn purchase_option(&self) -> PurchaseOption {
        if self.spot.is_some() { PurchaseOption::Spot } else { PurchaseOption::OnDemand }
    }

    /// Returns what rules of groups tell it by.
    pub fn key(&self) -> PoolKey {
        (self.zone, self.purchase_option(), self.instance_type)
    }
}

impl Launch {
    /// Says whether an instance takes one task at most: a static host port, or
    /// `distinctInstance`.
    pub fn is_alone(&self, wanted: &Requirement) -> bool {
        let distinct =
            |it: &PlacementConstraint| matches!(it, PlacementConstraint::DistinctInstance);
        !wanted.ports.is_empty() || self.constraints.iter().any(distinct)
    }

    /// Returns what one task that waits asks an instance for.
    pub fn waiting(&self, wanted: &Requirement) -> WaitingGroup {
        WaitingGroup {
            resources: wanted.resources,
            awsvpc: wanted.awsvpc,
            alone: self.is_alone(wanted),
            count: 1,
        }
    }
}

impl InstanceClass {
    /// Returns what an empty instance offers to tasks.
    pub fn room(&self) -> Room {
        Room { resources: self.registered, task_enis: self.task_enis }
    }

    /// Returns how its instances are bought; external ones count as on demand.
    pub fn purchase_option(&self) -> PurchaseOption {
        if self.spot.is_some() { PurchaseOption::Spot } else { PurchaseOption::OnDemand }
    }

    /// Returns the value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let at = self.attributes.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok()?;
        Some(&self.attributes[at].1)
    }
}

impl Model {
    /// Says whether an item of a strategy, or a launch type, uses instances of a class, the
    /// cluster apart.
    pub fn uses(&self, item: &StrategyItem, class: &InstanceClass) -> bool {
        match (item.capacity_provider, item.provider) {
            (Some(provider), _) => {
                let group = self.capacity_providers[provider].group;
                class.fleet == self.auto_scaling_groups[group].fleet
            }
            // Source: ECS Developer Guide, Managed Instances: by a capacity provider only.
            (None, Provider::Ec2) => {
                class.launch_type == InstanceLaunchType::Ec2
                    && self.managed_instances_of(class.fleet).is_none()
            }
            (None, Provider::External) => class.launch_type == InstanceLaunchType::External,
            (None, Provider::Fargate | Provider::FargateSpot) => false,
        }
    }

    /// Returns the cluster in which a capacity provider's instances register.
    pub fn cluster_of(&self, provider: Ix<CapacityProvider>) -> Ix<ClusterSpec> {
        self.cluster_of_group(&self.auto_scaling_groups[self.capacity_providers[provider].group])
    }

    /// Returns the cluster in which a group's instances register.
    pub fn cluster_of_group(&self, group: &AutoScalingGroup) -> Ix<ClusterSpec> {
        self.classes[self.fleets[group.fleet].classes[0]].cluster
    }

    /// Says whether some task that instances of a group's cluster may run says what it uses.
    pub fn usage_is_known(&self, group: &AutoScalingGroup) -> bool {
        let cluster = self.cluster_of_group(group);
        let services = self.services.iter().map(|(_, it)| (it.task_definition, it.launch));
        let submitters = self.submitters.iter().map(|(_, it)| (it.task_definition, it.launch));
        let mut launched = services.chain(submitters);
        launched.any(|(definition, launch)| {
            let launch = &self.launches[launch];
            let containers = &self.task_definitions[definition].containers;
            launch.cluster == cluster
                && launch.providers.iter().any(|it| it.provider.uses_instances())
                && containers.iter().any(|it| it.behaviour.usage.is_some())
        })
    }

    /// Returns the managed scaling of an item's capacity provider, if it has any.
    pub fn managed_scaling(&self, item: &StrategyItem) -> Option<&ManagedScaling> {
        let provider = item.capacity_provider?;
        self.capacity_providers[provider].managed_scaling.as_ref()
    }

    /// Returns what Amazon ECS does about a fleet by itself, if it is one of Managed Instances.
    pub fn managed_instances_of(&self, fleet: Ix<Fleet>) -> Option<&ManagedInstances> {
        self.auto_scaling_groups[self.fleets[fleet].group?].managed_instances.as_ref()
    }

    /// Returns the group of an item's capacity provider, if that is of Managed Instances.
    pub fn managed_group(&self, item: &StrategyItem) -> Option<Ix<AutoScalingGroup>> {
        let group = self.capacity_providers[item.capacity_provider?].group;
        self.auto_scaling_groups[group].managed_instances.as_ref().map(|_| group)
    }

    /// Says whether tasks of an item that find no room wait until its capacity provider has grown.
    pub fn lets_wait(&self, item: &StrategyItem) -> bool {
        self.managed_scaling(item).is_some() || self.managed_group(item).is_some()
    }

    /// Returns the name of a pool: its zone and its type.
    pub fn pool_name(&self, pool: &CapacityPool) -> String {
        let types = pool.classes.iter().map(|&class| self.classes[class].instance_type.as_str());
        let instance_type = types.into_iter().next().unwrap_or_default();
        format!("{}/{instance_type}", self.zones[pool.zone].name)
    }

    /// Returns the name of an instance: that of its fleet and its number there.
    pub fn instance_name(&self, instance: &super::Instance) -> String {
        let fleet = self.classes[instance.class].fleet;
        format!("{}-{}", self.fleets[fleet].name, instance.number)
    }
}

//! A task: what it is, the states it goes through, why it stopped.

use smallvec::SmallVec;

use crate::engine::{Id, Ix, Luck};
use crate::units::{SimTime, Span};

use super::cluster::{Instance, Location};
use super::model::{
    FargateSize, Launch, Provider, Requirement, Service, Submitter, Subnet, TaskDefinition, Zone,
};
use super::pull::Puller;
use super::traffic::Server;

/// A container of a task: the task and the position in its definition.
pub type ContainerId = (Id<Task>, u8);

/// A task that is not yet STOPPED.
///
/// What every step of its life looks at comes first, so that it is in one line of the processor's
/// cache.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Task {
    /// Who launched it.
    pub owner: Owner,
    /// Its instance; `None` on Fargate, and while it waits for capacity.
    pub instance: Option<Id<Instance>>,
    /// Its task definition.
    pub task_definition: Ix<TaskDefinition>,
    /// What it reserves.
    pub requirement: Ix<Requirement>,
    /// How it was launched.
    pub launch: Ix<Launch>,
    /// Its zone; `None` while it waits for capacity.
    pub zone: Option<Ix<Zone>>,
    /// What it runs on.
    pub provider: Provider,
    /// Position of its provider in the strategy of its launch.
    pub item: u8,
    /// `lastStatus`.
    pub last_status: TaskStatus,
    /// Whether it counts as healthy.
    pub healthy: bool,
    /// Whether its load balancers, if any, see it as healthy.
    pub(super) target_healthy: bool,
    /// Whether they found it unhealthy after it was healthy.
    pub(super) failed_checks: bool,
    /// Whether what it runs on works: it may count as healthy, and serve nobody.
    pub works: bool,
    /// How often what it runs on has failed.
    pub(super) falls: u16,
    /// What it is to the requests of its service.
    pub(super) server: Server,
    /// Which ledgers and queues it is in.
    pub(super) holds: Holds,
    /// Its containers, in the order of the definition.
    pub containers: SmallVec<[ContainerRun; 1]>,
    /// Its luck: keyed by who launched it, never by its id.
    pub luck: Luck,
    /// Whether `desiredStatus` is STOPPED, and why.
    pub stop: Option<StopReason>,
    /// How long its essential containers run, where the launch says so.
    pub run_time: Option<Span>,
    /// When what happened.
    pub times: TaskTimes,
    /// Number in order of creation, from 1.
    pub number: u64,
    /// The subnet its address is from, if it has one of its own.
    pub subnet: Option<Ix<Subnet>>,
    /// What Fargate gives it; `None` on an instance.
    pub(super) fargate: Option<Box<FargateHost>>,
}

/// The host of a Fargate task: nothing is cached and bandwidth is its own.
#[derive(Clone, Debug)]
pub(super) struct FargateHost {
    pub(super) size: FargateSize,
    pub(super) puller: Puller<ContainerId>,
    /// On Fargate Spot, its seat in its zone.
    pub(super) seat: Option<u32>,
}

/// Which ledgers and queues a task is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Holds {
    pub(super) scheduler: bool,
    pub(super) agent: bool,
    pub(super) eni: bool,
    pub(super) waiting: bool,
}

/// Who launched a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A service.
    Service {
        /// Which.
        service: Ix<Service>,
        /// The lowest number that was free; for a daemon the instance's place.
        slot: u32,
    },
    /// A call of RunTask.
    Submission {
        /// By whom.
        submitter: Ix<Submitter>,
        /// Row of the trace, or number of the firing.
        row: u32,
        /// Position among the tasks of the row.
        ordinal: u32,
    },
}

/// When what happened to a task; `None`: it has not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskTimes {
    /// The submission arrived, or the service first wanted the task.
    pub wanted: SimTime,
    /// It exists.
    pub created: SimTime,
    /// It has a place: mostly at once, after waiting for capacity later.
    pub placed: Option<SimTime>,
    /// The first image pull began.
    pub pull_started: Option<SimTime>,
    /// The last image that RUNNING waited for was there.
    pub pull_stopped: Option<SimTime>,
    /// It is RUNNING.
    pub started: Option<SimTime>,
    /// It counts as healthy.
    pub healthy: Option<SimTime>,
    /// `desiredStatus` became STOPPED.
    pub stop_requested: Option<SimTime>,
    /// It is STOPPING.
    pub stopping: Option<SimTime>,
    /// Its last container has exited.
    pub execution_stopped: Option<SimTime>,
}

/// `lastStatus` of a task.
///
/// Source: ECS Developer Guide, "Amazon ECS task lifecycle".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskStatus {
    /// A network interface is made.
    Provisioning,
    /// Waits for the agent, or for room that is being freed.
    Pending,
    /// Images are pulled, containers made and started.
    Activating,
    /// The essential containers run.
    Running,
    /// Drains from its target groups.
    Deactivating,
    /// SIGTERM was sent.
    Stopping,
    /// The network interface is detached.
    Deprovisioning,
    /// Gone.
    Stopped,
}

impl TaskStatus {
    /// All of them, in the order a task goes through them.
    pub const ALL: [TaskStatus; 8] = [
        TaskStatus::Provisioning,
        TaskStatus::Pending,
        TaskStatus::Activating,
        TaskStatus::Running,
        TaskStatus::Deactivating,
        TaskStatus::Stopping,
        TaskStatus::Deprovisioning,
        TaskStatus::Stopped,
    ];

    /// Returns AWS's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            TaskStatus::Provisioning => "PROVISIONING",
            TaskStatus::Pending => "PENDING",
            TaskStatus::Activating => "ACTIVATING",
            TaskStatus::Running => "RUNNING",
            TaskStatus::Deactivating => "DEACTIVATING",
            TaskStatus::Stopping => "STOPPING",
            TaskStatus::Deprovisioning => "DEPROVISIONING",
            TaskStatus::Stopped => "STOPPED",
        }
    }
}

/// A container of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContainerRun {
    /// What it does.
    pub state: ContainerState,
    /// How often it was started.
    pub starts: u32,
    /// Whether it still uses what it does when it begins to run.
    pub(super) starts_up: bool,
}

/// What a container of a task does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContainerState {
    /// Waits for other containers.
    #[default]
    Waiting,
    /// Waits for its image.
    Pulling,
    /// Is made and started.
    Starting,
    /// Its process runs.
    Running {
        /// Since when.
        since: SimTime,
        /// Whether its health check has passed.
        healthy: bool,
        /// Whether SIGTERM was sent.
        stopping: bool,
    },
    /// Its process has ended; `None`: it never ran.
    Stopped {
        /// The exit code.
        exit_code: Option<i32>,
    },
}

/// Why a task stopped: a `stopCode` with its `stoppedReason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// `Essential container in task exited`.
    EssentialContainerExited {
        /// Position of the container.
        container: u8,
        /// Its exit code.
        exit_code: i32,
    },
    /// A container could not be started.
    ContainerStartFailed {
        /// Position of the container.
        container: u8,
        /// Whether the task had been RUNNING before: it was a start in place of one that ended.
        ran: bool,
    },
    /// What a container depends on can no longer happen, or took too long.
    DependencyFailed {
        /// Position of the container that waited.
        container: u8,
    },
    /// `Scaling activity initiated by (deployment ecs-svc/…)`: a service has one deployment, the
    /// first.
    ScaledIn,
    /// Its container instance drains.
    Drained,
    /// Its container instance is gone.
    HostTerminated,
    /// It waited in PROVISIONING for too long.
    NoCapacity,
    /// `Availability-zone rebalancing initiated by (deployment ecs-svc/…)`: one in another zone has
    /// taken its place.
    ///
    /// Source: ECS Developer Guide, track-service-rebalancing (2026).
    Rebalanced,
    /// Fargate Spot takes its capacity back.
    SpotInterruption,
    /// `Task failed ELB health checks in (target-group …)`.
    Unhealthy,
    /// What it ran on, on Fargate, has failed. The words are assumed.
    FargateHostFailed,
}

/// The `stopCode` enumeration of the API.
///
/// Source: ECS API, TaskStopCode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StopCode {
    /// It never ran.
    TaskFailedToStart,
    /// A container that is essential ended.
    EssentialContainerExited,
    /// The service scheduler stopped it.
    ServiceSchedulerInitiated,
    /// What it ran on has failed or is gone. That the code is this one is assumed.
    InfrastructureHealth,
    /// Fargate Spot took its capacity back.
    SpotInterruption,
}

impl StopCode {
    /// Returns AWS's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            StopCode::TaskFailedToStart => "TaskFailedToStart",
            StopCode::EssentialContainerExited => "EssentialContainerExited",
            StopCode::ServiceSchedulerInitiated => "ServiceSchedulerInitiated",
            StopCode::InfrastructureHealth => "InfrastructureHealth",
            StopCode::SpotInterruption => "SpotInterruption",
        }
    }
}

impl StopReason {
    /// Returns the API's `stopCode`.
    pub const fn code(self) -> StopCode {
        match self {
            StopReason::EssentialContainerExited { .. }
            | StopReason::ContainerStartFailed { ran: true, .. } => {
                StopCode::EssentialContainerExited
            }
            StopReason::ContainerStartFailed { ran: false, .. }
            | StopReason::DependencyFailed { .. }
            | StopReason::NoCapacity => StopCode::TaskFailedToStart,
            StopReason::ScaledIn
            | StopReason::Rebalanced
            | StopReason::Drained
            | StopReason::Unhealthy => StopCode::ServiceSchedulerInitiated,
            StopReason::HostTerminated | StopReason::FargateHostFailed => {
                StopCode::InfrastructureHealth
            }
            StopReason::SpotInterruption => StopCode::SpotInterruption,
        }
    }

    /// Returns the API's `stoppedReason`.
    pub const fn sentence(self) -> &'static str {
        match self {
            StopReason::EssentialContainerExited { .. } => "Essential container in task exited",
            StopReason::ContainerStartFailed { .. } => {
                "CannotStartContainerError: the container could not be started"
            }
            StopReason::DependencyFailed { .. } => {
                "ContainerRuntimeError: a container that this one depends on did not get there"
            }
            StopReason::ScaledIn | StopReason::Drained => {
                "Scaling activity initiated by (deployment ecs-svc/1)"
            }
            StopReason::Rebalanced => {
                "Availability-zone rebalancing initiated by (deployment ecs-svc/1)"
            }
            StopReason::HostTerminated => "Host EC2 (instance) stopped/terminated.",
            StopReason::NoCapacity => "TaskFailedToStart: RESOURCE",
            StopReason::SpotInterruption => "Your Spot Task was interrupted.",
            StopReason::Unhealthy => "Task failed ELB health checks",
            StopReason::FargateHostFailed => "The infrastructure that hosts the task has failed",
        }
    }
}

impl Task {
    /// Returns where the task is; `None` while it waits for capacity.
    pub fn location(&self) -> Option<Location> {
        match self.instance {
            Some(instance) => Some(Location::Instance(instance)),
            None => Some(Location::Fargate(self.provider, self.zone?)),
        }
    }

    /// Says whether it waits for capacity: it has no place yet.
    pub fn is_unplaced(&self) -> bool {
        self.zone.is_none()
    }

    /// Says whether it is gone with its host, and nobody has noticed yet: on Fargate for good.
    pub(super) fn is_lost(&self) -> bool {
        !self.works && self.instance.is_none()
    }

    /// Returns what it is sized and billed as on Fargate; `None` on an instance.
    pub fn fargate(&self) -> Option<FargateSize> {
        self.fargate.as_ref().map(|host| host.size)
    }

    /// Returns the service it belongs to, if any.
    pub fn service(&self) -> Option<Ix<Service>> {
        match self.owner {
            Owner::Service { service, .. } => Some(service),
            Owner::Submission { .. } => None,
        }
    }
}

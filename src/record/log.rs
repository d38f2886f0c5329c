//! Rows about each task, instance and event, handed out while the run goes and never kept.

use crate::ecs::capacity::credits::Stage;
use crate::ecs::capacity::reservation::{Decision, Reservation};
use crate::ecs::model::{
    AutoScalingGroup, CapacityPool, CapacityProvider, Fallback, FargateSize, Fault, Fleet,
    HostFailure, InstanceClass, Model, Provider, Requirement, Scheduling, Service, Submitter,
    TargetGroup, TaskDefinition, Zone,
};
use crate::ecs::{
    AfterFailure, ContainerState, Fact, FailedChecks, FailureReason, FaultEvent, GroupEvent,
    Instance, LaunchFailure, ManagedChange, Observer, Owner, PlacementFailure, ScalingEvent,
    ServiceEvent, StopReason, Task, TaskStatus, TaskTimes, World, ZoneTasks,
};
use crate::engine::{Id, Ix};
use crate::units::{Resources, SimTime, Span};

/// A task, when it has reached STOPPED or the run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskRow {
    /// Number in order of creation, from 1.
    pub number: u64,
    /// Who launched it.
    pub owner: Owner,
    /// Its task definition.
    pub task_definition: Ix<TaskDefinition>,
    /// What it reserved.
    pub requirement: Ix<Requirement>,
    /// Where it ran.
    pub provider: Provider,
    /// Its size on Fargate.
    pub fargate: Option<FargateSize>,
    /// Its instance; `None` on Fargate.
    pub instance: Option<InstanceName>,
    /// Its zone; `None`: it never had a place.
    pub zone: Option<Ix<Zone>>,
    /// `lastStatus`; not STOPPED if the run has ended before.
    pub last_status: TaskStatus,
    /// When what happened.
    pub times: TaskTimes,
    /// When it reached STOPPED; `None`: it was alive at the end.
    pub stopped: Option<SimTime>,
    /// Stop code and reason.
    pub stop: Option<StopReason>,
    /// Exit code of the container that ended the task, otherwise of its first essential one.
    pub exit_code: Option<i32>,
}

/// A container instance, when the run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceRow {
    /// Which.
    pub name: InstanceName,
    /// When it was launched: it is paid for from then on.
    pub launched_at: SimTime,
    /// When it registered; `None`: it has not yet.
    pub registered_at: Option<SimTime>,
    /// Until when it was there, or watched: the end of the run.
    pub until: SimTime,
    /// Whether it is gone.
    pub is_gone: bool,
    /// Tasks ever placed on it.
    pub tasks: u64,
    /// How long there was at least one task on it that is not a daemon's.
    pub occupied: Span,
    /// CPU units reserved by tasks, times µs.
    pub reserved_cpu_unit_micros: u128,
    /// MiB of memory reserved by tasks, times µs.
    pub reserved_memory_mib_micros: u128,
}

/// Something that a service or submitter said; [`sentence`](super::sentence()) writes it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// When.
    pub at: SimTime,
    /// Who.
    pub speaker: Speaker,
    /// What.
    pub happening: Happening,
}

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// A service.
    Service(Ix<Service>),
    /// Whoever calls RunTask.
    Submitter(Ix<Submitter>),
    /// A capacity provider.
    CapacityProvider(Ix<CapacityProvider>),
    /// A fault.
    Fault(Ix<Fault>),
    /// An Auto Scaling group.
    AutoScalingGroup(Ix<AutoScalingGroup>),
    /// A controller of the user's own.
    Fallback(Ix<Fallback>),
    /// Container instances: a fixed fleet, or those of a group.
    Fleet(Ix<Fleet>),
}

/// What is said: [`ServiceEvent`] and failed RunTask calls, with names instead of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// Tasks were started; their numbers follow each other.
    StartedTasks {
        /// How many.
        count: u32,
        /// Number of the first; `None`: it is gone already.
        first: Option<u64>,
    },
    /// Tasks were stopped.
    StoppedTasks {
        /// How many.
        count: u32,
        /// Number of one of them.
        first: Option<u64>,
    },
    /// Tasks were stopped that did not run yet.
    StoppedPendingTasks {
        /// How many.
        count: u32,
    },
    /// Tasks were registered with a target group.
    RegisteredTargets {
        /// How many.
        count: u32,
        /// Where.
        group: Ix<TargetGroup>,
    },
    /// Tasks were deregistered from a target group.
    DeregisteredTargets {
        /// How many.
        count: u32,
        /// Where.
        group: Ix<TargetGroup>,
    },
    /// Tasks drain.
    DrainingConnections {
        /// How many.
        count: u32,
    },
    /// Steady state.
    SteadyState,
    /// No room for a task of a service.
    UnableToPlace {
        /// On which provider.
        provider: Provider,
        /// What was asked.
        requirement: Ix<Requirement>,
        /// Why.
        refusal: Refusal,
    },
    /// Tasks do not start.
    StartImpaired {
        /// Until the next attempt.
        delay: Span,
    },
    /// A rate is used up.
    Throttled,
    /// The desired count changed.
    DesiredCount {
        /// From.
        from: u32,
        /// To.
        to: u32,
    },
    /// Managed scaling changes the desired capacity of the group.
    ManagedScaling {
        /// M, and the metric.
        reservation: Reservation,
        /// N: instances that are there or launched.
        running: u32,
        /// Tasks that wait.
        tasks: u32,
        /// What is done about it.
        decision: Decision,
    },
    /// Tasks are not balanced over zones.
    NotAzBalanced {
        /// How many are where.
        tasks: ZoneTasks,
    },
    /// They are again.
    AzBalanced {
        /// How many are where.
        tasks: ZoneTasks,
    },
    /// A task was started for balance.
    StartedToRebalance {
        /// Its number; `None`: it is gone already.
        task: Option<u64>,
        /// Where.
        zone: Ix<Zone>,
    },
    /// A task was stopped for balance.
    StoppedToRebalance {
        /// Its number; `None`: it is gone already.
        task: Option<u64>,
        /// Where.
        zone: Ix<Zone>,
    },
    /// No task can move.
    UnableToRebalance {
        /// On which provider.
        provider: Provider,
        /// Where there is no room.
        zone: Ix<Zone>,
    },
    /// Tasks that move are like any other now.
    RebalancingStopped,
    /// An Auto Scaling group has done something.
    GroupEvent(GroupEvent),
    /// Application Auto Scaling did something, or did not.
    Scaling(ScalingEvent),
    /// No room for tasks of a submission.
    RunTaskFailed {
        /// Row of the trace, or number of the firing.
        row: u32,
        /// Tasks left without room.
        missing: u32,
        /// Why.
        refusal: Refusal,
        /// What happens now.
        then: AfterFailure,
    },
    /// A load balancer found a task unhealthy.
    TargetUnhealthy {
        /// Its number; `None`: it is gone already.
        task: Option<u64>,
        /// Where.
        group: Ix<TargetGroup>,
    },
    /// An instance has failed.
    InstanceFailed {
        /// Which.
        instance: Option<InstanceName>,
        /// How.
        failure: HostFailure,
    },
    /// An instance works again, or its agent is back.
    InstanceBack {
        /// Which.
        instance: Option<InstanceName>,
    },
    /// A zone is out.
    ZoneOut {
        /// Which.
        zone: Ix<Zone>,
        /// How many instances have failed.
        instances: u32,
        /// How many tasks on Fargate are lost.
        tasks: u32,
    },
    /// A zone is back.
    ZoneBack {
        /// Which.
        zone: Ix<Zone>,
    },
    /// No instance can be launched.
    LaunchesFail,
    /// They can again.
    LaunchesBack,
    /// A group could not launch in a pool.
    LaunchFailed {
        /// Where.
        pool: Ix<CapacityPool>,
        /// Why.
        reason: LaunchFailure,
    },
    /// Other tasks stand in for those of a service.
    Fallback {
        /// Tasks that have no place.
        missing: u32,
        /// How many stood in before.
        from: u32,
        /// How many are to stand in now.
        to: u32,
    },
    /// The CPU credits of an instance stand otherwise.
    CpuCredits {
        /// Which.
        instance: InstanceName,
        /// How they stand now.
        stage: Stage,
    },
    /// Managed Instances launch an instance, or end one.
    ManagedInstance {
        /// Which.
        instance: Option<InstanceName>,
        /// Why.
        why: ManagedChange,
        /// Number of the first task that it is launched for.
        first: Option<u64>,
    },
}

/// Why no instance was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason of the closest instance.
    pub reason: FailureReason,
    /// The closest instance.
    pub closest: Option<InstanceName>,
    /// How many instances failed which check first.
    pub failed: FailedChecks,
}

/// What names an instance: its class, which knows its fleet, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceName {
    /// Its class.
    pub class: Ix<InstanceClass>,
    /// Number within its fleet.
    pub number: u32,
}

/// Takes rows as they come, in an order that is the same for equal runs.
///
/// Whoever writes them somewhere keeps the first error and says so when asked at the end.
pub trait RowSink {
    /// Takes a task: in order of stopping, then those alive at the end.
    fn task(&mut self, row: &TaskRow, model: &Model);
    /// Takes an instance, at the end.
    fn instance(&mut self, row: &InstanceRow, model: &Model);
    /// Takes an event.
    fn event(&mut self, row: &EventRow, model: &Model);
}

/// All rows, for runs known to be small.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Tasks.
    pub tasks: Vec<TaskRow>,
    /// Instances.
    pub instances: Vec<InstanceRow>,
    /// Events.
    pub events: Vec<EventRow>,
}

/// Watches a run and hands rows to a sink.
#[derive(Clone, Debug)]
pub struct RowLog<S> {
    sink: S,
    /// By slot.
    hosts: Vec<Host>,
}

/// What is summed up for the row of an instance.
#[derive(Clone, Copy, Debug, Default)]
struct Host {
    is_registered: bool,
    placed: u64,
    here: u32,
    reserved: Resources,
    changed: SimTime,
    occupied: Span,
    cpu_unit_micros: u128,
    memory_mib_micros: u128,
}

impl InstanceName {
    /// Returns the name of an instance.
    pub fn of(instance: &Instance) -> InstanceName {
        InstanceName { class: instance.class, number: instance.number }
    }

    /// Writes it out: `od-3`.
    pub fn text(self, model: &Model) -> String {
        format!("{}-{}", model.fleets[model.classes[self.class].fleet].name, self.number)
    }
}

impl RowSink for Rows {
    fn task(&mut self, row: &TaskRow, _: &Model) {
        self.tasks.push(*row);
    }

    fn instance(&mut self, row: &InstanceRow, _: &Model) {
        self.instances.push(*row);
    }

    fn event(&mut self, row: &EventRow, _: &Model) {
        self.events.push(*row);
    }
}

impl<S: RowSink> Observer for RowLog<S> {
    fn observe(&mut self, at: SimTime, fact: &Fact, world: &World, model: &Model) {
        match *fact {
            Fact::InstanceActive { instance } => self.host_comes(at, instance, true),
            Fact::InstanceTerminated { instance, .. } => {
                self.instance_row((at, true), instance, world, model);
            }
            Fact::TaskCreated { task } | Fact::TaskPlaced { task } => {
                let entry = &world.tasks[task];
                if let Some(host) = self.host(at, entry) {
                    host.placed += 1;
                    host.here += u32::from(!is_daemon(entry, model));
                    host.reserved.give(&model.requirements[entry.requirement].resources);
                }
            }
            Fact::ReservationReleased { task } => {
                let entry = &world.tasks[task];
                if let Some(host) = self.host(at, entry) {
                    host.reserved.take(&model.requirements[entry.requirement].resources);
                }
            }
            Fact::TaskMoved { task, to: TaskStatus::Stopped, .. } => {
                let entry = &world.tasks[task];
                if let Some(host) = self.host(at, entry) {
                    host.here -= u32::from(!is_daemon(entry, model));
                }
                self.sink.task(&task_row(entry, Some(at), world, model), model);
            }
            Fact::ServiceEvent { .. }
            | Fact::ManagedScaling { .. }
            | Fact::GroupEvent { .. }
            | Fact::Fallback { .. }
            | Fact::LaunchFailed { .. }
            | Fact::ManagedInstance { .. }
            | Fact::RunTaskFailed { .. }
            | Fact::CpuCredits { .. }
            | Fact::ServiceScaling { .. }
            | Fact::Fault { .. } => {
                if let Some((speaker, happening)) = said(fact, world, model) {
                    self.sink.event(&EventRow { at, speaker, happening }, model);
                }
            }
            Fact::InstanceLaunched { instance } => self.host_comes(at, instance, false),
            Fact::InstanceDraining { .. }
            | Fact::InstanceStopped { .. }
            | Fact::InstanceStarted { .. }
            | Fact::WarmPool { .. }
            | Fact::SpotRebalanceRecommended { .. }
            | Fact::SpotInterruptionNotice { .. }
            | Fact::TaskMoved { .. }
            | Fact::TaskPullStarted { .. }
            | Fact::TaskHealthy { .. }
            | Fact::TaskStopRequested { .. }
            | Fact::ContainerStarted { .. }
            | Fact::ContainerStopped { .. }
            | Fact::ContainerRestarted { .. }
            | Fact::TaskReach { .. }
            | Fact::TaskUnhealthy { .. }
            | Fact::ScalingMetric { .. }
            | Fact::Traffic { .. }
            | Fact::StartUp { .. }
            | Fact::Submitted { .. } => {}
        }
    }
}

/// Returns who says what, if anybody says something.
// Most of what happens is not said by anybody.
#[allow(clippy::wildcard_enum_match_arm)]
fn said(fact: &Fact, world: &World, model: &Model) -> Option<(Speaker, Happening)> {
    Some(match *fact {
        Fact::ServiceEvent { service, event } => {
            (Speaker::Service(service), happening(event, world))
        }
        Fact::ManagedScaling {
            provider,
            reservation,
            running,
            tasks,
            decision: decision @ Decision::Step { .. },
        } => {
            let happening = Happening::ManagedScaling { reservation, running, tasks, decision };
            (Speaker::CapacityProvider(provider), happening)
        }
        // Each period of a metric is in its series.
        Fact::ServiceScaling { event: ScalingEvent::Metric { .. }, .. } => return None,
        Fact::ServiceScaling { event: ScalingEvent::ForecastDue { from, to, .. }, .. }
            if to.desired == from =>
        {
            return None;
        }
        Fact::ServiceScaling { service, event } => {
            (Speaker::Service(service), Happening::Scaling(event))
        }
        Fact::GroupEvent { group, event } => {
            (Speaker::AutoScalingGroup(group), Happening::GroupEvent(event))
        }
        Fact::ManagedInstance { provider, instance, why } => {
            let first = match why {
                ManagedChange::Launched { first, .. } => first,
                ManagedChange::Idle
                | ManagedChange::FitsElsewhere { .. }
                | ManagedChange::TooLarge { .. }
                | ManagedChange::Expired => None,
            };
            let first = first.and_then(|task| world.tasks.get(task)).map(|task| task.number);
            let instance = instance_name(instance, world);
            let happening = Happening::ManagedInstance { instance, why, first };
            (Speaker::CapacityProvider(provider), happening)
        }
        Fact::RunTaskFailed { submitter, row, missing, failure, then } => {
            let refusal = refusal(failure, world);
            let happening = Happening::RunTaskFailed { row, missing, refusal, then };
            (Speaker::Submitter(submitter), happening)
        }
        Fact::LaunchFailed { pool, reason } => {
            let group = model.pools[pool].group;
            (Speaker::AutoScalingGroup(group), Happening::LaunchFailed { pool, reason })
        }
        Fact::Fault { fault, what } => (Speaker::Fault(fault), fault_happening(what, world)),
        Fact::Fallback { fallback, missing, from, to } => {
            (Speaker::Fallback(fallback), Happening::Fallback { missing, from, to })
        }
        Fact::CpuCredits { instance, stage: Some(stage) } => {
            let instance = instance_name(instance, world)?;
            let fleet = model.classes[instance.class].fleet;
            (Speaker::Fleet(fleet), Happening::CpuCredits { instance, stage })
        }
        _ => return None,
    })
}

impl<S: RowSink> RowLog<S> {
    /// Makes a log for a run that has not begun.
    pub fn new(sink: S) -> RowLog<S> {
        RowLog { sink, hosts: Vec::new() }
    }

    /// Hands out the tasks that are alive and the instances, and returns the sink.
    pub fn finish(mut self, end: SimTime, world: &World, model: &Model) -> S {
        for (_, task) in world.tasks.iter() {
            self.sink.task(&task_row(task, None, world, model), model);
        }
        for (id, _) in world.cluster.instances() {
            self.instance_row((end, false), id, world, model);
        }
        self.sink
    }

    fn host_comes(&mut self, at: SimTime, instance: Id<Instance>, is_registered: bool) {
        let slot = instance.slot();
        if self.hosts.len() <= slot {
            self.hosts.resize(slot + 1, Host::default());
        }
        self.hosts[slot] = Host { is_registered, changed: at, ..Host::default() };
    }

    fn instance_row(
        &mut self,
        (until, is_gone): (SimTime, bool),
        id: Id<Instance>,
        world: &World,
        model: &Model,
    ) {
        let instance = world.cluster.instance(id);
        let Some(host) = self.hosts.get_mut(id.slot()) else { return };
        host.advance(until);
        let row = InstanceRow {
            name: InstanceName::of(instance),
            launched_at: instance.launched_at,
            registered_at: host.is_registered.then_some(instance.registered_at),
            until,
            is_gone,
            tasks: host.placed,
            occupied: host.occupied,
            reserved_cpu_unit_micros: host.cpu_unit_micros,
            reserved_memory_mib_micros: host.memory_mib_micros,
        };
        self.sink.instance(&row, model);
    }

    /// Returns the host of a task, its sums up to date.
    fn host(&mut self, at: SimTime, task: &Task) -> Option<&mut Host> {
        let host = &mut self.hosts[task.instance?.slot()];
        host.advance(at);
        Some(host)
    }
}

impl Host {
    fn advance(&mut self, at: SimTime) {
        let passed = at.since(self.changed);
        self.changed = at;
        if self.here > 0 {
            self.occupied += passed;
        }
        let micros = u128::from(passed.as_micros());
        self.cpu_unit_micros += u128::from(self.reserved.cpu_units) * micros;
        self.memory_mib_micros += u128::from(self.reserved.memory_mib) * micros;
    }
}

/// Says whether a task is a daemon's: such tasks do not make an instance busy.
///
/// Source: ECS Developer Guide, managed scaling: instances with only daemon tasks count as empty.
pub(super) fn is_daemon(task: &Task, model: &Model) -> bool {
    task.service().is_some_and(|service| match model.services[service].scheduling {
        Scheduling::Daemon => true,
        Scheduling::Replica { .. } => false,
    })
}

fn task_row(task: &Task, stopped: Option<SimTime>, world: &World, model: &Model) -> TaskRow {
    TaskRow {
        number: task.number,
        owner: task.owner,
        task_definition: task.task_definition,
        requirement: task.requirement,
        provider: task.provider,
        fargate: task.fargate(),
        instance: task.instance.and_then(|id| instance_name(id, world)),
        zone: task.zone,
        last_status: task.last_status,
        times: task.times,
        stopped,
        stop: task.stop,
        exit_code: exit_code(task, model),
    }
}

fn instance_name(id: Id<Instance>, world: &World) -> Option<InstanceName> {
    world.cluster.get(id).map(InstanceName::of)
}

fn exit_code(task: &Task, model: &Model) -> Option<i32> {
    if let Some(StopReason::EssentialContainerExited { exit_code, .. }) = task.stop {
        return Some(exit_code);
    }
    let containers = &model.task_definitions[task.task_definition].containers;
    let essential = containers.iter().position(|container| container.essential)?;
    match task.containers[essential].state {
        ContainerState::Stopped { exit_code } => exit_code,
        ContainerState::Waiting
        | ContainerState::Pulling
        | ContainerState::Starting
        | ContainerState::Running { .. } => None,
    }
}

fn refusal(failure: PlacementFailure, world: &World) -> Refusal {
    Refusal {
        reason: failure.reason,
        closest: failure.closest.and_then(|id| instance_name(id, world)),
        failed: failure.failed,
    }
}

fn happening(event: ServiceEvent, world: &World) -> Happening {
    match event {
        ServiceEvent::StartedTasks { count, first } => {
            let first = world.tasks.get(first).map(|task| task.number);
            Happening::StartedTasks { count, first }
        }
        ServiceEvent::StoppedTasks { count, first } => {
            let first = world.tasks.get(first).map(|task| task.number);
            Happening::StoppedTasks { count, first }
        }
        ServiceEvent::StoppedPendingTasks { count } => Happening::StoppedPendingTasks { count },
        ServiceEvent::RegisteredTargets { count, group } => {
            Happening::RegisteredTargets { count, group }
        }
        ServiceEvent::DeregisteredTargets { count, group } => {
            Happening::DeregisteredTargets { count, group }
        }
        ServiceEvent::DrainingConnections { count } => Happening::DrainingConnections { count },
        ServiceEvent::SteadyState => Happening::SteadyState,
        ServiceEvent::UnableToPlace { provider, requirement, failure } => {
            Happening::UnableToPlace { provider, requirement, refusal: refusal(failure, world) }
        }
        ServiceEvent::StartImpaired { delay } => Happening::StartImpaired { delay },
        ServiceEvent::Throttled => Happening::Throttled,
        ServiceEvent::DesiredCount { from, to } => Happening::DesiredCount { from, to },
        ServiceEvent::NotAzBalanced { tasks } => Happening::NotAzBalanced { tasks },
        ServiceEvent::AzBalanced { tasks } => Happening::AzBalanced { tasks },
        ServiceEvent::StartedToRebalance { task, zone } => {
            let task = world.tasks.get(task).map(|task| task.number);
            Happening::StartedToRebalance { task, zone }
        }
        ServiceEvent::StoppedToRebalance { task, zone } => {
            let task = world.tasks.get(task).map(|task| task.number);
            Happening::StoppedToRebalance { task, zone }
        }
        ServiceEvent::UnableToRebalance { provider, zone } => {
            Happening::UnableToRebalance { provider, zone }
        }
        ServiceEvent::RebalancingStopped => Happening::RebalancingStopped,
        ServiceEvent::TargetUnhealthy { task, group } => {
            let task = world.tasks.get(task).map(|task| task.number);
            Happening::TargetUnhealthy { task, group }
        }
    }
}

fn fault_happening(what: FaultEvent, world: &World) -> Happening {
    match what {
        FaultEvent::Instance { instance, failure } => {
            Happening::InstanceFailed { instance: instance_name(instance, world), failure }
        }
        FaultEvent::InstanceBack { instance } => {
            Happening::InstanceBack { instance: instance_name(instance, world) }
        }
        FaultEvent::Zone { zone, instances, tasks } => {
            Happening::ZoneOut { zone, instances, tasks }
        }
        FaultEvent::ZoneBack { zone } => Happening::ZoneBack { zone },
        FaultEvent::Launches => Happening::LaunchesFail,
        FaultEvent::LaunchesBack => Happening::LaunchesBack,
    }
}

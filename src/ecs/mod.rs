//! The model of Amazon ECS: pure, single-threaded, `Clone`. No files, no prices, no printing.
//!
//! A [`Sim`] is one run: a [`Model`] that does not change, a [`World`] that does, and a queue of
//! events. [`Sim::run_until`] pops an event and hands it to the area it belongs to; what happens
//! leaves as [`Fact`]s to an [`Observer`].

mod account;
mod auto_scaling;
pub mod capacity;
mod capacity_provider;
pub mod cluster;
mod cpu_credits;
mod detect;
mod fact;
mod fallback;
mod fargate_spot;
mod fault;
#[cfg(test)]
pub(crate) mod fixture;
mod group_scaling;
mod instance;
mod life;
mod lifecycle_hook;
mod lifetime;
pub mod load;
mod managed_instances;
mod metric;
pub mod model;
pub mod placement;
mod provisioning;
mod pull;
mod rebalancing;
mod refresh;
pub mod scaling;
mod scheduled_scaling;
mod service;
mod service_metric;
mod service_scaling;
mod spot;
mod submit;
mod task;
#[cfg(test)]
mod tests;
mod traffic;
mod warm_pool;
mod zone_balance;

use std::sync::Arc;

use crate::engine::{Arena, Id, Ix, Livelock, Queue, Rank, Seed, Table};
use crate::units::{SimTime, Span};

pub use self::cluster::{Cluster, Instance, InstanceStatus, Location};
pub use self::cpu_credits::CpuCredits;
pub use self::fact::{
    AfterFailure, Fact, FailedChecks, FailureReason, FaultEvent, GroupEvent, LaunchFailure,
    ManagedChange, Observer, PlacementFailure, ScalingEvent, ServiceEvent, TerminationReason,
    WarmPoolChange, ZoneTasks,
};
pub use self::model::Model;
pub(crate) use self::service::provider_targets;
pub use self::task::{ContainerState, Owner, StopCode, StopReason, Task, TaskStatus, TaskTimes};

use self::account::AccountState;
use self::auto_scaling::{GroupState, PoolState};
use self::capacity_provider::ProviderState;
use self::fallback::FallbackState;
use self::fargate_spot::FargateSpot;
use self::fault::{Faults, Outage};
use self::group_scaling::ScalingState;
use self::load::fluid::Level;
use self::metric::Metrics;
use self::model::Queue as MessageQueue;
use self::model::{
    AutoScalingGroup, CapacityPool, CapacityProvider, ClusterSpec, Fallback, Fault, Fidelity, Load,
    Service, SpotSupply, Submitter, Zone,
};
use self::placement::Placer;
use self::provisioning::Waiting;
use self::service::ServiceState;
use self::service_metric::ServiceMetrics;
use self::service_scaling::TargetState;
use self::spot::SupplyState;
use self::submit::{Submission, SubmitterState};
use self::traffic::Traffic;
pub use self::traffic::{Clients, Desk, Served};

/// One run: deterministic, and a clone of it at any instant continues as the original does.
#[derive(Clone, Debug)]
pub struct Sim {
    model: Arc<Model>,
    seed: Seed,
    world: World,
    queue: Queue<Event>,
    events: u64,
}

/// The state of a run.
#[derive(Clone, Debug)]
pub struct World {
    /// Container instances and their ledgers.
    pub cluster: Cluster,
    /// Tasks that are not yet STOPPED.
    pub tasks: Arena<Task>,
    /// Services, by position in the model.
    pub services: Table<ServiceState, Service>,
    /// Auto Scaling groups, by position in the model.
    pub groups: Table<GroupState, AutoScalingGroup>,
    /// Where groups launch, by position in the model.
    pools: Table<PoolState, CapacityPool>,
    /// Spot capacity, by position in the model.
    supplies: Table<SupplyState, SpotSupply>,
    fargate_spot: FargateSpot,
    tasks_created: u64,
    account: AccountState,
    submitters: Table<SubmitterState, Submitter>,
    /// Submitters who wait for tasks to come or go.
    watchers: Vec<Ix<Submitter>>,
    submissions: Arena<Submission>,
    placer: Placer,
    provisioning: Table<Waiting, ClusterSpec>,
    capacity_providers: Table<ProviderState, CapacityProvider>,
    faults: Faults,
    fallbacks: Table<FallbackState, Fallback>,
    metrics: Metrics,
    traffic: Traffic,
    /// Scaling policies of groups, by position in the model.
    group_scaling: Table<ScalingState, AutoScalingGroup>,
    service_metrics: ServiceMetrics,
    /// Application Auto Scaling, by position of the service in the model.
    service_scaling: Table<Option<Box<TargetState>>, Service>,
}

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// To the instant it was asked for.
    Reached,
    /// Through as many events as it was given; there are more before that instant.
    Paused,
    /// To a bound of the model: how many events or tasks were allowed.
    LimitReached(Limit),
    /// Into an instant that never ends.
    Livelock(Livelock),
}

/// A bound of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// `limits.events`: events, and requests that are simulated one by one.
    Events(u64),
    /// `limits.tasks`: tasks alive and submissions that wait.
    Tasks(u64),
}

/// What happens next. Copied through the queue, so small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// The run begins.
    Begin,
    /// A step in the life of a task.
    Task(Id<Task>, TaskStep),
    /// A step in the life of a container, of its start with this number, foreseen when its host
    /// had hung so often.
    Container { task: Id<Task>, container: u8, start: u16, step: ContainerStep, hangs: u16 },
    /// The next pull on an instance is complete, unless the epoch is stale.
    InstancePull(Id<Instance>, u32),
    /// The next pull of a Fargate task is complete, unless the epoch is stale.
    TaskPull(Id<Task>, u32),
    /// A service compares what it wants with what it has.
    Reconcile(Ix<Service>, u32),
    /// A service looks whether its tasks are balanced over zones, unless the epoch is stale.
    Rebalance(Ix<Service>, u32),
    /// The next row of a trace, or firing of a schedule.
    Arrival(Ix<Submitter>),
    /// A submission calls RunTask again.
    Submit(Id<Submission>),
    /// A submitter's queue is looked at again: room has appeared.
    TryQueue(Ix<Submitter>),
    /// Tasks of a cluster that wait for capacity are looked at: room has appeared.
    PlaceWaiting(Ix<ClusterSpec>),
    /// A minute of a capacity provider's managed scaling.
    ManagedScaling(Ix<CapacityProvider>),
    /// The desired capacity that managed scaling has decided on.
    ManagedCapacity(Ix<CapacityProvider>, u32),
    /// An instance has drained for as long as it may.
    DrainTimeout(Id<Instance>),
    /// The agent of a launched instance has registered it.
    Registered(Id<Instance>),
    /// A group compares what it wants with what it has.
    Adjust(Ix<AutoScalingGroup>),
    /// The capacity of a Spot pool is short from now on, or changes as recorded.
    SupplyChanges(Ix<SpotSupply>),
    /// Whoever sits in a slot of a pool is struck alone.
    StruckAlone(Ix<CapacityPool>, u32),
    /// Fargate Spot has no capacity in a zone from now on.
    FargateDrought(Ix<Zone>),
    /// It has some again.
    FargateRefilled(Ix<Zone>),
    /// An interruption of a Spot instance goes on.
    Interruption(Id<Instance>, Interruption),
    /// The action at this position of the model.
    Action(u32),
    /// A fault strikes.
    Fault(Ix<Fault>),
    /// A failure ends.
    FaultEnds(Id<Outage>),
    /// The status check of an instance that hangs, after so many times before, fails.
    StatusCheck(Id<Instance>, u32),
    /// A group looks whether it has what it wants.
    AdjustGroup(Ix<AutoScalingGroup>),
    /// The scheduled action of a group at this position falls due.
    ScheduledAction(Ix<AutoScalingGroup>, u16),
    /// It is executed, late.
    LateAction(Ix<AutoScalingGroup>, u16),
    /// An instance is as old as its group lets instances become.
    Outlived(Id<Instance>),
    /// An instance refresh of a group goes on.
    Refresh(Ix<AutoScalingGroup>),
    /// A lifecycle hook gives a launched instance up.
    LaunchAbandoned(Id<Instance>),
    /// An instance is ready to wait in its warm pool.
    Warmed(Id<Instance>),
    /// The lifecycle hooks of an instance that is to go are done; true: one of them abandoned it.
    TerminationHooksDone(Id<Instance>, bool),
    /// A controller looks whether another service must stand in.
    Fallback(Ix<Fallback>),
    /// CPU credits of an instance, or the work they pace, come to a point, unless the epoch is
    /// stale.
    CpuCredits(Id<Instance>, u32),
    /// Managed Instances are chosen for tasks that wait.
    PlanInstances(Ix<AutoScalingGroup>),
    /// Managed Instances are looked at that may be idle or underutilized.
    OptimizeInstances(Ix<AutoScalingGroup>),
    /// A minute of the alarms of a group's scaling policies.
    ScalingMinute(Ix<AutoScalingGroup>),
    /// A group looks whether its zones are balanced.
    BalanceZones(Ix<AutoScalingGroup>),
    /// A load has another rate from now on.
    LoadChanges(Ix<Load>),
    /// A backlog of requests is worked off, or as long as it can be, unless the epoch is stale.
    Station(Ix<Service>, u32),
    /// Messages come to a queue at another rate from now on.
    QueueChanges(Ix<MessageQueue>),
    /// Messages of a service's queue whose tasks have died are visible again.
    MessagesVisible(Ix<Service>),
    /// Requests may fill the memory of a service's tasks.
    MemoryLook(Ix<Service>),
    /// A task works at more requests than its memory is enough for.
    OutOfMemory(Id<Task>),
    /// Application Auto Scaling of a service goes on.
    ServiceScaling(Ix<Service>, ScalingStep),
    /// A test says how many CPU units, in thousandths, a service uses.
    #[cfg(test)]
    Uses(Ix<Service>, u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TaskStep {
    /// Its network interface is there.
    Provisioned,
    /// The agent of its instance has learnt of it.
    Received,
    /// It counts as healthy.
    Healthy,
    /// It has drained from its target groups.
    Deregistered,
    /// Its network interface is gone.
    Deprovisioned,
    /// It has waited for capacity as long as it may.
    CapacityTimeout,
    /// Fargate Spot takes its capacity back.
    Interrupted,
    /// Its load balancer finds it unhealthy, since it fell for this time.
    ChecksFail(u16),
    /// Fargate knows that its host has failed.
    HostFailed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ScalingStep {
    /// Alarms of its policies are looked at.
    Look,
    /// The scheduled action at this position falls due.
    Scheduled(u16),
    /// It is executed, late.
    Late(u16),
    /// The policy at this position forecasts the load.
    Forecast(u16),
    /// Tasks of its forecast are due.
    ForecastDue(u16),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interruption {
    /// EC2 says that it may come.
    Recommended,
    /// EC2 says that it will.
    Noticed,
    /// The instance is gone.
    Reclaimed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ContainerStep {
    /// The registry was asked, and all layers are there.
    PullChecked,
    /// The process runs.
    Started,
    /// It could not be started.
    StartFailed,
    /// Its health check has passed.
    Healthy,
    /// It has waited for its dependencies for too long.
    StartTimeout,
    /// It uses no more than it always does from now on.
    StartUpOver,
    /// The process ends by itself.
    Exits { exit_code: u8 },
    /// The process ends after SIGTERM or SIGKILL.
    Stopped { exit_code: u8 },
}

const _: () = assert!(size_of::<Event>() <= 16, "events are copied through the queue");

/// Ranks of one instant: what ended gives room to what acts, and what acts sees all that ended.
mod rank {
    use super::Rank;

    /// Things end and give back what they held.
    pub const ENDED: Rank = 0;
    /// Things under way get one step further.
    pub const PROGRESSED: Rank = 1;
    /// Controllers act on what they see.
    pub const CONTROLLERS: Rank = 2;
    /// New demand arrives.
    pub const DEMAND: Rank = 3;
}

/// What a handler may use besides the world: the model, the luck, the queue, the observer.
struct Cx<'a> {
    model: &'a Model,
    seed: Seed,
    queue: &'a mut Queue<Event>,
    observer: &'a mut dyn Observer,
}

impl Cx<'_> {
    fn now(&self) -> SimTime {
        self.queue.now()
    }

    fn at(&mut self, at: SimTime, rank: Rank, event: Event) {
        self.queue.schedule(at, rank, event);
    }

    fn after(&mut self, delay: Span, rank: Rank, event: Event) {
        let at = self.now().saturating_add(delay);
        self.queue.schedule(at, rank, event);
    }

    /// Schedules an event that a controller awaits, unless it comes as early already.
    fn sooner(&mut self, next: &mut Option<SimTime>, after: Span, event: Event) {
        let at = self.now().saturating_add(after);
        if next.is_none_or(|it| at < it) {
            *next = Some(at);
            self.at(at, rank::CONTROLLERS, event);
        }
    }

    fn tell(&mut self, world: &World, fact: Fact) {
        self.observer.observe(self.queue.now(), &fact, world, self.model);
    }
}

impl Sim {
    /// Makes a run that has not begun.
    pub fn new(model: Arc<Model>, seed: Seed) -> Sim {
        let mut queue = Queue::new();
        queue.schedule(SimTime::ZERO, rank::ENDED, Event::Begin);
        let world = World {
            cluster: Cluster::new(&model),
            tasks: Arena::new(),
            services: model
                .services
                .iter()
                .map(|(_, spec)| ServiceState::new(&model, spec))
                .collect(),
            groups: model
                .auto_scaling_groups
                .iter()
                .map(|(_, spec)| GroupState::new(spec))
                .collect(),
            pools: model.pools.iter().map(|_| PoolState::default()).collect(),
            fargate_spot: FargateSpot::new(&model, seed),
            supplies: model
                .spot_pools
                .iter()
                .map(|(_, spec)| SupplyState::new(model.spot_market.of(seed, &spec.pool), spec))
                .collect(),
            tasks_created: 0,
            account: AccountState::new(&model),
            submitters: model
                .submitters
                .iter()
                .map(|(_, spec)| SubmitterState::new(spec, seed))
                .collect(),
            watchers: submit::watchers(&model),
            submissions: Arena::new(),
            placer: Placer::default(),
            provisioning: model.clusters.iter().map(|_| Waiting::default()).collect(),
            capacity_providers: model
                .capacity_providers
                .iter()
                .map(|_| ProviderState::default())
                .collect(),
            faults: Faults::new(&model),
            fallbacks: model.fallbacks.iter().map(|_| FallbackState::default()).collect(),
            metrics: Metrics::new(&model, seed),
            traffic: Traffic::new(&model, seed),
            group_scaling: model
                .auto_scaling_groups
                .iter()
                .map(|(_, spec)| ScalingState::new(spec))
                .collect(),
            service_metrics: ServiceMetrics::new(&model, seed),
            service_scaling: model
                .services
                .iter()
                .map(|(_, spec)| spec.auto_scaling.as_deref().map(TargetState::boxed))
                .collect(),
        };
        Sim { model, seed, world, queue, events: 0 }
    }

    /// Handles every event due at or before `until`, telling `observer` what happens.
    ///
    /// A run can be continued: `run_until(a)` then `run_until(b)` equals `run_until(b)`.
    pub fn run_until(&mut self, until: SimTime, observer: &mut dyn Observer) -> Stop {
        self.run_some(until, u64::MAX, observer)
    }

    /// Like [`Sim::run_until`], but pauses after so many events.
    pub fn run_some(&mut self, until: SimTime, events: u64, observer: &mut dyn Observer) -> Stop {
        let pause = self.events.saturating_add(events);
        loop {
            let done = self.events.saturating_add(self.world.traffic.requests());
            if done >= self.model.limits.events {
                return Stop::LimitReached(Limit::Events(self.model.limits.events));
            }
            if self.world.things() > self.model.limits.tasks {
                return Stop::LimitReached(Limit::Tasks(self.model.limits.tasks));
            }
            if self.events >= pause {
                return Stop::Paused;
            }
            if self.model.fidelity == Fidelity::Requests {
                traffic::advance(self, until);
            }
            let tasks = &self.world.tasks;
            let ahead = |event: &Event| {
                if let Event::Container { task, .. } | Event::Task(task, _) = event {
                    tasks.expect_soon(*task);
                }
            };
            match self.queue.pop_ahead(until, ahead) {
                Ok(Some(event)) => {
                    self.events += 1;
                    let mut cx = Cx {
                        model: &self.model,
                        seed: self.seed,
                        queue: &mut self.queue,
                        observer,
                    };
                    handle(&mut cx, &mut self.world, event);
                }
                Ok(None) => {
                    traffic::settle(&mut self.world);
                    return Stop::Reached;
                }
                Err(livelock) => return Stop::Livelock(livelock),
            }
        }
    }

    /// Lets the tasks of a service use so many thousandths of CPU units from an instant on.
    #[cfg(test)]
    pub(crate) fn uses_at(&mut self, at: SimTime, service: Ix<Service>, cpu_milli_units: u32) {
        self.queue.schedule(at, rank::DEMAND, Event::Uses(service, cpu_milli_units));
    }

    /// Returns the model.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Returns the state.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Returns the instant of the last event.
    pub fn now(&self) -> SimTime {
        self.queue.now()
    }

    /// Returns how many events were handled.
    pub fn events(&self) -> u64 {
        self.events
    }
}

impl World {
    /// Returns how many tasks are there, those of waiting submissions counted as one each.
    fn things(&self) -> u64 {
        (self.tasks.len() + self.submissions.len()) as u64
    }

    /// Returns what becomes of the requests that are sent to a service, and what holds of them
    /// until the next change, on average; `None`: none are sent.
    pub fn station(&self, service: Ix<Service>) -> Option<(Served<'_>, &Level)> {
        self.traffic.station(service)
    }

    /// Returns how many tasks were ever created.
    pub fn tasks_created(&self) -> u64 {
        self.tasks_created
    }
}

/// Hands an event to the area it belongs to.
fn handle(cx: &mut Cx, world: &mut World, event: Event) {
    match event {
        Event::Begin => begin(cx, world),
        Event::Task(task, step) => life::on_task(cx, world, task, step),
        Event::Container { task, container, start, step, .. } => {
            if !fault::delays(cx, world, event) {
                life::on_container(cx, world, ((task, container), start), step);
            }
        }
        Event::InstancePull(instance, epoch) => life::on_instance_pull(cx, world, instance, epoch),
        Event::TaskPull(task, epoch) => life::on_task_pull(cx, world, task, epoch),
        Event::Reconcile(service, epoch) => service::on_reconcile(cx, world, service, epoch),
        Event::Rebalance(service, epoch) => rebalancing::on_look(cx, world, service, epoch),
        Event::Arrival(submitter) => submit::on_arrival(cx, world, submitter),
        Event::Submit(submission) => submit::on_submit(cx, world, submission),
        Event::TryQueue(submitter) => submit::on_try_queue(cx, world, submitter),
        Event::PlaceWaiting(cluster) => provisioning::on_place_waiting(cx, world, cluster),
        Event::ManagedScaling(provider) => capacity_provider::on_minute(cx, world, provider),
        Event::ManagedCapacity(provider, to) => {
            capacity_provider::on_capacity(cx, world, provider, to);
        }
        Event::DrainTimeout(instance) => auto_scaling::on_drain_timeout(cx, world, instance),
        Event::Registered(instance) => auto_scaling::on_registered(cx, world, instance),
        Event::Adjust(group) => auto_scaling::on_adjust(cx, world, group),
        Event::SupplyChanges(supply) => spot::on_change(cx, world, supply),
        Event::StruckAlone(pool, slot) => spot::on_struck_alone(cx, world, pool, slot),
        Event::FargateDrought(zone) => fargate_spot::on_drought(cx, world, zone),
        Event::FargateRefilled(zone) => fargate_spot::on_refilled(cx, world, zone),
        Event::Interruption(instance, step) => spot::on_interruption(cx, world, instance, step),
        Event::Action(position) => act(cx, world, position),
        Event::Fault(fault) => fault::on_fault(cx, world, fault),
        Event::FaultEnds(outage) => fault::on_end(cx, world, outage),
        Event::StatusCheck(instance, number) => {
            detect::on_status_check(cx, world, instance, number);
        }
        Event::AdjustGroup(group) => auto_scaling::adjust(cx, world, group),
        Event::ScheduledAction(group, position) => {
            scheduled_scaling::on_due(cx, world, (group, position));
        }
        Event::LateAction(group, position) => {
            scheduled_scaling::execute(cx, world, (group, position));
        }
        Event::Outlived(instance) => lifetime::on_outlived(cx, world, instance),
        Event::Refresh(group) => refresh::go_on(cx, world, group),
        Event::Warmed(instance) => warm_pool::on_warmed(cx, world, instance),
        Event::LaunchAbandoned(instance) => auto_scaling::abandon(cx, world, instance),
        Event::TerminationHooksDone(instance, is_abandoned) => {
            auto_scaling::on_hooks_done(cx, world, instance, is_abandoned);
        }
        Event::Fallback(fallback) => fallback::on_look(cx, world, fallback),
        Event::CpuCredits(instance, epoch) => cpu_credits::on_due(cx, world, instance, epoch),
        Event::PlanInstances(group) => managed_instances::on_plan(cx, world, group),
        Event::OptimizeInstances(group) => managed_instances::on_look(cx, world, group),
        Event::ScalingMinute(group) => group_scaling::on_minute(cx, world, group),
        Event::BalanceZones(group) => zone_balance::on_look(cx, world, group),
        Event::LoadChanges(load) => traffic::on_load(cx, world, load),
        Event::Station(service, epoch) => traffic::on_station(cx, world, service, epoch),
        Event::QueueChanges(queue) => traffic::on_queue(cx, world, queue),
        Event::MessagesVisible(service) => traffic::on_visible(cx, world, service),
        Event::MemoryLook(service) => traffic::on_memory_look(cx, world, service),
        Event::OutOfMemory(task) => traffic::on_out_of_memory(cx, world, task),
        Event::ServiceScaling(service, step) => service_scaling::on_step(cx, world, service, step),
        #[cfg(test)]
        Event::Uses(service, used) => service_metric::uses(cx, world, service, used),
    }
}

/// Fixed fleets are ACTIVE, daemons first, then the services, then whoever submits.
fn begin(cx: &mut Cx, world: &mut World) {
    instance::register_fleets(cx, world);
    spot::begin(cx, world);
    fargate_spot::begin(cx, world);
    auto_scaling::begin(cx, world);
    service::begin(cx, world);
    capacity_provider::begin(cx, world);
    submit::begin(cx, world);
    fault::begin(cx, world);
    scheduled_scaling::begin(cx);
    fallback::begin(cx);
    group_scaling::begin(cx);
    traffic::begin(cx, world);
    service_scaling::begin(cx, world);
    for position in 0..cx.model.actions.len() {
        let (at, _) = cx.model.actions[position];
        cx.at(at, rank::DEMAND, Event::Action(position as u32));
    }
}

fn act(cx: &mut Cx, world: &mut World, position: u32) {
    let (_, action) = cx.model.actions[position as usize];
    match action {
        model::Action::SetDesiredCount { service, desired_count } => {
            service::set_desired_count(cx, world, service, desired_count);
        }
        model::Action::SetDesiredCapacity { group, desired_capacity } => {
            auto_scaling::set_desired_capacity(cx, world, group, desired_capacity);
        }
        model::Action::InsufficientCapacity(shortage) => {
            auto_scaling::run_short(cx, world, shortage);
        }
        model::Action::StartInstanceRefresh(position) => refresh::start(cx, world, position),
        model::Action::RegisterScalableTarget { .. } => {
            service_scaling::register(cx, world, action);
        }
    }
}

//! The life of a task: from its network interface over pulls and containers to STOPPED.
//!
//! Source of the states and their order: ECS Developer Guide, "Amazon ECS task lifecycle" (2026).

use std::array;

use crate::engine::{Distribution, Id, Ix, Luck, Purpose, Rank};
use crate::units::{SimTime, Span};

use super::cluster::Instance;
use super::model::{
    Behaviour, Condition, Container, Deregistration, FargateSize, Launch, Provider, PullBehavior,
    PullState, Requirement, Scheduling, Service, TargetGroup, TaskDefinition,
};
use super::placement::Place;
use super::pull::Puller;
use super::task::{ContainerId, ContainerRun, FargateHost, Holds};
use super::traffic::{self, Server};
use super::{
    ContainerState, ContainerStep, Cx, Event, Fact, Owner, StopReason, Task, TaskStatus, TaskStep,
    TaskTimes, World, cpu_credits, detect, fargate_spot, fault, instance, managed_instances,
    metric, provisioning, rank, service, submit,
};

const ENI_ATTACH: Purpose = Purpose::new("network interface attach");
const ENI_DETACH: Purpose = Purpose::new("network interface detach");
const AGENT_LATENCY: Purpose = Purpose::new("agent latency");
const FARGATE_PROVISION: Purpose = Purpose::new("fargate provision");
const CACHED_PULL: Purpose = Purpose::new("cached pull");
const START_TIME: Purpose = Purpose::new("container start");
const START_FAILURE: Purpose = Purpose::new("container start failure");
const RUN_TIME: Purpose = Purpose::new("container run time");
const RUN_MET: Purpose = Purpose::new("container run met at the beginning");
const RUN_LEFT: Purpose = Purpose::new("container run left at the beginning");
const RUN_FAILURE: Purpose = Purpose::new("container run failure");
const CRASH: Purpose = Purpose::new("container crash");
const STOP_TIME: Purpose = Purpose::new("container stop");
const READY_TIME: Purpose = Purpose::new("container ready");
const TARGET_PHASE: Purpose = Purpose::new("target health check phase");
const TARGET_RESPONSE: Purpose = Purpose::new("target health check response");

/// Exit code of a process that a signal ended: 128 + SIGTERM.
const TERMINATED: u8 = 143;
/// Exit code of a process that was killed: 128 + SIGKILL.
const KILLED: u8 = 137;

/// A task that is about to exist: everything about it is decided.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewTask {
    pub owner: Owner,
    pub task_definition: Ix<TaskDefinition>,
    pub requirement: Ix<Requirement>,
    pub launch: Ix<Launch>,
    /// Position of its provider in the strategy, and what it runs on.
    pub item: u8,
    pub provider: Provider,
    /// Where it goes; `None`: it waits for capacity.
    pub place: Option<Place>,
    pub fargate: Option<FargateSize>,
    pub run_time: Option<Span>,
    pub wanted: SimTime,
    pub luck: Luck,
}

/// Makes the task and reserves what it needs; nothing of it runs yet.
fn create(cx: &mut Cx, world: &mut World, new: &NewTask, status: TaskStatus) -> Id<Task> {
    let size = new.fargate.filter(|_| !new.provider.uses_instances());
    let puller = || Puller::new(cx.model.images.len());
    world.tasks_created += 1;
    let definition = &cx.model.task_definitions[new.task_definition];
    let task = world.tasks.insert(Task {
        number: world.tasks_created,
        owner: new.owner,
        task_definition: new.task_definition,
        requirement: new.requirement,
        launch: new.launch,
        provider: new.provider,
        item: new.item,
        instance: None,
        zone: None,
        subnet: None,
        run_time: new.run_time,
        last_status: status,
        stop: None,
        healthy: false,
        times: TaskTimes { wanted: new.wanted, created: cx.now(), ..TaskTimes::default() },
        containers: definition.containers.iter().map(|_| ContainerRun::default()).collect(),
        luck: new.luck,
        fargate: size.map(|size| Box::new(FargateHost { size, puller: puller(), seat: None })),
        target_healthy: false,
        failed_checks: false,
        works: true,
        falls: 0,
        server: Server::None,
        holds: Holds::default(),
    });
    if let Some(place) = new.place {
        take_place(cx, world, task, place);
    }
    if new.provider == Provider::FargateSpot {
        fargate_spot::arrive(cx, world, task);
    }
    cx.tell(world, Fact::TaskCreated { task });
    submit::tasks_changed(cx, world);
    task
}

/// Reserves what the task needs at its place.
fn take_place(cx: &mut Cx, world: &mut World, task: Id<Task>, place: Place) {
    let entry = &mut world.tasks[task];
    let requirement = &cx.model.requirements[entry.requirement];
    let group = cx.model.launches[entry.launch].group;
    entry.instance = place.instance;
    entry.zone = Some(place.zone);
    entry.subnet = place.subnet;
    entry.times.placed = Some(cx.now());
    entry.holds = Holds {
        scheduler: place.instance.is_some(),
        eni: requirement.awsvpc || place.instance.is_none(),
        ..Holds::default()
    };
    match (place.instance, entry.fargate()) {
        (Some(instance), _) => {
            let daemon = daemon_of(cx, entry.owner);
            world.cluster.place(instance, (requirement, daemon), group);
            traffic::reserved_changes(cx, world, instance);
        }
        (None, size) => {
            let size = size.expect("a task on Fargate has a size");
            // A task that runs already was launched before the run began.
            let paced = entry.last_status == TaskStatus::Provisioning;
            world.account.fargate_starts(place.provider, size, paced);
            world.cluster.count_in(place.location(), group);
        }
    }
    if let Some(subnet) = place.subnet {
        world.account.take_address(subnet);
    }
}

/// Makes the task and begins its life, or its wait for capacity.
pub(super) fn launch(cx: &mut Cx, world: &mut World, new: &NewTask) -> Id<Task> {
    let awsvpc = cx.model.requirements[new.requirement].awsvpc;
    let status = match new.place {
        Some(place) if place.instance.is_some() && !awsvpc => TaskStatus::Pending,
        Some(_) | None => TaskStatus::Provisioning,
    };
    let task = create(cx, world, new, status);
    match new.place {
        Some(_) => set_off(cx, world, task),
        None => provisioning::wait(cx, world, task),
    }
    task
}

/// A task that has waited for capacity has a place now.
pub(super) fn place(cx: &mut Cx, world: &mut World, task: Id<Task>, place: Place) {
    take_place(cx, world, task, place);
    service::task_is_placed(world, task);
    cx.tell(world, Fact::TaskPlaced { task });
    submit::tasks_changed(cx, world);
    set_off(cx, world, task);
}

/// A task that has a place gets its network interface, or goes to the agent at once.
fn set_off(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    if let Some(instance) = world.tasks[task].instance {
        managed_instances::changed(cx, world, instance);
    }
    let entry = &world.tasks[task];
    let delay = match entry.instance {
        Some(_) if !entry.holds.eni => {
            if entry.last_status == TaskStatus::Provisioning {
                set_status(cx, world, task, TaskStatus::Pending);
            }
            return send_to_agent(cx, world, task);
        }
        Some(_) => cx.model.timing.eni_attach.sample_span(entry.luck, ENI_ATTACH),
        None => cx.model.timing.fargate_provision.sample_span(entry.luck, FARGATE_PROVISION),
    };
    cx.after(delay, rank::PROGRESSED, Event::Task(task, TaskStep::Provisioned));
}

/// Makes a task that runs already, and is healthy, when the run begins.
pub(super) fn launch_running(cx: &mut Cx, world: &mut World, new: &NewTask) -> Id<Task> {
    let task = create(cx, world, new, TaskStatus::Pending);
    let definition = &cx.model.task_definitions[new.task_definition];
    let instance = world.tasks[task].instance;
    if let Some(instance) = instance {
        let requirement = &cx.model.requirements[new.requirement];
        world.cluster.agent_take(instance, requirement);
        world.tasks[task].holds.agent = true;
        for container in &definition.containers {
            world.cluster.instance_mut(instance).puller.keep(container.image);
        }
    }
    let now = cx.now();
    if instance.is_none() {
        note_pull_started(cx, world, task);
    }
    for position in 0..definition.containers.len() {
        // What others waited for has done its work before the run began.
        let done = definition.containers.iter().any(|other| {
            other.depends_on.iter().any(|dependency| {
                dependency.on == position
                    && matches!(dependency.condition, Condition::Complete | Condition::Success)
            })
        });
        let id = (task, position as u8);
        if done {
            world.tasks[task].containers[position].state =
                ContainerState::Stopped { exit_code: Some(0) };
        } else {
            run_container(cx, world, id, Age::Any);
            mark_container_healthy(world, id);
        }
    }
    let entry = &mut world.tasks[task];
    entry.times.started = Some(now);
    entry.target_healthy = true;
    set_status(cx, world, task, TaskStatus::Running);
    try_healthy(cx, world, task);
    traffic::look(cx, world, task);
    task
}

/// Says whether a task is of a daemon service.
pub(super) fn is_daemon(cx: &Cx, task: &Task) -> bool {
    daemon_of(cx, task.owner).is_some()
}

fn daemon_of(cx: &Cx, owner: Owner) -> Option<Ix<Service>> {
    match owner {
        Owner::Service { service, .. } => match cx.model.services[service].scheduling {
            Scheduling::Daemon => Some(service),
            Scheduling::Replica { .. } => None,
        },
        Owner::Submission { .. } => None,
    }
}

fn set_status(cx: &mut Cx, world: &mut World, task: Id<Task>, to: TaskStatus) {
    let entry = &mut world.tasks[task];
    let from = entry.last_status;
    assert!(from < to, "a task only goes forward, not from {from:?} to {to:?}");
    entry.last_status = to;
    metric::task_moves(cx, world, task, from);
    cx.tell(world, Fact::TaskMoved { task, from, to });
}

/// A step in the life of a task.
pub(super) fn on_task(cx: &mut Cx, world: &mut World, task: Id<Task>, step: TaskStep) {
    let Some(entry) = world.tasks.get_mut(task) else { return };
    match step {
        TaskStep::Provisioned => {
            if entry.last_status != TaskStatus::Provisioning || entry.is_lost() {
                return; // stopped meanwhile, or lost
            }
            let on_instance = entry.instance.is_some();
            set_status(cx, world, task, TaskStatus::Pending);
            if on_instance {
                send_to_agent(cx, world, task);
            } else {
                begin_execution(cx, world, task);
            }
        }
        TaskStep::Received => {
            let event = Event::Task(task, step);
            if entry.last_status == TaskStatus::Pending {
                let instance = entry.instance;
                if !fault::keeps(cx, world, instance, (rank::PROGRESSED, event)) {
                    arrive_at_agent(cx, world, task);
                }
            }
        }
        TaskStep::Healthy => {
            let is_target = entry
                .service()
                .is_some_and(|service| !cx.model.services[service].target_groups.is_empty());
            if entry.works || !is_target {
                entry.target_healthy = true;
                try_healthy(cx, world, task);
                traffic::look(cx, world, task);
            }
        }
        TaskStep::Deregistered => {
            if entry.last_status == TaskStatus::Deactivating {
                begin_stopping(cx, world, task);
            }
        }
        TaskStep::Deprovisioned => stopped(cx, world, task),
        TaskStep::CapacityTimeout => {
            if entry.is_unplaced() {
                request_stop(cx, world, task, StopReason::NoCapacity);
            }
        }
        TaskStep::Interrupted => fargate_spot::interrupt(cx, world, task),
        TaskStep::ChecksFail(falls) => detect::on_checks_fail(cx, world, task, falls),
        TaskStep::HostFailed => host_is_gone(cx, world, task),
    }
}

/// The agent learns of the task after a moment.
fn send_to_agent(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    let delay = cx.model.timing.agent_latency.sample_span(world.tasks[task].luck, AGENT_LATENCY);
    cx.after(delay, rank::PROGRESSED, Event::Task(task, TaskStep::Received));
}

/// The agent starts the task if it has room and nobody waits before it.
///
/// Source: amazon-ecs-agent `docker_task_engine.go`, since 1.73.0: first in first out, and the
/// head of the queue blocks those behind it.
fn arrive_at_agent(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    let entry = &mut world.tasks[task];
    let instance = entry.instance.expect("only tasks on instances have an agent");
    let requirement = &cx.model.requirements[entry.requirement];
    let host = world.cluster.instance_mut(instance);
    if host.waiting.is_empty() && host.agent_has_room(requirement) {
        entry.holds.agent = true;
        world.cluster.agent_take(instance, requirement);
        begin_execution(cx, world, task);
    } else {
        entry.holds.waiting = true;
        host.waiting.push_back(task);
    }
}

/// Starts the tasks at the head of the agent's queue that fit now.
pub(super) fn admit_waiting(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    loop {
        let host = world.cluster.instance_mut(instance);
        if !host.agent_connected() {
            return;
        }
        let Some(&task) = host.waiting.front() else { return };
        let requirement = &cx.model.requirements[world.tasks[task].requirement];
        if !host.agent_has_room(requirement) {
            return;
        }
        host.waiting.pop_front();
        world.cluster.agent_take(instance, requirement);
        let holds = &mut world.tasks[task].holds;
        holds.waiting = false;
        holds.agent = true;
        begin_execution(cx, world, task);
    }
}

fn begin_execution(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    if cx.model.timing.pull_state == PullState::Activating {
        set_status(cx, world, task, TaskStatus::Activating);
    }
    start_ready_containers(cx, world, task);
}

/// Begins every container whose dependencies are satisfied; stops the task if one never can be.
fn start_ready_containers(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    let definition = &cx.model.task_definitions[world.tasks[task].task_definition];
    for (position, container) in definition.containers.iter().enumerate() {
        let runs = &world.tasks[task].containers;
        if runs[position].state != ContainerState::Waiting {
            continue;
        }
        let mut ready = true;
        for dependency in &container.depends_on {
            match fulfilment(dependency.condition, runs[dependency.on].state) {
                Fulfilment::Met => {}
                Fulfilment::Open => ready = false,
                Fulfilment::Impossible => {
                    return dependency_failed(cx, world, (task, position as u8));
                }
            }
        }
        if ready {
            pull(cx, world, (task, position as u8));
        }
    }
}

/// A container can never start: an essential one ends the task, others go on without it.
///
/// Source: amazon-ecs-agent `task_manager.go`, `handleTerminalDependencyError`.
fn dependency_failed(cx: &mut Cx, world: &mut World, id: ContainerId) {
    if container(cx, &world.tasks[id.0], id.1).essential {
        let reason = StopReason::DependencyFailed { container: id.1 };
        return request_stop(cx, world, id.0, reason);
    }
    go_on_without(cx, world, id);
}

/// A container that is not essential never ran; those that wait for it may now give up.
fn go_on_without(cx: &mut Cx, world: &mut World, id: ContainerId) {
    world.tasks[id.0].containers[id.1 as usize].state = ContainerState::Stopped { exit_code: None };
    cx.tell(world, Fact::ContainerStopped { task: id.0, container: id.1, exit_code: None });
    start_ready_containers(cx, world, id.0);
}

enum Fulfilment {
    Met,
    Open,
    Impossible,
}

/// Says whether a container in `state` meets what another one asks of it.
///
/// Source: ECS API, ContainerDependency.
fn fulfilment(condition: Condition, state: ContainerState) -> Fulfilment {
    use ContainerState as S;
    match (condition, state) {
        (_, S::Waiting | S::Pulling | S::Starting) => Fulfilment::Open,
        (_, S::Stopped { exit_code: None }) => Fulfilment::Impossible,
        (Condition::Start, S::Running { .. } | S::Stopped { .. }) => Fulfilment::Met,
        (Condition::Healthy, S::Running { healthy, .. }) => {
            if healthy {
                Fulfilment::Met
            } else {
                Fulfilment::Open
            }
        }
        (Condition::Healthy, S::Stopped { .. }) => Fulfilment::Impossible,
        (Condition::Complete | Condition::Success, S::Running { .. }) => Fulfilment::Open,
        (Condition::Complete, S::Stopped { .. }) => Fulfilment::Met,
        (Condition::Success, S::Stopped { exit_code: Some(code) }) => {
            if code == 0 {
                Fulfilment::Met
            } else {
                Fulfilment::Impossible
            }
        }
    }
}

/// Gets the image of a container: from the host's cache, or by a pull that shares its bandwidth.
fn pull(cx: &mut Cx, world: &mut World, id: ContainerId) {
    let (task, position) = id;
    note_pull_started(cx, world, task);
    let entry = &mut world.tasks[task];
    entry.containers[position as usize].state = ContainerState::Pulling;
    let image = definition(cx, entry).containers[position as usize].image;
    let size = cx.model.images[image].size;
    match entry.instance {
        None => {
            let bandwidth = cx.model.timing.fargate_pull_bandwidth;
            let host = entry.fargate.as_mut().expect("a task without an instance is on Fargate");
            let puller = &mut host.puller;
            if puller.has(image) {
                return image_is_there(cx, world, id);
            }
            puller.begin(cx.now(), (image, size), bandwidth, id);
            foresee_task_pull(cx, world, task);
        }
        Some(instance) => {
            let host = world.cluster.instance_mut(instance);
            let class = &cx.model.classes[host.class];
            if host.puller.has(image) {
                match class.pull_behavior {
                    PullBehavior::Once | PullBehavior::PreferCached => {
                        image_is_there(cx, world, id);
                    }
                    PullBehavior::Default | PullBehavior::Always => {
                        let luck = container_luck(&world.tasks[task], position);
                        let delay = cx.model.timing.cached_pull.sample_span(luck, CACHED_PULL);
                        let step = (rank::PROGRESSED, ContainerStep::PullChecked);
                        foresee(cx, world, id, delay, step);
                    }
                }
                return;
            }
            host.puller.begin(cx.now(), (image, size), class.pull_bandwidth, id);
            foresee_instance_pull(cx, world, instance);
        }
    }
}

fn note_pull_started(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    let times = &mut world.tasks[task].times;
    if times.pull_started.is_none() {
        times.pull_started = Some(cx.now());
        cx.tell(world, Fact::TaskPullStarted { task });
    }
}

fn foresee_instance_pull(cx: &mut Cx, world: &World, instance: Id<Instance>) {
    let host = world.cluster.instance(instance);
    if let Some(next) = host.puller.next_end(cx.model.classes[host.class].pull_bandwidth) {
        cx.at(next.at, rank::PROGRESSED, Event::InstancePull(instance, next.epoch));
    }
}

fn foresee_task_pull(cx: &mut Cx, world: &World, task: Id<Task>) {
    let Some(host) = &world.tasks[task].fargate else { return };
    if let Some(next) = host.puller.next_end(cx.model.timing.fargate_pull_bandwidth) {
        cx.at(next.at, rank::PROGRESSED, Event::TaskPull(task, next.epoch));
    }
}

/// The next pull on an instance is complete.
pub(super) fn on_instance_pull(cx: &mut Cx, world: &mut World, instance: Id<Instance>, epoch: u32) {
    if world.cluster.get(instance).is_none_or(|host| host.puller.epoch() != epoch) {
        return;
    }
    let event = Event::InstancePull(instance, epoch);
    if fault::keeps(cx, world, Some(instance), (rank::PROGRESSED, event)) {
        return;
    }
    let host = world.cluster.instance_mut(instance);
    let bandwidth = cx.model.classes[host.class].pull_bandwidth;
    let done = host.puller.finish(cx.now(), bandwidth);
    foresee_instance_pull(cx, world, instance);
    for id in done {
        image_is_there(cx, world, id);
    }
}

/// The next pull of a Fargate task is complete.
pub(super) fn on_task_pull(cx: &mut Cx, world: &mut World, task: Id<Task>, epoch: u32) {
    let there = world.tasks.get_mut(task).filter(|entry| entry.works);
    let Some(host) = there.and_then(|entry| entry.fargate.as_mut()) else { return };
    let puller = &mut host.puller;
    if puller.epoch() != epoch {
        return;
    }
    let done = puller.finish(cx.now(), cx.model.timing.fargate_pull_bandwidth);
    foresee_task_pull(cx, world, task);
    for id in done {
        image_is_there(cx, world, id);
    }
}

fn image_is_there(cx: &mut Cx, world: &mut World, id: ContainerId) {
    let entry = &mut world.tasks[id.0];
    if entry.times.started.is_none() {
        entry.times.pull_stopped = Some(cx.now());
    }
    begin_start(cx, world, id);
}

/// Makes and starts the container: its process runs after its start time, or the start fails.
fn begin_start(cx: &mut Cx, world: &mut World, id: ContainerId) {
    let entry = &mut world.tasks[id.0];
    let run = &mut entry.containers[id.1 as usize];
    run.state = ContainerState::Starting;
    run.starts += 1;
    let luck = container_luck(entry, id.1);
    let behaviour = &definition(cx, entry).containers[id.1 as usize].behaviour;
    let usual = match entry.instance {
        Some(_) => &cx.model.timing.container_start,
        None => &cx.model.timing.fargate_start,
    };
    let delay = behaviour.start_time.as_ref().unwrap_or(usual).sample_span(luck, START_TIME);
    let step = if luck.chance(START_FAILURE, behaviour.start_failure_rate) {
        ContainerStep::StartFailed
    } else {
        ContainerStep::Started
    };
    foresee(cx, world, id, delay, (rank::PROGRESSED, step));
}

/// Schedules a step of a container, which comes only if it is not started anew meanwhile.
fn foresee(
    cx: &mut Cx,
    world: &World,
    (task, container): ContainerId,
    delay: Span,
    (rank, step): (Rank, ContainerStep),
) {
    let entry = &world.tasks[task];
    let start = start_number(entry, container);
    let hangs = fault::hangs_of(cx, world, entry);
    cx.after(delay, rank, Event::Container { task, container, start, step, hangs });
}

/// Which start of the container this is; the number wraps long after all that was foreseen for
/// it has come, for restarts are at least a minute apart.
pub(super) fn start_number(task: &Task, container: u8) -> u16 {
    task.containers[container as usize].starts as u16
}

fn definition<'m>(cx: &Cx<'m>, task: &Task) -> &'m TaskDefinition {
    &cx.model.task_definitions[task.task_definition]
}

fn container<'m>(cx: &Cx<'m>, task: &Task, position: u8) -> &'m Container {
    &definition(cx, task).containers[position as usize]
}

/// Says whether the task stops with this container.
pub(super) fn is_essential(cx: &Cx, task: &Task, position: u8) -> bool {
    container(cx, task, position).essential
}

/// The luck of one start of one container.
fn container_luck(task: &Task, position: u8) -> Luck {
    task.luck.part(u64::from(position)).part(u64::from(task.containers[position as usize].starts))
}

/// A step in the life of a container; one about a container that has moved on is dropped.
pub(super) fn on_container(
    cx: &mut Cx,
    world: &mut World,
    (id, start): (ContainerId, u16),
    step: ContainerStep,
) {
    let Some(entry) = world.tasks.get_mut(id.0) else { return };
    if start_number(entry, id.1) != start {
        return;
    }
    let state = entry.containers[id.1 as usize].state;
    match (step, state) {
        (ContainerStep::PullChecked, ContainerState::Pulling) => image_is_there(cx, world, id),
        (ContainerStep::Started, ContainerState::Starting) => {
            run_container(cx, world, id, Age::New);
            start_ready_containers(cx, world, id.0);
            try_running(cx, world, id.0);
        }
        (ContainerStep::StartFailed, ContainerState::Starting) => start_failed(cx, world, id),
        (ContainerStep::Healthy, ContainerState::Running { .. }) => {
            mark_container_healthy(world, id);
            if world.tasks[id.0].stop.is_none() {
                start_ready_containers(cx, world, id.0);
                try_healthy(cx, world, id.0);
                traffic::look(cx, world, id.0);
            }
        }
        (ContainerStep::StartTimeout, ContainerState::Running { .. }) => {
            give_up_waiting_for(cx, world, id);
        }
        (ContainerStep::StartUpOver, ContainerState::Running { .. }) => {
            end_start_up(cx, world, id);
        }
        (
            ContainerStep::Exits { exit_code } | ContainerStep::Stopped { exit_code },
            ContainerState::Running { since, .. },
        ) => container_ended(cx, world, id, (since, i32::from(exit_code))),
        _ => {} // the container was stopped, or has ended, before this could happen
    }
}

/// A container could not be started: an essential one ends the task, others go on without it.
fn start_failed(cx: &mut Cx, world: &mut World, id: ContainerId) {
    let entry = &world.tasks[id.0];
    let ran = entry.times.started.is_some();
    if container(cx, entry, id.1).essential {
        let reason = StopReason::ContainerStartFailed { container: id.1, ran };
        return request_stop(cx, world, id.0, reason);
    }
    go_on_without(cx, world, id);
}

/// The process runs: foresees its end and its first passed health check.
fn run_container(cx: &mut Cx, world: &mut World, id: ContainerId, age: Age) {
    let now = cx.now();
    world.tasks[id.0].containers[id.1 as usize].state =
        ContainerState::Running { since: now, healthy: false, stopping: false };
    let entry = &world.tasks[id.0];
    let container = container(cx, entry, id.1);
    let luck = container_luck(entry, id.1);
    let run_time = entry.run_time.filter(|_| container.essential);
    let work = work(&container.behaviour, luck, run_time, age);
    let crash = crash(&container.behaviour, luck);
    let (usage, start_up) = (container.behaviour.usage, container.behaviour.start_up);
    let is_paced = cpu_credits::pace(cx, world, entry, usage);
    // Work that CPU credits pace is done when they say so.
    let end = if is_paced { crash } else { earlier(work, crash) };
    if let Some((after, exit_code)) = end {
        foresee(cx, world, id, after, (rank::ENDED, ContainerStep::Exits { exit_code }));
    }
    if let Some(check) = container.health_check {
        let ready = container.behaviour.ready_time.sample_span(luck, READY_TIME);
        let passes = first_check_after(ready, Span::ZERO, check.interval);
        foresee(cx, world, id, passes, (rank::PROGRESSED, ContainerStep::Healthy));
    }
    if let Some(timeout) = container.start_timeout {
        foresee(cx, world, id, timeout, (rank::PROGRESSED, ContainerStep::StartTimeout));
    }
    metric::container(cx, world, id, true);
    cx.tell(world, Fact::ContainerStarted { task: id.0, container: id.1 });
    if let Some(start_up) = start_up.filter(|_| age == Age::New) {
        world.tasks[id.0].containers[id.1 as usize].starts_up = true;
        foresee(cx, world, id, start_up.lasts, (rank::PROGRESSED, ContainerStep::StartUpOver));
        metric::start_up(cx, world, id, true);
        cx.tell(world, Fact::StartUp { task: id.0, container: id.1, begins: true });
    }
    if is_paced {
        cpu_credits::container_runs(cx, world, id, (usage, work));
    }
}

/// A container uses no more than it always does, or nothing, from now on.
fn end_start_up(cx: &mut Cx, world: &mut World, (task, container): ContainerId) {
    let run = &mut world.tasks[task].containers[container as usize];
    if std::mem::take(&mut run.starts_up) {
        metric::start_up(cx, world, (task, container), false);
        cx.tell(world, Fact::StartUp { task, container, begins: false });
    }
}

/// A container has used more memory than it may: the kernel ends it.
///
/// Source: ECS API, ContainerDefinition, `memory`; its reason is `OutOfMemoryError`.
pub(super) fn out_of_memory(cx: &mut Cx, world: &mut World, id: ContainerId) {
    let Some(entry) = world.tasks.get(id.0) else { return };
    let start = start_number(entry, id.1);
    let step = ContainerStep::Exits { exit_code: KILLED };
    on_container(cx, world, (id, start), step);
}

/// How long a process has run already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    /// It has just started.
    New,
    /// It is found running at an instant like any other: when the run begins.
    Any,
}

/// What is left of a run that is found under way at an instant like any other.
///
/// Renewal theory: the longer a run the likelier it is met, and it is met anywhere in it. The run
/// is one of several, chosen in proportion to its length, which comes close for any distribution.
fn rest_of_run(time: &Distribution, luck: Luck) -> Span {
    let runs: [Span; 32] = array::from_fn(|n| time.sample_span(luck.part(n as u64), RUN_TIME));
    let total: f64 = runs.iter().map(|run| run.as_secs_f64()).sum();
    let mut point = luck.unit(RUN_MET) * total;
    let met = runs.iter().copied().find(|run| {
        point -= run.as_secs_f64();
        point < 0.0
    });
    Span::from_secs_f64(met.unwrap_or(runs[0]).as_secs_f64() * luck.unit(RUN_LEFT))
}

/// When the work of a process is done, and how it exits then.
fn work(behaviour: &Behaviour, luck: Luck, run_time: Option<Span>, age: Age) -> Option<(Span, u8)> {
    let own_time = || {
        let time = behaviour.run_time.as_ref()?;
        Some(match age {
            Age::New => time.sample_span(luck, RUN_TIME),
            Age::Any => rest_of_run(time, luck),
        })
    };
    run_time.or_else(own_time).map(|span| {
        let failed = luck.chance(RUN_FAILURE, behaviour.failure_rate);
        (span, if failed { behaviour.failure_exit_code } else { 0 })
    })
}

/// When a process crashes, if it does, and how it exits then.
fn crash(behaviour: &Behaviour, luck: Luck) -> Option<(Span, u8)> {
    (behaviour.crash_rate_per_hour > 0.0).then(|| {
        let mean = Span::HOUR.as_secs_f64() / behaviour.crash_rate_per_hour;
        (Span::from_secs_f64(-mean * (1.0 - luck.unit(CRASH)).ln()), behaviour.failure_exit_code)
    })
}

/// A process ends at the end of its work, or by a crash before.
fn earlier(work: Option<(Span, u8)>, crash: Option<(Span, u8)>) -> Option<(Span, u8)> {
    match (work, crash) {
        (Some(work), Some(crash)) => Some(if crash.0 < work.0 { crash } else { work }),
        (work, crash) => work.or(crash),
    }
}

/// Returns when the first check at or after `ready` is made, checks being `interval` apart.
///
/// With a phase of zero the first check is made one interval after the start, as Docker does.
fn first_check_after(ready: Span, phase: Span, interval: Span) -> Span {
    let first = if phase.is_zero() { interval } else { phase };
    if ready <= first {
        return first;
    }
    let step = interval.as_micros().max(1);
    let missing = (ready - first).as_micros().div_ceil(step);
    first.saturating_add(Span::micros(missing.saturating_mul(step)))
}

fn mark_container_healthy(world: &mut World, id: ContainerId) {
    let state = &mut world.tasks[id.0].containers[id.1 as usize].state;
    if let ContainerState::Running { healthy, .. } = state {
        *healthy = true;
    }
}

/// `startTimeout` has passed since this container started: those that still wait for it give up.
///
/// Source: amazon-ecs-agent `dependencygraph`, `hasDependencyTimedOut`.
fn give_up_waiting_for(cx: &mut Cx, world: &mut World, id: ContainerId) {
    let entry = &world.tasks[id.0];
    let containers = &definition(cx, entry).containers;
    for (position, other) in containers.iter().enumerate() {
        let waits = other.depends_on.iter().any(|dependency| {
            dependency.on == id.1 as usize && dependency.condition != Condition::Start
        });
        if waits && world.tasks[id.0].containers[position].state == ContainerState::Waiting {
            dependency_failed(cx, world, (id.0, position as u8));
        }
    }
}

/// RUNNING as soon as every essential container runs.
fn try_running(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    let entry = &mut world.tasks[task];
    if entry.last_status >= TaskStatus::Running || entry.stop.is_some() {
        return;
    }
    let containers = &definition(cx, entry).containers;
    let all_run = containers.iter().zip(&entry.containers).all(|(container, run)| {
        !container.essential || matches!(run.state, ContainerState::Running { .. })
    });
    if !all_run {
        return;
    }
    entry.times.started = Some(cx.now());
    set_status(cx, world, task, TaskStatus::Running);
    service::task_runs(cx, world, task);
    foresee_health(cx, world, task);
    traffic::look(cx, world, task);
}

/// When a task of a service begins to count as healthy.
///
/// Source: ECS API, DeploymentConfiguration: 40 s after RUNNING without any check, otherwise when
/// the checks there are have passed. Load balancer: "Optimize load balancer health check
/// parameters": a new target of an Application Load Balancer is healthy after one success.
fn foresee_health(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    let entry = &mut world.tasks[task];
    let Owner::Service { service, .. } = entry.owner else { return };
    let groups = &cx.model.services[service].target_groups;
    let checks = definition(cx, entry)
        .containers
        .iter()
        .any(|container| container.essential && container.health_check.is_some());
    let delay = if !groups.is_empty() {
        let luck = entry.luck;
        let ready = ready_after(cx, entry);
        let spans = groups.iter().enumerate().map(|(n, &group)| {
            let group = &cx.model.target_groups[group];
            healthy_target_after(group, luck.part(n as u64), ready)
        });
        let response = cx.model.timing.health_check_response.sample_span(luck, TARGET_RESPONSE);
        spans.max().unwrap_or(Span::ZERO).saturating_add(response)
    } else if checks {
        entry.target_healthy = true;
        return try_healthy(cx, world, task);
    } else {
        cx.model.timing.settle
    };
    cx.after(delay, rank::PROGRESSED, Event::Task(task, TaskStep::Healthy));
}

/// Returns how long after now the slowest essential container is able to work.
fn ready_after(cx: &Cx, task: &Task) -> Span {
    let containers = &definition(cx, task).containers;
    let spans = containers.iter().enumerate().filter(|(_, c)| c.essential).map(|(n, container)| {
        let luck = container_luck(task, n as u8);
        let ready = container.behaviour.ready_time.sample_span(luck, READY_TIME);
        match task.containers[n].state {
            ContainerState::Running { since, .. } => ready.saturating_sub(cx.now().since(since)),
            ContainerState::Waiting
            | ContainerState::Pulling
            | ContainerState::Starting
            | ContainerState::Stopped { .. } => ready,
        }
    });
    spans.max().unwrap_or(Span::ZERO)
}

/// When a new target is healthy: at its first check where one is enough, otherwise after as many
/// intervals as checks (corrections to the reference, 1: interval × threshold).
fn healthy_target_after(group: &TargetGroup, luck: Luck, ready: Span) -> Span {
    let interval = group.health_check_interval;
    let more = u64::from(group.first_healthy_checks.saturating_sub(1));
    let phase = match more {
        // A phase of exactly zero would read as "no phase".
        0 => Span::from_secs_f64(luck.unit(TARGET_PHASE) * interval.as_secs_f64())
            .max(Span::micros(1)),
        _ => Span::ZERO,
    };
    first_check_after(ready, phase, interval).saturating_add(interval.saturating_mul(more))
}

fn try_healthy(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    let entry = &mut world.tasks[task];
    if entry.healthy || entry.last_status != TaskStatus::Running || !entry.target_healthy {
        return;
    }
    let containers = &definition(cx, entry).containers;
    let passed = containers.iter().zip(&entry.containers).all(|(container, run)| {
        !container.essential
            || container.health_check.is_none()
            || matches!(run.state, ContainerState::Running { healthy: true, .. })
    });
    if !passed {
        return;
    }
    entry.healthy = true;
    entry.times.healthy.get_or_insert(cx.now());
    cx.tell(world, Fact::TaskHealthy { task });
    service::task_healthy(cx, world, task);
}

/// A process has ended: the container is started again, the task stops, or others may go on.
fn container_ended(
    cx: &mut Cx,
    world: &mut World,
    id: ContainerId,
    (since, exit_code): (SimTime, i32),
) {
    end_start_up(cx, world, id);
    traffic::process_ended(cx, world, id);
    let entry = &mut world.tasks[id.0];
    entry.containers[id.1 as usize].state = ContainerState::Stopped { exit_code: Some(exit_code) };
    cpu_credits::container_ended(cx, world, id);
    metric::container(cx, world, id, false);
    cx.tell(
        world,
        Fact::ContainerStopped { task: id.0, container: id.1, exit_code: Some(exit_code) },
    );
    let entry = &world.tasks[id.0];
    let container = container(cx, entry, id.1);
    if entry.stop.is_some() {
        if entry.last_status != TaskStatus::Deactivating {
            return continue_stopping(cx, world, id.0);
        }
        // It drains, and others may still run: only the end of an essential one cuts that short.
        if container.essential {
            begin_stopping(cx, world, id.0);
        }
        return;
    }
    // Source: ECS API, ContainerRestartPolicy: only after it ran for the attempt period.
    let restarts = container.restart.as_ref().is_some_and(|policy| {
        cx.now().since(since) >= policy.attempt_period
            && !policy.ignored_exit_codes.contains(&exit_code)
    });
    if restarts {
        cx.tell(world, Fact::ContainerRestarted { task: id.0, container: id.1 });
        begin_start(cx, world, id);
    } else if container.essential {
        let reason = StopReason::EssentialContainerExited { container: id.1, exit_code };
        request_stop(cx, world, id.0, reason);
    } else {
        start_ready_containers(cx, world, id.0);
    }
}

/// Sets `desiredStatus` to STOPPED: drains the task from its target groups, then stops it.
///
/// Assumption: a task whose own container has exited is not held in DEACTIVATING; there is
/// nothing left to drain.
pub(super) fn request_stop(cx: &mut Cx, world: &mut World, task: Id<Task>, reason: StopReason) {
    let entry = &mut world.tasks[task];
    if entry.stop.is_some() {
        return;
    }
    entry.stop = Some(reason);
    entry.times.stop_requested = Some(cx.now());
    match entry.location() {
        Some(at) => {
            let group = cx.model.launches[entry.launch].group;
            world.cluster.count_out(at, group);
        }
        None => provisioning::give_up(cx, world, task),
    }
    let entry = &mut world.tasks[task];
    if let (true, Some(instance)) = (entry.holds.waiting, entry.instance) {
        entry.holds.waiting = false;
        world.cluster.instance_mut(instance).waiting.retain(|other| *other != task);
        // Whoever was behind it may be the head now.
        admit_waiting(cx, world, instance);
    }
    submit::tasks_changed(cx, world);
    cx.tell(world, Fact::TaskStopRequested { task, reason });
    traffic::look(cx, world, task);
    service::task_is_to_stop(cx, world, task, reason);
    let drain = match reason {
        StopReason::ScaledIn
        | StopReason::Rebalanced
        | StopReason::Drained
        | StopReason::Unhealthy => deregistration_delay(cx, &world.tasks[task]),
        StopReason::SpotInterruption => match cx.model.fargate_spot_deregistration {
            Deregistration::WithSigterm => None,
            Deregistration::BeforeSigterm => deregistration_delay(cx, &world.tasks[task])
                .map(|delay| delay.min(cx.model.spot_market.notice())),
        },
        StopReason::HostTerminated | StopReason::FargateHostFailed => return,
        StopReason::EssentialContainerExited { .. }
        | StopReason::ContainerStartFailed { .. }
        | StopReason::DependencyFailed { .. }
        | StopReason::NoCapacity => None,
    };
    match drain {
        Some(delay) => {
            set_status(cx, world, task, TaskStatus::Deactivating);
            cx.after(delay, rank::PROGRESSED, Event::Task(task, TaskStep::Deregistered));
        }
        None => begin_stopping(cx, world, task),
    }
}

/// The host of a task is gone: whatever it did ends now, and nothing of it has an end of its own.
pub(super) fn host_is_gone(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    let reason = match world.tasks[task].instance {
        Some(_) => StopReason::HostTerminated,
        None => StopReason::FargateHostFailed,
    };
    request_stop(cx, world, task, reason);
    if world.tasks[task].last_status < TaskStatus::Stopping {
        world.tasks[task].times.stopping = Some(cx.now());
        set_status(cx, world, task, TaskStatus::Stopping);
        release_reservation(cx, world, task);
    }
    abandon_containers(cx, world, task);
    for position in 0..world.tasks[task].containers.len() {
        end_start_up(cx, world, (task, position as u8));
        let run = &mut world.tasks[task].containers[position];
        if let ContainerState::Running { .. } = run.state {
            let exit_code = Some(i32::from(KILLED));
            run.state = ContainerState::Stopped { exit_code };
            let container = position as u8;
            metric::container(cx, world, (task, container), false);
            cx.tell(world, Fact::ContainerStopped { task, container, exit_code });
        }
    }
    let entry = &mut world.tasks[task];
    entry.times.execution_stopped.get_or_insert(cx.now());
    if let (true, Some(instance)) = (std::mem::take(&mut entry.holds.agent), entry.instance) {
        let requirement = &cx.model.requirements[entry.requirement];
        world.cluster.agent_give(cx.model, instance, requirement);
    }
    stopped(cx, world, task);
}

/// Returns how long a running task drains; `None` if it is in no target group.
///
/// The full delay passes even with nothing in flight (corrections to the reference, 7).
fn deregistration_delay(cx: &Cx, task: &Task) -> Option<Span> {
    let Owner::Service { service, .. } = task.owner else { return None };
    let groups = &cx.model.services[service].target_groups;
    let delays = groups.iter().map(|&group| cx.model.target_groups[group].deregistration_delay);
    delays.max().filter(|_| task.last_status == TaskStatus::Running)
}

/// STOPPING: the scheduler counts its resources as free, containers that run get SIGTERM.
fn begin_stopping(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    world.tasks[task].times.stopping = Some(cx.now());
    set_status(cx, world, task, TaskStatus::Stopping);
    release_reservation(cx, world, task);
    abandon_containers(cx, world, task);
    continue_stopping(cx, world, task);
}

fn release_reservation(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    let entry = &mut world.tasks[task];
    if let (true, Some(instance)) = (entry.holds.scheduler, entry.instance) {
        entry.holds.scheduler = false;
        let requirement = &cx.model.requirements[entry.requirement];
        let daemon = daemon_of(cx, entry.owner);
        world.cluster.release(cx.model, instance, requirement, daemon);
        cx.tell(world, Fact::ReservationReleased { task });
        traffic::reserved_changes(cx, world, instance);
        submit::room_appeared(cx, world);
        provisioning::room_appeared(cx, world);
    }
}

/// Ends what has not run yet: waiting containers, pulls and starts.
fn abandon_containers(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    for position in 0..world.tasks[task].containers.len() {
        let entry = &mut world.tasks[task];
        let id = (task, position as u8);
        match entry.containers[position].state {
            ContainerState::Running { .. } | ContainerState::Stopped { .. } => continue,
            ContainerState::Pulling => leave_pull(cx, world, id),
            ContainerState::Waiting | ContainerState::Starting => {}
        }
        world.tasks[task].containers[position].state = ContainerState::Stopped { exit_code: None };
        cx.tell(world, Fact::ContainerStopped { task, container: id.1, exit_code: None });
    }
}

fn leave_pull(cx: &mut Cx, world: &mut World, id: ContainerId) {
    let entry = &mut world.tasks[id.0];
    match entry.instance {
        Some(instance) => {
            let host = world.cluster.instance_mut(instance);
            let bandwidth = cx.model.classes[host.class].pull_bandwidth;
            host.puller.leave(cx.now(), bandwidth, id);
            foresee_instance_pull(cx, world, instance);
        }
        None => {
            if let Some(host) = &mut entry.fargate {
                host.puller.leave(cx.now(), cx.model.timing.fargate_pull_bandwidth, id);
            }
            foresee_task_pull(cx, world, id.0);
        }
    }
}

/// Sends SIGTERM to each container that nothing running depends on; ends the task after the last.
///
/// Containers stop in the reverse order of `dependsOn`. Source: ECS API, ContainerDependency.
fn continue_stopping(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    let entry = &world.tasks[task];
    let host = entry.instance.map(|it| world.cluster.instance(it));
    if entry.is_lost() || host.is_some_and(|it| !it.agent_connected()) {
        return; // nobody is there to do it
    }
    let containers = &definition(cx, &world.tasks[task]).containers;
    let left = time_left(cx, world, task);
    let mut all_stopped = true;
    for position in 0..containers.len() {
        let entry = &mut world.tasks[task];
        let ContainerState::Running { since, healthy, stopping } = entry.containers[position].state
        else {
            continue;
        };
        all_stopped = false;
        let needed = containers.iter().zip(&entry.containers).any(|(other, run)| {
            matches!(run.state, ContainerState::Running { .. })
                && other.depends_on.iter().any(|dependency| dependency.on == position)
        });
        if stopping || needed {
            continue;
        }
        entry.containers[position].state =
            ContainerState::Running { since, healthy, stopping: true };
        let luck = container_luck(entry, position as u8);
        let container = &containers[position];
        let time = container.behaviour.stop_time.sample_span(luck, STOP_TIME);
        let timeout = container.stop_timeout.min(left);
        let (after, exit_code) =
            if time > timeout { (timeout, KILLED) } else { (time, TERMINATED) };
        let step = (rank::ENDED, ContainerStep::Stopped { exit_code });
        foresee(cx, world, (task, position as u8), after, step);
    }
    if all_stopped {
        finish(cx, world, task);
    }
}

/// Returns how long the containers of a task that stops may still run: a task on Fargate Spot no
/// longer than its notice.
fn time_left(cx: &Cx, world: &World, task: Id<Task>) -> Span {
    let entry = &world.tasks[task];
    match (entry.stop, entry.times.stop_requested) {
        (Some(StopReason::SpotInterruption), Some(noticed)) => {
            cx.model.spot_market.notice().saturating_sub(cx.now().since(noticed))
        }
        _ => Span::MAX,
    }
}

/// The agent of a task's instance is connected again: it learns of a stop that it has missed.
pub(super) fn agent_is_back(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    if world.tasks[task].last_status == TaskStatus::Stopping {
        continue_stopping(cx, world, task);
    }
}

/// The last container has exited: the agent has its resources back, the interface goes next.
fn finish(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    let entry = &mut world.tasks[task];
    entry.times.execution_stopped = Some(cx.now());
    let instance = entry.instance;
    let held = std::mem::take(&mut entry.holds.agent);
    let (eni, luck) = (entry.holds.eni, entry.luck);
    if let (true, Some(instance)) = (held, instance) {
        let requirement = &cx.model.requirements[entry.requirement];
        world.cluster.agent_give(cx.model, instance, requirement);
        admit_waiting(cx, world, instance);
    }
    if eni {
        set_status(cx, world, task, TaskStatus::Deprovisioning);
        let delay = cx.model.timing.eni_detach.sample_span(luck, ENI_DETACH);
        cx.after(delay, rank::ENDED, Event::Task(task, TaskStep::Deprovisioned));
    } else {
        stopped(cx, world, task);
    }
}

/// STOPPED: gives back what is left, and is gone.
fn stopped(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    let entry = &mut world.tasks[task];
    let eni = std::mem::take(&mut entry.holds.eni);
    let (instance, subnet) = (entry.instance, entry.subnet);
    let daemon = daemon_of(cx, entry.owner);
    let is_on_spot = entry.provider == Provider::FargateSpot;
    if let Some(host) = &entry.fargate {
        world.account.fargate_stops(entry.provider, host.size);
    }
    if is_on_spot {
        fargate_spot::leave(cx.model, world, task);
    }
    if let (true, Some(instance)) = (eni, instance) {
        world.cluster.release_eni(cx.model, instance, daemon);
    }
    if let Some(subnet) = subnet {
        world.account.give_address(subnet);
    }
    if eni || instance.is_none() {
        submit::room_appeared(cx, world);
        provisioning::room_appeared(cx, world);
    }
    set_status(cx, world, task, TaskStatus::Stopped);
    traffic::task_is_gone(world, task);
    world.tasks.remove(task);
    if let Some(instance) = instance {
        world.cluster.leave(instance, daemon);
        instance::task_has_left(cx, world, instance);
    }
}

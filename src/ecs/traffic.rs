//! Requests on their way: loads change, load balancers route, tasks serve or fail.
//!
//! Each service that requests are sent to is a [`Station`]; its tasks are in it from when they are
//! healthy targets until they are to stop. A task whose host has failed stays a target until
//! somebody notices, and what is sent to it is lost. The state of a station changes by itself only
//! at instants that are foreseen; what it uses and leaves undone goes to the metrics and, as a
//! fact, to observers.
//!
//! Requests are a fluid or simulated one by one ([`Fidelity`]): a station knows which, and all else
//! is the same. Single requests are a simulation inside, which is brought up to each event before
//! that is handled, and looked at every two seconds.
//!
//! Source: Elastic Load Balancing User Guide, "Target groups for your Application Load Balancers":
//! only healthy targets get requests, and a target that is deregistered none but those in flight.
//! Assumption: without a load balancer, whoever runs and passes its checks is found at once.

use std::collections::{BTreeMap, VecDeque};

use crate::engine::{Id, Ix, Purpose, Seed, Table};
use crate::units::{SimTime, Span};

use super::cluster::Instance;
use super::load::fluid::{Capacity, Level, Moments, Routing, Station};
use super::load::requests::{Notice, Requests};
use super::load::{Rate, RateCursor};
use super::metric::{self, Used};
use super::model::{Destination, Fidelity, Load, Model, Queue, Service, TargetGroup};
use super::{Cx, Event, Fact, Sim, StopReason, Task, TaskStatus, World, life, rank};

mod desk;

pub use self::desk::{Clients, Desk, Served};

use self::desk::Role;

/// While a backlog changes, what is told of it is no older than this.
const STEP: Span = Span::secs(10);
/// How often metrics learn of single requests; observers do every [`STEP`].
const LOOK: Span = Span::secs(2);
/// From memory being full to a look at it.
const MEMORY_LOOK: Span = Span::SECOND;

const OUT_OF_MEMORY: Purpose = Purpose::new("out of memory");

/// All requests of a run.
#[derive(Clone, Debug)]
pub(super) struct Traffic {
    loads: Table<LoadState, Load>,
    queues: Table<LoadState, Queue>,
    stations: Table<Option<Box<StationState>>, Service>,
    /// By load, the services that it comes to.
    goes_to: Table<Vec<Ix<Service>>, Load>,
    /// By instance, the tasks that share what is left of its CPU.
    sharers: BTreeMap<Id<Instance>, Vec<Id<Task>>>,
    /// Those that are simulated one by one, of all services.
    requests: Box<Requests>,
}

/// How requests of a service are simulated.
#[derive(Clone, Debug)]
enum Way {
    Fluid(Station),
    OneByOne(Box<Desk>),
}

#[derive(Clone, Debug)]
struct LoadState {
    cursor: RateCursor,
    /// Requests a second.
    now: f64,
}

#[derive(Clone, Debug)]
struct StationState {
    way: Way,
    /// The loads that come here, and which share of each; of a queue its messages.
    sources: Vec<(Ix<Load>, f64)>,
    queue: Option<Ix<Queue>>,
    /// CPU time of a usual request.
    cpu: Moments,
    /// Whether memory is to be looked at, and how often it was.
    memory: (bool, u64),
    /// Messages whose tasks have died, and when they are visible again.
    hidden: VecDeque<(SimTime, f64)>,
    /// Capacities of tasks, by the number that they have in [`Server`].
    capacities: Vec<Capacity>,
    dead: u32,
    /// What holds until the next change, on average.
    level: Level,
    /// Grows with every change, so that what was foreseen before it is known to be stale.
    epoch: u32,
}

/// What a task is in the station of its service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Server {
    /// It gets no requests.
    #[default]
    None,
    /// It gets requests and does nothing.
    Dead,
    /// It serves them; the number of its capacity.
    Serves(u16),
}

impl Traffic {
    pub(super) fn new(model: &Model, seed: Seed) -> Traffic {
        let state = |kind, name: &str, rate: &Rate| LoadState {
            cursor: rate.cursor(seed.luck(kind).named(name)),
            now: 0.0,
        };
        let loads = model.loads.iter().map(|(_, it)| state("load", &it.name, &it.rate));
        let queues = model.queues.iter().map(|(_, it)| state("queue", &it.name, &it.arrivals));
        let mut requests = Box::new(Requests::new(SimTime::ZERO));
        let mut station = |ix| StationState::new(model, ix, (seed, &mut requests));
        let stations: Table<Option<Box<StationState>>, Service> =
            model.services.indices().map(&mut station).collect();
        let goes_to = |load| {
            let gets = |it: &Option<Box<StationState>>| {
                it.as_ref().is_some_and(|it| it.sources.iter().any(|source| source.0 == load))
            };
            stations.iter().filter(|it| gets(it.1)).map(|it| it.0).collect()
        };
        Traffic {
            loads: loads.collect(),
            queues: queues.collect(),
            goes_to: model.loads.indices().map(goes_to).collect(),
            stations,
            sharers: BTreeMap::new(),
            requests,
        }
    }

    /// Lets single requests go on for so long; what runs out of memory meanwhile ends in an event.
    fn advance(&mut self, until: SimTime) -> Option<(SimTime, Id<Task>)> {
        while let Some(Notice::Crowded { at, server, .. }) = self.requests.advance(until) {
            let desks = self.stations.iter().filter_map(|(_, it)| match &it.as_ref()?.way {
                Way::OneByOne(desk) => Some(desk),
                Way::Fluid(_) => None,
            });
            if let Some(task) = desks.into_iter().find_map(|it| it.task_of(server)) {
                return Some((at, task));
            }
        }
        None
    }

    /// Returns how many single requests there have been.
    pub(super) fn requests(&self) -> u64 {
        self.requests.attempts()
    }

    /// Returns how many requests a second arrive at a target group.
    fn at_target_group(&self, model: &Model, group: Ix<TargetGroup>) -> f64 {
        let to = Destination::TargetGroup(group);
        let of_load = |(ix, load): (Ix<Load>, &Load)| {
            let share: f64 = load.routes.iter().filter(|it| it.to == to).map(|it| it.share).sum();
            self.loads[ix].now * share
        };
        model.loads.iter().map(of_load).sum()
    }

    /// Returns the station of a service, and what holds of it until the next change, on average.
    pub(super) fn station(&self, service: Ix<Service>) -> Option<(Served<'_>, &Level)> {
        let state = self.stations[service].as_ref()?;
        let served = match &state.way {
            Way::Fluid(station) => Served::Fluid(station),
            Way::OneByOne(desk) => Served::Requests(desk, &self.requests),
        };
        Some((served, &state.level))
    }
}

impl StationState {
    fn new(
        model: &Model,
        service: Ix<Service>,
        (seed, requests): (Seed, &mut Requests),
    ) -> Option<Box<StationState>> {
        let spec = &model.services[service];
        let serving = model.task_definitions[spec.task_definition].serving.as_ref()?;
        let sharers = |group| {
            model.services.iter().filter(|(_, it)| it.target_groups.contains(&group)).count()
        };
        let mut sources = Vec::new();
        let mut inflows = Vec::new();
        for (ix, load) in model.loads.iter() {
            let share = |to: &Destination| match *to {
                Destination::Service(it) => f64::from(u8::from(it == service)),
                Destination::TargetGroup(group) if spec.target_groups.contains(&group) => {
                    // Assumption: services behind one target group get as much each.
                    1.0 / sharers(group) as f64
                }
                Destination::TargetGroup(_) => 0.0,
            };
            let all: f64 = load.routes.iter().map(|it| it.share * share(&it.to)).sum();
            if all > 0.0 {
                sources.push((ix, all));
                let by_group = load.routes.iter().filter_map(|it| match it.to {
                    Destination::TargetGroup(to) => Some((to, it.share * share(&it.to) / all)),
                    Destination::Service(_) => None,
                });
                inflows.push((ix, all, by_group.filter(|it| it.1 > 0.0).collect()));
            }
        }
        let queue = model.queues.iter().find(|(_, it)| it.service == service).map(|(ix, _)| ix);
        let balanced = spec.target_groups.first().map(|&it| model.target_groups[it].routing);
        let routing = if queue.is_some() { Some(Routing::Queue) } else { balanced };
        let routing = routing.unwrap_or_default();
        (queue.is_some() || !sources.is_empty()).then(|| {
            let way = if queue.is_none() && model.fidelity == Fidelity::Requests {
                let luck = seed.luck("requests").named(&spec.name);
                let desk = Desk::new(requests, model, (serving, routing), inflows, luck);
                Way::OneByOne(Box::new(desk))
            } else {
                Way::Fluid(Station::new(serving.work(), routing))
            };
            Box::new(StationState {
                way,
                sources,
                queue,
                cpu: serving.work().cpu,
                memory: (false, 0),
                hidden: VecDeque::new(),
                capacities: Vec::new(),
                dead: 0,
                level: Level::default(),
                epoch: 0,
            })
        })
    }

    fn number_of(&mut self, capacity: Capacity) -> u16 {
        let known = self.capacities.iter().position(|it| *it == capacity);
        let number = known.unwrap_or_else(|| {
            self.capacities.push(capacity);
            self.capacities.len() - 1
        });
        u16::try_from(number).expect("there are few sizes, types and speeds")
    }
}

/// Requests arrive from now on.
pub(super) fn begin(cx: &mut Cx, world: &mut World) {
    for load in cx.model.loads.indices() {
        on_load(cx, world, load);
    }
    for queue in cx.model.queues.indices() {
        on_queue(cx, world, queue);
    }
}

/// Messages come to a queue at another rate from now on.
pub(super) fn on_queue(cx: &mut Cx, world: &mut World, queue: Ix<Queue>) {
    let spec = &cx.model.queues[queue];
    let state = &mut world.traffic.queues[queue];
    let (rate, next) = state.cursor.at(&spec.arrivals, cx.now());
    state.now = rate;
    if let Some(next) = next {
        cx.at(next, rank::DEMAND, Event::QueueChanges(queue));
    }
    change(cx, world, spec.service, |station| station.set_arrivals(rate));
}

/// Messages whose tasks have died are visible again.
pub(super) fn on_visible(cx: &mut Cx, world: &mut World, service: Ix<Service>) {
    let Some(state) = &mut world.traffic.stations[service] else { return };
    let due = state.hidden.front().filter(|it| it.0 <= cx.now()).map(|it| it.1);
    let Some(messages) = due else { return };
    state.hidden.pop_front();
    change(cx, world, service, |station| station.give_back(messages));
}

/// A load has another rate from now on.
pub(super) fn on_load(cx: &mut Cx, world: &mut World, load: Ix<Load>) {
    let spec = &cx.model.loads[load];
    let state = &mut world.traffic.loads[load];
    let (rate, next) = state.cursor.at(&spec.rate, cx.now());
    state.now = rate;
    if let Some(next) = next {
        cx.at(next, rank::DEMAND, Event::LoadChanges(load));
    }
    for route in &spec.routes {
        let Destination::TargetGroup(group) = route.to else { continue };
        if cx.model.fidelity == Fidelity::Requests {
            continue; // metrics learn what comes indeed
        }
        let all = world.traffic.at_target_group(cx.model, group);
        metric::requests_arrive(cx, world, group, (all * 1000.0).round() as u64);
    }
    for position in 0..world.traffic.goes_to[load].len() {
        let service = world.traffic.goes_to[load][position];
        if set_rates(cx, world, service, load) {
            continue;
        }
        let Some(state) = &world.traffic.stations[service] else { continue };
        let loads = &world.traffic.loads;
        let (mut arrivals, mut cost, mut square) = (0.0, 0.0, 0.0);
        for &(load, share) in &state.sources {
            let rate = loads[load].now * share;
            let (mean, squared) = cx.model.loads[load].cost();
            arrivals += rate;
            cost += rate * mean;
            square += rate * squared;
        }
        let cpu = state.cpu.mixed(arrivals, cost, square);
        change(cx, world, service, |station| {
            if let Some(cpu) = cpu {
                station.set_cpu(cpu);
            }
            station.set_arrivals(arrivals);
        });
    }
}

/// Gives single requests of a service their rates; says whether it has such.
fn set_rates(cx: &mut Cx, world: &mut World, service: Ix<Service>, changed: Ix<Load>) -> bool {
    let now = cx.now();
    let Traffic { loads, stations, requests, .. } = &mut world.traffic;
    let Some(state) = &mut stations[service] else { return false };
    let Way::OneByOne(desk) = &mut state.way else { return false };
    if !desk.gets(changed) {
        return true;
    }
    let comes = desk.set_rates(requests, cx.model, |load| loads[load].now);
    if comes && !desk.is_watched {
        desk.wake(now);
        cx.at(next_look(now), rank::PROGRESSED, Event::Station(service, 0));
    }
    true
}

/// Returns when single requests are looked at next: all services at the same instants.
fn next_look(now: SimTime) -> SimTime {
    let passed = now.as_micros() % LOOK.as_micros();
    now.saturating_add(Span::micros(LOOK.as_micros() - passed))
}

/// Tells what became of single requests lately, and comes back as long as there are any.
fn look_at_requests(cx: &mut Cx, world: &mut World, service: Ix<Service>) {
    let now = cx.now();
    let tells = now.as_micros().is_multiple_of(STEP.as_micros());
    let Traffic { stations, requests, .. } = &mut world.traffic;
    let Some(state) = &mut stations[service] else { return };
    let Way::OneByOne(desk) = &mut state.way else { return };
    let Some(lately) = desk.look(requests, false) else { return };
    let told = if tells { desk.look(requests, true) } else { None };
    // Once nothing has come for a whole step, that is told, and nobody looks any more.
    let ends = desk.is_idle() && told.is_some_and(|it| it.arrivals <= 0.0 && it.in_system <= 0.0);
    desk.is_watched = !ends;
    let groups: Vec<Ix<TargetGroup>> = desk.at_target_groups().map(|it| it.0).collect();
    state.level = lately;
    tell_metrics(cx, world, service);
    for group in groups {
        let of_desk = |it: &Option<Box<StationState>>| match it.as_ref().map(|it| &it.way) {
            Some(Way::OneByOne(desk)) => {
                desk.at_target_groups().filter(|it| it.0 == group).map(|it| it.1).sum()
            }
            Some(Way::Fluid(_)) | None => 0.0,
        };
        let all: f64 = world.traffic.stations.iter().map(|(_, it)| of_desk(it)).sum();
        metric::requests_arrive(cx, world, group, (all * 1000.0).round() as u64);
    }
    if let (Some(told), Some(state)) = (told, &mut world.traffic.stations[service]) {
        state.level = told;
        tell(cx, world, service);
    }
    if !ends {
        cx.at(next_look(now), rank::PROGRESSED, Event::Station(service, 0));
    }
}

/// Brings single requests up to the next event, which is due at `until` or before.
pub(super) fn advance(sim: &mut Sim, until: SimTime) {
    let due = sim.queue.next_until(until).unwrap_or(until);
    if let Some((at, task)) = sim.world.traffic.advance(due) {
        sim.queue.schedule(at, rank::ENDED, Event::OutOfMemory(task));
    }
}

/// Writes down which requests have been answered up to now, when a run pauses or ends.
pub(super) fn settle(world: &mut World) {
    world.traffic.requests.settle();
}

/// A task works at one request more than its memory is enough for.
pub(super) fn on_out_of_memory(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    let Some(entry) = world.tasks.get(task) else { return };
    let serving = cx.model.task_definitions[entry.task_definition].serving.as_ref();
    if let (Server::Serves(_), Some(serving)) = (entry.server, serving) {
        life::out_of_memory(cx, world, (task, serving.container));
    }
}

/// The process of a container has ended, and what it worked at one by one is lost.
pub(super) fn process_ended(cx: &Cx, world: &mut World, (task, container): (Id<Task>, u8)) {
    let entry = &world.tasks[task];
    let serving = cx.model.task_definitions[entry.task_definition].serving.as_ref();
    let Some(service) = entry.service() else { return };
    let Traffic { stations, requests, .. } = &mut world.traffic;
    let Some(state) = &mut stations[service] else { return };
    if let Way::OneByOne(desk) = &mut state.way
        && serving.is_some_and(|it| it.container == container)
    {
        desk.process_ended(requests, task);
    }
}

/// A task is gone, and what it worked at one by one is lost.
pub(super) fn task_is_gone(world: &mut World, task: Id<Task>) {
    let Some(service) = world.tasks[task].service() else { return };
    let Traffic { stations, requests, .. } = &mut world.traffic;
    let Some(state) = &mut stations[service] else { return };
    if let Way::OneByOne(desk) = &mut state.way {
        desk.remove(requests, task);
    }
}

/// Something about a task has changed by which load balancers go, or its host has failed.
pub(super) fn look(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    let entry = &world.tasks[task];
    let Some(service) = entry.service() else { return };
    if world.traffic.stations[service].is_none() {
        return;
    }
    let was = entry.server;
    let is = if !is_target(cx, entry) {
        Server::None
    } else if !entry.works {
        Server::Dead
    } else if let Server::Serves(_) = was {
        was
    } else {
        let capacity = capacity(cx, world, entry);
        let Some(state) = &mut world.traffic.stations[service] else { return };
        capacity.map_or(Server::None, |it| Server::Serves(state.number_of(it)))
    };
    if was == is {
        return;
    }
    note_sharer(cx, world, task, is);
    let entry = &world.tasks[task];
    // What it was at goes down with it; whoever is asked to stop answers first.
    let is_lost = is == Server::Dead || entry.stop.is_some_and(loses_requests);
    world.tasks[task].server = is;
    let Some(state) = &mut world.traffic.stations[service] else { return };
    let left =
        if let Server::Serves(it) = was { Some(state.capacities[usize::from(it)]) } else { None };
    let joined =
        if let Server::Serves(it) = is { Some(state.capacities[usize::from(it)]) } else { None };
    state.dead -= u32::from(was == Server::Dead);
    state.dead += u32::from(is == Server::Dead);
    let dead = state.dead;
    if let Way::OneByOne(desk) = &mut state.way {
        let role = match (is, joined) {
            (Server::Dead, _) => Role::Dead,
            (_, Some(capacity)) => Role::Serves(capacity),
            (_, None) => Role::Away { is_lost },
        };
        return desk.set_role(&mut world.traffic.requests, task, role);
    }
    let mut lost = 0.0;
    change(cx, world, service, |station| {
        if let Some(capacity) = left {
            lost = station.remove(capacity, is_lost);
        }
        if let Some(capacity) = joined {
            station.add(capacity);
        }
        station.set_dead(dead);
    });
    hide(cx, world, service, lost);
}

/// Messages that a task had received when it died are hidden until their time-out has passed.
///
/// Source: Amazon SQS Developer Guide, visibility timeout. Assumption: each was received just now.
fn hide(cx: &mut Cx, world: &mut World, service: Ix<Service>, messages: f64) {
    let Some(state) = &mut world.traffic.stations[service] else { return };
    let Some(queue) = state.queue.filter(|_| messages > 0.0) else { return };
    let at = cx.now().saturating_add(cx.model.queues[queue].visibility_timeout);
    state.hidden.push_back((at, messages));
    cx.at(at, rank::DEMAND, Event::MessagesVisible(service));
}

/// A task without a limit of its own begins to share the CPU of its instance, or ends to.
fn note_sharer(cx: &Cx, world: &mut World, task: Id<Task>, is: Server) {
    let entry = &world.tasks[task];
    let serving = cx.model.task_definitions[entry.task_definition].serving.as_ref();
    let has_limit = serving.is_none_or(|it| it.cpu_limit.is_some());
    let Some(instance) = entry.instance.filter(|_| !has_limit) else { return };
    let sharers = world.traffic.sharers.entry(instance).or_default();
    match is {
        Server::Serves(_) => sharers.push(task),
        Server::Dead | Server::None => sharers.retain(|it| *it != task),
    }
    if sharers.is_empty() {
        world.traffic.sharers.remove(&instance);
    }
}

/// What is reserved on an instance has changed, and with it what tasks without a limit get.
pub(super) fn reserved_changes(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    if world.traffic.sharers.is_empty() {
        return;
    }
    for task in world.traffic.sharers.get(&instance).cloned().unwrap_or_default() {
        let entry = &world.tasks[task];
        let (Some(service), Server::Serves(was)) = (entry.service(), entry.server) else {
            continue;
        };
        let Some(is) = capacity(cx, world, entry) else { continue };
        let Some(state) = &mut world.traffic.stations[service] else { continue };
        let was = state.capacities[usize::from(was)];
        if was == is {
            continue;
        }
        world.tasks[task].server = Server::Serves(state.number_of(is));
        if let Way::OneByOne(desk) = &mut state.way {
            desk.set_role(&mut world.traffic.requests, task, Role::Serves(is));
            continue;
        }
        change(cx, world, service, |station| station.change_one(was, is));
    }
}

/// Says whether requests that a task has are lost when it stops for a reason.
///
/// Assumption: whoever gets SIGTERM answers what it has before it exits.
fn loses_requests(reason: StopReason) -> bool {
    match reason {
        StopReason::HostTerminated
        | StopReason::FargateHostFailed
        | StopReason::EssentialContainerExited { .. }
        | StopReason::ContainerStartFailed { .. }
        | StopReason::DependencyFailed { .. } => true,
        StopReason::ScaledIn
        | StopReason::Rebalanced
        | StopReason::Drained
        | StopReason::Unhealthy
        | StopReason::SpotInterruption
        | StopReason::NoCapacity => false,
    }
}

/// Says whether requests are sent to a task.
fn is_target(cx: &Cx, task: &Task) -> bool {
    if task.last_status != TaskStatus::Running || task.stop.is_some() {
        return false;
    }
    let balanced = task.service().is_some_and(|it| !cx.model.services[it].target_groups.is_empty());
    let definition = &cx.model.task_definitions[task.task_definition];
    let has_check =
        || definition.containers.iter().any(|it| it.essential && it.health_check.is_some());
    match balanced {
        true => task.target_healthy,
        false => task.healthy || !has_check(),
    }
}

/// Returns what a task can do for requests; `None`: it serves none.
///
/// Source: ECS Developer Guide, CloudWatch metrics: of a task with a limit of its own, no more than
/// 100 % is in use.
fn capacity(cx: &Cx, world: &World, task: &Task) -> Option<Capacity> {
    let serving = cx.model.task_definitions[task.task_definition].serving.as_ref()?;
    // What containers use without requests is taken off: more than its limit a task cannot use.
    let containers = &cx.model.task_definitions[task.task_definition].containers;
    let idle = containers.iter().filter_map(|it| it.behaviour.usage).map(|it| it.cpu_units).sum();
    let vcpus = |units: u32| f64::from(units.saturating_sub(idle).max(1)) / 1024.0;
    let Some(instance) = task.instance else {
        let units = task.fargate()?.cpu_units;
        let speed = cx.model.fargate_cpu_speed;
        return Some(Capacity { vcpus: vcpus(units), speed, place: 0 });
    };
    let class = &cx.model.classes[world.cluster.instance(instance).class];
    let all = class.registered.cpu_units;
    let units = serving.cpu_limit.map_or_else(|| share(cx, world, task), |it| it.min(all));
    let place = 1 + class.fleet.index() as u32;
    Some(Capacity { vcpus: vcpus(units), speed: class.cpu_speed, place })
}

/// Returns the CPU units that a task without a limit gets of its instance when all that is there
/// wants more.
///
/// Source: ECS API, ContainerDefinition, `cpu`: unused CPU is shared in the ratio of what
/// containers reserve; nothing is 2 shares. Assumption: everybody there wants more all the time.
fn share(cx: &Cx, world: &World, task: &Task) -> u32 {
    let Some(instance) = task.instance else { return 0 };
    let host = world.cluster.instance(instance);
    let all = cx.model.classes[host.class].registered.cpu_units;
    let own = cx.model.requirements[task.requirement].resources.cpu_units.max(2);
    let reserved = all.saturating_sub(host.remaining().cpu_units).max(own);
    let share = u64::from(all) * u64::from(own) / u64::from(reserved);
    u32::try_from(share).unwrap_or(all).clamp(1, all.max(1))
}

/// What was foreseen of a station happens, unless something else has happened before.
pub(super) fn on_station(cx: &mut Cx, world: &mut World, service: Ix<Service>, epoch: u32) {
    if let Some(Way::OneByOne(_)) = world.traffic.stations[service].as_ref().map(|it| &it.way) {
        return look_at_requests(cx, world, service);
    }
    if world.traffic.stations[service].as_ref().is_some_and(|it| it.epoch == epoch) {
        change(cx, world, service, |_| {});
    }
}

/// Changes a station, foresees what comes next, and tells how it stands now.
fn change(cx: &mut Cx, world: &mut World, service: Ix<Service>, change: impl FnOnce(&mut Station)) {
    let now = cx.now();
    let Some(state) = &mut world.traffic.stations[service] else { return };
    let Way::Fluid(station) = &mut state.way else { return };
    station.advance(now);
    change(station);
    state.epoch = state.epoch.wrapping_add(1);
    let mut step = Span::ZERO;
    if let Some(after) = station.next_change() {
        // Rounded up, so that it has come when the event does.
        step = Span::from_secs_f64(after).saturating_add(Span::micros(1)).min(STEP);
        cx.after(step, rank::PROGRESSED, Event::Station(service, state.epoch));
    }
    state.level = station.level(step.as_secs_f64() / 2.0);
    tell_metrics(cx, world, service);
    watch_memory(cx, world, service);
    tell(cx, world, service);
}

/// Tells observers how a service stands.
fn tell(cx: &mut Cx, world: &World, service: Ix<Service>) {
    let Some(state) = &world.traffic.stations[service] else { return };
    let level = state.level;
    let millionths = |it: f64| (it * 1e6).round() as u64;
    let (arrivals, served) = (millionths(level.arrivals), millionths(level.served));
    cx.tell(world, Fact::Traffic { service, arrivals, served });
}

/// Looks soon whether tasks run out of memory, if they work at more requests than it is enough for.
fn watch_memory(cx: &mut Cx, world: &mut World, service: Ix<Service>) {
    let definition = cx.model.services[service].task_definition;
    let serving = cx.model.task_definitions[definition].serving.as_ref();
    let Some(fatal) = serving.and_then(|it| it.fatal) else { return };
    let Some(state) = &mut world.traffic.stations[service] else { return };
    let Way::Fluid(station) = &state.way else { return };
    if !state.memory.0 && station.crowded(fatal).next().is_some() {
        state.memory.0 = true;
        cx.after(MEMORY_LOOK, rank::ENDED, Event::MemoryLook(service));
    }
}

/// Tasks that work at more requests than their memory is enough for are ended, one now, another
/// later.
///
/// Assumption: as a fluid all of them have as many; in truth some have more at times. Each is ended
/// with a probability of a tenth in a second.
pub(super) fn on_memory_look(cx: &mut Cx, world: &mut World, service: Ix<Service>) {
    let definition = cx.model.services[service].task_definition;
    let Some(serving) = &cx.model.task_definitions[definition].serving else { return };
    let (Some(fatal), Some(state)) = (serving.fatal, &mut world.traffic.stations[service]) else {
        return;
    };
    state.memory = (false, state.memory.1 + 1);
    let look = state.memory.1;
    let Way::Fluid(station) = &state.way else { return };
    let crowded: Vec<Capacity> = station.crowded(fatal).collect();
    let is_crowded = |server| match server {
        Server::Serves(it) => crowded.contains(&state.capacities[usize::from(it)]),
        Server::None | Server::Dead => false,
    };
    let ends = |task: &Id<Task>| {
        let entry = &world.tasks[*task];
        let luck = entry.luck.named("out of memory").part(look);
        is_crowded(entry.server) && luck.chance(OUT_OF_MEMORY, 0.1)
    };
    let ended: Vec<Id<Task>> = world.services[service].tasks().filter(ends).collect();
    for task in ended {
        life::out_of_memory(cx, world, (task, serving.container));
    }
    watch_memory(cx, world, service);
}

/// Tells the metrics what a service uses, and how many messages of its queue wait.
fn tell_metrics(cx: &Cx, world: &mut World, service: Ix<Service>) {
    let Some(state) = &world.traffic.stations[service] else { return };
    let definition = cx.model.services[service].task_definition;
    let serving = cx.model.task_definitions[definition].serving.as_ref();
    let each_kib = serving.map_or(0.0, |it| f64::from(it.memory_kib));
    let used = Used {
        cpu_milli_units: (state.level.cpu * 1024.0 * 1000.0).round() as u64,
        memory_kib: (state.level.in_service * each_kib).round() as u64,
    };
    let visible = match &state.way {
        Way::Fluid(station) => station.visible(),
        Way::OneByOne(_) => 0.0,
    };
    let visible = state.queue.map(|it| (it, (visible * 1000.0).round() as u64));
    metric::service_uses(cx, world, service, used);
    if let Some((queue, milli)) = visible {
        metric::queue_holds(cx, world, queue.index(), milli);
    }
}

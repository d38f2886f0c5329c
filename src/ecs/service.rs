//! The service scheduler: compares what a service wants with what it has, and acts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use smallvec::SmallVec;

use crate::engine::{Id, Ix, Luck, Purpose};
use crate::units::{SimTime, Span};

use super::account::PerMinute;
use super::cluster::Instance;
use super::life::{self, NewTask};
use super::model::{InitialState, Model, PlacementStrategy, Scheduling, Service, StrategyItem};
use super::placement::{self, Ask, Place};
use super::rebalancing::{self, Rebalancing};
use super::task::StopCode;
use super::{
    Cx, Event, Fact, Owner, PlacementFailure, ServiceEvent, StopReason, Task, TaskStatus, World,
    capacity_provider, provisioning, rank, service_metric,
};

const RECONCILE: Purpose = Purpose::new("service reconcile");
const SCALE_IN: Purpose = Purpose::new("scale-in choice");

/// A cause that lasts is said again after this long.
///
/// Source: ECS Developer Guide, service event messages.
pub(super) const EVENT_REPEAT: Span = Span::secs(6 * 3600);

/// Tasks by item of a capacity provider strategy.
pub(crate) type Counts = SmallVec<[u32; 2]>;

/// What a service has and does now.
#[derive(Clone, Debug)]
pub struct ServiceState {
    desired: u32,
    /// Since when each task that is missing has been wanted, the longest first.
    missing_since: VecDeque<SimTime>,
    slots: Vec<Slot>,
    free_slots: BinaryHeap<Reverse<u32>>,
    active: u32,
    healthy: u32,
    /// Tasks that run on draining instances, or that failed the checks of a load balancer: as many
    /// are to run elsewhere.
    leaving: Vec<Id<Task>>,
    /// Of those active, how many are of each item of the capacity provider strategy.
    by_item: Counts,
    /// For a daemon service: the instances it runs on; a slot each.
    hosts: Vec<Option<Id<Instance>>>,
    next_reconcile: Option<SimTime>,
    epoch: u32,
    /// How often the desired count was changed.
    changes: u64,
    scale_ins: u64,
    launches: Option<PerMinute>,
    failed_starts: u32,
    throttled_until: SimTime,
    unplaced_since: Option<SimTime>,
    said_unable: Option<SimTime>,
    said_throttled: Option<SimTime>,
    steady: bool,
    pub(super) rebalancing: Rebalancing,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    task: Option<Id<Task>>,
    incarnations: u32,
}

impl ServiceState {
    pub(super) fn new(model: &Model, spec: &Service) -> ServiceState {
        let desired = match spec.scheduling {
            Scheduling::Replica { desired_count } => desired_count,
            Scheduling::Daemon => 0,
        };
        ServiceState {
            desired,
            missing_since: VecDeque::from(vec![SimTime::ZERO; desired as usize]),
            slots: Vec::new(),
            free_slots: BinaryHeap::new(),
            active: 0,
            healthy: 0,
            leaving: Vec::new(),
            by_item: Counts::from_elem(0, model.launches[spec.launch].providers.len()),
            hosts: Vec::new(),
            next_reconcile: None,
            epoch: 0,
            changes: 0,
            scale_ins: 0,
            launches: None,
            failed_starts: 0,
            throttled_until: SimTime::ZERO,
            unplaced_since: None,
            said_unable: None,
            said_throttled: None,
            steady: false,
            rebalancing: Rebalancing::default(),
        }
    }

    /// Returns how many tasks are wanted; of a daemon service, one for each of its instances.
    pub fn desired(&self) -> u32 {
        self.desired
    }

    /// Returns how many tasks have `desiredStatus` RUNNING.
    pub fn active(&self) -> u32 {
        self.active
    }

    /// Returns how many of those count as healthy.
    pub fn healthy(&self) -> u32 {
        self.healthy
    }

    /// Returns how many are to go on: neither leaving nor beyond the desired ones for a while.
    fn staying(&self) -> u32 {
        self.active - self.leaving.len() as u32 - self.rebalancing.extra()
    }

    pub(super) fn is_steady(&self) -> bool {
        self.steady && self.leaving.is_empty()
    }

    pub(super) fn throttled_until(&self) -> SimTime {
        self.throttled_until
    }

    /// Returns how long until the rate of launches allows one more.
    pub(super) fn launch_wait(&mut self, now: SimTime) -> Span {
        self.launches.as_mut().map_or(Span::ZERO, |quota| quota.wait(now))
    }

    pub(super) fn take_launch(&mut self, now: SimTime) {
        if let Some(quota) = &mut self.launches {
            quota.take(now);
        }
    }

    /// Brings the list of missing tasks in line with how many are missing now.
    fn note_missing(&mut self, now: SimTime) {
        let missing = self.desired.saturating_sub(self.staying()) as usize;
        self.missing_since.resize(missing, now);
    }

    pub(super) fn take_slot(&mut self) -> u32 {
        if let Some(Reverse(slot)) = self.free_slots.pop() {
            return slot;
        }
        self.slots.push(Slot::default());
        self.slots.len() as u32 - 1
    }

    pub(super) fn give_slot(&mut self, slot: u32) {
        self.free_slots.push(Reverse(slot));
    }

    pub(super) fn tasks(&self) -> impl Iterator<Item = Id<Task>> {
        self.slots.iter().filter_map(|slot| slot.task)
    }
}

fn luck(cx: &Cx, service: Ix<Service>) -> Luck {
    cx.seed.luck("service").named(&cx.model.services[service].name)
}

/// Services begin: in full and healthy, or created now.
pub(super) fn begin(cx: &mut Cx, world: &mut World) {
    let account = cx.model.account;
    for (ix, spec) in cx.model.services.iter() {
        let on_instances = cx.model.launches[spec.launch]
            .providers
            .iter()
            .all(|item| item.provider.uses_instances());
        let limit = if on_instances {
            account.service_launches_on_instances
        } else {
            account.service_launches_on_fargate
        };
        world.services[ix].launches = limit.map(PerMinute::new);
    }
    match cx.model.initial_state {
        InitialState::Steady => {
            let (daemons, replicas): (Vec<_>, Vec<_>) = cx
                .model
                .services
                .iter()
                .partition(|(_, spec)| spec.scheduling == Scheduling::Daemon);
            for (ix, _) in daemons.into_iter().chain(replicas) {
                fill(cx, world, ix);
            }
        }
        InitialState::Cold => {
            for ix in cx.model.services.indices() {
                let luck = luck(cx, ix);
                react(cx, world, ix, luck);
            }
        }
    }
}

/// Makes the service's tasks run when the run begins; what finds no room is left to the scheduler.
///
/// Capacity providers with managed scaling have grown as far as tasks need them.
fn fill(cx: &mut Cx, world: &mut World, ix: Ix<Service>) {
    loop {
        match next_task(cx, world, ix, IfFull::Refuse) {
            Next::Task(new) => {
                let task = life::launch_running(cx, world, &new);
                adopt(world, ix, &new, task);
            }
            Next::Nothing => return,
            Next::NoRoom(Refusal { ask, .. })
                if capacity_provider::grow(cx, world, &ask, missing(cx, world, ix, ask.item)) => {}
            Next::Wait(_) | Next::NoRoom(_) => return wake(cx, world, ix, Span::ZERO),
        }
    }
}

/// Returns how many tasks of an item of its strategy a service lacks; no daemons.
fn missing(cx: &Cx, world: &World, ix: Ix<Service>, item: u8) -> u32 {
    if cx.model.services[ix].scheduling == Scheduling::Daemon {
        return 0;
    }
    let (state, item) = (&world.services[ix], usize::from(item));
    let providers = &cx.model.launches[cx.model.services[ix].launch].providers;
    let wanted = provider_targets(providers, state.desired)[item];
    wanted.saturating_sub(state.by_item[item]).max(1)
}

/// Schedules the scheduler's reaction to a change, which has luck of its own.
fn react(cx: &mut Cx, world: &mut World, ix: Ix<Service>, luck: Luck) {
    let delay = cx.model.timing.reconcile_delay.sample_span(luck, RECONCILE);
    wake(cx, world, ix, delay);
}

/// Schedules a reconcile after `delay`, unless an earlier one is due already.
fn wake(cx: &mut Cx, world: &mut World, ix: Ix<Service>, delay: Span) {
    let at = cx.now().saturating_add(delay);
    let state = &mut world.services[ix];
    if state.next_reconcile.is_some_and(|due| due <= at) {
        return;
    }
    state.next_reconcile = Some(at);
    state.epoch = state.epoch.wrapping_add(1);
    let epoch = state.epoch;
    cx.at(at, rank::CONTROLLERS, Event::Reconcile(ix, epoch));
}

/// Compares and acts: stops what is too much, starts what is missing.
pub(super) fn on_reconcile(cx: &mut Cx, world: &mut World, ix: Ix<Service>, epoch: u32) {
    let state = &mut world.services[ix];
    if state.epoch != epoch {
        return; // an earlier one has taken its place
    }
    state.next_reconcile = None;
    if state.staying() > state.desired {
        scale_in(cx, world, ix);
    }
    take_away_leaving(cx, world, ix);
    take_away_unhealthy(cx, world, ix);
    start_missing(cx, world, ix);
    rebalancing::stop_replaced(cx, world, ix);
    check_steady(cx, world, ix);
}

/// What becomes of a task that finds no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IfFull {
    /// It waits in PROVISIONING, where its capacity provider grows.
    Wait,
    /// It does not come to be.
    Refuse,
}

/// What the scheduler would start next.
enum Next {
    Task(NewTask),
    Nothing,
    /// A rate is used up; for so long.
    Wait(Span),
    NoRoom(Refusal),
}

/// What was asked for in vain: by a replica of all instances, by a daemon of its own one, and why.
struct Refusal {
    ask: Ask,
    of_daemon: Option<PlacementFailure>,
}

fn start_missing(cx: &mut Cx, world: &mut World, ix: Ix<Service>) {
    let throttled = world.services[ix].throttled_until;
    if throttled > cx.now() {
        return wake(cx, world, ix, throttled.since(cx.now()));
    }
    let mut started: Option<(u32, Id<Task>)> = None;
    loop {
        let wait = world.services[ix].launch_wait(cx.now());
        if !wait.is_zero() && is_short(cx, world, ix) {
            say_throttled(cx, world, ix);
            wake(cx, world, ix, wait);
            break;
        }
        match next_task(cx, world, ix, IfFull::Wait) {
            Next::Task(new) => {
                let state = &mut world.services[ix];
                state.unplaced_since = None;
                state.said_unable = None;
                state.take_launch(cx.now());
                let task = life::launch(cx, world, &new);
                adopt(world, ix, &new, task);
                started = Some(started.map_or((1, task), |(count, first)| (count + 1, first)));
            }
            Next::Nothing => break,
            Next::Wait(delay) => {
                say_throttled(cx, world, ix);
                wake(cx, world, ix, delay);
                break;
            }
            Next::NoRoom(refusal) => {
                say_unable_to_place(cx, world, ix, refusal);
                break;
            }
        }
    }
    if let Some((count, first)) = started {
        let event = ServiceEvent::StartedTasks { count, first };
        cx.tell(world, Fact::ServiceEvent { service: ix, event });
    }
}

/// Notes a task that the service has just launched.
pub(super) fn adopt(world: &mut World, ix: Ix<Service>, new: &NewTask, task: Id<Task>) {
    let Owner::Service { slot, .. } = new.owner else { return };
    // A task that failed at once has left its slot already.
    if world.tasks.get(task).is_none_or(|entry| entry.stop.is_some()) {
        return;
    }
    world.services[ix].slots[slot as usize].task = Some(task);
}

/// Says whether a task is to be started: fewer than desired are to stay, and the maximum allows it.
fn is_short(cx: &Cx, world: &World, ix: Ix<Service>) -> bool {
    let state = &world.services[ix];
    let staying = state.staying();
    let most = percent_of(state.desired, cx.model.services[ix].maximum_percent);
    staying < state.desired && (state.leaving.is_empty() || u64::from(state.active) < most)
}

/// Rounded down. Source: ECS API, DeploymentConfiguration.
pub(super) fn percent_of(count: u32, percent: u32) -> u64 {
    u64::from(count) * u64::from(percent) / 100
}

/// Says whether tasks of a service leave a draining instance: one may stop first, or start first.
///
/// Source: ECS Developer Guide, "Draining Amazon ECS container instances".
pub(super) fn may_move(cx: &Cx, world: &World, ix: Ix<Service>) -> bool {
    let (spec, desired) = (&cx.model.services[ix], world.services[ix].desired);
    let least = u64::from(desired) * u64::from(spec.minimum_healthy_percent);
    let most = percent_of(desired, spec.maximum_percent);
    least.div_ceil(100) < u64::from(desired) || most > u64::from(desired)
}

/// Stops tasks on draining instances, as many as the service can do without.
///
/// Source: ECS API, UpdateContainerInstancesState: down to the minimum healthy percent, rounded up;
/// the others when their replacements are healthy.
fn take_away_leaving(cx: &mut Cx, world: &mut World, ix: Ix<Service>) {
    let percent = cx.model.services[ix].minimum_healthy_percent;
    let least = u64::from(world.services[ix].desired) * u64::from(percent);
    let least = least.div_ceil(100);
    let mut stopped = None;
    loop {
        let mut leaving = world.services[ix].leaving.iter().copied();
        let Some(task) = leaving.find(|&task| !world.tasks[task].failed_checks) else { break };
        // One that is not healthy is not missed.
        let is_missed = world.tasks[task].healthy;
        if is_missed && u64::from(world.services[ix].healthy) <= least {
            break;
        }
        life::request_stop(cx, world, task, StopReason::Drained);
        stopped = Some(stopped.map_or((1, task), |(count, first)| (count + 1, first)));
    }
    if let Some((count, first)) = stopped {
        let event = ServiceEvent::StoppedTasks { count, first };
        cx.tell(world, Fact::ServiceEvent { service: ix, event });
        say_drained(cx, world, ix, count);
    }
}

/// Stops tasks that a load balancer found unhealthy: each when another is healthy in its place, or
/// one at a time where nothing may be started first.
///
/// Source: ECS Developer Guide, services, "replaced due to an unhealthy status". Assumption: the
/// one found first goes first.
fn take_away_unhealthy(cx: &mut Cx, world: &mut World, ix: Ix<Service>) {
    let percent = cx.model.services[ix].maximum_percent;
    let mut stopped = None;
    loop {
        let state = &world.services[ix];
        let unhealthy = || state.leaving.iter().filter(|&&it| world.tasks[it].failed_checks);
        let Some(&task) = unhealthy().next() else { break };
        let is_replaced = state.healthy + unhealthy().count() as u32 > state.desired;
        let most = percent_of(state.desired, percent);
        let is_full = state.staying() < state.desired && u64::from(state.active) >= most;
        if !is_replaced && !is_full {
            break;
        }
        life::request_stop(cx, world, task, StopReason::Unhealthy);
        stopped = Some(stopped.map_or((1, task), |(count, first)| (count + 1, first)));
    }
    if let Some((count, first)) = stopped {
        let event = ServiceEvent::StoppedTasks { count, first };
        cx.tell(world, Fact::ServiceEvent { service: ix, event });
        say_drained(cx, world, ix, count);
    }
}

/// A load balancer found a task unhealthy: another is to take its place.
pub(super) fn task_is_unhealthy(cx: &mut Cx, world: &mut World, task: Id<Task>, was_healthy: bool) {
    let Some(ix) = world.tasks[task].service() else { return };
    world.services[ix].healthy -= u32::from(was_healthy);
    service_metric::targets_change(cx, world, ix);
    for &group in &cx.model.services[ix].target_groups {
        let event = ServiceEvent::TargetUnhealthy { task, group };
        cx.tell(world, Fact::ServiceEvent { service: ix, event });
    }
    if cx.model.services[ix].scheduling == Scheduling::Daemon {
        // Its instance has room for one.
        return life::request_stop(cx, world, task, StopReason::Unhealthy);
    }
    rebalancing::interrupt(cx, world, ix);
    let luck = world.tasks[task].luck.named("unhealthy");
    let state = &mut world.services[ix];
    state.steady = false;
    if !state.leaving.contains(&task) {
        state.leaving.push(task);
    }
    state.note_missing(cx.now());
    react(cx, world, ix, luck);
}

/// A running task is on an instance that drains from now on.
pub(super) fn task_is_leaving(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    let Some(ix) = world.tasks[task].service() else { return };
    let luck = world.tasks[task].luck.named("leaving");
    rebalancing::interrupt(cx, world, ix);
    let state = &mut world.services[ix];
    if !state.leaving.contains(&task) {
        state.leaving.push(task);
    }
    state.steady = false;
    state.note_missing(cx.now());
    react(cx, world, ix, luck);
}

/// There is room that was not there before: services that lack tasks look again.
pub(super) fn room_appeared(cx: &mut Cx, world: &mut World) {
    for ix in cx.model.services.indices() {
        if world.services[ix].unplaced_since.is_some() {
            let luck = luck(cx, ix).named("room").part(cx.now().as_micros());
            react(cx, world, ix, luck);
        }
        rebalancing::watch(cx, world, ix);
    }
}

/// A daemon service runs on one more instance.
pub(super) fn daemon_instance(
    cx: &mut Cx,
    world: &mut World,
    ix: Ix<Service>,
    instance: Id<Instance>,
) {
    let state = &mut world.services[ix];
    let gone = state.hosts.iter().position(Option::is_none);
    let slot = gone.unwrap_or(state.hosts.len());
    if slot == state.hosts.len() {
        state.hosts.push(None);
        state.slots.push(Slot::default());
    }
    state.hosts[slot] = Some(instance);
    state.free_slots.push(Reverse(slot as u32));
    state.desired += 1;
    state.missing_since.push_back(cx.now());
    state.steady = false;
    if cx.now() > SimTime::ZERO {
        let luck = luck(cx, ix).named("instance").part(cx.now().as_micros());
        react(cx, world, ix, luck);
    }
}

/// An instance is gone: daemon services want nothing there any more.
pub(super) fn daemon_instance_is_gone(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    for ix in cx.model.services.indices() {
        let state = &mut world.services[ix];
        let Some(slot) = state.hosts.iter().position(|host| *host == Some(instance)) else {
            continue;
        };
        state.hosts[slot] = None;
        state.free_slots.retain(|free| free.0 != slot as u32);
        state.desired -= 1;
        state.note_missing(cx.now());
    }
}

/// Decides the next task: its slot, its provider, its place. Nothing is changed if there is none.
fn next_task(cx: &mut Cx, world: &mut World, ix: Ix<Service>, if_full: IfFull) -> Next {
    if !is_short(cx, world, ix) {
        return Next::Nothing;
    }
    match cx.model.services[ix].scheduling {
        Scheduling::Replica { .. } => next_replica(cx, world, ix, if_full),
        Scheduling::Daemon => next_daemon(cx, world, ix),
    }
}

fn next_replica(cx: &mut Cx, world: &mut World, ix: Ix<Service>, if_full: IfFull) -> Next {
    let providers = &cx.model.launches[cx.model.services[ix].launch].providers;
    let item = choose_provider(providers, &world.services[ix].by_item);
    let wait = world.account.fargate_launch_wait(providers[item].provider, cx.now());
    if !wait.is_zero() {
        return Next::Wait(wait);
    }
    let slot = world.services[ix].take_slot();
    let ask = ask(cx, &world.services[ix], (ix, slot), item);
    let waits = if_full == IfFull::Wait;
    match placement::choose(cx.model, world, &ask) {
        Some(place) => Next::Task(new_task(cx, world, (ix, slot), (&ask, Some(place)))),
        None if waits && provisioning::may_wait(cx, world, (ask.launch, ask.item)) => {
            Next::Task(new_task(cx, world, (ix, slot), (&ask, None)))
        }
        None => {
            world.services[ix].give_slot(slot);
            Next::NoRoom(Refusal { ask, of_daemon: None })
        }
    }
}

/// Decides the task of the first instance that has none of the daemon service and has room for it.
fn next_daemon(cx: &mut Cx, world: &mut World, ix: Ix<Service>) -> Next {
    let launch = &cx.model.launches[cx.model.services[ix].launch];
    let mut refused = Vec::new();
    let mut next = Next::Nothing;
    while let Some(slot) = world.services[ix].free_slots.pop().map(|slot| slot.0) {
        let Some(instance) = world.services[ix].hosts[slot as usize] else { continue };
        let class = &cx.model.classes[world.cluster.instance(instance).class];
        let item = launch.providers.iter().position(|item| cx.model.uses(item, class));
        let ask = ask(cx, &world.services[ix], (ix, slot), item.unwrap_or(0));
        match placement::choose_for_daemon(cx.model, world, &ask, (ix, instance)) {
            Ok(place) => {
                next = Next::Task(new_task(cx, world, (ix, slot), (&ask, Some(place))));
                break;
            }
            Err(failure) => {
                refused.push(slot);
                if matches!(next, Next::Nothing) {
                    next = Next::NoRoom(Refusal { ask, of_daemon: Some(failure) });
                }
            }
        }
    }
    world.services[ix].free_slots.extend(refused.into_iter().map(Reverse));
    next
}

/// Returns how many tasks of a service have a place and are not to stop.
pub(super) fn placed(world: &World, ix: Ix<Service>) -> u32 {
    let has_place = |task: &Id<Task>| !world.tasks[*task].is_unplaced();
    world.services[ix].tasks().filter(has_place).count() as u32
}

/// What the next task in a slot of the service asks for.
pub(super) fn ask(
    cx: &Cx,
    state: &ServiceState,
    (ix, slot): (Ix<Service>, u32),
    item: usize,
) -> Ask {
    let spec = &cx.model.services[ix];
    let definition = &cx.model.task_definitions[spec.task_definition];
    let incarnation = state.slots[slot as usize].incarnations;
    Ask {
        launch: spec.launch,
        requirement: definition.requirement,
        fargate: definition.fargate,
        item: item as u8,
        provider: cx.model.launches[spec.launch].providers[item].provider,
        luck: luck(cx, ix).part(u64::from(slot)).part(u64::from(incarnation)),
    }
}

/// Counts the task that goes to a place.
pub(super) fn new_task(
    cx: &Cx,
    world: &mut World,
    (ix, slot): (Ix<Service>, u32),
    (ask, place): (&Ask, Option<Place>),
) -> NewTask {
    let state = &mut world.services[ix];
    let wanted = state.missing_since.pop_front().unwrap_or(cx.now());
    state.slots[slot as usize].incarnations += 1;
    state.active += 1;
    state.by_item[usize::from(ask.item)] += 1;
    if let Some(place) = place {
        state.rebalancing.task_comes(ask.item, place.zone);
    }
    NewTask {
        owner: Owner::Service { service: ix, slot },
        task_definition: cx.model.services[ix].task_definition,
        requirement: ask.requirement,
        launch: ask.launch,
        item: ask.item,
        provider: ask.provider,
        place,
        fargate: ask.fargate,
        run_time: None,
        wanted,
        luck: ask.luck,
    }
}

/// Chooses the item of the strategy that the next task is of.
///
/// Bases first, then whoever is furthest behind its share; ties go to the larger weight, then to
/// the order of the list. AWS documents the shares only; this rule reproduces its workshop's
/// answers (ECS Spot workshop, "service view": 10 tasks are 4 and 6, 22 are 7 and 15).
pub(crate) fn choose_provider(items: &[StrategyItem], counts: &[u32]) -> usize {
    if items.len() == 1 {
        return 0;
    }
    let count = |position: usize| i64::from(counts[position]);
    let lacks_base = |position: usize| count(position) < i64::from(items[position].base);
    if let Some(position) = (0..items.len()).find(|&position| lacks_base(position)) {
        return position;
    }
    let extra = |position: usize| count(position) - i64::from(items[position].base);
    let total_weight: i64 = items.iter().map(|item| i64::from(item.weight)).sum();
    let next: i64 = (0..items.len()).map(extra).sum::<i64>() + 1;
    let behind = |(position, item): &(usize, &StrategyItem)| {
        i64::from(item.weight) * next - extra(*position) * total_weight
    };
    let weighted = items.iter().enumerate().filter(|(_, item)| item.weight > 0);
    weighted
        .max_by_key(|it| (behind(it), it.1.weight, Reverse(it.0)))
        .map_or(0, |(position, _)| position)
}

/// Says that nothing fits, and when to try again.
///
/// Observed (reproio/ecs_deploy#53): often at first, then only every five minutes.
fn say_unable_to_place(cx: &mut Cx, world: &mut World, ix: Ix<Service>, refusal: Refusal) {
    let Refusal { ask, of_daemon } = refusal;
    let now = cx.now();
    let timing = &cx.model.timing;
    let state = &mut world.services[ix];
    let since = *state.unplaced_since.get_or_insert(now);
    let patient = now.since(since) >= timing.placement_retry_window;
    let delay = if patient { timing.placement_retry_slow } else { timing.placement_retry };
    if state.said_unable.is_none_or(|at| now.since(at) >= EVENT_REPEAT) {
        state.said_unable = Some(now);
        let failure = of_daemon.unwrap_or_else(|| {
            provisioning::refusal(cx, &ask)
                .unwrap_or_else(|| placement::explain(cx.model, world, &ask))
        });
        let event = ServiceEvent::UnableToPlace {
            provider: ask.provider,
            requirement: ask.requirement,
            failure,
        };
        cx.tell(world, Fact::ServiceEvent { service: ix, event });
    }
    wake(cx, world, ix, delay);
}

fn say_throttled(cx: &mut Cx, world: &mut World, ix: Ix<Service>) {
    let now = cx.now();
    let state = &mut world.services[ix];
    if state.said_throttled.is_some_and(|at| now.since(at) < EVENT_REPEAT) {
        return;
    }
    state.said_throttled = Some(now);
    let event = ServiceEvent::Throttled;
    cx.tell(world, Fact::ServiceEvent { service: ix, event });
}

/// UpdateService with a new desired count.
pub(super) fn set_desired_count(cx: &mut Cx, world: &mut World, ix: Ix<Service>, to: u32) {
    let from = std::mem::replace(&mut world.services[ix].desired, to);
    if from == to {
        return;
    }
    rebalancing::interrupt(cx, world, ix);
    let state = &mut world.services[ix];
    state.note_missing(cx.now());
    state.steady = false;
    state.changes += 1;
    let luck = luck(cx, ix).named("desired count").part(state.changes);
    let event = ServiceEvent::DesiredCount { from, to };
    cx.tell(world, Fact::ServiceEvent { service: ix, event });
    react(cx, world, ix, luck);
}

/// A task, of a service or not, has waited for capacity and has a place now.
pub(super) fn task_is_placed(world: &mut World, task: Id<Task>) {
    let entry = &world.tasks[task];
    if let (Some(ix), Some(zone)) = (entry.service(), entry.zone) {
        world.services[ix].rebalancing.task_comes(entry.item, zone);
    }
}

/// A task of a service, or not, has `desiredStatus` STOPPED from now on.
pub(super) fn task_is_to_stop(cx: &mut Cx, world: &mut World, task: Id<Task>, reason: StopReason) {
    let entry = &world.tasks[task];
    let Owner::Service { service: ix, slot } = entry.owner else { return };
    let (healthy, item, zone, luck) = (entry.healthy, entry.item, entry.zone, entry.luck);
    let never_ran = entry.times.started.is_none();
    if reason != StopReason::Rebalanced {
        rebalancing::interrupt(cx, world, ix);
    }
    let state = &mut world.services[ix];
    state.active -= 1;
    state.healthy -= u32::from(healthy);
    state.by_item[usize::from(item)] -= 1;
    if let Some(zone) = zone {
        state.rebalancing.task_goes(item, zone);
    }
    state.slots[slot as usize].task = None;
    state.steady = false;
    if !state.leaving.is_empty() {
        state.leaving.retain(|other| *other != task);
    }
    state.note_missing(cx.now());
    state.free_slots.push(Reverse(slot));
    service_metric::task_leaves(cx, world, ix, !never_ran);
    if matches!(reason, StopReason::ScaledIn | StopReason::Rebalanced) {
        return; // the scheduler's own doing
    }
    if never_ran && reason.code() == StopCode::TaskFailedToStart {
        note_failed_start(cx, world, ix);
    }
    react(cx, world, ix, luck);
}

/// Slows down a service whose tasks never run.
///
/// Source: ECS Developer Guide, "Amazon ECS service throttle logic": up to 27 minutes, only for
/// tasks that never ran. When it begins and how it grows is not published: parameters.
fn note_failed_start(cx: &mut Cx, world: &mut World, ix: Ix<Service>) {
    let timing = &cx.model.timing;
    let state = &mut world.services[ix];
    if state.throttled_until > cx.now() {
        return; // launched before the delay began, together with the one that began it
    }
    state.failed_starts += 1;
    let Some(step) = state.failed_starts.checked_sub(timing.throttle_after) else { return };
    let factor = 1u64.checked_shl(step.min(32)).unwrap_or(u64::MAX);
    let delay = timing.throttle_first.saturating_mul(factor).min(timing.throttle_cap);
    state.throttled_until = cx.now().saturating_add(delay);
    let event = ServiceEvent::StartImpaired { delay };
    cx.tell(world, Fact::ServiceEvent { service: ix, event });
}

/// A task runs: the service can start tasks, and registers it with its target groups.
pub(super) fn task_runs(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    let Some(ix) = world.tasks[task].service() else { return };
    world.services[ix].failed_starts = 0;
    for &group in &cx.model.services[ix].target_groups {
        let event = ServiceEvent::RegisteredTargets { count: 1, group };
        cx.tell(world, Fact::ServiceEvent { service: ix, event });
    }
}

/// A task counts as healthy.
pub(super) fn task_healthy(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    let Some(ix) = world.tasks[task].service() else { return };
    world.services[ix].healthy += 1;
    service_metric::targets_change(cx, world, ix);
    if std::mem::take(&mut world.tasks[task].failed_checks) {
        // It has recovered: no other need take its place, unless its instance drains.
        let host = world.tasks[task].instance.map(|it| world.cluster.instance(it));
        let stays = host.is_none_or(Instance::is_active);
        let state = &mut world.services[ix];
        state.leaving.retain(|other| *other != task || !stays);
        state.note_missing(cx.now());
        let luck = world.tasks[task].luck.named("recovered");
        react(cx, world, ix, luck);
    }
    let state = &world.services[ix];
    if !state.leaving.is_empty() || state.rebalancing.is_moving(task) {
        let luck = world.tasks[task].luck.named("healthy");
        react(cx, world, ix, luck); // it may take the place of another
    }
    check_steady(cx, world, ix);
}

/// Steady: as many as desired, all healthy, nothing under way.
fn check_steady(cx: &mut Cx, world: &mut World, ix: Ix<Service>) {
    let state = &mut world.services[ix];
    if state.steady || state.active != state.desired || state.healthy != state.desired {
        return;
    }
    state.steady = true;
    let event = ServiceEvent::SteadyState;
    cx.tell(world, Fact::ServiceEvent { service: ix, event });
    rebalancing::watch(cx, world, ix);
}

/// Stops as many tasks as there are too many.
fn scale_in(cx: &mut Cx, world: &mut World, ix: Ix<Service>) {
    let surplus = world.services[ix].active - world.services[ix].desired;
    let launch = &cx.model.launches[cx.model.services[ix].launch];
    let targets = provider_targets(&launch.providers, world.services[ix].desired);
    let (mut first_running, mut running, mut pending) = (None, 0, 0);
    for _ in 0..surplus {
        let counts = &world.services[ix].by_item;
        // Not documented which provider loses a task: the one furthest above its share.
        let item = (0..counts.len()).filter(|&item| counts[item] > 0).max_by_key(|&item| {
            (i64::from(counts[item]) - i64::from(targets[item]), Reverse(item))
        });
        let of_item = |_, task: &Task| Some(usize::from(task.item)) == item;
        let Some(victim) = choose_victim(cx, world, ix, of_item) else { break };
        if world.tasks[victim].last_status == TaskStatus::Running {
            first_running.get_or_insert(victim);
            running += 1;
        } else {
            pending += 1;
        }
        life::request_stop(cx, world, victim, StopReason::ScaledIn);
    }
    if let Some(first) = first_running {
        let event = ServiceEvent::StoppedTasks { count: running, first };
        cx.tell(world, Fact::ServiceEvent { service: ix, event });
    }
    if pending > 0 {
        let event = ServiceEvent::StoppedPendingTasks { count: pending };
        cx.tell(world, Fact::ServiceEvent { service: ix, event });
    }
    say_drained(cx, world, ix, running);
}

/// Says that tasks leave their target groups.
pub(super) fn say_drained(cx: &mut Cx, world: &World, ix: Ix<Service>, count: u32) {
    let groups = &cx.model.services[ix].target_groups;
    if count == 0 || groups.is_empty() {
        return;
    }
    for &group in groups {
        let event = ServiceEvent::DeregisteredTargets { count, group };
        cx.tell(world, Fact::ServiceEvent { service: ix, event });
    }
    let event = ServiceEvent::DrainingConnections { count };
    cx.tell(world, Fact::ServiceEvent { service: ix, event });
}

/// Returns how many of `count` tasks each item would have, started one by one.
pub(crate) fn provider_targets(items: &[StrategyItem], count: u32) -> Counts {
    let mut targets = Counts::from_elem(0, items.len());
    for _ in 0..count {
        let next = choose_provider(items, &targets);
        targets[next] += 1;
    }
    targets
}

/// Chooses which task of a service goes, of those that may.
///
/// Tasks that do not run yet go first (Assumption). Then the placement strategy, read backwards:
/// `spread` takes from where most are, `binpack` from the instance with most left; without a
/// strategy the zone with most tasks of the service, in it the instance with most. What is equal
/// then is decided at random. Source: ECS Developer Guide, task placement strategies; API,
/// UpdateService.
pub(super) fn choose_victim(
    cx: &Cx,
    world: &mut World,
    ix: Ix<Service>,
    may_go: impl Fn(Id<Task>, &Task) -> bool,
) -> Option<Id<Task>> {
    let strategy = &cx.model.launches[cx.model.services[ix].launch].strategy;
    let mut best: Vec<Id<Task>> = Vec::new();
    let mut best_key: Vec<u64> = Vec::new();
    let soon_free = soon_free(cx, world, strategy);
    for task in world.services[ix].tasks() {
        let entry = &world.tasks[task];
        if !may_go(task, entry) {
            continue;
        }
        let is_pending = entry.last_status < TaskStatus::Running;
        let mut key = vec![u64::from(is_pending), u64::from(entry.is_unplaced())];
        match entry.instance {
            Some(instance) => {
                let soon_free = soon_free.get(&instance).copied().unwrap_or_default();
                key.extend(strategy.iter().map(|rule| {
                    surplus_at(cx, world, entry, (instance, rule)) + soon_free.of(rule)
                }));
            }
            None => {
                let group = cx.model.launches[entry.launch].group;
                let there = |zone| world.cluster.group_on_fargate(group, entry.provider, zone);
                key.extend(entry.zone.map(|zone| u64::from(there(zone))));
            }
        }
        if key > best_key || best.is_empty() {
            best_key = key;
            best = vec![task];
        } else if key == best_key {
            best.push(task);
        }
    }
    let state = &mut world.services[ix];
    let number = state.scale_ins;
    state.scale_ins += 1;
    let choice = luck(cx, ix).part(number).below(SCALE_IN, best.len().max(1) as u32);
    best.get(choice as usize).copied()
}

/// CPU units and MiB that tasks on an instance give back when they have drained.
#[derive(Clone, Copy, Debug, Default)]
struct SoonFree {
    cpu_units: u64,
    memory_mib: u64,
}

impl SoonFree {
    fn of(&self, rule: &PlacementStrategy) -> u64 {
        match rule {
            PlacementStrategy::BinpackCpu => self.cpu_units,
            PlacementStrategy::BinpackMemory => self.memory_mib,
            PlacementStrategy::SpreadInstance
            | PlacementStrategy::SpreadAttribute(_)
            | PlacementStrategy::Random => 0,
        }
    }
}

/// Returns what tasks that are to stop still hold of each instance, if a rule packs.
///
/// Assumption: whoever packs counts them as gone already, so that instances become empty one
/// after the other, as they do where tasks stop at once.
fn soon_free(
    cx: &Cx,
    world: &World,
    strategy: &[PlacementStrategy],
) -> BTreeMap<Id<Instance>, SoonFree> {
    let packs = |rule: &PlacementStrategy| {
        matches!(rule, PlacementStrategy::BinpackCpu | PlacementStrategy::BinpackMemory)
    };
    let mut free: BTreeMap<Id<Instance>, SoonFree> = BTreeMap::new();
    if !strategy.iter().any(packs) {
        return free;
    }
    let stopping =
        world.tasks.iter().filter(|(_, task)| task.stop.is_some() && task.holds.scheduler);
    for (_, task) in stopping {
        let Some(instance) = task.instance else { continue };
        let held = cx.model.requirements[task.requirement].resources;
        let there = free.entry(instance).or_default();
        there.cpu_units += u64::from(held.cpu_units);
        there.memory_mib += u64::from(held.memory_mib);
    }
    free
}

/// How much a rule of the strategy speaks for taking a task from where this one is.
fn surplus_at(
    cx: &Cx,
    world: &World,
    task: &Task,
    (instance, rule): (Id<Instance>, &PlacementStrategy),
) -> u64 {
    let group = cx.model.launches[task.launch].group;
    let host = world.cluster.instance(instance);
    match rule {
        PlacementStrategy::BinpackCpu => u64::from(host.remaining().cpu_units),
        PlacementStrategy::BinpackMemory => u64::from(host.remaining().memory_mib),
        PlacementStrategy::SpreadInstance => {
            u64::from(world.cluster.group_on_instance(group, instance))
        }
        PlacementStrategy::SpreadAttribute(name) => {
            u64::from(placement::group_on_value(&world.cluster, (group, name), host.class))
        }
        PlacementStrategy::Random => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::Provider;
    use super::*;

    fn item(provider: Provider, base: u32, weight: u32) -> StrategyItem {
        StrategyItem { base, weight, ..StrategyItem::only(provider) }
    }

    fn check(a: (u32, u32), b: (u32, u32), tasks: u32, expected: (u32, u32)) {
        let items = [item(Provider::Fargate, a.0, a.1), item(Provider::FargateSpot, b.0, b.1)];
        let targets = provider_targets(&items, tasks);
        assert_eq!(
            (targets[0], targets[1]),
            expected,
            "{tasks} tasks over {a:?} and {b:?} (base, weight)"
        );
    }

    #[test]
    fn s_e57_s_e58_s_e60_s_e61_s_e63_a_e73_a_e74_tasks_are_split_by_base_and_weight() {
        check((2, 1), (0, 3), 10, (4, 6)); // S-E57, A-E73
        check((2, 1), (0, 3), 22, (7, 15)); // S-E58, A-E74
        check((1, 1), (0, 3), 10, (3, 7)); // S-E60
        check((0, 1), (1, 3), 10, (2, 8)); // S-E61
        check((10, 1), (0, 2), 100, (40, 60)); // S-E63
        check((0, 3), (0, 1), 4, (3, 1)); // the workshop's 3:1
        check((0, 1), (0, 1), 5, (3, 2)); // a tie: the order of the list
    }
}

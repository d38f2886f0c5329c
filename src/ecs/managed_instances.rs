//! ECS Managed Instances: Amazon ECS launches instances for tasks that wait, and ends those that it
//! can do without.
//!
//! Source: ECS Developer Guide, "Architect for Amazon ECS Managed Instances", "infrastructure
//! optimization" and "Draining". Which instances that is `capacity/managed_instances.rs` decides;
//! they come and go as those of a group do, which always wants what it has.
//! Assumption: a task waits for the instance that is launched for it, as zones would not be
//! balanced otherwise: whichever instance came first would get all tasks.

use std::collections::{BTreeMap, VecDeque};

use crate::engine::{Id, Ix};
use crate::units::{SimTime, Span};

use super::auto_scaling;
use super::capacity::group::Pool;
use super::capacity::managed_instances::{self as rules, Kind, Offer};
use super::capacity::reservation::{Room, WaitingGroup};
use super::cluster::{Instance, InstanceStatus};
use super::model::{
    AutoScalingGroup, InstanceClass, Launch, ManagedInstances, Requirement, Scheduling, TaskGroup,
    Zone,
};
use super::placement::{self, Ask, Place};
use super::{
    Cx, Event, Fact, LaunchFailure, ManagedChange, Task, TaskStatus, TerminationReason, World,
    capacity_provider, instance, life, service,
};

/// How soon an instance is looked at again of which there was no time to decide.
const POSTPONED: Span = Span::MINUTE;

/// What ECS remembers of a group of Managed Instances.
#[derive(Clone, Debug, Default)]
pub(super) struct ManagedState {
    /// When instances are chosen for those who wait.
    next_plan: Option<SimTime>,
    /// Which instance each waiting task is to go to.
    promises: BTreeMap<Id<Task>, Id<Instance>>,
    /// When a task last came or went, of instances that nobody has looked at since.
    changed: BTreeMap<Id<Instance>, SimTime>,
    /// When the first of those is looked at.
    next_look: Option<SimTime>,
}

impl ManagedState {
    /// An instance is gone: nobody waits for it any more.
    pub(super) fn is_gone(&mut self, instance: Id<Instance>) {
        self.promises.retain(|_, promised| *promised != instance);
        self.changed.remove(&instance);
    }
}

/// What tells waiting tasks apart: how they are launched, and what they need.
type KindKey = (Ix<Launch>, Ix<Requirement>);

/// Somebody who needs an instance: a task, or one that is to run when the run begins.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    kind: KindKey,
    task: Option<Id<Task>>,
}

/// An instance on its way, and what is left of it for those who wait.
struct Coming {
    instance: Id<Instance>,
    zone: Ix<Zone>,
    class: Ix<InstanceClass>,
    room: Room,
    /// Who comes to it already.
    holds: Vec<KindKey>,
}

fn spec<'a>(cx: &Cx<'a>, ix: Ix<AutoScalingGroup>) -> Option<&'a ManagedInstances> {
    cx.model.auto_scaling_groups[ix].managed_instances.as_ref()
}

/// Returns the group of Managed Instances that a task is to run on.
fn group_of_task(cx: &Cx, world: &World, task: Id<Task>) -> Option<Ix<AutoScalingGroup>> {
    let entry = &world.tasks[task];
    let launch = &cx.model.launches[entry.launch];
    cx.model.managed_group(&launch.providers[usize::from(entry.item)])
}

/// A task waits from now on: before long an instance is launched for it.
pub(super) fn task_waits(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    if let Some(ix) = group_of_task(cx, world, task)
        && let Some(spec) = spec(cx, ix)
    {
        plan_after(cx, world, ix, spec.batching_window);
    }
}

/// A task does not wait any more.
pub(super) fn waits_no_more(cx: &Cx, world: &mut World, task: Id<Task>) {
    if let Some(ix) = group_of_task(cx, world, task) {
        world.groups[ix].managed.promises.remove(&task);
    }
}

/// Returns the instance that is launched for a waiting task.
pub(super) fn promised(cx: &Cx, world: &World, task: Id<Task>) -> Option<Id<Instance>> {
    let ix = group_of_task(cx, world, task)?;
    world.groups[ix].managed.promises.get(&task).copied()
}

/// Returns the place of a task whose instance is there: in the zone of it, if that has room.
pub(super) fn keep_promise(
    cx: &mut Cx,
    world: &mut World,
    (task, instance): (Id<Task>, Id<Instance>),
    ask: &Ask,
) -> Option<Place> {
    let host = world.cluster.instance(instance);
    if host.status() == InstanceStatus::Pending {
        return None;
    }
    let zone = cx.model.classes[host.class].zone;
    let place = placement::choose_in_zone(cx.model, world, ask, zone)
        .or_else(|| placement::choose(cx.model, world, ask));
    waits_no_more(cx, world, task);
    if place.is_none()
        && let Some(ix) = group_of_task(cx, world, task)
    {
        // Somebody else was quicker.
        plan_after(cx, world, ix, cx.model.timing.launch_retry);
    }
    place
}

/// Those who wait are looked at now, for something may be possible that was not.
pub(super) fn look_again(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>) {
    plan_after(cx, world, ix, Span::ZERO);
}

fn plan_after(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>, after: Span) {
    cx.sooner(&mut world.groups[ix].managed.next_plan, after, Event::PlanInstances(ix));
}

/// Launches instances for those who wait and have none on its way.
pub(super) fn on_plan(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>) {
    if world.groups[ix].managed.next_plan != Some(cx.now()) {
        return;
    }
    world.groups[ix].managed.next_plan = None;
    let wanted = waiting(cx, world, ix);
    if wanted.is_empty() {
        return;
    }
    let mut plan = Plan::new(cx, world, ix, wanted.len());
    plan.satisfy(cx, world, wanted);
    for instance in plan.launched {
        auto_scaling::await_service(cx, world, ix, instance);
    }
    if plan.pools.iter().any(|pool| pool.refused) && !waiting(cx, world, ix).is_empty() {
        plan_after(cx, world, ix, cx.model.timing.launch_retry);
    }
}

/// Returns who waits and is promised nothing, in order of creation.
fn waiting(cx: &Cx, world: &World, ix: Ix<AutoScalingGroup>) -> Vec<Wanted> {
    let Some(spec) = spec(cx, ix) else { return Vec::new() };
    let promises = &world.groups[ix].managed.promises;
    let cluster = cx.model.cluster_of(spec.provider);
    let tasks = world.provisioning[cluster].tasks();
    let ours = tasks.filter(|&task| group_of_task(cx, world, task) == Some(ix));
    let left = ours.filter(|task| !promises.contains_key(task));
    let wanted = |task: Id<Task>| {
        let entry = &world.tasks[task];
        Wanted { kind: (entry.launch, entry.requirement), task: Some(task) }
    };
    left.map(wanted).collect()
}

/// In a cluster that has been there for long, there are instances for so many tasks that find no
/// room. Returns whether there is a place now.
pub(super) fn grow(
    cx: &mut Cx,
    world: &mut World,
    ix: Ix<AutoScalingGroup>,
    (ask, count): (&Ask, u32),
) -> bool {
    if count == 0 {
        return false;
    }
    let wanted = Wanted { kind: (ask.launch, ask.requirement), task: None };
    let mut plan = Plan::new(cx, world, ix, count as usize);
    plan.satisfy(cx, world, vec![wanted; count as usize]);
    for &instance in &plan.launched {
        instance::become_active(cx, world, instance);
    }
    let is_placed = placement::choose(cx.model, world, ask).is_some();
    for instance in plan.launched.into_iter().filter(|_| !is_placed) {
        changed(cx, world, instance); // idle from the beginning
    }
    is_placed
}

/// What is known while instances are chosen.
struct Plan {
    ix: Ix<AutoScalingGroup>,
    pools: Vec<Pool>,
    /// By pool.
    offers: Vec<Offer>,
    /// What needs what, and which pools take it.
    kinds: BTreeMap<KindKey, Kind>,
    coming: Vec<Coming>,
    /// How many tasks of a group are where, those on instances that drain apart.
    tasks: BTreeMap<(Ix<TaskGroup>, Ix<Zone>), u32>,
    waiting: u32,
    launched: Vec<Id<Instance>>,
}

impl Plan {
    fn new(cx: &Cx, world: &mut World, ix: Ix<AutoScalingGroup>, waiting: usize) -> Plan {
        let pools = auto_scaling::pools(cx, world, ix);
        let spec = &cx.model.auto_scaling_groups[ix];
        let offer = |(pool, spec): (&Pool, _)| {
            let class = class_of(cx, spec);
            Offer { room: empty_room(cx, world, class), price: pool.price }
        };
        let offers = pools.iter().zip(spec.pools.iter().copied()).map(offer).collect();
        let mut plan = Plan {
            ix,
            pools,
            offers,
            kinds: BTreeMap::new(),
            coming: Vec::new(),
            tasks: BTreeMap::new(),
            waiting: waiting as u32,
            launched: Vec::new(),
        };
        plan.count_tasks(cx, world);
        plan.find_coming(cx, world);
        plan
    }

    fn count_tasks(&mut self, cx: &Cx, world: &World) {
        let promises = &world.groups[self.ix].managed.promises;
        for (id, task) in world.tasks.iter().filter(|(_, task)| task.stop.is_none()) {
            let on = task.instance.or_else(|| promises.get(&id).copied());
            let Some(host) = on.and_then(|it| world.cluster.get(it)) else { continue };
            if host.status() != InstanceStatus::Draining {
                let group = cx.model.launches[task.launch].group;
                let zone = cx.model.classes[host.class].zone;
                *self.tasks.entry((group, zone)).or_default() += 1;
            }
        }
    }

    fn find_coming(&mut self, cx: &Cx, world: &World) {
        for instance in auto_scaling::staying(world, self.ix) {
            let host = world.cluster.instance(instance);
            if host.status() != InstanceStatus::Pending {
                continue;
            }
            let (class, zone) = (host.class, cx.model.classes[host.class].zone);
            let room = empty_room(cx, world, class);
            let mut coming = Coming { instance, zone, class, room, holds: Vec::new() };
            let promises = world.groups[self.ix].managed.promises.iter();
            for (&task, _) in promises.filter(|(_, it)| **it == instance) {
                let entry = &world.tasks[task];
                coming.take(cx, (entry.launch, entry.requirement));
            }
            self.coming.push(coming);
        }
    }

    /// Returns what a kind needs, and which pools take it.
    fn kind(&mut self, cx: &Cx, world: &World, key: KindKey) -> &Kind {
        let pools = &cx.model.auto_scaling_groups[self.ix].pools;
        let takes = |&pool: &_| placement::takes(cx.model, world, key, class_of(cx, pool));
        self.kinds.entry(key).or_insert_with(|| Kind {
            tasks: capacity_provider::waiting_group(cx.model, key),
            takes: pools.iter().map(takes).collect(),
        })
    }

    /// Promises each an instance that is on its way or launched now, as far as there are any.
    fn satisfy(&mut self, cx: &mut Cx, world: &mut World, mut wanted: Vec<Wanted>) {
        while !wanted.is_empty() {
            let mut refused = Vec::new();
            for (zone, those) in self.divide(cx, world, wanted) {
                refused.extend(self.launch_in_zone(cx, world, (zone, those)));
            }
            // Those whose pools have refused meanwhile try what is left.
            wanted = refused;
        }
    }

    /// Divides those who need an instance among zones, where fewest tasks of their group are; what
    /// is on its way there takes them first.
    fn divide(
        &mut self,
        cx: &Cx,
        world: &mut World,
        wanted: Vec<Wanted>,
    ) -> BTreeMap<Ix<Zone>, Vec<Wanted>> {
        let mut by_zone: BTreeMap<Ix<Zone>, Vec<Wanted>> = BTreeMap::new();
        for one in wanted {
            let kind = self.kind(cx, world, one.kind).clone();
            let group = cx.model.launches[one.kind.0].group;
            let has_offer = |position: &usize| {
                let room = &self.offers[*position].room;
                let is_open = !self.pools[*position].refused && kind.takes[*position];
                is_open && kind.tasks.per_instance(room) > 0
            };
            let open = (0..self.pools.len()).filter(has_offer).map(|it| self.pools[it].zone);
            let takes = |it: &&Coming| it.takes(cx, world, (one.kind, &kind.tasks));
            let coming = self.coming.iter().filter(takes).map(|it| it.zone);
            let there = |zone: Ix<Zone>| self.tasks.get(&(group, zone)).copied().unwrap_or(0);
            let zone = open.chain(coming).min_by_key(|&zone| (there(zone), zone));
            let Some(zone) = zone else { continue }; // nothing takes it now
            *self.tasks.entry((group, zone)).or_default() += 1;
            let position = self
                .coming
                .iter()
                .position(|it| it.zone == zone && it.takes(cx, world, (one.kind, &kind.tasks)));
            match position {
                Some(position) => {
                    self.coming[position].take(cx, one.kind);
                    let instance = self.coming[position].instance;
                    self.promise(world, one, instance);
                }
                None => by_zone.entry(zone).or_default().push(one),
            }
        }
        by_zone
    }

    fn promise(&self, world: &mut World, one: Wanted, instance: Id<Instance>) {
        if let Some(task) = one.task {
            world.groups[self.ix].managed.promises.insert(task, instance);
        }
    }

    /// Launches what those need who are to be in a zone; returns whose pools have refused.
    fn launch_in_zone(
        &mut self,
        cx: &mut Cx,
        world: &mut World,
        (zone, wanted): (Ix<Zone>, Vec<Wanted>),
    ) -> Vec<Wanted> {
        let is_open = |&it: &usize| self.pools[it].zone == zone && !self.pools[it].refused;
        let open: Vec<usize> = (0..self.pools.len()).filter(is_open).collect();
        let offers: Vec<Offer> = open.iter().map(|&position| self.offers[position]).collect();
        let mut queues: BTreeMap<KindKey, VecDeque<Wanted>> = BTreeMap::new();
        for one in wanted {
            queues.entry(one.kind).or_default().push_back(one);
        }
        let of_zone = |(key, queue): (&KindKey, &VecDeque<Wanted>)| {
            let kind = &self.kinds[key];
            let tasks = WaitingGroup { count: queue.len() as u32, ..kind.tasks };
            Kind { tasks, takes: open.iter().map(|&position| kind.takes[position]).collect() }
        };
        let kinds: Vec<Kind> = queues.iter().map(of_zone).collect();
        let mut refused = Vec::new();
        for filled in rules::plan(&kinds, &offers) {
            let mut those = Vec::new();
            for (queue, &count) in queues.values_mut().zip(&filled.tasks) {
                those.extend(queue.drain(..(count as usize).min(queue.len())));
            }
            if !self.launch_for(cx, world, (open[filled.offer], &those)) {
                for one in &those {
                    let group = cx.model.launches[one.kind.0].group;
                    self.tasks.entry((group, zone)).and_modify(|count| *count -= 1);
                }
                refused.extend(those);
            }
        }
        refused
    }

    /// Launches an instance for some, unless it is refused.
    fn launch_for(
        &mut self,
        cx: &mut Cx,
        world: &mut World,
        (position, those): (usize, &[Wanted]),
    ) -> bool {
        let spec = &cx.model.auto_scaling_groups[self.ix];
        let (Some(managed), pool) = (&spec.managed_instances, spec.pools[position]) else {
            return false;
        };
        if world.groups[self.ix].capacity() >= spec.max_size {
            self.pools.iter_mut().for_each(|pool| pool.refused = true);
        }
        if self.pools[position].refused {
            return false;
        }
        let instance = match auto_scaling::launch_in(cx, world, (self.ix, pool)) {
            Ok(instance) => instance,
            Err(reason) => {
                self.refuse(world, position, reason);
                return false;
            }
        };
        self.launched.push(instance);
        for &one in those {
            self.promise(world, one, instance);
        }
        let (tasks, first) = (those.len() as u32, those.first().and_then(|it| it.task));
        let why = ManagedChange::Launched { tasks, first, waiting: self.waiting };
        let provider = managed.provider;
        cx.tell(world, Fact::ManagedInstance { provider, instance, why });
        true
    }

    /// A pool has refused, and those that would for the same reason are not tried.
    fn refuse(&mut self, world: &World, position: usize, reason: LaunchFailure) {
        let (zone, least) = (self.pools[position].zone, self.offers[position].room.resources);
        let is_out = world.faults.refuses(zone);
        for (other, (pool, offer)) in self.pools.iter_mut().zip(&self.offers).enumerate() {
            pool.refused |= other == position
                || match reason {
                    LaunchFailure::InsufficientCapacity => is_out && pool.zone == zone,
                    LaunchFailure::VcpuQuota => offer.room.resources.cpu_units >= least.cpu_units,
                };
        }
    }
}

impl Coming {
    fn takes(&self, cx: &Cx, world: &World, (key, tasks): (KindKey, &WaitingGroup)) -> bool {
        let is_free = !tasks.alone || !self.holds.iter().any(|it| it.0 == key.0);
        is_free
            && tasks.per_instance(&self.room) > 0
            && placement::takes(cx.model, world, key, self.class)
    }

    fn take(&mut self, cx: &Cx, key: KindKey) {
        let tasks = capacity_provider::waiting_group(cx.model, key);
        self.room = rules::without(self.room, &tasks, 1);
        self.holds.push(key);
    }
}

fn class_of(cx: &Cx, pool: Ix<super::model::CapacityPool>) -> Ix<InstanceClass> {
    cx.model.pools[pool].classes[0]
}

/// Returns what an instance of a class has for tasks beside its daemons.
fn empty_room(cx: &Cx, world: &World, class: Ix<InstanceClass>) -> Room {
    let mut room = cx.model.classes[class].room();
    for (_, service) in cx.model.services.iter() {
        let requirement = cx.model.task_definitions[service.task_definition].requirement;
        let key = (service.launch, requirement);
        let is_daemon = service.scheduling == Scheduling::Daemon;
        if is_daemon && placement::takes(cx.model, world, key, class) {
            room = rules::without(room, &capacity_provider::waiting_group(cx.model, key), 1);
        }
    }
    room
}

/// A task has come to an instance or left it, or the instance is there from now on.
pub(super) fn changed(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let Some(ix) = auto_scaling::group_of(cx, world, instance) else { return };
    let Some(delay) = spec(cx, ix).and_then(|it| it.scale_in_after) else { return };
    world.groups[ix].managed.changed.insert(instance, cx.now());
    cx.sooner(&mut world.groups[ix].managed.next_look, delay, Event::OptimizeInstances(ix));
}

/// Looks at instances on which nothing has changed for long enough.
///
/// Source: ECS Developer Guide, "infrastructure optimization": the time counts from the last task
/// that came or stopped.
pub(super) fn on_look(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>) {
    if world.groups[ix].managed.next_look != Some(cx.now()) {
        return;
    }
    world.groups[ix].managed.next_look = None;
    let Some(delay) = spec(cx, ix).and_then(|it| it.scale_in_after) else { return };
    let changed = &world.groups[ix].managed.changed;
    let is_due = |since: SimTime| since.saturating_add(delay) <= cx.now();
    let due: Vec<_> = changed.iter().filter(|it| is_due(*it.1)).map(|it| *it.0).collect();
    for instance in due {
        world.groups[ix].managed.changed.remove(&instance);
        if !judge(cx, world, (ix, instance)) {
            // What is to be decided depends on what is under way.
            let later = POSTPONED.saturating_sub(delay);
            let since = cx.now().saturating_add(later);
            world.groups[ix].managed.changed.insert(instance, since);
        }
    }
    if let Some(&first) = world.groups[ix].managed.changed.values().min() {
        let after = first.saturating_add(delay).since(cx.now());
        cx.sooner(&mut world.groups[ix].managed.next_look, after, Event::OptimizeInstances(ix));
    }
}

/// Ends an instance that is idle or underutilized; returns false if that cannot be said now.
fn judge(
    cx: &mut Cx,
    world: &mut World,
    (ix, instance): (Ix<AutoScalingGroup>, Id<Instance>),
) -> bool {
    let is_active = world.cluster.get(instance).is_some_and(|host| host.is_active());
    if !is_active || !auto_scaling::stays(world, ix, instance) {
        return true;
    }
    if !world.cluster.instance(instance).is_occupied() {
        end(cx, world, (ix, instance), (ManagedChange::Idle, TerminationReason::Idle));
        return true;
    }
    let Some(kinds) = movable(cx, world, instance) else { return true };
    if is_under_way(cx, world, ix) {
        return false;
    }
    if let Some(why) = better(cx, world, (ix, instance), kinds) {
        end(cx, world, (ix, instance), (why, TerminationReason::Underutilized));
    }
    true
}

/// Tells why an instance goes, and drains it.
fn end(
    cx: &mut Cx,
    world: &mut World,
    (ix, instance): (Ix<AutoScalingGroup>, Id<Instance>),
    (why, reason): (ManagedChange, TerminationReason),
) {
    let Some(spec) = spec(cx, ix) else { return };
    cx.tell(world, Fact::ManagedInstance { provider: spec.provider, instance, why });
    auto_scaling::let_go(cx, world, (ix, instance), reason);
}

/// An instance is as old as it may be: it drains, and what replaces its tasks waits for others.
///
/// Source: AWS Batch User Guide, "Instance draining": draining begins at day 14.
pub(super) fn expires(cx: &mut Cx, world: &mut World, at: (Ix<AutoScalingGroup>, Id<Instance>)) {
    if auto_scaling::stays(world, at.0, at.1) {
        end(cx, world, at, (ManagedChange::Expired, TerminationReason::MaxLifetime));
    }
}

/// Returns tasks of services on an instance that could all run elsewhere, by what they need.
///
/// Source: ECS Developer Guide, "infrastructure optimization": instances with standalone tasks are
/// left alone, and what services promise is kept.
fn movable(cx: &Cx, world: &World, instance: Id<Instance>) -> Option<Vec<(Id<Task>, u32)>> {
    let mut kinds: BTreeMap<KindKey, (Id<Task>, u32)> = BTreeMap::new();
    for task in instance::tasks_on(world, instance) {
        let entry = &world.tasks[task];
        if life::is_daemon(cx, entry) {
            continue;
        }
        let is_settled = entry.stop.is_none() && entry.last_status == TaskStatus::Running;
        if !is_settled || !service::may_move(cx, world, entry.service()?) {
            return None;
        }
        kinds.entry((entry.launch, entry.requirement)).or_insert((task, 0)).1 += 1;
    }
    Some(kinds.into_values().collect())
}

/// Says whether an instance is consolidated, instances are on their way, or tasks wait for some.
///
/// Assumption: one instance at a time is consolidated, and none while others are launched, so that
/// room is not counted twice.
fn is_under_way(cx: &Cx, world: &World, ix: Ix<AutoScalingGroup>) -> bool {
    let is_pending = |id: Id<Instance>| !world.cluster.instance(id).is_active();
    let promises = &world.groups[ix].managed.promises;
    auto_scaling::has_leaving(world, ix, TerminationReason::Underutilized)
        || !promises.is_empty()
        || !waiting(cx, world, ix).is_empty()
        || auto_scaling::staying(world, ix).into_iter().any(is_pending)
}

/// Says whether tasks fit on other instances of the zone, or on a smaller one that costs less.
fn better(
    cx: &Cx,
    world: &mut World,
    (ix, instance): (Ix<AutoScalingGroup>, Id<Instance>),
    movable: Vec<(Id<Task>, u32)>,
) -> Option<ManagedChange> {
    let tasks = movable.iter().map(|(_, count)| count).sum();
    let own = world.cluster.instance(instance).class;
    let zone = cx.model.classes[own].zone;
    let peers = auto_scaling::staying(world, ix).into_iter().filter(|&other| {
        let host = world.cluster.instance(other);
        other != instance && host.is_active() && cx.model.classes[host.class].zone == zone
    });
    let peers: Vec<Id<Instance>> = peers.collect();
    let room = |&peer: &Id<Instance>| {
        let host = world.cluster.instance(peer);
        Room { resources: host.remaining(), task_enis: host.free_enis() }
    };
    let rooms: Vec<Room> = peers.iter().map(room).collect();
    let kind = |takes: &dyn Fn(&Ask) -> Vec<bool>| -> Vec<Kind> {
        let of = |&(task, count): &(Id<Task>, u32)| {
            let ask = Ask::again(&world.tasks[task]);
            let tasks = capacity_provider::waiting_group(cx.model, (ask.launch, ask.requirement));
            Kind { tasks: WaitingGroup { count, ..tasks }, takes: takes(&ask) }
        };
        movable.iter().map(of).collect()
    };
    let on_peers = kind(&|ask| {
        let fits = |&peer: &_| placement::could_be_on(cx.model, world, ask, peer);
        peers.iter().map(fits).collect()
    });
    if rules::fit_elsewhere(&on_peers, &rooms) {
        return Some(ManagedChange::FitsElsewhere { tasks });
    }
    let spec = &cx.model.auto_scaling_groups[ix];
    let in_new = kind(&|ask| {
        let key = (ask.launch, ask.requirement);
        let takes = |&pool: &_| placement::takes(cx.model, world, key, class_of(cx, pool));
        spec.pools.iter().map(takes).collect()
    });
    let pools = auto_scaling::pools(cx, world, ix);
    let is_own = |&position: &usize| cx.model.pools[spec.pools[position]].classes.contains(&own);
    let price = pools[(0..pools.len()).find(is_own)?].price;
    let has = cx.model.classes[own].registered;
    let mut offers = Vec::new();
    for (pool, &ix) in pools.iter().zip(&spec.pools) {
        let class = class_of(cx, ix);
        let registered = cx.model.classes[class].registered;
        // Both, or it could be exchanged for ever as prices move.
        let is_less = pool.price < price && registered != has && has.fits(&registered);
        let is_other = pool.zone == zone && is_less;
        let nothing = Room { resources: Default::default(), task_enis: 0 };
        let room = if is_other { empty_room(cx, world, class) } else { nothing };
        offers.push(Offer { room, price: pool.price });
    }
    let counts: Vec<u32> = movable.iter().map(|(_, count)| *count).collect();
    rules::cheapest_for(&in_new, &counts, &offers).map(|_| ManagedChange::TooLarge { tasks })
}

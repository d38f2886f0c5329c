//! EC2 Auto Scaling groups: how many instances there are to be, and which come and go.
//!
//! Source: Amazon EC2 Auto Scaling User Guide.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use crate::engine::{Distribution, Id, Ix, Luck, Purpose};
use crate::units::{SimTime, Span};

use super::capacity::group::{self, Census, GroupView, LaunchedFrom, Pool, PurchaseOption};
use super::capacity::reservation::GroupNow;
use super::cluster::{Cluster, Instance, InstanceStatus};
use super::managed_instances::ManagedState;
use super::model::{
    AutoScalingGroup, CapacityPool, Fleet, InitialState, InstanceClass, Model, Transition, Zone,
};
use super::refresh::{self, RefreshState};
use super::scaling::group::Capacity;
use super::spot::{self, AloneSlot};
use super::{
    Cx, Event, Fact, GroupEvent, LaunchFailure, TerminationReason, World, detect, fault, instance,
    lifecycle_hook, lifetime, managed_instances, metric, rank, warm_pool,
    zone_balance::{self, ZoneBalance},
};

const CALL: Purpose = Purpose::new("instance launch call");
const PENDING: Purpose = Purpose::new("instance pending");
const BOOT: Purpose = Purpose::new("instance boot");
const REGISTRATION: Purpose = Purpose::new("agent registration");
const USER_DATA: Purpose = Purpose::new("user data");
const TRUNK: Purpose = Purpose::new("trunk attach");
const MANAGED: Purpose = Purpose::new("managed instance launch");
const SUBNET: Purpose = Purpose::new("subnet of a launch");

/// What a group has and wants now.
#[derive(Clone, Debug)]
pub struct GroupState {
    desired_capacity: u32,
    min_size: u32,
    max_size: u32,
    members: BTreeMap<Id<Instance>, Member>,
    /// How many of them stay, by pool.
    staying: Census,
    /// How often it changed which of them stay.
    staying_changes: u64,
    /// What was counted of those that stay, and when.
    counted: Counted,
    /// Those at risk, to be let go when others are in service, in order of warning.
    at_risk: Vec<Id<Instance>>,
    launched: u32,
    /// How often the group let instances go.
    scale_ins: u64,
    /// When it looks again at what it has.
    next_look: Option<SimTime>,
    /// Instances that it found unhealthy and has not replaced yet.
    pub(super) unhealthy: VecDeque<Id<Instance>>,
    /// Those that have reached their maximum lifetime and are still there, in that order.
    pub(super) outlived: Vec<Id<Instance>>,
    /// The instance refresh under way.
    pub(super) refresh: Option<RefreshState>,
    /// Of Managed Instances, what ECS remembers.
    pub(super) managed: ManagedState,
    /// What rebalances its zones.
    pub(super) balance: ZoneBalance,
    /// When an instance came into service or left, last.
    changed_at: SimTime,
    /// When those that the group let go were gone, as long as they count as terminating.
    gone: VecDeque<SimTime>,
}

/// What is counted of the instances that stay, good until one comes, goes or changes in occupancy.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    /// Changes of who stays and of occupancy until then.
    at: (u64, u64),
    occupied: u32,
    last_launch: Option<SimTime>,
}

/// An instance of a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub pool: Ix<CapacityPool>,
    pub slot: u32,
    pub standing: Standing,
    /// When it was launched for the group, or left its warm pool.
    pub joined: SimTime,
    pub warning: Warning,
    /// Whether lifecycle hooks hold it back from its termination.
    pub is_held: bool,
}

/// How near EC2 is to reclaiming an instance, as far as anybody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Warning {
    /// Nothing is known.
    None,
    /// A rebalance recommendation.
    Recommended,
    /// An interruption notice.
    Noticed,
}

/// How an instance stands with its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is one of those that are wanted.
    Stays,
    /// It is at risk: the group has another launched in its place.
    AtRisk,
    /// An instance refresh has another launched in its place, which is not warm yet.
    Refreshing,
    /// It is in the warm pool, or on its way there.
    Warm {
        /// Whether it waits there.
        is_ready: bool,
    },
    /// The group has given it up; it drains.
    Leaves(TerminationReason),
}

/// What a group has of a pool now.
#[derive(Clone, Debug, Default)]
pub(super) struct PoolState {
    /// Numbered slots, for the luck of whoever sits there.
    pub slots: Vec<Slot>,
    /// Slots without anybody: the lowest first.
    free: BinaryHeap<Reverse<u32>>,
    /// Until when On-Demand capacity is short.
    short_until: SimTime,
}

/// A place for an instance.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    pub occupant: Option<Id<Instance>>,
    /// How often it was filled.
    incarnation: u32,
    /// Of a Spot pool, what strikes here alone.
    pub alone: Option<Box<AloneSlot>>,
}

impl GroupState {
    pub(super) fn new(spec: &AutoScalingGroup) -> GroupState {
        GroupState {
            desired_capacity: spec.desired_capacity,
            min_size: spec.min_size,
            max_size: spec.max_size,
            members: BTreeMap::new(),
            staying: Census::default(),
            staying_changes: 0,
            counted: Counted::default(),
            at_risk: Vec::new(),
            launched: 0,
            scale_ins: 0,
            next_look: None,
            unhealthy: VecDeque::new(),
            outlived: Vec::new(),
            refresh: None,
            managed: ManagedState::default(),
            balance: ZoneBalance::default(),
            changed_at: SimTime::ZERO,
            gone: VecDeque::new(),
        }
    }

    /// Returns how many instances are wanted.
    pub fn desired_capacity(&self) -> u32 {
        self.desired_capacity
    }

    /// Returns the least and the greatest desired capacity that are allowed now.
    pub fn sizes(&self) -> (u32, u32) {
        (self.min_size, self.max_size)
    }

    /// Returns how many instances are launched or in service, those that leave apart.
    pub fn capacity(&self) -> u32 {
        self.staying.total()
    }

    /// Counts those that stay.
    fn count(&self, at: (u64, u64), cluster: &Cluster) -> Counted {
        let stays = |(_, member): &(&Id<Instance>, &Member)| member.standing == Standing::Stays;
        let staying = || self.members.iter().filter(stays);
        let is_occupied = |(id, _): &(&Id<Instance>, &Member)| cluster.instance(**id).is_occupied();
        Counted {
            at,
            occupied: staying().filter(is_occupied).count() as u32,
            last_launch: staying().map(|(_, member)| member.joined).max(),
        }
    }

    /// Returns when an instance came into service or left, last.
    pub(super) fn changed_at(&self) -> SimTime {
        self.changed_at
    }

    /// Returns how many of those are in a zone.
    pub(super) fn in_zone(&self, zone: Ix<Zone>) -> u32 {
        self.staying.in_zone(zone)
    }

    /// Says whether instances are about to go, or to be replaced.
    pub(super) fn is_changing(&self) -> bool {
        let goes = |member: &Member| {
            matches!(member.standing, Standing::AtRisk | Standing::Leaves(_) | Standing::Refreshing)
        };
        self.refresh.is_some() || self.members.values().any(goes)
    }

    /// Returns how many of those are in service, healthy or not.
    pub(super) fn in_service(&self, cluster: &Cluster) -> u32 {
        let stays = |(_, member): &(&Id<Instance>, &Member)| member.standing == Standing::Stays;
        let is_active = |(id, _): &(&Id<Instance>, &Member)| cluster.instance(**id).is_active();
        self.members.iter().filter(stays).filter(is_active).count() as u32
    }
}

impl PoolState {
    /// Returns the lowest free slot, which is taken now.
    fn take_slot(&mut self, instance: Id<Instance>) -> u32 {
        let slot = self.free.pop().map_or(self.slots.len() as u32, |slot| slot.0);
        if self.slots.len() <= slot as usize {
            self.slots.push(Slot::default());
        }
        let place = &mut self.slots[slot as usize];
        place.occupant = Some(instance);
        place.incarnation += 1;
        slot
    }

    fn free_slot(&mut self, slot: u32) {
        self.slots[slot as usize].occupant = None;
        self.free.push(Reverse(slot));
    }

    /// Returns how many instances there are.
    pub fn held(&self) -> u32 {
        (self.slots.len() - self.free.len()) as u32
    }
}

/// Groups begin: with what they want in service, or with their minimum and the rest on its way.
pub(super) fn begin(cx: &mut Cx, world: &mut World) {
    for (ix, spec) in cx.model.auto_scaling_groups.iter() {
        let there = match cx.model.initial_state {
            InitialState::Steady => spec.desired_capacity,
            InitialState::Cold => spec.min_size,
        };
        let mut pools = pools(cx, world, ix);
        for _ in 0..there {
            let Some(instance) = launch(cx, world, ix, &mut pools) else { break };
            instance::become_active(cx, world, instance);
        }
        adjust(cx, world, ix);
    }
}

/// Returns what a scaling policy sees of a group whose instances warm up for so long, and count as
/// terminating for so long after they are gone.
pub(super) fn capacity(
    cx: &Cx,
    world: &World,
    ix: Ix<AutoScalingGroup>,
    (warmup, settle): (Span, Span),
) -> Capacity {
    let group = &world.groups[ix];
    let (desired, (min_size, max_size)) = (group.desired_capacity, group.sizes());
    let is_recent = |gone: &&SimTime| gone.saturating_add(settle) > cx.now();
    let leaving = group.gone.iter().filter(is_recent).count() as u32;
    let none = Capacity { desired, min_size, max_size, warm: 0, warming: 0, leaving };
    let is_warm = |host: &Instance| {
        let is_old =
            host.registered_at == SimTime::ZERO && cx.model.initial_state == InitialState::Steady;
        host.status() != InstanceStatus::Pending
            && (is_old || host.registered_at.saturating_add(warmup) <= cx.now())
    };
    group.members.iter().fold(none, |mut seen, (&id, member)| {
        match member.standing {
            Standing::Leaves(_) => seen.leaving += 1,
            Standing::Warm { .. } => {}
            Standing::Stays | Standing::AtRisk | Standing::Refreshing => {
                match is_warm(world.cluster.instance(id)) {
                    true => seen.warm += 1,
                    false => seen.warming += 1,
                }
            }
        }
        seen
    })
}

/// Returns what managed scaling sees of a group: a minute in which nothing changed costs nothing.
pub(super) fn now(cx: &Cx, world: &mut World, ix: Ix<AutoScalingGroup>) -> GroupNow {
    let World { groups, cluster, .. } = world;
    let group = &mut groups[ix];
    let at = (group.staying_changes, cluster.occupancy_changes());
    if group.counted.at != at {
        group.counted = group.count(at, cluster);
    }
    let Counted { occupied, last_launch, .. } = group.counted;
    debug_assert_eq!(occupied, group.count(at, cluster).occupied, "what is remembered still holds");
    GroupNow {
        desired_capacity: group.desired_capacity,
        min_size: group.min_size,
        max_size: group.max_size,
        running: group.capacity(),
        occupied,
        youngest: last_launch.map(|launched| cx.now().since(launched)),
    }
}

/// One more instance, in service at once: the run begins with it. `None`: it may have no more.
pub(super) fn grow(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>) -> Option<()> {
    if world.groups[ix].desired_capacity >= world.groups[ix].max_size {
        return None;
    }
    let mut pools = pools(cx, world, ix);
    let instance = launch(cx, world, ix, &mut pools)?;
    world.groups[ix].desired_capacity += 1;
    instance::become_active(cx, world, instance);
    Some(())
}

/// SetDesiredCapacity.
pub(super) fn set_desired_capacity(
    cx: &mut Cx,
    world: &mut World,
    ix: Ix<AutoScalingGroup>,
    to: u32,
) {
    let group = &mut world.groups[ix];
    group.desired_capacity = to.max(group.min_size).min(group.max_size);
    adjust(cx, world, ix);
}

/// UpdateAutoScalingGroup: other sizes, and a desired capacity within them.
pub(super) fn resize(
    cx: &mut Cx,
    world: &mut World,
    ix: Ix<AutoScalingGroup>,
    ((min_size, max_size), desired_capacity): ((u32, u32), u32),
) {
    let group = &mut world.groups[ix];
    (group.min_size, group.max_size) = (min_size, max_size);
    set_desired_capacity(cx, world, ix, desired_capacity);
}

/// EC2 has no On-Demand capacity in some pools for a time.
pub(super) fn run_short(cx: &mut Cx, world: &mut World, shortage: u32) {
    let shortage = &cx.model.shortages[shortage as usize];
    let until = cx.now().saturating_add(shortage.lasts);
    for (ix, pool) in cx.model.pools.iter() {
        let has_type = |name: &String| {
            pool.classes.iter().any(|&class| cx.model.classes[class].instance_type == *name)
        };
        if pool.spot.is_none()
            && shortage.zone.is_none_or(|zone| zone == pool.zone)
            && shortage.instance_type.as_ref().is_none_or(has_type)
        {
            let short_until = &mut world.pools[ix].short_until;
            *short_until = until.max(*short_until);
        }
    }
}

/// The group looks again, unless it has done so since.
pub(super) fn on_adjust(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>) {
    if world.groups[ix].next_look == Some(cx.now()) {
        adjust(cx, world, ix);
    }
}

/// The group is to look again after so long, if not earlier.
fn look_again(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>, after: Span) {
    cx.sooner(&mut world.groups[ix].next_look, after, Event::Adjust(ix));
}

/// Launches what is missing, and lets go what is too much.
pub(super) fn adjust(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>) {
    world.groups[ix].next_look = None;
    if cx.model.auto_scaling_groups[ix].managed_instances.is_some() {
        return managed_instances::look_again(cx, world, ix);
    }
    launch_missing(cx, world, ix);
    let_go_surplus(cx, world, ix, TerminationReason::ScaledIn);
    let_go_replaced(cx, world, ix);
    lifetime::replace(cx, world, ix);
    refresh::go_on(cx, world, ix);
    warm_pool::fill(cx, world, ix);
    zone_balance::watch(cx, world, ix);
}

/// Launches others beside instances that an instance refresh is to replace.
pub(super) fn launch_beside(
    cx: &mut Cx,
    world: &mut World,
    (ix, old): (Ix<AutoScalingGroup>, &[Id<Instance>]),
) {
    for &instance in old {
        stand(cx, world, (ix, instance), Standing::Refreshing);
    }
    launch_missing(cx, world, ix);
}

/// Lets instances go for others that are launched at once.
pub(super) fn replace(
    cx: &mut Cx,
    world: &mut World,
    (ix, old): (Ix<AutoScalingGroup>, &[Id<Instance>]),
    reason: TerminationReason,
) {
    for &instance in old {
        let_go(cx, world, (ix, instance), reason);
    }
    launch_missing(cx, world, ix);
}

/// Says whether an instance is one of those that its group wants.
pub(super) fn stays(world: &World, ix: Ix<AutoScalingGroup>, instance: Id<Instance>) -> bool {
    standing(world, ix, instance) == Some(Standing::Stays)
}

/// Says whether an instance refresh has another launched beside an instance, which is still there.
pub(super) fn is_refreshing(
    world: &World,
    ix: Ix<AutoScalingGroup>,
    instance: Id<Instance>,
) -> bool {
    standing(world, ix, instance) == Some(Standing::Refreshing)
}

/// Says whether an instance that its group has given up for a reason is still there.
pub(super) fn has_leaving(
    world: &World,
    ix: Ix<AutoScalingGroup>,
    reason: TerminationReason,
) -> bool {
    world.groups[ix].members.values().any(|member| member.standing == Standing::Leaves(reason))
}

/// Returns the instances that a group wants, in order of their ids.
pub(super) fn staying(world: &World, ix: Ix<AutoScalingGroup>) -> Vec<Id<Instance>> {
    let members = world.groups[ix].members.iter();
    members.filter(|(_, it)| it.standing == Standing::Stays).map(|(&id, _)| id).collect()
}

/// Returns how many instances a group lacks, apart from those in service.
pub(super) fn on_their_way(world: &World, ix: Ix<AutoScalingGroup>) -> u32 {
    let in_service = |id: &Id<Instance>| world.cluster.instance(*id).is_active();
    let in_service = staying(world, ix).iter().filter(|id| in_service(id)).count();
    world.groups[ix].desired_capacity.saturating_sub(in_service as u32)
}

fn launch_missing(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>) {
    let group = &world.groups[ix];
    if group.capacity() >= group.desired_capacity {
        return;
    }
    let mut pools = pools(cx, world, ix);
    while world.groups[ix].capacity() < world.groups[ix].desired_capacity {
        if !may_launch(world, ix) {
            return;
        }
        if warm_pool::take(cx, world, ix) {
            continue;
        }
        let Some(instance) = launch(cx, world, ix, &mut pools) else {
            return look_again(cx, world, ix, cx.model.timing.launch_retry);
        };
        await_service(cx, world, ix, instance);
    }
}

/// A launched instance boots, waits for lifecycle hooks, and registers.
pub(super) fn await_service(
    cx: &mut Cx,
    world: &World,
    ix: Ix<AutoScalingGroup>,
    instance: Id<Instance>,
) {
    let luck = luck_of(cx, world, ix, instance);
    if let Some(managed) = &cx.model.auto_scaling_groups[ix].managed_instances {
        let active = managed.launch_time.sample_span(luck, MANAGED);
        return cx.after(active, rank::PROGRESSED, Event::Registered(instance));
    }
    let boots = boot_time(cx, world, (ix, instance));
    let registers = registration_time(cx, world, (ix, instance));
    pass_hooks(cx, world, (ix, instance), boots, (registers, Event::Registered(instance)));
}

/// After a time, and when lifecycle hooks have held it, an instance goes on, or is given up.
pub(super) fn pass_hooks(
    cx: &mut Cx,
    world: &World,
    (ix, instance): (Ix<AutoScalingGroup>, Id<Instance>),
    before: Span,
    (after, event): (Span, Event),
) {
    let luck = luck_of(cx, world, ix, instance);
    let hold = lifecycle_hook::hold(cx, (ix, luck), Transition::Launching);
    let held = before.saturating_add(hold.wait);
    if hold.is_abandoned {
        cx.after(held, rank::PROGRESSED, Event::LaunchAbandoned(instance));
    } else {
        cx.after(held.saturating_add(after), rank::PROGRESSED, event);
    }
}

/// Returns how long an instance takes from its launch until its agent starts, by its own luck.
pub(super) fn boot_time(
    cx: &Cx,
    world: &World,
    (ix, instance): (Ix<AutoScalingGroup>, Id<Instance>),
) -> Span {
    let timing = &cx.model.timing;
    let phases = [
        (&timing.instance_launch_call, CALL),
        (&timing.instance_pending, PENDING),
        (&timing.instance_boot, BOOT),
        (&cx.model.auto_scaling_groups[ix].user_data, USER_DATA),
    ];
    total(&phases, luck_of(cx, world, ix, instance))
}

/// Returns how long an instance takes from its agent's start until it is ACTIVE, by its own luck.
pub(super) fn registration_time(
    cx: &Cx,
    world: &World,
    (ix, instance): (Ix<AutoScalingGroup>, Id<Instance>),
) -> Span {
    let timing = &cx.model.timing;
    let phases = [(&timing.agent_registration, REGISTRATION), (&timing.trunk_attach, TRUNK)];
    let has_trunk = cx.model.classes[world.cluster.instance(instance).class].has_trunk;
    let phases = if has_trunk { &phases[..] } else { &phases[..1] };
    total(phases, luck_of(cx, world, ix, instance))
}

fn total(phases: &[(&Distribution, Purpose)], luck: Luck) -> Span {
    let spans = phases.iter().map(|(phase, purpose)| phase.sample_span(luck, *purpose));
    spans.fold(Span::ZERO, Span::saturating_add)
}

/// Launches instances for the warm pool of a group; returns them.
pub(super) fn launch_warm(
    cx: &mut Cx,
    world: &mut World,
    ix: Ix<AutoScalingGroup>,
    count: u32,
) -> Vec<Id<Instance>> {
    let mut pools = pools(cx, world, ix);
    let mut launched = Vec::new();
    for _ in 0..count {
        let Some(instance) = launch(cx, world, ix, &mut pools) else {
            look_again(cx, world, ix, cx.model.timing.launch_retry);
            break;
        };
        launched.push(instance);
    }
    // Until here they count, so that they are spread over zones like any others.
    for &instance in &launched {
        stand(cx, world, (ix, instance), Standing::Warm { is_ready: false });
    }
    launched
}

/// Returns the instances of a group's warm pool in order of their ids, and whether each is ready.
pub(super) fn warm(world: &World, ix: Ix<AutoScalingGroup>) -> Vec<(Id<Instance>, bool)> {
    let is_warm = |(&id, member): (&Id<Instance>, &Member)| match member.standing {
        Standing::Warm { is_ready } => Some((id, is_ready)),
        Standing::Stays | Standing::AtRisk | Standing::Refreshing | Standing::Leaves(_) => None,
    };
    world.groups[ix].members.iter().filter_map(is_warm).collect()
}

/// An instance is ready in its warm pool; returns false if it is not one of it.
pub(super) fn is_ready(
    cx: &Cx,
    world: &mut World,
    (ix, instance): (Ix<AutoScalingGroup>, Id<Instance>),
) -> bool {
    let is_warm = standing(world, ix, instance) == Some(Standing::Warm { is_ready: false });
    if is_warm {
        stand(cx, world, (ix, instance), Standing::Warm { is_ready: true });
    }
    is_warm
}

/// Takes an instance out of the warm pool of a group, from the zone where it has fewest.
pub(super) fn take_warm(
    cx: &Cx,
    world: &mut World,
    ix: Ix<AutoScalingGroup>,
) -> Option<Id<Instance>> {
    let group = &world.groups[ix];
    let may_start = |id: Id<Instance>, pool: Ix<CapacityPool>| {
        let host = world.cluster.instance(id);
        !host.is_stopped() || refusal(cx, world, pool, host.class).is_none()
    };
    let ready = warm(world, ix).into_iter().filter(|(_, is_ready)| *is_ready);
    let ready = ready.filter_map(|(id, _)| Some((id, group.members.get(&id)?.pool)));
    let in_zone = |pool| group.staying.in_zone(cx.model.pools[pool].zone);
    let taken = ready.filter(|&(id, pool)| may_start(id, pool));
    let (taken, _) = taken.min_by_key(|&(id, pool)| (in_zone(pool), id))?;
    stand(cx, world, (ix, taken), Standing::Stays);
    Some(taken)
}

/// Ends an instance of a warm pool that is too large.
pub(super) fn drop_warm(
    cx: &mut Cx,
    world: &mut World,
    (ix, instance): (Ix<AutoScalingGroup>, Id<Instance>),
) {
    leave(cx, world, ix, instance);
    instance::terminate(cx, world, instance, TerminationReason::ScaledIn);
}

/// A lifecycle hook gives a launched instance up, and the group launches another.
pub(super) fn abandon(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let Some(ix) = group_of(cx, world, instance) else { return };
    leave(cx, world, ix, instance);
    instance::terminate(cx, world, instance, TerminationReason::LaunchAbandoned);
    cx.tell(world, Fact::GroupEvent { group: ix, event: GroupEvent::LaunchAbandoned });
    look_again(cx, world, ix, Span::ZERO);
}

/// Says whether one more is allowed beside those at risk: a tenth of the desired capacity above
/// the maximum, rounded down, and at least one.
///
/// Source: Amazon EC2 Auto Scaling User Guide, "Capacity Rebalancing": 10 %; the rest is assumed.
fn may_launch(world: &World, ix: Ix<AutoScalingGroup>) -> bool {
    let group = &world.groups[ix];
    let above = (group.desired_capacity / 10).max(1);
    let most = group.max_size.saturating_add(above);
    group.at_risk.is_empty() || group.capacity() + (group.at_risk.len() as u32) < most
}

/// Lets go what is too much; what cannot go at once drains first.
///
/// What is launched to balance zones is not too much until it is in service.
pub(super) fn let_go_surplus(
    cx: &mut Cx,
    world: &mut World,
    ix: Ix<AutoScalingGroup>,
    reason: TerminationReason,
) {
    let spec = &cx.model.auto_scaling_groups[ix];
    let group = &world.groups[ix];
    let wanted = group.desired_capacity.saturating_add(group.balance.on_their_way());
    let surplus = group.capacity().saturating_sub(wanted);
    if surplus == 0 {
        return;
    }
    world.groups[ix].scale_ins += 1;
    let turn = world.groups[ix].scale_ins;
    let luck = group_luck(cx, ix).named("scale-in").part(turn);
    let (seats, members) = members(cx, world, ix);
    let pools = pools(cx, world, ix);
    let view = GroupView { members: &members, pools: &pools, now: cx.now() };
    let victims = spec.policy.victims(view, surplus, luck);
    for victim in victims {
        let_go(cx, world, (ix, seats[victim]), reason);
    }
}

/// Lets go those at risk as far as others are in service in their place.
fn let_go_replaced(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>) {
    let group = &world.groups[ix];
    if group.at_risk.is_empty() {
        return;
    }
    let in_service = |(id, member): (&Id<Instance>, &Member)| {
        member.standing == Standing::Stays && world.cluster.instance(*id).is_active()
    };
    let in_service = group.members.iter().filter(|it| in_service(*it)).count();
    let there = in_service + group.at_risk.len();
    let count = there.saturating_sub(group.desired_capacity as usize).min(group.at_risk.len());
    let replaced = group.at_risk[..count].to_vec();
    for instance in replaced {
        let_go(cx, world, (ix, instance), TerminationReason::Rebalanced);
    }
}

/// The group gives an instance up.
pub(super) fn let_go(
    cx: &mut Cx,
    world: &mut World,
    (ix, instance): (Ix<AutoScalingGroup>, Id<Instance>),
    reason: TerminationReason,
) {
    let status = world.cluster.instance(instance).status();
    if status == InstanceStatus::Pending {
        leave(cx, world, ix, instance);
        return instance::terminate(cx, world, instance, reason);
    }
    stand(cx, world, (ix, instance), Standing::Leaves(reason));
    hold_back(cx, world, (ix, instance));
    if !cx.model.auto_scaling_groups[ix].managed_draining {
        return drained(cx, world, instance);
    }
    if status == InstanceStatus::Draining {
        instance::look_whether_drained(cx, world, instance);
    } else {
        instance::drain(cx, world, instance);
        let timeout = cx.model.auto_scaling_groups[ix].drain_timeout();
        cx.after(timeout, rank::ENDED, Event::DrainTimeout(instance));
    }
}

/// Lifecycle hooks hold an instance that is to go.
fn hold_back(cx: &mut Cx, world: &mut World, (ix, instance): (Ix<AutoScalingGroup>, Id<Instance>)) {
    let luck = luck_of(cx, world, ix, instance);
    let hold = lifecycle_hook::hold(cx, (ix, luck), Transition::Terminating);
    if let Some(member) = world.groups[ix].members.get_mut(&instance)
        && hold.wait > Span::ZERO
    {
        member.is_held = true;
        let done = Event::TerminationHooksDone(instance, hold.is_abandoned);
        cx.after(hold.wait, rank::ENDED, done);
    }
}

/// No lifecycle hook holds an instance any more that is to go: it goes, unless it drains.
///
/// Source: Amazon EC2 Auto Scaling User Guide, "How lifecycle hooks work": ABANDON stops what else
/// holds it, which managed draining does by a hook of its own.
pub(super) fn on_hooks_done(
    cx: &mut Cx,
    world: &mut World,
    instance: Id<Instance>,
    is_abandoned: bool,
) {
    let Some(ix) = group_of(cx, world, instance) else { return };
    release(world, ix, instance);
    let drains = cx.model.auto_scaling_groups[ix].managed_draining;
    if is_abandoned || !drains || world.cluster.instance(instance).tasks() == 0 {
        drained(cx, world, instance);
    }
}

fn release(world: &mut World, ix: Ix<AutoScalingGroup>, instance: Id<Instance>) {
    if let Some(member) = world.groups[ix].members.get_mut(&instance) {
        member.is_held = false;
    }
}

/// Launches an instance where the group wants it next; pools that refuse are marked.
///
/// `None`: no pool that might be has capacity.
fn launch(
    cx: &mut Cx,
    world: &mut World,
    ix: Ix<AutoScalingGroup>,
    pools: &mut [Pool],
) -> Option<Id<Instance>> {
    let spec = &cx.model.auto_scaling_groups[ix];
    loop {
        let luck = launch_luck(cx, world, ix);
        let position = spec.policy.next_launch(&world.groups[ix].staying, pools, luck)?;
        match launch_in(cx, world, (ix, spec.pools[position])) {
            Ok(instance) => return Some(instance),
            Err(_) => pools[position].refused = true,
        }
    }
}

/// The luck of the next launch of a group.
fn launch_luck(cx: &Cx, world: &World, ix: Ix<AutoScalingGroup>) -> Luck {
    group_luck(cx, ix).named("launch").part(u64::from(world.groups[ix].launched))
}

/// Launches an instance in a pool, or tells why that fails.
pub(super) fn launch_in(
    cx: &mut Cx,
    world: &mut World,
    (ix, pool): (Ix<AutoScalingGroup>, Ix<CapacityPool>),
) -> Result<Id<Instance>, LaunchFailure> {
    // Source: Amazon EC2 Auto Scaling User Guide: of several subnets in a zone by chance.
    let classes = &cx.model.pools[pool].classes;
    let class = group::choose(classes, SUBNET, launch_luck(cx, world, ix));
    let Some(&class) = class else { return Err(LaunchFailure::InsufficientCapacity) };
    if let Some(reason) = refusal(cx, world, pool, class) {
        cx.tell(world, Fact::LaunchFailed { pool, reason });
        return Err(reason);
    }
    let number = world.groups[ix].launched;
    world.groups[ix].launched += 1;
    let instance = instance::launch(cx, world, class, number);
    let slot = world.pools[pool].take_slot(instance);
    let (standing, warning) = (Standing::Stays, Warning::None);
    let joined = cx.now();
    let member = Member { pool, slot, standing, joined, warning, is_held: false };
    world.groups[ix].members.insert(instance, member);
    world.groups[ix].staying.add(cx.model.pools[pool].key());
    world.groups[ix].staying_changes += 1;
    keep_wanting(cx, world, ix);
    spot::slot_taken(cx, world, pool, slot);
    lifetime::begins(cx, ix, instance);
    Ok(instance)
}

/// A group of Managed Instances wants what it has.
fn keep_wanting(cx: &Cx, world: &mut World, ix: Ix<AutoScalingGroup>) {
    if cx.model.auto_scaling_groups[ix].managed_instances.is_some() {
        world.groups[ix].desired_capacity = world.groups[ix].capacity();
    }
}

/// Says why a launch in a pool fails now.
fn refusal(
    cx: &Cx,
    world: &World,
    pool: Ix<CapacityPool>,
    class: Ix<InstanceClass>,
) -> Option<LaunchFailure> {
    let has_capacity = match cx.model.pools[pool].spot {
        Some(supply) => spot::has_capacity(cx, world, supply),
        None => world.pools[pool].short_until <= cx.now(),
    };
    if !has_capacity || world.faults.refuses(cx.model.pools[pool].zone) {
        return Some(LaunchFailure::InsufficientCapacity);
    }
    let is_within = world.account.may_launch_instance(cx.model, class);
    (!is_within).then_some(LaunchFailure::VcpuQuota)
}

/// Launches instances in one zone beyond what the group wants, as far as pools there do not refuse;
/// returns them.
pub(super) fn launch_in_zone(
    cx: &mut Cx,
    world: &mut World,
    ix: Ix<AutoScalingGroup>,
    (zone, count): (Ix<Zone>, u32),
    pools: &mut [Pool],
) -> Vec<Id<Instance>> {
    let mut there: Vec<Pool> = pools.to_vec();
    there.iter_mut().filter(|pool| pool.zone != zone).for_each(|pool| pool.refused = true);
    let mut launched = Vec::new();
    for _ in 0..count {
        let Some(instance) = launch(cx, world, ix, &mut there) else {
            pools.iter_mut().filter(|pool| pool.zone == zone).for_each(|pool| pool.refused = true);
            break;
        };
        await_service(cx, world, ix, instance);
        launched.push(instance);
    }
    launched
}

/// Says whether an instance is protected from scale-in: from when it is in service, and with
/// managed termination protection while tasks are on it, daemons' apart.
///
/// Source: Amazon EC2 Auto Scaling User Guide, "Use instance scale-in protection"; ECS Developer
/// Guide, "Control the instances Amazon ECS terminates".
pub(super) fn is_protected(
    cx: &Cx,
    world: &World,
    ix: Ix<AutoScalingGroup>,
    instance: Id<Instance>,
) -> bool {
    let spec = &cx.model.auto_scaling_groups[ix];
    let host = world.cluster.instance(instance);
    match spec.managed_termination_protection {
        true => host.is_occupied(),
        false => {
            spec.new_instances_protected_from_scale_in && host.status() != InstanceStatus::Pending
        }
    }
}

/// Returns the instances that stay, and what the rules of groups see of each.
pub(super) fn members(
    cx: &Cx,
    world: &World,
    ix: Ix<AutoScalingGroup>,
) -> (Vec<Id<Instance>>, Vec<group::Member>) {
    let see = |(&instance, member): (&Id<Instance>, &Member)| {
        let host = world.cluster.instance(instance);
        let (zone, purchase_option, instance_type) = cx.model.pools[member.pool].key();
        let seen = group::Member {
            number: host.number,
            zone,
            purchase_option,
            instance_type,
            launched: host.launched_at,
            launched_from: LaunchedFrom::Template(0),
            protected: is_protected(cx, world, ix, instance),
            healthy: !world.groups[ix].unhealthy.contains(&instance),
        };
        (instance, seen)
    };
    let stays = |(_, member): &(&Id<Instance>, &Member)| member.standing == Standing::Stays;
    world.groups[ix].members.iter().filter(stays).map(see).unzip()
}

/// Returns where a group may launch, with prices and capacity as they are now.
pub(super) fn pools(cx: &Cx, world: &mut World, ix: Ix<AutoScalingGroup>) -> Vec<Pool> {
    let pool = |&pool: &Ix<CapacityPool>| {
        let spec = &cx.model.pools[pool];
        let (zone, purchase_option, instance_type) = spec.key();
        let (price, capacity) = match spec.spot {
            Some(supply) => {
                let share = world.supplies[supply].price_at(cx.now());
                let capacity = spot::capacity_score(cx, world, supply);
                (spec.on_demand.millionths(share.as_millionths()), capacity)
            }
            None => (spec.on_demand, 0),
        };
        Pool { zone, purchase_option, instance_type, price, capacity, refused: false }
    };
    cx.model.auto_scaling_groups[ix].pools.iter().map(pool).collect()
}

pub(super) fn group_luck(cx: &Cx, ix: Ix<AutoScalingGroup>) -> Luck {
    cx.seed.luck("auto scaling group").named(&cx.model.auto_scaling_groups[ix].name)
}

/// The luck of an instance: that of its group and pool, its slot there, and how often that was
/// filled.
pub(super) fn luck_of(
    cx: &Cx,
    world: &World,
    ix: Ix<AutoScalingGroup>,
    instance: Id<Instance>,
) -> Luck {
    let class = &cx.model.classes[world.cluster.instance(instance).class];
    let luck = cx
        .seed
        .luck("instance")
        .named(&cx.model.auto_scaling_groups[ix].name)
        .named(&cx.model.zones[class.zone].name)
        .named(&class.instance_type)
        .named(match class.purchase_option() {
            PurchaseOption::OnDemand => "on demand",
            PurchaseOption::Spot => "spot",
        });
    let Some(member) = world.groups[ix].members.get(&instance) else { return luck };
    let slot = &world.pools[member.pool].slots[member.slot as usize];
    luck.part(u64::from(member.slot)).part(u64::from(slot.incarnation))
}

/// The agent of a launched instance has registered it, unless the group has given it up.
pub(super) fn on_registered(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let event = Event::Registered(instance);
    if fault::keeps(cx, world, Some(instance), (rank::PROGRESSED, event)) {
        return;
    }
    if world.cluster.get(instance).is_some_and(|host| host.status() == InstanceStatus::Pending) {
        instance::become_active(cx, world, instance);
        managed_instances::changed(cx, world, instance);
        let Some(ix) = group_of(cx, world, instance) else { return };
        world.groups[ix].changed_at = cx.now();
        if is_noticed(cx, world, instance) {
            drain_at_notice(cx, world, (ix, instance));
        }
        if !world.groups[ix].at_risk.is_empty() {
            let_go_replaced(cx, world, ix);
            launch_missing(cx, world, ix);
        }
        zone_balance::is_in_service(cx, world, (ix, instance));
        lifetime::replace(cx, world, ix);
        refresh::warms_up(cx, world, ix);
        detect::replace_unhealthy(cx, world, ix);
    }
}

/// Returns the instances of a fleet, each with the number that keys its luck.
pub(super) fn seats(model: &Model, world: &World, fleet: Ix<Fleet>) -> Vec<(u32, Id<Instance>)> {
    match model.fleets[fleet].group {
        Some(group) => {
            let pools = &model.auto_scaling_groups[group].pools;
            let place = |pool| pools.iter().position(|it| *it == pool).unwrap_or(0) as u32;
            // Slots are numbered in each pool: together they are one number.
            let seat = |member: &Member| member.slot * pools.len() as u32 + place(member.pool);
            let members = world.groups[group].members.iter();
            members.map(|(&instance, member)| (seat(member), instance)).collect()
        }
        None => {
            let of_fleet = |host: &Instance| model.classes[host.class].fleet == fleet;
            let hosts = world.cluster.instances().filter(|(_, host)| of_fleet(host));
            hosts.map(|(id, host)| (host.number, id)).collect()
        }
    }
}

/// Returns the group of an instance.
pub(super) fn group_of(
    cx: &Cx,
    world: &World,
    instance: Id<Instance>,
) -> Option<Ix<AutoScalingGroup>> {
    let fleet = cx.model.classes[world.cluster.get(instance)?.class].fleet;
    cx.model.fleets[fleet].group
}

fn standing(world: &World, ix: Ix<AutoScalingGroup>, instance: Id<Instance>) -> Option<Standing> {
    world.groups[ix].members.get(&instance).map(|member| member.standing)
}

/// An instance stands otherwise with its group from now on.
fn stand(
    cx: &Cx,
    world: &mut World,
    (ix, instance): (Ix<AutoScalingGroup>, Id<Instance>),
    to: Standing,
) {
    if let Standing::Leaves(_) = to {
        metric::leaves_group(cx, world, ix, instance);
    }
    let group = &mut world.groups[ix];
    let Some(member) = group.members.get_mut(&instance) else { return };
    let was = std::mem::replace(&mut member.standing, to);
    group.staying_changes += u64::from(was != to);
    if matches!(was, Standing::Warm { .. }) {
        member.joined = cx.now();
    }
    match was {
        Standing::Stays => group.staying.remove(cx.model.pools[member.pool].key()),
        Standing::AtRisk => group.at_risk.retain(|other| *other != instance),
        Standing::Refreshing | Standing::Warm { .. } | Standing::Leaves(_) => {}
    }
    if to == Standing::Stays {
        group.staying.add(cx.model.pools[member.pool].key());
    }
    if to == Standing::AtRisk {
        group.at_risk.push(instance);
    }
    keep_wanting(cx, world, ix);
}

/// The group has the instance no more.
pub(super) fn leave(cx: &Cx, world: &mut World, ix: Ix<AutoScalingGroup>, instance: Id<Instance>) {
    let is_let_go = matches!(standing(world, ix, instance), Some(Standing::Leaves(_)));
    if is_let_go && !cx.model.auto_scaling_groups[ix].policies.is_empty() {
        let (now, settle) = (cx.now(), cx.model.timing.scale_in_settle);
        let gone = &mut world.groups[ix].gone;
        gone.retain(|it| it.saturating_add(settle) > now);
        gone.push_back(now);
    }
    stand(cx, world, (ix, instance), Standing::Leaves(TerminationReason::ScaledIn));
    world.groups[ix].managed.is_gone(instance);
    world.groups[ix].balance.forget(instance);
    world.groups[ix].changed_at = cx.now();
    if let Some(member) = world.groups[ix].members.remove(&instance) {
        world.pools[member.pool].free_slot(member.slot);
    }
}

/// Nothing runs on a draining instance any more: its group may let it go.
pub(super) fn drained(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let Some(ix) = group_of(cx, world, instance) else { return };
    if world.groups[ix].members.get(&instance).is_some_and(|member| member.is_held) {
        return;
    }
    if let Some(Standing::Leaves(reason)) = standing(world, ix, instance) {
        leave(cx, world, ix, instance);
        instance::terminate(cx, world, instance, reason);
    }
}

/// An instance has drained for as long as it may: what still runs on it goes with it.
pub(super) fn on_drain_timeout(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    if let Some(ix) = group_of(cx, world, instance) {
        release(world, ix, instance);
        drained(cx, world, instance);
    }
}

/// No task but daemons' is on an instance any more: it is not protected from scale-in, and goes
/// if its group has more than it wants.
pub(super) fn is_unoccupied(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let Some(ix) = group_of(cx, world, instance) else { return };
    if cx.model.auto_scaling_groups[ix].managed_termination_protection {
        let_go_surplus(cx, world, ix, TerminationReason::ScaledIn);
        refresh::go_on(cx, world, ix);
        zone_balance::watch(cx, world, ix);
    }
}

/// EC2 recommends to rebalance: a group that does so has a replacement launched.
///
/// Assumption: also where the replacement's pool is no better.
pub(super) fn put_at_risk(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let Some(ix) = group_of(cx, world, instance) else { return };
    let is_wanted = standing(world, ix, instance) == Some(Standing::Stays);
    if is_wanted && cx.model.auto_scaling_groups[ix].capacity_rebalance {
        stand(cx, world, (ix, instance), Standing::AtRisk);
        look_again(cx, world, ix, Span::ZERO);
    }
}

/// An instance is recommended to be replaced; returns false if that is known, or more.
pub(super) fn warn(cx: &Cx, world: &mut World, instance: Id<Instance>) -> bool {
    raise(cx, world, instance, Warning::Recommended)
}

/// An instance will be reclaimed; returns false if that is known.
pub(super) fn notice(cx: &Cx, world: &mut World, instance: Id<Instance>) -> bool {
    raise(cx, world, instance, Warning::Noticed)
}

fn raise(cx: &Cx, world: &mut World, instance: Id<Instance>, to: Warning) -> bool {
    let Some(ix) = group_of(cx, world, instance) else { return false };
    let Some(member) = world.groups[ix].members.get_mut(&instance) else { return false };
    let is_new = member.warning < to;
    member.warning = member.warning.max(to);
    is_new
}

/// Says whether an instance has its interruption notice.
pub(super) fn is_noticed(cx: &Cx, world: &World, instance: Id<Instance>) -> bool {
    let Some(ix) = group_of(cx, world, instance) else { return false };
    let member = world.groups[ix].members.get(&instance);
    member.is_some_and(|it| it.warning == Warning::Noticed)
}

/// The instance has its notice: it is drained if somebody sees to that.
///
/// Source: Amazon EC2 Auto Scaling User Guide, "Capacity Rebalancing": with it a replacement is
/// launched at once, without it when the instance is gone.
pub(super) fn prepare_to_lose(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    put_at_risk(cx, world, instance);
    if let Some(ix) = group_of(cx, world, instance) {
        drain_at_notice(cx, world, (ix, instance));
    }
}

/// Source: ECS Developer Guide, container-instance-spot and managed-instance-draining.
fn drain_at_notice(
    cx: &mut Cx,
    world: &mut World,
    (ix, instance): (Ix<AutoScalingGroup>, Id<Instance>),
) {
    let spec = &cx.model.auto_scaling_groups[ix];
    if spec.spot_instance_draining || spec.managed_draining {
        instance::drain(cx, world, instance);
    }
}

/// EC2 has taken an instance; the group replaces it.
///
/// Source: Amazon EC2 Auto Scaling User Guide, health checks: an instance that does not run is
/// replaced immediately.
pub(super) fn lose(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let Some(ix) = group_of(cx, world, instance) else { return };
    leave(cx, world, ix, instance);
    instance::terminate(cx, world, instance, TerminationReason::SpotInterrupted);
    look_again(cx, world, ix, Span::ZERO);
}

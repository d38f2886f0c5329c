//! EC2 Auto Scaling groups: how many instances there are to be, and which come and go.
//!
//! Source: Amazon EC2 Auto Scaling User Guide.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::engine::{Id, Ix, Luck, Purpose};
use crate::units::{HourlyRate, Span};

use super::capacity::group::{self, GroupView, LaunchedFrom, Pool, PurchaseOption};
use super::capacity::reservation::GroupNow;
use super::cluster::{Cluster, Instance, InstanceStatus};
use super::model::{AutoScalingGroup, Fleet, InitialState, InstanceClass, Model};
use super::{Cx, Event, TerminationReason, World, detect, fault, instance, rank};

const PENDING: Purpose = Purpose::new("instance pending");
const BOOT: Purpose = Purpose::new("instance boot");
const REGISTRATION: Purpose = Purpose::new("agent registration");

/// How long the lifecycle hook of managed draining holds an instance.
///
/// Source: ECS Developer Guide, managed-instance-draining: 48 hours.
const DRAIN_TIMEOUT: Span = Span::secs(48 * 3600);

/// What a group has and wants now.
#[derive(Clone, Debug)]
pub struct GroupState {
    desired_capacity: u32,
    members: Vec<Member>,
    /// Free numbers for new instances, for their luck: the lowest first.
    free_slots: BinaryHeap<Reverse<u32>>,
    /// How often each number was used.
    incarnations: Vec<u32>,
    launched: u32,
    /// How often the group let instances go.
    scale_ins: u64,
    /// Instances that it found unhealthy and has not replaced yet.
    pub(super) unhealthy: VecDeque<Id<Instance>>,
}

/// An instance of a group.
#[derive(Clone, Copy, Debug)]
struct Member {
    instance: Id<Instance>,
    slot: u32,
    /// Whether the group has given it up; it may still drain.
    is_leaving: bool,
}

impl GroupState {
    pub(super) fn new(spec: &AutoScalingGroup) -> GroupState {
        GroupState {
            desired_capacity: spec.desired_capacity,
            members: Vec::new(),
            free_slots: BinaryHeap::new(),
            incarnations: Vec::new(),
            launched: 0,
            scale_ins: 0,
            unhealthy: VecDeque::new(),
        }
    }

    /// Returns how many instances are wanted.
    pub fn desired_capacity(&self) -> u32 {
        self.desired_capacity
    }

    /// Returns how many instances are launched or in service, those that leave apart.
    pub fn capacity(&self) -> u32 {
        self.staying().count() as u32
    }

    /// Returns how many of those are in service, healthy or not.
    pub(super) fn in_service(&self, cluster: &Cluster) -> u32 {
        let is_active = |it: &&Member| cluster.instance(it.instance).is_active();
        self.staying().filter(is_active).count() as u32
    }

    fn staying(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| !member.is_leaving)
    }

    fn take_slot(&mut self) -> u32 {
        let slot = self.free_slots.pop().map_or(self.incarnations.len() as u32, |slot| slot.0);
        if self.incarnations.len() <= slot as usize {
            self.incarnations.push(0);
        }
        self.incarnations[slot as usize] += 1;
        slot
    }
}

/// Groups begin: with what they want in service, or with their minimum and the rest on its way.
pub(super) fn begin(cx: &mut Cx, world: &mut World) {
    for (ix, spec) in cx.model.auto_scaling_groups.iter() {
        let there = match cx.model.initial_state {
            InitialState::Steady => spec.desired_capacity,
            InitialState::Cold => spec.min_size,
        };
        for _ in 0..there {
            let Some(instance) = launch(cx, world, ix) else { break };
            instance::become_active(cx, world, instance);
        }
        adjust(cx, world, ix);
    }
}

/// SetDesiredCapacity.
pub(super) fn set_desired_capacity(
    cx: &mut Cx,
    world: &mut World,
    ix: Ix<AutoScalingGroup>,
    to: u32,
) {
    let spec = &cx.model.auto_scaling_groups[ix];
    world.groups[ix].desired_capacity = to.clamp(spec.min_size, spec.max_size);
    adjust(cx, world, ix);
}

/// Returns what managed scaling sees of a group.
pub(super) fn now(cx: &Cx, world: &World, ix: Ix<AutoScalingGroup>) -> GroupNow {
    let spec = &cx.model.auto_scaling_groups[ix];
    let group = &world.groups[ix];
    let hosts = || group.staying().map(|member| world.cluster.instance(member.instance));
    GroupNow {
        desired_capacity: group.desired_capacity,
        min_size: spec.min_size,
        max_size: spec.max_size,
        running: group.capacity(),
        occupied: hosts().filter(|host| host.is_occupied()).count() as u32,
        youngest: hosts().map(|host| cx.now().since(host.launched_at)).min(),
    }
}

/// One more instance, in service at once: the run begins with it. `None`: it may have no more.
pub(super) fn grow(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>) -> Option<()> {
    let group = &mut world.groups[ix];
    if group.desired_capacity >= cx.model.auto_scaling_groups[ix].max_size {
        return None;
    }
    group.desired_capacity += 1;
    let instance = launch(cx, world, ix)?;
    instance::become_active(cx, world, instance);
    Some(())
}

/// Launches what is missing, as far as launches do not fail, and lets go what is too much.
pub(super) fn adjust(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>) {
    while world.groups[ix].capacity() < world.groups[ix].desired_capacity {
        let Some(instance) = launch(cx, world, ix) else { break };
        let timing = &cx.model.timing;
        let luck = luck_of(cx, world, ix, instance);
        let delay = timing
            .instance_pending
            .sample_span(luck, PENDING)
            .saturating_add(timing.instance_boot.sample_span(luck, BOOT))
            .saturating_add(timing.agent_registration.sample_span(luck, REGISTRATION));
        cx.after(delay, rank::PROGRESSED, Event::Registered(instance));
    }
    let_go_surplus(cx, world, ix);
}

/// Lets go what is too much; what cannot go at once drains first.
fn let_go_surplus(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>) {
    let spec = &cx.model.auto_scaling_groups[ix];
    let surplus = world.groups[ix].capacity().saturating_sub(world.groups[ix].desired_capacity);
    if surplus == 0 {
        return;
    }
    world.groups[ix].scale_ins += 1;
    let turn = world.groups[ix].scale_ins;
    let luck = group_luck(cx, ix).named("scale-in").part(turn);
    let (seats, members) = members(cx, world, ix);
    let view = GroupView { members: &members, pools: &pools(cx, world, ix), now: cx.now() };
    let victims = spec.policy.victims(view, surplus, luck);
    for victim in victims.into_iter().map(|at| seats[at]) {
        if spec.managed_draining && world.cluster.instance(victim).is_active() {
            let members = &mut world.groups[ix].members;
            members.iter_mut().filter(|it| it.instance == victim).for_each(|it| {
                it.is_leaving = true;
            });
            instance::drain(cx, world, victim);
            cx.after(DRAIN_TIMEOUT, rank::ENDED, Event::DrainTimeout(victim));
        } else {
            leave(world, ix, victim);
            instance::terminate(cx, world, victim, TerminationReason::ScaledIn);
        }
    }
}

/// Launches an instance where the group wants it next; `None`: every launch fails now.
fn launch(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>) -> Option<Id<Instance>> {
    let spec = &cx.model.auto_scaling_groups[ix];
    let number = world.groups[ix].launched;
    let luck = group_luck(cx, ix).named("launch").part(u64::from(number));
    let (_, members) = members(cx, world, ix);
    let view = GroupView { members: &members, pools: &pools(cx, world, ix), now: cx.now() };
    let pool = spec.policy.next_launch(view, luck)?;
    let class = cx.model.fleets[spec.fleet].classes[pool];
    let group = &mut world.groups[ix];
    group.launched += 1;
    let slot = group.take_slot();
    let instance = instance::launch(cx, world, class, number);
    world.groups[ix].members.push(Member { instance, slot, is_leaving: false });
    Some(instance)
}

/// Returns the instances that stay, and what the rules of groups see of each.
fn members(
    cx: &Cx,
    world: &World,
    ix: Ix<AutoScalingGroup>,
) -> (Vec<Id<Instance>>, Vec<group::Member>) {
    let spec = &cx.model.auto_scaling_groups[ix];
    let see = |member: &Member| {
        let host = world.cluster.instance(member.instance);
        let seen = group::Member {
            number: host.number,
            zone: cx.model.classes[host.class].zone,
            purchase_option: PurchaseOption::OnDemand,
            instance_type: 0,
            launched: host.launched_at,
            launched_from: LaunchedFrom::Template(0),
            protected: spec.managed_termination_protection && host.is_occupied(),
            healthy: !world.groups[ix].unhealthy.contains(&member.instance),
        };
        (member.instance, seen)
    };
    world.groups[ix].staying().map(see).unzip()
}

/// Returns where a group may launch: one type, on demand, in each of its zones.
fn pools(cx: &Cx, world: &World, ix: Ix<AutoScalingGroup>) -> Vec<Pool> {
    let classes = &cx.model.fleets[cx.model.auto_scaling_groups[ix].fleet].classes;
    let pool = |&class: &Ix<InstanceClass>| Pool {
        zone: cx.model.classes[class].zone,
        purchase_option: PurchaseOption::OnDemand,
        instance_type: 0,
        price: HourlyRate::ZERO,
        capacity: 0,
        refused: world.faults.refuses(cx.model.classes[class].zone),
    };
    classes.iter().map(pool).collect()
}

fn group_luck(cx: &Cx, ix: Ix<AutoScalingGroup>) -> Luck {
    cx.seed.luck("auto scaling group").named(&cx.model.auto_scaling_groups[ix].name)
}

/// The luck of an instance: that of its group, its place in it, and how often that was filled.
pub(super) fn luck_of(
    cx: &Cx,
    world: &World,
    ix: Ix<AutoScalingGroup>,
    instance: Id<Instance>,
) -> Luck {
    let group = &world.groups[ix];
    let slot = group.members.iter().find(|it| it.instance == instance).map_or(0, |it| it.slot);
    let luck = cx.seed.luck("instance").named(&cx.model.auto_scaling_groups[ix].name);
    luck.part(u64::from(slot)).part(u64::from(group.incarnations[slot as usize]))
}

/// The agent of a launched instance has registered it, unless the group has given it up.
pub(super) fn on_registered(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let event = Event::Registered(instance);
    if fault::keeps(cx, world, Some(instance), (rank::PROGRESSED, event)) {
        return;
    }
    if world.cluster.get(instance).is_some_and(|host| host.status() == InstanceStatus::Pending) {
        instance::become_active(cx, world, instance);
        let fleet = cx.model.classes[world.cluster.instance(instance).class].fleet;
        if let Some(group) = cx.model.fleets[fleet].group {
            detect::replace_unhealthy(cx, world, group);
        }
    }
}

/// Returns the instances of a fleet, each with the number that keys its luck.
pub(super) fn seats(model: &Model, world: &World, fleet: Ix<Fleet>) -> Vec<(u32, Id<Instance>)> {
    match model.fleets[fleet].group {
        Some(group) => {
            let members = world.groups[group].members.iter();
            members.map(|member| (member.slot, member.instance)).collect()
        }
        None => {
            let of_fleet = |host: &Instance| model.classes[host.class].fleet == fleet;
            let hosts = world.cluster.instances().filter(|(_, host)| of_fleet(host));
            hosts.map(|(id, host)| (host.number, id)).collect()
        }
    }
}

/// The group has the instance no more.
pub(super) fn leave(world: &mut World, ix: Ix<AutoScalingGroup>, instance: Id<Instance>) {
    let group = &mut world.groups[ix];
    if let Some(at) = group.members.iter().position(|member| member.instance == instance) {
        let member = group.members.remove(at);
        group.free_slots.push(Reverse(member.slot));
    }
}

/// Nothing runs on a draining instance any more: its group may let it go.
pub(super) fn drained(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let fleet = cx.model.classes[world.cluster.instance(instance).class].fleet;
    let Some(ix) = cx.model.fleets[fleet].group else { return };
    let is_leaving =
        world.groups[ix].members.iter().any(|it| it.instance == instance && it.is_leaving);
    if is_leaving {
        leave(world, ix, instance);
        instance::terminate(cx, world, instance, TerminationReason::ScaledIn);
    }
}

/// An instance has drained for as long as it may: what still runs on it goes with it.
pub(super) fn on_drain_timeout(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    if world.cluster.get(instance).is_some() {
        drained(cx, world, instance);
    }
}

/// No task but daemons' is on an instance any more: it is not protected from scale-in, and goes
/// if its group has more than it wants.
pub(super) fn is_unoccupied(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let fleet = cx.model.classes[world.cluster.instance(instance).class].fleet;
    if let Some(ix) = cx.model.fleets[fleet].group
        && cx.model.auto_scaling_groups[ix].managed_termination_protection
    {
        let_go_surplus(cx, world, ix);
    }
}

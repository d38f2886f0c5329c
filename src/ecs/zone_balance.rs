//! Zone rebalancing of Auto Scaling groups, the process `AZRebalance`.
//!
//! Instances are launched where a group has fewest, and when they are in service as many go,
//! drained and by its termination policies like any others. What moves, and how many at once, is
//! in `capacity/group.rs`. Source: Amazon EC2 Auto Scaling User Guide, "Availability Zone
//! rebalancing" and "Rebalancing across Availability Zones". In containers-roadmap#1453 one goes
//! 21 s after its replacement is launched: when that is in service, for there are more than
//! desired then. Assumptions: a group looks at its zones again and again while they are not
//! balanced; it rebalances when nothing else is under way, one move at a time; it does not take
//! from its warm pool.

use crate::engine::{Id, Ix};

use super::capacity::group::{GroupView, Rebalancing};
use super::cluster::Instance;
use super::model::AutoScalingGroup;
use super::{Cx, Event, Fact, GroupEvent, TerminationReason, World, auto_scaling, rank};

/// What rebalances the zones of a group.
#[derive(Clone, Debug, Default)]
pub(super) struct ZoneBalance {
    /// Instances that are launched for it and not in service yet.
    launched: Vec<Id<Instance>>,
    /// Whether it is to look again.
    is_watched: bool,
}

impl ZoneBalance {
    /// Returns how many instances are launched for it and not in service yet.
    pub fn on_their_way(&self) -> u32 {
        self.launched.len() as u32
    }

    /// An instance is in service, or gone; says whether it was launched for this.
    pub fn forget(&mut self, instance: Id<Instance>) -> bool {
        let before = self.launched.len();
        self.launched.retain(|it| *it != instance);
        self.launched.len() < before
    }
}

/// The group is to look at its zones in a while, if they are out of balance.
pub(super) fn watch(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>) {
    if !cx.model.auto_scaling_groups[ix].zone_rebalancing
        || world.groups[ix].balance.is_watched
        || !is_uneven(cx, world, ix)
    {
        return;
    }
    world.groups[ix].balance.is_watched = true;
    let interval = cx.model.timing.zone_rebalancing_interval;
    cx.after(interval, rank::CONTROLLERS, Event::BalanceZones(ix));
}

fn is_uneven(cx: &Cx, world: &World, ix: Ix<AutoScalingGroup>) -> bool {
    let zones = &cx.model.auto_scaling_groups[ix].policy.zones;
    let counts = || zones.iter().map(|&zone| world.groups[ix].in_zone(zone));
    counts().max() > counts().min().map(|least| least + 1)
}

/// The group looks at its zones, and launches where it has fewest, if it has nothing else to do.
pub(super) fn on_look(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>) {
    world.groups[ix].balance.is_watched = false;
    if is_settled(world, ix) {
        launch(cx, world, ix);
    }
    watch(cx, world, ix);
}

fn is_settled(world: &World, ix: Ix<AutoScalingGroup>) -> bool {
    let group = &world.groups[ix];
    let is_active = |id: &Id<Instance>| world.cluster.instance(*id).is_active();
    group.capacity() == group.desired_capacity()
        && !group.is_changing()
        && auto_scaling::staying(world, ix).iter().all(is_active)
}

fn launch(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>) {
    let policy = &cx.model.auto_scaling_groups[ix].policy;
    let (_, max_size) = world.groups[ix].sizes();
    let (_, members) = auto_scaling::members(cx, world, ix);
    let mut pools = auto_scaling::pools(cx, world, ix);
    loop {
        let view = GroupView { members: &members, pools: &pools, now: cx.now() };
        let Some(Rebalancing { to: zone, count, .. }) = policy.rebalancing(view, max_size) else {
            return;
        };
        let launched = auto_scaling::launch_in_zone(cx, world, ix, (zone, count), &mut pools);
        if launched.is_empty() {
            continue; // that zone has refused, and another may have as few
        }
        let count = launched.len() as u32;
        world.groups[ix].balance.launched = launched;
        let event = GroupEvent::ZoneRebalancing { zone, count };
        return cx.tell(world, Fact::GroupEvent { group: ix, event });
    }
}

/// An instance is in service: if it balances zones, another may go.
pub(super) fn is_in_service(
    cx: &mut Cx,
    world: &mut World,
    (ix, instance): (Ix<AutoScalingGroup>, Id<Instance>),
) {
    if world.groups[ix].balance.forget(instance) {
        auto_scaling::let_go_surplus(cx, world, ix, TerminationReason::ZoneRebalanced);
    }
    watch(cx, world, ix);
}

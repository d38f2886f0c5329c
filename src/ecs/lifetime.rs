//! Maximum lifetimes: instances of an Auto Scaling group are replaced when they are old.
//!
//! Source: Amazon EC2 Auto Scaling User Guide, "Replace Auto Scaling instances based on maximum
//! instance lifetime": one at a time, and up to a tenth of the capacity at once where the time is
//! too short for that. Assumptions: it is too short where several are due; an old instance goes,
//! with draining if that is managed, while its replacement is launched.

use crate::engine::{Id, Ix};

use super::cluster::Instance;
use super::model::AutoScalingGroup;
use super::{Cx, Event, TerminationReason, World, auto_scaling, managed_instances, rank};

/// The lifetime of a launched instance begins.
pub(super) fn begins(cx: &mut Cx, ix: Ix<AutoScalingGroup>, instance: Id<Instance>) {
    if let Some(lifetime) = cx.model.auto_scaling_groups[ix].max_instance_lifetime {
        cx.after(lifetime, rank::CONTROLLERS, Event::Outlived(instance));
    }
}

/// The lifetime of an instance is over, unless the instance itself is.
pub(super) fn on_outlived(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let Some(ix) = auto_scaling::group_of(cx, world, instance) else { return };
    if cx.model.auto_scaling_groups[ix].managed_instances.is_some() {
        return managed_instances::expires(cx, world, (ix, instance));
    }
    world.groups[ix].outlived.push(instance);
    replace(cx, world, ix);
}

/// Replaces as many old instances as may be on their way at once.
pub(super) fn replace(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>) {
    let mut outlived = std::mem::take(&mut world.groups[ix].outlived);
    outlived.retain(|&instance| auto_scaling::stays(world, ix, instance));
    if outlived.is_empty() {
        return;
    }
    let at_once = match outlived.len() {
        1 => 1,
        _ => (world.groups[ix].desired_capacity() / 10).max(1),
    };
    let count = at_once.saturating_sub(auto_scaling::on_their_way(world, ix)) as usize;
    let later = outlived.split_off(count.min(outlived.len()));
    world.groups[ix].outlived = later;
    auto_scaling::replace(cx, world, (ix, &outlived), TerminationReason::MaxLifetime);
}

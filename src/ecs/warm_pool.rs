//! Warm pools: instances that an Auto Scaling group launches ahead of time.
//!
//! Source: Amazon EC2 Auto Scaling User Guide, "Decrease latency for applications with long boot
//! times using warm pools"; ECS Developer Guide, on `ECS_WARM_POOLS_CHECK`: the agent registers an
//! instance when it leaves the pool. Assumptions: an instance on its way into the pool is not
//! taken; stopping takes no time; a maximum lifetime that ends in the pool does nothing.

use crate::engine::{Id, Ix, Purpose};
use crate::units::{SimTime, Span};

use super::capacity::group::warm_pool_size;
use super::cluster::Instance;
use super::model::{AutoScalingGroup, InitialState, WarmState};
use super::{Cx, Event, Fact, WarmPoolChange, World, auto_scaling, instance};

const START: Purpose = Purpose::new("start from a warm pool");

/// Launches what the pool of a group lacks, and ends what it has too much of, the newest first.
pub(super) fn fill(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>) {
    let Some(pool) = cx.model.auto_scaling_groups[ix].warm_pool else { return };
    let group = &world.groups[ix];
    let (desired_capacity, (_, max_size)) = (group.desired_capacity(), group.sizes());
    let prepared = pool.max_group_prepared_capacity;
    let wanted = warm_pool_size(desired_capacity, max_size, prepared, pool.min_size);
    let mut there: Vec<Id<Instance>> =
        auto_scaling::warm(world, ix).into_iter().map(|it| it.0).collect();
    there.sort_by_key(|&id| world.cluster.instance(id).number);
    // What could not be started yet is still wanted.
    let is_short = group.capacity() < desired_capacity;
    let kept = if is_short { there.len() } else { there.len().min(wanted as usize) };
    for surplus in there.drain(kept..) {
        auto_scaling::drop_warm(cx, world, (ix, surplus));
    }
    let missing = wanted.saturating_sub(there.len() as u32);
    if missing == 0 {
        return;
    }
    let was_there = cx.now() == SimTime::ZERO && cx.model.initial_state == InitialState::Steady;
    for instance in auto_scaling::launch_warm(cx, world, ix, missing) {
        cx.tell(world, Fact::WarmPool { instance, change: WarmPoolChange::Launched });
        if was_there {
            on_warmed(cx, world, instance);
        } else {
            let boots = auto_scaling::boot_time(cx, world, (ix, instance));
            let warmed = (Span::ZERO, Event::Warmed(instance));
            auto_scaling::pass_hooks(cx, world, (ix, instance), boots, warmed);
        }
    }
}

/// An instance is ready to wait in the pool, unless it is gone.
pub(super) fn on_warmed(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let Some(ix) = auto_scaling::group_of(cx, world, instance) else { return };
    let Some(pool) = cx.model.auto_scaling_groups[ix].warm_pool else { return };
    if !auto_scaling::is_ready(cx, world, (ix, instance)) {
        return;
    }
    cx.tell(world, Fact::WarmPool { instance, change: WarmPoolChange::Waits });
    if pool.has_images {
        let puller = &mut world.cluster.instance_mut(instance).puller;
        cx.model.images.indices().for_each(|image| puller.keep(image));
    }
    if pool.state != WarmState::Running {
        instance::stop(cx, world, instance);
    }
}

/// Takes an instance out of the pool, which is in service soon; says whether there was one.
pub(super) fn take(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>) -> bool {
    let Some(pool) = cx.model.auto_scaling_groups[ix].warm_pool else { return false };
    let Some(instance) = auto_scaling::take_warm(cx, world, ix) else { return false };
    cx.tell(world, Fact::WarmPool { instance, change: WarmPoolChange::Taken });
    let luck = auto_scaling::luck_of(cx, world, ix, instance);
    let timing = &cx.model.timing;
    let starts = match pool.state {
        WarmState::Stopped => timing.warm_start.sample_span(luck, START),
        WarmState::Hibernated => timing.warm_resume.sample_span(luck, START),
        WarmState::Running => Span::ZERO,
    };
    if world.cluster.instance(instance).is_stopped() {
        instance::start(cx, world, instance);
    }
    let registers = auto_scaling::registration_time(cx, world, (ix, instance));
    let registered = (registers, Event::Registered(instance));
    auto_scaling::pass_hooks(cx, world, (ix, instance), starts, registered);
    true
}

//! Instance refresh: the instances of an Auto Scaling group are replaced, some at a time.
//!
//! The rules are in `capacity/refresh.rs`; here they see the run and act on it. Source: Amazon EC2
//! Auto Scaling User Guide, "Use an instance refresh to update instances in an Auto Scaling group".
//! Assumptions: the oldest go first; with a maximum healthy percentage above 100 a replacement is
//! launched before each goes; after the last checkpoint nothing is waited for.

use crate::engine::{Id, Ix};
use crate::units::{SimTime, Span};

use super::capacity::refresh::Progress;
use super::cluster::Instance;
use super::model::{AutoScalingGroup, InstanceRefresh};
use super::{Cx, Event, Fact, GroupEvent, TerminationReason, World, auto_scaling, rank};

/// How long it goes on without progress, such as while all that are left are protected from
/// scale-in, or no instance can be launched.
///
/// Source: Amazon EC2 Auto Scaling User Guide, instance refresh: it fails after an hour.
const PATIENCE: Span = Span::HOUR;

/// How long it may last.
///
/// Source: Amazon EC2 Auto Scaling User Guide, instance refresh: 14 days.
const LONGEST: Span = Span::secs(14 * 86_400);

/// An instance refresh under way.
#[derive(Clone, Debug)]
pub(super) struct RefreshState {
    /// Position in the model.
    position: u32,
    /// Instances that were there when it began, and whose turn has not come; the oldest first.
    old: Vec<Id<Instance>>,
    /// Instances that go when their replacements are warm.
    leaving: Vec<Id<Instance>>,
    /// Instances that were there when it began.
    total: u32,
    /// How many of them are replaced.
    replaced: u32,
    /// Until when it waits at a checkpoint.
    paused_until: SimTime,
    started: SimTime,
    /// When it last began to replace an instance, had replaced one, or went on after a checkpoint.
    progressed: SimTime,
}

/// StartInstanceRefresh.
pub(super) fn start(cx: &mut Cx, world: &mut World, position: u32) {
    let ix = cx.model.refreshes[position as usize].group;
    if world.groups[ix].refresh.is_some() {
        return tell(cx, world, ix, GroupEvent::RefreshRefused);
    }
    let mut old = auto_scaling::staying(world, ix);
    old.sort_by_key(|&id| {
        let host = world.cluster.instance(id);
        (host.launched_at, host.number)
    });
    let total = old.len() as u32;
    tell(cx, world, ix, GroupEvent::RefreshStarted { total });
    world.groups[ix].refresh = Some(RefreshState {
        position,
        old,
        leaving: Vec::new(),
        total,
        replaced: 0,
        paused_until: SimTime::ZERO,
        started: cx.now(),
        progressed: cx.now(),
    });
    cx.after(PATIENCE, rank::CONTROLLERS, Event::Refresh(ix));
    cx.after(LONGEST, rank::CONTROLLERS, Event::Refresh(ix));
    go_on(cx, world, ix);
}

fn tell(cx: &mut Cx, world: &World, group: Ix<AutoScalingGroup>, event: GroupEvent) {
    cx.tell(world, Fact::GroupEvent { group, event });
}

/// An instance is in service: a refresh goes on when it is warm.
pub(super) fn warms_up(cx: &mut Cx, world: &World, ix: Ix<AutoScalingGroup>) {
    if let Some(state) = &world.groups[ix].refresh {
        let warmup = cx.model.refreshes[state.position as usize].instance_warmup;
        cx.after(warmup, rank::CONTROLLERS, Event::Refresh(ix));
    }
}

/// The refresh of a group looks how far it is, and replaces what may be replaced now.
pub(super) fn go_on(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>) {
    // Nobody else goes on with it meanwhile.
    let Some(mut state) = world.groups[ix].refresh.take() else { return };
    let spec = &cx.model.refreshes[state.position as usize];
    let progress = look(cx, world, (ix, spec), &mut state);
    if spec.rules.is_complete(progress) && state.leaving.is_empty() {
        return tell(cx, world, ix, GroupEvent::RefreshEnded { replaced: progress.replaced });
    }
    if cx.now() >= state.paused_until {
        replace(cx, world, (ix, spec), (&mut state, progress));
    }
    // At a checkpoint nothing is to happen.
    let since = state.progressed.max(state.paused_until);
    let is_stuck = cx.now() >= since.saturating_add(PATIENCE);
    let is_failed = is_stuck || cx.now() >= state.started.saturating_add(LONGEST);
    match is_failed {
        true => tell(cx, world, ix, GroupEvent::RefreshFailed { replaced: progress.replaced }),
        false => world.groups[ix].refresh = Some(state),
    }
}

/// Returns how far a refresh is; those whose replacements are warm go, and checkpoints are told.
fn look(
    cx: &mut Cx,
    world: &mut World,
    (ix, spec): (Ix<AutoScalingGroup>, &InstanceRefresh),
    state: &mut RefreshState,
) -> Progress {
    state.old.retain(|&id| auto_scaling::stays(world, ix, id));
    state.leaving.retain(|&id| auto_scaling::is_refreshing(world, ix, id));
    let begun = state.total - state.old.len() as u32;
    let cold = cold(cx, world, (ix, spec), &state.old).min(begun);
    let gone = state.leaving.len().saturating_sub(cold as usize);
    let gone: Vec<Id<Instance>> = state.leaving.drain(..gone).collect();
    auto_scaling::replace(cx, world, (ix, &gone), TerminationReason::Refreshed);
    let before = state.replaced;
    state.replaced = before.max(begun - cold);
    let progress = Progress {
        total: state.total,
        replaced: state.replaced,
        under_way: begun - state.replaced,
    };
    if state.replaced > before {
        progresses(cx, state, ix);
    }
    if let Some(percent) = spec.rules.checkpoint(before, progress) {
        tell(cx, world, ix, GroupEvent::RefreshCheckpoint { percent });
        state.paused_until = cx.now().saturating_add(spec.checkpoint_delay);
        cx.at(state.paused_until, rank::CONTROLLERS, Event::Refresh(ix));
        let late = state.paused_until.saturating_add(PATIENCE);
        cx.at(late, rank::CONTROLLERS, Event::Refresh(ix));
    }
    progress
}

/// Something is done: for a while more may take its time.
fn progresses(cx: &mut Cx, state: &mut RefreshState, ix: Ix<AutoScalingGroup>) {
    state.progressed = cx.now();
    cx.after(PATIENCE, rank::CONTROLLERS, Event::Refresh(ix));
}

/// Returns how many instances a group lacks, apart from those that were there before, and of the
/// others those that are warm.
fn cold(
    cx: &Cx,
    world: &World,
    (ix, spec): (Ix<AutoScalingGroup>, &InstanceRefresh),
    old: &[Id<Instance>],
) -> u32 {
    let is_warm = |id: &Id<Instance>| {
        let host = world.cluster.instance(*id);
        host.is_active() && host.registered_at.saturating_add(spec.instance_warmup) <= cx.now()
    };
    let staying = auto_scaling::staying(world, ix);
    let there = staying.iter().filter(|id| old.contains(id) || is_warm(id)).count();
    world.groups[ix].desired_capacity().saturating_sub(there as u32)
}

/// Begins as many replacements as may begin now.
fn replace(
    cx: &mut Cx,
    world: &mut World,
    (ix, spec): (Ix<AutoScalingGroup>, &InstanceRefresh),
    (state, progress): (&mut RefreshState, Progress),
) {
    let count = spec.rules.begin(progress) as usize;
    let is_free = |id: &Id<Instance>| !auto_scaling::is_protected(cx, world, ix, *id);
    let next: Vec<Id<Instance>> = state.old.iter().copied().filter(is_free).take(count).collect();
    if !next.is_empty() {
        progresses(cx, state, ix);
        state.old.retain(|id| !next.contains(id));
        if spec.rules.max_healthy_percentage > 100 {
            state.leaving.extend(&next);
            auto_scaling::launch_beside(cx, world, (ix, &next));
        } else {
            auto_scaling::replace(cx, world, (ix, &next), TerminationReason::Refreshed);
        }
    }
}

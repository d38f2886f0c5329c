//! Capacity providers with an Auto Scaling group: managed scaling, minute by minute.
//!
//! The rules are in `capacity/reservation.rs`; here they see the run and act on it.

use crate::engine::{Ix, Luck, Purpose};
use crate::units::Span;

use super::capacity::reservation::{
    Alarms, Decision, GroupNow, ManagedScaling, Room, Waiting, WaitingGroup,
};
use super::model::{CapacityProvider, InitialState, Launch, Model, Requirement};
use super::placement::{self, Ask};
use super::{Cx, Event, Fact, Task, World, auto_scaling, managed_instances, provisioning, rank};

const PHASE: Purpose = Purpose::new("phase of the managed scaling minute");
const DELAY: Purpose = Purpose::new("managed scaling delay");

/// What managed scaling remembers of a capacity provider.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ProviderState {
    alarms: Alarms,
    minutes: u64,
}

fn luck(cx: &Cx, ix: Ix<CapacityProvider>) -> Luck {
    cx.seed.luck("capacity provider").named(&cx.model.capacity_providers[ix].name)
}

/// Managed scaling begins, somewhere in its minute.
pub(super) fn begin(cx: &mut Cx, world: &mut World) {
    for (ix, spec) in cx.model.capacity_providers.iter() {
        let Some(scaling) = &spec.managed_scaling else { continue };
        if cx.model.initial_state == InitialState::Steady {
            keep_spare(cx, world, ix, scaling);
        }
        let phase = Span::from_secs_f64(60.0 * luck(cx, ix).unit(PHASE));
        cx.after(phase, rank::CONTROLLERS, Event::ManagedScaling(ix));
    }
}

/// In a cluster that has been there for long, groups have as many instances as their target says.
fn keep_spare(cx: &mut Cx, world: &mut World, ix: Ix<CapacityProvider>, scaling: &ManagedScaling) {
    let group = cx.model.capacity_providers[ix].group;
    let now = auto_scaling::now(cx, world, group);
    let wanted = u64::from(now.occupied) * 100;
    let wanted = wanted.div_ceil(u64::from(scaling.target_capacity.max(1)));
    while u64::from(auto_scaling::now(cx, world, group).running) < wanted {
        if auto_scaling::grow(cx, world, group).is_none() {
            return;
        }
    }
}

/// In a cluster that has been there for long, a group has grown for the task that is asked for, the
/// first of so many.
///
/// Returns whether there is a place now.
pub(super) fn grow(cx: &mut Cx, world: &mut World, ask: &Ask, count: u32) -> bool {
    let item = cx.model.launches[ask.launch].providers[usize::from(ask.item)];
    let Some(provider) = item.capacity_provider else { return false };
    if let Some(group) = cx.model.managed_group(&item) {
        return managed_instances::grow(cx, world, group, (ask, count));
    }
    if cx.model.managed_scaling(&item).is_none() {
        return false;
    }
    let group = cx.model.capacity_providers[provider].group;
    // One in each zone is enough to know.
    for _ in cx.model.zones.indices() {
        if auto_scaling::grow(cx, world, group).is_none() {
            return false;
        }
        if placement::choose(cx.model, world, ask).is_some() {
            return true;
        }
    }
    false
}

/// A minute of managed scaling: the metric, the alarms, and what they decide.
pub(super) fn on_minute(cx: &mut Cx, world: &mut World, ix: Ix<CapacityProvider>) {
    cx.after(Span::MINUTE, rank::CONTROLLERS, Event::ManagedScaling(ix));
    let spec = &cx.model.capacity_providers[ix];
    let Some(scaling) = &spec.managed_scaling else { return };
    let now: GroupNow = auto_scaling::now(cx, world, spec.group);
    let groups = waiting_groups(cx, world, ix);
    let tasks = groups.iter().map(|group| group.count).sum();
    let waiting = match groups.is_empty() {
        true => Waiting::Nobody,
        false => scaling.waiting(&groups, &rooms(cx, ix)),
    };
    let reservation = scaling.reservation(&now, waiting);
    let state = &mut world.capacity_providers[ix];
    let decision = state.alarms.minute(scaling, &now, &reservation);
    state.minutes += 1;
    let minute = state.minutes;
    let fact =
        Fact::ManagedScaling { provider: ix, reservation, running: now.running, tasks, decision };
    cx.tell(world, fact);
    if let Decision::Step { to, .. } = decision {
        let luck = luck(cx, ix).part(minute);
        let delay = cx.model.timing.managed_scaling_delay.sample_span(luck, DELAY);
        cx.after(delay, rank::CONTROLLERS, Event::ManagedCapacity(ix, to));
    }
    if tasks > 0 {
        // Constraints may hold now that did not when there was room.
        provisioning::room_appeared(cx, world);
    }
}

/// What managed scaling has decided is done.
pub(super) fn on_capacity(cx: &mut Cx, world: &mut World, ix: Ix<CapacityProvider>, to: u32) {
    auto_scaling::set_desired_capacity(cx, world, cx.model.capacity_providers[ix].group, to);
}

/// Groups the tasks that wait for a provider by what they need.
fn waiting_groups(cx: &Cx, world: &World, ix: Ix<CapacityProvider>) -> Vec<WaitingGroup> {
    let cluster = cx.model.cluster_of(ix);
    let is_ours = |task: &&Task| {
        let launch = &cx.model.launches[task.launch];
        launch.providers[usize::from(task.item)].capacity_provider == Some(ix)
    };
    let mut groups: Vec<WaitingGroup> = Vec::new();
    for task in world.provisioning[cluster].tasks().map(|it| &world.tasks[it]).filter(is_ours) {
        let one = waiting_group(cx.model, (task.launch, task.requirement));
        match groups.iter_mut().find(|group| WaitingGroup { count: 1, ..**group } == one) {
            Some(group) => group.count += 1,
            None => groups.push(one),
        }
    }
    groups
}

/// Returns what one task that waits needs.
pub(super) fn waiting_group(
    model: &Model,
    (launch, requirement): (Ix<Launch>, Ix<Requirement>),
) -> WaitingGroup {
    model.launches[launch].waiting(&model.requirements[requirement])
}

/// Returns what the instance types of a provider's group offer.
fn rooms(cx: &Cx, ix: Ix<CapacityProvider>) -> Vec<Room> {
    let group = &cx.model.auto_scaling_groups[cx.model.capacity_providers[ix].group];
    let classes = &cx.model.fleets[group.fleet].classes;
    classes.iter().map(|&it| cx.model.classes[it].room()).collect()
}

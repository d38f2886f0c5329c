//! Availability Zone rebalancing: tasks of a steady service move to zones that have fewer.
//!
//! Source: ECS Developer Guide, service-rebalancing and track-service-rebalancing (2026). A task is
//! started in the zone with fewest; when it is healthy, one is stopped in the zone with most. On
//! instances only those that are there count. Not published, and so keys of the scenario: how long
//! ECS watches first, and how many tasks move at once.

use std::cmp::Reverse;
use std::ops::Range;

use crate::engine::{Id, Ix};
use crate::units::{SimTime, Span};

use super::model::{Provider, Service, Zone};
use super::service::{self, EVENT_REPEAT, adopt, ask, choose_victim, new_task, percent_of};
use super::{Cx, Event, Fact, ServiceEvent, StopReason, Task, World, ZoneTasks, life, placement};
use super::{placement::Ask, rank};

/// What a service knows of its balance.
#[derive(Clone, Debug, Default)]
pub(super) struct Rebalancing {
    /// Tasks with `desiredStatus` RUNNING, by item of the strategy and zone; none is listed twice.
    tasks: Vec<((u8, Ix<Zone>), u32)>,
    /// Tasks beyond the desired ones: when one is healthy, another goes.
    moving: Vec<Id<Task>>,
    /// Whether the service has said that it is out of balance, and not yet that it is in balance.
    is_under_way: bool,
    next_look: Option<SimTime>,
    epoch: u32,
    said_unable: Option<SimTime>,
}

impl Rebalancing {
    /// Returns how many tasks there are beyond the desired ones.
    pub(super) fn extra(&self) -> u32 {
        self.moving.len() as u32
    }

    /// Says whether another task goes when this one is healthy.
    pub(super) fn is_moving(&self, task: Id<Task>) -> bool {
        self.moving.contains(&task)
    }

    /// Counts a task that is made.
    pub(super) fn task_comes(&mut self, item: u8, zone: Ix<Zone>) {
        *self.count_mut(item, zone) += 1;
    }

    /// Counts it no more.
    pub(super) fn task_goes(&mut self, item: u8, zone: Ix<Zone>) {
        *self.count_mut(item, zone) -= 1;
    }

    fn count_mut(&mut self, item: u8, zone: Ix<Zone>) -> &mut u32 {
        let place = (item, zone);
        let at = self.tasks.iter().position(|(other, _)| *other == place).unwrap_or_else(|| {
            self.tasks.push((place, 0));
            self.tasks.len() - 1
        });
        &mut self.tasks[at].1
    }

    fn count(&self, item: u8, zone: Ix<Zone>) -> u32 {
        self.tasks.iter().find(|(place, _)| *place == (item, zone)).map_or(0, |it| it.1)
    }
}

/// Returns the zones that one more task would bring nearer to balance, those with fewest first.
///
/// Balanced are zones that differ by one at most: each has its share of the tasks, rounded down,
/// and what remains is spread one by one.
fn lacking(counts: &[(Ix<Zone>, u32)]) -> Vec<Ix<Zone>> {
    let most = counts.iter().map(|(_, tasks)| *tasks).max().unwrap_or(0);
    let mut zones: Vec<_> = counts.iter().filter(|(_, tasks)| tasks + 2 <= most).collect();
    zones.sort_by_key(|(zone, tasks)| (*tasks, *zone));
    zones.into_iter().map(|(zone, _)| *zone).collect()
}

/// Returns the zone with most tasks, of several the first.
fn fullest(counts: &mut [(Ix<Zone>, u32)]) -> Option<&mut (Ix<Zone>, u32)> {
    counts.iter_mut().rev().max_by_key(|(_, tasks)| *tasks)
}

/// Items of the strategy that are balanced together.
type Together = Range<u8>;

/// Returns how many tasks of some items are where, in each zone that they may go to.
fn counts(cx: &Cx, world: &World, ix: Ix<Service>, items: &Together) -> Vec<(Ix<Zone>, u32)> {
    let spec = &cx.model.services[ix];
    let requirement = cx.model.task_definitions[spec.task_definition].requirement;
    let state = &world.services[ix].rebalancing;
    // Differences of one need no look at instances.
    let count = |zone| items.clone().map(|item| state.count(item, zone)).sum();
    let everywhere: Vec<_> = cx.model.zones.indices().map(|zone| (zone, count(zone))).collect();
    if lacking(&everywhere).is_empty() {
        return everywhere;
    }
    let launch = (spec.launch, requirement);
    let enabled = |item| placement::zones(cx.model, &world.cluster, launch, item);
    let enabled: Vec<_> = items.clone().flat_map(enabled).collect();
    everywhere.into_iter().filter(|(zone, tasks)| *tasks > 0 || enabled.contains(zone)).collect()
}

/// Returns the positions of the items of the service's strategy.
fn items(cx: &Cx, ix: Ix<Service>) -> Range<u8> {
    let launch = &cx.model.launches[cx.model.services[ix].launch];
    0..launch.providers.len() as u8
}

/// Returns which items are balanced together: on Fargate each capacity provider by itself, on
/// instances all of them.
///
/// Source: as above, of Fargate and Fargate Spot. Of providers with a group nothing is said;
/// assumed, because placement counts the tasks of a zone whatever their provider.
fn together(cx: &Cx, ix: Ix<Service>) -> Vec<Together> {
    let launch = &cx.model.launches[cx.model.services[ix].launch];
    match launch.providers.iter().all(|item| item.provider.uses_instances()) {
        true => [items(cx, ix)].into(),
        false => items(cx, ix).map(|item| item..item + 1).collect(),
    }
}

fn is_balanced(cx: &Cx, world: &World, ix: Ix<Service>) -> bool {
    together(cx, ix).iter().all(|it| lacking(&counts(cx, world, ix, it)).is_empty())
}

/// Returns the items that have tasks in a zone, those with most first: one of them may move.
fn movable(world: &World, ix: Ix<Service>, items: &Together, zone: Ix<Zone>) -> Vec<u8> {
    let state = &world.services[ix].rebalancing;
    let mut there: Vec<u8> = items.clone().filter(|&item| state.count(item, zone) > 0).collect();
    there.sort_by_key(|&item| Reverse(state.count(item, zone)));
    there
}

/// Adds up the tasks of all items in each zone that any of them may use, for the sentences.
fn zone_tasks(cx: &Cx, world: &World, ix: Ix<Service>) -> ZoneTasks {
    let spec = &cx.model.services[ix];
    let requirement = cx.model.task_definitions[spec.task_definition].requirement;
    let launch = (spec.launch, requirement);
    let enabled = |item: u8| placement::zones(cx.model, &world.cluster, launch, item);
    let enabled: Vec<_> = items(cx, ix).flat_map(enabled).collect();
    let state = &world.services[ix].rebalancing;
    let tasks = |zone| items(cx, ix).map(|it| state.count(it, zone)).sum::<u32>();
    let zones = cx.model.zones.indices().map(|zone| (zone, tasks(zone)));
    zones.filter(|(zone, tasks)| *tasks > 0 || enabled.contains(zone)).collect()
}

fn say(cx: &mut Cx, world: &World, ix: Ix<Service>, event: ServiceEvent) {
    cx.tell(world, Fact::ServiceEvent { service: ix, event });
}

/// The service is steady, or zones have changed under it: looks later if it is out of balance.
pub(super) fn watch(cx: &mut Cx, world: &mut World, ix: Ix<Service>) {
    let spec = &cx.model.services[ix];
    if !spec.availability_zone_rebalancing || !is_at_rest(world, ix) {
        return;
    }
    if is_balanced(cx, world, ix) {
        return say_balanced(cx, world, ix);
    }
    let state = &world.services[ix];
    if percent_of(state.desired(), spec.maximum_percent) <= u64::from(state.active()) {
        return; // one more would be too many
    }
    let is_under_way = state.rebalancing.is_under_way;
    let delay = if is_under_way { Span::ZERO } else { cx.model.timing.rebalancing_delay };
    look_in(cx, world, ix, delay);
}

/// Says whether nothing else is going on.
fn is_at_rest(world: &World, ix: Ix<Service>) -> bool {
    let state = &world.services[ix];
    state.is_steady() && state.rebalancing.moving.is_empty()
}

fn say_balanced(cx: &mut Cx, world: &mut World, ix: Ix<Service>) {
    if std::mem::take(&mut world.services[ix].rebalancing.is_under_way) {
        let tasks = zone_tasks(cx, world, ix);
        say(cx, world, ix, ServiceEvent::AzBalanced { tasks });
    }
}

/// Schedules a look after `delay`, unless an earlier one is due already.
fn look_in(cx: &mut Cx, world: &mut World, ix: Ix<Service>, delay: Span) {
    let at = cx.now().saturating_add(delay);
    let state = &mut world.services[ix].rebalancing;
    if state.next_look.is_some_and(|due| due <= at) {
        return;
    }
    state.next_look = Some(at);
    state.epoch = state.epoch.wrapping_add(1);
    cx.at(at, rank::CONTROLLERS, Event::Rebalance(ix, state.epoch));
}

/// Looks whether the service is balanced, and begins to move tasks if it is not.
pub(super) fn on_look(cx: &mut Cx, world: &mut World, ix: Ix<Service>, epoch: u32) {
    let state = &mut world.services[ix];
    if state.rebalancing.epoch != epoch {
        return; // an earlier one has taken its place
    }
    state.rebalancing.next_look = None;
    let throttled = state.throttled_until();
    if !is_at_rest(world, ix) {
        return; // it is looked at again when it is steady
    }
    if is_balanced(cx, world, ix) {
        return say_balanced(cx, world, ix);
    }
    if throttled > cx.now() {
        return look_in(cx, world, ix, throttled.since(cx.now()));
    }
    if !std::mem::replace(&mut world.services[ix].rebalancing.is_under_way, true) {
        let tasks = zone_tasks(cx, world, ix);
        say(cx, world, ix, ServiceEvent::NotAzBalanced { tasks });
    }
    start(cx, world, ix);
}

/// Starts as many tasks in zones with fewest as may move at once and the maximum percent allows.
fn start(cx: &mut Cx, world: &mut World, ix: Ix<Service>) {
    let most = percent_of(world.services[ix].desired(), cx.model.services[ix].maximum_percent);
    loop {
        let state = &mut world.services[ix];
        let is_full = state.rebalancing.extra() >= cx.model.timing.rebalancing_tasks;
        if is_full || u64::from(state.active()) >= most {
            return;
        }
        let task = match start_one(cx, world, ix) {
            Started::Task(task) => task,
            Started::Nothing => return,
            Started::Wait(delay) => return look_in(cx, world, ix, delay),
            Started::NoRoom(provider, zone) => {
                if world.services[ix].rebalancing.moving.is_empty() {
                    say_unable(cx, world, ix, (provider, zone));
                }
                return;
            }
        };
        // One that failed at once has no place to take.
        if world.tasks.get(task).is_none_or(|entry| entry.stop.is_some()) {
            return;
        }
        let Some(zone) = world.tasks[task].zone else { return };
        let state = &mut world.services[ix].rebalancing;
        state.moving.push(task);
        state.said_unable = None;
        say(cx, world, ix, ServiceEvent::StartedToRebalance { task, zone });
    }
}

/// What became of the attempt to start one more task.
enum Started {
    Task(Id<Task>),
    Nothing,
    /// A rate is used up; for so long.
    Wait(Span),
    NoRoom(Provider, Ix<Zone>),
}

/// Starts a task in the zone that has fewest, of those with room for it.
fn start_one(cx: &mut Cx, world: &mut World, ix: Ix<Service>) -> Started {
    let wait = world.services[ix].launch_wait(cx.now());
    if !wait.is_zero() {
        return Started::Wait(wait);
    }
    let mut refused = None;
    let launch = &cx.model.launches[cx.model.services[ix].launch];
    for items in together(cx, ix) {
        let mut counts = counts(cx, world, ix, &items);
        // Those that move already take others away.
        let moving = world.services[ix].rebalancing.moving.iter();
        for _ in moving.filter(|task| items.contains(&world.tasks[**task].item)) {
            fullest(&mut counts).into_iter().for_each(|(_, tasks)| *tasks -= 1);
        }
        let to = lacking(&counts);
        let Some(&mut (from, _)) = fullest(&mut counts) else { continue };
        let ways = movable(world, ix, &items, from);
        for (zone, item) in to.into_iter().flat_map(|zone| ways.iter().map(move |&it| (zone, it))) {
            let provider = launch.providers[usize::from(item)].provider;
            let wait = world.account.fargate_launch_wait(provider, cx.now());
            if !wait.is_zero() {
                return Started::Wait(wait);
            }
            match launch_in(cx, world, (ix, item), zone) {
                Some(task) => return Started::Task(task),
                None => refused = refused.or(Some((provider, zone))),
            }
        }
    }
    refused.map_or(Started::Nothing, |(provider, zone)| Started::NoRoom(provider, zone))
}

fn launch_in(
    cx: &mut Cx,
    world: &mut World,
    (ix, item): (Ix<Service>, u8),
    zone: Ix<Zone>,
) -> Option<Id<Task>> {
    let slot = world.services[ix].take_slot();
    let ask: Ask = ask(cx, &world.services[ix], (ix, slot), item.into());
    let Some(place) = placement::choose_in_zone(cx.model, world, &ask, zone) else {
        world.services[ix].give_slot(slot);
        return None;
    };
    let new = new_task(cx, world, (ix, slot), (&ask, Some(place)));
    world.services[ix].take_launch(cx.now());
    let task = life::launch(cx, world, &new);
    adopt(world, ix, &new, task);
    Some(task)
}

/// Says that no task can move, and when to try again: as with any other that does not fit.
fn say_unable(cx: &mut Cx, world: &mut World, ix: Ix<Service>, place: (Provider, Ix<Zone>)) {
    let now = cx.now();
    let state = &mut world.services[ix].rebalancing;
    if state.said_unable.is_none_or(|at| now.since(at) >= EVENT_REPEAT) {
        state.said_unable = Some(now);
        let (provider, zone) = place;
        say(cx, world, ix, ServiceEvent::UnableToRebalance { provider, zone });
    }
    look_in(cx, world, ix, cx.model.timing.placement_retry_slow);
}

/// Stops one task for each that has moved and is healthy, in the zone of its provider with most.
pub(super) fn stop_replaced(cx: &mut Cx, world: &mut World, ix: Ix<Service>) {
    loop {
        let state = &world.services[ix];
        let is_healthy = |task: &Id<Task>| world.tasks[*task].healthy;
        let Some(at) = state.rebalancing.moving.iter().position(is_healthy) else { return };
        if state.healthy() <= state.desired() {
            return; // it would be missed
        }
        let item = world.tasks[state.rebalancing.moving[at]].item;
        let moving = state.rebalancing.moving.clone();
        let all = together(cx, ix).into_iter().find(|items| items.contains(&item));
        let mut counts = counts(cx, world, ix, &all.unwrap_or(item..item + 1));
        counts.retain(|(zone, _)| state.rebalancing.count(item, *zone) > 0);
        let Some(&mut (zone, _)) = fullest(&mut counts) else { return };
        let may_go = |task: Id<Task>, entry: &Task| {
            entry.item == item && entry.zone == Some(zone) && !moving.contains(&task)
        };
        let victim = choose_victim(cx, world, ix, may_go);
        world.services[ix].rebalancing.moving.remove(at);
        let Some(task) = victim else { continue };
        life::request_stop(cx, world, task, StopReason::Rebalanced);
        say(cx, world, ix, ServiceEvent::StoppedToRebalance { task, zone });
        service::say_drained(cx, world, ix, 1);
    }
}

/// Something else happens to the service: what was to move is one of its tasks like any other.
///
/// Source: as above, `SERVICE_REBALANCING_STOPPED`, of deployments; of the rest assumed.
pub(super) fn interrupt(cx: &mut Cx, world: &mut World, ix: Ix<Service>) {
    let state = &mut world.services[ix].rebalancing;
    if state.moving.is_empty() {
        return;
    }
    state.moving.clear();
    state.is_under_way = false;
    say(cx, world, ix, ServiceEvent::RebalancingStopped);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Purpose, Seed};

    fn zones(tasks: &[u32]) -> Vec<(Ix<Zone>, u32)> {
        tasks.iter().enumerate().map(|(zone, tasks)| (Ix::new(zone), *tasks)).collect()
    }

    fn lacking_of(tasks: &[u32]) -> Vec<usize> {
        lacking(&zones(tasks)).into_iter().map(Ix::index).collect()
    }

    #[test]
    fn zones_that_differ_by_one_are_balanced() {
        for tasks in [&[1, 1][..], &[2, 1], &[1, 1, 0], &[0, 0], &[7], &[], &[2, 3, 3]] {
            assert_eq!(lacking_of(tasks), [0; 0], "{tasks:?}");
        }
        assert_eq!(lacking_of(&[2, 0]), [1], "S-E53");
        assert_eq!(lacking_of(&[3, 1, 1]), [1, 2], "S-E55");
        assert_eq!(lacking_of(&[2, 4, 1, 3]), [2, 0], "the one with fewest first");
        assert_eq!(fullest(&mut zones(&[2, 4, 1, 4])).map(|it| it.0.index()), Some(1));
    }

    /// Judged by the rule of the guide: desired / zones each, rounded down, the rest one by one;
    /// and by counting: no more tasks move than are beyond the share of their zone.
    #[test]
    fn any_service_comes_into_balance_by_the_fewest_moves() {
        const TASKS: Purpose = Purpose::new("tasks");
        for case in 0..200u64 {
            let luck = Seed { master: 5, replication: 0 }.luck("case").part(case);
            let count = 1 + luck.below(Purpose::new("zones"), 6) as usize;
            let start: Vec<u32> =
                (0..count).map(|zone| luck.part(zone as u64).below(TASKS, 12)).collect();
            let mut now = zones(&start);
            let mut moves = 0;
            while let Some(to) = lacking(&now).first() {
                now[to.index()].1 += 1;
                fullest(&mut now).expect("a zone").1 -= 1;
                moves += 1;
            }
            let total: u32 = start.iter().sum();
            let (share, rest) = (total / count as u32, total % count as u32);
            let mut sizes: Vec<u32> = now.iter().map(|(_, tasks)| *tasks).collect();
            sizes.sort_unstable_by(|a, b| b.cmp(a));
            let share_of = |at: u32| share + u32::from(at < rest);
            let expected: Vec<u32> = (0..count as u32).map(share_of).collect();
            assert_eq!(sizes, expected, "{start:?}");
            let mut sorted = start.clone();
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            let beyond = sorted.iter().zip(&expected).map(|(it, share)| it.saturating_sub(*share));
            assert_eq!(moves, beyond.sum::<u32>(), "{start:?}");
        }
    }
}

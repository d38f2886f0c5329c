//! Fargate Spot: tasks that are interrupted, and zones without capacity.
//!
//! Each zone is a pool of the market of Spot capacity (`capacity/spot`): what befalls it is decided
//! at instants that nothing of a run changes, and meets whoever sits in the seats of a service or
//! of a submitter then. Source: ECS Developer Guide, "Fargate Spot termination notices": a task
//! gets SIGTERM with the notice, and SIGKILL after its `stopTimeout`; its service starts another on
//! Fargate Spot, and nowhere else.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::engine::{Id, Ix, Seed};
use crate::units::SimTime;

use super::capacity::spot::{AloneStrikes, Drought, Droughts, PoolMarket, SpotPool, Strike};
use super::model::{Model, Provider, Zone};
use super::{Cx, Event, Owner, StopReason, Task, TaskStep, World, life, rank};

/// What befalls Fargate Spot, by zone; nothing where no task runs on it.
#[derive(Clone, Debug, Default)]
pub(super) struct FargateSpot(Vec<ZoneState>);

#[derive(Clone, Debug)]
struct ZoneState {
    market: PoolMarket,
    droughts: Droughts,
    next: Option<Drought>,
    dry_until: SimTime,
    is_dry: bool,
    /// Of each service, then of each submitter.
    owners: Vec<Seats>,
}

/// Numbered seats of an owner's tasks in a zone: the lowest that is free is taken first.
#[derive(Clone, Debug, Default)]
struct Seats {
    seats: Vec<Seat>,
    free: BinaryHeap<Reverse<u32>>,
}

#[derive(Clone, Debug)]
struct Seat {
    occupant: Option<Id<Task>>,
    /// What strikes here alone, and the first of it that is not over.
    alone: AloneStrikes,
    next: Option<Strike>,
}

impl FargateSpot {
    pub fn new(model: &Model, seed: Seed) -> FargateSpot {
        let mut items = model.launches.iter().flat_map(|(_, launch)| &launch.providers);
        if !items.any(|item| item.provider == Provider::FargateSpot) {
            return FargateSpot::default();
        }
        let zone = |(_, zone): (Ix<Zone>, &Zone)| {
            let name = format!("{}/FARGATE_SPOT", zone.name);
            let pool = SpotPool { name, hazard: model.fargate_spot_hazard };
            let market = model.spot_market.of(seed, &pool);
            let mut droughts = market.droughts();
            ZoneState {
                next: droughts.next(),
                market,
                droughts,
                dry_until: SimTime::ZERO,
                is_dry: false,
                owners: vec![Seats::default(); model.services.len() + model.submitters.len()],
            }
        };
        FargateSpot(model.zones.iter().map(zone).collect())
    }

    /// Says whether a zone has no capacity now.
    pub fn is_dry(&self, zone: Ix<Zone>) -> bool {
        self.0.get(zone.index()).is_some_and(|zone| zone.is_dry)
    }
}

/// Zones wait for their first drought.
pub(super) fn begin(cx: &mut Cx, world: &World) {
    for zone in cx.model.zones.indices() {
        wait_for_drought(cx, world, zone);
    }
}

fn wait_for_drought(cx: &mut Cx, world: &World, zone: Ix<Zone>) {
    let next = world.fargate_spot.0.get(zone.index()).and_then(|state| state.next);
    if let Some(drought) = next {
        cx.at(drought.start, rank::ENDED, Event::FargateDrought(zone));
    }
}

/// A zone has no capacity from now on, and takes back some of what it has lent.
pub(super) fn on_drought(cx: &mut Cx, world: &mut World, zone: Ix<Zone>) {
    let Some(state) = world.fargate_spot.0.get_mut(zone.index()) else { return };
    let Some(drought) = state.next else { return };
    state.next = state.droughts.next();
    state.dry_until = state.dry_until.max(drought.end);
    state.is_dry = true;
    cx.at(drought.end, rank::ENDED, Event::FargateRefilled(zone));
    for (position, owner) in state.owners.iter().enumerate() {
        let name = name_of(cx.model, position);
        for (number, seat) in (0..).zip(&owner.seats) {
            let Some(task) = seat.occupant else { continue };
            if let Some(strike) = state.market.struck(&drought, (name, number)) {
                let interrupted = Event::Task(task, TaskStep::Interrupted);
                cx.at(strike.noticed, rank::ENDED, interrupted);
            }
        }
    }
    wait_for_drought(cx, world, zone);
}

/// A drought of the zone is over; another may not be.
pub(super) fn on_refilled(cx: &Cx, world: &mut World, zone: Ix<Zone>) {
    if let Some(state) = world.fargate_spot.0.get_mut(zone.index()) {
        state.is_dry = state.dry_until > cx.now();
    }
}

/// Returns the name of who has these seats: luck goes by names.
fn name_of(model: &Model, position: usize) -> &str {
    match position.checked_sub(model.services.len()) {
        None => &model.services[Ix::new(position)].name,
        Some(submitter) => &model.submitters[Ix::new(submitter)].name,
    }
}

fn position_of(model: &Model, owner: Owner) -> usize {
    match owner {
        Owner::Service { service, .. } => service.index(),
        Owner::Submission { submitter, .. } => model.services.len() + submitter.index(),
    }
}

/// A task on Fargate Spot takes a seat: what strikes there next is for it.
pub(super) fn arrive(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    let entry = &mut world.tasks[task];
    let (Some(zone), Some(host)) = (entry.zone, &mut entry.fargate) else { return };
    let Some(state) = world.fargate_spot.0.get_mut(zone.index()) else { return };
    let position = position_of(cx.model, entry.owner);
    let owner = &mut state.owners[position];
    let number = owner.free.pop().map_or(owner.seats.len() as u32, |seat| seat.0);
    if owner.seats.len() <= number as usize {
        let mut alone = state.market.alone((name_of(cx.model, position), number));
        let next = alone.next();
        owner.seats.push(Seat { occupant: None, alone, next });
    }
    host.seat = Some(number);
    let seat = &mut owner.seats[number as usize];
    seat.occupant = Some(task);
    while seat.next.is_some_and(|strike| strike.noticed <= cx.now()) {
        seat.next = seat.alone.next();
    }
    // Whoever has left by then is not struck; what comes after the run is not awaited.
    let end = SimTime::ZERO + cx.model.duration;
    if let Some(strike) = seat.next.filter(|strike| strike.noticed <= end) {
        cx.at(strike.noticed, rank::ENDED, Event::Task(task, TaskStep::Interrupted));
    }
}

/// A task on Fargate Spot is STOPPED: its seat is free.
pub(super) fn leave(model: &Model, world: &mut World, task: Id<Task>) {
    let entry = &world.tasks[task];
    let seat = entry.fargate.as_ref().and_then(|host| host.seat);
    let (Some(zone), Some(number)) = (entry.zone, seat) else { return };
    if let Some(state) = world.fargate_spot.0.get_mut(zone.index()) {
        let owner = &mut state.owners[position_of(model, entry.owner)];
        owner.seats[number as usize].occupant = None;
        owner.free.push(Reverse(number));
    }
}

/// The task has its interruption notice.
pub(super) fn interrupt(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    life::request_stop(cx, world, task, StopReason::SpotInterruption);
}

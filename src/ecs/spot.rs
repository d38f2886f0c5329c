//! EC2 Spot capacity: when pools are short of it, and who is warned, noticed and reclaimed.
//!
//! What befalls a pool is decided by its market alone (`capacity/spot`), at instants that nothing
//! of a run changes; here it meets whoever sits in the slots then.

use crate::engine::{Id, Ix, Luck, Purpose};
use crate::units::{SimTime, Span};

use super::capacity::spot::{
    AloneStrikes, Availability, Drought, Droughts, OnDemandShare, PoolMarket, Prices, Strike,
};
use super::cluster::Instance;
use super::model::{CapacityPool, SpotSupply};
use super::{Cx, Event, Fact, Interruption, World, auto_scaling, rank};

const RECLAIMED: Purpose = Purpose::new("reclaimed as recorded");

/// What befalls a pool of Spot capacity in a run.
#[derive(Clone, Debug)]
pub(super) struct SupplyState {
    market: PoolMarket,
    usual: OnDemandShare,
    droughts: Droughts,
    next_drought: Option<Drought>,
    /// Until when launches are refused.
    dry_until: SimTime,
    prices: Prices,
    price: OnDemandShare,
    next_price: Option<(SimTime, OnDemandShare)>,
}

/// Interruptions of a slot that come alone.
#[derive(Clone, Debug)]
pub(super) struct AloneSlot {
    strikes: AloneStrikes,
    /// The first that is not in the past of whoever came last.
    next: Option<Strike>,
    is_scheduled: bool,
}

impl SupplyState {
    pub fn new(market: PoolMarket, spec: &SpotSupply) -> SupplyState {
        let mut droughts = market.droughts();
        let mut prices = market.prices(spec.usual);
        let price = prices.next().map_or(spec.usual, |(_, share)| share);
        SupplyState {
            next_drought: droughts.next(),
            next_price: prices.next(),
            usual: spec.usual,
            dry_until: SimTime::ZERO,
            market,
            droughts,
            prices,
            price,
        }
    }

    /// Returns the price at an instant no earlier than the last one asked for.
    pub fn price_at(&mut self, at: SimTime) -> OnDemandShare {
        while let Some((from, share)) = self.next_price
            && from <= at
        {
            self.price = share;
            self.next_price = self.prices.next();
        }
        self.price
    }
}

impl World {
    /// Returns the prices of a pool of Spot capacity, from the beginning of the run.
    pub fn spot_prices(&self, supply: Ix<SpotSupply>) -> Prices {
        let supply = &self.supplies[supply];
        supply.market.prices(supply.usual)
    }
}

/// Pools wait for their first drought, or for the first change that was recorded.
pub(super) fn begin(cx: &mut Cx, world: &mut World) {
    for ix in cx.model.spot_pools.indices() {
        wait_for_change(cx, world, ix);
    }
}

fn wait_for_change(cx: &mut Cx, world: &World, ix: Ix<SpotSupply>) {
    let next = match &cx.model.spot_pools[ix].availability {
        Some(recorded) => recorded.next_change_after(cx.now()).map(|(at, _)| at),
        None => world.supplies[ix].next_drought.map(|drought| drought.start),
    };
    if let Some(at) = next {
        cx.at(at, rank::ENDED, Event::SupplyChanges(ix));
    }
}

/// A drought begins, or the capacity is another from now on.
pub(super) fn on_change(cx: &mut Cx, world: &mut World, ix: Ix<SpotSupply>) {
    match &cx.model.spot_pools[ix].availability {
        Some(recorded) => reclaim_excess(cx, world, ix, recorded),
        None => begin_drought(cx, world, ix),
    }
    wait_for_change(cx, world, ix);
}

fn begin_drought(cx: &mut Cx, world: &mut World, ix: Ix<SpotSupply>) {
    let supply = &mut world.supplies[ix];
    let Some(drought) = supply.next_drought else { return };
    supply.next_drought = supply.droughts.next();
    supply.dry_until = supply.dry_until.max(drought.end);
    for (_, slot, instance) in occupants(cx, world, ix) {
        if let Some(strike) = world.supplies[ix].market.struck(&drought, slot) {
            cx.at(strike.recommended, rank::ENDED, recommended(instance));
            cx.at(strike.noticed, rank::ENDED, noticed(instance));
        }
    }
}

/// Notices as many as are too many, chosen by chance among all groups.
fn reclaim_excess(cx: &mut Cx, world: &mut World, ix: Ix<SpotSupply>, recorded: &Availability) {
    let now = cx.now();
    let luck = cx.seed.luck("recorded spot").named(&cx.model.spot_pools[ix].pool.name);
    let luck = luck.part(now.as_micros());
    let rank_of = |slot: (&str, u32)| -> u64 {
        let luck: Luck = luck.named(slot.0).part(slot.1.into());
        luck.unit(RECLAIMED).to_bits()
    };
    let held = occupants(cx, world, ix);
    let mut left: Vec<(u64, Id<Instance>)> = held
        .into_iter()
        .filter(|&(_, _, instance)| !auto_scaling::is_noticed(cx, world, instance))
        .map(|(_, slot, instance)| (rank_of(slot), instance))
        .collect();
    left.sort_unstable();
    let excess = left.len().saturating_sub(recorded.capacity_at(now) as usize);
    for &(_, instance) in &left[..excess] {
        cx.at(now, rank::ENDED, recommended(instance));
        cx.at(now, rank::ENDED, noticed(instance));
    }
}

/// Somebody in a slot of a Spot pool, by name.
type Occupant<'a> = (Ix<CapacityPool>, (&'a str, u32), Id<Instance>);

/// Returns who sits in a pool now, whatever the group.
fn occupants<'a>(cx: &Cx<'a>, world: &World, supply: Ix<SpotSupply>) -> Vec<Occupant<'a>> {
    let mut found = Vec::new();
    for (ix, pool) in cx.model.pools.iter().filter(|(_, pool)| pool.spot == Some(supply)) {
        let group = cx.model.auto_scaling_groups[pool.group].name.as_str();
        for (number, slot) in (0..).zip(&world.pools[ix].slots) {
            found.extend(slot.occupant.map(|instance| (ix, (group, number), instance)));
        }
    }
    found
}

fn recommended(instance: Id<Instance>) -> Event {
    Event::Interruption(instance, Interruption::Recommended)
}

fn noticed(instance: Id<Instance>) -> Event {
    Event::Interruption(instance, Interruption::Noticed)
}

/// Says whether a launch in a pool succeeds now.
pub(super) fn has_capacity(cx: &Cx, world: &World, ix: Ix<SpotSupply>) -> bool {
    match &cx.model.spot_pools[ix].availability {
        Some(recorded) => held(cx, world, ix) < recorded.capacity_at(cx.now()),
        None => world.supplies[ix].dry_until <= cx.now(),
    }
}

/// Says how much capacity a pool has, for strategies that go by it; only ratios mean something.
///
/// Assumption: as recorded; else what share of its instances survives a month, in millionths, and
/// nothing in a drought.
pub(super) fn capacity_score(cx: &Cx, world: &World, ix: Ix<SpotSupply>) -> u32 {
    if !has_capacity(cx, world, ix) {
        return 0;
    }
    let spec = &cx.model.spot_pools[ix];
    match &spec.availability {
        Some(recorded) => recorded.capacity_at(cx.now()) - held(cx, world, ix),
        None => (spec.pool.hazard.survival_of_a_month() * 1e6) as u32,
    }
}

/// Returns how many instances groups have in a pool.
fn held(cx: &Cx, world: &World, supply: Ix<SpotSupply>) -> u32 {
    let of_supply = cx.model.pools.iter().filter(|(_, pool)| pool.spot == Some(supply));
    of_supply.map(|(ix, _)| world.pools[ix].held()).sum()
}

/// Somebody sits down in a slot: the next strike there is for them.
pub(super) fn slot_taken(cx: &mut Cx, world: &mut World, ix: Ix<CapacityPool>, number: u32) {
    let pool = &cx.model.pools[ix];
    let Some(supply) = pool.spot else { return };
    if cx.model.spot_pools[supply].availability.is_some() {
        return;
    }
    let market = &world.supplies[supply].market;
    let group = cx.model.auto_scaling_groups[pool.group].name.as_str();
    let slot = &mut world.pools[ix].slots[number as usize];
    let alone = slot.alone.get_or_insert_with(|| {
        let mut strikes = market.alone((group, number));
        let next = strikes.next();
        Box::new(AloneSlot { strikes, next, is_scheduled: false })
    });
    let now = cx.now();
    while alone.next.is_some_and(|strike| strike.noticed <= now) {
        alone.next = alone.strikes.next();
    }
    let Some(strike) = alone.next.filter(|_| !alone.is_scheduled) else { return };
    alone.is_scheduled = true;
    // Who came after the recommendation gets it with the notice.
    let at = if strike.recommended > now { strike.recommended } else { strike.noticed };
    cx.at(at, rank::ENDED, Event::StruckAlone(ix, number));
}

/// Whoever sits in a slot is struck alone: once, for nobody is left to be struck again.
pub(super) fn on_struck_alone(cx: &mut Cx, world: &mut World, ix: Ix<CapacityPool>, number: u32) {
    let slot = &mut world.pools[ix].slots[number as usize];
    let (Some(alone), occupant) = (&mut slot.alone, slot.occupant) else { return };
    alone.is_scheduled = false;
    let (Some(strike), Some(instance)) = (alone.next, occupant) else { return };
    on_interruption(cx, world, instance, Interruption::Recommended);
    cx.at(strike.noticed, rank::ENDED, noticed(instance));
}

/// An interruption goes on, unless its instance is gone.
pub(super) fn on_interruption(
    cx: &mut Cx,
    world: &mut World,
    instance: Id<Instance>,
    step: Interruption,
) {
    if world.cluster.get(instance).is_none() {
        return;
    }
    match step {
        Interruption::Recommended => {
            if auto_scaling::warn(cx, world, instance) {
                cx.tell(world, Fact::SpotRebalanceRecommended { instance });
                auto_scaling::put_at_risk(cx, world, instance);
            }
        }
        Interruption::Noticed => {
            if auto_scaling::notice(cx, world, instance) {
                cx.tell(world, Fact::SpotInterruptionNotice { instance });
                let reclaimed = Event::Interruption(instance, Interruption::Reclaimed);
                cx.after(notice_of(cx, world, instance), rank::ENDED, reclaimed);
                auto_scaling::prepare_to_lose(cx, world, instance);
            }
        }
        Interruption::Reclaimed => auto_scaling::lose(cx, world, instance),
    }
}

/// Returns the time from the notice of an instance until it is gone.
fn notice_of(cx: &Cx, world: &World, instance: Id<Instance>) -> Span {
    let class = &cx.model.classes[world.cluster.instance(instance).class];
    class.spot.map_or(Span::ZERO, |supply| world.supplies[supply].market.notice())
}

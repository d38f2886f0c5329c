//! ECS Managed Instances: which instances are launched for tasks that wait, and which of those
//! there are could be done without.
//!
//! AWS says what it aims at, not how: the most cost-optimized types that meet the needs of the
//! tasks, several tasks on one instance, zones balanced before instances are full; and work moved
//! onto fewer or better fitting instances. Source: ECS Developer Guide, "Architect for Amazon ECS
//! Managed Instances", "auto scaling and task placement" and "infrastructure optimization".
//! Assumption: all that is decided here, namely that the tasks of a zone are packed, largest
//! first, onto instances of one type; that each instance then becomes the cheapest that holds what
//! is on it; and that of all types the one is chosen by which the whole costs least.

use std::cmp::Reverse;

use crate::units::{HourlyRate, Resources};

use super::reservation::{Room, WaitingGroup};

/// An instance that could be launched in a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What it offers to tasks.
    pub room: Room,
    /// What it costs.
    pub price: HourlyRate,
}

/// Tasks that need the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// What each needs, and how many there are.
    pub tasks: WaitingGroup,
    /// By position, which offers or rooms take it, whatever its size.
    pub takes: Vec<bool>,
}

/// An instance to be launched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// Position of its offer.
    pub offer: usize,
    /// How many tasks of each kind it is for.
    pub tasks: Vec<u32>,
}

/// Decides what to launch for tasks; those that fit no offer are left.
pub fn plan(kinds: &[Kind], offers: &[Offer]) -> Vec<Filled> {
    let mut planned = Vec::new();
    let mut left: Vec<Kind> = kinds.to_vec();
    left.iter_mut().filter(|kind| !fits_some(kind, offers)).for_each(|kind| kind.tasks.count = 0);
    // Kinds that the same offers take are planned together.
    while let Some(first) = left.iter().find(|kind| kind.tasks.count > 0) {
        let takes = first.takes.clone();
        let mut alike = left.clone();
        alike.iter_mut().filter(|it| it.takes != takes).for_each(|it| it.tasks.count = 0);
        left.iter_mut().filter(|it| it.takes == takes).for_each(|it| it.tasks.count = 0);
        planned.extend(together_or_apart(&alike, offers));
    }
    planned
}

/// Plans all kinds at once, or each by itself, whatever costs less.
fn together_or_apart(kinds: &[Kind], offers: &[Offer]) -> Vec<Filled> {
    let apart: Vec<Filled> = (0..kinds.len())
        .flat_map(|kind| {
            let mut alone = kinds.to_vec();
            let others = alone.iter_mut().enumerate().filter(|(other, _)| *other != kind);
            others.for_each(|(_, other)| other.tasks.count = 0);
            cheapest_of_one_type(&alone, offers).unwrap_or_default()
        })
        .collect();
    match cheapest_of_one_type(kinds, offers) {
        Some(together) if rank(&together, offers) <= rank(&apart, offers) => together,
        Some(_) | None => apart,
    }
}

/// What a plan costs, and how many instances it has; less is better.
fn rank(plan: &[Filled], offers: &[Offer]) -> (i64, usize) {
    let price = |filled: &Filled| offers[filled.offer].price.as_nanos_per_hour();
    (plan.iter().map(price).sum(), plan.len())
}

/// Packs all tasks onto each type in turn, makes each instance as small as it may be, and returns
/// what costs least; `None` if no type takes them all.
fn cheapest_of_one_type(kinds: &[Kind], offers: &[Offer]) -> Option<Vec<Filled>> {
    let packed = (0..offers.len()).filter_map(|offer| {
        let mut plan = pack(kinds, offers, offer)?;
        for filled in &mut plan {
            filled.offer = cheapest_for(kinds, &filled.tasks, offers).unwrap_or(offer);
        }
        Some(plan)
    });
    packed.min_by_key(|plan| rank(plan, offers))
}

/// Packs all tasks onto instances of one type, the largest first.
fn pack(kinds: &[Kind], offers: &[Offer], offer: usize) -> Option<Vec<Filled>> {
    let room = offers[offer].room;
    let mut left: Vec<u32> = kinds.iter().map(|kind| kind.tasks.count).collect();
    let takes = |kind: &Kind| kind.takes[offer] && kind.tasks.per_instance(&room) > 0;
    if !kinds.iter().all(|kind| kind.tasks.count == 0 || takes(kind)) {
        return None;
    }
    let order = largest_first(kinds, &room);
    let mut plan = Vec::new();
    while left.iter().any(|count| *count > 0) {
        let mut free = room;
        let mut tasks = vec![0; kinds.len()];
        for &kind in &order {
            let fits = kinds[kind].tasks.per_instance(&free).min(left[kind]);
            tasks[kind] = fits;
            left[kind] -= fits;
            free = without(free, &kinds[kind].tasks, fits);
        }
        plan.push(Filled { offer, tasks });
    }
    Some(plan)
}

/// Returns positions of kinds, those first of which a task takes most of a room.
fn largest_first(kinds: &[Kind], room: &Room) -> Vec<usize> {
    let part = |need: u32, has: u32| u64::from(need) * 1_000_000 / u64::from(has.max(1));
    let size = |kind: &Kind| {
        let (need, has) = (kind.tasks.resources, room.resources);
        let parts = [
            part(need.gpus, has.gpus),
            part(need.cpu_units, has.cpu_units),
            part(need.memory_mib, has.memory_mib),
        ];
        parts.into_iter().max().unwrap_or(0)
    };
    let mut order: Vec<usize> = (0..kinds.len()).collect();
    order.sort_by_key(|&kind| (Reverse(size(&kinds[kind])), kind));
    order
}

/// Returns what is left of a room when so many tasks that fit are in it.
pub fn without(room: Room, tasks: &WaitingGroup, count: u32) -> Room {
    let (has, need) = (room.resources, tasks.resources);
    let less = |has: u32, need: u32| has.saturating_sub(need.saturating_mul(count));
    Room {
        resources: Resources {
            cpu_units: less(has.cpu_units, need.cpu_units),
            memory_mib: less(has.memory_mib, need.memory_mib),
            gpus: less(has.gpus, need.gpus),
        },
        task_enis: less(room.task_enis, u32::from(tasks.awsvpc)),
    }
}

fn fits_some(kind: &Kind, offers: &[Offer]) -> bool {
    let mut takes = offers.iter().zip(&kind.takes);
    takes.any(|(offer, takes)| *takes && kind.tasks.per_instance(&offer.room) > 0)
}

/// Returns the cheapest offer that holds so many tasks of each kind together.
pub fn cheapest_for(kinds: &[Kind], tasks: &[u32], offers: &[Offer]) -> Option<usize> {
    let holds = |&offer: &usize| {
        let mut free = offers[offer].room;
        kinds.iter().zip(tasks).filter(|(_, count)| **count > 0).all(|(kind, &count)| {
            let fits = kind.takes[offer] && kind.tasks.per_instance(&free) >= count;
            free = without(free, &kind.tasks, count);
            fits
        })
    };
    (0..offers.len()).filter(holds).min_by_key(|&offer| (offers[offer].price, offer))
}

/// Says whether all tasks fit into rooms that are there already.
pub fn fit_elsewhere(kinds: &[Kind], rooms: &[Room]) -> bool {
    let mut free = rooms.to_vec();
    let Some(largest) = rooms.iter().max_by_key(|room| room.resources.cpu_units) else {
        return kinds.iter().all(|kind| kind.tasks.count == 0);
    };
    largest_first(kinds, largest).into_iter().all(|position| {
        let kind = &kinds[position];
        let mut left = kind.tasks.count;
        for (room, takes) in free.iter_mut().zip(&kind.takes) {
            let fits = if *takes { kind.tasks.per_instance(room).min(left) } else { 0 };
            left -= fits;
            *room = without(*room, &kind.tasks, fits);
        }
        left == 0
    })
}

#[cfg(test)]
mod tests {
    use super::super::dice;
    use super::*;

    fn offer(cpu_units: u32, memory_mib: u32, price: i64) -> Offer {
        let resources = Resources { cpu_units, memory_mib, gpus: 0 };
        let room = Room { resources, task_enis: 100 };
        Offer { room, price: HourlyRate::nanos_per_hour(price) }
    }

    fn kind(cpu_units: u32, memory_mib: u32, count: u32, offers: usize) -> Kind {
        let resources = Resources { cpu_units, memory_mib, gpus: 0 };
        let tasks = WaitingGroup { resources, awsvpc: false, alone: false, count };
        Kind { tasks, takes: vec![true; offers] }
    }

    fn cost(plan: &[Filled], offers: &[Offer]) -> i64 {
        rank(plan, offers).0
    }

    /// Checks that all tasks are in the plan and that each instance holds what it is for.
    fn check_sound(plan: &[Filled], kinds: &[Kind], offers: &[Offer]) {
        for (position, kind) in kinds.iter().enumerate() {
            let placed: u32 = plan.iter().map(|filled| filled.tasks[position]).sum();
            assert_eq!(placed, kind.tasks.count);
        }
        for filled in plan {
            let sum = |of: fn(&Resources) -> u32| -> u32 {
                kinds.iter().zip(&filled.tasks).map(|(it, n)| of(&it.tasks.resources) * n).sum()
            };
            let has = offers[filled.offer].room.resources;
            assert!(sum(|it| it.cpu_units) <= has.cpu_units);
            assert!(sum(|it| it.memory_mib) <= has.memory_mib);
            assert!(filled.tasks.iter().sum::<u32>() > 0, "none is launched for nothing");
        }
    }

    /// The least that any set of instances costs which holds the tasks: by trying every one.
    fn least_cost(sizes: &[u32], offers: &[Offer]) -> i64 {
        fn go(sizes: &[u32], bins: &mut Vec<u32>, offers: &[Offer], best: &mut i64) {
            let Some((&size, rest)) = sizes.split_first() else {
                let price = |load: &u32| {
                    let holds = offers.iter().filter(|it| it.room.resources.cpu_units >= *load);
                    holds.map(|it| it.price.as_nanos_per_hour()).min().unwrap_or(i64::MAX / 100)
                };
                *best = bins.iter().map(price).sum::<i64>().min(*best);
                return;
            };
            for bin in 0..bins.len() {
                bins[bin] += size;
                go(rest, bins, offers, best);
                bins[bin] -= size;
            }
            bins.push(size);
            go(rest, bins, offers, best);
            bins.pop();
        }
        let mut best = i64::MAX;
        go(sizes, &mut Vec::new(), offers, &mut best);
        best
    }

    #[test]
    fn one_task_gets_the_cheapest_type_that_holds_it() {
        for case in 0..300 {
            let mut dice = dice(case);
            let offers: Vec<Offer> = (0..1 + dice(8))
                .map(|_| offer(1 + dice(16), 1 + dice(32), 1 + i64::from(dice(20))))
                .collect();
            let one = kind(1 + dice(12), 1 + dice(24), 1, offers.len());
            let need = one.tasks.resources;
            let by_hand = offers.iter().filter(|it| it.room.resources.fits(&need));
            let by_hand = by_hand.map(|it| it.price).min();
            let found = plan(std::slice::from_ref(&one), &offers);
            let found = found.first().map(|it| offers[it.offer].price);
            assert_eq!(found, by_hand, "case {case}");
        }
    }

    /// AWS's own prices: sizes of a family cost in proportion.
    #[test]
    fn in_proportional_catalogues_a_plan_of_equal_tasks_costs_least() {
        for case in 0..200 {
            let mut dice = dice(case);
            let offers: Vec<Offer> =
                [1, 2, 4, 8].map(|it| offer(it * 8, u32::MAX, i64::from(it) * 100)).to_vec();
            let (size, count) = (1 + dice(16), 1 + dice(6));
            let kinds = [kind(size, 0, count, offers.len())];
            let found = plan(&kinds, &offers);
            check_sound(&found, &kinds, &offers);
            let least = least_cost(&vec![size; count as usize], &offers);
            assert_eq!(cost(&found, &offers), least, "{count} of {size}, case {case}");
        }
    }

    #[test]
    fn in_any_catalogue_a_plan_costs_little_more_than_the_least() {
        let (mut found_sum, mut least_sum) = (0, 0);
        for case in 0..300 {
            let mut dice = dice(case);
            let offers: Vec<Offer> = (0..1 + dice(4))
                .map(|_| offer(8 + dice(24), u32::MAX, 50 + i64::from(dice(200))))
                .collect();
            let mut sizes = Vec::new();
            let kinds: Vec<Kind> = (0..1 + dice(3))
                .map(|_| {
                    let (size, count) = (1 + dice(8), 1 + dice(2));
                    sizes.extend(std::iter::repeat_n(size, count as usize));
                    kind(size, 0, count, offers.len())
                })
                .collect();
            let found = plan(&kinds, &offers);
            check_sound(&found, &kinds, &offers);
            let (found, least) = (cost(&found, &offers), least_cost(&sizes, &offers));
            assert!(found >= least, "case {case}: nothing is cheaper than the least");
            assert!(2 * found <= 3 * least, "case {case}: {found} of {least}");
            (found_sum, least_sum) = (found_sum + found, least_sum + least);
        }
        assert!(100 * found_sum <= 102 * least_sum, "on average: {found_sum} of {least_sum}");
    }

    #[test]
    fn tasks_that_no_offer_takes_are_left_and_do_not_hold_up_others() {
        let offers = [offer(1024, 4096, 10), offer(4096, 8192, 30)];
        let mut arm = kind(512, 512, 3, 2);
        arm.takes = vec![false, false];
        let huge = kind(8192, 1, 1, 2);
        let small = kind(512, 512, 2, 2);
        let found = plan(&[arm, huge, small], &offers);
        assert_eq!(found, [Filled { offer: 0, tasks: vec![0, 0, 2] }]);
        assert_eq!(plan(&[], &offers), []);
    }

    #[test]
    fn tasks_that_stand_alone_have_an_instance_each() {
        let offers = [offer(4096, 8192, 30), offer(1024, 2048, 10)];
        let mut alone = kind(256, 256, 3, 2);
        alone.tasks.alone = true;
        let found = plan(&[alone], &offers);
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|it| (it.offer, it.tasks[0]) == (1, 1)));
    }

    #[test]
    fn network_interfaces_limit_how_many_tasks_an_instance_holds() {
        let mut offers = [offer(65_536, 65_536, 30)];
        offers[0].room.task_enis = 2;
        let mut awsvpc = kind(256, 256, 5, 1);
        awsvpc.tasks.awsvpc = true;
        let found: Vec<u32> = plan(&[awsvpc], &offers).iter().map(|it| it.tasks[0]).collect();
        assert_eq!(found, [2, 2, 1]);
    }

    #[test]
    fn a_task_with_a_gpu_does_not_make_others_pay_for_gpus() {
        let mut gpu = offer(4096, 16_384, 500);
        gpu.room.resources.gpus = 1;
        let offers = [offer(4096, 16_384, 100), gpu];
        let mut heavy = kind(4096, 1024, 1, 2);
        heavy.tasks.resources.gpus = 1;
        let found = plan(&[heavy, kind(1024, 1024, 8, 2)], &offers);
        let mut types: Vec<usize> = found.iter().map(|it| it.offer).collect();
        types.sort_unstable();
        assert_eq!(types, [0, 0, 1]);
    }

    #[test]
    fn work_fits_elsewhere_only_as_a_whole() {
        let rooms = [offer(1024, 1024, 0).room, offer(512, 1024, 0).room];
        let fits = |count| fit_elsewhere(&[kind(512, 128, count, 2)], &rooms);
        assert!(fits(3) && !fits(4));
        let mut choosy = kind(512, 128, 2, 2);
        choosy.takes = vec![false, true];
        assert!(!fit_elsewhere(&[choosy], &rooms));
        assert!(!fit_elsewhere(&[kind(1, 1, 1, 0)], &[]));
    }
}

//! The plain scan: looks at every instance. Slow, obvious, and the judge of whatever is faster.

use std::cmp::Ordering;

use smallvec::SmallVec;

use crate::engine::{Id, Purpose};

use super::super::World;
use super::super::cluster::Instance;
use super::super::model::{Model, PlacementStrategy};
use super::{Ask, check, group_on_value};

const RANDOM_PLACEMENT: Purpose = Purpose::new("random placement");

/// How an instance ranks: a number for each rule of the strategy, smaller is better.
type Ranking = SmallVec<[u32; 6]>;

/// Chooses among the instances that pass the filters: each rule keeps its best tier, the next
/// rule chooses within it.
///
/// What is equal by all rules goes to the instance with fewest tasks of the group, as the default
/// strategy documents it, then to the one registered first (Assumption).
pub(super) fn choose(model: &Model, world: &World, ask: &Ask) -> Option<Id<Instance>> {
    let launch = &model.launches[ask.launch];
    let random = launch.strategy.iter().position(|rule| *rule == PlacementStrategy::Random);
    let rules = &launch.strategy[..random.unwrap_or(launch.strategy.len())];
    let mut best: Option<(Ranking, Id<Instance>)> = None;
    let mut equal = 0;
    for instance in check::candidates(model, world, ask) {
        if check::failure(model, world, ask, instance).is_some() {
            continue;
        }
        let mut ranking: Ranking =
            rules.iter().map(|rule| rank(model, world, ask, (rule, instance))).collect();
        if random.is_none() {
            ranking.push(world.cluster.group_on_instance(launch.group, instance));
        }
        match best.as_ref().map_or(Ordering::Less, |(other, _)| ranking.cmp(other)) {
            Ordering::Less => {
                equal = 1;
                best = Some((ranking, instance));
            }
            Ordering::Equal => equal += 1,
            Ordering::Greater => {}
        }
    }
    let (ranking, first) = best?;
    if random.is_none() {
        return Some(first);
    }
    let nth = ask.luck.below(RANDOM_PLACEMENT, equal) as usize;
    check::candidates(model, world, ask)
        .filter(|&instance| check::failure(model, world, ask, instance).is_none())
        .filter(|&instance| {
            rules.iter().map(|rule| rank(model, world, ask, (rule, instance))).eq(ranking.clone())
        })
        .nth(nth)
}

fn rank(
    model: &Model,
    world: &World,
    ask: &Ask,
    (rule, instance): (&PlacementStrategy, Id<Instance>),
) -> u32 {
    let group = model.launches[ask.launch].group;
    let host: &Instance = world.cluster.instance(instance);
    match rule {
        PlacementStrategy::BinpackCpu => host.remaining().cpu_units,
        PlacementStrategy::BinpackMemory => host.remaining().memory_mib,
        PlacementStrategy::SpreadInstance => world.cluster.group_on_instance(group, instance),
        PlacementStrategy::SpreadAttribute(name) => {
            group_on_value(model, &world.cluster, (group, name), host.class)
        }
        PlacementStrategy::Random => 0,
    }
}

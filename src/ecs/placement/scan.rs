//! The plain scan: looks at every instance. Slow, obvious, and the judge of whatever is faster.

use std::cmp::Ordering;

use smallvec::SmallVec;

use crate::engine::{Id, Ix};

use super::super::cluster::Instance;
use super::super::model::{PlacementStrategy, Zone};
use super::{Ask, RANDOM_PLACEMENT, View, check, group_on_value};

/// How an instance ranks: a number for each rule of the strategy, smaller is better.
type Ranking = SmallVec<[u32; 6]>;

/// Chooses among the instances that pass the filters: each rule keeps its best tier, the next
/// rule chooses within it.
///
/// What is equal by all rules goes to the instance with fewest tasks of the group, as the default
/// strategy documents it, then to the one registered first (Assumption).
pub(super) fn choose(view: &View, ask: &Ask) -> Option<Id<Instance>> {
    choose_in(view, ask, None)
}

/// Chooses like [`choose`], in one zone only if it is given.
pub(super) fn choose_in(view: &View, ask: &Ask, zone: Option<Ix<Zone>>) -> Option<Id<Instance>> {
    let fits = |&instance: &Id<Instance>| {
        let here = view.model.classes[view.cluster.instance(instance).class].zone;
        zone.is_none_or(|zone| zone == here) && check::failure(view, ask, instance).is_none()
    };
    let launch = &view.model.launches[ask.launch];
    let random = launch.strategy.iter().position(|rule| *rule == PlacementStrategy::Random);
    let rules = &launch.strategy[..random.unwrap_or(launch.strategy.len())];
    let mut best: Option<(Ranking, Id<Instance>)> = None;
    let mut equal = 0;
    for instance in check::candidates(view, ask).filter(fits) {
        let mut ranking: Ranking =
            rules.iter().map(|rule| rank(view, ask, (rule, instance))).collect();
        if random.is_none() {
            ranking.push(view.cluster.group_on_instance(launch.group, instance));
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
    check::candidates(view, ask)
        .filter(fits)
        .filter(|&instance| {
            rules.iter().map(|rule| rank(view, ask, (rule, instance))).eq(ranking.iter().copied())
        })
        .nth(nth)
}

fn rank(view: &View, ask: &Ask, (rule, instance): (&PlacementStrategy, Id<Instance>)) -> u32 {
    let group = view.model.launches[ask.launch].group;
    let host = view.cluster.instance(instance);
    match rule {
        PlacementStrategy::BinpackCpu => host.remaining().cpu_units,
        PlacementStrategy::BinpackMemory => host.remaining().memory_mib,
        PlacementStrategy::SpreadInstance => view.cluster.group_on_instance(group, instance),
        PlacementStrategy::SpreadAttribute(name) => {
            group_on_value(view.cluster, (group, name), host.class)
        }
        PlacementStrategy::Random => 0,
    }
}

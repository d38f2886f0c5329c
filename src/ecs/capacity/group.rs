//! What an Auto Scaling group launches next: in which zone, bought how, of which type.
//!
//! First the purchase option, so that the split holds; then the zone, so that zones are balanced;
//! then the allocation strategy chooses among the pools of that zone. Source: Amazon EC2 Auto
//! Scaling User Guide, "Auto Scaling groups with multiple instance types and purchase options"
//! and "Distribute instances across Availability Zones".

use std::collections::BTreeMap;

use super::super::model::Zone;
use crate::engine::{Ix, Luck, Purpose};
use crate::units::{HourlyRate, SimTime};

const ZONE: Purpose = Purpose::new("zone of the next launch");

/// How a group decides about launches and terminations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPolicy {
    /// The enabled zones.
    pub zones: Vec<Ix<Zone>>,
    /// What happens where the next zone has no capacity.
    pub capacity_distribution: CapacityDistribution,
    /// `OnDemandBaseCapacity`: the first instances, which are On-Demand; AWS's default is 0.
    pub on_demand_base_capacity: u32,
    /// `OnDemandPercentageAboveBaseCapacity`, 0 to 100; AWS's default is 100.
    pub on_demand_percentage_above_base_capacity: u32,
    /// Which On-Demand pools are preferred.
    pub on_demand_allocation_strategy: OnDemandStrategy,
    /// Which Spot pools are preferred.
    pub spot_allocation_strategy: SpotStrategy,
    /// Which instances go first, in the order in which the policies apply.
    pub termination_policies: Vec<TerminationPolicy>,
}

/// `CapacityDistributionStrategy`: what a failed launch in a zone means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CapacityDistribution {
    /// Another zone is tried.
    #[default]
    BalancedBestEffort,
    /// The same zone is tried again, however long that takes.
    BalancedOnly,
}

/// How an instance is bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PurchaseOption {
    /// For as long as one likes.
    OnDemand,
    /// Cheaper, and may be interrupted.
    Spot,
}

/// `OnDemandAllocationStrategy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDemandStrategy {
    /// The first type of the list that can be had.
    #[default]
    Prioritized,
    /// The cheapest.
    LowestPrice,
}

/// `SpotAllocationStrategy`.
///
/// AWS does not publish how capacity is measured, nor how much of it is weighed against price or
/// priority. Assumption: a pool has a score, and one with at least `enough_percent` of the best
/// score in its zone has enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpotStrategy {
    /// Evenly over the cheapest pools of a zone; AWS's default, with two pools.
    LowestPrice {
        /// `SpotInstancePools`, 1 to 20.
        pools: u32,
    },
    /// The pool with the most capacity.
    CapacityOptimized,
    /// Among pools with enough capacity the first of the list.
    CapacityOptimizedPrioritized {
        /// Percent of the best score.
        enough_percent: u32,
    },
    /// Among pools with enough capacity the cheapest; what AWS recommends.
    PriceCapacityOptimized {
        /// Percent of the best score.
        enough_percent: u32,
    },
}

/// A termination policy; `scale_in.rs` has the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminationPolicy {
    /// Allocation strategy, then oldest template or configuration, then the instance hour.
    Default,
    /// Those of the pools that the allocation strategy likes least.
    AllocationStrategy,
    /// Those of another launch template, then those of the oldest version.
    OldestLaunchTemplate,
    /// Those of the oldest launch configuration.
    OldestLaunchConfiguration,
    /// Those whose next full hour is closest.
    ClosestToNextInstanceHour,
    /// Those launched last.
    NewestInstance,
    /// Those launched first.
    OldestInstance,
}

/// An instance of the group, pending or in service; those terminating are not members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its number in the group, different for each: ties by chance do not depend on their order.
    pub number: u32,
    /// Its zone.
    pub zone: Ix<Zone>,
    /// How it was bought.
    pub purchase_option: PurchaseOption,
    /// Position of its type in the group's list.
    pub instance_type: u32,
    /// When it was launched.
    pub launched: SimTime,
    /// From what.
    pub launched_from: LaunchedFrom,
    /// Whether it is protected from scale-in.
    pub protected: bool,
    /// Whether it passes its health checks.
    pub healthy: bool,
}

/// What an instance was launched from; what is to go first is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LaunchedFrom {
    /// A launch configuration: how many there were before.
    Configuration(u32),
    /// A launch template that is not the group's any more.
    OtherTemplate,
    /// A version of the group's launch template.
    Template(u32),
}

/// A pool of capacity: a type in a zone, bought in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// The zone.
    pub zone: Ix<Zone>,
    /// How it is bought.
    pub purchase_option: PurchaseOption,
    /// Position of the type in the group's list: its priority.
    pub instance_type: u32,
    /// The price of an instance now.
    pub price: HourlyRate,
    /// How much capacity there is, in any measure that grows with it.
    pub capacity: u32,
    /// Whether a launch in it has just failed, or its price is above the maximum price.
    pub refused: bool,
}

/// What a group sees when it decides.
#[derive(Clone, Copy, Debug)]
pub struct GroupView<'a> {
    /// Its instances.
    pub members: &'a [Member],
    /// Where it may launch: each zone, type and purchase option at most once.
    pub pools: &'a [Pool],
    /// The instant.
    pub now: SimTime,
}

/// How many instances of a group there are where, for whoever launches thousands of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    total: u32,
    on_demand: u32,
    zones: BTreeMap<Ix<Zone>, u32>,
    pools: BTreeMap<PoolKey, u32>,
}

/// What pools are told by: zone, purchase option, position of the type.
pub type PoolKey = (Ix<Zone>, PurchaseOption, u32);

/// Instances to be launched in one zone before as many are terminated in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebalancing {
    /// Where they are terminated.
    pub from: Ix<Zone>,
    /// Where they are launched.
    pub to: Ix<Zone>,
    /// How many.
    pub count: u32,
}

/// How a pool stands with an allocation strategy; less is better.
pub(super) type Standing = (u8, i64);

impl GroupPolicy {
    /// Makes the policy of a group in these zones for which nothing else is said: AWS's defaults.
    pub fn of_zones(zones: Vec<Ix<Zone>>) -> GroupPolicy {
        GroupPolicy {
            zones,
            capacity_distribution: CapacityDistribution::default(),
            on_demand_base_capacity: 0,
            on_demand_percentage_above_base_capacity: 100,
            on_demand_allocation_strategy: OnDemandStrategy::default(),
            spot_allocation_strategy: SpotStrategy::LowestPrice { pools: 2 },
            termination_policies: vec![TerminationPolicy::Default],
        }
    }

    /// Returns how many of so many instances are On-Demand: the base, and of those above it a
    /// percentage, rounded up.
    pub fn on_demand_of(&self, total: u32) -> u32 {
        let base = self.on_demand_base_capacity.min(total);
        let percent = u64::from(self.on_demand_percentage_above_base_capacity.min(100));
        let above = (u64::from(total - base) * percent).div_ceil(100);
        base + u32::try_from(above).unwrap_or(u32::MAX)
    }

    /// Says whether it buys in this way at all.
    pub fn buys(&self, option: PurchaseOption) -> bool {
        let percent = self.on_demand_percentage_above_base_capacity;
        match option {
            PurchaseOption::OnDemand => self.on_demand_base_capacity > 0 || percent > 0,
            PurchaseOption::Spot => percent < 100,
        }
    }

    /// Returns how the next instance is bought.
    pub fn next_option(&self, there: &Census) -> PurchaseOption {
        if there.on_demand < self.on_demand_of(there.total.saturating_add(1)) {
            PurchaseOption::OnDemand
        } else {
            PurchaseOption::Spot
        }
    }

    /// Returns the position of the pool in which the next instance is launched; each zone, type
    /// and purchase option is there at most once.
    ///
    /// `None`: every pool that might be has refused. A launch that then fails is told by marking
    /// its pool as refused and asking again. There is no spill-over between On-Demand and Spot.
    pub fn next_launch(&self, there: &Census, pools: &[Pool], luck: Luck) -> Option<usize> {
        let option = self.next_option(there);
        let zone = self.next_zone((there, pools), option, luck)?;
        let open =
            |pool: &Pool| pool.zone == zone && pool.purchase_option == option && !pool.refused;
        let peers: Vec<&Pool> = pools.iter().filter(|pool| open(pool)).collect();
        let by_standing = |(_, pool): &(usize, &Pool)| {
            (self.standing(pool, &peers, there), pool.price, pool.instance_type)
        };
        let candidates = pools.iter().enumerate().filter(|(_, pool)| open(pool));
        candidates.min_by_key(by_standing).map(|(position, _)| position)
    }

    /// Returns the enabled zone with the fewest instances; after a failure there, another.
    ///
    /// Assumption: among several with the fewest, chance decides.
    fn next_zone(
        &self,
        (there, pools): (&Census, &[Pool]),
        option: PurchaseOption,
        luck: Luck,
    ) -> Option<Ix<Zone>> {
        let is_open = |zone: Ix<Zone>| {
            let of_zone = |pool: &&Pool| pool.zone == zone && pool.purchase_option == option;
            pools.iter().filter(of_zone).any(|pool| !pool.refused)
        };
        let tries = |zone: Ix<Zone>| match self.capacity_distribution {
            CapacityDistribution::BalancedBestEffort => is_open(zone),
            CapacityDistribution::BalancedOnly => true,
        };
        let count = |zone: Ix<Zone>| there.in_zone(zone);
        let tried = || self.zones.iter().copied().filter(|&zone| tries(zone));
        let fewest = tried().map(count).min()?;
        let tied: Vec<Ix<Zone>> =
            tried().filter(|&zone| count(zone) == fewest && is_open(zone)).collect();
        choose(&tied, ZONE, luck).copied()
    }

    /// Says how a pool stands among its peers, those of the same zone and purchase option.
    pub(super) fn standing(&self, pool: &Pool, peers: &[&Pool], there: &Census) -> Standing {
        let price = pool.price.as_nanos_per_hour();
        let priority = i64::from(pool.instance_type);
        let has_enough = |percent: u32| {
            let best = peers.iter().map(|peer| peer.capacity).max().unwrap_or(0);
            u64::from(pool.capacity) * 100 >= u64::from(best) * u64::from(percent)
        };
        match (pool.purchase_option, self.spot_allocation_strategy) {
            (PurchaseOption::OnDemand, _) => match self.on_demand_allocation_strategy {
                OnDemandStrategy::Prioritized => (0, priority),
                OnDemandStrategy::LowestPrice => (0, price),
            },
            (PurchaseOption::Spot, SpotStrategy::LowestPrice { pools }) => {
                let cheaper = |peer: &&&Pool| {
                    (peer.price, peer.instance_type) < (pool.price, pool.instance_type)
                };
                if peers.iter().filter(cheaper).count() < pools.max(1) as usize {
                    (0, i64::from(there.in_pool(pool.key())))
                } else {
                    (1, price)
                }
            }
            (PurchaseOption::Spot, SpotStrategy::CapacityOptimized) => {
                (0, -i64::from(pool.capacity))
            }
            (
                PurchaseOption::Spot,
                SpotStrategy::CapacityOptimizedPrioritized { enough_percent },
            ) => (u8::from(!has_enough(enough_percent)), priority),
            (PurchaseOption::Spot, SpotStrategy::PriceCapacityOptimized { enough_percent }) => {
                (u8::from(!has_enough(enough_percent)), price)
            }
        }
    }

    /// Returns which instances should move to another zone, if zones are not balanced.
    ///
    /// Launches come before terminations, and the group may have more than its maximum size
    /// meanwhile: by 10 % or one instance, whichever is more (Amazon EC2 Auto Scaling User Guide,
    /// "Rebalancing activities"). Assumption: the 10 % are rounded down; zones are not balanced
    /// if their counts differ by two or more, or if a zone is not enabled any more. What is
    /// protected from scale-in stays. It is not for a group that still has launches or
    /// terminations to do.
    pub fn rebalancing(&self, view: GroupView, max_size: u32) -> Option<Rebalancing> {
        let members = view.members;
        let is_open = |zone: Ix<Zone>| view.pools.iter().any(|it| it.zone == zone && !it.refused);
        let there = Census::of(members);
        let count = |zone: Ix<Zone>| there.in_zone(zone);
        let open = self.zones.iter().copied().filter(|&zone| is_open(zone));
        let to = open.min_by_key(|&zone| (count(zone), zone))?;
        let is_left = |zone: Ix<Zone>| !self.zones.contains(&zone);
        let movable = members.iter().filter(|it| !it.protected && it.zone != to).map(|it| it.zone);
        let from = movable.max_by_key(|&zone| (is_left(zone), count(zone), zone))?;
        let uneven =
            if is_left(from) { count(from) } else { count(from).saturating_sub(count(to)) / 2 };
        let free = |it: &&Member| it.zone == from && !it.protected;
        let free = u32::try_from(members.iter().filter(free).count()).unwrap_or(u32::MAX);
        let most = max_size.saturating_add((max_size / 10).max(1));
        let count = uneven.min(free).min(most.saturating_sub(there.total));
        (count > 0).then_some(Rebalancing { from, to, count })
    }
}

impl Census {
    /// Counts the instances of a group.
    pub fn of(members: &[Member]) -> Census {
        let mut census = Census::default();
        members.iter().for_each(|member| census.add(member.key()));
        census
    }

    /// Counts one more.
    pub fn add(&mut self, pool: PoolKey) {
        self.total += 1;
        self.on_demand += u32::from(pool.1 == PurchaseOption::OnDemand);
        *self.zones.entry(pool.0).or_default() += 1;
        *self.pools.entry(pool).or_default() += 1;
    }

    /// Counts one fewer; it was counted.
    pub fn remove(&mut self, pool: PoolKey) {
        self.total -= 1;
        self.on_demand -= u32::from(pool.1 == PurchaseOption::OnDemand);
        *self.zones.entry(pool.0).or_default() -= 1;
        *self.pools.entry(pool).or_default() -= 1;
    }

    /// Returns how many there are.
    pub fn total(&self) -> u32 {
        self.total
    }

    /// Returns how many are On-Demand.
    pub fn on_demand(&self) -> u32 {
        self.on_demand
    }

    /// Returns how many are in a zone.
    pub fn in_zone(&self, zone: Ix<Zone>) -> u32 {
        self.zones.get(&zone).copied().unwrap_or(0)
    }

    /// Returns how many come from a pool.
    pub fn in_pool(&self, pool: PoolKey) -> u32 {
        self.pools.get(&pool).copied().unwrap_or(0)
    }
}

impl Pool {
    /// Returns what it is told by.
    pub fn key(&self) -> PoolKey {
        (self.zone, self.purchase_option, self.instance_type)
    }
}

impl Member {
    /// Returns what its pool is told by.
    pub fn key(&self) -> PoolKey {
        (self.zone, self.purchase_option, self.instance_type)
    }
}

/// Returns how many instances a warm pool holds.
///
/// As many as are missing from the maximum size, or from `MaxGroupPreparedCapacity` where that is
/// given, but no less than its own minimum. Source: Amazon EC2 Auto Scaling User Guide, "Warm
/// pools for Amazon EC2 Auto Scaling".
pub fn warm_pool_size(
    desired_capacity: u32,
    max_size: u32,
    max_group_prepared_capacity: Option<u32>,
    min_size: u32,
) -> u32 {
    let prepared = max_group_prepared_capacity.unwrap_or(max_size);
    prepared.saturating_sub(desired_capacity).max(min_size)
}

/// Chooses one of several that are alike.
pub fn choose<T>(tied: &[T], purpose: Purpose, luck: Luck) -> Option<&T> {
    let count = u32::try_from(tied.len()).unwrap_or(u32::MAX);
    if count == 0 { None } else { tied.get(luck.below(purpose, count) as usize) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::dice;
    use super::*;
    use crate::engine::Seed;

    pub fn luck(part: u64) -> Luck {
        Seed { master: 7, replication: 0 }.luck("group").part(part)
    }

    pub fn zone(index: usize) -> Ix<Zone> {
        Ix::new(index)
    }

    pub fn count_in(members: &[Member], zone: Ix<Zone>) -> u32 {
        members.iter().filter(|member| member.zone == zone).count() as u32
    }

    pub fn member(number: u32, zone_index: usize) -> Member {
        Member {
            number,
            zone: zone(zone_index),
            purchase_option: PurchaseOption::OnDemand,
            instance_type: 0,
            launched: SimTime::ZERO,
            launched_from: LaunchedFrom::Template(1),
            protected: false,
            healthy: true,
        }
    }

    /// A group in two zones, all On-Demand.
    pub fn policy() -> GroupPolicy {
        GroupPolicy {
            zones: vec![zone(0), zone(1)],
            capacity_distribution: CapacityDistribution::BalancedBestEffort,
            on_demand_base_capacity: 0,
            on_demand_percentage_above_base_capacity: 100,
            on_demand_allocation_strategy: OnDemandStrategy::Prioritized,
            spot_allocation_strategy: SpotStrategy::LowestPrice { pools: 2 },
            termination_policies: vec![TerminationPolicy::Default],
        }
    }

    pub fn spot(strategy: SpotStrategy) -> GroupPolicy {
        GroupPolicy {
            on_demand_percentage_above_base_capacity: 0,
            spot_allocation_strategy: strategy,
            ..policy()
        }
    }

    /// Pools of one zone and option: their prices and scores, in order of priority.
    pub fn pools(zone_index: usize, option: PurchaseOption, types: &[(i64, u32)]) -> Vec<Pool> {
        let pool = |(instance_type, &(price, capacity)): (usize, &(i64, u32))| Pool {
            zone: zone(zone_index),
            purchase_option: option,
            instance_type: instance_type as u32,
            price: HourlyRate::nanos_per_hour(price),
            capacity,
            refused: false,
        };
        types.iter().enumerate().map(pool).collect()
    }

    /// Launches so many instances, one by one, and returns them.
    fn launch(policy: &GroupPolicy, pools: &[Pool], count: u32) -> Vec<Member> {
        let mut members = Vec::new();
        for number in 0..count {
            let there = Census::of(&members);
            let Some(position) = policy.next_launch(&there, pools, luck(u64::from(number))) else {
                break;
            };
            members.push(Member {
                purchase_option: pools[position].purchase_option,
                instance_type: pools[position].instance_type,
                zone: pools[position].zone,
                ..member(number, 0)
            });
        }
        members
    }

    fn types(members: &[Member]) -> Vec<u32> {
        members.iter().map(|it| it.instance_type).collect()
    }

    #[test]
    fn a_e94_to_a_e98_on_demand_is_the_base_and_a_share_above_it() {
        let check = |base, percent, expected: [u32; 4]| {
            let policy = GroupPolicy {
                on_demand_base_capacity: base,
                on_demand_percentage_above_base_capacity: percent,
                ..policy()
            };
            assert_eq!([10, 20, 30, 40].map(|total| policy.on_demand_of(total)), expected);
        };
        check(10, 50, [10, 15, 20, 25]); // A-E94
        check(0, 0, [0, 0, 0, 0]); // A-E95
        check(0, 60, [6, 12, 18, 24]); // A-E96
        check(12, 0, [10, 12, 12, 12]); // A-E98
        check(0, 1, [1, 1, 1, 1]); // rounded up
    }

    #[test]
    fn launching_one_by_one_keeps_the_split_at_every_size() {
        let both = [
            pools(0, PurchaseOption::OnDemand, &[(1, 1)]),
            pools(0, PurchaseOption::Spot, &[(1, 1)]),
        ]
        .concat();
        for (base, percent) in [(0, 0), (10, 50), (0, 60), (12, 0), (3, 1), (2, 99), (0, 100)] {
            let policy = GroupPolicy {
                on_demand_base_capacity: base,
                on_demand_percentage_above_base_capacity: percent,
                ..policy()
            };
            let members = launch(&policy, &both, 60);
            for total in 0..=60u32 {
                // The base first, then the least number that is no less than the share.
                let above = total.saturating_sub(base);
                let share = (0..).find(|it| it * 100 >= above * percent).unwrap();
                let expected = total.min(base) + share;
                assert_eq!(policy.on_demand_of(total), expected);
                let there = Census::of(&members[..total as usize]);
                assert_eq!(there.on_demand(), expected, "{base} {percent}");
            }
        }
    }

    #[test]
    fn the_next_launch_is_in_the_zone_with_the_fewest_instances() {
        let mut all: Vec<Pool> =
            [0, 1].map(|it| pools(it, PurchaseOption::OnDemand, &[(1, 1)])).concat();
        let members = [member(0, 0), member(1, 0), member(2, 1)];
        let next = |policy: &GroupPolicy, all: &[Pool], members: &[Member]| {
            policy
                .next_launch(&Census::of(members), all, luck(0))
                .map(|position| all[position].zone.index())
        };
        let only =
            GroupPolicy { capacity_distribution: CapacityDistribution::BalancedOnly, ..policy() };
        assert_eq!(next(&policy(), &all, &members), Some(1));
        all[1].refused = true;
        assert_eq!(next(&policy(), &all, &members), Some(0));
        assert_eq!(next(&only, &all, &members), None); // waits for that zone
        assert_eq!(next(&only, &all, &members[1..]), Some(0)); // balanced: either will do
        all[0].refused = true;
        assert_eq!(next(&policy(), &all, &members), None);
    }

    #[test]
    fn zones_with_equally_few_are_chosen_by_chance() {
        let all: Vec<Pool> =
            [0, 1].map(|it| pools(it, PurchaseOption::OnDemand, &[(1, 1)])).concat();
        let none = Census::default();
        let second = (0..1000).filter(|&it| policy().next_launch(&none, &all, luck(it)) == Some(1));
        // Four standard errors of 1000 tosses: 63.
        assert!((437..=563).contains(&second.count()));
    }

    #[test]
    fn on_demand_takes_the_first_of_the_list_or_the_cheapest() {
        let mut all = pools(0, PurchaseOption::OnDemand, &[(30, 1), (10, 9), (20, 9)]);
        let cheapest = GroupPolicy {
            on_demand_allocation_strategy: OnDemandStrategy::LowestPrice,
            ..policy()
        };
        assert_eq!(types(&launch(&policy(), &all, 2)), [0, 0]);
        assert_eq!(types(&launch(&cheapest, &all, 2)), [1, 1]);
        (all[0].refused, all[1].refused) = (true, true);
        assert_eq!(types(&launch(&policy(), &all, 1)), [2]);
        assert_eq!(types(&launch(&cheapest, &all, 1)), [2]);
    }

    #[test]
    fn a_e101_the_cheapest_pools_take_turns() {
        // Nano-dollars per unit: 2xlarge, 4xlarge, 12xlarge, 18xlarge, 24xlarge of c5.
        let units = [(180, 2), (341, 4), (779, 12), (1207, 18), (1555, 24)];
        let prices = units.map(|(milli, weight)| (milli * 1_000_000 / weight, 1));
        let mut all = pools(0, PurchaseOption::Spot, &prices);
        let two = spot(SpotStrategy::LowestPrice { pools: 2 });
        let one = spot(SpotStrategy::LowestPrice { pools: 1 });
        assert_eq!(types(&launch(&two, &all, 4)), [4, 2, 4, 2]);
        assert_eq!(types(&launch(&one, &all, 2)), [4, 4]);
        all[4].refused = true; // drawn on from the next cheapest
        assert_eq!(types(&launch(&two, &all, 3)), [2, 3, 2]);
    }

    #[test]
    fn a_e103_two_pools_are_the_two_cheapest_of_each_zone() {
        // Four types in four zones; which are cheap differs.
        let prices = |zone: i64| [0, 1, 2, 3].map(|it| (10 + (it + zone) % 4, 1));
        let of_zone = |it| pools(it, PurchaseOption::Spot, &prices(it as i64));
        let all: Vec<Pool> = [0, 1, 2, 3].map(of_zone).concat();
        assert_eq!(all.len(), 16);
        let four = GroupPolicy {
            zones: [0, 1, 2, 3].map(zone).to_vec(),
            ..spot(SpotStrategy::LowestPrice { pools: 2 })
        };
        let members = launch(&four, &all, 32);
        for (at, cheapest) in [[0, 1], [3, 0], [2, 3], [1, 2]].into_iter().enumerate() {
            let of = |it: u32| {
                members.iter().filter(|m| m.zone == zone(at) && m.instance_type == it).count()
            };
            assert_eq!(cheapest.map(of), [4, 4], "zone {at}");
            assert_eq!(count_in(&members, zone(at)), 8);
        }
    }

    #[test]
    fn spot_strategies_weigh_capacity_against_price_and_priority() {
        let all = pools(0, PurchaseOption::Spot, &[(40, 70), (20, 85), (30, 100), (10, 20)]);
        let first = |strategy| types(&launch(&spot(strategy), &all, 1));
        let enough_percent = 80;
        assert_eq!(first(SpotStrategy::CapacityOptimized), [2]);
        assert_eq!(first(SpotStrategy::CapacityOptimizedPrioritized { enough_percent }), [1]);
        assert_eq!(first(SpotStrategy::PriceCapacityOptimized { enough_percent }), [1]);
        let enough_percent = 70;
        assert_eq!(first(SpotStrategy::CapacityOptimizedPrioritized { enough_percent }), [0]);
        let enough_percent = 0;
        assert_eq!(first(SpotStrategy::PriceCapacityOptimized { enough_percent }), [3]);
    }

    #[test]
    fn a_e108_a_warm_pool_holds_what_is_missing() {
        assert_eq!(warm_pool_size(6, 10, None, 0), 4);
        assert_eq!(warm_pool_size(6, 10, Some(8), 0), 2);
        assert_eq!(warm_pool_size(6, 10, Some(8), 3), 3);
        assert_eq!(warm_pool_size(12, 10, None, 0), 0);
    }

    #[test]
    fn zones_that_differ_by_two_are_rebalanced_beyond_the_maximum_size_by_a_tenth() {
        let pools = [0, 1].map(|it| pools(it, PurchaseOption::OnDemand, &[(1, 1)])).concat();
        let check = |counts: [u32; 2], max_size, expected: Option<u32>| {
            let members: Vec<Member> =
                (0..counts[0] + counts[1]).map(|it| member(it, (it >= counts[0]).into())).collect();
            let view = GroupView { members: &members, pools: &pools, now: SimTime::ZERO };
            let found = policy().rebalancing(view, max_size);
            let (from, to) = if counts[0] > counts[1] { (0, 1) } else { (1, 0) };
            let (from, to) = (zone(from), zone(to));
            assert_eq!(found, expected.map(|count| Rebalancing { from, to, count }), "{counts:?}");
        };
        check([3, 3], 10, None);
        check([4, 3], 10, None);
        check([4, 2], 10, Some(1));
        check([0, 8], 100, Some(4));
        check([0, 8], 10, Some(3)); // 10 and one more
        check([0, 8], 8, Some(1));
        check([0, 40], 40, Some(4)); // 40 and a tenth
    }

    #[test]
    fn rebalancing_leaves_zones_that_are_not_enabled_and_what_is_protected() {
        let mut all = [0, 1].map(|it| pools(it, PurchaseOption::OnDemand, &[(1, 1)])).concat();
        let mut members = [0, 0, 0, 0, 1, 2, 2].map(|it| member(it as u32, it));
        let found = |members: &[Member], all: &[Pool]| {
            let view = GroupView { members, pools: all, now: SimTime::ZERO };
            policy().rebalancing(view, 20).map(|it| (it.from.index(), it.to.index(), it.count))
        };
        assert_eq!(found(&members, &all), Some((2, 1, 2)));
        members[5].protected = true;
        assert_eq!(found(&members, &all), Some((2, 1, 1)));
        members[6].protected = true;
        assert_eq!(found(&members, &all), Some((0, 1, 1)));
        all[1].refused = true; // the emptiest zone has no capacity
        assert_eq!(found(&members, &all), None);
    }

    #[test]
    fn moves_end_with_balanced_zones() {
        for case in 0..200 {
            let mut dice = dice(case);
            let zones = 1 + dice(4) as usize;
            let policy = GroupPolicy { zones: (0..zones).map(zone).collect(), ..policy() };
            let each = |it| pools(it, PurchaseOption::OnDemand, &[(1, 1)]);
            let pools: Vec<Pool> = (0..zones).flat_map(each).collect();
            let size = dice(40);
            let mut members: Vec<Member> =
                (0..size).map(|it| member(it, dice(zones as u32 + 1) as usize)).collect();
            for _ in 0..100 {
                let view = GroupView { members: &members, pools: &pools, now: SimTime::ZERO };
                let Some(it) = policy.rebalancing(view, size) else { break };
                assert!(size + it.count <= size + (size / 10).max(1));
                for _ in 0..it.count {
                    let moved = members.iter_mut().find(|member| member.zone == it.from).unwrap();
                    moved.zone = it.to;
                }
            }
            let counts: Vec<u32> =
                policy.zones.iter().map(|&zone| count_in(&members, zone)).collect();
            assert_eq!(counts.iter().sum::<u32>(), size, "case {case}: none is left outside");
            let spread = counts.iter().max().unwrap() - counts.iter().min().unwrap();
            assert!(spread <= 1, "case {case}: {counts:?}");
        }
    }
}

//! Which instances of an Auto Scaling group go when it has more than it should.
//!
//! Unhealthy ones first, whatever the policies. Then the purchase option of which there are too
//! many, the zones with the most instances, and among those the termination policies. Source:
//! Amazon EC2 Auto Scaling User Guide, "Working with Amazon EC2 Auto Scaling termination
//! policies".

use std::cmp::Reverse;

use super::group::{
    Census, GroupPolicy, GroupView, LaunchedFrom, Member, Pool, PurchaseOption, Standing,
    TerminationPolicy, choose,
};
use crate::engine::{Luck, Purpose};
use crate::units::{SimTime, Span};

const VICTIM: Purpose = Purpose::new("instance that is terminated");

/// Says how a member of a pool that the group does not list any more stands: worst.
const UNLISTED: Standing = (u8::MAX, 0);

impl GroupPolicy {
    /// Returns the positions of the members that go, in the order in which they are chosen.
    ///
    /// Fewer than `count` if all that are left are protected from scale-in: the desired capacity
    /// drops all the same, and the group asks again when a protection is lifted. Protection does
    /// not hold for the unhealthy.
    pub fn victims(&self, view: GroupView, count: u32, luck: Luck) -> Vec<usize> {
        let mut left = view.members.to_vec();
        let mut there = Census::of(&left);
        let mut positions: Vec<usize> = (0..left.len()).collect();
        let mut victims = Vec::new();
        for turn in 0..count {
            let view = GroupView { members: &left, ..view };
            let turn = luck.part(u64::from(turn));
            let Some(at) = self.victim(view, &there, turn) else { break };
            there.remove(left.remove(at).key());
            victims.push(positions.remove(at));
        }
        victims
    }

    fn victim(&self, view: GroupView, there: &Census, luck: Luck) -> Option<usize> {
        let members = view.members;
        let all = || members.iter().enumerate();
        let unhealthy = all().filter(|(_, member)| !member.healthy);
        if let Some((at, _)) = unhealthy.min_by_key(|(_, it)| (it.launched, it.number)) {
            return Some(at);
        }
        let mut candidates: Vec<usize> =
            all().filter(|(_, member)| !member.protected).map(|(at, _)| at).collect();
        let surplus = self.surplus_option(there);
        keep_least(&mut candidates, |at| members[at].purchase_option != surplus);
        // Assumption: a zone that is not enabled any more is left before others are balanced.
        keep_least(&mut candidates, |at| self.zones.contains(&members[at].zone));
        keep_least(&mut candidates, |at| Reverse(there.in_zone(members[at].zone)));
        for policy in &self.termination_policies {
            self.apply(*policy, (view, there), &mut candidates);
        }
        // Numbers, so that chance does not depend on the order of members. Assumption: chance
        // decides after every list of policies, as it does after the default one.
        candidates.sort_by_key(|&at| members[at].number);
        choose(&candidates, VICTIM, luck).copied()
    }

    /// Returns the purchase option of which one fewer moves the group towards its split.
    ///
    /// Assumption: if all of those are protected, the other goes.
    fn surplus_option(&self, there: &Census) -> PurchaseOption {
        if there.on_demand() > self.on_demand_of(there.total().saturating_sub(1)) {
            PurchaseOption::OnDemand
        } else {
            PurchaseOption::Spot
        }
    }

    /// Keeps those candidates that a policy prefers to terminate.
    fn apply(
        &self,
        policy: TerminationPolicy,
        (view, there): (GroupView, &Census),
        candidates: &mut Vec<usize>,
    ) {
        let seen = (view, there);
        let member = |at: usize| &view.members[at];
        match policy {
            TerminationPolicy::Default => {
                self.apply(TerminationPolicy::AllocationStrategy, seen, candidates);
                // Those of a launch configuration are before all templates.
                self.apply(TerminationPolicy::OldestLaunchTemplate, seen, candidates);
                self.apply(TerminationPolicy::ClosestToNextInstanceHour, seen, candidates);
            }
            TerminationPolicy::AllocationStrategy => {
                let standings = self.standings(view.pools, there);
                keep_least(candidates, |at| {
                    let known = standings.iter().find(|(pool, _)| member(at).key() == pool.key());
                    Reverse(known.map_or(UNLISTED, |(_, standing)| *standing))
                });
            }
            TerminationPolicy::OldestLaunchTemplate => {
                keep_least(candidates, |at| member(at).launched_from);
            }
            TerminationPolicy::OldestLaunchConfiguration => {
                keep_least(candidates, |at| match member(at).launched_from {
                    LaunchedFrom::Configuration(age) => (0, age),
                    LaunchedFrom::OtherTemplate | LaunchedFrom::Template(_) => (1, 0),
                });
            }
            TerminationPolicy::ClosestToNextInstanceHour => {
                keep_least(candidates, |at| until_full_hour(member(at), view.now));
            }
            TerminationPolicy::NewestInstance => {
                keep_least(candidates, |at| Reverse(member(at).launched));
            }
            TerminationPolicy::OldestInstance => keep_least(candidates, |at| member(at).launched),
        }
    }

    /// Says how each pool stands among those of its zone and purchase option.
    fn standings<'a>(&self, pools: &'a [Pool], there: &Census) -> Vec<(&'a Pool, Standing)> {
        let standing = |pool: &'a Pool| {
            let is_peer = |peer: &&Pool| {
                (peer.zone, peer.purchase_option) == (pool.zone, pool.purchase_option)
            };
            let peers: Vec<&Pool> = pools.iter().filter(is_peer).collect();
            (pool, self.standing(pool, &peers, there))
        };
        pools.iter().map(standing).collect()
    }
}

/// Keeps the candidates with the least key.
fn keep_least<K: Ord>(candidates: &mut Vec<usize>, key: impl Fn(usize) -> K) {
    let Some(least) = candidates.iter().map(|&at| key(at)).min() else { return };
    candidates.retain(|&at| key(at) == least);
}

/// Returns how long it is until the instance has run for a full number of hours.
fn until_full_hour(member: &Member, now: SimTime) -> Span {
    let hour = Span::HOUR.as_micros();
    let age = now.as_micros().saturating_sub(member.launched.as_micros());
    Span::micros(hour - age % hour)
}

#[cfg(test)]
mod tests {
    use super::super::dice;
    use super::super::group::tests::{count_in, luck, member, policy, pools, spot, zone};
    use super::super::group::{OnDemandStrategy, SpotStrategy};
    use super::*;

    /// The instant of all cases: five hours in.
    const NOW: SimTime = SimTime::from_secs(5 * 3600);

    fn view<'a>(members: &'a [Member], pools: &'a [Pool]) -> GroupView<'a> {
        GroupView { members, pools, now: NOW }
    }

    /// Returns the numbers of those that go.
    fn numbers(policy: &GroupPolicy, members: &[Member], pools: &[Pool], count: u32) -> Vec<u32> {
        let victims = policy.victims(view(members, pools), count, luck(0));
        victims.into_iter().map(|at| members[at].number).collect()
    }

    fn with(policies: &[TerminationPolicy]) -> GroupPolicy {
        GroupPolicy { termination_policies: policies.to_vec(), ..policy() }
    }

    /// Launched so many minutes before now.
    fn aged(member: Member, minutes: u64) -> Member {
        Member { launched: SimTime::from_secs(5 * 3600 - 60 * minutes), ..member }
    }

    fn from(member: Member, launched_from: LaunchedFrom) -> Member {
        Member { launched_from, ..member }
    }

    fn protected(member: Member) -> Member {
        Member { protected: true, ..member }
    }

    #[test]
    fn a_e105_a_zone_where_all_are_protected_is_passed_over() {
        let a = [0, 1, 2].map(|it| protected(member(it, 0)));
        let b = [aged(member(3, 1), 10), aged(member(4, 1), 50)];
        assert_eq!(numbers(&policy(), &[&a[..], &b[..]].concat(), &[], 1), [4]);
    }

    #[test]
    fn a_e106_nobody_goes_if_all_are_protected() {
        let members = [0, 1, 2].map(|it| protected(member(it, 0)));
        assert!(numbers(&policy(), &members, &[], 2).is_empty());
        let one_free = [members[0], members[1], member(2, 0)];
        assert_eq!(numbers(&policy(), &one_free, &[], 2), [2]);
        assert!(numbers(&policy(), &[], &[], 2).is_empty());
    }

    #[test]
    fn the_unhealthy_bypass_zones_policies_and_protection() {
        let sick = Member { healthy: false, ..protected(member(3, 1)) };
        let members = [member(0, 0), member(1, 0), member(2, 0), sick];
        assert_eq!(numbers(&policy(), &members, &[], 1), [3]);
    }

    #[test]
    fn appendix_b_zone_then_template_then_hour() {
        use LaunchedFrom::{Configuration, OtherTemplate, Template};
        // Zone 1 has fewer: what is older there stays.
        let elsewhere = from(member(9, 1), Configuration(0));
        let members = [
            from(aged(member(0, 0), 30), Template(2)),
            from(aged(member(1, 0), 59), Template(2)),
            from(member(2, 0), Template(1)),
            from(member(3, 0), OtherTemplate),
            from(member(4, 0), Configuration(1)),
            from(member(5, 0), Configuration(0)),
            elsewhere,
        ];
        // Down to one in zone 0 and one in zone 1: these are balanced, and the oldest goes.
        assert_eq!(numbers(&policy(), &members, &[], 6), [5, 4, 3, 2, 1, 9]);
    }

    #[test]
    fn each_policy_narrows_what_the_one_before_left() {
        use TerminationPolicy::*;
        let members = [
            from(aged(member(0, 0), 170), LaunchedFrom::Template(2)), // 10 min to the hour
            from(aged(member(1, 0), 20), LaunchedFrom::Template(1)),
            from(aged(member(2, 0), 59), LaunchedFrom::Configuration(1)),
            from(aged(member(3, 0), 170), LaunchedFrom::Configuration(2)),
        ];
        let check = |policies: &[TerminationPolicy], expected: &[u32]| {
            assert_eq!(numbers(&with(policies), &members, &[], 4)[..expected.len()], *expected);
        };
        check(&[NewestInstance], &[1, 2]);
        check(&[OldestInstance, OldestLaunchConfiguration], &[3, 0, 2, 1]);
        check(&[OldestInstance, ClosestToNextInstanceHour, NewestInstance, Default], &[3, 0]);
        check(&[ClosestToNextInstanceHour], &[2]);
        check(&[OldestLaunchTemplate], &[2, 3, 1, 0]);
        check(&[OldestLaunchConfiguration, NewestInstance], &[2, 3, 1, 0]);
        check(&[Default], &[2, 3, 1, 0]);
    }

    #[test]
    fn a_full_hour_is_an_hour_from_the_next() {
        let until = |minutes| until_full_hour(&aged(member(0, 0), minutes), NOW);
        assert_eq!([0, 1, 59, 60].map(until), [3600, 3540, 60, 3600].map(Span::secs));
    }

    #[test]
    fn the_purchase_option_goes_of_which_there_are_too_many() {
        let split = GroupPolicy {
            on_demand_base_capacity: 1,
            on_demand_percentage_above_base_capacity: 25,
            ..policy()
        };
        let of = |number, option| Member { purchase_option: option, ..member(number, 0) };
        let mut members: Vec<Member> = (0..3).map(|it| of(it, PurchaseOption::OnDemand)).collect();
        members.extend((3..9).map(|it| of(it, PurchaseOption::Spot)));
        // Of 9: 1 + ⌈8 / 4⌉ = 3. Of 8 down to 6 also 3; of 5 to 2: 2; of 1: 1.
        let gone = numbers(&split, &members, &[], 9);
        let options: Vec<bool> = gone.iter().map(|it| *it < 3).collect();
        assert_eq!(options, [false, false, false, true, false, false, false, true, true]);
        for it in &mut members[3..] {
            it.protected = true;
        }
        assert!(numbers(&split, &members, &[], 1)[0] < 3, "the other, if all of one are kept");
    }

    #[test]
    fn the_pools_that_the_strategy_likes_least_go_first() {
        let of = |number, option, instance_type| Member {
            purchase_option: option,
            instance_type,
            ..member(number, 0)
        };
        let check = |policy: &GroupPolicy, option, types: &[u32], expected: &[u32]| {
            let pools = pools(0, option, &[(20, 90), (10, 100), (30, 50)]);
            let members: Vec<Member> =
                (0..).zip(types).map(|(number, &it)| of(number, option, it)).collect();
            let gone = numbers(policy, &members, &pools, expected.len() as u32);
            let gone: Vec<u32> = gone.into_iter().map(|it| types[it as usize]).collect();
            assert_eq!(gone, expected);
        };
        let cheapest = GroupPolicy {
            on_demand_allocation_strategy: OnDemandStrategy::LowestPrice,
            ..policy()
        };
        check(&policy(), PurchaseOption::OnDemand, &[0, 1, 2], &[2, 1, 0]);
        check(&cheapest, PurchaseOption::OnDemand, &[0, 1, 2], &[2, 0, 1]);
        check(&policy(), PurchaseOption::OnDemand, &[0, 9, 2], &[9, 2, 0]); // no longer listed
        let two = spot(SpotStrategy::LowestPrice { pools: 2 });
        check(&two, PurchaseOption::Spot, &[0, 0, 0, 1, 2], &[2, 0, 0]);
        let capacity = spot(SpotStrategy::CapacityOptimized);
        check(&capacity, PurchaseOption::Spot, &[0, 1, 2], &[2, 0, 1]);
        let both = spot(SpotStrategy::PriceCapacityOptimized { enough_percent: 80 });
        check(&both, PurchaseOption::Spot, &[0, 1, 2], &[2, 0, 1]);
        let ordered = spot(SpotStrategy::CapacityOptimizedPrioritized { enough_percent: 80 });
        check(&ordered, PurchaseOption::Spot, &[0, 1, 2], &[2, 1, 0]);
    }

    #[test]
    fn a_zone_that_is_not_enabled_is_left_first() {
        let members = [member(0, 0), member(1, 0), member(2, 0), member(3, 5)];
        assert_eq!(numbers(&policy(), &members, &[], 1), [3]);
    }

    #[test]
    fn what_is_alike_goes_by_chance_whatever_the_order() {
        let members: Vec<Member> = (0..4).map(|it| member(it, 0)).collect();
        let reversed: Vec<Member> = members.iter().rev().copied().collect();
        let mut counts = [0; 4];
        for part in 0..1000 {
            let first = policy().victims(view(&members, &[]), 1, luck(part))[0];
            let other = policy().victims(view(&reversed, &[]), 1, luck(part))[0];
            assert_eq!(members[first], reversed[other]);
            counts[first] += 1;
        }
        // Four standard errors of a quarter of 1000: 55.
        assert!(counts.iter().all(|it| (195..=305).contains(it)), "{counts:?}");
    }

    /// Makes up a group.
    fn invent(dice: &mut impl FnMut(u32) -> u32) -> (GroupPolicy, Vec<Member>, Vec<Pool>) {
        use TerminationPolicy::*;
        let lists: [&[TerminationPolicy]; 5] = [
            &[Default],
            &[OldestInstance],
            &[OldestLaunchConfiguration, ClosestToNextInstanceHour],
            &[AllocationStrategy, NewestInstance],
            &[OldestLaunchTemplate, Default],
        ];
        let policy = GroupPolicy {
            zones: (0..3).map(zone).collect(),
            on_demand_base_capacity: dice(4),
            on_demand_percentage_above_base_capacity: [0, 30, 100][dice(3) as usize],
            ..with(lists[dice(5) as usize])
        };
        let options = [PurchaseOption::OnDemand, PurchaseOption::Spot];
        let mut all = Vec::new();
        for (zone, option) in (0..3).flat_map(|zone| options.map(|option| (zone, option))) {
            let types = [0, 1].map(|_| (i64::from(dice(4)), dice(4)));
            all.extend(pools(zone, option, &types));
        }
        let mut members: Vec<Member> = (0..dice(24))
            .map(|number| Member {
                purchase_option: options[dice(2) as usize],
                instance_type: dice(3),
                launched: SimTime::from_secs(u64::from(dice(5)) * 1800),
                launched_from: LaunchedFrom::Template(dice(2)),
                protected: dice(4) == 0,
                ..member(number, dice(3) as usize)
            })
            .collect();
        members.sort_by_cached_key(|_| dice(1000));
        (policy, members, all)
    }

    #[test]
    fn victims_are_free_and_never_of_a_zone_with_fewer_than_another() {
        for case in 0..2000 {
            let mut dice = dice(case);
            let (policy, members, pools) = invent(&mut dice);
            let count = dice(30);
            let victims = policy.victims(view(&members, &pools), count, luck(case));
            let free = members.iter().filter(|it| !it.protected).count();
            assert_eq!(victims.len(), free.min(count as usize), "case {case}");
            let mut left = members.clone();
            for at in victims {
                let gone = members[at];
                assert!(!gone.protected, "case {case}");
                let rivals = left
                    .iter()
                    .filter(|it| !it.protected && it.purchase_option == gone.purchase_option);
                let most = rivals.map(|it| count_in(&left, it.zone)).max().unwrap();
                assert_eq!(count_in(&left, gone.zone), most, "case {case}");
                // The split: one fewer of it is no further from what the size then asks for.
                let others = left
                    .iter()
                    .any(|it| !it.protected && it.purchase_option != gone.purchase_option);
                let wanted = policy.on_demand_of(left.len() as u32 - 1);
                let has_surplus = Census::of(&left).on_demand() > wanted;
                let is_on_demand = gone.purchase_option == PurchaseOption::OnDemand;
                assert!(has_surplus == is_on_demand || !others, "case {case}");
                left.retain(|it| it.number != gone.number);
            }
        }
    }
}

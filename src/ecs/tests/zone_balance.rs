//! Zone rebalancing of Auto Scaling groups.

use super::super::fixture::*;
use super::super::model::*;
use super::super::{Fact, GroupEvent, Sim, TerminationReason};
use crate::engine::Ix;
use crate::units::{SimTime, Span};

const A: Ix<Zone> = Ix::new(0);
const B: Ix<Zone> = Ix::new(1);

/// A group in two zones, of which B is out from 1,000 s to 4,000 s.
///
/// Its instance there is replaced in A after the status check, at 1,180 s. The group looks at its
/// zones every 300 s since then, finds B closed until 4,000 s, and launches there at 4,180 s; a
/// launch takes 30 s.
fn after_an_outage(sizes: (u32, u32, u32)) -> (Fixture, Ix<AutoScalingGroup>) {
    let mut f = Fixture::new(2);
    let group = f.group("g", sizes, (1024, 1024));
    f.model.initial_state = InitialState::Steady;
    let failure = HostFailure::Hung;
    let lasts = constant(3000.0);
    f.fault(1000, FaultKind::Zone { zone: B, share: 1.0, failure, launches_fail: true, lasts });
    (f, group)
}

fn rebalanced(story: &[(f64, Fact)]) -> Vec<(f64, Ix<Zone>, u32)> {
    let event = |&(at, fact): &(f64, Fact)| match fact {
        Fact::GroupEvent { event: GroupEvent::ZoneRebalancing { zone, count }, .. } => {
            Some((at, zone, count))
        }
        _ => None,
    };
    story.iter().filter_map(event).collect()
}

fn terminated(story: &[(f64, Fact)], why: TerminationReason) -> Vec<f64> {
    let is_it =
        |fact: &Fact| matches!(fact, Fact::InstanceTerminated { reason, .. } if *reason == why);
    story.iter().filter(|it| is_it(&it.1)).map(|it| it.0).collect()
}

/// How many instances of a group are in each zone.
fn by_zone(sim: &Sim, group: Ix<AutoScalingGroup>) -> [u32; 2] {
    [A, B].map(|zone| sim.world().groups[group].in_zone(zone))
}

/// The guide's example of an outage, "Rebalancing across Availability Zones".
#[test]
fn when_a_zone_is_back_one_is_launched_there_which_in_turn_ends_one_elsewhere() {
    let (f, group) = after_an_outage((2, 2, 2));
    let (sim, story) = f.story(10_000);
    assert_eq!(rebalanced(&story), [(4180.0, B, 1)]);
    assert_eq!(terminated(&story, TerminationReason::ZoneRebalanced), [4210.0]);
    assert_eq!(by_zone(&sim, group), [1, 1]);
}

#[test]
fn moves_go_on_until_zones_differ_by_one_and_the_maximum_is_passed_by_a_tenth() {
    // Of 2 and 20 instances, half are in the zone that is out: all are replaced in the other.
    for (size, moves) in [(4, vec![1, 1]), (20, vec![2, 2, 2, 2, 2]), (5, vec![1, 1])] {
        let (mut f, group) = after_an_outage((size, size, size));
        f.model.timing.status_check = constant(0.0);
        let mut sim = f.sim();
        let mut story = Story::default();
        let most = size + (size / 10).max(1);
        for at in (0..20_000).step_by(10) {
            sim.run_until(SimTime::from_secs(at), &mut story);
            let (there, in_service) = {
                let group = &sim.world().groups[group];
                (group.capacity(), group.in_service(&sim.world().cluster))
            };
            assert!(there <= most, "{there} of {size} at {at} s");
            assert!(at < 4000 || in_service >= size, "{in_service} of {size} at {at} s");
        }
        let counts: Vec<u32> = rebalanced(&story.facts).iter().map(|it| it.2).collect();
        assert_eq!(counts, moves, "of {size}");
        let [a, b] = by_zone(&sim, group);
        assert!(a + b == size && a.abs_diff(b) <= 1, "{a} and {b}");
    }
}

#[test]
fn a_group_that_suspends_azrebalance_stays_where_it_is() {
    let (mut f, group) = after_an_outage((2, 2, 2));
    f.model.auto_scaling_groups[group].zone_rebalancing = false;
    let (sim, story) = f.story(10_000);
    assert_eq!((rebalanced(&story), by_zone(&sim, group)), (vec![], [2, 0]));
    let failed = story.iter().filter(|it| matches!(it.1, Fact::LaunchFailed { .. })).count();
    assert_eq!(failed, 1, "nor does it try");
}

#[test]
fn the_instance_that_goes_is_drained_and_one_with_protected_tasks_stays() {
    for (is_protected, ends) in [(false, vec![4250.0]), (true, vec![])] {
        let (mut f, group) = after_an_outage((2, 2, 2));
        f.model.auto_scaling_groups[group].managed_draining = true;
        f.model.auto_scaling_groups[group].managed_termination_protection = is_protected;
        f.model.timing.settle = Span::secs(10);
        let web = f.definition("web", 512, 512); // two fill an instance
        let service = f.service("web", web, 4);
        let (sim, story) = f.story(10_000);
        let gone = terminated(&story, TerminationReason::ZoneRebalanced);
        assert_eq!(gone.len(), ends.len(), "{gone:?}");
        // In service at 4,210 s; its tasks are replaced within 15 s, and healthy after 10 s.
        assert!(gone.iter().all(|at| (4220.0..4260.0).contains(at)), "{gone:?}");
        assert_eq!(rebalanced(&story).len(), ends.len());
        assert_eq!(sim.world().services[service].healthy(), 4);
        assert_eq!(by_zone(&sim, group), if is_protected { [2, 0] } else { [1, 1] });
    }
}

/// While one is launched in B, the group is to have fewer, or more.
#[test]
fn a_desired_capacity_that_changes_meanwhile_holds() {
    for (desired, expected) in [(1, 1), (3, 3), (2, 2)] {
        let (mut f, group) = after_an_outage((0, 2, 9));
        f.set_capacity(4190, group, desired);
        let (sim, _) = f.story(4300);
        let capacity = sim.world().groups[group].capacity();
        assert_eq!(capacity, expected, "of {desired}");
        assert_eq!(sim.world().cluster.instances().count(), expected as usize);
    }
}

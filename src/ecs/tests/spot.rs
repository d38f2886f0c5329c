//! Groups of several types and purchase options, and Spot capacity in runs.

use super::super::capacity::group::{OnDemandStrategy, PurchaseOption, SpotStrategy};
use super::super::capacity::spot::{Availability, PriceMovement, SpotMarket, SpotParameters};
use super::super::fixture::*;
use super::super::model::*;
use super::super::{Fact, LaunchFailure, Observer, Sim, StopReason, TerminationReason, World};
use crate::engine::{Ix, Seed};
use crate::units::{SimTime, Span};

/// A day in seconds.
const DAY: u64 = 86_400;

/// A group of two types in each way of buying, in two zones; nothing is interrupted.
fn mixed(base: u32, percentage: u32) -> (Fixture, Ix<AutoScalingGroup>) {
    let mut f = Fixture::new(2);
    let group = f.group("g", (0, 0, 60), (1024, 2048));
    f.model.auto_scaling_groups[group].pools.clear();
    f.add_pools(group, None, &[("c5.large", 90), ("m5.large", 80)]);
    f.add_pools(group, Some(0.0), &[("c5.large", 90), ("m5.large", 80)]);
    let policy = &mut f.model.auto_scaling_groups[group].policy;
    policy.on_demand_base_capacity = base;
    policy.on_demand_percentage_above_base_capacity = percentage;
    (f, group)
}

/// Counts instances that are there by purchase option, type and zone.
fn count(sim: &Sim, is_it: impl Fn(&InstanceClass) -> bool) -> u32 {
    let hosts = sim.world().cluster.instances().map(|(_, host)| &sim.model().classes[host.class]);
    hosts.filter(|class| is_it(class)).count() as u32
}

fn on_demand(class: &InstanceClass) -> bool {
    class.purchase_option() == PurchaseOption::OnDemand
}

/// When facts of one kind happened, in seconds.
fn when(story: &[(f64, Fact)], is_it: impl Fn(&Fact) -> bool) -> Vec<f64> {
    story.iter().filter(|(_, fact)| is_it(fact)).map(|(at, _)| *at).collect()
}

fn is_notice(fact: &Fact) -> bool {
    matches!(fact, Fact::SpotInterruptionNotice { .. })
}

fn is_launch(fact: &Fact) -> bool {
    matches!(fact, Fact::InstanceLaunched { .. })
}

fn is_reclaimed(fact: &Fact) -> bool {
    matches!(fact, Fact::InstanceTerminated { reason: TerminationReason::SpotInterrupted, .. })
}

#[test]
fn a_e94_to_a_e98_a_group_that_grows_and_shrinks_keeps_its_split() {
    let check = |base, percentage, expected: [u32; 4]| {
        let (mut f, group) = mixed(base, percentage);
        for (step, size) in [10, 20, 30, 40, 30, 20, 10].into_iter().enumerate() {
            f.set_capacity(1000 * (step as u64 + 1), group, size);
        }
        let mut sim = f.sim();
        let there = |sim: &mut Sim, step: u64| {
            sim.run_until(SimTime::from_secs(1000 * step + 900), &mut ());
            count(sim, on_demand)
        };
        assert_eq!([1, 2, 3, 4].map(|step| there(&mut sim, step)), expected);
        let [ten, twenty, thirty, _] = expected;
        assert_eq!([5, 6, 7].map(|step| there(&mut sim, step)), [thirty, twenty, ten]);
    };
    check(10, 50, [10, 15, 20, 25]); // A-E94
    check(0, 0, [0, 0, 0, 0]); // A-E95
    check(0, 60, [6, 12, 18, 24]); // A-E96
    check(12, 0, [10, 12, 12, 12]); // A-E98
}

#[test]
fn zones_are_balanced_and_types_are_chosen_by_the_strategies() {
    let check = |strategy, spot, expected: [u32; 4]| {
        let (mut f, group) = mixed(0, 50);
        f.model.spot_market = steady_prices();
        let policy = &mut f.model.auto_scaling_groups[group].policy;
        policy.on_demand_allocation_strategy = strategy;
        policy.spot_allocation_strategy = spot;
        f.set_capacity(10, group, 40);
        let sim = f.run(1000);
        let of = |name: &str, is_on_demand: bool| {
            count(&sim, |it| it.instance_type == name && on_demand(it) == is_on_demand)
        };
        let found =
            [("c5.large", true), ("m5.large", true), ("c5.large", false), ("m5.large", false)];
        let found = found.map(|(name, is_on_demand)| of(name, is_on_demand));
        // Types take turns in each zone, and a zone may have an odd number of Spot instances.
        let is_near = found.iter().zip(expected).all(|(found, it)| found.abs_diff(it) <= 1);
        assert!(is_near, "{found:?} should be {expected:?}");
        let in_zone = |zone| count(&sim, |it| it.zone == Ix::new(zone));
        assert_eq!([in_zone(0), in_zone(1)], [20, 20]);
    };
    let pools = |pools| SpotStrategy::LowestPrice { pools };
    check(OnDemandStrategy::Prioritized, pools(1), [20, 0, 0, 20]);
    check(OnDemandStrategy::LowestPrice, pools(2), [0, 20, 10, 10]);
    let enough_percent = 90;
    let by_price = SpotStrategy::PriceCapacityOptimized { enough_percent };
    check(OnDemandStrategy::Prioritized, by_price, [20, 0, 0, 20]);
    let by_priority = SpotStrategy::CapacityOptimizedPrioritized { enough_percent };
    check(OnDemandStrategy::Prioritized, by_priority, [20, 0, 20, 0]);
}

fn steady_prices() -> SpotMarket {
    let price = PriceMovement { spread: 0.0, ..PriceMovement::default() };
    market(SpotParameters { price, ..SpotParameters::default() })
}

fn market(parameters: SpotParameters) -> SpotMarket {
    SpotMarket::new("test-1", parameters).expect("a test's parameters are in range")
}

#[test]
fn an_instance_with_a_trunk_waits_for_it() {
    let mut f = Fixture::new(1);
    let group = f.group("g", (0, 0, 1), (1024, 2048));
    f.model.classes[Ix::new(0)].has_trunk = true;
    f.set_capacity(100, group, 1);
    let (_, story) = f.story(200);
    let active = when(&story, |it| matches!(it, Fact::InstanceActive { .. }));
    assert_eq!(active, [135.0], "17 s, 3 s, 10 s and 5 s");
}

#[test]
fn where_ec2_runs_short_launches_go_to_other_zones_and_are_tried_again() {
    let story = |zone: Option<usize>| {
        let (mut f, group) = mixed(0, 100);
        f.model.shortages.push(Shortage {
            zone: zone.map(Ix::new),
            instance_type: None,
            lasts: Span::secs(150),
        });
        f.model.actions.push((SimTime::from_secs(50), Action::InsufficientCapacity(0)));
        f.set_capacity(100, group, 6);
        f.story(390) // zones are not rebalanced yet
    };
    let (sim, facts) = story(Some(1));
    assert_eq!(count(&sim, |it| it.zone == Ix::new(0)), 6);
    assert_eq!(when(&facts, is_launch), [100.0; 6]);
    let (sim, facts) = story(None);
    // Until 200 s; tried every minute, in four pools. Spot does not step in.
    assert_eq!(when(&facts, is_launch), [220.0; 6]);
    let failed = when(&facts, |it| matches!(it, Fact::LaunchFailed { .. }));
    assert_eq!(failed, [[100.0; 4], [160.0; 4]].concat());
    assert_eq!(count(&sim, on_demand), 6);
}

#[test]
fn the_quota_counts_vcpus_of_each_purchase_option() {
    let (mut f, group) = mixed(0, 50);
    f.fleet("fixed", 1, (1024, 2048));
    f.model.account.ec2_cpu_units = Some(3 * 1024);
    f.set_capacity(100, group, 10);
    f.set_capacity(400, group, 3);
    f.set_capacity(1000, group, 4);
    let (sim, facts) = f.story(300);
    assert_eq!(count(&sim, on_demand), 3, "one of them in the fixed fleet");
    assert_eq!(count(&sim, |it| !on_demand(it)), 2, "the next would be on demand");
    let quota =
        |it: &Fact| matches!(it, Fact::LaunchFailed { reason: LaunchFailure::VcpuQuota, .. });
    assert!(when(&facts, quota).len() >= 4);
}

/// Facts of Spot instances by name, with what market the run had.
#[derive(Default)]
struct Notices(Vec<(SimTime, String, bool)>);

impl Observer for Notices {
    fn observe(&mut self, at: SimTime, fact: &Fact, world: &World, model: &Model) {
        let (Fact::SpotRebalanceRecommended { instance }
        | Fact::SpotInterruptionNotice { instance }) = *fact
        else {
            return;
        };
        let is_notice = is_notice(fact);
        let name = model.instance_name(world.cluster.instance(instance));
        if name.starts_with("g-") {
            self.0.push((at, name, is_notice));
        }
    }
}

#[test]
fn every_variant_meets_the_same_market() {
    let notices = |change: &dyn Fn(&mut Fixture)| {
        let mut f = Fixture::new(3);
        f.spot_group("g", (0, 30, 30), (0.02, &["m5.large", "c5.large"]));
        change(&mut f);
        let mut seen = Notices::default();
        f.sim().run_until(SimTime::from_secs(30 * DAY), &mut seen);
        seen.0
    };
    let alone = notices(&|_| {});
    assert!(alone.iter().filter(|it| it.2).count() > 200, "{}", alone.len());
    let with_service = notices(&|f| {
        let web = f.definition("web", 256, 256);
        f.service("web", web, 40);
        f.model.auto_scaling_groups[Ix::new(0)].spot_instance_draining = true;
    });
    assert_eq!(alone, with_service);
    let with_another_group = notices(&|f| {
        f.spot_group("other", (0, 50, 50), (0.02, &["m5.large"]));
    });
    assert_eq!(alone, with_another_group);
}

/// Adds up the hours of Spot instances, and their notices.
#[derive(Default)]
struct Hazards {
    alive: u64,
    since: SimTime,
    hours: f64,
    notices: u64,
    reclaimed: u64,
}

impl Observer for Hazards {
    fn observe(&mut self, at: SimTime, fact: &Fact, _: &World, _: &Model) {
        self.hours += self.alive as f64 * at.since(self.since).as_hours_f64();
        self.since = at;
        if is_launch(fact) {
            self.alive += 1;
        } else if is_notice(fact) {
            // Who has a notice is not at risk any more.
            self.alive -= 1;
            self.notices += 1;
        } else if is_reclaimed(fact) {
            self.reclaimed += 1;
        }
    }
}

#[test]
fn instances_of_a_big_group_are_interrupted_at_the_hazard_of_their_pools() {
    let mut f = Fixture::new(3);
    // Each of six pools has some 3,200 droughts.
    let group = f.spot_group("g", (0, 60, 60), (0.1, &["m5.large", "c5.large"]));
    // So that instances go by interruption only, which is what is counted.
    f.model.auto_scaling_groups[group].zone_rebalancing = false;
    let mut seen = Hazards::default();
    f.sim().run_until(SimTime::from_secs(20_000 * 3600), &mut seen);
    let rate = seen.notices as f64 / seen.hours;
    println!("{} notices in {} instance-hours: {rate} per hour", seen.notices, seen.hours);
    assert!((rate / 0.1 - 1.0).abs() < 0.05, "{rate}");
    assert!(seen.notices - seen.reclaimed <= 60);
}

/// A service of 8 tasks on a Spot group of 4, most of which is reclaimed at a time.
fn interrupted(change: impl Fn(&mut AutoScalingGroup)) -> Vec<(f64, Fact)> {
    let mut f = Fixture::new(1);
    let group = f.spot_group("g", (0, 4, 8), (0.0, &["m5.large"]));
    f.fleet("room", 4, (1024, 2048));
    f.model.initial_state = InitialState::Steady;
    f.model.timing.settle = Span::secs(10);
    let recorded =
        [(SimTime::ZERO, 9), (SimTime::from_secs(1000), 1), (SimTime::from_secs(1060), 9)];
    f.model.spot_pools[Ix::new(0)].availability = Availability::new(&recorded).ok();
    change(&mut f.model.auto_scaling_groups[group]);
    let web = f.definition("web", 512, 512);
    f.service("web", web, 8);
    let (sim, story) = f.story(2000);
    assert_eq!(sim.world().services[Ix::new(0)].healthy(), 8);
    assert_eq!(sim.world().groups[group].capacity(), 4);
    story
}

fn stops(story: &[(f64, Fact)], reason: StopReason) -> Vec<f64> {
    when(story, |it| matches!(it, Fact::TaskStopRequested { reason: r, .. } if *r == reason))
}

#[test]
fn s_e_spot_without_draining_tasks_vanish_two_minutes_after_the_notice() {
    let story = interrupted(|_| {});
    assert_eq!(when(&story, is_notice), [1000.0; 3]);
    assert_eq!(when(&story, is_reclaimed), [1120.0; 3]);
    let lost = stops(&story, StopReason::HostTerminated);
    assert!(lost.len() >= 3 && lost.iter().all(|at| *at == 1120.0), "{lost:?}");
    assert!(stops(&story, StopReason::Drained).is_empty());
    assert_eq!(when(&story, is_launch)[4..], [1120.0; 3], "replaced when they are gone");
}

#[test]
fn the_agent_drains_its_instance_at_the_notice_if_it_is_told_to() {
    let story = interrupted(|group| group.spot_instance_draining = true);
    let draining = when(&story, |it| matches!(it, Fact::InstanceDraining { .. }));
    assert_eq!(draining, [1000.0; 3]);
    assert!(stops(&story, StopReason::HostTerminated).is_empty());
    let drained = stops(&story, StopReason::Drained);
    assert!(drained.len() >= 3 && drained.iter().all(|at| *at == 1010.0), "{drained:?}");
    assert_eq!(when(&story, is_reclaimed), [1120.0; 3], "nobody gives it back earlier");
    let managed = interrupted(|group| group.managed_draining = true);
    assert_eq!(stops(&managed, StopReason::Drained), drained);
}

#[test]
fn a_group_that_rebalances_replaces_what_is_at_risk_before_it_is_gone() {
    let story = interrupted(|group| group.capacity_rebalance = true);
    // Recommended and noticed at 1,000 s, when the pool has room for one; from 1,060 s for nine.
    assert_eq!(when(&story, is_launch)[4..], [1060.0; 3]);
    let rebalanced = |it: &Fact| {
        matches!(it, Fact::InstanceTerminated { reason: TerminationReason::Rebalanced, .. })
    };
    assert_eq!(when(&story, rebalanced), [1090.0; 3], "in service after 30 s");
    assert!(when(&story, is_reclaimed).is_empty());
}

#[test]
fn a_recommendation_comes_no_later_than_the_notice_and_that_two_minutes_before_the_end() {
    let mut f = Fixture::new(2);
    f.spot_group("g", (0, 10, 10), (0.05, &["m5.large"]));
    let (_, story) = f.story(20 * DAY);
    let mut notices = 0;
    for (at, fact) in &story {
        let Fact::SpotInterruptionNotice { instance } = *fact else { continue };
        notices += 1;
        let of = |is_it: &dyn Fn(&Fact) -> bool| when(&story, is_it);
        let recommended = of(&|it| *it == Fact::SpotRebalanceRecommended { instance });
        assert!(recommended.len() == 1 && recommended[0] <= *at, "{recommended:?}, {at}");
        let reason = TerminationReason::SpotInterrupted;
        let gone = of(&|it| *it == Fact::InstanceTerminated { instance, reason });
        assert!(gone.is_empty() || gone == [at + 120.0], "{gone:?}");
    }
    assert!(notices > 100, "{notices}");
}

#[test]
fn a_drought_refuses_launches_until_it_ends() {
    let mut f = Fixture::new(1);
    let group = f.spot_group("g", (0, 0, 50), (0.5, &["m5.large"]));
    let ours = f.model.spot_market.clone();
    let seed = Seed { master: 1, replication: 0 };
    let pool = f.model.spot_pools[Ix::new(0)].pool.clone();
    let droughts: Vec<_> = ours.of(seed, &pool).droughts().take(500).collect();
    for hour in 1..60 {
        f.set_capacity(3600 * hour, group, if hour % 2 == 0 { 0 } else { 5 });
    }
    let (_, story) = f.story(60 * 3600);
    let mut refused = 0;
    let is_dry = |at: f64| {
        droughts.iter().any(|it| it.start.as_secs_f64() <= at && at < it.end.as_secs_f64())
    };
    for (at, fact) in &story {
        if is_launch(fact) {
            assert!(!is_dry(*at), "launched at {at}");
        } else if matches!(fact, Fact::LaunchFailed { .. }) {
            assert!(is_dry(*at), "refused at {at}");
            refused += 1;
        }
    }
    assert!(refused > 10 && !when(&story, is_launch).is_empty());
}

#[test]
fn a_recording_refuses_what_is_above_it_and_reclaims_what_is_too_much() {
    let mut f = Fixture::new(1);
    let group = f.spot_group("g", (0, 6, 20), (0.0, &["m5.large"]));
    f.model.initial_state = InitialState::Steady;
    let at = SimTime::from_secs;
    let recorded = [(at(0), 6), (at(1000), 2), (at(3000), 8)];
    f.model.spot_pools[Ix::new(0)].availability = Availability::new(&recorded).ok();
    f.set_capacity(500, group, 10);
    let mut sim = f.sim();
    let mut there = |secs| {
        sim.run_until(at(secs), &mut ());
        count(&sim, |_| true)
    };
    assert_eq!([400, 600, 1119, 1120, 2999, 3060].map(&mut there), [6, 6, 6, 2, 2, 8]);
}

//! The market against its closed forms, and a recording against counting it through.

use std::collections::BTreeSet;

use super::*;

const SEED: Seed = Seed { master: 7, replication: 0 };

fn market(parameters: SpotParameters) -> SpotMarket {
    SpotMarket::new("eu-west-1", parameters).expect("good parameters")
}

fn pool(name: &str, per_hour: f64) -> SpotPool {
    SpotPool { name: name.to_string(), hazard: Hazard::per_hour(per_hour).expect("a rate") }
}

fn open(parameters: SpotParameters, name: &str, per_hour: f64) -> PoolMarket {
    market(parameters).of(SEED, &pool(name, per_hour))
}

fn hours(hours: f64) -> SimTime {
    SimTime::ZERO.saturating_add(Span::from_secs_f64(hours * 3600.0))
}

fn hour_of(at: SimTime) -> f64 {
    at.as_secs_f64() / 3600.0
}

fn until(market: &PoolMarket, end: SimTime) -> Vec<Drought> {
    market.droughts().take_while(|drought| drought.start < end).collect()
}

/// Joins droughts that overlap, as whoever refuses launches does.
fn closures(droughts: &[Drought]) -> Vec<(SimTime, SimTime)> {
    let mut closed: Vec<(SimTime, SimTime)> = Vec::new();
    for drought in droughts {
        match closed.last_mut() {
            Some(last) if drought.start <= last.1 => last.1 = last.1.max(drought.end),
            _ => closed.push((drought.start, drought.end)),
        }
    }
    closed
}

/// What instances in the slots of a pool saw.
#[derive(Default)]
struct Seen {
    running_hours: f64,
    alone: f64,
    in_droughts: f64,
}

/// Keeps slots of a pool occupied: who is reclaimed is replaced as soon as launches are accepted.
fn occupy(market: &PoolMarket, slots: u32, end: SimTime) -> Seen {
    let droughts = until(market, end);
    let closed = closures(&droughts);
    let mut seen = Seen::default();
    for slot in 0..slots {
        let alone = market.alone(("g", slot)).map(|strike| (strike.noticed, true));
        let mut strikes: Vec<(SimTime, bool)> =
            alone.take_while(|&(noticed, _)| noticed < end).collect();
        let struck = droughts.iter().filter_map(|drought| market.struck(drought, ("g", slot)));
        strikes.extend(struck.map(|strike| (strike.noticed, false)));
        strikes.sort_unstable();
        let mut since = SimTime::ZERO;
        for (at, is_alone) in strikes {
            if at < since || at >= end {
                continue;
            }
            seen.running_hours += at.since(since).as_hours_f64();
            *(if is_alone { &mut seen.alone } else { &mut seen.in_droughts }) += 1.0;
            let next = closed.partition_point(|&(start, _)| start <= at);
            since = next.checked_sub(1).map_or(at, |last| closed[last].1.max(at));
        }
        seen.running_hours += end.since(since.min(end)).as_hours_f64();
    }
    seen
}

fn near(what: &str, found: f64, expected: f64, tolerance: f64) {
    let off = found / expected - 1.0;
    println!("{what}: {found:.6}, expected {expected:.6} ({:+.2} %)", off * 100.0);
    assert!(off.abs() < tolerance, "{what}: {found}, expected {expected}");
}

#[test]
fn the_hazard_of_a_running_instance_is_that_of_its_pool() {
    // Droughts come 1.6 times as often as the hazard says: 50,000 to 80,000 of them here.
    let check = |per_hour: f64, duration: f64, change: &dyn Fn(&mut SpotParameters)| {
        let mut parameters = SpotParameters::default();
        change(&mut parameters);
        let alone = parameters.alone_share;
        let market = open(parameters, "eu-west-1a/m7g.large", per_hour);
        let seen = occupy(&market, 20, hours(duration));
        let strikes = seen.alone + seen.in_droughts;
        near("hazard", strikes / seen.running_hours, per_hour, 0.02);
        if alone > 0.0 {
            near("share alone", seen.alone / strikes, alone, 0.02);
        }
    };
    check(4e-4, 1e8, &|_| {});
    check(0.04, 1e6, &|_| {});
    check(0.04, 1e6, &|p| p.shared_share = 1.0);
    check(0.04, 1e6, &|p| p.alone_share = 0.0);
    check(0.04, 1e6, &|p| p.alone_share = 1.0);
    // Two in three droughts overlap another.
    check(0.1, 5e5, &|p| {
        p.reclaim_probability = 0.25;
        p.alone_share = 0.5;
    });
    check(0.04, 2e6, &|p| p.reclaim_probability = 1.0);
}

#[test]
fn without_a_hazard_nothing_happens_and_nothing_is_looked_for_for_ever() {
    let check = |per_hour: f64| {
        let market = open(SpotParameters::default(), "a", per_hour);
        (market.droughts().next(), market.alone(("g", 0)).next())
    };
    assert_eq!(check(0.0), (None, None));
    // Just above a band that is hardly ever met.
    let (drought, alone) = check(0.0625 + 1e-12);
    assert!(drought.is_some_and(|it| it.start < hours(1000.0)));
    assert!(alone.is_some_and(|it| it.noticed < hours(1000.0)));
    // Some 10²⁰ years away.
    assert_eq!(check(1e-24), (None, None));
    assert!(check(Hazard::MAX_PER_HOUR).0.is_some());
}

#[test]
fn droughts_last_as_long_as_they_should_and_refuse_launches_for_the_time_of_a_busy_server() {
    let check = |per_hour: f64, mean_hours: f64, duration: f64| {
        let drought = Distribution::exponential(mean_hours * 3600.0).expect("a mean");
        let parameters = SpotParameters { drought, ..SpotParameters::default() };
        let droughts = until(&open(parameters, "eu-west-1a/m7g.large", per_hour), hours(duration));
        let count = droughts.len() as f64;
        let rate = 0.8 * per_hour / 0.5;
        near("drought starts an hour", count / duration, rate, 0.02);
        let lasted: f64 = droughts.iter().map(|it| it.end.since(it.start).as_hours_f64()).sum();
        near("mean drought", lasted / count, mean_hours, 0.02);
        // The server of an M/G/∞ queue is busy for 1 − exp(−ρ) of the time.
        let closed = closures(&droughts);
        let refused: f64 = closed.iter().map(|(from, to)| to.since(*from).as_hours_f64()).sum();
        let busy = 1.0 - (-rate * mean_hours).exp();
        near("share of time refused", refused / duration, busy, 0.02);
        let shared = droughts.iter().filter(|it| it.is_shared).count() as f64;
        near("share of shared droughts", shared / count, 0.4, 0.02);
    };
    check(0.04, 2.0, 1e6);
    check(0.3, 2.0, 2e5);
    check(0.01, 24.0, 4e6);
}

#[test]
fn pools_of_a_region_share_the_trigger_and_those_of_two_regions_do_not() {
    let end = hours(1e6);
    let starts = |market: &SpotMarket, name: &str, per_hour: f64| -> BTreeSet<SimTime> {
        until(&market.of(SEED, &pool(name, per_hour)), end).iter().map(|it| it.start).collect()
    };
    let ours = market(SpotParameters::default());
    let coinciding = |a: &BTreeSet<SimTime>, b: &BTreeSet<SimTime>| {
        a.intersection(b).count() as f64 / a.len() as f64
    };
    let one = starts(&ours, "eu-west-1a/m7g.large", 0.04);
    let like = starts(&ours, "eu-west-1b/c7g.large", 0.04);
    near("like pools", coinciding(&one, &like), 0.4, 0.03);
    // The rarer meets a part of what the other meets, in proportion to its hazard.
    let rarer = starts(&ours, "eu-west-1a/r7g.large", 0.01);
    near("of the rarer", coinciding(&rarer, &one), 0.4, 0.03);
    near("of the other", coinciding(&one, &rarer), 0.1, 0.03);
    let other = SpotMarket::new("us-east-1", SpotParameters::default()).expect("good");
    let abroad = starts(&other, "eu-west-1a/m7g.large", 0.04);
    assert!(coinciding(&one, &abroad) < 0.001);

    // Whether they are available correlates as starts do, sampled each hour.
    let dry = |name: &str| {
        let closed = closures(&until(&ours.of(SEED, &pool(name, 0.01)), end));
        let mut dry = vec![0.0; 1_000_000];
        for (from, to) in closed {
            let span = hour_of(from).ceil() as usize..hour_of(to).ceil() as usize;
            (span.start..span.end.min(dry.len())).for_each(|hour| dry[hour] = 1.0);
        }
        dry
    };
    let (a, b) = (dry("a"), dry("b"));
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let both: Vec<f64> = a.iter().zip(&b).map(|(x, y)| x * y).collect();
    let variance = (mean(&a) * (1.0 - mean(&a)) * mean(&b) * (1.0 - mean(&b))).sqrt();
    let correlation = (mean(&both) - mean(&a) * mean(&b)) / variance;
    near("correlation of availability", correlation, 0.4, 0.05);
}

#[test]
fn what_befalls_a_pool_depends_on_no_other_and_on_no_order() {
    let ours = market(SpotParameters::default());
    let end = hours(1e5);
    let all = |pool: &PoolMarket| {
        let droughts = until(pool, end);
        let struck: Vec<_> = droughts
            .iter()
            .flat_map(|it| (0..5).map(|slot| pool.struck(it, ("g", slot))))
            .collect();
        let alone: Vec<_> =
            (0..5).map(|slot| pool.alone(("g", slot)).take(5).collect::<Vec<_>>()).collect();
        let prices: Vec<_> = pool.prices(OnDemandShare::from_ratio(0.4)).take(50).collect();
        (droughts, struck, alone, prices)
    };
    let first = all(&ours.of(SEED, &pool("a", 0.01)));
    let _others = [0.5, 1e-5].map(|rate| all(&ours.of(SEED, &pool("b", rate))));
    let again = market(SpotParameters::default()).of(SEED, &pool("a", 0.01));
    // Backwards, and one slot alone.
    let droughts = until(&again, end);
    assert!(droughts.len() > 1000);
    let mut last: Vec<_> = droughts.iter().rev().map(|it| again.struck(it, ("g", 3))).collect();
    last.reverse();
    assert_eq!(last, first.1.iter().skip(3).step_by(5).copied().collect::<Vec<_>>());
    assert_eq!(all(&again), first);
    assert_ne!(all(&ours.of(SEED, &pool("b", 0.01))), first);
    let seed = Seed { replication: 1, ..SEED };
    assert_ne!(all(&ours.of(seed, &pool("a", 0.01))), first);
}

#[test]
fn sources_continue_from_a_clone() {
    let pool = open(SpotParameters::default(), "a", 0.01);
    let (mut droughts, mut alone) = (pool.droughts(), pool.alone(("g", 3)));
    let mut prices = pool.prices(OnDemandShare::from_ratio(0.4));
    for _ in 0..100 {
        assert!(droughts.next().is_some() && alone.next().is_some() && prices.next().is_some());
    }
    let clones = (droughts.clone(), alone.clone(), prices.clone());
    assert!(droughts.take(100).eq(clones.0.take(100)));
    assert!(alone.take(100).eq(clones.1.take(100)));
    assert!(prices.take(100).eq(clones.2.take(100)));
}

#[test]
fn the_first_interruptions_of_a_pool_are_pinned() {
    // A change here changes every published result: it must be announced.
    let pool = open(SpotParameters::default(), "eu-west-1a/m7g.large", 0.01);
    let starts: Vec<u64> = pool.droughts().take(3).map(|it| it.start.as_micros()).collect();
    let alone = pool.alone(("g", 0)).next().map(|it| it.noticed.as_micros());
    let price = pool.prices(OnDemandShare::from_ratio(0.4)).nth(1).map(|it| it.1.as_millionths());
    let expected = vec![423_028_263_141, 579_757_905_384, 623_980_705_199];
    assert_eq!((starts, alone, price), (expected, Some(1_685_630_437_956), Some(373_169)));
}

#[test]
fn a_strike_is_recommended_noticed_and_carried_out_in_that_order() {
    let pool = open(SpotParameters::default(), "a", 0.01);
    let (mut at_once, mut strikes) = (0, 0);
    for drought in pool.droughts().take(1000) {
        for strike in (0..10).filter_map(|slot| pool.struck(&drought, ("g", slot))) {
            assert!(drought.start <= strike.recommended && strike.recommended <= strike.noticed);
            assert!(strike.noticed <= drought.end.min(drought.start + Span::secs(600)));
            assert_eq!(strike.reclaimed.since(strike.noticed), Span::secs(120));
            strikes += 1;
            at_once += u32::from(strike.recommended == drought.start);
        }
    }
    assert!(strikes > 4000 && at_once > 1000 && at_once < strikes, "{at_once} of {strikes}");
    let alone: Vec<Strike> = pool.alone(("g", 0)).take(10_000).collect();
    assert!(alone.windows(2).all(|it| it[0].noticed <= it[1].recommended));
    let lead: f64 = alone.iter().map(|it| it.noticed.since(it.recommended).as_secs_f64()).sum();
    near("lead of recommendations, s", lead / 10_000.0, 300.0, 0.03);
    // No lead: together with the notice.
    let rebalance_lead = Distribution::constant(0.0).expect("a constant");
    let pool = open(SpotParameters { rebalance_lead, ..SpotParameters::default() }, "a", 0.01);
    assert!(pool.alone(("g", 0)).take(10).all(|it| it.recommended == it.noticed));
}

#[test]
fn a_monthly_frequency_becomes_the_hazard_that_leads_to_it() {
    let check = |monthly: f64, per_hour: f64| {
        let hazard = Hazard::from_monthly(monthly).expect("a fraction").as_per_hour_f64();
        near("hazard", hazard, per_hour, 0.003);
        near("frequency", 1.0 - (-hazard * 730.0).exp(), monthly, 1e-9);
    };
    check(0.025, 3.47e-5);
    check(0.075, 1.07e-4);
    check(0.125, 1.83e-4);
    check(0.175, 2.64e-4);
    check(0.3, 4.89e-4);
    assert_eq!(Hazard::from_monthly(0.0), Hazard::per_hour(0.0));
}

#[test]
fn a_parameter_out_of_range_is_refused() {
    let check = |change: &dyn Fn(&mut SpotParameters), message: &str| {
        let mut parameters = SpotParameters::default();
        change(&mut parameters);
        let refused = SpotMarket::new("eu-west-1", parameters).expect_err("out of range");
        assert_eq!(refused.to_string(), message);
    };
    check(
        &|p| p.alone_share = 1.1,
        "`1.1` cannot be the share of interruptions alone of Spot: it must be from 0 to 1",
    );
    check(
        &|p| p.reclaim_probability = 0.0,
        "`0` cannot be the reclaim probability of Spot: it must be from 0.01 to 1",
    );
    check(
        &|p| p.shared_share = f64::NAN,
        "`NaN` cannot be the shared share of droughts of Spot: it must be from 0 to 1",
    );
    check(
        &|p| p.price.spread = -0.1,
        "`-0.1` cannot be the spread of prices of Spot: it must be from 0 to 1",
    );
    check(&|p| p.price.period = Span::ZERO, "the Spot price cannot change every 0 s");
    for wrong in [-1e-9, 16.1, f64::NAN] {
        assert!(Hazard::per_hour(wrong).is_err(), "{wrong}");
    }
    assert!(Hazard::from_monthly(1.0).is_err());
}

#[test]
fn prices_move_slowly_around_the_usual_one() {
    const PERIODS: usize = 100_000;
    let market = open(SpotParameters::default(), "a", 0.01);
    let shares = |usual: f64| -> Vec<f64> {
        let prices = market.prices(OnDemandShare::from_ratio(usual)).take(PERIODS);
        prices.map(|(_, share)| f64::from(share.as_millionths()) / 1e6).collect()
    };
    let prices = shares(0.4);
    let n = prices.len() as f64;
    let mean = prices.iter().sum::<f64>() / n;
    near("mean price", mean, 0.4, 0.02);
    let variance = prices.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    near("spread", variance.sqrt() / mean, 0.1, 0.05);
    // After the reversion of 28 periods 1/e of a deviation is left.
    let pairs = prices.iter().zip(prices.iter().skip(28));
    let later = pairs.map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>() / n;
    near("kept after a week", later / variance, (-1_f64).exp(), 0.1);
    let step = prices.windows(2).map(|it| (it[1] / it[0] - 1.0).abs()).fold(0.0, f64::max);
    // A shock is at most √3 · 0.1 · √(1 − exp(−2 ÷ 28)) = 0.045, of prices down to 0.4 of the
    // usual.
    assert!(step < 0.12, "a step of {step}");
    // The first is as far off as any other: of many pools, not of one.
    let ours = SpotMarket::new("eu-west-1", SpotParameters::default()).expect("good");
    let first = |n: u32| {
        let pool = ours.of(SEED, &pool(&n.to_string(), 0.01));
        pool.prices(OnDemandShare::from_ratio(0.4)).next().map_or(0, |it| it.1.as_millionths())
    };
    let off: f64 = (0..10_000).map(|n| (f64::from(first(n)) / 4e5 - 1.0).powi(2)).sum();
    near("spread between pools", (off / 1e4).sqrt(), 0.1, 0.03);

    let bounded = |usual: f64| {
        let shares = shares(usual);
        assert!(shares.iter().all(|share| (0.05..=1.0).contains(share)), "{usual}");
    };
    [0.0, 0.05, 0.95, 1.0].into_iter().for_each(bounded);
    let steps = market.prices(OnDemandShare::ALL).zip(0..).take(10);
    steps.for_each(|((from, _), n)| assert_eq!(from, SimTime::from_secs(n * 21_600)));
}

#[test]
fn prices_that_do_not_move_are_the_usual_one() {
    let price = PriceMovement { spread: 0.0, ..PriceMovement::default() };
    let market = open(SpotParameters { price, ..SpotParameters::default() }, "a", 0.01);
    let usual = OnDemandShare::from_ratio(0.37);
    assert!(market.prices(usual).take(100).all(|(_, share)| share == usual));
    // Periods so long that their end cannot be written end the source.
    let price = PriceMovement { period: Span::MAX, reversion: Span::ZERO, ..price };
    let market = open(SpotParameters { price, ..SpotParameters::default() }, "a", 0.01);
    assert_eq!(market.prices(usual).collect::<Vec<_>>(), [(SimTime::ZERO, usual)]);
}

fn change(seconds: u64, is_added: bool, node: &str) -> NodeChange {
    NodeChange { at: SimTime::from_secs(seconds), node: node.to_string(), is_added }
}

#[test]
fn a_recording_gives_the_capacity_at_an_instant_and_its_next_change() {
    let at = SimTime::from_secs;
    let rows = [(at(0), 3), (at(10), 5), (at(20), 5), (at(30), 0)];
    let recorded = Availability::new(&rows).expect("rows ascend");
    let check = |second: u64, capacity: u32, next: Option<(u64, u32)>| {
        assert_eq!(recorded.capacity_at(at(second)), capacity, "at {second} s");
        let next = next.map(|(second, capacity)| (at(second), capacity));
        assert_eq!(recorded.next_change_after(at(second)), next, "after {second} s");
    };
    check(0, 3, Some((10, 5)));
    check(9, 3, Some((10, 5)));
    check(10, 5, Some((30, 0)));
    check(29, 5, Some((30, 0)));
    check(30, 0, None);
    check(1_000_000, 0, None);
    assert_eq!(recorded.capacity_at(SimTime::MAX), 0);
}

#[test]
fn nodes_that_came_and_went_are_counted() {
    let changes = [
        change(0, true, "a"),
        change(0, true, "b"),
        change(60, false, "a"),
        change(60, true, "c"),
        change(120, false, "b"),
        change(120, false, "c"),
        change(180, true, "a"),
    ];
    let at = SimTime::from_secs;
    let expected = Availability::new(&[(at(0), 2), (at(120), 0), (at(180), 1)]);
    assert_eq!(Availability::from_nodes(&changes), expected);
    let late = Availability::from_nodes(&changes[6..]).expect("one row");
    assert_eq!((late.capacity_at(at(0)), late.capacity_at(at(180))), (0, 1));
}

#[test]
fn a_recording_that_contradicts_itself_is_refused() {
    let at = SimTime::from_secs;
    let check = |rows: &[(SimTime, u32)], message: &str| {
        assert_eq!(Availability::new(rows).expect_err("bad rows").to_string(), message);
    };
    check(&[], "a recording of availability needs at least one row");
    check(&[(at(1), 1)], "a recording of availability begins at 0 s");
    check(&[(at(0), 1), (at(0), 2)], "rows of availability ascend in time");
    check(&[(at(0), 1), (at(9), 2), (at(8), 2)], "rows of availability ascend in time");
    let check = |changes: &[NodeChange], expected: BadAvailability| {
        assert_eq!(Availability::from_nodes(changes), Err(expected));
    };
    let node = || "a".to_string();
    check(&[], BadAvailability::Empty);
    check(&[change(9, true, "a"), change(8, true, "b")], BadAvailability::Disordered { row: 1 });
    check(
        &[change(0, true, "a"), change(9, true, "a")],
        BadAvailability::AddedTwice { row: 1, node: node() },
    );
    check(&[change(0, false, "a")], BadAvailability::NotThere { row: 0, node: node() });
}

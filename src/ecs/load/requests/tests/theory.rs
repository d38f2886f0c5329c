//! Means over replications against closed forms.

use super::super::super::queueing::{
    erlang_b, limited_sharing_response, mg1_wait, mmc_wait, shared,
};
use super::*;

/// Mean work of a request, in seconds: long enough for whole microseconds to be fine.
const WORK: f64 = 0.02;

/// Returns the mean wait in seconds, after a tenth of the time.
fn wait(shop: &mut Shop, per_second: f64, seconds: f64) -> f64 {
    shop.run(per_second, seconds / 10.0);
    let (tally, span) = shop.run(per_second, seconds);
    tally.usage.mean_waiting(span) * span.as_secs_f64() / tally.flow.arrived as f64
}

/// Returns the mean number of requests, after a tenth of the time.
fn in_system(shop: &mut Shop, per_second: f64, seconds: f64) -> f64 {
    shop.run(per_second, seconds / 10.0);
    let (tally, span) = shop.run(per_second, seconds);
    tally.usage.mean_in_system(span)
}

#[test]
fn one_place_and_one_vcpu_wait_as_pollaczek_and_khinchine_say() {
    // M/D/1, something between, M/M/1, and a wide spread.
    for (scv, utilization) in [(0.0, 0.8), (0.25, 0.6), (1.0, 0.3), (1.0, 0.8), (4.0, 0.6)] {
        let rate = utilization / WORK;
        check(mg1_wait(rate, WORK, scv), |replication| {
            let class = cpu_only(spread(WORK, scv));
            wait(&mut Shop::new(replication, class, &[full(1)]), rate, 400.0)
        });
    }
}

#[test]
fn cpu_and_wait_together_are_the_service_time() {
    // 10 ms of each, exponential: the squared coefficient of variation of the sum is a half.
    check(mg1_wait(35.0, 0.02, 0.5), |replication| {
        let half = exponential(0.01);
        let class = ClassSpec { cpu_seconds: half.clone(), wait_seconds: half, calls: Vec::new() };
        wait(&mut Shop::new(replication, class, &[full(1)]), 35.0, 400.0)
    });
}

#[test]
fn several_places_wait_as_erlang_says() {
    for (places, utilization) in [(2, 0.7), (3, 0.8), (10, 0.9)] {
        let rate = utilization * f64::from(places) / WORK;
        check(mmc_wait(places, rate, WORK), |replication| {
            let class = cpu_only(exponential(WORK));
            wait(&mut Shop::new(replication, class, &[full(places)]), rate, 200.0)
        });
    }
}

#[test]
fn without_a_queue_erlang_b_is_lost() {
    // Whatever the distribution of service times.
    for (places, offered, scv) in [(1, 0.5, 1.0), (5, 4.0, 1.0), (5, 4.0, 0.0), (20, 18.0, 4.0)] {
        check(erlang_b(places, offered), |replication| {
            let class = cpu_only(spread(WORK, scv));
            let server = ServerSpec { queue_limit: 0, ..full(places) };
            let mut shop = Shop::new(replication, class, &[server]);
            shop.run(offered / WORK, 10.0);
            let (tally, _) = shop.run(offered / WORK, 100.0);
            tally.flow.queue_full as f64 / tally.flow.arrived as f64
        });
    }
}

#[test]
fn a_shared_cpu_does_not_care_about_the_spread_of_work() {
    for scv in [0.0, 1.0, 4.0] {
        check(shared(0.7, 1.0).in_system, |replication| {
            let class = cpu_only(spread(WORK, scv));
            in_system(&mut Shop::new(replication, class, &[sharing(1.0)]), 0.7 / WORK, 300.0)
        });
    }
}

#[test]
fn fractions_of_a_vcpu_are_shared() {
    for (cpu, offered, scv) in [(0.25, 0.15, 1.0), (0.25, 0.15, 0.0), (1.5, 1.1, 1.0)] {
        check(shared(offered, cpu).in_system, |replication| {
            let class = cpu_only(spread(WORK, scv));
            in_system(&mut Shop::new(replication, class, &[sharing(cpu)]), offered / WORK, 300.0)
        });
    }
    // An exponential service does not see how many are admitted at once: min(n, places, cpu).
    check(shared(1.7, 2.25).in_system, |replication| {
        let server = ServerSpec { cpu: 2.25, concurrency: 5, ..ServerSpec::default() };
        let class = cpu_only(exponential(WORK));
        in_system(&mut Shop::new(replication, class, &[server]), 1.7 / WORK, 300.0)
    });
}

#[test]
fn a_slower_vcpu_takes_longer() {
    // Half the speed is twice the work, in recursion and in sharing.
    for server in [full(1), sharing(1.0)] {
        check(1.5, |replication| {
            let class = cpu_only(exponential(WORK / 2.0));
            let server = ServerSpec { speed: 0.5, ..server };
            in_system(&mut Shop::new(replication, class, &[server]), 0.6 / WORK, 200.0)
        });
    }
}

#[test]
fn few_places_that_share_are_between_a_queue_and_sharing() {
    let (rate, scv) = (0.8 / WORK, 4.0);
    let mean = |places: u32| {
        let run = |replication| {
            let server = ServerSpec { concurrency: places, ..ServerSpec::default() };
            let class = cpu_only(spread(WORK, scv));
            in_system(&mut Shop::new(replication, class, &[server]), rate, 1000.0) / rate
        };
        (0..10).map(run).sum::<f64>() / 10.0
    };
    let (queue, all) = (WORK + mg1_wait(rate, WORK, scv), WORK / (1.0 - 0.8));
    for places in [3, 8] {
        let (found, expected) = (mean(places), limited_sharing_response(places, rate, WORK, scv));
        assert!(all < found && found < queue, "{all} < {found} < {queue}");
        assert!((found / expected - 1.0).abs() < 0.1, "{places}: {found}, {expected}");
    }
}

#[test]
fn utilization_is_work_over_capacity() {
    // By recursion, shared, and of a fraction: what is used is λE[S], whatever serves it.
    for (server, cpu) in [(full(2), 2.0), (sharing(1.0), 1.0), (sharing(0.5), 0.5)] {
        let rate = 0.4 * cpu / WORK;
        check(0.4, |replication| {
            let class = cpu_only(exponential(WORK));
            let mut shop = Shop::new(replication, class, &[server]);
            shop.run(rate, 10.0);
            let (tally, span) = shop.run(rate, 100.0);
            tally.usage.cpu_seconds() / (cpu * span.as_secs_f64())
        });
    }
}

#[test]
fn taking_turns_makes_arrivals_regular() {
    // Every k-th request comes after a gap of Erlang's distribution: the wait in E_k/M/1 is that
    // of the root of z = (kρ ÷ (kρ + 1 - z))ᵏ.
    for (servers, utilization) in [(2u32, 0.8), (5, 0.7)] {
        let mut root = 0.5f64;
        for _ in 0..1000 {
            let k = f64::from(servers);
            root = (k * utilization / (k * utilization + 1.0 - root)).powi(servers as i32);
        }
        check(root * WORK / (1.0 - root), |replication| {
            let specs = vec![full(1); servers as usize];
            let mut shop = Shop::new(replication, cpu_only(exponential(WORK)), &specs);
            wait(&mut shop, f64::from(servers) * utilization / WORK, 200.0)
        });
    }
}

#[test]
fn littles_law_holds_exactly() {
    for server in [full(1), full(7), sharing(0.75)] {
        let mut shop = Shop::new(1, cpu_only(spread(WORK, 4.0)), &[server]);
        let (tally, _) = shop.run(0.7 * server.cpu / WORK, 100.0);
        shop.close();
        let after = shop.requests.group(shop.group);
        assert!(tally.flow.arrived > 1000);
        let responses = shop.requests.responses(shop.group);
        assert_eq!(after.usage.in_system_us, responses.sum_us());
        assert_eq!(after.flow.completed, responses.count());
        // The client's latency is the same, as nobody tried twice.
        let responses = responses.clone();
        assert_eq!(shop.requests.source(shop.source).latency, responses);
        assert_eq!(shop.requests.class(shop.class).responses, responses);
    }
}

#[test]
fn the_response_of_an_endless_server_is_its_work() {
    // M/M/∞: quantiles of the exponential distribution.
    let mut shop = Shop::new(0, wait_only(exponential(0.1)), &[sharing(0.0)]);
    shop.run(1000.0, 100.0);
    shop.close();
    let responses = shop.requests.responses(shop.group);
    for (q, expected) in [(0.5, 0.0693), (0.95, 0.2996), (0.99, 0.4605)] {
        let found = responses.quantile(q).unwrap().as_secs_f64();
        assert!((found / expected - 1.0).abs() < 0.02, "{q}: {found}, {expected}");
    }
}

#[test]
fn who_is_given_up_is_gone_or_served_all_the_same() {
    // M/M/∞ with a patience of one mean: e⁻¹ of all time out, and the mean stay is 1 - e⁻¹ of it
    // if they vanish.
    let stay = 1.0 - (-1.0f64).exp();
    for (abandoned, in_system) in [(Abandoned::Cancelled, stay), (Abandoned::Served, 1.0)] {
        let run = |replication| {
            let patience = Patience { timeout: Some(Span::millis(100)), ..Patience::default() };
            let group = GroupSpec { abandoned, ..GroupSpec::default() };
            let class = wait_only(exponential(0.1));
            let mut shop = Shop::with(replication, class, &[sharing(1.0)], (group, patience));
            let (tally, span) = shop.run(100.0, 100.0);
            shop.close();
            let met = shop.requests.source(shop.source);
            assert_eq!(met.sent, met.succeeded + met.timed_out);
            [tally.usage.mean_in_system(span), met.timed_out as f64 / met.sent as f64]
        };
        // A hundred milliseconds of a hundred seconds are empty at the start.
        check(10.0 * in_system, |replication| run(replication)[0]);
        check(1.0 - stay, |replication| run(replication)[1]);
    }
}

#[test]
fn retries_multiply_attempts_by_a_geometric_sum() {
    // A quarter of all servers, by weight, rejects everything.
    let (failure, retries) = (0.25f64, 2);
    let expected = (1.0 - failure.powi(retries + 1)) / (1.0 - failure);
    let run = |replication| {
        let broken = ServerSpec { concurrency: 0, queue_limit: 0, ..full(1) };
        let servers = [ServerSpec { weight: 3.0, ..sharing(100.0) }, broken];
        let group = GroupSpec { routing: Routing::WeightedRandom, ..GroupSpec::default() };
        let backoff = Backoff { first: Span::millis(50), jitter: true, ..Backoff::default() };
        let patience = Patience { retries: retries as u32, backoff, ..Patience::default() };
        let mut shop =
            Shop::with(replication, cpu_only(constant(0.01)), &servers, (group, patience));
        shop.run(100.0, 60.0);
        shop.close();
        shop.requests.source(shop.source).clone()
    };
    check(expected, |replication| {
        let met = run(replication);
        assert_eq!(met.attempts, met.sent + met.retried);
        assert_eq!(met.attempts, met.succeeded + met.rejected);
        met.attempts as f64 / met.sent as f64
    });
    check(failure.powi(retries + 1), |replication| {
        let met = run(replication);
        met.gave_up as f64 / met.sent as f64
    });
}

#[test]
fn calls_take_as_long_as_those_called() {
    // 20 ms of work, and 1.2 calls of 50 ms each, on average.
    check(0.02 + 1.2 * 0.05, |replication| {
        let mut requests = Requests::new(SimTime::ZERO);
        let (to, _) = requests.add_dependency(DependencySpec {
            max_concurrency: u32::MAX,
            queue_limit: 0,
            latency_seconds: exponential(0.05),
            abandoned: Abandoned::Served,
        });
        let call = CallSpec { to, per_request: 1.2, patience: Patience::default() };
        let class = ClassSpec { calls: vec![call], ..cpu_only(constant(0.02)) };
        let settings = (&[sharing(1e6)][..], GroupSpec::default(), Patience::default());
        let mut shop = Shop::within(requests, replication, class, settings);
        shop.run(50.0, 100.0);
        shop.close();
        let calls = shop.requests.call_of(shop.class, 0).unwrap().sent;
        assert_eq!(calls, shop.requests.group(to.group).flow.completed);
        shop.requests.responses(shop.group).mean_secs().unwrap()
    });
}

#[test]
fn arrivals_are_poisson_at_any_rate() {
    // Gaps of a microsecond and less are not lost to rounding.
    check(3e4, |replication| {
        let mut shop = Shop::new(replication, cpu_only(constant(1e-6)), &[]);
        shop.run(3e6, 0.01).0.flow.arrived as f64
    });
    // The variance of counts is their mean: its standard error is 5 % of it over 1000 seconds.
    let mut shop = Shop::new(0, cpu_only(constant(1e-6)), &[]);
    let counts: Vec<f64> = (0..1000).map(|_| shop.run(20.0, 1.0).0.flow.arrived as f64).collect();
    let mean = counts.iter().sum::<f64>() / 1000.0;
    let variance = counts.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / 999.0;
    assert!(
        (mean - 20.0).abs() < 0.5 && (variance / 20.0 - 1.0).abs() < 0.15,
        "{mean}, {variance}"
    );
}

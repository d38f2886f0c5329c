//! What happens to requests in single situations.

use super::*;

#[test]
fn a_group_without_a_server_rejects() {
    let mut shop = Shop::new(0, cpu_only(constant(0.01)), &[]);
    let (tally, _) = shop.run(10.0, 10.0);
    assert!(tally.flow.arrived > 50);
    assert_eq!(tally.flow.no_server, tally.flow.arrived);
    assert_eq!(shop.requests.source(shop.source).gave_up, tally.flow.arrived);
    // So it does if the only one is drained, or has no weight.
    for drains in [true, false] {
        let mut shop = Shop::new(0, cpu_only(constant(0.01)), &[full(1)]);
        let server = shop.servers[0];
        match drains {
            true => assert!(shop.requests.drain_server(server)),
            false => assert!(shop.requests.set_server(server, 1.0, 0.0)),
        }
        assert_eq!(shop.run(10.0, 10.0).0.flow.no_server, tally.flow.arrived);
    }
}

#[test]
fn a_drained_server_ends_what_it_has() {
    let mut shop = Shop::new(0, cpu_only(constant(2.0)), &[full(1), full(1)]);
    shop.run(10.0, 1.0);
    let server = shop.servers[0];
    let before = shop.requests.server(server).unwrap();
    assert!(before.in_system > 1);
    shop.requests.drain_server(server);
    shop.run(10.0, 1.0);
    assert_eq!(shop.requests.server(server).unwrap().flow.arrived, before.flow.arrived);
    shop.close();
    let after = shop.requests.server(server).unwrap();
    assert_eq!(after.flow.completed, before.flow.arrived);
    // 2 s each, one after the other.
    assert_eq!(after.usage.cpu_seconds(), 2.0 * after.flow.completed as f64);
}

#[test]
fn what_is_in_a_removed_server_is_lost() {
    for server in [full(2), sharing(1.0)] {
        let mut shop = Shop::new(0, cpu_only(constant(10.0)), &[server]);
        let (tally, _) = shop.run(10.0, 5.0);
        let last = shop.requests.remove_server(shop.servers[0]).unwrap();
        assert_eq!((last.flow.lost, last.flow.completed), (tally.flow.arrived, 0));
        assert_eq!(shop.requests.remove_server(shop.servers[0]), None);
        assert!(!shop.requests.drain_server(shop.servers[0]));
        let after = shop.requests.group(shop.group);
        assert_eq!((after.flow.lost, after.in_system), (tally.flow.arrived, 0));
        // What it used is not forgotten.
        assert_eq!(after.usage, last.usage);
        let met = shop.requests.source(shop.source);
        assert_eq!((met.lost, met.gave_up), (met.sent, met.sent));
    }
}

#[test]
fn a_crowded_server_is_told_at_once_and_can_be_killed() {
    for server in [full(1), sharing(1.0)] {
        let server = ServerSpec { crowded_above: Some(3), ..server };
        let mut shop = Shop::new(0, cpu_only(constant(2.0)), &[server]);
        shop.requests.set_rate(shop.source, 10.0);
        let notice = shop.requests.advance(secs(60.0));
        let Some(Notice::Crowded { at, server, in_system }) = notice else { panic!("{notice:?}") };
        assert_eq!((server, in_system, at), (shop.servers[0], 4, shop.requests.now()));
        assert_eq!(shop.requests.group(shop.group).flow.arrived, 4);
        let mut killed = shop.clone();
        // It is not told again while there are more, nor if somebody allows more.
        assert_eq!(shop.requests.advance(at + Span::SECOND), None);
        let lost = killed.requests.remove_server(server).unwrap().flow.lost;
        assert_eq!(lost, 4);
        assert_eq!(killed.requests.advance(secs(60.0)), None);
        // It is told again once it has had fewer.
        shop.requests.set_rate(shop.source, 0.0);
        assert_eq!(shop.requests.advance(secs(100.0)), None);
        shop.requests.set_rate(shop.source, 10.0);
        assert!(shop.requests.advance(secs(200.0)).is_some());
        assert_eq!(shop.requests.server(server).unwrap().in_system, 4);
    }
}

#[test]
fn whoever_is_alone_uses_one_vcpu_at_most() {
    for (cpu, expected) in [(8.0, 1.0), (1.0, 1.0), (0.25, 4.0)] {
        let mut shop = Shop::new(0, cpu_only(constant(1.0)), &[sharing(cpu)]);
        // Seldom enough for nobody to meet another: 1 in 1000 s.
        shop.run(0.001, 20_000.0);
        shop.close();
        let tally = shop.requests.group(shop.group);
        let usage = tally.usage;
        assert!(tally.flow.completed > 10);
        assert!((usage.cpu_seconds() / tally.flow.completed as f64 - 1.0).abs() < 1e-6);
        let responses = shop.requests.responses(shop.group);
        assert!((responses.mean_secs().unwrap() - expected).abs() < 0.05);
    }
}

#[test]
fn cpu_that_is_taken_away_stops_work_until_it_is_back() {
    let mut shop = Shop::new(0, cpu_only(constant(1.0)), &[full(4)]);
    let server = shop.servers[0];
    shop.run(2.0, 10.0);
    let before = shop.requests.server(server).unwrap();
    assert!(before.in_service > 0);
    shop.requests.set_server(server, 0.0, 1.0);
    shop.run(0.0, 10.0);
    let stopped = shop.requests.server(server).unwrap();
    assert_eq!(stopped.flow, before.flow);
    assert_eq!(stopped.usage.cpu_us, before.usage.cpu_us);
    shop.requests.set_server(server, 4.0, 1.0);
    shop.close();
    let after = shop.requests.server(server).unwrap();
    assert_eq!(after.flow.completed, before.flow.arrived);
    assert_eq!(after.usage.cpu_us, after.flow.completed as f64 * 1e6);
}

#[test]
fn weights_are_shares_of_requests() {
    for routing in [Routing::RoundRobin, Routing::WeightedRandom] {
        let server = |weight| ServerSpec { weight, ..full(1) };
        let specs = [server(1.0), server(0.25), server(0.0), server(0.75)];
        let group = GroupSpec { routing, ..GroupSpec::default() };
        let class = cpu_only(constant(0.0001));
        let mut shop = Shop::with(0, class, &specs, (group, Patience::default()));
        let (tally, _) = shop.run(100.0, 200.0);
        for (spec, &server) in specs.iter().zip(&shop.servers) {
            let share = shop.requests.server(server).unwrap().flow.arrived as f64;
            let expected = tally.flow.arrived as f64 * spec.weight / 2.0;
            let error = match routing {
                Routing::RoundRobin => 2.0,
                Routing::LeastOutstandingRequests | Routing::WeightedRandom => 300.0,
            };
            assert!((share - expected).abs() <= error, "{routing:?}: {share}, {expected}");
        }
    }
}

#[test]
fn the_least_outstanding_server_is_chosen() {
    // Nobody leaves: servers fill evenly, and a new one catches up.
    let group = GroupSpec { routing: Routing::LeastOutstandingRequests, ..GroupSpec::default() };
    let class = cpu_only(constant(1e6));
    let mut shop = Shop::with(0, class, &[sharing(1.0); 5], (group, Patience::default()));
    shop.run(100.0, 10.0);
    let counts = |shop: &mut Shop| -> Vec<u32> {
        let servers = shop.servers.clone();
        servers.iter().map(|&it| shop.requests.server(it).unwrap().in_system).collect()
    };
    let even = counts(&mut shop);
    assert!(even[0] > 100 && even.iter().max().unwrap() - even.iter().min().unwrap() <= 1);
    let late = shop.requests.add_server(shop.group, sharing(1.0));
    shop.servers.push(late);
    shop.run(100.0, 0.5);
    assert_eq!(counts(&mut shop)[..5], even);
    assert!(counts(&mut shop)[5] > 30);
}

#[test]
fn classes_come_as_often_as_their_share() {
    let mut requests = Requests::new(SimTime::ZERO);
    let group = requests.add_group(GroupSpec::default());
    requests.add_server(group, full(1));
    let shares = [3.0, 0.0, 1.0];
    let mix: Vec<(f64, Ix<Class>)> = shares
        .iter()
        .map(|&share| (share, requests.add_class(cpu_only(constant(0.001))).unwrap()))
        .collect();
    let luck = seed(0).luck("load.mixed");
    let spec = SourceSpec { luck, to: group, mix: mix.clone(), patience: Patience::default() };
    let source = requests.add_source(&spec);
    requests.set_rate(source, 100.0);
    assert_eq!(requests.advance(secs(100.0)), None);
    let counts = mix.iter().map(|&(_, class)| requests.class(class).flow.arrived as f64);
    let counts: Vec<f64> = counts.collect();
    assert_eq!(counts[1], 0.0);
    // Four standard errors of a binomial share.
    assert!((counts[0] / (counts[0] + counts[2]) - 0.75).abs() < 0.02, "{counts:?}");
    // A source without a class sends nothing.
    let nothing = requests.add_source(&SourceSpec { mix: Vec::new(), ..spec });
    requests.set_rate(nothing, 100.0);
    assert_eq!(requests.advance(secs(101.0)), None);
    assert_eq!(requests.source(nothing).sent, 0);
}

#[test]
fn a_retry_storm_outlives_its_cause_and_does_not_come_without_retries() {
    // A server that is busy for seven tenths of its time, ten seconds at four times its capacity,
    // and clients who wait for a second.
    let goodput = |retries| {
        let patience =
            Patience { timeout: Some(Span::SECOND), retries, backoff: Backoff::default() };
        let class = cpu_only(exponential(0.01));
        let group = GroupSpec::default();
        let mut shop = Shop::with(0, class, &[full(1)], (group, patience));
        let mut share = |rate: f64, seconds: f64| {
            let before = shop.requests.source(shop.source).clone();
            shop.run(rate, seconds);
            let after = shop.requests.source(shop.source);
            (after.succeeded - before.succeeded) as f64 / (after.sent - before.sent) as f64
        };
        assert!(share(70.0, 60.0) > 0.99);
        share(400.0, 10.0);
        share(70.0, 300.0);
        share(70.0, 60.0)
    };
    assert!(goodput(0) > 0.99, "it recovers once the queue has been worked off");
    assert!(goodput(3) < 0.01, "all that is served has been given up");
}

#[test]
fn a_dependency_that_stops_fills_those_who_call_it() {
    let mut requests = Requests::new(SimTime::ZERO);
    let (to, database) = requests.add_dependency(DependencySpec {
        max_concurrency: 10,
        queue_limit: u32::MAX,
        latency_seconds: constant(0.01),
        abandoned: Abandoned::Served,
    });
    let call = CallSpec { to, per_request: 1.0, patience: Patience::default() };
    let class = ClassSpec { calls: vec![call], ..cpu_only(constant(0.001)) };
    let server = ServerSpec { concurrency: 8, queue_limit: 4, ..ServerSpec::default() };
    let settings = (&[server][..], GroupSpec::default(), Patience::default());
    let mut shop = Shop::within(requests, 0, class, settings);
    assert_eq!(shop.run(100.0, 10.0).0.flow.rejected(), 0);
    assert!(shop.requests.set_concurrency(database, 0));
    let (tally, _) = shop.run(100.0, 10.0);
    assert_eq!((tally.in_service, tally.in_system), (8, 12));
    assert!(tally.flow.queue_full > 900);
    // Nobody uses CPU meanwhile.
    assert!(shop.run(100.0, 10.0).0.usage.cpu_us < 1.0);
    assert!(shop.requests.set_concurrency(database, 10));
    shop.run(0.0, 10.0);
    let (tally, _) = shop.run(100.0, 10.0);
    assert_eq!(tally.flow.rejected(), 0);
    shop.close();
}

#[test]
fn an_error_of_a_call_is_an_error_of_the_caller_and_is_tried_again() {
    let mut requests = Requests::new(SimTime::ZERO);
    let (to, _) = requests.add_dependency(DependencySpec {
        max_concurrency: 0,
        queue_limit: 0,
        latency_seconds: constant(0.01),
        abandoned: Abandoned::Served,
    });
    let patience = Patience { retries: 1, ..Patience::default() };
    let call = CallSpec { to, per_request: 2.0, patience };
    let class = ClassSpec { calls: vec![call], ..cpu_only(constant(0.001)) };
    let patience = Patience { retries: 2, ..Patience::default() };
    let mut shop =
        Shop::within(requests, 0, class, (&[full(8)][..], GroupSpec::default(), patience));
    shop.run(10.0, 10.0);
    shop.close();
    let met = shop.requests.source(shop.source).clone();
    assert_eq!((met.errors, met.retried, met.gave_up), (3 * met.sent, 2 * met.sent, met.sent));
    let failed = shop.requests.group(shop.group).flow.failed;
    assert_eq!(failed, met.attempts);
    // The second call is not made when the first has failed twice.
    let call = shop.requests.call_of(shop.class, 0).unwrap();
    assert_eq!((call.sent, call.attempts, call.rejected), (failed, 2 * failed, 2 * failed));
}

#[test]
fn calls_are_nested_to_a_bound() {
    let mut requests = Requests::new(SimTime::ZERO);
    let group = requests.add_group(GroupSpec::default());
    let mut class = requests.add_class(cpu_only(constant(0.001))).unwrap();
    let around = |class| {
        let to = Destination { group, class };
        let call = CallSpec { to, per_request: 1.0, patience: Patience::default() };
        ClassSpec { calls: vec![call], ..cpu_only(constant(0.001)) }
    };
    for _ in 0..MAX_DEPTH {
        class = requests.add_class(around(class)).unwrap();
    }
    let error = requests.add_class(around(class)).unwrap_err();
    assert_eq!(error.to_string(), "calls are nested 17 deep, and at most 16 are simulated");
    // All of it is worked through, by the same servers.
    let luck = seed(0).luck("load.deep");
    let mix = vec![(1.0, class)];
    let patience = Patience::default();
    let source = requests.add_source(&SourceSpec { luck, to: group, mix, patience });
    requests.add_server(group, sharing(1.0));
    requests.set_rate(source, 10.0);
    assert_eq!(requests.advance(secs(10.0)), None);
    requests.set_rate(source, 0.0);
    assert_eq!(requests.advance(secs(20.0)), None);
    let sent = requests.source(source).sent;
    assert!(sent > 50);
    assert_eq!(requests.group(group).flow.completed, 17 * sent);
}

#[test]
fn waits_before_retries_grow_up_to_a_bound() {
    let backoff = Backoff {
        first: Span::millis(100),
        factor: 2.0,
        longest: Span::millis(700),
        jitter: false,
    };
    let waits = [0, 1, 2, 3, 4000].map(|attempt| backoff.after(attempt).as_micros() / 1000);
    assert_eq!(waits, [100, 200, 400, 700, 700]);
    assert_eq!(Backoff::default().after(3), Span::ZERO);
    let odd = Backoff { factor: f64::NAN, ..backoff };
    assert!(odd.after(5) <= Span::millis(700));
}

#[test]
fn memory_does_not_grow_with_the_number_of_requests() {
    // What has been answered leaves nothing behind, not even its time-out of an hour.
    let patience = Patience { timeout: Some(Span::HOUR), ..Patience::default() };
    let group = GroupSpec::default();
    let class = cpu_only(exponential(0.001));
    let mut shop = Shop::with(0, class, &[sharing(1.0)], (group, patience));
    shop.run(300.0, 300.0);
    let requests = &shop.requests;
    assert!(requests.requests.slot_count() < 40);
    assert!(requests.queue.len() < 40);
    let deadlines: usize = requests.clients.iter().map(|(_, it)| it.deadlines.len()).sum();
    assert!(deadlines < 100, "{deadlines}");
}

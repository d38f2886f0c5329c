//! One way of computing against another that must give the same.

use rand::RngExt;

use super::*;
use crate::engine::Purpose;

const CHANGES: Purpose = Purpose::new("changes");

/// Everything that can be read, in text; sums of fractions of CPU may differ in their last digits.
fn everything(shop: &mut Shop) -> String {
    let rounded = |usage: Usage| Usage { cpu_us: (usage.cpu_us / 10.0).round(), ..usage };
    let mut texts = Vec::new();
    for server in shop.servers.clone() {
        let tally = shop.requests.server(server);
        let tally = tally.map(|it| ServerTally { usage: rounded(it.usage), ..it });
        texts.push(format!("{tally:?}"));
    }
    let tally = shop.requests.group(shop.group);
    texts.push(format!("{:?}", GroupTally { usage: rounded(tally.usage), ..tally }));
    texts.push(format!("{:?}", shop.requests.class(shop.class)));
    texts.push(format!("{:?}", shop.requests.source(shop.source)));
    texts.join("\n")
}

#[test]
fn recursion_and_events_give_the_same_departures() {
    for case in 0..40 {
        let mut stream = seed(case).luck("twin").stream(CHANGES);
        let places = stream.random_range(1..5);
        let queue_limit = *[0, 3, u32::MAX].get(stream.random_range(0..3)).unwrap();
        let routing = [Routing::RoundRobin, Routing::WeightedRandom][stream.random_range(0..2)];
        let servers = vec![
            ServerSpec { queue_limit, speed: 1.25, ..full(places) };
            stream.random_range(1..4)
        ];
        let class = ClassSpec {
            cpu_seconds: spread(0.02, 2.0),
            wait_seconds: spread(0.01, f64::from(stream.random_range(0..3))),
            calls: Vec::new(),
        };
        let group = GroupSpec { routing, ..GroupSpec::default() };
        let settings = (&servers[..], group, Patience::default());
        let empty = Requests::new(SimTime::ZERO);
        let mut fast = Shop::within(empty.clone(), case, class.clone(), settings);
        let mut slow = Shop::within(empty.without_recursion(), case, class, settings);
        let is_fast = |shop: &Shop, server| {
            matches!(
                shop.requests.servers.get(server),
                Some(Server { lane: Lane::Recursion(_), .. })
            )
        };
        assert!(fast.servers.iter().all(|&it| is_fast(&fast, it)));
        for step in 0..40 {
            let server = fast.servers[stream.random_range(0..servers.len())];
            let (change, value) = (stream.random_range(0..12), stream.random::<f64>());
            for shop in [&mut fast, &mut slow] {
                let requests = &mut shop.requests;
                match change {
                    0..4 => requests.set_rate(shop.source, 150.0 * f64::from(places) * value),
                    4 => drop(requests.set_server(server, f64::from(places) + value, value)),
                    // Half way there are fewer vCPUs than places, and all over again.
                    5 if step > 20 => drop(requests.set_server(server, value, 1.0)),
                    6 if step > 20 => drop(requests.set_server(server, 4.0, 1.0)),
                    7 if step > 20 => drop(requests.set_concurrency(server, step % 5)),
                    8 if step == 30 => drop(requests.remove_server(server)),
                    9 if step == 35 => drop(requests.drain_server(server)),
                    _ => {}
                }
                let until = requests.now() + Span::from_secs_f64(value);
                assert_eq!(requests.advance(until), None);
            }
            assert!(!slow.servers.iter().any(|&it| is_fast(&slow, it)));
            let (fast, slow) = (everything(&mut fast), everything(&mut slow));
            let differ = fast.lines().zip(slow.lines()).find(|(fast, slow)| fast != slow);
            let differ = differ.map(|(fast, slow)| [fast, slow].map(|it| it.get(..300)));
            assert_eq!(differ, None, "case {case}, step {step}, change {change}");
        }
    }
}

/// A shop with everything: classes, calls, time-outs, retries, several servers of all kinds.
fn busy_shop(case: u64, abandoned: Abandoned) -> Shop {
    let mut requests = Requests::new(SimTime::ZERO);
    let (database, _) = requests.add_dependency(DependencySpec {
        max_concurrency: 4,
        queue_limit: 20,
        latency_seconds: spread(0.02, 2.0),
        abandoned,
    });
    let orders = requests.add_group(GroupSpec { abandoned, ..GroupSpec::default() });
    let backoff = Backoff { first: Span::millis(20), jitter: true, ..Backoff::default() };
    let patience = Patience { timeout: Some(Span::millis(100)), retries: 2, backoff };
    let call = |to, per_request| CallSpec { to, per_request, patience };
    let order = ClassSpec {
        cpu_seconds: exponential(0.004),
        wait_seconds: constant(0.001),
        calls: vec![call(database, 0.7)],
    };
    let order = requests.add_class(order).unwrap();
    for cpu in [0.5, 1.0] {
        let server = ServerSpec { cpu, concurrency: 6, queue_limit: 10, ..Default::default() };
        requests.add_server(orders, server);
    }
    let to = Destination { group: orders, class: order };
    let class = ClassSpec {
        cpu_seconds: spread(0.01, 2.0),
        wait_seconds: exponential(0.005),
        calls: vec![call(to, 1.2), call(database, 0.3)],
    };
    let server = ServerSpec { concurrency: 16, queue_limit: 30, ..Default::default() };
    let routing = Routing::LeastOutstandingRequests;
    let patience = Patience { timeout: Some(Span::millis(300)), ..patience };
    let settings = (&[server, full(2), server][..], GroupSpec { routing, abandoned }, patience);
    Shop::within(requests, case, class, settings)
}

#[test]
fn two_steps_are_one_and_a_clone_goes_on_alike() {
    for (case, abandoned) in [(0, Abandoned::Served), (1, Abandoned::Cancelled)] {
        let mut stream = seed(case).luck("steps").stream(CHANGES);
        let mut one = busy_shop(case, abandoned);
        one.requests.set_rate(one.source, 120.0);
        let mut many = one.clone();
        let end = secs(20.0);
        assert_eq!(one.requests.advance(end), None);
        while many.requests.now() < end {
            let step = Span::from_secs_f64(0.3 * stream.random::<f64>().powi(4));
            let until = (many.requests.now() + step).min(end);
            assert_eq!(many.requests.advance(until), None);
            many.requests.set_rate(many.source, 120.0);
            if step.as_micros().is_multiple_of(7) {
                many = many.clone();
                everything(&mut many);
            }
        }
        assert!(everything(&mut one) == everything(&mut many));
        let books = [&one, &many].map(|shop| format!("{:?}", shop.requests.books));
        assert!(books[0] == books[1]);
    }
}

#[test]
fn nothing_gets_lost_but_what_is_lost() {
    let abandoned = [Abandoned::Served, Abandoned::Cancelled];
    for (case, abandoned) in (0..12).flat_map(|case| abandoned.map(|it| (case, it))) {
        let mut stream = seed(case).luck("laws").stream(CHANGES);
        let mut shop = busy_shop(case, abandoned);
        let all: Vec<Ix<Group>> = shop.requests.groups.indices().collect();
        for _ in 0..60 {
            let requests = &mut shop.requests;
            let among = &requests.groups[all[stream.random_range(0..all.len())]].servers;
            let server = among.get(stream.random_range(0..among.len().max(1))).copied();
            let value = stream.random::<f64>();
            match (stream.random_range(0..9), server) {
                (0..3, _) => requests.set_rate(shop.source, 300.0 * value),
                (3, Some(server)) => drop(requests.set_server(server, 4.0 * value, value)),
                (4, Some(server)) => drop(requests.set_server(server, 0.0, 1.0)),
                (5, Some(server)) => drop(requests.set_concurrency(server, (9.0 * value) as u32)),
                (6, Some(server)) if among.len() > 1 => drop(requests.remove_server(server)),
                (7, _) => {
                    let spec = ServerSpec { cpu: 2.0, concurrency: 2, ..Default::default() };
                    requests.add_server(shop.group, spec);
                }
                _ => {}
            }
            let until = requests.now() + Span::from_secs_f64(value);
            assert_eq!(requests.advance(until), None);
            keeps_the_laws(requests);
        }
        let requests = &mut shop.requests;
        requests.set_rate(shop.source, 0.0);
        let servers: Vec<Id<Server>> = requests.servers.iter().map(|(id, _)| id).collect();
        for server in servers {
            requests.set_server(server, 1.0, 1.0);
            requests.set_concurrency(server, 5);
        }
        assert_eq!(requests.advance(requests.now() + Span::HOUR), None);
        keeps_the_laws(requests);
        assert_eq!((requests.requests.len(), requests.retries.len()), (0, 0));
        for (_, met) in requests.books.clients.iter() {
            assert_eq!(met.sent, met.succeeded + met.gave_up + met.dropped);
            // Some retries came to nothing, since the caller was gone by then.
            let planned = met.sent + met.retried;
            assert!((planned - met.dropped..=planned).contains(&met.attempts), "{met:?}");
        }
    }
}

/// Checks, for each group and server, that all who arrived have left or are there.
fn keeps_the_laws(requests: &mut Requests) {
    let mut there = 0;
    for group in requests.groups.indices().collect::<Vec<_>>() {
        let tally = requests.group(group);
        assert_eq!(tally.flow.in_system(), tally.in_system, "{tally:?}");
        assert!(tally.in_service <= tally.in_system);
        assert_eq!(requests.responses(group).count(), tally.flow.completed);
        there += tally.in_system;
        for server in requests.groups[group].servers.clone() {
            let tally = requests.server(server).unwrap();
            assert_eq!(tally.flow.in_system(), u64::from(tally.in_system), "{tally:?}");
        }
    }
    // None of these servers is served by recursion, as all calls can time out.
    assert_eq!(there, requests.requests.len() as u64);
    let flows = requests.books.classes.iter().map(|(_, account)| account.flow.in_system());
    assert_eq!(there, flows.sum::<u64>());
}

#[test]
fn a_rate_that_changes_only_stretches_time() {
    // The same luck, once at 10 a second, once at 5 and at 20 in turns, with pauses.
    let arrived = |rates: &[(f64, f64)]| {
        let mut shop = Shop::new(3, cpu_only(constant(0.001)), &[full(1)]);
        let runs = std::iter::repeat_n(rates, 100).flatten();
        runs.map(|&(rate, seconds)| shop.run(rate, seconds).0.flow.arrived).sum::<u64>()
    };
    let even = arrived(&[(10.0, 8.0)]);
    assert_eq!(arrived(&[(5.0, 8.0), (0.0, 3.0), (20.0, 2.0)]), even);
    assert_eq!(arrived(&[(80.0, 1.0), (f64::NAN, 1.0), (-1.0, 1.0)]), even);
    assert!((7500..8500).contains(&even), "{even}");
}

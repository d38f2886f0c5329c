//! Requests one by one: arrival, routing, queue, CPU, time-out, retry and call.
//!
//! Times are per request that clients send, all of its attempts and calls included, servers being
//! busy for seven tenths of their time. *Recursion* is what first-in-first-out servers with a vCPU
//! for each place are served by, *events* the same servers with an event for each departure, by
//! which it is judged. With `--table` a Markdown table is printed.

mod table;

use criterion::{Criterion, criterion_group};
use ecsim::ecs::load::requests::*;
use ecsim::engine::{Distribution, Ix, Seed};
use ecsim::units::{SimTime, Span};

/// CPU time of a request, in seconds.
const WORK: f64 = 0.01;

/// What is measured: servers, who comes, and where departures come from.
struct Case {
    name: &'static str,
    servers: u32,
    server: ServerSpec,
    routing: Routing,
    patience: Patience,
    has_calls: bool,
    by_events: bool,
}

fn cases() -> Vec<Case> {
    let full = |places: u32| ServerSpec {
        cpu: f64::from(places),
        concurrency: places,
        ..ServerSpec::default()
    };
    let case = |name, server| Case {
        name,
        servers: 1,
        server,
        routing: Routing::RoundRobin,
        patience: Patience::default(),
        has_calls: false,
        by_events: false,
    };
    let shared = ServerSpec { queue_limit: 1000, ..ServerSpec::default() };
    let backoff = Backoff { first: Span::millis(100), jitter: true, ..Backoff::default() };
    // Some attempts take so long, too few for a storm of retries.
    let patience = Patience { timeout: Some(Span::millis(300)), retries: 2, backoff };
    let least = Routing::LeastOutstandingRequests;
    let random = Routing::WeightedRandom;
    vec![
        case("1 place, recursion", full(1)),
        Case { by_events: true, ..case("1 place, events", full(1)) },
        case("64 places, recursion", full(64)),
        Case { by_events: true, ..case("64 places, events", full(64)) },
        Case { servers: 100, ..case("100 tasks of 1 place, recursion", full(1)) },
        Case { servers: 100, routing: random, ..case("the same, weighted random", full(1)) },
        case("shared CPU", shared),
        Case { servers: 100, ..case("100 tasks of shared CPU", shared) },
        Case { servers: 100, routing: least, ..case("the same, least outstanding", shared) },
        Case { patience, ..case("shared CPU, time-outs and retries", shared) },
        Case { servers: 100, patience, ..case("100 tasks of it", shared) },
        Case { servers: 100, patience, has_calls: true, ..case("and a call each", shared) },
    ]
}

fn exponential(mean: f64) -> Distribution {
    Distribution::exponential(mean).expect("a mean")
}

/// A simulation that is warm.
struct Warm {
    requests: Requests,
    source: Ix<Source>,
    /// Requests per second.
    rate: f64,
}

impl Warm {
    fn new(case: &Case) -> Warm {
        let mut requests = Requests::new(SimTime::ZERO);
        if case.by_events {
            requests = requests.without_recursion();
        }
        let none = Distribution::constant(0.0).expect("a value");
        let mut calls = Vec::new();
        if case.has_calls {
            let (to, _) = requests.add_dependency(DependencySpec {
                max_concurrency: 10_000,
                queue_limit: 10_000,
                latency_seconds: exponential(0.005),
                abandoned: Abandoned::Served,
            });
            calls.push(CallSpec { to, per_request: 1.0, patience: case.patience });
        }
        let group = requests.add_group(GroupSpec { routing: case.routing, ..Default::default() });
        let class = ClassSpec { cpu_seconds: exponential(WORK), wait_seconds: none, calls };
        let class = requests.add_class(class).expect("calls are not deep");
        for _ in 0..case.servers {
            requests.add_server(group, case.server);
        }
        let luck = Seed { master: 1, replication: 0 }.luck("load");
        let (mix, patience) = (vec![(1.0, class)], case.patience);
        let source = requests.add_source(&SourceSpec { luck, to: group, mix, patience });
        let rate = 0.7 * case.server.cpu * f64::from(case.servers) / WORK;
        requests.set_rate(source, rate);
        let mut warm = Warm { requests, source, rate };
        if table::measuring() {
            warm.send(100_000);
        }
        warm
    }

    /// Lets so many requests come, on average, and reads what became of them.
    fn send(&mut self, count: u32) -> u64 {
        let span = Span::from_secs_f64(f64::from(count) / self.rate);
        self.requests.advance(self.requests.now() + span);
        self.requests.source(self.source).succeeded
    }
}

/// How many requests are sent at a time.
const BATCH: u32 = 1000;

fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("requests/1000");
    for case in table::sizes(&cases()) {
        let mut warm = Warm::new(case);
        group.bench_function(case.name, |bencher| bencher.iter(|| warm.send(BATCH)));
    }
    group.finish();
}

fn print_table() {
    table::print_machine();
    let columns = ["ns a request", "million requests a second"].map(String::from);
    table::print_head("requests of", &columns);
    for case in &cases() {
        let mut warm = Warm::new(case);
        let nanos = table::nanos(10 * BATCH, |count| table::timed(1, || warm.send(count)));
        table::print_row(case.name, &[table::whole(nanos), table::ratio(1000.0, nanos)]);
    }
}

criterion_group!(group, requests);

fn main() {
    if table::wanted() {
        return print_table();
    }
    if !table::measuring() {
        print_table();
    }
    group();
}

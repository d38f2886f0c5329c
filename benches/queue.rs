//! The future-event list in the hold model: take the earliest event, schedule its successor.
//!
//! Times are per take-and-schedule. `exponential` draws all delays from one exponential
//! distribution; `mixed` is what a cluster does: a fifth happens at once, many follow within
//! seconds, timers tick by the minute, and tasks end after hours.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ecsim::engine::{HeapQueue, Purpose, Queue, Seed, Stream};
use ecsim::units::{SimTime, Span};
use rand::RngExt;
use rand_distr::Exp1;

const DELAYS: Purpose = Purpose::new("delays");
const MANY: [usize; 5] = [100, 1_000, 10_000, 100_000, 1_000_000];

fn exponential(stream: &mut Stream) -> Span {
    Span::from_secs_f64(60.0 * stream.sample::<f64, _>(Exp1))
}

fn mixed(stream: &mut Stream) -> Span {
    match stream.random_range(0..10) {
        0..2 => Span::ZERO,
        2..6 => Span::from_secs_f64(stream.sample::<f64, _>(Exp1)),
        6..9 => Span::MINUTE,
        _ => Span::from_secs_f64(3600.0 * stream.sample::<f64, _>(Exp1)),
    }
}

/// Drawn beforehand, so that the generator is not measured; short enough to stay in the cache.
fn delays(draw: fn(&mut Stream) -> Span) -> Vec<Span> {
    let mut stream = Seed { master: 1, replication: 0 }.luck("hold").stream(DELAYS);
    (0..4099).map(|_| draw(&mut stream)).collect()
}

/// One benchmark function for each queue: they share an interface and no trait.
macro_rules! hold {
    ($name:ident, $queue:ident) => {
        fn $name(criterion: &mut Criterion, mix: &str, draw: fn(&mut Stream) -> Span) {
            let delays = delays(draw);
            let mut group = criterion.benchmark_group(format!("hold/{mix}/{}", stringify!($queue)));
            for pending in sizes() {
                group.bench_function(BenchmarkId::from_parameter(pending), |bencher| {
                    let mut queue = $queue::new();
                    let mut next = delays.iter().cycle();
                    let mut delay = || *next.next().expect("a cycle has no end");
                    for event in 0..*pending as u64 {
                        queue.schedule(SimTime::ZERO + delay(), 0, event);
                    }
                    let mut step = || {
                        let popped = queue.pop_until(SimTime::MAX).expect("rounds are few");
                        let event = popped.expect("as many are scheduled as are taken");
                        queue.schedule(queue.now() + delay(), 0, event);
                        event
                    };
                    // Past the start, which no run stays in for long.
                    for _ in 0..*pending {
                        black_box(step());
                    }
                    bencher.iter(&mut step);
                });
            }
            group.finish();
        }
    };
}

hold!(heap, HeapQueue);
hold!(wheel, Queue);

/// All sizes when measuring, the smallest when run as a test.
fn sizes() -> &'static [usize] {
    let measuring = std::env::args().any(|argument| argument == "--bench");
    let testing = std::env::args().any(|argument| argument == "--test");
    if measuring && !testing { &MANY } else { &MANY[..1] }
}

fn benches(criterion: &mut Criterion) {
    heap(criterion, "exponential", exponential);
    wheel(criterion, "exponential", exponential);
    heap(criterion, "mixed", mixed);
    wheel(criterion, "mixed", mixed);
}

criterion_group!(group, benches);
criterion_main!(group);

//! The future-event list in the hold model: take the earliest event, schedule its successor.
//!
//! Times are per take-and-schedule. `exponential` draws all delays from one exponential
//! distribution; `mixed` is what a cluster does: a fifth happens at once, many follow within
//! seconds, timers tick by the minute, and tasks end after hours. `wheel` is what runs use, `heap`
//! the plain binary heap that judges it. With `--table` a Markdown table is printed.

mod table;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group};
use ecsim::engine::{HeapQueue, Purpose, Queue, Seed, Stream};
use ecsim::units::{SimTime, Span};
use rand::RngExt;
use rand_distr::Exp1;

const DELAYS: Purpose = Purpose::new("delays");
const PENDING: [usize; 5] = [100, 1_000, 10_000, 100_000, 1_000_000];

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
fn delays(draw: Draw) -> Vec<Span> {
    let mut stream = Seed { master: 1, replication: 0 }.luck("hold").stream(DELAYS);
    (0..4099).map(|_| draw(&mut stream)).collect()
}

/// One function for each queue, as they share an interface and no trait: it fills the queue and
/// returns the step.
macro_rules! hold {
    ($name:ident, $queue:ident) => {
        fn $name(pending: usize, draw: Draw) -> impl FnMut() -> u64 {
            let mut delays = delays(draw).into_iter().cycle();
            let mut delay = move || delays.next().expect("a cycle has no end");
            let mut queue = $queue::new();
            for event in 0..pending as u64 {
                queue.schedule(SimTime::ZERO + delay(), 0, event);
            }
            let mut step = move || {
                let popped = queue.pop_until(SimTime::MAX).expect("rounds are few");
                let event = popped.expect("as many are scheduled as are taken");
                queue.schedule(queue.now() + delay(), 0, event);
                event
            };
            // Past the start, which no run stays in for long.
            for _ in 0..pending {
                black_box(step());
            }
            step
        }
    };
}

hold!(heap, HeapQueue);
hold!(wheel, Queue);

/// How the delays of a mix are drawn.
type Draw = fn(&mut Stream) -> Span;

const MIXES: [(&str, Draw); 2] = [("exponential", exponential), ("mixed", mixed)];

fn queues(criterion: &mut Criterion) {
    for (mix, draw) in MIXES {
        let mut group = criterion.benchmark_group(format!("hold/{mix}"));
        for &pending in table::sizes(&PENDING) {
            group.bench_function(BenchmarkId::new("heap", pending), |bencher| {
                bencher.iter(heap(pending, draw));
            });
            group.bench_function(BenchmarkId::new("wheel", pending), |bencher| {
                bencher.iter(wheel(pending, draw));
            });
        }
        group.finish();
    }
}

fn print_table() {
    table::print_machine();
    let columns = MIXES.map(|(mix, _)| {
        [format!("heap, {mix}"), format!("wheel, {mix}"), "heap ÷ wheel".to_string()]
    });
    table::print_head("pending events", &columns.concat());
    for &pending in table::sizes(&PENDING) {
        let cells = MIXES.map(|(_, draw)| {
            let (mut heap, mut wheel) = (heap(pending, draw), wheel(pending, draw));
            let heap = table::nanos(4096, |times| table::timed(times, &mut heap));
            let wheel = table::nanos(4096, |times| table::timed(times, &mut wheel));
            [table::whole(heap), table::whole(wheel), table::ratio(heap, wheel)]
        });
        table::print_row(&table::whole(pending as f64), &cells.concat());
    }
}

criterion_group!(group, queues);

fn main() {
    if table::wanted() {
        return print_table();
    }
    if !table::measuring() {
        print_table();
    }
    group();
}

//! The floor: the least a cluster simulator can do for a task, as the yardstick for all of ECS.
//!
//! Small tasks arrive at random on n hosts of 16 vCPU and 64 GiB, are placed by best fit, wait in
//! line when nothing fits, and end. There is nothing else: no states, no services, no money. The
//! time per element is the time per task; a task is two events, its arrival and its end.

use std::collections::VecDeque;
use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, SamplingMode, Throughput};
use ecsim::engine::{Distribution, Purpose, Queue, Rank, Seed, Stream};
use ecsim::units::{SimTime, Span};
use rand::RngExt;

/// What a host offers: 64 steps of a quarter vCPU, 64 steps of 1 GiB.
const STEPS: u8 = 64;

/// What tasks take, in steps: sixteen sizes, all alike.
pub const CPU_STEPS: [u8; 4] = [1, 2, 4, 8];
/// The same for memory.
pub const MEMORY_STEPS: [u8; 4] = [1, 2, 4, 8];
/// Steps of each that a task takes on average.
pub const MEAN_STEPS: f64 = 3.75;

/// How full the hosts are on average: so full that tasks wait at times, if the hosts are few.
pub const LOAD: f64 = 0.9;

/// How long a task runs on average.
pub const RUN_TIME: Span = Span::MINUTE;

/// What a task needs, or a host has free, in steps.
#[derive(Clone, Copy)]
struct Room {
    cpu: u8,
    memory: u8,
}

/// All hosts by what they have free: a cell for each pair of steps, and bitmaps of those in use.
///
/// A host that has no CPU or no memory left is in no cell. So there are 64 rows of 64 cells, and a
/// row of bits is one word.
struct Grid {
    hosts: Vec<Host>,
    cells: Vec<Vec<u32>>,
    rows_in_use: u64,
    cells_in_use: [u64; STEPS as usize],
}

struct Host {
    free: Room,
    /// Where the host is in the list of its cell.
    position: u32,
}

impl Grid {
    fn new(hosts: u32) -> Grid {
        let cells = vec![Vec::new(); usize::from(STEPS) * usize::from(STEPS)];
        let mut grid =
            Grid { hosts: Vec::new(), cells, rows_in_use: 0, cells_in_use: [0; STEPS as usize] };
        for host in 0..hosts {
            let free = Room { cpu: STEPS, memory: STEPS };
            grid.hosts.push(Host { free, position: 0 });
            grid.enter(host);
        }
        grid
    }

    /// Finds a host with the least CPU that is enough, and among those the least memory.
    fn best_fit(&self, need: Room) -> Option<u32> {
        let mut rows = self.rows_in_use & (u64::MAX << (need.cpu - 1));
        while rows != 0 {
            let row = rows.trailing_zeros() as usize;
            let cells = self.cells_in_use[row] & (u64::MAX << (need.memory - 1));
            if cells != 0 {
                let cell = row * usize::from(STEPS) + cells.trailing_zeros() as usize;
                return self.cells[cell].last().copied();
            }
            rows &= rows - 1;
        }
        None
    }

    fn take(&mut self, host: u32, need: Room) {
        self.leave(host);
        let free = &mut self.hosts[host as usize].free;
        *free = Room { cpu: free.cpu - need.cpu, memory: free.memory - need.memory };
        self.enter(host);
    }

    fn give(&mut self, host: u32, need: Room) {
        self.leave(host);
        let free = &mut self.hosts[host as usize].free;
        *free = Room { cpu: free.cpu + need.cpu, memory: free.memory + need.memory };
        self.enter(host);
    }

    fn enter(&mut self, host: u32) {
        let Some((row, column)) = cell_of(self.hosts[host as usize].free) else { return };
        let cell = &mut self.cells[row * usize::from(STEPS) + column];
        self.hosts[host as usize].position = cell.len() as u32;
        cell.push(host);
        self.cells_in_use[row] |= 1 << column;
        self.rows_in_use |= 1 << row;
    }

    fn leave(&mut self, host: u32) {
        let Host { free, position } = self.hosts[host as usize];
        let Some((row, column)) = cell_of(free) else { return };
        let cell = &mut self.cells[row * usize::from(STEPS) + column];
        cell.swap_remove(position as usize);
        if let Some(&moved) = cell.get(position as usize) {
            self.hosts[moved as usize].position = position;
        } else if cell.is_empty() {
            self.cells_in_use[row] &= !(1 << column);
            if self.cells_in_use[row] == 0 {
                self.rows_in_use &= !(1 << row);
            }
        }
    }
}

fn cell_of(free: Room) -> Option<(usize, usize)> {
    if free.cpu == 0 || free.memory == 0 {
        return None;
    }
    Some((usize::from(free.cpu - 1), usize::from(free.memory - 1)))
}

#[derive(Clone, Copy)]
enum Event {
    Arrives,
    Ends { host: u32, room: Room },
}

const ENDS: Rank = 0;
const ARRIVES: Rank = 1;

/// A task that waits for room.
struct Waiting {
    need: Room,
    run_time: Span,
}

struct Cluster {
    queue: Queue<Event>,
    grid: Grid,
    /// First in, first out: while one waits, all later ones do.
    waiting: VecDeque<Waiting>,
    arrivals_left: u64,
    /// Between arrivals, in microseconds.
    gap: Distribution,
    /// Of a task, in microseconds.
    run_time: Distribution,
    luck: Stream,
    /// What the loop has done, so that no part of it can be left out.
    ended: u64,
    waited: u64,
}

impl Cluster {
    fn new(hosts: u32, tasks: u64) -> Cluster {
        let tasks_at_once = LOAD * f64::from(hosts) * f64::from(STEPS) / MEAN_STEPS;
        let run_time = RUN_TIME.as_micros() as f64;
        let exponential = |mean| Distribution::exponential(mean).expect("the mean is positive");
        let mut queue = Queue::new();
        queue.schedule(SimTime::ZERO, ARRIVES, Event::Arrives);
        Cluster {
            queue,
            grid: Grid::new(hosts),
            waiting: VecDeque::new(),
            arrivals_left: tasks,
            gap: exponential(run_time / tasks_at_once),
            run_time: exponential(run_time),
            luck: Seed { master: 1, replication: 0 }.luck("floor").stream(Purpose::new("tasks")),
            ended: 0,
            waited: 0,
        }
    }

    /// Runs until the last task has ended.
    fn run(&mut self) {
        while let Some(event) = self.queue.pop_until(SimTime::MAX).expect("instants are short") {
            match event {
                Event::Arrives => self.arrive(),
                Event::Ends { host, room } => {
                    self.grid.give(host, room);
                    self.ended += 1;
                    while let Some(first) = self.waiting.front()
                        && self.start(first.need, first.run_time)
                    {
                        self.waiting.pop_front();
                    }
                }
            }
        }
    }

    fn arrive(&mut self) {
        let bits = self.luck.random::<u8>();
        let need = Room {
            cpu: CPU_STEPS[usize::from(bits % 4)],
            memory: MEMORY_STEPS[usize::from(bits / 4 % 4)],
        };
        let run_time = Span::micros(self.run_time.sample(&mut self.luck) as u64);
        if !self.waiting.is_empty() || !self.start(need, run_time) {
            self.waiting.push_back(Waiting { need, run_time });
            self.waited += 1;
        }
        self.arrivals_left -= 1;
        if self.arrivals_left > 0 {
            let gap = Span::micros(self.gap.sample(&mut self.luck) as u64);
            self.queue.schedule(self.queue.now() + gap, ARRIVES, Event::Arrives);
        }
    }

    fn start(&mut self, need: Room, run_time: Span) -> bool {
        let Some(host) = self.grid.best_fit(need) else { return false };
        self.grid.take(host, need);
        let ends = self.queue.now() + run_time;
        self.queue.schedule(ends, ENDS, Event::Ends { host, room: need });
        true
    }
}

/// Measures the floor.
pub fn floor(criterion: &mut Criterion) {
    let (sizes, tasks) = crate::sizes();
    let mut group = criterion.benchmark_group("floor");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(tasks));
    for &hosts in sizes {
        group.bench_function(BenchmarkId::from_parameter(hosts), |bencher| {
            bencher.iter_batched_ref(
                || Cluster::new(hosts, tasks),
                |cluster| {
                    cluster.run();
                    assert_eq!(cluster.ended, tasks, "every task ends");
                    black_box(cluster.waited)
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

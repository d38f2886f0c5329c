//! Placement: choose an instance, place a task there, and release an older task elsewhere.
//!
//! Instances of 16 vCPU and 64 GiB in three zones are four fifths full. Times are per step. The
//! tasks are of one size or of sixteen; `index` is what runs use, `scan` looks at every instance.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ecsim::ecs::model::*;
use ecsim::ecs::placement::query::Query;
use ecsim::ecs::placement::rig::Rig;
use ecsim::ecs::placement::{Ask, Method, Place};
use ecsim::engine::{Distribution, Ix, Luck, Seed};
use ecsim::units::{Bytes, Calendar, Resources, Span};
use ecsim::{ecs, engine};

/// What one instance offers.
const HOST: Resources = Resources { cpu_units: 16 * 1024, memory_mib: 64 * 1024, gpus: 0 };

/// How full the instances are, in the resource of which most is taken.
const LOAD: f64 = 0.8;

/// Tasks in a random order among so many of the oldest are released.
const WINDOW: usize = 1024;

/// What is measured: a strategy, what tasks need, and what constrains them.
struct Case {
    name: &'static str,
    strategy: Vec<PlacementStrategy>,
    constraint: Option<PlacementConstraint>,
    awsvpc: bool,
    ports: bool,
    sizes: u8,
}

fn zone() -> PlacementStrategy {
    PlacementStrategy::SpreadAttribute("ecs.availability-zone".into())
}

fn cases() -> Vec<Case> {
    use PlacementStrategy::{BinpackCpu, BinpackMemory, Random, SpreadInstance};
    let case = |name, sizes, strategy| Case {
        name,
        strategy,
        constraint: None,
        awsvpc: false,
        ports: false,
        sizes,
    };
    let member_of = |expression| {
        Some(PlacementConstraint::MemberOf(Query::parse(expression).expect("a good expression")))
    };
    let mut cases = Vec::new();
    for sizes in [1, 16] {
        cases.extend([
            case("binpack memory", sizes, vec![BinpackMemory]),
            case("binpack cpu, memory", sizes, vec![BinpackCpu, BinpackMemory]),
            case("spread instance", sizes, vec![SpreadInstance]),
            case("spread zone, instance", sizes, vec![zone(), SpreadInstance]),
            case("spread zone, binpack memory", sizes, vec![zone(), BinpackMemory]),
            case("random", sizes, vec![Random]),
            case("spread zone, random", sizes, vec![zone(), Random]),
        ]);
    }
    let with = |name| case(name, 16, vec![zone(), BinpackMemory]);
    cases.push(Case {
        constraint: member_of("attribute:rack == a and runningTasksCount < 100"),
        ..with("memberOf tasks")
    });
    cases.push(Case { constraint: member_of("attribute:rack == a"), ..with("memberOf attribute") });
    cases.push(Case { awsvpc: true, ..with("network interfaces") });
    cases.push(Case { ports: true, ..with("host ports") });
    cases
}

fn constant(seconds: f64) -> Distribution {
    Distribution::constant(seconds).expect("a number")
}

fn timing() -> Timing {
    Timing {
        reconcile_delay: constant(0.0),
        placement_retry: Span::MINUTE,
        placement_retry_window: Span::MINUTE,
        placement_retry_slow: Span::MINUTE,
        throttle_after: 3,
        throttle_first: Span::MINUTE,
        throttle_cap: Span::MINUTE,
        eni_attach: constant(0.0),
        eni_detach: constant(0.0),
        agent_latency: constant(0.0),
        container_start: constant(0.0),
        fargate_start: constant(0.0),
        fargate_provision: constant(0.0),
        fargate_pull_bandwidth: Bytes::mib(10),
        cached_pull: constant(0.0),
        pull_state: PullState::Activating,
        settle: Span::MINUTE,
        health_check_response: constant(0.0),
    }
}

fn class(zone: Ix<Zone>, name: &str) -> InstanceClass {
    InstanceClass {
        fleet: Ix::new(0),
        cluster: Ix::new(0),
        launch_type: InstanceLaunchType::Ec2,
        zone,
        instance_type: "m5.4xlarge".into(),
        registered: HOST,
        // Half of what fits otherwise.
        task_enis: 4,
        reserved_ports: Vec::new(),
        os: Os::Linux,
        architecture: Architecture::X86_64,
        attributes: vec![
            ("ecs.availability-zone".into(), name.into()),
            ("rack".into(), "a".into()),
        ],
        pull_bandwidth: Bytes::mib(100),
        pull_behavior: PullBehavior::Default,
    }
}

/// A requirement of a case: 0.25 to 2.5 vCPU, 1 to 16 GiB; 2 vCPU and 8 GiB if there is but one.
fn requirement(case: &Case, number: u8) -> Requirement {
    let number = u32::from(number);
    let (cpu_units, memory_mib) = match case.sizes {
        1 => (2048, 8192),
        _ => (256 * (1 + number * 7 % 10), 1024 * (1 + number)),
    };
    let port = HostPort { protocol: Protocol::Tcp, number: 8000 + number as u16 };
    Requirement {
        resources: Resources { cpu_units, memory_mib, gpus: 0 },
        ports: if case.ports { vec![port] } else { Vec::new() },
        awsvpc: case.awsvpc,
        os: Os::Linux,
        architecture: None,
    }
}

fn model(case: &Case, instances: u32) -> Model {
    let zones: engine::Table<Zone> = ["a", "b", "c"]
        .map(|letter| Zone { name: format!("test-1{letter}") })
        .into_iter()
        .collect();
    let classes: engine::Table<InstanceClass> =
        zones.iter().map(|(ix, zone)| class(ix, &zone.name)).collect();
    let group = TaskGroup { name: "family:work".into() };
    let launch = Launch {
        cluster: Ix::new(0),
        providers: vec![StrategyItem { provider: Provider::Ec2, base: 0, weight: 1 }],
        group: Ix::new(0),
        strategy: case.strategy.clone(),
        constraints: case.constraint.iter().cloned().collect(),
        subnets: Vec::new(),
        zones: zones.indices().collect(),
        public_ip: false,
    };
    let fleet =
        Fleet { name: "fleet".into(), count: instances, classes: classes.indices().collect() };
    ecs::Model {
        name: case.name.into(),
        calendar: Calendar::new("2026-01-05T00:00", "UTC").expect("a good date"),
        duration: Span::DAY,
        initial_state: InitialState::Cold,
        zones,
        clusters: [ClusterSpec { name: "default".into() }].into_iter().collect(),
        fleets: [fleet].into_iter().collect(),
        classes,
        subnets: Default::default(),
        images: Default::default(),
        task_definitions: Default::default(),
        requirements: (0..case.sizes).map(|number| requirement(case, number)).collect(),
        launches: [launch].into_iter().collect(),
        groups: [group].into_iter().collect(),
        target_groups: Default::default(),
        services: Default::default(),
        submitters: Default::default(),
        actions: Vec::new(),
        account: Account {
            fargate_cpu_units: None,
            fargate_spot_cpu_units: None,
            fargate_launches: None,
            fargate_spot_launches: None,
            api_calls: None,
            fargate_run_task_calls: None,
            service_launches_on_instances: None,
            service_launches_on_fargate: None,
        },
        timing: timing(),
        limits: Limits { events: u64::MAX, tasks: u64::MAX },
    }
}

/// A cluster in use.
struct Busy {
    rig: Rig,
    tasks: VecDeque<(u8, Place)>,
    luck: Luck,
    sizes: u8,
    next_size: u8,
    step: u64,
    shuffle: u64,
}

impl Busy {
    /// Fills a cluster.
    fn new(case: &Case, instances: u32) -> Busy {
        let model = Arc::new(model(case, instances));
        let luck = Seed { master: 1, replication: 0 }.luck("placement");
        let rig = Rig::new(model.clone());
        let tasks = VecDeque::new();
        let (sizes, next_size, step, shuffle) = (case.sizes, 0, 0, 1);
        let mut busy = Busy { rig, tasks, luck, sizes, next_size, step, shuffle };
        let limit = |all: u32| (f64::from(all) * LOAD * f64::from(instances)) as u64;
        let (mut cpu_units, mut memory_mib) = (0, 0);
        // Whatever is scarce: CPU, memory, or network interfaces.
        while cpu_units < limit(HOST.cpu_units)
            && memory_mib < limit(HOST.memory_mib)
            && (!case.awsvpc || (busy.tasks.len() as u64) < limit(4))
        {
            let Some(size) = busy.place() else { break };
            let taken = &model.requirements[Ix::new(size.into())].resources;
            cpu_units += u64::from(taken.cpu_units);
            memory_mib += u64::from(taken.memory_mib);
        }
        // Past the order in which the tasks came.
        for _ in 0..2 * busy.tasks.len() {
            busy.step();
        }
        busy
    }

    fn ask(&self, size: u8) -> Ask {
        Ask {
            launch: Ix::new(0),
            requirement: Ix::new(size.into()),
            fargate: None,
            provider: Provider::Ec2,
            luck: self.luck.part(self.step),
        }
    }

    /// Places one more task, of the next size.
    fn place(&mut self) -> Option<u8> {
        self.step += 1;
        let size = self.next_size;
        self.next_size = if size + 1 == self.sizes { 0 } else { size + 1 };
        let ask = self.ask(size);
        let place = self.rig.choose(&ask)?;
        self.rig.reserve(&ask, place);
        self.tasks.push_back((size, place));
        Some(size)
    }

    /// Places a task and releases an old one.
    fn step(&mut self) -> Option<u8> {
        let placed = self.place()?;
        self.shuffle = self.shuffle.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let window = WINDOW.min(self.tasks.len()) as u64;
        let old = ((u64::from((self.shuffle >> 32) as u32) * window) >> 32) as usize;
        if let Some((size, place)) = self.tasks.swap_remove_front(old) {
            self.rig.cancel(&self.ask(size), place);
        }
        Some(placed)
    }
}

fn placement(criterion: &mut Criterion) {
    let measuring = std::env::args().any(|argument| argument == "--bench");
    let testing = std::env::args().any(|argument| argument == "--test");
    let instances: &[u32] =
        if measuring && !testing { &[100, 1_000, 10_000, 100_000] } else { &[20] };
    for case in cases() {
        let mut group =
            criterion.benchmark_group(format!("placement/{}/{}", case.name, case.sizes));
        for &count in instances {
            group.bench_function(BenchmarkId::new("index", count), |bencher| {
                let mut busy = Busy::new(&case, count);
                bencher.iter(|| black_box(busy.step()));
            });
            if count > 10_000 {
                continue;
            }
            group.bench_function(BenchmarkId::new("scan", count), |bencher| {
                let mut busy = Busy::new(&case, count);
                busy.rig.use_method(Method::Scan);
                bencher.iter(|| black_box(busy.step()));
            });
        }
        group.finish();
    }
}

criterion_group!(group, placement);
criterion_main!(group);

//! Placement: choose an instance, place a task there, and release an older task elsewhere.
//!
//! Instances of 16 vCPU and 64 GiB in three zones are four fifths full of tasks of sixteen sizes.
//! `index` is what runs use, `scan` looks at every instance; both are timed from the same state.
//!
//! A *step* is a placement and the release of another task, so that the cluster stays as full as
//! it is: `cargo bench --bench placement` times steps. With `--table` a Markdown table is printed
//! that has, beside the step, the *placement* alone: choosing, reserving, and bringing the index
//! up to date with the placement before. The draw of what is asked and released is part of a step,
//! the bookkeeping of the bench part of both.

mod table;

use std::collections::VecDeque;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group};
use ecsim::ecs::Instance;
use ecsim::ecs::capacity::spot::{Hazard, SpotMarket, SpotParameters};
use ecsim::ecs::model::*;
use ecsim::ecs::placement::query::Query;
use ecsim::ecs::placement::rig::Rig;
use ecsim::ecs::placement::{Ask, Method, Place};
use ecsim::engine::{Distribution, Id, Ix, Luck, Seed, Table};
use ecsim::units::{Bytes, Calendar, Resources, Span};
use ecsim::{ecs, engine};

/// What one instance offers.
const HOST: Resources = Resources { cpu_units: 16 * 1024, memory_mib: 64 * 1024, gpus: 0 };

/// How full the instances are, in the resource of which most is taken.
const LOAD: f64 = 0.8;

/// Tasks in a random order among so many of the oldest are released.
const WINDOW: usize = 1024;

/// How many instances there are.
const INSTANCES: [u32; 4] = [100, 1_000, 10_000, 100_000];

/// How many sizes of task there are.
const SIZES: u8 = 16;

/// What is measured: a strategy, what tasks need, and what constrains them.
struct Case {
    name: &'static str,
    strategy: Vec<PlacementStrategy>,
    constraint: Option<PlacementConstraint>,
    awsvpc: bool,
    ports: bool,
}

fn zone() -> PlacementStrategy {
    PlacementStrategy::SpreadAttribute("ecs.availability-zone".into())
}

fn cases() -> Vec<Case> {
    use PlacementStrategy::{BinpackCpu, BinpackMemory, Random, SpreadInstance};
    let case =
        |name, strategy| Case { name, strategy, constraint: None, awsvpc: false, ports: false };
    let member_of = |expression| {
        Some(PlacementConstraint::MemberOf(Query::parse(expression).expect("a good expression")))
    };
    let with = |name| case(name, vec![zone(), BinpackMemory]);
    vec![
        case("binpack(cpu)", vec![BinpackCpu]),
        case("binpack(memory)", vec![BinpackMemory]),
        case("spread(zone)", vec![zone()]),
        case("spread(instanceId)", vec![SpreadInstance]),
        case("binpack(cpu), binpack(memory)", vec![BinpackCpu, BinpackMemory]),
        case("spread(zone), spread(instanceId)", vec![zone(), SpreadInstance]),
        case("spread(zone), binpack(memory)", vec![zone(), BinpackMemory]),
        case("random", vec![Random]),
        case("spread(zone), random", vec![zone(), Random]),
        Case { constraint: member_of("attribute:rack == a"), ..with("memberOf an attribute") },
        Case {
            constraint: member_of("attribute:rack == a and runningTasksCount < 100"),
            ..with("memberOf the number of tasks")
        },
        Case { ports: true, ..with("static host ports") },
        Case { awsvpc: true, ..with("network interfaces") },
    ]
}

fn constant(seconds: f64) -> Distribution {
    Distribution::constant(seconds).expect("a number")
}

fn timing() -> Timing {
    Timing {
        provisioning_timeout: Span::MINUTE,
        managed_scaling_delay: constant(0.0),
        reconcile_delay: constant(0.0),
        placement_retry: Span::MINUTE,
        placement_retry_window: Span::MINUTE,
        placement_retry_slow: Span::MINUTE,
        rebalancing_delay: Span::MINUTE,
        rebalancing_tasks: 1,
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
        instance_launch_call: constant(0.0),
        instance_pending: constant(0.0),
        instance_boot: constant(0.0),
        agent_registration: constant(0.0),
        trunk_attach: constant(0.0),
        launch_retry: Span::MINUTE,
        scheduled_action_delay: constant(0.0),
        service_action_delay: constant(0.0),
        metric_delay: Span::secs(110),
        high_resolution_metric_delay: Span::secs(5),
        alarm_delay: Span::secs(20),
        scale_in_settle: Span::secs(300),
        zone_rebalancing_interval: Span::secs(300),
        warm_start: constant(0.0),
        warm_resume: constant(0.0),
        pull_state: PullState::Activating,
        settle: Span::MINUTE,
        health_check_response: constant(0.0),
        status_check: constant(0.0),
        termination_check: constant(0.0),
        fargate_host_check: constant(0.0),
    }
}

fn class(zone: Ix<Zone>, name: &str) -> InstanceClass {
    InstanceClass {
        fleet: Ix::new(0),
        cluster: Ix::new(0),
        launch_type: InstanceLaunchType::Ec2,
        spot: None,
        zone,
        instance_type: "m5.4xlarge".into(),
        registered: HOST,
        // Half of what fits otherwise.
        task_enis: 4,
        has_trunk: false,
        reserved_ports: Vec::new(),
        os_family: OsFamily::Linux,
        architecture: Architecture::X86_64,
        attributes: vec![
            ("ecs.availability-zone".into(), name.into()),
            ("rack".into(), "a".into()),
        ],
        pull_bandwidth: Bytes::mib(100),
        pull_behavior: PullBehavior::Default,
        cpu_credits: None,
        cpu_speed: 1.0,
    }
}

/// A requirement of a case: 0.25 to 2.5 vCPU, 1 to 16 GiB.
fn requirement(case: &Case, number: u8) -> Requirement {
    let number = u32::from(number);
    let (cpu_units, memory_mib) = (256 * (1 + number * 7 % 10), 1024 * (1 + number));
    let port = HostPort { protocol: Protocol::Tcp, number: 8000 + number as u16 };
    Requirement {
        resources: Resources { cpu_units, memory_mib, gpus: 0 },
        ports: if case.ports { vec![port] } else { Vec::new() },
        awsvpc: case.awsvpc,
        os_family: OsFamily::Linux,
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
    // The first subnet of each zone has no address left, so that the second is looked at as well.
    let subnet = |zone, free_addresses| Subnet { name: "subnet".into(), zone, free_addresses };
    let subnets: engine::Table<Subnet> = match case.awsvpc {
        true => zones.indices().flat_map(|ix| [subnet(ix, 0), subnet(ix, u32::MAX)]).collect(),
        false => Default::default(),
    };
    let group = TaskGroup { cluster: Ix::new(0), name: "family:work".into() };
    let launch = Launch {
        cluster: Ix::new(0),
        providers: vec![StrategyItem::only(Provider::Ec2)],
        group: Ix::new(0),
        strategy: case.strategy.clone(),
        constraints: case.constraint.iter().cloned().collect(),
        subnets: subnets.indices().collect(),
        zones: zones.indices().collect(),
        public_ip: false,
    };
    let fleet = Fleet {
        name: "fleet".into(),
        count: instances,
        classes: classes.indices().collect(),
        group: None,
    };
    ecs::Model {
        name: case.name.into(),
        calendar: Calendar::new("2026-01-05T00:00", "UTC").expect("a good date"),
        duration: Span::DAY,
        initial_state: InitialState::Cold,
        zones,
        clusters: [ClusterSpec { name: "default".into() }].into_iter().collect(),
        fleets: [fleet].into_iter().collect(),
        auto_scaling_groups: Default::default(),
        capacity_providers: Default::default(),
        pools: Default::default(),
        spot_market: SpotMarket::new("test-1", SpotParameters::default())
            .expect("the defaults are in range"),
        fargate_spot_hazard: Hazard::per_hour(0.0).expect("no hazard"),
        fargate_spot_deregistration: Deregistration::default(),
        spot_pools: Default::default(),
        shortages: Vec::new(),
        refreshes: Default::default(),
        classes,
        subnets,
        images: Default::default(),
        task_definitions: Default::default(),
        requirements: (0..SIZES).map(|number| requirement(case, number)).collect(),
        launches: [launch].into_iter().collect(),
        groups: [group].into_iter().collect(),
        target_groups: Default::default(),
        fallbacks: Default::default(),
        fidelity: Default::default(),
        loads: Default::default(),
        queues: Default::default(),
        services: Default::default(),
        fargate_cpu_speed: 1.0,
        submitters: Default::default(),
        actions: Vec::new(),
        faults: Table::new(),
        account: Account::UNLIMITED,
        timing: timing(),
        limits: Limits { events: u64::MAX, tasks: u64::MAX },
    }
}

/// A task that is placed: its size, and where it is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Task {
    size: u8,
    zone: Ix<Zone>,
    instance: Option<Id<Instance>>,
    subnet: Option<Ix<Subnet>>,
}

/// A cluster in use.
struct Busy {
    rig: Rig,
    tasks: VecDeque<Task>,
    luck: Luck,
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
        let mut busy =
            Busy { rig, tasks: VecDeque::new(), luck, next_size: 0, step: 0, shuffle: 1 };
        let limit = |all: u32| (f64::from(all) * LOAD * f64::from(instances)) as u64;
        let (mut cpu_units, mut memory_mib) = (0, 0);
        // Whatever is scarce: CPU, memory, or network interfaces.
        while cpu_units < limit(HOST.cpu_units)
            && memory_mib < limit(HOST.memory_mib)
            && (!case.awsvpc || (busy.tasks.len() as u64) < limit(4))
        {
            let Some(task) = busy.place() else { break };
            let taken = &model.requirements[Ix::new(task.size.into())].resources;
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
            item: 0,
            provider: Provider::Ec2,
            luck: self.luck.part(self.step),
        }
    }

    /// Places one more task, of the next size.
    fn place(&mut self) -> Option<Task> {
        self.step += 1;
        let size = self.next_size;
        self.next_size = (size + 1) % SIZES;
        let ask = self.ask(size);
        let place = self.rig.choose(&ask)?;
        self.rig.reserve(&ask, place);
        let Place { provider: _, instance, zone, subnet } = place;
        let task = Task { size, zone, instance, subnet };
        self.tasks.push_back(task);
        Some(task)
    }

    /// Releases an old task.
    fn release(&mut self) {
        self.shuffle = self.shuffle.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let window = WINDOW.min(self.tasks.len()) as u64;
        let old = ((u64::from((self.shuffle >> 32) as u32) * window) >> 32) as usize;
        if let Some(Task { size, zone, instance, subnet }) = self.tasks.swap_remove_front(old) {
            let place = Place { provider: Provider::Ec2, instance, zone, subnet };
            self.rig.cancel(&self.ask(size), place);
        }
    }

    /// Places a task and releases an old one.
    fn step(&mut self) -> Option<Task> {
        let placed = self.place()?;
        self.release();
        Some(placed)
    }

    /// Looks for an instance and takes nothing, so that the index knows of all that was released.
    fn warm(&mut self) {
        self.rig.choose(&self.ask(self.next_size));
    }
}

fn placement(criterion: &mut Criterion) {
    for case in cases() {
        let mut group = criterion.benchmark_group(format!("placement/{}", case.name));
        for &count in table::sizes(&INSTANCES) {
            for (name, method) in [("index", Method::Index), ("scan", Method::Scan)] {
                if method == Method::Scan && count > 10_000 {
                    continue; // in the table only
                }
                group.bench_function(BenchmarkId::new(name, count), |bencher| {
                    let mut busy = Busy::new(&case, count);
                    busy.rig.use_method(method);
                    bencher.iter(|| busy.step());
                });
            }
        }
        group.finish();
    }
}

/// Nanoseconds of a case at one number of instances.
struct Times {
    placement: f64,
    step: f64,
    step_by_scan: f64,
}

fn times(case: &Case, count: u32) -> Times {
    let mut busy = Busy::new(case, count);
    let placement = table::nanos(64, |times| {
        (0..times).for_each(|_| busy.release());
        busy.warm();
        table::timed(times, || busy.place())
    });
    let step = table::nanos(64, |times| table::timed(times, || busy.step()));
    busy.rig.use_method(Method::Scan);
    let step_by_scan = table::nanos(1, |times| table::timed(times, || busy.step()));
    Times { placement, step, step_by_scan }
}

fn print_tables() {
    table::print_machine();
    let sizes = table::sizes(&INSTANCES);
    let all: Vec<(Case, Vec<Times>)> = cases()
        .into_iter()
        .map(|case| {
            let times = sizes.iter().map(|&count| times(&case, count)).collect();
            (case, times)
        })
        .collect();
    let counts: Vec<String> = sizes.iter().map(|&count| table::whole(count.into())).collect();
    let grown = counts[1..].iter().map(|count| format!("{count} ÷ {}", counts[0]));
    table::print_head("ns of a placement", &[counts.clone(), grown.collect()].concat());
    for (case, times) in &all {
        let cells = times.iter().map(|it| table::whole(it.placement));
        let grown = times[1..].iter().map(|it| table::ratio(it.placement, times[0].placement));
        table::print_row(case.name, &cells.chain(grown).collect::<Vec<_>>());
    }
    println!();
    let by_scan = counts.iter().map(|count| format!("{count}, scan"));
    table::print_head("ns of a step", &[counts.clone(), by_scan.collect()].concat());
    for (case, times) in &all {
        let cells = times.iter().map(|it| table::whole(it.step));
        let by_scan = times.iter().map(|it| table::whole(it.step_by_scan));
        table::print_row(case.name, &cells.chain(by_scan).collect::<Vec<_>>());
    }
}

/// Index and scan choose the same here as well.
fn compare() {
    for case in cases() {
        let (mut fast, mut slow) = (Busy::new(&case, 30), Busy::new(&case, 30));
        slow.rig.use_method(Method::Scan);
        for _ in 0..200 {
            assert_eq!(fast.step(), slow.step(), "{}", case.name);
        }
    }
}

criterion_group!(group, placement);

fn main() {
    if table::wanted() {
        return print_tables();
    }
    if !table::measuring() {
        compare();
        print_tables();
    }
    group();
}

//! Bills by hand: AWS's own examples, minimums, and an independent slow path.

mod commitments;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::ecs::capacity::credits::CreditTerms;
use crate::ecs::fixture::Fixture;
use crate::ecs::model::{
    Architecture, InitialState, InstanceLaunchType, JobTrace, Model, Os, Provider, Source,
    Submitter, WarmPool, WarmState, WhenFull,
};
use crate::ecs::{Fact, Instance, Observer, Sim, Task, TaskStatus, TerminationReason, World};
use crate::engine::{Distribution, Id, Ix, Seed};
use crate::units::{HourlyRate, Money, Resources, SimTime, Span};

fn dollars(dollars: f64) -> Rate {
    Rate::hourly(HourlyRate::from_dollars_f64(dollars))
}

/// Prices of us-east-1; m5.large at $0.096.
fn book(model: &Model) -> PriceBook {
    let class = |class: &crate::ecs::model::InstanceClass| ClassRates {
        cpu_credits: class.cpu_credits.map(|_| dollars(0.05)),
        managed_fee: None,
        instance: dollars(0.096),
        spot: None,
        root_volume_gib: 30,
        root_volume: Rate::monthly(80_000_000),
        public_ip: false,
    };
    let fargate = |os, spot, vcpu, memory| FargateRates {
        os,
        architecture: Architecture::X86_64,
        spot,
        vcpu: dollars(vcpu),
        memory: dollars(memory),
        ephemeral_storage: dollars(0.000111),
    };
    PriceBook {
        classes: model.classes.iter().map(|(_, it)| class(it)).collect(),
        fargate: vec![
            fargate(Os::Linux, false, 0.04048, 0.004445),
            fargate(Os::Linux, true, 0.0124419, 0.00136621),
            fargate(Os::Windows, false, 0.092552, 0.00511175),
        ],
        public_ipv4: dollars(0.005),
        ecs_anywhere: dollars(0.01025),
        standing: Vec::new(),
        commitments: Vec::new(),
        offers: Vec::new(),
        not_modelled: Vec::new(),
    }
}

/// Adds jobs on Fargate, (CPU units, MiB, storage GiB): rows of (arrival s, tasks, run time s).
fn fargate_job(
    fixture: &mut Fixture,
    name: &str,
    (cpu, memory, storage): (u32, u32, u32),
    rows: &[(u64, u32, u64)],
) -> Ix<Submitter> {
    let definition = fixture.definition(name, cpu, memory);
    let job = fixture.job(name, definition, rows, WhenFull::Fail);
    let model = &mut fixture.model;
    let launch = model.submitters[job].launch;
    model.launches[launch].providers[0].provider = Provider::Fargate;
    let size = model.task_definitions[definition].fargate.as_mut().unwrap();
    size.ephemeral_storage_gib = storage;
    let size = *size;
    let Source::Trace(trace) = &model.submitters[job].source else { unreachable!() };
    let fargate = vec![Some(size); model.requirements.len()];
    let trace = JobTrace { fargate, ..JobTrace::clone(trace) };
    model.submitters[job].source = Source::Trace(Arc::new(trace));
    job
}

fn bill_of(fixture: Fixture, secs: u64) -> Bill {
    let (sim, usage) = metered(fixture, secs, 1);
    price(&usage, &book(sim.model()), sim.model()).unwrap()
}

fn metered(fixture: Fixture, secs: u64, seed: u64) -> (Sim, Usage) {
    let end = SimTime::from_secs(secs);
    let mut sim = Sim::new(Arc::new(fixture.model), Seed { master: seed, replication: 0 });
    let mut meter = Meter::new(sim.model());
    sim.run_until(end, &mut meter);
    let usage = meter.finish(end, sim.world(), sim.model());
    (sim, usage)
}

#[test]
fn the_examples_on_the_fargate_pricing_page_come_out_to_the_cent() {
    // AWS rounds CPU, memory and storage to cents each and adds them.
    let check = |size, tasks, seconds, components: &[&str], total: &str| {
        let mut fixture = Fixture::new(1);
        fixture.model.duration = Span::DAY * 30;
        let rows: Vec<_> = (0..30).map(|day| (day * 86_400, tasks, seconds)).collect();
        fargate_job(&mut fixture, "example", size, &rows);
        let bill = bill_of(fixture, 30 * 86_400);
        let mut sums: BTreeMap<&str, Money> = BTreeMap::new();
        for line in &bill.lines {
            *sums.entry(line.unit.as_str()).or_default() += line.amount;
        }
        let order = ["vCPU-hour", "GB-hour", "storage GB-hour"];
        let cents =
            order.iter().filter_map(|unit| sums.get(unit)).map(|sum| sum.rounded_to_cents());
        let cents: Vec<Money> = cents.collect();
        let texts: Vec<String> = cents.iter().map(Money::to_string).collect();
        assert_eq!(texts, components);
        assert_eq!(cents.into_iter().sum::<Money>().to_string(), total);
    };
    // aws-page-ex1: 25 h × 5 × (1 vCPU, 2 GB, 10 GB above the free 20) in ten-minute runs.
    check((1024, 2048, 30), 5, 600, &["$1.01", "$0.22", "$0.03"], "$1.26");
    // aws-page-ex3: 10 pods of 0.25 vCPU and 1 GB, an hour a day.
    check((256, 1024, 20), 10, 3600, &["$3.04", "$1.33"], "$4.37");
}

#[test]
fn fargate_bills_by_the_second_with_a_minute_minimum() {
    let check = |secs, total: &str| {
        let mut fixture = Fixture::new(1);
        fargate_job(&mut fixture, "job", (512, 1024, 20), &[(0, 1, secs)]);
        assert_eq!(bill_of(fixture, 3600).total().to_string(), total, "{secs} s");
    };
    // 0.5 vCPU × $0.04048 + 1 GB × $0.004445 = $0.024685 per hour.
    check(10, "$0.000411"); // 60 s / 3600 s × $0.024685 = $0.00041142
    check(60, "$0.000411");
    check(61, "$0.000418"); // 61 s / 3600 s × $0.024685 = $0.00041827
}

#[test]
fn a_started_second_counts_and_time_before_the_pull_does_not() {
    let mut fixture = Fixture::new(1);
    fixture.model.timing.fargate_provision = Distribution::constant(20.0).unwrap();
    fixture.model.timing.fargate_start = Distribution::constant(0.25).unwrap();
    fargate_job(&mut fixture, "job", (512, 1024, 20), &[(0, 1, 100), (3590, 1, 100)]);
    let (_, usage) = metered(fixture, 3600, 1);
    // 100.25 s are 101 s; the second task still waits for its interface when the run ends.
    assert_eq!((usage.fargate[0].tasks, usage.fargate[0].billed_micros), (1, 101_000_000));
}

#[test]
fn windows_tasks_are_billed_for_five_minutes_at_least() {
    let check = |secs, billed_secs: u128| {
        let mut fixture = Fixture::new(1);
        let job = fargate_job(&mut fixture, "job", (1024, 2048, 20), &[(0, 1, secs)]);
        let definition = fixture.model.submitters[job].task_definition;
        fixture.model.task_definitions[definition].os = Os::Windows;
        let (sim, usage) = metered(fixture, 3600, 1);
        assert_eq!(usage.fargate[0].billed_micros, billed_secs * 1_000_000, "{secs} s");
        let bill = price(&usage, &book(sim.model()), sim.model()).unwrap();
        // $0.092552 × 1 vCPU + $0.00511175 × 2 GB an hour.
        let by_hand = 0.102_775_5 * billed_secs as f64 / 3600.0;
        assert!((bill.total().as_dollars_f64() - by_hand).abs() < 2e-9);
    };
    check(10, 300);
    check(299, 300);
    check(301, 301);
}

#[test]
fn a_platform_without_a_price_is_an_error_and_never_free() {
    let mut fixture = Fixture::new(1);
    let job = fargate_job(&mut fixture, "job", (1024, 2048, 20), &[(0, 1, 60)]);
    let definition = fixture.model.submitters[job].task_definition;
    fixture.model.task_definitions[definition].architecture = Architecture::Arm64;
    let (sim, usage) = metered(fixture, 3600, 1);
    let missing = price(&usage, &book(sim.model()), sim.model()).unwrap_err();
    assert_eq!(missing.architecture, Architecture::Arm64);
}

#[test]
fn ec2_bills_by_the_second_with_a_minute_minimum_and_external_instances_an_hour() {
    let check = |launch_type, secs, billed_secs: u128| {
        let mut fixture = Fixture::new(1);
        fixture.fleet("od", 2, (2048, 7680));
        fixture.model.classes[Ix::new(0)].launch_type = launch_type;
        let (_, usage) = metered(fixture, secs, 1);
        let billed = usage.instances[Ix::new(0)].billed_micros;
        assert_eq!(billed, 2 * billed_secs * 1_000_000, "{launch_type:?} {secs} s");
    };
    check(InstanceLaunchType::Ec2, 10, 60);
    check(InstanceLaunchType::Ec2, 60, 60);
    check(InstanceLaunchType::Ec2, 3601, 3601);
    check(InstanceLaunchType::External, 10, 3600);
    check(InstanceLaunchType::External, 3601, 3601);
}

#[test]
fn what_stands_all_the_time_is_prorated_over_a_month_of_730_hours() {
    let mut fixture = Fixture::new(1);
    fixture.fleet("od", 1, (2048, 7680));
    let (sim, usage) = metered(fixture, 73 * 3600, 1);
    let mut book = book(sim.model());
    let standing = |category, quantity_milli, unit: &str, rate| Standing {
        category,
        item: "public".into(),
        zone: None,
        holder: None,
        quantity_milli,
        unit: unit.into(),
        rate,
    };
    book.standing = vec![
        standing(Category::LoadBalancer, 2000, "hour", dollars(0.0225)),
        standing(Category::LoadBalancer, 1500, "LCU-hour", dollars(0.008)),
        standing(Category::NatGateway, 500_000, "GB", Rate::monthly(45_000_000)),
    ];
    let bill = price(&usage, &book, sim.model()).unwrap();
    let amounts: Vec<String> = bill.lines.iter().map(|line| line.amount.to_string()).collect();
    // A tenth of a month: 73 h × $0.096; 30 GB × $0.08 / 10; 2 × 73 × $0.0225; 1.5 × 73 × $0.008;
    // 500 GB × $0.045 / 10.
    assert_eq!(amounts, ["$7.01", "$0.24", "$3.28", "$0.88", "$2.25"]);
    assert_eq!(bill.lines[4].quantity.round(), 50.0);
    let month = bill.over(bill.total(), Span::HOUR * 730);
    assert!((month.as_dollars_f64() - 10.0 * bill.total().as_dollars_f64()).abs() < 1e-6);
}

#[test]
fn split_cost_allocation_gives_awss_example() {
    // AWS's example: m5.xlarge, 4 vCPU and 16 GB, for $1: 9 × 4 + 16 = 52 parts.
    let mut fixture = Fixture::new(1);
    fixture.fleet("shared", 1, (4096, 16_384));
    let definition = fixture.definition("pod", 1024, 4096);
    fixture.service("pods", definition, 2);
    let (sim, usage) = metered(fixture, 3600, 1);
    let mut book = book(sim.model());
    let class = &mut book.classes[Ix::new(0)];
    class.instance = dollars(1.0);
    class.root_volume_gib = 0;
    let bill = price(&usage, &book, sim.model()).unwrap();
    let shares = bill.by_holder();
    // Each pod has 9 × 1 + 4 = 13 of 52 parts: a quarter of a dollar.
    assert_eq!(shares[0].1.to_string(), "$0.50");
    assert_eq!((shares[1].0, shares[1].1.to_string()), (Holder::Idle, "$0.50".to_string()));
    assert_eq!(bill.ec2.used, None, "nobody says what it uses");
}

/// Keeps every interval and prices it by itself, in floating point.
#[derive(Default)]
struct SlowPath {
    created: BTreeMap<Id<Task>, SimTime>,
    pulled: BTreeMap<Id<Task>, SimTime>,
    dollars: f64,
    reserved: f64,
    stranded: f64,
    now: SimTime,
    free: Vec<(Resources, bool)>,
    /// Whether tasks need network interfaces.
    awsvpc: bool,
}

impl SlowPath {
    fn task_ends(&mut self, at: SimTime, id: Id<Task>, task: &Task) {
        let Some(size) = task.fargate() else { return };
        let Some(&from) = self.pulled.get(&id) else { return };
        let hours = (at.since(from).as_secs_f64().ceil().max(60.0)) / 3600.0;
        let storage = f64::from(size.ephemeral_storage_gib) - 20.0;
        let spot = task.provider == Provider::FargateSpot;
        let (vcpu, gb) = if spot { (0.0124419, 0.00136621) } else { (0.04048, 0.004445) };
        let hourly = f64::from(size.cpu_units) / 1024.0 * vcpu
            + f64::from(size.memory_mib) / 1024.0 * gb
            + storage * 0.000111;
        self.dollars += hours * hourly;
    }

    fn released(&mut self, at: SimTime, id: Id<Task>, reserved: &Resources) {
        let held = at.since(self.created[&id]).as_secs_f64();
        let weight = 9.0 * f64::from(reserved.cpu_units) + f64::from(reserved.memory_mib);
        self.reserved += held * weight;
    }

    /// Walks all instances, each time: the state since the last fact lasted until now.
    fn look(&mut self, at: SimTime, world: &World, smallest: &Resources) {
        let passed = at.since(self.now).as_secs_f64();
        for (free, stranded) in &self.free {
            let weight = 9.0 * f64::from(free.cpu_units) + f64::from(free.memory_mib);
            self.stranded += if *stranded { weight * passed } else { 0.0 };
        }
        let instances = world.cluster.instances();
        let is_stranded = |host: &Instance| {
            !host.remaining().fits(smallest) || (self.awsvpc && host.free_enis() == 0)
        };
        self.free = instances.map(|(_, host)| (host.remaining(), is_stranded(host))).collect();
        self.now = at;
    }
}

impl Observer for SlowPath {
    fn observe(&mut self, at: SimTime, fact: &Fact, world: &World, model: &Model) {
        let smallest = Resources { cpu_units: 512, memory_mib: 1024, gpus: 0 };
        self.look(at, world, &smallest);
        if let Fact::TaskCreated { task } = *fact {
            self.created.insert(task, at);
        }
        if let Fact::TaskPullStarted { task } = *fact {
            self.pulled.insert(task, at);
        }
        if let Fact::ReservationReleased { task } = *fact {
            let wanted = world.tasks[task].requirement;
            self.released(at, task, &model.requirements[wanted].resources);
        }
        if let Fact::TaskMoved { task, to: TaskStatus::Stopped, .. } = *fact {
            self.task_ends(at, task, &world.tasks[task]);
        }
    }
}

/// A bit of everything, at random.
fn mixture() -> Fixture {
    let mut fixture = Fixture::new(2);
    let uniform = |a, b| Distribution::uniform(a, b).unwrap();
    fixture.model.timing.fargate_provision = uniform(10.0, 20.0);
    fixture.model.timing.container_start = uniform(0.5, 9.0);
    fixture.model.timing.eni_detach = uniform(1.0, 5.0);
    fixture.fleet("od", 3, (2048, 7680));
    let web = fixture.definition("web", 512, 2048);
    fixture.service("web", web, 4);
    let rows: Vec<_> = (0..40).map(|n| (n * 50, 3, 30 + 17 * n % 400)).collect();
    let batch = fixture.definition("batch", 512, 1024);
    let when_full = WhenFull::Queue;
    fixture.job("batch", batch, &rows, when_full);
    fargate_job(&mut fixture, "burst", (1024, 4096, 50), &rows);
    let spot = fargate_job(&mut fixture, "spot", (256, 512, 20), &rows);
    let launch = fixture.model.submitters[spot].launch;
    fixture.model.launches[launch].providers[0].provider = Provider::FargateSpot;
    fixture
}

#[test]
fn the_bill_is_the_integral_of_the_price_by_an_independent_path() {
    for (seed, secs, awsvpc) in
        [(1, 1800, false), (2, 2500, false), (3, 977, false), (4, 2200, true)]
    {
        let end = SimTime::from_secs(secs);
        let mut model = mixture().model;
        for requirement in model.requirements.indices() {
            model.requirements[requirement].awsvpc = awsvpc;
        }
        let mut sim = Sim::new(Arc::new(model), Seed { master: seed, replication: 0 });
        let mut both = (Meter::new(sim.model()), SlowPath { awsvpc, ..SlowPath::default() });
        sim.run_until(end, &mut both);
        let (meter, mut slow) = both;
        let (world, model) = (sim.world(), sim.model());
        let usage = meter.finish(end, world, model);
        let bill = price(&usage, &book(model), model).unwrap();

        let smallest = Resources { cpu_units: 512, memory_mib: 1024, gpus: 0 };
        slow.look(end, world, &smallest);
        for (id, task) in world.tasks.iter() {
            slow.task_ends(end, id, task);
            if task.instance.is_some() && task.times.stopping.is_none() {
                slow.released(end, id, &model.requirements[task.requirement].resources);
            }
        }
        let hours = secs as f64 / 3600.0;
        let ec2 = 3.0 * hours * (0.096 + 30.0 * 0.08 / 730.0);
        let close = |name: &str, got: f64, expected: f64| {
            assert!((got / expected - 1.0).abs() < 1e-6, "{name}: {got}, not {expected}");
        };
        close("total", bill.total().as_dollars_f64(), ec2 + slow.dollars);
        close("EC2", bill.ec2.total.as_dollars_f64(), ec2);
        let weight = 3.0 * secs as f64 * f64::from(9 * 2048 + 7680);
        close("reserved", bill.ec2.reserved.as_dollars_f64(), ec2 * slow.reserved / weight);
        assert!(slow.stranded > 0.0, "something is stranded, or nothing is tested");
        close("stranded", bill.ec2.stranded.as_dollars_f64(), ec2 * slow.stranded / weight);
        assert_eq!(bill.ec2.reserved + bill.ec2.free + bill.ec2.stranded, bill.ec2.total);
        let by_holder: Money = bill.by_holder().into_iter().map(|(_, amount)| amount).sum();
        assert_eq!(by_holder, bill.total());
    }
}

#[test]
fn used_capacity_is_metered_where_it_is_given_and_only_there() {
    let mut fixture = Fixture::new(1);
    fixture.fleet("od", 1, (2048, 7680));
    let web = fixture.definition("web", 1024, 2048);
    let usage = crate::ecs::model::Usage { cpu_units: 256, memory_mib: 512 };
    fixture.model.task_definitions[web].containers[0].behaviour.usage = Some(usage);
    fixture.service("web", web, 1);
    let other = fixture.definition("other", 512, 2048);
    fixture.service("other", other, 1);
    let (_, usage) = metered(fixture, 1000, 1);
    let shares = &usage.instances[Ix::new(0)].shares;
    let used = shares[0].used.unwrap();
    assert_eq!(used.cpu_unit_micros, 256 * 1_000_000_000);
    assert_eq!(used.memory_mib_micros, 512 * 1_000_000_000);
    assert_eq!(shares[0].reserved.cpu_unit_micros, 1024 * 1_000_000_000);
    assert_eq!(shares[1].used, None);
}

/// Two Spot groups with notices all the time, one of which replaces what is at risk and drains,
/// while the other grows and shrinks; and a service.
fn restless() -> Fixture {
    let mut fixture = Fixture::new(3);
    let a = fixture.spot_group("a", (0, 20, 20), (0.05, &["m5.large", "c5.large"]));
    fixture.model.auto_scaling_groups[a].capacity_rebalance = true;
    fixture.model.auto_scaling_groups[a].managed_draining = true;
    let web = fixture.definition("web", 512, 512);
    fixture.service("web", web, 30);
    let b = fixture.spot_group("b", (0, 10, 20), (0.05, &["m5.large"]));
    for day in 1..20 {
        fixture.set_capacity(day * 40_000, b, if day % 2 == 0 { 18 } else { 3 });
    }
    fixture
}

#[test]
fn what_is_billed_of_instances_that_come_and_go_is_how_long_they_lived() {
    let secs = 20 * 86_400;
    let (sim, story) = restless().story(secs);
    let (_, usage) = metered(restless(), secs, 1);
    let mut alive: BTreeMap<_, f64> = BTreeMap::new();
    let (mut launched, mut gone, mut lived, mut charged) = (0, 0, 0.0, 0.0);
    let mut add = |from: f64, to: f64, is_reclaimed: bool| {
        let billed = (to - from).ceil().max(60.0);
        lived += billed;
        charged += if is_reclaimed && to - from < 3600.0 { 0.0 } else { billed };
    };
    for (at, fact) in story {
        if let Fact::InstanceLaunched { instance } = fact {
            launched += 1;
            assert!(alive.insert(instance, at).is_none());
        } else if let Fact::InstanceTerminated { instance, reason } = fact {
            gone += 1;
            let from = alive.remove(&instance).expect("it was launched, and is not gone");
            add(from, at, reason == TerminationReason::SpotInterrupted);
        }
    }
    for (_, group) in sim.world().groups.iter() {
        assert!(group.capacity() <= group.desired_capacity(), "{}", group.capacity());
    }
    let there: Vec<_> = sim.world().cluster.instances().map(|(id, _)| id).collect();
    assert_eq!(alive.keys().copied().collect::<Vec<_>>(), there, "launched is gone or alive");
    assert!(launched > 500 && gone > 400, "{launched} launched, {gone} gone");
    alive.values().for_each(|&from| add(from, secs as f64, false));
    let sum = |of: fn(&InstanceUsage) -> u128| {
        usage.instances.iter().map(|(_, used)| of(used)).sum::<u128>() as f64 / 1e6
    };
    assert_eq!(sum(|used| used.billed_micros), lived);
    assert_eq!(sum(|used| used.spot.charged_micros), charged);
    assert!(charged < lived, "some were reclaimed in their first hour");
}

#[test]
fn spot_instances_cost_their_share_of_the_price_on_demand_on_a_line_of_their_own() {
    let fixture = restless();
    let (sim, usage) = metered(fixture, 20 * 86_400, 1);
    let model = sim.model();
    let mut book = book(model);
    for class in model.classes.indices().filter(|&it| model.classes[it].spot.is_some()) {
        book.classes[class].spot = Some(dollars(0.0384));
    }
    let bill = price(&usage, &book, model).unwrap();
    let lines = || bill.lines.iter().filter(|line| line.category == Category::Ec2Spot);
    assert_eq!(lines().count(), 9, "two types and one, in three zones");
    assert!(bill.lines.iter().all(|line| line.category != Category::Ec2OnDemand));
    for line in lines() {
        let per_hour = line.amount.as_dollars_f64() / line.quantity;
        assert!((per_hour / (0.096 * 0.4) - 1.0).abs() < 0.3, "{per_hour} is near the usual");
        assert!((per_hour * 1e9 - line.rate.nanos as f64).abs() < 100.0, "{per_hour} is its price");
    }
}

/// A group of one with a warm pool of one: capacity 2 from 1,000 s to 4,000 s.
#[test]
fn of_stopped_instances_of_a_warm_pool_only_the_volume_is_billed() {
    let fixture = |state| {
        let mut fixture = Fixture::new(1);
        let group = fixture.group("g", (0, 1, 2), (1024, 1024));
        let pool =
            WarmPool { min_size: 0, max_group_prepared_capacity: None, state, has_images: true };
        fixture.model.auto_scaling_groups[group].warm_pool = Some(pool);
        fixture.set_capacity(1000, group, 2);
        fixture.set_capacity(4000, group, 1);
        fixture
    };
    let total = |state| {
        let (sim, usage) = metered(fixture(state), 10_000, 1);
        let used = &usage.instances[Ix::new(0)];
        let bill = price(&usage, &book(sim.model()), sim.model()).unwrap();
        let ebs = bill.lines.iter().find(|line| line.category == Category::Ebs).unwrap();
        (used.count, used.billed_micros / 1_000_000, used.stopped_micros / 1_000_000, ebs.quantity)
    };
    let months = |seconds: f64| 30.0 * seconds / (730.0 * 3600.0);
    // One is there all the time; the other boots for 20 s, which count as 60, is stopped for
    // 980 s, in the group for 3,000 s, and its successor boots for 20 s and is stopped.
    let (count, billed, stopped, ebs) = total(WarmState::Stopped);
    assert_eq!((count, billed), (3, 10_000 + 60 + 3000 + 60));
    assert_eq!(stopped, 980 + 5980);
    assert!((ebs - months(10_000.0 + 3120.0 + 6960.0)).abs() < 1e-9, "{ebs}");
    let (count, billed, stopped, ebs) = total(WarmState::Running);
    assert_eq!((count, billed, stopped), (3, 10_000 + 4000 + 6000, 0));
    assert!((ebs - months(20_000.0)).abs() < 1e-9, "{ebs}");
}

/// What surplus credits of a t3.large cost that is used at 42.5 % for so many hours, and then ends
/// or not.
fn surplus_of_t3_large(hours: u64, ends: bool) -> f64 {
    let mut f = Fixture::new(1);
    let group = f.group("t", (0, 1, 1), (2048, 8192));
    let class = f.model.fleets[f.model.auto_scaling_groups[group].fleet].classes[0];
    f.model.initial_state = InitialState::Steady;
    f.model.classes[class].cpu_credits = Some(CreditTerms {
        tenths_per_hour: 360,
        cpu_units: 2048,
        unlimited: true,
        launch_credits: 0,
        survives_stop: true,
        initial_millionths: 0,
    });
    let app = f.definition("app", 256, 512);
    // 0.85 vCPU but for rounding.
    let usage = Some(crate::ecs::model::Usage { cpu_units: 870, memory_mib: 100 });
    f.model.task_definitions[app].containers[0].behaviour.usage = usage;
    f.service("web", app, 1);
    if ends {
        f.set_capacity(hours * 3600, group, 0);
    }
    let bill = bill_of(f, hours * 3600);
    let credits = bill.by_category().into_iter().find(|it| it.0 == Category::CpuCredits);
    credits.map_or(0.0, |(_, amount)| amount.as_dollars_f64())
}

/// EC2 User Guide, "When to use unlimited mode versus fixed CPU": at 42.5 % a t3.large costs
/// $0.0125 an hour more, as much as an m5.large.
#[test]
fn surplus_credits_are_charged_beyond_a_day_of_earning_and_the_rest_when_the_instance_ends() {
    let per_hour = (870.0 / 1024.0 - 0.6) * 0.05;
    assert!((per_hour - 0.0125_f64).abs() < 0.0001);
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-8, "{a} and {b}");
    // It can owe 864 credits, which are 14.4 vCPU-hours.
    near(surplus_of_t3_large(50, false), 0.0);
    near(surplus_of_t3_large(50, true), 50.0 * per_hour);
    near(surplus_of_t3_large(100, false), 100.0 * per_hour - 14.4 * 0.05);
    near(surplus_of_t3_large(100, true), 100.0 * per_hour);
}

/// EC2 User Guide, "Unlimited mode examples", example 2: 25 credits are 0.42 vCPU-hours and cost
/// $0.021, on Windows $0.04.
#[test]
fn twenty_five_surplus_credits_cost_two_cents() {
    let cost = |rate: f64| {
        let parts = crate::ecs::capacity::credits::Credits::whole(25).parts();
        dollars(rate).price(parts, 75 * 1024).as_dollars_f64()
    };
    assert!((cost(0.05) - 25.0 / 60.0 * 0.05).abs() < 1e-8);
    assert!((cost(0.096) - 0.04).abs() < 1e-8);
}

/// Source: Amazon ECS pricing page: c6a.2xlarge at $0.306 has a fee of $0.037 an hour; per second,
/// of 60 s at the least.
#[test]
fn the_fee_of_managed_instances_is_for_as_long_as_instances_are() {
    let bill = |run_time: u64| {
        let mut fixture = Fixture::new(1);
        let provider = fixture.managed("mi", &[("c6a.2xlarge", 8192, 16_000, 306)]);
        let spec = fixture.managed_spec(provider);
        spec.launch_time = Distribution::constant(10.0).unwrap();
        spec.scale_in_after = Some(Span::ZERO);
        let definition = fixture.definition("job", 8192, 8192);
        let job = fixture.job("job", definition, &[(0, 1, run_time)], WhenFull::Fail);
        let launch = fixture.model.submitters[job].launch;
        fixture.strategy(launch, &[(provider, 0, 1)]);
        let (sim, usage) = metered(fixture, 86_400, 1);
        let mut book = book(sim.model());
        for class in sim.model().classes.indices() {
            book.classes[class].instance = dollars(0.306);
            book.classes[class].managed_fee = Some(dollars(0.03672));
        }
        let bill = price(&usage, &book, sim.model()).unwrap();
        let of = |category| {
            let lines = bill.lines.iter().filter(move |line| line.category == category);
            lines.map(|line| line.amount).sum::<Money>()
        };
        [Category::Ec2OnDemand, Category::ManagedInstances].map(of)
    };
    let cents_of = |secs: f64, rate: f64| Money::from_dollars_f64(secs / 3600.0 * rate);
    // Ten seconds until it is ACTIVE, and then as long as its task.
    for (run_time, secs) in [(30, 60.0), (50, 60.0), (3590, 3600.0), (7000, 7010.0)] {
        assert_eq!(bill(run_time), [0.306, 0.03672].map(|rate| cents_of(secs, rate)));
    }
    assert_eq!(bill(3590)[1].rounded_to_cents(), Money::from_dollars_f64(0.037).rounded_to_cents());
}

#[test]
fn managed_instances_that_nobody_waits_for_cost_nothing() {
    let mut fixture = Fixture::new(3);
    fixture.managed("mi", &[("m7g.large", 2048, 8192, 82)]);
    assert_eq!(bill_of(fixture, 30 * 86_400).total(), Money::ZERO);
}

//! Laws of recordings, figures by hand, and levels against a walk over the whole world.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::gauges::Group;
use super::*;
use crate::ecs::capacity::credits::CreditTerms;
use crate::ecs::fixture::{Fixture, az_spread};
use crate::ecs::model::{
    Action, FargateSize, InitialState, Model, Provider, Scheduling, Usage, WarmPool, WarmState,
    WhenFull,
};
use crate::ecs::scaling::adjustment::AdjustmentType;
use crate::ecs::scaling::alarm::{Alarm, Comparison, MetricValue, MissingData, Statistic};
use crate::ecs::scaling::group::{PolicyKind, PolicyMetric, ScalingPolicy};
use crate::ecs::{
    AfterFailure, Fact, FailedChecks, FailureReason, GroupEvent, Instance, InstanceStatus,
    Observer, Owner, Sim, StopCode, StopReason, TaskStatus, TerminationReason, World,
};
use crate::engine::{Distribution, Id, Ix, Seed};
use crate::units::{Bytes, Resources, SimTime, Span};

const SECS: u64 = 2400;

fn uniform(low: f64, high: f64) -> Distribution {
    Distribution::uniform(low, high).unwrap()
}

/// A fleet that is too small at times, a daemon, services on EC2 and Fargate, a job trace.
fn mixture() -> Fixture {
    let mut fixture = Fixture::new(2);
    fixture.model.initial_state = InitialState::Steady;
    let timing = &mut fixture.model.timing;
    timing.fargate_provision = uniform(10.0, 20.0);
    timing.container_start = uniform(0.5, 9.0);
    timing.eni_detach = uniform(1.0, 5.0);
    timing.reconcile_delay = uniform(0.1, 1.0);
    fixture.fleet("od", 4, (2048, 7680));
    let agent = fixture.definition("agent", 128, 256);
    let agent = fixture.service("agent", agent, 0);
    fixture.model.services[agent].scheduling = Scheduling::Daemon;
    let web = fixture.definition("web", 512, 2048);
    let container = &mut fixture.model.task_definitions[web].containers[0];
    container.behaviour.usage = Some(Usage { cpu_units: 200, memory_mib: 1000 });
    container.behaviour.crash_rate_per_hour = 6.0;
    container.behaviour.stop_time = uniform(1.0, 40.0);
    let web = fixture.service("web", web, 4);
    let front = fixture.definition("front", 256, 512);
    let front = fixture.service("front", front, 3);
    fixture.launch_of(front).providers[0].provider = Provider::Fargate;
    let batch = fixture.definition("batch", 512, 1024);
    let rows: Vec<_> = (0..60).map(|n| (n * 30, 3, 30 + 37 * n % 100)).collect();
    fixture.job("batch", batch, &rows, WhenFull::Queue);
    let scraps = fixture.definition("scraps", 1024, 1024);
    fixture.job("scraps", scraps, &rows, WhenFull::Fail);
    let change = |service, desired_count| Action::SetDesiredCount { service, desired_count };
    fixture.model.actions = vec![
        (SimTime::from_secs(500), change(web, 7)),
        (SimTime::from_secs(900), change(front, 9)),
        (SimTime::from_secs(1500), change(web, 2)),
    ];
    fixture
}

fn sim_of(fixture: Fixture, seed: u64) -> Sim {
    Sim::new(Arc::new(fixture.model), Seed { master: seed, replication: 0 })
}

/// Minutes at first, few enough to double.
fn options(warm_up: WarmUp) -> RecorderOptions {
    RecorderOptions { buckets: Buckets { width: Span::MINUTE, max: 16 }, warm_up }
}

fn ending(at: SimTime) -> Ending {
    Ending { at, partial: None, fingerprint: None }
}

struct Recorded {
    sim: Sim,
    recording: Recording,
    rows: Rows,
}

fn record(fixture: Fixture, seed: u64, warm_up: WarmUp) -> Recorded {
    let mut sim = sim_of(fixture, seed);
    let end = SimTime::from_secs(SECS);
    let mut observers =
        (Recorder::new(sim.model(), options(warm_up)), RowLog::new(Rows::default()));
    assert_eq!(why_partial(sim.run_until(end, &mut observers)), None);
    let (recorder, log) = observers;
    let recording = recorder.finish(&sim, ending(end));
    let rows = log.finish(end, sim.world(), sim.model());
    Recorded { sim, recording, rows }
}

/// How long a task held its reservation within a window, in µs.
fn held(row: &TaskRow, from: u64, to: u64) -> u128 {
    let until = row.times.stopping.map_or(to, |at| at.as_micros().min(to));
    until.saturating_sub(row.times.created.as_micros().max(from)).into()
}

fn cpu_of(row: &TaskRow, model: &Model) -> u128 {
    model.requirements[row.requirement].resources.cpu_units.into()
}

#[test]
fn placed_is_stopped_and_alive_and_submitted_is_launched_given_up_and_waiting() {
    let mut scaled_in = 0;
    for seed in 1..6 {
        let Recorded { sim, recording, rows } = record(mixture(), seed, WarmUp::default());
        let tasks = &recording.summary.tasks;
        assert_eq!(tasks.created, sim.world().tasks_created());
        assert_eq!(tasks.created, tasks.stopped + tasks.alive);
        assert_eq!(rows.tasks.len() as u64, tasks.created);
        assert_eq!(tasks.stopped_by.values().sum::<u64>(), tasks.stopped);
        scaled_in += tasks.stopped_by.get(&StopCode::ServiceSchedulerInitiated).unwrap_or(&0);
        let mut failed = 0;
        for (ix, submitter) in recording.summary.submitters.iter() {
            let waiting = recording.find(Scope::Submitter(ix), Metric::WaitingTasks).unwrap();
            let launched = rows.tasks.iter().filter(
                |row| matches!(row.owner, Owner::Submission { submitter, .. } if submitter == ix),
            );
            assert_eq!(submitter.launched, launched.count() as u64);
            assert_eq!(submitter.submitted, 180);
            assert_eq!(submitter.submitted, submitter.launched + submitter.given_up);
            assert_eq!(submitter.waiting.count, submitter.submitted, "given up or not");
            assert_eq!(waiting.buckets.last().unwrap().min, 0);
            failed += submitter.failed_calls;
        }
        assert!(recording.summary.submitters[Ix::new(1)].given_up > 0, "or nothing is tested");
        assert!(recording.summary.placement_failures.values().sum::<u64>() >= failed);
    }
    assert!(scaled_in > 0, "or nothing is tested");
}

#[test]
fn reserved_capacity_is_the_sum_over_tasks_in_series_window_and_instance_rows() {
    for (seed, from) in [(1, 0), (2, 1), (3, 777)] {
        let warm_up = WarmUp::Until(SimTime::from_secs(from));
        let Recorded { sim, recording, rows } = record(mixture(), seed, warm_up);
        let model = sim.model();
        let end = recording.end.as_micros();
        let sum = |from: u64| -> u128 {
            let on_instances = rows.tasks.iter().filter(|row| row.instance.is_some());
            on_instances.map(|row| cpu_of(row, model) * held(row, from, end)).sum()
        };
        for scope in [Scope::Cluster(Ix::new(0)), Scope::Fleet(Ix::new(0))] {
            let series = recording.find(scope, Metric::ReservedCpu).unwrap();
            assert!(series.width > Span::MINUTE, "or doubling is not tested");
            let whole: u128 = series.buckets.iter().map(|bucket| bucket.integral).sum();
            assert_eq!(whole, sum(0), "{scope:?} of seed {seed}");
            assert_eq!(series.window.integral, sum(from * 1_000_000), "{scope:?} of seed {seed}");
        }
        let by_instance: u128 = rows.instances.iter().map(|row| row.reserved_cpu_unit_micros).sum();
        assert_eq!(by_instance, sum(0));
        let placed: u64 = rows.instances.iter().map(|row| row.tasks).sum();
        assert_eq!(placed, rows.tasks.iter().filter(|row| row.instance.is_some()).count() as u64);
        let cluster = &recording.summary.clusters[Ix::new(0)].capacity;
        let ratio = cluster.reserved.cpu.unwrap();
        let registered = 4.0 * 2048.0 * (end - from * 1_000_000) as f64;
        assert!((ratio.mean - sum(from * 1_000_000) as f64 / registered).abs() < 1e-12);
        let occupied: f64 = rows.instances.iter().map(|row| row.occupied.as_hours_f64()).sum();
        if from == 0 {
            assert!(
                (cluster.instance_hours - cluster.empty_instance_hours - occupied).abs() < 1e-9
            );
        }
    }
}

/// Collects the levels of a group.
fn levels(group: &mut dyn Group) -> Vec<(Metric, u64)> {
    let mut levels = Vec::new();
    group.each(&mut |metric, gauge| levels.push((metric, gauge.level())));
    levels
}

#[test]
fn levels_kept_by_difference_equal_a_walk_over_the_whole_world() {
    for (seed, awsvpc) in [(1, false), (2, false), (3, true), (4, true)] {
        let mut fixture = mixture();
        for requirement in fixture.model.requirements.indices() {
            fixture.model.requirements[requirement].awsvpc = awsvpc;
        }
        let mut sim = sim_of(fixture, seed);
        let mut recorder = Recorder::new(sim.model(), options(WarmUp::default()));
        for second in 0..SECS {
            let now = SimTime::from_secs(second);
            sim.run_until(now, &mut recorder);
            recorder.catch_up_at_end(now, sim.world(), sim.model());
            let (world, model) = (sim.world(), sim.model());
            let tasks = || world.tasks.iter().map(|(_, task)| task);
            let instances = || world.cluster.instances();
            let cluster = levels(&mut recorder.clusters[Ix::new(0)]);
            let check = |name: Metric, levels: &[(Metric, u64)], walked: usize| {
                let kept = levels.iter().find(|(metric, _)| *metric == name).unwrap().1;
                assert_eq!(kept, walked as u64, "{name:?} at {second} s of seed {seed}");
            };
            for status in &TaskStatus::ALL[..gauges::ALIVE] {
                let walked = tasks().filter(|task| task.last_status == *status).count();
                check(Metric::Tasks(*status), &cluster, walked);
            }
            let holding =
                || tasks().filter(|task| task.instance.is_some() && task.times.stopping.is_none());
            let reserved = |amount: fn(&Resources) -> u32| -> usize {
                let of = |ix| amount(&model.requirements[ix].resources) as usize;
                holding().map(|task| of(task.requirement)).sum()
            };
            check(Metric::ReservedCpu, &cluster, reserved(|r| r.cpu_units));
            check(Metric::ReservedMemory, &cluster, reserved(|r| r.memory_mib));
            // Nothing smaller than 512 CPU units and 1,024 MiB is ever placed there.
            let smallest = Resources { cpu_units: 512, memory_mib: 1024, gpus: 0 };
            let is_stranded = |host: &crate::ecs::Instance| {
                !host.remaining().fits(&smallest) || (awsvpc && host.free_enis() == 0)
            };
            let stranded = instances().filter(|(_, host)| is_stranded(host));
            let stranded = stranded.map(|(_, host)| host.remaining().cpu_units as usize).sum();
            check(Metric::StrandedCpu, &cluster, stranded);
            let has_task =
                |id| tasks().any(|task| task.instance == Some(id) && !log::is_daemon(task, model));
            let empty = instances().filter(|(id, _)| !has_task(*id)).count();
            check(Metric::EmptyInstances, &cluster, empty);
            let cpu = reserved(|r| r.cpu_units).div_ceil(2048);
            let needed = cpu.max(reserved(|r| r.memory_mib).div_ceil(7680));
            check(Metric::NeededInstances, &cluster, needed);
            for (ix, service) in world.services.iter() {
                let kept = levels(&mut recorder.services[ix]);
                let own = || tasks().filter(|task| task.service() == Some(ix));
                let (desired, healthy) = (service.desired(), service.healthy());
                check(Metric::DesiredCount, &kept, desired as usize);
                check(Metric::ActiveTasks, &kept, service.active() as usize);
                check(Metric::HealthyTasks, &kept, healthy as usize);
                check(Metric::AvailableTasks, &kept, desired.min(healthy) as usize);
                let running = own().filter(|task| task.last_status == TaskStatus::Running);
                check(Metric::RunningTasks, &kept, running.count());
            }
        }
    }
}

#[test]
fn recording_nothing_and_everything_is_the_same_run() {
    let end = SimTime::from_secs(SECS);
    let alone = |seed| {
        let mut sim = sim_of(mixture(), seed);
        let mut fingerprint = Fingerprint::new();
        sim.run_until(end, &mut fingerprint);
        (fingerprint, sim.events())
    };
    for seed in 1..4 {
        let mut sim = sim_of(mixture(), seed);
        let model = sim.model().clone();
        let recorder = Recorder::new(&model, options(WarmUp::Steady));
        let log = RowLog::new(Rows::default());
        let mut all = (Fingerprint::new(), (recorder, log));
        sim.run_until(end, &mut all);
        assert_eq!((all.0, sim.events()), alone(seed));
    }
    assert_ne!(alone(1), alone(2));
}

#[test]
fn a_run_continued_from_a_clone_leaves_what_the_whole_leaves() {
    let end = SimTime::from_secs(SECS);
    let observers = |sim: &Sim| {
        let recorder = Recorder::new(sim.model(), options(WarmUp::Until(SimTime::from_secs(300))));
        (recorder, RowLog::new(Rows::default()))
    };
    let finish = |sim: &Sim, (recorder, log): (Recorder, RowLog<Rows>)| {
        let recording = recorder.finish(sim, ending(end));
        format!("{recording:?} {:?}", log.finish(end, sim.world(), sim.model()))
    };
    let mut whole = sim_of(mixture(), 1);
    let mut watching = observers(&whole);
    whole.run_until(end, &mut watching);
    let expected = finish(&whole, watching);

    let mut sim = sim_of(mixture(), 1);
    let mut watching = observers(&sim);
    sim.run_until(SimTime::from_secs(1000), &mut watching);
    let (mut copy, mut copied) = (sim.clone(), watching.clone());
    copy.run_until(end, &mut copied);
    assert_eq!(finish(&copy, copied), expected);
}

#[test]
fn s_e43_cpu_reservation_is_what_the_guide_computes() {
    // S-E43: c4.4xlarge and c4.large, ten tasks of 1,024 CPU units and 2,048 MiB.
    let mut fixture = Fixture::new(1);
    fixture.fleet("large", 1, (16_384, 30_158));
    fixture.fleet("small", 1, (2_048, 3_768));
    let definition = fixture.definition("web", 1024, 2048);
    fixture.service_with("web", definition, 10, vec![az_spread()]);
    let Recorded { recording, .. } = record(fixture, 1, WarmUp::default());
    let reserved = recording.summary.clusters[Ix::new(0)].capacity.reserved;
    let percent = |ratio: Option<Ratio>| (ratio.unwrap().mean * 100.0).floor();
    assert_eq!((percent(reserved.cpu), percent(reserved.memory)), (55.0, 60.0));
    assert_eq!(reserved.gpus, None, "there are no GPUs");
}

#[test]
fn pending_time_is_split_into_its_parts() {
    let mut fixture = Fixture::new(1);
    let timing = &mut fixture.model.timing;
    timing.fargate_provision = Distribution::constant(15.0).unwrap();
    timing.fargate_start = Distribution::constant(2.5).unwrap();
    timing.fargate_pull_bandwidth = Bytes::mib(10);
    fixture.model.images[Ix::new(0)].size = Bytes::mib(45);
    let web = fixture.definition("web", 256, 512);
    let web = fixture.service("web", web, 2);
    fixture.launch_of(web).providers[0].provider = Provider::Fargate;
    let Recorded { recording, rows, .. } = record(fixture, 1, WarmUp::default());
    let service = &recording.summary.services[web];
    let p = service.pending;
    let means = [p.waiting, p.provision, p.pull, p.start, p.total, p.health].map(|q| q.mean);
    let secs = |secs: &[f64]| secs.iter().map(|s| Span::from_secs_f64(*s)).collect::<Vec<_>>();
    assert_eq!(means.to_vec(), secs(&[0.0, 15.0, 4.5, 2.5, 22.0, 40.0]));
    assert_eq!((p.total.count, p.health.count, service.started), (2, 2, 2));
    // Healthy after 22 + 40 s of 2,400.
    let availability = service.availability.unwrap();
    assert!((availability - (2400.0 - 62.0) / 2400.0).abs() < 1e-12);
    let size = FargateSize { cpu_units: 256, memory_mib: 512, ephemeral_storage_gib: 20 };
    assert_eq!((rows.tasks[0].fargate, rows.tasks[0].instance), (Some(size), None));
    assert_eq!(recording.summary.providers[Provider::Fargate as usize].cpu_units.max, 512);
}

#[test]
fn tasks_that_ran_when_the_run_began_have_no_pending_time() {
    let Recorded { recording, .. } = record(mixture(), 1, WarmUp::default());
    let front = &recording.summary.services[Ix::new(2)];
    assert_eq!((front.started, front.pending.total.count), (9, 6), "three ran, six came");
}

#[test]
fn the_window_begins_when_every_service_was_steady_once() {
    let mut fixture = Fixture::new(1);
    fixture.fleet("od", 2, (2048, 7680));
    let web = fixture.definition("web", 512, 512);
    let web = fixture.service("web", web, 2);
    let slow = fixture.definition("slow", 512, 512);
    fixture.model.task_definitions[slow].containers[0].behaviour.start_time =
        Some(Distribution::constant(100.0).unwrap());
    fixture.service("slow", slow, 1);
    let warmed = record(fixture, 1, WarmUp::Steady).recording;
    assert_eq!(warmed.window.from, SimTime::from_secs(140), "start and 40 s to settle");
    assert!(warmed.window.warmed_up);
    assert_eq!(warmed.summary.services[web].availability, Some(1.0));
    assert_eq!(warmed.summary.services[web].started, 0, "they started before the window");
    assert_eq!(warmed.summary.tasks.created, 3, "which is about the whole run");

    let mut never = Fixture::new(1);
    let web = never.definition("web", 512, 512);
    never.service("web", web, 1);
    let Recorded { recording, .. } = record(never, 1, WarmUp::Steady);
    assert_eq!((recording.window.from, recording.window.warmed_up), (SimTime::ZERO, false));
    assert_eq!(recording.summary.services[Ix::new(0)].availability, Some(0.0));
}

#[test]
fn packing_usage_and_the_largest_task_by_hand() {
    let mut fixture = Fixture::new(1);
    fixture.fleet("od", 3, (2048, 8192));
    let web = fixture.definition("web", 512, 2048);
    let usage = Usage { cpu_units: 128, memory_mib: 1024 };
    fixture.model.task_definitions[web].containers[0].behaviour.usage = Some(usage);
    fixture.service("web", web, 4);
    let Recorded { recording, .. } = record(fixture, 1, WarmUp::default());
    let fleet = &recording.summary.fleets[Ix::new(0)];
    // Spread over three instances, 2 and 1 and 1, where one would do.
    assert_eq!(fleet.packing_efficiency, Some(1.0 / 3.0));
    let largest = Resources { cpu_units: 1536, memory_mib: 6144, gpus: 0 };
    assert_eq!(fleet.largest_task, Some(largest));
    assert_eq!(fleet.instances, Range { min: 3, mean: 3.0, max: 3 });
    assert_eq!((fleet.instance_hours, fleet.empty_instance_hours), (2.0, 0.0));
    let used = fleet.used.cpu.unwrap();
    assert_eq!((used.mean, fleet.usage_given), (4.0 * 128.0 / (3.0 * 2048.0), UsageGiven::Fully));
    let service = &recording.summary.services[Ix::new(0)];
    assert_eq!((service.cpu_utilization, service.memory_utilization), (Some(0.25), Some(0.5)));
    assert_eq!(fleet.stranded.cpu, Some(0.0));
}

/// One instance has room for one task of ten, and nothing ends.
#[test]
fn a_task_never_placed_has_waited_to_the_end_whether_it_waits_or_is_given_up() {
    for when_full in [WhenFull::Queue, WhenFull::Fail] {
        let mut fixture = Fixture::new(1);
        fixture.model.duration = Span::secs(SECS);
        fixture.fleet("od", 1, (1024, 2048));
        let batch = fixture.definition("batch", 1024, 1024);
        fixture.job("batch", batch, &[(0, 1, 9000), (400, 9, 9000)], when_full);
        let Recorded { recording, .. } = record(fixture, 1, WarmUp::default());
        let waiting = recording.summary.submitters[Ix::new(0)].waiting;
        assert_eq!(waiting.count, 10, "{when_full:?}");
        assert_eq!(waiting.min, Span::ZERO);
        assert_eq!(waiting.max, Span::secs(SECS - 400));
        assert_eq!(waiting.mean, Span::secs((SECS - 400) * 9 / 10));
        assert!(waiting.p50 > Span::secs(1980), "{:?}", waiting.p50);
    }
}

#[test]
fn usage_that_is_not_given_is_not_zero() {
    let mut fixture = Fixture::new(1);
    fixture.fleet("od", 1, (2048, 8192));
    let web = fixture.definition("web", 512, 2048);
    fixture.service("web", web, 1);
    let Recorded { recording, .. } = record(fixture, 1, WarmUp::default());
    assert_eq!(recording.summary.fleets[Ix::new(0)].used, PerResource::default());
    assert_eq!(recording.summary.services[Ix::new(0)].cpu_utilization, None);
    assert!(recording.find(Scope::Fleet(Ix::new(0)), Metric::UsedCpu).is_none());
}

#[test]
fn what_is_said_of_balance_over_zones_is_said_in_the_words_of_ecs() {
    let mut fixture = Fixture::new(1);
    let web = fixture.definition("web", 512, 2048);
    let service = fixture.service("web", web, 0);
    let tasks = [(Ix::new(0), 3)].into_iter().collect();
    let says = |happening, text: &str| {
        let row = EventRow { at: SimTime::ZERO, speaker: Speaker::Service(service), happening };
        assert_eq!(sentence(&row, &fixture.model), format!("(service web) {text}"));
    };
    says(
        Happening::NotAzBalanced { tasks },
        "is not AZ balanced with 3 tasks in test-1a. AZ Rebalancing in progress.",
    );
    says(Happening::AzBalanced { tasks }, "is AZ balanced with 3 tasks in test-1a.");
    let (task, zone) = (Some(7), Ix::new(0));
    let id = task_id(7);
    says(
        Happening::StartedToRebalance { task, zone },
        &format!("has started 1 tasks in test-1a to AZ Rebalance: (task {id})."),
    );
    says(
        Happening::StoppedToRebalance { task, zone },
        &format!("has stopped 1 running tasks in test-1a due to AZ rebalancing: (task {id})."),
    );
    says(
        Happening::UnableToRebalance { provider: Provider::Ec2, zone },
        "is unable to place a task in test-1a because no container instance met all of its \
         requirements.",
    );
    says(
        Happening::UnableToRebalance { provider: Provider::Fargate, zone },
        "is unable to place a task in test-1a.",
    );
}

#[test]
fn what_is_said_is_said_in_the_words_of_ecs() {
    let mut fixture = Fixture::new(1);
    fixture.fleet("od", 4, (2048, 7680));
    let web = fixture.definition("web", 512, 2048);
    let service = fixture.service("web", web, 0);
    let job = fixture.job("batch", web, &[], WhenFull::Fail);
    let check = |happening, text: &str| {
        let of_job = matches!(happening, Happening::RunTaskFailed { .. });
        let speaker = if of_job { Speaker::Submitter(job) } else { Speaker::Service(service) };
        let row = EventRow { at: SimTime::ZERO, speaker, happening };
        assert_eq!(sentence(&row, &fixture.model), text);
    };
    check(Happening::SteadyState, "(service web) has reached a steady state.");
    let ids = format!("(task {}) (task {})", task_id(7), task_id(8));
    let text = format!("(service web) has started 2 tasks: {ids}.");
    check(Happening::StartedTasks { count: 2, first: Some(7) }, &text);
    let first = Some(7);
    let text = format!("(service web) has stopped 1 running tasks: (task {}).", task_id(7));
    check(Happening::StoppedTasks { count: 1, first }, &text);
    let text = format!("(service web) has stopped 3 running tasks: (task {}) …", task_id(7));
    check(Happening::StoppedTasks { count: 3, first }, &text);
    check(Happening::StoppedPendingTasks { count: 2 }, "(service web) stopped 2 pending tasks.");
    check(
        Happening::DrainingConnections { count: 1 },
        "(service web) has begun draining connections on 1 tasks.",
    );
    let closest = InstanceName { class: Ix::new(0), number: 3 };
    let failed = FailedChecks { cpu: 3, memory: 8, ports: 1, ..FailedChecks::default() };
    let refusal = |reason, closest| Refusal { reason, closest, failed };
    let unable = |refusal| Happening::UnableToPlace {
        provider: Provider::Ec2,
        requirement: Ix::new(0),
        refusal,
    };
    let shared = "(service web) was unable to place a task because no container instance met all \
                  of its requirements.";
    let brackets = "[of 12 instances 3 short of CPU, 8 short of memory, 1 with a port in use]";
    let named = format!("{shared} The closest matching (container-instance od-3)");
    check(
        unable(refusal(FailureReason::Cpu, Some(closest))),
        &format!("{named} has insufficient CPU units available. {brackets}"),
    );
    check(
        unable(refusal(FailureReason::Agent, Some(closest))),
        &format!("{named} encountered error \"AGENT\". {brackets}"),
    );
    check(
        unable(refusal(FailureReason::DistinctInstance, Some(closest))),
        &format!(
            "{named} encountered error \"DistinctInstance placement constraint unsatisfied.\" \
             {brackets}"
        ),
    );
    let none = Refusal {
        reason: FailureReason::NoInstances,
        closest: None,
        failed: FailedChecks::default(),
    };
    let text = format!("{shared} Reason: No Container Instances were found in your cluster.");
    check(unable(none), &text);
    let refused = |then| Happening::RunTaskFailed {
        row: 17,
        missing: 3,
        refusal: refusal(FailureReason::Memory, Some(closest)),
        then,
    };
    let said = format!("(RunTask batch) RESOURCE:MEMORY: no room for 3 tasks of row 18 {brackets}");
    check(refused(AfterFailure::RetryIn(Span::secs(8))), &format!("{said}; tries again in 8 s"));
    check(refused(AfterFailure::GivesUp), &format!("{said}; gives up"));
}

#[test]
fn made_up_task_ids_look_like_those_of_ecs_and_differ() {
    let ids: std::collections::BTreeSet<String> = (0..10_000).map(task_id).collect();
    assert_eq!(ids.len(), 10_000);
    assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())));
}

#[test]
fn rows_of_events_name_the_tasks_that_were_started() {
    let Recorded { rows, sim, .. } = record(mixture(), 1, WarmUp::default());
    let mut started = 0;
    for row in &rows.events {
        let (Speaker::Service(service), Happening::StartedTasks { count, first }) =
            (row.speaker, row.happening)
        else {
            continue;
        };
        let first = first.expect("a task that starts is still there");
        for number in first..first + u64::from(count) {
            let task = rows.tasks.iter().find(|task| task.number == number).unwrap();
            assert!(matches!(task.owner, Owner::Service { service: of, .. } if of == service));
            assert_eq!(task.times.created, row.at);
            started += 1;
        }
    }
    assert!(started > 10, "or nothing is tested");
    let named = rows.instances.iter().map(|row| row.name.text(sim.model()));
    assert_eq!(named.collect::<Vec<_>>(), ["od-0", "od-1", "od-2", "od-3"]);
}

#[test]
fn the_number_of_series_can_be_told_before_the_run() {
    let Recorded { sim, recording, .. } = record(mixture(), 1, WarmUp::default());
    let most = Recorder::series_counts(sim.model()).iter().sum::<usize>();
    // What was never anything but zero is left out: 26 of these here, of failures and GPUs mostly.
    let kept = recording.series.len();
    assert!(kept <= most && most <= kept + 26, "{kept} of {most}");
}

#[test]
fn instances_of_groups_are_counted_by_what_they_are_doing() {
    let mut fixture = Fixture::new(2);
    let group = fixture.spot_group("g", (0, 12, 30), (0.5, &["m5.large"]));
    let spec = &mut fixture.model.auto_scaling_groups[group];
    (spec.managed_draining, spec.spot_instance_draining) = (true, true);
    let web = fixture.definition("web", 512, 512);
    fixture.service("web", web, 16);
    for step in 1..40 {
        fixture.set_capacity(step * 2500, group, [4, 20, 12][step as usize % 3]);
    }
    let mut sim = sim_of(fixture, 1);
    let mut recorder = Recorder::new(sim.model(), options(WarmUp::default()));
    let mut most = [0; 3];
    for second in (0..100_000).step_by(10) {
        sim.run_until(SimTime::from_secs(second), &mut recorder);
        let instances = || sim.world().cluster.instances().map(|(_, host)| host.status());
        let count = |status| instances().filter(|it| *it == status).count() as u64;
        let launching = count(InstanceStatus::Pending);
        let draining = count(InstanceStatus::Draining);
        let there = count(InstanceStatus::Active) + draining;
        let kept = levels(&mut recorder.fleets[Ix::new(0)].capacity);
        let of = |metric| kept.iter().find(|it| it.0 == metric).map(|it| it.1);
        assert_eq!(of(Metric::LaunchingInstances), Some(launching), "at {second} s");
        assert_eq!(of(Metric::DrainingInstances), Some(draining), "at {second} s");
        assert_eq!(of(Metric::Instances), Some(there), "at {second} s");
        assert_eq!(of(Metric::SpotInstances), Some(there), "at {second} s");
        most = [most[0].max(launching), most[1].max(draining), most[2].max(there)];
    }
    assert!(most[0] > 3 && most[1] > 0 && most[2] > 9, "{most:?}");
}

#[test]
fn what_goes_with_spot_capacity_is_told_from_what_is_moved_in_time() {
    let mut fixture = Fixture::new(2);
    let group = fixture.spot_group("g", (0, 12, 30), (0.5, &["m5.large"]));
    fixture.model.auto_scaling_groups[group].spot_instance_draining = true;
    let web = fixture.definition("web", 256, 512);
    let service = fixture.service("web", web, 16);
    fixture.model.services[service].minimum_healthy_percent = 0;
    let work = fixture.definition("work", 256, 512);
    let rows: Vec<_> = (0..100).map(|n| (n * 500, 1, 1_000_000)).collect();
    let job = fixture.job("work", work, &rows, WhenFull::Queue);
    let secs = 60_000;
    let mut sim = sim_of(fixture, 1);
    let mut recorder = Recorder::new(sim.model(), options(WarmUp::default()));
    let mut log = RowLog::new(Rows::default());
    let end = SimTime::from_secs(secs);
    sim.run_until(end, &mut (&mut recorder, &mut log));
    let summary = recorder.finish(&sim, ending(end)).summary;
    let rows = log.finish(end, sim.world(), sim.model());
    let stopped_for = |reason| {
        let of = |row: &&TaskRow| row.stopped.is_some() && row.stop == Some(reason);
        rows.tasks.iter().filter(of).collect::<Vec<_>>()
    };
    let (moved, killed) =
        (stopped_for(StopReason::Drained), stopped_for(StopReason::HostTerminated));
    let counts = summary.launches[Ix::new(0)];
    assert_eq!(counts.moved_tasks, moved.len() as u64);
    assert_eq!(counts.killed_tasks, killed.len() as u64);
    // The service is drained in time; nothing moves a task that RunTask started.
    let is_of_job = |row: &&&TaskRow| matches!(row.owner, Owner::Submission { .. });
    assert!(moved.len() > 10 && killed.len() > 10);
    assert_eq!(moved.iter().filter(is_of_job).count(), 0);
    let lost = killed.iter().filter(is_of_job).filter_map(|row| row.times.started.zip(row.stopped));
    let lost: Vec<Span> = lost.map(|(from, to)| to.since(from)).collect();
    let submitter = &summary.submitters[job];
    assert_eq!(submitter.lost_tasks, lost.len() as u64);
    assert_eq!(submitter.lost_work, lost.into_iter().fold(Span::ZERO, |sum, it| sum + it));
    assert!(submitter.lost_work > Span::HOUR);
}

#[test]
fn surplus_is_what_a_group_has_beyond_its_target() {
    let mut fixture = Fixture::new(1);
    let group = fixture.group("g", (0, 10, 30), (1024, 2048));
    let provider = fixture.provider(group);
    fixture.scaling(provider).target_capacity = 50;
    let web = fixture.definition("web", 1024, 512);
    let service = fixture.service("web", web, 3);
    let launch = fixture.model.services[service].launch;
    fixture.strategy(launch, &[(provider, 0, 1)]);
    fixture.model.initial_state = InitialState::Steady;
    // Three instances with a task, so six are wanted; ten are there, until the first step in after
    // 15 minutes, which takes four at once.
    let mut sim = sim_of(fixture, 1);
    let mut recorder = Recorder::new(sim.model(), options(WarmUp::default()));
    let end = SimTime::from_secs(7200);
    sim.run_until(end, &mut recorder);
    let summary = recorder.finish(&sim, ending(end)).summary.capacity_providers[provider];
    assert_eq!((summary.scale_ins, summary.scale_outs), (1, 0));
    let expected = 4.0 * 15.0 / 60.0;
    let surplus = summary.surplus_instance_hours;
    assert!((surplus - expected).abs() < 4.0 * 1.1 / 60.0, "{surplus} and not {expected}");
}
/// Two t3.medium, of which one works: 5.76 credits at first, 0.4 earned and 1 spent each minute, so
/// that it has none left after 9.6 minutes. The window begins after ten.
#[test]
fn cpu_credits_of_a_fleet_are_those_that_can_be_worked_out_by_hand() {
    let mut fixture = Fixture::new(1);
    let fleet = fixture.fleet("t", 2, (2048, 4096));
    let class = fixture.model.fleets[fleet].classes[0];
    fixture.model.classes[class].cpu_credits = Some(CreditTerms {
        tenths_per_hour: 240,
        cpu_units: 2048,
        unlimited: false,
        launch_credits: 0,
        survives_stop: true,
        initial_millionths: 10_000,
    });
    let app = fixture.definition("app", 512, 512);
    let usage = Some(Usage { cpu_units: 1024, memory_mib: 100 });
    fixture.model.task_definitions[app].containers[0].behaviour.usage = usage;
    fixture.job("work", app, &[(0, 1, 10_000)], WhenFull::Fail);
    let Recorded { recording, .. } = record(fixture, 1, WarmUp::Until(SimTime::from_secs(600)));
    let near = |a: f64, b: f64, within: f64| assert!((a - b).abs() <= within, "{a}, not {b}");
    let summary = recording.summary.cpu_credits[fleet].expect("it has credits");
    near(summary.earned, 2.0 * 0.4 * 30.0, 1e-6);
    near(summary.spent, 0.4 * 30.0, 1e-6);
    near(summary.throttled_hours, 0.5, 1e-6);
    near(summary.withheld_vcpu_hours, 0.6 * 0.5, 1e-6);
    assert_eq!((summary.charged, summary.owed, summary.discarded), (0.0, 0.0, 0.0));
    // The other one has from 9.76 to 21.76 in the window.
    near(summary.balance.mean, 15.76, 0.5);
    let scope = Scope::Fleet(fleet);
    let series = recording.find(scope, Metric::CpuCreditBalance).expect("it is recorded");
    let minutes = series.width.as_secs_f64() / 60.0;
    for (n, bucket) in series.buckets.iter().enumerate() {
        let at = |minute: f64| (5.76 - 0.6 * minute).max(0.0) + 5.76 + 0.4 * minute;
        let (from, steps) = (n as f64 * minutes, 100);
        let each = (0..steps).map(|k| at(from + minutes * (f64::from(k) + 0.5) / 100.0));
        near(bucket.mean(), each.sum::<f64>() / 100.0, 0.51);
    }
    let throttled = recording.find(scope, Metric::ThrottledInstances).expect("it is recorded");
    assert_eq!(throttled.window.mean(), 1.0);
    // What is used is what it gets, but for parts of a CPU unit.
    let used = recording.summary.fleets[fleet].used.cpu.expect("it is given");
    near(used.mean, 0.4 / 4.0, 0.001);
    near(used.max, 0.4 / 4.0, 0.001);
}

#[test]
fn of_managed_instances_what_is_needed_is_counted_in_those_that_are_there() {
    let mut fixture = Fixture::new(1);
    fixture.managed("mi", &[("m.small", 1024, 4096, 50), ("m.large", 4096, 16_384, 200)]);
    let model = fixture.model;
    let of = |name| {
        let found = model.classes.iter().find(|(_, class)| class.instance_type == name);
        found.expect("the fixture has it").1
    };
    let (small, large) = (of("m.small"), of("m.large"));
    let mut capacity = super::gauges::Capacity::new(Buckets { width: Span::MINUTE, max: 16 });
    let at = SimTime::ZERO;
    capacity.register(at, large);
    (0..3).for_each(|_| capacity.register(at, small));
    // Four instances of 1,792 CPU units and 7,168 MiB on average, of which 3,600 are 2.01.
    let reserved = Resources { cpu_units: 3600, memory_mib: 4096, gpus: 0 };
    capacity.reserve(at, &reserved, true);
    assert_eq!(capacity.bound(None), 3);
    // Of the largest one is enough.
    assert_eq!(capacity.bound(Some(&large.registered)), 1);
}

/// Ids of instances by what Spot has said of them, kept as sets.
#[derive(Default)]
struct SpotTwin {
    recommended: BTreeSet<Id<Instance>>,
    noticed: BTreeSet<Id<Instance>>,
    reclaimed: u64,
}

impl Observer for SpotTwin {
    fn observe(&mut self, _: SimTime, fact: &Fact, _: &World, _: &Model) {
        if let Fact::SpotRebalanceRecommended { instance } = *fact {
            self.recommended.insert(instance);
        } else if let Fact::SpotInterruptionNotice { instance } = *fact {
            self.noticed.insert(instance);
        } else if let Fact::InstanceTerminated { instance, reason } = *fact {
            self.recommended.remove(&instance);
            self.noticed.remove(&instance);
            self.reclaimed += u64::from(reason == TerminationReason::SpotInterrupted);
        }
    }
}

#[test]
fn interruptions_of_a_group_are_levels_over_time() {
    let mut fixture = Fixture::new(2);
    let group = fixture.spot_group("g", (0, 12, 30), (0.5, &["m5.large"]));
    fixture.model.auto_scaling_groups[group].spot_instance_draining = true;
    let mut sim = sim_of(fixture, 1);
    let mut recorder = Recorder::new(sim.model(), options(WarmUp::default()));
    let (mut twin, mut most) = (SpotTwin::default(), [0; 3]);
    for second in (0..100_000).step_by(10) {
        sim.run_until(SimTime::from_secs(second), &mut (&mut recorder, &mut twin));
        let fleet = &mut recorder.fleets[Ix::new(0)];
        let kept = levels(&mut **fleet.spot.as_mut().unwrap());
        let count = |ids: &BTreeSet<_>| ids.len() as u64;
        let expected = [count(&twin.recommended), count(&twin.noticed), twin.reclaimed];
        assert_eq!(kept.iter().map(|it| it.1).collect::<Vec<_>>(), expected, "at {second} s");
        assert!(fleet.warm_pool.is_none());
        most = std::array::from_fn(|n| most[n].max(expected[n]));
    }
    assert!(most[0] > 0 && most[1] > 0 && most[2] > 5, "{most:?}");
}

#[test]
fn a_warm_pool_is_known_by_the_state_of_its_instances() {
    for state in [WarmState::Stopped, WarmState::Hibernated, WarmState::Running] {
        let mut fixture = Fixture::new(2);
        let group = fixture.group("g", (0, 2, 6), (1024, 1024));
        fixture.model.auto_scaling_groups[group].warm_pool = Some(WarmPool {
            max_group_prepared_capacity: None,
            min_size: 0,
            state,
            has_images: false,
        });
        for (second, desired) in [(4000, 5), (8000, 6), (12_000, 2)] {
            fixture.set_capacity(second, group, desired);
        }
        let mut sim = sim_of(fixture, 1);
        let mut recorder = Recorder::new(sim.model(), options(WarmUp::default()));
        for (second, waiting) in [(3000, 4), (7000, 1), (11_000, 0), (15_000, 4)] {
            sim.run_until(SimTime::from_secs(second), &mut recorder);
            let kept = levels(&mut **recorder.fleets[Ix::new(0)].warm_pool.as_mut().unwrap());
            let metric = match state {
                WarmState::Stopped => Metric::WarmedStoppedInstances,
                WarmState::Hibernated => Metric::WarmedHibernatedInstances,
                WarmState::Running => Metric::WarmedRunningInstances,
            };
            let expected = vec![(Metric::WarmedPendingInstances, 0), (metric, waiting)];
            assert_eq!(kept, expected, "at {second} s");
            let hosts = sim.world().cluster.instances();
            let pending = hosts.filter(|(_, host)| host.status() == InstanceStatus::Pending);
            assert_eq!(pending.count() as u64, waiting, "at {second} s");
        }
        let pending = recorder.finish(&sim, ending(SimTime::from_secs(15_000)));
        let pending = pending.find(Scope::Fleet(Ix::new(0)), Metric::WarmedPendingInstances);
        let most = pending.unwrap().buckets.iter().map(|it| it.max).max();
        assert_eq!(most, Some(4));
    }
}

#[test]
fn scaling_policies_of_a_group_are_counted_by_what_they_do() {
    let mut fixture = Fixture::new(1);
    let group = fixture.group("g", (1, 2, 6), (1024, 1024));
    let alarm = |comparison, threshold: i64| Alarm {
        threshold: MetricValue(threshold * 1_000_000),
        comparison,
        statistic: Statistic::Average,
        period: Span::MINUTE,
        evaluation_periods: 2,
        datapoints_to_alarm: 2,
        treat_missing_data: MissingData::Missing,
    };
    let policy = |name: &str, alarm, adjustment| ScalingPolicy {
        name: name.into(),
        metric: PolicyMetric::CpuReservation,
        kind: PolicyKind::Simple {
            alarm,
            adjustment_type: AdjustmentType::ChangeInCapacity,
            adjustment,
            cooldown: Span::secs(300),
        },
        warmup: Span::ZERO,
    };
    fixture.model.auto_scaling_groups[group].policies = vec![
        policy("out", alarm(Comparison::Greater, 80), 2),
        policy("in", alarm(Comparison::Less, 40), -1),
    ];
    fixture.model.initial_state = InitialState::Steady;
    let web = fixture.definition("web", 512, 512);
    let service = fixture.service("web", web, 4);
    for (second, desired_count) in [(3000, 14), (12_000, 2), (24_000, 9)] {
        let change = Action::SetDesiredCount { service, desired_count };
        fixture.model.actions.push((SimTime::from_secs(second), change));
    }
    fixture.set_capacity(30_000, group, 1);
    let mut sim = sim_of(fixture, 1);
    let mut recorder = Recorder::new(sim.model(), options(WarmUp::default()));
    let mut twin = PolicyTwin::default();
    for second in (0..40_000).step_by(100) {
        sim.run_until(SimTime::from_secs(second), &mut (&mut recorder, &mut twin));
        let gauges = recorder.group_scaling[group].as_mut().unwrap();
        let desired = u64::from(sim.world().groups[group].desired_capacity());
        let expected =
            vec![(Metric::DesiredCapacity, desired), (Metric::MinSize, 1), (Metric::MaxSize, 6)];
        assert_eq!(levels(&mut **gauges), expected, "at {second} s");
    }
    let recording = recorder.finish(&sim, ending(SimTime::from_secs(40_000)));
    let policies = &recording.summary.group_scaling[group];
    let counts = |it: &GroupPolicySummary| (it.scale_outs, it.scale_ins, it.held.values().sum());
    assert_eq!(policies.iter().map(counts).collect::<Vec<_>>(), twin.counts);
    assert!(twin.counts[0].0 > 2 && twin.counts[1].1 > 2, "{:?}", twin.counts);
    assert!(policies[0].held["at the maximum size"] > 0, "{policies:?}");
    assert_eq!(policies.iter().map(|it| it.last).collect::<Vec<_>>(), twin.last);
}

/// What policies were told to have done: out, in, nothing; and their metric.
#[derive(Default)]
struct PolicyTwin {
    counts: [(u64, u64, u64); 2],
    last: [Option<MetricValue>; 2],
}

impl Observer for PolicyTwin {
    fn observe(&mut self, _: SimTime, fact: &Fact, _: &World, _: &Model) {
        if let Fact::ScalingMetric { policy, value, .. } = *fact {
            self.last[usize::from(policy)] = value;
        }
        let Fact::GroupEvent { event, .. } = *fact else { return };
        if let GroupEvent::PolicyActs { policy, from, proposal, .. } = event {
            let count = &mut self.counts[usize::from(policy)];
            *(if proposal.to > from { &mut count.0 } else { &mut count.1 }) += 1;
        } else if let GroupEvent::PolicyHolds { policy, .. } = event {
            self.counts[usize::from(policy)].2 += 1;
        }
    }
}

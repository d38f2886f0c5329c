//! The floor's work as a scenario: container instances, a job trace, RunTask, tasks with a life.

use std::io::{self, Read};
use std::path::Path;

use criterion::{BatchSize, BenchmarkId, Criterion, SamplingMode, Throughput};
use ecsim::ecs::Sim;
use ecsim::engine::{Distribution, Purpose, Seed};
use ecsim::report::{Asked, Finished, Happenings, Plots, Report};
use ecsim::scenario::{Files, Scenario};
use ecsim::study;
use ecsim::units::SimTime;
use rand::RngExt;

use crate::floor::{CPU_STEPS, LOAD, MEAN_STEPS, MEMORY_STEPS, RUN_TIME};

const SEED: Seed = Seed { master: 1, replication: 0 };

/// A scenario and its trace, in memory; what is read is shared, not copied.
struct Memory {
    scenario: String,
    trace: String,
}

impl Files for Memory {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        let text = if path.extension().is_some_and(|it| it == "csv") {
            &self.trace
        } else {
            &self.scenario
        };
        Ok(Box::new(io::Cursor::new(text.clone().into_bytes())))
    }
}

/// Makes the scenario: hosts of 16 vCPU, tasks of 1 to 8 quarter vCPUs and 1 to 8 GiB.
fn files(hosts: u32, tasks: u64) -> Memory {
    let tasks_at_once = LOAD * f64::from(hosts) * 64.0 / MEAN_STEPS;
    let gap = Distribution::exponential(RUN_TIME.as_secs_f64() / tasks_at_once).expect("positive");
    let run_time = Distribution::exponential(RUN_TIME.as_secs_f64()).expect("positive");
    let mut luck = SEED.luck("floor").stream(Purpose::new("tasks"));
    let mut trace = String::from("arrival_s,cpu,memory,duration_s\n");
    let mut at = 0.0;
    for _ in 0..tasks {
        at += gap.sample(&mut luck);
        let bits = luck.random::<u8>();
        let cpu = u32::from(CPU_STEPS[usize::from(bits % 4)]) * 256;
        let memory = u32::from(MEMORY_STEPS[usize::from(bits / 4 % 4)]) * 1024;
        let run = run_time.sample(&mut luck);
        trace += &format!("{at:.6},{cpu},{memory},{run:.6}\n");
    }
    let scenario = format!(
        r#"
        duration = "{} s"
        account = {{ override = true }}
        [instance_type.host]
        vcpu = 16
        memory = "64 GiB"
        registered_memory = "64 GiB"
        price = 0.768
        [container_instances.hosts]
        instance_type = "host"
        count = {hosts}
        availability_zones = ["a", "b", "c"]
        [job.work]
        trace = "trace.csv"
        columns.arrival = "arrival_s"
        columns.cpu = "cpu"
        columns.memory = "memory"
        columns.duration = "duration_s"
        placement_strategy = [{{ binpack = "memory" }}]
        when_full = "queue"
        "#,
        at as u64 + 3600
    );
    Memory { scenario, trace }
}

fn scenario(files: &Memory) -> Scenario {
    match Scenario::read(files, Path::new("bench.toml"), &[]) {
        Ok(scenario) => scenario,
        Err(problems) => panic!("{}", problems.to_lines()),
    }
}

/// Measures the core: all of ECS's rules, nothing recorded.
pub fn core(criterion: &mut Criterion) {
    let (sizes, tasks) = crate::sizes();
    let mut group = criterion.benchmark_group("core");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(tasks));
    for &hosts in sizes {
        let scenario = scenario(&files(hosts, tasks));
        group.bench_function(BenchmarkId::from_parameter(hosts), |bencher| {
            bencher.iter_batched_ref(
                || Sim::new(scenario.model.clone(), SEED),
                |sim| {
                    sim.run_until(SimTime::ZERO + scenario.model.duration, &mut ());
                    assert_eq!(sim.world().tasks_created(), tasks, "every task is placed");
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// Measures a run as `ecsim run` makes it, files apart: recorded, fingerprinted, priced.
pub fn recorded(criterion: &mut Criterion) {
    let (sizes, tasks) = crate::sizes();
    let mut group = criterion.benchmark_group("recorded");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(tasks));
    for &hosts in sizes {
        let scenario = scenario(&files(hosts, tasks));
        group.bench_function(BenchmarkId::from_parameter(hosts), |bencher| {
            bencher.iter(|| {
                let sink = Happenings::default();
                study::run(&scenario, SEED, sink, (&mut (), &mut ())).0.recording.events
            });
        });
    }
    group.finish();
}

/// Measures all that `ecsim run --no-plots` does: trace read and checked, run, result on disk.
pub fn written(criterion: &mut Criterion) {
    let (sizes, tasks) = crate::sizes();
    let hosts = sizes[sizes.len() / 2];
    let files = files(hosts, tasks);
    let folder = tempfile::tempdir().expect("there is room for temporary files");
    let mut group = criterion.benchmark_group("written");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(tasks));
    group.bench_function(BenchmarkId::from_parameter(hosts), |bencher| {
        bencher.iter(|| {
            let scenario = scenario(&files);
            let out = folder.path().join("result");
            let (report, rows) = Report::begin(&out, scenario.record).expect("it can be written");
            let (outcome, rows) = study::run(&scenario, SEED, rows, (&mut (), &mut ()));
            let measures = study::measures(&scenario.model, &outcome);
            let finished = Finished {
                scenario: &scenario,
                outcome: &outcome,
                measures: &measures,
                verdicts: &[],
            };
            let asked = Asked { scenario: Path::new("bench.toml"), set: &[], what_if: &[] };
            report
                .finish((&finished, None), (&asked, Plots::LeftOut), rows)
                .expect("it can be written")
        });
    });
    group.finish();
}

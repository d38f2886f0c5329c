//! Real job traces under every placement strategy, where the recorded workloads are at hand.

use std::io::{self, Read};
use std::path::Path;

use ecsim::engine::Seed;
use ecsim::record::Rows;
use ecsim::scenario::{Disk, Files, Scenario};
use ecsim::study::run;

use super::{recorded, repository};

/// Scenario text in memory, everything else from the disk.
struct InFolder {
    text: String,
}

impl Files for InFolder {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        if path.ends_with("trace-test.toml") {
            return Ok(Box::new(io::Cursor::new(self.text.clone().into_bytes())));
        }
        Disk.open(path)
    }
}

const STRATEGIES: [&str; 6] = [
    r#"[{ binpack = "cpu" }]"#,
    r#"[{ binpack = "memory" }]"#,
    r#"[{ spread = "instanceId" }]"#,
    r#"[{ spread = "attribute:ecs.availability-zone" }, { binpack = "memory" }]"#,
    r#"["random"]"#,
    r#"[{ spread = "attribute:ecs.availability-zone" }, { spread = "instanceId" }, "random"]"#,
];

/// Runs a trace on a fleet under a strategy; every task must be accounted for.
fn check(trace: &Path, fleet: &str, columns: &str, (days, least): (u32, u64)) {
    for strategy in STRATEGIES {
        let text = format!(
            r#"
            duration = "{days} d"
            [container_instances.fleet]
            {fleet}
            availability_zones = ["a", "b", "c"]
            [job.trace]
            trace = "{}"
            columns.arrival = "arrival_s"
            columns.count = "tasks"
            columns.duration = "duration_s"
            {columns}
            placement_strategy = {strategy}
            when_full = "queue"
            rows = 4000
            "#,
            trace.display()
        );
        let files = InFolder { text };
        let path = Path::new("trace-test.toml");
        let scenario = Scenario::read(&files, path, &[])
            .unwrap_or_else(|problems| panic!("{}", problems.to_lines()));
        let seed = Seed { master: 1, replication: 0 };
        let (outcome, rows) = run(&scenario, seed, Rows::default(), (&mut (), &mut ()));
        let (_, it) = outcome.recording.summary.submitters.iter().next().unwrap();
        assert!(it.submissions > least, "{strategy}: {} rows arrived", it.submissions);
        assert_eq!(it.launched, rows.tasks.len() as u64);
        assert!(it.launched > least, "{strategy}: {} tasks ran", it.launched);
        assert_eq!(it.given_up, 0);
    }
}

/// The trace that ships, so that none of this depends on what is at hand.
#[test]
fn the_shipped_trace_runs_under_every_strategy() {
    check(
        &repository("scenarios/traces/openb_2023_two_days.csv"),
        "instance_type = \"g5.48xlarge\"\ncount = 10",
        "columns.cpu = \"cpu_units\"\ncolumns.memory = \"memory_mib\"\ncolumns.gpus = \"gpus\"",
        (4, 700),
    );
}

#[test]
fn the_alibaba_gpu_trace_runs_under_every_strategy() {
    let Some(folder) = recorded("traces/jobs") else { return };
    check(
        &folder.join("alibaba_openb_2023.csv"),
        "instance_type = \"g5.48xlarge\"\ncount = 60",
        "columns.cpu = \"cpu_units\"\ncolumns.memory = \"memory_mib\"\ncolumns.gpus = \"gpus\"",
        (30, 1000),
    );
}

#[test]
fn a_parallel_workload_log_runs_under_every_strategy() {
    let Some(folder) = recorded("traces/jobs") else { return };
    check(
        &folder.join("pwa_nasa_ipsc_1993.csv"),
        "instance_type = \"m5.2xlarge\"\ncount = 20",
        "columns.cpu = \"cpu_units\"\ncolumns.memory = \"memory_mib\"",
        (30, 1000),
    );
}

#[test]
fn every_trace_is_read() {
    let Some(folder) = recorded("traces/jobs") else { return };
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let gpus = path.to_string_lossy().contains("openb");
        let text = format!(
            r#"
            [container_instances.fleet]
            instance_type = "p5.48xlarge"
            [job.trace]
            trace = "{}"
            columns = {{ arrival = "arrival_s", count = "tasks", cpu = "cpu_units",
                memory = "memory_mib", duration = "duration_s"{} }}
            "#,
            path.display(),
            if gpus { ", gpus = \"gpus\"" } else { "" }
        )
        .replace(",\n                memory", ", memory");
        let read = Scenario::read(&InFolder { text }, Path::new("trace-test.toml"), &[]);
        assert!(read.is_ok(), "{}", read.err().unwrap().to_lines());
        count += 1;
    }
    assert_eq!(count, 5);
}

/// Every recorded rate is read as it is, whatever its step, and comes to the mean of its rows.
#[test]
fn recorded_rates_are_read_whole() {
    let Some(folder) = recorded("traces/rates") else { return };
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("it is a folder") {
        let path = entry.expect("it can be read").path();
        let csv = std::fs::read_to_string(&path).expect("it is a text");
        let rows = csv.lines().skip(1).filter_map(|line| line.split_once(','));
        let rows: Vec<(u64, f64)> = rows
            .map(|(at, rate)| (at.parse().expect("seconds"), rate.parse().expect("a rate")))
            .collect();
        let step = rows[1].0 - rows[0].0;
        let last = rows[rows.len() - 1].0 + step;
        let text = format!(
            "duration = \"{last} s\"\n[service.web]\nlaunch_type = \"FARGATE\"\ndesired_count = \
             1\ntask_definition = {{ cpu = 256, memory = 512 }}\nload.requests_per_second = {{ \
             file = \"{}\", missing = \"hold\" }}\n[behaviour.web]\nusage.app = {{ cpu = {{ \
             per_request = \"8 ms\" }}, memory = 100 }}\n",
            path.display()
        );
        let scenario = Scenario::read(&InFolder { text }, Path::new("trace-test.toml"), &[])
            .unwrap_or_else(|problems| panic!("{}", problems.to_lines()));
        let record = &scenario.rates[0].record;
        assert_eq!(record.point_count, rows.len(), "{}", path.display());
        let ends = rows.iter().skip(1).map(|row| row.0).chain([last]);
        let areas = rows.iter().zip(ends).map(|((at, rate), end)| (end - at) as f64 * rate);
        let mean = areas.sum::<f64>() / (last - rows[0].0) as f64;
        assert!((record.steps.mean() - mean).abs() < 1e-9 * mean, "{}", path.display());
        let (_, load) = scenario.model.loads.iter().next().expect("there is one");
        let in_run = load.rate.mean(ecsim::units::SimTime::from_secs(last));
        assert!((in_run - mean).abs() < 1e-9 * mean, "{}: {in_run}", path.display());
        count += 1;
    }
    assert!(count > 5, "{count} recorded rates");
}

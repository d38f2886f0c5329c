//! Results as a whole: the same run leaves the same bytes, a failing disk leaves the last result.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::chart::{Content, Figure, Layer, Mark, Panel, render_svg};
use super::*;
use crate::engine::{Seed, Tally};
use crate::record::{Metric, Rows};
use crate::scenario::{Files, Scenario};
use crate::study::{Outcome, measures, run, verdicts};

/// Services on instances and on Fargate, a job that has to wait, a change, a name with a comma.
const MIXED: &str = r#"
name = "mixed"
region = "eu-west-1"
time_zone = "Europe/Dublin"
start = "2026-03-02T08:00"
duration = "3 h"
initial_state = "cold"

[cluster.main]
[container_instances.od]
cluster = "main"
instance_type = "m7g.large"
count = 3

[load_balancer.public]

[task_definition.web]
cpu = 512
memory = 1024
container_definitions.app.image = "web"
[behaviour.web]
usage.app = { cpu = "0.1 vCPU", memory = "600 MiB" }

[service.web]
cluster = "main"
task_definition = "web"
desired_count = 4

[service.edge]
cluster = "main"
task_definition = "web"
desired_count = 2
launch_type = "FARGATE"

[job.batch]
cluster = "main"
trace = "jobs.csv"
columns = { arrival = "t", count = "n", cpu = "cpu", memory = "mem", duration = "d" }

[objective]
"service.web.availability" = ">= 99 %"
"cost.total" = "< $0.01"

[at.busy]
time = "+1 h"
update_service = { service = "web", desired_count = 6 }
"#;

const JOBS: &str = "t,n,cpu,mem,d\n60,4,1024,512,600\n120,2,1024,1024,1800\n4000,3,512,256,60\n";

struct Two<'a>(&'a str, &'a str);

impl Files for Two<'_> {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        let text = match path.to_str() {
            Some("mixed.toml") => self.0,
            Some("jobs.csv") => self.1,
            Some(_) | None => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(Box::new(io::Cursor::new(text.as_bytes().to_vec())))
    }
}

fn read(text: &str) -> Scenario {
    let path = Path::new("mixed.toml");
    Scenario::read(&Two(text, JOBS), path, &[]).unwrap_or_else(|all| panic!("{}", all.to_lines()))
}

fn write(
    scenario: &Scenario,
    place: &Path,
    change: impl FnOnce(&mut Outcome),
) -> Result<PathBuf, OutputError> {
    let (report, sink) = Report::begin(place, scenario.record)?;
    let seed = Seed { master: scenario.seed, replication: 0 };
    let (mut outcome, sink) = run(scenario, seed, sink, (&mut (), &mut ()));
    change(&mut outcome);
    let measures = measures(&scenario.model, &outcome);
    let verdicts = verdicts(&scenario.objectives, &measures);
    let finished =
        Finished { scenario, outcome: &outcome, measures: &measures, verdicts: &verdicts };
    let scenario = Path::new("some/where/mixed.toml");
    let asked = Asked { scenario, set: &[], what_if: &[] };
    report.finish((&finished, None), (&asked, Plots::Drawn), sink)
}

fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    let file = |entry: fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
    };
    entries.map(file).collect()
}

#[test]
fn equal_runs_leave_equal_bytes() {
    let root = tempfile::tempdir().unwrap();
    let (one, two) = (root.path().join("one"), root.path().join("other/two"));
    assert_eq!(write(&read(MIXED), &one, |_| {}).unwrap(), one);
    write(&read(MIXED), &two, |_| {}).unwrap();
    let (one, two) = (contents(&one), contents(&two));
    for (name, bytes) in &one {
        assert!(two.get(name) == Some(bytes), "`{name}` differs");
    }
    let names: Vec<&str> = one.keys().map(String::as_str).collect();
    let pictures = ["cost", "cost_by_owner", "instances", "tasks", "utilisation"];
    let mut expected: Vec<String> =
        pictures.iter().flat_map(|it| [format!("{it}.svg"), format!("{it}.png")]).collect();
    for file in ["tasks.csv", "instances.csv", "events.csv", "timeseries.csv", "cost.csv"] {
        expected.push(file.to_string());
    }
    expected.extend(["summary.json", "manifest.json"].map(str::to_string));
    expected.sort();
    assert_eq!(names, expected);
    assert_eq!(two.len(), one.len());
    let manifest: serde_json::Value = serde_json::from_slice(&one["manifest.json"]).unwrap();
    assert_eq!(manifest["files"].as_array().unwrap().len(), names.len() - 1);
    assert_eq!(manifest["command"], "ecsim run mixed.toml");
}

/// Reads a table by the names of its columns.
fn table(bytes: &[u8]) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_reader(bytes).deserialize().map(Result::unwrap).collect()
}

#[test]
fn files_agree_with_the_run_and_with_each_other() {
    let root = tempfile::tempdir().unwrap();
    let place = root.path().join("run");
    let scenario = read(MIXED);
    let mut total = None;
    let keep = |outcome: &mut Outcome| {
        total = Some((outcome.bill.total(), outcome.recording.summary.tasks.clone()));
    };
    write(&scenario, &place, keep).unwrap();
    let (bill, tasks) = total.unwrap();
    let files = contents(&place);

    let rows = table(&files["tasks.csv"]);
    assert_eq!(rows.len() as u64, tasks.created);
    let stopped = rows.iter().filter(|row| row["last_status"] == "STOPPED");
    assert_eq!(stopped.clone().count() as u64, tasks.stopped);
    assert!(stopped.clone().all(|row| !row["stopped_at"].is_empty()));
    assert_eq!(rows.iter().filter(|row| row["owner"] == "batch").count(), 4 + 2 + 3);
    let edge: Vec<_> = rows.iter().filter(|row| row["owner"] == "edge").collect();
    assert!(edge.len() == 2 && edge.iter().all(|row| row["capacity_provider"] == "FARGATE"));
    let events = table(&files["events.csv"]);
    assert!(
        edge.iter()
            .all(|task| { events.iter().any(|event| event["message"].contains(&task["task_id"])) })
    );
    assert_eq!(table(&files["instances.csv"]).len(), 3);

    let lines = table(&files["cost.csv"]);
    let cents = lines.iter().map(|line| line["amount_usd"].parse::<f64>().unwrap());
    assert!((cents.sum::<f64>() - bill.as_dollars_f64()).abs() < 1e-9);

    // ∫ desired: the service has 4, then 6 after an hour; found from the series alone.
    let series = table(&files["timeseries.csv"]);
    let number = |row: &BTreeMap<String, String>, column| row[column].parse::<f64>().unwrap();
    let desired = |row: &&BTreeMap<_, _>| row["metric"] == "desired_count" && row["name"] == "web";
    let web: Vec<_> = series.iter().filter(desired).collect();
    let end = 3.0 * 3600.0;
    let ends = web[1..].iter().map(|row| number(row, "seconds")).chain([end]);
    let lasted = web.iter().zip(ends).map(|(row, end)| (row, end - number(row, "seconds")));
    let integral: f64 = lasted.map(|(row, lasted)| number(row, "mean") * lasted).sum();
    assert_eq!(integral, 3600.0 * 4.0 + 7200.0 * 6.0);
    let second = series.iter().find(|row| row["seconds"] == "60").unwrap();
    assert_eq!(second["time"], "2026-03-02T08:01:00+00:00");

    let summary: serde_json::Value = serde_json::from_slice(&files["summary.json"]).unwrap();
    assert_eq!(summary["bill"]["total"], bill.as_dollars_f64());
    let owners = summary["bill"]["by_owner"].as_object().unwrap();
    let sum: f64 = owners.values().map(|amount| amount.as_f64().unwrap()).sum();
    assert!((sum - bill.as_dollars_f64()).abs() < 1e-9);
    assert_eq!(summary["objectives"].as_array().unwrap().len(), 2);
    assert_eq!(summary["objectives"][1]["met"], false);
}

#[test]
fn logs_can_be_left_out() {
    let root = tempfile::tempdir().unwrap();
    let scenario = read(&format!("record = {{ task_log = false, event_log = false }}\n{MIXED}"));
    let (report, sink) = Report::begin(&root.path().join("run"), scenario.record).unwrap();
    assert_eq!(sink.finish().unwrap(), ["instances.csv"]);
    drop(report);
    assert!(contents(root.path()).is_empty());
}

#[test]
fn a_run_cut_short_is_kept_apart() {
    let root = tempfile::tempdir().unwrap();
    let place = root.path().join("run");
    let scenario = read(MIXED);
    write(&scenario, &place, |_| {}).unwrap();
    let before = contents(&place);
    let cut = |outcome: &mut Outcome| outcome.recording.partial = Some("it was interrupted".into());
    let partial = write(&scenario, &place, cut).unwrap();
    assert_eq!(partial, root.path().join("run.partial"));
    assert!(contents(&place) == before);
    let summary = fs::read_to_string(partial.join("summary.json")).unwrap();
    assert!(summary.contains(r#""partial": "it was interrupted""#));
}

/// The device that is always full.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_last_result() {
    let root = tempfile::tempdir().unwrap();
    let place = root.path().join("run");
    let scenario = read(MIXED);
    write(&scenario, &place, |_| {}).unwrap();
    let before = contents(&place);
    for name in ["summary.json", "tasks.png"] {
        let full = |_: &mut Outcome| {
            let file = root.path().join(".run.tmp").join(name);
            std::os::unix::fs::symlink("/dev/full", file).unwrap();
        };
        let error = write(&scenario, &place, full).unwrap_err();
        assert_eq!(error.path, place.join(name));
        assert!(error.message.contains("No space left"), "{error}");
        assert!(contents(&place) == before);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}

#[test]
fn crashes_and_failed_starts_are_told_as_often_as_they_were() {
    let text = MIXED.replace(
        "[behaviour.web]\n",
        "[behaviour.web]\ncrash_rate = \"2 per h\"\nstart_failure_rate = \"20 %\"\n",
    );
    let scenario = read(&text);
    let seed = Seed { master: scenario.seed, replication: 0 };
    let sink = Tee(Rows::default(), Happenings::default());
    let (_, Tee(rows, happenings)) = run(&scenario, seed, sink, (&mut (), &mut ()));
    let told = |service: &str, code: &str| {
        let start = format!("(service {service}) {code}: ");
        let all = happenings.worst().filter(|it| it.sentence.starts_with(&start));
        all.map(|it| it.count).sum::<u64>()
    };
    let mut sum = 0;
    for (service, it) in scenario.model.services.iter() {
        for code in ["TaskFailedToStart", "EssentialContainerExited"] {
            let stopped = rows.tasks.iter().filter(|row| {
                let is_of = matches!(row.owner,
                    crate::ecs::Owner::Service { service: of, .. } if of == service);
                is_of && row.stop.is_some_and(|stop| stop.code().word() == code)
            });
            let count = stopped.count() as u64;
            assert!(count > 0, "{code} of {} is to be tested", it.name);
            assert_eq!(told(&it.name, code), count, "{code} of {}", it.name);
            sum += count;
        }
    }
    let of_jobs = happenings.worst().filter(|it| it.sentence.contains("job.batch"));
    let of_jobs: Vec<_> = of_jobs.filter(|it| it.sentence.contains("Essential")).collect();
    assert!(of_jobs.is_empty(), "jobs end with 0 here: {of_jobs:?}");
    let kinds: Vec<&Gathered> = happenings.worst().collect();
    assert!(sum > 8 && kinds.iter().all(|it| it.first <= it.last && it.count > 0));
    let place = |code| kinds.iter().position(|it| it.sentence.contains(code)).unwrap();
    assert!(place("TaskFailedToStart") < place("EssentialContainerExited"), "{kinds:?}");
}

#[test]
fn a_dip_of_seconds_is_drawn_as_deep_as_it_was() {
    let text = MIXED.replace("[behaviour.web]\n", "[behaviour.web]\ncrash_rate = \"2 per h\"\n");
    let (outcome, figures) = pictures(&text);
    let web = panels(&figures["tasks"]).iter().find(|panel| panel.title == "Service web").unwrap();
    let Mark::Stack { layers, .. } = &web.marks[0] else { panic!("{web:?}") };
    assert_eq!(layers[0].name, "healthy");
    let series = outcome.recording.series.iter().find(|series| {
        series.metric == Metric::HealthyTasks && series.scope.name(&read(&text).model) == "web"
    });
    // A step of the picture is two buckets here.
    let pairs = series.unwrap().buckets.chunks(2);
    let least = pairs.map(|pair| pair.iter().map(|it| it.min).min().unwrap() as f64);
    assert!(layers[0].values.iter().copied().eq(least));
    assert!(layers.iter().any(|layer| layer.name == "healthy at times"));
}

fn pictures(text: &str) -> (Outcome, BTreeMap<&'static str, Figure>) {
    let scenario = read(text);
    let seed = Seed { master: scenario.seed, replication: 0 };
    let (outcome, _) = run(&scenario, seed, Rows::default(), (&mut (), &mut ()));
    let figures = figures(&scenario, &outcome).into_iter().collect();
    (outcome, figures)
}

fn panels(figure: &Figure) -> &[Panel] {
    match &figure.content {
        Content::Time { panels, .. } => panels,
        Content::Bars(_) => panic!("this picture has no panels"),
    }
}

/// The layers of the first stack of a panel, each with its area over the hours of the axis.
fn layers(panel: &Panel) -> Vec<(&str, f64)> {
    let stack = panel.marks.iter().find_map(|mark| match mark {
        Mark::Stack { at, layers } => Some((at, layers)),
        Mark::Band { .. } | Mark::Line { .. } | Mark::Rule { .. } | Mark::Event { .. } => None,
    });
    let (at, layers): (&Vec<f64>, &Vec<Layer>) = stack.expect("the panel has a stack");
    let step = (at[1] - at[0]) / 3600.0; // the runs of these tests have whole steps
    let area = |layer: &Layer| layer.values.iter().sum::<f64>() * step;
    layers.iter().map(|layer| (layer.name.as_str(), area(layer))).collect()
}

#[test]
fn the_area_of_the_cost_is_the_bill() {
    let (outcome, figures) = pictures(MIXED);
    let spent = layers(&panels(&figures["cost"])[0]);
    for ((name, area), (category, amount)) in spent.iter().zip(outcome.bill.by_category()) {
        assert_eq!(*name, category.name());
        let difference = area - amount.as_dollars_f64();
        assert!(difference.abs() < 1e-9, "{name}: {difference}");
    }
    let Content::Bars(bars) = &figures["cost_by_owner"].content else { panic!("owners have bars") };
    let total: f64 = bars.rows.iter().flat_map(|row| &row.values).sum();
    assert!((total - outcome.bill.total().as_dollars_f64()).abs() < 1e-6);
}

#[test]
fn tasks_are_drawn_as_they_were_counted() {
    let (outcome, figures) = pictures(MIXED);
    let states = layers(&panels(&figures["tasks"])[0]);
    let drawn: f64 = states.iter().map(|(_, sum)| sum).sum();
    // Every task that is not STOPPED has a state, and a provider.
    let alive = outcome.recording.series.iter();
    let hours = |tally: &Tally| tally.mean() * tally.span.as_secs_f64() / 3600.0;
    let counted: f64 = alive
        .filter(|series| series.metric == Metric::AliveTasks)
        .flat_map(|series| series.buckets.iter().map(hours))
        .sum();
    assert!((drawn - counted).abs() < 1e-6, "{drawn} and {counted}");
    assert!(states.iter().any(|(name, _)| *name == "RUNNING"));
}

#[test]
fn memory_on_fargate_is_drawn_as_it_was_paid() {
    let (outcome, figures) = pictures(MIXED);
    let panels = panels(&figures["utilisation"]);
    let drawn = |title: &str| -> f64 {
        let panel = panels.iter().find(|panel| panel.title == title).unwrap();
        layers(panel).iter().map(|(_, area)| area).sum()
    };
    let paid = |unit: &str| -> f64 {
        outcome.bill.lines.iter().filter(|line| line.unit == unit).map(|line| line.quantity).sum()
    };
    assert!(paid("vCPU-hour") > 1.0 && paid("GB-hour") > 1.0);
    // Two tasks are there for a little longer than they are paid for.
    for (title, unit) in [("vCPU on Fargate", "vCPU-hour"), ("GB on Fargate", "GB-hour")] {
        let share = drawn(title) / paid(unit);
        assert!((1.0..1.02).contains(&share), "{title}: {share}");
    }
}

#[test]
fn there_are_pictures_of_what_there_was() {
    let base = "[cluster.main]\n[task_definition.web]\ncpu = 256\nmemory = 512\n\
                container_definitions.app.image = \"web\"\n[service.web]\ncluster = \"main\"\n\
                task_definition = \"web\"\nlaunch_type = \"FARGATE\"\n";
    let names = |count: u32| {
        let figures = pictures(&format!("{base}desired_count = {count}\n")).1;
        figures.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(names(0), ["tasks"]);
    assert_eq!(names(2), ["commitments", "cost", "tasks", "utilisation"]);
    let hour = pictures(&format!("duration = \"1 h\"\n{base}desired_count = 2\n")).1;
    assert!(!hour.contains_key("commitments"), "an hour says nothing of a year");
}

#[test]
fn owners_pay_the_rates_of_a_plan_for_what_it_covers() {
    let text = "[cluster.main]\n[task_definition.web]\ncpu = 1024\nmemory = 2048\n\
                container_definitions.app.image = \"web\"\n[service.web]\ncluster = \"main\"\n\
                task_definition = \"web\"\nlaunch_type = \"FARGATE\"\ndesired_count = 2\n\
                [prices.savings_plan.base]\ncommitment = \"$0.20\"\n\
                fargate = { vcpu_hour = 0.03, gb_hour = 0.003 }\n";
    let (outcome, figures) = pictures(text);
    // 2 × (0.03 + 2 × 0.003) × 24 h are used of $4.80; on demand it would be $2.37.
    let it = &outcome.bill.commitments[0];
    assert_eq!((it.fee.to_string(), it.unused.to_string()), ("$4.80".into(), "$3.07".into()));
    assert_eq!(it.covered.to_string(), "$2.37");
    let Content::Bars(bars) = &figures["cost_by_owner"].content else { panic!("no bars") };
    let sum = |name: &str| {
        let row = bars.rows.iter().find(|row| row.name == name).expect("it pays");
        row.values.iter().sum::<f64>()
    };
    assert!((sum("web") - 1.728).abs() < 1e-6 && (sum("(shared)") - 3.072).abs() < 1e-6);
}

#[test]
fn many_of_everything_can_be_drawn() {
    let mut text = "duration = \"1 h\"\n[cluster.main]\n[task_definition.web]\ncpu = 128\n\
                    memory = 64\ncontainer_definitions.app.image = \"web\"\n"
        .to_string();
    for n in 0..30 {
        text += &format!(
            "[container_instances.f{n}]\ncluster = \"main\"\ninstance_type = \"m5.large\"\n\
             count = 1\n[service.s{n}]\ncluster = \"main\"\ntask_definition = \"web\"\n\
             desired_count = 1\n[at.a{n}]\ntime = \"+{n} min\"\n\
             update_service = {{ service = \"s{n}\", desired_count = 2 }}\n"
        );
    }
    let (_, figures) = pictures(&text);
    for (name, figure) in &figures {
        render_svg(figure).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let fleets = layers(&panels(&figures["instances"])[0]);
    assert_eq!((fleets.len(), fleets[22]), (23, ("8 others", 8.0)));
}

//! What somebody measured on AWS and published, beside what a shipped scenario makes of it.
//!
//! `docs/measured.md` is written here: nothing in it is typed by hand but what was measured.

use std::fmt::Write;
use std::fs;

use ecsim::ecs::{Model, Owner};
use ecsim::engine::Seed;
use ecsim::record::{Happening, Rows};
use ecsim::scenario::{Disk, Override, Scenario};
use ecsim::study::run;
use ecsim::units::SimTime;

use super::repository;

/// Each figure is the mean over so many runs, each with other luck.
const RUNS: u64 = 10;

/// Something that was measured.
struct Measured {
    /// The scenario in `scenarios/measured/`, and what is set besides.
    scenario: &'static str,
    set: &'static [&'static str],
    what: &'static str,
    /// What was measured, and in which unit.
    value: f64,
    unit: &'static str,
    source: &'static str,
    /// Whether a default comes from this very measurement.
    is_default: bool,
    /// Reads it off a run.
    of: fn(&Rows, &Model) -> f64,
    /// By how much the two may differ, in percent: what is known, with a margin for other luck.
    within: f64,
}

const VLAD_2020: &str = "blog-scaling-containers-in-aws, graph-results.csv, 2020-03";
const VLAD_2022: &str = "vladionescu.me, Scaling containers on AWS in 2022";
const FAST_IN: &str = "AWS What's New, 2022-09-16";
const STARTS: &str = "startup measurements, ca-central-1, 2026-10";
const LARGE: &str = "startup measurements, ap-northeast-1, 2026-09";

const TABLE: &[Measured] = &[
    Measured {
        scenario: "fargate-2020",
        set: &[],
        what: "3,500 tasks on Fargate Spot at one launch a second: running tasks a minute",
        value: 55.6,
        unit: "/min",
        source: VLAD_2020,
        is_default: false,
        of: |rows, _| (started_by(rows, 3360.0) - started_by(rows, 300.0)) / 51.0,
        within: 10.0,
    },
    Measured {
        scenario: "fargate-2020",
        set: &["account.fargate_spot_launch_rate=\"3 per s\""],
        what: "the same at three launches a second",
        value: 79.7,
        unit: "/min",
        source: VLAD_2020,
        is_default: false,
        of: |rows, _| (started_by(rows, 1080.0) - started_by(rows, 120.0)) / 16.0,
        within: 130.0,
    },
    Measured {
        scenario: "fargate-2022",
        set: &[],
        what: "3,500 tasks on Fargate at 20 launches a second: the first is RUNNING",
        value: 30.0,
        unit: "s",
        source: VLAD_2022,
        is_default: false,
        of: |rows, _| nth_started(rows, 1),
        within: 25.0,
    },
    Measured {
        scenario: "fargate-2022",
        set: &[],
        what: "the last is RUNNING",
        value: 270.0,
        unit: "s",
        source: VLAD_2022,
        is_default: false,
        of: |rows, _| nth_started(rows, 3500),
        within: 35.0,
    },
    Measured {
        scenario: "ec2-2022",
        set: &[],
        what: "3,500 tasks on instances of a capacity provider: the first on an instance that is \
               launched for them is RUNNING",
        value: 150.0,
        unit: "s",
        source: VLAD_2022,
        is_default: false,
        of: |rows, _| nth_started(rows, 17),
        within: 35.0,
    },
    Measured {
        scenario: "ec2-2022",
        set: &[],
        what: "the last is RUNNING",
        value: 600.0,
        unit: "s",
        source: VLAD_2022,
        is_default: false,
        of: |rows, _| nth_started(rows, 3500),
        within: 20.0,
    },
    Measured {
        scenario: "scale-in-334",
        set: &[],
        what: "334 instances to 34, half in one step at most: from the first step to the last",
        value: 10.0,
        unit: "min",
        source: FAST_IN,
        is_default: false,
        of: |rows, _| steps_in(rows),
        within: 75.0,
    },
    Measured {
        scenario: "scale-in-334",
        set: &["capacity_provider.web.managed_scaling.scale_in_percent=5"],
        what: "the same, 5 % in one step at most",
        value: 80.0,
        unit: "min",
        source: FAST_IN,
        is_default: false,
        of: |rows, _| steps_in(rows),
        within: 50.0,
    },
    Measured {
        scenario: "scale-in-334",
        set: &["capacity_provider.web.managed_scaling.scale_in_every_minutes=2"],
        what: "half in one step at most, a step every two minutes",
        value: 10.0,
        unit: "min",
        source: FAST_IN,
        is_default: false,
        of: |rows, _| steps_in(rows),
        within: 45.0,
    },
    Measured {
        scenario: "scale-in-334",
        set: &[
            "capacity_provider.web.managed_scaling.scale_in_percent=5",
            "capacity_provider.web.managed_scaling.scale_in_every_minutes=2",
        ],
        what: "5 % in one step at most, a step every two minutes",
        value: 80.0,
        unit: "min",
        source: FAST_IN,
        is_default: false,
        of: |rows, _| steps_in(rows),
        within: 30.0,
    },
    Measured {
        scenario: "fargate-start",
        set: &[],
        what: "RunTask on Fargate with a small image: from the call to RUNNING",
        value: 24.8,
        unit: "s",
        source: STARTS,
        is_default: true,
        of: |rows, model| start(rows, model, "task.small"),
        within: 15.0,
    },
    Measured {
        scenario: "fargate-start",
        set: &[],
        what: "the same with an image of 413 MB, in a private subnet",
        value: 57.0,
        unit: "s",
        source: "elasticscale.com, SOCI, 2024-04: ten starts",
        is_default: false,
        of: |rows, model| start(rows, model, "task.php"),
        within: 60.0,
    },
    Measured {
        scenario: "fargate-start",
        set: &[],
        what: "the same with an image of 1.86 GiB",
        value: 53.7,
        unit: "s",
        source: LARGE,
        is_default: true,
        of: |rows, model| start(rows, model, "task.large"),
        within: 20.0,
    },
    Measured {
        scenario: "fargate-service",
        set: &[],
        what: "a service on Fargate from no task to one, with that image: to RUNNING",
        value: 76.0,
        unit: "s",
        source: LARGE,
        is_default: true,
        of: |rows, _| {
            mean(
                rows.tasks
                    .iter()
                    .filter_map(|row| from_wanted(row.times.wanted, row.times.started)),
            )
        },
        within: 10.0,
    },
    Measured {
        scenario: "instance-launch",
        set: &[],
        what: "an EC2 instance from its launch until it is up, the ECS agent apart",
        value: 25.8,
        unit: "s",
        source: "brevdev/ec2-coldboot-research, 2026-01",
        is_default: true,
        of: |rows, _| {
            mean(
                rows.instances
                    .iter()
                    .filter_map(|row| from_wanted(row.launched_at, row.registered_at)),
            )
        },
        within: 10.0,
    },
    Measured {
        scenario: "exited-task",
        set: &[],
        what: "a task that ends at once: from one `has started 1 tasks` to the next",
        value: 18.0,
        unit: "s",
        source: "aws/amazon-ecs-agent#322, 2016: 13 to 23 s",
        is_default: true,
        of: |rows, _| between_starts(rows),
        within: 10.0,
    },
];

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    sum / f64::from(count)
}

fn from_wanted(from: SimTime, to: Option<SimTime>) -> Option<f64> {
    to.map(|to| to.since(from).as_secs_f64())
}

/// When tasks became RUNNING, in seconds, in order.
fn starts(rows: &Rows) -> Vec<f64> {
    let started = rows.tasks.iter().filter_map(|row| row.times.started);
    let mut started: Vec<f64> = started.map(SimTime::as_secs_f64).collect();
    started.sort_by(f64::total_cmp);
    started
}

fn started_by(rows: &Rows, secs: f64) -> f64 {
    starts(rows).iter().filter(|at| **at <= secs).count() as f64
}

fn nth_started(rows: &Rows, n: usize) -> f64 {
    starts(rows)[n - 1]
}

/// The mean time from RunTask to RUNNING of the tasks of one schedule.
fn start(rows: &Rows, model: &Model, name: &str) -> f64 {
    let is_of = |owner: Owner| match owner {
        Owner::Submission { submitter, .. } => model.submitters[submitter].name == name,
        Owner::Service { .. } => false,
    };
    let tasks = rows.tasks.iter().filter(|row| is_of(row.owner));
    mean(tasks.filter_map(|row| from_wanted(row.times.wanted, row.times.started)))
}

/// Minutes from the first step of managed scaling to the last.
fn steps_in(rows: &Rows) -> f64 {
    let is_step = |it: &Happening| matches!(it, Happening::ManagedScaling { .. });
    let steps = rows.events.iter().filter(|row| is_step(&row.happening));
    let at: Vec<f64> = steps.map(|row| row.at.as_secs_f64()).collect();
    (at[at.len() - 1] - at[0]) / 60.0
}

/// The mean time between two announcements that a task was started.
fn between_starts(rows: &Rows) -> f64 {
    let is_start = |it: &Happening| matches!(it, Happening::StartedTasks { .. });
    let starts = rows.events.iter().filter(|row| is_start(&row.happening));
    let at: Vec<f64> = starts.map(|row| row.at.as_secs_f64()).collect();
    mean(at.windows(2).map(|two| two[1] - two[0]))
}

impl Measured {
    fn simulated(&self) -> f64 {
        let path = repository(&format!("scenarios/measured/{}.toml", self.scenario));
        let set: Vec<Override> = self.set.iter().map(|it| Override::set(it.to_string())).collect();
        let scenario = Scenario::read(&Disk, &path, &set)
            .unwrap_or_else(|problems| panic!("{}", problems.to_lines()));
        let run = |master| {
            let seed = Seed { master, replication: 0 };
            run(&scenario, seed, Rows::default(), (&mut (), &mut ())).1
        };
        mean((1..=RUNS).map(|seed| (self.of)(&run(seed), &scenario.model)))
    }

    /// The command that shows it, and the row of the table.
    fn row(&self, simulated: f64) -> String {
        let Measured { scenario, what, value, unit, source, .. } = self;
        let digits = usize::from(*value < 100.0 && value.fract() > 0.0);
        let difference = 100.0 * (simulated / value - 1.0);
        let sign = if difference < 0.0 { "−" } else { "+" };
        let set: String = self.set.iter().map(|it| format!("<br>`{it}`")).collect();
        let whose = if self.is_default { "yes" } else { "no" };
        format!(
            "| {what} | {value:.digits$} {unit} | {simulated:.digits$} {unit} | {sign}{:.0} % | \
             {whose} | [`{scenario}`](../scenarios/measured/{scenario}.toml){set} | {source} |\n",
            difference.abs()
        )
    }
}

const PAGE: &str = "docs/measured.md";

const BEFORE: &str = "# Measured on AWS, and simulated

What people measured and published, beside what a scenario of the same makes of it: the mean of ten
runs. Where a default of this program comes from the measurement itself, it had better agree, and
says little; the others nothing was fitted to.

| What | Measured | Simulated | Difference | Is a default from it? | Scenario | Source |
|---|--:|--:|--:|---|---|---|
";

const AFTER: &str = "
Where they differ, and why:

- **Three launches a second.** The quota of the account was raised, and something else held the
  tasks back at 80 a minute. What, is not known. Set `account.fargate_spot_launch_rate` to what your
  account shows.
- **Twenty launches a second.** Thirteen were reached on average. What held them back, is not known.
- **The first task on instances.** The agent of Bottlerocket took longer to register than the 5 to
  20 s assumed here: `timing.agent_registration` is the key to measure and to set. That it takes
  some ten minutes until all run has one cause: at most 300 tasks could wait in PROVISIONING.
- **Steps of scale-in.** AWS's figures are 1.6 to 2.5 minutes a step, while its guide says that
  steps are taken each minute, which holds here. `scale_in_every_minutes = 2` is nearer to both.
- **413 MB.** A private subnet pulls through a NAT gateway or an endpoint; 45 MiB/s, the default,
  was measured with a large image. `timing.fargate_pull_bandwidth` is the key.

Not in the table: the delay of service auto scaling (363 s and 86 s until it acts) and of service
discovery (67 to 73 s until a record is there), which are not simulated; the 23 tasks a minute of
one service in 2020, a quota of then (`account.service_tasks_per_minute_fargate`); 10 s to attach an
interface, which is the default; some 10 minutes of Windows on Fargate, and EC2 boot times of 2021
(29.3 s), which are single figures; and what exercises of AWS's
say of split tasks, steps and drains, which are tests, each named after its rule
(`cargo test --lib s_e`, `cargo test --lib a_e`).

This reprints the table:

```sh
ECSIM_RENEW=1 cargo test --test suite measured
```
";

#[test]
fn what_was_measured_is_reproduced_and_the_difference_reported() {
    let mut page = BEFORE.to_string();
    for row in TABLE {
        let simulated = row.simulated();
        let off = 100.0 * (simulated / row.value - 1.0).abs();
        assert!(off <= row.within, "{}: {simulated} and not {}", row.what, row.value);
        page.write_str(&row.row(simulated)).expect("a String takes anything");
    }
    page += AFTER;
    if std::env::var_os("ECSIM_RENEW").is_some() {
        return fs::write(repository(PAGE), page).unwrap();
    }
    let written = fs::read_to_string(repository(PAGE)).unwrap_or_default();
    assert!(written == page, "{PAGE} is stale: `ECSIM_RENEW=1 cargo test --test suite measured`");
}

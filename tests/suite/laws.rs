//! Laws that hold for every scenario and every luck.

use ecsim::billing::{Category, Meter};
use ecsim::ecs::Sim;
use ecsim::ecs::model::{Os, Provider};
use ecsim::ecs::{Owner, TaskStatus};
use ecsim::engine::Seed;
use ecsim::record::{Fingerprint, InstanceRow, Metric, RowLog, Rows, Scope};
use ecsim::scenario::{Disk, Override, Scenario};
use ecsim::study::run;
use ecsim::units::SimTime;

use super::command::left_by;
use super::scenarios::{scenario, shipped};
use super::{read, repository};

const SEEDS: u64 = 16;

fn every_run(check: impl Fn(&str, &Scenario, Seed)) {
    for path in shipped() {
        let scenario = scenario(&path);
        for master in 0..SEEDS {
            check(&path, &scenario, Seed { master, replication: 0 });
        }
    }
}

#[test]
fn every_task_placed_has_stopped_or_is_alive_and_has_a_row() {
    every_run(|path, scenario, seed| {
        let (outcome, rows) = run(scenario, seed, Rows::default(), (&mut (), &mut ()));
        let totals = &outcome.recording.summary.tasks;
        assert_eq!(totals.created, totals.stopped + totals.alive, "{path}");
        assert_eq!(rows.tasks.len() as u64, totals.created, "{path}");
        for row in &rows.tasks {
            let stopped = row.last_status == TaskStatus::Stopped;
            assert_eq!(stopped, row.stopped.is_some(), "{path}: {row:?}");
            let times = &row.times;
            let order = [
                Some(times.wanted),
                Some(times.created),
                times.pull_started,
                times.pull_stopped,
                times.started,
                times.stopping,
                times.execution_stopped,
                row.stopped,
            ];
            let known: Vec<SimTime> = order.into_iter().flatten().collect();
            assert!(known.is_sorted(), "{path}: {row:?}");
        }
    });
}

#[test]
fn what_was_submitted_was_launched_given_up_or_waits() {
    every_run(|path, scenario, seed| {
        let (outcome, rows) = run(scenario, seed, Rows::default(), (&mut (), &mut ()));
        for (ix, it) in outcome.recording.summary.submitters.iter() {
            let of_it = |owner: Owner| match owner {
                Owner::Submission { submitter, .. } => submitter == ix,
                Owner::Service { .. } => false,
            };
            let launched = rows.tasks.iter().filter(|row| of_it(row.owner)).count() as u64;
            assert_eq!(it.launched, launched, "{path}");
            assert!(it.launched + it.given_up <= it.submitted, "{path}");
            let alive = rows.tasks.iter().filter(|row| of_it(row.owner) && row.stopped.is_none());
            let waiting = it.submitted - it.launched - it.given_up;
            assert_eq!(it.unfinished, waiting + alive.count() as u64, "{path}");
        }
    });
}

/// Fargate by the rows of tasks and the price book, in floating point, line by line of the rule.
#[test]
fn fargate_costs_what_the_rows_of_its_tasks_say() {
    every_run(|path, scenario, seed| {
        let (outcome, rows) = run(scenario, seed, Rows::default(), (&mut (), &mut ()));
        let end = outcome.recording.end;
        let mut expected = 0.0;
        for row in &rows.tasks {
            let (Some(size), Some(from)) = (row.fargate, row.times.pull_started) else { continue };
            let spot = match row.provider {
                Provider::Fargate => false,
                Provider::FargateSpot => true,
                Provider::Ec2 | Provider::External => continue,
            };
            let definition = &scenario.model.task_definitions[row.task_definition];
            let least = match definition.os {
                Os::Linux => 60.0,
                Os::Windows => 300.0,
            };
            let secs = row.stopped.unwrap_or(end).since(from).as_secs_f64().ceil();
            let hours = f64::max(secs, least) / 3600.0;
            let rates = scenario
                .prices
                .fargate
                .iter()
                .find(|it| {
                    (it.os, it.architecture, it.spot)
                        == (definition.os, definition.architecture, spot)
                })
                .expect("the platform has a price");
            let storage = f64::from(size.ephemeral_storage_gib.saturating_sub(20));
            let per_hour = f64::from(size.cpu_units) / 1024.0 * rates.vcpu.nanos as f64
                + f64::from(size.memory_mib) / 1024.0 * rates.memory.nanos as f64
                + storage * rates.ephemeral_storage.nanos as f64;
            expected += per_hour * hours / 1e9;
        }
        let billed: f64 = outcome
            .bill
            .by_category()
            .into_iter()
            .filter(|(category, _)| matches!(category, Category::Fargate | Category::FargateSpot))
            .map(|(_, amount)| amount.as_dollars_f64())
            .sum();
        assert!((billed - expected).abs() < 1e-6, "{path}: billed {billed}, expected {expected}");
    });
}

/// Volumes, addresses, external instances and load balancers, by hand from AWS's price lists: gp3
/// in Frankfurt $0.0952 per GB-month, a public IPv4 address $0.005 and an external instance
/// $0.01025 an hour, an ALB $0.0225 an hour and $0.008 per LCU-hour (us-east-1, assumed).
#[test]
fn what_is_not_compute_costs_counts_times_hours_times_price() {
    let set = [
        "container_instances.steady.public_ip=true",
        "service.web.network_configuration.assign_public_ip=\"ENABLED\"",
    ];
    let overrides = set.map(|change| Override::set(change.to_string()));
    let scenario = Scenario::read(&Disk, &repository("scenarios/hybrid.toml"), &overrides)
        .unwrap_or_else(|problems| panic!("{}", problems.to_lines()));
    let web = scenario.model.services.position(|it| it.name == "web").expect("it is there");
    for master in 0..SEEDS {
        let seed = Seed { master, replication: 0 };
        let (outcome, rows) = run(&scenario, seed, Rows::default(), (&mut (), &mut ()));
        let hours = 7.0 * 24.0;
        let address_hours: f64 = rows
            .tasks
            .iter()
            .filter(|row| matches!(row.owner, Owner::Service { service, .. } if service == web))
            .map(|row| row.stopped.unwrap_or(outcome.recording.end).since(row.times.created))
            .map(|held| held.as_secs_f64() / 3600.0)
            .sum();
        assert!(address_hours > 10.0 * hours - 1.0, "ten tasks at all times, nearly");
        let expected = [
            (Category::Ebs, 3.0 * 30.0 * 0.0952 * hours / 730.0),
            (Category::PublicIpv4, (3.0 * hours + address_hours) * 0.005),
            (Category::EcsAnywhere, 4.0 * hours * 0.01025),
            (Category::LoadBalancer, hours * (0.0225 + 1.5 * 0.008)),
        ];
        let billed = outcome.bill.by_category();
        for (category, dollars) in expected {
            let amount = billed.iter().find(|it| it.0 == category).map(|it| it.1.as_dollars_f64());
            let amount = amount.unwrap_or_else(|| panic!("{category:?} is not on the bill"));
            assert!((amount - dollars).abs() < 1e-5, "{category:?}: {amount}, not {dollars}");
        }
    }
}

/// A fixed fleet costs instances × hours × price, whatever runs on it; an instance that comes or
/// goes costs its time, rounded up to a second.
#[test]
fn instances_cost_their_hours() {
    every_run(|path, scenario, seed| {
        let (outcome, rows) = run(scenario, seed, Rows::default(), (&mut (), &mut ()));
        let hours = scenario.model.duration.as_secs_f64() / 3600.0;
        let (mut expected, mut most_for_spot) = (0.0, 0.0);
        let comes_and_goes = |row: &&InstanceRow| {
            let class = &scenario.model.classes[row.name.class];
            scenario.model.fleets[class.fleet].group.is_some()
        };
        for row in rows.instances.iter().filter(comes_and_goes) {
            let seconds = row.until.since(row.launched_at).as_secs_f64().ceil().max(60.0);
            let rate = scenario.prices.classes[row.name.class].instance.nanos;
            let on_demand = rate as f64 / 1e9 * seconds / 3600.0;
            match scenario.model.classes[row.name.class].spot {
                None => expected += on_demand,
                Some(_) => most_for_spot += on_demand,
            }
        }
        for (_, fleet) in scenario.model.fleets.iter().filter(|(_, it)| it.group.is_none()) {
            for number in 0..fleet.count as usize {
                let class = fleet.classes[number % fleet.classes.len()];
                expected += scenario.prices.classes[class].instance.nanos as f64 / 1e9 * hours;
            }
        }
        // Stopped in a warm pool they cost nothing; each run before is paid for a minute at least.
        let mut tolerance = 1e-6;
        for series in outcome.recording.series.iter().filter(|it| {
            matches!(it.metric, Metric::WarmedStoppedInstances | Metric::WarmedHibernatedInstances)
        }) {
            let Scope::Fleet(fleet) = series.scope else { panic!("a warm pool is of a fleet") };
            let class = scenario.model.fleets[fleet].classes[0];
            let micros: u128 = series.buckets.iter().map(|it| it.integral).sum();
            let rate = scenario.prices.classes[class].instance.nanos as f64 / 1e9;
            expected -= rate * micros as f64 / 3.6e9;
            tolerance = 0.02;
        }
        let billed = |of: Category| -> f64 {
            let sums = outcome.bill.by_category().into_iter();
            sums.filter(|it| it.0 == of).map(|(_, amount)| amount.as_dollars_f64()).sum()
        };
        let spot = billed(Category::Ec2Spot);
        assert!(spot < 0.7 * most_for_spot || most_for_spot == 0.0, "{path}: Spot is ${spot}");
        let billed = billed(Category::Ec2OnDemand);
        let difference = (billed - expected).abs();
        assert!(difference < tolerance, "{path}: billed {billed}, expected {expected}");
    });
}

/// What tasks hold of instances is metered by payer when they give it back, and summed up for the
/// row of each instance as it goes: both are the same.
#[test]
fn payers_hold_together_what_instances_have_reserved() {
    every_run(|path, scenario, seed| {
        let model = &scenario.model;
        let mut sim = Sim::new(model.clone(), seed);
        let (mut meter, mut log) = (Meter::new(model), RowLog::new(Rows::default()));
        let end = SimTime::ZERO + model.duration;
        sim.run_until(end, &mut (&mut meter, &mut log));
        let usage = meter.finish(end, sim.world(), model);
        let rows = log.finish(end, sim.world(), model);
        for (class, used) in usage.instances.iter() {
            let mut by_payers = (0, 0);
            for share in &used.shares {
                by_payers.0 += share.reserved.cpu_unit_micros;
                by_payers.1 += share.reserved.memory_mib_micros;
            }
            let mut by_instances = (0, 0);
            for row in rows.instances.iter().filter(|row| row.name.class == class) {
                by_instances.0 += row.reserved_cpu_unit_micros;
                by_instances.1 += row.reserved_memory_mib_micros;
            }
            assert_eq!(by_payers, by_instances, "{path}: {}", model.classes[class].instance_type);
        }
    });
}

#[test]
fn the_same_seed_gives_the_same_run_whoever_watches_and_another_seed_another() {
    let mut seen = Vec::new();
    for path in shipped() {
        let scenario = scenario(&path);
        for master in 0..SEEDS / 4 {
            let seed = Seed { master, replication: 0 };
            let full = run(&scenario, seed, Rows::default(), (&mut (), &mut ())).0;
            let mut alone = Fingerprint::new();
            let mut sim = Sim::new(scenario.model.clone(), seed);
            sim.run_until(SimTime::ZERO + scenario.model.duration, &mut alone);
            let value = alone.value();
            assert_eq!(full.recording.fingerprint.unwrap().value(), value, "{path}");
            if !seen.contains(&value) {
                seen.push(value);
            }
        }
    }
    // In a few of them nothing is left to luck.
    assert!(seen.len() > 2 * shipped().len(), "another seed is another run: {}", seen.len());
}

/// Returns what a shipped scenario leaves, but for the manifest, which has the digest of the input.
fn left(path: &str, text: &str, flags: &[&str], threads: &str) -> Vec<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(path.trim_start_matches("scenarios/"));
    std::fs::write(&file, text).unwrap();
    let run = [file.to_str().unwrap(), "--quiet", "--no-plots"];
    let mut files = left_by(&[&run[..], flags].concat(), threads);
    files.retain(|(name, _)| name != "manifest.json");
    files
}

/// The text of a shipped scenario with the files it names where they are.
fn standing_alone(path: &str) -> String {
    let folder = repository("scenarios");
    let at = |text: String, part: &str| {
        text.replace(&format!("\"{part}/"), &format!("\"{}/{part}/", folder.display()))
    };
    at(at(read(path), "traces"), "task-definitions")
}

fn same(path: &str, what: &str, (text, flags): (&str, &[&str])) {
    let base = left(path, &standing_alone(path), &[], "1");
    let changed = left(path, text, flags, "3");
    assert!(base.len() > 5, "{path}: {} files", base.len());
    let names = |files: &[(String, Vec<u8>)]| {
        files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&base), names(&changed), "{path}: {what}");
    for ((name, bytes), (_, others)) in base.iter().zip(&changed) {
        assert!(bytes == others, "{path}: {what}: {name} differs");
    }
}

#[test]
fn a_change_that_cannot_matter_changes_nothing() {
    let unused = "\n[task_definition.nobody]\ncpu = 256\nmemory = 512\n[image.\"no/one\"]\n\
                  size = \"9 GiB\"\n[behaviour.nobody]\ncrash_rate = \"9 per h\"\n";
    let own_type =
        "\n[instance_type.\"own.large\"]\nvcpu = 2\nmemory = \"8 GiB\"\nprice = \"$0.1\"\n";
    for path in ["scenarios/hybrid.toml", "scenarios/microservices.toml", "scenarios/batch.toml"] {
        let text = standing_alone(path);
        same(path, "an unused task definition", (&format!("{text}{unused}"), &[]));
        same(path, "an unused instance type", (&format!("{text}{own_type}"), &[]));
    }
    let path = "scenarios/placement-base.toml";
    let text = standing_alone(path);
    let comments = text.replace("]\n", "] # why not\n\n");
    same(path, "comments and blank lines", (&comments, &[]));
    let units = text
        .replace("\"2 d\"", "\"2880 min\"")
        .replace("\"0.5 vCPU\"", "512")
        .replace("\"1 GiB\"", "1024")
        .replace("\"0.02 per h\"", "\"0.48 per d\"")
        .replace("\"+18 h\"", "\"+1080 min\"");
    assert_ne!(units, text);
    same(path, "equal values in other units", (&units, &[]));
    same(path, "a table that is written as keys", (&in_other_order(&text), &[]));
    let set = |key: &'static str| ["--set", key];
    let nowhere = ["timing.fargate_start=\"9 s\"", "account.fargate_spot_vcpu=1"].map(set);
    same(path, "what is about Fargate", (&text, &nowhere.concat()));
    let path = "scenarios/fargate-service.toml";
    let text = standing_alone(path);
    let defaults = ["initial_state=\"steady\"", "limits.events=9_000_000_000"].map(set);
    same(path, "a default that is written, a limit", (&text, &defaults.concat()));
    same(path, "how an instance pulls", (&text, &set("timing.pull_bandwidth=\"1 MiB/s\"")));
}

/// Puts tables whose order says nothing in another order.
fn in_other_order(text: &str) -> String {
    let starts =
        |part: &&str| ["[image]", "[behaviour]", "[at."].iter().any(|it| part.starts_with(it));
    let (moved, stay): (Vec<&str>, Vec<&str>) = text.split("\n\n").partition(|part| starts(part));
    assert!(moved.len() > 1, "or nothing is tested");
    let moved: Vec<&str> = moved.into_iter().rev().collect();
    [stay, moved].concat().join("\n\n") + "\n"
}

/// A service of no tasks on a cluster of its own has rows of its own and changes no other.
#[test]
fn a_service_of_no_tasks_elsewhere_changes_no_row_of_another() {
    for path in ["scenarios/hybrid.toml", "scenarios/microservices.toml"] {
        let text = standing_alone(path);
        let beside = "\n[cluster.elsewhere]\n[service.nobody]\ncluster = \"elsewhere\"\n\
                      launch_type = \"FARGATE\"\ndesired_count = 0\n\
                      task_definition = { cpu = 256, memory = 512 }\n";
        let base = left(path, &text, &[], "1");
        let changed = left(path, &format!("{text}{beside}"), &[], "2");
        for (name, bytes) in base.iter().filter(|it| it.0.ends_with(".csv")) {
            let (_, others) = changed.iter().find(|it| it.0 == *name).unwrap();
            let of_others = |bytes: &[u8]| -> Vec<String> {
                let lines = std::str::from_utf8(bytes).unwrap().lines();
                let kept = lines.filter(|it| !it.contains("nobody") && !it.contains("elsewhere"));
                kept.map(str::to_string).collect()
            };
            assert!(of_others(bytes) == of_others(others), "{path}: {name} differs");
        }
    }
}

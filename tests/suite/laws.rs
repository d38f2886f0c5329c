//! Laws that hold for every scenario and every luck.

use ecsim::billing::Category;
use ecsim::ecs::Sim;
use ecsim::ecs::model::{Os, Provider};
use ecsim::ecs::{Owner, TaskStatus};
use ecsim::engine::Seed;
use ecsim::record::{Fingerprint, Rows};
use ecsim::scenario::Scenario;
use ecsim::study::run;
use ecsim::units::SimTime;

use super::scenarios::{scenario, shipped};

const SEEDS: u64 = 4;

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

/// A fixed fleet costs instances × hours × price, whatever runs on it.
#[test]
fn a_fixed_fleet_costs_its_hours() {
    every_run(|path, scenario, seed| {
        let (outcome, _) = run(scenario, seed, Rows::default(), (&mut (), &mut ()));
        let hours = scenario.model.duration.as_secs_f64() / 3600.0;
        let mut expected = 0.0;
        for (_, fleet) in scenario.model.fleets.iter() {
            for number in 0..fleet.count as usize {
                let class = fleet.classes[number % fleet.classes.len()];
                expected += scenario.prices.classes[class].instance.nanos as f64 / 1e9 * hours;
            }
        }
        let billed: f64 = outcome
            .bill
            .by_category()
            .into_iter()
            .filter(|(category, _)| *category == Category::Ec2OnDemand)
            .map(|(_, amount)| amount.as_dollars_f64())
            .sum();
        assert!((billed - expected).abs() < 1e-6, "{path}: billed {billed}, expected {expected}");
    });
}

#[test]
fn the_same_seed_gives_the_same_run_whoever_watches_and_another_seed_another() {
    for path in shipped() {
        let scenario = scenario(&path);
        let seed = Seed { master: 5, replication: 0 };
        let full = run(&scenario, seed, Rows::default(), (&mut (), &mut ())).0;
        let mut alone = Fingerprint::new();
        let mut sim = Sim::new(scenario.model.clone(), seed);
        sim.run_until(SimTime::ZERO + scenario.model.duration, &mut alone);
        assert_eq!(full.recording.fingerprint.unwrap().value(), alone.value(), "{path}");
    }
}

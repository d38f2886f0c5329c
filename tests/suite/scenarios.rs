//! The scenarios that ship: each says what it is for, is sound, and runs to its end.

use ecsim::engine::Seed;
use ecsim::record::Rows;
use ecsim::scenario::{Disk, Override, Scenario};
use ecsim::study::{Measure, Outcome, Unit, measures, run, verdicts};

use super::{files, read, repository};

/// Every shipped scenario, by path.
pub fn shipped() -> Vec<String> {
    let scenarios = files("scenarios", &[".toml"]);
    assert!(scenarios.len() >= 11, "{scenarios:?}");
    scenarios
}

pub fn scenario(path: &str) -> Scenario {
    Scenario::read(&Disk, &repository(path), &[])
        .unwrap_or_else(|problems| panic!("{path}:\n{}", problems.to_lines()))
}

pub fn outcome(scenario: &Scenario) -> Outcome {
    let seed = Seed { master: scenario.seed, replication: 0 };
    run(scenario, seed, Rows::default(), (&mut (), &mut ())).0
}

#[test]
fn each_begins_with_its_question() {
    for path in shipped() {
        let text = read(&path);
        let comment: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        let first = comment.first().copied().unwrap_or("");
        assert!(first.ends_with('?'), "{path}: the first line asks no question: {first}");
        for part in ["# Look at: ", "# Change: "] {
            assert!(comment.iter().any(|line| line.starts_with(part)), "{path}: no `{part}`");
        }
    }
}

#[test]
fn each_is_sound_and_says_so_without_warnings() {
    for path in shipped() {
        let problems = scenario(&path).document.problems;
        assert_eq!(problems.to_lines(), "", "{path}");
    }
}

#[test]
fn each_runs_to_its_end_and_its_objectives_can_be_judged() {
    for path in shipped() {
        let scenario = scenario(&path);
        let outcome = outcome(&scenario);
        assert_eq!(outcome.recording.partial, None, "{path}");
        let measures = measures(&scenario.model, &outcome);
        for verdict in verdicts(&scenario.objectives, &measures) {
            let name = &verdict.objective.measure;
            assert!(verdict.value.is_some(), "{path}: there is no measure `{name}`");
        }
    }
}

/// An objective is checked before a run against names that only a run makes.
#[test]
fn every_measure_of_a_result_can_have_an_objective_in_its_unit_and_in_no_other() {
    for path in shipped().iter().filter(|path| !path.contains("/placement-b")) {
        let scenario = scenario(path);
        let measures = measures(&scenario.model, &outcome(&scenario));
        let read = |bound: fn(Unit) -> &'static str| {
            let objectives = measures
                .iter()
                .map(|it| Override::set(format!("objective.{:?}={:?}", it.name, bound(it.unit))));
            Scenario::read(&Disk, &repository(path), &objectives.collect::<Vec<_>>())
        };
        let suits = |unit| match unit {
            Unit::Share => ">= 1 %",
            Unit::Seconds => ">= 1 s",
            Unit::Dollars => ">= $1",
            Unit::Count => ">= 1",
            Unit::InstanceHours => ">= 1 h",
        };
        let suiting = read(suits).unwrap_or_else(|problems| panic!("{}", problems.to_lines()));
        assert!(suiting.objectives.len() >= measures.len(), "{path}");
        let other = |unit| match unit {
            Unit::Share | Unit::Dollars | Unit::Count => ">= 1 s",
            Unit::Seconds | Unit::InstanceHours => ">= 1 %",
        };
        assert_eq!(read(other).unwrap_err().error_count(), measures.len(), "{path}");
    }
}

#[test]
fn those_on_placement_do_the_same_work() {
    let of = |path: &str| {
        let scenario = scenario(path);
        let model = scenario.model.clone();
        let measures = measures(&model, &outcome(&scenario));
        let value = |name: &str| {
            let found = |measure: &&Measure| measure.name == name;
            measures.iter().find(found).map(|it| it.value)
        };
        let instances: u32 = model.fleets.iter().map(|(_, fleet)| fleet.count).sum();
        (instances, value("cost.total"), model.services.len(), model.submitters.len())
    };
    let base = of("scenarios/placement-base.toml");
    for path in shipped().iter().filter(|path| path.contains("/placement-")) {
        assert_eq!(of(path), base, "{path}");
    }
    assert!(base.1.is_some());
}

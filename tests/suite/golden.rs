//! Golden results: every measure of every shipped scenario, and the fingerprint of what happened.
//!
//! A difference here is a change of results: read it, say why in CHANGELOG under "Results changed",
//! then renew the files with `ECSIM_RENEW=1 cargo test golden`.

use std::fmt::Write;
use std::fs;

use ecsim::study::measures;

use super::repository;
use super::scenarios::{outcome, scenario, shipped};

/// Writes down what a run came to.
fn result(path: &str) -> String {
    let scenario = scenario(path);
    let outcome = outcome(&scenario);
    let fingerprint = outcome.recording.fingerprint.expect("runs are fingerprinted");
    let mut text = format!("fingerprint = {fingerprint}\nevents = {}\n", outcome.recording.events);
    for measure in measures(&scenario.model, &outcome) {
        writeln!(text, "{} = {} {}", measure.name, measure.value, measure.unit.name()).unwrap();
    }
    text
}

#[test]
fn each_shipped_scenario_gives_the_results_it_gave() {
    let renew = std::env::var_os("ECSIM_RENEW").is_some();
    let mut changed = Vec::new();
    for path in shipped() {
        let name = path.trim_start_matches("scenarios/").trim_end_matches(".toml");
        let golden = repository(&format!("tests/golden/{name}.txt"));
        let result = result(&path);
        if renew {
            fs::create_dir_all(golden.parent().unwrap()).unwrap();
            fs::write(&golden, &result).unwrap();
            continue;
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        let differing = expected
            .lines()
            .zip(result.lines())
            .find(|(was, is)| was != is)
            .map(|(was, is)| format!("{path}: was `{was}`, is `{is}`"));
        if expected != result {
            changed
                .push(differing.unwrap_or_else(|| format!("{path}: lines were added or left out")));
        }
    }
    assert!(
        changed.is_empty(),
        "results changed; first differences:\n{}\nif they are right, say so in CHANGELOG and run \
         `ECSIM_RENEW=1 cargo test golden`",
        changed.join("\n")
    );
}

//! What changes the digest of a scenario and what does not.

use std::path::Path;

use super::{InMemory, Override, Scenario};

const TEXT: &str = r#"
duration = "90 s"
[container_instances.od]
instance_type = "m5.large"
attributes = { rack = "1" }
[service.web]
desired_count = 2
task_definition = { cpu = 512, memory = 1024, container_definitions.app.image = "x" }
placement_strategy = [{ spread = "host" }]
[job.batch]
trace = "jobs.csv"
cpu = 256
memory = 512
duration = { exponential = { mean = "60 s" } }
[behaviour.web]
stop_time = { empirical = { file = "stop.csv", column = "s" } }
"#;

const JOBS: &str = "arrival_s\n0\n30\n";
const STOPS: &str = "s\n1\n2\n";

/// Digests a scenario in a folder of its own, with its files.
fn digest_of(name: &str, texts: [&str; 3], set: &[&str]) -> u128 {
    let folder = Path::new(name).parent().expect("it is in a folder");
    let files: Vec<String> =
        ["jobs.csv", "stop.csv"].map(|it| folder.join(it).display().to_string()).to_vec();
    let texts = [(name, texts[0]), (&files[0], texts[1]), (&files[1], texts[2])];
    let overrides: Vec<Override> = set.iter().map(|it| Override::set(*it)).collect();
    let read = Scenario::read(&InMemory::new(&texts), Path::new(name), &overrides);
    read.unwrap_or_else(|problems| panic!("{}", problems.to_lines())).digest
}

fn text() -> String {
    TEXT.replace("duration = { exponential = { mean = \"60 s\" } }", "duration = \"60 s\"")
}

#[test]
fn spelling_order_comments_paths_and_luck_do_not_change_the_digest() {
    let text = text();
    let first = digest_of("a/a.toml", [&text, JOBS, STOPS], &[]);
    let same = |name: &str, text: &str, set: &[&str]| {
        assert_eq!(digest_of(name, [text, JOBS, STOPS], set), first, "{name} {set:?}\n{text}");
    };
    let change = |from: &str, to: &str| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        same("a/a.toml", &text.replace(from, to), &[]);
    };
    same("another/folder/b.toml", &text, &[]);
    same("a/a.toml", &text, &["seed=7"]);
    same("a/a.toml", &format!("# a comment\n{text}\n\n"), &[]);
    same("a/a.toml", &text, &["duration=1 min 30 s", "service.web.desired_count=2"]);
    change("duration = \"90 s\"", "duration = \"1.5 min\"");
    change("cpu = 512", "cpu = \"0.5 vCPU\"");
    change("memory = 1024", "memory = \"1 GB\"");
    change("cpu = 256\nmemory = 512", "memory = \"0.5 GiB\"\ncpu = 256");
    // A default that is written is the same value.
    change("desired_count = 2", "desired_count = 2\nscheduling_strategy = \"REPLICA\"");
    // What has no effect is no part of it.
    change("app.image = \"x\"", "app = { image = \"x\", environment = [] }");
}

#[test]
fn every_value_and_every_row_changes_the_digest() {
    let text = text();
    let first = digest_of("a/a.toml", [&text, JOBS, STOPS], &[]);
    let mut seen = vec![first];
    let mut differs = |texts: [&str; 3], set: &[&str]| {
        let digest = digest_of("a/a.toml", texts, set);
        assert!(!seen.contains(&digest), "{set:?}\n{texts:?}");
        seen.push(digest);
    };
    for set in [
        "duration=91 s",
        "start=2026-01-05T00:01",
        "service.web.desired_count=3",
        "service.web.placement_strategy=[{ spread = \"instanceId\" }]",
        "service.web.task_definition.container_definitions.app.memory=7",
        "container_instances.od.attributes.rack=\"2\"",
        "container_instances.od.attributes.row=\"1\"",
        "job.batch.gang=true",
        "job.batch.time_scale=2",
        "timing.settle=41 s",
        "behaviour.web.crash_rate=1 per h",
        "prices.ec2.\"m5.large\"=1",
        "account.quotas=documented",
        "objective.\"service.web.availability\"=> 1 %",
    ] {
        differs([&text, JOBS, STOPS], &[set]);
    }
    differs([&text, "arrival_s\n0\n31\n", STOPS], &[]);
    differs([&text, "arrival_s\n0\n30\n30\n", STOPS], &[]);
    differs([&text, JOBS, "s\n1\n3\n"], &[]);
    differs([&text, JOBS, "s\n1\n2\n2\n"], &[]);
}

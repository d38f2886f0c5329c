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
    // What was measured is as somebody had it, for better or worse.
    for path in shipped().iter().filter(|path| !path.contains("/measured/")) {
        let problems = scenario(path).document.problems;
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

/// Runs a scenario of a test, and returns its rows and who is called what.
fn run_text(name: &str, text: &str) -> (Scenario, Rows) {
    let folder = std::env::temp_dir().join(format!("ecsim-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("there is a folder for what is temporary");
    let path = folder.join("scenario.toml");
    std::fs::write(&path, text).expect("it can be written");
    let scenario = Scenario::read(&Disk, &path, &[])
        .unwrap_or_else(|problems| panic!("{}", problems.to_lines()));
    std::fs::remove_dir_all(&folder).expect("it can be removed");
    let seed = Seed { master: scenario.seed, replication: 0 };
    let (_, rows) = run(&scenario, seed, Rows::default(), (&mut (), &mut ()));
    (scenario, rows)
}

const TWO_INSTANCES: &str = r#"
duration = "1 h"
region = "eu-west-1"
container_instances.i = { instance_type = "m5.large", count = 2 }
"#;

#[test]
fn s_e46_a_task_that_wants_to_be_with_a_group_is_never_placed_in_an_empty_cluster() {
    let text = format!(
        r#"{TWO_INSTANCES}
        [task_definition.app]
        container_definitions.app = {{ image = "app", cpu = 256, memory = 512 }}
        [service.near]
        task_definition = "app"
        desired_count = 1
        placement_constraints = [{{ member_of = "task:group == service:production" }}]
        "#
    );
    let (_, rows) = run_text("s-e46", &text);
    assert_eq!(rows.tasks.len(), 0);
    // With a task of that group there is a place, and it is beside it.
    let text = format!(
        r#"{text}
        [service.production]
        task_definition = "app"
        desired_count = 1
        "#
    );
    let (scenario, rows) = run_text("s-e46-with", &text);
    assert_eq!(rows.tasks.len(), 2, "{:?}", scenario.name);
    assert_eq!(rows.tasks[0].instance, rows.tasks[1].instance);
}

#[test]
fn s_e48_tasks_of_a_family_are_spread_by_their_group_unless_the_group_is_named() {
    let check = |group: &str, expected: std::ops::RangeInclusive<usize>| {
        // Another family holds three tasks on the first instance, by packing.
        let text = format!(
            r#"{TWO_INSTANCES}
            [task_definition.other]
            container_definitions.app = {{ image = "app", cpu = 128, memory = 256 }}
            [task_definition.web]
            container_definitions.app = {{ image = "app", cpu = 128, memory = 256 }}
            [behaviour]
            other.run_time = "2 h"
            web.run_time = "2 h"
            [task.other]
            task_definition = "other"
            schedule = "at(2026-01-05T00:01:00)"
            count = 3
            {group}
            placement_strategy = [{{ binpack = "memory" }}]
            [task.web]
            task_definition = "web"
            schedule = "at(2026-01-05T00:02:00)"
            count = 3
            {group}
            placement_strategy = [{{ spread = "instanceId" }}]
            "#
        );
        let (_, rows) = run_text("s-e48", &text);
        assert_eq!(rows.tasks.len(), 6);
        let packed = rows.tasks[0].instance;
        let beside = rows.tasks[3..].iter().filter(|row| row.instance == packed).count();
        assert!(expected.contains(&beside), "{beside} of three tasks of web, with `{group}`");
    };
    // `family:web` counts only itself; in one group with the other three, none goes there.
    check("", 1..=2);
    check("group = \"shared\"", 0..=0);
}

#[test]
fn ties_go_to_whoever_registered_first_or_to_any() {
    let hosts = |ties: &str| {
        let mut text = format!(
            r#"
            duration = "1 h"
            region = "eu-west-1"
            placement_ties = "{ties}"
            container_instances.i = {{ instance_type = "m5.4xlarge", count = 8 }}
            [task_definition.app]
            container_definitions.app = {{ image = "app", cpu = 256, memory = 512 }}
            "#
        );
        for n in 0..16 {
            text += &format!("[service.s{n}]\ntask_definition = \"app\"\ndesired_count = 1\n");
        }
        let (_, rows) = run_text("ties", &text);
        let mut hosts: Vec<_> =
            rows.tasks.iter().map(|row| format!("{:?}", row.instance)).collect();
        hosts.sort();
        hosts.dedup();
        hosts.len()
    };
    assert_eq!(hosts("registered"), 1, "each service has none of its tasks anywhere");
    assert!((4..=8).contains(&hosts("random")), "sixteen throws of a die with eight sides");
}

#[test]
fn an_instance_has_its_subnet_as_an_attribute() {
    let text = r#"
        duration = "1 h"
        region = "eu-west-1"
        subnet.s1 = { availability_zone = "a", cidr = "10.0.0.0/24" }
        subnet.s2 = { availability_zone = "a", cidr = "10.0.1.0/24" }
        container_instances.i = { instance_type = "m5.large", count = 2, subnets = ["s1", "s2"] }
        [task_definition.app]
        container_definitions.app = { image = "app", cpu = 256, memory = 512 }
        [service.web]
        task_definition = "app"
        desired_count = 3
        placement_constraints = [{ member_of = "attribute:ecs.subnet-id == s2" }]
    "#;
    let (_, rows) = run_text("subnet-id", text);
    assert_eq!(rows.tasks.len(), 3);
    assert!(rows.tasks.iter().all(|row| row.instance.is_some_and(|name| name.number == 1)));
}

const SHOP: &str = r#"
duration = "1 h"
traffic.fidelity = "requests"
[load_balancer.public]
[target_group.web]
load_balancer = "public"
[service.web]
launch_type = "FARGATE"
desired_count = 4
task_definition = { cpu = 1024, memory = 2048 }
load_balancers = [{ target_group = "web", container_name = "app", container_port = 80 }]
[service.web.auto_scaling]
min_capacity = 2
max_capacity = 20
target_tracking.cpu = { metric = "ECSServiceAverageCPUUtilization", target_value = 60 }
[load.shoppers]
load_balancer = "public"
timeout = "30 s"
retries = 1
classes = [{ share = 0.9, cost = 0.5 }, { share = 0.1, cost = 5.5 }]
[behaviour.web.usage.app]
cpu = { per_request = { exponential = { mean = "100 ms" } } }
memory = "500 MiB"
[objective]
"service.web.request_latency_p99" = "<= 10 s"
"service.web.request_latency_p99_9" = "<= 1 min"
"service.web.requests_given_up" = ">= 0"
[load.shoppers.requests_per_second.spike]
base = 20
height = 40
at = "+10 min"
rise = "15 min"
holds = "10 min"
decays = "5 min"
"#;

/// A spike of requests, each of them simulated, and the same as a fluid: both come to the same
/// tasks. What a fluid cannot show is clients who wait for three seconds only: the service works at
/// what they have given up, and falls behind its retries.
#[test]
fn single_requests_are_served_by_a_service_that_scales() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.toml");
    std::fs::write(&path, SHOP).unwrap();
    let of = |change: &str| {
        let scenario = Scenario::read(&Disk, &path, &[Override::set(change)])
            .unwrap_or_else(|problems| panic!("{}", problems.to_lines()));
        let outcome = outcome(&scenario);
        let measures = measures(&scenario.model, &outcome);
        let objectives = verdicts(&scenario.objectives, &measures);
        (measures, objectives, outcome.recording.fingerprint)
    };
    let value = |measures: &[Measure], name: &str| {
        let name = format!("service.web.{name}");
        measures.iter().find(|it| it.name == name).map(|it| it.value)
    };
    let (single, verdicts, fingerprint) = of("duration=\"1 h\"");
    assert_eq!(of("duration=\"60 min\"").2, fingerprint, "the same luck leads to the same end");
    assert!(verdicts.iter().all(|it| it.is_met() == Some(true)), "{verdicts:?}");
    let (fluid, ..) = of("traffic.fidelity=\"fluid\"");
    let of_single = |name| value(&single, name).unwrap_or_else(|| panic!("no {name}"));
    let came = of_single("requests");
    let expected = value(&fluid, "requests").unwrap();
    assert_eq!(expected.round(), 120_000.0);
    // Five deviations of a random number of requests.
    let first = came - of_single("requests_retried");
    assert!((first - expected).abs() < 5.0 * expected.sqrt(), "{first}");
    let gone = of_single("requests_served") + of_single("requests_failed");
    assert!((0.0..100.0).contains(&(came - gone)), "{came}, {gone}");
    for name in ["running_mean", "cpu_utilization"] {
        let (single, fluid) = (of_single(name), value(&fluid, name).unwrap());
        assert!((single / fluid - 1.0).abs() < 0.05, "{name}: {single}, {fluid}");
    }
    let names = ["request_latency_p50", "request_latency_p95", "request_latency_p99"];
    let times = names.map(of_single);
    assert!(times.is_sorted() && times[0] > 0.03, "{times:?}");
    assert_eq!(value(&fluid, "request_latency_p99"), None);
    let (hasty, ..) = of("load.shoppers.timeout=\"3 s\"");
    let gave_up = value(&hasty, "requests_given_up").unwrap();
    assert!(gave_up > 100.0 * of_single("requests_given_up"), "{gave_up}");
}

//! Warnings about capacity come true: the run with one is regretted, the run without is not.

use ecsim::engine::Seed;
use ecsim::record::{InstanceRow, Rows};
use ecsim::scenario::{Disk, Override, Scenario};
use ecsim::study::run;

const GROUP: &str = r#"
region = "us-east-1"
duration = "2 d"
[auto_scaling_group.g]
instance_type = "m5.large"
availability_zones = ["a", "b", "c"]
min_size = 1
max_size = 30
[capacity_provider.a]
auto_scaling_group = "g"
managed_termination_protection = "ENABLED"
"#;

/// How many instances there were: at most, and when the run ended.
#[derive(Debug, PartialEq)]
struct Instances {
    peak: usize,
    left: usize,
}

/// Runs a scenario with changes; returns its instances, and the codes of its warnings.
fn instances(text: &str, changes: &[&str]) -> (Instances, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.toml");
    std::fs::write(&path, format!("{GROUP}{text}")).unwrap();
    let changes: Vec<Override> = changes.iter().map(|it| Override::set(*it)).collect();
    let scenario = Scenario::read(&Disk, &path, &changes).unwrap_or_else(|it| panic!("{it:?}"));
    let told = scenario.document.problems.to_lines();
    let codes = told.split("warning[").skip(1).map(|it| it[..4].to_string()).collect();
    let seed = Seed { master: 1, replication: 0 };
    let (_, rows) = run(&scenario, seed, Rows::default(), (&mut (), &mut ()));
    let at = |row: &InstanceRow| {
        let there = |other: &&InstanceRow| {
            other.launched_at <= row.launched_at && row.launched_at < other.until
        };
        rows.instances.iter().filter(there).count()
    };
    let peak = rows.instances.iter().map(at).max().unwrap_or(0);
    let left = rows.instances.iter().filter(|row| !row.is_gone).count();
    (Instances { peak, left }, codes)
}

/// Checks that a scenario is warned of by this code only, and with the change of nothing.
#[track_caller]
fn with_and_without(text: &str, code: &str, change: &str) -> (Instances, Instances) {
    let (with, codes) = instances(text, &[]);
    assert_eq!(codes, [code], "{text}");
    let (without, codes) = instances(text, &[change]);
    assert_eq!(codes, [""; 0], "{change}");
    (with, without)
}

const PACKED: &str = "service.s.placement_strategy=[{ binpack = \"memory\" }]";

#[test]
fn w050_with_a_spread_and_spare_instances_each_task_drifts_to_its_own() {
    let text = r#"
managed_scaling.target_capacity = 80
[service.s]
desired_count = 16
capacity_provider_strategy = [{ capacity_provider = "a", weight = 1 }]
task_definition = { cpu = 256, memory = "1 GiB" }
[behaviour.s]
crash_rate = "0.2 per h"
"#;
    let (with, without) = with_and_without(text, "W050", PACKED);
    // Three instances hold all, and a target of 80 % keeps one more.
    assert_eq!(without.left, 4, "{without:?}");
    assert_eq!(with.left, 16 * 100 / 80, "{with:?}");
    // Zones ahead of binpack cost next to nothing; chance is between both.
    let zones = "service.s.placement_strategy=[{ spread = \"attribute:ecs.availability-zone\" }, \
                 { binpack = \"memory\" }]";
    let (zones, codes) = instances(text, &[zones]);
    assert!(codes == ["W050"] && zones.left <= 5, "{zones:?}");
    let (random, _) = instances(text, &["service.s.placement_strategy=[\"random\"]"]);
    assert!(zones.left < random.left && random.left < with.left, "{random:?}");
}

#[test]
fn w051_a_spread_keeps_the_instances_of_a_service_that_shrinks() {
    let text = r#"
[service.s]
desired_count = 40
capacity_provider_strategy = [{ capacity_provider = "a", weight = 1 }]
task_definition = { cpu = 512, memory = "1.75 GiB" }
[at.night]
time = "+1 h"
update_service = { service = "s", desired_count = 8 }
"#;
    let (with, without) = with_and_without(text, "W051", PACKED);
    assert!(with.left >= 8, "{with:?}");
    assert_eq!(without.left, 2, "{without:?}");
}

#[test]
fn w054_tasks_that_cannot_move_keep_a_draining_instance() {
    let text = r#"
managed_scaling.status = "DISABLED"
[service.s]
desired_count = 6
maximum_percent = 100
capacity_provider_strategy = [{ capacity_provider = "a", weight = 1 }]
task_definition = { cpu = 256, memory = "1 GiB" }
[at.less]
time = "+1 h"
set_desired_capacity = { auto_scaling_group = "g", desired_capacity = 1 }
"#;
    let changes = [
        "auto_scaling_group.g.desired_capacity=3",
        "capacity_provider.a.managed_termination_protection=DISABLED",
    ];
    let (with, codes) = instances(text, &changes);
    assert_eq!((with.left, codes), (3, vec!["W054".to_string()]));
    let starts = [&changes[..], &["service.s.maximum_percent=200"]].concat();
    let (without, codes) = instances(text, &starts);
    assert_eq!((without.left, codes), (1, Vec::new()));
}

#[test]
fn w056_nothing_is_launched_for_tasks_of_launch_type_ec2() {
    let text = r#"
[service.s]
desired_count = 16
launch_type = "EC2"
task_definition = { cpu = 256, memory = "1 GiB" }
"#;
    let change = "service.s.capacity_provider_strategy=[{ capacity_provider = \"a\" }]";
    let (with, codes) = instances(text, &[]);
    assert!(with.peak == 1 && codes == ["W056"], "{with:?}: {codes:?}");
    let (without, codes) = instances(text, &[change]);
    // Only that the flag takes the launch type away is said.
    assert!(without.left >= 3 && codes == ["W004"], "{without:?}: {codes:?}");
}

#[test]
fn w058_a_warm_up_shorter_than_the_boot_launches_twice() {
    let text = r#"
managed_scaling.instance_warmup_period = "1 min"
[timing]
instance_boot = "4 min"
[service.s]
desired_count = 4
capacity_provider_strategy = [{ capacity_provider = "a", weight = 1 }]
placement_strategy = [{ binpack = "memory" }]
task_definition = { cpu = 512, memory = "1.75 GiB" }
[at.more]
time = "+1 h"
update_service = { service = "s", desired_count = 40 }
"#;
    let change = "capacity_provider.a.managed_scaling.instance_warmup_period=\"5 min\"";
    let (with, without) = with_and_without(text, "W058", change);
    assert_eq!(without.peak, 10, "{without:?}");
    assert!(with.peak >= 20, "{with:?}");
}

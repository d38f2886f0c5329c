//! The command as a shell sees it: exit codes, and what goes to which stream.

use std::process::{Command, Output};

use super::{read, repository};

fn ecsim(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecsim"));
    command.current_dir(repository("")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_sound_scenario_is_fine_and_quiet_says_nothing() {
    let output = ecsim(&["check", "--quiet", "scenarios/fargate-service.toml"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("", ""));
}

#[test]
fn bad_input_is_code_2_with_every_problem_and_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.toml");
    let wrong = read("scenarios/fargate-service.toml")
        .replace("\"1 GB\"", "\"8 GB\"")
        .replace("desired_count", "desired_cuont");
    std::fs::write(&path, &wrong).unwrap();
    let line = |of: &str| 1 + wrong.lines().position(|line| line.starts_with(of)).unwrap();
    let output = ecsim(&["check", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "");
    let told = text(&output.stderr);
    let place = format!("shop.toml:{}:1: service `web`: unknown key", line("desired_cuont"));
    assert!(told.contains(&place), "{told}");
    assert!(told.contains("did you mean `desired_count`?"), "{told}");
    let size = format!("shop.toml:{}:", line("task_definition"));
    assert!(told.contains(&size) || told.matches("error").count() == 1, "{told}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing is written");
}

#[test]
fn a_missing_file_and_an_unknown_flag_are_bad_input() {
    assert_eq!(ecsim(&["check", "scenarios/none.toml"]).status.code(), Some(2));
    assert_eq!(ecsim(&["check", "--sed", "1"]).status.code(), Some(2));
    assert_eq!(ecsim(&["--version"]).status.code(), Some(0));
}

#[test]
fn codes_of_warnings_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.toml");
    std::fs::write(&path, "").unwrap();
    let told = ecsim(&["check", "--quiet", path.to_str().unwrap()]);
    assert_eq!(told.status.code(), Some(0));
    assert!(text(&told.stderr).starts_with("warning[W001]: nothing runs"), "{told:?}");
    let page = ecsim(&["check", "--explain", "W001", "w050"]);
    assert_eq!((page.status.code(), text(&page.stderr)), (Some(0), ""));
    let page = text(&page.stdout);
    assert!(page.starts_with("W001: nothing runs\n\nWhat happens\n"), "{page}");
    assert!(page.contains("\n\nW050: spread ahead of binpack"), "{page}");
    let source = "\nSource\n  ECS Developer Guide, Automatically manage Amazon ECS capacity";
    assert!(page.contains(source), "{page}");
    for list in [&["check", "--explain"][..], &["check", "--explain", "list"]] {
        let list = ecsim(list);
        assert_eq!((list.status.code(), text(&list.stderr)), (Some(0), ""));
        assert!(text(&list.stdout).contains("\n  W050  spread ahead of binpack"), "{list:?}");
    }
    let unknown = ecsim(&["check", "--explain", "W001", "W999", "W0500"]);
    assert_eq!((unknown.status.code(), text(&unknown.stdout)), (Some(2), ""));
    assert_eq!(
        text(&unknown.stderr),
        "there is no warning `W999`\nhint: `ecsim check --explain` lists all there are\n\
         there is no warning `W0500`\nhint: did you mean W050?\n"
    );
    assert_eq!(ecsim(&["check"]).status.code(), Some(2), "a scenario is needed otherwise");
    assert_eq!(ecsim(&["check", "--explain", "W001", "--quiet"]).status.code(), Some(2));
}

#[test]
fn a_wait_is_missed_where_nothing_is_ever_placed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("full.toml");
    let scenario = |when_full: &str| {
        format!(
            "region = \"us-east-1\"\nduration = \"5 h\"\n\
             [container_instances.f]\ninstance_type = \"m5.large\"\ncount = 1\n\
             [service.all]\ndesired_count = 1\ntask_definition = {{ cpu = 2048, memory = 512 }}\n\
             [task.t]\nschedule = \"rate(1 hour)\"\nwhen_full = \"{when_full}\"\n\
             task_definition = {{ cpu = 512, memory = 512 }}\n\
             [objective]\n\"task.t.wait_p95\" = \"<= 60 s\"\n"
        )
    };
    for when_full in ["retry", "fail", "queue"] {
        std::fs::write(&path, scenario(when_full)).unwrap();
        let (out, file) = (folder.path().join(when_full), path.to_str().unwrap());
        let arguments = ["run", "--fail-on-missed", "--out", out.to_str().unwrap(), file];
        let output = ecsim(&arguments);
        let (screen, told) = (text_of(&output), scenario(when_full));
        assert_eq!(output.status.code(), Some(1), "{told}{screen}");
        assert!(screen.contains("MISSED"), "{screen}");
        // The architecture is nothing that holds by default: these tasks go to any instance.
        let checked = text_of(&ecsim(&["check", file]));
        assert!(!checked.contains("cpu_architecture"), "{checked}");
    }
}

fn text_of(output: &Output) -> String {
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// Runs the command with so many threads, and returns every file it left, by name.
pub fn left_by(arguments: &[&str], threads: &str) -> Vec<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("result");
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecsim"));
    command.current_dir(repository("")).arg("run").args(arguments).arg("--out").arg(&out);
    let output = command.env("RAYON_NUM_THREADS", threads).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let mut found = Vec::new();
    let mut folders = vec![out.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&out).unwrap().display().to_string();
                found.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn two_processes_leave_the_same_bytes_whatever_the_number_of_threads() {
    let scenarios = [
        "scenarios/hybrid.toml",
        "scenarios/batch.toml",
        "scenarios/placement-random.toml",
        "--quiet",
    ];
    let one = left_by(&scenarios, "1");
    let other = left_by(&[&scenarios[..3], &["--seed", "1"]].concat(), "4");
    let names = |files: &[(String, Vec<u8>)]| -> Vec<String> {
        files.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&one), names(&other));
    assert!(one.len() > 30, "{:?}", names(&one));
    for ((name, bytes), (_, others)) in one.iter().zip(&other) {
        // The manifest says how the run was asked for, `--seed` included; nothing else may.
        if !name.ends_with("manifest.json") {
            assert!(bytes == others, "{name} differs");
        }
    }
    let changed = left_by(&["scenarios/hybrid.toml", "--seed", "2", "--no-plots"], "1");
    let of_seed_1 = one.iter().find(|(name, _)| name == "hybrid/tasks.csv").unwrap();
    let of_seed_2 = changed.iter().find(|(name, _)| name == "tasks.csv").unwrap();
    assert_ne!(of_seed_1.1, of_seed_2.1, "another seed is other luck");
}

/// Writes scenarios into a folder and returns their paths.
fn written(folder: &tempfile::TempDir, scenarios: &[(&str, &str)]) -> Vec<String> {
    let write = |(name, scenario): &(&str, &str)| {
        let path = folder.path().join(name);
        std::fs::write(&path, scenario).unwrap();
        path.to_str().unwrap().to_string()
    };
    scenarios.iter().map(write).collect()
}

const SMALL: &str = "[service.s]\ndesired_count = 1\nlaunch_type = \"FARGATE\"\n\
                     task_definition = { cpu = 256, memory = 512 }\n";

#[test]
fn check_reports_each_file_whatever_is_wrong_with_another() {
    let folder = tempfile::tempdir().unwrap();
    let bad = SMALL.replace("512", "\"8 GB\"");
    let paths = written(&folder, &[("a.toml", &bad), ("b.toml", SMALL), ("c.toml", "sed = 1\n")]);
    let output = ecsim(&["check", &paths[0], &paths[1], &paths[2]]);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.contains("a.toml:4:") && told.contains("c.toml:1:1: unknown key `sed`"), "{told}");
    assert!(text(&output.stdout).starts_with("b: fine, digest "), "{}", text(&output.stdout));
}

#[test]
fn problems_of_a_scenario_and_of_what_if_are_reported_together_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let bad = format!("sed = 1\n{SMALL}");
    let paths = written(&folder, &[("a.toml", &bad), ("b.toml", SMALL)]);
    let what_if = ["--what-if", "service.s.desired_cuont=2", "--set", "service.s.cpu=1"];
    let run = ["run", "--no-output", &paths[0], &paths[1]];
    let output = ecsim(&[&run[..], &what_if].concat());
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""));
    let told = text(&output.stderr);
    assert_eq!(told.matches("a.toml:1:1: unknown key `sed`").count(), 1, "{told}");
    // Once for each of the two files that are changed.
    let flag = "--what-if service.s.desired_cuont=2: service `s`: unknown key `desired_cuont`";
    assert_eq!(told.matches(flag).count(), 2, "{told}");
    assert_eq!(told.matches("unknown key `cpu`").count(), 2, "{told}");
}

#[test]
fn check_is_a_page_that_says_equal_defaults_once_and_leaves_out_what_nothing_can_touch() {
    for path in super::scenarios::shipped() {
        let output = ecsim(&["check", &path]);
        let page = text(&output.stdout);
        assert!(page.lines().count() <= 230, "{path}: {} lines", page.lines().count());
        let is_long = |line: &&str| line.chars().count() > 100;
        // Only what is long by itself.
        assert!(page.lines().filter(is_long).count() <= 5, "{path}: {page}");
    }
    let output = ecsim(&["check", "scenarios/placement-base.toml"]);
    let page = text(&output.stdout);
    let stop = "behaviour.*.stop_time = \"1 s\" (3 times)";
    assert_eq!(page.matches(stop).count(), 1, "{page}");
    assert!(page.contains("timing.cached_pull") && page.contains("placement_ties"), "{page}");
    assert!(page.contains("service_tasks_per_minute_ec2"), "{page}");
    for nothing in ["fargate_on_demand_vcpu", "timing.fargate_start", "windows_vcpu", "= []"] {
        assert!(!page.contains(nothing), "{nothing}: {page}");
    }
    let output = ecsim(&["check", "scenarios/fargate-service.toml"]);
    let page = text(&output.stdout);
    assert!(page.contains("timing.fargate_start") && !page.contains("cached_pull"), "{page}");
    let quotas = ["--set", "account.quotas=\"documented\""];
    let output = ecsim(&[&["check", "scenarios/fargate-service.toml"][..], &quotas].concat());
    assert!(text(&output.stdout).contains("fargate_on_demand_vcpu = 6"));
}

/// A file that may not grow: the writer is told, and the next run finds the last good result.
#[cfg(unix)]
#[test]
fn a_result_that_cannot_be_written_leaves_the_last_one_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("shop");
    let run = |limit: &str| {
        let program = env!("CARGO_BIN_EXE_ecsim");
        let script = format!(
            "ulimit -f {limit}; exec '{program}' run --quiet --no-plots --out '{}' \
             scenarios/hybrid.toml",
            out.display()
        );
        let mut shell = Command::new("sh");
        shell.current_dir(repository("")).args(["-c", &script]).output().unwrap()
    };
    let there = || {
        let entries = std::fs::read_dir(&folder).unwrap();
        entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    let tasks = || std::fs::read(out.join("tasks.csv")).unwrap();
    assert_eq!(run("unlimited").status.code(), Some(0));
    let good = tasks();
    // The system ends it: nothing can be cleared up, and nothing may be lost.
    assert_ne!(run("1").status.code(), Some(0));
    assert!(tasks() == good, "the last result is as it was");
    assert_eq!(run("unlimited").status.code(), Some(0));
    assert!(tasks() == good);
    assert_eq!(there(), ["shop"]);
}

#[test]
fn a_negative_duration_is_the_program_s_own_error() {
    let output = ecsim(&["check", "scenarios/batch.toml", "--duration", "-3 d"]);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.contains("`duration` is -3, which is negative"), "{told}");
}

#[test]
fn check_lists_prices_that_are_assumed_and_what_has_no_effect() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.toml");
    let scenario = r#"
region = "eu-west-1"
[container_instances.od]
instance_type = "m5.large"
operating_system = "WINDOWS_SERVER_2022_CORE"
[load_balancer.l]
[target_group.g]
load_balancer = "l"
health_check = { healthy_threshold = 3, unhealthy_threshold = 4, timeout = "3 s", interval = "9 s" }
[service.s]
desired_count = 1
load_balancers = [{ target_group = "g", container_name = "app", container_port = 80 }]
[service.s.task_definition]
runtime_platform.operating_system_family = "WINDOWS_SERVER_2022_CORE"
volumes = [{ name = "v", host = {} }, { name = "w", efs_volume_configuration = {} }]
[service.s.task_definition.container_definitions.app]
image = "x"
memory = 512
port_mappings = [{ container_port = 80, name = "web" }]
health_check = { retries = 2, interval = "7 s" }
"#;
    std::fs::write(&path, scenario).unwrap();
    let output = ecsim(&["check", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    let part = |title: &str| -> String {
        let rest = told.split(title).nth(1).unwrap_or_else(|| panic!("no {title}: {told}"));
        rest.split("\n\n").next().unwrap_or("").to_string()
    };
    assert!(part("PRICES, assumed").contains("m5.large with Windows: $"), "{told}");
    assert!(part("NOT MODELLED").contains("EFS file systems"), "{told}");
    let without_effect = part("UNDERSTOOD, without effect");
    for key in [
        "target_group.g.health_check.healthy_threshold",
        "target_group.g.health_check.unhealthy_threshold",
        "target_group.g.health_check.timeout",
        "service.s.task_definition.volumes",
        "service.s.task_definition.volumes[0].host",
        "service.s.task_definition.container_definitions.app.port_mappings[0].name",
        "service.s.task_definition.container_definitions.app.health_check.retries",
    ] {
        assert!(without_effect.lines().any(|line| line.trim() == key), "{key}: {told}");
    }
    assert!(!without_effect.contains("interval"), "{told}");
}

#[test]
fn an_objective_that_is_missed_fails_only_if_asked_to() {
    let missed = ["run", "scenarios/fargate-service.toml", "--no-output", "--set"];
    let objective = "objective.\"cost.total\"=\"< $0.01\"";
    let output = ecsim(&[&missed[..], &[objective]].concat());
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("MISSED  cost.total"), "{}", text(&output.stdout));
    let output = ecsim(&[&missed[..], &[objective, "--fail-on-missed"]].concat());
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_if_names_what_differs_and_the_first_event_that_did() {
    let run = ["run", "scenarios/fargate-service.toml", "--no-output", "--what-if"];
    let output = ecsim(&[&run[..], &["service.web.desired_count=4"]].concat());
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(told.contains("WHAT IF service.web.desired_count=4"), "{told}");
    assert!(told.contains("cost.total"), "{told}");
    assert!(told.contains("FIRST DIFFERENCE"), "{told}");
    let output = ecsim(&[&run[..], &["timing.eni_attach=\"11 s\""]].concat());
    assert!(text(&output.stdout).contains("every event is the same"), "{}", text(&output.stdout));
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn what_if_is_written_beside_the_result_it_changes() {
    let run = ["scenarios/hybrid.toml", "--no-plots", "--quiet"];
    let what_if = ["--what-if", "service.web.desired_count=12"];
    let without = left_by(&run, "1");
    let with = left_by(&[&run[..], &what_if].concat(), "4");
    let file = |name: &str| with.iter().find(|it| it.0 == name).map(|it| text(&it.1)).unwrap();
    for (name, bytes) in without.iter().filter(|(name, _)| name != "manifest.json") {
        assert!(file(name).as_bytes() == bytes, "{name} is not that of the base");
    }
    let told = json(file("what-if.json"));
    assert_eq!(told["what_if"], serde_json::json!(["service.web.desired_count=12"]));
    let total =
        |summary: &serde_json::Value| summary["measures"]["cost.total"]["value"].as_f64().unwrap();
    let (base, changed) = (total(&json(file("summary.json"))), total(&told["summary"]));
    assert!(changed > base + 1.0);
    let difference = &told["differences"]["cost.total"];
    assert_eq!((&difference["base"], &difference["changed"]), (&base.into(), &changed.into()));
    assert_eq!(difference["difference"].as_f64(), Some(changed - base));
    assert_eq!(told["first_difference"]["base"]["seconds"], 0.0);
    let manifest = json(file("manifest.json"));
    assert!(manifest["command"].as_str().unwrap().ends_with("desired_count=12"), "{manifest}");
    assert!(manifest["files"].as_array().unwrap().contains(&"what-if.json".into()));
    assert_eq!(told["base"]["fingerprint"], manifest["fingerprint"]);
    assert_ne!(told["changed"]["fingerprint"], manifest["fingerprint"]);

    let run = ["run", "scenarios/hybrid.toml", "--no-output", "--json"];
    let output = ecsim(&[&run[..], &what_if].concat());
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(json(lines[0]).get("what_if").is_none());
    assert!(lines[1].starts_with(r#"{"schema_version":1,"what_if":["#), "{}", lines[1]);
    assert_eq!(json(lines[1]), told);
}

#[test]
fn a_run_cut_short_says_so_even_if_quiet_and_a_good_one_takes_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("shop");
    let run = ["run", "scenarios/hybrid.toml", "--quiet", "--no-plots", "--out"];
    let run = [&run[..], &[out.to_str().unwrap()]].concat();
    let output = ecsim(&[&run[..], &["--set", "limits.events=100"]].concat());
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
    let told = text(&output.stderr);
    assert!(told.starts_with("warning: hybrid: the run ends at 2026-06-01"), "{told}");
    assert!(told.contains("the limit of 100 events was reached"), "{told}");
    assert!(told.contains("shop.partial"), "{told}");
    let there = || {
        let entries = std::fs::read_dir(&folder).unwrap();
        entries.map(|it| it.unwrap().file_name()).collect::<Vec<_>>()
    };
    assert_eq!(there(), ["shop.partial"]);
    let output = ecsim(&run);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("", ""));
    assert_eq!(there(), ["shop"]);
}

/// What a shell's redirections can do to a command that works.
#[cfg(target_os = "linux")]
#[test]
fn streams_that_cannot_be_written_do_not_hide_how_it_went() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let code = |arguments: &[&str], out: std::process::Stdio, errors: std::process::Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ecsim"));
        command.current_dir(repository("")).args(arguments).stdout(out).stderr(errors);
        command.status().unwrap().code()
    };
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    let run = ["run", "--no-output", "scenarios/fargate-service.toml"];
    let null = std::process::Stdio::null;
    assert_eq!(code(&run, full().into(), null()), Some(1));
    assert_eq!(code(&run, full().into(), full().into()), Some(1));
    assert_eq!(code(&run, closed().into(), closed().into()), Some(0));
    assert_eq!(code(&["--help"], closed().into(), null()), Some(0));
    assert_eq!(code(&["--help"], full().into(), null()), Some(1));
    assert_eq!(code(&["run", "none.toml"], closed().into(), full().into()), Some(2));
    let missed = ["--fail-on-missed", "--set", "objective.\"cost.total\"=\"< $0.01\""];
    assert_eq!(code(&[&run[..], &missed].concat(), closed().into(), full().into()), Some(1));
    let cut = ["--quiet", "--set", "limits.events=0"];
    assert_eq!(code(&[&run[..], &cut].concat(), closed().into(), full().into()), Some(2));
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecsim"));
    command.current_dir(repository("")).args(run).stdout(closed());
    let told = text(&command.output().unwrap().stderr).to_string();
    assert!(told.contains("standard output was closed before all was printed"), "{told}");
    let json = ecsim(&["run", "--no-output", "-q", "--json", "scenarios/fargate-service.toml"]);
    assert!(text(&json.stdout).starts_with("{\"schema_version\""), "{json:?}");
    let cut = ["run", "scenarios/hybrid.toml", "--no-output", "-q", "--set", "limits.events=99"];
    assert_eq!(code(&cut, closed().into(), full().into()), Some(1));
}

#[test]
fn the_gallery_is_what_the_readme_s_command_prints() {
    let readme = read("README.md");
    let line = readme.lines().find(|line| line.contains("--out output/gallery")).unwrap();
    let scenarios: Vec<&str> =
        line.split_whitespace().filter(|word| word.ends_with(".toml")).collect();
    let mut count = 0;
    for (name, bytes) in left_by(&[&scenarios[..], &["--quiet"]].concat(), "2") {
        if name.ends_with(".svg") {
            let kept = std::fs::read(repository("output/gallery").join(&name)).unwrap_or_default();
            assert!(kept == bytes, "output/gallery/{name} is stale; run: {line}");
            count += 1;
        }
    }
    assert_eq!(count, 18);
}

#[test]
fn a_change_of_the_luck_is_no_what_if() {
    let path = "scenarios/fargate-service.toml";
    let output = ecsim(&["run", "--no-output", path, "--what-if", "seed=2"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("`--seed` gives another to both"));
}

#[test]
fn an_objective_without_anything_to_measure_is_not_missed() {
    let path = "scenarios/fargate-service.toml";
    let bound = "objective.\"service.web.pending_p99\"=\"<= 1 min\"";
    let set = ["--set", bound, "--set", "initial_state=\"steady\"", "--duration", "1 min"];
    let mut arguments = vec!["run", "--no-output", "--fail-on-missed", path];
    arguments.extend(set);
    let output = ecsim(&arguments);
    assert!(text(&output.stdout).contains("not measured"), "{}", text(&output.stdout));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

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

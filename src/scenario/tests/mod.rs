//! Input text and the exact lines it gets; and that no text makes the reader panic.

mod definitions;
mod digest;
mod hostile;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::*;

#[derive(Default)]
pub(super) struct InMemory(BTreeMap<PathBuf, Result<Vec<u8>, ErrorKind>>);

impl InMemory {
    pub(super) fn new(files: &[(&str, &str)]) -> InMemory {
        let file = |(name, text): &(&str, &str)| (name.into(), Ok(text.as_bytes().to_vec()));
        InMemory(files.iter().map(file).collect())
    }
}

impl Files for InMemory {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        match self.0.get(path) {
            Some(Ok(bytes)) => Ok(Box::new(io::Cursor::new(bytes.clone()))),
            Some(Err(kind)) => Err((*kind).into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }
}

fn lines(files: &[(&str, &str)], set: &[&str]) -> String {
    let overrides: Vec<Override> = set.iter().map(|text| Override::set(*text)).collect();
    match load(&InMemory::new(files), Path::new(files[0].0), &overrides) {
        Ok(document) => document.problems.to_lines(),
        Err(problems) => problems.to_lines(),
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(lines(&[("a.toml", text)], &[]), expected);
}

#[track_caller]
fn check_set(text: &str, set: &str, expected: &str) {
    assert_eq!(lines(&[("a.toml", text)], &[set]), expected);
}

pub(super) const SHOP: &str = r#"
name = "shop"
region = "eu-west-1"
duration = "7 d"
start = 2026-03-02T00:00

[cluster.main]
[subnet.a]
availability_zone = "a"
cidr = "10.0.1.0/24"

[container_instances.od]
cluster = "main"
instance_type = "m7g.large"
count = 3
availability_zones = ["a", "b", "c"]
attributes = { rack = "1", "disk.kind" = "ssd" }

[container_instances.big]
like = "od"
instance_type = "m7g.xlarge"

[load_balancer.public]
[target_group.web]
load_balancer = "public"
deregistration_delay = "30 s"

[task_definition.web]
cpu = "0.5 vCPU"
memory = "1 GB"
[task_definition.web.container_definitions.app]
image = "shop/web:7"
port_mappings = [{ container_port = 8080 }]
depends_on = [{ container_name = "proxy", condition = "START" }]
[task_definition.web.container_definitions.proxy]
image = "envoy"
memory = 64

[image."shop/web:7"]
size = "180 MiB"

[behaviour.web]
crash_rate = "0.01 per h"
start_time = { lognormal = { median = "15 s", sigma = 0.2 } }
usage.app = { cpu = "0.02 vCPU", memory = "600 MiB" }

[service.web]
cluster = "main"
task_definition = "web"
desired_count = 6
load_balancers = [{ target_group = "web", container_name = "app", container_port = 8080 }]
placement_strategy = [{ spread = "attribute:rack" }, { binpack = "memory" }, "random"]
placement_constraints = ["distinctInstance", { member_of = "attribute:rack == 1" }]

[service.api]
like = "web"
desired_count = 2

[task.report]
schedule = "cron(0 3 * * ? *)"
task_definition = { cpu = 256, memory = 512, container_definitions.a.image = "x" }
capacity_provider_strategy = [{ capacity_provider = "FARGATE_SPOT", weight = 1 }]

[job.batch]
trace = "jobs.csv"
columns = { arrival = "t", duration = "d" }
cpu = 1024
memory = "2 GB"

[prices]
ec2."m7g.large" = "$0.08"
[at.night]
time = "+38 h"
update_service = { service = "web", desired_count = 2 }
[objective]
"service.web.availability" = ">= 99.95 %"
"#;

#[test]
fn a_sound_scenario_has_no_problems_and_gives_typed_values() {
    use super::value::{CpuUnits, Distribution, Mib, PerSecond};
    use crate::units::{Money, Span};

    let document = load(&InMemory::new(&[("dir/a.toml", SHOP)]), Path::new("dir/a.toml"), &[]);
    let document = document.unwrap_or_else(|problems| panic!("{}", problems.to_lines()));
    let root = document.root();
    assert_eq!(root.get::<Span>("duration"), Span::DAY * 7);
    assert_eq!(root.get::<String>("start"), "2026-03-02T00:00");
    assert_eq!(root.get::<u64>("seed"), 1);
    assert_eq!(root.table("account").get::<u32>("fargate_on_demand_vcpu"), 6);
    let names: Vec<&str> = root.entries("service").into_iter().map(|it| it.0).collect();
    assert_eq!(names, ["web", "api"]);
    let api = root.entry("service", "api").unwrap();
    assert_eq!(api.get::<String>("cluster"), "main");
    assert_eq!(api.find::<u32>("desired_count"), Some(2));
    assert_eq!(api.items("placement_strategy")[1].alternative().unwrap().0, "binpack");
    assert_eq!(api.items("placement_strategy")[2].value::<String>(), "random");
    let big = root.entry("container_instances", "big").unwrap();
    assert_eq!(big.entries("attributes")[1].0, "disk.kind");
    assert_eq!(big.get::<String>("instance_type"), "m7g.xlarge");
    let web = root.entry("task_definition", "web").unwrap();
    assert_eq!(web.find::<CpuUnits>("cpu"), Some(CpuUnits(512)));
    assert_eq!(web.find::<Mib>("memory"), Some(Mib(1024)));
    let behaviour = root.entry("behaviour", "web").unwrap();
    assert_eq!(behaviour.get::<PerSecond>("crash_rate"), PerSecond(0.01 / 3600.0));
    let start = behaviour.find::<Distribution>("start_time").unwrap();
    assert_eq!(start, Distribution::Lognormal { median: Span::secs(15), sigma: 0.2 });
    let price = root.table("prices").entry("ec2", "m7g.large").unwrap().value::<Money>();
    assert_eq!(price, Money::nanos(80_000_000));
    let task = root.entry("task", "report").unwrap();
    let inline = task.child("task_definition").unwrap();
    assert!(matches!(inline.kind(), keys::Kind::Table(_)));
    assert_eq!(inline.find::<CpuUnits>("cpu"), Some(CpuUnits(256)));
    let long = "x".repeat(200);
    let text = format!("cluster.{long}.awsvpc_trunking = true\n");
    let other = load(&InMemory::new(&[("a.toml", &text)]), Path::new("a.toml"), &[]).unwrap();
    let path = format!("cluster.{long}.awsvpc_trunking");
    assert!(other.filled_in().iter().any(|it| it.path == path && it.value == "true"));
    let trace = root.entry("job", "batch").unwrap().get::<PathBuf>("trace");
    assert_eq!(trace, Path::new("dir/jobs.csv"));
}

#[test]
fn unknown_keys_are_errors_with_a_suggestion() {
    check(
        "duraton = \"1 d\"\n",
        "a.toml:1:1: unknown key `duraton`\nhint: did you mean `duration`?\n",
    );
    check(
        "[service.web]\ntask_definition = { container_definitions = {} }\ndesiredCount = 3\n",
        "a.toml:3:1: service `web`: unknown key `desiredCount`\n\
         hint: did you mean `desired_count`?\n",
    );
    check(
        "[record]\nfoo = 1\n",
        "a.toml:2:1: record: unknown key `foo`\n\
         hint: keys here are `interval`, `task_log`, `event_log`\n",
    );
}

#[test]
fn wrong_values_say_what_they_are_and_what_they_should_be() {
    check("seed = -1\n", "a.toml:1:8: `seed` is -1, which is negative\nhint: the least is 0\n");
    check(
        "duration = 90\n",
        "a.toml:1:12: `duration` is 90, without a unit\n\
         hint: write \"90 s\"; units of time are ms, s, min, h, d and w\n",
    );
    check(
        "duration = \"2 hours 5 M\"\n",
        "a.toml:1:12: `duration` has the unit `hours`\n\
         hint: did you mean `h`? units of time are ms, s, min, h, d and w\n",
    );
    check(
        "initial_state = \"Steady\"\n",
        "a.toml:1:17: `initial_state` is \"Steady\"\n\
         hint: did you mean \"steady\"? it is one of \"steady\", \"cold\"\n",
    );
    check(
        "[target_group.x]\nload_balancer = \"pub\"\nderegistration_delay = \"2 h\"\n",
        "a.toml:2:17: target group `x`: `load_balancer` is \"pub\", but there is no \
         [load_balancer.pub]\nhint: write a table [load_balancer.pub]\n\
         a.toml:3:24: target group `x`: `deregistration_delay` is \"2 h\", which is too long\n\
         hint: the least is 0 s, the most 1 h\n",
    );
    check(
        "[timing]\neni_attach = { unifrom = { min = \"1 s\", max = \"2 s\" } }\n\
         eni_detach = { uniform = { min = \"3 s\", max = \"2 s\" } }\n\
         cached_pull = {}\nsettle = inf\n",
        "a.toml:2:16: timing: unknown key `eni_attach.unifrom`\nhint: did you mean `uniform`?\n\
         a.toml:3:14: timing: `eni_detach` has `min` 3 s above `max` 2 s\nhint: exchange them\n\
         a.toml:4:15: timing: `cached_pull` is empty\n\
         hint: write one of `uniform`, `exponential`, `lognormal`, `weibull`, `gamma`, \
         `empirical`\n\
         a.toml:5:10: timing: `settle` is inf, which is not a finite number\n\
         hint: write a length of time such as \"90 s\"\n",
    );
    check(
        "[job.j]\ntrace = \"x.csv\"\nmemory = \"1.5 MB\"\ncpu = 307.5\nrows = 1.5\n\
         time_scale = nan\ncount = 10_000_000\ngang = \"yes\"\n",
        "a.toml:3:10: job `j`: `memory` is \"1.5 MB\", which is not whole MiB\n\
         hint: memory is counted in whole MiB; MB and GB are MiB and GiB, as in AWS's API\n\
         a.toml:4:7: job `j`: `cpu` is 307.5, which is not whole CPU units\n\
         hint: CPU is counted in whole units; 1,024 are one vCPU: \"0.5 vCPU\" is 512\n\
         a.toml:5:8: job `j`: `rows` is 1.5, which is not whole\n\
         hint: the least is 1, the most 1,000,000,000\n\
         a.toml:6:14: job `j`: `time_scale` is nan, which is not a finite number\n\
         hint: write a number\n\
         a.toml:7:9: job `j`: `count` is 10000000, which is too large\n\
         hint: the least is 1, the most 1,000,000\n\
         a.toml:8:8: job `j`: `gang` is \"yes\"\nhint: write true or false\n",
    );
    check(
        "service = 3\n[cluster]\nx = 1\n[at]\ny = []\n",
        "a.toml:1:11: `service` is 3\nhint: write a table of names\n\
         a.toml:3:5: cluster `x`: is 1\nhint: write a table\n\
         a.toml:5:5: at `y`: is a list\nhint: write a table\n",
    );
}

#[test]
fn what_must_be_written_is_missed() {
    check(
        "[service.web]\n[at.x]\n",
        "a.toml:1:10: service `web`: `task_definition` is missing\n\
         hint: write task_definition = …, the name of a [task_definition.…], or a table\n\
         a.toml:2:5: at `x`: `time` is missing\n\
         hint: write time = …, a time, such as \"2026-03-03T14:00\", \"Tue 14:00\" or \"+38 h\"\n",
    );
    check(
        "[service.web]\nlike = \"wbe\"\n",
        "a.toml:2:8: service `web`: `like` is \"wbe\", but there is no [service.wbe]\n\
         hint: did you mean `web`?\n",
    );
}

#[test]
fn several_syntax_errors_are_reported_and_nothing_that_follows_from_them() {
    check(
        "duration = \nname = shop\n[service.web\ntask_definition = \"x\"\n[record]\n[record]\n\
         seed = 1 2\n",
        "a.toml:1:12: a value is missing\nhint: write one behind `=`, or leave the key out\n\
         a.toml:2:8: `shop` is no value\nhint: text goes in quotes: \"…\"\n\
         a.toml:3:13: unclosed table\nhint: expected `]`\n\
         a.toml:6:2: `record` is already there\n\
         hint: a key or table may be written once; put its keys in one place\n\
         a.toml:7:8: `1 2` is no value\nhint: text goes in quotes: \"…\"\n",
    );
}

#[test]
fn lists_and_alternatives_are_checked_inside() {
    check(
        "[cluster.c]\ndefault_capacity_provider_strategy = []\n\
         [service.s]\ntask_definition = 5\ncluster = \"d\"\n\
         placement_strategy = [{ binpack = \"disk\" }, { spred = \"x\" }, \
         { spread = \"host\", binpack = \"cpu\" }, 7, {}, \"random\"]\n",
        "a.toml:2:38: cluster `c`: `default_capacity_provider_strategy` has 0 entries\n\
         hint: the least is 1, the most 20\n\
         a.toml:4:19: service `s`: `task_definition` is 5\n\
         hint: write the name of a [task_definition.…], or a table\n\
         a.toml:5:11: service `s`: `cluster` is \"d\", but there is no [cluster.d]\n\
         hint: known: `c`, `default`\n\
         a.toml:6:22: service `s`: `placement_strategy` has 6 entries\n\
         hint: at most 5\n\
         a.toml:6:35: service `s`: `placement_strategy[0].binpack` is \"disk\"\n\
         hint: it is one of \"cpu\", \"memory\"\n\
         a.toml:6:47: service `s`: unknown key `placement_strategy[1].spred`\n\
         hint: did you mean `spread`?\n\
         a.toml:6:81: service `s`: `placement_strategy[2]` has both `spread` and `binpack`\n\
         hint: write only one\n\
         a.toml:6:100: service `s`: `placement_strategy[3]` is 7\n\
         hint: write \"random\", or { spread = … } or { binpack = … } or \
         { random = … }, or a table\n\
         a.toml:6:103: service `s`: `placement_strategy[4]` is empty\n\
         hint: write one of `spread`, `binpack`, `random`\n",
    );
}

#[test]
fn a_base_is_merged_under_and_problems_point_into_the_right_file() {
    let base = "duration = \"x\"\nregion = \"a\"\n[record]\ninterval = \"1 min\"\ntask_log = 3\n";
    let own = "extends = \"../b.toml\"\nregion = \"b\"\n[record]\ninterval = \"2 min\"\n";
    let found = lines(&[("dir/a.toml", own), ("dir/../b.toml", base)], &[]);
    assert_eq!(
        found,
        "dir/../b.toml:1:12: `duration` is \"x\"\n\
         hint: write a length of time such as \"90 s\"; units of time are ms, s, min, h, d and w\n\
         dir/../b.toml:5:12: record: `task_log` is 3\nhint: write true or false\n"
    );
}

#[test]
fn bases_that_lead_back_or_nowhere_are_reported_at_the_line_that_names_them() {
    let a = "extends = \"b.toml\"\n";
    let b = "extends = \"./a.toml\"\n";
    assert_eq!(
        lines(&[("a.toml", a), ("b.toml", b)], &[]),
        "b.toml:1:11: `./a.toml` extends itself in the end\nhint: take one `extends` away\n",
    );
    assert_eq!(
        lines(&[("a.toml", a)], &[]),
        "a.toml:1:11: there is no file `b.toml`\n\
         hint: a relative path starts from the folder of the file that names it\n"
    );
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let check = |kind: Result<Vec<u8>, ErrorKind>, expected: &str| {
        let files = InMemory([("x.toml".into(), kind)].into());
        let problems = load(&files, Path::new("x.toml"), &[]).unwrap_err();
        assert_eq!(problems.to_lines(), expected);
    };
    check(
        Err(ErrorKind::NotFound),
        "there is no file `x.toml`\nhint: check the path: it starts from the folder you are in\n",
    );
    check(
        Err(ErrorKind::IsADirectory),
        "`x.toml` is a folder, not a file\nhint: name a file in it\n",
    );
    check(
        Err(ErrorKind::PermissionDenied),
        "`x.toml` may not be read: permission denied\n\
         hint: allow yourself to read it, with `chmod` for example\n",
    );
    check(
        Ok(b"name = \"a\"\nregion = \"\xff\"\n".to_vec()),
        "x.toml:2: byte 0xff is not UTF-8\nhint: save the file as UTF-8\n",
    );
    check(
        Ok(vec![b'#'; (MAX_TEXT + 1) as usize]),
        "`x.toml` is larger than 16 MiB\nhint: is it the file you meant? scenarios are short\n",
    );
}

#[test]
fn things_that_are_like_themselves_are_reported() {
    check(
        "[subnet.a]\navailability_zone = \"a\"\n[container_instances.a]\nlike = \"b\"\n\
         [container_instances.b]\nlike = \"a\"\n[container_instances.c]\nlike = \"d\"\n",
        "a.toml:4:8: container instances `a`: `like` leads back to `b`\n\
         hint: take one `like` away\n\
         a.toml:6:8: container instances `b`: `like` leads back to `a`\n\
         hint: take one `like` away\n\
         a.toml:8:8: container instances `c`: `like` is \"d\", but there is no \
         [container_instances.d]\n\
         hint: known: `a`, `b`, `c`\n",
    );
}

#[test]
fn a_wrong_value_that_was_copied_is_reported_once() {
    check(
        "[container_instances.a]\ncount = 0\n[container_instances.b]\nlike = \"a\"\n",
        "a.toml:2:9: container instances `a`: `count` is 0, which is too small\n\
         hint: the least is 1, the most 1,000,000\n",
    );
}

#[test]
fn flags_reach_into_lists() {
    let text = "[service.web]\ntask_definition = { container_definitions.a.image = \"x\" }\n\
                launch_type = \"EC2\"\n\
                placement_strategy = [\"random\", { binpack = \"cpu\" }]\n";
    check_set(text, "service.web.placement_strategy[1].binpack=\"memory\"", "");
    check_set(text, "service.web.placement_strategy.0={ spread = \"instanceId\" }", "");
    check_set(
        text,
        "service.web.placement_strategy[2].binpack=\"cpu\"",
        "--set service.web.placement_strategy[2].binpack=\"cpu\": there is no entry `2` \
         in a list of 2\n\
         hint: entries are counted from 0: 0 to 1; or set the whole list\n",
    );
    check_set(
        text,
        "service.web.placement_strategy[1].binpack=disk",
        "--set service.web.placement_strategy[1].binpack=disk: service `web`: \
         `placement_strategy[1].binpack` is \"disk\"\nhint: it is one of \"cpu\", \"memory\"\n",
    );
}

#[test]
fn a_flag_replaces_a_key_that_excludes_its_own_and_says_so() {
    let on_fargate = "[service.v]\nlaunch_type = \"FARGATE\"\ndesired_count = 1\n\
                      minimum_healthy_percent = 50\n\
                      task_definition = { cpu = 256, memory = 512 }\n";
    let on_spot = "service.v.capacity_provider_strategy=[{ capacity_provider = \"FARGATE_SPOT\" }]";
    check_set(
        on_fargate,
        on_spot,
        &format!(
            "--set {on_spot}: warning[W004]: `capacity_provider_strategy` replaces `launch_type`, \
             which holds no more\n\
             hint: the two exclude each other: what a flag sets takes the other away\n"
        ),
    );
    check_set(on_fargate, "service.v.launch_type=FARGATE", "");
}

#[test]
fn flags_change_values_and_are_named_by_problems() {
    let text = "[service.web]\ndesired_count = 1\n\
                task_definition = { container_definitions.a.image = \"x\" }\n";
    check_set(text, "service.web.desired_count=8", "");
    check_set(text, "duration=2 h", "");
    // Blanks around the sign and at the ends do not count.
    check_set(text, "service.web.desired_count = 8", "");
    check_set(text, "  duration  =  2 h ", "");
    check_set(text, "  name = \"a-b\"  ", "");
    check_set(
        text,
        "service.web.desired_count = many",
        "--set service.web.desired_count = many: service `web`: `desired_count` is \"many\"\n\
         hint: write a whole number\n",
    );
    check_set(text, "name=2026", "");
    check_set(text, "start=2026-01-01T00:00", "");
    check_set(text, "image.\"a=b\".size=20 MB", "");
    check_set(
        text,
        "service.web.desired_cont=8",
        "--set service.web.desired_cont=8: service `web`: unknown key `desired_cont`\n\
         hint: did you mean `desired_count`?\n",
    );
    check_set(
        text,
        "service.wbe.desired_count=8",
        "--set service.wbe.desired_count=8: there is no [service.wbe]\n\
         hint: did you mean `service.web`?\n",
    );
    check_set(
        text,
        "service.web.desired_count=many",
        "--set service.web.desired_count=many: service `web`: `desired_count` is \"many\"\n\
         hint: write a whole number\n",
    );
    check_set(
        text,
        "nonsense",
        "--set nonsense: this is no `path=value`\n\
         hint: write, for example, `service.web.desired_count=8`\n",
    );
    check_set(
        text,
        "a..b=1",
        "--set a..b=1: the path before `=` cannot be read\n\
         hint: parts are separated by dots; quote a part with other signs: \
         `image.\"web:7\".size`\n",
    );
    check_set(
        text,
        "=1",
        "--set =1: the path before `=` cannot be read\n\
         hint: parts are separated by dots; quote a part with other signs: \
         `image.\"web:7\".size`\n",
    );
    check_set(
        text,
        "record.interval=[1",
        "--set record.interval=[1: unclosed array\nhint: expected `]`\n",
    );
    check_set(text, "seed.x=1", "--set seed.x=1: `seed` is a table\nhint: write a whole number\n");
    check_set(
        "seed = 1\n",
        "seed.x=1",
        "--set seed.x=1: `seed` is a number, not a table\nhint: set the whole value\n",
    );
}

#[test]
fn a_terminal_sees_the_lines_and_both_places() {
    let text = "[service.web]\ntask_definition = \"x\"\n[service.web]\n";
    let problems = load(&InMemory::new(&[("a.toml", text)]), Path::new("a.toml"), &[]).unwrap_err();
    assert_eq!(
        problems.to_terminal(false),
        "error: `web` is already there\n --> a.toml:3:10\n  |\n1 | [service.web]\n  \
         |          --- first here\n2 | task_definition = \"x\"\n\
         3 | [service.web]\n  |          ^^^\n  |\n  \
         = hint: a key or table may be written once; put its keys in one place\n\n"
    );
    assert!(problems.to_terminal(true).contains("\u{1b}["));
}

#[test]
fn a_terminal_sees_the_code_of_a_warning() {
    let files = [("a.toml", "[image.\"x\"]\n")];
    let read = crate::scenario::Scenario::read(&InMemory::new(&files), Path::new("a.toml"), &[]);
    let problems = read.expect("it is allowed").document.problems.clone();
    let shown = problems.to_terminal(false);
    assert!(shown.contains("warning[W003]: image `x`: no container has this image\n"), "{shown}");
}

#[test]
fn a_hundred_problems_are_printed_and_the_rest_counted() {
    let text: String = (0..2500).map(|number| format!("x{number} = 1\n")).collect();
    let found = lines(&[("a.toml", &text)], &[]);
    assert_eq!(found.matches("unknown key").count(), 100);
    assert!(found.ends_with("… and 2,400 more problems\n"), "{}", &found[found.len() - 100..]);
}

#[test]
fn control_characters_in_text_of_the_user_are_shown_as_escapes() {
    check(
        "initial_state = \"a\\u001b[31m\\u202e\"\n",
        "a.toml:1:17: `initial_state` is \"a\\u{1b}[31m\\u{202e}\"\n\
         hint: it is one of \"steady\", \"cold\"\n",
    );
    let found = lines(&[("a.toml", "[at.\"a\\nb\"]\n")], &[]);
    assert!(
        found.starts_with("a.toml:1:5: at `a\\nb`: has a name that cannot be used\n"),
        "{found}"
    );
}

const TASK_JSON: &str = r#"{
  "taskDefinition": {
    "family": "web", "networkMode": "awsvpc", "cpu": "256", "memory": "512", "revision": 7,
    "ephemeralStorage": { "sizeInGiB": 30 }, "taskRoleArn": null,
    "containerDefinitions": [
      { "name": "app", "image": "nginx", "stopTimeout": 20, "environment": [{ "name": "A" }],
        "dependsOn": [{ "containerName": "log", "condition": "START" }],
        "healthCheck": { "command": ["x"], "interval": 10 } },
      { "name": "log", "image": "fluent", "memoryReservation": 64, "essential": false,
        "portMappings": [{ "containerPort": 80, "hostPort": 80 }] }
    ]
  }
}"#;

#[test]
fn task_definitions_in_json_are_read_as_if_written_here_and_keys_beside_win() {
    use super::value::{CpuUnits, Mib};
    use crate::units::Span;

    let text = "[task_definition.web]\nfile = \"t/web.json\"\nmemory = \"1 GB\"\n\
                container_definitions.app.stop_timeout = \"40 s\"\n";
    let files = InMemory::new(&[("d/a.toml", text), ("d/t/web.json", TASK_JSON)]);
    let document = load(&files, Path::new("d/a.toml"), &[]);
    let document = document.unwrap_or_else(|problems| panic!("{}", problems.to_lines()));
    let web = document.root().entry("task_definition", "web").unwrap();
    assert_eq!(web.find::<CpuUnits>("cpu"), Some(CpuUnits(256)));
    assert_eq!(web.find::<Mib>("memory"), Some(Mib(1024)));
    assert_eq!(web.child("ephemeral_storage").unwrap().get::<u32>("size_in_gib"), 30);
    let containers = web.entries("container_definitions");
    let [("app", app), ("log", log)] = containers.as_slice() else { panic!("{containers:?}") };
    assert_eq!(app.get::<Span>("stop_timeout"), Span::secs(40));
    assert_eq!(app.child("health_check").unwrap().get::<Span>("interval"), Span::secs(10));
    assert_eq!(app.items("depends_on")[0].get::<String>("container_name"), "log");
    assert!(!log.get::<bool>("essential"));
    let filled = document.filled_in();
    let is_unused = |it: &&Filled| matches!(it.key.kind, keys::Kind::WithoutEffect);
    let unused: Vec<&str> = filled.iter().filter(is_unused).map(|it| it.path.as_str()).collect();
    assert_eq!(
        unused,
        [
            "task_definition.web.container_definitions.app.health_check.command",
            "task_definition.web.container_definitions.app.environment",
            "task_definition.web.revision",
        ]
    );
}

#[test]
fn problems_in_json_point_into_the_json() {
    let text = "task_definition.web.file = \"web.json\"\n";
    let json = r#"{ "familly": "web",
  "containerDefinitions": [{ "image": "x" }, { "name": "a", "image": 3, "stopTimeout": -1 },
    { "name": "a" }, 7] }"#;
    assert_eq!(
        lines(&[("a.toml", text), ("web.json", json)], &[]),
        "web.json:1:3: unknown field `familly`\nhint: did you mean `family`?\n\
         web.json:2:28: a container definition without `name`\nhint: add `\"name\": \"app\"`\n\
         web.json:2:70: task definition `web`: `container_definitions.a.image` is 3\n\
         hint: write an image, such as \"nginx:1.27\"\n\
         web.json:2:88: task definition `web`: `container_definitions.a.stop_timeout` is -1, \
         which is negative\nhint: the least is 0\n\
         web.json:3:15: a second container `a`\nhint: give one of them another `name`\n\
         web.json:3:22: a container definition is a number\nhint: write a table: { … }\n"
    );
    assert_eq!(
        lines(&[("a.toml", text), ("web.json", "{ \"family\": \"web\", }")], &[]),
        "web.json:1:20: a comma before `}`\nhint: take the last comma away\n"
    );
    assert_eq!(
        lines(&[("a.toml", text)], &[]),
        "a.toml:1:28: there is no file `web.json`\n\
         hint: a relative path starts from the folder of the file that names it\n"
    );
}

#[test]
fn no_text_makes_the_reader_panic() {
    use rand::RngExt;

    let seed = crate::engine::Seed { master: 1, replication: 0 };
    let mut stream = seed.luck("edits").stream(crate::engine::Purpose::new("test"));
    let read = |text: &[u8], json: &[u8]| {
        let files = [("a.toml".into(), Ok(text.to_vec())), ("w.json".into(), Ok(json.to_vec()))];
        let flag = Override::set(String::from_utf8_lossy(&text[..text.len().min(40)]));
        let problems = match load(&InMemory(files.into()), Path::new("a.toml"), &[flag]) {
            Ok(document) => {
                document.filled_in();
                document.problems
            }
            Err(problems) => problems,
        };
        problems.to_lines();
        problems.to_terminal(false);
    };
    let shop = format!("{SHOP}\ntask_definition.j.file = \"w.json\"\n");
    for end in (0..shop.len()).step_by(7) {
        read(&shop.as_bytes()[..end], b"");
    }
    let bytes = b"\"'[]{}=.,#\n \\-\x00\xff9eE\xc3\xa9nu";
    for _ in 0..1500 {
        let mut text = shop.clone().into_bytes();
        let mut json = TASK_JSON.as_bytes().to_vec();
        for edited in [&mut text, &mut json] {
            for _ in 0..stream.random_range(1..5) {
                let at = stream.random_range(0..edited.len());
                edited[at] = bytes[stream.random_range(0..bytes.len())];
            }
        }
        read(&text, &json);
    }
}

#[test]
fn deep_nesting_is_an_error_and_not_a_crash() {
    let deep = 100_000;
    let header = format!("[a{}]\nx = 1\n", ".a".repeat(deep));
    let list = format!("name = {}\n", "[".repeat(deep));
    let dotted = format!("x{} = 1\n", ".a".repeat(deep));
    let table = format!("x = {}", "{ a.b.c.d = ".repeat(deep));
    for text in [header, list, dotted, table] {
        let found = lines(&[("a.toml", &text)], &[]);
        assert!(found.contains("deep") || found.contains("recurs"), "{}", &found[..200]);
    }
    let found = lines(&[("a.toml", "")], &[&format!("x{}=1", ".a".repeat(deep))]);
    assert!(found.contains("the path before `=` cannot be read"), "{}", &found[..200]);
    let json = "[".repeat(deep) + &"]".repeat(deep);
    let text = "task_definition.w.file = \"w.json\"\n";
    let found = lines(&[("a.toml", text), ("w.json", &json)], &[]);
    assert_eq!(found, "w.json:1:65: nested more than 64 deep\nhint: no field is so deep\n");
}

#[test]
fn the_table_of_keys_is_sound() {
    for keys::Pattern { path, key } in keys::all().into_iter().chain(keys::of_traffic()) {
        // A default must be of its own kind.
        if let keys::Need::Default(text) = key.need {
            let mut problems = Problems::new();
            let file = problems.sources.add_flag("default", &format!("it = {text}"));
            let node = text::read_toml(file, &mut problems).get("it").unwrap().node.clone();
            check::check_value(&key.kind, &node, &mut problems);
            assert!(!problems.has_errors(), "{path}: {}", problems.to_lines());
        }
        let is_sentence = key.sentence.ends_with('.') || key.sentence.ends_with('?');
        assert!(is_sentence && key.sentence.starts_with(|it: char| !it.is_whitespace()), "{path}");
        let has_source = key.evidence.is_none() || !key.source.is_empty();
        assert!(has_source, "{path} says what it rests on without saying who says so");
        // A rate over time has keys with names of others, at places of its own.
        let twins = |list: Vec<keys::Pattern>| list.iter().filter(|it| it.path == path).count();
        let twins = twins(keys::all()).max(twins(keys::of_traffic()));
        let is_alternative = path.ends_with("expression") || path.ends_with("type");
        assert!(twins == 1 || is_alternative, "{path} is there {twins} times");
    }
}

#[test]
fn page_and_schema_know_every_key() {
    let page = reference_markdown();
    for keys::Pattern { path, .. } in keys::all().into_iter().chain(keys::of_traffic()) {
        let is_repetition =
            path.split_once('.').is_some_and(|(_, rest)| rest.contains(".task_definition."));
        let is_there = page.contains(&format!("`{path}`")) || page.contains(&format!("## {path}"));
        assert!(is_there || is_repetition, "{path} is not on the page");
    }
    let schema = json_schema();
    let deregistration = &schema["properties"]["target_group"]["additionalProperties"]["properties"]
        ["deregistration_delay"];
    assert_eq!(deregistration["default"], "300 s");
    assert_eq!(deregistration["type"], "string");
    assert_eq!(
        schema["$defs"]["distribution"]["anyOf"][1]["properties"]["uniform"]["required"],
        serde_json::json!(["min", "max"])
    );
}

#[test]
#[should_panic(expected = "`desired_cuont` is not in the table of keys")]
fn a_key_misspelt_in_the_program_is_caught() {
    let document = load(&InMemory::new(&[("a.toml", SHOP)]), Path::new("a.toml"), &[]).unwrap();
    document.root().entry("service", "web").unwrap().find::<u32>("desired_cuont");
}

#[test]
fn flags_of_their_own_are_named_by_problems_too() {
    let files = InMemory::new(&[("a.toml", "seed = 1\n")]);
    let read = |flag: Override| load(&files, Path::new("a.toml"), &[flag]);
    let document = read(Override::flag("--seed", "seed", "7")).unwrap();
    assert_eq!(document.root().get::<u64>("seed"), 7);
    let document = read(Override::flag("--duration", "duration", "2 h")).unwrap();
    assert_eq!(document.root().get::<crate::units::Span>("duration"), crate::units::Span::HOUR * 2);
    assert_eq!(
        read(Override::flag("--seed", "seed", "x")).unwrap_err().to_lines(),
        "--seed x: `seed` is \"x\"\nhint: write a whole number\n"
    );
}

#[test]
fn a_setting_takes_away_the_one_it_excludes() {
    let text = "[service.a]\ntask_definition.container_definitions.x.image = \"x\"\n\
                launch_type = \"EC2\"\n[service.b]\nlike = \"a\"\n\
                capacity_provider_strategy = [{ capacity_provider = \"FARGATE\", weight = 1 }]\n";
    let files = InMemory::new(&[("a.toml", text)]);
    let document = load(&files, Path::new("a.toml"), &[]).unwrap();
    let b = document.root().entry("service", "b").unwrap();
    assert!(b.is_written("capacity_provider_strategy") && !b.is_written("launch_type"));
}

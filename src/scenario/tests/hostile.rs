//! No input makes the reader panic, hang or fill the memory, whatever is done to it.

use std::io;
use std::path::Path;

use rand::RngExt;

use super::{Disk, Files, InMemory, Override, SHOP, Scenario, TASK_JSON, keys};
use crate::engine::{Purpose, Seed, Stream};

const BATCH: &str = r#"
duration = "2 d"
time_zone = "Europe/Dublin"
account.quotas = "documented"
[subnet.a]
availability_zone = "a"
cidr = "10.0.0.0/24"
[container_instances.od]
instance_type = "p3.8xlarge"
count = 7
subnets = ["a"]
[container_instances.rack]
launch_type = "EXTERNAL"
cpu = "16 vCPU"
memory = "64 GB"
[task_definition.w]
file = "w.json"
[service.w]
task_definition = "w"
desired_count = 3
network_configuration = { subnets = ["a"] }
[service.agent]
scheduling_strategy = "DAEMON"
task_definition = { cpu = 128, memory = 64 }
[task.nightly]
schedule = "rate(6 hours)"
count = 25
when_full = "queue"
task_definition = { memory = 256, cpu = 256 }
[job.batch]
trace = "jobs.csv"
columns = { arrival = "t", count = "n", cpu = "c", memory = "m", gpus = "g", duration = "d" }
gang = true
[behaviour.nightly]
run_time = { weibull = { scale = "10 min", shape = 1.5 } }
failure_rate = "1 %"
[timing]
eni_attach = { uniform = { min = "5 s", max = "15 s" } }
[objective]
"job.batch.wait_p95" = "<= 60 s"
"#;

const JOBS: &str = "t,n,c,m,g,d\n0,1,256,512,0,60\n1.5,12,1024,2048,1,3600\n7,2,1,6,0,0.5\n";

/// What stands where something sensible should.
const HOSTILE: &[&str] = &[
    "18446744073709551615",
    "18446744073709551616",
    "1e300",
    "1e-300",
    "-1",
    "0",
    "nan",
    "inf",
    "100_000_000",
    "1_000_000",
    "4294967295",
    "true",
    "[]",
    "{}",
    "[[]]",
    "[{}]",
    "\"\"",
    "\"x\"",
    "\"584000 d\"",
    "\"5200 w\"",
    "\"1 ms\"",
    "\"1e18 w\"",
    "\"64 TiB\"",
    "\"4096 vCPU\"",
    "\"$1000000\"",
    "\"0 per s\"",
    "\"1e9 per s\"",
    "\"100 %\"",
    "\"rate(1 minute)\"",
    "\"cron(0 0 29 2 ? *)\"",
    "\"cron(* * * * ? *)\"",
    "\"9999-12-31T23:59\"",
    "9999-12-31",
    "\"-9999-01-01\"",
    "\"default\"",
    "\"a\"",
    "\"w\"",
    "\"EXTERNAL\"",
    "\"FARGATE\"",
    "\"WINDOWS\"",
    "\"awsvpc\"",
    "{ empirical = { file = \"jobs.csv\", column = \"t\" } }",
    "{ lognormal = { median = \"5200 w\", sigma = 10 } }",
    "{ uniform = { min = \"2 s\", max = \"1 s\" } }",
    "[{ capacity_provider = \"FARGATE\", base = 100000, weight = 1000 }]",
    "[{ member_of = \"not(attribute:a =~ x*)\" }]",
];

fn stream(name: &str) -> Stream {
    Seed { master: 1, replication: 0 }.luck(name).stream(Purpose::new("test"))
}

fn pick<'t, T: ?Sized>(stream: &mut Stream, of: &[&'t T]) -> &'t T {
    of[stream.random_range(0..of.len())]
}

/// Reads the scenario and writes out whatever is wrong with it.
fn read(text: &[u8], json: &[u8], csv: &[u8], set: &[String]) -> bool {
    let bytes = |name: &str, bytes: &[u8]| (name.into(), Ok(bytes.to_vec()));
    let files = [bytes("a.toml", text), bytes("w.json", json), bytes("jobs.csv", csv)];
    let overrides: Vec<Override> = set.iter().map(Override::set).collect();
    match Scenario::read(&InMemory(files.into()), Path::new("a.toml"), &overrides) {
        Ok(scenario) => {
            assert!(!scenario.document.problems.has_errors());
            scenario.document.filled_in();
            true
        }
        Err(problems) => {
            let lines = problems.to_lines();
            assert!(problems.has_errors() && !lines.is_empty());
            let printed = lines.lines().filter(|line| !line.starts_with("hint: ")).count();
            assert!(printed <= 101, "{printed} problems were printed");
            problems.to_terminal(false);
            false
        }
    }
}

fn read_text(text: &str, set: &[String]) -> bool {
    read(text.as_bytes(), TASK_JSON.as_bytes(), JOBS.as_bytes(), set)
}

/// The scenarios that are spoilt; all of them are fine as they are.
fn sound() -> [String; 2] {
    // Prices are left out: writing over the catalogue costs a copy of it each time.
    let shop = SHOP.replace("ec2.\"m7g.large\" = \"$0.08\"", "");
    let shop = shop.replace("[job.batch]", "[job.batch]\nrows = 2\ncluster = \"main\"");
    let shop = shop.replace("arrival = \"t\"", "arrival = \"t\", count = \"n\"");
    let sound = [shop, BATCH.to_string()];
    for text in &sound {
        let files = [("a.toml", text.as_str()), ("w.json", TASK_JSON), ("jobs.csv", JOBS)];
        let read = Scenario::read(&InMemory::new(&files), Path::new("a.toml"), &[]);
        assert!(read.is_ok(), "{}", read.unwrap_err().to_lines());
    }
    sound
}

#[test]
fn scenarios_that_end_anywhere_are_read() {
    for text in sound() {
        for end in (0..text.len()).step_by(5) {
            read_text(&text[..end], &[]);
        }
    }
}

#[test]
fn values_and_keys_that_make_no_sense_are_read() {
    let mut stream = stream("values");
    let mut sound_count = 0;
    for text in sound() {
        let lines: Vec<&str> = text.lines().collect();
        for _ in 0..600 {
            let mut lines: Vec<String> = lines.iter().map(|it| it.to_string()).collect();
            for _ in 0..stream.random_range(1..4) {
                let at = stream.random_range(0..lines.len());
                let other = stream.random_range(0..lines.len());
                match stream.random_range(0..6) {
                    0 => lines.swap(at, other),
                    1 => lines[at] = String::new(),
                    2 => lines[at] = lines[other].clone(),
                    _ => {
                        let key = lines[at].split('=').next().unwrap_or("").to_string();
                        lines[at] = format!("{key} = {}", pick(&mut stream, HOSTILE));
                    }
                }
            }
            sound_count += usize::from(read_text(&lines.join("\n"), &[]));
        }
    }
    assert!(sound_count > 10, "most of what is left of the edits is an error, but not all");
}

#[test]
fn every_key_takes_hostile_values_from_the_command_line() {
    let mut stream = stream("set");
    let sound = sound();
    let names = ["web", "od", "w", "batch", "nightly", "a", "app", "default", "new", "agent"];
    for pattern in keys::all() {
        // A definition in place has the keys of one by name.
        if pattern.path.contains(".*.task_definition.") {
            continue;
        }
        for _ in 0..3 {
            let path = pattern.path.replace("[]", "");
            let parts: Vec<&str> = path
                .split('.')
                .map(|part| if part == "*" { pick(&mut stream, &names) } else { part })
                .collect();
            let value = pick(&mut stream, HOSTILE);
            let text = &sound[stream.random_range(0..sound.len())];
            read_text(text, &[format!("{}={value}", parts.join("."))]);
        }
    }
}

#[test]
fn bytes_that_make_no_sense_are_read() {
    let mut stream = stream("bytes");
    let bytes = b"\"'[]{}=.,#\n \\-\x00\xff9eE\xc3\xa9nu";
    for text in sound() {
        for _ in 0..400 {
            let mut texts =
                [text.clone(), TASK_JSON.to_string(), JOBS.to_string()].map(String::into_bytes);
            for _ in 0..stream.random_range(1..5) {
                let edited = &mut texts[stream.random_range(0..3)];
                let at = stream.random_range(0..edited.len());
                edited[at] = bytes[stream.random_range(0..bytes.len())];
            }
            read(&texts[0], &texts[1], &texts[2], &[]);
        }
    }
}

#[test]
fn traces_that_make_no_sense_are_read() {
    let mut stream = stream("rows");
    let cells = ["1e300", "-1", "nan", "", "18446744073709551616", "0", "1000001", "\"", "x,y"];
    for _ in 0..500 {
        let mut cells_of: Vec<String> =
            JOBS.split_inclusive([',', '\n']).map(str::to_string).collect();
        for _ in 0..stream.random_range(1..4) {
            let at = stream.random_range(0..cells_of.len());
            let end = cells_of[at].chars().last().unwrap_or(',');
            cells_of[at] = format!("{}{end}", pick(&mut stream, &cells));
        }
        let csv = cells_of.concat();
        read(BATCH.as_bytes(), TASK_JSON.as_bytes(), csv.as_bytes(), &[]);
    }
}

const TRAFFIC: &str = r#"
time_zone = "Europe/Dublin"
duration = "2 d"
[load_balancer.a]
[target_group.a]
load_balancer = "a"
[service.w]
launch_type = "FARGATE"
desired_count = 1
task_definition = { cpu = 256, memory = 512 }
load_balancers = [{ target_group = "a", container_name = "app", container_port = 80 }]
load.requests_per_second = { cloudwatch = "m.json", missing = "interpolate", period = "1 min" }
[load.file]
load_balancer = "a"
routes = [{ target_group = "a", share = "100 %" }]
requests_per_second = { file = "r.csv", missing = "zero", align = "weekday", after = "hold" }
[load.curve]
load_balancer = "a"
[load.curve.requests_per_second]
scale = 2
shift = "1 h"
sum = [
    { product = [{ daily = { low = 1, high = 9 } }, { weekly = { sunday = 0 } }] },
    { product = [{ noise = { cv = 0.1 } }, { spike = { at = "Tue 14:00", height = 5 } }] },
    { ramp = { from = 1, to = 2, lasts = "1 h" } },
    { daily.points = { "00:00" = 1, "9:00" = 4 } },
]
[queue.q]
messages_per_second = { cloudwatch = "c.csv", values = "per_second" }
service = "v"
[service.v]
launch_type = "FARGATE"
desired_count = 1
task_definition = { cpu = 256, memory = 512 }
[behaviour.v]
usage.app = { cpu = { per_request = "8 ms" }, memory = 100 }
[behaviour.w]
usage.app = { cpu = { per_request = "8 ms" }, memory = 100 }
"#;

const ROWS: &str =
    "time,requests\n2026-03-02 00:00:00,60\n2026-03-02 00:01:00,6\n2026-03-02 00:05:00,1\n";
const METRIC: &str = r#"{"MetricDataResults": [{"Id": "m", "Label": "n", "Timestamps":
["2026-03-02T00:02:00Z", 1772409660, 1772409600], "Values": [1.0, 20, 3]}]}"#;
const CONSOLE: &str = "Full label,a b\nLabel,a\n2026/03/02 00:01:00,1\n2026/03/02 00:00:00,2.5\n";

/// Reads the scenario of rates; of a sound one every cursor is walked.
fn read_traffic(texts: [&[u8]; 4], set: &[String]) -> bool {
    let names = ["a.toml", "r.csv", "m.json", "c.csv"];
    let files = names.iter().zip(texts).map(|(name, text)| ((*name).into(), Ok(text.to_vec())));
    let overrides: Vec<Override> = set.iter().map(Override::set).collect();
    let files = InMemory(files.collect());
    let scenario = match Scenario::read(&files, Path::new("a.toml"), &overrides) {
        Ok(scenario) => scenario,
        Err(problems) => {
            assert!(problems.has_errors() && !problems.to_lines().is_empty());
            return false;
        }
    };
    let model = &scenario.model;
    let rates = model.loads.iter().map(|(_, it)| &it.rate);
    for rate in rates.chain(model.queues.iter().map(|(_, it)| &it.arrivals)) {
        let mut cursor = rate.cursor(Seed { master: 1, replication: 0 }.luck("rate"));
        let mut at = crate::units::SimTime::ZERO;
        for _ in 0..200 {
            let (value, next) = cursor.at(rate, at);
            assert!(value.is_finite() && value >= 0.0, "{value} at {at:?}");
            let Some(next) = next else { break };
            assert!(next > at);
            at = next;
        }
        assert!(cursor.at(rate, crate::units::SimTime::MAX).0.is_finite());
    }
    true
}

#[test]
fn rates_that_make_no_sense_are_read() {
    let sound = [TRAFFIC, ROWS, METRIC, CONSOLE].map(str::as_bytes);
    assert!(read_traffic(sound, &[]));
    let mut stream = stream("rates");
    let bytes = b"\"'[]{}=.,#\n \\-\x00\xff9eE\xc3\xa9nu:T0";
    let mut sound_count = 0;
    for _ in 0..1500 {
        let mut texts = sound.map(<[u8]>::to_vec);
        for _ in 0..stream.random_range(1..4) {
            let edited = &mut texts[stream.random_range(0..4)];
            let at = stream.random_range(0..edited.len());
            edited[at] = bytes[stream.random_range(0..bytes.len())];
        }
        let texts = [&texts[0][..], &texts[1], &texts[2], &texts[3]];
        sound_count += usize::from(read_traffic(texts, &[]));
    }
    assert!(sound_count > 10, "{sound_count} of the edits are harmless");
    for end in (0..TRAFFIC.len()).step_by(7) {
        read_traffic([&sound[0][..end], sound[1], sound[2], sound[3]], &[]);
    }
    let places = ["load.file", "load.curve", "service.w.load", "load.curve.requests_per_second"];
    for pattern in keys::of_traffic() {
        for _ in 0..6 {
            let path = pattern.path.replace("[]", ".0").replace('*', "\"9:00\"");
            let place = pick(&mut stream, &places);
            let rest = if place.ends_with("second") { "sum.1" } else { "requests_per_second" };
            let value = pick(&mut stream, HOSTILE);
            read_traffic(sound, &[format!("{place}.{rest}.{path}={value}")]);
        }
    }
    for value in HOSTILE {
        read_traffic(sound, &[format!("load.curve.requests_per_second={value}")]);
        read_traffic(sound, &[format!("duration={value}")]);
    }
}

/// A file that never ends, without a line in it.
struct Endless;

impl Files for Endless {
    fn open(&self, path: &Path) -> io::Result<Box<dyn io::Read>> {
        if path == Path::new("a.toml") {
            return Ok(Box::new(io::Cursor::new("[job.j]\ntrace = \"zero\"\n")));
        }
        Ok(Box::new(io::repeat(b'0')))
    }
}

#[test]
fn a_file_without_end_is_an_error() {
    let problems = Scenario::read(&Endless, Path::new("a.toml"), &[]).unwrap_err();
    assert!(problems.to_lines().contains("a line is longer than 1 MiB"), "{}", problems.to_lines());
    let problems = Scenario::read(&Endless, Path::new("b.toml"), &[]).unwrap_err();
    assert_eq!(
        problems.to_lines(),
        "`b.toml` is larger than 16 MiB\nhint: is it the file you meant? scenarios are short\n"
    );
    let nowhere = Scenario::read(&Disk, Path::new("no such folder/a.toml"), &[]).unwrap_err();
    assert_eq!(
        nowhere.to_lines(),
        "there is no file `no such folder/a.toml`\n\
         hint: check the path: it starts from the folder you are in\n"
    );
}

#[test]
fn what_is_small_as_text_and_large_when_read_is_an_error() {
    let check = |texts: &[(&str, &str)], expected: &str| {
        let files = InMemory::new(texts);
        let problems = Scenario::read(&files, Path::new("a.toml"), &[]).unwrap_err();
        let lines = problems.to_lines();
        assert!(lines.contains(expected), "{}", &lines[..lines.len().min(1000)]);
    };
    let attributes: String = (0..20_000).map(|n| format!("a{n} = \"x\"\n")).collect();
    let copies: String =
        (0..100).map(|n| format!("[container_instances.c{n}]\nlike = \"b\"\n")).collect();
    let text = format!(
        "[container_instances.b]\ninstance_type = \"m5.large\"\n\
         [container_instances.b.attributes]\n{attributes}{copies}"
    );
    check(&[("a.toml", &text)], "`like` copies 1,000,000 values or more");
    let text: String =
        (0..40).map(|n| format!("[task_definition.t{n}]\nfile = \"w.json\"\n")).collect();
    let json = format!("{}{TASK_JSON}", " ".repeat(1 << 20));
    check(&[("a.toml", &text), ("w.json", &json)], "all files together larger than 32 MiB");
    let objectives: String = (0..1001).map(|n| format!("\"cost.of.x{n}\" = \"< 1\"\n")).collect();
    let text = format!("[objective]\n{objectives}");
    check(&[("a.toml", &text)], "more problems");
}

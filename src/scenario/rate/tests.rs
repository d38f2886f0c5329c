//! Recorded rates of every form, curves against their definitions, and what changes a digest.

use std::path::Path;

use crate::ecs::load::Rate;
use crate::ecs::model::Destination;
use crate::engine::{Ix, Seed};
use crate::scenario::tests::InMemory;
use crate::scenario::{Override, Scenario};
use crate::units::{SimTime, Span};

const SAMPLES: [(&str, &str); 4] = [
    ("plain.csv", include_str!("samples/plain.csv")),
    ("data.json", include_str!("samples/get-metric-data.json")),
    ("statistics.json", include_str!("samples/get-metric-statistics.json")),
    ("console.csv", include_str!("samples/console.csv")),
];

const SERVICE: &str = "[service.s]\nlaunch_type = \"FARGATE\"\ndesired_count = 1\n\
                       task_definition = { cpu = 256, memory = 512 }\n";

const NEEDS: &str =
    "[behaviour.s]\nusage.app = { cpu = { per_request = \"8 ms\" }, memory = 100 }\n";

fn read(top: &str, rate: &str, files: &[(&str, &str)]) -> Result<Scenario, String> {
    let text = format!("{top}\n{SERVICE}load.requests_per_second = {rate}\n{NEEDS}");
    let mut all = vec![("a.toml", text.as_str())];
    all.extend(files);
    let read = Scenario::read(&InMemory::new(&all), Path::new("a.toml"), &[] as &[Override]);
    read.map_err(|problems| problems.to_lines())
}

#[track_caller]
fn scenario(top: &str, rate: &str, files: &[(&str, &str)]) -> Scenario {
    read(top, rate, files).unwrap_or_else(|lines| panic!("{rate}: {lines}"))
}

fn rate_of(scenario: &Scenario) -> &Rate {
    &scenario.model.loads[Ix::new(0)].rate
}

/// Returns the rate at each of so many steps.
fn values(scenario: &Scenario, count: u64, step: Span) -> Vec<f64> {
    let rate = rate_of(scenario);
    let mut cursor = rate.cursor(Seed { master: 1, replication: 0 }.luck("load"));
    (0..count).map(|it| cursor.at(rate, SimTime::ZERO + step * it).0).collect()
}

const MINUTE: Span = Span::secs(60);

#[test]
fn every_form_of_cloudwatch_gives_the_rate_of_the_plain_file() {
    let top = "start = \"2026-03-02T09:00\"\nduration = \"12 min\"";
    let plain = values(&scenario(top, "{ file = \"plain.csv\" }", &SAMPLES), 12, MINUTE);
    assert_eq!(plain, [10.0, 11.0, 12.0, 1.0, 0.0, 20.0, 50.0, 1.5, 2.0, 3.0, 4.0, 5.0]);
    for form in [
        "{ cloudwatch = \"data.json\" }",
        "{ cloudwatch = \"data.json\", metric = \"RequestCount\" }",
        "{ cloudwatch = \"statistics.json\" }",
        "{ cloudwatch = \"console.csv\", metric = \"public\" }",
        "{ cloudwatch = \"console.csv\", metric = \"app/public/0123456789abcdef RequestCount\" }",
    ] {
        let scenario = scenario(top, form, &SAMPLES);
        assert_eq!(values(&scenario, 12, MINUTE), plain, "{form}");
        let record = &scenario.rates[0].record;
        assert_eq!((record.point_count, record.period), (12, MINUTE), "{form}");
    }
    let averages = "{ cloudwatch = \"statistics.json\", values = \"per_second\" }";
    assert_eq!(values(&scenario(top, averages, &SAMPLES), 12, MINUTE), [1.0; 12]);
}

#[test]
fn times_are_read_in_every_way_people_write_them() {
    // 2026-03-02T00:00Z is 1,772,409,600 s.
    for times in [
        ["0", "60", "120"],
        ["0.0", "60.0", "120.0"],
        ["1772409600", "1772409660", "1772409720"],
        ["1772409600000", "1772409660000", "1772409720000"],
        ["2026-03-02T00:00", "2026-03-02T00:01", "2026-03-02T00:02"],
        ["2026-03-02 00:00:00", "2026-03-02 00:01:00", "2026-03-02 00:02:00"],
        ["2026/03/02 00:00:00", "2026/03/02 00:01:00", "2026/03/02 00:02:00"],
        ["2026-03-02T00:00:00Z", "2026-03-02T00:01:00Z", "2026-03-02T00:02:00Z"],
        ["2026-03-02T01:00:00+01:00", "2026-03-02T01:01:00+01:00", "2026-03-02T01:02:00+01:00"],
        ["2026-03-02 00:00:00 UTC", "2026-03-02 00:01:00 UTC", "2026-03-02 00:02:00 UTC"],
    ] {
        for heading in ["time", "Timestamp", "@timestamp", "seconds", "\"Date/Time\""] {
            let [a, b, c] = times;
            let csv = format!("{heading},Request Count\n{b},120\n{a},60\n{c},6\n");
            let top = "start = \"2026-03-02\"\nduration = \"3 min\"";
            let scenario = scenario(top, "{ file = \"r.csv\" }", &[("r.csv", &csv)]);
            assert_eq!(values(&scenario, 3, MINUTE), [1.0, 2.0, 0.1], "{csv}");
        }
    }
    let csv = "when,n,rate\n2026-07-01 02:00,1,7\n2026-07-01 02:01,1,9\n";
    let columns = "{ file = \"r.csv\", time_zone = \"Europe/Paris\", columns.time = \"when\" }";
    let top = "start = \"2026-07-01\"\nduration = \"2 min\"";
    assert_eq!(values(&scenario(top, columns, &[("r.csv", csv)]), 2, MINUTE), [7.0, 9.0]);
}

#[test]
fn gaps_are_mended_as_the_scenario_says() {
    let csv = "seconds,rate\n0,1\n60,2\n240,8\n300,1\n";
    let with = |missing: &str| {
        let rate = format!("{{ file = \"r.csv\", missing = \"{missing}\" }}");
        let scenario = scenario("duration = \"6 min\"", &rate, &[("r.csv", csv)]);
        assert_eq!(scenario.rates[0].record.mended_count, 2);
        values(&scenario, 6, MINUTE)
    };
    assert_eq!(with("zero"), [1.0, 2.0, 0.0, 0.0, 8.0, 1.0]);
    assert_eq!(with("hold"), [1.0, 2.0, 2.0, 2.0, 8.0, 1.0]);
    assert_eq!(with("interpolate"), [1.0, 2.0, 4.0, 6.0, 8.0, 1.0]);
    // A cell that is empty is a point that is missing.
    let csv = "seconds,rate\n0,1\n60,\n120,5\n180,6\n";
    let rate = "{ file = \"r.csv\", missing = \"interpolate\" }";
    let scenario = scenario("duration = \"4 min\"", rate, &[("r.csv", csv)]);
    assert_eq!(values(&scenario, 4, MINUTE), [1.0, 3.0, 5.0, 6.0]);
}

#[test]
fn a_record_is_repeated_held_scaled_and_shifted() {
    let csv = [("r.csv", "seconds,rate\n0,1\n60,2\n120,4\n")];
    let with = |more: &str| {
        let rate = format!("{{ file = \"r.csv\", {more} }}");
        values(&scenario("duration = \"8 min\"", &rate, &csv), 8, MINUTE)
    };
    assert_eq!(with("after = \"repeat\""), [1.0, 2.0, 4.0, 1.0, 2.0, 4.0, 1.0, 2.0]);
    assert_eq!(with("after = \"hold\""), [1.0, 2.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0]);
    assert_eq!(with("after = \"zero\", scale = 2"), [2.0, 4.0, 8.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    let shifted = "after = \"repeat\", shift = \"1 min\"";
    assert_eq!(with(shifted), [4.0, 1.0, 2.0, 4.0, 1.0, 2.0, 4.0, 1.0]);
    let shifted = "after = \"hold\", shift = \"2 min\"";
    assert_eq!(with(shifted), [1.0, 1.0, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0]);
}

#[test]
fn a_record_of_another_year_lies_where_align_says() {
    // Hours of four days from Wednesday 2025-03-05 06:00 on, each its number.
    let hour = |n: u64| format!("2025-03-{:02}T{:02}:00,{n}\n", 5 + (n + 6) / 24, (n + 6) % 24);
    let csv: String = (0..96).map(hour).collect();
    let csv = format!("time,rate\n{csv}");
    let first = |start: &str, align: &str| {
        let top = format!("start = \"{start}\"\nduration = \"3 h\"");
        let rate = format!("{{ file = \"r.csv\", align = \"{align}\", after = \"repeat\" }}");
        values(&scenario(&top, &rate, &[("r.csv", &csv)]), 1, MINUTE)[0]
    };
    // Thursday 2026-03-05 09:00 is 27 hours after a Wednesday at 06:00.
    assert_eq!(first("2026-03-05T09:00", "start"), 0.0);
    assert_eq!(first("2026-03-05T09:00", "auto"), 0.0);
    assert_eq!(first("2026-03-05T09:00", "weekday"), 27.0);
    assert_eq!(first("2026-03-05T09:00", "time_of_day"), 3.0);
    assert_eq!(first("2026-03-05T06:00", "time_of_day"), 0.0);
    // Where its dates lie in the run, they hold.
    assert_eq!(first("2025-03-06T09:00", "auto"), 27.0);
    assert_eq!(first("2025-03-06T09:00", "start"), 0.0);
}

/// Compares a curve with its definition at every second.
fn check_curve(top: &str, rate: &str, seconds: u64, twin: &dyn Fn(&Scenario, SimTime) -> f64) {
    let scenario = scenario(top, rate, &[]);
    for (second, value) in (0..).zip(values(&scenario, seconds, Span::SECOND)) {
        let expected = twin(&scenario, SimTime::from_secs(second));
        let difference = (value - expected).abs();
        assert!(difference < 1e-9, "{rate} at {second}: {value}, not {expected}");
    }
}

/// Returns the middle of the step that clocks are in.
fn middle(scenario: &Scenario, at: SimTime, step: u64) -> f64 {
    let secs = scenario.model.calendar.civil(at).time_of_day.as_micros() / 1_000_000;
    (secs / step * step) as f64 + step as f64 / 2.0
}

#[test]
fn curves_follow_the_clocks_when_they_change() {
    for date in ["2026-03-28", "2026-10-24"] {
        let top = format!("start = \"{date}\"\ntime_zone = \"Europe/Dublin\"\nduration = \"3 d\"");
        let seconds = 3 * 86_400;
        let daily = "{ daily = { low = 20, high = 200, peak_at = \"13:30\" } }";
        check_curve(&top, daily, seconds, &|scenario, at| {
            let angle = (middle(scenario, at, 60) - 13.5 * 3600.0) / 86_400.0;
            110.0 + 90.0 * (angle * std::f64::consts::TAU).cos()
        });
        let points = "{ daily.points = { \"09:00\" = 120, \"0:00\" = 20, \"21:00\" = 60 }, \
                      resolution = \"15 min\", scale = 2 }";
        check_curve(&top, points, seconds, &|scenario, at| {
            let hour = middle(scenario, at, 900) / 3600.0;
            2.0 * match hour {
                _ if hour < 9.0 => 20.0 + 100.0 * hour / 9.0,
                _ if hour < 21.0 => 120.0 - 60.0 * (hour - 9.0) / 12.0,
                _ => 60.0 - 40.0 * (hour - 21.0) / 3.0,
            }
        });
        let weekly = "{ product = [{ weekly = { saturday = 0.6, sunday = 0.5 } }, 10] }";
        check_curve(&top, weekly, seconds, &|scenario, at| match scenario
            .model
            .calendar
            .civil(at)
            .days_from_monday
        {
            5 => 6.0,
            6 => 5.0,
            _ => 10.0,
        });
    }
}

#[test]
fn ramps_and_spikes_go_up_and_down_in_straight_lines() {
    let top = "start = \"2026-03-02\"\nduration = \"2 h\"";
    let ramp = "{ ramp = { from = 10, to = 40, begins = \"00:10\", lasts = \"30 min\" }, \
                shift = \"5 min\" }";
    check_curve(top, ramp, 7200, &|_, at| {
        let since = at.as_secs_f64() - 900.0;
        let middle = (since / 60.0).floor() * 60.0 + 30.0;
        10.0 + 30.0 * (middle / 1800.0).clamp(0.0, 1.0)
    });
    let spike = "{ spike = { at = \"+20 min\", height = 50, base = 1, rise = \"90 s\", holds = \
                 \"3 min\", decays = \"10 min\" } }";
    check_curve(top, spike, 7200, &|_, at| {
        let since = at.as_secs_f64() - 1200.0;
        // Steps of a minute, the last as long as is left.
        let rise = if since < 60.0 { 30.0 } else { 75.0 };
        let fall = ((since - 270.0) / 60.0).floor() * 60.0 + 30.0;
        match since {
            _ if since < 0.0 => 1.0,
            _ if since < 90.0 => 1.0 + 50.0 * rise / 90.0,
            _ if since < 270.0 => 51.0,
            _ if since < 870.0 => 1.0 + 50.0 * (1.0 - fall / 600.0),
            _ => 1.0,
        }
    });
}

#[test]
fn loads_go_where_they_are_sent() {
    let text = "[load_balancer.public]\n[target_group.web]\nload_balancer = \"public\"\n\
                [target_group.api]\nload_balancer = \"public\"\n[service.web]\n\
                launch_type = \"FARGATE\"\ndesired_count = 1\n\
                task_definition = { cpu = 256, memory = 512 }\nload_balancers = [{ target_group = \
                \"web\", container_name = \"app\", container_port = 80 }]\n\
                load.requests_per_second = 3\n[service.api]\nlike = \"web\"\nload_balancers = [{ \
                target_group = \"api\", container_name = \"app\", container_port = 80 }]\n\
                [load.shoppers]\nload_balancer = \"public\"\nrequests_per_second = 12\n\
                routes = [{ target_group = \"web\", share = 0.25 }, { target_group = \"api\", \
                share = \"75 %\" }]\n[queue.orders]\nmessages_per_second = 5\n\
                service = \"jobs\"\n[service.jobs]\n\
                launch_type = \"FARGATE\"\ndesired_count = 1\n\
                task_definition = { cpu = 256, memory = 512 }\n\
                [behaviour]\nweb.usage.app = { cpu = { per_request = \"8 ms\" }, memory = 100 }\n\
                api.usage.app = { cpu = { per_request = \"8 ms\" }, memory = 100 }\n\
                jobs.usage.app = { cpu = { per_request = \"8 ms\" }, memory = 100 }\n";
    let files = InMemory::new(&[("a.toml", text)]);
    let scenario = Scenario::read(&files, Path::new("a.toml"), &[]).unwrap();
    let model = &scenario.model;
    let routes: Vec<(&str, Destination, f64)> = model
        .loads
        .iter()
        .flat_map(|(_, it)| it.routes.iter().map(|to| (it.name.as_str(), to.to, to.share)))
        .collect();
    let group = |index| Destination::TargetGroup(Ix::new(index));
    let expected = [
        ("shoppers", group(0), 0.25),
        ("shoppers", group(1), 0.75),
        ("service.web", group(0), 1.0),
        ("service.api", group(1), 1.0),
    ];
    assert_eq!(routes, expected);
    let queue = &model.queues[Ix::new(0)];
    assert_eq!((queue.name.as_str(), queue.visibility_timeout), ("orders", Span::secs(30)));
    assert_eq!(queue.arrivals.mean(SimTime::from_secs(10)), 5.0);
    assert_eq!(model.services[queue.service].name, "jobs");
    let alone = super::tests::scenario("", "3", &[]);
    let to = alone.model.loads[Ix::new(0)].routes[0].to;
    assert_eq!(to, Destination::Service(Ix::new(0)));
}

#[test]
fn a_rate_that_is_written_over_another_replaces_it() {
    let base = format!(
        "{SERVICE}load.requests_per_second = {{ daily = {{ low = 1, high = 2 }} }}\n{NEEDS}"
    );
    let over =
        "extends = \"b.toml\"\nservice.s.load.requests_per_second = { file = \"plain.csv\" }\n";
    let mut files = vec![("b.toml", base.as_str()), ("a.toml", over)];
    files.extend(SAMPLES);
    let read = |set: &[&str]| {
        let set: Vec<Override> = set.iter().map(|it| Override::set(*it)).collect();
        Scenario::read(&InMemory::new(&files), Path::new("a.toml"), &set).unwrap()
    };
    assert_eq!(values(&read(&[]), 1, MINUTE), [10.0]);
    let scaled = read(&["service.s.load.requests_per_second.scale=3"]);
    assert_eq!(values(&scaled, 1, MINUTE), [30.0]);
    let replaced = read(&["service.s.load.requests_per_second=7"]);
    assert_eq!(values(&replaced, 1, MINUTE), [7.0]);
}

#[test]
fn what_a_file_says_is_part_of_the_digest_and_its_name_is_not() {
    let digest = |rate: &str, files: &[(&str, &str)]| scenario("", rate, files).digest;
    let csv = "seconds,rate\n0,1\n60,2\n";
    let first = digest("{ file = \"r.csv\" }", &[("r.csv", csv)]);
    assert_eq!(digest("{ file = \"q.csv\" }", &[("q.csv", csv)]), first);
    let others = [
        digest("{ file = \"r.csv\" }", &[("r.csv", "seconds,rate\n0,1\n60,3\n")]),
        digest("{ file = \"r.csv\" }", &[("r.csv", "seconds,rate\n0,1\n61,2\n")]),
        digest("{ file = \"r.csv\", shift = \"1 s\" }", &[("r.csv", csv)]),
        digest("{ sum = [{ file = \"r.csv\" }, { noise = { cv = 0.1 } }] }", &[("r.csv", csv)]),
        digest("{ sum = [{ file = \"r.csv\" }, { noise = { cv = 0.2 } }] }", &[("r.csv", csv)]),
    ];
    let mut all: Vec<u128> = others.into_iter().chain([first]).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 6);
}

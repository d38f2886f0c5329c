//! Sample figures, checked as a whole and left in the temporary directory to be looked at.

use super::scene::{Column, Shape};
use super::*;
use std::f64::consts::TAU;

const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;

/// A reproducible wobble in 0..1.
fn wobble(i: usize, salt: usize) -> f64 {
    let mut x = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (salt as u64) << 32;
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (x ^ (x >> 31)) as f64 / u64::MAX as f64
}

/// A daily wave in 0..1, lowest at four in the morning.
fn daily(at: f64) -> f64 {
    0.5 - 0.5 * ((at / DAY - 4.0 / 24.0) * TAU).cos()
}

fn times(count: usize, to: f64) -> Vec<f64> {
    (0..count).map(|i| to * i as f64 / count as f64).collect()
}

fn week_axis() -> TimeAxis {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let tick = |i: usize| Tick {
        at: i as f64 * DAY / 4.0,
        label: ["00", "06", "12", "18"][i % 4].into(),
        below: i.is_multiple_of(4).then(|| format!("{} {}", DAYS[i / 4 % 7], 2 + i / 4)),
        major: i.is_multiple_of(4),
    };
    TimeAxis {
        from: 0.0,
        to: 7.0 * DAY,
        ticks: (0..=28).map(tick).collect(),
        label: Some("March 2026, Europe/Berlin".into()),
    }
}

fn day_axis() -> TimeAxis {
    let tick = |hour: usize| Tick {
        at: hour as f64 * HOUR,
        label: format!("{:02}:00", hour % 24),
        below: hour.is_multiple_of(24).then(|| format!("Tue {}", 3 + hour / 24)),
        major: hour.is_multiple_of(6),
    };
    TimeAxis { from: 0.0, to: DAY, ticks: (0..=24).map(tick).collect(), label: Some("UTC".into()) }
}

fn figure(title: &str, axis: TimeAxis, panels: Vec<Panel>) -> Figure {
    Figure {
        title: title.into(),
        subtitle: None,
        footnote: None,
        width_px: 1200,
        content: Content::Time { axis, panels },
    }
}

fn panel(title: &str, unit: Unit, marks: Vec<Mark>) -> Panel {
    Panel { title: title.into(), detail: None, unit, weight: 1.0, y_at_least: None, marks }
}

fn line(name: &str, colour: Colour, at: &[f64], values: Vec<f64>) -> Mark {
    let (join, dashed) = (Join::Step, false);
    Mark::Line { name: name.into(), colour, join, dashed, at: at.to_vec(), values }
}

fn layer(name: &str, colour: Colour, values: Vec<f64>) -> Layer {
    Layer { name: name.into(), colour, values }
}

fn event(label: &str, at: f64) -> Mark {
    Mark::Event { label: label.into(), kind: "events".into(), colour: Colour::Capacity, at }
}

/// A band and its line of one name.
fn banded(name: &str, colour: Colour, at: &[f64], values: Vec<f64>) -> [Mark; 2] {
    let spread = |salt| move |(i, v): (usize, &f64)| 0.02 + v * 0.25 * wobble(i, salt);
    let low = values.iter().enumerate().map(|(i, v)| (v - spread(7)((i, v))).max(0.0)).collect();
    let high = values.iter().enumerate().map(|(i, v)| (v + spread(8)((i, v))).min(1.0)).collect();
    let band = Mark::Band { name: name.into(), colour, at: at.to_vec(), low, high };
    [band, line(name, colour, at, values)]
}

fn utilisation() -> Figure {
    let at = times(336, 7.0 * DAY);
    let share = |base: f64, swing: f64, salt: usize| -> Vec<f64> {
        at.iter()
            .enumerate()
            .map(|(i, t)| base + swing * daily(*t) + 0.04 * wobble(i, salt))
            .collect()
    };
    let resource = |title: &str, detail: &str, reserved: Vec<f64>, used: Vec<f64>| {
        let mut marks = Vec::new();
        marks.extend(banded("reserved", Colour::Reserved, &at, reserved));
        marks.extend(banded("used", Colour::Used, &at, used));
        marks.push(Mark::Rule {
            name: "target 75 %".into(),
            colour: Colour::Capacity,
            value: 0.75,
        });
        let detail = Some(detail.into());
        Panel { detail, y_at_least: Some(1.0), ..panel(title, Unit::Share, marks) }
    };
    let cpu = resource("CPU", "share of registered CPU", share(0.4, 0.35, 1), share(0.2, 0.3, 2));
    let memory =
        resource("Memory", "share of registered memory", share(0.6, 0.3, 3), share(0.45, 0.2, 4));
    Figure {
        subtitle: Some("one week, 3–24 m7g.large in three zones, seed 7".into()),
        footnote: Some(
            "Lines: mean of 30 min. Shaded: least and greatest minute of each 30 min.".into(),
        ),
        ..figure("shop: utilisation of the cluster", week_axis(), vec![cpu, memory])
    }
}

fn tasks() -> Figure {
    let at = times(288, DAY);
    let count = |f: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
        at.iter().enumerate().map(|(i, t)| f(i, *t).floor().max(0.0)).collect()
    };
    let surge = |t: f64| if (9.0 * HOUR..9.5 * HOUR).contains(&t) { 1.0 } else { 0.0 };
    let layers = vec![
        layer(
            "RUNNING",
            Colour::Running,
            count(&|i, t| 8.0 + 40.0 * daily(t) + 3.0 * wobble(i, 1)),
        ),
        layer("STOPPING", Colour::Stopping, count(&|i, _| 2.4 * wobble(i, 2))),
        layer("PENDING", Colour::Pending, count(&|i, t| 3.0 * wobble(i, 3) + 8.0 * surge(t))),
        layer("PROVISIONING", Colour::Provisioning, count(&|_, t| 15.0 * surge(t))),
    ];
    let desired = count(&|_, t| 10.0 + 40.0 * daily(t) + 24.0 * surge(t));
    let mut marks = vec![Mark::Stack { at: at.clone(), layers }];
    marks.push(line("desired", Colour::Desired, &at, desired));
    marks.push(event("alarm web-high", 9.0 * HOUR));
    marks.push(event("release v2", 9.3 * HOUR));
    marks.push(event("zone b lost", 19.0 * HOUR));
    marks.push(event("zone b back", 23.0 * HOUR));
    let tasks = Panel { weight: 1.6, ..panel("Tasks", Unit::Count, marks) };
    let lost = at.iter().enumerate().map(|(i, t)| surge(*t) * 900.0 * wobble(i, 5)).collect();
    let lost = vec![line("lost", Colour::Failed, &at, lost)];
    let lost = Panel {
        detail: Some("per minute".into()),
        weight: 0.6,
        ..panel("Requests lost", Unit::Count, lost)
    };
    figure("shop: tasks by state", day_axis(), vec![tasks, lost])
}

fn instances() -> Figure {
    let at = times(2016, 7.0 * DAY);
    let count = |base: f64, swing: f64, salt: usize| -> Vec<f64> {
        let hour = |t: f64| (t / HOUR) as usize;
        at.iter()
            .map(|t| (base + swing * daily(*t) + 2.0 * wobble(hour(*t), salt)).floor())
            .collect()
    };
    let layers = vec![
        layer("on demand", Colour::OnDemand, count(3.0, 0.0, 1)),
        layer("Spot", Colour::Spot, count(1.0, 18.0, 2)),
        layer("Fargate", Colour::Fargate, count(0.0, 5.0, 3)),
        layer("Fargate Spot", Colour::FargateSpot, count(0.0, 3.0, 4)),
        layer("on premises", Colour::External, count(2.0, 0.0, 5)),
    ];
    let notices = (0..40).map(|i| Mark::Event {
        label: "Spot notice".into(),
        kind: "Spot notices".into(),
        colour: Colour::Failed,
        at: wobble(i, 9) * 7.0 * DAY,
    });
    let stack = Mark::Stack { at: at.clone(), layers };
    let memory: Vec<f64> = at.iter().map(|t| 16_000.0 + 120_000.0 * daily(*t)).collect();
    let memory = vec![line("registered", Colour::Used, &at, memory)];
    figure(
        "shop: capacity by class",
        week_axis(),
        vec![
            panel("Instances", Unit::Count, [stack].into_iter().chain(notices).collect()),
            Panel { weight: 0.7, ..panel("Memory", Unit::Mebibytes, memory) },
        ],
    )
}

fn cost(names: &[&str], scale: f64) -> Figure {
    let at = times(168, 7.0 * DAY);
    let layers = names
        .iter()
        .enumerate()
        .map(|(n, name)| {
            let value = |(i, t): (usize, &f64)| {
                scale * (0.3 + daily(*t)) * (1.0 + 0.4 * wobble(i, n)) / (n + 1) as f64
            };
            layer(name, Colour::Category(n), at.iter().enumerate().map(value).collect())
        })
        .collect();
    let spent = Panel {
        detail: Some("per hour".into()),
        ..panel("Cost", Unit::Dollars, vec![Mark::Stack { at, layers }])
    };
    figure("shop: what it costs", week_axis(), vec![spent])
}

const CATEGORIES: [&str; 12] = [
    "EC2 on demand",
    "EC2 Spot",
    "Fargate",
    "EBS",
    "load balancers",
    "NAT gateways",
    "public IPv4 addresses",
    "data between zones",
    "logs",
    "ECS Anywhere",
    "ephemeral storage",
    "a category whose name somebody made sixty characters long, alas",
];

fn many_lines() -> Figure {
    let at = times(168, 7.0 * DAY);
    let marks = |straight: bool| -> Vec<Mark> {
        (0..12)
            .map(|n| {
                let value = |(i, t): (usize, &f64)| {
                    (n as f64 + 2.0) * 20.0 * (0.5 + daily(*t + n as f64 * HOUR))
                        + 9.0 * wobble(i, n)
                };
                Mark::Line {
                    name: format!("service-{n}"),
                    colour: Colour::Category(n),
                    join: if straight { Join::Straight } else { Join::Step },
                    dashed: n % 4 == 3,
                    at: at.clone(),
                    values: at.iter().enumerate().map(value).collect(),
                }
            })
            .collect()
    };
    let long = "A title of more than one line, because whoever wrote the scenario wanted every \
                reader to know everything there is to be known before looking at the picture. ";
    let detail = Some("p99 of response times, as seen by the load balancer".into());
    let panels = vec![
        Panel { detail, ..panel("Response time", Unit::Seconds, marks(true)) },
        panel("Requests", Unit::Count, marks(false)),
    ];
    Figure { subtitle: Some(long.repeat(2)), ..figure(long, week_axis(), panels) }
}

/// Everything that has no proper picture, next to each other.
fn hostile() -> Figure {
    let at = times(48, 7.0 * DAY);
    let fill = |value: f64| vec![value; 48];
    let mut gappy: Vec<f64> = at.iter().map(|t| daily(*t)).collect();
    gappy[10..20].fill(f64::NAN);
    gappy[30] = f64::INFINITY;
    let one = |value| line("one point", Colour::Used, &[3.0 * DAY], vec![value]);
    let dot = Mark::Line {
        name: "lone".into(),
        colour: Colour::Failed,
        join: Join::Straight,
        dashed: true,
        at: vec![DAY],
        values: vec![2e-9],
    };
    let odd = "<b>&\"'\u{7}\u{1b}[31m\u{FFFE} \u{202e}odd\u{0}";
    let small = |title: &str, unit, marks| Panel { weight: 0.4, ..panel(title, unit, marks) };
    let panels = vec![
        small("nothing", Unit::Count, Vec::new()),
        small("empty series", Unit::Dollars, vec![line("empty", Colour::Used, &[], Vec::new())]),
        small(
            "not a number",
            Unit::Share,
            vec![line("NaN", Colour::Used, &at, fill(f64::NAN)), event(odd, DAY)],
        ),
        small("all zero", Unit::Dollars, vec![line("zero", Colour::Used, &at, fill(0.0))]),
        small("gaps", Unit::Share, vec![line(odd, Colour::Used, &at, gappy)]),
        small("one point, tiny", Unit::Count, vec![one(1e-9), dot]),
        small("huge", Unit::Count, vec![one(4e30), line("x", Colour::Spot, &at, fill(1e300))]),
        Panel {
            weight: f64::NAN,
            y_at_least: Some(f64::INFINITY),
            ..panel(
                "above and below",
                Unit::Dollars,
                vec![
                    Mark::Stack {
                        at: at.clone(),
                        layers: vec![
                            layer("paid", Colour::Used, fill(3.0)),
                            layer("credit", Colour::Healthy, fill(-2.0)),
                            layer("more", Colour::Spot, at.iter().map(|t| daily(*t)).collect()),
                        ],
                    },
                    Mark::Rule { name: "nowhere".into(), colour: Colour::Failed, value: f64::NAN },
                ],
            )
        },
    ];
    figure("Odd data", week_axis(), panels)
}

fn bars() -> Figure {
    let parts = [
        ("used", Colour::Used),
        ("reserved", Colour::Reserved),
        ("free", Colour::Free),
        ("stranded", Colour::Stranded),
    ];
    let row = |name: &str, values: [f64; 4]| BarRow { name: name.into(), values: values.to_vec() };
    Figure {
        title: "shop: where the money goes".into(),
        subtitle: Some("a week, EC2 only".into()),
        footnote: None,
        width_px: 1200,
        content: Content::Bars(Bars {
            unit: Unit::Dollars,
            parts: parts.map(|(name, colour)| Part { name: name.into(), colour }).to_vec(),
            rows: vec![
                row("binpack", [210.0, 201.0, 111.0, 47.0]),
                row("spread over zones", [210.0, 201.0, 190.0, 80.5]),
                row("random", [210.0, 201.0, 240.0, 12.0]),
                row(CATEGORIES[11], [21.0, 2.0, f64::NAN, 0.0]),
                row("nothing", [0.0; 4]),
            ],
        }),
    }
}

fn samples() -> Vec<(&'static str, Figure)> {
    let bare = Content::Bars(Bars { unit: Unit::Share, parts: Vec::new(), rows: Vec::new() });
    let narrow = Figure { width_px: 0, ..tasks() };
    let crowd = Figure { width_px: 700, ..many_lines() };
    vec![
        ("utilisation", utilisation()),
        ("tasks", tasks()),
        ("instances", instances()),
        ("cost", cost(&CATEGORIES[..5], 4.0)),
        ("cost-12", cost(&CATEGORIES, 4e-4)),
        ("cost-1", cost(&CATEGORIES[..1], 3e6)),
        ("lines-12", many_lines()),
        ("lines-narrow", crowd),
        ("narrow", narrow),
        ("hostile", hostile()),
        ("bars", bars()),
        ("bars-none", Figure { content: bare, ..bars() }),
    ]
}

#[test]
fn samples_are_drawn_and_kept_to_be_seen() {
    let folder = std::env::temp_dir().join("ecsim-chart-gallery");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, figure) in samples() {
        let svg = render_svg(&figure).unwrap();
        check_xml(name, &svg);
        std::fs::write(folder.join(format!("{name}.svg")), &svg).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), render_png(&figure).unwrap()).unwrap();
    }
}

#[test]
fn the_same_figure_gives_the_same_bytes() {
    let figure = Figure { width_px: 600, ..tasks() };
    assert_eq!(render_svg(&figure).unwrap(), render_svg(&figure.clone()).unwrap());
    assert_eq!(render_png(&figure).unwrap(), render_png(&figure.clone()).unwrap());
}

/// Checks what XML demands: balanced elements, quoted attributes, known entities, legal characters.
fn check_xml(name: &str, document: &str) {
    let legal = |c: char| c >= ' ' && c != '\u{FFFE}' && c != '\u{FFFF}' || c == '\n';
    assert!(document.chars().all(legal), "{name} has a character that XML forbids");
    for entity in document.split('&').skip(1) {
        let (entity, _) = entity.split_once(';').unwrap();
        let known = ["lt", "gt", "amp", "quot", "apos", "#60", "#62", "#38", "#34"];
        assert!(known.contains(&entity), "{name}: &{entity};");
    }
    let mut open: Vec<&str> = Vec::new();
    for tag in document.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').unwrap();
        assert!(!text.contains('>'), "{name}: {text}");
        assert_eq!(tag.matches('"').count() % 2, 0, "{name}: <{tag}>");
        let (element, _) = tag.split_once(' ').unwrap_or((tag, ""));
        if let Some(element) = element.strip_prefix('/') {
            assert_eq!(open.pop(), Some(element), "{name}");
        } else if !tag.ends_with('/') {
            assert!(!open.is_empty() || element == "svg", "{name} begins with <{tag}>");
            open.push(element);
        }
    }
    assert!(open.is_empty(), "{name} leaves {open:?} open");
}

/// The corners of the box that a label fills.
fn extent(label: &Label) -> Column {
    let width = text::width(&label.text, label.size, label.weight);
    let left = match label.anchor {
        Anchor::Start => label.x,
        Anchor::Middle => label.x - width / 2.0,
        Anchor::End => label.x - width,
    };
    let (top, bottom) = (label.baseline - 0.74 * label.size, label.baseline + 0.22 * label.size);
    Column { left, right: left + width, top, bottom }
}

fn labels(scene: &Scene) -> Vec<&Label> {
    scene
        .shapes
        .iter()
        .filter_map(|shape| match shape {
            Shape::Text(label) => Some(label),
            Shape::Columns { .. } | Shape::Line { .. } => None,
        })
        .collect()
}

#[test]
fn no_text_is_cut_and_none_lies_on_another() {
    for (name, figure) in samples() {
        let scene = compose(&figure).unwrap();
        let boxes: Vec<(&str, Column)> =
            labels(&scene).into_iter().map(|label| (label.text.as_str(), extent(label))).collect();
        assert!(boxes.len() > 2, "{name}");
        for (i, (text, a)) in boxes.iter().enumerate() {
            let inside = a.left >= 0.0 && a.right <= scene.width;
            assert!(inside && a.top >= 0.0 && a.bottom <= scene.height, "{name}: `{text}` {a:?}");
            for (other, b) in &boxes[i + 1..] {
                let beside = a.right <= b.left || b.right <= a.left;
                assert!(
                    beside || a.bottom <= b.top || b.bottom <= a.top,
                    "{name}: `{text}` lies on `{other}`"
                );
            }
        }
    }
}

#[test]
fn every_series_is_named_in_the_legend() {
    let scene = compose(&cost(&CATEGORIES, 1.0)).unwrap();
    let all: Vec<&str> = labels(&scene).iter().map(|label| label.text.as_str()).collect();
    let all = all.join(" ");
    for name in CATEGORIES {
        assert!(all.contains(name), "{name} in {all}");
    }
}

#[test]
fn the_area_of_a_stack_is_the_sum_of_its_series() {
    let at = vec![0.0, 2.0, 3.0];
    let values = [[3.0, 1.0, 4.0], [1.0, 5.0, 0.0], [2.0, f64::NAN, 6.0]];
    let colours = [Colour::Used, Colour::Reserved, Colour::Free];
    let layers: Vec<Layer> =
        values.iter().zip(colours).map(|(v, c)| layer("layer", c, v.to_vec())).collect();
    let axis = TimeAxis { from: 0.0, to: 4.0, ticks: Vec::new(), label: None };
    let stack = vec![Mark::Stack { at, layers }];
    let scene = compose(&figure("", axis, vec![panel("", Unit::Count, stack)])).unwrap();
    let areas: Vec<(Ink, &Vec<Column>)> = scene
        .shapes
        .iter()
        .filter_map(|shape| match shape {
            Shape::Columns { columns, ink } => Some((*ink, columns)),
            Shape::Line { .. } | Shape::Text(_) => None,
        })
        .collect();
    let of = |colour: Colour| {
        // The first in that colour is the legend's.
        let mut mine = areas.iter().filter(|(ink, _)| *ink == Ink::solid(colour.rgb()));
        mine.nth(1).unwrap().1
    };
    // The lowest layer begins at zero; its first column is 3 high for 2 units of time.
    let lowest = of(Colour::Used);
    let per_time = (lowest[0].right - lowest[0].left) / 2.0;
    let per_value = (lowest[0].bottom - lowest[0].top) / 3.0;
    // 2 × (3 + 1 + 2) + 1 × (1 + 5) + 1 × (4 + 0 + 6), of which each layer covers its own.
    let expected = [2.0 * 3.0 + 1.0 + 4.0, 2.0 * 1.0 + 5.0, 2.0 * 2.0 + 6.0];
    for (colour, expected) in colours.into_iter().zip(expected) {
        let columns = of(colour);
        let area: f64 =
            columns.iter().map(|c| (c.right - c.left) * (c.bottom - c.top)).sum::<f64>();
        // What reaches under the layer below is half a pixel of each column.
        let hidden = if colour == Colour::Used { 0.0 } else { 0.5 };
        let under: f64 = columns.iter().map(|c| (c.right - c.left) * hidden).sum();
        let area = (area - under) / (per_time * per_value);
        assert!((area - expected).abs() < 1e-9, "{colour:?}: {area}, not {expected}");
    }
    // The top of the stack over the last period is at ten units.
    let (top, zero) = (of(Colour::Free)[1].top, lowest[0].bottom);
    assert!(((zero - top) / per_value - 10.0).abs() < 1e-9);
}

#[test]
fn data_that_do_not_fit_together_are_refused() {
    let check = |axis: (f64, f64), mark: Mark, expected: &str| {
        let axis = TimeAxis { from: axis.0, to: axis.1, ticks: Vec::new(), label: None };
        let figure = figure("", axis, vec![panel("", Unit::Count, vec![mark])]);
        let message = |error: Option<ChartError>| error.map_or(String::new(), |e| e.to_string());
        assert_eq!(message(render_svg(&figure).err()), expected);
        assert_eq!(message(render_png(&figure).err()), expected);
    };
    let fine = || line("a", Colour::Used, &[1.0, 2.0], vec![3.0, 4.0]);
    check((0.0, 9.0), fine(), "");
    check((5.0, 5.0), fine(), ""); // a run of no length: a picture that says "no data"
    check((9.0, 0.0), fine(), "a time axis from `9` to `0` cannot be drawn");
    check((0.0, f64::NAN), fine(), "a time axis from `0` to `NaN` cannot be drawn");
    let ragged = line("a", Colour::Used, &[1.0, 2.0], vec![3.0]);
    check((0.0, 9.0), ragged, "`a` has 1 values for 2 places");
    let back = line("a", Colour::Used, &[2.0, 1.0], vec![3.0, 4.0]);
    check((0.0, 9.0), back, "the times of `a` are not ascending");
    let never = line("a", Colour::Used, &[f64::NAN], vec![3.0]);
    check((0.0, 9.0), never, "the times of `a` are not ascending");
    let panels = vec![panel("high", Unit::Count, Vec::new()); 100];
    let error = render_png(&figure("", day_axis(), panels)).unwrap_err();
    assert!(matches!(error, ChartError::TooLarge { .. }), "{error}");
}

#[test]
fn flags_of_events_climb_so_that_no_line_crosses_a_label() {
    let events = |count: usize| (0..count).map(|i| event("zone b lost", i as f64 * 600.0));
    let rows = |count: usize| {
        let events = vec![panel("", Unit::Count, events(count).collect())];
        let scene = compose(&figure("", day_axis(), events)).unwrap();
        let mut rows: Vec<i64> = labels(&scene)
            .iter()
            .filter(|label| label.text == "zone b lost")
            .map(|label| label.baseline as i64)
            .collect();
        rows.dedup();
        let listed = labels(&scene).iter().any(|label| label.text == "zone b lost (5)");
        (rows.len(), listed)
    };
    assert_eq!(rows(1), (1, false));
    assert_eq!(rows(4), (4, false));
    // A fifth row would be needed: the legend lists them all as one kind.
    assert_eq!(rows(5), (0, true));
}

//! Pictures of a result: from series and bill to what a chart shows.
//!
//! Which pictures there are depends on what there was: a run without container instances has none
//! of them.

mod capacity;
mod commitments;
mod cost;
mod credits;
mod requests;
mod scaling;
mod tasks;

use crate::ecs::Model;
use crate::ecs::model::{Action, FaultKind, FaultTime};
use crate::engine::Tally;
use crate::record::{Metric, Recording, Scope};
use crate::scenario::Scenario;
use crate::study::Outcome;
use crate::units::{SimTime, Span};

use super::chart::{Colour, Content, Figure, Join, Layer, Mark, Panel, Tick, TimeAxis, Unit};

/// Logical pixels; wide enough for an axis of two lines and a legend beside it.
const WIDTH_PX: u32 = 1200;
/// Marks along the axis: so many have room for their labels.
const TICKS_MAX: usize = 15;
/// Steps of a series in a picture: about one a pixel, so that more could not be seen.
const STEPS_MAX: usize = 720;
/// Layers of a stack: as many as [`of_several`] has colours, and one for the rest.
const LAYERS_MAX: usize = 23;
/// More changes than that would hide what they change, and are not marked.
const CHANGES_MAX: usize = 48;
/// Panels of one kind in one picture; the rest is counted in the footnote.
const PANELS_MAX: usize = 24;

/// Makes the pictures of a result, each with the name of its file.
pub fn figures(scenario: &Scenario, outcome: &Outcome) -> Vec<(&'static str, Figure)> {
    let page = Page::new(scenario, outcome);
    let all = [
        ("utilisation", capacity::utilisation(&page)),
        ("tasks", tasks::tasks(&page)),
        ("requests", requests::requests(&page)),
        ("instances", capacity::instances(&page)),
        ("cpu_credits", credits::cpu_credits(&page)),
        ("managed_scaling", scaling::managed_scaling(&page)),
        ("group_scaling", scaling::groups(&page)),
        ("scaling", scaling::services(&page)),
        ("cost", cost::over_time(&page)),
        ("cost_by_owner", cost::by_owner(&page)),
        ("commitments", commitments::curves(&page)),
    ];
    all.into_iter().filter_map(|(name, figure)| Some((name, figure?))).collect()
}

/// What the pictures of a result have in common.
struct Page<'a> {
    scenario: &'a Scenario,
    outcome: &'a Outcome,
    model: &'a Model,
    recording: &'a Recording,
    /// Buckets of a series that are one step of a picture.
    merged: usize,
    /// When the steps begin, in seconds.
    at: Vec<f64>,
    /// How long a step is; the last may be shorter.
    step: Span,
}

/// The steps of one series.
struct Level(Vec<Tally>);

/// A named series, on its way to become a layer.
struct Named {
    name: String,
    /// None: it is one of several alike, and its place decides.
    colour: Option<Colour>,
    values: Vec<f64>,
}

impl<'a> Page<'a> {
    fn new(scenario: &'a Scenario, outcome: &'a Outcome) -> Page<'a> {
        let recording = &outcome.recording;
        // All series have the same buckets: they began and ended together.
        let (width, count) = recording
            .series
            .first()
            .map_or((Span::MINUTE, 0), |series| (series.width, series.buckets.len()));
        let merged = count.div_ceil(STEPS_MAX).max(1);
        let step = width * merged as u64;
        let at = (0..count.div_ceil(merged)).map(|n| (step * n as u64).as_secs_f64()).collect();
        Page { scenario, outcome, model: &scenario.model, recording, merged, at, step }
    }

    /// Returns a series in steps of the picture; none if it does not exist or was always zero.
    fn level(&self, scope: Scope, metric: Metric) -> Option<Level> {
        let series = self.recording.find(scope, metric)?;
        let merge = |some: &[Tally]| {
            some[1..].iter().fold(some[0], |a, b| Tally {
                span: a.span + b.span,
                integral: a.integral + b.integral,
                min: a.min.min(b.min),
                max: a.max.max(b.max),
            })
        };
        Some(Level(series.buckets.chunks(self.merged).map(merge).collect()))
    }

    /// Adds up the means of some series.
    fn sum(&self, series: impl IntoIterator<Item = (Scope, Metric)>) -> Vec<f64> {
        let mut sum = vec![0.0; self.at.len()];
        for (scope, metric) in series {
            let Some(level) = self.level(scope, metric) else { continue };
            for (sum, tally) in sum.iter_mut().zip(&level.0) {
                *sum += tally.mean();
            }
        }
        sum
    }

    /// Adds up means of some series in two parts: what was there at all times of a step, and what
    /// was there at times.
    fn sum_by_time(&self, series: Vec<(Scope, Metric)>) -> (Vec<f64>, Vec<f64>) {
        let mut least = vec![0.0; self.at.len()];
        for level in series.iter().filter_map(|&(scope, metric)| self.level(scope, metric)) {
            least.iter_mut().zip(level.minima()).for_each(|(sum, value)| *sum += value);
        }
        let more = self.sum(series).iter().zip(&least).map(|(mean, least)| mean - least).collect();
        (least, more)
    }

    fn figure(&self, what: &str, content: Content, footnote: Option<String>) -> Figure {
        let calendar = &self.model.calendar;
        let when = calendar.heading(SimTime::ZERO, self.recording.end);
        let seed = self.outcome.seed;
        let mut subtitle = format!("{}  ·  {when}  ·  seed {}", self.scenario.region, seed.master);
        if seed.replication > 0 {
            subtitle += &format!(", replication {}", seed.replication);
        }
        if let Some(reason) = &self.recording.partial {
            subtitle += &format!("  ·  NOT COMPLETE: {reason}");
        }
        Figure {
            title: format!("{}: {what}", self.scenario.name),
            subtitle: Some(subtitle),
            footnote,
            width_px: WIDTH_PX,
            content,
        }
    }

    /// Makes a figure of panels over the time of the run, the first with what happened when.
    fn over_time(&self, what: &str, mut panels: Vec<Panel>, footnote: Option<String>) -> Figure {
        let calendar = &self.model.calendar;
        let end = self.recording.end;
        let tick = |tick: crate::units::Tick| Tick {
            at: tick.at.as_secs_f64(),
            label: tick.label,
            below: tick.second_line,
            major: tick.major,
        };
        let ticks = calendar.ticks(SimTime::ZERO, end, TICKS_MAX);
        let axis = TimeAxis {
            from: 0.0,
            to: end.as_secs_f64(),
            ticks: ticks.into_iter().map(tick).collect(),
            label: Some(format!("time in {}", calendar.time_zone())),
        };
        if let Some(first) = panels.first_mut() {
            first.marks.extend(self.happenings());
        }
        self.figure(what, Content::Time { axis, panels }, footnote)
    }

    /// Marks the changes at stated times, and the end of the warm-up.
    fn happenings(&self) -> Vec<Mark> {
        let end = self.recording.end;
        let changes = self.model.actions.iter().filter(|(at, _)| *at <= end);
        let count = changes.clone().count();
        let mut marks: Vec<Mark> = changes
            .take(if count <= CHANGES_MAX { count } else { 0 })
            .map(|(at, action)| {
                let desired = |name: &str, count: u32| format!("{name}: {count} desired");
                let (label, kind) = match *action {
                    Action::SetDesiredCount { service, desired_count } => (
                        desired(&self.model.services[service].name, desired_count),
                        "desired count changes",
                    ),
                    Action::SetDesiredCapacity { group, desired_capacity } => (
                        desired(&self.model.auto_scaling_groups[group].name, desired_capacity),
                        "desired capacity changes",
                    ),
                    Action::InsufficientCapacity(_) => {
                        ("EC2 runs short".to_string(), "shortages of EC2")
                    }
                    Action::RegisterScalableTarget { service, .. } => (
                        format!("{}: other bounds", self.model.services[service].name),
                        "scalable targets change",
                    ),
                    Action::StartInstanceRefresh(position) => {
                        let group = self.model.refreshes[position as usize].group;
                        let name = &self.model.auto_scaling_groups[group].name;
                        (format!("{name}: refresh"), "instance refreshes")
                    }
                };
                Mark::Event {
                    label,
                    kind: kind.to_string(),
                    colour: Colour::Capacity,
                    at: at.as_secs_f64(),
                }
            })
            .collect();
        marks.extend(self.faults());
        let begin = self.recording.window.from;
        if begin > SimTime::ZERO {
            let (label, kind) = ("warm-up ends".to_string(), "ends of warm-ups".to_string());
            let (colour, at) = (Colour::Stopping, begin.as_secs_f64());
            marks.push(Mark::Event { label, kind, colour, at });
        }
        marks
    }

    /// Marks the failures at stated times.
    fn faults(&self) -> impl Iterator<Item = Mark> {
        let end = self.recording.end;
        let at_times = self.model.faults.iter().filter_map(move |(_, fault)| match fault.when {
            FaultTime::At(at) => (at <= end).then_some((at, fault)),
            FaultTime::Random { .. } => None,
        });
        at_times.take(CHANGES_MAX).map(|(at, fault)| {
            let label = match fault.kind {
                FaultKind::Instances { fleet, count, .. } => {
                    format!("{}: {count} fail", self.model.fleets[fleet].name)
                }
                FaultKind::Zone { zone, .. } => format!("{} is out", self.model.zones[zone].name),
                FaultKind::Launches { .. } => "launches fail".to_string(),
            };
            let (kind, at) = ("failures".to_string(), at.as_secs_f64());
            Mark::Event { label, kind, colour: Colour::Failed, at }
        })
    }

    fn line(&self, name: &str, colour: Colour, values: Vec<f64>) -> Mark {
        let name = name.to_string();
        Mark::Line { name, colour, join: Join::Step, dashed: false, at: self.at.clone(), values }
    }

    fn dashed(&self, name: &str, colour: Colour, values: Vec<f64>) -> Mark {
        let name = name.to_string();
        Mark::Line { name, colour, join: Join::Step, dashed: true, at: self.at.clone(), values }
    }

    /// Stacks what was ever there, the first lowest; the least of too many are put together.
    fn stack(&self, mut all: Vec<Named>) -> Mark {
        all.retain(|it| it.values.iter().any(|value| *value != 0.0));
        if all.len() > LAYERS_MAX {
            let total = |it: &Named| it.values.iter().sum::<f64>();
            all.sort_by(|a, b| total(b).total_cmp(&total(a)));
            let rest = all.split_off(LAYERS_MAX - 1);
            let name = format!("{} others", rest.len());
            let mut values = vec![0.0; self.at.len()];
            for it in rest {
                values.iter_mut().zip(it.values).for_each(|(sum, value)| *sum += value);
            }
            all.push(Named { name, colour: Some(Colour::Free), values });
        }
        let layer = |(n, it): (usize, Named)| Layer {
            name: it.name,
            colour: it.colour.unwrap_or_else(|| of_several(n)),
            values: it.values,
        };
        let layers = all.into_iter().enumerate().map(layer).collect();
        Mark::Stack { at: self.at.clone(), layers }
    }

    /// Says what a step shows.
    fn means(&self) -> String {
        format!("Each step is the mean of {}", self.step)
    }
}

impl Level {
    /// A series that was never anything but zero is not kept.
    fn zero(like: &Level) -> Level {
        let zero = |tally: &Tally| Tally { integral: 0, min: 0, max: 0, ..*tally };
        Level(like.0.iter().map(zero).collect())
    }

    fn means(&self) -> Vec<f64> {
        self.0.iter().map(Tally::mean).collect()
    }

    fn maxima(&self) -> Vec<f64> {
        self.0.iter().map(|tally| tally.max as f64).collect()
    }

    fn minima(&self) -> Vec<f64> {
        self.0.iter().map(|tally| tally.min as f64).collect()
    }
}

fn panel(title: impl Into<String>, detail: impl Into<String>, unit: Unit) -> Panel {
    let detail = Some(detail.into()).filter(|text| !text.is_empty());
    Panel { title: title.into(), detail, unit, weight: 1.0, y_at_least: None, marks: Vec::new() }
}

/// Returns the colour of the n-th of several alike.
fn of_several(n: usize) -> Colour {
    Colour::Category(category(n))
}

/// Returns a light colour of the n-th of several alike; beyond ten the others.
fn light_of_several(n: usize) -> Colour {
    Colour::Category(category(n) + 12)
}

/// Returns the category of the n-th of several alike.
///
/// Two of the categories are left out: one looks like what is wrong, and on the other, a dark grey,
/// a black line would not be seen.
fn category(n: usize) -> usize {
    match n {
        0 => 0,
        1 => 2,
        n => n + 2,
    }
}

/// Writes a number with about three digits.
fn short(value: f64) -> String {
    let decimals = match value {
        100.0.. => return format!("{value:.0}"),
        10.0.. => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

//! Tasks on a schedule and jobs from a trace: whoever calls RunTask.

use std::sync::Arc;

use crate::ecs::model::{
    FargateSize, JobTrace, Launch, Requirement, Source, Submitter, TaskDefinition, WhenFull,
};
use crate::engine::Ix;
use crate::units::{Calendar, Resources, Schedule, SimTime, Span};

use super::super::View;
use super::super::trace::{self, RawTrace};
use super::launch::{Launcher, check_fit, check_room, launch};
use super::{Lower, task};

/// Tasks on a schedule.
pub(super) fn tasks(lower: &mut Lower) {
    for (name, view) in lower.root().entries("task") {
        let source = schedule(lower, &view);
        let definition = task::definition_of(lower, name, &view);
        let group = group(lower, name, &view, definition);
        let launch = launch(lower, &view, (Launcher::RunTask, &group), definition);
        if let Some(definition) = definition {
            check_fit(lower, &view, &launch, definition);
        }
        let launch = lower.model.launches.push(launch);
        let (Some(source), Some(task_definition)) = (source, definition) else { continue };
        lower.model.submitters.push(Submitter {
            name: format!("task.{name}"),
            task_definition,
            launch,
            source,
            when_full: when_full(&view),
            gang: false,
        });
    }
}

/// Returns the task group: as given, else that of the family.
fn group(
    lower: &Lower,
    name: &str,
    view: &View,
    definition: Option<Ix<TaskDefinition>>,
) -> String {
    view.find::<String>("group").unwrap_or_else(|| {
        let family = definition.map(|ix| lower.model.task_definitions[ix].family.as_str());
        format!("family:{}", family.unwrap_or(name))
    })
}

fn when_full(view: &View) -> WhenFull {
    match view.get::<String>("when_full").as_str() {
        "fail" => WhenFull::Fail,
        "queue" => WhenFull::Queue,
        _ => WhenFull::Retry { initial: view.get("retry_initial"), max: view.get("retry_max") },
    }
}

fn schedule(lower: &mut Lower, view: &View) -> Option<Source> {
    let text: String = view.get("schedule");
    let mut calendar: Calendar = lower.model.calendar.clone();
    if let Some(zone) = view.find::<String>("time_zone") {
        match calendar.in_zone(&zone) {
            Ok(there) => calendar = there,
            Err(error) => {
                lower.problems.push(view.error("time_zone", error.message).hint(error.hint));
            }
        }
    }
    match Schedule::parse(&text) {
        Ok(schedule) => {
            Some(Source::Schedule { schedule, calendar, count: view.get("count") })
        }
        Err(error) => {
            let part = text.get(error.range.clone()).unwrap_or("");
            let message = format!("`{text}`, at `{part}`: {}", error.message);
            lower.problems.push(view.error("schedule", message).hint(error.hint));
            None
        }
    }
}

/// Jobs from a trace.
pub(super) fn jobs(lower: &mut Lower) {
    for (name, view) in lower.root().entries("job") {
        let definition = match view.child("task_definition") {
            Some(_) => task::definition_of(lower, name, &view),
            None => Some(plain_definition(lower, name)),
        };
        let group = group(lower, name, &view, definition);
        let launch = launch(lower, &view, (Launcher::RunTask, &group), definition);
        let read = trace::read(lower.files, &view, lower.model.duration, &mut lower.problems);
        let (Some(raw), Some(task_definition)) = (read, definition) else { continue };
        lower.extra.push((format!("job.{name}.trace"), raw.digest));
        let trace = trace_of(lower, &view, (&launch, task_definition), raw);
        let launch = lower.model.launches.push(launch);
        lower.model.submitters.push(Submitter {
            name: format!("job.{name}"),
            task_definition,
            launch,
            source: Source::Trace(Arc::new(trace)),
            when_full: when_full(&view),
            gang: view.get("gang"),
        });
    }
}

/// Makes the definition of a job that names none: one container of the size of each row.
fn plain_definition(lower: &mut Lower, name: &str) -> Ix<TaskDefinition> {
    let made = task::plain(lower, name);
    lower.definitions.entry(name.to_string()).or_insert(Some(made));
    made
}

/// Turns the rows into what the model wants: requirements by position, Fargate sizes, durations.
fn trace_of(
    lower: &mut Lower,
    view: &View,
    (launch, definition): (&Launch, Ix<TaskDefinition>),
    raw: RawTrace,
) -> JobTrace {
    let base = lower.model.task_definitions[definition].requirement;
    let base = lower.model.requirements[base].clone();
    let on_fargate = launch.providers.iter().any(|item| !item.provider.uses_instances());
    let mut requirement = Vec::with_capacity(raw.arrival.len());
    let mut fargate: Vec<Option<FargateSize>> = Vec::new();
    let mut last: Option<(Resources, Ix<Requirement>)> = None;
    for row in 0..raw.arrival.len() {
        let resources = Resources {
            cpu_units: raw.cpu_units(row).unwrap_or(base.resources.cpu_units),
            memory_mib: raw.memory_mib(row).unwrap_or(base.resources.memory_mib),
            gpus: raw.gpus(row).unwrap_or(base.resources.gpus),
        };
        if let Some((_, ix)) = last.filter(|(same, _)| *same == resources) {
            requirement.push(ix);
            continue;
        }
        let before = lower.model.requirements.len();
        let ix = lower.requirement(Requirement { resources, ..base.clone() });
        if on_fargate {
            fargate.resize(lower.model.requirements.len(), None);
            if fargate[ix.index()].is_none() {
                fargate[ix.index()] = fargate_size(lower, view, (resources, definition), row);
            }
        } else if lower.model.requirements.len() > before || last.is_none() {
            check_row(lower, view, launch, (&resources, &base));
        }
        last = Some((resources, ix));
        requirement.push(ix);
    }
    JobTrace {
        arrival: raw.arrival.iter().map(|&us| SimTime::from_micros(us)).collect(),
        count: raw.count,
        requirement,
        duration: raw.duration.into_iter().map(Span::micros).collect(),
        fargate,
    }
}

/// Reports a size of row that no instance can hold; rows of one size are reported once.
fn check_row(lower: &mut Lower, view: &View, launch: &Launch, (size, base): (&Resources, &Requirement)) {
    let wanted = Requirement { resources: *size, ..base.clone() };
    check_room(lower, view, "trace", launch, &wanted);
}

fn fargate_size(
    lower: &mut Lower,
    view: &View,
    (size, definition): (Resources, Ix<TaskDefinition>),
    row: usize,
) -> Option<FargateSize> {
    let os = lower.model.task_definitions[definition].os;
    let storage = lower.model.task_definitions[definition]
        .fargate
        .map_or(20, |it| it.ephemeral_storage_gib);
    let found = if view.get::<String>("fargate_size") == "exact" {
        lower.catalogue.fargate_size(size.cpu_units, size.memory_mib, os).map_err(|error| {
            (error.to_string(), error.hint())
        })
    } else {
        lower.catalogue.smallest_fargate_size_for(size.cpu_units, size.memory_mib, os).ok_or((
            format!(
                "{} CPU units and {} MiB are more than the largest size of Fargate",
                size.cpu_units, size.memory_mib
            ),
            "run such jobs on EC2, or leave them out".to_string(),
        ))
    };
    let found = if size.gpus > 0 {
        Err(("asks for GPUs, which Fargate does not have".to_string(), String::new()))
    } else {
        found
    };
    match found {
        Ok(found) => Some(FargateSize {
            cpu_units: found.cpu_units,
            memory_mib: found.memory_mib,
            ephemeral_storage_gib: storage,
        }),
        Err((fact, hint)) => {
            let message = format!("row {}: {fact}", row + 1);
            lower.problems.push(view.error("trace", message).hint(hint));
            None
        }
    }
}

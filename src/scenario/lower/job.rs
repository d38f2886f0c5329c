//! Tasks on a schedule and jobs from a trace: whoever calls RunTask.

use std::sync::Arc;

use crate::ecs::model::{
    FargateSize, JobTrace, Launch, Requirement, Source, Submitter, TaskDefinition, WhenFull,
};
use crate::engine::Ix;
use crate::units::{Calendar, Resources, Schedule, SimTime};

use super::super::View;
use super::super::trace;
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
fn group(lower: &Lower, name: &str, view: &View, definition: Option<Ix<TaskDefinition>>) -> String {
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
        Ok(schedule) => Some(Source::Schedule { schedule, calendar, count: view.get("count") }),
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
        let limits = lower.root().table("limits");
        let read = trace::read_trace(lower.files, &view, &limits, &mut lower.problems);
        let (Some(rows), Some(task_definition)) = (read, definition) else { continue };
        let trace = trace_of(lower, &view, (&launch, task_definition), &rows);
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
    rows: &trace::JobTrace,
) -> JobTrace {
    let base = lower.model.task_definitions[definition].requirement;
    let base = lower.model.requirements[base].clone();
    let on_fargate = launch.providers.iter().any(|item| !item.provider.uses_instances());
    let mut made = JobTrace::default();
    let mut last: Option<(Resources, Ix<Requirement>)> = None;
    for row in 0..rows.arrivals_us.len() {
        let given = |series: &Option<trace::Series>| series.as_ref().map(|it| it.at(row));
        let resources = Resources {
            cpu_units: given(&rows.cpu_units).unwrap_or(base.resources.cpu_units),
            memory_mib: given(&rows.memory_mib).unwrap_or(base.resources.memory_mib),
            gpus: rows.gpus.at(row).max(base.resources.gpus),
        };
        let same = last.filter(|(before, _)| *before == resources);
        let ix = same.map_or_else(
            || {
                let wanted = Requirement { resources, ..base.clone() };
                let is_new = !lower.requirements.contains_key(&wanted) || last.is_none();
                let ix = lower.requirement(wanted.clone());
                if on_fargate {
                    made.fargate.resize(lower.model.requirements.len(), None);
                    if made.fargate[ix.index()].is_none() {
                        let size = fargate_size(lower, view, (resources, definition), row);
                        made.fargate[ix.index()] = size;
                    }
                } else if is_new {
                    check_room(lower, view, "trace", launch, &wanted);
                }
                ix
            },
            |(_, ix)| ix,
        );
        last = Some((resources, ix));
        made.requirement.push(ix);
        made.arrival.push(SimTime::from_micros(rows.arrivals_us[row]));
        made.count.push(rows.task_counts.at(row));
        if let Some(durations) = &rows.durations_us {
            made.duration.push(durations.at(row));
        }
    }
    made
}

fn fargate_size(
    lower: &mut Lower,
    view: &View,
    (size, definition): (Resources, Ix<TaskDefinition>),
    row: usize,
) -> Option<FargateSize> {
    let os = lower.model.task_definitions[definition].os;
    let storage =
        lower.model.task_definitions[definition].fargate.map_or(20, |it| it.ephemeral_storage_gib);
    let found = if view.get::<String>("fargate_size") == "exact" {
        lower
            .catalogue
            .fargate_size(size.cpu_units, size.memory_mib, os)
            .map_err(|error| (error.to_string(), error.hint()))
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

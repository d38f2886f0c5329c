//! Tasks on a schedule and jobs from a trace: whoever calls RunTask.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ecs::model::{
    FargateSize, Fleet, InstanceClass, JobTrace, Launch, Model, Provider, Requirement, Source,
    StrategyItem, Submitter, TaskDefinition, WhenFull,
};
use crate::engine::Ix;
use crate::units::{Calendar, Resources, Schedule, SimTime, Span};

use super::super::codes::Code;
use super::super::problems::number;
use super::super::trace::{self, LEAST_MEMORY};
use super::super::value::Mib;
use super::super::{Problem, View};
use super::launch::{
    Launcher, SizedBy, check_fit, instances_of, launch, may_host, may_take, most_of, no_room,
};
use super::warnings::runs_on;
use super::{Lower, task};

/// Letters of the name of a task group. Source: ECS API, RunTask.
const GROUP_NAME: usize = 255;

/// Tasks on a schedule.
pub(super) fn tasks(lower: &mut Lower) {
    for (name, view) in lower.root().entries("task") {
        let source = schedule(lower, &view);
        let definition = task::definition_of(lower, name, &view);
        let group = group(lower, name, &view, definition);
        let launch = launch(lower, &view, (Launcher::RunTask, &group), definition);
        if let Some(definition) = definition {
            check_fit(lower, &view, &launch, (definition, SizedBy::Definition));
            warn_of_endless(lower, &view, definition);
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

/// A scheduled task that never ends is one more each time.
fn warn_of_endless(lower: &mut Lower, view: &View, definition: Ix<TaskDefinition>) {
    if !runs_on(lower, definition) || !lower.root().is_sound_at(&["behaviour"]) {
        return;
    }
    let name = &lower.model.task_definitions[definition].name;
    let message = "nothing says how long its tasks run: they run to the end, and add up";
    let hint = format!("add `behaviour.{name}.run_time`");
    let problem = view.warning(Code::EndlessTasks, "task_definition", message);
    lower.problems.push(problem.hint(hint));
}

/// A schedule that does not come round in the run starts nothing; `first` is when it does.
fn warn_of_never(lower: &mut Lower, view: &View, first: Option<SimTime>) {
    let end = SimTime::ZERO + lower.model.duration;
    let is_sure = lower.root().is_sound_at(&["duration", "start", "time_zone"]);
    if first.is_some_and(|at| at <= end) || !is_sure {
        return;
    }
    let message = match first {
        Some(at) => format!(
            "it starts nothing: its first time is {} after the start, and the run ends before",
            Span::micros(at.as_micros())
        ),
        None => "it starts nothing: its times are all over".to_string(),
    };
    let hint = "make `duration` longer, or `start` another time";
    lower.problems.push(view.warning(Code::ScheduleNeverFires, "schedule", message).hint(hint));
}

/// Rows that arrive after the end of the run are never seen.
fn warn_of_late(lower: &mut Lower, view: &View, trace: &JobTrace) {
    let end = SimTime::ZERO + lower.model.duration;
    let late = trace.arrival.len() - trace.arrival.partition_point(|at| *at <= end);
    if late == 0 || !lower.root().is_sound_at(&["duration"]) {
        return;
    }
    let rows = trace.arrival.len();
    let which = match late == rows {
        true => "any row".to_string(),
        false => format!("{} of {} rows", number(late as u64), number(rows as u64)),
    };
    let message =
        format!("the run ends after {}, before {which} of the trace", lower.model.duration);
    let hint = "make `duration` longer, or `time_scale` smaller; arrivals are seconds since \
                the start of the run";
    lower.problems.push(view.warning(Code::RowsAfterTheEnd, "trace", message).hint(hint));
}

/// A gang that its cluster could not hold even if it were empty would wait for ever.
fn check_gangs(
    lower: &mut Lower,
    view: &View,
    (launch, definition): (&Launch, Ix<TaskDefinition>),
    trace: &JobTrace,
) {
    let mut room: BTreeMap<Ix<Requirement>, u64> = BTreeMap::new();
    let mut first: Option<(usize, u64)> = None;
    let mut rows = 0u64;
    for (row, (&requirement, &count)) in trace.requirement.iter().zip(&trace.count).enumerate() {
        let fits = *room.entry(requirement).or_insert_with(|| {
            let sized = trace.fargate.get(requirement.index()).copied().flatten();
            room_for(&lower.model, launch, (requirement, sized))
        });
        if u64::from(count) > fits {
            rows += 1;
            first = first.or(Some((row, fits)));
        }
    }
    let Some((row, fits)) = first else { return };
    let name = &lower.model.task_definitions[definition].name;
    let resources = lower.model.requirements[trace.requirement[row]].resources;
    let more = if rows > 1 {
        format!("{} rows of the trace, for example: ", number(rows))
    } else {
        String::new()
    };
    let message = format!(
        "{more}a gang of {} tasks of `{name}` with {} CPU units and {} MiB each, and {} fit at \
         once",
        number(trace.count[row]),
        number(resources.cpu_units),
        number(resources.memory_mib),
        number(fits)
    );
    let hint = "give the cluster more instances, make gangs smaller, or leave `gang` out";
    lower.problems.push(view.error("gang", message).hint(hint));
}

/// Returns how many tasks of one size an empty cluster holds, at the most.
pub(super) fn room_for(
    model: &Model,
    launch: &Launch,
    (requirement, sized): (Ix<Requirement>, Option<FargateSize>),
) -> u64 {
    let wanted = &model.requirements[requirement];
    let quota = |units: Option<u32>| match (units, sized) {
        (Some(units), Some(size)) => u64::from(units / size.cpu_units.max(1)),
        _ => u64::MAX,
    };
    let mut room = 0u64;
    for item in &launch.providers {
        room = room.saturating_add(match item.provider {
            Provider::Fargate => quota(model.account.fargate_cpu_units),
            Provider::FargateSpot => quota(model.account.fargate_spot_cpu_units),
            Provider::Ec2 | Provider::External => 0,
        });
    }
    let may_host =
        |class: &InstanceClass| may_host(model, launch, class) && may_take(class, launch, wanted);
    // By fleet: what its types hold together, and the most that an instance holds.
    let mut fleets: BTreeMap<Ix<Fleet>, (u64, u64)> = BTreeMap::new();
    for (ix, class) in model.classes.iter().filter(|(_, class)| may_host(class)) {
        let fits = u64::from(tasks_per_instance(class, launch, wanted));
        let (together, most) = fleets.entry(class.fleet).or_default();
        *together = together.saturating_add(instances_of(model, ix).saturating_mul(fits));
        *most = fits.max(*most);
    }
    // Of several types each may be the one that is to be had, and not all of them.
    let rooms = fleets.into_iter().map(|(fleet, (together, most))| {
        let count = u64::from(most_of(model, &model.fleets[fleet]));
        together.min(count.saturating_mul(most))
    });
    rooms.fold(room, u64::saturating_add)
}

/// Returns how many tasks of one size an empty instance holds, whether or not it may host them.
pub(super) fn tasks_per_instance(
    class: &InstanceClass,
    launch: &Launch,
    wanted: &Requirement,
) -> u32 {
    let has = class.registered;
    let times = |has: u32, wanted: u32| has.checked_div(wanted).unwrap_or(u32::MAX);
    times(has.cpu_units, wanted.resources.cpu_units)
        .min(times(has.memory_mib, wanted.resources.memory_mib))
        .min(times(has.gpus, wanted.resources.gpus))
        .min(if wanted.awsvpc { class.task_enis } else { u32::MAX })
        .min(if launch.is_alone(wanted) { 1 } else { u32::MAX })
}

/// Returns the task group: as given, else that of the family.
fn group(
    lower: &mut Lower,
    name: &str,
    view: &View,
    definition: Option<Ix<TaskDefinition>>,
) -> String {
    let given = view.find::<String>("group");
    if given.as_ref().is_some_and(|group| group.chars().count() > GROUP_NAME) {
        let message = format!("`group` has more than {GROUP_NAME} letters");
        lower.problems.push(view.error("group", message).hint("choose a shorter name"));
    }
    given.unwrap_or_else(|| {
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
            warn_of_never(lower, view, schedule.next_at_or_after(&calendar, SimTime::ZERO));
            Some(Source::Schedule { schedule, calendar, count: view.get("count") })
        }
        Err(error) => {
            let part = text.get(error.range.clone()).unwrap_or("");
            let message = task::mistake(&text, part, &error.message);
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
        let limits = (&limits, &mut lower.trace_memory);
        let read = trace::read_trace(lower.files, &view, limits, &mut lower.problems);
        let (Some(rows), Some(task_definition)) = (read, definition) else { continue };
        warn_of_both(lower, &view);
        check_given(lower, &view, &rows, (&launch, task_definition));
        let before = lower.problems.len();
        check_fit(lower, &view, &launch, (task_definition, SizedBy::Row));
        let can_run = lower.problems.len() == before;
        let (trace, misfits) = trace_of(lower, &view, (&launch, task_definition), &rows);
        // Where no task of it can run, no size of task is the reason.
        lower.problems.extend(misfits.filter(|_| can_run));
        // Where single tasks do not fit, that is said.
        let scales = |item: &StrategyItem| lower.model.lets_wait(item);
        if view.get("gang") && launch.providers.iter().any(scales) {
            let message = "its tasks would wait in PROVISIONING one by one, and not as a gang: its \
                           capacity provider scales";
            let hint = "leave `gang` out, or use a provider with `managed_scaling.status = \
                        \"DISABLED\"`";
            lower.problems.push(view.error("gang", message).hint(hint));
        }
        if view.get("gang") && lower.problems.len() == before {
            check_gangs(lower, &view, (&launch, task_definition), &trace);
        }
        warn_of_late(lower, &view, &trace);
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

/// What a column says of each row is not said for all.
fn warn_of_both(lower: &mut Lower, view: &View) {
    let columns = view.table("columns");
    for key in ["count", "cpu", "memory", "gpus", "duration"] {
        let Some(column) = columns.find::<String>(key).filter(|_| view.is_written(key)) else {
            continue;
        };
        let message = format!("`{key}` has no effect: the column `{column}` says it of each row");
        lower
            .problems
            .push(view.warning(Code::SaidTwice, key, message).hint("leave one of them out"));
    }
}

/// Makes the definition of a job that names none: one container of the size of each row.
fn plain_definition(lower: &mut Lower, name: &str) -> Ix<TaskDefinition> {
    let made = task::plain(lower, name);
    lower.definitions.entry(name.to_string()).or_insert(Some(made));
    made
}

/// Checks that somebody says how large the tasks are and how long they run.
fn check_given(
    lower: &mut Lower,
    view: &View,
    rows: &trace::JobTrace,
    (launch, definition): (&Launch, Ix<TaskDefinition>),
) {
    let named = &lower.model.task_definitions[definition];
    let base = lower.model.requirements[named.requirement].resources;
    let on_fargate = launch.providers.iter().any(|item| !item.provider.uses_instances());
    let runs_on = runs_on(lower, definition);
    let name = named.name.clone();
    let missing = |key: &str, what: &str| {
        let hint = format!("add `columns.{key}`, or `{key} = …` for all rows alike");
        (format!("neither a column nor `{key}` says how much {what} its tasks ask for"), hint)
    };
    if rows.memory_mib.is_none() && base.memory_mib == 0 {
        let (message, hint) = missing("memory", "memory");
        lower.problems.push(view.error("memory", message).hint(hint));
    }
    if let Some(Mib(mib)) = view.find("memory").filter(|memory: &Mib| memory.0 < LEAST_MEMORY) {
        let message = format!("`memory` is {mib} MiB; a container needs {LEAST_MEMORY} at least");
        let hint = format!("write {LEAST_MEMORY} or more");
        lower.problems.push(view.error("memory", message).hint(hint));
    }
    if rows.cpu_units.is_none() && base.cpu_units == 0 {
        let (message, hint) = missing("cpu", "CPU");
        let problem = match on_fargate {
            true => view.error("cpu", message),
            false => view.warning(Code::NoCpu, "cpu", message + "; they reserve none"),
        };
        lower.problems.push(problem.hint(hint));
    }
    if rows.durations_us.is_none() && runs_on {
        let message = "nothing says how long its tasks run: they run to the end";
        let hint = format!("add `columns.duration`, `duration`, or `behaviour.{name}.run_time`");
        lower.problems.push(view.warning(Code::EndlessTasks, "duration", message).hint(hint));
    }
}

/// Rows of a trace that cannot run anywhere: the first of them, and how many there are.
struct Misfits {
    first: Option<Problem>,
    rows: usize,
}

impl Misfits {
    /// Counts a row; `problem` is that of a size that has just been seen for the first time.
    fn count(&mut self, problem: Option<Problem>) {
        self.rows += 1;
        self.first = self.first.take().or(problem);
    }

    fn into_problem(self) -> Option<Problem> {
        let problem = self.first?;
        let rows = match self.rows {
            1 => "1 row of the trace".to_string(),
            rows => format!("{rows} rows of the trace, for example"),
        };
        let message = format!("{rows}: {}", problem.message);
        Some(Problem { message, ..problem })
    }
}

/// What became of one size of task in a trace.
#[derive(Clone, Copy)]
struct Sized {
    requirement: Ix<Requirement>,
    fits: bool,
}

/// Turns the rows into what the model wants: requirements by position, Fargate sizes, durations.
fn trace_of(
    lower: &mut Lower,
    view: &View,
    (launch, definition): (&Launch, Ix<TaskDefinition>),
    rows: &trace::JobTrace,
) -> (JobTrace, Option<Problem>) {
    let base = lower.model.task_definitions[definition].requirement;
    let base = lower.model.requirements[base].clone();
    let most_sizes: u64 = lower.root().table("limits").get("task_sizes");
    let mut made = JobTrace { file_rows: rows.file_rows.clone(), ..JobTrace::default() };
    let mut sizes: BTreeMap<Resources, Sized> = BTreeMap::new();
    let mut misfits = Misfits { first: None, rows: 0 };
    for row in 0..rows.arrivals_us.len() {
        let given = |series: &Option<trace::Series>| series.as_ref().map(|it| it.at(row));
        let resources = Resources {
            cpu_units: given(&rows.cpu_units).unwrap_or(base.resources.cpu_units),
            memory_mib: given(&rows.memory_mib).unwrap_or(base.resources.memory_mib),
            gpus: rows.gpus.at(row).max(base.resources.gpus),
        };
        let (size, problem) = match sizes.get(&resources) {
            Some(size) => (*size, None),
            None if lower.task_sizes >= most_sizes => {
                let message = format!("traces have more than {} sizes of task", number(most_sizes));
                let hint = "round what tasks ask for, or raise `limits.task_sizes`";
                return (made, Some(view.error("trace", message).hint(hint)));
            }
            None => {
                lower.task_sizes += 1;
                let wanted = Requirement { resources, ..base.clone() };
                let (size, problem) = sized(lower, view, (launch, definition), wanted, &mut made);
                sizes.insert(resources, size);
                (size, problem)
            }
        };
        if !size.fits {
            misfits.count(problem);
        }
        made.requirement.push(size.requirement);
        made.arrival.push(SimTime::from_micros(rows.arrivals_us[row]));
        made.count.push(rows.task_counts.at(row));
        if let Some(durations) = &rows.durations_us {
            made.duration.push(durations.at(row));
        }
    }
    (made, misfits.into_problem())
}

/// Finds the requirement of one size of task, and whether there is a place for it.
fn sized(
    lower: &mut Lower,
    view: &View,
    (launch, definition): (&Launch, Ix<TaskDefinition>),
    wanted: Requirement,
    made: &mut JobTrace,
) -> (Sized, Option<Problem>) {
    let requirement = lower.requirement(wanted.clone());
    let on_fargate = launch.providers.iter().any(|item| !item.provider.uses_instances());
    let problem = if on_fargate {
        made.fargate.resize(lower.model.requirements.len(), None);
        match fargate_size(lower, view, wanted.resources, definition) {
            Ok(size) => {
                made.fargate[requirement.index()] = Some(size);
                None
            }
            Err(problem) => Some(*problem),
        }
    } else {
        no_room(lower, view, "trace", (launch, &wanted))
    };
    (Sized { requirement, fits: problem.is_none() }, problem)
}

fn fargate_size(
    lower: &Lower,
    view: &View,
    size: Resources,
    definition: Ix<TaskDefinition>,
) -> Result<FargateSize, Box<Problem>> {
    let definition = &lower.model.task_definitions[definition];
    let catalogue = &lower.catalogue;
    let (cpu, memory) = (size.cpu_units, size.memory_mib);
    if size.gpus > 0 {
        let hint = "run such jobs on EC2, or leave them out";
        let problem = view.error("trace", "a task asks for GPUs, and Fargate has none");
        return Err(Box::new(problem.hint(hint)));
    }
    let found = if view.get::<String>("fargate_size") == "exact" {
        catalogue.fargate_size(cpu, memory, definition.os).map_err(|error| {
            let hint = format!("{}; or set `fargate_size = \"round_up\"`", error.hint());
            Box::new(view.error("trace", error.to_string()).hint(hint))
        })
    } else {
        catalogue.smallest_fargate_size_for(cpu, memory, definition.os).ok_or_else(|| {
            let message = format!(
                "{cpu} CPU units and {memory} MiB are more than the largest task on Fargate"
            );
            let hint = "run such jobs on EC2, or leave them out";
            Box::new(view.error("trace", message).hint(hint))
        })
    };
    found.map(|found| FargateSize {
        cpu_units: found.cpu_units,
        memory_mib: found.memory_mib,
        ephemeral_storage_gib: definition.fargate.map_or(20, |it| it.ephemeral_storage_gib),
    })
}

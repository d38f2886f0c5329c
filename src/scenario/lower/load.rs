//! What jobs ask of instances in the long run, against what there is.

use crate::ecs::model::{
    Action, InstanceClass, JobTrace, Launch, Model, Scheduling, Service, Source, Submitter,
    TaskDefinition, WhenFull,
};
use crate::engine::Ix;
use crate::units::{Resources, SimTime, Span};

use super::super::codes::Code;
use super::super::problems::number;
use super::super::{Problem, View};
use super::Lower;
use super::bounds::firings;
use super::launch::{hosts, instances_of, may_host};

/// Resources times seconds; of tasks, what they would reserve if each started as it arrived.
#[derive(Clone, Copy, Debug, Default)]
struct Work {
    cpu_units: f64,
    memory_mib: f64,
    gpus: f64,
}

impl Work {
    fn add(&mut self, resources: Resources, times: f64) {
        self.cpu_units += f64::from(resources.cpu_units) * times;
        self.memory_mib += f64::from(resources.memory_mib) * times;
        self.gpus += f64::from(resources.gpus) * times;
    }

    fn plus(self, other: Work) -> Work {
        Work {
            cpu_units: self.cpu_units + other.cpu_units,
            memory_mib: self.memory_mib + other.memory_mib,
            gpus: self.gpus + other.gpus,
        }
    }

    fn times(self, factor: f64) -> Work {
        Work {
            cpu_units: self.cpu_units * factor,
            memory_mib: self.memory_mib * factor,
            gpus: self.gpus * factor,
        }
    }

    /// Returns how many times this is of another, in the dimension where that is most.
    fn over(self, other: Work) -> f64 {
        let share = |mine: f64, its: f64| if mine > 0.0 { mine / its.max(1e-9) } else { 0.0 };
        share(self.cpu_units, other.cpu_units)
            .max(share(self.memory_mib, other.memory_mib))
            .max(share(self.gpus, other.gpus))
    }

    /// Says in words how much that is on average.
    fn on_average(self, seconds: f64) -> String {
        let vcpu = rounded(self.cpu_units / 1024.0 / seconds);
        let mut text =
            format!("{vcpu} vCPU and {} GiB", rounded(self.memory_mib / 1024.0 / seconds));
        if self.gpus > 0.0 {
            text += &format!(" and {} GPUs", rounded(self.gpus / seconds));
        }
        text
    }
}

/// Writes an amount with one decimal below a hundred, else without.
fn rounded(amount: f64) -> String {
    if amount < 100.0 { format!("{amount:.1}") } else { number(amount.round() as u64) }
}

/// Services, schedules and jobs beyond which nobody reads about each.
const MOST: usize = 1_000;

/// What one service, schedule or job asks of instances.
struct Demand {
    /// The kinds of instance that it may choose from, in order; none if it may run elsewhere.
    there: Vec<Ix<InstanceClass>>,
    /// When it asks first.
    from: SimTime,
    /// How many rows or firings it has in the run.
    rows: u64,
    /// What it would reserve from then to the end.
    work: Work,
}

/// Warns of jobs and schedules that ask for more than their instances have in all the time that is
/// left from the first arrival: by then at the latest, some wait longer and longer.
///
/// Counted is only what is sure to run there: what may choose from no other instances.
pub(super) fn check(lower: &mut Lower) {
    let model = &lower.model;
    if model.submitters.is_empty() || model.services.len() + model.submitters.len() > MOST {
        return;
    }
    let services: Vec<Demand> =
        model.services.iter().map(|(ix, _)| of_service(model, ix)).collect();
    let demands: Vec<Demand> =
        model.submitters.iter().map(|(_, it)| of_submitter(model, it)).collect();
    let mut problems = Vec::new();
    for (ix, submitter) in model.submitters.iter() {
        let Some((table, name)) = submitter.name.split_once('.') else { continue };
        let Some(view) = lower.root().entry(table, name) else { continue };
        let own = &demands[ix.index()];
        let end = SimTime::ZERO + model.duration;
        if own.there.is_empty() || own.from >= end {
            continue;
        }
        let seconds = end.since(own.from).as_secs_f64();
        let mut room = Work::default();
        for &class in &own.there {
            let times = instances_of(model, class) as f64 * seconds;
            room.add(model.classes[class].registered, times);
        }
        let is_here = |it: &&Demand| {
            !it.there.is_empty() && it.there.iter().all(|it| own.there.binary_search(it).is_ok())
        };
        let mut others = Work::default();
        for it in services.iter().filter(is_here) {
            let whole = model.duration.as_secs_f64();
            others = others.plus(it.work.times(seconds / whole));
        }
        let is_other = |it: &(usize, &Demand)| it.0 != ix.index() && it.1.from >= own.from;
        for (_, it) in demands.iter().enumerate().filter(is_other).filter(|it| is_here(&it.1)) {
            others = others.plus(it.work);
        }
        let share = own.work.plus(others).over(room);
        // Where the others alone are too many, that is said of them.
        if share <= 1.0 || others.over(room) > 1.0 {
            continue;
        }
        let beside = match others.over(room) {
            0.0 => String::new(),
            _ => format!(", and what else runs there {}", others.on_average(seconds)),
        };
        let message = format!(
            "it cannot keep up: if its tasks started as they arrive, they would reserve {} on \
             average{beside}; the instances have {}",
            own.work.on_average(seconds),
            room.on_average(seconds)
        );
        let hint = format!(
            "take some {share:.1} times the instances, or start fewer, shorter or smaller tasks"
        );
        let key = if table == "job" { "trace" } else { "schedule" };
        problems.push(view.warning(Code::CannotKeepUp, key, message).hint(hint));
        let started = (1.0 - others.over(room)) / own.work.over(room);
        problems.extend(tries(model, &view, (submitter, own), (1.0 - started).max(0.0)));
    }
    lower.problems.extend(problems);
}

/// Warns of rows that wait and try again so often that the run is cut short.
fn tries(
    model: &Model,
    view: &View,
    (submitter, demand): (&Submitter, &Demand),
    waiting: f64,
) -> Option<Problem> {
    let WhenFull::Retry { max, .. } = submitter.when_full else { return None };
    let seconds = (SimTime::ZERO + model.duration).since(demand.from).as_secs_f64();
    // They come one by one, so that half of those that wait at the end do so on average.
    let tries = demand.rows as f64 * waiting / 2.0 * seconds / max.as_secs_f64().max(1e-6);
    let limit = model.limits.events;
    if tries <= limit as f64 {
        return None;
    }
    let message = format!(
        "its rows that find no room try again some {} times in all, and `limits.events` is {}: \
         the run will be cut short",
        number(tries as u64),
        number(limit)
    );
    let hint = "write `when_full = \"queue\"`, make `retry_max` longer, or raise `limits.events`";
    Some(view.warning(Code::TooManyTries, "when_full", message).hint(hint))
}

/// Lists the kinds of instance that a launch may choose from, if it may run nowhere else.
fn there(model: &Model, launch: Ix<Launch>) -> Vec<Ix<InstanceClass>> {
    let launch = &model.launches[launch];
    if !launch.providers.iter().all(|item| item.provider.uses_instances()) {
        return Vec::new();
    }
    model
        .classes
        .iter()
        .filter(|(_, class)| may_host(model, launch, class))
        .map(|(ix, _)| ix)
        .collect()
}

/// Returns what a service reserves at the least.
fn of_service(model: &Model, ix: Ix<Service>) -> Demand {
    let service = &model.services[ix];
    let count = match service.scheduling {
        Scheduling::Daemon => hosts(model, service.launch),
        Scheduling::Replica { desired_count } => {
            let later = model.actions.iter().filter_map(|(_, action)| match action {
                Action::SetDesiredCount { service, desired_count } if *service == ix => {
                    Some(u64::from(*desired_count))
                }
                Action::SetDesiredCount { .. }
                | Action::SetDesiredCapacity { .. }
                | Action::InsufficientCapacity(_)
                | Action::RegisterScalableTarget { .. }
                | Action::StartInstanceRefresh(_) => None,
            });
            let least = service.auto_scaling.as_ref().map_or(u32::MAX, |it| it.least());
            later.min().unwrap_or(u64::MAX).min(u64::from(desired_count.min(least)))
        }
    };
    let requirement = model.task_definitions[service.task_definition].requirement;
    let mut work = Work::default();
    let times = count as f64 * model.duration.as_secs_f64();
    work.add(model.requirements[requirement].resources, times);
    Demand { there: there(model, service.launch), from: SimTime::ZERO, rows: 0, work }
}

/// Returns what a schedule or job would reserve if its tasks started as they arrive.
fn of_submitter(model: &Model, submitter: &Submitter) -> Demand {
    let end = SimTime::ZERO + model.duration;
    let definition = &model.task_definitions[submitter.task_definition];
    let lasts = mean_run_time(definition);
    let (first, rows, work) = match &submitter.source {
        Source::Trace(trace) => {
            let rows = trace.arrival.len() as u64;
            (trace.arrival.first().copied(), rows, of_rows(model, trace, end, lasts))
        }
        Source::Schedule { schedule, calendar, count } => {
            let rows = firings(schedule, calendar, model.duration);
            let mut work = Work::default();
            let resources = model.requirements[definition.requirement].resources;
            work.add(resources, running(rows, model.duration, lasts) * f64::from(*count));
            (schedule.next_at_or_after(calendar, SimTime::ZERO), rows, work)
        }
    };
    Demand { there: there(model, submitter.launch), from: first.unwrap_or(end), rows, work }
}

fn of_rows(model: &Model, trace: &JobTrace, end: SimTime, mean: f64) -> Work {
    let mut work = Work::default();
    for row in 0..trace.arrival.partition_point(|at| *at < end) {
        let left = end.since(trace.arrival[row]).as_secs_f64();
        let lasts = trace.duration.get(row).map_or(mean, |span| span.as_secs_f64()).min(left);
        let resources = model.requirements[trace.requirement[row]].resources;
        work.add(resources, lasts * f64::from(trace.count[row]));
    }
    work
}

/// Returns the seconds that so many firings would run together, if they came evenly.
fn running(firings: u64, duration: Span, mean: f64) -> f64 {
    let end = duration.as_secs_f64();
    let lasts = mean.min(end);
    firings as f64 / end.max(1e-9) * (lasts * end - lasts * lasts / 2.0)
}

/// Returns how many seconds a task runs on average: until the first essential container ends.
fn mean_run_time(definition: &TaskDefinition) -> f64 {
    let essential = definition.containers.iter().filter(|it| it.essential);
    let means = essential.filter_map(|it| it.behaviour.run_time.as_ref()).map(|it| it.mean());
    means.fold(f64::INFINITY, f64::min)
}

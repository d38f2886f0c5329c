//! What is too much for one run: instances, tasks, events, series.

use std::collections::BTreeMap;

use crate::ecs::model::{Action, Scheduling, Service, Source};
use crate::engine::Ix;
use crate::record::{Buckets, Recorder};
use crate::units::{Bytes, Calendar, Schedule, SimTime, Span};

use super::super::Problem;
use super::super::problems::number;
use super::{Lower, launch};

/// Events that the shortest task makes: created, started, ended and two between.
const EVENTS_PER_TASK: u128 = 5;

/// Firings of a schedule that are counted one by one; beyond that the rest is estimated.
const FIRINGS_COUNTED: u64 = 1_000;

/// Memory of one bucket of one series: held, growing, and as a row of text at the end.
const BUCKET_BYTES: u64 = 256;

/// Memory of the histograms of one service or submitter.
const STATISTICS_BYTES: u64 = 64 << 10;

/// The least buckets that a series is worth anything with, if nothing says how many.
const LEAST_BUCKETS: u64 = 60;

/// Checks the model as a whole; returns how fine series can be.
pub(super) fn check(lower: &mut Lower) -> Buckets {
    tasks_at_once(lower);
    tasks_in_all(lower);
    series(lower)
}

/// Instances take memory from the beginning to the end of a run, and fleets have series.
///
/// Returns false if that is so much that all the rest is not worth looking at.
pub(super) fn instances(lower: &mut Lower) -> bool {
    let limit: u64 = lower.root().table("limits").get("instances");
    let mut total = 0;
    let fleets = [("container_instances", "count"), ("auto_scaling_group", "max_size")];
    let fleets = fleets.iter().flat_map(|(table, key)| {
        lower.root().entries(table).into_iter().map(move |(_, view)| (view, *key))
    });
    for (view, key) in fleets.collect::<Vec<_>>() {
        let scheduled = match key {
            "max_size" => view.entries("scheduled_action"),
            _ => Vec::new(),
        };
        let scheduled = scheduled.iter().filter_map(|(_, it)| it.find::<u64>("max_size"));
        let mut count = scheduled.fold(view.get::<u64>(key), u64::max);
        if key == "max_size"
            && let Some(pool) = view.child("warm_pool")
        {
            let prepared = pool.find::<u64>("max_group_prepared_capacity").unwrap_or(0);
            count = (count + pool.get::<u64>("min_size")).max(prepared);
        }
        total += count;
        if total > limit {
            let message = format!(
                "`{key}` is {}, which makes {} container instances in all",
                number(count),
                number(total)
            );
            let limit = number(limit);
            let hint = format!("`limits.instances` is {limit}: raise it if there is the memory");
            lower.problems.push(view.error(key, message).hint(hint));
            return false;
        }
    }
    let before = lower.problems.len();
    series(lower);
    lower.problems.len() == before
}

/// Says how many buckets series have, within the memory that they may take.
fn series(lower: &mut Lower) -> Buckets {
    let root = lower.root();
    let limit = root.table("limits").get::<Bytes>("record_memory").0;
    let owners = lower.model.services.len() + lower.model.submitters.len();
    let fixed = owners as u64 * STATISTICS_BYTES;
    let count = Recorder::series_counts(&lower.model).iter().sum::<usize>() as u64;
    let most = limit.saturating_sub(fixed) / (count.max(1) * BUCKET_BYTES);
    let usual = Buckets::of_run(lower.model.duration);
    let record = root.table("record");
    let Some(width) = record.find::<Span>("interval") else {
        if most < LEAST_BUCKETS {
            let problem = too_many_series(lower, (limit, fixed), count);
            lower.problems.push(problem);
        }
        // They double, and so must be able to.
        return Buckets { max: usual.max.min(most.max(2) as usize), ..usual };
    };
    let buckets = lower.model.duration.as_micros().div_ceil(width.as_micros().max(1)).max(2);
    if buckets > most {
        let memory = u128::from(buckets) * u128::from(count * BUCKET_BYTES) + u128::from(fixed);
        let memory = Bytes(u64::try_from(memory).unwrap_or(u64::MAX));
        let message = format!(
            "`interval` is {width}, which makes {} buckets of {} series: some {memory}",
            number(buckets),
            number(count),
        );
        let longer = lower.model.duration.as_micros().div_ceil(most.max(2));
        // Written with two units at most, so rounded up to a minute.
        let minutes = Span::micros(longer).as_micros().div_ceil(Span::MINUTE.as_micros());
        let problem = match most {
            0..2 => too_many_series(lower, (limit, fixed), count),
            _ => record.error("interval", message).hint(format!(
                "`limits.record_memory` is {}: raise it, or make `interval` {} or longer",
                Bytes(limit),
                Span::MINUTE * minutes
            )),
        };
        lower.problems.push(problem);
        return usual;
    }
    Buckets { width, max: buckets as usize }
}

/// Says what there is so much of that its series do not fit, and how to have less of it.
fn too_many_series(lower: &Lower, (limit, fixed): (u64, u64), count: u64) -> Problem {
    let model = &lower.model;
    let [clusters, fleets, services, submitters, ..] = Recorder::series_counts(model);
    let kinds = [
        (fleets, model.fleets.len(), "fleets", "write one [container_instances.…] with `count`"),
        (services, model.services.len(), "services", "write one [service.…] with `desired_count`"),
        (submitters, model.submitters.len(), "tasks and jobs", "write one table with `count`"),
        (clusters, model.clusters.len(), "clusters", "write one [cluster.…]"),
    ];
    let list = |it: &(usize, usize, &str, &str)| {
        format!("{} of {} ({})", number(it.0 as u64), it.2, number(it.1 as u64))
    };
    let named: Vec<String> = kinds.iter().filter(|it| it.1 > 0).map(list).collect();
    let least = fixed + count * BUCKET_BYTES * LEAST_BUCKETS;
    let statistics = match fixed {
        0 => String::new(),
        fixed => format!(", and statistics of {}", Bytes(fixed)),
    };
    let message = format!(
        "what is recorded takes {} at the least: {} series of {LEAST_BUCKETS} buckets, among them \
         {}{statistics}",
        Bytes(least),
        number(count),
        named.join(", "),
    );
    let mib = least.div_ceil(1 << 20);
    let mut hint =
        format!("`limits.record_memory` is {}: make it \"{mib} MiB\" or more", Bytes(limit));
    let most = kinds.iter().max_by_key(|it| it.0).filter(|it| it.1 > 1);
    if let Some((_, _, things, instead)) = most {
        hint += &format!("; or, for {things} that are alike, {instead}");
    }
    lower.root().table("limits").error("record_memory", message).hint(hint)
}

/// The most tasks that each service wants at one time.
pub(super) fn desired_most(lower: &Lower) -> BTreeMap<Ix<Service>, u64> {
    let mut most = BTreeMap::new();
    for (ix, service) in lower.model.services.iter() {
        let count = match service.scheduling {
            Scheduling::Replica { desired_count } => u64::from(desired_count),
            Scheduling::Daemon => launch::hosts(&lower.model, service.launch),
        };
        most.insert(ix, count);
    }
    for (_, action) in &lower.model.actions {
        let Action::SetDesiredCount { service, desired_count } = *action else { continue };
        let count = most.entry(service).or_default();
        *count = u64::from(desired_count).max(*count);
    }
    for (_, fallback) in lower.model.fallbacks.iter() {
        let count = most.get(&fallback.service).copied().unwrap_or_default();
        most.insert(fallback.standby, count);
    }
    most
}

fn tasks_at_once(lower: &mut Lower) {
    let limit = lower.model.limits.tasks;
    let mut total = 0;
    for (ix, count) in desired_most(lower) {
        total += count;
        if total <= limit {
            continue;
        }
        let service = &lower.model.services[ix];
        let view = lower.root().entry("service", &service.name);
        let view = view.expect("a service is made of its table");
        let (count, total) = (number(count), number(total));
        let (key, message) = match service.scheduling {
            Scheduling::Replica { .. } => (
                "desired_count",
                format!("`desired_count` goes up to {count}, which makes {total} tasks in all"),
            ),
            Scheduling::Daemon => (
                "scheduling_strategy",
                format!("a task on each of {count} instances makes {total} tasks in all"),
            ),
        };
        let hint = format!("`limits.tasks` is {}: raise it if there is the memory", number(limit));
        lower.problems.push(view.error(key, message).hint(hint));
        return;
    }
}

/// More tasks than the run may have events for would never come to an end.
fn tasks_in_all(lower: &mut Lower) {
    let limit = u128::from(lower.model.limits.events);
    let mut problems = Vec::new();
    let mut total = 0u128;
    for (_, submitter) in lower.model.submitters.iter() {
        let (kind, name) = submitter.name.split_once('.').expect("it has the name of its table");
        let view = lower.root().entry(kind, name).expect("a submitter is made of its table");
        let (key, tasks) = match &submitter.source {
            Source::Trace(trace) => {
                ("trace", trace.count.iter().map(|&count| u128::from(count)).sum::<u128>())
            }
            Source::Schedule { schedule, calendar, count } => {
                let times = firings(schedule, calendar, lower.model.duration);
                ("schedule", u128::from(times) * u128::from(*count))
            }
        };
        let before = total;
        total = total.saturating_add(tasks);
        // The one that is too much is named, and each that would be by itself.
        let is_last_straw = before.saturating_mul(EVENTS_PER_TASK) <= limit;
        let alone = tasks.saturating_mul(EVENTS_PER_TASK) > limit;
        if alone || (is_last_straw && total.saturating_mul(EVENTS_PER_TASK) > limit) {
            let tasks = match alone {
                true => number(tasks),
                false => format!("{}, in all {}", number(tasks), number(total)),
            };
            let message =
                format!("it starts about {tasks} tasks, of {EVENTS_PER_TASK} events or more each");
            let hint = format!(
                "`limits.events` is {}: raise it, shorten `duration`, or start fewer tasks",
                number(limit)
            );
            problems.push(view.error(key, message).hint(hint));
        }
    }
    lower.problems.extend(problems);
}

/// Returns about how often a schedule fires in the run.
pub(super) fn firings(schedule: &Schedule, calendar: &Calendar, duration: Span) -> u64 {
    let end = SimTime::ZERO + duration;
    let mut count = 0;
    let mut next = schedule.next_at_or_after(calendar, SimTime::ZERO);
    while let Some(at) = next.filter(|at| *at <= end) {
        count += 1;
        if count == FIRINGS_COUNTED && at > SimTime::ZERO {
            let share = duration.as_secs_f64() / at.as_secs_f64();
            return (FIRINGS_COUNTED as f64 * share) as u64;
        }
        next = schedule.next_after(calendar, at);
    }
    count
}

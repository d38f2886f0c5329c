//! Whoever calls RunTask: job traces and schedules, and what they do when nothing fits.
//!
//! ECS has no queue: RunTask starts what fits and refuses the rest. What happens to the rest is
//! the submitter's business.

use std::collections::VecDeque;

use crate::engine::{Id, Ix, Luck, Purpose};
use crate::units::{Calendar, Schedule, SimTime, Span};

use super::life::{self, NewTask};
use super::model::{FargateSize, Provider, Requirement, Source, StrategyItem, Submitter, WhenFull};
use super::placement::{self, Ask, Place};
use super::service::choose_provider;
use super::{AfterFailure, Cx, Event, Fact, Owner, PlacementFailure, World, rank};

const RETRY_JITTER: Purpose = Purpose::new("RunTask retry jitter");

/// Tasks that one call of RunTask can start. Source: ECS API, RunTask.
const TASKS_PER_CALL: u32 = 10;

/// What a submitter has done so far.
#[derive(Clone, Debug, Default)]
pub struct SubmitterState {
    next_row: u32,
    queue: VecDeque<Id<Submission>>,
    queue_pending: bool,
}

/// A row of a trace, or a firing of a schedule, of which some tasks are not launched yet.
#[derive(Clone, Debug)]
pub struct Submission {
    submitter: Ix<Submitter>,
    row: u32,
    arrived: SimTime,
    count: u32,
    launched: u32,
    attempts: u32,
    requirement: Ix<Requirement>,
    run_time: Option<Span>,
    fargate: Option<FargateSize>,
}

/// Schedules the first arrival of each submitter.
pub(super) fn begin(cx: &mut Cx, world: &mut World) {
    for ix in cx.model.submitters.indices() {
        schedule_arrival(cx, world, ix);
    }
}

/// Schedules the next arrival: a source holds one pending event.
fn schedule_arrival(cx: &mut Cx, world: &World, ix: Ix<Submitter>) {
    let row = world.submitters[ix].next_row as usize;
    let next = match &cx.model.submitters[ix].source {
        Source::Trace(trace) => trace.arrival.get(row).copied(),
        Source::Schedule { schedule, calendar, .. } => {
            next_firing(schedule, calendar, (row, cx.now()))
        }
    };
    // What arrives at the end could do nothing but begin.
    if let Some(at) = next.filter(|at| *at < SimTime::ZERO + cx.model.duration) {
        cx.at(at.max(cx.now()), rank::DEMAND, Event::Arrival(ix));
    }
}

/// A rate is due at the start of the run itself; whatever fired is due again later.
fn next_firing(
    schedule: &Schedule,
    calendar: &Calendar,
    (row, now): (usize, SimTime),
) -> Option<SimTime> {
    match row {
        0 => schedule.next_at_or_after(calendar, now),
        _ => schedule.next_after(calendar, now),
    }
}

/// A row arrives, or the schedule fires.
pub(super) fn on_arrival(cx: &mut Cx, world: &mut World, ix: Ix<Submitter>) {
    let row = world.submitters[ix].next_row;
    world.submitters[ix].next_row += 1;
    let spec = &cx.model.submitters[ix];
    let definition = &cx.model.task_definitions[spec.task_definition];
    let at = row as usize;
    let submission = match &spec.source {
        Source::Trace(trace) => {
            let requirement = trace.requirement[at];
            Submission {
                submitter: ix,
                row,
                arrived: cx.now(),
                count: trace.count[at],
                launched: 0,
                attempts: 0,
                requirement,
                run_time: trace.duration.get(at).copied(),
                fargate: trace.fargate.get(requirement.index()).copied().flatten(),
            }
        }
        Source::Schedule { count, .. } => Submission {
            submitter: ix,
            row,
            arrived: cx.now(),
            count: *count,
            launched: 0,
            attempts: 0,
            requirement: definition.requirement,
            run_time: None,
            fargate: definition.fargate,
        },
    };
    let count = submission.count;
    let id = world.submissions.insert(submission);
    cx.tell(world, Fact::Submitted { submitter: ix, row, count });
    schedule_arrival(cx, world, ix);
    if world.submitters[ix].queue.is_empty() {
        submit(cx, world, id);
    } else {
        world.submitters[ix].queue.push_back(id);
    }
}

/// A submission calls RunTask again.
pub(super) fn on_submit(cx: &mut Cx, world: &mut World, id: Id<Submission>) {
    if world.submissions.get(id).is_some() {
        submit(cx, world, id);
    }
}

/// Room has appeared somewhere: those who wait in a queue look again, after all that ends now.
pub(super) fn room_appeared(cx: &mut Cx, world: &mut World) {
    for ix in cx.model.submitters.indices() {
        let state = &mut world.submitters[ix];
        if !state.queue.is_empty() && !state.queue_pending {
            state.queue_pending = true;
            let now = cx.now();
            cx.at(now, rank::CONTROLLERS, Event::TryQueue(ix));
        }
    }
}

/// Tries the head of the queue, and those behind it as long as the head finds room.
pub(super) fn on_try_queue(cx: &mut Cx, world: &mut World, ix: Ix<Submitter>) {
    world.submitters[ix].queue_pending = false;
    while let Some(&head) = world.submitters[ix].queue.front() {
        match call_run_task(cx, world, head) {
            Outcome::Done => {
                world.submitters[ix].queue.pop_front();
            }
            Outcome::Wait(delay) => {
                world.submitters[ix].queue_pending = true;
                return cx.after(delay, rank::CONTROLLERS, Event::TryQueue(ix));
            }
            Outcome::NoRoom(..) => return, // asked again when room appears; nobody is told
        }
    }
}

fn submit(cx: &mut Cx, world: &mut World, id: Id<Submission>) {
    match call_run_task(cx, world, id) {
        Outcome::Done => {}
        Outcome::Wait(delay) => cx.after(delay, rank::DEMAND, Event::Submit(id)),
        Outcome::NoRoom(ask, why) => {
            let why = why.unwrap_or_else(|| placement::explain_often(cx.model, world, &ask));
            handle_refusal(cx, world, id, why);
        }
    }
}

/// What came of calling RunTask for what is left of a submission.
enum Outcome {
    /// All tasks are launched; the submission is gone.
    Done,
    /// A rate is used up; for so long.
    Wait(Span),
    /// What this asked for was not there; and why, where that can be seen only before the places
    /// held for others are given up.
    NoRoom(Ask, Option<PlacementFailure>),
}

/// Calls RunTask, ten tasks at a time, until all are launched or one is refused.
fn call_run_task(cx: &mut Cx, world: &mut World, id: Id<Submission>) -> Outcome {
    if cx.model.submitters[world.submissions[id].submitter].gang {
        return launch_all_or_none(cx, world, id);
    }
    loop {
        let submission = &world.submissions[id];
        let left = submission.count - submission.launched;
        if left == 0 {
            world.submissions.remove(id);
            return Outcome::Done;
        }
        if let Err(delay) = world.account.api_call(cx.now()) {
            return Outcome::Wait(delay);
        }
        for _ in 0..left.min(TASKS_PER_CALL) {
            let submission = &world.submissions[id];
            let ask = ask(cx, submission, submission.launched);
            let wait = world.account.fargate_launch_wait(ask.provider, cx.now());
            if !wait.is_zero() {
                return Outcome::Wait(wait);
            }
            match placement::choose(cx.model, world, &ask) {
                Some(place) => launch(cx, world, id, (ask, place)),
                None => return Outcome::NoRoom(ask, None),
            }
        }
    }
}

/// What the next task of the submission asks for.
///
/// Base and weight of a strategy count over the tasks of one submission (Assumption: the API says
/// "for each service" and nothing about RunTask).
fn ask(cx: &Cx, submission: &Submission, ordinal: u32) -> Ask {
    let spec = &cx.model.submitters[submission.submitter];
    let items = &cx.model.launches[spec.launch].providers;
    Ask {
        launch: spec.launch,
        requirement: submission.requirement,
        fargate: submission.fargate,
        provider: nth_provider(items, ordinal),
        luck: task_luck(cx, submission, ordinal),
    }
}

fn nth_provider(items: &[StrategyItem], ordinal: u32) -> Provider {
    if let [only] = items {
        return only.provider;
    }
    let counts = super::service::provider_targets(items, ordinal);
    choose_provider(items, &counts)
}

fn task_luck(cx: &Cx, submission: &Submission, ordinal: u32) -> Luck {
    let name = &cx.model.submitters[submission.submitter].name;
    cx.seed.luck(name).part(u64::from(submission.row)).part(u64::from(ordinal))
}

fn launch(cx: &mut Cx, world: &mut World, id: Id<Submission>, (ask, place): (Ask, Place)) {
    let submission = &mut world.submissions[id];
    let ordinal = submission.launched;
    submission.launched += 1;
    let spec = &cx.model.submitters[submission.submitter];
    let new = NewTask {
        owner: Owner::Submission { submitter: submission.submitter, row: submission.row, ordinal },
        task_definition: spec.task_definition,
        requirement: ask.requirement,
        launch: ask.launch,
        place,
        fargate: ask.fargate,
        run_time: submission.run_time,
        wanted: submission.arrived,
        luck: ask.luck,
    };
    life::launch(cx, world, &new);
}

/// Finds room for all tasks of a submission before it launches any.
///
/// The submitter's own doing: RunTask itself starts what fits. The calls are made at one instant.
fn launch_all_or_none(cx: &mut Cx, world: &mut World, id: Id<Submission>) -> Outcome {
    if let Err(delay) = world.account.api_call(cx.now()) {
        return Outcome::Wait(delay);
    }
    let submission = world.submissions[id].clone();
    let mut places = Vec::new();
    let mut refused = None;
    for ordinal in 0..submission.count {
        let ask = ask(cx, &submission, ordinal);
        match placement::choose(cx.model, world, &ask) {
            Some(place) => {
                placement::reserve(cx.model, world, &ask, place);
                places.push((ask, place));
            }
            None => {
                refused = Some((ask, placement::explain_often(cx.model, world, &ask)));
                break;
            }
        }
    }
    for (ask, place) in &places {
        placement::cancel(cx.model, world, ask, *place);
    }
    if let Some((ask, failure)) = refused {
        return Outcome::NoRoom(ask, Some(failure));
    }
    for chosen in places {
        launch(cx, world, id, chosen);
    }
    world.submissions.remove(id);
    Outcome::Done
}

fn handle_refusal(cx: &mut Cx, world: &mut World, id: Id<Submission>, failure: PlacementFailure) {
    let submission = &mut world.submissions[id];
    let (submitter, row) = (submission.submitter, submission.row);
    let missing = submission.count - submission.launched;
    let attempt = submission.attempts;
    submission.attempts += 1;
    let then = match cx.model.submitters[submitter].when_full {
        WhenFull::Retry { initial, max } => {
            let pause = initial.saturating_mul(1u64.checked_shl(attempt).unwrap_or(u64::MAX));
            let luck = task_luck(cx, submission, submission.launched).part(u64::from(attempt));
            // Between half the pause and all of it, so that those refused together come apart.
            let factor = 0.5 + 0.5 * luck.unit(RETRY_JITTER);
            AfterFailure::RetryIn(Span::from_secs_f64(pause.min(max).as_secs_f64() * factor))
        }
        WhenFull::Fail => AfterFailure::GivesUp,
        WhenFull::Queue => AfterFailure::Waits,
    };
    cx.tell(world, Fact::RunTaskFailed { submitter, row, missing, failure, then });
    match then {
        AfterFailure::RetryIn(delay) => cx.after(delay, rank::DEMAND, Event::Submit(id)),
        AfterFailure::Waits => world.submitters[submitter].queue.push_back(id),
        AfterFailure::GivesUp => {
            world.submissions.remove(id);
        }
    }
}

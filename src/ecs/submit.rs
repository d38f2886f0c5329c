//! Whoever calls RunTask: job traces and schedules, and what they do when nothing fits.
//!
//! ECS has no queue: RunTask starts what fits and refuses the rest. What happens to the rest is
//! the submitter's business.

use std::collections::VecDeque;

use crate::engine::{Id, Ix, Luck, Purpose, Seed};
use crate::units::{Calendar, Schedule, SimTime, Span};

use super::life::{self, NewTask};
use super::model::{
    FargateSize, Model, PlacementConstraint, Requirement, Source, Submitter, WhenFull,
};
use super::placement::{self, Ask, Place};
use super::service::{Counts, choose_provider};
use super::{
    AfterFailure, Cx, Event, Fact, Owner, PlacementFailure, Task, World, provisioning, rank,
};

const RETRY_JITTER: Purpose = Purpose::new("RunTask retry jitter");

/// Tasks that one call of RunTask can start. Source: ECS API, RunTask.
const TASKS_PER_CALL: u32 = 10;

/// Calls that one event stands for: a row of many tasks takes several, so that the bounds of the
/// run, and whoever wants to end it, are asked between them.
const CALLS_PER_EVENT: u32 = 100;

/// What a submitter has done so far.
#[derive(Clone, Debug)]
pub struct SubmitterState {
    luck: Luck,
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
    /// How many of them are of which item of the capacity provider strategy.
    by_item: Counts,
    attempt: Attempt,
    attempts: u32,
    requirement: Ix<Requirement>,
    run_time: Option<Span>,
    fargate: Option<FargateSize>,
}

/// The calls for what is left of a submission, made until each task of it is launched or refused.
#[derive(Clone, Debug)]
struct Attempt {
    /// Tasks refused so far, by item of the strategy.
    refused: Counts,
    /// Why the first of them was.
    failure: Option<PlacementFailure>,
}

impl Attempt {
    fn new(items: usize) -> Attempt {
        Attempt { refused: Counts::from_elem(0, items), failure: None }
    }
}

impl Submission {
    /// Returns how many tasks are neither launched nor refused yet.
    fn left(&self) -> u32 {
        self.count - self.launched - self.attempt.refused.iter().sum::<u32>()
    }
}

impl World {
    /// Goes through what was submitted and has no place yet: by whom, since when, how many.
    pub fn waiting(&self) -> impl Iterator<Item = (Ix<Submitter>, SimTime, u32)> {
        let left = |it: &Submission| (it.submitter, it.arrived, it.count - it.launched);
        let refused = self.submissions.iter().map(move |(_, it)| left(it));
        let waits = |task: &Task| match task.owner {
            Owner::Submission { submitter, .. } => Some((submitter, task.times.wanted, 1)),
            Owner::Service { .. } => None,
        };
        let tasks = self.provisioning.iter().flat_map(|(_, waiting)| waiting.tasks());
        refused.chain(tasks.filter_map(move |task| waits(&self.tasks[task])))
    }
}

impl SubmitterState {
    /// Makes the state of a submitter that has not begun.
    pub(super) fn new(spec: &Submitter, seed: Seed) -> SubmitterState {
        SubmitterState {
            luck: seed.luck(&spec.name),
            next_row: 0,
            queue: VecDeque::new(),
            queue_pending: false,
        }
    }
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
    let (count, requirement, run_time, fargate) = match &spec.source {
        Source::Trace(trace) => {
            let requirement = trace.requirement[at];
            let fargate = trace.fargate.get(requirement.index()).copied().flatten();
            (trace.count[at], requirement, trace.duration.get(at).copied(), fargate)
        }
        Source::Schedule { count, .. } => {
            (*count, definition.requirement, None, definition.fargate)
        }
    };
    let items = cx.model.launches[spec.launch].providers.len();
    let id = world.submissions.insert(Submission {
        submitter: ix,
        row,
        arrived: cx.now(),
        count,
        launched: 0,
        by_item: Counts::from_elem(0, items),
        attempt: Attempt::new(items),
        attempts: 0,
        requirement,
        run_time,
        fargate,
    });
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
        look_again(cx, world, ix);
    }
}

fn look_again(cx: &mut Cx, world: &mut World, ix: Ix<Submitter>) {
    let state = &mut world.submitters[ix];
    if !state.queue.is_empty() && !state.queue_pending {
        state.queue_pending = true;
        let now = cx.now();
        cx.at(now, rank::CONTROLLERS, Event::TryQueue(ix));
    }
}

/// Tasks have come or gone somewhere: a constraint that asks about tasks may hold now.
pub(super) fn tasks_changed(cx: &mut Cx, world: &mut World) {
    for at in 0..world.watchers.len() {
        let ix = world.watchers[at];
        look_again(cx, world, ix);
    }
}

/// Returns the submitters whose queue may move because of where tasks are, and not of room alone.
pub(super) fn watchers(model: &Model) -> Vec<Ix<Submitter>> {
    let watches = |submitter: &Submitter| {
        let constraints = &model.launches[submitter.launch].constraints;
        submitter.when_full == WhenFull::Queue
            && constraints.iter().any(|constraint| match constraint {
                PlacementConstraint::DistinctInstance => true,
                PlacementConstraint::MemberOf(query) => query.depends_on_tasks(),
            })
    };
    model.submitters.iter().filter(|(_, it)| watches(it)).map(|(ix, _)| ix).collect()
}

/// Tries the head of the queue, and those behind it as long as the head finds room.
pub(super) fn on_try_queue(cx: &mut Cx, world: &mut World, ix: Ix<Submitter>) {
    world.submitters[ix].queue_pending = false;
    while let Some(&head) = world.submitters[ix].queue.front() {
        match call_run_task(cx, world, head) {
            Outcome::Done => {
                world.submitters[ix].queue.pop_front();
            }
            Outcome::Wait(delay) => return try_queue_after(cx, world, ix, delay),
            Outcome::NoRoom => {
                // Asked again when room appears.
                return tell_refusal(cx, world, head, AfterFailure::Waits);
            }
        }
    }
}

fn try_queue_after(cx: &mut Cx, world: &mut World, ix: Ix<Submitter>, delay: Span) {
    world.submitters[ix].queue_pending = true;
    cx.after(delay, rank::CONTROLLERS, Event::TryQueue(ix));
}

fn submit(cx: &mut Cx, world: &mut World, id: Id<Submission>) {
    let ix = world.submissions[id].submitter;
    match call_run_task(cx, world, id) {
        Outcome::Done => {}
        // First in, first out: those who come later wait behind it.
        Outcome::Wait(delay) if cx.model.submitters[ix].when_full == WhenFull::Queue => {
            world.submitters[ix].queue.push_back(id);
            try_queue_after(cx, world, ix, delay);
        }
        Outcome::Wait(delay) => cx.after(delay, rank::DEMAND, Event::Submit(id)),
        Outcome::NoRoom => handle_refusal(cx, world, id),
    }
}

/// What came of calling RunTask for what is left of a submission.
enum Outcome {
    /// All tasks are launched; the submission is gone.
    Done,
    /// A rate is used up, or there is more to do than fits in one event; for so long.
    Wait(Span),
    /// Tasks were refused, and the rest is launched; the attempt says why.
    NoRoom,
}

/// Calls RunTask, ten tasks at a time, until each task is launched or refused.
///
/// A task that its capacity provider has no room for is refused; others of the call, which the
/// strategy gave to other providers, start. Source: ECS API, RunTask, `failures`.
fn call_run_task(cx: &mut Cx, world: &mut World, id: Id<Submission>) -> Outcome {
    if cx.model.submitters[world.submissions[id].submitter].gang {
        return launch_all_or_none(cx, world, id);
    }
    for _ in 0..CALLS_PER_EVENT {
        let submission = &world.submissions[id];
        if submission.launched == submission.count {
            world.submissions.remove(id);
            return Outcome::Done;
        }
        if submission.left() == 0 {
            return Outcome::NoRoom;
        }
        if let Err(wait) = calls(cx, world, id, 1) {
            return Outcome::Wait(wait);
        }
        for _ in 0..TASKS_PER_CALL {
            if world.submissions[id].left() == 0 {
                break;
            }
            if let Err(wait) = start_one(cx, world, id) {
                return Outcome::Wait(wait);
            }
        }
    }
    Outcome::Wait(Span::ZERO)
}

/// Takes so many calls of RunTask from the account's rates, or says how long to wait.
fn calls(cx: &Cx, world: &mut World, id: Id<Submission>, number: u32) -> Result<(), Span> {
    let launch = &cx.model.launches[cx.model.submitters[world.submissions[id].submitter].launch];
    let on_fargate = launch.providers.iter().any(|item| !item.provider.uses_instances());
    world.account.run_task_calls(cx.now(), on_fargate, number)
}

/// Starts the next task of the submission or notes its refusal; or says how long to wait.
fn start_one(cx: &mut Cx, world: &mut World, id: Id<Submission>) -> Result<(), Span> {
    let submission = &world.submissions[id];
    let spec = &cx.model.submitters[submission.submitter];
    let providers = &cx.model.launches[spec.launch].providers;
    let refused = &submission.attempt.refused;
    let asked: Counts = submission
        .by_item
        .iter()
        .zip(refused)
        .map(|(launched, refused)| launched + refused)
        .collect();
    let item = choose_provider(providers, &asked);
    if refused[item] > 0 {
        // Like the one before it on this provider.
        world.submissions[id].attempt.refused[item] += 1;
        return Ok(());
    }
    let ask = ask(cx, world, (submission, submission.launched), item);
    let wait = world.account.fargate_launch_wait(ask.provider, cx.now());
    if !wait.is_zero() {
        return Err(wait);
    }
    let place = placement::choose(cx.model, world, &ask);
    if place.is_some() || provisioning::may_wait(cx, world, (ask.launch, ask.item)) {
        launch(cx, world, id, (ask, place));
        return Ok(());
    }
    let submission = &world.submissions[id];
    let is_first = submission.attempt.failure.is_none() && is_told(cx, submission);
    let failure = is_first.then(|| {
        provisioning::refusal(cx, &ask)
            .unwrap_or_else(|| placement::explain_often(cx.model, world, &ask))
    });
    let submission = &mut world.submissions[id];
    submission.attempt.failure = submission.attempt.failure.or(failure);
    submission.attempt.refused[item] = match providers.len() {
        // All that are left are refused like this one.
        1 => submission.count - submission.launched,
        _ => 1,
    };
    Ok(())
}

/// What a task of the submission asks for.
///
/// Base and weight of a strategy count over the tasks of one submission (Assumption: the API says
/// "for each service" and nothing about RunTask).
fn ask(cx: &Cx, world: &World, (submission, ordinal): (&Submission, u32), item: usize) -> Ask {
    let launch = cx.model.submitters[submission.submitter].launch;
    Ask {
        launch,
        requirement: submission.requirement,
        fargate: submission.fargate,
        item: item as u8,
        provider: cx.model.launches[launch].providers[item].provider,
        luck: task_luck(world, submission, ordinal),
    }
}

fn task_luck(world: &World, submission: &Submission, ordinal: u32) -> Luck {
    let luck = world.submitters[submission.submitter].luck;
    luck.part(u64::from(submission.row)).part(u64::from(ordinal))
}

fn launch(cx: &mut Cx, world: &mut World, id: Id<Submission>, (ask, place): (Ask, Option<Place>)) {
    let submission = &mut world.submissions[id];
    let ordinal = submission.launched;
    submission.launched += 1;
    submission.by_item[usize::from(ask.item)] += 1;
    let spec = &cx.model.submitters[submission.submitter];
    let new = NewTask {
        owner: Owner::Submission { submitter: submission.submitter, row: submission.row, ordinal },
        task_definition: spec.task_definition,
        requirement: ask.requirement,
        launch: ask.launch,
        item: ask.item,
        provider: ask.provider,
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
/// The submitter's own doing: RunTask itself starts what fits. The calls are made at one instant;
/// what they take from the rates beyond what is there, later calls wait for.
fn launch_all_or_none(cx: &mut Cx, world: &mut World, id: Id<Submission>) -> Outcome {
    let count = world.submissions[id].count;
    if let Err(wait) = calls(cx, world, id, count.div_ceil(TASKS_PER_CALL)) {
        return Outcome::Wait(wait);
    }
    let submission = world.submissions[id].clone();
    let spec = &cx.model.submitters[submission.submitter];
    let providers = &cx.model.launches[spec.launch].providers;
    let mut by_item = Counts::from_elem(0, providers.len());
    let mut places = Vec::new();
    let mut refused = None;
    for ordinal in 0..count {
        let item = choose_provider(providers, &by_item);
        by_item[item] += 1;
        let ask = ask(cx, world, (&submission, ordinal), item);
        match placement::choose(cx.model, world, &ask) {
            Some(place) => {
                placement::reserve(cx.model, world, &ask, place);
                places.push((ask, place));
            }
            None => {
                let failure = || placement::explain_often(cx.model, world, &ask);
                refused = Some(is_told(cx, &submission).then(failure));
                break;
            }
        }
    }
    for (ask, place) in &places {
        placement::cancel(cx.model, world, ask, *place);
    }
    if let Some(failure) = refused {
        world.submissions[id].attempt.failure = failure;
        return Outcome::NoRoom;
    }
    for (ask, place) in places {
        launch(cx, world, id, (ask, Some(place)));
    }
    world.submissions.remove(id);
    Outcome::Done
}

/// Ends an attempt in which tasks were refused: tells why, and does what the submitter does then.
fn handle_refusal(cx: &mut Cx, world: &mut World, id: Id<Submission>) {
    let submission = &world.submissions[id];
    let (submitter, attempt) = (submission.submitter, submission.attempts);
    let then = match cx.model.submitters[submitter].when_full {
        WhenFull::Retry { initial, max } => {
            let pause = initial.saturating_mul(1u64.checked_shl(attempt).unwrap_or(u64::MAX));
            let luck = task_luck(world, submission, submission.launched).part(u64::from(attempt));
            // Between half the pause and all of it, so that those refused together come apart.
            let factor = 0.5 + 0.5 * luck.unit(RETRY_JITTER);
            AfterFailure::RetryIn(Span::from_secs_f64(pause.min(max).as_secs_f64() * factor))
        }
        WhenFull::Fail => AfterFailure::GivesUp,
        WhenFull::Queue => AfterFailure::Waits,
    };
    tell_refusal(cx, world, id, then);
    match then {
        AfterFailure::RetryIn(delay) => cx.after(delay, rank::DEMAND, Event::Submit(id)),
        AfterFailure::Waits => world.submitters[submitter].queue.push_back(id),
        AfterFailure::GivesUp => {
            world.submissions.remove(id);
        }
    }
}

/// Says whether anybody wants to know of a refusal: of one in the submitter's queue, the first.
fn is_told(cx: &Cx, submission: &Submission) -> bool {
    submission.attempts == 0
        || cx.model.submitters[submission.submitter].when_full != WhenFull::Queue
}

/// Ends an attempt in which tasks were refused.
fn tell_refusal(cx: &mut Cx, world: &mut World, id: Id<Submission>, then: AfterFailure) {
    let submission = &mut world.submissions[id];
    let nothing = Attempt::new(submission.by_item.len());
    let attempt = std::mem::replace(&mut submission.attempt, nothing);
    submission.attempts += 1;
    let (submitter, row) = (submission.submitter, submission.row);
    let missing = submission.count - submission.launched;
    if let Some(failure) = attempt.failure {
        cx.tell(world, Fact::RunTaskFailed { submitter, row, missing, failure, then });
    }
}

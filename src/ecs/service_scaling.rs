//! Application Auto Scaling of services at work: alarms are looked at, and what is in ALARM acts,
//! again each minute as long as it is.
//!
//! The rules are in `scaling/`; here they see the metrics that are published, and act on the
//! service. Source: Amazon CloudWatch User Guide, "Alarm evaluation": once a minute, every 10 s
//! where periods are shorter; and "Alarm actions": those of Auto Scaling are repeated every minute.

use crate::engine::{Ix, Luck, Purpose};
use crate::units::{SimTime, Span};

use super::model::{Action, Service};
use super::scaling::alarm::{AlarmState, MetricValue};
use super::scaling::predictive::{self, Mode, Predictive};
use super::scaling::schedule::Bounded;
use super::scaling::service::{
    self as rule, Asked, Capacity, Cooling, NotScaled, Policy, PolicyKind, ScalableTarget, Side,
    Suspended,
};
use super::service_metric::{self, Which};
use super::{Cx, Event, Fact, ScalingEvent, ScalingStep, World, rank, service};

const PHASE: Purpose = Purpose::new("phase of the evaluation of alarms");
const DELAY: Purpose = Purpose::new("scheduled action delay");

/// Between two looks at alarms whose periods are shorter than a minute.
const FAST: Span = Span::secs(10);

/// What a scalable target is now, and what its policies remember.
#[derive(Clone, Debug)]
pub(super) struct TargetState {
    min_capacity: u32,
    max_capacity: u32,
    suspended: Suspended,
    cooling: Cooling,
    policies: Vec<PolicyState>,
}

#[derive(Clone, Debug, Default)]
struct PolicyState {
    /// Its alarms: the first, and that of target tracking for scaling in.
    alarms: [AlarmState; 2],
    /// When they were looked at next, and when they act again.
    looks_at: SimTime,
    acts_at: [SimTime; 2],
    /// Until when its metric was told.
    told_until: SimTime,
    /// Why it does not scale, as far as that was told.
    told: Option<&'static str>,
    /// Of predictive scaling: tasks for the coming hours, the first of them from when on.
    forecast: Vec<u32>,
    from: SimTime,
    /// What is due of it now.
    due: u32,
    /// What a policy of the user's own keeps.
    memory: Vec<f64>,
}

/// Data points of an alarm, the newest last.
type Points = Vec<Option<MetricValue>>;

/// What there is to be done about a policy at a look.
#[derive(Clone, Debug, Default)]
struct Look {
    /// What its alarms have looked at that are in ALARM and act now.
    acts: [Option<Points>; 2],
    /// Whether that for scaling in is in ALARM, or there is none.
    is_ready: bool,
}

impl TargetState {
    pub(super) fn boxed(spec: &ScalableTarget) -> Box<TargetState> {
        Box::new(TargetState {
            min_capacity: spec.min_capacity,
            max_capacity: spec.max_capacity,
            suspended: spec.suspended,
            cooling: Cooling::default(),
            policies: vec![PolicyState::default(); spec.policies.len()],
        })
    }

    fn bounds(&self) -> (u32, u32) {
        (self.min_capacity, self.max_capacity)
    }
}

fn spec<'a>(cx: &Cx<'a>, ix: Ix<Service>) -> Option<&'a ScalableTarget> {
    cx.model.services[ix].auto_scaling.as_deref()
}

fn luck(cx: &Cx, ix: Ix<Service>) -> Luck {
    cx.seed.luck("auto scaling of a service").named(&cx.model.services[ix].name)
}

/// How long after the end of a period a policy sees it, and how often it looks.
fn timing(cx: &Cx, policy: &Policy) -> (Span, Span) {
    let timing = &cx.model.timing;
    let (publication, every) = match policy.watch.period < Span::MINUTE {
        true => (timing.high_resolution_metric_delay, FAST),
        false => (timing.metric_delay, Span::MINUTE),
    };
    (publication.saturating_add(timing.alarm_delay), every)
}

/// Services are registered; alarms are looked at from now on, and scheduled actions wait.
pub(super) fn begin(cx: &mut Cx, world: &mut World) {
    for ix in cx.model.services.indices() {
        let Some(target) = spec(cx, ix) else { continue };
        let min_capacity = Some(target.min_capacity);
        let desired = world.services[ix].desired();
        if !(target.min_capacity..=target.max_capacity).contains(&desired) {
            let max_capacity = Some(target.max_capacity);
            let suspended = None;
            let service = ix;
            let again =
                Action::RegisterScalableTarget { service, min_capacity, max_capacity, suspended };
            register(cx, world, again);
        }
        for (position, policy) in (0..).zip(&target.policies) {
            if let PolicyKind::Predictive(_) = policy.kind {
                cx.at(
                    SimTime::ZERO,
                    rank::CONTROLLERS,
                    Event::ServiceScaling(ix, ScalingStep::Forecast(position)),
                );
            }
        }
        let looks = |it: &&Policy| !matches!(it.kind, PolicyKind::Predictive(_));
        let shortest = target.policies.iter().filter(looks).map(|it| timing(cx, it).1).min();
        if let Some(every) = shortest {
            let phase = Span::from_secs_f64(every.as_secs_f64() * luck(cx, ix).unit(PHASE));
            cx.after(phase, rank::CONTROLLERS, Event::ServiceScaling(ix, ScalingStep::Look));
        }
        for position in 0..target.scheduled_actions.len() {
            wait(cx, (ix, position as u16), SimTime::ZERO);
        }
    }
}

/// It goes on with a service.
pub(super) fn on_step(cx: &mut Cx, world: &mut World, service: Ix<Service>, step: ScalingStep) {
    match step {
        ScalingStep::Look => on_look(cx, world, service),
        ScalingStep::Scheduled(position) => on_scheduled(cx, world, (service, position)),
        ScalingStep::Late(position) => execute(cx, world, (service, position)),
        ScalingStep::Forecast(position) => on_forecast(cx, world, (service, position)),
        ScalingStep::ForecastDue(position) => on_forecast_due(cx, world, (service, position)),
    }
}

/// Alarms of a service are looked at, and what they lead to is done.
fn on_look(cx: &mut Cx, world: &mut World, ix: Ix<Service>) {
    let Some(target) = spec(cx, ix) else { return };
    let every = target.policies.iter().map(|it| timing(cx, it).1).min().unwrap_or(Span::MINUTE);
    cx.after(every, rank::CONTROLLERS, Event::ServiceScaling(ix, ScalingStep::Look));
    let now = capacity(cx, world, ix);
    let mut looks = Vec::new();
    for position in 0..target.policies.len() as u16 {
        looks.push(look(cx, world, (ix, position), &now));
    }
    let all_ready = looks.iter().all(|it| it.is_ready);
    let mut asked: Vec<Option<(Side, Points, Asked)>> = Vec::new();
    for (position, (policy, look)) in target.policies.iter().zip(looks).enumerate() {
        asked.push(match look.acts {
            _ if matches!(policy.kind, PolicyKind::Own(_)) => {
                ask_own(cx, world, (ix, position as u16), &now)
            }
            [Some(points), _] => {
                let asked = policy.propose(Side::First, &points, &now);
                Some((Side::First, points, asked))
            }
            [None, Some(points)] if !all_ready => {
                let waits = Asked { is_out: false, result: Err(NotScaled::OthersNotReady) };
                Some((Side::Low, points, waits))
            }
            [None, Some(points)] => {
                let asked = policy.propose(Side::Low, &points, &now);
                Some((Side::Low, points, asked))
            }
            [None, None] => None,
        });
    }
    act(cx, world, ix, &asked);
}

/// What policies see of a service.
fn capacity(cx: &Cx, world: &World, ix: Ix<Service>) -> Capacity {
    let (at, desired) = (cx.now(), world.services[ix].desired());
    let state = world.service_scaling[ix].as_deref();
    let (min_capacity, max_capacity) = state.map_or((0, u32::MAX), TargetState::bounds);
    Capacity {
        at,
        running: service_metric::running(world, ix),
        desired,
        min_capacity,
        max_capacity,
        forecast: state.map_or(0, |it| it.policies.iter().map(|it| it.due).max().unwrap_or(0)),
        // Until there are deployments.
        deployment_in_progress: false,
        suspended: state.map_or(Suspended::default(), |it| it.suspended),
        cooling: state.map_or(Cooling::default(), |it| it.cooling),
    }
}

/// Evaluates a policy's alarms, if it is time to.
fn look(cx: &mut Cx, world: &mut World, which: Which, now: &Capacity) -> Look {
    let (ix, position) = (which.0, usize::from(which.1));
    let quiet = Look { is_ready: true, ..Look::default() };
    let Some(policy) = spec(cx, ix).map(|it| &it.policies[position]) else { return quiet };
    let (late, every) = timing(cx, policy);
    let Some(until) = cx.now().as_micros().checked_sub(late.as_micros()) else { return quiet };
    let until = SimTime::from_micros(until);
    let has_low = policy.alarm(Side::Low).is_some();
    let state = match world.service_scaling[ix].as_deref_mut() {
        Some(state) => &mut state.policies[position],
        None => return quiet,
    };
    let low_is_ready = !has_low || state.alarms[1] == AlarmState::Alarm;
    if cx.now() < state.looks_at {
        return Look { is_ready: low_is_ready, ..Look::default() };
    }
    state.looks_at = cx.now().saturating_add(every);
    let latest = tell_metric(cx, world, which, until);
    let mut look = Look::default();
    for (place, side) in [Side::First, Side::Low].into_iter().enumerate() {
        look.acts[place] = evaluate(cx, world, (which, side), until);
    }
    if look.acts[0].is_none() && policy.wakes(latest, now) {
        look.acts[0] = Some(vec![latest]);
    }
    let state = world.service_scaling[ix].as_deref();
    let low = state.map(|it| it.policies[position].alarms[1]);
    look.is_ready = !has_low || low == Some(AlarmState::Alarm);
    look
}

/// Tells what a policy watches was in the last period that was published.
fn tell_metric(
    cx: &mut Cx,
    world: &mut World,
    which: Which,
    until: SimTime,
) -> Option<MetricValue> {
    let (ended, value) = service_metric::latest(cx, world, which, until)?;
    let (service, policy) = which;
    let state = &mut world.service_scaling[service].as_deref_mut()?.policies[usize::from(policy)];
    if state.told_until < ended {
        state.told_until = ended;
        let event = ScalingEvent::Metric { policy, value };
        cx.tell(world, Fact::ServiceScaling { service, event });
    }
    value
}

/// Evaluates an alarm; returns what it has looked at if it is in ALARM and acts now.
fn evaluate(
    cx: &mut Cx,
    world: &mut World,
    (which, side): (Which, Side),
    until: SimTime,
) -> Option<Points> {
    let (service, policy) = which;
    let alarm = spec(cx, service)?.policies[usize::from(policy)].alarm(side)?;
    let points = service_metric::data_points(cx, world, which, (alarm, until));
    let now = cx.now();
    let state = &mut world.service_scaling[service].as_deref_mut()?.policies[usize::from(policy)];
    let place = usize::from(side == Side::Low);
    let is = alarm.evaluate(state.alarms[place], &points);
    let was = std::mem::replace(&mut state.alarms[place], is);
    let acts = is == AlarmState::Alarm && (was != is || state.acts_at[place] <= now);
    if acts {
        state.acts_at[place] = now.saturating_add(Span::MINUTE);
    }
    if was != is {
        let points = last(&points);
        let event = ScalingEvent::Alarm { policy, side, state: is, points };
        cx.tell(world, Fact::ServiceScaling { service, event });
    }
    acts.then_some(points)
}

/// Returns the last three data points.
fn last(points: &[Option<MetricValue>]) -> [Option<MetricValue>; 3] {
    let mut last = [None; 3];
    for (to, from) in last.iter_mut().rev().zip(points.iter().rev()) {
        *to = *from;
    }
    last
}

/// Asks a policy of the user's own.
fn ask_own(
    cx: &Cx,
    world: &mut World,
    which: Which,
    now: &Capacity,
) -> Option<(Side, Points, Asked)> {
    let (ix, position) = (which.0, usize::from(which.1));
    let policy = &spec(cx, ix)?.policies[position];
    let points = service_metric::past(cx, world, which);
    let state = &mut world.service_scaling[ix].as_deref_mut()?.policies[position];
    let asked = policy.own((&points, &mut state.memory), now)?;
    Some((Side::First, points, asked))
}

/// Does what the policy asks for that holds, and tells why the others do nothing.
fn act(cx: &mut Cx, world: &mut World, ix: Ix<Service>, asked: &[Option<(Side, Points, Asked)>]) {
    let only: Vec<Option<Asked>> = asked.iter().map(|it| it.as_ref().map(|it| it.2)).collect();
    let chosen = rule::choose(&only);
    for (position, asked) in asked.iter().enumerate() {
        let why = match asked.as_ref().map(|it| it.2.result) {
            Some(Err(why)) => Some(why),
            Some(Ok(it)) if chosen != Some(position) => Some(NotScaled::Outvoted(it)),
            Some(Ok(_)) | None => None,
        };
        let Some(state) = world.service_scaling[ix].as_deref_mut() else { return };
        let state = &mut state.policies[position];
        let is_quiet = asked.is_none() && state.alarms.contains(&AlarmState::Alarm);
        if is_quiet {
            continue; // it acts again within a minute
        }
        let code = why.map(|it| it.code());
        let is_new = std::mem::replace(&mut state.told, code) != code;
        if let (Some((side, points, _)), Some(why), true) = (asked, why, is_new) {
            let (policy, points) = (position as u16, last(points));
            let event = ScalingEvent::NotScaled { policy, side: *side, points, why };
            cx.tell(world, Fact::ServiceScaling { service: ix, event });
        }
    }
    let Some((position, (side, points, asked))) =
        chosen.and_then(|at| Some((at, asked[at].as_ref()?)))
    else {
        return;
    };
    let (Ok(proposal), Some(target)) = (asked.result, spec(cx, ix)) else { return };
    let from = world.services[ix].desired();
    let Some(state) = world.service_scaling[ix].as_deref_mut() else { return };
    let policy = &target.policies[position];
    state.cooling = state.cooling.after(policy, &proposal, (cx.now(), asked.is_out));
    let cooldown = match asked.is_out {
        true => state.cooling.going_on(cx.now()).map(|it| it.until),
        false => Some(state.cooling.in_until).filter(|it| *it > cx.now()),
    };
    let (policy, side, points) = (position as u16, *side, last(points));
    let event = ScalingEvent::Scaled { policy, side, points, from, proposal, cooldown };
    cx.tell(world, Fact::ServiceScaling { service: ix, event });
    service::set_desired_count(cx, world, ix, proposal.to);
}

fn wait(cx: &mut Cx, which: Which, from: SimTime) {
    let action = spec(cx, which.0).map(|it| &it.scheduled_actions[usize::from(which.1)]);
    if let Some(at) = action.and_then(|it| it.next_at_or_after(from)) {
        cx.at(at, rank::DEMAND, Event::ServiceScaling(which.0, ScalingStep::Scheduled(which.1)));
    }
}

/// A scheduled action falls due: it is executed a little later, and waits for its next time.
///
/// While scheduled scaling is suspended it is not, and not made up for.
fn on_scheduled(cx: &mut Cx, world: &mut World, which: Which) {
    let now = cx.now();
    wait(cx, which, now.saturating_add(Span::micros(1)));
    let (service, position) = which;
    let (Some(target), Some(state)) = (spec(cx, service), &world.service_scaling[service]) else {
        return;
    };
    if state.suspended.scheduled {
        let event = ScalingEvent::ScheduledSuspended { action: position };
        return cx.tell(world, Fact::ServiceScaling { service, event });
    }
    let name = &target.scheduled_actions[usize::from(position)].name;
    let luck = luck(cx, service).named("scheduled action").named(name).part(now.as_micros());
    match cx.model.timing.service_action_delay.sample_span(luck, DELAY) {
        Span::ZERO => execute(cx, world, which),
        late => cx.after(
            late,
            rank::DEMAND,
            Event::ServiceScaling(service, ScalingStep::Late(position)),
        ),
    }
}

/// The service gets its other bounds, and is moved within them; cooldowns do not matter.
fn execute(cx: &mut Cx, world: &mut World, (service, position): Which) {
    let Some(target) = spec(cx, service) else { return };
    let action = &target.scheduled_actions[usize::from(position)];
    let from = world.services[service].desired();
    let Some(state) = world.service_scaling[service].as_deref() else { return };
    let to = action.bounds(state.bounds(), from);
    let event = ScalingEvent::Scheduled { action: position, from, to };
    bound(cx, world, service, (to, event));
}

/// A service has these bounds from now on, and so many tasks are desired.
fn bound(
    cx: &mut Cx,
    world: &mut World,
    service: Ix<Service>,
    (to, event): (Bounded, ScalingEvent),
) {
    if let Some(state) = world.service_scaling[service].as_deref_mut() {
        (state.min_capacity, state.max_capacity) = (to.min_capacity, to.max_capacity);
    }
    cx.tell(world, Fact::ServiceScaling { service, event });
    service::set_desired_count(cx, world, service, to.desired);
}

/// RegisterScalableTarget: bounds and what is suspended change, and the service moves within them.
pub(super) fn register(cx: &mut Cx, world: &mut World, action: Action) {
    let Action::RegisterScalableTarget { service, min_capacity, max_capacity, suspended } = action
    else {
        return;
    };
    let from = world.services[service].desired();
    let Some(state) = world.service_scaling[service].as_deref_mut() else { return };
    let (min, max) = state.bounds();
    let (min, max) = (min_capacity.unwrap_or(min), max_capacity.unwrap_or(max));
    state.suspended = suspended.unwrap_or(state.suspended);
    let suspended = state.suspended;
    let desired = from.max(min).min(max);
    let to = Bounded { min_capacity: min, max_capacity: max, desired };
    let event = ScalingEvent::Registered { from, to, suspended };
    bound(cx, world, service, (to, event));
}

fn predictive<'a>(cx: &Cx<'a>, which: Which) -> Option<&'a Predictive> {
    match &spec(cx, which.0)?.policies[usize::from(which.1)].kind {
        PolicyKind::Predictive(it) => Some(it),
        PolicyKind::TargetTracking(_) | PolicyKind::Step { .. } | PolicyKind::Own(_) => None,
    }
}

/// The load of the coming hours is forecast from that of past ones.
fn on_forecast(cx: &mut Cx, world: &mut World, which: Which) {
    let (service, position) = which;
    let Some(policy) = predictive(cx, which) else { return };
    cx.after(
        predictive::REFRESH,
        rank::CONTROLLERS,
        Event::ServiceScaling(service, ScalingStep::Forecast(position)),
    );
    let history = policy.history.iter().map(|it| Some(*it));
    let past: Vec<_> = history.chain(service_metric::past(cx, world, which)).collect();
    let loads = predictive::forecast(&past).unwrap_or_default();
    let tasks: Vec<u32> =
        loads.iter().map(|it| predictive::tasks_for(*it, policy.target)).collect();
    let (next, most) = (tasks.first().copied(), tasks.iter().max().copied());
    let event = ScalingEvent::Forecast { policy: position, next, most };
    cx.tell(world, Fact::ServiceScaling { service, event });
    let hour = next_hour(cx, cx.now());
    let from = SimTime::from_micros(hour.as_micros().saturating_sub(Span::HOUR.as_micros()));
    let Some(state) = world.service_scaling[service].as_deref_mut() else { return };
    let state = &mut state.policies[usize::from(position)];
    let is_first = state.forecast.is_empty();
    (state.forecast, state.from) = (tasks, from);
    if is_first && next.is_some() {
        on_forecast_due(cx, world, which);
    }
}

/// Returns when the next full hour of the clock begins.
fn next_hour(cx: &Cx, at: SimTime) -> SimTime {
    let hour = Span::HOUR.as_micros();
    let since = cx.model.calendar.unix_micros(at).rem_euclid(hour as i64) as u64;
    at.saturating_add(Span::micros(hour - since))
}

/// As many tasks are to be there as are forecast for the hour that begins when the buffer is over:
/// never fewer than there are.
fn on_forecast_due(cx: &mut Cx, world: &mut World, which: Which) {
    let (service, position) = which;
    let Some(policy) = predictive(cx, which) else { return };
    let buffer = policy.scheduling_buffer;
    let hour = next_hour(cx, cx.now().saturating_add(buffer));
    let next = SimTime::from_micros(hour.as_micros().saturating_sub(buffer.as_micros()));
    cx.at(
        next,
        rank::CONTROLLERS,
        Event::ServiceScaling(service, ScalingStep::ForecastDue(position)),
    );
    let from = world.services[service].desired();
    let at = cx.now().saturating_add(buffer);
    let Some(state) = world.service_scaling[service].as_deref_mut() else { return };
    let (bounds, suspended) = (state.bounds(), state.suspended);
    let own = &mut state.policies[usize::from(position)];
    let ahead = at.as_micros().saturating_sub(own.from.as_micros()) / Span::HOUR.as_micros();
    let Some(&forecast) = own.forecast.get(ahead as usize) else { return };
    let scales = policy.mode == Mode::ForecastAndScale && !suspended.scaling_out;
    own.due = if scales { forecast } else { 0 };
    let (min_capacity, max_capacity) = bounds;
    let mut to = Bounded { min_capacity, max_capacity, desired: from };
    if scales {
        to.max_capacity = policy.max_capacity_breach.max_capacity(forecast, max_capacity);
        to.desired = forecast.min(to.max_capacity).max(from);
    }
    let event = ScalingEvent::ForecastDue { policy: position, forecast, from, to };
    bound(cx, world, service, (to, event));
}

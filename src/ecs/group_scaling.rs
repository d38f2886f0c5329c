//! Scaling policies of Auto Scaling groups at work: once a minute their alarms are looked at, and
//! what is in ALARM acts, again and again as long as it is.
//!
//! The rules are in `scaling/alarm.rs` and `scaling/group.rs`; here they see the metrics that
//! are published, and act on the group. Source: Amazon CloudWatch User Guide, "Alarm evaluation"
//! and "Alarm actions": actions of Auto Scaling are repeated every minute.

use crate::engine::{Ix, Purpose};
use crate::units::{SimTime, Span};

use super::metric::{self, Which};
use super::model::AutoScalingGroup;
use super::scaling::alarm::{AlarmState, MetricValue};
use super::scaling::group::{
    self as policy, Capacity, Holds, PolicyKind, Proposal, ScalingPolicy, Side,
};
use super::{Cx, Event, Fact, GroupEvent, World, auto_scaling, rank};

const PHASE: Purpose = Purpose::new("phase of the evaluation of alarms");

/// What the policies of a group remember.
#[derive(Clone, Debug, Default)]
pub(super) struct ScalingState {
    policies: Vec<PolicyState>,
    /// The cooldown of simple scaling, which begins when its activity is complete.
    cooldown: Option<Span>,
}

#[derive(Clone, Copy, Debug, Default)]
struct PolicyState {
    /// Its alarms: the first, and that of target tracking for scaling in.
    alarms: [AlarmState; 2],
    /// Until when its metric was told.
    told_until: SimTime,
    /// Why it holds, as far as that was told.
    holds: Option<Holds>,
}

/// What a policy asks for whose alarm is in ALARM, or why for nothing.
type Asked = Result<Proposal, Holds>;

/// What an alarm that is in ALARM has looked at.
type Points = Vec<Option<MetricValue>>;

impl ScalingState {
    pub(super) fn new(spec: &AutoScalingGroup) -> ScalingState {
        ScalingState { policies: vec![PolicyState::default(); spec.policies.len()], cooldown: None }
    }
}

/// Alarms are looked at from now on, somewhere in each minute.
pub(super) fn begin(cx: &mut Cx) {
    for (ix, spec) in cx.model.auto_scaling_groups.iter() {
        if !spec.policies.is_empty() {
            let luck = auto_scaling::group_luck(cx, ix);
            let phase = Span::from_secs_f64(60.0 * luck.unit(PHASE));
            cx.after(phase, rank::CONTROLLERS, Event::ScalingMinute(ix));
        }
    }
}

/// A minute of a group's alarms, and what they lead to.
pub(super) fn on_minute(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>) {
    cx.after(Span::MINUTE, rank::CONTROLLERS, Event::ScalingMinute(ix));
    let timing = &cx.model.timing;
    let late = timing.metric_delay.saturating_add(timing.alarm_delay);
    let Some(until) = cx.now().as_micros().checked_sub(late.as_micros()) else { return };
    let until = SimTime::from_micros(until);
    let policies = &cx.model.auto_scaling_groups[ix].policies;
    let mut raised: Vec<[Option<Points>; 2]> = Vec::new();
    for position in 0..policies.len() as u16 {
        tell_metric(cx, world, (ix, position), until);
        let sides = [Side::First, Side::Low];
        raised.push(sides.map(|side| look(cx, world, ((ix, position), side), until)));
    }
    // Source: as many as are allowed to scale in, all of them.
    let is_ready = |(policy, raised): (&ScalingPolicy, &[Option<Points>; 2])| {
        policy.alarm(Side::Low).is_none() || raised[1].is_some()
    };
    let all_ready = policies.iter().zip(&raised).all(is_ready);
    let mut asked: Vec<Option<Asked>> = Vec::new();
    for (policy, raised) in policies.iter().zip(&raised) {
        asked.push(match raised {
            [Some(points), _] => Some(ask(cx, world, (ix, policy), (Side::First, points))),
            [None, Some(_)] if !all_ready => Some(Err(Holds::OthersNotReady)),
            [None, Some(points)] => Some(ask(cx, world, (ix, policy), (Side::Low, points))),
            [None, None] => None,
        });
    }
    let seen = |position: usize| {
        let points = raised[position].iter().flatten().next()?;
        points.iter().rev().find_map(|it| *it)
    };
    act(cx, world, ix, (&asked, &seen));
}

/// Tells what a policy's metric was in the last period that was published.
fn tell_metric(cx: &mut Cx, world: &mut World, which: Which, until: SimTime) {
    let Some((ended, value)) = metric::latest(cx, world, which, until) else { return };
    let state = &mut world.group_scaling[which.0].policies[usize::from(which.1)];
    if state.told_until < ended {
        state.told_until = ended;
        let (group, policy) = which;
        cx.tell(world, Fact::ScalingMetric { group, policy, value });
    }
}

/// Evaluates an alarm; returns what it has looked at if it is in ALARM.
fn look(
    cx: &mut Cx,
    world: &mut World,
    ((ix, position), side): (Which, Side),
    until: SimTime,
) -> Option<Points> {
    let alarm = cx.model.auto_scaling_groups[ix].policies[usize::from(position)].alarm(side)?;
    let points = metric::data_points(cx, world, (ix, position), (alarm, until));
    let state = &mut world.group_scaling[ix].policies[usize::from(position)];
    let was = &mut state.alarms[usize::from(side == Side::Low)];
    let is = alarm.evaluate(*was, &points);
    if std::mem::replace(was, is) != is {
        let value = points.iter().rev().find_map(|it| *it);
        let event = GroupEvent::Alarm { policy: position, side, state: is, value };
        cx.tell(world, Fact::GroupEvent { group: ix, event });
    }
    (is == AlarmState::Alarm).then_some(points)
}

/// Says what a policy asks for.
fn ask(
    cx: &Cx,
    world: &mut World,
    (ix, policy): (Ix<AutoScalingGroup>, &ScalingPolicy),
    (side, points): (Side, &Points),
) -> Asked {
    let is_simple = matches!(policy.kind, PolicyKind::Simple { .. });
    let times = match is_simple {
        true => (Span::ZERO, Span::ZERO),
        false => (policy.warmup, cx.model.timing.scale_in_settle),
    };
    let now = auto_scaling::capacity(cx, world, ix, times);
    if is_simple {
        may_scale_simply(cx, world, ix, &now)?;
    }
    policy.propose(side, points, &now)
}

/// Simple scaling waits for what goes on in the group, and then for its cooldown.
///
/// Source: Amazon EC2 Auto Scaling User Guide, "Scaling cooldowns": from the last instance on.
fn may_scale_simply(
    cx: &Cx,
    world: &mut World,
    ix: Ix<AutoScalingGroup>,
    now: &Capacity,
) -> Result<(), Holds> {
    if now.warming > 0 || now.leaving > 0 || now.warm != now.desired {
        return Err(Holds::InProgress);
    }
    let changed = world.groups[ix].changed_at();
    let state = &mut world.group_scaling[ix];
    if state.cooldown.is_some_and(|it| cx.now() < changed.saturating_add(it)) {
        return Err(Holds::CoolingDown);
    }
    state.cooldown = None;
    Ok(())
}

/// Does what the policy with the largest capacity asks for, and tells why the others do nothing.
fn act(
    cx: &mut Cx,
    world: &mut World,
    ix: Ix<AutoScalingGroup>,
    (asked, seen): (&[Option<Asked>], &dyn Fn(usize) -> Option<MetricValue>),
) {
    let proposals: Vec<Option<Proposal>> =
        asked.iter().map(|it| it.and_then(|it| it.ok())).collect();
    let chosen = policy::choose(&proposals);
    for (position, asked) in asked.iter().enumerate() {
        let holds = match *asked {
            Some(Err(holds)) => Some(holds),
            Some(Ok(proposal)) if chosen != Some(position) => Some(Holds::Outvoted(proposal)),
            Some(Ok(_)) | None => None,
        };
        let told = &mut world.group_scaling[ix].policies[position].holds;
        let kind = |it: Option<Holds>| it.map(|it| std::mem::discriminant(&it));
        let is_new = kind(*told) != kind(holds);
        *told = holds;
        if let Some(why) = holds.filter(|_| is_new) {
            let (policy, value) = (position as u16, seen(position));
            let event = GroupEvent::PolicyHolds { policy, value, why };
            cx.tell(world, Fact::GroupEvent { group: ix, event });
        }
    }
    let Some((position, proposal)) = chosen.and_then(|at| Some((at, proposals[at]?))) else {
        return;
    };
    let policy = &cx.model.auto_scaling_groups[ix].policies[position];
    if let PolicyKind::Simple { cooldown, .. } = policy.kind {
        world.group_scaling[ix].cooldown = Some(cooldown);
    }
    let from = world.groups[ix].desired_capacity();
    let (policy, value) = (position as u16, seen(position));
    let event = GroupEvent::PolicyActs { policy, value, from, proposal };
    cx.tell(world, Fact::GroupEvent { group: ix, event });
    auto_scaling::set_desired_capacity(cx, world, ix, proposal.to);
}

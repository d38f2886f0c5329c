//! Scheduled scaling: an Auto Scaling group gets other sizes at stated times.
//!
//! Source: Amazon EC2 Auto Scaling User Guide, "Scheduled scaling". Cooldowns do not matter to it.

use crate::engine::{Ix, Purpose};
use crate::units::{SimTime, Span};

use super::model::AutoScalingGroup;
use super::{Cx, Event, Fact, GroupEvent, World, auto_scaling, rank};

const DELAY: Purpose = Purpose::new("scheduled action delay");

/// Every scheduled action waits for its first time.
pub(super) fn begin(cx: &mut Cx) {
    for (ix, spec) in cx.model.auto_scaling_groups.iter() {
        for position in 0..spec.scheduled_actions.len() {
            wait(cx, (ix, position as u16), SimTime::ZERO);
        }
    }
}

/// A group, and the position of one of its scheduled actions.
type Which = (Ix<AutoScalingGroup>, u16);

fn wait(cx: &mut Cx, (ix, position): Which, from: SimTime) {
    let action = &cx.model.auto_scaling_groups[ix].scheduled_actions[usize::from(position)];
    if let Some(at) = action.when.next_at_or_after(from) {
        cx.at(at, rank::DEMAND, Event::ScheduledAction(ix, position));
    }
}

/// It falls due: it is executed now, or a little later, and waits for its next time.
pub(super) fn on_due(cx: &mut Cx, world: &mut World, which: Which) {
    let (ix, position) = which;
    let now = cx.now();
    wait(cx, which, now.saturating_add(Span::micros(1)));
    let name = &cx.model.auto_scaling_groups[ix].scheduled_actions[usize::from(position)].name;
    let luck = auto_scaling::group_luck(cx, ix).named("scheduled action").named(name);
    let delay = &cx.model.timing.scheduled_action_delay;
    match delay.sample_span(luck.part(now.as_micros()), DELAY) {
        Span::ZERO => execute(cx, world, which),
        late => cx.after(late, rank::DEMAND, Event::LateAction(ix, position)),
    }
}

/// The group gets its other sizes.
///
/// Assumption: where another action has left a minimum above the maximum that this one sets, or a
/// maximum below its minimum, what this one says holds, and the other bound gives way.
pub(super) fn execute(cx: &mut Cx, world: &mut World, (ix, position): Which) {
    let action = &cx.model.auto_scaling_groups[ix].scheduled_actions[usize::from(position)];
    let group = &world.groups[ix];
    let (from, (min, max)) = (group.desired_capacity(), group.sizes());
    let (min_size, max_size) = match (action.min_size, action.max_size) {
        (Some(min), most) => (min, most.unwrap_or(max).max(min)),
        (None, Some(most)) => (min.min(most), most),
        (None, None) => (min, max),
    };
    let to = action.desired_capacity.unwrap_or(from).max(min_size).min(max_size);
    let event = GroupEvent::ScheduledAction { action: position, min_size, max_size, from, to };
    cx.tell(world, Fact::GroupEvent { group: ix, event });
    auto_scaling::resize(cx, world, ix, ((min_size, max_size), to));
}

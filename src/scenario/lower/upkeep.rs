//! What Auto Scaling groups do besides keeping their capacity.

use crate::ecs::capacity::group::{GroupPolicy, PurchaseOption};
use crate::ecs::capacity::refresh::Refresh;
use crate::ecs::model::{
    Action, InstanceRefresh, LifecycleHook, ScheduledAction, Transition, WarmPool, WarmState, When,
};
use crate::engine::Distribution;
use crate::units::{Calendar, Schedule, SimTime, Span};

use super::super::View;
use super::super::codes::Code;
use super::{Lower, task};

/// Scheduled actions that a group may have.
///
/// Source: Amazon EC2 Auto Scaling User Guide, "Scheduled scaling".
const SCHEDULED_ACTIONS: usize = 125;

/// Lifecycle hooks that a group may have. Source: Amazon EC2 Auto Scaling User Guide, quotas.
const LIFECYCLE_HOOKS: usize = 50;

/// Returns the scheduled actions of a group of these sizes: least, desired, greatest.
pub(super) fn scheduled_actions(
    lower: &mut Lower,
    view: &View,
    sizes: [u32; 3],
) -> Vec<ScheduledAction> {
    let entries = view.entries("scheduled_action");
    if entries.len() > SCHEDULED_ACTIONS {
        let message = format!("it has {} scheduled actions", entries.len());
        let hint = format!("AWS allows {SCHEDULED_ACTIONS}");
        lower.problems.push(view.error("scheduled_action", message).hint(hint));
    }
    let mut actions = Vec::new();
    for (name, action) in &entries {
        let others: Vec<&View> =
            entries.iter().filter(|(other, _)| other != name).map(|it| &it.1).collect();
        check_sizes(lower, action, (sizes, &others));
        let Some(when) = when(lower, action) else { continue };
        check_start(lower, action, (name, &entries));
        actions.push(ScheduledAction {
            name: name.to_string(),
            when,
            min_size: action.find("min_size"),
            max_size: action.find("max_size"),
            desired_capacity: action.find("desired_capacity"),
        });
    }
    actions
}

/// The sizes of an action agree with each other, and with those of the group that nothing changes.
fn check_sizes(lower: &mut Lower, action: &View, (sizes, others): ([u32; 3], &[&View])) {
    let keys = ["min_size", "desired_capacity", "max_size"];
    if !keys.iter().any(|key| action.is_written(key)) {
        let hint = "write `desired_capacity`, `min_size` or `max_size`";
        lower.problems.push(action.error_here("this scheduled action changes nothing").hint(hint));
    }
    let of_group = |key: &str, size: u32| {
        let is_fixed = !others.iter().any(|other| other.is_written(key));
        action.find(key).or(is_fixed.then_some(size))
    };
    let min: u32 = of_group(keys[0], sizes[0]).unwrap_or(0);
    let max: u32 = of_group(keys[2], sizes[2]).unwrap_or(u32::MAX);
    if min > max {
        let key = if action.is_written(keys[0]) { keys[0] } else { keys[2] };
        let message = format!("`min_size` is {min} then, more than `max_size`, {max}");
        let hint = "write both of them, the greater as `max_size`";
        lower.problems.push(action.error(key, message).hint(hint));
    } else if let Some(desired) = action.find::<u32>(keys[1])
        && !(min..=max).contains(&desired)
    {
        let message = format!(
            "`desired_capacity` is {desired}, which is not between `min_size` and `max_size`, \
             {min} and {max} then"
        );
        let hint = "change it, or write `min_size` and `max_size` of the action";
        lower.problems.push(action.error(keys[1], message).hint(hint));
    }
}

/// Two actions of a group do not begin together.
fn check_start(lower: &mut Lower, action: &View, (name, all): (&str, &[(&str, View)])) {
    let start =
        |view: &View| ["recurrence", "time", "time_zone"].map(|key| view.find::<String>(key));
    let own = start(action);
    let before = all.iter().take_while(|(other, _)| *other != name);
    if let Some((other, _)) = before.into_iter().find(|(_, view)| start(view) == own) {
        let key = if action.is_written("time") { "time" } else { "recurrence" };
        let message = format!("`{other}` starts at the same time");
        let hint = "AWS wants another start time for each: make one of them, or move one";
        lower.problems.push(action.error(key, message).hint(hint));
    }
}

/// Returns when an action is executed; nothing if that is wrong.
fn when(lower: &mut Lower, action: &View) -> Option<When> {
    let recurrence: Option<String> = action.find("recurrence");
    let time: Option<String> = action.find("time");
    match (recurrence, time) {
        (Some(text), None) => recurring(lower, action, &text),
        (None, Some(text)) => once(lower, action, &text),
        (recurrence, _) => {
            let is_known = action.is_sound_at(&["recurrence", "time"]);
            if recurrence.is_some() {
                let hint = "leave one of them out";
                let message = "`time` does not go with `recurrence`";
                lower.problems.push(action.error("time", message).hint(hint));
            } else if is_known {
                let hint = "write `recurrence = \"0 9 * * *\"`, or `time`";
                lower
                    .problems
                    .push(action.error_here("this scheduled action has no time").hint(hint));
            }
            None
        }
    }
}

fn recurring(lower: &mut Lower, action: &View, text: &str) -> Option<When> {
    let mut calendar: Calendar = lower.model.calendar.clone();
    if let Some(zone) = action.find::<String>("time_zone") {
        match calendar.in_zone(&zone) {
            Ok(there) => calendar = there,
            Err(error) => {
                lower.problems.push(action.error("time_zone", error.message).hint(error.hint));
            }
        }
    }
    match Schedule::parse_recurrence(text) {
        Ok(schedule) => {
            let when = When::Recurring { schedule, calendar };
            warn_of_never(lower, action, ("recurrence", &when));
            Some(when)
        }
        Err(error) => {
            let part = text.get(error.range.clone()).unwrap_or("");
            let message = match part == text {
                true => error.message,
                false => task::mistake(text, part, &error.message),
            };
            lower.problems.push(action.error("recurrence", message).hint(error.hint));
            None
        }
    }
}

fn once(lower: &mut Lower, action: &View, text: &str) -> Option<When> {
    if action.is_written("time_zone") {
        let message = "`time_zone` does not go with `time`, which is in that of the scenario";
        let hint = "leave it out";
        lower.problems.push(action.error("time_zone", message).hint(hint));
    }
    match lower.model.calendar.instant(text) {
        Ok(at) => {
            let when = When::Once(at);
            warn_of_never(lower, action, ("time", &when));
            Some(when)
        }
        Err(error) => {
            if lower.root().is_sound_at(&["start", "time_zone"]) {
                lower.problems.push(action.error("time", error.message).hint(error.hint));
            }
            None
        }
    }
}

fn warn_of_never(lower: &mut Lower, action: &View, (key, when): (&str, &When)) {
    let end = SimTime::ZERO + lower.model.duration;
    let first = when.next_at_or_after(SimTime::ZERO);
    let is_sure = lower.root().is_sound_at(&["duration", "start", "time_zone"]);
    if first.is_some_and(|at| at <= end) || !is_sure {
        return;
    }
    let message = match first {
        Some(at) => format!(
            "this scheduled action does nothing: its first time is {} after the start, and the run \
             ends before",
            Span::micros(at.as_micros())
        ),
        None => "this scheduled action does nothing: its times are all over".to_string(),
    };
    let hint = "make `duration` longer, or `start` another time";
    lower.problems.push(action.warning(Code::ScheduleNeverFires, key, message).hint(hint));
}

/// Notes an instance refresh.
///
/// Source: EC2 Auto Scaling API, RefreshPreferences.
pub(super) fn refresh(lower: &mut Lower, view: &View) -> Option<Action> {
    let name: String = view.get("auto_scaling_group");
    let group = *lower.auto_scaling_groups.get(&name)?;
    let rules = Refresh {
        min_healthy_percentage: view.get("min_healthy_percentage"),
        max_healthy_percentage: view.get("max_healthy_percentage"),
        checkpoint_percentages: view
            .items("checkpoint_percentages")
            .iter()
            .map(View::value)
            .collect(),
    };
    let (min, max) = (rules.min_healthy_percentage, rules.max_healthy_percentage);
    if max.saturating_sub(min) > 100 {
        let message = format!(
            "`max_healthy_percentage` is {max}, more than 100 above `min_healthy_percentage`, {min}"
        );
        let hint = format!("write `min_healthy_percentage = {}` or more", max - 100);
        lower.problems.push(view.error("max_healthy_percentage", message).hint(hint));
    }
    let checkpoints = &rules.checkpoint_percentages;
    if !checkpoints.is_sorted_by(|a, b| a < b) {
        let message = "`checkpoint_percentages` do not ascend";
        let hint = "sort them, and write each once";
        lower.problems.push(view.error("checkpoint_percentages", message).hint(hint));
    } else if let Some(last) = checkpoints.last().filter(|&&last| last < 100) {
        let message = format!("the refresh ends at {last} %: the other instances stay");
        let hint = "add 100 to replace them all";
        let key = "checkpoint_percentages";
        lower.problems.push(view.warning(Code::RefreshEndsEarly, key, message).hint(hint));
    }
    if checkpoints.is_empty() {
        lower.idle(view, &["checkpoint_delay"]);
    }
    lower.model.refreshes.push(InstanceRefresh {
        group,
        rules,
        checkpoint_delay: view.get("checkpoint_delay"),
        instance_warmup: view.get("instance_warmup"),
    });
    Some(Action::StartInstanceRefresh(lower.model.refreshes.len() as u32 - 1))
}

/// Returns the lifecycle hooks of a group.
pub(super) fn lifecycle_hooks(lower: &mut Lower, view: &View) -> Vec<LifecycleHook> {
    let entries = view.entries("lifecycle_hook");
    if entries.len() > LIFECYCLE_HOOKS {
        let message = format!("it has {} lifecycle hooks", entries.len());
        let hint = format!("AWS allows {LIFECYCLE_HOOKS}");
        lower.problems.push(view.error("lifecycle_hook", message).hint(hint));
    }
    entries.into_iter().map(|(name, hook)| lifecycle_hook(lower, (name, &hook))).collect()
}

fn lifecycle_hook(lower: &mut Lower, (name, view): (&str, &View)) -> LifecycleHook {
    let key = "completes_after";
    let completes_after = view.is_written(key).then(|| distribution(lower, view, key));
    let transition = match view.get::<String>("transition").as_str() {
        "terminating" => Transition::Terminating,
        _ => Transition::Launching,
    };
    let abandons = view.get::<String>("default_result") == "ABANDON";
    let is_sound = view.is_sound_at(&[key, "transition", "default_result"]);
    if completes_after.is_none() && abandons && transition == Transition::Launching && is_sound {
        let message = "each launch is abandoned at the timeout of this lifecycle hook, for \
                       nothing completes it";
        let hint = "write `completes_after`, or `default_result = \"CONTINUE\"`";
        lower.problems.push(view.warning(Code::HookAbandonsAll, "transition", message).hint(hint));
    }
    let timeout: Span = view.get("heartbeat_timeout");
    let on_average = completes_after.as_ref().map(|it| Span::from_secs_f64(it.mean()));
    if let Some(on_average) = on_average.filter(|it| *it > timeout)
        && abandons
        && transition == Transition::Launching
        && !view.get::<bool>("heartbeats")
        && is_sound
    {
        let message = format!(
            "most launches are abandoned: the hook is completed after {on_average} on average, and \
             times out after {timeout}"
        );
        let hint = "make `heartbeat_timeout` longer, or write `heartbeats = true`";
        lower.problems.push(view.warning(Code::HookAbandonsAll, key, message).hint(hint));
    }
    LifecycleHook {
        name: name.to_string(),
        transition,
        heartbeat_timeout: view.get("heartbeat_timeout"),
        heartbeats: view.get("heartbeats"),
        completes_after,
        abandons,
    }
}

/// Reads a length of time that luck may decide.
pub(super) fn distribution(lower: &mut Lower, view: &View, key: &str) -> Distribution {
    let files = (lower.files, &mut lower.values_read);
    super::distribution(&view.get(key), (view, key), files, &mut lower.problems)
}

/// Returns the warm pool of a group of so many types.
pub(super) fn warm_pool(
    lower: &mut Lower,
    view: &View,
    (policy, types): (&GroupPolicy, usize),
) -> Option<WarmPool> {
    let pool = view.child("warm_pool")?;
    if pool.get("reuse_on_scale_in") {
        let message = "container instances do not go back to a warm pool";
        let hint = "leave it out: the ECS agent does not register again";
        lower.problems.push(pool.error("reuse_on_scale_in", message).hint(hint));
    }
    if !pool.get::<bool>("ecs_warm_pools_check") {
        let message = "instances would register on their way into the warm pool, and tasks be lost";
        let hint = "set ECS_WARM_POOLS_CHECK on the instances, and leave this out";
        lower.problems.push(pool.error("ecs_warm_pools_check", message).hint(hint));
    }
    if policy.buys(PurchaseOption::Spot) {
        let message = "a group that buys Spot capacity has no warm pool: it is left out";
        let hint = "buy all its instances on demand, or take `warm_pool` out";
        lower.problems.push(view.warning(Code::WarmPoolOfSpot, "warm_pool", message).hint(hint));
        return None;
    }
    if types > 1 {
        let message = "AWS's documentation does not allow a warm pool with several types";
        let hint = "it may do so since late 2025: ask AWS, or write `instance_type`";
        lower.problems.push(view.warning(Code::WarmPoolOfTypes, "warm_pool", message).hint(hint));
    }
    Some(WarmPool {
        min_size: pool.get("min_size"),
        max_group_prepared_capacity: pool.find("max_group_prepared_capacity"),
        state: match pool.get::<String>("pool_state").as_str() {
            "Running" => WarmState::Running,
            "Hibernated" => WarmState::Hibernated,
            _ => WarmState::Stopped,
        },
        has_images: pool.get("images_pulled"),
    })
}

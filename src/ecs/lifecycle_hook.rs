//! Lifecycle hooks: what instances of an Auto Scaling group wait for when they come and go.
//!
//! Source: Amazon EC2 Auto Scaling User Guide, "Amazon EC2 Auto Scaling lifecycle hooks".

use crate::engine::{Ix, Luck, Purpose};
use crate::units::Span;

use super::Cx;
use super::model::{AutoScalingGroup, LifecycleHook, Transition};

const COMPLETES: Purpose = Purpose::new("lifecycle action completed");

/// The longest that a hook holds an instance, however many heartbeats there are.
///
/// Source: the User Guide: 48 hours, or 100 times the heartbeat timeout, whichever is smaller.
const LONGEST: Span = Span::secs(48 * 3600);
const HEARTBEATS: u64 = 100;

/// What the hooks of a transition do to an instance.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hold {
    /// How long they hold it.
    pub wait: Span,
    /// Whether the last result is ABANDON, which all others give way to.
    pub is_abandoned: bool,
}

/// Returns what the hooks of a group do to an instance of this luck; they hold it side by side.
pub(super) fn hold(
    cx: &Cx,
    (ix, luck): (Ix<AutoScalingGroup>, Luck),
    transition: Transition,
) -> Hold {
    let hooks = cx.model.auto_scaling_groups[ix].lifecycle_hooks.iter();
    let holds = hooks.filter(|hook| hook.transition == transition).map(|hook| hook.hold(luck));
    holds.fold(Hold::default(), |one, other| match (one.is_abandoned, other.is_abandoned) {
        (true, true) => Hold { wait: one.wait.min(other.wait), is_abandoned: true },
        (true, false) => one,
        (false, true) => other,
        (false, false) => Hold { wait: one.wait.max(other.wait), is_abandoned: false },
    })
}

impl LifecycleHook {
    fn hold(&self, luck: Luck) -> Hold {
        let most = match self.heartbeats {
            true => self.heartbeat_timeout.saturating_mul(HEARTBEATS).min(LONGEST),
            false => self.heartbeat_timeout,
        };
        let completed = self.completes_after.as_ref();
        let completed = completed.map(|it| it.sample_span(luck.named(&self.name), COMPLETES));
        match completed.filter(|wait| *wait <= most) {
            Some(wait) => Hold { wait, is_abandoned: false },
            None => Hold { wait: most, is_abandoned: self.abandons },
        }
    }
}

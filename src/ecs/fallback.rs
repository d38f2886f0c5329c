//! A controller that AWS does not have: another service stands in while capacity is short.
//!
//! A strategy is no list to fall back on: tasks for Spot capacity that is not there wait, and none
//! goes to another provider (ECS Best Practices, EC2 and Fargate Spot). People therefore keep a
//! second service with another provider, and have a function of their own raise its desired count
//! while tasks of the first find no place, and take it back when the first is whole again
//! (aws/containers-roadmap#773 and #852; the CDK construct `fargate-spot-fallback`). This is that
//! function. It sees what DescribeServices and the service's events say, and calls UpdateService.

use crate::engine::{Ix, Luck, Purpose};
use crate::units::{SimTime, Span};

use super::model::Fallback;
use super::{Cx, Event, Fact, World, rank, service};

const PHASE: Purpose = Purpose::new("phase of a fallback");

/// What the controller remembers between two looks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FallbackState {
    /// Since when it has seen tasks without a place.
    short_since: Option<SimTime>,
    /// Since when it has seen the service whole.
    whole_since: Option<SimTime>,
}

/// What the controller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    /// Tasks of the service that have no place.
    missing: u32,
    /// Whether all that are desired are healthy.
    is_whole: bool,
    /// How many of the other service are desired.
    standing_in: u32,
}

impl FallbackState {
    /// Returns how many are to stand in from now on, if that is to change.
    fn look(&mut self, now: SimTime, spec: &Fallback, seen: Seen) -> Option<u32> {
        let lasts = |since: &mut Option<SimTime>, is_so: bool| {
            *since = is_so.then(|| since.unwrap_or(now));
            since.map(|since| now.since(since))
        };
        let short = lasts(&mut self.short_since, seen.missing > 0);
        let whole = lasts(&mut self.whole_since, seen.is_whole);
        if seen.missing > seen.standing_in && short.is_some_and(|it| it >= spec.after) {
            return Some(seen.missing);
        }
        let is_over = whole.is_some_and(|it| it >= spec.back_after);
        (is_over && seen.standing_in > 0).then_some(0)
    }
}

/// Each looks first somewhere in its interval.
pub(super) fn begin(cx: &mut Cx) {
    for (ix, spec) in cx.model.fallbacks.iter() {
        let luck: Luck = cx.seed.luck("fallback").named(&spec.name);
        let phase = Span::from_secs_f64(spec.interval.as_secs_f64() * luck.unit(PHASE));
        cx.after(phase, rank::CONTROLLERS, Event::Fallback(ix));
    }
}

/// The controller looks, and acts.
pub(super) fn on_look(cx: &mut Cx, world: &mut World, ix: Ix<Fallback>) {
    let spec = &cx.model.fallbacks[ix];
    cx.after(spec.interval, rank::CONTROLLERS, Event::Fallback(ix));
    let of = &world.services[spec.service];
    let seen = Seen {
        missing: of.desired().saturating_sub(service::placed(world, spec.service)),
        is_whole: of.healthy() >= of.desired(),
        standing_in: world.services[spec.standby].desired(),
    };
    let Some(to) = world.fallbacks[ix].look(cx.now(), spec, seen) else { return };
    let Seen { missing, standing_in: from, .. } = seen;
    cx.tell(world, Fact::Fallback { fallback: ix, missing, from, to });
    service::set_desired_count(cx, world, spec.standby, to);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks once a minute at what each row says, and compares what is to stand in then.
    fn check(rows: &[(u32, bool, u32)]) {
        let spec = Fallback {
            name: "web".into(),
            service: Ix::new(0),
            standby: Ix::new(1),
            interval: Span::MINUTE,
            after: Span::secs(120),
            back_after: Span::secs(180),
        };
        let (mut state, mut standing_in) = (FallbackState::default(), 0);
        for (minute, &(missing, is_whole, expected)) in rows.iter().enumerate() {
            let now = SimTime::from_secs(60 * minute as u64);
            let seen = Seen { missing, is_whole, standing_in };
            standing_in = state.look(now, &spec, seen).unwrap_or(standing_in);
            assert_eq!(standing_in, expected, "minute {minute} of {rows:?}");
        }
    }

    #[test]
    fn another_stands_in_after_a_while_and_until_the_service_is_whole_for_a_while() {
        let (short, whole, between) = ((4, false), (0, true), (0, false));
        let row = |(missing, is_whole), expected| (missing, is_whole, expected);
        // Two minutes pass first, and three before it ends.
        check(&[row(short, 0), row(short, 0), row(short, 4), row(short, 4)]);
        check(&[row(short, 0), row(between, 0), row(short, 0), row(short, 0), row(short, 4)]);
        let stands = [row(short, 0), row(short, 0), row(short, 4)];
        let end = [row(whole, 4), row(whole, 4), row(whole, 4), row(whole, 0), row(whole, 0)];
        check(&[&stands[..], &end].concat());
        // Whoever is placed and not healthy yet is neither missing nor there.
        check(&[&stands[..], &[row(between, 4); 9]].concat());
        // It grows with what is missing, and does not shrink before the end.
        check(&[&stands[..], &[(7, false, 7), (5, false, 7), (0, true, 7)]].concat());
    }
}

//! What Auto Scaling groups do besides keeping their capacity.

use super::super::fixture::*;
use super::super::model::*;
use super::super::{Fact, Sim};
use crate::engine::Ix;
use crate::units::{Schedule, SimTime};

const HOUR: u64 = 3600;

fn desired(sim: &Sim, group: Ix<AutoScalingGroup>) -> u32 {
    sim.world().groups[group].desired_capacity()
}

fn recurring(f: &Fixture, text: &str) -> When {
    let schedule = Schedule::parse_recurrence(text).expect("a test's recurrence is one");
    When::Recurring { schedule, calendar: f.model.calendar.clone() }
}

fn action(when: When, [min_size, desired_capacity, max_size]: [Option<u32>; 3]) -> ScheduledAction {
    ScheduledAction { name: "x".into(), when, min_size, max_size, desired_capacity }
}

/// Sets the desired capacity at 08:00 and runs past 09:00 of both days, on which it is 3 then.
#[test]
fn a_e68_a_recurrence_sets_the_desired_capacity_daily_from_either_side() {
    let mut f = Fixture::new(1);
    let group = f.group("g", (0, 1, 9), (1024, 1024));
    let nine = action(recurring(&f, "0 9 * * *"), [None, Some(3), None]);
    f.model.auto_scaling_groups[group].scheduled_actions.push(nine);
    f.set_capacity(24 * HOUR + 8 * HOUR, group, 8);
    let mut sim = f.sim();
    for (hour, expected) in [(8, 1), (10, 3), (32, 8), (34, 3)] {
        sim.run_until(SimTime::from_secs(hour * HOUR), &mut ());
        assert_eq!(desired(&sim, group), expected, "at {hour} h");
    }
    assert_eq!(sim.world().groups[group].capacity(), 3);
}

#[test]
fn sizes_that_a_scheduled_action_sets_hold_from_then_on() {
    let mut f = Fixture::new(1);
    let group = f.group("g", (0, 2, 4), (1024, 1024));
    let once = |secs| When::Once(SimTime::from_secs(secs));
    let actions =
        [action(once(100), [Some(3), None, Some(6)]), action(once(300), [None, None, Some(2)])];
    f.model.auto_scaling_groups[group].scheduled_actions.extend(actions);
    f.set_capacity(50, group, 6);
    f.set_capacity(200, group, 6);
    f.set_capacity(250, group, 0);
    let mut sim = f.sim();
    for (at, expected) in [(60, 4), (150, 4), (210, 6), (260, 3), (310, 2)] {
        sim.run_until(SimTime::from_secs(at), &mut ());
        assert_eq!(desired(&sim, group), expected, "at {at} s");
    }
    assert_eq!(sim.world().groups[group].sizes(), (2, 2), "a minimum gives way");
}

#[test]
fn a_scheduled_action_may_be_late_and_its_next_time_is_not() {
    let mut f = Fixture::new(1);
    let group = f.group("g", (0, 0, 9), (1024, 1024));
    f.model.timing.scheduled_action_delay = constant(90.0);
    let each = action(recurring(&f, "* * * * *"), [None, Some(1), None]);
    f.model.auto_scaling_groups[group].scheduled_actions.push(each);
    let (_, story) = f.story(301);
    let told = story.iter().filter(|it| matches!(it.1, Fact::GroupEvent { .. }));
    let told: Vec<f64> = told.map(|it| it.0).collect();
    assert_eq!(told, [90.0, 150.0, 210.0, 270.0]);
}

//! Managed scaling of a capacity provider: from tasks that wait to the group's desired capacity.
//!
//! Once a minute: [`ManagedScaling::waiting`] says what waiting tasks ask for,
//! [`ManagedScaling::reservation`] puts it into the metric CapacityProviderReservation, and
//! [`Alarms::minute`] decides. All arithmetic is in whole numbers: 90 % of ten is nine.
//!
//! Source: ECS Developer Guide, "Amazon ECS managed scaling behavior" and "Automatically manage
//! Amazon ECS capacity with cluster auto scaling"; where they are silent, "Assumption:".

use std::cmp::Ordering;

use crate::units::{Resources, Span};

/// Data points below target, one a minute, before the first step in.
///
/// Source: ECS Developer Guide, "Amazon ECS managed scaling behavior": 15 data points. The alarm
/// for scaling out needs one.
const MINUTES_BELOW: u32 = 15;

/// The settings of managed scaling, and what AWS leaves open about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManagedScaling {
    /// `targetCapacity` in percent, 1 to 100; AWS's default is 100.
    pub target_capacity: u32,
    /// `minimumScalingStepSize` in instances, 1 to 10,000; 1 by default. Only for scaling out.
    pub minimum_scaling_step_size: u32,
    /// `maximumScalingStepSize` in instances, 1 to 10,000; 10,000 by default. Only for scaling
    /// out.
    pub maximum_scaling_step_size: u32,
    /// `instanceWarmupPeriod`, 0 to 10,000 s; 300 s by default.
    pub instance_warmup_period: Span,
    /// How groups of waiting tasks combine.
    pub combine: Combine,
    /// The largest part of the group that goes in one step, in percent.
    ///
    /// 50 since 16 September 2022, before that 5. Source: AWS What's New of that day.
    pub scale_in_percent: u32,
    /// Minutes from one step in to the next, at least 1.
    ///
    /// The guide says "each minute"; the four steps of the announcement took ten minutes.
    /// Assumption: 1.
    pub scale_in_every_minutes: u32,
    /// What becomes of an empty group that nobody asks for.
    pub empty_group: EmptyGroup,
}

/// How the instances that groups of waiting tasks need become one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Combine {
    /// The largest of them. Assumption: what the guide's "maximum calculated instance count" is.
    #[default]
    Max,
    /// All of them together.
    Sum,
}

/// What a group without instances does while no task waits.
///
/// The metric is 100 then, and so above a target of less than 100 (containers-roadmap#653).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmptyGroup {
    /// It stays empty. Assumption: this is what the fix of that issue does.
    #[default]
    Rests,
    /// It follows the metric: launches instances and removes them, again and again.
    FollowsMetric,
}

/// Waiting tasks with identical requirements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitingGroup {
    /// What one task reserves.
    pub resources: Resources,
    /// Whether it needs a network interface of its own (`awsvpc`).
    pub awsvpc: bool,
    /// Whether an instance takes one at most: a static host port, or `distinctInstance`.
    pub alone: bool,
    /// How many tasks.
    pub count: u32,
}

/// What an instance type of the group offers to tasks.
///
/// Assumption: all that it registers; what daemons take is not set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// What an instance registers.
    pub resources: Resources,
    /// How many tasks in `awsvpc` mode it hosts.
    pub task_enis: u32,
}

/// What the tasks that wait ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// No task waits.
    Nobody,
    /// Tasks wait, but none fits the smallest instance type: nothing scales.
    NoneFits,
    /// So many more instances, within the smallest and the largest step.
    Instances(u32),
}

/// What managed scaling sees of its Auto Scaling group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupNow {
    /// The desired capacity.
    pub desired_capacity: u32,
    /// The group's minimum size.
    pub min_size: u32,
    /// The group's maximum size.
    pub max_size: u32,
    /// N: instances pending or in service, not those terminating.
    ///
    /// Assumption: which of them count is not documented.
    pub running: u32,
    /// How many of those run a task that is not a daemon's.
    pub occupied: u32,
    /// Time since the launch of the youngest of them.
    pub youngest: Option<Span>,
}

/// The metric CapacityProviderReservation of one minute, exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reservation {
    /// M: how many instances are needed.
    pub needed: u32,
    /// The metric in percent, as a fraction.
    numerator: u64,
    denominator: u64,
}

/// What is done about the reservation of one minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// The desired capacity changes.
    Step {
        /// What it was.
        from: u32,
        /// What it becomes: more is a scale-out, less a scale-in.
        to: u32,
        /// What the reservation alone would make it.
        wanted: u32,
        /// Why it is not `wanted`.
        limit: Option<Limit>,
    },
    /// It stays.
    Hold(WhyNot),
}

/// What keeps a step from going all the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// `maximumScalingStepSize`.
    MaximumStep,
    /// The part of the group that may go in one step.
    ScaleInShare,
    /// The group's maximum size.
    MaxSize,
    /// The group's minimum size.
    MinSize,
}

/// Why the desired capacity stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WhyNot {
    /// The reservation is exactly at target.
    AtTarget,
    /// The group is empty and nobody asks for it: [`EmptyGroup::Rests`].
    Empty,
    /// An instance is younger than the warm-up period.
    WarmingUp,
    /// Below target, but for so many minutes only.
    NotLongEnough(u32),
    /// The last step in is not long enough ago.
    BetweenSteps,
    /// The desired capacity is what is wanted; the instances are not there, or not gone, yet.
    AlreadyDesired,
    /// The group's maximum size is reached.
    AtMaximum,
    /// The group's minimum size is reached.
    AtMinimum,
}

/// The two alarms of a capacity provider: above target for 1 minute, below for 15.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarms {
    /// Minutes in a row below target.
    below: u32,
    /// Minutes until the next step in.
    pause: u32,
}

impl ManagedScaling {
    /// Says whether no instance of the group is within its warm-up.
    ///
    /// "Auto Scaling checks if all existing instances have passed the `instanceWarmupPeriod` (now
    /// minus the instance launch time)."
    pub fn is_warm(&self, now: &GroupNow) -> bool {
        now.youngest.is_none_or(|age| age >= self.instance_warmup_period)
    }

    /// Returns how many instances waiting tasks ask for.
    ///
    /// Dimension by dimension, a group of tasks must fit the smallest instance type to count, and
    /// is packed onto the largest: a lower bound, corrected by later waves.
    pub fn waiting(&self, groups: &[WaitingGroup], types: &[Room]) -> Waiting {
        if groups.iter().all(|group| group.count == 0) {
            return Waiting::Nobody;
        }
        let Some((smallest, largest)) = extremes(types) else { return Waiting::NoneFits };
        let compatible = groups.iter().filter(|it| it.count > 0 && it.per_instance(&smallest) > 0);
        let counts = compatible.map(|it| it.count.div_ceil(it.per_instance(&largest).max(1)));
        let needed = match self.combine {
            Combine::Max => counts.max(),
            Combine::Sum => counts.reduce(u32::saturating_add),
        };
        let Some(needed) = needed else { return Waiting::NoneFits };
        if needed < self.minimum_scaling_step_size {
            return Waiting::Instances(self.minimum_scaling_step_size);
        }
        Waiting::Instances(needed.min(self.maximum_scaling_step_size))
    }

    /// Returns the metric.
    ///
    /// From an empty group it is 200, whatever waits and whatever the steps are. Otherwise it is
    /// 100 M / N; M counts the instances that are not empty, or if tasks wait, N and what they
    /// ask for. Daemons do not keep an instance from being empty.
    ///
    /// Assumption: while an instance is within its warm-up waiting tasks are not looked at again:
    /// M is N then, so that the instances they were promised are not counted as spare.
    pub fn reservation(&self, now: &GroupNow, waiting: Waiting) -> Reservation {
        let n = now.running;
        let fixed = |needed, percent: u32| Reservation {
            needed,
            numerator: u64::from(percent),
            denominator: 1,
        };
        let needed = match waiting {
            Waiting::Nobody if n == 0 => return fixed(0, 100),
            Waiting::Nobody => now.occupied,
            Waiting::NoneFits => return fixed(n, self.target_capacity),
            Waiting::Instances(more) if n == 0 => return fixed(more, 200),
            Waiting::Instances(_) if !self.is_warm(now) => n,
            Waiting::Instances(more) => n.saturating_add(more),
        };
        Reservation { needed, numerator: 100 * u64::from(needed), denominator: u64::from(n) }
    }

    /// Returns the desired capacity that brings the reservation to target: ⌈N × metric / target⌉.
    ///
    /// An empty group counts as one instance. Assumption: it is rounded up
    /// (containers-roadmap#653 shows it for 100 / 90).
    fn wanted(&self, now: &GroupNow, reservation: &Reservation) -> u32 {
        let instances = u128::from(now.running.max(1)) * u128::from(reservation.numerator);
        let target = u128::from(self.target_capacity.max(1));
        let wanted = instances.div_ceil(u128::from(reservation.denominator) * target);
        u32::try_from(wanted).unwrap_or(u32::MAX)
    }

    /// Decides about a reservation above target.
    ///
    /// Assumption: the change obeys the largest step too, which below a target of 100 the metric
    /// alone does not; it is counted from the desired capacity, or from N if that is more.
    fn scale_out(&self, now: &GroupNow, wanted: u32) -> Decision {
        if now.desired_capacity >= now.max_size {
            return Decision::Hold(WhyNot::AtMaximum);
        }
        if !self.is_warm(now) {
            return Decision::Hold(WhyNot::WarmingUp);
        }
        let base = now.desired_capacity.max(now.running);
        let step = base.saturating_add(self.maximum_scaling_step_size);
        let (mut to, mut limit) = (wanted, None);
        for (most, by) in [(step, Limit::MaximumStep), (now.max_size, Limit::MaxSize)] {
            if most < to {
                (to, limit) = (most, Some(by));
            }
        }
        if to <= now.desired_capacity {
            return Decision::Hold(WhyNot::AlreadyDesired);
        }
        Decision::Step { from: now.desired_capacity, to, wanted, limit }
    }

    /// Decides about a reservation that has been below target for long enough.
    ///
    /// At least one instance goes and at most a part of N, rounded down. Assumption: the guide's
    /// "greater than one instance and less than 50% each minute" means that. Nothing goes while
    /// an instance is within its warm-up, as with any target tracking policy of a group (Amazon
    /// EC2 Auto Scaling User Guide, "Set the default instance warmup").
    fn scale_in(&self, now: &GroupNow, wanted: u32) -> Decision {
        if now.desired_capacity <= now.min_size {
            return Decision::Hold(WhyNot::AtMinimum);
        }
        if !self.is_warm(now) {
            return Decision::Hold(WhyNot::WarmingUp);
        }
        let share = u64::from(now.running) * u64::from(self.scale_in_percent.min(100)) / 100;
        let share = now.running.saturating_sub(u32::try_from(share).unwrap_or(u32::MAX).max(1));
        let (mut to, mut limit) = (wanted, None);
        for (least, by) in [(share, Limit::ScaleInShare), (now.min_size, Limit::MinSize)] {
            if least > to {
                (to, limit) = (least, Some(by));
            }
        }
        if to >= now.desired_capacity {
            return Decision::Hold(WhyNot::AlreadyDesired);
        }
        Decision::Step { from: now.desired_capacity, to, wanted, limit }
    }
}

impl WaitingGroup {
    /// Returns how many tasks of the group an empty instance takes.
    pub fn per_instance(&self, room: &Room) -> u32 {
        let (has, needs) = (&room.resources, &self.resources);
        let times = |has: u32, needs: u32| has.checked_div(needs).unwrap_or(u32::MAX);
        let fits = times(has.cpu_units, needs.cpu_units)
            .min(times(has.memory_mib, needs.memory_mib))
            .min(times(has.gpus, needs.gpus))
            .min(times(room.task_enis, u32::from(self.awsvpc)));
        if self.alone { fits.min(1) } else { fits }
    }
}

/// Returns the smallest and the largest of each dimension.
fn extremes(types: &[Room]) -> Option<(Room, Room)> {
    let by = |choose: fn(u32, u32) -> u32| {
        types.iter().copied().reduce(|a, b| Room {
            resources: Resources {
                cpu_units: choose(a.resources.cpu_units, b.resources.cpu_units),
                memory_mib: choose(a.resources.memory_mib, b.resources.memory_mib),
                gpus: choose(a.resources.gpus, b.resources.gpus),
            },
            task_enis: choose(a.task_enis, b.task_enis),
        })
    };
    Some((by(u32::min)?, by(u32::max)?))
}

impl Reservation {
    /// Returns the metric in percent, for people.
    pub fn as_percent_f64(&self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }

    /// Compares the metric with so many percent, exactly.
    fn cmp_percent(&self, percent: u32) -> Ordering {
        self.numerator.cmp(&(self.denominator * u64::from(percent)))
    }
}

impl Alarms {
    /// Takes the reservation of one minute and decides about the desired capacity.
    ///
    /// Steps in need 15 minutes in a row below target, and then come as long as it is below; any
    /// other minute, and so any scale-out, begins the 15 minutes again.
    pub fn minute(
        &mut self,
        scaling: &ManagedScaling,
        now: &GroupNow,
        reservation: &Reservation,
    ) -> Decision {
        let wanted = scaling.wanted(now, reservation);
        match reservation.cmp_percent(scaling.target_capacity) {
            Ordering::Equal => {
                *self = Alarms::default();
                Decision::Hold(WhyNot::AtTarget)
            }
            Ordering::Greater => {
                *self = Alarms::default();
                let is_idle = now.running == 0 && reservation.needed == 0;
                if is_idle && scaling.empty_group == EmptyGroup::Rests {
                    return Decision::Hold(WhyNot::Empty);
                }
                scaling.scale_out(now, wanted)
            }
            Ordering::Less => self.below_target(scaling, now, wanted),
        }
    }

    fn below_target(&mut self, scaling: &ManagedScaling, now: &GroupNow, wanted: u32) -> Decision {
        self.below = self.below.saturating_add(1);
        if self.below < MINUTES_BELOW {
            return Decision::Hold(WhyNot::NotLongEnough(self.below));
        }
        if self.pause > 0 {
            self.pause -= 1;
            return Decision::Hold(WhyNot::BetweenSteps);
        }
        let decision = scaling.scale_in(now, wanted);
        if matches!(decision, Decision::Step { .. }) {
            self.pause = scaling.scale_in_every_minutes.saturating_sub(1);
        }
        decision
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::DEFAULT_SCALING as DEFAULTS;
    use super::super::dice;
    use super::*;

    /// 2 vCPU, 8 GiB.
    const LARGE: Room = room(2048, 8192);

    const fn room(cpu_units: u32, memory_mib: u32) -> Room {
        Room { resources: Resources { cpu_units, memory_mib, gpus: 0 }, task_enis: 2 }
    }

    fn tasks(count: u32, cpu_units: u32, memory_mib: u32) -> WaitingGroup {
        let resources = Resources { cpu_units, memory_mib, gpus: 0 };
        WaitingGroup { resources, awsvpc: false, alone: false, count }
    }

    fn target(target_capacity: u32) -> ManagedScaling {
        ManagedScaling { target_capacity, ..DEFAULTS }
    }

    /// A group of warm instances, as many as are desired.
    fn group(running: u32, occupied: u32) -> GroupNow {
        let (desired_capacity, min_size, max_size) = (running, 0, 100_000);
        let youngest = (running > 0).then_some(Span::HOUR);
        GroupNow { desired_capacity, min_size, max_size, running, occupied, youngest }
    }

    fn first(scaling: &ManagedScaling, now: &GroupNow, waiting: Waiting) -> Decision {
        Alarms::default().minute(scaling, now, &scaling.reservation(now, waiting))
    }

    /// Returns the desired capacity after so many minutes in which the group follows at once.
    fn after(minutes: u32, scaling: &ManagedScaling, mut now: GroupNow) -> u32 {
        let mut alarms = Alarms::default();
        for _ in 0..minutes {
            let reservation = scaling.reservation(&now, Waiting::Nobody);
            if let Decision::Step { to, .. } = alarms.minute(scaling, &now, &reservation) {
                (now.desired_capacity, now.running) = (to, to);
            }
        }
        now.desired_capacity
    }

    /// Checks the metric, and the desired capacity of the first minute, or why it stays.
    #[track_caller]
    fn check(scaling: &ManagedScaling, now: GroupNow, waiting: Waiting, expected: (f64, u32)) {
        let reservation = scaling.reservation(&now, waiting);
        let percent = reservation.as_percent_f64();
        assert!((percent - expected.0).abs() < 0.05, "{percent} instead of {}", expected.0);
        let to = match first(scaling, &now, waiting) {
            Decision::Step { to, .. } => to,
            Decision::Hold(_) => now.desired_capacity,
        };
        assert_eq!(to, expected.1);
    }

    #[test]
    fn a_e75_s_e68_seven_more_tasks_of_four_an_instance_need_two_more() {
        // 15 tasks, 4 to an instance, on 2 instances: 8 run, 7 wait. On demand: 7, 4 of them run.
        let spot = DEFAULTS.waiting(&[tasks(7, 420, 1680)], &[LARGE]);
        check(&DEFAULTS, group(2, 2), spot, (200.0, 4));
        let on_demand = DEFAULTS.waiting(&[tasks(3, 420, 1680)], &[LARGE]);
        check(&DEFAULTS, group(1, 1), on_demand, (200.0, 2));
    }

    #[test]
    fn a_e76_a_e78_an_empty_group_begins_with_two_whatever_waits() {
        for count in [1, 6, 500] {
            let waiting = DEFAULTS.waiting(&[tasks(count, 420, 1680)], &[LARGE]);
            check(&DEFAULTS, group(0, 0), waiting, (200.0, 2));
        }
        assert_eq!([14, 15].map(|it| after(it, &DEFAULTS, group(2, 1))), [2, 1]); // the spare one
        // Twice one instance, of which the target keeps half free.
        check(&target(50), group(0, 0), Waiting::Instances(1), (200.0, 4));
    }

    #[test]
    fn an_empty_group_that_nobody_asks_for_rests_unless_it_follows_the_metric() {
        check(&DEFAULTS, group(0, 0), Waiting::Nobody, (100.0, 0));
        check(&target(90), group(0, 0), Waiting::Nobody, (100.0, 0));
        let looping = ManagedScaling { empty_group: EmptyGroup::FollowsMetric, ..target(90) };
        check(&looping, group(0, 0), Waiting::Nobody, (100.0, 2)); // containers-roadmap#653
    }

    #[test]
    fn a_e80_two_of_three_instances_remain_after_fifteen_minutes() {
        check(&DEFAULTS, group(3, 2), Waiting::Nobody, (66.7, 3));
        assert_eq!(after(14, &DEFAULTS, group(3, 2)), 3);
        assert_eq!(after(15, &DEFAULTS, group(3, 2)), 2);
    }

    #[test]
    fn a_e81_a_target_of_half_keeps_as_many_empty() {
        check(&target(50), group(3, 2), Waiting::Nobody, (66.7, 4));
    }

    #[test]
    fn a_e83_a_step_is_no_larger_than_the_largest() {
        let scaling = ManagedScaling { maximum_scaling_step_size: 5, ..DEFAULTS };
        let waiting = scaling.waiting(&[tasks(20, 1024, 2048)], &[LARGE]);
        assert_eq!(waiting, Waiting::Instances(5)); // of 10
        check(&scaling, group(10, 10), waiting, (150.0, 15));
    }

    #[test]
    fn a_e85_two_empty_instances_of_ten_go_after_fifteen_minutes() {
        check(&DEFAULTS, group(10, 8), Waiting::Nobody, (80.0, 10));
        assert_eq!(after(14, &DEFAULTS, group(10, 8)), 10);
        assert_eq!(after(15, &DEFAULTS, group(10, 8)), 8);
    }

    #[test]
    fn a_e86_instances_with_daemons_alone_are_empty() {
        check(&DEFAULTS, group(10, 7), Waiting::Nobody, (70.0, 10));
    }

    #[test]
    fn a_e88_half_of_what_is_there_goes_each_minute() {
        let desired = |minutes| after(minutes, &DEFAULTS, group(334, 34));
        assert_eq!([14, 15, 16, 17, 18, 60].map(desired), [334, 167, 84, 42, 34, 34]);
        // Before September 2022: 51 steps, where the announcement says about 80 minutes.
        let slow = ManagedScaling { scale_in_percent: 5, ..DEFAULTS };
        let steps = (0..).find(|steps| after(14 + steps, &slow, group(334, 34)) == 34);
        assert_eq!(steps, Some(51));
        // Four steps in the ten minutes that were announced.
        let paused = ManagedScaling { scale_in_every_minutes: 3, ..DEFAULTS };
        let desired = |minutes| after(minutes, &paused, group(334, 34));
        assert_eq!([15, 17, 18, 21, 23, 24].map(desired), [167, 167, 84, 42, 42, 34]);
    }

    #[test]
    fn a_e90_no_wave_follows_before_the_warm_up_is_over() {
        let at = |age| GroupNow { youngest: Some(Span::secs(age)), ..group(4, 2) };
        let waiting = Waiting::Instances(3);
        assert_eq!(first(&DEFAULTS, &at(299), waiting), Decision::Hold(WhyNot::AtTarget));
        check(&DEFAULTS, at(299), waiting, (100.0, 4)); // they are not looked at again
        check(&DEFAULTS, at(300), waiting, (175.0, 7));
        // With a lower target the metric is above it, and the gate holds.
        let hold = Decision::Hold(WhyNot::WarmingUp);
        assert_eq!(first(&target(90), &at(299), waiting), hold);
    }

    #[test]
    fn s_e70_a_lower_target_keeps_whole_empty_instances() {
        for (scaling, occupied, settled) in [(target(90), 9, 10), (target(50), 2, 4)] {
            assert_eq!(after(120, &scaling, group(occupied, occupied)), settled);
            assert_eq!(after(120, &scaling, group(40, occupied)), settled);
        }
    }

    #[test]
    fn s_e71_ten_tasks_of_two_an_instance_come_in_waves_of_three_and_two() {
        let scaling = ManagedScaling { maximum_scaling_step_size: 3, ..DEFAULTS };
        let waiting = |count| scaling.waiting(&[tasks(count, 1024, 2048)], &[LARGE]);
        check(&scaling, group(1, 1), waiting(10), (400.0, 4));
        let young = GroupNow { youngest: Some(Span::secs(120)), ..group(4, 4) };
        check(&scaling, young, waiting(4), (100.0, 4));
        check(&scaling, group(4, 4), waiting(4), (150.0, 6));
    }

    #[test]
    fn s_e73_what_does_not_fit_the_smallest_type_scales_nothing() {
        let types = [room(2048, 3884), room(16_384, 63_000)];
        let waiting = DEFAULTS.waiting(&[tasks(9, 1024, 8192)], &types);
        assert_eq!(waiting, Waiting::NoneFits);
        for percent in [100, 80] {
            check(&target(percent), group(3, 1), waiting, (f64::from(percent), 3));
            check(&target(percent), group(0, 0), waiting, (f64::from(percent), 0));
        }
        // What fits beside it is counted on the largest type: 16 vCPU take 16 tasks.
        let mixed = [tasks(9, 1024, 8192), tasks(33, 1024, 1024)];
        assert_eq!(DEFAULTS.waiting(&mixed, &types), Waiting::Instances(3));
        assert_eq!(DEFAULTS.waiting(&mixed, &[]), Waiting::NoneFits);
        assert_eq!(DEFAULTS.waiting(&[tasks(0, 1, 1)], &types), Waiting::Nobody);
    }

    #[test]
    fn each_dimension_limits_how_many_tasks_an_instance_takes() {
        let check = |group: WaitingGroup, instances| {
            assert_eq!(DEFAULTS.waiting(&[group], &[LARGE]), Waiting::Instances(instances));
        };
        check(tasks(8, 512, 1), 2);
        check(tasks(8, 1, 4096), 4);
        check(WaitingGroup { awsvpc: true, ..tasks(8, 1, 1) }, 4); // two interfaces
        check(WaitingGroup { alone: true, ..tasks(8, 1, 1) }, 8);
        check(tasks(8, 0, 0), 1);
        let mut gpu = tasks(8, 1, 1);
        gpu.resources.gpus = 1;
        assert_eq!(DEFAULTS.waiting(&[gpu], &[LARGE]), Waiting::NoneFits);
        let mut p3 = LARGE;
        p3.resources.gpus = 4;
        assert_eq!(DEFAULTS.waiting(&[gpu], &[p3]), Waiting::Instances(2));
        assert_eq!(DEFAULTS.waiting(&[gpu], &[p3, LARGE]), Waiting::NoneFits);
    }

    #[test]
    fn groups_combine_by_maximum_or_by_sum_within_the_steps() {
        let groups = [tasks(10, 1024, 1), tasks(3, 2048, 1)];
        let waiting = |scaling: ManagedScaling| scaling.waiting(&groups, &[LARGE]);
        let sum = ManagedScaling { combine: Combine::Sum, ..DEFAULTS };
        assert_eq!(waiting(DEFAULTS), Waiting::Instances(5));
        assert_eq!(waiting(sum), Waiting::Instances(8));
        let stepped = |minimum_scaling_step_size, maximum_scaling_step_size| {
            waiting(ManagedScaling {
                minimum_scaling_step_size,
                maximum_scaling_step_size,
                ..DEFAULTS
            })
        };
        assert_eq!(stepped(7, 10), Waiting::Instances(7));
        assert_eq!(stepped(1, 4), Waiting::Instances(4));
    }

    #[test]
    fn the_change_of_desired_capacity_obeys_the_largest_step_and_the_sizes() {
        let scaling = ManagedScaling { maximum_scaling_step_size: 10, ..target(80) };
        let now = group(100, 100);
        let step = |to, limit| Decision::Step { from: 100, to, wanted: 138, limit };
        let more = Waiting::Instances(10);
        assert_eq!(first(&scaling, &now, more), step(110, Some(Limit::MaximumStep)));
        let tight = GroupNow { max_size: 105, ..now };
        assert_eq!(first(&scaling, &tight, more), step(105, Some(Limit::MaxSize)));
        assert_eq!(first(&target(80), &now, more), step(138, None));
        let full = GroupNow { max_size: 100, ..now };
        assert_eq!(first(&scaling, &full, more), Decision::Hold(WhyNot::AtMaximum));
        // What was desired could not be launched: it is not desired twice.
        let short = GroupNow { desired_capacity: 138, ..now };
        let hold = Decision::Hold(WhyNot::AlreadyDesired);
        assert_eq!(first(&target(80), &short, more), hold);
        assert_eq!(after(60, &DEFAULTS, GroupNow { min_size: 6, ..group(10, 2) }), 6);
    }

    #[test]
    fn any_minute_that_is_not_below_target_begins_the_fifteen_again() {
        let mut alarms = Alarms::default();
        let mut minute = |occupied, waiting| {
            let now = group(10, occupied);
            alarms.minute(&DEFAULTS, &now, &DEFAULTS.reservation(&now, waiting))
        };
        let step = Decision::Step { from: 10, to: 8, wanted: 8, limit: None };
        for between in [None, Some((10, Waiting::Nobody)), Some((8, Waiting::Instances(1)))] {
            if let Some((occupied, waiting)) = between {
                minute(occupied, waiting);
            }
            for minutes in 1..15 {
                let early = Decision::Hold(WhyNot::NotLongEnough(minutes));
                assert_eq!(minute(8, Waiting::Nobody), early);
            }
            assert_eq!(minute(8, Waiting::Nobody), step);
            assert_eq!(minute(8, Waiting::Nobody), step); // and each minute from then on
        }
    }

    #[test]
    fn a_step_in_that_does_not_come_has_a_reason() {
        let reason = |pause, now: GroupNow| {
            let mut alarms = Alarms { below: MINUTES_BELOW, pause };
            alarms.minute(&DEFAULTS, &now, &DEFAULTS.reservation(&now, Waiting::Nobody))
        };
        let now = group(10, 8);
        let young = |age| GroupNow { youngest: Some(Span::secs(age)), ..now };
        let step = Decision::Step { from: 10, to: 8, wanted: 8, limit: None };
        assert_eq!(reason(0, young(300)), step);
        assert_eq!(reason(0, young(299)), Decision::Hold(WhyNot::WarmingUp));
        assert_eq!(reason(1, now), Decision::Hold(WhyNot::BetweenSteps));
        let least = GroupNow { min_size: 10, ..now };
        assert_eq!(reason(0, least), Decision::Hold(WhyNot::AtMinimum));
        // Eight are desired already; protection keeps the others.
        let protected = GroupNow { desired_capacity: 8, ..now };
        assert_eq!(reason(0, protected), Decision::Hold(WhyNot::AlreadyDesired));
        let limited = |to, limit| Decision::Step { from: 10, to, wanted: 2, limit: Some(limit) };
        assert_eq!(reason(0, group(10, 2)), limited(5, Limit::ScaleInShare));
        let least = GroupNow { min_size: 7, ..group(10, 2) };
        assert_eq!(reason(0, least), limited(7, Limit::MinSize));
        // At least one goes, however few there are.
        assert_eq!(after(16, &DEFAULTS, group(2, 0)), 0);
    }

    #[test]
    fn packing_is_what_placing_one_by_one_gives() {
        for case in 0..300 {
            let mut dice = dice(case);
            let room = room(1 + dice(4096), 1 + dice(4096));
            let group = WaitingGroup {
                awsvpc: dice(2) == 0,
                alone: dice(4) == 0,
                ..tasks(1 + dice(40), dice(2048), dice(2048))
            };
            let mut opened: Vec<(Resources, u32)> = Vec::new();
            let fits = |(free, placed): &(Resources, u32)| {
                free.fits(&group.resources)
                    && !(group.alone && *placed > 0)
                    && !(group.awsvpc && *placed == room.task_enis)
            };
            for _ in 0..group.count {
                let at = opened.iter().position(fits).unwrap_or_else(|| {
                    opened.push((room.resources, 0));
                    opened.len() - 1
                });
                if fits(&opened[at]) {
                    opened[at].0.take(&group.resources);
                    opened[at].1 += 1;
                }
            }
            let expected = match room.resources.fits(&group.resources) {
                true => Waiting::Instances(opened.len() as u32),
                false => Waiting::NoneFits,
            };
            assert_eq!(DEFAULTS.waiting(&[group], &[room]), expected, "case {case}: {group:?}");
        }
    }

    #[test]
    fn steps_aim_at_the_least_that_suffices_and_stay_within_all_limits() {
        let (mut out, mut back) = (0, 0);
        for case in 0..3000 {
            let mut dice = dice(case);
            let scaling = ManagedScaling {
                target_capacity: 1 + dice(100),
                minimum_scaling_step_size: 1 + dice(5),
                maximum_scaling_step_size: 5 + dice(50),
                ..DEFAULTS
            };
            let running = dice(200);
            let now = GroupNow {
                desired_capacity: dice(200),
                min_size: dice(20),
                max_size: 20 + dice(300),
                ..group(running, dice(running + 1))
            };
            let desired_capacity = now.desired_capacity.min(now.max_size);
            let now = GroupNow { desired_capacity, ..now };
            let waiting = [Waiting::Nobody, Waiting::Instances(1 + dice(60))][dice(2) as usize];
            let reservation = scaling.reservation(&now, waiting);
            // The smallest capacity of which no more than the target is needed.
            let exact = |to: u32| 100 * reservation.needed <= to * scaling.target_capacity;
            let least = (0..).find(|&to| exact(to)).unwrap();
            let mut alarms = Alarms { below: MINUTES_BELOW, pause: 0 };
            let Decision::Step { from, to, wanted, limit } =
                alarms.minute(&scaling, &now, &reservation)
            else {
                continue;
            };
            assert_eq!(from, now.desired_capacity);
            assert!(running == 0 || wanted == least, "case {case}: {wanted}, not {least}");
            assert!((to == wanted) == limit.is_none(), "case {case}");
            assert!((now.min_size..=now.max_size).contains(&to) || to > from, "case {case}");
            *(if to > from { &mut out } else { &mut back }) += 1;
            if to > from {
                assert!(to <= from.max(running) + scaling.maximum_scaling_step_size);
                assert!(to <= now.max_size);
            } else {
                assert!(to >= running - (running / 2).max(1), "case {case}");
            }
        }
        assert!(out > 1000 && back > 300, "{out} out and {back} in are too few to say so");
    }
}

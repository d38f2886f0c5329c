//! Scheduled actions of services: other bounds at stated times.
//!
//! Source: Application Auto Scaling User Guide, "Scheduled scaling"; API, PutScheduledAction.

use crate::units::{SimTime, Span};

use super::super::model::When;

/// A scheduled action of a service: what is not given stays as it is.
#[derive(Clone, Debug)]
pub struct ScheduledScaling {
    /// The name.
    pub name: String,
    /// When.
    pub when: When,
    /// A rate: how often, from `start` on.
    pub every: Option<Span>,
    /// From when on; with a recurrence it is executed then, too.
    pub start: Option<SimTime>,
    /// Until when.
    pub end: Option<SimTime>,
    /// `MinCapacity` from then on.
    pub min_capacity: Option<u32>,
    /// `MaxCapacity`.
    pub max_capacity: Option<u32>,
}

/// What a scheduled action has made of the bounds and of the desired count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bounded {
    /// `MinCapacity` now.
    pub min_capacity: u32,
    /// `MaxCapacity` now.
    pub max_capacity: u32,
    /// The desired count now.
    pub desired: u32,
}

impl ScheduledScaling {
    /// Returns when it is due next, at or after an instant; `None` if never.
    pub fn next_at_or_after(&self, at: SimTime) -> Option<SimTime> {
        let start = self.start.unwrap_or(SimTime::ZERO);
        let next = match self.every {
            Some(every) => {
                let since = at.as_micros().saturating_sub(start.as_micros());
                let every = every.as_micros().max(1);
                Some(SimTime::from_micros(start.as_micros() + since.div_ceil(every) * every))
            }
            None if self.start.is_some() && at <= start => Some(start),
            None => self.when.next_at_or_after(at),
        };
        next.filter(|it| self.end.is_none_or(|end| *it <= end))
    }

    /// Returns the bounds after it, and the desired count within them.
    ///
    /// Assumption: where another action has left a minimum above the maximum that this one sets, or
    /// a maximum below its minimum, what this one says holds, and the other bound gives way.
    pub fn bounds(&self, (min, max): (u32, u32), desired: u32) -> Bounded {
        let (min_capacity, max_capacity) = match (self.min_capacity, self.max_capacity) {
            (Some(least), most) => (least, most.unwrap_or(max).max(least)),
            (None, Some(most)) => (min.min(most), most),
            (None, None) => (min, max),
        };
        let desired = desired.max(min_capacity).min(max_capacity);
        Bounded { min_capacity, max_capacity, desired }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Calendar, Schedule};

    fn action(schedule: &str, start: &str, zone: &str) -> ScheduledScaling {
        let calendar = Calendar::new(start, zone).unwrap();
        let schedule = Schedule::parse(schedule).unwrap();
        ScheduledScaling {
            name: "x".into(),
            when: When::Recurring { schedule, calendar },
            every: None,
            start: None,
            end: None,
            min_capacity: None,
            max_capacity: None,
        }
    }

    fn times(action: &ScheduledScaling, count: usize) -> Vec<f64> {
        let mut from = SimTime::ZERO;
        let mut times = Vec::new();
        while let (true, Some(at)) = (times.len() < count, action.next_at_or_after(from)) {
            times.push(at.as_secs_f64() / 3600.0);
            from = SimTime::from_micros(at.as_micros() + 1);
        }
        times
    }

    #[test]
    fn a_e63_bounds_move_what_is_desired_and_nothing_else() {
        let act = |min_capacity, max_capacity, bounds, desired| {
            let it = action("rate(1 day)", "2026-01-05", "UTC");
            let it = ScheduledScaling { min_capacity, max_capacity, ..it }.bounds(bounds, desired);
            (it.min_capacity, it.max_capacity, it.desired)
        };
        assert_eq!(act(Some(0), Some(0), (1, 10), 3), (0, 0, 0)); // A-E63
        assert_eq!(act(Some(5), None, (1, 10), 3), (5, 10, 5));
        assert_eq!(act(None, Some(2), (1, 10), 3), (1, 2, 2));
        assert_eq!(act(Some(2), Some(8), (1, 10), 3), (2, 8, 3), "inside it stays");
        assert_eq!(act(None, Some(2), (4, 10), 6), (2, 2, 2), "the other bound gives way");
    }

    /// The run begins on 2021-01-30T00:00Z.
    #[test]
    fn a_e65_rates_count_from_the_start_to_the_end() {
        let it = ScheduledScaling {
            every: Some(Span::HOUR * 5),
            start: Some(SimTime::from_secs(12 * 3600)),
            end: Some(SimTime::from_secs(46 * 3600)),
            ..action("rate(5 hours)", "2021-01-30", "UTC")
        };
        assert_eq!(times(&it, 20), [12.0, 17.0, 22.0, 27.0, 32.0, 37.0, 42.0]);
    }

    /// Monday to Friday, every five minutes from 08:00 to 17:55.
    #[test]
    fn a_e66_days_have_names() {
        let it = action("cron(0/5 8-17 ? * MON-FRI *)", "2026-01-09T00:00", "UTC"); // a Friday
        let all = times(&it, 121);
        assert_eq!((all[0], all[1]), (8.0, 8.0 + 5.0 / 60.0));
        assert!((all[119] - (17.0 + 55.0 / 60.0)).abs() < 1e-9);
        assert_eq!(all[120], 72.0 + 8.0, "then on Monday");
    }

    #[test]
    fn a_start_is_one_more_time() {
        let start = Some(SimTime::from_secs(2 * 3600));
        let it =
            ScheduledScaling { start, ..action("cron(0 9 * * ? *)", "2026-01-05T00:00", "UTC") };
        assert_eq!(times(&it, 3), [2.0, 9.0, 33.0]);
    }

    /// Clocks go forward in Dublin on 29 March 2026: 09:00 comes an hour earlier.
    #[test]
    fn local_times_follow_daylight_saving() {
        let it = action("cron(0 9 * * ? *)", "2026-03-28T00:00", "Europe/Dublin");
        assert_eq!(times(&it, 3), [9.0, 32.0, 56.0]);
    }
}

//! Predictive scaling of services: from the load of past hours to tasks in coming ones.
//!
//! How AWS forecasts is its secret. Assumption: the mean of the same hours of the days before, of
//! which each counts ⅞ as much as the next one, and the same day of the week four times. Source of
//! the rest: ECS Developer Guide, "Use historical patterns to scale Amazon ECS services with
//! predictive scaling"; Application Auto Scaling API, PredictiveScalingPolicyConfiguration.

use std::sync::Arc;

use crate::units::Span;

use super::alarm::MetricValue;

/// Hours of the past that are needed. Source: the guide: at least 24.
pub const NEEDED_HOURS: usize = 24;
/// Hours of the past that are looked at. Source: the guide: up to 14 days.
pub const PAST_HOURS: usize = 14 * 24;
/// Hours ahead. Source: the guide.
pub const AHEAD_HOURS: usize = 48;
/// Time between two forecasts. Source: the guide.
pub const REFRESH: Span = Span::secs(6 * 3600);

const DAY: usize = 24;
const WEEK: usize = 7 * DAY;
/// How much more the same day of the week counts.
const OF_WEEK: i128 = 4;
/// Days from the first hour of the past to the last one ahead, at most.
const DAYS: u32 = ((PAST_HOURS + AHEAD_HOURS) / DAY) as u32;

/// A predictive scaling policy; what it watches is the load, not the metric that is tracked.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictive {
    /// How much of the load a task is to have, in the unit of the load.
    pub target: MetricValue,
    /// `Mode`: whether it scales, or only forecasts.
    pub mode: Mode,
    /// `SchedulingBufferTime`: how long before an hour its tasks are started.
    pub scheduling_buffer: Span,
    /// `MaxCapacityBreachBehavior`.
    pub max_capacity_breach: MaxCapacityBreach,
    /// The load of the hours before the run, the last of them last.
    pub history: Arc<Vec<MetricValue>>,
}

/// `Mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// `ForecastOnly`.
    #[default]
    ForecastOnly,
    /// `ForecastAndScale`.
    ForecastAndScale,
}

/// What a forecast above the maximum capacity does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MaxCapacityBreach {
    /// `HonorMaxCapacity`: the maximum holds.
    #[default]
    Honor,
    /// `IncreaseMaxCapacity`: it is raised, for good.
    Increase {
        /// `MaxCapacityBuffer`, in percent of the forecast.
        buffer_percent: u32,
    },
}

impl MaxCapacityBreach {
    /// Returns the maximum capacity with a forecast of so many tasks.
    pub fn max_capacity(self, forecast: u32, max: u32) -> u32 {
        match self {
            MaxCapacityBreach::Increase { buffer_percent } if forecast > max => {
                let raised = u64::from(forecast) * u64::from(100 + buffer_percent.min(100));
                u32::try_from(raised.div_ceil(100)).unwrap_or(u32::MAX)
            }
            MaxCapacityBreach::Increase { .. } | MaxCapacityBreach::Honor => max,
        }
    }
}

/// Returns the load of the coming hours, from that of past ones, the newest last; `None` with too
/// few. Hours without data are left out.
pub fn forecast(past: &[Option<MetricValue>]) -> Option<Vec<MetricValue>> {
    let past = &past[past.len().saturating_sub(PAST_HOURS)..];
    if past.iter().flatten().count() < NEEDED_HOURS {
        return None;
    }
    Some((0..AHEAD_HOURS).map(|ahead| of_hour(past, ahead)).collect())
}

/// The weighted mean of the same hours of past days; zero if there are none.
fn of_hour(past: &[Option<MetricValue>], ahead: usize) -> MetricValue {
    let (mut sum, mut weights) = (0i128, 0i128);
    for (position, value) in past.iter().enumerate() {
        let ago = past.len() - position + ahead;
        let (Some(value), 0) = (value, ago % DAY) else { continue };
        let days = (ago / DAY) as u32;
        let of_week = if ago.is_multiple_of(WEEK) { OF_WEEK } else { 1 };
        let weight = 7i128.pow(days) * 8i128.pow(DAYS - days) * of_week;
        sum += i128::from(value.0) * weight;
        weights += weight;
    }
    let mean = sum.checked_div(weights).unwrap_or(0);
    MetricValue(i64::try_from(mean).unwrap_or(i64::MAX))
}

/// Returns how many tasks have no more than the target each: none of no load.
pub fn tasks_for(load: MetricValue, target: MetricValue) -> u32 {
    let (load, target) = (load.0.max(0).unsigned_abs(), target.0.max(1).unsigned_abs());
    u32::try_from(load.div_ceil(target)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(count: usize, load: impl Fn(usize) -> Option<i64>) -> Vec<Option<MetricValue>> {
        (0..count).map(|hour| load(hour).map(|it| MetricValue(it * 1_000_000))).collect()
    }

    fn units(forecast: &[MetricValue]) -> Vec<f64> {
        forecast.iter().map(|it| it.0 as f64 / 1e6).collect()
    }

    #[test]
    fn a_forecast_needs_a_day_and_is_for_two() {
        assert_eq!(forecast(&hours(23, |_| Some(5))), None);
        assert_eq!(forecast(&hours(40, |it| (it > 16).then_some(5))), None);
        assert_eq!(units(&forecast(&hours(24, |_| Some(5))).unwrap()), [5.0; 48]);
    }

    /// What repeats each week exactly is forecast exactly where that is all there is.
    #[test]
    fn days_repeat() {
        let daily = |hour: usize| Some([3, 1, 4, 1, 5, 9][hour % 24 / 4]);
        for known in [24, 25, 47, 100, 14 * 24, 400] {
            let found = units(&forecast(&hours(known, daily)).unwrap());
            let expected: Vec<f64> =
                (known..known + 48).map(|hour| daily(hour).unwrap() as f64).collect();
            assert_eq!(found, expected, "{known}");
        }
    }

    /// Two weeks of 100, but 20 on Sundays: by hand, of 14 days back with weights of ⅞ each and
    /// four times on the 7th and 14th.
    #[test]
    fn the_same_day_of_the_week_counts_more() {
        let sunday = |hour: usize| Some(if hour / 24 % 7 == 6 { 20 } else { 100 });
        let found = units(&forecast(&hours(13 * 24, sunday)).unwrap())[0];
        let weight = |day: i32| 0.875f64.powi(day) * if day % 7 == 0 { 4.0 } else { 1.0 };
        let of_days = |days: &[i32]| days.iter().map(|&it| weight(it)).sum::<f64>();
        let all: Vec<i32> = (1..=13).collect();
        let expected = 100.0 - 80.0 * of_days(&[7]) / of_days(&all);
        assert!((found - expected).abs() < 1e-5, "{found} for {expected}");
    }

    #[test]
    fn newer_days_count_more() {
        let rises = |hour: usize| Some(if hour < 24 { 0 } else { 15 });
        // ⅞ and its square: 15 × 0.875 ÷ (0.875 + 0.765625) = 8.
        assert_eq!(units(&forecast(&hours(48, rises)).unwrap())[0], 8.0);
    }

    #[test]
    fn a_e60_the_maximum_gives_way_only_if_it_may() {
        let increase = MaxCapacityBreach::Increase { buffer_percent: 10 };
        assert_eq!(increase.max_capacity(50, 40), 55); // A-E60
        assert_eq!(increase.max_capacity(40, 40), 40);
        assert_eq!(MaxCapacityBreach::Honor.max_capacity(50, 40), 40);
    }

    #[test]
    fn tasks_carry_no_more_than_the_target() {
        let percent = |it: i64| MetricValue(it * 1_000_000);
        for (load, target, expected) in [(0, 50, 0), (1, 50, 1), (500, 50, 10), (501, 50, 11)] {
            assert_eq!(tasks_for(percent(load), percent(target)), expected, "{load}");
        }
    }
}

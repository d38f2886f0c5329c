//! What scaling policies of groups and of services have in common: the formula of target tracking,
//! and step adjustments.
//!
//! Source: Amazon EC2 Auto Scaling User Guide and Application Auto Scaling User Guide, "Target
//! tracking scaling policies" and "Step scaling policies".

use super::alarm::{Alarm, MetricValue};

/// `AdjustmentType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdjustmentType {
    /// Instances or tasks more or fewer.
    ChangeInCapacity,
    /// So many of them.
    ExactCapacity,
    /// Percents of the capacity more or fewer.
    PercentChangeInCapacity {
        /// `MinAdjustmentMagnitude`: by how many at least.
        at_least: u32,
    },
}

/// A step: what is done where the metric is so far from the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepAdjustment {
    /// Where it begins, from the threshold; `None`: at no end.
    pub lower: Option<MetricValue>,
    /// Where it ends; `None`: nowhere.
    pub upper: Option<MetricValue>,
    /// By how much.
    pub adjustment: i32,
}

impl AdjustmentType {
    /// Returns what an adjustment makes of a capacity.
    pub fn apply(self, base: u32, adjustment: i32) -> u32 {
        let add =
            |change: i64| u32::try_from((i64::from(base) + change).max(0)).unwrap_or(u32::MAX);
        match self {
            AdjustmentType::ExactCapacity => adjustment.max(0).unsigned_abs(),
            AdjustmentType::ChangeInCapacity => add(adjustment.into()),
            AdjustmentType::PercentChangeInCapacity { at_least } => {
                add(percent_of(base, adjustment, at_least))
            }
        }
    }

    /// Says whether an adjustment is meant to add to what is desired now.
    pub fn is_out(self, adjustment: i32, desired: u32) -> bool {
        match self {
            AdjustmentType::ExactCapacity => i64::from(adjustment) >= i64::from(desired),
            AdjustmentType::ChangeInCapacity | AdjustmentType::PercentChangeInCapacity { .. } => {
                adjustment >= 0
            }
        }
    }
}

/// Returns the capacity that brings a metric to its target: ⌈capacity × metric ÷ target⌉.
///
/// Nothing at all counts as one. Assumption: the formula makes of each example of the
/// guide what the guide says: 1.5 more are 2, 1.5 fewer are 1, and half a one fewer is none.
pub fn track(base: u32, metric: MetricValue, target: MetricValue) -> u32 {
    let metric = u128::from(metric.0.max(0).unsigned_abs());
    let target = u128::from(target.0.max(1).unsigned_abs());
    let wanted = (u128::from(base.max(1)) * metric).div_ceil(target);
    u32::try_from(wanted).unwrap_or(u32::MAX)
}

/// Returns the step for a value of the metric.
///
/// Above the threshold a step begins with its lower bound and ends before its upper one; below, it
/// is the other way round.
pub fn step_of<'a>(
    steps: &'a [StepAdjustment],
    alarm: &Alarm,
    metric: MetricValue,
) -> Option<&'a StepAdjustment> {
    let distance = MetricValue(metric.0.saturating_sub(alarm.threshold.0));
    let is_above = distance.0 > 0 || (distance.0 == 0 && alarm.comparison.is_above());
    let is_in = |step: &&StepAdjustment| match is_above {
        true => {
            step.lower.is_none_or(|it| it <= distance) && step.upper.is_none_or(|it| distance < it)
        }
        false => {
            step.lower.is_none_or(|it| it < distance) && step.upper.is_none_or(|it| distance <= it)
        }
    };
    steps.iter().find(is_in)
}

/// Returns percents of a capacity, rounded as the guide says, and no less than a magnitude.
///
/// Beyond one it is rounded towards zero, between zero and one it is one: 12.7 is 12, 0.67 is 1,
/// −0.58 is −1 and −6.67 is −6. Assumption: nothing at all has no least magnitude.
fn percent_of(base: u32, percent: i32, at_least: u32) -> i64 {
    let hundredths = i64::from(base) * i64::from(percent);
    if hundredths == 0 {
        return 0;
    }
    let magnitude = (hundredths.abs() / 100).max(1).max(i64::from(at_least));
    magnitude * hundredths.signum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_are_rounded_as_the_guide_says() {
        // 12.7, 0.67, −0.58 and −6.67, A-E46, A-E48 and A-E55.
        for (base, percent, at_least, expected) in [
            (127, 10, 0, 12),
            (67, 1, 0, 1),
            (58, -1, 0, -1),
            (667, -1, 0, -6),
            (10, 10, 0, 1),
            (4, 25, 2, 2),
            (8, -25, 0, -2),
            (10, 0, 5, 0),
        ] {
            assert_eq!(percent_of(base, percent, at_least), expected, "{percent} % of {base}");
        }
    }
}

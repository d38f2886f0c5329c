//! Use of what commitments can cover, hour by hour of the run: they are paid and used by the hour.

use crate::ecs::model::{Architecture, InstanceClass, InstanceLaunchType, Os};
use crate::engine::Ix;
use crate::units::{SimTime, Span};

/// Something that a commitment can cover; what is on Spot never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coverable {
    /// EC2 instances of a class, on demand.
    Instances(Ix<InstanceClass>),
    /// vCPUs of Fargate tasks, in CPU units.
    FargateCpu(Os, Architecture),
    /// Memory of Fargate tasks, in MiB.
    FargateMemory(Os, Architecture),
}

/// How much of it was used in each hour, counted from the beginning of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HourlyUsage {
    /// Of what.
    pub what: Coverable,
    /// Units times µs as they are billed, hour by hour; minimum times beyond the end of the run
    /// are in the last.
    pub unit_micros: Vec<u128>,
}

/// Says whether commitments can cover instances of a class: those on EC2 and on demand.
///
/// A class that is bought as Spot must say no here. Source: Savings Plans User Guide, "What are
/// Savings Plans?": plans do not apply to Spot usage.
pub(super) fn is_coverable(class: &crate::ecs::model::InstanceClass) -> bool {
    match class.launch_type {
        InstanceLaunchType::Ec2 => class.spot.is_none(),
        InstanceLaunchType::External => false,
    }
}

/// Adds up use by the hour: some 24 bytes an hour, however much there is in it.
#[derive(Clone, Debug, Default)]
pub(super) struct HourMeter {
    /// Units that fill whole hours from this one on; negative: no longer.
    steps: Vec<i64>,
    /// Unit·µs in hours that are not filled.
    parts: Vec<u128>,
}

const HOUR: u64 = Span::HOUR.as_micros();

impl HourMeter {
    /// Adds units that are used for so many µs from an instant on.
    pub fn add(&mut self, units: u32, from: SimTime, micros: u128) {
        let Ok(micros) = u64::try_from(micros) else { return };
        let from = from.as_micros();
        let end = from.saturating_add(micros);
        if end == from {
            return;
        }
        let (first, last) = ((from / HOUR) as usize, ((end - 1) / HOUR) as usize);
        if self.parts.len() <= last {
            self.parts.resize(last + 1, 0);
            self.steps.resize(last + 1, 0);
        }
        let weight = u128::from(units);
        if first == last {
            self.parts[first] += weight * u128::from(micros);
            return;
        }
        self.parts[first] += weight * u128::from((first as u64 + 1) * HOUR - from);
        self.parts[last] += weight * u128::from(end - last as u64 * HOUR);
        self.steps[first + 1] += i64::from(units);
        self.steps[last] -= i64::from(units);
    }

    /// Returns the unit·µs of each hour of a run that lasted so long.
    pub fn finish(self, span: Span) -> Vec<u128> {
        let mut hours = vec![0; lengths(span).count()];
        let last = hours.len() - 1;
        let mut filling = 0;
        for (hour, (step, part)) in self.steps.iter().zip(&self.parts).enumerate() {
            filling += step;
            let filled = u128::from(filling.unsigned_abs()) * u128::from(HOUR);
            hours[hour.min(last)] += filled + part;
        }
        hours
    }
}

/// Returns how long each hour of a run is, in µs: the last may be shorter. There is at least one.
pub(super) fn lengths(span: Span) -> impl Iterator<Item = u64> {
    let micros = span.as_micros();
    (0..micros.div_ceil(HOUR).max(1)).map(move |hour| (micros - hour * HOUR).min(HOUR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_falls_into_the_hours_it_was_in_and_none_is_lost() {
        let check = |used: &[(u32, u64, u64)], span: u64, expected: &[u128]| {
            let mut meter = HourMeter::default();
            for &(units, from, secs) in used {
                meter.add(units, SimTime::from_secs(from), u128::from(secs) * 1_000_000);
            }
            let hours = meter.finish(Span::secs(span));
            let secs: Vec<u128> = hours.iter().map(|micros| micros / 1_000_000).collect();
            assert_eq!(secs, expected);
        };
        check(&[], 7200, &[0, 0]);
        check(&[(2, 0, 60)], 7200, &[120, 0]);
        check(&[(1, 3599, 2)], 7200, &[1, 1]);
        check(&[(1, 0, 3600)], 7200, &[3600, 0]);
        check(&[(3, 1800, 9000)], 14_400, &[5400, 10_800, 10_800, 0]);
        check(&[(1, 0, 10_800), (1, 3600, 3600)], 10_800, &[3600, 7200, 3600]);
        // A minimum that reaches beyond the end counts in the last hour.
        check(&[(1, 3590, 60)], 3600, &[60]);
        check(&[(1, 0, 60)], 0, &[60]);
    }

    #[test]
    fn hours_are_whole_but_for_the_last() {
        let lengths = |secs: u64| lengths(Span::secs(secs)).collect::<Vec<_>>();
        assert_eq!(lengths(0), [0]);
        assert_eq!(lengths(3600), [HOUR]);
        assert_eq!(lengths(5400), [HOUR, HOUR / 2]);
    }
}

//! An instance refresh: how many instances are replaced at once, and which checkpoint is reached.
//!
//! Source: Amazon EC2 Auto Scaling User Guide, "Replace Auto Scaling instances based on an
//! instance refresh" and "Add checkpoints to an instance refresh".

/// What an instance refresh is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// `MinHealthyPercentage`, 0 to 100; AWS's default is 90.
    pub min_healthy_percentage: u32,
    /// `MaxHealthyPercentage`, 100 to 200; at 100, AWS's default, the old one goes first.
    pub max_healthy_percentage: u32,
    /// `CheckpointPercentages`, ascending; none: it goes through without a stop.
    pub checkpoint_percentages: Vec<u32>,
}

/// How far a refresh is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Instances to be replaced, those that are included.
    pub total: u32,
    /// Instances replaced, whose successors have warmed up.
    pub replaced: u32,
    /// Instances being replaced: gone or going, their successors not yet warm.
    pub under_way: u32,
}

impl Refresh {
    /// Returns how many more replacements begin now, before the next checkpoint.
    ///
    /// So many that what is left healthy is no less than the minimum, or that there are no more
    /// than the maximum, whichever allows more. Assumption: the minimum is rounded up, the
    /// maximum down, checkpoints up, and one is replaced even if that leaves less.
    pub fn begin(&self, now: Progress) -> u32 {
        let least = now.total.min(percent_of(now.total, self.min_healthy_percentage, true));
        let most = percent_of(now.total, self.max_healthy_percentage, false);
        let at_once = (now.total - least).max(most.saturating_sub(now.total)).max(1);
        let reached = |percent: &&u32| percent_of(now.total, **percent, true) > now.replaced;
        let next = self.checkpoint_percentages.iter().find(reached);
        let until = next.map_or(now.total, |it| percent_of(now.total, *it, true).min(now.total));
        let remaining = until.saturating_sub(now.replaced.saturating_add(now.under_way));
        remaining.min(at_once.saturating_sub(now.under_way))
    }

    /// Says whether all are replaced that are to be: up to the last checkpoint, if there is any.
    ///
    /// Source: EC2 Auto Scaling API, RefreshPreferences: "To replace all instances in the Auto
    /// Scaling group, the last number in the array must be 100."
    pub fn is_complete(&self, now: Progress) -> bool {
        let last = self.checkpoint_percentages.last().copied().unwrap_or(100);
        now.replaced >= percent_of(now.total, last, true).min(now.total)
    }

    /// Returns the checkpoint reached since so many were replaced: the highest of several.
    pub fn checkpoint(&self, before: u32, now: Progress) -> Option<u32> {
        let is_reached = |percent: u32, replaced: u32| {
            u64::from(replaced) * 100 >= u64::from(now.total) * u64::from(percent)
        };
        let mut checkpoints = self.checkpoint_percentages.iter().rev().copied();
        checkpoints.find(|&it| is_reached(it, now.replaced)).filter(|&it| !is_reached(it, before))
    }
}

fn percent_of(total: u32, percent: u32, up: bool) -> u32 {
    let hundredfold = u64::from(total) * u64::from(percent);
    let part = if up { hundredfold.div_ceil(100) } else { hundredfold / 100 };
    u32::try_from(part).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::dice;
    use super::*;

    fn refresh(min: u32, max: u32, checkpoints: &[u32]) -> Refresh {
        Refresh {
            min_healthy_percentage: min,
            max_healthy_percentage: max,
            checkpoint_percentages: checkpoints.to_vec(),
        }
    }

    /// Returns the batches of a refresh, each of which is warm before the next, and the
    /// checkpoints after each.
    fn batches(refresh: &Refresh, total: u32) -> Vec<(u32, Option<u32>)> {
        let mut now = Progress { total, replaced: 0, under_way: 0 };
        let mut batches = Vec::new();
        while now.replaced < total && batches.len() < 1000 {
            let (before, batch) = (now.replaced, refresh.begin(now));
            now.replaced += batch;
            batches.push((batch, refresh.checkpoint(before, now)));
        }
        batches
    }

    #[test]
    fn a_e110_ten_instances_with_checkpoints_at_a_fifth_and_a_half() {
        let refresh = refresh(80, 100, &[20, 50]);
        let found = batches(&refresh, 10);
        assert_eq!(found[..3], [(2, Some(20)), (2, None), (1, Some(50))]);
        let begun =
            |replaced, under_way| refresh.begin(Progress { total: 10, replaced, under_way });
        assert_eq!([begun(0, 0), begun(0, 1), begun(0, 2), begun(1, 1)], [2, 1, 0, 0]);
    }

    #[test]
    fn what_is_under_way_counts_against_the_minimum() {
        let refresh = refresh(80, 100, &[]);
        let begun = |under_way| refresh.begin(Progress { total: 10, replaced: 0, under_way });
        assert_eq!([0, 1, 2, 3].map(begun), [2, 1, 0, 0]);
    }

    #[test]
    fn a_e111_the_highest_of_several_checkpoints_counts() {
        let found = batches(&refresh(90, 100, &[10, 40, 100]), 2);
        assert_eq!(found, [(1, Some(40)), (1, Some(100))]);
    }

    #[test]
    fn a_maximum_above_a_hundred_launches_before_it_terminates() {
        assert_eq!(batches(&refresh(100, 150, &[]), 4), [(2, None), (2, None)]);
        assert_eq!(batches(&refresh(100, 110, &[]), 2), [(1, None), (1, None)]);
        assert_eq!(batches(&refresh(0, 100, &[]), 7), [(7, None)]);
        assert_eq!(batches(&refresh(90, 100, &[]), 0), []);
    }

    #[test]
    fn every_refresh_ends_and_meets_each_checkpoint_once() {
        for case in 0..1000 {
            let mut dice = dice(case);
            let mut checkpoints: Vec<u32> = (0..dice(4)).map(|_| 1 + dice(100)).collect();
            checkpoints.sort_unstable();
            checkpoints.dedup();
            let min = dice(101);
            let (refresh, total) = (refresh(min, 100 + dice(101), &checkpoints), 1 + dice(50));
            let found = batches(&refresh, total);
            assert_eq!(found.iter().map(|it| it.0).sum::<u32>(), total, "case {case}");
            let met: Vec<u32> = found.iter().filter_map(|it| it.1).collect();
            assert!(met.is_sorted_by(|a, b| a < b), "case {case}: {met:?}");
            let last = checkpoints.iter().rev().find(|it| **it <= 100);
            assert_eq!(met.last(), last, "case {case}");
        }
    }
}

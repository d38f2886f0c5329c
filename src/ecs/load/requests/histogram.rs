//! A histogram of times in bounded memory: cells are less than 1 % wide, count and sum exact.

use crate::units::Span;

/// Bits of a value that are kept: 128 cells for each doubling.
const KEPT_BITS: u32 = 7;

/// Times in cells whose width is 1/128 of where they begin; below 256 µs each has its own.
///
/// Takes 60 kB at most, however many times it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    cells: Vec<u64>,
    count: u64,
    /// In microseconds.
    sum: u128,
}

impl Histogram {
    /// Notes a time.
    #[inline]
    pub fn record(&mut self, time: Span) {
        let value = time.as_micros();
        let cell = cell_of(value);
        if self.cells.len() <= cell {
            self.cells.resize(cell + 1, 0);
        }
        self.cells[cell] += 1;
        self.count += 1;
        self.sum += u128::from(value);
    }

    /// Returns how many times there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the sum of all times, in microseconds, exactly.
    pub fn sum_us(&self) -> u128 {
        self.sum
    }

    /// Returns the exact mean in seconds, unless there are no times.
    pub fn mean_secs(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64 / 1e6)
    }

    /// Returns the time that the share `q` of all does not exceed (nearest rank), within 0.4 %,
    /// unless there are no times.
    pub fn quantile(&self, q: f64) -> Option<Span> {
        let rank = ((q * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (cell, &count) in self.cells.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Some(Span::micros(middle_of(cell)));
            }
        }
        None
    }

    /// Returns how many times are at most `bound`, within the cell that it is in.
    pub fn at_most(&self, bound: Span) -> u64 {
        self.cells.iter().take(cell_of(bound.as_micros()) + 1).sum()
    }

    /// Adds the times of `other`.
    pub fn merge(&mut self, other: &Histogram) {
        if self.cells.len() < other.cells.len() {
            self.cells.resize(other.cells.len(), 0);
        }
        self.cells.iter_mut().zip(&other.cells).for_each(|(cell, more)| *cell += more);
        self.count += other.count;
        self.sum += other.sum;
    }

    /// Returns the times noted since this histogram was as `earlier`.
    ///
    /// What was in `earlier` and is not here counts as nothing: the two are then not of one thing.
    pub fn since(&self, earlier: &Histogram) -> Histogram {
        let before = earlier.cells.iter().copied().chain(std::iter::repeat(0));
        Histogram {
            cells: self
                .cells
                .iter()
                .zip(before)
                .map(|(now, then)| now.saturating_sub(then))
                .collect(),
            count: self.count.saturating_sub(earlier.count),
            sum: self.sum.saturating_sub(earlier.sum),
        }
    }
}

/// Returns the cell of a value: how far it is shifted, and its leading bits.
#[inline]
fn cell_of(value: u64) -> usize {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(KEPT_BITS + 1);
    ((shift as usize) << KEPT_BITS) + (value >> shift) as usize
}

/// Returns the middle of a cell.
fn middle_of(cell: usize) -> u64 {
    const CELLS: usize = 1 << KEPT_BITS;
    if cell < 2 * CELLS {
        return cell as u64;
    }
    let shift = (cell >> KEPT_BITS) - 1;
    let leading = (cell & (CELLS - 1)) + CELLS;
    ((leading as u64) << shift) + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;
    use crate::engine::{Purpose, Seed};

    fn values(size: usize) -> Vec<u64> {
        let seed = Seed { master: 1, replication: 0 };
        let mut stream = seed.luck("times").part(size as u64).stream(Purpose::new("value"));
        // Over many orders of magnitude, up to days.
        (0..size).map(|_| stream.next_u64() >> (24 + stream.next_u64() % 40)).collect()
    }

    fn of(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        values.iter().for_each(|&value| histogram.record(Span::micros(value)));
        histogram
    }

    #[test]
    fn quantiles_are_within_half_a_percent_of_the_sorted_values() {
        for size in [1usize, 2, 3, 99, 100, 101, 5000] {
            let mut values = values(size);
            let histogram = of(&values);
            assert_eq!(histogram.sum_us(), values.iter().map(|&it| u128::from(it)).sum());
            values.sort_unstable();
            for q in [0.0, 0.01, 0.5, 0.95, 0.99, 1.0] {
                let rank = ((q * size as f64).ceil() as usize).clamp(1, size);
                let (exact, got) = (values[rank - 1], histogram.quantile(q).unwrap().as_micros());
                assert!(exact.abs_diff(got) as f64 <= exact as f64 / 250.0, "{q}: {exact}, {got}");
            }
        }
        assert_eq!(Histogram::default().quantile(0.5), None);
        assert_eq!(Histogram::default().mean_secs(), None);
    }

    #[test]
    fn the_difference_of_two_readings_is_what_came_between() {
        let values = values(1000);
        let (first, rest) = values.split_at(300);
        let mut whole = of(first);
        let earlier = whole.clone();
        whole.merge(&of(rest));
        assert_eq!(whole, of(&values));
        let (between, rest) = (whole.since(&earlier), of(rest));
        assert_eq!((between.count(), between.sum_us()), (rest.count(), rest.sum_us()));
        for q in [0.1, 0.5, 0.9] {
            assert_eq!(between.quantile(q), rest.quantile(q));
        }
        assert_eq!(whole.at_most(Span::MAX), 1000);
    }
}

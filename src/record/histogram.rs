//! A histogram of times in bounded memory: quantiles within 0.8 %, the mean and extremes exact.

use crate::units::Span;

/// Bits of a value that are kept: 64 cells for each doubling.
const KEPT_BITS: u32 = 6;

/// Times in cells whose width is 1/64 of where they begin; below 128 µs each has its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    cells: Vec<u64>,
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
}

/// What a histogram says. The population is said by whoever holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    /// How many there were; if none, all else is zero.
    pub count: u64,
    /// The mean, rounded to the microsecond.
    pub mean: Span,
    /// The smallest.
    pub min: Span,
    /// The median.
    pub p50: Span,
    /// 95 of 100 are no longer.
    pub p95: Span,
    /// 99 of 100 are no longer.
    pub p99: Span,
    /// The longest.
    pub max: Span,
}

impl Histogram {
    /// Notes a time.
    pub fn record(&mut self, time: Span) {
        self.record_times(time, 1);
    }

    /// Notes a time that several have.
    pub fn record_times(&mut self, time: Span, times: u32) {
        if times == 0 {
            return;
        }
        let value = time.as_micros();
        let cell = cell_of(value);
        if self.cells.len() <= cell {
            self.cells.resize(cell + 1, 0);
        }
        self.cells[cell] += u64::from(times);
        self.min = if self.count == 0 { value } else { self.min.min(value) };
        self.max = self.max.max(value);
        self.count += u64::from(times);
        self.sum += u128::from(value) * u128::from(times);
    }

    /// Returns the time that the share `q` of all does not exceed (nearest rank), within 0.8 %.
    pub fn quantile(&self, q: f64) -> Span {
        let rank = ((q * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (cell, &count) in self.cells.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Span::micros(middle_of(cell).clamp(self.min, self.max));
            }
        }
        Span::ZERO
    }

    /// Returns the usual figures.
    pub fn quantiles(&self) -> Quantiles {
        let count = u128::from(self.count.max(1));
        Quantiles {
            count: self.count,
            mean: Span::micros(((self.sum + count / 2) / count) as u64),
            min: Span::micros(self.min),
            p50: self.quantile(0.50),
            p95: self.quantile(0.95),
            p99: self.quantile(0.99),
            max: Span::micros(self.max),
        }
    }
}

/// Returns the cell of a value: how far it is shifted, and its leading bits.
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

    #[test]
    fn quantiles_are_within_one_percent_of_the_sorted_values() {
        let seed = Seed { master: 1, replication: 0 };
        for (case, size) in [1usize, 2, 3, 99, 100, 101, 5000].into_iter().enumerate() {
            let mut stream = seed.luck("times").part(case as u64).stream(Purpose::new("value"));
            let mut histogram = Histogram::default();
            // Over many orders of magnitude, up to days.
            let mut values: Vec<u64> =
                (0..size).map(|_| stream.next_u64() >> (24 + stream.next_u64() % 40)).collect();
            values.iter().for_each(|&value| histogram.record(Span::micros(value)));
            values.sort_unstable();
            for q in [0.0, 0.5, 0.95, 0.99, 1.0] {
                let rank = ((q * size as f64).ceil() as usize).max(1);
                let (exact, got) = (values[rank - 1] as f64, histogram.quantile(q));
                let error = (got.as_micros() as f64 - exact).abs();
                assert!(error <= 0.008 * exact, "{size} values, {q}: {got:?}, exactly {exact}");
            }
            let figures = histogram.quantiles();
            assert_eq!(figures.min.as_micros(), values[0]);
            assert_eq!(figures.max.as_micros(), values[size - 1]);
            let mean = values.iter().map(|&v| v as f64).sum::<f64>() / size as f64;
            assert!((figures.mean.as_micros() as f64 - mean).abs() <= 0.5 + mean * 1e-12);
        }
    }

    #[test]
    fn every_value_is_in_the_cell_whose_middle_is_nearest() {
        for value in (0..2000).chain([1 << 20, (1 << 20) - 1, u64::MAX / 3, u64::MAX]) {
            let middle = middle_of(cell_of(value));
            assert!(middle.abs_diff(value) as f64 <= value as f64 / 128.0, "{value}: {middle}");
        }
    }

    #[test]
    fn nothing_has_no_quantiles() {
        assert_eq!(Histogram::default().quantiles(), Quantiles::default());
    }
}

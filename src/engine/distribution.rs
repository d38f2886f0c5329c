//! Distributions by name: how long things take, checked when they are made and drawn by key.

use std::f64::consts::PI;
use std::sync::Arc;

use rand::RngExt;
use rand_distr::{Exp1, Gamma, StandardNormal, Weibull};

use super::random::{Luck, Purpose, Stream};
use crate::units::Span;

/// A distribution of values that are finite on average and never negative; they have no unit.
///
/// One that can give a single value only (an exponential of mean 0, a uniform from 3 to 3) is the
/// constant of that value.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    shape: Shape,
    mean: f64,
    scv: f64,
    /// What is drawn is so many times what the shape gives.
    factor: f64,
}

/// Why parameters make no distribution.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum BadDistribution {
    /// A parameter is out of its range.
    #[error(
        "`{value}` cannot be the {parameter} of {distribution} distribution: it must be {must}"
    )]
    Parameter {
        /// The distribution, with its article.
        distribution: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// What was given.
        value: f64,
        /// The range.
        must: &'static str,
    },
    /// A uniform distribution ends before it begins.
    #[error("a uniform distribution cannot reach from `{low}` to `{high}`: low must come first")]
    Reversed {
        /// The lowest value given.
        low: f64,
        /// The highest value given.
        high: f64,
    },
    /// A value of an empirical distribution is out of range.
    #[error("`{value}` cannot be value {number} of an empirical distribution: it must be {must}")]
    Value {
        /// Which of the given values, counted from 1.
        number: usize,
        /// What was given.
        value: f64,
        /// The range.
        must: &'static str,
    },
    /// An empirical distribution has no values.
    #[error("an empirical distribution needs at least one value")]
    NoValues,
    /// Each parameter is in range, but so large a mean cannot be written.
    #[error("the mean of {distribution} distribution with these parameters is infinite")]
    InfiniteMean {
        /// The distribution, with its article.
        distribution: &'static str,
    },
}

// Samplers are kept ready where making one costs as much as drawing.
#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Constant(f64),
    Uniform { low: f64, width: f64 },
    Exponential { mean: f64 },
    Lognormal { median: f64, sigma: f64 },
    Weibull(Weibull<f64>),
    Gamma(Gamma<f64>),
    Empirical(Arc<[f64]>),
}

const NOT_NEGATIVE: &str = "finite and at least 0";
const POSITIVE: &str = "finite and above 0";

impl Distribution {
    /// Makes the distribution that always gives `value`.
    ///
    /// # Errors
    /// [`BadDistribution`] if the value is negative or not finite.
    pub fn constant(value: f64) -> Result<Distribution, BadDistribution> {
        not_negative("a constant", "value", value)?;
        Ok(Distribution::always(value))
    }

    /// Makes the uniform distribution from `low` to `high`.
    ///
    /// # Errors
    /// [`BadDistribution`] if a bound is negative or not finite, or `high` is less than `low`.
    pub fn uniform(low: f64, high: f64) -> Result<Distribution, BadDistribution> {
        not_negative("a uniform", "low", low)?;
        not_negative("a uniform", "high", high)?;
        if high < low {
            return Err(BadDistribution::Reversed { low, high });
        }
        if low == high {
            return Ok(Distribution::always(low));
        }
        let width = high - low;
        let mean = low + width / 2.0;
        let scv = width * width / 12.0 / (mean * mean);
        Ok(Distribution { shape: Shape::Uniform { low, width }, mean, scv, factor: 1.0 })
    }

    /// Makes the exponential distribution of this mean.
    ///
    /// # Errors
    /// [`BadDistribution`] if the mean is negative or not finite.
    pub fn exponential(mean: f64) -> Result<Distribution, BadDistribution> {
        not_negative("an exponential", "mean", mean)?;
        if mean == 0.0 {
            return Ok(Distribution::always(0.0));
        }
        Ok(Distribution { shape: Shape::Exponential { mean }, mean, scv: 1.0, factor: 1.0 })
    }

    /// Makes the lognormal distribution with this median; `sigma` is the standard deviation of the
    /// natural logarithm.
    ///
    /// # Errors
    /// [`BadDistribution`] if a parameter is negative or not finite, or the mean is infinite.
    pub fn lognormal(median: f64, sigma: f64) -> Result<Distribution, BadDistribution> {
        not_negative("a lognormal", "median", median)?;
        not_negative("a lognormal", "sigma", sigma)?;
        if median == 0.0 || sigma == 0.0 {
            return Ok(Distribution::always(median));
        }
        let mean = median * (sigma * sigma / 2.0).exp();
        let scv = (sigma * sigma).exp_m1();
        Distribution::with_mean("a lognormal", Shape::Lognormal { median, sigma }, (mean, scv))
    }

    /// Makes the Weibull distribution; 63 % of values are below `scale`, whatever the `shape`.
    ///
    /// # Errors
    /// [`BadDistribution`] if the scale is negative, the shape is not above 0, one of them is not
    /// finite, or the mean is infinite.
    pub fn weibull(scale: f64, shape: f64) -> Result<Distribution, BadDistribution> {
        not_negative("a Weibull", "scale", scale)?;
        positive("a Weibull", "shape", shape)?;
        if scale == 0.0 {
            return Ok(Distribution::always(0.0));
        }
        let sampler = Weibull::new(scale, shape).expect("both are above 0");
        let unit = gamma_function(1.0 + 1.0 / shape);
        let scv = gamma_function(1.0 + 2.0 / shape) / unit / unit - 1.0;
        Distribution::with_mean("a Weibull", Shape::Weibull(sampler), (scale * unit, scv))
    }

    /// Makes the gamma distribution; its mean is `scale` times `shape`.
    ///
    /// # Errors
    /// [`BadDistribution`] if the scale is negative, the shape is not above 0, one of them is not
    /// finite, or the mean is infinite.
    pub fn gamma(scale: f64, shape: f64) -> Result<Distribution, BadDistribution> {
        not_negative("a gamma", "scale", scale)?;
        positive("a gamma", "shape", shape)?;
        if scale == 0.0 {
            return Ok(Distribution::always(0.0));
        }
        let sampler = Gamma::new(shape, scale).expect("both are above 0");
        Distribution::with_mean("a gamma", Shape::Gamma(sampler), (scale * shape, 1.0 / shape))
    }

    /// Makes the gamma distribution of this mean; its variance is the mean squared over `shape`.
    ///
    /// # Errors
    /// [`BadDistribution`] if the mean is negative, the shape is not above 0, or one of them is not
    /// finite.
    pub fn gamma_of_mean(mean: f64, shape: f64) -> Result<Distribution, BadDistribution> {
        not_negative("a gamma", "mean", mean)?;
        positive("a gamma", "shape", shape)?;
        Distribution::gamma(mean / shape, shape)
    }

    /// Makes the distribution that gives each of `values` with the same probability.
    ///
    /// The order of the values does not matter.
    ///
    /// # Errors
    /// [`BadDistribution`] if there are no values, one is negative or not finite, or the mean is
    /// infinite.
    pub fn empirical(mut values: Vec<f64>) -> Result<Distribution, BadDistribution> {
        if values.is_empty() {
            return Err(BadDistribution::NoValues);
        }
        for (index, &value) in values.iter().enumerate() {
            if !(value.is_finite() && value >= 0.0) {
                let (number, must) = (index + 1, NOT_NEGATIVE);
                return Err(BadDistribution::Value { number, value, must });
            }
        }
        values.sort_unstable_by(f64::total_cmp);
        if values.first() == values.last() {
            return Ok(Distribution::always(values[0]));
        }
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares = values.iter().map(|it| (it / mean - 1.0) * (it / mean - 1.0)).sum::<f64>();
        let scv = squares / count;
        Distribution::with_mean("an empirical", Shape::Empirical(values.into()), (mean, scv))
    }

    /// Draws a value. It can be infinite where the tail is longer than a number can be.
    pub fn sample(&self, stream: &mut Stream) -> f64 {
        let value = match &self.shape {
            Shape::Constant(value) => *value,
            Shape::Uniform { low, width } => low + width * stream.random::<f64>(),
            Shape::Exponential { mean } => mean * stream.sample::<f64, _>(Exp1),
            Shape::Lognormal { median, sigma } => {
                median * (sigma * stream.sample::<f64, _>(StandardNormal)).exp()
            }
            Shape::Weibull(sampler) => stream.sample(sampler),
            Shape::Gamma(sampler) => stream.sample(sampler),
            Shape::Empirical(sorted) => {
                // The inverse of the empirical distribution function: more luck, a greater value.
                let position = stream.random::<f64>() * sorted.len() as f64;
                sorted[(position as usize).min(sorted.len() - 1)]
            }
        };
        value * self.factor
    }

    /// Draws a length of time, the values being seconds, from the stream of one key.
    ///
    /// A constant opens no stream. A value too large to be written is [`Span::MAX`], so add it
    /// with [`SimTime::saturating_add`](crate::units::SimTime::saturating_add).
    pub fn sample_span(&self, luck: Luck, purpose: Purpose) -> Span {
        Span::from_secs_f64(match self.is_constant() {
            Some(value) => value,
            None => self.sample(&mut luck.stream(purpose)),
        })
    }

    /// Returns the mean, which is finite.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Returns the squared coefficient of variation, variance ÷ mean²: 0 for a constant, 1 for an
    /// exponential distribution. Where the variance is endless it is infinite.
    pub fn scv(&self) -> f64 {
        self.scv
    }

    /// Returns the distribution of values that are so many times as large: 0 or more.
    pub fn times(&self, factor: f64) -> Distribution {
        let factor = if factor > 0.0 && factor.is_finite() { factor } else { 0.0 };
        let (mean, factor) = (self.mean * factor, self.factor * factor);
        Distribution { mean, factor, ..self.clone() }
    }

    /// Returns the value if there is only one.
    pub fn is_constant(&self) -> Option<f64> {
        if let Shape::Constant(value) = self.shape { Some(value * self.factor) } else { None }
    }

    fn always(value: f64) -> Distribution {
        Distribution { shape: Shape::Constant(value), mean: value, scv: 0.0, factor: 1.0 }
    }

    fn with_mean(
        distribution: &'static str,
        shape: Shape,
        (mean, scv): (f64, f64),
    ) -> Result<Distribution, BadDistribution> {
        if !mean.is_finite() {
            return Err(BadDistribution::InfiniteMean { distribution });
        }
        Ok(Distribution { shape, mean, scv, factor: 1.0 })
    }
}

fn not_negative(
    distribution: &'static str,
    parameter: &'static str,
    value: f64,
) -> Result<(), BadDistribution> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(BadDistribution::Parameter { distribution, parameter, value, must: NOT_NEGATIVE })
}

fn positive(
    distribution: &'static str,
    parameter: &'static str,
    value: f64,
) -> Result<(), BadDistribution> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(BadDistribution::Parameter { distribution, parameter, value, must: POSITIVE })
}

/// Returns Γ(x) for x of at least 1, to some 12 digits; infinite above 171.6.
///
/// Source: C. Lanczos, "A Precision Approximation of the Gamma Function", 1964, with the usual
/// coefficients for g = 7 and nine terms.
fn gamma_function(x: f64) -> f64 {
    const G: f64 = 7.0;
    const FIRST: f64 = 0.999_999_999_999_809_9;
    const OTHERS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let series = (1..).zip(OTHERS).fold(FIRST, |sum, (i, c)| sum + c / (x + f64::from(i)));
    let base = x + G + 0.5;
    // As a sum of logarithms, because the power alone overflows before the result does.
    (2.0 * PI).sqrt() * series * ((x + 0.5) * base.ln() - base).exp()
}

#[cfg(test)]
mod tests {
    use super::super::random::Seed;
    use super::*;

    const TIME: Purpose = Purpose::new("run time");
    const SEED: Seed = Seed { master: 1, replication: 0 };

    /// Draws from as many keys, one value each, as a run does; the values are sorted.
    fn drawn(distribution: &Distribution, count: u64) -> Vec<f64> {
        let luck = SEED.luck("sample");
        let mut values: Vec<f64> =
            (0..count).map(|part| distribution.sample(&mut luck.part(part).stream(TIME))).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    #[test]
    fn the_value_of_a_key_is_pinned() {
        // In whole microseconds, which no difference between mathematical libraries reaches. A
        // change here changes every published result: it must be announced.
        let check = |distribution: Result<Distribution, BadDistribution>, micros: [u64; 2]| {
            let distribution = distribution.unwrap();
            let luck = SEED.luck("job.render");
            let spans = [0, 1].map(|part| distribution.sample_span(luck.part(part), TIME));
            assert_eq!(spans.map(Span::as_micros), micros, "{distribution:?}");
        };
        check(Distribution::constant(1.5), [1_500_000, 1_500_000]);
        check(Distribution::uniform(10.0, 20.0), [11_791_666, 13_970_767]);
        check(Distribution::exponential(60.0), [51_954_079, 47_468_257]);
        check(Distribution::lognormal(60.0, 1.0), [9_806_033, 42_260_825]);
        check(Distribution::weibull(60.0, 0.7), [130_142_206, 53_562_384]);
        check(Distribution::gamma(20.0, 3.0), [13_352_382, 42_685_970]);
        check(Distribution::gamma(20.0, 0.5), [733_711, 1_387_193]);
        check(Distribution::gamma(20.0, 1.0), [17_318_026, 15_822_752]);
        check(Distribution::empirical(vec![3.0, 1.0, 2.0, 5.0]), [1_000_000, 2_000_000]);
    }

    #[test]
    fn draws_follow_the_closed_form() {
        // Kolmogorov–Smirnov: with n keys the distance exceeds 1.95 / √n once in a thousand.
        let check = |distribution: Result<Distribution, BadDistribution>,
                     cdf: &dyn Fn(f64) -> f64| {
            let distribution = distribution.unwrap();
            let values = drawn(&distribution, 10_000);
            let n = values.len() as f64;
            let distance = (0u32..).zip(&values).map(|(i, &x)| {
                let (below, at) = (f64::from(i) / n, f64::from(i + 1) / n);
                (cdf(x) - below).abs().max((cdf(x) - at).abs())
            });
            let distance = distance.fold(0.0, f64::max);
            assert!(distance < 1.95 / n.sqrt(), "{distribution:?} is off by {distance}");
        };
        check(Distribution::uniform(10.0, 20.0), &|x| (x - 10.0) / 10.0);
        check(Distribution::exponential(60.0), &|x| 1.0 - (-x / 60.0).exp());
        check(Distribution::weibull(60.0, 0.7), &|x| 1.0 - (-(x / 60.0).powf(0.7)).exp());
        check(Distribution::weibull(60.0, 1.0), &|x| 1.0 - (-x / 60.0).exp());
        check(Distribution::gamma(60.0, 1.0), &|x| 1.0 - (-x / 60.0).exp());
        // A gamma of whole shape is Erlang's distribution.
        let erlang_3 = |y: f64| 1.0 - (-y).exp() * (1.0 + y + y * y / 2.0);
        check(Distribution::gamma(20.0, 3.0), &|x| erlang_3(x / 20.0));
        check(Distribution::gamma_of_mean(60.0, 3.0), &|x| erlang_3(x / 20.0));
        // The square of a standard normal is gamma of scale 2 and shape ½.
        check(Distribution::gamma(2.0, 0.5), &|x| 2.0 * normal(x.sqrt()) - 1.0);
        check(Distribution::lognormal(60.0, 1.2), &|x| normal((x / 60.0).ln() / 1.2));
    }

    /// Returns Φ(x), by Simpson's rule over the density from 0.
    fn normal(x: f64) -> f64 {
        const STEPS: i32 = 200;
        let density = |t: f64| (-t * t / 2.0).exp() / (2.0 * PI).sqrt();
        let h = x / f64::from(STEPS);
        let inner: f64 = (1..STEPS)
            .map(|i| if i % 2 == 1 { 4.0 } else { 2.0 } * density(f64::from(i) * h))
            .sum();
        0.5 + h / 3.0 * (density(0.0) + inner + density(x))
    }

    #[test]
    fn means_are_the_closed_form_and_what_is_drawn() {
        // Four standard errors: variance is the distribution's own, over n keys.
        let check = |distribution: Result<Distribution, BadDistribution>, mean: f64, var: f64| {
            let distribution = distribution.unwrap();
            assert!((distribution.mean() / mean - 1.0).abs() < 1e-12, "{distribution:?}");
            let scv = var / (mean * mean);
            assert!((distribution.scv() - scv).abs() < 1e-10, "{distribution:?}");
            let values = drawn(&distribution, 40_000);
            let n = values.len() as f64;
            let average = values.iter().sum::<f64>() / n;
            assert!(
                (average - mean).abs() <= 4.0 * (var / n).sqrt(),
                "{distribution:?}: {average}"
            );
        };
        check(Distribution::constant(7.0), 7.0, 0.0);
        check(Distribution::uniform(10.0, 20.0), 15.0, 100.0 / 12.0);
        check(Distribution::exponential(60.0), 60.0, 3600.0);
        // exp(σ²/2) and (exp(σ²) − 1) exp(σ²), σ² being 0.25.
        check(
            Distribution::lognormal(60.0, 0.5),
            60.0 * 0.125_f64.exp(),
            3600.0 * 0.25_f64.exp_m1() * 0.25_f64.exp(),
        );
        // Γ(1 + 1/2) = √π / 2 and Γ(1 + 2/2) = 1; Γ(1 + 2) = 2 and Γ(1 + 4) = 24.
        check(Distribution::weibull(60.0, 2.0), 30.0 * PI.sqrt(), 3600.0 * (1.0 - PI / 4.0));
        check(Distribution::weibull(60.0, 0.5), 120.0, 3600.0 * (24.0 - 4.0));
        check(Distribution::gamma(20.0, 3.0), 60.0, 1200.0);
        check(Distribution::gamma(20.0, 0.5), 10.0, 200.0);
        check(Distribution::gamma_of_mean(60.0, 0.5), 60.0, 7200.0);
        check(Distribution::empirical(vec![5.0, 1.0, 2.0, 0.0]), 2.0, 3.5);
    }

    #[test]
    fn the_gamma_function_is_the_factorial_between_factorials() {
        let mut factorial = 1.0;
        for n in 1..=170 {
            factorial *= f64::from(n);
            let gamma = gamma_function(f64::from(n) + 1.0);
            assert!((gamma / factorial - 1.0).abs() < 1e-12, "{n}! is not {gamma}");
        }
        assert!((gamma_function(1.5) / (PI.sqrt() / 2.0) - 1.0).abs() < 1e-13);
        assert_eq!(gamma_function(1.0 + 1.0 / 0.001), f64::INFINITY);
    }

    #[test]
    fn an_empirical_distribution_gives_its_values_each_as_often() {
        let given = vec![8.0, 2.0, 2.0, 4.0];
        let values = drawn(&Distribution::empirical(given).unwrap(), 10_000);
        for (value, share) in [(2.0, 0.5), (4.0, 0.25), (8.0, 0.25)] {
            let count = values.iter().filter(|&&drawn| drawn == value).count() as f64;
            // Four standard errors of a proportion.
            let error = 4.0 * (share * (1.0 - share) * 10_000_f64).sqrt();
            assert!((count - share * 10_000.0).abs() < error, "{value} came {count} times");
        }
        assert!(values.iter().all(|value| [2.0, 4.0, 8.0].contains(value)));
        let forwards = Distribution::empirical(vec![1.0, 2.0, 3.0]);
        assert_eq!(forwards, Distribution::empirical(vec![3.0, 1.0, 2.0]));
    }

    #[test]
    fn what_can_give_one_value_only_is_a_constant() {
        let check = |distribution: Result<Distribution, BadDistribution>, value: Option<f64>| {
            assert_eq!(distribution.unwrap().is_constant(), value);
        };
        check(Distribution::constant(0.0), Some(0.0));
        check(Distribution::uniform(3.0, 3.0), Some(3.0));
        check(Distribution::exponential(0.0), Some(0.0));
        check(Distribution::lognormal(3.0, 0.0), Some(3.0));
        check(Distribution::lognormal(0.0, 1.0), Some(0.0));
        check(Distribution::weibull(0.0, 2.0), Some(0.0));
        check(Distribution::gamma(0.0, 2.0), Some(0.0));
        check(Distribution::gamma_of_mean(0.0, 2.0), Some(0.0));
        check(Distribution::empirical(vec![4.0, 4.0]), Some(4.0));
        check(Distribution::uniform(3.0, 4.0), None);
        check(Distribution::exponential(1.0), None);
    }

    #[test]
    fn bad_parameters_are_named_with_their_value() {
        let check = |distribution: Result<Distribution, BadDistribution>, message: &str| {
            assert_eq!(distribution.unwrap_err().to_string(), message);
        };
        let out_of_range = |distribution, value: &str, role: &str, must: &str| {
            check(
                distribution,
                &format!("`{value}` cannot be {role} distribution: it must be {must}"),
            );
        };
        let least = |distribution, value: &str, role: &str| {
            out_of_range(distribution, value, role, "finite and at least 0");
        };
        let above = |distribution, value: &str, role: &str| {
            out_of_range(distribution, value, role, "finite and above 0");
        };
        let (nan, infinite) = (f64::NAN, f64::INFINITY);
        least(Distribution::constant(-1.0), "-1", "the value of a constant");
        least(Distribution::uniform(nan, 1.0), "NaN", "the low of a uniform");
        least(Distribution::uniform(1.0, infinite), "inf", "the high of a uniform");
        least(Distribution::exponential(-0.5), "-0.5", "the mean of an exponential");
        least(Distribution::lognormal(-3.0, 1.0), "-3", "the median of a lognormal");
        least(Distribution::lognormal(3.0, nan), "NaN", "the sigma of a lognormal");
        least(Distribution::weibull(infinite, 1.0), "inf", "the scale of a Weibull");
        above(Distribution::weibull(1.0, 0.0), "0", "the shape of a Weibull");
        least(Distribution::gamma(-1.0, 1.0), "-1", "the scale of a gamma");
        above(Distribution::gamma(1.0, -2.0), "-2", "the shape of a gamma");
        least(Distribution::gamma_of_mean(-1.0, 2.0), "-1", "the mean of a gamma");
        above(Distribution::gamma_of_mean(1.0, nan), "NaN", "the shape of a gamma");
        least(Distribution::empirical(vec![1.0, -3.0]), "-3", "value 2 of an empirical");
        check(
            Distribution::empirical(vec![]),
            "an empirical distribution needs at least one value",
        );
        check(
            Distribution::uniform(2.0, 1.5),
            "a uniform distribution cannot reach from `2` to `1.5`: low must come first",
        );
        let endless = |distribution, name: &str| {
            let message =
                format!("the mean of {name} distribution with these parameters is infinite");
            check(distribution, &message);
        };
        endless(Distribution::lognormal(1.0, 40.0), "a lognormal");
        endless(Distribution::weibull(1.0, 0.001), "a Weibull");
        endless(Distribution::gamma(f64::MAX, 2.0), "a gamma");
        endless(Distribution::empirical(vec![f64::MAX, f64::MAX, 0.0]), "an empirical");
    }

    #[test]
    fn an_endless_tail_saturates() {
        let distribution = Distribution::lognormal(1.0, 37.0).unwrap();
        let luck = SEED.luck("tail");
        let longest = (0..100).map(|part| distribution.sample_span(luck.part(part), TIME)).max();
        assert_eq!(longest, Some(Span::MAX));
    }
}

//! Rates over time: piecewise constant, shared by all runs, and walked by a cursor of each run.

use std::sync::Arc;

use crate::engine::{Distribution, Luck, Purpose};
use crate::units::{SimTime, Span};

/// The most that a rate can be per second; sums and products that come to more are cut to it.
pub const MAX_RATE: f64 = 1e12;

/// How many changes of a rate are looked at for its mean and its peak.
const MAX_SURVEYED: u64 = 4_000_000;

const NOISE: Purpose = Purpose::new("noise of a rate");

/// A rate over time, in requests (or messages) per second; cheap to clone.
///
/// Never negative, never more than [`MAX_RATE`], and constant between its changes.
#[derive(Clone, Debug)]
pub struct Rate(Arc<Node>);

#[derive(Debug)]
enum Node {
    Constant(f64),
    Steps { steps: Arc<Steps>, outside: Outside, clock: Clock, factor: f64 },
    Noise { number: u64, period_us: u64, factor: Distribution, scale: f64 },
    Sum(Vec<Rate>),
    Product(Vec<Rate>),
}

/// What a rate is from step to step, on a clock that begins with the first.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps {
    /// Microseconds from the first step to the beginning of each; the first is 0.
    starts_us: Vec<u64>,
    values: Vec<f64>,
    length_us: u64,
}

/// What a rate is before its first step and after its last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outside {
    /// The steps come round again, and have done so before.
    Repeat,
    /// Some level, per second.
    Level {
        /// Before the first step.
        before: f64,
        /// After the last.
        after: f64,
    },
}

/// Which time of its steps a rate is at, at each instant of the run.
///
/// Time passes evenly, but clocks on the wall are put forward and back.
#[derive(Clone, Debug, PartialEq)]
pub struct Clock(Vec<Stretch>);

/// From an instant on, what the clock shows there, in microseconds since its steps begin.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stretch {
    from_us: u64,
    shows_us: i64,
}

impl Steps {
    /// Makes steps of points, each with the time since the first and its rate, and of the time
    /// from the first point to the end of the last.
    ///
    /// Equal points in a row become one. Rates that make no sense become 0. Returns nothing if
    /// there are no points, the first is not at the beginning, they are not in order, or the end
    /// is not after them.
    pub fn new(points: impl IntoIterator<Item = (Span, f64)>, length: Span) -> Option<Steps> {
        let length_us = length.as_micros();
        let mut steps = Steps { starts_us: Vec::new(), values: Vec::new(), length_us };
        let mut last_us = None;
        for (start, value) in points {
            let start_us = start.as_micros();
            let is_in_order = match last_us {
                None => start_us == 0,
                Some(last) => start_us > last,
            };
            if !is_in_order || start_us >= length_us {
                return None;
            }
            last_us = Some(start_us);
            let value = bounded(value);
            if steps.values.last() != Some(&value) {
                steps.starts_us.push(start_us);
                steps.values.push(value);
            }
        }
        last_us.is_some().then_some(steps)
    }

    /// Returns how many steps there are: points that differ from the one before.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// Returns the time from the first step to the end of the last.
    pub fn length(&self) -> Span {
        Span::micros(self.length_us)
    }

    /// Returns the rate before the first step changes.
    pub fn first(&self) -> f64 {
        self.values.first().copied().unwrap_or(0.0)
    }

    /// Returns the rate of the last step.
    pub fn last(&self) -> f64 {
        self.values.last().copied().unwrap_or(0.0)
    }

    /// Returns the mean over all steps, weighted by how long each is.
    pub fn mean(&self) -> f64 {
        let ends = self.starts_us.iter().skip(1).chain([&self.length_us]);
        let area = |((start, end), value): ((&u64, &u64), &f64)| (end - start) as f64 * value;
        let areas = self.starts_us.iter().zip(ends).zip(&self.values).map(area);
        areas.sum::<f64>() / self.length_us as f64
    }

    /// Returns the greatest rate of a step.
    pub fn peak(&self) -> f64 {
        self.values.iter().copied().fold(0.0, f64::max)
    }

    /// Finds the step at a time of these steps; `hint` is one before it, most often the last.
    fn find(&self, at_us: u64, hint: usize) -> usize {
        const NEAR: usize = 4;
        let starts = &self.starts_us;
        if starts.get(hint).is_some_and(|start| *start <= at_us) {
            for step in hint..hint + NEAR {
                if starts.get(step + 1).is_none_or(|next| at_us < *next) {
                    return step.min(starts.len() - 1);
                }
            }
        }
        starts.partition_point(|start| *start <= at_us).saturating_sub(1)
    }
}

impl Clock {
    /// Makes a clock that shows the first step at `first_us`, in microseconds since the run began.
    pub fn beginning_at(first_us: i64) -> Clock {
        Clock(vec![Stretch { from_us: 0, shows_us: first_us.saturating_neg() }])
    }

    /// Makes a clock that is put forward and back: from each instant on, what it shows there, in
    /// microseconds since its steps begin.
    ///
    /// Returns nothing if the first instant is not the beginning of the run, or they are not in
    /// order.
    pub fn on_the_wall(changes: &[(SimTime, i64)]) -> Option<Clock> {
        let is_ordered = changes.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let begins = changes.first().is_some_and(|(at, _)| *at == SimTime::ZERO);
        let stretch =
            |&(at, shows_us): &(SimTime, i64)| Stretch { from_us: at.as_micros(), shows_us };
        (is_ordered && begins).then(|| Clock(changes.iter().map(stretch).collect()))
    }

    /// Returns the clock that shows everything later by `by`.
    pub fn later(mut self, by: Span) -> Clock {
        let by_us = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        for stretch in &mut self.0 {
            stretch.shows_us = stretch.shows_us.saturating_sub(by_us);
        }
        self
    }

    /// Returns what the clock shows at an instant, and when it is put forward or back next.
    fn read(&self, at_us: u64) -> (i64, u64) {
        let next = self.0.partition_point(|it| it.from_us <= at_us);
        let stretch = self.0[next.saturating_sub(1)];
        let since = i64::try_from(at_us - stretch.from_us).unwrap_or(i64::MAX);
        let changes_us = self.0.get(next).map_or(NEVER, |it| it.from_us);
        (stretch.shows_us.saturating_add(since), changes_us)
    }
}

/// When something changes that does not.
const NEVER: u64 = u64::MAX;

impl Rate {
    /// Makes a rate that never changes.
    pub fn constant(per_second: f64) -> Rate {
        Rate(Arc::new(Node::Constant(bounded(per_second))))
    }

    /// Makes a rate of steps that begin when `clock` shows it, and what holds outside of them.
    pub fn steps(steps: Arc<Steps>, outside: Outside, clock: Clock) -> Rate {
        Rate(Arc::new(Node::Steps { steps, outside, clock, factor: 1.0 }))
    }

    /// Makes a rate with a mean of 1 that luck decides anew every `period`: lognormal, with a
    /// coefficient of variation `cv`. `number` tells apart the noises of one rate.
    ///
    /// Returns nothing if `cv` is no length of a deviation, or the period is nothing.
    pub fn noise(number: u64, cv: f64, period: Span) -> Option<Rate> {
        // With sigma² = ln(1 + cv²) and a median of exp(-sigma²/2), the mean is 1.
        let variance = (cv * cv).ln_1p();
        let factor = Distribution::lognormal((-variance / 2.0).exp(), variance.sqrt()).ok()?;
        let period_us = period.as_micros();
        let node = Node::Noise { number, period_us, factor, scale: 1.0 };
        (cv >= 0.0 && period_us > 0).then(|| Rate(Arc::new(node)))
    }

    /// Makes the sum of rates.
    pub fn sum(parts: Vec<Rate>) -> Rate {
        Rate(Arc::new(Node::Sum(parts)))
    }

    /// Makes the product of rates: of one, and of factors.
    pub fn product(parts: Vec<Rate>) -> Rate {
        Rate(Arc::new(Node::Product(parts)))
    }

    /// Returns the rate that is `scale` times this one at every instant.
    pub fn scaled(&self, scale: f64) -> Rate {
        let scale = bounded(scale);
        if scale == 1.0 {
            return self.clone();
        }
        Rate(Arc::new(match &*self.0 {
            Node::Constant(value) => Node::Constant(bounded(value * scale)),
            Node::Steps { steps, outside, clock, factor } => Node::Steps {
                steps: steps.clone(),
                outside: *outside,
                clock: clock.clone(),
                factor: bounded(factor * scale),
            },
            Node::Noise { number, period_us, factor, scale: own } => Node::Noise {
                number: *number,
                period_us: *period_us,
                factor: factor.clone(),
                scale: bounded(own * scale),
            },
            Node::Sum(parts) => Node::Sum(parts.iter().map(|it| it.scaled(scale)).collect()),
            Node::Product(parts) => {
                let scaled = |(index, part): (usize, &Rate)| match index {
                    0 => part.scaled(scale),
                    _ => part.clone(),
                };
                Node::Product(parts.iter().enumerate().map(scaled).collect())
            }
        }))
    }

    /// Returns a cursor at the beginning of the run; `luck` is that of whatever has this rate.
    pub fn cursor(&self, luck: Luck) -> RateCursor {
        RateCursor::new(self, Some(luck))
    }

    /// Returns the mean from the beginning of the run to `until`, with every noise at its mean.
    ///
    /// Exact, but for rates with more than four million changes until then: of these, that of the
    /// time up to there.
    pub fn mean(&self, until: SimTime) -> f64 {
        self.survey(until).0
    }

    /// Returns the greatest rate from the beginning of the run to before `until`, with every noise
    /// at its mean; of as many changes as the mean.
    pub fn peak(&self, until: SimTime) -> f64 {
        self.survey(until).1
    }

    /// Returns mean and peak.
    fn survey(&self, until: SimTime) -> (f64, f64) {
        let mut cursor = RateCursor::new(self, None);
        let mut at = SimTime::ZERO;
        let (mut area, mut peak) = (0.0, cursor.at(self, at).0);
        for _ in 0..MAX_SURVEYED {
            if at >= until {
                break;
            }
            let (value, next) = cursor.at(self, at);
            let end = next.map_or(until, |next| next.min(until));
            area += value * end.since(at).as_secs_f64();
            peak = f64::max(peak, value);
            at = end;
        }
        let mean = if at == SimTime::ZERO { peak } else { area / at.as_secs_f64() };
        (mean, peak)
    }

    /// Tells every number that decides what the rate is, for a digest.
    pub fn tell(&self, tell: &mut dyn FnMut(u64)) {
        match &*self.0 {
            Node::Constant(value) => {
                tell(1);
                tell(value.to_bits());
            }
            Node::Steps { steps, outside, clock, factor } => {
                tell(2);
                tell(factor.to_bits());
                tell(steps.length_us);
                steps.starts_us.iter().for_each(|it| tell(*it));
                steps.values.iter().for_each(|it| tell(it.to_bits()));
                match outside {
                    Outside::Repeat => tell(0),
                    Outside::Level { before, after } => {
                        tell(before.to_bits());
                        tell(after.to_bits());
                    }
                }
                for stretch in &clock.0 {
                    tell(stretch.from_us);
                    tell(stretch.shows_us as u64);
                }
            }
            Node::Noise { number, period_us, factor, scale } => {
                tell(3);
                tell(*number);
                tell(*period_us);
                tell(scale.to_bits());
                // The mean is always 1; the deviation tells noises apart.
                tell(factor.sample(&mut TELLING.luck("rate").stream(NOISE)).to_bits());
            }
            Node::Sum(parts) | Node::Product(parts) => {
                tell(if matches!(&*self.0, Node::Sum(_)) { 4 } else { 5 });
                tell(parts.len() as u64);
                parts.iter().for_each(|part| part.tell(tell));
            }
        }
    }
}

const TELLING: crate::engine::Seed = crate::engine::Seed { master: 0, replication: 0 };

/// Where a run is in a rate.
#[derive(Clone, Debug)]
pub struct RateCursor {
    value: f64,
    /// The rate is `value` from here, in microseconds since the run began.
    from_us: u64,
    /// Up to here; [`NEVER`] is never reached.
    until_us: u64,
    /// Nothing: noise is at its mean.
    luck: Option<Luck>,
    step: usize,
    parts: Vec<RateCursor>,
}

impl RateCursor {
    fn new(rate: &Rate, luck: Option<Luck>) -> RateCursor {
        let parts = match &*rate.0 {
            Node::Sum(parts) | Node::Product(parts) => {
                parts.iter().map(|part| RateCursor::new(part, luck)).collect()
            }
            Node::Constant(_) | Node::Steps { .. } | Node::Noise { .. } => Vec::new(),
        };
        // An empty stretch of time: the first look finds the rate.
        RateCursor { value: 0.0, from_us: 1, until_us: 0, luck, step: 0, parts }
    }

    /// Returns the rate that holds at `at`, per second, never negative and finite, and when it
    /// changes next; `None`: never.
    ///
    /// `rate` is the one whose cursor this is. `at` should not go back; if it does the answer is
    /// right, and takes longer. Where the rate changes it may be the same as before.
    #[inline]
    pub fn at(&mut self, rate: &Rate, at: SimTime) -> (f64, Option<SimTime>) {
        let at_us = at.as_micros();
        if at_us < self.from_us || at_us >= self.until_us {
            self.renew(rate, at_us);
        }
        let next = (self.until_us < NEVER).then(|| SimTime::from_micros(self.until_us));
        (self.value, next)
    }

    fn renew(&mut self, rate: &Rate, at_us: u64) {
        self.from_us = at_us;
        (self.value, self.until_us) = match &*rate.0 {
            Node::Constant(value) => (*value, NEVER),
            Node::Steps { steps, outside, clock, factor } => {
                let (shown_us, changes_us) = clock.read(at_us);
                let (value, left_us) = self.step(steps, *outside, shown_us);
                (value * factor, at_us.saturating_add(left_us).min(changes_us))
            }
            Node::Noise { number, period_us, factor, scale } => match self.luck {
                None => (*scale, NEVER),
                Some(luck) => {
                    let step = at_us / period_us;
                    let drawn = factor.sample(&mut luck.part(*number).part(step).stream(NOISE));
                    (drawn * scale, (step + 1).saturating_mul(*period_us))
                }
            },
            Node::Sum(parts) => self.together(parts, at_us, 0.0, |sum, it| sum + it),
            Node::Product(parts) => self.together(parts, at_us, 1.0, |product, it| product * it),
        };
        self.value = bounded(self.value);
    }

    /// Returns the rate at a time of the steps, and for how long it holds, in microseconds.
    fn step(&mut self, steps: &Steps, outside: Outside, at_us: i64) -> (f64, u64) {
        let length_us = i64::try_from(steps.length_us).unwrap_or(i64::MAX);
        let at_us = match outside {
            Outside::Repeat => at_us.rem_euclid(length_us),
            Outside::Level { before, .. } if at_us < 0 => return (before, at_us.unsigned_abs()),
            Outside::Level { after, .. } if at_us >= length_us => return (after, NEVER),
            Outside::Level { .. } => at_us,
        };
        let at_us = at_us.unsigned_abs();
        self.step = steps.find(at_us, self.step);
        if steps.values.len() == 1 && outside == Outside::Repeat {
            return (steps.values[0], NEVER);
        }
        let end_us = steps.starts_us.get(self.step + 1).copied().unwrap_or(steps.length_us);
        (steps.values[self.step], end_us - at_us)
    }

    fn together(
        &mut self,
        parts: &[Rate],
        at_us: u64,
        neutral: f64,
        join: fn(f64, f64) -> f64,
    ) -> (f64, u64) {
        let (mut value, mut until_us) = (neutral, NEVER);
        for (part, cursor) in parts.iter().zip(&mut self.parts) {
            let (its, _) = cursor.at(part, SimTime::from_micros(at_us));
            value = join(value, its);
            until_us = until_us.min(cursor.until_us);
        }
        (value, until_us)
    }
}

/// Returns a rate that makes sense: neither negative nor infinite.
fn bounded(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.clamp(0.0, MAX_RATE) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Seed, Stream};
    use rand::RngExt;

    const LUCK: Seed = Seed { master: 1, replication: 0 };

    fn stream(name: &str) -> Stream {
        LUCK.luck(name).stream(Purpose::new("test"))
    }

    fn secs(secs: u64) -> SimTime {
        SimTime::from_secs(secs)
    }

    /// Rates with what they mean: the slow twin, which looks everything up at every second.
    type Twin = Box<dyn Fn(u64) -> f64>;

    fn recorded(stream: &mut Stream) -> (Rate, Twin) {
        let count = stream.random_range(1..12u64);
        let mut at = 0;
        let mut points = Vec::new();
        for _ in 0..count {
            // Few values, so that some are equal to the one before.
            points.push((at, stream.random_range(0..3u32) as f64));
            at += stream.random_range(1..40u64);
        }
        let length = at;
        let first = stream.random_range(-200..200i64);
        let outside = match stream.random_range(0..2u32) {
            0 => Outside::Repeat,
            _ => Outside::Level { before: 7.0, after: 9.0 },
        };
        let spans = points.iter().map(|&(at, value)| (Span::secs(at), value));
        let steps = Steps::new(spans, Span::secs(length)).unwrap();
        let rate = Rate::steps(Arc::new(steps), outside, Clock::beginning_at(first * 1_000_000));
        let twin = move |second: u64| {
            let mut at = second as i64 - first;
            match outside {
                Outside::Repeat => {
                    while at < 0 {
                        at += length as i64;
                    }
                    while at >= length as i64 {
                        at -= length as i64;
                    }
                }
                Outside::Level { before, .. } if at < 0 => return before,
                Outside::Level { after, .. } if at >= length as i64 => return after,
                Outside::Level { .. } => {}
            }
            points.iter().rev().find(|(start, _)| *start as i64 <= at).unwrap().1
        };
        (rate, Box::new(twin))
    }

    fn any(stream: &mut Stream, depth: u32) -> (Rate, Twin) {
        let kind = if depth == 0 { 0 } else { stream.random_range(0..5u32) };
        match kind {
            0 | 1 => recorded(stream),
            2 => {
                let scale = f64::from(stream.random_range(0..4u32));
                let (rate, twin) = any(stream, depth - 1);
                (rate.scaled(scale), Box::new(move |at| twin(at) * scale))
            }
            3 => {
                let (parts, twins) = several(stream, depth);
                (Rate::sum(parts), Box::new(move |at| twins.iter().map(|twin| twin(at)).sum()))
            }
            _ => {
                let (parts, twins) = several(stream, depth);
                let product = move |at| twins.iter().map(|twin| twin(at)).product();
                (Rate::product(parts), Box::new(product))
            }
        }
    }

    fn several(stream: &mut Stream, depth: u32) -> (Vec<Rate>, Vec<Twin>) {
        (0..stream.random_range(1..4u32)).map(|_| any(stream, depth - 1)).unzip()
    }

    #[test]
    fn a_cursor_agrees_with_looking_up_every_second() {
        let mut stream = stream("twin");
        for _ in 0..300 {
            let (rate, twin) = any(&mut stream, 3);
            let mut cursor = rate.cursor(LUCK.luck("load"));
            let end = 700;
            let mut area = 0.0;
            let mut peak: f64 = 0.0;
            let mut holds_until = None;
            let mut held = f64::NAN;
            for second in 0..end {
                let (value, next) = cursor.at(&rate, secs(second));
                assert_eq!(value, twin(second), "at {second} of {rate:?}");
                // Before the change that was told there was none.
                if holds_until.is_none_or(|it| secs(second) < it) && second > 0 {
                    assert_eq!(value, held, "at {second} of {rate:?}");
                }
                assert!(next.is_none_or(|it| it > secs(second)));
                (held, holds_until) = (value, next);
                area += value;
                peak = peak.max(value);
            }
            let mean = area / end as f64;
            assert!((rate.mean(secs(end)) - mean).abs() <= 1e-9 * mean.max(1.0), "{rate:?}");
            assert_eq!(rate.peak(secs(end)), peak);
            // A fresh cursor that only looks where it must sees the same.
            let mut quick = rate.cursor(LUCK.luck("load"));
            let mut at = SimTime::ZERO;
            while at < secs(end) {
                let (value, next) = quick.at(&rate, at);
                assert_eq!(value, twin(at.as_micros() / 1_000_000));
                at = next.unwrap_or(secs(end));
            }
            // One that goes back as well.
            for _ in 0..20 {
                let at = stream.random_range(0..end);
                assert_eq!(quick.at(&rate, secs(at)).0, twin(at));
            }
        }
    }

    #[test]
    fn noise_has_a_mean_of_one_and_does_not_depend_on_who_looks_when() {
        let rate = Rate::noise(0, 0.5, Span::secs(10)).unwrap();
        let mut every = rate.cursor(LUCK.luck("load"));
        let values: Vec<f64> = (0..100_000).map(|it| every.at(&rate, secs(it * 10)).0).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / 1e5;
        // Four standard errors of the mean: 4 × 0.5 / √100,000 = 0.0063.
        assert!((mean - 1.0).abs() < 0.0063, "{mean}");
        assert!((variance.sqrt() - 0.5).abs() < 0.02, "{variance}");
        let mut some = rate.cursor(LUCK.luck("load"));
        for step in (0..100_000).step_by(977) {
            let (value, next) = some.at(&rate, secs(step as u64 * 10 + 3));
            assert_eq!(value, values[step]);
            assert_eq!(next, Some(secs(step as u64 * 10 + 10)));
        }
        let mut other = rate.cursor(LUCK.luck("other"));
        assert_ne!(other.at(&rate, secs(0)).0, values[0]);
        let second = Rate::noise(1, 0.5, Span::secs(10)).unwrap();
        assert_ne!(second.cursor(LUCK.luck("load")).at(&second, secs(0)).0, values[0]);
        assert_eq!(rate.mean(secs(1000)), 1.0);
        let silent = Rate::noise(0, 0.0, Span::secs(10)).unwrap();
        assert_eq!(silent.cursor(LUCK.luck("load")).at(&silent, secs(5)).0, 1.0);
    }

    #[test]
    fn clocks_that_are_put_forward_and_back_show_an_hour_never_or_twice() {
        const HOUR: i64 = 3_600_000_000;
        let hours = (0..24).map(|hour| (Span::HOUR * hour, hour as f64));
        let day = Arc::new(Steps::new(hours, Span::DAY).unwrap());
        // Put forward at 01:00 to 02:00, and back at 02:00 of the next day to 01:00.
        let changes = [
            (SimTime::ZERO, 0),
            (SimTime::ZERO + Span::HOUR, 2 * HOUR),
            (SimTime::ZERO + Span::HOUR * 25, 25 * HOUR),
        ];
        let clock = Clock::on_the_wall(&changes).unwrap();
        let rate = Rate::steps(day, Outside::Repeat, clock);
        let mut cursor = rate.cursor(LUCK.luck("load"));
        let shown: Vec<f64> =
            (0..27).map(|hour| cursor.at(&rate, SimTime::ZERO + Span::HOUR * hour).0).collect();
        let expected: Vec<f64> =
            [0].into_iter().chain(2..24).chain([0, 1, 1, 2]).map(f64::from).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_makes_no_sense_is_bounded() {
        let luck = LUCK.luck("load");
        let at = |rate: &Rate| rate.cursor(luck).at(rate, secs(5));
        assert_eq!(at(&Rate::constant(f64::NAN)), (0.0, None));
        assert_eq!(at(&Rate::constant(-1.0)), (0.0, None));
        let most = Rate::constant(f64::INFINITY);
        assert_eq!(at(&Rate::product(vec![most.clone(), most])), (MAX_RATE, None));
        assert_eq!(at(&Rate::sum(Vec::new())), (0.0, None));
        assert!(Rate::noise(0, f64::NAN, Span::secs(1)).is_none());
        assert!(Rate::noise(0, 1.0, Span::ZERO).is_none());
        let steps = |points: &[(u64, f64)], length| {
            let points = points.iter().map(|&(at, value)| (Span::secs(at), value));
            Steps::new(points, Span::secs(length))
        };
        assert!(steps(&[], 1).is_none());
        assert!(steps(&[(1, 1.0)], 2).is_none());
        assert!(steps(&[(0, 1.0), (0, 2.0)], 2).is_none());
        assert!(steps(&[(0, 1.0), (2, 2.0)], 2).is_none());
        let merged = steps(&[(0, 1.0), (1, 1.0), (2, 5.0), (3, 5.0)], 6).unwrap();
        assert_eq!((merged.count(), merged.peak()), (2, 5.0));
        assert!((merged.mean() - (2.0 + 4.0 * 5.0) / 6.0).abs() < 1e-12);
        let far = SimTime::MAX;
        let steps = Rate::steps(Arc::new(merged), Outside::Repeat, Clock::beginning_at(i64::MIN));
        steps.cursor(luck).at(&steps, far);
        let noise = Rate::noise(0, 1.0, Span::micros(3)).unwrap();
        noise.cursor(luck).at(&noise, far);
    }
}

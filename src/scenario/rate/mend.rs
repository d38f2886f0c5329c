//! From points to a rate: sorted, without twins, counts divided by their period, gaps mended.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::codes::Code;
use super::super::problems::{Problem, Where, number};
use super::{Meaning, Point, Points, Recorded, Request, Stamp};
use crate::ecs::load::Steps;
use crate::units::{Calendar, SimTime, Span, TimeFormat};

/// What stands where a point is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    Error,
    Zero,
    Interpolate,
    Hold,
}

/// Makes a rate of points; `key` names the file in the scenario.
pub(super) fn mend(
    request: &Request,
    key: &str,
    mut points: Points,
    problems: &mut Vec<Problem>,
) -> Option<Recorded> {
    let view = request.view;
    if points.list.is_empty() {
        let message = format!("`{}` has no points", points.file);
        problems.push(view.error(key, message).hint("is it the file you meant?"));
        return None;
    }
    sort(&mut points, problems);
    let period = period(request, key, &points, problems)?;
    let missing = match view.get::<String>("missing").as_str() {
        "zero" => Missing::Zero,
        "interpolate" => Missing::Interpolate,
        "hold" => Missing::Hold,
        _ => Missing::Error,
    };
    let mut mender = Mender { request, points: &points, key, period, missing, rates: Vec::new() };
    let mended_count = match mender.all() {
        Ok(count) => count,
        Err(found) => {
            problems.extend(found);
            return None;
        }
    };
    let first_us = points.list[0].at_us;
    let last = points.list[points.list.len() - 1];
    let length = Span::micros((last.at_us - first_us).unsigned_abs()) + period;
    let steps = Steps::new(mender.rates, length)?;
    let first = match points.is_of_world {
        true => Stamp::OfWorld(first_us),
        false => Stamp::OfRun(first_us),
    };
    let point_count = points.list.len();
    let file = points.file.clone();
    Some(Recorded { file, point_count, period, mended_count, first, steps: Arc::new(steps) })
}

/// Puts points in order of time; says so where they were in none.
fn sort(points: &mut Points, problems: &mut Vec<Problem>) {
    let descends = |pair: &[Point]| pair[0].at_us > pair[1].at_us;
    let is_newest_first = points.list.windows(2).all(descends);
    let disorder = points.list.windows(2).find(|pair| descends(pair)).map(|pair| pair[1].line);
    points.list.sort_by_key(|point| point.at_us);
    // Files of CloudWatch's have the newest first, or no order at all.
    let Some(line) = disorder.filter(|line| *line > 0 && !is_newest_first) else { return };
    let at = Where::Line { file: points.file.clone(), line };
    let message = "rows are not in order of time; they are sorted";
    let hint = "sort the file, if the order matters";
    problems.push(Problem::warning(Code::RowsOutOfOrder, at, message).hint(hint));
}

/// Returns how long a point lasts: as written, or the most frequent distance of two.
fn period(
    request: &Request,
    key: &str,
    points: &Points,
    problems: &mut Vec<Problem>,
) -> Option<Span> {
    let view = request.view;
    let twins = points.list.windows(2).find(|pair| pair[0].at_us == pair[1].at_us);
    if let Some(pair) = twins {
        let (first, second) = match pair[0].number < pair[1].number {
            true => (pair[0], pair[1]),
            false => (pair[1], pair[0]),
        };
        let (word, number) = (points.word, first.number);
        let when = shown(request, points.is_of_world, second.at_us);
        let message = format!("its time is that of {word} {number} as well, {when}");
        let hint = "leave one of them out; where clocks go back, write times with their offset";
        problems.push(points.error(&second, view.error(key, ""), &message).hint(hint));
        return None;
    }
    if let Some(period) = view.find::<Span>("period") {
        return Some(period);
    }
    let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
    for pair in points.list.windows(2) {
        *counts.entry(pair[1].at_us - pair[0].at_us).or_default() += 1;
    }
    // Of those that are equally frequent the shortest.
    let most = counts.iter().max_by_key(|(distance, count)| (**count, -**distance));
    if most.is_none() {
        let message =
            format!("`{}` has one point, and nothing says how long it lasts", points.file);
        let hint = "write `period = \"…\"`, or a number in place of the file";
        problems.push(view.error(key, message).hint(hint));
    }
    most.map(|(distance, _)| Span::micros(distance.unsigned_abs()))
}

/// Writes a time of the file as its reader knows it.
fn shown(request: &Request, is_of_world: bool, at_us: i64) -> String {
    if !is_of_world {
        return format!("{} s", at_us as f64 / 1e6);
    }
    let zone = request.calendar.time_zone();
    let at = SimTime::from_micros(u64::try_from(at_us).unwrap_or(0));
    match Calendar::new("1970-01-01T00:00Z", zone) {
        Ok(calendar) => calendar.format(at, TimeFormat::Iso8601),
        Err(_) => format!("{at_us} µs"),
    }
}

struct Mender<'m> {
    request: &'m Request<'m>,
    points: &'m Points,
    key: &'m str,
    period: Span,
    missing: Missing,
    /// The rate from each time on, from the first point.
    rates: Vec<(Span, f64)>,
}

impl Mender<'_> {
    /// Makes rates of all points; returns how many were missing.
    fn all(&mut self) -> Result<u64, Vec<Problem>> {
        let list = &self.points.list;
        let mut gaps: Vec<(Point, Point)> = Vec::new();
        let (mut missing_count, mut gap_count) = (0, 0u64);
        for (index, point) in list.iter().enumerate() {
            let start = Span::micros((point.at_us - list[0].at_us).unsigned_abs());
            self.push(start, self.rate(point))?;
            let Some(next) = list.get(index + 1) else { break };
            let distance = Span::micros((next.at_us - point.at_us).unsigned_abs());
            let count = self.missing_between(distance);
            if count > 0 {
                missing_count += count;
                gap_count += 1;
                gaps.truncate(1);
                gaps.push((*point, *next));
                self.fill(start, (point, next), count)?;
            } else if self.points.meaning == Meaning::Count && distance * 2 < self.period {
                let message = format!(
                    "it comes {distance} after {} {}, and each counts what came in {}",
                    self.points.word, point.number, self.period
                );
                let hint = "write `period`, or give rates";
                return Err(vec![self.error(next, &message).hint(hint)]);
            }
        }
        match gaps.first() {
            Some(first) if self.missing == Missing::Error => {
                Err(vec![self.gap(first, gap_count, missing_count)])
            }
            Some(_) | None => Ok(missing_count),
        }
    }

    fn error(&self, point: &Point, message: &str) -> Problem {
        self.points.error(point, self.request.view.error(self.key, ""), message)
    }

    fn gap(&self, (before, after): &(Point, Point), gap_count: u64, missing: u64) -> Problem {
        let [from, to] =
            [before, after].map(|it| shown(self.request, self.points.is_of_world, it.at_us));
        let more = match (gap_count, missing) {
            (1, 1) => String::new(),
            (1, missing) => format!(" ({} points)", number(missing)),
            (gaps, missing) => {
                format!(" ({} gaps in all, {} points)", number(gaps), number(missing))
            }
        };
        let message = format!(
            "there is a gap before it: no point between {from} and {to}, and one is wanted every \
             {}{more}",
            self.period
        );
        let hint = "write `missing = \"zero\"`, `\"interpolate\"` or `\"hold\"` to have it mended, \
                    or `period` if points are further apart";
        self.error(after, &message).hint(hint)
    }

    fn rate(&self, point: &Point) -> f64 {
        match self.points.meaning {
            Meaning::Count => point.value / self.period.as_secs_f64(),
            Meaning::PerSecond => point.value,
        }
    }

    /// Returns how many points are missing between two; times may be off by half a period.
    fn missing_between(&self, distance: Span) -> u64 {
        let period = self.period.as_micros().max(1);
        let periods = (distance.as_micros() + (period - 1) / 2) / period;
        periods.saturating_sub(1)
    }

    fn fill(
        &mut self,
        start: Span,
        (before, after): (&Point, &Point),
        count: u64,
    ) -> Result<(), Vec<Problem>> {
        match self.missing {
            Missing::Error | Missing::Hold => {}
            Missing::Zero => self.push(start + self.period, 0.0)?,
            Missing::Interpolate => {
                let (from, to) = (self.rate(before), self.rate(after));
                for step in 1..=count {
                    let share = step as f64 / (count + 1) as f64;
                    self.push(start + self.period * step, from + (to - from) * share)?;
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, start: Span, rate: f64) -> Result<(), Vec<Problem>> {
        if self.rates.len() as u64 >= self.request.bounds.most() {
            let named = self.request.view.error(self.key, "");
            return Err(vec![self.request.bounds.too_many(named)]);
        }
        self.rates.push((start, rate));
        Ok(())
    }
}

//! Recorded rates: files of points, read, checked, mended where the scenario says so.

mod cell;
mod cloudwatch;
mod columns;
mod mend;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use super::document::View;
use super::load::Files;
use super::problems::{Problem, Where};
use crate::ecs::load::Steps;
use crate::units::{Calendar, Span};

/// A recorded rate.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The file, as the scenario names it.
    pub file: Arc<str>,
    /// How many points the file has.
    pub point_count: usize,
    /// How long a point lasts.
    pub period: Span,
    /// How many points were missing, and are made up.
    pub mended_count: u64,
    /// Where the first point lies.
    pub first: Stamp,
    /// The rate, from the first point on.
    pub steps: Arc<Steps>,
}

/// When something was recorded, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stamp {
    /// Since the start of the run.
    OfRun(i64),
    /// Since 1970-01-01T00:00Z.
    OfWorld(i64),
}

impl Stamp {
    fn micros(self) -> i64 {
        match self {
            Stamp::OfRun(micros) | Stamp::OfWorld(micros) => micros,
        }
    }
}

impl Default for Stamp {
    fn default() -> Stamp {
        Stamp::OfRun(0)
    }
}

/// What a value of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// How many there were in its period.
    Count,
    /// How many there were per second.
    PerSecond,
}

/// A point as it is in a file.
#[derive(Clone, Copy, Debug)]
struct Point {
    at_us: i64,
    value: f64,
    /// Which row or value of the file it is, from 1.
    number: u64,
    /// The line of it; 0 where lines say nothing.
    line: u64,
}

/// The points of a file, in its order.
#[derive(Debug)]
struct Points {
    file: Arc<str>,
    meaning: Meaning,
    is_of_world: bool,
    /// What a point is called: `row`, `value`.
    word: &'static str,
    list: Vec<Point>,
}

/// What reading a file of points needs to know.
struct Request<'a> {
    files: &'a dyn Files,
    path: PathBuf,
    /// The rate in the scenario.
    view: &'a View<'a>,
    /// Which clock tells times that do not say it.
    calendar: Calendar,
    /// How many points may be read, and the key that says so.
    bounds: Bounds,
}

/// The most points, and what bounds them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) rows: u64,
    /// How many the memory that is left allows.
    pub(super) memory: u64,
}

/// What a point takes in the model: when, and how many.
pub(super) const POINT_BYTES: u64 = 16;

impl Bounds {
    fn most(self) -> u64 {
        self.rows.min(self.memory)
    }

    /// Complains of more points than may be.
    fn too_many(self, at: Problem) -> Problem {
        let most = super::problems::number(self.most());
        let hint = match self.rows <= self.memory {
            true => "raise `limits.trace_rows`, or give fewer and longer points",
            false => "raise `limits.trace_memory`, or give fewer and longer points",
        };
        Problem { message: format!("more than {most} points"), ..at }.hint(hint)
    }
}

/// Reads the record that a rate names; `view` has `file` or `cloudwatch`.
///
/// `calendar` is the scenario's. Returns nothing after an error.
pub(super) fn read(
    files: &dyn Files,
    view: &View<'_>,
    (calendar, bounds): (&Calendar, Bounds),
    problems: &mut Vec<Problem>,
) -> Option<Recorded> {
    let key = if view.is_written("file") { "file" } else { "cloudwatch" };
    let zone = view.find::<String>("time_zone");
    let zone = zone.or_else(|| (key == "cloudwatch").then(|| "UTC".to_string()));
    let calendar = match zone.map_or_else(|| Ok(calendar.clone()), |it| calendar.in_zone(&it)) {
        Ok(calendar) => calendar,
        Err(error) => {
            problems.push(view.error("time_zone", error.message).hint(error.hint));
            return None;
        }
    };
    let path: PathBuf = view.get(key);
    let request = Request { files, path, view, calendar, bounds };
    let points = match key {
        "file" => columns::read(&request, problems)?,
        _ => cloudwatch::read(&request, problems)?,
    };
    mend::mend(&request, key, points, problems)
}

impl Points {
    /// Makes an error about a point, at its line or, where it has none, at the key of the scenario.
    fn error(&self, point: &Point, named: Problem, message: &str) -> Problem {
        let Points { file, word, .. } = self;
        let number = point.number;
        match point.line {
            0 => Problem { message: format!("`{file}`, {word} {number}: {message}"), ..named },
            line => {
                let at = Where::Line { file: file.clone(), line };
                Problem::error(at, format!("{word} {number}: {message}"))
            }
        }
    }
}

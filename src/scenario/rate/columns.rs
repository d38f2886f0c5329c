//! Rates in CSV files of any make: which column says what, and row by row what it says.

use super::super::document::View;
use super::super::problems::{Problem, listed, shortened};
use super::super::trace::{Rows, reanchored};
use super::{Meaning, Point, Points, Request, Stamp, cell};

/// Usual names of columns of times, without case and punctuation.
const TIMES: &[&str] = &[
    "seconds",
    "second",
    "secs",
    "s",
    "t",
    "time",
    "times",
    "timestamp",
    "timestamps",
    "date",
    "datetime",
    "dateandtime",
    "times",
    "arrivals",
    "epoch",
    "epochms",
    "unixtime",
    "ts",
    "ds",
];

/// Usual names of columns of rates.
const RATES: &[&str] = &[
    "requestspersecond",
    "requestpersecond",
    "reqpersec",
    "requestss",
    "rps",
    "qps",
    "rate",
    "persecond",
    "messagespersecond",
    "messagess",
    "hitspersecond",
];

/// Usual names of columns of counts.
const COUNTS: &[&str] = &[
    "requests",
    "requestcount",
    "count",
    "counts",
    "messages",
    "messagecount",
    "hits",
    "sum",
    "numberofmessagessent",
    "invocations",
    "y",
];

fn plain(heading: &str) -> String {
    let letters = heading.chars().filter(|it| it.is_ascii_alphanumeric());
    letters.collect::<String>().to_ascii_lowercase()
}

struct Columns {
    time: usize,
    value: usize,
    meaning: Meaning,
}

/// Reads the CSV file that `file` names.
pub(super) fn read(request: &Request, problems: &mut Vec<Problem>) -> Option<Points> {
    let view = request.view;
    let mut rows = match Rows::open(request.files, &request.path) {
        Ok(rows) => rows,
        Err(problem) => {
            problems.push(reanchored(&problem, view.error("file", "")));
            return None;
        }
    };
    let columns = columns(view, &rows, problems)?;
    let mut points = Points {
        file: rows.name.clone(),
        meaning: columns.meaning,
        is_of_world: false,
        word: "row",
        list: Vec::new(),
    };
    let refuses = view.get::<String>("missing") == "error";
    let mut bad_count = 0;
    while rows.next(problems, &mut bad_count) {
        if rows.is_empty(columns.value) && !refuses {
            continue;
        }
        let mut bad = Vec::new();
        let stamp = rows.cell(columns.time, |it| cell::stamp(it, &request.calendar), &mut bad);
        let value = if rows.is_empty(columns.value) {
            bad.push(is_empty(&rows, columns.value));
            0.0
        } else {
            rows.cell(columns.value, cell::amount, &mut bad)
        };
        let is_of_world = matches!(stamp, Stamp::OfWorld(_));
        if points.list.is_empty() {
            points.is_of_world = is_of_world;
        } else if bad.is_empty() && is_of_world != points.is_of_world {
            bad.push(other_times(&rows));
        }
        if !bad.is_empty() {
            rows.reject(bad, problems, &mut bad_count);
            continue;
        }
        if points.list.len() as u64 >= request.bounds.most() {
            problems.push(request.bounds.too_many(Problem::error(rows.here(), "")));
            return None;
        }
        let (number, line) = (rows.row, rows.line());
        points.list.push(Point { at_us: stamp.micros(), value, number, line });
    }
    (bad_count == 0).then_some(points)
}

fn is_empty(rows: &Rows, column: usize) -> Problem {
    let heading = shortened(&rows.header[column]);
    let message = format!("row {}, column {}: `{heading}` is empty", rows.row, column + 1);
    let hint = "write `missing = \"zero\"`, `\"interpolate\"` or `\"hold\"` to have it mended";
    Problem::error(rows.here(), message).hint(hint)
}

fn other_times(rows: &Rows) -> Problem {
    let message =
        format!("row {}: its time is a date or seconds of the run, unlike that of row 1", rows.row);
    Problem::error(rows.here(), message).hint("write all times of a file in one way")
}

/// Finds the columns that are named, or have usual names.
fn columns(view: &View, rows: &Rows, problems: &mut Vec<Problem>) -> Option<Columns> {
    let names = view.table("columns");
    let written = |key: &str| names.find::<String>(key);
    if written("rate").is_some() && written("count").is_some() {
        let message = "`columns.rate` does not go with `columns.count`";
        problems.push(names.error("count", message).hint("leave one of them out"));
        return None;
    }
    let mut find = |key: &str, usual: &[&str]| -> Option<usize> {
        let found = match written(key) {
            Some(name) => {
                let anchored = |it: Box<Problem>| Box::new(reanchored(&it, names.error(key, "")));
                rows.column(&name).map_err(anchored)
            }
            None => by_name(rows, usual).map_err(|found| {
                let file = &rows.name;
                let has = shortened(&rows.header.join(", "));
                let (message, hint) = match found.as_slice() {
                    [] => (
                        format!("`{file}` has no column with a usual name for its {}", words(key)),
                        format!("{}; it has {has}", way(key)),
                    ),
                    found => (
                        format!(
                            "`{file}` has several columns of {}: {}",
                            words(key),
                            listed(found)
                        ),
                        way(key).to_string(),
                    ),
                };
                Box::new(view.error("file", message).hint(hint))
            }),
        };
        match found {
            Ok(index) => Some(index),
            Err(problem) => {
                problems.push(*problem);
                None
            }
        }
    };
    let time = find("time", TIMES);
    let (key, meaning) = match (written("rate"), written("count")) {
        (Some(_), _) => ("rate", Meaning::PerSecond),
        (None, Some(_)) => ("count", Meaning::Count),
        (None, None) if by_name(rows, RATES).is_ok() => {
            // Both a rate and a count with usual names: nobody knows which is meant.
            ("rate", Meaning::PerSecond)
        }
        (None, None) if by_name(rows, COUNTS).is_ok() => ("count", Meaning::Count),
        (None, None) => ("rate", Meaning::PerSecond),
    };
    let value = find(key, if key == "rate" { RATES } else { COUNTS });
    Some(Columns { time: time?, value: value?, meaning })
}

fn words(key: &str) -> &'static str {
    match key {
        "time" => "times",
        _ => "rates or counts",
    }
}

fn way(key: &str) -> &'static str {
    match key {
        "time" => "write `columns.time = \"…\"`",
        _ => "write `columns.rate = \"…\"` if it is per second, or `columns.count = \"…\"`",
    }
}

/// Finds the only column with one of these names, or lists those that have.
fn by_name<'r>(rows: &'r Rows, usual: &[&str]) -> Result<usize, Vec<&'r str>> {
    let is_usual = |index: &usize| usual.contains(&plain(&rows.header[*index]).as_str());
    let found: Vec<usize> = (0..rows.header.len()).filter(is_usual).collect();
    match found[..] {
        [index] => Ok(index),
        _ => Err(found.iter().map(|index| rows.header[*index].as_str()).collect()),
    }
}
